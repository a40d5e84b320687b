//! One row a finding, for spreadsheets.
//!
//! Event text is the attacker's, and a spreadsheet runs a cell that begins like a formula; such cells get an apostrophe in
//! front (OWASP, "CSV Injection").

use std::borrow::Cow;
use std::io::{self, Write};

use decide::{Finding, State};

use super::{Output, plain};

const COLUMNS: [&str; 17] = [
    "time",
    "severity",
    "rule",
    "title",
    "account",
    "account_name",
    "region",
    "principal",
    "source_ip",
    "count",
    "first_time",
    "last_time",
    "event_id",
    "id",
    "fingerprint",
    "state",
    "revision",
];

pub(crate) struct Csv<W: Write> {
    out: csv::Writer<W>,
    begun: bool,
}

impl<W: Write> Csv<W> {
    pub(crate) fn new(out: W) -> Self {
        Csv { out: csv::Writer::from_writer(out), begun: false }
    }

    fn begin(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.begun, true) {
            self.out.write_record(COLUMNS)?;
        }
        Ok(())
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Firing => "firing",
        State::Resolved => "resolved",
        State::Unknown => "unknown",
    }
}

impl<W: Write> Output for Csv<W> {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        self.begin()?;
        let detail = &finding.detail;
        let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
        let cells: [String; COLUMNS.len()] = [
            finding.time.clone(),
            detail.severity.to_string(),
            detail.rule.clone(),
            detail.title.clone(),
            finding.account.clone(),
            or_empty(&detail.account.name),
            finding.region.clone(),
            or_empty(&detail.principal.name),
            or_empty(&detail.source_ip),
            detail.count.to_string(),
            detail.first_time.clone(),
            detail.last_time.clone(),
            detail.event_ids.first().cloned().unwrap_or_default(),
            finding.id.clone(),
            detail.fingerprint.clone(),
            state(detail.state).to_owned(),
            detail.revision.to_string(),
        ];
        self.out.write_record(cells.iter().map(|cell| harmless(cell).into_owned()))?;
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.begin()?;
        self.out.flush()
    }
}

/// The cell, so that no spreadsheet takes it for a formula.
fn harmless(cell: &str) -> Cow<'_, str> {
    let text = plain(cell);
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { Cow::Owned(format!("'{text}")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_never_formulas() {
        assert_eq!(harmless("alice"), "alice");
        assert_eq!(harmless("=HYPERLINK(\"http://198.51.100.1\")"), "'=HYPERLINK(\"http://198.51.100.1\")");
        assert_eq!(harmless("@SUM(A1)"), "'@SUM(A1)");
        assert_eq!(harmless("a\u{1b}[2J"), "a␛[2J");
    }
}
