//! What a condition may name, made from one matched event only as far as it is named.

use super::functions::HoursVal;
use crate::evaluation::Subject;
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::OnceLock;

/// The variables of one event. Each is made at its first use and shared by all conditions of the rule; texts are
/// borrowed from the event.
pub(crate) struct Scope<'a> {
    subject: Subject<'a>,
    variables: [OnceLock<Option<Boxed<'a>>>; VARIABLES.len()],
}

type Boxed<'a> = Box<dyn Val + 'a>;

/// The name by which `in_hours` reaches the snapshot's hours. No CEL identifier can be written so.
pub(super) const HOURS: &str = "@hours";

pub(super) const VARIABLES: [&str; 11] = [
    "source",
    "event",
    "detail",
    "account",
    "region",
    "time",
    "principal",
    "lists",
    "id",
    "resources",
    HOURS,
];

/// The fields of the variables whose fields are known; `detail` and `event` may hold anything.
pub(super) fn fields_of(variable: &str) -> Option<&'static [&'static str]> {
    match variable {
        "account" => Some(&["id", "name", "ou", "tags"]),
        "principal" => Some(&["kind", "name", "arn", "session", "human"]),
        _ => None,
    }
}

impl<'a> Scope<'a> {
    pub(crate) fn new(subject: Subject<'a>) -> Self {
        Self { subject, variables: std::array::from_fn(|_| OnceLock::new()) }
    }

    fn make(&self, name: &str) -> Option<Boxed<'a>> {
        let Subject { event, principal, context } = self.subject;
        let text = |text: &'a str| -> Boxed<'a> { Box::new(CelString::from(text)) };
        match name {
            "event" => Some(value(event)),
            "account" => {
                let id = event.get("account").and_then(Value::as_str)?;
                let known = context.account(id);
                let tags = known.into_iter().flat_map(|account| &account.tags);
                let tags = tags.map(|(key, value)| (&**key, text(value)));
                Some(map([
                    ("id", text(id)),
                    ("name", text(context.account_name(id))),
                    ("ou", text(known.and_then(|account| account.ou.as_deref()).unwrap_or_default())),
                    ("tags", map(tags)),
                ]))
            }
            "principal" => {
                let optional =
                    [("arn", &principal.arn), ("session", &principal.session), ("human", &principal.human)];
                let optional =
                    optional.into_iter().filter_map(|(name, value)| Some((name, text(value.as_deref()?))));
                let kind = text(crate::evaluation::principal_kind(principal.kind));
                Some(map([("kind", kind), ("name", text(&principal.name))].into_iter().chain(optional)))
            }
            "lists" => Some(map(context.lists().iter().map(|(name, list)| {
                let globs: Vec<Boxed<'a>> = list.globs().iter().map(|glob| text(glob)).collect();
                (name, Box::new(CelList::from(globs)) as Boxed<'a>)
            }))),
            HOURS => Some(Box::new(HoursVal(context.hours().clone()))),
            field => event.get(field).map(value),
        }
    }
}

impl VariableResolver for Scope<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let index = VARIABLES.iter().position(|name| *name == variable)?;
        let made = self.variables.get(index)?.get_or_init(|| self.make(variable));
        match made {
            Some(value) => Some(CowVal::Borrowed(&**value)),
            // The event lacks it: `null`, of which nothing but comparison can be asked.
            None => Some(CowVal::Borrowed(&CelNull)),
        }
    }
}

/// JSON as CEL: whole numbers are `int`, or `uint` where they are too large for it.
fn value<'a>(json: &'a Value) -> Boxed<'a> {
    match json {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Number(value) => number(value),
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(items) => {
            let items: Vec<Boxed<'a>> = items.iter().map(value).collect();
            Box::new(CelList::from(items))
        }
        Value::Object(members) => map(members.iter().map(|(key, member)| (key.as_str(), value(member)))),
    }
}

pub(super) fn number<'a>(number: &serde_json::Number) -> Boxed<'a> {
    match (number.as_i64(), number.as_u64()) {
        (Some(value), _) => Box::new(CelInt::from(value)),
        (None, Some(value)) => Box::new(CelUInt::from(value)),
        (None, None) => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
    }
}

fn map<'a>(members: impl IntoIterator<Item = (&'a str, Boxed<'a>)>) -> Boxed<'a> {
    let members: HashMap<CelMapKey<'a>, Boxed<'a>> =
        members.into_iter().map(|(key, value)| (CelMapKey::from(key), value)).collect();
    Box::new(CelMap::from(members))
}

/// CEL as JSON, for functions that take a value apart. What JSON cannot say becomes `null`.
pub(super) fn json(value: &dyn Val) -> Value {
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        Value::String(text.inner().to_owned())
    } else if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        let members = map.inner().iter().filter_map(|(key, value)| match key {
            CelMapKey::String(key) => Some((key.inner().to_owned(), json(&**value))),
            _ => None,
        });
        Value::Object(members.collect())
    } else if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        Value::Array(list.inner().iter().map(|item| json(&**item)).collect())
    } else if let Some(number) = value.downcast_ref::<CelInt>() {
        Value::from(*number.inner())
    } else if let Some(number) = value.downcast_ref::<CelUInt>() {
        Value::from(*number.inner())
    } else if let Some(number) = value.downcast_ref::<CelDouble>() {
        Value::from(*number.inner())
    } else if let Some(truth) = value.downcast_ref::<CelBool>() {
        Value::Bool(*truth.inner())
    } else {
        Value::Null
    }
}
