//! Which of many closed ranges hold a number.
//!
//! Ranges stand in the order of their lower ends, so those that begin too late are cut off at once. Over the others stands a tree of
//! maxima: a stretch of ranges that all end too early is left out by one comparison.
//!
//! ```text
//! ranges     [1,9] [2,3] [4,5] [7,8]      value 6: [7,8] begins too late,
//! highest      9     3     5     8                 [2,3] and [4,5] end too early
//!              └──9──┘     └──8──┘
//! ```

/// Up to eight ranges are compared one by one.
const FEW_LEVELS: usize = 3;

/// Ranges, each leading to a target.
#[derive(Debug, Default)]
pub(crate) struct Ranges {
    /// By lower end.
    list: Box<[Range]>,
    /// Level by level: the highest upper end in each pair of the level below, which for the first is the list itself.
    highest: Vec<Box<[f64]>>,
}

#[derive(Debug, Clone, Copy)]
struct Range {
    low: f64,
    high: f64,
    target: u32,
}

impl Ranges {
    /// Of lower and upper ends, both within, with their targets.
    pub(crate) fn new(ranges: impl IntoIterator<Item = (f64, f64, u32)>) -> Self {
        let mut list: Vec<Range> =
            ranges.into_iter().map(|(low, high, target)| Range { low, high, target }).collect();
        list.sort_by(|one, other| one.low.total_cmp(&other.low));
        let mut highest = Vec::new();
        let mut level: Vec<f64> = list.iter().map(|range| range.high).collect();
        while level.len() > 1 {
            let of_pair = |pair: &[f64]| pair.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            level = level.chunks(2).map(of_pair).collect();
            highest.push(level.clone().into_boxed_slice());
        }
        Ranges { list: list.into(), highest }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The targets of the ranges that hold `value`.
    pub(crate) fn find(&self, value: f64, found: &mut impl FnMut(u32)) {
        if self.highest.len() <= FEW_LEVELS {
            let holds = |range: &&Range| range.low <= value && value <= range.high;
            self.list.iter().filter(holds).for_each(|range| found(range.target));
            return;
        }
        // As many as begin in time.
        let begun = self.list.partition_point(|range| range.low <= value);
        self.find_among(self.highest.len(), 0, begun, value, found);
    }

    /// Of the ranges that node `at` of a level stands for, as far as they are among the first `begun`. As deep as there are levels: at most 64.
    fn find_among(&self, level: usize, at: usize, begun: usize, value: f64, found: &mut impl FnMut(u32)) {
        if at << level >= begun {
            return;
        }
        let Some(below) = level.checked_sub(1) else {
            if let Some(range) = self.list.get(at).filter(|range| value <= range.high) {
                found(range.target);
            }
            return;
        };
        let highest = self.highest.get(below).and_then(|highest| highest.get(at));
        if highest.is_some_and(|&highest| value <= highest) {
            self.find_among(below, at * 2, begun, value, found);
            self.find_among(below, at * 2 + 1, begun, value, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_holds_the_value_and_nothing_else(
            ranges in prop::collection::vec((-8..8_i8, -8..8_i8), 0..40),
            value in -10..10_i8,
        ) {
            let ends = |(low, high): (i8, i8)| match low {
                -8 => (f64::NEG_INFINITY, f64::from(high)),
                7 => (f64::from(low), f64::INFINITY),
                _ => (f64::from(low), f64::from(high)),
            };
            let all: Vec<(f64, f64, u32)> = ranges
                .into_iter()
                .zip(0..)
                .map(|(range, target)| (ends(range).0, ends(range).1, target))
                .collect();
            let value = f64::from(value);
            let mut found = Vec::new();
            Ranges::new(all.iter().copied()).find(value, &mut |target| found.push(target));
            found.sort_unstable();
            let expected = all.iter().filter(|(low, high, _)| (*low..=*high).contains(&value));
            prop_assert_eq!(found, expected.map(|(_, _, target)| *target).collect::<Vec<_>>());
        }
    }
}
