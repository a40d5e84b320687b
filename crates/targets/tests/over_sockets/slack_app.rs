//! An app of Slack's against a counterpart that keeps to Block Kit's limits, and answers as Slack's methods do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use route::Kind;
use serde_json::{Value, json};
use targets::{DeliveryError, RetryAfter, Secret, SetupError, SlackApp, SlackAppSettings};

use crate::counterpart::{
    HOSTILE, Misbehaviour, RESOLVED, Request, STOP_LOGGING, Server, deliver, later, local, misbehaving,
    update,
};
use crate::published;

const TOKEN: &str = "xoxb-0123456789-s3cret";
const CHANNEL: &str = "C0123456789";

fn settings(url: Secret) -> SlackAppSettings {
    SlackAppSettings {
        bot_token: Secret::new(TOKEN),
        channel: CHANNEL.to_owned(),
        buttons: true,
        url: Some(url),
        network: local(),
    }
}

fn app(url: Secret) -> SlackApp {
    SlackApp::new(&settings(url)).unwrap()
}

fn answer(request: &Request, number: usize) -> Value {
    let message = request.json();
    let refuse = |error: &str| json!({ "ok": false, "error": error });
    if request.header("authorization") != format!("Bearer {TOKEN}") {
        return refuse("invalid_auth");
    }
    if !request.header("content-type").starts_with("application/json") {
        return refuse("invalid_post_type");
    }
    if message["channel"] != CHANNEL {
        return refuse("channel_not_found");
    }
    if published::slack(&message).is_err() {
        return refuse("invalid_blocks");
    }
    match request.uri.path() {
        "/api/chat.postMessage" => {
            json!({ "ok": true, "channel": CHANNEL, "ts": format!("1700000000.{number:06}") })
        }
        "/api/chat.update" if message["ts"] == "1700000000.000000" => {
            json!({ "ok": true, "channel": CHANNEL, "ts": message["ts"] })
        }
        "/api/chat.update" => refuse("message_not_found"),
        _ => refuse("unknown_method"),
    }
}

async fn slack() -> Server {
    let number = AtomicUsize::new(0);
    Server::start(move |request| {
        (200, vec![], answer(request, number.fetch_add(1, Ordering::SeqCst)).to_string())
    })
    .await
}

#[tokio::test]
async fn a_conversation_is_one_message_that_is_edited_and_has_a_thread() {
    let server = slack().await;
    let app = app(server.url("/api/"));
    let first = deliver(&app, STOP_LOGGING).await.unwrap();
    let handle = first.handle.unwrap();
    assert_eq!(handle, "C0123456789/1700000000.000000");
    update(&app, STOP_LOGGING, 1, &handle).await.unwrap();
    later(&app, STOP_LOGGING, 2, Kind::Closing, &handle).await.unwrap();
    let requests = server.requests();
    let asked: Vec<&str> = requests.iter().map(|request| request.uri.path()).collect();
    let (post, edit) = ("/api/chat.postMessage", "/api/chat.update");
    assert_eq!(asked, [post, edit, post, edit, post]);
    let buttons = |index: usize| {
        let message = requests[index].json();
        message["blocks"].as_array().unwrap().iter().any(|block| block["type"] == "actions")
    };
    assert_eq!([buttons(0), buttons(1), buttons(2), buttons(3)], [true, true, false, false]);
    for (index, ts) in [(1, "ts"), (2, "thread_ts"), (3, "ts"), (4, "thread_ts")] {
        assert_eq!(requests[index].json()[ts], "1700000000.000000");
    }
    insta::assert_json_snapshot!("slack_app_first", requests[0].json());
    insta::assert_json_snapshot!("slack_app_edit", requests[1].json());
    insta::assert_json_snapshot!("slack_app_answer", requests[2].json());
    insta::assert_json_snapshot!("slack_app_closing", requests[4].json());
}

#[tokio::test]
async fn every_message_keeps_to_the_limits() {
    let server = slack().await;
    let app = app(server.url("/api"));
    for finding in [HOSTILE, RESOLVED] {
        deliver(&app, finding).await.unwrap();
    }
}

#[tokio::test]
async fn a_thread_goes_on_where_the_first_message_was_deleted() {
    let server = slack().await;
    let receipt =
        update(&app(server.url("/api/")), STOP_LOGGING, 1, "C0123456789/1600000000.000001").await.unwrap();
    assert_eq!(receipt.text, "answered in the thread of 1600000000.000001");
}

#[tokio::test]
async fn what_slack_refuses() {
    let seconds = |seconds| Some(RetryAfter::In(Duration::from_secs(seconds)));
    for (status, headers, error, again) in [
        (200, &[][..], "ratelimited", Some(seconds(30))),
        (200, &[("retry-after", "7")], "ratelimited", Some(seconds(7))),
        (429, &[("retry-after", "11")], "ratelimited", Some(seconds(11))),
        (200, &[], "invalid_auth", Some(seconds(60))),
        (200, &[], "channel_not_found", Some(seconds(60))),
        (200, &[], "missing_scope", Some(seconds(60))),
        (200, &[], "internal_error", Some(None)),
        (503, &[], "service_unavailable", Some(None)),
        (200, &[], "invalid_blocks", None),
    ] {
        let server =
            Server::answering(status, headers, &json!({ "ok": false, "error": error }).to_string()).await;
        let refused = deliver(&app(server.url("/")), STOP_LOGGING).await.unwrap_err();
        assert!(refused.to_string().contains(error), "{refused}");
        let found = match refused {
            DeliveryError::Retryable { retry_after, .. } => Some(retry_after),
            DeliveryError::Permanent { .. } => None,
        };
        assert_eq!(found, again, "{error}");
    }
    let server = Server::answering(200, &[], r#"{"ok":false,"error":"invalid_auth"}"#).await;
    let refused = deliver(&app(server.url("/")), STOP_LOGGING).await.unwrap_err();
    let reason =
        "chat.postMessage: invalid_auth: set `bot_token` to the bot token of the app, and install the app";
    assert_eq!(refused.to_string(), reason);
    for body in ["<html>", "{}", r#"{"ok":true}"#] {
        let server = Server::answering(200, &[], body).await;
        let refused = deliver(&app(server.url("/")), STOP_LOGGING).await.unwrap_err();
        assert!(matches!(refused, DeliveryError::Retryable { .. }), "{body}");
    }
    for how in [Misbehaviour::Silence, Misbehaviour::Reset, Misbehaviour::SlowBody, Misbehaviour::Nonsense] {
        let url = Secret::new(&format!("http://{}/", misbehaving(how).await));
        let refused = deliver(&app(url), STOP_LOGGING).await.unwrap_err();
        assert!(matches!(refused, DeliveryError::Retryable { .. }), "{how:?}: {refused:?}");
    }
}

#[test]
fn settings_that_will_not_do() {
    let good = settings(Secret::new("https://slack.com/api/"));
    assert_eq!(good.check(), Ok(()));
    let hook = SlackAppSettings {
        bot_token: Secret::new("https://hooks.slack.com/services/T0/B0/x"),
        ..good.clone()
    };
    assert_eq!(hook.check(), Err(SetupError::BotToken));
    let named = SlackAppSettings { channel: "#security".to_owned(), ..good };
    assert_eq!(named.check(), Err(SetupError::Channel));
}
