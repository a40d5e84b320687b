//! How fast rules of one's own run over a log file; `adversarial` tells what made-up ones cost in any number.
//!
//! ```text
//! cargo run --release -p matcher --example match_speed -- LOG.json [PATTERNS.json] [FILTERS.json]
//! ```
//!
//! `LOG.json` is an inflated CloudTrail log file (`{"Records":[…]}`); the others are lists of objects with a `pattern`. Each line
//! is the sum, over stretches of a few hundred records, of the best of several passes, so that another process taking the processor
//! away does not count: splitting into records alone, reading each record's top level as every reader must, and then
//! matching as well. What matching costs is the difference to the second line.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use cloudtrail::{Body, Event, EventTime, Record};
use event_pattern::Pattern;
use filter_pattern::Filter;
use json_scan::{Object, Scanner};
use matcher::{Builder, Matcher, RuleId, Scratch};

const PASSES: usize = 9;

/// How many records are timed at a time.
const STRETCH: u32 = 500;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let log = std::fs::read(arguments.next().ok_or("which log file?")?)?;
    let patterns = arguments.next().map(|path| rule_texts(&path)).transpose()?.unwrap_or_default();
    let filters = arguments.next().map(|path| rule_texts(&path)).transpose()?.unwrap_or_default();

    measure("split", &log, |_| Ok(0))?;
    measure("split and read the top level", &log, |object| {
        Ok(usize::from(Record::read(object)?.event_name.is_none()))
    })?;
    let mut builder = Builder::new();
    let mut ids = (0..).map(RuleId);
    for (id, text) in ids.by_ref().zip(&patterns) {
        if let Ok(pattern) = Pattern::parse(text) {
            builder.add_pattern(id, &Arc::new(pattern));
        }
    }
    for (id, text) in ids.by_ref().zip(&filters) {
        if let Ok(filter) = Filter::parse(text) {
            builder.add_filter(id, &Arc::new(filter));
        }
    }
    let matcher = builder.build();
    measure_matcher(&format!("{} patterns and {} filters", patterns.len(), filters.len()), &log, &matcher)
}

fn rule_texts(path: &str) -> Outcome<Vec<String>> {
    let rules: Vec<serde_json::Value> = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let text = |rule: serde_json::Value| match &rule["pattern"] {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Ok(rules.into_iter().map(text).collect())
}

fn measure_matcher(name: &str, log: &[u8], matcher: &Matcher) -> Outcome<()> {
    let mut scratch = Scratch::new();
    measure(name, log, |object| {
        let record = Record::read(object)?;
        let event = Event {
            body: Body::Record(record),
            offset: 0,
            time: EventTime::from_micros(0),
            undated: true,
            logged: EventTime::from_micros(0),
        };
        Ok(matcher.matches(&event, &mut scratch)?.len())
    })
}

/// Runs `look` on every record and prints how long it takes.
fn measure(name: &str, log: &[u8], mut look: impl FnMut(Object<'_>) -> Outcome<usize>) -> Outcome<()> {
    let mut best: Vec<f64> = Vec::new();
    let (mut records, mut matches) = (0_u32, 0);
    for _ in 0..PASSES {
        (records, matches) = (0, 0);
        let mut stretches = best.iter_mut();
        let mut first_pass = Vec::new();
        let mut scanner = Scanner::new(log)?;
        (0..3).for_each(|_| scanner.bump());
        let mut started = Instant::now();
        while let Some(mark) = scanner.peek() {
            if mark.byte != b'{' {
                scanner.bump();
                continue;
            }
            matches += look(scanner.object()?)?;
            records += 1;
            if records.is_multiple_of(STRETCH) {
                let seconds = started.elapsed().as_secs_f64();
                match stretches.next() {
                    Some(best) => *best = best.min(seconds),
                    None => first_pass.push(seconds),
                }
                started = Instant::now();
            }
        }
        best.append(&mut first_pass);
    }
    let timed = f64::from(records / STRETCH * STRETCH);
    let seconds: f64 = best.iter().sum();
    println!(
        "{:7.0} ns per record {:9.0} records/s   {name}: {matches} matches",
        seconds * 1e9 / timed,
        timed / seconds
    );
    Ok(())
}
