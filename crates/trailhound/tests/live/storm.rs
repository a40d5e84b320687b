//! A thousand calls of `StopLogging`, and a response that switches the trail on: through the binary, with moto's CloudTrail behind a proxy that
//! counts and holds up calls, and with a Slack that keeps what it is told. However many calls there are and wherever the process is killed, the
//! trail is on at the end, AWS is called a few times, and people read of it in one thread.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::aws::Aws;
use crate::kit;
use crate::site::Site;

/// CloudTrail on a port of its own, with a trail that is on, whose home is Ireland. Each line of standard input is a step; the server goes when
/// it ends.
const CLOUDTRAIL: &str = "
import os, sys, boto3
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer('127.0.0.1', 0, verbose=False)
server.start()
port = server.get_host_and_port()[1]
client = lambda name, region: boto3.client(name, endpoint_url='http://127.0.0.1:%d' % port, region_name=region, aws_access_key_id='a', aws_secret_access_key='b')
client('s3', 'us-east-1').create_bucket(Bucket='logs')
trails = client('cloudtrail', 'eu-west-1')
trails.create_trail(Name='audit', S3BucketName='logs')
trails.start_logging(Name='audit')
print(port, flush=True)
for line in sys.stdin:
    if line.strip() == 'stop':
        trails.stop_logging(Name='audit')
    print(trails.get_trail_status(Name='audit')['IsLogging'], flush=True)
os._exit(0)
";

/// CloudTrail, and the port that it listens on.
struct CloudTrail {
    aws: Aws,
    port: u16,
}

impl CloudTrail {
    fn start() -> Option<CloudTrail> {
        let (aws, port) = Aws::start(CLOUDTRAIL)?;
        Some(CloudTrail { aws, port: port.parse().unwrap() })
    }

    /// Does a step, and says whether the trail is on after it.
    fn is_on_after(&mut self, step: &str) -> bool {
        self.aws.step(step) == "True"
    }
}

/// A request as it came, and what is read of it.
struct Request {
    bytes: Vec<u8>,
    head: String,
    body: Vec<u8>,
}

impl Request {
    fn read(stream: &TcpStream) -> Option<Request> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let (mut bytes, mut head) = (Vec::new(), String::new());
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line.to_ascii_lowercase());
            if !line.to_ascii_lowercase().starts_with("connection:") {
                bytes.extend(line.bytes());
            }
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        bytes.extend(b"connection: close\r\n\r\n");
        bytes.extend(&body);
        Some(Request { bytes, head, body })
    }
}

fn serve(answer: impl Fn(Request) -> Vec<u8> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || {
                let Some(request) = Request::read(&stream) else { return };
                // Whoever asked may be dead by now.
                let _ = stream.write_all(&answer(request));
            });
        }
    });
    address
}

/// In front of moto: it notes each call, with the region that it was signed for, and can hold up `StartLogging`.
#[derive(Default)]
struct Proxy {
    calls: Mutex<Vec<String>>,
    hold: Mutex<Option<Hold>>,
    released: Condvar,
}

/// Where a call is held up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// It does not reach CloudTrail.
    Call,
    /// It does, and the answer does not come back.
    Answer,
}

impl Proxy {
    fn start(self: &Arc<Self>, port: u16) -> SocketAddr {
        let proxy = Arc::clone(self);
        serve(move |request| {
            let target = request.head.lines().find_map(|line| line.strip_prefix("x-amz-target: "));
            let name = target.and_then(|target| target.rsplit('.').next()).unwrap_or_default().to_owned();
            let region = request.head.split("/cloudtrail/aws4_request").next().unwrap();
            let region = region.rsplit('/').next().unwrap().to_owned();
            let held = proxy.hold.lock().unwrap().filter(|_| name == "startlogging");
            let mut answer = Vec::new();
            if held != Some(Hold::Call) {
                let mut moto = TcpStream::connect(("127.0.0.1", port)).unwrap();
                moto.write_all(&request.bytes).unwrap();
                moto.read_to_end(&mut answer).unwrap();
            }
            proxy.calls.lock().unwrap().push(format!("{name} {region}"));
            if held.is_some() {
                drop(proxy.released.wait_while(proxy.hold.lock().unwrap(), |hold| hold.is_some()).unwrap());
            }
            answer
        })
    }

    fn hold(&self, hold: Option<Hold>) {
        *self.hold.lock().unwrap() = hold;
        self.released.notify_all();
    }

    fn calls(&self, name: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|call| **call == format!("{name} eu-west-1")).count()
    }
}

/// What Slack was told: the method, and the message.
type Told = Arc<Mutex<Vec<(String, Value)>>>;

fn slack(told: &Told) -> SocketAddr {
    let told = Arc::clone(told);
    serve(move |request| {
        let method =
            request.head.split([' ', '/']).find(|word| word.starts_with("chat.")).unwrap().to_owned();
        let message: Value = serde_json::from_slice(&request.body).unwrap();
        let mut told = told.lock().unwrap();
        let ts =
            message["ts"].as_str().map_or_else(|| format!("1700000000.{:06}", told.len()), str::to_owned);
        told.push((method, message));
        let body = json!({ "ok": true, "channel": "C0123456789", "ts": ts }).to_string();
        let length = body.len();
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
            .into_bytes()
    })
}

/// A rule that the service's own call fires too.
const RULES: &str = "id: logging-changed\ntitle: \"{{ detail.eventName }}\"\nseverity: critical\npattern: { detail: { eventName: [StopLogging, StartLogging] } }\n";

fn record(id: &str, name: &str, time: &str) -> String {
    let record = kit::stop_logging(id, time).replace("us-east-1", "eu-west-1");
    record.replace("\"StopLogging\"", &format!("\"{name}\""))
}

/// A minute ago: CloudTrail is no faster.
fn a_minute_ago() -> String {
    // Tests have no clock of their own; the file system does.
    let made = tempfile::NamedTempFile::new().unwrap().as_file().metadata().unwrap().modified().unwrap();
    format!("{:.0}", jiff::Timestamp::try_from(made).unwrap() - jiff::SignedDuration::from_secs(60))
}

/// A row of the audit list.
#[derive(Debug)]
struct Row {
    stage: String,
    said: String,
    finding: String,
}

struct Storm {
    cloudtrail: CloudTrail,
    proxy: Arc<Proxy>,
    told: Told,
    site: Site,
}

impl Storm {
    fn new() -> Option<Storm> {
        let cloudtrail = CloudTrail::start()?;
        let (proxy, told) = (Arc::new(Proxy::default()), Told::default());
        let (proxied, slack) = (proxy.start(cloudtrail.port), slack(&told));
        let configuration = |push, operations| {
            format!(
                "state: {{ folder: state, durability: crash }}\n\
                 rules: [rules.yaml]\n\
                 sources: [{{ http: {{ listen: \"{push}\" }} }}]\n\
                 http: {{ listen: \"{operations}\" }}\n\
                 targets:\n  people:\n    slack: {{ bot_token: xoxb-0123456789-0123456789, channel: C0123456789, url: \"http://{slack}/api/\" }}\n    \
                   network: {{ allow: [127.0.0.0/8], plain_http: true }}\n\
                 routes: [{{ to: [people] }}]\n\
                 respond:\n  - name: trail-on\n    dry_run: false\n    cool_down: 2s\n    start-logging: {{ endpoint: \"http://{proxied}\" }}\n"
            )
        };
        Some(Storm { cloudtrail, proxy, told, site: Site::of(configuration, RULES) })
    }

    fn start(&mut self) {
        let mut command = self.site.command();
        command.env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        self.site.start(command);
    }

    fn push(&mut self, ids: std::ops::Range<usize>, name: &str) {
        let time = a_minute_ago();
        for ids in ids.collect::<Vec<_>>().chunks(100) {
            let records: Vec<String> =
                ids.iter().map(|id| record(&format!("{name}-{id}"), name, &time)).collect();
            let file = kit::log_file(&records);
            // It may have enough to do for the moment, and says so.
            self.site.until("it takes them", |site| site.push(std::str::from_utf8(&file).unwrap()) == 200);
        }
    }

    /// What the audit list says was done, oldest first, and what was said of it. Every link of it holds.
    fn audit(&self) -> Vec<Row> {
        let verified = kit::run(self.site.path(), &["audit", "verify", "state"]);
        assert_eq!(verified.code, 0, "{verified}");
        let seen = kit::run(self.site.path(), &["audit", "list", "state", "--format", "json"]);
        let rows = seen.stdout.lines().map(|line| {
            let row: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {seen}"));
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let action = text(&row["action"]);
            let stage = action.strip_prefix("start-logging ").unwrap().to_owned();
            Row { stage, said: text(&row["detail"]["said"]), finding: text(&row["detail"]["finding"]) }
        });
        rows.collect()
    }

    /// How many deliveries there are of a state.
    fn deliveries(site: &Site, state: &str) -> u64 {
        site.status(&site.path().join("state"))["deliveries"][state].as_u64().unwrap()
    }

    /// Waits until each of so many findings was responded to, and nothing is owed.
    fn settle(&mut self, findings: u64) {
        self.site.until("nothing is owed", |site| {
            Self::deliveries(site, "created") > findings
                && Self::deliveries(site, "pending") + Self::deliveries(site, "sending") == 0
        });
    }

    /// Waits until people were told this, and nothing is owed about so many findings; says how many posts and answers they got.
    fn told(&mut self, words: &str, findings: u64) -> (usize, usize) {
        let told = Arc::clone(&self.told);
        self.site.until("people are told", |_| {
            told.lock().unwrap().iter().any(|(_, message)| message.to_string().contains(words))
        });
        self.settle(findings);
        let told = self.told.lock().unwrap();
        let posted = told.iter().filter(|(method, _)| method == "chat.postmessage");
        let (answers, posts): (Vec<&Value>, Vec<&Value>) =
            posted.map(|(_, message)| message).partition(|message| message.get("thread_ts").is_some());
        (posts.len(), answers.len())
    }
}

#[test]
fn a_storm_is_answered_with_a_few_calls_and_told_in_one_thread() {
    let Some(mut storm) = Storm::new() else { return };
    assert!(!storm.cloudtrail.is_on_after("stop"));
    storm.start();
    storm.push(0..1_000, "StopLogging");
    let (posts, answers) = storm.told("audit was off and is on again", 1_000);
    assert!(storm.cloudtrail.is_on_after("look"));
    let calls = (storm.proxy.calls("startlogging"), storm.proxy.calls("gettrailstatus"));
    assert!(calls.0 == 1 && calls.1 <= 4, "{calls:?}");
    assert_eq!(storm.proxy.calls.lock().unwrap().len(), calls.0 + calls.1, "all where the trail is at home");
    assert!(posts == 1 && (1..=5).contains(&answers), "{posts} posts and {answers} answers");
    let audit = storm.audit();
    let said: Vec<(&str, &str)> = audit.iter().map(|row| (&*row.stage, &*row.said)).collect();
    assert_eq!(said, [("intended", ""), ("done", "audit was off and is on again")]);

    // What it did itself comes back as an event, a rule fires on it, and nothing is done.
    storm.push(0..1, "StartLogging");
    storm.site.until("it was refused", |site| Storm::deliveries(site, "dead") == 1);
    assert_eq!(storm.audit()[2].stage, "refused");
    assert_eq!((storm.proxy.calls("startlogging"), storm.proxy.calls("gettrailstatus")), calls);
    storm.site.stop();
}

#[test]
fn a_kill_while_it_acts_leaves_the_trail_on_and_an_end_in_the_list() {
    for (hold, intended) in [(Hold::Answer, 1), (Hold::Call, 2)] {
        let Some(mut storm) = Storm::new() else { return };
        assert!(!storm.cloudtrail.is_on_after("stop"));
        storm.proxy.hold(Some(hold));
        storm.start();
        storm.push(0..1_000, "StopLogging");
        let proxy = Arc::clone(&storm.proxy);
        storm.site.until("it acts, and people know", |site| {
            proxy.calls("startlogging") == 1 && Storm::deliveries(site, "delivered") > 0
        });
        storm.site.kill();
        storm.proxy.hold(None);
        storm.start();
        let (posts, answers) = storm.told("start-logging: audit", 1_000);
        assert!(storm.cloudtrail.is_on_after("look"), "{hold:?}");
        let calls = (storm.proxy.calls("startlogging"), storm.proxy.calls("gettrailstatus"));
        assert!(calls.0 == intended && calls.1 <= 5, "{hold:?}: {calls:?}");
        assert!(posts == 1 && (1..=5).contains(&answers), "{hold:?}: {posts} posts and {answers} answers");
        // Each intention has an end: what never reached CloudTrail was meant again, for this finding or for another that came first.
        let audit = storm.audit();
        let of = |stage: &str| audit.iter().filter(|row| row.stage == stage).collect::<Vec<_>>();
        let (begun, ended) = (of("intended"), of("done"));
        assert!(begun.len() == intended && begun.len() + ended.len() == audit.len(), "{hold:?}: {audit:?}");
        for row in begun {
            assert!(ended.iter().any(|end| end.finding == row.finding), "{hold:?}: {audit:?}");
        }
        if hold == Hold::Answer {
            assert_eq!(ended[0].said, "audit is on; the process ended while it acted");
        }
        storm.site.stop();
    }
}
