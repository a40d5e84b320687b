//! Secrets: written as references, looked up where the service runs.
//!
//! `${NAME}` is a variable of the environment, `${file:/run/secrets/name}` what a file holds without its last line feed, and `$$` a dollar
//! sign. References may stand inside a longer text. They stand only where a secret may: everywhere else `${` is an error, so that nobody
//! believes a text to have been replaced that was not.

use std::collections::BTreeMap;
use std::ops::Range;

use rules::Check;
use rules::yaml::{Node, Value};
use targets::Secret;

use crate::read::Reader;

/// Something that knows secrets: the environment and the files of the machine.
pub trait Secrets {
    /// The value of a variable of the environment.
    ///
    /// # Errors
    ///
    /// Why there is none.
    fn variable(&self, name: &str) -> Result<String, NoSecret>;

    /// What a file holds.
    ///
    /// # Errors
    ///
    /// Why there is nothing.
    fn file(&self, path: &str) -> Result<String, NoSecret>;
}

/// Why a secret was not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoSecret {
    /// It is not there.
    Missing,
    /// It is there and cannot be read; the reason is for people and must not hold any of it.
    Unreadable(String),
}

/// Secrets in memory: variables by name, files by path.
#[derive(Clone, Default)]
pub struct MemorySecrets {
    by_name: BTreeMap<String, String>,
}

impl<const N: usize> From<[(&str, &str); N]> for MemorySecrets {
    fn from(secrets: [(&str, &str); N]) -> Self {
        let by_name = secrets.map(|(name, value)| (name.to_owned(), value.to_owned()));
        MemorySecrets { by_name: by_name.into() }
    }
}

impl Secrets for MemorySecrets {
    fn variable(&self, name: &str) -> Result<String, NoSecret> {
        self.by_name.get(name).cloned().ok_or(NoSecret::Missing)
    }

    fn file(&self, path: &str) -> Result<String, NoSecret> {
        self.variable(path)
    }
}

impl std::fmt::Debug for MemorySecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

/// A value that depends on secrets.
#[derive(Debug)]
pub(crate) enum Found<T> {
    /// All of them were found.
    Value(T),
    /// Nobody asked for them.
    NotLookedUp,
}

impl<T> Found<T> {
    pub(crate) fn map<U>(self, make: impl FnOnce(T) -> U) -> Found<U> {
        match self {
            Found::Value(value) => Found::Value(make(value)),
            Found::NotLookedUp => Found::NotLookedUp,
        }
    }

    /// Takes another one in.
    pub(crate) fn and<U>(self, other: Found<U>, add: impl FnOnce(&mut T, U)) -> Self {
        match (self, other) {
            (Found::Value(mut value), Found::Value(other)) => {
                add(&mut value, other);
                Found::Value(value)
            }
            _ => Found::NotLookedUp,
        }
    }

    pub(crate) fn value(self) -> Option<T> {
        match self {
            Found::Value(value) => Some(value),
            Found::NotLookedUp => None,
        }
    }
}

/// What a secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A key, a token, an address that holds one: it should not stand in the file.
    Key,
    /// Something that may hold a secret and often holds none.
    Perhaps,
}

/// A piece of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    Text(&'t str),
    Variable(&'t str),
    File(&'t str),
}

/// A reference that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadReference {
    range: Range<usize>,
    message: &'static str,
}

const REFERENCES: &str = "write `${NAME}` or `${file:/run/secrets/name}`, and `$$` for a dollar sign";

/// The pieces of a text, each with its place in it.
pub(crate) fn pieces(text: &str) -> Result<Vec<(Range<usize>, Piece<'_>)>, BadReference> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(dollar) = rest.find('$') else {
            pieces.push((at..text.len(), Piece::Text(rest)));
            break;
        };
        let (before, from_dollar) = rest.split_at(dollar);
        if !before.is_empty() {
            pieces.push((at..at + dollar, Piece::Text(before)));
        }
        at += dollar;
        let length = if let Some(reference) = from_dollar.strip_prefix("${") {
            let bad = |length: usize, message| BadReference { range: at..at + length, message };
            let Some(end) = reference.find('}') else {
                return Err(bad(from_dollar.len(), "this reference to a secret is not closed with `}`"));
            };
            let (name, length) = (reference.get(..end).unwrap_or_default(), end + 3);
            let piece = match name.strip_prefix("file:") {
                Some("") => return Err(bad(length, "this reference names no file")),
                Some(path) => Piece::File(path),
                None if is_variable(name) => Piece::Variable(name),
                None => return Err(bad(length, "this is not the name of a variable")),
            };
            pieces.push((at..at + length, piece));
            length
        } else {
            // `$$`, or a dollar sign that begins nothing.
            let length = if from_dollar.starts_with("$$") { 2 } else { 1 };
            pieces.push((at..at + length, Piece::Text("$")));
            length
        };
        at += length;
    }
    Ok(pieces)
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Reader<'_, '_> {
    /// A text that may hold references to secrets.
    pub(crate) fn secret(&mut self, node: &Node, kind: Kind) -> Option<Found<Secret>> {
        let Some(text) = node.as_text().map(str::trim).filter(|text| !text.is_empty()) else {
            let message = match node.value {
                Value::Text(_) => "this is empty".to_owned(),
                _ => format!("this is text, not {}", node.kind()),
            };
            let check = if node.as_text().is_some() { Check::InvalidValue } else { Check::WrongType };
            let diagnostic = self.complaints.diagnostic(check, node.range.clone(), message);
            self.complaints.push(diagnostic.help(REFERENCES));
            return None;
        };
        // What is in front of the text that was trimmed away is not counted by the pieces' places.
        let trimmed = node.as_text().map_or(0, |whole| whole.len() - whole.trim_start().len());
        let pieces = match pieces(text) {
            Ok(pieces) => pieces,
            Err(BadReference { range, message }) => {
                let range = self.part(node, range.start + trimmed..range.end + trimmed);
                let diagnostic = self.complaints.diagnostic(Check::InvalidSecret, range, message);
                self.complaints.push(diagnostic.help(REFERENCES));
                return None;
            }
        };
        if kind == Kind::Key && pieces.iter().all(|(_, piece)| matches!(piece, Piece::Text(_))) {
            let message = "this secret stands in the file itself";
            let diagnostic = self.complaints.diagnostic(Check::SecretInFile, node.range.clone(), message);
            self.complaints
                .push(diagnostic.help("write `${NAME}` and set the variable where the service runs"));
        }
        let mut value = Some(Found::Value(String::new()));
        for (range, piece) in pieces {
            let range = self.part(node, range.start + trimmed..range.end + trimmed);
            let found = match piece {
                Piece::Text(text) => Some(Found::Value(text.to_owned())),
                Piece::Variable(name) => {
                    self.look_up(range, &format!("the variable `{name}`"), "set", |secrets| {
                        secrets.variable(name)
                    })
                }
                Piece::File(path) => {
                    let path = rules::resolve(self.complaints.file(), path);
                    self.look_up(range, &format!("the file `{}`", rules::shown(&path)), "there", |secrets| {
                        let held = secrets.file(&path)?;
                        let line = held.strip_suffix('\n').unwrap_or(&held);
                        Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
                    })
                }
            };
            // Every reference is looked up, so that all that are missing are told at once.
            value = value
                .zip(found)
                .map(|(value, found)| value.and(found, |value, found| value.push_str(&found)));
        }
        value.map(|value| value.map(|value| Secret::new(&value)))
    }

    fn look_up(
        &mut self,
        range: Range<usize>,
        what: &str,
        there: &str,
        ask: impl FnOnce(&dyn crate::Secrets) -> Result<String, NoSecret>,
    ) -> Option<Found<String>> {
        let Some(secrets) = self.secrets else {
            self.not_looked_up += 1;
            return Some(Found::NotLookedUp);
        };
        let (message, help) = match ask(secrets) {
            Ok(value) if value.is_empty() => (format!("{what} is empty"), "put the secret there"),
            Ok(value) => return Some(Found::Value(value)),
            Err(NoSecret::Missing) => {
                (format!("{what} is not {there}"), "it has to be where the service runs")
            }
            Err(NoSecret::Unreadable(reason)) => {
                (format!("{what} cannot be read: {reason}"), "it has to be text that the service may read")
            }
        };
        let diagnostic = self.complaints.diagnostic(Check::MissingSecret, range, message);
        self.complaints.push(diagnostic.help(help));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fall_into_pieces() {
        use Piece::{File, Text, Variable};
        for (text, expected) in [
            ("", vec![]),
            ("plain", vec![Text("plain")]),
            ("${A}", vec![Variable("A")]),
            ("https://x/${A_1}/y", vec![Text("https://x/"), Variable("A_1"), Text("/y")]),
            ("${file:/run/s}", vec![File("/run/s")]),
            ("a$$b$c", vec![Text("a"), Text("$"), Text("b"), Text("$"), Text("c")]),
            ("$${A}", vec![Text("$"), Text("{A}")]),
            ("$", vec![Text("$")]),
            ("é${_}é", vec![Text("é"), Variable("_"), Text("é")]),
        ] {
            let pieces: Vec<_> = pieces(text).unwrap().into_iter().map(|(_, piece)| piece).collect();
            assert_eq!(pieces, expected, "{text}");
        }
        for (text, range) in [
            ("a${B", 1..4),
            ("${}", 0..3),
            ("x${file:}", 1..9),
            ("${A:-b}", 0..7),
            ("${1}", 0..4),
            ("${a b}", 0..6),
        ] {
            assert_eq!(pieces(text).unwrap_err().range, range, "{text}");
        }
    }

    #[test]
    fn memory_shows_names_alone() {
        let secrets = MemorySecrets::from([("NAME", "hunter2")]);
        assert_eq!(format!("{secrets:?}"), "{\"NAME\"}");
    }
}
