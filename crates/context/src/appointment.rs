//! An entry of a calendar: a span of wall-clock time in a zone, once or again and again.
//!
//! Its start is what a clock in its zone shows, so an entry of every week stays at its hour when the clocks change. Where the clock
//! shows a start twice the first is meant, and where it jumps over it the entry is as late as the jump is long: so iCalendar has it.

use crate::recurrence::Recurrence;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, ToSpan};
use std::collections::BTreeSet;

/// The longest entry, in days. Whether an instant is covered is asked of every start within an entry's length.
const DAYS_MAX: i32 = 366;

/// A span of time in a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appointment {
    start: DateTime,
    zone: TimeZone,
    length: Length,
    recurrence: Option<Recurrence>,
    /// Starts that do not take place.
    except: BTreeSet<DateTime>,
    /// Further starts.
    also: BTreeSet<DateTime>,
}

/// How long: so many days of the calendar, then so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Length {
    pub(crate) days: i32,
    pub(crate) time: SignedDuration,
}

/// Why something cannot be an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAppointment {
    /// Its end is not after its start.
    #[error("it ends before it begins")]
    Empty,
    /// It is too long.
    #[error("it is longer than a year")]
    TooLong,
}

impl Appointment {
    /// From one time a clock in `zone` shows to another.
    ///
    /// # Errors
    ///
    /// Where it is empty, or longer than 366 days.
    pub fn between(start: DateTime, end: DateTime, zone: &TimeZone) -> Result<Self, NotAnAppointment> {
        let instant = |at: DateTime| {
            zone.to_ambiguous_timestamp(at).compatible().map_err(|_| NotAnAppointment::TooLong)
        };
        let time = instant(end)?.duration_since(instant(start)?);
        Self::new(start, zone, Length { days: 0, time })
    }

    /// So many whole days.
    ///
    /// # Errors
    ///
    /// Where there are none, or more than 366.
    pub fn whole_days(first: Date, days: i32, zone: &TimeZone) -> Result<Self, NotAnAppointment> {
        Self::new(DateTime::from(first), zone, Length { days, time: SignedDuration::ZERO })
    }

    pub(crate) fn new(start: DateTime, zone: &TimeZone, length: Length) -> Result<Self, NotAnAppointment> {
        if length.days < 0 || length.time.is_negative() || (length.days == 0 && length.time.is_zero()) {
            return Err(NotAnAppointment::Empty);
        }
        if length.days > DAYS_MAX || length.time > SignedDuration::from_hours(i64::from(DAYS_MAX) * 24) {
            return Err(NotAnAppointment::TooLong);
        }
        let zone = zone.clone();
        Ok(Self { start, zone, length, recurrence: None, except: BTreeSet::new(), also: BTreeSet::new() })
    }

    /// The same entry again and again.
    #[must_use]
    pub fn repeated(self, recurrence: Recurrence) -> Self {
        Self { recurrence: Some(recurrence), ..self }
    }

    pub(crate) fn without(&mut self, start: DateTime) {
        self.except.insert(start);
    }

    pub(crate) fn with(&mut self, start: DateTime) {
        self.also.insert(start);
    }

    /// What a clock of its zone shows when it first begins.
    #[must_use]
    pub fn start(&self) -> DateTime {
        self.start
    }

    /// Its zone.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Whether it begins with a day and lasts whole days.
    #[must_use]
    pub fn is_whole_days(&self) -> bool {
        self.length.time.is_zero() && self.start == DateTime::from(self.start.date())
    }

    /// Whether the instant lies within it: its first moment is inside, its end outside.
    #[must_use]
    pub fn contains(&self, instant: Timestamp) -> bool {
        let now = instant.to_zoned(self.zone.clone()).datetime();
        // A day more than it lasts, on both sides, for what clocks may be put forward or back.
        let hours = self.length.time.as_hours().saturating_add(25);
        let (Ok(from), Ok(to)) = (
            now.checked_sub(self.length.days.days()).and_then(|at| at.checked_sub(hours.hours())),
            now.checked_add(1.day()),
        ) else {
            return false;
        };
        self.starts(from, to)
            .into_iter()
            .any(|start| self.instants(start).is_some_and(|(from, to)| from <= instant && instant < to))
    }

    /// Whether it covers a date, for an entry of whole days.
    pub(crate) fn covers_date(&self, date: Date) -> bool {
        let length = self.length.days.days();
        let Ok(first) = date.checked_sub(length) else { return false };
        let starts = self.starts(DateTime::from(first), DateTime::from(date));
        starts
            .into_iter()
            .any(|start| start.date() <= date && start.date().checked_add(length).is_ok_and(|end| date < end))
    }

    /// The starts between two times, both included, in no order.
    fn starts(&self, from: DateTime, to: DateTime) -> Vec<DateTime> {
        let mut starts = match &self.recurrence {
            Some(recurrence) => recurrence.between(self.start, from, to),
            None => vec![self.start],
        };
        starts.extend(&self.also);
        starts.retain(|start| from <= *start && *start <= to && !self.except.contains(start));
        starts
    }

    fn instants(&self, start: DateTime) -> Option<(Timestamp, Timestamp)> {
        let instant = |at: DateTime| self.zone.to_ambiguous_timestamp(at).compatible().ok();
        let days: Span = self.length.days.days();
        let end = instant(start.checked_add(days).ok()?)?.checked_add(self.length.time).ok()?;
        Some((instant(start)?, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hours::time_zone;

    fn covered(appointment: &Appointment, instants: &[(&str, bool)]) {
        for (instant, expected) in instants {
            assert_eq!(appointment.contains(instant.parse().unwrap()), *expected, "{instant}");
        }
    }

    #[test]
    fn an_entry_of_every_week_stays_at_its_hour() {
        let berlin = time_zone("Europe/Berlin").unwrap();
        let at = |text: &str| text.parse::<DateTime>().unwrap();
        let weekly = Appointment::between(at("2026-03-21T22:00"), at("2026-03-22T02:00"), &berlin)
            .unwrap()
            .repeated("FREQ=WEEKLY".parse().unwrap());
        covered(
            &weekly,
            &[
                ("2026-03-21T20:59:59Z", false),
                ("2026-03-21T21:00:00Z", true),
                ("2026-03-22T00:59:59Z", true),
                ("2026-03-22T01:00:00Z", false),
                // Clocks go forward in the night of the next: it begins at its hour and lasts as long.
                ("2026-03-28T21:00:00Z", true),
                ("2026-03-29T00:59:59Z", true),
                ("2026-03-29T01:00:00Z", false),
                ("2026-04-04T20:00:00Z", true),
                ("2026-04-04T19:59:59Z", false),
                ("2026-03-14T21:30:00Z", false),
            ],
        );
    }

    #[test]
    fn whole_days_are_days_of_the_zone() {
        let kolkata = time_zone("Asia/Kolkata").unwrap();
        let freeze = Appointment::whole_days(jiff::civil::date(2026, 12, 24), 3, &kolkata).unwrap();
        covered(
            &freeze,
            &[
                ("2026-12-23T18:29:59Z", false),
                ("2026-12-23T18:30:00Z", true),
                ("2026-12-26T18:29:59Z", true),
                ("2026-12-26T18:30:00Z", false),
            ],
        );
        assert!(freeze.is_whole_days() && freeze.covers_date(jiff::civil::date(2026, 12, 26)));
        assert!(!freeze.covers_date(jiff::civil::date(2026, 12, 27)));
        assert!(!freeze.covers_date(jiff::civil::date(2026, 12, 23)));
    }

    #[test]
    fn what_is_no_span_of_time_is_refused() {
        let utc = TimeZone::UTC;
        let at = |text: &str| text.parse::<DateTime>().unwrap();
        let between = |from, to| Appointment::between(at(from), at(to), &utc).map(|_| ());
        assert_eq!(between("2026-01-01T10:00", "2026-01-01T10:00"), Err(NotAnAppointment::Empty));
        assert_eq!(between("2026-01-01T10:00", "2026-01-01T09:00"), Err(NotAnAppointment::Empty));
        assert_eq!(between("2026-01-01T10:00", "2027-02-01T10:00"), Err(NotAnAppointment::TooLong));
        assert_eq!(Appointment::whole_days(jiff::civil::Date::MAX, 2, &utc).map(|_| ()), Ok(()));
    }
}
