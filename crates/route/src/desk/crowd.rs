//! How many conversations there are and how they stand, and which of them is given up first when there are too many.
//!
//! Kept beside the conversations, so that neither a gauge nor making room walks over all of them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::conversation::Conversation;

/// How a conversation stands; in the order in which they are given up, those that were quiet for longest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It is over, and remembered so that what settles late is not told as something new.
    Closed,
    /// It was told, and goes on.
    Open,
    /// It was told, and others are told if nobody acknowledges it.
    Unanswered,
    /// Nobody was told yet: it waits for hours to begin.
    Held,
}

impl Standing {
    /// All of them.
    pub const ALL: [Standing; 4] = [Standing::Closed, Standing::Open, Standing::Unanswered, Standing::Held];

    /// The name in counters and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Standing::Closed => "closed",
            Standing::Open => "open",
            Standing::Unanswered => "unanswered",
            Standing::Held => "held",
        }
    }
}

/// How many stand alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Conversations.
    pub conversations: u64,
    /// Findings in them.
    pub findings: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    standing: Standing,
    heard: Timestamp,
    findings: u64,
}

/// The places of all conversations, by their keys.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    places: BTreeMap<String, Place>,
    order: BTreeSet<(Standing, Timestamp, String)>,
    counts: [Count; 4],
}

impl Crowd {
    /// Takes note of how a conversation stands now; none if there is none of that key any more.
    pub(super) fn place(&mut self, key: &str, conversation: Option<&Conversation>) {
        let now = conversation.map(|one| Place {
            standing: one.standing(),
            heard: one.heard,
            findings: one.findings,
        });
        let before = self.places.get(key).copied();
        if now == before {
            return;
        }
        if let Some(Place { standing, heard, findings }) = before {
            self.order.remove(&(standing, heard, key.to_owned()));
            let count = &mut self.counts[standing as usize];
            count.conversations -= 1;
            count.findings -= findings;
        }
        let Some(place) = now else {
            self.places.remove(key);
            return;
        };
        self.order.insert((place.standing, place.heard, key.to_owned()));
        let count = &mut self.counts[place.standing as usize];
        count.conversations += 1;
        count.findings += place.findings;
        self.places.insert(key.to_owned(), place);
    }

    /// The first to be given up.
    pub(super) fn first(&self) -> Option<String> {
        self.order.first().map(|(_, _, key)| key.clone())
    }

    pub(super) fn count(&self, standing: Standing) -> Count {
        self.counts[standing as usize]
    }
}
