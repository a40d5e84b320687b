//! Periods, the grid their buckets lie on, and how far back an evaluation looks.
//!
//! Two grids exist. Statistics asked for by hand (GetMetricStatistics) sit on multiples of the period since 1970. An
//! alarm builds its buckets backwards from the end of its window, which for periods of a minute or more is a whole minute:
//! the buckets of a 300 s alarm slide with every evaluation (recorded on the service at 180, 300, 900 and 1800 s).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How long after the end of a bucket the service waits before it evaluates it: metrics of an alarm on a single metric
/// are given ten seconds to arrive, those of metric math none.
pub(crate) const SINGLE_METRIC_DELAY_MS: i64 = 10_000;

/// The length of a bucket: 10, 20 or 30 seconds, or a multiple of 60.
///
/// ```
/// use alarm::Period;
///
/// assert_eq!(Period::from_secs(300)?.as_secs(), 300);
/// assert!(Period::from_secs(45).is_err());
/// # Ok::<(), alarm::PeriodError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Period(u32);

/// The number of seconds is not a period. The text is the service's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Period must be 10, 20, 30 or a multiple of 60")]
pub struct PeriodError;

impl Period {
    /// A period of that many seconds.
    ///
    /// # Errors
    /// If it is not 10, 20, 30 or a multiple of 60.
    pub const fn from_secs(seconds: u32) -> Result<Self, PeriodError> {
        match seconds {
            10 | 20 | 30 => Ok(Self(seconds)),
            0 => Err(PeriodError),
            _ if seconds.is_multiple_of(60) => Ok(Self(seconds)),
            _ => Err(PeriodError),
        }
    }

    /// Its length in seconds.
    pub const fn as_secs(self) -> u32 {
        self.0
    }

    pub(crate) fn as_millis(self) -> i64 {
        i64::from(self.0) * 1000
    }

    /// Whether it is shorter than a minute.
    pub const fn is_high_resolution(self) -> bool {
        self.0 < 60
    }

    /// The step the window's end moves in: the period itself below a minute, else one minute. Samples are folded into
    /// cells of this length, because every bucket boundary is a multiple of it.
    pub(crate) fn grain_ms(self) -> i64 {
        if self.is_high_resolution() { self.as_millis() } else { 60_000 }
    }

    /// Buckets looked at beyond the evaluation periods, so that older points can stand in for missing newer ones: one
    /// minute's worth below a minute (recorded at 10 s), four at 60 s, two above (recorded at 180 s and more; 120 s is
    /// assumed to be like those).
    pub const fn extra_buckets(self) -> u32 {
        match self.0 {
            10 | 20 | 30 => 60 / self.0,
            60 => 4,
            _ => 2,
        }
    }

    /// How often an alarm of this period is evaluated, in milliseconds: every 10 s below a minute, every minute above,
    /// every hour when it looks back more than a day.
    pub(crate) fn tick_ms(self, evaluation_periods: u32) -> i64 {
        if i64::from(evaluation_periods) * i64::from(self.0) > 86_400 {
            3_600_000
        } else if self.is_high_resolution() {
            10_000
        } else {
            60_000
        }
    }

    /// The buckets that an evaluation at `now` looks at.
    pub(crate) fn window(self, now: Timestamp, delay_ms: i64, evaluation_periods: u32) -> Window {
        let end = now.plus_millis(-delay_ms).floor_to(self.grain_ms());
        Window { end, period: self, buckets: evaluation_periods + self.extra_buckets() }
    }
}

impl TryFrom<u32> for Period {
    type Error = PeriodError;

    fn try_from(seconds: u32) -> Result<Self, Self::Error> {
        Self::from_secs(seconds)
    }
}

impl From<Period> for u32 {
    fn from(period: Period) -> Self {
        period.0
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0)
    }
}

/// The range of one evaluation: `buckets` periods that end at `end`, the newest being number 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) end: Timestamp,
    pub(crate) period: Period,
    pub(crate) buckets: u32,
}

impl Window {
    pub(crate) fn start(&self) -> Timestamp {
        self.bucket_start(self.buckets.saturating_sub(1))
    }

    /// Where bucket `age` begins, counted from the newest.
    pub(crate) fn bucket_start(&self, age: u32) -> Timestamp {
        self.end.plus_millis(-(i64::from(age) + 1) * self.period.as_millis())
    }

    /// The age of the bucket that contains `time`, or `None` outside the window.
    pub(crate) fn age_of(&self, time: Timestamp) -> Option<u32> {
        let back = self.end.as_millis() - 1 - time.as_millis();
        let age = u32::try_from(back.div_euclid(self.period.as_millis())).ok()?;
        (age < self.buckets).then_some(age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        format!("2026-09-14T{text}Z").parse().unwrap()
    }

    #[test]
    fn the_window_ends_ten_seconds_ago_rounded_down() {
        let ten = Period::from_secs(10).unwrap();
        let window = ten.window(time("05:43:00.813"), SINGLE_METRIC_DELAY_MS, 3);
        assert_eq!(window.end, time("05:42:50"));
        assert_eq!(window.start(), time("05:41:20"));
        assert_eq!(window.age_of(time("05:42:49.999")), Some(0));
        assert_eq!(window.age_of(time("05:42:50")), None);
        assert_eq!(window.age_of(time("05:41:19.999")), None);
        assert_eq!(window.age_of(window.start()), Some(8));
    }

    #[test]
    fn long_periods_slide_by_the_minute() {
        let five_minutes = Period::from_secs(300).unwrap();
        let window = five_minutes.window(time("06:37:54.410"), SINGLE_METRIC_DELAY_MS, 1);
        assert_eq!(window.end, time("06:37:00"));
        assert_eq!(window.start(), time("06:22:00"));
        assert_eq!(window.bucket_start(0), time("06:32:00"));
    }

    #[test]
    fn only_the_services_periods_exist() {
        for good in [10, 20, 30, 60, 120, 86_400] {
            assert!(Period::from_secs(good).is_ok());
        }
        for bad in [0, 1, 5, 15, 40, 61, 90] {
            assert!(Period::from_secs(bad).is_err());
        }
    }
}
