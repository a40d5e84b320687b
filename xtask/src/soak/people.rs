//! What people were told, out of the outbox: conversations without gaps, in which every finding is counted.

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
        for ((target, id), messages) in &self.0 {
            // One that begins anew, with a later revision of the finding that it began with, counts on from a thousand times that revision.
            let follows = |before: u32, after: u32| before + 1 == after || before / 1_000 < after / 1_000;
            let pairs = messages.keys().zip(messages.keys().skip(1));
            let gap = pairs.into_iter().find(|(before, after)| !follows(**before, **after));
            if let Some((before, after)) = gap {
                let error =
                    format!("conversation {id} at {target} has no message between {before} and {after}");
                return Err(error.into());
            }
        }
        let told: u64 = self.at("told").filter_map(|(_, messages)| messages.values().max()).sum();
        // A conversation that begins anew, with a later revision of one, may count again what another one told.
        let begins_anew = |messages: &BTreeMap<u32, u64>| messages.keys().any(|number| *number >= 1_000);
        let anew: u64 = self
            .at("told")
            .filter(|(_, messages)| begins_anew(messages))
            .filter_map(|(_, messages)| messages.values().max())
            .sum();
        let made = ids.len() as u64;
        if told < made || told > made + anew {
            return Err(format!(
                "{made} findings were made, and people were told of {told}, {anew} of them again"
            )
            .into());
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
