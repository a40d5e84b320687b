//! Why a finding is one, in a sentence a person reads.

use std::borrow::Cow;
use std::time::Duration;

use rules::{Decision, Rule, Seen};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::finding::{State, key};
use crate::incident::{Basis, Incident};

/// The longest reason, in characters.
const REASON_MAX: usize = 500;
/// AWS's own are cut at this.
const ALARM_REASON_MAX: usize = 1_023;

/// The reason of an incident.
pub(crate) fn reason(incident: &Incident, rule: &Rule, first: Seen<'_>, records: &[Box<RawValue>]) -> String {
    let mut max = REASON_MAX;
    let reason = match (&incident.basis, &rule.decision) {
        (Basis::Alarm(news), _) => {
            max = ALARM_REASON_MAX;
            news.reason.clone()
        }
        (Basis::Threshold { .. }, Decision::Threshold(of)) => threshold(incident, of, first),
        (Basis::Sequence, Decision::Sequence(of)) => sequence(incident, of, first, records),
        (Basis::FirstSeen { .. }, Decision::FirstSeen(of)) => first_seen(incident, of, first),
        (Basis::Absent, Decision::Absent(of)) => absent(incident, rule, of, first),
        _ => {
            let mut reason = event(first);
            if incident.count > 1 {
                let (more, until) = (incident.count - 1, incident.last_time);
                reason.push_str(&format!(", and {more} more like it until {until}"));
            }
            reason
        }
    };
    // Event text is the attacker's: one line, however long.
    reason.chars().map(|c| if c.is_control() { ' ' } else { c }).take(max).collect()
}

/// `7 events from … to … (5 within 10m are enough), the first: ConsoleLogin of …`.
fn threshold(incident: &Incident, of: &rules::Threshold, first: Seen<'_>) -> String {
    let Basis::Threshold { distinct, exact } = &incident.basis else { return event(first) };
    let what = match (distinct, &of.distinct) {
        (Some(distinct), Some(path)) => {
            let about = if distinct.estimated { "about " } else { "" };
            format!("{about}{} different values of {path} in {} events", distinct.values, incident.count)
        }
        _ => format!("{} events", incident.count),
    };
    let more = if *exact { "" } else { "; too many to know each of them" };
    let (from, to, within) = (incident.first_time, incident.last_time, span(of.within));
    format!(
        "{what} from {from} to {to} ({} within {within} are enough{more}), the first: {}",
        of.count,
        event(first)
    )
}

/// `CreateUser, then AttachUserPolicy within 1h, the first: CreateUser of …`.
fn sequence(incident: &Incident, of: &rules::Sequence, first: Seen<'_>, records: &[Box<RawValue>]) -> String {
    let names: Vec<String> = records.iter().filter_map(|record| name(record)).collect();
    let more = if incident.count > records.len() as u64 { ", …" } else { "" };
    let not = match (incident.state, of.then_not.is_some()) {
        (State::Resolved, true) => "; what must not follow came after all",
        (_, true) => "; what should have followed did not",
        _ => "",
    };
    format!("{}{more} within {}{not}, the first: {}", names.join(", then "), span(of.within), event(first))
}

/// `alice, prod/db: not seen in the last 90d, by GetSecretValue of …`.
fn first_seen(incident: &Incident, of: &rules::FirstSeen, first: Seen<'_>) -> String {
    let Basis::FirstSeen { cold, exact } = &incident.basis else { return event(first) };
    let values: Vec<&str> = incident.key.values().collect();
    let values = values.join(", ");
    let news = match (incident.state, cold, exact) {
        (State::Resolved, ..) => "was seen before after all".to_owned(),
        (_, true, _) => {
            format!("first seen, in a cold start: the first {} only teach what is usual", span(of.learn))
        }
        (_, _, false) => format!("not seen in the last {}, as far as memory goes", span(of.forget)),
        _ => format!("not seen in the last {}", span(of.forget)),
    };
    format!("{values}: {news}; {}", event(first))
}

/// `nothing of account 111122223333 since …, for 24h`.
fn absent(incident: &Incident, rule: &Rule, of: &rules::Absent, first: Seen<'_>) -> String {
    let values: Vec<String> =
        key(incident, rule).into_iter().map(|(path, value)| format!("{path} {value}")).collect();
    let what = if values.is_empty() { String::new() } else { format!(" of {}", values.join(", ")) };
    let since = incident.window_from;
    match incident.state {
        State::Firing => format!("nothing{what} since {since}, for {}", span(of.within)),
        State::Unknown => {
            format!("whether anything{what} came since {since} is unknown: its source is silent")
        }
        State::Resolved if incident.count == 0 => format!("nothing{what} is expected any more"),
        State::Resolved => {
            format!("{} came at {}, after nothing{what} since {since}", event(first), incident.last_time)
        }
    }
}

/// `StopLogging of cloudtrail.amazonaws.com by alice from 203.0.113.7`.
fn event(event: Seen<'_>) -> String {
    let in_detail = |name: &str| event.text("detail", Some(name));
    let what = in_detail("eventName").or_else(|| event.text("detail-type", None));
    let of = in_detail("eventSource").or_else(|| event.text("source", None));
    let mut reason = what.map_or_else(|| "an event".to_owned(), Cow::into_owned);
    let mut add = |word: &str, text: Option<Cow<'_, str>>| {
        if let Some(text) = text {
            reason.extend([" ", word, " ", &*text]);
        }
    };
    add("of", of);
    add("by", Some(Cow::Owned(event.principal().label())));
    add("from", in_detail("sourceIPAddress"));
    add("refused with", in_detail("errorCode"));
    reason
}

/// What a record calls itself.
fn name(record: &RawValue) -> Option<String> {
    let record: Value = serde_json::from_str(record.get()).ok()?;
    let at = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    at("/eventName").or_else(|| at("/detail/eventName")).or_else(|| at("/detail-type"))
}

/// `10m`, `24h`, `90d`: as documents write it.
fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 => format!("{} ms", span.as_millis()),
        _ if seconds.is_multiple_of(86_400) && seconds > 86_400 => format!("{}d", seconds / 86_400),
        _ if seconds.is_multiple_of(3_600) => format!("{}h", seconds / 3_600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_as_documents_write_them() {
        let cases =
            [(600, "10m"), (3_600, "1h"), (86_400, "24h"), (90 * 86_400, "90d"), (90, "90s"), (45, "45s")];
        for (seconds, text) in cases {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }
}
