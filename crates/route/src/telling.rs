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
    /// Whether it is said because somebody has it in hand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub acknowledged: bool,
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
            acknowledged: false,
        }
    }
}

impl Telling {
    /// A finding's JSON with its place in the conversation as `detail.conversation`.
    ///
    /// ```
    /// use route::{Kind, Telling};
    ///
    /// let telling = Telling {
    ///     conversation: "8f2c".to_owned(), number: 1, kind: Kind::Update, findings: 3, folded: 2, since: None, note: None, acknowledged: false,
    /// };
    /// assert_eq!(
    ///     telling.within(r#"{"id":"9a11","detail":{"rule":"root-use"}}"#),
    ///     r#"{"id":"9a11","detail":{"conversation":{"id":"8f2c","number":1,"kind":"update","findings":3,"folded":2},"rule":"root-use"}}"#
    /// );
    /// ```
    #[must_use]
    pub fn within(&self, finding: &str) -> String {
        #[derive(Serialize)]
        struct Place<'t> {
            id: &'t str,
            number: u32,
            kind: Kind,
            findings: u64,
            folded: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            since: Option<Timestamp>,
            #[serde(skip_serializing_if = "Option::is_none")]
            note: Option<&'t str>,
        }
        let Telling { conversation, number, kind, findings, folded, since, note, acknowledged: _ } = self;
        let (number, kind, findings, folded, since) = (*number, *kind, *findings, *folded, *since);
        let place = Place { id: conversation, number, kind, findings, folded, since, note: note.as_deref() };
        let Ok(place) = serde_json::to_string(&place) else { return finding.to_owned() };
        // Our own JSON: before the detail there are no objects, and in a text a quote has a backslash before it.
        finding.replacen("\"detail\":{", &format!("\"detail\":{{\"conversation\":{place},"), 1)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
