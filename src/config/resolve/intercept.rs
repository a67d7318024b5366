//! `[intercept]`: whether CONNECT is answered, by which local CA, and what becomes of other hosts. Looks at the CA that is
//! there, and makes none.

use std::path::PathBuf;

use super::Review;
use super::listen::Listening;
use crate::authority::{Authority, AuthorityError};
use crate::config::key_path::KeyPath;
use crate::config::{AuthorityPlace, Depth};
use crate::proxy::OtherHosts;

/// The table is there, or a variable for one of its keys.
pub(super) fn is_on(review: &Review<'_>) -> bool {
    review.values.has_table(&KeyPath::of("intercept"))
}

/// `None` if a fault was found, or nothing was to be read.
pub(in crate::config) fn authority(review: &mut Review<'_>) -> Option<AuthorityPlace> {
    if !is_on(review) {
        return Some(AuthorityPlace::Nowhere);
    }
    let path = KeyPath::of("intercept.ca_dir");
    let directory = directory(review, &path)?;
    match Authority::check(&directory) {
        Ok(()) => Some(AuthorityPlace::Directory(directory)),
        Err(error) => {
            let (what, instead) = in_words(error);
            review.fault(&path, what, instead);
            None
        }
    }
}

fn directory(review: &mut Review<'_>, path: &KeyPath) -> Option<PathBuf> {
    let text = review.text(path)?;
    if review.depth == Depth::Syntax {
        return None;
    }
    if text.starts_with("~/") && review.sources.variable("HOME").is_none() {
        let what = "begins at the home directory, but HOME is not set";
        review.fault(path, what, r#"write ca_dir = "/…" in [intercept]"#);
        return None;
    }
    let origin = review.origin(path)?;
    Some(review.sources.path(text, &origin))
}

/// What is wrong with the CA, and what to do.
fn in_words(error: AuthorityError) -> (String, String) {
    let general = "name a directory that holds ca.pem and ca.key, or an empty one";
    match error {
        AuthorityError::Kept { path, what } => match what.split_once("; ") {
            Some((what, instead)) => (format!("{} {what}", path.display()), instead.to_owned()),
            None => (format!("{} {what}", path.display()), general.to_owned()),
        },
        other => (other.to_string(), general.to_owned()),
    }
}

/// What becomes of requests for hosts that are no tenant's.
pub(super) fn other_hosts(review: &mut Review<'_>, listening: &Listening) -> OtherHosts {
    let path = KeyPath::of("intercept.other_hosts");
    if review.text(&path) != Some("tunnel") {
        return OtherHosts::Deny;
    }
    if listening.is_open {
        let origin = review.origin(&path);
        let words = "whoever can reach a listener beyond loopback, and nobody has to say who it is, is let through to any \
                     public host; add [clients.NAME]";
        review.warn(origin.as_ref(), &path, words);
    }
    OtherHosts::Tunnel
}
