//! The corpus of envelopes: modelled on every known client, each with what has to come out, byte for byte.
//!
//! A file of `tests/data/soap/taken` holds an envelope with marks: `⟦-…-⟧` goes, `⟦+…+⟧` comes. Without the one or the other it
//! is the input or the output. Lines before `---` say how it is sent and what has to be seen in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;
use sfmc_auth_proxy::soap::envelope::{self, Agreement, Dialect, Envelope, EnvelopeError};
use sfmc_auth_proxy::soap::{Content, Version};

pub const TOKEN: &str = "TOKEN&<\"1'é";
const TOKEN_ESCAPED: &str = "TOKEN&amp;&lt;&quot;1&apos;&#233;";
pub const URL: &str = "https://localhost:1/Service.asmx?a=1&b=2";
const URL_ESCAPED: &str = "https://localhost:1/Service.asmx?a=1&amp;b=2";
const VENDOR: &str = "http://exacttarget.com";

/// One file of the corpus.
pub struct Case {
    pub name: String,
    facts: BTreeMap<String, String>,
    text: String,
}

impl Case {
    fn fact(&self, name: &str) -> Option<&str> {
        self.facts.get(name).map(String::as_str)
    }

    fn list(&self, name: &str) -> BTreeSet<String> {
        let words = self.fact(name).unwrap_or_default().split('|');
        words
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    }

    pub fn content(&self) -> Content<'_> {
        Content {
            content_type: self.fact("content-type"),
            soap_action: self.fact("soapaction"),
        }
    }

    fn dialect(&self) -> Dialect {
        match self.fact("dialect") {
            Some("core") => Dialect::Core,
            _ => Dialect::MarketingCloud,
        }
    }

    pub fn scan(&self) -> Result<Envelope, EnvelopeError> {
        self.scan_as_sent(&self.input())
    }

    /// Other bytes, sent as this case is.
    pub fn scan_as_sent(&self, bytes: &Bytes) -> Result<Envelope, EnvelopeError> {
        envelope::scan_as(self.dialect(), bytes, &self.content())
    }

    pub fn input(&self) -> Bytes {
        self.written(
            &without(&self.text, "⟦+", "+⟧")
                .replace("⟦-", "")
                .replace("-⟧", ""),
        )
    }

    fn output(&self) -> Bytes {
        let text = without(&self.text, "⟦-", "-⟧")
            .replace("⟦+", "")
            .replace("+⟧", "");
        self.written(
            &text
                .replace("{TOKEN}", TOKEN_ESCAPED)
                .replace("{URL}", URL_ESCAPED),
        )
    }

    /// The text in the encoding that the file names.
    fn written(&self, text: &str) -> Bytes {
        let how: Vec<&str> = self.fact("write").unwrap_or_default().split(' ').collect();
        let has = |word| how.contains(&word);
        let text = if has("crlf") {
            text.replace('\n', "\r\n")
        } else {
            text.to_owned()
        };
        let marked = if has("bom") {
            format!("\u{FEFF}{text}")
        } else {
            text
        };
        let mut bytes: Vec<u8> = if has("utf-16-le") {
            marked.encode_utf16().flat_map(u16::to_le_bytes).collect()
        } else if has("utf-16-be") {
            marked.encode_utf16().flat_map(u16::to_be_bytes).collect()
        } else if has("utf-32") {
            marked
                .chars()
                .flat_map(|letter| u32::from(letter).to_be_bytes())
                .collect()
        } else if has("iso-8859-1") {
            marked
                .chars()
                .map(|letter| u8::try_from(letter).unwrap())
                .collect()
        } else if has("windows-1252") {
            marked.chars().map(windows_1252).collect()
        } else {
            marked.into_bytes()
        };
        if has("odd") {
            bytes.push(0);
        }
        bytes.into()
    }

    /// What was written, as text.
    fn read(&self, bytes: &[u8]) -> String {
        let how = self.fact("write").unwrap_or_default();
        let text = if how.contains("utf-16") {
            let unit = if how.contains("le") {
                u16::from_le_bytes
            } else {
                u16::from_be_bytes
            };
            let units: Vec<u16> = bytes
                .chunks_exact(2)
                .map(|pair| unit([pair[0], pair[1]]))
                .collect();
            String::from_utf16(&units).unwrap()
        } else if how.contains("1252") || how.contains("8859") {
            // Good enough to find elements by.
            bytes.iter().map(|byte| char::from(*byte)).collect()
        } else {
            String::from_utf8(bytes.to_vec()).unwrap()
        };
        text.trim_start_matches('\u{FEFF}').to_owned()
    }
}

fn windows_1252(letter: char) -> u8 {
    match letter {
        '€' => 0x80,
        '„' => 0x84,
        '“' => 0x93,
        other => u8::try_from(other).unwrap(),
    }
}

/// Without what stands between these marks, marks included.
fn without(text: &str, open: &str, close: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        kept.push_str(before);
        rest = after.split_once(close).expect("a mark is closed").1;
    }
    kept.push_str(rest);
    kept
}

pub fn corpus(folder: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/soap")
        .join(folder);
    let mut cases: Vec<Case> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let whole = std::fs::read_to_string(&path).unwrap();
            let (facts, text) = whole.split_once("---\n").unwrap();
            let facts = facts.lines().map(|line| {
                let (key, value) = line
                    .split_once(": ")
                    .unwrap_or((line.trim_end_matches(':'), ""));
                (key.to_owned(), value.to_owned())
            });
            Case {
                name: path.file_stem().unwrap().to_string_lossy().into_owned(),
                facts: facts.collect(),
                text: text.to_owned(),
            }
        })
        .collect();
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    cases
}

pub fn rendered(envelope: &Envelope) -> Vec<u8> {
    let rendered = envelope.render(TOKEN, URL);
    let bytes = rendered.pieces.concat();
    assert_eq!(rendered.length, bytes.len() as u64, "Content-Length");
    bytes
}

#[test]
fn every_known_clients_envelope_comes_out_as_it_should() {
    let cases = corpus("taken");
    assert!(cases.len() >= 40, "{}", cases.len());
    for case in cases {
        let name = &case.name;
        let envelope = case
            .scan()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let bytes = rendered(&envelope);
        assert!(
            bytes == case.output(),
            "{name}:\n{}\n  should be\n{}",
            String::from_utf8_lossy(&bytes),
            String::from_utf8_lossy(&case.output())
        );
        seen_in(&case, &envelope);
    }
}

fn seen_in(case: &Case, envelope: &Envelope) {
    let name = &case.name;
    let version = match case.fact("version") {
        Some("1.2") => Version::Soap12,
        _ => Version::Soap11,
    };
    assert_eq!(envelope.version(), version, "{name}");
    assert_eq!(envelope.dialect(), case.dialect(), "{name}");
    assert_eq!(
        envelope.core_operation(),
        case.fact("core-operation"),
        "{name}"
    );
    let operation = envelope.operation().map(envelope::Operation::name);
    assert_eq!(operation, case.fact("operation"), "{name}");
    assert_eq!(*envelope.object_types(), case.list("objects"), "{name}");
    let agreement = match envelope.agreement() {
        Agreement::Agrees => "agrees",
        Agreement::Disagrees => "disagrees",
        Agreement::Silent => "silent",
    };
    assert_eq!(Some(agreement), case.fact("agreement"), "{name}");
    let accounts = envelope.accounts();
    let mut named = accounts.ids.clone();
    named.extend(accounts.all.then(|| "all".to_owned()));
    assert_eq!(named, case.list("accounts"), "{name}");
    assert_eq!(
        envelope.has_untyped_objects(),
        case.fact("untyped").is_some(),
        "{name}"
    );
    if let Some(element) = case.fact("element") {
        assert_eq!(envelope.body_element(), Some(element), "{name}");
    }
    let credentials = envelope.credentials();
    let tokens: Vec<&str> = credentials
        .tokens
        .iter()
        .map(|token| token.expose())
        .collect();
    let expected: Vec<&str> = case
        .fact("tokens")
        .map_or(Vec::new(), |tokens| tokens.split('|').collect());
    assert_eq!(tokens, expected, "{name}");
    let usernames: Vec<String> = credentials
        .usernames
        .iter()
        .map(|token| {
            let password = token
                .password
                .as_ref()
                .map_or("", |password| password.expose());
            format!(
                "{}={password}",
                token.username.as_deref().unwrap_or_default()
            )
        })
        .collect();
    let expected: Vec<&str> = case.fact("usernames").into_iter().collect();
    assert_eq!(usernames, expected, "{name}");
}

/// The same judged by another XML library, which reads the whole document into a tree.
#[test]
fn another_reader_finds_the_body_unchanged_and_one_token() {
    for case in corpus("taken") {
        let name = &case.name;
        let envelope = case.scan().unwrap();
        let (before, after) = (case.read(&case.input()), case.read(&rendered(&envelope)));
        check_with_another_reader(name, &before, &after, TOKEN);
        let after = roxmltree::Document::parse(&after).unwrap();
        let header = after
            .descendants()
            .find(|node| node.tag_name().name() == "Header")
            .unwrap();
        let user = |node: roxmltree::Node<'_, '_>| node.tag_name().name() == "UsernameToken";
        assert!(!header.descendants().any(user), "{name}");
    }
}

pub fn check_with_another_reader(name: &str, before: &str, after: &str, token: &str) {
    let before = roxmltree::Document::parse(before).unwrap();
    let after = roxmltree::Document::parse(after)
        .unwrap_or_else(|error| panic!("{name}: {error}\n{after}"));
    let part = |document: &roxmltree::Document<'_>, part: &str| {
        let namespace = document
            .root_element()
            .tag_name()
            .namespace()
            .unwrap()
            .to_owned();
        let mut found = document
            .root_element()
            .children()
            .filter(|child| child.has_tag_name((namespace.as_str(), part)));
        let only = found.next().unwrap();
        assert!(found.next().is_none(), "{name}: one {part}");
        document.input_text()[only.range()].to_owned()
    };
    assert_eq!(part(&before, "Body"), part(&after, "Body"), "{name}");
    let root = after.root_element();
    let header = root
        .children()
        .find(|child| {
            child.tag_name().name() == "Header"
                && child.tag_name().namespace() == root.tag_name().namespace()
        })
        .unwrap();
    let tokens: Vec<_> = header
        .descendants()
        .filter(|node| {
            let name = node.tag_name().name();
            matches!(name, "fueloauth" | "oAuth" | "SessionHeader")
        })
        .collect();
    assert_eq!(tokens.len(), 1, "{name}");
    assert_eq!(tokens[0].parent(), Some(header), "{name}");
    if tokens[0].tag_name().name() != "SessionHeader" {
        assert_eq!(tokens[0].tag_name().namespace(), Some(VENDOR), "{name}");
        assert_eq!(tokens[0].text(), Some(token), "{name}");
        return;
    }
    let mut parts = root.children().filter(roxmltree::Node::is_element);
    let namespace = root.tag_name().namespace();
    let body = parts.find(|child| {
        child.tag_name().name() == "Body" && child.tag_name().namespace() == namespace
    });
    let api = body
        .and_then(|body| body.first_element_child())
        .and_then(|first| first.tag_name().namespace());
    let inside: Vec<_> = tokens[0].children().collect();
    assert_eq!(inside.len(), 1, "{name}");
    for (node, local) in [(tokens[0], "SessionHeader"), (inside[0], "sessionId")] {
        assert_eq!(node.tag_name().name(), local, "{name}");
        assert_eq!(node.tag_name().namespace(), api, "{name}");
    }
    assert_eq!(inside[0].text(), Some(token), "{name}");
}

#[test]
fn a_second_pass_changes_nothing_more() {
    for case in corpus("taken") {
        let once = rendered(&case.scan().unwrap());
        let twice = rendered(&case.scan_as_sent(&Bytes::from(once.clone())).unwrap());
        assert!(once == twice, "{}", case.name);
    }
}

#[test]
fn what_is_no_envelope_is_refused_for_the_right_reason() {
    let cases = corpus("refused");
    assert!(cases.len() >= 40);
    for case in cases {
        let reason = match case.scan() {
            Ok(_) => "taken".to_owned(),
            Err(EnvelopeError::Malformed { reason, position }) => {
                assert!(position <= case.input().len(), "{}", case.name);
                format!("{reason:?}")
            }
            Err(EnvelopeError::UnsupportedEncoding { .. }) => "UnsupportedEncoding".to_owned(),
            Err(EnvelopeError::Attachments) => "Attachments".to_owned(),
        };
        assert_eq!(Some(reason.as_str()), case.fact("error"), "{}", case.name);
    }
}

fn inside(body: &str) -> Bytes {
    format!("<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>{body}</s:Body></s:Envelope>").into()
}

/// Bounds, at the bound and beyond it.
#[test]
fn depth_attributes_and_names_are_bounded() {
    let scan = |body: &str| envelope::scan(&inside(body), &Content::default()).map(drop);
    let reason = |body: &str| match scan(body) {
        Err(EnvelopeError::Malformed { reason, .. }) => format!("{reason:?}"),
        other => format!("{other:?}"),
    };
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    // Envelope and Body are two of them.
    assert!(scan(&nested(envelope::DEPTH_MAX - 2)).is_ok());
    assert_eq!(reason(&nested(envelope::DEPTH_MAX - 1)), "TooDeep");
    let attributes = |count: usize| {
        let each: String = (0..count).map(|number| format!(" a{number}=''")).collect();
        format!("<a{each}/>")
    };
    assert!(scan(&attributes(envelope::ATTRIBUTES_MAX)).is_ok());
    assert_eq!(
        reason(&attributes(envelope::ATTRIBUTES_MAX + 1)),
        "TooManyAttributes"
    );
    let names = |count: usize| {
        let each = |start: usize| -> String {
            (start..start + 100)
                .map(|number| format!(" xmlns:n{number}='urn:{number}'"))
                .collect()
        };
        let open: String = (0..count)
            .map(|level| format!("<a{}>", each(level * 100)))
            .collect();
        format!("{open}{}", "</a>".repeat(count))
    };
    assert!(scan(&names(10)).is_ok());
    assert_eq!(reason(&names(11)), "TooManyNamespaces");
    let types = |count: usize| -> String {
        (0..count)
            .map(|number| format!("<ObjectType>t{number}</ObjectType>"))
            .collect()
    };
    assert!(scan(&types(envelope::NAMED_MAX)).is_ok());
    assert_eq!(
        reason(&types(envelope::NAMED_MAX + 1)),
        "TooManyObjectTypes"
    );
}
