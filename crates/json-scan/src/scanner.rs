//! Takes containers off the front of a buffer, one after the other.
//!
//! Masks are made a window at a time, so that they are still in the nearest cache when they are walked, and a
//! buffer of any size costs the same few kilobytes. Taking a container pairs its brackets (see `pairing`), which is what makes stepping over a
//! nested container free.

use crate::block::{BLOCK, Block, Carry, Search};
use crate::malformed::{Malformed, Reason};
use crate::pairing::Pairing;
use crate::structure::{Held, Marks};
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
    /// The buffer, the blocks that are not used up, and the brackets of the container that was taken last.
    held: Held<'a>,
    search: Search,
    carry: Carry,
    /// Bytes that masks were made of so far.
    searched: usize,
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
pub struct Spare(pub(crate) Option<Box<Marks>>);

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
    #[inline]
    pub fn with_spare(bytes: &'a [u8], spare: Spare) -> Result<Self, Malformed> {
        if u32::try_from(bytes.len()).is_err() {
            return Err(Malformed::at(0, Reason::TooLong));
        }
        let mut marks = spare.0.unwrap_or_default();
        marks.clear();
        Ok(Scanner {
            held: Held::marked(bytes, marks),
            search: Search::best(),
            carry: Carry::default(),
            searched: 0,
            at: 0,
            in_string: false,
        })
    }

    /// Gives the buffers back.
    #[inline]
    pub fn into_spare(self) -> Spare {
        Spare(Some(self.held.into_marks()))
    }

    /// The whole buffer.
    pub fn bytes(&self) -> &'a [u8] {
        self.held.bytes
    }

    /// Forgets everything and goes on at `offset`, which must lie outside any string: how one recovers behind a broken record.
    pub fn seek(&mut self, offset: usize) {
        self.carry = Carry::default();
        self.at = offset.min(self.held.bytes.len());
        self.searched = self.at;
        if let Some(marks) = self.held.marks_mut() {
            (marks.base, marks.blocks) = (self.at, 0);
        }
        self.in_string = false;
    }

    /// Goes on at `offset`, up to which the text was read by other means: it lies outside any string.
    #[inline]
    pub fn pass_to(&mut self, offset: usize) {
        if self.in_string || offset < self.at || offset > self.searched {
            self.seek(offset);
        } else {
            self.at = offset;
        }
    }

    /// The next mark, without using it up; `None` at the end of the text (or inside a string that never ends).
    pub fn peek(&mut self) -> Option<Mark> {
        loop {
            let marks = self.held.marks();
            let within = self.at - marks.base;
            let Some(block) = marks.blocks().get(within / BLOCK) else {
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
            match *self.held.bytes.get(self.at)? {
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
        self.searched >= self.held.bytes.len() && self.carry.is_in_string()
    }

    /// Takes the object that begins at the next mark.
    ///
    /// # Errors
    ///
    /// [`Reason::NotAnObject`] if the next mark is no `{`; otherwise as [`Scanner::array`]. After an error the
    /// scanner stands where it stood.
    #[inline]
    pub fn object(&mut self) -> Result<Object<'_>, Malformed> {
        match self.peek() {
            Some(Mark { byte: b'{', .. }) => self.container().map(|_| Object::new(&self.held, 0)),
            Some(mark) => Err(Malformed::at(mark.offset, Reason::NotAnObject)),
            None => Err(Malformed::at(self.held.bytes.len(), Reason::Unfinished)),
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
        if offset < self.at || self.in_string || self.held.bytes.get(offset) != Some(&b'{') {
            return Err(Malformed::at(offset, Reason::NotAnObject));
        }
        self.at = offset;
        while self.searched <= offset {
            self.search();
        }
        let marks = self.held.marks();
        let within = offset - marks.base;
        if marks.blocks().get(within / BLOCK).is_none_or(|block| block.opens >> (within % BLOCK) & 1 == 0) {
            return Err(Malformed::at(offset, Reason::NotAnObject));
        }
        let is_usual = self.container()?;
        Ok(Taken { object: Object::new(&self.held, 0), is_usual })
    }

    /// Takes the array that begins at the next mark.
    ///
    /// # Errors
    ///
    /// [`Reason::Unfinished`] if the text ends inside it, [`Reason::Unbalanced`] where brackets do not pair,
    /// [`Reason::TooDeep`] beyond [`MAX_DEPTH`], [`Reason::NotAValue`] if the next mark is no `[`.
    pub fn array(&mut self) -> Result<Array<'_>, Malformed> {
        match self.peek() {
            Some(Mark { byte: b'[', .. }) => self.container().map(|_| Array::new(&self.held, 0)),
            Some(mark) => Err(Malformed::at(mark.offset, Reason::NotAValue)),
            None => Err(Malformed::at(self.held.bytes.len(), Reason::Unfinished)),
        }
    }

    /// Pairs the brackets from the one at `at` up to the one that closes it, and uses them up. Whether nothing about the text is odd.
    fn container(&mut self) -> Result<bool, Malformed> {
        let pairs = self.held.marks_mut().map(|marks| std::mem::take(&mut marks.pairs));
        let mut pairing = Pairing::new(pairs.unwrap_or_default());
        let mut from = self.at;
        let end = loop {
            let marks = self.held.marks();
            match pairing.go_on(self.held.bytes, marks.blocks(), marks.base, from) {
                Ok(Some(end)) => break Ok(end),
                Ok(None) => {
                    from = self.searched;
                    if !self.search() {
                        break Err(Malformed::at(self.at, Reason::Unfinished));
                    }
                }
                Err(fault) => break Err(fault),
            }
        };
        if let Some(marks) = self.held.marks_mut() {
            marks.pairs = pairing.pairs;
        }
        self.at = end? + 1;
        Ok(pairing.odd == 0)
    }

    /// Makes masks of one more window, after throwing away those of what is used up; false at the end of the text.
    #[cold]
    fn search(&mut self) -> bool {
        let bytes = self.held.bytes;
        let Some(Marks { base, room, blocks, .. }) = self.held.marks_mut() else { return false };
        if self.searched >= bytes.len() {
            return false;
        }
        let used = ((self.at - *base) / BLOCK).min(*blocks);
        room.copy_within(used..*blocks, 0);
        *base += used * BLOCK;
        *blocks -= used;
        let end = bytes.len().min(self.searched + WINDOW);
        let (window, rest) = bytes.get(self.searched..end).unwrap_or_default().as_chunks::<BLOCK>();
        let more = window.len() + usize::from(!rest.is_empty());
        if room.len() < *blocks + more {
            room.resize(*blocks + more, Block::default());
        }
        let found = room.get_mut(*blocks..*blocks + more).unwrap_or_default();
        let (found, last) = found.split_at_mut_checked(window.len()).unwrap_or_default();
        self.search.blocks(&mut self.carry, window, found);
        if !rest.is_empty() {
            let mut block = [b' '; BLOCK];
            if let Some(beginning) = block.get_mut(..rest.len()) {
                beginning.copy_from_slice(rest);
            }
            self.search.blocks(&mut self.carry, &[block], last);
        }
        *blocks += more;
        self.searched = end;
        true
    }
}

/// The marks of the object that begins at `from`, made in these buffers; none if there is no such object.
#[cold]
pub(crate) fn mark(bytes: &[u8], from: usize, spare: Spare) -> Box<Marks> {
    let Ok(mut scanner) = Scanner::with_spare(bytes, spare) else { return Box::default() };
    scanner.seek(from);
    let is_there = scanner.object_at(from).is_ok();
    let mut marks = scanner.held.into_marks();
    if !is_there {
        marks.clear();
    }
    marks
}
