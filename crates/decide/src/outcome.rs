//! Every signal ends in exactly one counted way.

use std::fmt;

/// What became of a signal: one rule that wanted one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum SignalOutcome {
    /// It began a finding.
    Fired,
    /// It was counted into a finding that was open already.
    Absorbed,
    /// An exception of the rule covers it.
    Excepted,
    /// The rule's `where` is false of it.
    WhereFalse,
    /// The rule's `where` asks for a field it lacks, which counts as false.
    WhereMissing,
    /// EventBridge would not have delivered the event to a rule of this kind (`delivery`).
    Undelivered,
    /// The rule has decided on this event already.
    Duplicate,
    /// The rule's expression could not be evaluated.
    Error,
    /// It lacks a field by which the rule tells which events belong together, or which it counts.
    FieldMissing,
    /// It came after all that it could have changed was settled and put away.
    Late,
    /// It was counted, and forgotten before anything came of it: the rule has too many keys, or the key too many events.
    Evicted,
}

impl SignalOutcome {
    /// All of them, in the order in which they are printed.
    pub const ALL: [SignalOutcome; 11] = [
        SignalOutcome::Fired,
        SignalOutcome::Absorbed,
        SignalOutcome::Excepted,
        SignalOutcome::WhereFalse,
        SignalOutcome::WhereMissing,
        SignalOutcome::Undelivered,
        SignalOutcome::Duplicate,
        SignalOutcome::Error,
        SignalOutcome::FieldMissing,
        SignalOutcome::Late,
        SignalOutcome::Evicted,
    ];

    /// The name in statistics and metrics.
    pub fn name(self) -> &'static str {
        match self {
            SignalOutcome::Fired => "fired",
            SignalOutcome::Absorbed => "absorbed",
            SignalOutcome::Excepted => "excepted",
            SignalOutcome::WhereFalse => "where-false",
            SignalOutcome::WhereMissing => "where-missing",
            SignalOutcome::Undelivered => "undelivered",
            SignalOutcome::Duplicate => "duplicate",
            SignalOutcome::Error => "error",
            SignalOutcome::FieldMissing => "field-missing",
            SignalOutcome::Late => "late",
            SignalOutcome::Evicted => "evicted",
        }
    }
}

impl fmt::Display for SignalOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Counts of signals, in and out. What goes in must come out as one outcome: [`SignalTally::check`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SignalTally {
    seen: u64,
    outcomes: [u64; SignalOutcome::ALL.len()],
}

impl SignalTally {
    /// Counts signals that came in.
    pub fn saw(&mut self, signals: u64) {
        self.seen += signals;
    }

    /// Counts how one of them ended.
    pub fn ended(&mut self, outcome: SignalOutcome) {
        // The array has a place for each outcome, in the order of `ALL`.
        if let Some(count) = self.outcomes.get_mut(outcome as usize) {
            *count += 1;
        }
    }

    /// Counts some that had ended in one way as having ended in another after all.
    pub fn moved(&mut self, from: SignalOutcome, to: SignalOutcome, count: u64) {
        let count = count.min(self.count(from));
        if let Some(before) = self.outcomes.get_mut(from as usize) {
            *before -= count;
        }
        if let Some(after) = self.outcomes.get_mut(to as usize) {
            *after += count;
        }
    }

    /// How many ended so.
    pub fn count(&self, outcome: SignalOutcome) -> u64 {
        self.outcomes.get(outcome as usize).copied().unwrap_or_default()
    }

    /// How many came in.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Adds another tally, of another thread say.
    pub fn add(&mut self, other: &SignalTally) {
        self.seen += other.seen;
        for (count, more) in self.outcomes.iter_mut().zip(other.outcomes) {
            *count += more;
        }
    }

    /// Whether every signal ended in exactly one way.
    ///
    /// # Errors
    ///
    /// The two sums that should be equal. That is a defect of Trailhound, never of its input.
    pub fn check(&self) -> Result<(), Unaccounted> {
        let ended = self.outcomes.iter().sum();
        if ended == self.seen { Ok(()) } else { Err(Unaccounted { seen: self.seen, ended }) }
    }
}

/// Signals that ended in no counted way, or in two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{seen} signals came in and {ended} are accounted for: this is a defect, please report it")]
pub struct Unaccounted {
    /// What came in.
    pub seen: u64,
    /// The sum over all outcomes.
    pub ended: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_balances_only_when_every_signal_ended_once() {
        let mut tally = SignalTally::default();
        tally.saw(SignalOutcome::ALL.len() as u64);
        for (n, outcome) in SignalOutcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, n, "`ALL` is in the order of the variants");
            assert!(tally.check().is_err());
            tally.ended(outcome);
            assert_eq!(tally.count(outcome), 1);
        }
        assert_eq!(tally.check(), Ok(()));
        let mut twice = tally;
        twice.add(&tally);
        assert_eq!((twice.seen(), twice.check()), (22, Ok(())));
        twice.ended(SignalOutcome::Fired);
        assert_eq!(twice.check(), Err(Unaccounted { seen: 22, ended: 23 }));
    }
}
