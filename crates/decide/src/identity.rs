//! Who a finding is: an id that is minted once, and a fingerprint that two runs over the same data share.
//!
//! Both are SHA-256 over length-prefixed parts, so that no two different lists of parts hash alike, and both depend on nothing
//! but the finding: no clock, no counter, no machine.

use std::fmt;

use cloudtrail::{EventId, EventTime};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::window::StoredId;

/// A hash that grows part by part.
#[derive(Debug, Clone)]
pub(crate) struct Parts(Sha256);

impl Parts {
    /// `subject` keeps hashes of different things apart.
    pub(crate) fn of(subject: &str) -> Self {
        let mut parts = Parts(Sha256::new());
        parts.text(subject);
        parts
    }

    pub(crate) fn text(&mut self, part: &str) {
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part.as_bytes());
    }

    /// A key's paths with their values.
    pub(crate) fn key<'k>(&mut self, key: impl Iterator<Item = (&'k str, &'k str)> + Clone) {
        self.0.update((key.clone().count() as u64).to_le_bytes());
        for (path, value) in key {
            self.text(path);
            self.text(value);
        }
    }

    pub(crate) fn time(&mut self, time: EventTime) {
        match whole_second(time) {
            Some(text) => self.ascii(&text),
            None => self.text(&time.to_string()),
        }
    }

    pub(crate) fn event(&mut self, time: EventTime, id: &EventId) {
        self.time(time);
        match id {
            EventId::Uuid(number) => self.ascii(&hyphenated(number.to_be_bytes())),
            other => self.text(&other.to_string()),
        }
    }

    /// The same of an event in a window.
    pub(crate) fn stored_event(&mut self, micros: i64, id: &StoredId) {
        self.time(EventTime::from_micros(micros));
        match id {
            StoredId::Uuid(bytes) => self.ascii(&hyphenated(*bytes)),
            other => self.text(&EventId::from(other).to_string()),
        }
    }

    fn ascii(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    pub(crate) fn digest(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    /// 128 bits as hexadecimal digits.
    pub(crate) fn hex(self) -> String {
        hex(&self.half())
    }

    /// The same bits.
    pub(crate) fn fingerprint(self) -> Fingerprint {
        Fingerprint(self.half())
    }

    /// The first 128 bits.
    fn half(self) -> [u8; 16] {
        let digest = self.digest();
        let mut half = [0; 16];
        half.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        half
    }

    /// The same bits in the form EventBridge gives an event's `id`: a UUID, of version 8 (RFC 9562 §5.8, vendor's own).
    pub(crate) fn uuid(self) -> FindingId {
        let mut bytes = self.half();
        // The digit that stands for the variant is chosen by what the text's digit there was, as a character.
        let [_, _, _, _, _, _, seventh, _, ninth, ..] = &mut bytes;
        *seventh = 0x80 | (*seventh & 0x0f);
        let digit = DIGITS[usize::from(*ninth >> 4)];
        *ninth = ((8 + digit % 4) << 4) | (*ninth & 0x0f);
        FindingId(bytes)
    }
}

/// `2026-11-03T02:15:00Z`, as a time prints; none for what prints otherwise. Every event of every finding is written so, and
/// the general way costs more than all the rest of a finding.
fn whole_second(time: EventTime) -> Option<[u8; 20]> {
    const DAY: i64 = 86_400;
    let micros = time.as_micros();
    // 1970 to 9999.
    if micros % 1_000_000 != 0 || !(0..253_402_300_800_000_000).contains(&micros) {
        return None;
    }
    let seconds = micros / 1_000_000;
    let (days, second) = (seconds / DAY, seconds % DAY);
    // Counted in years that begin in March, from 0000-03-01, in eras of 400 years (Hinnant's `civil_from_days`).
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + era * 400 + next;
    let mut text = *b"0000-00-00T00:00:00Z";
    let mut put = |at: usize, number: i64| {
        if let (Some(two), Ok(number)) = (text.get_mut(at..at + 2), u8::try_from(number)) {
            two.copy_from_slice(&[b'0' + number / 10, b'0' + number % 10]);
        }
    };
    put(0, year / 100);
    put(2, year % 100);
    put(5, month);
    put(8, day);
    put(11, second / 3_600);
    put(14, second / 60 % 60);
    put(17, second % 60);
    Some(text)
}

/// What a finding is recognised by in another run over the same data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// Hexadecimal digits.
    pub(crate) fn text(self) -> String {
        hex(&self.0)
    }
}

/// The id of a finding: a UUID, held as a number. It is written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct FindingId([u8; 16]);

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl FindingId {
    pub(crate) fn text(self) -> String {
        hyphenated(self.0).into_iter().map(char::from).collect()
    }

    /// Another one where one key's windows moved so that two would have been made by the same event.
    pub(crate) fn again(self) -> Self {
        let mut parts = Parts::of("finding again");
        parts.text(&self.text());
        parts.uuid()
    }
}

impl Serialize for FindingId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for FindingId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match EventId::new(&String::deserialize(deserializer)?) {
            EventId::Uuid(number) => Ok(FindingId(number.to_be_bytes())),
            EventId::Text(_) | EventId::Content(_) => Err(D::Error::custom("the id of a finding is a UUID")),
        }
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(DIGITS[usize::from(half & 15)]);
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(*byte));
    }
    text
}

/// As a UUID prints.
fn hyphenated(bytes: [u8; 16]) -> [u8; 36] {
    let mut text = [b'-'; 36];
    let places = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    for (byte, at) in bytes.into_iter().zip(places) {
        if let Some(two) = text.get_mut(at..at + 2) {
            two.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn times_and_ids_are_hashed_as_they_print(seconds in -100_i64..253_402_300_900, micros in 0_i64..2, id in any::<u128>()) {
            let time = EventTime::from_micros(seconds * 1_000_000 + micros);
            if let Some(text) = whole_second(time) {
                prop_assert_eq!(String::from_utf8(text.to_vec()).unwrap(), time.to_string());
            } else {
                prop_assert!(micros != 0 || !(0..253_402_300_800).contains(&seconds));
            }
            let printed = EventId::Uuid(id).to_string();
            prop_assert_eq!(String::from_utf8(hyphenated(id.to_be_bytes()).to_vec()).unwrap(), printed);
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let hash = |parts: &[&str]| {
            let mut hash = Parts::of("test");
            parts.iter().for_each(|part| hash.text(part));
            hash.hex()
        };
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_ne!(hash(&["a"]), hash(&["a", ""]));
        assert_eq!(hash(&["a", "b"]), hash(&["a", "b"]));
    }

    #[test]
    fn a_uuid_has_its_form() {
        let uuid = Parts::of("test").uuid();
        let written = serde_json::to_string(&uuid).unwrap();
        assert_eq!(serde_json::from_str::<FindingId>(&written).unwrap(), uuid);
        let uuid = uuid.text();
        let groups: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert_eq!(uuid.as_bytes()[14], b'8');
        assert!(b"89ab".contains(&uuid.as_bytes()[19]));
    }
}
