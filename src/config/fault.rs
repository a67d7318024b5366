//! Where a value came from, and what is wrong with it. A fault says what is wrong and what to write instead; it never
//! shows a secret.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::secret::REDACTED;

/// Where a value came from. Later ones win over earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody gave it.
    Default,
    /// The configuration file.
    File {
        /// The file.
        path: Arc<Path>,
        /// Counted from 1.
        line: usize,
    },
    /// An environment variable, by its name.
    Environment(String),
    /// A flag of the command line, as `--listen`.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File { path, line } => write!(formatter, "{}:{line}", path.display()),
            Self::Environment(name) => write!(formatter, "environment {name}"),
            Self::Flag(name) => write!(formatter, "flag {name}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub origin: Option<Origin>,
    /// The key, as `tenants.acme.client_id`; empty where none is concerned.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub instead: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(formatter, "{origin}: ")?;
        }
        if !self.key.is_empty() {
            write!(formatter, "{}: ", self.key)?;
        }
        write!(formatter, "{}; {}", self.what, self.instead)
    }
}

/// Everything that is wrong, in the order of the file; never empty where it is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// What has to be mended.
    pub faults: Vec<Fault>,
    /// What was found besides.
    pub warnings: Vec<String>,
}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            fault.fmt(formatter)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl Faults {
    /// Notes a fault.
    pub(super) fn add(
        &mut self,
        origin: Option<Origin>,
        key: impl fmt::Display,
        what: impl Into<String>,
        instead: impl Into<String>,
    ) {
        self.faults.push(Fault {
            origin,
            key: key.to_string(),
            what: what.into(),
            instead: instead.into(),
        });
    }

    /// Notes something that is odd, but no fault.
    pub(super) fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// Brings faults into the file's order; what has no line comes last.
    pub(super) fn sort(&mut self) {
        self.faults.sort_by_key(|fault| match &fault.origin {
            Some(Origin::File { line, .. }) => *line,
            _ => usize::MAX,
        });
    }
}

/// A value as it may be shown in a fault: quoted, cut short, and without a URL's user information.
pub(super) fn shown(text: &str) -> String {
    const LETTERS_MAX: usize = 80;
    let text = without_user(text);
    if text.chars().count() > LETTERS_MAX {
        let short: String = text.chars().take(LETTERS_MAX).collect();
        format!("{short:?}…")
    } else {
        format!("{text:?}")
    }
}

/// The address of a proxy without what stands before its `@`, whether it is a URL or only meant to be one.
pub(super) fn without_credentials(text: &str) -> Cow<'_, str> {
    match text.rsplit_once('@') {
        Some((before, host)) => match before.split_once("://") {
            Some((scheme, _user)) => Cow::Owned(format!("{scheme}://{REDACTED}@{host}")),
            None => Cow::Owned(format!("{REDACTED}@{host}")),
        },
        None => Cow::Borrowed(text),
    }
}

/// A URL may carry a password before its `@`.
pub(super) fn without_user(text: &str) -> Cow<'_, str> {
    match text.split_once("://") {
        Some((scheme, after)) => match after.rsplit_once('@') {
            Some((_user, host)) => Cow::Owned(format!("{scheme}://{REDACTED}@{host}")),
            None => Cow::Borrowed(text),
        },
        None => Cow::Borrowed(text),
    }
}
