//! Faults in the vendor's words and shapes, for both SOAP versions.
//!
//! Never says that a call was not permitted: the vendor does that in an answer with status 200.

use serde::{Deserialize, Serialize};

use super::entry::SoapVersion;
use super::reply::{self, WSSE, escaped};
use crate::sandbox::answer::{self, Answer};
use crate::sandbox::switches::Switches;

/// Faults that the SOAP face says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SoapFault {
    /// `q0:Security`, `Token Expired`: HTTP 500 unless a switch says otherwise.
    TokenExpired,
    /// `q0:Security`, `Login Failed` in the casing of a switch: HTTP 500.
    LoginFailed,
    /// `soap:Client`, for an action that is missing: HTTP 500.
    MissingAction,
    /// `soap:Client`, for any message that cannot be understood: HTTP 500.
    Client,
    /// `soap:Server` with an `apifault` of Code 2 in its detail: HTTP 500.
    Outage,
    /// `soap:Server` with the text of a switch: HTTP 500.
    Throttled,
}

/// Why a message is not answered.
#[derive(Clone)]
pub(super) struct Refusal {
    kind: SoapFault,
    /// Said in place of the usual words.
    pub(super) words: Option<String>,
    /// In place of the usual status.
    status: Option<u16>,
}

impl Refusal {
    pub(super) fn client(words: impl Into<String>) -> Self {
        Self {
            words: Some(words.into()),
            ..Self::from(SoapFault::Client)
        }
    }

    /// The text of the fault.
    pub(super) fn text<'a>(&'a self, switches: &'a Switches) -> &'a str {
        self.words
            .as_deref()
            .unwrap_or_else(|| words(self.kind, switches))
    }

    pub(super) fn with_status(self, status: u16) -> Self {
        Self {
            status: Some(status),
            ..self
        }
    }
}

impl From<SoapFault> for Refusal {
    fn from(kind: SoapFault) -> Self {
        Self {
            kind,
            words: None,
            status: None,
        }
    }
}

/// The answer that says why. `endpoint` is the face's own URL, `asked` the version of the request.
pub(super) fn answer(
    refusal: &Refusal,
    asked: SoapVersion,
    endpoint: &str,
    switches: &Switches,
) -> Answer {
    let version = if switches.soap_12_faults {
        asked
    } else {
        SoapVersion::V11
    };
    let usual = match refusal.kind {
        SoapFault::TokenExpired => switches.soap_expired_status,
        _ => 500,
    };
    let words = refusal.text(switches);
    let mut body = reply::open(version, &reply::fault_action(), None);
    body.push_str(&match version {
        SoapVersion::V11 => fault_11(refusal.kind, words, endpoint),
        SoapVersion::V12 => fault_12(refusal.kind, words, endpoint),
    });
    body.push_str(reply::CLOSE);
    answer::whole(
        refusal.status.unwrap_or(usual),
        version.content_type(),
        body,
    )
}

fn words(kind: SoapFault, switches: &Switches) -> &str {
    match kind {
        SoapFault::TokenExpired => "Token Expired",
        SoapFault::LoginFailed => &switches.soap_login_failed,
        SoapFault::MissingAction => {
            "Message does not contain an action: neither SOAPAction nor WS-Addressing names one."
        }
        SoapFault::Client => "The message could not be understood.",
        SoapFault::Outage => "The API is temporarily unavailable.",
        SoapFault::Throttled => &switches.soap_throttled,
    }
}

/// What stands in the detail.
fn detail(kind: SoapFault) -> Option<&'static str> {
    (kind == SoapFault::Outage).then_some(
        "<apifault xmlns=\"urn:fault.partner.exacttarget.com\"><Code>2</Code>\
         <Message>The API is temporarily unavailable.</Message><LogID>0</LogID></apifault>",
    )
}

fn is_security(kind: SoapFault) -> bool {
    matches!(kind, SoapFault::TokenExpired | SoapFault::LoginFailed)
}

fn fault_11(kind: SoapFault, words: &str, endpoint: &str) -> String {
    let code = match kind {
        _ if is_security(kind) => {
            format!("<faultcode xmlns:q0=\"{WSSE}\">q0:Security</faultcode>")
        }
        SoapFault::Outage | SoapFault::Throttled => "<faultcode>soap:Server</faultcode>".to_owned(),
        _ => "<faultcode>soap:Client</faultcode>".to_owned(),
    };
    let detail =
        detail(kind).map_or_else(String::new, |detail| format!("<detail>{detail}</detail>"));
    format!(
        "<soap:Fault>{code}<faultstring>{}</faultstring><faultactor>{}</faultactor>{detail}</soap:Fault>",
        escaped(words),
        escaped(endpoint),
    )
}

fn fault_12(kind: SoapFault, words: &str, endpoint: &str) -> String {
    let code = match kind {
        _ if is_security(kind) => format!(
            "<soap:Value>soap:Sender</soap:Value><soap:Subcode>\
             <soap:Value xmlns:q0=\"{WSSE}\">q0:Security</soap:Value></soap:Subcode>"
        ),
        SoapFault::Outage | SoapFault::Throttled => {
            "<soap:Value>soap:Receiver</soap:Value>".to_owned()
        }
        _ => "<soap:Value>soap:Sender</soap:Value>".to_owned(),
    };
    let detail = detail(kind).map_or_else(String::new, |detail| {
        format!("<soap:Detail>{detail}</soap:Detail>")
    });
    format!(
        "<soap:Fault><soap:Code>{code}</soap:Code><soap:Reason>\
         <soap:Text xml:lang=\"en\">{}</soap:Text></soap:Reason><soap:Role>{}</soap:Role>{detail}</soap:Fault>",
        escaped(words),
        escaped(endpoint),
    )
}
