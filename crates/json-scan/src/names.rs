//! Walking an object by its names, without looking at the values nobody asks for.
//!
//! Whoever wants three members out of thirty should pay for three values and thirty names. [`Names`] steps from name to
//! name over the marks; a scalar in between is not even read, which is all that distinguishes it from
//! [`Object::members`](crate::Object::members): a value is checked when it is taken, not when it is passed.

use crate::malformed::{Malformed, Reason};
use crate::name_table::Digest;
use crate::text::Text;
use crate::view::{Marks, Value};

/// A walk over an object's members, in the order of the text, duplicates included.
///
/// ```
/// let mut scanner = json_scan::Scanner::new(br#"{"a":{"b":[1]},"c":"x"}"#)?;
/// let mut names = scanner.object()?.names();
/// let mut found = None;
/// while names.advance() {
///     if names.name().is("c") {
///         found = names.value()?.as_text();
///     }
/// }
/// names.check()?;
/// assert!(found.is_some_and(|text| text.is("x")));
/// # Ok::<(), json_scan::Malformed>(())
/// ```
///
/// [`Names::next`] does all three at once, where it does not matter that a result which may hold a fault goes through memory: handing
/// that back for every name took as long as finding it.
#[derive(Debug, Clone)]
pub struct Names<'a> {
    marks: Marks<'a>,
    /// The mark before the next member: the opening bracket or a comma; the closing bracket when there is none.
    before: usize,
    /// The colon of the current member.
    colon: usize,
    /// Where its name stands in the buffer, without the quotes.
    name: (usize, usize),
    /// Where its value stands, with all around it; nowhere if it is an object or array.
    scalar: (usize, usize),
    fault: Option<Malformed>,
}

impl<'a> Names<'a> {
    pub(crate) fn new(marks: Marks<'a>) -> Self {
        Names { marks, before: 0, colon: 0, name: (0, 0), scalar: (0, 0), fault: None }
    }

    /// Steps to the next member and returns its name; `None` behind the last.
    ///
    /// # Errors
    ///
    /// As [`Names::check`].
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator's items could not be asked for their values lazily"
    )]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Text<'a>>, Malformed> {
        if self.advance() { Ok(Some(self.name())) } else { self.check().map(|()| None) }
    }

    /// Steps to the next member; false behind the last, and where the object is malformed: then [`Names::check`] tells.
    #[inline]
    pub fn advance(&mut self) -> bool {
        let Marks { bytes, offsets, .. } = self.marks;
        let before = self.before;
        let next = offsets.get(before..).and_then(|marks| marks.first_chunk::<3>());
        let Some(&[opening, colon, value]) = next else {
            // Behind the last member there is one mark left.
            return before < self.marks.last() && self.stop(before);
        };
        let (from, to) = (opening as usize + 1, colon as usize);
        // Compact text has the quotes right beside the marks.
        self.name = match bytes.get(from..to) {
            Some([b'"', .., b'"']) => (from + 1, to - 1),
            _ => match self.spaced_name(before) {
                Some(name) => name,
                None => return self.stop(before),
            },
        };
        if bytes.get(to) != Some(&b':') {
            return self.stop(before);
        }
        self.colon = before + 1;
        let (end, mark) = match bytes.get(value as usize) {
            Some(b'{' | b'[') => {
                let end = self.marks.after(before + 2);
                self.scalar = (0, 0);
                (end, self.marks.byte(end))
            }
            mark => {
                self.scalar = (to + 1, value as usize);
                (before + 2, mark.copied().unwrap_or_default())
            }
        };
        self.before = end;
        mark == b',' || end == self.marks.last() || self.stop_at(self.marks.offset(end))
    }

    /// The name of the member last stepped to.
    #[inline]
    pub fn name(&self) -> Text<'a> {
        let (from, to) = self.name;
        Text::new(from, self.marks.bytes.get(from..to).unwrap_or_default())
    }

    /// The bytes of that name, between its quotes, escapes and all.
    #[inline]
    pub fn raw(&self) -> &'a [u8] {
        self.marks.bytes.get(self.name.0..self.name.1).unwrap_or_default()
    }

    /// The mark of the colon behind the name that came last.
    #[inline]
    pub(crate) fn colon(&self) -> u32 {
        // Fewer marks than bytes, and those fit.
        u32::try_from(self.colon).unwrap_or(u32::MAX)
    }

    /// Whether the walk ended because the object does, or has not ended yet.
    ///
    /// # Errors
    ///
    /// [`Reason::NotAMember`] where names, colons and commas do not follow each other as they must.
    #[inline]
    pub fn check(&self) -> Result<(), Malformed> {
        self.fault.map_or(Ok(()), Err)
    }

    /// The value of the member whose name came last.
    ///
    /// # Errors
    ///
    /// [`Reason::NotAValue`] if it is none; also before the first name.
    #[inline]
    pub fn value(&self) -> Result<Value<'a>, Malformed> {
        if self.colon == 0 {
            return Err(Malformed::at(self.marks.offset(0), Reason::NotAValue));
        }
        self.marks.value(self.colon).map(|(value, _)| value)
    }

    /// The value of that member, if it is a string right between its marks, as in compact text all strings are; where this says `None`,
    /// [`Names::value`] knows.
    #[inline]
    pub fn plain_string(&self) -> Option<Text<'a>> {
        match self.marks.bytes.get(self.scalar.0..self.scalar.1) {
            Some([b'"', raw @ .., b'"']) => Some(Text::new(self.scalar.0 + 1, raw)),
            _ => None,
        }
    }

    /// The digest of the name that came last, for a [`NameTable`](crate::NameTable).
    #[inline]
    pub fn digest(&self) -> Digest {
        Digest::within(self.marks.bytes, self.name.0, self.name.1)
    }

    /// The name behind mark `before`, where it does not stand right between the marks.
    #[cold]
    fn spaced_name(&self, before: usize) -> Option<(usize, usize)> {
        let (from, text) = self.marks.between(before);
        let name = Text::quoted(from, text)?;
        Some((name.offset(), name.offset() + name.raw().len()))
    }

    /// Ends the walk: there is no member behind mark `before`, which is a fault unless the object is empty.
    #[cold]
    fn stop(&mut self, before: usize) -> bool {
        if self.marks.is_empty() {
            self.before = self.marks.last();
            return false;
        }
        self.stop_at(self.marks.between(before).0)
    }

    #[cold]
    fn stop_at(&mut self, offset: usize) -> bool {
        self.before = self.marks.last();
        self.fault = Some(Malformed::at(offset, Reason::NotAMember));
        false
    }
}
