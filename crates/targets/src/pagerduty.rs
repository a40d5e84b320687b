//! PagerDuty, by its Events API v2.
//!
//! The conversation's id is the `dedup_key`: whatever is said in it later updates or resolves the same incident.

use reqwest::header::HeaderMap;
use route::message::{Body, Message};
use route::printable::cut;
use route::{Kind, Severity, State};
use serde_json::{Map, Value, json};

use crate::http::Endpoint;
use crate::{Delivering, Delivery, DeliveryError, Network, Receipt, Secret, SetupError, Target};

/// Where events go, unless the account is in another of PagerDuty's service regions.
const ENDPOINT: &str = "https://events.pagerduty.com/v2/enqueue";
/// The longest `summary`, in characters.
const SUMMARY_MAX: usize = 1024;
/// The largest event, in bytes.
const EVENT_MAX: usize = 512 * 1024;

/// What PagerDuty needs.
#[derive(Debug, Clone)]
pub struct PagerDutySettings {
    /// The integration key of a service.
    pub routing_key: Secret,
    /// Another address than that of the US service region, such as `https://events.eu.pagerduty.com/v2/enqueue`.
    pub url: Option<Secret>,
    /// What it may do on the network.
    pub network: Network,
}

impl PagerDutySettings {
    /// Whether they will do, as far as it can be told without the network: setting up asks the same.
    ///
    /// # Errors
    ///
    /// If the key or the address will not do.
    pub fn check(&self) -> Result<(), SetupError> {
        let key = self.routing_key.expose();
        if key.len() != 32 || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(SetupError::RoutingKey);
        }
        Endpoint::check(&self.address(), &self.network).map(|_| ())
    }

    fn address(&self) -> Secret {
        self.url.clone().unwrap_or_else(|| Secret::new(ENDPOINT))
    }
}

/// Triggers and resolves incidents.
#[derive(Debug)]
pub struct PagerDuty {
    endpoint: Endpoint,
    routing_key: Secret,
}

impl PagerDuty {
    /// Sets it up.
    ///
    /// # Errors
    ///
    /// If the key or the address will not do.
    pub fn new(settings: PagerDutySettings) -> Result<Self, SetupError> {
        settings.check()?;
        let url = settings.address();
        let PagerDutySettings { routing_key, network, .. } = settings;
        let endpoint = Endpoint::new(&url, [routing_key.clone()], &network)?;
        Ok(PagerDuty { endpoint, routing_key })
    }

    async fn send(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let event = if is_taken_in_hand(delivery) {
            acknowledgement(delivery.message(), &self.routing_key).to_string().into_bytes()
        } else {
            event(delivery.message(), &self.routing_key)
        };
        self.endpoint.post(HeaderMap::new(), event).await?.outcome()
    }
}

impl Target for PagerDuty {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.send(delivery))
    }

    fn keeps_open(&self) -> bool {
        true
    }
}

/// Whether somebody has the incident in hand, and it is not over.
fn is_taken_in_hand(delivery: &Delivery) -> bool {
    let message = delivery.message();
    delivery.telling().acknowledged && message.kind == Kind::Update && !is_over(message)
}

/// An event that acknowledges the incident: nobody else is called for it. What became of it is said by later events.
fn acknowledgement(message: &Message, routing_key: &Secret) -> Value {
    json!({
        "routing_key": routing_key.expose(),
        "dedup_key": cut(&message.finding, 255),
        "event_action": "acknowledge",
    })
}

/// The event's JSON. The details are left out of one that would be too large otherwise.
fn event(message: &Message, routing_key: &Secret) -> Vec<u8> {
    let mut event = document(message, routing_key);
    let mut json = event.to_string();
    if json.len() > EVENT_MAX {
        if let Some(details) = event.pointer_mut("/payload/custom_details") {
            *details = json!({ "left out": "the details are larger than PagerDuty takes" });
        }
        json = event.to_string();
    }
    json.into_bytes()
}

fn document(message: &Message, routing_key: &Secret) -> Value {
    let mut event = json!({
        "routing_key": routing_key.expose(),
        "dedup_key": cut(&message.finding, 255),
        "event_action": if is_over(message) { "resolve" } else { "trigger" },
        "client": "Trailhound",
        "payload": {
            "summary": cut(&message.headline, SUMMARY_MAX),
            "source": message.fact("Account").unwrap_or("unknown account"),
            "severity": severity(message.severity),
            "class": message.rule,
            "custom_details": details(message),
        },
        "links": message.links.iter().map(|link| json!({ "href": link.url, "text": link.label })).collect::<Vec<_>>(),
    });
    // What is not known is left out, rather than `null`.
    let known = [
        ("component", message.fact("Region").map(str::to_owned)),
        ("timestamp", message.time.map(|time| time.to_string())),
    ];
    if let Some(payload) = event.pointer_mut("/payload").and_then(Value::as_object_mut) {
        let known = known.into_iter().filter_map(|(field, value)| Some((field.to_owned(), json!(value?))));
        payload.extend(known);
    }
    event
}

/// Whether the incident is over: what is closed because nothing more came is over too, since whatever comes later is another incident.
fn is_over(message: &Message) -> bool {
    message.state == State::Resolved || message.kind == Kind::Closing
}

/// PagerDuty has four severities for our five.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "info",
    }
}

fn details(message: &Message) -> Value {
    let mut details = Map::new();
    let mut add = |label: &str, value: Value| details.insert(label.to_owned(), value);
    add("What happened", json!(message.summary));
    for fact in &message.facts {
        add(fact.label, json!(fact.value));
    }
    if !message.checks.is_empty() {
        add("First checks", json!(message.checks));
    }
    for section in &message.sections {
        let (Body::Prose(text) | Body::Yaml(text) | Body::Text(text)) = &section.body;
        add(section.title, json!(text));
    }
    add("Revision", json!(message.revision));
    Value::Object(details)
}

#[cfg(test)]
mod tests {
    use route::FindingEvent;
    use route::message::{Fact, Section};

    use super::*;

    fn message() -> Message {
        let json = include_str!("../../route/tests/findings/hostile.json");
        Message::of(&FindingEvent::parse(json).unwrap())
    }

    fn key() -> Secret {
        Secret::new("0123456789abcdef0123456789ABCDEF")
    }

    #[test]
    fn events_read_well() {
        for (name, delivery) in crate::examples::deliveries() {
            insta::assert_json_snapshot!(name, document(delivery.message(), &key()));
        }
    }

    #[test]
    fn severities_and_states() {
        for (ours, theirs) in [
            ("critical", "critical"),
            ("high", "error"),
            ("medium", "warning"),
            ("low", "info"),
            ("info", "info"),
        ] {
            let ours: Severity = serde_json::from_value(json!(ours)).unwrap();
            assert_eq!(severity(ours), theirs);
        }
        for (state, action) in
            [(State::Firing, "trigger"), (State::Unknown, "trigger"), (State::Resolved, "resolve")]
        {
            let event = document(&Message { state, ..message() }, &key());
            assert_eq!(event["event_action"], action);
            assert_eq!(event["dedup_key"], "aaaa0000-7d1b-8c52-9e6f-0a1b2c3d4e5f");
        }
    }

    #[test]
    fn an_event_that_is_too_large_loses_its_details() {
        let mut large = message();
        large.facts.push(Fact { label: "Large", value: "x".repeat(EVENT_MAX) });
        large.sections.push(Section { title: "Large too", body: Body::Prose("y".repeat(EVENT_MAX)) });
        large.headline = "z".repeat(5_000);
        let json = event(&large, &key());
        assert!(json.len() <= EVENT_MAX);
        let event: Value = serde_json::from_slice(&json).unwrap();
        assert!(event["payload"]["custom_details"]["left out"].is_string());
        assert_eq!(event["payload"]["summary"].as_str().unwrap().chars().count(), SUMMARY_MAX);
    }
}
