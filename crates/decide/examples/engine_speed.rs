//! Measures how fast the engine takes signals on one core, and how many bytes a live key costs.
//!
//! `cargo run --release -p decide --example engine_speed`. Every line is a process of its own, which makes two million signals, a
//! thousand for each second of event time, takes them with early findings switched on, and settles behind them by two minutes. The first
//! million is taken by an engine that grows, to which the system hands out memory; the second by one that has most of it.
//!
//! Signals are made while the clock stands; what is stored durably is not written, which costs a line of JSON for each key
//! that changed since the last commit. Seconds are processor time. Bytes are what the process grows by with the first million
//! (Linux), so they hold all that a key costs, divided by the keys alive then. `first-seen` is asked as a service asks: a sighting of what is known
//! becomes no signal. With `KIND KEYS` it measures one line only.

use std::process::Command;

use cloudtrail::{EventId, EventTime};
use context::Context;
use decide::{Engine, Lateness, Part, RecordHandle, Settings, Signal, WindowKey};
use rules::{MemoryFiles, RuleSet, Severity};

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIGNALS: u64 = 1_000_000;
const CHUNK: usize = 10_000;
const ROUNDS: usize = 2;

/// Name, and the part of the rule that makes it this kind.
const KINDS: &[(&str, &str)] = &[
    ("group", "group: { by: [principal], for: 10m }"),
    ("threshold", "threshold: { count: 5, within: 10m, by: [principal] }"),
    ("distinct", "threshold: { count: 5, within: 10m, by: [principal], distinct: detail.sourceIPAddress }"),
    ("sequence", "sequence"),
    ("sequence-rare", "sequence"),
    ("first-seen", "first_seen: { of: [principal], learn: 10m, forget: 90d }"),
    (
        "alarm",
        "alarm: { metric: { value: 1, dimensions: { user: $.userIdentity.arn } }, statistic: Sum, period: 60, \
         evaluation_periods: 1, comparison_operator: GreaterThanOrEqualToThreshold, threshold: 30, \
         treat_missing_data: notBreaching }",
    ),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [kind, keys] = &arguments[..] {
        let (Some((name, rule)), Ok(keys)) = (KINDS.iter().find(|(name, _)| name == kind), keys.parse())
        else {
            let names: Vec<_> = KINDS.iter().map(|(name, _)| *name).collect();
            eprintln!("KIND is one of {}, KEYS a number", names.join(", "));
            return;
        };
        measure(name, rule, keys);
        return;
    }
    println!("| kind | keys | the first million, million signals/s | the second | said | bytes a key |");
    println!("|---|---|---|---|---|---|");
    let Ok(this) = std::env::current_exe() else { return };
    for (name, _) in KINDS {
        for keys in ["100", "10000", "1000000"] {
            if let Err(error) = Command::new(&this).args([name, keys]).status() {
                eprintln!("{name}: {error}");
            }
        }
    }
}

fn measure(name: &str, rule: &str, keys: u64) {
    let rules = load(rule);
    let mut settings = Settings::live(EventTime::EPOCH, Lateness::default());
    settings.durable = false;
    let mut engine = Engine::new(&rules, &Context::empty(), settings);
    let (known, before) = (engine.known_values(), resident());
    let (mut spent, mut said, mut bytes) = ([0; ROUNDS], 0, String::new());
    for first in (0..ROUNDS as u64 * SIGNALS).step_by(CHUNK) {
        let signals: Vec<Signal> = (first..first + CHUNK as u64).map(|n| signal(name, keys, n)).collect();
        let begun = processor_nanoseconds();
        for signal in signals {
            let time = signal.time.as_micros();
            if !known.takes(signal.rule, &signal.key, signal.time) {
                engine.take(signal);
            }
            if time % 1_000_000 == 0 {
                engine.advance_to(EventTime::from_micros(time - 120_000_000));
                said += engine.drain().len();
            }
        }
        let took = processor_nanoseconds() - begun;
        if let Some(spent) = spent.get_mut(usize::from(first >= SIGNALS)) {
            *spent += took;
        }
        if first + CHUNK as u64 == SIGNALS {
            let grown = resident().saturating_sub(before);
            let live: usize = engine.holdings().map(|(_, holding)| holding.keys).sum();
            // What is said and not drained yet is little beside a million keys; with few keys bytes a key mean nothing.
            if live >= 100_000 {
                bytes = (grown / u64::try_from(live).unwrap_or(1).max(1)).to_string();
            }
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of some seconds")]
    let [first, second] = spent.map(|spent| SIGNALS as f64 * 1_000.0 / spent.max(1) as f64);
    println!("| {name} | {keys} | {first:.2} | {second:.2} | {said} | {bytes} |");
}

fn load(rule: &str) -> RuleSet {
    let selector = "pattern: { source: [aws.iam] }";
    let text = if rule == "sequence" {
        let step = |n: u32| format!("    - {{ pattern: {{ source: [s{n}] }}, by: [principal] }}\n");
        format!("sequence:\n  within: 10m\n  steps:\n{}{}{}", step(0), step(1), step(2))
    } else {
        format!("{selector}\n{rule}\n")
    };
    let mut files = MemoryFiles::default();
    files.insert("rule.yaml", format!("id: measured\ntitle: measured\nseverity: low\n{text}").as_str());
    let loaded = RuleSet::load(["rule.yaml"], &files, &Context::empty());
    assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
    loaded.rules
}

/// Keys and values spread by a multiplier without a common factor.
fn signal(name: &str, keys: u64, n: u64) -> Signal {
    let key = n.wrapping_mul(7_919) % keys;
    let turn = n / keys;
    let step = match (name, turn % 100) {
        // Every third signal ends a sequence, or one in a hundred does.
        ("sequence", turn) => turn % 3,
        (_, 98) => 1,
        (_, 99) => 2,
        _ => 0,
    };
    Signal {
        rule: 0,
        time: EventTime::from_micros(i64::try_from(n).unwrap_or_default() * 1_000),
        event: EventId::Uuid(u128::from(n)),
        severity: Severity::Low,
        key: WindowKey::of([format!("arn:aws:iam::111122223333:role/key-{key}").as_str()]),
        part: match name {
            "distinct" => Part::of_value(&format!("203.0.{}.{}", n % 7, n % 250)),
            "sequence" | "sequence-rare" => Part::Step(u8::try_from(step).unwrap_or_default()),
            "alarm" => Part::Sample(1.0),
            _ => Part::Event,
        },
        record: RecordHandle(n),
    }
}

/// How long this thread has run, so that a busy machine measures what an idle one does (Linux).
fn processor_nanoseconds() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4_096
}
