//! The schema of alarms, composite alarms and metric filters: AWS's members in snake case.

use super::{allow, delivery, except, id, text, texts};
use crate::metric::MetricTime;
use serde_json::{Map, Value, json};

/// The inline `alarm:` of a rule.
pub(super) fn inline() -> Value {
    let mut properties = evaluation();
    properties.insert(
        "metric".to_owned(),
        json!({
            "description": "What each event is worth; 1 unless this says.",
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "value": value(),
                "default_value": number("What an event that does not match is worth."),
                "dimensions": selectors(),
                "unit": text("The unit of the samples."),
                "time": time(),
            },
        }),
    );
    json!({
        "description": "A metric filter and an alarm in one: an alarm on the number or the values of the rule's events.",
        "type": "object",
        "additionalProperties": false,
        "required": ["evaluation_periods", "comparison_operator", "threshold", "period"],
        "properties": properties,
    })
}

pub(super) fn alarm() -> Value {
    let stat = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["metric", "period", "stat"],
        "properties": {
            "metric": {
                "description": "Which metric.",
                "type": "object",
                "additionalProperties": false,
                "required": ["namespace", "metric_name"],
                "properties": {
                    "namespace": text("Its namespace."),
                    "metric_name": text("Its name."),
                    "dimensions": dimensions(),
                },
            },
            "period": period(),
            "stat": text("The statistic."),
            "unit": text("Only samples of this unit count."),
        },
    });
    let metrics = json!({
        "description": "Metric math: metrics and expressions instead of a single metric.",
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": false,
            "required": ["id"],
            "properties": {
                "id": text("The name expressions use."),
                "metric_stat": stat,
                "expression": text("An expression of metric math."),
                "label": text("For people."),
                "return_data": { "description": "Whether this is what the alarm compares.", "type": "boolean" },
                "period": period(),
            },
        },
    });
    let mut properties = evaluation();
    for (key, schema) in [
        ("namespace", text("The metric's namespace.")),
        ("metric_name", text("The metric's name.")),
        ("dimensions", dimensions()),
        ("metrics", metrics),
    ] {
        properties.insert(key.to_owned(), schema);
    }
    document(
        "An alarm on a metric that other documents publish, or on metric math.",
        "alarm",
        properties,
        &["evaluation_periods", "comparison_operator", "threshold"],
    )
}

pub(super) fn composite_alarm() -> Value {
    let mut properties = Map::new();
    for (key, schema) in [
        ("alarm_name", text("What other alarms call it; the id unless this says.")),
        ("alarm_rule", text("The rule expression, as in AWS: `ALARM(a) AND NOT ALARM(\"b c\")`.")),
        ("actions_suppressor", text("The alarm that holds findings back while it is in ALARM.")),
        ("actions_suppressor_wait_period", whole("Seconds to wait for it after a transition.", 0)),
        ("actions_suppressor_extension_period", whole("Seconds to hold back after it left ALARM.", 0)),
    ] {
        properties.insert(key.to_owned(), schema);
    }
    document("An alarm over the states of other alarms.", "composite-alarm", properties, &["alarm_rule"])
}

pub(super) fn metric_filter() -> Value {
    json!({
        "description": "Which events are samples of a metric.",
        "type": "object",
        "additionalProperties": false,
        "required": ["kind", "id", "metric_transformations"],
        "oneOf": [{ "required": ["pattern"] }, { "required": ["filter"] }, { "required": ["filter_pattern"] }],
        "properties": {
            "kind": { "description": "What the document is.", "enum": ["metric-filter"] },
            "id": id(),
            "description": text("What is measured, and why."),
            "owner": text("Who answers for it."),
            "tags": texts("Free labels."),
            "filter_name": text("Its name in AWS; the id unless this says."),
            "log_group_name": text("Where it stands in AWS; nothing reads it."),
            "filter_pattern": text("A CloudWatch Logs filter pattern, matched against the record alone."),
            "filter": text("The same."),
            "pattern": { "$ref": "#/$defs/pattern" },
            "where": { "$ref": "#/$defs/condition" },
            "delivery": delivery(),
            "except": except(),
            "metric_transformations": {
                "description": "What each event publishes: exactly one.",
                "type": "array",
                "minItems": 1,
                "maxItems": 1,
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["metric_name", "metric_namespace", "metric_value"],
                    "properties": {
                        "metric_name": text("The metric's name."),
                        "metric_namespace": text("The metric's namespace."),
                        "metric_value": value(),
                        "default_value": number("What an event that does not match is worth."),
                        "dimensions": selectors(),
                        "unit": text("The unit of the samples; `None` unless this says."),
                        "time": time(),
                    },
                },
            },
            "allow": allow(),
            "metadata": { "description": "Whatever you like; nothing reads it.", "type": "object" },
        },
    })
}

fn time() -> Value {
    json!({
        "description": "At which time events count: when they happened, or when the log got them.",
        "enum": MetricTime::WORDS.map(|(word, _)| word),
    })
}

/// A document that makes findings and looks at no event itself.
fn document(description: &str, kind: &str, mut properties: Map<String, Value>, required: &[&str]) -> Value {
    let own = [
        ("kind", json!({ "description": "What the document is.", "enum": [kind] })),
        ("id", id()),
        ("title", text("What a finding is called.")),
        ("severity", json!({ "$ref": "#/$defs/severity" })),
        ("description", text("Why anybody should care.")),
        ("first_checks", texts("What whoever reads a finding should look at first.")),
        ("owner", text("Who answers for it.")),
        ("tags", texts("Free labels.")),
        ("tests", super::over_time::tests()),
        ("allow", allow()),
        ("metadata", json!({ "description": "Whatever you like; nothing reads it.", "type": "object" })),
        ("alarm_description", text("The same as `description`, as in AWS.")),
        ("actions_enabled", json!({ "description": "As in AWS; nothing reads it.", "type": "boolean" })),
        ("ok_actions", texts("As in AWS; not run.")),
        ("alarm_actions", texts("As in AWS; not run.")),
        ("insufficient_data_actions", texts("As in AWS; not run.")),
    ];
    for (key, schema) in own {
        properties.insert(key.to_owned(), schema);
    }
    let required: Vec<&str> = ["kind", "id", "title", "severity"].iter().chain(required).copied().collect();
    json!({
        "description": description,
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

/// How a metric is judged.
fn evaluation() -> Map<String, Value> {
    let properties = [
        ("alarm_name", text("What composite alarms call it; the id unless this says.")),
        ("statistic", text("How the samples of a period become one value: `Sum`, `Maximum`, ….")),
        ("extended_statistic", text("A percentile or trimmed statistic: `p99`, `TM(10%:90%)`.")),
        ("period", period()),
        ("unit", text("Only samples of this unit count.")),
        ("evaluation_periods", whole("How many datapoints are looked at.", 1)),
        ("datapoints_to_alarm", whole("How many of them must breach; all unless this says.", 1)),
        ("threshold", number("What datapoints are compared with.")),
        (
            "comparison_operator",
            json!({
                "description": "How they are compared.",
                "enum": [
                    "GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold",
                    "LessThanOrEqualToThreshold",
                ],
            }),
        ),
        (
            "treat_missing_data",
            json!({
                "description": "What missing datapoints mean; `missing` unless this says.",
                "enum": ["breaching", "notBreaching", "ignore", "missing"],
            }),
        ),
        (
            "evaluate_low_sample_count_percentile",
            json!({
                "description": "Whether percentiles of too few samples count.",
                "enum": ["evaluate", "ignore"],
            }),
        ),
        (
            "threshold_metric_id",
            text("An anomaly detection band: refused, because the service's model is not published."),
        ),
    ];
    properties.into_iter().map(|(key, schema)| (key.to_owned(), schema)).collect()
}

fn period() -> Value {
    whole("Seconds per datapoint: 10, 20, 30 or a multiple of 60.", 10)
}

fn whole(description: &str, minimum: u32) -> Value {
    json!({ "description": description, "type": "integer", "minimum": minimum })
}

fn number(description: &str) -> Value {
    json!({ "description": description, "type": "number" })
}

fn value() -> Value {
    json!({ "description": "A number, or a selector such as `$.bytes`.", "type": ["number", "string"] })
}

fn selectors() -> Value {
    json!({ "description": "Names of dimensions, each with the selector of its value: `$.userIdentity.arn`.", "type": "object" })
}

fn dimensions() -> Value {
    json!({ "description": "Names of dimensions with their values; or AWS's list of `name` and `value`.", "type": ["object", "array"] })
}
