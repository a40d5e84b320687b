//! The person behind a role: told at once where it is known, told once more where it becomes known, and known after a restart.

#![expect(clippy::unwrap_used, reason = "a test")]

mod kit;

use std::path::Path;

use kit::{Hand, Wanted, feed, until};
use store::{FindingFilter, Reader};

/// A call with the credentials `key`.
fn call(id: &str, key: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/admin/s-1","accountId":"111122223333","accessKeyId":"{key}"}},"eventTime":"2026-11-03T02:40:30Z","eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","awsRegion":"us-east-1","eventID":"{id}","eventType":"AwsApiCall","recipientAccountId":"111122223333","eventCategory":"Management"}}"#
    )
}

/// `identity` is given the credentials `key`.
fn assumed(id: &str, identity: &str, key: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{{identity}}},"eventTime":"2026-11-03T02:40:00Z","eventSource":"sts.amazonaws.com","eventName":"AssumeRole","awsRegion":"eu-west-1","responseElements":{{"credentials":{{"accessKeyId":"{key}"}}}},"eventID":"{id}","eventType":"AwsApiCall","recipientAccountId":"444455556666","eventCategory":"Management"}}"#
    )
}

const ALICE: &str = r#""type":"IAMUser","userName":"alice","accessKeyId":"AKIAALICE""#;
const FIRST: &str = r#""type":"AssumedRole","arn":"arn:aws:sts::444455556666:assumed-role/hop/s-0","accessKeyId":"ASIAFIRST""#;

/// Hands lines in and waits until they are in the store.
fn bring(hand: &Hand, lines: &[String]) {
    assert!(hand.lines(lines).blocking_recv().unwrap().is_committed());
}

/// The persons of all findings, by revision.
fn told(folder: &Path) -> Vec<(u32, Option<String>)> {
    let mut reader = Reader::open(folder).unwrap();
    let snapshot = reader.snapshot().unwrap();
    let filter = FindingFilter { replaced: true, ..FindingFilter::default() };
    let findings = snapshot.findings(&filter, None, 100).unwrap().findings;
    let person = |body: &[u8]| {
        let json: serde_json::Value = serde_json::from_slice(body).unwrap();
        json["detail"]["principal"]["human"].as_str().map(str::to_owned)
    };
    let mut told: Vec<_> = findings.iter().map(|finding| (finding.revision, person(&finding.body))).collect();
    told.sort();
    told
}

#[test]
fn whoever_came_first() {
    let folder = tempfile::tempdir().unwrap();
    let (source, hand) = feed("feed");
    let wanted = Wanted::new(folder.path(), vec![source]);
    let service = wanted.start();
    bring(&hand, &[assumed("1", ALICE, "ASIAFIRST"), assumed("2", FIRST, "ASIASECOND")]);
    bring(&hand, &[call("3", "ASIASECOND")]);
    assert_eq!(told(folder.path()), [(0, Some("alice".to_owned()))]);
    service.handle().stop();
    service.wait().unwrap();
}

#[test]
fn a_person_who_becomes_known_is_told_once_more() {
    let folder = tempfile::tempdir().unwrap();
    let (source, hand) = feed("feed");
    let wanted = Wanted::new(folder.path(), vec![source]);
    let service = wanted.start();
    bring(&hand, &[call("3", "ASIASECOND")]);
    bring(&hand, &[assumed("2", FIRST, "ASIASECOND")]);
    assert_eq!(told(folder.path()), [(0, None)], "the chain ends nowhere yet");
    bring(&hand, &[assumed("1", ALICE, "ASIAFIRST")]);
    until("it was told once more", || told(folder.path()).len() == 2);
    assert_eq!(told(folder.path()), [(0, None), (1, Some("alice".to_owned()))]);
    bring(&hand, &[assumed("1", ALICE, "ASIAFIRST")]);
    assert_eq!(told(folder.path()).len(), 2, "what is known is no news");
    service.handle().stop();
    service.wait().unwrap();
}

#[test]
fn what_was_heard_is_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    for lines in [vec![assumed("1", ALICE, "ASIAFIRST")], vec![call("3", "ASIAFIRST")]] {
        let (source, hand) = feed("feed");
        let wanted = Wanted::new(folder.path(), vec![source]);
        let service = wanted.start();
        bring(&hand, &lines);
        service.handle().stop();
        service.wait().unwrap();
    }
    assert_eq!(told(folder.path()), [(0, Some("alice".to_owned()))]);
}

#[test]
fn a_finding_waits_for_its_person_through_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    // The second life begins with the call that gave the credentials out.
    for lines in [call("3", "ASIAFIRST"), assumed("1", ALICE, "ASIAFIRST"), assumed("1", ALICE, "ASIAFIRST")]
    {
        let (source, hand) = feed("feed");
        let wanted = Wanted::new(folder.path(), vec![source]);
        let service = wanted.start();
        bring(&hand, &[lines]);
        service.handle().stop();
        service.wait().unwrap();
    }
    assert_eq!(told(folder.path()), [(0, None), (1, Some("alice".to_owned()))], "once");
}

/// A call from the console, in the session `bob` of a role that began in a second.
fn from_console(id: &str, key: &str) -> String {
    call(id, key).replace(
        r#""accountId":"111122223333","accessKeyId""#,
        r#""accountId":"111122223333","sessionContext":{"attributes":{"creationDate":"2026-11-03T02:39:00Z"}},"accessKeyId""#,
    )
}

/// The session of [`from_console`] begins: the console tells who switched.
fn switched(id: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.08","userIdentity":{{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/admin/s-1","accountId":"111122223333"}},"eventTime":"2026-11-03T02:39:00Z","eventSource":"signin.amazonaws.com","eventName":"SwitchRole","awsRegion":"us-east-1","responseElements":{{"SwitchRole":"Success"}},"additionalEventData":{{"SwitchFrom":"arn:aws:iam::111122223333:user/bob"}},"eventID":"{id}","eventType":"AwsConsoleSignIn","recipientAccountId":"111122223333","eventCategory":"Management"}}"#
    )
}

/// The same session begins by a call of `identity` to STS, which is given `key`.
fn began(id: &str, identity: &str, key: &str) -> String {
    let issued = format!(r#"{{"credentials":{{"accessKeyId":"{key}"}}}}"#);
    let named = issued.replacen(
        '{',
        r#"{"assumedRoleUser":{"arn":"arn:aws:sts::111122223333:assumed-role/admin/s-1"},"#,
        1,
    );
    assumed(id, identity, key).replace(&issued, &named).replace("02:40:00Z", "02:39:00Z")
}

#[test]
fn a_role_switched_to_in_the_console_is_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    for lines in [switched("1"), from_console("3", "ASIACONSOLE")] {
        let (source, hand) = feed("feed");
        let wanted = Wanted::new(folder.path(), vec![source]);
        let service = wanted.start();
        bring(&hand, &[lines]);
        service.handle().stop();
        service.wait().unwrap();
    }
    assert_eq!(told(folder.path()), [(0, Some("bob".to_owned()))]);
}

#[test]
fn a_person_who_may_be_another_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let bob = r#""type":"IAMUser","userName":"bob","accessKeyId":"AKIABOB""#;
    // What was told before a restart is known after it.
    for (lines, findings) in [
        (vec![switched("1"), began("2", bob, "ASIAONE"), from_console("3", "ASIACONSOLE")], 1),
        (vec![began("4", ALICE, "ASIATWO")], 2),
    ] {
        let (source, hand) = feed("feed");
        let wanted = Wanted::new(folder.path(), vec![source]);
        let service = wanted.start();
        bring(&hand, &lines);
        until("it was told", || told(folder.path()).len() == findings);
        service.handle().stop();
        service.wait().unwrap();
    }
    let expected = [(0, Some("bob".to_owned())), (1, None)];
    assert_eq!(told(folder.path()), expected, "alice began a session of that name in the same second");
}
