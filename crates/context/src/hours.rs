//! Weekly schedules in a time zone: which hours are business hours.
//!
//! A schedule answers for an instant, and the instant is handed in. Days and times are wall clock in the schedule's
//! zone, so business hours stay at nine on both sides of a clock change, and holidays are days of that zone. Zones come from the database compiled into
//! the program: the same schedule means the same on every machine.

use crate::holidays::Holidays;
use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use std::collections::BTreeMap;
use std::sync::Arc;

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

/// Some days of the week, from a time to a time, in a zone; several such spans if need be, and holidays on which none begins.
///
/// Where a clock change hides or repeats a time, nothing is cut short: a span begins the first time the clock shows `from` and ends
/// the last time it shows `to`; where the clock jumps over one of them, the jump itself is meant.
///
/// ```
/// use context::WeeklySchedule;
/// let business = WeeklySchedule::parse("mon-fri", "09:00", "18:00", "Europe/Berlin")?;
/// assert!(business.contains("2026-03-30T07:00:00Z".parse().unwrap()), "nine o'clock in Berlin's summer");
/// assert!(!business.contains("2026-03-27T07:00:00Z".parse().unwrap()), "eight o'clock three days before");
///
/// let opens = business.next_opening("2026-03-27T17:30:00Z".parse().unwrap());
/// assert_eq!(opens, Some("2026-03-30T07:00:00Z".parse().unwrap()), "after a weekend of an hour less");
/// # Ok::<(), context::ScheduleError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeeklySchedule {
    spans: Vec<Span>,
    zone: TimeZone,
    closed: Vec<Arc<Holidays>>,
}

/// From a minute of some days to a minute of the same or the next day.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    /// Monday first.
    days: [bool; 7],
    from_minute: u16,
    to_minute: u16,
}

/// How far ahead [`WeeklySchedule::next_opening`] looks, in days: whatever is closed for longer is closed.
const OPENING_DAYS_MAX: usize = 2 * 366;

impl WeeklySchedule {
    /// Reads a schedule of one span: `days` such as `mon-fri` or `mon,wed,sat-sun`, times as `HH:MM` (`24:00` ends a day), a
    /// zone of the IANA database. Where `to` is not after `from` the hours run past midnight and belong to the day
    /// they begin on.
    ///
    /// # Errors
    ///
    /// The first part that cannot be read, by name.
    pub fn parse(days: &str, from: &str, to: &str, zone: &str) -> Result<Self, ScheduleError> {
        Self::in_zone(zone)?.and(days, from, to)
    }

    /// A schedule without any span: it never opens.
    ///
    /// # Errors
    ///
    /// A zone that is not in the database.
    pub fn in_zone(zone: &str) -> Result<Self, ScheduleError> {
        Ok(Self { spans: Vec::new(), zone: time_zone(zone)?, closed: Vec::new() })
    }

    /// The same schedule with one more span, whose parts are read as [`parse`](Self::parse) does.
    ///
    /// # Errors
    ///
    /// The first part that cannot be read, by name.
    pub fn and(mut self, days: &str, from: &str, to: &str) -> Result<Self, ScheduleError> {
        let from_minute = parse_time(from)?;
        if from_minute == MINUTES_PER_DAY {
            return Err(ScheduleError::Time(from.to_owned()));
        }
        self.spans.push(Span { days: parse_days(days)?, from_minute, to_minute: parse_time(to)? });
        Ok(self)
    }

    /// The same schedule without the spans that begin on one of these days.
    #[must_use]
    pub fn except(mut self, holidays: Arc<Holidays>) -> Self {
        self.closed.push(holidays);
        self
    }

    /// Whether the instant lies within the schedule: the first minute is inside, the last one outside.
    #[must_use]
    pub fn contains(&self, instant: Timestamp) -> bool {
        let today = self.date_of(instant);
        // What began yesterday may last into today; a span is never longer than a day.
        [today.yesterday().ok(), Some(today)]
            .into_iter()
            .flatten()
            .flat_map(|date| self.on(date))
            .any(|(from, to)| from <= instant && instant < to)
    }

    /// The first instant at or after this one that lies within the schedule: the instant itself, if it does. `None` where the schedule
    /// stays closed for two years, as one does all of whose days are holidays.
    #[must_use]
    pub fn next_opening(&self, instant: Timestamp) -> Option<Timestamp> {
        if self.contains(instant) {
            return Some(instant);
        }
        self.date_of(instant)
            .series(1.day())
            .take(OPENING_DAYS_MAX)
            .find_map(|date| self.on(date).map(|(from, _)| from).filter(|from| instant < *from).min())
    }

    fn date_of(&self, instant: Timestamp) -> Date {
        instant.to_zoned(self.zone.clone()).date()
    }

    /// The spans that begin on a date, as instants; none of them is empty.
    fn on(&self, date: Date) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        let index = usize::from(date.weekday().to_monday_zero_offset().unsigned_abs());
        let closed = self.closed.iter().any(|holidays| holidays.contains(date));
        let spans = if closed { &[][..] } else { &self.spans };
        let of_the_day = spans.iter().filter(move |span| span.days.get(index).copied().unwrap_or(false));
        of_the_day.filter_map(move |span| {
            let last = if span.to_minute > span.from_minute { date } else { date.tomorrow().ok()? };
            let from = self.showing(date, span.from_minute, Showing::First)?;
            let to = self.showing(last, span.to_minute, Showing::Last)?;
            (from < to).then_some((from, to))
        })
    }

    /// When the zone's clock shows a time of day; minute 1440 is the midnight that ends the date.
    fn showing(&self, date: Date, minute: u16, which: Showing) -> Option<Timestamp> {
        let (date, minute) =
            if minute == MINUTES_PER_DAY { (date.tomorrow().ok()?, 0) } else { (date, minute) };
        let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
        let shown = self.zone.to_ambiguous_timestamp(date.at(hour, minute, 0, 0));
        match (shown.offset(), which) {
            (AmbiguousOffset::Unambiguous { .. }, _) => shown.compatible().ok(),
            (AmbiguousOffset::Fold { .. }, Showing::First) => shown.earlier().ok(),
            (AmbiguousOffset::Fold { .. }, Showing::Last) => shown.later().ok(),
            (AmbiguousOffset::Gap { .. }, _) => {
                let before = shown.earlier().ok()?;
                self.zone.following(before).next().map(|jump| jump.timestamp())
            }
        }
    }
}

/// Which of two instants is meant where a clock shows a time twice.
#[derive(Clone, Copy)]
enum Showing {
    First,
    Last,
}

/// A zone of the database compiled into the program, by its IANA name.
pub(crate) fn time_zone(name: &str) -> Result<TimeZone, ScheduleError> {
    TimeZoneDatabase::bundled().get(name).map_err(|_| ScheduleError::Zone(name.chars().take(60).collect()))
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
    use proptest::prelude::*;

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
    fn clock_changes_cut_nothing_short() {
        // In Berlin the clock shows 02:00 to 02:59 twice on 25 October 2026, and never on 29 March.
        let night = WeeklySchedule::parse("mon-sun", "22:00", "02:30", "Europe/Berlin").unwrap();
        let morning = WeeklySchedule::parse("mon-sun", "02:30", "06:00", "Europe/Berlin").unwrap();
        let hidden = WeeklySchedule::parse("sun", "02:10", "02:50", "Europe/Berlin").unwrap();
        for (schedule, name, instant, expected) in [
            (&night, "first 02:15", "2026-10-25T00:15:00Z", true),
            (&night, "between, 02:45", "2026-10-25T00:45:00Z", true),
            (&night, "second 02:15", "2026-10-25T01:15:00Z", true),
            (&night, "second 02:30", "2026-10-25T01:30:00Z", false),
            (&morning, "first 02:15", "2026-10-25T00:15:00Z", false),
            (&morning, "first 02:30", "2026-10-25T00:30:00Z", true),
            (&morning, "second 02:15", "2026-10-25T01:15:00Z", true),
            (&night, "before the jump", "2026-03-29T00:59:59Z", true),
            (&night, "after the jump", "2026-03-29T01:00:00Z", false),
            (&morning, "before the jump", "2026-03-29T00:59:59Z", false),
            (&morning, "after the jump", "2026-03-29T01:00:00Z", true),
            (&hidden, "the jump over all of it", "2026-03-29T01:00:00Z", false),
            (&hidden, "a sunday without one", "2026-03-22T01:10:00Z", true),
        ] {
            assert_eq!(schedule.contains(at(instant)), expected, "{name}: {instant}");
        }
        assert_eq!(hidden.next_opening(at("2026-03-29T00:00:00Z")), Some(at("2026-04-05T00:10:00Z")));
        // A day that a whole country left out.
        let apia = WeeklySchedule::parse("fri", "09:00", "17:00", "Pacific/Apia").unwrap();
        assert_eq!(apia.next_opening(at("2011-12-30T05:00:00Z")), Some(at("2012-01-05T19:00:00Z")));
    }

    #[test]
    fn openings_go_over_nights_weekends_and_holidays() {
        let holidays: Holidays = ["12-25", "2026-12-28"].iter().map(|day| day.parse().unwrap()).collect();
        let holidays = Arc::new(holidays);
        let business = WeeklySchedule::parse("mon-fri", "09:00", "18:00", "Europe/Berlin")
            .and_then(|schedule| schedule.and("sat", "10:00", "12:00"))
            .unwrap()
            .except(Arc::clone(&holidays));
        for (name, from, expected) in [
            ("inside", "2026-12-24T08:00:01Z", "2026-12-24T08:00:01Z"),
            ("in the morning", "2026-12-24T03:00:00Z", "2026-12-24T08:00:00Z"),
            (
                "its end is outside, and the next day a holiday",
                "2026-12-24T17:00:00Z",
                "2026-12-26T09:00:00Z",
            ),
            ("on the holiday", "2026-12-25T10:00:00Z", "2026-12-26T09:00:00Z"),
            ("over a weekend and a holiday of one year", "2026-12-26T11:00:00Z", "2026-12-29T08:00:00Z"),
        ] {
            assert_eq!(business.next_opening(at(from)), Some(at(expected)), "{name}: {from}");
        }
        let night = WeeklySchedule::parse("mon-sun", "22:00", "06:00", "UTC").unwrap().except(holidays);
        assert!(night.contains(at("2026-12-25T05:00:00Z")), "it began the day before");
        assert!(!night.contains(at("2026-12-26T05:00:00Z")), "none began on the holiday");
        let never = WeeklySchedule::parse("mon-sun", "09:00", "10:00", "UTC").unwrap();
        let all: Holidays = (1..=12)
            .flat_map(|month| (1..=31).filter_map(move |day| format!("{month:02}-{day:02}").parse().ok()))
            .collect();
        assert_eq!(never.except(Arc::new(all)).next_opening(at("2026-01-01T00:00:00Z")), None);
        let empty = WeeklySchedule::in_zone("UTC").unwrap();
        assert_eq!(empty.next_opening(at("2026-01-01T00:00:00Z")), None);
    }

    proptest! {
        /// An opening is inside, and nothing between is.
        #[test]
        fn an_opening_is_the_first_moment_inside(
            from_minute in 0u32..1440,
            length in 1u32..1440,
            days in prop::sample::subsequence(DAY_NAMES.to_vec(), 1..=7),
            zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
            second in 1_760_000_000i64..1_800_000_000,
        ) {
            let time = |minute: u32| format!("{:02}:{:02}", minute / 60 % 24, minute % 60);
            let schedule =
                WeeklySchedule::parse(&days.join(","), &time(from_minute), &time(from_minute + length), zone).unwrap();
            let instant = Timestamp::from_second(second).unwrap();
            let opening = schedule.next_opening(instant).unwrap();
            prop_assert!(schedule.contains(opening));
            let mut between = instant;
            while between < opening {
                prop_assert!(!schedule.contains(between), "{between} before {opening}");
                between += 17.minutes();
            }
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
