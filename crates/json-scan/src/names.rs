//! Walking an object by its names, without looking at the values nobody asks for.
//!
//! Whoever wants three members out of thirty should pay for three values and thirty names. [`Names`] steps from name to
//! name; of a value in between it is only found out where it ends, which is all that distinguishes it from
//! [`Object::members`](crate::Object::members): a value is checked when it is taken, not when it is passed.

use crate::malformed::{Malformed, Reason};
use crate::name_table::Digest;
use crate::structure::{Next, Span, Structure};
use crate::successors::{Expected, Place};
use crate::text::Text;
use crate::view::Value;
use crate::vocabulary::KnownName;

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
    within: Structure<'a>,
    /// Where the next member begins, or white space before it.
    at: usize,
    /// The number of the first pair of brackets from there on.
    next: u32,
    /// Where the object ends.
    close: u32,
    has_more: bool,
    /// Where the current member's name stands in the buffer, without the quotes.
    name: (usize, usize),
    value: Option<Span>,
    fault: Option<Malformed>,
}

impl<'a> Names<'a> {
    pub(crate) fn new(within: Structure<'a>, pair: u32) -> Self {
        let (number, pair) = (pair, within.pair(pair));
        let at = pair.open as usize + 1;
        // Only in front of the first member may stand nothing but the end.
        let has_more = within.byte(at) == Some(b'"') || within.skip_blank(at) != pair.close as usize;
        Names {
            within,
            at,
            next: number + 1,
            close: pair.close,
            has_more,
            name: (0, 0),
            value: None,
            fault: None,
        }
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
        if !self.has_more {
            return false;
        }
        if self.within.byte(self.at) != Some(b'"') {
            self.at = self.within.skip_blank(self.at);
            if self.within.byte(self.at) != Some(b'"') {
                return self.stop(Malformed::at(self.at, Reason::NotAMember));
            }
        }
        let quote = self.within.quote(self.at + 1);
        self.name = (self.at + 1, quote);
        let mut colon = quote + 1;
        if self.within.byte(colon) != Some(b':') {
            colon = self.within.skip_blank(colon);
            if self.within.byte(colon) != Some(b':') {
                return self.stop(Malformed::at(self.at, Reason::NotAMember));
            }
        }
        self.pass_value(colon + 1)
    }

    /// Whether there is another member, or should be.
    #[inline]
    pub(crate) fn has_more(&self) -> bool {
        self.has_more
    }

    /// Whether the next member is named so, with nothing between the name and the marks around it.
    #[inline]
    pub(crate) fn expects(&self, name: &Expected) -> bool {
        name.stands_at(self.within.bytes, self.at)
    }

    /// Steps to a member that [is named so](Names::expects); false as with [`Names::advance`].
    #[inline]
    pub(crate) fn advance_by(&mut self, name: &Expected) -> bool {
        let behind = self.at + name.len();
        // Without the quotes and the colon.
        self.name = (self.at + 1, behind - 2);
        self.pass_value(behind)
    }

    #[inline]
    fn pass_value(&mut self, at: usize) -> bool {
        let value = match self.within.value(at, &mut self.next) {
            Ok(value) => value,
            Err(fault) => return self.stop(fault),
        };
        self.value = Some(value);
        match self.within.follow(value.to as usize, self.close) {
            Ok(Next::At(at)) => self.at = at,
            Ok(Next::End) => self.has_more = false,
            Err(fault) => return self.stop(fault),
        }
        true
    }

    /// The name of the member last stepped to.
    #[inline]
    pub fn name(&self) -> Text<'a> {
        Text::new(self.name.0, self.raw())
    }

    /// The bytes of that name, between its quotes, escapes and all.
    #[inline]
    pub fn raw(&self) -> &'a [u8] {
        self.within.bytes.get(self.name.0..self.name.1).unwrap_or_default()
    }

    /// The member last stepped to, whose name has this number.
    #[inline]
    pub(crate) fn known(&self, place: Place) -> KnownName {
        KnownName::new(place, self.name.0, self.value.unwrap_or_default())
    }

    /// Whether the walk ended because the object does, or has not ended yet.
    ///
    /// # Errors
    ///
    /// [`Reason::NotAMember`] or [`Reason::NotAValue`] where names, colons, values and commas do not follow each other as they must.
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
        match self.value {
            Some(value) => Value::at(self.within, value),
            None => Err(Malformed::at(self.at, Reason::NotAValue)),
        }
    }

    /// The value of that member, if it is a string.
    #[inline]
    pub fn string(&self) -> Option<Text<'a>> {
        self.value.and_then(|value| value.string(self.within.bytes))
    }

    /// The bytes of that value, if it is neither a string nor a container: one of JSON's words or numbers, or something that only looks like one,
    /// which [`Names::value`] finds out.
    #[inline]
    pub fn scalar(&self) -> Option<&'a [u8]> {
        let text = self.value?.of(self.within.bytes);
        (!matches!(text, [b'"' | b'{' | b'[', ..])).then_some(text)
    }

    /// The digest of the name that came last, for a [`NameTable`](crate::NameTable).
    #[inline]
    pub fn digest(&self) -> Digest {
        Digest::within(self.within.bytes, self.name.0, self.name.1)
    }

    #[cold]
    fn stop(&mut self, fault: Malformed) -> bool {
        self.has_more = false;
        self.value = None;
        self.fault = Some(fault);
        false
    }
}
