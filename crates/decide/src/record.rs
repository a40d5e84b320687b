//! A kept record, brought back for a finding.

use cloudtrail::{Decoder, Event, EventTime, Item};
use json_scan::{Object, Value as Raw};
use rules::EventView;
use serde_json::value::RawValue;

/// How deep containers may stand in each other in what is told; common parsers refuse more than 127 levels, and a record stands in
/// a finding, which may stand in something else.
const DEPTH_MAX: usize = 64;

/// The event in `text`, which is the text of one that was kept, and its record as a finding tells it. `time` is for an event
/// without one of its own.
///
/// The record stands as it was written, but for what common parsers refuse: a number that no `f64` holds, and what is nested too
/// deep, are told as their text. Otherwise whoever can place one in a call would make the finding unreadable to its receivers.
pub fn take_apart(
    decoder: &mut Decoder,
    text: &[u8],
    time: EventTime,
) -> (Option<EventView>, Option<Box<RawValue>>) {
    let taken = look_at(decoder, text, time, |event| (EventView::of(event).ok(), told_of(event)));
    taken.unwrap_or_default()
}

/// The same where the event stands: `look` is shown it.
pub fn look_at<R>(
    decoder: &mut Decoder,
    text: &[u8],
    time: EventTime,
    look: impl FnOnce(&Event<'_>) -> R,
) -> Option<R> {
    let (mut look, mut seen) = (Some(look), None);
    let decoded = decoder.decode(text, None, |item| {
        if let Item::Event(mut event) = item
            && let Some(look) = look.take()
        {
            if event.undated {
                event.time = time;
            }
            seen = Some(look(&event));
        }
    });
    debug_assert!(decoded.trouble.is_none(), "it was decoded before");
    seen
}

/// An event's record as a finding tells it; see [`take_apart`].
pub fn told_of(event: &Event<'_>) -> Option<Box<RawValue>> {
    told(event.record().map_or_else(|| event.json(), |record| record.json))
}

fn told(json: Object<'_>) -> Option<Box<RawValue>> {
    let text = if is_common(&Raw::Object(json), 0) {
        std::str::from_utf8(json.bytes()).ok()?.to_owned()
    } else {
        let mut text = String::new();
        write(&Raw::Object(json), 0, &mut text)?;
        text
    };
    RawValue::from_string(text).ok()
}

/// Whether common parsers take the value.
fn is_common(value: &Raw<'_>, depth: usize) -> bool {
    match value {
        Raw::Number(text) => is_in_range(text),
        Raw::Object(object) => {
            let mut members = object.members();
            depth < DEPTH_MAX
                && members.all(|member| member.is_ok_and(|member| is_common(&member.value, depth + 1)))
        }
        Raw::Array(array) => {
            let mut elements = array.elements();
            depth < DEPTH_MAX
                && elements.all(|element| element.is_ok_and(|element| is_common(&element, depth + 1)))
        }
        Raw::String(_) | Raw::True | Raw::False | Raw::Null => true,
    }
}

fn is_in_range(number: &str) -> bool {
    number.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Appends the value with everything uncommon in it as text.
fn write(value: &Raw<'_>, depth: usize, out: &mut String) -> Option<()> {
    match value {
        Raw::Number(text) if !is_in_range(text) => quoted(text.as_bytes(), out)?,
        Raw::Number(text) => out.push_str(text),
        Raw::Object(object) if depth >= DEPTH_MAX => quoted(object.bytes(), out)?,
        Raw::Array(array) if depth >= DEPTH_MAX => quoted(array.bytes(), out)?,
        Raw::Object(object) => {
            out.push('{');
            for (number, member) in object.members().enumerate() {
                let member = member.ok()?;
                out.push_str(if number == 0 { "\"" } else { ",\"" });
                out.push_str(std::str::from_utf8(member.key.raw()).ok()?);
                out.push_str("\":");
                write(&member.value, depth + 1, out)?;
            }
            out.push('}');
        }
        Raw::Array(array) => {
            out.push('[');
            for (number, element) in array.elements().enumerate() {
                if number > 0 {
                    out.push(',');
                }
                write(&element.ok()?, depth + 1, out)?;
            }
            out.push(']');
        }
        Raw::String(text) => {
            out.push('"');
            out.push_str(std::str::from_utf8(text.raw()).ok()?);
            out.push('"');
        }
        Raw::True => out.push_str("true"),
        Raw::False => out.push_str("false"),
        Raw::Null => out.push_str("null"),
    }
    Some(())
}

fn quoted(text: &[u8], out: &mut String) -> Option<()> {
    out.push_str(&serde_json::to_string(std::str::from_utf8(text).ok()?).ok()?);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(value: &str) -> String {
        let text = format!(r#"{{"eventName":"StopLogging","requestParameters":{value}}}"#);
        let (view, record) = take_apart(&mut Decoder::default(), text.as_bytes(), EventTime::EPOCH);
        assert!(view.is_some());
        let told = record.map(|record| record.get().to_owned()).unwrap_or_default();
        assert!(serde_json::from_str::<serde_json::Value>(&told).is_ok(), "{told}");
        told
    }

    #[test]
    fn a_record_stands_as_it_was_written() {
        let value = r#"{"a":[1.0,"\u0041",null,true],"b":1e300}"#;
        assert!(record(value).ends_with(&format!("\"requestParameters\":{value}}}")));
    }

    #[test]
    fn what_receivers_could_not_read_is_told_as_text() {
        assert!(record(r#"{"n":[1e999,2,"\u0041"]}"#).ends_with(r#"{"n":["1e999",2,"\u0041"]}}"#));
        let deep = format!("{}\"x\"{}", "[".repeat(900), "]".repeat(900));
        let told = record(&deep);
        assert!(told.contains("\"[[") && told.contains(r#"[\"x\"]"#), "{told}");
    }
}
