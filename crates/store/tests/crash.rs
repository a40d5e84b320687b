//! Processes that are killed while they commit, and what the next one finds.
//!
//! A child commits numbered batches from four threads and sends what is in the outbox; it says what was acknowledged to it. It is
//! killed, thirty times over the same folder, at points drawn from a seed: while it opens, commits, folds the log or sends.
//! Each time everything it acknowledged must be there, whole, and nothing by half.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls too")]

mod sample;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use sample::{Seeded, finding, folder_of_other_process, key, other_process, quick, rule};
use store::{Added, Attempts, Batch, Options, Outcome, Reader, Receipts, Store};

const THREADS: usize = 4;
const KILLS: u64 = 30;

/// How many rows of state batch `number` writes; each carries the number.
fn width(number: u64) -> u64 {
    3 + number % 40
}

fn id(thread: usize, number: u64) -> String {
    format!("f-{thread}-{number}")
}

fn batch(thread: usize, number: u64) -> Batch {
    let mut batch = decisions(thread, number);
    for row in 0..width(number) {
        let key = format!("{thread}/{number}/{row}");
        batch.put(&rule(), key.as_bytes(), 1, &[number.to_le_bytes()[0]; 200]);
    }
    batch.count("rows", width(number)).checkpoint(
        "source",
        &thread.to_string(),
        number.to_string().as_bytes(),
    );
    batch
}

/// The part that a source which delivers twice brings in twice.
fn decisions(thread: usize, number: u64) -> Batch {
    let id = id(thread, number);
    let mut batch = Batch::new(0);
    batch.adopt(&rule()).seen(&rule(), id.as_bytes(), 1);
    batch.finding(finding(&id, 0)).deliver(key(&id, 0, "mail"), b"message".to_vec(), 0);
    batch
}

fn checkpoint(reader: &mut Reader, thread: usize) -> u64 {
    let position = reader.snapshot().unwrap().checkpoint("source", &thread.to_string()).unwrap();
    position.map_or(0, |position| String::from_utf8(position).unwrap().parse().unwrap())
}

/// The process that is killed. With a file `finish` in its folder it only sends what is owed, and ends. With a file `power-loss`
/// it waits for the disk, else only for the system.
fn victim(folder: &Path) {
    let finish = folder.join("finish").exists();
    let options = if folder.join("power-loss").exists() { Options::default() } else { quick() };
    let store = Store::open(&folder.join("state"), &options).unwrap();
    let said = Mutex::new(std::io::stdout());
    let say = |line: String| said.lock().unwrap().write_all(line.as_bytes()).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for thread in 0..THREADS {
            let (store, say) = (&store, &say);
            threads.push(scope.spawn(move || {
                let last = checkpoint(&mut store.reader().unwrap(), thread);
                if last > 0 {
                    let committed = store.commit(decisions(thread, last)).unwrap();
                    let present = Added { created: 0, present: 1 };
                    let repeated = (committed.findings, committed.deliveries, committed.seen);
                    assert_eq!(repeated, (present, present, present), "the take-over repeats nothing");
                }
                for number in last + 1.. {
                    if finish {
                        break;
                    }
                    store.commit(batch(thread, number)).unwrap();
                    say(format!("acknowledged {thread} {number}\n"));
                }
            }));
        }
        scope.spawn(|| send(&store, folder, &done));
        for thread in threads {
            thread.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// Sends until the outbox is empty and nothing more comes. "Sent" is a line in a file.
fn send(store: &Store, folder: &Path, done: &AtomicBool) {
    let mut sent = OpenOptions::new().create(true).append(true).open(folder.join("sent")).unwrap();
    let mut reader = store.reader().unwrap();
    loop {
        let all_created = done.load(Ordering::Relaxed);
        let due = reader.snapshot().unwrap().due_deliveries(0, None, 5).unwrap();
        if due.is_empty() && all_created {
            break;
        }
        let started = store.commit(Attempts::new(0, due.into_iter().map(|entry| entry.key))).unwrap();
        let mut receipts = Receipts::new(0);
        for attempt in started {
            let attempt = attempt.unwrap();
            sent.write_all(format!("{}\n", attempt.key()).as_bytes()).unwrap();
            receipts.note(attempt, Outcome::Delivered { receipt: b"ok".to_vec(), handle: None });
        }
        assert_eq!(store.commit(receipts).unwrap().stale, []);
    }
}

/// Starts the victim, kills it, and returns what it said: for each thread the last number acknowledged, if any.
fn kill_one(folder: &Path, seeded: &mut Seeded) -> [u64; THREADS] {
    let program = std::env::current_exe().unwrap();
    let test = "what_was_acknowledged_is_there_whole_after_a_kill";
    let mut child = other_process(&program, test, folder).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    let mut acknowledged = [0; THREADS];
    let mut note = |line: &str| {
        let mut words = line.split(' ');
        // The test harness talks on the same stream.
        if words.next() == Some("acknowledged") {
            let mut number = || words.next().unwrap().parse::<u64>().unwrap();
            let (thread, number) = (usize::try_from(number()).unwrap(), number());
            assert!(number > acknowledged[thread]);
            acknowledged[thread] = number;
        }
    };
    // One in five is killed while it opens.
    let wanted = if seeded.below(5) == 0 { 0 } else { 1 + seeded.below(80) };
    for _ in 0..wanted {
        let Some(line) = lines.next() else { break };
        note(&line);
    }
    thread::sleep(Duration::from_micros(seeded.below(20_000)));
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "it was to end by the kill alone");
    // What it had said until then, up to a line cut short.
    lines.filter(|line| line.split(' ').count() == 3).for_each(|line| note(&line));
    acknowledged
}

/// Compares the folder with what it must hold. Returns how many deliveries were under way when the process died.
fn check(folder: &Path, acknowledged: [u64; THREADS]) -> u64 {
    let store = Store::open(&folder.join("state"), &quick()).unwrap();
    let mut reader = store.reader().unwrap();
    let (mut rows, mut batches) = (0, 0);
    for (thread, acknowledged) in acknowledged.into_iter().enumerate() {
        let last = checkpoint(&mut reader, thread);
        assert!(last >= acknowledged, "thread {thread} was acknowledged {acknowledged}, {last} is there");
        rows += (1..=last).map(width).sum::<u64>();
        batches += last;
    }
    let snapshot = reader.snapshot().unwrap();
    if batches > 0 {
        assert_eq!(snapshot.counters().unwrap(), [("rows".to_owned(), rows)]);
    }
    let (mut found, mut seen) = (0, 0);
    let walk = snapshot.scan_state(&rule(), .., |row| {
        let number: u64 = std::str::from_utf8(row.key).unwrap().split('/').nth(1).unwrap().parse().unwrap();
        assert_eq!(row.value, vec![number.to_le_bytes()[0]; 200]);
        found += 1;
        ControlFlow::Continue(())
    });
    walk.unwrap();
    snapshot
        .scan_seen(&rule(), |_, _| {
            seen += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((found, seen), (rows, batches), "no batch by half, none beyond its checkpoint");
    let status = snapshot.status().unwrap();
    assert!(status.findings.balanced() && status.deliveries.balanced(), "{status:?}");
    assert_eq!((status.findings.created, status.deliveries.created), (batches, batches));
    assert_eq!(status.deliveries.sending, 0);
    store.interrupted()
}

#[test]
fn what_was_acknowledged_is_there_whole_after_a_kill() {
    if let Some(folder) = folder_of_other_process() {
        return victim(&folder);
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut seeded = Seeded(20_260_921);
    let (mut interrupted, mut acknowledged) = (0, [0; THREADS]);
    for kill in 0..KILLS {
        if kill == KILLS / 2 {
            fs::write(folder.join("power-loss"), "").unwrap();
        }
        let said = kill_one(folder, &mut seeded);
        for (all, said) in acknowledged.iter_mut().zip(said) {
            *all = said.max(*all);
        }
        interrupted += check(folder, acknowledged);
    }
    assert!(acknowledged.iter().all(|number| *number > 10), "the victims came to work: {acknowledged:?}");

    fs::write(folder.join("finish"), "").unwrap();
    let program = std::env::current_exe().unwrap();
    let last = other_process(&program, "what_was_acknowledged_is_there_whole_after_a_kill", folder)
        .output()
        .unwrap();
    assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stderr));
    check(folder, acknowledged);
    let mut sent: BTreeMap<String, u64> = BTreeMap::new();
    for line in fs::read_to_string(folder.join("sent")).unwrap().lines() {
        *sent.entry(line.to_owned()).or_default() += 1;
    }
    let mut reader = Reader::open(&folder.join("state")).unwrap();
    let status = reader.snapshot().unwrap().status().unwrap().deliveries;
    assert_eq!((status.delivered, status.pending, status.dead), (status.created, 0, 0));
    assert_eq!(sent.len() as u64, status.created, "everything was sent");
    let repeated = sent.values().sum::<u64>() - status.created;
    assert!(repeated <= interrupted, "{repeated} were sent again, {interrupted} were under way in a kill");
}

/// A power loss under `Durability::Crash` may cost the end of the log. Whatever the length that is left, what is found is a whole
/// commit, and an earlier one for a shorter log.
#[test]
fn a_log_cut_anywhere_leaves_a_whole_commit() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let store = Store::open(&state, &quick()).unwrap();
    store.commit(batch(0, 1)).unwrap();
    for number in 2..=30 {
        store.commit(batch(0, number)).unwrap();
    }
    let read = |name: &str| fs::read(state.join(name)).unwrap();
    let (database, log) = (read("state.db"), read("state.db-wal"));
    assert!(log.len() > 100_000, "the commits are in the log: {} bytes", log.len());
    let mut seeded = Seeded(7);
    let mut lengths: Vec<usize> =
        (0..40).map(|_| usize::try_from(seeded.below(log.len() as u64)).unwrap()).collect();
    lengths.extend([0, log.len()]);
    lengths.sort_unstable();
    let mut last = 0;
    for length in lengths {
        let cut = tempfile::tempdir().unwrap();
        let state = cut.path().join("state");
        fs::create_dir(&state).unwrap();
        fs::write(state.join("state.db"), &database).unwrap();
        fs::write(state.join("state.db-wal"), &log[..length]).unwrap();
        check(cut.path(), [0; THREADS]);
        let found = checkpoint(&mut Reader::open(&state).unwrap(), 0);
        assert!(found >= last);
        last = found;
    }
    assert_eq!(last, 30, "nothing was cut from the last one");
}
