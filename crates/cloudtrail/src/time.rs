//! When an event happened.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// Microseconds of a second.
const MICROS: i64 = 1_000_000;

/// An instant in microseconds since the Unix epoch.
///
/// CloudTrail writes `2026-11-03T02:15:00Z`; a fraction of a second, an offset, a blank for the `T` and a missing zone (then
/// UTC) occur in the wild and are read as well. Finer than a microsecond is cut off.
///
/// ```
/// use cloudtrail::EventTime;
///
/// let time: EventTime = "2026-11-03T02:15:00Z".parse()?;
/// assert_eq!(time, "2026-11-03 03:15:00+01:00".parse()?);
/// assert_eq!(time.to_string(), "2026-11-03T02:15:00Z");
/// # Ok::<(), cloudtrail::NotATime>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct EventTime(i64);

/// Text that names no instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a time: one such as 2026-11-03T02:15:00Z is wanted")]
pub struct NotATime {
    text: String,
}

impl EventTime {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: EventTime = EventTime(0);

    /// From microseconds since the Unix epoch, cut to the years this crate can write (-9999 to 9999).
    pub fn from_micros(micros: i64) -> Self {
        let (least, most) = (jiff::Timestamp::MIN.as_microsecond(), jiff::Timestamp::MAX.as_microsecond());
        EventTime(micros.clamp(least, most))
    }

    /// Microseconds since the Unix epoch.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub fn as_seconds(self) -> i64 {
        self.0.div_euclid(MICROS)
    }

    /// The same instant for calendar work.
    pub fn timestamp(self) -> jiff::Timestamp {
        // In range by construction.
        jiff::Timestamp::from_microsecond(self.0).unwrap_or_default()
    }

    /// Reads text; `None` if it names no instant. Does not allocate.
    pub fn from_bytes(text: &[u8]) -> Option<Self> {
        utc(text).or_else(|| any_form(text))
    }
}

impl From<jiff::Timestamp> for EventTime {
    fn from(timestamp: jiff::Timestamp) -> Self {
        EventTime(timestamp.as_microsecond())
    }
}

impl FromStr for EventTime {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        EventTime::from_bytes(text.as_bytes()).ok_or_else(|| NotATime { text: text.to_owned() })
    }
}

impl TryFrom<String> for EventTime {
    type Error = NotATime;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<EventTime> for String {
    fn from(time: EventTime) -> Self {
        time.to_string()
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp().fmt(f)
    }
}

impl fmt::Debug for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventTime({self})")
    }
}

/// Reads times one after the other: most are of the same minute as the one before.
#[derive(Debug, Default)]
pub(crate) struct Minute {
    /// `YYYY-MM-DDTHH:MM:` of the last one that was of the usual form, and when that minute begins.
    last: Option<([u8; 17], EventTime)>,
}

impl Minute {
    /// [`EventTime::from_bytes`].
    #[inline]
    pub(crate) fn read(&mut self, text: &[u8]) -> Option<EventTime> {
        let Some((minute, [s0 @ b'0'..=b'5', s1 @ b'0'..=b'9', b'Z'])) = text.split_first_chunk() else {
            return EventTime::from_bytes(text);
        };
        let seconds = i64::from(s0 - b'0') * 10 + i64::from(s1 - b'0');
        match &self.last {
            Some((last, begun)) if last == minute => Some(EventTime(begun.0 + seconds * MICROS)),
            _ => self.read_anew(minute, seconds, text),
        }
    }

    #[cold]
    fn read_anew(&mut self, minute: &[u8; 17], seconds: i64, text: &[u8]) -> Option<EventTime> {
        // Other forms are as long, but mean something else by what stands here.
        let Some(time) = utc(text) else { return any_form(text) };
        self.last = Some((*minute, EventTime(time.0 - seconds * MICROS)));
        Some(time)
    }
}

/// `YYYY-MM-DDTHH:MM:SS[.fraction]Z`, `T` or blank, `Z` or nothing: what all but a few records have.
fn utc(text: &[u8]) -> Option<EventTime> {
    let (stamp, rest) = text.split_first_chunk::<19>()?;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T' | b' ', hour @ .., b':', i0, i1, b':', s0, s1] =
        stamp
    else {
        return None;
    };
    let year = number(&[*y0, *y1, *y2, *y3])?;
    let (month, day) = (number(&[*m0, *m1])?, number(&[*d0, *d1])?);
    let (hour, minute, second) = (number(hour)?, number(&[*i0, *i1])?, number(&[*s0, *s1])?);
    if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days_since_epoch(year, month, day) * DAY + hour * 3_600 + minute * 60 + second;
    let micros = match rest {
        b"" | b"Z" => 0,
        [b'.', digits @ .., b'Z'] | [b'.', digits @ ..] => fraction(digits)?,
        _ => return None,
    };
    Some(EventTime(seconds * MICROS + micros))
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

/// Microseconds of the digits behind the point, one to nine of them.
fn fraction(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > 9 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let padded = digits.iter().copied().chain(std::iter::repeat(b'0')).take(6);
    Some(padded.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01, counted in years that begin in March so that the leap day is the last (years 0 to 9999).
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let day_of_year = (month * 153 + 2) / 5 + day - 1;
    // 0000-03-01 lies 719,468 days before the epoch.
    year * 365 + leap_days + day_of_year - 719_468
}

/// Offsets, leap seconds and whatever else the calendar library reads.
#[cold]
fn any_form(text: &[u8]) -> Option<EventTime> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let timestamp = text.parse::<jiff::Timestamp>().ok();
    // Cut towards the past, as the digits of the common form are.
    timestamp.map(|at| EventTime(i64::try_from(at.as_nanosecond().div_euclid(1_000)).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms_seen_in_the_wild() {
        let cases = [
            ("2026-11-03T02:15:00Z", Some("2026-11-03T02:15:00Z")),
            ("2026-11-03T02:15:00.5Z", Some("2026-11-03T02:15:00.5Z")),
            ("2026-11-03T02:15:00.123456789Z", Some("2026-11-03T02:15:00.123456Z")),
            ("2026-11-03T02:15:00+00:00", Some("2026-11-03T02:15:00Z")),
            ("2022-02-08 09:23:37+11:00", Some("2022-02-07T22:23:37Z")),
            ("2022-02-08T09:23:37.250-0330", Some("2022-02-08T12:53:37.25Z")),
            ("2014-03-06 21:22:54", Some("2014-03-06T21:22:54Z")),
            ("2014-03-06 21:22:54.1", Some("2014-03-06T21:22:54.1Z")),
            ("2014-03-06T21:22:54", Some("2014-03-06T21:22:54Z")),
            ("2016-12-31T23:59:60Z", Some("2016-12-31T23:59:59Z")),
            ("1969-12-31T23:59:59Z", Some("1969-12-31T23:59:59Z")),
            ("2024-02-29T00:00:00Z", Some("2024-02-29T00:00:00Z")),
            ("2023-02-29T00:00:00Z", None),
            ("2026-13-01T00:00:00Z", None),
            ("2026-11-03T24:00:00Z", None),
            ("2026-11-03", None),
            ("2026-11-03T02:15:00.Z", None),
            ("yesterday", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let read = EventTime::from_bytes(text.as_bytes()).map(|time| time.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_fast_form_agrees_with_the_calendar(seconds in -62_000_000_000_i64..250_000_000_000) {
            let timestamp = jiff::Timestamp::from_second(seconds).unwrap();
            prop_assert_eq!(utc(timestamp.to_string().as_bytes()), Some(EventTime::from(timestamp)));
        }

        /// Whatever was read before.
        #[test]
        fn a_minute_later_times_are_the_same(texts in prop::collection::vec(
            prop_oneof!["2026-1[01]-0[12]T0[12]:[06]0:[0-6][0-9]Z", "2026110[12]T02150[0-2]\\.[0-9]{3}Z", "2026-10-01[Tt ]01:00:[0-9Z.]{1,4}"], 1..20,
        )) {
            let mut minute = Minute::default();
            for text in &texts {
                prop_assert_eq!(minute.read(text.as_bytes()), EventTime::from_bytes(text.as_bytes()), "{}", text);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(text in "[0-9TZ:. +-]{0,30}") {
            if let Some(time) = EventTime::from_bytes(text.as_bytes()) {
                prop_assert_eq!(EventTime::from_bytes(time.to_string().as_bytes()), Some(time));
            }
        }
    }
}
