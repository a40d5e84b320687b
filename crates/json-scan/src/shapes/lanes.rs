//! What a walk asks of the text, sixty-four bytes at a time: are these the bytes, where does the string end, how long is the number?
//!
//! Which instructions answer is the processor's affair, as in `block`. The walk is compiled once for each kind of processor, with the
//! answers in its middle.

/// Bytes looked at together: one bit of a `u64` each.
pub(super) const LANE: usize = 64;

pub(super) type Lane = [u8; LANE];

/// Text that is expected, with anything behind it; kept where one load gets all of it.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Literal(pub(super) Lane);

/// What ends a string, or has to be looked at closely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) quotes: u64,
    /// Backslashes, control characters, and bytes beyond ASCII. Right up to the first quote.
    pub(super) odd: u64,
}

/// The three questions.
#[derive(Clone, Copy)]
pub(super) struct Lanes<B, E, D> {
    /// Whether the first bytes, so many, are those of the literal; more than none and at most [`LANE`].
    pub(super) begins: B,
    pub(super) ends: E,
    /// Which bytes are digits; right up to the first that is none.
    pub(super) digits: D,
}

/// Walks with the best instructions there are.
#[cfg(all(target_arch = "x86_64", not(feature = "plain")))]
pub(super) mod vector {
    use std::arch::x86_64::{
        __m128i, __m256i, __m512i, _mm_cmpeq_epi8, _mm_cmplt_epi8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set_epi64x, _mm_set1_epi8, _mm_sub_epi8, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8,
        _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_sub_epi8,
        _mm512_cmpeq_epi8_mask, _mm512_cmplt_epi8_mask, _mm512_cmplt_epu8_mask, _mm512_cmpneq_epi8_mask,
        _mm512_loadu_si512, _mm512_set1_epi8, _mm512_sub_epi8,
    };

    use super::{Ends, Lane, Lanes, Literal};
    use crate::block::Level;
    use crate::shapes::outline::Slots;
    use crate::shapes::trie::{Found, Trie};

    /// [`Trie::walk`] on this processor.
    #[inline]
    #[expect(unsafe_code, reason = "the compiler wants a call marked that needs a feature of the processor")]
    pub(in crate::shapes) fn walk(
        level: Level,
        trie: &mut Trie,
        bytes: &[u8],
        from: usize,
        slots: &mut Slots,
    ) -> Option<Found> {
        // SAFETY: a level above SSE2 is made by `Level::best` alone, of a processor that was asked for everything the level's function needs;
        // SSE2 belongs to the x86-64 baseline. Nothing else is unsafe about the calls.
        unsafe {
            match level {
                Level::Avx512 => avx512(trie, bytes, from, slots),
                Level::Avx2 => avx2(trie, bytes, from, slots),
                Level::Sse2 => sse2(trie, bytes, from, slots),
            }
        }
    }

    /// The first bits of a mask, so many, at least one, in the place of the last.
    #[inline(always)]
    fn first(mask: u64, count: u8) -> u64 {
        mask.wrapping_shl(u32::from(count).wrapping_neg())
    }

    /// What is less, as a signed byte, is a control character or beyond ASCII.
    const BLANK: i8 = 0x20;

    #[target_feature(enable = "avx512f,avx512bw,pclmulqdq,bmi1,bmi2")]
    fn avx512(trie: &mut Trie, bytes: &[u8], from: usize, slots: &mut Slots) -> Option<Found> {
        let lanes = Lanes {
            begins: |lane: &Lane, literal: &Literal, length| {
                first(_mm512_cmpneq_epi8_mask(load512(lane), load512(&literal.0)), length) == 0
            },
            ends: |lane: &Lane| {
                let bytes = load512(lane);
                Ends {
                    quotes: _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(b'"'.cast_signed())),
                    odd: _mm512_cmplt_epi8_mask(bytes, _mm512_set1_epi8(BLANK))
                        | _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(b'\\'.cast_signed())),
                }
            },
            digits: |lane: &Lane| {
                let above = _mm512_sub_epi8(load512(lane), _mm512_set1_epi8(b'0'.cast_signed()));
                _mm512_cmplt_epu8_mask(above, _mm512_set1_epi8(10))
            },
        };
        trie.walk(bytes, from, slots, lanes)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    #[expect(
        unsafe_code,
        reason = "put together from words, the bytes take dozens of instructions instead of one"
    )]
    fn load512(bytes: &Lane) -> __m512i {
        // SAFETY: reads 64 bytes from any address, and those of `bytes` are 64.
        unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx2,pclmulqdq,bmi1,bmi2")]
    fn avx2(trie: &mut Trie, bytes: &[u8], from: usize, slots: &mut Slots) -> Option<Found> {
        let is = |bytes: __m256i, byte: u8| _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte.cast_signed()));
        let bits = |lanes: __m256i| u64::from(_mm256_movemask_epi8(lanes).cast_unsigned());
        let both = |low: __m256i, high: __m256i| bits(low) | bits(high) << 32;
        let lanes = Lanes {
            begins: |lane: &Lane, literal: &Literal, length| {
                let ([a, b], [c, d]) = (load256(lane), load256(&literal.0));
                first(!both(_mm256_cmpeq_epi8(a, c), _mm256_cmpeq_epi8(b, d)), length) == 0
            },
            ends: |lane: &Lane| {
                let [low, high] = load256(lane);
                let blank = _mm256_set1_epi8(BLANK);
                let odd = |bytes| _mm256_or_si256(_mm256_cmpgt_epi8(blank, bytes), is(bytes, b'\\'));
                Ends { quotes: both(is(low, b'"'), is(high, b'"')), odd: both(odd(low), odd(high)) }
            },
            digits: |lane: &Lane| {
                let [low, high] = load256(lane);
                // The digits become the ten least of all signed bytes.
                let shift = _mm256_set1_epi8((b'0' + 128).cast_signed());
                let digit =
                    |bytes| _mm256_cmpgt_epi8(_mm256_set1_epi8(-128 + 10), _mm256_sub_epi8(bytes, shift));
                both(digit(low), digit(high))
            },
        };
        trie.walk(bytes, from, slots, lanes)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    #[expect(
        unsafe_code,
        reason = "put together from words, the bytes take a dozen instructions instead of one"
    )]
    fn load256(bytes: &Lane) -> [__m256i; 2] {
        let (halves, _) = bytes.as_chunks::<32>();
        // SAFETY: reads 32 bytes from any address, and those of a half are 32.
        let load = |half: &[u8; 32]| unsafe { _mm256_loadu_si256(half.as_ptr().cast()) };
        match halves {
            [low, high] => [load(low), load(high)],
            _ => [_mm256_set1_epi8(0); 2],
        }
    }

    #[target_feature(enable = "sse2")]
    fn sse2(trie: &mut Trie, bytes: &[u8], from: usize, slots: &mut Slots) -> Option<Found> {
        let is = |bytes: __m128i, byte: u8| _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()));
        let bits = |lanes: __m128i| u64::from(_mm_movemask_epi8(lanes).cast_unsigned());
        let all = |four: [__m128i; 4]| four.into_iter().rev().fold(0, |mask, lanes| mask << 16 | bits(lanes));
        let lanes = Lanes {
            begins: |lane: &Lane, literal: &Literal, length| {
                let (text, wanted) = (load128(lane), load128(&literal.0));
                let same = std::array::from_fn(|i| _mm_cmpeq_epi8(text[i], wanted[i]));
                first(!all(same), length) == 0
            },
            ends: |lane: &Lane| {
                let bytes = load128(lane);
                let blank = _mm_set1_epi8(BLANK);
                Ends {
                    quotes: all(bytes.map(|bytes| is(bytes, b'"'))),
                    odd: all(bytes.map(|bytes| _mm_or_si128(_mm_cmplt_epi8(bytes, blank), is(bytes, b'\\')))),
                }
            },
            digits: |lane: &Lane| {
                let shift = _mm_set1_epi8((b'0' + 128).cast_signed());
                let digit = |bytes| _mm_cmplt_epi8(_mm_sub_epi8(bytes, shift), _mm_set1_epi8(-128 + 10));
                all(load128(lane).map(digit))
            },
        };
        trie.walk(bytes, from, slots, lanes)
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn load128(bytes: &Lane) -> [__m128i; 4] {
        let (words, _) = bytes.as_chunks::<8>();
        let word = |place: usize| words.get(place).map_or(0, |word| i64::from_le_bytes(*word));
        std::array::from_fn(|i| _mm_set_epi64x(word(2 * i + 1), word(2 * i)))
    }
}

/// Walks without vector instructions; also what the vector forms are tested against.
#[cfg(any(test, feature = "plain", not(target_arch = "x86_64")))]
pub(super) mod plain {
    use super::{Ends, Lane, Lanes, Literal};
    use crate::shapes::outline::Slots;
    use crate::shapes::trie::{Found, Trie};

    /// [`Trie::walk`] on any processor.
    pub(in crate::shapes) fn walk(
        trie: &mut Trie,
        bytes: &[u8],
        from: usize,
        slots: &mut Slots,
    ) -> Option<Found> {
        let lanes = Lanes {
            begins: |lane: &Lane, literal: &Literal, length: u8| {
                lane.iter().zip(&literal.0).take(usize::from(length)).all(|(byte, wanted)| byte == wanted)
            },
            ends: |lane: &Lane| {
                let mut ends = Ends { quotes: 0, odd: 0 };
                for (i, &byte) in lane.iter().enumerate() {
                    ends.quotes |= u64::from(byte == b'"') << i;
                    ends.odd |= u64::from(!(0x20..0x80).contains(&byte) || byte == b'\\') << i;
                    if ends.quotes != 0 {
                        break;
                    }
                }
                ends
            },
            digits: |lane: &Lane| {
                let digits = lane.iter().take_while(|byte| byte.is_ascii_digit()).count();
                u64::MAX.checked_shr(u32::try_from(LANE - digits).unwrap_or(64)).unwrap_or(0)
            },
        };
        trie.walk(bytes, from, slots, lanes)
    }

    use super::LANE;
}
