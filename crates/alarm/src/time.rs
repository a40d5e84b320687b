//! Event time in whole milliseconds, and the four ways CloudWatch writes it.
//!
//! Invariant: a [`Timestamp`] always lies in the range jiff can show (years -9999 to 9999), so adding periods to it
//! cannot overflow and formatting cannot fail. Milliseconds are all the service keeps. Time is always an argument in
//! this crate; nothing here reads a clock.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

/// The largest magnitude kept: well inside what jiff can represent, in milliseconds.
const LIMIT_MS: i64 = 253_000_000_000_000;

/// A point in event time: milliseconds since 1970-01-01T00:00:00Z.
///
/// ```
/// use alarm::Timestamp;
///
/// let t: Timestamp = "2026-09-14T05:42:25.5Z".parse()?;
/// assert_eq!(t.as_millis(), 1_789_364_545_500);
/// assert_eq!(t.to_string(), "2026-09-14T05:42:25.500+0000");
/// # Ok::<(), alarm::TimestampError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
pub struct Timestamp(i64);

/// The text is not an RFC 3339 time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a time such as 2026-09-14T05:42:25Z")]
pub struct TimestampError {
    text: String,
}

impl Timestamp {
    /// The time `millis` after 1970, moved to the nearest year between -6000 and 9900 if it lies outside.
    pub const fn from_millis(millis: i64) -> Self {
        if millis > LIMIT_MS {
            Self(LIMIT_MS)
        } else if millis < -LIMIT_MS {
            Self(-LIMIT_MS)
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since 1970; negative before.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This time and `millis` more (or less, when negative).
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// The multiple of `grain_ms` (counted from 1970) at or before this time.
    #[must_use]
    pub(crate) const fn floor_to(self, grain_ms: i64) -> Self {
        Self(self.0.div_euclid(grain_ms) * grain_ms)
    }

    /// As state reasons print it: `14/09/26 05:42:30`, UTC, no milliseconds.
    pub fn in_reason(self) -> String {
        self.civil().strftime("%d/%m/%y %H:%M:%S").to_string()
    }

    /// As composite reasons and notification e-mails print it: `Monday 14 September, 2026 06:29:58 UTC`.
    pub fn in_sentence(self) -> String {
        self.civil().strftime("%A %d %B, %Y %H:%M:%S UTC").to_string()
    }

    pub(crate) fn civil(self) -> DateTime {
        // The clamp in `from_millis` keeps every value convertible; the fallback is never reached.
        let time = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Offset::UTC.to_datetime(time)
    }
}

/// As reason data and notifications print it: `2026-09-14T05:42:30.000+0000`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.civil();
        let millis = self.0.rem_euclid(1000);
        write!(f, "{}.{millis:03}+0000", at.strftime("%Y-%m-%dT%H:%M:%S"))
    }
}

impl From<i64> for Timestamp {
    fn from(millis: i64) -> Self {
        Self::from_millis(millis)
    }
}

impl From<Timestamp> for i64 {
    fn from(time: Timestamp) -> Self {
        time.0
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(time: jiff::Timestamp) -> Self {
        Self::from_millis(time.as_millisecond())
    }
}

impl std::str::FromStr for Timestamp {
    type Err = TimestampError;

    /// Reads RFC 3339, and the `+0000` form that [`Display`](fmt::Display) writes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = match text.strip_suffix("+0000") {
            Some(bare) => format!("{bare}Z").parse::<jiff::Timestamp>(),
            None => text.parse::<jiff::Timestamp>(),
        };
        parsed.map(Self::from).map_err(|_| TimestampError { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_the_three_forms() {
        let t: Timestamp = "2022-07-22T15:57:45.007Z".parse().unwrap();
        assert_eq!(t.in_reason(), "22/07/22 15:57:45");
        assert_eq!(t.in_sentence(), "Friday 22 July, 2022 15:57:45 UTC");
        assert_eq!(t.to_string(), "2022-07-22T15:57:45.007+0000");
        assert_eq!(t.to_string().parse::<Timestamp>().unwrap(), t);
    }

    #[test]
    fn the_ends_of_time_can_be_printed_and_passed() {
        for edge in [i64::MIN, i64::MAX] {
            let t = Timestamp::from_millis(edge);
            assert_eq!(t.plus_millis(edge), t);
            assert!(t.to_string().ends_with("+0000"));
        }
        assert_eq!(Timestamp::from_millis(-1).floor_to(60_000), Timestamp::from_millis(-60_000));
    }
}
