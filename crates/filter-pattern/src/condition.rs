//! What a condition asks of one value, in a form ready to compare, and the value-semantics table that answers it.
//!
//! [`Test::holds`] is the only place that knows when a value satisfies a condition. An engine that finds candidates
//! faster than this crate does must still ask it, and then cannot disagree with it.

use std::fmt;

use crate::regex::Regex;

/// What a condition asks of the value at its selector, or of a field of a space-delimited message.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// `= value`
    Equals(Value),
    /// `!= value`: the value is there, is a string or a number, and is a different one.
    NotEquals(Value),
    /// `< number`, `<= number`, `> number`, `>= number`
    Compare(Comparison, Number),
    /// `IS NULL`
    IsNull,
    /// `IS TRUE`
    IsTrue,
    /// `IS FALSE`
    IsFalse,
    /// `NOT EXISTS`
    NotExists,
}

/// What `=` and `!=` compare with.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A bare number: compared as a number with numbers, and as written with strings.
    Number(Number),
    /// A quoted value, or a bare word that is no number; `*` in it stands for any text.
    Text(Text),
    /// `%regular expression%`
    Regex(Regex),
}

/// Which way `<`, `<=`, `>` and `>=` compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// As it is written in a pattern.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// A number as it was written, and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    lexeme: String,
    value: f64,
}

impl Number {
    /// Reads `[+-] digits [. digits] [e [+-] digits]`, with digits on at least one side of the point; nothing else is
    /// a number (not `inf`, `nan` or `0x1f`).
    ///
    /// ```
    /// use filter_pattern::Number;
    /// assert_eq!(Number::parse("1e+0").unwrap().value(), 1.0);
    /// assert!(Number::parse("10.0.0.1").is_none());
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let digits_first = unsigned.trim_start_matches('.').starts_with(|c: char| c.is_ascii_digit());
        let alphabet = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
        if !digits_first || !unsigned.chars().all(alphabet) {
            return None;
        }
        // Within this alphabet `f64` reads exactly the grammar above.
        text.parse().ok().map(|value| Self { lexeme: text.to_owned(), value })
    }

    /// As it was written.
    #[must_use]
    pub fn lexeme(&self) -> &str {
        &self.lexeme
    }

    /// Its value as a double; numbers beyond the doubles are infinite.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.value
    }
}

/// A text to compare with, in which `*` stands for any text, also none. There is no escape for `*`, and `?` is an
/// ordinary character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The texts between the stars: never empty, and one entry means there is no star.
    pieces: Vec<String>,
}

impl Text {
    /// Splits a text at its stars.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { pieces: text.split('*').map(str::to_owned).collect() }
    }

    /// The exact text, where no `*` is in it: what an index by value can look up.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The texts between the stars, in order: the value starts with the first, ends with the last and holds the others
    /// between them, in order and without overlap. A single piece is the whole value.
    ///
    /// ```
    /// let text = filter_pattern::Text::new("*Unauthorized*");
    /// assert_eq!(text.pieces(), ["", "Unauthorized", ""]);
    /// ```
    #[must_use]
    pub fn pieces(&self) -> &[String] {
        &self.pieces
    }

    /// Whether `value` is such a text.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        let [first, middle @ .., last] = self.pieces.as_slice() else {
            return self.literal() == Some(value);
        };
        let Some(mut rest) = value.strip_prefix(first.as_str()) else { return false };
        // Taking the leftmost place for each piece leaves the most room for those after it.
        for piece in middle {
            let Some(found) = rest.find(piece.as_str()) else { return false };
            rest = rest.get(found + piece.len()..).unwrap_or("");
        }
        rest.ends_with(last.as_str())
    }
}

impl fmt::Display for Text {
    /// The text with its stars, unquoted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pieces.join("*"))
    }
}

/// What stands at a selector in one message. Strings are decoded; numbers are as they stand in the message, because
/// `= "1"` tells `1` from `1.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node<'a> {
    /// Nothing: the field, or something on the way to it, is not there, or what is on the way holds no fields.
    Absent,
    /// `null`
    Null,
    /// `true`
    True,
    /// `false`
    False,
    /// A string, decoded.
    String(&'a str),
    /// A number, as written.
    Number(&'a str),
    /// An array, and whether one of its own elements is `null`.
    Array {
        /// Whether an element of the array itself (not of an array in it) is `null`.
        contains_null: bool,
    },
    /// An object.
    Object,
}

impl<'a> Node<'a> {
    /// A field of a space-delimited message: a number where it reads as one, else a string.
    #[must_use]
    pub fn of_field(field: &'a str) -> Self {
        if Number::parse(field).is_some() { Self::Number(field) } else { Self::String(field) }
    }
}

impl Test {
    /// Whether `node` satisfies the test.
    ///
    /// | node | `=` | `!=` | `< <= > >=` | `IS NULL` | `IS TRUE`, `IS FALSE` | `NOT EXISTS` |
    /// |---|---|---|---|---|---|---|
    /// | absent | no | **no** | no | no | no | **yes** |
    /// | null | no | **no** | no | yes | no | no |
    /// | true, false | no | **no** | no | no | by value | no |
    /// | array | no | **no** | no | if an element is null | no | no |
    /// | object | no | **no** | no | no | no | no |
    /// | string | by text | not by text | **no** | no | no | no |
    /// | number | see [`Value`] | its negation | by value | no | no | no |
    ///
    /// Recorded on the service, September 2026.
    ///
    /// ```
    /// use filter_pattern::{Filter, Kind, Expr, Node};
    /// let filter = Filter::parse(r#"{ $.mfa != "Yes" }"#).unwrap();
    /// let Kind::Json(Expr::Condition(condition)) = filter.kind() else { panic!() };
    /// assert!(condition.test.holds(Node::String("No")));
    /// assert!(!condition.test.holds(Node::Absent));
    /// ```
    #[must_use]
    pub fn holds(&self, node: Node<'_>) -> bool {
        match self {
            Self::Equals(value) => value.equals(node) == Some(true),
            Self::NotEquals(value) => value.equals(node) == Some(false),
            Self::Compare(comparison, bound) => match node {
                Node::Number(lexeme) => comparison.holds(lexeme, bound),
                _ => false,
            },
            Self::IsNull => matches!(node, Node::Null | Node::Array { contains_null: true }),
            Self::IsTrue => node == Node::True,
            Self::IsFalse => node == Node::False,
            Self::NotExists => node == Node::Absent,
        }
    }
}

impl Value {
    /// Whether the node equals this value; `None` where it is nothing `=` or `!=` apply to.
    fn equals(&self, node: Node<'_>) -> Option<bool> {
        let (text, is_number) = match node {
            Node::String(text) => (text, false),
            Node::Number(lexeme) => (lexeme, true),
            _ => return None,
        };
        Some(match self {
            Self::Number(number) if is_number => double(text).is_some_and(|value| same(value, number.value)),
            Self::Number(number) => text == number.lexeme,
            Self::Text(wanted) => wanted.matches(text),
            Self::Regex(regex) => regex.is_match(text),
        })
    }
}

impl Comparison {
    fn holds(self, lexeme: &str, bound: &Number) -> bool {
        double(lexeme).is_some_and(|value| match self {
            Self::Less => value < bound.value,
            Self::LessOrEqual => value <= bound.value,
            Self::Greater => value > bound.value,
            Self::GreaterOrEqual => value >= bound.value,
        })
    }
}

fn double(lexeme: &str) -> Option<f64> {
    lexeme.parse().ok()
}

#[expect(
    clippy::float_cmp,
    reason = "numbers of a pattern and of a message are equal when their doubles are"
)]
fn same(left: f64, right: f64) -> bool {
    left == right
}

impl fmt::Display for Test {
    /// As it follows a selector or a field name in a pattern.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equals(value) => write!(f, "= {value}"),
            Self::NotEquals(value) => write!(f, "!= {value}"),
            Self::Compare(comparison, number) => write!(f, "{} {}", comparison.symbol(), number.lexeme),
            Self::IsNull => f.write_str("IS NULL"),
            Self::IsTrue => f.write_str("IS TRUE"),
            Self::IsFalse => f.write_str("IS FALSE"),
            Self::NotExists => f.write_str("NOT EXISTS"),
        }
    }
}

impl fmt::Display for Value {
    /// As in a pattern; texts are always quoted, which means the same as bare.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => f.write_str(&number.lexeme),
            Self::Text(text) => write_quoted(f, &text.to_string()),
            Self::Regex(regex) => write!(f, "{regex}"),
        }
    }
}

/// `text` in double quotes, with the two escapes the language has.
pub(crate) fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expr, Filter, Kind};

    const NODES: [Node<'_>; 16] = [
        Node::Absent,
        Node::Null,
        Node::True,
        Node::False,
        Node::Array { contains_null: false },
        Node::Array { contains_null: true },
        Node::Object,
        Node::String(""),
        Node::String("1"),
        Node::String("1.0"),
        Node::String("Alpha"),
        Node::String("true"),
        Node::Number("1"),
        Node::Number("1.0"),
        Node::Number("1e0"),
        Node::Number("15"),
    ];

    /// Which of [`NODES`] satisfy the test.
    fn satisfied_by(test: &str) -> Vec<Node<'static>> {
        let filter = Filter::parse(&format!("{{ $.v {test} }}")).unwrap();
        let Kind::Json(Expr::Condition(condition)) = filter.kind() else { panic!("{test}") };
        NODES.into_iter().filter(|node| condition.test.holds(*node)).collect()
    }

    #[test]
    fn the_value_semantics_table_holds() {
        use Node::{Absent, Array, False, Null, Number as N, String as S, True};
        let cases: [(&str, &[Node<'_>]); 22] = [
            ("= 1", &[S("1"), N("1"), N("1.0"), N("1e0")]),
            ("!= 1", &[S(""), S("1.0"), S("Alpha"), S("true"), N("15")]),
            ("= 1.0", &[S("1.0"), N("1"), N("1.0"), N("1e0")]),
            ("= 1e+0", &[N("1"), N("1.0"), N("1e0")]),
            ("= \"1\"", &[S("1"), N("1")]),
            ("!= \"1\"", &[S(""), S("1.0"), S("Alpha"), S("true"), N("1.0"), N("1e0"), N("15")]),
            ("= 1*", &[S("1"), S("1.0"), N("1"), N("1.0"), N("1e0"), N("15")]),
            ("= *", &[S(""), S("1"), S("1.0"), S("Alpha"), S("true"), N("1"), N("1.0"), N("1e0"), N("15")]),
            ("!= *", &[]),
            ("= \"\"", &[S("")]),
            ("= Alpha", &[S("Alpha")]),
            ("= alpha", &[]),
            ("= true", &[S("true")]),
            ("= %^1.%", &[S("1.0"), N("1.0"), N("1e0"), N("15")]),
            ("!= %^1%", &[S(""), S("Alpha"), S("true")]),
            ("> 1", &[N("15")]),
            (">= 1", &[N("1"), N("1.0"), N("1e0"), N("15")]),
            ("< 15", &[N("1"), N("1.0"), N("1e0")]),
            ("IS NULL", &[Null, Array { contains_null: true }]),
            ("IS TRUE", &[True]),
            ("IS FALSE", &[False]),
            ("NOT EXISTS", &[Absent]),
        ];
        for (test, expected) in cases {
            assert_eq!(satisfied_by(test), expected, "{test}");
        }
    }

    #[test]
    fn a_star_stands_for_any_text() {
        let cases = [
            ("", "", true),
            ("", "x", false),
            ("*", "", true),
            ("a*b", "ab", true),
            ("a*b", "a*b", true),
            ("a*b", "aXbX", false),
            ("*a*a", "a", false),
            ("*a*a", "aa", true),
            ("a*a", "a", false),
            ("*ab*abc", "ababc", true),
            ("*ab*abc", "abc", false),
            ("a?b", "axb", false),
            ("a?b", "a?b", true),
            ("**", "anything", true),
            ("*ü*", "für", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(Text::new(pattern).matches(text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn only_plain_decimal_notation_is_a_number() {
        for number in ["0", "-0", "+1", "007", "1.", ".5", "1e9", "1E-9", "1.5e+3", "1e999"] {
            assert_eq!(
                Number::parse(number).map(|number| number.lexeme().to_owned()).as_deref(),
                Some(number)
            );
        }
        for text in
            ["", ".", "-", "+-1", "--1", "1e", "e1", "1.2.3", "inf", "NaN", "0x1f", "1_000", "1 ", "1*", "١"]
        {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }
}
