//! How fast files are decoded: `cargo run --release -p cloudtrail --example decode_speed -- FILE…`
//!
//! Reads all files first, then decodes them five times and prints each run: what counts is the best, of text that is in memory.

use std::time::Instant;

use cloudtrail::{Decoder, EventId, Item};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = std::env::args_os().skip(1).map(std::fs::read).collect::<Result<Vec<_>, _>>()?;
    let mut decoder = Decoder::default();
    for _ in 0..5 {
        let begun = Instant::now();
        let (mut events, mut others, mut bytes, mut identified) = (0_u64, 0_u64, 0_u64, 0_u64);
        for file in &files {
            let decoded = decoder.decode(file, None, |item| match item {
                Item::Event(event) => {
                    events += 1;
                    identified += u64::from(matches!(event.id(), EventId::Uuid(_)));
                }
                _ => others += 1,
            });
            bytes += decoded.bytes;
            if let Some(trouble) = decoded.trouble {
                eprintln!("{trouble}");
            }
        }
        let seconds = begun.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "counts of a benchmark")]
        let (events_per_s, gb_per_s) = (events as f64 / seconds, bytes as f64 / seconds / 1e9);
        println!(
            "{events} events ({identified} with a UUID), {others} others, {seconds:.3} s: {events_per_s:.0} events/s, {gb_per_s:.2} GB/s"
        );
    }
    Ok(())
}
