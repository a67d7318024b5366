//! The credentials that a request comes with, from wherever a client may put them. Only gathers; judges nothing.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::is_placeholder;
use crate::secret::Secret;

/// All credentials of one request.
#[derive(Default)]
pub struct Presented<'a> {
    established: Vec<&'a str>,
    certificate_names: &'a [String],
    passwords: Vec<(String, Secret)>,
    placeholders: Vec<Cow<'a, str>>,
}

impl<'a> Presented<'a> {
    /// What `Authorization` and `Proxy-Authorization` hold.
    #[must_use]
    pub fn in_headers(headers: &'a HeaderMap) -> Self {
        let mut presented = Self::in_header(headers, &AUTHORIZATION);
        for value in headers.get_all(PROXY_AUTHORIZATION) {
            presented.header(value);
        }
        presented
    }

    /// What one header holds.
    pub(super) fn in_header(headers: &'a HeaderMap, name: &HeaderName) -> Self {
        let mut presented = Self::default();
        for value in headers.get_all(name) {
            presented.header(value);
        }
        presented
    }

    fn header(&mut self, value: &'a HeaderValue) {
        let Ok(text) = value.to_str() else { return };
        let Some((scheme, rest)) = text.trim_start().split_once(' ') else {
            return;
        };
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            self.token(rest);
        } else if scheme.eq_ignore_ascii_case("basic")
            && let Ok(decoded) = STANDARD.decode(rest)
            && let Ok(decoded) = String::from_utf8(decoded)
            && let Some((name, password)) = decoded.split_once(':')
        {
            self.password(name, &Secret::new(password));
        }
    }

    /// A name that is beyond doubt: of a listener that has one, of the CONNECT that a request comes through.
    pub fn establish(&mut self, name: &'a str) {
        self.established.push(name);
    }

    /// The names of a client's certificate, which an authority that we trust has signed.
    pub fn certificate(&mut self, names: &'a [String]) {
        self.certificate_names = names;
    }

    /// A token; it counts if it is one of ours.
    pub fn token(&mut self, token: impl Into<Cow<'a, str>>) {
        let token = token.into();
        if is_placeholder(&token) {
            self.placeholders.push(token);
        }
    }

    /// The same, of a token that is kept as a secret.
    pub fn secret(&mut self, token: &Secret) {
        self.token(token.expose().to_owned());
    }

    /// A name and a password. A placeholder in either place counts as what it is.
    pub fn password(&mut self, name: &str, password: &Secret) {
        if is_placeholder(password.expose()) {
            self.secret(password);
        } else if is_placeholder(name) {
            self.token(name.to_owned());
        } else {
            self.passwords.push((name.to_owned(), password.clone()));
        }
    }

    /// Whether nothing was presented that might be ours.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.passwords.is_empty() && self.placeholders.is_empty()
    }

    pub(super) fn established(&self) -> impl Iterator<Item = &str> {
        self.established.iter().copied()
    }

    pub(super) fn certificate_names(&self) -> &[String] {
        self.certificate_names
    }

    pub(super) fn passwords(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.passwords
            .iter()
            .map(|(name, password)| (name.as_str(), password))
    }

    /// The placeholders among it, right or wrong.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.placeholders.iter().map(AsRef::as_ref)
    }
}
