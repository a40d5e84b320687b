//! Microsoft Teams, by the webhook of a workflow that posts what it gets into a channel or chat.
//!
//! The message is an Adaptive Card. Such a webhook only adds, so a later message of a conversation is another card, which says so.
//! Text that others wrote stands in text runs alone, in which Teams knows no Markdown; what it would take for a date function is broken up.

use reqwest::header::HeaderMap;
use route::message::{Body, Message};
use route::printable::cut;
use route::{Severity, State};
use serde_json::{Value, json};

use crate::http::Endpoint;
use crate::{Delivering, Delivery, DeliveryError, Network, Receipt, Secret, SetupError, Target};

/// The largest message, in bytes: Teams takes 28 KB with what the workflow puts around it.
const MESSAGE_MAX: usize = 24 * 1024;
/// The most lines of a YAML document.
const LINES_MAX: usize = 30;

/// What Teams needs.
#[derive(Debug, Clone)]
pub struct TeamsSettings {
    /// The address of a workflow that begins with *When a Teams webhook request is received*. Who has it can post.
    pub webhook: Secret,
    /// What it may do on the network.
    pub network: Network,
}

impl TeamsSettings {
    /// Whether they will do, as far as it can be told without the network: setting up asks the same.
    ///
    /// # Errors
    ///
    /// If the address will not do.
    pub fn check(&self) -> Result<(), SetupError> {
        Endpoint::check(&self.webhook, &self.network).map(|_| ())
    }
}

/// Posts cards.
#[derive(Debug)]
pub struct Teams {
    endpoint: Endpoint,
}

impl Teams {
    /// Sets it up.
    ///
    /// # Errors
    ///
    /// If the address will not do.
    pub fn new(settings: &TeamsSettings) -> Result<Self, SetupError> {
        Ok(Teams { endpoint: Endpoint::new(&settings.webhook, [], &settings.network)? })
    }

    async fn post(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let json = document(delivery.message()).to_string();
        self.endpoint.post(HeaderMap::new(), json.into_bytes()).await?.outcome()
    }
}

impl Target for Teams {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.post(delivery))
    }
}

/// The message. Where it would be too large its texts are cut shorter, and then sections give way, the last first.
pub(crate) fn document(message: &Message) -> Value {
    let all = message.sections.len();
    let shorter = ROOMS.iter().map(|room| (all, *room));
    let fewer = (0..all).rev().map(|sections| (sections, ROOM_MIN));
    let mut document = Value::Null;
    for (sections, room) in shorter.chain(fewer) {
        document = with_room(message, sections, room);
        if document.to_string().len() <= MESSAGE_MAX {
            break;
        }
    }
    document
}

/// How long each text may be, in characters: as long as the card is small enough.
const ROOMS: [usize; 4] = [500, 300, 150, ROOM_MIN];
const ROOM_MIN: usize = 60;

fn with_room(message: &Message, sections: usize, room: usize) -> Value {
    let style = match (message.state, message.severity) {
        (State::Resolved, _) => "good",
        (State::Unknown, _) => "default",
        (State::Firing, Severity::Critical | Severity::High) => "attention",
        (State::Firing, Severity::Medium | Severity::Low) => "warning",
        (State::Firing, Severity::Info) => "accent",
    };
    let mut head = vec![text(&message.headline, json!({ "size": "Large", "weight": "Bolder" }))];
    if !message.summary.is_empty() {
        head.push(text(&cut(&message.summary, room), json!({})));
    }
    let mut body = vec![json!({ "type": "Container", "style": style, "bleed": true, "items": head })];
    let facts: Vec<Value> = message
        .facts
        .iter()
        .map(|fact| {
            let label = run(&format!("{}: ", fact.label), json!({ "weight": "Bolder" }));
            paragraph(vec![label, run(&cut(&fact.value, room.min(300)), json!({}))], "None")
        })
        .collect();
    if !facts.is_empty() {
        body.push(json!({ "type": "Container", "items": facts }));
    }
    let title = |title: &str| text(title, json!({ "weight": "Bolder" }));
    if !message.checks.is_empty() {
        body.push(title("First checks"));
        let checks = message.checks.iter().zip(1..);
        body.extend(
            checks
                .map(|(check, n)| (n, cut(check, room)))
                .map(|(n, check)| paragraph(vec![run(&format!("{n}. {check}"), json!({}))], "Small")),
        );
    }
    for section in message.sections.iter().take(sections) {
        if !section.title.is_empty() {
            body.push(title(section.title));
        }
        match &section.body {
            Body::Prose(prose) => body.push(text(&cut(prose, room), json!({}))),
            Body::Text(lines) => {
                let lines = lines.lines().filter(|line| !line.trim().is_empty());
                body.extend(lines.take(LINES_MAX).map(|line| text(&cut(line, room), json!({}))));
            }
            Body::Yaml(yaml) => {
                body.push(
                    json!({ "type": "Container", "style": "emphasis", "items": code(yaml, room.min(300)) }),
                );
            }
        }
    }
    let actions: Vec<Value> = message
        .links
        .iter()
        .map(|link| json!({ "type": "Action.OpenUrl", "title": harmless(&cut(&link.label, 100)), "url": link.url }))
        .collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "fallbackText": harmless(&message.headline),
                "msteams": { "width": "Full" },
                "body": body,
                "actions": actions,
            },
        }],
    })
}

/// The lines of a document. A card folds blanks, so those at the beginning of a line are such as it keeps.
fn code(yaml: &str, room: usize) -> Vec<Value> {
    let lines = yaml.lines().count();
    let shown = yaml.lines().take(if lines > LINES_MAX { LINES_MAX - 1 } else { LINES_MAX });
    let mut items: Vec<Value> = shown
        .map(|line| {
            let text = line.trim_start_matches(' ');
            let indent = "\u{a0}".repeat(line.len() - text.len());
            mono(&format!("{indent}{}", cut(text, room)))
        })
        .collect();
    if lines > LINES_MAX {
        items.push(mono(&format!("# … {} more lines", lines - (LINES_MAX - 1))));
    }
    items
}

fn mono(line: &str) -> Value {
    paragraph(vec![run(line, json!({ "fontType": "Monospace", "size": "Small" }))], "None")
}

fn text(text: &str, look: Value) -> Value {
    paragraph(vec![run(text, look)], "Default")
}

#[expect(clippy::needless_pass_by_value, reason = "they are written where they are passed")]
fn paragraph(runs: Vec<Value>, spacing: &str) -> Value {
    json!({ "type": "RichTextBlock", "spacing": spacing, "inlines": runs })
}

fn run(text: &str, look: Value) -> Value {
    let mut run = json!({ "type": "TextRun", "text": harmless(text) });
    if let (Some(run), Value::Object(look)) = (run.as_object_mut(), look) {
        run.extend(look);
    }
    run
}

/// `{{DATE(…)}}` is replaced by the card's host wherever it stands, and `${…}` by a workflow that takes the card for a template.
fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        if c == '{' && matches!(before, '{' | '$') {
            out.push(' ');
        }
        out.push(c);
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use route::FindingEvent;
    use route::message::{Fact, Section};

    use super::*;

    fn message(json: &str) -> Message {
        Message::of(&FindingEvent::parse(json).unwrap())
    }

    #[test]
    fn cards_read_well() {
        for (name, delivery) in crate::examples::deliveries() {
            insta::assert_json_snapshot!(name, document(delivery.message()));
        }
    }

    /// The texts of a card, each with the type of the element it stands in.
    fn texts<'v>(value: &'v Value, found: &mut Vec<(&'v str, &'v str)>) {
        match value {
            Value::Object(fields) => {
                let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
                found.extend(fields.get("text").and_then(Value::as_str).map(|text| (kind, text)));
                fields.values().for_each(|value| texts(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| texts(value, found)),
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn texts_are_runs_and_the_card_is_not_too_large(
            text in prop_oneof!["[\\[\\](){}$*_#<>a-z]{0,80}", "[{\"]{3000,9000}", "[漢字😀]{600}", any::<String>()],
            facts in 0_usize..=route::message::FACTS_MAX,
        ) {
            let text = route::printable::line(&text, 100_000);
            let mut message = message(include_str!("../../route/tests/findings/stop-logging.json"));
            message.headline = cut(&text, route::message::HEADLINE_MAX);
            message.facts = vec![Fact { label: "In common", value: cut(&text, route::message::PROSE_MAX) }; facts];
            message.summary = cut(&text, route::message::PROSE_MAX);
            message.checks = vec![cut(&text, route::message::PROSE_MAX); route::message::CHECKS_MAX];
            message.sections.push(Section { title: "More", body: Body::Yaml(format!("{text}\n").repeat(200)) });
            let document = document(&message);
            prop_assert!(document.to_string().len() <= MESSAGE_MAX);
            let mut found = Vec::new();
            texts(&document, &mut found);
            for (kind, text) in found {
                prop_assert_eq!(kind, "TextRun");
                prop_assert!(!text.contains("{{") && !text.contains("${"), "{}", text);
            }
        }
    }
}
