//! What a worker hands over for one file.

use std::ops::Range;

use cloudtrail::outcome::{RejectReason, SkipReason};
use cloudtrail::{Digest, EventId, EventTime};
use context::Handover;
use decide::Judgement;

use super::reach::Reach;

/// One input, read to its end or as far as it goes.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Which input.
    pub(super) input: usize,
    /// All events in the order of the text, those that were left aside or rejected excepted.
    pub(super) events: Vec<EventId>,
    /// Those of them that a selector matched, in the same order.
    pub(super) hits: Vec<Hit>,
    /// The compact texts of the hits, end to end.
    pub(super) texts: Vec<u8>,
    /// Of each event in [`Batch::events`] the minutes in which it happened and in which the log got it, where a metric filter wants
    /// to know.
    pub(super) minutes: Vec<(i64, i64)>,
    /// Whose credentials are whose, as far as its events tell.
    pub(super) handovers: Vec<Handover>,
    /// How far the events reach.
    pub(super) reach: Reach,
    /// Digest files.
    pub(super) digests: Vec<Digest>,
    pub(super) skipped: Vec<SkipReason>,
    pub(super) rejected: Vec<(u64, RejectReason)>,
    pub(super) undated: u64,
    pub(super) bytes_compressed: u64,
    pub(super) bytes: u64,
    /// Why it could not be read to its end.
    pub(super) trouble: Option<String>,
}

impl Batch {
    /// Empties it for another input. What its lists occupy stays: fresh memory costs as much as what is written to it.
    pub(super) fn reuse(&mut self) {
        let Batch { events, hits, texts, minutes, handovers, .. } = std::mem::take(self);
        *self = Batch {
            events: emptied(events),
            hits: emptied(hits),
            texts: if texts.capacity() > TEXTS_MAX { Vec::new() } else { emptied(texts) },
            minutes: emptied(minutes),
            handovers: emptied(handovers),
            ..Batch::default()
        };
    }
}

/// What the texts of a batch may occupy while nobody uses it.
const TEXTS_MAX: usize = 1 << 20;

fn emptied<T>(mut list: Vec<T>) -> Vec<T> {
    list.clear();
    list
}

/// An event that at least one selector matched.
#[derive(Debug)]
pub(super) struct Hit {
    /// Its place in [`Batch::events`].
    pub(super) event: usize,
    pub(super) time: EventTime,
    /// When the log got it.
    pub(super) logged: EventTime,
    /// Its text in [`Batch::texts`]; empty where nothing fired.
    pub(super) text: Range<usize>,
    /// What each rule says of it.
    pub(super) judgements: Vec<(u32, Judgement)>,
}
