//! No secret shows: not in any `Debug`, error, receipt or report, and not in what the libraries below log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::counterpart::{Misbehaviour, STOP_LOGGING, Server, deliver, local, misbehaving};
use jiff::Timestamp;
use targets::{
    Clock, Network, PagerDuty, PagerDutySettings, Secret, Shape, Slack, SlackSettings, Target, Webhook,
    WebhookSettings,
};

const SECRETS: [&str; 7] = [
    "K3Y-signing-5ecret-0001",
    "Bearer t0ken-5ecret-0002",
    "path-5ecret-0003",
    "query-5ecret-0004",
    "user-5ecret-0005",
    "pass-5ecret-0006",
    "R5ecret07R5ecret07R5ecret07R5ecr",
];

static LOG: Mutex<String> = Mutex::new(String::new());

struct Capture;

impl log::Log for Capture {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let mut log = LOG.lock().unwrap();
        log.push_str(&format!("{} {} {:?}\n", record.target(), record.args(), record.args()));
    }

    fn flush(&self) {}
}

fn clock() -> Clock {
    Arc::new(|| Timestamp::UNIX_EPOCH)
}

/// Sets up all targets at an address, adding to `shown` whatever can be printed on the way.
fn targets(host: &str, scheme: &str, network: &Network, shown: &mut String) -> Vec<Box<dyn Target>> {
    let [key, header, path, query, user, password, routing_key] = SECRETS;
    let url = Secret::new(&format!("{scheme}://{user}:{password}@{host}/services/T0/{path}?token={query}"));
    let webhook = WebhookSettings {
        url: url.clone(),
        signing_keys: vec![Secret::new(key)],
        headers: BTreeMap::from([("authorization".to_owned(), Secret::new(header))]),
        shape: Shape::default(),
        network: network.clone(),
    };
    let slack = SlackSettings { webhook: url.clone(), network: network.clone() };
    let routing_key = Secret::new(routing_key);
    let pagerduty = PagerDutySettings { routing_key, url: Some(url), network: network.clone() };
    shown.push_str(&format!("{webhook:?} {slack:?} {pagerduty:?}\n"));

    let mut set_up: Vec<Box<dyn Target>> = Vec::new();
    let mut add = |result: Result<Box<dyn Target>, targets::SetupError>, debug: String| {
        shown.push_str(&debug);
        match result {
            Ok(target) => set_up.push(target),
            Err(error) => shown.push_str(&format!("{error} {error:?}\n")),
        }
    };
    let webhook = Webhook::new(webhook, clock());
    let debug = format!("{webhook:?}\n");
    add(webhook.map(|target| Box::new(target) as Box<dyn Target>), debug);
    let slack = Slack::new(&slack);
    let debug = format!("{slack:?}\n");
    add(slack.map(|target| Box::new(target) as Box<dyn Target>), debug);
    let pagerduty = PagerDuty::new(pagerduty);
    let debug = format!("{pagerduty:?}\n");
    add(pagerduty.map(|target| Box::new(target) as Box<dyn Target>), debug);
    set_up
}

/// A receiver that answers with all it was sent.
async fn echo(status: u16) -> Server {
    Server::start(move |request| {
        let body = String::from_utf8_lossy(&request.body);
        let body: String = body.chars().take(1_000).collect();
        let routing_key = request.json()["routing_key"].as_str().unwrap_or_default().to_owned();
        let last = request.uri.path().rsplit('/').next().unwrap_or_default();
        (status, vec![], format!("{last} {routing_key} {} {:?} {body}", request.uri, request.headers))
    })
    .await
}

#[tokio::test]
async fn no_secret_shows_anywhere() {
    log::set_logger(&Capture).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let mut shown = String::new();
    let mut hosts = vec![("http", "127.0.0.1:1".to_owned()), ("http", "no-such-host.invalid".to_owned())];
    for status in [200, 302, 400, 404, 429, 500] {
        hosts.push(("http", echo(status).await.address.to_string()));
    }
    for how in [Misbehaviour::Silence, Misbehaviour::Reset, Misbehaviour::Nonsense, Misbehaviour::BrokenBody]
    {
        hosts.push(("http", misbehaving(how).await.to_string()));
    }
    // TLS to somebody who does not speak it.
    hosts.push(("https", echo(200).await.address.to_string()));
    let mut attempts = 0;
    for (scheme, host) in &hosts {
        for target in targets(host, scheme, &local(), &mut shown) {
            let outcome = deliver(&*target, STOP_LOGGING).await;
            if let Err(error) = &outcome {
                shown.push_str(&format!("{error}\n"));
            }
            shown.push_str(&format!("{outcome:?} {outcome:#?}\n"));
            attempts += 1;
        }
    }
    assert_eq!(attempts, hosts.len() * 3);
    let guarded = Network { allow: vec![], plain_http: false, ..local() };
    for (scheme, host) in
        [("http", "a.example"), ("https", "127.0.0.1"), ("gopher", "a.example"), ("https", "")]
    {
        assert!(targets(host, scheme, &guarded, &mut shown).is_empty(), "{scheme} {host}");
    }
    shown.push_str(&LOG.lock().unwrap());

    assert!(
        shown.contains("[secret]") && shown.contains("starting new connection"),
        "something was looked at"
    );
    for secret in SECRETS {
        let lines: Vec<&str> = shown.lines().filter(|line| line.contains(secret)).collect();
        assert!(lines.is_empty(), "{secret} shows: {lines:#?}");
    }
    assert!(!shown.contains("5ecret"), "a part of a secret shows");
}
