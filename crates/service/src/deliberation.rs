//! Between the pieces of input and the rules' decisions: who has what state, which record is behind which finding.

use std::collections::BTreeMap;
use std::sync::Arc;

use cloudtrail::{AccountId, Decoder, EventId, EventTime, Item, Region};
use decide::{
    Finding, Grouping, Groups, Incident, Judgement, RecordHandle, Signal, SignalTally, SourceClass,
};
use jiff::Timestamp;
use rules::EventView;
use rustc_hash::FxHashMap;
use serde_json::value::RawValue;
use sources::Proof;

use crate::examine::Hit;
use crate::{Journal, Program};

/// A finding with the way its last event came by.
pub(crate) struct Told {
    pub(crate) finding: Finding,
    pub(crate) class: SourceClass,
    pub(crate) received: Option<Timestamp>,
}

pub(crate) struct Deliberation {
    program: Option<Arc<Program>>,
    groups: Groups,
    records: FxHashMap<RecordHandle, Record>,
    next: u64,
    closed: Vec<Incident>,
    decoder: Decoder,
}

struct Record {
    text: Vec<u8>,
    class: SourceClass,
    received: Timestamp,
}

impl Deliberation {
    pub(crate) fn new() -> Self {
        Deliberation {
            program: None,
            groups: Groups::new(Vec::new()),
            records: FxHashMap::default(),
            next: 0,
            closed: Vec::new(),
            decoder: Decoder::default(),
        }
    }

    pub(crate) fn use_program(&mut self, program: &Arc<Program>, _: &mut store::Batch, _: &Journal) {
        if self.program.as_ref().is_some_and(|current| Arc::ptr_eq(current, program)) {
            return;
        }
        self.program = Some(Arc::clone(program));
        let groupings = program.rules().iter().map(|rule| Grouping {
            rule: rule.id.as_str().into(),
            by: Box::default(),
            span: None,
        });
        self.groups = Groups::new(groupings.collect());
    }

    pub(crate) fn hear(
        &mut self,
        _: SourceClass,
        _: &BTreeMap<(Option<AccountId>, Option<Region>), EventTime>,
        _: Timestamp,
    ) {
    }

    pub(crate) fn prove(&mut self, _: &[Proof], _: Timestamp) {}

    pub(crate) fn take(
        &mut self,
        hit: Hit,
        event: &EventId,
        class: SourceClass,
        received: Timestamp,
        tally: &mut SignalTally,
    ) {
        tally.saw(hit.judgements.len() as u64);
        let handle = RecordHandle(self.next);
        self.next += 1;
        for (rule, judgement) in hit.judgements {
            match judgement {
                Judgement::Ends(outcome) => tally.ended(outcome),
                Judgement::Fires { severity, key, part } => {
                    let signal = Signal {
                        rule,
                        time: hit.time,
                        event: event.clone(),
                        severity,
                        key,
                        part,
                        record: handle,
                    };
                    tally.ended(self.groups.take(signal, &mut self.closed).0);
                }
            }
        }
        self.records.insert(handle, Record { text: hit.text, class, received });
    }

    pub(crate) fn advance(&mut self, _: Timestamp) -> Option<Arc<Program>> {
        None
    }

    pub(crate) fn save(&mut self, _: &mut store::Batch) -> bool {
        false
    }

    pub(crate) fn findings(&mut self, _: &Journal) -> Vec<Told> {
        let Some(program) = self.program.clone() else { return Vec::new() };
        let mut told = Vec::new();
        for incident in std::mem::take(&mut self.closed) {
            let Some(rule) = program.rule(incident.rule) else { continue };
            let Some(record) = incident.records.first().and_then(|handle| self.records.get(handle)) else {
                continue;
            };
            let (first, sample) = take_apart(&mut self.decoder, &record.text, incident.first_time);
            let Some(first) = first else { continue };
            let sample = sample.into_iter().collect();
            let finding = Finding::new(&incident, rule, Some(&first), sample, &program.context);
            told.push(Told { finding, class: record.class, received: Some(record.received) });
        }
        self.records.clear();
        told
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
