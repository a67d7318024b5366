//! Retrieve: what is asked for, page by page, of one business unit or several.
//!
//! Never changes an object. A page is looked up when it is asked for: what was written in between counts.

use std::fmt::Write as _;

use roxmltree::Node;

use super::element::{child, child_text, children, descendant, is_true, text};
use super::filter::Filter;
use super::kind::{Kind, ROW};
use super::objects::Object;
use super::operation::{Content, Said};
use super::receive::Request;
use super::render;
use super::rows;
use super::{bulk, reach};
use crate::sandbox::digest::random_uuid;
use crate::sandbox::records::Records;

/// The OverallStatus of a page that is not the last.
const MORE: &str = "MoreDataAvailable";

/// What is asked for.
#[derive(Clone)]
pub(super) struct Query {
    kind: &'static Kind,
    /// The external key of the data extension whose rows are asked for.
    extension: String,
    accounts: Vec<u64>,
    properties: Vec<String>,
    filter: Option<Filter>,
    /// Objects of one page.
    page_size: usize,
}

/// Where a Retrieve goes on.
#[derive(Clone)]
pub(super) struct Cursor {
    query: Query,
    /// Objects that have been given out.
    given: usize,
}

/// `Retrieve`
pub(super) fn answer(request: &Request<'_>) -> Said {
    let Some(asked) = child(request.element, "RetrieveRequest") else {
        return failed("Error: RetrieveRequest is missing.");
    };
    match child_text(asked, "ContinueRequest") {
        Some(request_id) => go_on(request, &request_id),
        None => start(request, asked),
    }
}

/// `Query`, the same in an older dress.
pub(super) fn query(request: &Request<'_>) -> Said {
    match descendant(request.element, &["QueryRequest", "Query", "Object"]) {
        Some(_) => failed("Error: Query is not supported for this object; use Retrieve."),
        None => failed("Error: QueryRequest is missing."),
    }
}

fn start(request: &Request<'_>, asked: Node<'_, '_>) -> Said {
    let name = child_text(asked, "ObjectType").unwrap_or_default();
    if let Some(count) = bulk::count(&name) {
        return bulk::answer(count);
    }
    let query = match read(request, asked, &name) {
        Ok(query) => query,
        Err(words) => return failed(&format!("Error: {words}")),
    };
    if let Some(words) = reach::denied(request, "Retrieve", query.kind, query.kind.read) {
        return failed(&words);
    }
    let cursor = Cursor { query, given: 0 };
    page(request, cursor, &random_uuid())
}

fn go_on(request: &Request<'_>, request_id: &str) -> Said {
    let account = request.bearer.account;
    let cursor = {
        let mut records = request.shared.records();
        let objects = &records.account(account).objects;
        objects.cursor(request_id).cloned()
    };
    match cursor {
        Some(cursor) => page(request, cursor, request_id),
        None => failed(&format!(
            "Error: The ContinueRequest {request_id} is not known in this account."
        )),
    }
}

/// One page, and the cursor to the next under the same RequestID.
fn page(request: &Request<'_>, cursor: Cursor, request_id: &str) -> Said {
    let mut records = request.shared.records();
    let Cursor { query, given } = cursor;
    let mut objects = matching(&mut records, &query, given, query.page_size + 1);
    let more = objects.len() > query.page_size;
    objects.truncate(query.page_size);
    let overall = if more { MORE } else { "OK" };
    let mut out = opening(overall, request_id);
    for object in &objects {
        render::result(&mut out, query.kind, object, &query.properties);
    }
    let next = more.then(|| Cursor {
        given: given + objects.len(),
        query,
    });
    let account = records.account(request.bearer.account);
    account.objects.keep_cursor(request_id, next);
    Said::whole(overall, out)
}

/// What stands before the results.
pub(super) fn opening(overall: &str, request_id: &str) -> String {
    let mut out = String::new();
    super::reply::put(&mut out, "OverallStatus", overall);
    super::reply::put(&mut out, "RequestID", request_id);
    out
}

fn failed(overall: &str) -> Said {
    Said {
        overall: overall.to_owned(),
        content: Content::Whole(opening(overall, &random_uuid())),
    }
}

fn read(request: &Request<'_>, asked: Node<'_, '_>, name: &str) -> Result<Query, String> {
    let (name, extension) = match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
        Some((name, extension)) if name == ROW => (name, extension),
        _ => (name, ""),
    };
    let kind = Kind::named(name)
        .filter(|kind| kind.is_row() != extension.is_empty())
        .ok_or_else(|| {
            format!("Unable to find a handler for action: Retrieve and object type: {name}")
        })?;
    let properties: Vec<String> = children(asked, "Properties").map(text).collect();
    if properties.is_empty() {
        return Err("The request names no Properties.".to_owned());
    }
    check(kind, &properties, "Properties")?;
    let filter = child(asked, "Filter").map(Filter::read).transpose()?;
    let filtered = filter.as_ref().map(Filter::properties).unwrap_or_default();
    check(kind, &filtered, "Filter")?;
    let accounts = accounts(request, asked)?;
    if kind.is_row() {
        let mut records = request.shared.records();
        let known = accounts
            .iter()
            .any(|account| rows::exists(records.account(*account), extension));
        if !known {
            return Err(format!("The data extension {extension} does not exist."));
        }
    }
    let most = request.switches.soap_page_size.max(1);
    let wanted = descendant(asked, &["Options", "BatchSize"]).map(text);
    let wanted = wanted.and_then(|size| size.parse().ok()).unwrap_or(most);
    Ok(Query {
        kind,
        extension: extension.to_owned(),
        accounts,
        properties,
        filter,
        page_size: wanted.clamp(1, most),
    })
}

/// Columns of data extensions are not known beforehand; everything else is.
fn check(kind: &Kind, names: &[impl AsRef<str>], what: &str) -> Result<(), String> {
    let unknown: Vec<&str> = names
        .iter()
        .map(AsRef::as_ref)
        .filter(|name| !kind.is_row() && kind.property(name).is_none())
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let mut words = format!("The Request {what}(s) ");
    let _ = write!(
        words,
        "{} do not match with the fields of {} retrieve",
        unknown.join(", "),
        kind.name
    );
    Err(words)
}

/// The business units to look into.
fn accounts(request: &Request<'_>, asked: Node<'_, '_>) -> Result<Vec<u64>, String> {
    let own = request.bearer.account;
    let everywhere = reach::of(request);
    let named: Vec<String> = children(asked, "ClientIDs")
        .filter_map(|client| child_text(client, "ID").or_else(|| child_text(client, "ClientID")))
        .collect();
    if !named.is_empty() {
        return named.iter().map(|id| reach::account(request, id)).collect();
    }
    if is_true(asked, "QueryAllAccounts") {
        return Ok(everywhere);
    }
    Ok(vec![own])
}

fn matching(records: &mut Records, query: &Query, skip: usize, take: usize) -> Vec<Object> {
    let mut found = Vec::new();
    let mut skipped = 0;
    for id in &query.accounts {
        let account = records.account(*id);
        let objects: Vec<Object> = if query.kind.is_row() {
            rows::of(account, &query.extension)
        } else {
            account.objects.of(query.kind).to_vec()
        };
        for mut object in objects {
            object.insert("Client.ID".to_owned(), id.to_string());
            let admitted = query
                .filter
                .as_ref()
                .is_none_or(|filter| filter.admits(&object));
            if admitted && skipped < skip {
                skipped += 1;
            } else if admitted {
                found.push(object);
            }
            if found.len() == take {
                return found;
            }
        }
    }
    found
}
