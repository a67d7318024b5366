//! Transactional messages and contacts. Every accepted send is recorded, so that a test sees what went out twice.
//!
//! Never sends anything, and never takes two sends for one.

use http::Method;
use serde_json::{Value, json};

use super::answer::{self, Answer};
use super::digest::random_uuid;
use super::records::SentMessage;
use super::rest::{Call, Manner};

/// `POST /messaging/v1/CHANNEL/messages[/KEY]`: 202 with a request id; `GET` tells the state of a key.
pub(super) fn send(call: &Call<'_>, channel: &str, rest: &[&str]) -> Answer {
    let reads = call.method == Method::GET;
    let scope = format!("{channel}_{}", if reads { "read" } else { "send" });
    if let Some(refusal) = call.lacks(&[&scope], Manner::Forbidden) {
        return refusal;
    }
    match (call.method.as_str(), rest) {
        ("POST", [key]) => accept(call, channel, Some(key)),
        ("POST", []) => accept(call, channel, None),
        ("GET", [key]) => state(call, key),
        _ => answer::not_found(),
    }
}

fn accept(call: &Call<'_>, channel: &str, key: Option<&str>) -> Answer {
    let body = match call.json() {
        Ok(body) => body,
        Err(refusal) => return *refusal,
    };
    let Some(definition_key) = body.get("definitionKey").and_then(Value::as_str) else {
        return answer::invalid(10_006, "definitionKey is required.");
    };
    let recipients: Vec<&Value> = match (key, body.get("recipient"), body.get("recipients")) {
        (Some(_), Some(recipient), None) => vec![recipient],
        (None, None, Some(Value::Array(recipients))) => recipients.iter().collect(),
        _ => return answer::invalid(10_006, "recipient, or recipients for a batch, is required."),
    };
    let field = |recipient: &Value, name: &str| {
        recipient
            .get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    if recipients
        .iter()
        .any(|recipient| field(recipient, "contactKey").is_none())
    {
        return answer::invalid(10_006, "contactKey is required.");
    }
    let request_id = random_uuid();
    let mut responses = Vec::new();
    let mut records = call.shared.records();
    for recipient in recipients {
        let message_key = key
            .map(str::to_owned)
            .or_else(|| field(recipient, "messageKey"))
            .unwrap_or_else(random_uuid);
        responses.push(json!({"messageKey": message_key}));
        records.send(SentMessage {
            account: call.bearer.account,
            channel: channel.to_owned(),
            message_key,
            definition_key: definition_key.to_owned(),
            contact_key: field(recipient, "contactKey").unwrap_or_default(),
            request_id: request_id.clone(),
            at_ms: call.shared.journal.now_ms(),
        });
    }
    answer::json(
        202,
        &json!({"requestId": request_id, "errorcode": 0, "responses": responses}),
    )
}

fn state(call: &Call<'_>, key: &str) -> Answer {
    let account = call.bearer.account;
    let sends = call.shared.records().sends();
    let sent = sends
        .iter()
        .rev()
        .find(|sent| sent.account == account && sent.message_key == key);
    match sent {
        None => answer::not_found(),
        Some(sent) => answer::json(
            200,
            &json!({
                "requestId": sent.request_id,
                "eventCategoryType": "TransactionalSendEvents.EmailSent",
                "info": {"messageKey": sent.message_key, "contactKey": sent.contact_key},
            }),
        ),
    }
}

/// `POST /contacts/v1/contacts`
pub(super) fn contact(call: &Call<'_>) -> Answer {
    let scopes = ["audiences_write", "list_and_subscribers_write"];
    if let Some(refusal) = call.lacks(&scopes, Manner::Forbidden) {
        return refusal;
    }
    if call.method != Method::POST {
        return answer::not_found();
    }
    let body = match call.json() {
        Ok(body) => body,
        Err(refusal) => return *refusal,
    };
    let Some(key) = body
        .get("contactKey")
        .and_then(Value::as_str)
        .filter(|key| !key.is_empty())
    else {
        return answer::invalid(10_006, "contactKey is required.");
    };
    let mut records = call.shared.records();
    let contacts = &mut records.account(call.bearer.account).contacts;
    let new = !contacts.contains_key(key);
    let next = contacts.len() as u64 + 1;
    let id = *contacts.entry(key.to_owned()).or_insert(next);
    answer::json(
        200,
        &json!({
            "operationStatus": "OK",
            "contactKey": key,
            "contactId": id,
            "contactTypeID": 0,
            "isNewContactKey": new,
            "hasErrors": false,
            "requestServiceMessageID": random_uuid(),
            "resultMessages": [],
        }),
    )
}
