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
    last: Option<Lane>,
}

/// A lane, and how it is spelled.
#[derive(Debug)]
struct Lane {
    spelling: (Vec<u8>, Vec<u8>),
    place: Place,
    newest: EventTime,
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
        let (account, region) = spelling(event);
        match &mut self.last {
            Some(Lane { spelling, newest, .. }) if spelling.0 == account && spelling.1 == region => {
                *newest = time.max(*newest);
            }
            _ => {
                self.keep_last();
                let spelling = (account.to_vec(), region.to_vec());
                self.last = Some(Lane { spelling, place: (event.account(), event.region()), newest: time });
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
        if let Some(Lane { place, newest: time, .. }) = self.last.take() {
            let newest = self.lanes.entry(place).or_insert(time);
            *newest = time.max(*newest);
        }
    }
}

/// What an event's account and region are read from: where this is the same, so are they.
fn spelling<'e>(event: &Event<'e>) -> (&'e [u8], &'e [u8]) {
    (event.account_as_written().unwrap_or_default(), event.region_as_written().unwrap_or_default())
}
