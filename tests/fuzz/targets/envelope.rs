//! Any bytes as an envelope: refused, or spliced so that another XML library still reads it, finds the Body unchanged and
//! one token; and a second pass changes nothing.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use roxmltree::{Document, Node};
use sfmc_auth_proxy::soap::envelope::{self, Dialect};
use sfmc_auth_proxy::soap::Content;

const TOKEN: &str = "T<&\"'>\u{e9}";

fuzz_target!(|input: &[u8]| {
    // The first byte says what the caller's headers are.
    let Some((head, document)) = input.split_first() else {
        return;
    };
    let content = Content {
        content_type: [
            None,
            Some("text/xml; charset=utf-8"),
            Some("text/xml; charset=utf-16"),
            Some("application/soap+xml; charset=iso-8859-1; action=\"Retrieve\""),
            Some("text/xml; charset=windows-1252"),
        ][usize::from(head % 5)],
        soap_action: (head & 0x80 != 0).then_some("\"Create\""),
    };
    let core = head & 0x40 != 0;
    let dialect = if core { Dialect::Core } else { Dialect::MarketingCloud };
    let document = Bytes::copy_from_slice(document);
    let Ok(envelope) = envelope::scan_as(dialect, &document, &content) else {
        return;
    };
    let render = |envelope: &envelope::Envelope| {
        let rendered = envelope.render(TOKEN, "https://localhost/?a&b");
        let bytes = rendered.pieces.concat();
        assert_eq!(rendered.length, bytes.len() as u64);
        bytes
    };
    let once = render(&envelope);
    let again = Bytes::from(once.clone());
    let again = envelope::scan_as(dialect, &again, &content).expect("our own output is read");
    assert_eq!(again.operation(), envelope.operation());
    assert_eq!(again.core_operation(), envelope.core_operation());
    assert_eq!(again.object_types(), envelope.object_types());
    assert_eq!(render(&again), once);
    let (Ok(before), Ok(after)) = (std::str::from_utf8(&document), std::str::from_utf8(&once)) else {
        return;
    };
    let narrow = |text: &str| !text.contains("encoding") && head % 5 < 2;
    if !narrow(before) {
        return;
    }
    // roxmltree refuses a few documents that are well formed for us; what it takes before, it takes after.
    let Ok(before) = Document::parse(before.trim_start_matches('\u{FEFF}')) else {
        return;
    };
    let after = Document::parse(after.trim_start_matches('\u{FEFF}')).expect("still well formed");
    assert_eq!(source(&before, "Body"), source(&after, "Body"));
    let header = child(after.root_element(), "Header").expect("a Header");
    let tokens: Vec<_> = header
        .descendants()
        .filter(|node| matches!(node.tag_name().name(), "fueloauth" | "oAuth" | "SessionHeader"))
        .collect();
    assert_eq!(tokens.len(), 1);
    let body = child(after.root_element(), "Body").expect("a Body");
    let (holder, namespace) = if core {
        let api = body.first_element_child().expect("an operation").tag_name().namespace();
        (tokens[0].first_element_child().expect("a sessionId"), api)
    } else {
        (tokens[0], Some("http://exacttarget.com"))
    };
    assert_eq!(holder.text(), Some(TOKEN));
    assert_eq!(holder.tag_name().namespace(), namespace);
    assert_eq!(tokens[0].tag_name().namespace(), namespace);
});

fn child<'a, 'i>(root: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    root.children().find(|node| {
        node.tag_name().name() == name && node.tag_name().namespace() == root.tag_name().namespace()
    })
}

fn source<'i>(document: &Document<'i>, name: &str) -> &'i str {
    let part = child(document.root_element(), name).expect("a Body");
    &document.input_text()[part.range()]
}
