//! One way to feed every kind, and the two properties that are the same for all.

use std::collections::{BTreeMap, BTreeSet};

use cloudtrail::{EventId, EventTime};
use decide::{
    Bounds, Kind, Occurrence, Part, RecordHandle, Signal, StoredRow, Taken, Watermark, WindowKey, Windows,
};
use proptest::prelude::*;

pub(crate) fn at(seconds: i64) -> EventTime {
    EventTime::from_micros(seconds * 1_000_000)
}

/// An event that happened at some second; `n` tells events of one second apart.
pub(crate) fn signal(seconds: i64, n: u32, key: &str) -> Signal {
    Signal {
        rule: 0,
        time: at(seconds),
        event: EventId::Uuid(u128::from(n) << 64 | u128::from(seconds.unsigned_abs())),
        severity: rules::Severity::Low,
        key: WindowKey::of([key]),
        part: Part::Event,
        record: RecordHandle(u64::from(n)),
    }
}

/// Up to a thousand keys, whose changes are asked for.
pub(crate) const BOUNDS: Bounds = Bounds { keys_max: 1_000, durable: true };

pub(crate) type Rows = BTreeMap<Vec<u8>, (u32, Vec<u8>)>;

pub(crate) fn stored(rows: &Rows) -> impl Iterator<Item = StoredRow<'_>> {
    rows.iter().map(|(key, (version, value))| (&key[..], *version, &value[..]))
}

/// What a reader of revisions ends up with: the last word on each id.
pub(crate) fn last_words(said: &[Occurrence]) -> BTreeMap<String, Occurrence> {
    let mut last = BTreeMap::new();
    for one in said {
        if let Some(before) = last.insert(one.id.clone(), one.clone()) {
            assert!(before.revision < one.revision, "revisions count up: {before:?} then {one:?}");
        } else {
            assert_eq!(one.revision, 0, "what was never said before is revision 0: {one:?}");
        }
    }
    last
}

pub(crate) fn settled(said: &[Occurrence]) -> BTreeSet<String> {
    let last = last_words(said);
    assert!(last.values().all(|one| one.settled), "all is settled in the end");
    last.into_values().map(|one| one.fingerprint).collect()
}

/// Events in order, each followed by its watermark.
pub(crate) fn in_order<K: Kind>(kind: K, inputs: &[Signal]) -> Vec<Occurrence> {
    let mut inputs = inputs.to_vec();
    inputs.sort_by_key(|input| (input.time, input.event.clone()));
    let (mut windows, mut said) = (Windows::new(kind, BOUNDS), Vec::new());
    for input in &inputs {
        windows.advance(Watermark::at(input.time), &mut said);
        windows.take(input, &mut said);
    }
    windows.finish(&mut said);
    said
}

/// Events as they arrive, each after its delay of at most `lateness` seconds; the watermark follows as it may.
pub(crate) fn delayed<K: Kind>(kind: K, inputs: &[(Signal, i64)], lateness: i64) -> Vec<Occurrence> {
    let (mut windows, mut said) = (Windows::new(kind, BOUNDS), Vec::new());
    for (input, arrival) in arrivals(inputs) {
        windows.advance(Watermark::at(at(arrival - lateness)), &mut said);
        assert_ne!(windows.take(&input, &mut said), Taken::Late);
    }
    windows.finish(&mut said);
    said
}

/// The same, but the state goes through storage at some arrivals.
pub(crate) fn interrupted<K: Kind>(
    kind: impl Fn() -> K,
    inputs: &[(Signal, i64)],
    lateness: i64,
    stops: &BTreeSet<usize>,
) -> Vec<Occurrence> {
    let (mut windows, mut said, mut rows) = (Windows::new(kind(), BOUNDS), Vec::new(), Rows::new());
    for (n, (input, arrival)) in arrivals(inputs).into_iter().enumerate() {
        if stops.contains(&n) {
            for change in windows.changes() {
                match change.value {
                    Some(value) => rows.insert(change.key, value),
                    None => rows.remove(&change.key),
                };
            }
            windows = Windows::restore(kind(), BOUNDS, stored(&rows)).unwrap();
        }
        windows.advance(Watermark::at(at(arrival - lateness)), &mut said);
        windows.take(&input, &mut said);
    }
    windows.finish(&mut said);
    said
}

fn arrivals(inputs: &[(Signal, i64)]) -> Vec<(Signal, i64)> {
    let mut arrivals: Vec<_> =
        inputs.iter().map(|(input, delay)| (input.clone(), input.time.as_seconds() + delay)).collect();
    arrivals.sort_by_key(|(_, arrival)| *arrival);
    arrivals
}

pub(crate) fn stops() -> impl Strategy<Value = BTreeSet<usize>> {
    prop::collection::btree_set(0_usize..60, 0..6)
}
