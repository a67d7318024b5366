//! Who may do what: the scopes of a token, and the business units that it reaches.
//!
//! Never says a Fault: what is not permitted is told with status 200.

use super::element::child_text;
use super::kind::Kind;
use super::receive::Request;
use roxmltree::Node;

/// Why a token may not do that; none if it may.
pub(super) fn denied(
    request: &Request<'_>,
    action: &str,
    kind: &Kind,
    scopes: &[&str],
) -> Option<String> {
    (request.switches.soap_permission_failed || !request.bearer.has_any(scopes)).then(|| {
        format!(
            "Error: API Permission Failed. The token lacks the permission to {action} {}.",
            kind.name
        )
    })
}

/// The business units that a token reaches: the enterprise's first account all, every other itself.
pub(super) fn of(request: &Request<'_>) -> Vec<u64> {
    let own = request.bearer.account;
    let all = &request.shared.settings.accounts;
    if all.first() == Some(&own) {
        all.clone()
    } else {
        vec![own]
    }
}

/// The business unit of that member id, if the token reaches it.
pub(super) fn account(request: &Request<'_>, id: &str) -> Result<u64, String> {
    id.parse()
        .ok()
        .filter(|id| of(request).contains(id))
        .ok_or_else(|| format!("The client {id} cannot be reached from this account."))
}

/// The business unit that a `Client` element in `node` names; without one the token's own.
pub(super) fn client(request: &Request<'_>, node: Option<Node<'_, '_>>) -> Result<u64, String> {
    let client = node.and_then(|node| super::element::child(node, "Client"));
    let id = client
        .and_then(|client| child_text(client, "ID").or_else(|| child_text(client, "ClientID")));
    match id {
        None => Ok(request.bearer.account),
        Some(id) => account(request, &id),
    }
}
