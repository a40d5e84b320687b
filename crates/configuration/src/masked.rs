//! The text of a configuration as it may be shown: whatever may be a secret is blotted out.
//!
//! A diagnostic underlines a place in a line, and the line may hold a key that somebody wrote into the file, or that slipped under a misspelt
//! name. So this errs on the side of hiding: below `targets`, `sources`, `http` and unknown keys every value is blotted out that does not
//! belong to a key known to be harmless. References (`${NAME}`) are no secrets and stay.
//!
//! Invariant: every character keeps its place, so that spans of the file are spans of what is shown.

use std::ops::Range;
use std::sync::Arc;

use rules::Files;
use rules::yaml::{Node, Value};

/// Files as they may be shown: those that were handed in, with one of them blotted out in part.
pub struct Shown<'f> {
    files: &'f dyn Files,
    path: Arc<str>,
    text: Arc<str>,
}

impl<'f> Shown<'f> {
    pub(crate) fn new(files: &'f dyn Files, path: Arc<str>, text: Arc<str>) -> Self {
        Shown { files, path, text }
    }
}

impl Files for Shown<'_> {
    fn text(&self, path: &str) -> Option<Arc<str>> {
        if path == &*self.path { Some(Arc::clone(&self.text)) } else { self.files.text(path) }
    }
}

/// Sections in which no secret may stand.
const PLAIN_SECTIONS: [&str; 15] = [
    "accounts",
    "change_windows",
    "fold",
    "forward",
    "geoip",
    "holidays",
    "hours",
    "lateness",
    "lists",
    "log",
    "override",
    "routes",
    "rules",
    "state",
    "suppressions",
];

/// Keys of the other sections whose values are no secrets.
const PLAIN_KEYS: [&str; 57] = [
    "age",
    "allow",
    "attempts",
    "authentication",
    "body",
    "body_max",
    "buckets",
    "bus",
    "ca",
    "channel",
    "class",
    "concurrency",
    "connect_timeout",
    "cool_down",
    "create",
    "delay",
    "delay_max",
    "detail_type",
    "dry_run",
    "endpoint",
    "external_id",
    "every",
    "fold",
    "folder",
    "from",
    "fsync",
    "function",
    "group",
    "hello",
    "input_path",
    "listen",
    "name",
    "object_max",
    "on_error",
    "partition_key",
    "path",
    "plain_http",
    "poll",
    "port",
    "queue",
    "region",
    "retry_after_max",
    "role",
    "server",
    "settle",
    "sns",
    "source",
    "stream",
    "timeout",
    "title",
    "tls",
    "to",
    "topic",
    "tries",
    "visibility",
    "watch",
    "zone",
];

/// What may be shown of a file that could be read.
pub(crate) fn masked(text: &str, documents: &[Node]) -> Arc<str> {
    let mut ranges = Vec::new();
    for document in documents {
        let Value::Mapping(sections) = &document.value else { continue };
        for section in sections.iter().filter(|section| !PLAIN_SECTIONS.contains(&&*section.key)) {
            collect(&section.value, &mut ranges);
        }
    }
    blot(text, &ranges)
}

fn collect(node: &Node, ranges: &mut Vec<Range<usize>>) {
    match &node.value {
        Value::Mapping(entries) => {
            for entry in entries {
                let scalars_only = |node: &Node| match &node.value {
                    Value::Mapping(_) => false,
                    Value::Sequence(items) => {
                        items.iter().all(|item| !matches!(item.value, Value::Mapping(_) | Value::Sequence(_)))
                    }
                    _ => true,
                };
                if !(PLAIN_KEYS.contains(&&*entry.key) && scalars_only(&entry.value)) {
                    collect(&entry.value, ranges);
                }
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| collect(item, ranges)),
        Value::Null | Value::Bool(_) => {}
        Value::Number(_) | Value::Text(_) => ranges.push(node.range.clone()),
    }
}

/// What may be shown of a file whose text is broken: nobody knows what belongs to which key, so every long word is blotted out.
pub(crate) fn masked_blindly(text: &str) -> Arc<str> {
    const LENGTH_MIN: usize = 12;
    let mut ranges = Vec::new();
    let mut start = 0;
    let is_break = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '[' | ']');
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if is_break(c) {
            if at - start >= LENGTH_MIN && !text.get(start..at).is_some_and(|word| word.ends_with(':')) {
                ranges.push(start..at);
            }
            start = at + c.len_utf8();
        }
    }
    blot(text, &ranges)
}

/// Puts stars in the place of letters. References and the marks around a text stay.
fn blot(text: &str, ranges: &[Range<usize>]) -> Arc<str> {
    let mut bytes = text.as_bytes().to_vec();
    for range in ranges {
        let Some(secret) = text.get(range.clone()) else { continue };
        let mut at = range.start;
        let mut rest = secret;
        while let Some(first) = rest.chars().next() {
            let reference = rest.strip_prefix("${").and_then(|inside| inside.find('}')).map(|end| end + 3);
            let length = reference.unwrap_or(first.len_utf8());
            let kept =
                reference.is_some() || first.is_whitespace() || matches!(first, '"' | '\'' | '|' | '>');
            if !kept && let Some(place) = bytes.get_mut(at..at + length) {
                place.fill(b'*');
            }
            at += length;
            rest = rest.get(length..).unwrap_or_default();
        }
    }
    // Whole characters gave way to as many stars as they have bytes.
    String::from_utf8(bytes).map_or_else(|_| Arc::from(""), Arc::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        masked(text, &rules::yaml::parse(&"t.yaml".into(), text).documents).to_string()
    }

    #[test]
    fn what_may_be_a_secret_is_blotted_out() {
        for (text, expected) in [
            ("state: /var/lib", "state: /var/lib"),
            (
                "targets: { a: { slack: { webhook: \"https://x/é\" } } }",
                "targets: { a: { slack: { webhook: \"************\" } } }",
            ),
            (
                "targets: { a: { slack: { webhook: \"${A}/b\" } } }",
                "targets: { a: { slack: { webhook: \"${A}**\" } } }",
            ),
            ("targets: { a: { slak: { webhok: abc } } }", "targets: { a: { slak: { webhok: *** } } }"),
            ("targets: { a: { file: { path: /x } } }", "targets: { a: { file: { path: /x } } }"),
            ("target: { path: { x: y } }", "target: { path: { x: * } }"),
            ("routing_key: abc", "routing_key: ***"),
            (
                "sources: [{ http: { keys: [abc, 12345], listen: x } }]",
                "sources: [{ http: { keys: [***, *****], listen: x } }]",
            ),
            ("targets: secret", "targets: ******"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn of_a_broken_text_long_words_are_blotted_out() {
        let text = "targets: [\n  a: hunter2hunter2\n  some_long_key_name: \"0123456789abcdef ${NAME}\"";
        let expected = "targets: [\n  a: **************\n  some_long_key_name: \"**************** ${NAME}\"";
        assert_eq!(&*masked_blindly(text), expected);
    }
}
