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

mod events;
mod search;
mod told;

use std::collections::VecDeque;
use std::time::Duration;

use cloudtrail::EventTime;
use serde::{Deserialize, Serialize};

use crate::identity::{FindingId, Parts};
use crate::signal::{Part, Signal};
use crate::window::event::Entry;
use crate::window::keyed::Due;
use crate::window::occurrence::{Occurrence, Subject};
use crate::window::windows::{Kind, Taken, Turn};

use events::{Events, Mark};
use told::{Said, Told};

/// Up to how many events of a key are kept.
const EVENTS_MAX: usize = 4_096;
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
}

/// Steps in order within a span: the definition with spans in microseconds.
#[derive(Debug, Clone)]
pub struct Sequence {
    definition: SequenceDefinition,
    steps: u8,
    within: i64,
    keep: i64,
}

/// The state of one key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Attempts {
    events: Events,
    said: Said,
    /// First steps before this are decided, but for events that are late.
    cursor: i64,
    /// Before this place no first step is left to decide.
    undecided: usize,
}

/// A state as it is written.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// By time, then event, then step.
    #[serde(rename = "e")]
    events: Vec<Entry>,
    /// As many.
    #[serde(rename = "m")]
    marks: Vec<Mark>,
    early: VecDeque<Told>,
    told: VecDeque<Told>,
    #[serde(rename = "c")]
    cursor: i64,
}

impl From<Attempts> for Stored {
    fn from(attempts: Attempts) -> Self {
        let Attempts { events, said, cursor, .. } = attempts;
        let (early, told) = said.into_lists();
        Stored { events: events.entries(), marks: events.marks().to_vec(), early, told, cursor }
    }
}

impl TryFrom<Stored> for Attempts {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let Stored { events, marks, early, told, cursor } = stored;
        if events.len() != marks.len() {
            return Err("there are not as many marks as events");
        }
        let events = Events::of(events, marks);
        let undecided = events.first_from(cursor);
        Ok(Attempts { events, said: Said::of(early, told), cursor, undecided })
    }
}

impl Kind for Sequence {
    type State = Attempts;

    fn meaning(&self) -> [u8; 32] {
        let (definition, mut parts) = (&self.definition, Parts::of("sequence"));
        definition.by.iter().for_each(|path| parts.text(path));
        parts.text(&format!("{} {}", self.steps, self.within));
        parts.text(&format!("{} {}", definition.then_not, definition.strict));
        parts.digest()
    }

    fn keep(&self) -> i64 {
        self.keep
    }

    fn wants(&self, signal: &Signal) -> bool {
        signal.part.step() <= self.last_step()
    }

    fn pending(attempts: &Attempts) -> u64 {
        attempts.events.marks().iter().filter(|mark| mark.is_free()).count() as u64
    }

    fn create(&self) -> Attempts {
        Attempts { events: Events::default(), said: Said::default(), cursor: i64::MIN, undecided: 0 }
    }

    fn take(&self, attempts: &mut Attempts, _name: &[u8], signal: &Signal, turn: &mut Turn<'_>) -> Taken {
        attempts.take(self, self.subject(signal.key.text()), signal, turn)
    }

    fn settle(&self, attempts: &mut Attempts, name: &[u8], turn: &mut Turn<'_>) {
        let key = String::from_utf8_lossy(name);
        attempts.settle(self, self.subject(&key), turn.watermark, turn.said);
    }

    fn due(&self, attempts: &Attempts) -> Due {
        attempts.due(self)
    }

    fn due_after(&self, _attempts: &Attempts, time: i64) -> Due {
        Due::By(time.saturating_add(self.within))
    }
}

impl Sequence {
    /// Checks nothing: what is out of range is brought into it.
    pub fn new(definition: SequenceDefinition) -> Self {
        let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX).max(1);
        let within = micros(definition.within);
        // Another second, because a first step may follow the next one within its second.
        let keep = within.saturating_add(micros(definition.reopen)).saturating_add(SECOND);
        Sequence { steps: definition.steps.clamp(1, 63), within, keep, definition }
    }

    /// The highest number a step can have.
    fn last_step(&self) -> u8 {
        if self.definition.then_not { self.steps } else { self.steps - 1 }
    }

    /// Which steps were seen, which is missing, and until when it may come: of the sequence under way that came farthest.
    pub(crate) fn explain(&self, attempts: &Attempts) -> String {
        let events = &attempts.events;
        let Some((begin, found)) = events.farthest(self) else {
            return "no sequence is under way: step 1 is missing".to_owned();
        };
        let time = |at: usize| EventTime::from_micros(events.time(at).unwrap_or(begin));
        let seen = |(step, at): (usize, &usize)| format!("step {} at {}", step + 1, time(*at));
        let steps: Vec<String> = found.iter().enumerate().take(usize::from(self.steps)).map(seen).collect();
        let (there, next) = (steps.join(", "), found.len() + 1);
        let end = EventTime::from_micros(begin.saturating_add(self.within));
        match found.get(usize::from(self.steps)) {
            Some(at) => format!("{there}; step {}, which must not follow, did at {}", next - 1, time(*at)),
            None if found.len() < usize::from(self.steps) => {
                format!("{there}; step {next} is missing, and must come before {end}")
            }
            None if self.definition.then_not => {
                format!("{there}; it fires unless step {next}, which must not follow, comes before {end}")
            }
            None => format!("{there}: all steps are there"),
        }
    }

    fn subject<'a>(&'a self, key: &'a str) -> Subject<'a> {
        Subject { rule: &self.definition.rule, by: &self.definition.by, key }
    }

    /// Whether a step at `time` may follow one at `before`.
    fn follows(&self, before: i64, time: i64) -> bool {
        let (before, time) = (before.div_euclid(SECOND), time.div_euclid(SECOND));
        if self.definition.strict { before < time } else { before <= time }
    }

    /// From when on an event can be in one sequence with one at `time`.
    fn since(&self, time: i64) -> i64 {
        time.saturating_sub(self.within).saturating_sub(SECOND)
    }
}

impl Attempts {
    fn take(
        &mut self,
        terms: &Sequence,
        subject: Subject<'_>,
        signal: &Signal,
        turn: &mut Turn<'_>,
    ) -> Taken {
        let Part::Step(step) = signal.part else { return Taken::Absorbed };
        let entry = Entry::of(signal);
        let Err(mut place) = self.events.search(entry.order(), step) else { return Taken::Duplicate };
        if self.events.len() >= EVENTS_MAX {
            *turn.dropped += self.make_room();
            place = self.events.search(entry.order(), step).unwrap_or_else(|place| place);
        }
        let (time, event) = (entry.time, entry.event.clone());
        self.events.insert(place, entry, step);
        if step == 0 && time >= self.cursor {
            self.undecided = self.undecided.min(place);
        } else if place < self.undecided {
            self.undecided += 1;
        }
        let first = turn.said.len();
        if time < turn.watermark {
            if step == terms.steps {
                self.resolve(terms, subject, time, turn.said);
            }
            self.decide_again_from(terms.since(time));
            self.settle(terms, subject, turn.watermark, turn.said);
        }
        if turn.said.len() == first && terms.definition.early && !terms.definition.then_not {
            // Only a sequence with the new event in it is new.
            if let Some(found) = self.events.early_with(terms, step, time) {
                let entries = self.entries(&found);
                if entries.iter().any(|one| one.time == time && one.event == event) {
                    self.say(terms, subject, &found, entries, false, turn.said);
                }
            }
        }
        if turn.said.len() > first { Taken::Fired } else { Taken::Absorbed }
    }

    /// A late event changes what was decided from here on.
    fn decide_again_from(&mut self, time: i64) {
        if time < self.cursor {
            self.cursor = time;
            self.undecided = self.events.first_from(time);
        }
    }

    /// Forgets settled events, and if those are not enough the older half. Gives how many were not settled.
    fn make_room(&mut self) -> u64 {
        self.events.forget_used();
        let mut lost = 0;
        if self.events.len() * 4 > EVENTS_MAX * 3 {
            lost = self.events.len() / 2;
            self.events.leave(lost);
        }
        self.undecided = self.events.first_from(self.cursor);
        lost as u64
    }

    fn entries(&self, found: &[usize]) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(found.len());
        entries.extend(found.iter().filter_map(|at| self.events.entry(*at)));
        entries.sort_by(|a, b| a.order().cmp(&b.order()));
        entries
    }

    /// Decides every first step whose span ended up to the watermark, and puts away what nothing can change any more.
    fn settle(&mut self, terms: &Sequence, subject: Subject<'_>, watermark: i64, said: &mut Vec<Occurrence>) {
        let mut at = self.undecided;
        while let (Some(mark), Some(begin)) = (self.events.marks().get(at), self.events.time(at)) {
            if mark.step() != 0 || mark.is(Mark::USED) {
                at += 1;
                continue;
            }
            if begin.saturating_add(terms.within) > watermark {
                break;
            }
            if let Some(found) = self.events.complete(terms, at, 0) {
                let entries = self.entries(&found);
                self.use_up(&entries);
                self.say(terms, subject, &found, entries, true, said);
            }
            self.cursor = begin.saturating_add(1);
            at += 1;
        }
        self.undecided = at;
        self.settle_leftovers(terms, subject, watermark, said);
        self.said.forget(terms, watermark);
        let old = |time: &i64| time.saturating_add(terms.keep) <= watermark;
        if self.events.times().first().is_some_and(old) {
            let gone = self.events.times().partition_point(old);
            self.events.leave(gone);
            self.undecided = self.undecided.saturating_sub(gone);
        }
    }

    /// All copies of an event, as whatever step, belong to the sequence now.
    fn use_up(&mut self, entries: &[Entry]) {
        for entry in entries {
            let mut at = self.events.first_of(entry.order());
            while self.events.order(at) == Some(entry.order()) {
                self.events.mark(at, Mark::USED);
                at += 1;
            }
        }
    }

    /// Early sequences whose events went to others: they are settled as the one that took them.
    fn settle_leftovers(
        &mut self,
        terms: &Sequence,
        subject: Subject<'_>,
        watermark: i64,
        said: &mut Vec<Occurrence>,
    ) {
        let decided = self.undecided(terms).unwrap_or(watermark.saturating_add(1));
        while let Some(mut told) = self.said.take_ended(decided) {
            if let Some(over) = self.said.over(terms, &told) {
                (told.from, told.end, told.events) = (over.from, over.end, over.events.clone());
            }
            (told.settled, told.revision, told.fingerprint) = (true, told.revision + 1, None);
            said.push(told.occurrence(subject));
            self.said.put(told);
        }
    }

    /// When the span ends of the first step that is decided next.
    fn undecided(&self, terms: &Sequence) -> Option<i64> {
        let free = |mark: &Mark| mark.step() == 0 && !mark.is(Mark::USED);
        let at = self.events.marks().get(self.undecided..)?.iter().position(free)?;
        self.events.time(self.undecided + at).map(|time| time.saturating_add(terms.within))
    }

    fn say(
        &mut self,
        terms: &Sequence,
        subject: Subject<'_>,
        found: &[usize],
        events: Vec<Entry>,
        settled: bool,
        said: &mut Vec<Occurrence>,
    ) {
        let begin = found.first().and_then(|at| self.events.time(*at)).unwrap_or(0);
        let from = events.first().map_or(begin, |one| one.time.min(begin));
        let end = begin.saturating_add(terms.within);
        if !settled {
            for at in found {
                self.events.mark(*at, Mark::CLAIMED);
            }
        }
        let early = if settled { self.said.take_over(from, end) } else { None };
        let mut told = if let Some(told) = early {
            let same = (told.from, told.end) == (from, end) && told.events == events;
            let fingerprint = told.fingerprint.filter(|_| same);
            Told { from, end, revision: told.revision + 1, settled, events, fingerprint, ..told }
        } else {
            let id = self.mint(subject, &events);
            Told { id, from, end, revision: 0, settled, resolved: false, events, fingerprint: None }
        };
        said.push(told.occurrence(subject));
        self.said.put(told);
    }

    /// An id from the last of the events, which made it.
    fn mint(&mut self, subject: Subject<'_>, events: &[Entry]) -> FindingId {
        let Some(last) = events.last() else { return FindingId::default() };
        let at = self.events.first_of(last.order());
        let was_minted = self.events.marks().get(at).is_some_and(|mark| mark.is(Mark::MINTED));
        let id = subject.mint_free(last, |id| was_minted && self.said.has(id));
        self.events.mark(at, Mark::MINTED);
        id
    }

    /// What must not follow did, but arrived after that was settled.
    fn resolve(&mut self, terms: &Sequence, subject: Subject<'_>, time: i64, said: &mut Vec<Occurrence>) {
        for told in self.said.settled_since(terms, time).filter(|told| !told.resolved) {
            let last = told.events.last().map_or(told.from, |last| last.time);
            if terms.follows(last, time) && time < told.end {
                (told.resolved, told.revision, told.fingerprint) = (true, told.revision + 1, None);
                said.push(told.occurrence(subject));
            }
        }
    }

    fn due(&self, terms: &Sequence) -> Due {
        let undecided = self.undecided(terms);
        // An early one waits for the first steps that may take its place.
        let waits = |told: &&Told| undecided.is_some_and(|time| time <= told.end);
        let early = self.said.first_early().filter(|told| !waits(told)).map(|told| told.end);
        let first = self.events.time(0);
        let oldest = first.into_iter().chain(self.said.first_settled().map(|told| told.from)).min();
        let oldest = oldest.map(|time| time.saturating_add(terms.keep));
        [undecided, early, oldest].into_iter().flatten().min().map_or(Due::Never, Due::By)
    }
}
