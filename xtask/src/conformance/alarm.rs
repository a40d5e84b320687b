//! Recorded and documented alarm evaluations, one JSON object per line, in two shapes.
//!
//! A recording has `{name, alarm, samples, query_date, prev_state, expect_state, expect_reason, expect_reason_data}`: one
//! evaluation, whose state, reason text and reason data are compared as far as they were recorded. A row of the
//! documentation has `{name, datapoints, evaluation_periods, datapoints_to_alarm, treat_missing, expect_state}` with `0`,
//! `X` and `-` for good, bad and missing, oldest first.
//!
//! Cases that say of themselves that they are weak (`partial`, or `samples` that are `null`) and those that `divergences.jsonl` beside the crate's tests
//! lists, with reasons, count neither as passed nor as failed; a listed case that passes fails.

use std::io;
use std::path::Path;

use alarm::{
    Alarm, AlarmDefinition, AlarmState, ManualState, Measure, Metric, MetricDataQuery, MetricStat, Pushed,
    Sample, StateValue, Timestamp, Workspace,
};
use serde::Deserialize;
use serde_json::Value;

use super::cases::{self, Divergences, Verdict};

const DIVERGENCES: &str = include_str!("../../../crates/alarm/tests/divergences.jsonl");

/// Runs the cases of a file, prints those that fail, and counts both kinds.
///
/// # Errors
///
/// If the file cannot be read or a line is no case.
pub(crate) fn run(path: &Path) -> io::Result<(usize, usize)> {
    let divergences = Divergences::of(DIVERGENCES)?;
    cases::run(path, |_, case: &Case| {
        let in_part = case.partial || (case.alarm.is_some() && case.samples.is_none());
        let verdict = match divergences.judge(&case.name, case.check()) {
            Verdict::Holds | Verdict::Fails(_) if in_part => {
                Verdict::LeftOut("only parts of it were recorded".to_owned())
            }
            Verdict::Fails(_) if case.asks_metrics_insights() => {
                Verdict::LeftOut("a query over metrics that only CloudWatch has; refused by name".to_owned())
            }
            verdict => verdict,
        };
        (format!("{} ({})", case.name, case.evidence), verdict)
    })
}

#[derive(Deserialize)]
struct Case {
    name: String,
    alarm: Option<Configuration>,
    #[serde(default)]
    samples: Option<Vec<Given>>,
    #[serde(default)]
    samples_not_yet_visible: Vec<String>,
    query_date: Option<String>,
    prev_state: Option<StateValue>,
    expect_state: String,
    #[serde(default)]
    expect_reason: Option<String>,
    #[serde(default)]
    expect_reason_data: Option<Value>,
    #[serde(default)]
    partial: bool,
    #[serde(default)]
    evidence: String,

    datapoints: Option<Vec<String>>,
    evaluation_periods: Option<u32>,
    datapoints_to_alarm: Option<u32>,
    treat_missing: Option<String>,
}

#[derive(Deserialize)]
struct Configuration {
    metric: String,
    period: u32,
    evaluation_periods: u32,
    datapoints_to_alarm: Option<u32>,
    threshold: Option<f64>,
    comparison: Option<String>,
    treat_missing: Option<String>,
    evaluate_low_sample_count: Option<String>,
}

#[derive(Deserialize)]
struct Given {
    t: String,
    v: f64,
    count: Option<f64>,
}

impl Case {
    fn asks_metrics_insights(&self) -> bool {
        self.alarm.as_ref().is_some_and(|alarm| alarm.metric.starts_with("expression SELECT "))
    }

    fn check(&self) -> Result<(), String> {
        match (&self.alarm, &self.datapoints) {
            (Some(configuration), None) => self.check_recording(configuration),
            (None, Some(datapoints)) => self.check_row(datapoints),
            _ => Err("neither a recording nor a row of a table".to_owned()),
        }
    }

    fn check_recording(&self, configuration: &Configuration) -> Result<(), String> {
        let definition = configuration.definition();
        let alarm = Alarm::new(&definition).map_err(|error| error.to_string())?;
        let samples = self.samples.as_deref().ok_or("the samples were not recorded")?;
        let at = time(self.query_date.as_deref().ok_or("no query_date")?)?;

        let (mut state, previous) = start(&alarm, self.prev_state.unwrap_or_default());
        for given in samples {
            if self.samples_not_yet_visible.contains(&given.t) {
                continue;
            }
            let measure = Measure::Weighted { value: given.v, count: given.count.unwrap_or(1.0) };
            let sample = Sample { unit: definition.unit.as_deref(), ..Sample::new(time(&given.t)?, measure) };
            if alarm.push(&mut state, 0, &sample) != Pushed::Accepted {
                return Err(format!("the sample at {} was not accepted", given.t));
            }
        }

        let (decision, evaluation) = alarm.preview(&state, at);
        let found = decision.unwrap_or(previous);
        same("state", found.as_str(), &self.expect_state)?;
        let (reason, data) = match decision {
            Some(to) => (alarm.reason(&evaluation, to), Some(alarm.reason_data(&evaluation, to))),
            None => (state.reason(&alarm), state.reason_data(&alarm)),
        };
        if let Some(expected) = &self.expect_reason {
            same("reason", &reason, expected)?;
        }
        let Some(expected) = &self.expect_reason_data else {
            return Ok(());
        };
        let data = data.ok_or("no reason data")?;
        let data: Value = serde_json::from_str(&data).map_err(|error| error.to_string())?;
        check_reason_data(&data, expected)
    }

    /// A row of the documentation's tables, from each state that it might start in.
    fn check_row(&self, datapoints: &[String]) -> Result<(), String> {
        let definition = AlarmDefinition {
            statistic: "Sum".parse().ok(),
            period: Some(300),
            evaluation_periods: self.evaluation_periods.ok_or("no evaluation_periods")?,
            datapoints_to_alarm: self.datapoints_to_alarm,
            threshold: Some(0.5),
            comparison_operator: "GreaterThanThreshold".to_owned(),
            treat_missing_data: self.treat_missing.clone(),
            ..AlarmDefinition::default()
        };
        let alarm = Alarm::new(&definition).map_err(|error| error.to_string())?;
        let at = time("2026-09-14T06:00:10Z")?;
        for before in [StateValue::Ok, StateValue::Alarm, StateValue::InsufficientData] {
            let (mut state, _) = start(&alarm, before);
            for (age, point) in (1..).zip(datapoints.iter().rev()) {
                let value = match point.as_str() {
                    "-" => continue,
                    "X" => 1.0,
                    "0" => 0.0,
                    other => return Err(format!("`{other}` is not 0, X or -")),
                };
                let sample = Sample::new(at.plus_millis(-10_000 - age * 300_000), Measure::Value(value));
                if alarm.push(&mut state, 0, &sample) != Pushed::Accepted {
                    return Err("a datapoint was not accepted".to_owned());
                }
            }
            let found = alarm.preview(&state, at).0.map_or("retain", StateValue::as_str);
            same("state", found, &self.expect_state)?;
        }
        Ok(())
    }
}

/// An alarm in that state, as if set by hand long ago.
fn start(alarm: &Alarm, previous: StateValue) -> (AlarmState, StateValue) {
    let long_ago = Timestamp::default();
    let mut state = AlarmState::new(alarm, long_ago);
    let set = ManualState { state: previous, reason: "before".to_owned(), reason_data: None };
    alarm.set_state(&mut state, set, long_ago, &mut Workspace::default(), &mut Vec::new());
    (state, previous)
}

impl Configuration {
    /// The alarm; `metric` is a statistic, maybe with a unit, or `expression E (m1 STATISTIC)`. A name of a metric stands
    /// where the statistic was not recorded: any will do there.
    fn definition(&self) -> AlarmDefinition {
        let mut definition = AlarmDefinition {
            period: Some(self.period),
            evaluation_periods: self.evaluation_periods,
            datapoints_to_alarm: self.datapoints_to_alarm,
            threshold: Some(self.threshold.unwrap_or(1.0)),
            comparison_operator: self.comparison.clone().unwrap_or_else(|| "LessThanThreshold".to_owned()),
            treat_missing_data: self.treat_missing.clone(),
            evaluate_low_sample_count_percentile: self.evaluate_low_sample_count.clone(),
            ..AlarmDefinition::default()
        };
        if let Some(math) = self.metric.strip_prefix("expression ") {
            let (expression, about) = math.rsplit_once(" (").unwrap_or((math, ""));
            let statistic = about.trim_end_matches(')').rsplit(' ').next().and_then(|text| text.parse().ok());
            let sum = alarm::Statistic::Sum;
            let stat = MetricStat {
                metric: Metric::new("n", "m"),
                period: self.period,
                stat: statistic.unwrap_or(sum),
                unit: None,
            };
            definition.period = None;
            definition.metrics = vec![
                MetricDataQuery {
                    id: "m1".to_owned(),
                    metric_stat: Some(stat),
                    return_data: Some(false),
                    ..MetricDataQuery::default()
                },
                MetricDataQuery {
                    id: "e1".to_owned(),
                    expression: Some(expression.to_owned()),
                    ..MetricDataQuery::default()
                },
            ];
            return definition;
        }
        let (statistic, unit) = match self.metric.split_once(' ') {
            Some((statistic, unit)) => (statistic, Some(unit.to_owned())),
            None => (self.metric.as_str(), None),
        };
        definition.statistic = Some(statistic.parse().unwrap_or(alarm::Statistic::Sum));
        definition.unit = unit;
        definition
    }
}

/// Compares what was recorded of the reason data; `null` means that it was not, except for a start date beside empty
/// recent datapoints, which is then absent.
fn check_reason_data(found: &Value, expected: &Value) -> Result<(), String> {
    for (name, wanted) in expected.as_object().into_iter().flatten() {
        let have = found.get(name);
        let nothing_received =
            expected.get("recentDatapoints").and_then(Value::as_array).is_some_and(Vec::is_empty);
        match (name.as_str(), wanted) {
            ("startDate", Value::Null) if nothing_received => {
                if have.is_some() {
                    return Err("startDate is there, expected none".to_owned());
                }
            }
            (_, Value::Null) => {}
            // Only the time of day was noted.
            ("startDate", Value::String(time)) => {
                let have = have.and_then(Value::as_str).unwrap_or_default();
                if !have.contains(time.as_str()) {
                    return Err(format!("startDate {have}, expected {time}"));
                }
            }
            _ if have.is_some_and(|have| alike(have, wanted)) => {}
            _ => return Err(format!("{name} {}, expected {wanted}", have.unwrap_or(&Value::Null))),
        }
    }
    Ok(())
}

/// Equality of JSON in which `1` and `1.0` are the same number.
fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * b.abs(),
            _ => a == b,
        },
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| alike(a, b)))
        }
        _ => a == b,
    }
}

fn same(what: &str, found: &str, expected: &str) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}\n    found    {found}\n    expected {expected}"))
    }
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|error: alarm::TimestampError| error.to_string())
}
