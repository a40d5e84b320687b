//! What is wrong with a file, where, and what to do: one value for the terminal, for JSON and for tests.
//!
//! A diagnostic is data. Its text is rendered on demand in the manner of `rustc` (file, line, the offending words
//! underlined, a help), and its serialized form carries the same facts for machines.

use crate::catalogue::Check;
use crate::files::Files;
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level as SnippetLevel, Patch, Renderer, Snippet};
use serde::Serialize;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// One thing found in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How grave it is.
    pub level: Level,
    /// Which check found it; the catalogue says what the check is for.
    pub id: Check,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// The file, as it was named when it was handed in.
    pub file: Arc<str>,
    /// Where in the file.
    pub span: Span,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The text to put in the span's place, where that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement: Option<String>,
}

/// How grave a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The document works, but probably not as meant, or not as well as it could.
    Warning,
    /// The document cannot be used.
    Error,
}

/// A stretch of a file's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize)]
pub struct Span {
    /// The first byte, from 0.
    pub offset: usize,
    /// How many bytes; 0 where something is missing.
    pub length: usize,
    /// The line of the first character, from 1.
    pub line: usize,
    /// The column of the first character, from 1, counted in characters.
    pub column: usize,
}

impl Span {
    /// The span of `text[range]`; a range beyond the text is held to its end.
    #[must_use]
    pub fn of(text: &str, range: Range<usize>) -> Self {
        Lines::of(text).span(range)
    }

    /// The bytes it covers.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset.saturating_add(self.length)
    }
}

/// A text and where its lines begin: reading a file asks for the places of thousands of nodes.
pub(crate) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(crate) fn of(text: &'t str) -> Self {
        let after_newlines =
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after_newlines).collect() }
    }

    pub(crate) fn text(&self) -> &'t str {
        self.text
    }

    pub(crate) fn span(&self, range: Range<usize>) -> Span {
        let boundary = |offset: usize| {
            let mut at = offset.min(self.text.len());
            while !self.text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = boundary(range.start);
        let end = boundary(range.end).max(start);
        let line = self.starts.partition_point(|line_start| *line_start <= start);
        let line_start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        Span {
            offset: start,
            length: end - start,
            line,
            column: self.text.get(line_start..start).unwrap_or_default().chars().count() + 1,
        }
    }
}

impl Diagnostic {
    /// A diagnostic of the gravity that the catalogue gives the check.
    #[must_use]
    pub fn new(check: Check, file: &Arc<str>, span: Span, message: impl Into<String>) -> Self {
        Self {
            level: check.entry().level,
            id: check,
            message: message.into(),
            file: Arc::clone(file),
            span,
            help: None,
            replacement: None,
        }
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says what to do, if that is known.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<impl Into<String>>) -> Self {
        self.help = help.map(Into::into).or(self.help);
        self
    }

    /// Gives the text to put in the span's place.
    #[must_use]
    pub fn replace_with(mut self, replacement: impl Into<String>) -> Self {
        self.replacement = Some(replacement.into());
        self
    }

    /// Whether the document cannot be used because of this.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.level == Level::Error
    }

    /// The diagnostic as people read it, with the source line where `files` has the file. Ends without a newline.
    #[must_use]
    pub fn render(&self, files: &dyn Files, colour: Colour) -> String {
        let text = files.text(&self.file).unwrap_or_default();
        let level = match self.level {
            Level::Error => SnippetLevel::ERROR,
            Level::Warning => SnippetLevel::WARNING,
        };
        // A span of nothing still needs a place to point at, and a span must lie within the text.
        let range = Span::of(&text, self.span.range()).range();
        let annotation = AnnotationKind::Primary.span(range.clone());
        let snippet = Snippet::source(&*text).path(&*self.file).annotation(annotation);
        let mut groups = vec![level.primary_title(&self.message).id(self.id.id()).element(snippet)];
        match (&self.replacement, &self.help) {
            (Some(replacement), help) => {
                let title = help.as_deref().unwrap_or("write it so");
                let patch =
                    Snippet::source(&*text).path(&*self.file).patch(Patch::new(range, replacement.as_str()));
                groups.push(SnippetLevel::HELP.secondary_title(title).element(patch));
            }
            (None, Some(help)) => {
                groups.push(Group::with_title(SnippetLevel::HELP.secondary_title(help.as_str())));
            }
            (None, None) => {}
        }
        let renderer = match colour {
            Colour::Plain => Renderer::plain(),
            Colour::Styled => Renderer::styled(),
        };
        renderer.decor_style(DecorStyle::Ascii).render(&groups)
    }
}

impl fmt::Display for Diagnostic {
    /// One line: `file:line:column: error[id]: message`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        let Span { line, column, .. } = self.span;
        write!(f, "{}:{line}:{column}: {level}[{}]: {}", self.file, self.id.id(), self.message)
    }
}

/// Whether rendered text carries terminal colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Text alone.
    Plain,
    /// ANSI escapes.
    Styled,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_counts_lines_and_characters() {
        let text = "a: é\nbü: x\n";
        let at = text.find('x').unwrap();
        assert_eq!(Span::of(text, at..at + 1), Span { offset: at, length: 1, line: 2, column: 5 });
        assert_eq!(Span::of(text, 900..950), Span { offset: text.len(), length: 0, line: 3, column: 1 });
        assert_eq!(
            Span::of("é", 1..2),
            Span { offset: 0, length: 2, line: 1, column: 1 },
            "held to characters"
        );
    }
}
