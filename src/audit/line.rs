//! One line of the audit log as it is put together. Never holds a newline, and leaves out what is not known.

use serde::Serialize;

/// A JSON object whose fields stand in the order in which they were given.
#[derive(Debug, Clone, Default)]
pub struct Line {
    fields: String,
}

impl Line {
    /// An object without fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text, if there is one.
    #[must_use]
    pub fn text<'a>(self, name: &str, value: impl Into<Option<&'a str>>) -> Self {
        self.put(name, value.into())
    }

    /// Adds a whole number, if there is one.
    #[must_use]
    pub fn number(self, name: &str, value: impl Into<Option<u64>>) -> Self {
        self.put(name, value.into())
    }

    /// Adds a number with fractions, if there is one and it is finite.
    #[must_use]
    pub fn decimal(self, name: &str, value: impl Into<Option<f64>>) -> Self {
        self.put(name, value.into().filter(|number| number.is_finite()))
    }

    /// Adds a yes or no, if there is one.
    #[must_use]
    pub fn flag(self, name: &str, value: impl Into<Option<bool>>) -> Self {
        self.put(name, value.into())
    }

    /// Adds a list of texts, if there is one; an empty one stays an empty list.
    #[must_use]
    pub fn list<T: Serialize + AsRef<str>>(self, name: &str, value: Option<&[T]>) -> Self {
        self.put(name, value)
    }

    /// The whole object, without a newline.
    #[must_use]
    pub fn finish(self) -> String {
        format!("{{{}}}", self.fields)
    }

    fn put(mut self, name: &str, value: Option<impl Serialize>) -> Self {
        let Some(value) = value else { return self };
        // Texts, numbers and lists of texts cannot fail to become JSON.
        if let (Ok(name), Ok(value)) = (serde_json::to_string(name), serde_json::to_string(&value))
        {
            if !self.fields.is_empty() {
                self.fields.push(',');
            }
            self.fields.push_str(&name);
            self.fields.push(':');
            self.fields.push_str(&value);
        }
        self
    }
}
