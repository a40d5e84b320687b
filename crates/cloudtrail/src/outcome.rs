//! What becomes of records, counted so that none vanishes.
//!
//! Every record that comes in ends in exactly one [`Outcome`]; a [`Tally`] counts both sides by different hands and
//! [`Tally::check`] compares them.

use serde::Serialize;

/// Why a record was left aside although nothing is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// A digest file, which is about log files.
    Digest,
    /// A message of S3, SNS or SQS about an object, in place of the object.
    Notification,
    /// A CloudWatch Logs subscription says that it is alive.
    ControlMessage,
    /// Dated further ahead of now than clocks differ.
    Future,
    /// Dated outside the span that was asked for.
    OutOfRange,
}

impl SkipReason {
    /// All of them, in the order in which they are reported.
    pub const ALL: [SkipReason; 5] = [
        SkipReason::Digest,
        SkipReason::Notification,
        SkipReason::ControlMessage,
        SkipReason::Future,
        SkipReason::OutOfRange,
    ];

    /// The reason in a reader's words.
    pub fn as_str(self) -> &'static str {
        match self {
            SkipReason::Digest => "a digest file, not a log file",
            SkipReason::Notification => "a notification about an object, not the object",
            SkipReason::ControlMessage => "a control message of CloudWatch Logs",
            SkipReason::Future => "dated in the future",
            SkipReason::OutOfRange => "outside the requested time span",
        }
    }
}

/// Why a record could not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RejectReason {
    /// It is not JSON.
    #[error("{reason} at byte {at}")]
    Malformed {
        /// What is wrong.
        reason: json_scan::Reason,
        /// Byte offset in the inflated text.
        at: u64,
    },
    /// It seems to go on into the records behind it.
    #[error("a bracket or quote in the record is not closed")]
    Unclosed,
    /// It is followed by something that follows no record.
    #[error(
        "the record is followed by neither a comma nor the end of its list: a bracket or quote in it is out of place"
    )]
    Unseparated,
    /// A string with a record in it does not hold exactly one JSON object.
    #[error("the string does not hold a JSON object and nothing else")]
    NotOneObject,
    /// The input ends within it.
    #[error("the input ends within the record: it was cut off, or a bracket or quote in it is not closed")]
    CutOff,
    /// It is larger than any CloudTrail event.
    #[error("the record has more than {limit} bytes")]
    TooLarge {
        /// The most a record may have.
        limit: usize,
    },
    /// A JSON value that is not an object.
    #[error("a record must be a JSON object")]
    NotAnObject,
    /// A digest file that is not as digest files are.
    #[error("a digest file with members missing or of the wrong kind")]
    BadDigest,
    /// A JSON object, but no event.
    #[error(
        "neither a CloudTrail record (it has no eventName) nor an EventBridge event (detail-type, source, detail)"
    )]
    NotAnEvent,
    /// A rule wants it, and taking it apart fails: matching steps over what no rule asks for.
    #[error(
        "a value in it cannot be read: a number beyond all limits, more than 127 levels of nesting, or text that JSON does not allow"
    )]
    Unreadable,
}

/// What became of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// At least one rule's selector matched.
    Matched,
    /// No rule's selector matched.
    Unmatched,
    /// A copy of a record that was seen before.
    Duplicate,
    /// Left aside.
    Skipped(SkipReason),
    /// Unusable.
    Rejected(RejectReason),
}

/// Counts records in, and what became of them.
///
/// ```
/// use cloudtrail::outcome::{Outcome, SkipReason, Tally};
///
/// let mut tally = Tally::default();
/// for outcome in [Outcome::Matched, Outcome::Unmatched, Outcome::Skipped(SkipReason::Digest)] {
///     tally.received();
///     tally.ended(outcome);
/// }
/// assert_eq!(tally.check(), Ok(()));
/// tally.received();
/// assert!(tally.check().is_err());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records that came in.
    pub records: u64,
    /// Those that at least one selector matched.
    pub matched: u64,
    /// Those that none matched.
    pub unmatched: u64,
    /// Copies.
    pub duplicate: u64,
    /// Those left aside, in the order of [`SkipReason::ALL`].
    pub skipped: [u64; SkipReason::ALL.len()],
    /// Those that could not be used.
    pub rejected: u64,
    /// Those without a readable time; each of them is also counted by its outcome.
    pub undated: u64,
}

/// Records came in of which nothing was said, or the reverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{records} records came in, but {outcomes} outcomes were counted: this is a fault of the program")]
pub struct Unbalanced {
    /// Records that came in.
    pub records: u64,
    /// Outcomes counted.
    pub outcomes: u64,
}

impl Tally {
    /// A record came in.
    pub fn received(&mut self) {
        self.records += 1;
    }

    /// This became of it.
    pub fn ended(&mut self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Matched => &mut self.matched,
            Outcome::Unmatched => &mut self.unmatched,
            Outcome::Duplicate => &mut self.duplicate,
            Outcome::Skipped(reason) => {
                let [digest, notification, control, future, range] = &mut self.skipped;
                match reason {
                    SkipReason::Digest => digest,
                    SkipReason::Notification => notification,
                    SkipReason::ControlMessage => control,
                    SkipReason::Future => future,
                    SkipReason::OutOfRange => range,
                }
            }
            Outcome::Rejected(_) => &mut self.rejected,
        };
        *count += 1;
    }

    /// Records left aside, for whatever reason.
    pub fn skipped(&self) -> u64 {
        self.skipped.iter().sum()
    }

    /// Adds what another worker counted.
    pub fn add(&mut self, other: &Tally) {
        let Tally { records, matched, unmatched, duplicate, skipped, rejected, undated } = other;
        self.records += records;
        self.matched += matched;
        self.unmatched += unmatched;
        self.duplicate += duplicate;
        self.skipped.iter_mut().zip(skipped).for_each(|(sum, more)| *sum += more);
        self.rejected += rejected;
        self.undated += undated;
    }

    /// Compares what came in with what was said of it.
    ///
    /// # Errors
    ///
    /// If they differ.
    pub fn check(&self) -> Result<(), Unbalanced> {
        let outcomes = self.matched + self.unmatched + self.duplicate + self.skipped() + self.rejected;
        if outcomes == self.records { Ok(()) } else { Err(Unbalanced { records: self.records, outcomes }) }
    }
}
