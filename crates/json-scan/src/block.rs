//! Sixty-four bytes at a time: which of them are marks.
//!
//! Three bitmaps are made of each block (quotes, backslashes, candidate marks); from the first two follows which bytes lie in
//! strings, and the rest are marks. The idea is simdjson's (Langdale and Lemire, "Parsing Gigabytes of JSON per Second",
//! 2019). SSE2 is part of every x86-64 machine, so nothing is detected at run time; elsewhere a plain loop does the same.
//!
//! What the vector form is worth: real logs are split at more than 3 GB/s with it and at 0.3 to 0.5 GB/s with the plain loop (one core, November
//! 2026). `cargo run --release -p json-scan --example split -- FILE` measures the one, with `--features plain` the other.

/// Bytes per block: one bit of a `u64` each.
pub(crate) const BLOCK: usize = 64;

/// What must be remembered from one block to the next.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Carry {
    /// All ones while a string is open, else zero.
    in_string: u64,
    /// 1 if the next block's first byte is escaped.
    escaped: u64,
}

impl Carry {
    /// Bits of `block` that are marks.
    #[inline]
    pub(crate) fn marks(&mut self, block: &[u8; BLOCK]) -> u64 {
        let Bitmaps { quotes, backslashes, candidates } = bitmaps(block);
        let escaped = self.escaped(backslashes);
        let in_string = prefix_xor(quotes & !escaped) ^ self.in_string;
        // The sign bit, smeared: open at the block's last byte means open at the next one's first.
        self.in_string = 0_u64.wrapping_sub(in_string >> 63);
        candidates & !in_string
    }

    /// Whether a string is open after what was seen.
    pub(crate) fn is_in_string(self) -> bool {
        self.in_string != 0
    }

    /// Bits of bytes that stand after an odd number of backslashes.
    #[inline]
    fn escaped(&mut self, backslashes: u64) -> u64 {
        if backslashes == 0 {
            return std::mem::take(&mut self.escaped);
        }
        // An escaped backslash escapes nothing: walk runs from the left. Runs are rare enough that a loop over them is
        // cheaper to read than the branch-free arithmetic, and not slower on real logs.
        let mut escaped = self.escaped;
        let mut starts = backslashes & !escaped;
        self.escaped = 0;
        while starts != 0 {
            let at = starts.trailing_zeros();
            if at == 63 {
                self.escaped = 1;
                break;
            }
            escaped |= 1 << (at + 1);
            // Go on behind the escaped byte.
            starts &= if at >= 62 { 0 } else { u64::MAX << (at + 2) };
        }
        escaped
    }
}

/// Bit `i` of the result is the parity of the bits `0..=i` of `bits`: set from an opening quote up to its closing one.
#[inline]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

struct Bitmaps {
    quotes: u64,
    backslashes: u64,
    candidates: u64,
}

/// `{` and `[`, as `}` and `]`, differ in this bit only; no other byte of JSON structure has it clear.
const BRACKET_CASE: u8 = 0x20;

#[cfg(all(target_arch = "x86_64", not(feature = "plain")))]
#[inline]
#[expect(unsafe_code, reason = "the compiler wants the feature named, although the architecture includes it")]
fn bitmaps(block: &[u8; BLOCK]) -> Bitmaps {
    // SAFETY: SSE2 belongs to the x86-64 baseline: there is no such machine without it. Nothing else is unsafe about the
    // call; it takes and gives plain values.
    unsafe { sse2_bitmaps(block) }
}

#[cfg(all(target_arch = "x86_64", not(feature = "plain")))]
#[inline]
#[target_feature(enable = "sse2")]
fn sse2_bitmaps(block: &[u8; BLOCK]) -> Bitmaps {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
    };
    let is = |bytes: __m128i, byte: u8| _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()));
    let bits = |lanes: __m128i| u64::from(_mm_movemask_epi8(lanes).cast_unsigned());
    let mut maps = Bitmaps { quotes: 0, backslashes: 0, candidates: 0 };
    let (words, _) = block.as_chunks::<8>();
    let (pairs, _) = words.as_chunks::<2>();
    for (lane, [low, high]) in pairs.iter().enumerate() {
        let bytes = _mm_set_epi64x(i64::from_le_bytes(*high), i64::from_le_bytes(*low));
        let folded = _mm_or_si128(bytes, _mm_set1_epi8(BRACKET_CASE.cast_signed()));
        let brackets = _mm_or_si128(is(folded, b'{'), is(folded, b'}'));
        let separators = _mm_or_si128(is(bytes, b':'), is(bytes, b','));
        let shift = lane * 16;
        maps.quotes |= bits(is(bytes, b'"')) << shift;
        maps.backslashes |= bits(is(bytes, b'\\')) << shift;
        maps.candidates |= bits(_mm_or_si128(brackets, separators)) << shift;
    }
    maps
}

#[cfg(not(all(target_arch = "x86_64", not(feature = "plain"))))]
#[inline]
fn bitmaps(block: &[u8; BLOCK]) -> Bitmaps {
    plain_bitmaps(block)
}

/// The same without vector instructions; also what the vector form is tested against.
#[cfg(any(test, feature = "plain", not(target_arch = "x86_64")))]
fn plain_bitmaps(block: &[u8; BLOCK]) -> Bitmaps {
    let mut maps = Bitmaps { quotes: 0, backslashes: 0, candidates: 0 };
    for (i, &byte) in block.iter().enumerate() {
        let folded = byte | BRACKET_CASE;
        maps.quotes |= u64::from(byte == b'"') << i;
        maps.backslashes |= u64::from(byte == b'\\') << i;
        let mark = folded == b'{' || folded == b'}' || byte == b':' || byte == b',';
        maps.candidates |= u64::from(mark) << i;
    }
    maps
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Marks by the definition: a state machine over bytes. A backslash escapes the next byte; only quotes care.
    fn marks_by_definition(bytes: &[u8]) -> Vec<usize> {
        let (mut in_string, mut escaped, mut found) = (false, false, Vec::new());
        for (i, &byte) in bytes.iter().enumerate() {
            if byte == b'"' && !escaped {
                in_string = !in_string;
            } else if !in_string && b"{}[]:,".contains(&byte) {
                found.push(i);
            }
            escaped = byte == b'\\' && !escaped;
        }
        found
    }

    fn marks_by_blocks(bytes: &[u8]) -> Vec<usize> {
        let (mut carry, mut found) = (Carry::default(), Vec::new());
        for (n, chunk) in bytes.chunks(BLOCK).enumerate() {
            let mut block = [b' '; BLOCK];
            block[..chunk.len()].copy_from_slice(chunk);
            let mut bits = carry.marks(&block);
            while bits != 0 {
                found.push(n * BLOCK + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn blocks_find_what_the_definition_finds(bytes in prop::collection::vec(
            prop::sample::select(br#"\\\\""{}[]:,a "#.to_vec()), 0..300,
        )) {
            prop_assert_eq!(marks_by_blocks(&bytes), marks_by_definition(&bytes));
        }

        #[test]
        fn vector_and_plain_bitmaps_agree(bytes in prop::collection::vec(any::<u8>(), BLOCK..=BLOCK)) {
            let block: &[u8; BLOCK] = bytes.as_slice().try_into().unwrap();
            let (fast, plain) = (bitmaps(block), plain_bitmaps(block));
            prop_assert_eq!(fast.quotes, plain.quotes);
            prop_assert_eq!(fast.backslashes, plain.backslashes);
            prop_assert_eq!(fast.candidates, plain.candidates);
        }
    }

    #[test]
    fn long_runs_of_backslashes_cross_blocks() {
        for run in 0..200 {
            let text = format!("{{\"{}\":1}}", "\\".repeat(run) + if run % 2 == 1 { "\"" } else { "" });
            assert_eq!(
                marks_by_blocks(text.as_bytes()),
                marks_by_definition(text.as_bytes()),
                "run of {run}"
            );
        }
    }
}
