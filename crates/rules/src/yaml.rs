//! YAML text → nodes that know where they stand.
//!
//! Rules are read from this tree and not by deriving, because every complaint has to underline the words it is about:
//! each key and each value carries its span. Scalars follow YAML 1.2's core schema, so `no`, `on` and `12:30` are
//! texts; JSON is YAML and reads as is. A document whose text is broken does not hide the faults of the next.
//!
//! Invariant: the tree holds at most [`NODES_MAX`] nodes and [`DEPTH_MAX`] levels, aliases expanded, whatever the
//! text says.

use crate::catalogue::Check;
use crate::diagnostic::{Diagnostic, Span};
use granit_parser::{Event, Parser, ScalarStyle};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// The most nodes one file may hold once its aliases are expanded.
pub const NODES_MAX: usize = 200_000;

/// The deepest nesting of sequences and mappings.
pub const DEPTH_MAX: usize = 64;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The bytes of the value as written: a scalar with its quotes, a collection from its first to its last token.
    pub range: Range<usize>,
    /// The value.
    pub value: Value,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`, `~`, or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, in JSON's spelling.
    Number(Box<str>),
    /// A text.
    Text(Text),
    /// A sequence.
    Sequence(Vec<Node>),
    /// A mapping, in document order, repeated keys kept.
    Mapping(Vec<Entry>),
}

/// A text and how it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// The text itself.
    pub text: Box<str>,
    style: ScalarStyle,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key as text: `1:` is the key `1`.
    pub key: Box<str>,
    /// The bytes of the key as written.
    pub key_range: Range<usize>,
    /// The value.
    pub value: Node,
}

/// A file's documents, and what is wrong with its text. Empty documents are left out.
#[derive(Debug, Default)]
pub struct Documents {
    /// The documents that could be read.
    pub documents: Vec<Node>,
    /// What could not.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads all documents of a file.
#[must_use]
pub fn parse(file: &Arc<str>, text: &str) -> Documents {
    let mut reader = Reader {
        file,
        text,
        parser: Parser::new_from_str_with_options(
            text,
            granit_parser::options! {
                emit_comments: false,
                flow_nesting_limit: DEPTH_MAX,
                block_nesting_limit: DEPTH_MAX,
            },
        ),
        anchors: HashMap::new(),
        nodes: 0,
        diagnostics: Vec::new(),
    };
    let documents = reader.documents();
    Documents { documents, diagnostics: reader.diagnostics }
}

impl Node {
    /// What kind of value it is, as a complaint names it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(&text.text),
            _ => None,
        }
    }

    /// The value as JSON: the last of a repeated key counts.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(number) => serde_json::from_str(number).unwrap_or(Json::Null),
            Value::Text(text) => Json::String(text.text.to_string()),
            Value::Sequence(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Value::Mapping(entries) => Json::Object(
                entries.iter().map(|entry| (entry.key.to_string(), entry.value.to_json())).collect(),
            ),
        }
    }

    /// Where a stretch of this text's value stands in the file's text: quotes, escapes, indentation and folding are
    /// undone. The whole node where the stretch cannot be found again.
    #[must_use]
    pub fn part(&self, source: &str, part: Range<usize>) -> Range<usize> {
        let Value::Text(text) = &self.value else { return self.range.clone() };
        let places = text.places(source, &self.range);
        let (Some(start), Some(end)) = (places.get(part.start), places.get(part.end)) else {
            return self.range.clone();
        };
        *start..*end.max(start)
    }
}

impl Text {
    /// For each byte of the text, and its end, the place in the source it came from. Empty where the two cannot be
    /// laid side by side.
    fn places(&self, source: &str, range: &Range<usize>) -> Vec<usize> {
        let quoted = matches!(self.style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
        let mut at = range.start + usize::from(quoted);
        let before = source.get(..range.start).unwrap_or_default();
        let indent = before.len() - before.rfind('\n').map_or(0, |newline| newline + 1);
        let mut places = Vec::with_capacity(self.text.len() + 1);
        let mut characters = self.text.chars().peekable();
        while let Some(wanted) = characters.next() {
            let rest = source.get(at..range.end).unwrap_or_default();
            let Some(found) = rest.chars().next() else { break };
            places.extend(std::iter::repeat_n(at, wanted.len_utf8()));
            at += match (self.style, found) {
                (ScalarStyle::DoubleQuoted, '\\') => escape_length(rest),
                (ScalarStyle::SingleQuoted, '\'') => 2,
                // A line's end stands for a blank or a line's end; what indents the next line stands for nothing.
                (_, '\n' | '\r') if wanted.is_whitespace() => {
                    let more = characters.peek().is_some_and(|next| next.is_whitespace());
                    if more { line_end_length(rest, indent) } else { rest.len() - rest.trim_start().len() }
                }
                (_, found) if found == wanted => found.len_utf8(),
                // Not laid side by side as thought: better the whole node than a wrong place.
                _ => return Vec::new(),
            };
        }
        while places.len() <= self.text.len() {
            places.push(at.min(range.end));
        }
        places
    }
}

/// One line's end and the indentation after it.
fn line_end_length(rest: &str, indent: usize) -> usize {
    let end = if rest.starts_with("\r\n") { 2 } else { 1 };
    let after = rest.get(end..).unwrap_or_default();
    end + (after.len() - after.trim_start_matches(' ').len()).min(indent)
}

fn escape_length(rest: &str) -> usize {
    match rest.as_bytes().get(1) {
        Some(b'x') => 4,
        Some(b'u') => 6,
        Some(b'U') => 10,
        _ => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
    }
}

struct Reader<'a> {
    file: &'a Arc<str>,
    text: &'a str,
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    diagnostics: Vec<Diagnostic>,
}

/// The document cannot be read further; the complaint is already made.
struct Broken;

impl<'a> Reader<'a> {
    fn documents(&mut self) -> Vec<Node> {
        let mut documents = Vec::new();
        loop {
            match self.document() {
                Ok(Some(Some(node))) => documents.push(node),
                Ok(Some(None)) => {}
                Ok(None) => return documents,
                Err(Broken) => {
                    self.anchors.clear();
                    if self.nodes > NODES_MAX || !matches!(self.parser.proceed_next_document(), Ok(true)) {
                        return documents;
                    }
                }
            }
        }
    }

    /// The next document; `None` at the end of the file.
    fn document(&mut self) -> Result<Option<Option<Node>>, Broken> {
        loop {
            match self.next()? {
                None | Some((Event::StreamEnd, _)) => return Ok(None),
                Some((Event::DocumentStart(..), _)) => break,
                Some(_) => {}
            }
        }
        self.anchors.clear();
        let Some(first) = self.next()? else { return Ok(None) };
        let node = self.node(first, 0)?;
        while let Some((event, _)) = self.next()? {
            if matches!(event, Event::DocumentEnd) {
                break;
            }
        }
        let nothing = matches!(node.value, Value::Null) && node.range.is_empty();
        Ok(Some((!nothing).then_some(node)))
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Range<usize>)>, Broken> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => {
                let range = span.byte_range().unwrap_or(0..0);
                Ok(Some((event, range)))
            }
            Some(Err(error)) => {
                let at = error.marker().byte_offset().unwrap_or(self.text.len());
                let message = error.info();
                let help = syntax_help(&message, self.text, at);
                let end = self
                    .text
                    .get(at..)
                    .and_then(|rest| rest.chars().next())
                    .map_or(at, |c| at + c.len_utf8());
                let check = if message.contains("limit") { Check::TooLarge } else { Check::YamlSyntax };
                self.complain(check, at..end, message, help);
                Err(Broken)
            }
        }
    }

    fn node(&mut self, (event, range): (Event<'a>, Range<usize>), depth: usize) -> Result<Node, Broken> {
        self.count(1, &range)?;
        if depth >= DEPTH_MAX {
            self.complain(Check::TooLarge, range, format!("more than {DEPTH_MAX} levels of nesting"), None);
            return Err(Broken);
        }
        let (anchor, node) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let as_text = tag.as_ref().is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let value = if style == ScalarStyle::Plain && !as_text {
                    plain(&text)
                } else {
                    Value::Text(Text { text: text.into(), style })
                };
                let empty = matches!(value, Value::Null)
                    && self.text.get(range.clone()).unwrap_or_default().is_empty();
                let range = if empty { range.start..range.start } else { range };
                (anchor, Node { range: self.trimmed(range), value })
            }
            Event::SequenceStart(_, anchor, _) => {
                let mut items = Vec::new();
                let end = loop {
                    match self.next()? {
                        Some((Event::SequenceEnd, end)) => break end.end,
                        Some(event) => items.push(self.node(event, depth + 1)?),
                        None => return Err(Broken),
                    }
                };
                (anchor, Node { range: self.trimmed(range.start..end), value: Value::Sequence(items) })
            }
            Event::MappingStart(_, anchor, _) => {
                let mut entries = Vec::new();
                let end = loop {
                    let (key, key_range) = match self.next()? {
                        Some((Event::MappingEnd, end)) => break end.end,
                        Some((Event::Scalar(key, ..), range)) => (key.into_owned().into_boxed_str(), range),
                        Some((_, range)) => {
                            let message = "a key has to be a plain text, not a list, a mapping or an alias";
                            self.complain(Check::YamlSyntax, range, message.to_owned(), None);
                            return Err(Broken);
                        }
                        None => return Err(Broken),
                    };
                    self.count(1, &key_range)?;
                    let Some(event) = self.next()? else { return Err(Broken) };
                    let mut value = self.node(event, depth + 1)?;
                    if value.range.is_empty() && matches!(value.value, Value::Null) {
                        value.range = key_range.clone();
                    }
                    entries.push(Entry { key, key_range, value });
                };
                (anchor, Node { range: self.trimmed(range.start..end), value: Value::Mapping(entries) })
            }
            Event::Alias(id) => {
                let Some(target) = self.anchors.get(&id) else {
                    let message = "an alias cannot stand inside what it names".to_owned();
                    self.complain(Check::YamlSyntax, range, message, None);
                    return Err(Broken);
                };
                let (size, height) = (target.size(), target.height());
                self.count(size, &range)?;
                if depth + height > DEPTH_MAX {
                    self.complain(
                        Check::TooLarge,
                        range,
                        format!("more than {DEPTH_MAX} levels of nesting"),
                        None,
                    );
                    return Err(Broken);
                }
                let Some(target) = self.anchors.get(&id) else { return Err(Broken) };
                (0, target.clone())
            }
            _ => {
                self.complain(Check::YamlSyntax, range, "a value has to stand here".to_owned(), None);
                return Err(Broken);
            }
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn count(&mut self, more: usize, range: &Range<usize>) -> Result<(), Broken> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes <= NODES_MAX {
            return Ok(());
        }
        let message = format!("more than {NODES_MAX} values once aliases are expanded");
        let help = "split the file, or write the repeated parts where they are needed";
        self.complain(Check::TooLarge, range.clone(), message, Some(help.to_owned()));
        Err(Broken)
    }

    /// A block's range runs on to the next token: what it shows should end with its last word.
    fn trimmed(&self, range: Range<usize>) -> Range<usize> {
        let length = self.text.get(range.clone()).map_or(0, |text| text.trim_end().len());
        range.start..range.start + length
    }

    fn complain(&mut self, check: Check, range: Range<usize>, message: String, help: Option<String>) {
        let span = Span::of(self.text, range);
        self.diagnostics.push(Diagnostic::new(check, self.file, span, message).maybe_help(help));
    }
}

impl Node {
    fn size(&self) -> usize {
        match &self.value {
            Value::Sequence(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            Value::Mapping(entries) => 1 + entries.iter().map(|entry| 1 + entry.value.size()).sum::<usize>(),
            _ => 1,
        }
    }

    fn height(&self) -> usize {
        let inner = match &self.value {
            Value::Sequence(items) => items.iter().map(Self::height).max(),
            Value::Mapping(entries) => entries.iter().map(|entry| entry.value.height()).max(),
            _ => None,
        };
        1 + inner.unwrap_or(0)
    }
}

fn syntax_help(message: &str, text: &str, at: usize) -> Option<String> {
    let line_start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    let line = text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let indent = line.len() - line.trim_start().len();
    if line.get(..indent).is_some_and(|blanks| blanks.contains('\t')) {
        return Some("YAML indents with spaces, not tabs".to_owned());
    }
    if message.contains("mapping values are not allowed") {
        return Some("put the value in quotes if it holds a `: `, or check the indentation".to_owned());
    }
    if line.trim_start().starts_with('*') || line.contains(": *") || line.contains("[*") {
        return Some("a value that begins with `*` is an alias in YAML: put it in quotes".to_owned());
    }
    None
}

/// YAML 1.2 core schema.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    number(text).map_or_else(
        || Value::Text(Text { text: text.into(), style: ScalarStyle::Plain }),
        |number| Value::Number(number.into()),
    )
}

/// A number of the core schema in JSON's spelling. The infinities and not-a-number have none and stay texts.
fn number(text: &str) -> Option<String> {
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).ok().map(|value| value.to_string());
    if let Some(digits) = text.strip_prefix("0x") {
        return digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| radix(digits, 16))?;
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| radix(digits, 8))?;
    }
    let (sign, magnitude) = match text.as_bytes().first()? {
        b'-' => ("-", text.get(1..)?),
        b'+' => ("", text.get(1..)?),
        _ => ("", text),
    };
    let exponent_at = magnitude.find(['e', 'E']).unwrap_or(magnitude.len());
    let (mantissa, exponent) = magnitude.split_at(exponent_at);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return None;
    }
    if let Some(power) = exponent.get(1..) {
        let power = power.strip_prefix(['-', '+']).unwrap_or(power);
        if power.is_empty() || !digits(power) {
            return None;
        }
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{point}{fraction}{exponent}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Documents {
        parse(&"t.yaml".into(), text)
    }

    fn json(text: &str) -> String {
        let read = read(text);
        assert!(read.diagnostics.is_empty(), "{text}: {:?}", read.diagnostics);
        read.documents.iter().map(|node| node.to_json().to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn scalars_are_of_the_core_schema() {
        for (text, expected) in [
            ("[yes, no, on, 12:30, 1_000, 0777]", r#"["yes","no","on","12:30","1_000",777]"#),
            ("[~, null, true, False]", r#"[null,null,true,false]"#),
            ("[1, -2, +3, 1.50, .5, 1e3, 0x1F, 0o17]", r#"[1,-2,3,1.5,0.5,1000.0,31,15]"#),
            ("['1', \"true\", !!str 1, .inf, 1., .]", r#"["1","true","1",".inf",1,"."]"#),
            ("{\"a\": [1.5e3, \"\\u00e9\"]}", r#"{"a":[1500.0,"é"]}"#),
            ("7: x", r#"{"7":"x"}"#),
            ("a: &x [1]\nb: *x", r#"{"a":[1],"b":[1]}"#),
            ("a: 1\n---\n---\nb: 2\n", r#"{"a":1} {"b":2}"#),
            ("# only a comment\n", ""),
            ("", ""),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
    }

    #[test]
    fn a_broken_document_does_not_hide_the_next() {
        let read = read("a: [1\n---\nb: 2\n---\nc: d: e\n---\nf: 1\n");
        assert_eq!(read.documents.len(), 2);
        assert_eq!(read.diagnostics.len(), 2);
    }

    #[test]
    fn the_tree_is_bounded() {
        let laughs = format!(
            "a: &a [{}]\nb: &b [{}]\nc: &c [{}]\nd: &d [{}]\n",
            ["x"; 100].join(","),
            ["*a"; 100].join(","),
            ["*b"; 100].join(","),
            ["*c"; 100].join(",")
        );
        let deep = "[".repeat(10_000);
        let deep_block: String = (0..500).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
        let deep_alias = (0..40).fold("a0: &a0 [[]]\n".to_owned(), |text, level| {
            format!("{text}a{}: &a{} [[*a{level}]]\n", level + 1, level + 1)
        });
        for text in [laughs, deep, deep_block, deep_alias] {
            let read = read(&text);
            assert_eq!(read.diagnostics.len(), 1, "{:?}", read.diagnostics);
            assert_eq!(read.diagnostics[0].id, Check::TooLarge, "{:?}", read.diagnostics);
        }
    }

    #[test]
    fn a_part_of_a_text_is_found_in_the_file() {
        for text in [
            "k: abc WORD def",
            "k: 'it''s WORD def'",
            "k: \"\\u00e9\\n\\\"WORD\\\" def\"",
            "k: |\n  {\n    é WORD\n  }\n",
            "k: >-\n  one\n  two WORD\n\n  three\n",
            "k: plain over\n  two WORD lines",
            "k: \"over\n  two WORD lines\"",
        ] {
            let read = read(text);
            let Value::Mapping(entries) = &read.documents[0].value else { panic!() };
            let node = &entries[0].value;
            let value = node.as_text().unwrap();
            let at = value.find("WORD").unwrap();
            assert_eq!(&text[node.part(text, at..at + 4)], "WORD", "{text}");
        }
    }
}
