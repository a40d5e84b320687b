//! The action of telling something that acts: a function, a webhook, a command.

use std::sync::Arc;

use super::{Action, Intending, Intention};
use crate::{Delivering, Delivery, Target};

/// Hands a finding to a target that acts on it.
pub struct Tell {
    name: &'static str,
    subject: String,
    target: Arc<dyn Target>,
}

impl Tell {
    /// An action of that name. `subject` says whom it tells, and shows no secret.
    #[must_use]
    pub fn new(name: &'static str, subject: &str, target: Arc<dyn Target>) -> Self {
        Tell { name, subject: subject.to_owned(), target }
    }
}

impl Action for Tell {
    fn name(&self) -> &'static str {
        self.name
    }

    fn intend<'a>(&'a self, _: &'a Delivery) -> Intending<'a> {
        let subject = self.subject.clone();
        Box::pin(async move { Ok(Intention::Act { subject }) })
    }

    fn act<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        self.target.deliver(delivery)
    }
}
