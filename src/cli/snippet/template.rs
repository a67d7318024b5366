//! Texts with places to fill in. Every value comes out as a whole literal of the text's language, so that none can end it and go
//! on as code; in comments values are bare, and hold nothing that could end a line.
//!
//! `{{key}}` is a literal, `{{key/rest}}` a literal of the value and what follows the key, `{{~key}}` the bare value. Lines
//! between `{{?condition}}` (or `{{!condition}}`) and `{{/}}` stay where the condition holds (or does not).

use std::fmt::Write as _;

use super::language::Language;

/// What a text may ask for.
pub(super) trait Values {
    /// The value of a key.
    fn value(&self, key: &str) -> Option<String>;
    /// What yields the secret in this language: an expression, or a literal to be replaced.
    fn secret(&self, language: Language) -> String;
    /// Whether a condition holds; `None`: there is no such condition.
    fn holds(&self, condition: &str) -> Option<bool>;
}

/// The text with everything filled in.
///
/// # Errors
///
/// The text asks for something that there is not.
pub(super) fn fill(
    text: &str,
    language: Language,
    values: &dyn Values,
) -> Result<String, Unfillable> {
    let mut filled = String::with_capacity(text.len());
    let mut open: Vec<bool> = Vec::new();
    for line in text.lines() {
        if let Some(directive) = directive(line) {
            let (kind, condition) = directive.split_at(1);
            let holds = || {
                let holds = values.holds(condition);
                holds.ok_or_else(|| Unfillable(condition.to_owned()))
            };
            match kind {
                "?" => open.push(holds()?),
                "!" => open.push(!holds()?),
                _ => drop(open.pop()),
            }
        } else if open.iter().all(|holds| *holds) {
            filled_line(line, language, values, &mut filled)?;
            filled.push('\n');
        }
    }
    Ok(filled)
}

/// A key or a condition that nothing is known of.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing is known of {{{{{0}}}}}")]
pub(super) struct Unfillable(String);

/// What a line that is nothing but a condition says.
fn directive(line: &str) -> Option<&str> {
    let inside = line.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (inside.starts_with(['?', '!', '/']) && !inside.contains('{')).then_some(inside)
}

fn filled_line(
    line: &str,
    language: Language,
    values: &dyn Values,
    filled: &mut String,
) -> Result<(), Unfillable> {
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("{{") {
        let (inside, after) = after
            .split_once("}}")
            .ok_or_else(|| Unfillable(after.to_owned()))?;
        filled.push_str(before);
        filled.push_str(&place(inside, language, values)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(())
}

fn place(inside: &str, language: Language, values: &dyn Values) -> Result<String, Unfillable> {
    let missing = || Unfillable(inside.to_owned());
    if inside == "secret" {
        return Ok(values.secret(language));
    }
    if let Some(key) = inside.strip_prefix('~') {
        return Ok(bare(&values.value(key).ok_or_else(missing)?));
    }
    let is_of_key = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let end = inside
        .find(|letter| !is_of_key(letter))
        .unwrap_or(inside.len());
    let (key, suffix) = inside.split_at(end);
    let value = values.value(key).ok_or_else(missing)?;
    Ok(language.literal(&(value + suffix)))
}

/// On one line, whatever it was, and no end of a comment in any language: XML knows `--`, and PHP `?>`.
fn bare(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') {
            // Writing to a String cannot fail.
            let _always_ok = write!(bare, "\\u{{{:x}}}", u32::from(letter));
        } else if (bare.ends_with('-') && letter == '-') || (bare.ends_with('?') && letter == '>') {
            bare.push(' ');
            bare.push(letter);
        } else {
            bare.push(letter);
        }
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Hostile;

    impl Values for Hostile {
        fn value(&self, key: &str) -> Option<String> {
            match key {
                "base" => Some("http://a\"b'c".to_owned()),
                "file" => Some("/x\n?> -->\u{2028}y".to_owned()),
                _ => None,
            }
        }

        fn secret(&self, _language: Language) -> String {
            "$X".to_owned()
        }

        fn holds(&self, condition: &str) -> Option<bool> {
            match condition {
                "yes" => Some(true),
                "no" => Some(false),
                _ => None,
            }
        }
    }

    fn check(text: &str, expected: Result<&str, &str>) {
        let filled = fill(text, Language::Python, &Hostile);
        let expected = expected
            .map(str::to_owned)
            .map_err(|key| Unfillable(key.to_owned()));
        assert_eq!(filled, expected, "{text}");
    }

    #[test]
    fn values_are_whole_literals_and_comments_stay_on_their_line() {
        check("get({{base}})", Ok("get(\"http://a\\\"b'c\")\n"));
        check("get({{base/x/y}})", Ok("get(\"http://a\\\"b'c/x/y\")\n"));
        check("# {{~file}}", Ok("# /x\\u{a}? > - ->\\u{2028}y\n"));
        check("{{secret}}, {'a': {}}", Ok("$X, {'a': {}}\n"));
        check("{{nothing}}", Err("nothing"));
        check("{{~nothing}}", Err("~nothing"));
        check("{{open", Err("open"));
    }

    #[test]
    fn lines_stay_where_their_conditions_hold() {
        check(
            "a\n  {{?yes}}\nb\n{{/}}\n{{?no}}\nc\n{{/}}\nd",
            Ok("a\nb\nd\n"),
        );
        check(
            "{{!no}}\na\n{{?no}}\nb\n{{/}}\nc\n{{/}}\n{{!yes}}\nd\n{{/}}",
            Ok("a\nc\n"),
        );
        check("{{?unknown}}\n{{/}}", Err("unknown"));
    }
}
