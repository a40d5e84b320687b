//! The batch that is being filled, and how a finding gets into it.

use jiff::Timestamp;
use route::{FindingEvent, FindingOutcome};
use sources::Acknowledge;

use super::Answer;
use crate::deliberation::Told;
use crate::desk::{Became, Desk, Fresh, Put};
use crate::forward::Gathered;
use crate::respond::About;
use crate::{Journal, Program};

/// A batch that is being filled.
pub(super) struct Open {
    pub(super) batch: store::Batch,
    pub(super) acknowledges: Vec<Acknowledge>,
    pub(super) answers: Vec<Answer>,
    pub(super) gathered: Gathered,
    pub(super) bytes: usize,
    pub(super) deliveries: u64,
    pub(super) empty: bool,
}

impl Open {
    pub(super) fn new(now: Timestamp) -> Self {
        let batch = store::Batch::new(now.as_millisecond());
        Open {
            batch,
            acknowledges: Vec::new(),
            answers: Vec::new(),
            gathered: Gathered::default(),
            bytes: 0,
            deliveries: 0,
            empty: true,
        }
    }

    pub(super) fn note(&mut self, put: Put) {
        self.deliveries += put.deliveries;
        self.bytes += put.bytes;
        if put.deliveries > 0 {
            self.empty = false;
        }
    }

    pub(super) fn add(
        &mut self,
        told: Told,
        program: &Program,
        desk: &mut Desk,
        now: Timestamp,
        journal: &Journal,
    ) {
        let Told { finding, class, received } = told;
        self.empty = false;
        let detail = &finding.detail;
        let json = match serde_json::to_string(&finding) {
            Ok(json) => json,
            Err(error) => {
                // Texts, numbers and JSON that was JSON before.
                journal
                    .error("a finding cannot be written")
                    .with("rule", &detail.rule)
                    .with("reason", error)
                    .done();
                return;
            }
        };
        self.batch.count("findings/received", 1).count(&format!("rules/{}", detail.rule), 1);
        let happened = detail.last_time.parse().ok();
        let about = About { class, received, happened };
        let owed = program.responses.owe(&json, about, now, &mut self.batch);
        self.deliveries += owed.deliveries;
        self.bytes += owed.bytes;
        let became = match FindingEvent::parse(&json) {
            Ok(event) => {
                let fresh = Fresh { json: json.as_str().into(), class, received, happened };
                let (became, put) = desk.take(&program.policy, &event, fresh, now, &mut self.batch, journal);
                self.note(put);
                became
            }
            Err(error) => {
                self.batch.count("findings/unrouted", 1);
                let line = journal.error("a finding cannot be routed");
                line.with("id", &finding.id).with("reason", error).done();
                Became { outcome: FindingOutcome::Unrouted, of: None }
            }
        };
        self.bytes += json.len();
        let time: Option<Timestamp> = finding.time.parse().ok();
        self.batch.finding(store::Finding {
            id: finding.id.clone(),
            revision: detail.revision,
            rule: detail.rule.clone(),
            severity: severity(detail.severity),
            state: state(detail.state).to_owned(),
            account: finding.account.clone(),
            region: finding.region.clone(),
            time_ms: time.unwrap_or(now).as_millisecond(),
            outcome: Some(became.outcome.name().to_owned()),
            outcome_of: became.of,
            body: json.into_bytes(),
        });
    }
}

fn state(state: decide::State) -> &'static str {
    match state {
        decide::State::Firing => "firing",
        decide::State::Resolved => "resolved",
        decide::State::Unknown => "unknown",
    }
}

fn severity(severity: rules::Severity) -> store::Severity {
    match severity {
        rules::Severity::Info => store::Severity::Info,
        rules::Severity::Low => store::Severity::Low,
        rules::Severity::Medium => store::Severity::Medium,
        rules::Severity::High => store::Severity::High,
        rules::Severity::Critical => store::Severity::Critical,
    }
}
