//! What was said of one key's sequences.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Sequence;
use crate::finding::State;
use crate::identity::{FindingId, Fingerprint};
use crate::window::event::Entry;
use crate::window::occurrence::{Occurrence, Subject};

/// One sequence that was said.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) id: FindingId,
    pub(super) from: i64,
    pub(super) end: i64,
    pub(super) revision: u32,
    pub(super) settled: bool,
    pub(super) resolved: bool,
    /// None any more once nothing can be said of it again.
    pub(super) events: Vec<Entry>,
    /// What is hashed of it while it stands; worked out anew after a restart.
    #[serde(skip)]
    pub(super) fingerprint: Option<Fingerprint>,
}

impl Told {
    pub(super) fn occurrence(&mut self, subject: Subject<'_>) -> Occurrence {
        let state = if self.resolved { State::Resolved } else { State::Firing };
        let window = (self.from, self.end);
        let fingerprint =
            *self.fingerprint.get_or_insert_with(|| subject.fingerprint(window, state, &self.events));
        let mut one = subject.occurrence_known_by(fingerprint, self.id, window, state, &self.events);
        (one.revision, one.settled) = (self.revision, self.settled);
        one
    }

    fn overlaps(&self, from: i64, end: i64) -> bool {
        self.from < end && self.end > from
    }
}

/// All that was said and may still change. Nothing was said of most keys, and those pay for a pointer.
#[derive(Debug, Clone, Default)]
pub(super) struct Said(Option<Box<Lists>>);

#[derive(Debug, Clone, Default)]
struct Lists {
    /// Said and not settled, by where they end.
    early: VecDeque<Told>,
    /// By where they begin.
    settled: VecDeque<Told>,
}

impl Said {
    pub(super) fn of(early: VecDeque<Told>, settled: VecDeque<Told>) -> Self {
        let empty = early.is_empty() && settled.is_empty();
        Said((!empty).then(|| Box::new(Lists { early, settled })))
    }

    /// Both lists, to be stored: the early, the settled.
    pub(super) fn into_lists(self) -> (VecDeque<Told>, VecDeque<Told>) {
        let lists = self.0.map(|lists| *lists).unwrap_or_default();
        (lists.early, lists.settled)
    }

    pub(super) fn put(&mut self, told: Told) {
        let lists = self.0.get_or_insert_default();
        let (list, order): (_, fn(&Told) -> i64) = if told.settled {
            (&mut lists.settled, |told| told.from)
        } else {
            (&mut lists.early, |told| told.end)
        };
        // Mostly it is the last.
        let at = match list.back() {
            Some(last) if order(last) > order(&told) => {
                list.partition_point(|other| order(other) <= order(&told))
            }
            _ => list.len(),
        };
        list.insert(at, told);
    }

    pub(super) fn has(&self, id: FindingId) -> bool {
        let lists = self.0.iter();
        lists.flat_map(|lists| lists.early.iter().chain(&lists.settled)).any(|told| told.id == id)
    }

    /// Takes out the early one that a settled one of this span takes over.
    pub(super) fn take_over(&mut self, from: i64, end: i64) -> Option<Told> {
        let early = &mut self.0.as_mut()?.early;
        // They are in the order of their ends, and those that ended before are settled.
        let at = early.iter().position(|told| told.overlaps(from, end))?;
        early.remove(at)
    }

    pub(super) fn first_early(&self) -> Option<&Told> {
        self.0.as_ref()?.early.front()
    }

    pub(super) fn first_settled(&self) -> Option<&Told> {
        self.0.as_ref()?.settled.front()
    }

    /// Takes out an early one that ended before a time.
    pub(super) fn take_ended(&mut self, before: i64) -> Option<Told> {
        self.0.as_mut()?.early.pop_front_if(|told| told.end < before)
    }

    /// The last settled one that overlaps.
    pub(super) fn over(&self, terms: &Sequence, told: &Told) -> Option<&Told> {
        let settled = &self.0.as_ref()?.settled;
        let first = first_that_may_hold(settled, terms, told.from);
        settled.range(first..).rfind(|other| other.overlaps(told.from, told.end))
    }

    /// The settled ones that may hold a time, or begin after it.
    pub(super) fn settled_since(&mut self, terms: &Sequence, time: i64) -> impl Iterator<Item = &mut Told> {
        self.0.iter_mut().flat_map(move |lists| {
            let first = first_that_may_hold(&lists.settled, terms, time);
            lists.settled.range_mut(first..)
        })
    }

    /// Forgets what nothing can revise any more, and the events of what is said no more.
    pub(super) fn forget(&mut self, terms: &Sequence, watermark: i64) {
        let Some(lists) = &mut self.0 else { return };
        while lists.settled.pop_front_if(|told| told.from.saturating_add(terms.keep) <= watermark).is_some() {
        }
        if lists.early.is_empty() && lists.settled.is_empty() {
            self.0 = None;
            return;
        }
        if terms.definition.then_not {
            // What must not follow may still come, for as long as the sequence is kept.
            return;
        }
        // An early one that is still to be said begins after this.
        let passed = first_that_may_hold(&lists.settled, terms, terms.since(watermark));
        let old = lists.settled.range_mut(..passed).rev();
        old.take_while(|told| !told.events.is_empty()).for_each(|told| told.events = Vec::new());
    }
}

/// The place of the first that may end after a time: none is longer than the span and a second.
fn first_that_may_hold(settled: &VecDeque<Told>, terms: &Sequence, time: i64) -> usize {
    let since = terms.since(time);
    // Mostly it is one of the last.
    match settled.iter().rev().take(4).position(|told| told.from < since) {
        Some(back) => settled.len() - back,
        None => settled.partition_point(|told| told.from < since),
    }
}
