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
//! **History from before.** What a rule would have learned can be told it beforehand ([`Windows::learn`]): such a sighting is known and
//! says nothing, in whatever order it comes, and the learning time counts from where that history begins.
//!
//! Early: a new value is said at once. An earlier sighting that arrives afterwards moves the occurrence to it, or joins
//! the value to what was known before; then the settled revision says `resolved`: it was not new after all.

use std::sync::Arc;
use std::time::Duration;

use cloudtrail::EventTime;
use serde::{Deserialize, Serialize};

use crate::finding::State;
use crate::identity::{FindingId, Fingerprint, Parts};
use crate::signal::Signal;
use crate::window::event::{Entry, insert, strong_hash};
use crate::window::keyed::{Due, KEYS_MAX, RestoreError, StateChange, StoredRow};
use crate::window::known::{Known, ValueName};
use crate::window::occurrence::{Occurrence, Subject};
use crate::window::windows::{Bounds, Kind, Name, Taken, Turn, Windows};

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
}

/// A value not seen before: the definition with spans in microseconds, and the values that are known.
#[derive(Debug)]
pub struct FirstSeen {
    definition: FirstSeenDefinition,
    forget: i64,
    learnt: i64,
    /// When the history begins that the rule was told beforehand.
    history: Option<i64>,
    known: Arc<Known>,
    /// What of this was stored last.
    stored: Own,
}

/// What is stored of the rule beside its values: when the history from before begins, and how many values were given up.
type Own = (Option<i64>, u64);

/// The row of that.
const OWN_ROW: &[u8] = b"h";
/// The format of that row.
const OWN_VERSION: u32 = 1;

/// What is not settled of one value; most values have nothing of the kind, and only their last sighting is [known](Known).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Value {
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    open: Option<Box<Open>>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Open {
    key: Box<str>,
    /// In order.
    sightings: Vec<Sighting>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Sighting {
    #[serde(flatten)]
    entry: Entry,
    /// The id under which it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    said: Option<FindingId>,
    /// What is hashed of it once it was said; worked out anew after a restart.
    #[serde(skip)]
    fingerprint: Option<Fingerprint>,
    /// Whether it was told as known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    known: bool,
}

impl Kind for FirstSeen {
    type State = Value;

    fn meaning(&self) -> [u8; 32] {
        let mut parts = Parts::of("first seen");
        self.definition.of.iter().for_each(|path| parts.text(path));
        parts.text(&self.forget.to_string());
        parts.digest()
    }

    /// As short for a long ARN as for a word.
    fn name<'k>(&self, key: &'k str) -> Name<'k> {
        Name::Hash(name_of(key))
    }

    /// A sighting before the last one known changes nothing, however late it comes.
    fn keep(&self) -> i64 {
        i64::MAX
    }

    fn bind(&mut self, bounds: Bounds) {
        self.known = Arc::new(Known::new(self.forget, bounds.keys_max, bounds.durable));
    }

    fn keys_beside(&self) -> usize {
        self.known.len()
    }

    fn evicted_beside(&self) -> u64 {
        self.known.evicted()
    }

    fn pass(&self, watermark: i64) {
        self.known.forget(watermark);
    }

    fn own_changes(&mut self) -> Vec<StateChange> {
        let mut changes = self.known.changes();
        let own = (self.history, self.known.evicted());
        if own != self.stored {
            self.stored = own;
            let value = serde_json::to_vec(&own).unwrap_or_default();
            changes.push(StateChange { key: OWN_ROW.to_vec(), value: Some((OWN_VERSION, value)) });
        }
        changes
    }

    fn restore_own(&mut self, row: StoredRow<'_>) -> Result<(), RestoreError> {
        let (key, version, value) = row;
        if key != OWN_ROW {
            return self.known.restore(row);
        }
        if version > OWN_VERSION {
            return Err(RestoreError::Version { version });
        }
        self.stored = serde_json::from_slice(value).map_err(|source| {
            let key = String::from_utf8_lossy(key).into_owned();
            RestoreError::Damaged { key, source }
        })?;
        if let Some(from) = self.stored.0 {
            self.remember_from(from);
        }
        self.known.count_evicted(self.stored.1);
        Ok(())
    }

    fn create(&self) -> Value {
        Value::default()
    }

    fn take(&self, value: &mut Value, name: &[u8], signal: &Signal, turn: &mut Turn<'_>) -> Taken {
        // Every name is one of `name_of`.
        let name = ValueName::try_from(name).unwrap_or_else(|_| name_of(signal.key.text()));
        value.take(self, (&name, self.subject(signal.key.text())), signal, turn)
    }

    fn settle(&self, value: &mut Value, name: &[u8], turn: &mut Turn<'_>) {
        // Every name is one of `name_of`.
        if let Ok(name) = ValueName::try_from(name) {
            value.settle(self, &name, turn);
        }
    }

    fn due(&self, value: &Value) -> Due {
        let first = value.open.as_ref().and_then(|open| open.sightings.first());
        first.map_or(Due::Never, |one| Due::By(one.entry.time.saturating_add(1)))
    }
}

/// What a value is known by.
pub(crate) fn name_of(key: &str) -> ValueName {
    strong_hash(key).to_be_bytes()
}

impl FirstSeen {
    /// Checks nothing: what is out of range is brought into it.
    pub fn new(definition: FirstSeenDefinition) -> Self {
        let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        let forget = micros(definition.forget).max(1);
        FirstSeen {
            forget,
            learnt: definition.begin.as_micros().saturating_add(micros(definition.learn)),
            history: None,
            known: Arc::new(Known::new(forget, KEYS_MAX, false)),
            stored: Own::default(),
            definition,
        }
    }

    /// The learning time counts from here on, if that is earlier than what it counts from.
    fn remember_from(&mut self, from: i64) {
        let learn = i64::try_from(self.definition.learn.as_micros()).unwrap_or(i64::MAX);
        self.history = Some(self.history.map_or(from, |before| before.min(from)));
        self.learnt = self.learnt.min(from.saturating_add(learn));
    }

    fn subject<'a>(&'a self, key: &'a str) -> Subject<'a> {
        Subject { rule: &self.definition.rule, by: &self.definition.of, key }
    }

    /// The values that are known, for whoever meets sightings before they become signals.
    pub(crate) fn known(&self) -> &Arc<Known> {
        &self.known
    }

    /// Whether a sighting this long after another is a new one.
    fn apart(&self, before: i64, after: i64) -> bool {
        after.saturating_sub(before) >= self.forget
    }

    fn said_at(&self, time: i64) -> bool {
        self.definition.say_cold || time >= self.learnt
    }

    fn fingerprint(&self, subject: Subject<'_>, new: &Entry) -> Fingerprint {
        subject.fingerprint((new.time, new.time), State::Firing, [new])
    }

    /// A new value was seen.
    fn firing(
        &self,
        subject: Subject<'_>,
        fingerprint: Fingerprint,
        id: FindingId,
        new: &Entry,
        turn: &Turn<'_>,
    ) -> Occurrence {
        let window = (new.time, new.time);
        let one = subject.occurrence_known_by(fingerprint, id, window, State::Firing, [new]);
        self.told(one, new, turn)
    }

    /// A value was not new after all.
    fn resolved(&self, subject: Subject<'_>, id: FindingId, said: &Entry, turn: &Turn<'_>) -> Occurrence {
        let one = subject.occurrence(id, (said.time, said.time), State::Resolved, [said]);
        self.told(one, said, turn)
    }

    fn told(&self, mut one: Occurrence, sighting: &Entry, turn: &Turn<'_>) -> Occurrence {
        one.cold = sighting.time < self.learnt;
        one.exact = turn.evicted == 0;
        one
    }
}

impl Windows<FirstSeen> {
    /// Takes a sighting as known, whatever else is known, and says nothing. The order of such sightings changes nothing. Gives whether
    /// nothing was known of the value before.
    pub fn learn(&mut self, signal: &Signal) -> bool {
        self.with_state(signal, |kind, value, watermark| {
            let name = name_of(signal.key.text());
            let new = value.open.is_none() && kind.known.seen(&name).is_none();
            value.learn(kind, &name, signal, watermark);
            new
        })
    }

    /// The history whose sightings were learned begins here: the learning time counts from then on.
    pub fn remember_from(&mut self, from: EventTime) {
        self.kind_mut().remember_from(from.as_micros());
    }

    /// From when on new values are said.
    pub fn learnt(&self) -> EventTime {
        EventTime::from_micros(self.kind().learnt)
    }

    /// When the value was seen last, until when it is known, and whether it was learnt.
    pub(crate) fn explain(&self, key: &str) -> String {
        let kind = self.kind();
        let open = self.get(key).and_then(|value| value.open.as_ref());
        let open = open.and_then(|open| open.sightings.last()).map(|last| last.entry.time);
        let Some(last) = kind.known.seen(&name_of(key)).max(open) else {
            return "the value was never seen, or is forgotten: its next sighting is new".to_owned();
        };
        let time = EventTime::from_micros;
        let until = time(last.saturating_add(kind.forget));
        let learns = if last < kind.learnt {
            format!("; what is seen before {} is learnt, and nothing is said of it", time(kind.learnt))
        } else {
            String::new()
        };
        format!("the value was last seen at {}, and is known until {until}{learns}", time(last))
    }
}

impl Value {
    /// Takes a sighting as known.
    fn learn(&mut self, terms: &FirstSeen, name: &ValueName, signal: &Signal, watermark: i64) {
        let time = signal.time.as_micros();
        let Some(open) = self.open.as_mut().filter(|_| time >= watermark) else {
            // What is open happened later: it was not the first.
            terms.known.note(name, time);
            return;
        };
        let entry = Entry::of(signal);
        if let Err(place) = open.sightings.binary_search_by(|one| one.entry.order().cmp(&entry.order())) {
            insert(
                &mut open.sightings,
                place,
                Sighting { entry, said: None, fingerprint: None, known: true },
            );
        }
    }

    fn take(
        &mut self,
        terms: &FirstSeen,
        (name, subject): (&ValueName, Subject<'_>),
        signal: &Signal,
        turn: &mut Turn<'_>,
    ) -> Taken {
        let time = signal.time.as_micros();
        // Known, and so is whatever arrives later and happened between the two.
        let Err(seen) = terms.known.meet(name, time) else { return Taken::Absorbed };
        let open =
            self.open.get_or_insert_with(|| Box::new(Open { key: subject.key.into(), ..Open::default() }));
        let entry = Entry::of(signal);
        let place = open.sightings.binary_search_by(|one| one.entry.order().cmp(&entry.order()));
        let Err(place) = place else { return Taken::Duplicate };
        let before = place.checked_sub(1).and_then(|at| open.sightings.get(at)).map(|one| one.entry.time);
        let known = before.max(seen).is_some_and(|before| !terms.apart(before, time));
        let near = |one: &Sighting| {
            one.said.is_some() && one.entry.time.abs_diff(time) < terms.forget.unsigned_abs()
        };
        let tell = !known
            && terms.said_at(time)
            && terms.definition.early
            && time >= turn.watermark
            && !open.sightings.iter().any(near);
        let first = turn.said.len();
        let (mut said, mut fingerprint) = (None, None);
        if tell {
            let id = subject.mint(&entry);
            said = Some(id);
            let hash = terms.fingerprint(subject, &entry);
            fingerprint = Some(hash);
            let mut one = terms.firing(subject, hash, id, &entry, turn);
            one.settled = false;
            turn.said.push(one);
        }
        insert(&mut open.sightings, place, Sighting { entry, said, fingerprint, known: false });
        open.thin_out(terms, place);
        if time < turn.watermark {
            self.settle(terms, name, turn);
        }
        if turn.said.len() > first { Taken::Fired } else { Taken::Absorbed }
    }

    fn settle(&mut self, terms: &FirstSeen, name: &ValueName, turn: &mut Turn<'_>) {
        let Some(mut open) = self.open.take() else { return };
        let before = terms.known.seen(name);
        let mut seen = before;
        let settled = open.sightings.partition_point(|one| one.entry.time < turn.watermark);
        let subject = terms.subject(&open.key);
        // Ids that were said for sightings which follow closely on a new one go to that one; the others were not new.
        let mut ids: Vec<(Entry, FindingId)> = Vec::new();
        for one in &mut open.sightings {
            if let Some(id) = one.said {
                ids.push((one.entry.clone(), id));
            }
        }
        for sighting in open.sightings.get(..settled).unwrap_or_default() {
            let entry = &sighting.entry;
            let known = seen.is_some_and(|seen| !terms.apart(seen, entry.time));
            seen = seen.max(Some(entry.time));
            if known || sighting.known || !terms.said_at(entry.time) {
                continue;
            }
            let joined =
                |(said, _): &(Entry, _)| said.time >= entry.time && !terms.apart(entry.time, said.time);
            let hash = sighting.fingerprint.unwrap_or_else(|| terms.fingerprint(subject, entry));
            let said = ids.iter().position(joined).map(|at| ids.remove(at));
            let id = said.as_ref().map_or_else(|| subject.mint(entry), |(_, id)| *id);
            let mut one = terms.firing(subject, hash, id, entry, turn);
            one.revision = u32::from(said.is_some());
            turn.said.push(one);
        }
        // Those still waited for keep theirs.
        let passed = ids.partition_point(|(said, _)| said.time < turn.watermark);
        for (said, id) in ids.drain(..passed) {
            let mut one = terms.resolved(subject, id, &said, turn);
            one.revision = 1;
            turn.said.push(one);
        }
        if let Some(last) = seen.filter(|_| seen != before) {
            terms.known.note(name, last);
        }
        open.sightings.drain(..settled);
        for one in open.sightings.iter_mut().filter(|one| one.said.is_some()) {
            // One that was joined to a settled sighting is said no more under its own id.
            if !ids.iter().any(|(_, id)| Some(*id) == one.said) {
                one.said = None;
            }
        }
        if !open.sightings.is_empty() {
            self.open = Some(open);
        }
    }
}

impl Open {
    /// Drops what lies between two sightings that are close enough to each other: it is not new whatever else arrives, and
    /// joins nothing that they do not. So a new value that is seen a million times before it is settled is two sightings.
    fn thin_out(&mut self, terms: &FirstSeen, place: usize) {
        for middle in [place + 1, place, place.wrapping_sub(1)] {
            let time = |at: usize| self.sightings.get(at).map(|one| one.entry.time);
            let Some((before, after)) =
                middle.checked_sub(1).and_then(time).zip(time(middle.saturating_add(1)))
            else {
                continue;
            };
            let is_silent = |one: &Sighting| one.said.is_none() && !one.known;
            if !terms.apart(before, after) && self.sightings.get(middle).is_some_and(is_silent) {
                self.sightings.remove(middle);
            }
        }
    }
}
