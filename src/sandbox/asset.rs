//! Content Builder assets below `/asset/v1/content/assets`: made, read, changed, deleted, listed, searched, fetched.
//!
//! Knows the common fields of an asset and keeps all others as they came.

use http::Method;
use serde_json::{Map, Value, json};

use super::answer::{self, Answer};
use super::digest::from_base64;
use super::rest::{Call, Manner};

const READ: &[&str] = &["saved_content_read", "documents_and_images_read"];
const WRITE: &[&str] = &["saved_content_write", "documents_and_images_write"];
const PAGE_SIZE: usize = 50;
/// What an asset without content of its own has as its file: a PNG of one pixel.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// Answers a call to what stands after `/asset/v1/content/assets`.
pub(super) fn answer(call: &Call<'_>, rest: &[&str]) -> Answer {
    let reads = call.method == Method::GET || matches!(rest, ["query"]);
    if let Some(refusal) = call.lacks(if reads { READ } else { WRITE }, Manner::Forbidden) {
        return refusal;
    }
    let outcome = match (call.method.as_str(), rest) {
        ("GET", []) => Ok(list(call)),
        ("POST", []) => create(call),
        ("POST", ["query"]) => search(call),
        ("GET", [id]) => Ok(found(call, id, |asset| answer::json(200, asset))),
        ("GET", [id, "file"]) => Ok(found(call, id, file)),
        ("PUT" | "PATCH", [id]) => change(call, id),
        ("DELETE", [id]) => Ok(delete(call, id)),
        _ => Ok(answer::not_found()),
    };
    outcome.unwrap_or_else(|refusal| *refusal)
}

fn invalid(errorcode: u64, message: &str) -> Box<Answer> {
    Box::new(answer::invalid(errorcode, message))
}

fn create(call: &Call<'_>) -> Result<Answer, Box<Answer>> {
    let Value::Object(asset) = call.json()? else {
        return Err(invalid(10_001, "The body is no asset."));
    };
    check(&asset)?;
    let account = call.bearer.account;
    let asset = call
        .shared
        .records()
        .account(account)
        .add_asset(asset, account);
    Ok(answer::json(201, &asset))
}

fn check(asset: &Map<String, Value>) -> Result<(), Box<Answer>> {
    let name = asset.get("name").and_then(Value::as_str);
    if name.is_none_or(str::is_empty) {
        return Err(invalid(10_006, "name is required."));
    }
    let kind = asset.get("assetType").and_then(|kind| kind.get("id"));
    if !kind.is_some_and(Value::is_u64) {
        return Err(invalid(10_006, "assetType.id is required."));
    }
    Ok(())
}

fn change(call: &Call<'_>, id: &str) -> Result<Answer, Box<Answer>> {
    let Value::Object(changes) = call.json()? else {
        return Err(invalid(10_001, "The body is no asset."));
    };
    let mut records = call.shared.records();
    let assets = &mut records.account(call.bearer.account).assets;
    let asset = id.parse().ok().and_then(|id: u64| assets.get_mut(&id));
    let Some(Value::Object(asset)) = asset else {
        return Ok(answer::not_found());
    };
    for (key, value) in changes {
        if key != "id" && key != "memberId" {
            asset.insert(key, value);
        }
    }
    Ok(answer::json(200, &Value::Object(asset.clone())))
}

fn delete(call: &Call<'_>, id: &str) -> Answer {
    let mut records = call.shared.records();
    let assets = &mut records.account(call.bearer.account).assets;
    match id.parse().ok().and_then(|id: u64| assets.remove(&id)) {
        Some(_) => answer::whole(200, "text/plain; charset=utf-8", "OK"),
        None => answer::not_found(),
    }
}

fn found(call: &Call<'_>, id: &str, answer: impl FnOnce(&Value) -> Answer) -> Answer {
    let mut records = call.shared.records();
    let assets = &records.account(call.bearer.account).assets;
    match id.parse().ok().and_then(|id: u64| assets.get(&id)) {
        Some(asset) => answer(asset),
        None => answer::not_found(),
    }
}

fn file(asset: &Value) -> Answer {
    let content = asset.get("file").and_then(Value::as_str).unwrap_or(PIXEL);
    match from_base64(content) {
        Some(content) => answer::whole(200, "application/octet-stream", content),
        None => answer::invalid(10_001, "The asset's file is no base64."),
    }
}

fn list(call: &Call<'_>) -> Answer {
    let page = call.number("$page", 1);
    let page_size = call.number("$pageSize", call.number("$pagesize", PAGE_SIZE));
    answer::json(200, &page_of(call, page, page_size, |_| true))
}

/// `POST …/query` with `{page: {page, pageSize}, query: {property, simpleOperator, value}}`.
fn search(call: &Call<'_>) -> Result<Answer, Box<Answer>> {
    let body = call.json()?;
    let number = |pointer, usual| {
        let number = body.pointer(pointer).and_then(Value::as_u64);
        number
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(usual)
    };
    let (page, page_size) = (number("/page/page", 1), number("/page/pageSize", PAGE_SIZE));
    let Some(query) = body.get("query") else {
        return Ok(answer::json(200, &page_of(call, page, page_size, |_| true)));
    };
    let field = |key| query.get(key).and_then(Value::as_str);
    let (Some(property), Some(operator)) = (field("property"), field("simpleOperator")) else {
        return Err(invalid(10_003, "query needs property and simpleOperator."));
    };
    if !matches!(operator, "equal" | "equals" | "like") {
        return Err(invalid(
            10_003,
            "simpleOperator is not one that this tenant knows.",
        ));
    }
    let pointer = format!("/{}", property.replace('.', "/"));
    let wanted = query.get("value").map(plain).unwrap_or_default();
    let matches = |asset: &Value| {
        let value = asset.pointer(&pointer).map(plain).unwrap_or_default();
        if operator == "like" {
            value.contains(wanted.trim_matches('%'))
        } else {
            value == wanted
        }
    };
    Ok(answer::json(200, &page_of(call, page, page_size, matches)))
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// One page. Its links are relative and lack the service root, as the vendor's do: a client adds `/asset`.
fn page_of(
    call: &Call<'_>,
    page: usize,
    page_size: usize,
    matches: impl Fn(&Value) -> bool,
) -> Value {
    let mut records = call.shared.records();
    let assets = &records.account(call.bearer.account).assets;
    let chosen: Vec<&Value> = assets.values().filter(|asset| matches(asset)).collect();
    let before = page.saturating_sub(1).saturating_mul(page_size);
    let items: Vec<&Value> = chosen
        .iter()
        .skip(before)
        .take(page_size)
        .copied()
        .collect();
    let link =
        |page| json!({"href": format!("/v1/content/assets?$page={page}&$pageSize={page_size}")});
    let mut links = Map::new();
    links.insert("self".to_owned(), link(page));
    if before.saturating_add(page_size) < chosen.len() {
        links.insert("next".to_owned(), link(page + 1));
    }
    json!({
        "count": chosen.len(),
        "page": page,
        "pageSize": page_size,
        "links": links,
        "items": items,
    })
}
