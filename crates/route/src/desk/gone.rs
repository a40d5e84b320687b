//! What is forgotten: conversations for which there is no room, findings that are no longer kept, and what is left behind so that nothing is
//! said twice or with a number missing.

use jiff::Timestamp;

use super::conversation::{Conversation, REMEMBERED};
use super::{Desk, Errand, Policy, kept, thread_of};
use crate::Kind;

/// What is said in the place of a finding that is gone.
pub(super) const GONE: &str = "what was found is no longer kept, so nothing more is said of it here";

impl Desk {
    /// A message cannot show its finding, because that is no longer kept. Closes the conversation, so that whoever reads it does not wait for
    /// more, and makes of the message a last one; with it comes what is shown in the place of the finding. `None` for a message that belongs to
    /// no conversation.
    pub fn without_finding(&mut self, errand: Errand, now: Timestamp) -> Option<(Errand, String)> {
        let is_it = |one: &Conversation| {
            one.id == errand.telling.conversation && one.target == errand.target.as_str()
        };
        let (key, conversation) = self.conversations.iter_mut().find(|(_, one)| is_it(one))?;
        conversation.closed = Some(now);
        let shown = serde_json::json!({
            "version": "0", "id": errand.finding.id, "source": "trailhound", "detail-type": "Trailhound Finding",
            "account": "", "region": "", "time": conversation.began.to_string(), "resources": [],
            "detail": {
                "rule": conversation.rule, "title": format!("{}: what it found is no longer kept", conversation.rule),
                "severity": conversation.severity, "state": "unknown", "revision": errand.finding.revision,
                "settled": true, "fingerprint": "", "reason": GONE, "count": conversation.findings,
            },
        });
        let key = key.clone();
        let mut errand = errand;
        if errand.telling.kind != Kind::First {
            errand.telling.kind = Kind::Closing;
        }
        let note = errand.telling.note.take().map_or(GONE.to_owned(), |note| format!("{note}; {GONE}"));
        errand.telling.note = Some(note);
        self.crowd.place(&key, self.conversations.get(&key));
        let forgotten = now.checked_add(REMEMBERED).unwrap_or(Timestamp::MAX);
        self.set_timer(&key, Some(forgotten));
        self.changed.insert(kept::Name::Conversation(key));
        Some((errand, shown.to_string()))
    }

    /// Gives conversations up until there is room for one more, and says what they had still to say.
    pub(super) fn make_room(&mut self, policy: &Policy, now: Timestamp, errands: &mut Vec<Errand>) {
        while self.conversations.len() >= policy.fold.conversations_max.max(1) {
            let Some(key) = self.crowd.first() else { return };
            if let Some(mut conversation) = self.conversations.remove(&key) {
                *self.given_up.entry(conversation.standing()).or_default() += 1;
                errands.extend(conversation.last_word(now));
                self.leave_word(&key, Some(&conversation));
            }
            self.crowd.place(&key, None);
            self.set_timer(&key, None);
            self.changed.insert(kept::Name::Conversation(key));
        }
    }

    /// What was remembered under `key` is remembered no more: whoever else has that conversation keeps how far it got there, in case it is
    /// passed on there again.
    pub(super) fn leave_word(&mut self, key: &str, gone: Option<&Conversation>) {
        let Some(gone) = gone else { return };
        if self.conversations.get(key).is_some_and(|now| now.id == gone.id) {
            return;
        }
        for key in self.of_thread(thread_of(key)).collect::<Vec<_>>() {
            if let Some(other) = self.conversations.get_mut(&key).filter(|other| other.id == gone.id) {
                other.was_told(&gone.target, gone.number);
                self.changed.insert(kept::Name::Conversation(key));
            }
        }
    }
}
