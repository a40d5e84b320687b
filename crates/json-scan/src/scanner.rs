//! Takes containers off the front of a buffer, one after the other.
//!
//! Masks are made a window at a time, so that they are still in the nearest cache when they are walked, and a
//! buffer of any size costs the same few kilobytes. Taking a container pairs its brackets: for each opening one it is
//! noted where it closes and which pair comes behind it, which is what makes stepping over a nested container free.

use crate::block::{BLOCK, Block, Carry, Search};
use crate::malformed::{Malformed, Reason};
use crate::structure::{Pair, Structure};
use crate::view::{Array, Object};

/// How deep containers may nest. AWS's own parser stops at 1,000 as well (Jackson's default).
pub const MAX_DEPTH: usize = 1_000;

/// How many bytes are made masks of at a time.
const WINDOW: usize = 256 * BLOCK;

/// A mark and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Byte offset in the buffer.
    pub offset: usize,
    /// One of `{ } [ ] : ,`.
    pub byte: u8,
}

/// Walks a buffer of JSON text, container by container. See the [crate] for an example.
#[derive(Debug)]
pub struct Scanner<'a> {
    bytes: &'a [u8],
    search: Search,
    carry: Carry,
    /// Where the first of the blocks begins that are kept.
    base: usize,
    blocks: Vec<Block>,
    /// Bytes that masks were made of so far.
    searched: usize,
    /// The pairs of brackets of the container that was taken last, in the order of the opening ones.
    pairs: Vec<Pair>,
    /// What stands before is used up.
    at: usize,
    /// Whether `at` is within a string: only while a mark is looked for.
    in_string: bool,
}

/// The buffers of a scanner that has done its work, for the next one: many small texts are then scanned without allocating.
///
/// ```
/// use json_scan::{Scanner, Spare};
///
/// let mut spare = Spare::default();
/// for text in [r#"{"a":1}"#, r#"{"b":2}"#] {
///     let mut scanner = Scanner::with_spare(text.as_bytes(), spare)?;
///     assert_eq!(scanner.object()?.bytes(), text.as_bytes());
///     spare = scanner.into_spare();
/// }
/// # Ok::<(), json_scan::Malformed>(())
/// ```
#[derive(Debug, Default)]
pub struct Spare {
    blocks: Vec<Block>,
    pairs: Vec<Pair>,
}

/// An object, and what taking it found out by the way.
#[derive(Debug, Clone, Copy)]
pub struct Taken<'s> {
    /// The object.
    pub object: Object<'s>,
    /// Whether all of its bytes are ASCII, and no string in it has an opening bracket. Where this says `false`, it may be so all
    /// the same: its neighbours within 64 bytes count as well.
    pub is_usual: bool,
}

impl<'a> Scanner<'a> {
    /// Starts at the beginning of `bytes`.
    ///
    /// # Errors
    ///
    /// [`Reason::TooLong`] for 4 GiB or more: split such input first.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        Scanner::with_spare(bytes, Spare::default())
    }

    /// The same with the buffers of another scanner.
    ///
    /// # Errors
    ///
    /// As [`Scanner::new`].
    pub fn with_spare(bytes: &'a [u8], spare: Spare) -> Result<Self, Malformed> {
        let Spare { mut blocks, pairs } = spare;
        blocks.clear();
        if u32::try_from(bytes.len()).is_err() {
            return Err(Malformed::at(0, Reason::TooLong));
        }
        Ok(Scanner {
            bytes,
            search: Search::best(),
            carry: Carry::default(),
            base: 0,
            blocks,
            searched: 0,
            pairs,
            at: 0,
            in_string: false,
        })
    }

    /// Gives the buffers back.
    pub fn into_spare(self) -> Spare {
        Spare { blocks: self.blocks, pairs: self.pairs }
    }

    /// The whole buffer.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Forgets everything and goes on at `offset`, which must lie outside any string: how one recovers behind a broken record.
    pub fn seek(&mut self, offset: usize) {
        self.carry = Carry::default();
        self.at = offset.min(self.bytes.len());
        self.searched = self.at;
        self.base = self.at;
        self.blocks.clear();
        self.in_string = false;
    }

    /// The next mark, without using it up; `None` at the end of the text (or inside a string that never ends).
    pub fn peek(&mut self) -> Option<Mark> {
        loop {
            let within = self.at - self.base;
            let Some(block) = self.blocks.get(within / BLOCK) else {
                if !self.search() {
                    return None;
                }
                continue;
            };
            let quotes = block.quotes >> (within % BLOCK);
            if self.in_string {
                if quotes == 0 {
                    self.at += BLOCK - within % BLOCK;
                } else {
                    self.at += quotes.trailing_zeros() as usize + 1;
                    self.in_string = false;
                }
                continue;
            }
            match *self.bytes.get(self.at)? {
                b'"' => self.in_string = quotes & 1 != 0,
                byte @ (b'{' | b'}' | b'[' | b']' | b':' | b',') => {
                    return Some(Mark { offset: self.at, byte });
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Uses up the next mark.
    pub fn bump(&mut self) {
        if self.peek().is_some() {
            self.at += 1;
        }
    }

    /// Whether the text ended inside a string.
    pub fn ends_in_string(&self) -> bool {
        self.searched >= self.bytes.len() && self.carry.is_in_string()
    }

    /// Takes the object that begins at the next mark.
    ///
    /// # Errors
    ///
    /// [`Reason::NotAnObject`] if the next mark is no `{`; otherwise as [`Scanner::array`]. After an error the
    /// scanner stands where it stood.
    pub fn object(&mut self) -> Result<Object<'_>, Malformed> {
        match self.peek() {
            Some(Mark { byte: b'{', .. }) => self.container().map(|_| Object::new(self.structure(), 0)),
            Some(mark) => Err(Malformed::at(mark.offset, Reason::NotAnObject)),
            None => Err(Malformed::at(self.bytes.len(), Reason::Unfinished)),
        }
    }

    /// Takes the object whose bracket stands at `offset`; between it and what was used up there is no string.
    ///
    /// ```
    /// let mut scanner = json_scan::Scanner::new(br#"[{"a":1}, {"a":2}]"#)?;
    /// let taken = scanner.object_at(10)?;
    /// assert!(taken.is_usual && taken.object.bytes() == br#"{"a":2}"#);
    /// assert!(scanner.object_at(1).is_err());
    /// # Ok::<(), json_scan::Malformed>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Scanner::object`]; also [`Reason::NotAnObject`] if the place is used up.
    #[inline]
    pub fn object_at(&mut self, offset: usize) -> Result<Taken<'_>, Malformed> {
        if offset < self.at || self.in_string || self.bytes.get(offset) != Some(&b'{') {
            return Err(Malformed::at(offset, Reason::NotAnObject));
        }
        self.at = offset;
        while self.searched <= offset {
            self.search();
        }
        let within = offset - self.base;
        if self.blocks.get(within / BLOCK).is_none_or(|block| block.opens >> (within % BLOCK) & 1 == 0) {
            return Err(Malformed::at(offset, Reason::NotAnObject));
        }
        let is_usual = self.container()?;
        Ok(Taken { object: Object::new(self.structure(), 0), is_usual })
    }

    /// Takes the array that begins at the next mark.
    ///
    /// # Errors
    ///
    /// [`Reason::Unfinished`] if the text ends inside it, [`Reason::Unbalanced`] where brackets do not pair,
    /// [`Reason::TooDeep`] beyond [`MAX_DEPTH`], [`Reason::NotAValue`] if the next mark is no `[`.
    pub fn array(&mut self) -> Result<Array<'_>, Malformed> {
        match self.peek() {
            Some(Mark { byte: b'[', .. }) => self.container().map(|_| Array::new(self.structure(), 0)),
            Some(mark) => Err(Malformed::at(mark.offset, Reason::NotAValue)),
            None => Err(Malformed::at(self.bytes.len(), Reason::Unfinished)),
        }
    }

    fn structure(&self) -> Structure<'_> {
        Structure { bytes: self.bytes, blocks: &self.blocks, pairs: &self.pairs, base: self.base }
    }

    /// Pairs the brackets from the one at `at` up to the one that closes it, and uses them up. Whether nothing about the text is odd.
    fn container(&mut self) -> Result<bool, Malformed> {
        self.pairs.clear();
        // Of a pair that is open, `close` is the number of the one around it.
        let (mut innermost, mut depth) = (0, 0);
        let mut odd = 0;
        let mut number = (self.at - self.base) / BLOCK;
        let mut ahead = u64::MAX << ((self.at - self.base) % BLOCK);
        loop {
            let Some(block) = self.blocks.get(number) else {
                let base = self.base;
                if !self.search() {
                    return Err(Malformed::at(self.at, Reason::Unfinished));
                }
                number -= (self.base - base) / BLOCK;
                continue;
            };
            odd |= block.odd;
            let opens = block.opens & ahead;
            let mut brackets = (block.opens | block.closes) & ahead;
            ahead = u64::MAX;
            while brackets != 0 {
                let offset = self.base + number * BLOCK + brackets.trailing_zeros() as usize;
                let is_opening = opens & brackets & brackets.wrapping_neg() != 0;
                brackets &= brackets - 1;
                // `with_spare` checked that every offset fits.
                let place = u32::try_from(offset).unwrap_or(u32::MAX);
                if is_opening {
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return Err(Malformed::at(offset, Reason::TooDeep));
                    }
                    self.pairs.push(Pair { open: place, close: innermost, next: 0 });
                    innermost = u32::try_from(self.pairs.len() - 1).unwrap_or(u32::MAX);
                    continue;
                }
                let next = u32::try_from(self.pairs.len()).unwrap_or(u32::MAX);
                let unbalanced = Malformed::at(offset, Reason::Unbalanced);
                let Some(pair) = self.pairs.get_mut(innermost as usize) else { return Err(unbalanced) };
                // `{` and `}`, `[` and `]` are two apart in ASCII.
                if self.bytes.get(pair.open as usize).map(|opened| opened + 2)
                    != self.bytes.get(offset).copied()
                {
                    return Err(unbalanced);
                }
                innermost = std::mem::replace(&mut pair.close, place);
                pair.next = next;
                depth -= 1;
                if depth == 0 {
                    self.at = offset + 1;
                    return Ok(odd == 0);
                }
            }
            number += 1;
        }
    }

    /// Makes masks of one more window, after throwing away those of what is used up; false at the end of the text.
    #[cold]
    fn search(&mut self) -> bool {
        if self.searched >= self.bytes.len() {
            return false;
        }
        let used = ((self.at - self.base) / BLOCK).min(self.blocks.len());
        self.blocks.drain(..used);
        self.base += used * BLOCK;
        let end = self.bytes.len().min(self.searched + WINDOW);
        let window = self.bytes.get(self.searched..end).unwrap_or_default();
        let (blocks, rest) = window.as_chunks::<BLOCK>();
        let kept = self.blocks.len();
        self.blocks.resize(kept + blocks.len() + usize::from(!rest.is_empty()), Block::default());
        let (found, last) = self
            .blocks
            .get_mut(kept..)
            .unwrap_or_default()
            .split_at_mut_checked(blocks.len())
            .unwrap_or_default();
        self.search.blocks(&mut self.carry, blocks, found);
        if !rest.is_empty() {
            let mut block = [b' '; BLOCK];
            block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            self.search.blocks(&mut self.carry, &[block], last);
        }
        self.searched = end;
        true
    }
}
