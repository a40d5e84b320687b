//! The policies in the manual: they are as IAM wants them, and allow what sources and targets call and nothing else.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// A page and what its roles have to allow.
const PAGES: [(&str, &[&str]); 5] = [
    (
        "feed-from-s3.md",
        &[
            "kms:Decrypt",
            "s3:GetObject",
            "s3:ListBucket",
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:ReceiveMessage",
        ],
    ),
    ("feed-from-sqs.md", &["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"]),
    ("feed-over-http.md", &["events:InvokeApiDestination"]),
    ("respond.md", &["cloudtrail:GetTrailStatus", "cloudtrail:StartLogging"]),
    (
        "send-to-aws.md",
        &[
            "events:PutEvents",
            "firehose:PutRecord",
            "kinesis:PutRecord",
            "lambda:InvokeFunction",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "sns:Publish",
            "sqs:SendMessage",
        ],
    ),
];

/// The blocks of JSON marked `policy=KIND`.
fn policies(page: &str, kind: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/guides").join(page);
    let text = fs::read_to_string(path).unwrap();
    let opening = format!("```json policy={kind}\n");
    let blocks = text.split(opening.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks
        .map(|block| serde_json::from_str(block).unwrap_or_else(|error| panic!("{page}: {error}")))
        .collect()
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(values) => values.iter().map(|value| value.as_str().unwrap()).collect(),
        value => vec![value.as_str().unwrap()],
    }
}

/// Checks a policy's grammar and returns its actions.
fn actions(policy: &Value, has_principal: bool) -> BTreeSet<String> {
    let policy = policy.as_object().unwrap();
    assert_eq!(policy.keys().collect::<Vec<_>>(), ["Statement", "Version"]);
    assert_eq!(policy["Version"], "2012-10-17");
    let mut actions = BTreeSet::new();
    for statement in policy["Statement"].as_array().unwrap() {
        let statement = statement.as_object().unwrap();
        for member in statement.keys() {
            let known = ["Action", "Condition", "Effect", "Principal", "Resource"];
            assert!(known.contains(&member.as_str()), "{member}");
        }
        assert_eq!(statement["Effect"], "Allow");
        assert_eq!(statement.contains_key("Principal"), has_principal, "of resources, not of identities");
        for action in texts(&statement["Action"]) {
            let (service, name) = action.split_once(':').unwrap();
            assert!(name.starts_with(|c: char| c.is_ascii_uppercase()) && !name.contains('*'), "{action}");
            actions.insert(action.to_owned());
            for resource in texts(&statement["Resource"]) {
                let parts: Vec<&str> = resource.splitn(6, ':').collect();
                assert_eq!(
                    (parts.len(), parts[0], parts[1], parts[2]),
                    (6, "arn", "aws", service),
                    "{resource}"
                );
                let is_bucket = service == "s3";
                assert_eq!((parts[3].is_empty(), parts[4].is_empty()), (is_bucket, is_bucket), "{resource}");
                // Objects and streams are behind a slash; buckets, queues, topics and functions are not.
                let plain = action == "s3:ListBucket" || ["sqs", "sns", "lambda"].contains(&service);
                assert_eq!(parts[5].contains('/'), !plain, "{resource}");
            }
        }
    }
    actions
}

#[test]
fn roles_may_do_what_is_called_and_nothing_else() {
    for (page, wanted) in PAGES {
        let allowed: BTreeSet<String> =
            policies(page, "role").iter().flat_map(|policy| actions(policy, false)).collect();
        assert_eq!(allowed.iter().map(String::as_str).collect::<Vec<_>>(), wanted, "{page}");
    }
}

#[test]
fn queues_take_messages_of_one_service_and_source() {
    for page in ["feed-from-s3.md", "feed-from-sqs.md"] {
        let policies = policies(page, "queue");
        assert_eq!(policies.len(), 1, "{page}");
        let sends: BTreeSet<String> = ["sqs:SendMessage".to_owned()].into();
        assert_eq!(actions(&policies[0], true), sends);
        let statement = &policies[0]["Statement"][0];
        assert!(statement["Principal"]["Service"].as_str().unwrap().ends_with(".amazonaws.com"));
        assert!(statement["Condition"].to_string().contains("aws:SourceArn"), "{page}");
    }
}
