//! Measures how fast windows take signals on one core, and how many bytes a live key costs.
//!
//! `cargo run --release -p decide --example window_speed`. Signals are made beforehand; the watermark moves on with every
//! thousandth. Bytes are the growth of the process (Linux), so they hold all that a key costs.

use std::hint::black_box;
use std::time::{Duration, Instant};

use cloudtrail::{EventId, EventTime};
use decide::{
    Bounds, FirstSeen, FirstSeenDefinition, Part, RecordHandle, Sequence, SequenceDefinition, Signal,
    Threshold, ThresholdDefinition, Watermark, WindowKey, Windows,
};

const SIGNALS: u64 = 1_000_000;
const BOUNDS: Bounds = Bounds { keys_max: 1_000_000, durable: true };

fn main() {
    for keys in [100, 10_000, 1_000_000] {
        let signals = signals(keys);
        for (name, distinct) in [("threshold", false), ("threshold, distinct", true)] {
            let mut rule = Windows::new(Threshold::new(threshold(distinct)), BOUNDS);
            let mut said = Vec::new();
            run(name, keys, &signals, |n, signal| {
                rule.take(signal, &mut said);
                if n % 1_000 == 0 {
                    rule.advance(behind(signal), &mut said);
                }
            });
            println!("    {} keys live, {} said", rule.keys(), said.len());
            black_box(rule);
        }
        let mut rule = Windows::new(Sequence::new(sequence()), BOUNDS);
        let mut said = Vec::new();
        run("sequence", keys, &signals, |n, signal| {
            let step = u8::try_from(n % 3).unwrap_or_default();
            rule.take(&Signal { part: Part::Step(step), ..signal.clone() }, &mut said);
            if n % 1_000 == 0 {
                rule.advance(behind(signal), &mut said);
            }
        });
        println!("    {} keys live, {} said", rule.keys(), said.len());
        let mut rule = Windows::new(FirstSeen::new(first_seen()), BOUNDS);
        let mut said = Vec::new();
        run("first seen", keys, &signals, |n, signal| {
            rule.take(signal, &mut said);
            if n % 1_000 == 0 {
                rule.advance(behind(signal), &mut said);
            }
        });
        println!("    {} values known, {} said", rule.keys(), said.len());
    }
}

fn run(name: &str, keys: u64, signals: &[Signal], mut take: impl FnMut(usize, &Signal)) {
    let (before, start) = (resident(), Instant::now());
    for (n, signal) in signals.iter().enumerate() {
        take(n, signal);
    }
    let seconds = start.elapsed().as_secs_f64();
    let bytes = resident().saturating_sub(before);
    println!("{name}: {keys} keys, {:.2} million signals/s, grew by {} MB", 1.0 / seconds, bytes / 1_000_000);
}

/// A thousand events a second, keys and values spread by a multiplier without a common factor.
fn signals(keys: u64) -> Vec<Signal> {
    let signal = |n: u64| {
        let key = n.wrapping_mul(7_919) % keys;
        Signal {
            rule: 0,
            severity: rules::Severity::Low,
            time: EventTime::from_micros(i64::try_from(n).unwrap_or_default() * 1_000),
            event: EventId::Uuid(u128::from(n)),
            key: WindowKey::of([format!("arn:aws:iam::111122223333:role/key-{key}").as_str()]),
            part: Part::of_value(&format!("203.0.{}.{}", n % 7, n % 250)),
            record: RecordHandle(n),
        }
    };
    (0..SIGNALS).map(signal).collect()
}

fn behind(signal: &Signal) -> Watermark {
    Watermark::at(EventTime::from_micros(signal.time.as_micros() - 120_000_000))
}

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4_096
}

const MINUTES_10: Duration = Duration::from_secs(600);

fn threshold(distinct: bool) -> ThresholdDefinition {
    ThresholdDefinition {
        rule: "many".into(),
        by: ["principal".into()].into(),
        count: 5,
        within: MINUTES_10,
        distinct,
        early: true,
        reopen: MINUTES_10,
    }
}

fn sequence() -> SequenceDefinition {
    SequenceDefinition {
        rule: "then".into(),
        by: ["principal".into()].into(),
        steps: 3,
        then_not: false,
        within: MINUTES_10,
        strict: false,
        early: true,
        reopen: MINUTES_10,
    }
}

fn first_seen() -> FirstSeenDefinition {
    FirstSeenDefinition {
        rule: "new".into(),
        of: ["principal".into()].into(),
        learn: MINUTES_10,
        forget: Duration::from_secs(90 * 86_400),
        begin: EventTime::EPOCH,
        say_cold: false,
        early: true,
    }
}
