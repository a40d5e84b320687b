//! `trailhound scan s3://…` against moto's server: the same findings as from a copy of the files.

#![cfg(feature = "aws")]

mod kit;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

/// Serves S3 on a port of its own with what is in a folder, until its standard input ends.
const SERVER: &str = "
import os, sys, boto3
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer('127.0.0.1', 0, verbose=False)
server.start()
endpoint = 'http://127.0.0.1:%d' % server.get_host_and_port()[1]
s3 = boto3.client('s3', endpoint_url=endpoint, region_name='us-east-1', aws_access_key_id='a', aws_secret_access_key='b')
s3.create_bucket(Bucket='logs')
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        path = os.path.join(folder, name)
        s3.put_object(Bucket='logs', Key='prefix/' + os.path.relpath(path, sys.argv[1]), Body=open(path, 'rb').read())
print(endpoint, flush=True)
sys.stdin.read()
os._exit(0)
";

fn serve(folder: &std::path::Path) -> Option<(Child, String)> {
    let python = std::env::var("TRAILHOUND_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut command = Command::new(python);
    command
        .args(["-c", SERVER])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut server = command.spawn().ok()?;
    let mut endpoint = String::new();
    BufReader::new(server.stdout.take()?).read_line(&mut endpoint).ok()?;
    let endpoint = endpoint.trim().to_owned();
    (!endpoint.is_empty()).then_some((server, endpoint))
}

#[test]
fn a_prefix_gives_what_a_copy_gives() {
    let folder = tempfile::tempdir().unwrap();
    let (logs, other) = (folder.path().join("logs"), folder.path().join("other"));
    for account in ["111122223333", "444455556666"] {
        let day = logs.join(format!("AWSLogs/{account}/CloudTrail/us-east-1/2026/11/03"));
        fs::create_dir_all(&day).unwrap();
        for n in 0..40 {
            let record = format!(
                r#"{{"Records":[{{"eventVersion":"1.08","eventTime":"2026-11-03T02:{n:02}:00Z","eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","awsRegion":"us-east-1","recipientAccountId":"{account}","userIdentity":{{"type":"IAMUser","accountId":"{account}","arn":"arn:aws:iam::{account}:user/ana","userName":"ana"}},"requestParameters":{{"name":"main"}},"eventID":"{account}-{n}"}}]}}"#
            );
            let name = format!("{account}_CloudTrail_us-east-1_20261103T02{n:02}Z_AAAAAAAAAAAAAAAA.json.gz");
            let mut file = flate2::write::GzEncoder::new(
                fs::File::create(day.join(name)).unwrap(),
                flate2::Compression::fast(),
            );
            file.write_all(record.as_bytes()).unwrap();
            file.finish().unwrap();
        }
    }
    fs::create_dir_all(logs.join("AWSLogs/111122223333/Config/us-east-1")).unwrap();
    fs::write(logs.join("AWSLogs/111122223333/Config/us-east-1/a.json.gz"), "not CloudTrail's").unwrap();
    fs::create_dir(&other).unwrap();
    let Some((_server, endpoint)) = serve(&logs) else {
        assert!(
            std::env::var_os("TRAILHOUND_REQUIRE_DATA").is_none(),
            "no moto: run `cargo xtask test`, which installs it"
        );
        eprintln!("no Python with moto[server] and boto3: left out scanning S3");
        return;
    };
    let scan = |paths: &[&str]| {
        let mut command = kit::trailhound(&other);
        command.arg("scan").args(paths).args(["--format", "ndjson"]).env("AWS_ENDPOINT_URL", &endpoint);
        command
            .env("AWS_ACCESS_KEY_ID", "a")
            .env("AWS_SECRET_ACCESS_KEY", "b")
            .env("AWS_REGION", "us-east-1");
        kit::see(&mut command)
    };
    let (from_s3, from_copy) = (
        scan(&["s3://logs/prefix/"]),
        scan(&[
            logs.join("AWSLogs/111122223333/CloudTrail").to_str().unwrap(),
            logs.join("AWSLogs/444455556666").to_str().unwrap(),
        ]),
    );
    assert_eq!(from_s3.code, 0, "{from_s3}");
    assert_eq!(from_s3.findings().len(), from_copy.findings().len());
    assert!(!from_s3.findings().is_empty(), "{from_s3}");
    assert_eq!(from_s3.stdout, from_copy.stdout);

    let nothing = scan(&["s3://logs/elsewhere/"]);
    assert_eq!(
        (nothing.code, nothing.stderr.contains("no log files below this prefix")),
        (4, true),
        "{nothing}"
    );
    let missing = scan(&["s3://no-such-bucket-here/"]);
    assert_eq!((missing.code, missing.stderr.contains("NoSuchBucket")), (4, true), "{missing}");
    let no_bucket = scan(&["s3:///"]);
    assert_eq!((no_bucket.code, no_bucket.stderr.contains("s3://BUCKET/PREFIX")), (4, true), "{no_bucket}");
}
