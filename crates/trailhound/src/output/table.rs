//! For people: what was found, grouped by rule, the worst first.
//!
//! ```text
//! CRITICAL  CloudTrail trail audit stopped in payments-prod             cloudtrail-logging-stopped
//!           2026-11-03 02:41:09   1 event
//!           who    svc-backup from 203.0.113.77
//!           where  payments-prod (111122223333) us-east-1
//!           check  · Who was it and from where?
//! ```
//!
//! What is only of low severity gets one line: the reader of a table wants to see first what must be looked at.

use std::collections::BTreeMap;
use std::io::{self, Write};

use decide::Finding;
use rules::Severity;

use super::text::{Styles, fit, plain};
use super::Output;

/// How many names of principals or places a row shows before it says how many more.
const NAMES_MAX: usize = 3;

pub(crate) struct Table<W> {
    out: W,
    width: usize,
    rows: BTreeMap<String, Row>,
}

/// All findings of one rule.
struct Row {
    severity: Severity,
    title: String,
    titles: usize,
    findings: u64,
    events: u64,
    first: String,
    last: String,
    who: Names,
    places: Names,
    checks: Vec<String>,
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

    fn row(&mut self, rule: &str, row: &Row) -> io::Result<()> {
        let style = Styles::severity(row.severity);
        let badge = format!("{style}{:^8}{style:#}", row.severity.to_string().to_uppercase());
        let (bold, faint) = (Styles::BOLD, Styles::FAINT);
        let room = self.width.saturating_sub(12 + rule.len());
        let title = if row.titles > 1 { format!("{} (and {} like it)", row.title, row.titles - 1) } else { row.title.clone() };
        let title = fit(&title, room.max(40)).into_owned();
        let padding = " ".repeat(room.saturating_sub(unicode_width::UnicodeWidthStr::width(title.as_str())));
        writeln!(self.out, "{badge}  {bold}{title}{bold:#}{padding}  {faint}{rule}{faint:#}")?;
        let span = if row.first == row.last { clock(&row.first) } else { format!("{} to {}", clock(&row.first), clock(&row.last)) };
        let findings = if row.findings == 1 { String::new() } else { format!("{} findings, ", row.findings) };
        let events = if row.events == 1 { "1 event".to_owned() } else { format!("{} events", row.events) };
        self.line("", &format!("{findings}{events}, {span}"))?;
        if row.severity >= Severity::Medium {
            self.line("who", &row.who.text())?;
            self.line("where", &row.places.text())?;
            for (n, check) in row.checks.iter().enumerate() {
                self.line(if n == 0 { "check" } else { "" }, &format!("· {check}"))?;
            }
        } else {
            self.line("who", &format!("{}; {}", row.who.text(), row.places.text()))?;
        }
        writeln!(self.out)
    }

    fn line(&mut self, name: &str, text: &str) -> io::Result<()> {
        let faint = Styles::FAINT;
        if name.is_empty() && !text.starts_with('·') {
            return writeln!(self.out, "          {}", fit(text, self.width.saturating_sub(10)));
        }
        writeln!(self.out, "          {faint}{name:<6}{faint:#} {}", fit(text, self.width.saturating_sub(17)))
    }
}

impl<W: Write> Output for Table<W> {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        let detail = &finding.detail;
        let row = self.rows.entry(detail.rule.clone()).or_insert_with(|| Row {
            severity: detail.severity,
            title: plain(&detail.title).into_owned(),
            titles: 0,
            findings: 0,
            events: 0,
            first: detail.first_time.clone(),
            last: detail.last_time.clone(),
            who: Names::default(),
            places: Names::default(),
            checks: detail.first_checks.clone(),
        });
        if detail.severity > row.severity {
            // The worst finding speaks for the rule.
            row.severity = detail.severity;
            row.title = plain(&detail.title).into_owned();
        }
        row.titles += 1;
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
        for (rule, row) in &rows {
            self.row(rule, row)?;
        }
        self.out.flush()
    }
}

fn who(finding: &Finding) -> String {
    let detail = &finding.detail;
    let name = detail.principal.human.as_ref().or(detail.principal.name.as_ref());
    let name = plain(name.map_or("unknown", String::as_str));
    match &detail.source_ip {
        Some(address) if *address != name => format!("{name} from {}", plain(address)),
        _ => name.into_owned(),
    }
}

fn place(finding: &Finding) -> String {
    let (account, region) = (plain(&finding.account), plain(&finding.region));
    match &finding.detail.account.name {
        Some(name) => format!("{} ({account}) {region}", plain(name)),
        None => format!("{account} {region}"),
    }
}

/// `2026-11-03T02:41:09Z` as people read it.
fn clock(time: &str) -> String {
    time.replacen('T', " ", 1).replacen('Z', " UTC", 1)
}
