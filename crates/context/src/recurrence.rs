//! Repetition, in iCalendar's words: `FREQ=MONTHLY;BYDAY=2TU`.
//!
//! The common part of the language: days, weeks, months and years with `INTERVAL`, `UNTIL`, `COUNT`, `BYMONTH`, `BYMONTHDAY`, `BYDAY`,
//! `BYSETPOS` and `WKST`. What is left out (hours and less, days and weeks of the year) is refused by name: a rule that is half understood
//! would open a window nobody meant.
//!
//! The starts between two times are computed from the period they fall in, whatever came before; only `COUNT` has to count from the first.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::{Timestamp, ToSpan, Unit};
use std::str::FromStr;

/// The most starts a `COUNT` may have, since it is counted anew each time.
const COUNT_MAX: u32 = 1_000;

/// How many periods are looked through for one question, or for a `COUNT`: a rule that names the 29th of February skips many.
const PERIODS_MAX: usize = 20_000;

/// A rule of repetition.
///
/// ```
/// use context::Recurrence;
/// let patch_day: Recurrence = "FREQ=MONTHLY;BYDAY=2TU".parse()?;
/// let first = jiff::civil::date(2026, 1, 13).at(22, 0, 0, 0);
/// let starts = patch_day.between(first, jiff::civil::date(2026, 11, 1).into(), jiff::civil::date(2026, 12, 1).into());
/// assert_eq!(starts, [jiff::civil::date(2026, 11, 10).at(22, 0, 0, 0)]);
/// # Ok::<(), context::NotARecurrence>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recurrence {
    frequency: Frequency,
    interval: i32,
    end: End,
    months: Vec<i8>,
    /// 1 to 31 from the first of the month, -1 to -31 from its last.
    month_days: Vec<i8>,
    week_days: Vec<NthWeekday>,
    positions: Vec<i32>,
    week_start: Weekday,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Never,
    Count(u32),
    /// The last start may be then, on a clock of the entry's own zone.
    Until(DateTime),
    /// The same, as an instant; [`Recurrence::in_zone`] makes a local time of it.
    UntilInstant(Timestamp),
}

/// `MO`, or `2MO` and `-1MO`: the second and the last of the month or year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NthWeekday {
    nth: i32,
    day: Weekday,
}

/// Why a rule cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARecurrence {
    /// It does not say how often.
    #[error("it does not say `FREQ`: begin with `FREQ=DAILY`, `WEEKLY`, `MONTHLY` or `YEARLY`")]
    NoFrequency,
    /// A part is not understood.
    #[error(
        "`{0}` cannot be used: days, weeks, months and years with INTERVAL, UNTIL, COUNT, BYMONTH, BYMONTHDAY, BYDAY, BYSETPOS and WKST can"
    )]
    Part(String),
    /// It ends in two ways.
    #[error("it has both `UNTIL` and `COUNT`")]
    TwoEnds,
    /// It counts too far.
    #[error("`COUNT` is at most {COUNT_MAX}: use `UNTIL`")]
    Count,
}

impl FromStr for Recurrence {
    type Err = NotARecurrence;

    fn from_str(text: &str) -> Result<Self, NotARecurrence> {
        let mut frequency = None;
        let mut rule = Recurrence {
            frequency: Frequency::Daily,
            interval: 1,
            end: End::Never,
            months: Vec::new(),
            month_days: Vec::new(),
            week_days: Vec::new(),
            positions: Vec::new(),
            week_start: Weekday::Monday,
        };
        let mut ends = 0;
        for part in text.trim().split(';').filter(|part| !part.trim().is_empty()) {
            let wrong = || NotARecurrence::Part(part.trim().chars().take(60).collect());
            let (name, value) = part.trim().split_once('=').ok_or_else(wrong)?;
            let value = value.trim().to_ascii_uppercase();
            match name.trim().to_ascii_uppercase().as_str() {
                "FREQ" => {
                    frequency = Some(match value.as_str() {
                        "DAILY" => Frequency::Daily,
                        "WEEKLY" => Frequency::Weekly,
                        "MONTHLY" => Frequency::Monthly,
                        "YEARLY" => Frequency::Yearly,
                        _ => return Err(wrong()),
                    });
                }
                "INTERVAL" => rule.interval = number(&value, 1, 1_000).ok_or_else(wrong)?,
                "COUNT" => {
                    ends += 1;
                    let count: u32 = value.parse().map_err(|_| wrong())?;
                    if count > COUNT_MAX {
                        return Err(NotARecurrence::Count);
                    }
                    rule.end = End::Count(count);
                }
                "UNTIL" => {
                    ends += 1;
                    rule.end = until(&value).ok_or_else(wrong)?;
                }
                "BYMONTH" => rule.months = list(&value, |text| small(text, 1, 12)).ok_or_else(wrong)?,
                "BYMONTHDAY" => {
                    rule.month_days = list(&value, |text| small(text, -31, 31).filter(|day| *day != 0))
                        .ok_or_else(wrong)?;
                }
                "BYDAY" => rule.week_days = list(&value, nth_weekday).ok_or_else(wrong)?,
                "BYSETPOS" => {
                    rule.positions = list(&value, |text| number(text, -366, 366).filter(|at| *at != 0))
                        .ok_or_else(wrong)?;
                }
                "WKST" => rule.week_start = weekday(&value).ok_or_else(wrong)?,
                _ => return Err(wrong()),
            }
        }
        rule.frequency = frequency.ok_or(NotARecurrence::NoFrequency)?;
        if ends > 1 {
            return Err(NotARecurrence::TwoEnds);
        }
        let in_months = matches!(rule.frequency, Frequency::Monthly | Frequency::Yearly);
        if !in_months && rule.week_days.iter().any(|day| day.nth != 0) {
            return Err(NotARecurrence::Part("a BYDAY with a number, for days or weeks".to_owned()));
        }
        if rule.frequency == Frequency::Weekly && !rule.month_days.is_empty() {
            return Err(NotARecurrence::Part("BYMONTHDAY for weeks".to_owned()));
        }
        Ok(rule)
    }
}

impl Recurrence {
    /// Whether it comes by years.
    pub(crate) fn is_yearly(&self) -> bool {
        self.frequency == Frequency::Yearly
    }

    /// The same rule with its end as a clock of `zone` shows it.
    #[must_use]
    pub(crate) fn in_zone(mut self, zone: &jiff::tz::TimeZone) -> Self {
        if let End::UntilInstant(instant) = self.end {
            self.end = End::Until(instant.to_zoned(zone.clone()).datetime());
        }
        self
    }

    /// The starts between two times, both included, in order, of what first begins at `first`. A first start that the rule does not
    /// name is none.
    #[must_use]
    pub fn between(&self, first: DateTime, from: DateTime, to: DateTime) -> Vec<DateTime> {
        let until = match self.end {
            End::Until(until) => until,
            End::UntilInstant(instant) => instant.to_zoned(jiff::tz::TimeZone::UTC).datetime(),
            End::Never | End::Count(_) => DateTime::MAX,
        };
        let (mut left, skipped) = match self.end {
            End::Count(count) => (Some(count), 0),
            _ => (None, self.periods_before(first.date(), from.date())),
        };
        let last = to.min(until);
        let mut starts = Vec::new();
        for period in (skipped..).take(PERIODS_MAX) {
            let Some(begin) =
                self.period(first.date(), period).filter(|begin| DateTime::from(*begin) <= last)
            else {
                break;
            };
            for date in self.dates(begin, first.date()) {
                let start = date.to_datetime(first.time());
                if start < first {
                    continue;
                }
                if start > last || left == Some(0) {
                    return starts;
                }
                left = left.map(|left| left - 1);
                if from <= start {
                    starts.push(start);
                }
            }
        }
        starts
    }

    /// The first date of a period that may hold a start, by how many intervals it is after that of the first start. `None` after the
    /// last date there is.
    fn period(&self, first: Date, intervals: i32) -> Option<Date> {
        let steps = intervals.checked_mul(self.interval)?;
        match self.frequency {
            Frequency::Daily => first.checked_add(steps.days()).ok(),
            Frequency::Weekly => self.week_of(first)?.checked_add(steps.weeks()).ok(),
            Frequency::Monthly => first.first_of_month().checked_add(steps.months()).ok(),
            Frequency::Yearly => first.first_of_year().checked_add(steps.years()).ok(),
        }
    }

    /// How many whole intervals certainly end before a date.
    fn periods_before(&self, first: Date, date: Date) -> i32 {
        let unit = match self.frequency {
            Frequency::Daily => Unit::Day,
            Frequency::Weekly => Unit::Week,
            Frequency::Monthly => Unit::Month,
            Frequency::Yearly => Unit::Year,
        };
        let Ok(span) = first.until((unit, date)) else { return 0 };
        let units = match self.frequency {
            Frequency::Daily => span.get_days(),
            Frequency::Weekly => span.get_weeks(),
            Frequency::Monthly => span.get_months(),
            Frequency::Yearly => i32::from(span.get_years()),
        };
        // Two fewer: weeks and months do not begin with the first start.
        (units / self.interval - 2).max(0)
    }

    fn week_of(&self, date: Date) -> Option<Date> {
        let since = date.weekday().since(self.week_start);
        date.checked_sub(i32::from(since).days()).ok()
    }

    /// The dates of the rule in one period, in order.
    fn dates(&self, begin: Date, first: Date) -> Vec<Date> {
        let mut dates = match self.frequency {
            Frequency::Daily => vec![begin],
            Frequency::Weekly => self.in_week(begin, first),
            Frequency::Monthly => self.in_month(begin, first),
            Frequency::Yearly => self.in_year(begin, first),
        };
        dates.retain(|date| self.months.is_empty() || self.months.contains(&date.month()));
        if self.frequency == Frequency::Daily {
            dates.retain(|date| self.is_month_day(*date) && self.is_week_day(*date));
        }
        dates.sort_unstable();
        dates.dedup();
        if self.positions.is_empty() {
            return dates;
        }
        let place = |at: &i32| {
            let places = i32::try_from(dates.len()).ok()?;
            let index = if *at > 0 { at - 1 } else { places + at };
            dates.get(usize::try_from(index).ok()?).copied()
        };
        let mut chosen: Vec<Date> = self.positions.iter().filter_map(place).collect();
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }

    fn in_week(&self, begin: Date, first: Date) -> Vec<Date> {
        let days = (0..7_i32).filter_map(|day| begin.checked_add(day.days()).ok());
        if self.week_days.is_empty() {
            return days.filter(|date| date.weekday() == first.weekday()).collect();
        }
        days.filter(|date| self.is_week_day(*date)).collect()
    }

    fn in_month(&self, begin: Date, first: Date) -> Vec<Date> {
        let days = days_from(begin, begin.last_of_month());
        if self.month_days.is_empty() && self.week_days.is_empty() {
            return days.filter(|date| date.day() == first.day()).collect();
        }
        days.filter(|date| self.is_month_day(*date) && self.is_nth_week_day(*date)).collect()
    }

    fn in_year(&self, begin: Date, first: Date) -> Vec<Date> {
        if self.months.is_empty() && self.month_days.is_empty() && self.week_days.is_empty() {
            let days = days_from(begin, begin.last_of_year());
            return days.filter(|date| (date.month(), date.day()) == (first.month(), first.day())).collect();
        }
        let months = (1..=12).filter(|month| self.months.is_empty() || self.months.contains(month));
        let begins = months.filter_map(|month| Date::new(begin.year(), month, 1).ok());
        begins.flat_map(|begin| self.in_month(begin, first)).collect()
    }

    fn is_month_day(&self, date: Date) -> bool {
        let from_end = date.day() - date.days_in_month() - 1;
        self.month_days.is_empty()
            || self.month_days.contains(&date.day())
            || self.month_days.contains(&from_end)
    }

    fn is_week_day(&self, date: Date) -> bool {
        self.week_days.is_empty() || self.week_days.iter().any(|of| of.day == date.weekday())
    }

    /// The same, with numbers: of the year where a rule of years names no months, else of the month.
    fn is_nth_week_day(&self, date: Date) -> bool {
        let (place, days) = if self.frequency == Frequency::Yearly && self.months.is_empty() {
            (i32::from(date.day_of_year()), i32::from(date.days_in_year()))
        } else {
            (i32::from(date.day()), i32::from(date.days_in_month()))
        };
        self.week_days.is_empty() || self.is_nth(date, place, days)
    }

    /// Whether a date is the weekday that is named, by its place (from 1) among so many days.
    fn is_nth(&self, date: Date, place: i32, days: i32) -> bool {
        let from_start = (place - 1) / 7 + 1;
        let from_end = -((days - place) / 7 + 1);
        self.week_days
            .iter()
            .any(|of| of.day == date.weekday() && (of.nth == 0 || of.nth == from_start || of.nth == from_end))
    }
}

fn days_from(begin: Date, last: Date) -> impl Iterator<Item = Date> {
    begin.series(1.day()).take_while(move |date| *date <= last)
}

fn until(text: &str) -> Option<End> {
    if let Some(date) = crate::icalendar::date(text) {
        // A day's end is its last moment.
        return Some(End::Until(date.to_datetime(jiff::civil::Time::MAX)));
    }
    match text.strip_suffix('Z') {
        Some(instant) => {
            let time = crate::icalendar::date_time(instant)?;
            Some(End::UntilInstant(jiff::tz::TimeZone::UTC.to_ambiguous_timestamp(time).compatible().ok()?))
        }
        None => crate::icalendar::date_time(text).map(End::Until),
    }
}

fn list<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    text.split(',').map(|part| read(part.trim())).collect()
}

fn number(text: &str, least: i32, most: i32) -> Option<i32> {
    text.parse().ok().filter(|number| (least..=most).contains(number))
}

fn small(text: &str, least: i8, most: i8) -> Option<i8> {
    text.parse().ok().filter(|number| (least..=most).contains(number))
}

fn nth_weekday(text: &str) -> Option<NthWeekday> {
    let split = text.len().checked_sub(2)?;
    let (nth, day) = (text.get(..split)?, text.get(split..)?);
    let nth = if nth.is_empty() { 0 } else { number(nth, -53, 53).filter(|nth| *nth != 0)? };
    Some(NthWeekday { nth, day: weekday(day)? })
}

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first starts of a rule as dates, in the year or so after the first.
    fn dates(rule: &str, first: &str, to: &str) -> String {
        let rule: Recurrence = rule.parse().unwrap();
        let first: DateTime = first.parse().unwrap();
        let to: Date = to.parse().unwrap();
        let starts = rule.between(first, first, to.into());
        let starts: Vec<String> = starts.iter().map(|start| start.strftime("%m-%d").to_string()).collect();
        starts.join(" ")
    }

    #[test]
    fn rules_name_their_dates() {
        for (rule, first, to, expected) in [
            ("FREQ=DAILY;COUNT=3", "2026-02-27T09:00", "2027-01-01", "02-27 02-28 03-01"),
            (
                "FREQ=DAILY;INTERVAL=10;UNTIL=20260131",
                "2026-01-01T09:00",
                "2027-01-01",
                "01-01 01-11 01-21 01-31",
            ),
            ("FREQ=DAILY;BYDAY=SA,SU", "2026-01-01T09:00", "2026-01-12", "01-03 01-04 01-10 01-11"),
            ("FREQ=DAILY;BYMONTHDAY=-1;BYMONTH=2,4", "2026-01-01T09:00", "2027-01-01", "02-28 04-30"),
            ("FREQ=WEEKLY;INTERVAL=2", "2026-01-07T09:00", "2026-02-10", "01-07 01-21 02-04"),
            ("FREQ=WEEKLY;BYDAY=MO,FR", "2026-01-07T09:00", "2026-01-20", "01-09 01-12 01-16 01-19"),
            // Both from the standard: where the week begins decides which Tuesday is in the second week.
            (
                "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
                "1997-08-05T09:00",
                "1998-01-01",
                "08-05 08-10 08-19 08-24",
            ),
            (
                "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
                "1997-08-05T09:00",
                "1998-01-01",
                "08-05 08-17 08-19 08-31",
            ),
            ("FREQ=MONTHLY", "2026-01-31T09:00", "2026-08-01", "01-31 03-31 05-31 07-31"),
            ("FREQ=MONTHLY;BYMONTHDAY=-1", "2026-01-31T09:00", "2026-05-01", "01-31 02-28 03-31 04-30"),
            // Both parts have to hold: the first Friday, if it is one of these days.
            (
                "FREQ=MONTHLY;BYDAY=1FR;BYMONTHDAY=1,2,3",
                "2026-01-01T09:00",
                "2026-10-01",
                "01-02 04-03 05-01 07-03",
            ),
            ("FREQ=MONTHLY;BYDAY=2TU", "2026-01-13T09:00", "2026-05-01", "01-13 02-10 03-10 04-14"),
            ("FREQ=MONTHLY;BYDAY=-1SU", "2026-01-01T09:00", "2026-04-01", "01-25 02-22 03-29"),
            ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "2026-01-01T09:00", "2027-01-01", "02-13 03-13 11-13"),
            (
                "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
                "2026-01-01T09:00",
                "2026-04-01",
                "01-30 02-27 03-31",
            ),
            ("FREQ=YEARLY", "2026-12-25T00:00", "2028-12-31", "12-25 12-25 12-25"),
            ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "2026-01-01T00:00", "2028-12-31", "11-26 11-25 11-23"),
            ("FREQ=YEARLY;BYDAY=20MO", "1997-05-19T09:00", "2000-01-01", "05-19 05-18 05-17"),
            ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2024-02-29T09:00", "2032-12-01", "02-29 02-29 02-29"),
        ] {
            assert_eq!(dates(rule, first, to), expected, "{rule}");
        }
    }

    #[test]
    fn a_window_in_the_middle_is_what_counting_from_the_start_gives() {
        for rule in [
            "FREQ=DAILY;INTERVAL=3",
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU",
            "FREQ=MONTHLY;INTERVAL=5;BYDAY=-1FR",
            "FREQ=MONTHLY;BYMONTHDAY=31",
            "FREQ=YEARLY;INTERVAL=2;BYMONTH=1,12;BYMONTHDAY=1,-1",
        ] {
            let rule: Recurrence = rule.parse().unwrap();
            let first: DateTime = "2020-01-31T12:00".parse().unwrap();
            let all = rule.between(first, first, "2031-01-01T00:00".parse().unwrap());
            for from in jiff::civil::date(2019, 12, 1).series(23.days()).take(170) {
                let (from, to) = (DateTime::from(from), DateTime::from(from).checked_add(40.days()).unwrap());
                let expected: Vec<DateTime> =
                    all.iter().copied().filter(|start| from <= *start && *start <= to).collect();
                assert_eq!(rule.between(first, from, to), expected, "{rule:?} from {from}");
            }
        }
    }

    #[test]
    fn an_end_is_the_last_start() {
        let berlin = crate::hours::time_zone("Europe/Berlin").unwrap();
        let rule: Recurrence = "FREQ=DAILY;UNTIL=20260702T080000Z".parse().unwrap();
        let first: DateTime = "2026-07-01T10:00".parse().unwrap();
        let starts = rule.in_zone(&berlin).between(first, first, DateTime::MAX);
        assert_eq!(starts.len(), 2, "ten o'clock in Berlin's summer is eight in UTC");
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (rule, expected) in [
            ("", "it does not say `FREQ`"),
            ("BYDAY=MO", "it does not say `FREQ`"),
            ("FREQ=HOURLY", "`FREQ=HOURLY` cannot be used"),
            ("FREQ=YEARLY;BYWEEKNO=20", "`BYWEEKNO=20` cannot be used"),
            ("FREQ=DAILY;BYHOUR=9", "`BYHOUR=9` cannot be used"),
            ("FREQ=WEEKLY;BYDAY=2MO", "`a BYDAY with a number"),
            ("FREQ=WEEKLY;BYMONTHDAY=3", "`BYMONTHDAY for weeks"),
            ("FREQ=MONTHLY;BYDAY=XX", "`BYDAY=XX` cannot be used"),
            ("FREQ=MONTHLY;BYDAY=é", "`BYDAY=é` cannot be used"),
            ("FREQ=DAILY;INTERVAL=0", "`INTERVAL=0` cannot be used"),
            ("FREQ=DAILY;COUNT=9999", "`COUNT` is at most 1000"),
            ("FREQ=DAILY;COUNT=2;UNTIL=20260101", "it has both"),
            ("FREQ=DAILY;UNTIL=tomorrow", "`UNTIL=tomorrow` cannot be used"),
        ] {
            let said = rule.parse::<Recurrence>().unwrap_err().to_string();
            assert!(said.starts_with(expected), "{rule}: {said}");
        }
    }

    #[test]
    fn a_rule_that_names_no_date_ends() {
        let rule: Recurrence = "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30".parse().unwrap();
        let first: DateTime = "2026-01-01T00:00".parse().unwrap();
        assert_eq!(rule.between(first, first, DateTime::MAX), []);
    }
}
