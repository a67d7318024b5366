//! What a Body asks for: operation, object types, accounts. Only looks; the Body's bytes are the caller's.

use std::collections::BTreeSet;

use super::{Accounts, Dialect, Operation};
use crate::soap::Malformed;
use crate::soap::xml::{Attribute, Namespace, Start, attribute_value, decode, trim};

/// Most different object types, and most accounts, that a Body may name.
pub const NAMED_MAX: usize = 4096;

/// What an element inside the Body means to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Other,
    ObjectType,
    QueryAllAccounts,
    /// `Client` or `ClientIDs`.
    Account,
    AccountId,
}

/// Walks through the Body. Names count in every namespace: rather one too many than one that slips past a policy.
pub(super) struct BodyWalk {
    dialect: Dialect,
    /// Open elements below Body, and where the text of each begins.
    open: Vec<(Kind, usize)>,
    text: Vec<u8>,
    /// Elements directly in Body.
    pub(super) elements: usize,
    pub(super) operation: Option<Operation>,
    pub(super) body_element: Option<String>,
    /// The first element is of one of core Salesforce's own APIs.
    pub(super) core_operation: bool,
    /// The namespace of the first element.
    pub(super) namespace: Option<Namespace>,
    pub(super) object_types: BTreeSet<String>,
    pub(super) untyped_objects: bool,
    pub(super) accounts: Accounts,
}

impl BodyWalk {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            open: Vec::new(),
            text: Vec::new(),
            elements: 0,
            operation: None,
            body_element: None,
            core_operation: false,
            namespace: None,
            object_types: BTreeSet::new(),
            untyped_objects: false,
            accounts: Accounts::default(),
        }
    }

    pub(super) fn start(
        &mut self,
        input: &[u8],
        start: &Start,
        attributes: &[Attribute],
    ) -> Result<(), Malformed> {
        let local = start.name.local.of(input);
        if self.open.is_empty() {
            self.elements += 1;
            if self.elements == 1 {
                self.first(local, start.name.namespace);
            }
        }
        if self.dialect == Dialect::Core {
            // Its objects have fields of any name: none of them means what it means at Marketing Cloud.
            self.open.push((Kind::Other, self.text.len()));
            return Ok(());
        }
        let inside_account = matches!(self.open.last(), Some((Kind::Account, _)));
        let kind = match local {
            b"ObjectType" => Kind::ObjectType,
            b"QueryAllAccounts" => Kind::QueryAllAccounts,
            b"Client" | b"ClientIDs" => Kind::Account,
            b"ID" | b"ClientID" if inside_account => Kind::AccountId,
            b"PartnerClientKey" if inside_account => {
                self.accounts.by_key = true;
                Kind::Other
            }
            b"Objects" | b"Object" | b"Definition" | b"Interaction" | b"Configuration" => {
                self.untyped_objects |= !self.typed(input, attributes)?;
                Kind::Other
            }
            // Wrappers by the WSDL; some callers give them the type.
            b"Definitions" | b"Interactions" | b"Configurations" => {
                self.typed(input, attributes)?;
                Kind::Other
            }
            _ => Kind::Other,
        };
        self.open.push((kind, self.text.len()));
        Ok(())
    }

    fn first(&mut self, local: &[u8], namespace: Namespace) {
        self.body_element = Some(String::from_utf8_lossy(local).into_owned());
        self.namespace = Some(namespace);
        match self.dialect {
            Dialect::MarketingCloud if namespace == Namespace::PARTNER => {
                self.operation = Operation::of_element(local);
            }
            Dialect::MarketingCloud => {}
            Dialect::Core => self.core_operation = namespace.is_core(),
        }
    }

    /// Notes an object's `xsi:type`; false if it has none.
    fn typed(&mut self, input: &[u8], attributes: &[Attribute]) -> Result<bool, Malformed> {
        let found = attributes.iter().find(|attribute| {
            attribute.name.namespace == Namespace::INSTANCE
                && attribute.name.local.of(input) == b"type"
        });
        let Some(found) = found else {
            return Ok(false);
        };
        let value = attribute_value(found.value.of(input));
        let value = trim(&value);
        let local = value.rsplit(|byte| *byte == b':').next().unwrap_or(value);
        note(&mut self.object_types, local)?;
        Ok(true)
    }

    pub(super) fn text(&mut self, raw: &[u8]) {
        if self.listens() {
            self.text.extend_from_slice(&decode(raw));
        }
    }

    pub(super) fn section(&mut self, raw: &[u8]) {
        if self.listens() {
            self.text.extend_from_slice(raw);
        }
    }

    fn listens(&self) -> bool {
        let kind = self.open.last().map(|(kind, _)| *kind);
        matches!(
            kind,
            Some(Kind::ObjectType | Kind::QueryAllAccounts | Kind::AccountId)
        )
    }

    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        let Some((kind, from)) = self.open.pop() else {
            return Ok(());
        };
        let text = trim(self.text.get(from..).unwrap_or_default());
        match kind {
            Kind::Other | Kind::Account => {}
            Kind::ObjectType => note(&mut self.object_types, text)?,
            Kind::AccountId => note(&mut self.accounts.ids, text)?,
            Kind::QueryAllAccounts => self.accounts.all |= !matches!(text, b"false" | b"0"),
        }
        self.text.truncate(from);
        Ok(())
    }
}

fn note(names: &mut BTreeSet<String>, name: &[u8]) -> Result<(), Malformed> {
    let name = String::from_utf8_lossy(name);
    if name.is_empty() || names.contains(name.as_ref()) {
        return Ok(());
    }
    if names.len() >= NAMED_MAX {
        return Err(Malformed::TooManyObjectTypes);
    }
    names.insert(name.into_owned());
    Ok(())
}
