//! What lies in the outbox: a finding with the way it came by, so that how long it took can be told when it has arrived.

use decide::SourceClass;
use jiff::Timestamp;
use route::Telling;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A finding on its way to a target. Kept as JSON; members may be added, and none is ever given another meaning.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Parcel {
    /// By which way the events came.
    pub(crate) class: SourceClass,
    /// When the last of them was received; none where a finding rests on time alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) received: Option<Timestamp>,
    /// When the last of them happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) happened: Option<Timestamp>,
    /// Where it stands in its conversation; none for a finding by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) telling: Option<Telling>,
    /// The finding, as it is published.
    pub(crate) finding: Box<RawValue>,
}

impl Parcel {
    pub(crate) fn pack(&self) -> Vec<u8> {
        // A map of texts and JSON that was JSON before.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(crate) fn unpack(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_version_packed_can_be_unpacked() {
        let first_version = br#"{"class":"s3","finding":{"id":"8f2c"}}"#;
        let parcel = Parcel::unpack(first_version).unwrap();
        assert_eq!((parcel.class, parcel.finding.get()), (SourceClass::S3, r#"{"id":"8f2c"}"#));
        let later = br#"{"class":"logs","received":"2026-11-03T02:41:09Z","happened":"2026-11-03T02:40:00Z","finding":{},"more":1}"#;
        let parcel = Parcel::unpack(later).unwrap();
        assert_eq!(Parcel::unpack(&parcel.pack()).unwrap().received, parcel.received);
    }
}
