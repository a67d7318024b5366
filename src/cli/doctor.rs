//! `doctor`: an online diagnosis, step by step. Prints which secret is tried, and never its text.

mod print;

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::{Status, say};
use crate::config::{self, Faults, Resolved, Sources};
use crate::doctor::{self, Code, Finding, Settings, Stage, Step, Subject};
use crate::proxy::TenantSettings;
use crate::secret::Secret;
use crate::server::Address;
use crate::telemetry;
use crate::token::{GrantType, Mid};
use crate::upstream::EgressProxy;
use print::{Marks, Printer};

/// A tenant has fewer steps than this.
const STEPS_MAX: usize = 16;
/// A secret that is longer is none.
const SECRET_SIZE_MAX: u64 = 64 * 1024;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The tenant, and the account of it [default: every tenant, each with its default account, or with the first of its
    /// accounts by name where none is the default]
    #[arg(value_name = "TENANT[:ACCOUNT]")]
    selection: Option<String>,
    /// Print one JSON document, see docs/doctor.md
    #[arg(long)]
    json: bool,
    /// Try the client secret in this file instead of the configured one, before it is rolled out
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

/// Examines what was named.
pub(super) fn doctor(
    sources: &Sources,
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Status {
    let marks = if io::stdout().is_terminal() {
        Marks::Signs
    } else {
        Marks::Words
    };
    let mut printer = Printer::new(arguments.json, marks, out);
    let resolved = match config::load(sources) {
        Ok(resolved) => resolved,
        Err(faults) => {
            for step in faulty(&faults) {
                printer.step(&step);
            }
            printer.end();
            return Status::Usage;
        }
    };
    let subjects = match subjects(sources, arguments, &resolved) {
        Ok(subjects) => subjects,
        Err(why) => {
            say(err, &why);
            return Status::Usage;
        }
    };
    for step in configured(&resolved) {
        printer.step(&step);
    }
    match examine(sources, resolved, &subjects, &mut printer) {
        Ok(()) => printer.end(),
        Err(why) => {
            say(err, &why);
            Status::Failure
        }
    }
}

fn examine(
    sources: &Sources,
    mut resolved: Resolved,
    subjects: &[Subject],
    printer: &mut Printer<'_>,
) -> Result<(), String> {
    if !config::is_given(sources, "log.level") {
        resolved.telemetry.level = tracing::Level::ERROR;
    }
    let _log = telemetry::start(&resolved.telemetry);
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let environment = EgressProxy::environment(|name| std::env::var(name).ok());
    let settings = Settings {
        upstream: resolved.upstream,
        environment: environment.unwrap_or_default(),
        listeners: resolved.server.listeners.iter().filter_map(tcp).collect(),
        state: resolved.state,
        is_shared: resolved.shared.is_some(),
        limit: doctor::LIMIT,
    };
    for subject in subjects {
        printer.begin(subject);
        // What has ended is shown while the next step is under way.
        let (told, mut telling) = mpsc::channel(STEPS_MAX);
        runtime.block_on(async {
            let mut tell = move |step: &Step| drop(told.try_send(step.clone()));
            let examining = async {
                doctor::examine(&settings, subject, &mut tell).await;
                drop(tell);
            };
            let showing = async {
                while let Some(step) = telling.recv().await {
                    printer.step(&step);
                }
            };
            tokio::join!(examining, showing);
        });
    }
    // A name server that does not answer may still be waited for.
    runtime.shutdown_background();
    Ok(())
}

fn tcp(address: &Address) -> Option<SocketAddr> {
    match address {
        Address::Tcp(address) => Some(*address),
        Address::Unix(_) => None,
    }
}

fn configuration(finding: Finding) -> Step {
    Step {
        tenant: None,
        account: None,
        stage: Stage::Configuration,
        finding,
        took: std::time::Duration::ZERO,
    }
}

fn faulty(faults: &Faults) -> Vec<Step> {
    let findings = faults.faults.iter().map(|fault| {
        let place = match &fault.origin {
            Some(origin) => format!("{origin}: {}", fault.key),
            None => fault.key.clone(),
        };
        let message = format!("{place} {}", fault.what);
        Finding::failed(
            Code::ConfigurationFault,
            message.trim_start(),
            fault.instead.as_str(),
        )
    });
    findings
        .chain(faults.warnings.iter().map(|words| warning(words)))
        .map(configuration)
        .collect()
}

fn configured(resolved: &Resolved) -> Vec<Step> {
    let file = match &resolved.file {
        Some(file) => file.display().to_string(),
        None => "no file".to_owned(),
    };
    let mut findings = vec![Finding::ok(format!("no fault ({file})"))];
    findings.extend(resolved.warnings.iter().map(|words| warning(words)));
    findings.into_iter().map(configuration).collect()
}

fn warning(words: &str) -> Finding {
    Finding::warning(
        Code::ConfigurationWarning,
        words,
        "see docs/configuration.md",
    )
}

/// What is to be looked at.
fn subjects(
    sources: &Sources,
    arguments: &Arguments,
    resolved: &Resolved,
) -> Result<Vec<Subject>, String> {
    let tenants = &resolved.proxy.tenants;
    let mut subjects: Vec<_> = match &arguments.selection {
        None => tenants.iter().map(|tenant| subject(tenant, None)).collect(),
        Some(selection) => {
            let (name, account) = config::select(resolved, selection)?;
            let named = tenants.iter().filter(|tenant| tenant.name == name);
            named.map(|tenant| subject(tenant, account)).collect()
        }
    };
    if let Some(file) = &arguments.secret_file {
        let [only] = subjects.as_mut_slice() else {
            return Err("--secret-file is for one tenant: name it".to_owned());
        };
        let endpoint = &mut only.tenant.endpoint;
        if !matches!(endpoint.grant_type, GrantType::ClientCredentials) {
            let name = &only.tenant.name;
            return Err(format!(
                "--secret-file cannot be tried for tenant {name}: a diagnosis fetches tokens by client secret with the grant \
                 client_credentials alone"
            ));
        }
        let path = sources.working_directory.join(file);
        endpoint.client_secrets = vec![secret(&path)?];
        only.secret_of = Some(format!("the secret in {}", file.display()));
    }
    Ok(subjects)
}

fn subject(tenant: &TenantSettings, account: Option<Mid>) -> Subject {
    let first = || tenant.accounts.values().next().copied();
    let account = account.or(tenant.default_account).or_else(first);
    let mut named = tenant.accounts.iter();
    let named = named.find(|(_name, mid)| Some(**mid) == account);
    let name = named.map(|(name, _mid)| name.clone());
    Subject {
        tenant: tenant.clone(),
        account,
        account_name: name.or_else(|| account.map(|mid| mid.to_string())),
        secret_of: None,
    }
}

/// As the configuration reads one: a newline at the end is dropped.
fn secret(path: &Path) -> Result<Secret, String> {
    let unreadable = |why: String| format!("--secret-file: {} {why}", path.display());
    let mut text = Zeroizing::new(String::new());
    let file = File::open(path).map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    file.take(SECRET_SIZE_MAX)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    let line = text.strip_suffix('\n').unwrap_or(text.as_str());
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err(unreadable("is empty".to_owned()));
    }
    Ok(Secret::new(line))
}
