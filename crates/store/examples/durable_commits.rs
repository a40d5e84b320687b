//! How many durable commits and rows per second, for each durability level, with many callers sharing commits and with one caller
//! alone; and what opening, checking and copying the result takes.
//!
//! ```sh
//! cargo run --release -p store --example durable_commits -- FOLDER
//! ```
//!
//! FOLDER should be on the disk that is meant: a folder in memory answers another question. Every batch has a checkpoint, ten rows
//! of state of 200 bytes, a seen event, a finding of 2 kB, an outbox entry of 1 kB and a counter: 15 rows.

use std::error::Error;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use store::{Batch, Check, DeliveryKey, Durability, Finding, Namespace, Options, Severity, Store};

const ROWS: u64 = 15;
const SECONDS: f64 = 4.0;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("which folder?")?;
    let folder = tempfile::tempdir_in(folder)?;
    println!("durability  callers  batches/s     rows/s  commits/s  batches per commit");
    for durability in [Durability::PowerLoss, Durability::Crash] {
        for callers in [1, 8, 64] {
            run(&folder.path().join(format!("{durability:?}-{callers}")), durability, callers)?;
        }
    }
    reopen(&folder.path().join("Crash-64"))
}

fn run(folder: &Path, durability: Durability, callers: u64) -> Result<(), Box<dyn Error>> {
    let store = Store::open(folder, &Options { durability, ..Options::default() })?;
    let rule = Namespace::new("rule", [1; 32]);
    let mut adopt = Batch::new(0);
    adopt.adopt(&rule);
    store.commit(adopt)?;
    let before = store.activity();
    let begin = Instant::now();
    thread::scope(|scope| {
        for caller in 0..callers {
            let (store, rule) = (&store, &rule);
            scope.spawn(move || {
                let end = begin + Duration::from_secs_f64(SECONDS);
                for number in 0.. {
                    let committed =
                        batch(rule, caller, number).is_ok_and(|batch| store.commit(batch).is_ok());
                    assert!(committed, "the disk must hold what is written");
                    if Instant::now() >= end {
                        break;
                    }
                }
            });
        }
    });
    let seconds = begin.elapsed().as_secs_f64();
    let after = store.activity();
    let per_second = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / seconds;
    let batches = per_second(after.transactions - before.transactions);
    let commits = per_second(after.commits - before.commits);
    let rows = per_second((after.transactions - before.transactions) * ROWS);
    let durability = format!("{durability:?}");
    println!(
        "{durability:<10}  {callers:>7}  {batches:>9.0}  {rows:>9.0}  {commits:>9.0}  {:>18.1}",
        batches / commits
    );
    Ok(())
}

fn batch(rule: &Namespace, caller: u64, number: u64) -> Result<Batch, Box<dyn Error>> {
    let id = format!("finding-{caller}-{number}");
    let mut batch = Batch::new(0);
    for row in 0..10 {
        // A thousand keys per caller, written again and again, as windows are.
        let key = format!("{caller}/{}", (number * 10 + row) % 1_000);
        batch.put(rule, key.as_bytes(), 1, &[7; 200]);
    }
    batch.seen(rule, id.as_bytes(), 1);
    batch.deliver(DeliveryKey::new(&id, 0, "oncall")?, vec![7; 1_000], 0);
    batch.finding(Finding {
        id,
        revision: 0,
        rule: "rule".into(),
        severity: Severity::High,
        state: "firing".into(),
        account: "111122223333".into(),
        region: "us-east-1".into(),
        time_ms: i64::try_from(number)?,
        outcome: Some("sent".into()),
        outcome_of: None,
        body: vec![7; 2_000],
    });
    batch.count("records.matched", 1).checkpoint("source", &caller.to_string(), &number.to_le_bytes());
    Ok(batch)
}

fn reopen(folder: &Path) -> Result<(), Box<dyn Error>> {
    for check in [Check::Beside, Check::Skip, Check::Quick, Check::Full] {
        let begin = Instant::now();
        let store = Store::open(folder, &Options { check, ..Options::default() })?;
        let milliseconds = begin.elapsed().as_secs_f64() * 1e3;
        let status = store.reader()?.snapshot()?.status()?;
        println!("open with check {check:?}: {milliseconds:.1} ms for {} MB", status.bytes / 1_000_000);
    }
    let store = Store::open(folder, &Options { check: Check::Skip, ..Options::default() })?;
    let begin = Instant::now();
    let report = store.backup(&folder.join("copy.db"))?;
    println!("backup: {:.1} ms for {} MB", begin.elapsed().as_secs_f64() * 1e3, report.bytes / 1_000_000);
    Ok(())
}
