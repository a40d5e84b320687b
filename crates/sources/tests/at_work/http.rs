//! HTTP push: who gets in, what is taken, and that the answer waits for the commit.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use sources::http::{Fetch, Fetching};
use sources::{ApiKey, Batch, Class, Http, HttpSettings, Limits, Session, Source};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::kit::{Committed, Rig, clock, gzip, log_file, record};

const KEY: &str = "a-key-of-some-length";

fn settings() -> HttpSettings {
    let keys = vec![ApiKey::new(KEY).unwrap()];
    HttpSettings { keys, ..HttpSettings::new("push", "127.0.0.1:0".parse().unwrap()) }
}

fn client() -> Client {
    // Whoever comes second finds it set.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

struct Listening {
    rig: Rig,
    at: SocketAddr,
    client: Client,
    store: Arc<Mutex<Committed>>,
}

impl Listening {
    async fn start(settings: HttpSettings) -> Listening {
        Self::start_source(Http::new(settings).unwrap(), Limits::default()).await
    }

    async fn start_source(source: Http, limits: Limits) -> Listening {
        let store = Arc::new(Mutex::new(Committed::default()));
        let mut address = source.address();
        let rig = Rig::with_limits(Arc::new(source), &store, limits);
        let at = address.wait_for(Option::is_some).await.unwrap().unwrap();
        Listening { rig, at, client: client(), store }
    }

    fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> RequestBuilder {
        let request = self.client.post(format!("http://{}{path}", self.at));
        request.header("x-api-key", KEY).header("content-type", "application/json").body(body.into())
    }

    async fn events(&self, body: impl Into<Vec<u8>>) -> (u16, String) {
        answer(self.post("/events", body)).await
    }
}

async fn answer(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn envelope(id: &str) -> String {
    format!(
        r#"{{"version":"0","id":"x","detail-type":"AWS API Call via CloudTrail","source":"aws.iam","account":"111122223333","time":"2026-11-03T02:15:00Z","region":"us-east-1","resources":[],"detail":{}}}"#,
        record(id)
    )
}

#[tokio::test]
async fn every_shape_is_taken() {
    let listening = Listening::start(settings()).await;
    let bodies: [(Vec<u8>, &str); 5] = [
        (envelope("1").into_bytes(), "application/json; charset=utf-8"),
        (format!("{}\n{}\n", envelope("2"), record("3")).into_bytes(), "application/x-ndjson"),
        (log_file(&["4", "5"]), "application/octet-stream"),
        (gzip(&log_file(&["6"])), "application/gzip"),
        (gzip(envelope("7").as_bytes()), "application/json"),
    ];
    for (body, kind) in bodies {
        let request = listening.client.post(format!("http://{}/events", listening.at)).bearer_auth(KEY);
        let (status, text) = answer(request.header("content-type", kind).body(body)).await;
        assert_eq!((status, text.as_str()), (200, "{\"status\":\"committed\"}\n"));
    }
    listening.rig.stop().await.unwrap();
    let store = listening.store.lock().unwrap();
    assert_eq!(store.ids, ["1", "2", "3", "4", "5", "6", "7"]);
    assert_eq!(store.origins[0], "push: request from 127.0.0.1");
}

#[tokio::test]
async fn the_answer_waits_for_the_commit() {
    let source = Http::new(settings()).unwrap();
    let mut address = source.address();
    let (session, mut control) = Session::open("push", Limits::default(), &clock(), []);
    let running = tokio::spawn(async move { source.run(session).await });
    let at = address.wait_for(Option::is_some).await.unwrap().unwrap();
    let client = client();
    let post = move || {
        let request = client.post(format!("http://{at}/events")).header("x-api-key", KEY);
        tokio::spawn(request.header("content-type", "application/json").body(envelope("1")).send())
    };

    let mut answered = post();
    let Batch { content, acknowledge, .. } = control.next().await.unwrap();
    assert_eq!(content.payloads[0].class, Class::EventBridge);
    assert!(
        tokio::time::timeout(Duration::from_millis(100), &mut answered).await.is_err(),
        "no answer before the verdict"
    );
    acknowledge.committed();
    assert_eq!(answered.await.unwrap().unwrap().status(), 200);

    let answered = post();
    control.next().await.unwrap().acknowledge.refused("the disk is full");
    let response = answered.await.unwrap().unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].as_bytes()), (503, &b"5"[..]));
    assert!(!response.text().await.unwrap().contains("disk"), "the inside is nobody's business");

    let answered = post();
    drop(control.next().await.unwrap());
    assert_eq!(answered.await.unwrap().unwrap().status(), 503);

    // Asked to end, it answers what it has begun and takes nothing more.
    let answered = post();
    let batch = control.next().await.unwrap();
    control.stop();
    batch.acknowledge.committed();
    assert_eq!(answered.await.unwrap().unwrap().status(), 200);
    running.await.unwrap().unwrap();
    assert!(TcpStream::connect(at).await.is_err());
}

#[tokio::test]
async fn who_has_no_key_gets_nothing_in() {
    let listening = Listening::start(settings()).await;
    let url = format!("http://{}/events", listening.at);
    let request =
        || listening.client.post(&url).header("content-type", "application/json").body(envelope("1"));
    let (status, text) = answer(request()).await;
    assert_eq!(status, 401);
    assert!(text.contains("X-Api-Key"), "{text}");
    assert_eq!(answer(request().header("x-api-key", "a-key-of-some-lengtH")).await.0, 403);
    assert_eq!(answer(request().bearer_auth("wrong")).await.0, 403);
    assert_eq!(answer(listening.client.get(&url).header("x-api-key", KEY)).await.0, 405);
    assert_eq!(answer(listening.post("/", envelope("1"))).await.0, 404);
    let (status, text) =
        answer(listening.post("/events", "{}").header("x-amz-sns-message-type", "Notification")).await;
    assert_eq!(status, 403);
    assert!(text.contains("/sns"), "{text}");
    listening.rig.stop().await.unwrap();
    assert_eq!(listening.store.lock().unwrap().batches, 0);
}

#[tokio::test]
async fn bodies_are_bounded_in_length_and_in_what_they_hold() {
    let settings = HttpSettings { body_max: 10_000, inflated_max: 1 << 20, ..settings() };
    let listening = Listening::start(settings).await;
    assert_eq!(listening.events(log_file(&["1"; 100])).await.0, 413);
    let bomb = gzip(&vec![b' '; 4 << 20]);
    assert!(bomb.len() < 10_000);
    let (status, text) = listening.events(bomb).await;
    assert_eq!((status, text.contains("inflates")), (413, true), "{text}");
    // Without a length, it is the bytes that count.
    let mut stream = TcpStream::connect(listening.at).await.unwrap();
    let head = format!(
        "POST /events HTTP/1.1\r\nHost: x\r\nX-Api-Key: {KEY}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", 6_000, " ".repeat(6_000));
    stream.write_all(chunk.repeat(2).as_bytes()).await.unwrap();
    assert!(head_of(stream).await.starts_with("HTTP/1.1 413"));
    for (body, kind, wanted) in [
        ("", "application/json", 400),
        ("  \n", "application/json", 400),
        ("<xml/>", "application/json", 400),
        ("{}", "application/x-www-form-urlencoded", 415),
        ("{}", "text/plain", 415),
    ] {
        let request =
            listening.client.post(format!("http://{}/events", listening.at)).header("x-api-key", KEY);
        assert_eq!(
            answer(request.header("content-type", kind).body(body)).await.0,
            wanted,
            "{body} as {kind}"
        );
    }
    let request = listening.post("/events", "{}").header("content-encoding", "br");
    assert_eq!(answer(request).await.0, 415);
    assert_eq!(listening.events(log_file(&["1"])).await.0, 200);
    listening.rig.stop().await.unwrap();
    assert_eq!(listening.store.lock().unwrap().ids, ["1"]);
}

async fn head_of(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // The other side may close with a reset once it has answered.
    let _ = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn who_sends_slowly_is_let_go_and_holds_up_nobody() {
    let settings = HttpSettings { patience: Duration::from_millis(200), connections: 3, ..settings() };
    let listening = Listening::start(settings).await;
    let mut half_a_head = TcpStream::connect(listening.at).await.unwrap();
    half_a_head.write_all(b"POST /events HTTP/1.1\r\nHost: ").await.unwrap();
    let nothing = TcpStream::connect(listening.at).await.unwrap();
    let mut half_a_body = TcpStream::connect(listening.at).await.unwrap();
    let head = format!(
        "POST /events HTTP/1.1\r\nHost: x\r\nX-Api-Key: {KEY}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
    );
    half_a_body.write_all(head.as_bytes()).await.unwrap();
    // All places are taken, until their patience ends.
    assert_eq!(listening.events(envelope("1")).await.0, 200);
    assert!(head_of(half_a_body).await.starts_with("HTTP/1.1 408"));
    assert!(!head_of(half_a_head).await.contains("200"));
    assert_eq!(head_of(nothing).await, "");
    listening.rig.stop().await.unwrap();
}

#[tokio::test]
async fn a_full_intake_says_try_later() {
    let source = Http::new(settings()).unwrap();
    let mut address = source.address();
    let (session, mut control) = Session::open("push", Limits { batches: 1, bytes: 1 << 20 }, &clock(), []);
    let running = tokio::spawn(async move { source.run(session).await });
    let at = address.wait_for(Option::is_some).await.unwrap().unwrap();
    let client = client();
    let post = || {
        let request = client.post(format!("http://{at}/events")).header("x-api-key", KEY);
        tokio::spawn(request.header("content-type", "application/json").body(envelope("1")).send())
    };
    let first = post();
    let batch = control.next().await.unwrap();
    assert_eq!(post().await.unwrap().unwrap().status(), 503);
    batch.acknowledge.committed();
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    drop(control);
    running.await.unwrap().unwrap();
}

#[test]
fn others_are_not_listened_to_without_a_key() {
    for address in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:80"] {
        let error = Http::new(HttpSettings::new("push", address.parse().unwrap())).unwrap_err();
        assert!(error.to_string().contains("no key"), "{error}");
        assert!(error.next_step().unwrap().contains("127.0.0.1"));
    }
    assert!(Http::new(HttpSettings::new("push", "[::1]:8080".parse().unwrap())).is_ok());
}

/// SNS's own address, played: one certificate, and a note of what was asked for.
#[derive(Default)]
struct PlayedSns {
    asked: Mutex<Vec<String>>,
}

impl Fetch for PlayedSns {
    fn get<'a>(&'a self, url: &'a str) -> Fetching<'a> {
        self.asked.lock().unwrap().push(url.to_owned());
        Box::pin(async { Ok(include_bytes!("sns/certificate.pem").to_vec()) })
    }
}

#[tokio::test]
async fn sns_is_believed_only_when_it_signed() {
    let topics = vec!["arn:aws:sns:eu-central-1:111122223333:events".to_owned()];
    let sns = Arc::new(PlayedSns::default());
    let fetch: Arc<dyn Fetch> = sns.clone();
    let source = Http::with_fetch(HttpSettings { topics, ..settings() }, fetch).unwrap();
    let listening = Listening::start_source(source, Limits::default()).await;
    let post = |body: &str| {
        answer(listening.client.post(format!("http://{}/sns", listening.at)).body(body.to_owned()))
    };

    let notification = include_str!("sns/notification.json");
    assert_eq!(post(notification).await.0, 200);
    assert_eq!(post(include_str!("sns/subscription.json")).await.0, 200);
    let asked = sns.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 2, "the certificate once, and the confirmation");
    assert!(asked[0].ends_with(".pem") && asked[1].contains("Action=ConfirmSubscription"));

    let with = |from: &str, to: &str| {
        assert!(notification.contains(from));
        notification.replace(from, to)
    };
    for (body, status, wanted) in [
        (with("by-sns", "forged"), 403, "the signature is not SNS's"),
        (with("A subject", "Another"), 403, "the signature is not SNS's"),
        (with("\"SignatureVersion\": \"2\"", "\"SignatureVersion\": \"1\""), 403, "SHA-1"),
        (with(":events\"", ":others\""), 403, "not one of those"),
        (
            with("https://sns.eu-central-1.amazonaws.com/Simple", "https://evil.example/Simple"),
            403,
            "SigningCertURL",
        ),
        (with("SimpleNotificationService-", "?Action=Other"), 403, "SigningCertURL"),
        (include_str!("sns/elsewhere.json").to_owned(), 403, "SubscribeURL"),
        (include_str!("sns/object.json").to_owned(), 400, "`s3` source"),
        ("{}".to_owned(), 400, "not a message of SNS"),
    ] {
        let (got, text) = post(&body).await;
        assert_eq!((got, text.contains(wanted)), (status, true), "{text}");
    }
    let raw =
        listening.client.post(format!("http://{}/sns", listening.at)).header("x-amz-sns-rawdelivery", "true");
    assert!(answer(raw.body(envelope("9"))).await.1.contains("raw delivery"));
    assert_eq!(sns.asked.lock().unwrap().len(), 2, "nothing else was fetched");
    listening.rig.stop().await.unwrap();
    assert_eq!(listening.store.lock().unwrap().ids, ["by-sns"]);

    let listening = Listening::start(settings()).await;
    let refused =
        answer(listening.client.post(format!("http://{}/sns", listening.at)).body(notification)).await;
    assert_eq!((refused.0, refused.1.contains("`sns`")), (403, true));
    listening.rig.stop().await.unwrap();
}

#[tokio::test]
async fn many_requests_at_once_are_each_committed_once() {
    let listening = Listening::start(settings()).await;
    let requests: Vec<_> =
        (0..300).map(|n| tokio::spawn(answer(listening.post("/events", envelope(&n.to_string()))))).collect();
    for request in requests {
        assert_eq!(request.await.unwrap().0, 200);
    }
    listening.rig.stop().await.unwrap();
    let mut ids: Vec<usize> =
        listening.store.lock().unwrap().ids.iter().map(|id| id.parse().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..300).collect::<Vec<_>>());
}
