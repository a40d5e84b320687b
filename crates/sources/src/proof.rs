//! By which way events come, and what a source can prove of how much has come.

use cloudtrail::{AccountId, EventTime, Region};

/// The ways by which events come. Each has its own lateness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// EventBridge, over whatever carries it on.
    EventBridge,
    /// A CloudWatch Logs subscription.
    Logs,
    /// Log files in S3 or in a folder.
    S3,
}

/// Everything of an account and region that was delivered up to a time has been handed over.
///
/// It speaks of *delivery*: an event of that time may be delivered later, by the lateness of its class. That a record of some time was seen
/// is no proof that earlier ones were; whoever decodes the records sees their times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Proof {
    /// Whose events.
    pub account: AccountId,
    /// Of which region.
    pub region: Region,
    /// By which way they come.
    pub class: Class,
    /// Up to when.
    pub to: EventTime,
    /// How that is known.
    pub evidence: Evidence,
}

/// How it is known that everything has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// A digest ends at that time, and all log files it names were committed. One comes every hour, even if nothing happened.
    Digest,
    /// Everything that was there was listed and committed.
    Listing,
}
