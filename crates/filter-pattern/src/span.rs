//! Where something stands in a filter's text.

use serde::Serialize;

/// A stretch of a filter's text, with the line and column of its beginning for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Byte offset of the first byte, from 0.
    pub offset: usize,
    /// Length in bytes; 0 where something is missing rather than wrong.
    pub length: usize,
    /// Line of the first character, from 1.
    pub line: usize,
    /// Column of the first character, from 1, counted in characters.
    pub column: usize,
}

impl Span {
    /// The span of `text[start..end]`. Offsets beyond the text are held to its end.
    pub(crate) fn new(text: &str, start: usize, end: usize) -> Self {
        let before = text.get(..start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            offset: before.len(),
            length: end.saturating_sub(start),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or("").chars().count() + 1,
        }
    }

    /// The stretch of `text` this span covers; empty where the span does not belong to `text`.
    ///
    /// ```
    /// let filter = filter_pattern::Filter::parse("ERROR -DEBUG").unwrap();
    /// let filter_pattern::Kind::Terms(terms) = filter.kind() else { panic!() };
    /// assert_eq!(terms.list[1].span.of(filter.text()), "-DEBUG");
    /// ```
    #[must_use]
    pub fn of<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.offset..self.offset + self.length).unwrap_or("")
    }
}
