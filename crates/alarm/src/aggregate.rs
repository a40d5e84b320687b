//! Samples of one bucket folded together, and every statistic read from the fold.
//!
//! Invariant: folding is independent of order and of grouping, so a bucket may be assembled from one-minute cells in any
//! alignment (the service slides the grid of longer periods minute by minute) and gives the same values.

use serde::{Deserialize, Serialize};

use crate::binning::Bins;
use crate::double::exact;
use crate::sample::{Measure, StatisticSet};
use crate::statistic::{Bounds, Statistic};
use crate::sum::Sum;

/// Count, sum, extremes and (where the statistic needs them) bins of the samples folded in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Aggregate {
    #[serde(with = "exact")]
    count: f64,
    sum: Sum,
    #[serde(with = "exact")]
    minimum: f64,
    #[serde(with = "exact")]
    maximum: f64,
    #[serde(default, skip_serializing_if = "Bins::is_empty")]
    bins: Bins,
    /// Whether a statistic set was folded in whose values are unknown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    opaque: bool,
}

impl Default for Aggregate {
    fn default() -> Self {
        Self {
            count: 0.0,
            sum: Sum::default(),
            minimum: f64::INFINITY,
            maximum: f64::NEG_INFINITY,
            bins: Bins::default(),
            opaque: false,
        }
    }
}

impl Aggregate {
    /// Empties it, keeping its memory.
    pub(crate) fn clear(&mut self) {
        let mut bins = std::mem::take(&mut self.bins);
        bins.clear();
        *self = Self { bins, ..Self::default() };
    }

    pub(crate) fn add_measure(&mut self, measure: &Measure<'_>, with_bins: bool) {
        match *measure {
            Measure::Value(value) => self.add(value, 1.0, with_bins),
            Measure::Weighted { value, count } => self.add(value, count, with_bins),
            Measure::Values(pairs) => {
                for &(value, count) in pairs {
                    self.add(value, count, with_bins);
                }
            }
            Measure::Set(set) => self.add_set(&set, with_bins),
        }
    }

    /// Folds in one value. A count of zero still moves the extremes, as recorded on the service.
    pub(crate) fn add(&mut self, value: f64, count: f64, with_bins: bool) {
        // A negative zero would make the extremes depend on which zero came first.
        let value = value + 0.0;
        self.count += count;
        self.sum.add_weighted(value, count);
        self.minimum = self.minimum.min(value);
        self.maximum = self.maximum.max(value);
        if with_bins {
            self.bins.add(value, count);
        }
    }

    fn add_set(&mut self, set: &StatisticSet, with_bins: bool) {
        self.count += set.sample_count;
        self.sum.add(set.sum);
        self.minimum = self.minimum.min(set.minimum);
        self.maximum = self.maximum.max(set.maximum);
        if set.is_uniform() {
            if with_bins {
                self.bins.add(set.minimum, set.sample_count);
            }
        } else {
            self.opaque = true;
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum.add_sum(other.sum);
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
        self.bins.merge(&other.bins);
        self.opaque |= other.opaque;
    }

    pub(crate) fn sample_count(&self) -> f64 {
        self.count
    }

    /// The statistic, or `None` where the service shows no datapoint: nothing was counted, or the statistic needs values
    /// that are unknown, negative, fewer than one, or all trimmed away.
    #[expect(clippy::float_cmp, reason = "the service treats exactly equal extremes apart")]
    pub(crate) fn read(&self, statistic: Statistic) -> Option<f64> {
        if self.count <= 0.0 {
            return None;
        }
        let sum = self.sum.value();
        match statistic {
            Statistic::SampleCount => Some(self.count),
            Statistic::Sum => Some(sum),
            Statistic::Average => Some(sum / self.count),
            Statistic::Minimum => Some(self.minimum),
            Statistic::Maximum => Some(self.maximum),
            Statistic::Percentile(p) if p <= 0.0 => Some(self.minimum),
            Statistic::Percentile(p) if p >= 100.0 => Some(self.maximum),
            Statistic::Percentile(_) if self.count < 1.0 || self.minimum < 0.0 => None,
            Statistic::Percentile(_) if self.minimum == self.maximum => Some(self.minimum),
            Statistic::Percentile(_) if self.opaque => None,
            Statistic::Percentile(p) => Some(self.bins.value_at(self.count * p / 100.0, self.extremes())),
            Statistic::TrimmedCount(bounds) => self.trimmed(bounds).map(|(count, _)| count),
            Statistic::TrimmedSum(bounds) => self.trimmed(bounds).map(|(_, sum)| sum),
            Statistic::TrimmedMean(bounds) => {
                self.trimmed(bounds).and_then(|(count, sum)| (count > 0.0).then(|| sum / count))
            }
            Statistic::PercentileRank(bounds) => {
                self.trimmed(bounds).map(|(count, _)| count / self.count * 100.0)
            }
            Statistic::WinsorizedMean(bounds) => self.winsorized_mean(bounds),
        }
    }

    fn extremes(&self) -> (f64, f64) {
        (self.minimum, self.maximum)
    }

    /// Count and sum within the bounds. Percentages need to know every value; bounds given as values make do with those
    /// that are known (a rank still counts all of them).
    fn trimmed(&self, bounds: Bounds) -> Option<(f64, f64)> {
        if self.bins.is_empty() || self.minimum < 0.0 {
            return None;
        }
        match (bounds, bounds.percentages()) {
            (_, Some(_)) if self.opaque || self.count < 1.0 => None,
            (_, Some((low, high))) => {
                let rank = |percentage: f64| self.count * percentage / 100.0;
                Some(self.bins.between_ranks(rank(low), rank(high), self.extremes()))
            }
            (Bounds::Values(low, high), None) => Some(self.bins.between_values(
                low.unwrap_or(f64::NEG_INFINITY),
                high.unwrap_or(f64::INFINITY),
                self.extremes(),
            )),
            (_, None) => None,
        }
    }

    fn winsorized_mean(&self, bounds: Bounds) -> Option<f64> {
        let (kept, sum) = self.trimmed(bounds)?;
        match bounds.percentages() {
            Some((low, high)) => {
                let (low_rank, high_rank) = (self.count * low / 100.0, self.count * high / 100.0);
                let (low_value, high_value) = self.bins.winsor_values(low_rank, high_rank, self.extremes());
                Some((sum + low_rank * low_value + (self.count - high_rank) * high_value) / self.count)
            }
            None => {
                // Bounds given as values: what lies outside moves to the bound itself. Not recorded; the plain reading.
                let Bounds::Values(low, high) = bounds else { return None };
                let below = self
                    .bins
                    .between_values(f64::NEG_INFINITY, low.unwrap_or(f64::NEG_INFINITY), self.extremes())
                    .0;
                let known = self.bins.between_values(f64::NEG_INFINITY, f64::INFINITY, self.extremes()).0;
                let moved_down = (known - kept - below).max(0.0) * high.unwrap_or(0.0);
                Some((sum + below * low.unwrap_or(0.0) + moved_down) / known)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(measures: &[Measure<'_>], statistic: &str) -> Option<f64> {
        let mut all = Aggregate::default();
        for measure in measures {
            all.add_measure(measure, true);
        }
        all.read(statistic.parse().unwrap())
    }

    fn close(value: Option<f64>, expected: f64) -> bool {
        value.is_some_and(|v| (v - expected).abs() <= 1e-9 * expected.abs())
    }

    #[test]
    fn percentiles_of_few_values_come_from_bins() {
        let uniform = [(1.0, 1.0), (3.0, 2.0), (7.0, 4.0), (11.0, 2.0), (23.0, 1.0)];
        assert!(close(read(&[Measure::Values(&uniform)], "p60"), 7.226_004_322_697_782));
        assert!(close(read(&[Measure::Values(&uniform)], "IQM"), 7.051_979_596_891_094));
        assert!(close(read(&[Measure::Values(&uniform)], "WM(25%:75%)"), 7.290_141_027_057_606));
    }

    #[test]
    fn negative_values_leave_only_the_plain_statistics() {
        let both = [Measure::Value(-1.0), Measure::Value(3.0)];
        assert_eq!(read(&both, "p50"), None);
        assert_eq!(read(&both, "TM(0:5)"), None);
        assert_eq!(read(&both, "p0"), Some(-1.0));
        assert_eq!(read(&both, "Average"), Some(1.0));
    }

    #[test]
    fn fewer_than_one_value_has_no_percentiles() {
        let half = [Measure::Weighted { value: 4.0, count: 0.5 }];
        assert_eq!(read(&half, "p50"), None);
        assert_eq!(read(&half, "tm90"), None);
        assert_eq!(read(&half, "p100"), Some(4.0));
        assert_eq!(read(&half, "TC(1:10)"), Some(0.5));
        assert_eq!(read(&half, "PR(1:10)"), Some(100.0));
    }

    #[test]
    fn values_outside_plain_bounds_move_to_the_bounds() {
        let values = [Measure::Value(7.0), Measure::Value(7.0), Measure::Value(7.0)];
        assert_eq!(read(&values, "WM(:5)"), Some(5.0));
        assert_eq!(read(&values, "WM(8:)"), Some(8.0));
        assert_eq!(read(&values, "WM(5:8)"), Some(7.0));
    }

    #[test]
    fn nothing_counted_is_no_datapoint() {
        assert_eq!(read(&[], "Sum"), None);
        assert_eq!(read(&[Measure::Values(&[(1.0, 0.0)])], "Minimum"), None);
    }
}
