//! What findings are responded to: each response has a lane of its own in the outbox, and notes what it does in the audit list of the store.
//!
//! A response is owed like a message, and independent of routes: a finding that nobody is told of, because it is silenced or held, is responded
//! to all the same. What was done is said wherever the finding was told.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use decide::SourceClass;
use event_pattern::Pattern;
use jiff::Timestamp;
use route::message::PROSE_MAX;
use route::printable::line;
use route::{FindingEvent, TargetName};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{Batch, DeliveryKey, Namespace, Snapshot, Store};
use targets::respond::{AuditList, Note, NoteError, Stage};
use tokio::sync::oneshot;

use crate::decider::Input;
use crate::desk::Order;
use crate::parcel::Parcel;

/// Which findings are responded to, and in which lanes.
#[derive(Debug, Default)]
pub struct Responses(Vec<Response>);

/// One response.
#[derive(Debug, Clone)]
pub struct Response {
    /// The name of its lane.
    pub lane: TargetName,
    /// Which findings; none means all.
    pub pattern: Option<Pattern>,
}

impl Responses {
    /// All of them.
    #[must_use]
    pub fn new(responses: Vec<Response>) -> Self {
        Responses(responses)
    }

    /// Puts what is owed to a finding into the outbox.
    pub(crate) fn owe(&self, json: &str, about: About, now: Timestamp, batch: &mut Batch) -> Owed {
        let mut owed = Owed::default();
        if self.0.is_empty() {
            return owed;
        }
        // One that cannot be read is told of where it is routed.
        let Ok(finding) = FindingEvent::parse(json) else { return owed };
        let About { class, received, happened } = about;
        for lane in self.of(&finding) {
            let Ok(key) = DeliveryKey::new(finding.id(), finding.revision(), lane.as_str()) else { continue };
            let Ok(raw) = RawValue::from_string(json.to_owned()) else { continue };
            let payload = Parcel { class, received, happened, telling: None, finding: raw }.pack();
            owed.bytes += payload.len();
            owed.deliveries += 1;
            batch.deliver(key, payload, now.as_millisecond());
        }
        owed
    }

    /// The lanes in which a finding is responded to. One that no longer stands is not, and neither is a drill.
    fn of<'a>(&'a self, finding: &'a FindingEvent) -> impl Iterator<Item = &'a TargetName> {
        let stands = finding.state() == route::State::Firing && !finding.is_drill();
        let asked = move |response: &&Response| {
            stands && response.pattern.as_ref().is_none_or(|pattern| pattern.matches(finding.event()))
        };
        self.0.iter().filter(asked).map(|response| &response.lane)
    }
}

/// By which way a finding came.
#[derive(Clone, Copy)]
pub(crate) struct About {
    pub(crate) class: SourceClass,
    pub(crate) received: Option<Timestamp>,
    pub(crate) happened: Option<Timestamp>,
}

/// What was put into the outbox.
#[derive(Default)]
pub(crate) struct Owed {
    pub(crate) deliveries: u64,
    pub(crate) bytes: usize,
}

/// The audit list of the store. What it notes is said wherever the finding was told, too.
pub(crate) struct StoredList {
    store: Arc<Store>,
    orders: Sender<Input>,
    /// Findings with the response that failed: trying again is not said again.
    failed: Mutex<HashSet<(String, String)>>,
}

/// How many failures are remembered.
const FAILED_MAX: usize = 10_000;

impl StoredList {
    pub(crate) fn new(store: Arc<Store>, orders: Sender<Input>) -> Self {
        StoredList { store, orders, failed: Mutex::default() }
    }

    /// What people are told of a step; none if nothing.
    fn told(&self, note: &Note) -> Option<String> {
        let Note { action, subject, said, .. } = note;
        Some(match note.stage {
            Stage::Intended => return None,
            Stage::Done => format!("{action}: {said}"),
            Stage::DryRun => format!("{action} of {subject} would have been done; it is a dry run"),
            Stage::Refused => format!("{action} was refused: {said}"),
            Stage::Failed => {
                let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                if failed.len() >= FAILED_MAX {
                    failed.clear();
                }
                if !failed.insert((note.response.clone(), note.finding.clone())) {
                    return None;
                }
                format!("{action} of {subject} failed: {said}")
            }
        })
    }
}

impl AuditList for StoredList {
    fn note(&self, note: Note) -> Result<(), NoteError> {
        let told = self.told(&note);
        let at_ms = note.at.as_millisecond();
        let mut batch = Batch::new(at_ms);
        if matches!(note.stage, Stage::Intended | Stage::DryRun) {
            let (acted, key) = (acted(), acted_key(&note.response, &note.account));
            batch.adopt(&acted).put(&acted, &key, 1, &at_ms.to_be_bytes());
        }
        let (unfinished, key) = (unfinished(), unfinished_key(&note.response, &note.finding));
        match note.stage {
            Stage::Intended => {
                batch.adopt(&unfinished).put(&unfinished, &key, 1, note.subject.as_bytes());
            }
            Stage::Done | Stage::Failed => {
                batch.adopt(&unfinished).delete(&unfinished, &key);
            }
            Stage::Refused | Stage::DryRun => {}
        }
        batch.audit(store::Audit {
            at_ms,
            actor: format!("respond {}", note.response),
            action: format!("{} {}", note.action, note.stage.name()),
            detail: note.detail().into_bytes(),
            subject: note.subject,
        });
        let unsaid = told.map(|told| Unsaid { finding: note.finding, note: line(&told, PROSE_MAX) });
        let mut kept = None;
        if let Some(unsaid) = &unsaid {
            let (namespace, key) = (unsaid_namespace(), unsaid.key(at_ms));
            // Two texts.
            let value = serde_json::to_vec(unsaid).unwrap_or_default();
            batch.adopt(&namespace).put(&namespace, &key, 1, &value);
            kept = Some(key);
        }
        self.store.commit(batch).map_err(|refused| NoteError(refused.error.to_string()))?;
        if let Some(Unsaid { finding, note }) = unsaid {
            // Nobody waits for the answer, and what the service does not come to say it says at its next start.
            let (answer, _) = oneshot::channel();
            let _ = self.orders.send(Input::Order(Order::Note { finding, note, kept }, answer));
        }
        Ok(())
    }

    fn last_acted(&self, response: &str, account: &str) -> Option<Timestamp> {
        let mut reader = self.store.reader().ok()?;
        let value = reader.snapshot().ok()?.state(&acted(), &acted_key(response, account)).ok()??;
        Timestamp::from_millisecond(i64::from_be_bytes(value.value.as_slice().try_into().ok()?)).ok()
    }

    fn unfinished(&self, response: &str, finding: &str) -> Option<String> {
        let mut reader = self.store.reader().ok()?;
        let row = reader.snapshot().ok()?.state(&unfinished(), &unfinished_key(response, finding)).ok()??;
        String::from_utf8(row.value).ok()
    }
}

/// What is to be said of a finding. It is kept with what was done, and until it is in the outbox.
#[derive(Debug, Serialize, Deserialize)]
struct Unsaid {
    finding: String,
    note: String,
}

impl Unsaid {
    /// In the order of time.
    fn key(&self, at_ms: i64) -> Vec<u8> {
        format!("{at_ms:020} {} {}", self.finding, self.note).into_bytes()
    }
}

/// Where it is kept. The name has a full stop in it, as no rule's id has.
pub(crate) fn unsaid_namespace() -> Namespace {
    Namespace::new("respond.unsaid", [0; 32])
}

/// What was not said when the service last ended.
pub(crate) fn unsaid(snapshot: &Snapshot<'_>) -> Result<Vec<Order>, store::Error> {
    let mut orders = Vec::new();
    snapshot.scan_state(&unsaid_namespace(), .., |row| {
        if let Ok(Unsaid { finding, note }) = serde_json::from_slice(row.value) {
            orders.push(Order::Note { finding, note, kept: Some(row.key.to_vec()) });
        }
        ControlFlow::Continue(())
    })?;
    Ok(orders)
}

/// When each response last meant to act in each account: its cool-down outlives the process. The name has a full stop in it, as no rule's id has.
fn acted() -> Namespace {
    Namespace::new("respond.acted", [0; 32])
}

fn acted_key(response: &str, account: &str) -> Vec<u8> {
    format!("{response}\0{account}").into_bytes()
}

/// What each response meant to do and has not noted an end of. The name has a full stop in it, as no rule's id has.
fn unfinished() -> Namespace {
    Namespace::new("respond.unfinished", [0; 32])
}

fn unfinished_key(response: &str, finding: &str) -> Vec<u8> {
    format!("{response}\0{finding}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_is_responded_to() {
        let lane = |name: &str| TargetName::new(name).unwrap();
        let critical = Pattern::parse(r#"{"detail": {"severity": ["critical"]}}"#).unwrap();
        let responses = Responses::new(vec![
            Response { lane: lane("respond.all"), pattern: None },
            Response { lane: lane("respond.critical"), pattern: Some(critical) },
        ]);
        for (severity, state, wanted) in [
            ("critical", "firing", vec!["respond.all", "respond.critical"]),
            ("low", "firing", vec!["respond.all"]),
            ("critical", "resolved", vec![]),
            (r#"critical", "drill": true, "x": ""#, "firing", vec![]),
        ] {
            let json = format!(
                r#"{{"id": "a", "source": "trailhound", "detail-type": "Trailhound Finding", "detail": {{"severity": "{severity}", "state": "{state}"}}}}"#
            );
            let finding = FindingEvent::parse(&json).unwrap();
            let lanes: Vec<&str> = responses.of(&finding).map(TargetName::as_str).collect();
            assert_eq!(lanes, wanted, "{severity} {state}");
        }
    }

    #[test]
    fn what_is_done_is_in_the_list() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path(), &store::Options::default()).unwrap());
        let note = Note {
            at: "2026-11-03T02:41:10Z".parse().unwrap(),
            response: "switch-on".to_owned(),
            action: "start-logging",
            stage: targets::respond::Stage::Done,
            subject: "main".to_owned(),
            said: "main was off and is on again".to_owned(),
            account: "111122223333".to_owned(),
            finding: "8f2c".to_owned(),
            revision: 0,
            rule: "r".to_owned(),
        };
        let (orders, said) = std::sync::mpsc::channel();
        let list = StoredList::new(Arc::clone(&store), orders);
        list.note(note.clone()).unwrap();
        let note_of = |input| match input {
            Input::Order(Order::Note { finding, note, .. }, _) => (finding, note),
            _ => panic!("another input"),
        };
        let (finding, text) = note_of(said.try_recv().unwrap());
        assert_eq!(
            (finding.as_str(), text.as_str()),
            ("8f2c", "start-logging: main was off and is on again")
        );
        for stage in [Stage::Failed, Stage::Failed, Stage::Intended] {
            list.note(Note { stage, said: "access denied".to_owned(), ..note.clone() }).unwrap();
        }
        // Another process goes by when it last meant to act; what only went wrong was no action.
        let (orders, _) = std::sync::mpsc::channel();
        let again = StoredList::new(Arc::clone(&store), orders);
        assert_eq!(again.last_acted("switch-on", "111122223333"), Some(note.at));
        assert_eq!(again.last_acted("switch-on", "444455556666"), None);
        // It meant to, and nothing says what came of it.
        assert_eq!(again.unfinished("switch-on", "8f2c").as_deref(), Some("main"));
        assert_eq!(again.unfinished("switch-on", "another"), None);
        again.note(Note { stage: Stage::Done, ..note.clone() }).unwrap();
        assert_eq!(again.unfinished("switch-on", "8f2c"), None);
        let said: Vec<String> = said.try_iter().map(|input| note_of(input).1).collect();
        assert_eq!(said, ["start-logging of main failed: access denied"], "once");
        // Nobody has said them yet: they are there at the next start, in their order.
        let mut reader = store.reader().unwrap();
        let left: Vec<String> = unsaid(&reader.snapshot().unwrap())
            .unwrap()
            .into_iter()
            .filter_map(|order| match order {
                Order::Note { note, kept, .. } => kept.map(|_| note),
                _ => None,
            })
            .collect();
        assert_eq!(
            left,
            ["start-logging of main failed: access denied", "start-logging: main was off and is on again"]
        );
        let row = reader.snapshot().unwrap().audit(0, 10).unwrap().remove(0);
        assert_eq!(
            (row.entry.actor.as_str(), row.entry.action.as_str()),
            ("respond switch-on", "start-logging done")
        );
        assert_eq!(row.entry.subject, "main");
    }
}
