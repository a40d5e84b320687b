//! The desk in the store: `route::Desk` with its rows, its counters, and the findings its errands show.
//!
//! Whatever the desk says and remembers goes into the batch of the finding, the tick or the order that it follows from: transaction 1. So
//! after a crash it goes on from exactly what the outbox knows. An errand names the finding it shows; that is taken from what is on its way
//! to the store, or else from the store.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use decide::SourceClass;
use jiff::{SignedDuration, Timestamp};
use route::{
    Acknowledged, Count, Errand, FindingEvent, FindingOutcome, FindingRef, Kept, KeptError, Policy, Row,
    Silence, Standing, Taken, Telling,
};
use serde_json::value::RawValue;
use store::{Audit, Batch, DeliveryKey, Namespace, Reader, Snapshot};

use crate::Journal;
use crate::losses::Told;
use crate::parcel::Parcel;

/// The namespace's name: with a full stop in it, as no rule's id has.
const NAME: &str = "desk.conversations";
/// How often suppressions that hide nothing are told of.
const REMIND: SignedDuration = SignedDuration::from_hours(24);

/// What an operator wants of the desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// Not to tell of something for a while.
    Silence(Silence),
    /// Not to tell for a while of what is like a finding.
    SilenceLike { finding: String, who: String, why: String, until: Timestamp },
    /// To tell of it again.
    Unsilence { id: String, who: String },
    /// Somebody has a finding in hand.
    Acknowledge { finding: String, by: String },
    /// To say something more of a finding wherever it was told.
    Note {
        finding: String,
        note: String,
        /// Where it is kept until it is said, if it is.
        kept: Option<Vec<u8>>,
    },
}

/// Why the desk cannot go on from what is stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeskError {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Kept(#[from] KeptError),
}

/// A finding that is on its way to the store.
#[derive(Debug, Clone)]
pub(crate) struct Fresh {
    pub(crate) json: Arc<str>,
    pub(crate) class: SourceClass,
    pub(crate) received: Option<Timestamp>,
    pub(crate) happened: Option<Timestamp>,
}

impl Fresh {
    /// One that is told later: how long that took says nothing of a message that had to wait.
    fn old(json: Arc<str>) -> Self {
        Fresh { json, class: SourceClass::S3, received: None, happened: None }
    }
}

/// What became of a finding, and by or in what.
#[derive(Debug, Clone)]
pub(crate) struct Became {
    pub(crate) outcome: FindingOutcome,
    pub(crate) of: Option<String>,
}

/// What was put into a batch.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Put {
    pub(crate) deliveries: u64,
    pub(crate) bytes: usize,
}

/// How many conversations stand how, for whoever asks while the desk goes on. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standings(Arc<Mutex<[Count; 4]>>);

impl Standings {
    /// As they were at the last commit, each with what it is called.
    pub(crate) fn get(&self) -> [(Standing, Count); 4] {
        let counts = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = Standing::ALL.map(|standing| (standing, Count::default()));
        all.iter_mut().zip(counts).for_each(|((_, count), now)| *count = now);
        all
    }

    fn set(&self, desk: &route::Desk) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Standing::ALL.map(|standing| desk.count(standing));
    }
}

pub(crate) struct Desk {
    desk: route::Desk,
    standings: Standings,
    given_up: u64,
    told_of_given_up: Told,
    namespace: Namespace,
    reader: Reader,
    fresh: BTreeMap<FindingRef, Fresh>,
    flying: BTreeMap<FindingRef, Fresh>,
    reminded: Timestamp,
}

impl Desk {
    /// Goes on from what is stored.
    pub(crate) fn open(
        mut reader: Reader,
        policy: &Policy,
        batch: &mut Batch,
        now: Timestamp,
        standings: Standings,
        journal: &Journal,
    ) -> Result<Self, DeskError> {
        let namespace = namespace();
        let rows = rows(&reader.snapshot()?)?;
        let borrowed = rows.iter().map(|(key, version, value)| (&key[..], *version, &value[..]));
        let desk = route::Desk::restore(borrowed, policy, now)?;
        batch.adopt(&namespace);
        standings.set(&desk);
        let mut desk = Desk {
            desk,
            standings,
            given_up: 0,
            told_of_given_up: Told::default(),
            namespace,
            reader,
            fresh: BTreeMap::new(),
            flying: BTreeMap::new(),
            reminded: now,
        };
        desk.meet(policy, now, journal);
        Ok(desk)
    }

    /// Goes by another policy from now on.
    pub(crate) fn meet(&mut self, policy: &Policy, now: Timestamp, journal: &Journal) {
        self.desk.meet(policy, now);
        self.remind(now, journal);
    }

    fn remind(&mut self, now: Timestamp, journal: &Journal) {
        self.reminded = now;
        for id in self.desk.idle(now) {
            let line = journal.warn("a suppression hid nothing for 30 days; does anybody need it?");
            line.with("suppression", id).done();
        }
    }

    /// Takes a finding.
    pub(crate) fn take(
        &mut self,
        policy: &Policy,
        event: &FindingEvent,
        fresh: Fresh,
        now: Timestamp,
        batch: &mut Batch,
        journal: &Journal,
    ) -> (Became, Put) {
        let Taken { outcome, hidden_by, conversation, errands } = self.desk.take(policy, event, now);
        batch.count(&format!("findings/{}", outcome.name()), 1);
        if let Some(id) = &hidden_by {
            let by = if outcome == FindingOutcome::Suppressed { "suppression" } else { "silence" };
            batch.count(&format!("hidden/{by}/{id}"), 1);
        }
        let line = journal.debug("a finding");
        let line = line.with("rule", event.rule()).with("id", event.id()).with("outcome", outcome.name());
        line.with("messages", errands.len()).done();
        self.fresh.insert(FindingRef::of(event), fresh);
        let put = self.send(errands, now, batch, journal);
        (Became { outcome, of: hidden_by.or(conversation) }, put)
    }

    /// Says what the time asks for.
    pub(crate) fn tick(
        &mut self,
        policy: &Policy,
        now: Timestamp,
        batch: &mut Batch,
        journal: &Journal,
    ) -> Put {
        if now.duration_since(self.reminded) >= REMIND {
            self.remind(now, journal);
        }
        self.tell_of_given_up(policy, now, batch, journal);
        let errands = self.desk.tick(policy, now);
        self.send(errands, now, batch, journal)
    }

    /// Counts conversations that were given up, and says so: once, and then with pauses.
    fn tell_of_given_up(&mut self, policy: &Policy, now: Timestamp, batch: &mut Batch, journal: &Journal) {
        for (standing, count) in self.desk.given_up() {
            batch.count(&format!("conversations/given-up/{}", standing.name()), count);
            // What is over is remembered only for what settles late.
            self.given_up += if standing == Standing::Closed { 0 } else { count };
        }
        if let Some(more) = self.told_of_given_up.news(self.given_up, now) {
            let line = journal.warn("there are more conversations than are remembered; some are given up");
            line.with("most", policy.fold.conversations_max)
                .with("given_up", more)
                .with("hint", "tell fewer things apart with `fold.by`, or raise `fold.conversations_max`")
                .done();
        }
    }

    /// Does what an operator wants, and notes that in the audit list.
    ///
    /// # Errors
    ///
    /// If it cannot be done; then nothing was.
    pub(crate) fn obey(
        &mut self,
        policy: &Policy,
        order: Order,
        now: Timestamp,
        batch: &mut Batch,
        journal: &Journal,
    ) -> Result<Put, String> {
        let order = match order {
            Order::SilenceLike { finding, who, why, until } => {
                let snapshot = self.reader.snapshot().map_err(|error| error.to_string())?;
                let pattern = pattern_like(&snapshot, &finding)?;
                Order::Silence(Silence::new(who, why, now, until, pattern))
            }
            order => order,
        };
        let audit = order.audit(now.as_millisecond());
        let put = match order {
            Order::SilenceLike { .. } => Put::default(),
            Order::Note { finding, note, kept } => {
                if let Some(kept) = kept {
                    batch.delete(&crate::respond::unsaid_namespace(), &kept);
                }
                let errands = self.desk.note(policy, &finding, &note, now);
                self.send(errands, now, batch, journal)
            }
            Order::Silence(silence) => {
                self.desk.silence(silence).map_err(|error| error.to_string())?;
                Put::default()
            }
            Order::Unsilence { id, .. } => {
                if !self.desk.unsilence(&id) {
                    return Err(format!("there is no silence `{id}`: `trailhound silence list` shows them"));
                }
                Put::default()
            }
            Order::Acknowledge { finding, by } => {
                let by = Acknowledged { by, at: now };
                let Some(errands) = self.desk.acknowledge(policy, &finding, &by, now) else {
                    return Err(format!(
                        "no open conversation has the finding `{finding}`: it was not told to anybody who waits for an answer, or it is closed"
                    ));
                };
                self.send(errands, now, batch, journal)
            }
        };
        audit.map(|audit| batch.audit(audit));
        Ok(put)
    }

    /// Puts what has changed into the batch; says whether there was anything.
    pub(crate) fn save(&mut self, batch: &mut Batch) -> bool {
        let rows = self.desk.changes();
        for Row { key, value } in &rows {
            match value {
                Some((version, value)) => batch.put(&self.namespace, key, *version, value),
                None => batch.delete(&self.namespace, key),
            };
        }
        !rows.is_empty()
    }

    /// The batch is on its way.
    pub(crate) fn submitted(&mut self) {
        self.flying = std::mem::take(&mut self.fresh);
    }

    /// The batch is in the store.
    pub(crate) fn committed(&mut self) {
        self.flying.clear();
        self.standings.set(&self.desk);
    }

    fn send(&mut self, errands: Vec<Errand>, now: Timestamp, batch: &mut Batch, journal: &Journal) -> Put {
        let mut put = Put::default();
        for errand in errands {
            let shown = self.find(&errand.finding);
            let (errand, shown) = match shown {
                Ok(None) => match self.desk.without_finding(errand.clone(), now) {
                    Some((last, shown)) => {
                        batch.count("messages/without-finding", 1);
                        let line = journal.warn("a conversation is closed: its finding is no longer kept");
                        line.with("finding", &last.finding.id).with("target", &last.target).done();
                        (last, Ok(Some(Fresh::old(shown.into()))))
                    }
                    None => (errand, Ok(None)),
                },
                shown => (errand, shown),
            };
            let Errand { target, telling, finding } = errand;
            let unsendable = |reason: &dyn std::fmt::Display| {
                let line = journal.error("a message cannot be made");
                line.with("finding", &finding.id).with("target", &target).with("reason", reason).done();
            };
            let shown = match shown {
                Ok(Some(shown)) => shown,
                Ok(None) => {
                    unsendable(&"its finding is no longer kept");
                    continue;
                }
                Err(error) => {
                    unsendable(&error);
                    continue;
                }
            };
            let Ok(raw) = RawValue::from_string(shown.json.to_string()) else {
                unsendable(&"its finding is damaged");
                continue;
            };
            let Ok(key) = DeliveryKey::new(&*telling.conversation, telling.number, target.as_str()) else {
                unsendable(&"its id cannot be a key");
                continue;
            };
            let kind = match telling.kind {
                route::Kind::First => "messages/first",
                route::Kind::Update => "messages/update",
                route::Kind::Closing => "messages/closing",
            };
            batch.count(kind, 1);
            let Fresh { class, received, happened, .. } = shown;
            let alone = is_alone(&telling, &finding);
            let telling = (!alone).then_some(telling);
            let payload = Parcel { class, received, happened, telling, finding: raw }.pack();
            put.bytes += payload.len();
            put.deliveries += 1;
            batch.deliver(key, payload, now.as_millisecond());
        }
        put
    }

    fn find(&mut self, finding: &FindingRef) -> Result<Option<Fresh>, store::Error> {
        if let Some(fresh) = self.fresh.get(finding).or_else(|| self.flying.get(finding)) {
            return Ok(Some(fresh.clone()));
        }
        let stored = self.reader.snapshot()?.finding_revision(&finding.id, finding.revision)?;
        Ok(stored.and_then(|stored| String::from_utf8(stored.body).ok()).map(|json| Fresh::old(json.into())))
    }
}

impl Order {
    /// What the audit list says of it; nothing of what is noted there by whoever did it.
    fn audit(&self, at_ms: i64) -> Option<Audit> {
        let (actor, action, subject, detail) = match self {
            Order::Silence(silence) => {
                let detail = format!("{}\nuntil {}\n{}", silence.why, silence.until, silence.pattern);
                (&silence.who, "silence", format!("silence {}", silence.id), detail)
            }
            Order::Unsilence { id, who } => (who, "unsilence", format!("silence {id}"), String::new()),
            Order::Acknowledge { finding, by } => {
                (by, "acknowledge", format!("finding {finding}"), String::new())
            }
            Order::Note { .. } | Order::SilenceLike { .. } => return None,
        };
        let (actor, action, detail) = (actor.clone(), action.to_owned(), detail.into_bytes());
        Some(Audit { at_ms, actor, action, subject, detail })
    }
}

/// Whether a message is what a finding by itself would be told as.
fn is_alone(telling: &Telling, finding: &FindingRef) -> bool {
    let Telling { conversation, number, findings, folded, note, since, .. } = telling;
    *conversation == finding.id
        && *number == finding.revision
        && (*findings, *folded) == (1, 0)
        && note.is_none()
        && since.is_none()
        && (telling.kind == route::Kind::First) == (finding.revision == 0)
        && telling.kind != route::Kind::Closing
}

fn namespace() -> Namespace {
    Namespace::new(NAME, [0; 32])
}

/// A row as it is kept: key, version, value.
type Stored = (Vec<u8>, u32, Vec<u8>);

fn rows(snapshot: &Snapshot<'_>) -> Result<Vec<Stored>, store::Error> {
    let mut rows = Vec::new();
    snapshot.scan_state(&namespace(), .., |row| {
        rows.push((row.key.to_vec(), row.version, row.value.to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok(rows)
}

/// What the desk has kept, for a command that looks beside the service.
///
/// # Errors
///
/// If the store cannot be read, or what it has not be understood.
pub fn kept(snapshot: &Snapshot<'_>) -> Result<Kept, String> {
    let rows = rows(snapshot).map_err(|error| error.to_string())?;
    let borrowed = rows.iter().map(|(key, version, value)| (&key[..], *version, &value[..]));
    Kept::read(borrowed).map_err(|error| error.to_string())
}

/// The pattern of what is like a finding that is kept: of the same rule, account and principal.
///
/// # Errors
///
/// If there is no such finding.
pub fn pattern_like(snapshot: &Snapshot<'_>, finding: &str) -> Result<String, String> {
    let kept = snapshot.finding(finding).map_err(|error| error.to_string())?;
    let last = kept.iter().max_by_key(|kept| kept.revision);
    let last = last.ok_or_else(|| format!("there is no finding `{finding}`"))?;
    let event =
        FindingEvent::parse(&String::from_utf8_lossy(&last.body)).map_err(|error| error.to_string())?;
    event.pattern_like().map_err(|error| error.to_string())
}

/// Adds a silence where no service runs.
///
/// # Errors
///
/// If the silence cannot be kept.
pub fn silence_beside(silence: &Silence, now_ms: i64) -> Result<Batch, String> {
    silence.check().map_err(|error| error.to_string())?;
    Ok(beside(Row::silence(silence), &Order::Silence(silence.clone()), now_ms))
}

/// Ends a silence where no service runs.
#[must_use]
pub fn unsilence_beside(id: &str, who: &str, now_ms: i64) -> Batch {
    let order = Order::Unsilence { id: id.to_owned(), who: who.to_owned() };
    beside(Row::no_silence(id), &order, now_ms)
}

fn beside(row: Row, order: &Order, now_ms: i64) -> Batch {
    let mut batch = Batch::new(now_ms);
    let namespace = namespace();
    batch.adopt(&namespace);
    match row.value {
        Some((version, value)) => batch.put(&namespace, &row.key, version, &value),
        None => batch.delete(&namespace, &row.key),
    };
    order.audit(now_ms).map(|audit| batch.audit(audit));
    batch
}
