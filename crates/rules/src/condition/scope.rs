//! What a condition may name, made from one matched event only as far as it is named.

use super::functions::{HoursVal, WindowsVal};
use super::places::Place;
use crate::event::{Absent, DEPTH_MAX, Found, PRINCIPAL_FIELDS, Seen, number_of, principal_field};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use context::{Account, Context};
use json_scan::Value as Raw;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

/// The variables of one event. Each is made at its first use and shared by all conditions of the rule; texts are
/// borrowed from the event.
pub(crate) struct Scope<'a> {
    seen: Seen<'a>,
    context: &'a Context,
    variables: [OnceLock<Option<Boxed<'a>>>; VARIABLES.len()],
}

type Boxed<'a> = Box<dyn Val + 'a>;

/// The name by which `in_hours` reaches the snapshot's hours. No CEL identifier can be written so.
pub(super) const HOURS: &str = "@hours";

/// The name by which `in_change_window` reaches the snapshot's change windows.
pub(super) const CHANGE_WINDOWS: &str = "@change_windows";

pub(super) const VARIABLES: [&str; 12] = [
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
    CHANGE_WINDOWS,
];

/// The fields of the variables whose fields are known; `detail` and `event` may hold anything.
pub(super) fn fields_of(variable: &str) -> Option<&'static [&'static str]> {
    match variable {
        "account" => Some(&["id", "name", "ou", "tags", "owner"]),
        "principal" => Some(&PRINCIPAL_FIELDS),
        // The service's name as a whole; where the call came from in parts.
        "source" => Some(&["country", "city", "asn", "org"]),
        _ => None,
    }
}

impl<'a> Scope<'a> {
    pub(crate) fn new(seen: Seen<'a>, context: &'a Context) -> Self {
        Self { seen, context, variables: std::array::from_fn(|_| OnceLock::new()) }
    }

    /// A whole variable.
    fn make(&self, name: &str) -> Option<Boxed<'a>> {
        match name {
            "event" => self.seen.apart().map(|view| value(view.json())),
            "account" => {
                let (id, known) = self.account()?;
                let ou = known.and_then(|account| account.ou.as_deref()).unwrap_or_default();
                Some(map([
                    ("name", string(self.account_name(&id))),
                    ("id", string(id)),
                    ("ou", text(ou)),
                    ("owner", text(known.and_then(|account| account.owner.as_deref()).unwrap_or_default())),
                    ("tags", tags(known)),
                ]))
            }
            "principal" => {
                let fields = PRINCIPAL_FIELDS.into_iter();
                Some(map(fields.filter_map(|field| Some((field, text(self.principal(field)?))))))
            }
            "lists" => Some(map(self.context.lists().iter().map(|(name, list)| (name, globs(list))))),
            HOURS => Some(Box::new(HoursVal(self.context.hours().clone()))),
            CHANGE_WINDOWS => {
                let account = self.account().map(|(id, _)| id).unwrap_or_default();
                Some(Box::new(WindowsVal {
                    of: self.context.change_windows().clone(),
                    account_name: self.context.account_name(&account).into(),
                    account: account.into(),
                }))
            }
            member => self.seen.member(member).map(found),
        }
    }

    /// What stands in a variable before a value is made of it, or why nothing does; without names the variable as a whole. `None` is
    /// for what stands nowhere in the event and is made when it is asked for.
    pub(super) fn find<'n>(
        &self,
        root: &str,
        mut names: impl Iterator<Item = &'n str> + Clone,
    ) -> Option<Result<Found<'a>, Absent>> {
        let mut behind = names.clone();
        let Some(first) = behind.next() else {
            let is_text = matches!(root, "region" | "time" | "id" | "source");
            return is_text.then(|| self.seen.member(root).ok_or(Absent::Null));
        };
        let absent = || Absent::Name(first.to_owned());
        let whole = |found: Result<Cow<'a, str>, Absent>, next: Option<&str>| match (found, next) {
            (Ok(text), None) => Ok(Found::Text(text)),
            (Ok(_), Some(_)) => Err(Absent::Scalar),
            (Err(absent), _) => Err(absent),
        };
        Some(match root {
            "principal" => whole(self.principal(first).map(Cow::Borrowed).ok_or_else(absent), behind.next()),
            "account" => {
                let Some((id, known)) = self.account() else { return Some(Err(Absent::Null)) };
                let text = |text: Option<&'a str>| Cow::Borrowed(text.unwrap_or_default());
                match (first, behind.next()) {
                    ("id", next) => whole(Ok(id), next),
                    ("name", next) => whole(Ok(self.account_name(&id)), next),
                    ("ou", next) => whole(Ok(text(known.and_then(|account| account.ou.as_deref()))), next),
                    ("owner", next) => {
                        whole(Ok(text(known.and_then(|account| account.owner.as_deref()))), next)
                    }
                    ("tags", None) => return None,
                    ("tags", Some(tag)) => {
                        let value = known.and_then(|account| account.tags.get(tag));
                        let value = value.map(|value| Cow::Borrowed(&**value));
                        whole(value.ok_or_else(|| Absent::Name(tag.to_owned())), behind.next())
                    }
                    _ => Err(absent()),
                }
            }
            "source" | "lists" => return None,
            "event" => self
                .seen
                .member(first)
                .ok_or_else(absent)
                .and_then(|member| behind.try_fold(member, Found::member)),
            root => match self.seen.known(root, first) {
                Some(known) => behind.try_fold(known, Found::member),
                None => {
                    let member = self.seen.member(root).ok_or(Absent::Null);
                    member.and_then(|member| names.try_fold(member, Found::member))
                }
            },
        })
    }

    /// The value at a place, or why nothing stands there.
    fn at(&self, place: Place<'_>) -> Result<Boxed<'a>, Absent> {
        if let Some(found) = self.find(place.root, place.names()) {
            return found.map(self::found);
        }
        let mut names = place.names();
        let first = names.next().unwrap_or_default();
        let absent = || Absent::Name(first.to_owned());
        let whole = |value: Boxed<'a>, next: Option<&str>| match next {
            None => Ok(value),
            Some(_) => Err(Absent::Scalar),
        };
        match place.root {
            "source" => whole(self.place(first).ok_or_else(absent)?, names.next()),
            "lists" => whole(globs(self.list(first).ok_or_else(absent)?), names.next()),
            // The one part of an account that is no text.
            _ => Ok(tags(self.account().ok_or(Absent::Null)?.1)),
        }
    }

    /// One of the configuration's lists.
    pub(super) fn list(&self, name: &str) -> Option<&'a context::List> {
        self.context.lists().get(name)
    }

    /// Why nothing stands at a place, if nothing does.
    pub(super) fn absent(&self, place: Place<'_>) -> Option<Absent> {
        self.at(place).err()
    }

    fn principal(&self, field: &str) -> Option<&'a str> {
        principal_field(self.seen.principal(), field)
    }

    /// What is known of the address the call came from.
    fn place(&self, field: &str) -> Option<Boxed<'a>> {
        let place = self.seen.place(self.context);
        let text = |text: Option<Box<str>>| text.map(|text| string(Cow::Owned(text.into())));
        match field {
            "country" => text(place.country),
            "city" => text(place.city),
            "org" => text(place.org),
            "asn" => place.asn.map(|number| Box::new(CelInt::from(i64::from(number))) as Boxed<'a>),
            _ => None,
        }
    }

    fn account(&self) -> Option<(Cow<'a, str>, Option<&'a Account>)> {
        let id = self.seen.member("account")?.text()?;
        let known = self.context.account(&id);
        Some((id, known))
    }

    /// The account's name, or its number where no name is known.
    fn account_name(&self, id: &Cow<'a, str>) -> Cow<'a, str> {
        match self.context.account(id).and_then(|account| account.name.as_deref()) {
            Some(name) => Cow::Borrowed(name),
            None => id.clone(),
        }
    }
}

impl VariableResolver for Scope<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        if let Some(place) = Place::of(variable) {
            let found = self.at(place);
            return if place.presence {
                Some(CowVal::owned(CelBool::from(found.is_ok())))
            } else {
                found.ok().map(CowVal::Owned)
            };
        }
        let index = VARIABLES.iter().position(|name| *name == variable)?;
        let made = self.variables.get(index)?.get_or_init(|| self.make(variable));
        match made {
            Some(value) => Some(CowVal::Borrowed(&**value)),
            // The event lacks it: `null`, of which nothing but comparison can be asked.
            None => Some(CowVal::Borrowed(&CelNull)),
        }
    }
}

fn text<'a>(text: &'a str) -> Boxed<'a> {
    Box::new(CelString::from(text))
}

fn string<'a>(text: Cow<'a, str>) -> Boxed<'a> {
    match text {
        Cow::Borrowed(text) => Box::new(CelString::from(text)),
        Cow::Owned(text) => Box::new(CelString::from(text)),
    }
}

fn tags(account: Option<&Account>) -> Boxed<'_> {
    let tags = account.into_iter().flat_map(|account| &account.tags);
    map(tags.map(|(key, value)| (&**key, text(value))))
}

fn globs(list: &context::List) -> Boxed<'_> {
    let globs: Vec<Boxed<'_>> = list.globs().iter().map(|glob| text(glob)).collect();
    Box::new(CelList::from(globs))
}

/// A value in an event as CEL.
fn found<'a>(found: Found<'a>) -> Boxed<'a> {
    match found {
        Found::Tree(json) => value(json),
        Found::Raw(json) => raw(json, 0),
        Found::Text(text) => string(text),
    }
}

/// JSON text as CEL. What turns out not to be JSON is `null`: whoever tells the event finds that out before.
fn raw<'a>(json: Raw<'a>, depth: usize) -> Boxed<'a> {
    match json {
        Raw::Null => Box::new(CelNull),
        Raw::True => Box::new(CelBool::from(true)),
        Raw::False => Box::new(CelBool::from(false)),
        Raw::Number(text) => number(&number_of(text)),
        Raw::String(text) => text.unescape().map_or_else(|_| Box::new(CelNull) as Boxed<'a>, string),
        Raw::Array(array) if depth >= DEPTH_MAX => string(String::from_utf8_lossy(array.bytes())),
        Raw::Object(object) if depth >= DEPTH_MAX => string(String::from_utf8_lossy(object.bytes())),
        Raw::Array(array) => {
            let items = array.elements().map_while(Result::ok).map(|item| raw(item, depth + 1));
            let items: Vec<Boxed<'a>> = items.collect();
            Box::new(CelList::from(items))
        }
        Raw::Object(object) => {
            let mut members: HashMap<CelMapKey<'a>, Boxed<'a>> = HashMap::new();
            for member in object.members().map_while(Result::ok) {
                let key = match member.key.unescape() {
                    Ok(Cow::Borrowed(key)) => CelMapKey::from(key),
                    Ok(Cow::Owned(key)) => CelMapKey::from(key),
                    Err(_) => continue,
                };
                members.insert(key, raw(member.value, depth + 1));
            }
            Box::new(CelMap::from(members))
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
