//! `trailhound rehearse`: what rules would have told day by day over a history, and whom to except so that they tell less.
//!
//! It is a scan whose findings are counted instead of printed.

mod proposals;

use std::collections::BTreeMap;
use std::io;

use cloudtrail::EventTime;
use decide::{Finding, State};
use rules::Severity;
use serde::Serialize;

use super::scan;
use crate::arguments::{Rehearse, RehearseFormat, Scan};
use crate::exit_code::Outcome;
use crate::output::{Output, Styles, plain, print};
use crate::talk::Talk;

use proposals::{Proposal, propose};

pub(crate) fn run(arguments: Rehearse, talk: Talk) -> Outcome {
    let format = arguments.format;
    let scan = Scan {
        history: arguments.history,
        choice: arguments.choice,
        format: None,
        severity: arguments.severity,
        fail_on: None,
        stats: None,
        ids: None,
    };
    let mut counted = Counted::default();
    let scanned = scan::through(&scan, &mut counted, talk)?;
    let report = Report::new(counted, scanned.span);
    print(talk, |out| match format {
        RehearseFormat::Table => report.table(out),
        RehearseFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, &report)?;
            writeln!(out)
        }
        RehearseFormat::Yaml => report.overrides(out),
    })?;
    Ok(scanned.exit)
}

/// Findings as they come.
#[derive(Default)]
struct Counted {
    rules: BTreeMap<(String, String), Tally>,
}

/// The findings of one rule in one account.
#[derive(Default)]
struct Tally {
    severity: Option<Severity>,
    days: BTreeMap<String, u64>,
    /// By name, with the kind.
    principals: BTreeMap<(String, String), u64>,
    addresses: BTreeMap<String, u64>,
}

impl Output for Counted {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        let detail = &finding.detail;
        // What an absence or alarm says later is the same finding, further on.
        if detail.state != State::Firing {
            return Ok(());
        }
        let tally = self.rules.entry((detail.rule.clone(), finding.account.clone())).or_default();
        tally.severity = tally.severity.max(Some(detail.severity));
        *tally.days.entry(day(&finding.time).to_owned()).or_default() += 1;
        if let Some(name) = &detail.principal.name {
            *tally.principals.entry((name.clone(), detail.principal.kind.clone())).or_default() += 1;
        }
        if let Some(address) = &detail.source_ip {
            *tally.addresses.entry(address.clone()).or_default() += 1;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `2026-11-03` of `2026-11-03T02:15:00Z`.
fn day(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}

/// What is printed.
#[derive(Serialize)]
struct Report {
    from: Option<String>,
    to: Option<String>,
    /// How long the history is, in days.
    days: f64,
    findings: u64,
    rules: Vec<Line>,
    #[serde(rename = "override")]
    proposals: Vec<Proposal>,
}

/// One rule in one account.
#[derive(Serialize)]
struct Line {
    rule: String,
    account: String,
    /// The highest any finding has.
    severity: Severity,
    findings: u64,
    per_day: f64,
    /// The day with the most.
    worst_day: String,
    on_worst_day: u64,
    days: BTreeMap<String, u64>,
    principals: Vec<Maker>,
    addresses: Vec<Maker>,
}

/// Somebody, and how many findings are about them.
#[derive(Clone, Serialize)]
struct Maker {
    name: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    kind: String,
    findings: u64,
}

const SECONDS_A_DAY: f64 = 86_400.0;

impl Report {
    #[expect(clippy::cast_precision_loss, reason = "averages for people")]
    fn new(counted: Counted, span: Option<(EventTime, EventTime)>) -> Self {
        let seconds = span.map_or(0, |(from, to)| to.as_seconds() - from.as_seconds());
        // An hour of logs is no reason to speak of twenty times as much a day.
        let days = (seconds as f64 / SECONDS_A_DAY).max(1.0);
        let mut rules: Vec<Line> = counted
            .rules
            .into_iter()
            .map(|((rule, account), tally)| tally.line(rule, account, days))
            .collect();
        rules.sort_by(|a, b| {
            b.findings.cmp(&a.findings).then_with(|| (&a.rule, &a.account).cmp(&(&b.rule, &b.account)))
        });
        let proposals = propose(&rules, span.map(|(_, to)| to));
        Report {
            from: span.map(|(from, _)| from.to_string()),
            to: span.map(|(_, to)| to.to_string()),
            days: rounded(days),
            findings: rules.iter().map(|line| line.findings).sum(),
            rules,
            proposals,
        }
    }

    fn table(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let (bold, faint) = (Styles::BOLD, Styles::FAINT);
        let widest = self.rules.iter().map(|line| line.rule.len()).max().unwrap_or_default().max(4);
        writeln!(
            out,
            "{bold}{:>8}  {:>7}  {:<17}  {:<8}  {:<widest$}  {:<12}  mostly{bold:#}",
            "findings", "per day", "worst day", "severity", "rule", "account"
        )?;
        for line in &self.rules {
            let severity = Styles::severity(line.severity);
            let who = line
                .principals
                .first()
                .map(|maker| format!("{} ({} of {})", plain(&maker.name), maker.findings, line.findings));
            writeln!(
                out,
                "{:>8}  {:>7.1}  {:<17}  {severity}{:<8}{severity:#}  {:<widest$}  {:<12}  {faint}{}{faint:#}",
                line.findings,
                line.per_day,
                format!("{} ({})", line.worst_day, line.on_worst_day),
                line.severity,
                line.rule,
                line.account,
                who.unwrap_or_default()
            )?;
        }
        writeln!(
            out,
            "\n{} findings in {:.1} days: {:.1} a day",
            self.findings,
            self.days,
            self.rules.iter().map(|line| line.per_day).sum::<f64>()
        )?;
        if !self.proposals.is_empty() {
            writeln!(
                out,
                "\nWould be told less with these exceptions. Read each: an exception hides the thief of who is excepted, too.\n"
            )?;
            self.overrides(out)?;
        }
        Ok(())
    }

    fn overrides(&self, out: &mut dyn io::Write) -> io::Result<()> {
        if self.proposals.is_empty() {
            return writeln!(out, "override: []");
        }
        writeln!(out, "override:")?;
        self.proposals.iter().try_for_each(|proposal| proposal.write(out))
    }
}

impl Tally {
    #[expect(clippy::cast_precision_loss, reason = "averages for people")]
    fn line(self, rule: String, account: String, days: f64) -> Line {
        let findings = self.days.values().sum();
        let worst =
            self.days.iter().max_by_key(|(day, findings)| (**findings, std::cmp::Reverse((*day).clone())));
        let (worst_day, on_worst_day) =
            worst.map(|(day, findings)| (day.clone(), *findings)).unwrap_or_default();
        Line {
            severity: self.severity.unwrap_or(Severity::Info),
            findings,
            per_day: rounded(findings as f64 / days),
            worst_day,
            on_worst_day,
            days: self.days,
            principals: makers(self.principals.into_iter().map(|((name, kind), findings)| Maker {
                name,
                kind,
                findings,
            })),
            addresses: makers(self.addresses.into_iter().map(|(name, findings)| Maker {
                name,
                kind: String::new(),
                findings,
            })),
            rule,
            account,
        }
    }
}

/// Who makes the most, first.
fn makers(all: impl Iterator<Item = Maker>) -> Vec<Maker> {
    /// Further ones make too little to matter.
    const SHOWN: usize = 10;
    let mut makers: Vec<Maker> = all.collect();
    makers.sort_by(|a, b| b.findings.cmp(&a.findings).then_with(|| a.name.cmp(&b.name)));
    makers.truncate(SHOWN);
    makers
}

/// To two digits after the point: more would be noise.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
