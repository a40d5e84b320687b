//! The bins CloudWatch answers percentiles and trimmed statistics from.
//!
//! The service does not keep raw values. It counts them in bins whose edges are the powers of 1.1 (zero has a bin of its
//! own), cuts the first and the last bin to the smallest and greatest value seen, and reads positions inside a bin: along
//! the logarithm for percentiles, straight for trimmed statistics. So the median of 2, 2, 10, 10, 10 is 9.8746 and not 10.
//! Found by fitting results recorded on the service (September 2026); of the recorded values all percentiles, counts and
//! ranks come out to the last bit, sums and means to within rounding.
//!
//! Invariant: bins are sorted by index, each with a positive count, and hold only values that are zero or greater (the
//! service gives no percentiles once a value is negative).

use serde::{Deserialize, Serialize};

use crate::double::exact;

/// Index of the bin that holds zero alone; below any index a positive double can have (-7816 to 7447).
const ZERO: i16 = i16::MIN;

/// One bin: its index (the power of 1.1 at its lower edge) and how many values it holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Bin(i16, #[serde(with = "exact")] f64);

/// Counted values, sorted by bin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Bins(Vec<Bin>);

/// The natural logarithm of the ratio between two edges.
fn ln_ratio() -> f64 {
    1.1f64.ln()
}

/// A bin cut to the extremes of the bucket.
struct Cut {
    low: f64,
    high: f64,
    count: f64,
    /// Values in the bins before it.
    before: f64,
    index: i16,
}

impl Bins {
    /// Counts a value; negative values and empty counts leave no trace here.
    pub(crate) fn add(&mut self, value: f64, count: f64) {
        if value >= 0.0 && count > 0.0 {
            self.add_at(index_of(value), count);
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for &Bin(index, count) in &other.0 {
            self.add_at(index, count);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add_at(&mut self, index: i16, count: f64) {
        match self.0.binary_search_by_key(&index, |bin| bin.0) {
            Ok(at) => {
                if let Some(bin) = self.0.get_mut(at) {
                    bin.1 += count;
                }
            }
            Err(at) => self.0.insert(at, Bin(index, count)),
        }
    }

    /// The value at `rank` (0 to the number of values).
    pub(crate) fn value_at(&self, rank: f64, extremes: (f64, f64)) -> f64 {
        let mut before = 0.0;
        for &Bin(index, count) in &self.0 {
            if before + count >= rank {
                let share = (rank - before) / count;
                let (low, high) = log_edges(index, extremes);
                return from_log(low + share * (high - low), index);
            }
            before += count;
        }
        extremes.1
    }

    /// Count and sum of the values between two ranks.
    pub(crate) fn between_ranks(&self, low: f64, high: f64, extremes: (f64, f64)) -> (f64, f64) {
        self.trimmed(extremes, |bin| {
            let share = |rank: f64| ((rank - bin.before) / bin.count).clamp(0.0, 1.0);
            (share(low), share(high))
        })
    }

    /// Count and sum of the values above `low` and up to `high`.
    pub(crate) fn between_values(&self, low: f64, high: f64, extremes: (f64, f64)) -> (f64, f64) {
        self.trimmed(extremes, |bin| {
            if bin.high > bin.low {
                let share = |value: f64| (value.clamp(bin.low, bin.high) - bin.low) / (bin.high - bin.low);
                (share(low), share(high))
            } else if low < bin.low && bin.low <= high {
                (0.0, 1.0)
            } else {
                (0.0, 0.0)
            }
        })
    }

    /// What values below `low_rank` and above `high_rank` are moved to by a winsorized mean.
    ///
    /// Not the percentiles one would expect: within its bin a rank counts as many times as the bin holds values, so that
    /// in a bin of two or more it nearly always lands on the upper edge; and when both ranks share a bin, both take the
    /// upper rank's value. A fit to 32 recorded values, which it reproduces without exception.
    pub(crate) fn winsor_values(&self, low_rank: f64, high_rank: f64, extremes: (f64, f64)) -> (f64, f64) {
        let place = |rank: f64| {
            let mut before = 0.0;
            for &Bin(index, count) in &self.0 {
                if before + count >= rank {
                    let (low, _) = log_edges(index, extremes);
                    let share = ((rank - before) * count).min(1.0);
                    return (index, from_log(low + share, index).min(extremes.1));
                }
                before += count;
            }
            (i16::MAX, extremes.1)
        };
        let (low_bin, low) = place(low_rank);
        let (high_bin, high) = place(high_rank);
        (if low_bin == high_bin { high } else { low }, high)
    }

    /// Count and sum of the parts of bins that `part` selects, as shares of each bin. The first and the last part count
    /// with their middle, bins between with the geometric mean of their edges.
    fn trimmed(&self, extremes: (f64, f64), part: impl Fn(&Cut) -> (f64, f64)) -> (f64, f64) {
        let (mut count, mut sum) = (0.0, 0.0);
        // The last selected part, held back because only its successor tells whether it was the last.
        let mut held: Option<(f64, f64, f64)> = None;
        let mut first = true;
        let mut before = 0.0;
        for &Bin(index, in_bin) in &self.0 {
            let (low, high) = edges(index, extremes);
            let bin = Cut { low, high, count: in_bin, before, index };
            before += in_bin;
            let (from, to) = part(&bin);
            if to <= from {
                continue;
            }
            let used = (to - from) * bin.count;
            count += used;
            if let Some((held_count, middle, geometric)) = held {
                sum += held_count * if first { middle } else { geometric };
                first = false;
            }
            let width = bin.high - bin.low;
            let middle = ((bin.low + from * width) + (bin.low + to * width)) / 2.0;
            let geometric = if bin.index == ZERO { 0.0 } else { (bin.low * bin.high).sqrt() };
            held = Some((used, middle, geometric));
        }
        if let Some((held_count, middle, _)) = held {
            sum += held_count * middle;
        }
        (count, sum)
    }
}

fn index_of(value: f64) -> i16 {
    if value <= 0.0 {
        return ZERO;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the logarithm of a positive double divided by ln 1.1 is within ±8000"
    )]
    let index = (value.ln() / ln_ratio()).floor() as i16;
    index
}

/// The edges of a bin, cut to the extremes, as exponents of 1.1.
fn log_edges(index: i16, (minimum, maximum): (f64, f64)) -> (f64, f64) {
    let low = f64::from(index).max(minimum.ln() / ln_ratio());
    let high = (f64::from(index) + 1.0).min(maximum.ln() / ln_ratio());
    (low, high)
}

fn from_log(exponent: f64, index: i16) -> f64 {
    if index == ZERO { 0.0 } else { (exponent * ln_ratio()).exp() }
}

/// The edges of a bin, cut to the extremes, as values.
fn edges(index: i16, (minimum, maximum): (f64, f64)) -> (f64, f64) {
    if index == ZERO {
        return (0.0, 0.0);
    }
    let high = ((f64::from(index) + 1.0) * ln_ratio()).exp().min(maximum);
    let low = (f64::from(index) * ln_ratio()).exp().max(minimum).min(high);
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins(values: &[(f64, f64)]) -> Bins {
        let mut bins = Bins::default();
        for &(value, count) in values {
            bins.add(value, count);
        }
        bins
    }

    #[test]
    fn percentiles_are_read_along_the_logarithm() {
        let two_tens = bins(&[(10.0, 3.0), (2.0, 2.0)]);
        assert_eq!(two_tens.value_at(2.5, (2.0, 10.0)).to_bits(), 9.874_619_498_547_638_f64.to_bits());
        assert_eq!(two_tens.value_at(0.5, (2.0, 10.0)).to_bits(), 2.034_969_324_913_989_3_f64.to_bits());
    }

    #[test]
    fn zero_has_its_own_bin() {
        let mixed = bins(&[(0.0, 90.0), (5.0, 10.0)]);
        assert_eq!(mixed.value_at(50.0, (0.0, 5.0)).to_bits(), 0.0f64.to_bits());
        let (count, sum) = mixed.between_ranks(0.0, 90.0, (0.0, 5.0));
        assert_eq!((count, sum), (90.0, 0.0));
        assert_eq!(mixed.between_values(-1.0, 0.0, (0.0, 5.0)).0.to_bits(), 90.0f64.to_bits());
    }

    #[test]
    fn extreme_doubles_have_a_bin() {
        assert!(index_of(f64::from_bits(1)) > -8000);
        assert!(index_of(f64::MAX) < 8000);
        assert_eq!(index_of(1.0), 0);
    }

    #[test]
    fn order_of_arrival_changes_nothing() {
        let one = bins(&[(1.0, 1.0), (3.0, 2.0), (0.5, 1.0)]);
        let mut two = bins(&[(3.0, 1.0), (0.5, 1.0)]);
        two.merge(&bins(&[(1.0, 1.0), (3.0, 1.0)]));
        assert_eq!(one, two);
    }
}
