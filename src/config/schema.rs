//! The JSON Schema of the configuration file, for editors and for checks in a pipeline. It refuses less than `check` does:
//! how values fit together cannot be said in it.

use serde_json::{Map, Value as Json, json};

use super::fault::Origin;
use super::keys::{KEYS, Key, Kind, SECTIONS};
use super::value::{Raw, Value};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
const TENANT_NAME: &str = "^[a-z0-9-]{1,63}$";
/// Digits alone would read as a member id.
const ACCOUNT_NAME: &str = "^[0-9]*[a-z-][a-z0-9-]*$";
/// That of a DNS name in a certificate, too.
const CLIENT_NAME: &str = "^[a-z0-9.-]{1,253}$";
/// A text in which a variable stands may become anything.
const VARIABLE: &str = r"\$\{";
const ADDRESS: &str = r"^(unix:(//)?/.+|(localhost|[0-9.]+|\[[0-9A-Fa-f:.%]+\]):[0-9]{1,5})$";
const SERVERS: &str = r"^(system|[0-9A-Fa-f.:\[\]%, ]+)$";
const DURATION: &str = r"^\s*(0|([0-9]+\s*[A-Za-zµ]+\s*)+)\s*$";
const SIZE: &str = r"^\s*[0-9]+\s*([kKmMgG][iI]?)?[bB]\s*$";

/// The schema of this version's file.
#[must_use]
pub fn schema() -> Json {
    let mut root = node("");
    put(&mut root, "$schema", json!(DIALECT));
    put(
        &mut root,
        "title",
        json!("Configuration of sfmc-auth-proxy"),
    );
    root
}

fn node(prefix: &str) -> Json {
    if let Some(key) = served().find(|key| key.pattern == prefix) {
        return leaf(key);
    }
    let mut children: Vec<&str> = Vec::new();
    for key in served() {
        let below = match prefix {
            "" => Some(key.pattern),
            _ => key
                .pattern
                .strip_prefix(prefix)
                .and_then(|rest| rest.strip_prefix('.')),
        };
        let child = below.and_then(|below| below.split('.').next());
        children.extend(child.filter(|child| !children.contains(child)));
    }
    let path = |child: &str| match prefix {
        "" => child.to_owned(),
        _ => format!("{prefix}.{child}"),
    };
    if children == ["[]"] {
        return json!({"type": "array", "items": node(&path("[]"))});
    }
    let mut properties = Map::new();
    let mut object = json!({"type": "object", "additionalProperties": false});
    for child in children {
        if child == "*" {
            let name = match prefix {
                "tenants" => TENANT_NAME,
                "clients" => CLIENT_NAME,
                _ => ACCOUNT_NAME,
            };
            put(
                &mut object,
                "patternProperties",
                json!({name: node(&path("*"))}),
            );
        } else {
            properties.insert(child.to_owned(), node(&path(child)));
        }
    }
    if !properties.is_empty() {
        put(&mut object, "properties", Json::Object(properties));
    }
    if let Some((_, doc)) = SECTIONS.iter().find(|(pattern, _)| *pattern == prefix) {
        put(&mut object, "description", json!(doc));
    }
    require(prefix, &mut object);
    object
}

fn put(object: &mut Json, name: &str, value: Json) {
    if let Json::Object(object) = object {
        object.insert(name.to_owned(), value);
    }
}

fn served() -> impl Iterator<Item = &'static Key> {
    KEYS.iter()
}

fn require(table: &str, object: &mut Json) {
    match table {
        "tenants.*" => {
            put(object, "required", json!(["client_id"]));
            // The other grants need no secret; a variable may become one of them.
            let others = format!("^(authorization_code|jwt_bearer)$|{VARIABLE}");
            put(
                object,
                "if",
                json!({
                    "properties": {"grant": {"pattern": others}},
                    "required": ["grant"],
                }),
            );
            put(object, "then", not_both("client_secret"));
            put(
                object,
                "else",
                json!({"oneOf": [
                    {"required": ["client_secret"]},
                    {"required": ["client_secret_file"]},
                ]}),
            );
            put(
                object,
                "anyOf",
                json!([
                    {"required": ["subdomain"]},
                    {"required": ["auth_url", "trusted_hosts"]},
                ]),
            );
        }
        "clients.*" => put_all(object, not_both("secret")),
        "admin" => put_all(object, not_both("token")),
        "state" => put(
            object,
            "allOf",
            json!([
                not_both("key"),
                not_both("redis_url"),
                {"not": {"required": ["dir", "redis_url"]}},
                {"not": {"required": ["dir", "redis_url_file"]}},
            ]),
        ),
        "listen.tls" => put(
            object,
            "dependentRequired",
            json!({"cert_file": ["key_file"], "key_file": ["cert_file"]}),
        ),
        "listener.[]" => put(object, "required", json!(["address"])),
        _ => {}
    }
}

/// A secret stands in the file, or in a file of its own.
fn not_both(secret: &str) -> Json {
    json!({"not": {"required": [secret, format!("{secret}_file")]}})
}

fn put_all(object: &mut Json, more: Json) {
    if let (Json::Object(object), Json::Object(more)) = (object, more) {
        object.extend(more);
    }
}

fn leaf(key: &Key) -> Json {
    let mut leaf = values(key.kind);
    put(&mut leaf, "description", json!(key.doc));
    if let Some(default) = key.default {
        put(&mut leaf, "default", plain(key.kind, default));
    }
    leaf
}

fn values(kind: Kind) -> Json {
    let pattern = |pattern: &str| or_variable(json!({"type": "string", "pattern": pattern}));
    match kind {
        Kind::Text | Kind::Secret | Kind::Path => json!({"type": "string", "minLength": 1}),
        Kind::Paths => json!({"anyOf": [
            {"type": "string", "minLength": 1},
            {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
        ]}),
        Kind::Url => pattern("^https?://"),
        Kind::Proxy => pattern("^(env$|none$|http://)"),
        Kind::Servers => json!({"anyOf": [
            pattern(SERVERS),
            {"type": "array", "items": pattern(SERVERS), "minItems": 1},
        ]}),
        Kind::Address => pattern(ADDRESS),
        Kind::Addresses => or_variable(json!({"type": "array", "items": pattern(ADDRESS)})),
        Kind::Texts => or_variable(json!({"type": "array", "items": {"type": "string"}})),
        Kind::Words => json!({"anyOf": [
            {"type": "array", "items": {"type": "string"}},
            {"type": "string"},
        ]}),
        Kind::Choice(words) => or_variable(json!({"enum": words})),
        Kind::Flag => or_variable(json!({"type": "boolean"})),
        Kind::Count { min, max } => {
            or_variable(json!({"type": "integer", "minimum": min, "maximum": max}))
        }
        Kind::Share => or_variable(json!({"type": "number", "minimum": 0, "maximum": 1})),
        Kind::Duration { .. } => pattern(DURATION),
        Kind::Size { .. } => pattern(SIZE),
        Kind::Mid => json!({"anyOf": [
            {"type": "integer", "minimum": 1},
            {"type": "string", "pattern": format!("^[0-9]+$|{VARIABLE}")},
        ]}),
        Kind::Account => account(),
        Kind::Accounts => or_variable(json!({"type": "array", "items": account()})),
    }
}

fn account() -> Json {
    json!({"anyOf": [
        {"type": "integer", "minimum": 1},
        {"type": "string", "minLength": 1},
    ]})
}

fn or_variable(schema: Json) -> Json {
    let variable = json!({"type": "string", "pattern": VARIABLE});
    Json::from_iter([("anyOf", Json::Array(vec![schema, variable]))])
}

/// A value in its environment spelling, as the file would have it.
fn plain(kind: Kind, text: &str) -> Json {
    match Value::read(kind, Raw::bare(text), &Origin::Default) {
        Ok(Value::Number(number)) if !matches!(kind, Kind::Size { .. }) => json!(number),
        Ok(Value::Flag(flag)) => json!(flag),
        Ok(Value::Share(share)) => json!(share),
        Ok(Value::List(items)) => items.into_iter().map(|item| json!(item.text)).collect(),
        _ => json!(text),
    }
}
