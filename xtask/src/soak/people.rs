//! What people were told, out of the outbox: conversations in which every finding is counted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use store::Delivery;

use super::Failure;

/// Messages by target and conversation: by number, how many findings each stands for.
#[derive(Default)]
pub(super) struct People(BTreeMap<(String, String), BTreeMap<u32, u64>>);

impl People {
    /// Takes note of an outbox entry.
    pub(super) fn note(&mut self, entry: &Delivery) -> Result<(), Failure> {
        if entry.key.target() == "hook" {
            return Ok(());
        }
        let payload = entry.payload.as_deref().ok_or_else(|| format!("{} has no message", entry.key))?;
        let parcel: Value = serde_json::from_slice(payload)?;
        let findings = parcel["telling"]["findings"].as_u64().unwrap_or(1);
        let note = parcel["telling"]["note"].as_str().unwrap_or_default();
        if entry.key.target() == "held" && note.contains("too many conversations") {
            // A long run has more conversations than the desk keeps; what it gives up it tells, and says why.
            return Ok(());
        }
        let place = (entry.key.target().to_owned(), entry.key.finding().to_owned());
        self.0.entry(place).or_default().insert(entry.key.revision(), findings);
        Ok(())
    }

    /// Holds it against the findings there are, and says what there was.
    pub(super) fn check(&self, findings: &BTreeMap<(String, u32), String>) -> Result<String, Failure> {
        let ids: BTreeSet<&String> = findings.keys().map(|(id, _)| id).collect();
        let told: u64 = self.at("told").filter_map(|(_, messages)| messages.values().max()).sum();
        // A conversation that begins anew, with a later revision, counts its finding again.
        if told < ids.len() as u64 {
            return Err(format!("{} findings were made, and people were told of {told}", ids.len()).into());
        }
        for name in ["told", "unanswered", "repeated"] {
            if self.at(name).next().is_none() {
                return Err(format!("{name} was told nothing").into());
            }
        }
        if let Some(((_, id), _)) = self.at("held").next() {
            return Err(format!("{id} was told although it is held").into());
        }
        let (conversations, messages) =
            (self.at("told").count(), self.at("told").map(|(_, all)| all.len()).sum::<usize>());
        let (unanswered, repeated) = (self.at("unanswered").count(), self.at("repeated").count());
        Ok(format!(
            "people were told of them in {conversations} conversations with {messages} messages, {unanswered} of which went on unanswered, \
             and {repeated} that were held and repeated"
        ))
    }

    /// The conversations at one target.
    fn at(&self, name: &'static str) -> impl Iterator<Item = (&(String, String), &BTreeMap<u32, u64>)> {
        self.0.iter().filter(move |((target, _), _)| target == name)
    }
}
