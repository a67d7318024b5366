//! What a call may do: a mode that holds back what writes or sends, and allow lists of patterns; which of both would do for calls
//! that were seen, and which scope a call needs.
//!
//! Pure functions over a call as it will be done. Never reads a body, a clock or the configuration, never changes a call, and
//! never gives the benefit of the doubt: what cannot be told apart counts as the stricter of the two.

mod effect;
mod futile;
mod glob;
mod held;
mod path;
mod pattern;
mod reference;
pub mod scopes;
mod span;
mod suggestion;
mod table;
mod template;
#[cfg(test)]
mod tests;

use http::{HeaderMap, Method};

use crate::soap::envelope::{Agreement, Envelope};

pub use effect::effect;
pub use futile::futile;
pub use held::{Doubt, Held};
pub use pattern::{AllowList, PATTERN_LENGTH_MAX, Pattern, PatternError};
pub use reference::reference;
pub use suggestion::{Suggestion, suggest};
pub use table::{ROOTS, core_operation};
pub use template::template;

/// What the calls of a tenant, a client, a listener or an `exec` may do. The stricter one is the greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Mode {
    /// Everything.
    #[default]
    Full,
    /// All but what sends messages to people.
    NoSend,
    /// Only what reads.
    ReadOnly,
}

impl Mode {
    /// Every mode, the strictest last.
    pub const ALL: [Self; 3] = [Self::Full, Self::NoSend, Self::ReadOnly];

    /// The mode of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    /// Its name, as the configuration has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::NoSend => "no_send",
            Self::ReadOnly => "read_only",
        }
    }

    /// The one of two modes that lets less through.
    #[must_use]
    pub fn strictest(self, other: Self) -> Self {
        self.max(other)
    }

    /// Whether a call with this effect may be made.
    #[must_use]
    pub fn permits(self, effect: Effect) -> bool {
        match self {
            Self::Full => true,
            Self::NoSend => effect < Effect::Send,
            Self::ReadOnly => effect == Effect::Read,
        }
    }
}

/// What becomes of what a client's own policy refuses, its `mode` and its `allow` list. What others impose on it always holds:
/// the tenant, the listener, an `exec`, and which accounts it may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Posture {
    /// It is held back.
    #[default]
    Enforce,
    /// It is let through, and recorded as what would have been held back.
    Observe,
}

impl Posture {
    /// Every posture.
    pub const ALL: [Self; 2] = [Self::Enforce, Self::Observe];

    /// The posture of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|posture| posture.name() == name)
    }

    /// Its name, as the configuration has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        }
    }
}

/// What a call does at the tenant. The graver one is the greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Changes something.
    Write,
    /// Sends messages to people, or starts what may.
    Send,
}

/// One call as it will be done.
#[derive(Debug, Clone, Copy)]
pub enum Call<'a> {
    /// A REST call.
    Rest {
        /// Its method, in any case.
        method: &'a Method,
        /// Its path as it goes to the tenant: raw, with escapes, without query.
        path: &'a str,
        /// Its headers, of which only those count that name another method or path.
        headers: &'a HeaderMap,
    },
    /// A SOAP call.
    Soap(&'a Envelope),
}

/// Whether a call may be made. Without a policy (everything permitted, no list) nothing is looked at and nothing refused.
///
/// # Errors
///
/// Why the call is held back. What is unclear comes first, then the mode, then the list.
pub fn judge(call: &Call<'_>, mode: Mode, allow: Option<&AllowList>) -> Result<(), Held> {
    if mode == Mode::Full && allow.is_none() {
        return Ok(());
    }
    if let Some(doubt) = doubt(call) {
        let call = held::name(call);
        return Err(Held::Unclear { call, doubt });
    }
    let effect = effect(call);
    if !mode.permits(effect) {
        let call = held::name(call);
        // What sends writes too, so that the stricter mode has one word for both.
        return Err(match mode {
            Mode::ReadOnly => Held::Writes { call, mode },
            Mode::NoSend | Mode::Full => Held::Sends { call, mode },
        });
    }
    match allow {
        Some(list) if !list.allows(call) => Err(held::not_allowed(call)),
        _ => Ok(()),
    }
}

/// Why it is not clear what a call would do, if it is not. Wherever a policy applies, such a call is held back.
#[must_use]
pub fn doubt(call: &Call<'_>) -> Option<Doubt> {
    match call {
        Call::Rest { path, headers, .. } => {
            path::override_header(headers).or_else(|| path::decode(path).err())
        }
        Call::Soap(envelope) => {
            (envelope.agreement() == Agreement::Disagrees).then_some(Doubt::Disagreement)
        }
    }
}
