//! How fast a log file is split into its records: `cargo run --release -p json-scan --example split -- FILE`.
//!
//! FILE is inflated text, `{"Records":[…]}`. The best of five runs is printed.

use std::time::{Duration, Instant};

use json_scan::Scanner;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("which file?")?;
    let text = std::fs::read(file)?;
    let (mut best, mut records) = (Duration::MAX, 0_u32);
    for _ in 0..5 {
        let begun = Instant::now();
        records = 0;
        let mut scanner = Scanner::new(&text)?;
        // The brackets around the list itself.
        let depth = 3;
        (0..depth).for_each(|_| scanner.bump());
        while let Some(mark) = scanner.peek() {
            if mark.byte == b'{' {
                scanner.object()?;
                records += 1;
            } else {
                scanner.bump();
            }
        }
        best = best.min(begun.elapsed());
    }
    let seconds = best.as_secs_f64();
    let megabytes = f64::from(u32::try_from(text.len() / 1_000)?) / 1_000.0;
    println!(
        "{records} records, {:.0} MB/s, {:.0} records/s",
        megabytes / seconds,
        f64::from(records) / seconds
    );
    Ok(())
}
