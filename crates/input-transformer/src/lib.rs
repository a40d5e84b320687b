#![doc = include_str!("../reference.md")]
//!
//! # Using the crate
//!
//! Settings are read once into a [`TargetInput`] (or one of [`Input`], [`InputPath`], [`InputTransformer`]) that needs no further checks;
//! an event is read once into an [`Event`]; what a target gets is a [`Payload`].
//!
//! ```
//! use input_transformer::{Event, InputTransformer, InvalidJson, Occasion, Payload};
//!
//! let transformer = InputTransformer::parse([("state", "$.detail.state")], r#""it is <state>""#)?;
//! let occasion = Occasion {
//!     rule_arn: "arn:aws:events:eu-central-1:111122223333:rule/states",
//!     rule_name: "states",
//!     ingestion_time: "2026-03-23T09:00:00Z".parse()?,
//! };
//! let event = Event::parse(r#"{"detail": {"state": "running"}}"#)?;
//! assert_eq!(transformer.apply(&event, &occasion), Payload::Delivered(r#""it is running""#.to_owned()));
//!
//! let event = Event::parse(r#"{"detail": {"state": "\"odd\""}}"#)?;
//! let Payload::Invalid(invalid) = transformer.apply(&event, &occasion) else { unreachable!() };
//! assert_eq!((InvalidJson::CODE, invalid.text.as_str()), ("INVALID_JSON", r#""it is "odd"""#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`InputError`] says why settings are refused: its `Display` to people, [`InputError::service_text`] in the service's words.
//!
//! Nothing here reads a clock, a file or the network, and no input makes it panic or overflow its stack.
#![deny(missing_docs)]

mod error;
mod event;
mod json;
mod occasion;
mod path;
mod payload;
mod target_input;
mod template;

pub use error::{InputError, Length};
pub use event::{Event, EventError};
pub use json::{DEPTH_MAX, SyntaxError};
pub use occasion::Occasion;
pub use path::{InputPath, PATH_LENGTH_MAX};
pub use payload::{InvalidJson, Payload};
pub use target_input::{
    INPUT_LENGTH_MAX, Input, InputTransformer, NAME_LENGTH_MAX, TargetInput, VARIABLES_MAX,
};
