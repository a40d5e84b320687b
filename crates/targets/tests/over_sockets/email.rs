//! E-mail against a real relay (PyPI's aiosmtpd), and against ones that break off, stall or talk nonsense.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use targets::{Clock, DeliveryError, Email, EmailSettings, Network, RetryAfter, Secret, SetupError, SmtpTls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::counterpart::{HOSTILE, RESOLVED, STOP_LOGGING, deliver, local, update};

/// A relay in a process of its own.
struct Relay {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Relay {
    /// `None` where there is no aiosmtpd, unless the test set-up promised one.
    fn start(behaviour: &Value) -> Option<Relay> {
        let python = std::env::var("TRAILHOUND_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let has = Command::new(&python)
            .args(["-c", "import aiosmtpd, cryptography"])
            .stderr(Stdio::null())
            .status();
        if !has.is_ok_and(|status| status.success()) {
            assert!(
                std::env::var_os("TRAILHOUND_REQUIRE_DATA").is_none(),
                "no aiosmtpd: run `cargo xtask test`, which installs it"
            );
            eprintln!("no Python with aiosmtpd and cryptography: left out mails to a relay");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(python)
            .args(["-c", include_str!("relay.py")])
            .arg(folder.path())
            .arg(behaviour.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Relay { process, port: line.trim().parse().unwrap(), folder })
    }

    fn settings(&self, tls: SmtpTls) -> EmailSettings {
        let ca = std::fs::read_to_string(self.folder.path().join("ca.pem")).unwrap();
        EmailSettings { port: Some(self.port), tls, ca: Some(ca), ..settings() }
    }

    fn mails(&self) -> Vec<Value> {
        let mut paths: Vec<_> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .collect();
        paths.sort();
        paths.iter().map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).collect()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn settings() -> EmailSettings {
    EmailSettings {
        server: "localhost".to_owned(),
        port: None,
        tls: SmtpTls::None,
        ca: None,
        login: None,
        hello: None,
        from: "Trailhound <trailhound@example.com>".to_owned(),
        to: vec!["Security <security@example.com>".to_owned(), "oncall@example.com".to_owned()],
        network: Network {
            timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(60),
            ..local()
        },
    }
}

fn login(password: &str) -> Option<(Secret, Secret)> {
    Some((Secret::new("trailhound"), Secret::new(password)))
}

fn clock() -> Clock {
    Arc::new(|| "2026-11-03T02:41:10Z".parse::<Timestamp>().unwrap())
}

fn email(settings: &EmailSettings) -> Email {
    Email::new(settings, clock()).unwrap()
}

fn header<'m>(mail: &'m Value, name: &str) -> Option<&'m str> {
    let head = mail["mail"].as_str().unwrap().split("\r\n\r\n").next().unwrap();
    head.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn mails_about_a_finding_are_a_thread() {
    let Some(relay) = Relay::start(&json!({})) else { return };
    let email = email(&relay.settings(SmtpTls::None));
    let first = deliver(&email, STOP_LOGGING).await.unwrap();
    assert_eq!(first.text, "250 2.0.0 queued as 0");
    let handle = first.handle.unwrap();
    assert_eq!(handle, "<3f0c9a4e-7d1b-8c52-9e6f-0a1b2c3d4e5f.0.oncall@example.com>");
    update(&email, STOP_LOGGING, 1, &handle).await.unwrap();
    let mails = relay.mails();
    assert_eq!(mails[0]["from"], "trailhound@example.com");
    assert_eq!(mails[0]["to"], json!(["security@example.com", "oncall@example.com"]));
    assert_eq!(mails[0]["hello"], "example.com");
    assert_eq!(header(&mails[0], "Message-ID"), Some(handle.as_str()));
    assert_eq!(header(&mails[0], "In-Reply-To"), None);
    assert_eq!(header(&mails[0], "X-Trailhound-Key"), Some("3f0c9a4e-7d1b-8c52-9e6f-0a1b2c3d4e5f:0:oncall"));
    assert_eq!(header(&mails[1], "In-Reply-To"), Some(handle.as_str()));
    assert_eq!(header(&mails[1], "References"), Some(handle.as_str()));
    assert_ne!(header(&mails[1], "Message-ID"), Some(handle.as_str()));
    assert!(header(&mails[1], "Subject").unwrap().starts_with("Re: "));
}

#[tokio::test]
async fn mails_read_well() {
    let Some(relay) = Relay::start(&json!({})) else { return };
    let email = email(&relay.settings(SmtpTls::None));
    for (number, (name, finding)) in
        [("stop-logging", STOP_LOGGING), ("hostile", HOSTILE), ("resolved", RESOLVED)].into_iter().enumerate()
    {
        deliver(&email, finding).await.unwrap();
        let mail = relay.mails()[number]["mail"].as_str().unwrap().replace("\r\n", "\n");
        assert!(mail.is_ascii(), "no relay has to know more");
        assert!(mail.lines().all(|line| line.len() <= 998));
        insta::assert_snapshot!(format!("mail_{name}"), mail);
    }
}

#[tokio::test]
async fn tls_and_login() {
    for (tls, name) in [(SmtpTls::StartTls, "starttls"), (SmtpTls::Implicit, "implicit")] {
        let Some(relay) = Relay::start(&json!({ "tls": name, "login": tls == SmtpTls::StartTls })) else {
            return;
        };
        let right = EmailSettings { login: login("hunter2-hunter2"), ..relay.settings(tls) };
        let right = if tls == SmtpTls::Implicit { EmailSettings { login: None, ..right } } else { right };
        deliver(&email(&right), STOP_LOGGING).await.unwrap();
        let mail = &relay.mails()[0];
        assert_eq!(mail["tls"], true, "{name}");
        if tls == SmtpTls::StartTls {
            assert_eq!(mail["login"], "trailhound");
            let wrong = EmailSettings { login: login("hunter3-hunter3"), ..right.clone() };
            let error = deliver(&email(&wrong), STOP_LOGGING).await.unwrap_err();
            let DeliveryError::Retryable { reason, retry_after } = &error else { panic!("{error:?}") };
            assert!(
                reason.starts_with("could not sign in: ")
                    && reason.ends_with("check the user and the password"),
                "{reason}"
            );
            assert!(!reason.contains("hunter3"), "{reason}");
            assert_eq!(
                *retry_after,
                Some(RetryAfter::In(Duration::from_secs(300))),
                "it is left alone for a while"
            );
        }
        // A certificate that nobody vouches for.
        let error = deliver(&email(&EmailSettings { ca: None, ..right }), STOP_LOGGING).await.unwrap_err();
        assert!(matches!(&error, DeliveryError::Retryable { .. }), "{error:?}");
        assert_eq!(relay.mails().len(), 1);
    }
}

#[tokio::test]
async fn a_relay_without_tls_gets_no_mail_that_wants_it() {
    let Some(relay) = Relay::start(&json!({})) else { return };
    let error = deliver(&email(&relay.settings(SmtpTls::StartTls)), STOP_LOGGING).await.unwrap_err();
    assert_eq!(error.to_string(), "the relay does not offer STARTTLS: set `tls` to what it has");
    assert_eq!(relay.mails().len(), 0);
}

#[tokio::test]
async fn a_greylist_is_waited_for_and_nobody_gets_it_twice() {
    let Some(relay) = Relay::start(&json!({ "greylist": 1 })) else { return };
    let email = email(&relay.settings(SmtpTls::None));
    let error = deliver(&email, STOP_LOGGING).await.unwrap_err();
    assert!(
        matches!(&error, DeliveryError::Retryable { reason, .. } if reason.contains("Greylisted")),
        "{error:?}"
    );
    assert_eq!(relay.mails().len(), 0);
    deliver(&email, STOP_LOGGING).await.unwrap();
    assert_eq!(relay.mails().len(), 1);
}

#[tokio::test]
async fn refusals_for_good_are_dead_and_one_recipient_does_not_stop_the_others() {
    let Some(relay) = Relay::start(&json!({ "unknown": ["oncall@example.com"] })) else { return };
    let receipt = deliver(&email(&relay.settings(SmtpTls::None)), STOP_LOGGING).await.unwrap();
    assert!(
        receipt.text.contains("refused for oncall@example.com") && receipt.text.contains("No such user"),
        "{receipt:?}"
    );
    assert_eq!(relay.mails()[0]["to"], json!(["security@example.com"]));
    let alone = EmailSettings { to: vec!["oncall@example.com".to_owned()], ..relay.settings(SmtpTls::None) };
    let error = deliver(&email(&alone), STOP_LOGGING).await.unwrap_err();
    assert!(
        matches!(&error, DeliveryError::Permanent { reason } if reason.contains("No such user")),
        "{error:?}"
    );

    let Some(relay) = Relay::start(&json!({ "answer": "554 5.7.1 Message rejected as spam" })) else {
        return;
    };
    let error = deliver(&email(&relay.settings(SmtpTls::None)), STOP_LOGGING).await.unwrap_err();
    assert!(matches!(&error, DeliveryError::Permanent { reason } if reason.contains("554")), "{error:?}");
    let Some(relay) = Relay::start(&json!({ "answer": "452 4.3.1 Insufficient system storage" })) else {
        return;
    };
    let error = deliver(&email(&relay.settings(SmtpTls::None)), STOP_LOGGING).await.unwrap_err();
    assert!(matches!(&error, DeliveryError::Retryable { reason, .. } if reason.contains("452")), "{error:?}");
}

#[tokio::test]
async fn a_slow_relay_is_not_waited_for_forever() {
    let Some(relay) = Relay::start(&json!({ "stall": 30 })) else { return };
    let network = Network { timeout: Duration::from_millis(500), ..settings().network };
    let impatient = EmailSettings { network, ..relay.settings(SmtpTls::None) };
    let error = deliver(&email(&impatient), STOP_LOGGING).await.unwrap_err();
    assert_eq!(error.to_string(), "could not hand the mail over within 0.5 s");
}

/// A relay that says `greeting` and then does `then`.
async fn rude(greeting: &'static [u8], then: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.write_all(greeting).await;
                let mut some = [0; 512];
                match then {
                    "silence" => std::future::pending::<()>().await,
                    "reset" => {
                        let _ = stream.read(&mut some).await;
                        let _ = stream.set_zero_linger();
                    }
                    "flood" => while stream.write_all(b"250-more and more and more\r\n").await.is_ok() {},
                    _ => {}
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn connections_that_fail_are_tried_again() {
    for (greeting, then) in [
        (&b""[..], "silence"),
        (b"", "close"),
        (b"220 relay\r\n", "silence"),
        (b"220 relay\r\n", "reset"),
        (b"220 relay\r\n", "flood"),
        (b"421 4.3.2 Service shutting down\r\n", "close"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "close"),
    ] {
        let address = rude(greeting, then).await;
        let network = Network { connect_timeout: Duration::from_millis(400), ..settings().network };
        let settings = EmailSettings {
            server: "127.0.0.1".to_owned(),
            port: Some(address.port()),
            network,
            ..settings()
        };
        let error = deliver(&email(&settings), STOP_LOGGING).await.unwrap_err();
        assert!(matches!(&error, DeliveryError::Retryable { .. }), "{greeting:?} {then}: {error:?}");
    }
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let settings = EmailSettings { port: Some(closed), ..settings() };
    let error = deliver(&email(&settings), STOP_LOGGING).await.unwrap_err();
    assert!(matches!(&error, DeliveryError::Retryable { .. }), "{error:?}");
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused() {
    let strict = Network { allow: Vec::new(), ..settings().network };
    let named = EmailSettings { network: strict.clone(), ..settings() };
    let error = deliver(&email(&named), STOP_LOGGING).await.unwrap_err();
    assert!(error.to_string().contains("no public address"), "{error}");
    for server in ["127.0.0.1", "::1", "::ffff:10.0.0.1", "169.254.169.254"] {
        let literal = EmailSettings { server: server.to_owned(), network: strict.clone(), ..settings() };
        assert!(matches!(Email::new(&literal, clock()), Err(SetupError::Address(_))), "{server}");
    }
    // What the system's resolver takes for an address is held to it as well.
    for server in ["2130706433", "0x7f000001", "127.1"] {
        let dressed_up = EmailSettings { server: server.to_owned(), network: strict.clone(), ..settings() };
        if let Ok(email) = Email::new(&dressed_up, clock()) {
            let error = deliver(&email, STOP_LOGGING).await.unwrap_err();
            assert!(error.to_string().contains("no public address"), "{server}: {error}");
        }
    }
}

#[test]
fn settings_that_will_not_do() {
    let broken = |change: fn(&mut EmailSettings)| {
        let mut settings = settings();
        change(&mut settings);
        settings.check().unwrap_err()
    };
    assert_eq!(broken(|s| s.server = "smtp://relay".to_owned()), SetupError::Server);
    assert_eq!(broken(|s| s.login = login("x")), SetupError::LoginInTheClear);
    assert_eq!(broken(|s| s.to.clear()), SetupError::Recipients);
    assert_eq!(broken(|s| s.hello = Some("a b".to_owned())), SetupError::Hello);
    let no_pem =
        broken(|s| (s.tls, s.ca) = (SmtpTls::StartTls, Some("-----BEGIN CERTIFICATE-----\nx".to_owned())));
    assert_eq!(no_pem, SetupError::Certificates);
    for bad in
        ["", "nobody", "a@example.com\r\nBcc: b@example.com", "é@example.com", "a@b@c", "<a@example.com"]
    {
        let mut settings = settings();
        settings.from = bad.to_owned();
        assert!(matches!(settings.check(), Err(SetupError::Mailbox(_))), "{bad:?}");
    }
}
