//! Calendars as other programs hand them over: the `VEVENT`s of an iCalendar file (RFC 5545).
//!
//! What decides when an entry takes place is read: `DTSTART`, `DTEND` or `DURATION`, `RRULE`, `RDATE`, `EXDATE`, `TZID`, whole days, single
//! occasions that were moved (`RECURRENCE-ID`), entries that were cancelled. An entry whose time cannot be read whole is named and left out.
//! Definitions of zones (`VTIMEZONE`) are not read: a `TZID` is a name of the IANA database, or one of Windows' own, and an entry with another is
//! refused. What a file says of a zone was true when it was written; what governments decide later is in the database.

use crate::appointment::{Appointment, Length, NotAnAppointment};
use crate::hours::time_zone;
use crate::recurrence::{NotARecurrence, Recurrence};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// The most entries of one file.
const ENTRIES_MAX: usize = 10_000;

/// One entry of a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `SUMMARY`: what people call it.
    pub name: Box<str>,
    /// `DESCRIPTION`.
    pub description: Box<str>,
    /// When it takes place.
    pub when: Appointment,
}

/// What is wrong with a calendar, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct CalendarError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: CalendarProblem,
}

/// What can be wrong with a calendar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarProblem {
    /// It is something else.
    #[error("this is no iCalendar file: it begins with `BEGIN:VCALENDAR`")]
    NoCalendar,
    /// It is too long.
    #[error("the calendar has more than {ENTRIES_MAX} entries")]
    TooMany,
    /// An entry does not say when it begins.
    #[error("the entry has no `DTSTART`")]
    NoStart,
    /// A time cannot be read.
    #[error("`{0}` is not a time as iCalendar writes them")]
    Time(String),
    /// A zone is not known.
    #[error(
        "`{0}` is not a known time zone: name one of the IANA database, such as Europe/Berlin; what the file itself says of it (`VTIMEZONE`) is not read"
    )]
    Zone(String),
    /// It is no span of time.
    #[error("the entry cannot be used: {0}")]
    Span(#[from] NotAnAppointment),
    /// The repetition is not understood.
    #[error("the repetition cannot be used: {0}")]
    Recurrence(#[from] NotARecurrence),
}

/// The entries of a calendar, and what is wrong with it. `floating` is the zone of times that name none.
///
/// ```
/// let text = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Patch day\r\nDTSTART;TZID=Europe/Berlin:20261110T220000\r\n\
///     DURATION:PT4H\r\nRRULE:FREQ=MONTHLY;BYDAY=2TU\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
/// let (entries, errors) = context::read_icalendar(text, &jiff::tz::TimeZone::UTC);
/// assert!(errors.is_empty());
/// assert_eq!(&*entries[0].name, "Patch day");
/// assert!(entries[0].when.contains("2026-12-08T23:30:00Z".parse().unwrap()));
/// ```
#[must_use]
pub fn read_icalendar(text: &str, floating: &TimeZone) -> (Vec<Entry>, Vec<CalendarError>) {
    let mut reading = Reading { floating, entries: Vec::new(), errors: Vec::new(), moved: BTreeMap::new() };
    reading.calendar(text);
    reading.finish()
}

struct Reading<'z> {
    floating: &'z TimeZone,
    entries: Vec<(Option<String>, Entry)>,
    errors: Vec<CalendarError>,
    /// By entry, the occasions that take place at another time or not at all.
    moved: BTreeMap<String, Vec<Timestamp>>,
}

/// The lines of an entry that matter.
#[derive(Default)]
struct Draft {
    line: usize,
    name: String,
    description: String,
    uid: Option<String>,
    start: Option<Line>,
    end: Option<Line>,
    duration: Option<Line>,
    rule: Option<Line>,
    excluded: Vec<Line>,
    added: Vec<Line>,
    occasion: Option<Line>,
    cancelled: bool,
}

impl Reading<'_> {
    fn calendar(&mut self, text: &str) {
        let lines = unfolded(text.trim_start_matches('\u{feff}'));
        let mut lines = lines.iter().filter(|line| !line.name.is_empty());
        if lines
            .next()
            .is_none_or(|line| line.name != "BEGIN" || !line.value.eq_ignore_ascii_case("VCALENDAR"))
        {
            return self.error(1, CalendarProblem::NoCalendar);
        }
        // What a component inside an entry says, such as an alarm, is not the entry's.
        let mut open: Vec<String> = Vec::new();
        let mut draft = None;
        for line in lines {
            match line.name.as_str() {
                "BEGIN" => {
                    open.push(line.value.to_ascii_uppercase());
                    if open == ["VEVENT"] {
                        draft = Some(Draft { line: line.at, ..Draft::default() });
                    }
                }
                "END" => {
                    open.pop();
                    if open.is_empty()
                        && let Some(draft) = draft.take()
                    {
                        if self.entries.len() >= ENTRIES_MAX {
                            return self.error(draft.line, CalendarProblem::TooMany);
                        }
                        if let Err(error) = self.entry(draft) {
                            self.errors.push(error);
                        }
                    }
                }
                _ if open.len() == 1 => {
                    if let Some(draft) = &mut draft {
                        draft.take(line);
                    }
                }
                _ => {}
            }
        }
    }

    fn error(&mut self, line: usize, problem: CalendarProblem) {
        self.errors.push(CalendarError { line, problem });
    }

    fn entry(&mut self, draft: Draft) -> Result<(), CalendarError> {
        let at_entry = |problem: CalendarProblem| CalendarError { line: draft.line, problem };
        let start_line = draft.start.as_ref().ok_or_else(|| at_entry(CalendarProblem::NoStart))?;
        if let (Some(occasion), Some(uid)) = (&draft.occasion, &draft.uid) {
            let moment = self.moment(occasion, &occasion.value)?;
            let instant = moment.zone.to_ambiguous_timestamp(moment.time).compatible();
            self.moved.entry(uid.clone()).or_default().extend(instant.ok());
        }
        if draft.cancelled {
            return Ok(());
        }
        let start = self.moment(start_line, &start_line.value)?;
        let length = match (&draft.end, &draft.duration) {
            (Some(end), _) => self.length(&start, end)?,
            (None, Some(line)) => {
                duration(&line.value).ok_or_else(|| line.error(CalendarProblem::Time(line.value.clone())))?
            }
            // A day lasts a day; a moment without an end is none.
            (None, None) => Length { days: i32::from(start.whole_day), time: SignedDuration::ZERO },
        };
        let mut when = Appointment::new(start.time, &start.zone, length)
            .map_err(|error| start_line.error(CalendarProblem::Span(error)))?;
        if let Some(line) = &draft.rule {
            let rule: Recurrence =
                line.value.parse().map_err(|error| line.error(CalendarProblem::Recurrence(error)))?;
            when = when.repeated(rule.in_zone(&start.zone));
        }
        for (lines, exclude) in [(&draft.excluded, true), (&draft.added, false)] {
            for line in lines {
                for value in line.value.split(',') {
                    let local = self.moment(line, value)?.shown_in(&start.zone);
                    if exclude { when.without(local) } else { when.with(local) }
                }
            }
        }
        // An occasion that was moved stands by itself and is not looked for among the moved ones.
        let uid = draft.uid.filter(|_| draft.occasion.is_none());
        let entry = Entry { name: draft.name.into(), description: draft.description.into(), when };
        self.entries.push((uid, entry));
        Ok(())
    }

    fn length(&self, start: &Moment, end_line: &Line) -> Result<Length, CalendarError> {
        let end = self.moment(end_line, &end_line.value)?;
        if start.whole_day && end.whole_day {
            let days =
                start.time.date().until(end.time.date()).map(|span| span.get_days()).unwrap_or_default();
            return Ok(Length { days, time: SignedDuration::ZERO });
        }
        let instant = |moment: &Moment| moment.zone.to_ambiguous_timestamp(moment.time).compatible();
        match (instant(start), instant(&end)) {
            (Ok(start), Ok(end)) => Ok(Length { days: 0, time: end.duration_since(start) }),
            _ => Err(end_line.error(CalendarProblem::Time(end_line.value.clone()))),
        }
    }

    fn moment(&self, line: &Line, value: &str) -> Result<Moment, CalendarError> {
        let wrong = || line.error(CalendarProblem::Time(value.chars().take(60).collect()));
        let named = line.parameter("TZID").map(|name| {
            zone(name).ok_or_else(|| line.error(CalendarProblem::Zone(name.chars().take(60).collect())))
        });
        let zone = named.transpose()?.unwrap_or_else(|| self.floating.clone());
        if let Some(date) = date(value) {
            return Ok(Moment { time: DateTime::from(date), zone, whole_day: true });
        }
        match value.strip_suffix('Z') {
            Some(utc) => {
                let time = date_time(utc).ok_or_else(wrong)?;
                Ok(Moment { time, zone: TimeZone::UTC, whole_day: false })
            }
            None => Ok(Moment { time: date_time(value).ok_or_else(wrong)?, zone, whole_day: false }),
        }
    }

    fn finish(mut self) -> (Vec<Entry>, Vec<CalendarError>) {
        for (uid, entry) in &mut self.entries {
            let moved = uid.as_ref().and_then(|uid| self.moved.get(uid));
            for instant in moved.into_iter().flatten() {
                let local = instant.to_zoned(entry.when.zone().clone()).datetime();
                entry.when.without(local);
            }
        }
        self.errors.sort_by_key(|error| error.line);
        (self.entries.into_iter().map(|(_, entry)| entry).collect(), self.errors)
    }
}

impl Draft {
    fn take(&mut self, line: &Line) {
        let kept = || Some(line.clone());
        match line.name.as_str() {
            "SUMMARY" => self.name = text(&line.value),
            "DESCRIPTION" => self.description = text(&line.value),
            "UID" => self.uid = Some(line.value.clone()),
            "DTSTART" => self.start = kept(),
            "DTEND" => self.end = kept(),
            "DURATION" => self.duration = kept(),
            "RRULE" => self.rule = kept(),
            "EXDATE" => self.excluded.push(line.clone()),
            "RDATE" => self.added.push(line.clone()),
            "RECURRENCE-ID" => self.occasion = kept(),
            "STATUS" => self.cancelled = line.value.eq_ignore_ascii_case("CANCELLED"),
            _ => {}
        }
    }
}

/// What a clock shows in a zone.
struct Moment {
    time: DateTime,
    zone: TimeZone,
    whole_day: bool,
}

impl Moment {
    /// What a clock in another zone shows then. A day is that day anywhere.
    fn shown_in(&self, zone: &TimeZone) -> DateTime {
        if self.whole_day {
            return self.time;
        }
        let instant = self.zone.to_ambiguous_timestamp(self.time).compatible();
        instant.map_or(self.time, |instant| instant.to_zoned(zone.clone()).datetime())
    }
}

/// `NAME;PARAMETER=value:VALUE`, continuations joined.
#[derive(Clone, Debug)]
struct Line {
    at: usize,
    name: String,
    parameters: Vec<(String, String)>,
    value: String,
}

impl Line {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn error(&self, problem: CalendarProblem) -> CalendarError {
        CalendarError { line: self.at, problem }
    }

    fn read(at: usize, text: &str) -> Self {
        let mut quoted = false;
        let colon = text.find(|c: char| {
            quoted ^= c == '"';
            c == ':' && !quoted
        });
        let (head, value) = match colon {
            Some(colon) => (text.get(..colon).unwrap_or_default(), text.get(colon + 1..).unwrap_or_default()),
            None => ("", ""),
        };
        let mut quoted = false;
        let mut parts = head.split(|c: char| {
            quoted ^= c == '"';
            c == ';' && !quoted
        });
        let name = parts.next().unwrap_or_default().trim().to_ascii_uppercase();
        let parameter = |part: &str| {
            let (name, value) = part.split_once('=')?;
            Some((name.to_ascii_uppercase(), value.trim_matches('"').to_owned()))
        };
        Line { at, name, parameters: parts.filter_map(parameter).collect(), value: value.trim().to_owned() }
    }
}

/// A line that begins with a space or a tab continues the one before.
fn unfolded(text: &str) -> Vec<Line> {
    let mut joined: Vec<(usize, String)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        match (line.strip_prefix([' ', '\t']), joined.last_mut()) {
            (Some(more), Some((_, before))) => before.push_str(more),
            _ => joined.push((number + 1, line.to_owned())),
        }
    }
    joined.iter().map(|(number, line)| Line::read(*number, line)).collect()
}

/// Text with `\n`, `\,`, `\;` and `\\` undone.
fn text(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('n' | 'N') => text.push('\n'),
            Some(other) => text.push(other),
            None => {}
        }
    }
    text
}

/// `20261231`.
pub(crate) fn date(text: &str) -> Option<Date> {
    if text.len() != 8 {
        return None;
    }
    Date::new(digits(text, 0..4)?, digits(text, 4..6)?.try_into().ok()?, digits(text, 6..8)?.try_into().ok()?)
        .ok()
}

/// `20261231T235959`.
pub(crate) fn date_time(text: &str) -> Option<DateTime> {
    let (day, time) = text.split_once('T')?;
    if time.len() != 6 {
        return None;
    }
    let part = |range| digits(time, range)?.try_into().ok();
    // A leap second is the last of its minute.
    let time = Time::new(part(0..2)?, part(2..4)?, part(4..6).map(|second: i8| second.min(59))?, 0).ok()?;
    Some(date(day)?.to_datetime(time))
}

fn digits(text: &str, range: std::ops::Range<usize>) -> Option<i16> {
    let text = text.get(range)?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// `P1W`, `P2DT3H4M5S`.
fn duration(text: &str) -> Option<Length> {
    let rest = text.strip_prefix('+').unwrap_or(text).strip_prefix('P')?;
    let (days_part, time_part) = rest.split_once('T').unwrap_or((rest, ""));
    let units = |text: &str, units: &[char]| -> Option<Vec<i64>> {
        let mut amounts = vec![0; units.len()];
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            let amount: i64 = rest.get(..end)?.parse().ok()?;
            let unit = rest.get(end..)?.chars().next()?;
            *amounts.get_mut(units.iter().position(|known| *known == unit)?)? = amount;
            rest = rest.get(end + 1..)?;
        }
        Some(amounts)
    };
    let (days, time) = (units(days_part, &['W', 'D'])?, units(time_part, &['H', 'M', 'S'])?);
    let total = |amounts: &[i64], lengths: &[i64]| {
        amounts
            .iter()
            .zip(lengths)
            .try_fold(0_i64, |total, (amount, length)| total.checked_add(amount.checked_mul(*length)?))
    };
    let days = total(&days, &[7, 1])?.try_into().ok()?;
    Some(Length { days, time: SignedDuration::from_secs(total(&time, &[3600, 60, 1])?) })
}

/// A zone by its IANA name or by Windows' name for it. Some programs put a path of their own before the name.
fn zone(name: &str) -> Option<TimeZone> {
    let windows = WINDOWS_ZONES.iter().find(|(windows, _)| windows.eq_ignore_ascii_case(name));
    if let Some((_, iana)) = windows {
        return time_zone(iana).ok();
    }
    let mut tail = name.trim_start_matches('/');
    loop {
        if let Ok(zone) = time_zone(tail) {
            return Some(zone);
        }
        tail = tail.split_once('/')?.1;
    }
}

/// Windows' names of zones that calendars of Outlook and Exchange carry, as Unicode's CLDR maps them.
const WINDOWS_ZONES: [(&str, &str); 32] = [
    ("AUS Eastern Standard Time", "Australia/Sydney"),
    ("Arab Standard Time", "Asia/Riyadh"),
    ("Arabian Standard Time", "Asia/Dubai"),
    ("Argentina Standard Time", "America/Buenos_Aires"),
    ("Atlantic Standard Time", "America/Halifax"),
    ("Central Europe Standard Time", "Europe/Budapest"),
    ("Central European Standard Time", "Europe/Warsaw"),
    ("Central Standard Time", "America/Chicago"),
    ("China Standard Time", "Asia/Shanghai"),
    ("E. Australia Standard Time", "Australia/Brisbane"),
    ("E. Europe Standard Time", "Europe/Chisinau"),
    ("E. South America Standard Time", "America/Sao_Paulo"),
    ("Eastern Standard Time", "America/New_York"),
    ("Egypt Standard Time", "Africa/Cairo"),
    ("FLE Standard Time", "Europe/Kiev"),
    ("GMT Standard Time", "Europe/London"),
    ("GTB Standard Time", "Europe/Bucharest"),
    ("Greenwich Standard Time", "Atlantic/Reykjavik"),
    ("India Standard Time", "Asia/Calcutta"),
    ("Israel Standard Time", "Asia/Jerusalem"),
    ("Korea Standard Time", "Asia/Seoul"),
    ("Mountain Standard Time", "America/Denver"),
    ("New Zealand Standard Time", "Pacific/Auckland"),
    ("Pacific Standard Time", "America/Los_Angeles"),
    ("Romance Standard Time", "Europe/Paris"),
    ("Russian Standard Time", "Europe/Moscow"),
    ("SE Asia Standard Time", "Asia/Bangkok"),
    ("Singapore Standard Time", "Asia/Singapore"),
    ("South Africa Standard Time", "Africa/Johannesburg"),
    ("Tokyo Standard Time", "Asia/Tokyo"),
    ("Turkey Standard Time", "Europe/Istanbul"),
    ("W. Europe Standard Time", "Europe/Berlin"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(entries: &str) -> (Vec<Entry>, Vec<CalendarError>) {
        let text = format!("BEGIN:VCALENDAR\nVERSION:2.0\n{entries}END:VCALENDAR\n");
        read_icalendar(&text, &time_zone("Europe/Berlin").unwrap())
    }

    fn covers(entry: &Entry, instants: &[(&str, bool)]) {
        for (instant, expected) in instants {
            assert_eq!(
                entry.when.contains(instant.parse().unwrap()),
                *expected,
                "{} at {instant}",
                entry.name
            );
        }
    }

    #[test]
    fn an_entry_of_another_program() {
        let (entries, errors) = read(
            "BEGIN:VTIMEZONE\nTZID:W. Europe Standard Time\nBEGIN:STANDARD\nDTSTART:16010101T030000\nEND:STANDARD\nEND:VTIMEZONE\n\
             BEGIN:VEVENT\r\nSUMMARY;LANGUAGE=en:Release\\, pay\r\n ments\r\nDTSTART;TZID=\"W. Europe Standard Time\":20260701T200000\r\n\
             DTEND;TZID=\"W. Europe Standard Time\":20260701T230000\r\nDESCRIPTION:accounts: pay-*\\nbring cake\r\n\
             BEGIN:VALARM\nTRIGGER:-PT15M\nDESCRIPTION:Reminder\nEND:VALARM\nEND:VEVENT\n",
        );
        assert_eq!(errors, []);
        let [entry] = &entries[..] else { panic!("{entries:?}") };
        assert_eq!((&*entry.name, &*entry.description), ("Release, payments", "accounts: pay-*\nbring cake"));
        covers(
            entry,
            &[
                ("2026-07-01T18:00:00Z", true),
                ("2026-07-01T20:59:59Z", true),
                ("2026-07-01T21:00:00Z", false),
            ],
        );
    }

    #[test]
    fn occasions_can_be_left_out_added_moved_and_cancelled() {
        let (entries, errors) = read(
            "BEGIN:VEVENT\nUID:a\nSUMMARY:weekly\nDTSTART:20260602T100000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY\n\
             EXDATE:20260609T100000Z,20260616T100000Z\nRDATE:20260610T150000Z\nEND:VEVENT\n\
             BEGIN:VEVENT\nUID:a\nSUMMARY:moved\nRECURRENCE-ID:20260623T100000Z\nDTSTART:20260624T100000Z\nDURATION:PT1H\nEND:VEVENT\n\
             BEGIN:VEVENT\nUID:a\nRECURRENCE-ID:20260630T100000Z\nDTSTART:20260630T100000Z\nSTATUS:CANCELLED\nEND:VEVENT\n",
        );
        assert_eq!(errors, []);
        let [weekly, moved] = &entries[..] else { panic!("{entries:?}") };
        covers(
            weekly,
            &[
                ("2026-06-02T10:30:00Z", true),
                ("2026-06-09T10:30:00Z", false),
                ("2026-06-10T15:30:00Z", true),
                ("2026-06-16T10:30:00Z", false),
                ("2026-06-23T10:30:00Z", false),
                ("2026-06-30T10:30:00Z", false),
                ("2026-07-07T10:30:00Z", true),
            ],
        );
        covers(moved, &[("2026-06-24T10:30:00Z", true)]);
    }

    #[test]
    fn days_and_lengths() {
        let (entries, errors) = read(
            "BEGIN:VEVENT\nSUMMARY:christmas\nDTSTART;VALUE=DATE:20201225\nDTEND;VALUE=DATE:20201227\nRRULE:FREQ=YEARLY\nEND:VEVENT\n\
             BEGIN:VEVENT\nSUMMARY:one day\nDTSTART;VALUE=DATE:20260105\nEND:VEVENT\n\
             BEGIN:VEVENT\nSUMMARY:floating\nDTSTART:20260701T090000\nDURATION:P1DT2H\nEND:VEVENT\n",
        );
        assert_eq!(errors, []);
        let [christmas, day, floating] = &entries[..] else { panic!("{entries:?}") };
        covers(
            christmas,
            &[
                ("2026-12-24T23:00:00Z", true),
                ("2026-12-26T22:59:59Z", true),
                ("2026-12-26T23:00:00Z", false),
            ],
        );
        covers(day, &[("2026-01-04T23:00:00Z", true), ("2026-01-05T23:00:00Z", false)]);
        covers(
            floating,
            &[
                ("2026-07-01T07:00:00Z", true),
                ("2026-07-02T08:59:59Z", true),
                ("2026-07-02T09:00:00Z", false),
            ],
        );
    }

    #[test]
    fn what_cannot_be_used_is_named_and_left_out() {
        let (entries, errors) = read(
            "BEGIN:VEVENT\nSUMMARY:a\nEND:VEVENT\n\
             BEGIN:VEVENT\nDTSTART;TZID=Mars/Base:20260101T000000\nDURATION:PT1H\nEND:VEVENT\n\
             BEGIN:VEVENT\nDTSTART:2026-01-01\nEND:VEVENT\n\
             BEGIN:VEVENT\nDTSTART:20260101T000000Z\nEND:VEVENT\n\
             BEGIN:VEVENT\nDTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=HOURLY\nEND:VEVENT\n\
             BEGIN:VEVENT\nDTSTART:20260101T000000Z\nDURATION:an hour\nEND:VEVENT\n",
        );
        assert_eq!(entries, []);
        let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            said[..4],
            [
                "line 3: the entry has no `DTSTART`",
                "line 7: `Mars/Base` is not a known time zone: name one of the IANA database, such as Europe/Berlin; what the file itself says of it \
                 (`VTIMEZONE`) is not read",
                "line 11: `2026-01-01` is not a time as iCalendar writes them",
                "line 14: the entry cannot be used: it ends before it begins",
            ]
        );
        assert!(
            said[4].starts_with("line 19: the repetition cannot be used: `FREQ=HOURLY` cannot be used"),
            "{said:?}"
        );
        assert_eq!(said[5], "line 23: `an hour` is not a time as iCalendar writes them");
        let (entries, errors) = read_icalendar("name: changes", &TimeZone::UTC);
        assert_eq!((entries.len(), errors[0].problem.clone()), (0, CalendarProblem::NoCalendar));
    }

    #[test]
    fn every_zone_of_windows_is_one() {
        for (windows, _) in WINDOWS_ZONES {
            assert!(zone(windows).is_some(), "{windows}");
        }
        assert!(zone("/freeassociation.sourceforge.net/Europe/Paris").is_some());
    }

    proptest! {
        #[test]
        fn any_text_is_answered(lines in prop::collection::vec(
            "(BEGIN:VEVENT|END:VEVENT|(DTSTART|DTEND|EXDATE|RECURRENCE-ID)(;TZID=(UTC|é))?:[0-9TZP]{0,16}|DURATION:P[0-9]{0,20}[WDTHMS]{0,3}|RRULE:FREQ=[A-Z]{5,7};(BYDAY|UNTIL|COUNT|BYMONTHDAY)=[-0-9A-ZT,]{0,6}|[ é:;\"]{0,9})",
            0..40,
        )) {
            let (entries, _) = read_icalendar(&format!("BEGIN:VCALENDAR\n{}", lines.join("\n")), &TimeZone::UTC);
            for entry in entries {
                let _ = entry.when.contains("2026-01-01T00:00:00Z".parse().unwrap());
                let _ = entry.when.covers_date(jiff::civil::date(2026, 1, 1));
            }
        }
    }
}
