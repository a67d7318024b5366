//! What the HTTP head says of an envelope: media type, charset, action. Never looks at the body.

/// The two headers that belong to an envelope, as they came.
#[derive(Debug, Clone, Copy, Default)]
pub struct Content<'a> {
    /// `Content-Type`.
    pub content_type: Option<&'a str>,
    /// `SOAPAction`.
    pub soap_action: Option<&'a str>,
}

impl Content<'_> {
    /// Whether the envelope comes with attachments (SOAP with Attachments, MTOM).
    pub(super) fn has_attachments(&self) -> bool {
        let media_type = self.content_type.unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        let multipart = b"multipart/";
        media_type.eq_ignore_ascii_case("application/xop+xml")
            || media_type
                .as_bytes()
                .get(..multipart.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(multipart))
    }

    /// The parameter `charset`.
    pub(super) fn charset(&self) -> Option<String> {
        parameter(self.content_type?, "charset").filter(|charset| !charset.is_empty())
    }

    /// What HTTP says the action is: `SOAPAction` (1.1), then the parameter `action` (1.2). An empty one says nothing.
    pub(super) fn actions(&self) -> impl Iterator<Item = String> {
        let header = self.soap_action.map(|action| {
            let action = action.trim();
            let quoted = action
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'));
            quoted.unwrap_or(action).to_owned()
        });
        let parameter = self.content_type.and_then(|text| parameter(text, "action"));
        [header, parameter]
            .into_iter()
            .flatten()
            .filter(|action| !action.is_empty())
    }
}

/// A parameter of a media type, without quotes and escapes; the first of several.
fn parameter(content_type: &str, wanted: &str) -> Option<String> {
    let mut rest = content_type.split_once(';')?.1;
    loop {
        let (name, after) = rest.split_once('=')?;
        // A parameter without a value is skipped.
        let name = name.rsplit(';').next().unwrap_or_default().trim();
        let after = after.trim_start();
        let (value, following) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let (value, following) = after.split_once(';').unwrap_or((after, ""));
                (value.trim().to_owned(), following)
            }
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = following;
    }
}

/// A quoted string after its opening quote: what it means, and what follows its closing quote.
fn unquote(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            other => value.push(other),
        }
    }
    (value, characters.as_str())
}
