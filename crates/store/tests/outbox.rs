//! The outbox beside a model of it that is too simple to be wrong.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls too")]

mod sample;

use std::collections::BTreeMap;

use proptest::prelude::*;
use sample::{audit, key, open};
use store::{
    Attempt, Attempts, Batch, DeadLetters, DeadLettersChanged, DeliveryKey, DeliveryState, Noted, Outcome,
    Prune, Receipts, StartRefusal, Store,
};

#[derive(Debug, Clone)]
enum Step {
    Create { key: DeliveryKey, due_in: i64 },
    Start { keys: Vec<DeliveryKey> },
    Delivered { attempt: usize },
    Failed { attempt: usize, due_in: i64 },
    GiveUp { attempt: usize },
    Retry { key: DeliveryKey },
    RetryTarget { target: &'static str },
    Discard { key: DeliveryKey },
    Prune { keys: bool },
    EndProcess,
    Wait,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    state: DeliveryState,
    due_ms: i64,
    changed_ms: i64,
    attempts: u32,
    in_round: u32,
    has_payload: bool,
}

fn keys() -> impl Strategy<Value = DeliveryKey> {
    (prop::sample::select(vec!["a", "b"]), 0..3_u32, prop::sample::select(vec!["x", "y"]))
        .prop_map(|(finding, revision, target)| key(finding, revision, target))
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (keys(), 0..3_i64).prop_map(|(key, due_in)| Step::Create { key, due_in }),
        4 => prop::collection::vec(keys(), 1..4).prop_map(|keys| Step::Start { keys }),
        2 => any::<usize>().prop_map(|attempt| Step::Delivered { attempt }),
        2 => (any::<usize>(), 0..3_i64).prop_map(|(attempt, due_in)| Step::Failed { attempt, due_in }),
        2 => any::<usize>().prop_map(|attempt| Step::GiveUp { attempt }),
        1 => keys().prop_map(|key| Step::Retry { key }),
        1 => prop::sample::select(vec!["x", "y"]).prop_map(|target| Step::RetryTarget { target }),
        1 => keys().prop_map(|key| Step::Discard { key }),
        1 => any::<bool>().prop_map(|keys| Step::Prune { keys }),
        1 => Just(Step::EndProcess),
        2 => Just(Step::Wait),
    ]
}

#[derive(Default)]
struct Model {
    now_ms: i64,
    entries: BTreeMap<DeliveryKey, Entry>,
    created: u64,
    pruned: u64,
}

impl Model {
    fn is_behind(&self, key: &DeliveryKey) -> bool {
        self.entries.iter().any(|(other, entry)| {
            (other.finding(), other.target()) == (key.finding(), key.target())
                && other.revision() < key.revision()
                && matches!(entry.state, DeliveryState::Pending | DeliveryState::Sending)
        })
    }

    fn start(&mut self, key: &DeliveryKey) -> Result<u32, StartRefusal> {
        let behind = self.is_behind(key);
        let now_ms = self.now_ms;
        let entry = self.entries.get_mut(key).ok_or(StartRefusal::Unknown)?;
        if entry.state != DeliveryState::Pending {
            return Err(StartRefusal::NotPending);
        }
        if entry.due_ms > now_ms {
            return Err(StartRefusal::NotDue);
        }
        if behind {
            return Err(StartRefusal::Behind);
        }
        entry.state = DeliveryState::Sending;
        entry.changed_ms = now_ms;
        entry.attempts += 1;
        entry.in_round += 1;
        Ok(entry.attempts)
    }

    fn due(&self) -> Vec<DeliveryKey> {
        let is_due = |entry: &Entry| entry.state == DeliveryState::Pending && entry.due_ms <= self.now_ms;
        let due = self.entries.iter().filter(|(key, entry)| is_due(entry) && !self.is_behind(key));
        due.map(|(key, _)| key.clone()).collect()
    }

    /// Changes the dead letters among `which` and says how many there were.
    fn dead(&mut self, which: impl Fn(&DeliveryKey) -> bool, to: DeliveryState) -> u64 {
        let now_ms = self.now_ms;
        let mut changed = 0;
        for (_, entry) in
            self.entries.iter_mut().filter(|(key, entry)| entry.state == DeliveryState::Dead && which(key))
        {
            entry.state = to;
            entry.changed_ms = now_ms;
            if to == DeliveryState::Pending {
                (entry.due_ms, entry.in_round) = (now_ms, 0);
            }
            changed += 1;
        }
        changed
    }
}

/// The store and the attempts that are under way in its process.
struct Process {
    folder: tempfile::TempDir,
    store: Option<Store>,
    attempts: Vec<Attempt>,
}

impl Process {
    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }
}

fn receipt(
    model: &mut Model,
    process: &mut Process,
    chosen: usize,
    outcome: Outcome,
    entry: impl FnOnce(&mut Entry),
) {
    if process.attempts.is_empty() {
        return;
    }
    let attempt = process.attempts.swap_remove(chosen % process.attempts.len());
    let key = attempt.key().clone();
    let number = attempt.number();
    let mut receipts = Receipts::new(model.now_ms);
    receipts.note(attempt, outcome);
    let noted = process.store().commit(receipts).unwrap();
    let current = model
        .entries
        .get_mut(&key)
        .filter(|entry| entry.state == DeliveryState::Sending && entry.attempts == number);
    match current {
        Some(current) => {
            current.changed_ms = model.now_ms;
            entry(current);
            assert_eq!(noted, Noted { noted: 1, stale: vec![] });
        }
        None => assert_eq!(noted, Noted { noted: 0, stale: vec![key] }),
    }
}

fn take(model: &mut Model, process: &mut Process, step: Step) {
    let now_ms = model.now_ms;
    match step {
        Step::Create { key, due_in } => {
            let mut batch = Batch::new(now_ms);
            batch.deliver(key.clone(), b"message".to_vec(), now_ms + due_in);
            let added = process.store().commit(batch).unwrap().deliveries;
            let is_new = !model.entries.contains_key(&key);
            assert_eq!((added.created, added.present), if is_new { (1, 0) } else { (0, 1) });
            model.created += added.created;
            model.entries.entry(key).or_insert(Entry {
                state: DeliveryState::Pending,
                due_ms: now_ms + due_in,
                changed_ms: now_ms,
                attempts: 0,
                in_round: 0,
                has_payload: true,
            });
        }
        Step::Start { keys } => {
            let started = process.store().commit(Attempts::new(now_ms, keys.clone())).unwrap();
            for (key, started) in keys.iter().zip(started) {
                let numbers = started.as_ref().map(Attempt::number).map_err(|refusal| *refusal);
                assert_eq!(numbers, model.start(key), "{key}");
                if let Ok(attempt) = &started {
                    assert_eq!(attempt.number_in_round(), model.entries[key].in_round);
                }
                process.attempts.extend(started);
            }
        }
        Step::Delivered { attempt } => {
            let outcome = Outcome::Delivered { receipt: b"ok".to_vec(), handle: None };
            receipt(model, process, attempt, outcome, |entry| entry.state = DeliveryState::Delivered);
        }
        Step::Failed { attempt, due_in } => {
            let outcome = Outcome::Failed { error: "no".into(), due_ms: now_ms + due_in };
            receipt(model, process, attempt, outcome, |entry| {
                (entry.state, entry.due_ms) = (DeliveryState::Pending, now_ms + due_in);
            });
        }
        Step::GiveUp { attempt } => {
            let outcome = Outcome::Dead { error: "never".into() };
            receipt(model, process, attempt, outcome, |entry| entry.state = DeliveryState::Dead);
        }
        Step::Retry { key } => {
            let mut act = DeadLetters::new(audit(now_ms));
            act.retry(key.clone(), now_ms);
            let retried = model.dead(|other| *other == key, DeliveryState::Pending);
            assert_eq!(process.store().commit(act).unwrap(), DeadLettersChanged { retried, discarded: 0 });
        }
        Step::RetryTarget { target } => {
            let mut act = DeadLetters::new(audit(now_ms));
            act.retry_target(target, now_ms);
            let retried = model.dead(|other| other.target() == target, DeliveryState::Pending);
            assert_eq!(process.store().commit(act).unwrap(), DeadLettersChanged { retried, discarded: 0 });
        }
        Step::Discard { key } => {
            let mut act = DeadLetters::new(audit(now_ms));
            act.discard(key.clone());
            let discarded = model.dead(|other| *other == key, DeliveryState::Discarded);
            assert_eq!(process.store().commit(act).unwrap(), DeadLettersChanged { retried: 0, discarded });
        }
        Step::Prune { keys } => {
            let before = Some(now_ms);
            let prune = Prune { payloads_before_ms: before, ..Prune::default() };
            let prune = if keys { Prune { keys_before_ms: before, ..prune } } else { prune };
            process.store().commit(prune).unwrap();
            let is_old = |entry: &Entry| {
                matches!(entry.state, DeliveryState::Delivered | DeliveryState::Discarded)
                    && entry.changed_ms < now_ms
            };
            for entry in model.entries.values_mut().filter(|entry| is_old(entry)) {
                entry.has_payload = false;
            }
            let before = model.entries.len();
            model.entries.retain(|_, entry| !(keys && is_old(entry)));
            model.pruned += (before - model.entries.len()) as u64;
        }
        Step::EndProcess => {
            process.store = None;
            process.store = Some(open(process.folder.path()));
            let mut interrupted = 0;
            for entry in model.entries.values_mut().filter(|entry| entry.state == DeliveryState::Sending) {
                entry.state = DeliveryState::Pending;
                interrupted += 1;
            }
            assert_eq!(process.store().interrupted(), interrupted);
            // The attempts stay, to show that a receipt for one of them changes nothing any more.
        }
        Step::Wait => model.now_ms += 1,
    }
}

fn compare(model: &Model, process: &Process) {
    let mut reader = process.store().reader().unwrap();
    let snapshot = reader.snapshot().unwrap();
    let mut found = BTreeMap::new();
    let mut errors = Vec::new();
    for state in DeliveryState::ALL {
        for delivery in snapshot.deliveries(state, 0, 100).unwrap() {
            assert_eq!(delivery.state, state);
            assert_eq!(
                delivery.receipt.is_some(),
                state == DeliveryState::Delivered && delivery.payload.is_some()
            );
            if state == DeliveryState::Dead {
                errors.push(delivery.error.clone());
            }
            let entry = Entry {
                state,
                due_ms: delivery.due_ms,
                changed_ms: delivery.changed_ms,
                attempts: delivery.attempts,
                in_round: delivery.attempts_in_round,
                has_payload: delivery.payload.is_some(),
            };
            found.insert(delivery.key, entry);
        }
    }
    assert_eq!(found, model.entries);
    assert!(errors.iter().all(|error| error.as_deref() == Some("never")));
    let mut due: Vec<_> = snapshot
        .due_deliveries(model.now_ms, None, 100)
        .unwrap()
        .into_iter()
        .map(|entry| entry.key)
        .collect();
    due.sort();
    assert_eq!(due, model.due());
    for target in ["x", "y"] {
        let to_one = snapshot.due_deliveries(model.now_ms, Some(target), 100).unwrap().len();
        assert_eq!(to_one, due.iter().filter(|key| key.target() == target).count());
    }
    let pending = model.entries.values().filter(|entry| entry.state == DeliveryState::Pending);
    assert_eq!(snapshot.next_due_ms().unwrap(), pending.map(|entry| entry.due_ms).min());
    let counts = snapshot.status().unwrap().deliveries;
    assert!(counts.balanced(), "{counts:?}");
    assert_eq!((counts.created, counts.pruned), (model.created, model.pruned));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn the_outbox_does_what_its_model_does(steps in prop::collection::vec(steps(), 1..50)) {
        let folder = tempfile::tempdir().unwrap();
        let store = Some(open(folder.path()));
        let mut process = Process { folder, store, attempts: Vec::new() };
        let mut model = Model::default();
        for step in steps {
            take(&mut model, &mut process, step);
            compare(&model, &process);
        }
    }
}

#[test]
fn retries_keep_their_delay_when_the_clock_was_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let hour = 3_600_000;
    let mut batch = Batch::new(10 * hour);
    // One that failed and is due in a minute, one that was never tried and is due at nine, one that is due already.
    batch.deliver(key("a", 0, "x"), b"m".to_vec(), 10 * hour);
    batch.deliver(key("b", 0, "x"), b"m".to_vec(), 19 * hour);
    batch.deliver(key("c", 0, "x"), b"m".to_vec(), hour);
    store.commit(batch).unwrap();
    let granted = store.commit(Attempts::new(10 * hour, [key("a", 0, "x")])).unwrap();
    let mut receipts = Receipts::new(10 * hour);
    for attempt in granted {
        let outcome = Outcome::Failed { error: "503".into(), due_ms: 10 * hour + 60_000 };
        receipts.note(attempt.unwrap(), outcome);
    }
    store.commit(receipts).unwrap();
    assert_eq!(store.commit(store::Rewind { now_ms: 10 * hour + 1 }).unwrap(), 0, "the clock went on");
    assert_eq!(store.commit(store::Rewind { now_ms: 2 * hour }).unwrap(), 1);
    let mut reader = store.reader().unwrap();
    let snapshot = reader.snapshot().unwrap();
    let pending = snapshot.deliveries(DeliveryState::Pending, 0, 10).unwrap();
    let due: Vec<i64> = pending.iter().map(|entry| entry.due_ms).collect();
    assert_eq!(due, [2 * hour + 60_000, 19 * hour, hour]);
    assert_eq!(snapshot.owed().unwrap(), [("x".to_owned(), 3)]);
}

/// What is forgotten on arrival leaves nothing but its counts, and may come again.
#[test]
fn what_is_forgotten_is_gone_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &store::Options::default()).unwrap();
    let key = DeliveryKey::new("events-1", 0, "forward.lake").unwrap();
    for round in 1..=2_u64 {
        let mut batch = Batch::new(0);
        batch.deliver(key.clone(), b"events".to_vec(), 0);
        assert_eq!(store.commit(batch).unwrap().deliveries.created, 1, "round {round}");
        let attempt = store.commit(Attempts::new(0, [key.clone()])).unwrap().remove(0).unwrap();
        let mut receipts = Receipts::new(0);
        receipts.note(attempt, Outcome::Forgotten).count("forward/lake/delivered", 3);
        assert_eq!(store.commit(receipts).unwrap(), Noted { noted: 1, stale: Vec::new() });
        let mut reader = store.reader().unwrap();
        let snapshot = reader.snapshot().unwrap();
        assert_eq!(snapshot.delivery(&key).unwrap(), None);
        let deliveries = snapshot.status().unwrap().deliveries;
        assert!(deliveries.balanced(), "{deliveries:?}");
        assert_eq!((deliveries.created, deliveries.pruned), (round, round));
        assert_eq!(snapshot.counters().unwrap(), [("forward/lake/delivered".to_owned(), 3 * round)]);
    }
}
