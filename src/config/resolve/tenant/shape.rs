//! What kind of tenant it is and by which grant it gets tokens, and which keys that leaves no place for. Reads no value but
//! these two.

use crate::config::key_path::KeyPath;
use crate::config::resolve::Review;
use crate::config::value::Value;

use GrantWord::{AuthorizationCode, ClientCredentials, JwtBearer};
use KindWord::{AccountEngagement, DataCloud, MarketingCloud, Salesforce};

/// The words for `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KindWord {
    MarketingCloud,
    Salesforce,
    DataCloud,
    AccountEngagement,
}

/// The words for `grant`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GrantWord {
    ClientCredentials,
    AuthorizationCode,
    JwtBearer,
}

const KINDS: [(KindWord, &str); 4] = [
    (MarketingCloud, "marketing_cloud"),
    (Salesforce, "salesforce"),
    (DataCloud, "data_cloud"),
    (AccountEngagement, "account_engagement"),
];

const GRANTS: [(GrantWord, &str); 3] = [
    (ClientCredentials, "client_credentials"),
    (AuthorizationCode, "authorization_code"),
    (JwtBearer, "jwt_bearer"),
];

/// Keys that are for some kinds alone.
const OF_KINDS: [(&str, &[KindWord]); 7] = [
    ("account_id", &[MarketingCloud]),
    ("accounts", &[MarketingCloud]),
    ("allow_any_account", &[MarketingCloud]),
    (
        "token_lifetime",
        &[Salesforce, DataCloud, AccountEngagement],
    ),
    ("dataspace", &[DataCloud]),
    ("business_unit_id", &[AccountEngagement]),
    ("api_url", &[AccountEngagement]),
];

/// Keys that are for one grant alone.
const OF_GRANTS: [(&str, GrantWord); 6] = [
    ("redirect_uri", AuthorizationCode),
    ("pkce", AuthorizationCode),
    ("jwt_key", JwtBearer),
    ("jwt_key_file", JwtBearer),
    ("jwt_subject", JwtBearer),
    ("jwt_audience", JwtBearer),
];

impl KindWord {
    fn word(self) -> &'static str {
        word(&KINDS, self)
    }

    /// Whether its tokens come from core Salesforce.
    pub(super) fn is_core(self) -> bool {
        self != MarketingCloud
    }
}

impl GrantWord {
    /// As it is written.
    pub(super) fn word(self) -> &'static str {
        word(&GRANTS, self)
    }
}

fn word<T: Copy + PartialEq>(words: &[(T, &'static str)], wanted: T) -> &'static str {
    let found = words.iter().find(|(value, _word)| *value == wanted);
    found.map_or("", |(_value, word)| word)
}

fn of_word<T: Copy>(words: &[(T, &'static str)], written: Option<&str>) -> Option<T> {
    let found = words.iter().find(|(_value, word)| Some(*word) == written);
    found.map(|(value, _word)| *value)
}

/// Kind and grant, as far as they could be made out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) kind: Option<KindWord>,
    /// Nothing, too, where the kind does not have it.
    pub(super) grant: Option<GrantWord>,
}

/// Reads both, and notes the keys that are for others.
pub(super) fn shape(review: &mut Review<'_>, table: &KeyPath) -> Shape {
    let grant_path = table.child("grant");
    let kind = of_word(&KINDS, review.text(&table.child("kind")));
    let mut grant = of_word(&GRANTS, review.text(&grant_path));
    if kind == Some(MarketingCloud) && grant == Some(JwtBearer) {
        let what =
            "is not for kind = \"marketing_cloud\": the vendor offers no public contract for it";
        let instead = "write grant = \"client_credentials\" or \"authorization_code\"";
        review.fault(&grant_path, what, instead);
        grant = None;
    }
    if let Some(kind) = kind {
        misfits_of_kind(review, table, kind);
    }
    if let Some(grant) = grant {
        misfits_of_grant(review, table, kind, grant);
    }
    Shape { kind, grant }
}

fn misfits_of_kind(review: &mut Review<'_>, table: &KeyPath, kind: KindWord) {
    for (leaf, kinds) in OF_KINDS {
        let path = table.child(leaf);
        // `print-config` writes every default, and a switch that is off asks for nothing.
        let given = review.values.get(&path).map(|given| &given.value);
        let is_off = matches!(given, Some(Value::Flag(false)));
        if kinds.contains(&kind) || is_off || !is_written(review, &path) {
            continue;
        }
        let words: Vec<String> = kinds
            .iter()
            .map(|kind| format!("{:?}", kind.word()))
            .collect();
        let what = format!(
            "is for kind = {}, and this tenant's is {:?}",
            words.join(" or "),
            kind.word()
        );
        let instead = match kinds {
            [only] => format!("leave it out, or write kind = {:?}", only.word()),
            _ => "leave it out".to_owned(),
        };
        review.fault(&path, what, instead);
    }
}

fn misfits_of_grant(
    review: &mut Review<'_>,
    table: &KeyPath,
    kind: Option<KindWord>,
    grant: GrantWord,
) {
    for (leaf, only) in OF_GRANTS {
        let path = table.child(leaf);
        if only == grant || !is_written(review, &path) {
            continue;
        }
        let (only, is_served) = (
            only.word(),
            only != JwtBearer || kind.is_none_or(KindWord::is_core),
        );
        let what = format!(
            "is for grant = {only:?}, and this tenant's is {:?}",
            grant.word()
        );
        let instead = if is_served {
            format!("leave it out, or write grant = {only:?}")
        } else {
            "leave it out".to_owned()
        };
        review.fault(&path, what, instead);
    }
    for leaf in [
        "client_secret",
        "client_secret_file",
        "client_secret_next",
        "client_secret_next_file",
    ] {
        let path = table.child(leaf);
        if grant == JwtBearer && is_written(review, &path) {
            let what = "is of no use with grant = \"jwt_bearer\", where a key signs";
            review.fault(&path, what, "leave it out");
        }
    }
}

/// Whether somebody gave it a value, of use or not.
fn is_written(review: &Review<'_>, path: &KeyPath) -> bool {
    review.values.has_table(path) || (review.values.is_given(path) && !review.is_default(path))
}
