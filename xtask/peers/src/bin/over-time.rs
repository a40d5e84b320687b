//! `over-time [RUNS]`: the correlation engine of rsigma-eval and Trailhound's engine, over the same signals.
//!
//! Both are handed what matched already, so it is the decisions over time that are compared: rsigma's engine gets an event with
//! its detections, ours gets signals. The stream is one on which both have to say the same, a thing for each key that has enough, and how
//! many those are is counted plainly beside them. They do not promise the same otherwise: rsigma counts in the order of arrival and says a
//! thing once; ours waits for what is late, says each finding early and again when it is settled, and tells its events.
//!
//! Each line is one kind of rule over so many keys. The two take turns, chunk by chunk, so that whatever else the machine does meets both.
//! Times are processor time of the thread (Linux); making the input is not counted. A figure is the median of the runs.

use std::collections::{HashMap, HashSet};
use std::error::Error;

use cloudtrail::{EventId, EventTime};
use context::Context;
use decide::{Engine, Lateness, Part, RecordHandle, Settings, Signal, WindowKey};
use rsigma_eval::{CorrelationConfig, CorrelationEngine, EvaluationResult, JsonEvent, ProcessResultExt};
use rules::{MemoryFiles, RuleSet, Severity};
use serde_json::{Value, json};

/// As in Trailhound's program; for both.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIGNALS: u64 = 1_000_000;
const CHUNK: u64 = 10_000;
/// How far behind the newest signal ours settles, in microseconds.
const LATE: i64 = 120_000_000;
/// How many events, or values, make a finding.
const ENOUGH: usize = 5;

/// Name, our rule, and rsigma's correlation. The span is longer than the stream, so that each key says one thing at most.
const KINDS: [(&str, &str, &str); 3] = [
    (
        "threshold",
        "pattern: { source: [s0] }\nthreshold: { count: 5, within: 1h, by: [principal] }",
        "type: event_count\n  rules: [s0]\n  group-by: [principal]\n  timespan: 1h\n  condition: { gte: 5 }",
    ),
    (
        "distinct",
        "pattern: { source: [s0] }\nthreshold: { count: 5, within: 1h, by: [principal], distinct: detail.address }",
        "type: value_count\n  rules: [s0]\n  group-by: [principal]\n  timespan: 1h\n  condition: { field: address, gte: 5 }",
    ),
    (
        "sequence",
        "sequence:\n  within: 1h\n  steps:\n    - { pattern: { source: [s0] }, by: [principal] }\n    \
         - { pattern: { source: [s1] }, by: [principal] }\n    - { pattern: { source: [s2] }, by: [principal] }",
        "type: temporal_ordered\n  rules: [s0, s1, s2]\n  group-by: [principal]\n  timespan: 1h",
    ),
];

/// What one run took and said.
#[derive(Default)]
struct Run {
    ours: u64,
    theirs: u64,
    we_said: usize,
    they_said: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let runs: usize = std::env::args().nth(1).map_or(Ok(3), |runs| runs.parse())?;
    println!(
        "| kind | keys | Trailhound, signals/s | rsigma-eval, signals/s | Trailhound is so many times as fast | findings |"
    );
    println!("|---|---|---|---|---|---|");
    for (kind, ours, theirs) in KINDS {
        // With ten thousand values in a key's window rsigma-eval looks through all of them for each event, and takes minutes.
        let measured: &[u64] = if kind == "distinct" { &[10_000, 100_000] } else { &[100, 10_000, 100_000] };
        for &keys in measured {
            let expected = expected(kind, keys);
            let taken: Vec<Run> =
                (0..runs.max(1)).map(|_| compare(kind, ours, theirs, keys)).collect::<Result<_, _>>()?;
            let wrong = taken.iter().find(|run| run.we_said != expected || run.they_said != expected);
            if let Some(Run { we_said, they_said, .. }) = wrong {
                return Err(format!(
                    "{kind}, {keys} keys: Trailhound found {we_said}, rsigma-eval {they_said}; there are {expected}"
                )
                .into());
            }
            let ours = median(taken.iter().map(|run| run.ours));
            let theirs = median(taken.iter().map(|run| run.theirs));
            let speed = |nanoseconds: u64| SIGNALS as f64 * 1e9 / nanoseconds.max(1) as f64;
            println!(
                "| {kind} | {keys} | {:.0} | {:.0} | {:.1} | {expected} each |",
                speed(ours),
                speed(theirs),
                theirs as f64 / ours.max(1) as f64
            );
        }
    }
    Ok(())
}

fn median(taken: impl Iterator<Item = u64>) -> u64 {
    let mut taken: Vec<u64> = taken.collect();
    taken.sort_unstable();
    taken.get(taken.len() / 2).copied().unwrap_or_default()
}

fn compare(kind: &str, ours: &str, theirs: &str, keys: u64) -> Result<Run, Box<dyn Error>> {
    let mut trailhound = trailhound(ours)?;
    let mut rsigma = rsigma(theirs)?;
    let mut run = Run::default();
    for first in (0..SIGNALS).step_by(usize::try_from(CHUNK)?) {
        let numbers = first..first + CHUNK;
        let signals: Vec<Signal> = numbers.clone().map(|n| signal(kind, n, keys)).collect();
        let begun = processor_nanoseconds()?;
        for signal in signals {
            let time = signal.time.as_micros();
            trailhound.take(signal);
            if time % 1_000_000 == 0 {
                trailhound.advance_to(EventTime::from_micros(time - LATE));
                run.we_said += trailhound.drain().iter().filter(|one| one.revision == 0).count();
            }
        }
        run.we_said += trailhound.drain().iter().filter(|one| one.revision == 0).count();
        run.ours += processor_nanoseconds()? - begun;

        let events: Vec<Value> = numbers.clone().map(|n| event(kind, n, keys)).collect();
        let detected: Vec<Vec<EvaluationResult>> =
            events.iter().map(|event| rsigma.evaluate(&JsonEvent::borrow(event))).collect();
        let begun = processor_nanoseconds()?;
        for ((event, detections), n) in events.iter().zip(detected).zip(numbers) {
            let second = i64::try_from(n / 1_000)?;
            let result = rsigma.process_with_detections(&JsonEvent::borrow(event), detections, second);
            run.they_said += result.correlations().count();
        }
        run.theirs += processor_nanoseconds()? - begun;
    }
    Ok(run)
}

/// Of how many keys there is something to say, by plain counting.
fn expected(kind: &str, keys: u64) -> usize {
    let mut events: HashMap<u64, usize> = HashMap::new();
    let mut values: HashMap<u64, HashSet<String>> = HashMap::new();
    let mut reached: HashMap<u64, u8> = HashMap::new();
    for n in 0..SIGNALS {
        let (key, step, address) = parts(kind, n, keys);
        *events.entry(key).or_default() += 1;
        if kind == "distinct" {
            values.entry(key).or_default().insert(address);
        }
        let next = reached.entry(key).or_default();
        *next += u8::from(*next == step);
    }
    match kind {
        "threshold" => events.values().filter(|count| **count >= ENOUGH).count(),
        "distinct" => values.values().filter(|values| values.len() >= ENOUGH).count(),
        _ => reached.values().filter(|steps| **steps == 3).count(),
    }
}

fn trailhound(rule: &str) -> Result<Engine, Box<dyn Error>> {
    let mut files = MemoryFiles::default();
    files.insert("rule.yaml", format!("id: measured\ntitle: measured\nseverity: low\n{rule}\n").as_str());
    let loaded = RuleSet::load(["rule.yaml"], &files, &Context::empty());
    if loaded.has_errors() {
        return Err(format!("{:#?}", loaded.diagnostics).into());
    }
    let mut settings = Settings::live(EventTime::EPOCH, Lateness::default());
    settings.durable = false;
    Ok(Engine::new(&loaded.rules, &Context::empty(), settings))
}

fn rsigma(correlation: &str) -> Result<CorrelationEngine, Box<dyn Error>> {
    let base = |n: u32| {
        format!(
            "title: s{n}\nname: s{n}\nid: s{n}\nlogsource: {{ product: aws }}\ndetection:\n  selection: {{ source: s{n} }}\n  \
             condition: selection\nlevel: low\n"
        )
    };
    let rules = format!(
        "{}---\n{}---\n{}---\ntitle: measured\nid: measured\ncorrelation:\n  {correlation}\nlevel: low\n",
        base(0),
        base(1),
        base(2)
    );
    // As ours: a thing is said once for its span, and no key is given up.
    let config = CorrelationConfig {
        suppress: Some(3_600),
        emit_detections: false,
        max_state_entries: 2_000_000,
        ..CorrelationConfig::default()
    };
    let mut engine = CorrelationEngine::new(config);
    engine.add_collection(&rsigma_parser::parse_sigma_yaml(&rules)?)?;
    Ok(engine)
}

/// Key, step and value of signal `n`: keys spread by a multiplier without a common factor; the last two signals of a key end a sequence.
fn parts(kind: &str, n: u64, keys: u64) -> (u64, u8, String) {
    let (turn, turns) = (n / keys, SIGNALS / keys);
    let step = match kind {
        "sequence" if turn + 2 == turns => 1,
        "sequence" if turn + 1 == turns => 2,
        _ => 0,
    };
    (n.wrapping_mul(7_919) % keys, step, format!("203.0.{}.{}", n % 7, turn % 250))
}

fn principal(key: u64) -> String {
    format!("arn:aws:iam::111122223333:role/key-{key}")
}

fn signal(kind: &str, n: u64, keys: u64) -> Signal {
    let (key, step, address) = parts(kind, n, keys);
    Signal {
        rule: 0,
        time: EventTime::from_micros(i64::try_from(n).unwrap_or_default() * 1_000),
        event: EventId::Uuid(u128::from(n)),
        severity: Severity::Low,
        key: WindowKey::of([principal(key).as_str()]),
        part: match kind {
            "distinct" => Part::of_value(&address),
            "sequence" => Part::Step(step),
            _ => Part::Event,
        },
        record: RecordHandle(n),
    }
}

fn event(kind: &str, n: u64, keys: u64) -> Value {
    let (key, step, address) = parts(kind, n, keys);
    json!({ "source": format!("s{step}"), "principal": principal(key), "address": address })
}

/// How long this thread has run.
fn processor_nanoseconds() -> Result<u64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().unwrap_or_default().parse()?)
}
