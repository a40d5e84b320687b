//! Response actions: what is done about a finding beside telling somebody.
//!
//! ```text
//!   finding ──▶ Responder ──▶ intend ──▶ noted ──▶ act ──▶ noted ──▶ receipt
//!                               │ nothing to do, not now, or a dry run: nothing is acted upon
//! ```
//!
//! A responder is a [`Target`], so an action is owed, tried again, given up and sent again by hand like any message. What is different: nothing is
//! done unless it was switched on (a dry run says what would be); and the intention is in the [audit list](AuditList), on the disk, before
//! anything is done, and what came of it after. An action that cannot be noted is not done.
//!
//! Between the intention and the result the process may die. Then the action is intended again, so actions look at how things are first; where
//! nothing is left to be done, that is noted as what came of it. An action that takes longer than it may has failed, and that is noted too.

mod audit;
mod tell;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::{Clock, Delivering, Delivery, DeliveryError, Receipt, Target};

pub use audit::{AuditList, Note, NoteError, Stage};
pub use tell::Tell;

/// Something that can be done about a finding.
pub trait Action: Send + Sync {
    /// What it is called, such as `start-logging`.
    fn name(&self) -> &'static str;

    /// Looks at how things are and says what it would do. It changes nothing.
    fn intend<'a>(&'a self, delivery: &'a Delivery) -> Intending<'a>;

    /// Does it.
    fn act<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a>;
}

/// A look at how things are, under way.
pub type Intending<'a> = Pin<Box<dyn Future<Output = Result<Intention, DeliveryError>> + Send + 'a>>;

/// What an action would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intention {
    /// It would act on this.
    Act {
        /// On what: a trail, a function.
        subject: String,
    },
    /// There is nothing to be done.
    Nothing {
        /// Why not.
        reason: String,
    },
    /// It must not act on this finding.
    Refuse {
        /// Why not.
        reason: String,
    },
}

/// How a response is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponderSettings {
    /// Its name, for the audit list.
    pub name: String,
    /// Whether it only says what it would do.
    pub dry_run: bool,
    /// How long after it acted it does not act again in the same account. What comes meanwhile waits, and is looked at again then.
    pub cool_down: Duration,
    /// How long it may take to act. Whoever drives it leaves it some seconds more, for looking first and for noting.
    pub timeout: Duration,
}

/// Responds to findings with an action.
pub struct Responder {
    settings: ResponderSettings,
    action: Arc<dyn Action>,
    audit: Arc<dyn AuditList>,
    clock: Clock,
    /// When it last acted, by account.
    acted: Mutex<BTreeMap<String, Timestamp>>,
}

/// How many accounts' last actions are remembered; beyond that the oldest is forgotten.
const ACCOUNTS_MAX: usize = 10_000;

impl Responder {
    /// Responds with an action, and notes it in a list.
    #[must_use]
    pub fn new(
        settings: ResponderSettings,
        action: Arc<dyn Action>,
        audit: Arc<dyn AuditList>,
        clock: Clock,
    ) -> Self {
        Responder { settings, action, audit, clock, acted: Mutex::default() }
    }

    async fn respond(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        self.is_cool(delivery.finding().account()).await?;
        let subject = match self.action.intend(delivery).await? {
            Intention::Act { subject } => subject,
            Intention::Nothing { reason } => {
                if let Some(subject) = self.unfinished(delivery).await {
                    let said = format!("{reason}; the process ended while it acted");
                    self.note(Stage::Done, &subject, &said, delivery).await?;
                }
                return Ok(Receipt::of(format!("nothing to do: {reason}")));
            }
            Intention::Refuse { reason } => {
                self.note(Stage::Refused, "", &reason, delivery).await?;
                return Err(DeliveryError::Permanent { reason: format!("refused: {reason}") });
            }
        };
        self.remember(delivery.finding().account());
        if self.settings.dry_run {
            self.note(Stage::DryRun, &subject, "", delivery).await?;
            return Ok(Receipt::of(format!("dry run: {} of {subject} was not done", self.action.name())));
        }
        self.note(Stage::Intended, &subject, "", delivery).await?;
        let acted = tokio::time::timeout(self.settings.timeout, self.action.act(delivery)).await;
        let outcome = acted.unwrap_or_else(|_| {
            let seconds = self.settings.timeout.as_secs_f32();
            Err(DeliveryError::retryable(format!("not done within {seconds} s, and perhaps done later")))
        });
        let (stage, said) = match &outcome {
            Ok(receipt) => (Stage::Done, receipt.text.clone()),
            Err(error) => (Stage::Failed, error.to_string()),
        };
        self.note(stage, &subject, &said, delivery).await?;
        outcome
    }

    /// Whether it may act again in an account.
    async fn is_cool(&self, account: &str) -> Result<(), DeliveryError> {
        let known = self.acted.lock().unwrap_or_else(PoisonError::into_inner).get(account).copied();
        let acted = match known {
            Some(acted) => Some(acted),
            // It may have acted before the process began.
            None => self.acted_before(account).await,
        };
        let Some(acted) = acted else { return Ok(()) };
        let since = Duration::try_from((self.clock)().duration_since(acted)).unwrap_or_default();
        let wait = self.settings.cool_down.saturating_sub(since);
        if wait.is_zero() {
            return Ok(());
        }
        // Without a wish for when: that would hold up other accounts too.
        let reason = format!("it acted in account {account} at {acted} and waits before it does again");
        Err(DeliveryError::retryable(reason))
    }

    async fn acted_before(&self, account: &str) -> Option<Timestamp> {
        let (audit, name, account) =
            (Arc::clone(&self.audit), self.settings.name.clone(), account.to_owned());
        tokio::task::spawn_blocking(move || audit.last_acted(&name, &account)).await.ok().flatten()
    }

    async fn unfinished(&self, delivery: &Delivery) -> Option<String> {
        let (audit, name) = (Arc::clone(&self.audit), self.settings.name.clone());
        let finding = delivery.finding().id().to_owned();
        tokio::task::spawn_blocking(move || audit.unfinished(&name, &finding)).await.ok().flatten()
    }

    fn remember(&self, account: &str) {
        let mut acted = self.acted.lock().unwrap_or_else(PoisonError::into_inner);
        if acted.len() >= ACCOUNTS_MAX
            && !acted.contains_key(account)
            && let Some(oldest) = acted.iter().min_by_key(|(_, at)| **at).map(|(account, _)| account.clone())
        {
            acted.remove(&oldest);
        }
        acted.insert(account.to_owned(), (self.clock)());
    }

    async fn note(
        &self,
        stage: Stage,
        subject: &str,
        said: &str,
        delivery: &Delivery,
    ) -> Result<(), DeliveryError> {
        let note = Note {
            at: (self.clock)(),
            response: self.settings.name.clone(),
            action: self.action.name(),
            stage,
            subject: subject.to_owned(),
            said: said.to_owned(),
            account: delivery.finding().account().to_owned(),
            finding: delivery.finding().id().to_owned(),
            revision: delivery.finding().revision(),
            rule: delivery.message().rule.clone(),
        };
        let audit = Arc::clone(&self.audit);
        // Noting waits for the disk.
        let noted = tokio::task::spawn_blocking(move || audit.note(note)).await;
        match noted {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(DeliveryError::retryable(format!("not done, since it {error}"))),
            Err(_) => Err(DeliveryError::retryable("not done, since it could not be noted")),
        }
    }
}

impl Target for Responder {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.respond(delivery))
    }
}

#[cfg(test)]
mod tests;
