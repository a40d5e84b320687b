//! Recorded statistics, one JSON object per line: `{name, samples, period, start, end, statistic, expect, absent?, source,
//! evidence}`. A sample is `{t, v, count?}`, `{t, values, counts}` or `{t, statistic_set}`; `expect` lists the datapoints
//! and `absent` the buckets that must have none.
//!
//! Values are compared to nine digits, which is how far the recorded sums and means can be told from rounding.

use std::io;
use std::path::Path;

use alarm::{Measure, Period, Sample, StatisticSet, Timestamp, statistics};
use serde::Deserialize;

use super::cases;

/// Runs the cases of a file, prints those that fail, and counts both kinds.
///
/// # Errors
///
/// If the file cannot be read or a line is no case.
pub(crate) fn run(path: &Path) -> io::Result<(usize, usize)> {
    cases::run(path, |_, case: &Case| (format!("{} ({})", case.name, case.evidence), case.check().into()))
}

#[derive(Deserialize)]
struct Case {
    name: String,
    samples: Vec<Given>,
    period: u32,
    start: String,
    end: String,
    statistic: String,
    expect: Vec<Expected>,
    #[serde(default)]
    absent: Vec<String>,
    #[serde(default)]
    evidence: String,
}

#[derive(Deserialize)]
struct Given {
    t: String,
    v: Option<f64>,
    count: Option<f64>,
    values: Option<Vec<f64>>,
    counts: Option<Vec<f64>>,
    statistic_set: Option<StatisticSet>,
}

#[derive(Deserialize)]
struct Expected {
    t: String,
    value: f64,
}

impl Case {
    fn check(&self) -> Result<(), String> {
        let pairs: Vec<Vec<(f64, f64)>> = self.samples.iter().map(Given::pairs).collect();
        let mut samples = Vec::new();
        for (given, pairs) in self.samples.iter().zip(&pairs) {
            let measure = given.statistic_set.map_or(Measure::Values(pairs), Measure::Set);
            samples.push(Sample::new(time(&given.t)?, measure));
        }
        let period = Period::from_secs(self.period).map_err(|error| error.to_string())?;
        let statistic = self.statistic.parse().map_err(|error: alarm::StatisticError| error.to_string())?;
        let found = statistics(&samples, period, time(&self.start)?, time(&self.end)?, statistic);

        for expected in &self.expect {
            let at = time(&expected.t)?;
            let Some((_, value)) = found.iter().find(|(t, _)| *t == at) else {
                return Err(format!("no datapoint at {at}, expected {}", expected.value));
            };
            if (value - expected.value).abs() > 1e-9 * expected.value.abs() {
                return Err(format!("{value} at {at}, expected {}", expected.value));
            }
        }
        for absent in &self.absent {
            let at = time(absent)?;
            if let Some((_, value)) = found.iter().find(|(t, _)| *t == at) {
                return Err(format!("{value} at {at}, expected no datapoint"));
            }
        }
        match found.len() {
            count if count == self.expect.len() => Ok(()),
            count => Err(format!("{count} datapoints, expected {}", self.expect.len())),
        }
    }
}

impl Given {
    fn pairs(&self) -> Vec<(f64, f64)> {
        match (&self.values, &self.counts) {
            (Some(values), Some(counts)) => values.iter().copied().zip(counts.iter().copied()).collect(),
            (Some(values), None) => values.iter().map(|&value| (value, 1.0)).collect(),
            (None, _) => self.v.map(|value| (value, self.count.unwrap_or(1.0))).into_iter().collect(),
        }
    }
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|error: alarm::TimestampError| error.to_string())
}
