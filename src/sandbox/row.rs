//! Rows of data extensions: written through `/hub/v1/dataevents`, read through `/data/v1/customobjectdata`.
//!
//! A data extension comes to be with its first row; there are no columns to check.

use http::Method;
use serde_json::{Map, Value, json};

use super::answer::{self, Answer};
use super::digest::random_uuid;
use super::records::Account;
use super::rest::{Call, Manner};

/// Rows of one page, and the most that can be asked for.
const PAGE_SIZE: usize = 2_500;
/// Paging tokens that one account keeps.
const CURSORS_MAX: usize = 10_000;

/// `POST /hub/v1/dataevents/key:KEY/rowset`: rows before the first bad one stay, as with the vendor.
pub(super) fn upsert(call: &Call<'_>, key: &str) -> Answer {
    if let Some(refusal) = call.lacks(&["data_extensions_write"], Manner::NotAuthorized) {
        return refusal;
    }
    let Some(key) = key
        .strip_prefix("key:")
        .filter(|_| call.method == Method::POST)
    else {
        return answer::not_found();
    };
    let rows = match call.json() {
        Ok(Value::Array(rows)) => rows,
        Ok(_) => return answer::invalid(10_001, "The body is no list of rows."),
        Err(refusal) => return *refusal,
    };
    let mut records = call.shared.records();
    let account = records.account(call.bearer.account);
    for (place, row) in rows.iter().enumerate() {
        let field = |name| row.get(name).filter(|value| value.is_object());
        let (Some(keys), Some(values)) = (field("keys"), field("values")) else {
            return answer::invalid(10_006, &format!("Row {place} needs keys and values."));
        };
        account.put_row(key, keys, values);
    }
    answer::json(200, &Value::Array(rows))
}

/// `GET /data/v1/customobjectdata/key/KEY/rowset`, and by the paging token of its links.
pub(super) fn page(call: &Call<'_>, kind: &str, key: &str) -> Answer {
    if let Some(refusal) = call.lacks(&["data_extensions_read"], Manner::Forbidden) {
        return refusal;
    }
    if call.method != Method::GET {
        return answer::not_found();
    }
    let mut records = call.shared.records();
    let account = records.account(call.bearer.account);
    let (extension, cursor) = match kind {
        "key" => (key.to_owned(), None),
        "token" => match account.cursors.get(key) {
            Some(extension) => (extension.clone(), Some(key.to_owned())),
            None => return answer::not_found(),
        },
        _ => return answer::not_found(),
    };
    if !account.extensions.contains_key(&extension) {
        return answer::not_found();
    }
    let cursor = cursor.unwrap_or_else(|| new_cursor(account, &extension));
    let number = call.number("$page", 1);
    let page_size = call
        .number("$pageSize", call.number("$pagesize", PAGE_SIZE))
        .min(PAGE_SIZE);
    let rows = account.extensions.get(&extension);
    let count = rows.map_or(0, std::collections::BTreeMap::len);
    let before = number.saturating_sub(1).saturating_mul(page_size);
    let items: Vec<&Value> = rows
        .into_iter()
        .flat_map(|rows| rows.values())
        .skip(before)
        .take(page_size)
        .collect();
    // Relative, and without the service root: a client adds `/data`.
    let link = |page| {
        format!("/v1/customobjectdata/token/{cursor}/rowset?$page={page}&$pageSize={page_size}")
    };
    let mut links = Map::new();
    links.insert("self".to_owned(), json!(link(number)));
    if before.saturating_add(page_size) < count {
        links.insert("next".to_owned(), json!(link(number + 1)));
    }
    answer::json(
        200,
        &json!({
            "links": links,
            "requestToken": cursor,
            "customObjectKey": extension,
            "pageSize": page_size,
            "page": number,
            "count": count,
            "top": 0,
            "items": items,
        }),
    )
}

fn new_cursor(account: &mut Account, extension: &str) -> String {
    if account.cursors.len() >= CURSORS_MAX {
        account.cursors.clear();
    }
    let cursor = random_uuid();
    account.cursors.insert(cursor.clone(), extension.to_owned());
    cursor
}
