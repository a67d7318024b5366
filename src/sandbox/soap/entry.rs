//! What the journal keeps of a SOAP message.
//!
//! Facts only; what is wrong with a message stands in the entry's faults.

use serde::Serialize;

/// The SOAP version of an envelope, by its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum SoapVersion {
    /// `http://schemas.xmlsoap.org/soap/envelope/`
    #[serde(rename = "1.1")]
    V11,
    /// `http://www.w3.org/2003/05/soap-envelope`
    #[serde(rename = "1.2")]
    V12,
}

impl SoapVersion {
    pub(in crate::sandbox) fn namespace(self) -> &'static str {
        match self {
            Self::V11 => "http://schemas.xmlsoap.org/soap/envelope/",
            Self::V12 => "http://www.w3.org/2003/05/soap-envelope",
        }
    }

    pub(in crate::sandbox) fn content_type(self) -> &'static str {
        match self {
            Self::V11 => "text/xml; charset=utf-8",
            Self::V12 => "application/soap+xml; charset=utf-8",
        }
    }
}

/// One SOAP message as it arrived; there for every envelope that could be read, also when a script answered, unless it
/// answered early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SoapEntry {
    /// The local name of the first element in the Body.
    pub operation: Option<String>,
    /// Object types named in the Body: the text of `ObjectType` elements and the `xsi:type` of `Objects`, each once.
    pub object_types: Vec<String>,
    /// The action, from SOAPAction, the media type or WS-Addressing.
    pub action: Option<String>,
    /// The version of the envelope.
    pub version: SoapVersion,
    /// Elements that carry a token anywhere in the Header, in whatever namespace: `fueloauth`, and on the core face
    /// `sessionId`.
    pub token_count: usize,
    /// SHA-256, in lower-case hex, of the received bytes from the start of the Body element's start tag to the end of
    /// its end tag.
    pub body_element_sha256: String,
    /// The OverallStatus, or the text of the fault, that the face said; none when a script answered.
    pub answered: Option<String>,
}
