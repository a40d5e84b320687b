//! `trailhound findings`: what the service found, out of its state folder.

use std::io::{self, Write};

use route::{FindingEvent, Message};
use service::severity_name;
use store::{Finding, FindingFilter, Severity, Snapshot};

use super::status::{open, store_failure};
use crate::arguments::{FindingsFormat, StoredFindings};
use crate::exit_code::{Exit, Failure, Outcome};
use crate::output::{Styles, fit, line_width, plain, written};
use crate::talk::Talk;

/// Findings read at once.
const PAGE: u32 = 200;

pub(crate) fn run(arguments: &StoredFindings, talk: Talk) -> Outcome {
    let folder = super::state::folder(&arguments.state)?;
    let mut reader = open(&folder)?;
    let snapshot = reader.snapshot().map_err(store_failure)?;
    let millis = |time: Option<cloudtrail::EventTime>| time.map(|time| time.as_micros() / 1_000);
    let filter = FindingFilter {
        severity_min: arguments.severity.map(stored),
        rule: arguments.rule.clone(),
        account: arguments.account.clone(),
        state: None,
        from_ms: millis(arguments.from),
        to_ms: millis(arguments.to),
        replaced: arguments.revisions,
    };
    let format = arguments.format.unwrap_or(if Talk::out_is_terminal() {
        FindingsFormat::Table
    } else {
        FindingsFormat::Ndjson
    });
    let mut count = 0;
    let mut each = |write: &mut dyn FnMut(&Finding, u64) -> io::Result<()>| -> Result<(), Failure> {
        pages(&snapshot, &filter, arguments.limit, |finding| {
            count += 1;
            written(write(finding, count))
        })
    };
    match format {
        FindingsFormat::Table => {
            let (mut out, width) = (talk.out(), line_width());
            each(&mut |finding, _| row(&mut out, finding, width))?;
            written(out.flush())?;
        }
        FindingsFormat::Ndjson => {
            let mut out = Talk::out_for_programs();
            each(&mut |finding, _| {
                out.write_all(&finding.body)?;
                out.write_all(b"\n")
            })?;
            written(out.flush())?;
        }
        FindingsFormat::Json => {
            let mut out = Talk::out_for_programs();
            each(&mut |finding, number| {
                out.write_all(if number == 1 { b"[\n" } else { b",\n" })?;
                out.write_all(&finding.body)
            })?;
            let end: &[u8] = if count == 0 { b"[]\n" } else { b"\n]\n" };
            written(out.write_all(end).and_then(|()| out.flush()))?;
        }
    }
    if count == 0 {
        talk.note("no findings");
    }
    Ok(Exit::Fine)
}

/// Newest first, up to `limit` of them.
fn pages(
    snapshot: &Snapshot<'_>,
    filter: &FindingFilter,
    limit: u64,
    mut each: impl FnMut(&Finding) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (mut after, mut left) = (None, limit);
    while left > 0 {
        let rows = u32::try_from(left).unwrap_or(u32::MAX).min(PAGE);
        let page = snapshot.findings(filter, after, rows).map_err(store_failure)?;
        left -= page.findings.len() as u64;
        page.findings.iter().try_for_each(&mut each)?;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(())
}

/// `2026-11-03 02:41:09  CRITICAL  The title`, and below it the rule with what happened.
fn row(out: &mut dyn Write, finding: &Finding, width: usize) -> io::Result<()> {
    let told = std::str::from_utf8(&finding.body).ok().and_then(|json| FindingEvent::parse(json).ok());
    let message = told.as_ref().map(Message::of);
    let title = message.as_ref().map_or("(cannot be read)", |message| {
        message.headline.split_once("] ").map_or(&*message.headline, |(_, rest)| rest)
    });
    let time = jiff::Timestamp::from_millisecond(finding.time_ms).unwrap_or_default();
    let name = severity_name(finding.severity);
    let severity = rules::Severity::ALL.into_iter().find(|one| one.as_str() == name);
    let style = Styles::severity(severity.unwrap_or(rules::Severity::Info));
    let badge = name.to_uppercase();
    let padding = " ".repeat(10_usize.saturating_sub(badge.len()));
    let title = plain(title);
    let room = width.saturating_sub(31).max(20);
    writeln!(
        out,
        "{}  {style}{badge}{style:#}{padding}{}",
        time.strftime("%Y-%m-%d %H:%M:%S"),
        fit(&title, room)
    )?;
    let faint = Styles::FAINT;
    let below = format!("{} in {} {} ({})", finding.rule, finding.account, finding.region, finding.id);
    writeln!(out, "{:21}{faint}{}{faint:#}", "", plain(&below))
}

fn stored(severity: rules::Severity) -> Severity {
    match severity {
        rules::Severity::Info => Severity::Info,
        rules::Severity::Low => Severity::Low,
        rules::Severity::Medium => Severity::Medium,
        rules::Severity::High => Severity::High,
        rules::Severity::Critical => Severity::Critical,
    }
}
