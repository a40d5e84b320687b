//! CloudTrail records: log files, envelopes, keys, digests, principals.
//!
//! Bytes come in, [`Event`]s go out: borrowed views of a record's own text, with the few members that every reader asks for. This
//! crate knows what CloudTrail writes and in which wrappings it arrives; it knows no rule and fetches nothing.

mod account;
mod decode;
mod delivery;
mod digest;
mod event;
pub mod eventbridge;
mod id;
mod key;
pub mod outcome;
pub mod principal;
mod record;
mod region;
mod time;

pub use account::{AccountId, NotAnAccountId};
pub use decode::{Decoded, Decoder, Item, Limits, Trouble};
pub use delivery::{AssumeRole, Delivery, MAX_DELIVERED};
pub use digest::{Digest, LogFile, NotADigest};
pub use event::{Body, Event, Form, LOGGED_WITHIN};
pub use id::EventId;
pub use key::{FileKind, LogKey, NotALogKey};
pub use principal::Principal;
pub use record::{Envelope, Record};
pub use region::{NotARegion, Region};
pub use time::{EventTime, NotATime};
