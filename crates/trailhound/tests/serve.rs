//! The service as a person runs it: the binary, signals, commands beside it, and what it says when its state cannot be used.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test")]

mod kit;

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use kit::{run, stop_logging, trailhound};

/// A service over a folder, with a webhook that answers as it is told.
struct Site {
    folder: tempfile::TempDir,
    push: SocketAddr,
    operations: SocketAddr,
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Site {
    fn new(target: &str) -> Self {
        let (push, operations) = (free(), free());
        let configuration = format!(
            "state: {{ folder: state, durability: crash }}\n\
             sources: [{{ http: {{ listen: \"{push}\" }} }}]\n\
             http: {{ listen: \"{operations}\" }}\n\
             targets: {{ out: {target} }}\n\
             routes: [{{ to: [out] }}]\n"
        );
        let folder = kit::folder(&[("trailhound.yaml", configuration.as_bytes())]);
        Site { folder, push, operations }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn start(&self) -> Child {
        let log = OpenOptions::new().create(true).append(true).open(self.path().join("log")).unwrap();
        let mut child = trailhound(self.path())
            .args(["serve", "-c", "trailhound.yaml"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("ended with {status}: {}", self.log());
            }
            if ask(self.operations, "GET", "/readyz", "").is_some_and(|(status, _)| status == 200) {
                return child;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "not ready: {}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }

    fn push(&self, record: &str) {
        let (status, text) = ask(self.push, "POST", "/events", record).unwrap();
        assert_eq!(status, 200, "{text}");
    }
}

fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn now() -> String {
    // Tests have no clock of their own; the file system does.
    let made = tempfile::NamedTempFile::new().unwrap().as_file().metadata().unwrap().modified().unwrap();
    format!("{:.0}", jiff::Timestamp::try_from(made).unwrap())
}

#[test]
fn it_serves_and_the_commands_beside_it_see_what_it_did() {
    let site = Site::new("{ file: { path: out.ndjson } }");
    let mut child = site.start();
    site.push(&stop_logging("e-1", &now()));
    let out = || fs::read_to_string(site.path().join("out.ndjson")).unwrap_or_default();
    until("the finding is in the file", || out().contains("cloudtrail-logging-stopped"));

    let status = run(site.path(), &["status", "trailhound.yaml"]);
    assert!(
        status.stdout.contains("ready, version") && status.stdout.contains("1 received, 1 matched"),
        "{status}"
    );
    let json = run(site.path(), &["status", "state", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (json["service"]["ready"].as_bool(), json["unaccounted"].as_array().unwrap().len()),
        (Some(true), 0)
    );
    let findings = run(
        site.path(),
        &["findings", "state", "--rule", "cloudtrail-logging-stopped", "--format", "ndjson"],
    );
    let findings = findings.findings();
    assert_eq!((findings.len(), &findings[0]["detail"]["event_ids"][0]), (1, &"e-1".into()));
    assert_eq!(
        run(site.path(), &["findings", "state", "--rule", "no-such-rule", "--format", "json"]).stdout,
        "[]\n"
    );
    let none = run(site.path(), &["deliveries", "list", "state"]);
    assert_eq!((none.stdout.as_str(), none.stderr.as_str()), ("", "nothing is owed\n"));

    let second = run(site.path(), &["serve", "-c", "trailhound.yaml"]);
    assert_eq!(second.code, 4, "{second}");
    assert!(second.stderr.contains("stop the other process"), "{second}");

    let before = fs::read_to_string(site.path().join("trailhound.yaml")).unwrap();
    fs::write(site.path().join("trailhound.yaml"), "sources: nothing").unwrap();
    signal(&child, "-HUP");
    until("the bad file is told", || {
        ask(site.operations, "GET", "/readyz", "")
            .is_some_and(|(status, text)| status == 200 && text.contains("reload: unhealthy"))
    });
    fs::write(site.path().join("trailhound.yaml"), before).unwrap();
    until("the good file is taken by itself", || site.log().contains("the configuration was reloaded"));

    let begun = Instant::now();
    signal(&child, "-TERM");
    assert!(child.wait().unwrap().success(), "{}", site.log());
    assert!(begun.elapsed() < Duration::from_secs(10));
    let status = run(site.path(), &["status", "state"]);
    assert!(status.stdout.starts_with("service     not running"), "{status}");
}

/// What is silenced, folded, suppressed and acknowledged, through the commands beside a running service.
#[test]
fn people_are_told_once_and_say_what_they_know() {
    let site = Site::new("{ file: { path: out.ndjson }, fold: true }");
    let rule =
        "id: stopped\ntitle: stopped\nseverity: high\npattern: { detail: { eventName: [StopLogging] } }\n";
    fs::write(site.path().join("rules.yaml"), rule).unwrap();
    let mut file = OpenOptions::new().append(true).open(site.path().join("trailhound.yaml")).unwrap();
    file.write_all(
        b"rules: [rules.yaml]\nsuppressions:\n  - { id: carols-job, reason: it does, owner: ops, expires: 2099-01-31, match: { detail: { principal: { name: [carol] } } } }\n",
    )
    .unwrap();
    let mut child = site.start();
    let out = || {
        let text = fs::read_to_string(site.path().join("out.ndjson")).unwrap_or_default();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect::<Vec<serde_json::Value>>()
    };
    let metric = |line: &str| {
        ask(site.operations, "GET", "/metrics", "")
            .is_some_and(|(_, text)| text.lines().any(|one| one == line))
    };

    site.push(&stop_logging("e-1", &now()));
    until("the first is told", || out().len() == 1);
    let id = out()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(out()[0]["detail"].get("conversation"), None, "a finding by itself");

    let silenced = run(
        site.path(),
        &[
            "silence",
            "add",
            "trailhound.yaml",
            "--finding",
            &id,
            "--for",
            "1h",
            "--reason",
            "a test",
            "--by",
            "alice",
        ],
    );
    let silence = silenced.stdout.trim().to_owned();
    assert_eq!((silenced.code, silence.len()), (0, 8), "{silenced}");
    site.push(&stop_logging("e-2", &now()));
    until("the second is silenced", || metric("trailhound_findings_total{outcome=\"silenced\"} 1"));
    let list = run(site.path(), &["silence", "list", "state"]);
    assert!(list.stdout.contains("hid 1 finding") && list.stdout.contains("alice: a test"), "{list}");
    assert_eq!(run(site.path(), &["silence", "remove", "state", &silence]).code, 0);
    assert_eq!(run(site.path(), &["silence", "remove", "state", &silence]).code, 3);

    // What nobody can have meant is refused; what may be right all the same is kept with a doubt.
    let add = |state: &str, what: &[&str], (code, said): (i32, &str)| {
        let asked = [&["silence", "add", state], what, &["--for", "1h", "--reason", "a test"]].concat();
        let added = run(site.path(), &asked);
        assert_eq!((added.code, added.stderr.contains(said)), (code, true), "{added}");
    };
    let typos = |state: &str| {
        add(state, &["--rule", "stoped"], (3, "there is no rule `stoped`; did you mean `stopped`?"));
        add(state, &["--account", "payments"], (3, "`payments` is no account"));
        let pattern = r#"{"detail": {"eventName": ["StopLogging"], "severity": ["grave"]}}"#;
        add(state, &["--match", pattern], (3, "no finding can match the pattern"));
        let principal = ["--rule", "stopped", "--principal", "malory"];
        add(state, &principal, (0, "no principal `malory`; did you mean `mallory`?"));
    };
    typos("state");

    site.push(&stop_logging("e-3", &now()));
    until("the third is folded", || metric("trailhound_findings_total{outcome=\"folded\"} 1"));
    assert_eq!(out().len(), 1);
    let acknowledged = run(site.path(), &["ack", "trailhound.yaml", &id, "--by", "alice"]);
    assert_eq!(acknowledged.code, 0, "{acknowledged}");
    until("that is told", || out().len() == 2);
    let conversation = out()[1]["detail"]["conversation"].clone();
    assert_eq!(
        (&conversation["id"], &conversation["findings"], &conversation["note"]),
        (&id.as_str().into(), &2.into(), &"acknowledged by alice".into())
    );
    assert_eq!(run(site.path(), &["ack", "state", "no-such-finding"]).code, 3);

    site.push(&stop_logging("e-4", &now()).replace("mallory", "carol"));
    until("the fourth is suppressed", || metric("trailhound_findings_total{outcome=\"suppressed\"} 1"));
    let suppressions = run(site.path(), &["suppressions", "trailhound.yaml"]);
    assert!(suppressions.stdout.contains("carols-job  hid 1 finding since "), "{suppressions}");
    let hidden = run(site.path(), &["suppressions", "trailhound.yaml", "carols-job"]).findings();
    assert_eq!((hidden.len(), &hidden[0]["detail"]["event_ids"][0]), (1, &"e-4".into()));
    assert!(metric("trailhound_unaccounted 0"));

    // What is kept outlives the process.
    signal(&child, "-KILL");
    child.wait().unwrap();
    let beside = run(
        site.path(),
        &["silence", "add", "state", "--rule", "stopped", "--until", "2099-01-01", "--reason", "none runs"],
    );
    assert_eq!(beside.code, 0, "{beside}");
    typos("trailhound.yaml");
    add("state", &["--rule", "stoped"], (0, "name the configuration instead of the state folder"));
    let mut child = site.start();
    site.push(&stop_logging("e-5", &now()));
    until("the fifth is silenced", || metric("trailhound_findings_total{outcome=\"silenced\"} 2"));
    assert_eq!(out().len(), 2);

    // What became of each can be asked for.
    let outcomes = run(site.path(), &["findings", "state", "--format", "outcomes"]).findings();
    let mut became: Vec<(&str, &str)> =
        outcomes.iter().map(|one| (one["outcome"].as_str().unwrap(), one["of"].as_str().unwrap())).collect();
    became.sort_unstable();
    assert_eq!((became[0], became[1]), (("folded", &*id), ("sent", &*id)));
    assert!(became[2..4].iter().all(|(outcome, of)| *outcome == "silenced" && of.len() == 8), "{became:?}");
    assert_eq!(became[4], ("suppressed", "carols-job"));
    let sent = outcomes.iter().find(|one| one["outcome"] == "sent").unwrap();
    let messages: Vec<_> = sent["messages"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(messages, ["delivered", "delivered"], "{sent}");
    let table = run(site.path(), &["findings", "state", "--format", "table"]);
    for line in
        [&format!("folded into {id}; out: 2 delivered"), "suppressed by carols-job", "sent; out: 2 delivered"]
    {
        assert!(table.stdout.contains(line), "{line}: {table}");
    }
    let status = run(site.path(), &["status", "state"]);
    assert!(status.stdout.contains("undelivered 0 held, 0 pending, 0 failed"), "{status}");
    signal(&child, "-TERM");
    child.wait().unwrap();
}

/// A webhook that says *too many requests* for a while, as Slack does.
#[test]
fn a_storm_of_429_is_waited_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, asked) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let mut reader = BufReader::new(stream);
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let line = line.trim_end().to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length: ") {
                    length = value.parse().unwrap();
                }
                if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let answer = if number < 3 {
                "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            } else {
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
            };
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
            if sender.send((Instant::now(), number)).is_err() {
                break;
            }
        }
    });
    let site = Site::new(&format!(
        "{{ slack: {{ webhook: \"http://{address}/hook\" }}, network: {{ allow: [127.0.0.0/8], plain_http: true }}, retry: {{ delay: 20ms }}, fold: false }}"
    ));
    let mut child = site.start();
    for n in 0..5 {
        site.push(&stop_logging(&format!("e-{n}"), &now()));
    }
    let first = asked.recv_timeout(Duration::from_secs(60)).unwrap().0;
    let second = asked.recv_timeout(Duration::from_secs(60)).unwrap().0;
    assert!(
        second - first >= Duration::from_millis(900),
        "its wish is honoured, for all that waits: {:?}",
        second - first
    );
    until("all have arrived", || {
        let status = run(site.path(), &["status", "state", "--format", "json"]);
        let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
        let of = |state: &str| status["deliveries"][state].as_u64().unwrap();
        of("delivered") == of("created") && of("created") >= 5
    });
    assert!(!site.log().contains("hook\""), "the address is a secret: {}", site.log());
    signal(&child, "-TERM");
    assert!(child.wait().unwrap().success());
}

#[test]
fn state_that_cannot_be_used_is_refused_with_what_to_do() {
    let site = Site::new("{ file: { path: out.ndjson } }");
    let mut child = site.start();
    site.push(&stop_logging("e-1", &now()));
    signal(&child, "-TERM");
    child.wait().unwrap();
    let database = site.path().join("state/state.db");
    let kept = fs::read(&database).unwrap();

    let file = File::options().write(true).open(&database).unwrap();
    file.write_all_at(&[0xa5; 4096], 4096 * 3).unwrap();
    drop(file);
    let damaged = run(site.path(), &["serve", "-c", "trailhound.yaml"]);
    assert_eq!(damaged.code, 4, "{damaged}");
    assert!(damaged.stderr.contains("restore a backup"), "{damaged}");

    fs::write(&database, kept).unwrap();
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        return println!("left out: nothing is read-only for root");
    }
    fs::set_permissions(site.path().join("state"), fs::Permissions::from_mode(0o500)).unwrap();
    let read_only = run(site.path(), &["serve", "-c", "trailhound.yaml"]);
    fs::set_permissions(site.path().join("state"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(read_only.code, 4, "{read_only}");
    assert!(read_only.stderr.contains("the right to write there"), "{read_only}");
}

#[test]
fn a_demonstration_needs_nothing_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = trailhound(folder.path());
    let seen = kit::see(command.env("TMPDIR", folder.path()).args(["serve", "--demo", "--for", "6"]));
    assert_eq!(seen.code, 0, "{seen}");
    assert!(seen.stderr.contains("Nothing leaves this machine") && seen.stderr.contains("/events"), "{seen}");
    assert!(seen.stdout.contains("check first:"), "{seen}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the state is gone");
}
