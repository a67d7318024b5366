//! `POST /v2/token`: the fields, the client, and which grant is asked for.
//!
//! Never looks at a login; those two grants stand beside this.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::login;
use super::refusal::Refusal;
use crate::sandbox::answer::{self, Answer};
use crate::sandbox::face::Face;
use crate::sandbox::form;
use crate::sandbox::shared::Shared;
use crate::sandbox::switches::{Switches, UnknownAccount};

const GRANTS_NAMED: &str = "The grant_type must be one of authorization_code, client_credentials, refresh_token, \
     urn:ietf:params:oauth:grant-type:jwt-bearer.";

/// One token request.
pub(super) struct Call<'a> {
    pub(super) shared: &'a Shared,
    pub(super) switches: &'a Switches,
    pub(super) fields: &'a Map<String, Value>,
}

/// The fields of a token request, JSON or form.
pub(super) fn fields(
    content_type: Option<&http::HeaderValue>,
    body: &[u8],
) -> Result<Map<String, Value>, Refusal> {
    let media_type = form::media_type(content_type);
    if media_type.eq_ignore_ascii_case("application/json") {
        return match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(Refusal::request("The body is no JSON object.")),
            Err(error) => Err(Refusal::request(format!("The body is no JSON: {error}."))),
        };
    }
    if !media_type.eq_ignore_ascii_case(form::MEDIA_TYPE) {
        return Err(Refusal::request(format!(
            "Content-Type {media_type:?} is not supported."
        )));
    }
    let fields = form::fields(body).map_err(Refusal::request)?;
    let fields = fields
        .into_iter()
        .map(|(key, value)| (key, Value::String(value)));
    Ok(fields.collect())
}

/// One grant each. The last that the vendor names has no public contract and is refused as all others are.
pub(super) fn answer(
    shared: &Shared,
    switches: &Switches,
    fields: &Map<String, Value>,
) -> Result<Answer, Refusal> {
    let call = Call {
        shared,
        switches,
        fields,
    };
    let token = match call.text("grant_type")? {
        None => return Err(Refusal::request("grant_type is missing.")),
        Some("client_credentials") => client_credentials(&call)?,
        Some("authorization_code") => login::code(&call)?,
        Some("refresh_token") => login::refresh(&call)?,
        Some(_) => return Err(Refusal::new(400, "unsupported_grant_type", GRANTS_NAMED)),
    };
    let mut answer = answer::json(200, &shared.minted(Face::Auth, token));
    answer::set_header(&mut answer, "cache-control", "no-store");
    Ok(answer)
}

fn client_credentials(call: &Call<'_>) -> Result<Map<String, Value>, Refusal> {
    if call.shared.logins().public_package {
        let description = "A public package has no client credentials.";
        return Err(Refusal::new(401, "unauthorized_client", description));
    }
    call.check_client()?;
    let account = call.account(None)?;
    let scopes = call.scopes(&call.granted())?;
    Ok(call.shared.mint(account, scopes, None))
}

impl Call<'_> {
    pub(super) fn text(&self, key: &str) -> Result<Option<&str>, Refusal> {
        match self.fields.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refusal::request(format!("{key} is no text."))),
        }
    }

    pub(super) fn needed(&self, key: &str) -> Result<&str, Refusal> {
        let missing = || Refusal::request(format!("{key} is missing."));
        self.text(key)?.ok_or_else(missing)
    }

    /// The package's own id, and the secret of one that has a secret.
    pub(super) fn check_client(&self) -> Result<(), Refusal> {
        let refused = |description| {
            let status = self.switches.bad_client_status;
            Err(Refusal::new(status, "invalid_client", description))
        };
        let client_id = self.needed("client_id")?;
        let public = self.shared.logins().public_package;
        let known = client_id == self.shared.settings.client_id;
        match self.text("client_secret")? {
            Some(_) if public => return refused("A public package must not send a client_secret."),
            None if !public => return Err(Refusal::request("client_secret is missing.")),
            Some(secret) if known && secret == self.shared.ledger().client_secret => return Ok(()),
            None if known => return Ok(()),
            _ => {}
        }
        refused("Invalid client ID. Use the client ID in Marketing Cloud Installed Packages.")
    }

    /// All scopes of the package.
    pub(super) fn granted(&self) -> BTreeSet<String> {
        self.shared.settings.scopes.iter().cloned().collect()
    }

    /// The business unit asked for, a number or numeric text; without one the usual, or the first of the enterprise.
    pub(super) fn account(&self, usual: Option<u64>) -> Result<u64, Refusal> {
        let accounts = &self.shared.settings.accounts;
        let wanted = match self.fields.get("account_id") {
            None => return Ok(usual.or(accounts.first().copied()).unwrap_or_default()),
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
        Err(match self.switches.unknown_account {
            UnknownAccount::InvalidRequest => Refusal::request(description),
            UnknownAccount::InvalidClient => Refusal::new(401, "invalid_client", description),
            UnknownAccount::UnauthorizedClient => {
                Refusal::new(401, "unauthorized_client", description)
            }
        })
    }

    /// The scopes asked for, of those granted. Without the key: all of them; empty: none, as the vendor documents.
    pub(super) fn scopes(&self, granted: &BTreeSet<String>) -> Result<BTreeSet<String>, Refusal> {
        let Some(wanted) = self.text("scope")? else {
            return Ok(granted.clone());
        };
        let mut scopes = BTreeSet::new();
        for scope in wanted.split_ascii_whitespace() {
            if !granted.contains(scope) {
                let description = format!("The scope {scope} is unknown or not granted.");
                return Err(Refusal::new(400, "invalid_scope", description));
            }
            scopes.insert(scope.to_owned());
        }
        Ok(scopes)
    }
}
