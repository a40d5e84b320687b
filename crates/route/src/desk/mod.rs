//! The desk: from a finding to what is said of it, to whom, and when.
//!
//! ```text
//!   finding ──▶ known good? ──▶ routes ──▶ one conversation per thread and target ──▶ errands: say this there
//!                  │               │              ▲            │
//!               hidden          dropped          time      held, folded, pending
//! ```
//!
//! A pure state machine: it is handed findings, acknowledgements, silences and the time, and answers with [`Errand`]s. It reads no clock and
//! does nothing by itself, so a replay of what it was handed says the same, and its owner decides what durable means: [`Desk::changes`] are
//! rows to be kept in the transaction that keeps the errands.
//!
//! Invariants:
//!
//! * Every revision of a finding that is taken has exactly one [`FindingOutcome`].
//! * An errand's `conversation:number:target` is said once.
//! * What is remembered is bounded: [`Fold::conversations_max`] conversations of bounded size. For one more, another is given up:
//!   counted, and what of it was not said yet is said first.

mod conversation;
mod crowd;
mod gone;
mod kept;
mod quiet;
mod turn;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::conversation::Conversation;
use self::crowd::Crowd;
pub use self::crowd::{Count, Standing};
pub use self::kept::{ConversationView, Kept, KeptError, Row};
use self::quiet::{SILENCE, Spoken};
use crate::{FindingEvent, Fold, Hidden, Leg, Routes, State, Suppression, TargetName, Telling};

/// What the desk goes by. A reload brings another one.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Which finding goes where.
    pub routes: Routes,
    /// What is known to be good.
    pub suppressions: Vec<Suppression>,
    /// What makes many findings one conversation.
    pub fold: Fold,
}

impl From<Routes> for Policy {
    /// Routes alone: nothing is suppressed, and every target is told of every finding.
    fn from(routes: Routes) -> Self {
        Policy { routes, suppressions: Vec::new(), fold: Fold::default() }
    }
}

/// Which revision of which finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FindingRef {
    /// Its id.
    pub id: String,
    /// Its revision.
    pub revision: u32,
}

impl FindingRef {
    /// That of a finding.
    #[must_use]
    pub fn of(finding: &FindingEvent) -> Self {
        FindingRef { id: finding.id().to_owned(), revision: finding.revision() }
    }
}

/// Something to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// Where.
    pub target: TargetName,
    /// Where it stands in its conversation.
    pub telling: Telling,
    /// Which finding it shows: the newest of the conversation.
    pub finding: FindingRef,
}

/// What became of a revision of a finding when it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingOutcome {
    /// Somebody is told of it, in a message of its own.
    Sent,
    /// It waits for hours to begin.
    Held,
    /// It is said with others: it changes a conversation, now or later, or it says nothing new.
    Folded,
    /// The configuration says that it is good.
    Suppressed,
    /// Somebody does not want to hear of it now.
    Silenced,
    /// It came outside of the hours of a route that drops it then.
    Dropped,
    /// No route takes it.
    Unrouted,
}

impl FindingOutcome {
    /// All of them.
    pub const ALL: [FindingOutcome; 7] = [
        FindingOutcome::Sent,
        FindingOutcome::Held,
        FindingOutcome::Folded,
        FindingOutcome::Suppressed,
        FindingOutcome::Silenced,
        FindingOutcome::Dropped,
        FindingOutcome::Unrouted,
    ];

    /// The name in counters and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            FindingOutcome::Sent => "sent",
            FindingOutcome::Held => "held",
            FindingOutcome::Folded => "folded",
            FindingOutcome::Suppressed => "suppressed",
            FindingOutcome::Silenced => "silenced",
            FindingOutcome::Dropped => "dropped",
            FindingOutcome::Unrouted => "unrouted",
        }
    }
}

/// What taking a finding came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// What became of it.
    pub outcome: FindingOutcome,
    /// The suppression or silence that hides it.
    pub hidden_by: Option<String>,
    /// The conversation in which it is told, now or later.
    pub conversation: Option<String>,
    /// What is said at once.
    pub errands: Vec<Errand>,
}

/// Who has something in hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Who.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
}

/// What is remembered between findings.
#[derive(Debug, Default)]
pub struct Desk {
    /// By `thread/target`.
    conversations: BTreeMap<String, Conversation>,
    silences: BTreeMap<String, Spoken>,
    /// What each suppression hid.
    suppressed: BTreeMap<String, Hidden>,
    timers: BTreeSet<(Timestamp, String)>,
    due: BTreeMap<String, Timestamp>,
    crowd: Crowd,
    /// Conversations that were given up since somebody last asked.
    given_up: BTreeMap<Standing, u64>,
    changed: BTreeSet<kept::Name>,
}

impl Desk {
    /// Takes note of a policy: suppressions that are new are watched from now on, and those that are gone are forgotten.
    pub fn meet(&mut self, policy: &Policy, now: Timestamp) {
        let gone: Vec<String> = self
            .suppressed
            .keys()
            .filter(|id| !policy.suppressions.iter().any(|one| *one.id == ***id))
            .cloned()
            .collect();
        for id in gone {
            self.suppressed.remove(&id);
            self.changed.insert(kept::Name::Suppressed(id));
        }
        for suppression in &policy.suppressions {
            if !self.suppressed.contains_key(&*suppression.id) {
                self.suppressed.insert(suppression.id.to_string(), Hidden::since(now));
                self.changed.insert(kept::Name::Suppressed(suppression.id.to_string()));
            }
        }
        let keys: Vec<String> = self.conversations.keys().cloned().collect();
        for key in keys {
            self.wind(&key, policy, now);
        }
    }

    /// Takes a revision of a finding.
    pub fn take(&mut self, policy: &Policy, finding: &FindingEvent, now: Timestamp) -> Taken {
        let thread = policy.fold.thread(finding);
        let open: Vec<TargetName> = self.told(&thread, finding);
        // Whoever was told that something stands is told that it is over.
        let ends = finding.state() == State::Resolved && !open.is_empty();
        if !ends && let Some(hidden) = self.hide(policy, finding, now) {
            return hidden;
        }
        let mut routing = policy.routes.route(finding, now);
        for target in open {
            routing.add(Leg { target, held: None, unanswered: None });
        }
        let mut errands = Vec::new();
        let mut outcomes = BTreeMap::new();
        for leg in &routing.legs {
            let outcome = self.take_leg(policy, &thread, leg, finding, now, &mut errands);
            outcomes.entry(outcome).or_insert(&leg.target);
        }
        let (outcome, conversation) = match outcomes.first_key_value() {
            Some((outcome, target)) => {
                let there = self.conversations.get(&format!("{thread}/{target}"));
                (*outcome, Some(there.map_or_else(|| finding.id().to_owned(), |there| there.id.clone())))
            }
            None if routing.dropped => (FindingOutcome::Dropped, None),
            None => (FindingOutcome::Unrouted, None),
        };
        Taken { outcome, hidden_by: None, conversation, errands }
    }

    /// What the time asks for.
    pub fn tick(&mut self, policy: &Policy, now: Timestamp) -> Vec<Errand> {
        let mut errands = Vec::new();
        while let Some((time, key)) = self.timers.first().cloned()
            && time <= now
        {
            self.timers.pop_first();
            self.due.remove(&key);
            if let Some(id) = key.strip_prefix(SILENCE) {
                self.silences.remove(id);
                self.changed.insert(kept::Name::Silence(id.to_owned()));
                continue;
            }
            let Some(conversation) = self.conversations.get_mut(&key) else { continue };
            let due = conversation.due(policy, now);
            self.changed.insert(kept::Name::Conversation(key.clone()));
            errands.extend(due.errands);
            if due.forgotten {
                let gone = self.conversations.remove(&key);
                self.crowd.place(&key, None);
                self.leave_word(&key, gone.as_ref());
                continue;
            }
            for (target, note) in due.others {
                // Whoever waits for an answer at two targets is told once.
                let there = self.conversations.get(&format!("{}/{target}", thread_of(&key)));
                if there.is_some_and(|there| there.said == Some(now)) {
                    continue;
                }
                self.pass_on(policy, &key, &target, &note, now, &mut errands);
            }
            self.wind(&key, policy, now);
        }
        errands
    }

    /// How many conversations stand so, and the findings in them.
    #[must_use]
    pub fn count(&self, standing: Standing) -> Count {
        self.crowd.count(standing)
    }

    /// How many conversations were given up since this was last asked, because there were too many; by how they stood.
    pub fn given_up(&mut self) -> BTreeMap<Standing, u64> {
        std::mem::take(&mut self.given_up)
    }

    /// When [`tick`](Self::tick) next has something to do.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.timers.first().map(|(time, _)| *time)
    }

    /// Takes an acknowledgement of a finding, or of the conversation it is in: nobody else is told for want of one. Says so wherever the
    /// finding was told. `None` if no conversation that is open has it.
    pub fn acknowledge(
        &mut self,
        policy: &Policy,
        finding: &str,
        by: &Acknowledged,
        now: Timestamp,
    ) -> Option<Vec<Errand>> {
        let threads: BTreeSet<String> = self
            .conversations
            .iter()
            .filter(|(_, conversation)| conversation.closed.is_none() && conversation.has(finding))
            .map(|(key, _)| thread_of(key).to_owned())
            .collect();
        if threads.is_empty() {
            return None;
        }
        let mut errands = Vec::new();
        for key in threads.iter().flat_map(|thread| self.of_thread(thread)).collect::<Vec<_>>() {
            let Some(conversation) = self.conversations.get_mut(&key) else { continue };
            if conversation.closed.is_some() {
                continue;
            }
            conversation.acknowledge(by);
            if conversation.said.is_some() {
                let said = conversation.say(Some(format!("acknowledged by {}", by.by)), now);
                errands.extend(said.map(|mut errand| {
                    errand.telling.acknowledged = true;
                    errand
                }));
            }
            self.changed.insert(kept::Name::Conversation(key.clone()));
            self.wind(&key, policy, now);
        }
        Some(errands)
    }

    /// Says something more of a finding wherever it was told in a conversation that is open: what was done about it.
    pub fn note(&mut self, policy: &Policy, finding: &str, note: &str, now: Timestamp) -> Vec<Errand> {
        let has = |one: &Conversation| one.closed.is_none() && one.said.is_some() && one.has(finding);
        let keys: Vec<String> =
            self.conversations.iter().filter(|(_, one)| has(one)).map(|(key, _)| key.clone()).collect();
        let mut errands = Vec::new();
        for key in keys {
            let Some(conversation) = self.conversations.get_mut(&key) else { continue };
            errands.extend(conversation.say(Some(note.to_owned()), now));
            self.changed.insert(kept::Name::Conversation(key.clone()));
            self.wind(&key, policy, now);
        }
        errands
    }

    /// Who was told of a finding, or of something of its thread, and is to hear how it goes on.
    fn told(&self, thread: &str, finding: &FindingEvent) -> Vec<TargetName> {
        let resolved = finding.state() == State::Resolved;
        self.of_thread(thread)
            .filter_map(|key| self.conversations.get(&key))
            .filter(|one| one.closed.is_none() && one.said.is_some())
            .filter(|one| !resolved || one.has_standing(finding.id()))
            .filter_map(|one| TargetName::new(&one.target))
            .collect()
    }

    fn of_thread(&self, thread: &str) -> impl Iterator<Item = String> {
        let from = format!("{thread}/");
        let all = self.conversations.range(from.clone()..);
        all.take_while(move |(key, _)| key.starts_with(&from)).map(|(key, _)| key.clone())
    }

    fn take_leg(
        &mut self,
        policy: &Policy,
        thread: &str,
        leg: &Leg,
        finding: &FindingEvent,
        now: Timestamp,
        errands: &mut Vec<Errand>,
    ) -> FindingOutcome {
        let key = format!("{thread}/{}", leg.target);
        let there = self.conversations.contains_key(&key);
        let folds = policy.fold.targets.contains(&leg.target);
        if !there && !folds && leg.held.is_none() && leg.unanswered.is_none() {
            errands.push(Errand {
                target: leg.target.clone(),
                telling: Telling::alone(finding),
                finding: FindingRef::of(finding),
            });
            return FindingOutcome::Sent;
        }
        if !there {
            self.make_room(policy, now, errands);
        }
        self.changed.insert(kept::Name::Conversation(key.clone()));
        let before = self.conversations.get(&key).filter(|one| one.closed.is_some()).cloned();
        let mut others = None;
        let outcome = match self.conversations.get_mut(&key) {
            Some(conversation) if conversation.closed.is_none() => {
                let news = conversation.hear(finding, now);
                conversation.go_on(policy, leg, news, now, errands, &mut others)
            }
            Some(conversation) if conversation.knows(finding) => {
                conversation.folded += 1;
                FindingOutcome::Folded
            }
            Some(conversation) => {
                conversation.begin_again(finding, now);
                conversation.open(leg, now, errands, &mut others)
            }
            None => {
                let mut conversation = Conversation::begin(&leg.target, finding, now);
                let outcome = conversation.open(leg, now, errands, &mut others);
                self.conversations.insert(key.clone(), conversation);
                outcome
            }
        };
        self.leave_word(&key, before.as_ref());
        self.wind(&key, policy, now);
        let Some((targets, note)) = others else { return outcome };
        for target in targets {
            self.pass_on(policy, &key, &target, &note, now, errands);
        }
        FindingOutcome::Sent
    }

    /// Tells another target of a conversation.
    fn pass_on(
        &mut self,
        policy: &Policy,
        key: &str,
        target: &TargetName,
        note: &str,
        now: Timestamp,
        errands: &mut Vec<Errand>,
    ) {
        let Some(from) = self.conversations.get(key).cloned() else { return };
        let key = format!("{}/{target}", thread_of(key));
        if !self.conversations.contains_key(&key) {
            self.make_room(policy, now, errands);
        }
        let there = self.conversations.entry(key.clone()).or_insert_with(|| from.at(target, None, now));
        let before = there.closed.is_some().then(|| there.clone());
        if before.is_some() {
            *there = from.at(target, before.as_ref(), now);
        }
        errands.extend(there.say(Some(note.to_owned()), now));
        self.changed.insert(kept::Name::Conversation(key.clone()));
        self.leave_word(&key, before.as_ref());
        self.wind(&key, policy, now);
    }

    fn wind(&mut self, key: &str, policy: &Policy, now: Timestamp) {
        let conversation = self.conversations.get(key);
        self.crowd.place(key, conversation);
        let next = conversation.map(|one| one.next(policy, now));
        self.set_timer(key, next.filter(|next| *next < Timestamp::MAX));
    }

    fn set_timer(&mut self, key: &str, time: Option<Timestamp>) {
        if let Some(before) = self.due.remove(key) {
            self.timers.remove(&(before, key.to_owned()));
        }
        if let Some(time) = time {
            self.due.insert(key.to_owned(), time);
            self.timers.insert((time, key.to_owned()));
        }
    }
}

fn thread_of(key: &str) -> &str {
    key.split_once('/').map_or(key, |(thread, _)| thread)
}

#[cfg(test)]
mod tests;
