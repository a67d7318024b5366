//! Where Redis is, and who asks: one URL, which may hold a password. Opens nothing, and never quotes the URL.

use std::fmt;

use http::Uri;
use percent_encoding::percent_decode_str;
use redis::RedisConnectionInfo;

use crate::secret::Secret;

const PORT: u16 = 6379;

/// Why a text names no Redis. Never quotes it: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedisUrlError {
    /// Not a URL with a host.
    #[error("is not a URL like rediss://user:password@redis.example.com:6379/0")]
    Url,
    /// Another scheme.
    #[error(
        "has a scheme that is none of redis://, rediss:// (TLS), valkey:// and valkeys:// (TLS)"
    )]
    Scheme,
    /// More than a database's number.
    #[error("has a path that is no database number, as /0, or a query")]
    Path,
    /// User or password is not text.
    #[error("has a user or password that is not UTF-8 once its percent signs are decoded")]
    Credentials,
}

/// A Redis or Valkey server. Prints without its credentials.
#[derive(Clone)]
pub struct RedisUrl {
    host: String,
    port: u16,
    tls: bool,
    user: Option<Secret>,
    password: Option<Secret>,
    database: u16,
}

impl RedisUrl {
    /// Reads `redis://` or, with TLS, `rediss://`, optional `USER:PASSWORD@` with percent signs decoded, host, optional port
    /// (6379) and optional `/DATABASE`; `valkey://` and `valkeys://` mean the same.
    ///
    /// # Errors
    ///
    /// Everything else.
    pub fn parse(url: &Secret) -> Result<Self, RedisUrlError> {
        let uri: Uri = url.expose().parse().map_err(|_quotes| RedisUrlError::Url)?;
        let tls = match uri.scheme_str().ok_or(RedisUrlError::Url)? {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" => true,
            _ => return Err(RedisUrlError::Scheme),
        };
        let authority = uri.authority().ok_or(RedisUrlError::Url)?;
        let host = authority.host();
        let after_host = authority.as_str().rsplit_once(host).map(|(_, rest)| rest);
        let has_port = after_host.is_some_and(|rest| !rest.is_empty());
        let port = authority.port_u16().filter(|port| *port > 0);
        if host.is_empty() || (has_port && port.is_none()) {
            return Err(RedisUrlError::Url);
        }
        let path = uri.path().trim_start_matches('/');
        if uri.query().is_some() || path.starts_with('+') {
            return Err(RedisUrlError::Path);
        }
        let database = match path {
            "" => 0,
            number => number.parse().map_err(|_quotes| RedisUrlError::Path)?,
        };
        let (user, password) = match authority.as_str().rsplit_once('@') {
            None => (None, None),
            Some((who, _host)) => {
                let (user, password) = who.split_once(':').unwrap_or((who, ""));
                (decoded(user)?, decoded(password)?)
            }
        };
        Ok(Self {
            host: host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_ascii_lowercase(),
            port: port.unwrap_or(PORT),
            tls,
            user,
            password,
            database,
        })
    }

    /// Host name or IP literal, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether TLS is spoken.
    #[must_use]
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// Whether a password is shown to it.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// What a new connection says first.
    pub(super) fn connection_info(&self) -> RedisConnectionInfo {
        // Our name says nothing that matters, and an ACL user would need one more command for it.
        let mut info = RedisConnectionInfo::default()
            .set_skip_set_lib_name()
            .set_db(self.database.into());
        if let Some(user) = &self.user {
            info = info.set_username(user.expose());
        }
        if let Some(password) = &self.password {
            info = info.set_password(password.expose());
        }
        info
    }
}

fn decoded(text: &str) -> Result<Option<Secret>, RedisUrlError> {
    let text = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_quotes| RedisUrlError::Credentials)?;
    Ok((!text.is_empty()).then(|| Secret::new(text)))
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "rediss" } else { "redis" };
        write!(formatter, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}
