//! Statistics asked for by hand: GetMetricStatistics over a set of samples.

use std::collections::BTreeMap;

use crate::aggregate::Aggregate;
use crate::period::Period;
use crate::sample::Sample;
use crate::statistic::Statistic;
use crate::time::Timestamp;

/// The datapoints of `statistic` between `start` (inclusive) and `end` (exclusive), oldest first. Buckets lie on
/// multiples of the period since 1970; where the service shows no datapoint there is none here. Samples the service would
/// not accept are left out; units are not told apart.
///
/// ```
/// use alarm::{Measure, Period, Sample, Timestamp, statistics};
///
/// let start: Timestamp = "2026-09-14T01:43:00Z".parse()?;
/// let samples = [Sample::new(start, Measure::Values(&[(2.0, 2.0), (10.0, 3.0)]))];
/// let median = statistics(&samples, Period::from_secs(60)?, start, start.plus_millis(60_000), "p50".parse()?);
/// // Not 10: the service reads percentiles from bins.
/// assert_eq!(median, [(start, 9.874619498547638)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn statistics<'a>(
    samples: impl IntoIterator<Item = &'a Sample<'a>>,
    period: Period,
    start: Timestamp,
    end: Timestamp,
    statistic: Statistic,
) -> Vec<(Timestamp, f64)> {
    let mut buckets: BTreeMap<Timestamp, Aggregate> = BTreeMap::new();
    for sample in samples {
        if (start..end).contains(&sample.timestamp) && sample.measure.is_acceptable() {
            let bucket = buckets.entry(sample.timestamp.floor_to(period.as_millis())).or_default();
            bucket.add_measure(&sample.measure, statistic.needs_bins());
        }
    }
    buckets.into_iter().filter_map(|(at, bucket)| Some((at, bucket.read(statistic)?))).collect()
}
