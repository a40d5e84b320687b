//! A parsed pattern.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::compile;
use crate::error::Errors;
use crate::event::Event;
use crate::json::{self, Node, Span};
use crate::matching;
use crate::term::Term;

/// An event pattern.
///
/// `$or` is gone: what is left is a list of [`Alternative`]s, any one of which is enough.
#[derive(Debug, Clone)]
pub struct Pattern {
    alternatives: Vec<Alternative>,
    pub(crate) replaced: Vec<Replaced>,
    /// The length of the text in characters, if there was a text.
    pub(crate) characters: Option<usize>,
}

/// One combination of `$or` branches, or the whole of a pattern without `$or`: fields that must all be satisfied.
#[derive(Debug, Clone)]
pub struct Alternative {
    fields: Vec<Arc<Field>>,
}

/// A path and the terms of which one must be satisfied. Combinations share their common fields.
#[derive(Debug, Clone)]
pub struct Field {
    path: Path,
    terms: Vec<Term>,
    span: Span,
    term_spans: Vec<Span>,
}

/// The keys from the root of an event to a value, joined with dots.
///
/// Keys may have dots themselves: `{"a.b": 1}` and `{"a": {"b": 1}}` have the same path. Arrays add nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Arc<str>);

/// A field that was written twice: the first counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replaced {
    pub(crate) path: Path,
    pub(crate) lost: Span,
    pub(crate) by: Span,
}

impl Pattern {
    /// Parses a pattern from its JSON text.
    ///
    /// ```
    /// use event_pattern::{Event, Pattern};
    /// let pattern = Pattern::parse(r#"{"source": ["aws.ec2"], "detail": {"state": [{"anything-but": "running"}]}}"#)?;
    /// let event = Event::parse(r#"{"source": "aws.ec2", "detail": {"state": "stopped"}}"#)?;
    /// assert!(pattern.matches(&event));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Everything the service would refuse, all at once; the service's complaint comes first.
    pub fn parse(text: &str) -> Result<Pattern, Errors> {
        let compiled = compile::compile(&json::scan(text))?;
        Ok(Pattern {
            alternatives: compiled.alternatives,
            replaced: compiled.replaced,
            characters: Some(text.chars().count()),
        })
    }

    /// Compiles a pattern from a tree, for front ends that read something else than JSON text. Errors carry the tree's spans.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), save for what only a text can have wrong.
    pub fn compile(node: &Node) -> Result<Pattern, Errors> {
        let compiled = compile::compile(&json::tokens_of(node))?;
        Ok(Pattern { alternatives: compiled.alternatives, replaced: compiled.replaced, characters: None })
    }

    /// The combinations: the pattern matches if one of them does. There is at least one and there are at most 1,000.
    #[must_use]
    pub fn alternatives(&self) -> &[Alternative] {
        &self.alternatives
    }

    /// Whether the event matches. This is the reference: plain, not fast. See [`consistent`](crate::consistent) for its bounds.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        self.alternatives.iter().any(|alternative| matching::matches(alternative, event))
    }
}

impl Alternative {
    /// Takes fields in the order of their paths.
    pub(crate) fn new(fields: Vec<Arc<Field>>) -> Alternative {
        Alternative { fields }
    }

    /// The fields, in the order of their paths; each path is there once.
    #[must_use]
    pub fn fields(&self) -> &[Arc<Field>] {
        &self.fields
    }
}

impl Field {
    pub(crate) fn new(path: Path, terms: Vec<Term>, span: Span, term_spans: Vec<Span>) -> Field {
        Field { path, terms, span, term_spans }
    }

    /// Where the values are looked for.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is asked of them: one value must satisfy one term. There is at least one term.
    #[must_use]
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Where the last key of the path stands in the pattern.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// Where each term stands in the pattern.
    #[must_use]
    pub fn term_spans(&self) -> &[Span] {
        &self.term_spans
    }

    /// Whether the field is satisfied if the event has no value for it.
    #[must_use]
    pub fn allows_absence(&self) -> bool {
        self.terms.contains(&Term::Absent)
    }
}

impl Path {
    /// A path from its dotted text.
    #[must_use]
    pub fn new(text: &str) -> Path {
        Path(text.into())
    }

    /// The dotted text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Path {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
