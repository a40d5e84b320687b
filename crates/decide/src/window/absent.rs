//! What should come by, and did not.
//!
//! A key's sightings are held as runs: stretches in which no two neighbours are `within` or more apart. Between two runs
//! something was absent. Runs merge whatever order sightings arrive in, so only the gap behind the first run has to be
//! asked about, and that is closed or decided once the lanes have told everything up to its deadline.
//!
//! Three answers:
//!
//! | the lanes that carry the key | answer |
//! |---|---|
//! | proved that nothing came until the deadline | firing |
//! | showed a sighting, before the deadline or after | resolved, where something was said before |
//! | are silent, or were never heard of | unknown, unless the rule accepts that as proof |
//!
//! An unknown becomes firing or resolved when the lanes speak again. The finding's window begins with the last sighting.

use std::time::Duration;

use cloudtrail::{EventId, EventTime};
use serde::{Deserialize, Serialize};

use crate::finding::State;
use crate::identity::{FindingId, Parts};
use crate::progress::Watermark;
use crate::signal::{Signal, WindowKey};
use crate::window::event::Entry;
use crate::window::keyed::{Due, Keys, RestoreError, StateChange, StoredRow};
use crate::window::occurrence::{Occurrence, Subject};
use crate::window::windows::{Bounds, Taken, in_order};

/// What gives an absence its meaning.
#[derive(Debug, Clone)]
pub struct AbsentDefinition {
    /// The rule's id.
    pub rule: Box<str>,
    /// The key's paths.
    pub per: Box<[Box<str>]>,
    /// How long nothing may come.
    pub within: Duration,
    /// Whether a key is expected because it was seen. Else only those count that [`Absent::expect`] names.
    pub expect_seen: bool,
    /// Whether silence of a lane, assumed to mean that nothing happened, is proof enough.
    pub accept_assumed: bool,
    /// How long after the deadline to answer unknown where no lane carries the key; the greatest lateness is right.
    pub patience: Duration,
}

/// One absence rule with the state of its keys.
#[derive(Debug, Clone)]
pub struct Absent {
    terms: Terms,
    keys: Keys<Runs>,
}

#[derive(Debug, Clone)]
struct Terms {
    definition: AbsentDefinition,
    within: i64,
    patience: i64,
}

/// The state of one key.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Runs {
    /// In order; never empty. Gaps before the first are decided.
    runs: Vec<Run>,
    /// What was said of the gap behind the first run.
    told: Option<Box<Told>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Run {
    /// The first sighting; none where a key was expected before it was ever seen.
    first: Option<Entry>,
    from: i64,
    last: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Told {
    id: FindingId,
    from: i64,
    revision: u32,
    state: Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Answer {
    Firing,
    Unknown,
}

impl Absent {
    /// With no key expected.
    pub fn new(definition: AbsentDefinition, bounds: Bounds) -> Self {
        Absent { terms: Terms::of(definition), keys: Keys::new(bounds.keys_max, bounds.durable, |_| 0) }
    }

    /// Hash of what gives the state its meaning: state of another meaning must not be restored.
    pub fn meaning(&self) -> [u8; 32] {
        let mut parts = Parts::of("absent");
        self.terms.definition.per.iter().for_each(|path| parts.text(path));
        parts.text(&self.terms.within.to_string());
        parts.digest()
    }

    /// Expects a key from `since` on: one of a list, or of the organization. One that is expected already goes on as it is.
    pub fn expect(&mut self, key: &WindowKey, since: EventTime) {
        let since = since.as_micros();
        let within = self.terms.within;
        let run = Run { first: None, from: since, last: since };
        let create = || Runs { runs: vec![run], told: None };
        self.keys.with(key.text().as_bytes(), create, |runs| ((), runs.due(within)));
    }

    /// Expects a key no longer: it left the list. What was said of it is resolved.
    pub fn dismiss(&mut self, key: &WindowKey, said: &mut Vec<Occurrence>) {
        if self.keys.get(key.text().as_bytes()).is_none() {
            return;
        }
        let terms = &self.terms;
        let create = || Runs { runs: Vec::new(), told: None };
        self.keys.with(key.text().as_bytes(), create, |runs| {
            runs.resolve(terms, terms.subject(key.text()), None, said);
            ((), Due::Never)
        });
    }

    /// Takes a sighting, in any order.
    pub fn take(&mut self, signal: &Signal, said: &mut Vec<Occurrence>) -> Taken {
        let key = signal.key.text();
        if !self.terms.definition.expect_seen && self.keys.get(key.as_bytes()).is_none() {
            return Taken::Absorbed;
        }
        let (terms, sighting) = (&self.terms, Entry::of(signal));
        let create = || Runs { runs: Vec::new(), told: None };
        self.keys.with(key.as_bytes(), create, |runs| {
            let first = said.len();
            let taken = runs.see(terms, terms.subject(key), &sighting, said);
            let taken = if said.len() > first { Taken::Fired } else { taken };
            (taken, runs.due(terms.within))
        })
    }

    /// Decides what is due by `now`, each key by what its own lanes have told: `watermark` of the key, or
    /// [`Watermark::nothing`] where none carries it.
    pub fn advance(
        &mut self,
        now: EventTime,
        watermark: impl Fn(&WindowKey) -> Watermark,
        said: &mut Vec<Occurrence>,
    ) {
        self.decide(now.as_micros(), watermark, said);
    }

    /// Decides up to the end of a history, which is `end` and was told in full.
    pub fn finish(&mut self, end: EventTime, said: &mut Vec<Occurrence>) {
        self.decide(end.as_micros(), |_| Watermark::at(end), said);
    }

    /// How many keys are expected.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// How many keys lost their state because there were too many.
    pub fn evicted(&self) -> u64 {
        self.keys.evicted()
    }

    /// What has to be stored since the last time this was asked.
    pub fn changes(&mut self) -> Vec<StateChange> {
        self.keys.changes(&())
    }

    /// Goes on from all that is stored.
    ///
    /// # Errors
    ///
    /// When a row was written by a later version, or is damaged.
    pub fn restore<'r>(
        definition: AbsentDefinition,
        bounds: Bounds,
        rows: impl IntoIterator<Item = StoredRow<'r>>,
    ) -> Result<Self, RestoreError> {
        let (keys, _) = Keys::restore::<()>(bounds.keys_max, bounds.durable, |_| 0, rows)?;
        Ok(Absent { terms: Terms::of(definition), keys })
    }

    /// When a key was last seen, and until when it is waited for.
    pub(crate) fn explain(&self, key: &WindowKey) -> Option<String> {
        let runs = self.keys.get(key.text().as_bytes())?;
        let run = runs.runs.last()?;
        let last = EventTime::from_micros(run.last);
        let until = EventTime::from_micros(run.last.saturating_add(self.terms.within));
        let seen = if run.first.is_some() { "last seen" } else { "not seen since it is expected," };
        Some(format!("{seen} at {last}; something must come before {until}"))
    }

    fn decide(&mut self, now: i64, watermark: impl Fn(&WindowKey) -> Watermark, said: &mut Vec<Occurrence>) {
        let terms = &self.terms;
        let (first, mut told) = (said.len(), Vec::new());
        self.keys.settle_due(now, |time, name, runs| {
            let before = said.len();
            let key = WindowKey::from_text(&String::from_utf8_lossy(name));
            runs.decide(terms, terms.subject(key.text()), watermark(&key), now, said);
            if said.len() > before {
                told.push((time, before));
            }
            runs.due(terms.within)
        });
        in_order(said, first, told);
    }
}

impl Terms {
    fn of(definition: AbsentDefinition) -> Self {
        let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        let (within, patience) = (micros(definition.within).max(1), micros(definition.patience));
        Terms { definition, within, patience }
    }

    fn subject<'a>(&'a self, key: &'a str) -> Subject<'a> {
        Subject { rule: &self.definition.rule, by: &self.definition.per, key }
    }
}

impl Runs {
    fn see(
        &mut self,
        terms: &Terms,
        subject: Subject<'_>,
        sighting: &Entry,
        said: &mut Vec<Occurrence>,
    ) -> Taken {
        let time = sighting.time;
        if self.runs.first().is_some_and(|run| time < run.from && run.first.is_none()) {
            // Before the key was expected.
            return Taken::Late;
        }
        let after = self.runs.partition_point(|run| run.from <= time);
        let joins = |run: &Run| time.saturating_sub(run.last) < terms.within;
        if let Some(run) = after.checked_sub(1).and_then(|at| self.runs.get_mut(at)).filter(|run| joins(run))
        {
            run.last = run.last.max(time);
        } else {
            if after == 0 && self.told.is_some() {
                return Taken::Late;
            }
            self.runs.insert(after, Run { first: Some(sighting.clone()), from: time, last: time });
        }
        // A run may now reach the next, or the next may reach back to a run just begun.
        let mut at = 0;
        while let (Some(run), Some(next)) = (self.runs.get(at), self.runs.get(at + 1)) {
            if next.from.saturating_sub(run.last) < terms.within {
                let last = run.last.max(next.last);
                self.runs.remove(at + 1);
                if let Some(run) = self.runs.get_mut(at) {
                    run.last = last;
                }
            } else {
                at += 1;
            }
        }
        // A sighting that moved the end of the first run says that the gap told of was none.
        let moved =
            self.told.as_ref().is_some_and(|told| self.runs.first().is_some_and(|run| run.last != told.from));
        if moved {
            self.resolve(terms, subject, Some(sighting), said);
        } else if self.told.as_ref().is_some_and(|told| told.state == Answer::Firing) {
            self.pass_gap(terms, subject, said);
        }
        Taken::Absorbed
    }

    fn decide(
        &mut self,
        terms: &Terms,
        subject: Subject<'_>,
        mark: Watermark,
        now: i64,
        said: &mut Vec<Occurrence>,
    ) {
        let proved = if terms.definition.accept_assumed { mark.assumed } else { mark.firm };
        while let Some(run) = self.runs.first() {
            let (from, deadline) = (run.last, run.last.saturating_add(terms.within));
            if self.told.as_ref().is_some_and(|told| told.state == Answer::Firing) {
                break;
            }
            if proved.as_micros() >= deadline {
                self.say(terms, subject, from, Answer::Firing, said);
                if !self.pass_gap(terms, subject, said) {
                    break;
                }
                continue;
            }
            let unheard = mark == Watermark::nothing() && now >= deadline.saturating_add(terms.patience);
            let silent = unheard || mark.assumed.as_micros() >= deadline;
            if silent && self.told.is_none() {
                self.say(terms, subject, from, Answer::Unknown, said);
            }
            break;
        }
    }

    /// After a gap that fired, the next run resolves it and is the first one then.
    fn pass_gap(&mut self, terms: &Terms, subject: Subject<'_>, said: &mut Vec<Occurrence>) -> bool {
        if self.runs.len() < 2 {
            return false;
        }
        let by = self.runs.get(1).and_then(|run| run.first.clone());
        self.resolve(terms, subject, by.as_ref(), said);
        self.runs.remove(0);
        true
    }

    fn say(
        &mut self,
        terms: &Terms,
        subject: Subject<'_>,
        from: i64,
        answer: Answer,
        said: &mut Vec<Occurrence>,
    ) {
        let told = self.told.take().map(|told| Told { revision: told.revision + 1, state: answer, ..*told });
        let told = told.unwrap_or_else(|| {
            // Nothing made it but the time: the id is that of the gap.
            let mut parts = Parts::of("absence");
            parts.text(subject.rule);
            parts.text(subject.key);
            parts.text(&EventTime::from_micros(from).to_string());
            Told { id: parts.uuid(), from, revision: 0, state: answer }
        });
        let state = match answer {
            Answer::Firing => State::Firing,
            Answer::Unknown => State::Unknown,
        };
        let mut one = subject.occurrence(told.id, (from, from.saturating_add(terms.within)), state, []);
        (one.revision, one.settled) = (told.revision, answer == Answer::Firing);
        said.push(one);
        self.told = Some(Box::new(told));
    }

    fn resolve(
        &mut self,
        terms: &Terms,
        subject: Subject<'_>,
        by: Option<&Entry>,
        said: &mut Vec<Occurrence>,
    ) {
        let Some(told) = self.told.take() else { return };
        let window = (told.from, told.from.saturating_add(terms.within));
        // It is resolved by whichever sighting arrives first, so that is no part of the fingerprint.
        let mut one = subject.occurrence(told.id, window, State::Resolved, []);
        one.revision = told.revision + 1;
        if let Some(by) = by {
            let time = Some(EventTime::from_micros(by.time));
            (one.count, one.first_time, one.last_time) = (1, time, time);
            one.event_ids.push(EventId::from(&by.event));
            one.severity = Some(by.severity);
            one.records.push(by.handle());
        }
        said.push(one);
    }

    /// What fired waits for a sighting, not for a time.
    fn due(&self, within: i64) -> Due {
        match (self.runs.first(), &self.told) {
            (None, _) => Due::Never,
            (Some(_), Some(told)) if told.state == Answer::Firing => Due::By(i64::MAX),
            (Some(run), _) => Due::By(run.last.saturating_add(within)),
        }
    }
}
