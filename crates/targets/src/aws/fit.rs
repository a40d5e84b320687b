//! A finding in the space that a service has for it.
//!
//! Records go first, since the event's place in the log is known by its id; then most of the ids. What was asked for by an input is asked of
//! the shorter finding again. A finding that is too large without both is nobody's any more, and belongs on the list of dead letters.

use std::borrow::Cow;
use std::fmt;

use route::FindingEvent;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::attributes::permitted;
use crate::{Delivery, DeliveryError, Shape};

/// What is sent of a finding.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fitted {
    /// The text.
    pub(super) text: String,
    /// How many records were left out.
    pub(super) records_left_out: usize,
}

/// How many ids of events stay where there is no room for all.
const IDS: usize = 20;

impl Fitted {
    /// What `shape` makes of a finding, in at most `room` bytes.
    pub(super) fn of(shape: &Shape, delivery: &Delivery, room: usize) -> Result<Self, DeliveryError> {
        Self::written(shape, delivery, room, |text| text)
    }

    /// The same in the characters that SNS and SQS take: those that are escaped take more room, and whoever writes many is told of all the same.
    pub(super) fn permitted(shape: &Shape, delivery: &Delivery, room: usize) -> Result<Self, DeliveryError> {
        Self::written(shape, delivery, room, |text| permitted(&text).into_owned())
    }

    fn written(
        shape: &Shape,
        delivery: &Delivery,
        room: usize,
        write: impl Fn(String) -> String,
    ) -> Result<Self, DeliveryError> {
        let text = write(shape.text(delivery)?);
        if text.len() <= room {
            return Ok(Fitted { text, records_left_out: 0 });
        }
        let json = delivery.finding().json();
        let records = delivery.finding().record_count();
        let mut kept = records;
        loop {
            kept /= 2;
            let ids = if kept == 0 { IDS } else { usize::MAX };
            let shorter = shortened(json, kept, ids).and_then(|json| FindingEvent::parse(&json).ok());
            let Some(shorter) = shorter else { return Err(too_large(text.len(), room)) };
            let text = write(shape.text(&delivery.with(shorter))?);
            if text.len() <= room {
                return Ok(Fitted { text, records_left_out: records - kept });
            }
            if kept == 0 {
                return Err(too_large(text.len(), room));
            }
        }
    }

    /// What is said of it beside the service's answer.
    pub(super) fn note(&self) -> String {
        match self.records_left_out {
            0 => String::new(),
            1 => ", without 1 record that was too large".to_owned(),
            records => format!(", without {records} records that were too large"),
        }
    }
}

fn too_large(length: usize, room: usize) -> DeliveryError {
    let reason = format!("{length} bytes without records, and the service takes {room}");
    DeliveryError::Permanent { reason }
}

/// A finding with fewer records and ids, its members in their order, and a note of what is missing.
fn shortened(json: &str, records: usize, ids: usize) -> Option<String> {
    let whole: Members<'_> = serde_json::from_str(json).ok()?;
    let detail: Members<'_> = serde_json::from_str(whole.get("detail")?.get()).ok()?;
    let mut shorter = Members(Vec::with_capacity(detail.0.len() + 1));
    for (name, value) in detail.0 {
        match &*name {
            "records" => {
                let mut kept: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
                let left_out = kept.len().saturating_sub(records);
                kept.truncate(records);
                shorter.push("records", &kept)?;
                shorter.push("records_left_out", &left_out)?;
            }
            "event_ids" => {
                let mut kept: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
                kept.truncate(ids);
                shorter.push("event_ids", &kept)?;
            }
            _ => shorter.0.push((name, value)),
        }
    }
    let mut finding = Members(Vec::with_capacity(whole.0.len()));
    for (name, value) in whole.0 {
        if name == "detail" { finding.push("detail", &shorter)? } else { finding.0.push((name, value)) }
    }
    serde_json::to_string(&finding).ok()
}

/// The members of a JSON object in their order.
struct Members<'j>(Vec<(Cow<'j, str>, Cow<'j, RawValue>)>);

impl<'j> Members<'j> {
    /// A member as it was read.
    fn get(&self, name: &str) -> Option<&'j RawValue> {
        self.0.iter().find(|(member, _)| member == name).and_then(|(_, value)| match value {
            Cow::Borrowed(value) => Some(*value),
            Cow::Owned(_) => None,
        })
    }

    fn push(&mut self, name: &'static str, value: &impl Serialize) -> Option<()> {
        let value = serde_json::value::to_raw_value(value).ok()?;
        self.0.push((Cow::Borrowed(name), Cow::Owned(value)));
        Some(())
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, &**value)))
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;

        impl<'de> Visitor<'de> for Reads {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    members.push((Cow::Owned(name), Cow::Borrowed(value)));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Reads)
    }
}

#[cfg(test)]
mod tests {
    use route::TargetName;

    use super::*;

    fn delivery(records: usize, length: usize, ids: usize) -> Delivery {
        let record = format!(r#"{{"eventID":"{}"}}"#, "x".repeat(length));
        let records = vec![record; records].join(",");
        let ids: Vec<String> = (0..ids).map(|id| format!(r#""{id:036}""#)).collect();
        let json = format!(
            r#"{{"version":"0","id":"a","source":"trailhound","detail-type":"Trailhound Finding","detail":{{"rule":"r","title":"t","event_ids":[{}],"records":[{records}],"tags":["z"]}}}}"#,
            ids.join(",")
        );
        Delivery::new(TargetName::new("lake").unwrap(), FindingEvent::parse(&json).unwrap())
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        let delivery = delivery(4, 100, 1);
        let fitted = Fitted::of(&Shape::default(), &delivery, 10_000).unwrap();
        assert_eq!(fitted, Fitted { text: delivery.finding().json().to_owned(), records_left_out: 0 });
        assert_eq!(fitted.note(), "");
    }

    #[test]
    fn records_go_first() {
        let fitted = Fitted::of(&Shape::default(), &delivery(8, 1_000, 1), 3_500).unwrap();
        assert_eq!(fitted.records_left_out, 6);
        assert_eq!(fitted.note(), ", without 6 records that were too large");
        let beginning = r#"{"version":"0","id":"a","source":"trailhound","detail-type":"Trailhound Finding","detail":{"rule":"r","title":"t","event_ids":["#;
        assert!(fitted.text.starts_with(beginning) && fitted.text.len() <= 3_500);
        assert!(fitted.text.ends_with(r#"}],"records_left_out":6,"tags":["z"]}}"#), "{}", fitted.text);
    }

    #[test]
    fn characters_that_are_escaped_count_as_they_are_sent() {
        let record = format!(r#"{{"userAgent":"{}"}}"#, "\u{ffff}".repeat(300));
        let json = format!(
            r#"{{"id":"a","source":"trailhound","detail-type":"Trailhound Finding","detail":{{"rule":"r","records":[{record}]}}}}"#
        );
        let delivery = Delivery::new(TargetName::new("lake").unwrap(), FindingEvent::parse(&json).unwrap());
        assert_eq!(Fitted::of(&Shape::default(), &delivery, 1_200).unwrap().records_left_out, 0);
        let fitted = Fitted::permitted(&Shape::default(), &delivery, 1_200).unwrap();
        assert!(fitted.records_left_out == 1 && fitted.text.len() <= 1_200, "{}", fitted.text);
    }

    #[test]
    fn then_ids_and_then_nobody_is_told() {
        let fitted = Fitted::of(&Shape::default(), &delivery(1, 1_000, 1_000), 2_000).unwrap();
        assert_eq!(fitted.text.matches("0000000000").count() / 3, IDS);
        assert!(fitted.text.contains(r#""records":[],"records_left_out":1"#));
        let error = Fitted::of(&Shape::default(), &delivery(1, 1_000, 1_000), 500).unwrap_err();
        assert!(
            matches!(&error, DeliveryError::Permanent { reason } if reason.ends_with("the service takes 500")),
            "{error}"
        );
    }
}
