//! What holds for every template, path and event.
#![expect(clippy::expect_used, reason = "a test fails by panicking, in its helpers too")]

use input_transformer::{Event, InputPath, InputTransformer, Occasion, Payload, TargetInput};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const NAMES: [&str; 4] = ["a", "b-1", "c", "deep_name"];

fn occasion() -> Occasion<'static> {
    Occasion {
        rule_arn: "arn:\"odd\"",
        rule_name: "rule",
        ingestion_time: "2026-03-23T09:00:01.5Z".parse().expect("a time"),
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a\"\\\\\n <>é𝄞/]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(&NAMES[..]), inner), 0..4).prop_map(|members| {
                Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
}

fn events() -> impl Strategy<Value = Value> {
    prop::collection::vec((prop::sample::select(&NAMES[..]), values()), 0..5).prop_map(|members| {
        Value::Object(
            members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>(),
        )
    })
}

#[derive(Debug, Clone)]
enum Step {
    Member(&'static str),
    Element(usize),
    All,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => prop::sample::select(&NAMES[..]).prop_map(Step::Member),
        1 => (0_usize..4).prop_map(Step::Element),
        1 => Just(Step::All),
    ];
    prop::collection::vec(step, 0..5)
}

fn written(steps: &[Step]) -> String {
    steps.iter().fold("$".to_owned(), |path, step| match step {
        Step::Member(name) => format!("{path}.{name}"),
        Step::Element(index) => format!("{path}[{index}]"),
        Step::All => format!("{path}[*]"),
    })
}

/// What a path means, without the crate: step by step over a tree, a list once there was something to choose from.
fn reference(event: &Value, steps: &[Step]) -> Option<Value> {
    let Some((step, rest)) = steps.split_first() else { return Some(event.clone()) };
    let all: Vec<&Value> = match (step, event) {
        (Step::Member(name), _) => return reference(event.get(name)?, rest),
        (Step::Element(index), Value::Array(elements)) => return reference(elements.get(*index)?, rest),
        (Step::All, Value::Array(elements)) => elements.iter().collect(),
        (Step::All, Value::Object(members)) => members.values().collect(),
        _ => return None,
    };
    let again = rest.iter().any(|step| matches!(step, Step::All));
    let mut list = Vec::new();
    for value in all {
        match reference(value, rest) {
            Some(Value::Array(found)) if again => list.extend(found),
            found => list.extend(found),
        }
    }
    Some(Value::Array(list))
}

/// The same JSON? Not as texts: the reference's trees have their members in another order.
fn is_json(text: &str, wanted: &Value) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|value| value == *wanted)
}

/// Templates mostly of pieces that mean something.
fn templates() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        "\"",
        "\\",
        "\\\"",
        ":",
        ",",
        "1",
        "-0.5e3",
        "true",
        "null",
        " ",
        "\n",
        "<a>",
        "<b-1>",
        "<c>",
        "<",
        ">",
        "<x>",
        "é",
        "𝄞",
        "{\"k\": ",
        "\"k\": \"",
        "<aws.events.event>",
        "<aws.events.event.json>",
        "<aws.events.rule-arn>",
        "<aws.events.rule-name>",
        "<aws.events.event.ingestion-time>",
    ]);
    prop_oneof![prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat()), any::<String>(),]
}

/// JSON objects with variables in and out of quotes.
fn object_templates() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("<a>"),
        Just("<b-1>"),
        Just("\"<c> and <a>\""),
        Just("[<c>, {\"x\" :\"\\\"<b-1>\\\"\"}]"),
        Just("<aws.events.event.json>"),
        Just("\"<aws.events.rule-arn>\""),
        Just("7"),
    ];
    prop::collection::vec(value, 0..5).prop_map(|values| {
        let members: Vec<String> =
            values.iter().enumerate().map(|(n, value)| format!("\"m{n}\" : {value}")).collect();
        format!("{{ {} }}", members.join(" , "))
    })
}

fn paths() -> impl Strategy<Value = [String; 3]> {
    [steps(), steps(), steps()].prop_map(|paths| paths.map(|steps| written(&steps)))
}

fn variables(paths: &[String; 3]) -> impl Iterator<Item = (&'static str, &String)> {
    NAMES.into_iter().zip(paths)
}

proptest! {
    #[test]
    fn a_path_finds_what_a_tree_has(event in events(), steps in steps()) {
        let path = InputPath::parse(&written(&steps)).expect("a path");
        let text = serde_json::to_string_pretty(&event).expect("JSON");
        let Payload::Delivered(found) = path.apply(&Event::parse(&text).expect("an event")) else { unreachable!() };
        let wanted = reference(&event, &steps).filter(|value| !value.is_number()).unwrap_or_else(|| json!({}));
        prop_assert!(is_json(&found, &wanted), "{}: {found}, not {wanted}", written(&steps));
    }

    #[test]
    fn an_event_stays_what_it_is(event in events()) {
        let text = serde_json::to_string_pretty(&event).expect("JSON");
        let found = Event::parse(&text).expect("an event").to_json();
        prop_assert_eq!(&found, &event.to_string());
        prop_assert_eq!(Event::parse(&found).expect("an event").to_json(), found);
    }

    #[test]
    fn nothing_panics(template in templates(), path in "[$.\\[\\]*a0-9-]{0,8}", event in prop_oneof![events().prop_map(|event| event.to_string()), any::<String>()], paths in paths()) {
        for error in [
            InputPath::parse(&path).err(),
            TargetInput::parse(Some(&template), None, None).err(),
            InputTransformer::parse(variables(&paths), &template).err(),
        ].into_iter().flatten() {
            prop_assert!(!error.to_string().is_empty() && error.service_text("target").contains("target"));
        }
        let (Ok(event), Ok(transformer)) = (Event::parse(&event), InputTransformer::parse(variables(&paths), &template)) else {
            return Ok(());
        };
        match transformer.apply(&event, &occasion()) {
            Payload::Delivered(_) => {}
            Payload::Invalid(invalid) => prop_assert!(template.contains("\"") && !invalid.text.is_empty()),
            Payload::Nothing => prop_assert!(false, "a template always makes something"),
        }
    }

    #[test]
    fn what_an_object_template_delivers_is_json(template in object_templates(), event in events(), paths in paths()) {
        let transformer = InputTransformer::parse(variables(&paths), &template).expect("a template");
        let fate = transformer.apply(&Event::parse(&event.to_string()).expect("an event"), &occasion());
        match fate {
            Payload::Delivered(text) => {
                let value: Value = serde_json::from_str(&text).expect("JSON");
                prop_assert!(value.is_object());
            }
            Payload::Invalid(invalid) => {
                prop_assert!(serde_json::from_str::<Value>(&invalid.text).is_err());
                prop_assert!(template.contains("\"<c>") || template.contains("\"<b-1>\\"), "only between quotes: {template}");
            }
            Payload::Nothing => prop_assert!(false),
        }
    }

    #[test]
    fn a_template_without_variables_comes_out_as_it_is(value in values(), event in events(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        // `<…>` would be a variable.
        let template = text.expect("JSON").replace('<', "(");
        let transformer = InputTransformer::parse([("unused", "$.a")], &template).expect("a template");
        let event = Event::parse(&event.to_string()).expect("an event");
        prop_assert_eq!(transformer.apply(&event, &occasion()), Payload::Delivered(template));
    }
}
