//! Any bytes as an answer: never a panic, the same verdict however it is cut, and no refusal without a word of one.
#![no_main]

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use sfmc_auth_proxy::soap::fault::{Coding, SNIFFED_SIZE, Sniffer, Verdict};

fuzz_target!(|input: &[u8]| {
    let Some((head, body)) = input.split_first() else {
        return;
    };
    let coding = if head & 0x80 == 0 { Coding::Identity } else { Coding::Gzip };
    let whole = judged(coding, body, body.len());
    assert_eq!(whole, judged(coding, body, usize::from(head & 0x7F)));
    assert_ne!(whole, Verdict::NeedMore);
    if coding == Coding::Identity {
        // The same, packed by us. Packing makes no difference to what it says.
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(body).expect("a Vec takes all");
        let packed = packed.finish().expect("a Vec takes all");
        assert_eq!(whole, judged(Coding::Gzip, &packed, usize::from(*head)));
        if matches!(whole, Verdict::Refusal(_)) {
            let roots = roxmltree::Document::parse(std::str::from_utf8(body).unwrap_or_default());
            // Where another reader can read it, it finds a Fault in the Body too.
            if let Ok(document) = roots {
                assert!(document.descendants().any(|node| node.tag_name().name() == "Fault"));
            }
        }
    }
});

fn judged(coding: Coding, body: &[u8], chunk: usize) -> Verdict {
    let mut sniffer = Sniffer::new(coding, SNIFFED_SIZE);
    for chunk in body.chunks(chunk.max(1)) {
        sniffer.feed(chunk);
    }
    sniffer.finish()
}
