//! A value that was not seen before.
//!
//! Learning comes first: for `learn` from `begin` on, everything is taken as known. A value that is not seen for `forget`
//! is new again. Settled, a sighting is new when the one before it, in order of time, is `forget` or more away, or there
//! is none.
//!
//! **Which error is possible.** The set is exact: each value is held by 128 bits of SHA-256, so but for a collision of that
//! hash neither a known value is called new nor a new one known. The set is bounded by `keys_max`: at the limit the value
//! that would be forgotten soonest is given up and counted (`evicted`). From then on, and only then, a value that was given
//! up is called new when it returns; occurrences say so (`exact: false`). A service should raise the limit when it counts.
//!
//! Early: a new value is said at once. An earlier sighting that arrives afterwards moves the occurrence to it, or joins
//! the value to what was known before; then the settled revision says `resolved`: it was not new after all.

use std::sync::Arc;
use std::time::Duration;

use cloudtrail::EventTime;
use serde::{Deserialize, Serialize};

use crate::finding::State;
use crate::identity::Parts;
use crate::progress::Watermark;
use crate::window::event::{Entry, insert, strong_hash};
use crate::window::keyed::{Due, Keys, RestoreError, StateChange};
use crate::window::occurrence::{Occurrence, Subject};
use crate::window::signal::{KeyedSignal, Taken};

/// What gives a first-seen rule its meaning.
#[derive(Debug, Clone)]
pub struct FirstSeenDefinition {
    /// The rule's id.
    pub rule: Box<str>,
    /// The paths whose values together are new or known.
    pub of: Box<[Box<str>]>,
    /// For how long from `begin` on values are learnt.
    pub learn: Duration,
    /// After how long without a sighting a value is new again.
    pub forget: Duration,
    /// When the history begins: where a service first ran the rule, or a scan's first event.
    pub begin: EventTime,
    /// Whether new values are said while learning, as `cold`: what a scan of a few days wants. Else nothing is said.
    pub say_cold: bool,
    /// Whether to say it before it is settled. A scan wants settled occurrences only.
    pub early: bool,
    /// How many values are kept; see [`KEYS_MAX`](crate::KEYS_MAX).
    pub keys_max: usize,
    /// Whether [`FirstSeen::changes`] will be asked for.
    pub durable: bool,
}

/// One first-seen rule with the values it knows.
#[derive(Debug, Clone)]
pub struct FirstSeen {
    terms: Terms,
    values: Keys<Value>,
    watermark: i64,
}

#[derive(Debug, Clone)]
struct Terms {
    definition: FirstSeenDefinition,
    forget: i64,
    learnt: i64,
}

/// What is known of one value.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Value {
    /// The last sighting of which it is settled whether it was new.
    seen: Option<i64>,
    /// What is not settled; most values have nothing of the kind.
    open: Option<Box<Open>>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Open {
    key: Box<str>,
    /// In order.
    sightings: Vec<Entry>,
    /// Said, by time.
    early: Vec<Early>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Early {
    id: String,
    sighting: Entry,
}

impl FirstSeen {
    /// Knowing nothing.
    pub fn new(definition: FirstSeenDefinition) -> Self {
        let values = Keys::new(definition.keys_max, definition.durable);
        FirstSeen { terms: Terms::of(definition), values, watermark: i64::MIN }
    }

    /// Hash of what gives the state its meaning: state of another meaning must not be restored.
    pub fn meaning(&self) -> String {
        let mut parts = Parts::of("first seen");
        self.terms.definition.of.iter().for_each(|path| parts.text(path));
        parts.text(&self.terms.forget.to_string());
        parts.hex()
    }

    /// Takes a sighting, in any order.
    pub fn take(&mut self, signal: &KeyedSignal, said: &mut Vec<Occurrence>) -> Taken {
        let (terms, watermark, exact) = (&self.terms, self.watermark, self.values.evicted() == 0);
        let key = signal.key.text();
        self.values.with(&name(key), Value::default, |value| {
            let subject = terms.subject(key);
            let first = said.len();
            let taken = value.take(terms, subject, signal, watermark, said);
            said.iter_mut().skip(first).for_each(|one| one.exact = exact);
            (taken, value.due(terms))
        })
    }

    /// Settles what happened before the watermark. A watermark that goes back changes nothing.
    pub fn advance(&mut self, watermark: Watermark, said: &mut Vec<Occurrence>) {
        self.settle(watermark.assumed.as_micros(), said);
    }

    /// Settles everything: the end of a history.
    pub fn finish(&mut self, said: &mut Vec<Occurrence>) {
        self.settle(i64::MAX, said);
    }

    /// How many values are known.
    pub fn keys(&self) -> usize {
        self.values.len()
    }

    /// How many values were given up because there were too many.
    pub fn evicted(&self) -> u64 {
        self.values.evicted()
    }

    /// What has to be stored since the last time this was asked.
    pub fn changes(&mut self) -> Vec<StateChange> {
        self.values.changes(&self.watermark)
    }

    /// Goes on from all that is stored.
    ///
    /// # Errors
    ///
    /// When a row was written by a later version, or is damaged.
    pub fn restore<'r>(
        definition: FirstSeenDefinition,
        rows: impl IntoIterator<Item = (&'r [u8], u32, &'r [u8])>,
    ) -> Result<Self, RestoreError> {
        let (values, watermark) = Keys::restore(definition.keys_max, definition.durable, rows)?;
        Ok(FirstSeen { terms: Terms::of(definition), values, watermark: watermark.unwrap_or(i64::MIN) })
    }

    fn settle(&mut self, watermark: i64, said: &mut Vec<Occurrence>) {
        if watermark <= self.watermark {
            return;
        }
        self.watermark = watermark;
        while let Some((name, mut value)) = self.values.pop_due(watermark) {
            let exact = self.values.evicted() == 0;
            let first = said.len();
            value.settle(&self.terms, watermark, said);
            said.iter_mut().skip(first).for_each(|one| one.exact = exact);
            if let Due::By(time) = value.due(&self.terms) {
                // What is forgotten by now goes.
                if time > watermark {
                    self.values.put(&name, value, time);
                }
            }
        }
    }
}

/// Under which a value is kept: as short for a long ARN as for a word.
fn name(key: &str) -> Arc<str> {
    Arc::from(format!("{:032x}", strong_hash(key)))
}

impl Terms {
    fn of(definition: FirstSeenDefinition) -> Self {
        let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Terms {
            forget: micros(definition.forget).max(1),
            learnt: definition.begin.as_micros().saturating_add(micros(definition.learn)),
            definition,
        }
    }

    fn subject<'a>(&'a self, key: &'a str) -> Subject<'a> {
        Subject { rule: &self.definition.rule, by: &self.definition.of, key }
    }

    /// Whether a sighting this long after another is a new one.
    fn apart(&self, before: i64, after: i64) -> bool {
        after.saturating_sub(before) >= self.forget
    }

    fn said_at(&self, time: i64) -> bool {
        self.definition.say_cold || time >= self.learnt
    }

    fn occurrence(&self, subject: Subject<'_>, id: String, sighting: &Entry, state: State) -> Occurrence {
        let mut one = subject.occurrence(id, (sighting.time, sighting.time), state, [sighting]);
        one.cold = sighting.time < self.learnt;
        one
    }
}

impl Value {
    fn take(
        &mut self,
        terms: &Terms,
        subject: Subject<'_>,
        signal: &KeyedSignal,
        watermark: i64,
        said: &mut Vec<Occurrence>,
    ) -> Taken {
        let time = signal.time.as_micros();
        if let Some(seen) = self.seen {
            if time <= seen {
                return Taken::Absorbed;
            }
            if self.open.is_none() && !terms.apart(seen, time) {
                // Known, and so is whatever arrives later and happened between the two.
                self.seen = Some(time);
                return Taken::Absorbed;
            }
        }
        let open =
            self.open.get_or_insert_with(|| Box::new(Open { key: subject.key.into(), ..Open::default() }));
        let place = open.sightings.binary_search_by(|one| one.order().cmp(&(time, &signal.event)));
        let Err(place) = place else { return Taken::Duplicate };
        let sighting = Entry::of(signal);
        let before =
            place.checked_sub(1).and_then(|at| open.sightings.get(at)).map(|one| one.time).max(self.seen);
        let known = before.is_some_and(|before| !terms.apart(before, time));
        let near = |early: &Early| early.sighting.time.abs_diff(time) < terms.forget.unsigned_abs();
        let tell = !known && terms.said_at(time) && !open.early.iter().any(near);
        insert(&mut open.sightings, place, sighting.clone());
        let first = said.len();
        if tell && terms.definition.early && time >= watermark {
            let id = subject.mint(&sighting);
            let mut one = terms.occurrence(subject, id.clone(), &sighting, State::Firing);
            one.settled = false;
            said.push(one);
            let at = open.early.partition_point(|early| early.sighting.order() < sighting.order());
            open.early.insert(at, Early { id, sighting });
        }
        if time < watermark {
            self.settle(terms, watermark, said);
        }
        if said.len() > first { Taken::Fired } else { Taken::Absorbed }
    }

    fn settle(&mut self, terms: &Terms, watermark: i64, said: &mut Vec<Occurrence>) {
        let Some(mut open) = self.open.take() else { return };
        let settled = open.sightings.partition_point(|one| one.time < watermark);
        let subject = terms.subject(&open.key);
        for sighting in open.sightings.drain(..settled) {
            let known = self.seen.is_some_and(|seen| !terms.apart(seen, sighting.time));
            self.seen = self.seen.max(Some(sighting.time));
            if known || !terms.said_at(sighting.time) {
                continue;
            }
            let joined = |early: &Early| {
                let early = early.sighting.time;
                early >= sighting.time && !terms.apart(sighting.time, early)
            };
            let one = if let Some(at) = open.early.iter().position(joined) {
                let early = open.early.remove(at);
                let mut one = terms.occurrence(subject, early.id, &sighting, State::Firing);
                one.revision = 1;
                one
            } else {
                terms.occurrence(subject, subject.mint(&sighting), &sighting, State::Firing)
            };
            said.push(one);
        }
        let passed = open.early.partition_point(|early| early.sighting.time < watermark);
        for early in open.early.drain(..passed) {
            let mut one = terms.occurrence(subject, early.id, &early.sighting, State::Resolved);
            one.revision = 1;
            said.push(one);
        }
        if !open.sightings.is_empty() {
            self.open = Some(open);
        }
    }

    fn due(&self, terms: &Terms) -> Due {
        let first = self.open.as_ref().and_then(|open| open.sightings.first());
        let settles = first.map(|one| one.time.saturating_add(1));
        let forgotten = self.seen.map(|seen| seen.saturating_add(terms.forget));
        settles.or(forgotten).map_or(Due::Never, Due::By)
    }
}
