//! `${VAR}`, `${VAR:-default}` and `$$` inside the strings of the file. Values of the environment and of flags are taken
//! as they are.

use std::collections::BTreeMap;

/// A text after expansion.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    pub(super) text: String,
    /// Whether a variable stood in it.
    pub(super) substituted: bool,
}

/// Why a text cannot be expanded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ExpandError {
    /// A variable that is not set, by its name.
    Unset(String),
    /// A `${` without its `}`.
    Unclosed,
    /// What stands between the braces is no name.
    NoName,
}

/// Expands one text. A dollar before anything but `{` and `$` is a dollar.
pub(super) fn expand(
    text: &str,
    environment: &BTreeMap<String, String>,
) -> Result<Expanded, ExpandError> {
    let mut expanded = Expanded {
        text: String::with_capacity(text.len()),
        substituted: false,
    };
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.text.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            expanded.text.push('$');
            rest = after;
        } else if let Some(after) = after.strip_prefix('{') {
            let (inside, after) = after.split_once('}').ok_or(ExpandError::Unclosed)?;
            expanded.text.push_str(&value(inside, environment)?);
            expanded.substituted = true;
            rest = after;
        } else {
            expanded.text.push('$');
            rest = after;
        }
    }
    expanded.text.push_str(rest);
    Ok(expanded)
}

/// The variables that a text asks for, set or not.
pub(super) fn variables(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_before, after)) = rest.split_once('$') {
        rest = after.strip_prefix('$').unwrap_or(after);
        let inside = after
            .strip_prefix('{')
            .and_then(|after| after.split_once('}'));
        if let Some((inside, after)) = inside {
            let name = inside.split_once(":-").map_or(inside, |(name, _)| name);
            names.extend(is_name(name).then(|| name.to_owned()));
            rest = after;
        }
    }
    names
}

/// As in a shell, `:-` stands in for a variable that is unset or empty.
fn value(inside: &str, environment: &BTreeMap<String, String>) -> Result<String, ExpandError> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    if !is_name(name) {
        return Err(ExpandError::NoName);
    }
    let set = environment.get(name);
    match (set, default) {
        (Some(value), Some(default)) if value.is_empty() => Ok(default.to_owned()),
        (Some(value), _) => Ok(value.clone()),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(ExpandError::Unset(name.to_owned())),
    }
}

fn is_name(name: &str) -> bool {
    let start = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    name.starts_with(start)
        && name
            .chars()
            .all(|letter| start(letter) || letter.is_ascii_digit())
}
