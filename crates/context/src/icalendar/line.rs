//! Content lines: names, parameters and values, joined where they were folded.

use super::{CalendarError, CalendarProblem};

/// `NAME;PARAMETER=value:VALUE`, continuations joined.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Where it begins, from 1.
    pub(super) at: usize,
    pub(super) name: String,
    parameters: Vec<(String, String)>,
    pub(super) value: String,
}

impl Line {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn error(&self, problem: CalendarProblem) -> CalendarError {
        CalendarError { line: self.at, problem }
    }

    fn read(at: usize, text: &str) -> Self {
        let mut quoted = false;
        let colon = text.find(|c: char| {
            quoted ^= c == '"';
            c == ':' && !quoted
        });
        let (head, value) = match colon {
            Some(colon) => (text.get(..colon).unwrap_or_default(), text.get(colon + 1..).unwrap_or_default()),
            None => ("", ""),
        };
        let mut quoted = false;
        let mut parts = head.split(|c: char| {
            quoted ^= c == '"';
            c == ';' && !quoted
        });
        let name = parts.next().unwrap_or_default().trim().to_ascii_uppercase();
        let parameter = |part: &str| {
            let (name, value) = part.split_once('=')?;
            Some((name.to_ascii_uppercase(), value.trim_matches('"').to_owned()))
        };
        Line { at, name, parameters: parts.filter_map(parameter).collect(), value: value.trim().to_owned() }
    }
}

/// A line that begins with a space or a tab continues the one before.
pub(super) fn unfolded(text: &str) -> Vec<Line> {
    let mut joined: Vec<(usize, String)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        match (line.strip_prefix([' ', '\t']), joined.last_mut()) {
            (Some(more), Some((_, before))) => before.push_str(more),
            _ => joined.push((number + 1, line.to_owned())),
        }
    }
    joined.iter().map(|(number, line)| Line::read(*number, line)).collect()
}

/// Text with `\n`, `\,`, `\;` and `\\` undone.
pub(super) fn text(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('n' | 'N') => text.push('\n'),
            Some(other) => text.push(other),
            None => {}
        }
    }
    text
}
