//! PagerDuty against a server that holds events to what PagerDuty documents of Events API v2, and keeps incidents.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::counterpart::{HOSTILE, RESOLVED, Request, STOP_LOGGING, Server, deliver, local};
use crate::published;
use route::{FindingEvent, Kind, TargetName, Telling};
use serde_json::{Value, json};
use targets::{
    Delivery, DeliveryError, PagerDuty, PagerDutySettings, RetryAfter, Secret, SetupError, Target,
};

const ROUTING_KEY: &str = "R0123456789abcdefR0123456789abcd";

/// What the API says is wrong with an event.
fn errors(request: &Request) -> Vec<String> {
    let event: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let mut errors: Vec<String> = published::pagerduty(&event).err().into_iter().collect();
    if request.uri.path() != "/v2/enqueue" {
        errors.push("no such path".to_owned());
    }
    if event["routing_key"] != ROUTING_KEY {
        errors.push("'routing_key' is invalid".to_owned());
    }
    errors
}

async fn server(incidents: Arc<Mutex<BTreeMap<String, String>>>) -> Server {
    Server::start(move |request| {
        let errors = errors(request);
        if !errors.is_empty() {
            let body =
                json!({ "status": "invalid event", "message": "Event object is invalid", "errors": errors });
            return (400, vec![], body.to_string());
        }
        let event = request.json();
        let (key, action) = (event["dedup_key"].as_str().unwrap(), event["event_action"].as_str().unwrap());
        incidents.lock().unwrap().insert(key.to_owned(), action.to_owned());
        (
            202,
            vec![],
            json!({ "status": "success", "message": "Event processed", "dedup_key": key }).to_string(),
        )
    })
    .await
}

fn pagerduty(server: &Server, routing_key: &str) -> PagerDuty {
    let url = Some(server.url("/v2/enqueue"));
    PagerDuty::new(PagerDutySettings { routing_key: Secret::new(routing_key), url, network: local() })
        .unwrap()
}

#[tokio::test]
async fn one_finding_is_one_incident_that_resolves() {
    let incidents = Arc::new(Mutex::new(BTreeMap::new()));
    let server = server(Arc::clone(&incidents)).await;
    let pagerduty = pagerduty(&server, ROUTING_KEY);
    let firing = RESOLVED.replace("\"resolved\"", "\"firing\"");
    for finding in [STOP_LOGGING, HOSTILE, &firing] {
        let receipt = deliver(&pagerduty, finding).await.unwrap();
        assert!(receipt.text.starts_with("202 Accepted: "), "{receipt:?}");
    }
    let id = "bbbb0000-7d1b-8c52-9e6f-0a1b2c3d4e5f";
    assert_eq!(incidents.lock().unwrap()[id], "trigger");
    deliver(&pagerduty, RESOLVED).await.unwrap();
    assert_eq!(incidents.lock().unwrap()[id], "resolve");
    assert_eq!(incidents.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn an_invalid_event_is_dead_and_says_why() {
    let server = server(Arc::default()).await;
    let pagerduty = pagerduty(&server, "X0123456789abcdefR0123456789abcd");
    let error = deliver(&pagerduty, STOP_LOGGING).await.unwrap_err();
    assert!(
        matches!(&error, DeliveryError::Permanent { reason } if reason.contains("'routing_key' is invalid")),
        "{error}"
    );
}

#[tokio::test]
async fn limits_and_failures_pass() {
    for (status, header, retry_after) in [
        (429, Some("60"), Some(RetryAfter::In(Duration::from_secs(60)))),
        (429, None, None),
        (500, None, None),
        (503, None, None),
    ] {
        let headers: Vec<_> = header.map(|value| ("retry-after", value)).into_iter().collect();
        let server = Server::answering(status, &headers, "").await;
        let error = deliver(&pagerduty(&server, ROUTING_KEY), STOP_LOGGING).await.unwrap_err();
        assert!(
            matches!(error, DeliveryError::Retryable { retry_after: wish, .. } if wish == retry_after),
            "{error:?}"
        );
    }
}

#[test]
fn a_key_that_is_none_is_refused_without_being_shown() {
    for key in ["", "too-short", "R0123456789abcdefR0123456789abc!"] {
        let settings = PagerDutySettings { routing_key: Secret::new(key), url: None, network: local() };
        assert_eq!(PagerDuty::new(settings).unwrap_err(), SetupError::RoutingKey);
    }
}

#[tokio::test]
async fn somebody_who_has_it_in_hand_acknowledges_the_incident() {
    let incidents = Arc::new(Mutex::new(BTreeMap::new()));
    let server = server(Arc::clone(&incidents)).await;
    let settings = PagerDutySettings {
        routing_key: Secret::new(ROUTING_KEY),
        url: Some(server.url("/v2/enqueue")),
        network: local(),
    };
    let target = PagerDuty::new(settings).unwrap();
    deliver(&target, STOP_LOGGING).await.unwrap();
    let finding = || FindingEvent::parse(STOP_LOGGING).unwrap();
    let id = finding().id().to_owned();
    let mut said = Vec::new();
    for (kind, acknowledged) in [(Kind::Update, true), (Kind::Update, false), (Kind::Closing, true)] {
        let telling = Telling { number: 1, kind, acknowledged, ..Telling::alone(&finding()) };
        let delivery = Delivery::told(TargetName::new("oncall").unwrap(), finding(), telling, None);
        target.deliver(&delivery).await.unwrap();
        said.push(incidents.lock().unwrap()[&id].clone());
    }
    assert_eq!(said, ["acknowledge", "trigger", "resolve"]);
}
