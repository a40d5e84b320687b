//! Calendars as other programs hand them over: the `VEVENT`s of an iCalendar file (RFC 5545).
//!
//! What decides when an entry takes place is read: `DTSTART`, `DTEND` or `DURATION`, `RRULE`, `RDATE`, `EXDATE`, `TZID`, whole days, single
//! occasions that were moved (`RECURRENCE-ID`), entries that were cancelled. An entry whose time cannot be read whole is named and left out.
//! A `TZID` is a name of the IANA database or one of Windows' own, wherever it is one: what a file says of a zone was true when it was written, and
//! what governments decided later is in the database. Only of another name the file's own definition (`VTIMEZONE`) holds.

mod line;
mod problem;
#[cfg(test)]
mod tests;
mod value;
mod windows;
mod zone;

pub use self::problem::{CalendarError, CalendarProblem};
pub(crate) use self::value::{date, date_time};
pub use self::zone::NotAZone;

use self::line::{Line, text, unfolded};
use self::value::duration;
use self::zone::{Definitions, known};
use crate::appointment::{Appointment, Length};
use crate::recurrence::Recurrence;
use jiff::civil::DateTime;
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
    let mut reading = Reading {
        floating,
        zones: Definitions::default(),
        entries: Vec::new(),
        errors: Vec::new(),
        moved: BTreeMap::new(),
    };
    reading.calendar(text);
    reading.finish()
}

struct Reading<'z> {
    floating: &'z TimeZone,
    /// Zones that the file defines.
    zones: Definitions,
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
        // An entry may stand before the definition of its zone.
        let mut drafts = Vec::new();
        for line in lines {
            self.zones.take(&open, line);
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
                        if drafts.len() >= ENTRIES_MAX {
                            self.error(draft.line, CalendarProblem::TooMany);
                            break;
                        }
                        drafts.push(draft);
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
        for draft in drafts {
            if let Err(error) = self.entry(draft) {
                self.errors.push(error);
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
        let named = line.parameter("TZID").map(|name| self.zone(line, name)).transpose()?;
        let zone = named.unwrap_or_else(|| self.floating.clone());
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

    fn zone(&self, line: &Line, name: &str) -> Result<TimeZone, CalendarError> {
        if let Some(zone) = known(name) {
            return Ok(zone);
        }
        let shown = || name.chars().take(60).collect();
        match self.zones.zone(name) {
            Some(Ok(zone)) => Ok(zone),
            Some(Err((at, reason))) => {
                Err(line.error(CalendarProblem::Definition { zone: shown(), line: at, reason }))
            }
            None => Err(line.error(CalendarProblem::Zone(shown()))),
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
