//! Weekly schedules in a time zone: which hours are business hours.
//!
//! A schedule answers for an instant, and the instant is handed in. Days and times are wall clock in the schedule's
//! zone, so business hours stay at nine on both sides of a clock change. Zones come from the database compiled into
//! the program: the same schedule means the same on every machine.

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::collections::BTreeMap;

const MINUTES_PER_DAY: u16 = 24 * 60;

/// The named weekly schedules of one snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hours {
    by_name: BTreeMap<Box<str>, WeeklySchedule>,
}

impl Hours {
    /// Sets a schedule; an earlier one of that name is replaced.
    pub fn insert(&mut self, name: impl Into<Box<str>>, schedule: WeeklySchedule) {
        self.by_name.insert(name.into(), schedule);
    }

    /// The schedule of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&WeeklySchedule> {
        self.by_name.get(name)
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(|name| &**name)
    }
}

/// Some days of the week, from a time to a time, in a zone.
///
/// ```
/// use context::WeeklySchedule;
/// let business = WeeklySchedule::parse("mon-fri", "09:00", "18:00", "Europe/Berlin")?;
/// assert!(business.contains("2026-03-30T07:00:00Z".parse().unwrap()), "nine o'clock in Berlin's summer");
/// assert!(!business.contains("2026-03-27T07:00:00Z".parse().unwrap()), "eight o'clock three days before");
/// # Ok::<(), context::ScheduleError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeeklySchedule {
    /// Monday first.
    days: [bool; 7],
    from_minute: u16,
    to_minute: u16,
    zone: TimeZone,
}

impl WeeklySchedule {
    /// Reads a schedule: `days` such as `mon-fri` or `mon,wed,sat-sun`, times as `HH:MM` (`24:00` ends a day), a
    /// zone of the IANA database. Where `to` is not after `from` the hours run past midnight and belong to the day
    /// they begin on.
    ///
    /// # Errors
    ///
    /// The first part that cannot be read, by name.
    pub fn parse(days: &str, from: &str, to: &str, zone: &str) -> Result<Self, ScheduleError> {
        let from_minute = parse_time(from)?;
        if from_minute == MINUTES_PER_DAY {
            return Err(ScheduleError::Time(from.to_owned()));
        }
        Ok(Self {
            days: parse_days(days)?,
            from_minute,
            to_minute: parse_time(to)?,
            zone: TimeZoneDatabase::bundled()
                .get(zone)
                .map_err(|_| ScheduleError::Zone(zone.chars().take(60).collect()))?,
        })
    }

    /// Whether the instant lies within the schedule: the first minute is inside, the last one outside.
    #[must_use]
    pub fn contains(&self, instant: Timestamp) -> bool {
        let local = instant.to_zoned(self.zone.clone()).datetime();
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        let today = local.weekday();
        if self.from_minute < self.to_minute {
            return self.on(today) && self.from_minute <= minute && minute < self.to_minute;
        }
        (self.on(today) && self.from_minute <= minute)
            || (self.on(today.previous()) && minute < self.to_minute)
    }

    fn on(&self, day: Weekday) -> bool {
        let index = usize::from(day.to_monday_zero_offset().unsigned_abs());
        self.days.get(index).copied().unwrap_or(false)
    }
}

/// A part of a schedule that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The days are not days.
    #[error("`{0}` are not days: write them as `mon-fri` or `mon,wed,sat`")]
    Days(String),
    /// A time is not a time of day.
    #[error("`{0}` is not a time of day: write it as `09:00`")]
    Time(String),
    /// The zone is not in the database.
    #[error("`{0}` is not a time zone: write its IANA name, such as `Europe/Berlin` or `UTC`")]
    Zone(String),
}

const DAY_NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn parse_days(text: &str) -> Result<[bool; 7], ScheduleError> {
    let error = || ScheduleError::Days(text.chars().take(60).collect());
    let day = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        DAY_NAMES.iter().position(|short| *short == name).ok_or_else(error)
    };
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (day(first)?, day(last)?),
            None => (day(part)?, day(part)?),
        };
        let length = (last + 7 - first) % 7;
        for (index, on) in days.iter_mut().enumerate() {
            *on |= (index + 7 - first) % 7 <= length;
        }
    }
    Ok(days)
}

fn parse_time(text: &str) -> Result<u16, ScheduleError> {
    let parse = || {
        let (hour, minute) = text.split_once(':')?;
        let digits =
            |part: &str| (part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit())).then_some(());
        digits(hour)?;
        digits(minute)?;
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        let total = hour * 60 + minute;
        (minute < 60 && total <= MINUTES_PER_DAY).then_some(total)
    };
    parse().ok_or_else(|| ScheduleError::Time(text.chars().take(20).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn instants() {
        let business = WeeklySchedule::parse("mon-fri", "09:00", "18:00", "Europe/Berlin").unwrap();
        let night = WeeklySchedule::parse("fri", "22:00", "06:00", "UTC").unwrap();
        let weekend = WeeklySchedule::parse("sat-sun", "00:00", "24:00", "Asia/Kolkata").unwrap();
        let always = WeeklySchedule::parse("mon-sun", "00:00", "00:00", "UTC").unwrap();
        for (schedule, name, instant, expected) in [
            (&business, "first minute, winter", "2026-01-05T08:00:00Z", true),
            (&business, "before it", "2026-01-05T07:59:59Z", false),
            (&business, "last minute", "2026-01-05T16:59:59Z", true),
            (&business, "after it", "2026-01-05T17:00:00Z", false),
            (&business, "summer", "2026-07-06T07:00:00Z", true),
            (&business, "saturday", "2026-07-04T10:00:00Z", false),
            (&night, "friday night", "2026-07-03T22:00:00Z", true),
            (&night, "into saturday", "2026-07-04T05:59:59Z", true),
            (&night, "saturday morning", "2026-07-04T06:00:00Z", false),
            (&night, "saturday night", "2026-07-04T23:00:00Z", false),
            (&night, "friday's early hours belong to thursday", "2026-07-03T03:00:00Z", false),
            (&weekend, "already saturday in India", "2026-07-03T18:30:00Z", true),
            (&weekend, "still friday in India", "2026-07-03T18:29:59Z", false),
            (&weekend, "already monday in India", "2026-07-05T18:30:00Z", false),
            (&always, "any time", "2026-07-05T18:30:00Z", true),
            (&always, "midnight", "2026-07-05T00:00:00Z", true),
        ] {
            assert_eq!(schedule.contains(at(instant)), expected, "{name}: {instant}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let parse = |days, from, to, zone| WeeklySchedule::parse(days, from, to, zone).unwrap_err();
        assert_eq!(parse("mon-fry", "09:00", "10:00", "UTC"), ScheduleError::Days("mon-fry".into()));
        assert_eq!(parse("", "09:00", "10:00", "UTC"), ScheduleError::Days(String::new()));
        for time in ["9:00", "24:01", "12:60", "noon", "", "1٢:00", "+1:00"] {
            assert_eq!(parse("mon", "09:00", time, "UTC"), ScheduleError::Time(time.into()));
        }
        assert_eq!(parse("mon", "24:00", "10:00", "UTC"), ScheduleError::Time("24:00".into()));
        assert_eq!(parse("mon", "09:00", "10:00", "Berlin"), ScheduleError::Zone("Berlin".into()));
    }

    #[test]
    fn days_may_wrap_and_repeat() {
        let days = |text| parse_days(text).unwrap();
        assert_eq!(days("sat-mon"), [true, false, false, false, false, true, true]);
        assert_eq!(days("Mon, wed ,mon"), [true, false, true, false, false, false, false]);
        assert_eq!(days("mon-sun"), [true; 7]);
    }
}
