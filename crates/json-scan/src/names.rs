//! Walking an object by its names, without looking at the values nobody asks for.
//!
//! Whoever wants three members out of thirty should pay for three values and thirty names. [`Names`] steps from name to
//! name; of a value in between it is only found out where it ends, which is all that distinguishes it from
//! [`Object::members`](crate::Object::members): a value is checked when it is taken, not when it is passed.

use crate::malformed::{Malformed, Reason};
use crate::name_table::Digest;
use crate::structure::{Held, Next, Span, Structure};
use crate::successors::{Place, Step, Successors};
use crate::text::Text;
use crate::view::Value;

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
    held: &'a Held<'a>,
    steps: Steps<'a>,
    has_more: bool,
    /// Where the current member's name stands in the buffer, without the quotes.
    name: (usize, usize),
    value: Option<Span>,
    fault: Option<Malformed>,
}

impl<'a> Names<'a> {
    #[inline]
    pub(crate) fn new(held: &'a Held<'a>, number: u32) -> Self {
        let (steps, has_more) = Steps::new(held, number);
        Names::from(held, steps, has_more)
    }

    /// A walk that has come so far.
    #[inline]
    pub(crate) fn from(held: &'a Held<'a>, steps: Steps<'a>, has_more: bool) -> Self {
        Names { held, steps, has_more, name: (0, 0), value: None, fault: None }
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
        let Steps { within, at, .. } = &mut self.steps;
        if within.byte(*at) != Some(b'"') {
            *at = within.skip_blank(*at);
            if within.byte(*at) != Some(b'"') {
                let fault = Malformed::at(*at, Reason::NotAMember);
                return self.stop(fault);
            }
        }
        let quote = within.quote(*at + 1);
        self.name = (*at + 1, quote);
        let mut colon = quote + 1;
        if within.byte(colon) != Some(b':') {
            colon = within.skip_blank(colon);
            if within.byte(colon) != Some(b':') {
                let fault = Malformed::at(*at, Reason::NotAMember);
                return self.stop(fault);
            }
        }
        self.pass_value(colon + 1)
    }

    /// Steps past members that are expected and not wanted, to one that is wanted, or not expected.
    #[inline]
    pub(crate) fn advance_to<V: Clone>(
        &mut self,
        known: &Successors<V>,
        last: &mut Place,
        is_wanted: impl Fn(&V) -> bool,
    ) -> Step<V> {
        // Nearly every member is passed here: what changes stays in registers, and nothing else is copied.
        let Steps { within, close, at, next } = &self.steps;
        let (mut at, mut next, mut place) = (*at, *next, *last);
        while self.has_more {
            let Some((expected, length, value)) = known.expected_at(place, within.bytes, at) else {
                (self.steps.at, self.steps.next, *last) = (at, next, place);
                return if self.advance() { Step::Other } else { Step::End };
            };
            place = expected;
            let behind = at + length;
            let is_passed = !is_wanted(value);
            let (span, end) = if is_passed && within.byte(behind) == Some(b'"') {
                let end = within.quote(behind + 1) + 1;
                let quote = |from| within.quote(from);
                let (end, last) = known.pass_strings(within.bytes, (end, place), &is_wanted, quote);
                place = last;
                (None, end)
            } else {
                match within.value(behind, &mut next) {
                    Ok(span) => (Some(span), span.to as usize),
                    Err(fault) => return self.end(fault),
                }
            };
            // Without the quotes and the colon.
            let name = (at + 1, behind - 2);
            let has_more = match within.follow(end, *close) {
                Ok(Next::At(following)) => {
                    at = following;
                    true
                }
                Ok(Next::End) => false,
                Err(fault) => return self.end(fault),
            };
            if !is_passed {
                (self.steps.at, self.steps.next, *last) = (at, next, place);
                (self.name, self.value, self.has_more) = (name, span, has_more);
                return Step::Expected(value.clone());
            }
            if !has_more {
                break;
            }
        }
        self.has_more = false;
        Step::End
    }

    #[cold]
    fn end<V>(&mut self, fault: Malformed) -> Step<V> {
        self.stop(fault);
        Step::End
    }

    #[inline]
    fn pass_value(&mut self, at: usize) -> bool {
        match self.steps.pass_value(at) {
            Ok((value, has_more)) => {
                (self.value, self.has_more) = (Some(value), has_more);
                true
            }
            Err(fault) => self.stop(fault),
        }
    }

    /// The name of the member last stepped to.
    #[inline]
    pub fn name(&self) -> Text<'a> {
        Text::new(self.name.0, self.raw())
    }

    /// The bytes of that name, between its quotes, escapes and all.
    #[inline]
    pub fn raw(&self) -> &'a [u8] {
        self.steps.within.bytes.get(self.name.0..self.name.1).unwrap_or_default()
    }

    /// The value of the member last stepped to, and what is behind it.
    pub(crate) fn member(&self) -> (Span, Steps<'a>, bool) {
        (self.value.unwrap_or_default(), self.steps, self.has_more)
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
            Some(value) => Value::at(self.held, value),
            None => Err(Malformed::at(self.steps.at, Reason::NotAValue)),
        }
    }

    /// The value of that member, if it is a string.
    #[inline]
    pub fn string(&self) -> Option<Text<'a>> {
        self.value.and_then(|value| value.string(self.steps.within.bytes))
    }

    /// The bytes of that value, if it is neither a string nor a container: one of JSON's words or numbers, or something that only looks like one,
    /// which [`Names::value`] finds out.
    #[inline]
    pub fn scalar(&self) -> Option<&'a [u8]> {
        let text = self.value?.of(self.steps.within.bytes);
        (!matches!(text, [b'"' | b'{' | b'[', ..])).then_some(text)
    }

    /// The digest of the name that came last, for a [`NameTable`](crate::NameTable).
    #[inline]
    pub fn digest(&self) -> Digest {
        Digest::within(self.steps.within.bytes, self.name.0, self.name.1)
    }

    #[cold]
    fn stop(&mut self, fault: Malformed) -> bool {
        self.has_more = false;
        self.value = None;
        self.fault = Some(fault);
        false
    }
}

/// How far a walk has come. `Copy`, and without anything that is wanted only now and then: a loop keeps it in registers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps<'a> {
    pub(crate) within: Structure<'a>,
    /// Where the next member begins, or white space before it.
    pub(crate) at: usize,
    /// The number of the first pair of brackets from there on.
    next: u32,
    /// Where the object ends.
    close: u32,
}

impl<'a> Steps<'a> {
    /// In front of the first member, and whether there is one, or should be.
    #[inline]
    pub(crate) fn new(held: &'a Held<'a>, number: u32) -> (Self, bool) {
        let (within, pair) = (held.structure(), held.pair(number));
        let at = pair.open as usize + 1;
        // Only in front of the first member may stand nothing but the end.
        let has_more = within.byte(at) == Some(b'"') || within.skip_blank(at) != pair.close as usize;
        (Steps { within, at, next: number + 1, close: pair.close }, has_more)
    }

    /// Steps over the value at `at`: where it stands, and whether there is a member behind it, or should be.
    #[inline(always)]
    pub(crate) fn pass_value(&mut self, at: usize) -> Result<(Span, bool), Malformed> {
        let value = self.within.value(at, &mut self.next)?;
        match self.within.follow(value.to as usize, self.close)? {
            Next::At(at) => {
                self.at = at;
                Ok((value, true))
            }
            Next::End => Ok((value, false)),
        }
    }
}
