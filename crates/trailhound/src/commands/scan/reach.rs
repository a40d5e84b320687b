//! How far the events of a history reach, in all and in each account and region.

use std::collections::BTreeMap;

use cloudtrail::{AccountId, Event, EventTime, Region};

/// An account and a region, as far as an event tells them.
type Place = (Option<AccountId>, Option<Region>);

/// The times between which events were read.
#[derive(Debug, Default)]
pub(super) struct Reach {
    span: Option<(EventTime, EventTime)>,
    lanes: BTreeMap<Place, EventTime>,
    /// The lane of the event before: mostly it is the same.
    last: Option<(Place, EventTime)>,
}

impl Reach {
    /// Takes note of an event; of its account and region, where somebody wants to know.
    pub(super) fn saw(&mut self, event: &Event<'_>, with_lane: bool) {
        let time = event.time;
        let (from, to) = self.span.unwrap_or((time, time));
        self.span = Some((from.min(time), to.max(time)));
        if !with_lane {
            return;
        }
        let lane = (event.account(), event.region());
        match &mut self.last {
            Some((last, newest)) if *last == lane => *newest = time.max(*newest),
            _ => {
                self.keep_last();
                self.last = Some((lane, time));
            }
        }
    }

    /// Takes what another reaches.
    pub(super) fn add(&mut self, mut other: Reach) {
        other.keep_last();
        if let Some((from, to)) = other.span {
            let (first, last) = self.span.unwrap_or((from, to));
            self.span = Some((first.min(from), last.max(to)));
        }
        for (lane, time) in other.lanes {
            let newest = self.lanes.entry(lane).or_insert(time);
            *newest = time.max(*newest);
        }
    }

    /// The first and the last event's time.
    pub(super) fn span(&self) -> Option<(EventTime, EventTime)> {
        self.span
    }

    /// The newest event of each account and region.
    pub(super) fn lanes(&self) -> impl Iterator<Item = (Place, EventTime)> + '_ {
        self.lanes.iter().map(|(lane, time)| (*lane, *time))
    }

    fn keep_last(&mut self) {
        if let Some((lane, time)) = self.last.take() {
            let newest = self.lanes.entry(lane).or_insert(time);
            *newest = time.max(*newest);
        }
    }
}
