//! What is sent, and the trait of those who send it.

use std::future::Future;
use std::pin::Pin;

use jiff::tz::TimeZone;
use route::{FindingEvent, Kind, Message, TargetName, Telling};

use crate::wording::Words;
use crate::{DeliveryError, Events};

/// One message for one target: a finding, and where it stands in its conversation.
#[derive(Debug)]
pub struct Delivery {
    target: TargetName,
    finding: FindingEvent,
    telling: Telling,
    earlier: Option<String>,
    message: Message,
    words: Words,
}

/// What a target answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The answer, for people: one short line.
    pub text: String,
    /// What the target calls the message it made, if it can be edited or answered to later: whatever the target wants to read again. It is kept
    /// with the receipt and comes back as [`Delivery::earlier`].
    pub handle: Option<String>,
    /// Why it was said in the built-in words, where others were asked for.
    pub in_built_in_words: Option<String>,
}

/// An attempt under way.
pub type Delivering<'a> = Pin<Box<dyn Future<Output = Result<Receipt, DeliveryError>> + Send + 'a>>;

/// Somewhere findings go to.
///
/// One call is one attempt: it never tries again by itself, and it ends in bounded time where it can (the dispatcher bounds it
/// anyway). It may be dropped before it ends; then it is not known whether the delivery arrived.
pub trait Target: Send + Sync {
    /// Sends a delivery once.
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a>;

    /// The target that this one tells in another way. What this one does not answer for itself is asked of it.
    fn behind(&self) -> Option<&dyn Target> {
        None
    }

    /// Sends events once: all of them, or what is left of them comes again.
    fn forward<'a>(&'a self, events: &'a Events) -> Delivering<'a> {
        if let Some(behind) = self.behind() {
            return behind.forward(events);
        }
        let reason = "it is told of findings, and takes no events".to_owned();
        Box::pin(async { Err(DeliveryError::Permanent { reason }) })
    }

    /// The largest event it takes, in bytes.
    fn event_max(&self) -> usize {
        let Some(behind) = self.behind() else { return usize::MAX };
        behind.event_max()
    }

    /// Whether what it is told stays open there until it is told that it is over, as an incident does.
    fn keeps_open(&self) -> bool {
        let Some(behind) = self.behind() else { return false };
        behind.keeps_open()
    }
}

impl Receipt {
    /// An answer without a handle.
    #[must_use]
    pub fn of(text: impl Into<String>) -> Self {
        Receipt { text: text.into(), handle: None, in_built_in_words: None }
    }
}

impl Delivery {
    /// A finding by itself for a target.
    #[must_use]
    pub fn new(target: TargetName, finding: FindingEvent) -> Self {
        let telling = Telling::alone(&finding);
        Self::told(target, finding, telling, None)
    }

    /// A message of a conversation: its newest finding, and `earlier`, what the target called the first message of it that arrived.
    #[must_use]
    pub fn told(
        target: TargetName,
        finding: FindingEvent,
        telling: Telling,
        earlier: Option<String>,
    ) -> Self {
        let message = Message::told(&finding, &telling);
        Delivery { target, finding, telling, earlier, message, words: Words::default() }
    }

    /// The same in other words.
    pub(crate) fn worded(&self, words: Words) -> Option<Self> {
        // It was read from this very text.
        let finding = FindingEvent::parse(self.finding.json()).ok()?;
        let mut message = self.message.clone();
        words.put(&mut message);
        let (target, telling, earlier) = (self.target.clone(), self.telling.clone(), self.earlier.clone());
        Some(Delivery { target, finding, telling, earlier, message, words })
    }

    /// The first message of the conversation as it would be said now, in the words of this one: for those who edit what they said.
    pub(crate) fn whole(&self) -> Message {
        let first = Telling { kind: Kind::First, ..self.telling.clone() };
        let now = &self.message;
        let mut whole = Message::told(&self.finding, &first);
        self.words.put(&mut whole);
        Message { kind: now.kind, headline: now.headline.clone(), summary: now.summary.clone(), ..whole }
    }

    /// The same message about a shorter form of its finding.
    #[cfg(feature = "aws")]
    pub(crate) fn with(&self, finding: FindingEvent) -> Self {
        Self::told(self.target.clone(), finding, self.telling.clone(), self.earlier.clone())
    }

    /// The same with times in a zone beside UTC.
    pub(crate) fn in_zone(&self, zone: &TimeZone) -> Option<Self> {
        // It was read from this very text.
        let finding = FindingEvent::parse(self.finding.json()).ok()?;
        let message = Message::told_in(&finding, &self.telling, Some(zone));
        let (target, telling, earlier) = (self.target.clone(), self.telling.clone(), self.earlier.clone());
        Some(Delivery { target, finding, telling, earlier, message, words: Words::default() })
    }

    /// The idempotency key `id:number:target` of conversation and message: the same at every attempt, and different for everything else. For a
    /// finding by itself that is `id:revision:target`.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}:{}:{}", self.telling.conversation, self.telling.number, self.target)
    }

    /// Where the message stands in its conversation.
    #[must_use]
    pub fn telling(&self) -> &Telling {
        &self.telling
    }

    /// The [handle](Receipt::handle) of the first message of the conversation that arrived at this target; none if this is the first, or the
    /// target gave none.
    #[must_use]
    pub fn earlier(&self) -> Option<&str> {
        self.earlier.as_deref()
    }

    /// Where it goes.
    #[must_use]
    pub fn target(&self) -> &TargetName {
        &self.target
    }

    /// The finding.
    #[must_use]
    pub fn finding(&self) -> &FindingEvent {
        &self.finding
    }

    /// What a person is told of it.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.message
    }
}
