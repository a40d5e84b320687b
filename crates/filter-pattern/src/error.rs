//! Why a text is not a filter pattern: what AWS answers, and what we can say beyond it.
//!
//! AWS answers one sentence per pattern, often only that it is invalid. [`Errors`] holds everything found wrong, in the
//! order of the text, each with its place, a cause and, where one is known, what to write instead.

use std::fmt;

use serde::Serialize;

use crate::span::Span;

/// Everything wrong with one filter text, up to about a hundred mistakes; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.all_lines())]
pub struct Errors {
    list: Vec<Error>,
}

impl Errors {
    /// Sorts what was found into the order of the text.
    pub(crate) fn new(mut list: Vec<Error>) -> Self {
        debug_assert!(!list.is_empty(), "a refusal says why");
        list.sort_by_key(|error| error.span.offset);
        Self { list }
    }

    /// The errors in the order of the text.
    pub fn iter(&self) -> std::slice::Iter<'_, Error> {
        self.list.iter()
    }

    /// The one sentence AWS answers for the whole text. The service reads characters before it reads grammar and
    /// grammar before quotas, so the first error of the earliest of these stages is the one it names.
    ///
    /// ```
    /// let errors = filter_pattern::Filter::parse("%hello!%").unwrap_err();
    /// assert_eq!(errors.aws_message(), "Invalid character(s) in term '%hello!'");
    /// ```
    #[must_use]
    pub fn aws_message(&self) -> String {
        let first = self.list.iter().min_by_key(|error| (error.kind.stage(), error.span.offset));
        first.map_or_else(String::new, Error::aws_message)
    }

    fn all_lines(&self) -> String {
        self.list.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }
}

impl<'e> IntoIterator for &'e Errors {
    type Item = &'e Error;
    type IntoIter = std::slice::Iter<'e, Error>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

/// One thing wrong with a filter text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("line {}, column {}: {detail}", span.line, span.column)]
pub struct Error {
    /// What AWS calls it.
    pub kind: ErrorKind,
    /// Where.
    pub span: Span,
    /// What is wrong, in our words.
    pub detail: String,
    /// What to write instead, where that is known.
    pub hint: Option<String>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, span: Span, detail: impl Into<String>) -> Self {
        Self { kind, span, detail: detail.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The sentence AWS answers for this error alone.
    #[must_use]
    pub fn aws_message(&self) -> String {
        self.kind.to_string()
    }
}

/// What AWS calls an error. The texts are those recorded from `TestMetricFilter` and `PutMetricFilter`, September 2026.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A character that cannot stand where it stands; holds the term from its start through that character.
    InvalidTerm(String),
    /// The grammar is not followed.
    InvalidPattern,
    /// A regular expression of allowed characters that does not compile.
    Regex,
    /// A field name (or `...`) stands twice in a space-delimited pattern.
    DuplicateField(String),
    /// More than one wildcard in a selector.
    SelectorWildcards,
    /// More than three wildcards in a pattern.
    PatternWildcards,
    /// More than two regular expressions in a pattern.
    RegexCount,
}

impl ErrorKind {
    /// The stage of reading at which the service gives up: characters, then grammar, then meaning.
    fn stage(&self) -> u8 {
        match self {
            Self::InvalidTerm(_) => 0,
            Self::InvalidPattern => 1,
            Self::Regex
            | Self::DuplicateField(_)
            | Self::SelectorWildcards
            | Self::PatternWildcards
            | Self::RegexCount => 2,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidTerm(term) => write!(f, "Invalid character(s) in term '{term}'"),
            // The text of the refusal of a third regular expression is not recorded.
            Self::InvalidPattern | Self::RegexCount => f.write_str("Invalid metric filter pattern"),
            Self::Regex => f.write_str("Failed to compile regular expression."),
            Self::DuplicateField(name) => write!(f, "Duplicate field '{name}'"),
            Self::SelectorWildcards => f.write_str(
                "Your filter pattern has a JSON path selector that exceeds the maximum of 1 wildcard allowed per json selector.",
            ),
            Self::PatternWildcards => f.write_str(
                "Your input has exceeded the maximum of 3 JSON wildcard selectors allowed per filter pattern.",
            ),
        }
    }
}
