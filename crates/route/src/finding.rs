//! A finding as route and targets see it: its JSON, read once.
//!
//! Only what cannot be done without makes a finding unreadable: that it is one, and an id that can travel in a header. Every other field
//! may be missing, because an outbox outlives the version that filled it.

use std::collections::BTreeMap;
use std::fmt;

use event_pattern::{Event, EventError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// `source` of every finding.
pub(crate) const SOURCE: &str = "trailhound";
/// `detail-type` of every finding.
pub(crate) const DETAIL_TYPE: &str = "Trailhound Finding";

/// A finding, read from its JSON.
pub struct FindingEvent {
    json: Box<str>,
    event: Event,
    told: Told,
}

/// JSON that is no finding.
#[derive(Debug, thiserror::Error)]
pub enum FindingError {
    /// It cannot be read at all, or a field is not what it must be.
    #[error("the finding cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// It is some other event.
    #[error(
        "the event is not a finding: its `source` is not `trailhound` or its `detail-type` not `Trailhound Finding`"
    )]
    AnotherEvent,
    /// Its id is empty, too long, or has characters that an idempotency key cannot have.
    #[error("the finding's id must be 1 to 128 printable ASCII characters without colon and blank")]
    Id,
    /// It cannot be matched by patterns.
    #[error("the finding cannot be matched: {0}")]
    Unmatchable(#[from] EventError),
}

/// How grave a finding is. Ordered: `Info` is least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    #[default]
    Info,
    /// Look when there is time.
    Low,
    /// Look today.
    Medium,
    /// Look now.
    High,
    /// Wake somebody.
    Critical,
}

/// Whether what a finding says is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is so.
    #[default]
    Firing,
    /// It was so.
    Resolved,
    /// It cannot be decided, because the source is silent.
    Unknown,
}

/// What messages are made of. `null` and a missing field are the same.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Told {
    pub(crate) id: String,
    source: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) time: String,
    pub(crate) detail: Detail,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Detail {
    pub(crate) rule: String,
    pub(crate) title: String,
    pub(crate) severity: Severity,
    pub(crate) state: State,
    pub(crate) revision: u32,
    pub(crate) reason: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) account: Option<Account>,
    pub(crate) principal: Option<Principal>,
    pub(crate) source_ip: Option<String>,
    pub(crate) source: Option<Place>,
    pub(crate) key: Option<BTreeMap<String, String>>,
    pub(crate) count: u64,
    pub(crate) first_time: Option<String>,
    pub(crate) last_time: Option<String>,
    pub(crate) event_ids: Option<Vec<String>>,
    pub(crate) records: Option<Vec<Box<RawValue>>>,
    pub(crate) first_checks: Option<Vec<String>>,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) owner: Option<String>,
    pub(crate) alarm: Option<Box<RawValue>>,
    /// Whether nothing happened: it is told to see that telling works.
    pub(crate) drill: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Account {
    pub(crate) name: Option<String>,
    pub(crate) ou: Option<String>,
}

/// Where an address is, and whose.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Place {
    pub(crate) country: Option<String>,
    pub(crate) city: Option<String>,
    pub(crate) asn: Option<u32>,
    pub(crate) org: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Principal {
    pub(crate) kind: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) arn: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) human: Option<String>,
}

impl FindingEvent {
    /// Reads a finding.
    ///
    /// # Errors
    ///
    /// If the text is not the JSON of a finding.
    pub fn parse(json: &str) -> Result<Self, FindingError> {
        let told: Told = serde_json::from_str(json)?;
        if told.source != SOURCE || told.detail_type != DETAIL_TYPE {
            return Err(FindingError::AnotherEvent);
        }
        let travels = |byte: u8| byte.is_ascii_graphic() && byte != b':';
        if told.id.is_empty() || told.id.len() > 128 || !told.id.bytes().all(travels) {
            return Err(FindingError::Id);
        }
        let event = match Event::parse(json) {
            Ok(event) => event,
            // A record may be nested deeper than a pattern can look; routes then see the finding without it.
            Err(_) => Event::parse(without_records(json)?)?,
        };
        Ok(FindingEvent { json: json.into(), event, told })
    }

    /// The text it was read from.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The event that patterns match.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The finding's id: printable ASCII without a colon.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.told.id
    }

    /// The id of its rule.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.told.detail.rule
    }

    /// When it became so, if the finding tells.
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        self.told.time.parse().ok()
    }

    /// How many events are in it.
    pub(crate) fn count(&self) -> u64 {
        self.told.detail.count
    }

    /// Whether it stands until it is resolved, as alarms and absences do; any other has happened.
    pub(crate) fn lasts(&self) -> bool {
        self.told.detail.alarm.is_some() || self.told.detail.count == 0
    }

    /// How often it was re-issued with later knowledge.
    #[must_use]
    pub fn revision(&self) -> u32 {
        self.told.detail.revision
    }

    /// How grave it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.told.detail.severity
    }

    /// Whether it stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.told.detail.state
    }

    /// Whether nothing happened, and it is told to see that telling works.
    #[must_use]
    pub fn is_drill(&self) -> bool {
        self.told.detail.drill == Some(true)
    }

    /// The account it is about; empty if it is about none.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.told.account
    }

    /// How many records it holds.
    #[must_use]
    pub fn record_count(&self) -> usize {
        self.told.detail.records.as_ref().map_or(0, Vec::len)
    }

    pub(crate) fn told(&self) -> &Told {
        &self.told
    }
}

impl fmt::Debug for FindingEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("FindingEvent").field(&self.told.id).field(&self.told.detail.revision).finish()
    }
}

fn without_records(json: &str) -> Result<String, serde_json::Error> {
    type Object = BTreeMap<String, Box<RawValue>>;
    let mut finding: Object = serde_json::from_str(json)?;
    if let Some(detail) = finding.get_mut("detail") {
        let mut object: Object = serde_json::from_str(detail.get())?;
        object.remove("records");
        *detail = serde_json::value::to_raw_value(&object)?;
    }
    serde_json::to_string(&finding)
}

impl Severity {
    /// All of them, least first.
    pub const ALL: [Severity; 5] =
        [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    /// The name, as a finding has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

impl State {
    /// All of them.
    pub const ALL: [State; 3] = [State::Firing, State::Resolved, State::Unknown];

    /// The name, as a finding has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            State::Firing => "firing",
            State::Resolved => "resolved",
            State::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(id: &str, detail: &str) -> String {
        format!(
            r#"{{"id": "{id}", "source": "trailhound", "detail-type": "Trailhound Finding", "detail": {detail}}}"#
        )
    }

    #[test]
    fn only_a_finding_is_read() {
        FindingEvent::parse(&finding("a-1", "{}")).unwrap();
        for id in ["", "a:1", "a b", "a\\nb", "é", &"x".repeat(129)] {
            let error = FindingEvent::parse(&finding(id, "{}")).unwrap_err();
            assert!(matches!(error, FindingError::Id), "{id:?}: {error}");
        }
        let other = r#"{"id": "a", "source": "aws.ec2", "detail-type": "Trailhound Finding"}"#;
        assert!(matches!(FindingEvent::parse(other), Err(FindingError::AnotherEvent)));
        for broken in ["", "3", "{", &finding("a", r#"{"severity": "dire"}"#)] {
            assert!(matches!(FindingEvent::parse(broken), Err(FindingError::Unreadable(_))), "{broken}");
        }
    }

    #[test]
    fn a_record_nested_too_deep_costs_only_the_record() {
        let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
        let json = finding("a", &format!(r#"{{"rule": "r", "severity": "high", "records": [{deep}]}}"#));
        let read = FindingEvent::parse(&json).unwrap();
        assert_eq!(read.event().leaves("detail.rule").count(), 1);
        assert_eq!(read.severity(), Severity::High);
    }

    #[test]
    fn names_are_those_of_the_json() {
        for severity in Severity::ALL {
            assert_eq!(serde_json::to_value(severity).unwrap(), severity.name());
        }
        for state in State::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }
}
