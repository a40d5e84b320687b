//! Text into a tree, with everything CloudTrail may write in it.
//!
//! Ordinary parsers refuse numbers that no `f64` holds and nesting beyond a hundred levels or so. An attacker who can place one
//! in a call would hide the call from every rule; so here such a number becomes the nearest there is, and nesting goes as
//! deep as the scanner's own limit.

use json_scan::{Malformed, Value as Raw};
use serde_json::{Map, Number, Value};

/// The tree of a value.
///
/// # Errors
///
/// Where the value's text, at any depth, is not JSON.
pub(crate) fn of(value: Raw<'_>) -> Result<Value, Malformed> {
    Ok(match value {
        Raw::Null => Value::Null,
        Raw::True => Value::Bool(true),
        Raw::False => Value::Bool(false),
        Raw::Number(text) => Value::Number(number(text)),
        Raw::String(text) => Value::String(text.unescape()?.into_owned()),
        Raw::Array(array) => {
            Value::Array(array.elements().map(|element| of(element?)).collect::<Result<_, _>>()?)
        }
        Raw::Object(object) => {
            let mut members = Map::new();
            for member in object.members() {
                let member = member?;
                members.insert(member.key.unescape()?.into_owned(), of(member.value)?);
            }
            Value::Object(members)
        }
    })
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
