//! Forms as they come in bodies and queries.
//!
//! A field that stands twice is refused: RFC 6749, section 3.2, forbids it, and whoever guesses can be misled.

use std::collections::BTreeMap;

use http::HeaderValue;

/// The media type of a form.
pub(super) const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// The fields of a form by name.
pub(super) type Fields = BTreeMap<String, String>;

/// Reads a form, or says in words what is wrong with it.
pub(super) fn fields(form: &[u8]) -> Result<Fields, String> {
    let mut fields = Fields::new();
    for (key, value) in form_urlencoded::parse(form) {
        if fields.insert(key.to_string(), value.into_owned()).is_some() {
            return Err(format!("{key} is given more than once."));
        }
    }
    Ok(fields)
}

/// The media type of a Content-Type, without its parameters.
pub(super) fn media_type(content_type: Option<&HeaderValue>) -> &str {
    let content_type = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    content_type.split(';').next().unwrap_or_default().trim()
}
