//! Which wanted name, if any, is this member's?
//!
//! Asked once per member of every record, and nearly always answered "none". The first and the last eight bytes of a name and its
//! length are mixed into one number, without a branch on the length (names of all lengths follow each other, so a
//! processor could not guess it), and the number picks a slot in a table kept three quarters empty. A name nobody wants costs a
//! handful of arithmetic however many names are wanted.
//!
//! Whether a name has an escape or a dot falls out of the same sixteen bytes. Raw names are compared, so an escaped one is never found: look at
//! [`Digest::has_escape`] first.

/// Wanted names, each with a number.
///
/// ```
/// use json_scan::{NameTable, Scanner};
///
/// let table = NameTable::new([("eventName", 1), ("errorCode", 2)]);
/// let mut scanner = Scanner::new(br#"{"eventID":"x","errorCode":"AccessDenied"}"#)?;
/// let mut names = scanner.object()?.names();
/// let mut found = Vec::new();
/// while let Some(name) = names.next()? {
///     found.extend(table.get(name.raw(), names.digest()));
/// }
/// assert_eq!(found, [2]);
/// # Ok::<(), json_scan::Malformed>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct NameTable {
    /// A power of two of them, or none at all.
    slots: Box<[Slot]>,
}

#[derive(Debug, Clone, Default)]
struct Slot {
    mixed: u64,
    name: Box<[u8]>,
    number: Option<u32>,
}

/// What a name looks like to a [`NameTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    mixed: u64,
    has_escape: bool,
    has_dot: bool,
}

/// By number of bytes kept: a mask of the low bytes of a word.
const LOW_BYTES: [u64; 9] = [
    0,
    0xff,
    0xffff,
    0xff_ffff,
    0xffff_ffff,
    0xff_ffff_ffff,
    0xffff_ffff_ffff,
    0xff_ffff_ffff_ffff,
    u64::MAX,
];

impl NameTable {
    /// A table of these names. Of equal names the last counts.
    pub fn new<'n>(names: impl IntoIterator<Item = (&'n str, u32)>) -> Self {
        let names: Vec<(&str, u32)> = names.into_iter().collect();
        let size = (names.len() * 4).next_power_of_two();
        let mut table = NameTable { slots: vec![Slot::default(); size].into() };
        for (name, number) in names {
            let name = name.as_bytes();
            let mixed = Digest::of(name).mixed;
            let mut at = table.home(mixed);
            while table.slots.get(at).is_some_and(|slot| slot.number.is_some() && *slot.name != *name) {
                at = (at + 1) & (size - 1);
            }
            if let Some(slot) = table.slots.get_mut(at) {
                *slot = Slot { mixed, name: name.into(), number: Some(number) };
            }
        }
        table
    }

    /// The number of the name, whose digest is in hand already.
    #[inline]
    pub fn get(&self, name: &[u8], digest: Digest) -> Option<u32> {
        let mut at = self.home(digest.mixed);
        loop {
            let slot = self.slots.get(at)?;
            // An empty slot ends the search, and there always is one.
            let number = slot.number?;
            if slot.mixed == digest.mixed && *slot.name == *name {
                return Some(number);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    #[inline]
    fn home(&self, mixed: u64) -> usize {
        // The upper bits of a product are the well mixed ones.
        usize::try_from(mixed >> 40).unwrap_or(0) & self.slots.len().wrapping_sub(1)
    }
}

impl Digest {
    /// The digest of a name that stands alone. Of a member's name, [`Names::digest`](crate::Names::digest) has it quicker.
    pub fn of(name: &[u8]) -> Digest {
        // With room on both sides, so that there is one way to make a digest only.
        let mut padded = [b' '; 8].to_vec();
        padded.extend_from_slice(name);
        padded.extend_from_slice(&[b' '; 8]);
        Digest::within(&padded, 8, 8 + name.len())
    }

    /// The digest of `bytes[from..to]`. Bytes around it are read along and masked out.
    #[inline]
    pub(crate) fn within(bytes: &[u8], from: usize, to: usize) -> Digest {
        let behind = bytes.get(from..).and_then(|rest| rest.first_chunk::<8>());
        let before = bytes.get(..to).and_then(|front| front.last_chunk::<8>());
        let (Some(head), Some(tail)) = (behind, before) else {
            // At the very ends of the buffer.
            return Digest::of(bytes.get(from..to).unwrap_or_default());
        };
        let length = to.saturating_sub(from);
        let kept = length.min(8);
        let head = u64::from_le_bytes(*head) & LOW_BYTES[kept];
        let tail = u64::from_le_bytes(*tail) & !LOW_BYTES[8 - kept];
        let mut has_escape = has_byte(head, b'\\') | has_byte(tail, b'\\');
        let mut has_dot = has_byte(head, b'.') | has_byte(tail, b'.');
        if length > 16 {
            let middle = bytes.get(from + 8..to - 8).unwrap_or_default();
            has_escape |= memchr::memchr(b'\\', middle).is_some();
            has_dot |= memchr::memchr(b'.', middle).is_some();
        }
        let mixed = (head ^ tail.rotate_left(29) ^ length as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Digest { mixed, has_escape, has_dot }
    }

    /// Whether the name contains a backslash, so that its raw bytes are not the name itself.
    #[inline]
    pub fn has_escape(self) -> bool {
        self.has_escape
    }

    /// Whether its raw bytes contain a dot.
    #[inline]
    pub fn has_dot(self) -> bool {
        self.has_dot
    }
}

/// Whether one of the eight bytes is `wanted`, which is not zero.
#[inline]
fn has_byte(word: u64, wanted: u8) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);
    let differences = word ^ u64::from_le_bytes([wanted; 8]);
    // A byte is zero if it borrows when one is taken from it and had its high bit clear.
    differences.wrapping_sub(ONES) & !differences & HIGHS != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_name_is_found_and_no_other() {
        let names: Vec<String> = (0..500).map(|n| "n".repeat(n % 40) + &n.to_string()).collect();
        let (wanted, others) = names.split_at(250);
        let table = NameTable::new(wanted.iter().zip(0..).map(|(name, n)| (name.as_str(), n)));
        for (name, n) in wanted.iter().zip(0..) {
            assert_eq!(table.get(name.as_bytes(), Digest::of(name.as_bytes())), Some(n), "{name}");
        }
        for name in others {
            assert_eq!(table.get(name.as_bytes(), Digest::of(name.as_bytes())), None, "{name}");
        }
    }

    #[test]
    fn an_empty_table_has_nothing() {
        assert_eq!(NameTable::default().get(b"a", Digest::of(b"a")), None);
        assert_eq!(NameTable::new([]).get(b"", Digest::of(b"")), None);
    }

    #[test]
    fn of_equal_names_the_last_counts() {
        let table = NameTable::new([("a", 1), ("", 2), ("a", 3)]);
        assert_eq!(table.get(b"a", Digest::of(b"a")), Some(3));
        assert_eq!(table.get(b"", Digest::of(b"")), Some(2));
    }

    proptest! {
        #[test]
        fn escapes_and_dots_are_seen_at_any_length(name in "[a-z.\\\\é]{0,40}") {
            let digest = Digest::of(name.as_bytes());
            prop_assert_eq!((digest.has_escape(), digest.has_dot()), (name.contains('\\'), name.contains('.')));
        }

        #[test]
        fn what_stands_around_a_name_does_not_count(before in "[a-z.\\\\]{0,12}", name in "[a-c.]{0,20}", after in "[a-z.\\\\]{0,12}") {
            let text = format!("{before}{name}{after}");
            let digest = Digest::within(text.as_bytes(), before.len(), before.len() + name.len());
            prop_assert_eq!(digest, Digest::of(name.as_bytes()));
        }
    }
}
