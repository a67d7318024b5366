//! Which prefix means which namespace at this point of the document.
//!
//! Every lookup is one hash, whatever is in scope, and namespaces are compared as numbers, so that no document makes it slow.

use std::collections::HashMap;

use crate::soap::Malformed;

/// Most namespace declarations in scope at once.
pub const NAMESPACES_MAX: usize = 1024;

/// A namespace, as a number within one document; those that the vendor's SOAP knows are constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Namespace(u32);

macro_rules! known {
    ($($number:literal $name:ident $uri:literal)*) => {
        impl Namespace {
            $(pub(crate) const $name: Self = Self($number);)*

            fn known(uri: &[u8]) -> Option<Self> {
                $(if uri == $uri.as_bytes() { return Some(Self::$name); })*
                None
            }

            fn known_uri(self) -> Option<&'static [u8]> {
                $(if self == Self::$name { return Some($uri.as_bytes()); })*
                None
            }
        }
        const KNOWN: u32 = 0 $(+ { let _ = $number; 1 })*;
    };
}

known! {
    0 NONE ""
    1 XML "http://www.w3.org/XML/1998/namespace"
    2 XMLNS "http://www.w3.org/2000/xmlns/"
    3 SOAP11 "http://schemas.xmlsoap.org/soap/envelope/"
    4 SOAP12 "http://www.w3.org/2003/05/soap-envelope"
    5 SECURITY10 "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
    6 SECURITY11 "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"
    7 SECURITY_DRAFT02 "http://schemas.xmlsoap.org/ws/2002/04/secext"
    8 SECURITY_DRAFT07 "http://schemas.xmlsoap.org/ws/2002/07/secext"
    9 SECURITY_DRAFT12 "http://schemas.xmlsoap.org/ws/2002/12/secext"
    10 SECURITY_DRAFT03 "http://schemas.xmlsoap.org/ws/2003/06/secext"
    11 ADDRESSING04 "http://schemas.xmlsoap.org/ws/2004/08/addressing"
    12 ADDRESSING05 "http://www.w3.org/2005/08/addressing"
    13 INSTANCE "http://www.w3.org/2001/XMLSchema-instance"
    14 PARTNER "http://exacttarget.com/wsdl/partnerAPI"
    15 SCHEMA "http://www.w3.org/2001/XMLSchema"
    16 WSDL "http://schemas.xmlsoap.org/wsdl/"
    17 WSDL_SOAP11 "http://schemas.xmlsoap.org/wsdl/soap/"
    18 WSDL_SOAP12 "http://schemas.xmlsoap.org/wsdl/soap12/"
    19 CORE_PARTNER "urn:partner.soap.sforce.com"
    20 CORE_ENTERPRISE "urn:enterprise.soap.sforce.com"
    21 CORE_METADATA "http://soap.sforce.com/2006/04/metadata"
    22 CORE_TOOLING "urn:tooling.soap.sforce.com"
}

impl Namespace {
    /// Web Services Security, the standard or one of its drafts.
    pub(crate) fn is_security(self) -> bool {
        (Self::SECURITY10..=Self::SECURITY_DRAFT03).contains(&self)
    }

    /// WS-Addressing of 2004/08 (WCF) or 2005/08.
    pub(crate) fn is_addressing(self) -> bool {
        matches!(self, Self::ADDRESSING04 | Self::ADDRESSING05)
    }

    /// One of core Salesforce's own APIs; that of an Apex class is whatever its author made of it.
    pub(crate) fn is_core(self) -> bool {
        (Self::CORE_PARTNER..=Self::CORE_TOOLING).contains(&self)
    }

    /// SOAP 1.1 or 1.2.
    pub(crate) fn is_soap(self) -> bool {
        matches!(self, Self::SOAP11 | Self::SOAP12)
    }
}

/// The declarations in scope.
#[derive(Debug)]
pub(super) struct Scopes {
    /// Each prefix that the document has declared so far, by its place in `meanings`.
    prefixes: HashMap<Box<[u8]>, usize>,
    /// What each prefix means now.
    meanings: Vec<Option<Namespace>>,
    /// What each declaration in scope has hidden, innermost last.
    hidden: Vec<(usize, Option<Namespace>)>,
    namespaces: HashMap<Box<[u8]>, Namespace>,
}

/// No prefix has this place for its own.
const DEFAULT: usize = 0;

impl Scopes {
    pub(super) fn new() -> Self {
        Self {
            prefixes: HashMap::new(),
            meanings: vec![Some(Namespace::NONE)],
            hidden: Vec::new(),
            namespaces: HashMap::new(),
        }
    }

    /// How many declarations are in scope; `leave` goes back to it.
    pub(super) fn mark(&self) -> usize {
        self.hidden.len()
    }

    /// Forgets the declarations made since `mark`.
    pub(super) fn leave(&mut self, mark: usize) {
        while self.hidden.len() > mark {
            let Some((place, meaning)) = self.hidden.pop() else {
                return;
            };
            if let Some(current) = self.meanings.get_mut(place) {
                *current = meaning;
            }
        }
    }

    /// `xmlns:prefix="uri"`; an empty prefix is `xmlns="uri"`.
    pub(super) fn declare(&mut self, prefix: &[u8], uri: &[u8]) -> Result<(), Malformed> {
        let namespace = self.namespace(uri);
        let allowed = match (prefix, namespace) {
            (b"xml", Namespace::XML) => return Ok(()),
            (b"xml" | b"xmlns", _) | (_, Namespace::XML | Namespace::XMLNS) => false,
            (b"", _) => true,
            (_, namespace) => namespace != Namespace::NONE,
        };
        if !allowed {
            return Err(Malformed::ReservedPrefix);
        }
        if self.hidden.len() >= NAMESPACES_MAX {
            return Err(Malformed::TooManyNamespaces);
        }
        let place = self.place(prefix);
        if let Some(meaning) = self.meanings.get_mut(place) {
            self.hidden.push((place, meaning.replace(namespace)));
        }
        Ok(())
    }

    fn namespace(&mut self, uri: &[u8]) -> Namespace {
        if let Some(namespace) = Namespace::known(uri) {
            return namespace;
        }
        if let Some(namespace) = self.namespaces.get(uri) {
            return *namespace;
        }
        let count = u32::try_from(self.namespaces.len()).unwrap_or(u32::MAX);
        let namespace = Namespace(KNOWN.saturating_add(count));
        self.namespaces.insert(uri.into(), namespace);
        namespace
    }

    /// What a namespace is called; `None` for none.
    pub(super) fn uri(&self, namespace: Namespace) -> Option<&[u8]> {
        let made = || {
            let mut all = self.namespaces.iter();
            all.find(|(_uri, known)| **known == namespace)
        };
        let uri = namespace.known_uri();
        uri.or_else(|| made().map(|(uri, _namespace)| uri.as_ref()))
            .filter(|uri| !uri.is_empty())
    }

    fn place(&mut self, prefix: &[u8]) -> usize {
        if prefix.is_empty() {
            return DEFAULT;
        }
        if let Some(place) = self.prefixes.get(prefix) {
            return *place;
        }
        let place = self.meanings.len();
        self.meanings.push(None);
        self.prefixes.insert(prefix.into(), place);
        place
    }

    /// What a prefix means here; an empty one is the default namespace.
    pub(super) fn resolve(&self, prefix: &[u8]) -> Option<Namespace> {
        let place = match prefix {
            b"" => DEFAULT,
            b"xml" => return Some(Namespace::XML),
            prefix => *self.prefixes.get(prefix)?,
        };
        self.meanings.get(place).copied().flatten()
    }
}
