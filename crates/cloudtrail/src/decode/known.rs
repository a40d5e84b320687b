//! Records of shapes that were seen before.
//!
//! Of nearly every record the shape is known (see `json_scan`'s shapes), and with it where the members stand that the decoder hands out, and that it
//! is a record at all. So those are found out once per shape, from the record that taught it, which was read and identified like any other.
//! Only what depends on values is asked again. A record is read by its brackets and names only if somebody asks for more.

use json_scan::{Extent, Malformed, Object, Outline, Shapes, Slot, Text, Unread, Value};

use crate::record::{Record, is_about_an_object};

/// Shapes of records, with what they are.
#[derive(Debug, Default)]
pub(crate) struct Known {
    shapes: Shapes,
    /// Whose numbers the shapes have.
    of: Option<u64>,
    /// By number; none for a shape that says nothing of the kind.
    members: Vec<Option<Members>>,
    /// What the rest is tested against.
    #[cfg(test)]
    is_off: bool,
}

/// Where the members stand of the records of a shape.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Members {
    event_name: Option<Slot>,
    event_time: Option<Slot>,
    event_source: Option<Slot>,
    event_id: Option<Slot>,
    event_type: Option<Slot>,
    event_category: Option<Slot>,
    aws_region: Option<Slot>,
    recipient_account_id: Option<Slot>,
    read_only: Option<Slot>,
    management_event: Option<Slot>,
    user_identity: Option<Extent>,
    identity_type: Option<Slot>,
    insight_details: Option<Extent>,
}

impl Known {
    /// The record that begins at `at`, if records of its shape are known.
    #[inline]
    pub(super) fn walk<'a>(&'a mut self, text: &'a [u8], at: usize) -> Option<(Outline<'a>, Members)> {
        #[cfg(test)]
        if self.is_off {
            return None;
        }
        let outline = self.shapes.walk(text, at)?;
        let shape = outline.shape();
        if self.of != Some(shape.shapes()) {
            return None;
        }
        let members = (*self.members.get(shape.number())?)?;
        let source = members.event_source.map(|slot| outline.text(slot));
        (!is_about_an_object(source)).then_some((outline, members))
    }

    /// Remembers what shape `record` has, which was read and is one.
    pub(super) fn learn(&mut self, record: Object<'_>) {
        let Some(shape) = self.shapes.learn(record) else { return };
        if self.of != Some(shape.shapes()) {
            self.of = Some(shape.shapes());
            self.members.clear();
        }
        if self.members.len() <= shape.number() {
            self.members.resize(shape.number() + 1, None);
        }
        if let Some(members) = self.members.get_mut(shape.number()) {
            *members = Members::of(record).ok().flatten();
        }
    }
}

impl Members {
    /// Those of a record. None if other records of this shape may be something else.
    fn of(record: Object<'_>) -> Result<Option<Self>, Malformed> {
        let mut members = Members::default();
        let mut before = Extent::IN_OBJECT;
        for member in record.members() {
            let member = member?;
            // An envelope, or an event of CloudWatch Logs.
            if matches!(member.key.raw(), b"detail-type" | b"message") {
                return Ok(None);
            }
            members.add(member.key.raw(), member.value, before)?;
            before = before.and(Extent::of(member.value)?);
        }
        // Insight records have no name; whether a record is one may depend on values.
        Ok(members.event_name.is_some().then_some(members))
    }

    /// Adds the member of this name, which has `before` in front of it. No name comes twice in a record whose shape was learned.
    fn add(&mut self, name: &[u8], value: Value<'_>, before: Extent) -> Result<(), Malformed> {
        let text = value.as_text().map(|_| before.slot());
        let flag = matches!(value, Value::True | Value::False | Value::String(_)).then(|| before.slot());
        let object = value.as_object().map(|_| before);
        match name {
            b"eventName" => self.event_name = text,
            b"eventTime" => self.event_time = text,
            b"eventSource" => self.event_source = text,
            b"eventID" => self.event_id = text,
            b"eventType" => self.event_type = text,
            b"eventCategory" => self.event_category = text,
            b"awsRegion" => self.aws_region = text,
            b"recipientAccountId" => self.recipient_account_id = text,
            b"readOnly" => self.read_only = flag,
            b"managementEvent" => self.management_event = flag,
            b"insightDetails" => self.insight_details = object,
            b"userIdentity" => {
                self.user_identity = object;
                self.identity_type = value.as_object().map_or(Ok(None), |object| type_of(object, before))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The record.
    #[inline]
    pub(super) fn record<'a>(&self, outline: Outline<'a>, unread: &'a Unread<'a>) -> Record<'a> {
        let text = |slot: Option<Slot>| slot.map(|slot| outline.text(slot));
        let flag = |slot: Option<Slot>| slot.and_then(|slot| as_flag(outline.text(slot)));
        Record {
            json: unread.object(),
            event_time: text(self.event_time),
            event_source: text(self.event_source),
            event_name: text(self.event_name),
            event_id: text(self.event_id),
            event_type: text(self.event_type),
            event_category: text(self.event_category),
            aws_region: text(self.aws_region),
            recipient_account_id: text(self.recipient_account_id),
            read_only: flag(self.read_only),
            management_event: flag(self.management_event),
            user_identity: self.user_identity.map(|at| unread.within(at)),
            insight_details: self.insight_details.map(|at| unread.within(at)),
            outline: Some(outline),
            identity_type: text(self.identity_type),
        }
    }
}

/// `true` and `false`, as words or as strings.
#[inline]
fn as_flag(text: Text<'_>) -> Option<bool> {
    match text.raw() {
        b"true" => Some(true),
        b"false" => Some(false),
        _ if text.is("true") => Some(true),
        _ if text.is("false") => Some(false),
        _ => None,
    }
}

/// The slot of an identity's `type`.
fn type_of(identity: Object<'_>, before: Extent) -> Result<Option<Slot>, Malformed> {
    let mut before = before.and(Extent::IN_OBJECT);
    for member in identity.members() {
        let member = member?;
        if member.key.raw() == b"type" {
            return Ok(member.value.as_text().map(|_| before.slot()));
        }
        before = before.and(Extent::of(member.value)?);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::decode::{Decoder, Item, Limits};
    use crate::{Body, Event};

    /// Everything that is asked of an event without looking into it, and what looking into it shows.
    fn described(event: &Event<'_>) -> String {
        let Body::Record(record) = event.body else {
            return format!("{:?} {:?}", event.offset, event.json().bytes());
        };
        let texts = [
            record.event_time,
            record.event_source,
            record.event_name,
            record.event_id,
            record.event_type,
            record.event_category,
            record.aws_region,
            record.recipient_account_id,
            record.identity_type(),
        ];
        let texts = texts.map(|text| {
            text.map(|text| (text.offset(), text.unescape().ok().map(std::borrow::Cow::into_owned)))
        });
        let objects = [record.user_identity, record.insight_details]
            .map(|object| object.map(|object| (object.offset(), object.bytes())));
        let members: Vec<_> =
            record.json.members().map(|member| member.map(|member| format!("{member:?}").len())).collect();
        format!(
            "{} {:?} {} {:?} {:?} {texts:?} {:?} {objects:?} {} {} {:?}",
            event.offset,
            event.time,
            event.undated,
            event.logged,
            event.id(),
            (record.read_only, record.management_event, record.is_insight(), event.account_as_written()),
            record.json.offset(),
            String::from_utf8_lossy(record.json.bytes()),
            members.iter().filter(|member| member.is_ok()).count(),
        )
    }

    /// Everything that comes of an input, in order.
    fn decoded(decoder: &mut Decoder, text: &[u8], is_stream: bool) -> Vec<String> {
        let mut seen = Vec::new();
        let sink = |item: Item<'_>| {
            seen.push(match item {
                Item::Event(event) => described(&event),
                other => format!("{other:?}"),
            });
        };
        let decoded = if is_stream {
            decoder.decode_stream(text, None, sink)
        } else {
            decoder.decode(text, None, sink)
        };
        seen.push(format!("{decoded:?}"));
        seen
    }

    /// A record of one of a few kinds.
    fn record() -> impl Strategy<Value = String> {
        let text = prop_oneof![4 => "[a-z:/.-]{0,40}", 1 => "[a-z]{60,70}", 1 => r#"([a-zé]|\\\\|\\"|\\u00e9){0,6}"#];
        let source = prop_oneof![9 => Just("sts.amazonaws.com"), 1 => Just("aws:s3")];
        let identity = prop_oneof![
            text.clone().prop_map(|name| format!(r#"{{"type":"IAMUser","userName":"{name}"}}"#)),
            text.clone().prop_map(|by| format!(
                r#"{{"type":"AWSService","invokedBy":"{by}","sessionContext":{{"attributes":{{}}}}}}"#
            )),
            Just("null".to_owned()),
            Just(r#"{"type":1}"#.to_owned()),
        ];
        let more = prop_oneof![
            3 => Just(String::new()),
            1 => text.clone().prop_map(|name| format!(r#","requestParameters":{{"n":[1,-2.5e3,{{"x":"{name}"}}]}}"#)),
            1 => Just(r#","requestParameters":null,"readOnly":"true","managementEvent":false"#.to_owned()),
            1 => Just(r#","message":"{}""#.to_owned()),
            1 => Just(r#","readOnly":true,"readOnly":false"#.to_owned()),
            1 => Just(r#","insightDetails":{"state":"Start"}"#.to_owned()),
            1 => Just(r#","detail-type":"x","source":"y","detail":{"a":1}"#.to_owned()),
        ];
        (identity, source, text, more, any::<bool>()).prop_map(|(identity, source, name, more, space)| {
            let space = if space { " " } else { "" };
            format!(
                r#"{{"eventVersion":"1.11","userIdentity":{identity},"eventTime":"2026-10-01T00:20:00Z","eventSource":"{source}",{space}"eventName":"{name}","eventID":"f5d8a0c0-01a0-4d8d-aa02-165b6a54f281"{more}}}"#
            )
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        /// Whatever is done to a log, the same comes of it whether or not the shapes of its records are known.
        #[test]
        fn shapes_change_nothing(
            records in prop::collection::vec(record(), 1..8), is_list: bool, is_stream: bool, window in 64_usize..4_000,
            max_event in prop_oneof![4 => Just(1 << 20), 1 => 150_usize..400],
            at in any::<prop::sample::Index>(), cut in 0_usize..4,
            bytes in prop::collection::vec(prop_oneof![prop::sample::select(b"\"\\{}[],: \n\x1f\xc3".to_vec()), any::<u8>()], 0..3),
            between in prop::sample::select(vec![",", ", ", ",\n", "\n", " "]), is_broken: bool,
        ) {
            let text = match is_list {
                true => format!("{{\"Records\":[{}]}}", records.join(between)),
                false => records.join(between),
            };
            let mut text = text.into_bytes();
            let limits = Limits { window, event: max_event, ..Limits::default() };
            let (mut knows, mut general) = (Decoder::with_limits(limits), Decoder::with_limits(limits));
            general.spare.known.is_off = true;
            for is_broken in [false, is_broken] {
                if is_broken {
                    let at = at.index(text.len());
                    text.splice(at..(at + cut).min(text.len()), bytes.iter().copied());
                }
                for _ in 0..2 {
                    let expected = decoded(&mut general, &text, is_stream);
                    prop_assert_eq!(decoded(&mut knows, &text, is_stream), expected, "{}", String::from_utf8_lossy(&text));
                }
            }
        }
    }

    #[test]
    fn records_of_a_known_shape_are_walked_by_it() {
        let mut decoder = Decoder::default();
        let text = br#"{"Records":[{"eventName":"a","eventTime":"2026-10-01T00:20:00Z"},{"eventName":"b","eventTime":null},{"eventName":"c","eventTime":"x"}]}"#;
        let mut known = Vec::new();
        for _ in 0..2 {
            let decoded = decoder.decode(text, None, |item| {
                if let Item::Event(event) = item {
                    known.push(event.record().is_some_and(|record| record.outline.is_some()));
                }
            });
            assert!(decoded.trouble.is_none());
        }
        assert_eq!(known, [false, false, true, true, true, true]);
    }
}
