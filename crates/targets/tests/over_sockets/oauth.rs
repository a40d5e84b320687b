//! A webhook with OAuth: a token server and a receiver that takes its tokens.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use targets::{
    ClientAuthentication, Clock, DeliveryError, OAuthSettings, RetryAfter, Secret, SetupError, Shape,
    Webhook, WebhookSettings,
};

use crate::counterpart::{Misbehaviour, STOP_LOGGING, Server, deliver, local, misbehaving};

const CLIENT_SECRET: &str = "cl1ent-s3cret/+=";

/// Token server and receiver in one: tokens are `token-N-…`, and only the newest is good.
#[derive(Clone)]
struct Issuer {
    server: Server,
    good: Arc<Mutex<String>>,
    issued: Arc<AtomicUsize>,
}

impl Issuer {
    async fn start(authentication: ClientAuthentication) -> Issuer {
        let good = Arc::new(Mutex::new(String::new()));
        let issued = Arc::new(AtomicUsize::new(0));
        let (of_server, count) = (Arc::clone(&good), Arc::clone(&issued));
        let server = Server::start(move |request| {
            if request.uri.path() == "/token" {
                let body = String::from_utf8_lossy(&request.body).into_owned();
                let header = request.header("authorization");
                let known = match authentication {
                    // `trailhound:cl1ent-s3cret%2F%2B%3D`
                    ClientAuthentication::Header => {
                        header == "Basic dHJhaWxob3VuZDpjbDFlbnQtczNjcmV0JTJGJTJCJTNE"
                            && body == "grant_type=client_credentials&scope=findings.write&audience=siem"
                    }
                    ClientAuthentication::Body => {
                        header.is_empty()
                            && body == "grant_type=client_credentials&client_id=trailhound&client_secret=cl1ent-s3cret%2F%2B%3D&scope=findings.write&audience=siem"
                    }
                };
                if !known {
                    return (401, vec![], format!(r#"{{"error":"invalid_client","error_description":"{body} {header}"}}"#));
                }
                let number = count.fetch_add(1, Ordering::SeqCst);
                let token = format!("token-{number}-{}", "x".repeat(6_000));
                of_server.lock().unwrap().clone_from(&token);
                return (200, vec![], format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":3600}}"#));
            }
            let token = request.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
            if token == *of_server.lock().unwrap() {
                (200, vec![], "taken".to_owned())
            } else {
                (401, vec![], format!("not good: {token}"))
            }
        })
        .await;
        Issuer { server, good, issued }
    }

    fn settings(&self, authentication: ClientAuthentication) -> WebhookSettings {
        WebhookSettings {
            url: self.server.url("/hook"),
            signing_keys: Vec::new(),
            oauth: Some(OAuthSettings {
                token_url: self.server.url("/token"),
                client_id: "trailhound".to_owned(),
                client_secret: Secret::new(CLIENT_SECRET),
                authentication,
                scope: Some("findings.write".to_owned()),
                audience: Some("siem".to_owned()),
            }),
            headers: BTreeMap::new(),
            shape: Shape::default(),
            network: local(),
        }
    }
}

/// A clock that is set by hand.
fn clock() -> (Clock, Arc<AtomicI64>) {
    let seconds = Arc::new(AtomicI64::new(1_793_673_669));
    let read = Arc::clone(&seconds);
    (Arc::new(move || Timestamp::from_second(read.load(Ordering::SeqCst)).unwrap()), seconds)
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_again_before_it_ends() {
    for authentication in [ClientAuthentication::Header, ClientAuthentication::Body] {
        let issuer = Issuer::start(authentication).await;
        let (clock, seconds) = clock();
        let webhook = Webhook::new(issuer.settings(authentication), clock).unwrap();
        for _ in 0..3 {
            assert_eq!(deliver(&webhook, STOP_LOGGING).await.unwrap().text, "200 OK: taken");
        }
        assert_eq!(issuer.issued.load(Ordering::SeqCst), 1);
        seconds.fetch_add(3_571, Ordering::SeqCst);
        deliver(&webhook, STOP_LOGGING).await.unwrap();
        assert_eq!(issuer.issued.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once() {
    let issuer = Issuer::start(ClientAuthentication::Header).await;
    let webhook = Webhook::new(issuer.settings(ClientAuthentication::Header), clock().0).unwrap();
    deliver(&webhook, STOP_LOGGING).await.unwrap();
    *issuer.good.lock().unwrap() = "revoked".to_owned();
    deliver(&webhook, STOP_LOGGING).await.unwrap();
    assert_eq!(issuer.issued.load(Ordering::SeqCst), 2);

    // A receiver that refuses every token.
    let deaf = Server::start(|request| (401, vec![], request.header("authorization").to_owned())).await;
    let settings =
        WebhookSettings { url: deaf.url("/hook"), ..issuer.settings(ClientAuthentication::Header) };
    let webhook = Webhook::new(settings, clock().0).unwrap();
    let error = deliver(&webhook, STOP_LOGGING).await.unwrap_err();
    assert_eq!(error.to_string(), "401 Unauthorized: Bearer [secret]");
    assert_eq!(deaf.requests().len(), 2, "once more, and no more");
}

#[tokio::test]
async fn token_servers_that_refuse_or_fail() {
    let issuer = Issuer::start(ClientAuthentication::Header).await;
    let with = |change: &dyn Fn(&mut OAuthSettings)| {
        let mut settings = issuer.settings(ClientAuthentication::Header);
        settings.oauth.iter_mut().for_each(change);
        Webhook::new(settings, clock().0).unwrap()
    };
    let wrong = with(&|oauth| oauth.client_secret = Secret::new("wr0ng-s3cret"));
    let error = deliver(&wrong, STOP_LOGGING).await.unwrap_err();
    let reason = "the token server answered 401 (invalid_client): check the client's id, secret and scope";
    let slow = Some(RetryAfter::In(Duration::from_secs(300)));
    assert_eq!(error, DeliveryError::Retryable { reason: reason.to_owned(), retry_after: slow });
    for (status, headers, body, expected) in [
        (503, &[("retry-after", "9")][..], "", "the token server answered 503"),
        (429, &[], r#"{"error":"slow_down"}"#, "the token server answered 429 (slow_down)"),
        (200, &[], "{}", "the token server's answer holds no bearer token"),
        (200, &[], "<html>", "the token server's answer holds no bearer token"),
    ] {
        let server = Server::answering(status, headers, body).await;
        let webhook = with(&|oauth| oauth.token_url = server.url("/token"));
        let error = deliver(&webhook, STOP_LOGGING).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Retryable { .. }));
        assert_eq!(error.to_string(), expected);
    }
    for how in [Misbehaviour::Silence, Misbehaviour::Reset, Misbehaviour::EndlessBody] {
        let address = misbehaving(how).await;
        let webhook = with(&|oauth| oauth.token_url = Secret::new(&format!("http://{address}/")));
        assert!(
            matches!(deliver(&webhook, STOP_LOGGING).await, Err(DeliveryError::Retryable { .. })),
            "{how:?}"
        );
    }
    let hooks = issuer.server.requests().iter().filter(|request| request.uri.path() == "/hook").count();
    assert_eq!(hooks, 0, "nothing is sent without a token");
}

#[tokio::test]
async fn settings_that_will_not_do() {
    let issuer = Issuer::start(ClientAuthentication::Header).await;
    let settings = issuer.settings(ClientAuthentication::Header);
    assert_eq!(WebhookSettings { oauth: None, ..settings.clone() }.check(), Err(SetupError::SigningKey));
    let headers = BTreeMap::from([("authorization".to_owned(), Secret::new("Basic x"))]);
    let twice = WebhookSettings { headers, ..settings };
    assert_eq!(twice.check(), Err(SetupError::Header("Authorization".to_owned())));
}
