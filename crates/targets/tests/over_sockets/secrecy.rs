//! No secret shows: not in any `Debug`, error, receipt or report, and not in what the libraries below log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::counterpart::{Misbehaviour, STOP_LOGGING, Server, deliver, local, misbehaving};
use jiff::Timestamp;
use targets::{
    ClientAuthentication, Clock, Command, CommandSettings, Email, EmailSettings, Network, OAuthSettings,
    OpsGenie, OpsGenieSettings, PagerDuty, PagerDutySettings, Secret, Shape, Slack, SlackApp,
    SlackAppSettings, SlackSettings, SmtpTls, Target, Teams, TeamsSettings, Webhook, WebhookSettings,
};

const SECRETS: [&str; 13] = [
    "K3Y-signing-5ecret-0001",
    "Bearer t0ken-5ecret-0002",
    "path-5ecret-0003",
    "query-5ecret-0004",
    "user-5ecret-0005",
    "pass-5ecret-0006",
    "R5ecret07R5ecret07R5ecret07R5ecr",
    "api-key-5ecret-0008-0123456789",
    "xoxb-5ecret-0009-0123456789",
    "cl1ent-5ecret-0010",
    "mail-user-5ecret-0011",
    "mail-pass-5ecret-0012",
    "env-5ecret-0013",
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

/// Keeps what libraries log from now on.
pub(crate) fn capture() {
    // Another test of this process may have begun with it.
    let _ = log::set_logger(&Capture);
    log::set_max_level(log::LevelFilter::Trace);
}

/// What they have logged.
#[cfg(feature = "aws")]
pub(crate) fn logged() -> String {
    LOG.lock().unwrap().clone()
}

fn clock() -> Clock {
    Arc::new(|| Timestamp::UNIX_EPOCH)
}

/// Sets up all targets at an address, adding to `shown` whatever can be printed on the way.
fn targets(host: &str, scheme: &str, network: &Network, shown: &mut String) -> Vec<Box<dyn Target>> {
    let [key, header, path, query, user, password, routing_key, api_key, bot_token, client_secret, ..] =
        SECRETS;
    let url = Secret::new(&format!("{scheme}://{user}:{password}@{host}/services/T0/{path}?token={query}"));
    let webhook = WebhookSettings {
        url: url.clone(),
        signing_keys: vec![Secret::new(key)],
        oauth: None,
        headers: BTreeMap::from([("authorization".to_owned(), Secret::new(header))]),
        shape: Shape::default(),
        network: network.clone(),
    };
    let slack = SlackSettings { webhook: url.clone(), network: network.clone() };
    let routing_key = Secret::new(routing_key);
    let pagerduty = PagerDutySettings { routing_key, url: Some(url), network: network.clone() };
    let teams = TeamsSettings { webhook: slack.webhook.clone(), network: network.clone() };
    let api_url = Some(slack.webhook.clone());
    let opsgenie =
        OpsGenieSettings { api_key: Secret::new(api_key), url: api_url.clone(), network: network.clone() };
    let app = SlackAppSettings {
        bot_token: Secret::new(bot_token),
        channel: "C0123456789".to_owned(),
        buttons: true,
        url: api_url,
        network: network.clone(),
    };
    let oauth = OAuthSettings {
        token_url: slack.webhook.clone(),
        client_id: "trailhound".to_owned(),
        client_secret: Secret::new(client_secret),
        authentication: ClientAuthentication::Body,
        scope: None,
        audience: None,
    };
    let with_oauth = WebhookSettings { oauth: Some(oauth), headers: BTreeMap::new(), ..webhook.clone() };
    shown.push_str(&format!(
        "{webhook:?} {slack:?} {pagerduty:?} {teams:?} {opsgenie:?} {app:?} {with_oauth:?}\n"
    ));

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
    let teams = Teams::new(&teams);
    let debug = format!("{teams:?}\n");
    add(teams.map(|target| Box::new(target) as Box<dyn Target>), debug);
    let opsgenie = OpsGenie::new(&opsgenie);
    let debug = format!("{opsgenie:?}\n");
    add(opsgenie.map(|target| Box::new(target) as Box<dyn Target>), debug);
    let app = SlackApp::new(&app);
    let debug = format!("{app:?}\n");
    add(app.map(|target| Box::new(target) as Box<dyn Target>), debug);
    let with_oauth = Webhook::new(with_oauth, clock());
    let debug = format!("{with_oauth:?}\n");
    add(with_oauth.map(|target| Box::new(target) as Box<dyn Target>), debug);
    set_up
}

/// A relay and a program, which repeat what they were told.
async fn others(port: u16, shown: &mut String) {
    let [.., user, password, environment] = SECRETS;
    let email = EmailSettings {
        server: "127.0.0.1".to_owned(),
        port: Some(port),
        tls: SmtpTls::StartTls,
        ca: None,
        login: Some((Secret::new(user), Secret::new(password))),
        hello: None,
        from: "trailhound@example.com".to_owned(),
        to: vec!["oncall@example.com".to_owned()],
        network: local(),
    };
    let command = CommandSettings {
        argv: ["/bin/sh", "-c", "echo \"$TOKEN\" >&2; exit 1"].map(str::to_owned).into(),
        environment: BTreeMap::from([("TOKEN".to_owned(), Secret::new(environment))]),
        folder: None,
        timeout: std::time::Duration::from_secs(20),
        shape: Shape::default(),
    };
    shown.push_str(&format!("{email:?} {command:?}\n"));
    let (email, command) = (Email::new(&email, clock()).unwrap(), Command::new(command).unwrap());
    shown.push_str(&format!("{email:?} {command:?}\n"));
    for target in [&email as &dyn Target, &command] {
        shown.push_str(&format!("{:?}\n", deliver(target, STOP_LOGGING).await));
    }
}

/// A receiver that answers with all it was sent.
async fn echo(status: u16) -> Server {
    Server::start(move |request| {
        let body = String::from_utf8_lossy(&request.body);
        let body: String = body.chars().take(1_000).collect();
        let routing_key = serde_json::from_slice::<serde_json::Value>(&request.body).unwrap_or_default();
        let routing_key = routing_key["routing_key"].as_str().unwrap_or_default().to_owned();
        let last = request.uri.path().rsplit('/').next().unwrap_or_default();
        (status, vec![], format!("{last} {routing_key} {} {:?} {body}", request.uri, request.headers))
    })
    .await
}

#[tokio::test]
async fn no_secret_shows_anywhere() {
    capture();
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
    assert_eq!(attempts, hosts.len() * 7);
    others(hosts[2].1.rsplit(':').next().unwrap().parse().unwrap(), &mut shown).await;
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
