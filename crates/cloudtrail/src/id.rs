//! What makes two copies of an event the same event.

use std::fmt;

use json_scan::{Object, Text};

/// The identity of an event: copies of it, from whichever source and in whichever envelope, have the same one.
///
/// It is the record's `eventID` (an envelope's `id` for events that are not CloudTrail's). A record without one is identified by
/// its own content, so that identical copies still count as one.
///
/// Ordered, so that ties of time are broken the same way in every run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventId {
    /// A UUID in lower case with hyphens, as CloudTrail and EventBridge write them.
    Uuid(u128),
    /// Any other text.
    Text(Box<str>),
    /// There was none: a 128-bit hash of the compact JSON text, the same in every version of this program.
    Content(u128),
}

impl EventId {
    /// Reads an id as it stands in a record.
    pub fn new(text: &str) -> Self {
        uuid(text.as_bytes()).map_or_else(|| EventId::Text(text.into()), EventId::Uuid)
    }

    /// The id that `text` holds; `None` if it is empty or no valid string.
    pub(crate) fn from_text(text: Text<'_>) -> Option<Self> {
        if let Some(number) = uuid(text.raw()) {
            return Some(EventId::Uuid(number));
        }
        let text = text.unescape().ok()?;
        if text.is_empty() { None } else { Some(EventId::Text(text.into())) }
    }

    /// The id of an event that names none.
    #[cold]
    pub(crate) fn from_content(json: Object<'_>) -> Self {
        let mut compact = Vec::with_capacity(json.bytes().len());
        json.write_compact(&mut compact);
        EventId::Content(fnv1a(&compact))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EventId::Uuid(number) => {
                let group = |shift: u32, digits: u32| (number >> shift) & ((1 << (digits * 4)) - 1);
                write!(
                    f,
                    "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
                    group(96, 8),
                    group(80, 4),
                    group(64, 4),
                    group(48, 4),
                    group(0, 12)
                )
            }
            EventId::Text(text) => f.pad(text),
            EventId::Content(hash) => write!(f, "content-{hash:032x}"),
        }
    }
}

/// What each byte is worth as a hexadecimal digit in lower case; [`NO_DIGIT`] where it is none.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};

/// Has a bit that no digit has, so that any number of them can be checked at once.
const NO_DIGIT: u8 = 0x80;

/// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` in lower case; other spellings are other texts to AWS.
///
/// Every record has one, so this looks bytes up instead of comparing them, and asks once at the end.
fn uuid(text: &[u8]) -> Option<u128> {
    let text: &[u8; 36] = text.try_into().ok()?;
    let mut seen = 0;
    let mut number = |digits: &[u8]| {
        digits.iter().fold(0_u64, |number, &byte| {
            let digit = DIGITS[usize::from(byte)];
            seen |= digit;
            number << 4 | u64::from(digit & 0xf)
        })
    };
    let high = number(&text[..8]) << 32 | number(&text[9..13]) << 16 | number(&text[14..18]);
    let low = number(&text[19..23]) << 48 | number(&text[24..36]);
    let hyphens = [text[8], text[13], text[18], text[23]] == *b"----";
    (hyphens && seen & NO_DIGIT == 0).then(|| u128::from(high) << 64 | u128::from(low))
}

/// FNV-1a with 128 bits: plain enough to stay the same for ever.
fn fnv1a(bytes: &[u8]) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(OFFSET, |hash, &byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_as_they_were_written() {
        for text in [
            "0828c0d2-3589-4390-b954-c78b4a7df44b",
            "00000000-0000-0000-0000-00000000000a",
            "0828C0D2-3589-4390-B954-C78B4A7DF44B",
            "EXAMPLE8-9621-4d00-b913-beca2EXAMPLE",
            "0828c0d2358943904b954-c78b4a7df44b-1",
            "an id",
        ] {
            assert_eq!(EventId::new(text).to_string(), text);
        }
        assert!(matches!(EventId::new("0828c0d2-3589-4390-b954-c78b4a7df44b"), EventId::Uuid(_)));
        assert!(matches!(EventId::new("0828C0D2-3589-4390-B954-C78B4A7DF44B"), EventId::Text(_)));
    }

    /// Written down once, because stored state depends on it.
    #[test]
    fn the_content_hash_never_changes() {
        assert_eq!(fnv1a(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(fnv1a(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        assert_eq!(fnv1a(b"foobar"), 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
    }
}
