//! SOAP as pure functions: from an envelope's bytes to the pieces that stay, from an answer's bytes to a verdict; the verdict
//! on two APIs' errors too, which are no SOAP but are told by what they say and not by their status.
//!
//! Never reads a socket, a file or a clock, never waits, and never writes a document anew: what it keeps are slices of what
//! came in.

mod content;
mod encoding;
pub mod envelope;
pub mod fault;
mod malformed;
pub mod refusal;
mod splice;
pub mod wsdl;
mod xml;

pub use content::Content;
pub use malformed::Malformed;

/// Which SOAP an envelope is written in; its namespace says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `http://schemas.xmlsoap.org/soap/envelope/`
    Soap11,
    /// `http://www.w3.org/2003/05/soap-envelope`
    Soap12,
}

impl Version {
    /// The Content-Type that an answer in this version has.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Soap11 => "text/xml; charset=utf-8",
            Self::Soap12 => "application/soap+xml; charset=utf-8",
        }
    }
}
