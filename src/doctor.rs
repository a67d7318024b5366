//! Online diagnosis of a tenant, step by step: what is observed on the way, at the token endpoint and at its APIs becomes
//! findings that say what is wrong and what to do.
//!
//! Only reads, mints at most once for each tenant and account, and spends no refresh token. Everything that judges is a pure
//! function from what was seen to a [`Finding`]; `examine` alone acts. No secret and no token ever stands in a finding.

mod answer;
mod ask;
mod calls;
mod certificate;
mod clock;
mod code;
mod examine;
mod mint;
mod tls;
mod way;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

pub use code::Code;
pub use examine::examine;

use crate::proxy::TenantSettings;
use crate::token::Mid;
use crate::{state, upstream};

/// How long a tenant is looked at.
pub const LIMIT: Duration = Duration::from_secs(60);

/// What a diagnosis needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How connections go out.
    pub upstream: upstream::Settings,
    /// What the environment says of proxies, whether it counts or not.
    pub environment: upstream::EgressProxy,
    /// Where this proxy listens when it runs.
    pub listeners: Vec<SocketAddr>,
    /// Where logins are kept, if they are.
    pub state: Option<state::Settings>,
    /// Logins are on Redis, with running replicas.
    pub is_shared: bool,
    /// How long all steps of one subject may take together.
    pub limit: Duration,
}

/// One tenant and account to look at.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The tenant.
    pub tenant: TenantSettings,
    /// The account's member id; `None`: the package's own.
    pub account: Option<Mid>,
    /// The account as the configuration calls it, or its member id; `None` where it has neither.
    pub account_name: Option<String>,
    /// Which secret is tried, in words; `None`: the configured one.
    pub secret_of: Option<String>,
}

/// What is looked at, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The configuration, as `check` has it.
    Configuration,
    /// Which egress proxy is used.
    Egress,
    /// The auth host's name.
    Dns,
    /// A connection to it.
    Tcp,
    /// The handshake on it.
    Tls,
    /// Our clock against the server's.
    Clock,
    /// The token request.
    Token,
    /// Which instances the token response names.
    Instance,
    /// Whom the token stands for.
    UserInfo,
    /// One read by REST.
    Rest,
    /// One read by SOAP.
    Soap,
}

impl Stage {
    /// Its stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Egress => "egress",
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Clock => "clock",
            Self::Token => "token",
            Self::Instance => "instance",
            Self::UserInfo => "userinfo",
            Self::Rest => "rest",
            Self::Soap => "soap",
        }
    }
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// As it should be.
    Ok,
    /// Odd, but calls get through.
    Warning,
    /// Calls fail.
    Failed,
    /// Not looked at; the message says why.
    LeftOut,
}

impl Mark {
    /// Its stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::LeftOut => "left_out",
        }
    }
}

/// What one step has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How it went.
    pub mark: Mark,
    /// The same, for programs.
    pub code: Code,
    /// One line.
    pub message: String,
    /// What was seen, in the words of whoever said it.
    pub cause: Option<String>,
    /// What to do.
    pub fix: Option<String>,
}

/// One step of a report.
#[derive(Debug, Clone)]
pub struct Step {
    /// The tenant; `None` where the step is about all of them.
    pub tenant: Option<String>,
    /// The account, as it was called.
    pub account: Option<String>,
    /// What was looked at.
    pub stage: Stage,
    /// What was found.
    pub finding: Finding,
    /// How long it took.
    pub took: Duration,
}

impl Finding {
    /// All is well.
    #[must_use]
    pub fn ok(message: impl Into<String>) -> Self {
        Self::new(Mark::Ok, Code::Ok, message)
    }

    /// Not looked at.
    #[must_use]
    pub fn left_out(why: impl Into<String>) -> Self {
        Self::new(Mark::LeftOut, Code::LeftOut, why)
    }

    /// Calls fail by this.
    #[must_use]
    pub fn failed(code: Code, message: impl Into<String>, fix: impl Into<String>) -> Self {
        let finding = Self::new(Mark::Failed, code, message);
        Self {
            fix: Some(fix.into()),
            ..finding
        }
    }

    /// Calls get through all the same.
    #[must_use]
    pub fn warning(code: Code, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            mark: Mark::Warning,
            ..Self::failed(code, message, fix)
        }
    }

    fn new(mark: Mark, code: Code, message: impl Into<String>) -> Self {
        Self {
            mark,
            code,
            message: message.into(),
            cause: None,
            fix: None,
        }
    }

    /// With what was seen.
    #[must_use]
    pub fn because(mut self, cause: impl AsRef<str>) -> Self {
        let cause = answer::printable(cause.as_ref());
        self.cause = (!cause.is_empty()).then_some(cause);
        self
    }

    /// Whether calls fail by it.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.mark == Mark::Failed
    }
}
