//! S3 and SQS on a bad day: a server that answers as told, breaks off, stalls and refuses.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sources::aws::{AwsSettings, Keys};
use sources::{Health, QueueSettings, S3, S3Settings, SourceError};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::kit::{Committed, Rig, gzip, log_file};

/// What is done about one request for an object.
#[derive(Debug, Clone)]
enum Act {
    /// The object.
    Give(Vec<u8>),
    /// A status, with S3's code.
    Refuse(u16, &'static str),
    /// Half of the object, then the connection is cut.
    CutOff(Vec<u8>),
    /// Half of the object, then nothing.
    Stall(Vec<u8>),
    /// The object for who asks in this region; others are told where it is.
    OnlyIn(&'static str, Vec<u8>),
    /// The connection is cut at once.
    Reset,
}

/// A queue with one message per object, and the objects.
#[derive(Debug, Default)]
struct World {
    /// Messages that are visible: key and how often it came.
    visible: VecDeque<(String, u32)>,
    /// By receipt.
    hidden: BTreeMap<String, (String, u32)>,
    deleted: Vec<String>,
    /// What is done about each request for an object in turn; the last act stays.
    acts: BTreeMap<String, VecDeque<Act>>,
    gets: BTreeMap<String, usize>,
    /// How many calls to delete fail.
    delete_fails: usize,
    /// Whether the queue may not be read.
    denies: bool,
}

struct Hostile {
    world: Arc<Mutex<World>>,
    endpoint: String,
}

impl Hostile {
    async fn start(objects: impl IntoIterator<Item = (&'static str, Vec<Act>)>) -> Hostile {
        let mut world = World::default();
        for (key, acts) in objects {
            world.visible.push_back((key.to_owned(), 0));
            world.acts.insert(key.to_owned(), acts.into());
        }
        let world = Arc::new(Mutex::new(world));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let of_server = Arc::clone(&world);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let world = Arc::clone(&of_server);
                tokio::spawn(async move { serve(stream, &world).await });
            }
        });
        Hostile { world, endpoint }
    }

    fn settings(&self) -> S3Settings {
        let aws = AwsSettings {
            region: Some("us-east-1".into()),
            endpoint: Some(self.endpoint.clone()),
            role: None,
            keys: Some(Keys::new("a", "b")),
        };
        let url = format!("{}/111122223333/q", self.endpoint);
        let queue = QueueSettings { aws, delay: Duration::ZERO, tries: 2, ..QueueSettings::new(&url) };
        S3Settings { stall: Duration::from_millis(300), ..S3Settings::new("bucket", queue) }
    }

    fn start_source(&self) -> Rig {
        self.start_with(self.settings())
    }

    fn start_with(&self, settings: S3Settings) -> Rig {
        Rig::start(Arc::new(S3::new(settings)), &Arc::new(Mutex::new(Committed::default())))
    }

    fn deleted(&self) -> usize {
        self.world.lock().unwrap().deleted.len()
    }
}

/// Requests of one connection, until it is cut.
async fn serve(stream: TcpStream, world: &Mutex<World>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut line, mut length, mut target, mut signed) = (String::new(), 0, String::new(), String::new());
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).await.ok()?;
            let Some((name, value)) = header.trim().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "x-amz-target" => value.clone_into(&mut target),
                "authorization" => value.clone_into(&mut signed),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let path = line.split(' ').nth(1)?.split('?').next()?.to_owned();
        if target.is_empty() {
            object(&mut stream, world, path.strip_prefix("/logs/")?, &signed).await?;
        } else {
            let (status, answer) = queue(world, &target, &body).await;
            respond(&mut stream, status, "application/x-amz-json-1.0", answer.as_bytes()).await?;
        }
    }
}

async fn respond(stream: &mut BufReader<TcpStream>, status: u16, kind: &str, body: &[u8]) -> Option<()> {
    let head =
        format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body).await.ok()
}

async fn object(
    stream: &mut BufReader<TcpStream>,
    world: &Mutex<World>,
    key: &str,
    signed: &str,
) -> Option<()> {
    let act = {
        let mut world = world.lock().unwrap();
        *world.gets.entry(key.to_owned()).or_default() += 1;
        let acts = world.acts.get_mut(key)?;
        if acts.len() > 1 { acts.pop_front()? } else { acts.front()?.clone() }
    };
    match act {
        Act::Give(body) => respond(stream, 200, "application/json", &body).await,
        Act::Refuse(status, code) => {
            let body = format!(
                "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>as told</Message></Error>"
            );
            respond(stream, status, "application/xml", body.as_bytes()).await
        }
        Act::CutOff(body) => {
            half(stream, &body).await?;
            None
        }
        Act::Stall(body) => {
            half(stream, &body).await?;
            std::future::pending().await
        }
        Act::OnlyIn(region, body) if signed.contains(&format!("/{region}/s3/")) => {
            respond(stream, 200, "application/json", &body).await
        }
        Act::OnlyIn(region, _) => {
            let body = "<?xml version=\"1.0\"?><Error><Code>PermanentRedirect</Code><Message>there</Message></Error>";
            let head = format!(
                "HTTP/1.1 301 X\r\nx-amz-bucket-region: {region}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(head.as_bytes()).await.ok()
        }
        Act::Reset => None,
    }
}

async fn half(stream: &mut BufReader<TcpStream>, body: &[u8]) -> Option<()> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body.get(..body.len() / 2)?).await.ok()
}

async fn queue(world: &Mutex<World>, target: &str, body: &[u8]) -> (u16, String) {
    let request: serde_json::Value = serde_json::from_slice(body).unwrap();
    let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
    let nothing = (200, "{}".to_owned());
    match target.rsplit('.').next().unwrap() {
        "ReceiveMessage" => {
            let next = {
                let mut world = world.lock().unwrap();
                if world.denies {
                    let code = "com.amazonaws.sqs#AccessDeniedException";
                    return (403, serde_json::json!({"__type": code, "message": "not you"}).to_string());
                }
                world.visible.pop_front()
            };
            let Some((key, tries)) = next else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                return nothing;
            };
            let receipt = format!("{key} {tries}");
            let notice = serde_json::json!({"s3Bucket": "logs", "s3ObjectKey": [key]}).to_string();
            world.lock().unwrap().hidden.insert(receipt.clone(), (key.clone(), tries + 1));
            let message = serde_json::json!({"MessageId": key, "ReceiptHandle": receipt, "Body": notice,
                "Attributes": {"ApproximateReceiveCount": (tries + 1).to_string()}});
            (200, serde_json::json!({"Messages": [message]}).to_string())
        }
        "ChangeMessageVisibility" => {
            let mut world = world.lock().unwrap();
            if request["VisibilityTimeout"] == 0
                && let Some(message) = world.hidden.remove(&text("ReceiptHandle"))
            {
                world.visible.push_back(message);
            }
            nothing
        }
        "DeleteMessageBatch" => {
            let mut world = world.lock().unwrap();
            if world.delete_fails > 0 {
                world.delete_fails -= 1;
                return (
                    400,
                    r#"{"__type":"com.amazonaws.sqs#TooManyEntriesInBatchRequest","message":"as told"}"#
                        .to_owned(),
                );
            }
            let entries = request["Entries"].as_array().unwrap();
            let mut done = Vec::new();
            for entry in entries {
                let receipt = entry["ReceiptHandle"].as_str().unwrap();
                world.hidden.remove(receipt);
                world.deleted.push(receipt.to_owned());
                done.push(serde_json::json!({"Id": entry["Id"]}));
            }
            (200, serde_json::json!({"Successful": done, "Failed": []}).to_string())
        }
        other => panic!("{other}"),
    }
}

fn log(id: &str) -> Vec<u8> {
    gzip(&log_file(&[id]))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_tried_until_it_has() {
    let slow_down = Act::Refuse(503, "SlowDown");
    let fault = Act::Refuse(500, "InternalError");
    let hostile = Hostile::start([
        ("busy", vec![slow_down.clone(), fault, Act::Give(log("busy"))]),
        ("reset", vec![Act::Reset, Act::Give(log("reset"))]),
        ("cut", vec![Act::CutOff(log("cut")), Act::CutOff(log("cut")), Act::Give(log("cut"))]),
        ("stall", vec![Act::Stall(log("stall")), Act::Give(log("stall"))]),
        // Longer than all tries of one message together, and more often than what is hopeless is tried.
        ("long", [vec![Act::CutOff(log("long")); 10], vec![Act::Give(log("long"))]].concat()),
    ])
    .await;
    let mut rig = hostile.start_source();
    let told = rig.until_health(|health| matches!(health, Health::Unhealthy { .. })).await;
    assert!(matches!(told, Health::Unhealthy { reason, .. } if reason.contains("s3://logs/long")));
    rig.until(|committed| committed.ids.len() == 5).await;
    rig.until_health(|health| *health == Health::Healthy).await;
    let store = Arc::clone(&rig.store);
    rig.stop().await.unwrap();
    let mut ids = store.lock().unwrap().ids.clone();
    ids.sort();
    assert_eq!(ids, ["busy", "cut", "long", "reset", "stall"]);
    assert_eq!((hostile.deleted(), &store.lock().unwrap().set_aside), (5, &Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forbidden_waits_for_somebody_and_is_never_set_aside() {
    let denied = Act::Refuse(403, "AccessDenied");
    let hostile = Hostile::start([("secret", [vec![denied; 20], vec![Act::Give(log("1"))]].concat())]).await;
    let mut rig = hostile.start_source();
    let told = rig.until_health(|health| matches!(health, Health::Unhealthy { .. })).await;
    let Health::Unhealthy { reason, next_step, .. } = told else { panic!() };
    assert!(reason.contains("AccessDenied") && next_step.contains("s3:GetObject"), "{reason}: {next_step}");
    rig.until(|committed| committed.ids == ["1"]).await;
    let store = Arc::clone(&rig.store);
    rig.stop().await.unwrap();
    assert_eq!(store.lock().unwrap().set_aside, []);
    assert_eq!(hostile.deleted(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_or_too_large_is_set_aside() {
    let hostile = Hostile::start([
        ("gone", vec![Act::Refuse(404, "NoSuchKey")]),
        ("large", vec![Act::Give(vec![b' '; 5000])]),
        ("frozen", vec![Act::Refuse(403, "InvalidObjectState")]),
        ("good", vec![Act::Give(log("good"))]),
    ])
    .await;
    let rig = hostile.start_with(S3Settings { object_max: 4096, ..hostile.settings() });
    rig.until(|committed| committed.set_aside.len() == 3 && committed.ids == ["good"]).await;
    let store = Arc::clone(&rig.store);
    rig.stop().await.unwrap();
    let mut aside: Vec<_> =
        store.lock().unwrap().set_aside.iter().map(|aside| aside.origin.clone()).collect();
    aside.sort();
    assert_eq!(aside, ["s3://logs/frozen", "s3://logs/gone", "s3://logs/large"]);
    assert_eq!(hostile.deleted(), 4);
    assert_eq!(hostile.world.lock().unwrap().gets["gone"], 2, "each time it came, once");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_deleted_before_the_commit() {
    let hostile = Hostile::start([("a", vec![Act::Give(log("a"))])]).await;
    hostile.world.lock().unwrap().delete_fails = 1;
    let (session, mut control) =
        sources::Session::open("bucket", sources::Limits::default(), &crate::kit::clock(), []);
    let source = S3::new(hostile.settings());
    let running = tokio::spawn(async move { sources::Source::run(&source, session).await });
    for _ in 0..3 {
        let batch = control.next().await.unwrap();
        assert_eq!(hostile.deleted(), 0);
        batch.acknowledge.refused("the disk is full");
    }
    let batch = control.next().await.unwrap();
    control.stop();
    batch.acknowledge.committed();
    running.await.unwrap().unwrap();
    assert_eq!(
        hostile.world.lock().unwrap().deleted,
        ["a 3"],
        "deleted at the second try, with the newest receipt"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_may_not_be_read_says_what_to_grant() {
    let hostile = Hostile::start([]).await;
    hostile.world.lock().unwrap().denies = true;
    let error = hostile.start_source().ended().await.unwrap_err();
    let SourceError::Failed { reason, next_step } = error else { panic!("{error:?}") };
    assert!(
        reason.contains("AccessDenied") && next_step.contains("sqs:ReceiveMessage"),
        "{reason}: {next_step}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_in_another_region_is_read_where_it_is() {
    let only_there = |id: &str| vec![Act::OnlyIn("eu-central-1", log_file(&[id]))];
    let objects = [("1.json", only_there("1")), ("2.json", only_there("2")), ("3.json", only_there("3"))];
    let hostile = Hostile::start(objects).await;
    let mut settings = hostile.settings();
    settings.queue.concurrency = 1;
    let rig = hostile.start_with(settings);
    rig.until(|committed| committed.ids.len() == 3).await;
    rig.stop().await.unwrap();
    assert_eq!(hostile.deleted(), 3);
    let gets: Vec<usize> = hostile.world.lock().unwrap().gets.values().copied().collect();
    assert_eq!(gets, [2, 1, 1], "where it is has to be found out once");
}
