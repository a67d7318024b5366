//! A client's secrets, of which the server knows at least one: the present one, and during a rotation the next. Remembers which
//! one works, and never tries more than one other.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::secret::Secret;
use crate::token::MintError;

/// What metrics call them, in their order.
pub(in crate::token) const NAMES: [&str; 2] = ["current", "next"];

/// The secrets of one client, in the order of the configuration.
pub(super) struct Secrets {
    all: Vec<Secret>,
    state: Mutex<State>,
}

#[derive(Clone, Default)]
struct State {
    in_use: usize,
    /// Those that the server has refused since it last took one.
    refused: [bool; NAMES.len()],
}

impl Secrets {
    /// There are at most as many as have names.
    pub(super) fn new(mut all: Vec<Secret>) -> Self {
        all.truncate(NAMES.len());
        Self {
            all,
            state: Mutex::default(),
        }
    }

    /// Goes on with the secret that was in use before, if it is still among these.
    pub(super) fn go_on_from(&self, before: &Self) {
        let in_use = before.get(before.in_use());
        let kept = in_use.and_then(|secret| self.all.iter().position(|own| same(own, secret)));
        self.state().in_use = kept.unwrap_or_default();
    }

    /// Whether these are the same secrets in the same order.
    pub(super) fn are(&self, other: &Self) -> bool {
        let mut pairs = self.all.iter().zip(&other.all);
        self.all.len() == other.all.len() && pairs.all(|(one, other)| same(one, other))
    }

    /// The secret of this place.
    pub(super) fn get(&self, place: usize) -> Option<&Secret> {
        self.all.get(place)
    }

    /// The place of the one that worked last.
    pub(super) fn in_use(&self) -> usize {
        self.state().in_use
    }

    /// The place of the one to begin with.
    pub(super) fn first(&self) -> usize {
        let state = self.state();
        let is_refused = |place: usize| state.refused.get(place).copied().unwrap_or(true);
        // If both were refused, nobody knows any more.
        match self.other(state.in_use) {
            Some(other) if is_refused(state.in_use) && !is_refused(other) => other,
            _ => state.in_use,
        }
    }

    /// The server did not take this one: the place of the other one, if that is worth a try.
    pub(super) fn refused(&self, place: usize) -> Option<usize> {
        let mut state = self.state();
        if state
            .refused
            .iter()
            .take(self.all.len())
            .all(|refused| *refused)
        {
            state.refused = Default::default();
        }
        if let Some(refused) = state.refused.get_mut(place) {
            *refused = true;
        }
        let other = self.other(place)?;
        let is_open = state.refused.get(other).is_some_and(|refused| !refused);
        is_open.then_some(other)
    }

    /// The server took this one. Tells whether it is another one than before.
    pub(super) fn accepted(&self, place: usize) -> bool {
        let mut state = self.state();
        let before = state.in_use;
        *state = State {
            in_use: place,
            ..State::default()
        };
        before != place
    }

    fn other(&self, place: usize) -> Option<usize> {
        (0..self.all.len()).find(|other| *other != place)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn same(one: &Secret, other: &Secret) -> bool {
    verify_slices_are_equal(one.expose().as_bytes(), other.expose().as_bytes()).is_ok()
}

/// Whether the server says that it does not know this client with this secret.
pub(super) fn is_about_credentials(error: &MintError) -> bool {
    let MintError::Rejected { status, error, .. } = error else {
        return false;
    };
    match error.as_str() {
        "invalid_client" => matches!(status, 400 | 401),
        "unauthorized_client" | "errorcode 1" => *status == 401,
        _ => false,
    }
}
