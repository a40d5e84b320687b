//! One JSON message, opened only along the selectors that ask.
//!
//! The text is kept, not turned into a tree: conditions tell `1` from `1.0`, so numbers must stay as they were
//! written. A message counts as JSON only if all of it is one JSON object, nested at most [`MESSAGE_DEPTH_MAX`] deep;
//! of members with the same key the last is the one.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::condition::Node;
use crate::selector::{Selector, Step};

/// Objects and arrays of a message may nest this deep, the message itself being the first level. A message nested
/// deeper is treated as broken JSON: no JSON pattern matches it. CloudTrail's events stay below twenty.
pub const MESSAGE_DEPTH_MAX: usize = 1_000;

/// A message that is a JSON object.
pub(crate) struct Document<'m> {
    root: &'m RawValue,
}

/// Why no JSON pattern can match a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAnObject {
    /// Not one whole JSON text.
    Broken,
    /// A JSON array, string, number, boolean or null.
    OtherType,
    /// Nested deeper than [`MESSAGE_DEPTH_MAX`].
    TooDeep,
}

impl fmt::Display for NotAnObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken => f.write_str("the message is not valid JSON"),
            Self::OtherType => f.write_str("the message is JSON, but not an object"),
            Self::TooDeep => write!(f, "the message nests deeper than {MESSAGE_DEPTH_MAX} levels"),
        }
    }
}

/// The steps gone so far, and what they lead to.
type Way<'m> = (Vec<Step>, Option<&'m RawValue>);

/// What a selector found: where, and what.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found<'m> {
    /// The path of this one value, with wildcards resolved as far as the message goes.
    pub(crate) path: Selector,
    pub(crate) value: Value<'m>,
}

/// A value of a message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'m> {
    Absent,
    Null,
    True,
    False,
    String(Cow<'m, str>),
    Number(&'m str),
    Array { raw: &'m str, contains_null: bool },
    Object { raw: &'m str },
}

impl Value<'_> {
    pub(crate) fn node(&self) -> Node<'_> {
        match self {
            Self::Absent => Node::Absent,
            Self::Null => Node::Null,
            Self::True => Node::True,
            Self::False => Node::False,
            Self::String(text) => Node::String(text),
            Self::Number(lexeme) => Node::Number(lexeme),
            Self::Array { contains_null, .. } => Node::Array { contains_null: *contains_null },
            Self::Object { .. } => Node::Object,
        }
    }
}

impl<'m> Document<'m> {
    pub(crate) fn parse(message: &'m str) -> Result<Self, NotAnObject> {
        // Reading a raw value checks the whole text without recursion, so depth cannot hurt here.
        let root: &RawValue = serde_json::from_str(message).map_err(|_| NotAnObject::Broken)?;
        if !root.get().starts_with('{') {
            return Err(NotAnObject::OtherType);
        }
        if depth(root.get()) > MESSAGE_DEPTH_MAX {
            return Err(NotAnObject::TooDeep);
        }
        Ok(Self { root })
    }

    /// Every value the selector reaches; [`Value::Absent`] once for every way that ends before the selector does. Never
    /// empty: a selector that reaches nothing at all finds one absent value.
    pub(crate) fn find(&self, selector: &Selector) -> Vec<Found<'m>> {
        let mut ways: Vec<Way<'m>> = vec![(Vec::new(), Some(self.root))];
        for step in &selector.steps {
            ways = ways.iter().flat_map(|way| advance(way, step)).collect();
        }
        let found = |(steps, value): Way<'m>| Found {
            path: Selector { steps },
            value: value.map_or(Value::Absent, classify),
        };
        ways.into_iter().map(found).collect()
    }
}

/// One step on; a step into nothing is a way that ends in nothing.
fn advance<'m>(way: &Way<'m>, step: &Step) -> Vec<Way<'m>> {
    let (path, value) = way;
    let onward = |step: Step| path.iter().cloned().chain([step]).collect();
    let children: Vec<(Step, &'m RawValue)> = match value.map(RawValue::get) {
        Some(raw) if raw.starts_with('{') => {
            members(raw).into_iter().map(|(key, value)| (Step::Key(key), value)).collect()
        }
        Some(raw) if raw.starts_with('[') => {
            elements(raw).into_iter().enumerate().map(|(index, value)| (Step::Index(index), value)).collect()
        }
        _ => Vec::new(),
    };
    match step {
        Step::AnyChild if !children.is_empty() => {
            children.into_iter().map(|(child, value)| (onward(child), Some(value))).collect()
        }
        wanted => {
            let value = children.into_iter().find(|(child, _)| child == wanted).map(|(_, value)| value);
            vec![(onward(wanted.clone()), value)]
        }
    }
}

fn classify(value: &RawValue) -> Value<'_> {
    let raw = value.get();
    match raw.as_bytes().first() {
        Some(b'{') => Value::Object { raw },
        Some(b'[') => {
            Value::Array { raw, contains_null: elements(raw).iter().any(|element| element.get() == "null") }
        }
        Some(b'"') => Value::String(
            serde_json::from_str::<Decoded>(raw).map_or(Cow::Borrowed(""), |text| Cow::Owned(text.0)),
        ),
        Some(b't') => Value::True,
        Some(b'f') => Value::False,
        Some(b'n') => Value::Null,
        _ => Value::Number(raw),
    }
}

/// The members of an object that has been checked, each key once with its last value.
fn members(raw: &str) -> Vec<(String, &RawValue)> {
    serde_json::from_str::<Members<'_>>(raw).map(|members| members.0).unwrap_or_default()
}

/// The elements of an array that has been checked.
fn elements(raw: &str) -> Vec<&RawValue> {
    serde_json::from_str(raw).unwrap_or_default()
}

struct Members<'m>(Vec<(String, &'m RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Vec<(String, &'de RawValue)> = Vec::new();
                let mut places = std::collections::HashMap::new();
                while let Some((Decoded(key), value)) = map.next_entry::<Decoded, &'de RawValue>()? {
                    let next = members.len();
                    let place = *places.entry(key.clone()).or_insert(next);
                    match members.get_mut(place) {
                        Some(earlier) => earlier.1 = value,
                        None => members.push((key, value)),
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// A decoded JSON string. An escaped half of a surrogate pair, which JSON allows and text does not, becomes U+FFFD.
struct Decoded(String);

impl<'de> Deserialize<'de> for Decoded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Decoded;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<Decoded, E> {
                Ok(Decoded(text.to_owned()))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Decoded, E> {
                // A lone surrogate arrives as three bytes, of which each would become one U+FFFD.
                let text = String::from_utf8_lossy(bytes).replace("\u{FFFD}\u{FFFD}\u{FFFD}", "\u{FFFD}");
                Ok(Decoded(text))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// How deep objects and arrays nest in a checked JSON text.
fn depth(raw: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                while let Some(inside) = bytes.next() {
                    match inside {
                        b'\\' => {
                            bytes.next();
                        }
                        b'"' => break,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'m>(message: &'m str, selector: &str) -> Vec<(String, Value<'m>)> {
        let document = Document::parse(message).unwrap_or_else(|why| panic!("{message}: {why}"));
        let selector = Selector::parse(selector).unwrap();
        document.find(&selector).into_iter().map(|found| (found.path.to_string(), found.value)).collect()
    }

    #[test]
    fn only_a_whole_object_is_a_document() {
        let cases = [
            ("{}", None),
            (" \n{\"a\":1}\t", None),
            ("", Some(NotAnObject::Broken)),
            ("{", Some(NotAnObject::Broken)),
            ("{\"a\":1} x", Some(NotAnObject::Broken)),
            ("{\"a\":1}{}", Some(NotAnObject::Broken)),
            ("{\"a\":01}", Some(NotAnObject::Broken)),
            ("{\"a\":1,}", Some(NotAnObject::Broken)),
            ("{\"a\":\"\n\"}", Some(NotAnObject::Broken)),
            ("{\"a\":\"\\x\"}", Some(NotAnObject::Broken)),
            ("{\"a\":NaN}", Some(NotAnObject::Broken)),
            ("{'a':1}", Some(NotAnObject::Broken)),
            ("\u{feff}{}", Some(NotAnObject::Broken)),
            ("[{}]", Some(NotAnObject::OtherType)),
            ("\"{}\"", Some(NotAnObject::OtherType)),
            ("null", Some(NotAnObject::OtherType)),
        ];
        for (message, expected) in cases {
            assert_eq!(Document::parse(message).err(), expected, "{message:?}");
        }
    }

    #[test]
    fn nests_to_the_documented_depth_and_survives_beyond() {
        let nested =
            |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert!(Document::parse(&nested(MESSAGE_DEPTH_MAX)).is_ok());
        assert_eq!(Document::parse(&nested(MESSAGE_DEPTH_MAX + 1)).err(), Some(NotAnObject::TooDeep));
        assert_eq!(Document::parse(&nested(1_000_000)).err(), Some(NotAnObject::TooDeep));
        assert!(Document::parse("{\"a\":\"[[[[\\\"[[[\"}").is_ok());
        assert_eq!(depth("{\"[\\\"[\":[]}"), 2);
    }

    #[test]
    fn descends_by_the_kind_of_step() {
        let message = r#"{"a":{"b":1,"0":"zero"},"a.b":2,"l":[10,{"b":null}],"s":"text","e":[],"o":{}}"#;
        let one = |selector: &str| find(message, selector).remove(0).1;
        assert_eq!(one("$.a.b"), Value::Number("1"));
        assert_eq!(one("$.['a.b']"), Value::Number("2"));
        assert_eq!(one("$.a.0"), Value::String("zero".into()));
        assert_eq!(one("$.a[0]"), Value::Absent);
        assert_eq!(one("$.l[0]"), Value::Number("10"));
        assert_eq!(one("$.l.0"), Value::Absent);
        assert_eq!(one("$.l[1].b"), Value::Null);
        assert_eq!(one("$.l[2]"), Value::Absent);
        assert_eq!(one("$.s.length"), Value::Absent);
        assert_eq!(one("$.missing.deeper"), Value::Absent);
        for nothing in ["$.s[*]", "$.e[*]", "$.o.*", "$.missing.*.x"] {
            let found = find(message, nothing);
            assert_eq!((found.len(), &found[0].1), (1, &Value::Absent), "{nothing}");
        }
        let either = find(message, "$.l[*].b");
        assert_eq!(either, [("$.l[0].b".to_owned(), Value::Absent), ("$.l[1].b".to_owned(), Value::Null)]);
        assert_eq!(find(message, "$.a[*]").len(), 2, "[*] iterates objects too");
    }

    #[test]
    fn the_last_of_equal_keys_counts() {
        assert_eq!(find(r#"{"v":1,"w":0,"v":2}"#, "$.v")[0].1, Value::Number("2"));
        assert_eq!(find(r#"{"v":1,"\u0076":2}"#, "$.v")[0].1, Value::Number("2"));
        assert_eq!(find(r#"{"v":1,"v":2}"#, "$.*").len(), 1);
    }

    #[test]
    fn decodes_strings_and_keys() {
        assert_eq!(find(r#"{"\u00e4\n":"\ud83d\ude00\t\/"}"#, "$.*")[0].1, Value::String("😀\t/".into()));
        assert_eq!(find(r#"{"v":"a\ud83db"}"#, "$.v")[0].1, Value::String("a\u{fffd}b".into()));
        assert_eq!(find(r#"{"\ud83d":1}"#, "$.*")[0].1, Value::Number("1"));
    }
}
