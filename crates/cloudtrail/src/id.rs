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

/// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` in lower case; other spellings are other texts to AWS.
///
/// Every record has one, so eight digits are read at a time.
fn uuid(text: &[u8]) -> Option<u128> {
    let text: &[u8; 36] = text.try_into().ok()?;
    let [
        a @ ..,
        b'-',
        b0,
        b1,
        b2,
        b3,
        b'-',
        c0,
        c1,
        c2,
        c3,
        b'-',
        d0,
        d1,
        d2,
        d3,
        b'-',
        e0,
        e1,
        e2,
        e3,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
    ] = text
    else {
        return None;
    };
    let words = [
        *a,
        [*b0, *b1, *b2, *b3, *c0, *c1, *c2, *c3],
        [*d0, *d1, *d2, *d3, *e0, *e1, *e2, *e3],
        *text.last_chunk::<8>()?,
    ];
    let (mut number, mut are_digits) = (0_u128, true);
    for word in words {
        let (value, of_digits) = eight_digits(word);
        number = number << 32 | u128::from(value);
        are_digits &= of_digits;
    }
    are_digits.then_some(number)
}

/// The number that eight hexadecimal digits in lower case are, and whether they are such digits; if not, the number means nothing.
fn eight_digits(text: [u8; 8]) -> (u32, bool) {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    // The first digit in the highest byte.
    let text = u64::from_be_bytes(text);
    // Letters have bit 6, digits have not, and `a` has 1 in its lower half. A byte holds at most 15 + 9 here, so none runs over.
    let values = (text & (ONES * 0xf)) + (text >> 6 & ONES) * 9;
    let are_letters = (values + ONES * 6) >> 4 & ONES;
    let as_text = values + ONES * u64::from(b'0') + are_letters * u64::from(b'a' - b'0' - 10);
    let are_digits = values & (ONES * 0xf0) == 0 && as_text == text;
    let pairs = (values | values >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    let [.., a, b, c, d] = (fours | fours >> 16).to_be_bytes();
    (u32::from_be_bytes([a, b, c, d]), are_digits)
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

    /// Every byte at every place, against the plain way to say what an id is.
    #[test]
    fn eight_digits_at_a_time_are_digits_one_by_one() {
        let id = "0828c0d2-3589-4390-b954-c78b4a7df44b";
        for at in 0..id.len() {
            for byte in 0..=u8::MAX {
                let mut text = id.as_bytes().to_vec();
                text[at] = byte;
                let is_digit = matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                let is_id = if id.as_bytes()[at] == b'-' { byte == b'-' } else { is_digit };
                let digits: String =
                    text.iter().map(|&byte| char::from(byte)).filter(|&c| c != '-').collect();
                let expected = is_id.then(|| u128::from_str_radix(&digits, 16).unwrap());
                assert_eq!(uuid(&text), expected, "{byte} at {at}");
            }
        }
    }

    /// Written down once, because stored state depends on it.
    #[test]
    fn the_content_hash_never_changes() {
        assert_eq!(fnv1a(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(fnv1a(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        assert_eq!(fnv1a(b"foobar"), 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
    }
}
