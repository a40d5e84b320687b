//! Where one message stands in its conversation.
//!
//! What is said of one thing at one target is a conversation: a first message, updates, a closing one. It has an id for life, that of
//! the finding it began with, and its messages are numbered. So `conversation:number:target` is an idempotency key, and a target that
//! can edit, thread or resolve knows what by.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::FindingEvent;

/// Which part of a conversation a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It begins the conversation: somebody is to look.
    #[default]
    First,
    /// It replaces what was said before.
    Update,
    /// It ends the conversation: everything in it is resolved, or nothing more came for long.
    Closing,
}

/// Where a message stands in its conversation, and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// The conversation's id: that of the finding it began with. The same for all its messages at all targets.
    pub conversation: String,
    /// The message's number in it, from 0. Numbers grow, and some may be left out.
    pub number: u32,
    /// Which part of the conversation it is.
    pub kind: Kind,
    /// How many findings are in the conversation so far.
    pub findings: u64,
    /// How many findings and revisions of findings were said with others instead of in a message of their own.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub folded: u64,
    /// When the conversation began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Why it is said now or here, if that is worth a line: it was held, or nobody acknowledged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Telling {
    /// A finding by itself: each of its revisions is a message.
    #[must_use]
    pub fn alone(finding: &FindingEvent) -> Self {
        Telling {
            conversation: finding.id().to_owned(),
            number: finding.revision(),
            kind: if finding.revision() == 0 { Kind::First } else { Kind::Update },
            findings: 1,
            folded: 0,
            since: None,
            note: None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
