//! OpsGenie, by its Alert API.
//!
//! The conversation's id is the alias: whatever is said later becomes a note of the same alert, and the last message closes it. An alert
//! that is created again under an alias that is open is counted, not repeated.

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use route::message::{Body, Message};
use route::printable::cut;
use route::{Kind, Severity, State};
use serde_json::{Map, Value, json};

use crate::http::Endpoint;
use crate::{Delivering, Delivery, DeliveryError, Network, Receipt, Secret, SetupError, Target};

/// Where alerts go, unless the account is in the EU.
const ENDPOINT: &str = "https://api.opsgenie.com/v2/alerts";
/// The longest `message`, in characters.
const MESSAGE_MAX: usize = 130;
/// The longest `description` and `note`, in characters.
const DESCRIPTION_MAX: usize = 15_000;
/// The most characters in `details`, with the names.
const DETAILS_MAX: usize = 8_000;
/// The most tags, and the longest, in characters.
const TAGS_MAX: (usize, usize) = (20, 50);

/// What OpsGenie needs.
#[derive(Debug, Clone)]
pub struct OpsGenieSettings {
    /// The key of an API integration.
    pub api_key: Secret,
    /// Another address than that of the US, such as `https://api.eu.opsgenie.com/v2/alerts`.
    pub url: Option<Secret>,
    /// What it may do on the network.
    pub network: Network,
}

impl OpsGenieSettings {
    /// Whether they will do, as far as it can be told without the network: setting up asks the same.
    ///
    /// # Errors
    ///
    /// If the key or the address will not do.
    pub fn check(&self) -> Result<(), SetupError> {
        self.authorization()?;
        Endpoint::check(&self.address(), &self.network).map(|_| ())
    }

    fn address(&self) -> Secret {
        self.url.clone().unwrap_or_else(|| Secret::new(ENDPOINT))
    }

    fn authorization(&self) -> Result<HeaderValue, SetupError> {
        let key = self.api_key.expose();
        let plain = key.len() >= 20 && key.bytes().all(|byte| byte.is_ascii_graphic());
        let mut value = HeaderValue::try_from(format!("GenieKey {key}"))
            .ok()
            .filter(|_| plain)
            .ok_or(SetupError::ApiKey)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// Creates, comments on and closes alerts.
#[derive(Debug)]
pub struct OpsGenie {
    endpoint: Endpoint,
    headers: HeaderMap,
}

impl OpsGenie {
    /// Sets it up.
    ///
    /// # Errors
    ///
    /// If the key or the address will not do.
    pub fn new(settings: &OpsGenieSettings) -> Result<Self, SetupError> {
        settings.check()?;
        let endpoint = Endpoint::new(&settings.address(), [settings.api_key.clone()], &settings.network)?;
        let headers = HeaderMap::from_iter([(AUTHORIZATION, settings.authorization()?)]);
        Ok(OpsGenie { endpoint, headers })
    }

    async fn send(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let message = delivery.message();
        let alias = cut(&delivery.telling().conversation, 512);
        // An update of which no first message arrived here is the first.
        let (url, body) = if message.kind == Kind::Closing || message.state == State::Resolved {
            (self.of_alert(&alias, "close"), note(message))
        } else if delivery.earlier().is_some() {
            (self.of_alert(&alias, "notes"), note(message))
        } else {
            (self.endpoint.url().clone(), alert(message, &alias))
        };
        let answer = self.endpoint.post_to(url, self.headers.clone(), body.to_string().into_bytes()).await?;
        let receipt = answer.outcome()?;
        Ok(Receipt { handle: Some(alias), ..receipt })
    }

    /// `…/alerts/ALIAS/close?identifierType=alias`
    fn of_alert(&self, alias: &str, action: &str) -> Url {
        let mut url = self.endpoint.url().clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend([alias, action]);
        }
        url.query_pairs_mut().append_pair("identifierType", "alias");
        url
    }
}

impl Target for OpsGenie {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.send(delivery))
    }

    fn keeps_open(&self) -> bool {
        true
    }
}

fn alert(message: &Message, alias: &str) -> Value {
    let (tags_max, tag_max) = TAGS_MAX;
    let tags = [message.severity.name(), &message.rule].map(|tag| cut(tag, tag_max));
    json!({
        "message": cut(&message.headline, MESSAGE_MAX),
        "alias": alias,
        "description": cut(&without_tags(&message.to_string()), DESCRIPTION_MAX),
        "priority": priority(message.severity),
        "source": "Trailhound",
        "entity": cut(message.fact("Account").unwrap_or("unknown account"), 512),
        "tags": tags.into_iter().take(tags_max).collect::<Vec<_>>(),
        "details": details(message),
    })
}

fn note(message: &Message) -> Value {
    json!({ "source": "Trailhound", "user": "Trailhound", "note": cut(&without_tags(&message.to_string()), DESCRIPTION_MAX) })
}

/// As many facts as have room.
fn details(message: &Message) -> Value {
    let mut details = Map::new();
    let mut room = DETAILS_MAX;
    let links = message.links.iter().map(|link| ("Link", link.url.as_str()));
    let sections = message.sections.iter().filter_map(|section| match &section.body {
        Body::Prose(text) => Some((section.title, text.as_str())),
        Body::Yaml(_) | Body::Text(_) => None,
    });
    let facts = message.facts.iter().map(|fact| (fact.label, fact.value.as_str()));
    for (label, value) in facts.chain(links).chain(sections) {
        let value = without_tags(value);
        let length = label.len() + value.chars().count();
        if length <= room {
            room -= length;
            details.insert(label.to_owned(), json!(value));
        }
    }
    Value::Object(details)
}

/// Text in which nothing is a tag of HTML, as which OpsGenie shows some: what begins one does so only right before a letter or `/`, `!`, `?`.
fn without_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        if before == '<' && (c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
            out.push(' ');
        }
        out.push(c);
        before = c;
    }
    out
}

fn priority(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "P1",
        Severity::High => "P2",
        Severity::Medium => "P3",
        Severity::Low => "P4",
        Severity::Info => "P5",
    }
}

#[cfg(test)]
mod tests {
    use route::FindingEvent;
    use route::message::Fact;

    use super::*;

    fn message() -> Message {
        Message::of(&FindingEvent::parse(include_str!("../../route/tests/findings/hostile.json")).unwrap())
    }

    #[test]
    fn alerts_and_notes_read_well() {
        for (name, delivery) in crate::examples::deliveries() {
            let message = delivery.message();
            let body =
                if message.kind == Kind::First { alert(message, &message.finding) } else { note(message) };
            insta::assert_json_snapshot!(name, body);
        }
    }

    #[test]
    fn an_alert_keeps_to_the_limits() {
        let mut large = message();
        large.headline = "é".repeat(5_000);
        large.summary = "x".repeat(50_000);
        large.facts = vec![
            Fact { label: "Large", value: "y".repeat(7_000) },
            Fact { label: "Other", value: "z".repeat(2_000) },
        ];
        let alert = alert(&large, "a");
        let length = |field: &str| alert[field].as_str().unwrap().chars().count();
        assert_eq!((length("message"), length("description")), (MESSAGE_MAX, DESCRIPTION_MAX));
        assert_eq!(alert["details"].as_object().unwrap().keys().collect::<Vec<_>>(), ["Large"]);
    }
}
