//! From what was written to a value of the key's kind. Bounds are checked here; what a value means is not.

mod share;

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::time::Duration;

use super::fault::{Origin, shown};
use super::keys::Kind;
use crate::secret::{REDACTED, Secret};

/// Longer waits than this are slips of the pen, and some would overflow a clock.
const DURATION_MAX: Duration = Duration::from_hours(7 * 24);

/// What stood in the file, or in a variable or flag.
pub(super) enum Raw {
    Text {
        text: String,
        /// From the environment, a flag or a `${VAR}`: may be a number, `true` or a list with commas as well.
        bare: bool,
    },
    Number(i128),
    Fraction(f64),
    Flag(bool),
    List(Vec<(Raw, Origin)>),
    /// Anything else, by its name.
    Other(&'static str),
}

impl Raw {
    pub(super) fn bare(text: &str) -> Self {
        Self::Text {
            text: text.to_owned(),
            bare: true,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Number(_) => "a number",
            Self::Fraction(_) => "a decimal number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Other(name) => name,
        }
    }
}

/// One text of a list.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// A secret, and what may be said of it.
#[derive(Clone)]
pub(super) struct Hidden {
    pub(super) secret: Secret,
    /// It begins or ends with white space, or holds control characters.
    pub(super) is_odd: bool,
    /// Few enough letters to be guessed.
    pub(super) is_short: bool,
    /// Equal for equal secrets, and says nothing else: it is made anew in every process.
    pub(super) likeness: u64,
}

/// A secret with fewer letters can be guessed.
const SECRET_LETTERS_MIN: usize = 16;
pub(super) static LIKENESS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl Hidden {
    pub(super) fn new(text: String) -> Self {
        let is_odd = text.trim() != text || text.contains(char::is_control);
        Self {
            is_odd,
            is_short: text.chars().count() < SECRET_LETTERS_MIN,
            likeness: LIKENESS.hash_one(text.as_bytes()),
            secret: Secret::new(text),
        }
    }
}

/// A value of its key's kind.
#[derive(Clone)]
pub(super) enum Value {
    Text(String),
    Secret(Hidden),
    List(Vec<Item>),
    Flag(bool),
    /// A count, a size in bytes or a member id.
    Number(u64),
    Duration(Duration),
    /// From 0 to 1.
    Share(f64),
}

/// What is wrong with a value, and what to write instead.
pub(super) struct Complaint {
    pub(super) what: String,
    pub(super) instead: String,
}

fn complain<T>(what: impl Into<String>, instead: impl Into<String>) -> Result<T, Complaint> {
    Err(Complaint {
        what: what.into(),
        instead: instead.into(),
    })
}

impl Value {
    /// Equal for equal values, and says nothing else.
    pub(super) fn likeness(&self) -> u64 {
        match self {
            Self::Text(text) => LIKENESS.hash_one(text),
            Self::Secret(hidden) => hidden.likeness,
            Self::List(items) => {
                let texts: Vec<_> = items.iter().map(|item| &item.text).collect();
                LIKENESS.hash_one(texts)
            }
            Self::Flag(flag) => LIKENESS.hash_one(flag),
            Self::Number(number) => LIKENESS.hash_one(number),
            Self::Duration(duration) => LIKENESS.hash_one(duration),
            Self::Share(share) => LIKENESS.hash_one(share.to_bits()),
        }
    }

    /// Reads a value of this kind.
    pub(super) fn read(kind: Kind, raw: Raw, origin: &Origin) -> Result<Self, Complaint> {
        match (kind, raw) {
            (Kind::Addresses | Kind::Texts, Raw::List(items)) => Ok(Self::List(texts(items)?)),
            (Kind::Addresses | Kind::Texts | Kind::Accounts, Raw::Text { text, bare: true }) => {
                Ok(Self::List(split(&text, |letter| letter == ',', origin)))
            }
            (Kind::Words | Kind::Servers, Raw::List(items)) => {
                let words = texts(items)?;
                let words = words
                    .iter()
                    .flat_map(|item| split(&item.text, separates_words, &item.origin));
                Ok(Self::List(words.collect()))
            }
            (Kind::Words | Kind::Servers, Raw::Text { text, .. }) => {
                Ok(Self::List(split(&text, separates_words, origin)))
            }
            (Kind::Paths, Raw::List(items)) => Ok(Self::List(texts(items)?)),
            // Commas may stand in a path.
            (Kind::Paths, Raw::Text { text, .. }) if !text.is_empty() => {
                Ok(Self::List(vec![Item {
                    text,
                    origin: origin.clone(),
                }]))
            }
            (Kind::Accounts, Raw::List(items)) => Ok(Self::List(accounts(items)?)),
            (Kind::Flag, Raw::Flag(flag)) => Ok(Self::Flag(flag)),
            (Kind::Flag, Raw::Text { text, bare: true }) => flag(&text),
            (Kind::Count { min, max }, Raw::Number(number)) => count(number, min, max),
            (Kind::Count { min, max }, Raw::Text { text, bare: true }) => match text.trim().parse()
            {
                Ok(number) => count(number, min, max),
                Err(_) => complain(
                    format!("{} is no number", shown(&text)),
                    "write digits alone",
                ),
            },
            (Kind::Mid | Kind::Account, Raw::Number(number)) => {
                let mid = mid(number)?;
                Ok(if kind == Kind::Mid {
                    Self::Number(mid)
                } else {
                    Self::Text(mid.to_string())
                })
            }
            (Kind::Mid, Raw::Text { text, .. }) => match text.trim().parse() {
                Ok(number) => Ok(Self::Number(mid(number)?)),
                Err(_) => complain(
                    format!("{} is no member id", shown(&text)),
                    "write the MID, a number such as 510001234",
                ),
            },
            (Kind::Share, raw) => share::read(raw),
            (Kind::Duration { zero }, Raw::Text { text, .. }) => duration(&text, zero),
            (Kind::Size { min, max }, Raw::Text { text, .. }) => size(&text, min, max),
            (kind, raw) => text(kind, raw),
        }
    }

    /// As its environment variable would be written; never a secret.
    pub(super) fn plain(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Secret(_) => REDACTED.to_owned(),
            Self::List(items) => {
                let texts: Vec<&str> = items.iter().map(|item| item.text.as_str()).collect();
                texts.join(",")
            }
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Duration(duration) => duration_text(*duration),
            Self::Share(share) => share.to_string(),
        }
    }
}

/// The kinds that are one text.
fn text(kind: Kind, raw: Raw) -> Result<Value, Complaint> {
    let text = match (kind, raw) {
        (
            Kind::Text
            | Kind::Secret
            | Kind::Path
            | Kind::Paths
            | Kind::Url
            | Kind::Proxy
            | Kind::Address
            | Kind::Account
            | Kind::Choice(_),
            Raw::Text { text, .. },
        ) => text,
        (kind, raw) => return wrong_type(kind, &raw),
    };
    if text.is_empty() {
        return complain("is empty", "give it a value, or take the key out");
    }
    match kind {
        Kind::Secret => Ok(Value::Secret(Hidden::new(text))),
        Kind::Choice(words) if !words.contains(&text.as_str()) => {
            let known: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
            complain(
                format!("{} is not one of the words for it", shown(&text)),
                format!("write {}", known.join(" or ")),
            )
        }
        _ => Ok(Value::Text(text)),
    }
}

fn wrong_type(kind: Kind, raw: &Raw) -> Result<Value, Complaint> {
    let (wanted, instead) = match (kind, raw) {
        (Kind::Choice(words), _) => {
            let first = words.first().copied().unwrap_or_default();
            ("text", format!("write it in quotes, as {first:?}"))
        }
        (Kind::Duration { .. }, Raw::Number(number)) if *number >= 0 => (
            "a duration",
            format!("write \"{number}s\" if these are seconds"),
        ),
        (Kind::Size { .. }, Raw::Number(number)) if *number >= 0 => {
            ("a size", format!("write \"{number}B\" if these are bytes"))
        }
        _ => {
            let (wanted, instead) = wanted(kind);
            (wanted, instead.to_owned())
        }
    };
    complain(format!("is {}, not {wanted}", raw.name()), instead)
}

/// What a kind is called, and how it is written.
fn wanted(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Text | Kind::Url | Kind::Path | Kind::Proxy | Kind::Secret | Kind::Choice(_) => {
            ("text", "write it in quotes")
        }
        Kind::Paths => ("text", "write it in quotes, or several in a list"),
        Kind::Servers => (
            "text",
            r#"write "system", or a name server such as "10.0.0.10:53""#,
        ),
        Kind::Address => ("an address", r#"write text such as "127.0.0.1:7401""#),
        Kind::Addresses => ("a list", r#"write a list such as ["127.0.0.1:7362"]"#),
        Kind::Texts => ("a list", r#"write a list such as ["one", "two"]"#),
        Kind::Words => ("a list", r#"write a list such as ["email_read"]"#),
        Kind::Accounts => ("a list", r#"write a list such as ["emea", 510001236]"#),
        Kind::Flag => ("true or false", "write true or false, without quotes"),
        Kind::Count { .. } => ("a whole number", "write digits, without quotes"),
        Kind::Share => ("a number", "write a number from 0 to 1, without quotes"),
        Kind::Duration { .. } => ("a duration", r#"write text such as "90s""#),
        Kind::Size { .. } => ("a size", r#"write text such as "4MiB""#),
        Kind::Mid => ("a member id", "write a number such as 510001234"),
        Kind::Account => ("an account", "write a name in quotes, or a member id"),
    }
}

fn separates_words(letter: char) -> bool {
    letter.is_whitespace() || letter == ','
}

fn split(text: &str, separates: impl Fn(char) -> bool, origin: &Origin) -> Vec<Item> {
    text.split(separates)
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| Item {
            text: part.to_owned(),
            origin: origin.clone(),
        })
        .collect()
}

fn texts(items: Vec<(Raw, Origin)>) -> Result<Vec<Item>, Complaint> {
    items
        .into_iter()
        .map(|(raw, origin)| match raw {
            Raw::Text { text, .. } => Ok(Item { text, origin }),
            other => complain(
                format!("holds {}, where text belongs", other.name()),
                "write each entry in quotes",
            ),
        })
        .collect()
}

/// Names as they are, member ids as their digits.
fn accounts(items: Vec<(Raw, Origin)>) -> Result<Vec<Item>, Complaint> {
    let as_text = |(raw, origin)| match raw {
        Raw::Number(number) => Ok((Raw::bare(&mid(number)?.to_string()), origin)),
        other => Ok((other, origin)),
    };
    texts(items.into_iter().map(as_text).collect::<Result<_, _>>()?)
}

fn flag(text: &str) -> Result<Value, Complaint> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(Value::Flag(true)),
        "false" | "0" | "no" | "off" => Ok(Value::Flag(false)),
        _ => complain(
            format!("{} is neither true nor false", shown(text)),
            "write true or false",
        ),
    }
}

fn count(number: i128, min: u64, max: u64) -> Result<Value, Complaint> {
    match u64::try_from(number) {
        Ok(count) if (min..=max).contains(&count) => Ok(Value::Number(count)),
        _ => complain(
            format!("{number} is out of bounds"),
            format!("write a number from {min} to {max}"),
        ),
    }
}

fn mid(number: i128) -> Result<u64, Complaint> {
    match u64::try_from(number) {
        Ok(mid) if mid > 0 => Ok(mid),
        _ => complain(
            format!("{number} is no member id"),
            "write the MID, a positive number such as 510001234",
        ),
    }
}

fn duration(text: &str, zero: bool) -> Result<Value, Complaint> {
    let trimmed = text.trim();
    if !trimmed.is_empty() && trimmed != "0" && trimmed.bytes().all(|byte| byte.is_ascii_digit()) {
        return complain(
            format!("{} has no unit", shown(text)),
            format!("write \"{trimmed}s\" if these are seconds"),
        );
    }
    let Ok(duration) = humantime::parse_duration(trimmed) else {
        return complain(
            format!("{} is no duration", shown(text)),
            r#"write a number and a unit, as "500ms", "90s" or "2h""#,
        );
    };
    if duration.is_zero() && !zero {
        return complain(
            "must be longer than nothing",
            r#"write a duration such as "30s""#,
        );
    }
    if duration > DURATION_MAX {
        return complain(
            format!("{} is too long", shown(text)),
            r#"write at most "7days""#,
        );
    }
    Ok(Value::Duration(duration))
}

fn size(text: &str, min: u64, max: u64) -> Result<Value, Complaint> {
    let trimmed = text.trim();
    let digits = trimmed.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let unit = trimmed.get(digits.len()..).unwrap_or_default().trim();
    let factor = match unit.to_ascii_lowercase().as_str() {
        "b" => Some(1),
        "kb" => Some(1_000),
        "mb" => Some(1_000_000),
        "gb" => Some(1_000_000_000),
        "kib" => Some(1 << 10),
        "mib" => Some(1 << 20),
        "gib" => Some(1_u64 << 30),
        _ => None,
    };
    let number: Option<u64> = digits.parse().ok();
    let (Some(number), Some(factor)) = (number, factor) else {
        let likely = match unit.to_ascii_lowercase().as_str() {
            "" => "B",
            "k" | "ki" => "KiB",
            "m" | "mi" => "MiB",
            "g" | "gi" => "GiB",
            _ => "",
        };
        let example = match number {
            Some(number) if !likely.is_empty() => format!("write \"{number}{likely}\""),
            _ => r#"write a whole number and a unit, as "64KiB" or "4MiB""#.to_owned(),
        };
        return complain(format!("{} is no size", shown(text)), example);
    };
    match number.checked_mul(factor) {
        Some(bytes) if (min..=max).contains(&bytes) => Ok(Value::Number(bytes)),
        _ => complain(
            format!("{} is out of bounds", shown(text)),
            format!(
                "write a size from \"{}\" to \"{}\"",
                size_text(min),
                size_text(max)
            ),
        ),
    }
}

/// In seconds, as the sample has them, or exact.
fn duration_text(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        humantime::format_duration(duration).to_string()
    }
}

/// A number of bytes with the largest unit that divides it.
pub(super) fn size_text(bytes: u64) -> String {
    for (unit, factor) in [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes > 0 && bytes.is_multiple_of(factor) {
            return format!("{}{unit}", bytes / factor);
        }
    }
    format!("{bytes}B")
}
