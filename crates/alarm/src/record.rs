//! The records behind a datapoint: a bounded sample of ids beside the true count.
//!
//! Invariant: which ids are kept depends only on the samples, never on their arrival: the earliest ones, ids in order
//! where times are equal. So a replay names the same records as the live run.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An opaque name for the record a sample came from, chosen by the caller: an event's UUID fits, so does a row number.
///
/// ```
/// use alarm::RecordId;
///
/// assert_eq!(RecordId::from(255u128).to_string(), "000000000000000000000000000000ff");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordId([u8; 16]);

impl RecordId {
    /// The id as a number.
    pub const fn as_u128(self) -> u128 {
        u128::from_be_bytes(self.0)
    }
}

impl From<u128> for RecordId {
    fn from(id: u128) -> Self {
        Self(id.to_be_bytes())
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.as_u128())
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<RecordId> for String {
    fn from(id: RecordId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for RecordId {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        u128::from_str_radix(&text, 16).map(Self::from)
    }
}

/// The records that caused something: how many samples there were, and the first of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Records {
    /// How many samples there were, whether or not they named a record.
    pub count: u64,
    /// The ids of the earliest samples that named one, in event time; at most
    /// [`Limits::records`](crate::Limits::records).
    pub ids: Vec<RecordId>,
}
