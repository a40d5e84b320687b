//! One event as windows keep it, and how its id is written into state.

use cloudtrail::EventId;
use rules::Severity;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::signal::{Part, RecordHandle, Signal};

/// Ordered by time, then by id: the order in which a scan would have seen it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Microseconds since the Unix epoch.
    #[serde(rename = "t")]
    pub(crate) time: i64,
    #[serde(rename = "e", with = "written_id")]
    pub(crate) event: StoredId,
    /// Hash of the distinct value; 0 where the rule counts events.
    #[serde(rename = "v")]
    pub(crate) value: u64,
    #[serde(rename = "r")]
    pub(crate) record: u64,
    #[serde(rename = "s")]
    pub(crate) severity: Severity,
}

/// An [`EventId`] without the padding that an aligned number of 128 bits costs. Ordered alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum StoredId {
    Uuid([u8; 16]),
    Text(Box<str>),
    Content([u8; 16]),
}

impl From<&EventId> for StoredId {
    fn from(id: &EventId) -> Self {
        match id {
            EventId::Uuid(number) => StoredId::Uuid(number.to_be_bytes()),
            EventId::Text(text) => StoredId::Text(text.clone()),
            EventId::Content(hash) => StoredId::Content(hash.to_be_bytes()),
        }
    }
}

impl From<&StoredId> for EventId {
    fn from(id: &StoredId) -> Self {
        match id {
            StoredId::Uuid(bytes) => EventId::Uuid(u128::from_be_bytes(*bytes)),
            StoredId::Text(text) => EventId::Text(text.clone()),
            StoredId::Content(bytes) => EventId::Content(u128::from_be_bytes(*bytes)),
        }
    }
}

impl Entry {
    pub(crate) fn of(signal: &Signal) -> Self {
        Entry {
            time: signal.time.as_micros(),
            event: StoredId::from(&signal.event),
            value: match signal.part {
                Part::Value(hash) => hash,
                Part::Event | Part::Step(_) | Part::Sample(_) => 0,
            },
            record: signal.record.0,
            severity: signal.severity,
        }
    }

    pub(crate) fn order(&self) -> (i64, &StoredId) {
        (self.time, &self.event)
    }

    pub(crate) fn handle(&self) -> RecordHandle {
        RecordHandle(self.record)
    }
}

/// Puts an item in its place.
///
/// The first two take no more room than they need: most keys of most rules never see a third event.
pub(crate) fn insert<T>(items: &mut Vec<T>, at: usize, item: T) {
    if items.len() == items.capacity() && items.len() < 2 {
        items.reserve_exact(1);
    }
    items.insert(at, item);
}

/// The first 128 bits of SHA-256. Values are the attacker's, and with a weaker hash two could be made alike.
pub(crate) fn strong_hash(value: &str) -> u128 {
    let digest: [u8; 32] = Sha256::digest(value.as_bytes()).into();
    digest.iter().take(16).fold(0, |hash, byte| (hash << 8) | u128::from(*byte))
}

/// `u…` for a UUID, `c…` for a hash of the content, both in hexadecimal; `t…` for any other text.
pub(crate) mod written_id {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::StoredId;

    pub(crate) fn serialize<S: Serializer>(id: &StoredId, serializer: S) -> Result<S::Ok, S::Error> {
        match id {
            StoredId::Uuid(bytes) => {
                serializer.collect_str(&format_args!("u{:x}", u128::from_be_bytes(*bytes)))
            }
            StoredId::Content(bytes) => {
                serializer.collect_str(&format_args!("c{:x}", u128::from_be_bytes(*bytes)))
            }
            StoredId::Text(text) => serializer.collect_str(&format_args!("t{text}")),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StoredId, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number =
            |digits| u128::from_str_radix(digits, 16).map(u128::to_be_bytes).map_err(D::Error::custom);
        match text.split_at_checked(1) {
            Some(("u", digits)) => number(digits).map(StoredId::Uuid),
            Some(("c", digits)) => number(digits).map(StoredId::Content),
            Some(("t", text)) => Ok(StoredId::Text(text.into())),
            _ => Err(D::Error::custom("an event id begins with u, c or t")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_id_survives_writing_and_keeps_its_order() {
        let ids = [
            EventId::new("9f2f5a3c-0000-4000-8000-00000000abcd"),
            EventId::new("any \"text\""),
            EventId::Content(u128::MAX),
        ];
        assert!(ids.is_sorted() && ids.each_ref().map(StoredId::from).is_sorted());
        for id in ids {
            let event = StoredId::from(&id);
            assert_eq!(EventId::from(&event), id);
            let entry = Entry { time: -5, event, value: u64::MAX, record: 7, severity: Severity::High };
            let text = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry);
        }
    }

    #[test]
    fn an_entry_is_small() {
        assert!(size_of::<Entry>() <= 56, "{}", size_of::<Entry>());
    }
}
