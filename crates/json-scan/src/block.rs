//! Sixty-four bytes at a time: where strings begin and end, and which brackets stand outside of them.
//!
//! Each block of text becomes four masks of a bit per byte ([`Block`]). Bitmaps of quotes and backslashes tell which bytes lie in strings, and
//! brackets there are none. The idea is simdjson's (Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019), but for what becomes of
//! the masks: nobody makes a list of places of them. Most of what they say is never asked for, and what is asked for is a shift and
//! a count of zeros away.
//!
//! Processors with AVX-512 look at all 64 bytes at once, those with AVX2 at 32; which it is they are asked once per scanner.
//! All others of the x86-64 family have SSE2 and look at 16; elsewhere a plain loop does the same.
//! `cargo run --release -p json-scan --example split -- FILE` measures it, with `--features plain` the plain loop.

/// Bytes per block: one bit of a `u64` each.
pub(crate) const BLOCK: usize = 64;

/// What is kept of 64 bytes: bit `i` of each mask is about byte `i`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Block {
    /// Quotes that begin or end a string: those that are not escaped.
    pub(crate) quotes: u64,
    /// `{` and `[` outside strings.
    pub(crate) opens: u64,
    /// `}` and `]` outside strings.
    pub(crate) closes: u64,
    /// What most text has none of, and whoever has to care looks at closely: bytes beyond ASCII, and `{` or `[` inside strings.
    pub(crate) odd: u64,
}

/// What must be remembered from one block to the next.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Carry {
    /// All ones while a string is open, else zero.
    in_string: u64,
    /// 1 if the next block's first byte is escaped.
    escaped: u64,
}

impl Carry {
    /// What is kept of a block. `parity` is [`prefix_xor`] or does the same. Always inlined, with what it calls, so that it is compiled
    /// with the features of its caller.
    #[inline(always)]
    fn block(&mut self, maps: Bitmaps, parity: impl Fn(u64) -> u64) -> Block {
        let quotes = maps.quotes & !self.escaped(maps.backslashes);
        let in_string = parity(quotes) ^ self.in_string;
        // The sign bit, smeared: open at the block's last byte means open at the next one's first.
        self.in_string = 0_u64.wrapping_sub(in_string >> 63);
        Block {
            quotes,
            opens: maps.opens & !in_string,
            closes: maps.closes & !in_string,
            odd: maps.beyond_ascii | (maps.opens & in_string),
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

/// Which bytes of a block are what, wherever they stand.
#[derive(Debug, Clone, Copy, Default)]
struct Bitmaps {
    quotes: u64,
    backslashes: u64,
    opens: u64,
    closes: u64,
    beyond_ascii: u64,
}

/// `{` and `[`, as `}` and `]`, differ in this bit only; no other byte of JSON structure has it clear.
const BRACKET_CASE: u8 = 0x20;

#[cfg(all(target_arch = "x86_64", not(feature = "plain")))]
pub(crate) use vector::Level;

/// How blocks are looked at on this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Search(#[cfg(all(target_arch = "x86_64", not(feature = "plain")))] vector::Level);

#[cfg(all(target_arch = "x86_64", not(feature = "plain")))]
impl Search {
    /// The best way there is.
    pub(crate) fn best() -> Self {
        Search(vector::Level::best())
    }

    /// Looks at blocks that follow what `carry` has seen, and writes down as many.
    #[inline]
    #[expect(unsafe_code, reason = "the compiler wants a call marked that needs a feature of the processor")]
    pub(crate) fn blocks(self, carry: &mut Carry, blocks: &[[u8; BLOCK]], found: &mut [Block]) {
        use vector::Level;
        // SAFETY: a level above SSE2 is made by `Level::best` alone, of a processor that was asked for everything the level's function needs;
        // SSE2 belongs to the x86-64 baseline, there is no such machine without it. Nothing else is unsafe about the calls: they take and give
        // plain values.
        unsafe {
            match self.0 {
                Level::Avx512 => vector::avx512(carry, blocks, found),
                Level::Avx2 => vector::avx2(carry, blocks, found),
                Level::Sse2 => vector::sse2(carry, blocks, found),
            }
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", not(feature = "plain"))))]
impl Search {
    /// The only way there is.
    pub(crate) fn best() -> Self {
        Search()
    }

    /// Looks at blocks that follow what `carry` has seen, and writes down as many.
    pub(crate) fn blocks(self, carry: &mut Carry, blocks: &[[u8; BLOCK]], found: &mut [Block]) {
        plain(carry, blocks, found);
    }
}

#[cfg(all(target_arch = "x86_64", not(feature = "plain")))]
mod vector {
    use std::arch::x86_64::{
        __m128i, __m256i, __m512i, _mm_clmulepi64_si128, _mm_cmpeq_epi8, _mm_cvtsi128_si64,
        _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8, _mm256_cmpeq_epi8,
        _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm512_cmpeq_epi8_mask,
        _mm512_loadu_si512, _mm512_movepi8_mask, _mm512_or_si512, _mm512_set1_epi8,
    };

    use super::{BLOCK, BRACKET_CASE, Bitmaps, Block, Carry, prefix_xor};

    /// What a processor can do.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub(crate) enum Level {
        Sse2,
        Avx2,
        Avx512,
    }

    impl Level {
        /// What this one can. The standard library keeps the answers.
        pub(crate) fn best() -> Level {
            use std::arch::is_x86_feature_detected as has;
            let has_avx2 = has!("avx2") && has!("pclmulqdq") && has!("bmi1") && has!("bmi2");
            match has_avx2 {
                true if has!("avx512f") && has!("avx512bw") => Level::Avx512,
                true => Level::Avx2,
                false => Level::Sse2,
            }
        }
    }

    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512bw,pclmulqdq,bmi1")]
    pub(super) fn avx512(carry: &mut Carry, blocks: &[[u8; BLOCK]], found: &mut [Block]) {
        let is =
            |bytes: __m512i, byte: u8| _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte.cast_signed()));
        for (block, found) in blocks.iter().zip(found) {
            let bytes = load_all(block);
            let folded = _mm512_or_si512(bytes, _mm512_set1_epi8(BRACKET_CASE.cast_signed()));
            let maps = Bitmaps {
                quotes: is(bytes, b'"'),
                backslashes: is(bytes, b'\\'),
                opens: is(folded, b'{'),
                closes: is(folded, b'}'),
                beyond_ascii: _mm512_movepi8_mask(bytes),
            };
            *found = carry.block(maps, |bits| prefix_xor_clmul(bits));
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

    #[inline(never)]
    #[target_feature(enable = "avx2,pclmulqdq,bmi1")]
    pub(super) fn avx2(carry: &mut Carry, blocks: &[[u8; BLOCK]], found: &mut [Block]) {
        let is = |bytes: __m256i, byte: u8| _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte.cast_signed()));
        let bits = |lanes: __m256i| u64::from(_mm256_movemask_epi8(lanes).cast_unsigned());
        let case = _mm256_set1_epi8(BRACKET_CASE.cast_signed());
        for (block, found) in blocks.iter().zip(found) {
            let mut maps = Bitmaps::default();
            let (lanes, _) = block.as_chunks::<32>();
            for (lane, bytes) in lanes.iter().enumerate() {
                let bytes = load(bytes);
                let folded = _mm256_or_si256(bytes, case);
                let shift = lane * 32;
                maps.quotes |= bits(is(bytes, b'"')) << shift;
                maps.backslashes |= bits(is(bytes, b'\\')) << shift;
                maps.opens |= bits(is(folded, b'{')) << shift;
                maps.closes |= bits(is(folded, b'}')) << shift;
                maps.beyond_ascii |= bits(bytes) << shift;
            }
            *found = carry.block(maps, |bits| prefix_xor_clmul(bits));
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

    /// [`super::prefix_xor`] as a multiplication without carries by all ones.
    #[inline]
    #[target_feature(enable = "pclmulqdq")]
    fn prefix_xor_clmul(bits: u64) -> u64 {
        let product = _mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, bits.cast_signed()), _mm_set1_epi8(-1));
        _mm_cvtsi128_si64(product).cast_unsigned()
    }

    #[inline(never)]
    #[target_feature(enable = "sse2")]
    pub(super) fn sse2(carry: &mut Carry, blocks: &[[u8; BLOCK]], found: &mut [Block]) {
        let is = |bytes: __m128i, byte: u8| _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()));
        let bits = |lanes: __m128i| u64::from(_mm_movemask_epi8(lanes).cast_unsigned());
        for (block, found) in blocks.iter().zip(found) {
            let mut maps = Bitmaps::default();
            let (words, _) = block.as_chunks::<8>();
            let (pairs, _) = words.as_chunks::<2>();
            for (lane, [low, high]) in pairs.iter().enumerate() {
                let bytes = _mm_set_epi64x(i64::from_le_bytes(*high), i64::from_le_bytes(*low));
                let folded = _mm_or_si128(bytes, _mm_set1_epi8(BRACKET_CASE.cast_signed()));
                let shift = lane * 16;
                maps.quotes |= bits(is(bytes, b'"')) << shift;
                maps.backslashes |= bits(is(bytes, b'\\')) << shift;
                maps.opens |= bits(is(folded, b'{')) << shift;
                maps.closes |= bits(is(folded, b'}')) << shift;
                maps.beyond_ascii |= bits(bytes) << shift;
            }
            *found = carry.block(maps, prefix_xor);
        }
    }
}

/// The same without vector instructions; also what the vector forms are tested against.
#[cfg(any(test, feature = "plain", not(target_arch = "x86_64")))]
fn plain(carry: &mut Carry, blocks: &[[u8; BLOCK]], found: &mut [Block]) {
    for (block, found) in blocks.iter().zip(found) {
        let mut maps = Bitmaps::default();
        for (i, &byte) in block.iter().enumerate() {
            let folded = byte | BRACKET_CASE;
            maps.quotes |= u64::from(byte == b'"') << i;
            maps.backslashes |= u64::from(byte == b'\\') << i;
            maps.opens |= u64::from(folded == b'{') << i;
            maps.closes |= u64::from(folded == b'}') << i;
            maps.beyond_ascii |= u64::from(!byte.is_ascii()) << i;
        }
        *found = carry.block(maps, prefix_xor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The masks by their definition: a state machine over bytes. A backslash escapes the next byte; only quotes care.
    fn by_definition(bytes: &[u8]) -> Vec<Block> {
        let mut blocks = vec![Block::default(); bytes.len().div_ceil(BLOCK)];
        let (mut in_string, mut escaped) = (false, false);
        for (i, &byte) in bytes.iter().enumerate() {
            let (block, bit) = (&mut blocks[i / BLOCK], 1 << (i % BLOCK));
            match byte {
                b'"' if !escaped => {
                    in_string = !in_string;
                    block.quotes |= bit;
                }
                b'{' | b'[' if in_string => block.odd |= bit,
                b'{' | b'[' => block.opens |= bit,
                b'}' | b']' if !in_string => block.closes |= bit,
                128.. => block.odd |= bit,
                _ => {}
            }
            escaped = byte == b'\\' && !escaped;
        }
        blocks
    }

    type Searching = fn(&mut Carry, &[[u8; BLOCK]], &mut [Block]);

    /// Every way to search that this machine has.
    fn searches() -> Vec<Searching> {
        let mut searches: Vec<Searching> = vec![plain];
        searches.push(|carry, blocks, found| Search::best().blocks(carry, blocks, found));
        #[cfg(all(target_arch = "x86_64", not(feature = "plain")))]
        {
            use vector::Level;
            searches.push(|carry, blocks, found| Search(Level::Sse2).blocks(carry, blocks, found));
            if Level::best() > Level::Avx2 {
                searches.push(|carry, blocks, found| Search(Level::Avx2).blocks(carry, blocks, found));
            }
        }
        searches
    }

    /// `at_once` blocks at a time.
    fn by_blocks(bytes: &[u8], at_once: usize, search: Searching) -> Vec<Block> {
        let mut carry = Carry::default();
        let mut blocks = Vec::new();
        for chunk in bytes.chunks(BLOCK) {
            let mut block = [b' '; BLOCK];
            block[..chunk.len()].copy_from_slice(chunk);
            blocks.push(block);
        }
        let mut found = vec![Block::default(); blocks.len()];
        for (blocks, found) in blocks.chunks(at_once).zip(found.chunks_mut(at_once)) {
            search(&mut carry, blocks, found);
        }
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn blocks_find_what_the_definition_finds(bytes in prop::collection::vec(
            prop::sample::select(b"\\\\\\\\\"\"{}[]:,a \xc3\xa9".to_vec()), 0..300,
        ), at_once in 1_usize..4) {
            for search in searches() {
                prop_assert_eq!(by_blocks(&bytes, at_once, search), by_definition(&bytes));
            }
        }

        #[test]
        fn any_bytes_at_all(bytes in prop::collection::vec(any::<u8>(), 0..300), at_once in 1_usize..4) {
            for search in searches() {
                prop_assert_eq!(by_blocks(&bytes, at_once, search), by_definition(&bytes));
            }
        }
    }

    #[test]
    fn long_runs_of_backslashes_cross_blocks() {
        for run in 0..200 {
            let text = format!("{{\"{}\":1}}", "\\".repeat(run) + if run % 2 == 1 { "\"" } else { "" });
            for search in searches() {
                assert_eq!(
                    by_blocks(text.as_bytes(), 1, search),
                    by_definition(text.as_bytes()),
                    "run of {run}"
                );
            }
        }
    }
}
