//! Every golden message, and messages as large and nasty as events can make them, against counterparts that refuse what the real receivers refuse.

use std::path::Path;

use route::{FindingEvent, Kind, TargetName, Telling};
use serde_json::{Value, json};
use targets::{
    Delivery, OpsGenie, OpsGenieSettings, PagerDuty, PagerDutySettings, Secret, Slack, SlackApp,
    SlackAppSettings, SlackSettings, Target, Teams, TeamsSettings,
};

use crate::counterpart::{Server, local};
use crate::nasty::NASTY;
use crate::published;

/// The golden findings of the crate `route`.
pub(crate) fn golden() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../route/tests/findings");
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let texts: Vec<String> = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    assert!(texts.len() > 10);
    texts
}

/// A finding that says this wherever an event or its owner can say something, as often and as long as it likes.
pub(crate) fn filled(text: &str) -> String {
    let record = json!({
        "eventID": "e-1", "eventName": text, "eventSource": text, "awsRegion": "us-east-1", "userAgent": text,
        "errorCode": text, "errorMessage": text, "eventTime": "2026-11-03T02:41:09Z",
        "userIdentity": { "type": text, "arn": text },
        "requestParameters": (0..80).map(|n| (format!("{text:.60}{n}"), json!([text, text]))).collect::<serde_json::Map<_, _>>(),
    });
    let many = |count: usize| vec![text; count];
    let keys: serde_json::Map<String, Value> =
        (0..30).map(|n| (format!("detail.key{n}"), json!(text))).collect();
    json!({
        "id": "aaaa0000-7d1b-8c52-9e6f-0a1b2c3d4e5f", "version": "0", "source": "trailhound",
        "detail-type": "Trailhound Finding", "account": "111122223333", "region": "us-east-1", "time": "2026-11-03T03:00:00Z",
        "detail": {
            "rule": "a-rule", "title": text, "severity": "high", "state": "firing", "revision": 0, "settled": true,
            "reason": text, "description": text, "count": 3, "source_ip": text, "owner": text,
            "first_time": "2026-11-03T03:00:00Z", "last_time": "2026-11-03T03:00:00Z",
            "account": { "name": text, "ou": text, "tags": { "team": text } },
            "principal": { "kind": text, "name": text, "arn": text, "session": text, "human": text },
            "source": { "country": text, "city": text, "org": text, "asn": 64500 },
            "key": keys, "event_ids": many(100), "first_checks": many(20), "tags": many(50), "records": [record],
        },
    })
    .to_string()
}

/// Texts that take more room than they seem to: in bytes, escaped for a format, or escaped as JSON.
pub(crate) fn large_texts() -> Vec<String> {
    let pieces = ["x", "<", "&", "`", "\"", "\\", "\n", "漢", "😀", "\u{ffff}", "\u{1}", "{{", "a b ", "*_~"];
    pieces.iter().flat_map(|piece| [400, 6_000].map(|times| piece.repeat(times))).collect()
}

/// What is sent of a finding: the first message, an update and the last one.
fn conversation(json: &str) -> [(Telling, Option<&'static str>); 3] {
    let alone = Telling::alone(&FindingEvent::parse(json).unwrap());
    let later = |number, kind| Telling {
        number,
        kind,
        findings: 100_000,
        folded: 99_999,
        since: Some("2026-11-03T02:41:00Z".parse().unwrap()),
        note: Some("what was done about it ".repeat(100)),
        ..alone.clone()
    };
    let first = Some("C0123456789/1700000000.000000");
    [(alone.clone(), None), (later(1, Kind::Update), first), (later(2, Kind::Closing), first)]
}

/// All targets that people read, each at a counterpart that keeps to what is published.
async fn targets() -> Vec<(&'static str, Box<dyn Target>)> {
    let hook = Server::start(|request| match published::slack(&request.json()) {
        Ok(()) => (200, vec![], "ok".to_owned()),
        Err(wrong) => (400, vec![], wrong),
    });
    let methods = Server::start(|request| {
        let answer = match published::slack(&request.json()) {
            Ok(()) => json!({ "ok": true, "channel": "C0123456789", "ts": "1700000000.000000" }),
            Err(wrong) => json!({ "ok": false, "error": "invalid_blocks", "wrong": wrong }),
        };
        (200, vec![], answer.to_string())
    });
    let workflow = Server::start(|request| match published::teams(&request.json()) {
        Ok(()) => (202, vec![], String::new()),
        Err(wrong) => (400, vec![], wrong),
    });
    let incidents = Server::start(|request| match published::pagerduty(&request.json()) {
        Ok(()) => (202, vec![], "{}".to_owned()),
        Err(wrong) => (400, vec![], wrong),
    });
    let alerts = Server::start(|request| match published::opsgenie(request.uri.path(), &request.json()) {
        Ok(()) => (202, vec![], "{}".to_owned()),
        Err(wrong) => (422, vec![], wrong),
    });
    let (network, key) = (local(), |text: &str| Secret::new(text));
    let slack = SlackSettings { webhook: hook.await.url("/x"), network: network.clone() };
    let app = SlackAppSettings {
        bot_token: key("xoxb-0123456789-0123456789"),
        channel: "C0123456789".to_owned(),
        buttons: true,
        url: Some(methods.await.url("/api/")),
        network: network.clone(),
    };
    let teams = TeamsSettings { webhook: workflow.await.url("/x"), network: network.clone() };
    let pagerduty = PagerDutySettings {
        routing_key: key("R0123456789abcdefR0123456789abcd"),
        url: Some(incidents.await.url("/v2/enqueue")),
        network: network.clone(),
    };
    let opsgenie = OpsGenieSettings {
        api_key: key("eb243592-faa2-4ba2-a551-1afdf565c889"),
        url: Some(alerts.await.url("/v2/alerts")),
        network,
    };
    vec![
        ("slack", Box::new(Slack::new(&slack).unwrap())),
        ("slack-app", Box::new(SlackApp::new(&app).unwrap())),
        ("teams", Box::new(Teams::new(&teams).unwrap())),
        ("pagerduty", Box::new(PagerDuty::new(pagerduty).unwrap())),
        ("opsgenie", Box::new(OpsGenie::new(&opsgenie).unwrap())),
    ]
}

async fn all_are_taken(findings: impl Iterator<Item = String>) {
    let targets = targets().await;
    for json in findings {
        for (telling, earlier) in conversation(&json) {
            for (kind, target) in &targets {
                let finding = FindingEvent::parse(&json).unwrap();
                let name = TargetName::new("oncall").unwrap();
                let delivery = Delivery::told(name, finding, telling.clone(), earlier.map(str::to_owned));
                let taken = target.deliver(&delivery).await;
                let shown: String = json.chars().take(200).collect();
                assert!(taken.is_ok(), "{kind}, message {}: {taken:?} of {shown}", telling.number);
            }
        }
    }
}

#[tokio::test]
async fn every_golden_message_is_as_published() {
    all_are_taken(golden().into_iter()).await;
}

#[tokio::test]
async fn messages_of_nasty_events_are_as_published() {
    all_are_taken(NASTY.iter().map(|text| filled(text))).await;
}

#[tokio::test]
async fn messages_of_large_events_are_as_published() {
    all_are_taken(large_texts().iter().map(|text| filled(text))).await;
}
