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

use std::borrow::Cow;
use std::time::Duration;

use cloudtrail::EventTime;
use serde::{Deserialize, Serialize};

use crate::finding::State;
use crate::identity::Parts;
use crate::signal::Signal;
use crate::window::event::{Entry, insert, strong_hash};
use crate::window::keyed::{Due, RestoreError, StateChange, StoredRow};
use crate::window::occurrence::{Occurrence, Subject};
use crate::window::windows::{Bounds, Kind, Taken, Turn, Windows};

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

/// A value not seen before: the definition with spans in microseconds.
#[derive(Debug, Clone)]
pub struct FirstSeen {
    definition: FirstSeenDefinition,
    forget: i64,
    learnt: i64,
    history: History,
}

/// The history the rule was told beforehand.
#[derive(Debug, Clone, Copy, Default)]
struct History {
    /// When it begins.
    from: Option<i64>,
    /// Whether that has to be stored.
    changed: bool,
}

/// The row of the history from before, beside those of [`Keys`](crate::window::Keys): the time it begins at, in microseconds.
const HISTORY_ROW: &[u8] = b"h";
/// The format of that row.
const HISTORY_VERSION: u32 = 1;

/// What is known of one value.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Value {
    /// The last sighting of which it is settled whether it was new.
    #[serde(rename = "s")]
    seen: Option<i64>,
    /// What is not settled; most values have nothing of the kind.
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
    /// The id under which it was said, as a number: it is a UUID.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "written_uuid")]
    said: Option<[u8; 16]>,
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
    fn name<'k>(&self, key: &'k str) -> Cow<'k, [u8]> {
        Cow::Owned(strong_hash(key).to_be_bytes().to_vec())
    }

    /// A sighting before the last one known changes nothing, however late it comes.
    fn keep(&self) -> i64 {
        i64::MAX
    }

    fn create(&self) -> Value {
        Value::default()
    }

    fn take(&self, value: &mut Value, signal: &Signal, turn: &mut Turn<'_>) -> Taken {
        value.take(self, self.subject(signal.key.text()), signal, turn)
    }

    fn settle(&self, value: &mut Value, _name: &[u8], turn: &mut Turn<'_>) {
        value.settle(self, turn);
        // What is forgotten by now goes.
        if value.open.is_none()
            && value.seen.is_some_and(|seen| seen.saturating_add(self.forget) <= turn.watermark)
        {
            value.seen = None;
        }
    }

    fn due(&self, value: &Value) -> Due {
        let first = value.open.as_ref().and_then(|open| open.sightings.first());
        let settles = first.map(|one| one.entry.time.saturating_add(1));
        let forgotten = value.seen.map(|seen| seen.saturating_add(self.forget));
        settles.or(forgotten).map_or(Due::Never, Due::By)
    }
}

impl FirstSeen {
    /// Checks nothing: what is out of range is brought into it.
    pub fn new(definition: FirstSeenDefinition) -> Self {
        let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        FirstSeen {
            forget: micros(definition.forget).max(1),
            learnt: definition.begin.as_micros().saturating_add(micros(definition.learn)),
            history: History::default(),
            definition,
        }
    }

    /// The learning time counts from here on, if that is earlier than what it counts from.
    fn remember_from(&mut self, from: i64) {
        let learn = i64::try_from(self.definition.learn.as_micros()).unwrap_or(i64::MAX);
        self.history.from = Some(self.history.from.map_or(from, |before| before.min(from)));
        self.learnt = self.learnt.min(from.saturating_add(learn));
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

    fn occurrence(
        &self,
        subject: Subject<'_>,
        id: String,
        sighting: &Entry,
        state: State,
        turn: &Turn<'_>,
    ) -> Occurrence {
        let mut one = subject.occurrence(id, (sighting.time, sighting.time), state, [sighting]);
        one.cold = sighting.time < self.learnt;
        one.exact = turn.evicted == 0;
        one
    }
}

impl Windows<FirstSeen> {
    /// Takes a sighting as known, whatever else is known, and says nothing. The order of such sightings changes nothing. Gives whether
    /// nothing was known of the value before.
    pub fn learn(&mut self, signal: &Signal) -> bool {
        self.with_state(signal, |value, watermark| {
            let new = value.seen.is_none() && value.open.is_none();
            value.learn(signal, watermark);
            new
        })
    }

    /// The history whose sightings were learned begins here: the learning time counts from then on.
    pub fn remember_from(&mut self, from: EventTime) {
        let kind = self.kind_mut();
        if kind.history.from.is_none_or(|before| from.as_micros() < before) {
            kind.remember_from(from.as_micros());
            kind.history.changed = true;
        }
    }

    /// From when on new values are said.
    pub fn learnt(&self) -> EventTime {
        EventTime::from_micros(self.kind().learnt)
    }

    /// What has to be stored since the last time, beside [`Windows::changes`].
    pub(crate) fn history_change(&mut self) -> Option<StateChange> {
        let history = &mut self.kind_mut().history;
        let from = history.from.filter(|_| std::mem::take(&mut history.changed))?;
        let value = from.to_string().into_bytes();
        Some(StateChange { key: HISTORY_ROW.to_vec(), value: Some((HISTORY_VERSION, value)) })
    }

    /// Goes on from all that is stored, the history from before included.
    pub(crate) fn restore_with_history<'r>(
        mut kind: FirstSeen,
        bounds: Bounds,
        rows: impl IntoIterator<Item = StoredRow<'r>>,
    ) -> Result<Self, RestoreError> {
        let mut history = None;
        let rows = rows.into_iter().inspect(|(key, _, value)| {
            if *key == HISTORY_ROW {
                history = Some(serde_json::from_slice::<i64>(value));
            }
        });
        let mut windows = Windows::restore(kind.clone(), bounds, rows)?;
        let from = history.transpose().map_err(|source| RestoreError::Damaged {
            key: String::from_utf8_lossy(HISTORY_ROW).into_owned(),
            source,
        })?;
        if let Some(from) = from {
            kind.remember_from(from);
            *windows.kind_mut() = kind;
        }
        Ok(windows)
    }
}

impl Value {
    /// Takes a sighting as known.
    fn learn(&mut self, signal: &Signal, watermark: i64) {
        let time = signal.time.as_micros();
        let Some(open) = self.open.as_mut().filter(|_| time >= watermark) else {
            // What is open happened later: it was not the first.
            self.seen = self.seen.max(Some(time));
            return;
        };
        let entry = Entry::of(signal);
        if let Err(place) = open.sightings.binary_search_by(|one| one.entry.order().cmp(&entry.order())) {
            insert(&mut open.sightings, place, Sighting { entry, said: None, known: true });
        }
    }

    fn take(
        &mut self,
        terms: &FirstSeen,
        subject: Subject<'_>,
        signal: &Signal,
        turn: &mut Turn<'_>,
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
        let entry = Entry::of(signal);
        let place = open.sightings.binary_search_by(|one| one.entry.order().cmp(&entry.order()));
        let Err(place) = place else { return Taken::Duplicate };
        let before = place.checked_sub(1).and_then(|at| open.sightings.get(at)).map(|one| one.entry.time);
        let known = before.max(self.seen).is_some_and(|before| !terms.apart(before, time));
        let near = |one: &Sighting| {
            one.said.is_some() && one.entry.time.abs_diff(time) < terms.forget.unsigned_abs()
        };
        let tell = !known
            && terms.said_at(time)
            && terms.definition.early
            && time >= turn.watermark
            && !open.sightings.iter().any(near);
        let first = turn.said.len();
        let mut said = None;
        if tell {
            let id = subject.mint(&entry);
            said = written_uuid::bytes(&id);
            let mut one = terms.occurrence(subject, id, &entry, State::Firing, turn);
            one.settled = false;
            turn.said.push(one);
        }
        insert(&mut open.sightings, place, Sighting { entry, said, known: false });
        if time < turn.watermark {
            self.settle(terms, turn);
        }
        if turn.said.len() > first { Taken::Fired } else { Taken::Absorbed }
    }

    fn settle(&mut self, terms: &FirstSeen, turn: &mut Turn<'_>) {
        let Some(mut open) = self.open.take() else { return };
        let settled = open.sightings.partition_point(|one| one.entry.time < turn.watermark);
        let subject = terms.subject(&open.key);
        // Ids that were said for sightings which follow closely on a new one go to that one; the others were not new.
        let mut ids: Vec<(Entry, [u8; 16])> = Vec::new();
        for one in &mut open.sightings {
            if let Some(id) = one.said {
                ids.push((one.entry.clone(), id));
            }
        }
        for sighting in open.sightings.get(..settled).unwrap_or_default() {
            let entry = &sighting.entry;
            let known = self.seen.is_some_and(|seen| !terms.apart(seen, entry.time));
            self.seen = self.seen.max(Some(entry.time));
            if known || sighting.known || !terms.said_at(entry.time) {
                continue;
            }
            let joined =
                |(said, _): &(Entry, _)| said.time >= entry.time && !terms.apart(entry.time, said.time);
            let one = if let Some(at) = ids.iter().position(joined) {
                let (_, id) = ids.remove(at);
                let mut one = terms.occurrence(subject, written_uuid::text(&id), entry, State::Firing, turn);
                one.revision = 1;
                one
            } else {
                terms.occurrence(subject, subject.mint(entry), entry, State::Firing, turn)
            };
            turn.said.push(one);
        }
        // Those still waited for keep theirs.
        let passed = ids.partition_point(|(said, _)| said.time < turn.watermark);
        for (said, id) in ids.drain(..passed) {
            let mut one = terms.occurrence(subject, written_uuid::text(&id), &said, State::Resolved, turn);
            one.revision = 1;
            turn.said.push(one);
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

/// A UUID as sixteen bytes in memory and as text in storage.
mod written_uuid {
    use cloudtrail::EventId;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn bytes(text: &str) -> Option<[u8; 16]> {
        match EventId::new(text) {
            EventId::Uuid(number) => Some(number.to_be_bytes()),
            EventId::Text(_) | EventId::Content(_) => None,
        }
    }

    pub(super) fn text(bytes: &[u8; 16]) -> String {
        EventId::Uuid(u128::from_be_bytes(*bytes)).to_string()
    }

    pub(super) fn serialize<S: Serializer>(id: &Option<[u8; 16]>, serializer: S) -> Result<S::Ok, S::Error> {
        match id {
            Some(id) => serializer.serialize_str(&text(id)),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<[u8; 16]>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        bytes(&text).map(Some).ok_or_else(|| D::Error::custom("the id of a finding is a UUID"))
    }
}
