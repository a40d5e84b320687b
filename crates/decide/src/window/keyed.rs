//! State by key: bounded, with a time at which each key wants attention, and a list of what changed.
//!
//! Invariants: `due` holds each key once, with the time in its slot; that time is never after the one at which the key
//! really has something to do, but may be before it, so that most signals leave it alone. At the limit the key that is due
//! first makes room, which is counted: it is the one whose state would have ended soonest.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How many keys a rule keeps unless it says otherwise.
pub const KEYS_MAX: usize = 1_000_000;

/// The format of the values in [`StateChange`].
const VERSION: u32 = 1;
/// The row that is about the whole rule; rows of keys begin with another letter.
const RULE_ROW: &[u8] = b"r";
const KEY_ROW: u8 = b'k';

/// One value to be stored under a key, in the rule's own namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// Where.
    pub key: Vec<u8>,
    /// The format of the value and the value; none to delete it.
    pub value: Option<(u32, Vec<u8>)>,
}

/// Stored state that cannot be gone on from.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Written by a later version.
    #[error(
        "state of format {version} was written by a later version: this one knows formats up to {VERSION}"
    )]
    Version {
        /// The format found.
        version: u32,
    },
    /// Not what was written.
    #[error("the state under key `{key}` is damaged: {source}")]
    Damaged {
        /// Under which key, as text as far as it is text.
        key: String,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// When a key wants attention next.
pub(crate) enum Due {
    /// At this time, if not before.
    By(i64),
    /// Nothing is left of it.
    Never,
}

#[derive(Debug, Clone)]
pub(crate) struct Keys<S> {
    map: FxHashMap<Arc<str>, Slot<S>>,
    due: BTreeSet<(i64, Arc<str>)>,
    /// Keys that changed or went since the last [`Keys::changes`].
    changed: Vec<Arc<str>>,
    limit: usize,
    durable: bool,
    evicted: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Slot<S> {
    due: i64,
    #[serde(skip)]
    changed: bool,
    state: S,
}

impl<S: Serialize + DeserializeOwned> Keys<S> {
    /// `durable` says that changes will be asked for; else they are not collected.
    pub(crate) fn new(limit: usize, durable: bool) -> Self {
        Keys {
            map: FxHashMap::default(),
            due: BTreeSet::new(),
            changed: Vec::new(),
            limit: limit.max(1),
            durable,
            evicted: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(crate) fn get(&self, key: &str) -> Option<&S> {
        self.map.get(key).map(|slot| &slot.state)
    }

    /// Changes a key's state in place; `create` makes it where there is none.
    pub(crate) fn with<R>(
        &mut self,
        key: &str,
        create: impl FnOnce() -> S,
        act: impl FnOnce(&mut S) -> (R, Due),
    ) -> R {
        if let Some(slot) = self.map.get_mut(key) {
            let (result, due) = act(&mut slot.state);
            if self.durable && !slot.changed {
                slot.changed = true;
                if let Some((name, _)) = self.map.get_key_value(key) {
                    self.changed.push(Arc::clone(name));
                }
            }
            match due {
                Due::By(time) => self.hasten(key, time),
                Due::Never => self.remove(key),
            }
            return result;
        }
        let mut state = create();
        let (result, due) = act(&mut state);
        if let Due::By(time) = due {
            self.put(&Arc::from(key), state, time);
        }
        result
    }

    /// Takes out a key that is due; whoever does puts it back or lets it go.
    pub(crate) fn pop_due(&mut self, now: i64) -> Option<(Arc<str>, S)> {
        if self.due.first()?.0 > now {
            return None;
        }
        let (_, key) = self.due.pop_first()?;
        let slot = self.map.remove(&key)?;
        if self.durable && !slot.changed {
            self.changed.push(Arc::clone(&key));
        }
        Some((key, slot.state))
    }

    /// Puts in a key that is not in.
    pub(crate) fn put(&mut self, key: &Arc<str>, state: S, due: i64) {
        while self.map.len() >= self.limit {
            let Some((_, oldest)) = self.due.pop_first() else { break };
            if let Some(slot) = self.map.remove(&oldest) {
                self.evicted += 1;
                if self.durable && !slot.changed {
                    self.changed.push(oldest);
                }
            }
        }
        if self.durable {
            self.changed.push(Arc::clone(key));
        }
        self.due.insert((due, Arc::clone(key)));
        self.map.insert(Arc::clone(key), Slot { due, changed: self.durable, state });
    }

    fn hasten(&mut self, key: &str, time: i64) {
        let Some((name, slot)) = self.map.get_key_value(key) else { return };
        if time >= slot.due {
            return;
        }
        let name = Arc::clone(name);
        if let Some(slot) = self.map.get_mut(key) {
            let before = std::mem::replace(&mut slot.due, time);
            self.due.remove(&(before, Arc::clone(&name)));
            self.due.insert((time, name));
        }
    }

    fn remove(&mut self, key: &str) {
        if let Some((name, slot)) = self.map.remove_entry(key) {
            if self.durable && !slot.changed {
                self.changed.push(Arc::clone(&name));
            }
            self.due.remove(&(slot.due, name));
        }
    }

    /// What has to be stored since the last time: the rule's own row, and each changed key's.
    pub(crate) fn changes(&mut self, rule: &impl Serialize) -> Vec<StateChange> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        let mut changes = Vec::with_capacity(changed.len() + 1);
        changes.push(StateChange {
            key: RULE_ROW.to_vec(),
            value: Some((VERSION, written(&(self.evicted, rule)))),
        });
        for key in changed {
            let value = self.map.get_mut(&key).map(|slot| {
                slot.changed = false;
                (VERSION, written(slot))
            });
            let mut row = vec![KEY_ROW];
            row.extend_from_slice(key.as_bytes());
            changes.push(StateChange { key: row, value });
        }
        changes
    }

    /// From all that is stored, and the rule's own row, if there is one.
    pub(crate) fn restore<'r, R: DeserializeOwned>(
        limit: usize,
        durable: bool,
        rows: impl IntoIterator<Item = (&'r [u8], u32, &'r [u8])>,
    ) -> Result<(Self, Option<R>), RestoreError> {
        let mut keys = Keys::new(limit, false);
        let mut rule = None;
        let mut evicted = 0;
        for (row, version, value) in rows {
            if version > VERSION {
                return Err(RestoreError::Version { version });
            }
            let damaged =
                |source| RestoreError::Damaged { key: String::from_utf8_lossy(row).into_owned(), source };
            if row == RULE_ROW {
                let own: (u64, R) = serde_json::from_slice(value).map_err(damaged)?;
                (evicted, rule) = (own.0, Some(own.1));
            } else if let Some(key) = row.strip_prefix(&[KEY_ROW]) {
                let slot: Slot<S> = serde_json::from_slice(value).map_err(damaged)?;
                keys.put(&Arc::from(String::from_utf8_lossy(key)), slot.state, slot.due);
            }
        }
        keys.durable = durable;
        keys.evicted += evicted;
        Ok((keys, rule))
    }
}

/// State is made of numbers, texts and lists, none of which JSON refuses.
fn written(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
