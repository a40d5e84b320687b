//! One way to feed every kind, and the two properties that are the same for all.

use std::collections::{BTreeMap, BTreeSet};

use cloudtrail::{EventId, EventTime};
use decide::{KeyedSignal, LaneId, Occurrence, RecordHandle, StateChange, Taken, WindowKey};
use proptest::prelude::*;

pub(crate) fn at(seconds: i64) -> EventTime {
    EventTime::from_micros(seconds * 1_000_000)
}

/// An event that happened at some second; `n` tells events of one second apart.
pub(crate) fn signal(seconds: i64, n: u32, key: &str) -> KeyedSignal {
    KeyedSignal {
        time: at(seconds),
        event: EventId::Uuid(u128::from(n) << 64 | u128::from(seconds.unsigned_abs())),
        key: WindowKey::of([key]),
        distinct: None,
        record: RecordHandle(u64::from(n)),
        lane: LaneId(0),
    }
}

/// A rule of any kind. `Input` is its signal: sequences also say which step.
pub(crate) trait Kind: Sized {
    type Input: Clone;
    fn take(&mut self, input: &Self::Input, said: &mut Vec<Occurrence>) -> Taken;
    fn advance(&mut self, to: EventTime, said: &mut Vec<Occurrence>);
    fn finish(&mut self, said: &mut Vec<Occurrence>);
    fn changes(&mut self) -> Vec<StateChange>;
    fn reopened(&self, rows: &Rows) -> Self;
    fn signal(input: &Self::Input) -> &KeyedSignal;
}

pub(crate) type Rows = BTreeMap<Vec<u8>, (u32, Vec<u8>)>;

pub(crate) fn stored(rows: &Rows) -> impl Iterator<Item = (&[u8], u32, &[u8])> {
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
pub(crate) fn in_order<K: Kind>(mut kind: K, inputs: &[K::Input]) -> Vec<Occurrence> {
    let mut inputs = inputs.to_vec();
    inputs.sort_by_key(order::<K>);
    let mut said = Vec::new();
    for input in &inputs {
        kind.advance(K::signal(input).time, &mut said);
        kind.take(input, &mut said);
    }
    kind.finish(&mut said);
    said
}

/// Events as they arrive, each after its delay of at most `lateness` seconds; the watermark follows as it may.
pub(crate) fn delayed<K: Kind>(mut kind: K, inputs: &[(K::Input, i64)], lateness: i64) -> Vec<Occurrence> {
    let mut said = Vec::new();
    for (input, arrival) in arrivals::<K>(inputs) {
        kind.advance(at(arrival - lateness), &mut said);
        assert_ne!(kind.take(&input, &mut said), Taken::Late);
    }
    kind.finish(&mut said);
    said
}

/// The same, but the state goes through storage at some arrivals.
pub(crate) fn interrupted<K: Kind>(
    mut kind: K,
    inputs: &[(K::Input, i64)],
    lateness: i64,
    stops: &BTreeSet<usize>,
) -> Vec<Occurrence> {
    let (mut said, mut rows) = (Vec::new(), Rows::new());
    for (n, (input, arrival)) in arrivals::<K>(inputs).into_iter().enumerate() {
        if stops.contains(&n) {
            for change in kind.changes() {
                match change.value {
                    Some(value) => rows.insert(change.key, value),
                    None => rows.remove(&change.key),
                };
            }
            kind = kind.reopened(&rows);
        }
        kind.advance(at(arrival - lateness), &mut said);
        kind.take(&input, &mut said);
    }
    kind.finish(&mut said);
    said
}

fn order<K: Kind>(input: &K::Input) -> (EventTime, EventId) {
    (K::signal(input).time, K::signal(input).event.clone())
}

fn arrivals<K: Kind>(inputs: &[(K::Input, i64)]) -> Vec<(K::Input, i64)> {
    let mut arrivals: Vec<_> = inputs
        .iter()
        .map(|(input, delay)| (input.clone(), K::signal(input).time.as_seconds() + delay))
        .collect();
    arrivals.sort_by_key(|(_, arrival)| *arrival);
    arrivals
}

pub(crate) fn stops() -> impl Strategy<Value = BTreeSet<usize>> {
    prop::collection::btree_set(0_usize..60, 0..6)
}
