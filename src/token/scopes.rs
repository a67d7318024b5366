//! The scopes that a token response names. Only what can be a scope is kept, and no more than a package can have.

use std::sync::Arc;

/// Scopes of one token; the vendor has some 90.
const SCOPES_MAX: usize = 200;
/// Longest name of one.
const LENGTH_MAX: usize = 64;

/// What a token is for, in the order of the response.
pub type Scopes = Arc<[Box<str>]>;

/// Reads the names, which white space parts.
pub(super) fn read(text: &str) -> Scopes {
    let names = text.split_ascii_whitespace().filter(|name| can_be(name));
    names.take(SCOPES_MAX).map(Box::from).collect()
}

fn can_be(name: &str) -> bool {
    let fits = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'_' | b'.' | b':');
    name.len() <= LENGTH_MAX && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_kept_and_not_too_many() {
        let long = "x".repeat(LENGTH_MAX + 1);
        let text = format!(" email_read <b>x</b> offline\t{long} api ");
        let names = read(&text);
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        assert_eq!(names, ["email_read", "offline", "api"]);
        assert_eq!(read(&"a ".repeat(1000)).len(), SCOPES_MAX);
        assert!(read("").is_empty());
    }
}
