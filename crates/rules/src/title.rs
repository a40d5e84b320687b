//! Titles: what a finding is called, as a template over the event (`{{ … }}`, Jinja's syntax).
//!
//! Event text is written by whoever made the call, perhaps an attacker, and a title ends in terminals, chat messages
//! and tickets. So a rendered title is one bounded line without control characters, a template can run only so long,
//! and what is not there is `?` rather than a failure: a finding with a poor title beats none.

use crate::event::{Absent, Found, PRINCIPAL_FIELDS, Seen, principal_field, principal_kind};
use crate::nearest::nearest;
use cloudtrail::Principal;
use context::Context;
use json_scan::Value as Raw;
use minijinja::value::{Object, ObjectRepr, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::Arc;

/// The longest rendered title, in characters.
pub const TITLE_LENGTH_MAX: usize = 240;

/// How many instructions a template may run.
const FUEL: u64 = 20_000;

const NAME: &str = "title";

/// What a template may name.
const ROOTS: [&str; 8] = ["detail", "account", "principal", "region", "source", "time", "id", "event"];

/// The title of a rule's findings.
#[derive(Clone)]
pub struct Title {
    source: Arc<str>,
    environment: Arc<Environment<'static>>,
    /// What the template names, by root: only that is handed to it.
    names: Arc<[Box<str>]>,
    /// The template, if it is nothing but text and places.
    pieces: Option<Arc<[Piece]>>,
}

/// What a title is rendered over: an event, who did it, and what is known of the organization.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) event: &'a Json,
    pub(crate) principal: &'a Principal,
    pub(crate) context: &'a Context,
}

/// Why a text is no title.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TitleError {
    /// It is not a template.
    #[error("the title is no template: {0}")]
    Syntax(String),
    /// It names what is not there.
    #[error("a title cannot name `{name}`")]
    UnknownName { name: String, help: String },
}

impl Title {
    pub(crate) fn parse(source: &str) -> Result<Self, Vec<TitleError>> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(32);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_formatter(|out, state, value| {
            if value.is_undefined() || value.is_none() || value.as_str() == Some("") {
                Ok(out.write_str("?")?)
            } else {
                minijinja::escape_formatter(out, state, value)
            }
        });
        let syntax = |error: minijinja::Error| {
            vec![TitleError::Syntax(error.detail().map_or_else(|| error.to_string(), str::to_owned))]
        };
        environment.add_template_owned(NAME, source.to_owned()).map_err(syntax)?;
        let template = environment.get_template(NAME).map_err(syntax)?;
        let mut names: Vec<Box<str>> =
            template.undeclared_variables(true).into_iter().map(String::into_boxed_str).collect();
        names.sort();
        let globals: Vec<String> = environment.globals().map(|(name, _)| name.to_owned()).collect();
        let errors: Vec<_> = names.iter().filter_map(|name| unknown(name, &globals)).collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        // A global such as `range` is a name too, and not ours to give.
        names.retain(|name| ROOTS.contains(&name.split('.').next().unwrap_or_default()));
        let pieces = pieces(source).map(Into::into);
        Ok(Self { source: source.into(), environment: Arc::new(environment), names: names.into(), pieces })
    }

    /// The template as written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The title over an event, taken apart only if the template asks for more than texts at places.
    pub(crate) fn render(&self, seen: Seen<'_>, context: &Context) -> String {
        let simply = self.pieces.as_ref().and_then(|pieces| rendered(pieces, seen, context));
        if let Some(title) = simply {
            return self.or_source(title);
        }
        match seen.apart() {
            Some(view) => self.evaluate(Subject { event: view.json(), principal: view.principal(), context }),
            None => self.source.to_string(),
        }
    }

    /// The title as the template's language has it.
    fn evaluate(&self, subject: Subject<'_>) -> String {
        let values = self.values(subject);
        let mut out = Bounded { bytes: Vec::new() };
        if let Ok(template) = self.environment.get_template(NAME) {
            // Out of fuel, out of room or a filter that failed: what was written until then has to do.
            let _ = template.render_captured_to(values, &mut out);
        }
        self.or_source(one_line(&String::from_utf8_lossy(&out.bytes)))
    }

    fn or_source(&self, title: String) -> String {
        if title.is_empty() { one_line(&self.source) } else { title }
    }

    /// The values the template names. Of `detail` only the members that are named.
    fn values(&self, subject: Subject<'_>) -> BTreeMap<&str, Value> {
        let Subject { event, principal, context } = subject;
        let mut values = BTreeMap::new();
        for name in self.names.iter() {
            let root = name.split('.').next().unwrap_or_default();
            if values.contains_key(root) {
                continue;
            }
            let value = match root {
                "event" => value(event),
                "account" => {
                    let id = event.get("account").and_then(Json::as_str).unwrap_or_default();
                    let account = context.account(id);
                    let tags = account.map(|account| &account.tags);
                    let tags = tags
                        .into_iter()
                        .flatten()
                        .map(|(key, value)| (key.to_string(), Value::from(value.to_string())));
                    Named::value(
                        id,
                        [
                            ("id", Some(Value::from(id))),
                            ("name", Some(Value::from(context.account_name(id)))),
                            ("ou", account.and_then(|account| account.ou.as_deref()).map(Value::from)),
                            ("owner", account.and_then(|account| account.owner.as_deref()).map(Value::from)),
                            ("tags", Some(Value::from_pairs(tags))),
                        ],
                    )
                }
                "principal" => {
                    let optional = |text: &Option<String>| text.as_deref().map(Value::from);
                    Named::value(
                        &principal.label(),
                        [
                            ("kind", Some(Value::from(principal_kind(principal.kind)))),
                            ("name", Some(Value::from(principal.name.as_str()))),
                            ("arn", optional(&principal.arn)),
                            ("session", optional(&principal.session)),
                            ("human", optional(&principal.human)),
                        ],
                    )
                }
                "source" => {
                    let address = event.pointer("/detail/sourceIPAddress").and_then(Json::as_str);
                    let place = address.map(|address| context.geography().of(address)).unwrap_or_default();
                    let text = |text: Option<Box<str>>| text.map(|text| Value::from(text.into_string()));
                    Named::value(
                        event.get("source").and_then(Json::as_str).unwrap_or_default(),
                        [
                            ("country", text(place.country)),
                            ("city", text(place.city)),
                            ("asn", place.asn.map(Value::from)),
                            ("org", text(place.org)),
                        ],
                    )
                }
                "detail" => self.detail(event.get("detail")),
                field => event.get(field).map_or(Value::UNDEFINED, value),
            };
            values.insert(root, value);
        }
        values
    }

    fn detail(&self, detail: Option<&Json>) -> Value {
        let Some(Json::Object(members)) = detail else { return Value::UNDEFINED };
        let whole = self.names.iter().any(|name| &**name == "detail");
        let named = |member: &str| {
            self.names.iter().any(|name| {
                let rest = name.strip_prefix("detail.").and_then(|rest| rest.strip_prefix(member));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        let shown = members.iter().filter(|(name, _)| whole || named(name));
        Value::from_pairs(shown.map(|(name, member)| (name.clone(), value(member))))
    }
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(truth) => Value::from(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::from(number),
            (None, Some(number)) => Value::from(number),
            (None, None) => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(value).collect(),
        Json::Object(members) => {
            Value::from_pairs(members.iter().map(|(name, member)| (name.clone(), value(member))))
        }
    }
}

/// A piece of a template that is nothing but text and places.
#[derive(Debug)]
enum Piece {
    Text(Box<str>),
    /// `{{ detail.eventName }}`: what it names, and the names within.
    Place(Box<str>, Box<[Box<str>]>),
}

/// The pieces of a template that has no other; most have not, and need no interpreter.
fn pieces(source: &str) -> Option<Vec<Piece>> {
    // Fewer than a template may run instructions for.
    const MAX: usize = 100;
    let mut pieces = Vec::new();
    let mut rest = source;
    while let Some((text, behind)) = rest.split_once("{{") {
        let (place, behind) = behind.split_once("}}")?;
        pieces.push(Piece::Text(plain(text)?));
        let mut names = place.trim_matches(' ').split('.');
        let root = names.next().filter(|root| ROOTS.contains(root))?;
        let names: Vec<Box<str>> =
            names.map(|name| is_name(name).then(|| name.into())).collect::<Option<_>>()?;
        pieces.push(Piece::Place(root.into(), names.into()));
        rest = behind;
    }
    pieces.push(Piece::Text(plain(rest)?));
    (pieces.len() < MAX).then_some(pieces)
}

/// Text that is no statement, comment or half of anything.
fn plain(text: &str) -> Option<Box<str>> {
    (!text.contains(['{', '}', '#', '%', '\n', '\r'])).then(|| text.into())
}

fn is_name(text: &str) -> bool {
    let mut letters = text.bytes();
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    letters.next().is_some_and(is_letter) && letters.all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

/// What the pieces give. None where something is neither text nor absent, which has a way to be written that is not known here.
fn rendered(pieces: &[Piece], seen: Seen<'_>, context: &Context) -> Option<String> {
    let mut out = Bounded { bytes: Vec::with_capacity(128) };
    for piece in pieces {
        let written = match piece {
            Piece::Text(text) => out.write_all(text.as_bytes()),
            Piece::Place(root, names) => {
                let text = shown(root, names, seen, context)?;
                out.write_all(text.as_bytes())
            }
        };
        if written.is_err() {
            break;
        }
    }
    Some(one_line(&String::from_utf8_lossy(&out.bytes)))
}

/// How the value at a place is written, if it is text or nothing.
fn shown<'a>(root: &str, names: &[Box<str>], seen: Seen<'a>, context: &'a Context) -> Option<Cow<'a, str>> {
    const NOTHING: Cow<'_, str> = Cow::Borrowed("?");
    let or_nothing = |text: Cow<'a, str>| if text.is_empty() { NOTHING } else { text };
    let known = |text: Option<&'a str>| or_nothing(Cow::Borrowed(text.unwrap_or_default()));
    let text = |found: Option<Found<'a>>| match found {
        None | Some(Found::Tree(Json::Null) | Found::Raw(Raw::Null)) => Some(NOTHING),
        Some(found) => found.text().map(or_nothing),
    };
    let Some((first, rest)) = names.split_first() else {
        // What has fields is written as it is where it stands alone, be it empty.
        return match root {
            "account" => Some(seen.account()),
            "principal" => Some(Cow::Owned(seen.principal().label())),
            "source" => Some(seen.member("source").and_then(Found::text).unwrap_or_default()),
            "region" | "time" | "id" => text(seen.member(root)),
            _ => None,
        };
    };
    match (root, &**first, rest) {
        ("account", "id", []) => Some(or_nothing(seen.account())),
        ("account", "name", []) => {
            let id = seen.account();
            let name = context.account(&id).and_then(|account| account.name.as_deref());
            Some(or_nothing(name.map_or(id, Cow::Borrowed)))
        }
        ("principal", field, []) if PRINCIPAL_FIELDS.contains(&field) => {
            Some(known(principal_field(seen.principal(), field)))
        }
        ("detail", ..) => {
            let names = names.iter().map(|name| &**name);
            // A place in a list is no name: the template's language tells those apart.
            let mut at = match seen.known("detail", first) {
                Some(known) => Ok(known),
                None => seen.member("detail").ok_or(Absent::Null).and_then(|detail| detail.member(first)),
            };
            for name in names.skip(1) {
                at = at.and_then(|at| at.member(name));
            }
            text(at.ok())
        }
        _ => None,
    }
}

impl fmt::Debug for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Title").field(&self.source).finish()
    }
}

fn unknown(name: &str, globals: &[String]) -> Option<TitleError> {
    let mut parts = name.split('.');
    let root = parts.next().unwrap_or_default();
    if globals.iter().any(|global| global == root) {
        return None;
    }
    if !ROOTS.contains(&root) {
        let help = match nearest(root, ROOTS) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => {
                format!("a title can name {}; a field of the record is `detail.{name}`", ROOTS.join(", "))
            }
        };
        return Some(TitleError::UnknownName { name: name.to_owned(), help });
    }
    let fields: &[&str] = match root {
        "account" => &["id", "name", "ou", "owner", "tags"],
        "principal" => &PRINCIPAL_FIELDS,
        "source" => &["country", "city", "asn", "org"],
        _ => return None,
    };
    let field = parts.next()?;
    if fields.contains(&field) {
        return None;
    }
    let help = nearest(field, fields.iter().copied()).map_or_else(
        || format!("`{root}` has {}", fields.join(", ")),
        |meant| format!("did you mean `{root}.{meant}`?"),
    );
    Some(TitleError::UnknownName { name: name.to_owned(), help })
}

/// One line of at most [`TITLE_LENGTH_MAX`] characters that does nothing to a terminal: control characters, line
/// breaks and the characters that turn the direction of writing become spaces, and runs of spaces one.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    let mut length = 0;
    let mut blank = false;
    for character in text.chars() {
        if character.is_control() || character.is_whitespace() || is_hidden(character) {
            blank = true;
            continue;
        }
        if blank && length > 0 {
            line.push(' ');
            length += 1;
        }
        blank = false;
        if length >= TITLE_LENGTH_MAX - 1 {
            line.push('…');
            break;
        }
        line.push(character);
        length += 1;
    }
    line
}

/// Whether a character turns the direction of writing, or shows nothing.
fn is_hidden(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Takes as much as a title can show and refuses the rest, so a template that prints a whole event stops early.
struct Bounded {
    bytes: Vec<u8>,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        const BYTES_MAX: usize = TITLE_LENGTH_MAX * 8;
        let room = BYTES_MAX.saturating_sub(self.bytes.len());
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.bytes.extend_from_slice(taken);
        if taken.len() < bytes.len() {
            return Err(std::io::Error::other("the title is long enough"));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Something with fields that can also be written alone: `{{ account }}` and `{{ account.name }}`.
#[derive(Debug)]
struct Named {
    alone: String,
    fields: BTreeMap<&'static str, Value>,
}

impl Named {
    fn value<const N: usize>(alone: &str, fields: [(&'static str, Option<Value>); N]) -> Value {
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        Value::from_object(Self { alone: alone.to_owned(), fields })
    }
}

impl Object for Named {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.fields.get(key.as_str()?).cloned()
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.alone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventInPlace, EventView};
    use cloudtrail::principal::Kind;
    use cloudtrail::{Decoder, Item, Principal};
    use context::{Account, Accounts, Context, Hours, Lists};
    use proptest::prelude::*;
    use serde_json::json;

    fn render(source: &str, event: &Json) -> String {
        let principal = Principal {
            kind: Kind::IamUser,
            name: "dana".to_owned(),
            arn: None,
            account: None,
            session: None,
            session_created: None,
            access_key: None,
            invoked_by: None,
            human: None,
            human_is_claimed: false,
            other_account: false,
        };
        let context = organization();
        Title::parse(source).unwrap().evaluate(Subject { event, principal: &principal, context: &context })
    }

    fn organization() -> Context {
        let mut accounts = Accounts::default();
        let tags = [("env".into(), "prod".into())].into_iter().collect();
        let account = Account { name: Some("pay".into()), tags, ..Account::default() };
        accounts.insert("111122223333".parse().unwrap(), account);
        Context::new(1, accounts, Lists::standard(), Hours::default())
    }

    const PLACES: [&str; 20] = [
        "principal",
        "principal.name",
        "principal.kind",
        "principal.session",
        "principal.human",
        "principal.arn",
        "account",
        "account.id",
        "account.name",
        "account.ou",
        "region",
        "time",
        "id",
        "source",
        "source.country",
        "detail.eventName",
        "detail.errorCode",
        "detail.a.b",
        "detail.a.c.d",
        "event.region",
    ];

    #[test]
    fn most_titles_need_no_language() {
        for (source, is_simple) in [
            ("{{ principal.name }} called {{ detail.eventName }} in {{account.name}}, {{ region }}", true),
            ("plain", true),
            ("{{ detail.a | upper }}", false),
            ("{{ detail['a'] }}", false),
            ("{{- detail.a }}", false),
            ("{% if true %}{{ detail.a }}{% endif %}", false),
            ("{# said to nobody #}a", false),
        ] {
            assert_eq!(Title::parse(source).unwrap().pieces.is_some(), is_simple, "{source}");
        }
    }

    #[test]
    fn titles() {
        let event = json!({"account": "111122223333", "region": "us-east-1", "source": "aws.s3", "detail-type": "t", "detail": {
            "name": "trail", "n": 5, "none": null, "empty": "", "list": ["a", "b"], "a.b": "dot", "markup": "<b>&",
            "lines": "one\n\ttwo\u{1b}[31m", "turned": "a\u{202e}b", "hidden": "a\u{200b}b\u{2060}", "long": "x".repeat(5000)}});
        for (source, expected) in [
            ("plain", "plain"),
            ("{{ detail.name }} in {{ account.name }}", "trail in pay"),
            ("{{ account }} {{ account.id }} {{ account.tags.env }}", "111122223333 111122223333 prod"),
            ("{{ principal }} {{ principal.kind }} {{ principal.arn }}", "dana iam-user ?"),
            ("{{ source }} {{ source.country }} {{ source.asn }}", "aws.s3 ? ?"),
            (
                "{{ detail.missing }} {{ detail.missing.deeper }} {{ detail.none }} {{ detail.empty }}",
                "? ? ? ?",
            ),
            ("{{ detail.missing.deeper.still | upper }}!", "?!"),
            ("{{ detail.name.x.y }}", "?"),
            ("{{ detail['a.b'] }} {{ event['detail-type'] }}", "dot t"),
            ("{{ detail.list | join(', ') }} {{ detail.n + 1 }}", "a, b 6"),
            ("{% if detail.n > 4 %}many{% else %}few{% endif %}", "many"),
            ("{{ detail.markup }}", "<b>&"),
            ("{{ detail.lines }}", "one two [31m"),
            ("{{ detail.turned }}", "a b"),
            ("{{ detail.hidden }}", "a b"),
            // Fails half way, or never ends: what was written until then stays.
            ("before {{ detail.list - 1 }} after", "before"),
            ("{{ 1 // 0 }}", "{{ 1 // 0 }}"),
            ("a{% for x in range(9999) %}{% for y in range(9999) %}{% endfor %}{% endfor %}b", "a"),
        ] {
            assert_eq!(render(source, &event), expected, "{source}");
        }
        let long = render("{{ detail.long }}", &event);
        assert_eq!(long.chars().count(), TITLE_LENGTH_MAX);
        assert!(long.ends_with('…'));
        for source in [
            "{{ detail }}",
            "{% for x in range(3) %}{{ detail }}{% endfor %}",
            "{% for x in range(9999) %}{{ detail }}{% endfor %}",
        ] {
            let everything = render(source, &event);
            assert_eq!(everything.chars().count(), TITLE_LENGTH_MAX, "{source}: {everything}");
        }
    }

    proptest! {
        #[test]
        fn a_title_is_one_line_whatever_the_event_holds(name in ".*", other in "\\PC*") {
            let event = json!({"account": other, "detail": {"name": name}});
            let title = render("{{ detail.name }} {{ account.name }} {{ detail }}", &event);
            prop_assert!(!title.is_empty() && title.chars().count() <= TITLE_LENGTH_MAX);
            let acts = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
            prop_assert!(!title.contains(acts), "it acts on a terminal");
        }

        /// What is written without the template's language is what it writes.
        #[test]
        fn places_are_written_as_the_language_does(
            pieces in prop::collection::vec((prop::sample::select(PLACES.to_vec()), "[a-z ,é<&]{0,9}"), 0..6),
            value in prop_oneof![
                "\\PC{0,20}".prop_map(Json::from), Just(json!("a\n\u{202e}\u{1}b")), Just(json!("")), Just(json!(null)), Just(json!(7)),
                Just(json!(true)), Just(json!(1.5)), Just(json!(["a", {"b": "c"}])), Just(json!({"b": "within", "c": {"d": ""}})),
                Just(json!("\u{1}".repeat(2_500))), Just(json!("long ".repeat(500))),
            ],
            account in prop::sample::select(vec!["111122223333", "444455556666", ""]),
        ) {
            let source: String = pieces.iter().map(|(place, text)| format!("{text}{{{{ {place} }}}}")).collect();
            let Ok(title) = Title::parse(&source) else { return Ok(()) };
            let record = json!({
                "eventName": "RunInstances", "a": value, "recipientAccountId": account, "awsRegion": "us-east-1", "eventTime": "2026-07-06T07:30:00Z",
                "eventSource": "ec2.amazonaws.com", "eventVersion": "1.11", "eventID": "e", "sourceIPAddress": "203.0.113.9",
                "errorCode": value, "userIdentity": {"type": "IAMUser", "userName": value, "arn": "arn:aws:iam::111122223333:user/x"},
            });
            let envelope = json!({"version": "0", "id": "e", "detail-type": "t", "source": "my.app", "account": account, "detail": {"a": value}});
            let context = organization();
            for text in [record.to_string(), envelope.to_string()] {
                let decoded = Decoder::default().decode(text.as_bytes(), None, |item| {
                    let Item::Event(event) = item else { panic!("{item:?}") };
                    let view = EventView::of(&event).unwrap();
                    let subject = Subject { event: view.json(), principal: view.principal(), context: &context };
                    let expected = title.evaluate(subject);
                    assert_eq!(title.render((&EventInPlace::new(&event)).into(), &context), expected, "{source} {text}");
                    assert_eq!(title.render((&view).into(), &context), expected, "{source} {text}");
                });
                assert!(decoded.trouble.is_none());
            }
        }

        #[test]
        fn any_template_is_answered(source in "[a-z {}%|.()\\[\\]'\"#+*-]{0,60}") {
            if Title::parse(&source).is_ok() {
                let _ = render(&source, &json!({"detail": {"a": 1}}));
            }
        }
    }
}
