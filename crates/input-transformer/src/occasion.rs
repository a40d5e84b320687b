//! The occasion on which an event is handed to a target: what the reserved variables of a template say.

use jiff::Timestamp;

use crate::event::{Event, Value};
use crate::json::Kind;

/// The rule that matched and when the event came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occasion<'a> {
    /// The rule's ARN: `<aws.events.rule-arn>`.
    pub rule_arn: &'a str,
    /// The rule's name: `<aws.events.rule-name>`.
    pub rule_name: &'a str,
    /// When the event was received: `<aws.events.event.ingestion-time>`.
    pub ingestion_time: Timestamp,
}

/// A variable that every template has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reserved {
    RuleArn,
    RuleName,
    IngestionTime,
    /// The envelope: the event without its detail.
    Envelope,
    /// The whole event.
    Json,
}

/// What a reserved variable stands for.
pub(crate) enum ReservedValue {
    Text(String),
    Json(String),
}

impl Reserved {
    pub(crate) const ALL: [Reserved; 5] =
        [Reserved::RuleArn, Reserved::RuleName, Reserved::IngestionTime, Reserved::Envelope, Reserved::Json];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Reserved::RuleArn => "aws.events.rule-arn",
            Reserved::RuleName => "aws.events.rule-name",
            Reserved::IngestionTime => "aws.events.event.ingestion-time",
            Reserved::Envelope => "aws.events.event",
            Reserved::Json => "aws.events.event.json",
        }
    }

    pub(crate) fn value(self, event: &Event, occasion: &Occasion<'_>) -> ReservedValue {
        match self {
            Reserved::RuleArn => ReservedValue::Text(occasion.rule_arn.to_owned()),
            Reserved::RuleName => ReservedValue::Text(occasion.rule_name.to_owned()),
            Reserved::IngestionTime => ReservedValue::Text(format!("{:.3}", occasion.ingestion_time)),
            Reserved::Envelope => ReservedValue::Json(envelope(event)),
            Reserved::Json => ReservedValue::Json(event.to_json()),
        }
    }
}

/// The event without its detail, in the service's own shape: `detailType` for `detail-type`, and the time in milliseconds.
fn envelope(event: &Event) -> String {
    const MEMBERS: [(&str, &str); 8] = [
        ("id", "id"),
        ("account", "account"),
        ("detailType", "detail-type"),
        ("time", "time"),
        ("source", "source"),
        ("region", "region"),
        ("resources", "resources"),
        ("version", "version"),
    ];
    let mut out = String::from("{");
    for (name, member) in MEMBERS {
        let Some(value) = event.root().member(member) else { continue };
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(&format!("\"{name}\":"));
        match milliseconds(value).filter(|_| name == "time") {
            Some(milliseconds) => out.push_str(&milliseconds.to_string()),
            None => value.write_json(&mut out),
        }
    }
    out.push('}');
    out
}

fn milliseconds(time: Value<'_>) -> Option<i64> {
    if time.kind() != Some(Kind::String) {
        return None;
    }
    time.as_str()?.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_has_what_the_event_has() {
        for (event, wanted) in [
            (
                r#"{"version": "0", "id": "i", "detail-type": "T", "source": "s", "account": "1", "time": "2026-03-23T09:00:00Z", "region": "r", "resources": ["a", "b"], "detail": {"x": 1}, "replay-name": "y"}"#,
                r#"{"id":"i","account":"1","detailType":"T","time":1774256400000,"source":"s","region":"r","resources":["a","b"],"version":"0"}"#,
            ),
            (r#"{"time": "yesterday", "id": 5}"#, r#"{"id":5,"time":"yesterday"}"#),
            (r#"{"time": 5}"#, r#"{"time":5}"#),
            ("{}", "{}"),
        ] {
            assert_eq!(envelope(&Event::parse(event).unwrap()), wanted);
        }
    }
}
