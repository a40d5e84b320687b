//! State by key: bounded, with a time at which each key wants attention, and a list of what changed.
//!
//! ```text
//!  index      hash of a key ─▶ place                 4 bytes a key and a byte of hash
//!  slots      place ─▶ key, time, state              blocks of memory, no node of a tree
//!  timetable  second ─▶ places                       4 bytes a key; may hold places that no longer count
//! ```
//!
//! Invariants: each key's place is in the timetable at the key's time; that time is never after the one at which the key really
//! has something to do, but may be before it, so that most signals leave the timetable alone. A place that stands at another time
//! than its slot's own does not count. At the limit the key that is due first makes room, which is counted: it is the one whose
//! state would have ended soonest. Nothing that is said depends on places, so going on from stored state says the same as going on.
//!
//! The index is hashed with a seed of its own: keys are an attacker's to choose, and without one they could be made to collide. What
//! orders ties has none, so that two runs over the same data give up the same keys.

use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use rustc_hash::FxHasher;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::window::slots::Slots;
use crate::window::timetable::Timetable;

/// How many keys a rule keeps unless it says otherwise.
pub const KEYS_MAX: usize = 1_000_000;

/// The format of the values in [`StateChange`].
const VERSION: u32 = 1;
/// The row that is about the whole rule; rows of keys begin with another letter.
const RULE_ROW: &[u8] = b"r";
const KEY_ROW: u8 = b'k';

/// One value to be stored under a key, in the rule's own namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// Where.
    pub key: Vec<u8>,
    /// The format of the value and the value; none to delete it.
    pub value: Option<(u32, Vec<u8>)>,
}

/// One stored value: its key, the format of the value, the value.
pub type StoredRow<'r> = (&'r [u8], u32, &'r [u8]);

/// Stored state that cannot be gone on from.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Written by a later version.
    #[error(
        "state of format {version} was written by a later version: this one knows formats up to {VERSION}"
    )]
    Version {
        /// The format found.
        version: u32,
    },
    /// Not what was written.
    #[error("the state under key `{key}` is damaged: {source}")]
    Damaged {
        /// Under which key, as text as far as it is text.
        key: String,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// When a key wants attention next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// At this time, in microseconds, if not before.
    By(i64),
    /// Nothing is left of it.
    Never,
}

#[derive(Debug, Clone)]
pub(crate) struct Keys<S> {
    index: HashTable<u32>,
    hasher: RandomState,
    slots: Slots<Slot<S>>,
    /// Places of slots that are empty.
    free: Vec<u32>,
    due: Timetable,
    /// Places of keys that changed since the last [`Keys::changes`].
    changed: Vec<u32>,
    /// Keys that went since then.
    gone: Vec<Box<[u8]>>,
    limit: usize,
    durable: bool,
    evicted: u64,
    /// How many events went with them of which nothing had come yet, by `pending`.
    lost: u64,
    pending: fn(&S) -> u64,
}

#[derive(Debug, Clone)]
struct Slot<S> {
    key: Box<[u8]>,
    due: i64,
    /// Of the key: so that the index grows without a look at all keys.
    hash: u32,
    changed: bool,
    /// None while the slot is free.
    state: Option<S>,
}

impl<S> Slot<S> {
    /// When it is due; none if nothing is in it.
    fn time(&self) -> Option<i64> {
        self.state.as_ref().map(|_| self.due)
    }

    /// When it is due, and what orders it among others due then; none if nothing is in it.
    fn order(&self) -> Option<(i64, u32)> {
        self.time().map(|due| (due, tie(&self.key)))
    }
}

/// Half of a hash, spread over all bits again.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Seconds: CloudTrail's own grain.
const SPAN: i64 = 1_000_000;

/// A slot as it is stored.
#[derive(Serialize)]
struct Written<'s, S> {
    due: i64,
    state: &'s S,
}

#[derive(Deserialize)]
struct Read<S> {
    due: i64,
    state: S,
}

/// What orders keys that are due at one time.
fn tie(key: &[u8]) -> u32 {
    let mut hasher = FxHasher::default();
    hasher.write(key);
    (hasher.finish() >> 32) as u32
}

impl<S: Serialize + DeserializeOwned> Keys<S> {
    /// `durable` says that changes will be asked for; else they are not collected.
    /// `pending` says of how many events in a key's state nothing has come yet.
    pub(crate) fn new(limit: usize, durable: bool, pending: fn(&S) -> u64) -> Self {
        Keys {
            index: HashTable::new(),
            hasher: RandomState::default(),
            slots: Slots::new(),
            free: Vec::new(),
            due: Timetable::new(SPAN),
            changed: Vec::new(),
            gone: Vec::new(),
            limit: limit.clamp(1, u32::MAX as usize),
            durable,
            evicted: 0,
            lost: 0,
            pending,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many events were lost with the keys that were.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&S> {
        let place = self.place(self.hash(key), key)?;
        self.slot(place)?.state.as_ref()
    }

    /// Changes a key's state in place; `create` makes it where there is none.
    pub(crate) fn with<R>(
        &mut self,
        key: &[u8],
        create: impl FnOnce() -> S,
        act: impl FnOnce(&mut S) -> (R, Due),
    ) -> R {
        let hash = self.hash(key);
        let Some(place) = self.place(hash, key) else {
            let mut state = create();
            let (result, due) = act(&mut state);
            if let Due::By(time) = due {
                self.put(hash, key, state, time);
            }
            return result;
        };
        let durable = self.durable;
        let Some(slot) = self.slots.get_mut(place) else { return act(&mut create()).0 };
        let (result, due) = act(slot.state.get_or_insert_with(create));
        if durable && !slot.changed {
            slot.changed = true;
            self.changed.push(place);
        }
        match due {
            Due::By(time) => {
                if time < slot.due {
                    let moves = !self.due.is_together(time, slot.due);
                    slot.due = time;
                    self.due.hasten(time, place, moves, || tie(key));
                }
            }
            Due::Never => self.remove(place),
        }
        result
    }

    /// Has every key looked at that is due by `now`, once, in the order of memory: whoever says something of them puts that in
    /// order, by the time that `act` is told and by key. `act` says when it is due again.
    pub(crate) fn settle_due(&mut self, now: i64, mut act: impl FnMut(i64, &[u8], &mut S) -> Due) {
        if self.next_due().is_none_or(|due| due > now) {
            return;
        }
        let slots = &self.slots;
        let time = |place: u32| slots.get(place).and_then(Slot::time);
        let tie = |place: u32| slots.get(place).map_or(0, |slot| tie(&slot.key));
        let mut places = self.due.take(now, time, tie);
        places.sort_unstable();
        places.dedup();
        for place in places {
            // One that was put off, or is another key's now, stands at its own time too.
            if self.slot(place).is_some_and(|slot| slot.state.is_some() && slot.due <= now) {
                self.settle(place, &mut act);
            }
        }
    }

    fn settle(&mut self, place: u32, act: impl FnOnce(i64, &[u8], &mut S) -> Due) {
        let Some(slot) = self.slots.get_mut(place) else { return };
        let Some(state) = &mut slot.state else { return };
        let due = act(slot.due, &slot.key, state);
        if self.durable && !slot.changed {
            slot.changed = true;
            self.changed.push(place);
        }
        match due {
            Due::By(time) => {
                slot.due = time;
                self.due.push(time, place, || tie(&slot.key));
            }
            Due::Never => self.remove(place),
        }
    }

    /// The earliest time at which a key may want attention.
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.due.first()
    }

    fn hash(&self, key: &[u8]) -> u32 {
        (self.hasher.hash_one(key) >> 32) as u32
    }

    fn place(&self, hash: u32, key: &[u8]) -> Option<u32> {
        let is_it =
            |place: &u32| self.slot(*place).is_some_and(|slot| slot.hash == hash && *slot.key == *key);
        self.index.find(spread(hash), is_it).copied()
    }

    fn slot(&self, place: u32) -> Option<&Slot<S>> {
        self.slots.get(place)
    }

    /// Puts in a key that is not in.
    fn put(&mut self, hash: u32, key: &[u8], state: S, due: i64) {
        while self.index.len() >= self.limit {
            let slots = &self.slots;
            let first = self.due.pop_first(|place| slots.get(place)?.order(), false);
            let Some((time, place)) = first else { break };
            let state = self.slot(place).filter(|slot| slot.due == time).and_then(|slot| slot.state.as_ref());
            if let Some(lost) = state.map(self.pending) {
                self.evicted += 1;
                self.lost += lost;
                self.remove(place);
            }
        }
        let slot = Slot { key: key.into(), due, hash, changed: self.durable, state: Some(state) };
        let place = match self.free.pop() {
            Some(place) => {
                if let Some(free) = self.slots.get_mut(place) {
                    *free = slot;
                }
                place
            }
            None => match self.slots.push(slot) {
                Some(place) => place,
                None => return,
            },
        };
        // The index itself would go through the slots in its own order, which is none to the memory.
        if self.index.len() == self.index.capacity() && self.slots.len() / 4 <= self.index.len() {
            self.grow_index(place);
        }
        let slots = &self.slots;
        let rehash = |place: &u32| slots.get(*place).map_or(0, |slot| spread(slot.hash));
        self.index.insert_unique(spread(hash), place, rehash);
        self.due.push(due, place, || tie(key));
        if self.durable {
            self.changed.push(place);
        }
    }

    /// Makes the index anew, slot by slot and with room for more, before `newest` is put in.
    fn grow_index(&mut self, newest: u32) {
        let mut index = HashTable::with_capacity((self.index.len() + 1).saturating_mul(2));
        for (place, slot) in self.slots.iter() {
            if slot.state.is_some() && place != newest {
                index.insert_unique(spread(slot.hash), place, |_| 0);
            }
        }
        self.index = index;
    }

    fn remove(&mut self, place: u32) {
        if let Some(slot) = self.slots.get_mut(place) {
            if let Ok(entry) = self.index.find_entry(spread(slot.hash), |other| *other == place) {
                entry.remove();
            }
            slot.state = None;
            let key = std::mem::take(&mut slot.key);
            if self.durable {
                self.gone.push(key);
            }
            self.free.push(place);
        }
    }

    /// What has to be stored since the last time: the rule's own row, and each changed key's.
    pub(crate) fn changes(&mut self, rule: &impl Serialize) -> Vec<StateChange> {
        let (changed, mut gone) = (std::mem::take(&mut self.changed), std::mem::take(&mut self.gone));
        if changed.is_empty() && gone.is_empty() {
            return Vec::new();
        }
        let mut changes = Vec::with_capacity(changed.len() + gone.len() + 1);
        changes.push(StateChange {
            key: RULE_ROW.to_vec(),
            value: Some((VERSION, written(&(self.evicted, self.lost, rule)))),
        });
        // What went and came again is written after it is deleted.
        gone.sort_unstable();
        gone.dedup();
        changes.extend(gone.iter().map(|key| StateChange { key: row(key), value: None }));
        let first = changes.len();
        for place in changed {
            let Some(slot) = self.slots.get_mut(place) else { continue };
            let Some(state) = slot.state.as_ref().filter(|_| slot.changed) else { continue };
            let value = written(&Written { due: slot.due, state });
            slot.changed = false;
            changes.push(StateChange { key: row(&slot.key), value: Some((VERSION, value)) });
        }
        if let Some(written) = changes.get_mut(first..) {
            written.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        }
        changes
    }

    /// From all that is stored, and the rule's own row, if there is one.
    pub(crate) fn restore<'r, R: DeserializeOwned>(
        limit: usize,
        durable: bool,
        pending: fn(&S) -> u64,
        rows: impl IntoIterator<Item = StoredRow<'r>>,
    ) -> Result<(Self, Option<R>), RestoreError> {
        let mut keys = Keys::new(limit, false, pending);
        let mut rule = None;
        let (mut evicted, mut lost) = (0, 0);
        for (row, version, value) in rows {
            if version > VERSION {
                return Err(RestoreError::Version { version });
            }
            let damaged =
                |source| RestoreError::Damaged { key: String::from_utf8_lossy(row).into_owned(), source };
            if row == RULE_ROW {
                let own: (u64, u64, R) = serde_json::from_slice(value).map_err(damaged)?;
                (evicted, lost, rule) = (own.0, own.1, Some(own.2));
            } else if let Some(key) = row.strip_prefix(&[KEY_ROW]) {
                let slot: Read<S> = serde_json::from_slice(value).map_err(damaged)?;
                keys.put(keys.hash(key), key, slot.state, slot.due);
            }
        }
        keys.durable = durable;
        keys.evicted += evicted;
        keys.lost += lost;
        Ok((keys, rule))
    }
}

fn row(key: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(key.len() + 1);
    row.push(KEY_ROW);
    row.extend_from_slice(key);
    row
}

/// State is made of numbers, texts and lists, none of which JSON refuses.
fn written(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
