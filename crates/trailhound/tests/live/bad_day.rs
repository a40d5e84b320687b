//! A queue and a bucket on a bad day, in front of the binary: too busy, gone, very large, something else than logs, told twice and in any order.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::kit::{gzip, log_file, stop_logging};
use crate::site::Site;

/// Messages and objects, and what became of them.
#[derive(Default)]
struct World {
    /// Messages that are visible: their names and how often they came.
    visible: VecDeque<(String, u32)>,
    hidden: BTreeMap<String, (String, u32)>,
    deleted: Vec<String>,
    /// What messages say, by name.
    bodies: BTreeMap<String, String>,
    objects: BTreeMap<String, Vec<u8>>,
    /// How often an object is still refused because S3 is too busy.
    busy: BTreeMap<String, u32>,
}

impl World {
    /// A message that names these objects, as CloudTrail's own topic says it.
    fn tell(&mut self, name: &str, keys: &[&str]) {
        self.bodies.insert(name.to_owned(), json!({"s3Bucket": "logs", "s3ObjectKey": keys}).to_string());
        self.visible.push_back((name.to_owned(), 0));
    }
}

fn start(world: World) -> (SocketAddr, Arc<Mutex<World>>) {
    let world = Arc::new(Mutex::new(world));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let served = Arc::clone(&world);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let world = Arc::clone(&served);
            thread::spawn(move || serve(stream, &world));
        }
    });
    (address, world)
}

/// Requests of one connection, until it ends.
fn serve(stream: TcpStream, world: &Mutex<World>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut line, mut length, mut target) = (String::new(), 0, None);
        stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).ok()?;
            let Some((name, value)) = header.trim().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "x-amz-target" => target = Some(value.to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        let (status, answer) = match target {
            Some(target) => (200, queue(world, &target, &serde_json::from_slice(&body).unwrap())),
            None => object(world, line.split(' ').nth(1)?.split('?').next()?.strip_prefix("/logs/")?),
        };
        let length = answer.len();
        write!(stream.get_mut(), "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n").ok()?;
        stream.get_mut().write_all(&answer).ok()?;
    }
}

fn object(world: &Mutex<World>, key: &str) -> (u16, Vec<u8>) {
    let mut world = world.lock().unwrap();
    let refusal =
        |code: &str| format!("<Error><Code>{code}</Code><Message>as told</Message></Error>").into_bytes();
    if let Some(busy) = world.busy.get_mut(key).filter(|busy| **busy > 0) {
        *busy -= 1;
        return (503, refusal("SlowDown"));
    }
    match world.objects.get(key) {
        Some(object) => (200, object.clone()),
        None => (404, refusal("NoSuchKey")),
    }
}

fn queue(world: &Mutex<World>, target: &str, request: &Value) -> Vec<u8> {
    let answer = match target.rsplit('.').next().unwrap() {
        "ReceiveMessage" => {
            let mut world = world.lock().unwrap();
            let Some((name, tries)) = world.visible.pop_back() else {
                drop(world);
                thread::sleep(Duration::from_millis(20));
                return b"{}".to_vec();
            };
            let (receipt, tries) = (format!("{name} {tries}"), tries + 1);
            let body = world.bodies[&name].clone();
            world.hidden.insert(receipt.clone(), (name.clone(), tries));
            json!({"Messages": [{"MessageId": name, "ReceiptHandle": receipt, "Body": body,
                "Attributes": {"ApproximateReceiveCount": tries.to_string()}}]})
        }
        // Whatever delay is asked for: a queue may bring a message again sooner.
        "ChangeMessageVisibility" => {
            let mut world = world.lock().unwrap();
            if let Some(message) = world.hidden.remove(request["ReceiptHandle"].as_str().unwrap()) {
                world.visible.push_front(message);
            }
            json!({})
        }
        "DeleteMessageBatch" => {
            let mut world = world.lock().unwrap();
            let mut done = Vec::new();
            for entry in request["Entries"].as_array().unwrap() {
                if let Some((name, _)) = world.hidden.remove(entry["ReceiptHandle"].as_str().unwrap()) {
                    world.deleted.push(name);
                }
                done.push(json!({"Id": entry["Id"]}));
            }
            json!({"Successful": done, "Failed": []})
        }
        other => panic!("{other}"),
    };
    answer.to_string().into_bytes()
}

/// A log file of so many bytes, with one event at its end that fires.
fn large(bytes: usize) -> Vec<u8> {
    let mut text = String::from("{\"Records\":[");
    let mut number = 0;
    while text.len() < bytes {
        let record = stop_logging(&format!("filler-{number}"), "2026-11-03T02:40:00Z");
        write!(text, "{},", record.replace("StopLogging", "DescribeTrails")).unwrap();
        number += 1;
    }
    write!(text, "{}]}}", stop_logging("large", "2026-11-03T02:40:00Z")).unwrap();
    text.into_bytes()
}

#[test]
fn what_can_be_read_is_told_once_whatever_the_rest_is() {
    let file = |id: &str| gzip(&log_file(&[stop_logging(id, "2026-11-03T02:40:00Z")]));
    let mut world = World::default();
    for key in ["busy", "very-busy", "twice", "batch-1", "batch-2", "beside-nothing"] {
        world.objects.insert(format!("{key}.json.gz"), file(key));
    }
    let digest = "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/11/03/111122223333_CloudTrail-Digest_us-east-1_trail_us-east-1_20261103T024500Z.json.gz";
    world.objects.insert(digest.to_owned(), gzip(b"{\"this is\": \"no digest\"}"));
    world.objects.insert("large.json.gz".to_owned(), large(60 << 20));
    // As often as a client repeats by itself, and more often.
    world.busy.insert("busy.json.gz".to_owned(), 2);
    world.busy.insert("very-busy.json.gz".to_owned(), 8);
    world.tell("large", &["large.json.gz"]);
    world.tell("busy", &["busy.json.gz"]);
    world.tell("very-busy", &["very-busy.json.gz"]);
    world.tell("gone", &["gone.json.gz"]);
    world.tell("batch", &["batch-1.json.gz", digest, "batch-2.json.gz"]);
    world.tell("half-gone", &["gone-too.json.gz", "beside-nothing.json.gz"]);
    world.tell("twice", &["twice.json.gz"]);
    world.tell("and again", &["twice.json.gz"]);
    let (address, world) = start(world);

    let source = format!(
        "s3: {{ queue: \"http://{address}/111122223333/q\", region: us-east-1, endpoint: \"http://{address}\", tries: 2 }}"
    );
    let mut site = Site::new(&[source]);
    let mut command = site.command();
    command.env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
    site.start(command);
    site.until("every message is dealt with", |_| world.lock().unwrap().deleted.len() >= 8);
    // Delivered once more after it was deleted, as a queue may.
    world.lock().unwrap().visible.push_back(("twice".to_owned(), 1));
    site.until("that is dealt with too", |_| world.lock().unwrap().deleted.len() >= 9);
    let wanted = ["batch-1", "batch-2", "beside-nothing", "busy", "large", "twice", "very-busy"];
    site.until("all is told", |site| site.told().len() >= wanted.len());
    let metrics = site.metrics();
    assert!(
        metrics.contains("trailhound_source_inputs_total{source=\"s3\",what=\"set-aside\"} 2"),
        "{metrics}"
    );
    let status = site.status(&site.path().join("state"));
    assert_eq!(status["unaccounted"].as_array().unwrap().len(), 0, "{status}");
    site.until("it is well again", |site| site.ready().0 == 200);
    site.stop();
    assert_eq!(site.told(), wanted);
}
