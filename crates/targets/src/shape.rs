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
    /// If it makes nothing of this finding that could be sent: that belongs on the list of dead letters. Or if what it makes of a drill does
    /// not show that it is one: nobody is to run because of a drill.
    pub fn text(&self, delivery: &Delivery) -> Result<String, DeliveryError> {
        let text = match self {
            Shape::Input(input) => crate::input::text(input, delivery),
            Shape::Template(template) => match template.render(delivery) {
                Ok(text) => Ok(text),
                Err(crate::TemplateError::TooDeep) => crate::input::text(&TargetInput::Event, delivery),
                Err(error) => Err(DeliveryError::Permanent { reason: error.to_string() }),
            },
        }?;
        if delivery.finding().is_drill() && !shows_a_drill(&text) {
            let reason = "what the target's input or template makes of it does not show that it is a drill: put in `detail.title` or `detail.drill`";
            return Err(DeliveryError::Permanent { reason: reason.to_owned() });
        }
        Ok(text)
    }
}

/// Whether a text says of itself that it is about a drill.
fn shows_a_drill(text: &str) -> bool {
    text.contains("DRILL") || text.contains("\"drill\"")
}

#[cfg(test)]
mod tests {
    use input_transformer::{Input, InputPath};
    use route::{FindingEvent, TargetName};

    use super::*;

    #[test]
    fn a_drill_that_does_not_show_as_one_is_not_sent() {
        let json = r#"{"id": "drill-1", "source": "trailhound", "detail-type": "Trailhound Finding", "detail": {"title": "DRILL of it", "rule": "r", "drill": true}}"#;
        let finding = FindingEvent::parse(json).unwrap();
        let delivery = Delivery::new(TargetName::new("lake").unwrap(), finding);
        let path = |path| Shape::Input(TargetInput::Path(InputPath::parse(path).unwrap()));
        for (shape, shows) in [
            (Shape::default(), true),
            (path("$.detail.title"), true),
            (path("$.detail"), true),
            (path("$.detail.rule"), false),
            (Shape::Input(TargetInput::Constant(Input::parse("\"wake up\"").unwrap())), false),
        ] {
            let text = shape.text(&delivery);
            assert_eq!(text.is_ok(), shows, "{text:?}");
        }
    }
}
