//! What nobody is told of: findings that the configuration knows to be good, and those that somebody does not want to hear of for a while.
//!
//! Both are counted under their id, with when they last hid something.

use event_pattern::Pattern;
use jiff::{SignedDuration, Timestamp};

use super::{Desk, FindingOutcome, Policy, Taken, kept};
use crate::{FindingEvent, Hidden, Silence, SilenceError};

#[derive(Debug, Clone)]
pub(super) struct Spoken {
    pub(super) silence: Silence,
    pub(super) hidden: Hidden,
    pattern: Pattern,
}

/// How long a silence is listed after it ended.
const LISTED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What a timer of a silence begins with; a thread is hexadecimal.
pub(super) const SILENCE: &str = "silence ";

impl Desk {
    /// The most silences that are remembered.
    pub const SILENCES_MAX: usize = 1_000;

    /// Adds a silence, or replaces the one of that id.
    ///
    /// # Errors
    ///
    /// If it says nothing, is over, or there are too many.
    pub fn silence(&mut self, silence: Silence) -> Result<(), SilenceError> {
        silence.check()?;
        if self.silences.len() >= Self::SILENCES_MAX && !self.silences.contains_key(&silence.id) {
            return Err(SilenceError::Pattern("there are too many silences: remove some first".to_owned()));
        }
        let hidden = Hidden::since(silence.since);
        self.changed.insert(kept::Name::Silence(silence.id.clone()));
        self.keep_silence(silence, hidden);
        Ok(())
    }

    /// Ends a silence. Says whether there was one.
    pub fn unsilence(&mut self, id: &str) -> bool {
        self.changed.insert(kept::Name::Silence(id.to_owned()));
        self.set_timer(&format!("{SILENCE}{id}"), None);
        self.silences.remove(id).is_some()
    }

    /// Suppressions that hid nothing for long, by id.
    #[must_use]
    pub fn idle(&self, now: Timestamp) -> Vec<&str> {
        let idle = self.suppressed.iter().filter(|(_, hidden)| hidden.is_idle(now));
        idle.map(|(id, _)| id.as_str()).collect()
    }

    pub(super) fn keep_silence(&mut self, silence: Silence, hidden: Hidden) {
        let Ok(pattern) = Pattern::parse(&silence.pattern) else { return };
        let listed = silence.until.checked_add(LISTED).unwrap_or(Timestamp::MAX);
        self.set_timer(&format!("{SILENCE}{}", silence.id), Some(listed));
        self.silences.insert(silence.id.clone(), Spoken { silence, hidden, pattern });
    }

    pub(super) fn hide(&mut self, policy: &Policy, finding: &FindingEvent, now: Timestamp) -> Option<Taken> {
        let hidden = |outcome, id: &str| {
            let hidden_by = Some(id.to_owned());
            Some(Taken { outcome, hidden_by, conversation: None, errands: Vec::new() })
        };
        if let Some(suppression) = policy.suppressions.iter().find(|one| one.hides(finding)) {
            let id = suppression.id.to_string();
            self.suppressed.entry(id.clone()).or_insert_with(|| Hidden::since(now)).one_more(now);
            self.changed.insert(kept::Name::Suppressed(id));
            return hidden(FindingOutcome::Suppressed, &suppression.id);
        }
        let spoken = self.silences.values_mut().find(|spoken| {
            spoken.silence.since <= now
                && now < spoken.silence.until
                && spoken.pattern.matches(finding.event())
        })?;
        spoken.hidden.one_more(now);
        let id = spoken.silence.id.clone();
        self.changed.insert(kept::Name::Silence(id.clone()));
        hidden(FindingOutcome::Silenced, &id)
    }
}
