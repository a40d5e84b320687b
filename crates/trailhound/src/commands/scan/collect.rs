//! Takes batches in the order of the files: counts every record once, tells duplicates, keeps what fired.

use std::collections::BTreeMap;

use cloudtrail::Digest;
use cloudtrail::outcome::{Outcome, RejectReason, Tally};
use context::People;
use decide::{Judgement, RecordHandle, Signal, SignalOutcome, SignalTally};
use rules::MetricTime;

use super::batch::{Batch, Hit};
use super::history::{self, History};
use super::reach::Reach;
use super::seen::Seen;
use super::spool::Spool;
use crate::exit_code::Failure;
use crate::inputs::Input;
use crate::loading::Loaded;
use crate::talk::Talk;

/// How many rejected records are named; all are counted.
const REJECTED_MAX: usize = 100_000;
/// How many faults are told one by one on standard error.
const TOLD_MAX: usize = 10;

pub(super) struct Collector<'i> {
    inputs: &'i [Input],
    seen: Seen,
    /// Which events of a batch are the first of their id; kept for its room.
    are_first: Vec<bool>,
    /// Who takes signals as they come; without anybody they are kept, with their records.
    taker: Option<&'i mut dyn FnMut(Signal)>,
    spool: Spool,
    signals: Vec<Signal>,
    people: People,
    reach: Reach,
    digests: Vec<Digest>,
    /// Records by the minute, where a metric filter wants to know how many it did not match.
    minutes: BTreeMap<(MetricTime, i64), u64>,
    /// Records a metric filter did match, by its rule and the minute.
    matched: BTreeMap<(u32, (MetricTime, i64)), u64>,
    counts: Counts,
    troubles: Vec<(usize, String)>,
}

/// What was read, and what became of it.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) files: u64,
    pub(super) bytes_compressed: u64,
    pub(super) bytes: u64,
    pub(super) records: Tally,
    pub(super) signals: SignalTally,
    /// The first of them: input, byte offset in the inflated text, reason.
    pub(super) rejected: Vec<(usize, u64, RejectReason)>,
    /// Inputs that could not be read to their end.
    pub(super) troubles: u64,
    /// By rule, how many events lack a field it decides by.
    pub(super) field_missing: BTreeMap<u32, u64>,
}

/// All that is known when the last file was read.
pub(super) struct Read<'i> {
    inputs: &'i [Input],
    pub(super) counts: Counts,
    pub(super) history: History,
    pub(super) spool: Spool,
    /// Who is behind which credentials.
    pub(super) people: People,
    troubles: Vec<(usize, String)>,
}

impl<'i> Collector<'i> {
    pub(super) fn new(inputs: &'i [Input]) -> Self {
        Collector {
            inputs,
            seen: Seen::default(),
            are_first: Vec::new(),
            taker: None,
            spool: Spool::new(),
            signals: Vec::new(),
            people: People::default(),
            reach: Reach::default(),
            digests: Vec::new(),
            minutes: BTreeMap::new(),
            matched: BTreeMap::new(),
            counts: Counts::default(),
            troubles: Vec::new(),
        }
    }

    /// Hands on signals in the order of the files, and keeps neither them nor their records.
    pub(super) fn handing_on(inputs: &'i [Input], taker: &'i mut dyn FnMut(Signal)) -> Self {
        Collector { taker: Some(taker), ..Collector::new(inputs) }
    }

    /// Takes what one file held, and leaves the batch with nothing that matters.
    pub(super) fn take(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        let counts = &mut self.counts;
        counts.files += 1;
        counts.bytes += batch.bytes;
        counts.bytes_compressed += batch.bytes_compressed;
        counts.records.undated += batch.undated;
        for reason in batch.skipped.drain(..) {
            counts.records.received();
            counts.records.ended(Outcome::Skipped(reason));
        }
        for (offset, reason) in batch.rejected.drain(..) {
            counts.records.received();
            counts.records.ended(Outcome::Rejected(reason));
            if counts.rejected.len() < REJECTED_MAX {
                counts.rejected.push((batch.input, offset, reason));
            }
        }
        if let Some(trouble) = batch.trouble.take() {
            counts.troubles += 1;
            self.troubles.push((batch.input, trouble));
        }
        for handover in batch.handovers.drain(..) {
            self.people.take(handover);
        }
        self.reach.add(std::mem::take(&mut batch.reach));
        self.digests.append(&mut batch.digests);
        let mut hits = batch.hits.drain(..).peekable();
        self.seen.are_first(&batch.events, &mut self.are_first);
        let are_first = std::mem::take(&mut self.are_first);
        for (number, (id, &first)) in batch.events.drain(..).zip(&are_first).enumerate() {
            let hit = hits.next_if(|hit| hit.event == number);
            self.counts.records.received();
            let minutes = batch.minutes.get(number).filter(|_| first).copied();
            let minutes = minutes
                .map(|(happened, logged)| [(MetricTime::Event, happened), (MetricTime::Ingestion, logged)]);
            for minute in minutes.iter().flatten() {
                *self.minutes.entry(*minute).or_default() += 1;
            }
            let outcome = match hit {
                _ if !first => Outcome::Duplicate,
                None => Outcome::Unmatched,
                Some(hit) => {
                    for minute in minutes.iter().flatten() {
                        for (rule, _) in &hit.judgements {
                            *self.matched.entry((*rule, *minute)).or_default() += 1;
                        }
                    }
                    self.keep(hit, &id, &batch.texts)?;
                    Outcome::Matched
                }
            };
            self.counts.records.ended(outcome);
        }
        self.are_first = are_first;
        Ok(())
    }

    fn keep(&mut self, hit: Hit, event: &cloudtrail::EventId, texts: &[u8]) -> Result<(), Failure> {
        let tally = &mut self.counts.signals;
        tally.saw(hit.judgements.len() as u64);
        let mut record = None;
        for (rule, judgement) in hit.judgements {
            match judgement {
                Judgement::Ends(outcome) => {
                    tally.ended(outcome);
                    if outcome == SignalOutcome::FieldMissing {
                        *self.counts.field_missing.entry(rule).or_default() += 1;
                    }
                }
                Judgement::Fires { severity, key, part, time } => {
                    let record = match record {
                        Some(record) => record,
                        None if self.taker.is_some() => RecordHandle(0),
                        None => {
                            let text = texts.get(hit.text.clone()).unwrap_or_default();
                            let kept = self.spool.keep(text).map_err(|error| {
                                Failure::input(format!("cannot keep records in a temporary file: {error}"))
                                    .hint("set TMPDIR to a folder with room for the records that rules match")
                            })?;
                            *record.insert(kept)
                        }
                    };
                    let (time, event) = (time.of(hit.time, hit.logged), event.clone());
                    let signal = Signal { rule, time, event, severity, key, part, record };
                    match &mut self.taker {
                        Some(taker) => taker(signal),
                        None => self.signals.push(signal),
                    }
                }
            }
        }
        Ok(())
    }

    /// Orders the signals: from here on it does not matter in which file anything was.
    pub(super) fn finish(mut self) -> Result<Read<'i>, Failure> {
        self.counts.records.check().map_err(|error| Failure::input(error.to_string()))?;
        self.signals.sort_by(|a, b| a.order().cmp(&b.order()));
        let Collector {
            inputs,
            spool,
            signals,
            people,
            reach,
            digests,
            minutes,
            matched,
            counts,
            troubles,
            ..
        } = self;
        let unread: Vec<usize> = troubles.iter().map(|(input, _)| *input).collect();
        let read = inputs.iter().enumerate().filter(|(input, _)| !unread.contains(input));
        let digests = history::vouching(digests, read.map(|(_, input)| input.name()));
        let history = History { signals, reach, digests, minutes, matched };
        Ok(Read { inputs, counts, history, spool, people, troubles })
    }
}

impl Read<'_> {
    /// Tells what went wrong while reading.
    pub(super) fn report(&self, loaded: &Loaded, talk: Talk) {
        let name = |input: usize| self.inputs.get(input).map_or_else(String::new, ToString::to_string);
        for (input, trouble) in self.troubles.iter().take(TOLD_MAX) {
            talk.error(format_args!("{}: {trouble}", name(*input)));
        }
        let more = self.troubles.len().saturating_sub(TOLD_MAX);
        if more > 0 {
            talk.error(format_args!("{more} more inputs could not be read to their end"));
        }
        let rejected = self.counts.records.rejected;
        if let Some((input, offset, reason)) = self.counts.rejected.first() {
            let records = if rejected == 1 { "1 record".to_owned() } else { format!("{rejected} records") };
            talk.warn(format_args!(
                "{records} could not be used; the first is in {} at byte {offset}: {reason}\n  hint: --stats FILE names them",
                name(*input)
            ));
        }
        let undated = self.counts.records.undated;
        if undated > 0 {
            talk.warn(format_args!(
                "{undated} records have no readable eventTime and were given the time of their file or neighbour"
            ));
        }
        for (rule, events) in &self.counts.field_missing {
            let rule = loaded.rule(*rule).map(|rule| rule.id.as_str()).unwrap_or_default();
            let events = if *events == 1 { "1 event".to_owned() } else { format!("{events} events") };
            talk.warn(format_args!(
                "{rule}: {events} without a field by which the rule tells which belong together, or which it counts, left aside"
            ));
        }
        let errors = self.counts.signals.count(SignalOutcome::Error);
        if errors > 0 {
            talk.warn(format_args!(
                "{errors} times a rule's `where` could not be evaluated; `trailhound explain` says why"
            ));
        }
    }
}
