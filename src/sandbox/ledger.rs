//! The tokens that the tenant has handed out, and what each may do.
//!
//! Knows no HTTP. Tokens are opaque: nothing is ever read out of one, it is looked up.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::digest::{base64_url, random_text};

/// Tokens remembered, dead ones included; the oldest go first.
const TOKENS_MAX: usize = 10_000;

/// All tokens, and what the next ones will be like.
pub(super) struct Ledger {
    pub(super) lifetime: Duration,
    pub(super) client_secret: String,
    /// Laid over every token answer; null takes a key away.
    pub(super) answer_patch: Map<String, Value>,
    tokens: HashMap<String, Token>,
    order: VecDeque<String>,
}

struct Token {
    account: u64,
    scopes: Arc<BTreeSet<String>>,
    expires: Instant,
    revoked: bool,
}

/// What a presented token means.
#[derive(Clone)]
pub(super) struct Bearer {
    pub(super) account: u64,
    pub(super) scopes: Arc<BTreeSet<String>>,
    /// Seconds that it still lives; 0 when it is dead.
    pub(super) remaining: Duration,
    pub(super) alive: bool,
}

impl Bearer {
    pub(super) fn has_any(&self, scopes: &[&str]) -> bool {
        scopes.is_empty() || scopes.iter().any(|scope| self.scopes.contains(*scope))
    }
}

impl Ledger {
    pub(super) fn new(lifetime: Duration, client_secret: String) -> Self {
        Self {
            lifetime,
            client_secret,
            answer_patch: Map::new(),
            tokens: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// A new token for `account`. With `alone`, every earlier one of that account dies.
    pub(super) fn mint(
        &mut self,
        client_id: &str,
        account: u64,
        scopes: BTreeSet<String>,
        alone: bool,
    ) -> String {
        if alone {
            self.revoke(Some(account));
        }
        let text = token_text(client_id, account);
        let expires = Instant::now() + self.lifetime;
        let token = Token {
            account,
            scopes: Arc::new(scopes),
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

    /// Lets the tokens of one account, or all, be past their time.
    pub(super) fn expire(&mut self, account: Option<u64>) {
        let now = Instant::now();
        for token in self.of(account) {
            token.expires = token.expires.min(now);
        }
    }

    /// Live tokens by account.
    pub(super) fn alive(&self) -> HashMap<u64, u64> {
        let now = Instant::now();
        let mut counts = HashMap::new();
        for token in self.tokens.values() {
            if !token.revoked && token.expires > now {
                *counts.entry(token.account).or_insert(0) += 1;
            }
        }
        counts
    }

    fn of(&mut self, account: Option<u64>) -> impl Iterator<Item = &mut Token> {
        self.tokens
            .values_mut()
            .filter(move |token| account.is_none_or(|account| token.account == account))
    }
}

/// A token as they look: a JWT at first sight, but of four segments and without `exp`.
fn token_text(client_id: &str, account: u64) -> String {
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
