//! Values that are known to lead nowhere.
//!
//! The values of a log come again and again: a few hundred names of calls and services, of roles and programs. Whether one of them leads
//! anywhere depends on nothing but the value and the field, and the answer nearly always is "no". So those that were asked about
//! are kept, each in a place that follows from its bytes, where the next one that belongs there takes its place. Looking one up costs no more than
//! comparing it, whatever rules there are.

/// How many are kept: a quarter of a megabyte of them. A power of two.
const PLACES: usize = 4_096;

/// Of longer values nothing is kept.
pub(crate) const LONGEST: usize = WORDS * 8 * 2;

/// Words that are compared without asking how long a value is; values of all lengths follow each other.
const WORDS: usize = 4;

type Words = [u64; WORDS];

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Unwanted {
    kept: Vec<Kept>,
}

/// A value; its bytes are followed by zeros.
#[derive(Debug, Clone, Copy)]
struct Kept {
    /// Which question, and the length in the lowest byte; no value has it where nothing is kept.
    whose: u64,
    head: Words,
    tail: Words,
}

const NOTHING: Kept = Kept { whose: u64::MAX, head: [0; WORDS], tail: [0; WORDS] };

impl Unwanted {
    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.kept.clear();
    }

    /// Whether the value is kept: the first `length` bytes of `text`, as an answer to the question of this number, which is below 2⁴⁸.
    #[inline]
    pub(crate) fn holds(&self, question: u64, text: &[u8], length: usize) -> bool {
        let Some(value) = Kept::new(question, text, length) else { return false };
        self.kept.get(value.place()).is_some_and(|kept| kept.is(&value))
    }

    /// Keeps it.
    #[cold]
    pub(crate) fn keep(&mut self, question: u64, text: &[u8], length: usize) {
        let Some(value) = Kept::new(question, text, length) else { return };
        if self.kept.is_empty() {
            self.kept.resize(PLACES, NOTHING);
        }
        if let Some(kept) = self.kept.get_mut(value.place()) {
            *kept = value;
        }
    }
}

impl Kept {
    #[inline(always)]
    fn new(question: u64, text: &[u8], length: usize) -> Option<Kept> {
        if length > LONGEST {
            return None;
        }
        let head = words(text, length);
        let half = WORDS * 8;
        let tail = match length > half {
            true => words(text.get(half..)?, length - half),
            false => [0; WORDS],
        };
        Some(Kept { whose: question << 8 | length as u64, head, tail })
    }

    /// Whether they are the same, without a branch in between.
    #[inline(always)]
    fn is(&self, other: &Kept) -> bool {
        let ([a, b, c, d], [e, f, g, h]) = (self.head, other.head);
        let ([i, j, k, l], [m, n, o, p]) = (self.tail, other.tail);
        let heads = (a ^ e) | (b ^ f) | (c ^ g) | (d ^ h);
        let tails = (i ^ m) | (j ^ n) | (k ^ o) | (l ^ p);
        heads | tails | (self.whose ^ other.whose) == 0
    }

    #[inline(always)]
    fn place(&self) -> usize {
        let Kept { whose, head, tail } = self;
        let mixed = (head[0] ^ whose).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ (head[1] ^ tail[0]).wrapping_mul(0xc2b2_ae3d_27d4_eb4f)
            ^ (head[2] ^ tail[1].rotate_left(17)).wrapping_mul(0x1656_67b1_9e37_79f9)
            ^ (head[3] ^ tail[2].rotate_left(31) ^ tail[3].rotate_left(47))
                .wrapping_mul(0xd6e8_feb8_6659_fd93);
        // The upper bits of a product are the well mixed ones.
        usize::try_from(mixed >> 40).unwrap_or(0) % PLACES
    }
}

/// The first bytes of `text` in words, no more than `length`, and zeros behind them.
#[inline(always)]
fn words(text: &[u8], length: usize) -> Words {
    let Some((chunks, _)) = text.first_chunk::<{ WORDS * 8 }>().map(|head| head.as_chunks::<8>()) else {
        return words_near_the_end(text, length);
    };
    let ([a, b, c, d], [of_a, of_b, of_c, of_d]) = (chunks, MASKS[length.min(WORDS * 8)]) else {
        return words_near_the_end(text, length);
    };
    // One by one: a loop over them is not unrolled, and goes through memory.
    [
        u64::from_le_bytes(*a) & of_a,
        u64::from_le_bytes(*b) & of_b,
        u64::from_le_bytes(*c) & of_c,
        u64::from_le_bytes(*d) & of_d,
    ]
}

/// The same where the text has fewer bytes than the words.
#[cold]
fn words_near_the_end(text: &[u8], length: usize) -> Words {
    let mut padded = [0; WORDS * 8];
    padded.iter_mut().zip(text.iter().take(length)).for_each(|(to, from)| *to = *from);
    let (chunks, _) = padded.as_chunks::<8>();
    let mut words = [0; WORDS];
    words.iter_mut().zip(chunks).for_each(|(word, chunk)| *word = u64::from_le_bytes(*chunk));
    words
}

/// By length: ones for so many bytes.
const MASKS: [Words; WORDS * 8 + 1] = {
    let mut masks = [[0; WORDS]; WORDS * 8 + 1];
    let mut byte = 0;
    while byte < WORDS * 8 {
        let mut length = byte + 1;
        while length <= WORDS * 8 {
            masks[length][byte / 8] |= 0xff << (byte % 8 * 8);
            length += 1;
        }
        byte += 1;
    }
    masks
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Exactly what was kept last at its place is held, whatever stands behind it.
        #[test]
        fn only_what_was_kept_is_held(
            values in prop::collection::vec(("[ab]{0,70}", 0_u64..2), 1..30), behind in "[ab]{0,70}", other in "[ab]{0,70}",
        ) {
            let (mut unwanted, mut kept) = (Unwanted::default(), Vec::new());
            for (value, question) in &values {
                let text = format!("{value}{behind}");
                let short = value.len() <= LONGEST;
                unwanted.keep(*question, text.as_bytes(), value.len());
                kept.push((value, *question));
                // A neighbour is not held for it, nor the same value elsewhere, unless it was kept as well.
                let text = format!("{value}{other}");
                for (length, asked) in [
                    (value.len(), *question),
                    (value.len(), 1 - question),
                    (value.len().saturating_sub(1), *question),
                    (text.len(), *question),
                ] {
                    let bytes = &text.as_bytes()[..length];
                    let is_kept = kept.iter().any(|(kept, question)| kept.as_bytes() == bytes && *question == asked);
                    let is_held = unwanted.holds(asked, text.as_bytes(), length);
                    prop_assert!(is_kept || !is_held);
                    prop_assert!(is_held || (length, asked) != (value.len(), *question) || !short);
                }
            }
        }
    }

    #[test]
    fn nothing_is_held_at_first_or_after_forgetting() {
        let mut unwanted = Unwanted::default();
        assert!(!unwanted.holds(0, b"", 0));
        unwanted.keep(0, b"", 0);
        assert!(unwanted.holds(0, b"", 0));
        unwanted.clear();
        assert!(!unwanted.holds(0, b"", 0));
    }
}
