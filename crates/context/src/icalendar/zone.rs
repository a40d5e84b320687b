//! Zones by name, and those that a calendar defines itself: `VTIMEZONE` with its `STANDARD` and `DAYLIGHT` parts.
//!
//! A definition says when clocks change, each time as the clock showed it before it changed. Of these changes a zone is made as files of the
//! IANA database have it (TZif, RFC 8536), so whoever asks it for the time sees no difference. Changes outside of the years that logs can be
//! of are left out; after the last year clocks stay as they are.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::line::Line;
use super::value::{date_time, offset};
use super::windows;
use crate::hours::time_zone;
use crate::recurrence::{NotARecurrence, Recurrence};
use jiff::Timestamp;
use jiff::civil::{DateTime, date};
use jiff::tz::{Offset, TimeZone};

/// The years whose changes are kept: the first, and the first after them.
const YEARS: (i16, i16) = (1970, 2101);
/// The most parts of all definitions of a file.
const PARTS_MAX: usize = 2_000;
/// The most changes of a zone.
const CHANGES_MAX: usize = 4_000;

/// A zone by its IANA name or by Windows' name for it. Some programs put a path of their own before the name.
pub(super) fn known(name: &str) -> Option<TimeZone> {
    if let Some(iana) = windows::iana(name) {
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

/// Why a definition of a zone cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAZone {
    /// It does not say what clocks show.
    #[error("it has neither a `STANDARD` nor a `DAYLIGHT` part")]
    Empty,
    /// A part lacks what it has to have.
    #[error("a part needs `{0}`")]
    Missing(&'static str),
    /// A value is none.
    #[error("`{0}` is neither a time nor an offset from UTC as iCalendar writes them")]
    Value(String),
    /// The repetition is not understood.
    #[error("the repetition cannot be used: {0}")]
    Recurrence(#[from] NotARecurrence),
    /// Clocks do not change that often.
    #[error(
        "clocks change more than {CHANGES_MAX} times, or the file has more than {PARTS_MAX} parts of zones"
    )]
    TooMany,
}

/// With the line where it is wrong.
type Wrong = (usize, NotAZone);

/// The zones that a file defines. A zone is made when an entry first names it.
#[derive(Default)]
pub(super) struct Definitions {
    open: Option<Definition>,
    by_name: BTreeMap<String, Definition>,
    parts: usize,
    made: RefCell<BTreeMap<String, Result<TimeZone, Wrong>>>,
}

#[derive(Default)]
struct Definition {
    line: usize,
    name: Option<String>,
    /// The IANA name that libical and others write beside their own.
    location: Option<String>,
    parts: Vec<Part>,
    too_many: bool,
}

/// From when on clocks show what.
#[derive(Default)]
struct Part {
    line: usize,
    start: Option<Line>,
    from: Option<Line>,
    to: Option<Line>,
    rules: Vec<Line>,
    dates: Vec<Line>,
}

/// From an instant on, in seconds since 1970, clocks are so many seconds ahead of UTC, and were so many before.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Change {
    at: i64,
    from: i32,
    to: i32,
}

impl Definitions {
    /// A line inside the components `open`.
    pub(super) fn take(&mut self, open: &[String], line: &Line) {
        match (open, line.name.as_str()) {
            ([], "BEGIN") if line.value.eq_ignore_ascii_case("VTIMEZONE") => {
                self.open = Some(Definition { line: line.at, ..Definition::default() });
            }
            ([_], "END") => {
                if let Some(definition) = self.open.take()
                    && let Some(name) = definition.name.clone()
                {
                    // Where a file defines a name twice the first holds, whichever entry names it.
                    self.by_name.entry(name).or_insert(definition);
                }
            }
            _ => {
                if let Some(definition) = &mut self.open {
                    self.parts += usize::from(definition.take(open, line, self.parts < PARTS_MAX));
                }
            }
        }
    }

    /// The zone of that name, if the file defines one.
    pub(super) fn zone(&self, name: &str) -> Option<Result<TimeZone, Wrong>> {
        let definition = self.by_name.get(name)?;
        let mut made = self.made.borrow_mut();
        Some(made.entry(name.to_owned()).or_insert_with(|| definition.zone()).clone())
    }
}

impl Definition {
    /// Says whether a part begins with the line.
    fn take(&mut self, open: &[String], line: &Line, room: bool) -> bool {
        match open {
            [_] => match line.name.as_str() {
                "BEGIN"
                    if !["STANDARD", "DAYLIGHT"].iter().any(|name| line.value.eq_ignore_ascii_case(name)) => {
                }
                "BEGIN" if room => {
                    self.parts.push(Part { line: line.at, ..Part::default() });
                    return true;
                }
                "BEGIN" => self.too_many = true,
                "TZID" => self.name = Some(line.value.clone()),
                "X-LIC-LOCATION" => self.location = Some(line.value.clone()),
                _ => {}
            },
            [_, kind] if kind == "STANDARD" || kind == "DAYLIGHT" => {
                if let Some(part) = self.parts.last_mut() {
                    part.take(line);
                }
            }
            _ => {}
        }
        false
    }

    fn zone(&self) -> Result<TimeZone, Wrong> {
        if let Some(zone) = self.location.as_deref().and_then(known) {
            return Ok(zone);
        }
        let too_many = || (self.line, NotAZone::TooMany);
        if self.too_many {
            return Err(too_many());
        }
        let mut changes = Vec::new();
        for part in &self.parts {
            part.changes(&mut changes)?;
            if changes.len() > CHANGES_MAX {
                return Err(too_many());
            }
        }
        changes.sort_by_key(|change| change.at);
        changes.dedup_by_key(|change| change.at);
        let name = self.name.as_deref().unwrap_or_default();
        TimeZone::tzif(name, &tzif(&changes).ok_or((self.line, NotAZone::Empty))?).map_err(|_| too_many())
    }
}

impl Part {
    fn take(&mut self, line: &Line) {
        let kept = || Some(line.clone());
        match line.name.as_str() {
            "DTSTART" => self.start = kept(),
            "TZOFFSETFROM" => self.from = kept(),
            "TZOFFSETTO" => self.to = kept(),
            "RRULE" => self.rules.push(line.clone()),
            "RDATE" => self.dates.push(line.clone()),
            _ => {}
        }
    }

    /// Adds the changes to what this part says.
    fn changes(&self, changes: &mut Vec<Change>) -> Result<(), Wrong> {
        let needed = |line: &'_ Option<Line>, name| line.clone().ok_or((self.line, NotAZone::Missing(name)));
        let (start, from, to) = (
            needed(&self.start, "DTSTART")?,
            needed(&self.from, "TZOFFSETFROM")?,
            needed(&self.to, "TZOFFSETTO")?,
        );
        let wrong = |line: &Line, value: &str| (line.at, NotAZone::Value(value.chars().take(60).collect()));
        let seconds = |line: &Line| offset(&line.value).ok_or_else(|| wrong(line, &line.value));
        let (from, to) = (seconds(&from)?, seconds(&to)?);
        let before = Offset::from_seconds(from).map_err(|_| wrong(&start, &start.value))?;
        let first = date_time(&start.value).ok_or_else(|| wrong(&start, &start.value))?;
        let (kept_from, kept_to) = (DateTime::from(date(YEARS.0, 1, 1)), DateTime::from(date(YEARS.1, 1, 1)));
        let mut starts = Vec::new();
        if self.rules.is_empty() {
            starts.push(first);
        }
        for line in &self.rules {
            let rule: Recurrence =
                line.value.parse().map_err(|error| (line.at, NotAZone::Recurrence(error)))?;
            if !rule.is_yearly() {
                let rule = line.value.chars().take(60).collect();
                return Err((line.at, NotAZone::Recurrence(NotARecurrence::Part(rule))));
            }
            starts.extend(rule.in_zone(&TimeZone::fixed(before)).between(first, kept_from, kept_to));
        }
        let mut instants = Vec::new();
        for line in &self.dates {
            for value in line.value.split(',') {
                let instant = match value.strip_suffix('Z') {
                    Some(utc) => date_time(utc).and_then(|at| Offset::UTC.to_timestamp(at).ok()),
                    None => date_time(value).and_then(|at| before.to_timestamp(at).ok()),
                };
                instants.push(instant.ok_or_else(|| wrong(line, value))?);
            }
        }
        instants.extend(starts.into_iter().filter_map(|at| before.to_timestamp(at).ok()));
        changes.extend(instants.into_iter().map(|at: Timestamp| Change { at: at.as_second(), from, to }));
        Ok(())
    }
}

/// The changes as a file of the IANA database has them; `None` if there are none.
fn tzif(changes: &[Change]) -> Option<Vec<u8>> {
    const DESIGNATION: &[u8] = b"-00\0";
    let first = changes.first()?;
    let mut offsets = vec![first.from];
    let mut places = Vec::new();
    for change in changes {
        let place = offsets.iter().position(|known| *known == change.to).unwrap_or_else(|| {
            offsets.push(change.to);
            offsets.len() - 1
        });
        places.push(u8::try_from(place).ok()?);
    }
    let mut file = Vec::new();
    let header = |file: &mut Vec<u8>, changes: usize, offsets: usize| {
        file.extend(b"TZif2");
        file.extend([0; 15]);
        for count in [0, 0, 0, changes, offsets, DESIGNATION.len()] {
            file.extend(u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
        }
    };
    let kind = |file: &mut Vec<u8>, offset: i32| {
        file.extend(offset.to_be_bytes());
        file.extend([0, 0]);
    };
    // The first block is for readers that know nothing but 32 bits.
    header(&mut file, 0, 1);
    kind(&mut file, first.from);
    file.extend(DESIGNATION);
    header(&mut file, changes.len(), offsets.len());
    changes.iter().for_each(|change| file.extend(change.at.to_be_bytes()));
    file.extend(&places);
    offsets.iter().for_each(|offset| kind(&mut file, *offset));
    file.extend(DESIGNATION);
    file.extend(b"\n\n");
    Some(file)
}
