//! One look at the window: the datapoints, what they say, and the state they justify.
//!
//! An [`Evaluation`] keeps all that a reason text and reason data need, so texts are only written when somebody changes
//! state. Invariant: `points` are the newest existing datapoints, newest first, at most as many as evaluation periods.

use serde::{Deserialize, Serialize};

use crate::double::exact;
use crate::missing_data::{Quorum, Tally};
use crate::period::{Period, Window};
use crate::record::Records;
use crate::time::Timestamp;

/// What one datapoint says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// On the bad side of the threshold.
    Breaching,
    /// Within the threshold.
    NotBreaching,
    /// A percentile of too few samples, left undecided by `evaluate_low_sample_count_percentile: ignore`.
    Undecided,
}

/// One period's value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Datapoint {
    /// Where its bucket begins.
    pub timestamp: Timestamp,
    /// The statistic, or the value of the expression.
    #[serde(with = "exact")]
    pub value: f64,
    /// How many samples it stands for; zero for expressions, where it is not known.
    #[serde(with = "exact")]
    pub sample_count: f64,
    /// What it says.
    pub verdict: Verdict,
}

/// What an evaluation saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// When it was made.
    pub query_date: Timestamp,
    /// Where its newest bucket ends.
    pub end: Timestamp,
    /// The newest existing datapoints, newest first, at most as many as evaluation periods.
    pub points: Vec<Datapoint>,
    /// The records behind the datapoints that justify the state.
    pub records: Records,
}

impl Evaluation {
    pub(crate) fn tally(&self, period: Period) -> Tally {
        let mut tally = Tally::default();
        for point in &self.points {
            match point.verdict {
                Verdict::Breaching => {
                    tally.bad += 1;
                    let back = self.end.as_millis() - point.timestamp.as_millis();
                    tally.oldest_bad_age = u32::try_from(back / period.as_millis()).unwrap_or(u32::MAX);
                }
                Verdict::NotBreaching => tally.good += 1,
                Verdict::Undecided => tally.undecided += 1,
            }
        }
        tally
    }

    /// How many of the evaluation periods have no datapoint.
    pub(crate) fn missing(&self, quorum: Quorum) -> usize {
        (quorum.evaluation_periods as usize).saturating_sub(self.points.len())
    }

    /// The window it looked at.
    pub(crate) fn window(&self, period: Period, evaluation_periods: u32) -> Window {
        Window { end: self.end, period, buckets: evaluation_periods + period.extra_buckets() }
    }
}
