//! The scopes that a token response names. Only what can be a scope is kept, and no more than a package can have.

use std::sync::Arc;

/// Scopes of one token; the vendor has some 90.
const SCOPES_MAX: usize = 200;
/// Longest name of one.
const LENGTH_MAX: usize = 64;

/// What a token is for: names in the order of the response, each parted from the next by a space.
pub type Scopes = Arc<str>;

/// Reads the names, which white space parts. `None`: there is none.
pub(super) fn read(text: &str) -> Option<Scopes> {
    let names = text.split_ascii_whitespace().filter(|name| can_be(name));
    let names: Vec<&str> = names.take(SCOPES_MAX).collect();
    (!names.is_empty()).then(|| names.join(" ").into())
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
        assert_eq!(read(&text).as_deref(), Some("email_read offline api"));
        let many = read(&"a ".repeat(1000));
        assert_eq!(many.map(|names| names.len()), Some(2 * SCOPES_MAX - 1));
        assert_eq!(read(" "), None);
    }
}
