//! The state folder on a bad day: a disk that is full, a folder that is read-only, a backup that is put back.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::kit::{self, stop_logging};
use crate::site::Site;

const TIME: &str = "2026-11-03T02:40:00Z";

fn stopped(id: &str) -> String {
    stop_logging(id, TIME)
}

/// Writes until there is no room for anything.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    for size in [1 << 20, 4096, 512] {
        while file.write_all(&vec![b'x'; size]).is_ok() {}
    }
}

#[test]
fn a_full_disk_is_waited_out_and_nothing_is_lost_or_told_twice() {
    let mut site = Site::new(&[]);
    let Some(command) = site.command_after("mount -t tmpfs -o size=8m none state") else { return };
    let process = site.start(command);
    // The disk as the process sees it.
    let state = Path::new("/proc").join(process.to_string()).join("root");
    let state = state.join(site.path().strip_prefix("/").unwrap()).join("state");
    let mut taken = Vec::new();
    let mut push = |site: &mut Site| {
        let id = format!("e-{:04}", taken.len());
        let status = site.push(&stopped(&id));
        if status == 200 {
            taken.push(id);
        }
        status
    };
    assert_eq!(push(&mut site), 200);
    fill(&state.join("filler"));
    // What is left of the last page and of the log is used up first.
    let mut refused = 200;
    site.until("the full disk shows", |site| {
        refused = push(site);
        refused != 200
    });
    assert_eq!(refused, 503, "whoever pushes keeps it and comes again");
    site.until("it says so", |site| {
        let (status, told) = site.ready();
        status == 503 && told.contains("no space left")
    });
    fs::remove_file(state.join("filler")).unwrap();
    site.until("it takes events again", |site| push(site) == 200);
    site.until("it is well again", |site| site.ready().0 == 200);
    site.until("all is told", |site| site.told().len() >= taken.len());
    let metrics = site.metrics();
    let received = format!("\ntrailhound_findings_received_total {}\n", taken.len());
    assert!(metrics.contains(&received), "{metrics}");
    site.stop();
    assert_eq!(site.told(), taken);
}

#[test]
fn a_read_only_state_folder_is_refused_with_what_to_do() {
    let mut site = Site::new(&[]);
    site.start(site.command());
    site.stop();
    let Some(mut command) = site.command_after("mount --bind state state && mount -o remount,ro,bind state")
    else {
        return;
    };
    let seen = kit::see(&mut command);
    assert_eq!(seen.code, 4, "{seen}");
    assert!(seen.stderr.contains("the right to write there"), "{seen}");
}

#[test]
fn a_restored_backup_goes_on_where_it_was() {
    let mut site = Site::new(&[]);
    site.start(site.command());
    assert_eq!(site.push(&stopped("before")), 200);
    site.until("it is told", |site| site.told() == ["before"]);
    let backup = kit::run(site.path(), &["backup", "trailhound.yaml", "monday.db"]);
    assert_eq!(backup.code, 0, "a running service is backed up: {backup}");
    assert_eq!(site.push(&stopped("after")), 200);
    site.until("it is told", |site| site.told().len() == 2);

    let refused = kit::run(site.path(), &["restore", "monday.db", "trailhound.yaml"]);
    assert_eq!(refused.code, 4, "{refused}");
    assert!(refused.stderr.contains("stop the other process"), "{refused}");
    assert_eq!(site.push(&stopped("after")), 200, "it is still there, and knows what it knew");
    site.stop();
    let told = |site: &Site| {
        let seen = kit::run(site.path(), &["findings", "state", "--format", "ndjson"]);
        let mut ids: Vec<String> = seen
            .findings()
            .iter()
            .map(|one| one["detail"]["event_ids"][0].as_str().unwrap().into())
            .collect();
        ids.sort();
        ids
    };
    assert_eq!(told(&site), ["after", "before"]);

    let restored = kit::run(site.path(), &["restore", "monday.db", "trailhound.yaml"]);
    assert_eq!(restored.code, 0, "{restored}");
    assert!(restored.stderr.contains("replaced-1"), "what was there is kept: {restored}");
    assert_eq!(told(&site), ["before"]);
    site.start(site.command());
    // What it knows it does not tell again; what came after the backup it decides again, with the same id and so under the same key.
    for id in ["before", "after"] {
        assert_eq!(site.push(&stopped(id)), 200);
    }
    site.until("what came after the backup is told again", |site| site.told().len() == 3);
    let status = site.status(&site.path().join("state"));
    assert_eq!(status["unaccounted"].as_array().unwrap().len(), 0, "{status}");
    site.stop();
    assert_eq!(site.told(), ["after", "after", "before"]);
    let out = fs::read_to_string(site.path().join("out.ndjson")).unwrap();
    let ids: std::collections::BTreeSet<String> = out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 2, "{out}");
}

#[test]
fn what_is_no_backup_of_this_version_is_not_restored() {
    let site = Site::new(&[]);
    let missing = kit::run(site.path(), &["restore", "nowhere.db", "state"]);
    assert_eq!(missing.code, 3, "{missing}");
    fs::write(site.path().join("nonsense.db"), "no database").unwrap();
    let nonsense = kit::run(site.path(), &["restore", "nonsense.db", "state"]);
    assert_eq!(nonsense.code, 4, "{nonsense}");
    assert!(!site.path().join("state/state.db").exists());
}

#[test]
fn a_reload_says_what_waits_for_the_next_start() {
    let mut site = Site::new(&[]);
    let process = site.start(site.command());
    let path = site.path().join("trailhound.yaml");
    let before = fs::read_to_string(&path).unwrap();
    let heartbeat = "heartbeat: { url: \"https://signs.example.com/1\" }\n";
    let after = before.replace("durability: crash", "durability: power-loss") + heartbeat;
    fs::write(&path, after).unwrap();
    let hup = std::process::Command::new("kill").args(["-HUP", &process.to_string()]).status().unwrap();
    assert!(hup.success());
    site.until("it is said", |site| site.log().contains("take effect at the next start only"));
    assert!(site.log().contains("settings=\"state.durability, heartbeat\""), "{}", site.log());
    site.stop();
}

#[test]
fn events_that_a_rule_had_to_forget_are_counted() {
    let mut site = Site::new(&[]);
    let many = "id: many\ntitle: many\nseverity: low\npattern: { detail: { eventName: [StopLogging] } }\n\
                threshold: { count: 3, within: 1h, by: [detail.requestParameters.name], keys_max: 1 }\n";
    fs::write(site.path().join("rules.yaml"), many).unwrap();
    site.start(site.command());
    for n in 0..5 {
        let record = stopped(&format!("e-{n}")).replace("\"audit\"", &format!("\"audit-{n}\""));
        assert_eq!(site.push(&record), 200);
    }
    let metrics = site.metrics();
    let forgotten = metrics.lines().find_map(|line| line.strip_prefix("trailhound_forgotten_total "));
    assert_eq!(forgotten, Some("4"), "{metrics}");
    assert!(metrics.contains("trailhound_given_up_total{rule=\"many\"} 4\n"), "{metrics}");
    site.until("it is told", |site| site.log().contains("a rule has more keys or events than it may keep"));
    site.stop();
    let seen = kit::run(site.path(), &["status", site.path().join("state").to_str().unwrap()]);
    assert!(seen.stdout.contains("keys and events of rules that had too many: many 4\n"), "{seen}");
}
