//! What is sent, and the trait of those who send it.

use std::future::Future;
use std::pin::Pin;

use route::{FindingEvent, Message, TargetName};

use crate::DeliveryError;

/// One finding for one target.
#[derive(Debug)]
pub struct Delivery {
    target: TargetName,
    finding: FindingEvent,
    message: Message,
}

/// What a target answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The answer, for people: one short line.
    pub text: String,
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

impl Delivery {
    /// A finding for a target.
    #[must_use]
    pub fn new(target: TargetName, finding: FindingEvent) -> Self {
        let message = Message::of(&finding);
        Delivery { target, finding, message }
    }

    /// The idempotency key `id:revision:target`: the same at every attempt, and different for everything else.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}:{}:{}", self.finding.id(), self.finding.revision(), self.target)
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
