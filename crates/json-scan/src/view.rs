//! Looking inside a container: members, elements, values.
//!
//! Views borrow the scanner's marks and are `Copy`. What they yield lies between their own brackets by construction: they hold
//! no mark beyond their closing one.

use crate::check;
use crate::malformed::{Malformed, Reason};
use crate::names::Names;
use crate::text::Text;
use crate::vocabulary::KnownName;

/// The marks of one container: the first opens it, the last closes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) offsets: &'a [u32],
    /// Beside an opening bracket: how many marks on it closes.
    pub(crate) closes: &'a [u32],
}

impl<'a> Marks<'a> {
    #[inline]
    pub(crate) fn offset(&self, mark: usize) -> usize {
        self.offsets.get(mark).map_or(self.bytes.len(), |&offset| offset as usize)
    }

    #[inline]
    pub(crate) fn byte(&self, mark: usize) -> u8 {
        self.bytes.get(self.offset(mark)).copied().unwrap_or_default()
    }

    /// Index of the closing mark.
    #[inline]
    pub(crate) fn last(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The text between two neighbouring marks, without white space around it, and where it begins.
    #[inline]
    pub(crate) fn between(&self, mark: usize) -> (usize, &'a [u8]) {
        let (mut from, to) = (self.offset(mark) + 1, self.offset(mark + 1));
        let mut text = self.bytes.get(from..to).unwrap_or_default();
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = text {
            text = rest;
            from += 1;
        }
        while let [rest @ .., b' ' | b'\t' | b'\n' | b'\r'] = text {
            text = rest;
        }
        (from, text)
    }

    /// Whether there is nothing between the brackets.
    pub(crate) fn is_empty(&self) -> bool {
        self.last() == 1 && self.between(0).1.is_empty()
    }

    /// The mark behind the container that opens at mark `open`.
    #[inline]
    pub(crate) fn after(&self, open: usize) -> usize {
        open + self.closes.get(open).map_or(0, |&marks| marks as usize) + 1
    }

    pub(crate) fn whole(&self) -> &'a [u8] {
        self.bytes.get(self.offset(0)..=self.offset(self.last())).unwrap_or_default()
    }

    /// The value that stands behind mark `before` (a colon, a comma or an opening bracket), and the mark that ends it.
    #[inline]
    pub(crate) fn value(&self, before: usize) -> Result<(Value<'a>, usize), Malformed> {
        match self.plain_string(before) {
            Some(text) => Ok((Value::String(text), before + 1)),
            None => self.any_value(before),
        }
    }

    /// The string that fills the text from mark `before` to the next one: compact text, and most values in it are strings.
    #[inline]
    pub(crate) fn plain_string(&self, before: usize) -> Option<Text<'a>> {
        let next = before + 1;
        let from = self.offset(before) + 1;
        match self.bytes.get(from..self.offset(next)) {
            Some([b'"', raw @ .., b'"']) if !matches!(self.byte(next), b'{' | b'[') => {
                Some(Text::new(from + 1, raw))
            }
            _ => None,
        }
    }

    fn any_value(&self, before: usize) -> Result<(Value<'a>, usize), Malformed> {
        let next = before + 1;
        let opening = self.byte(next);
        if !matches!(opening, b'{' | b'[') {
            let (at, text) = self.between(before);
            return Ok((scalar(at, text)?, next));
        }
        self.check_blank(before)?;
        let end = self.after(next) - 1;
        let inner = Marks {
            bytes: self.bytes,
            offsets: self.offsets.get(next..=end).unwrap_or_default(),
            closes: self.closes.get(next..=end).unwrap_or_default(),
        };
        self.check_blank(end)?;
        let value = if opening == b'{' { Value::Object(Object(inner)) } else { Value::Array(Array(inner)) };
        Ok((value, end + 1))
    }

    /// That nothing but white space stands between a mark and the next.
    #[inline]
    fn check_blank(&self, mark: usize) -> Result<(), Malformed> {
        if self.offset(mark) + 1 == self.offset(mark + 1) {
            return Ok(());
        }
        let (at, text) = self.between(mark);
        if text.is_empty() { Ok(()) } else { Err(Malformed::at(at, Reason::NotAValue)) }
    }
}

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
pub struct Object<'a>(Marks<'a>);

/// A member of an object.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// The name, still escaped.
    pub key: Text<'a>,
    /// The value.
    pub value: Value<'a>,
}

impl<'a> Object<'a> {
    pub(crate) fn new(marks: Marks<'a>) -> Self {
        Object(marks)
    }

    /// The object's text, from bracket to bracket.
    pub fn bytes(&self) -> &'a [u8] {
        self.0.whole()
    }

    /// Where it begins in the scanned buffer.
    pub fn offset(&self) -> usize {
        self.0.offset(0)
    }

    /// Its members in the order of the text, duplicates included.
    pub fn members(&self) -> Members<'a> {
        Members { marks: self.0, at: 0, done: false }
    }

    /// The same by name only: values are read when they are asked for.
    pub fn names(&self) -> Names<'a> {
        Names::new(self.0)
    }

    /// The value of a member that a [`Vocabulary`](crate::Vocabulary) read of this very object.
    ///
    /// # Errors
    ///
    /// [`Reason::NotAValue`] if it is none.
    #[inline]
    pub fn value_of(&self, known: KnownName) -> Result<Value<'a>, Malformed> {
        self.0.value(known.colon()).map(|(value, _)| value)
    }

    /// The value of such a member if it is a string right between its marks, as in compact text all strings are; where this says `None`,
    /// [`Object::value_of`] knows.
    #[inline]
    pub fn plain_string_of(&self, known: KnownName) -> Option<Text<'a>> {
        self.0.plain_string(known.colon())
    }

    /// The name of such a member.
    pub fn name_of(&self, known: KnownName) -> Option<Text<'a>> {
        let (at, text) = self.0.between(known.colon().checked_sub(1)?);
        Text::quoted(at, text)
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
    /// The first fault.
    pub fn check(&self) -> Result<(), Malformed> {
        check::check(&self.0)
    }

    /// Whether [`Object::write_compact`] would write the text as it stands.
    pub fn is_compact(&self) -> bool {
        let marks = &self.0;
        let is_space = |at: usize| matches!(marks.bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r'));
        // White space between two values has a mark on one side at least.
        let after = |mark| mark < marks.last() && is_space(marks.offset(mark) + 1);
        let before = |mark| mark > 0 && is_space(marks.offset(mark) - 1);
        !(0..marks.offsets.len()).any(|mark| after(mark) || before(mark))
    }

    /// Appends the text without insignificant white space, which is how CloudTrail hands a record to CloudWatch Logs.
    pub fn write_compact(&self, out: &mut Vec<u8>) {
        let marks = &self.0;
        if self.is_compact() {
            return out.extend_from_slice(self.bytes());
        }
        for mark in 0..marks.offsets.len() {
            out.push(marks.byte(mark));
            if mark < marks.last() {
                out.extend_from_slice(marks.between(mark).1);
            }
        }
    }
}

/// An array whose brackets are known to pair up.
#[derive(Debug, Clone, Copy)]
pub struct Array<'a>(Marks<'a>);

impl<'a> Array<'a> {
    pub(crate) fn new(marks: Marks<'a>) -> Self {
        Array(marks)
    }

    /// The array's text, from bracket to bracket.
    pub fn bytes(&self) -> &'a [u8] {
        self.0.whole()
    }

    /// Where it begins in the scanned buffer.
    pub fn offset(&self) -> usize {
        self.0.offset(0)
    }

    /// Its elements, in order.
    pub fn elements(&self) -> Elements<'a> {
        Elements { marks: self.0, at: 0, done: false }
    }
}

/// Iterates over an object's members; ends after the first fault.
#[derive(Debug, Clone)]
pub struct Members<'a> {
    marks: Marks<'a>,
    /// The mark before the next member: the opening bracket or a comma.
    at: usize,
    done: bool,
}

impl<'a> Members<'a> {
    fn step(&mut self) -> Result<Option<Member<'a>>, Malformed> {
        let marks = &self.marks;
        let (offset, text) = marks.between(self.at);
        let colon = self.at + 1;
        if self.at == 0 && colon == marks.last() && text.is_empty() {
            return Ok(None);
        }
        if marks.byte(colon) != b':' {
            return Err(Malformed::at(offset, Reason::NotAMember));
        }
        let key = Text::quoted(offset, text).ok_or(Malformed::at(offset, Reason::NotAMember))?;
        let (value, end) = marks.value(colon)?;
        self.done = end == marks.last();
        if !self.done && marks.byte(end) != b',' {
            return Err(Malformed::at(marks.offset(end), Reason::NotAMember));
        }
        self.at = end;
        Ok(Some(Member { key, value }))
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
    marks: Marks<'a>,
    at: usize,
    done: bool,
}

impl<'a> Elements<'a> {
    fn step(&mut self) -> Result<Option<Value<'a>>, Malformed> {
        let marks = &self.marks;
        if self.at == 0 && marks.last() == 1 && marks.between(0).1.is_empty() {
            return Ok(None);
        }
        let (value, end) = marks.value(self.at)?;
        self.done = end == marks.last();
        if !self.done && marks.byte(end) != b',' {
            return Err(Malformed::at(marks.offset(end), Reason::NotAValue));
        }
        self.at = end;
        Ok(Some(value))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Value<'a>, Malformed>;

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

/// A string, number or word.
pub(crate) fn scalar(at: usize, text: &[u8]) -> Result<Value<'_>, Malformed> {
    let value = match text {
        [b'"', ..] => Text::quoted(at, text).map(Value::String),
        b"null" => Some(Value::Null),
        b"true" => Some(Value::True),
        b"false" => Some(Value::False),
        _ => number(text).map(Value::Number),
    };
    value.ok_or(Malformed::at(at, Reason::NotAValue))
}

/// `text` if it is a number by JSON's grammar (RFC 8259 §6).
fn number(text: &[u8]) -> Option<&str> {
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
