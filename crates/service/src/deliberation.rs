//! Between the pieces of input and the rules' decisions: the engine with its stored state, and the records behind findings.
//!
//! A program that replaces another takes over the state whose meaning has not changed, rule by rule; what has another meaning now
//! begins anew, and that is said.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use cloudtrail::{AccountId, Decoder, EventId, EventTime, Region};
use context::{Context, Handover};
use decide::{
    Engine, Evidence, Finding, Incident, Judgement, Lane, Lateness, Progress, RestoreError, Settings, Signal,
    SignalTally, SourceClass,
};
use jiff::Timestamp;
use rules::{RuleSet, Seen};
use sources::Proof;
use store::{Batch, Namespace, Reader, Snapshot};

use crate::enrichment::Answer;
use crate::examine::{Hit, Span, class};
use crate::losses::Losses;
use crate::people::StoredPeople;
use crate::records::{Record, Records};
use crate::waiting::Waiting;
use crate::{Journal, Program};

/// How often silence is looked for, at most.
const LOOK: Duration = Duration::from_secs(10);

/// A finding with the way its last event came by.
pub(crate) struct Told {
    pub(crate) finding: Finding,
    pub(crate) class: SourceClass,
    pub(crate) received: Option<Timestamp>,
}

/// Why decisions cannot go on from what is stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliberationError {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the state of `{namespace}`: {error}")]
    Restore { namespace: Box<str>, error: RestoreError },
}

pub(crate) struct Deliberation {
    program: Arc<Program>,
    engine: Engine,
    namespaces: Vec<Namespace>,
    records: Records,
    people: StoredPeople,
    reader: Reader,
    decoder: Decoder,
    looked: Timestamp,
    /// Signals the engine had to forget, as far as they were counted.
    forgotten: u64,
    losses: Losses,
}

impl Deliberation {
    /// Goes on from what is stored.
    pub(crate) fn open(
        program: Arc<Program>,
        mut reader: Reader,
        batch: &mut Batch,
        now: Timestamp,
        journal: &Journal,
    ) -> Result<Self, DeliberationError> {
        let records = Records::open(&reader.snapshot()?)?;
        let people = StoredPeople::open(&reader.snapshot()?, &program)?;
        batch.adopt(records.namespace()).adopt(people.namespace());
        let (engine, namespaces) = restore(&program, &mut reader, batch, now, journal)?;
        program.share_known_values(engine.known_values());
        let losses = Losses::known(&engine);
        Ok(Deliberation {
            program,
            engine,
            namespaces,
            records,
            people,
            reader,
            decoder: Decoder::default(),
            looked: now,
            forgotten: 0,
            losses,
        })
    }

    pub(crate) fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// Goes on with another program. Everything that was decided before must be in the store.
    pub(crate) fn use_program(
        &mut self,
        program: Arc<Program>,
        batch: &mut Batch,
        now: Timestamp,
        journal: &Journal,
    ) -> Result<(), DeliberationError> {
        let (engine, namespaces) = restore(&program, &mut self.reader, batch, now, journal)?;
        self.people.let_be();
        program.share_known_values(engine.known_values());
        self.losses = Losses::known(&engine);
        (self.program, self.engine, self.namespaces, self.forgotten) = (program, engine, namespaces, 0);
        Ok(())
    }

    /// Takes note of from when on, and how far, each account and region has told its story.
    pub(crate) fn hear(
        &mut self,
        class: SourceClass,
        spans: &BTreeMap<(Option<AccountId>, Option<Region>), Span>,
        now: Timestamp,
    ) {
        for ((account, region), Span { first, last }) in spans {
            let lane = Lane { account: *account, region: *region, class };
            for time in [first, last] {
                // What is dated in the future was left aside by the worker.
                let _ = self.engine.hear(lane, *time, event_time(now));
            }
        }
    }

    /// Takes note of whose credentials are whose.
    pub(crate) fn hear_of_people(&mut self, handovers: Vec<Handover>, batch: &mut Batch) {
        self.people.take(handovers, batch);
    }

    /// Takes what a source proves of lanes.
    pub(crate) fn prove(&mut self, proofs: &[Proof], now: Timestamp) {
        for proof in proofs {
            let evidence = match proof.evidence {
                sources::Evidence::Digest => Evidence::Digest,
                sources::Evidence::Listing => Evidence::Listing,
            };
            let lane =
                Lane { account: Some(proof.account), region: Some(proof.region), class: class(proof.class) };
            self.engine.progress(Progress { lane, to: proof.to, evidence }, event_time(now));
        }
    }

    /// Takes an event with what its rules say of it.
    pub(crate) fn take(
        &mut self,
        hit: Hit,
        event: &EventId,
        class: SourceClass,
        received: Timestamp,
        batch: &mut Batch,
        tally: &mut SignalTally,
    ) {
        let Hit { time: happened, logged, text, judgements, .. } = hit;
        tally.saw(judgements.len() as u64);
        let record = self.records.next_handle();
        let mut keep: Option<EventTime> = None;
        let mut fired = false;
        for (rule, judgement) in judgements {
            match judgement {
                Judgement::Ends(outcome) => tally.ended(outcome),
                Judgement::Fires { severity, key, part, time } => {
                    fired = true;
                    let time = time.of(happened, logged);
                    if !self
                        .program
                        .rule(rule)
                        .is_some_and(|rule| rule.decision.is_each() && rule.group.is_none())
                    {
                        keep = keep.max(Some(later(time, self.engine.retention(rule))));
                    }
                    let signal = Signal { rule, time, event: event.clone(), severity, key, part, record };
                    tally.ended(self.engine.take(signal));
                }
            }
        }
        if fired {
            self.records.take(text, class, received, happened, keep, batch);
        }
    }

    /// What was said about the last stored revision of a finding.
    pub(crate) fn said_about(&mut self, finding: &str) -> Option<Answer> {
        let revisions = self.reader.snapshot().ok()?.finding(finding).ok()?;
        let said = |body: &[u8]| {
            let mut json: serde_json::Value = serde_json::from_slice(body).ok()?;
            match json.pointer_mut("/detail/context")?.take() {
                serde_json::Value::Object(answer) => Some(answer),
                _ => None,
            }
        };
        revisions.iter().max_by_key(|revision| revision.revision).and_then(|last| said(&last.body))
    }

    /// Records of a minute that matched no selector of a metric filter that counts those too.
    pub(crate) fn take_unmatched(&mut self, rule: u32, time: EventTime, records: u64) {
        self.engine.take_unmatched(rule, time, records);
    }

    /// Settles what is due. Lanes that have been silent for long are assumed to have nothing to tell.
    pub(crate) fn advance(&mut self, now: Timestamp, journal: &Journal) {
        let idle = self.program.idle;
        if now.duration_since(self.looked).unsigned_abs() >= LOOK.min(idle / 4) {
            self.looked = now;
            self.losses.tell(&self.engine, &self.program, now, journal);
            let silent: Vec<Lane> = self.engine.lanes().silent(idle, event_time(now)).collect();
            for lane in silent {
                let progress = Progress { lane, to: event_time(now), evidence: Evidence::Assumed };
                self.engine.progress(progress, event_time(now));
            }
        }
        self.engine.advance();
    }

    /// Puts what has changed into the batch; says whether there was anything.
    pub(crate) fn save(&mut self, batch: &mut Batch) -> bool {
        let mut changed = false;
        for (place, rows) in self.engine.changes() {
            let Some(namespace) = self.namespaces.get(place) else { continue };
            for row in rows {
                changed = true;
                match row.value {
                    Some((version, value)) => batch.put(namespace, &row.key, version, &value),
                    None => batch.delete(namespace, &row.key),
                };
            }
        }
        let evicted = self.engine.tally().count(decide::SignalOutcome::Evicted);
        if evicted > self.forgotten {
            batch.count("forgotten", evicted - self.forgotten);
            self.forgotten = evicted;
        }
        self.losses.count(&self.engine, &self.program, batch);
        let watermark = self.engine.watermark().assumed;
        let forgot = self.records.forget(watermark, batch);
        self.people.save(watermark, batch) || forgot || changed
    }

    /// The batch is on its way.
    pub(crate) fn submitted(&mut self) {
        self.records.submitted();
    }

    /// The batch is in the store.
    pub(crate) fn committed(&mut self) {
        self.records.committed();
    }

    /// All that was said since the last time, as findings.
    pub(crate) fn findings(&mut self, journal: &Journal) -> Vec<Told> {
        let said = self.engine.drain();
        let mut told: Vec<Told> =
            said.iter().filter_map(|incident| self.finding(incident, journal)).collect();
        // Told by now without their person, or with another one, and told once more.
        for Waiting { incident, records, .. } in self.people.become_known() {
            let incident = Incident { revision: incident.revision + 1, ..incident };
            told.extend(self.tell(&incident, records, true));
        }
        told
    }

    fn finding(&mut self, incident: &Incident, journal: &Journal) -> Option<Told> {
        let rule = self.program.rule(incident.rule)?;
        let mut records = Vec::with_capacity(incident.records.len());
        for handle in &incident.records {
            let record = match self.records.get(*handle, &mut self.reader) {
                Ok(record) => record,
                Err(error) => {
                    let line = journal.error("a record of a finding cannot be read");
                    line.with("rule", &rule.id).with("finding", &incident.id).with("reason", error).done();
                    None
                }
            };
            records.extend(record);
        }
        // Windows are told again when they settle; what is told of single events is told.
        let once = rule.decision.is_each() && rule.group.is_none();
        self.tell(incident, records, once)
    }

    /// Makes a finding of its records. One that is told `once` is kept for the case that its person becomes known,
    /// or turns out to be another.
    fn tell(&mut self, incident: &Incident, records: Vec<Record>, once: bool) -> Option<Told> {
        let program = Arc::clone(&self.program);
        let rule = program.rule(incident.rule)?;
        let (mut first, mut sample) = (None, Vec::with_capacity(records.len()));
        for record in &records {
            let (view, json) =
                decide::take_apart(&mut self.decoder, &record.text, EventTime::from_micros(record.time));
            first = first.or(view);
            sample.extend(json);
        }
        let first = first.map(|first| {
            let answer = self.people.behind(first.principal());
            let told = answer.person.as_deref();
            if answer.may_change && once {
                self.people.wait(first.principal(), told, rule.id.as_str(), incident, records.clone());
            }
            first.with_human(told)
        });
        let finding = Finding::new(incident, rule, first.as_ref().map(Seen::from), sample, &program.context);
        let last = records.into_iter().next_back();
        let class = last.as_ref().map_or(SourceClass::S3, |record| record.class);
        // A revision is told when the world has moved on: it was not received with its records.
        let received = last.filter(|_| incident.revision == 0).map(|record| record.received);
        Some(Told { finding, class, received })
    }
}

/// A stored value: its key, the format of the value, the value.
type OwnedRow = (Vec<u8>, u32, Vec<u8>);

/// An engine with all state that is stored under the meaning it has now; what is stored under another one is dropped.
fn restore(
    program: &Program,
    reader: &mut Reader,
    batch: &mut Batch,
    now: Timestamp,
    journal: &Journal,
) -> Result<(Engine, Vec<Namespace>), DeliberationError> {
    let snapshot = reader.snapshot()?;
    let Restored { engine, namespaces, meanings } =
        engine_of(program.rules(), &program.context, program.lateness, &snapshot, now)?;
    for (namespace, stored) in namespaces.iter().zip(meanings) {
        match stored {
            Some(meaning) if meaning == namespace.meaning() => continue,
            Some(_) => {
                let line =
                    journal.warn("a rule has another meaning than before; what it remembered is dropped");
                line.with("rule", namespace.name()).done();
            }
            None => {}
        }
        batch.adopt(namespace);
    }
    Ok((engine, namespaces))
}

/// An engine as it is stored.
pub(crate) struct Restored {
    pub(crate) engine: Engine,
    pub(crate) namespaces: Vec<Namespace>,
    /// Under which meaning each is stored, if it is.
    pub(crate) meanings: Vec<Option<[u8; 32]>>,
}

/// An engine with all state that is stored under the meaning it has now.
pub(crate) fn engine_of(
    rules: &RuleSet,
    context: &Context,
    lateness: Lateness,
    snapshot: &Snapshot<'_>,
    now: Timestamp,
) -> Result<Restored, DeliberationError> {
    let settings = Settings::live(event_time(now), lateness);
    let known: BTreeMap<String, [u8; 32]> = snapshot
        .namespaces()?
        .into_iter()
        .map(|namespace| (namespace.name().to_owned(), namespace.meaning()))
        .collect();
    // The engine wants to walk over rows that are there for longer than the store's walk.
    let mut failed = None;
    let mut load = |namespace: &decide::Namespace| -> Vec<OwnedRow> {
        let mut rows = Vec::new();
        let walked = snapshot.scan_state(&Namespace::new(&namespace.name, namespace.meaning), .., |row| {
            rows.push((row.key.to_vec(), row.version, row.value.to_vec()));
            ControlFlow::Continue(())
        });
        failed = failed.take().or(walked.err());
        rows
    };
    let probe = Engine::new(rules, context, settings.clone());
    let wanted = probe.namespaces();
    drop(probe);
    let rows: BTreeMap<&str, Vec<OwnedRow>> =
        wanted.iter().map(|namespace| (&*namespace.name, load(namespace))).collect();
    if let Some(error) = failed {
        return Err(error.into());
    }
    let engine = Engine::restore(rules, context, settings, |namespace| {
        let rows = rows.get(&*namespace.name).map_or(&[][..], |rows| rows);
        rows.iter().map(|(key, version, value)| (&key[..], *version, &value[..]))
    })
    .map_err(|(namespace, error)| DeliberationError::Restore { namespace, error })?;
    let namespaces: Vec<Namespace> =
        engine.namespaces().iter().map(|one| Namespace::new(&one.name, one.meaning)).collect();
    let meanings = namespaces.iter().map(|namespace| known.get(namespace.name()).copied()).collect();
    Ok(Restored { engine, namespaces, meanings })
}

fn event_time(time: Timestamp) -> EventTime {
    EventTime::from_micros(time.as_microsecond())
}

fn later(time: EventTime, span: Duration) -> EventTime {
    let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    EventTime::from_micros(time.as_micros().saturating_add(micros))
}
