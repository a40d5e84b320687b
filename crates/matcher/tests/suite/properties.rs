//! Generated rules on generated events: the index says what the languages' own matchers say.
//!
//! Names and values come from small sets, so that rules and events meet: repeated keys, keys with dots, escapes, numbers in several spellings,
//! arrays of objects and of arrays.

use cloudtrail::{Decoder, Item};
use std::fmt::Write as _;
use std::sync::Arc;

use crate::support::{Rules, record, with_object};
use event_pattern::Pattern;
use filter_pattern::Filter;
use matcher::Scratch;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::FileFailurePersistence;

/// JSON text with everything text can have that a tree has not.
#[derive(Debug, Clone)]
enum Json {
    Scalar(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    fn write(&self, space: &str, out: &mut String) {
        match self {
            Json::Scalar(text) => out.push_str(text),
            Json::Array(elements) => {
                out.push('[');
                for (place, element) in elements.iter().enumerate() {
                    out.push_str(if place > 0 { "," } else { "" });
                    out.push_str(space);
                    element.write(space, out);
                }
                out.push_str(space);
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (place, (name, value)) in members.iter().enumerate() {
                    let comma = if place > 0 { "," } else { "" };
                    write!(out, "{comma}{space}\"{name}\"{space}:{space}").unwrap();
                    value.write(space, out);
                }
                out.push_str(space);
                out.push('}');
            }
        }
    }

    fn text(&self, space: &str) -> String {
        let mut out = String::new();
        self.write(space, &mut out);
        out
    }
}

const SCALARS: &[&str] = &[
    r#""""#,
    r#""a""#,
    r#""b""#,
    r#""ab""#,
    r#""aba""#,
    r#""\u0061""#,
    r#""A""#,
    r#""Ab""#,
    r#""a\"b""#,
    r#""é""#,
    r#""É""#,
    r#""1""#,
    r#""1.0""#,
    r#""10.0.0.1""#,
    r#""010.0.0.1""#,
    r#""::1""#,
    r#""a00::1""#,
    r#""ss""#,
    r#""SS""#,
    "0",
    "-0",
    "1",
    "1.0",
    "10e-1",
    "2",
    "-1",
    "1e999",
    "9007199254740993",
    "9007199254740992",
    "0.1",
    "100000",
    "true",
    "false",
    "null",
];

fn json(names: &'static [&'static str]) -> impl Strategy<Value = Json> {
    let scalar = select(SCALARS).prop_map(|text| Json::Scalar(text.to_owned()));
    scalar.prop_recursive(4, 24, 4, move |inner| {
        let name = select(names).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::vec((name, inner), 0..4).prop_map(Json::Object),
        ]
    })
}

fn object(names: &'static [&'static str], size: usize) -> impl Strategy<Value = Json> {
    prop::collection::vec((select(names).prop_map(str::to_owned), json(names)), 0..size)
        .prop_map(Json::Object)
}

const TERMS: &[&str] = &[
    r#""""#,
    r#""a""#,
    r#""b""#,
    r#""ab""#,
    r#""a\"b""#,
    r#""1""#,
    r#""10.0.0.1""#,
    r#""::1""#,
    "0",
    "1",
    "1.0",
    "2e0",
    "-1",
    "9007199254740993",
    "true",
    "false",
    "null",
    r#"{"exactly":"10.0.0.1"}"#,
    r#"{"prefix":"a"}"#,
    r#"{"prefix":""}"#,
    r#"{"suffix":"b"}"#,
    r#"{"suffix":"ba"}"#,
    r#"{"prefix":{"equals-ignore-case":"A"}}"#,
    r#"{"suffix":{"equals-ignore-case":"B"}}"#,
    r#"{"prefix":{"equals-ignore-case":"é"}}"#,
    r#"{"equals-ignore-case":"AB"}"#,
    r#"{"equals-ignore-case":"É"}"#,
    r#"{"equals-ignore-case":"ß"}"#,
    r#"{"equals-ignore-case":""}"#,
    r#"{"wildcard":"*"}"#,
    r#"{"wildcard":"a*"}"#,
    r#"{"wildcard":"*b*"}"#,
    r#"{"wildcard":"a*a"}"#,
    r#"{"wildcard":"*b"}"#,
    r#"{"wildcard":"ab"}"#,
    r#"{"wildcard":"*a*b*"}"#,
    r#"{"wildcard":""}"#,
    r#"{"numeric":[">",0]}"#,
    r#"{"numeric":["=",1]}"#,
    r#"{"numeric":[">=",1,"<",2]}"#,
    r#"{"numeric":["<",0]}"#,
    r#"{"cidr":"10.0.0.0/8"}"#,
    r#"{"cidr":"::/0"}"#,
    r#"{"exists":true}"#,
    r#"{"exists":false}"#,
    r#"{"exists":false}"#,
    r#"{"anything-but":"a"}"#,
    r#"{"anything-but":["a","b"]}"#,
    r#"{"anything-but":[1,2]}"#,
    r#"{"anything-but":{"prefix":"a"}}"#,
    r#"{"anything-but":{"suffix":["a","b"]}}"#,
    r#"{"anything-but":{"equals-ignore-case":"A"}}"#,
    r#"{"anything-but":{"wildcard":"*b*"}}"#,
];

/// A pattern's object: fields, nested fields, now and then `$or`.
fn pattern(names: &'static [&'static str]) -> impl Strategy<Value = Json> {
    let term = || select(TERMS).prop_map(|text| Json::Scalar(text.to_owned()));
    let list = prop::collection::vec(term(), 1..4).prop_map(Json::Array);
    list.prop_recursive(3, 12, 3, move |inner| {
        let name = || select(names).prop_map(str::to_owned);
        let fields = prop::collection::vec((name(), inner), 1..4);
        prop_oneof![
            3 => fields.clone().prop_map(Json::Object),
            1 => (prop::collection::vec(fields.prop_map(Json::Object), 2..4), name(), term()).prop_map(
                |(branches, name, term)| Json::Object(vec![
                    (name, Json::Array(vec![term])),
                    ("$or".to_owned(), Json::Array(branches)),
                ]),
            ),
        ]
    })
}

fn patterns(names: &'static [&'static str]) -> impl Strategy<Value = Vec<Arc<Pattern>>> {
    let parsed =
        pattern(names).prop_filter_map("the language refuses it", |json| Pattern::parse(&json.text("")).ok());
    prop::collection::vec(parsed.prop_map(Arc::new), 1..12)
}

const NAMES: &[&str] = &["a", "b", "c", "", "a.b", "b.c", "a.", r"\u0061", r"c\u002ea", r"\\"];

/// Names of a record, those an envelope is derived from among them.
const RECORD_NAMES: &[&str] = &[
    "eventSource",
    "eventName",
    "eventType",
    "eventCategory",
    "errorCode",
    "awsRegion",
    "recipientAccountId",
    "userIdentity",
    "type",
    "accountId",
    "eventTime",
    "eventID",
    "a",
    "b",
    "a.b",
    r"event\u004eame",
];

const ENVELOPE_NAMES: &[&str] = &[
    "source",
    "detail-type",
    "account",
    "region",
    "time",
    "id",
    "version",
    "resources",
    "detail",
    "detail.eventName",
    "detail.a",
];

const ENVELOPE_TERMS: &[&str] = &[
    r#""aws.a""#,
    r#""aws.iam""#,
    r#""AWS API Call via CloudTrail""#,
    r#""AWS Console Sign In via CloudTrail""#,
    r#""0""#,
    r#""a""#,
    r#"{"prefix":"aws."}"#,
    r#"{"exists":true}"#,
    r#"{"exists":false}"#,
    r#"{"anything-but":"a"}"#,
    r#"{"suffix":"iam"}"#,
];

const RECORD_SCALARS: &[&str] = &[
    r#""iam.amazonaws.com""#,
    r#""a""#,
    r#""AwsConsoleSignIn""#,
    r#""NetworkActivity""#,
    r#""b""#,
    r#""\u0061""#,
    "1",
    "null",
];

fn a_record() -> impl Strategy<Value = Json> {
    let scalar = select(RECORD_SCALARS).prop_map(|text| Json::Scalar(text.to_owned()));
    let value = prop_oneof![3 => scalar, 1 => json(RECORD_NAMES)];
    prop::collection::vec((select(RECORD_NAMES).prop_map(str::to_owned), value), 0..12).prop_map(Json::Object)
}

/// A pattern on the envelope, on the record in it, or both.
fn record_pattern() -> impl Strategy<Value = Json> {
    let term = || select(ENVELOPE_TERMS).prop_map(|text| Json::Scalar(text.to_owned()));
    let list = prop::collection::vec(term(), 1..3).prop_map(Json::Array);
    let of_envelope = prop::collection::vec((select(ENVELOPE_NAMES).prop_map(str::to_owned), list), 0..3);
    (of_envelope, prop::option::of(pattern(RECORD_NAMES))).prop_map(|(mut fields, detail)| {
        fields.extend(detail.map(|detail| ("detail".to_owned(), detail)));
        Json::Object(fields)
    })
}

fn condition() -> impl Strategy<Value = String> {
    let selector = select(
        &[
            "$.eventName",
            "$.eventSource",
            "$.errorCode",
            "$.a",
            "$.a.b",
            "$.['a.b']",
            "$.a[0]",
            "$.a[1].b",
            "$.a[*]",
            "$.a[*].b",
            "$.*",
            "$.a.*",
            "$.userIdentity.type",
            "$.b.a",
        ][..],
    );
    let test = select(
        &[
            "= a",
            "= \"ab\"",
            "= \"\"",
            "= *",
            "= a*",
            "= *b",
            "= \"*b*\"",
            "= 1",
            "= 1.0",
            "= \"1\"",
            "= 1*",
            "!= a",
            "!= 1",
            "!= *",
            "> 0",
            "<= 1",
            "IS NULL",
            "IS TRUE",
            "IS FALSE",
            "NOT EXISTS",
            "= %^a%",
            "!= %b%",
            "= \"iam.amazonaws.com\"",
        ][..],
    );
    (selector, test).prop_map(|(selector, test)| format!("{selector} {test}"))
}

fn filter() -> impl Strategy<Value = String> {
    let expression = condition().prop_recursive(3, 6, 3, |inner| {
        (prop::collection::vec(inner, 2..4), select(&[" && ", " || "][..]))
            .prop_map(|(parts, joint)| format!("({})", parts.join(joint)))
    });
    let text = select(
        &["", "a", "-a", "?a ?b", "\"eventName\\\":\\\"a\"", "[w1, w2]", "[w1 = *a*]", "%[0-9]+%", "iam -b"]
            [..],
    );
    prop_oneof![8 => expression.prop_map(|expression| format!("{{ {expression} }}")), 1 => text.prop_map(str::to_owned)]
}

fn filters() -> impl Strategy<Value = Vec<Arc<Filter>>> {
    let parsed = filter().prop_filter_map("the language refuses it", |text| Filter::parse(&text).ok());
    prop::collection::vec(parsed.prop_map(Arc::new), 0..10)
}

/// A path cannot tell a key with a dot from two keys, and what a filter's selector leads to can be told from a path only if nothing is
/// unusual about it.
#[test]
fn filters_see_less_than_paths_do() {
    let filters =
        ["{ $.['a.b'] = * }", "{ $.a.b = x }", "{ $.a.b NOT EXISTS }", "{ $.a[1] = x }", "{ $.a IS NULL }"];
    let rules = Rules::of_filters(&filters);
    let mut scratch = Scratch::new();
    for text in [
        r#"{"a":{"b":"x"}}"#,
        r#"{"a.b":"x"}"#,
        r#"{"a":[{"b":"x"}]}"#,
        r#"{"a":{"b":"x"},"a":{}}"#,
        r#"{"a":{"b":"x","b":"y"}}"#,
        r#"{"a":{"b":["x"]}}"#,
        r#"{"a":["x",null]}"#,
        r#"{"a":[["x",null]]}"#,
        r#"{"a":["y","x"]}"#,
        r#"{"a":null,"a":["x"]}"#,
        "{}",
    ] {
        with_object(text, |object| {
            let event = record(object).unwrap();
            assert_eq!(rules.matches(&event, &mut scratch), rules.reference(&event), "{text}");
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_500,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn patterns_on_any_object(
        patterns in patterns(NAMES),
        events in prop::collection::vec(object(NAMES, 6), 1..8),
        space in select(&["", " ", "\n\t"][..]),
    ) {
        let rules = Rules::new(patterns, Vec::new());
        // One scratch for all: nothing of an event may be left for the next.
        let mut scratch = Scratch::new();
        for event in events {
            let text = event.text(space);
            prop_assert_eq!(
                rules.matches_object(&text, &mut scratch).unwrap(),
                rules.reference_of_object(&text),
                "{}", text
            );
        }
    }

    #[test]
    fn both_languages_on_records(
        patterns in prop::collection::vec(
            record_pattern().prop_filter_map("refused", |json| Pattern::parse(&json.text("")).ok()).prop_map(Arc::new),
            0..8,
        ),
        filters in filters(),
        events in prop::collection::vec(a_record(), 1..6),
        space in select(&["", " "][..]),
    ) {
        let rules = Rules::new(patterns, filters);
        let mut scratch = Scratch::new();
        for event in &events {
            let text = event.text(space);
            let (matched, expected) = with_object(&text, |object| {
                let event = record(object).unwrap();
                (rules.matches(&event, &mut scratch), rules.reference(&event))
            });
            prop_assert_eq!(matched, expected, "{}", text);
        }
        // A decoder knows the names of earlier records; the walk by their numbers finds what the walk by names does.
        let file = format!("[{}]", events.iter().map(|event| event.text(space)).collect::<Vec<_>>().join(","));
        let mut verdicts = Vec::new();
        let mut decoder = Decoder::default();
        for _ in 0..2 {
            let decoded = decoder.decode(file.as_bytes(), None, |item| {
                if let Item::Event(event) = item {
                    verdicts.push((rules.matches(&event, &mut scratch), rules.reference(&event)));
                }
            });
            prop_assert!(decoded.trouble.is_none());
        }
        for (matched, expected) in verdicts {
            prop_assert_eq!(matched, expected, "{}", file);
        }
    }

    /// Many rules make deep trees: what is filed below the root must be found as well.
    #[test]
    fn many_rules_that_share_their_names(
        names in prop::collection::vec((select(&["a", "b"][..]), select(&["a", "b", "ab"][..]), select(TERMS), select(TERMS)), 40..80),
        events in prop::collection::vec(prop::collection::vec((select(&["x", "y", "z", "w"][..]), select(SCALARS)), 0..6), 1..12),
    ) {
        let patterns = names.iter().filter_map(|(x, y, z, w)| {
            Pattern::parse(&format!(r#"{{"x":["{x}"],"y":["{y}","q"],"z":[{z}],"w":[{w}]}}"#)).ok().map(Arc::new)
        });
        let rules = Rules::new(patterns.collect(), Vec::new());
        let mut scratch = Scratch::new();
        for event in events {
            let members = event.into_iter().map(|(name, value)| (name.to_owned(), Json::Scalar(value.to_owned())));
            let text = Json::Object(members.collect()).text("");
            prop_assert_eq!(
                rules.matches_object(&text, &mut scratch).unwrap(),
                rules.reference_of_object(&text),
                "{}", text
            );
        }
    }
}
