//! What W3C's `traceparent` carries from one process to the next. Reads strictly: what is not written as it has to be counts as
//! not there.

use http::HeaderValue;

/// A span's place in its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The trace; never 0.
    pub trace_id: u128,
    /// The span; never 0.
    pub span_id: u64,
    /// Whether the spans of this trace are kept.
    pub is_sampled: bool,
}

/// `00-`, 32 digits, `-`, 16 digits, `-`, 2 digits.
const SIZE: usize = 55;

impl Context {
    /// Reads a `traceparent`. A version of the future may say more after what this one says.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (known, more) = text.split_at_checked(SIZE)?;
        let mut parts = known.split('-');
        let version = hexadecimal(parts.next()?, 2)?;
        let trace_id = hexadecimal(parts.next()?, 32)?;
        let span_id = hexadecimal(parts.next()?, 16)?;
        let flags = hexadecimal(parts.next()?, 2)?;
        let is_whole = match version {
            0 => more.is_empty(),
            0xff => false,
            _ => more.is_empty() || more.starts_with('-'),
        };
        let context = Self {
            trace_id,
            span_id: u64::try_from(span_id).ok()?,
            is_sampled: flags & 1 == 1,
        };
        let is_real = context.trace_id != 0 && context.span_id != 0;
        (is_whole && is_real && parts.next().is_none()).then_some(context)
    }

    /// The `traceparent` for whoever is called by this span.
    #[must_use]
    pub fn traceparent(&self) -> Option<HeaderValue> {
        let flags = u8::from(self.is_sampled);
        let Self {
            trace_id, span_id, ..
        } = self;
        HeaderValue::try_from(format!("00-{trace_id:032x}-{span_id:016x}-{flags:02x}")).ok()
    }

    /// The trace, as logs have it.
    #[must_use]
    pub fn trace_id_text(&self) -> String {
        format!("{:032x}", self.trace_id)
    }
}

/// So many digits, of which none may be in upper case.
fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    let fits = text.len() == digits && text.bytes().all(is_digit);
    fits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}
