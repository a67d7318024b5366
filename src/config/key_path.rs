//! Paths of keys: `tenants.acme.client_id`, `listener[0].address`. Knows nothing of what a key means.

use std::fmt;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Key(String),
    /// Place in an array of tables, from 0.
    Index(usize),
}

/// The place of a value.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyPath(Vec<Step>);

impl KeyPath {
    /// A path of plain keys, as `limits.max_headers`.
    pub(super) fn of(dotted: &str) -> Self {
        Self(
            dotted
                .split('.')
                .map(|key| Step::Key(key.to_owned()))
                .collect(),
        )
    }

    pub(super) fn child(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    pub(super) fn item(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    pub(super) fn parent(&self) -> Self {
        let mut steps = self.0.clone();
        steps.pop();
        Self(steps)
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The last key; empty for the root and for places in arrays.
    pub(super) fn leaf(&self) -> &str {
        match self.0.last() {
            Some(Step::Key(key)) => key,
            _ => "",
        }
    }

    /// The step right below `parent`, if this path goes through it.
    pub(super) fn below(&self, parent: &Self) -> Option<&Step> {
        self.0
            .strip_prefix(parent.0.as_slice())
            .and_then(<[Step]>::first)
    }

    /// Whether the path fits a pattern, in which `*` is any key and `[]` any place in an array.
    pub(super) fn fits(&self, pattern: &str) -> bool {
        let mut wanted = pattern.split('.');
        let all = self.0.iter().all(|step| match (step, wanted.next()) {
            (Step::Key(_), Some("*")) | (Step::Index(_), Some("[]")) => true,
            (Step::Key(key), Some(name)) => key == name,
            (Step::Index(_), _) | (_, None) => false,
        });
        all && wanted.next().is_none()
    }

    /// Whether some path that fits the pattern lies below this one.
    pub(super) fn leads_to(&self, pattern: &str) -> bool {
        let names: Vec<&str> = pattern.split('.').collect();
        (self.0.len() < names.len())
            && names
                .get(..self.0.len())
                .is_some_and(|head| self.is_root() || self.fits(&head.join(".")))
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(formatter, "[{index}]")?,
                Step::Key(key) => {
                    let dot = if position > 0 { "." } else { "" };
                    write!(formatter, "{dot}{}", key_text(key))?;
                }
            }
        }
        Ok(())
    }
}

/// A key as TOML writes it: bare where that is possible, else quoted.
pub(super) fn key_text(key: &str) -> String {
    let bare = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if !key.is_empty() && key.chars().all(bare) {
        key.to_owned()
    } else {
        format!("{key:?}")
    }
}
