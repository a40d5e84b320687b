//! What a person reads, whole: each finding of `findings/` as plain text.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use event_pattern::{Event, Pattern};
use route::message::{Body, CHECKS_MAX, HEADLINE_MAX, PROSE_MAX};
use route::printable::is_hidden;
use route::{FindingEvent, Kind, Message, Telling};
use serde_json::{Value, json};

fn findings() -> Vec<(String, FindingEvent)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/findings");
    let mut files: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 5);
    let read = |path: &Path| FindingEvent::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    files.iter().map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), read(path))).collect()
}

fn finding(name: &str) -> FindingEvent {
    findings().into_iter().find(|(found, _)| found == name).unwrap().1
}

#[test]
fn messages_read_well() {
    for (name, finding) in findings() {
        insta::assert_snapshot!(name, Message::of(&finding));
    }
}

/// Where a conversation of this many findings stands.
fn telling(finding: &FindingEvent, kind: Kind, note: Option<&str>) -> Telling {
    Telling {
        number: 3,
        kind,
        findings: 13,
        folded: 11,
        since: Some("2026-11-03T02:41:00Z".parse().unwrap()),
        note: note.map(str::to_owned),
        ..Telling::alone(finding)
    }
}

#[test]
fn later_messages_read_otherwise() {
    for name in ["group", "stop-logging", "alarm", "resolved-elsewhere"] {
        let finding = finding(name);
        let update = Message::told(&finding, &telling(&finding, Kind::Update, None));
        insta::assert_snapshot!(format!("{name}_update"), update);
        let closing = Message::told(&finding, &telling(&finding, Kind::Closing, Some("quiet for 1 h")));
        insta::assert_snapshot!(format!("{name}_closing"), closing);
        assert!(update.checks.is_empty() && update.sections.is_empty(), "the first has them");
    }
}

/// Every text of a message.
fn texts(message: &Message) -> Vec<&str> {
    let sections = message.sections.iter().map(|section| match &section.body {
        Body::Prose(text) | Body::Yaml(text) | Body::Text(text) => text.as_str(),
    });
    let links = message.links.iter().flat_map(|link| [link.label.as_str(), link.url.as_str()]);
    let short = [message.headline.as_str(), &message.summary, &message.rule];
    let facts = message.facts.iter().map(|fact| fact.value.as_str());
    let checks = message.checks.iter().map(String::as_str);
    short.into_iter().chain(facts).chain(checks).chain(sections).chain(links).collect()
}

#[test]
fn no_text_acts_or_hides() {
    for (name, finding) in findings() {
        let message = Message::of(&finding);
        for text in texts(&message) {
            assert!(!text.chars().any(|c| c != '\n' && is_hidden(c)), "{name}: {text:?}");
        }
        for fact in &message.facts {
            assert!(!fact.value.contains('\n'), "{name}: {fact:?}");
        }
    }
}

#[test]
fn no_text_is_longer_than_promised() {
    let long = "x".repeat(20_000);
    let json = json!({
        "id": "a", "source": "trailhound", "detail-type": "Trailhound Finding", "account": long, "region": long,
        "detail": {
            "rule": long, "title": long, "reason": long, "description": long, "owner": long, "source_ip": long,
            "principal": { "kind": long, "name": long, "human": long, "arn": long, "session": long },
            "tags": [long], "key": { long.clone(): long }, "first_checks": vec![&long; 50],
            "records": [{ "requestParameters": { long.clone(): long, "many": vec![1; 2_000] }, "userAgent": long }],
        },
    });
    let message = Message::of(&FindingEvent::parse(&json.to_string()).unwrap());
    assert_eq!(message.headline.chars().count(), HEADLINE_MAX);
    assert_eq!(message.checks.len(), CHECKS_MAX);
    assert!(
        message.sections.iter().all(|section| section.title != "To leave it out from now on"),
        "cut, it would be another one"
    );
    for text in texts(&message) {
        let lines = text.lines().count();
        assert!(text.chars().count() <= if lines > 1 { 100_000 } else { PROSE_MAX }, "{}", text.len());
        assert!(lines <= 60);
    }
}

#[test]
fn the_proposed_exception_silences_what_happened() {
    for name in ["stop-logging", "role-denied", "hostile", "ec2-state-change"] {
        let finding = finding(name);
        let message = Message::told(&finding, &Telling { kind: Kind::First, ..Telling::alone(&finding) });
        let section =
            message.sections.iter().find(|section| section.title == "To leave it out from now on").unwrap();
        let Body::Yaml(yaml) = &section.body else { panic!("{name}: prose") };
        let document: Value = serde_saphyr::from_str(yaml).unwrap();
        let exception = &document["override"][0]["except"][0];
        let told: Value = serde_json::from_str(finding.json()).unwrap();
        assert_eq!(document["override"][0]["id"], told["detail"]["rule"], "{name}");
        assert_eq!(exception["expires"], "2026-12-03", "{name}");

        let pattern = Pattern::parse(&exception["pattern"].to_string()).unwrap();
        let record = &told["detail"]["records"][0];
        let event = if record.get("detail-type").is_some() {
            record.clone()
        } else {
            json!({ "account": told["account"], "region": told["region"], "detail": record })
        };
        assert!(pattern.matches(&Event::parse(event.to_string()).unwrap()), "{name}: {yaml}");
    }
    let bare = Message::of(&finding("bare"));
    let proposed = bare.sections.iter().any(|section| section.title == "To leave it out from now on");
    assert!(!proposed, "nothing is known to except");
}
