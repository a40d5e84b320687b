//! Every recorded verdict on both languages, by each rule alone and by all rules in one index.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::support::{Rules, record, shared_lines, with_object};
use event_pattern::Pattern;
use filter_pattern::Filter;
use matcher::{RuleId, Scratch};

#[test]
fn event_patterns_one_by_one() {
    let mut scratch = Scratch::new();
    let mut compared = 0;
    for case in shared_lines("conformance/event-pattern.jsonl") {
        let text = |name: &str| case[name].as_str().unwrap();
        let expected = match text("expect") {
            "match" => vec![RuleId(0)],
            "nomatch" => Vec::new(),
            _ => continue,
        };
        // The library takes some that the service refuses.
        let Ok(pattern) = Pattern::parse(text("pattern")) else { continue };
        let rules = Rules::new(vec![Arc::new(pattern)], Vec::new());
        let matched = rules.matches_object(text("event"), &mut scratch).unwrap();
        let case_name = format!("{}: {} on {}", text("name"), text("pattern"), text("event"));
        assert_eq!(matched, rules.reference_of_object(text("event")), "{case_name}");
        // Where the library the service runs and the service itself disagree, the service is right.
        if case["evidence"].as_str().is_some_and(|evidence| evidence.starts_with("aws")) {
            assert_eq!(matched, expected, "{case_name}");
            compared += 1;
        }
    }
    println!("{compared} verdicts of the service compared");
}

#[test]
fn event_patterns_all_together() {
    let cases = shared_lines("conformance/event-pattern.jsonl");
    let texts = |name: &str| -> BTreeSet<String> {
        cases.iter().map(|case| case[name].as_str().unwrap().to_owned()).collect()
    };
    let patterns =
        texts("pattern").iter().filter_map(|text| Pattern::parse(text).ok()).map(Arc::new).collect();
    let rules = Rules::new(patterns, Vec::new());
    let mut scratch = Scratch::new();
    let events = texts("event");
    let events = events.iter().filter(|text| event_pattern::Event::parse(text).is_ok());
    for event in events {
        assert_eq!(
            rules.matches_object(event, &mut scratch).unwrap(),
            rules.reference_of_object(event),
            "{event}"
        );
    }
}

/// Messages that are JSON objects, which is what a record is; their text must be compact for the verdict to be about the record.
#[test]
fn filters_one_by_one() {
    let mut scratch = Scratch::new();
    let mut compared = 0;
    for case in shared_lines("conformance/filter-pattern.jsonl") {
        let (pattern, message) = (case["pattern"].as_str().unwrap(), case["log_event"].as_str());
        let Some(message) = message.filter(|message| is_record(message)) else { continue };
        let expected = match case["expect"].as_str().unwrap() {
            "match" => vec![RuleId(0)],
            "nomatch" => Vec::new(),
            _ => continue,
        };
        let rules = Rules::of_filters(&[pattern]);
        with_object(message, |object| {
            let event = record(object).unwrap();
            assert_eq!(
                rules.matches(&event, &mut scratch),
                rules.reference(&event),
                "{pattern} on {message}"
            );
            if object.is_compact() || pattern.trim_start().starts_with('{') {
                assert_eq!(rules.matches(&event, &mut scratch), expected, "{pattern} on {message}");
                compared += 1;
            }
        });
    }
    println!("{compared} verdicts compared");
}

#[test]
fn filters_all_together() {
    let cases = shared_lines("conformance/filter-pattern.jsonl");
    let texts = |name: &str| -> BTreeSet<String> {
        cases.iter().filter_map(|case| case[name].as_str().map(str::to_owned)).collect()
    };
    let filters = texts("pattern").iter().filter_map(|text| Filter::parse(text).ok()).map(Arc::new).collect();
    let rules = Rules::new(Vec::new(), filters);
    let mut scratch = Scratch::new();
    for message in texts("log_event").iter().filter(|message| is_record(message)) {
        with_object(message, |object| {
            let event = record(object).unwrap();
            assert_eq!(rules.matches(&event, &mut scratch), rules.reference(&event), "{message}");
        });
    }
}

fn is_record(message: &str) -> bool {
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(message).is_ok()
}
