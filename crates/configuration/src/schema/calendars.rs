//! `hours`, `holidays` and `change_windows` in the schema.

use serde_json::{Value, json};

use super::{object, text, texts};

pub(super) fn hours() -> Value {
    let span = json!({
        "days": text("Days such as `mon-fri` or `mon,wed,sat-sun`."),
        "from": { "description": "The first minute, as `09:00`.", "type": "string", "pattern": "^[0-9]{2}:[0-9]{2}$" },
        "to": { "description": "The minute after the last, as `18:00`; not after `from` means the next day.", "type": "string", "pattern": "^[0-9]{2}:[0-9]{2}$" },
    });
    let spans = object("One of several spans.", &["days", "from", "to"], span.clone());
    let mut properties = json!({
        "zone": text("A time zone by its IANA name, such as `Europe/Berlin`."),
        "spans": { "description": "Several spans, instead of one.", "type": "array", "items": spans },
        "except": {
            "description": "Holidays on which no span begins: their name, or several.",
            "type": ["string", "array"],
            "items": { "type": "string" },
        },
    });
    if let (Some(properties), Value::Object(span)) = (properties.as_object_mut(), span) {
        properties.extend(span);
    }
    let mut schedule = object("One weekly schedule.", &["zone"], properties);
    schedule["oneOf"] = json!([{ "required": ["days", "from", "to"] }, { "required": ["spans"] }]);
    json!({ "description": "Named weekly schedules that rules and routes ask about.", "type": "object", "additionalProperties": schedule })
}

pub(super) fn holidays() -> Value {
    let days =
        texts("Days (`2026-12-25`, or `12-25` for every year), files of days, and iCalendar files.", 0);
    json!({
        "description": "Days that hours leave out: days and files of them, or a mapping of names to such lists. Without names they are called `holidays`.",
        "type": ["array", "string", "object"],
        "items": days["items"],
        "additionalProperties": { "description": days["description"], "type": ["array", "string"], "items": days["items"] },
    })
}

pub(super) fn change_windows() -> Value {
    let properties = json!({
        "name": text("What people call the change."),
        "accounts": texts("Names or numbers of the accounts, as globs; every account, without it.", 0),
        "from": text("When it begins, as `2026-12-31 22:00` in `zone`; or the first of whole days."),
        "to": text("When it ends; or the last of whole days."),
        "for": text("How long it lasts, as `4h`, instead of `to`."),
        "zone": text("A time zone by its IANA name; without it `UTC`."),
        "repeat": text("How it repeats, in iCalendar's words: `FREQ=MONTHLY;BYDAY=2TU`."),
        "calendar": text("An iCalendar file, whose entries are the windows; beside it only `accounts` and `zone`."),
    });
    let mut window = object("A file of windows, a calendar, or one window.", &[], properties);
    window["type"] = json!(["string", "object"]);
    json!({
        "description": "When changes are expected, for rules that ask `in_change_window()`: a file of windows or an iCalendar file, or a list of files and windows.",
        "type": ["array", "string"],
        "items": window,
    })
}
