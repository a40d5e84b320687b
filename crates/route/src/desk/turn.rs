//! A conversation's turn when something was heard: whether it speaks now, waits, or lets others be told.

use jiff::Timestamp;

use super::conversation::{Conversation, News};
use super::{Errand, FindingOutcome, Policy};
use crate::{Leg, TargetName};

/// Whom something that repeated is told, and why.
pub(super) type Others = Option<(Vec<TargetName>, String)>;

impl Conversation {
    /// Begins: says the first word, or waits for hours.
    pub(super) fn open(
        &mut self,
        leg: &Leg,
        now: Timestamp,
        errands: &mut Vec<Errand>,
        others: &mut Others,
    ) -> FindingOutcome {
        if let Some(unanswered) = &leg.unanswered {
            self.expect_answer(unanswered);
        }
        match &leg.held {
            None => {
                errands.extend(self.say(None, now));
                FindingOutcome::Sent
            }
            Some(held) => {
                self.hold(held);
                self.repeat(now, errands, others)
            }
        }
    }

    /// Goes on with something that was heard.
    pub(super) fn go_on(
        &mut self,
        policy: &Policy,
        leg: &Leg,
        news: News,
        now: Timestamp,
        errands: &mut Vec<Errand>,
        others: &mut Others,
    ) -> FindingOutcome {
        if self.is_held() {
            return match &leg.held {
                None => {
                    self.hours = None;
                    errands.extend(self.say(None, now));
                    FindingOutcome::Sent
                }
                Some(held) => {
                    self.hold(held);
                    if news == News::None {
                        FindingOutcome::Folded
                    } else {
                        self.repeat(now, errands, others)
                    }
                }
            };
        }
        if leg.unanswered.is_some() && news == News::Graver && self.acknowledged.is_some() {
            // What somebody has in hand has become something else.
            self.acknowledged = None;
            if let Some(unanswered) = &leg.unanswered {
                self.began_waiting(unanswered, now);
            }
        }
        match &leg.held {
            Some(held) if news != News::Over => self.hours = Some(held.hours.clone()),
            _ => self.hours = None,
        }
        let paced = self.hours.is_none() && self.may_speak(policy, now);
        let at_once = match news {
            News::Over => true,
            News::Graver => self.hours.is_none(),
            News::Some => paced,
            News::None => false,
        };
        if at_once {
            errands.extend(self.say(None, now));
            return FindingOutcome::Sent;
        }
        self.folded += 1;
        FindingOutcome::Folded
    }

    fn repeat(&mut self, now: Timestamp, errands: &mut Vec<Errand>, others: &mut Others) -> FindingOutcome {
        let Some((to, note)) = self.repeated() else { return FindingOutcome::Held };
        if to.is_empty() {
            self.hours = None;
            errands.extend(self.say(Some(note), now));
            return FindingOutcome::Sent;
        }
        *others = Some((to, note));
        FindingOutcome::Held
    }
}
