//! Where a request goes: tenant, account and API, from path, headers, listener and defaults, in that order.
//!
//! What follows the selection in the path stays raw, byte for byte. Nothing is guessed: selectors that disagree are an error.

mod accounts;

use std::collections::HashMap;
use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Uri};

pub(super) use accounts::{Selected, Tenant, UNNAMED_MAX};

use super::ListenerSelection;
use super::error::{Code, ProxyError};
use crate::token::Mid;

const TENANT_HEADER: &str = "sfmc-tenant";
const ACCOUNT_HEADER: &str = "sfmc-account";
/// In lower case: SDKs differ.
const SOAP_ENDPOINT: &str = "/service.asmx";

/// What kind of endpoint a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    /// Every path that is not another API's.
    Rest,
    /// An envelope for the SOAP endpoint.
    Soap,
    /// What describes SOAP: the WSDL and its schema. Public, so that no token goes with it.
    Wsdl,
}

impl Api {
    /// The label of metrics and logs.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Soap | Self::Wsdl => "soap",
        }
    }
}

/// One request's way.
pub(super) struct Choice {
    tenant: Arc<Tenant>,
    account: Arc<Selected>,
    /// The account that the plain base URL selects for this caller.
    plain: Option<(Arc<Tenant>, Option<Mid>)>,
    pub(super) api: Api,
    /// What the caller asked for, without the selection.
    pub(super) target: PathAndQuery,
}

impl Choice {
    pub(super) fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    pub(super) fn account(&self) -> &Arc<Selected> {
        &self.account
    }

    /// `/@tenant:account` where a link without it would lead elsewhere, else nothing.
    pub(super) fn prefix_for_links(&self) -> String {
        let same = self.plain.as_ref().is_some_and(|(tenant, mid)| {
            tenant.name() == self.tenant.name() && *mid == self.account.mid()
        });
        match self.account.mid() {
            _ if same => String::new(),
            Some(mid) => format!("/@{}:{mid}", self.tenant.name()),
            None => format!("/@{}", self.tenant.name()),
        }
    }
}

/// All tenants, and what selects them.
pub(super) struct Router {
    tenants: HashMap<String, Arc<Tenant>>,
    default_tenant: Option<Arc<Tenant>>,
    listeners: Vec<ListenerSelection>,
}

#[derive(Default)]
struct Selectors<'a> {
    tenant: Option<&'a str>,
    account: Option<&'a str>,
}

impl Router {
    pub(super) fn new(
        tenants: Vec<Arc<Tenant>>,
        default_tenant: Option<&str>,
        listeners: Vec<ListenerSelection>,
    ) -> Self {
        let only = match tenants.as_slice() {
            [only] => Some(Arc::clone(only)),
            _ => None,
        };
        let tenants: HashMap<_, _> = tenants
            .into_iter()
            .map(|tenant| (tenant.name().to_owned(), tenant))
            .collect();
        let default_tenant = default_tenant
            .and_then(|name| tenants.get(name).cloned())
            .or(only);
        Self {
            tenants,
            default_tenant,
            listeners,
        }
    }

    /// Every tenant.
    pub(super) fn tenants(&self) -> impl Iterator<Item = &Arc<Tenant>> {
        self.tenants.values()
    }

    /// Chooses, or says what is missing or contradictory.
    pub(super) fn choose(
        &self,
        uri: &Uri,
        method: &Method,
        headers: &HeaderMap,
        listener: usize,
    ) -> Result<Choice, ProxyError> {
        let raw = uri
            .path_and_query()
            .filter(|target| target.as_str().starts_with('/'))
            .ok_or_else(|| {
                ProxyError::new(Code::MalformedRequest, "The request's target has no path.")
            })?;
        let (prefix, rest) = split_prefix(raw.as_str());
        let prefix = prefix.map(|prefix| prefix.to_ascii_lowercase().replace("%3a", ":"));
        let from_path = prefix.as_deref().map(read_prefix).unwrap_or_default();
        let from_headers = read_headers(headers)?;
        let listener = self.listeners.get(listener);
        let explicit = agree(
            &from_path.tenant,
            &from_headers.tenant,
            str::eq_ignore_ascii_case,
        )
        .map_err(|()| disagree("tenants", from_path.tenant, from_headers.tenant))?;
        let plain_tenant = self.plain_tenant(listener);
        let tenant = match explicit {
            Some(name) => self.named(name)?,
            None => plain_tenant.clone().ok_or_else(|| self.which_tenant())?,
        };
        let account = explicit_account(&tenant, &from_path, &from_headers)?;
        let listener_account = listener
            .filter(|listener| {
                listener
                    .tenant
                    .as_deref()
                    .is_none_or(|name| name == tenant.name())
            })
            .filter(|_| {
                plain_tenant
                    .as_ref()
                    .is_some_and(|plain| plain.name() == tenant.name())
            })
            .and_then(|listener| listener.account);
        let account = match account.or(listener_account) {
            Some(mid) => tenant.account(mid)?,
            None => tenant.default_account()?,
        };
        let plain = plain_tenant.map(|plain| {
            let mid = listener
                .and_then(|listener| listener.account)
                .or(plain.default_mid());
            (plain, mid)
        });
        let target = without_access_token(raw, rest)?;
        let api = classify(method, target.path())?;
        Ok(Choice {
            tenant,
            account,
            plain,
            api,
            target,
        })
    }

    fn plain_tenant(&self, listener: Option<&ListenerSelection>) -> Option<Arc<Tenant>> {
        match listener.and_then(|listener| listener.tenant.as_deref()) {
            Some(name) => self.tenants.get(name).cloned(),
            None => self.default_tenant.clone(),
        }
    }

    fn named(&self, name: &str) -> Result<Arc<Tenant>, ProxyError> {
        self.tenants
            .get(&name.to_ascii_lowercase())
            .cloned()
            .ok_or_else(|| {
                ProxyError::new(
                    Code::UnknownTenant,
                    format!(
                        "There is no tenant {} here; configured: {}.",
                        printable(name),
                        self.names()
                    ),
                )
            })
    }

    fn which_tenant(&self) -> ProxyError {
        ProxyError::new(
            Code::AmbiguousSelection,
            format!(
                "Several tenants are configured ({}) and nothing selects one. Put /@TENANT before the path, send Sfmc-Tenant, \
                 or set default_tenant.",
                self.names()
            ),
        )
    }

    fn names(&self) -> String {
        let mut names: Vec<_> = self.tenants.keys().map(String::as_str).collect();
        names.sort_unstable();
        names.join(", ")
    }
}

/// Splits `/@tenant:account` (or `/%40…`) off; the rest starts at its own slash, or is a query alone, or is empty.
fn split_prefix(raw: &str) -> (Option<&str>, &str) {
    let Some(after) = raw.strip_prefix("/@").or_else(|| raw.strip_prefix("/%40")) else {
        return (None, raw);
    };
    let end = after.find(['/', '?']).unwrap_or(after.len());
    let (prefix, rest) = after.split_at(end);
    (Some(prefix), rest)
}

fn read_prefix(prefix: &str) -> Selectors<'_> {
    match prefix.split_once(':') {
        Some((tenant, account)) => Selectors {
            tenant: Some(tenant),
            account: Some(account),
        },
        None => Selectors {
            tenant: Some(prefix),
            account: None,
        },
    }
}

fn read_headers(headers: &HeaderMap) -> Result<Selectors<'_>, ProxyError> {
    let one = |name: &'static str| -> Result<Option<&str>, ProxyError> {
        let mut values = headers.get_all(name).iter().map(HeaderValue::to_str);
        let first = values.next().transpose().map_err(|_opaque| {
            ProxyError::new(
                Code::MalformedRequest,
                format!("The header {name} is not a name or member id."),
            )
        })?;
        if values.any(|other| other.ok() != first) {
            return Err(ProxyError::new(
                Code::AmbiguousSelection,
                format!("The header {name} is there twice and differs."),
            ));
        }
        Ok(first.map(str::trim).filter(|value| !value.is_empty()))
    };
    Ok(Selectors {
        tenant: one(TENANT_HEADER)?,
        account: one(ACCOUNT_HEADER)?,
    })
}

fn agree<'a>(
    one: &Option<&'a str>,
    other: &Option<&'a str>,
    same: impl Fn(&str, &str) -> bool,
) -> Result<Option<&'a str>, ()> {
    match (one, other) {
        (Some(one), Some(other)) if !same(one, other) => Err(()),
        (one, other) => Ok(one.or(*other)),
    }
}

fn disagree(what: &str, path: Option<&str>, header: Option<&str>) -> ProxyError {
    let (path, header) = (
        printable(path.unwrap_or_default()),
        printable(header.unwrap_or_default()),
    );
    ProxyError::new(
        Code::AmbiguousSelection,
        format!(
            "The path and the headers select different {what} ({path} and {header}). Give one of them, or the same in both."
        ),
    )
}

fn explicit_account(
    tenant: &Tenant,
    path: &Selectors<'_>,
    headers: &Selectors<'_>,
) -> Result<Option<Mid>, ProxyError> {
    let from_path = path
        .account
        .map(|text| tenant.read_account(text))
        .transpose()?;
    let from_headers = headers
        .account
        .map(|text| tenant.read_account(text))
        .transpose()?;
    match (from_path, from_headers) {
        (Some(one), Some(other)) if one != other => {
            Err(disagree("accounts", path.account, headers.account))
        }
        (one, other) => Ok(one.or(other)),
    }
}

/// A caller's own words, fit for a message: printable and short.
pub(super) fn printable(text: &str) -> String {
    let clean: String = text
        .chars()
        .filter(|letter| letter.is_ascii_graphic())
        .take(64)
        .collect();
    format!("\"{clean}\"")
}

/// The target without the selection and without `access_token` in its query: a token in a URL is never passed on.
fn without_access_token(raw: &PathAndQuery, rest: &str) -> Result<PathAndQuery, ProxyError> {
    let carries_token = raw
        .query()
        .is_some_and(|query| query.split('&').any(is_access_token));
    if rest.len() == raw.as_str().len() && !carries_token {
        return Ok(raw.clone());
    }
    let (path, query) = rest
        .split_once('?')
        .map_or((rest, None), |(path, query)| (path, Some(query)));
    let query = query.map(|query| {
        query
            .split('&')
            .filter(|pair| !is_access_token(pair))
            .collect::<Vec<_>>()
            .join("&")
    });
    let path = if path.is_empty() { "/" } else { path };
    let target = match query.filter(|query| !(query.is_empty() && carries_token)) {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    PathAndQuery::try_from(target)
        .map_err(|_invalid| ProxyError::new(Code::MalformedRequest, "The path is not valid."))
}

fn is_access_token(pair: &str) -> bool {
    // Decoded, because the tenant would read an escaped name all the same.
    form_urlencoded::parse(pair.as_bytes())
        .next()
        .is_some_and(|(name, _value)| name.eq_ignore_ascii_case("access_token"))
}

/// Whether this is a call of the SOAP endpoint, as far as it can be told before anything is selected.
pub(super) fn looks_like_soap(method: &Method, path: &str) -> bool {
    let start = path.len().saturating_sub(SOAP_ENDPOINT.len());
    let end = path.as_bytes().get(start..).unwrap_or_default();
    *method == Method::POST && end.eq_ignore_ascii_case(SOAP_ENDPOINT.as_bytes())
}

/// Which API a path belongs to. What this version does not serve is refused by name.
fn classify(method: &Method, path: &str) -> Result<Api, ProxyError> {
    let lower = path.to_ascii_lowercase();
    let not_served = |what: &str| {
        Err(ProxyError::new(
            Code::DestinationNotAllowed,
            format!(
                "{what} is not part of this version of the proxy, which serves REST and SOAP calls. Nothing was sent."
            ),
        ))
    };
    match lower.as_str() {
        SOAP_ENDPOINT if *method == Method::POST => Ok(Api::Soap),
        SOAP_ENDPOINT | "/etframework.wsdl" | "/etframeworkfault.xsd" => Ok(Api::Wsdl),
        "/v2/token" | "/v2/authorize" | "/v2/userinfo" | "/v1/requesttoken" => {
            not_served("The auth API")
        }
        other
            if other.starts_with("/provisioning/v1/tenants/")
                && other.ends_with("/requesttoken") =>
        {
            not_served("The auth API")
        }
        other if other.starts_with("/https:/") || other.starts_with("/http:/") => {
            not_served("A URL inside the path")
        }
        _ => Ok(Api::Rest),
    }
}
