//! What somebody may have meant by a name that nobody knows.

use super::key_path::{KeyPath, Step};
use super::keys::{KEYS, Key};

/// The candidate nearest to a word, if any is near enough to be a slip of the pen.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    near(word, candidates).map(|(_distance, candidate)| candidate)
}

fn near<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<(usize, &'a str)> {
    let word = word.to_lowercase().replace('-', "_");
    let distance_max = (word.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|candidate| {
            let plain = candidate.to_lowercase().replace('-', "_");
            (strsim::damerau_levenshtein(&word, &plain), candidate)
        })
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, _)| *distance)
}

/// What to write instead of an unknown key.
pub(super) fn instead_of(path: &KeyPath) -> String {
    let (parent, leaf) = (path.parent(), path.leaf());
    let here = children(&parent);
    let sibling = near(leaf, here.iter().copied());
    if let Some((0 | 1, sibling)) = sibling {
        return did_you_mean(&parent, sibling);
    }
    let ending = format!("_{leaf}");
    if let Some(sibling) = here.iter().copied().find(|name| name.ends_with(&ending)) {
        return did_you_mean(&parent, sibling);
    }
    if let Some(key) = elsewhere(leaf) {
        return format!("it belongs {}", place(key));
    }
    if let Some((_, sibling)) = sibling {
        return did_you_mean(&parent, sibling);
    }
    let part_of = |name: &&str| leaf.len() > 2 && (name.contains(leaf) || leaf.contains(*name));
    if let Some(sibling) = here.iter().copied().find(part_of) {
        return did_you_mean(&parent, sibling);
    }
    let far = nearest(leaf, served().map(Key::leaf));
    if let Some(key) = far.and_then(elsewhere) {
        return format!(
            "did you mean `{}`, which belongs {}?",
            key.leaf(),
            place(key)
        );
    }
    format!("known here: {}", here.join(", "))
}

fn did_you_mean(parent: &KeyPath, name: &str) -> String {
    format!("did you mean `{}`?", parent.child(name))
}

fn served() -> impl Iterator<Item = &'static Key> {
    KEYS.iter()
}

/// A key of this name in another table.
fn elsewhere(leaf: &str) -> Option<&'static Key> {
    served().find(|key| key.leaf() == leaf && leaf != "*")
}

/// Names that may stand right below a path.
fn children(parent: &KeyPath) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for key in KEYS.iter().filter(|key| parent.leads_to(key.pattern)) {
        let name = key.pattern.split('.').nth(parent.steps().len());
        match name {
            Some("*" | "[]") | None => {}
            Some(name) if names.contains(&name) => {}
            Some(name) => names.push(name),
        }
    }
    names
}

fn place(key: &Key) -> String {
    if key.table().is_empty() {
        "at the top of the file, before the first [table]".to_owned()
    } else {
        format!("in {}", header(key.table()))
    }
}

/// How a table is opened in the file, from its pattern.
pub(super) fn header(pattern: &str) -> String {
    match pattern.strip_suffix(".[]") {
        Some(array) => format!("[[{array}]]"),
        None => format!("[{}]", pattern.replace('*', "NAME")),
    }
}

/// How the table at a path has to be written, where something else stands.
pub(super) fn table_instead(path: &KeyPath, is_array: bool) -> String {
    let inside_names = path.parent().child("x");
    let misplaced = children(&inside_names).contains(&path.leaf());
    if misplaced && !path.parent().is_root() {
        return format!(
            "it belongs under a name: write [{}.NAME] above it",
            path.parent()
        );
    }
    if is_array {
        format!("write [[{path}]], once for each")
    } else if matches!(path.steps().last(), Some(Step::Key(_))) && children(path).is_empty() {
        format!("write [{path}.NAME]")
    } else {
        format!("write [{path}]")
    }
}
