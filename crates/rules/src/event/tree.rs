//! Text into a tree, with everything CloudTrail may write in it.
//!
//! Ordinary parsers refuse numbers that no `f64` holds and nesting beyond a hundred levels or so. An attacker who can place one
//! in a call would hide the call from every rule; so here such a number becomes the nearest there is, and what is nested too deep is
//! a leaf.

use json_scan::{Malformed, Value as Raw};
use serde_json::{Map, Number, Value};

/// How deep a tree goes. What is nested deeper is a leaf, its text: no rule asks for it, and an attacker must not choose how much of a
/// thread's stack is used.
pub(crate) const DEPTH_MAX: usize = 100;

/// The tree of a value.
///
/// # Errors
///
/// Where the value's text, down to [`DEPTH_MAX`], is not JSON.
pub(crate) fn of(value: Raw<'_>) -> Result<Value, Malformed> {
    at(value, 0)
}

fn at(value: Raw<'_>, depth: usize) -> Result<Value, Malformed> {
    Ok(match value {
        Raw::Null => Value::Null,
        Raw::True => Value::Bool(true),
        Raw::False => Value::Bool(false),
        Raw::Number(text) => Value::Number(number(text)),
        Raw::String(text) => Value::String(text.unescape()?.into_owned()),
        Raw::Array(array) if depth >= DEPTH_MAX => text(array.bytes()),
        Raw::Object(object) if depth >= DEPTH_MAX => text(object.bytes()),
        Raw::Array(array) => {
            let elements = array.elements().map(|element| at(element?, depth + 1));
            Value::Array(elements.collect::<Result<_, _>>()?)
        }
        Raw::Object(object) => {
            let mut members = Map::new();
            for member in object.members() {
                let member = member?;
                members.insert(member.key.unescape()?.into_owned(), at(member.value, depth + 1)?);
            }
            Value::Object(members)
        }
    })
}

/// The text of what is nested too deep.
fn text(bytes: &[u8]) -> Value {
    Value::String(String::from_utf8_lossy(bytes).into_owned())
}

/// A number by its text, which is one by JSON's grammar.
pub(crate) fn number(text: &str) -> Number {
    if let Ok(whole) = text.parse::<i64>() {
        return Number::from(whole);
    }
    if let Ok(whole) = text.parse::<u64>() {
        return Number::from(whole);
    }
    let nearest = text.parse::<f64>().unwrap_or_default().clamp(f64::MIN, f64::MAX);
    Number::from_f64(nearest).unwrap_or_else(|| Number::from(0))
}
