//! The webhook against a receiver that checks signatures, and everything HTTP can do to a target.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::counterpart::{HOSTILE, Misbehaviour, STOP_LOGGING, Server, deliver, local, misbehaving};
use jiff::Timestamp;
use route::TargetName;
use targets::signature::verify;
use targets::{
    Clock, DeliveryError, Events, Format, Network, RetryAfter, Secret, SetupError, Shape, Target,
    TargetInput, Template, Webhook, WebhookSettings,
};

const KEY: &str = "a signing key of 24 bytes";
const NOW: i64 = 1_793_673_669;

fn clock() -> Clock {
    Arc::new(|| Timestamp::from_second(NOW).unwrap())
}

fn settings(url: Secret) -> WebhookSettings {
    WebhookSettings {
        url,
        signing_keys: vec![Secret::new(KEY)],
        oauth: None,
        headers: BTreeMap::new(),
        shape: Shape::default(),
        network: local(),
    }
}

fn webhook(url: Secret) -> Webhook {
    Webhook::new(settings(url), clock()).unwrap()
}

/// A receiver as a careful person would write it.
async fn receiver() -> Server {
    Server::start(|request| {
        let (timestamp, signature) =
            (request.header("trailhound-timestamp"), request.header("trailhound-signature"));
        let verdict = verify(&Secret::new(KEY), timestamp, signature, &request.body, NOW + 2);
        let finding = request.json();
        let json = request.header("content-type") == "application/json";
        if verdict.is_ok() && json && finding["detail-type"] == "Trailhound Finding" {
            (200, vec![], "taken".to_owned())
        } else {
            (400, vec![], format!("{verdict:?}"))
        }
    })
    .await
}

#[tokio::test]
async fn a_receiver_verifies_and_reads_the_finding() {
    let server = receiver().await;
    let webhook = webhook(server.url("/hooks/findings"));
    for finding in [STOP_LOGGING, HOSTILE] {
        let receipt = deliver(&webhook, finding).await.unwrap();
        assert_eq!(receipt.text, "200 OK: taken");
    }
    let requests = server.requests();
    assert_eq!(requests[0].uri.path(), "/hooks/findings");
    assert_eq!(requests[0].header("idempotency-key"), "3f0c9a4e-7d1b-8c52-9e6f-0a1b2c3d4e5f:0:oncall");
    assert_eq!(requests[1].header("idempotency-key"), "aaaa0000-7d1b-8c52-9e6f-0a1b2c3d4e5f:2:oncall");
    for (request, finding) in requests.iter().zip([STOP_LOGGING, HOSTILE]) {
        assert_eq!(
            request.json(),
            serde_json::from_str::<serde_json::Value>(finding).unwrap(),
            "nothing is lost"
        );
    }
}

#[tokio::test]
async fn a_receiver_gets_what_was_asked_for_signed() {
    let server = Server::answering(200, &[], "").await;
    let with_input = |input, input_path, transformer: Option<(&[(&str, &str)], &str)>| {
        let transformer = transformer.map(|(paths, template)| {
            let paths = paths.iter().map(|(name, path)| ((*name).to_owned(), (*path).to_owned()));
            (paths.collect::<BTreeMap<_, _>>(), template)
        });
        let transformer = transformer.as_ref().map(|(paths, template)| (paths, *template));
        let shape = Shape::Input(TargetInput::parse(input, input_path, transformer).unwrap());
        Webhook::new(WebhookSettings { shape, ..settings(server.url("/")) }, clock())
    };
    let paths: &[_] = &[("title", "$.detail.title"), ("who", "$.detail.principal")];
    for webhook in [
        with_input(Some("{ \"ping\": 1 }"), None, None),
        with_input(None, Some("$.detail.event_ids"), None),
        with_input(None, None, Some((paths, r#"{"text": "<aws.events.rule-name>: <title>"}"#))),
    ] {
        deliver(&webhook.unwrap(), STOP_LOGGING).await.unwrap();
    }
    let bodies = [
        "{ \"ping\": 1 }",
        r#"["5c8e7a52-1b1f-4b7e-9a60-0a4f1d3e2b11"]"#,
        r#"{"text": "cloudtrail-logging-stopped: CloudTrail main stopped in payments-prod"}"#,
    ];
    let requests = server.requests();
    assert_eq!(requests.len(), bodies.len());
    for (request, body) in requests.iter().zip(bodies) {
        assert_eq!(request.body, body);
        assert_eq!(request.header("content-type"), "application/json");
        let (timestamp, signature) =
            (request.header("trailhound-timestamp"), request.header("trailhound-signature"));
        verify(&Secret::new(KEY), timestamp, signature, &request.body, NOW).unwrap();
    }

    let template = Template::parse(
        r#"{"text": {{ message.headline }}, "of": {{ detail.records[0].eventName }}}"#,
        Format::Json,
    );
    let shape = Shape::Template(template.unwrap());
    let templated = Webhook::new(WebhookSettings { shape, ..settings(server.url("/")) }, clock()).unwrap();
    deliver(&templated, STOP_LOGGING).await.unwrap();
    let body = r#"{"text": "[critical] CloudTrail main stopped in payments-prod", "of": "StopLogging"}"#;
    assert_eq!(server.requests().last().unwrap().body, body);

    let no_json = with_input(None, None, Some((paths, r#"{"who": "<who>"}"#))).unwrap();
    let error = deliver(&no_json, STOP_LOGGING).await.unwrap_err();
    assert!(
        matches!(&error, DeliveryError::Permanent { reason } if reason.starts_with("INVALID_JSON: ")),
        "{error}"
    );
    assert_eq!(server.requests().len(), bodies.len() + 1, "what is no JSON is not sent");
    assert_eq!(with_input(Some(""), None, None).unwrap_err(), SetupError::EmptyInput);
}

#[tokio::test]
async fn another_key_is_refused_and_an_old_one_still_works() {
    let server = receiver().await;
    let with_keys = |keys: &[&str]| {
        let signing_keys = keys.iter().copied().map(Secret::new).collect();
        Webhook::new(WebhookSettings { signing_keys, ..settings(server.url("/")) }, clock()).unwrap()
    };
    let refused = deliver(&with_keys(&["another key of 24 bytes!"]), STOP_LOGGING).await.unwrap_err();
    assert_eq!(refused, DeliveryError::Permanent { reason: "400 Bad Request: Err(Forged)".to_owned() });
    deliver(&with_keys(&["the new key of 24 bytes!", KEY]), STOP_LOGGING).await.unwrap();
}

#[tokio::test]
async fn further_headers_are_sent_and_the_own_ones_cannot_be_set() {
    let server = receiver().await;
    let with_header = |name: &str, value: &str| {
        let headers = BTreeMap::from([(name.to_owned(), Secret::new(value))]);
        Webhook::new(WebhookSettings { headers, ..settings(server.url("/")) }, clock())
    };
    deliver(&with_header("Authorization", "Bearer t0ken").unwrap(), STOP_LOGGING).await.unwrap();
    assert_eq!(server.requests()[0].header("authorization"), "Bearer t0ken");
    for (name, value) in [
        ("Trailhound-Signature", "v1="),
        ("Content-Type", "text/plain"),
        ("a b", "x"),
        ("X-A", "x\r\nHost: y"),
        ("", ""),
    ] {
        assert_eq!(with_header(name, value).unwrap_err(), SetupError::Header(name.to_owned()));
    }
}

#[tokio::test]
async fn each_status_means_what_http_says() {
    let in_seconds = |seconds| Some(RetryAfter::In(Duration::from_secs(seconds)));
    let at = |time: &str| Some(RetryAfter::At(time.parse().unwrap()));
    let date = "Tue, 03 Nov 2026 02:42:09 GMT";
    // Status, `Retry-After`, and what follows: `None` for a refusal for good.
    for (status, header, expected) in [
        (429, Some("7"), Some(in_seconds(7))),
        (429, Some(date), Some(at("2026-11-03T02:42:09Z"))),
        (429, None, Some(None)),
        (429, Some("soon"), Some(None)),
        (503, Some("120"), Some(in_seconds(120))),
        (500, None, Some(None)),
        (502, None, Some(None)),
        (408, None, Some(None)),
        (425, None, Some(None)),
        (400, Some("7"), None),
        (401, None, None),
        (403, None, None),
        (404, None, None),
        (410, None, None),
        (413, None, None),
    ] {
        let headers: Vec<_> = header.map(|value| ("retry-after", value)).into_iter().collect();
        let server = Server::answering(status, &headers, "").await;
        let error = deliver(&webhook(server.url("/")), STOP_LOGGING).await.unwrap_err();
        assert!(error.to_string().starts_with(&status.to_string()), "{error}");
        match (error, expected) {
            (DeliveryError::Retryable { retry_after, .. }, Some(expected)) => {
                assert_eq!(retry_after, expected, "{status}");
            }
            (DeliveryError::Permanent { .. }, None) => {}
            (error, _) => panic!("{status}: {error:?}"),
        }
        assert_eq!(server.requests().len(), 1, "one call is one attempt");
    }
    for status in [200, 201, 202, 204] {
        let server = Server::answering(status, &[], "").await;
        deliver(&webhook(server.url("/")), STOP_LOGGING).await.unwrap();
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Server::answering(200, &[], "").await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("http://{}/", elsewhere.address);
        let server = Server::answering(status, &[("location", &location)], "").await;
        let error = deliver(&webhook(server.url("/")), STOP_LOGGING).await.unwrap_err();
        assert!(
            matches!(&error, DeliveryError::Permanent { reason } if reason.contains("redirects are not followed"))
        );
        assert_eq!(server.requests().len(), 1);
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_connection_that_fails_is_tried_again_later() {
    for (how, reason) in [
        (Misbehaviour::Silence, "no answer within 0.5 s"),
        (Misbehaviour::SlowStatus, "no answer within 0.5 s"),
        (Misbehaviour::Reset, "the connection failed: "),
        (Misbehaviour::Close, "the connection failed: "),
        (Misbehaviour::Nonsense, "the connection failed: "),
    ] {
        let address = misbehaving(how).await;
        let webhook = webhook(Secret::new(&format!("http://{address}/")));
        let error = deliver(&webhook, STOP_LOGGING).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Retryable { retry_after: None, .. }), "{how:?}: {error:?}");
        assert!(error.to_string().starts_with(reason), "{how:?}: {error}");
    }
    let closed = Server::answering(200, &[], "").await.address;
    let nobody = Secret::new(&format!("http://127.0.0.1:{}/", if closed.port() == 1 { 2 } else { 1 }));
    let error = deliver(&webhook(nobody), STOP_LOGGING).await.unwrap_err();
    assert!(error.to_string().starts_with("could not connect: "), "{error}");
}

#[tokio::test]
async fn the_status_decides_whatever_becomes_of_the_body() {
    for how in [Misbehaviour::SlowBody, Misbehaviour::EndlessBody, Misbehaviour::BrokenBody] {
        let address = misbehaving(how).await;
        let receipt =
            deliver(&webhook(Secret::new(&format!("http://{address}/"))), STOP_LOGGING).await.unwrap();
        assert!(receipt.text.starts_with("202 Accepted"), "{how:?}: {receipt:?}");
        assert!(receipt.text.chars().count() < 300, "{how:?}");
    }
}

#[tokio::test]
async fn what_is_not_public_is_not_connected_to() {
    let server = Server::answering(200, &[], "").await;
    let guarded = Network { allow: vec![], ..local() };
    let set_up = |url: &str| {
        Webhook::new(WebhookSettings { network: guarded.clone(), ..settings(Secret::new(url)) }, clock())
    };
    let port = server.address.port();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.0x1",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "127。0。0。1",
        "0",
        "0.0.0.0",
        "0xa9fea9fe",
        "169.254.43518",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "10.0.0.1",
        "169.254.169.254",
        "192.168.1.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::7f00:1]",
        "[::ffff:0:7f00:1]",
        "[::]",
        "[::127.0.0.1]",
        "[2002:7f00:1::]",
        "[ff02::1]",
    ] {
        let error = set_up(&format!("http://{host}:{port}/")).unwrap_err();
        assert!(matches!(error, SetupError::Address(_)), "{host}: {error}");
    }
    // A name is held to it when it is resolved.
    for name in ["localhost", "LOCALHOST", "user:word@localhost"] {
        let webhook = set_up(&format!("http://{name}:{port}/")).unwrap();
        let error = deliver(&webhook, STOP_LOGGING).await.unwrap_err();
        assert!(error.to_string().contains("leads to no public address"), "{name}: {error}");
    }
    assert!(server.requests().is_empty());
    // And it is only that which stands in the way.
    let allowed = webhook(Secret::new(&format!("http://localhost:{port}/")));
    deliver(&allowed, STOP_LOGGING).await.unwrap();
}

#[test]
fn what_cannot_be_set_up() {
    let secure = Network { plain_http: false, ..local() };
    let error = |url: &str| {
        let settings = WebhookSettings { network: secure.clone(), ..settings(Secret::new(url)) };
        Webhook::new(settings, clock()).unwrap_err()
    };
    assert_eq!(error("http://hooks.example/"), SetupError::NotHttps);
    assert_eq!(error("ftp://hooks.example/"), SetupError::NotHttps);
    // The last: a zone is of this machine alone.
    for url in [
        "",
        "hooks.example",
        "https://",
        "mailto:a@b.example",
        "https://[fe80::1%25lo]/",
        "https://[fe80::1%lo]/",
    ] {
        assert_eq!(error(url), SetupError::Url, "{url}");
    }
    for keys in [vec![], vec![Secret::new("short")], vec![Secret::new(KEY), Secret::new("")]] {
        let settings =
            WebhookSettings { signing_keys: keys, ..settings(Secret::new("https://hooks.example/")) };
        assert_eq!(Webhook::new(settings, clock()).unwrap_err(), SetupError::SigningKey);
    }
}

#[tokio::test]
async fn events_are_posted_as_one_signed_array() {
    let server = Server::start(|request| {
        let (timestamp, signature) =
            (request.header("trailhound-timestamp"), request.header("trailhound-signature"));
        let verdict = verify(&Secret::new(KEY), timestamp, signature, &request.body, NOW + 2);
        (if verdict.is_ok() { 200 } else { 400 }, vec![], String::new())
    })
    .await;
    let texts = (0..500).map(|number| format!(r#"{{"id":"e-{number}"}}"#).into()).collect();
    let events = Events::new(TargetName::new("lake").unwrap(), "events-1:0:forward.lake".to_owned(), texts);
    let webhook = webhook(server.url("/events"));
    webhook.forward(&events).await.unwrap();
    let request = &server.requests()[0];
    assert_eq!(request.header("idempotency-key"), "events-1:0:forward.lake");
    assert_eq!(request.json().as_array().unwrap().len(), 500);
    assert_eq!(request.json()[499]["id"], "e-499");
}
