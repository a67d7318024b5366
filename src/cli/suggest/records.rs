//! Records of an audit, read line by line. Takes what was let through and policy was asked about; never keeps a whole file.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use serde::Deserialize;

use super::running;
use super::seen::Seen;
use crate::config::Sources;
use crate::ledger;
use crate::token::Mid;

/// Object types that a record has at most: with so many, it may lack some.
const OBJECT_TYPES_MAX: usize = 64;
/// Names of clients that are told.
const NAMES_MAX: usize = 50;
/// The one call to the auth host that policy is asked about.
const USER_INFO: &str = "/v2/userinfo";

/// One record, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Record {
    ts: String,
    client: String,
    tenant: Option<String>,
    account: Option<String>,
    account_id: Option<Mid>,
    api: Option<String>,
    operation: Option<String>,
    object_types: Vec<String>,
    untyped_objects: bool,
    unclear: bool,
    names_accounts: bool,
    method: String,
    route: String,
    error: Option<String>,
    upstream_status: Option<u16>,
}

/// What the records tell of a client, or the names of those that they tell of.
pub(super) fn read(
    sources: &Sources,
    files: &[PathBuf],
    client: &str,
) -> Result<Result<Seen, String>, String> {
    let mut reading = Reading::default();
    for file in files {
        let path = sources.working_directory.join(file);
        let unreadable = |error| format!("{} cannot be read: {error}", path.display());
        let opened = File::open(&path).map_err(unreadable)?;
        for line in BufReader::new(opened).lines() {
            reading.line(&line.map_err(unreadable)?, client);
        }
    }
    reading.end(client)
}

#[derive(Default)]
struct Reading {
    seen: Seen,
    clients: BTreeSet<String>,
    records: u64,
    refused: u64,
    cut: u64,
    unreadable: u64,
}

impl Reading {
    fn line(&mut self, line: &str, client: &str) {
        if line.trim().is_empty() {
            return;
        }
        let Ok(record) = serde_json::from_str::<Record>(line) else {
            self.unreadable += 1;
            return;
        };
        self.records += 1;
        if record.client != client {
            if self.clients.len() < NAMES_MAX && !record.client.is_empty() {
                self.clients.insert(record.client);
            }
            return;
        }
        self.clients.insert(record.client.clone());
        if !record.was_let_through() {
            self.refused += 1;
            return;
        }
        if record.note(&mut self.seen) && record.object_types.len() >= OBJECT_TYPES_MAX {
            self.cut += 1;
        }
    }

    fn end(mut self, client: &str) -> Result<Result<Seen, String>, String> {
        if self.records == 0 {
            return Err("there is no audit record in what was given with --from".to_owned());
        }
        if !self.clients.contains(client) {
            return Ok(Err(running::listed(
                self.clients.iter().map(String::as_str),
            )));
        }
        let mut warn = |count: u64, words: &str| {
            if count > 0 {
                self.seen.warnings.push(format!("{count} {words}"));
            }
        };
        warn(
            self.unreadable,
            "lines are no audit records, and were passed over",
        );
        warn(
            self.refused,
            "records of calls that this proxy itself refused were passed over: what is to be allowed of them, add by hand",
        );
        warn(
            self.cut,
            "calls had so many object types that their records may lack some",
        );
        Ok(Ok(self.seen))
    }
}

impl Record {
    /// Whether the proxy was ready to make this call, whatever became of it then.
    fn was_let_through(&self) -> bool {
        let begun = |error: &str| error.starts_with("upstream_") || error.starts_with("token_");
        self.upstream_status.is_some() || self.error.as_deref().is_none_or(begun)
    }

    /// Whether this is a call that policy is asked about; then it is noted.
    fn note(&self, seen: &mut Seen) -> bool {
        match self.api.as_deref() {
            Some("rest") => seen.note(&format!("{} {}", self.method, self.route), 1),
            Some("auth") if self.route == USER_INFO => {
                seen.note(&format!("{} {}", self.method, self.route), 1);
            }
            // The WSDL is for everybody.
            Some("soap") if !matches!(self.method.as_str(), "GET" | "HEAD") => {
                let operation = self.operation.as_deref().unwrap_or_default();
                if self.object_types.is_empty() || self.untyped_objects {
                    seen.note(&format!("SOAP {operation}"), 1);
                }
                for object_type in &self.object_types {
                    seen.note(&format!("SOAP {operation} {object_type}"), 1);
                }
            }
            _ => return false,
        }
        self.note_doubts(seen);
        let (tenant, account) = (self.tenant.as_deref(), self.account.as_deref());
        if let (Some(tenant), Some(account)) = (tenant, account) {
            seen.note_account(tenant, account, self.account_id);
        }
        if let Ok(at) = humantime::parse_rfc3339_weak(&self.ts) {
            seen.note_time(at);
        }
        true
    }
    /// Whether no list lets such a call through.
    fn note_doubts(&self, seen: &mut Seen) {
        for (is_so, noted) in [
            (self.unclear, &mut seen.unclear),
            (self.names_accounts, &mut seen.names_accounts),
        ] {
            if !is_so {
                continue;
            }
            if noted.calls == 0 {
                noted.example = self.name();
            }
            noted.calls += 1;
        }
    }

    /// The call, for an example.
    fn name(&self) -> String {
        match &self.operation {
            Some(operation) if self.api.as_deref() == Some("soap") => {
                let object_type = self.object_types.first();
                let object_type = object_type.map(|name| format!(" {}", ledger::object_type(name)));
                format!("SOAP {operation}{}", object_type.unwrap_or_default())
            }
            _ => format!("{} {}", self.method, self.route),
        }
    }
}
