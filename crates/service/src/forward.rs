//! Events that go on to a target as they are, beside being decided on.
//!
//! Events that a pattern matches are put together, as many as come in one commit but no more than a batch holds, and lie in the outbox like findings:
//! in lanes of their own, so that they never stand before a finding. They are there before their source is told that they were taken, so
//! whatever happens each reaches the target at least once. A batch that has arrived is forgotten; a source that brings its events again, because
//! the service was killed between commit and acknowledgement, makes a target see them twice, with the same `id`.
//!
//! Invariant: what waits is bounded. Where a lane has [`BACKLOG_MAX`] batches waiting, either its sources wait too, or events are left out and
//! counted, as the configuration says.

use std::collections::BTreeMap;
use std::sync::Arc;

use event_pattern::Pattern;
use jiff::{SignedDuration, Timestamp};
use route::TargetName;
use sha2::{Digest, Sha256};
use store::{Batch, DeliveryKey, Reader};

use crate::parcel::pack_events;

/// How many batches may wait for one target.
pub const BACKLOG_MAX: u64 = 10_000;
/// How many events a batch holds at most, and how many bytes of them.
const BATCH_EVENTS: usize = 500;
const BATCH_BYTES: usize = 256 * 1024;
/// How often it is looked how much waits.
const LOOK: SignedDuration = SignedDuration::from_millis(500);
/// What a lane's name begins with; no target's does.
pub const LANE: &str = "forward.";

/// Which events go on, and where.
#[derive(Debug, Default)]
pub struct Forwards {
    pub(crate) patterns: Vec<ForwardPattern>,
    pub(crate) lanes: Vec<ForwardLane>,
}

/// Events that go on.
#[derive(Debug, Clone)]
pub struct ForwardPattern {
    /// Which.
    pub pattern: Arc<Pattern>,
    /// Their lanes, by place.
    pub lanes: Vec<usize>,
}

/// Where events go on to.
#[derive(Debug, Clone)]
pub struct ForwardLane {
    /// The name of the lane: [`LANE`] and that of the target.
    pub name: TargetName,
    /// The largest event that the target takes, in bytes.
    pub event_max: usize,
    /// Whether sources wait when too much waits for it; otherwise events are left out.
    pub waits: bool,
}

impl Forwards {
    /// All of them.
    #[must_use]
    pub fn new(patterns: Vec<ForwardPattern>, lanes: Vec<ForwardLane>) -> Self {
        Forwards { patterns, lanes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// The lanes of an event that these patterns match, each once.
    pub(crate) fn lanes_of(&self, patterns: impl Iterator<Item = usize>) -> Vec<usize> {
        let mut lanes: Vec<usize> = patterns
            .filter_map(|place| self.patterns.get(place))
            .flat_map(|pattern| pattern.lanes.iter().copied())
            .collect();
        lanes.sort_unstable();
        lanes.dedup();
        lanes
    }
}

/// The target of a lane, for people.
pub(crate) fn target_of(lane: &str) -> &str {
    lane.strip_prefix(LANE).unwrap_or(lane)
}

/// An event that goes on.
#[derive(Debug)]
pub(crate) struct Forwarded {
    /// Its place among the events of its part.
    pub(crate) event: usize,
    /// Its lanes, by place in the program's.
    pub(crate) lanes: Vec<usize>,
    /// As EventBridge delivers it.
    pub(crate) text: String,
}

/// Events that wait for the store batch they are in to be filled.
#[derive(Debug, Default)]
pub(crate) struct Gathered(BTreeMap<TargetName, (Vec<String>, usize)>);

/// What was put into a batch.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Put {
    pub(crate) deliveries: u64,
    pub(crate) bytes: usize,
}

impl Gathered {
    /// Adds an event for a lane.
    pub(crate) fn add(&mut self, lane: &ForwardLane, text: &str, now: Timestamp, batch: &mut Batch) -> Put {
        let name = target_of(lane.name.as_str());
        if text.len() > lane.event_max {
            batch.count(&format!("forward/{name}/too-large"), 1);
            return Put::default();
        }
        batch.count(&format!("forward/{name}/queued"), 1);
        let (texts, bytes) = self.0.entry(lane.name.clone()).or_default();
        let mut put = Put::default();
        if texts.len() >= BATCH_EVENTS || *bytes + text.len() > BATCH_BYTES {
            put = pack(&lane.name, texts, now, batch);
            texts.clear();
            *bytes = 0;
        }
        *bytes += text.len() + 1;
        texts.push(text.to_owned());
        put
    }

    /// Puts what has been gathered into the outbox.
    pub(crate) fn flush(&mut self, now: Timestamp, batch: &mut Batch) -> Put {
        let mut all = Put::default();
        for (lane, (texts, _)) in std::mem::take(&mut self.0) {
            let put = pack(&lane, &texts, now, batch);
            all.deliveries += put.deliveries;
            all.bytes += put.bytes;
        }
        all
    }
}

fn pack(lane: &TargetName, texts: &[String], now: Timestamp, batch: &mut Batch) -> Put {
    if texts.is_empty() {
        return Put::default();
    }
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    let hash =
        hash.finalize().iter().take(16).fold("events-".to_owned(), |id, byte| id + &format!("{byte:02x}"));
    // An id without a colon, and a lane that has a name.
    let Ok(key) = DeliveryKey::new(hash, 0, lane.as_str()) else { return Put::default() };
    let payload = pack_events(texts);
    let put = Put { deliveries: 1, bytes: payload.len() };
    batch.deliver(key, payload, now.as_millisecond());
    put
}

/// How much waits.
pub(crate) struct Backlog {
    reader: Reader,
    waiting: BTreeMap<String, u64>,
    looked: Option<Timestamp>,
}

impl Backlog {
    pub(crate) fn new(reader: Reader) -> Self {
        Backlog { reader, waiting: BTreeMap::new(), looked: None }
    }

    /// Whether as much waits for a lane as may. As it was a moment ago: a few batches more harm nobody.
    pub(crate) fn is_full(&mut self, lane: &ForwardLane, now: Timestamp) -> Result<bool, store::Error> {
        let fresh = |looked: Timestamp| (looked..=looked.saturating_add(LOOK).unwrap_or(now)).contains(&now);
        if !self.looked.is_some_and(fresh) {
            self.waiting = self.reader.snapshot()?.owed()?.into_iter().collect();
            self.looked = Some(now);
        }
        Ok(self.waiting.get(lane.name.as_str()).is_some_and(|waiting| *waiting >= BACKLOG_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(name: &str, event_max: usize) -> ForwardLane {
        ForwardLane { name: TargetName::new(name).unwrap(), event_max, waits: true }
    }

    #[test]
    fn batches_are_bounded_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let store = store::Store::open(folder.path(), &store::Options::default()).unwrap();
        let (mut gathered, mut batch) = (Gathered::default(), Batch::new(0));
        let lake = lane("forward.lake", 1_000);
        let mut bytes = 0;
        for number in 0..1_201 {
            bytes +=
                gathered.add(&lake, &format!("{{\"id\":{number}}}"), Timestamp::UNIX_EPOCH, &mut batch).bytes;
        }
        gathered.add(&lake, &"x".repeat(1_001), Timestamp::UNIX_EPOCH, &mut batch);
        bytes += gathered.flush(Timestamp::UNIX_EPOCH, &mut batch).bytes;
        store.commit(batch).unwrap();
        let mut reader = store.reader().unwrap();
        let snapshot = reader.snapshot().unwrap();
        assert_eq!(snapshot.owed().unwrap(), [("forward.lake".to_owned(), 3)]);
        let due = snapshot.due_deliveries(0, Some("forward.lake"), 10).unwrap();
        let payloads: Vec<Vec<u8>> = due.into_iter().filter_map(|entry| entry.payload).collect();
        assert_eq!(payloads.iter().map(Vec::len).sum::<usize>(), bytes);
        let events: usize = payloads
            .iter()
            .map(|payload| crate::parcel::unpack_events(payload).unwrap().unwrap().len())
            .sum();
        assert_eq!(events, 1_201);
        let counters = snapshot.counters().unwrap();
        assert_eq!(
            counters,
            [("forward/lake/queued".to_owned(), 1_201), ("forward/lake/too-large".to_owned(), 1)]
        );
    }

    #[test]
    fn an_event_goes_to_each_lane_once() {
        let pattern = |lanes: &[usize]| ForwardPattern {
            pattern: Arc::new(Pattern::parse(r#"{"source": ["a"]}"#).unwrap()),
            lanes: lanes.to_vec(),
        };
        let forwards = Forwards::new(vec![pattern(&[1, 0]), pattern(&[1])], Vec::new());
        assert_eq!(forwards.lanes_of([0, 1].into_iter()), [0, 1]);
        assert_eq!(forwards.lanes_of([1, 7].into_iter()), [1]);
    }
}
