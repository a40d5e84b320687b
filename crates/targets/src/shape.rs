//! What of a finding is sent.

use input_transformer::TargetInput;

use crate::template::Template;
use crate::{Delivery, DeliveryError, SetupError};

/// What of a finding is sent: the finding, what EventBridge's input settings make of it, or what a template makes of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// EventBridge's `Input`, `InputPath` or `InputTransformer`; without any of them the finding as it is. For the reserved variables, a
    /// rule's ARN is its id like its name, and the ingestion time is the finding's time.
    Input(TargetInput),
    /// A MiniJinja template.
    Template(Template),
}

impl Default for Shape {
    /// The finding as it is.
    fn default() -> Self {
        Shape::Input(TargetInput::Event)
    }
}

impl Shape {
    /// Whether anything would ever be sent.
    ///
    /// # Errors
    ///
    /// If it is an `Input` that is empty.
    pub fn check(&self) -> Result<(), SetupError> {
        match self {
            Shape::Input(TargetInput::Constant(input)) if input.is_empty() => Err(SetupError::EmptyInput),
            _ => Ok(()),
        }
    }

    /// The text to send. It is the same at every attempt. A finding that cannot be looked into, because a record in it is nested too deep, is
    /// sent as it is: nobody gets around being told of by nesting.
    ///
    /// # Errors
    ///
    /// If it makes nothing of this finding that could be sent: that belongs on the list of dead letters.
    pub fn text(&self, delivery: &Delivery) -> Result<String, DeliveryError> {
        match self {
            Shape::Input(input) => crate::input::text(input, delivery),
            Shape::Template(template) => match template.render(delivery) {
                Ok(text) => Ok(text),
                Err(crate::TemplateError::TooDeep) => crate::input::text(&TargetInput::Event, delivery),
                Err(error) => Err(DeliveryError::Permanent { reason: error.to_string() }),
            },
        }
    }
}
