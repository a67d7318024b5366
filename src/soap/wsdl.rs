//! The vendor's WSDL, made to name the proxy where it names the vendor: without that, callers that read it at start-up would
//! go past us. Never touches anything but two kinds of address.

use bytes::Bytes;

use super::encoding;
use super::splice::{Edit, Piece, Written, splice};
use super::xml::{Event, Namespace, Reader, Start, attribute_value};

/// The schema that the WSDL imports from the vendor's host.
const SCHEMA_FILE: &[u8] = b"ETFrameworkFault.xsd";

/// The document with the ports' addresses and the imports of `ETFrameworkFault.xsd` naming us. One that cannot be read comes
/// back as it is.
#[must_use]
pub fn relink(document: &[u8], our_soap_url: &str, our_xsd_url: &str) -> Vec<u8> {
    let received = Bytes::copy_from_slice(document);
    let Ok(decoded) = encoding::decode(&received, None) else {
        return document.to_vec();
    };
    let text = decoded.text.as_ref();
    let mut edits = Vec::new();
    let mut reader = Reader::new();
    let mut pass = reader.over(text);
    loop {
        match pass.next() {
            Ok(Some(Event::Start(start))) => {
                edits.extend(edit(text, pass.reader(), &start, our_soap_url, our_xsd_url));
            }
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(_stop) => return document.to_vec(),
        }
    }
    let mut relinked = Vec::with_capacity(document.len() + 256);
    for piece in splice(&received, &decoded, edits) {
        if let Piece::Bytes(bytes) = piece {
            relinked.extend_from_slice(&bytes);
        }
    }
    relinked
}

fn edit(
    text: &[u8],
    reader: &Reader,
    start: &Start,
    our_soap_url: &str,
    our_xsd_url: &str,
) -> Option<Edit> {
    let (attribute, ours) = match (start.name.namespace, start.name.local.of(text)) {
        (Namespace::WSDL_SOAP11 | Namespace::WSDL_SOAP12, b"address") => {
            (&b"location"[..], our_soap_url)
        }
        (Namespace::WSDL, b"import") => (&b"location"[..], our_xsd_url),
        (Namespace::SCHEMA, b"import" | b"include") => (&b"schemaLocation"[..], our_xsd_url),
        _ => return None,
    };
    let found = reader.attributes().iter().find(|found| {
        found.name.namespace == Namespace::NONE && found.name.local.of(text) == attribute
    })?;
    if ours == our_xsd_url && !names_schema_file(&attribute_value(found.value.of(text))) {
        return None;
    }
    Some(Edit {
        removed: found.value,
        written: vec![Written::Text(ours.to_owned())],
    })
}

fn names_schema_file(location: &[u8]) -> bool {
    let from = location.len().saturating_sub(SCHEMA_FILE.len());
    let file = location.get(from..).unwrap_or_default();
    file.eq_ignore_ascii_case(SCHEMA_FILE)
}
