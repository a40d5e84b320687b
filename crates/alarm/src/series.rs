//! The samples of one metric that an alarm may still look at, folded into cells; sized for a million live keys.
//!
//! A *cell* is as long as the grain of the period (one minute, or the period itself below a minute), because every bucket
//! of every alignment is a union of cells. Cells exist only where samples are, are sorted by time, and leave at the front
//! once the window has passed them. The common cell (all samples the same value: counting hits) is 64 bytes flat, with
//! the first record id inside; a second value allocates the full [`Aggregate`], a second record id a small list. So a key
//! with one hit takes some 180 bytes of memory (96 of state, 64 of cell, what the allocator adds), three hits in three minutes
//! some 310, and a thousand equal hits in a minute cost no more than the ids kept, 18 bytes each.
//!
//! Invariant: the content depends on the set of samples pushed, not on their order.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::aggregate::Aggregate;
use crate::double::exact;
use crate::period::{Period, Window};
use crate::record::{RecordId, Records};
use crate::sample::{Measure, Sample};
use crate::time::Timestamp;

/// A record id and where in its cell the sample lay; orders by time, then id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Entry {
    /// Milliseconds into the cell; at most 59,999.
    offset: u16,
    id: RecordId,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cell {
    /// Start of the cell, counted in grains since 1970.
    #[serde(rename = "at")]
    slot: u32,
    /// Samples pushed.
    samples: u32,
    /// The value all samples share, and how often they hold it, while `mixed` is absent.
    #[serde(rename = "v", with = "exact")]
    value: f64,
    #[serde(rename = "n", with = "exact")]
    count: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mixed: Option<Box<Aggregate>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<Entry>,
    /// Further entries, sorted, all after `first`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[expect(clippy::box_collection, reason = "8 bytes in the cell instead of 24; most cells have none")]
    more: Option<Box<Vec<Entry>>>,
}

/// What to keep of samples; the same for every key of an alarm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    pub(crate) period: Period,
    pub(crate) bins: bool,
    /// Record ids kept per cell.
    pub(crate) records: usize,
}

/// Cells in order of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Series {
    cells: VecDeque<Cell>,
}

impl Series {
    /// Folds a sample in. `false` if its time cannot be kept (before 1970, or thousands of years ahead).
    pub(crate) fn push(&mut self, sample: &Sample<'_>, keep: Keep) -> bool {
        let grain = keep.period.grain_ms();
        let millis = sample.timestamp.as_millis();
        let Ok(slot) = u32::try_from(millis.div_euclid(grain)) else { return false };
        let offset = u16::try_from(millis.rem_euclid(grain)).unwrap_or(u16::MAX);
        let entry = sample.record.map(|id| Entry { offset, id });

        let at = match self.cells.back() {
            Some(last) if last.slot == slot => Ok(self.cells.len() - 1),
            Some(last) if last.slot < slot => Err(self.cells.len()),
            None => Err(0),
            Some(_) => self.cells.binary_search_by_key(&slot, |cell| cell.slot),
        };
        match at {
            Ok(at) => {
                if let Some(cell) = self.cells.get_mut(at) {
                    cell.add(&sample.measure, entry, keep);
                }
            }
            Err(at) => {
                if self.cells.len() == self.cells.capacity() {
                    // Doubling would leave half of a million small keys empty; half as much again is still amortised.
                    self.cells.reserve_exact(self.cells.len().div_ceil(2).max(1));
                }
                self.cells.insert(at, Cell::new(slot, &sample.measure, entry, keep));
            }
        }
        true
    }

    /// Drops the cells that end at or before `start`.
    pub(crate) fn forget_before(&mut self, start: Timestamp, period: Period) {
        let grain = period.grain_ms();
        while self.cells.front().is_some_and(|cell| cell.start(grain) < start) {
            self.cells.pop_front();
        }
        if self.cells.is_empty() && self.cells.capacity() > 0 {
            self.cells = VecDeque::new();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Where the oldest cell begins.
    pub(crate) fn first_start(&self, period: Period) -> Option<Timestamp> {
        self.cells.front().map(|cell| cell.start(period.grain_ms()))
    }

    /// Where the oldest cell begins that begins at or after `end`.
    pub(crate) fn first_start_from(&self, end: Timestamp, period: Period) -> Option<Timestamp> {
        let grain = period.grain_ms();
        // Mostly there is none, and else one or two.
        self.cells.iter().rev().map(|cell| cell.start(grain)).take_while(|start| *start >= end).last()
    }

    /// Whether more than one cell begins before `end`.
    pub(crate) fn has_many_before(&self, end: Timestamp, period: Period) -> bool {
        self.cells.get(1).is_some_and(|cell| cell.start(period.grain_ms()) < end)
    }

    /// Calls `visit` with each non-empty bucket of the window, newest first (its age, and its folded samples), until it
    /// returns `false`.
    pub(crate) fn buckets_newest_first(
        &self,
        window: Window,
        bins: bool,
        bucket: &mut Aggregate,
        mut visit: impl FnMut(u32, &Aggregate) -> bool,
    ) {
        let grain = window.period.grain_ms();
        let visible = self.cells.partition_point(|cell| cell.start(grain) < window.end);
        let mut open: Option<u32> = None;
        for cell in self.cells.range(..visible).rev() {
            let Some(age) = window.age_of(cell.start(grain)) else { break };
            if open != Some(age) {
                if open.is_some_and(|done| !visit(done, bucket)) {
                    return;
                }
                bucket.clear();
                open = Some(age);
            }
            cell.fold_into(bucket, bins);
        }
        if let Some(done) = open {
            visit(done, bucket);
        }
    }

    /// The records of the buckets whose age `wanted` accepts, added to `records`, oldest first, at most `limit` ids.
    pub(crate) fn collect_records(
        &self,
        window: Window,
        wanted: impl Fn(u32) -> bool,
        limit: usize,
        records: &mut Records,
    ) {
        let grain = window.period.grain_ms();
        for cell in &self.cells {
            let start = cell.start(grain);
            if start >= window.end {
                break;
            }
            if window.age_of(start).is_some_and(&wanted) {
                records.count += u64::from(cell.samples);
                let room = limit.saturating_sub(records.ids.len());
                records.ids.extend(cell.entries().map(|entry| entry.id).take(room));
            }
        }
    }
}

impl Cell {
    fn new(slot: u32, measure: &Measure<'_>, entry: Option<Entry>, keep: Keep) -> Self {
        let (value, count, mixed) = match single_value(measure) {
            Some((value, count)) => (value, count, None),
            None => {
                let mut all = Aggregate::default();
                all.add_measure(measure, keep.bins);
                (0.0, 0.0, Some(Box::new(all)))
            }
        };
        let mut cell = Self { slot, samples: 1, value, count, mixed, first: None, more: None };
        cell.add_entry(entry, keep.records);
        cell
    }

    #[expect(clippy::float_cmp, reason = "only the very same value may share the flat form")]
    fn add(&mut self, measure: &Measure<'_>, entry: Option<Entry>, keep: Keep) {
        self.samples = self.samples.saturating_add(1);
        match (&mut self.mixed, single_value(measure)) {
            (None, Some((value, count))) if value == self.value => self.count += count,
            (Some(all), _) => all.add_measure(measure, keep.bins),
            (None, _) => {
                let mut all = Box::<Aggregate>::default();
                all.add(self.value, self.count, keep.bins);
                all.add_measure(measure, keep.bins);
                self.mixed = Some(all);
                // Whichever value came first must leave no trace.
                (self.value, self.count) = (0.0, 0.0);
            }
        }
        self.add_entry(entry, keep.records);
    }

    /// Keeps the `limit` least entries.
    fn add_entry(&mut self, entry: Option<Entry>, limit: usize) {
        let Some(mut entry) = entry else { return };
        if limit == 0 {
            return;
        }
        match &mut self.first {
            None => {
                self.first = Some(entry);
                return;
            }
            Some(first) if entry < *first => std::mem::swap(first, &mut entry),
            Some(_) => {}
        }
        if limit == 1 {
            return;
        }
        let more = self.more.get_or_insert_default();
        let at = more.partition_point(|kept| *kept <= entry);
        if at < limit - 1 {
            if more.len() == more.capacity() {
                more.reserve_exact(more.len().div_ceil(2).max(1));
            }
            more.insert(at, entry);
            more.truncate(limit - 1);
        }
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.first.iter().chain(self.more.iter().flat_map(|more| more.iter()))
    }

    fn start(&self, grain_ms: i64) -> Timestamp {
        Timestamp::from_millis(i64::from(self.slot) * grain_ms)
    }

    fn fold_into(&self, bucket: &mut Aggregate, bins: bool) {
        match &self.mixed {
            Some(all) => bucket.merge(all),
            None => bucket.add(self.value, self.count, bins),
        }
    }
}

/// Value and count, if the measure is one value really seen (a count of zero moves extremes only).
/// Adding zero turns a negative zero into the positive one, so that either may come first.
fn single_value(measure: &Measure<'_>) -> Option<(f64, f64)> {
    match *measure {
        Measure::Value(value) => Some((value + 0.0, 1.0)),
        Measure::Weighted { value, count } if count > 0.0 => Some((value + 0.0, count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep() -> Keep {
        Keep { period: Period::from_secs(60).unwrap(), bins: true, records: 3 }
    }

    fn sample(second: i64, value: f64, id: u128) -> Sample<'static> {
        Sample::new(Timestamp::from_millis(second * 1000), Measure::Value(value)).from_record(id)
    }

    #[test]
    fn a_cell_is_64_bytes_and_a_series_32() {
        assert!(size_of::<Cell>() <= 64, "{}", size_of::<Cell>());
        assert!(size_of::<Series>() <= 32);
    }

    #[test]
    fn keeps_the_earliest_ids_and_the_true_count() {
        let mut series = Series::default();
        for (second, id) in [(50, 5), (10, 1), (40, 4), (20, 2), (30, 3)] {
            series.push(&sample(second, 1.0, id), keep());
        }
        let window = Window { end: Timestamp::from_millis(60_000), period: keep().period, buckets: 1 };
        let mut records = Records::default();
        series.collect_records(window, |_| true, 10, &mut records);
        assert_eq!(records.count, 5);
        assert_eq!(records.ids, [1u128, 2, 3].map(RecordId::from));
    }

    #[test]
    fn order_of_arrival_changes_nothing() {
        let samples =
            [sample(5, 1.0, 1), sample(70, 2.0, 2), sample(6, 1.0, 3), sample(7, 4.0, 4), sample(8, 0.1, 5)];
        let mut one = Series::default();
        let mut two = Series::default();
        samples.iter().for_each(|s| assert!(one.push(s, keep())));
        samples.iter().rev().for_each(|s| assert!(two.push(s, keep())));
        assert_eq!(one, two);
    }

    #[test]
    fn times_before_1970_are_refused() {
        assert!(!Series::default().push(&sample(-1, 1.0, 1), keep()));
    }
}
