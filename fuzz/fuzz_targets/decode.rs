//! Any bytes are decoded without a panic, the same way in one piece and as a stream, and every item lies inside the text.
#![no_main]

use cloudtrail::{Decoder, Item};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = places(bytes, false);
    assert_eq!(whole, places(bytes, true));
});

fn places(bytes: &[u8], as_stream: bool) -> Vec<(u64, &'static str)> {
    let mut places = Vec::new();
    let sink = |item: Item<'_>| {
        places.push(match item {
            Item::Event(event) => (event.offset, "event"),
            Item::Digest(_) => (0, "digest"),
            Item::Skipped { offset, .. } => (offset, "skipped"),
            Item::Rejected { offset, .. } => (offset, "rejected"),
        });
    };
    let mut decoder = Decoder::default();
    let decoded = if as_stream { decoder.decode_stream(bytes, None, sink) } else { decoder.decode(bytes, None, sink) };
    assert!(places.iter().all(|(offset, _)| *offset <= decoded.bytes));
    places
}
