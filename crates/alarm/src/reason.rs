//! State reasons and reason data, in the service's exact words.
//!
//! Two forms of the text exist. An alarm that sets `DatapointsToAlarm` says `1 out of the last 3 datapoints […] … (minimum
//! 1 datapoint for ALARM -> OK transition).`; one that does not says `3 datapoints […] ….` and nothing about a minimum. The
//! text lists every matching point among the newest N, the reason data only as many as the state needs. Recorded on the
//! service, September 2026, and in public copies of its output back to 2019.

use std::fmt::Write as _;

use crate::alarm::Alarm;
use crate::double::JavaDouble;
use crate::evaluation::{Datapoint, Evaluation, Verdict};
use crate::missing_data::Quorum;
use crate::state::StateValue;

/// The reason of an alarm that has not been evaluated yet.
pub const INITIAL_REASON: &str = "Unchecked: Initial alarm creation";

/// Longest `StateReason` of the API, in characters.
const REASON_LIMIT: usize = 1023;
/// Longest `StateReasonData` of the API.
const REASON_DATA_LIMIT: usize = 4000;

/// `1 datapoint`, `2 datapoints`.
struct Count(usize, &'static str);

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} {}{plural}", self.0, self.1)
    }
}

fn was(count: usize) -> &'static str {
    if count == 1 { "was" } else { "were" }
}

/// The state reason: why `evaluation` puts `alarm` into `state`. Cut at the API's 1,023 characters.
pub(crate) fn state_reason(alarm: &Alarm, evaluation: &Evaluation, state: StateValue) -> String {
    let mut text = full_reason(alarm, evaluation, state);
    if let Some((cut, _)) = text.char_indices().nth(REASON_LIMIT) {
        text.truncate(cut);
    }
    text
}

fn full_reason(alarm: &Alarm, evaluation: &Evaluation, state: StateValue) -> String {
    let quorum = alarm.quorum();
    let missing = evaluation.missing(quorum);
    let Some((verdict, needed)) = sought(quorum, state) else {
        return format!("Insufficient Data: {} {} unknown.", Count(missing, "datapoint"), was(missing));
    };
    let treated = match alarm.treat_missing_data().in_reason() {
        Some(words) if missing > 0 => {
            format!(" and {} {} treated as [{words}]", Count(missing, "missing datapoint"), was(missing))
        }
        _ => String::new(),
    };
    let matching: Vec<&Datapoint> =
        evaluation.points.iter().filter(|point| point.verdict == verdict).collect();
    if matching.is_empty() {
        return format!(
            "Threshold Crossed: no datapoints were received for {}{treated}.",
            Count(missing, "period")
        );
    }

    let mut text = String::from("Threshold Crossed: ");
    let found = matching.len();
    // Writing to a string cannot fail.
    let _ = if alarm.sets_datapoints_to_alarm() {
        write!(text, "{found} out of the last {} datapoints [", quorum.evaluation_periods)
    } else {
        write!(text, "{} [", Count(found, "datapoint"))
    };
    for (at, point) in matching.iter().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        let _ = write!(text, "{comma}{} ({})", JavaDouble(point.value), point.timestamp.in_reason());
    }
    let not = if verdict == Verdict::Breaching { "" } else { "not " };
    let comparison = alarm.comparison_operator().in_words();
    let threshold = JavaDouble(alarm.threshold());
    let _ = write!(text, "] {} {not}{comparison} the threshold ({threshold}){treated}", was(found));
    if alarm.sets_datapoints_to_alarm() {
        let transition = if verdict == Verdict::Breaching { "OK -> ALARM" } else { "ALARM -> OK" };
        let _ =
            write!(text, " (minimum {} for {transition} transition)", Count(needed as usize, "datapoint"));
    }
    text.push('.');
    text
}

/// Which points justify a state and how many it needs; none for INSUFFICIENT_DATA.
fn sought(quorum: Quorum, state: StateValue) -> Option<(Verdict, u32)> {
    match state {
        StateValue::Alarm => Some((Verdict::Breaching, quorum.datapoints_to_alarm)),
        StateValue::Ok => Some((Verdict::NotBreaching, quorum.datapoints_to_ok())),
        StateValue::InsufficientData => None,
    }
}

/// The reason data: a JSON text. If it would exceed the API's 4,000 characters, the oldest recent datapoints are left out.
pub(crate) fn state_reason_data(alarm: &Alarm, evaluation: &Evaluation, state: StateValue) -> String {
    let recent = recent_datapoints(alarm, evaluation);
    let mut skip = 0;
    loop {
        let text = reason_data(alarm, evaluation, state, recent.get(skip..).unwrap_or_default());
        if text.len() <= REASON_DATA_LIMIT || skip >= recent.len() {
            return text;
        }
        // No number takes less than one digit and a comma, so this never leaves out more than needed.
        skip += (text.len() - REASON_DATA_LIMIT).div_ceil(24).max(1);
    }
}

fn reason_data(alarm: &Alarm, evaluation: &Evaluation, state: StateValue, recent: &[Option<f64>]) -> String {
    let mut json = format!("{{\"version\":\"1.0\",\"queryDate\":\"{}\"", evaluation.query_date);
    if let Some(oldest) = evaluation.points.last() {
        let _ = write!(json, ",\"startDate\":\"{}\"", oldest.timestamp);
    }
    if let Some(input) = alarm.single_input() {
        if let Some(unit) = &input.unit {
            let _ = write!(json, ",\"unit\":{}", serde_json::Value::from(unit.as_str()));
        }
        let _ = write!(json, ",\"statistic\":\"{}\"", input.statistic);
    }
    let _ = write!(json, ",\"period\":{},\"recentDatapoints\":[", alarm.period().as_secs());
    for (at, value) in recent.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = match value {
            Some(value) => write!(json, "{comma}{}", JavaDouble(*value)),
            None => write!(json, "{comma}null"),
        };
    }
    let _ = write!(json, "],\"threshold\":{},\"evaluatedDatapoints\":[", JavaDouble(alarm.threshold()));
    for (at, evaluated) in evaluated_datapoints(alarm, evaluation, state).iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(json, "{comma}{{\"timestamp\":\"{}\"", evaluated.timestamp);
        if let Some((sample_count, value)) = evaluated.value {
            if alarm.single_input().is_some() {
                let _ = write!(json, ",\"sampleCount\":{}", JavaDouble(sample_count));
            }
            let _ = write!(json, ",\"value\":{}", JavaDouble(value));
        }
        json.push('}');
    }
    json.push_str("]}");
    json
}

/// Values from the oldest evaluated point to the newest, with `None` for gaps.
fn recent_datapoints(alarm: &Alarm, evaluation: &Evaluation) -> Vec<Option<f64>> {
    let period = alarm.period().as_millis();
    let window = evaluation.window(alarm.period(), alarm.evaluation_periods());
    let mut recent = Vec::new();
    let mut previous: Option<i64> = None;
    for point in evaluation.points.iter().rev() {
        let at = point.timestamp.as_millis();
        if let Some(previous) = previous {
            // Points of one evaluation are never further apart than its window is long.
            let gaps = ((at - previous) / period - 1).min(i64::from(window.buckets));
            recent.extend((0..gaps).map(|_| None));
        }
        recent.push(Some(point.value));
        previous = Some(at);
    }
    recent
}

/// A slot of `evaluatedDatapoints`: sample count and value, unless it is missing.
struct Evaluated {
    timestamp: crate::time::Timestamp,
    value: Option<(f64, f64)>,
}

/// The newest points that justify the state, as many as it needs, filled up with the newest missing slots.
fn evaluated_datapoints(alarm: &Alarm, evaluation: &Evaluation, state: StateValue) -> Vec<Evaluated> {
    let quorum = alarm.quorum();
    let (verdict, needed) = match sought(quorum, state) {
        Some((verdict, needed)) => (Some(verdict), needed as usize),
        None => (None, quorum.datapoints_to_alarm as usize),
    };
    let mut slots: Vec<Evaluated> = evaluation
        .points
        .iter()
        .filter(|point| Some(point.verdict) == verdict)
        .take(needed)
        .map(|point| Evaluated { timestamp: point.timestamp, value: Some((point.sample_count, point.value)) })
        .collect();
    let window = evaluation.window(alarm.period(), quorum.evaluation_periods);
    for age in 0..window.buckets {
        if slots.len() >= needed {
            break;
        }
        let timestamp = window.bucket_start(age);
        if evaluation.points.iter().all(|point| point.timestamp != timestamp) {
            slots.push(Evaluated { timestamp, value: None });
        }
    }
    slots.sort_by_key(|slot| std::cmp::Reverse(slot.timestamp));
    slots
}
