//! Who a finding is: an id that is minted once, and a fingerprint that two runs over the same data share.
//!
//! Both are SHA-256 over length-prefixed parts, so that no two different lists of parts hash alike, and both depend on nothing
//! but the finding: no clock, no counter, no machine.

use std::fmt::Write as _;

use cloudtrail::{EventId, EventTime};
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
    pub(crate) fn key<'k>(&mut self, key: impl ExactSizeIterator<Item = (&'k str, &'k str)>) {
        self.0.update((key.len() as u64).to_le_bytes());
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
        let mut text = String::with_capacity(32);
        for byte in self.digest().iter().take(16) {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// The same bits in the form EventBridge gives an event's `id`: a UUID, of version 8 (RFC 9562 §5.8, vendor's own).
    pub(crate) fn uuid(self) -> String {
        let mut text = self.hex();
        text.replace_range(12..13, "8");
        let variant = text.as_bytes().get(16).copied().unwrap_or_default();
        let variant = char::from(b"89ab"[usize::from(variant) % 4]);
        text.replace_range(16..17, variant.encode_utf8(&mut [0; 4]));
        for at in [20, 16, 12, 8] {
            text.insert(at, '-');
        }
        text
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

/// As a UUID prints.
fn hyphenated(bytes: [u8; 16]) -> [u8; 36] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
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
        let groups: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert_eq!(uuid.as_bytes()[14], b'8');
        assert!(b"89ab".contains(&uuid.as_bytes()[19]));
    }
}
