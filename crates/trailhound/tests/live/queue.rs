//! A day of real logs, put into S3 by an independent client, told of through SNS and SQS, read by the binary as it is installed.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::aws::Aws;
use crate::{RULES, counter, kit, scanned, stored};

/// S3, SNS and SQS on a port of their own, and what is put into them: each line of standard input is a file, a tab and how often its
/// notification comes. The server goes when standard input ends.
const BUCKET: &str = "
import json, os, sys, boto3
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer('127.0.0.1', 0, verbose=False)
server.start()
endpoint = 'http://127.0.0.1:%d' % server.get_host_and_port()[1]
client = lambda name: boto3.client(name, endpoint_url=endpoint, region_name='us-east-1', aws_access_key_id='a', aws_secret_access_key='b')
s3, sqs, sns = client('s3'), client('sqs'), client('sns')
queue = sqs.create_queue(QueueName='trail')['QueueUrl']
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
topic = sns.create_topic(Name='trail')['TopicArn']
sns.subscribe(TopicArn=topic, Protocol='sqs', Endpoint=arn)
s3.create_bucket(Bucket='logs')
s3.put_bucket_notification_configuration(Bucket='logs', NotificationConfiguration={
    'TopicConfigurations': [{'TopicArn': topic, 'Events': ['s3:ObjectCreated:*']}]})
print(endpoint, queue, flush=True)
for line in sys.stdin:
    path, times = line.rstrip('\\n').split('\\t')
    key = path[path.index('AWSLogs/'):]
    s3.put_object(Bucket='logs', Key=key, Body=open(path, 'rb').read())
    for _ in range(1, int(times)):
        sns.publish(TopicArn=topic, Message=json.dumps({'s3Bucket': 'logs', 's3ObjectKey': [key]}))
    names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible']
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)['Attributes']
    print(sum(int(attributes[name]) for name in names), flush=True)
os._exit(0)
";

/// S3 behind a queue, and where they are.
struct Bucket {
    aws: Aws,
    endpoint: String,
    queue: String,
}

impl Bucket {
    fn start() -> Option<Bucket> {
        let (aws, places) = Aws::start(BUCKET)?;
        let (endpoint, queue) = places.split_once(' ').unwrap();
        Some(Bucket { aws, endpoint: endpoint.to_owned(), queue: queue.to_owned() })
    }

    /// Puts a file into the bucket, and says how many messages wait.
    fn put(&mut self, file: &Path, notifications: usize) -> u64 {
        self.aws.step(&format!("{}\t{notifications}", file.display())).parse().unwrap()
    }
}

struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The files of the day of which there are most, in the order in which CloudTrail delivered them.
fn a_day(data: &Path) -> (PathBuf, Vec<PathBuf>) {
    let mut days = std::collections::BTreeMap::<PathBuf, Vec<PathBuf>>::new();
    for entry in walkdir::WalkDir::new(data).sort_by_file_name().into_iter().filter_map(Result::ok) {
        if entry.file_type().is_file() && entry.path().to_string_lossy().contains("/CloudTrail/") {
            // …/AWSLogs/ACCOUNT/CloudTrail/REGION/YEAR/MONTH/DAY/FILE
            let path = entry.path();
            let day: PathBuf = path.parent().unwrap().components().rev().take(3).collect();
            let day: PathBuf = day.components().rev().collect();
            let set = path.strip_prefix(data).unwrap().components().next().unwrap();
            days.entry(Path::new(set.as_os_str()).join(day)).or_default().push(path.to_owned());
        }
    }
    let (day, mut files) = days.into_iter().max_by_key(|(_, files)| files.len()).unwrap();
    // ACCOUNT_CloudTrail_REGION_TIME_UNIQUE.json.gz
    files.sort_by_key(|file| {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        name.split('_').nth(3).map(str::to_owned)
    });
    (day, files)
}

#[test]
fn a_day_of_real_logs_through_s3_sns_and_sqs_is_decided_as_a_scan_decides_it() {
    let Some(data) = kit::shared_data("corpus_real") else { return };
    let Some(mut bucket) = Bucket::start() else { return };
    let (day, files) = a_day(&data);
    assert!(files.len() > 50, "{} has {} files", day.display(), files.len());
    let configuration = format!(
        "state: {{ folder: state, durability: crash }}\n\
         sources: [{{ s3: {{ queue: \"{}\", region: us-east-1, endpoint: \"{}\" }} }}]\n\
         rules: [builtin, builtin-baseline, rules.yaml]\n\
         lateness: {{ idle: 20s }}\n\
         targets: {{ out: {{ file: {{ path: out.ndjson }} }} }}\n\
         routes: [{{ to: [out] }}]\n",
        bucket.queue, bucket.endpoint
    );
    let folder =
        kit::folder(&[("trailhound.yaml", configuration.as_bytes()), ("rules.yaml", RULES.as_bytes())]);
    let paths: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let wanted = scanned(folder.path(), &["builtin", "builtin-baseline", "rules.yaml"], &paths);

    let log = OpenOptions::new().create(true).append(true).open(folder.path().join("log")).unwrap();
    let mut serve = kit::trailhound(folder.path());
    serve.args(["serve", "-c", "trailhound.yaml"]).stdout(Stdio::null()).stderr(log);
    serve.env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
    let serving = Serving(serve.spawn().unwrap());
    // Neighbours come in the other order, and one notification in ten comes twice.
    let mut notified = 0;
    for (number, pair) in files.chunks(2).enumerate() {
        for file in pair.iter().rev() {
            let times = 1 + usize::from(number % 10 == 0);
            notified += times;
            bucket.put(file, times);
        }
    }
    let state = folder.path().join("state");
    let log = || fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    let begun = Instant::now();
    while counter(&state, "sources/s3/batches") < notified as u64 {
        assert!(begun.elapsed() < Duration::from_secs(120), "the queue is not emptied: {}", log());
        thread::sleep(Duration::from_millis(100));
    }
    let begun = Instant::now();
    let mut got = stored(&state);
    while !wanted.difference(&got).is_empty() && begun.elapsed() < Duration::from_secs(60) {
        thread::sleep(Duration::from_millis(500));
        got = stored(&state);
    }
    drop(serving);
    let difference = wanted.difference(&got);
    assert!(difference.is_empty(), "{}\n{}", difference.join("\n"), log());
    assert!(counter(&state, "records/s3/duplicate") > 0, "some came twice");
}
