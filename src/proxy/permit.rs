//! May this call be made: what policy and mode say, and whether an envelope stays within its client's accounts. A client whose
//! policy only observes is let through where nothing but its own policy says no.
//!
//! Judged on what will be done, before anything is sent; the words name the call, the tenant and the account.

use super::asked;
use super::error::{Code, ProxyError};
use super::route::Choice;
use crate::policy::{self, Call, Posture};
use crate::soap::envelope::{Dialect, Envelope};

/// Lets a call through, or says what holds it back. What is let through only because its client's policy observes comes with the
/// code that it would have been refused with.
pub(super) fn permit(choice: &Choice, call: &Call<'_>) -> Result<Option<Code>, ProxyError> {
    let client = choice.client();
    if let Call::Soap(envelope) = call {
        leaves_sessions_alone(choice, envelope)?;
    }
    if let (Some(_client), Call::Soap(envelope)) = (client, call) {
        stays_within_accounts(choice, envelope)?;
    }
    let grant = client.map(|client| client.grant());
    let allow = grant.and_then(|grant| grant.allow.as_ref());
    let posture = grant.map(|grant| grant.policy).unwrap_or_default();
    let observes = posture == Posture::Observe;
    if observes {
        policy::judge(call, choice.imposed, None).map_err(|held| refusal(held, choice))?;
    }
    match policy::judge(call, choice.mode, allow) {
        Ok(()) => Ok(None),
        Err(held) if observes => Ok(Some(Code::from(&held))),
        Err(held) => Err(refusal(held, choice)),
    }
}

fn refusal(held: policy::Held, choice: &Choice) -> ProxyError {
    let mut error = ProxyError::from(held);
    error.detail = format!("{}. {}", error.detail.trim_end_matches('.'), place(choice));
    error
}

/// Core's SOAP can log in, with a user's password in the Body, and log out whom the token is for, which is everybody here.
fn leaves_sessions_alone(choice: &Choice, envelope: &Envelope) -> Result<(), ProxyError> {
    if envelope.dialect() != Dialect::Core {
        return Ok(());
    }
    let logs_in =
        envelope.body_element() == Some("login") && !asked::is_apex_class(choice.target.path());
    let what = match envelope.core_operation() {
        _ if logs_in => "logs in with a user's password",
        Some("logout" | "invalidateSessions") => "ends a session that others share",
        _ => return Ok(()),
    };
    Err(ProxyError::new(
        Code::DestinationNotAllowed,
        format!(
            "The envelope {what}, and this proxy logs in and out itself. Nothing was sent. Leave that call out: any sessionId \
             does, and the proxy puts the tenant's own in its place. {}",
            place(choice)
        ),
    ))
}

/// An envelope can name accounts of its own, beside the one that its token is for.
fn stays_within_accounts(choice: &Choice, envelope: &Envelope) -> Result<(), ProxyError> {
    let accounts = envelope.accounts();
    let client = choice.client().filter(|_| !accounts.is_empty());
    let Some(client) = client.filter(|client| !client.grant().everything) else {
        return Ok(());
    };
    let tenant = choice.tenant();
    let foreign = accounts.ids.iter().find(|id| {
        let mid = id.parse().ok();
        let known = mid.is_some()
            && client
                .grant()
                .covers(tenant.name(), mid, tenant.default_mid());
        !known
    });
    let what = if accounts.all {
        "all accounts (QueryAllAccounts)".to_owned()
    } else if accounts.by_key {
        "an account by its PartnerClientKey".to_owned()
    } else if let Some(id) = foreign {
        format!("account {}", super::route::printable(id))
    } else {
        return Ok(());
    };
    Err(ProxyError::new(
        Code::AccountNotAllowed,
        format!(
            "The envelope names {what}, which client {} may not use. Nothing was sent. {}",
            client.name(),
            place(choice)
        ),
    ))
}

fn place(choice: &Choice) -> String {
    let tenant = choice.tenant().name();
    match choice.account().mid() {
        Some(mid) => format!("The call was for tenant {tenant}, account {mid}."),
        None => format!("The call was for tenant {tenant}, its own account."),
    }
}
