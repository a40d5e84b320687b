//! Takes containers off the front of a buffer, one after the other.
//!
//! Marks are found a window at a time, so that they are still in the nearest cache when they are walked, and a
//! buffer of any size costs the same few kilobytes. For each opening bracket the distance to its closing one is kept beside
//! it, in marks: that is what makes stepping over a nested container free.

use crate::block::{BLOCK, Carry};
use crate::malformed::{Malformed, Reason};
use crate::view::{Array, Marks, Object};

/// How deep containers may nest. AWS's own parser stops at 1,000 as well (Jackson's default).
pub const MAX_DEPTH: usize = 1_000;

/// How many bytes are searched for marks at a time.
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
    carry: Carry,
    /// Bytes searched so far.
    searched: usize,
    /// Offsets of marks, in order; those before `next` are used up.
    offsets: Vec<u32>,
    /// Beside each opening bracket in `offsets`, once its container was taken: how many marks on it closes.
    closes: Vec<u32>,
    next: usize,
    /// Opening brackets not yet closed, while a container is taken.
    open: Vec<u32>,
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
    offsets: Vec<u32>,
    closes: Vec<u32>,
    open: Vec<u32>,
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
        let Spare { mut offsets, mut closes, open } = spare;
        offsets.clear();
        closes.clear();
        if u32::try_from(bytes.len()).is_err() {
            return Err(Malformed::at(0, Reason::TooLong));
        }
        Ok(Scanner { bytes, carry: Carry::default(), searched: 0, offsets, closes, next: 0, open })
    }

    /// Gives the buffers back.
    pub fn into_spare(self) -> Spare {
        Spare { offsets: self.offsets, closes: self.closes, open: self.open }
    }

    /// The whole buffer.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Forgets everything and goes on at `offset`, which must lie outside any string: how one recovers behind a broken record.
    pub fn seek(&mut self, offset: usize) {
        self.carry = Carry::default();
        self.searched = offset.min(self.bytes.len());
        self.offsets.clear();
        self.closes.clear();
        self.next = 0;
    }

    /// The next mark, without using it up; `None` at the end of the text (or inside a string that never ends).
    pub fn peek(&mut self) -> Option<Mark> {
        while self.next >= self.offsets.len() {
            if !self.search() {
                return None;
            }
        }
        let offset = *self.offsets.get(self.next)? as usize;
        Some(Mark { offset, byte: *self.bytes.get(offset)? })
    }

    /// Uses up the next mark.
    pub fn bump(&mut self) {
        if self.peek().is_some() {
            self.next += 1;
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
            Some(Mark { byte: b'{', .. }) => Ok(Object::new(self.container()?)),
            Some(mark) => Err(Malformed::at(mark.offset, Reason::NotAnObject)),
            None => Err(Malformed::at(self.bytes.len(), Reason::Unfinished)),
        }
    }

    /// Takes the array that begins at the next mark.
    ///
    /// # Errors
    ///
    /// [`Reason::Unfinished`] if the text ends inside it, [`Reason::Unbalanced`] where brackets do not pair,
    /// [`Reason::TooDeep`] beyond [`MAX_DEPTH`], [`Reason::NotAValue`] if the next mark is no `[`.
    pub fn array(&mut self) -> Result<Array<'_>, Malformed> {
        match self.peek() {
            Some(Mark { byte: b'[', .. }) => Ok(Array::new(self.container()?)),
            Some(mark) => Err(Malformed::at(mark.offset, Reason::NotAValue)),
            None => Err(Malformed::at(self.bytes.len(), Reason::Unfinished)),
        }
    }

    /// Takes marks up to the bracket that closes the one at `next`.
    fn container(&mut self) -> Result<Marks<'_>, Malformed> {
        let end = self.pair_brackets()?;
        // Only now: searching on moves the marks that are still wanted to the front.
        let start = self.next;
        self.next = end + 1;
        Ok(Marks {
            bytes: self.bytes,
            offsets: self.offsets.get(start..=end).unwrap_or_default(),
            closes: self.closes.get(start..=end).unwrap_or_default(),
        })
    }

    /// Index of the mark that closes the bracket at `next`, with `closes` filled in between.
    fn pair_brackets(&mut self) -> Result<usize, Malformed> {
        let begun_at = self.offsets.get(self.next).map_or(self.bytes.len(), |&offset| offset as usize);
        self.open.clear();
        let mut at = self.next;
        loop {
            let Some(&offset) = self.offsets.get(at) else {
                // Only whole containers are handed out, so nothing refers to what `search` throws away.
                let (kept_from, more) = (self.next, self.search());
                if !more {
                    return Err(Malformed::at(begun_at, Reason::Unfinished));
                }
                let moved = kept_from - self.next;
                at -= moved;
                for open in &mut self.open {
                    *open -= u32::try_from(moved).unwrap_or(u32::MAX);
                }
                continue;
            };
            let byte = self.bytes.get(offset as usize).copied().unwrap_or_default();
            match byte {
                b'{' | b'[' => {
                    if self.open.len() >= MAX_DEPTH {
                        return Err(Malformed::at(offset as usize, Reason::TooDeep));
                    }
                    // Fewer marks than bytes, and those fit.
                    self.open.push(u32::try_from(at).unwrap_or(u32::MAX));
                }
                b'}' | b']' => {
                    let opened = self.open.pop().map(|open| open as usize);
                    let Some(opened) = opened.filter(|&open| self.closes_bracket(open, byte)) else {
                        return Err(Malformed::at(offset as usize, Reason::Unbalanced));
                    };
                    if let Some(close) = self.closes.get_mut(opened) {
                        *close = u32::try_from(at - opened).unwrap_or(u32::MAX);
                    }
                    if self.open.is_empty() {
                        return Ok(at);
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// `{` and `}`, `[` and `]` are two apart in ASCII.
    fn closes_bracket(&self, open: usize, byte: u8) -> bool {
        let opened = self.offsets.get(open).and_then(|&offset| self.bytes.get(offset as usize));
        opened.is_some_and(|&opened| opened + 2 == byte)
    }

    /// Searches one more window, after throwing away the marks that are used up; false at the end of the text.
    fn search(&mut self) -> bool {
        if self.searched >= self.bytes.len() {
            return false;
        }
        self.offsets.drain(..self.next);
        self.closes.drain(..self.next);
        self.next = 0;
        let end = self.bytes.len().min(self.searched + WINDOW);
        let window = self.bytes.get(self.searched..end).unwrap_or_default();
        let (blocks, rest) = window.as_chunks::<BLOCK>();
        let mut base = self.searched;
        for block in blocks {
            push_marks(&mut self.offsets, base, self.carry.marks(block));
            base += BLOCK;
        }
        if !rest.is_empty() {
            let mut block = [b' '; BLOCK];
            block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            push_marks(&mut self.offsets, base, self.carry.marks(&block));
        }
        self.searched = end;
        self.closes.resize(self.offsets.len(), 0);
        true
    }
}

/// Appends the offsets of the set bits.
#[inline]
fn push_marks(offsets: &mut Vec<u32>, base: usize, mut bits: u64) {
    // `new` checked that every offset fits.
    let base = u32::try_from(base).unwrap_or(u32::MAX);
    offsets.reserve(BLOCK);
    while bits != 0 {
        offsets.push(base + bits.trailing_zeros());
        bits &= bits - 1;
    }
}
