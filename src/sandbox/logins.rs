//! What users' logins have yielded: consents that are open, codes, and refresh tokens in families.
//!
//! Knows no HTTP, and no access token: whoever ends a family here has the ledger end its access tokens.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::digest::random_text;
use super::face::Face;

/// Consents and codes remembered; the oldest go first.
const ASKED_MAX: usize = 1_000;
/// Refresh tokens remembered, spent ones included.
const REFRESH_TOKENS_MAX: usize = 10_000;
/// Logins of one user to one connected app that core Salesforce keeps; one more ends the oldest.
const CORE_LOGINS_MAX: usize = 5;

/// What a browser asked for at an authorize endpoint, once it has been judged.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) face: Face,
    pub(super) redirect_uri: String,
    pub(super) scopes: BTreeSet<String>,
    pub(super) state: String,
    /// Of PKCE, method S256.
    pub(super) challenge: Option<String>,
}

struct Code {
    asked: Asked,
    expires: Instant,
    used: bool,
    family: Option<u64>,
}

/// One login: all refresh tokens that descend from it.
#[derive(Debug, Clone)]
pub(super) struct Family {
    pub(super) id: u64,
    pub(super) face: Face,
    pub(super) account: u64,
    pub(super) scopes: BTreeSet<String>,
    alive: bool,
}

struct Refresh {
    family: u64,
    expires: Instant,
    spent: bool,
    /// The token that is good until this one is used.
    parent: Option<String>,
    last_use: Option<Instant>,
}

/// Why a code is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeFault {
    Unknown,
    Expired,
    /// Used before; the family that it gave then has to end.
    Used(Option<u64>),
}

/// Why a refresh token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefreshFault {
    /// Never given out, out of time, or of a login that is over.
    Dead,
    /// Spent already; its family has to end.
    Reused(u64),
}

/// All of it, and how the package is registered for logins.
pub(super) struct Logins {
    pub(super) redirect_uris: Vec<String>,
    pub(super) public_package: bool,
    /// Verifies assertions; DER.
    pub(super) jwt_public_key: Option<Vec<u8>>,
    consents: Bounded<Asked>,
    codes: Bounded<Code>,
    families: HashMap<u64, Family>,
    family_order: VecDeque<u64>,
    next_family: u64,
    tokens: Bounded<Refresh>,
    refreshes: u64,
    families_ended: u64,
}

impl Logins {
    pub(super) fn new(
        redirect_uris: Vec<String>,
        public_package: bool,
        jwt_public_key: Option<Vec<u8>>,
    ) -> Self {
        Self {
            redirect_uris,
            public_package,
            jwt_public_key,
            consents: Bounded::new(ASKED_MAX),
            codes: Bounded::new(ASKED_MAX),
            families: HashMap::new(),
            family_order: VecDeque::new(),
            next_family: 1,
            tokens: Bounded::new(REFRESH_TOKENS_MAX),
            refreshes: 0,
            families_ended: 0,
        }
    }

    /// Remembers what a user is being asked; the id is good once.
    pub(super) fn ask(&mut self, asked: Asked) -> String {
        self.consents.insert(random_text(43), asked)
    }

    /// What the user was asked under that id.
    pub(super) fn decided(&mut self, consent: &str) -> Option<Asked> {
        self.consents.remove(consent)
    }

    /// A code for what a user has allowed.
    pub(super) fn code(&mut self, asked: Asked, lifetime: Duration) -> String {
        let code = Code {
            asked,
            expires: Instant::now() + lifetime,
            used: false,
            family: None,
        };
        // The vendor's are of any length up to 512.
        self.codes
            .insert(random_text(fastrand::usize(64..=512)), code)
    }

    /// Takes a code, which is used up by that, whatever becomes of the request.
    pub(super) fn redeem(&mut self, text: &str, face: Face) -> Result<Asked, CodeFault> {
        let code = self.codes.get_mut(text).ok_or(CodeFault::Unknown)?;
        if code.asked.face != face {
            return Err(CodeFault::Unknown);
        }
        if code.used {
            return Err(CodeFault::Used(code.family));
        }
        code.used = true;
        if code.expires <= Instant::now() {
            return Err(CodeFault::Expired);
        }
        Ok(code.asked.clone())
    }

    /// The family that a code has given.
    pub(super) fn bind(&mut self, code: &str, family: u64) {
        if let Some(code) = self.codes.get_mut(code) {
            code.family = Some(family);
        }
    }

    pub(super) fn expire_codes(&mut self) {
        for code in self.codes.values_mut() {
            code.expires = Instant::now();
        }
    }

    /// A new login.
    pub(super) fn begin(&mut self, face: Face, account: u64, scopes: BTreeSet<String>) -> u64 {
        let id = self.next_family;
        self.next_family += 1;
        let family = Family {
            id,
            face,
            account,
            scopes,
            alive: true,
        };
        self.families.insert(id, family);
        self.family_order.push_back(id);
        if self.family_order.len() > REFRESH_TOKENS_MAX
            && let Some(oldest) = self.family_order.pop_front()
        {
            self.families.remove(&oldest);
        }
        if face == Face::Core {
            self.keep_newest_core_logins();
        }
        id
    }

    fn keep_newest_core_logins(&mut self) {
        let mut core: Vec<u64> = self
            .families
            .values()
            .filter(|family| family.face == Face::Core && family.alive)
            .map(|family| family.id)
            .collect();
        core.sort_unstable_by(|one, other| other.cmp(one));
        for id in core.into_iter().skip(CORE_LOGINS_MAX) {
            if let Some(family) = self.families.get_mut(&id) {
                family.alive = false;
            }
        }
    }

    /// A refresh token of that family.
    pub(super) fn give(&mut self, family: u64, lifetime: Duration) -> String {
        self.give_after(family, lifetime, None)
    }

    fn give_after(&mut self, family: u64, lifetime: Duration, parent: Option<String>) -> String {
        let token = Refresh {
            family,
            expires: Instant::now() + lifetime,
            spent: false,
            parent,
            last_use: None,
        };
        self.tokens.insert(random_text(86), token)
    }

    /// The login of a refresh token that is good at `face`; nothing is spent yet.
    pub(super) fn family(&self, text: &str, face: Face) -> Result<Family, RefreshFault> {
        let token = self.tokens.get(text).ok_or(RefreshFault::Dead)?;
        let family = self
            .families
            .get(&token.family)
            .filter(|family| family.alive && family.face == face)
            .ok_or(RefreshFault::Dead)?;
        if token.spent {
            return Err(RefreshFault::Reused(family.id));
        }
        if token.expires <= Instant::now() {
            return Err(RefreshFault::Dead);
        }
        Ok(family.clone())
    }

    /// Counts a use of a good refresh token; with `rotation` gives its successor.
    pub(super) fn refreshed(
        &mut self,
        text: &str,
        lifetime: Duration,
        rotation: Rotation,
    ) -> Option<String> {
        self.refreshes += 1;
        let token = self.tokens.get_mut(text)?;
        let (family, parent) = (token.family, token.parent.take());
        token.spent = rotation == Rotation::Strict;
        if let Some(parent) = parent.and_then(|parent| self.tokens.get_mut(&parent)) {
            parent.spent = true;
        }
        match rotation {
            Rotation::None => None,
            Rotation::Strict => Some(self.give(family, lifetime)),
            Rotation::Grace => Some(self.give_after(family, lifetime, Some(text.to_owned()))),
        }
    }

    /// Whether another use of that token has begun within `span`; notes this one.
    pub(super) fn concurrent(&mut self, text: &str, span: Duration) -> bool {
        let Some(token) = self.tokens.get_mut(text) else {
            return false;
        };
        let now = Instant::now();
        let before = token.last_use.replace(now);
        before.is_some_and(|before| now.duration_since(before) < span)
    }

    /// Ends a login because something of it was used twice.
    pub(super) fn end(&mut self, family: u64) {
        if let Some(family) = self.families.get_mut(&family)
            && family.alive
        {
            family.alive = false;
            self.families_ended += 1;
        }
    }

    /// The user takes all consents back.
    pub(super) fn end_all(&mut self) {
        for family in self.families.values_mut() {
            family.alive = false;
        }
    }

    /// Refresh tokens that would be accepted now.
    pub(super) fn alive(&self) -> u64 {
        let now = Instant::now();
        let alive = |token: &&Refresh| {
            let family = self.families.get(&token.family);
            !token.spent && token.expires > now && family.is_some_and(|family| family.alive)
        };
        self.tokens.values().filter(alive).count() as u64
    }

    pub(super) fn refreshes(&self) -> u64 {
        self.refreshes
    }

    pub(super) fn families_ended(&self) -> u64 {
        self.families_ended
    }
}

/// What becomes of a refresh token that is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rotation {
    /// It stays.
    None,
    /// It is spent.
    Strict,
    /// It is spent once its successor is used.
    Grace,
}

impl Rotation {
    /// What two switches say together.
    pub(super) fn new(rotates: bool, grace: bool) -> Self {
        match (rotates, grace) {
            (false, _) => Self::None,
            (true, true) => Self::Grace,
            (true, false) => Self::Strict,
        }
    }
}

/// Things by name, the newest of them.
struct Bounded<V> {
    values: HashMap<String, V>,
    order: VecDeque<String>,
    count_max: usize,
}

impl<V> Bounded<V> {
    fn new(count_max: usize) -> Self {
        Self {
            values: HashMap::new(),
            order: VecDeque::new(),
            count_max,
        }
    }

    fn insert(&mut self, name: String, value: V) -> String {
        self.values.insert(name.clone(), value);
        self.order.push_back(name.clone());
        if self.order.len() > self.count_max
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
        }
        name
    }

    fn get(&self, name: &str) -> Option<&V> {
        self.values.get(name)
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        self.values.get_mut(name)
    }

    fn remove(&mut self, name: &str) -> Option<V> {
        self.values.remove(name)
    }

    fn values(&self) -> impl Iterator<Item = &V> {
        self.values.values()
    }

    fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.values.values_mut()
    }
}
