//! Years of real logs through the service in this process, on a clock of the test's: each record arrives within its lateness, in
//! another order than it happened, and some arrive twice.

use std::fs;
use std::io;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use cloudtrail::{Decoder, Item};
use context::Context;
use decide::Lateness;
use jiff::Timestamp;
use route::Routes;
use rules::{MemoryFiles, RuleSet};
use service::{Journal, Level, Loader, Plan, Program, Retention, Service, Settings, Supervised};
use sources::{Class, Content, Limits, Running, Session, Source, Verdict};
use targets::Clock;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::{RULES, RULES_FROM_THE_START, Said, counter, kit, scanned, stored};

type Fed = (Content, oneshot::Sender<Verdict>);

/// A source that brings what the test hands in.
struct Feed(Mutex<mpsc::Receiver<Fed>>);

impl Source for Feed {
    fn name(&self) -> &str {
        "feed"
    }

    fn run(&self, mut session: Session) -> Running<'_> {
        Box::pin(async move {
            session.health.healthy();
            let mut input = self.0.lock().await;
            loop {
                let fed = tokio::select! {
                    fed = input.recv() => fed,
                    () = session.stop.asked() => None,
                };
                let Some((content, answer)) = fed else { return Ok(()) };
                drop(answer.send(session.intake.offer(content).await?.await));
            }
        })
    }
}

/// The same numbers in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// When it happened, in microseconds, and its text.
type Record = (i64, Vec<u8>);

/// All records below a folder, copies too, in the order of time.
fn records(folder: &Path) -> Vec<Record> {
    let mut decoder = Decoder::default();
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.unwrap();
        if !entry.file_type().is_file() {
            continue;
        }
        let decoded = decoder.decode(&fs::read(entry.path()).unwrap(), None, |item| {
            if let Item::Event(event) = item {
                let mut text = Vec::new();
                event.json().write_compact(&mut text);
                found.push((event.time.as_micros(), text));
            }
        });
        assert!(decoded.trouble.is_none(), "{}", entry.path().display());
    }
    found.sort();
    found
}

const SECOND: i64 = 1_000_000;

/// Records in the order in which they arrive, with when: within `late` of their time, and one in ten twice.
fn arrivals(records: &[Record], late: i64) -> Vec<(i64, &[u8])> {
    let mut chance = Chance(1);
    let mut arrivals = Vec::new();
    for (time, text) in records {
        arrivals.push((time + chance.below(late), text.as_slice()));
        if chance.below(10) == 0 {
            arrivals.push((time + chance.below(late), text.as_slice()));
        }
    }
    arrivals.sort();
    arrivals
}

fn program(rules: RuleSet) -> Program {
    let routes = Routes::compile(&[], &[], &[]).unwrap();
    Program::new(rules, Context::empty(), routes, Lateness::default())
}

struct Site {
    state: tempfile::TempDir,
    clock: Arc<AtomicI64>,
    service: Service,
    hand: mpsc::Sender<Fed>,
}

impl Site {
    fn start(rules: &RuleSet, begin: i64) -> Site {
        let state = tempfile::tempdir().unwrap();
        let micros = Arc::new(AtomicI64::new(begin));
        let read = Arc::clone(&micros);
        let clock: Clock =
            Arc::new(move || Timestamp::from_microsecond(read.load(Ordering::SeqCst)).unwrap());
        let (hand, input) = mpsc::channel(4);
        let source = Supervised {
            source: Arc::new(Feed(Mutex::new(input))),
            limits: Limits::default(),
            definition: String::new(),
        };
        let plan = Plan {
            program: program(rules.clone()),
            sources: vec![source],
            lanes: Arc::new(|_| Vec::new()),
            targets: String::new(),
            files: Vec::new(),
            at_restart: Vec::new(),
        };
        let age = Duration::from_secs(100 * 366 * 24 * 3600);
        let settings = Settings {
            state: state.path().to_owned(),
            store: store::Options { durability: store::Durability::Crash, ..store::Options::default() },
            operations: None,
            workers: NonZero::new(2).unwrap(),
            retention: Retention { findings: age, payloads: age, keys: age },
            journal: Journal::new(io::stderr(), Level::Warn, clock.clone()),
            version: "test",
        };
        let loader: Loader = Arc::new(|| Err("nothing changes".to_owned()));
        let service = Service::start(settings, plan, loader, clock, Arc::new(|| 0.5)).unwrap();
        Site { state, clock: micros, service, hand }
    }

    /// Hands in what arrived in one go, and waits until it is durable.
    fn push(&self, now: i64, lines: Vec<u8>) {
        self.clock.fetch_max(now, Ordering::SeqCst);
        let (sender, verdict) = oneshot::channel();
        self.hand.blocking_send((Content::payload("replay", Class::S3, lines), sender)).unwrap();
        assert!(verdict.blocking_recv().unwrap().is_committed());
    }
}

#[test]
fn real_logs_late_shuffled_and_twice_are_decided_as_a_scan_decides_them() {
    let Some(data) = kit::shared_data("corpus_real") else { return };
    let mut records = records(&data);
    // What did not follow a last event, a history knows only if it goes on.
    let last = records.last().unwrap().0;
    let closing =
        kit::stop_logging("closing", &at(last + 3 * 3_600 * SECOND)).replace("StopLogging", "ListTrails");
    records.push((last + 3 * 3_600 * SECOND, closing.clone().into_bytes()));
    let mut files = MemoryFiles::default();
    let own = format!("{RULES}---\n{RULES_FROM_THE_START}");
    files.insert("rules.yaml", own.as_str());
    let pack = kit::root().join("rules/aws");
    for entry in walkdir::WalkDir::new(&pack).sort_by_file_name() {
        let entry = entry.unwrap();
        if entry.path().extension().is_some_and(|extension| extension == "yaml") {
            files.insert(entry.path().to_str().unwrap(), fs::read_to_string(entry.path()).unwrap());
        }
    }
    let paths: Vec<String> = files.paths().map(str::to_owned).collect();
    let rules = RuleSet::load(paths.iter().map(String::as_str), &files, &Context::empty()).rules;
    let folder = kit::folder(&[("rules.yaml", own.as_bytes()), ("closing.json", closing.as_bytes())]);
    let wanted = scanned(
        folder.path(),
        &["rules.yaml", pack.to_str().unwrap()],
        &[data.to_str().unwrap(), "closing.json"],
    );
    assert!(wanted.0.len() > 200, "{:?}", wanted.rules());

    let late = 40 * 60 * SECOND;
    let site = Site::start(&rules, records[0].0);
    let arrivals = arrivals(&records, late);
    // What comes within a while comes as one batch, at the end of the while.
    for batch in arrivals.chunk_by(|one, next| one.0.div_euclid(late / 3) == next.0.div_euclid(late / 3)) {
        site.push(
            batch.last().unwrap().0,
            batch.iter().map(|(_, text)| *text).collect::<Vec<_>>().join(&b'\n'),
        );
    }
    assert_eq!(counter(site.state.path(), "records/s3/received"), arrivals.len() as u64);
    // Nothing comes any more: after a quarter of an hour all is held to have been told, and after a day all windows are over.
    site.clock.fetch_add(26 * 3_600 * SECOND, Ordering::SeqCst);
    let got = until_settled(site.state.path(), &wanted);
    site.service.handle().stop();
    site.service.wait().unwrap();
    let difference = wanted.difference(&got);
    assert!(difference.is_empty(), "{}", difference.join("\n"));
}

fn at(micros: i64) -> String {
    format!("{:.0}", Timestamp::from_microsecond(micros).unwrap())
}

/// What is stored when it is what is wanted, or after a while.
fn until_settled(state: &Path, wanted: &Said) -> Said {
    let begun = Instant::now();
    loop {
        let got = stored(state);
        if wanted.difference(&got).is_empty() || begun.elapsed() > Duration::from_secs(20) {
            return got;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
