//! Space-delimited patterns: names for the fields of a message, and conditions on them.
//!
//! A message is cut into fields at white space; `"…"` and `[…]` are one field each. Names bind to fields in order;
//! the last name takes the rest of the message, and one `...` takes any number of fields.

use std::fmt;

use crate::condition::Node;
use crate::expression::{Expr, FieldTest};
use crate::span::Span;

/// A space-delimited pattern. `[]` has no fields at all and matches any message that is not empty.
#[derive(Debug, Clone, PartialEq)]
pub struct SpaceDelimited {
    /// In order; at most one is an [ellipsis](Field::Ellipsis).
    pub fields: Vec<Field>,
}

/// One entry of a space-delimited pattern.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// `...`: any number of fields, also none.
    Ellipsis,
    /// One field of the message.
    Single(SingleField),
}

/// A field with a name, or an empty entry, which only holds a place.
#[derive(Debug, Clone)]
pub struct SingleField {
    /// Its name; `None` for an empty entry.
    pub name: Option<String>,
    /// What is asked of it.
    pub condition: Option<Expr<FieldTest>>,
    /// Where it stands in the pattern.
    pub span: Span,
}

impl PartialEq for SingleField {
    /// Equal in meaning: where they stand does not count.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.condition == other.condition
    }
}

/// A message's field bound to an entry of the pattern.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundField<'p, 'm> {
    /// Position among the bound fields, from 1.
    pub position: usize,
    /// The entry; `None` for what `...` (or `[]`) took.
    pub field: Option<&'p SingleField>,
    /// The text, without the quotes or brackets around it.
    pub value: &'m str,
}

impl BoundField<'_, '_> {
    /// The key AWS gives it in `extractedValues`: `$name`, or `$` and the position where it has no name.
    #[must_use]
    pub fn key(&self) -> String {
        match self.field.and_then(|field| field.name.as_deref()) {
            Some(name) => format!("${name}"),
            None => format!("${}", self.position),
        }
    }
}

impl SpaceDelimited {
    /// The entries without the ellipsis.
    pub fn single_fields(&self) -> impl Iterator<Item = &SingleField> {
        self.fields.iter().filter_map(|field| match field {
            Field::Single(single) => Some(single),
            Field::Ellipsis => None,
        })
    }

    /// Binds the message's fields to the entries, conditions aside. `None` where the message has too few.
    #[must_use]
    pub fn bind<'p, 'm>(&'p self, message: &'m str) -> Option<Vec<BoundField<'p, 'm>>> {
        let tokens = tokens(message);
        if self.fields.is_empty() && message.is_empty() {
            return None;
        }
        let singles: Vec<&SingleField> = self.single_fields().collect();
        let absorbed = tokens.len().checked_sub(singles.len())?;
        let ellipsis = match self.fields.iter().position(|field| *field == Field::Ellipsis) {
            None if self.fields.is_empty() => Some(0),
            found => found,
        };
        let mut bound = Vec::with_capacity(tokens.len());
        for (index, token) in tokens.iter().enumerate() {
            let position = index + 1;
            let field = match ellipsis {
                Some(at) if index < at => singles.get(index),
                Some(at) if index < at + absorbed => None,
                Some(_) => singles.get(index - absorbed),
                None => singles.get(index),
            };
            // Without an ellipsis the last name takes the rest of the message as it stands.
            if ellipsis.is_none() && position == singles.len() && absorbed > 0 {
                let rest = message.get(token.start..).unwrap_or("").trim_end_matches(is_blank);
                bound.push(BoundField { position, field: field.copied(), value: rest });
                break;
            }
            bound.push(BoundField { position, field: field.copied(), value: token.value });
        }
        Some(bound)
    }

    /// Whether the message has enough fields and they satisfy every condition.
    #[must_use]
    pub fn matches(&self, message: &str) -> bool {
        self.bind(message).is_some_and(|bound| bound.iter().all(BoundField::holds))
    }

    /// What AWS returns as `extractedValues` for a matching message, in the order of the fields.
    #[must_use]
    pub fn extract(&self, message: &str) -> Option<Vec<(String, String)>> {
        let bound = self.bind(message)?;
        bound
            .iter()
            .all(BoundField::holds)
            .then(|| bound.iter().map(|field| (field.key(), field.value.to_owned())).collect())
    }
}

impl BoundField<'_, '_> {
    /// Whether the value satisfies the entry's condition; without one it does.
    #[must_use]
    pub fn holds(&self) -> bool {
        let node = Node::of_field(self.value);
        match self.field.and_then(|field| field.condition.as_ref()) {
            Some(condition) => condition.evaluate(&mut |asked| asked.test.holds(node)),
            None => true,
        }
    }
}

/// A field of a message.
struct Token<'m> {
    /// Where it begins, its delimiter included.
    start: usize,
    /// Its text without the delimiters.
    value: &'m str,
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

/// Cuts a message at white space. A field that opens with `"` or `[` reaches to the closing character if white space
/// or the end follows that; otherwise the opening character is ordinary text.
fn tokens(message: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = message.trim_start_matches(is_blank);
    while !rest.is_empty() {
        let start = message.len() - rest.len();
        let (value, after) =
            delimited(rest).unwrap_or_else(|| rest.split_at(rest.find(is_blank).unwrap_or(rest.len())));
        tokens.push(Token { start, value });
        rest = after.trim_start_matches(is_blank);
    }
    tokens
}

/// `"…"` or `[…]` at the beginning of `text`: what is between, and what comes after.
fn delimited(text: &str) -> Option<(&str, &str)> {
    let (inside, closer) = match text.strip_prefix('"') {
        Some(inside) => (inside, '"'),
        None => (text.strip_prefix('[')?, ']'),
    };
    let (value, after) = inside.split_once(closer)?;
    (after.is_empty() || after.starts_with(is_blank)).then_some((value, after))
}

impl fmt::Display for SpaceDelimited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (position, field) in self.fields.iter().enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{field}")?;
        }
        // A lone empty entry would read as no entry at all; no pattern parses to one.
        f.write_str("]")
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Single(field) = self else { return f.write_str("...") };
        let name = field.name.as_deref().unwrap_or("");
        match &field.condition {
            Some(condition) => condition.write(f, &|f, asked| write!(f, "{name} {}", asked.test)),
            None => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_messages_as_recorded() {
        let cases: [(&str, &[&str]); 14] = [
            ("", &[]),
            (" \t\r\n", &[]),
            ("one", &["one"]),
            (" one \t two\r\nthree ", &["one", "two", "three"]),
            ("a \"two words\" b", &["a", "two words", "b"]),
            ("[10/Oct/2000:13:25:15 -0700] x", &["10/Oct/2000:13:25:15 -0700", "x"]),
            ("\"unterminated words", &["\"unterminated", "words"]),
            ("[open x", &["[open", "x"]),
            ("\"a\"b c", &["\"a\"b", "c"]),
            ("[a]: b]", &["[a]:", "b]"]),
            ("\"\" []", &["", ""]),
            ("a\"b c\"", &["a\"b", "c\""]),
            ("[[a] b]", &["[a", "b]"]),
            ("a\u{a0}b", &["a\u{a0}b"]),
        ];
        for (message, expected) in cases {
            let found: Vec<&str> = tokens(message).iter().map(|token| token.value).collect();
            assert_eq!(found, expected, "{message:?}");
        }
    }

    /// What the pattern extracts, as `$name=value` parts.
    fn extracted(pattern: &str, message: &str) -> Option<String> {
        let extracted = crate::Filter::parse(pattern).unwrap().extract(message)?;
        Some(extracted.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("|"))
    }

    #[test]
    fn binds_names_to_fields() {
        let cases = [
            ("[]", "a b", Some("$1=a|$2=b")),
            ("[...]", "a b", Some("$1=a|$2=b")),
            ("[]", "", None),
            ("[a]", "", None),
            ("[a]", "x y  z ", Some("$a=x y  z")),
            ("[a, b]", "x \"y z\" \"w\"", Some("$a=x|$b=\"y z\" \"w\"")),
            ("[a, b]", "x \"y z\"", Some("$a=x|$b=y z")),
            ("[a, b]", "x", None),
            ("[a, ..., b]", "x", None),
            ("[a, ..., b]", "x y", Some("$a=x|$b=y")),
            ("[a, ...]", "x y z", Some("$a=x|$2=y|$3=z")),
            ("[..., status = 4*,]", "GET 404 17", Some("$1=GET|$status=404|$3=17")),
            ("[a, , c]", "x y z", Some("$a=x|$2=y|$c=z")),
            ("[a, ]", "x y z", Some("$a=x|$2=y z")),
        ];
        for (pattern, message, expected) in cases {
            assert_eq!(extracted(pattern, message).as_deref(), expected, "{pattern} on {message:?}");
        }
    }

    #[test]
    fn compares_fields_as_numbers_or_texts() {
        let cases = [
            ("[a >= 400, b]", "404 x", true),
            ("[a >= 400, b]", "4o4 x", false),
            ("[a = 404, b]", "404.0 x", true),
            ("[a = \"404\", b]", "404.0 x", false),
            ("[a != 404, b]", "ok x", true),
            ("[a = 4*, b]", "404 x", true),
            ("[(a = x || a = y) && a != x, b]", "y z", true),
            ("[(a = x || a = y) && a != x, b]", "x z", false),
            ("[a = x || a = y && a = z, b]", "x z", true),
            ("[a = \"two words\", b]", "[two words] z", true),
            ("[a, b > 1000]", "x 1534 extra", false),
            ("[a = %^[A-Z]+$%]", "ERROR", true),
        ];
        for (pattern, message, expected) in cases {
            assert_eq!(
                crate::Filter::parse(pattern).unwrap().matches(message),
                expected,
                "{pattern} on {message:?}"
            );
        }
    }
}
