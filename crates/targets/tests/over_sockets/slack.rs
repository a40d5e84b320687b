//! Slack against a server that holds messages to what Slack documents of incoming webhooks.

use std::time::Duration;

use crate::counterpart::{HOSTILE, RESOLVED, Request, STOP_LOGGING, Server, deliver, local};
use crate::published;
use serde_json::Value;
use targets::{DeliveryError, RetryAfter, Slack, SlackSettings};

/// What an incoming webhook refuses, in its words.
fn refusal(request: &Request) -> Option<&'static str> {
    if request.uri.path() != "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX" {
        return Some("no_service");
    }
    let Ok(message) = serde_json::from_slice::<Value>(&request.body) else { return Some("invalid_payload") };
    published::slack(&message).is_err().then_some("invalid_blocks")
}

async fn server() -> Server {
    Server::start(|request| match refusal(request) {
        None => (200, vec![], "ok".to_owned()),
        Some(refusal) => (if refusal == "no_service" { 404 } else { 400 }, vec![], refusal.to_owned()),
    })
    .await
}

fn slack(server: &Server, path: &str) -> Slack {
    Slack::new(&SlackSettings { webhook: server.url(path), network: local() }).unwrap()
}

#[tokio::test]
async fn messages_are_taken() {
    let server = server().await;
    let slack = slack(&server, "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX");
    for finding in [STOP_LOGGING, HOSTILE, RESOLVED] {
        assert_eq!(deliver(&slack, finding).await.unwrap().text, "200 OK: ok");
    }
    let hostile = String::from_utf8(server.requests()[1].body.to_vec()).unwrap();
    for markup in ["<!", "<@", "<#", "<https://evil", "<script", "\\u001b", "\u{202e}"] {
        assert!(!hostile.contains(markup), "{markup}: {hostile}");
    }
}

#[tokio::test]
async fn a_webhook_that_is_gone_is_dead() {
    let server = server().await;
    let error = deliver(&slack(&server, "/services/T0/B0/gone"), STOP_LOGGING).await.unwrap_err();
    assert_eq!(error, DeliveryError::Permanent { reason: "404 Not Found: no_service".to_owned() });
}

#[tokio::test]
async fn the_rate_limit_is_heard() {
    let server = Server::answering(429, &[("retry-after", "30")], "rate_limited").await;
    let error = deliver(&slack(&server, "/services/T0/B0/x"), STOP_LOGGING).await.unwrap_err();
    let retry_after = Some(RetryAfter::In(Duration::from_secs(30)));
    let reason = "429 Too Many Requests: rate_limited".to_owned();
    assert_eq!(error, DeliveryError::Retryable { reason, retry_after });
}
