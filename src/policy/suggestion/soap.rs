//! Operations of an allow list, made of operations and object types. Types are never merged: what a type is to SOAP, a service
//! root is to REST.

use std::collections::BTreeSet;
use std::fmt;

use crate::policy::Effect;
use crate::policy::effect::of_object;
use crate::policy::table::CORE;
use crate::soap::envelope::Operation;

/// Rows of a data extension are asked for by this type, with the data extension's key in brackets.
const ROWS: &str = "DataExtensionObject";
/// Longest object type that is taken over.
const TYPE_LENGTH_MAX: usize = 60;

/// One pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Object {
    operation: &'static str,
    /// `None` for every type.
    object_type: Option<String>,
}

/// The pattern of an operation and perhaps an object type; `None` where one of them is none.
pub(super) fn read(call: &str) -> Option<Object> {
    let mut words = call.split_ascii_whitespace();
    let name = words.next()?;
    // Of core Salesforce: its objects are not told apart.
    if let Some(row) = CORE.iter().find(|row| row.name == name) {
        return Some(Object {
            operation: row.name,
            object_type: None,
        });
    }
    let operation = Operation::all().find(|known| known.name() == name)?;
    let object_type = match words.next() {
        Some(named) => Some(pattern(operation, named)?),
        None => None,
    };
    if words.next().is_some() {
        return None;
    }
    Some(Object {
        operation: operation.name(),
        object_type,
    })
}

/// A type as a pattern has it: `DataExtensionObject[*]` where it is asked for, whatever its key.
fn pattern(operation: Operation, object_type: &str) -> Option<String> {
    let (bare, key) = match object_type.split_once('[') {
        Some((bare, _key)) => (bare, "[*]"),
        None => (object_type, ""),
    };
    let is_type = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if bare.is_empty() || bare.len() > TYPE_LENGTH_MAX || !bare.bytes().all(is_type) {
        return None;
    }
    let asks = matches!(
        operation,
        Operation::Retrieve | Operation::Describe | Operation::Query
    );
    let key = if asks && bare == ROWS { "[*]" } else { key };
    Some(format!("{bare}{key}"))
}

/// The fewest patterns that cover these, by operation.
pub(super) fn least(objects: &BTreeSet<Object>) -> Vec<Object> {
    let of_every_type: BTreeSet<&str> = objects
        .iter()
        .filter(|object| object.object_type.is_none())
        .map(|object| object.operation)
        .collect();
    let is_needed = |object: &&Object| {
        object.object_type.is_none() || !of_every_type.contains(object.operation)
    };
    objects.iter().filter(is_needed).cloned().collect()
}

impl Object {
    /// What calls of this pattern do, at the gravest.
    pub(super) fn effect(&self) -> Effect {
        if let Some(row) = CORE.iter().find(|row| row.name == self.operation) {
            return row.effect;
        }
        let operation = Operation::all().find(|known| known.name() == self.operation);
        match (operation, &self.object_type) {
            (None, _) => Effect::Send,
            // An object that says no type counts as one that sends.
            (Some(Operation::Create | Operation::Update), None) => Effect::Send,
            (Some(operation), named) => of_object(operation, named.as_deref().unwrap_or_default()),
        }
    }

    /// Whether objects of any type are covered, though the operation has types.
    pub(super) fn is_of_every_type(&self) -> bool {
        let typed = [
            Operation::Retrieve,
            Operation::Create,
            Operation::Update,
            Operation::Delete,
            Operation::Describe,
            Operation::Query,
        ];
        self.object_type.is_none() && typed.iter().any(|known| known.name() == self.operation)
    }
}

impl fmt::Display for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SOAP {}", self.operation)?;
        match &self.object_type {
            Some(named) => write!(formatter, " {named}"),
            None => Ok(()),
        }
    }
}
