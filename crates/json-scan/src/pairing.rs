//! Which brackets pair: for each opening one, where it closes, and which pair comes behind it.
//!
//! Most containers hold no other, and are paired at once, where they close: a sum over a block's masks tells which brackets stand right behind an
//! opening one. An opening bracket that another one follows waits on a list, the one that a closing bracket follows is done with.
//!
//! ```text
//! {"a":[{"b":1},{"b":2}]}
//! ^    ^^      ^^      ^^^
//!      ││      │       │└┴─ two that close what waited
//!      ││      └───────┴─── two that close what opened right before
//!      └┴────────────────── two before which something opened that now waits
//! ```

use crate::block::{BLOCK, Block};
use crate::malformed::{Malformed, Reason};
use crate::scanner::MAX_DEPTH;
use crate::structure::{Pair, place};

/// Brackets that are being paired.
pub(crate) struct Pairing {
    /// In the order of the opening brackets. Of a pair that waits, `close` is the number of the one around it.
    pub(crate) pairs: Vec<Pair>,
    /// What is odd about the blocks that were seen.
    pub(crate) odd: u64,
    /// The number of the pair that waits inside all others that do.
    innermost: u32,
    /// How many wait.
    waiting: usize,
    /// Where the last bracket stands in the blocks that were seen.
    last: usize,
    /// 1 if that opens something, else 0.
    does_open: u64,
}

impl Pairing {
    /// None yet, in this room.
    pub(crate) fn new(mut pairs: Vec<Pair>) -> Self {
        pairs.clear();
        Pairing { pairs, odd: 0, innermost: 0, waiting: 0, last: 0, does_open: 0 }
    }

    /// Pairs the brackets at and behind `from`, where one opens, as far as there are blocks, of which the first begins at `base`. Where the
    /// outermost closes, if it does.
    #[inline]
    pub(crate) fn go_on(
        &mut self,
        bytes: &[u8],
        blocks: &[Block],
        base: usize,
        from: usize,
    ) -> Result<Option<usize>, Malformed> {
        let Pairing { pairs, odd, innermost, waiting, last, does_open } = self;
        let mut at = from - (from - base) % BLOCK;
        let mut ahead = u64::MAX << ((from - base) % BLOCK);
        for block in blocks.get((from - base) / BLOCK..).unwrap_or_default() {
            *odd |= block.odd;
            let (opens, closes) = (block.opens & ahead, block.closes & ahead);
            ahead = u64::MAX;
            let brackets = opens | closes;
            // A bit behind each opening bracket moves, as the carry of a sum, through what is no bracket to what is.
            let (moved, has_left) = (opens << 1 | *does_open).overflowing_add(!brackets);
            let behind_opening = moved & brackets;
            *does_open = opens >> (BLOCK - 1) | u64::from(has_left);
            let mut rest = behind_opening | closes;
            while rest != 0 {
                let bit = rest & rest.wrapping_neg();
                rest ^= bit;
                let offset = at + bit.trailing_zeros() as usize;
                let next = place(pairs.len());
                if behind_opening & bit == 0 {
                    let Some(pair) = pairs.get_mut(*innermost as usize) else {
                        return Err(Malformed::at(offset, Reason::Unbalanced));
                    };
                    if !is_pair(bytes, pair.open as usize, offset) {
                        return Err(Malformed::at(offset, Reason::Unbalanced));
                    }
                    *innermost = std::mem::replace(&mut pair.close, place(offset));
                    pair.next = next;
                    *waiting -= 1;
                    if *waiting == 0 {
                        return Ok(Some(offset));
                    }
                    continue;
                }
                let before = brackets & (bit - 1);
                let opening = if before == 0 { *last } else { at + before.ilog2() as usize };
                if opens & bit == 0 {
                    if !is_pair(bytes, opening, offset) {
                        return Err(Malformed::at(offset, Reason::Unbalanced));
                    }
                    pairs.push(Pair { open: place(opening), close: place(offset), next: next + 1 });
                    if *waiting == 0 {
                        return Ok(Some(offset));
                    }
                } else {
                    *waiting += 1;
                    if *waiting == MAX_DEPTH {
                        return Err(Malformed::at(offset, Reason::TooDeep));
                    }
                    pairs.push(Pair { open: place(opening), close: *innermost, next: 0 });
                    *innermost = next;
                }
            }
            if brackets != 0 {
                *last = at + brackets.ilog2() as usize;
            }
            at += BLOCK;
        }
        Ok(None)
    }
}

/// Whether the brackets at these offsets, the first of which opens and the second closes, are of a kind.
#[inline]
fn is_pair(bytes: &[u8], open: usize, close: usize) -> bool {
    // `{` and `}`, `[` and `]` are two apart in ASCII.
    match (bytes.get(open), bytes.get(close)) {
        (Some(open), Some(close)) => open.wrapping_add(2) == *close,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{Carry, Search};
    use proptest::prelude::*;

    type Paired = Result<Option<(usize, Vec<Pair>)>, Malformed>;

    /// The pairs of the container at `from`, by blocks that come in stretches.
    fn paired(text: &[u8], from: usize, stretch: usize) -> Paired {
        let mut padded = text.to_vec();
        padded.resize(text.len().next_multiple_of(BLOCK), b' ');
        let (blocks, _) = padded.as_chunks::<BLOCK>();
        let mut found = vec![Block::default(); blocks.len()];
        Search::best().blocks(&mut Carry::default(), blocks, &mut found);
        let mut pairing = Pairing::new(Vec::new());
        let mut from = from;
        while from < text.len() {
            let first = from / BLOCK;
            let end = found.len().min(first + stretch);
            if let Some(end) = pairing.go_on(text, &found[first..end], first * BLOCK, from)? {
                return Ok(Some((end, pairing.pairs)));
            }
            from = end * BLOCK;
        }
        Ok(None)
    }

    /// The same by definition: a byte at a time.
    fn by_definition(text: &[u8], from: usize) -> Paired {
        let (mut pairs, mut open) = (Vec::<Pair>::new(), Vec::<usize>::new());
        let (mut is_in_string, mut is_escaped) = (false, false);
        for (at, &byte) in text.iter().enumerate() {
            let was_escaped = is_escaped;
            is_escaped = byte == b'\\' && !was_escaped;
            is_in_string ^= byte == b'"' && !was_escaped;
            if is_in_string || at < from {
                continue;
            }
            match byte {
                b'{' | b'[' if open.len() == MAX_DEPTH => return Err(Malformed::at(at, Reason::TooDeep)),
                b'{' | b'[' => {
                    open.push(pairs.len());
                    pairs.push(Pair { open: place(at), close: 0, next: 0 });
                }
                b'}' | b']' => {
                    let next = place(pairs.len());
                    let pair = &mut pairs[open.pop().unwrap()];
                    if !matches!((text[pair.open as usize], byte), (b'{', b'}') | (b'[', b']')) {
                        return Err(Malformed::at(at, Reason::Unbalanced));
                    }
                    (pair.close, pair.next) = (place(at), next);
                    if open.is_empty() {
                        return Ok(Some((at, pairs)));
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Where a container begins in a text, and the text: brackets that mostly pair, what stands between them, and a byte or two that may be wrong.
    fn text() -> impl Strategy<Value = (usize, Vec<u8>)> {
        let between = prop::sample::select(vec![
            "",
            "1",
            r#""}""#,
            r#""{\"[""#,
            "\\",
            "-122.44925420312393,37.811172313350723,0.000000000000001",
        ]);
        let value = between.prop_map(str::to_owned).prop_recursive(6, 200, 8, |inner| {
            (prop::collection::vec(inner, 0..8), any::<bool>()).prop_map(|(inner, is_array)| {
                let inner = inner.join(",");
                if is_array { format!("[{inner}]") } else { format!("{{{inner}}}") }
            })
        });
        let depth = prop_oneof![4 => 1_usize..5, 1 => MAX_DEPTH - 8..MAX_DEPTH + 2];
        let mutations = prop::collection::vec(
            (any::<prop::sample::Index>(), prop::sample::select(b"[]{}\"\\ ".to_vec())),
            0..3,
        );
        (0_usize..70, depth, value, "[]}\\[{]{0,5}", mutations).prop_map(
            |(from, depth, value, behind, mutations)| {
                let (open, close) = ("[{".repeat(depth / 2 + 1), "}]".repeat(depth / 2 + 1));
                let mut text = format!("{}{open}{value}{close}{behind}", " ".repeat(from)).into_bytes();
                for (at, byte) in mutations {
                    let at = from + 1 + at.index(text.len() - from - 1);
                    text[at] = byte;
                }
                (from, text)
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn brackets_pair_as_by_definition((from, text) in text(), stretch in 1_usize..4) {
            prop_assert_eq!(paired(&text, from, stretch), by_definition(&text, from), "{}", String::from_utf8_lossy(&text));
        }
    }
}
