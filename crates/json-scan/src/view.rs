//! Looking inside a container: members, elements, values.
//!
//! Views borrow the scanner's masks and are `Copy`. What they yield lies between their own brackets by construction: steps end
//! at the closing one (see `structure`).

use crate::check;
use crate::malformed::{Malformed, Reason};
use crate::names::{Names, Steps};
use crate::structure::{Held, Known, Next, Span, Structure, is_blank};
use crate::text::Text;
use crate::vocabulary::KnownMember;

/// A JSON value as it stands in the text.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// `{…}`
    Object(Object<'a>),
    /// `[…]`
    Array(Array<'a>),
    /// `"…"`
    String(Text<'a>),
    /// The number's own text: `1.0` and `1` are different texts, and some rules tell them apart.
    Number(&'a str),
    /// `true`
    True,
    /// `false`
    False,
    /// `null`
    Null,
}

impl<'a> Value<'a> {
    /// The value that stands there.
    #[inline]
    pub(crate) fn at(held: &'a Held<'a>, span: Span) -> Result<Self, Malformed> {
        let text = span.of(held.bytes);
        match text {
            [b'"', raw @ .., _] => Ok(Value::String(Text::new(span.from as usize + 1, raw))),
            [b'{', ..] => Ok(Value::Object(Object::new(held, span.pair))),
            [b'[', ..] => Ok(Value::Array(Array::new(held, span.pair))),
            text => scalar(span.from as usize, text),
        }
    }

    /// The text of a string value.
    pub fn as_text(&self) -> Option<Text<'a>> {
        if let Value::String(text) = self { Some(*text) } else { None }
    }

    /// The object, if it is one.
    pub fn as_object(&self) -> Option<Object<'a>> {
        if let Value::Object(object) = self { Some(*object) } else { None }
    }

    /// The array, if it is one.
    pub fn as_array(&self) -> Option<Array<'a>> {
        if let Value::Array(array) = self { Some(*array) } else { None }
    }
}

/// An object whose brackets are known to pair up.
#[derive(Debug, Clone, Copy)]
pub struct Object<'a> {
    held: &'a Held<'a>,
    /// The number of its brackets.
    pair: u32,
}

/// A member of an object.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// The name, still escaped.
    pub key: Text<'a>,
    /// The value.
    pub value: Value<'a>,
}

impl<'a> Object<'a> {
    pub(crate) fn new(held: &'a Held<'a>, pair: u32) -> Self {
        Object { held, pair }
    }

    /// The object's text, from bracket to bracket.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.held.container(self.pair)
    }

    /// Where it begins in the scanned buffer.
    #[inline]
    pub fn offset(&self) -> usize {
        self.held.offset(self.pair)
    }

    /// Its members in the order of the text, duplicates included.
    pub fn members(&self) -> Members<'a> {
        Members { names: self.names(), done: false }
    }

    /// The same by name only: values are read when they are asked for.
    #[inline]
    pub fn names(&self) -> Names<'a> {
        Names::new(self.held, self.pair)
    }

    /// The beginning of the same walk, and whether there is a member, or should be.
    #[inline]
    pub(crate) fn steps(&self) -> (Steps<'a>, bool) {
        Steps::new(self.held, self.pair)
    }

    /// A walk that has come so far, where there should be another member.
    pub(crate) fn names_from(&self, steps: Steps<'a>) -> Names<'a> {
        Names::from(self.held, steps, true)
    }

    /// The value of a member that a [`Vocabulary`](crate::Vocabulary) read of this very object.
    ///
    /// # Errors
    ///
    /// [`Reason::NotAValue`] if it is none.
    #[inline]
    pub fn value_of(&self, known: KnownMember) -> Result<Value<'a>, Malformed> {
        Value::at(self.held, known.value())
    }

    /// The value of such a member if it is a string.
    #[inline]
    pub fn string_of(&self, known: KnownMember) -> Option<Text<'a>> {
        known.value().string(self.held.bytes)
    }

    /// The value of the last member named `key`, as most parsers would have it.
    ///
    /// # Errors
    ///
    /// If the object's own level is malformed anywhere.
    pub fn get(&self, key: &str) -> Result<Option<Value<'a>>, Malformed> {
        let mut found = None;
        for member in self.members() {
            let member = member?;
            if member.key.is(key) {
                found = Some(member.value);
            }
        }
        Ok(found)
    }

    /// Whether some object or array inside this one begins with the string `name`, which is given with its quotes. Strings are not looked into.
    ///
    /// ```
    /// use json_scan::{Malformed, Scanner};
    ///
    /// let begins = |text: &[u8]| Ok::<_, Malformed>(Scanner::new(text)?.object()?.has_beginning(b"\"a\""));
    /// assert!(!begins(br#"{"a":{"b":1}}"#)?);
    /// assert!(begins(br#"{"b":[{ "a":1}]}"#)?);
    /// # Ok::<(), Malformed>(())
    /// ```
    pub fn has_beginning(&self, name: &[u8]) -> bool {
        let Structure { bytes, pairs, .. } = self.held.structure();
        let (first, behind) = (self.pair as usize + 1, self.held.pair(self.pair).next as usize);
        let head = name.first_chunk::<8>();
        pairs.get(first..behind).unwrap_or_default().iter().any(|pair| {
            let text = bytes.get(pair.open as usize + 1..).unwrap_or_default();
            match (text.first_chunk::<8>(), head) {
                // Nearly all are told apart by eight bytes.
                (Some(text), Some(head)) if text != head && !text.first().is_some_and(is_blank) => false,
                _ => text.trim_ascii_start().starts_with(name),
            }
        })
    }

    /// Checks the whole text, at every depth: that it is UTF-8, and JSON by RFC 8259.
    ///
    /// ```
    /// let mut scanner = json_scan::Scanner::new(br#"{"a":{"b":oops}}"#)?;
    /// let object = scanner.object()?;
    /// assert!(object.get("a")?.is_some(), "nobody looked inside");
    /// assert_eq!(object.check().unwrap_err().to_string(), "not a JSON value at byte 10");
    /// # Ok::<(), json_scan::Malformed>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The first fault, bytes that are not UTF-8 before any other.
    pub fn check(&self) -> Result<(), Malformed> {
        if self.held.known != Known::Brackets {
            return Ok(());
        }
        let whole = self.bytes();
        match simdutf8::compat::from_utf8(whole) {
            Ok(_) => check::check(Value::Object(*self)),
            Err(error) => Err(Malformed::at(self.offset() + error.valid_up_to(), Reason::NotUtf8)),
        }
    }

    /// Whether [`Object::write_compact`] would write the text as it stands.
    pub fn is_compact(&self) -> bool {
        self.held.known == Known::Compact
            || self.outside_strings().all(|(outside, _)| !outside.iter().any(is_blank))
    }

    /// Appends the text without insignificant white space, which is how CloudTrail hands a record to CloudWatch Logs.
    ///
    /// Of text that is not JSON between its brackets everything else is written as it stands, so that it does not become any.
    pub fn write_compact(&self, out: &mut Vec<u8>) {
        if self.held.known == Known::Compact {
            out.extend_from_slice(self.bytes());
            return;
        }
        let is_mark = |byte: &&u8| matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b',');
        for (outside, string) in self.outside_strings() {
            let mut rest = outside;
            while let Some(blank) = rest.iter().position(is_blank) {
                let (before, behind) = rest.split_at_checked(blank).unwrap_or_default();
                out.extend_from_slice(before);
                let blanks = behind.iter().take_while(|byte| is_blank(byte)).count();
                let (blanks, behind) = behind.split_at_checked(blanks).unwrap_or_default();
                if out.last().filter(is_mark).or(behind.first().filter(is_mark)).is_none() {
                    out.extend_from_slice(blanks);
                }
                rest = behind;
            }
            out.extend_from_slice(rest);
            out.extend_from_slice(string);
        }
    }

    /// Its text in pieces: what stands before a string, and the string, quotes and all.
    fn outside_strings(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let (within, end) = (self.held.structure(), self.offset() + self.bytes().len());
        let mut at = self.offset();
        std::iter::from_fn(move || {
            let from = within.quote(at).min(end);
            let to = within.quote(from + 1).saturating_add(1).min(end);
            let piece = (within.bytes.get(at..from)?, within.bytes.get(from..to)?);
            let is_over = at >= end;
            at = to;
            (!is_over).then_some(piece)
        })
    }
}

/// An array whose brackets are known to pair up.
#[derive(Debug, Clone, Copy)]
pub struct Array<'a> {
    held: &'a Held<'a>,
    pair: u32,
}

impl<'a> Array<'a> {
    pub(crate) fn new(held: &'a Held<'a>, pair: u32) -> Self {
        Array { held, pair }
    }

    /// The array's text, from bracket to bracket.
    pub fn bytes(&self) -> &'a [u8] {
        self.held.container(self.pair)
    }

    /// Where it begins in the scanned buffer.
    pub fn offset(&self) -> usize {
        self.held.offset(self.pair)
    }

    /// Its elements, in order.
    #[inline]
    pub fn elements(&self) -> Elements<'a> {
        let pair = self.held.pair(self.pair);
        Elements {
            held: self.held,
            within: self.held.structure(),
            at: pair.open as usize + 1,
            next: self.pair + 1,
            close: pair.close,
            is_first: true,
            done: false,
        }
    }
}

/// Iterates over an object's members; ends after the first fault.
#[derive(Debug, Clone)]
pub struct Members<'a> {
    names: Names<'a>,
    done: bool,
}

impl<'a> Members<'a> {
    fn step(&mut self) -> Result<Option<Member<'a>>, Malformed> {
        let Some(key) = self.names.next()? else { return Ok(None) };
        Ok(Some(Member { key, value: self.names.value()? }))
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<Member<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let step = self.step();
        if !matches!(step, Ok(Some(_))) {
            self.done = true;
        }
        step.transpose()
    }
}

/// Iterates over an array's elements; ends after the first fault.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    held: &'a Held<'a>,
    within: Structure<'a>,
    /// Where the next one begins, or white space before it.
    at: usize,
    /// The number of the first pair of brackets from there on.
    next: u32,
    /// Where the array ends.
    close: u32,
    is_first: bool,
    done: bool,
}

impl<'a> Elements<'a> {
    #[inline]
    fn step(&mut self) -> Result<Option<Value<'a>>, Malformed> {
        if std::mem::take(&mut self.is_first) && self.within.skip_blank(self.at) == self.close as usize {
            return Ok(None);
        }
        let span = self.within.value(self.at, &mut self.next)?;
        let value = Value::at(self.held, span)?;
        match self.within.follow(span.to as usize, self.close) {
            Ok(Next::At(at)) => self.at = at,
            Ok(Next::End) => self.done = true,
            Err(fault) => return Err(Malformed { reason: Reason::NotAValue, ..fault }),
        }
        Ok(Some(value))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Value<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let step = self.step();
        if !matches!(step, Ok(Some(_))) {
            self.done = true;
        }
        step.transpose()
    }
}

/// A number or word.
fn scalar(at: usize, text: &[u8]) -> Result<Value<'_>, Malformed> {
    let value = match text {
        b"null" => Some(Value::Null),
        b"true" => Some(Value::True),
        b"false" => Some(Value::False),
        _ => number(text).map(Value::Number),
    };
    value.ok_or(Malformed::at(at, Reason::NotAValue))
}

/// `text` if it is a number by JSON's grammar (RFC 8259 §6).
pub(crate) fn number(text: &[u8]) -> Option<&str> {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(unsigned);
    if whole == 0 || (whole > 1 && unsigned.first() == Some(&b'0')) {
        return None;
    }
    let mut rest = unsigned.get(whole..)?;
    if let [b'.', fraction @ ..] = rest {
        let places = digits(fraction);
        if places == 0 {
            return None;
        }
        rest = fraction.get(places..)?;
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = match exponent {
            [b'+' | b'-', rest @ ..] => rest,
            _ => exponent,
        };
        let places = digits(exponent);
        if places == 0 {
            return None;
        }
        rest = exponent.get(places..)?;
    }
    if rest.is_empty() { std::str::from_utf8(text).ok() } else { None }
}
