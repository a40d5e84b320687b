//! Who a finding is: an id that is minted once, and a fingerprint that two runs over the same data share.
//!
//! Both are SHA-256 over length-prefixed parts, so that no two different lists of parts hash alike, and both depend on nothing
//! but the finding: no clock, no counter, no machine.

use std::fmt::Write as _;

use cloudtrail::{EventId, EventTime};
use sha2::{Digest, Sha256};

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

    pub(crate) fn key(&mut self, key: &[(Box<str>, Box<str>)]) {
        self.0.update((key.len() as u64).to_le_bytes());
        for (path, value) in key {
            self.text(path);
            self.text(value);
        }
    }

    pub(crate) fn event(&mut self, time: EventTime, id: &EventId) {
        self.text(&time.to_string());
        self.text(&id.to_string());
    }

    fn digest(self) -> [u8; 32] {
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

#[cfg(test)]
mod tests {
    use super::*;

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
