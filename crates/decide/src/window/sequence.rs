//! Steps in order, of one key, within a span of time; at the end perhaps one that must not follow.
//!
//! Settled, a key's events in order of time decide it: from each first step on, every further step takes the earliest event
//! that fits, is not before the step before it, and belongs to no sequence yet. The first start that leads to the end wins.
//! Events of one second may stand in any order, because CloudTrail cuts times to seconds, unless the rule is `strict`: then
//! each step is later than the one before it.
//!
//! ```text
//!  steps     A B C, within 10 s
//!  events    A        B  A  B   C     the first A finds no C in its span, the second does
//!  sequence              └──────┘
//! ```
//!
//! Early: a complete sequence without a `not` is said at once; which events it consists of is settled when the watermark
//! passes its span. A sequence with a `not` waits for the watermark and is said settled; what must not follow and comes too
//! late for that resolves it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::finding::State;
use crate::identity::Parts;
use crate::progress::Watermark;
use crate::window::event::Entry;
use crate::window::keyed::{Due, Keys, RestoreError, StateChange};
use crate::window::occurrence::{Occurrence, Subject};
use crate::window::signal::{KeyedSignal, Taken};

/// Up to how many events of a key are kept.
const EVENTS_MAX: usize = 1_024;
/// CloudTrail cuts times to seconds.
const SECOND: i64 = 1_000_000;

/// What gives a sequence its meaning.
#[derive(Debug, Clone)]
pub struct SequenceDefinition {
    /// The rule's id.
    pub rule: Box<str>,
    /// The first step's key paths, by which occurrences are told.
    pub by: Box<[Box<str>]>,
    /// How many steps must be seen: 1 to 63.
    pub steps: u8,
    /// Whether one more step, numbered after the others, must not be seen after them within the span.
    pub then_not: bool,
    /// The span, from the first step on, and not at its end.
    pub within: Duration,
    /// Whether steps must not share a second.
    pub strict: bool,
    /// Whether to say it before it is settled. A scan wants settled occurrences only.
    pub early: bool,
    /// For how long after the watermark passed a span later events may still complete or resolve it.
    pub reopen: Duration,
    /// How many keys are kept; see [`KEYS_MAX`](crate::KEYS_MAX).
    pub keys_max: usize,
    /// Whether [`Sequence::changes`] will be asked for.
    pub durable: bool,
}

/// One sequence rule with the state of its keys.
#[derive(Debug, Clone)]
pub struct Sequence {
    terms: Terms,
    keys: Keys<Attempts>,
    watermark: i64,
    dropped: u64,
}

#[derive(Debug, Clone)]
struct Terms {
    definition: SequenceDefinition,
    steps: u8,
    within: i64,
    keep: i64,
}

/// The state of one key.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Attempts {
    /// By time, then event, then step.
    events: Vec<Step>,
    told: Vec<Told>,
    /// First steps before this are decided, but for events that are late.
    cursor: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Step {
    step: u8,
    /// Whether a settled sequence has it.
    used: bool,
    /// Whether an early one has it: the next early one is made of others.
    claimed: bool,
    entry: Entry,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Told {
    id: String,
    from: i64,
    end: i64,
    revision: u32,
    settled: bool,
    resolved: bool,
    events: Vec<Entry>,
}

impl Sequence {
    /// With no event seen.
    pub fn new(definition: SequenceDefinition) -> Self {
        let keys = Keys::new(definition.keys_max, definition.durable);
        Sequence { terms: Terms::of(definition), keys, watermark: i64::MIN, dropped: 0 }
    }

    /// Hash of what gives the state its meaning: state of another meaning must not be restored.
    pub fn meaning(&self) -> String {
        let (definition, mut parts) = (&self.terms.definition, Parts::of("sequence"));
        definition.by.iter().for_each(|path| parts.text(path));
        parts.text(&format!("{} {}", self.terms.steps, self.terms.within));
        parts.text(&format!("{} {}", definition.then_not, definition.strict));
        parts.hex()
    }

    /// Takes a signal of a step, counted from 0, in any order. An event that fits several steps is handed in for each.
    pub fn take(&mut self, step: u8, signal: &KeyedSignal, said: &mut Vec<Occurrence>) -> Taken {
        let (terms, watermark, dropped) = (&self.terms, self.watermark, &mut self.dropped);
        let time = signal.time.as_micros();
        if time.saturating_add(terms.keep) <= watermark || step > terms.last_step() {
            return Taken::Late;
        }
        let key = signal.key.text();
        let create = || Attempts { events: Vec::new(), told: Vec::new(), cursor: i64::MIN };
        self.keys.with(key, create, |attempts| {
            let first = said.len();
            let step = Step { step, used: false, claimed: false, entry: Entry::of(signal) };
            let taken = attempts.take(terms, terms.subject(key), step, watermark, dropped, said);
            let taken = if said.len() > first { Taken::Fired } else { taken };
            let due = if time < watermark {
                attempts.due(terms)
            } else {
                Due::By(time.saturating_add(terms.within))
            };
            (taken, due)
        })
    }

    /// Settles what ended up to the watermark. A watermark that goes back changes nothing.
    pub fn advance(&mut self, watermark: Watermark, said: &mut Vec<Occurrence>) {
        self.settle(watermark.assumed.as_micros(), said);
    }

    /// Settles everything: the end of a history.
    pub fn finish(&mut self, said: &mut Vec<Occurrence>) {
        self.settle(i64::MAX, said);
    }

    /// How many keys have state.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// How many keys lost their state because there were too many.
    pub fn evicted(&self) -> u64 {
        self.keys.evicted()
    }

    /// How many events were forgotten because their key had too many.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// What has to be stored since the last time this was asked.
    pub fn changes(&mut self) -> Vec<StateChange> {
        self.keys.changes(&(self.watermark, self.dropped))
    }

    /// Goes on from all that is stored.
    ///
    /// # Errors
    ///
    /// When a row was written by a later version, or is damaged.
    pub fn restore<'r>(
        definition: SequenceDefinition,
        rows: impl IntoIterator<Item = (&'r [u8], u32, &'r [u8])>,
    ) -> Result<Self, RestoreError> {
        let (keys, rule) = Keys::restore(definition.keys_max, definition.durable, rows)?;
        let (watermark, dropped) = rule.unwrap_or((i64::MIN, 0));
        Ok(Sequence { terms: Terms::of(definition), keys, watermark, dropped })
    }

    fn settle(&mut self, watermark: i64, said: &mut Vec<Occurrence>) {
        if watermark <= self.watermark {
            return;
        }
        self.watermark = watermark;
        while let Some((key, mut attempts)) = self.keys.pop_due(watermark) {
            attempts.settle(&self.terms, self.terms.subject(&key), watermark, said);
            if let Due::By(time) = attempts.due(&self.terms) {
                self.keys.put(&key, attempts, time);
            }
        }
    }
}

impl Terms {
    fn of(definition: SequenceDefinition) -> Self {
        let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX).max(1);
        let within = micros(definition.within);
        // Another second, because a first step may follow the next one within its second.
        let keep = within.saturating_add(micros(definition.reopen)).saturating_add(SECOND);
        Terms { steps: definition.steps.clamp(1, 63), within, keep, definition }
    }

    /// The highest number a step can have.
    fn last_step(&self) -> u8 {
        if self.definition.then_not { self.steps } else { self.steps - 1 }
    }

    fn subject<'a>(&'a self, key: &'a str) -> Subject<'a> {
        Subject { rule: &self.definition.rule, by: &self.definition.by, key }
    }

    /// Whether a step at `time` may follow one at `before`.
    fn follows(&self, before: i64, time: i64) -> bool {
        let (before, time) = (before.div_euclid(SECOND), time.div_euclid(SECOND));
        if self.definition.strict { before < time } else { before <= time }
    }
}

impl Attempts {
    fn take(
        &mut self,
        terms: &Terms,
        subject: Subject<'_>,
        step: Step,
        watermark: i64,
        dropped: &mut u64,
        said: &mut Vec<Occurrence>,
    ) -> Taken {
        let Err(mut place) = self.events.binary_search_by(|other| other.order().cmp(&step.order())) else {
            return Taken::Duplicate;
        };
        if self.events.len() >= EVENTS_MAX {
            self.events.drain(..EVENTS_MAX / 2);
            *dropped += EVENTS_MAX as u64 / 2;
            place = place.saturating_sub(EVENTS_MAX / 2);
        }
        if self.events.len() < 2 {
            self.events.reserve_exact(1);
        }
        let (time, number, event) = (step.entry.time, step.step, step.entry.event.clone());
        self.events.insert(place, step);
        let first = said.len();
        if time < watermark {
            if number == terms.steps {
                self.resolve(terms, subject, time, said);
            }
            self.cursor = self.cursor.min(time.saturating_sub(terms.within).saturating_sub(SECOND));
            self.settle(terms, subject, watermark, said);
        }
        if said.len() > first || !terms.definition.early || terms.definition.then_not || !self.has_all(terms)
        {
            return Taken::Absorbed;
        }
        // Only a sequence with the new event in it is new.
        for start in self.starts(time.saturating_sub(terms.within).saturating_sub(SECOND)) {
            if self.events.get(start).is_some_and(|one| one.claimed) {
                continue;
            }
            let Some(found) = self.complete(terms, start, |one| !one.claimed) else { continue };
            let entries = self.entries(&found);
            if entries.iter().any(|one| one.time == time && one.event == event) {
                let window = self.window(terms, start, &entries);
                for at in found {
                    if let Some(one) = self.events.get_mut(at) {
                        one.claimed = true;
                    }
                }
                self.say(subject, window, entries, false, said);
                break;
            }
        }
        Taken::Absorbed
    }

    /// Whether there is an event of each step that no sequence has.
    fn has_all(&self, terms: &Terms) -> bool {
        if self.events.len() < usize::from(terms.steps) {
            return false;
        }
        let wanted = (1_u64 << terms.steps) - 1;
        let mut seen = 0;
        self.events.iter().filter(|one| !one.used && !one.claimed).any(|one| {
            seen |= 1_u64 << one.step;
            seen & wanted == wanted
        })
    }

    /// First steps that are free, from a time on.
    fn starts(&self, from: i64) -> Vec<usize> {
        let first = self.events.partition_point(|one| one.entry.time < from);
        let free = |(_, one): &(usize, &Step)| one.step == 0 && !one.used;
        self.events.iter().enumerate().skip(first).filter(free).map(|(at, _)| at).collect()
    }

    /// The events of the sequence that begins with `start`, if it comes to its end.
    fn complete(&self, terms: &Terms, start: usize, free: impl Fn(&Step) -> bool) -> Option<Vec<usize>> {
        let begin = self.events.get(start)?.entry.time;
        let second = begin.div_euclid(SECOND).saturating_mul(SECOND);
        let first = self.events.partition_point(|one| one.entry.time < second);
        let end = begin.saturating_add(terms.within);
        let (mut found, mut before) = (vec![start], begin);
        for step in 1..=terms.last_step() {
            let next = self.events.iter().enumerate().skip(first).take_while(|(_, one)| one.entry.time < end);
            let mut next = next.filter(|(at, one)| {
                one.step == step
                    && !one.used
                    && free(one)
                    && !self.shares(&found, *at)
                    && terms.follows(before, one.entry.time)
            });
            let next = next.next();
            if step == terms.steps {
                return next.is_none().then_some(found);
            }
            let (at, one) = next?;
            found.push(at);
            before = one.entry.time;
        }
        Some(found)
    }

    /// Whether an event is in a sequence already, as another step.
    fn shares(&self, found: &[usize], at: usize) -> bool {
        let entry = |at: usize| self.events.get(at).map(|one| &one.entry);
        found.iter().any(|other| entry(*other) == entry(at))
    }

    fn entries(&self, found: &[usize]) -> Vec<Entry> {
        let mut entries: Vec<_> =
            found.iter().filter_map(|at| self.events.get(*at)).map(|one| one.entry.clone()).collect();
        entries.sort_by(|a, b| a.order().cmp(&b.order()));
        entries
    }

    fn window(&self, terms: &Terms, start: usize, entries: &[Entry]) -> (i64, i64) {
        let begin = self.events.get(start).map_or(0, |one| one.entry.time);
        let from = entries.first().map_or(begin, |one| one.time.min(begin));
        (from, begin.saturating_add(terms.within))
    }

    /// Decides every first step whose span ended up to the watermark, and puts away what nothing can change any more.
    fn settle(&mut self, terms: &Terms, subject: Subject<'_>, watermark: i64, said: &mut Vec<Occurrence>) {
        for start in self.starts(self.cursor) {
            let Some(begin) = self.events.get(start).map(|one| one.entry.time) else { break };
            if begin.saturating_add(terms.within) > watermark {
                break;
            }
            if let Some(found) = self.complete(terms, start, |_| true) {
                let entries = self.entries(&found);
                let window = self.window(terms, start, &entries);
                // All copies of an event, as whatever step, belong to the sequence now.
                for one in self.events.iter_mut().filter(|one| entries.contains(&one.entry)) {
                    one.used = true;
                }
                self.say(subject, window, entries, true, said);
            }
            self.cursor = begin.saturating_add(1);
        }
        self.settle_leftovers(terms, subject, watermark, said);
        self.told.retain(|told| !told.settled || told.from.saturating_add(terms.keep) > watermark);
        let gone = self.events.partition_point(|one| one.entry.time.saturating_add(terms.keep) <= watermark);
        self.events.drain(..gone);
    }

    /// Early sequences whose events went to others: they are settled as the one that took them.
    fn settle_leftovers(
        &mut self,
        terms: &Terms,
        subject: Subject<'_>,
        watermark: i64,
        said: &mut Vec<Occurrence>,
    ) {
        let decided = self.undecided(terms).unwrap_or(watermark.saturating_add(1));
        while let Some(at) = self.told.iter().position(|told| !told.settled && told.end < decided) {
            let mut told = self.told.remove(at);
            let over = |other: &&Told| other.settled && other.from < told.end && other.end > told.from;
            if let Some(over) = self.told.iter().rfind(over) {
                (told.from, told.end, told.events) = (over.from, over.end, over.events.clone());
            }
            (told.settled, told.revision) = (true, told.revision + 1);
            said.push(told.occurrence(subject));
            self.put(told);
        }
    }

    /// When the span ends of the first step that is decided next.
    fn undecided(&self, terms: &Terms) -> Option<i64> {
        let first = self.events.partition_point(|one| one.entry.time < self.cursor);
        let mut free = self.events.iter().skip(first).filter(|one| one.step == 0 && !one.used);
        free.next().map(|one| one.entry.time.saturating_add(terms.within))
    }

    fn say(
        &mut self,
        subject: Subject<'_>,
        (from, end): (i64, i64),
        events: Vec<Entry>,
        settled: bool,
        said: &mut Vec<Occurrence>,
    ) {
        let early = self.told.iter().position(|told| !told.settled && told.from < end && told.end > from);
        let told = if let Some(early) = early.filter(|_| settled) {
            let told = self.told.remove(early);
            Told { from, end, revision: told.revision + 1, settled, events, ..told }
        } else {
            // The last event made it.
            let mut id = events.last().map(|last| subject.mint(last)).unwrap_or_default();
            while self.told.iter().any(|told| told.id == id) {
                let mut parts = Parts::of("finding again");
                parts.text(&id);
                id = parts.uuid();
            }
            Told { id, from, end, revision: 0, settled, resolved: false, events }
        };
        said.push(told.occurrence(subject));
        self.put(told);
    }

    fn put(&mut self, told: Told) {
        let at = self.told.partition_point(|other| other.from <= told.from);
        self.told.insert(at, told);
    }

    /// What must not follow did, but arrived after that was settled.
    fn resolve(&mut self, terms: &Terms, subject: Subject<'_>, time: i64, said: &mut Vec<Occurrence>) {
        for told in self.told.iter_mut().filter(|told| told.settled && !told.resolved) {
            let last = told.events.last().map_or(told.from, |last| last.time);
            if terms.follows(last, time) && time < told.end {
                (told.resolved, told.revision) = (true, told.revision + 1);
                said.push(told.occurrence(subject));
            }
        }
    }

    fn due(&self, terms: &Terms) -> Due {
        let undecided = self.undecided(terms);
        // An early one waits for the first steps that may take its place.
        let waits = |told: &Told| undecided.is_some_and(|time| time <= told.end);
        let early = self.told.iter().filter(|told| !told.settled && !waits(told)).map(|told| told.end).min();
        let first = self.events.first().map(|one| one.entry.time).into_iter();
        let oldest = first.chain(self.told.iter().filter(|told| told.settled).map(|told| told.from)).min();
        let oldest = oldest.map(|time| time.saturating_add(terms.keep));
        [undecided, early, oldest].into_iter().flatten().min().map_or(Due::Never, Due::By)
    }
}

impl Step {
    fn order(&self) -> (i64, &cloudtrail::EventId, u8) {
        (self.entry.time, &self.entry.event, self.step)
    }
}

impl Told {
    fn occurrence(&self, subject: Subject<'_>) -> Occurrence {
        let state = if self.resolved { State::Resolved } else { State::Firing };
        let mut one = subject.occurrence(self.id.clone(), (self.from, self.end), state, &self.events);
        (one.revision, one.settled) = (self.revision, self.settled);
        one
    }
}
