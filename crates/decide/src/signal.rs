//! A signal: one rule wants one event, and nothing says no.

use cloudtrail::{EventId, EventTime};
use rules::Severity;

use crate::window::strong_hash;

/// A number the caller gives a record, by which it finds it again when a finding is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordHandle(pub u64);

/// One rule wants one event, as one step of it. Small, because a scan keeps all of them until the last file is read: what the
/// rule needs from the record was taken out of it where the record was at hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// The rule's index in its set.
    pub rule: u32,
    /// When the event happened.
    pub time: EventTime,
    /// Which event.
    pub event: EventId,
    /// After `escalate`.
    pub severity: Severity,
    /// The event's values at the rule's key paths; none where the rule has no key.
    pub key: WindowKey,
    /// What else the rule's decision needs.
    pub part: Part,
    /// Where the record is.
    pub record: RecordHandle,
}

/// What a decision needs from an event beside its key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part {
    /// That it happened.
    Event,
    /// A value that is counted once, by its hash: [`Part::of_value`].
    Value(u64),
    /// Which step of a sequence it is, counted from 0.
    Step(u8),
    /// What it is worth to a metric.
    Sample(f64),
}

impl Part {
    /// Of a value that is counted once.
    pub fn of_value(value: &str) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
        let hash = strong_hash(value) as u64;
        Part::Value(hash)
    }

    /// The step's number; 0 where the rule is no sequence.
    pub fn step(self) -> u8 {
        match self {
            Part::Step(step) => step,
            Part::Event | Part::Value(_) | Part::Sample(_) => 0,
        }
    }
}

impl Signal {
    /// The order in which signals are decided: by time, then by event, then by rule and step.
    pub fn order(&self) -> (EventTime, &EventId, u32, u8) {
        (self.time, &self.event, self.rule, self.part.step())
    }
}

/// The values of a key in the order of its paths; the paths are the rule's and are not repeated with every key.
///
/// Held as one text, each value after its length, so that no two lists of values are the same key.
///
/// ```
/// let key = decide::WindowKey::of(["111122223333", "a:b"]);
/// assert_eq!(key.values().collect::<Vec<_>>(), ["111122223333", "a:b"]);
/// assert_ne!(decide::WindowKey::of(["ab", "c"]), decide::WindowKey::of(["a", "bc"]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WindowKey(Box<str>);

impl WindowKey {
    /// From values in the order of the paths.
    pub fn of<'a>(values: impl IntoIterator<Item = &'a str, IntoIter: Clone>) -> Self {
        let values = values.into_iter();
        let digits = |length: usize| length.checked_ilog10().unwrap_or(0) as usize + 1;
        let length = values.clone().map(|value| digits(value.len()) + 1 + value.len()).sum();
        let mut text = String::with_capacity(length);
        for value in values {
            push_number(value.len(), &mut text);
            text.push(':');
            text.push_str(value);
        }
        WindowKey(text.into())
    }

    /// The values again.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        values(&self.0)
    }

    /// Whether there is a key at all, and the event has none of its values: nothing that tells it from others.
    pub fn is_blank(&self) -> bool {
        !self.0.is_empty() && self.values().all(str::is_empty)
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    pub(crate) fn from_text(text: &str) -> Self {
        WindowKey(text.into())
    }
}

/// Appends a number in decimals: for every event that fires, several times.
fn push_number(number: usize, text: &mut String) {
    if number >= 10 {
        push_number(number / 10, text);
    }
    text.extend(u32::try_from(number % 10).ok().and_then(|digit| char::from_digit(digit, 10)));
}

/// The values in a key's text.
pub(crate) fn values(mut text: &str) -> impl Iterator<Item = &str> + Clone {
    std::iter::from_fn(move || {
        let (len, rest) = text.split_once(':')?;
        let (value, rest) = rest.split_at_checked(len.parse().ok()?)?;
        text = rest;
        Some(value)
    })
}

/// Paths and values together, as identities hash them and findings tell them.
pub(crate) fn named<'k>(
    paths: &'k [Box<str>],
    key: &'k str,
) -> impl Iterator<Item = (&'k str, &'k str)> + Clone {
    paths.iter().map(|path| &**path).zip(values(key))
}
