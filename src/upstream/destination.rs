//! One scheme, host and port under one set of roots. Never holds a path: a base path belongs to the instance URL.

use std::fmt;
use std::sync::Arc;

use http::{HeaderValue, Uri};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;

use super::{SendError, Trust};

/// Why a URL is no destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// Not http or https.
    #[error("the scheme is not https")]
    Scheme,
    /// No host, or one that cannot be a host.
    #[error("there is no usable host name in it")]
    Host,
    /// User information in front of the host.
    #[error("it carries user information")]
    UserInformation,
}

/// What makes two destinations the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    https: bool,
    host: String,
    port: u16,
    trust: usize,
}

impl Key {
    pub(super) fn new(url: &Uri, trust: &Trust) -> Result<Self, DestinationError> {
        let https = match url.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(DestinationError::Scheme),
        };
        let authority = url.authority().ok_or(DestinationError::Host)?;
        if authority.as_str().contains('@') {
            return Err(DestinationError::UserInformation);
        }
        let host = authority.host().to_ascii_lowercase();
        if host.is_empty() {
            return Err(DestinationError::Host);
        }
        let port = authority.port_u16().unwrap_or(if https { 443 } else { 80 });
        Ok(Self {
            https,
            host,
            port,
            trust: trust.identity(),
        })
    }
}

/// Where requests go: a host and port, in clear or over TLS with the roots that its tenant trusts.
pub struct Destination {
    index: usize,
    host: String,
    authority: HeaderValue,
    connect_to: Uri,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Destination {
    pub(super) fn new(key: &Key, trust: &Trust, index: usize) -> Result<Self, DestinationError> {
        let default_port = if key.https { 443 } else { 80 };
        let authority = if key.port == default_port {
            key.host.clone()
        } else {
            format!("{}:{}", key.host, key.port)
        };
        let connect_to = Uri::builder()
            .scheme(if key.https { "https" } else { "http" })
            .authority(format!("{}:{}", key.host, key.port))
            .path_and_query("/")
            .build()
            .map_err(|_invalid| DestinationError::Host)?;
        let tls = if key.https {
            let bare = key
                .host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned();
            let name = ServerName::try_from(bare).map_err(|_invalid| DestinationError::Host)?;
            Some((trust.client_config(), name))
        } else {
            None
        };
        Ok(Self {
            index,
            host: key.host.clone(),
            authority: HeaderValue::try_from(authority)
                .map_err(|_invalid| DestinationError::Host)?,
            connect_to,
            tls,
        })
    }

    /// Host name or IP literal, lower case; an IPv6 literal keeps its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's own included.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.connect_to.port_u16().unwrap_or_default()
    }

    /// What belongs into `Host`: the port is there unless it is the scheme's own.
    #[must_use]
    pub fn authority(&self) -> &HeaderValue {
        &self.authority
    }

    /// Whether calls leave over TLS.
    #[must_use]
    pub fn https(&self) -> bool {
        self.tls.is_some()
    }

    /// Scheme and authority, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.https() { "https" } else { "http" };
        format!(
            "{scheme}://{}",
            self.authority.to_str().unwrap_or(&self.host)
        )
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    pub(super) fn connect_to(&self) -> &Uri {
        &self.connect_to
    }

    pub(super) fn tls(&self) -> Option<&(Arc<ClientConfig>, ServerName<'static>)> {
        self.tls.as_ref()
    }

    pub(super) fn broken(&self, error: &hyper::Error) -> SendError {
        SendError::Broken {
            host: self.host.clone(),
            cause: causes(error),
        }
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.url())
    }
}

/// An error with everything that caused it, on one line.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}
