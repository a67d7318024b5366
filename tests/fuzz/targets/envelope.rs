//! Any bytes as an envelope: refused, or spliced so that another XML library still reads it, finds the Body unchanged and
//! one token; and a second pass changes nothing.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use roxmltree::{Document, Node};
use sfmc_auth_proxy::soap::{Content, envelope};

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
    let document = Bytes::copy_from_slice(document);
    let Ok(envelope) = envelope::scan(&document, &content) else {
        return;
    };
    let render = |envelope: &envelope::Envelope| {
        let rendered = envelope.render(TOKEN, "https://localhost/?a&b");
        let bytes = rendered.pieces.concat();
        assert_eq!(rendered.length, bytes.len() as u64);
        bytes
    };
    let once = render(&envelope);
    let again = envelope::scan(&Bytes::from(once.clone()), &content).expect("our own output is read");
    assert_eq!(again.operation(), envelope.operation());
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
        .filter(|node| matches!(node.tag_name().name(), "fueloauth" | "oAuth"))
        .collect();
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0].text(), Some(TOKEN));
    assert_eq!(tokens[0].tag_name().namespace(), Some("http://exacttarget.com"));
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
