//! When places want attention: a list of places for each span of time, four bytes a place.
//!
//! Most keys are looked at together with many others, and their order among each other does not matter before somebody asks. So a
//! span keeps a plain list, which becomes a heap only where order is wanted: in the span that `now` stands in, and in the earliest
//! one when a place has to be given up.
//!
//! A place may stand in several spans, if its time was moved: its owner knows which of them counts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Places by time, in microseconds.
#[derive(Debug, Clone)]
pub(crate) struct Timetable {
    /// How long a span is.
    width: i64,
    /// By the number of the span.
    spans: BTreeMap<i64, Span>,
}

#[derive(Debug, Clone)]
enum Span {
    /// With a time that none of them is due before.
    List(i64, Vec<u32>),
    /// By time, then by what orders ties.
    Heap(BinaryHeap<Reverse<Turn>>),
}

/// Time, what orders ties, and the place.
type Turn = (i64, u32, u32);

/// What the owner of a place says of it: when it is due, and what orders it among those due at one time.
type Order = (i64, u32);

impl Timetable {
    /// `width` is in microseconds; whole seconds are right where nothing else is known.
    pub(crate) fn new(width: i64) -> Self {
        Timetable { width: width.max(1), spans: BTreeMap::new() }
    }

    fn span(&self, time: i64) -> i64 {
        time.div_euclid(self.width)
    }

    /// Whether a place that is due at one time stands in the same list as one due at another.
    pub(crate) fn is_together(&self, time: i64, other: i64) -> bool {
        self.span(time) == self.span(other)
    }

    pub(crate) fn push(&mut self, time: i64, place: u32, tie: impl FnOnce() -> u32) {
        let span = self.span(time);
        match self.spans.entry(span).or_insert_with(|| Span::List(time, Vec::new())) {
            Span::List(least, places) => {
                *least = time.min(*least);
                if places.len() == places.capacity() {
                    // Doubling would leave half of a million entries empty.
                    places.reserve_exact((places.len() / 4).max(4));
                }
                places.push(place);
            }
            Span::Heap(heap) => heap.push(Reverse((time, tie(), place))),
        }
    }

    /// The same for a place that was due later: it is put in anew only where it stood in another span, or that has an order.
    pub(crate) fn hasten(&mut self, time: i64, place: u32, moves: bool, tie: impl FnOnce() -> u32) {
        match self.spans.get_mut(&self.span(time)) {
            Some(Span::List(least, _)) if !moves => *least = time.min(*least),
            _ => self.push(time, place, tie),
        }
    }

    /// A time that nothing is due before; none if there is nothing.
    pub(crate) fn first(&self) -> Option<i64> {
        self.spans.values().next().and_then(|span| match span {
            Span::List(least, _) => Some(*least),
            Span::Heap(heap) => heap.peek().map(|Reverse((time, ..))| *time),
        })
    }

    /// Takes out all places due by `now`, in no order. Some are there twice, and some stand there no longer with right. `time` says
    /// when a place is due, none if nothing is there, and `tie` orders it among others due then.
    pub(crate) fn take(
        &mut self,
        now: i64,
        time: impl Fn(u32) -> Option<i64>,
        tie: impl Fn(u32) -> u32,
    ) -> Vec<u32> {
        let mut due = Vec::new();
        while self.first().is_some_and(|first| first <= now) {
            let Some((span, mut places)) = self.spans.pop_first() else { break };
            if span < self.span(now) {
                match &mut places {
                    Span::List(_, list) if due.is_empty() => due = std::mem::take(list),
                    Span::List(_, list) => due.append(list),
                    Span::Heap(heap) => due.extend(heap.drain().map(|Reverse((_, _, place))| place)),
                }
                continue;
            }
            let heap = match places {
                Span::Heap(mut heap) => {
                    while heap.peek().is_some_and(|Reverse((time, ..))| *time <= now) {
                        due.extend(heap.pop().map(|Reverse((_, _, place))| place));
                    }
                    heap
                }
                // Mostly all of them are due at one time: alarms are evaluated together.
                Span::List(_, list) => {
                    let mut later = Vec::new();
                    for place in list {
                        match time(place) {
                            Some(time) if time <= now => due.push(place),
                            Some(time) if self.span(time) == span => {
                                later.push(Reverse((time, tie(place), place)));
                            }
                            _ => {}
                        }
                    }
                    BinaryHeap::from(later)
                }
            };
            if !heap.is_empty() {
                self.spans.insert(span, Span::Heap(heap));
            }
        }
        due
    }

    /// Takes out all places of spans that have ended by `now`.
    pub(crate) fn take_ended(&mut self, now: i64) -> Vec<u32> {
        let mut due = Vec::new();
        let ended = self.span(now);
        while self.spans.first_key_value().is_some_and(|(span, _)| *span < ended) {
            match self.spans.pop_first() {
                Some((_, Span::List(_, mut places))) => due.append(&mut places),
                Some((_, Span::Heap(heap))) => {
                    due.extend(heap.into_iter().map(|Reverse((_, _, place))| place));
                }
                None => break,
            }
        }
        due
    }

    /// Takes out the place that is due first, with the time it stood there for. What `order` says is due in another span than it
    /// stands in is put there if `moves`, and else stands there already.
    pub(crate) fn pop_first(
        &mut self,
        order: impl Fn(u32) -> Option<Order>,
        moves: bool,
    ) -> Option<(i64, u32)> {
        loop {
            let (span, places) = self.spans.pop_first()?;
            let mut heap = self.ordered(span, places, &order, moves);
            let first = heap.pop();
            if !heap.is_empty() {
                self.spans.insert(span, Span::Heap(heap));
            }
            if let Some(Reverse((time, _, place))) = first {
                return Some((time, place));
            }
        }
    }

    /// A span's places in order, without those that are due in another.
    fn ordered(
        &mut self,
        span: i64,
        places: Span,
        order: impl Fn(u32) -> Option<Order>,
        moves: bool,
    ) -> BinaryHeap<Reverse<Turn>> {
        let places = match places {
            Span::Heap(heap) => return heap,
            Span::List(_, places) => places,
        };
        let mut heap = BinaryHeap::with_capacity(places.len());
        for place in places {
            let Some((time, tie)) = order(place) else { continue };
            if self.span(time) == span {
                heap.push(Reverse((time, tie, place)));
            } else if moves {
                self.push(time, place, || tie);
            }
        }
        heap
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a plain heap: what is due, and what is due first, whatever the width.
        #[test]
        fn it_is_a_heap(
            steps in prop::collection::vec((0_i64..500, 0_u32..4), 1..200),
            width in 1_i64..60,
        ) {
            let (mut table, mut plain, mut times) = (Timetable::new(width), BTreeMap::new(), Vec::new());
            let mut now = 0;
            for (time, what) in steps {
                match what {
                    0 => {
                        now = now.max(time);
                        let mut due = table.take(now, |place| times.get(place as usize).copied(), |place| place);
                        due.sort_unstable();
                        let later = plain.split_off(&(now + 1, 0));
                        let wanted = std::mem::replace(&mut plain, later);
                        let mut wanted: Vec<u32> = wanted.into_keys().map(|(_, place)| place).collect();
                        wanted.sort_unstable();
                        prop_assert_eq!(due, wanted);
                    }
                    1 => {
                        let first = table.pop_first(|place| times.get(place as usize).map(|time| (*time, place)), false);
                        prop_assert_eq!(first, plain.pop_first().map(|(key, ())| key));
                    }
                    _ => {
                        let place = u32::try_from(times.len()).unwrap();
                        times.push(time);
                        plain.insert((time, place), ());
                        table.push(time, place, || place);
                    }
                }
                let least = plain.first_key_value().map(|(key, ())| key.0);
                prop_assert!(table.first() <= least || least.is_none(), "{:?} {least:?}", table.first());
                prop_assert_eq!(table.first().is_some(), least.is_some());
            }
        }
    }

    #[test]
    fn spans_that_have_ended_are_taken_whole() {
        let mut table = Timetable::new(10);
        for (place, time) in [3, 9, 10, 25].into_iter().enumerate() {
            table.push(time, u32::try_from(place).unwrap(), || 0);
        }
        assert!(table.take_ended(9).is_empty());
        assert_eq!(table.take_ended(24), [0, 1, 2]);
        assert_eq!(table.first(), Some(25));
    }
}
