//! What a request asks for, by its target and headers alone: which API, which path there, and what it selects. Knows no
//! tenant and no client.

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, request};
use percent_encoding::percent_decode_str;

use super::caller::Named;
use super::error::{Code, ProxyError};
use super::route::printable;
use super::vendor::{HostApi, VendorHost};
use crate::facade::Face;
use crate::secret::Secret;
use crate::soap::envelope::Dialect;
use crate::token::Kind;

const TENANT_HEADER: &str = "sfmc-tenant";
const ACCOUNT_HEADER: &str = "sfmc-account";
/// In lower case: SDKs differ.
const SOAP_ENDPOINT: &str = "/service.asmx";
/// Core Salesforce: what begins with this takes envelopes, one path for each API, version and Apex class.
const CORE_SOAP: &str = "/services/soap/";
/// Core Salesforce: the Bulk API 1.0.
const BULK: &str = "/services/async/";

/// What kind of endpoint a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    /// Every path that is not another API's.
    Rest,
    /// `/platform/v1/endpoints*`, whose bodies name the tenant's hosts.
    Endpoints,
    /// An envelope for a SOAP endpoint.
    Soap(Dialect),
    /// Core Salesforce's Bulk API 1.0, which takes its token in a header of its own.
    Bulk,
    /// What describes SOAP: the WSDL and its schema. Public, so that no token goes with it.
    Wsdl,
    /// What a token stands for, by the auth host.
    UserInfo,
    /// A token endpoint, answered here.
    Token(Face),
}

impl Api {
    /// The label of metrics and logs.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rest | Self::Endpoints | Self::Bulk => "rest",
            Self::Soap(_) | Self::Wsdl => "soap",
            Self::UserInfo | Self::Token(_) => "auth",
        }
    }

    /// The same at a tenant of this kind: where a kind has no such API, its path means nothing there.
    pub(super) fn at(self, kind: &Kind) -> Self {
        match (self, kind) {
            (Self::Endpoints, kind) if kind.is_core() => Self::Rest,
            (Self::Bulk, Kind::Salesforce) => Self::Bulk,
            (Self::Bulk, _) => Self::Rest,
            (api, _) => api,
        }
    }

    /// Whether its answers are read whole, so that the addresses in them can be changed.
    pub(super) fn is_document(self) -> bool {
        matches!(self, Self::Wsdl | Self::Endpoints)
    }
}

/// A tenant and an account as somebody wrote them.
#[derive(Debug, Clone, Default)]
pub(super) struct Selectors {
    pub(super) tenant: Option<String>,
    pub(super) account: Option<String>,
}

/// One request's wishes.
pub(super) struct Asked {
    pub(super) api: Api,
    /// The path and query at the API: without selection, embedded host and placeholder.
    pub(super) target: PathAndQuery,
    pub(super) path: Selectors,
    pub(super) headers: Selectors,
    /// What the body of a token request selects.
    pub(super) body: Selectors,
    /// The vendor's host that it names, as a forward target or inside the path.
    pub(super) vendor: Option<VendorHost>,
    /// `access_token` and `oauth_token` of the query.
    pub(super) access_tokens: Vec<Secret>,
}

impl Asked {
    /// Reads a request that names one of the vendor's hosts, or us.
    pub(super) fn read(head: &request::Parts, named: &Named) -> Result<Self, ProxyError> {
        let raw = head
            .uri
            .path_and_query()
            .filter(|target| target.as_str().starts_with('/'))
            .ok_or_else(|| {
                ProxyError::new(Code::MalformedRequest, "The request's target has no path.")
            })?;
        let (prefix, rest) = split_prefix(raw.as_str());
        let (vendor, rest) = match named {
            Named::Vendor(vendor) => (Some(vendor.clone()), rest),
            Named::Own | Named::Other { .. } => match embedded(rest)? {
                Some((vendor, rest)) => (Some(vendor), rest),
                None => (None, rest),
            },
        };
        let (target, access_tokens) = without_access_token(raw, rest)?;
        Ok(Self {
            api: classify(&head.method, target.path(), vendor.as_ref())?,
            target,
            path: prefix.map(read_prefix).unwrap_or_default(),
            headers: read_headers(&head.headers)?,
            body: Selectors::default(),
            vendor,
            access_tokens,
        })
    }
}

impl Asked {
    /// Whether this is the vendor's public description of SOAP, asked for without any selection: anybody may have it, and no
    /// token goes with it.
    pub(super) fn is_public(&self, method: &Method) -> bool {
        let selects =
            |selectors: &Selectors| selectors.tenant.is_some() || selectors.account.is_some();
        self.api == Api::Wsdl
            && matches!(*method, Method::GET | Method::HEAD)
            && self.vendor.is_none()
            && !selects(&self.path)
            && !selects(&self.headers)
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

fn read_prefix(prefix: &str) -> Selectors {
    let prefix = prefix.to_ascii_lowercase().replace("%3a", ":");
    let (tenant, account) = match prefix.split_once(':') {
        Some((tenant, account)) => (tenant.to_owned(), Some(account.to_owned())),
        None => (prefix, None),
    };
    Selectors {
        tenant: Some(tenant),
        account,
    }
}

fn read_headers(headers: &HeaderMap) -> Result<Selectors, ProxyError> {
    let one = |name: &'static str| -> Result<Option<String>, ProxyError> {
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
        let value = first.map(str::trim).filter(|value| !value.is_empty());
        Ok(value.map(str::to_owned))
    };
    Ok(Selectors {
        tenant: one(TENANT_HEADER)?,
        account: one(ACCOUNT_HEADER)?,
    })
}

/// A whole URL inside the path, as some SDKs can be made to send it: `/https://SUB.rest…/path`. Libraries that tidy paths
/// make one slash of the two.
fn embedded(rest: &str) -> Result<Option<(VendorHost, &str)>, ProxyError> {
    let scheme = |name: &str| {
        rest.get(..name.len())
            .filter(|start| start.eq_ignore_ascii_case(name))
            .and_then(|_start| rest.get(name.len()..))
    };
    let Some(after) = scheme("/https:/").or_else(|| scheme("/http:/")) else {
        return Ok(None);
    };
    let after = after.strip_prefix('/').unwrap_or(after);
    let end = after.find(['/', '?']).unwrap_or(after.len());
    let (authority, rest) = after.split_at(end);
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    match VendorHost::of(host).filter(|_| matches!(port, "443" | "80")) {
        Some(vendor) => Ok(Some((vendor, rest))),
        None => Err(ProxyError::new(
            Code::DestinationNotAllowed,
            format!(
                "The path names {}, which is no host of Marketing Cloud. Nothing was sent. Only a tenant's hosts may stand \
                 there.",
                printable(host)
            ),
        )),
    }
}

/// The target without the selection and without the tokens in its query: a token in a URL is never passed on.
fn without_access_token(
    raw: &PathAndQuery,
    rest: &str,
) -> Result<(PathAndQuery, Vec<Secret>), ProxyError> {
    let tokens: Vec<Secret> = raw
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(access_token)
        .collect();
    if rest.len() == raw.as_str().len() && tokens.is_empty() {
        return Ok((raw.clone(), tokens));
    }
    let (path, query) = rest
        .split_once('?')
        .map_or((rest, None), |(path, query)| (path, Some(query)));
    let query = query.map(|query| {
        query
            .split('&')
            .filter(|pair| access_token(pair).is_none())
            .collect::<Vec<_>>()
            .join("&")
    });
    let path = if path.is_empty() { "/" } else { path };
    let target = match query.filter(|query| !query.is_empty() || tokens.is_empty()) {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let target = PathAndQuery::try_from(target)
        .map_err(|_invalid| ProxyError::new(Code::MalformedRequest, "The path is not valid."))?;
    Ok((target, tokens))
}

fn access_token(pair: &str) -> Option<Secret> {
    // Decoded, because the tenant would read an escaped name all the same.
    form_urlencoded::parse(pair.as_bytes())
        .next()
        .filter(|(name, _value)| {
            // The latter is core Salesforce's own name for it, which jsforce uses.
            let known = ["access_token", "oauth_token"];
            known.iter().any(|known| name.eq_ignore_ascii_case(known))
        })
        .map(|(_name, value)| Secret::new(value.into_owned()))
}

/// Whether this is a call of the SOAP endpoint, as far as it can be told before anything is selected.
pub(super) fn looks_like_soap(method: &Method, path: &str) -> bool {
    if *method != Method::POST {
        return false;
    }
    let (_prefix, rest) = split_prefix(path);
    let path = comparable(rest);
    path.ends_with(SOAP_ENDPOINT) || is_core_soap(&path)
}

/// By a path that was made comparable.
fn is_core_soap(path: &str) -> bool {
    path.strip_prefix(CORE_SOAP)
        .is_some_and(|rest| !rest.is_empty())
}

/// Whether a path is that of an Apex class, whose operations have whatever names their author gave them.
pub(super) fn is_apex_class(path: &str) -> bool {
    let path = comparable(path);
    let class = path.strip_prefix(CORE_SOAP);
    class.is_some_and(|rest| rest.starts_with("class/"))
}

/// The path in lower case, without escapes and without empty segments: SDKs put a base that ends with a slash before a path
/// that begins with one, and what is escaped means the same to the tenant.
pub(super) fn comparable(path: &str) -> String {
    let mut comparable = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        comparable.push('/');
        let plain = percent_decode_str(segment).decode_utf8_lossy();
        comparable.push_str(&plain.to_ascii_lowercase());
    }
    comparable
}

/// Which API a request is for: by the vendor's host where it names one, else by the path.
fn classify(method: &Method, path: &str, vendor: Option<&VendorHost>) -> Result<Api, ProxyError> {
    let path = comparable(path);
    let host = vendor.map(|vendor| (vendor.api, vendor.subdomain.is_some()));
    match host {
        Some((HostApi::Xml, _)) => Err(ProxyError::new(
            Code::DestinationNotAllowed,
            "The XML API (integrate.aspx) takes a user name and a password and knows no access token, so that the proxy cannot \
             serve it. Nothing was sent. Use the SOAP or the REST API.",
        )),
        Some((HostApi::Soap, _)) => Ok(soap(method, &path).unwrap_or(Api::Wsdl)),
        Some((HostApi::Auth, of_tenant)) => match auth(method, &path, of_tenant)? {
            Some(api) => Ok(api),
            None => Err(not_served("This path of the auth host")),
        },
        Some((HostApi::Rest, true)) => Ok(rest(&path)),
        Some((HostApi::Rest, false)) | None => {
            if let Some(api) = soap(method, &path) {
                return Ok(api);
            }
            if let Some(api) = auth(method, &path, false)? {
                return Ok(api);
            }
            if vendor.is_none()
                && let Some(api) = core(method, &path)?
            {
                return Ok(api);
            }
            Ok(rest(&path))
        }
    }
}

fn rest(path: &str) -> Api {
    let below = path.strip_prefix("/platform/v1/endpoints");
    match below {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => Api::Endpoints,
        _ => Api::Rest,
    }
}

fn soap(method: &Method, path: &str) -> Option<Api> {
    match path {
        SOAP_ENDPOINT if *method == Method::POST => Some(Api::Soap(Dialect::MarketingCloud)),
        SOAP_ENDPOINT | "/etframework.wsdl" | "/etframeworkfault.xsd" => Some(Api::Wsdl),
        _ => None,
    }
}

fn auth(method: &Method, path: &str, of_tenant: bool) -> Result<Option<Api>, ProxyError> {
    let of_provisioning =
        path.starts_with("/provisioning/v1/tenants/") && path.ends_with("/requesttoken");
    let (api, allowed): (Api, &[Method]) = match path {
        "/v2/token" => (Api::Token(Face::Current), &[Method::POST]),
        "/v1/requesttoken" if of_tenant => (Api::Token(Face::Retired), &[Method::POST]),
        "/v1/requesttoken" => (Api::Token(Face::Legacy), &[Method::POST]),
        _ if of_provisioning => (Api::Token(Face::Legacy), &[Method::POST]),
        "/v2/userinfo" => (Api::UserInfo, &[Method::GET, Method::HEAD]),
        "/v2/authorize" => {
            return Err(not_served(
                "A login of a user through the proxy (/v2/authorize)",
            ));
        }
        _ => return Ok(None),
    };
    taking(api, method, allowed)
}

/// What only core Salesforce has, and what is built on it.
fn core(method: &Method, path: &str) -> Result<Option<Api>, ProxyError> {
    let face = match path {
        "/services/oauth2/token" => Face::Core,
        "/services/oauth2/revoke" => Face::Revocation,
        "/services/a360/token" => Face::Exchange,
        "/services/oauth2/authorize" => {
            return Err(not_served_by_core(
                "A login of a user through the proxy (/services/oauth2/authorize)",
            ));
        }
        "/services/oauth2/introspect" => {
            return Err(not_served_by_core(
                "Introspection (/services/oauth2/introspect), which takes a client's secret,",
            ));
        }
        _ if path.starts_with(BULK) => return Ok(Some(Api::Bulk)),
        _ if *method == Method::POST && is_core_soap(path) => {
            return Ok(Some(Api::Soap(Dialect::Core)));
        }
        _ => return Ok(None),
    };
    taking(Api::Token(face), method, &[Method::POST])
}

fn taking(api: Api, method: &Method, allowed: &[Method]) -> Result<Option<Api>, ProxyError> {
    if allowed.contains(method) {
        return Ok(Some(api));
    }
    let names = allowed.iter().map(Method::as_str).collect::<Vec<_>>();
    Err(ProxyError::method(
        format!("This endpoint takes {} alone.", names.join(" and ")),
        if api == Api::UserInfo {
            "GET, HEAD"
        } else {
            "POST"
        },
    ))
}

fn not_served(what: &str) -> ProxyError {
    ProxyError::new(
        Code::DestinationNotAllowed,
        format!(
            "{what} is not served by this proxy, which logs in to the tenant itself. Nothing was sent. Ask for a token at \
             /v2/token with grant_type=client_credentials."
        ),
    )
}

fn not_served_by_core(what: &str) -> ProxyError {
    ProxyError::new(
        Code::DestinationNotAllowed,
        format!(
            "{what} is not served by this proxy, which logs in to the tenant itself. Nothing was sent. Ask for a token at \
             /services/oauth2/token with grant_type=client_credentials, and at /services/oauth2/userinfo what it stands for."
        ),
    )
}
