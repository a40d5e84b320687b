//! An event for findings that no event made: an absence, or a combination of alarms. It has what is known, the key.

use cloudtrail::{Decoder, Item};
use rules::{EventView, Root, Rule};
use serde_json::{Map, Value, json};

use crate::incident::Incident;

/// The key's values at their paths in an otherwise empty event.
pub(crate) fn event(incident: &Incident, rule: &Rule) -> EventView {
    let mut event = json!({
        "version": "0",
        "id": incident.id,
        "source": crate::finding::SOURCE,
        "detail-type": "Trailhound Absence",
        "account": "",
        "time": incident.time.to_string(),
        "region": "",
        "resources": [],
        "detail": {},
    });
    for (path, value) in rule.key_paths(0).iter().zip(incident.key.values()) {
        let names: Vec<&str> = match path.root() {
            Root::Account => vec!["account"],
            _ => path.in_event().into_iter().flatten().collect(),
        };
        put(&mut event, &names, value);
    }
    let (mut view, text) = (None, event.to_string());
    let decoded = Decoder::default().decode(text.as_bytes(), None, |item| {
        if let Item::Event(event) = item {
            view = EventView::of(&event).ok();
        }
    });
    debug_assert!(decoded.trouble.is_none(), "it was just written");
    #[expect(clippy::expect_used, reason = "an envelope that was just written as JSON is an event")]
    let view = view.expect("an envelope is an event");
    view
}

fn put(at: &mut Value, names: &[&str], value: &str) {
    let Some((name, rest)) = names.split_first() else { return };
    if !at.is_object() {
        *at = Value::Object(Map::new());
    }
    let Some(members) = at.as_object_mut() else { return };
    let place = members.entry((*name).to_owned()).or_insert_with(|| json!({}));
    if rest.is_empty() {
        *place = value.into();
    } else {
        put(place, rest, value);
    }
}
