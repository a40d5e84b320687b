//! What is noted of an action.

use jiff::Timestamp;
use serde_json::json;

/// A list that what is done is noted in. It is append-only, and what was noted is on the disk.
pub trait AuditList: Send + Sync {
    /// Notes something. It may wait for the disk.
    ///
    /// # Errors
    ///
    /// If it could not be noted.
    fn note(&self, note: Note) -> Result<(), NoteError>;

    /// When a response last meant to act in an account, as far as that is known beyond this process. It may wait for the disk.
    fn last_acted(&self, response: &str, account: &str) -> Option<Timestamp> {
        let _ = (response, account);
        None
    }

    /// On what a response meant to act about a finding, if what came of it was never noted: the process ended in between. It may wait for the disk.
    fn unfinished(&self, response: &str, finding: &str) -> Option<String> {
        let _ = (response, finding);
        None
    }
}

/// Something could not be noted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not be noted: {0}")]
pub struct NoteError(pub String);

/// A step of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// The response of the configuration that it was.
    pub response: String,
    /// The action.
    pub action: &'static str,
    /// Which step.
    pub stage: Stage,
    /// On what; empty where it did not come to that.
    pub subject: String,
    /// What came of it, or why not.
    pub said: String,
    /// In which account.
    pub account: String,
    /// The id of the finding that it responds to.
    pub finding: String,
    /// Its revision.
    pub revision: u32,
    /// The id of its rule.
    pub rule: String,
}

/// A step of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It is about to be done.
    Intended,
    /// It was done.
    Done,
    /// It must not be done about this finding.
    Refused,
    /// It went wrong.
    Failed,
    /// It would have been done.
    DryRun,
}

impl Stage {
    /// The word in the list.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Stage::Intended => "intended",
            Stage::Done => "done",
            Stage::Refused => "refused",
            Stage::Failed => "failed",
            Stage::DryRun => "dry-run",
        }
    }
}

impl Note {
    /// What does not stand in columns of its own: JSON.
    #[must_use]
    pub fn detail(&self) -> String {
        json!({ "finding": self.finding, "revision": self.revision, "rule": self.rule, "said": self.said })
            .to_string()
    }
}
