//! The JSON Schema of rule documents, for editors.
//!
//! The parser is the authority and says more than a schema can; the schema says what helps while typing: which keys
//! there are, of what type, and what they mean. A test holds the two together.

mod alarms;
mod over_time;

use crate::catalogue::Check;
use crate::diagnostic::Level;
use crate::rule::{RuleId, Severity};
use serde_json::{Value, json};

/// The JSON Schema (draft 2020-12) of one document of a rule file.
#[must_use]
pub fn rule_document() -> Value {
    let severity = json!({
        "description": "How grave a finding is.",
        "enum": Severity::ALL.map(Severity::as_str),
    });
    let condition = json!({
        "description": "A CEL expression over the event, `account`, `principal` and `lists`; a missing field makes it false.",
        "type": "string",
        "minLength": 1,
        "maxLength": crate::condition::EXPRESSION_LENGTH_MAX,
    });
    let pattern = json!({
        "description": "An EventBridge event pattern, as in AWS; or one as JSON text.",
        "type": ["object", "string"],
    });
    let path = json!({
        "description": "A path into the event, such as `detail.requestParameters.userName`, `principal` or `account`.",
        "type": "string",
        "minLength": 1,
    });
    let length = json!({
        "description": "A length of time: `30s`, `10m`, `1h`, `2d`.",
        "type": "string",
        "pattern": "^[0-9]+[smhd]$",
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Trailhound rule",
        "description": "One document of a rule file: a rule, a metric filter, an alarm or a composite alarm.",
        "type": "object",
        "oneOf": [
            { "$ref": "#/$defs/rule" },
            { "$ref": "#/$defs/metric_filter" },
            { "$ref": "#/$defs/alarm" },
            { "$ref": "#/$defs/composite_alarm" },
        ],
        "$defs": {
            "rule": rule(),
            "metric_filter": alarms::metric_filter(),
            "alarm": alarms::alarm(),
            "composite_alarm": alarms::composite_alarm(),
            "severity": severity,
            "condition": condition,
            "pattern": pattern,
            "path": path,
            "length": length,
            "step": over_time::step(),
        },
    })
}

fn rule() -> Value {
    let allowed = allow();
    let mut schema = json!({
        "description": "Which CloudTrail events make a finding, and what it says.",
        "type": "object",
        "additionalProperties": false,
        "required": ["id", "title", "severity"],
        "oneOf": [{ "required": ["pattern"] }, { "required": ["filter"] }, { "required": ["sequence"] }],
        "properties": {
            "kind": { "description": "What the document is.", "enum": ["rule"] },
            "id": id(),
            "title": text("What a finding is called: a template such as `{{ principal.name }} stopped {{ detail.requestParameters.name }}`."),
            "severity": { "$ref": "#/$defs/severity" },
            "escalate": escalate(),
            "description": text("Why anybody should care."),
            "first_checks": texts("What whoever reads a finding should look at first."),
            "owner": text("Who answers for the rule."),
            "tags": texts("Free labels, such as `attack.t1562.008`."),
            "pattern": { "$ref": "#/$defs/pattern" },
            "filter": text("A CloudWatch Logs filter pattern, matched against the record alone."),
            "where": { "$ref": "#/$defs/condition" },
            "delivery": delivery(),
            "except": except(),
            "group": group(),
            "tests": over_time::tests(),
            "allow": allowed,
            "metadata": { "description": "Whatever you like; nothing reads it.", "type": "object" },
        },
    });
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert("alarm".to_owned(), alarms::inline());
        for (key, decision) in over_time::decisions() {
            properties.insert(key.to_owned(), decision);
        }
    }
    schema
}

fn id() -> Value {
    json!({
        "description": "The document's name, unique among all.",
        "type": "string",
        "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
        "maxLength": RuleId::LENGTH_MAX,
    })
}

fn delivery() -> Value {
    json!({
        "description": "Which events count: all, or those EventBridge would have delivered to such a rule.",
        "enum": ["all", "aws-enabled", "aws-all-management"],
    })
}

fn allow() -> Value {
    let allowed = Check::ALL.iter().map(|check| check.entry()).filter(|entry| entry.level == Level::Warning);
    let allowed: Vec<_> = allowed.map(|entry| entry.id).collect();
    json!({
        "description": "Warnings that are known and meant.",
        "type": "array",
        "items": { "enum": allowed },
    })
}

fn escalate() -> Value {
    json!({
    "description": "Conditions that replace the severity; the first that holds decides.",
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": false,
            "required": ["when", "severity"],
            "properties": { "when": { "$ref": "#/$defs/condition" }, "severity": { "$ref": "#/$defs/severity" } },
        },
    })
}

fn except() -> Value {
    json!({
        "description": "Known good: events dropped before anything is counted.",
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": false,
            "required": ["reason"],
            "anyOf": [{ "required": ["pattern"] }, { "required": ["where"] }],
            "properties": {
                "reason": text("Why it is good."),
                "owner": text("Who says so."),
                "expires": {
                    "description": "The last day on which it holds, in UTC.",
                    "type": "string",
                    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
                },
                "pattern": { "$ref": "#/$defs/pattern" },
                "where": { "$ref": "#/$defs/condition" },
            },
        },
    })
}

fn group() -> Value {
    json!({
        "description": "One finding for the events that agree in these values, with a count.",
        "type": "object",
        "additionalProperties": false,
        "required": ["by", "for"],
        "properties": {
            "by": { "type": "array", "items": { "$ref": "#/$defs/path" } },
            "for": {
                "description": "How long a finding takes in more events: `30s`, `10m`, `1h`, `2d`.",
                "type": "string",
                "pattern": "^[0-9]+[smhd]$",
            },
        },
    })
}

fn text(description: &str) -> Value {
    json!({ "description": description, "type": "string", "minLength": 1 })
}

fn texts(description: &str) -> Value {
    json!({ "description": description, "type": "array", "items": { "type": "string", "minLength": 1 } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::{
        ALARM_DOCUMENT_KEYS, METRIC_FILTER_KEYS, RULE_KEYS, alarm_document_keys, composite_keys,
    };
    use std::collections::BTreeSet;

    #[test]
    fn the_schema_has_the_keys_that_are_read() {
        let schema = rule_document();
        let alarm = ALARM_DOCUMENT_KEYS.into_iter();
        for (definition, keys) in [
            ("rule", RULE_KEYS.into_iter().collect::<BTreeSet<_>>()),
            ("metric_filter", METRIC_FILTER_KEYS.into_iter().collect()),
            ("alarm", alarm.clone().chain(alarm_document_keys()).collect()),
            ("composite_alarm", alarm.chain(composite_keys()).collect()),
        ] {
            let properties = schema["$defs"][definition]["properties"].as_object().unwrap();
            assert_eq!(properties.keys().map(String::as_str).collect::<BTreeSet<_>>(), keys, "{definition}");
        }
    }
}
