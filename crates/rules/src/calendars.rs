//! `hours`, `holidays` and `change_windows` of a configuration, and the calendars they name.
//!
//! A calendar of another program is read as far as it is understood: an entry that is not is left out with a warning, since whoever
//! runs this seldom writes the other program. What stands in YAML was written for this, and has to be right.

use crate::catalogue::Check;
use crate::diagnostic::{Diagnostic, Span};
use crate::files::{Files, resolve};
use crate::organization::{Organization, mapping, shown, texts};
use crate::read::{Complaints, Fields};
use crate::yaml::{self, Node, Value};
use context::{
    Appointment, ChangeWindow, Entry, Holiday, Holidays, List, Recurrence, ScheduleError, WeeklySchedule,
};
use jiff::civil::{Date, DateTime};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span as TimeSpan, ToSpan};
use std::sync::Arc;

/// The name of the holidays of a configuration that names none.
const HOLIDAYS: &str = "holidays";

const WINDOW_KEYS: [&str; 7] = ["name", "accounts", "from", "to", "for", "zone", "repeat"];
const CALENDAR_KEYS: [&str; 3] = ["calendar", "accounts", "zone"];

impl Organization {
    /// Reads the value of `holidays`: days and calendars, or a mapping of names to them. Gives what is wrong with other files.
    pub fn read_holidays(
        &mut self,
        complaints: &mut Complaints<'_>,
        node: &Node,
        files: &dyn Files,
    ) -> Vec<Diagnostic> {
        let mut elsewhere = Vec::new();
        match &node.value {
            Value::Mapping(entries) => {
                for entry in entries {
                    let days = holidays(complaints, &entry.value, files, &mut elsewhere);
                    self.holidays.insert(entry.key.clone(), Arc::new(days));
                }
            }
            _ => {
                let days = holidays(complaints, node, files, &mut elsewhere);
                self.holidays.insert(HOLIDAYS.into(), Arc::new(days));
            }
        }
        elsewhere
    }

    /// Reads the value of `hours`: a mapping of names to weekly schedules. Holidays they leave out have to be read before.
    pub fn read_hours(&mut self, complaints: &mut Complaints<'_>, node: &Node) {
        let what = "`hours` is a mapping of names to `days`, `from`, `to` and `zone`";
        for entry in mapping(complaints, node, what).unwrap_or_default() {
            if let Some(schedule) = self.schedule(complaints, &entry.value) {
                self.hours.insert(entry.key.clone(), schedule);
            }
        }
    }

    fn schedule(&self, complaints: &mut Complaints<'_>, node: &Node) -> Option<WeeklySchedule> {
        let keys = ["days", "from", "to", "zone", "spans", "except"];
        let fields = Fields::read(complaints, node, "a schedule", &keys, &[])?;
        let zone = required_text(complaints, &fields, "zone");
        let spans: Vec<Option<[Box<str>; 3]>> = match fields.get("spans") {
            None => vec![span(complaints, &fields)],
            Some(list) => {
                if let Some(node) = ["days", "from", "to"].iter().find_map(|key| fields.get(key)) {
                    let message = "`days`, `from` and `to` stand in each of the `spans`";
                    complaints.add(Check::InvalidValue, node.range.clone(), message);
                }
                let Value::Sequence(items) = &list.value else {
                    let message = "`spans` is a list of `days`, `from` and `to`";
                    complaints.add(Check::WrongType, list.range.clone(), message);
                    return None;
                };
                let mut each = |item: &Node| {
                    let fields = Fields::read(complaints, item, "a span", &["days", "from", "to"], &[])?;
                    span(complaints, &fields)
                };
                items.iter().map(&mut each).collect()
            }
        };
        let except =
            fields.get("except").map_or(Some(Vec::new()), |node| self.named_holidays(complaints, node));
        let (zone, spans, except) = (zone?, spans.into_iter().collect::<Option<Vec<_>>>()?, except?);
        let schedule = || -> Result<WeeklySchedule, ScheduleError> {
            let empty = WeeklySchedule::in_zone(&zone)?;
            let schedule =
                spans.iter().try_fold(empty, |schedule, [days, from, to]| schedule.and(days, from, to))?;
            Ok(except.into_iter().fold(schedule, WeeklySchedule::except))
        };
        schedule()
            .map_err(|error| complaints.add(Check::InvalidValue, node.range.clone(), error.to_string()))
            .ok()
    }

    fn named_holidays(&self, complaints: &mut Complaints<'_>, node: &Node) -> Option<Vec<Arc<Holidays>>> {
        let names = match node.as_text() {
            Some(name) => vec![Box::from(name.trim())],
            None => texts(complaints, node)?,
        };
        let found = names.iter().map(|name| {
            let known = self.holidays.get(name);
            if known.is_none() {
                let message = format!("there are no holidays `{}`", shown(name));
                let diagnostic = complaints.diagnostic(Check::InvalidValue, node.range.clone(), message);
                let known = self.holidays.keys().map(|name| &**name);
                let help = match crate::nearest::nearest(name, known) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "define them under `holidays:` in the configuration".to_owned(),
                };
                complaints.push(diagnostic.help(help));
            }
            known.cloned()
        });
        found.collect()
    }

    /// Reads the value of `change_windows`: a file, or a list of files, calendars and windows. Gives what is wrong with other files.
    pub fn read_change_windows(
        &mut self,
        complaints: &mut Complaints<'_>,
        node: &Node,
        files: &dyn Files,
    ) -> Vec<Diagnostic> {
        let mut elsewhere = Vec::new();
        for item in items(node) {
            match &item.value {
                Value::Text(_) => {
                    self.window_file(
                        complaints,
                        item,
                        files,
                        &List::default(),
                        &TimeZone::UTC,
                        &mut elsewhere,
                    );
                }
                Value::Mapping(entries) if entries.iter().any(|entry| &*entry.key == "calendar") => {
                    self.window_calendar(complaints, item, files, &mut elsewhere);
                }
                _ => self.change_windows.extend(window(complaints, item)),
            }
        }
        elsewhere
    }

    fn window_calendar(
        &mut self,
        complaints: &mut Complaints<'_>,
        node: &Node,
        files: &dyn Files,
        elsewhere: &mut Vec<Diagnostic>,
    ) {
        let Some(fields) = Fields::read(complaints, node, "a calendar", &CALENDAR_KEYS, &[]) else { return };
        let accounts = fields.get("accounts").map_or(Some(Vec::new()), |node| texts(complaints, node));
        let zone = zone(complaints, &fields, node);
        let file = fields.required(complaints, "calendar");
        if let (Some(accounts), Some(zone), Some(file)) = (accounts, zone, file) {
            let accounts = accounts.into_iter().collect();
            self.window_file(complaints, file, files, &accounts, &zone, elsewhere);
        }
    }

    /// Adds the windows of a file; those of a calendar are for `accounts`, unless an entry names its own.
    fn window_file(
        &mut self,
        complaints: &mut Complaints<'_>,
        node: &Node,
        files: &dyn Files,
        accounts: &List,
        zone: &TimeZone,
        elsewhere: &mut Vec<Diagnostic>,
    ) {
        let Some((path, text)) = named_file(complaints, node, files) else { return };
        if is_calendar(&path) {
            let entries = calendar(&path, &text, zone, elsewhere);
            self.change_windows.extend(entries.into_iter().map(|entry| {
                let own = context::accounts_in(&entry.description);
                let accounts = if own.globs().is_empty() { accounts.clone() } else { own };
                ChangeWindow { name: entry.name, accounts, when: entry.when }
            }));
            return;
        }
        let file: Arc<str> = path.into();
        let read = yaml::parse(&file, &text);
        let mut inner = Complaints::new(file, &text, read.diagnostics);
        for item in read.documents.iter().flat_map(items) {
            self.change_windows.extend(window(&mut inner, item));
        }
        elsewhere.extend(inner.into_list());
    }
}

/// The elements of a list, or the one thing that stands in place of a list.
fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::Sequence(items) => items,
        _ => std::slice::from_ref(node),
    }
}

fn required_text(complaints: &mut Complaints<'_>, fields: &Fields<'_>, key: &str) -> Option<Box<str>> {
    fields.required(complaints, key)?;
    fields.text(complaints, key)?
}

fn span(complaints: &mut Complaints<'_>, fields: &Fields<'_>) -> Option<[Box<str>; 3]> {
    let parts = ["days", "from", "to"].map(|key| required_text(complaints, fields, key));
    let [days, from, to] = parts;
    Some([days?, from?, to?])
}

fn zone(complaints: &mut Complaints<'_>, fields: &Fields<'_>, node: &Node) -> Option<TimeZone> {
    let Some(name) = fields.text(complaints, "zone")? else { return Some(TimeZone::UTC) };
    let zone = TimeZoneDatabase::bundled().get(&name);
    zone.map_err(|_| {
        let message = ScheduleError::Zone(shown(&name)).to_string();
        let at = fields.get("zone").unwrap_or(node);
        complaints.add(Check::InvalidValue, at.range.clone(), message);
    })
    .ok()
}

fn is_calendar(path: &str) -> bool {
    path.rsplit('.').next().is_some_and(|extension| extension.eq_ignore_ascii_case("ics"))
}

/// A file that a text names, and what it holds.
fn named_file(complaints: &mut Complaints<'_>, node: &Node, files: &dyn Files) -> Option<(String, Arc<str>)> {
    let Some(name) = node.as_text() else {
        complaints.add(Check::WrongType, node.range.clone(), "a file is named by text");
        return None;
    };
    let path = resolve(complaints.file(), name.trim());
    let Some(text) = files.text(&path) else {
        let message = format!("there is no file `{}`", shown(&path));
        let diagnostic = complaints.diagnostic(Check::FileNotFound, node.range.clone(), message);
        complaints.push(diagnostic.help("a relative path begins at the folder of the configuration"));
        return None;
    };
    Some((path, text))
}

/// The entries of another program's calendar; those that are not understood are warned of.
fn calendar(path: &str, text: &str, floating: &TimeZone, elsewhere: &mut Vec<Diagnostic>) -> Vec<Entry> {
    let (entries, errors) = context::read_icalendar(text, floating);
    let file: Arc<str> = path.into();
    elsewhere.extend(errors.into_iter().map(|error| {
        let mut before = text.split_inclusive('\n');
        let start: usize = before.by_ref().take(error.line - 1).map(str::len).sum();
        let length = before.next().map_or(0, |line| line.trim_end().len());
        let message = format!("the calendar's entry is left out: {}", error.problem);
        Diagnostic::new(Check::CalendarEntry, &file, Span::of(text, start..start + length), message)
    }));
    entries
}

fn holidays(
    complaints: &mut Complaints<'_>,
    node: &Node,
    files: &dyn Files,
    elsewhere: &mut Vec<Diagnostic>,
) -> Holidays {
    let mut holidays = Holidays::default();
    for item in items(node) {
        let Some(text) = item.as_text().map(str::trim) else {
            let message = "holidays are days such as `2026-12-25` or `12-25`, and files of them";
            complaints.add(Check::WrongType, item.range.clone(), message);
            continue;
        };
        match text.parse::<Holiday>() {
            Ok(day) => holidays.add(&std::iter::once(day).collect()),
            // What has an ending is a file.
            Err(_) if text.contains('.') => {
                let Some((path, text)) = named_file(complaints, item, files) else { continue };
                if is_calendar(&path) {
                    let entries = calendar(&path, &text, &TimeZone::UTC, elsewhere);
                    holidays.add_entries(entries.into_iter().map(|entry| entry.when));
                } else {
                    holidays.add(&holiday_file(&path, &text, elsewhere));
                }
            }
            Err(error) => complaints.add(Check::InvalidValue, item.range.clone(), error.to_string()),
        }
    }
    holidays
}

/// A file of days. It names no further files.
fn holiday_file(path: &str, text: &str, elsewhere: &mut Vec<Diagnostic>) -> Holidays {
    let file: Arc<str> = path.into();
    let read = yaml::parse(&file, text);
    let mut complaints = Complaints::new(file, text, read.diagnostics);
    let day = |item: &Node| {
        let day = item.as_text().map(|text| text.trim().parse::<Holiday>());
        match day {
            Some(Ok(day)) => Some(day),
            Some(Err(error)) => {
                complaints.add(Check::InvalidValue, item.range.clone(), error.to_string());
                None
            }
            None => {
                let message = "holidays are days such as `2026-12-25` or `12-25`";
                complaints.add(Check::WrongType, item.range.clone(), message);
                None
            }
        }
    };
    let holidays = read.documents.iter().flat_map(items).filter_map(day).collect();
    elsewhere.extend(complaints.into_list());
    holidays
}

/// A change window as it is written in YAML.
fn window(complaints: &mut Complaints<'_>, node: &Node) -> Option<ChangeWindow> {
    let fields = Fields::read(complaints, node, "a change window", &WINDOW_KEYS, &[])?;
    let name = required_text(complaints, &fields, "name");
    let accounts = fields.get("accounts").map_or(Some(Vec::new()), |node| texts(complaints, node));
    let zone = zone(complaints, &fields, node);
    let from = required_text(complaints, &fields, "from");
    let to = fields.text(complaints, "to");
    let length = fields.text(complaints, "for");
    let repeat = fields.text(complaints, "repeat");
    let (name, accounts, zone, from) = (name?, accounts?, zone?, from?);
    let when = match when(&from, to?.as_deref(), length?.as_deref(), &zone) {
        Ok(when) => when,
        Err(message) => {
            complaints.add(Check::InvalidValue, node.range.clone(), message);
            return None;
        }
    };
    let when = match repeat? {
        None => when,
        Some(rule) => match rule.parse::<Recurrence>() {
            Ok(rule) => when.repeated(rule),
            Err(error) => {
                let at = fields.get("repeat").unwrap_or(node);
                let message = format!("`repeat` cannot be used: {error}");
                complaints.add(Check::InvalidValue, at.range.clone(), message);
                return None;
            }
        },
    };
    Some(ChangeWindow { name, accounts: accounts.into_iter().collect(), when })
}

/// From a time to a time, or for a length of time; or from a day to a day, both included.
fn when(from: &str, to: Option<&str>, length: Option<&str>, zone: &TimeZone) -> Result<Appointment, String> {
    let not_a_time =
        |text: &str| format!("`{}` is not a time: write `2026-12-31 22:00`, or a day", shown(text));
    if let Some(first) = day(from) {
        let last = match (to, length) {
            (Some(to), None) => {
                day(to).ok_or_else(|| format!("`{}` is not a day, as `from` is", shown(to)))?
            }
            (None, None) => first,
            (_, Some(_)) => {
                return Err("from a day on, `to` names the last day, and there is no `for`".to_owned());
            }
        };
        let days = first.until(last).map_err(|error| error.to_string())?.get_days();
        return Appointment::whole_days(first, days.saturating_add(1), zone)
            .map_err(|error| format!("the change window cannot be used: {error}"));
    }
    let start = time(from).ok_or_else(|| not_a_time(from))?;
    let end = match (to, length) {
        (Some(to), None) => time(to).ok_or_else(|| not_a_time(to))?,
        (None, Some(length)) => {
            let duration = crate::read::parse_duration(length)
                .ok_or_else(|| format!("`{}` is not a length of time: write `4h`", shown(length)))?;
            let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
            let span: Result<TimeSpan, _> = 0.seconds().try_seconds(seconds);
            span.and_then(|span| start.checked_add(span)).map_err(|error| error.to_string())?
        }
        _ => return Err("a change window has either `to` or `for`".to_owned()),
    };
    Appointment::between(start, end, zone)
        .map_err(|error| format!("the change window cannot be used: {error}"))
}

fn day(text: &str) -> Option<Date> {
    (text.len() == 10).then(|| text.parse().ok()).flatten()
}

/// A time with its day and without an offset: the zone is said elsewhere.
fn time(text: &str) -> Option<DateTime> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"-: T".contains(&byte));
    (plain && text.len() > 10).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::MemoryFiles;

    fn read(text: &str, files: &[(&str, &str)]) -> (Organization, Vec<String>) {
        let mut memory = MemoryFiles::default();
        for (path, text) in files {
            memory.insert(*path, *text);
        }
        let parsed = yaml::parse(&"etc/t.yaml".into(), text);
        let mut complaints = Complaints::new("etc/t.yaml".into(), text, parsed.diagnostics);
        let keys = ["holidays", "hours", "change_windows"];
        let fields = Fields::read(&mut complaints, &parsed.documents[0], "settings", &keys, &[]).unwrap();
        let mut organization = Organization::new();
        let mut elsewhere = Vec::new();
        if let Some(node) = fields.get("holidays") {
            elsewhere.extend(organization.read_holidays(&mut complaints, node, &memory));
        }
        if let Some(node) = fields.get("hours") {
            organization.read_hours(&mut complaints, node);
        }
        if let Some(node) = fields.get("change_windows") {
            elsewhere.extend(organization.read_change_windows(&mut complaints, node, &memory));
        }
        let mut said = complaints.into_list();
        said.extend(elsewhere);
        (organization, said.iter().map(ToString::to_string).collect())
    }

    const CALENDAR: &str = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Good Friday\nDTSTART;VALUE=DATE:20260403\nEND:VEVENT\n\
        BEGIN:VEVENT\nSUMMARY:Release\nDESCRIPTION:accounts: pay-*\nDTSTART:20260601T220000\nDTEND:20260602T020000\nRRULE:FREQ=WEEKLY\nEND:VEVENT\n\
        BEGIN:VEVENT\nSUMMARY:Odd\nDTSTART:20260601T220000Z\nDURATION:PT1H\nRRULE:FREQ=HOURLY\nEND:VEVENT\nEND:VCALENDAR\n";

    #[test]
    fn hours_leave_out_holidays_of_calendars() {
        let (organization, said) = read(
            "holidays: { de: [2026-12-25, \"01-01\", de.ics], more: more.yaml }\n\
             hours:\n  business: { zone: Europe/Berlin, except: [de, more], spans: [{ days: mon-fri, from: \"09:00\", to: \"18:00\" }, { days: sat, from: \"10:00\", to: \"12:00\" }] }\n",
            &[("etc/de.ics", CALENDAR), ("etc/more.yaml", "- 2026-06-01\n")],
        );
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].starts_with("etc/de.ics:17:1: warning[calendar-entry]: the calendar's entry is left out"),
            "{said:?}"
        );
        let hours = organization.context(1).hours().get("business").cloned().unwrap();
        for (instant, expected) in [
            ("2026-04-02T10:00:00Z", true),
            ("2026-04-03T10:00:00Z", false),
            ("2026-04-04T08:30:00Z", true),
            ("2026-06-01T08:30:00Z", false),
            ("2026-12-25T10:00:00Z", false),
            ("2027-01-01T10:00:00Z", false),
            ("2027-12-24T10:00:00Z", true),
        ] {
            assert_eq!(hours.contains(instant.parse().unwrap()), expected, "{instant}");
        }
    }

    #[test]
    fn change_windows_come_from_files_calendars_and_the_configuration() {
        let (organization, said) = read(
            "change_windows:\n  - changes.yaml\n  - { calendar: x.ics, accounts: [prod-*], zone: Europe/Berlin }\n  \
             - { name: freeze, from: 2026-12-24, to: 2026-12-26 }\n",
            &[
                ("etc/x.ics", CALENDAR),
                (
                    "etc/changes.yaml",
                    "- { name: patching, accounts: [\"111122223333\"], from: 2026-01-13 22:00, for: 4h, zone: Asia/Tokyo, repeat: FREQ=MONTHLY;BYDAY=2TU }\n",
                ),
            ],
        );
        assert_eq!(said.len(), 1, "{said:?}");
        let context = organization.context(1);
        let open = |instant: &str, account: &str, name: &str| {
            let window = context.change_windows().open(instant.parse().unwrap(), account, name);
            window.map(|window| window.name.to_string())
        };
        for (instant, account, name, expected) in [
            ("2026-11-10T14:00:00Z", "111122223333", "x", Some("patching")),
            ("2026-11-10T14:00:00Z", "444455556666", "x", None),
            ("2026-11-09T14:00:00Z", "111122223333", "x", None),
            ("2026-06-08T20:30:00Z", "1", "pay-1", Some("Release")),
            ("2026-06-08T20:30:00Z", "1", "prod-1", None),
            ("2026-04-03T10:00:00Z", "1", "prod-1", Some("Good Friday")),
            ("2026-12-26T23:30:00Z", "1", "x", Some("freeze")),
            ("2026-12-27T00:00:00Z", "1", "x", None),
        ] {
            assert_eq!(open(instant, account, name).as_deref(), expected, "{instant} {account} {name}");
        }
    }

    #[test]
    fn what_is_wrong_with_calendars_is_told() {
        let (_, said) = read(
            "holidays: [christmas, [1], none.ics]\n\
             hours: { a: { days: mon, from: \"09:00\", to: \"10:00\", zone: UTC, except: holiday }, b: { zone: UTC, days: mon, spans: [{ days: mon }] } }\n\
             change_windows:\n  - { name: a, from: 2026-12-24 22:00 }\n  - { name: b, from: 2026-12-24, to: 2026-12-23 }\n  \
             - { name: c, from: noon, for: 1h }\n  - { name: d, from: 2026-12-24 22:00, for: 1h, repeat: FREQ=SECONDLY }\n  \
             - { name: e, from: 2026-12-24T22:00Z, for: 1h }\n  - { from: 2026-12-24, zone: Berlin }\n",
            &[],
        );
        each_said(
            &said,
            &[
                "`christmas` is not a day",
                "holidays are days such as",
                "there is no file `etc/none.ics`",
                "there are no holidays `holiday`",
                "`days`, `from` and `to` stand in each",
                "a span needs `from`",
                "a span needs `to`",
                "a change window has either `to` or `for`",
                "it ends before it begins",
                "`noon` is not a time",
                "`repeat` cannot be used: `FREQ=SECONDLY`",
                "`2026-12-24T22:00Z` is not a time",
                "a change window needs `name`",
                "`Berlin` is not a time zone",
            ],
        );
    }

    /// Each line holds its part, in any order.
    fn each_said(said: &[String], expected: &[&str]) {
        for part in expected {
            assert!(said.iter().any(|line| line.contains(part)), "{part}: {said:#?}");
        }
        assert_eq!(said.len(), expected.len(), "{said:#?}");
    }
}
