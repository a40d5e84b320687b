//! Which wanted name, if any, is this member's?
//!
//! Asked once per member of every record, and nearly always answered "none". A name's first and last eight bytes and its
//! length are mixed into one number; that number picks a slot in a table kept three quarters empty, so a name nobody wants costs two
//! loads, one multiplication and one comparison, however many names are wanted.
//!
//! Names with an escape or a dot are told apart on the way (the bytes are in hand anyway), because they need more than
//! a look-up: see [`Trie`](crate::trie::Trie).

/// Wanted names and what they lead to.
#[derive(Debug, Default)]
pub(crate) struct NameTable {
    /// A power of two of them, or none at all.
    slots: Box<[Slot]>,
}

#[derive(Debug, Clone, Default)]
struct Slot {
    digest: u64,
    name: Box<[u8]>,
    target: Option<u32>,
}

/// What a name looks like to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest {
    mixed: u64,
    /// Whether the name contains a backslash or a dot.
    pub(crate) special: bool,
}

impl NameTable {
    /// A table of names that differ, none of which contains a dot.
    pub(crate) fn new(names: impl ExactSizeIterator<Item = (Box<[u8]>, u32)>) -> Self {
        let size = (names.len() * 4).next_power_of_two();
        let mut table = NameTable { slots: vec![Slot::default(); size].into() };
        for (name, target) in names {
            let digest = Digest::of(&name).mixed;
            let mut at = table.home(digest);
            while table.slots.get(at).is_some_and(|slot| slot.target.is_some()) {
                at = (at + 1) & (size - 1);
            }
            if let Some(slot) = table.slots.get_mut(at) {
                *slot = Slot { digest, name, target: Some(target) };
            }
        }
        table
    }

    /// What `name` leads to.
    #[inline]
    pub(crate) fn get(&self, name: &[u8], digest: Digest) -> Option<u32> {
        let mut at = self.home(digest.mixed);
        loop {
            let slot = self.slots.get(at)?;
            // An empty slot ends the search, and there always is one.
            let target = slot.target?;
            if slot.digest == digest.mixed && *slot.name == *name {
                return Some(target);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    #[inline]
    fn home(&self, digest: u64) -> usize {
        // The upper bits of a product are the well mixed ones.
        usize::try_from(digest >> 40).unwrap_or(0) & self.slots.len().wrapping_sub(1)
    }
}

impl Digest {
    #[inline]
    pub(crate) fn of(name: &[u8]) -> Digest {
        let (head, tail) = ends(name);
        let mut special = has_special(head) | has_special(tail);
        if name.len() > 16 {
            let (words, _) = name.as_chunks::<8>();
            special |= words.iter().any(|word| has_special(u64::from_le_bytes(*word)));
        }
        let mixed = (head ^ tail.rotate_left(29) ^ name.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Digest { mixed, special }
    }
}

/// The first and the last eight bytes, which overlap in short names; names below eight bytes are spread over the first.
#[inline]
fn ends(name: &[u8]) -> (u64, u64) {
    if let (Some(head), Some(tail)) = (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        return (u64::from_le_bytes(*head), u64::from_le_bytes(*tail));
    }
    if let (Some(head), Some(tail)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        return (u64::from(u32::from_le_bytes(*head)) | u64::from(u32::from_le_bytes(*tail)) << 32, 0);
    }
    (name.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)), 0)
}

/// Whether one of the eight bytes is a backslash or a dot.
#[inline]
fn has_special(word: u64) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);
    // A byte is zero if it borrows when one is taken from it and had its high bit clear.
    let has_zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS != 0;
    has_zero(word ^ u64::from_le_bytes([b'\\'; 8])) | has_zero(word ^ u64::from_le_bytes([b'.'; 8]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_name_is_found_and_no_other() {
        let names: Vec<String> = (0..500).map(|n| "n".repeat(n % 40) + &n.to_string()).collect();
        let (wanted, others) = names.split_at(250);
        let table = NameTable::new(wanted.iter().zip(0..250).map(|(name, n)| (name.as_bytes().into(), n)));
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
        assert_eq!(NameTable::new([].into_iter()).get(b"", Digest::of(b"")), None);
    }

    proptest! {
        #[test]
        fn special_names_are_seen_at_any_length(name in "[a-z.\\\\é]{0,40}") {
            prop_assert_eq!(Digest::of(name.as_bytes()).special, name.contains(['.', '\\']));
        }
    }
}
