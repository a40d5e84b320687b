//! Which of many prefixes (or suffixes) a text has: a trie of bytes, walked from that end.
//!
//! A walk ends at the first byte no prefix goes on with, so however many there are, most texts cost a byte or two.

use rustc_hash::FxHashMap;

/// A set of prefixes, or of suffixes put in back to front, each leading to targets.
#[derive(Debug, Default)]
pub(crate) struct Affixes {
    /// A bit for each byte that some affix begins with: most texts begin with none of them.
    firsts: [u64; 4],
    edges: FxHashMap<(u32, u8), u32>,
    /// By node; the root is node 0.
    targets: Vec<Vec<u32>>,
    /// A bit for each length that some affix has; those of 63 bytes and more share one.
    lengths: u64,
}

impl Affixes {
    pub(crate) fn insert(&mut self, bytes: impl Iterator<Item = u8>, target: u32) {
        if self.targets.is_empty() {
            self.targets.push(Vec::new());
        }
        let (mut at, mut length) = (0, 0_usize);
        for byte in bytes {
            length += 1;
            if at == 0
                && let Some(bits) = self.firsts.get_mut(usize::from(byte >> 6))
            {
                *bits |= 1 << (byte & 63);
            }
            let next = u32::try_from(self.targets.len()).unwrap_or(u32::MAX);
            at = *self.edges.entry((at, byte)).or_insert(next);
            if at == next {
                self.targets.push(Vec::new());
            }
        }
        self.lengths |= 1 << length.min(63);
        if let Some(targets) = self.targets.get_mut(at as usize) {
            targets.push(target);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    #[inline]
    fn begins_with(&self, byte: u8) -> bool {
        self.firsts.get(usize::from(byte >> 6)).is_some_and(|bits| bits >> (byte & 63) & 1 != 0)
    }

    /// The targets of every affix that `bytes` begins with.
    #[inline]
    pub(crate) fn find(&self, bytes: impl Iterator<Item = u8>, found: &mut impl FnMut(u32)) {
        let mut at = 0;
        for byte in bytes {
            if at == 0 && !self.begins_with(byte) {
                return;
            }
            let Some(&next) = self.edges.get(&(at, byte)) else { return };
            at = next;
            for &target in self.targets.get(at as usize).into_iter().flatten() {
                found(target);
            }
        }
    }

    /// The targets of the affix that is the whole of `bytes`.
    #[inline]
    pub(crate) fn find_whole(&self, bytes: impl ExactSizeIterator<Item = u8>, found: &mut impl FnMut(u32)) {
        if self.lengths >> bytes.len().min(63) & 1 == 0 {
            return;
        }
        let mut at = 0;
        for byte in bytes {
            if at == 0 && !self.begins_with(byte) {
                return;
            }
            let Some(&next) = self.edges.get(&(at, byte)) else { return };
            at = next;
        }
        for &target in self.targets.get(at as usize).into_iter().flatten() {
            found(target);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_of_a_text_is_found() {
        let mut affixes = Affixes::default();
        for (text, target) in [("ab", 1), ("abc", 2), ("abc", 3), ("b", 4), ("abd", 5)] {
            affixes.insert(text.bytes(), target);
        }
        let found = |text: &str| {
            let mut targets = Vec::new();
            affixes.find(text.bytes(), &mut |target| targets.push(target));
            targets
        };
        assert_eq!(found("abcd"), [1, 2, 3]);
        assert_eq!(found("ab"), [1]);
        assert_eq!(found("ba"), [4]);
        assert!(found("").is_empty() && found("xab").is_empty());
        let whole = |text: &str| {
            let mut targets = Vec::new();
            affixes.find_whole(text.bytes(), &mut |target| targets.push(target));
            targets
        };
        assert_eq!(whole("abc"), [2, 3]);
        assert!(whole("a").is_empty() && whole("abcd").is_empty() && whole("").is_empty());
    }
}
