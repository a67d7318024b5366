//! What the tenant stores, each business unit for itself: assets, data extension rows, contacts, SOAP objects, and what
//! was sent.
//!
//! Knows neither HTTP nor tokens. Kept in memory only.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::soap::Objects;

/// Sends remembered; all are counted.
const SENDS_MAX: usize = 100_000;
/// Assets and rows that each business unit has from the start.
const ASSETS_AT_START: u64 = 3;
const ROWS_AT_START: u64 = 25;

/// The data extension that each business unit has from the start.
pub(super) const EXTENSION_AT_START: &str = "sandbox-orders";

/// One message that went out. Every accepted call is one, whether its key is new or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SentMessage {
    /// The business unit that sent.
    pub account: u64,
    /// `email`, `sms` or `push`.
    pub channel: String,
    /// The key in the path; of a batch, that of the recipient, or a made one.
    pub message_key: String,
    /// The send definition.
    pub definition_key: String,
    /// The recipient.
    pub contact_key: String,
    /// What the call was told.
    pub request_id: String,
    /// Milliseconds from the tenant's start.
    pub at_ms: u64,
}

/// What one business unit has.
#[derive(Default)]
pub(super) struct Account {
    pub(super) assets: BTreeMap<u64, Value>,
    last_asset: u64,
    /// Rows by the JSON text of their keys, within data extensions by external key.
    pub(super) extensions: BTreeMap<String, BTreeMap<String, Value>>,
    /// Data extensions by the token that pages through them.
    pub(super) cursors: HashMap<String, String>,
    pub(super) contacts: BTreeMap<String, u64>,
    /// What the SOAP face has beside rows.
    pub(super) objects: Objects,
}

/// Everything stored.
pub(super) struct Records {
    accounts: HashMap<u64, Account>,
    sends: VecDeque<SentMessage>,
    sends_total: u64,
}

impl Records {
    pub(super) fn new(accounts: &[u64]) -> Self {
        let accounts = accounts
            .iter()
            .map(|id| (*id, Account::at_start(*id)))
            .collect();
        Self {
            accounts,
            sends: VecDeque::new(),
            sends_total: 0,
        }
    }

    pub(super) fn account(&mut self, id: u64) -> &mut Account {
        self.accounts.entry(id).or_default()
    }

    pub(super) fn send(&mut self, message: SentMessage) {
        self.sends_total += 1;
        self.sends.push_back(message);
        if self.sends.len() > SENDS_MAX {
            self.sends.pop_front();
        }
    }

    pub(super) fn sends(&self) -> Vec<SentMessage> {
        self.sends.iter().cloned().collect()
    }

    pub(super) fn sends_total(&self) -> u64 {
        self.sends_total
    }
}

impl Account {
    fn at_start(id: u64) -> Self {
        let mut account = Self {
            objects: Objects::at_start(id, EXTENSION_AT_START, "orderid"),
            ..Self::default()
        };
        for number in 1..=ASSETS_AT_START {
            let mut asset = Map::new();
            asset.insert("name".to_owned(), json!(format!("Asset {number} of {id}")));
            asset.insert("assetType".to_owned(), json!({"id": 28, "name": "png"}));
            account.add_asset(asset, id);
        }
        for number in 1..=ROWS_AT_START {
            let keys = json!({"orderid": format!("{id}-{number:04}")});
            let values = json!({"amount": (number * 10).to_string(), "account": id.to_string()});
            account.put_row(EXTENSION_AT_START, &keys, &values);
        }
        account
    }

    /// Stores an asset under the next id and gives it back as stored.
    pub(super) fn add_asset(&mut self, mut asset: Map<String, Value>, member_id: u64) -> Value {
        self.last_asset += 1;
        let id = self.last_asset;
        asset.insert("id".to_owned(), json!(id));
        asset.insert("memberId".to_owned(), json!(member_id));
        asset
            .entry("customerKey")
            .or_insert_with(|| json!(super::digest::random_uuid()));
        let asset = Value::Object(asset);
        self.assets.insert(id, asset.clone());
        asset
    }

    /// Writes one row, in place of one with the same keys.
    pub(super) fn put_row(&mut self, extension: &str, keys: &Value, values: &Value) {
        let row = json!({"keys": keys, "values": values});
        self.extensions
            .entry(extension.to_owned())
            .or_default()
            .insert(keys.to_string(), row);
    }
}
