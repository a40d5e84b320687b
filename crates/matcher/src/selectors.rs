//! Where the selectors of filters lead in one record.
//!
//! A selector without a wildcard leads to one value or to nothing, and many conditions share one (`$.eventName` above all): what it
//! leads to is looked up once per record. Of repeated keys the last counts at every level; a step into nothing, or
//! into something that has no such step, leads to nothing, and nothing is an answer as well.

use std::borrow::Cow;

use filter_pattern::{Node, Selector, Step, Test};
use json_scan::{Malformed, Object, Value};
use rustc_hash::FxHashMap;

use crate::stamps::Stamps;

/// A selector, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SelectorId(u32);

/// All selectors of a matcher's filters, each once.
#[derive(Debug, Default)]
pub(crate) struct Selectors {
    list: Vec<Selector>,
    numbers: FxHashMap<Selector, SelectorId>,
}

impl Selectors {
    pub(crate) fn number(&mut self, selector: &Selector) -> SelectorId {
        if let Some(&known) = self.numbers.get(selector) {
            return known;
        }
        let new = SelectorId(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        self.list.push(selector.clone());
        self.numbers.insert(selector.clone(), new);
        new
    }

    fn steps(&self, id: SelectorId) -> &[Step] {
        self.list.get(id.0 as usize).map_or(&[], |selector| &selector.steps)
    }
}

/// What selectors lead to in one record, as far as anybody asked.
#[derive(Debug, Default)]
pub(crate) struct Resolved<'a> {
    values: Vec<Option<Value<'a>>>,
    /// By selector: where its value is in `values`.
    places: Stamps<u32>,
}

impl<'a> Resolved<'a> {
    /// Results for another record in the memory of these.
    pub(crate) fn recycle<'b>(mut self) -> Resolved<'b> {
        self.values.clear();
        self.places.clear();
        // Nothing is left to convert; collecting in place keeps the buffer.
        Resolved { values: self.values.into_iter().map_while(|_| None).collect(), places: self.places }
    }

    /// Whether the test holds of something the selector leads to.
    pub(crate) fn holds(
        &mut self,
        selectors: &Selectors,
        selector: SelectorId,
        test: &Test,
        record: Object<'a>,
    ) -> Result<bool, Malformed> {
        let steps = selectors.steps(selector);
        if steps.contains(&Step::AnyChild) {
            return any(Some(Value::Object(record)), steps, test);
        }
        let known = self.places.get(selector.0 as usize).and_then(|place| self.values.get(place as usize));
        let value = match known {
            Some(value) => *value,
            None => {
                let mut value = Some(Value::Object(record));
                for step in steps {
                    value = advance(value, step)?;
                }
                let place = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
                self.values.push(value);
                self.places.set(selector.0 as usize, place);
                value
            }
        };
        node_holds(value, test)
    }
}

/// Whether the test holds of any of the values the steps lead to from `value`.
fn any(value: Option<Value<'_>>, steps: &[Step], test: &Test) -> Result<bool, Malformed> {
    let Some((step, rest)) = steps.split_first() else { return node_holds(value, test) };
    if *step != Step::AnyChild {
        return any(advance(value, step)?, rest, test);
    }
    let mut found = false;
    let mut is_empty = true;
    match value {
        Some(Value::Array(array)) => {
            for element in array.elements() {
                is_empty = false;
                found = found || any(Some(element?), rest, test)?;
            }
        }
        Some(Value::Object(object)) => {
            for value in last_of_each(object)? {
                is_empty = false;
                found = found || any(Some(value), rest, test)?;
            }
        }
        _ => {}
    }
    // No way at all is one way, and it leads to nothing.
    if is_empty { any(None, rest, test) } else { Ok(found) }
}

/// One step that is no wildcard.
fn advance<'a>(value: Option<Value<'a>>, step: &Step) -> Result<Option<Value<'a>>, Malformed> {
    match (value, step) {
        (Some(Value::Object(object)), Step::Key(key)) => last(object, key),
        (Some(Value::Array(array)), Step::Index(index)) => {
            let mut at_index = None;
            for (place, element) in array.elements().enumerate() {
                let element = element?;
                if place == *index {
                    at_index = Some(element);
                }
            }
            Ok(at_index)
        }
        _ => Ok(None),
    }
}

/// The value of the last member of this name.
fn last<'a>(object: Object<'a>, key: &str) -> Result<Option<Value<'a>>, Malformed> {
    let mut names = object.names();
    let mut value = None;
    while names.advance() {
        if names.name().is(key) {
            value = Some(names.value()?);
        }
    }
    names.check()?;
    Ok(value)
}

/// The values of an object's members, of repeated ones the last.
fn last_of_each<'a>(object: Object<'a>) -> Result<Vec<Value<'a>>, Malformed> {
    let mut members: FxHashMap<Cow<'a, str>, Value<'a>> = FxHashMap::default();
    for member in object.members() {
        let member = member?;
        members.insert(member.key.unescape()?, member.value);
    }
    Ok(members.into_values().collect())
}

fn node_holds(value: Option<Value<'_>>, test: &Test) -> Result<bool, Malformed> {
    let node = match value {
        None => Node::Absent,
        Some(Value::Null) => Node::Null,
        Some(Value::True) => Node::True,
        Some(Value::False) => Node::False,
        Some(Value::Number(text)) => Node::Number(text),
        Some(Value::String(text)) => return Ok(test.holds(Node::String(&text.unescape()?))),
        Some(Value::Object(_)) => Node::Object,
        Some(Value::Array(array)) => {
            let mut contains_null = false;
            for element in array.elements() {
                contains_null |= matches!(element?, Value::Null);
            }
            Node::Array { contains_null }
        }
    };
    Ok(test.holds(node))
}
