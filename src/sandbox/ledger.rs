//! The tokens that the tenant has handed out, and what each may do.
//!
//! Knows no HTTP. Tokens are opaque: nothing is ever read out of one, it is looked up.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::digest::{base64_url, random_text};
use super::face::{FACES, Face};

/// Tokens remembered, dead ones included; the oldest go first.
const TOKENS_MAX: usize = 10_000;

/// All tokens, and what the next ones will be like.
pub(super) struct Ledger {
    /// How long tokens of each face live.
    pub(super) lifetimes: [Duration; FACES],
    pub(super) client_secret: String,
    /// Laid over every token answer of each face; null takes a key away.
    pub(super) answer_patches: [Map<String, Value>; FACES],
    tokens: HashMap<String, Token>,
    order: VecDeque<String>,
}

struct Token {
    issuer: Face,
    account: u64,
    family: Option<u64>,
    scopes: Arc<BTreeSet<String>>,
    expires: Instant,
    revoked: bool,
}

/// What a presented token means.
#[derive(Clone)]
pub(super) struct Bearer {
    /// The face that gave it out.
    pub(super) issuer: Face,
    /// 0 for tokens that know no business unit.
    pub(super) account: u64,
    pub(super) scopes: Arc<BTreeSet<String>>,
    /// Seconds that it still lives; 0 when it is dead.
    pub(super) remaining: Duration,
    pub(super) alive: bool,
}

impl Bearer {
    /// None for tokens that know no business unit.
    pub(super) fn business_unit(&self) -> Option<u64> {
        (self.issuer == Face::Auth).then_some(self.account)
    }

    pub(super) fn has_any(&self, scopes: &[&str]) -> bool {
        scopes.is_empty() || scopes.iter().any(|scope| self.scopes.contains(*scope))
    }
}

impl Ledger {
    pub(super) fn new(lifetimes: [Duration; FACES], client_secret: String) -> Self {
        Self {
            lifetimes,
            client_secret,
            answer_patches: Default::default(),
            tokens: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// A new token.
    pub(super) fn mint(&mut self, text: String, order: Order) -> String {
        let expires = Instant::now() + *order.issuer.of(&self.lifetimes);
        let token = Token {
            issuer: order.issuer,
            account: order.account,
            family: order.family,
            scopes: Arc::new(order.scopes),
            expires,
            revoked: false,
        };
        self.tokens.insert(text.clone(), token);
        self.order.push_back(text.clone());
        if self.order.len() > TOKENS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.tokens.remove(&oldest);
        }
        text
    }

    /// Looks a token up; none if it was never handed out.
    pub(super) fn look_up(&self, text: &str) -> Option<Bearer> {
        let token = self.tokens.get(text)?;
        let remaining = token.expires.saturating_duration_since(Instant::now());
        Some(Bearer {
            issuer: token.issuer,
            account: token.account,
            scopes: Arc::clone(&token.scopes),
            remaining,
            alive: !token.revoked && !remaining.is_zero(),
        })
    }

    /// Kills the tokens of one account, or all.
    pub(super) fn revoke(&mut self, account: Option<u64>) {
        for token in self.of(account) {
            token.revoked = true;
        }
    }

    /// Kills one token.
    pub(super) fn revoke_one(&mut self, text: &str) {
        if let Some(token) = self.tokens.get_mut(text) {
            token.revoked = true;
        }
    }

    /// Kills the tokens of one login.
    pub(super) fn revoke_family(&mut self, family: u64) {
        for token in self.tokens.values_mut() {
            token.revoked |= token.family == Some(family);
        }
    }

    /// Lets the tokens of one account, or all, be past their time.
    pub(super) fn expire(&mut self, account: Option<u64>) {
        let now = Instant::now();
        for token in self.of(account) {
            token.expires = token.expires.min(now);
        }
    }

    /// Live tokens of Marketing Cloud by account.
    pub(super) fn alive(&self) -> HashMap<u64, u64> {
        let mut counts = HashMap::new();
        for token in self.living(Face::Auth) {
            *counts.entry(token.account).or_insert(0) += 1;
        }
        counts
    }

    /// Live tokens that a face has given out.
    pub(super) fn alive_of(&self, issuer: Face) -> usize {
        self.living(issuer).count()
    }

    fn living(&self, issuer: Face) -> impl Iterator<Item = &Token> {
        let now = Instant::now();
        self.tokens
            .values()
            .filter(move |token| token.issuer == issuer && !token.revoked && token.expires > now)
    }

    fn of(&mut self, account: Option<u64>) -> impl Iterator<Item = &mut Token> {
        self.tokens
            .values_mut()
            .filter(move |token| account.is_none_or(|account| token.account == account))
    }
}

/// What a new token shall be.
pub(super) struct Order {
    /// The face that gives it out.
    pub(super) issuer: Face,
    /// 0 where there are no business units.
    pub(super) account: u64,
    pub(super) scopes: BTreeSet<String>,
    /// The login that it comes from.
    pub(super) family: Option<u64>,
}

/// A Marketing Cloud token as they look: a JWT at first sight, but of four segments and without `exp`.
pub(super) fn token_text(client_id: &str, account: u64) -> String {
    let header = json!({"alg": "HS256", "kid": "4", "typ": "JWT", "ver": "1"});
    let payload = json!({
        "access_token": random_text(24),
        "client_id": client_id,
        "eid": account,
        "stack_key": "S50",
        "platform_version": 2,
        "client_type": "ServerToServer",
    });
    let header = base64_url(header.to_string().as_bytes());
    let payload = base64_url(payload.to_string().as_bytes());
    format!(
        "{header}.{payload}.{}.{}",
        random_text(43),
        random_text(150)
    )
}

/// A core token as they look: the organisation's id, an exclamation mark, and the secret part.
pub(super) fn core_token_text() -> String {
    format!("{}!{}", super::core::ORGANISATION_ID_SHORT, random_text(96))
}

/// A Data Cloud token as they look: a JWT.
pub(super) fn data_cloud_token_text() -> String {
    let header = base64_url(json!({"alg": "RS256", "typ": "JWT"}).to_string().as_bytes());
    let payload = json!({"jti": random_text(22), "tenant": "a360/sandbox"}).to_string();
    let payload = base64_url(payload.as_bytes());
    format!("{header}.{payload}.{}", random_text(342))
}
