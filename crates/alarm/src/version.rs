//! The version that stored state carries.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Written as the number; reading a later one fails with a sentence instead of misunderstanding the rest, while earlier
/// ones are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Version<const NEWEST: u8>;

impl<const NEWEST: u8> Serialize for Version<NEWEST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(NEWEST)
    }
}

impl<'de, const NEWEST: u8> Deserialize<'de> for Version<NEWEST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            version if (1..=NEWEST).contains(&version) => Ok(Self),
            other => Err(serde::de::Error::custom(format_args!(
                "alarm state of version {other} cannot be read; this release reads versions up to {NEWEST}"
            ))),
        }
    }
}
