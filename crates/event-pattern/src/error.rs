//! Why a pattern is refused.
//!
//! Parsing does not stop at the first mistake: [`Errors`] has all of them. The first is the one the service would report, with its exact
//! words; [`Errors::service_text`] is the whole answer of `TestEventPattern` and `PutRule`.

use std::fmt;

use crate::json::{Position, Span, source_text};

/// One mistake in a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Error {
    /// What kind of mistake.
    pub kind: ErrorKind,
    /// The service's own words, without the part that says where.
    pub message: String,
    /// Where the mistake stands.
    pub span: Span,
    /// The path of the field it belongs to; empty at the root.
    pub path: String,
    /// What to write instead, where that is known.
    pub hint: Option<String>,
    /// Whether the service says where the mistake is.
    pub located: bool,
    pub(crate) position: Position,
    pub(crate) repeated: bool,
}

/// Kinds of mistakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is no JSON.
    Syntax,
    /// The pattern is no object, or a field is neither an object nor an array.
    Shape,
    /// An object or array with nothing in it.
    Empty,
    /// An operator that does not exist, or more than one in one term.
    Operator,
    /// An operator's operand has the wrong type or value.
    Operand,
    /// A misuse of `$or`.
    Or,
    /// Wildcards beyond the service's limit.
    Complexity,
    /// More than 1,000 combinations of `$or` branches.
    Combinations,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (line {}, column {})", self.message, self.span.line, self.span.column)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// What the service answers for this mistake, given the pattern's text.
    #[must_use]
    pub fn service_text(&self, pattern: &str) -> String {
        let mut text = format!("Event pattern is not valid. Reason: {}", self.message);
        if self.located {
            let at = format!("\n at {}", source_text(pattern, self.position));
            text.push_str(&at);
            if self.repeated {
                text.push_str(&at);
            }
        }
        text
    }
}

/// All mistakes of one pattern; there is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors {
    first: Box<Error>,
    more: Vec<Error>,
}

impl Errors {
    pub(crate) fn new(mut errors: Vec<Error>) -> Option<Errors> {
        if errors.is_empty() {
            return None;
        }
        let first = errors.remove(0);
        Some(Errors { first: Box::new(first), more: errors })
    }

    /// The one the service would report.
    #[must_use]
    pub fn first(&self) -> &Error {
        &self.first
    }

    /// All of them, the service's first.
    pub fn iter(&self) -> impl Iterator<Item = &Error> {
        std::iter::once(&*self.first).chain(&self.more)
    }

    /// How many there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        1 + self.more.len()
    }

    /// The service's answer to this pattern, byte for byte.
    ///
    /// ```
    /// use event_pattern::Pattern;
    /// let text = r#"{"a": 1}"#;
    /// let errors = Pattern::parse(text).unwrap_err();
    /// assert_eq!(
    ///     errors.service_text(text),
    ///     "Event pattern is not valid. Reason: \"a\" must be an object or an array\n at [Source: (String)\"{\"a\": 1}\"; line: 1, column: 8]",
    /// );
    /// ```
    #[must_use]
    pub fn service_text(&self, pattern: &str) -> String {
        self.first.service_text(pattern)
    }
}

impl IntoIterator for Errors {
    type Item = Error;
    type IntoIter = std::iter::Chain<std::iter::Once<Error>, std::vec::IntoIter<Error>>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(*self.first).chain(self.more)
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}
