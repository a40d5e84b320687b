//! So many events, or so many distinct values, of one key within a span of time.
//!
//! Settled, a key's events in their order decide it, from the first on: where `within` from an event on holds enough, that
//! is an occurrence, which takes all events of the span; the next begins after it. Where it holds too few, the next event
//! is tried. So a source that goes on for hours is told once per `within`, each time with its count, and an event is
//! counted once.
//!
//! ```text
//!  events      x   x  xxx   x  x        x  x          count: 4
//!  windows         └─────────┘ 5                      from the first event that has enough behind it
//! ```
//!
//! Early: as soon as enough events are there, an occurrence is said unsettled. No later arrival can undo that so many were
//! seen; it can move the window, and then the settled occurrence that overlaps takes over the early one's id. Where two
//! early ones end up in one window, both ids are settled with that window's fingerprint. What arrives before the beginning of an early
//! one and would overlap it is not said by itself: mostly it is the same, which began earlier.
//!
//! Exact up to [`EXACT_MAX`] events a key, or four times the count if that is more. Beyond it events that are told already
//! are only counted, distinct values by a sketch, and the occurrence says that it is not exact.

use std::ops::Range;
use std::time::Duration;

use cloudtrail::EventTime;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use crate::finding::{EVENT_IDS_MAX, State};
use crate::identity::{FindingId, Parts};
use crate::signal::Signal;
use crate::window::event::{Entry, insert};
use crate::window::keyed::Due;
use crate::window::occurrence::{DistinctCount, Occurrence, Subject};
use crate::window::sketch::Sketch;
use crate::window::windows::{Kind, Taken, Turn};

/// Up to how many events of a key are kept one by one.
const EXACT_MAX: usize = 4_096;

/// What gives a threshold its meaning.
#[derive(Debug, Clone)]
pub struct ThresholdDefinition {
    /// The rule's id.
    pub rule: Box<str>,
    /// The key's paths.
    pub by: Box<[Box<str>]>,
    /// How many make it fire; 0 counts as 1.
    pub count: usize,
    /// Within which span; from the first event on, and not at its end.
    pub within: Duration,
    /// Whether distinct values are counted instead of events.
    pub distinct: bool,
    /// Whether to say it before it is settled. A scan wants settled occurrences only.
    pub early: bool,
    /// For how long after the watermark passed a window later events may still revise it.
    pub reopen: Duration,
}

/// So many events, or so many distinct values, within a span: the definition with spans in microseconds.
#[derive(Debug, Clone)]
pub struct Threshold {
    definition: ThresholdDefinition,
    count: usize,
    within: i64,
    keep: i64,
    entries_max: usize,
}

/// The state of one key.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Window {
    /// In order.
    #[serde(rename = "e")]
    entries: Vec<Entry>,
    /// By where they begin.
    #[serde(rename = "t")]
    told: Vec<Told>,
    /// No window begins before this any more, but by an event that is late.
    #[serde(rename = "c")]
    cursor: i64,
}

/// An occurrence that was said.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Told {
    id: FindingId,
    from: i64,
    end: i64,
    revision: u32,
    settled: bool,
    /// What was counted without being kept.
    folded: Option<Box<Folded>>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Folded {
    events: u64,
    /// The time of the last of them.
    last: i64,
    values: Sketch,
}

impl Kind for Threshold {
    type State = Window;

    fn meaning(&self) -> [u8; 32] {
        let mut parts = Parts::of("threshold");
        self.definition.by.iter().for_each(|path| parts.text(path));
        for number in [self.count.to_string(), self.within.to_string()] {
            parts.text(&number);
        }
        parts.text(if self.definition.distinct { "distinct" } else { "events" });
        parts.digest()
    }

    fn keep(&self) -> i64 {
        self.keep
    }

    fn pending(window: &Window) -> u64 {
        let told = |time: i64| window.told.iter().any(|told| told.from <= time && time < told.end);
        window.entries.iter().filter(|entry| !told(entry.time)).count() as u64
    }

    fn create(&self) -> Window {
        Window { cursor: i64::MIN, ..Window::default() }
    }

    fn take(&self, window: &mut Window, _name: &[u8], signal: &Signal, turn: &mut Turn<'_>) -> Taken {
        window.take(self, self.subject(signal.key.text()), signal, turn)
    }

    fn settle(&self, window: &mut Window, name: &[u8], turn: &mut Turn<'_>) {
        let key = String::from_utf8_lossy(name);
        window.settle(self, self.subject(&key), turn.watermark, turn.said);
    }

    fn due(&self, window: &Window) -> Due {
        window.due(self)
    }

    fn due_after(&self, _window: &Window, time: i64) -> Due {
        Due::By(time.saturating_add(self.within))
    }
}

impl Threshold {
    /// Checks nothing: what is out of range is brought into it.
    pub fn new(definition: ThresholdDefinition) -> Self {
        let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX).max(1);
        let (count, within) = (definition.count.max(1), micros(definition.within));
        Threshold {
            count,
            within,
            keep: within.saturating_add(micros(definition.reopen)),
            entries_max: EXACT_MAX.max(count.saturating_mul(4)),
            definition,
        }
    }

    /// What is counted so far, and what is missing.
    pub(crate) fn explain(&self, window: &Window) -> String {
        let distinct_values = self.definition.distinct;
        let what = if distinct_values { "distinct values" } else { "events" };
        let counted = |entries: &[Entry]| if distinct_values { distinct(entries) } else { entries.len() };
        let time = EventTime::from_micros;
        let Some(last) = window.entries.last().map(|last| last.time) else {
            return format!("0 of {} {what}", self.count);
        };
        if let Some(told) = window.told_of(self, last).and_then(|at| window.told.get(at)) {
            let first = window.entries.partition_point(|entry| entry.time < told.from);
            let count = counted(window.entries.get(first..).unwrap_or_default());
            let (from, end) = (time(told.from), time(told.end));
            return format!(
                "{count} {what} since {from}: enough, {} are wanted; what follows before {end} is of the same finding",
                self.count
            );
        }
        // What a finding has taken does not count for another.
        let end = window.told_before(self, last, self.within).map(|(_, told)| told.end).max();
        let begin = last.saturating_sub(self.within).saturating_add(1).max(end.unwrap_or(i64::MIN));
        let first = window.entries.partition_point(|entry| entry.time < begin);
        let open = window.entries.get(first..).unwrap_or_default();
        let (count, from) = (counted(open), open.first().map_or(last, |first| first.time));
        let missing = self.count.saturating_sub(count);
        let are = if missing == 1 { "is" } else { "are" };
        format!(
            "{count} of {} {what} since {}: {missing} more {are} missing, and must come before {}",
            self.count,
            time(from),
            time(from.saturating_add(self.within)),
        )
    }

    fn subject<'a>(&'a self, key: &'a str) -> Subject<'a> {
        Subject { rule: &self.definition.rule, by: &self.definition.by, key }
    }

    /// Whether these are enough.
    fn met(&self, entries: &[Entry]) -> bool {
        entries.len() >= self.count && (!self.definition.distinct || distinct(entries) >= self.count)
    }

    /// The event at which they became enough.
    fn made_by<'e>(&self, entries: &'e [Entry]) -> Option<&'e Entry> {
        if !self.definition.distinct {
            return entries.get(self.count - 1);
        }
        let mut values = FxHashSet::default();
        entries.iter().find(|entry| {
            values.insert(entry.value);
            values.len() >= self.count
        })
    }
}

fn distinct(entries: &[Entry]) -> usize {
    entries.iter().map(|entry| entry.value).collect::<FxHashSet<_>>().len()
}

impl Window {
    fn take(
        &mut self,
        terms: &Threshold,
        subject: Subject<'_>,
        signal: &Signal,
        turn: &mut Turn<'_>,
    ) -> Taken {
        let time = signal.time.as_micros();
        let (watermark, said) = (turn.watermark, &mut *turn.said);
        let entry = Entry::of(signal);
        let mut place = match self.entries.last() {
            // Most signals come in order.
            Some(last) if last.order() < entry.order() => self.entries.len(),
            _ => match self.entries.binary_search_by(|other| other.order().cmp(&entry.order())) {
                Err(place) => place,
                Ok(_) => return Taken::Duplicate,
            },
        };
        let told = self.told_of(terms, time);
        if self.entries.len() >= terms.entries_max {
            *turn.dropped += self.compact(terms);
            place = self.entries.partition_point(|other| other.order() < entry.order());
        }
        let (id, value) = (entry.event.clone(), entry.value);
        insert(&mut self.entries, place, entry);
        if let Some(told) = told.and_then(|told| self.told.get(told)) {
            if told.settled {
                let (from, end) = (told.from, told.end);
                self.revise(terms, subject, (from, end), said);
            }
            return Taken::Absorbed;
        }
        let before = said.len();
        if time < watermark {
            self.cursor = self.cursor.min(time.saturating_sub(terms.within).saturating_add(1));
            self.settle(terms, subject, watermark, said);
            // Putting away may have moved the event, or taken it.
            let moved = self.entries.binary_search_by(|entry| entry.order().cmp(&(time, &id)));
            let Ok(moved) = moved else {
                return if said.len() > before { Taken::Fired } else { Taken::Absorbed };
            };
            place = moved;
        }
        if said.len() == before
            && terms.definition.early
            && !self.tell_early(terms, subject, place, value, said)
        {
            return Taken::Absorbed;
        }
        if said.len() > before { Taken::Fired } else { Taken::Absorbed }
    }

    /// Those said whose window may hold a time or end less than `back` before it, latest first, with their places. Windows
    /// are no longer than `within`, so it is the few that begin close before it.
    fn told_before(&self, terms: &Threshold, time: i64, back: i64) -> impl Iterator<Item = (usize, &Told)> {
        let after = self.told.partition_point(|told| told.from <= time);
        let begin = time.saturating_sub(terms.within).saturating_sub(back);
        let before = self.told.get(..after).unwrap_or_default();
        before.iter().enumerate().rev().take_while(move |(_, told)| told.from > begin)
    }

    /// The first occurrence whose window holds a time.
    fn told_of(&self, terms: &Threshold, time: i64) -> Option<usize> {
        self.told_before(terms, time, 0).filter(|(_, told)| time < told.end).last().map(|(at, _)| at)
    }

    /// Says the first window around a new event that has enough events which are not told yet.
    fn tell_early(
        &mut self,
        terms: &Threshold,
        subject: Subject<'_>,
        place: usize,
        value: u64,
        said: &mut Vec<Occurrence>,
    ) -> bool {
        if self.entries.len() < terms.count {
            return false;
        }
        let Some(made_by) = self.entries.get(place) else { return false };
        let time = made_by.time;
        // What is told bounds the span on both sides.
        let ended = self.told_before(terms, time, terms.within).filter(|(_, told)| told.end <= time);
        let after = ended.map(|(_, told)| told.end).max();
        let next = self.told.get(self.told.partition_point(|told| told.from <= time));
        let waits = next.is_some_and(|told| !told.settled);
        let (after, until) = (after.unwrap_or(i64::MIN), next.map_or(i64::MAX, |told| told.from));
        let open = |entry: &Entry| after <= entry.time && entry.time < until;
        let start = if terms.definition.distinct {
            self.start_of_distinct(terms, place, value, open)
        } else {
            let first = (place + 1).saturating_sub(terms.count);
            (first..=place).find(|&from| {
                let ends = self.entries.get(from).zip(self.entries.get(from + terms.count - 1));
                ends.is_some_and(|(a, b)| open(a) && open(b) && b.time.saturating_sub(a.time) < terms.within)
            })
        };
        let Some(from) = start.and_then(|start| self.entries.get(start)).map(|entry| entry.time) else {
            return false;
        };
        let end = from.saturating_add(terms.within);
        if waits && until < end {
            // It moves the beginning of one that was said, or is told when that is settled: not twice.
            return false;
        }
        let id = subject.mint_free(made_by, |id| self.told.iter().any(|told| told.id == id));
        let told = Told { id, from, end, revision: 0, settled: false, folded: None };
        said.push(self.occurrence(terms, subject, &told));
        let at = self.told.partition_point(|other| other.from <= from);
        insert(&mut self.told, at, told);
        true
    }

    fn start_of_distinct(
        &self,
        terms: &Threshold,
        place: usize,
        value: u64,
        open: impl Fn(&Entry) -> bool,
    ) -> Option<usize> {
        let time = self.entries.get(place)?.time;
        let near = |entry: &&Entry| time.saturating_sub(entry.time) < terms.within && open(entry);
        let before = self.entries.get(..place)?.iter().rev().take_while(near);
        if place + 1 == self.entries.len() {
            // The newest event adds nothing where its value is among those before it: that window was looked at then.
            if before.clone().any(|entry| entry.value == value) {
                return None;
            }
        }
        let first = place - before.count();
        let last = self.entries.partition_point(|entry| entry.time < time.saturating_add(terms.within));
        if last - first < terms.count {
            return None;
        }
        // Two ends move on: `values` counts what is between them.
        let (mut values, mut next) = (FxHashMap::<u64, usize>::default(), first);
        for start in first..=place {
            let from = self.entries.get(start)?;
            while let Some(entry) = self.entries.get(next).filter(|entry| open(entry)) {
                if entry.time.saturating_sub(from.time) >= terms.within {
                    break;
                }
                *values.entry(entry.value).or_default() += 1;
                next += 1;
            }
            if values.len() >= terms.count {
                return Some(start);
            }
            if let Some(times) = values.get_mut(&from.value) {
                *times -= 1;
                if *times == 0 {
                    values.remove(&from.value);
                }
            }
        }
        None
    }

    /// Decides every window that ended up to the watermark, and puts away what nothing can revise any more.
    fn settle(
        &mut self,
        terms: &Threshold,
        subject: Subject<'_>,
        watermark: i64,
        said: &mut Vec<Occurrence>,
    ) {
        while let Some(first) = self.undecided(terms) {
            let Some(from) = self.entries.get(first).map(|entry| entry.time) else { break };
            let span_end = from.saturating_add(terms.within);
            if span_end > watermark {
                break;
            }
            // Only a late event meets a settled window ahead of it: there is one to end before.
            let ahead = self.told.iter().filter(|told| told.settled && told.from > from);
            let end = ahead.map(|told| told.from).fold(span_end, i64::min);
            let last = self.entries.partition_point(|entry| entry.time < end);
            let span = self.entries.get(first..last).unwrap_or_default();
            if terms.met(span) {
                self.settle_window(terms, subject, (from, end), first..last, said);
                self.cursor = end;
            } else {
                self.cursor = from.saturating_add(1);
            }
        }
        self.settle_leftovers(terms, subject, watermark, said);
        self.put_away(terms, watermark);
    }

    fn settle_window(
        &mut self,
        terms: &Threshold,
        subject: Subject<'_>,
        (from, end): (i64, i64),
        events: Range<usize>,
        said: &mut Vec<Occurrence>,
    ) {
        let early = self.told.iter().position(|told| !told.settled && told.from < end && told.end > from);
        let told = if let Some(early) = early {
            let told = self.told.remove(early);
            Told { from, end, revision: told.revision + 1, settled: true, ..told }
        } else {
            let is_taken = |id| self.told.iter().any(|told| told.id == id);
            let made_by = self.entries.get(events).and_then(|events| terms.made_by(events));
            let id = made_by.map(|made_by| subject.mint_free(made_by, is_taken)).unwrap_or_default();
            Told { id, from, end, revision: 0, settled: true, folded: None }
        };
        said.push(self.occurrence(terms, subject, &told));
        let at = self.told.partition_point(|other| other.from <= from);
        insert(&mut self.told, at, told);
    }

    /// Early occurrences whose events all went to windows that took over other early ones.
    fn settle_leftovers(
        &mut self,
        terms: &Threshold,
        subject: Subject<'_>,
        watermark: i64,
        said: &mut Vec<Occurrence>,
    ) {
        let decided =
            self.undecided(terms).and_then(|at| self.entries.get(at)).map_or(watermark, |entry| entry.time);
        while let Some(at) = self.told.iter().position(|told| !told.settled && told.end <= decided) {
            let mut told = self.told.remove(at);
            let over = self
                .told
                .iter()
                .rfind(|other| other.settled && other.from < told.end && other.end > told.from);
            if let Some(over) = over {
                (told.from, told.end) = (over.from, over.end);
            }
            (told.settled, told.revision) = (true, told.revision + 1);
            said.push(self.occurrence(terms, subject, &told));
            let at = self.told.partition_point(|other| other.from <= told.from);
            insert(&mut self.told, at, told);
        }
    }

    /// A late event fell into a settled window.
    fn revise(
        &mut self,
        terms: &Threshold,
        subject: Subject<'_>,
        window: (i64, i64),
        said: &mut Vec<Occurrence>,
    ) {
        for at in 0..self.told.len() {
            let Some(told) =
                self.told.get_mut(at).filter(|told| told.settled && (told.from, told.end) == window)
            else {
                continue;
            };
            told.revision += 1;
            let told = told.clone();
            said.push(self.occurrence(terms, subject, &told));
        }
    }

    /// The first event no settled window has taken, from the cursor on.
    fn undecided(&self, terms: &Threshold) -> Option<usize> {
        let mut at = self.entries.partition_point(|entry| entry.time < self.cursor);
        loop {
            let time = self.entries.get(at)?.time;
            let taken = self.told_before(terms, time, 0).find(|(_, told)| told.settled && time < told.end);
            let Some((_, told)) = taken else { return Some(at) };
            at = self.entries.partition_point(|entry| entry.time < told.end);
        }
    }

    fn put_away(&mut self, terms: &Threshold, watermark: i64) {
        let mut gone = watermark.saturating_sub(terms.keep).saturating_add(1);
        let old = |told: &Told| told.settled && told.from.saturating_add(terms.keep) <= watermark;
        gone = self.told.iter().filter(|told| old(told)).map(|told| told.end).fold(gone, i64::max);
        self.told.retain(|told| !old(told));
        let gone = self.entries.partition_point(|entry| entry.time < gone);
        self.entries.drain(..gone);
        if self.entries.len() * 4 < self.entries.capacity() {
            self.entries.shrink_to_fit();
        }
    }

    /// Makes room: told events beyond those a finding lists are counted only; then, if that is not enough, the oldest go.
    fn compact(&mut self, terms: &Threshold) -> u64 {
        for told in &mut self.told {
            let first = self.entries.partition_point(|entry| entry.time < told.from);
            let last = self.entries.partition_point(|entry| entry.time < told.end);
            let keep = EVENT_IDS_MAX.max(terms.count);
            if last - first > keep {
                let folded = told.folded.get_or_insert_default();
                for entry in self.entries.drain(first + keep..last) {
                    folded.events += 1;
                    folded.last = folded.last.max(entry.time);
                    folded.values.add(entry.value);
                }
            }
        }
        if self.entries.len() < terms.entries_max {
            return 0;
        }
        let before = self.entries.len();
        if terms.definition.distinct {
            // The last event of a value is in every window that ends at or after any of them.
            let mut seen = FxHashSet::default();
            let mut last: Vec<bool> =
                self.entries.iter().rev().map(|entry| seen.insert(entry.value)).collect();
            self.entries.retain(|_| last.pop().unwrap_or(true));
        }
        if self.entries.len() >= terms.entries_max {
            self.entries.drain(..terms.entries_max / 2);
        }
        (before - self.entries.len()) as u64
    }

    fn occurrence(&self, terms: &Threshold, subject: Subject<'_>, told: &Told) -> Occurrence {
        let first = self.entries.partition_point(|entry| entry.time < told.from);
        let last = self.entries.partition_point(|entry| entry.time < told.end);
        let entries = self.entries.get(first..last).unwrap_or_default();
        let window = (told.from, told.end);
        let mut occurrence = subject.occurrence(told.id, window, State::Firing, entries);
        (occurrence.revision, occurrence.settled) = (told.revision, told.settled);
        if terms.definition.distinct {
            let values = distinct(entries) as u64;
            occurrence.distinct = Some(DistinctCount { values, estimated: false });
        }
        if let Some(folded) = &told.folded {
            occurrence.exact = false;
            occurrence.count += folded.events;
            occurrence.last_time = occurrence.last_time.max(Some(EventTime::from_micros(folded.last)));
            if terms.definition.distinct {
                let mut values = folded.values.clone();
                entries.iter().for_each(|entry| values.add(entry.value));
                occurrence.distinct = Some(DistinctCount { values: values.estimate(), estimated: true });
            }
        }
        occurrence
    }

    /// When the next window can be decided, or the oldest thing put away.
    fn due(&self, terms: &Threshold) -> Due {
        let undecided = self.undecided(terms).and_then(|at| self.entries.get(at)).map(|entry| entry.time);
        // An early one waits for the events inside it to be decided, so those say when.
        let waits = |told: &Told| undecided.is_some_and(|time| time < told.end);
        let early = self.told.iter().filter(|told| !told.settled && !waits(told)).map(|told| told.end).min();
        let undecided = undecided.map(|time| time.saturating_add(terms.within));
        let first = self.entries.first().map(|entry| entry.time).into_iter();
        let oldest = first.chain(self.told.first().map(|told| told.from)).min();
        let oldest = oldest.map(|time| time.saturating_add(terms.keep));
        [undecided, early, oldest].into_iter().flatten().min().map_or(Due::Never, Due::By)
    }
}
