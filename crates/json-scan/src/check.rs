//! Whether a text is JSON through and through.
//!
//! Looking inside a container checks what is looked at. Whoever is going to hand the text on has to know that all of it is
//! JSON, and this says so by looking at everything. Containers wait on a list, so depth costs no stack.

use crate::malformed::Malformed;
use crate::text::Text;
use crate::view::{Elements, Members, Value};

/// A container that is being looked at.
enum Open<'a> {
    Object(Members<'a>),
    Array(Elements<'a>),
}

/// Checks a value whose bytes are known to be UTF-8.
pub(crate) fn check(value: Value<'_>) -> Result<(), Malformed> {
    let mut open = Vec::with_capacity(16);
    open.extend(opened(value)?);
    while let Some(innermost) = open.last_mut() {
        let value = match innermost {
            Open::Object(members) => match members.next() {
                Some(member) => {
                    let member = member?;
                    member.key.check_escapes()?;
                    member.value
                }
                None => {
                    open.pop();
                    continue;
                }
            },
            Open::Array(elements) => match elements.next() {
                Some(value) => value?,
                None => {
                    open.pop();
                    continue;
                }
            },
        };
        open.extend(opened(value)?);
    }
    Ok(())
}

/// What is inside a value; a string that holds something else than JSON allows is a fault.
fn opened(value: Value<'_>) -> Result<Option<Open<'_>>, Malformed> {
    match value {
        Value::Object(object) => Ok(Some(Open::Object(object.members()))),
        Value::Array(array) => Ok(Some(Open::Array(array.elements()))),
        Value::String(text) => Text::check_escapes(&text).map(|()| None),
        // Read already, so they are what they seem.
        Value::Number(_) | Value::True | Value::False | Value::Null => Ok(None),
    }
}
