//! The person behind a chain of roles, in what a scan tells: whatever the order of the files.
mod kit;

use kit::{folder, log_file, run};

fn record(id: &str, source: &str, name: &str, identity: &str, rest: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{{identity}}},"eventTime":"2026-11-03T02:15:00Z","eventSource":"{source}","eventName":"{name}","awsRegion":"us-east-1","eventID":"{id}","eventType":"AwsApiCall","recipientAccountId":"111122223333","eventCategory":"Management"{rest}}}"#
    )
}

fn assumed(id: &str, identity: &str, key: &str) -> String {
    let response = format!(r#","responseElements":{{"credentials":{{"accessKeyId":"{key}"}}}}"#);
    record(id, "sts.amazonaws.com", "AssumeRole", identity, &response)
}

const ALICE: &str = r#""type":"IAMUser","userName":"alice","accessKeyId":"AKIAALICE""#;
const FIRST: &str = r#""type":"AssumedRole","arn":"arn:aws:sts::444455556666:assumed-role/hop/s-0","accessKeyId":"ASIAFIRST""#;
const SECOND: &str = r#""type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/admin/s-1","accessKeyId":"ASIASECOND""#;

#[test]
fn a_scan_names_the_person_at_the_beginning_of_the_chain() {
    let stop = record("3", "cloudtrail.amazonaws.com", "StopLogging", SECOND, "");
    let (one, two) = (assumed("1", ALICE, "ASIAFIRST"), assumed("2", FIRST, "ASIASECOND"));
    let rules = "id: stopped\ntitle: \"{{ principal.human }} stopped it\"\nseverity: high\npattern: { detail: { eventName: [StopLogging] } }\n";
    for files in [[&one, &two, &stop], [&stop, &two, &one]] {
        let texts = files.map(|record| log_file(std::slice::from_ref(record)));
        let folder = folder(&[
            ("logs/a.json", &texts[0]),
            ("logs/b.json", &texts[1]),
            ("logs/c.json", &texts[2]),
            ("rule.yaml", rules.as_bytes()),
        ]);
        let seen = run(folder.path(), &["scan", "logs", "--rules", "rule.yaml"]);
        let [finding] = &seen.findings()[..] else { panic!("{seen}") };
        assert_eq!(finding["detail"]["principal"]["human"], "alice");
        assert_eq!(finding["detail"]["title"], "alice stopped it");
        // What happened before the time that is asked for is known all the same.
        let seen =
            run(folder.path(), &["scan", "logs", "--rules", "rule.yaml", "--from", "2026-11-03T02:15:00Z"]);
        assert_eq!(seen.findings().len(), 1);
    }
}
