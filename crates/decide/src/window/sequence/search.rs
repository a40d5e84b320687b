//! Finding the events that make a sequence.

use super::events::{Events, Mark};
use super::{SECOND, Sequence};

/// Up to how many events every start is tried for an early occurrence; beyond, only the last that can lead to the end.
const TRIED_MAX: usize = 64;

impl Events {
    /// Whether a busy key has no event to spare for a step other than this one: then a look through them all is in vain.
    fn lacks_a_step(&mut self, terms: &Sequence, step: u8) -> bool {
        if self.len() <= TRIED_MAX {
            return false;
        }
        let steps = self.free_by_step().iter().take(usize::from(terms.steps)).enumerate();
        steps.into_iter().any(|(at, count)| *count == 0 && at != usize::from(step))
    }

    /// The first steps since a time that no sequence has, in order; none if there are too many to try each.
    fn free_starts(&mut self, since: i64) -> Option<Vec<usize>> {
        // Nearly all events of a busy key are another's, and the few that are not came last: with all of them found the rest is not
        // looked through.
        let all = if self.len() > TRIED_MAX { usize::from(self.free_by_step()[0]) } else { TRIED_MAX };
        let mut starts = Vec::new();
        for (at, mark) in self.marks().iter().enumerate().rev() {
            let is_start = mark.step() == 0 && mark.is_free();
            // Times are far away in memory, and one in many tells when to stop.
            let is_old = || self.time(at).is_none_or(|one| one < since);
            if starts.len() == all || ((is_start || at % TRIED_MAX == 0) && is_old()) {
                break;
            }
            if is_start {
                if starts.len() == TRIED_MAX {
                    return None;
                }
                starts.push(at);
            }
        }
        starts.reverse();
        Some(starts)
    }

    /// A complete sequence of events no other has, around a new event.
    pub(super) fn early_with(&mut self, terms: &Sequence, step: u8, time: i64) -> Option<Vec<usize>> {
        if self.lacks_a_step(terms, step) {
            return None;
        }
        // An event of each step must be there; mostly one is not.
        let (wanted, mut seen) = ((1_u64 << terms.steps) - 1, 1_u64 << step);
        let complete = self.marks().iter().rposition(|mark| {
            if mark.is_free() {
                seen |= 1 << mark.step().min(63);
            }
            seen & wanted == wanted
        })?;
        let since = terms.since(time);
        if self.time(complete).is_none_or(|one| one < since) {
            return None;
        }
        let taken = Mark::USED | Mark::CLAIMED;
        if let Some(starts) = self.free_starts(since) {
            let has_new = |found: &Vec<usize>| {
                found.iter().any(|at| {
                    self.time(*at) == Some(time)
                        && self.marks().get(*at).is_some_and(|mark| mark.step() == step)
                })
            };
            return starts.into_iter().find_map(|at| self.complete(terms, at, taken).filter(has_new));
        }
        let first = self.first_from(since);
        let recent = self.marks().get(first..).unwrap_or_default();
        let free = |(at, mark): (usize, &Mark)| mark.is_free().then_some((first + at, mark.step()));
        // One pass: the latest start from which each step was reached.
        let mut reached = vec![None; usize::from(terms.steps)];
        for (at, step) in recent.iter().enumerate().filter_map(free) {
            let Some(time) = self.time(at) else { break };
            let from = if step == 0 {
                Some(at)
            } else {
                let before = reached.get(usize::from(step) - 1).copied().flatten();
                before.filter(|start: &usize| {
                    self.time(*start).is_some_and(|one| time < one.saturating_add(terms.within))
                })
            };
            if let Some(place) = reached.get_mut(usize::from(step)) {
                *place = from.or(*place);
            }
        }
        let start = reached.last().copied().flatten()?;
        self.complete(terms, start, taken)
    }

    /// The events of the sequence that begins with `start`, if it comes to its end without those that are `taken`.
    pub(super) fn complete(&self, terms: &Sequence, start: usize, taken: u16) -> Option<Vec<usize>> {
        let begin = self.time(start)?;
        let mut found = Vec::new();
        let mut before = (start, begin);
        for step in 1..=terms.last_step() {
            let next = self.next(terms, step, (start, begin), &found, before, taken);
            if step == terms.steps {
                return next.is_none().then(|| in_all(start, found));
            }
            before = next?;
            found.push(before.0);
        }
        Some(in_all(start, found))
    }

    /// Of those that are under way at the last event, and that no sequence has, the one that came farthest, the latest among equals: when
    /// it began, and its events, with the one that must not follow if that did.
    pub(super) fn farthest(&self, terms: &Sequence) -> Option<(i64, Vec<usize>)> {
        let last = self.times().last()?;
        let first = self.first_from(last.saturating_sub(terms.within).saturating_add(1));
        let starts = (first..self.len()).rev();
        let starts =
            starts.filter(|at| self.marks().get(*at).is_some_and(|mark| mark.step() == 0 && mark.is_free()));
        let mut best: Option<(i64, Vec<usize>)> = None;
        for start in starts.take(TRIED_MAX) {
            let Some(begin) = self.time(start) else { continue };
            let (mut found, mut before) = (Vec::new(), (start, begin));
            for step in 1..=terms.last_step() {
                let taken = Mark::USED | Mark::CLAIMED;
                let Some(next) = self.next(terms, step, (start, begin), &found, before, taken) else { break };
                before = next;
                found.push(next.0);
            }
            if best.as_ref().is_none_or(|(_, others)| found.len() + 1 > others.len()) {
                best = Some((begin, in_all(start, found)));
            }
        }
        best
    }

    /// The earliest event that may be this step of a sequence, with its time.
    fn next(
        &self,
        terms: &Sequence,
        step: u8,
        (start, begin): (usize, i64),
        found: &[usize],
        (last, before): (usize, i64),
        taken: u16,
    ) -> Option<(usize, i64)> {
        // A step may stand before the one it follows only within its second.
        let second = |time: i64| time.div_euclid(SECOND).saturating_mul(SECOND);
        let first = self.first_from_near(second(begin).max(second(before)), last);
        let end = begin.saturating_add(terms.within);
        let next = self.marks().get(first..)?.iter().enumerate().map(|(at, mark)| (first + at, mark));
        let next = next.filter(|(_, mark)| mark.step() == step && !mark.is(taken | Mark::USED));
        next.filter_map(|(at, _)| Some((at, self.time(at)?)))
            .take_while(|(_, time)| *time < end)
            .find(|(at, time)| !self.shares(start, found, *at) && terms.follows(before, *time))
    }

    /// Whether an event is in a sequence already, as another step.
    fn shares(&self, start: usize, found: &[usize], at: usize) -> bool {
        let mut others = std::iter::once(&start).chain(found);
        others.any(|other| self.order(*other) == self.order(at))
    }
}

/// A sequence's events: the first step, then the others.
fn in_all(start: usize, mut others: Vec<usize>) -> Vec<usize> {
    others.insert(0, start);
    others
}
