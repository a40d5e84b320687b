//! The person behind a session of a role, across chains of roles, as far as the events seen allow it.
//!
//! ```text
//!   alice ──AssumeRole──▶ key A ──AssumeRole──▶ key B ──StopLogging──▶ whoever called: alice
//! ```
//!
//! [`People`] keeps of each call that gave out credentials the key, the session and who called. Nothing is followed until somebody asks, and
//! of several copies of one call the one that tells the most is kept: so the answer does not depend on the order in which events come, only on
//! which have come. What is kept is bounded; beyond it the oldest is forgotten first.
//!
//! What AWS writes by itself goes before what a caller chose: a key leads to whoever was given it, whatever the session is called. Calls by the
//! console are signed with keys that no event gave out. Those are followed by session, which is its ARN and the second it began in; where two
//! were begun under one name in one second, nobody is named.

mod answer;
mod handover;
mod switch;

use std::collections::{BTreeSet, HashMap};

use cloudtrail::EventTime;

pub use answer::Answer;
pub use handover::{Behind, Caller, Handover, Handovers, Known, Session};

/// How many handovers are kept.
pub const HANDOVERS_MAX: usize = 1_000_000;

/// Who stands behind which credentials.
///
/// ```
/// use cloudtrail::{Decoder, Item, Principal};
/// use context::{Handover, People};
///
/// let log = br#"{"Records":[
///   {"eventSource":"sts.amazonaws.com","eventName":"AssumeRole","eventTime":"2026-07-01T10:00:00Z","eventID":"1",
///    "userIdentity":{"type":"IAMUser","userName":"alice","accessKeyId":"AKIAALICE"},
///    "responseElements":{"credentials":{"accessKeyId":"ASIAFIRST"}}},
///   {"eventSource":"sts.amazonaws.com","eventName":"AssumeRole","eventTime":"2026-07-01T10:01:00Z","eventID":"2",
///    "userIdentity":{"type":"AssumedRole","accessKeyId":"ASIAFIRST","arn":"arn:aws:sts::111122223333:assumed-role/a/s"},
///    "responseElements":{"credentials":{"accessKeyId":"ASIASECOND"}}},
///   {"eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","eventTime":"2026-07-01T10:02:00Z","eventID":"3",
///    "userIdentity":{"type":"AssumedRole","accessKeyId":"ASIASECOND","arn":"arn:aws:sts::444455556666:assumed-role/b/s"}}]}"#;
/// let (mut people, mut last) = (People::default(), None);
/// Decoder::default().decode(log, None, |item| {
///     let Item::Event(event) = item else { return };
///     for handover in Handover::of(&event) {
///         people.take(handover);
///     }
///     last = event.record().map(Principal::of);
/// });
/// assert_eq!(people.behind(&last.unwrap()).person.as_deref(), Some("alice"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct People {
    by_known: HashMap<Known, (EventTime, Behind)>,
    by_time: BTreeSet<(EventTime, Known)>,
}

/// What became of a handover.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// What is known now, if that was not known before.
    pub news: Option<Handover>,
    /// What was forgotten to make room.
    pub forgotten: Option<Known>,
}

impl People {
    /// Takes note of a handover.
    pub fn take(&mut self, handover: Handover) -> Taken {
        let Handover { of, behind, time } = handover;
        let (mut behind, mut time) = (behind, time);
        if let Some((known_time, known)) = self.by_known.get(&of) {
            (behind, time) = merged(&of, (known, *known_time), (behind, time));
            if (known, known_time) == (&behind, &time) {
                return Taken::default();
            }
            self.by_time.remove(&(*known_time, of.clone()));
        }
        let kept = Handover { of: of.clone(), behind: behind.clone(), time };
        self.by_time.insert((time, of.clone()));
        self.by_known.insert(of, (time, behind));
        let full = self.by_known.len() > HANDOVERS_MAX;
        let forgotten = full.then(|| self.by_time.pop_first()).flatten().map(|(_, oldest)| oldest);
        if let Some(oldest) = &forgotten {
            self.by_known.remove(oldest);
        }
        Taken { news: Some(kept), forgotten }
    }

    /// Forgets what was given out before a time, at most `most` of it, and gives what that was.
    pub fn forget(&mut self, before: EventTime, most: usize) -> Vec<Known> {
        let mut forgotten = Vec::new();
        while forgotten.len() < most
            && let Some((time, _)) = self.by_time.first()
            && *time < before
            && let Some((_, of)) = self.by_time.pop_first()
        {
            self.by_known.remove(&of);
            forgotten.push(of);
        }
        forgotten
    }

    /// How many handovers are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_known.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_known.is_empty()
    }
}

/// What two records tell together, whichever came first.
fn merged(of: &Known, known: (&Behind, EventTime), new: (Behind, EventTime)) -> (Behind, EventTime) {
    match of {
        // Copies of one call: a person before another's key before another's call.
        Known::Key(_) | Known::Shared(_) => {
            if (known.0, known.1) <= (&new.0, new.1) {
                (known.0.clone(), known.1)
            } else {
                new
            }
        }
        // Two calls that began a session of one name in one second: nothing tells which of them it is.
        Known::Session(_) | Known::Switch(_) => {
            let behind = if *known.0 == new.0 { new.0 } else { Behind::Nobody };
            (behind, known.1.min(new.1))
        }
    }
}

#[cfg(test)]
mod tests;
