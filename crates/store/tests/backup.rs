//! Copies and readers while the store is being written: each sees one commit, whole.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls too")]

mod sample;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use sample::{open, rule};
use store::{Batch, Error, Reader, Snapshot, Store, restore};

/// Sets a checkpoint and two far apart values to the same number, among enough others that a copy takes several slices.
fn numbered(number: u64) -> Batch {
    let text = number.to_string();
    let mut batch = Batch::new(0);
    batch.put(&rule(), b"a", 1, text.as_bytes()).put(&rule(), b"z", 1, text.as_bytes());
    batch.put(&rule(), format!("m{}", number % 50).as_bytes(), 1, &[1; 5_000]);
    batch.checkpoint("source", "p", text.as_bytes()).count("batches", 1);
    batch
}

fn filled(folder: &Path) -> Store {
    let store = open(folder);
    let mut batch = Batch::new(0);
    batch.adopt(&rule());
    for number in 0..2_000 {
        batch.put(&rule(), format!("n{number}").as_bytes(), 1, &vec![7; 5_000]);
    }
    store.commit(batch).unwrap();
    store.commit(numbered(0)).unwrap();
    store
}

/// The number that everything in this snapshot agrees on.
fn number(snapshot: &Snapshot<'_>) -> u64 {
    let number: u64 =
        String::from_utf8(snapshot.checkpoint("source", "p").unwrap().unwrap()).unwrap().parse().unwrap();
    for key in [b"a", b"z"] {
        assert_eq!(snapshot.state(&rule(), key).unwrap().unwrap().value, number.to_string().into_bytes());
    }
    assert_eq!(snapshot.counters().unwrap(), [("batches".to_owned(), number + 1)]);
    // The first commit filled the store.
    assert_eq!(snapshot.commit(), number + 2);
    number
}

#[test]
fn backups_taken_under_load_are_whole_and_do_not_hold_up_the_writing() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(&folder.path().join("state"));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Relaxed) {
                last += 1;
                store.commit(numbered(last)).unwrap();
            }
            last
        });
        let mut numbers = vec![];
        for copy in 0..3 {
            let before = store.activity().commits;
            while store.activity().commits == before {
                thread::yield_now();
            }
            let (backup, restored) =
                (folder.path().join(format!("{copy}.db")), folder.path().join(format!("restored-{copy}")));
            let report = store.backup(&backup).unwrap();
            assert_eq!(report.bytes, fs::metadata(&backup).unwrap().len());
            assert!(report.bytes > 8 << 20, "more than two slices");
            assert_eq!(restore(&backup, &restored), Ok(None));
            let store = open(&restored);
            let mut reader = store.reader().unwrap();
            let snapshot = reader.snapshot().unwrap();
            numbers.push(number(&snapshot));
            assert_eq!(snapshot.commit(), report.commit);
        }
        done.store(true, Ordering::Relaxed);
        let last = writer.join().unwrap();
        assert!(
            numbers[0] < numbers[1] && numbers[1] < numbers[2] && numbers[2] <= last,
            "{numbers:?}, {last}"
        );
    });
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(
        names,
        ["0.db", "1.db", "2.db", "restored-0", "restored-1", "restored-2", "state"],
        "nothing half-made"
    );
}

#[test]
fn readers_see_whole_commits_in_order_while_they_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut reader = store.reader().unwrap();
                    let (mut last, mut views) = (0, 0_u32);
                    while !done.load(Ordering::Relaxed) || views == 0 {
                        let number = number(&reader.snapshot().unwrap());
                        assert!(number >= last);
                        last = number;
                        views += 1;
                    }
                })
            })
            .collect();
        for number in 1..=300 {
            store.commit(numbered(number)).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    assert_eq!(number(&store.reader().unwrap().snapshot().unwrap()), 300);
}

#[test]
fn a_restore_moves_the_old_database_with_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let (state, backup) = (folder.path().join("state"), folder.path().join("backup.db"));
    let store = filled(&state);
    store.backup(&backup).unwrap();
    assert_eq!(store.backup(&backup), Err(Error::Exists { path: backup.clone() }));
    assert!(matches!(restore(&backup, &state), Err(Error::Locked { .. })), "not under a running store");
    for number in 1..=5 {
        store.commit(numbered(number)).unwrap();
    }
    // As after a kill: the log is still there.
    let log = fs::read(state.join("state.db-wal")).unwrap();
    let database = fs::read(state.join("state.db")).unwrap();
    store.close();
    fs::write(state.join("state.db-wal"), log).unwrap();
    fs::write(state.join("state.db"), database).unwrap();

    let aside = restore(&backup, &state).unwrap().unwrap();
    assert_eq!(number(&Reader::open(&state).unwrap().snapshot().unwrap()), 0);
    assert_eq!(number(&Reader::open(aside.parent().unwrap()).unwrap().snapshot().unwrap()), 5);
    assert!(restore(&backup, &state).unwrap().unwrap().ends_with("replaced-2/state.db"));
    assert_eq!(
        restore(&folder.path().join("none.db"), &state),
        Err(Error::Missing { path: folder.path().join("none.db") })
    );
    assert_eq!(
        number(&Reader::open(&state).unwrap().snapshot().unwrap()),
        0,
        "a refused restore changes nothing"
    );
}
