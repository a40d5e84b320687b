//! What a metric is made of: samples, each a value with a count, several values, or a statistic set.

use serde::{Deserialize, Serialize};

use crate::record::RecordId;
use crate::time::Timestamp;

/// The largest magnitude CloudWatch accepts: 2 to the power of 360.
pub const VALUE_LIMIT: f64 = 2.348_542_582_773_833_2e108;

/// One datum, as PutMetricData or a metric filter would publish it.
///
/// ```
/// use alarm::{Measure, Sample, Timestamp};
///
/// let at = Timestamp::from_millis(1_789_364_545_000);
/// let hit = Sample::new(at, Measure::Value(1.0)).from_record(7u128);
/// assert_eq!(hit.unit, None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample<'a> {
    /// When it happened; decides the bucket.
    pub timestamp: Timestamp,
    /// What was measured.
    pub measure: Measure<'a>,
    /// The unit it was published with; `None` is the service's unit `None`.
    pub unit: Option<&'a str>,
    /// The record it came from, if the caller wants it back with the alarm.
    pub record: Option<RecordId>,
}

impl<'a> Sample<'a> {
    /// A sample without unit or record.
    pub fn new(timestamp: Timestamp, measure: Measure<'a>) -> Self {
        Self { timestamp, measure, unit: None, record: None }
    }

    /// The same sample, naming the record it came from.
    #[must_use]
    pub fn from_record(self, record: impl Into<RecordId>) -> Self {
        Self { record: Some(record.into()), ..self }
    }

    /// The same sample with a unit.
    #[must_use]
    pub fn in_unit(self, unit: &'a str) -> Self {
        Self { unit: Some(unit), ..self }
    }
}

/// The measured part of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure<'a> {
    /// One value, seen once.
    Value(f64),
    /// One value, seen `count` times; counts may be fractions.
    Weighted {
        /// The value.
        value: f64,
        /// How often it was seen.
        count: f64,
    },
    /// PutMetricData's `Values` and `Counts`, as pairs of value and count.
    Values(&'a [(f64, f64)]),
    /// A set of statistics computed by the publisher.
    Set(StatisticSet),
}

/// PutMetricData's `StatisticValues`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatisticSet {
    /// How many values the set summarises.
    pub sample_count: f64,
    /// Their sum.
    pub sum: f64,
    /// The least of them.
    pub minimum: f64,
    /// The greatest of them.
    pub maximum: f64,
}

impl StatisticSet {
    /// Whether the values behind the set are known after all, because they were all equal. Only then can it take part
    /// in percentiles and trimmed statistics. One value with differing extremes is *not* enough, contrary to the
    /// documentation (recorded on the service, September 2026).
    #[expect(clippy::float_cmp, reason = "the service compares exactly: 22 is not 3 × 7")]
    pub(crate) fn is_uniform(&self) -> bool {
        self.minimum == self.maximum && self.sum == self.minimum * self.sample_count
    }
}

impl Measure<'_> {
    /// Whether the service would accept it: finite values within ±2^360, counts finite and not negative.
    pub(crate) fn is_acceptable(&self) -> bool {
        let pair =
            |value: f64, count: f64| value.abs() <= VALUE_LIMIT && (0.0..=VALUE_LIMIT).contains(&count);
        match *self {
            Self::Value(value) => pair(value, 1.0),
            Self::Weighted { value, count } => pair(value, count),
            Self::Values(pairs) => {
                !pairs.is_empty() && pairs.iter().all(|&(value, count)| pair(value, count))
            }
            Self::Set(set) => {
                pair(set.sum, set.sample_count)
                    && pair(set.minimum, 0.0)
                    && pair(set.maximum, 0.0)
                    && set.minimum <= set.maximum
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_two_to_the_360() {
        assert_eq!(VALUE_LIMIT.to_bits(), 2f64.powi(360).to_bits());
    }

    #[test]
    fn refuses_what_is_not_a_number() {
        for bad in [f64::NAN, f64::INFINITY, 2f64.powi(361)] {
            assert!(!Measure::Value(bad).is_acceptable());
            assert!(!Measure::Weighted { value: 1.0, count: bad }.is_acceptable());
        }
        assert!(!Measure::Weighted { value: 1.0, count: -1.0 }.is_acceptable());
        assert!(!Measure::Values(&[]).is_acceptable());
        assert!(Measure::Values(&[(1.0, 0.0)]).is_acceptable());
    }
}
