//! A drill through the real binary: to targets that would be told, marked, closed again, and leaving nothing else behind.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test")]

mod kit;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use kit::{run, trailhound};
use serde_json::Value;

/// Somebody who is told: paths with what was posted there.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(String, Value)>>>);

impl Told {
    fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let told = self.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, told) = (stream.unwrap(), told.clone());
                thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    let (mut head, mut line) = (Vec::new(), String::new());
                    while reader.read_line(&mut line).unwrap() > 2 {
                        head.push(std::mem::take(&mut line).to_ascii_lowercase());
                    }
                    let length = head.iter().find_map(|line| line.strip_prefix("content-length: "));
                    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
                    reader.read_exact(&mut body).unwrap();
                    let path = head[0].split(' ').nth(1).unwrap().to_owned();
                    let status = if path == "/broken" { "503 Service Unavailable" } else { "202 Accepted" };
                    told.0.lock().unwrap().push((path, serde_json::from_slice(&body).unwrap()));
                    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}")
                        .unwrap();
                });
            }
        });
        address
    }

    fn of(&self, path: &str) -> Vec<Value> {
        let told = self.0.lock().unwrap();
        told.iter().filter(|(at, _)| at.starts_with(path)).map(|(_, body)| body.clone()).collect()
    }
}

struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(folder: &Path) -> Served {
    let log = File::create(folder.join("log")).unwrap();
    let child = trailhound(folder)
        .args(["serve", "-c", "trailhound.yaml"])
        .env("KEY", "0123456789abcdef0123456789abcdef")
        // Nobody listens there: a proxy would connect for us, to whatever a name means to it.
        .envs(
            ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
                .map(|name| (name, "http://127.0.0.1:9")),
        )
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut child = Served(child);
    let begun = Instant::now();
    while !run(folder, &["status", "trailhound.yaml"]).stdout.contains("ready, version") {
        let ended = child.0.try_wait().unwrap().is_some();
        assert!(
            !ended && begun.elapsed() < Duration::from_secs(60),
            "{}",
            fs::read_to_string(folder.join("log")).unwrap()
        );
        thread::sleep(Duration::from_millis(50));
    }
    child
}

const ALLOW: &str = "network: { allow: [127.0.0.0/8], plain_http: true }";

fn site(at: SocketAddr) -> tempfile::TempDir {
    let configuration = format!(
        r#"
state: {{ folder: state, durability: crash }}
sources: [{{ directory: {{ path: in, watch: true }} }}]
rules: [builtin, mine.yaml]
hours: {{ never: {{ days: mon, from: "00:00", to: "00:01", zone: UTC }} }}
targets:
  oncall: {{ pagerduty: {{ routing_key: "${{KEY}}", url: "http://{at}/pagerduty" }}, {ALLOW} }}
  siem: {{ webhook: {{ url: "http://{at}/siem", signing_keys: ["${{KEY}}"] }}, {ALLOW} }}
  blunt: {{ webhook: {{ url: "http://{at}/blunt", signing_keys: ["${{KEY}}"], input_path: $.detail.rule }}, {ALLOW} }}
  chat: {{ slack: {{ webhook: "http://{at}/broken" }}, {ALLOW} }}
  later: {{ file: {{ path: later.ndjson }} }}
routes:
  - {{ match: {{ detail: {{ rule: [mine] }} }}, to: [later] }}
  - {{ match: {{ detail: {{ severity: [critical] }} }}, to: [oncall, siem, blunt, chat], continue: true }}
  - {{ during: never, otherwise: hold, to: [later] }}
"#
    );
    let rule = "id: mine\ntitle: Mine\nseverity: low\npattern: { source: [aws.s3] }\ntests:\n  - { name: never, event: { source: aws.ec2 }, fires: false }\n";
    kit::folder(&[
        ("trailhound.yaml", configuration.as_bytes()),
        ("mine.yaml", rule.as_bytes()),
        ("in/.keep", b""),
    ])
}

fn drill(folder: &Path, arguments: &[&str]) -> kit::Seen {
    let all: Vec<&str> = ["drill"].into_iter().chain(arguments.iter().copied()).collect();
    kit::see(trailhound(folder).args(all))
}

/// What leaves has no member that the published schema does not know, and all that it wants.
fn is_as_published(finding: &Value) {
    let schema: Value = serde_json::from_str(
        &fs::read_to_string(kit::root().join("docs/schema/finding.schema.json")).unwrap(),
    )
    .unwrap();
    let mut left = vec![(finding, &schema)];
    while let Some((value, mut of)) = left.pop() {
        while let Some(to) = of["$ref"].as_str() {
            of = schema.pointer(to.trim_start_matches('#')).unwrap();
        }
        let choice =
            of["anyOf"].as_array().and_then(|choices| choices.iter().find(|one| one.get("$ref").is_some()));
        if let Some(choice) = choice.filter(|_| value.is_object()) {
            left.push((value, choice));
            continue;
        }
        let (Some(members), Some(known)) = (value.as_object(), of["properties"].as_object()) else {
            continue;
        };
        for name in of["required"].as_array().into_iter().flatten() {
            assert!(members.contains_key(name.as_str().unwrap()), "{name} is missing: {value}");
        }
        for (name, value) in members {
            let of = known.get(name).unwrap_or_else(|| panic!("`{name}` is in no published schema"));
            left.push((value, of));
        }
    }
}

#[test]
fn a_drill_reaches_the_real_targets_and_leaves_nothing_else_behind() {
    let told = Told::default();
    let site = site(told.listen());
    let folder = site.path();
    let not_yet = drill(folder, &["cloudtrail-logging-stopped", "--state", "state"]);
    assert_eq!(not_yet.code, 3, "{not_yet}");
    let served = serve(folder);

    let plan = drill(folder, &["cloudtrail-logging-stopped", "-c", "trailhound.yaml", "--dry-run"]);
    assert!(plan.code == 0 && plan.stdout.contains("would be told"), "{plan}");
    assert!(told.0.lock().unwrap().is_empty(), "a dry run tells nobody");

    let seen = drill(
        folder,
        &["cloudtrail-logging-stopped", "-c", "trailhound.yaml", "--by", "alice", "--open-for", "1s"],
    );
    assert_eq!(seen.code, 4, "one target is broken: {seen}");
    assert!(seen.stdout.starts_with("DRILL [critical] "), "{seen}");
    for (target, said) in [
        ("oncall", "delivered: "),
        ("siem", "delivered: "),
        (
            "blunt",
            "refused: what the target's input or template makes of it does not show that it is a drill",
        ),
        ("chat", "failed: "),
        ("later", "held for the hours `never` until "),
        ("oncall", "closed: "),
    ] {
        let line = seen.stdout.lines().find(|line| line.starts_with(target) && line.contains(said));
        assert!(line.is_some(), "{target} {said}: {seen}");
    }

    let incident = told.of("/pagerduty");
    assert_eq!(incident.len(), 2, "{incident:?}");
    let actions: Vec<&Value> = incident.iter().map(|event| &event["event_action"]).collect();
    assert_eq!(actions, ["trigger", "resolve"]);
    assert_eq!(incident[0]["dedup_key"], incident[1]["dedup_key"]);
    assert!(incident.iter().all(|event| event["payload"]["summary"].as_str().unwrap().starts_with("DRILL ")));
    let finding = &told.of("/siem")[0];
    assert_eq!(
        (&finding["detail"]["drill"], &finding["detail"]["rule"]),
        (&true.into(), &"cloudtrail-logging-stopped".into())
    );
    assert!(finding["detail"]["title"].as_str().unwrap().starts_with("DRILL "));
    is_as_published(finding);
    assert!(told.of("/blunt").is_empty(), "what would not show as a drill is not sent");

    let late = drill(
        folder,
        &[
            "cloudtrail-logging-stopped",
            "-c",
            "trailhound.yaml",
            "--held",
            "--open-for",
            "1s",
            "--format",
            "json",
        ],
    );
    let first: Value = serde_json::from_str(late.stdout.lines().next().unwrap()).unwrap();
    let later = first["to"].as_array().unwrap().iter().find(|leg| leg["target"] == "later").unwrap();
    assert_eq!((&later["outcome"], &later["held_for"]), (&"delivered".into(), &"never".into()));
    assert!(fs::read_to_string(folder.join("later.ndjson")).unwrap().contains("\"drill\":true"));

    // No finding, no outbox entry, no conversation: only the audit list knows, and who asked for it.
    let status: Value =
        serde_json::from_str(&run(folder, &["status", "state", "--format", "json"]).stdout).unwrap();
    assert!(status["unaccounted"].as_array().unwrap().is_empty());
    assert_eq!(run(folder, &["findings", "state", "--format", "json"]).stdout, "[]\n");
    assert!(run(folder, &["deliveries", "list", "state"]).stdout.is_empty());
    let audit = run(folder, &["audit", "list", "state"]).stdout;
    assert!(audit.contains("alice") && audit.contains("rule cloudtrail-logging-stopped"), "{audit}");

    for (arguments, code, said) in [
        (
            &["mine", "-c", "trailhound.yaml"][..],
            3,
            "no test of the rule `mine` fires as the service runs it",
        ),
        (
            &["cloudtrail-logging-stoped", "-c", "trailhound.yaml"],
            3,
            "did you mean `cloudtrail-logging-stopped`?",
        ),
        (&["mine", "-c", "trailhound.yaml", "--test", "no"], 3, "it has `never`"),
        (&["mine"], 3, "--config"),
    ] {
        let seen = drill(folder, arguments);
        assert!(seen.code == code && seen.stderr.contains(said), "{arguments:?}: {seen}");
    }

    // What is open when the service ends is closed before.
    let mut asking = trailhound(folder)
        .args(["drill", "cloudtrail-logging-stopped", "-c", "trailhound.yaml", "--open-for", "10m"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while told.of("/pagerduty").len() < 5 {
        assert!(begun.elapsed() < Duration::from_secs(60), "the drill was held");
        thread::sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").arg(served.0.id().to_string()).status().unwrap().success());
    asking.wait().unwrap();
    assert_eq!(told.of("/pagerduty").last().unwrap()["event_action"], "resolve");
    drop(served);

    let gone = drill(folder, &["cloudtrail-logging-stopped", "-c", "trailhound.yaml"]);
    assert!(gone.code == 4 && gone.stderr.contains("no service runs on this state folder"), "{gone}");
}

/// Everything but the process is as before: whoever was called is told that it is over when the service next starts.
#[test]
fn what_a_drill_left_open_when_the_service_was_killed_is_closed_at_the_next_start() {
    let told = Told::default();
    let site = site(told.listen());
    let folder = site.path();
    let served = serve(folder);
    let mut asking = trailhound(folder)
        .args(["drill", "cloudtrail-logging-stopped", "-c", "trailhound.yaml", "--open-for", "10m"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let wait = |what: &str, is: &dyn Fn() -> bool| {
        let begun = Instant::now();
        while !is() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
            thread::sleep(Duration::from_millis(20));
        }
    };
    wait("the drill was held", &|| told.of("/pagerduty").len() == 1);
    // Killed, not asked to end.
    drop(served);
    asking.wait().unwrap();
    assert_eq!(told.of("/pagerduty").len(), 1, "nobody could say that it is over");

    let served = serve(folder);
    wait("it was closed", &|| told.of("/pagerduty").len() == 2);
    let incident = told.of("/pagerduty");
    assert_eq!(incident[1]["event_action"], "resolve");
    assert_eq!(incident[0]["dedup_key"], incident[1]["dedup_key"]);
    wait("it was noted", &|| {
        fs::read_to_string(folder.join("log")).unwrap().contains("a drill that was left open is over")
    });
    drop(served);

    // Once.
    let served = serve(folder);
    let seen = drill(folder, &["cloudtrail-logging-stopped", "-c", "trailhound.yaml", "--open-for", "1s"]);
    assert!(seen.stdout.contains("oncall  closed: "), "{seen}");
    assert_eq!(told.of("/pagerduty").len(), 4, "that of the drill which was left open, and this one");
    drop(served);
}

/// A rule of each kind, with a test that fires, by its id, severities critical.
const KINDS: &[u8] = include_bytes!("drill/rules.yaml");

#[test]
fn a_rule_of_every_kind_can_be_drilled() {
    let configuration = "state: { folder: state, durability: crash }\nsources: [{ directory: { path: in, watch: true } }]\n\
        rules: [rules.yaml]\ntargets: { later: { file: { path: later.ndjson } } }\nroutes: [{ to: [later] }]\n";
    let site = kit::folder(&[
        ("trailhound.yaml", configuration.as_bytes()),
        ("rules.yaml", KINDS),
        ("in/.keep", b""),
    ]);
    let folder = site.path();
    let served = serve(folder);
    let rules = [
        "each",
        "grouped",
        "often",
        "in-turn",
        "never-before",
        "gone-quiet",
        "alarming",
        "stops-alarm",
        "any-alarm",
    ];
    for rule in rules {
        let seen = drill(folder, &[rule, "-c", "trailhound.yaml"]);
        assert!(seen.code == 0 && seen.stdout.starts_with("DRILL [critical] "), "{rule}: {seen}");
    }
    let told = fs::read_to_string(folder.join("later.ndjson")).unwrap();
    let findings: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(findings.len(), rules.len());
    for finding in &findings {
        assert_eq!(
            (&finding["detail"]["drill"], &finding["detail"]["state"]),
            (&true.into(), &"firing".into())
        );
    }
    let counts = drill(folder, &["stops", "-c", "trailhound.yaml"]);
    assert!(counts.code == 3 && counts.stderr.contains("drill an alarm over its metric"), "{counts}");
    drop(served);
}
