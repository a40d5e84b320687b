//! What is known of a piece of text: its masks, and which brackets pair.
//!
//! Steps over text are made here, each from a place outside any string to another such place. By induction from a container's opening
//! bracket no step can take a byte inside a string for anything else, nor leave the container: its closing bracket is no
//! delimiter of anything within.

use std::sync::{Mutex, OnceLock, PoisonError};

use crate::block::{BLOCK, Block};
use crate::malformed::{Malformed, Reason};
use crate::scanner::{self, Spare};
use crate::text::Text;

/// A container's brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    /// Offset of the opening bracket.
    pub(crate) open: u32,
    /// Offset of the closing one.
    pub(crate) close: u32,
    /// The number of the next pair that is not inside this one.
    pub(crate) next: u32,
}

/// Brackets that are not there.
const NOWHERE: Pair = Pair { open: u32::MAX, close: u32::MAX, next: u32::MAX };

/// Text whose brackets are paired, as it is kept. Views point here, which keeps them small.
///
/// Of a container that is known to be well formed (see `shapes`), masks and pairs are made when somebody first looks inside, which for most
/// records nobody does.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    /// The whole buffer.
    pub(crate) bytes: &'a [u8],
    /// The brackets of the container, as far as they are known before there are marks.
    whole: Pair,
    marks: Made<'a>,
    pub(crate) known: Known,
}

/// When marks are made. Scanners are made for every line of some inputs: a lock that is born full is not as quick to make as none, and a pointer
/// moves in and out of one quicker than what it points to.
#[derive(Debug)]
enum Made<'a> {
    /// They are there from the beginning.
    Now(Box<Marks>),
    /// [`Held::marks`] makes them, in that room.
    Later(OnceLock<Box<Marks>>, &'a Mutex<Spare>),
}

/// What is known of a text whose brackets pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// No more than that.
    Brackets,
    /// It is JSON through and through.
    WellFormed,
    /// It is, and has no white space outside strings.
    Compact,
}

/// The masks of a text's blocks, and its pairs of brackets.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Where the first of the blocks begins.
    pub(crate) base: usize,
    /// Room for blocks: clearing it each time would cost as much as looking at the text.
    pub(crate) room: Vec<Block>,
    /// How many are in it.
    pub(crate) blocks: usize,
    /// In the order of the opening brackets.
    pub(crate) pairs: Vec<Pair>,
}

impl Marks {
    /// Forgets them, and keeps the buffers.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.pairs.clear();
        (self.base, self.blocks) = (0, 0);
    }

    #[inline]
    pub(crate) fn blocks(&self) -> &[Block] {
        self.room.get(..self.blocks).unwrap_or_default()
    }
}

impl<'a> Held<'a> {
    /// Text that a scanner is about to mark, in these buffers.
    #[inline]
    pub(crate) fn marked(bytes: &'a [u8], marks: Box<Marks>) -> Self {
        Held { bytes, whole: NOWHERE, marks: Made::Now(marks), known: Known::Brackets }
    }

    /// Text that ends with a well-formed object which begins at `from`; it is marked in that room if need be.
    pub(crate) fn unmarked(bytes: &'a [u8], from: usize, known: Known, room: &'a Mutex<Spare>) -> Self {
        let whole = Pair { open: place(from), close: place(bytes.len().saturating_sub(1)), next: 0 };
        Held { bytes, whole, marks: Made::Later(OnceLock::new(), room), known }
    }

    #[inline]
    pub(crate) fn marks(&self) -> &Marks {
        match &self.marks {
            Made::Now(marks) => marks,
            Made::Later(marks, room) => marks.get_or_init(|| {
                let spare = std::mem::take(&mut *room.lock().unwrap_or_else(PoisonError::into_inner));
                scanner::mark(self.bytes, self.whole.open as usize, spare)
            }),
        }
    }

    /// The marks of a scanner, which are there from the beginning.
    #[inline]
    pub(crate) fn marks_mut(&mut self) -> Option<&mut Marks> {
        match &mut self.marks {
            Made::Now(marks) => Some(marks),
            Made::Later(marks, _) => marks.get_mut().map(|marks| &mut **marks),
        }
    }

    /// The buffers, for other text.
    #[inline]
    pub(crate) fn into_marks(self) -> Box<Marks> {
        match self.marks {
            Made::Now(marks) => marks,
            Made::Later(marks, _) => marks.into_inner().unwrap_or_default(),
        }
    }

    /// Puts the buffers back, if they were used.
    #[inline]
    pub(crate) fn leave_room(self) {
        if let Made::Later(marks, room) = self.marks
            && let Some(mut marks) = marks.into_inner()
        {
            marks.clear();
            *room.lock().unwrap_or_else(PoisonError::into_inner) = Spare(Some(marks));
        }
    }

    /// The same at hand.
    #[inline]
    pub(crate) fn structure(&'a self) -> Structure<'a> {
        let marks = self.marks();
        Structure { bytes: self.bytes, blocks: marks.blocks(), pairs: &marks.pairs, base: marks.base }
    }

    #[inline]
    pub(crate) fn pair(&self, number: u32) -> Pair {
        pair(&self.marks().pairs, number)
    }

    /// The text of the container with these brackets.
    #[inline]
    pub(crate) fn container(&self, number: u32) -> &'a [u8] {
        let pair = if number == 0 { self.whole() } else { self.pair(number) };
        self.bytes.get(pair.open as usize..=pair.close as usize).unwrap_or_default()
    }

    /// Where the container with these brackets begins.
    #[inline]
    pub(crate) fn offset(&self, number: u32) -> usize {
        (if number == 0 { self.whole() } else { self.pair(number) }).open as usize
    }

    /// The outermost brackets, of which nothing is told but where they stand.
    #[inline]
    fn whole(&self) -> Pair {
        let marks = match &self.marks {
            Made::Now(marks) => Some(marks),
            Made::Later(marks, _) => marks.get(),
        };
        marks.map_or(self.whole, |marks| pair(&marks.pairs, 0))
    }
}

/// Text whose brackets are paired, as steps are made in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Structure<'a> {
    /// The whole buffer.
    pub(crate) bytes: &'a [u8],
    /// Masks of its blocks from `base` on.
    pub(crate) blocks: &'a [Block],
    /// In the order of the opening brackets.
    pub(crate) pairs: &'a [Pair],
    pub(crate) base: usize,
}

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) from: u32,
    /// Behind its last byte.
    pub(crate) to: u32,
    /// The number of its pair of brackets, if it is a container.
    pub(crate) pair: u32,
}

impl Span {
    /// The bytes of a buffer that it is.
    #[inline]
    pub(crate) fn of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.from as usize..self.to as usize).unwrap_or_default()
    }

    /// The text, if it is a string.
    #[inline]
    pub(crate) fn string<'a>(&self, bytes: &'a [u8]) -> Option<Text<'a>> {
        // Of what was stepped over, only strings begin with a quote, and those end with one.
        match self.of(bytes) {
            [b'"', raw @ .., _] => Some(Text::new(self.from as usize + 1, raw)),
            _ => None,
        }
    }
}

impl<'a> Structure<'a> {
    #[inline]
    pub(crate) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    #[inline]
    pub(crate) fn pair(&self, number: u32) -> Pair {
        pair(self.pairs, number)
    }

    /// The quote at or behind `from` that begins or ends a string; the end of the buffer if there is none.
    #[inline(always)]
    pub(crate) fn quote(&self, from: usize) -> usize {
        let within = from.wrapping_sub(self.base);
        let (number, bit) = (within / BLOCK, within % BLOCK);
        // Two masks make one of the 64 bytes from here on: most strings are shorter, and which of them leave their block nobody can guess.
        if let Some([block, next]) = self.blocks.get(number..).and_then(|blocks| blocks.first_chunk::<2>()) {
            let ahead = block.quotes >> bit | next.quotes << 1 << (BLOCK - 1 - bit);
            if ahead != 0 {
                return from + ahead.trailing_zeros() as usize;
            }
        }
        self.far_quote(number, bit)
    }

    /// The first such quote at or behind a bit of a block.
    #[inline(never)]
    fn far_quote(&self, number: usize, bit: usize) -> usize {
        let mut ahead = u64::MAX << bit;
        for (number, block) in self.blocks.iter().enumerate().skip(number) {
            if block.quotes & ahead != 0 {
                return self.base + number * BLOCK + (block.quotes & ahead).trailing_zeros() as usize;
            }
            ahead = u64::MAX;
        }
        self.bytes.len()
    }

    /// The first place at or behind `at` that is no white space.
    #[inline]
    pub(crate) fn skip_blank(&self, mut at: usize) -> usize {
        while self.bytes.get(at).is_some_and(is_blank) {
            at += 1;
        }
        at
    }

    /// Steps over the value that begins at or behind `at`. `next` is the number of the first pair of brackets from there on, and is moved.
    #[inline(always)]
    pub(crate) fn value(&self, at: usize, next: &mut u32) -> Result<Span, Malformed> {
        match self.byte(at) {
            Some(b'"') => Ok(span(at, self.quote(at + 1) + 1, 0)),
            Some(b'{' | b'[') => {
                let number = *next;
                let pair = self.pair(number);
                *next = pair.next;
                Ok(span(at, pair.close as usize + 1, number))
            }
            _ => {
                // Handed back in registers: through memory it would come too late for what follows.
                let (from, to) = self.word(at);
                if from < to {
                    return Ok(span(from, to, 0));
                }
                let Span { from, to, pair } = self.spaced_value(from, next)?;
                Ok(Span { from, to, pair })
            }
        }
    }

    /// Where a number or one of JSON's words begins and ends, whatever it says; nothing, if something else stands there.
    #[inline(never)]
    fn word(&self, at: usize) -> (usize, usize) {
        let from = self.skip_blank(at);
        (from, from + word_length(self.bytes.get(from..).unwrap_or_default()))
    }

    /// A value other than a word, behind white space.
    #[cold]
    fn spaced_value(&self, at: usize, next: &mut u32) -> Result<Span, Malformed> {
        match self.byte(at) {
            Some(b'"' | b'{' | b'[') => self.value(at, next),
            _ => Err(Malformed::at(at, Reason::NotAValue)),
        }
    }

    /// Steps from behind a value to what follows it: a comma, or the bracket of the container that it stands in.
    #[inline]
    pub(crate) fn follow(&self, behind: usize, close: u32) -> Result<Next, Malformed> {
        match self.byte(behind) {
            Some(b',') => Ok(Next::At(behind + 1)),
            Some(b'}' | b']') if behind == close as usize => Ok(Next::End),
            _ => self.follow_spaced(behind, close),
        }
    }

    #[cold]
    fn follow_spaced(&self, behind: usize, close: u32) -> Result<Next, Malformed> {
        let at = self.skip_blank(behind);
        match self.byte(at) {
            Some(b',') => Ok(Next::At(at + 1)),
            _ if at == close as usize => Ok(Next::End),
            Some(b':' | b'{' | b'}' | b'[' | b']') | None => Err(Malformed::at(at, Reason::NotAMember)),
            _ => Err(Malformed::at(at, Reason::NotAValue)),
        }
    }
}

#[inline(always)]
fn span(from: usize, to: usize, pair: u32) -> Span {
    Span { from: place(from), to: place(to), pair }
}

/// An offset, in half the room.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a scanner refuses buffers with offsets that do not fit")]
pub(crate) fn place(at: usize) -> u32 {
    at as u32
}

#[inline]
fn pair(pairs: &[Pair], number: u32) -> Pair {
    // Numbers come from the list itself, which is as long as the container it was made of has brackets.
    pairs.get(number as usize).copied().unwrap_or(NOWHERE)
}

/// What comes behind a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another, here or behind white space.
    At(usize),
    /// The end of the container.
    End,
}

/// Whether a byte is JSON's white space.
#[inline]
pub(crate) fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// How many bytes at the front of `text` are neither marks, quotes nor white space. Numbers of twenty digits are nothing unusual, so eight bytes are
/// looked at together.
#[inline]
fn word_length(text: &[u8]) -> usize {
    let mut length = 0;
    while let Some(eight) = text.get(length..).and_then(|rest| rest.first_chunk::<8>()) {
        let ends = ends_in(u64::from_le_bytes(*eight));
        if ends == 0 {
            length += 8;
            continue;
        }
        length += ends.trailing_zeros() as usize / 8;
        if text.get(length).is_some_and(|&byte| ends_word(byte)) {
            return length;
        }
        length += 1;
    }
    let rest = text.get(length..).unwrap_or_default();
    length + rest.iter().position(|&byte| ends_word(byte)).unwrap_or(rest.len())
}

fn ends_word(byte: u8) -> bool {
    matches!(byte, b',' | b'}' | b']' | b':' | b'{' | b'[' | b'"' | b' ' | b'\t' | b'\n' | b'\r')
}

/// The high bits of bytes that end a word, right up to the first of them; what stands above that bit means nothing.
#[inline]
fn ends_in(eight: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);
    const CASE: u64 = u64::from_le_bytes([0x20; 8]);
    // A byte that is zero borrows from the one above it, which may then look like zero itself: hence only the first counts.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let is = |word: u64, byte: u8| zeros(word ^ u64::from_le_bytes([byte; 8]));
    let folded = eight | CASE;
    let ends = is(eight, b',') | is(eight, b':') | is(eight, b'"') | is(folded, b'{') | is(folded, b'}');
    // White space, and control characters, which end no word: `ends_word` has the last word.
    let blanks = eight.wrapping_sub(u64::from_le_bytes([0x21; 8])) & !eight & HIGHS;
    ends | blanks
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_word_ends_at_the_first_byte_that_ends_one(text in "[-0-9a-zA-Z.+!\u{1}\u{80},:\"\t{}\\[\\] ]{0,40}") {
            let text = text.as_bytes();
            let end = text.iter().position(|&byte| ends_word(byte)).unwrap_or(text.len());
            prop_assert_eq!(word_length(text), end);
        }

        #[test]
        fn long_words_end(word in "[-0-9a-zA-Z.+]{0,40}", end in "[,:\"\t{}\\[\\] ]", behind in "[-0-9,}]{0,20}") {
            prop_assert_eq!(word_length(format!("{word}{end}{behind}").as_bytes()), word.len());
        }
    }
}
