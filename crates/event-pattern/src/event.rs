//! Events, flattened.
//!
//! An event is a list of fields: a path, a leaf, and where among the event's arrays the leaf stands. Arrays add nothing to a path, empty
//! objects and arrays leave no field, and of a duplicate key both values are seen, as recorded on the service (September 2026).

use std::collections::BTreeMap;

use crate::arrays::{Arrays, FieldRef, Scope};
use crate::json::{Kind, Span, Token, scan};
use crate::term::Leaf;

/// An event, ready to be matched.
#[derive(Debug, Clone)]
pub struct Event {
    fields: BTreeMap<String, Vec<Value>>,
    arrays: Arrays,
    /// For each array, how long its path is. The paths of the leaves in it begin with it.
    array_paths: Vec<usize>,
    root: Vec<(String, Shape)>,
}

/// A leaf of an event and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value {
    leaf: OwnedLeaf,
    scope: Option<Scope>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum OwnedLeaf {
    String(String),
    Number(String),
    True,
    False,
    Null,
}

/// What stands at a key of the root, for the envelope's check.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    String(String),
    Number,
    Other,
}

/// Why an event is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The bytes are no UTF-8.
    #[error("the event is not UTF-8")]
    Encoding,
    /// The text is no JSON.
    #[error("the event is not JSON: {message} (line {}, column {})", span.line, span.column)]
    Syntax {
        /// What is wrong.
        message: String,
        /// Where.
        span: Span,
    },
    /// The text is JSON, but no object.
    #[error("the event is not a JSON object")]
    NotAnObject,
}

/// Why `TestEventPattern` refuses an event that matching itself would take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// A field that every event has is missing.
    #[error("the event has no \"{0}\"; the service wants id, account, source, time, region and detail-type")]
    Missing(&'static str),
    /// A field of the envelope is neither a string nor a number.
    #[error("\"{0}\" must be a string")]
    NotAString(&'static str),
    /// `time` is no time.
    #[error("\"time\" must be a time like 2026-09-13T00:00:00Z")]
    Time,
}

impl EnvelopeError {
    /// The service's words.
    #[must_use]
    pub fn service_text(&self) -> &'static str {
        match self {
            EnvelopeError::Missing(_) | EnvelopeError::NotAString(_) => "Parameter Event is not valid.",
            EnvelopeError::Time => "Parameter Event is not valid. Reason: Invalid time.",
        }
    }
}

impl Event {
    /// Reads an event from its JSON text.
    ///
    /// ```
    /// use event_pattern::{Event, Leaf};
    /// let event = Event::parse(r#"{"a": [{"b": 1}, {"b": "x"}], "c": []}"#)?;
    /// let leaves: Vec<Leaf<'_>> = event.leaves("a.b").collect();
    /// assert_eq!(leaves, [Leaf::Number("1"), Leaf::String("x")]);
    /// assert_eq!(event.leaves("c").count(), 0);
    /// # Ok::<(), event_pattern::EventError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the text is no JSON object, or nested deeper than [`json::DEPTH_MAX`](crate::json::DEPTH_MAX).
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Event, EventError> {
        let text = std::str::from_utf8(text.as_ref()).map_err(|_| EventError::Encoding)?;
        let tokens = scan(text);
        if let Some(Token { kind: Kind::Broken, text, span, .. }) = tokens.last() {
            return Err(EventError::Syntax { message: text.clone(), span: *span });
        }
        if tokens.first().is_none_or(|first| first.kind != Kind::StartObject) {
            return Err(EventError::NotAnObject);
        }
        Ok(Flattening::default().run(tokens))
    }

    /// The leaves at a path, in document order.
    pub fn leaves(&self, path: &str) -> impl Iterator<Item = Leaf<'_>> {
        self.fields(path).map(|field| field.leaf)
    }

    /// The leaves at a path with their places, for [`consistent`](crate::consistent).
    pub fn fields(&self, path: &str) -> impl Iterator<Item = FieldRef<'_>> {
        self.fields
            .get(path)
            .into_iter()
            .flatten()
            .map(|value| FieldRef { leaf: value.leaf.borrow(), scope: value.scope })
    }

    /// Every path that has a leaf, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }

    /// The arrays that hold objects or arrays.
    #[must_use]
    pub fn arrays(&self) -> &Arrays {
        &self.arrays
    }

    /// Whether the path leads to an object with values in it.
    pub(crate) fn has_below(&self, path: &str) -> bool {
        let below = format!("{path}.");
        self.fields.range(below.clone()..).next().is_some_and(|(path, _)| path.starts_with(&below))
    }

    /// The path of the innermost array that holds values of both paths in different elements.
    pub(crate) fn shared_array(&self, left: &str, right: &str) -> Option<String> {
        let arrays = |path: &str| -> std::collections::HashSet<u32> {
            let scopes: std::collections::HashSet<_> = self.fields(path).map(|field| field.scope).collect();
            scopes.into_iter().flat_map(|scope| self.arrays.chain(scope)).map(|(array, _)| array).collect()
        };
        let right = arrays(right);
        let shared = arrays(left).into_iter().filter(|array| right.contains(array));
        let lengths = shared.filter_map(|array| self.array_paths.get(usize::try_from(array).ok()?).copied());
        left.get(..lengths.max()?).map(str::to_owned)
    }

    /// Checks what `TestEventPattern` and `PutEvents` ask of an event before any pattern is looked at: `id`, `account`, `source`,
    /// `time`, `region` and `detail-type` are there, and `time` is a time. A number passes for a string everywhere but in `time`; `version`,
    /// `resources` and `detail` may be missing. Recorded on the service, September 2026.
    ///
    /// # Errors
    ///
    /// The first field that is missing or wrong.
    pub fn check_envelope(&self) -> Result<(), EnvelopeError> {
        for name in ["id", "account", "source", "time", "region", "detail-type"] {
            // Of a duplicate key the last counts: this check reads a tree.
            let Some((_, shape)) = self.root.iter().rev().find(|(key, _)| key == name) else {
                return Err(EnvelopeError::Missing(name));
            };
            match shape {
                Shape::String(text) if name == "time" && !is_time(text) => return Err(EnvelopeError::Time),
                Shape::Number if name == "time" => return Err(EnvelopeError::Time),
                Shape::Other => return Err(EnvelopeError::NotAString(name)),
                _ => {}
            }
        }
        Ok(())
    }
}

impl OwnedLeaf {
    fn borrow(&self) -> Leaf<'_> {
        match self {
            OwnedLeaf::String(text) => Leaf::String(text),
            OwnedLeaf::Number(text) => Leaf::Number(text),
            OwnedLeaf::True => Leaf::True,
            OwnedLeaf::False => Leaf::False,
            OwnedLeaf::Null => Leaf::Null,
        }
    }
}

/// The walk over an event's tokens. It keeps its own stack, so that depth costs no thread's stack.
#[derive(Default)]
struct Flattening {
    fields: BTreeMap<String, Vec<Value>>,
    arrays: Arrays,
    root: Vec<(String, Shape)>,
    open: Vec<Open>,
    path: String,
    /// How many of the open ones are objects.
    objects: usize,
    /// For each array seen so far, how long its path is.
    array_paths: Vec<usize>,
}

struct Open {
    /// The array's number and the index of the next element; `None` for an object.
    array: Option<(u32, u32)>,
    /// The scope of what is inside.
    scope: Option<Scope>,
    /// Where the path ends outside of the value.
    outer: usize,
}

impl Flattening {
    fn run(mut self, tokens: Vec<Token>) -> Event {
        // Whether a name was read whose value is next, and where the path ended before it.
        let mut named: Option<usize> = None;
        for token in tokens {
            match token.kind {
                Kind::Name => {
                    named = Some(self.path.len());
                    // An empty key is a key: only the root's own keys have no dot before them.
                    if self.objects > 1 {
                        self.path.push('.');
                    }
                    self.path.push_str(&token.text);
                    if self.open.len() == 1 {
                        self.root.push((token.text, Shape::Other));
                    }
                }
                Kind::StartObject | Kind::StartArray => {
                    let scope = self.enter();
                    let array = (token.kind == Kind::StartArray).then(|| {
                        let array = u32::try_from(self.array_paths.len()).unwrap_or(u32::MAX);
                        self.array_paths.push(self.path.len());
                        (array, 0)
                    });
                    let outer = named.take().unwrap_or(self.path.len());
                    self.objects += usize::from(array.is_none());
                    self.open.push(Open { array, scope, outer });
                }
                Kind::EndObject | Kind::EndArray => {
                    if let Some(open) = self.open.pop() {
                        self.objects -= usize::from(open.array.is_none());
                        self.path.truncate(open.outer);
                    }
                    self.step();
                }
                Kind::End | Kind::Broken => {}
                kind => {
                    if self.open.len() == 1
                        && let Some((_, shape)) = self.root.last_mut()
                    {
                        *shape = match kind {
                            Kind::String => Shape::String(token.text.clone()),
                            Kind::Integer | Kind::Float => Shape::Number,
                            _ => Shape::Other,
                        };
                    }
                    let leaf = match kind {
                        Kind::String => OwnedLeaf::String(token.text),
                        Kind::Integer | Kind::Float => OwnedLeaf::Number(token.text),
                        Kind::True => OwnedLeaf::True,
                        Kind::False => OwnedLeaf::False,
                        _ => OwnedLeaf::Null,
                    };
                    let scope = self.open.last().and_then(|open| open.scope);
                    let value = Value { leaf, scope };
                    match self.fields.get_mut(&self.path) {
                        Some(values) => values.push(value),
                        None => {
                            self.fields.insert(self.path.clone(), vec![value]);
                        }
                    }
                    if let Some(outer) = named.take() {
                        self.path.truncate(outer);
                    }
                    self.step();
                }
            }
        }
        Event { fields: self.fields, arrays: self.arrays, array_paths: self.array_paths, root: self.root }
    }

    /// The scope of an object or array that begins here. As an element of an array it is a place of its own.
    fn enter(&mut self) -> Option<Scope> {
        let parent = self.open.last()?;
        match parent.array {
            Some((array, element)) => Some(self.arrays.add(parent.scope, array, element)),
            None => parent.scope,
        }
    }

    /// Counts an element of the innermost array.
    fn step(&mut self) {
        if let Some(Open { array: Some((_, element)), .. }) = self.open.last_mut() {
            *element = element.saturating_add(1);
        }
    }
}

/// Whether a text is a time of ISO 8601 with a date, a clock time and a zone.
fn is_time(text: &str) -> bool {
    let Some((date, rest)) = text.split_once(['T', 't']) else { return false };
    let number = |text: &str, length: usize| -> Option<u32> {
        (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
    };
    let mut date = date.split('-');
    let (Some(year), Some(month), Some(day), None) = (
        date.next().and_then(|part| number(part, 4)),
        date.next().and_then(|part| number(part, 2)),
        date.next().and_then(|part| number(part, 2)),
        date.next(),
    ) else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return false,
    };
    let Some(split) = rest.find(['Z', 'z', '+', '-']) else { return false };
    let (clock, zone) = rest.split_at(split);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut clock = clock.split(':');
    let (Some(hour), Some(minute), second, None) = (
        clock.next().and_then(|part| number(part, 2)),
        clock.next().and_then(|part| number(part, 2)),
        clock.next().map_or(Some(0), |part| number(part, 2)),
        clock.next(),
    ) else {
        return false;
    };
    let zone_fits = matches!(zone, "Z" | "z")
        || zone.get(1..).is_some_and(|offset| {
            let (hours, minutes) = offset.split_once(':').unwrap_or((offset, "00"));
            number(hours, 2).is_some_and(|hours| hours <= 18)
                && number(minutes, 2).is_some_and(|minutes| minutes < 60)
        });
    (1..=days).contains(&day)
        && hour < 24
        && minute < 60
        && second.is_some_and(|second| second < 60)
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && zone_fits
}
