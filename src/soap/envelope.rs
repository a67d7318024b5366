//! One SOAP request: what it asks for, which credentials it came with, and where the token goes.
//!
//! The document is read once and never written anew. What stays are slices of the received buffer, in any encoding; only the
//! token's element, a Header where there is none, and the address in `To` are written. The Body's bytes never change.

mod body;
mod error;
mod header;
mod operation;
mod scan;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use bytes::Bytes;

pub use super::xml::{ATTRIBUTES_MAX, DEPTH_MAX, NAMESPACES_MAX};
pub use body::NAMED_MAX;
pub use error::EnvelopeError;
pub use header::EDITS_MAX;
pub use operation::Operation;

use super::encoding::Encoding;
use super::splice::Piece;
use super::xml::escape;
use super::{Content, Version};
use crate::secret::{REDACTED, Secret};

/// Reads an envelope. The time is linear in its length, whatever it holds; the caller bounds the length.
///
/// # Errors
///
/// What is not well formed, not an envelope, beyond a bound, in another encoding, or comes with attachments.
pub fn scan(received: &Bytes, content: &Content<'_>) -> Result<Envelope, EnvelopeError> {
    scan::scan(received, content, Dialect::MarketingCloud)
}

/// The same, where the envelope is not for Marketing Cloud.
///
/// # Errors
///
/// Those of [`scan()`]; and for core Salesforce a Body whose first element names no API.
pub fn scan_as(
    dialect: Dialect,
    received: &Bytes,
    content: &Content<'_>,
) -> Result<Envelope, EnvelopeError> {
    scan::scan(received, content, dialect)
}

/// Whose SOAP an envelope speaks: where its token stands, and what its Body can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Marketing Cloud's partner API, whose token is a `fueloauth`.
    MarketingCloud,
    /// Core Salesforce, whose token stands in a `SessionHeader` of the namespace of the API that is called.
    Core,
}

/// A SOAP request that was read, ready to be written with any token.
pub struct Envelope {
    dialect: Dialect,
    version: Version,
    operation: Option<Operation>,
    body_element: Option<String>,
    core_operation: bool,
    agreement: Agreement,
    object_types: BTreeSet<String>,
    untyped_objects: bool,
    accounts: Accounts,
    credentials: Credentials,
    encoding: Encoding,
    pieces: Vec<Piece>,
}

/// Whether all that names the action (`SOAPAction`, `action=`, `Action` of WS-Addressing) means what the Body says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// Nothing names an action; the tenant will answer with a Fault.
    Silent,
    /// All of them name the Body's operation.
    Agrees,
    /// One of them names something else, or the Body's operation is not known, or the Body has more than one element.
    Disagrees,
}

/// The accounts that a Body names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts {
    /// `QueryAllAccounts` is there and not false.
    pub all: bool,
    /// What `ID` or `ClientID` of a `Client` or `ClientIDs` says, member ids as they should be; not checked to be numbers.
    pub ids: BTreeSet<String>,
    /// A `Client` or `ClientIDs` names an account by `PartnerClientKey`.
    pub by_key: bool,
}

impl Accounts {
    /// Whether the Body leaves the account to the token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.all && !self.by_key && self.ids.is_empty()
    }
}

/// What the Header had for credentials, all of it taken out. Printed only as how many there were.
#[derive(Clone, Default)]
pub struct Credentials {
    /// Each UsernameToken of a `wsse:Security`.
    pub usernames: Vec<UsernameToken>,
    /// The text of each `fueloauth`, `oAuth` and `SessionHeader`, outermost ones only.
    pub tokens: Vec<Secret>,
}

/// A wsse UsernameToken.
#[derive(Clone, Default)]
pub struct UsernameToken {
    /// `Username`.
    pub username: Option<String>,
    /// `Password`, whatever its type.
    pub password: Option<Secret>,
}

impl fmt::Debug for UsernameToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "UsernameToken({REDACTED})")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (usernames, tokens) = (self.usernames.len(), self.tokens.len());
        write!(
            formatter,
            "Credentials({usernames} usernames, {tokens} tokens)"
        )
    }
}

/// An envelope with a token in it. Printed without its text.
#[derive(Clone)]
pub struct Rendered {
    /// What to send, in order.
    pub pieces: Vec<Bytes>,
    /// The sum of their lengths: `Content-Length`.
    pub length: u64,
}

impl fmt::Debug for Rendered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pieces, length) = (self.pieces.len(), self.length);
        write!(formatter, "Rendered({pieces} pieces, {length} bytes)")
    }
}

impl Envelope {
    /// Whose SOAP it is.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// SOAP 1.1 or 1.2.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// What the Body's first element asks for; `None` if it is no request that Marketing Cloud's partner API knows.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        self.operation
    }

    /// The local name of the Body's first element; `None` if it is empty.
    #[must_use]
    pub fn body_element(&self) -> Option<&str> {
        self.body_element.as_deref()
    }

    /// The name of an operation of core Salesforce's own APIs; `None` in every other namespace, that of an Apex class
    /// included, and in Marketing Cloud's envelopes.
    #[must_use]
    pub fn core_operation(&self) -> Option<&str> {
        self.body_element().filter(|_| self.core_operation)
    }

    /// Whether headers and Body mean the same operation.
    #[must_use]
    pub fn agreement(&self) -> Agreement {
        self.agreement
    }

    /// Every object type that the Body names: the text of each `ObjectType`, and the `xsi:type` of each object, without its
    /// prefix. Elements in an object's data that bear these names count too: rather one too many.
    #[must_use]
    pub fn object_types(&self) -> &BTreeSet<String> {
        &self.object_types
    }

    /// Whether an object in the Body says no type.
    #[must_use]
    pub fn has_untyped_objects(&self) -> bool {
        self.untyped_objects
    }

    /// The accounts that the Body names.
    #[must_use]
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// The credentials that the Header came with.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The envelope with this token, and with this URL for each `To` of WS-Addressing. The pieces that stay are shared, not
    /// copied, so that a replay costs no more than its token.
    #[must_use]
    pub fn render(&self, token: &str, endpoint_url: &str) -> Rendered {
        let encode = |text| self.encoding.encode(Cow::Owned(escape(text).into_owned()));
        let (token, url) = (encode(token), encode(endpoint_url));
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Bytes(bytes) => bytes.clone(),
            Piece::Token => token.clone(),
            Piece::Url => url.clone(),
        });
        let pieces: Vec<Bytes> = pieces.collect();
        let length = pieces.iter().map(|piece| piece.len() as u64).sum();
        Rendered { pieces, length }
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Envelope")
            .field("dialect", &self.dialect)
            .field("version", &self.version)
            .field("operation", &self.operation)
            .field("agreement", &self.agreement)
            .field("encoding", &self.encoding)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}
