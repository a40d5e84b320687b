//! Slack, by an incoming webhook.
//!
//! An incoming webhook only adds: a later revision of a finding is another post, which says so. A receiver of events cannot be made to
//! show something else than what happened: `&`, `<` and `>` are escaped, so nothing becomes a mention, a channel or a link, addresses are not
//! linked by themselves (`verbatim`), and the characters of Slack's formatting give way to others that look alike.

use reqwest::header::HeaderMap;
use route::message::{Body, Message};
use route::{Kind, State};
use serde_json::{Value, json};

use crate::http::Endpoint;
use crate::{Delivering, Delivery, DeliveryError, Network, Receipt, Secret, SetupError, Target};

/// The most blocks of a message.
pub(crate) const BLOCKS_MAX: usize = 50;
/// The longest text of a section, in characters.
const TEXT_MAX: usize = 3000;
/// The most fields of a section.
const FIELDS_MAX: usize = 10;
/// The longest text of a field, in characters.
const FIELD_MAX: usize = 2000;
/// The largest blocks, in characters of JSON, beside those of an app's buttons. Slack's methods say `msg_blocks_too_long` somewhere above twelve
/// thousand, and its documentation does not say where.
const JSON_MAX: usize = 10_000;
/// The shortest that texts are cut to for that.
const TEXT_MIN: usize = 90;
/// A summary is not cut shorter than that.
const SUMMARY_MIN: usize = 300;

/// What Slack needs.
#[derive(Debug, Clone)]
pub struct SlackSettings {
    /// The incoming webhook's address. Who has it can post.
    pub webhook: Secret,
    /// What it may do on the network.
    pub network: Network,
}

impl SlackSettings {
    /// Whether they will do, as far as it can be told without the network: setting up asks the same.
    ///
    /// # Errors
    ///
    /// If the address will not do.
    pub fn check(&self) -> Result<(), SetupError> {
        Endpoint::check(&self.webhook, &self.network).map(|_| ())
    }
}

/// Posts messages to a channel.
#[derive(Debug)]
pub struct Slack {
    endpoint: Endpoint,
}

impl Slack {
    /// Sets it up.
    ///
    /// # Errors
    ///
    /// If the address will not do.
    pub fn new(settings: &SlackSettings) -> Result<Self, SetupError> {
        Ok(Slack { endpoint: Endpoint::new(&settings.webhook, [], &settings.network)? })
    }

    async fn post(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let json = document(delivery.message()).to_string();
        self.endpoint.post(HeaderMap::new(), json.into_bytes()).await?.outcome()
    }
}

impl Target for Slack {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.post(delivery))
    }
}

/// A message as a post of its own. Where it would be too large its texts are cut shorter.
pub(crate) fn document(message: &Message) -> Value {
    let mut text_max = TEXT_MAX;
    loop {
        let document = with_room(message, text_max);
        let length = document["blocks"].to_string().chars().count();
        if length <= JSON_MAX || text_max <= TEXT_MIN {
            return document;
        }
        text_max /= 2;
    }
}

/// A message none of whose texts is longer.
fn with_room(message: &Message, text_max: usize) -> Value {
    let mut blocks = vec![head(message, text_max)];
    for facts in message.facts.chunks(FIELDS_MAX) {
        let fields = facts.iter().map(|fact| {
            let value = code(&fact.value, FIELD_MAX.min(text_max).saturating_sub(fact.label.len() + 5));
            mrkdwn(&format!("*{}*\n`{value}`", fact.label))
        });
        blocks.push(json!({ "type": "section", "fields": fields.collect::<Vec<_>>() }));
    }
    if !message.checks.is_empty() {
        let each = ((text_max - 20) / message.checks.len()).saturating_sub(6);
        let lines = message.checks.iter().zip(1..).map(|(check, n)| format!("{n}. {}", prose(check, each)));
        blocks.push(section(&format!("*First checks*\n{}", lines.collect::<Vec<_>>().join("\n"))));
    }
    for part in &message.sections {
        let room = text_max.saturating_sub(part.title.len() + 20);
        blocks.push(section(&match &part.body {
            Body::Prose(text) => format!("*{}*\n{}", part.title, prose(text, room)),
            Body::Text(text) => prose(text, room),
            Body::Yaml(text) => format!("*{}*\n```\n{}\n```", part.title, code(text.trim_end(), room)),
        }));
    }
    blocks.extend(links(message));
    if message.kind == Kind::Update {
        let note = "Goes on from what was said of this finding before.";
        blocks.push(json!({ "type": "context", "elements": [mrkdwn(note)] }));
    }
    blocks.truncate(BLOCKS_MAX);
    json!({ "text": prose(&message.headline, TEXT_MAX), "blocks": blocks })
}

/// A message as an answer in the thread of the one it goes on from: what is new, and no more.
pub(crate) fn short(message: &Message) -> Value {
    let mut blocks = vec![head(message, TEXT_MAX)];
    blocks.extend(links(message));
    json!({ "text": prose(&message.headline, TEXT_MAX), "blocks": blocks })
}

/// The headline and what happened.
fn head(message: &Message, text_max: usize) -> Value {
    let colour = match (message.state, message.severity) {
        (State::Resolved, _) => ":large_green_circle:",
        (State::Unknown, _) => ":white_circle:",
        (State::Firing, _) if message.kind == Kind::Closing => ":white_circle:",
        (State::Firing, severity) => match severity {
            route::Severity::Critical | route::Severity::High => ":red_circle:",
            route::Severity::Medium => ":large_orange_circle:",
            route::Severity::Low => ":large_yellow_circle:",
            route::Severity::Info => ":large_blue_circle:",
        },
    };
    let headline = format!("{colour} *{}*", prose(&message.headline, TEXT_MAX / 2));
    section(&format!("{headline}\n{}", prose(&message.summary, (text_max / 3).max(SUMMARY_MIN))))
}

fn links(message: &Message) -> Option<Value> {
    // Made by us: an address without anything that Slack takes for the end of it.
    let links = message.links.iter().map(|link| format!("<{}|{}>", link.url, prose(&link.label, 200)));
    (!message.links.is_empty()).then(|| section(&links.collect::<Vec<_>>().join("\n")))
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": mrkdwn(text) })
}

fn mrkdwn(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

/// Text between other text: nothing in it is markup.
fn prose(text: &str, characters_max: usize) -> String {
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    let mut pieces = Vec::new();
    while let Some(c) = characters.next() {
        let after = characters.peek().copied().unwrap_or(' ');
        pieces.push(match c {
            '*' => "∗".to_owned(),
            '~' => "∼".to_owned(),
            // Inside of a word it is none of Slack's.
            '_' if !(before.is_alphanumeric() && after.is_alphanumeric()) => "＿".to_owned(),
            c => escaped(c),
        });
        before = c;
    }
    fit(pieces, characters_max)
}

/// Text in a code span or block, where only the backtick means something.
fn code(text: &str, characters_max: usize) -> String {
    fit(text.chars().map(escaped), characters_max)
}

fn escaped(c: char) -> String {
    match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '`' => "ˋ".to_owned(),
        c => c.to_string(),
    }
}

/// As many whole pieces as have room, and `…` where something was cut: half an escape would be none.
fn fit(pieces: impl IntoIterator<Item = String>, characters_max: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for piece in pieces {
        used += piece.chars().count();
        if used >= characters_max {
            out.push('…');
            break;
        }
        out.push_str(&piece);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use route::Severity;
    use route::message::{Fact, Link, Section};

    use super::*;

    #[test]
    fn messages_read_well() {
        for (name, delivery) in crate::examples::deliveries() {
            insta::assert_json_snapshot!(name, document(delivery.message()));
        }
    }

    /// Every text Slack would read markup in.
    fn texts(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("text").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| texts(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| texts(value, found)),
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn no_text_is_markup_and_no_limit_is_passed(
            text in prop_oneof!["[<>&*_~`!@#|a-z]{0,80}", "[<>&`]{3000,4000}", any::<String>()],
            facts in 0_usize..=route::message::FACTS_MAX,
            checks in 0_usize..=route::message::CHECKS_MAX,
        ) {
            let text = route::printable::line(&text, 100_000);
            let message = Message {
                finding: "a".to_owned(),
                revision: 1,
                kind: route::Kind::Update,
                rule: text.clone(),
                severity: Severity::High,
                state: State::Firing,
                time: None,
                headline: text.clone(),
                summary: text.clone(),
                facts: vec![Fact { label: "Who", value: text.clone() }; facts],
                sections: vec![
                    Section { title: "Why it matters", body: Body::Prose(text.clone()) },
                    Section { title: "Request parameters", body: Body::Yaml(text.clone()) },
                ],
                checks: vec![text.clone(); checks],
                links: vec![Link { label: text.clone(), url: "https://a.example/".to_owned() }],
            };
            let document = document(&message);
            prop_assert!(document["blocks"].as_array().unwrap().len() <= BLOCKS_MAX);
            prop_assert!(document["blocks"].to_string().chars().count() <= JSON_MAX);
            let mut found = Vec::new();
            texts(&document, &mut found);
            for text in found {
                prop_assert!(text.chars().count() <= TEXT_MAX, "{}", text.chars().count());
                // The only mark-up is the link that is ours.
                let rest = text.replace("<https://a.example/|", "");
                prop_assert!(!rest.contains('<'), "{rest}");
                prop_assert_eq!(text.matches("```").count() % 2, 0);
                for entity in rest.split('&').skip(1) {
                    prop_assert!(["amp;", "lt;", "gt;"].iter().any(|known| entity.starts_with(known)), "{rest}");
                }
            }
            for block in document["blocks"].as_array().unwrap() {
                let fields = block["fields"].as_array().map_or(&[][..], Vec::as_slice);
                prop_assert!(fields.len() <= FIELDS_MAX);
                for field in fields {
                    prop_assert!(field["text"].as_str().unwrap().chars().count() <= FIELD_MAX);
                }
            }
        }
    }
}
