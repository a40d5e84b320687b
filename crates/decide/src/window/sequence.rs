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

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::finding::State;
use crate::identity::{FindingId, Fingerprint, Parts};
use crate::signal::{Part, Signal};
use crate::window::event::{Entry, insert};
use crate::window::keyed::Due;
use crate::window::occurrence::{Occurrence, Subject};
use crate::window::windows::{Kind, Taken, Turn};

/// Up to how many events of a key are kept.
const EVENTS_MAX: usize = 4_096;
/// Up to how many events every start is tried for an early occurrence; beyond, only the last that can lead to the end.
const TRIED_MAX: usize = 64;
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
///
/// Which step an event is and who has it stands apart from the event in `marks`, a byte or two each, so that a look through
/// thousands of events reads a few kilobytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Attempts {
    /// By time, then event, then step.
    #[serde(rename = "e")]
    events: Vec<Entry>,
    /// As many.
    #[serde(rename = "m")]
    marks: Vec<Mark>,
    /// Said and not settled, by where they end.
    early: VecDeque<Told>,
    /// Settled, by where they begin.
    told: VecDeque<Told>,
    /// First steps before this are decided, but for events that are late.
    #[serde(rename = "c")]
    cursor: i64,
    /// How many events of each step no sequence has; counted when somebody asks.
    #[serde(skip)]
    open: Option<Box<[u16; 64]>>,
}

/// The step an event is, and whether a sequence has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Mark(u16);

impl Mark {
    /// A settled sequence has the event.
    const USED: u16 = 1 << 8;
    /// An early one has it: the next early one is made of others.
    const CLAIMED: u16 = 1 << 9;
    /// An occurrence has its id from it.
    const MINTED: u16 = 1 << 10;

    fn step(self) -> u8 {
        self.0.to_le_bytes()[0]
    }

    fn is(self, what: u16) -> bool {
        self.0 & what != 0
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Told {
    id: FindingId,
    from: i64,
    end: i64,
    revision: u32,
    settled: bool,
    resolved: bool,
    events: Vec<Entry>,
    /// What is hashed of it while it stands; worked out anew after a restart.
    #[serde(skip)]
    fingerprint: Option<Fingerprint>,
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
        let free = |mark: &&Mark| !mark.is(Mark::USED | Mark::CLAIMED);
        attempts.marks.iter().filter(free).count() as u64
    }

    fn create(&self) -> Attempts {
        Attempts {
            events: Vec::new(),
            marks: Vec::new(),
            early: VecDeque::new(),
            told: VecDeque::new(),
            cursor: i64::MIN,
            open: None,
        }
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

    /// Which steps were seen, and which is missing.
    pub(crate) fn explain(&self, attempts: &Attempts) -> String {
        let last = attempts.events.last().map_or(i64::MIN, |last| last.time);
        let first = attempts.events.partition_point(|one| one.time < self.since(last));
        let seen = |step: u8| {
            let free = |mark: &Mark| mark.step() == step && !mark.is(Mark::USED | Mark::CLAIMED);
            attempts.marks.get(first..).unwrap_or_default().iter().any(free)
        };
        let listed = |wanted: bool| {
            let steps = (0..self.steps).filter(|step| seen(*step) == wanted);
            steps.map(|step| (step + 1).to_string()).collect::<Vec<_>>().join(", ")
        };
        match (listed(true), listed(false)) {
            (_, missing) if missing.is_empty() => {
                format!("all {} steps are there, but not in their order within the span", self.steps)
            }
            (there, missing) if there.is_empty() => format!("no step is there; missing: {missing}"),
            (there, missing) => format!("of {} steps there: {there}; missing: {missing}", self.steps),
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
        let Err(mut place) = self.search(&entry, step) else { return Taken::Duplicate };
        if self.events.len() >= EVENTS_MAX {
            *turn.dropped += self.make_room();
            place = self.search(&entry, step).unwrap_or_else(|place| place);
        }
        let (time, event) = (entry.time, entry.event.clone());
        insert(&mut self.events, place, entry);
        insert(&mut self.marks, place, Mark(u16::from(step)));
        self.count_open(step, 1);
        let first = turn.said.len();
        if time < turn.watermark {
            if step == terms.steps {
                self.resolve(terms, subject, time, turn.said);
            }
            self.cursor = self.cursor.min(terms.since(time));
            self.settle(terms, subject, turn.watermark, turn.said);
        }
        if turn.said.len() == first && terms.definition.early && !terms.definition.then_not {
            // Only a sequence with the new event in it is new.
            if let Some(found) = self.early_with(terms, step, time) {
                let entries = self.entries(&found);
                if entries.iter().any(|one| one.time == time && one.event == event) {
                    self.say(terms, subject, &found, entries, false, turn.said);
                }
            }
        }
        if turn.said.len() > first { Taken::Fired } else { Taken::Absorbed }
    }

    fn search(&self, entry: &Entry, step: u8) -> Result<usize, usize> {
        // Most signals come in order.
        if self.events.last().is_none_or(|last| last.order() < entry.order()) {
            return Err(self.events.len());
        }
        let mut at = self.events.partition_point(|other| other.order() < entry.order());
        while let (Some(other), Some(mark)) = (self.events.get(at), self.marks.get(at)) {
            if other.order() != entry.order() || mark.step() > step {
                break;
            }
            if mark.step() == step {
                return Ok(at);
            }
            at += 1;
        }
        Err(at)
    }

    /// Forgets settled events, and if those are not enough the older half. Gives how many were not settled.
    fn make_room(&mut self) -> u64 {
        let keep: Vec<bool> = self.marks.iter().map(|mark| !mark.is(Mark::USED)).collect();
        let mut flags = keep.iter().copied();
        self.events.retain(|_| flags.next().unwrap_or(true));
        let mut flags = keep.into_iter();
        self.marks.retain(|_| flags.next().unwrap_or(true));
        self.open = None;
        if self.events.len() * 4 <= EVENTS_MAX * 3 {
            return 0;
        }
        let half = self.events.len() / 2;
        self.events.drain(..half);
        self.marks.drain(..half);
        half as u64
    }

    /// Whether a busy key has no event to spare for a step other than this one: then a look through them all is in vain.
    fn lacks_a_step(&mut self, terms: &Sequence, step: u8) -> bool {
        if self.events.len() <= TRIED_MAX {
            return false;
        }
        let free = self.marks.iter().filter(|mark| !mark.is(Mark::USED | Mark::CLAIMED));
        let open = self.open.get_or_insert_with(|| {
            let mut open = Box::new([0; 64]);
            for mark in free {
                if let Some(count) = open.get_mut(usize::from(mark.step())) {
                    *count += 1;
                }
            }
            open
        });
        let steps = open.iter().take(usize::from(terms.steps)).enumerate();
        steps.into_iter().any(|(at, count)| *count == 0 && at != usize::from(step))
    }

    /// Keeps the count of events to spare.
    fn count_open(&mut self, step: u8, change: i16) {
        if let Some(count) = self.open.as_mut().and_then(|open| open.get_mut(usize::from(step))) {
            *count = count.saturating_add_signed(change);
        }
    }

    /// A complete sequence of events no other has, around a new event.
    fn early_with(&mut self, terms: &Sequence, step: u8, time: i64) -> Option<Vec<usize>> {
        if self.lacks_a_step(terms, step) {
            return None;
        }
        let taken = Mark::USED | Mark::CLAIMED;
        // An event of each step must be there; mostly one is not.
        let (wanted, mut seen) = ((1_u64 << terms.steps) - 1, 1_u64 << step);
        let complete = self.marks.iter().rposition(|mark| {
            if !mark.is(taken) {
                seen |= 1 << mark.step().min(63);
            }
            seen & wanted == wanted
        })?;
        if self.events.get(complete).is_none_or(|one| one.time < terms.since(time)) {
            return None;
        }
        let first = self.events.partition_point(|one| one.time < terms.since(time));
        let recent = self.marks.get(first..).unwrap_or_default();
        let free = |(at, mark): (usize, &Mark)| (!mark.is(taken)).then_some((first + at, mark.step()));
        let starts = || recent.iter().enumerate().filter_map(free).filter(|(_, step)| *step == 0);
        if starts().nth(TRIED_MAX).is_none() {
            let has_new = |found: &Vec<usize>| {
                found.iter().any(|at| {
                    self.events.get(*at).is_some_and(|one| one.time == time)
                        && self.marks.get(*at).is_some_and(|mark| mark.step() == step)
                })
            };
            return starts().find_map(|(at, _)| self.complete(terms, at, taken).filter(has_new));
        }
        // One pass: the latest start from which each step was reached.
        let mut reached = vec![None; usize::from(terms.steps)];
        for (at, step) in recent.iter().enumerate().filter_map(free) {
            let Some(time) = self.events.get(at).map(|one| one.time) else { break };
            let from = if step == 0 {
                Some(at)
            } else {
                let before = reached.get(usize::from(step) - 1).copied().flatten();
                before.filter(|start: &usize| {
                    self.events.get(*start).is_some_and(|one| time < one.time.saturating_add(terms.within))
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
    fn complete(&self, terms: &Sequence, start: usize, taken: u16) -> Option<Vec<usize>> {
        let begin = self.events.get(start)?.time;
        let second = begin.div_euclid(SECOND).saturating_mul(SECOND);
        let end = begin.saturating_add(terms.within);
        let (mut found, mut before) = (Vec::with_capacity(usize::from(terms.steps)), begin);
        found.push(start);
        for step in 1..=terms.last_step() {
            // A step may stand before the one it follows only within its second.
            let earliest = second.max(before.div_euclid(SECOND).saturating_mul(SECOND));
            let first = self.first_from(earliest, found.last().copied().unwrap_or(start));
            let next = self.marks.get(first..)?.iter().enumerate().map(|(at, mark)| (first + at, mark));
            let next = next.filter(|(_, mark)| mark.step() == step && !mark.is(taken | Mark::USED));
            let next = next
                .filter_map(|(at, _)| Some((at, self.events.get(at)?.time)))
                .take_while(|(_, time)| *time < end)
                .find(|(at, time)| !self.shares(&found, *at) && terms.follows(before, *time));
            if step == terms.steps {
                return next.is_none().then_some(found);
            }
            let (at, time) = next?;
            found.push(at);
            before = time;
        }
        Some(found)
    }

    /// The place of the first event that is not before a time, which the one at `near` is not: mostly it is that one.
    fn first_from(&self, time: i64, near: usize) -> usize {
        let before = self.events.get(..near).unwrap_or_default();
        match before.iter().rev().take(8).position(|one| one.time < time) {
            Some(back) => near - back,
            None => before.partition_point(|one| one.time < time),
        }
    }

    /// Where an event stands, as its first step. Mostly it came just now.
    fn place_of(&self, entry: &Entry) -> usize {
        let newest = self.events.iter().rev().take(8);
        match newest.rev().position(|other| other.order() == entry.order()) {
            Some(at) if at > 0 || self.events.len() <= 8 => self.events.len().saturating_sub(8) + at,
            _ => self.events.partition_point(|other| other.order() < entry.order()),
        }
    }

    /// Whether an event is in a sequence already, as another step.
    fn shares(&self, found: &[usize], at: usize) -> bool {
        let order = |at: usize| self.events.get(at).map(Entry::order);
        found.iter().any(|other| order(*other) == order(at))
    }

    fn entries(&self, found: &[usize]) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(found.len());
        entries.extend(found.iter().filter_map(|at| self.events.get(*at)).cloned());
        entries.sort_by(|a, b| a.order().cmp(&b.order()));
        entries
    }

    /// Decides every first step whose span ended up to the watermark, and puts away what nothing can change any more.
    fn settle(&mut self, terms: &Sequence, subject: Subject<'_>, watermark: i64, said: &mut Vec<Occurrence>) {
        let mut at = self.events.partition_point(|one| one.time < self.cursor);
        while let (Some(mark), Some(begin)) = (self.marks.get(at), self.events.get(at).map(|one| one.time)) {
            if mark.step() != 0 || mark.is(Mark::USED) {
                at += 1;
                continue;
            }
            if begin.saturating_add(terms.within) > watermark {
                break;
            }
            if let Some(found) = self.complete(terms, at, 0) {
                let entries = self.entries(&found);
                self.use_up(&entries);
                self.say(terms, subject, &found, entries, true, said);
            }
            self.cursor = begin.saturating_add(1);
            at += 1;
        }
        self.settle_leftovers(terms, subject, watermark, said);
        while self.told.front().is_some_and(|told| told.from.saturating_add(terms.keep) <= watermark) {
            self.told.pop_front();
        }
        let gone = self.events.partition_point(|one| one.time.saturating_add(terms.keep) <= watermark);
        if gone > 0 {
            self.events.drain(..gone);
            self.marks.drain(..gone);
            self.open = None;
        }
        if self.events.len() * 4 < self.events.capacity() {
            self.events.shrink_to_fit();
            self.marks.shrink_to_fit();
        }
    }

    /// Says that a sequence has an event.
    fn mark(&mut self, at: usize, what: u16) {
        let Some(mark) = self.marks.get_mut(at) else { return };
        let (step, was_free) = (mark.step(), !mark.is(Mark::USED | Mark::CLAIMED));
        mark.0 |= what;
        if was_free {
            self.count_open(step, -1);
        }
    }

    /// All copies of an event, as whatever step, belong to the sequence now.
    fn use_up(&mut self, entries: &[Entry]) {
        for entry in entries {
            let mut at = self.place_of(entry);
            while self.events.get(at).is_some_and(|other| other.order() == entry.order()) {
                self.mark(at, Mark::USED);
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
        while let Some(mut told) = self.early.pop_front_if(|told| told.end < decided) {
            let over = |other: &&Told| other.from < told.end && other.end > told.from;
            if let Some(over) = self.told_since(terms, told.from).rfind(over) {
                (told.from, told.end, told.events) = (over.from, over.end, over.events.clone());
            }
            (told.settled, told.revision, told.fingerprint) = (true, told.revision + 1, None);
            said.push(told.occurrence(subject));
            self.put(told);
        }
    }

    /// When the span ends of the first step that is decided next.
    fn undecided(&self, terms: &Sequence) -> Option<i64> {
        let first = self.events.partition_point(|one| one.time < self.cursor);
        let free = |mark: &Mark| mark.step() == 0 && !mark.is(Mark::USED);
        let at = self.marks.get(first..)?.iter().position(free)?;
        self.events.get(first + at).map(|one| one.time.saturating_add(terms.within))
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
        let begin = found.first().and_then(|at| self.events.get(*at)).map_or(0, |one| one.time);
        let from = events.first().map_or(begin, |one| one.time.min(begin));
        let end = begin.saturating_add(terms.within);
        if !settled {
            for at in found {
                self.mark(*at, Mark::CLAIMED);
            }
        }
        let overlaps = |told: &&Told| told.from < end && told.end > from;
        // They are in the order of their ends, and those that ended before are settled.
        let early = self.early.iter().filter(|_| settled).position(|told| overlaps(&told));
        let mut told = if let Some(told) = early.and_then(|at| self.early.remove(at)) {
            let same = (told.from, told.end) == (from, end) && told.events == events;
            let fingerprint = told.fingerprint.filter(|_| same);
            Told { from, end, revision: told.revision + 1, settled, events, fingerprint, ..told }
        } else {
            let id = self.mint(subject, &events);
            Told { id, from, end, revision: 0, settled, resolved: false, events, fingerprint: None }
        };
        said.push(told.occurrence(subject));
        self.put(told);
    }

    /// An id from the last of the events, which made it.
    fn mint(&mut self, subject: Subject<'_>, events: &[Entry]) -> FindingId {
        let Some(last) = events.last() else { return FindingId::default() };
        let mut id = subject.mint(last);
        let at = self.place_of(last);
        if let Some(mark) = self.marks.get_mut(at) {
            if mark.is(Mark::MINTED) {
                while self.told.iter().chain(&self.early).any(|told| told.id == id) {
                    id = id.again();
                }
            }
            mark.0 |= Mark::MINTED;
        }
        id
    }

    fn put(&mut self, told: Told) {
        // Mostly it is the last.
        if told.settled {
            match self.told.back() {
                Some(last) if last.from > told.from => {
                    let at = self.told.partition_point(|other| other.from <= told.from);
                    self.told.insert(at, told);
                }
                _ => self.told.push_back(told),
            }
        } else {
            match self.early.back() {
                Some(last) if last.end > told.end => {
                    let at = self.early.partition_point(|other| other.end <= told.end);
                    self.early.insert(at, told);
                }
                _ => self.early.push_back(told),
            }
        }
    }

    /// The place of the first settled sequence that may end after a time: none is longer than the span and a second.
    fn told_from(&self, terms: &Sequence, time: i64) -> usize {
        let since = terms.since(time);
        self.told.partition_point(|told| told.from < since)
    }

    fn told_since(&self, terms: &Sequence, time: i64) -> impl DoubleEndedIterator<Item = &Told> {
        self.told.range(self.told_from(terms, time)..)
    }

    /// What must not follow did, but arrived after that was settled.
    fn resolve(&mut self, terms: &Sequence, subject: Subject<'_>, time: i64, said: &mut Vec<Occurrence>) {
        let first = self.told_from(terms, time);
        for told in self.told.range_mut(first..).filter(|told| !told.resolved) {
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
        let early = self.early.front().filter(|told| !waits(told)).map(|told| told.end);
        let first = self.events.first().map(|one| one.time);
        let oldest = first.into_iter().chain(self.told.front().map(|told| told.from)).min();
        let oldest = oldest.map(|time| time.saturating_add(terms.keep));
        [undecided, early, oldest].into_iter().flatten().min().map_or(Due::Never, Due::By)
    }
}

impl Told {
    fn occurrence(&mut self, subject: Subject<'_>) -> Occurrence {
        let state = if self.resolved { State::Resolved } else { State::Firing };
        let window = (self.from, self.end);
        let fingerprint =
            *self.fingerprint.get_or_insert_with(|| subject.fingerprint(window, state, &self.events));
        let mut one = subject.occurrence_known_by(fingerprint, self.id, window, state, &self.events);
        (one.revision, one.settled) = (self.revision, self.settled);
        one
    }
}
