//! JSON as YAML for people: block style, bounded, and safe to read and to paste.
//!
//! Invariant: what comes out is YAML that means the JSON that went in, save that a long string ends with `…`, and that a comment
//! stands for the lines past the last. A string is written plain only if it is one plain word that no YAML reader takes for something else.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::printable::{cut, is_hidden, json_line};

/// The most lines, with the one that says how many more there are.
const LINES_MAX: usize = 60;
/// The longest string, in characters.
const STRING_MAX: usize = 500;
/// The deepest nesting that is shown in block style; below it, JSON on one line, or in a string if it is long.
const DEPTH_MAX: usize = 10;

pub(super) fn emit(value: &Value) -> String {
    let mut lines = Vec::new();
    if takes_lines(value, 0) {
        block(value, 0, &mut lines);
    } else {
        lines.push(scalar(value));
    }
    if lines.len() > LINES_MAX {
        let more = lines.len() - (LINES_MAX - 1);
        lines.truncate(LINES_MAX - 1);
        lines.push(format!("# … {more} more lines"));
    }
    lines.iter().fold(String::new(), |text, line| text + line + "\n")
}

/// Whether a value takes lines of its own.
fn takes_lines(value: &Value, depth: usize) -> bool {
    let inside = value.as_object().map(Map::len).or_else(|| value.as_array().map(Vec::len));
    inside.is_some_and(|inside| inside > 0) && depth < DEPTH_MAX
}

/// The entries of an object or array, each on lines of its own.
fn block(value: &Value, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    let fields = value.as_object().into_iter().flatten();
    for (key, field) in fields {
        let key = string(key);
        match expanded(field, depth + 1) {
            Some((field, note)) => {
                lines.push(format!("{indent}{key}:{note}"));
                block(&field, depth + 1, lines);
            }
            None => lines.push(format!("{indent}{key}: {}", scalar(field))),
        }
    }
    for item in value.as_array().into_iter().flatten() {
        match expanded(item, depth + 1) {
            Some((item, note)) => {
                let first = lines.len();
                block(&item, depth + 1, lines);
                // The dash takes the place of the indentation.
                if let Some(line) = lines.get_mut(first) {
                    line.replace_range(..indent.len() + 2, &format!("{indent}- "));
                    line.push_str(note);
                }
            }
            None => lines.push(format!("{indent}- {}", scalar(item))),
        }
    }
}

/// A value that takes lines of its own. A string that holds a JSON object or array, as policies do, counts as what it holds.
fn expanded(value: &Value, depth: usize) -> Option<(Cow<'_, Value>, &'static str)> {
    let inside = value
        .as_str()
        .filter(|text| text.starts_with(['{', '[']))
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    let (value, note) = match inside {
        Some(inside) => (Cow::Owned(inside), "  # JSON in a string"),
        None => (Cow::Borrowed(value), ""),
    };
    takes_lines(&value, depth).then_some((value, note))
}

/// A value on one line.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => string(text),
        // JSON is YAML; only what is hidden in its strings must be written otherwise.
        other => {
            let json = json_line(&other.to_string());
            if json.len() <= STRING_MAX { json } else { string(&json) }
        }
    }
}

/// A string on one line.
pub(super) fn string(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let cut = cut(text, STRING_MAX);
    let mut out = String::with_capacity(cut.len() + 2);
    out.push('"');
    for c in cut.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            // Writing to a String cannot fail.
            _ if is_hidden(c) && u32::from(c) <= 0xffff => drop(write!(out, "\\u{:04x}", u32::from(c))),
            _ if is_hidden(c) => drop(write!(out, "\\U{:08x}", u32::from(c))),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

/// One word that needs no quotes: it begins with a letter or a slash, and YAML 1.1 and 1.2 both read it as itself.
fn is_plain(text: &str) -> bool {
    const TAKEN: [&str; 10] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan"];
    text.len() <= 120
        && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && !text.ends_with(':')
        && text.bytes().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b':' | b'@' | b'+' | b'=')
        })
        && !TAKEN.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_people_read() {
        let value = json!({
            "name": "main",
            "empty": {},
            "none": [],
            "number": 3.5,
            "account": "111122223333",
            "switch": "on",
            "rules": [{ "port": 22, "ranges": ["0.0.0.0/0"] }, "x: y", ["a"]],
            "policyDocument": "{\"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"*\"}]}",
        });
        insta::assert_snapshot!(emit(&value), @r#"
        account: "111122223333"
        empty: {}
        name: main
        none: []
        number: 3.5
        policyDocument:  # JSON in a string
          Statement:
            - Action: "*"
              Effect: Allow
        rules:
          - port: 22
            ranges:
              - "0.0.0.0/0"
          - "x: y"
          - - a
        switch: "on"
        "#);
    }

    #[test]
    fn hostile_strings_stay_strings() {
        let value = json!({
            "a\nb: c": "x\n- evil: true\u{1b}[2J\u{202e}\u{e0041}",
            "<!channel>": "```\n*bold* & <b>",
            "key:": "no # comment",
            "alias": "*a",
            "anchor": "&a",
            "tag": "!!python-object",
            "merge": "<<",
            "long": "é".repeat(2_000),
        });
        let text = emit(&value);
        assert!(text.lines().all(|line| line.chars().count() < 600));
        assert!(text.chars().all(|c| c == '\n' || !is_hidden(c)));
        insta::assert_snapshot!(text.lines().filter(|line| !line.starts_with("long")).collect::<Vec<_>>().join("\n"), @r#"
        "<!channel>": "```\n*bold* & <b>"
        "a\nb: c": "x\n- evil: true\u001b[2J\u202e\U000e0041"
        alias: "*a"
        anchor: "&a"
        "key:": "no # comment"
        merge: "<<"
        tag: "!!python-object"
        "#);
    }

    #[test]
    fn size_and_depth_are_bounded() {
        let many: Vec<u32> = (0..100_000).collect();
        let text = emit(&json!({ "many": many }));
        assert_eq!(text.lines().count(), LINES_MAX);
        assert!(text.ends_with("# … 99942 more lines\n"), "{text}");
        let deep = (0..100).fold(json!(1), |inner, _| json!({ "a": inner }));
        assert_eq!(emit(&deep).lines().count(), DEPTH_MAX);
        let deep_and_large = (0..100).fold(json!(vec![1; 10_000]), |inner, _| json!({ "a": inner }));
        assert!(emit(&deep_and_large).len() < 1_000);
    }

    #[test]
    fn scalars_at_the_root() {
        assert_eq!(emit(&json!("a b")), "\"a b\"\n");
        assert_eq!(emit(&json!({})), "{}\n");
    }

    proptest! {
        #[test]
        fn it_means_the_json_that_went_in(value in json_value()) {
            let text = emit(&value);
            prop_assert!(text.chars().all(|c| c == '\n' || !is_hidden(c)), "{text:?}");
            let read: Value = serde_saphyr::from_str(&text).map_err(|error| TestCaseError::fail(format!("{text}\n{error}")))?;
            prop_assert_eq!(read, value, "{}", text);
        }
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let words = prop::sample::select(vec![
            "yes",
            "Null",
            "1e3",
            "~",
            "- a",
            "a: b",
            "a #b",
            "0x1f",
            "2026-11-03",
            ".inf",
            "=",
        ]);
        let text = prop_oneof![words.prop_map(str::to_owned), "[a-zA-Z0-9:/ ._-]{0,12}", any::<String>()]
            .prop_filter("JSON in a string is shown as what it holds", |text| !text.starts_with(['{', '[']));
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            let object = prop::collection::btree_map(text.clone(), inner.clone(), 0..4);
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Value::from),
                object.prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }
}
