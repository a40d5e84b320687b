//! A lane, how late its events come, and what tells how far it is.

use std::time::Duration;

use cloudtrail::{AccountId, EventTime, Region};
use serde::{Deserialize, Serialize};

/// What arrives together: one account's events of one region by one class of source.
///
/// Either end may be unknown: an event that is not CloudTrail's can lack an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lane {
    /// Whose events.
    pub account: Option<AccountId>,
    /// Of which region.
    pub region: Option<Region>,
    /// By which way they come.
    pub class: SourceClass,
}

/// A lane's number in its [`Lanes`](crate::Lanes): stable while the process runs and over a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LaneId(pub u32);

/// The ways by which events arrive. Each has its own lateness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceClass {
    /// EventBridge, over whatever carries it on.
    EventBridge,
    /// A CloudWatch Logs subscription.
    Logs,
    /// Log files in S3 or in a folder.
    S3,
}

/// How long after it happened an event may arrive and still be in time.
///
/// The defaults are how CloudTrail really behaves: within two minutes by EventBridge, twenty by CloudWatch Logs, an hour
/// by S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lateness {
    /// By EventBridge.
    pub eventbridge: Duration,
    /// By CloudWatch Logs.
    pub logs: Duration,
    /// By S3.
    pub s3: Duration,
}

impl Default for Lateness {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        Lateness { eventbridge: minutes(2), logs: minutes(20), s3: minutes(60) }
    }
}

impl Lateness {
    /// The lateness of one class.
    pub fn of(&self, class: SourceClass) -> Duration {
        match class {
            SourceClass::EventBridge => self.eventbridge,
            SourceClass::Logs => self.logs,
            SourceClass::S3 => self.s3,
        }
    }
}

/// How it is known how far a lane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// A record of that time was seen.
    Event,
    /// A digest file ends at that time, and all log files it names were read. One comes every hour, even if nothing happened.
    Digest,
    /// Everything that was delivered up to that time was listed and read: a back-fill's frontier.
    Listing,
    /// Nothing came for so long that, by the wall clock, nothing is held to have happened. Never proof of absence.
    Assumed,
}

/// News of a lane: it has told everything up to `to`, less the lateness of its class.
///
/// The lateness is taken off whatever the evidence. A digest and a listing speak of what was *delivered* by a time, and an
/// event of that hour may be delivered in the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Which lane.
    pub lane: Lane,
    /// Up to when.
    pub to: EventTime,
    /// How that is known.
    pub evidence: Evidence,
}
