//! What all kinds of windows have in common: the doors, the watermark, the limits, and the way to storage and back.
//!
//! A kind says what one key's state is, what a signal does to it, and what is decided when the watermark moves; [`Windows`]
//! does the rest once for all of them.

use std::fmt::Debug;
use std::ops::Deref;

use cloudtrail::EventTime;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::progress::Watermark;
use crate::signal::Signal;
use crate::window::keyed::{Due, Keys, RestoreError, StateChange, StoredRow};
use crate::window::occurrence::Occurrence;

/// What became of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Taken {
    /// It made an occurrence.
    Fired,
    /// It is counted: towards an occurrence, or in one that is open.
    Absorbed,
    /// It was counted before.
    Duplicate,
    /// It came after all that it could have changed was settled and put away.
    Late,
}

/// How many keys a rule keeps, and whether what changes will be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How many keys are kept; see [`KEYS_MAX`](crate::KEYS_MAX).
    pub keys_max: usize,
    /// Whether [`Windows::changes`] will be asked for.
    pub durable: bool,
}

/// One kind of decision over several events. Implemented by this crate's kinds only.
pub trait Kind: Debug {
    /// What is kept of a key.
    type State: Debug + Clone + Serialize + DeserializeOwned;

    /// Hash of what gives the state its meaning: state of another meaning must not be restored.
    fn meaning(&self) -> [u8; 32];

    /// Under which bytes a key's state is kept.
    fn name<'k>(&self, key: &'k str) -> Name<'k> {
        Name::Text(key)
    }

    /// For how long behind the watermark, in microseconds, an event can still change anything.
    fn keep(&self) -> i64;

    /// Whether the kind takes a signal at all; else it is absorbed.
    fn wants(&self, _signal: &Signal) -> bool {
        true
    }

    /// Of how many events in a key's state nothing has come yet: those that are lost with it.
    fn pending(_state: &Self::State) -> u64 {
        0
    }

    /// Learns within which bounds it will be kept.
    fn bind(&mut self, _bounds: Bounds) {}

    /// How many keys the kind holds beside those with a state.
    fn keys_beside(&self) -> usize {
        0
    }

    /// How many of them it had to give up.
    fn evicted_beside(&self) -> u64 {
        0
    }

    /// Time has come to a watermark, and all that was due is settled.
    fn pass(&self, _watermark: i64) {}

    /// What the kind has to store beside the states of keys since the last time.
    fn own_changes(&mut self) -> Vec<StateChange> {
        Vec::new()
    }

    /// Takes a stored row, which may be one of [`Kind::own_changes`].
    ///
    /// # Errors
    ///
    /// When it is, and is damaged.
    fn restore_own(&mut self, _row: StoredRow<'_>) -> Result<(), RestoreError> {
        Ok(())
    }

    /// Nothing known.
    fn create(&self) -> Self::State;

    /// Takes a signal that is not late; `name` is what its key is kept under.
    fn take(&self, state: &mut Self::State, name: &[u8], signal: &Signal, turn: &mut Turn<'_>) -> Taken;

    /// Decides what is due.
    fn settle(&self, state: &mut Self::State, name: &[u8], turn: &mut Turn<'_>);

    /// When there is something to do for the key.
    fn due(&self, state: &Self::State) -> Due;

    /// When there is something to do after a signal of `time` that is not behind the watermark: the same, but it may be earlier,
    /// so that most signals need not work it out.
    fn due_after(&self, state: &Self::State, _time: i64) -> Due {
        self.due(state)
    }
}

/// What a key's state is kept under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name<'k> {
    /// The key's text.
    Text(&'k str),
    /// A hash of it.
    Hash([u8; 16]),
}

impl Deref for Name<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Name::Text(text) => text.as_bytes(),
            Name::Hash(hash) => hash,
        }
    }
}

/// What a kind may use of what surrounds a key.
#[derive(Debug)]
pub struct Turn<'a> {
    /// Up to where everything is held to have arrived, in microseconds.
    pub(crate) watermark: i64,
    /// How many events were forgotten because their key had too many.
    pub(crate) dropped: &'a mut u64,
    /// How many keys lost their state.
    pub(crate) evicted: u64,
    /// What is said.
    pub(crate) said: &'a mut Vec<Occurrence>,
}

/// One rule of some kind with the state of its keys.
#[derive(Debug)]
pub struct Windows<K: Kind> {
    kind: K,
    keys: Keys<K::State>,
    watermark: i64,
    dropped: u64,
}

impl<K: Kind> Windows<K> {
    /// With no event seen.
    pub fn new(mut kind: K, bounds: Bounds) -> Self {
        kind.bind(bounds);
        Windows {
            kind,
            keys: Keys::new(bounds.keys_max, bounds.durable, K::pending),
            watermark: i64::MIN,
            dropped: 0,
        }
    }

    /// What it decides.
    pub fn kind(&self) -> &K {
        &self.kind
    }

    /// Takes a signal, in any order.
    pub fn take(&mut self, signal: &Signal, said: &mut Vec<Occurrence>) -> Taken {
        let time = signal.time.as_micros();
        if time.saturating_add(self.kind.keep()) <= self.watermark {
            return Taken::Late;
        }
        let name = self.kind.name(signal.key.text());
        if !self.kind.wants(signal) {
            return Taken::Absorbed;
        }
        let evicted = self.evicted();
        let (kind, watermark) = (&self.kind, self.watermark);
        let dropped = &mut self.dropped;
        self.keys.with(
            &name,
            || kind.create(),
            |state| {
                let taken = kind.take(state, &name, signal, &mut Turn { watermark, dropped, evicted, said });
                let due = if time < watermark { kind.due(state) } else { kind.due_after(state, time) };
                (taken, due)
            },
        )
    }

    /// Changes the state of a signal's key in place; `act` is given the kind and the watermark too.
    pub(crate) fn with_state<R>(
        &mut self,
        signal: &Signal,
        act: impl FnOnce(&K, &mut K::State, i64) -> R,
    ) -> R {
        let (kind, watermark) = (&self.kind, self.watermark);
        let name = kind.name(signal.key.text());
        self.keys.with(
            &name,
            || kind.create(),
            |state| {
                let result = act(kind, state, watermark);
                (result, kind.due(state))
            },
        )
    }

    pub(crate) fn kind_mut(&mut self) -> &mut K {
        &mut self.kind
    }

    /// Settles what ended up to the watermark. A watermark that goes back changes nothing.
    pub fn advance(&mut self, watermark: Watermark, said: &mut Vec<Occurrence>) {
        let watermark = watermark.assumed.as_micros();
        if watermark <= self.watermark {
            return;
        }
        self.watermark = watermark;
        let evicted = self.evicted();
        let (kind, dropped) = (&self.kind, &mut self.dropped);
        let (first, mut told) = (said.len(), Vec::new());
        self.keys.settle_due(watermark, |time, name, state| {
            let before = said.len();
            kind.settle(state, name, &mut Turn { watermark, dropped, evicted, said });
            if said.len() > before {
                told.push((time, before));
            }
            kind.due(state)
        });
        in_order(said, first, told);
        self.kind.pass(watermark);
    }

    /// Settles everything: the end of a history.
    pub fn finish(&mut self, said: &mut Vec<Occurrence>) {
        self.advance(Watermark::end(), said);
    }

    /// The time up to which everything is settled.
    pub fn watermark(&self) -> EventTime {
        EventTime::from_micros(self.watermark)
    }

    /// Whether the next [`Windows::advance`] to this watermark has anything to do.
    pub fn is_due(&self, watermark: Watermark) -> bool {
        self.keys.next_due().is_some_and(|due| due <= watermark.assumed.as_micros())
    }

    /// How many keys have state.
    pub fn keys(&self) -> usize {
        self.keys.len() + self.kind.keys_beside()
    }

    /// The state of a key.
    pub fn get(&self, key: &str) -> Option<&K::State> {
        self.keys.get(&self.kind.name(key))
    }

    /// How many keys lost their state because there were too many.
    pub fn evicted(&self) -> u64 {
        self.keys.evicted() + self.kind.evicted_beside()
    }

    /// How many events were lost with those keys, before anything came of them.
    pub fn lost(&self) -> u64 {
        self.keys.lost()
    }

    /// How many events were forgotten, within the limit of one key, before they could count.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// What has to be stored since the last time this was asked.
    pub fn changes(&mut self) -> Vec<StateChange> {
        let mut changes = self.keys.changes(&(self.watermark, self.dropped));
        changes.extend(self.kind.own_changes());
        changes
    }

    /// Goes on from all that is stored.
    ///
    /// # Errors
    ///
    /// When a row was written by a later version, or is damaged.
    pub fn restore<'r>(
        mut kind: K,
        bounds: Bounds,
        rows: impl IntoIterator<Item = StoredRow<'r>>,
    ) -> Result<Self, RestoreError> {
        kind.bind(bounds);
        let mut failed = None;
        let rows = rows.into_iter().inspect(|row| failed = failed.take().or(kind.restore_own(*row).err()));
        let (keys, rule) = Keys::restore(bounds.keys_max, bounds.durable, K::pending, rows)?;
        if let Some(failed) = failed {
            return Err(failed);
        }
        let (watermark, dropped) = rule.unwrap_or((i64::MIN, 0));
        kind.pass(watermark);
        Ok(Windows { kind, keys, watermark, dropped })
    }
}

/// Puts what was said from `first` on into order: by time, then by key, then as it was said. `told` says when each key was due
/// and where its words begin.
pub(crate) fn in_order(said: &mut Vec<Occurrence>, first: usize, told: Vec<(i64, usize)>) {
    let key = |begin: usize| said.get(begin).map(|one| one.key.text());
    let order = |a: &(i64, usize), b: &(i64, usize)| (a.0, key(a.1)).cmp(&(b.0, key(b.1)));
    if told.is_sorted_by(|a, b| order(a, b).is_le()) {
        return;
    }
    let ends = told.iter().skip(1).map(|(_, begin)| *begin).chain([said.len()]).collect::<Vec<_>>();
    let mut ranges: Vec<_> = told.into_iter().zip(ends).collect();
    ranges.sort_by(|a, b| order(&a.0, &b.0));
    let mut words: Vec<Option<Occurrence>> = said.drain(first..).map(Some).collect();
    for ((_, begin), end) in ranges {
        let words = words.get_mut(begin - first..end - first).unwrap_or_default();
        said.extend(words.iter_mut().filter_map(Option::take));
    }
}
