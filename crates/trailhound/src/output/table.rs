//! For people: what was found, grouped by rule, the worst first.
//!
//! ```text
//! CRITICAL  svc-backup stopped CloudTrail trail audit in payments-prod
//!           cloudtrail-logging-stopped: 1 event, 2026-11-03 02:41:09 UTC
//!           who    svc-backup from 203.0.113.77
//!           where  payments-prod (111122223333) us-east-1
//!           check  · Who was it and from where?
//!
//! LOW       denied-call     12 events  ci was denied ListUsers in payments-prod (and 3 like it)
//! ```
//!
//! What is only of low severity gets one line: the reader of a table wants to see first what must be looked at.

use std::collections::BTreeMap;
use std::io::{self, Write};

use decide::{Finding, State};
use rules::Severity;
use unicode_width::UnicodeWidthStr;

use super::Output;
use super::text::{Styles, filled, fit, plain};

/// How many columns one name may take. AWS's own are up to 64 characters, IPv6 addresses 39.
const NAME_MAX: usize = 80;

/// How many names of principals or places a row shows before it says how many more.
const NAMES_MAX: usize = 3;

/// How many alarms a row shows the course of before it says how many more.
const COURSES_MAX: usize = 5;

pub(crate) struct Table<W> {
    out: W,
    width: usize,
    rows: BTreeMap<String, Row>,
}

/// All findings of one rule.
struct Row {
    severity: Severity,
    title: String,
    findings: u64,
    events: u64,
    first: String,
    last: String,
    who: Names,
    places: Names,
    /// Why, where it is about more than each event by itself.
    why: Option<String>,
    /// Alarms and absences by the id of the finding: whose, and when it changed to what.
    courses: Vec<Course>,
    checks: Vec<String>,
}

/// How one finding went on: `203.0.113.7: ALARM 2026-11-03 12:05:10 UTC → OK 12:20:10`.
struct Course {
    id: String,
    whose: String,
    changes: Vec<(String, String)>,
}

impl Course {
    fn text(&self) -> String {
        let mut text = if self.whose.is_empty() { String::new() } else { format!("{}: ", self.whose) };
        let mut day = "";
        for (n, (state, time)) in self.changes.iter().enumerate() {
            let (date, rest) = time.split_at(time.find('T').unwrap_or_default());
            let shown =
                if date == day { rest.trim_start_matches('T').replacen('Z', "", 1) } else { clock(time) };
            day = date;
            let arrow = if n == 0 { "" } else { " → " };
            text.push_str(&format!("{arrow}{state} {shown}"));
        }
        text
    }
}

/// Names in the order of their first appearance, each once, and how often.
#[derive(Default)]
struct Names(Vec<(String, u64)>);

impl Names {
    fn add(&mut self, name: String, count: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, seen)) => *seen += count,
            None => self.0.push((name, count)),
        }
    }

    fn text(&self) -> String {
        let mut sorted: Vec<_> = self.0.iter().collect();
        sorted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let shown: Vec<&str> = sorted.iter().take(NAMES_MAX).map(|(name, _)| name.as_str()).collect();
        let more = sorted.len().saturating_sub(NAMES_MAX);
        let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
        shown.join(", ") + &rest
    }
}

impl<W: Write> Table<W> {
    pub(crate) fn new(out: W, width: usize) -> Self {
        Table { out, width, rows: BTreeMap::new() }
    }

    /// What must be looked at: a paragraph.
    fn paragraph(&mut self, rule: &str, row: &Row) -> io::Result<()> {
        let (style, bold) = (Styles::severity(row.severity), Styles::BOLD);
        let severity = row.severity.to_string().to_uppercase();
        // The badge's colour ends with the word, not with its padding.
        let padding = " ".repeat(TITLE_AT.saturating_sub(severity.len()));
        let title = fit_owned(&row.title(), self.width.saturating_sub(TITLE_AT));
        writeln!(self.out, "{style}{severity}{style:#}{padding}{bold}{title}{bold:#}")?;
        let span = if row.first == row.last {
            clock(&row.first)
        } else {
            format!("{} to {}", clock(&row.first), clock(&row.last))
        };
        let findings = if row.findings == 1 { String::new() } else { format!("{} findings, ", row.findings) };
        let indent = " ".repeat(TITLE_AT);
        writeln!(self.out, "{indent}{rule}: {findings}{}, {span}", events(row.events))?;
        self.line("who", &row.who.text())?;
        self.line("where", &row.places.text())?;
        if let Some(why) = &row.why {
            self.line("why", why)?;
        }
        for (n, course) in row.courses.iter().take(COURSES_MAX).enumerate() {
            self.line(if n == 0 { "when" } else { "" }, &course.text())?;
        }
        let more = row.courses.len().saturating_sub(COURSES_MAX);
        if more > 0 {
            self.line("", &format!("and {more} more"))?;
        }
        for (n, check) in row.checks.iter().enumerate() {
            self.line(if n == 0 { "check" } else { "" }, &format!("· {check}"))?;
        }
        writeln!(self.out)
    }

    /// A named line of a paragraph; what does not fit goes on below.
    fn line(&mut self, name: &str, text: &str) -> io::Result<()> {
        let faint = Styles::FAINT;
        let indent = " ".repeat(TITLE_AT);
        let room = self.width.saturating_sub(TITLE_AT + NAME_WIDTH).max(20);
        for (n, part) in filled(text, room).lines().enumerate() {
            let (name, hanging) =
                if n == 0 { (name, "") } else { ("", if text.starts_with('·') { "  " } else { "" }) };
            writeln!(self.out, "{indent}{faint}{name:<NAME_WIDTH$}{faint:#}{hanging}{part}")?;
        }
        Ok(())
    }

    /// What is good to know: one line each, in columns.
    fn lines(&mut self, rows: &[(String, Row)]) -> io::Result<()> {
        let rules = rows.iter().map(|(rule, _)| rule.width()).max().unwrap_or_default();
        let counts = rows.iter().map(|(_, row)| events(row.events).width()).max().unwrap_or_default();
        let room = self.width.saturating_sub(TITLE_AT + rules + 2 + counts + 2);
        for (rule, row) in rows {
            let (style, faint) = (Styles::severity(row.severity), Styles::FAINT);
            let severity = row.severity.to_string().to_uppercase();
            let padding = " ".repeat(TITLE_AT.saturating_sub(severity.len()));
            let (count, title) = (events(row.events), fit_owned(&row.title(), room));
            let title = if room < 20 { String::new() } else { title };
            writeln!(
                self.out,
                "{style}{severity}{style:#}{padding}{rule:<rules$}  {count:>counts$}  {faint}{title}{faint:#}"
            )?;
        }
        Ok(())
    }
}

/// The column in which titles begin.
const TITLE_AT: usize = 10;
/// How wide the names of a paragraph's lines are.
const NAME_WIDTH: usize = 7;

fn events(count: u64) -> String {
    if count == 1 { "1 event".to_owned() } else { format!("{count} events") }
}

fn fit_owned(text: &str, width: usize) -> String {
    fit(text, width).into_owned()
}

impl Row {
    /// Takes note of how an alarm or an absence went on.
    fn follow(&mut self, finding: &Finding) {
        let detail = &finding.detail;
        let state = match (&detail.alarm, detail.state) {
            (Some(alarm), _) => new_state(alarm.get()),
            (None, State::Firing) => "firing".to_owned(),
            (None, State::Resolved) => "resolved".to_owned(),
            (None, State::Unknown) => "unknown".to_owned(),
        };
        if let Some(course) = self.courses.iter_mut().find(|course| course.id == finding.id) {
            course.changes.push((state, finding.time.clone()));
        } else if detail.over_time && (detail.alarm.is_some() || detail.count == 0) {
            let values: Vec<String> = detail.key.values().map(|value| shown(value)).collect();
            let changes = vec![(state, finding.time.clone())];
            self.courses.push(Course { id: finding.id.clone(), whose: values.join(", "), changes });
        }
    }

    fn title(&self) -> String {
        match self.findings.saturating_sub(1) {
            0 => self.title.clone(),
            others => format!("{} (and {others} like it)", self.title),
        }
    }
}

impl<W: Write> Output for Table<W> {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        let detail = &finding.detail;
        let row = self.rows.entry(detail.rule.clone()).or_insert_with(|| Row {
            severity: detail.severity,
            title: plain(&detail.title).into_owned(),
            findings: 0,
            events: 0,
            first: detail.first_time.clone(),
            last: detail.last_time.clone(),
            who: Names::default(),
            places: Names::default(),
            why: None,
            courses: Vec::new(),
            checks: detail.first_checks.clone(),
        });
        row.follow(finding);
        if detail.revision > 0 {
            // It was counted when it fired.
            return Ok(());
        }
        if detail.over_time && row.why.is_none() {
            row.why = Some(plain(&detail.reason).into_owned());
        }
        if detail.severity > row.severity {
            // The worst finding speaks for the rule.
            row.severity = detail.severity;
            row.title = plain(&detail.title).into_owned();
        }
        row.findings += 1;
        row.events += detail.count;
        row.first = row.first.clone().min(detail.first_time.clone());
        row.last = row.last.clone().max(detail.last_time.clone());
        row.who.add(who(finding), detail.count);
        row.places.add(place(finding), detail.count);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let mut rows: Vec<_> = std::mem::take(&mut self.rows).into_iter().collect();
        rows.sort_by(|(rule_a, a), (rule_b, b)| {
            b.severity.cmp(&a.severity).then_with(|| a.first.cmp(&b.first)).then_with(|| rule_a.cmp(rule_b))
        });
        let (paragraphs, lines): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|(_, row)| row.severity >= Severity::Medium);
        for (rule, row) in &paragraphs {
            self.paragraph(rule, row)?;
        }
        self.lines(&lines)?;
        self.out.flush()
    }
}

/// `NewStateValue` of an alarm's fields.
fn new_state(alarm: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Fields {
        #[serde(rename = "NewStateValue")]
        new: String,
    }
    serde_json::from_str::<Fields>(alarm).map(|fields| fields.new).unwrap_or_default()
}

fn who(finding: &Finding) -> String {
    let detail = &finding.detail;
    let name = detail.principal.human.as_ref().or(detail.principal.name.as_ref());
    let name = shown(name.map_or("unknown", String::as_str));
    match &detail.source_ip {
        Some(address) if shown(address) != name => format!("{name} from {}", shown(address)),
        _ => name,
    }
}

/// A name of an event, however long whoever chose it made it.
fn shown(name: &str) -> String {
    fit_owned(&plain(name), NAME_MAX)
}

fn place(finding: &Finding) -> String {
    let (account, region) = (shown(&finding.account), shown(&finding.region));
    match &finding.detail.account.name {
        Some(name) => format!("{} ({account}) {region}", shown(name)),
        None => format!("{account} {region}"),
    }
}

/// `2026-11-03T02:41:09Z` as people read it.
fn clock(time: &str) -> String {
    time.replacen('T', " ", 1).replacen('Z', " UTC", 1)
}
