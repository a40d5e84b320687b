//! The published schema is what the code says, and agrees with the parser.

use rules::{BuiltIn, Files, yaml};
use serde_json::Value;
use std::path::Path;

/// Rewrite the published file with `TRAILHOUND_UPDATE_SCHEMA=1`.
#[test]
fn the_published_schema_is_up_to_date() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/rule.schema.json"));
    let schema = format!("{:#}\n", rules::schema::rule_document());
    if std::env::var_os("TRAILHOUND_UPDATE_SCHEMA").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &schema).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        published == schema,
        "docs/schema/rule.schema.json differs: set TRAILHOUND_UPDATE_SCHEMA=1 to rewrite it"
    );
}

#[test]
fn every_rule_of_the_pack_is_valid_by_the_schema() {
    let schema = rules::schema::rule_document();
    let mut documents = 0;
    for path in BuiltIn.rules() {
        let text = BuiltIn.text(path).unwrap();
        for document in yaml::parse(&path.into(), &text).documents {
            documents += 1;
            let mut faults = Vec::new();
            validate(&schema, &schema, &document.to_json(), path, &mut faults);
            assert!(faults.is_empty(), "{faults:#?}");
        }
    }
    assert!(documents > 50);
}

#[test]
fn what_the_parser_refuses_by_shape_the_schema_refuses() {
    let schema = rules::schema::rule_document();
    let good = "{ id: a, title: t, severity: low, pattern: {} }";
    for (text, valid) in [
        (good, true),
        ("{ id: a, title: t, severity: low, filter: x, kind: rule, delivery: all, allow: [no-tests] }", true),
        ("{ id: a, title: t, severity: low }", false),
        ("{ id: a, title: t, severity: low, pattern: {}, filter: x }", false),
        ("{ id: A, title: t, severity: low, pattern: {} }", false),
        ("{ id: a, title: t, severity: severe, pattern: {} }", false),
        ("{ id: a, title: t, severity: low, pattern: {}, patern: {} }", false),
        ("{ id: a, title: t, severity: low, pattern: {}, group: { by: [principal] } }", false),
        ("{ id: a, title: t, severity: low, pattern: {}, group: { by: [principal], for: 1 hour } }", false),
        ("{ id: a, title: t, severity: low, pattern: {}, except: [{ reason: x }] }", false),
        (
            "{ id: a, title: t, severity: low, pattern: {}, tests: [{ name: x, event: {}, fires: maybe }] }",
            false,
        ),
        ("{ id: a, title: t, severity: low, pattern: {}, allow: [yaml-syntax] }", false),
        (
            "{ id: a, title: t, severity: low, pattern: {}, threshold: { count: 5, within: 10m, by: [principal] } }",
            true,
        ),
        ("{ id: a, title: t, severity: low, pattern: {}, threshold: { count: many, within: 10m } }", false),
        (
            "{ id: a, title: t, severity: low, sequence: { within: 1h, steps: [{ filter: a }, { not: { filter: b } }] } }",
            true,
        ),
        ("{ id: a, title: t, severity: low, sequence: { within: 1h, steps: [{ filter: a }] } }", false),
        (
            "{ id: a, title: t, severity: low, filter: x, sequence: { within: 1h, steps: [{ filter: a }, { filter: b }] } }",
            false,
        ),
        ("{ id: a, title: t, severity: low, filter: x, first_seen: { of: [principal], learn: 7d } }", true),
        (
            "{ id: a, title: t, severity: low, filter: x, absent: { for: 1h, per: [account], expect: [a, [b]] } }",
            true,
        ),
        ("{ id: a, title: t, severity: low, filter: x, absent: { for: 1h, expect: everything } }", false),
        (
            "{ id: a, title: t, severity: low, filter: x, alarm: { statistic: Sum, period: 60, evaluation_periods: 1, threshold: 1.5, comparison_operator: LessThanThreshold, metric: { value: $.a, dimensions: { x: $.b } } } }",
            true,
        ),
        ("{ id: a, title: t, severity: low, filter: x, alarm: { period: 60 } }", false),
        (
            "{ id: a, title: t, severity: low, filter: x, threshold: { count: 2, within: 1m }, tests: [{ name: x, start: 2026-01-01T00:00:00Z, steps: [{ at: +1h5m, event: e.json, repeat: x5 every 30s }, { progress: +5m }, { progress: { to: +1h, by: digest } }, { expect: nothing }, { expect: firing }, { expect: { state: firing, count: 5 } }, { expect: [{ settled: true }, resolved] }] }] }",
            true,
        ),
        (
            "{ id: a, title: t, severity: low, filter: x, tests: [{ name: x, steps: [{ expect: maybe }] }] }",
            false,
        ),
        (
            "{ id: a, title: t, severity: low, filter: x, tests: [{ name: x, steps: [{ at: 5m, event: e.json }] }] }",
            false,
        ),
        (
            "{ kind: metric-filter, id: a, filter_pattern: x, metric_transformations: [{ metric_name: a, metric_namespace: b, metric_value: 1 }] }",
            true,
        ),
        ("{ kind: metric-filter, id: a, filter_pattern: x, metric_transformations: [] }", false),
        (
            "{ kind: alarm, id: a, title: t, severity: low, namespace: n, metric_name: m, statistic: Sum, period: 60, evaluation_periods: 1, threshold: 1, comparison_operator: LessThanThreshold }",
            true,
        ),
        ("{ kind: alarm, id: a, title: t, severity: low }", false),
        ("{ kind: composite-alarm, id: a, title: t, severity: low, alarm_rule: ALARM(b) }", true),
        ("{ kind: composite-alarm, id: a, title: t, severity: low }", false),
        ("[]", false),
    ] {
        let document = yaml::parse(&"t.yaml".into(), text).documents.remove(0).to_json();
        let mut faults = Vec::new();
        validate(&schema, &schema, &document, "t", &mut faults);
        assert_eq!(faults.is_empty(), valid, "{text}: {faults:?}");
    }
}

/// As much of JSON Schema as the schema uses; a word it does not know fails the test.
#[expect(clippy::unwrap_used, reason = "a schema of another shape fails the test")]
fn validate(root: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    for (word, argument) in schema.as_object().unwrap() {
        let matching = |schemas: &Value| {
            let schemas = schemas.as_array().unwrap();
            let passes = |schema: &&Value| {
                let mut faults = Vec::new();
                validate(root, schema, value, at, &mut faults);
                faults.is_empty()
            };
            schemas.iter().filter(passes).count()
        };
        let text = value.as_str();
        let length = text.map_or(0, |text| text.chars().count()) as u64;
        let holds = match word.as_str() {
            "$schema" | "title" | "description" | "$defs" => true,
            "$ref" => {
                let target = argument.as_str().unwrap().strip_prefix('#').unwrap();
                validate(root, root.pointer(target).unwrap(), value, at, faults);
                true
            }
            "type" => {
                let is = |name: &Value| match name.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "number" => value.is_number(),
                    "integer" => value.is_u64() || value.is_i64(),
                    other => panic!("unknown type {other}"),
                };
                argument.as_array().map_or_else(|| is(argument), |names| names.iter().any(is))
            }
            "enum" => argument.as_array().unwrap().contains(value),
            "required" => {
                argument.as_array().unwrap().iter().all(|key| value.get(key.as_str().unwrap()).is_some())
            }
            "oneOf" => matching(argument) == 1,
            "anyOf" => matching(argument) > 0,
            "minItems" => {
                value.as_array().is_none_or(|items| items.len() as u64 >= argument.as_u64().unwrap())
            }
            "maxItems" => {
                value.as_array().is_none_or(|items| items.len() as u64 <= argument.as_u64().unwrap())
            }
            "minimum" => value.as_f64().is_none_or(|number| number >= argument.as_f64().unwrap()),
            "minLength" => text.is_none() || length >= argument.as_u64().unwrap(),
            "maxLength" => text.is_none() || length <= argument.as_u64().unwrap(),
            "pattern" => {
                let regex = regex_automata::meta::Regex::new(argument.as_str().unwrap()).unwrap();
                text.is_none_or(|text| regex.is_match(text))
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    validate(root, argument, item, at, faults);
                }
                true
            }
            "properties" => {
                for (key, member) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = argument.get(key) {
                        validate(root, schema, member, &format!("{at}.{key}"), faults);
                    }
                }
                true
            }
            "additionalProperties" => {
                let known =
                    |key: &str| schema.get("properties").is_some_and(|known| known.get(key).is_some());
                for (key, member) in value.as_object().into_iter().flatten().filter(|(key, _)| !known(key)) {
                    match argument {
                        Value::Bool(true) => {}
                        Value::Bool(false) => faults.push(format!("{at}: there is no {key}")),
                        schema => validate(root, schema, member, &format!("{at}.{key}"), faults),
                    }
                }
                true
            }
            other => panic!("the schema uses `{other}`, which this test does not know"),
        };
        if !holds {
            faults.push(format!("{at}: {word}: {argument}"));
        }
    }
}
