//! The input settings of a target: exactly one of `Input`, `InputPath` and `InputTransformer`, or none.

use std::collections::BTreeMap;

use crate::error::{InputError, Length};
use crate::event::Event;
use crate::json::{Roots, scan};
use crate::occasion::Occasion;
use crate::path::InputPath;
use crate::payload::Payload;
use crate::template::Template;

/// The longest `Input` and the longest template, in characters.
pub const INPUT_LENGTH_MAX: usize = 8_192;
/// The most variables of a template.
pub const VARIABLES_MAX: usize = 100;
/// The longest name of a variable.
pub const NAME_LENGTH_MAX: usize = 256;

/// What a target gets of an event.
///
/// ```
/// use input_transformer::{Event, Input, InputPath, Occasion, Payload, TargetInput};
/// let event = Event::parse(r#"{"source": "aws.s3", "detail": {"key": "a b"}}"#)?;
/// let occasion = Occasion { rule_arn: "…", rule_name: "uploads", ingestion_time: "2026-03-23T09:00:00Z".parse()? };
/// for (input, wanted) in [
///     (TargetInput::Event, r#"{"source":"aws.s3","detail":{"key":"a b"}}"#),
///     (TargetInput::Constant(Input::parse(r#"{ "fixed": true }"#)?), r#"{ "fixed": true }"#),
///     (TargetInput::Path(InputPath::parse("$.detail.key")?), r#""a b""#),
/// ] {
///     assert_eq!(input.apply(&event, &occasion), Payload::Delivered(wanted.to_owned()));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TargetInput {
    /// The event as it is: none of the three settings.
    #[default]
    Event,
    /// `Input`: always the same.
    Constant(Input),
    /// `InputPath`: a part of the event.
    Path(InputPath),
    /// `InputTransformer`: a text made of parts of the event.
    Transformer(InputTransformer),
}

/// A constant input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    text: String,
}

/// A template and the variables it has.
///
/// ```
/// use input_transformer::{Event, InputTransformer, Occasion, Payload};
/// let transformer = InputTransformer::parse(
///     [("who", "$.detail.userIdentity.userName"), ("what", "$.detail.eventName")],
///     r#"{"text": "<who> did <what>", "what": <what>, "rule": <aws.events.rule-name>}"#,
/// )?;
/// let event = Event::parse(r#"{"detail": {"eventName": "StopLogging", "userIdentity": {"userName": "\"bob\""}}}"#)?;
/// let occasion = Occasion { rule_arn: "…", rule_name: "trails", ingestion_time: "2026-03-23T09:00:00Z".parse()? };
/// assert_eq!(
///     transformer.apply(&event, &occasion),
///     Payload::Delivered(r#"{"text": "\"bob\" did StopLogging", "what": "StopLogging", "rule": "trails"}"#.to_owned()),
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputTransformer {
    template: Template,
}

impl TargetInput {
    /// Reads the settings as `PutTargets` has them; a transformer is its `InputPathsMap` and its `InputTemplate`.
    ///
    /// # Errors
    ///
    /// If there is more than one of them, or the one is refused.
    pub fn parse(
        input: Option<&str>,
        input_path: Option<&str>,
        input_transformer: Option<(&BTreeMap<String, String>, &str)>,
    ) -> Result<TargetInput, InputError> {
        match (input, input_path, input_transformer) {
            (None, None, None) => Ok(TargetInput::Event),
            (Some(text), None, None) => Input::parse(text).map(TargetInput::Constant),
            (None, Some(path), None) => InputPath::parse(path).map(TargetInput::Path),
            (None, None, Some((paths, template))) => {
                InputTransformer::parse(paths, template).map(TargetInput::Transformer)
            }
            _ => Err(InputError::MoreThanOne),
        }
    }

    /// What the target gets of this event.
    #[must_use]
    pub fn apply(&self, event: &Event, occasion: &Occasion<'_>) -> Payload {
        match self {
            TargetInput::Event => Payload::Delivered(event.to_json()),
            TargetInput::Constant(input) => input.apply(),
            TargetInput::Path(path) => path.apply(event),
            TargetInput::Transformer(transformer) => transformer.apply(event, occasion),
        }
    }
}

impl Input {
    /// Reads a constant input: JSON, or nothing at all.
    ///
    /// # Errors
    ///
    /// If it is neither empty nor JSON, or longer than [`INPUT_LENGTH_MAX`].
    pub fn parse(text: &str) -> Result<Input, InputError> {
        Length::of("Input", "input", text, 0..=INPUT_LENGTH_MAX)?;
        if !text.is_empty() {
            scan(text, Roots::One).map_err(|error| InputError::Input { text: text.to_owned(), error })?;
        }
        Ok(Input { text: text.to_owned() })
    }

    /// What the target gets: the text byte for byte, and nothing if it is empty.
    #[must_use]
    pub fn apply(&self) -> Payload {
        if self.is_empty() { Payload::Nothing } else { Payload::Delivered(self.text.clone()) }
    }

    /// Whether nothing is ever delivered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

impl InputTransformer {
    /// Reads a map of variables to paths and a template. Of a name that comes twice the last path counts.
    ///
    /// # Errors
    ///
    /// If a name, a path or the template is refused; the first mistake in this order.
    pub fn parse(
        paths: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
        template: &str,
    ) -> Result<InputTransformer, InputError> {
        let paths: BTreeMap<String, String> = paths
            .into_iter()
            .map(|(name, path)| (name.as_ref().to_owned(), path.as_ref().to_owned()))
            .collect();
        Length::of("InputTemplate", "inputTransformer.inputTemplate", template, 1..=INPUT_LENGTH_MAX)?;
        let all = || paths.iter().map(|(name, path)| (name.clone(), path.clone())).collect();
        if paths.len() > VARIABLES_MAX {
            return Err(InputError::Variables { paths: all() });
        }
        for name in paths.keys() {
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            if !(1..=NAME_LENGTH_MAX).contains(&name.len()) || !name.bytes().all(is_name) {
                return Err(InputError::Name { name: name.clone(), paths: all() });
            }
            if name.starts_with("AWS") {
                return Err(InputError::ReservedName { name: name.clone() });
            }
        }
        let paths = paths.iter().map(|(name, path)| Ok((name.clone(), InputPath::parse(path)?)));
        let paths = paths.collect::<Result<_, InputError>>()?;
        Ok(InputTransformer { template: Template::parse(template, &paths)? })
    }

    /// What the target gets of this event.
    #[must_use]
    pub fn apply(&self, event: &Event, occasion: &Occasion<'_>) -> Payload {
        self.template.render(event, occasion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [(&str, &str); 0] = [];

    #[test]
    fn exactly_one() {
        let map = BTreeMap::new();
        let transformer = Some((&map, "\"x\""));
        for settings in [
            (Some("1"), Some("$"), None),
            (Some("1"), None, transformer),
            (None, Some("$"), transformer),
            (Some(""), Some(""), transformer),
        ] {
            let error = TargetInput::parse(settings.0, settings.1, settings.2).unwrap_err();
            assert_eq!(
                error.service_text("t-1"),
                "Only one of Input, InputPath, or InputTransformer must be provided for target t-1."
            );
        }
        assert_eq!(TargetInput::parse(None, None, None), Ok(TargetInput::Event));
    }

    #[test]
    fn constants() {
        for text in ["{ \"a\":\n1 }", "\"x\"", "17", " null "] {
            assert_eq!(Input::parse(text).unwrap().apply(), Payload::Delivered(text.to_owned()));
        }
        assert_eq!(Input::parse("").unwrap().apply(), Payload::Nothing);
        let error = Input::parse("env:dev").unwrap_err();
        assert_eq!(
            error.service_text("1"),
            "JSON syntax error in input for target 1: [Source: (String)\"env:dev\"; line: 1, column: 4]"
        );
        let long = |length: usize| format!("\"{}\"", "ä".repeat(length - 2));
        assert!(Input::parse(&long(8_192)).is_ok());
        let error = Input::parse(&long(8_193)).unwrap_err();
        assert_eq!(error.to_string(), "Input has 8193 characters, and the most is 8192");
        assert!(error.service_text("1").ends_with(
            "' at 'targets.1.member.input' failed to satisfy constraint: Member must have length less than or equal to 8192"
        ));
    }

    #[test]
    fn limits_of_a_transformer() {
        let numbered = |count: usize| (0..count).map(|n| (format!("v{n}"), "$.a"));
        assert!(InputTransformer::parse(numbered(100), "\"<v99>\"").is_ok());
        let error = InputTransformer::parse(numbered(101), "\"x\"").unwrap_err();
        assert_eq!(error.to_string(), "there are 101 variables, and the most is 100");

        for name in ["", "a b", "a.b", "aws.events.rule-name", "ä", &"a".repeat(257)] {
            let error = InputTransformer::parse([(name, "$.a")], "\"x\"").unwrap_err();
            assert!(matches!(error, InputError::Name { .. }), "{name}");
        }
        for name in ["awsRegion", "a-b_C9", "Aws", &"a".repeat(256)] {
            assert!(InputTransformer::parse([(name, "$.a")], "\"x\"").is_ok(), "{name}");
        }
        let error = InputTransformer::parse([("AWSRegion", "$.a")], "\"x\"").unwrap_err();
        assert!(matches!(error, InputError::ReservedName { .. }));

        for path in ["", "a.b", "$.a[0:2]"] {
            let error = InputTransformer::parse([("a", path)], "\"x\"").unwrap_err();
            assert_eq!(error.service_text("t"), "InputPath for target t is invalid.");
        }
        let error = InputTransformer::parse(NONE, "").unwrap_err();
        assert_eq!(error.to_string(), "InputTemplate is empty");
        let error = InputTransformer::parse(NONE, &format!("\"{}\"", "a".repeat(8_191))).unwrap_err();
        assert_eq!(error.to_string(), "InputTemplate has 8193 characters, and the most is 8192");
    }
}
