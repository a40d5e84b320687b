//! What receivers publish of the messages they take: their members, which of them have to be there, and how long they may be. A message that breaks
//! one of these rules is refused by the real service, so it is by the counterparts.
//!
//! From Slack's documentation of Block Kit and of `chat.postMessage`, the published JSON Schema of Adaptive Cards 1.4 and Microsoft's documentation of
//! cards in Teams, Atlassian's documentation of OpsGenie's Alert API, and PagerDuty's of Events API v2.

use serde_json::Value;

/// What is wrong with a value, and where.
pub(crate) type Checked = Result<(), String>;

/// A rule for a value.
type Rule<'r> = &'r dyn Fn(&Value) -> Checked;

/// An object whose members are these, of which those marked `true` have to be there.
fn object(value: &Value, members: &[(&str, bool, Rule<'_>)]) -> Checked {
    let object = value.as_object().ok_or_else(|| format!("no object: {value}"))?;
    if let Some(other) = object.keys().find(|name| members.iter().all(|(known, _, _)| known != name)) {
        return Err(format!("{other}: unknown"));
    }
    for (name, needed, rule) in members {
        match object.get(*name) {
            Some(value) => rule(value).map_err(|wrong| format!("{name}.{wrong}"))?,
            None if *needed => return Err(format!("{name}: missing")),
            None => {}
        }
    }
    Ok(())
}

/// A list of at least one and at most so many.
fn list(most: usize, each: impl Fn(&Value) -> Checked) -> impl Fn(&Value) -> Checked {
    move |value| {
        let items = value.as_array().ok_or("no list")?;
        if !(1..=most).contains(&items.len()) {
            return Err(format!("{} items", items.len()));
        }
        items.iter().zip(0..).try_for_each(|(item, at)| each(item).map_err(|wrong| format!("{at}.{wrong}")))
    }
}

/// A text of so many characters.
fn text(least: usize, most: usize) -> impl Fn(&Value) -> Checked {
    move |value| {
        let length = value.as_str().ok_or("no text")?.chars().count();
        if (least..=most).contains(&length) { Ok(()) } else { Err(format!("{length} characters")) }
    }
}

fn one_of(known: &'static [&str]) -> impl Fn(&Value) -> Checked {
    move |value| {
        // Words of cards may be written in any letters.
        let is_known =
            value.as_str().is_some_and(|text| known.iter().any(|word| word.eq_ignore_ascii_case(text)));
        if is_known { Ok(()) } else { Err(format!("{value} is none of {known:?}")) }
    }
}

fn truth(value: &Value) -> Checked {
    if value.is_boolean() { Ok(()) } else { Err(format!("{value} is neither true nor false")) }
}

fn address(value: &Value) -> Checked {
    let address = value
        .as_str()
        .filter(|address| address.len() <= 3000)
        .and_then(|text| reqwest::Url::parse(text).ok());
    match address {
        Some(address) if address.scheme() == "https" => Ok(()),
        _ => Err(format!("no address: {value}")),
    }
}

fn anything(_: &Value) -> Checked {
    Ok(())
}

/// The largest blocks that `chat.postMessage` was seen to take, in characters; the documentation names twelve thousand, and only for Markdown.
const SLACK_BLOCKS_MAX: usize = 12_000;

/// A message to Slack, by webhook or method.
pub(crate) fn slack(message: &Value) -> Checked {
    object(
        message,
        &[
            ("text", true, &text(1, 40_000)),
            ("blocks", true, &list(50, block)),
            ("channel", false, &text(1, 100)),
            ("ts", false, &text(1, 100)),
            ("thread_ts", false, &text(1, 100)),
            ("unfurl_links", false, &truth),
            ("unfurl_media", false, &truth),
        ],
    )?;
    let length = message["blocks"].to_string().chars().count();
    if length > SLACK_BLOCKS_MAX { Err(format!("msg_blocks_too_long: {length}")) } else { Ok(()) }
}

fn block(block: &Value) -> Checked {
    let kind = one_of(&["section", "context", "actions", "header", "divider"]);
    let id = text(1, 255);
    match block["type"].as_str().unwrap_or_default() {
        "section" => {
            let fields = list(10, |field| text_object(field, 2000));
            object(
                block,
                &[
                    ("type", true, &kind),
                    ("block_id", false, &id),
                    ("text", block.get("fields").is_none(), &|value| text_object(value, 3000)),
                    ("fields", false, &fields),
                ],
            )
        }
        "context" => {
            let elements = list(10, |element| text_object(element, 2000));
            object(block, &[("type", true, &kind), ("block_id", false, &id), ("elements", true, &elements)])
        }
        "actions" => {
            let elements = list(25, button);
            object(block, &[("type", true, &kind), ("block_id", false, &id), ("elements", true, &elements)])?;
            let buttons = block["elements"].as_array().into_iter().flatten();
            let mut ids: Vec<&str> = buttons.filter_map(|button| button["action_id"].as_str()).collect();
            let all = ids.len();
            ids.sort_unstable();
            ids.dedup();
            if ids.len() == all { Ok(()) } else { Err("two elements have one action_id".to_owned()) }
        }
        "header" => object(
            block,
            &[
                ("type", true, &kind),
                ("block_id", false, &id),
                ("text", true, &|value| plain_text(value, 150)),
            ],
        ),
        "divider" => object(block, &[("type", true, &kind), ("block_id", false, &id)]),
        other => Err(format!("no block: {other}")),
    }
}

/// A text object of either kind.
fn text_object(value: &Value, most: usize) -> Checked {
    if value["type"] == "plain_text" {
        return plain_text(value, most);
    }
    let members: [(&str, bool, Rule<'_>); 3] =
        [("type", true, &one_of(&["mrkdwn"])), ("text", true, &text(1, most)), ("verbatim", false, &truth)];
    object(value, &members)
}

fn plain_text(value: &Value, most: usize) -> Checked {
    let members: [(&str, bool, Rule<'_>); 3] =
        [("type", true, &one_of(&["plain_text"])), ("text", true, &text(1, most)), ("emoji", false, &truth)];
    object(value, &members)
}

fn button(button: &Value) -> Checked {
    object(
        button,
        &[
            ("type", true, &one_of(&["button"])),
            ("text", true, &|value| plain_text(value, 75)),
            ("action_id", true, &text(1, 255)),
            ("value", false, &text(1, 2000)),
            ("url", false, &address),
            ("style", false, &one_of(&["primary", "danger"])),
        ],
    )
}

/// The largest message that Teams takes by a webhook, in bytes.
const TEAMS_MAX: usize = 28 * 1024;

/// A message to Teams: one Adaptive Card.
pub(crate) fn teams(message: &Value) -> Checked {
    let length = message.to_string().len();
    if length > TEAMS_MAX {
        return Err(format!("{length} bytes"));
    }
    let attachment = |attachment: &Value| {
        object(
            attachment,
            &[
                ("contentType", true, &one_of(&["application/vnd.microsoft.card.adaptive"])),
                ("contentUrl", false, &anything),
                ("content", true, &card),
            ],
        )
    };
    object(message, &[("type", true, &one_of(&["message"])), ("attachments", true, &list(1, attachment))])
}

fn card(card: &Value) -> Checked {
    let actions = card["actions"].as_array().map_or(0, Vec::len);
    if actions > 6 {
        return Err(format!("{actions} actions, and Teams shows six"));
    }
    object(
        card,
        &[
            ("type", true, &one_of(&["AdaptiveCard"])),
            ("$schema", false, &text(1, 100)),
            ("version", true, &one_of(&["1.2", "1.3", "1.4", "1.5"])),
            ("fallbackText", false, &text(1, 1000)),
            ("body", true, &list(200, element)),
            ("actions", false, &|value| {
                if actions == 0 { anything(value) } else { list(6, open_url)(value) }
            }),
            ("msteams", false, &|value| object(value, &[("width", false, &one_of(&["Full"]))])),
        ],
    )
}

const SPACINGS: &[&str] = &["default", "none", "small", "medium", "large", "extraLarge", "padding"];

fn element(element: &Value) -> Checked {
    match element["type"].as_str().unwrap_or_default() {
        "Container" => object(
            element,
            &[
                ("type", true, &anything),
                ("items", true, &list(200, self::element)),
                ("style", false, &one_of(&["default", "emphasis", "good", "attention", "warning", "accent"])),
                ("bleed", false, &truth),
                ("spacing", false, &one_of(SPACINGS)),
                ("separator", false, &truth),
            ],
        ),
        "RichTextBlock" => object(
            element,
            &[
                ("type", true, &anything),
                ("inlines", true, &list(100, run)),
                ("spacing", false, &one_of(SPACINGS)),
                ("separator", false, &truth),
                ("horizontalAlignment", false, &one_of(&["left", "center", "right"])),
            ],
        ),
        other => Err(format!("no element: {other}")),
    }
}

fn run(run: &Value) -> Checked {
    object(
        run,
        &[
            ("type", true, &one_of(&["TextRun"])),
            ("text", true, &text(1, 28 * 1024)),
            ("size", false, &one_of(&["default", "small", "medium", "large", "extraLarge"])),
            ("weight", false, &one_of(&["default", "lighter", "bolder"])),
            ("fontType", false, &one_of(&["default", "monospace"])),
            (
                "color",
                false,
                &one_of(&["default", "dark", "light", "accent", "good", "warning", "attention"]),
            ),
            ("isSubtle", false, &truth),
        ],
    )
}

fn open_url(action: &Value) -> Checked {
    object(
        action,
        &[
            ("type", true, &one_of(&["Action.OpenUrl"])),
            ("title", false, &text(1, 1000)),
            ("url", true, &address),
        ],
    )
}

/// A request to OpsGenie's Alert API at a path.
pub(crate) fn opsgenie(path: &str, request: &Value) -> Checked {
    if path.ends_with("/notes") || path.ends_with("/close") {
        let note: [(&str, bool, Rule<'_>); 3] = [
            ("note", path.ends_with("/notes"), &text(1, 25_000)),
            ("source", false, &text(1, 100)),
            ("user", false, &text(1, 100)),
        ];
        return object(request, &note);
    }
    let details = |details: &Value| {
        let details = details.as_object().ok_or("no object")?;
        let lengths = details.iter().map(|(name, value)| {
            value.as_str().map(|text| name.chars().count() + text.chars().count()).ok_or("no text")
        });
        let length = lengths.sum::<Result<usize, _>>()?;
        if length <= 8_000 { Ok(()) } else { Err(format!("{length} characters")) }
    };
    object(
        request,
        &[
            ("message", true, &text(1, 130)),
            ("alias", false, &text(1, 512)),
            ("description", false, &text(1, 15_000)),
            ("details", false, &details),
            ("entity", false, &text(1, 512)),
            ("source", false, &text(1, 100)),
            ("tags", false, &list(20, text(1, 50))),
            ("priority", false, &one_of(&["P1", "P2", "P3", "P4", "P5"])),
            ("user", false, &text(1, 100)),
            ("note", false, &text(1, 25_000)),
        ],
    )
}

/// The largest event that PagerDuty takes, in bytes.
const PAGERDUTY_MAX: usize = 512 * 1024;

/// An event of PagerDuty's Events API v2.
pub(crate) fn pagerduty(event: &Value) -> Checked {
    let length = event.to_string().len();
    if length > PAGERDUTY_MAX {
        return Err(format!("{length} bytes"));
    }
    let opens = event["event_action"] == "trigger";
    let time = |value: &Value| {
        let time = value.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        time.map(|_| ()).ok_or_else(|| format!("no time: {value}"))
    };
    let payload = |payload: &Value| {
        object(
            payload,
            &[
                ("summary", true, &text(1, 1024)),
                ("source", true, &text(1, 1024)),
                ("severity", true, &one_of(&["critical", "error", "warning", "info"])),
                ("timestamp", false, &time),
                ("component", false, &text(1, 1024)),
                ("group", false, &text(1, 1024)),
                ("class", false, &text(1, 1024)),
                ("custom_details", false, &anything),
            ],
        )
    };
    let link = |link: &Value| object(link, &[("href", true, &address), ("text", false, &text(1, 1024))]);
    let links = |links: &Value| {
        if links.as_array().is_some_and(Vec::is_empty) { Ok(()) } else { list(50, link)(links) }
    };
    object(
        event,
        &[
            ("routing_key", true, &text(32, 32)),
            ("event_action", true, &one_of(&["trigger", "acknowledge", "resolve"])),
            // Without one nothing can be resolved later.
            ("dedup_key", true, &text(1, 255)),
            ("payload", opens, &payload),
            ("client", false, &text(1, 1024)),
            ("client_url", false, &address),
            ("links", false, &links),
        ],
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_as_published_is_refused() {
        let section = |text: String| json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } });
        let message = |block: Value| json!({ "text": "x", "blocks": [block] });
        assert_eq!(slack(&message(section("x".repeat(3000)))), Ok(()));
        let card = |element: Value| {
            json!({ "type": "message", "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": { "type": "AdaptiveCard", "version": "1.4", "body": [element] },
            }]})
        };
        let run =
            |text: &str| json!({ "type": "RichTextBlock", "inlines": [{ "type": "TextRun", "text": text }] });
        assert_eq!(teams(&card(run("x"))), Ok(()));
        let event = |summary: &str| {
            json!({
                "routing_key": "x".repeat(32), "event_action": "trigger", "dedup_key": "a",
                "payload": { "summary": summary, "source": "a", "severity": "info" },
            })
        };
        assert_eq!(pagerduty(&event("x")), Ok(()));
        assert_eq!(opsgenie("/v2/alerts", &json!({ "message": "x" })), Ok(()));
        let wrong = [
            (slack(&message(section("x".repeat(3001)))), "blocks.0.text.text.3001 characters"),
            (slack(&message(section(String::new()))), "blocks.0.text.text.0 characters"),
            (
                slack(&json!({ "text": "x", "blocks": vec![json!({ "type": "divider" }); 51] })),
                "blocks.51 items",
            ),
            (slack(&message(json!({ "type": "section" }))), "blocks.0.text: missing"),
            (slack(&message(json!({ "type": "section", "test": 1 }))), "blocks.0.test: unknown"),
            (
                slack(&json!({ "text": "x", "blocks": vec![section("x".repeat(2900)); 5] })),
                "msg_blocks_too_long: 14771",
            ),
            (teams(&card(run(""))), "attachments.0.content.body.0.inlines.0.text.0 characters"),
            (teams(&card(run(&"x".repeat(28 * 1024)))), "28889 bytes"),
            (
                teams(&card(json!({ "type": "TextBlock", "text": "x" }))),
                "attachments.0.content.body.0.no element: TextBlock",
            ),
            (pagerduty(&event(&"x".repeat(1025))), "payload.summary.1025 characters"),
            (opsgenie("/v2/alerts", &json!({ "message": "x".repeat(131) })), "message.131 characters"),
            (opsgenie("/v2/alerts", &json!({ "message": "x", "details": { "a": 1 } })), "details.no text"),
            (opsgenie("/v2/alerts/a/notes", &json!({})), "note: missing"),
        ];
        for (found, expected) in wrong {
            assert_eq!(found, Err(expected.to_owned()));
        }
    }
}
