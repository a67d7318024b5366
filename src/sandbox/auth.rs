//! The auth face: `POST /v2/token` and `GET /v2/userinfo`.
//!
//! Grants are judged here in full; what a token is stands in the ledger.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use super::answer::{self, Answer};
use super::face::Face;
use super::shared::Shared;
use super::switches::{ErrorShape, Switches, UnknownAccount};
use super::visit::Visit;

const GRANTS_NAMED: &str = "The grant_type must be one of authorization_code, client_credentials, refresh_token, \
     urn:ietf:params:oauth:grant-type:jwt-bearer.";

/// Whether a request for that path counts as a token request.
pub(super) fn is_token_path(path: &str) -> bool {
    path.trim_start_matches('/') == "v2/token"
}

/// Answers one call.
pub(super) async fn answer(visit: &mut Visit) -> Answer {
    let content = visit.content().await;
    let path = visit.parts.uri.path().trim_start_matches('/').to_owned();
    let switches = &visit.switches;
    match (visit.parts.method.clone(), path.as_str()) {
        (Method::POST, "v2/token") if !content.whole() => {
            Refusal::request("The body did not arrive whole.").answer(switches)
        }
        (Method::POST, "v2/token") => {
            let fields = fields(visit.parts.headers.get(CONTENT_TYPE), &content.kept);
            fields
                .and_then(|fields| grant(&visit.shared, switches, &fields))
                .unwrap_or_else(|refusal| refusal.answer(switches))
        }
        (_, "v2/token") => answer::vendor(405, "Method Not Allowed", 0),
        // An enhanced package must not ask here.
        (Method::POST, "v1/requestToken") => {
            answer::vendor(400, "Enhanced package: use /v2/token", 10_007)
        }
        (Method::GET, "v2/userinfo") => user_info(visit),
        _ => answer::not_found(),
    }
}

/// Why no token is given.
struct Refusal {
    status: u16,
    error: &'static str,
    description: String,
}

impl Refusal {
    fn new(status: u16, error: &'static str, description: impl Into<String>) -> Self {
        Self {
            status,
            error,
            description: description.into(),
        }
    }

    fn request(description: impl Into<String>) -> Self {
        Self::new(400, "invalid_request", description)
    }

    fn answer(&self, switches: &Switches) -> Answer {
        match switches.token_errors {
            ErrorShape::Oauth => answer::oauth(self.status, self.error, &self.description),
            ErrorShape::Vendor if self.status == 401 => answer::vendor(401, "Unauthorized", 1),
            ErrorShape::Vendor => answer::vendor(self.status, &self.description, 10_000),
        }
    }
}

/// The fields of a token request, JSON or form.
fn fields(
    content_type: Option<&http::HeaderValue>,
    body: &[u8],
) -> Result<Map<String, Value>, Refusal> {
    let content_type = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(Refusal::request("The body is no JSON object.")),
            Err(error) => Err(Refusal::request(format!("The body is no JSON: {error}."))),
        };
    }
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Refusal::request(format!(
            "Content-Type {content_type:?} is not supported."
        )));
    }
    let mut fields = Map::new();
    for (key, value) in form_urlencoded::parse(body) {
        // RFC 6749, section 3.2: parameters must not be included more than once.
        if fields
            .insert(key.to_string(), Value::String(value.into_owned()))
            .is_some()
        {
            return Err(Refusal::request(format!("{key} is given more than once.")));
        }
    }
    Ok(fields)
}

/// One grant each; those that are not here yet are refused as unsupported.
fn grant(
    shared: &Shared,
    switches: &Switches,
    fields: &Map<String, Value>,
) -> Result<Answer, Refusal> {
    match text(fields, "grant_type")? {
        None => Err(Refusal::request("grant_type is missing.")),
        Some("client_credentials") => client_credentials(shared, switches, fields),
        Some(_) => Err(Refusal::new(400, "unsupported_grant_type", GRANTS_NAMED)),
    }
}

fn client_credentials(
    shared: &Shared,
    switches: &Switches,
    fields: &Map<String, Value>,
) -> Result<Answer, Refusal> {
    check_client(shared, switches, fields)?;
    let account = account(shared, switches, fields)?;
    let scopes = scopes(shared, fields)?;
    let mut answer = answer::json(200, &shared.mint(account, scopes));
    answer::set_header(&mut answer, "cache-control", "no-store");
    Ok(answer)
}

fn check_client(
    shared: &Shared,
    switches: &Switches,
    fields: &Map<String, Value>,
) -> Result<(), Refusal> {
    let Some(client_id) = text(fields, "client_id")? else {
        return Err(Refusal::request("client_id is missing."));
    };
    let Some(client_secret) = text(fields, "client_secret")? else {
        return Err(Refusal::request("client_secret is missing."));
    };
    let known =
        client_id == shared.settings.client_id && client_secret == shared.ledger().client_secret;
    if known {
        return Ok(());
    }
    let description = "Invalid client ID. Use the client ID in Marketing Cloud Installed Packages.";
    Err(Refusal::new(
        switches.bad_client_status,
        "invalid_client",
        description,
    ))
}

/// The business unit asked for, a number or numeric text; without one the first of the enterprise.
fn account(
    shared: &Shared,
    switches: &Switches,
    fields: &Map<String, Value>,
) -> Result<u64, Refusal> {
    let accounts = &shared.settings.accounts;
    let wanted = match fields.get("account_id") {
        None => return Ok(accounts.first().copied().unwrap_or_default()),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse().ok()
        }
        Some(_) => None,
    };
    let Some(wanted) = wanted else {
        return Err(Refusal::request(
            "account_id is neither a number nor numeric text.",
        ));
    };
    if accounts.contains(&wanted) {
        return Ok(wanted);
    }
    let description = format!("The account_id {wanted} is no business unit of this package.");
    Err(match switches.unknown_account {
        UnknownAccount::InvalidRequest => Refusal::request(description),
        UnknownAccount::InvalidClient => Refusal::new(401, "invalid_client", description),
        UnknownAccount::UnauthorizedClient => Refusal::new(401, "unauthorized_client", description),
    })
}

/// The scopes asked for. Without the key: all of the package; empty: none, as the vendor documents.
fn scopes(shared: &Shared, fields: &Map<String, Value>) -> Result<BTreeSet<String>, Refusal> {
    let granted = &shared.settings.scopes;
    let Some(wanted) = text(fields, "scope")? else {
        return Ok(granted.iter().cloned().collect());
    };
    let mut scopes = BTreeSet::new();
    for scope in wanted.split_ascii_whitespace() {
        if !granted.iter().any(|known| known == scope) {
            let description = format!("The scope {scope} is unknown or not granted.");
            return Err(Refusal::new(400, "invalid_scope", description));
        }
        scopes.insert(scope.to_owned());
    }
    Ok(scopes)
}

fn text<'a>(fields: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, Refusal> {
    match fields.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::request(format!("{key} is no text."))),
    }
}

fn user_info(visit: &Visit) -> Answer {
    let one = visit.head.values("authorization").nth(1).is_none();
    let Some(bearer) = visit.bearer.as_ref().filter(|bearer| bearer.alive && one) else {
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
