//! Create, Update and Delete: each object for itself, with a result of its own.
//!
//! Nothing is undone: objects before a refused one stay changed, as with the vendor.

use roxmltree::Node;

use super::element::{child, child_text, children, descendant, elements, is_true, text, type_name};
use super::kind::Kind;
use super::objects::{Object, now};
use super::operation::Said;
use super::receive::Request;
use super::reply::put;
use super::rows::Target;
use super::{reach, render};
use crate::sandbox::digest::random_uuid;
use crate::sandbox::records::Account;

/// What is to be done to an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Create,
    Update,
    /// Create or update, whichever fits.
    Upsert,
    Delete,
}

/// What became of one object.
struct Done {
    words: String,
    object: Object,
    is_new: bool,
}

/// Why nothing became of one object: a code and words.
struct Failure(u64, String);

/// What an object is refused for: codes of this tenant, since the vendor's are many and mostly unlisted.
const INVALID: u64 = 2;
const EXISTS: u64 = 12_014;
const MISSING: u64 = 310_007;

/// `Create`
pub(super) fn create(request: &Request<'_>) -> Said {
    all(request, Change::Create)
}

/// `Update`
pub(super) fn update(request: &Request<'_>) -> Said {
    all(request, Change::Update)
}

/// `Delete`
pub(super) fn delete(request: &Request<'_>) -> Said {
    all(request, Change::Delete)
}

fn all(request: &Request<'_>, usual: Change) -> Said {
    let options = child(request.element, "Options");
    let path = ["SaveOptions", "SaveOption", "SaveAction"];
    let action = options.and_then(|options| descendant(options, &path));
    let change = match action.map(text).as_deref() {
        Some("UpdateAdd") if usual != Change::Delete => Change::Upsert,
        _ => usual,
    };
    let nodes: Vec<Node<'_, '_>> = children(request.element, "Objects").collect();
    let mut out = String::new();
    let mut overall = if nodes.is_empty() { "Error" } else { "OK" }.to_owned();
    for (place, node) in nodes.into_iter().enumerate() {
        let kind = type_name(node).and_then(Kind::named);
        if let Some(kind) = kind
            && let Some(words) = reach::denied(
                request,
                request.operation.action,
                kind,
                kind.write.unwrap_or_default(),
            )
        {
            overall = words;
            break;
        }
        let outcome = one(request, change, kind, node, options);
        if outcome.is_err() {
            "Error".clone_into(&mut overall);
        }
        result(&mut out, place, change, kind, &outcome);
    }
    put(&mut out, "RequestID", &random_uuid());
    put(&mut out, "OverallStatus", &overall);
    Said::whole(overall, out)
}

fn one(
    request: &Request<'_>,
    change: Change,
    kind: Option<&'static Kind>,
    node: Node<'_, '_>,
    options: Option<Node<'_, '_>>,
) -> Result<Done, Failure> {
    let Some(kind) = kind.filter(|kind| kind.write.is_some()) else {
        let words = format!(
            "Unable to find a handler for action: {} and object type: {}",
            request.operation.action,
            type_name(node).unwrap_or_default()
        );
        return Err(Failure(INVALID, words));
    };
    // An object's own Client counts more than that of the options.
    let named = child(node, "Client").map(|_| node).or(options);
    let reached = reach::client(request, named);
    let id = reached.map_err(|words| Failure(INVALID, words))?;
    let mut records = request.shared.records();
    let account = records.account(id);
    if kind.is_row() {
        row(account, change, node)
    } else {
        let done = plain(account, change, kind, node)?;
        if kind.name == "DataExtension" {
            follow(account, change, node, &done.object);
        }
        Ok(done)
    }
}

fn plain(
    account: &mut Account,
    change: Change,
    kind: &'static Kind,
    node: Node<'_, '_>,
) -> Result<Done, Failure> {
    let given = read(kind, node);
    let done = |verb: &str, object: Object, is_new| Done {
        words: format!("{verb} {}.", kind.name),
        object,
        is_new,
    };
    if change == Change::Delete {
        let removed = account.objects.remove(kind, &given);
        return removed
            .map(|object| done("Deleted", object, false))
            .ok_or_else(|| missing(kind));
    }
    if let Some(object) = account.objects.find(kind, &given) {
        if change == Change::Create {
            let words = format!("The {} exists already.", kind.name);
            return Err(Failure(EXISTS, words));
        }
        let settled = ["ID", "ObjectID", "CreatedDate"];
        object.extend(
            given
                .into_iter()
                .filter(|(name, _)| !settled.contains(&name.as_str())),
        );
        object.insert("ModifiedDate".to_owned(), now());
        return Ok(done("Updated", object.clone(), false));
    }
    if change == Change::Update {
        return Err(missing(kind));
    }
    if !given.contains_key(kind.required) {
        let words = format!("{} is required.", kind.required);
        return Err(Failure(INVALID, words));
    }
    let settled = ["ID", "ObjectID", "CreatedDate", "ModifiedDate"];
    let given = given
        .into_iter()
        .filter(|(name, _)| !settled.contains(&name.as_str()));
    let object = account.objects.add(kind, given.collect());
    Ok(done("Created", object, true))
}

fn missing(kind: &Kind) -> Failure {
    Failure(MISSING, format!("The {} does not exist.", kind.name))
}

/// A data extension comes and goes with its primary key columns and its rows.
fn follow(account: &mut Account, change: Change, node: Node<'_, '_>, object: &Object) {
    let key = object.get("CustomerKey").cloned().unwrap_or_default();
    if change == Change::Delete {
        account.objects.drop_columns(&key);
        account.extensions.remove(&key);
        return;
    }
    let fields: Vec<Node<'_, '_>> = child(node, "Fields")
        .into_iter()
        .flat_map(elements)
        .collect();
    let names = |wanted: fn(&Node<'_, '_>) -> bool| -> Vec<String> {
        let chosen = fields.iter().filter(|field| wanted(field));
        chosen
            .filter_map(|field| child_text(*field, "Name"))
            .collect()
    };
    if fields.is_empty() && account.objects.columns(&key).is_some() {
        return;
    }
    let mut columns = names(|field| is_true(*field, "IsPrimaryKey"));
    if columns.is_empty() {
        // Without a primary key no two rows are the same unless they are alike in all columns.
        columns = names(|_| true);
    }
    account.objects.set_columns(&key, columns);
}

fn row(account: &mut Account, change: Change, node: Node<'_, '_>) -> Result<Done, Failure> {
    let extension = child_text(node, "CustomerKey")
        .ok_or_else(|| Failure(INVALID, "CustomerKey is required.".to_owned()))?;
    let mut given = Object::new();
    for (list, item) in [("Keys", "Key"), ("Properties", "Property")] {
        for pair in child(node, list)
            .into_iter()
            .flat_map(|list| children(list, item))
        {
            if let Some(name) = child_text(pair, "Name") {
                let value = child(pair, "Value").map(text).unwrap_or_default();
                given.insert(name, value);
            }
        }
    }
    let target =
        Target::new(account, &extension, &given).map_err(|words| Failure(INVALID, words))?;
    let exists = target.exists(account, &extension);
    let refused = match (change, exists) {
        (Change::Create, true) => Some((EXISTS, "The row exists already: primary key violation.")),
        (Change::Update | Change::Delete, false) => Some((MISSING, "The row does not exist.")),
        _ => None,
    };
    if let Some((code, words)) = refused {
        return Err(Failure(code, words.to_owned()));
    }
    let verb = if change == Change::Delete {
        target.delete(account, &extension);
        "Deleted"
    } else {
        target.write(account, &extension);
        if exists { "Updated" } else { "Created" }
    };
    Ok(Done {
        words: format!("{verb} DataExtensionObject"),
        object: given,
        is_new: verb == "Created",
    })
}

/// The properties in an object's element that its type has.
fn read(kind: &Kind, node: Node<'_, '_>) -> Object {
    let mut object = Object::new();
    for field in elements(node) {
        let name = field.tag_name().name();
        if let Some(name) = kind.property(name)
            && elements(field).next().is_none()
        {
            object.insert(name.to_owned(), text(field));
        }
    }
    object
}

/// One `Results` element.
fn result(
    out: &mut String,
    place: usize,
    change: Change,
    kind: Option<&'static Kind>,
    outcome: &Result<Done, Failure>,
) {
    out.push_str("<Results>");
    match outcome {
        Err(Failure(code, words)) => {
            put(out, "StatusCode", "Error");
            put(out, "StatusMessage", words);
            put(out, "OrdinalID", &place.to_string());
            put(out, "ErrorCode", &code.to_string());
        }
        Ok(done) => {
            put(out, "StatusCode", "OK");
            put(out, "StatusMessage", &done.words);
            put(out, "OrdinalID", &place.to_string());
            if done.is_new && matches!(change, Change::Create | Change::Upsert) {
                put(
                    out,
                    "NewID",
                    done.object.get("ID").map_or("0", String::as_str),
                );
                if let Some(id) = done.object.get("ObjectID") {
                    put(out, "NewObjectID", id);
                }
            }
            if let Some(kind) = kind {
                render::object(out, kind, &done.object);
            }
        }
    }
    out.push_str("</Results>");
}
