//! The egress proxy: which one a connection has to go out through, if any. Opens nothing.
//!
//! Loopback is always reached directly. What cannot be spoken to is refused when it is read, never left out in silence.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::resolver::is_localhost;
use crate::secret::Secret;

#[cfg(test)]
mod tests;

/// Why a text names no egress proxy that can be used. Never quotes the text: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressProxyError {
    /// Not a URL with a host.
    #[error("it is not a URL like http://proxy.example.com:3128")]
    Url,
    /// A proxy of another kind.
    #[error(
        "a proxy that is spoken to by {scheme}:// is not supported; give an http:// one (what goes through it to https hosts \
         is encrypted all the same)"
    )]
    Scheme {
        /// Its scheme.
        scheme: String,
    },
    /// More than a host and port.
    #[error("it has a path or query, which means nothing to a proxy")]
    Path,
    /// User or password is not text.
    #[error("its user or password is not UTF-8 once its percent signs are decoded")]
    Credentials,
    /// One of the environment's variables.
    #[error("the environment variable {variable}: {complaint}")]
    Variable {
        /// Its name, as it was found.
        variable: String,
        /// What is wrong with its value.
        complaint: Box<Self>,
    },
}

/// What connections go out through.
#[derive(Debug, Clone, Default)]
pub enum EgressProxy {
    /// Nothing.
    #[default]
    None,
    /// What the environment says.
    Environment(EnvironmentProxy),
    /// This one, for every host but loopback.
    Url(ProxyUrl),
}

impl EgressProxy {
    /// Reads one proxy's URL: `http://`, optional `USER:PASSWORD@` with percent signs decoded, host, optional port (80).
    ///
    /// # Errors
    ///
    /// Everything else, `https://` and `socks5://` among it.
    pub fn url(text: &str) -> Result<Self, EgressProxyError> {
        if !text.contains("://") {
            return Err(EgressProxyError::Url);
        }
        Ok(Self::Url(ProxyUrl::parse(text)?))
    }

    /// Reads the environment's variables through `variable`, see [`EnvironmentProxy::read`].
    ///
    /// # Errors
    ///
    /// As [`EgressProxy::url`], with the variable's name.
    pub fn environment(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, EgressProxyError> {
        EnvironmentProxy::read(variable).map(Self::Environment)
    }
}

/// The environment's word on proxies.
#[derive(Debug, Clone, Default)]
pub struct EnvironmentProxy {
    /// For https hosts and raw tunnels.
    pub https_proxy: Option<ProxyUrl>,
    /// For http hosts.
    pub http_proxy: Option<ProxyUrl>,
    /// For whatever has none of its own.
    pub all_proxy: Option<ProxyUrl>,
    /// Hosts, domains and networks that are reached directly; `*` is all of them.
    pub no_proxy: Option<String>,
}

impl EnvironmentProxy {
    /// Reads `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy`; each in lower case first, then in upper case. An
    /// empty variable is one that is not set, and a URL without a scheme is an `http://` one, as curl has it.
    /// `all_proxy` is looked at only where it would be used.
    ///
    /// # Errors
    ///
    /// The first variable that names a proxy which cannot be used.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, EgressProxyError> {
        let find = |name: &str| {
            [name.to_owned(), name.to_ascii_uppercase()]
                .into_iter()
                .find_map(|name| {
                    let value = variable(&name)?;
                    let value = value.trim();
                    (!value.is_empty()).then(|| (name, value.to_owned()))
                })
        };
        let proxy = |name: &str| {
            let Some((variable, value)) = find(name) else {
                return Ok(None);
            };
            ProxyUrl::parse(&value)
                .map(Some)
                .map_err(|complaint| EgressProxyError::Variable {
                    variable,
                    complaint: Box::new(complaint),
                })
        };
        let (https_proxy, http_proxy) = (proxy("https_proxy")?, proxy("http_proxy")?);
        let all_proxy = if https_proxy.is_none() || http_proxy.is_none() {
            proxy("all_proxy")?
        } else {
            None
        };
        Ok(Self {
            https_proxy,
            http_proxy,
            all_proxy,
            no_proxy: find("no_proxy").map(|(_name, value)| value),
        })
    }
}

/// One proxy that is spoken to in clear HTTP. Prints without its credentials.
#[derive(Clone)]
pub struct ProxyUrl(Arc<Parts>);

struct Parts {
    connect_to: Uri,
    authorization: Option<Secret>,
}

impl ProxyUrl {
    fn parse(text: &str) -> Result<Self, EgressProxyError> {
        let uri: Uri = text.parse().map_err(|_quotes| EgressProxyError::Url)?;
        match uri.scheme_str() {
            None | Some("http") => {}
            Some(scheme) => {
                return Err(EgressProxyError::Scheme {
                    scheme: scheme.to_owned(),
                });
            }
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(EgressProxyError::Path);
        }
        let authority = uri.authority().ok_or(EgressProxyError::Url)?;
        if authority.host().is_empty() {
            return Err(EgressProxyError::Url);
        }
        let port = authority.port_u16().unwrap_or(80);
        let connect_to = Uri::builder()
            .scheme("http")
            .authority(format!("{}:{port}", authority.host()))
            .path_and_query("/")
            .build()
            .map_err(|_quotes| EgressProxyError::Url)?;
        let authorization = match authority.as_str().rsplit_once('@') {
            Some((user_information, _host)) => Some(basic(user_information)?),
            None => None,
        };
        Ok(Self(Arc::new(Parts {
            connect_to,
            authorization,
        })))
    }

    /// Host and port, without credentials.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.connect_to()
            .authority()
            .map_or("", |authority| authority.as_str())
    }

    pub(super) fn connect_to(&self) -> &Uri {
        &self.0.connect_to
    }

    /// What belongs into `Proxy-Authorization`.
    pub(super) fn authorization(&self) -> Option<&Secret> {
        self.0.authorization.as_ref()
    }
}

fn basic(user_information: &str) -> Result<Secret, EgressProxyError> {
    let (user, password) = user_information
        .split_once(':')
        .unwrap_or((user_information, ""));
    let decode = |text| {
        percent_decode_str(text)
            .decode_utf8()
            .map_err(|_quotes| EgressProxyError::Credentials)
    };
    let pair = Zeroizing::new(format!("{}:{}", decode(user)?, decode(password)?));
    Ok(Secret::new(format!("Basic {}", STANDARD.encode(&*pair))))
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "http://{}", self.authority())
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

/// The settings, ready to be asked.
pub(super) struct Egress {
    https: Option<ProxyUrl>,
    http: Option<ProxyUrl>,
    /// Knows the exceptions only: it has a proxy for whatever is none.
    exceptions: Matcher,
}

impl Egress {
    pub(super) fn new(settings: &EgressProxy) -> Self {
        let (https, http, no_proxy) = match settings {
            EgressProxy::None => (None, None, ""),
            EgressProxy::Url(url) => (Some(url.clone()), Some(url.clone()), ""),
            EgressProxy::Environment(environment) => {
                let all = &environment.all_proxy;
                let or_all = |own: &Option<ProxyUrl>| own.clone().or_else(|| all.clone());
                (
                    or_all(&environment.https_proxy),
                    or_all(&environment.http_proxy),
                    environment.no_proxy.as_deref().unwrap_or_default(),
                )
            }
        };
        Self {
            https,
            http,
            exceptions: Matcher::builder()
                .all("http://proxy.invalid")
                .no(no_proxy)
                .build(),
        }
    }

    /// The proxy that leads to this URL's host, or none where it is reached directly.
    pub(super) fn proxy_for(&self, destination: &Uri) -> Option<&ProxyUrl> {
        let proxy = match destination.scheme_str() {
            Some("http") => self.http.as_ref()?,
            _ => self.https.as_ref()?,
        };
        if is_loopback(destination.host()?) {
            return None;
        }
        self.exceptions.intercept(destination)?;
        Some(proxy)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    is_localhost(bare)
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}
