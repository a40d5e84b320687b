//! Events that go on as they are, through the real binary: all of them arrive, however often it is killed.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test")]

mod kit;

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use kit::{log_file, stop_logging, trailhound};
use serde_json::Value;

const CONFIGURATION: &str = r#"
state: { folder: state, durability: crash }
sources: [{ directory: { path: in, watch: true, poll: 100ms, settle: 100ms } }]
forward:
  - { pattern: { source: [aws.cloudtrail] }, to: [lake] }
  - { pattern: { source: [aws.iam] }, to: [lake] }
targets:
  lake: { file: { path: lake.ndjson } }
  out: { file: { path: out.ndjson } }
routes: [{ to: [out] }]
"#;

struct Served(Child);

impl Served {
    fn start(folder: &Path) -> Self {
        let log = OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
        let mut command = trailhound(folder);
        command.args(["serve", "-c", "trailhound.yaml"]).stdout(Stdio::null()).stderr(log);
        Served(command.spawn().unwrap())
    }
}

impl Drop for Served {
    /// As a machine that loses power ends it.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The ids of events that arrived, and how many lines there are.
fn arrived(folder: &Path) -> (BTreeSet<String>, usize) {
    let text = fs::read_to_string(folder.join("lake.ndjson")).unwrap_or_default();
    let whole = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ids: Vec<String> = whole
        .map(|event| {
            assert_eq!(event["detail-type"], "AWS API Call via CloudTrail");
            event["detail"]["eventID"].as_str().unwrap().to_owned()
        })
        .collect();
    let count = ids.len();
    (ids.into_iter().collect(), count)
}

fn now() -> String {
    // Tests have no clock of their own; the file system does.
    let made = tempfile::NamedTempFile::new().unwrap().as_file().metadata().unwrap().modified().unwrap();
    format!("{:.0}", jiff::Timestamp::try_from(made).unwrap())
}

#[test]
fn every_event_arrives_at_least_once() {
    let folder = kit::folder(&[("trailhound.yaml", CONFIGURATION.as_bytes()), ("in/.keep", b"")]);
    let path = folder.path();
    let (mut all, time) = (BTreeSet::new(), now());
    for round in 0..4 {
        let served = Served::start(path);
        let ids: Vec<String> = (0..300).map(|number| format!("e-{round}-{number}")).collect();
        let records: Vec<String> = ids.iter().map(|id| stop_logging(id, &time)).collect();
        fs::write(path.join(format!("in/{round}.json")), log_file(&records)).unwrap();
        all.extend(ids);
        // Killed while it works: sometimes before it has read the file, sometimes after.
        thread::sleep(Duration::from_millis(150 * (round + 1)));
        drop(served);
    }
    let served = Served::start(path);
    let begun = Instant::now();
    while arrived(path).0.len() < all.len() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{}",
            fs::read_to_string(path.join("log")).unwrap()
        );
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(arrived(path).0, all, "nothing but what came in");
    drop(served);
    // Events of one name are findings too; those are in the other file alone.
    assert!(File::open(path.join("out.ndjson")).is_ok());
    assert!(!fs::read_to_string(path.join("lake.ndjson")).unwrap().contains("Trailhound Finding"));
}
