//! What a committed batch leaves behind, what a refused one does not, and how many share a commit.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls too")]

mod sample;

use std::ops::{Bound, ControlFlow};
use std::sync::mpsc;

use sample::{audit, finding, key, open, rule};
use store::{
    Added, Batch, Check, Durability, Error, FindingFilter, Namespace, Options, Prune, Severity, Store,
};

#[test]
fn a_batch_is_there_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut batch = Batch::new(5);
    batch.adopt(&rule()).put(&rule(), b"k", 3, b"v").seen(&rule(), b"event", 100);
    batch.finding(finding("f", 0)).deliver(key("f", 0, "oncall"), b"hello".to_vec(), 7);
    batch.count("records.matched", 2).count("records.matched", 3).count("records.unmatched", 0);
    batch.audit(audit(5)).checkpoint("s3", "bucket", b"a").checkpoint("sqs", "queue", b"b");
    let committed = store.commit(batch.clone()).unwrap();
    let new = Added { created: 1, present: 0 };
    assert_eq!(
        (committed.commit, committed.findings, committed.deliveries, committed.seen),
        (1, new, new, new)
    );

    store.close();
    let store = open(folder.path());
    let mut reader = store.reader().unwrap();
    let snapshot = reader.snapshot().unwrap();
    let state = snapshot.state(&rule(), b"k").unwrap().unwrap();
    assert_eq!((state.version, state.value.as_slice()), (3, &b"v"[..]));
    assert!(snapshot.has_seen(&rule(), b"event").unwrap());
    assert!(!snapshot.has_seen(&rule(), b"other").unwrap());
    assert_eq!(snapshot.finding("f").unwrap(), [finding("f", 0)]);
    let delivery = snapshot.delivery(&key("f", 0, "oncall")).unwrap().unwrap();
    assert_eq!(
        (delivery.due_ms, delivery.created_ms, delivery.payload.as_deref()),
        (7, 5, Some(&b"hello"[..]))
    );
    let counters = snapshot.counters().unwrap();
    assert_eq!(counters, [("records.matched".to_owned(), 5), ("records.unmatched".to_owned(), 0)]);
    assert_eq!(snapshot.checkpoints().unwrap().len(), 2);
    assert_eq!(snapshot.audit(0, 9).unwrap().len(), 1);
    drop(snapshot);

    let again = store.commit(batch).unwrap();
    let present = Added { created: 0, present: 1 };
    assert_eq!((again.findings, again.deliveries, again.seen), (present, present, present));
}

/// Stops the writer inside the answer to an empty batch, until what is returned is dropped.
fn hold_writer(store: &Store) -> mpsc::Sender<()> {
    let (hold, held) = mpsc::channel::<()>();
    let (sender, began) = mpsc::channel();
    let submitted = store.try_submit_then(Batch::new(0), move |_| {
        sender.send(()).unwrap();
        let _ = held.recv();
    });
    assert!(submitted.is_ok());
    began.recv().unwrap();
    hold
}

#[test]
fn what_waits_becomes_one_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let hold = hold_writer(&store);
    let tickets: Vec<_> = (0..50)
        .map(|number| {
            let mut batch = Batch::new(0);
            batch.checkpoint("source", &number.to_string(), b"1");
            store.submit(batch)
        })
        .collect();
    drop(hold);
    let commits: Vec<u64> = tickets.into_iter().map(|ticket| ticket.wait().unwrap().commit).collect();
    assert_eq!(commits, [2; 50], "fifty batches shared the second commit");
    let activity = store.activity();
    assert_eq!((activity.commits, activity.transactions, activity.refused), (2, 51, 0));
    assert_eq!(store.reader().unwrap().snapshot().unwrap().checkpoints().unwrap().len(), 50);
}

#[test]
fn a_refused_transaction_leaves_nothing_and_its_neighbours_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let hold = hold_writer(&store);
    let numbered = |number: &str| {
        let mut batch = Batch::new(0);
        batch.finding(finding(number, 0)).checkpoint("source", number, b"1").count("batches", 1);
        batch
    };
    let first = store.submit(numbered("1"));
    let mut bad = numbered("2");
    // The first namespace is made and written to before the second fails.
    let other = Namespace::new("other", [1; 32]);
    bad.adopt(&other).put(&other, b"k", 1, b"v").put(&rule(), b"k", 1, b"never adopted");
    let bad = store.submit(bad);
    let third = store.submit(numbered("3"));
    drop(hold);
    assert_eq!(first.wait().unwrap().commit, third.wait().unwrap().commit);
    let refused = bad.wait().unwrap_err();
    assert_eq!(refused.error, Error::Meaning { namespace: "root-use".into() });

    let mut reader = store.reader().unwrap();
    let snapshot = reader.snapshot().unwrap();
    assert_eq!(
        snapshot.checkpoints().unwrap().iter().map(|row| row.partition.as_str()).collect::<Vec<_>>(),
        ["1", "3"]
    );
    assert_eq!((snapshot.finding("2").unwrap(), snapshot.namespaces().unwrap()), (vec![], vec![]));
    assert_eq!(snapshot.counters().unwrap(), [("batches".to_owned(), 2)]);
    drop(snapshot);

    let mut repaired = *refused.work.unwrap();
    repaired.adopt(&rule());
    store.commit(repaired).unwrap();
}

#[test]
fn state_follows_its_meaning() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (old, new) = (rule(), Namespace::new(rule().name(), [2; 32]));
    let mut batch = Batch::new(0);
    batch.adopt(&old).put(&old, b"k", 1, b"old").seen(&old, b"e", 9);
    store.commit(batch).unwrap();

    let mut same = Batch::new(0);
    same.adopt(&old).put(&old, b"l", 1, b"old");
    store.commit(same).unwrap();
    let mut reader = store.reader().unwrap();
    assert!(
        reader.snapshot().unwrap().state(&old, b"k").unwrap().is_some(),
        "unchanged meaning keeps its state"
    );

    let mut reload = Batch::new(0);
    reload.adopt(&new);
    store.commit(reload).unwrap();
    let snapshot = reader.snapshot().unwrap();
    assert_eq!(snapshot.namespaces().unwrap(), std::slice::from_ref(&new));
    for namespace in [&old, &new] {
        assert_eq!(snapshot.state(namespace, b"k").unwrap(), None);
        assert!(!snapshot.has_seen(namespace, b"e").unwrap());
    }
    drop(snapshot);

    let mut late = Batch::new(0);
    late.put(&old, b"k", 1, b"from before the reload");
    assert!(matches!(store.commit(late).unwrap_err().error, Error::Meaning { .. }));
    let mut drop_it = Batch::new(0);
    drop_it.put(&new, b"k", 1, b"v").seen(&new, b"e", 9);
    store.commit(drop_it).unwrap();
    let mut drop_it = Batch::new(0);
    drop_it.drop_namespace(new.name());
    store.commit(drop_it).unwrap();
    assert_eq!(reader.snapshot().unwrap().namespaces().unwrap(), []);
}

#[test]
fn state_is_walked_in_order_and_within_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let other = Namespace::new("other", [1; 32]);
    let mut batch = Batch::new(0);
    batch.adopt(&rule()).adopt(&other).put(&other, b"b", 1, b"not this one");
    for key in ["c", "a", "", "b", "bb"] {
        batch.put(&rule(), key.as_bytes(), 1, key.as_bytes());
    }
    batch.put(&rule(), b"gone", 1, b"").delete(&rule(), b"gone").delete(&rule(), b"never there");
    store.commit(batch).unwrap();
    let mut reader = store.reader().unwrap();
    let snapshot = reader.snapshot().unwrap();
    let cases = [
        (Bound::Unbounded, Bound::Unbounded, " a b bb c"),
        (Bound::Included("a"), Bound::Excluded("bb"), "a b"),
        (Bound::Excluded("a"), Bound::Included("bb"), "b bb"),
        (Bound::Excluded(""), Bound::Unbounded, "a b bb c"),
        (Bound::Unbounded, Bound::Excluded(""), ""),
    ];
    for (from, to, expected) in cases {
        let keys = (from.map(str::as_bytes), to.map(str::as_bytes));
        let mut found = Vec::new();
        let walk = snapshot.scan_state(&rule(), keys, |row| {
            found.push(String::from_utf8(row.key.to_vec()).unwrap());
            ControlFlow::Continue(())
        });
        walk.unwrap();
        assert_eq!(found.join(" "), expected, "{keys:?}");
    }
    let mut count = 0;
    let walk = snapshot.scan_state(&rule(), .., |_| {
        count += 1;
        if count == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    walk.unwrap();
    assert_eq!(count, 2);
}

#[test]
fn pages_go_through_all_findings_once_while_more_arrive() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut batch = Batch::new(0);
    for number in 0..97_i64 {
        let mut finding = finding(&format!("f{number}"), 0);
        finding.time_ms = number / 10; // ten at each time
        finding.severity = Severity::ALL[usize::try_from(number % 5).unwrap()];
        finding.rule = format!("rule-{}", number % 3);
        finding.account = format!("{}", number % 7);
        batch.finding(finding);
    }
    store.commit(batch).unwrap();
    let mut reader = store.reader().unwrap();
    let (mut after, mut found) = (None, Vec::new());
    loop {
        let page = reader.snapshot().unwrap().findings(&FindingFilter::default(), after, 10).unwrap();
        assert!(page.findings.len() == 10 || page.next.is_none());
        found.extend(page.findings.into_iter().map(|finding| (finding.time_ms, finding.id)));
        // A newer finding belongs on a page that was shown already.
        let mut batch = Batch::new(0);
        let mut newer = finding(&format!("newer-{}", found.len()), 0);
        newer.time_ms = 99;
        batch.finding(newer);
        store.commit(batch).unwrap();
        let Some(next) = page.next else { break };
        after = Some(next.to_string().parse().unwrap());
    }
    assert_eq!(found.len(), 97);
    assert!(found.is_sorted_by(|one, next| one.0 >= next.0), "newest first");
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 97);

    let snapshot = reader.snapshot().unwrap();
    let count = |filter: FindingFilter| snapshot.findings(&filter, None, 1_000).unwrap().findings.len();
    let all = FindingFilter { to_ms: Some(50), ..FindingFilter::default() };
    assert_eq!(count(all.clone()), 97);
    assert_eq!(count(FindingFilter { severity_min: Some(Severity::High), ..all.clone() }), 38);
    assert_eq!(count(FindingFilter { rule: Some("rule-0".into()), ..all.clone() }), 33);
    assert_eq!(count(FindingFilter { account: Some("6".into()), ..all.clone() }), 13);
    assert_eq!(count(FindingFilter { from_ms: Some(9), ..all.clone() }), 7);
    assert_eq!(count(FindingFilter { state: Some("resolved".into()), ..all }), 0);
}

#[test]
fn the_latest_revision_stands_for_a_finding_in_whatever_order_they_come() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for revision in [1, 0, 2, 1] {
        let mut batch = Batch::new(0);
        batch.finding(finding("f", revision));
        store.commit(batch).unwrap();
    }
    let mut reader = store.reader().unwrap();
    let snapshot = reader.snapshot().unwrap();
    let revisions = |replaced: bool| {
        let filter = FindingFilter { replaced, ..FindingFilter::default() };
        let mut page: Vec<u32> = snapshot
            .findings(&filter, None, 9)
            .unwrap()
            .findings
            .iter()
            .map(|finding| finding.revision)
            .collect();
        page.sort_unstable();
        page
    };
    assert_eq!(revisions(false), [2]);
    assert_eq!(revisions(true), [0, 1, 2]);
    let counts = snapshot.status().unwrap().findings;
    assert_eq!((counts.latest, counts.replaced, counts.created), ([0, 0, 0, 1, 0], 2, 3));
    assert!(counts.balanced());
}

#[test]
fn seeing_again_prolongs_and_never_shortens() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for (expires_ms, expected) in [(50, 50), (40, 50), (60, 60)] {
        let mut batch = Batch::new(0);
        batch.adopt(&rule()).seen(&rule(), b"e", expires_ms);
        store.commit(batch).unwrap();
        let mut found = Vec::new();
        let mut reader = store.reader().unwrap();
        let walk = reader.snapshot().unwrap().scan_seen(&rule(), |event, expires_ms| {
            found.push((event.to_vec(), expires_ms));
            ControlFlow::Continue(())
        });
        walk.unwrap();
        assert_eq!(found, [(b"e".to_vec(), expected)]);
    }
    let prune = |before| Prune { seen_before_ms: Some(before), ..Prune::default() };
    assert_eq!(store.commit(prune(60)).unwrap().seen, 0, "still within its time");
    assert_eq!(store.commit(prune(61)).unwrap().seen, 1);
}

#[test]
fn a_snapshot_shows_one_commit_for_as_long_as_it_lives() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut reader = store.reader().unwrap();
    let before = reader.snapshot().unwrap();
    let mut batch = Batch::new(0);
    batch.checkpoint("s", "p", b"1");
    store.commit(batch).unwrap();
    assert_eq!((before.commit(), before.checkpoints().unwrap().len()), (0, 0));
    drop(before);
    let after = reader.snapshot().unwrap();
    assert_eq!((after.commit(), after.checkpoints().unwrap().len()), (1, 1));
}

#[test]
fn a_full_queue_gives_the_work_back_and_a_closed_store_answers() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { queue_count_max: 2, ..sample::quick() };
    let store = Store::open(folder.path(), &options).unwrap();
    let hold = hold_writer(&store);
    let waiting = [store.submit(Batch::new(0)), store.submit(Batch::new(0))];
    let mut third = Batch::new(0);
    third.checkpoint("s", "p", b"1");
    let (third, then) = store.try_submit_then(third, |_| ()).unwrap_err();
    drop(hold);
    for ticket in waiting {
        ticket.wait().unwrap();
    }
    assert!(store.try_submit_then(third, then).is_ok(), "now there is room");
    store.close();
    let store = open(folder.path());
    assert!(
        store.reader().unwrap().snapshot().unwrap().checkpoint("s", "p").unwrap().is_some(),
        "closing writes it"
    );
}

/// A caller's panic must not leave others waiting for ever, nor let anything count as kept.
#[test]
fn when_a_callback_panics_everybody_hears_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let hold = hold_writer(&store);
    let panics = store.try_submit_then(Batch::new(0), |_| panic!("a callback that must not"));
    assert!(panics.is_ok());
    let waiting = store.submit(Batch::new(0));
    drop(hold);
    assert_eq!(waiting.wait().unwrap_err().error, Error::Stopped);
    assert_eq!(store.commit(Batch::new(0)).unwrap_err().error, Error::Stopped);
}

#[test]
fn retention_forgets_in_slices_what_is_settled_and_keeps_keys_longer() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut batch = Batch::new(10);
    for number in 0..25 {
        let id = format!("f{number}");
        batch.finding(finding(&id, 0)).deliver(key(&id, 0, "mail"), vec![7; 20_000], 10);
    }
    store.commit(batch.clone()).unwrap();
    // All but the last are delivered.
    let keys: Vec<_> = (0..24).map(|number| key(&format!("f{number}"), 0, "mail")).collect();
    let mut receipts = store::Receipts::new(20);
    for attempt in store.commit(store::Attempts::new(10, keys)).unwrap() {
        receipts.note(attempt.unwrap(), store::Outcome::Delivered { receipt: b"ok".to_vec(), handle: None });
    }
    store.commit(receipts).unwrap();

    let size = || store.reader().unwrap().snapshot().unwrap().status().unwrap().bytes;
    let full = size();
    let prune = Prune {
        findings_before_ms: Some(11),
        payloads_before_ms: Some(21),
        rows_max: 10,
        pages_max: 40,
        ..Prune::default()
    };
    let mut slices = Vec::new();
    loop {
        let pruned = store.commit(prune.clone()).unwrap();
        assert!(pruned.pages <= 40 && pruned.findings <= 10 && pruned.payloads <= 10);
        slices.push((pruned.findings, pruned.payloads));
        if !pruned.more {
            break;
        }
    }
    assert_eq!(slices[..3], [(10, 10), (10, 10), (4, 4)]);
    assert!(size() < full / 2, "{} of {full} bytes", size());
    let mut reader = store.reader().unwrap();
    let status = reader.snapshot().unwrap().status().unwrap();
    assert_eq!((status.findings.latest[3], status.findings.pruned, status.deliveries.delivered), (1, 24, 24));
    assert!(status.findings.balanced() && status.deliveries.balanced());

    assert_eq!(
        store.commit(batch).unwrap().deliveries,
        Added { created: 0, present: 25 },
        "the keys are there yet"
    );
    let keys = Prune { keys_before_ms: Some(21), ..Prune::default() };
    assert_eq!(store.commit(keys).unwrap().keys, 24);
    let status = reader.snapshot().unwrap().status().unwrap();
    assert_eq!((status.deliveries.pending, status.deliveries.pruned), (1, 24));
    assert!(status.deliveries.balanced());
}

#[test]
fn what_is_still_to_be_told_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut batch = Batch::new(1);
    for id in ["a", "ä\"\\", "b", "c"] {
        batch.finding(finding(id, 0)).finding(finding(id, 1));
    }
    store.commit(batch).unwrap();
    let kept: Vec<String> = ["ä\"\\", "c", "unknown"].map(str::to_owned).into();
    let prune = Prune { findings_before_ms: Some(2), findings_kept: kept.into(), ..Prune::default() };
    assert_eq!(store.commit(prune).unwrap().findings, 4);
    let mut reader = store.reader().unwrap();
    let snapshot = reader.snapshot().unwrap();
    let revisions = |id: &str| snapshot.finding(id).unwrap().len();
    assert_eq!(["a", "ä\"\\", "b", "c"].map(revisions), [0, 2, 0, 2]);
}

#[test]
fn every_way_to_open_works() {
    for durability in [Durability::PowerLoss, Durability::Crash] {
        for check in [Check::Beside, Check::Quick, Check::Full, Check::Skip] {
            let folder = tempfile::tempdir().unwrap();
            let options = Options { durability, check, ..Options::default() };
            for run in 1..=2 {
                let store = Store::open(&folder.path().join("made/on/the/way"), &options).unwrap();
                store.commit(Batch::new(0)).unwrap();
                assert_eq!(store.reader().unwrap().snapshot().unwrap().status().unwrap().run, run);
            }
        }
    }
}
