//! A sum that does not depend on the order of its terms.
//!
//! Plain doubles give another last digit when events arrive in another order, and an alarm compared with `>=` would then
//! depend on arrival. The sum is kept as an unevaluated pair of doubles (106 bits), which holds sums of the values
//! CloudWatch accepts without loss in all but contrived cases; only the reading rounds, once.

use serde::{Deserialize, Serialize};

use crate::double::exact;

/// A running sum in double-double arithmetic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sum {
    #[serde(with = "exact")]
    high: f64,
    #[serde(with = "exact")]
    low: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, term: f64) {
        self.add_pair(term, 0.0);
    }

    /// Adds `value × count` without rounding the product.
    #[expect(clippy::float_cmp, reason = "multiplying by exactly one is exact, by nearly one is not")]
    pub(crate) fn add_weighted(&mut self, value: f64, count: f64) {
        let product = value * count;
        // Multiplying by one is exact, and it is nearly every sample; the other path may be a library call.
        let error = if count == 1.0 { 0.0 } else { value.mul_add(count, -product) };
        self.add_pair(product, error);
    }

    pub(crate) fn add_sum(&mut self, other: Self) {
        self.add_pair(other.high, other.low);
    }

    pub(crate) fn value(self) -> f64 {
        self.high + self.low
    }

    fn add_pair(&mut self, high: f64, low: f64) {
        let (sum, error) = two_sum(self.high, high);
        let (low_sum, low_error) = two_sum(self.low, low);
        let (sum, error) = two_sum(sum, error + low_sum);
        let (high, low) = two_sum(sum, error + low_error);
        *self = Self { high, low };
    }
}

/// Knuth's exact addition: the rounded sum and what the rounding lost.
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_what_doubles_lose() {
        let mut sum = Sum::default();
        for term in [1e16, 1.0, -1e16, 0.5] {
            sum.add(term);
        }
        assert_eq!(sum.value().to_bits(), 1.5f64.to_bits());
    }

    proptest! {
        #[test]
        fn order_and_grouping_change_nothing(
            terms in prop::collection::vec((-1_000_000i32..1_000_000, 1u8..20), 0..40), turn in 0usize..40
        ) {
            let values: Vec<(f64, u8)> =
                terms.iter().map(|&(v, c)| (f64::from(v) / 100.0, c)).collect();
            let mut once = Sum::default();
            for &(v, c) in &values { once.add_weighted(v, f64::from(c)); }
            let mut other = Sum::default();
            let at = turn.min(values.len());
            let mut tail = Sum::default();
            for &(v, c) in values[at..].iter().rev() {
                for _ in 0..c { tail.add(v); }
            }
            for &(v, c) in values[..at].iter().rev() { other.add_weighted(v, f64::from(c)); }
            other.add_sum(tail);
            prop_assert_eq!(once.value().to_bits(), other.value().to_bits());
        }
    }
}
