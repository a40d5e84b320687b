//! What can be wrong with a calendar.

use super::ENTRIES_MAX;
use super::zone::NotAZone;
use crate::appointment::NotAnAppointment;
use crate::recurrence::NotARecurrence;

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
        "`{0}` is not a known time zone: name one of the IANA database, such as Europe/Berlin, or define it in the file (`VTIMEZONE`)"
    )]
    Zone(String),
    /// A zone that the file defines cannot be used.
    #[error("the zone `{zone}`, which the file defines itself, cannot be used: line {line}: {reason}")]
    Definition {
        /// Its name.
        zone: String,
        /// Where that is wrong which is.
        line: usize,
        /// What is.
        reason: NotAZone,
    },
    /// It is no span of time.
    #[error("the entry cannot be used: {0}")]
    Span(#[from] NotAnAppointment),
    /// The repetition is not understood.
    #[error("the repetition cannot be used: {0}")]
    Recurrence(#[from] NotARecurrence),
}
