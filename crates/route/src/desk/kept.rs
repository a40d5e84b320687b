//! What the desk remembers, as rows that its owner keeps.
//!
//! A row's key says what it is: `c/THREAD/TARGET` a conversation, `s/ID` a silence, `h/ID` what a suppression hid. Values are JSON; members may be
//! added with a default, and none is ever given another meaning.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::conversation::Conversation;
use super::{Desk, Policy, Standing};
use crate::{Hidden, Severity, Silence};

/// The version of the values that is written.
const VERSION: u32 = 1;

/// What has changed, by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Conversation(String),
    Silence(String),
    Suppressed(String),
}

/// A row to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its key.
    pub key: Vec<u8>,
    /// The format of the value, and the value; `None` if the row is to be deleted.
    pub value: Option<(u32, Vec<u8>)>,
}

/// Rows that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// They were written by a later version.
    #[error("what is kept of conversations has version {0}, and this trailhound knows version {VERSION}")]
    Newer(u32),
    /// They are damaged.
    #[error("what is kept of `{key}` cannot be read: {error}")]
    Unreadable {
        /// Which.
        key: String,
        /// Why not.
        error: String,
    },
}

/// What is kept of the desk, for somebody who looks.
#[derive(Debug, Default)]
pub struct Kept {
    /// Silences with what they hid, by id.
    pub silences: Vec<(Silence, Hidden)>,
    /// What suppressions hid, by id.
    pub suppressed: Vec<(String, Hidden)>,
    /// The conversations that are not closed.
    pub conversations: Vec<ConversationView>,
}

/// A conversation, for somebody who looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConversationView {
    /// Its id.
    pub id: String,
    /// Where.
    pub target: String,
    /// The rule it began with.
    pub rule: String,
    /// How grave it is.
    pub severity: Severity,
    /// Since when.
    pub began: Timestamp,
    /// When something last came.
    pub heard: Timestamp,
    /// How many findings are in it.
    pub findings: u64,
    /// The hours it waits for.
    pub waits_for: Option<String>,
    /// How it stands.
    pub standing: Standing,
    /// Whether nothing has been said of it yet.
    pub held: bool,
    /// Whether something in it lasts and is not over: an alarm, an absence.
    pub stands: bool,
    /// Who has it in hand.
    pub acknowledged: Option<String>,
    /// The finding that its next message shows.
    #[serde(skip)]
    pub shows: String,
}

#[derive(Serialize, Deserialize)]
struct KeptSilence {
    silence: Silence,
    hidden: Hidden,
}

/// What a row holds.
enum Thing {
    Conversation(String, Box<Conversation>),
    Silence(KeptSilence),
    Suppressed(String, Hidden),
}

impl Desk {
    /// A desk that goes on from what was kept.
    ///
    /// # Errors
    ///
    /// If a row cannot be read.
    pub fn restore<'r>(
        rows: impl IntoIterator<Item = (&'r [u8], u32, &'r [u8])>,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Desk, KeptError> {
        let mut desk = Desk::default();
        for (key, version, value) in rows {
            match read(key, version, value)? {
                None => {}
                Some(Thing::Conversation(key, one)) => {
                    desk.conversations.insert(key.clone(), *one);
                    desk.wind(&key, policy, now);
                }
                Some(Thing::Silence(kept)) => desk.keep_silence(kept.silence, kept.hidden),
                Some(Thing::Suppressed(id, hidden)) => drop(desk.suppressed.insert(id, hidden)),
            }
        }
        Ok(desk)
    }

    /// The rows that changed since the last time.
    pub fn changes(&mut self) -> Vec<Row> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|name| self.row(name)).collect()
    }

    fn row(&self, name: Name) -> Row {
        // Maps with text keys, numbers and texts: writing them cannot fail.
        let json = |value: &dyn Fn() -> Option<Vec<u8>>| value().map(|value| (VERSION, value));
        match name {
            Name::Conversation(key) => Row {
                value: json(&|| serde_json::to_vec(self.conversations.get(&key)?).ok()),
                key: format!("c/{key}").into_bytes(),
            },
            Name::Silence(id) => Row {
                value: json(&|| {
                    let spoken = self.silences.get(&id)?;
                    let (silence, hidden) = (spoken.silence.clone(), spoken.hidden.clone());
                    serde_json::to_vec(&KeptSilence { silence, hidden }).ok()
                }),
                key: format!("s/{id}").into_bytes(),
            },
            Name::Suppressed(id) => Row {
                value: json(&|| serde_json::to_vec(self.suppressed.get(&id)?).ok()),
                key: format!("h/{id}").into_bytes(),
            },
        }
    }
}

impl Row {
    /// The row of a silence, for somebody who keeps one while no desk runs.
    #[must_use]
    pub fn silence(silence: &Silence) -> Row {
        let kept = KeptSilence { silence: silence.clone(), hidden: Hidden::since(silence.since) };
        Row {
            key: format!("s/{}", silence.id).into_bytes(),
            value: serde_json::to_vec(&kept).ok().map(|value| (VERSION, value)),
        }
    }

    /// The row that ends a silence.
    #[must_use]
    pub fn no_silence(id: &str) -> Row {
        Row { key: format!("s/{id}").into_bytes(), value: None }
    }
}

impl Kept {
    /// Reads rows for somebody who looks.
    ///
    /// # Errors
    ///
    /// If a row cannot be read.
    pub fn read<'r>(rows: impl IntoIterator<Item = (&'r [u8], u32, &'r [u8])>) -> Result<Kept, KeptError> {
        let mut kept = Kept::default();
        for (key, version, value) in rows {
            match read(key, version, value)? {
                Some(Thing::Conversation(_, one)) if one.closed.is_none() => {
                    kept.conversations.push(one.view());
                }
                Some(Thing::Silence(one)) => kept.silences.push((one.silence, one.hidden)),
                Some(Thing::Suppressed(id, hidden)) => kept.suppressed.push((id, hidden)),
                _ => {}
            }
        }
        Ok(kept)
    }
}

fn read(key: &[u8], version: u32, value: &[u8]) -> Result<Option<Thing>, KeptError> {
    if version > VERSION {
        return Err(KeptError::Newer(version));
    }
    let name = String::from_utf8_lossy(key);
    let wrong = |error: serde_json::Error| KeptError::Unreadable {
        key: name.clone().into_owned(),
        error: error.to_string(),
    };
    Ok(match name.split_once('/') {
        Some(("c", key)) => {
            let one = serde_json::from_slice(value).map_err(wrong)?;
            Some(Thing::Conversation(key.to_owned(), Box::new(one)))
        }
        Some(("s", _)) => Some(Thing::Silence(serde_json::from_slice(value).map_err(wrong)?)),
        Some(("h", id)) => {
            Some(Thing::Suppressed(id.to_owned(), serde_json::from_slice(value).map_err(wrong)?))
        }
        _ => None,
    })
}

impl Conversation {
    fn view(&self) -> ConversationView {
        ConversationView {
            id: self.id.clone(),
            target: self.target.clone(),
            rule: self.rule.clone(),
            severity: self.severity,
            began: self.began,
            heard: self.heard,
            findings: self.findings,
            waits_for: self.hours.as_deref().map(str::to_owned),
            standing: self.standing(),
            held: self.is_held(),
            stands: self.stands(),
            acknowledged: self.acknowledged.as_ref().map(|by| by.by.clone()),
            shows: self.shows().to_owned(),
        }
    }
}
