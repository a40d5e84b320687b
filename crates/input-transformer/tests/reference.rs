//! The examples of the reference are true.
#![expect(clippy::expect_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;

use input_transformer::{Event, InputError, Occasion, Payload, TargetInput};
use serde_json::Value;

fn target(settings: &str) -> Result<TargetInput, InputError> {
    let settings: Value = serde_json::from_str(settings).expect(settings);
    let transformer = settings.get("InputTransformer");
    let paths: BTreeMap<String, String> = transformer
        .and_then(|transformer| transformer.get("InputPathsMap"))
        .map(|paths| serde_json::from_value(paths.clone()).expect("a map of texts"))
        .unwrap_or_default();
    TargetInput::parse(
        settings.get("Input").and_then(Value::as_str),
        settings.get("InputPath").and_then(Value::as_str),
        transformer.and_then(|transformer| Some((&paths, transformer.get("InputTemplate")?.as_str()?))),
    )
}

#[test]
fn examples() {
    let reference = include_str!("../reference.md");
    let event = reference.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
    let event = Event::parse(event.expect("an event")).expect("an event");
    let ingestion_time = "2026-03-23T09:00:01.5Z".parse().expect("a time");
    let rule_arn = "arn:aws:events:us-east-1:111122223333:rule/probe";
    let occasion = Occasion { rule_arn, rule_name: "probe", ingestion_time };
    let mut examples = 0;
    for line in reference.lines().filter(|line| line.starts_with("- `{")) {
        examples += 1;
        let example = line.trim_start_matches("- `");
        if let Some((settings, message)) = example.split_once("` is refused: `") {
            let error = target(settings).expect_err(settings);
            assert_eq!(error.service_text("t"), message.trim_end_matches('`'), "{line}");
            continue;
        }
        let (settings, fate) = example.split_once("` ").expect(line);
        let payload = target(settings).expect(settings).apply(&event, &occasion);
        let wanted = |text: &str| text.trim_end_matches('`').to_owned();
        match (fate.strip_prefix("gives `"), fate.strip_prefix("makes no JSON: `")) {
            (Some(text), None) => assert_eq!(payload, Payload::Delivered(wanted(text)), "{line}"),
            (None, Some(text)) => {
                let Payload::Invalid(invalid) = payload else { panic!("{line}: {payload:?}") };
                assert_eq!(invalid.text, wanted(text), "{line}");
            }
            _ => assert!(fate == "gives nothing" && payload == Payload::Nothing, "{line}"),
        }
    }
    assert!(examples >= 35, "{examples} examples");
}
