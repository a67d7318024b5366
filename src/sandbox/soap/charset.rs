//! From the bytes of a message to its text: UTF-8, UTF-16 with a byte order mark, and ISO-8859-1.
//!
//! Never guesses: what is declared and not known, or not true, is an error in words.

/// A message as text, and the way back to its bytes.
pub(super) struct Text {
    pub(super) text: String,
    charset: Charset,
    /// Bytes before the text: the byte order mark.
    mark: usize,
}

#[derive(Clone, Copy)]
enum Charset {
    Utf8,
    Utf16 { big_endian: bool },
    Latin1,
}

impl Text {
    /// Where in the received bytes the character stands that begins at `place` of the text.
    pub(super) fn offset(&self, place: usize) -> usize {
        let before = self.text.get(..place).unwrap_or(&self.text);
        let bytes = match self.charset {
            Charset::Utf8 => before.len(),
            Charset::Utf16 { .. } => 2 * before.encode_utf16().count(),
            Charset::Latin1 => before.chars().count(),
        };
        self.mark + bytes
    }
}

/// Reads `body`. A byte order mark counts more than the `charset` of Content-Type, and that more than the XML
/// declaration (RFC 7303, section 3).
pub(super) fn decode(body: &[u8], charset: Option<&str>) -> Result<Text, String> {
    let (charset, mark) = match body {
        [0xEF, 0xBB, 0xBF, ..] => (Charset::Utf8, 3),
        [0xFE, 0xFF, ..] => (Charset::Utf16 { big_endian: true }, 2),
        [0xFF, 0xFE, ..] => (Charset::Utf16 { big_endian: false }, 2),
        _ => {
            let declared = charset.map(str::to_owned).or_else(|| declared(body));
            (named(declared.as_deref().unwrap_or("utf-8"))?, 0)
        }
    };
    let data = body.get(mark..).unwrap_or_default();
    let text = match charset {
        Charset::Utf8 => std::str::from_utf8(data)
            .map(str::to_owned)
            .map_err(|fault| format!("The message is not UTF-8: {fault}."))?,
        Charset::Utf16 { big_endian } => utf16(data, big_endian)?,
        Charset::Latin1 => data.iter().copied().map(char::from).collect(),
    };
    Ok(Text {
        text,
        charset,
        mark,
    })
}

fn named(name: &str) -> Result<Charset, String> {
    match name.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" | "us-ascii" => Ok(Charset::Utf8),
        "iso-8859-1" | "latin1" => Ok(Charset::Latin1),
        "utf-16" => Err("UTF-16 needs a byte order mark.".to_owned()),
        _ => Err(format!("The charset {name:?} is not supported.")),
    }
}

fn utf16(data: &[u8], big_endian: bool) -> Result<String, String> {
    let (pairs, rest) = data.as_chunks::<2>();
    let units = pairs.iter().map(|pair| {
        if big_endian {
            u16::from_be_bytes(*pair)
        } else {
            u16::from_le_bytes(*pair)
        }
    });
    let text: Result<String, _> = char::decode_utf16(units).collect();
    match text {
        Ok(text) if rest.is_empty() => Ok(text),
        _ => Err("The message is not UTF-16.".to_owned()),
    }
}

/// The `encoding` of an XML declaration that is written in something like ASCII.
fn declared(body: &[u8]) -> Option<String> {
    let start = body.get(..200).unwrap_or(body);
    let start = String::from_utf8_lossy(start);
    let (declaration, _) = start.strip_prefix("<?xml")?.split_once("?>")?;
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (name, _) = value.get(1..)?.split_once(quote)?;
    Some(name.to_owned())
}
