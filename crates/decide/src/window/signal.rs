//! What windows take: a signal with its key's values, and what became of it.

use std::fmt::Write as _;

use cloudtrail::{EventId, EventTime};

use crate::progress::LaneId;
use crate::signal::{Key, RecordHandle};

/// One rule wants one event, for a decision over several.
#[derive(Debug, Clone)]
pub struct KeyedSignal {
    /// When the event happened.
    pub time: EventTime,
    /// Which event.
    pub event: EventId,
    /// The event's values at the rule's key paths.
    pub key: WindowKey,
    /// The value that is counted once, where the rule counts distinct values.
    pub distinct: Option<Box<str>>,
    /// Where the record is.
    pub record: RecordHandle,
    /// By which lane it came.
    pub lane: LaneId,
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowKey(Box<str>);

impl WindowKey {
    /// From values in the order of the paths.
    pub fn of<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut text = String::new();
        for value in values {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}:{value}", value.len());
        }
        WindowKey(text.into())
    }

    /// The values again.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        values(&self.0)
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    pub(crate) fn from_text(text: &str) -> Self {
        WindowKey(text.into())
    }
}

/// Paths and values together, as findings tell them.
pub(crate) fn named(paths: &[Box<str>], key: &str) -> Key {
    paths.iter().zip(values(key)).map(|(path, value)| (path.clone(), value.into())).collect()
}

fn values(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (len, rest) = text.split_once(':')?;
        let (value, rest) = rest.split_at_checked(len.parse().ok()?)?;
        text = rest;
        Some(value)
    })
}

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
