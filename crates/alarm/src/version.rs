//! The version that stored state carries.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What this release writes and reads.
const VERSION: u8 = 1;

/// Written as a number; reading another number fails with a sentence instead of misunderstanding the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Version;

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(VERSION)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            VERSION => Ok(Self),
            other => Err(serde::de::Error::custom(format_args!(
                "alarm state of version {other} cannot be read; this release reads version {VERSION}"
            ))),
        }
    }
}
