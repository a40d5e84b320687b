//! The configuration as a person uses it: `check -c`, `scan -c`, and paths of all kinds.

#![expect(clippy::unwrap_used, reason = "tests")]

mod kit;

use std::fs;
use std::path::{Path, PathBuf};

use kit::{folder, run, see, trailhound};

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/configuration").canonicalize().unwrap()
}

fn incident() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/incident").canonicalize().unwrap()
}

#[test]
fn the_example_is_right_and_so_are_its_rules() {
    for arguments in
        [["check", "-c", "trailhound.yaml", "--strict"], ["check", "--strict", "trailhound.yaml", "-q"]]
    {
        let seen = run(&example(), &arguments);
        assert_eq!(seen.code, 0, "{seen}");
    }
    let seen = run(&example(), &["test", "-c", "trailhound.yaml", "rules"]);
    assert_eq!(seen.code, 0, "{seen}");
}

#[test]
fn secrets_are_looked_up_only_where_it_is_asked_for() {
    let config = "state: s\nsources: [{ directory: { path: logs } }]\ntargets: { a: { slack: { webhook: \"${HOOK}\" } } }\nroutes: [{ to: [a] }]\n";
    let folder = folder(&[("t.yaml", config.as_bytes())]);
    let seen = run(folder.path(), &["check", "-c", "t.yaml"]);
    assert_eq!(seen.code, 0, "{seen}");
    assert!(seen.stderr.contains("1 secret not looked up"), "{seen}");
    let with = |value: Option<&str>| {
        let mut command = trailhound(folder.path());
        command.args(["check", "-c", "t.yaml", "--secrets"]).env_remove("HOOK");
        if let Some(value) = value {
            command.env("HOOK", value);
        }
        see(&mut command)
    };
    let seen = with(None);
    assert_eq!(seen.code, 3, "{seen}");
    assert!(seen.stdout.contains("the variable `HOOK` is not set"), "{seen}");
    let seen = with(Some("hunter2hunter2"));
    assert_eq!(seen.code, 3, "{seen}");
    assert!(!seen.stdout.contains("hunter2") && !seen.stderr.contains("hunter2"), "{seen}");
    let seen = with(Some("https://hooks.slack.com/services/T0/B0/x"));
    assert_eq!(seen.code, 0, "{seen}");
}

#[test]
fn what_is_wrong_with_a_configuration_leaves_with_3_and_with_rules_with_2() {
    let folder = folder(&[
        ("typo.yaml", b"rulez: [builtin]\n"),
        ("override.yaml", b"override: [{ id: root-used, disabled: true }]\n"),
        ("rule.yaml", b"rules: [bad-rules]\n"),
        ("bad-rules/a.yaml", b"id: a\n"),
        ("event.yaml", b"rules: [event-rules]\n"),
        ("event-rules/a.yaml", b"id: a\ntitle: t\nseverity: low\npattern: { source: [aws.iam] }\ntests: [{ name: n, event: nowhere.json, fires: true }]\n"),
        ("list.yaml", b"lists: { automation_rolls: [x] }\n"),
    ]);
    for (file, code, says) in [
        ("typo.yaml", 3, "did you mean `rules`?"),
        ("override.yaml", 3, "did you mean `root-use`?"),
        ("rule.yaml", 2, "a rule needs `title`"),
        ("event.yaml", 2, "there is no event file `event-rules/nowhere.json`"),
        ("list.yaml", 1, "no rule uses the list `automation_rolls`"),
    ] {
        let seen = run(folder.path(), &["check", "--strict", "-c", file]);
        assert_eq!(seen.code, code, "{file}: {seen}");
        assert!(seen.stdout.contains(says), "{file}: {seen}");
    }
    let seen = run(folder.path(), &["check", "-c", "nowhere.yaml"]);
    assert_eq!(seen.code, 3, "{seen}");
    let seen = run(folder.path(), &["check", "list.yaml", "override.yaml"]);
    assert_eq!(seen.code, 3, "{seen}");
}

#[test]
fn what_would_keep_people_from_being_told_fails_the_check() {
    const RULE: &[u8] = b"id: a
title: t
severity: high
pattern: { detail: { eventName: [StopLogging] } }
tests:
  - { name: it fires, event: events/a.json, fires: true }
  - { name: another call, event: events/a.json, with: { detail.eventName: X }, fires: false, because: detail.eventName }
";
    let event = kit::stop_logging("1", "2026-11-03T02:40:00Z");
    let suppression = |pattern: &str| {
        let about = "id: s, reason: r, owner: o, expires: 2099-01-01";
        format!("rules: [rules]\nsuppressions: [{{ {about}, match: {pattern} }}]\n")
    };
    let targets = "state: state\nsources: [{ directory: { path: rules } }]\nrules: [rules]\ntargets: { a: { stdout: {} }, b: { stdout: {} } }\n";
    let files = [
        ("hides.yaml", suppression("{ detail: { rule: [a] } }")),
        (
            "hides-one.yaml",
            suppression(
                "{ account: ['111122223333'], detail: { rule: [a], principal: { name: [deploy] } } }",
            ),
        ),
        ("nobody.yaml", format!("{targets}routes: [{{ to: [a] }}]\n")),
        (
            "nowhere.yaml",
            format!(
                "{targets}routes: [{{ to: [a, b] }}, {{ match: {{ detail: {{ rule: [a] }} }}, to: [c] }}]\n"
            ),
        ),
        ("shadowed.yaml", format!("{targets}routes: [{{ to: [a] }}, {{ to: [b] }}]\n")),
        ("fine.yaml", format!("{targets}routes: [{{ to: [a, b] }}]\n")),
        ("hours.yaml", format!("{targets}routes: [{{ to: [a, b], during: nights, otherwise: hold }}]\n")),
    ];
    let mut all: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    all.extend([("rules/a.yaml", RULE), ("rules/events/a.json", event.as_bytes())]);
    let folder = folder(&all);
    for (file, code, says) in [
        ("hides.yaml", 3, "the suppression `s` would hide the firing test `it fires` of the rule `a`"),
        ("hides-one.yaml", 0, ""),
        ("nobody.yaml", 3, "no route leads to `b`"),
        ("nowhere.yaml", 3, "`c`"),
        ("shadowed.yaml", 3, "this route is never reached"),
        ("fine.yaml", 0, ""),
        ("hours.yaml", 3, "`nights`"),
    ] {
        let seen = run(folder.path(), &["check", "-c", file]);
        assert_eq!(seen.code, code, "{file}: {seen}");
        assert!(seen.stdout.contains(says), "{file}: {seen}");
    }
}

#[test]
fn a_scan_decides_as_the_configuration_says() {
    let config = "override:\n  - { id: cloudtrail-logging-stopped, severity: low, escalate: [] }\n  - { id: iam-access-key-created, disabled: true }\naccounts: { file: names.yaml }\ntargets: { a: { slack: { webhook: \"${NOWHERE}\" } } }\nroutes: [{ to: [a] }]\n";
    let folder = folder(&[
        ("etc/t.yaml", config.as_bytes()),
        ("etc/names.yaml", b"\"111122223333\": from-the-file\n"),
        ("other.yaml", b"\"111122223333\": from-the-line\n"),
    ]);
    let incident = incident();
    let scan = |more: &[&str]| {
        let mut command = trailhound(folder.path());
        command.arg("scan").arg(&incident).args(["--format", "ndjson", "-q"]).args(more);
        let seen = see(&mut command);
        assert_eq!(seen.code, 0, "{seen}");
        seen.findings()
    };
    let of = |findings: &[serde_json::Value], rule: &str| -> Vec<serde_json::Value> {
        findings
            .iter()
            .map(|finding| finding["detail"].clone())
            .filter(|detail| detail["rule"] == rule)
            .collect()
    };
    let (plain, configured) = (scan(&[]), scan(&["-c", "etc/t.yaml"]));
    let stopped = of(&configured, "cloudtrail-logging-stopped");
    assert_eq!(stopped.len(), of(&plain, "cloudtrail-logging-stopped").len());
    assert!(!stopped.is_empty() && stopped.iter().all(|detail| detail["severity"] == "low"));
    assert!(!of(&plain, "iam-access-key-created").is_empty());
    assert!(of(&configured, "iam-access-key-created").is_empty());
    let named = |findings: &[serde_json::Value], name: &str| {
        findings.iter().filter(|finding| finding["detail"]["account"]["name"] == name).count()
    };
    assert!(named(&configured, "from-the-file") > 0);
    let flagged = scan(&["-c", "etc/t.yaml", "--accounts", "other.yaml"]);
    assert_eq!(named(&flagged, "from-the-line"), named(&configured, "from-the-file"));
    // Rules that are named on the line need not be those that are overridden.
    fs::write(
        folder.path().join("mine.yaml"),
        "id: mine\ntitle: t\nseverity: low\npattern: { source: [aws.iam] }\n",
    )
    .unwrap();
    assert!(!of(&scan(&["-c", "etc/t.yaml", "--rules", "mine.yaml"]), "mine").is_empty());
}

#[test]
fn what_is_typed_wrongly_is_told_with_the_next_step() {
    let folder = folder(&[("a.json", b"{}")]);
    for (arguments, code, says) in [
        (&["scan", ""][..], 4, "give a file, a folder, a pattern in quotes, or `-` for standard input"),
        (&["scan", "a.json", "--threads", "0"], 3, "a number from 1 on, or leave --threads out"),
        (&["scan", "a.json", "--list", "=a"], 3, "for example --list 'automation_roles=deploy-*,terraform'"),
        (&["scan", "a.json", "--list", "a"], 3, "for example --list"),
        (&["scan", "a.json", "-c", "nowhere.yaml"], 3, "cannot read the configuration `nowhere.yaml`"),
    ] {
        let seen = run(folder.path(), arguments);
        assert_eq!(seen.code, code, "{arguments:?}: {seen}");
        assert!(seen.stderr.contains(says), "{arguments:?}: {seen}");
    }
}

#[cfg(unix)]
#[test]
fn paths_need_not_be_utf_8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = folder(&[]);
    let named = |bytes: &[u8]| folder.path().join(OsStr::from_bytes(bytes));
    let event = r#"{"eventVersion":"1.11","userIdentity":{"type":"Root"},"eventTime":"2026-11-03T02:41:10Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"us-east-1","eventID":"7b1f4c52-9f0e-4f8e-8a64-6d1d1f6a2f10","recipientAccountId":"111122223333"}"#;
    let rule = "title: t\nseverity: low\npattern: { source: [aws.iam] }\ntests: [{ name: n, event: e.json, fires: true }]\n";
    fs::create_dir(named(b"r\xff")).unwrap();
    fs::write(named(b"r\xff/a.yaml"), format!("id: a\n{rule}")).unwrap();
    fs::write(named(b"r\xff/b\xfe.yaml"), format!("id: b\n{rule}")).unwrap();
    fs::write(named(b"r\xff/b\xfd.yaml"), format!("id: c\n{rule}")).unwrap();
    fs::write(named(b"r\xff/e.json"), event).unwrap();
    fs::write(named(b"log\xff.json"), event).unwrap();
    fs::write(named(b"p\xff.json"), r#"{"source":["aws.iam"]}"#).unwrap();
    fs::write(named(b"a\xff.yaml"), "\"111122223333\": named\n").unwrap();
    fs::create_dir(named(b"c\xff")).unwrap();
    fs::write(named(b"c\xff/t.yaml"), "rules: [rules]\naccounts: { file: accounts.yaml }\n").unwrap();
    fs::write(named(b"c\xff/accounts.yaml"), "\"111122223333\": configured\n").unwrap();
    fs::create_dir(named(b"c\xff/rules")).unwrap();
    fs::write(named(b"c\xff/rules/d.yaml"), format!("id: d\n{rule}")).unwrap();
    fs::write(named(b"c\xff/rules/e.json"), event).unwrap();
    let ran = |arguments: &[&[u8]]| {
        let mut command = trailhound(folder.path());
        let seen = see(command.args(arguments.iter().map(|argument| OsStr::from_bytes(argument))));
        assert_eq!(seen.code, 0, "{arguments:?}: {seen}");
        seen
    };
    let findings =
        ran(&[b"scan", b"log\xff.json", b"--rules", b"r\xff", b"--accounts", b"a\xff.yaml"]).findings();
    assert_eq!(findings.len(), 3);
    assert!(findings.iter().all(|finding| finding["detail"]["account"]["name"] == "named"));
    ran(&[b"check", b"r\xff"]);
    ran(&[b"test", b"r\xff"]);
    ran(&[b"match", b"p\xff.json", b"log\xff.json"]);
    ran(&[b"explain", b"a", b"log\xff.json", b"--rules", b"r\xff/a.yaml"]);
    ran(&[b"check", b"-c", b"c\xff/t.yaml"]);
    let findings = ran(&[b"scan", b"log\xff.json", b"-c", b"c\xff/t.yaml"]).findings();
    assert_eq!(findings[0]["detail"]["account"]["name"], "configured");
}
