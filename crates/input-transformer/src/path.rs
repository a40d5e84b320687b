//! Paths into an event: the part of JSONPath that EventBridge has.

use crate::Payload;
use crate::error::{InputError, Length};
use crate::event::{Event, Value};
use crate::json::Kind;

/// The longest path, in characters.
pub const PATH_LENGTH_MAX: usize = 256;

/// A path into an event.
///
/// `$` is the event, `.name` a member of an object (letters, digits, `-`, `_` and `/`), `[0]` an element of an array and `[*]` all of
/// its elements. There are no slices, filters, negative indexes, names in brackets and searches (`..`).
///
/// ```
/// use input_transformer::{Event, InputPath, Payload};
/// let event = Event::parse(r#"{"detail": {"items": [{"name": "a"}, {"name": "b", "n": 2}]}}"#)?;
/// let names = InputPath::parse("$.detail.items[*].name")?;
/// assert_eq!(names.apply(&event), Payload::Delivered(r#"["a","b"]"#.to_owned()));
///
/// let error = InputPath::parse("$.detail.items[0:2]").unwrap_err();
/// assert_eq!(error.service_text("queue"), "InputPath for target queue is invalid.");
/// assert_eq!(error.to_string(), "the path `$.detail.items[0:2]` cannot be used: in brackets stands a number or `*`");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputPath {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
    All,
}

/// What stands at a path.
#[derive(Debug, Clone)]
pub(crate) enum Found<'e> {
    Nothing,
    One(Value<'e>),
    /// A path with `[*]` finds a list, however many there are.
    List(Vec<Value<'e>>),
}

impl InputPath {
    /// Reads a path.
    ///
    /// # Errors
    ///
    /// If it is longer than [`PATH_LENGTH_MAX`] or not in the part of JSONPath above.
    pub fn parse(path: &str) -> Result<InputPath, InputError> {
        Length::of("InputPath", "inputPath", path, 0..=PATH_LENGTH_MAX)?;
        steps(path)
            .map(|steps| InputPath { steps })
            .map_err(|reason| InputError::Path { path: path.to_owned(), reason })
    }

    /// What a target gets: the value as JSON without white space, a string with its quotes. Where there is no value, and where it
    /// is a number, that is `{}`.
    #[must_use]
    pub fn apply(&self, event: &Event) -> Payload {
        let mut out = String::new();
        match self.find(event) {
            Found::One(value) if value.kind() == Some(Kind::Number) => out.push_str("{}"),
            Found::Nothing => out.push_str("{}"),
            found => found.write_json(&mut out),
        }
        Payload::Delivered(out)
    }

    pub(crate) fn find<'e>(&self, event: &'e Event) -> Found<'e> {
        let mut list = false;
        let mut values = vec![event.root()];
        for step in &self.steps {
            values = match step {
                Step::Member(name) => values.into_iter().filter_map(|value| value.member(name)).collect(),
                Step::Element(index) => {
                    values.into_iter().filter_map(|value| value.elements().nth(*index)).collect()
                }
                Step::All => {
                    let all = |value: &Value<'e>| {
                        matches!(value.kind(), Some(Kind::StartArray | Kind::StartObject))
                    };
                    values.retain(all);
                    list |= !values.is_empty();
                    values
                        .into_iter()
                        .flat_map(|value| value.elements().chain(value.members().map(|(_, member)| member)))
                        .collect()
                }
            };
            if values.is_empty() && !list {
                return Found::Nothing;
            }
        }
        match values.first() {
            Some(value) if !list => Found::One(*value),
            _ => Found::List(values),
        }
    }
}

impl Found<'_> {
    pub(crate) fn write_json(&self, out: &mut String) {
        match self {
            Found::Nothing => {}
            Found::One(value) => value.write_json(out),
            Found::List(values) => {
                out.push('[');
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    value.write_json(out);
                }
                out.push(']');
            }
        }
    }
}

fn steps(path: &str) -> Result<Vec<Step>, &'static str> {
    let mut rest = path.strip_prefix('$').ok_or("it begins with `$`")?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(name) = rest.strip_prefix('.') {
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/');
            let (name, after) = name.split_at(name.find(|c| !is_name(c)).unwrap_or(name.len()));
            if name.is_empty() {
                return Err("after `.` stands a name of letters, digits, `-`, `_` and `/`");
            }
            steps.push(Step::Member(name.to_owned()));
            rest = after;
        } else if let Some((index, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let digits = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
            steps.push(match index {
                "*" => Step::All,
                // No array has more elements than a number can say.
                _ if digits => Step::Element(index.parse().unwrap_or(usize::MAX)),
                _ => return Err("in brackets stands a number or `*`"),
            });
            rest = after;
        } else {
            return Err("names have letters, digits, `-`, `_` and `/`, and `.` or `[` follows them");
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let event = Event::parse(
            r#"{"a": {"text": "say \"hi\"", "n": 1.50, "yes": true, "nothing": null, "deep": [[1, 2], [3]], "empty": []},
                "b-c_d/e": [{"x": 1}, {"y": 2}, {"x": [3]}, 4], "7": "seven"}"#,
        )
        .unwrap();
        for (path, wanted) in [
            ("$.a.text", r#""say \"hi\"""#),
            ("$.a.n", "{}"),
            ("$.a.yes", "true"),
            ("$.a.nothing", "null"),
            ("$.a.deep", "[[1,2],[3]]"),
            ("$.a.deep[0]", "[1,2]"),
            ("$.a.deep[0][1]", "{}"),
            ("$.a.deep[*]", "[[1,2],[3]]"),
            ("$.a.deep[*][0]", "[1,3]"),
            ("$.a.deep[*][1]", "[2]"),
            ("$.a.deep[*][*]", "[1,2,3]"),
            ("$.a.deep[9]", "{}"),
            ("$.a.deep[99999999999999999999999]", "{}"),
            ("$.a.empty", "[]"),
            ("$.a.empty[*]", "[]"),
            ("$.a.empty[*].x", "[]"),
            ("$.a.empty[0]", "{}"),
            ("$.a.missing[*]", "{}"),
            ("$.a.text[*]", "{}"),
            ("$.b-c_d/e[*].x", "[1,[3]]"),
            ("$.b-c_d/e[1]", r#"{"y":2}"#),
            ("$.b-c_d/e.x", "{}"),
            ("$.b-c_d/e[0][*]", "[1]"),
            ("$.7", r#""seven""#),
            ("$.a[0]", "{}"),
        ] {
            let payload = InputPath::parse(path).unwrap().apply(&event);
            assert_eq!(payload, Payload::Delivered(wanted.to_owned()), "{path}");
        }
    }

    #[test]
    fn what_is_no_path() {
        for path in [
            "",
            "a",
            "a.b",
            " $",
            "$ ",
            "$a",
            "$.",
            "$..a",
            "$.a.",
            "$.a b",
            "$.ä",
            "$.a[",
            "$.a[]",
            "$.a[-1]",
            "$.a[0:1]",
            "$.a[0,1]",
            "$.a['b']",
            "$[\"a\"]",
            "$.a[?(@.b)]",
            "$.a[*",
            "$.*",
            "$.a]",
            "@.a",
            "$.a[1]b",
            "$.a()",
        ] {
            let error = InputPath::parse(path).unwrap_err();
            assert_eq!(error.service_text("t"), "InputPath for target t is invalid.", "{path}");
        }
        assert!(InputPath::parse(&format!("$.{}", "a".repeat(254))).is_ok());
        let error = InputPath::parse(&format!("$.{}", "a".repeat(255))).unwrap_err();
        assert!(error.service_text("t").ends_with(
            "at 'targets.1.member.inputPath' failed to satisfy constraint: Member must have length less than or equal to 256"
        ));
    }
}
