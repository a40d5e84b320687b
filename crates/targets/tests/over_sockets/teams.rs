//! Teams against a workflow that checks the card as Teams does.

use std::time::Duration;
use targets::{DeliveryError, RetryAfter, Secret, SetupError, Teams, TeamsSettings};

use crate::counterpart::{
    HOSTILE, Misbehaviour, RESOLVED, STOP_LOGGING, Server, deliver, local, misbehaving,
};
use crate::published;

fn teams(webhook: Secret) -> Teams {
    Teams::new(&TeamsSettings { webhook, network: local() }).unwrap()
}

async fn workflow() -> Server {
    Server::start(|request| match published::teams(&request.json()) {
        Ok(()) => (202, vec![], String::new()),
        Err(reason) => (400, vec![], reason),
    })
    .await
}

#[tokio::test]
async fn a_workflow_takes_every_card() {
    let server = workflow().await;
    let teams = teams(server.url("/workflows/abc/triggers/manual/paths/invoke?sig=s3cr3t-s1gnature"));
    for finding in [STOP_LOGGING, HOSTILE, RESOLVED] {
        assert_eq!(deliver(&teams, finding).await.unwrap().text, "202 Accepted");
    }
    assert_eq!(server.requests()[0].uri.path(), "/workflows/abc/triggers/manual/paths/invoke");
}

#[tokio::test]
async fn limits_and_failures() {
    for (status, headers, again) in [
        (429, &[("retry-after", "17")][..], Some(Some(RetryAfter::In(Duration::from_secs(17))))),
        (500, &[], Some(None)),
        (502, &[], Some(None)),
        (400, &[], None),
        (404, &[], None),
    ] {
        let server = Server::answering(status, headers, "sig=s3cr3t-s1gnature").await;
        let error = deliver(&teams(server.url("/x?sig=s3cr3t-s1gnature")), STOP_LOGGING).await.unwrap_err();
        assert!(!error.to_string().contains("s3cr3t"), "{error}");
        let found = match error {
            DeliveryError::Retryable { retry_after, .. } => Some(retry_after),
            DeliveryError::Permanent { .. } => None,
        };
        assert_eq!(found, again, "{status}");
    }
    for how in [Misbehaviour::Silence, Misbehaviour::Reset, Misbehaviour::SlowStatus, Misbehaviour::Nonsense]
    {
        let address = misbehaving(how).await;
        let url = Secret::new(&format!("http://{address}/"));
        let error = deliver(&teams(url), STOP_LOGGING).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Retryable { .. }), "{how:?}: {error:?}");
    }
    let plain =
        TeamsSettings { webhook: Secret::new("http://a.example/"), network: targets::Network::default() };
    assert_eq!(plain.check(), Err(SetupError::NotHttps));
}
