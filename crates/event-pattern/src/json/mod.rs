//! A small, strict JSON parser that knows where everything stands.
//!
//! Patterns are short and their errors matter, so the tree keeps what a general parser drops: duplicate keys, document order, the
//! source text of numbers, and a [`Span`] for each key and value. Events are read by the same scanner, without a tree.
//!
//! Invariant: neither the scanner nor anything that walks its result recurses deeper than [`DEPTH_MAX`].

mod messages;
mod scan;
mod tree;

pub(crate) use messages::source_text;
pub(crate) use scan::{Kind, Position, Token, scan};
pub(crate) use tree::tokens_of;

/// How deep objects and arrays may be nested; a deeper text is an error.
pub const DEPTH_MAX: usize = 1_000;

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize)]
pub struct Span {
    /// The first byte, counted from the start of the text.
    pub offset: usize,
    /// How many bytes; 0 where only a point is known.
    pub length: usize,
    /// The line, counted from 1.
    pub line: u32,
    /// The column in UTF-16 units, counted from 1, as the service counts.
    pub column: u32,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The place of the value's first token: a whole scalar, or the opening bracket.
    pub span: Span,
    /// The value.
    pub value: NodeValue,
}

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeValue {
    /// The members in document order, duplicates kept.
    Object(Vec<Member>),
    /// The elements.
    Array(Vec<Node>),
    /// A string, unescaped. Half a surrogate pair becomes `?`, as it does on the service.
    String(String),
    /// A number, as it was written.
    Number(String),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The key, unescaped.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

/// Why a text is no JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (line {}, column {})", span.line, span.column)]
pub struct SyntaxError {
    /// What is wrong, in the words of the service's parser.
    pub message: String,
    /// Where the parser stood when it saw it.
    pub span: Span,
}

/// Parses one JSON value; nothing but white space may follow it.
///
/// ```
/// use event_pattern::json::{self, NodeValue};
/// let node = json::parse(r#"{"a": 1.0, "a": 2}"#)?;
/// let NodeValue::Object(members) = node.value else { unreachable!() };
/// assert_eq!(members.len(), 2);
/// assert_eq!(members[1].key_span.column, 12);
/// # Ok::<(), event_pattern::json::SyntaxError>(())
/// ```
///
/// # Errors
///
/// The first thing that is not strict JSON: comments, trailing commas, `NaN`, `01`, more than [`DEPTH_MAX`] levels, or anything after the
/// value.
pub fn parse(text: &str) -> Result<Node, SyntaxError> {
    tree::parse(text)
}
