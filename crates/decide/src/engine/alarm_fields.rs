//! What CloudWatch itself would send when an alarm changes its state: the fields of its notification, and the event it puts on
//! EventBridge. Field by field as recorded on the service in September 2026; what belongs to an account we do not know (ARNs)
//! is left out.

use std::collections::BTreeMap;

use alarm::composite::CompositeChange;
use alarm::{Alarm, AlarmDefinition, StateChange, Statistic, Timestamp};
use serde_json::{Value, json};

/// An alarm as its notification tells it.
pub(crate) struct Told<'a> {
    pub(crate) name: &'a str,
    pub(crate) description: Option<&'a str>,
    pub(crate) definition: &'a AlarmDefinition,
    pub(crate) alarm: &'a Alarm,
    /// Beside those of the definition.
    pub(crate) dimensions: &'a BTreeMap<&'a str, &'a str>,
}

/// The fields of a change of state.
pub(crate) fn fields(told: &Told<'_>, change: &StateChange) -> Value {
    let state = |value: &str, reason: &str, data: Option<&str>, at: Timestamp| {
        let mut state = json!({ "value": value, "reason": reason, "timestamp": at.to_string() });
        if let (Some(data), Some(members)) = (data, state.as_object_mut()) {
            members.insert("reasonData".into(), data.into());
        }
        state
    };
    let new = state(change.to.as_str(), &change.reason, change.reason_data.as_deref(), change.at);
    let old = state(
        change.from.as_str(),
        &change.previous_reason,
        change.previous_reason_data.as_deref(),
        change.previous_at,
    );
    json!({
        "AlarmName": told.name,
        "AlarmDescription": told.description,
        "NewStateValue": change.to.as_str(),
        "NewStateReason": change.reason,
        "NewStateReasonData": change.reason_data,
        "StateChangeTime": change.at.to_string(),
        "OldStateValue": change.from.as_str(),
        "Trigger": trigger(told),
        "StateChangeEvent": event(change.at, &json!({
            "alarmName": told.name,
            "state": new,
            "previousState": old,
            "configuration": { "description": told.description, "metrics": metrics(told) },
        })),
    })
}

/// The same for a composite alarm.
pub(crate) fn composite_fields(
    name: &str,
    rule: &str,
    description: Option<&str>,
    change: &CompositeChange,
) -> Value {
    let children: Vec<Value> = change
        .triggering
        .iter()
        .map(|child| {
            let state = json!({ "Value": child.state.as_str(), "Timestamp": child.timestamp.to_string() });
            json!({ "Arn": child.arn, "State": state })
        })
        .collect();
    json!({
        "AlarmName": name,
        "AlarmDescription": description,
        "AlarmRule": rule,
        "NewStateValue": change.to.as_str(),
        "NewStateReason": change.reason,
        "NewStateReasonData": change.reason_data(),
        "StateChangeTime": change.at.to_string(),
        "OldStateValue": change.from.as_str(),
        "TriggeringChildren": children,
        "StateChangeEvent": event(change.at, &json!({
            "alarmName": name,
            "state": {
                "value": change.to.as_str(),
                "reason": change.reason,
                "reasonData": change.reason_data(),
                "timestamp": change.at.to_string(),
            },
            "previousState": { "value": change.from.as_str() },
            "configuration": { "description": description, "alarmRule": rule },
        })),
    })
}

fn event(at: Timestamp, detail: &Value) -> Value {
    let second =
        cloudtrail::EventTime::from_micros(at.as_millis().div_euclid(1_000).saturating_mul(1_000_000));
    json!({
        "version": "0",
        "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change",
        "time": second.to_string(),
        "resources": [],
        "detail": detail,
    })
}

fn trigger(told: &Told<'_>) -> Value {
    let definition = told.definition;
    let mut trigger = json!({
        "Period": told.alarm.period().as_secs(),
        "EvaluationPeriods": told.alarm.evaluation_periods(),
        "DatapointsToAlarm": definition.datapoints_to_alarm,
        "ComparisonOperator": definition.comparison_operator,
        "Threshold": told.alarm.threshold(),
        "TreatMissingData": definition.treat_missing_data.as_deref().unwrap_or_default(),
        "EvaluateLowSampleCountPercentile":
            definition.evaluate_low_sample_count_percentile.as_deref().unwrap_or_default(),
    });
    let Some(members) = trigger.as_object_mut() else { return trigger };
    if !definition.metrics.is_empty() {
        members.insert("Metrics".into(), json!(definition.metrics));
        return trigger;
    }
    members.insert("MetricName".into(), json!(definition.metric_name));
    members.insert("Namespace".into(), json!(definition.namespace));
    if let Some(statistic) = told.alarm.inputs().first().map(|input| input.statistic) {
        let (kind, name) = named(statistic);
        members.insert("StatisticType".into(), kind.into());
        members.insert("Statistic".into(), name.into());
    }
    members.insert("Unit".into(), json!(definition.unit));
    let dimensions: Vec<Value> =
        dimensions(told).map(|(name, value)| json!({ "value": value, "name": name })).collect();
    members.insert("Dimensions".into(), dimensions.into());
    trigger
}

/// AWS writes the basic statistics in capitals here.
fn named(statistic: Statistic) -> (&'static str, String) {
    if statistic.is_basic() {
        ("Statistic", statistic.to_string().to_uppercase())
    } else {
        ("ExtendedStatistic", statistic.to_string())
    }
}

fn dimensions<'a>(told: &'a Told<'_>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let own = told.definition.dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    own.chain(told.dimensions.iter().map(|(name, value)| (*name, *value)))
}

fn metrics(told: &Told<'_>) -> Value {
    let definition = told.definition;
    if !definition.metrics.is_empty() {
        return json!(definition.metrics);
    }
    let dimensions: serde_json::Map<String, Value> =
        dimensions(told).map(|(name, value)| (name.to_owned(), value.into())).collect();
    let statistic = told.alarm.inputs().first().map(|input| input.statistic.to_string());
    json!([{
        "id": "m1",
        "metricStat": {
            "metric": {
                "namespace": definition.namespace,
                "name": definition.metric_name,
                "dimensions": dimensions,
            },
            "period": told.alarm.period().as_secs(),
            "stat": statistic,
        },
        "returnData": true,
    }])
}
