//! The service with names from AWS Organizations: those of moto's server, and those it told last when nobody answers any more.

#![cfg(all(unix, feature = "aws"))]
#![expect(clippy::unwrap_used, reason = "a test")]

mod kit;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use kit::{stop_logging, trailhound};

/// Serves an organization of one unit and an account in it, until its standard input ends.
const SERVER: &str = "
import os, sys, boto3
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer('127.0.0.1', 0, verbose=False)
server.start()
endpoint = 'http://127.0.0.1:%d' % server.get_host_and_port()[1]
aws = boto3.client('organizations', endpoint_url=endpoint, region_name='us-east-1', aws_access_key_id='a', aws_secret_access_key='b')
aws.create_organization(FeatureSet='ALL')
root = aws.list_roots()['Roots'][0]['Id']
prod = aws.create_organizational_unit(ParentId=root, Name='Prod')['OrganizationalUnit']['Id']
made = aws.create_account(Email='a@example.com', AccountName='payments', Tags=[{'Key': 'Owner', 'Value': 'team-payments'}])
account = made['CreateAccountStatus']['AccountId']
aws.move_account(AccountId=account, SourceParentId=root, DestinationParentId=prod)
print(endpoint, account, flush=True)
sys.stdin.read()
os._exit(0)
";

fn organization() -> Option<(Child, String, String)> {
    let python = std::env::var("TRAILHOUND_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut command = Command::new(python);
    command.args(["-c", SERVER]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = command.spawn().ok()?;
    let mut line = String::new();
    BufReader::new(server.stdout.take()?).read_line(&mut line).ok()?;
    let (endpoint, account) = line.trim().split_once(' ')?;
    Some((server, endpoint.to_owned(), account.to_owned()))
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn start(folder: &Path, log: &str) -> Child {
    let log = File::create(folder.join(log)).unwrap();
    let mut command = trailhound(folder);
    command.args(["serve", "-c", "trailhound.yaml"]);
    command.envs([("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_REGION", "us-east-1")]);
    command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// Pushes an event until the service takes it.
fn push(address: SocketAddr, event: &str) {
    let begun = Instant::now();
    loop {
        let answered = TcpStream::connect(address).ok().and_then(|mut stream| {
            write!(
                stream,
                "POST /events HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{event}",
                event.len()
            )
            .ok()?;
            let mut text = String::new();
            stream.read_to_string(&mut text).ok()?;
            text.starts_with("HTTP/1.1 200").then_some(())
        });
        if answered.is_some() {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody takes the event");
        thread::sleep(Duration::from_millis(50));
    }
}

/// The account of the finding of an event, once it is told.
fn account_of(folder: &Path, event: &str) -> serde_json::Value {
    let begun = Instant::now();
    loop {
        let told = fs::read_to_string(folder.join("out.ndjson")).unwrap_or_default();
        let found = told
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .find(|finding| finding["detail"]["event_ids"][0] == event);
        if let Some(mut finding) = found {
            return finding["detail"]["account"].take();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{event} is not told: {told}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn accounts_have_their_names_also_when_nobody_answers_any_more() {
    let Some((mut aws, endpoint, account)) = organization() else {
        assert!(
            std::env::var_os("TRAILHOUND_REQUIRE_DATA").is_none(),
            "no moto: run `cargo xtask test`, which installs it"
        );
        eprintln!("no Python with moto[server] and boto3: left out names from AWS Organizations");
        return;
    };
    let address = free();
    let configuration = format!(
        "state: {{ folder: state, durability: crash }}\n\
         sources: [{{ http: {{ listen: \"{address}\" }} }}]\n\
         rules: [rule.yaml]\n\
         accounts: {{ organizations: {{ endpoint: \"{endpoint}\", region: us-east-1 }} }}\n\
         targets: {{ out: {{ file: {{ path: out.ndjson }} }} }}\n\
         routes: [{{ to: [out] }}]\n"
    );
    let rule = "id: a\ntitle: \"{{ account.name }}\"\nseverity: high\npattern: { detail: { eventName: [StopLogging] } }\n";
    let folder =
        kit::folder(&[("trailhound.yaml", configuration.as_bytes()), ("rule.yaml", rule.as_bytes())]);
    let folder = folder.path();
    let event = |id: &str| stop_logging(id, &now()).replace("111122223333", &account);

    let mut service = start(folder, "first");
    // The answer is a reload: the first findings may come before it.
    let begun = Instant::now();
    let named = (0..)
        .find_map(|number| {
            let id = format!("e-{number}");
            push(address, &event(&id));
            let account = account_of(folder, &id);
            let log = || fs::read_to_string(folder.join("first")).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(90), "no names: {}", log());
            account["name"].is_string().then_some(account)
        })
        .unwrap();
    let told = |account: &serde_json::Value| {
        assert_eq!((&account["name"], &account["ou"]), (&"payments".into(), &"Prod".into()), "{account}");
        assert_eq!(account["tags"]["Owner"], "team-payments", "{account}");
    };
    told(&named);

    // Both end as by `kill -9`; the service that follows asks in vain.
    service.kill().unwrap();
    service.wait().unwrap();
    aws.kill().unwrap();
    aws.wait().unwrap();
    let mut service = start(folder, "second");
    push(address, &event("later"));
    told(&account_of(folder, "later"));
    let begun = Instant::now();
    while !fs::read_to_string(folder.join("second")).unwrap().contains("does not tell the accounts") {
        assert!(begun.elapsed() < Duration::from_secs(90), "it asks nobody");
        thread::sleep(Duration::from_millis(100));
    }
    push(address, &event("last"));
    told(&account_of(folder, "last"));
    service.kill().unwrap();
    service.wait().unwrap();
}

fn now() -> String {
    // Tests have no clock of their own; the file system does.
    let made = tempfile::NamedTempFile::new().unwrap().as_file().metadata().unwrap().modified().unwrap();
    format!("{:.0}", jiff::Timestamp::try_from(made).unwrap())
}
