//! Each target that speaks HTTP against each way in which a receiver can fail: what passes is tried again when the receiver wants it, what does
//! not is given up, and one call is one attempt.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use targets::{
    ClientAuthentication, DeliveryError, OAuthSettings, OpsGenie, OpsGenieSettings, PagerDuty,
    PagerDutySettings, RetryAfter, Secret, Shape, Slack, SlackApp, SlackAppSettings, SlackSettings, Target,
    Teams, TeamsSettings, Webhook, WebhookSettings,
};

use crate::counterpart::{Misbehaviour, STOP_LOGGING, Server, deliver, local, misbehaving};

const TARGETS: [&str; 7] = ["webhook", "oauth", "slack", "slack-app", "teams", "pagerduty", "opsgenie"];

/// A target of a kind that sends to an address; `tokens` gives out tokens.
fn target(kind: &str, url: &Secret, tokens: &Secret) -> Box<dyn Target> {
    let webhook = WebhookSettings {
        url: url.clone(),
        signing_keys: vec![Secret::new("a signing key of some length")],
        oauth: (kind == "oauth").then(|| OAuthSettings {
            token_url: tokens.clone(),
            client_id: "trailhound".to_owned(),
            client_secret: Secret::new("a client's secret"),
            authentication: ClientAuthentication::Body,
            scope: None,
            audience: None,
        }),
        headers: BTreeMap::new(),
        shape: Shape::default(),
        network: local(),
    };
    match kind {
        "webhook" | "oauth" => Box::new(Webhook::new(webhook, Arc::new(|| Timestamp::UNIX_EPOCH)).unwrap()),
        "slack" => Box::new(Slack::new(&SlackSettings { webhook: url.clone(), network: local() }).unwrap()),
        "slack-app" => Box::new(
            SlackApp::new(&SlackAppSettings {
                bot_token: Secret::new("xoxb-0123456789-0123456789"),
                channel: "C0123456789".to_owned(),
                buttons: true,
                url: Some(url.clone()),
                network: local(),
            })
            .unwrap(),
        ),
        "teams" => Box::new(Teams::new(&TeamsSettings { webhook: url.clone(), network: local() }).unwrap()),
        "pagerduty" => Box::new(
            PagerDuty::new(PagerDutySettings {
                routing_key: Secret::new("R0123456789abcdefR0123456789abcd"),
                url: Some(url.clone()),
                network: local(),
            })
            .unwrap(),
        ),
        "opsgenie" => Box::new(
            OpsGenie::new(&OpsGenieSettings {
                api_key: Secret::new("eb243592-faa2-4ba2-a551-1afdf565c889"),
                url: Some(url.clone()),
                network: local(),
            })
            .unwrap(),
        ),
        other => panic!("{other} is no target"),
    }
}

async fn token_server() -> Secret {
    let token = r#"{"access_token":"a token of some length","token_type":"Bearer","expires_in":3600}"#;
    Server::answering(200, &[("content-type", "application/json")], token).await.url("/token")
}

#[tokio::test]
async fn each_status_means_the_same_to_each_target() {
    let tokens = token_server().await;
    let (seconds, date) =
        (|seconds| Some(RetryAfter::In(Duration::from_secs(seconds))), "Tue, 03 Nov 2026 02:42:09 GMT");
    let at = Some(RetryAfter::At("2026-11-03T02:42:09Z".parse().unwrap()));
    // Status, `Retry-After`, and what follows: `None` for a refusal for good.
    let cases = [
        (429, Some("7"), Some(seconds(7))),
        (429, Some(date), Some(at)),
        (429, None, Some(None)),
        (429, Some("soon"), Some(None)),
        (408, None, Some(None)),
        (500, None, Some(None)),
        (502, None, Some(None)),
        (503, Some("120"), Some(seconds(120))),
        (503, Some(date), Some(at)),
        (504, None, Some(None)),
        (400, None, None),
        (403, None, None),
        (404, None, None),
    ];
    for kind in TARGETS {
        for (status, header, expected) in cases {
            let headers: Vec<_> = header.map(|value| ("retry-after", value)).into_iter().collect();
            let server = Server::answering(status, &headers, "no").await;
            let outcome = deliver(&*target(kind, &server.url("/x/"), &tokens), STOP_LOGGING).await;
            let found = match outcome.unwrap_err() {
                DeliveryError::Retryable { retry_after, .. } => Some(retry_after),
                DeliveryError::Permanent { .. } => None,
            };
            assert_eq!(found, expected, "{kind}: {status} {header:?}");
            assert_eq!(server.requests().len(), 1, "{kind}: {status}: one call is one attempt");
        }
    }
}

#[tokio::test]
async fn no_target_follows_a_redirect() {
    let (tokens, elsewhere) = (token_server().await, Server::answering(200, &[], "").await);
    let location = format!("http://{}/", elsewhere.address);
    for kind in TARGETS {
        for status in [301, 302, 307, 308] {
            let server = Server::answering(status, &[("location", &location)], "").await;
            let error = deliver(&*target(kind, &server.url("/x/"), &tokens), STOP_LOGGING).await.unwrap_err();
            assert!(matches!(error, DeliveryError::Permanent { .. }), "{kind}: {status}: {error:?}");
        }
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn connections_that_fail_are_tried_again() {
    let tokens = token_server().await;
    let mut addresses = vec![
        ("nobody listens".to_owned(), "http://127.0.0.1:1/x/".to_owned()),
        ("no such name".to_owned(), "http://no-such-host.invalid/x/".to_owned()),
    ];
    for how in [
        Misbehaviour::Silence,
        Misbehaviour::Reset,
        Misbehaviour::Close,
        Misbehaviour::Nonsense,
        Misbehaviour::SlowStatus,
    ] {
        addresses.push((format!("{how:?}"), format!("http://{}/x/", misbehaving(how).await)));
    }
    // TLS to somebody who does not speak it.
    let plain = Server::answering(200, &[], "").await;
    addresses.push(("no TLS".to_owned(), format!("https://{}/x/", plain.address)));
    for (what, url) in &addresses {
        for kind in TARGETS {
            let error = deliver(&*target(kind, &Secret::new(url), &tokens), STOP_LOGGING).await.unwrap_err();
            assert!(
                matches!(error, DeliveryError::Retryable { retry_after: None, .. }),
                "{kind}: {what}: {error:?}"
            );
        }
    }
    assert!(plain.requests().is_empty());
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_not_waited_for() {
    let tokens = token_server().await;
    for how in [Misbehaviour::SlowBody, Misbehaviour::EndlessBody, Misbehaviour::BrokenBody] {
        let url = Secret::new(&format!("http://{}/x/", misbehaving(how).await));
        for kind in TARGETS {
            let outcome = deliver(&*target(kind, &url, &tokens), STOP_LOGGING).await;
            // The status says that it was taken; Slack's methods alone say so in the body.
            match outcome {
                Ok(receipt) => {
                    assert!(kind != "slack-app" && receipt.text.starts_with("202"), "{kind}: {how:?}");
                }
                Err(DeliveryError::Retryable { .. }) => assert_eq!(kind, "slack-app", "{how:?}"),
                Err(error) => panic!("{kind}: {how:?}: {error:?}"),
            }
        }
    }
}
