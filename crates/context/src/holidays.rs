//! Days on which hours do not begin: single days, days of every year, and whole-day entries of a calendar.

use crate::appointment::Appointment;
use jiff::civil::Date;
use std::collections::BTreeSet;
use std::str::FromStr;

/// A set of days. They are dates without a zone: a schedule asks for the dates of its own.
///
/// ```
/// use context::Holidays;
/// let holidays: Holidays = ["12-25".parse()?, "2026-04-03".parse()?].into_iter().collect();
/// assert!(holidays.contains(jiff::civil::date(2031, 12, 25)));
/// assert!(!holidays.contains(jiff::civil::date(2027, 4, 3)));
/// # Ok::<(), context::NotAHoliday>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holidays {
    days: BTreeSet<Holiday>,
    entries: Vec<Appointment>,
}

impl Holidays {
    /// Whether the date is one of the days.
    #[must_use]
    pub fn contains(&self, date: Date) -> bool {
        self.days.contains(&Holiday::On(date))
            || self.days.contains(&Holiday::EveryYear { month: date.month(), day: date.day() })
            || self.entries.iter().any(|entry| entry.covers_date(date))
    }

    /// Adds the days of a calendar's whole-day entries; entries with a time of day are no holidays.
    pub fn add_entries(&mut self, entries: impl IntoIterator<Item = Appointment>) {
        self.entries.extend(entries.into_iter().filter(Appointment::is_whole_days));
    }

    /// Adds what another set has.
    pub fn add(&mut self, other: &Holidays) {
        self.days.extend(&other.days);
        self.entries.extend(other.entries.iter().cloned());
    }

    /// Whether there is no day in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.days.is_empty() && self.entries.is_empty()
    }
}

impl FromIterator<Holiday> for Holidays {
    fn from_iter<I: IntoIterator<Item = Holiday>>(days: I) -> Self {
        Self { days: days.into_iter().collect(), entries: Vec::new() }
    }
}

/// A day, as it is written: `2026-12-25`, or `12-25` for every year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holiday {
    /// One day.
    On(Date),
    /// That day of every year; 29 February only of those that have it.
    EveryYear {
        /// 1 to 12.
        month: i8,
        /// 1 to 31.
        day: i8,
    },
}

/// A text that is no day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a day: write `2026-12-25`, or `12-25` for every year")]
pub struct NotAHoliday(String);

impl FromStr for Holiday {
    type Err = NotAHoliday;

    fn from_str(text: &str) -> Result<Self, NotAHoliday> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let date = |text: &str| text.parse::<Date>().ok().filter(|_| plain);
        match text.len() {
            10 => date(text).map(Holiday::On),
            // A leap year has every day there is.
            5 => date(&format!("2024-{text}"))
                .map(|date| Holiday::EveryYear { month: date.month(), day: date.day() }),
            _ => None,
        }
        .ok_or_else(|| NotAHoliday(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_they_are_written() {
        assert_eq!("2026-12-25".parse(), Ok(Holiday::On(jiff::civil::date(2026, 12, 25))));
        assert_eq!("02-29".parse(), Ok(Holiday::EveryYear { month: 2, day: 29 }));
        for text in
            ["", "12-25-2026", "2026-02-29", "13-01", "christmas", "2026-12-25T00:00", "20261225", "1-1"]
        {
            assert_eq!(text.parse::<Holiday>(), Err(NotAHoliday(text.to_owned())), "{text}");
        }
    }
}
