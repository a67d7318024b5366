//! How each language writes a text, and how it gets a secret that stands elsewhere. Pure.

use std::fmt::Write as _;
use std::path::Path;

use crate::cli::ca;

/// What a snippet is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Shell,
    Python,
    JavaScript,
    Php,
    Ruby,
    Java,
    CSharp,
    Go,
    Yaml,
    Json,
    Xml,
    /// Java's property files.
    Properties,
}

/// Where a program finds the secret that it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secret<'a> {
    /// Any text does.
    Any,
    /// In this file, before its line end.
    File(&'a Path),
    /// In this variable of its environment.
    Variable(&'a str),
}

/// What stands for a secret where any does.
pub(super) const ANYTHING: &str = "anything";
/// What stands for a secret in files that can hold nothing but the secret itself.
pub(super) const TO_FILL_IN: &str = "FILL-IN-THE-SECRET";

impl Language {
    /// The text as one literal, quotes included.
    pub(super) fn literal(self, text: &str) -> String {
        match self {
            Self::Shell => ca::quoted(text),
            Self::Php | Self::Ruby => {
                let escaped = text.replace('\\', r"\\").replace('\'', r"\'");
                format!("'{escaped}'")
            }
            Self::Xml => xml(text),
            Self::Properties => properties(text),
            Self::Python
            | Self::JavaScript
            | Self::Java
            | Self::CSharp
            | Self::Go
            | Self::Yaml
            | Self::Json => double_quoted(text),
        }
    }

    /// What yields the secret.
    pub(super) fn secret(self, secret: Secret<'_>) -> String {
        match (self, secret) {
            (_, Secret::Any) => self.literal(ANYTHING),
            (Self::Yaml | Self::Json | Self::Xml | Self::Properties, _) => self.literal(TO_FILL_IN),
            (_, Secret::File(path)) => self.read_file(&self.literal(&path.display().to_string())),
            (_, Secret::Variable(name)) => self.read_variable(name),
        }
    }

    /// `path` is a literal.
    fn read_file(self, path: &str) -> String {
        match self {
            Self::Shell => format!("\"$(cat {path})\""),
            Self::Python => format!(r#"open({path}).read().rstrip("\r\n")"#),
            Self::JavaScript => format!("readFileSync({path}, 'utf8').trimEnd()"),
            Self::Php => format!(r#"rtrim(file_get_contents({path}), "\r\n")"#),
            Self::Ruby => format!("File.read({path}).chomp"),
            Self::Java => format!("Files.readString(Path.of({path})).stripTrailing()"),
            Self::CSharp => format!(r"File.ReadAllText({path}).TrimEnd('\r', '\n')"),
            Self::Go => format!("secretOf({path})"),
            Self::Yaml | Self::Json | Self::Xml | Self::Properties => path.to_owned(),
        }
    }

    /// `name` is made of letters, digits and underscores.
    fn read_variable(self, name: &str) -> String {
        match self {
            Self::Shell => format!("\"${name}\""),
            Self::Python => format!(r#"os.environ["{name}"]"#),
            Self::JavaScript => format!("process.env.{name}"),
            Self::Php => format!("getenv('{name}')"),
            Self::Ruby => format!("ENV.fetch('{name}')"),
            Self::Java => format!(r#"System.getenv("{name}")"#),
            Self::CSharp => format!(r#"Environment.GetEnvironmentVariable("{name}")"#),
            Self::Go => format!(r#"os.Getenv("{name}")"#),
            Self::Yaml | Self::Json | Self::Xml | Self::Properties => name.to_owned(),
        }
    }
}

/// As JSON has it, in the escapes that all languages with such quotes share.
fn double_quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str(r"\\"),
            '\n' => quoted.push_str(r"\n"),
            '\r' => quoted.push_str(r"\r"),
            '\t' => quoted.push_str(r"\t"),
            letter if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') => {
                // Writing to a String cannot fail.
                let _always_ok = write!(quoted, r"\u{:04x}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// An attribute's value. XML has no way to write most control characters; they become U+FFFD.
fn xml(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("&quot;"),
            '&' => quoted.push_str("&amp;"),
            '<' => quoted.push_str("&lt;"),
            '>' => quoted.push_str("&gt;"),
            '\n' | '\r' | '\t' => {
                // Writing to a String cannot fail.
                let _always_ok = write!(quoted, "&#{};", u32::from(letter));
            }
            letter if letter.is_control() => quoted.push('\u{fffd}'),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// The value of a property: no quotes, its first letter no space.
fn properties(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for unit in text.encode_utf16() {
        match char::from_u32(u32::from(unit)) {
            Some('\\') => value.push_str(r"\\"),
            Some(' ') if value.is_empty() => value.push_str(r"\ "),
            Some(letter) if letter == ' ' || letter.is_ascii_graphic() => value.push(letter),
            _ => {
                // Writing to a String cannot fail.
                let _always_ok = write!(value, r"\u{unit:04x}");
            }
        }
    }
    value
}
