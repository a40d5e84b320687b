//! Enrichers and signs of life, against HTTP servers: what they send, what they take, and what goes wrong in bounded time.

use std::collections::BTreeMap;

use targets::{EnrichError, Enricher, EnricherSettings, Network, Pulse, PulseSettings, Secret};

use crate::counterpart::{Misbehaviour, STOP_LOGGING, Server, local, misbehaving};

fn enricher(url: Secret) -> Enricher {
    let headers = BTreeMap::from([("authorization".to_owned(), Secret::new("Bearer hunter2hunter2"))]);
    Enricher::new(&EnricherSettings { url, headers, network: local() }).unwrap()
}

async fn ask(url: Secret) -> Result<String, EnrichError> {
    let answer = enricher(url).ask("8f2c", STOP_LOGGING.as_bytes().to_vec()).await?;
    Ok(serde_json::Value::Object(answer).to_string())
}

#[tokio::test]
async fn the_finding_goes_and_an_object_comes() {
    let server = Server::answering(200, &[], r#"{"team":"payments","ticket":{"open":true}}"#).await;
    assert_eq!(ask(server.url("/v1")).await.unwrap(), r#"{"team":"payments","ticket":{"open":true}}"#);
    let [request] = &server.requests()[..] else { panic!("one request") };
    assert_eq!(request.uri.path(), "/v1");
    assert_eq!(request.json()["detail-type"], "Trailhound Finding");
    assert_eq!(request.header("trailhound-finding"), "8f2c");
    assert_eq!(request.header("authorization"), "Bearer hunter2hunter2");
    let nothing = Server::answering(204, &[], "").await;
    assert_eq!(ask(nothing.url("/")).await.unwrap(), "{}");
}

#[tokio::test]
async fn what_is_no_answer_is_told_and_holds_no_secret() {
    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(70_000));
    for (status, body, expected) in [
        (200, "[]", "its answer is not a JSON object of at most 65536 bytes"),
        (200, "<html>", "its answer is not a JSON object of at most 65536 bytes"),
        (200, long.as_str(), "its answer is not a JSON object of at most 65536 bytes"),
        (503, "{}", "it answered 503"),
        (302, "{}", "it answered 302"),
    ] {
        let server = Server::answering(status, &[("location", "http://127.0.0.1:1/")], body).await;
        let error = ask(server.url("/secret-token-in-path")).await.unwrap_err().to_string();
        assert_eq!(error, expected);
    }
}

#[tokio::test]
async fn whoever_misbehaves_is_not_waited_for() {
    for how in [
        Misbehaviour::Silence,
        Misbehaviour::Reset,
        Misbehaviour::Close,
        Misbehaviour::Nonsense,
        Misbehaviour::SlowStatus,
        Misbehaviour::SlowBody,
        Misbehaviour::EndlessBody,
        Misbehaviour::BrokenBody,
    ] {
        let address = misbehaving(how).await;
        let url = Secret::new(&format!("http://{address}/secret-token-in-path"));
        let error = ask(url).await.unwrap_err().to_string();
        assert!(!error.contains("secret-token") && !error.contains("hunter2"), "{how:?}: {error}");
    }
}

#[tokio::test]
async fn private_addresses_are_refused_unless_they_are_allowed() {
    let settings = |url: &str, network: Network| EnricherSettings {
        url: Secret::new(url),
        headers: BTreeMap::new(),
        network,
    };
    let plain = Network { plain_http: true, ..Network::default() };
    for url in ["http://127.0.0.1:1/", "http://169.254.169.254/latest", "http://10.0.0.1/"] {
        assert!(settings(url, plain.clone()).check().is_err(), "{url}");
        assert!(PulseSettings { url: Secret::new(url), network: plain.clone() }.check().is_err(), "{url}");
    }
    assert!(settings("http://example.com/", Network::default()).check().is_err(), "in the clear");
    let server = Server::answering(200, &[], "{}").await;
    let port = server.address.port();
    let by_name = settings(&format!("http://localhost:{port}/"), plain);
    let error = Enricher::new(&by_name).unwrap().ask("8f2c", b"{}".to_vec()).await.unwrap_err();
    assert!(error.to_string().contains("no public address"), "{error}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn signs_of_life_arrive_or_say_why_not() {
    let pulse = |url| Pulse::new(&PulseSettings { url, network: local() }).unwrap();
    let server = Server::answering(200, &[], "OK").await;
    pulse(server.url("/ping/abc")).beat().await.unwrap();
    let [request] = &server.requests()[..] else { panic!("one request") };
    assert_eq!((request.uri.path(), &request.body[..]), ("/ping/abc", &b"{}"[..]));
    let server = Server::answering(404, &[], "no such check").await;
    assert_eq!(pulse(server.url("/ping/abc")).beat().await.unwrap_err().to_string(), "it answered 404");
    let silent = misbehaving(Misbehaviour::Silence).await;
    let error = pulse(Secret::new(&format!("http://{silent}/ping/abc"))).beat().await.unwrap_err();
    assert_eq!(error.to_string(), "no answer within 0.5 s");
}
