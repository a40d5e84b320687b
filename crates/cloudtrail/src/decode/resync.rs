//! Where the next record begins, when nobody knows where the broken one ends.
//!
//! A record begins with `{"eventVersion":`, or with whichever member name the first good record of the input began with. Inside a JSON string
//! that text cannot occur, because its quotes would be escaped; as a value it would follow a colon. So an occurrence that follows
//! anything but a colon is a beginning, or is nested in an array of something that looks like records. The latter is harmless: what was
//! taken for a record is rejected, and the search goes on.
//!
//! In a sequence of JSON texts that are not in an array, a brace at the beginning of a line is a beginning as well.
//!
//! The same search guards against the reverse: a stray quote can make a broken record swallow the beginning of the next one. A record in which
//! another one seems to begin is therefore read to its last leaf ([`is_well_formed`]), which such a chimera does not survive.

use json_scan::{Malformed, Value};
use memchr::memmem::Finder;

/// Recognises the beginning of a record.
#[derive(Debug)]
pub(super) struct Beginning {
    /// `"eventVersion"`, with its quotes.
    name: Finder<'static>,
    line: Finder<'static>,
    learned: bool,
}

/// In what the records stand one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Surroundings {
    /// An array.
    Array,
    /// Nothing: one JSON text follows the other.
    Sequence,
}

impl Default for Beginning {
    fn default() -> Self {
        let name = Finder::new(b"\"eventVersion\"").into_owned();
        Beginning { name, line: Finder::new(b"\n{").into_owned(), learned: false }
    }
}

impl Beginning {
    /// Takes the first member name of `record`, a good one, for that of all records; the first call counts.
    pub(super) fn learn(&mut self, record: &[u8]) {
        if self.learned {
            return;
        }
        self.learned = true;
        let FirstName::Is(name) = first_name(record) else { return };
        if name != b"eventVersion" {
            self.name = Finder::new(&[b"\"", name, b"\""].concat()).into_owned();
        }
    }

    /// The name of the member with which records begin, with its quotes.
    pub(super) fn name(&self) -> &[u8] {
        self.name.needle()
    }

    /// Whether `text` begins with the name of the member with which records begin.
    pub(super) fn is_name(&self, text: &[u8]) -> bool {
        text.starts_with(self.name.needle())
    }

    /// The first beginning in `text` at or behind `from`.
    pub(super) fn find(&self, text: &[u8], from: usize, surroundings: Surroundings) -> Option<usize> {
        let named = self.find_name(text, from, surroundings);
        if surroundings == Surroundings::Array {
            return named;
        }
        let upto = named.unwrap_or(text.len());
        let line = self.line.find(text.get(from..upto)?).map(|at| from + at + 1);
        line.or(named)
    }

    fn find_name(&self, text: &[u8], from: usize, surroundings: Surroundings) -> Option<usize> {
        let rest = text.get(from..)?;
        self.name.find_iter(rest).find_map(|at| {
            let before = trim_end(rest.get(..at)?);
            let before = before.strip_suffix(b"{")?;
            let begins = match (trim_end(before).last(), surroundings) {
                // A value.
                (Some(b':'), _)
                // An array within a record, or a separator in it.
                | (Some(b'[' | b','), Surroundings::Sequence) => false,
                _ => true,
            };
            begins.then_some(from + before.len())
        })
    }
}

fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t' | b'\n' | b'\r'] = text {
        text = rest;
    }
    text
}

/// The name of an object's first member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstName<'a> {
    /// Between its quotes, escaped.
    Is(&'a [u8]),
    /// There is none.
    None,
    /// The text ends too early to tell.
    CutOff,
}

/// The first member name of the object that `text` begins with.
pub(super) fn first_name(text: &[u8]) -> FirstName<'_> {
    let Some(rest) = text.strip_prefix(b"{") else { return FirstName::None };
    match rest.trim_ascii_start() {
        [] => FirstName::CutOff,
        [b'"', name @ ..] => match memchr::memchr(b'"', name) {
            Some(end) => name.get(..end).map_or(FirstName::None, FirstName::Is),
            None => FirstName::CutOff,
        },
        _ => FirstName::None,
    }
}

/// Whether everything in `value` is JSON, to the last leaf. As deep as the scanner lets containers nest.
pub(super) fn is_well_formed(value: Value<'_>) -> bool {
    fn check(value: Value<'_>) -> Result<(), Malformed> {
        match value {
            Value::Object(object) => object.members().try_for_each(|member| {
                let member = member?;
                member.key.unescape()?;
                check(member.value)
            }),
            Value::Array(array) => array.elements().try_for_each(|element| check(element?)),
            Value::String(text) => text.unescape().map(drop),
            Value::Number(_) | Value::True | Value::False | Value::Null => Ok(()),
        }
    }
    check(value).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings() {
        let cases: &[(&str, Surroundings, Option<usize>)] = &[
            (r#"x},{"eventVersion":1"#, Surroundings::Array, Some(3)),
            ("x}, {\n \"eventVersion\" : 1", Surroundings::Array, Some(4)),
            (r#""detail":{"eventVersion":1"#, Surroundings::Array, None),
            (r#""{\"eventVersion\":1"#, Surroundings::Array, None),
            (r#""a":1,"eventVersion":1"#, Surroundings::Array, None),
            (r#"x}{"eventVersion":1"#, Surroundings::Sequence, Some(2)),
            (r#"[{"eventVersion":1"#, Surroundings::Sequence, None),
            ("x\n{\"a\":1", Surroundings::Sequence, Some(2)),
            ("x\n{\"a\":1", Surroundings::Array, None),
            ("", Surroundings::Sequence, None),
        ];
        for (text, surroundings, expected) in cases {
            assert_eq!(Beginning::default().find(text.as_bytes(), 0, *surroundings), *expected, "{text}");
        }
    }

    #[test]
    fn the_first_good_record_teaches() {
        let mut beginning = Beginning::default();
        beginning.learn(br#"{ "awsRegion":"us-east-1"}"#);
        beginning.learn(br#"{"eventID":"x"}"#);
        assert_eq!(beginning.find(br#"x,{"eventID":1},{"awsRegion":2}"#, 0, Surroundings::Array), Some(16));
    }
}
