//! Responses that hand a finding to something of the operator's that acts: what they do, and what the audit list says of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use targets::respond::{Responder, Stage};
use targets::{
    Command, CommandSettings, DeliveryError, Receipt, Secret, Shape, Target, Webhook, WebhookSettings,
};

use crate::audit::{self, List};
use crate::counterpart::{HOSTILE, Misbehaviour, STOP_LOGGING, Server, deliver, local, misbehaving};

/// Each row's stage, and what was said.
fn rows(list: &List) -> Vec<(Stage, String)> {
    list.of(|note| (note.stage, note.said.clone()))
}

/// A response that tells a target, and its list.
fn responder(name: &'static str, target: Arc<dyn Target>, dry_run: bool) -> (Responder, Arc<List>) {
    audit::responder(name, "isolate", target, dry_run)
}

fn command(script: &str, folder: &Path, timeout: Duration) -> Arc<dyn Target> {
    let settings = CommandSettings {
        argv: ["/bin/sh", "-c", script].map(str::to_owned).into(),
        environment: BTreeMap::from([("API_TOKEN".to_owned(), Secret::new("t0ken-5ecret"))]),
        folder: Some(folder.to_owned()),
        timeout,
        shape: Shape::default(),
    };
    Arc::new(Command::new(settings).unwrap())
}

fn webhook(url: Secret) -> Arc<dyn Target> {
    let settings = WebhookSettings {
        url,
        signing_keys: vec![Secret::new("a signing key of some length")],
        oauth: None,
        headers: BTreeMap::new(),
        shape: Shape::default(),
        network: local(),
    };
    Arc::new(Webhook::new(settings, Arc::new(|| Timestamp::UNIX_EPOCH)).unwrap())
}

#[tokio::test]
async fn a_dry_run_starts_nothing_and_posts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::answering(200, &[], "").await;
    let program = command("touch acted", folder.path(), Duration::from_secs(20));
    for (name, target) in [("command", program), ("webhook", webhook(server.url("/x")))] {
        let (responder, list) = responder(name, target, true);
        let receipt = deliver(&responder, STOP_LOGGING).await.unwrap();
        assert_eq!(receipt, Receipt::of(format!("dry run: {name} of isolate was not done")));
        assert_eq!(rows(&list), [(Stage::DryRun, String::new())]);
    }
    assert!(!folder.path().join("acted").exists() && server.requests().is_empty());
}

#[tokio::test]
async fn what_a_program_did_is_in_the_list_and_shows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let says = "printf 'done with %s \\033[31m\\n' \"$API_TOKEN\"";
    for (script, outcome, said) in [
        (says.to_owned(), Stage::Done, "exit code 0: done with [secret] \\u{1b}[31m"),
        (format!("{says} >&2; exit 1"), Stage::Failed, "exit code 1: done with [secret] \\u{1b}[31m"),
        (format!("{says} >&2; exit 65"), Stage::Failed, "exit code 65: done with [secret] \\u{1b}[31m"),
    ] {
        for finding in [STOP_LOGGING, HOSTILE] {
            let target = command(&script, folder.path(), Duration::from_secs(20));
            let (responder, list) = responder("command", target, false);
            let answered = deliver(&responder, finding).await;
            assert_eq!(answered.is_ok(), outcome == Stage::Done, "{answered:?}");
            assert_eq!(
                rows(&list),
                [(Stage::Intended, String::new()), (outcome, said.to_owned())],
                "{script}"
            );
        }
    }
}

#[tokio::test]
async fn a_program_that_does_not_end_has_failed() {
    let folder = tempfile::tempdir().unwrap();
    let target = command("sleep 60", folder.path(), Duration::from_millis(300));
    let (responder, list) = responder("command", target, false);
    let error = deliver(&responder, STOP_LOGGING).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Retryable { .. }), "{error:?}");
    assert_eq!(rows(&list)[1], (Stage::Failed, "the program was not done within 0.3 s".to_owned()));
}

#[tokio::test]
async fn what_a_receiver_answered_is_in_the_list() {
    for (status, stage, again) in [
        (202, Stage::Done, false),
        (500, Stage::Failed, true),
        (429, Stage::Failed, true),
        (400, Stage::Failed, false),
    ] {
        let server = Server::answering(status, &[], "with a signing key of some length").await;
        let (responder, list) = responder("webhook", webhook(server.url("/x")), false);
        let answered = deliver(&responder, STOP_LOGGING).await;
        assert_eq!(matches!(answered, Err(DeliveryError::Retryable { .. })), again, "{status}: {answered:?}");
        let rows = rows(&list);
        assert_eq!((rows.len(), rows[0].0, rows[1].0), (2, Stage::Intended, stage));
        assert!(
            rows[1].1.starts_with(&status.to_string()) && rows[1].1.ends_with("with [secret]"),
            "{rows:?}"
        );
        // It is the finding as it is, with the key by which a receiver tells that it had it before.
        let request = server.requests().remove(0);
        assert_eq!(request.json()["detail"]["rule"], "cloudtrail-logging-stopped");
        assert_eq!(
            request.header(targets::signature::IDEMPOTENCY_HEADER),
            "3f0c9a4e-7d1b-8c52-9e6f-0a1b2c3d4e5f:0:oncall"
        );
    }
    let url = Secret::new(&format!("http://{}/x", misbehaving(Misbehaviour::Silence).await));
    let (responder, list) = responder("webhook", webhook(url), false);
    deliver(&responder, STOP_LOGGING).await.unwrap_err();
    assert_eq!(rows(&list)[1], (Stage::Failed, "no answer within 0.5 s".to_owned()));
}
