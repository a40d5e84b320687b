//! `trailhound findings`: what the service found, and what became of it, out of its state folder.

use std::collections::BTreeMap;
use std::io::{self, Write};

use route::{FindingEvent, Message};
use serde_json::json;
use service::severity_name;
use store::{Delivery, DeliveryState, Finding, FindingFilter, Severity, Snapshot};

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
            each(&mut |finding, _| row(&mut out, finding, &told_of(&snapshot, finding)?, width))?;
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
        FindingsFormat::Outcomes => {
            let mut out = Talk::out_for_programs();
            each(&mut |finding, _| writeln!(out, "{}", outcome(finding, &told_of(&snapshot, finding)?)))?;
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

/// The messages of the conversation in which a finding is told.
fn told_of(snapshot: &Snapshot<'_>, finding: &Finding) -> io::Result<Vec<Delivery>> {
    let conversation = match finding.outcome.as_deref() {
        Some("sent" | "held" | "folded") => finding.outcome_of.as_deref(),
        Some(_) => None,
        // Of an earlier version: what it began is known.
        None => Some(&*finding.id),
    };
    conversation.map_or_else(|| Ok(Vec::new()), |id| snapshot.deliveries_of(id)).map_err(io::Error::other)
}

/// What became of a finding, for programs.
fn outcome(finding: &Finding, messages: &[Delivery]) -> serde_json::Value {
    let millis = |at: i64| jiff::Timestamp::from_millisecond(at).unwrap_or_default().to_string();
    let messages = messages.iter().map(|one| {
        json!({
            "key": one.key.to_string(), "target": one.key.target(), "state": one.state.name(), "attempts": one.attempts,
            "changed": millis(one.changed_ms), "error": one.error,
        })
    });
    json!({
        "id": finding.id, "revision": finding.revision, "rule": finding.rule, "severity": severity_name(finding.severity),
        "state": finding.state, "account": finding.account, "region": finding.region, "time": millis(finding.time_ms),
        "outcome": finding.outcome, "of": finding.outcome_of, "messages": messages.collect::<Vec<_>>(),
    })
}

/// What became of a finding, for people: `folded into 8f2c…; security: delivered, oncall: 2 delivered, 1 pending`.
fn became(finding: &Finding, messages: &[Delivery]) -> String {
    let of = finding.outcome_of.as_deref().unwrap_or_default();
    let outcome = finding.outcome.as_deref().unwrap_or("told by an earlier version");
    let mut text = match outcome {
        "folded" if of != finding.id => format!("folded into {of}"),
        "suppressed" => format!("suppressed by {of}"),
        "silenced" => format!("silenced by {of}"),
        "dropped" => "dropped: it came outside of the hours of its route".to_owned(),
        "unrouted" => "unrouted: no route takes it".to_owned(),
        other => other.to_owned(),
    };
    let mut targets: BTreeMap<&str, BTreeMap<DeliveryState, usize>> = BTreeMap::new();
    for one in messages {
        *targets.entry(one.key.target()).or_default().entry(one.state).or_default() += 1;
    }
    for (number, (target, states)) in targets.into_iter().enumerate() {
        let states: Vec<String> = states
            .into_iter()
            .map(
                |(state, count)| {
                    if count == 1 { state.name().to_owned() } else { format!("{count} {}", state.name()) }
                },
            )
            .collect();
        text.push_str(&format!(
            "{}{target}: {}",
            if number == 0 { "; " } else { ", " },
            states.join(" and ")
        ));
    }
    text
}

/// `2026-11-03 02:41:09  CRITICAL  The title`, below it the rule with where it happened, and what became of it.
fn row(out: &mut dyn Write, finding: &Finding, messages: &[Delivery], width: usize) -> io::Result<()> {
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
    writeln!(out, "{:21}{faint}{}{faint:#}", "", plain(&below))?;
    writeln!(out, "{:21}{faint}{}{faint:#}", "", plain(&became(finding, messages)))
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
