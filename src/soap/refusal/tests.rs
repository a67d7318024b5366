//! What is a refusal and what only looks like one, however it is packed and cut.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Every way in which the vendor refuses a token, and what must not be taken for it.
#[expect(clippy::too_many_lines, reason = "a table, one row for each answer")]
fn answers() -> Vec<(Wording, String, Said)> {
    use Said::{Refusal, SomethingElse};
    use Wording::{Bulk, Engagement};
    let of = |wording, text: &str, said| (wording, text.to_owned(), said);
    let refused_json = r#"{"@attributes":{"stat":"fail","version":1,"err_code":184},"err":"access_token is invalid, unknown, or malformed"}"#;
    let refused_xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rsp stat=\"fail\" version=\"1.0\"><err code=\"184\">\
                       access_token is invalid</err></rsp>\n";
    let bulk_xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><error xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\">\n\
                    <exceptionCode>InvalidSessionId</exceptionCode><exceptionMessage>Invalid session id</exceptionMessage></error>";
    let bulk_json =
        r#"{"exceptionCode":"InvalidSessionId","exceptionMessage":"Invalid session id"}"#;
    vec![
        of(Engagement, refused_json, Refusal),
        of(
            Engagement,
            &format!("\u{FEFF} \r\n{refused_json}\n"),
            Refusal,
        ),
        of(Engagement, r#"{"@attributes":{"err_code":"184"}}"#, Refusal),
        of(
            Engagement,
            r#"{"message":"access_token is invalid","code":184}"#,
            Refusal,
        ),
        of(Engagement, refused_xml, Refusal),
        of(Engagement, "<rsp><err code='&#49;84'/></rsp>", Refusal),
        of(Bulk, bulk_xml, Refusal),
        of(Bulk, bulk_json, Refusal),
        of(
            Bulk,
            "<e:error xmlns:e='urn:e'><e:exceptionCode><![CDATA[InvalidSessionId]]></e:exceptionCode></e:error>",
            Refusal,
        ),
        // One API's words mean nothing at the other.
        of(Bulk, refused_json, SomethingElse),
        of(Bulk, refused_xml, SomethingElse),
        of(Engagement, bulk_json, SomethingElse),
        of(Engagement, bulk_xml, SomethingElse),
        // Other codes, and the number where it is data.
        of(
            Engagement,
            r#"{"@attributes":{"err_code":49},"err":"184"}"#,
            SomethingElse,
        ),
        of(
            Engagement,
            r#"{"@attributes":{"err_code":1840}}"#,
            SomethingElse,
        ),
        of(
            Engagement,
            r#"{"@attributes":{"err_code":184.5}}"#,
            SomethingElse,
        ),
        of(
            Engagement,
            r#"{"code":109,"message":"err_code\":184 code 184"}"#,
            SomethingElse,
        ),
        of(Engagement, r#"{"errors":[{"code":184}]}"#, SomethingElse),
        of(Engagement, r#"{"err_code":184}"#, SomethingElse),
        of(Engagement, r#"{"code":[184]}"#, SomethingElse),
        of(
            Engagement,
            "<rsp><err code=\"10\">code=\"184\"</err></rsp>",
            SomethingElse,
        ),
        of(Engagement, "<rsp><err>184</err></rsp>", SomethingElse),
        of(
            Engagement,
            "<rsp><data><err code=\"184\"/></data></rsp>",
            SomethingElse,
        ),
        of(
            Engagement,
            "<rsp><!-- <err code=\"184\"/> --><err code='1'/></rsp>",
            SomethingElse,
        ),
        of(
            Engagement,
            "<rsp xmlns:x='urn:x'><err x:code=\"184\"/></rsp>",
            SomethingElse,
        ),
        of(
            Bulk,
            "<error><exceptionCode>InvalidBatch</exceptionCode><exceptionMessage>InvalidSessionId</exceptionMessage></error>",
            SomethingElse,
        ),
        // What is not whole says nothing.
        of(Engagement, r#"{"code":184"#, SomethingElse),
        of(Engagement, r#"{"code":184} and more"#, SomethingElse),
        of(Engagement, "<rsp><err code=\"184\">", SomethingElse),
        of(
            Engagement,
            "<rsp><err code=\"184\"/></rsp><rsp/>",
            SomethingElse,
        ),
        of(Engagement, "184", SomethingElse),
        of(Engagement, "[184]", SomethingElse),
        of(Engagement, "", SomethingElse),
        of(Engagement, " ", SomethingElse),
        // Longer than what is looked at.
        of(
            Engagement,
            &format!(r#"{{"message":"{}","code":184}}"#, "x".repeat(SNIFFED_SIZE)),
            SomethingElse,
        ),
    ]
}

fn gzipped(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

fn judged<'a>(wording: Wording, coding: Coding, chunks: impl Iterator<Item = &'a [u8]>) -> Said {
    let mut reading = Reading::new(wording, coding);
    for chunk in chunks {
        reading.feed(chunk);
    }
    reading.finish()
}

#[test]
fn every_answer_is_judged_right_whole_and_byte_for_byte() {
    for (wording, text, said) in answers() {
        let packed = gzipped(text.as_bytes());
        for (coding, bytes) in [
            (Coding::Identity, text.as_bytes()),
            (Coding::Gzip, &packed[..]),
        ] {
            let whole = judged(wording, coding, std::iter::once(bytes));
            assert_eq!(whole, said, "{wording:?} {coding:?}\n{text}");
            let single = judged(wording, coding, bytes.chunks(1));
            assert_eq!(
                single, said,
                "{wording:?} {coding:?}, byte for byte\n{text}"
            );
        }
    }
}

/// An answer that is something else is let go at once, not when it ends.
#[test]
fn what_cannot_be_an_error_is_not_held() {
    for (first, said) in [
        (&b"Bad Request"[..], Said::SomethingElse),
        (b"[", Said::SomethingElse),
        (b"\n {", Said::NeedMore),
        (b"<", Said::NeedMore),
        (b" ", Said::NeedMore),
    ] {
        let mut reading = Reading::new(Wording::Engagement, Coding::Identity);
        assert_eq!(reading.feed(first), said, "{first:?}");
    }
    let mut reading = Reading::new(Wording::Engagement, Coding::Identity);
    reading.feed(b"{");
    assert_eq!(reading.feed(&vec![b' '; SNIFFED_SIZE]), Said::SomethingElse);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn how_an_answer_is_cut_makes_no_difference(
        (wording, text, said) in select(answers()),
        gzip in any::<bool>(),
        cuts in prop::collection::vec(1_usize..3_000, 1..20),
    ) {
        let (coding, bytes) = if gzip {
            (Coding::Gzip, gzipped(text.as_bytes()))
        } else {
            (Coding::Identity, text.into_bytes())
        };
        let mut chunks = Vec::new();
        let mut rest = &bytes[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            let (chunk, after) = rest.split_at((*cut).min(rest.len()));
            chunks.push(chunk);
            rest = after;
        }
        prop_assert_eq!(judged(wording, coding, chunks.into_iter()), said);
    }

    #[test]
    fn bytes_that_are_no_error_are_no_refusal(
        bytes in prop::collection::vec(any::<u8>(), 0..2_000),
        gzip in any::<bool>(),
        wording in select(vec![Wording::Engagement, Wording::Bulk]),
    ) {
        let coding = if gzip { Coding::Gzip } else { Coding::Identity };
        prop_assert_eq!(judged(wording, coding, bytes.chunks(7)), Said::SomethingElse);
    }
}
