//! The texts of records that rules may still ask for: kept with the state that refers to them, and forgotten behind the watermark.
//!
//! A finding carries its first records, and a window may settle long after they came. So the text of a record that a window holds
//! on to is stored in the transaction in which it was decided on, under a number that never comes again.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use cloudtrail::EventTime;
use decide::{RecordHandle, SourceClass};
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use store::{Batch, Namespace, Reader, Snapshot};

/// The namespace's name: with a full stop in it, as no rule's id has.
const NAME: &str = "trailhound.records";
/// The format of a row: a line of JSON about the record, and its text.
const VERSION: u32 = 1;

/// A record as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// By which way it came.
    pub(crate) class: SourceClass,
    /// When it was received.
    pub(crate) received: Timestamp,
    /// When it happened, in microseconds: of a record that does not say so, what was taken for it.
    pub(crate) time: i64,
    /// Up to which event time it may be asked for, in microseconds.
    keep: i64,
    #[serde(skip)]
    pub(crate) text: Vec<u8>,
}

/// All records that may still be asked for.
#[derive(Debug)]
pub(crate) struct Records {
    namespace: Namespace,
    /// Those of the batch that is being filled, or on its way: they cannot be read back yet.
    fresh: FxHashMap<u64, Record>,
    /// Numbers of the batch on its way.
    flying: Vec<u64>,
    /// Which may be forgotten when, of those in the store.
    expiring: BTreeMap<(i64, u64), ()>,
    next: u64,
}

impl Records {
    /// Those that are in the store.
    pub(crate) fn open(snapshot: &Snapshot<'_>) -> Result<Self, store::Error> {
        let namespace = Namespace::new(NAME, [0; 32]);
        let (mut expiring, mut next) = (BTreeMap::new(), 0);
        snapshot.scan_state(&namespace, .., |row| {
            if let (Ok(key), Some(record)) = (<[u8; 8]>::try_from(row.key), read(row.value)) {
                let number = u64::from_be_bytes(key);
                expiring.insert((record.keep, number), ());
                next = next.max(number + 1);
            }
            ControlFlow::Continue(())
        })?;
        Ok(Records { namespace, fresh: FxHashMap::default(), flying: Vec::new(), expiring, next })
    }

    pub(crate) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The number of the next record.
    pub(crate) fn next_handle(&self) -> RecordHandle {
        RecordHandle(self.next)
    }

    /// Takes a record under that number. With `keep`, it is stored until the watermark has passed that time.
    pub(crate) fn take(
        &mut self,
        text: Vec<u8>,
        class: SourceClass,
        received: Timestamp,
        time: EventTime,
        keep: Option<EventTime>,
        batch: &mut Batch,
    ) {
        let number = self.next;
        self.next += 1;
        let record = Record {
            class,
            received,
            time: time.as_micros(),
            keep: keep.map_or(i64::MIN, EventTime::as_micros),
            text,
        };
        if keep.is_some() {
            // A map of numbers and names.
            let mut value = serde_json::to_vec(&record).unwrap_or_default();
            value.push(b'\n');
            value.extend_from_slice(&record.text);
            batch.put(&self.namespace, &number.to_be_bytes(), VERSION, &value);
            self.expiring.insert((record.keep, number), ());
        }
        self.fresh.insert(number, record);
    }

    /// The record behind a number, if it is still there.
    pub(crate) fn get(
        &self,
        handle: RecordHandle,
        reader: &mut Reader,
    ) -> Result<Option<Record>, store::Error> {
        if let Some(record) = self.fresh.get(&handle.0) {
            return Ok(Some(record.clone()));
        }
        let stored = reader.snapshot()?.state(&self.namespace, &handle.0.to_be_bytes())?;
        Ok(stored.and_then(|stored| read(&stored.value)))
    }

    /// The batch is on its way: what it holds is needed here until it has arrived.
    pub(crate) fn submitted(&mut self) {
        self.flying = self.fresh.keys().copied().collect();
    }

    /// The batch that was on its way is in the store.
    pub(crate) fn committed(&mut self) {
        for number in self.flying.drain(..) {
            self.fresh.remove(&number);
        }
    }

    /// Forgets what the watermark has passed, some at a time.
    pub(crate) fn forget(&mut self, watermark: EventTime, batch: &mut Batch) -> bool {
        let mut forgot = false;
        for _ in 0..1_000 {
            let Some(entry) = self.expiring.first_entry() else { break };
            let (keep, number) = *entry.key();
            if keep >= watermark.as_micros() {
                break;
            }
            entry.remove();
            batch.delete(&self.namespace, &number.to_be_bytes());
            forgot = true;
        }
        forgot
    }
}

fn read(value: &[u8]) -> Option<Record> {
    let end = value.iter().position(|byte| *byte == b'\n')?;
    let (about, text) = value.split_at_checked(end)?;
    let mut record: Record = serde_json::from_slice(about).ok()?;
    record.text = text.get(1..)?.to_vec();
    Some(record)
}
