//! `GET /services/oauth2/userinfo`: whom a core token stands for.
//!
//! Never shows a token.

use serde_json::json;

use super::{ORGANISATION_ID, USER_ID};
use crate::sandbox::answer::{self, Answer};
use crate::sandbox::face::Face;
use crate::sandbox::visit::Visit;

/// Answers one call.
pub(super) fn answer(visit: &Visit) -> Answer {
    if visit.lawful_bearer().is_none() {
        let status = visit.switches.core_userinfo_refusal_status;
        return answer::whole(status, "text/html; charset=utf-8", "Bad_OAuth_Token");
    }
    let settings = &visit.shared.settings;
    let core = visit.shared.url(Face::Core);
    let body = json!({
        "sub": format!("{core}id/{ORGANISATION_ID}/{USER_ID}"),
        "user_id": USER_ID,
        "organization_id": ORGANISATION_ID,
        "preferred_username": settings.username,
        "name": "Integration User",
        "email": settings.username,
        "active": true,
        "user_type": "STANDARD",
        "urls": {
            "rest": format!("{core}services/data/v{{version}}/"),
            "partner": format!("{core}services/Soap/u/{{version}}/{ORGANISATION_ID}"),
        },
    });
    answer::json(200, &body)
}
