//! Names of tenants, accounts and clients. They stand in URLs and headers, whose letters others re-case: so they are lower
//! case, and matched without regard to case.

use super::Review;
use crate::config::key_path::KeyPath;

/// DNS labels are no longer either, and names stand in URLs and metrics.
const LETTERS_MAX: usize = 63;
const HOST_LETTERS_MAX: usize = 253;

/// What names are made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// `a-z 0-9 -`.
    Plain,
    /// Those and dots: the names may be hosts'.
    Hosts,
}

impl Naming {
    fn takes(self, letter: char) -> bool {
        letter.is_ascii_lowercase()
            || letter.is_ascii_digit()
            || letter == '-'
            || (self == Self::Hosts && letter == '.')
    }

    fn letters_max(self) -> usize {
        match self {
            Self::Plain => LETTERS_MAX,
            Self::Hosts => HOST_LETTERS_MAX,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Plain => "a name is made of a-z, 0-9 and -",
            Self::Hosts => "a client's name is made of a-z, 0-9, - and .",
        }
    }
}

/// Notes what is wrong with one name of a table.
pub(super) fn check(
    review: &mut Review<'_>,
    table: &KeyPath,
    name: &str,
    all: &[String],
    naming: Naming,
) {
    let path = table.child(name);
    let lower = name.to_lowercase();
    let twin = all
        .iter()
        .find(|other| *other != name && other.to_lowercase() == lower);
    let (what, instead) = if let Some(twin) = twin {
        if lower == name {
            return;
        }
        let what = format!("is the same name as {twin:?}, because case does not count");
        (what, "give one of them another name".to_owned())
    } else if name.chars().all(|letter| naming.takes(letter)) && !name.is_empty() {
        if name.len() <= naming.letters_max() {
            return;
        }
        let what = format!("is longer than {} letters", naming.letters_max());
        (what, "choose a shorter name".to_owned())
    } else {
        let spelling: String = lower
            .chars()
            .map(|letter| if naming.takes(letter) { letter } else { '-' })
            .collect();
        let instead = if spelling.trim_matches('-').is_empty() {
            "choose a name of these letters".to_owned()
        } else {
            format!("write {spelling:?}")
        };
        (naming.words().to_owned(), instead)
    };
    review.fault(&path, what, instead);
}
