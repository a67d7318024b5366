//! The steps in their order, each told as it ends. Acts, and judges nothing itself.
//!
//! One token request at most, no call that writes, and never longer than the limit.

mod login;
mod road;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::ask::{self, Question};
use super::calls::{self, Wanted};
use super::mint::{self, Asked};
use super::{Code, Finding, Settings, Stage, Step, Subject, clock};
use crate::metrics::Metrics;
use crate::state::Keeper;
use crate::token::{AccessToken, Endpoint, EndpointSettings, GrantType, Kind, is_loopback};
use crate::upstream::{Destination, Trust, Upstream};
use road::Road;

/// One token request, with the exchange that may follow it.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(15);
/// One read of an API.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The steps beyond the configuration.
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

/// Looks at one tenant and account, and tells every step as it ends: all of them, whatever fails.
pub async fn examine(settings: &Settings, subject: &Subject, tell: &mut (dyn FnMut(&Step) + Send)) {
    let mut report = Report {
        subject,
        tell,
        told: 0,
        since: Instant::now(),
    };
    let examining = Box::pin(run(settings, subject, &mut report));
    let limit = settings.limit;
    let is_whole = timeout(limit, examining).await.is_ok();
    if !is_whole {
        let message = format!("no end to this step within the {limit:?} that all may take");
        let fix = "try again; if it stays so, lower timeouts.connect to see which host is slow";
        report.tell(Finding::failed(Code::NoAnswer, message, fix));
        report.leave_out_rest("time is over");
    }
}

/// What is told of one subject, step by step in the order of [`STAGES`].
struct Report<'a> {
    subject: &'a Subject,
    tell: &'a mut (dyn FnMut(&Step) + Send),
    told: usize,
    since: Instant,
}

impl Report<'_> {
    /// The next step has ended like this, having begun when the last one ended.
    fn tell(&mut self, finding: Finding) {
        let took = self.since.elapsed();
        self.tell_as_taking(finding, took);
    }

    fn tell_as_taking(&mut self, finding: Finding, took: Duration) {
        let Some(stage) = STAGES.get(self.told) else {
            return;
        };
        let step = Step {
            tenant: Some(self.subject.tenant.name.clone()),
            account: self.subject.account_name.clone(),
            stage: *stage,
            finding,
            took,
        };
        (self.tell)(&step);
        self.told += 1;
        self.since = Instant::now();
    }

    fn leave_out_rest(&mut self, why: &str) {
        while self.told < STAGES.len() {
            self.tell_as_taking(Finding::left_out(why), Duration::ZERO);
        }
    }

    /// The next step is the one that `stage` names, and has failed; the others are left out.
    fn give_up(&mut self, stage: Stage, finding: Finding) {
        while STAGES.get(self.told).is_some_and(|next| *next != stage) {
            self.tell_as_taking(Finding::left_out("see below"), Duration::ZERO);
        }
        self.tell(finding);
        self.leave_out_rest("see above");
    }
}

async fn run(settings: &Settings, subject: &Subject, report: &mut Report<'_>) {
    let upstream = Upstream::new(settings.upstream.clone());
    upstream.own_addresses(settings.listeners.clone());
    let endpoint_settings = &subject.tenant.endpoint;
    let trust = Trust::system().and_then(|system| system.extended(&subject.tenant.extra_roots));
    let trust = match trust {
        Ok(trust) => trust,
        Err(error) => {
            let message = "the tenant's ca_file cannot be used";
            let fix = "name a PEM file with root certificates in it, or leave ca_file out";
            let finding = Finding::failed(Code::ConfigurationFault, message, fix);
            return report.give_up(Stage::Tls, finding.because(error.to_string()));
        }
    };
    let made = upstream
        .destination(&endpoint_settings.auth_url, &trust)
        .and_then(|destination| {
            let endpoint = Endpoint::new(
                &subject.tenant.name,
                endpoint_settings.clone(),
                Arc::clone(&upstream),
                trust.clone(),
                Keeper::Memory,
            )?;
            Ok((destination, endpoint))
        });
    let (destination, endpoint) = match made {
        Ok(made) => made,
        Err(error) => {
            let message = "no connection can be made by the tenant's URLs";
            let fix = "compare auth_url, and api_url where it is given, with the sample";
            let finding = Finding::failed(Code::ConfigurationFault, message, fix);
            return report.give_up(Stage::Egress, finding.because(error.to_string()));
        }
    };
    let road = Road {
        settings,
        upstream: &upstream,
        trust: &trust,
    };
    let mut is_open = true;
    road.walk(&destination, &mut |finding| {
        is_open &= !finding.is_failure();
        report.tell(finding);
    })
    .await;
    if !is_open {
        return report.leave_out_rest("there is no way to the auth host");
    }
    if endpoint_settings.grant_type.takes_login() {
        report.tell(login::clock(&upstream, &destination, CALL_TIMEOUT).await);
        report.tell(login::kept(settings, subject));
        return report
            .leave_out_rest("needs a token, and a diagnosis spends no refresh token to get one");
    }
    if let Some((token, granted)) = minted(subject, &endpoint, &destination, report).await {
        call(subject, &token, granted.as_deref(), &road, report).await;
    }
}

/// The steps of the token request. The token, with the scopes that its response names.
async fn minted(
    subject: &Subject,
    endpoint: &Endpoint,
    destination: &Destination,
    report: &mut Report<'_>,
) -> Option<(AccessToken, Option<String>)> {
    let examination = match Metrics::new() {
        Ok(metrics) => {
            endpoint
                .examine(subject.account, &metrics, TOKEN_TIMEOUT)
                .await
        }
        Err(_) => None,
    };
    let Some(examination) = examination else {
        report.leave_out_rest("no token request could be made");
        return None;
    };
    let took = report.since.elapsed();
    let seen = examination.seen.as_ref();
    let clock = match seen {
        Some(seen) => clock::judge(seen.date, seen.sent, seen.received),
        None => Finding::left_out("there is no answer with a Date to compare with"),
    };
    let settings = endpoint.settings();
    let asked = Asked {
        host: destination.host(),
        account: subject.account,
        scope: settings.scope.as_deref(),
        signed: matches!(settings.grant_type, GrantType::JwtBearer { .. }),
        is_core: settings.kind.is_core(),
        is_exchanged: matches!(settings.kind, Kind::DataCloud { .. }),
        secret_of: match (&subject.secret_of, &examination.current_refused) {
            (Some(words), _) => words,
            (None, None) => "the configured client_secret",
            (None, Some(_)) if examination.outcome.is_ok() => "client_secret_next",
            (None, Some(_)) => "both client_secret and client_secret_next",
        },
        is_skewed: clock.is_failure(),
    };
    report.tell_as_taking(clock, Duration::ZERO);
    report.tell_as_taking(mint::token(&asked, &examination), took);
    if let Some(instance) = mint::instance(&examination) {
        report.tell(instance);
    }
    let granted = examination.seen.and_then(|seen| seen.scope);
    match examination.outcome {
        Ok(token) => Some((token, granted)),
        Err(_) => {
            report.leave_out_rest("there is no token that may be sent anywhere");
            None
        }
    }
}

/// Userinfo, REST and SOAP, each with the token.
async fn call(
    subject: &Subject,
    token: &AccessToken,
    granted: Option<&str>,
    road: &Road<'_>,
    report: &mut Report<'_>,
) {
    let EndpointSettings { kind, scope, .. } = &subject.tenant.endpoint;
    let wanted = Wanted {
        account: subject.account,
        scope: scope.as_deref(),
        granted,
    };
    let userinfo = |answered: &_| match kind {
        Kind::MarketingCloud => calls::userinfo(&wanted, answered),
        _ => calls::userinfo_of_core(answered),
    };
    let judged = judged(ask::userinfo(kind, token), token, road, userinfo).await;
    report.tell(judged.unwrap_or_else(|| {
        Finding::left_out("Data Cloud has none; core's token is good for the exchange alone")
    }));
    let judged = judged_rest(kind, token, road).await;
    report.tell(judged);
    let judged = self::judged(ask::soap(kind, token), token, road, calls::soap).await;
    report.tell(judged.unwrap_or_else(|| Finding::left_out("this kind of tenant has no SOAP API")));
}

async fn judged_rest(kind: &Kind, token: &AccessToken, road: &Road<'_>) -> Finding {
    let judged = judged(Some(ask::rest(kind, token)), token, road, calls::rest).await;
    judged.unwrap_or_else(|| Finding::left_out("this kind of tenant has no REST API"))
}

/// Asks, and judges the answer; where there is none, the way there.
async fn judged(
    question: Option<Question<'_>>,
    token: &AccessToken,
    road: &Road<'_>,
    judge: impl Fn(&super::answer::Answered) -> Finding,
) -> Option<Finding> {
    let question = question?;
    let destination = Arc::clone(question.instance().destination());
    let host = destination.host().to_owned();
    let error = match question.ask(road.upstream, token, CALL_TIMEOUT).await {
        Ok(answered) => {
            let mut finding = judge(&answered);
            if !is_loopback(&host) {
                let egress = road.egress(&destination).in_short();
                finding.message = format!("{} ({host}, {egress})", finding.message);
            }
            return Some(finding);
        }
        Err(error) => error,
    };
    let mut obstacle = None;
    road.walk(&destination, &mut |finding| {
        if finding.is_failure() {
            obstacle = Some(finding);
        }
    })
    .await;
    Some(obstacle.unwrap_or_else(|| {
        let message = format!("{host} can be reached, and gives no answer");
        let fix = "try again in a minute; if it stays so, look for a firewall or proxy that looks into TLS";
        Finding::failed(Code::ConnectionBroken, message, fix).because(error.to_string())
    }))
}
