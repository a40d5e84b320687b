//! What a pattern asks of one value.
//!
//! A [`Term`] is one entry of a leaf's list, parsed and ready to compare. [`Term::accepts`] is total and allocates next to nothing, so
//! an index may use whatever it likes to find candidates and ask the term in the end.

use crate::address::AddressRange;
use crate::fold::IgnoreCase;
use crate::number::comparable;
use crate::wildcard::Wildcard;

/// A value at the end of a path: what terms are asked about. Objects and arrays are never leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Leaf<'a> {
    /// A string, after JSON unescaping.
    String(&'a str),
    /// A number, as it was written.
    Number(&'a str),
    /// `true`.
    True,
    /// `false`.
    False,
    /// `null`.
    Null,
}

/// One entry of a leaf's list.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Term {
    /// `"text"`, or `{"exactly": "text"}`: a string that is the same, byte for byte.
    Equals(Box<str>),
    /// `"10.0.0.1"`: an exact string that is an IP literal is compared as an address.
    Address(AddressRange),
    /// `300`: a number, by value where it has one, else by its text.
    Number(Number),
    /// `true`.
    True,
    /// `false`.
    False,
    /// `null`.
    Null,
    /// `{"prefix": "text"}`.
    Prefix(Box<str>),
    /// `{"suffix": "text"}`.
    Suffix(Box<str>),
    /// `{"prefix": {"equals-ignore-case": "text"}}`.
    PrefixIgnoreCase(IgnoreCase),
    /// `{"suffix": {"equals-ignore-case": "text"}}`.
    SuffixIgnoreCase(IgnoreCase),
    /// `{"equals-ignore-case": "text"}`.
    EqualsIgnoreCase(IgnoreCase),
    /// `{"wildcard": "a*b"}`.
    Wildcard(Wildcard),
    /// `{"numeric": [">", 0, "<=", 5]}`.
    Numeric(NumericRange),
    /// `{"cidr": "10.0.0.0/8"}`.
    Cidr(AddressRange),
    /// `{"exists": true}`: there is a leaf, whatever it is.
    Exists,
    /// `{"exists": false}`: there is no leaf. No leaf is ever accepted by this term; whether the path is empty is asked by
    /// [`consistent`](crate::consistent).
    Absent,
    /// `{"anything-but": …}`.
    AnythingBut(AnythingBut),
}

/// A number in a pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    text: Box<str>,
    value: Option<f64>,
}

/// A range of comparable numbers, for `numeric`. A bound is a value and whether the value itself is inside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NumericRange {
    /// The lower end, or `None` for no lower end.
    pub low: Option<Bound>,
    /// The upper end, or `None` for no upper end. `["=", n]` has both ends at `n`.
    pub high: Option<Bound>,
}

/// One end of a [`NumericRange`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// The value, finite.
    pub value: f64,
    /// Whether the value itself is in the range.
    pub inclusive: bool,
}

/// What `anything-but` excludes. A value passes if it fails every entry; a value of another type than the entries always passes.
#[derive(Debug, Clone, PartialEq)]
pub enum AnythingBut {
    /// Strings, compared byte for byte, IP literals included.
    Strings(Box<[Box<str>]>),
    /// Comparable numbers.
    Numbers(Box<[f64]>),
    /// `{"prefix": …}`.
    Prefixes(Box<[Box<str>]>),
    /// `{"suffix": …}`.
    Suffixes(Box<[Box<str>]>),
    /// `{"equals-ignore-case": …}`.
    IgnoreCase(Box<[IgnoreCase]>),
    /// `{"wildcard": …}`.
    Wildcards(Box<[Wildcard]>),
}

impl Term {
    /// Whether the term is satisfied by this leaf.
    ///
    /// ```
    /// use event_pattern::{Leaf, Pattern};
    /// let pattern = Pattern::parse(r#"{"n": [{"numeric": [">", 5]}]}"#)?;
    /// let term = &pattern.alternatives()[0].fields()[0].terms()[0];
    /// assert!(term.accepts(Leaf::Number("5.5")));
    /// assert!(!term.accepts(Leaf::String("6")));
    /// # Ok::<(), event_pattern::Errors>(())
    /// ```
    #[must_use]
    pub fn accepts(&self, leaf: Leaf<'_>) -> bool {
        match (self, leaf) {
            (Term::Exists, _)
            | (Term::True, Leaf::True)
            | (Term::False, Leaf::False)
            | (Term::Null, Leaf::Null) => true,
            (term, Leaf::Number(text)) => term.accepts_number(text.as_bytes(), || comparable(text)),
            (Term::AnythingBut(excluded), leaf) => !excluded.excludes(leaf),
            (Term::Equals(text), Leaf::String(value)) => **text == *value,
            (Term::Address(range) | Term::Cidr(range), Leaf::String(value)) => range.holds_literal(value),
            (Term::Prefix(text), Leaf::String(value)) => value.starts_with(&**text),
            (Term::Suffix(text), Leaf::String(value)) => value.ends_with(&**text),
            (Term::PrefixIgnoreCase(text), Leaf::String(value)) => text.is_prefix_of(value),
            (Term::SuffixIgnoreCase(text), Leaf::String(value)) => text.is_suffix_of(value),
            (Term::EqualsIgnoreCase(text), Leaf::String(value)) => text.equals(value),
            (Term::Wildcard(wildcard), Leaf::String(value)) => wildcard.matches(value),
            _ => false,
        }
    }

    /// What [`Term::accepts`] says of the number with this source text, for somebody who asks many terms: `value` gives its
    /// [`comparable`] value, and is asked only where that matters.
    #[must_use]
    pub fn accepts_number(&self, text: &[u8], value: impl FnOnce() -> Option<f64>) -> bool {
        match self {
            Term::AnythingBut(excluded @ AnythingBut::Numbers(_)) => {
                !value().is_some_and(|value| excluded.excludes_number(value))
            }
            Term::Exists | Term::AnythingBut(_) => true,
            Term::Address(range) | Term::Cidr(range) => {
                std::str::from_utf8(text).is_ok_and(|text| range.holds_number(text))
            }
            Term::Number(number) => number.is(text, value),
            Term::Numeric(range) => value().is_some_and(|value| range.holds(value)),
            _ => false,
        }
    }
}

impl Number {
    pub(crate) fn new(text: &str) -> Number {
        Number { text: text.into(), value: comparable(text) }
    }

    /// The number as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value, if it is comparable. Without one, an integer equals its own text and a fraction equals nothing.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.value
    }

    /// Whether a number with this source text is the same number.
    #[must_use]
    pub fn equals(&self, text: &str) -> bool {
        self.is(text.as_bytes(), || comparable(text))
    }

    fn is(&self, text: &[u8], value_of_text: impl FnOnce() -> Option<f64>) -> bool {
        match self.value {
            Some(value) => value_of_text() == Some(value),
            None => crate::number::is_integer(&self.text) && self.text.as_bytes() == text,
        }
    }
}

impl NumericRange {
    /// Whether the value is in the range.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        let above = self.low.is_none_or(|low| value > low.value || (low.inclusive && value >= low.value));
        let below =
            self.high.is_none_or(|high| value < high.value || (high.inclusive && value <= high.value));
        above && below
    }
}

impl AnythingBut {
    fn excludes_number(&self, value: f64) -> bool {
        matches!(self, AnythingBut::Numbers(numbers) if numbers.contains(&value))
    }

    /// Whether this leaf is one of those excluded.
    #[must_use]
    pub fn excludes(&self, leaf: Leaf<'_>) -> bool {
        match (self, leaf) {
            (AnythingBut::Strings(texts), Leaf::String(value)) => texts.iter().any(|text| **text == *value),
            (AnythingBut::Numbers(_), Leaf::Number(text)) => {
                comparable(text).is_some_and(|value| self.excludes_number(value))
            }
            (AnythingBut::Prefixes(texts), Leaf::String(value)) => {
                texts.iter().any(|text| value.starts_with(&**text))
            }
            (AnythingBut::Suffixes(texts), Leaf::String(value)) => {
                texts.iter().any(|text| value.ends_with(&**text))
            }
            (AnythingBut::IgnoreCase(texts), Leaf::String(value)) => {
                texts.iter().any(|text| text.equals(value))
            }
            (AnythingBut::Wildcards(wildcards), Leaf::String(value)) => {
                wildcards.iter().any(|wildcard| wildcard.matches(value))
            }
            _ => false,
        }
    }
}
