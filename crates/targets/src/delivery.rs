//! What is sent, and the trait of those who send it.

use std::future::Future;
use std::pin::Pin;

use jiff::tz::TimeZone;
use route::{FindingEvent, Message, TargetName, Telling};

use crate::DeliveryError;

/// One message for one target: a finding, and where it stands in its conversation.
#[derive(Debug)]
pub struct Delivery {
    target: TargetName,
    finding: FindingEvent,
    telling: Telling,
    earlier: Option<String>,
    message: Message,
}

/// What a target answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The answer, for people: one short line.
    pub text: String,
    /// What the target calls the message it made, if it can be edited or answered to later: whatever the target wants to read again. It is kept
    /// with the receipt and comes back as [`Delivery::earlier`].
    pub handle: Option<String>,
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
}

impl Receipt {
    /// An answer without a handle.
    #[must_use]
    pub fn of(text: impl Into<String>) -> Self {
        Receipt { text: text.into(), handle: None }
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
        Delivery { target, finding, telling, earlier, message }
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
        Some(Delivery { target, finding, telling, earlier, message })
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
