//! The schema of what is decided over several events, and of tests.

use super::{delivery, text};
use crate::decision::Sequence;
use crate::rule_test::{ExpectedState, KnownBy};
use serde_json::{Value, json};

/// The keys of a rule that say what must hold of its events, but for `alarm`.
pub(super) fn decisions() -> [(&'static str, Value); 4] {
    [
        (
            "threshold",
            json!({
                "description": "So many events, or distinct values, of one key within a span.",
                "type": "object",
                "additionalProperties": false,
                "required": ["count", "within"],
                "properties": {
                    "count": { "description": "How many make it fire.", "type": "integer", "minimum": 1 },
                    "within": length("The span."),
                    "by": paths("The values that must be equal; without it all events count together."),
                    "distinct": { "$ref": "#/$defs/path" },
                    "keys_max": keys_max(),
                },
            }),
        ),
        (
            "sequence",
            json!({
                "description": "Steps in order within a span.",
                "type": "object",
                "additionalProperties": false,
                "required": ["within", "steps"],
                "properties": {
                    "within": length("The span, from the first step on."),
                    "strict": { "description": "Whether steps must not share a second.", "type": "boolean" },
                    "by": paths("The key of steps that do not say theirs."),
                    "steps": {
                        "description": "What must happen, in order; the last may be one that must not follow.",
                        "type": "array",
                        "minItems": 2,
                        "maxItems": Sequence::STEPS_MAX + 1,
                        "items": {
                            "anyOf": [
                                { "$ref": "#/$defs/step" },
                                {
                                    "description": "What must not follow.",
                                    "type": "object",
                                    "additionalProperties": false,
                                    "required": ["not"],
                                    "properties": { "not": { "$ref": "#/$defs/step" } },
                                },
                            ],
                        },
                    },
                    "keys_max": keys_max(),
                },
            }),
        ),
        (
            "first_seen",
            json!({
                "description": "A combination of values that was not seen before.",
                "type": "object",
                "additionalProperties": false,
                "required": ["of"],
                "properties": {
                    "of": paths("Where the values stand."),
                    "learn": length("How long everything is taken as known; 14d."),
                    "forget": length("After how long without a sighting a value is new again; 90d."),
                    "keys_max": keys_max(),
                },
            }),
        ),
        (
            "absent",
            json!({
                "description": "What should come by, and did not.",
                "type": "object",
                "additionalProperties": false,
                "required": ["for"],
                "properties": {
                    "for": length("How long nothing may come."),
                    "per": paths("What is watched: one absence for each combination of these values."),
                    "expect": {
                        "description": "What is waited for: what was seen once (`seen`), every account that is known (`organization`), or these keys.",
                        "anyOf": [
                            { "enum": ["seen", "organization"] },
                            {
                                "type": "array",
                                "minItems": 1,
                                "items": { "type": ["string", "array"], "items": { "type": "string", "minLength": 1 } },
                            },
                        ],
                    },
                    "accept_assumed": {
                        "description": "Whether the silence of a source is proof enough.",
                        "type": "boolean",
                    },
                    "keys_max": keys_max(),
                },
            }),
        ),
    ]
}

/// A step of a sequence.
pub(super) fn step() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "oneOf": [{ "required": ["pattern"] }, { "required": ["filter"] }],
        "properties": {
            "pattern": { "$ref": "#/$defs/pattern" },
            "filter": text("A CloudWatch Logs filter pattern, matched against the record alone."),
            "where": { "$ref": "#/$defs/condition" },
            "delivery": delivery(),
            "by": paths("The values by which the step belongs to the others: as many as theirs."),
        },
    })
}

pub(super) fn tests() -> Value {
    json!({
        "description": "Events with what the rule must make of them.",
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": false,
            "required": ["name"],
            "oneOf": [
                { "required": ["event", "fires"] },
                { "required": ["event", "counts"] },
                { "required": ["steps"] },
            ],
            "properties": {
                "name": text("What the test shows."),
                "description": text("What is to be said of it."),
                "event": event(),
                "with": { "description": "Fields to set: path to value.", "type": "object" },
                "without": paths("Fields to delete."),
                "fires": { "description": "Whether the rule must fire.", "type": "boolean" },
                "counts": {
                    "description": "Whether the event must count, for a rule over several events.",
                    "type": "boolean",
                },
                "because": text("What must have stopped it: a field's path, `where`, `except` or `delivery`."),
                "severity": { "$ref": "#/$defs/severity" },
                "lists": { "description": "Lists that stand in for the configuration's.", "type": "object" },
                "places": {
                    "description": "Where addresses are, in place of the configuration's databases: address to `country`, `city`, `asn`, `org`.",
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": {
                            "country": { "type": "string" },
                            "city": { "type": "string" },
                            "asn": { "type": "integer", "minimum": 1 },
                            "org": { "type": "string" },
                        },
                    },
                },
                "start": text("When `+0s` is, as in `2026-01-31T09:00:00Z`."),
                "lateness": length("How late an event may arrive and be in time; none unless this says."),
                "steps": { "description": "What happens, in order.", "type": "array", "items": test_step() },
            },
        },
    })
}

fn test_step() -> Value {
    let offset = |description: &str| json!({ "description": description, "type": "string", "pattern": "^\\+([0-9]+[smhd])+$" });
    let expectation = json!({
        "anyOf": [
            { "enum": ExpectedState::ALL.map(ExpectedState::as_str) },
            {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "state": {
                        "description": "Whether the finding stands.",
                        "enum": ExpectedState::ALL.map(ExpectedState::as_str),
                    },
                    "severity": { "$ref": "#/$defs/severity" },
                    "title": text("What the title contains."),
                    "reason": text("What the reason contains."),
                    "count": { "description": "How many events it counts.", "type": "integer", "minimum": 0 },
                    "settled": { "description": "Whether it is settled.", "type": "boolean" },
                    "revision": { "description": "How often it was said again.", "type": "integer", "minimum": 0 },
                    "key": { "description": "Values of its key: path to value.", "type": "object" },
                },
            },
        ],
    });
    json!({
        "type": "object",
        "additionalProperties": false,
        "oneOf": [{ "required": ["event"] }, { "required": ["progress"] }, { "required": ["expect"] }],
        "properties": {
            "at": offset("When the event happens, after the start."),
            "event": event(),
            "repeat": {
                "description": "How often, and how long after each other: `x5 every 30s`.",
                "type": "string",
                "pattern": "^x[0-9]+ every +([0-9]+[smhd])+$",
            },
            "with": {
                "description": "Fields to set: path to value; `{n}` in a text is the number of the repetition.",
                "type": "object",
            },
            "without": paths("Fields to delete."),
            "progress": {
                "description": "Up to when everything has arrived.",
                "anyOf": [
                    offset("After the start."),
                    {
                        "type": "object",
                        "additionalProperties": false,
                        "required": ["to"],
                        "properties": {
                            "to": offset("After the start."),
                            "by": { "description": "How that is known.", "enum": KnownBy::ALL.map(|(word, _)| word) },
                            "account": text("Of which account alone."),
                            "region": text("Of which region alone."),
                        },
                    },
                ],
            },
            "expect": {
                "description": "What the rule must have said since the last expectation.",
                "anyOf": [
                    { "enum": ["nothing"] },
                    expectation.clone(),
                    { "type": "array", "minItems": 1, "items": expectation },
                ],
            },
        },
    })
}

fn event() -> Value {
    json!({ "description": "A JSON file beside the rule, or the event itself.", "type": ["string", "object"] })
}

fn length(description: &str) -> Value {
    json!({ "description": description, "$ref": "#/$defs/length" })
}

fn paths(description: &str) -> Value {
    json!({ "description": description, "type": "array", "items": { "$ref": "#/$defs/path" } })
}

fn keys_max() -> Value {
    json!({
        "description": "How many keys to keep at most; the one whose state would end soonest makes room.",
        "type": "integer",
        "minimum": 1,
    })
}
