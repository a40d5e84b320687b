//! Values that are known, and when each was seen last: some forty bytes a value, and readable by many threads while one decides.
//!
//! ```text
//!  index      hash of a name ─▶ place             4 bytes a value and a byte of hash
//!  slots      place ─▶ name, last sighting        24 bytes, no pointer
//!  timetable  span of being forgotten ─▶ places   4 bytes
//! ```
//!
//! Most sightings are of values that are known, and all that such a sighting changes is when the value was seen last. That is a
//! maximum, so it may be noted by whoever meets the sighting first, in any order, without being told to the thread that decides
//! ([`Known::is_known`]): a sighting within `forget` of one that is known is known itself, and so is everything between the
//! two, whether it has arrived or not.
//!
//! Invariants: a value is in exactly one slot and once in the timetable, never after the time at which it is really forgotten;
//! the number of values is bounded, and at the bound the one that would be forgotten soonest is given up and counted. What is
//! forgotten is not known from that very moment on; it leaves the memory some time later.

use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::window::keyed::{RestoreError, StateChange, StoredRow};
use crate::window::slots::Slots;
use crate::window::timetable::Timetable;

/// What a value is called here: the first 128 bits of its SHA-256.
pub(crate) type ValueName = [u8; 16];

/// The letter before the name in a row's key.
const ROW: u8 = b's';
/// The format of a row: the last sighting in microseconds, in decimal digits.
const VERSION: u32 = 1;

/// The known values of one rule.
#[derive(Debug)]
pub(crate) struct Known {
    /// After how long without a sighting a value is forgotten, in microseconds.
    forget: i64,
    limit: usize,
    /// Whether changes will be asked for.
    durable: bool,
    table: RwLock<Table>,
    evicted: AtomicU64,
    /// What would be forgotten by this time is: it is still there, and not known.
    watermark: AtomicI64,
    /// Places whose last sighting has to be stored; may hold some that were stored or are free by now.
    changed: Mutex<Vec<u32>>,
}

#[derive(Debug)]
struct Table {
    index: HashTable<u32>,
    hasher: RandomState,
    slots: Slots<Slot>,
    free: Vec<u32>,
    due: Timetable,
    /// Values that went since the changes were last asked for.
    gone: Vec<ValueName>,
}

#[derive(Debug)]
struct Slot {
    name: ValueName,
    last: Last,
}

/// The last sighting, and whether it has to be stored.
#[derive(Debug)]
struct Last(AtomicI64);

impl Last {
    /// Half of the range of times: year 144,000 and further.
    const MOST: i64 = i64::MAX >> 1;

    fn new(time: i64, changed: bool) -> Self {
        Last(AtomicI64::new(Self::packed(time, changed)))
    }

    fn packed(time: i64, changed: bool) -> i64 {
        (time.clamp(-Self::MOST, Self::MOST) << 1) | i64::from(changed)
    }

    fn time(&self) -> i64 {
        self.0.load(Ordering::Acquire) >> 1
    }

    /// Moves on to `time` if that is later; says whether it has to be put on the list of what changed.
    fn see(&self, time: i64, durable: bool) -> bool {
        let later = |packed: i64| (packed >> 1 < time).then(|| Self::packed(time, durable));
        let before = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, later);
        durable && before.is_ok_and(|before| before & 1 == 0)
    }

    /// The time if it has to be stored, which it then has not any more.
    fn take_changed(&self) -> Option<i64> {
        let before = self.0.fetch_and(!1, Ordering::AcqRel);
        (before & 1 == 1).then_some(before >> 1)
    }
}

impl Known {
    pub(crate) fn new(forget: i64, limit: usize, durable: bool) -> Self {
        let table = Table {
            index: HashTable::new(),
            hasher: RandomState::default(),
            slots: Slots::new(),
            free: Vec::new(),
            // Few enough spans that even a value that is seen alone for days costs no list of its own.
            due: Timetable::new((forget / 4_096).max(1_000_000)),
            gone: Vec::new(),
        };
        let limit = limit.clamp(1, u32::MAX as usize);
        Known {
            forget,
            limit,
            durable,
            table: RwLock::new(table),
            evicted: AtomicU64::new(0),
            watermark: AtomicI64::new(i64::MIN),
            changed: Mutex::default(),
        }
    }

    /// Whether a sighting at `time` is of a known value. Then it is noted.
    pub(crate) fn is_known(&self, name: &ValueName, time: i64) -> bool {
        self.meet(name, time).is_ok()
    }

    /// Notes a sighting of a known value.
    ///
    /// # Errors
    ///
    /// When it is not known: then it is not noted, and told when the value was seen last if that is not forgotten.
    pub(crate) fn meet(&self, name: &ValueName, time: i64) -> Result<(), Option<i64>> {
        let table = self.read();
        let Some((place, slot)) = table.find(name) else { return Err(None) };
        let seen = slot.last.time();
        if self.is_forgotten(seen) {
            return Err(None);
        }
        if time <= seen {
            return Ok(());
        }
        if time.saturating_sub(seen) >= self.forget {
            return Err(Some(seen));
        }
        if slot.last.see(time, self.durable) {
            self.changed().push(place);
        }
        Ok(())
    }

    /// When a value was seen last, if it is known.
    pub(crate) fn seen(&self, name: &ValueName) -> Option<i64> {
        let seen = self.read().find(name)?.1.last.time();
        (!self.is_forgotten(seen)).then_some(seen)
    }

    fn is_forgotten(&self, seen: i64) -> bool {
        seen.saturating_add(self.forget) <= self.watermark.load(Ordering::Relaxed)
    }

    /// Takes note that a value was seen, known before or not.
    pub(crate) fn note(&self, name: &ValueName, time: i64) {
        let mut table = self.write();
        if let Some((place, slot)) = table.find(name) {
            if slot.last.see(time, self.durable) {
                self.changed().push(place);
            }
            return;
        }
        while table.index.len() >= self.limit {
            match table.give_up_one(self.forget, self.durable) {
                Some(given_up) => self.count_evicted(u64::from(given_up)),
                None => break,
            }
        }
        if let Some(place) = table.put(*name, Last::new(time, self.durable), self.forget)
            && self.durable
        {
            self.changed().push(place);
        }
    }

    /// Forgets what was not seen for long enough by the watermark.
    pub(crate) fn forget(&self, watermark: i64) {
        self.watermark.store(watermark, Ordering::Relaxed);
        if self.read().due.first().is_none_or(|due| due > watermark) {
            return;
        }
        let mut table = self.write();
        let mut places = table.due.take_ended(watermark);
        places.sort_unstable();
        for place in places {
            let Some(slot) = table.slots.get(place) else { continue };
            let forgotten = slot.last.time().saturating_add(self.forget);
            if forgotten <= watermark {
                table.remove(place, self.durable);
            } else {
                let tie = tie(&slot.name);
                table.due.push(forgotten, place, || tie);
            }
        }
    }

    /// How many values are known, those among them that were forgotten just now.
    pub(crate) fn len(&self) -> usize {
        self.read().index.len()
    }

    /// How many were given up because there were too many.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// What has to be stored since the last time.
    pub(crate) fn changes(&self) -> Vec<StateChange> {
        let mut table = self.write();
        let (mut places, mut gone) = (std::mem::take(&mut *self.changed()), std::mem::take(&mut table.gone));
        places.sort_unstable();
        places.dedup();
        // What went and came again is written after it is deleted.
        gone.sort_unstable();
        gone.dedup();
        let mut changes: Vec<StateChange> =
            gone.iter().map(|name| StateChange { key: row(name), value: None }).collect();
        let first = changes.len();
        for place in places {
            let Some(slot) = table.slots.get(place) else { continue };
            let Some(time) = slot.last.take_changed() else { continue };
            let value = time.to_string().into_bytes();
            changes.push(StateChange { key: row(&slot.name), value: Some((VERSION, value)) });
        }
        if let Some(written) = changes.get_mut(first..) {
            written.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        }
        changes
    }

    /// Takes a stored row, if it is one of these.
    pub(crate) fn restore(&self, (key, version, value): StoredRow<'_>) -> Result<(), RestoreError> {
        let Some(name) = key.strip_prefix(&[ROW]).and_then(|name| ValueName::try_from(name).ok()) else {
            return Ok(());
        };
        if version > VERSION {
            return Err(RestoreError::Version { version });
        }
        let time = serde_json::from_slice(value).map_err(|source| {
            let key = String::from_utf8_lossy(key).into_owned();
            RestoreError::Damaged { key, source }
        })?;
        self.write().put(name, Last::new(time, false), self.forget);
        Ok(())
    }

    /// Counts values that were given up, before a restart or now.
    pub(crate) fn count_evicted(&self, evicted: u64) {
        self.evicted.fetch_add(evicted, Ordering::Relaxed);
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) -> MutexGuard<'_, Vec<u32>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn find(&self, name: &ValueName) -> Option<(u32, &Slot)> {
        let is_it = |place: &u32| self.slots.get(*place).is_some_and(|slot| slot.name == *name);
        let place = *self.index.find(self.hasher.hash_one(name), is_it)?;
        Some((place, self.slots.get(place)?))
    }

    /// Puts in a value that is not in.
    fn put(&mut self, name: ValueName, last: Last, forget: i64) -> Option<u32> {
        let due = last.time().saturating_add(forget);
        let slot = Slot { name, last };
        let place = match self.free.pop() {
            Some(place) => {
                *self.slots.get_mut(place)? = slot;
                place
            }
            None => self.slots.push(slot)?,
        };
        let Table { index, hasher, slots, .. } = self;
        let rehash = |place: &u32| slots.get(*place).map_or(0, |slot| hasher.hash_one(slot.name));
        index.insert_unique(hasher.hash_one(name), place, rehash);
        self.due.push(due, place, || tie(&name));
        Some(place)
    }

    /// Gives up the value that would be forgotten soonest, or else moves it on because it was seen since, and says which; none if
    /// there is no value.
    fn give_up_one(&mut self, forget: i64, durable: bool) -> Option<bool> {
        let slots = &self.slots;
        let forgotten = |slot: &Slot| slot.last.time().saturating_add(forget);
        let order = |place: u32| slots.get(place).map(|slot| (forgotten(slot), tie(&slot.name)));
        let (due, place) = self.due.pop_first(order, true)?;
        let slot = slots.get(place)?;
        let (really, tie) = (forgotten(slot), tie(&slot.name));
        if really > due {
            self.due.push(really, place, || tie);
            return Some(false);
        }
        self.remove(place, durable);
        Some(true)
    }

    /// Takes out a value that has left the timetable.
    fn remove(&mut self, place: u32, durable: bool) {
        let Some(slot) = self.slots.get_mut(place) else { return };
        if let Ok(entry) = self.index.find_entry(self.hasher.hash_one(slot.name), |other| *other == place) {
            entry.remove();
        }
        if durable {
            self.gone.push(slot.name);
        }
        // Nothing of it is to be stored any more.
        slot.last = Last::new(i64::MIN, false);
        self.free.push(place);
    }
}

/// What orders values that are forgotten at one time: not their places, which a restart changes.
fn tie(name: &ValueName) -> u32 {
    let [a, b, c, d, ..] = *name;
    u32::from_be_bytes([a, b, c, d])
}

fn row(name: &ValueName) -> Vec<u8> {
    let mut row = Vec::with_capacity(name.len() + 1);
    row.push(ROW);
    row.extend_from_slice(name);
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn name(n: u8) -> ValueName {
        let mut name = [7; 16];
        (name[0], name[15]) = (n, n);
        name
    }

    #[test]
    fn a_value_is_known_until_it_is_forgotten() {
        let known = Known::new(HOUR, 10, true);
        assert!(!known.is_known(&name(1), 0));
        known.note(&name(1), 5 * HOUR);
        for (time, wanted) in [(0, true), (5 * HOUR, true), (6 * HOUR, false), (6 * HOUR - 1, true)] {
            assert_eq!(known.is_known(&name(1), time), wanted, "{time}");
        }
        known.forget(6 * HOUR);
        assert_eq!(known.seen(&name(1)), Some(6 * HOUR - 1), "it was seen since");
        known.forget(7 * HOUR - 2);
        assert_eq!(known.seen(&name(1)), Some(6 * HOUR - 1));
        known.forget(7 * HOUR);
        assert_eq!(known.seen(&name(1)), None);
        known.forget(8 * HOUR);
        assert_eq!((known.len(), known.evicted()), (0, 0), "and it has left the memory");
    }

    #[test]
    fn changes_go_to_storage_and_back() {
        let known = Known::new(HOUR, 10, true);
        (0..3).for_each(|n| known.note(&name(n), i64::from(n)));
        assert_eq!(known.changes().len(), 3);
        assert!(known.is_known(&name(2), 9));
        assert!(known.is_known(&name(2), 8), "an earlier sighting changes nothing");
        let changes = known.changes();
        assert_eq!(changes.len(), 1);
        let again = Known::new(HOUR, 10, true);
        for StateChange { key, value } in changes {
            let (version, value) = value.unwrap();
            again.restore((&key, version, &value)).unwrap();
        }
        again.restore((b"kx", 1, b"{}")).unwrap();
        assert_eq!((again.seen(&name(2)), again.len()), (Some(9), 1));
        assert!(again.changes().is_empty());
        let damaged = again.restore((&row(&name(1)), 1, b"x")).unwrap_err();
        assert!(damaged.to_string().contains("is damaged"), "{damaged}");
        let later = again.restore((&row(&name(1)), 2, b"1")).unwrap_err();
        assert!(later.to_string().contains("a later version"), "{later}");
    }

    #[test]
    fn at_the_limit_the_one_that_would_be_forgotten_soonest_goes() {
        let known = Known::new(HOUR, 3, true);
        for n in 1..=3 {
            known.note(&name(n), i64::from(n) * 60_000_000);
        }
        assert!(known.is_known(&name(1), 10 * 60_000_000));
        known.note(&name(4), 5 * 60_000_000);
        assert_eq!((known.len(), known.evicted(), known.seen(&name(2))), (3, 1, None));
        let rows = known.changes();
        assert_eq!(rows.iter().filter(|change| change.value.is_none()).count(), 1);
    }

    #[test]
    fn threads_that_note_sightings_agree_on_the_last_one() {
        let known = Known::new(HOUR, 10, true);
        known.note(&name(1), 0);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let known = &known;
                scope.spawn(move || {
                    (0..1_000).for_each(|n| assert!(known.is_known(&name(1), n * 4 + thread)));
                });
            }
        });
        assert_eq!(known.seen(&name(1)), Some(3_999));
        assert_eq!(known.changes().len(), 1);
    }

    #[test]
    fn a_slot_is_small() {
        assert!(size_of::<Slot>() <= 24, "{}", size_of::<Slot>());
    }
}
