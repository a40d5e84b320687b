//! From ordered signals to printed findings.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};

use cloudtrail::{Decoder, EventTime, Item};
use decide::{Finding, Grouping, Groups, Incident, Signal, SignalOutcome, SignalTally};
use rules::{EventView, Severity};
use serde_json::value::RawValue;

use super::spool::Spool;
use crate::exit_code::Failure;
use crate::loading::Loaded;
use crate::output::{Output, written};

/// What was told.
pub(super) struct Told {
    /// Findings by rule.
    pub(super) findings: BTreeMap<String, u64>,
    /// What became of the signals that fired.
    pub(super) signals: SignalTally,
    pub(super) worst: Option<Severity>,
    /// Whether all could be printed. Counting went on to the end in any case.
    pub(super) printed: Result<(), Failure>,
}

/// Groups signals and prints findings in the order of their first events. Findings below `least` are counted and not printed,
/// and so are all findings once nobody reads them.
pub(super) fn tell(
    signals: Vec<Signal>,
    spool: Spool,
    loaded: &Loaded,
    least: Severity,
    mut ids: Option<BufWriter<File>>,
    output: &mut dyn Output,
) -> Result<Told, Failure> {
    let mut told =
        Told { findings: BTreeMap::new(), signals: SignalTally::default(), worst: None, printed: Ok(()) };
    let mut incidents = group(signals, loaded, &mut told.signals, ids.as_mut())?;
    if let Some(mut ids) = ids {
        ids.flush().map_err(|error| cannot_write_ids(&error))?;
    }
    let id_of = |incident: &Incident| loaded.rule(incident.rule).map(|rule| rule.id.as_str());
    incidents.sort_by(|a, b| (a.first_time, id_of(a), &a.id).cmp(&(b.first_time, id_of(b), &b.id)));
    let mut records = Records { spool, decoder: Decoder::default(), text: Vec::new() };
    for incident in incidents {
        let Some(rule) = loaded.rule(incident.rule) else { continue };
        *told.findings.entry(rule.id.to_string()).or_default() += 1;
        told.worst = told.worst.max(Some(incident.severity));
        if incident.severity < least || told.printed.is_err() {
            continue;
        }
        let (first, sample) = records.of(&incident)?;
        let finding = Finding::new(&incident, rule, &first, sample, &loaded.context);
        told.printed = written(output.finding(&finding));
    }
    if told.printed.is_ok() {
        told.printed = written(output.finish());
    }
    Ok(told)
}

fn group(
    signals: Vec<Signal>,
    loaded: &Loaded,
    tally: &mut SignalTally,
    mut ids: Option<&mut BufWriter<File>>,
) -> Result<Vec<Incident>, Failure> {
    let groupings = loaded.rules().map(|rule| Grouping {
        rule: rule.id.as_str().into(),
        by: rule.key_paths(0).iter().map(|path| path.to_string().into_boxed_str()).collect(),
        span: rule.group.as_ref().map(|group| group.duration),
    });
    let mut groups = Groups::new(groupings.collect());
    let mut incidents = Vec::new();
    for signal in signals {
        tally.saw(1);
        let event = ids.is_some().then(|| (signal.event.clone(), signal.rule));
        let (outcome, finding) = groups.take(signal, &mut incidents);
        tally.ended(outcome);
        if let (Some(ids), Some((event, rule)), Some(finding)) = (&mut ids, event, finding) {
            let rule = loaded.rule(rule).map(|rule| rule.id.as_str()).unwrap_or_default();
            let line = serde_json::json!({ "finding": finding, "rule": rule, "event_id": event.to_string() });
            writeln!(ids, "{line}").map_err(|error| cannot_write_ids(&error))?;
        }
    }
    groups.finish(&mut incidents);
    tally.check().map_err(|error| Failure::input(error.to_string()))?;
    debug_assert_eq!(tally.count(SignalOutcome::Fired), incidents.len() as u64);
    Ok(incidents)
}

fn cannot_write_ids(error: &std::io::Error) -> Failure {
    Failure::input(format!("cannot write event ids: {error}"))
}

/// Finds the records of incidents again.
struct Records {
    spool: Spool,
    decoder: Decoder,
    text: Vec<u8>,
}

impl Records {
    /// The first record taken apart, and the texts of the sample.
    fn of(&mut self, incident: &Incident) -> Result<(EventView, Vec<Box<RawValue>>), Failure> {
        let mut first = None;
        let mut sample = Vec::with_capacity(incident.records.len());
        for &handle in &incident.records {
            self.spool.read(handle, &mut self.text).map_err(|error| {
                Failure::input(format!("cannot read records back from a temporary file: {error}"))
            })?;
            let (view, record) = take_apart(&mut self.decoder, &self.text, incident.first_time);
            first = first.or(view);
            sample.extend(record);
        }
        let first = first.ok_or_else(|| {
            Failure::input("a record that matched cannot be read again: this is a defect, please report it")
        })?;
        Ok((first, sample))
    }
}

/// The event in `text`, which is the compact text of one that matched, and its record.
fn take_apart(
    decoder: &mut Decoder,
    text: &[u8],
    time: EventTime,
) -> (Option<EventView>, Option<Box<RawValue>>) {
    let (mut view, mut record) = (None, None);
    let decoded = decoder.decode(text, None, |item| {
        if let Item::Event(mut event) = item {
            if event.undated {
                event.time = time;
            }
            let json = event.record().map_or_else(|| event.json(), |record| record.json);
            record = std::str::from_utf8(json.bytes())
                .ok()
                .and_then(|text| RawValue::from_string(text.to_owned()).ok());
            view = EventView::of(&event).ok();
        }
    });
    debug_assert!(decoded.trouble.is_none(), "it was decoded before");
    (view, record)
}
