//! First-seen rules that know what is usual before the service begins.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test")]

mod kit;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use kit::{run, trailhound};

const CONFIGURATION: &str = "state: { folder: state, durability: crash }\n\
     rules: [rules.yaml]\n\
     sources: [{ directory: { path: live, poll: 50ms, settle: 50ms } }]\n\
     targets: { out: { file: { path: out.ndjson } } }\n\
     routes: [{ to: [out] }]\n";

const RULES: &str = "id: secret-read-by-somebody-new
title: Somebody new read a secret
severity: low
description: Who reads a secret seldom changes.
first_checks: [Was something deployed?]
pattern: { source: [aws.secretsmanager], detail: { eventName: [GetSecretValue] } }
first_seen: { of: [detail.userIdentity.arn], learn: 7d, forget: 90d }
---
id: trail-stopped
title: A trail was stopped
severity: high
description: Nothing is recorded any more.
first_checks: [Who did it?]
pattern: { source: [aws.cloudtrail], detail: { eventName: [StopLogging] } }
";

fn read(id: &str, time: &str, who: &str) -> String {
    let record = kit::stop_logging(id, time).replace("StopLogging", "GetSecretValue");
    record.replace("cloudtrail.amazonaws.com", "secretsmanager.amazonaws.com").replace("mallory", who)
}

fn days_ago(days: i64) -> String {
    // Tests have no clock of their own; the file system does.
    let made = tempfile::NamedTempFile::new().unwrap().as_file().metadata().unwrap().modified().unwrap();
    let now = jiff::Timestamp::try_from(made).unwrap();
    format!("{:.0}", now - jiff::SignedDuration::from_hours(24 * days))
}

/// Nine days of two who read, with the configuration and the rules.
fn site() -> tempfile::TempDir {
    let of = |days: i64| {
        let (a, b) = (format!("a-{days}"), format!("b-{days}"));
        let records = [read(&a, &days_ago(days), "alice"), read(&b, &days_ago(days), "bob")];
        format!("{{\"Records\":[{}]}}", records.join(","))
    };
    kit::folder(&[
        ("trailhound.yaml", CONFIGURATION.as_bytes()),
        ("rules.yaml", RULES.as_bytes()),
        ("logs/1.json.gz", &kit::gzip(of(9).as_bytes())),
        ("logs/2.json", of(1).as_bytes()),
        ("live/.keep", b""),
    ])
}

fn start(folder: &Path) -> Child {
    let log = fs::File::create(folder.join("log")).unwrap();
    let mut serve = trailhound(folder);
    serve.args(["serve", "-c", "trailhound.yaml"]).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

fn stop(mut child: Child, folder: &Path) {
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert!(child.wait().unwrap().success(), "{}", fs::read_to_string(folder.join("log")).unwrap());
}

fn until(what: &str, folder: &Path, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain until {what}: {}", log());
        thread::sleep(Duration::from_millis(20));
    }
}

fn learned(folder: &Path) -> serde_json::Value {
    let seen = run(folder, &["learn", "logs", "-c", "trailhound.yaml", "--format", "json"]);
    assert_eq!(seen.code, 0, "{seen}");
    let document: serde_json::Value = serde_json::from_str(&seen.stdout).unwrap();
    let rules = document["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 1, "the other rule learns nothing: {seen}");
    rules[0].clone()
}

#[test]
fn a_service_knows_what_was_learned_and_tells_what_is_new() {
    let site = site();
    let folder = site.path();
    let first = learned(folder);
    assert_eq!(
        (first["learned"].as_u64(), first["knows"].as_u64(), first["sightings"].as_u64()),
        (Some(2), Some(2), Some(4))
    );
    assert_eq!(first["last_sighting"].as_str().map(str::len), Some("2026-11-03T02:15:00Z".len()), "{first}");
    let again = learned(folder);
    assert_eq!(
        (again["learned"].as_u64(), again["knows"].as_u64()),
        (Some(0), Some(2)),
        "the same is learned once"
    );
    assert_eq!(again["says_new_from"], first["says_new_from"]);

    let child = start(folder);
    let locked = run(folder, &["learn", "logs", "-c", "trailhound.yaml"]);
    let running = || run(folder, &["status", "state"]).stdout.contains("ready, version");
    until("it runs", folder, running);
    let refused =
        if locked.code == 4 { locked } else { run(folder, &["learn", "logs", "-c", "trailhound.yaml"]) };
    assert_eq!(refused.code, 4, "{refused}");
    assert!(refused.stderr.contains("stop the other process"), "{refused}");

    let now = days_ago(0);
    let lines = [read("c-1", &now, "alice"), read("c-2", &now, "eve"), kit::stop_logging("c-3", &now)];
    fs::write(folder.join("live/now.ndjson"), lines.join("\n") + "\n").unwrap();
    let out = || fs::read_to_string(folder.join("out.ndjson")).unwrap_or_default();
    // All lines are of one commit: when the last is told, so is everything.
    until("both findings are told", folder, || {
        out().contains("trail-stopped") && out().contains("somebody-new")
    });
    until("all is read", folder, || {
        run(folder, &["status", "state"]).stdout.contains("3 received, 3 matched")
    });
    stop(child, folder);
    let found =
        run(folder, &["findings", "state", "--rule", "secret-read-by-somebody-new", "--format", "ndjson"]);
    let events: Vec<_> = found.findings().iter().map(|one| one["detail"]["event_ids"].clone()).collect();
    assert_eq!(events, [serde_json::json!(["c-2"])], "eve is new, alice is not: {found}");
    assert_eq!(learned(folder)["knows"].as_u64(), Some(3), "what the service knows stays known");
}

#[test]
fn what_cannot_be_learned_is_refused() {
    let site = site();
    let folder = site.path();
    learned(folder);
    fs::write(
        folder.join("rules.yaml"),
        RULES.replace("[detail.userIdentity.arn]", "[detail.sourceIPAddress]"),
    )
    .unwrap();
    let other = run(folder, &["learn", "logs", "-c", "trailhound.yaml"]);
    assert_eq!(other.code, 3, "{other}");
    assert!(other.stderr.contains("`secret-read-by-somebody-new` with another meaning"), "{other}");
    fs::write(folder.join("rules.yaml"), RULES).unwrap();
    assert_eq!(learned(folder)["learned"].as_u64(), Some(0), "a refusal changes nothing");

    let nothing = RULES.split("---\n").nth(1).unwrap();
    fs::write(folder.join("rules.yaml"), nothing).unwrap();
    let none = run(folder, &["learn", "logs", "-c", "trailhound.yaml"]);
    assert!(none.code == 3 && none.stderr.contains("no rule with `first_seen`"), "{none}");
    let nowhere = run(folder, &["learn", "logs", "--rules", "rules.yaml"]);
    assert!(nowhere.code == 3 && nowhere.stderr.contains("--state"), "{nowhere}");
    fs::write(folder.join("rules.yaml"), RULES).unwrap();
    let missing =
        run(folder, &["learn", "nothing-here", "logs", "--state", "elsewhere", "--rules", "rules.yaml"]);
    assert_eq!(missing.code, 4, "{missing}");
    assert!(
        missing.stdout.contains("secret-read-by-somebody-new         2         2"),
        "the rest is learned: {missing}"
    );
}
