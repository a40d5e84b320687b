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

/// What a batch of events begins with, and no parcel does.
const EVENTS: &[u8] = br#"{"events":["#;

/// Packs events, each JSON on one line.
pub(crate) fn pack_events(texts: &[String]) -> Vec<u8> {
    let mut packed = EVENTS.to_vec();
    for (text, place) in texts.iter().zip(0..) {
        if place > 0 {
            packed.push(b',');
        }
        packed.extend_from_slice(text.as_bytes());
    }
    packed.extend_from_slice(b"]}");
    packed
}

/// The events of a batch; none if it is a parcel.
pub(crate) fn unpack_events(bytes: &[u8]) -> Option<Result<Vec<Box<str>>, serde_json::Error>> {
    #[derive(Deserialize)]
    struct Packed<'b> {
        #[serde(borrow)]
        events: Vec<&'b RawValue>,
    }
    let unpack = || serde_json::from_slice::<Packed<'_>>(bytes);
    bytes
        .starts_with(EVENTS)
        .then(|| unpack().map(|packed| packed.events.iter().map(|event| event.get().into()).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_as_they_went_in() {
        let texts = [r#"{"id":"1","detail":{"n":1.0}}"#.to_owned(), "{}".to_owned()];
        let unpacked = unpack_events(&pack_events(&texts)).unwrap().unwrap();
        assert_eq!(unpacked.iter().map(|text| &**text).collect::<Vec<_>>(), texts);
        assert!(unpack_events(br#"{"class":"s3","finding":{}}"#).is_none());
        assert!(unpack_events(br#"{"events":[{]}"#).unwrap().is_err());
    }

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
