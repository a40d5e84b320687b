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
/// while let Some(name) = names.next()? {
///     if name.is("c") {
///         found = names.value()?.as_text();
///     }
/// }
/// assert!(found.is_some_and(|text| text.is("x")));
/// # Ok::<(), json_scan::Malformed>(())
/// ```
#[derive(Debug, Clone)]
pub struct Names<'a> {
    marks: Marks<'a>,
    /// The mark before the next member: the opening bracket or a comma; the closing bracket when there is none.
    before: usize,
    /// The colon of the current member.
    colon: usize,
    /// Where its name stands in the buffer, without the quotes.
    name: (usize, usize),
}

impl<'a> Names<'a> {
    pub(crate) fn new(marks: Marks<'a>) -> Self {
        Names { marks, before: 0, colon: 0, name: (0, 0) }
    }

    /// Steps to the next member and returns its name; `None` behind the last.
    ///
    /// # Errors
    ///
    /// [`Reason::NotAMember`] where names, colons and commas do not follow each other as they must. The walk ends there.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator's items could not be asked for their values lazily"
    )]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Text<'a>>, Malformed> {
        let (before, last) = (self.before, self.marks.last());
        if before >= last {
            return Ok(None);
        }
        self.before = last;
        let colon = before + 1;
        if self.marks.byte(colon) != b':' {
            return if self.marks.is_empty() { Ok(None) } else { Err(self.not_a_member(before)) };
        }
        let Some(name) = self.name(before) else { return Err(self.not_a_member(before)) };
        let value = colon + 1;
        let (end, mark) = match self.marks.byte(value) {
            b'{' | b'[' => {
                let end = self.marks.after(value);
                (end, self.marks.byte(end))
            }
            mark => (value, mark),
        };
        if end != last && mark != b',' {
            return Err(Malformed::at(self.marks.offset(end), Reason::NotAMember));
        }
        self.colon = colon;
        self.before = end;
        self.name = (name.offset(), name.offset() + name.raw().len());
        Ok(Some(name))
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

    /// The digest of the name that came last, for a [`NameTable`](crate::NameTable).
    #[inline]
    pub fn digest(&self) -> Digest {
        Digest::within(self.marks.bytes, self.name.0, self.name.1)
    }

    #[inline]
    fn name(&self, before: usize) -> Option<Text<'a>> {
        let (from, to) = (self.marks.offset(before) + 1, self.marks.offset(before + 1));
        // Compact text has the quotes right beside the marks.
        if let Some([b'"', raw @ .., b'"']) = self.marks.bytes.get(from..to) {
            return Some(Text::new(from + 1, raw));
        }
        let (from, text) = self.marks.between(before);
        Text::quoted(from, text)
    }

    fn not_a_member(&self, before: usize) -> Malformed {
        Malformed::at(self.marks.between(before).0, Reason::NotAMember)
    }
}
