//! `GET /v2/userinfo`: whom a token stands for.
//!
//! Never shows a token.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::sandbox::answer::{self, Answer};
use crate::sandbox::face::Face;
use crate::sandbox::visit::Visit;

/// Answers one call.
pub(super) fn answer(visit: &Visit) -> Answer {
    let Some(bearer) = visit.lawful_bearer() else {
        return answer::not_authorized();
    };
    let shared = &visit.shared;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    let scopes: Vec<&str> = bearer.scopes.iter().map(String::as_str).collect();
    answer::json(
        200,
        &json!({
            "exp": (now + bearer.remaining).as_secs(),
            "iss": shared.url(Face::Auth),
            "user": {
                "sub": format!("{}", bearer.account + 1),
                "name": "sandbox app user",
                "preferred_username": "sandbox app user",
                "email": "sandbox@example.com",
                "locale": "en-US",
                "zoneinfo": "America/Chicago",
                "timezone": {"longName": "(GMT-06:00) Central Time (US & Canada)", "offset": -6.0},
            },
            "organization": {
                "member_id": bearer.account,
                "enterprise_id": shared.settings.accounts.first(),
                "enterprise_name": "Sandbox",
                "account_type": "ENTERPRISE_2",
                "stack_key": "S50",
                "region": "NA1",
                "locale": "en-US",
            },
            "rest": {
                "rest_instance_url": shared.url(Face::Rest),
                "soap_instance_url": shared.url(Face::Soap),
            },
            "application": {
                "id": shared.settings.client_id,
                "name": "Sandbox package",
                "redirectUrl": [],
                "features": {},
            },
            "permissions": scopes,
        }),
    )
}
