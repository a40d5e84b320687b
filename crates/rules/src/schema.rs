//! The JSON Schema of rule documents, for editors.
//!
//! The parser is the authority and says more than a schema can; the schema says what helps while typing: which keys
//! there are, of what type, and what they mean. A test holds the two together.

use crate::catalogue::Check;
use crate::rule::{RuleId, Severity};
use serde_json::{Value, json};

/// The JSON Schema (draft 2020-12) of one rule document.
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
    let allowed = Check::ALL.iter().filter(|check| check.may_be_allowed());
    let allowed: Vec<_> = allowed.map(|check| check.id()).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Trailhound rule",
        "description": "One rule document: which CloudTrail events make a finding, and what it says.",
        "type": "object",
        "additionalProperties": false,
        "required": ["id", "title", "severity"],
        "oneOf": [{ "required": ["pattern"] }, { "required": ["filter"] }],
        "properties": {
            "kind": { "description": "What the document is.", "enum": ["rule"] },
            "id": {
                "description": "The rule's name, unique among all rules.",
                "type": "string",
                "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
                "maxLength": RuleId::LENGTH_MAX,
            },
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
            "delivery": {
                "description": "Which events count: all, or those EventBridge would have delivered to such a rule.",
                "enum": ["all", "aws-enabled", "aws-all-management"],
            },
            "except": except(),
            "group": group(),
            "tests": tests(),
            "allow": {
                "description": "Warnings that are known and meant.",
                "type": "array",
                "items": { "enum": allowed },
            },
            "metadata": { "description": "Whatever you like; nothing reads it.", "type": "object" },
        },
        "$defs": { "severity": severity, "condition": condition, "pattern": pattern, "path": path },
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

fn tests() -> Value {
    json!({
        "description": "Events with what the rule must make of them.",
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": false,
            "required": ["name", "event", "fires"],
            "properties": {
                "name": text("What the test shows."),
                "description": text("What is to be said of it."),
                "event": {
                    "description": "A JSON file beside the rule, or the event itself.",
                    "type": ["string", "object"],
                },
                "with": { "description": "Fields to set: path to value.", "type": "object" },
                "without": { "description": "Fields to delete.", "type": "array", "items": { "$ref": "#/$defs/path" } },
                "fires": { "description": "Whether the rule must fire.", "type": "boolean" },
                "because": text("What must have stopped it: a field's path, `where`, `except` or `delivery`."),
                "severity": { "$ref": "#/$defs/severity" },
                "lists": { "description": "Lists that stand in for the configuration's.", "type": "object" },
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
