//! Why the input settings of a target are refused.

use std::fmt;
use std::ops::RangeInclusive;

use crate::SyntaxError;
use crate::json::source_text;

/// Why the input settings of a target are refused.
///
/// Its `Display` is for the person who writes them; [`service_text`](InputError::service_text) is what `PutTargets` answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// More than one of `Input`, `InputPath` and `InputTransformer`.
    #[error("a target has one of Input, InputPath and InputTransformer: remove the others")]
    MoreThanOne,
    /// A text that is empty or too long.
    #[error("{0}")]
    Length(Length),
    /// An `Input` that is no JSON.
    #[error("the input is not JSON: {error}")]
    Input {
        /// The text.
        text: String,
        /// What is wrong with it, and where.
        error: SyntaxError,
    },
    /// A path that is none.
    #[error("the path `{path}` cannot be used: {reason}")]
    Path {
        /// The path.
        path: String,
        /// What a path looks like where this one goes wrong.
        reason: &'static str,
    },
    /// More variables than a template may have.
    #[error("there are {} variables, and the most is {}", paths.len(), crate::VARIABLES_MAX)]
    Variables {
        /// The names and paths of all of them.
        paths: Vec<(String, String)>,
    },
    /// A variable's name that is none.
    #[error(
        "`{name}` cannot be the name of a variable: it has 1 to {} letters, digits, `-` and `_`",
        crate::NAME_LENGTH_MAX
    )]
    Name {
        /// The name.
        name: String,
        /// The names and paths of all variables.
        paths: Vec<(String, String)>,
    },
    /// A variable's name that the service keeps for itself.
    #[error("`{name}` cannot be the name of a variable: names that begin with AWS are reserved")]
    ReservedName {
        /// The name.
        name: String,
    },
    /// A variable in a template that nobody defined.
    #[error("the template's variable `<{name}>` is not defined (line {line}, column {column}){}", hint.as_deref().unwrap_or_default())]
    Placeholder {
        /// The name between the angle brackets.
        name: String,
        /// Its line, counted from 1.
        line: usize,
        /// Its column in UTF-16 units, counted from 1.
        column: usize,
        /// What was meant, perhaps; begins with `; `.
        hint: Option<String>,
    },
    /// A template that can never become JSON.
    #[error("the template is not JSON: {error}")]
    Template {
        /// The template.
        text: String,
        /// What is wrong with it, and where.
        error: SyntaxError,
    },
}

/// A text that is empty or too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Length {
    what: &'static str,
    parameter: &'static str,
    text: String,
    bound: usize,
    too_long: bool,
}

impl Length {
    /// Refuses a text whose characters are too few or too many.
    pub(crate) fn of(
        what: &'static str,
        parameter: &'static str,
        text: &str,
        allowed: RangeInclusive<usize>,
    ) -> Result<(), InputError> {
        let length = text.chars().count();
        if allowed.contains(&length) {
            return Ok(());
        }
        let too_long = length > *allowed.end();
        let bound = if too_long { *allowed.end() } else { *allowed.start() };
        Err(InputError::Length(Length { what, parameter, text: text.to_owned(), bound, too_long }))
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.too_long {
            write!(
                f,
                "{} has {} characters, and the most is {}",
                self.what,
                self.text.chars().count(),
                self.bound
            )
        } else {
            write!(f, "{} is empty", self.what)
        }
    }
}

impl InputError {
    /// What `PutTargets` answers, as a `ValidationException`, for the target with this id.
    ///
    /// Recorded on the service (September 2026): more than one setting, paths, undefined variables. Reported by its users: an `Input`
    /// that is no JSON. For the rest the meaning is documented and the wording is not known to be the service's. Where it says which
    /// target of the request it means by a number, that is 1 here.
    ///
    /// ```
    /// use input_transformer::InputTransformer;
    /// let error = InputTransformer::parse([("a", "$.detail.a")], r#"{"a": <a>, "b": <b>}"#).unwrap_err();
    /// assert_eq!(error.service_text("queue"), "InputTemplate for target queue contains invalid placeholder b.");
    /// assert_eq!(error.to_string(), "the template's variable `<b>` is not defined (line 1, column 17)");
    /// ```
    #[must_use]
    pub fn service_text(&self, target: &str) -> String {
        match self {
            InputError::MoreThanOne => {
                format!(
                    "Only one of Input, InputPath, or InputTransformer must be provided for target {target}."
                )
            }
            InputError::Length(length) => {
                let bound = if length.too_long { "less" } else { "greater" };
                let constraint = format!("Member must have length {bound} than or equal to {}", length.bound);
                unsatisfied(&length.text, length.parameter, &constraint)
            }
            InputError::Input { text, error } => {
                format!("JSON syntax error in input for target {target}: {}", source_text(text, error))
            }
            InputError::Path { .. } => format!("InputPath for target {target} is invalid."),
            InputError::Variables { paths } => {
                let constraint =
                    format!("Member must have length less than or equal to {}", crate::VARIABLES_MAX);
                unsatisfied(&shown(paths), "inputTransformer.inputPathsMap", &constraint)
            }
            InputError::Name { paths, .. } => {
                let constraint = format!(
                    "Map keys must satisfy constraint: [Member must have length less than or equal to {}, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [A-Za-z0-9\\_\\-]+]",
                    crate::NAME_LENGTH_MAX
                );
                unsatisfied(&shown(paths), "inputTransformer.inputPathsMap", &constraint)
            }
            InputError::ReservedName { name } => {
                format!("InputPathsMap for target {target} contains reserved key {name}.")
            }
            InputError::Placeholder { name, .. } => {
                format!("InputTemplate for target {target} contains invalid placeholder {name}.")
            }
            InputError::Template { text, error } => {
                format!("Invalid InputTemplate for target {target} : {}.", source_text(text, error))
            }
        }
    }
}

fn unsatisfied(value: &str, parameter: &str, constraint: &str) -> String {
    format!(
        "1 validation error detected: Value '{value}' at 'targets.1.member.{parameter}' failed to satisfy constraint: {constraint}"
    )
}

fn shown(paths: &[(String, String)]) -> String {
    let members: Vec<String> = paths.iter().map(|(name, path)| format!("{name}={path}")).collect();
    format!("{{{}}}", members.join(", "))
}
