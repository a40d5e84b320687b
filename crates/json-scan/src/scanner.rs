//! Takes containers off the front of a buffer, one after the other.
//!
//! Marks are found a window at a time, so that they are still in the nearest cache when they are walked, and a
//! buffer of any size costs the same few kilobytes. For each opening bracket the distance to its closing one is kept beside
//! it, in marks: that is what makes stepping over a nested container free.

use crate::block::{BLOCK, Carry};
use crate::found::Found;
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
    /// Marks, those before `next` used up.
    found: Found,
    /// Beside each opening bracket, once its container was taken: how many marks on it closes. What stands beside other marks means nothing.
    closes: Vec<u32>,
    next: usize,
    /// How many marks the container has that was taken last.
    taken: usize,
    /// Its first bracket, by its place among the brackets.
    first_bracket: usize,
    /// The first bracket that may be at or behind `next`, by its place among the brackets.
    next_bracket: usize,
    /// Opening brackets not yet closed, while a container is taken: the mark's place and byte.
    open: Vec<(u32, u8)>,
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
    found: Found,
    closes: Vec<u32>,
    open: Vec<(u32, u8)>,
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
        let Spare { mut found, closes, open } = spare;
        found.clear();
        if u32::try_from(bytes.len()).is_err() {
            return Err(Malformed::at(0, Reason::TooLong));
        }
        Ok(Scanner {
            bytes,
            carry: Carry::default(),
            searched: 0,
            found,
            closes,
            next: 0,
            taken: 0,
            first_bracket: 0,
            next_bracket: 0,
            open,
        })
    }

    /// Gives the buffers back.
    pub fn into_spare(self) -> Spare {
        Spare { found: self.found, closes: self.closes, open: self.open }
    }

    /// The whole buffer.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Forgets everything and goes on at `offset`, which must lie outside any string: how one recovers behind a broken record.
    pub fn seek(&mut self, offset: usize) {
        self.carry = Carry::default();
        self.searched = offset.min(self.bytes.len());
        self.found.clear();
        self.next = 0;
        self.next_bracket = 0;
    }

    /// The next mark, without using it up; `None` at the end of the text (or inside a string that never ends).
    pub fn peek(&mut self) -> Option<Mark> {
        while self.next >= self.found.offsets().len() {
            if !self.search() {
                return None;
            }
        }
        let offset = *self.found.offsets().get(self.next)? as usize;
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

    /// The same, and whether `name`, with its quotes, may stand at the beginning of an object inside the taken one: as the first member's
    /// name of an object in it, or in or near a string that has brackets. Asking costs a few comparisons, not a search.
    ///
    /// ```
    /// use json_scan::{Malformed, Scanner};
    ///
    /// let may_begin = |text: &[u8]| Ok::<_, Malformed>(Scanner::new(text)?.object_watching(b"\"a\"")?.1);
    /// assert!(!may_begin(br#"{"a":{"b":1}}"#)?);
    /// assert!(may_begin(br#"{"a":{"a":1}}"#)?);
    /// assert!(may_begin(br#"{"a":"{"}"#)?);
    /// # Ok::<(), Malformed>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Scanner::object`].
    pub fn object_watching(&mut self, name: &[u8]) -> Result<(Object<'_>, bool), Malformed> {
        self.object()?;
        let (begin, end) = (self.next - self.taken, self.next - 1);
        let offset = |mark: usize| self.found.offsets().get(mark).map_or(self.bytes.len(), |&at| at as usize);
        let mut may_begin = self.found.hides(offset(begin), offset(end));
        // Nothing was searched for since the container is whole, so its brackets are the ones before `next_bracket`.
        let brackets =
            self.found.brackets().get(self.first_bracket + 1..self.next_bracket).unwrap_or_default();
        for &mark in brackets {
            let behind = offset(mark as usize) + 1;
            // A closing bracket has nothing like a name behind it, and an object seldom white space.
            may_begin |= match self.bytes.get(behind) {
                Some(b'"') => self.bytes.get(behind..).is_some_and(|text| text.starts_with(name)),
                Some(b' ' | b'\t' | b'\n' | b'\r') => {
                    self.bytes.get(behind..).is_some_and(|text| text.trim_ascii_start().starts_with(name))
                }
                _ => false,
            };
        }
        Ok((Object::new(self.marks(begin, end)), may_begin))
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
        self.taken = end + 1 - start;
        Ok(self.marks(start, end))
    }

    fn marks(&self, start: usize, end: usize) -> Marks<'_> {
        Marks {
            bytes: self.bytes,
            offsets: self.found.offsets().get(start..=end).unwrap_or_default(),
            closes: self.closes.get(start..=end).unwrap_or_default(),
        }
    }

    /// Place of the mark that closes the bracket at `next`, with `closes` filled in between.
    fn pair_brackets(&mut self) -> Result<usize, Malformed> {
        let begun_at =
            self.found.offsets().get(self.next).map_or(self.bytes.len(), |&offset| offset as usize);
        self.open.clear();
        self.pass_brackets();
        let mut at = self.next_bracket;
        loop {
            let Some(&place) = self.found.brackets().get(at) else {
                // Only whole containers are handed out, so nothing refers to what `search` throws away.
                let (begun, first) = (self.next, self.next_bracket);
                if !self.search() {
                    return Err(Malformed::at(begun_at, Reason::Unfinished));
                }
                at -= first - self.next_bracket;
                let moved = u32::try_from(begun - self.next).unwrap_or(u32::MAX);
                for (open, _) in &mut self.open {
                    *open -= moved;
                }
                continue;
            };
            let offset = self.found.offsets().get(place as usize).map_or(self.bytes.len(), |&at| at as usize);
            let byte = self.bytes.get(offset).copied().unwrap_or_default();
            if is_opening(byte) {
                if self.open.len() >= MAX_DEPTH {
                    return Err(Malformed::at(offset, Reason::TooDeep));
                }
                self.open.push((place, byte));
            } else {
                // `{` and `}`, `[` and `]` are two apart in ASCII.
                let Some((opened, _)) = self.open.pop().filter(|(_, opened)| opened + 2 == byte) else {
                    return Err(Malformed::at(offset, Reason::Unbalanced));
                };
                if let Some(close) = self.closes.get_mut(opened as usize) {
                    *close = place - opened;
                }
                if self.open.is_empty() {
                    self.first_bracket = self.next_bracket;
                    self.next_bracket = at + 1;
                    return Ok(place as usize);
                }
            }
            at += 1;
        }
    }

    /// Catches up with `next`.
    fn pass_brackets(&mut self) {
        let behind = self.found.brackets().get(self.next_bracket..).unwrap_or_default();
        self.next_bracket += behind.iter().take_while(|&&place| (place as usize) < self.next).count();
    }

    /// Searches one more window, after throwing away the marks that are used up; false at the end of the text.
    fn search(&mut self) -> bool {
        if self.searched >= self.bytes.len() {
            return false;
        }
        self.pass_brackets();
        let left = self.found.offsets().len();
        self.closes.copy_within(self.next.min(left)..left, 0);
        self.found.discard(self.next, self.next_bracket);
        self.next = 0;
        self.next_bracket = 0;
        let end = self.bytes.len().min(self.searched + WINDOW);
        let window = self.bytes.get(self.searched..end).unwrap_or_default();
        let (blocks, rest) = window.as_chunks::<BLOCK>();
        // `new` checked that every offset fits.
        let base = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        self.carry.search(blocks, base(self.searched), &mut self.found);
        if !rest.is_empty() {
            let mut block = [b' '; BLOCK];
            block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            self.carry.search(&[block], base(self.searched + blocks.len() * BLOCK), &mut self.found);
        }
        self.searched = end;
        if self.closes.len() < self.found.offsets().len() {
            self.closes.resize(self.found.offsets().len(), 0);
        }
        true
    }
}

/// Whether a bracket opens: `{` and `[` have this bit, `}` and `]` have not.
#[inline]
fn is_opening(bracket: u8) -> bool {
    bracket & 2 != 0
}
