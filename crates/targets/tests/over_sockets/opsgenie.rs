//! OpsGenie against a counterpart that keeps to the limits of its Alert API.

use std::time::Duration;

use route::Kind;
use targets::{DeliveryError, OpsGenie, OpsGenieSettings, RetryAfter, Secret, SetupError};

use crate::counterpart::{
    HOSTILE, Misbehaviour, RESOLVED, STOP_LOGGING, Server, deliver, later, local, misbehaving, update,
};
use crate::published;

const KEY: &str = "eb243592-faa2-4ba2-a551-1afdf565c889";

fn settings(url: Secret) -> OpsGenieSettings {
    OpsGenieSettings { api_key: Secret::new(KEY), url: Some(url), network: local() }
}

fn opsgenie(url: Secret) -> OpsGenie {
    OpsGenie::new(&settings(url)).unwrap()
}

async fn counterpart() -> Server {
    Server::start(|request| {
        if request.header("authorization") != format!("GenieKey {KEY}") {
            return (401, vec![], format!("no such key: {}", request.header("authorization")));
        }
        match published::opsgenie(request.uri.path(), &request.json()) {
            Ok(()) => {
                (202, vec![], r#"{"result":"Request will be processed","requestId":"43a29c5c"}"#.to_owned())
            }
            Err(wrong) => (422, vec![], wrong),
        }
    })
    .await
}

#[tokio::test]
async fn an_alert_is_opened_commented_on_and_closed() {
    let server = counterpart().await;
    let opsgenie = opsgenie(server.url("/v2/alerts"));
    let first = deliver(&opsgenie, STOP_LOGGING).await.unwrap();
    let alias = "3f0c9a4e-7d1b-8c52-9e6f-0a1b2c3d4e5f";
    assert_eq!(first.handle.as_deref(), Some(alias));
    update(&opsgenie, STOP_LOGGING, 1, alias).await.unwrap();
    later(&opsgenie, STOP_LOGGING, 2, Kind::Closing, alias).await.unwrap();
    deliver(&opsgenie, HOSTILE).await.unwrap();
    deliver(&opsgenie, RESOLVED).await.unwrap();
    let requests = server.requests();
    let asked: Vec<String> = requests.iter().map(|request| request.uri.to_string()).collect();
    assert_eq!(asked[0], "/v2/alerts");
    assert_eq!(asked[1], format!("/v2/alerts/{alias}/notes?identifierType=alias"));
    assert_eq!(asked[2], format!("/v2/alerts/{alias}/close?identifierType=alias"));
    assert!(asked[4].ends_with("/close?identifierType=alias"), "{}", asked[4]);
    assert_eq!(requests[0].json()["alias"], alias);
    assert_eq!(requests[0].json()["priority"], "P1");
    let note = requests[1].json()["note"].as_str().unwrap().to_owned();
    assert!(note.contains("12 more"), "{note}");
}

#[tokio::test]
async fn refusals_limits_and_failures() {
    for (status, headers, again) in [
        (429, &[("retry-after", "60")][..], Some(Some(RetryAfter::In(Duration::from_secs(60))))),
        (500, &[], Some(None)),
        (422, &[], None),
        (401, &[], None),
    ] {
        let server = Server::answering(status, headers, KEY).await;
        let error = deliver(&opsgenie(server.url("/v2/alerts")), STOP_LOGGING).await.unwrap_err();
        assert!(!error.to_string().contains(KEY), "{error}");
        let found = match error {
            DeliveryError::Retryable { retry_after, .. } => Some(retry_after),
            DeliveryError::Permanent { .. } => None,
        };
        assert_eq!(found, again, "{status}");
    }
    for how in [Misbehaviour::Silence, Misbehaviour::Reset, Misbehaviour::SlowStatus] {
        let url = Secret::new(&format!("http://{}/v2/alerts", misbehaving(how).await));
        let error = deliver(&opsgenie(url), STOP_LOGGING).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Retryable { .. }), "{how:?}: {error:?}");
    }
    let server = counterpart().await;
    let other = OpsGenieSettings {
        api_key: Secret::new("another-key-of-20-characters"),
        ..settings(server.url("/"))
    };
    let error = deliver(&OpsGenie::new(&other).unwrap(), STOP_LOGGING).await.unwrap_err();
    assert_eq!(error.to_string(), "401 Unauthorized: no such key: GenieKey [secret]");
    let short = OpsGenieSettings { api_key: Secret::new("x"), ..settings(server.url("/")) };
    assert_eq!(short.check(), Err(SetupError::ApiKey));
}
