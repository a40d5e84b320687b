//! The events of one key that sequences may be made of, column by column.
//!
//! ```text
//!  times  marks  ids
//!  8      2      40 bytes      in the order of time, then event, then step
//! ```
//!
//! Events are kept for as long as a late one may still complete them, a day and more, and hardly one of them is ever looked at again. So what
//! a look needs, the time and which step it is and who has it, stands by itself, and a look through hundreds of events reads a few lines of
//! memory; what identifies an event is read for those only that are said.
//!
//! Invariant: the columns are equally long; the first `gone` of each have left and wait to be moved out together.

use rules::Severity;
use serde::{Deserialize, Serialize};

use crate::window::event::{Entry, StoredId, insert};

/// Up to how many events that have left may wait without need.
const GONE_MIN: usize = 32;

/// The step an event is, and whether a sequence has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Mark(u16);

impl Mark {
    /// A settled sequence has the event.
    pub(super) const USED: u16 = 1 << 8;
    /// An early one has it: the next early one is made of others.
    pub(super) const CLAIMED: u16 = 1 << 9;
    /// An occurrence has its id from it.
    pub(super) const MINTED: u16 = 1 << 10;

    pub(super) fn of_step(step: u8) -> Self {
        Mark(u16::from(step))
    }

    pub(super) fn step(self) -> u8 {
        self.0.to_le_bytes()[0]
    }

    pub(super) fn is(self, what: u16) -> bool {
        self.0 & what != 0
    }

    /// No sequence has it.
    pub(super) fn is_free(self) -> bool {
        !self.is(Mark::USED | Mark::CLAIMED)
    }
}

/// What identifies an event, beside its time.
#[derive(Debug, Clone)]
struct Id {
    event: StoredId,
    record: u64,
    severity: Severity,
}

/// The events of one key.
#[derive(Debug, Clone, Default)]
pub(super) struct Events {
    times: Vec<i64>,
    marks: Vec<Mark>,
    ids: Vec<Id>,
    gone: usize,
    /// How many events of each step no sequence has; counted when somebody asks.
    free: Option<Box<[u16; 64]>>,
}

impl Events {
    /// From what was stored: as many marks as events.
    pub(super) fn of(events: Vec<Entry>, marks: Vec<Mark>) -> Self {
        let times = events.iter().map(|one| one.time).collect();
        let id = |one: Entry| Id { event: one.event, record: one.record, severity: one.severity };
        Events { times, marks, ids: events.into_iter().map(id).collect(), gone: 0, free: None }
    }

    /// All of them, to be stored.
    pub(super) fn entries(&self) -> Vec<Entry> {
        (0..self.len()).filter_map(|at| self.entry(at)).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.times.len() - self.gone
    }

    pub(super) fn times(&self) -> &[i64] {
        self.times.get(self.gone..).unwrap_or_default()
    }

    pub(super) fn marks(&self) -> &[Mark] {
        self.marks.get(self.gone..).unwrap_or_default()
    }

    pub(super) fn time(&self, at: usize) -> Option<i64> {
        self.times().get(at).copied()
    }

    pub(super) fn entry(&self, at: usize) -> Option<Entry> {
        let (time, id) = (self.time(at)?, self.ids.get(self.gone + at)?);
        Some(Entry { time, event: id.event.clone(), value: 0, record: id.record, severity: id.severity })
    }

    /// What orders an event among others; all steps of it alike.
    pub(super) fn order(&self, at: usize) -> Option<(i64, &StoredId)> {
        Some((self.time(at)?, &self.ids.get(self.gone + at)?.event))
    }

    /// The place of the first event at or after a time.
    pub(super) fn first_from(&self, time: i64) -> usize {
        self.times().partition_point(|one| *one < time)
    }

    /// The place of the first event at or after a time that the one at `near` is not before: mostly it is that one.
    pub(super) fn first_from_near(&self, time: i64, near: usize) -> usize {
        let before = self.times().get(..near).unwrap_or_default();
        match before.iter().rev().take(8).position(|one| *one < time) {
            Some(back) => near - back,
            None => before.partition_point(|one| *one < time),
        }
    }

    /// Where an event stands as a step, or would.
    pub(super) fn search(&self, order: (i64, &StoredId), step: u8) -> Result<usize, usize> {
        // Most signals come in order.
        let last = self.len().checked_sub(1);
        match last.and_then(|last| self.time(last)) {
            Some(last) if last >= order.0 => {}
            _ => return Err(self.len()),
        }
        let mut at = self.first_of(order);
        while self.order(at) == Some(order) {
            match self.marks().get(at) {
                Some(mark) if mark.step() < step => at += 1,
                Some(mark) if mark.step() == step => return Ok(at),
                _ => break,
            }
        }
        Err(at)
    }

    /// Where an event stands as its first step, or would.
    pub(super) fn first_of(&self, order: (i64, &StoredId)) -> usize {
        // Mostly it came just now, or not long ago.
        let newest = self.times().iter().rev().take_while(|time| **time >= order.0).take(8).count();
        let mut at = self.len() - newest;
        if newest == 8 {
            at = self.first_from(order.0);
        }
        while self.order(at).is_some_and(|other| other < order) {
            at += 1;
        }
        at
    }

    pub(super) fn insert(&mut self, at: usize, entry: Entry, step: u8) {
        let at = self.gone + at;
        insert(&mut self.times, at, entry.time);
        insert(&mut self.marks, at, Mark::of_step(step));
        let id = Id { event: entry.event, record: entry.record, severity: entry.severity };
        insert(&mut self.ids, at, id);
        self.count_free(step, 1);
    }

    /// Marks an event.
    pub(super) fn mark(&mut self, at: usize, what: u16) {
        let Some(mark) = self.marks.get_mut(self.gone + at) else { return };
        let (step, was_free) = (mark.step(), mark.is_free());
        mark.0 |= what;
        if was_free && !mark.is_free() {
            self.count_free(step, -1);
        }
    }

    /// Lets the first so many leave.
    pub(super) fn leave(&mut self, count: usize) {
        let left = self.gone..self.gone + count.min(self.len());
        if let Some(free) = &mut self.free {
            let marks = self.marks.get(left.clone()).unwrap_or_default().iter();
            for mark in marks.filter(|mark| mark.is_free()) {
                if let Some(count) = free.get_mut(usize::from(mark.step())) {
                    *count = count.saturating_sub(1);
                }
            }
        }
        self.gone = left.end;
        // Now and then, because those behind them are moved.
        if self.gone >= GONE_MIN && self.gone >= self.len() {
            self.move_out();
        }
    }

    fn move_out(&mut self) {
        self.times.drain(..self.gone);
        self.marks.drain(..self.gone);
        self.ids.drain(..self.gone);
        self.gone = 0;
        if self.times.len() * 4 < self.times.capacity() {
            self.times.shrink_to_fit();
            self.marks.shrink_to_fit();
            self.ids.shrink_to_fit();
        }
    }

    /// Forgets those that settled sequences have.
    pub(super) fn forget_used(&mut self) {
        self.move_out();
        self.free = None;
        let used: Vec<bool> = self.marks.iter().map(|mark| mark.is(Mark::USED)).collect();
        let kept = |used: bool| !used;
        let mut flags = used.iter().copied().map(kept);
        self.times.retain(|_| flags.next().unwrap_or(true));
        let mut flags = used.iter().copied().map(kept);
        self.ids.retain(|_| flags.next().unwrap_or(true));
        self.marks.retain(|mark| !mark.is(Mark::USED));
    }

    /// How many events of each step no sequence has.
    pub(super) fn free_by_step(&mut self) -> &[u16; 64] {
        let marks = self.marks.get(self.gone..).unwrap_or_default();
        self.free.get_or_insert_with(|| {
            let mut free = Box::new([0; 64]);
            for mark in marks.iter().filter(|mark| mark.is_free()) {
                if let Some(count) = free.get_mut(usize::from(mark.step())) {
                    *count += 1;
                }
            }
            free
        })
    }

    fn count_free(&mut self, step: u8, change: i16) {
        if let Some(count) = self.free.as_mut().and_then(|free| free.get_mut(usize::from(step))) {
            *count = count.saturating_add_signed(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(time: i64, id: u8) -> Entry {
        Entry { time, event: StoredId::Uuid([id; 16]), value: 0, record: 0, severity: Severity::Low }
    }

    proptest! {
        /// Against a plain sorted list, events leaving in between.
        #[test]
        fn it_is_a_sorted_list(steps in prop::collection::vec((0_i64..40, 0_u8..4, 0_u8..3, 0_u8..6), 1..200)) {
            let (mut events, mut plain) = (Events::default(), Vec::<(i64, u8, u8)>::new());
            for (time, id, step, what) in steps {
                if what == 0 {
                    let count = plain.len() / 2;
                    events.leave(count);
                    plain.drain(..count);
                } else if what == 1 && events.len() > 2 {
                    events.mark(1, Mark::USED);
                    events.mark(0, Mark::CLAIMED);
                    events.forget_used();
                    plain.remove(1);
                } else {
                    let (new, wanted) = (entry(time, id), plain.binary_search(&(time, id, step)));
                    let found = events.search(new.order(), step);
                    prop_assert_eq!(found, wanted);
                    if let Err(at) = found {
                        events.insert(at, new, step);
                        plain.insert(at, (time, id, step));
                    }
                }
                prop_assert_eq!(events.len(), plain.len());
                for (at, (time, id, step)) in plain.iter().enumerate() {
                    prop_assert_eq!(events.entry(at), Some(entry(*time, *id)));
                    prop_assert_eq!(events.marks()[at].step(), *step);
                }
                let free = *events.free_by_step();
                let counted = events.marks().iter().filter(|mark| mark.is_free()).count();
                prop_assert_eq!(free.iter().map(|count| usize::from(*count)).sum::<usize>(), counted);
            }
        }
    }
}
