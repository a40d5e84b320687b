//! What becomes of an event for one target.

use crate::SyntaxError;

/// What becomes of an event for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// The target gets this text. It is JSON; of a template of several lines each is.
    Delivered(String),
    /// The event is lost to the target, or goes to its dead-letter queue.
    Invalid(InvalidJson),
    /// Nothing is delivered, and nothing is said of it: the input is empty.
    Nothing,
}

/// What a template made is no JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the template made no JSON of this event: {error}")]
pub struct InvalidJson {
    /// What the template made: the body of the message in a dead-letter queue.
    pub text: String,
    /// What is wrong with it, and where.
    pub error: SyntaxError,
}

impl InvalidJson {
    /// The attribute `ERROR_CODE` of the message in a dead-letter queue (recorded on the service, September 2026).
    pub const CODE: &str = "INVALID_JSON";
    /// The attribute `ERROR_MESSAGE` (recorded on the service, September 2026).
    pub const MESSAGE: &str = "Invalid input for target.";
}
