//! A mapping with known keys, and the complaints about a file.
//!
//! Whoever reads YAML for people reads it with these two: rule documents, the accounts file, the configuration.

use crate::catalogue::Check;
use crate::diagnostic::{Diagnostic, Lines, Span};
use crate::nearest::nearest;
use crate::read::shown;
use crate::yaml::{Entry, Node, Value};
use std::ops::Range;
use std::sync::Arc;

/// What was found wrong with one file so far.
///
/// ```
/// use rules::{Check, Complaints, Fields, yaml};
///
/// let text = "path: /var/log\nwach: true\n";
/// let read = yaml::parse(&"t.yaml".into(), text);
/// let mut complaints = Complaints::new("t.yaml".into(), text, read.diagnostics);
/// let fields = Fields::read(&mut complaints, &read.documents[0], "a folder", &["path", "watch"], &[]);
/// assert_eq!(fields.unwrap().get("path").unwrap().as_text(), Some("/var/log"));
/// assert_eq!(complaints.into_list()[0].to_string(), "t.yaml:2:1: error[unknown-key]: a folder has no key `wach`");
/// ```
pub struct Complaints<'t> {
    file: Arc<str>,
    lines: Lines<'t>,
    list: Vec<Diagnostic>,
    allowed: Vec<(Check, Range<usize>)>,
}

impl<'t> Complaints<'t> {
    /// Begins with what was wrong with the text itself.
    #[must_use]
    pub fn new(file: Arc<str>, text: &'t str, list: Vec<Diagnostic>) -> Self {
        Self { file, lines: Lines::of(text), list, allowed: Vec::new() }
    }

    /// The file they are about, as it was named.
    #[must_use]
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> &'t str {
        self.lines.text()
    }

    /// Where some bytes of the text stand.
    #[must_use]
    pub fn span(&self, range: Range<usize>) -> Span {
        self.lines.span(range)
    }

    /// A complaint about some bytes of the text, to be completed and [pushed](Complaints::push).
    #[must_use]
    pub fn diagnostic(&self, check: Check, range: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(check, &self.file, self.span(range), message)
    }

    /// Complains.
    pub fn add(&mut self, check: Check, range: Range<usize>, message: impl Into<String>) {
        let diagnostic = self.diagnostic(check, range, message);
        self.push(diagnostic);
    }

    /// Adds a complaint.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// Complains that a value is none of those a key takes, and names the nearest one.
    pub fn one_of<'k>(&mut self, node: &Node, what: &str, known: impl IntoIterator<Item = &'k str>) {
        let known: Vec<&str> = known.into_iter().collect();
        let text = node.as_text().unwrap_or_else(|| node.kind());
        let message = format!("`{}` is no {what}", shown(text));
        let mut diagnostic = self.diagnostic(Check::InvalidValue, node.range.clone(), message);
        diagnostic = diagnostic.help(format!("it is one of {}", known.join(", ")));
        if let Some(meant) = nearest(text, known) {
            diagnostic = diagnostic.help(format!("did you mean `{meant}`?")).replace_with(meant);
        }
        self.push(diagnostic);
    }

    /// How many errors there are so far.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.list.iter().filter(|diagnostic| diagnostic.is_error()).count()
    }

    /// Leaves out these warnings about a document, those already there and those to come.
    pub(crate) fn allow(&mut self, checks: &[Check], document: &Range<usize>) {
        self.allowed.extend(checks.iter().map(|check| (*check, document.clone())));
    }

    /// The complaints that nobody allowed, in the order in which they were made.
    #[must_use]
    pub fn into_list(mut self) -> Vec<Diagnostic> {
        let allowed = self.allowed;
        self.list.retain(|diagnostic| {
            let about = |document: &Range<usize>| document.contains(&diagnostic.span.offset);
            !allowed.iter().any(|(check, document)| *check == diagnostic.id && about(document))
        });
        self.list
    }
}

/// The entries of a mapping whose keys are all known.
pub struct Fields<'n> {
    entries: &'n [Entry],
    range: Range<usize>,
    what: &'static str,
    /// Keys that unknown ones were probably meant to be: they are not missed as well.
    meant: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// Checks a mapping's keys. `None` if it is no mapping; unknown and repeated keys are complained about and do not
    /// hinder. `tolerated` keys are known and complained about elsewhere.
    pub fn read(
        complaints: &mut Complaints<'_>,
        node: &'n Node,
        what: &'static str,
        keys: &[&'static str],
        tolerated: &[&'static str],
    ) -> Option<Self> {
        let Value::Mapping(entries) = &node.value else {
            let message = format!("{what} is a mapping of {}, not {}", keys.join(", "), node.kind());
            complaints.add(Check::WrongType, node.range.clone(), message);
            return None;
        };
        let mut meant_keys = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let key = &*entry.key;
            if !keys.contains(&key) && !tolerated.contains(&key) {
                let shown: String = key.chars().take(60).collect();
                let message = format!("{what} has no key `{shown}`");
                let mut diagnostic =
                    complaints.diagnostic(Check::UnknownKey, entry.key_range.clone(), message);
                diagnostic = match nearest(key, keys.iter().copied()) {
                    Some(meant) => {
                        meant_keys.extend(keys.iter().find(|key| **key == meant));
                        diagnostic.help(format!("did you mean `{meant}`?")).replace_with(meant)
                    }
                    None => diagnostic.help(format!("its keys are {}", keys.join(", "))),
                };
                complaints.push(diagnostic);
            } else if entries.iter().take(index).any(|earlier| earlier.key == entry.key) {
                complaints.add(
                    Check::DuplicateKey,
                    entry.key_range.clone(),
                    format!("`{key}` is written twice"),
                );
            }
        }
        let range = entries.first().map_or(node.range.clone(), |first| first.key_range.clone());
        Some(Self { entries, range, what, meant: meant_keys })
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries.iter().find(|entry| &*entry.key == key).map(|entry| &entry.value)
    }

    /// The value of a key that has to be there.
    pub fn required(&self, complaints: &mut Complaints<'_>, key: &str) -> Option<&'n Node> {
        let found = self.get(key);
        if found.is_none() && !self.was_meant(key) {
            let message = format!("{} needs `{key}`", self.what);
            complaints.add(Check::MissingKey, self.range.clone(), message);
        }
        found
    }

    /// Where the mapping begins: the place to tell of what is missing.
    #[must_use]
    pub fn place(&self) -> Range<usize> {
        self.range.clone()
    }

    /// Whether an unknown key was probably meant to be this one.
    #[must_use]
    pub fn was_meant(&self, key: &str) -> bool {
        self.meant.contains(&key)
    }

    /// A text that may be left out: `None` if it is no text.
    pub fn text(&self, complaints: &mut Complaints<'_>, key: &str) -> Option<Option<Box<str>>> {
        let Some(node) = self.get(key) else { return Some(None) };
        match node.as_text() {
            Some(text) => Some(Some(text.trim().into())),
            None => {
                let message = format!("`{key}` is text, not {}", node.kind());
                complaints.add(Check::WrongType, node.range.clone(), message);
                None
            }
        }
    }
}
