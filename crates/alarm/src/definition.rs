//! An alarm as it is written down: the fields of PutMetricAlarm, and the checks the service makes on them.
//!
//! [`AlarmDefinition`] is exactly what was typed; [`Alarm`](crate::Alarm) is what is left after checking, and the only
//! thing that can be evaluated.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::comparison::ComparisonOperator;
use crate::math::MathError;
use crate::metric::Metric;
use crate::missing_data::TreatMissingData;
use crate::period::{Period, PeriodError};
use crate::statistic::Statistic;

/// How many metrics an alarm on metric math may have, and how many expressions.
const QUERIES: usize = 10;

/// The fields of PutMetricAlarm, in snake case or in the service's own spelling (`EvaluationPeriods`).
///
/// ```
/// use alarm::{Alarm, AlarmDefinition};
///
/// let written = r#"{"statistic": "Sum", "period": 300, "evaluation_periods": 1, "threshold": 30,
///                   "comparison_operator": "GreaterThanOrEqualToThreshold", "treat_missing_data": "notBreaching"}"#;
/// let definition: AlarmDefinition = serde_json::from_str(written)?;
/// let alarm = Alarm::new(&definition)?;
/// assert_eq!(alarm.datapoints_to_alarm(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmDefinition {
    /// Namespace of the metric. Alarms on `AWS/DynamoDB` always ignore missing data, as on the service.
    #[serde(default, alias = "Namespace", skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the metric. May be left out where the samples come from one place anyway.
    #[serde(default, alias = "MetricName", skip_serializing_if = "Option::is_none")]
    pub metric_name: Option<String>,
    /// Dimensions of the metric.
    #[serde(default, alias = "Dimensions", skip_serializing_if = "BTreeMap::is_empty")]
    pub dimensions: BTreeMap<String, String>,
    /// How the samples of a period become one value; extended statistics are accepted here too.
    #[serde(default, alias = "Statistic", skip_serializing_if = "Option::is_none")]
    pub statistic: Option<Statistic>,
    /// A percentile or trimmed statistic.
    #[serde(default, alias = "ExtendedStatistic", skip_serializing_if = "Option::is_none")]
    pub extended_statistic: Option<Statistic>,
    /// Only samples of exactly this unit count; unset, all do.
    #[serde(default, alias = "Unit", skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Seconds per datapoint. With `metrics`, theirs counts.
    #[serde(default, alias = "Period", skip_serializing_if = "Option::is_none")]
    pub period: Option<u32>,
    /// Metric math: metrics and expressions instead of a single metric.
    #[serde(default, alias = "Metrics", skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricDataQuery>,
    /// N: how many datapoints are looked at.
    #[serde(alias = "EvaluationPeriods")]
    pub evaluation_periods: u32,
    /// M: how many of them must breach; N if unset. Setting it also changes the form of the state reason.
    #[serde(default, alias = "DatapointsToAlarm", skip_serializing_if = "Option::is_none")]
    pub datapoints_to_alarm: Option<u32>,
    /// What datapoints are compared with.
    #[serde(default, alias = "Threshold", skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// How they are compared.
    #[serde(alias = "ComparisonOperator")]
    pub comparison_operator: String,
    /// What missing datapoints mean; `missing` if unset.
    #[serde(default, alias = "TreatMissingData", skip_serializing_if = "Option::is_none")]
    pub treat_missing_data: Option<String>,
    /// For percentiles: `evaluate` (default) or `ignore` datapoints of too few samples.
    #[serde(default, alias = "EvaluateLowSampleCountPercentile", skip_serializing_if = "Option::is_none")]
    pub evaluate_low_sample_count_percentile: Option<String>,
    /// The anomaly detection band to compare with: refused, with a reason.
    #[serde(default, alias = "ThresholdMetricId", skip_serializing_if = "Option::is_none")]
    pub threshold_metric_id: Option<String>,
}

/// One entry of `Metrics`: a metric, or an expression over others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricDataQuery {
    /// The name expressions use.
    #[serde(alias = "Id")]
    pub id: String,
    /// A metric and how to read it.
    #[serde(default, alias = "MetricStat", skip_serializing_if = "Option::is_none")]
    pub metric_stat: Option<MetricStat>,
    /// An expression of metric math.
    #[serde(default, alias = "Expression", skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// For people.
    #[serde(default, alias = "Label", skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether this is what the alarm compares; unset means yes, as on the service.
    #[serde(default, alias = "ReturnData", skip_serializing_if = "Option::is_none")]
    pub return_data: Option<bool>,
    /// Seconds per datapoint of an expression.
    #[serde(default, alias = "Period", skip_serializing_if = "Option::is_none")]
    pub period: Option<u32>,
}

/// A metric, its period and its statistic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricStat {
    /// Which metric.
    #[serde(alias = "Metric")]
    pub metric: Metric,
    /// Seconds per datapoint.
    #[serde(alias = "Period")]
    pub period: u32,
    /// The statistic.
    #[serde(alias = "Stat")]
    pub stat: Statistic,
    /// Only samples of exactly this unit count; unset, all do.
    #[serde(default, alias = "Unit", skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// The definition is not an alarm that can be evaluated. Where the service has a text for it, the text is the service's.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionError {
    /// Not one of the service's periods.
    #[error(transparent)]
    Period(#[from] PeriodError),
    /// No period given.
    #[error("`period` is missing")]
    NoPeriod,
    /// No evaluation periods.
    #[error("EvaluationPeriods must be at least 1")]
    NoEvaluationPeriods,
    /// The evaluation looks back too far.
    #[error(
        "Metrics cannot be checked across more than a {} (EvaluationPeriods * Period must be <= {limit}) for alarms using \
         period {} 3600",
        if *.limit == 86_400 { "day" } else { "week" },
        if *.limit == 86_400 { "<" } else { ">=" }
    )]
    TooLong {
        /// Seconds allowed.
        limit: u32,
    },
    /// M out of N with M above N, or zero.
    #[error("DatapointsToAlarm must be less than or equal to EvaluationPeriods")]
    DatapointsToAlarm,
    /// M is zero.
    #[error("DatapointsToAlarm must be at least 1")]
    NoDatapointsToAlarm,
    /// No statistic, or two.
    #[error("exactly one of `statistic` and `extended_statistic` is needed")]
    Statistic,
    /// A basic statistic where an extended one belongs.
    #[error("`{0}` is not an extended statistic; write it under `statistic`")]
    NotExtended(Statistic),
    /// No threshold, or one that is not a finite number.
    #[error("`threshold` must be a finite number")]
    Threshold,
    /// An unknown operator, or one of anomaly detection.
    #[error(transparent)]
    Comparison(#[from] crate::comparison::ComparisonOperatorError),
    /// An unknown treatment of missing data.
    #[error(transparent)]
    TreatMissingData(#[from] crate::missing_data::TreatMissingDataError),
    /// Neither `evaluate` nor `ignore`.
    #[error("`{0}` is not a setting of EvaluateLowSampleCountPercentile; use evaluate or ignore")]
    LowSampleCount(String),
    /// An anomaly detection alarm.
    #[error(
        "`threshold_metric_id` names an anomaly detection band, which is not supported: the service's model is not \
         published; use a fixed threshold"
    )]
    AnomalyBand,
    /// A single metric and `metrics` together.
    #[error("`{0}` belongs to an alarm on a single metric; leave it out, or leave out `metrics`")]
    BesideMetrics(&'static str),
    /// More metrics or expressions than the service takes.
    #[error("an alarm has at most {QUERIES} metrics and {QUERIES} expressions")]
    TooManyQueries,
    /// `metrics` with different periods.
    #[error("all metrics of an alarm must have the same period")]
    MixedPeriods,
    /// `metrics` without a single metric.
    #[error("`metrics` names no metric, so there is nothing to watch")]
    NoMetric,
    /// An expression is wrong.
    #[error(transparent)]
    Math(#[from] MathError),
}

/// A checked input: what samples it takes, and how it reads them.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The metric it watches, if the definition names it.
    pub metric: Option<Metric>,
    /// How its samples become a value.
    pub statistic: Statistic,
    /// The only unit it takes; any if `None`.
    pub unit: Option<String>,
}

/// The checked scalar part of a definition.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) period: Period,
    pub(crate) evaluation_periods: u32,
    pub(crate) datapoints_to_alarm: u32,
    pub(crate) threshold: f64,
    pub(crate) comparison: ComparisonOperator,
    pub(crate) treatment: TreatMissingData,
    pub(crate) ignore_low_samples: bool,
}

impl AlarmDefinition {
    /// The checks that do not concern the metrics themselves.
    pub(crate) fn check(&self) -> Result<Checked, DefinitionError> {
        if self.threshold_metric_id.is_some() {
            return Err(DefinitionError::AnomalyBand);
        }
        let expressions = self.metrics.iter().filter(|query| query.expression.is_some()).count();
        if expressions.max(self.metrics.len() - expressions) > QUERIES {
            return Err(DefinitionError::TooManyQueries);
        }
        let comparison = self.comparison_operator.parse()?;
        let period = Period::from_secs(self.the_period()?)?;
        if self.evaluation_periods == 0 {
            return Err(DefinitionError::NoEvaluationPeriods);
        }
        let limit = if period.as_secs() < 3600 { 86_400 } else { 604_800 };
        if u64::from(self.evaluation_periods) * u64::from(period.as_secs()) > u64::from(limit) {
            return Err(DefinitionError::TooLong { limit });
        }
        let datapoints_to_alarm = self.datapoints_to_alarm.unwrap_or(self.evaluation_periods);
        if datapoints_to_alarm == 0 {
            return Err(DefinitionError::NoDatapointsToAlarm);
        }
        if datapoints_to_alarm > self.evaluation_periods {
            return Err(DefinitionError::DatapointsToAlarm);
        }
        let threshold = self.threshold.filter(|t| t.is_finite()).ok_or(DefinitionError::Threshold)?;
        let mut treatment = match &self.treat_missing_data {
            Some(text) => text.parse()?,
            None => TreatMissingData::default(),
        };
        if self.namespace.as_deref() == Some("AWS/DynamoDB") {
            treatment = TreatMissingData::Ignore;
        }
        let ignore_low_samples = match self.evaluate_low_sample_count_percentile.as_deref() {
            None | Some("" | "evaluate") => false,
            Some("ignore") => true,
            Some(other) => return Err(DefinitionError::LowSampleCount(other.to_owned())),
        };
        Ok(Checked {
            period,
            evaluation_periods: self.evaluation_periods,
            datapoints_to_alarm,
            threshold,
            comparison,
            treatment,
            ignore_low_samples,
        })
    }

    fn the_period(&self) -> Result<u32, DefinitionError> {
        if self.metrics.is_empty() {
            return self.period.ok_or(DefinitionError::NoPeriod);
        }
        if self.period.is_some() {
            return Err(DefinitionError::BesideMetrics("period"));
        }
        let mut periods = self.metrics.iter().filter_map(|query| match &query.metric_stat {
            Some(stat) => Some(stat.period),
            None => query.period,
        });
        let first = periods.next().ok_or(DefinitionError::NoPeriod)?;
        if periods.any(|other| other != first) {
            return Err(DefinitionError::MixedPeriods);
        }
        Ok(first)
    }

    /// The input of an alarm on a single metric.
    pub(crate) fn single_input(&self) -> Result<Input, DefinitionError> {
        let statistic = match (self.statistic, self.extended_statistic) {
            (None, Some(statistic)) if statistic.is_basic() => {
                return Err(DefinitionError::NotExtended(statistic));
            }
            (Some(statistic), None) | (None, Some(statistic)) => statistic,
            (None, None) | (Some(_), Some(_)) => return Err(DefinitionError::Statistic),
        };
        let metric = match (&self.namespace, &self.metric_name) {
            (Some(namespace), Some(name)) => Some(Metric {
                namespace: namespace.clone(),
                metric_name: name.clone(),
                dimensions: self.dimensions.clone(),
            }),
            _ => None,
        };
        Ok(Input { metric, statistic, unit: self.unit.clone() })
    }

    /// The first field that only an alarm on a single metric may have.
    pub(crate) fn single_metric_field(&self) -> Option<&'static str> {
        [
            ("namespace", self.namespace.is_some()),
            ("metric_name", self.metric_name.is_some()),
            ("dimensions", !self.dimensions.is_empty()),
            ("statistic", self.statistic.is_some()),
            ("extended_statistic", self.extended_statistic.is_some()),
            ("unit", self.unit.is_some()),
        ]
        .into_iter()
        .find_map(|(name, present)| present.then_some(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Alarm;

    fn definition() -> AlarmDefinition {
        AlarmDefinition {
            statistic: Some(Statistic::Sum),
            period: Some(60),
            evaluation_periods: 3,
            threshold: Some(1.0),
            comparison_operator: "GreaterThanThreshold".to_owned(),
            ..AlarmDefinition::default()
        }
    }

    #[test]
    fn refuses_with_the_services_words() {
        type Change = fn(&mut AlarmDefinition);
        let cases: [(Change, &str); 13] = [
            (|d| d.period = Some(45), "Period must be 10, 20, 30 or a multiple of 60"),
            (
                |d| d.evaluation_periods = 1441,
                "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400) for alarms \
                 using period < 3600",
            ),
            (
                |d| d.datapoints_to_alarm = Some(4),
                "DatapointsToAlarm must be less than or equal to EvaluationPeriods",
            ),
            (|d| d.datapoints_to_alarm = Some(0), "DatapointsToAlarm must be at least 1"),
            (
                |d| d.treat_missing_data = Some("bad".to_owned()),
                "Supported values for TreatMissingData are breaching, notBreaching, ignore, and missing.",
            ),
            (|d| d.threshold = Some(f64::NAN), "`threshold` must be a finite number"),
            (|d| d.statistic = None, "exactly one of `statistic` and `extended_statistic` is needed"),
            (|d| d.extended_statistic = Some(Statistic::Percentile(9.0)), "exactly one of"),
            (|d| d.comparison_operator = "GreaterThanUpperThreshold".to_owned(), "anomaly detection band"),
            (|d| d.threshold_metric_id = Some("ad1".to_owned()), "anomaly detection band"),
            (|d| d.evaluate_low_sample_count_percentile = Some("no".to_owned()), "use evaluate or ignore"),
            (|d| d.metrics = vec![MetricDataQuery::default(); 11], "at most 10 metrics and 10 expressions"),
            (
                |d| d.metrics = vec![MetricDataQuery::default()],
                "`period` belongs to an alarm on a single metric",
            ),
        ];
        for (change, text) in cases {
            let mut changed = definition();
            change(&mut changed);
            let error = Alarm::new(&changed).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
        assert!(Alarm::new(&definition()).is_ok());
    }

    #[test]
    fn reads_the_services_spelling() {
        let pasted = r#"{"Namespace": "AWS/DynamoDB", "MetricName": "X", "ExtendedStatistic": "p99", "Period": 60,
            "EvaluationPeriods": 2, "DatapointsToAlarm": 1, "Threshold": 1.5, "ComparisonOperator": "LessThanThreshold",
            "TreatMissingData": "breaching"}"#;
        let definition: AlarmDefinition = serde_json::from_str(pasted).unwrap();
        assert_eq!(definition.check().unwrap().treatment, TreatMissingData::Ignore);
        assert!(serde_json::from_str::<AlarmDefinition>(r#"{"Periods": 60}"#).is_err());
    }

    #[test]
    fn metrics_share_one_period() {
        let stat =
            |period| MetricStat { metric: Metric::new("n", "m"), period, stat: Statistic::Sum, unit: None };
        let query = |id: &str, period| MetricDataQuery {
            id: id.to_owned(),
            metric_stat: Some(stat(period)),
            return_data: Some(id == "m1"),
            ..MetricDataQuery::default()
        };
        let mut math = AlarmDefinition { statistic: None, period: None, ..definition() };
        math.metrics = vec![query("m1", 60), query("m2", 120)];
        assert_eq!(Alarm::new(&math).unwrap_err(), DefinitionError::MixedPeriods);
        math.metrics = vec![query("m1", 60), query("m2", 60)];
        assert!(Alarm::new(&math).is_ok());
    }
}
