//! The documentation against what it speaks of: every link leads to a file and a heading that are there, every page is in the
//! index, every error has its part in docs/troubleshooting.md. Never looks at anything outside the tree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use sfmc_auth_proxy::proxy::Code;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Every Markdown file that is for readers, by its path from the root.
fn documents() -> BTreeMap<PathBuf, String> {
    let root = Path::new(ROOT);
    let mut found = BTreeMap::new();
    for folder in ["", "docs"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let name = path.strip_prefix(root).unwrap().to_owned();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    assert!(found.len() > 10, "{found:?}");
    found
}

/// The lines that are prose: what stands in fences is quoted.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for line in prose(text) {
        let heading = line.trim_start_matches('#');
        if heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let slug: String = heading
            .trim()
            .to_lowercase()
            .chars()
            .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
            .map(|letter| if letter == ' ' { '-' } else { letter })
            .collect();
        let mut anchor = slug.clone();
        let mut count = 0;
        while !anchors.insert(anchor.clone()) {
            count += 1;
            anchor = format!("{slug}-{count}");
        }
    }
    anchors
}

/// The targets of a page's links and pictures, but for what is code.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in prose(text) {
        // What stands between backticks is code, unless it is the words of a link.
        let bare: String = line
            .split('`')
            .enumerate()
            .filter(|(number, _part)| number % 2 == 0)
            .map(|(_number, part)| part)
            .collect();
        let targets = bare.split("](").skip(1);
        links.extend(targets.filter_map(|after| after.split(')').next().map(str::to_owned)));
    }
    links
}

#[test]
fn links_lead_to_files_and_headings_that_are_there() {
    let documents = documents();
    let mut wrong = Vec::new();
    for (document, text) in &documents {
        let folder = document.parent().unwrap();
        for link in links(text) {
            if link.contains("://") {
                continue;
            }
            let (target, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let file = match target {
                "" => document.clone(),
                target => folder.join(target),
            };
            if !Path::new(ROOT).join(&file).exists() {
                wrong.push(format!("{}: there is no {target}", document.display()));
                continue;
            }
            let text = documents.get(&file);
            if !anchor.is_empty() && !text.is_some_and(|text| anchors(text).contains(anchor)) {
                wrong.push(format!(
                    "{}: {link} has no such heading",
                    document.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_page_is_in_the_index() {
    let index = fs::read_to_string(Path::new(ROOT).join("docs/README.md")).unwrap();
    for page in documents().keys().filter(|page| page.starts_with("docs")) {
        let name = page.file_name().unwrap().to_str().unwrap();
        assert!(
            name == "README.md" || index.contains(&format!("]({name})")),
            "docs/README.md has no link to {name}"
        );
    }
}

#[test]
fn every_error_has_a_cause_a_look_and_a_fix() {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/troubleshooting.md")).unwrap();
    for code in Code::ALL {
        let heading = format!("### `{}`\n", code.name());
        let (_before, after) = text
            .split_once(&heading)
            .unwrap_or_else(|| panic!("docs/troubleshooting.md has no part {heading}"));
        let part = after.split("\n#").next().unwrap();
        for word in ["**Cause.** ", "**Look.**", "**Fix.**"] {
            assert!(part.contains(word), "{} has no {word}", code.name());
        }
    }
}

#[test]
fn headings_are_read_as_github_reads_them() {
    let text =
        "# One `code` part\n```sh\n# no heading\n```\n## Same, twice\n## Same, twice\n#hashtag\n";
    let anchors: Vec<_> = anchors(text).into_iter().collect();
    assert_eq!(anchors, ["one-code-part", "same-twice", "same-twice-1"]);
    let text = "[a](b.md) and [`c`](d.md#e) and `[x](y)`\n![p](i.svg)";
    assert_eq!(links(text), ["b.md", "d.md#e", "i.svg"]);
}

/// docs/threat-model.md names a test or a file for what it says, as `module::test` and `src/file.rs`.
#[test]
fn what_the_threat_model_rests_on_is_there() {
    let root = Path::new(ROOT);
    let text = fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let mut proofs = 0;
    for quoted in text.split('`').skip(1).step_by(2) {
        if quoted.starts_with("src/") {
            assert!(root.join(quoted).exists(), "there is no {quoted}");
            proofs += 1;
        } else if let Some((module, test)) = quoted.rsplit_once("::")
            && !quoted.ends_with("module::test")
        {
            let file = format!("tests/it/{}.rs", module.replace("::", "/"));
            let code = fs::read_to_string(root.join(&file)).unwrap_or_default();
            let there = code.contains(&format!("fn {test}("));
            assert!(there, "{file} has no test {test}");
            proofs += 1;
        }
    }
    assert!(proofs > 40, "{proofs}");
}
