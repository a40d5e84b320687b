//! Sixty-four bytes at a time: which of them are marks.
//!
//! Four bitmaps are made of each block (quotes, backslashes, brackets, separators); from the first two follows which bytes lie in
//! strings, and of the rest brackets and separators are marks. The idea is simdjson's (Langdale and Lemire, "Parsing Gigabytes of JSON
//! per Second", 2019). Processors with AVX-512 look at all 64 bytes at once and write marks down sixteen at a time, those with AVX2 look at 32;
//! which it is they are asked once per stretch of text. All others of the x86-64 family have SSE2 and look at 16; elsewhere a plain loop
//! does the same.
//!
//! What the vector forms are worth: real logs are split at more than 3 GB/s with SSE2 and at 0.3 to 0.5 GB/s with the plain loop (one core,
//! November 2026); AVX2 takes half the instructions of SSE2. `cargo run --release -p json-scan --example split -- FILE` measures it, with
//! `--features plain` the plain loop.

use crate::found::Found;

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
    /// Searches blocks that begin at `base`, which with them is less than 4 GiB, and appends their marks.
    pub(crate) fn search(&mut self, blocks: &[[u8; BLOCK]], base: u32, found: &mut Found) {
        found.reserve(blocks.len());
        search(self, blocks, base, found);
    }

    /// Appends the marks of blocks that begin at `base`. `parity` is [`prefix_xor`] or does the same. Always inlined, with what it calls,
    /// so that it is compiled with the features of its caller.
    #[inline(always)]
    fn push_all(&mut self, maps: &[Bitmaps], parity: impl Fn(u64) -> u64, base: u32, found: &mut Found) {
        for (maps, base) in maps.iter().zip((base..).step_by(BLOCK)) {
            let Outside { marks, brackets, hides } = self.outside_strings(maps, &parity);
            found.push(base, marks, brackets);
            if hides {
                found.push_hidden(base);
            }
        }
    }

    /// Which bytes of a block are marks, and which of those are brackets.
    #[inline(always)]
    fn outside_strings(&mut self, maps: &Bitmaps, parity: impl Fn(u64) -> u64) -> Outside {
        let Bitmaps { quotes, backslashes, brackets, separators } = *maps;
        let escaped = self.escaped(backslashes);
        let in_string = parity(quotes & !escaped) ^ self.in_string;
        // The sign bit, smeared: open at the block's last byte means open at the next one's first.
        self.in_string = 0_u64.wrapping_sub(in_string >> 63);
        Outside {
            marks: (brackets | separators) & !in_string,
            brackets: brackets & !in_string,
            hides: brackets & in_string != 0,
        }
    }

    /// Whether a string is open after what was seen.
    pub(crate) fn is_in_string(self) -> bool {
        self.in_string != 0
    }

    /// Bits of bytes that stand after an odd number of backslashes.
    ///
    /// In a run of backslashes every other one escapes. Subtracting the runs from themselves shifted, with all odd bits set, lets each run
    /// carry to its own end and leaves there whether it began on an even or an odd bit (simdjson's arithmetic, without a branch on
    /// how long runs are).
    #[inline(always)]
    fn escaped(&mut self, backslashes: u64) -> u64 {
        const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
        if backslashes == 0 {
            return std::mem::take(&mut self.escaped);
        }
        let starts = backslashes & !self.escaped;
        let escaping_and_ends = ((starts << 1 | ODD).wrapping_sub(starts)) ^ ODD;
        let escaped = escaping_and_ends ^ (backslashes | self.escaped);
        self.escaped = (escaping_and_ends & backslashes) >> 63;
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

#[derive(Debug, Clone, Copy, Default)]
struct Bitmaps {
    quotes: u64,
    backslashes: u64,
    /// `{ } [ ]`
    brackets: u64,
    /// `:` and `,`
    separators: u64,
}

/// What stands outside strings.
struct Outside {
    marks: u64,
    /// Those of them that are brackets.
    brackets: u64,
    /// Whether there are brackets inside strings.
    hides: bool,
}

/// `{` and `[`, as `}` and `]`, differ in this bit only; no other byte of JSON structure has it clear.
const BRACKET_CASE: u8 = 0x20;

/// How many blocks are mapped before their marks are written down. Done in turn for each block the two would be one loop, which the compiler
/// takes apart bit by bit.
const MAPPED: usize = 32;

#[cfg(all(target_arch = "x86_64", not(feature = "plain")))]
fn search(carry: &mut Carry, blocks: &[[u8; BLOCK]], base: u32, found: &mut Found) {
    search_with(vector::Level::best(), carry, blocks, base, found);
}

#[cfg(all(target_arch = "x86_64", not(feature = "plain")))]
#[expect(unsafe_code, reason = "the compiler wants a call marked that needs a feature of the processor")]
fn search_with(
    level: vector::Level,
    carry: &mut Carry,
    blocks: &[[u8; BLOCK]],
    base: u32,
    found: &mut Found,
) {
    use vector::Level;
    let level = level.min(Level::best());
    let mut maps = [Bitmaps::default(); MAPPED];
    for (blocks, base) in blocks.chunks(MAPPED).zip((base..).step_by(MAPPED * BLOCK)) {
        let maps = maps.get_mut(..blocks.len()).unwrap_or_default();
        // SAFETY: what the functions need is what the processor was asked for in the same breath, and SSE2 belongs to the x86-64 baseline, there
        // is no such machine without it. Nothing else is unsafe about the calls; they take and give plain values.
        unsafe {
            match level {
                Level::Avx512 => {
                    vector::map_avx512(blocks, maps);
                    vector::push_avx512(carry, maps, base, found);
                }
                Level::Avx2 => {
                    vector::map_avx2(blocks, maps);
                    vector::push_avx2(carry, maps, base, found);
                }
                Level::Sse2 => {
                    vector::map_sse2(blocks, maps);
                    carry.push_all(maps, prefix_xor, base, found);
                }
            }
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", not(feature = "plain"))))]
fn search(carry: &mut Carry, blocks: &[[u8; BLOCK]], base: u32, found: &mut Found) {
    search_plainly(carry, blocks, base, found);
}

#[cfg(all(target_arch = "x86_64", not(feature = "plain")))]
mod vector {
    use std::arch::x86_64::{
        __m128i, __m256i, __m512i, _mm_clmulepi64_si128, _mm_cmpeq_epi8, _mm_cvtsi128_si64,
        _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8, _mm256_cmpeq_epi8,
        _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm512_add_epi32,
        _mm512_castsi512_si128, _mm512_cmpeq_epi8_mask, _mm512_cvtepu8_epi32, _mm512_loadu_si512,
        _mm512_maskz_compress_epi8, _mm512_or_si512, _mm512_set1_epi8, _mm512_set1_epi32,
        _mm512_shuffle_i32x4, _mm512_storeu_si512,
    };

    use super::{BLOCK, BRACKET_CASE, Bitmaps, Carry, Outside};
    use crate::found::Found;

    /// What a processor can do, in rising order.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub(super) enum Level {
        Sse2,
        Avx2,
        Avx512,
    }

    impl Level {
        /// What this one can. The standard library keeps the answers.
        #[inline]
        pub(super) fn best() -> Level {
            use std::arch::is_x86_feature_detected as has;
            let has_avx2 = has!("avx2") && has!("pclmulqdq") && has!("bmi1") && has!("popcnt");
            let has_avx512 = || has!("avx512f") && has!("avx512bw") && has!("avx512vbmi2");
            match has_avx2 {
                true if has_avx512() => Level::Avx512,
                true => Level::Avx2,
                false => Level::Sse2,
            }
        }
    }

    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn map_avx512(blocks: &[[u8; BLOCK]], maps: &mut [Bitmaps]) {
        for (block, maps) in blocks.iter().zip(maps) {
            let bytes = load_all(block);
            let folded = _mm512_or_si512(bytes, _mm512_set1_epi8(BRACKET_CASE.cast_signed()));
            let is = |bytes: __m512i, byte: u8| {
                _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte.cast_signed()))
            };
            *maps = Bitmaps {
                quotes: is(bytes, b'"'),
                backslashes: is(bytes, b'\\'),
                brackets: is(folded, b'{') | is(folded, b'}'),
                separators: is(bytes, b':') | is(bytes, b','),
            };
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    #[expect(
        unsafe_code,
        reason = "put together from words, the bytes take dozens of instructions instead of one"
    )]
    fn load_all(bytes: &[u8; BLOCK]) -> __m512i {
        // SAFETY: reads 64 bytes from any address, and those of `bytes` are 64.
        unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
    }

    /// Writes marks down sixteen at a time: the places of the set bits are squeezed together, widened and added to the base.
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,pclmulqdq,bmi1,popcnt")]
    pub(super) fn push_avx512(carry: &mut Carry, maps: &[Bitmaps], base: u32, found: &mut Found) {
        const PLACES: [u8; BLOCK] = {
            let mut places = [0; BLOCK];
            let mut place = 0_u8;
            while (place as usize) < BLOCK {
                places[place as usize] = place;
                place += 1;
            }
            places
        };
        let all = load_all(&PLACES);
        for (maps, base) in maps.iter().zip((base..).step_by(BLOCK)) {
            let Outside { marks, brackets, hides } =
                carry.outside_strings(maps, |bits| prefix_xor_clmul(bits));
            if hides {
                found.push_hidden(base);
            }
            let base = _mm512_set1_epi32(base.cast_signed());
            let mut places = _mm512_maskz_compress_epi8(marks, all);
            found.push_with(marks, brackets, |room: &mut [[u32; 16]], count| {
                for (step, written) in room.iter_mut().zip((0..).step_by(16)) {
                    if written >= count {
                        break;
                    }
                    let offsets =
                        _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(places)), base);
                    store(offsets, step);
                    // The next sixteen to the front.
                    places = _mm512_shuffle_i32x4::<0b11_11_10_01>(places, places);
                }
            });
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    #[expect(
        unsafe_code,
        reason = "taken apart into words, the offsets take a dozen instructions instead of one"
    )]
    fn store(offsets: __m512i, to: &mut [u32; 16]) {
        // SAFETY: writes 64 bytes to any address, and `to` has 64.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), offsets) }
    }

    #[inline(never)]
    #[target_feature(enable = "pclmulqdq,bmi1,popcnt")]
    pub(super) fn push_avx2(carry: &mut Carry, maps: &[Bitmaps], base: u32, found: &mut Found) {
        carry.push_all(maps, |bits| prefix_xor_clmul(bits), base, found);
    }

    /// [`super::prefix_xor`] as a multiplication without carries by all ones.
    #[inline]
    #[target_feature(enable = "pclmulqdq")]
    fn prefix_xor_clmul(bits: u64) -> u64 {
        let product = _mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, bits.cast_signed()), _mm_set1_epi8(-1));
        _mm_cvtsi128_si64(product).cast_unsigned()
    }

    #[inline(never)]
    #[target_feature(enable = "avx2")]
    pub(super) fn map_avx2(blocks: &[[u8; BLOCK]], maps: &mut [Bitmaps]) {
        let is = |bytes: __m256i, byte: u8| _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte.cast_signed()));
        let bits = |lanes: __m256i| u64::from(_mm256_movemask_epi8(lanes).cast_unsigned());
        for (block, maps) in blocks.iter().zip(maps) {
            *maps = Bitmaps::default();
            let (lanes, _) = block.as_chunks::<32>();
            for (lane, bytes) in lanes.iter().enumerate() {
                let bytes = load(bytes);
                let folded = _mm256_or_si256(bytes, _mm256_set1_epi8(BRACKET_CASE.cast_signed()));
                let shift = lane * 32;
                maps.quotes |= bits(is(bytes, b'"')) << shift;
                maps.backslashes |= bits(is(bytes, b'\\')) << shift;
                maps.brackets |= bits(_mm256_or_si256(is(folded, b'{'), is(folded, b'}'))) << shift;
                maps.separators |= bits(_mm256_or_si256(is(bytes, b':'), is(bytes, b','))) << shift;
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    #[expect(
        unsafe_code,
        reason = "put together from words, the bytes take a dozen instructions instead of one"
    )]
    fn load(bytes: &[u8; 32]) -> __m256i {
        // SAFETY: reads 32 bytes from any address, and those of `bytes` are 32.
        unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
    }

    #[inline(never)]
    #[target_feature(enable = "sse2")]
    pub(super) fn map_sse2(blocks: &[[u8; BLOCK]], maps: &mut [Bitmaps]) {
        let is = |bytes: __m128i, byte: u8| _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()));
        let bits = |lanes: __m128i| u64::from(_mm_movemask_epi8(lanes).cast_unsigned());
        for (block, maps) in blocks.iter().zip(maps) {
            *maps = Bitmaps::default();
            let (words, _) = block.as_chunks::<8>();
            let (pairs, _) = words.as_chunks::<2>();
            for (lane, [low, high]) in pairs.iter().enumerate() {
                let bytes = _mm_set_epi64x(i64::from_le_bytes(*high), i64::from_le_bytes(*low));
                let folded = _mm_or_si128(bytes, _mm_set1_epi8(BRACKET_CASE.cast_signed()));
                let shift = lane * 16;
                maps.quotes |= bits(is(bytes, b'"')) << shift;
                maps.backslashes |= bits(is(bytes, b'\\')) << shift;
                maps.brackets |= bits(_mm_or_si128(is(folded, b'{'), is(folded, b'}'))) << shift;
                maps.separators |= bits(_mm_or_si128(is(bytes, b':'), is(bytes, b','))) << shift;
            }
        }
    }
}

/// The same without vector instructions; also what the vector forms are tested against.
#[cfg(any(test, feature = "plain", not(target_arch = "x86_64")))]
fn search_plainly(carry: &mut Carry, blocks: &[[u8; BLOCK]], base: u32, found: &mut Found) {
    let mut maps = [Bitmaps::default(); MAPPED];
    for (blocks, base) in blocks.chunks(MAPPED).zip((base..).step_by(MAPPED * BLOCK)) {
        let maps = maps.get_mut(..blocks.len()).unwrap_or_default();
        for (block, maps) in blocks.iter().zip(&mut *maps) {
            *maps = Bitmaps::default();
            for (i, &byte) in block.iter().enumerate() {
                let folded = byte | BRACKET_CASE;
                maps.quotes |= u64::from(byte == b'"') << i;
                maps.backslashes |= u64::from(byte == b'\\') << i;
                maps.brackets |= u64::from(folded == b'{' || folded == b'}') << i;
                maps.separators |= u64::from(byte == b':' || byte == b',') << i;
            }
        }
        carry.push_all(maps, prefix_xor, base, found);
    }
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

    type Search = fn(&mut Carry, &[[u8; BLOCK]], u32, &mut Found);

    /// Every way to search that this machine has.
    fn searches() -> Vec<Search> {
        let mut searches: Vec<Search> = vec![search];
        #[cfg(all(target_arch = "x86_64", not(feature = "plain")))]
        for search in [
            (|carry, blocks, base, found| search_with(vector::Level::Sse2, carry, blocks, base, found))
                as Search,
            |carry, blocks, base, found| search_with(vector::Level::Avx2, carry, blocks, base, found),
        ] {
            searches.push(search);
        }
        searches.push(search_plainly);
        searches
    }

    fn marks_by_blocks(bytes: &[u8], search: Search) -> Vec<usize> {
        let (mut carry, mut found) = (Carry::default(), Found::default());
        for (n, chunk) in bytes.chunks(BLOCK).enumerate() {
            let mut block = [b' '; BLOCK];
            block[..chunk.len()].copy_from_slice(chunk);
            found.reserve(1);
            search(&mut carry, &[block], u32::try_from(n * BLOCK).unwrap(), &mut found);
        }
        let marks: Vec<usize> = found.offsets().iter().map(|&offset| offset as usize).collect();
        let is_bracket = |place: &usize| b"{}[]".contains(&bytes[marks[*place]]);
        let brackets: Vec<usize> = found.brackets().iter().map(|&place| place as usize).collect();
        assert_eq!(brackets, (0..marks.len()).filter(is_bracket).collect::<Vec<_>>());
        marks
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn blocks_find_what_the_definition_finds(bytes in prop::collection::vec(
            prop::sample::select(br#"\\\\""{}[]:,a "#.to_vec()), 0..300,
        )) {
            for search in searches() {
                prop_assert_eq!(marks_by_blocks(&bytes, search), marks_by_definition(&bytes));
            }
        }

        #[test]
        fn any_bytes_at_all(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for search in searches() {
                prop_assert_eq!(marks_by_blocks(&bytes, search), marks_by_definition(&bytes));
            }
        }
    }

    #[test]
    fn long_runs_of_backslashes_cross_blocks() {
        for run in 0..200 {
            let text = format!("{{\"{}\":1}}", "\\".repeat(run) + if run % 2 == 1 { "\"" } else { "" });
            let expected = marks_by_definition(text.as_bytes());
            for search in searches() {
                assert_eq!(marks_by_blocks(text.as_bytes(), search), expected, "run of {run}");
            }
        }
    }
}
