//! S3 and SQS against moto: every shape of notification, a day of real logs, and what goes wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sources::aws::Bucket;
use sources::{QueueSettings, S3, S3Settings, Session, Source, SourceError, Sqs, SqsSettings};

use crate::counterpart::{Counterpart, counterpart};
use crate::kit::{Committed, Rig, clock, gzip, log_file, record, shared_data};

fn queue(aws: &Counterpart, url: &str) -> QueueSettings {
    QueueSettings {
        aws: aws.aws(),
        wait: Duration::from_secs(1),
        delay: Duration::ZERO,
        visibility: Duration::from_secs(30),
        tries: 2,
        ..QueueSettings::new(url)
    }
}

fn s3(aws: &Counterpart, url: &str) -> Arc<dyn Source> {
    Arc::new(S3::new(S3Settings::new("bucket", queue(aws, url))))
}

fn sqs(aws: &Counterpart, url: &str) -> Arc<dyn Source> {
    Arc::new(Sqs::new(SqsSettings::new("events", queue(aws, url))))
}

fn store() -> Arc<Mutex<Committed>> {
    Arc::new(Mutex::new(Committed::default()))
}

fn sorted(store: &Mutex<Committed>) -> Vec<String> {
    let mut ids = store.lock().unwrap().ids.clone();
    ids.sort();
    ids
}

/// How a bucket's notifications get into a queue.
const CHAINS: [(&str, &str); 4] = [
    ("straight", "notify(bucket, QueueConfigurations=[{'QueueArn': arn, 'Events': CREATED}])"),
    ("SNS", "notify(bucket, TopicConfigurations=[{'TopicArn': topic(bucket, arn, False), 'Events': CREATED}])"),
    ("SNS, raw", "notify(bucket, TopicConfigurations=[{'TopicArn': topic(bucket, arn, True), 'Events': CREATED}])"),
    (
        "EventBridge",
        "
notify(bucket, EventBridgeConfiguration={})
events.put_rule(Name=bucket, EventPattern=json.dumps({'source': ['aws.s3'], 'detail': {'bucket': {'name': [bucket]}}}))
events.put_targets(Rule=bucket, Targets=[{'Id': '1', 'Arn': arn}])",
    ),
];

async fn chain(aws: &Counterpart, how: &str) -> (String, String) {
    let name = aws.name();
    let script = format!("bucket = arguments[0]\nurl, arn = queue(bucket)\n{how}\nprint(url)");
    let url = aws.run(&script, &[&name]).await;
    (name, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shape_of_notification() {
    let Some(aws) = counterpart("notifications about objects") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log");
    fs::write(&file, gzip(&log_file(&["1", "2"]))).unwrap();
    for (how, script) in CHAINS {
        let (bucket, url) = chain(aws, script).await;
        let store = store();
        let rig = Rig::start(s3(aws, &url), &store);
        let script = "
body = open(arguments[1], 'rb').read()
for key in ['a b/é+100%41.json.gz', 'plain.json', 'AWSLogs/111122223333/CloudTrail/', 'AWSLogs/111122223333/Config/x/y.json.gz']:
    s3.put_object(Bucket=arguments[0], Key=key, Body=body)
s3.delete_object(Bucket=arguments[0], Key='plain.json.old')";
        aws.run(script, &[&bucket, file.to_str().unwrap()]).await;
        rig.until(|committed| committed.ids.len() == 4).await;
        rig.stop().await.unwrap();
        let mut origins = store.lock().unwrap().origins.clone();
        origins.sort();
        assert_eq!(
            origins,
            [format!("s3://{bucket}/a b/é+100%41.json.gz"), format!("s3://{bucket}/plain.json")],
            "{how}"
        );
        assert_eq!(store.lock().unwrap().set_aside, [], "{how}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cloudtrails_own_topic_and_several_objects_in_a_message() {
    let Some(aws) = counterpart("CloudTrail's own notifications") else { return };
    let name = aws.name();
    let script = "
url, arn = queue(arguments[0])
s3.create_bucket(Bucket=arguments[0])
for n in '12':
    s3.put_object(Bucket=arguments[0], Key=f'k+{n}.json', Body=json.dumps({'Records': [dict(json.loads(arguments[1]), eventID=n)]}))
arn = topic(arguments[0], arn, False)
sns.publish(TopicArn=arn, Message='CloudTrail validation message.')
sns.publish(TopicArn=arn, Message=json.dumps({'s3Bucket': arguments[0], 's3ObjectKey': ['k+1.json', 'k+2.json']}))
print(url)";
    let url = aws.run(script, &[&name, &record("x")]).await;
    let store = store();
    let rig = Rig::start(s3(aws, &url), &store);
    rig.until(|committed| committed.ids == ["1", "2"]).await;
    rig.stop().await.unwrap();
    assert_eq!(store.lock().unwrap().batches, 1);
    assert_eq!(aws.left_in(&url).await, "0");
}

/// The files of the day of which there are most, in the set of which there are most.
fn a_day(folder: &Path) -> Vec<PathBuf> {
    let mut days = std::collections::BTreeMap::<PathBuf, Vec<PathBuf>>::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok) {
        if entry.file_type().is_file() && entry.path().to_string_lossy().contains("/AWSLogs/") {
            let set = entry.path().strip_prefix(folder).unwrap().components().next().unwrap();
            let day: PathBuf = entry.path().parent().unwrap().components().rev().take(3).collect();
            days.entry(Path::new(set.as_os_str()).join(day)).or_default().push(entry.into_path());
        }
    }
    days.into_values().max_by_key(Vec::len).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_real_logs_gives_the_records_of_its_files() {
    let Some(data) = shared_data("a day of real logs through S3, SNS and SQS") else { return };
    let Some(aws) = counterpart("a day of real logs through S3, SNS and SQS") else { return };
    let files = a_day(&data.join("corpus_real"));
    let mut wanted = Vec::new();
    for file in &files {
        let decoded = cloudtrail::Decoder::default().decode(&fs::read(file).unwrap(), None, |item| {
            if let cloudtrail::Item::Event(event) = item {
                let mut text = Vec::new();
                event.record().unwrap().json.write_compact(&mut text);
                wanted.push(String::from_utf8(text).unwrap());
            }
        });
        assert!(decoded.trouble.is_none());
    }
    assert!(files.len() > 50 && wanted.len() > 200, "{} files, {} records", files.len(), wanted.len());

    let (bucket, url) = chain(aws, CHAINS[1].1).await;
    // One in ten notifications comes twice, and the first batches are refused.
    let store = Arc::new(Mutex::new(Committed { refuse: 5, ..Committed::default() }));
    let rig = Rig::start(s3(aws, &url), &store);
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("files");
    fs::write(&list, files.iter().map(|file| file.display().to_string() + "\n").collect::<String>()).unwrap();
    let script = "
arn = [topic['TopicArn'] for topic in sns.list_topics()['Topics'] if topic['TopicArn'].endswith(':' + arguments[0])][0]
for n, path in enumerate(open(arguments[1]).read().splitlines()):
    key = path[path.index('AWSLogs/'):]
    s3.put_object(Bucket=arguments[0], Key=key, Body=open(path, 'rb').read())
    if n % 10 == 0:
        sns.publish(TopicArn=arn, Message=json.dumps({'s3Bucket': arguments[0], 's3ObjectKey': [key]}))";
    aws.run(script, &[&bucket, list.to_str().unwrap()]).await;
    let twice = files.len().div_ceil(10);
    rig.until(|committed| committed.origins.len() == files.len() + twice).await;
    rig.stop().await.unwrap();
    assert_eq!(aws.left_in(&url).await, "0");
    let store = store.lock().unwrap();
    assert_eq!(
        (store.refused, store.rejected, &store.set_aside, &store.troubles),
        (5, 0, &Vec::new(), &Vec::new())
    );
    let mut got = store.texts.clone();
    assert!(got.len() > wanted.len(), "some came twice");
    got.sort();
    got.dedup();
    wanted.sort();
    wanted.dedup();
    assert!(got == wanted, "{} records, and {} in the files", got.len(), wanted.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_set_aside_and_the_rest_counts() {
    let Some(aws) = counterpart("messages that cannot be read") else { return };
    let name = aws.name();
    let script = "
url, arn = queue(arguments[0])
s3.create_bucket(Bucket=arguments[0])
s3.put_object(Bucket=arguments[0], Key='good.json', Body=arguments[1])
tell = lambda bucket, keys: sqs.send_message(QueueUrl=url, MessageBody=json.dumps({'s3Bucket': bucket, 's3ObjectKey': keys}))
tell(arguments[0], ['missing.json', 'good.json'])
tell('somewhere-else', ['x.json'])
sqs.send_message(QueueUrl=url, MessageBody='not JSON')
sqs.send_message(QueueUrl=url, MessageBody=json.dumps({'Service': 'Amazon S3', 'Event': 's3:TestEvent', 'Bucket': 'x'}))
print(url)";
    let url = aws.run(script, &[&name, std::str::from_utf8(&log_file(&["1"])).unwrap()]).await;
    let store = store();
    let settings = S3Settings { buckets: vec![name.clone()], ..S3Settings::new("bucket", queue(aws, &url)) };
    let rig = Rig::start(Arc::new(S3::new(settings)), &store);
    rig.until(|committed| committed.set_aside.len() == 3).await;
    rig.stop().await.unwrap();
    assert_eq!(aws.left_in(&url).await, "0");
    let store = store.lock().unwrap();
    assert_eq!(store.ids, ["1"]);
    let mut aside: Vec<String> =
        store.set_aside.iter().map(|aside| format!("{}: {}", aside.origin, aside.reason)).collect();
    aside.sort();
    assert!(aside[0].starts_with("message ") && aside[0].contains("not JSON"), "{aside:?}");
    assert!(
        aside[1].starts_with("s3://somewhere-else/x.json: ") && aside[1].contains("not among"),
        "{aside:?}"
    );
    assert!(
        aside[2].starts_with(&format!("s3://{name}/missing.json: ")) && aside[2].contains("NoSuchKey"),
        "{aside:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_kept_hidden_while_it_is_worked_on_and_comes_again_after_a_crash() {
    let Some(aws) = counterpart("visibility of messages") else { return };
    let name = aws.name();
    let url = aws.run("url, _ = queue(arguments[0])\nsqs.send_message(QueueUrl=url, MessageBody=arguments[1])\nprint(url)", &[&name, &record("1")]).await;
    let settings = QueueSettings { visibility: Duration::from_secs(6), ..queue(aws, &url) };
    let source: Arc<dyn Source> = Arc::new(Sqs::new(SqsSettings::new("events", settings)));

    let (session, mut control) = Session::open("events", sources::Limits::default(), &clock(), []);
    let running = Arc::clone(&source);
    let running = tokio::spawn(async move { running.run(session).await });
    let batch = control.next().await.unwrap();
    // Longer than the message would be hidden without being extended.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(
        aws.run("print(len(sqs.receive_message(QueueUrl=arguments[0]).get('Messages', [])))", &[&url]).await,
        "0"
    );
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    drop(batch);

    let store = store();
    let rig = Rig::start(source, &store);
    rig.until(|committed| committed.ids == ["1"]).await;
    rig.stop().await.unwrap();
    assert_eq!(aws.left_in(&url).await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_proves_what_it_names_once_that_was_committed() {
    let Some(aws) = counterpart("digests") else { return };
    let name = aws.name();
    let log = "AWSLogs/444455556666/CloudTrail/us-east-1/2026/11/03/444455556666_CloudTrail_us-east-1_20261103T0215Z_AAAAAAAAAAAAAAAA.json.gz";
    let digest = "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/11/03/111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20261103T030000Z.json.gz";
    let script = "
bucket, record, log, digest = arguments
url, arn = queue(bucket)
s3.create_bucket(Bucket=bucket)
import gzip
s3.put_object(Bucket=bucket, Key=log, Body=gzip.compress(json.dumps({'Records': [json.loads(record)]}).encode()), ContentEncoding='gzip')
s3.put_object(Bucket=bucket, Key=digest, ContentEncoding='gzip', Body=gzip.compress(json.dumps({
    'awsAccountId': '111122223333', 'digestStartTime': '2026-11-03T02:00:00Z', 'digestEndTime': '2026-11-03T03:00:00Z',
    'digestS3Bucket': bucket, 'digestS3Object': digest, 'digestPublicKeyFingerprint': 'ab', 'digestSignatureAlgorithm': 'SHA256withRSA',
    'logFiles': [{'s3Bucket': bucket, 's3Object': log, 'hashValue': '00', 'hashAlgorithm': 'SHA-256'}]}).encode()))
sqs.send_message(QueueUrl=url, MessageBody=json.dumps({'s3Bucket': bucket, 's3ObjectKey': [digest]}))
print(url)";
    let url = aws.run(script, &[&name, &record("1"), log, digest]).await;
    let store = store();
    let rig = Rig::start(s3(aws, &url), &store);
    rig.until(|committed| committed.skipped == 1).await;
    assert_eq!(store.lock().unwrap().proofs, [], "its file was not read yet");
    let tell = "sqs.send_message(QueueUrl=arguments[0], MessageBody=json.dumps({'s3Bucket': arguments[1], 's3ObjectKey': [arguments[2]]}))";
    aws.run(tell, &[&url, &name, log]).await;
    rig.until(|committed| committed.proofs.len() == 2).await;
    rig.stop().await.unwrap();
    let proofs = store.lock().unwrap().proofs.clone();
    let accounts: Vec<String> = proofs.iter().map(|proof| proof.account.to_string()).collect();
    assert_eq!(accounts, ["111122223333", "444455556666"]);
    assert!(proofs.iter().all(|proof| proof.to.to_string() == "2026-11-03T03:00:00Z"));
    assert_eq!(store.lock().unwrap().ids, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_object_goes_through_a_file() {
    let Some(aws) = counterpart("a large object") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.json");
    let filler = format!(r#"{{"requestParameters":{{"x":"{}"}},"#, "x".repeat(60 << 10));
    let records = 60 * 1024 * 1024 / filler.len();
    let lines: String =
        (0..records).map(|n| record(&format!("{n:07}")).replacen('{', &filler, 1) + "\n").collect();
    fs::write(&file, lines).unwrap();
    let (bucket, url) = chain(aws, CHAINS[0].1).await;
    aws.run(
        "s3.put_object(Bucket=arguments[0], Key='large.json', Body=open(arguments[1], 'rb').read())",
        &[&bucket, file.to_str().unwrap()],
    )
    .await;
    let store = store();
    let rig = Rig::start(s3(aws, &url), &store);
    rig.until(|committed| committed.ids.len() == records).await;
    rig.stop().await.unwrap();
    let store = store.lock().unwrap();
    assert!(store.bytes_max < 1 << 20, "{} bytes of it in memory", store.bytes_max);
    assert!(store.ids.iter().enumerate().all(|(n, id)| *id == format!("{n:07}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_in_a_queue_bare_wrapped_and_raw() {
    let Some(aws) = counterpart("events in a queue") else { return };
    let name = aws.name();
    let script = "
url, arn = queue(arguments[0])
wrapped, raw = topic(arguments[0] + '-w', arn, False), topic(arguments[0] + '-r', arn, True)
record = json.loads(arguments[1])
event = lambda id: json.dumps({'version': '0', 'id': id, 'detail-type': 'AWS API Call via CloudTrail', 'source': 'aws.iam', 'account': '1',
    'time': '2026-11-03T02:15:00Z', 'region': 'us-east-1', 'resources': [], 'detail': dict(record, eventID=id)})
sqs.send_message(QueueUrl=url, MessageBody=event('bare'))
sns.publish(TopicArn=wrapped, Message=event('wrapped'), Subject='a subject')
sns.publish(TopicArn=raw, Message=event('raw'))
for n in range(30):
    sqs.send_message(QueueUrl=url, MessageBody=event(f'{n:02}'))
sqs.send_message(QueueUrl=url, MessageBody=json.dumps({'s3Bucket': 'b', 's3ObjectKey': ['k']}))
sqs.send_message(QueueUrl=url, MessageBody='hello')
events.put_rule(Name=arguments[0], EventPattern=json.dumps({'source': [arguments[0]]}))
events.put_targets(Rule=arguments[0], Targets=[{'Id': '1', 'Arn': arn}])
events.put_events(Entries=[{'Source': arguments[0], 'DetailType': 'Something else', 'Detail': '{}'}])
print(url)";
    let url = aws.run(script, &[&name, &record("x")]).await;
    let store = store();
    let rig = Rig::start(sqs(aws, &url), &store);
    rig.until(|committed| committed.ids.len() == 34 && committed.set_aside.len() == 2).await;
    rig.stop().await.unwrap();
    assert_eq!(aws.left_in(&url).await, "0");
    let ids = sorted(&store);
    assert_eq!(
        (ids[0].as_str(), &ids[31..]),
        ("", &["bare", "raw", "wrapped"].map(String::from)[..]),
        "the event of another source has no eventID"
    );
    assert!(
        store
            .lock()
            .unwrap()
            .set_aside
            .iter()
            .any(|aside| aside.reason.contains("`s3` source") && aside.excerpt.starts_with(b"{\"s3Bucket\""))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_not_there_is_named() {
    let Some(aws) = counterpart("a queue that is not there") else { return };
    let url = format!("{}/123456789012/nowhere", aws.endpoint);
    let error = Rig::start(sqs(aws, &url), &store()).ended().await.unwrap_err();
    assert!(matches!(error, SourceError::Misconfigured { .. }), "{error:?}");

    let nobody = AwsNobody::new();
    let mut settings = queue(aws, &url);
    settings.aws.endpoint = Some(nobody.0);
    let error = Rig::start(Arc::new(Sqs::new(SqsSettings::new("events", settings))), &store())
        .ended()
        .await
        .unwrap_err();
    assert!(
        matches!(&error, SourceError::Failed { next_step, .. } if next_step.contains("network")),
        "{error:?}"
    );
}

/// An address at which nobody listens.
struct AwsNobody(String);

impl AwsNobody {
    fn new() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        AwsNobody(format!("http://{}", listener.local_addr().unwrap()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_is_listed_and_got() {
    let Some(aws) = counterpart("listing a bucket") else { return };
    let name = aws.name();
    let script = "
s3.create_bucket(Bucket=arguments[0])
for n in range(1100):
    s3.put_object(Bucket=arguments[0], Key=f'logs/{n:04}.json', Body=arguments[1])
s3.put_object(Bucket=arguments[0], Key='other', Body='')";
    aws.run(script, &[&name, std::str::from_utf8(&log_file(&["1"])).unwrap()]).await;
    let settings = aws.aws();
    let read = tokio::task::spawn_blocking(move || {
        let (bucket, prefix) = Bucket::open(&format!("s3://{name}/logs/"), &settings).unwrap();
        let mut seen = Vec::new();
        let objects = bucket.list(&prefix, |count| seen.push(count)).unwrap();
        let body = bucket.get(&objects[1099].key).unwrap();
        let missing = bucket.get("logs/missing").unwrap_err().to_string();
        let (nowhere, _) = Bucket::open("s3://no-such-bucket-here/", &settings).unwrap();
        (seen, objects, body.len(), missing, nowhere.list("", |_| {}).unwrap_err().to_string())
    });
    let (seen, objects, length, missing, nowhere) = read.await.unwrap();
    assert_eq!((seen, objects.len(), objects[0].key.as_str()), (vec![1000, 1100], 1100, "logs/0000.json"));
    assert_eq!(length, objects[1099].length);
    assert!(missing.contains("NoSuchKey"), "{missing}");
    assert!(nowhere.contains("NoSuchBucket"), "{nowhere}");
}
