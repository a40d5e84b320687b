//! A counterpart of AWS: moto's server on a port of its own, driven by boto3, an independent client.
//!
//! It ends with the test process, however that ends: it reads standard input to its end and goes.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_client::{AwsSettings, Keys};

/// A server that runs.
pub(crate) struct Counterpart {
    pub(crate) endpoint: String,
    /// Keeps its standard input open.
    _server: Child,
}

static COUNTERPART: OnceLock<Option<Counterpart>> = OnceLock::new();
static NAMES: AtomicU32 = AtomicU32::new(0);

const SERVER: &str = "
import os, sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer('127.0.0.1', 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
os._exit(0)
";

const CLIENTS: &str = "
import json, sys, boto3
def client(name):
    return boto3.client(name, endpoint_url=sys.argv[1], region_name='us-east-1', aws_access_key_id='a', aws_secret_access_key='b')
s3, sqs, sns, events = client('s3'), client('sqs'), client('sns'), client('events')
arguments = sys.argv[2:]
def queue(name):
    url = sqs.create_queue(QueueName=name)['QueueUrl']
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
def topic(name, queue_arn, raw):
    arn = sns.create_topic(Name=name)['TopicArn']
    sns.subscribe(TopicArn=arn, Protocol='sqs', Endpoint=queue_arn, Attributes={'RawMessageDelivery': 'true' if raw else 'false'})
    return arn
def notify(bucket, **configuration):
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
CREATED = ['s3:ObjectCreated:*']
";

/// Which Python has moto and boto3: the test set-up says so, or it is the system's.
fn python() -> String {
    std::env::var("TRAILHOUND_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// The counterpart; none says on standard error what is left out.
pub(crate) fn counterpart(left_out: &str) -> Option<&'static Counterpart> {
    let counterpart = COUNTERPART.get_or_init(start).as_ref();
    if counterpart.is_none() {
        assert!(
            std::env::var_os("TRAILHOUND_REQUIRE_DATA").is_none(),
            "no moto: run `cargo xtask test`, which installs it"
        );
        eprintln!("no Python with moto[server] and boto3: left out {left_out}");
    }
    counterpart
}

fn start() -> Option<Counterpart> {
    let mut command = Command::new(python());
    command.args(["-c", SERVER]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = command.spawn().ok()?;
    let mut port = String::new();
    BufReader::new(server.stdout.take()?).read_line(&mut port).ok()?;
    let port: u16 = port.trim().parse().ok()?;
    Some(Counterpart { endpoint: format!("http://127.0.0.1:{port}"), _server: server })
}

impl Counterpart {
    pub(crate) fn aws(&self) -> AwsSettings {
        AwsSettings {
            region: Some("us-east-1".into()),
            endpoint: Some(self.endpoint.clone()),
            role: None,
            keys: Some(Keys::new("a", "b")),
        }
    }

    /// A name nobody else uses.
    pub(crate) fn name(&self) -> String {
        format!("test-{}", NAMES.fetch_add(1, Ordering::Relaxed))
    }

    /// Runs lines of Python that have the clients. Returns what they print.
    pub(crate) async fn run(&self, script: &str, arguments: &[&str]) -> String {
        let mut command = tokio::process::Command::new(python());
        command.args(["-c", &format!("{CLIENTS}\n{script}"), &self.endpoint]).args(arguments);
        let output = command.stdin(Stdio::null()).output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Messages that are still in a queue, visible or not.
    pub(crate) async fn left_in(&self, queue: &str) -> String {
        let script = "
names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible']
attributes = sqs.get_queue_attributes(QueueUrl=arguments[0], AttributeNames=names)['Attributes']
print(sum(int(attributes[name]) for name in names))";
        self.run(script, &[queue]).await
    }
}
