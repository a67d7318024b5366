//! The doctor: each diagnosis provoked over real sockets, against the sandbox tenant or a listener that misbehaves, and the
//! command as a user meets it.

mod command;
mod road;
mod tenant;

use std::sync::{Arc, Mutex};

use sfmc_auth_proxy::config::Resolved;
use sfmc_auth_proxy::doctor::{self, Code, Finding, Mark, Stage, Step, Subject};
use sfmc_auth_proxy::sandbox::{self, Face};
use sfmc_auth_proxy::upstream::EgressProxy;

use crate::harness::{PATIENCE, resolved, tenant_settings};

const STAGES: [Stage; 10] = [
    Stage::Egress,
    Stage::Dns,
    Stage::Tcp,
    Stage::Tls,
    Stage::Clock,
    Stage::Token,
    Stage::Instance,
    Stage::UserInfo,
    Stage::Rest,
    Stage::Soap,
];

/// A tenant, what is configured for it, and what the environment would say of proxies.
struct Case {
    tenant: sandbox::Tenant,
    resolved: Resolved,
    environment: EgressProxy,
}

/// What was found, step by step.
struct Report(Vec<Step>);

impl Case {
    async fn new() -> Self {
        Self::with(|_settings| {}).await
    }

    async fn with(change: impl FnOnce(&mut sandbox::Settings)) -> Self {
        let mut settings = tenant_settings();
        change(&mut settings);
        let tenant = sandbox::Tenant::start(settings).await.unwrap();
        let resolved = resolved(&tenant);
        Self {
            tenant,
            resolved,
            environment: EgressProxy::None,
        }
    }

    fn acme(&mut self) -> &mut sfmc_auth_proxy::proxy::TenantSettings {
        &mut self.resolved.proxy.tenants[0]
    }

    async fn examined(&self) -> Report {
        examined(&settings(self), &subject(self)).await
    }
}

fn settings(case: &Case) -> doctor::Settings {
    doctor::Settings {
        upstream: case.resolved.upstream.clone(),
        environment: case.environment.clone(),
        listeners: Vec::new(),
        state: case.resolved.state.clone(),
        is_shared: case.resolved.shared.is_some(),
        limit: doctor::LIMIT,
    }
}

/// The tenant with its default account.
fn subject(case: &Case) -> Subject {
    let tenant = case.resolved.proxy.tenants[0].clone();
    Subject {
        account: tenant.default_account,
        account_name: tenant.default_account.map(|mid| mid.to_string()),
        tenant,
        secret_of: None,
    }
}

async fn examined(settings: &doctor::Settings, subject: &Subject) -> Report {
    let steps = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&steps);
    let mut tell = move |step: &Step| told.lock().unwrap().push(step.clone());
    tokio::time::timeout(PATIENCE, doctor::examine(settings, subject, &mut tell))
        .await
        .expect("it ends");
    let steps = steps.lock().unwrap().clone();
    let stages: Vec<_> = steps.iter().map(|step| step.stage).collect();
    assert_eq!(stages, STAGES, "every step is told, once and in order");
    Report(steps)
}

impl Report {
    fn at(&self, stage: Stage) -> &Finding {
        let step = self.0.iter().find(|step| step.stage == stage);
        &step.unwrap().finding
    }

    /// The one failure is this, with what to do; nothing that came before is in doubt.
    fn check_failure(&self, stage: Stage, code: Code) -> &Finding {
        let failed: Vec<_> = self
            .0
            .iter()
            .filter(|step| step.finding.is_failure())
            .collect();
        let seen: Vec<_> = failed
            .iter()
            .map(|step| (step.stage, step.finding.code, &step.finding.message))
            .collect();
        assert_eq!(failed.len(), 1, "one failure: {seen:?}");
        assert_eq!(
            (failed[0].stage, failed[0].finding.code),
            (stage, code),
            "{seen:?}"
        );
        let finding = &failed[0].finding;
        assert!(
            finding.fix.as_ref().is_some_and(|fix| fix.len() > 20),
            "{finding:?}"
        );
        finding
    }

    /// After it nothing was looked at.
    fn check_end(&self, stage: Stage) {
        let later = self.0.iter().skip_while(|step| step.stage != stage).skip(1);
        for step in later {
            assert_eq!(step.finding.mark, Mark::LeftOut, "{step:?}");
        }
    }

    fn check_well(&self) {
        for step in &self.0 {
            assert!(
                matches!(step.finding.mark, Mark::Ok | Mark::LeftOut),
                "{step:?}"
            );
        }
    }
}

/// What arrived at the tenant.
fn arrived(tenant: &sandbox::Tenant) -> Vec<(Face, String)> {
    let entries = tenant.journal();
    let calls = entries.iter().map(|entry| {
        assert!(entry.faults.is_empty(), "{:?}", entry.faults);
        (entry.face, format!("{} {}", entry.method, entry.target))
    });
    calls.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_is_well_gets_one_token_request_and_three_reads() {
    let case = Case::new().await;
    let report = case.examined().await;
    for step in &report.0 {
        assert_eq!(
            (step.finding.mark, step.finding.code),
            (Mark::Ok, Code::Ok),
            "{step:?}"
        );
    }
    let said = |stage: Stage| report.at(stage).message.as_str();
    assert!(
        said(Stage::Tls).starts_with("TLS 1.3, "),
        "{}",
        said(Stage::Tls)
    );
    assert!(said(Stage::UserInfo).starts_with("account 510001234, enterprise 510001234, scopes: "));
    let authority = case.tenant.rest_authority();
    assert!(said(Stage::Instance).contains(&format!("REST https://{authority}/")));
    assert_eq!(
        arrived(&case.tenant),
        [
            (Face::Auth, "POST /v2/token".to_owned()),
            (Face::Auth, "GET /v2/userinfo".to_owned()),
            (Face::Rest, "GET /platform/v1/tokenContext".to_owned()),
            (Face::Soap, "POST /Service.asmx".to_owned()),
        ]
    );
}
