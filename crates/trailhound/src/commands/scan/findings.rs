//! From ordered signals to printed findings.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{BufWriter, Write};

use cloudtrail::{Decoder, EventTime};
use context::{Context, People};
use decide::{Basis, Finding, Holding, Incident, RecordHandle, SignalTally};
use route::{FindingEvent, Suppression};
use rules::{EventInPlace, Rule, Seen, Severity};
use serde_json::value::RawValue;

use super::history::History;
use super::spool::Spool;
use crate::exit_code::Failure;
use crate::loading::Loaded;
use crate::output::{Output, written};
use crate::talk::Talk;

/// What was told.
pub(super) struct Told {
    /// Findings by rule.
    pub(super) findings: BTreeMap<String, u64>,
    /// Findings that are known to be good, by suppression. They are not counted among the others.
    pub(super) suppressed: BTreeMap<String, u64>,
    /// What became of the signals that fired.
    pub(super) signals: SignalTally,
    /// Rules that had to forget something.
    pub(super) forgot: Vec<(u32, Holding)>,
    pub(super) worst: Option<Severity>,
    /// Whether all could be printed. Counting went on to the end in any case.
    pub(super) printed: Result<(), Failure>,
}

impl Told {
    /// Tells what had to be forgotten.
    pub(super) fn report(&self, loaded: &Loaded, talk: Talk) {
        for (id, count) in &self.suppressed {
            let what = if *count == 1 { "1 finding".to_owned() } else { format!("{count} findings") };
            talk.note(format_args!("{what} not told: the suppression `{id}` hides them"));
        }
        for (rule, holding) in &self.forgot {
            let rule = loaded.rule(*rule).map(|rule| rule.id.as_str()).unwrap_or_default();
            if holding.evicted > 0 {
                talk.warn(format_args!(
                    "{rule}: {} keys were forgotten because there were more than {}; a finding of theirs may be missing\n  \
                     hint: raise `keys_max`, or choose a key with fewer values",
                    holding.evicted, holding.keys
                ));
            }
            if holding.dropped > 0 {
                talk.warn(format_args!(
                    "{rule}: {} events were forgotten because their key had too many at once",
                    holding.dropped
                ));
            }
        }
    }
}

/// Decides the history and prints findings in the order of their times. Findings below `least` are counted and not printed,
/// and so are all findings once nobody reads them.
pub(super) fn tell(
    history: History,
    spool: Spool,
    people: &People,
    loaded: &Loaded,
    least: Severity,
    mut ids: Option<BufWriter<File>>,
    output: &mut dyn Output,
) -> Result<Told, Failure> {
    let mut write_id = |event: &dyn std::fmt::Display, rule: u32, finding: &str| {
        let Some(ids) = &mut ids else { return Ok(()) };
        let rule = loaded.rule(rule).map(|rule| rule.id.as_str()).unwrap_or_default();
        let line = serde_json::json!({ "finding": finding, "rule": rule, "event_id": event.to_string() });
        writeln!(ids, "{line}").map_err(|error| cannot_write_ids(&error))
    };
    let decided = history.decide(loaded, |(event, rule, finding)| write_id(event, rule, finding))?;
    decided.tally.check().map_err(|error| Failure::input(error.to_string()))?;
    let mut incidents = decided.incidents;
    // Events of one finding are named with it; those of groups were named one by one.
    for incident in incidents.iter().filter(|one| one.basis != Basis::Events && one.revision == 0) {
        for event in &incident.event_ids {
            write_id(event, incident.rule, &incident.id)?;
        }
    }
    if let Some(mut ids) = ids {
        ids.flush().map_err(|error| cannot_write_ids(&error))?;
    }
    let mut told = Told {
        findings: BTreeMap::new(),
        suppressed: BTreeMap::new(),
        signals: decided.tally,
        forgot: decided.forgot,
        worst: None,
        printed: Ok(()),
    };
    let id_of = |incident: &Incident| loaded.rule(incident.rule).map(|rule| rule.id.as_str());
    incidents
        .sort_by(|a, b| (a.time, id_of(a), &a.id, a.revision).cmp(&(b.time, id_of(b), &b.id, b.revision)));
    let mut records = Records { spool, decoder: Decoder::default(), at_hand: VecDeque::new() };
    for incident in incidents {
        let Some(rule) = loaded.rule(incident.rule) else { continue };
        let mut made = None;
        if !loaded.suppressions.is_empty() {
            let finding = records.finding(&incident, rule, people, &loaded.context)?;
            if let Some(by) = hides(&loaded.suppressions, &finding) {
                *told.suppressed.entry(by.id.to_string()).or_default() += u64::from(incident.revision == 0);
                continue;
            }
            made = Some(finding);
        }
        // A finding that is resolved was counted when it fired.
        if incident.revision == 0 {
            *told.findings.entry(rule.id.to_string()).or_default() += 1;
            told.worst = told.worst.max(Some(incident.severity));
        }
        if incident.severity < least || told.printed.is_err() {
            continue;
        }
        let finding = match made {
            Some(finding) => finding,
            None => records.finding(&incident, rule, people, &loaded.context)?,
        };
        told.printed = written(output.finding(&finding));
    }
    if told.printed.is_ok() {
        told.printed = written(output.finish());
    }
    Ok(told)
}

/// The suppression that hides a finding.
fn hides<'s>(suppressions: &'s [Suppression], finding: &Finding) -> Option<&'s Suppression> {
    let event = FindingEvent::parse(&serde_json::to_string(finding).ok()?).ok()?;
    suppressions.iter().find(|one| one.hides(&event))
}

fn cannot_write_ids(error: &std::io::Error) -> Failure {
    Failure::input(format!("cannot write event ids: {error}"))
}

/// How many records are kept at hand: several rules tell of the same events, one after the other.
const AT_HAND_MAX: usize = 8;

/// Finds the records of incidents again.
struct Records {
    spool: Spool,
    decoder: Decoder,
    /// Those that were wanted last, the last one last.
    at_hand: VecDeque<Record>,
}

/// A record that was read back.
struct Record {
    handle: RecordHandle,
    text: Vec<u8>,
    /// As findings tell it.
    told: Option<Box<RawValue>>,
}

impl Records {
    /// An incident as it is told, with the person behind its principal. The first record is looked at where it stands, of the others
    /// nothing is wanted but the text.
    fn finding(
        &mut self,
        incident: &Incident,
        rule: &Rule,
        people: &People,
        context: &Context,
    ) -> Result<Finding, Failure> {
        let mut sample = Vec::with_capacity(incident.records.len());
        // The first record comes last, so it is the last one at hand.
        for &handle in incident.records.iter().rev() {
            sample.extend(self.at_hand(handle, incident.first_time)?.told.clone());
        }
        sample.reverse();
        if incident.records.is_empty() {
            return Ok(Finding::new(incident, rule, None, sample, context));
        }
        let Records { decoder, at_hand, .. } = self;
        let text = at_hand.back().map_or(&[][..], |record| &record.text);
        let told = decide::look_at(decoder, text, incident.first_time, |event| {
            let event = EventInPlace::new(event);
            let person = people.behind(event.principal()).person;
            let event = event.with_human(person.as_deref());
            Finding::new(incident, rule, Some(Seen::from(&event)), sample, context)
        });
        told.ok_or_else(unreadable)
    }

    /// The record of this handle, which is the last one at hand then.
    fn at_hand(&mut self, handle: RecordHandle, time: EventTime) -> Result<&Record, Failure> {
        let found = self.at_hand.iter().position(|record| record.handle == handle);
        let record = match found.and_then(|found| self.at_hand.remove(found)) {
            Some(record) => record,
            None => self.read(handle, time)?,
        };
        self.at_hand.push_back(record);
        self.at_hand.back().ok_or_else(unreadable)
    }

    fn read(&mut self, handle: RecordHandle, time: EventTime) -> Result<Record, Failure> {
        let is_full = self.at_hand.len() >= AT_HAND_MAX;
        let mut text = if is_full { self.at_hand.pop_front().map(|record| record.text) } else { None }
            .unwrap_or_default();
        self.spool.read(handle, &mut text).map_err(|error| {
            Failure::input(format!("cannot read records back from a temporary file: {error}"))
        })?;
        let told = decide::look_at(&mut self.decoder, &text, time, decide::told_of).ok_or_else(unreadable)?;
        Ok(Record { handle, text, told })
    }
}

fn unreadable() -> Failure {
    Failure::input("a record that matched cannot be read again: this is a defect, please report it")
}
