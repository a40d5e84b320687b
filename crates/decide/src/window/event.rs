//! One event as windows keep it, and how its id is written into state.

use cloudtrail::EventId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::signal::RecordHandle;
use crate::window::signal::KeyedSignal;

/// Ordered by time, then by id: the order in which a scan would have seen it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Microseconds since the Unix epoch.
    pub(crate) time: i64,
    #[serde(with = "written_id")]
    pub(crate) event: EventId,
    /// Hash of the distinct value; 0 where the rule counts events.
    pub(crate) value: u64,
    pub(crate) record: u64,
}

impl Entry {
    pub(crate) fn of(signal: &KeyedSignal) -> Self {
        Entry {
            time: signal.time.as_micros(),
            event: signal.event.clone(),
            value: signal.distinct.as_deref().map_or(0, value_hash),
            record: signal.record.0,
        }
    }

    pub(crate) fn order(&self) -> (i64, &EventId) {
        (self.time, &self.event)
    }

    pub(crate) fn handle(&self) -> RecordHandle {
        RecordHandle(self.record)
    }
}

/// Puts an entry in its place; the place is `Err` of the search.
///
/// The first two take no more room than they need: most keys of most rules never see a third event.
pub(crate) fn insert(entries: &mut Vec<Entry>, at: usize, entry: Entry) {
    if entries.len() == entries.capacity() && entries.len() < 2 {
        entries.reserve_exact(1);
    }
    entries.insert(at, entry);
}

/// The first 128 bits of SHA-256. Values are the attacker's, and with a weaker hash two could be made alike.
pub(crate) fn strong_hash(value: &str) -> u128 {
    let digest: [u8; 32] = Sha256::digest(value.as_bytes()).into();
    digest.iter().take(16).fold(0, |hash, byte| (hash << 8) | u128::from(*byte))
}

fn value_hash(value: &str) -> u64 {
    // The lower half is as good as the upper.
    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
    let hash = strong_hash(value) as u64;
    hash
}

/// `u…` for a UUID, `c…` for a hash of the content, both in hexadecimal; `t…` for any other text.
pub(crate) mod written_id {
    use cloudtrail::EventId;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(id: &EventId, serializer: S) -> Result<S::Ok, S::Error> {
        match id {
            EventId::Uuid(number) => serializer.collect_str(&format_args!("u{number:x}")),
            EventId::Content(hash) => serializer.collect_str(&format_args!("c{hash:x}")),
            EventId::Text(text) => serializer.collect_str(&format_args!("t{text}")),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<EventId, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = |digits| u128::from_str_radix(digits, 16).map_err(D::Error::custom);
        match text.split_at_checked(1) {
            Some(("u", digits)) => number(digits).map(EventId::Uuid),
            Some(("c", digits)) => number(digits).map(EventId::Content),
            Some(("t", text)) => Ok(EventId::Text(text.into())),
            _ => Err(D::Error::custom("an event id begins with u, c or t")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_id_survives_writing() {
        let ids = [
            EventId::new("9f2f5a3c-0000-4000-8000-00000000abcd"),
            EventId::new("any \"text\""),
            EventId::Content(u128::MAX),
        ];
        for event in ids {
            let entry = Entry { time: -5, event, value: u64::MAX, record: 7 };
            let text = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry);
        }
    }
}
