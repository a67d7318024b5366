//! `scopes`: which scopes of a tenant's package the calls through a running proxy used, missed and did without, and the smallest
//! list for what was seen. Asks the proxy; changes nothing.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::running::{self, Place, Report, Scope, Tenant};
use super::{Status, counted, say};
use crate::config::Sources;
use crate::policy::scopes::{Least, Observed, least};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The tenant
    #[arg(value_name = "TENANT")]
    tenant: String,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Prints what was seen of one tenant.
pub(super) fn scopes(
    sources: &Sources,
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Status {
    let report = match running::ask(sources, &arguments.place) {
        Ok(report) => report,
        Err(why) => {
            say(err, &why.to_string());
            return why.status();
        }
    };
    let mut tenants = report.tenants.iter();
    let Some(tenant) = tenants.find(|tenant| tenant.name == arguments.tenant) else {
        let names = report.tenants.iter().map(|tenant| tenant.name.as_str());
        let names = running::listed(names);
        say(
            err,
            &format!(
                "there is no tenant {:?} there; there are: {names}",
                arguments.tenant
            ),
        );
        return Status::Usage;
    };
    let seen = Seen::of(&report, tenant);
    if arguments.json {
        say(out, &seen.json().to_string());
    } else {
        seen.print(out);
    }
    for warning in seen.warnings() {
        say(err, &format!("warning: {warning}"));
    }
    Status::Clean
}

/// What was seen of a tenant, and what follows from it.
struct Seen<'a> {
    report: &'a Report,
    tenant: &'a Tenant,
    least: Least,
    left_out: u64,
}

impl<'a> Seen<'a> {
    fn of(report: &'a Report, tenant: &'a Tenant) -> Self {
        let names = |scopes: &[Scope]| -> Vec<String> {
            scopes.iter().map(|scope| scope.scope.clone()).collect()
        };
        let calls = report.clients.iter().flat_map(|client| &client.calls);
        let calls = calls.filter(|call| call.tenant == tenant.name);
        let calls: Vec<String> = calls.map(|call| call.call.clone()).collect();
        let scopes = &tenant.scopes;
        let least = least(&Observed {
            granted: scopes.granted.as_deref(),
            used: &names(&scopes.used),
            missing: &names(&scopes.missing),
            calls: &calls,
            renews_logins: tenant.grant == "authorization_code",
        });
        let left_out = report.clients.iter().map(|client| client.calls_left_out);
        Self {
            report,
            tenant,
            least,
            left_out: left_out.sum(),
        }
    }

    fn has(&self, scope: &str) -> bool {
        let granted = self.tenant.scopes.granted.as_deref();
        granted.is_some_and(|granted| granted.iter().any(|name| name == scope))
    }

    fn print(&self, out: &mut dyn Write) {
        let (since, until) = self.report.span();
        let (scopes, least) = (&self.tenant.scopes, &self.least);
        say(
            out,
            &format!(
                "tenant {} ({}), watched from {} to {}",
                self.tenant.name,
                self.tenant.kind,
                running::written(since),
                running::written(until)
            ),
        );
        let granted = match &scopes.granted {
            Some(granted) => running::listed(granted.iter().map(String::as_str)),
            None => "not known: no token response has said it yet".to_owned(),
        };
        say(out, &format!("\ngranted: {granted}"));
        if let Some(asked) = &scopes.asked {
            let asked = running::listed(asked.iter().map(String::as_str));
            say(out, &format!("asked for: {asked}"));
        }
        section(out, "used", scopes.used.iter().map(described));
        section(
            out,
            "missing",
            scopes.missing.iter().map(|scope| {
                let hint = if self.has(&scope.scope) {
                    "; the token has it, so look at the user's permission or the account's feature"
                } else {
                    ""
                };
                described(scope) + hint
            }),
        );
        section(out, "unneeded", least.unneeded.iter().cloned());
        section(
            out,
            "calls whose scope is not known",
            least.unknown.iter().cloned(),
        );
        self.print_list(out);
    }

    /// What there is to paste.
    fn print_list(&self, out: &mut dyn Write) {
        let least = &self.least;
        if least.scope.is_empty() {
            say(
                out,
                "\nNo call that needs a known scope was seen, so there is no list to suggest.",
            );
            return;
        }
        say(
            out,
            &format!(
                "\n# the smallest list for what was seen, for [tenants.{}]",
                self.tenant.name
            ),
        );
        for (words, names) in [
            ("needed beside others", &least.beside),
            ("by the table alone, since no answer told", &least.by_table),
            (
                "not granted now, so add it to the installed package first",
                &least.lacking,
            ),
        ] {
            if !names.is_empty() {
                let names = running::listed(names.iter().map(String::as_str));
                say(out, &format!("# {words}: {names}"));
            }
        }
        let quoted: Vec<_> = least.scope.iter().map(|name| format!("{name:?}")).collect();
        say(out, &format!("scope = [{}]", quoted.join(", ")));
    }

    fn json(&self) -> serde_json::Value {
        let (scopes, least) = (&self.tenant.scopes, &self.least);
        let seen = |scopes: &[Scope]| -> Vec<_> {
            let all = scopes.iter().map(|scope| {
                json!({
                    "scope": scope.scope,
                    "calls": scope.calls,
                    "last": scope.last,
                    "example": scope.example,
                    "granted": self.tenant.scopes.granted.as_ref().map(|_known| self.has(&scope.scope)),
                })
            });
            all.collect()
        };
        json!({
            "tenant": self.tenant.name,
            "since": self.report.started_at,
            "at": self.report.at,
            "granted": scopes.granted,
            "asked": scopes.asked,
            "used": seen(&scopes.used),
            "missing": seen(&scopes.missing),
            "unneeded": least.unneeded,
            "unknown": least.unknown,
            "beside": least.beside,
            "by_table": least.by_table,
            "lacking": least.lacking,
            "scope": least.scope,
            "calls_left_out": self.left_out,
        })
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.tenant.kind != "marketing_cloud" {
            warnings.push(format!(
                "tenant {} is no tenant of Marketing Cloud: its scopes are not by route, and the table knows none",
                self.tenant.name
            ));
        }
        let (since, until) = self.report.span();
        warnings.extend(running::too_short(since, until));
        if !self.least.unknown.is_empty() {
            let count = counted(self.least.unknown.len(), "kind");
            warnings.push(format!(
                "{count} of calls of which the table does not know what scopes they need: the list may lack those"
            ));
        }
        if self.left_out > 0 {
            warnings.push(format!(
                "at least {} of calls, of all tenants, were not kept by the proxy: the list may lack what only they need",
                counted(usize::try_from(self.left_out).unwrap_or(usize::MAX), "kind")
            ));
        }
        warnings
    }
}

/// A heading, and a line for each; nothing where there is none.
fn section(out: &mut dyn Write, heading: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        say(out, &format!("\n{heading}:"));
    }
    for line in lines {
        say(out, &format!("  {line}"));
    }
}

fn described(scope: &Scope) -> String {
    let times = counted(usize::try_from(scope.calls).unwrap_or(usize::MAX), "call");
    let (name, last, example) = (&scope.scope, &scope.last, &scope.example);
    format!("{name}  {times}, the last at {last}, such as {example}")
}
