//! Genuine log files and documents collected from many projects, which are not part of this repository.
//!
//! `TRAILHOUND_DATA` names the folder; without it, it is looked for beside the workspace. Where it is absent these tests say so and
//! pass, unless `TRAILHOUND_REQUIRE_DATA=1`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use cloudtrail::{Body, Decoder, EventId, Form, Item, LogKey, Principal, eventbridge};
use serde_json::Value;

fn shared_data() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let folder = std::env::var_os("TRAILHOUND_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("TRAILHOUND_REQUIRE_DATA").is_none(), "no shared data at {}", folder.display());
    eprintln!("left out: no shared data at {}", folder.display());
    None
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_below(&path, files) } else { files.push(path) }
    }
}

/// The record of an event as a tree, for comparing.
fn tree(json: json_scan::Object<'_>) -> Value {
    serde_json::from_slice(json.bytes()).unwrap()
}

/// Every record of every file is what a parser that builds a tree sees there, in the same order, and nothing is rejected.
#[test]
fn genuine_log_files() {
    let Some(data) = shared_data() else { return };
    let mut files = Vec::new();
    files_below(&data.join("corpus_real"), &mut files);
    files.sort();
    let (mut decoder, mut records, mut undated, mut seen, mut kinds) =
        (Decoder::default(), 0, 0, HashSet::new(), BTreeMap::new());
    for path in &files {
        let bytes = std::fs::read(path).unwrap();
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(&*bytes).read_to_string(&mut text).unwrap();
        let oracle: Value = serde_json::from_str(&text).unwrap();
        let mut expected = oracle["Records"].as_array().unwrap().iter();
        let key: LogKey = path.to_str().unwrap().parse().unwrap();
        let decoded = decoder.decode(&bytes, Some(&key), |item| {
            let Item::Event(event) = item else { panic!("{item:?} in {}", path.display()) };
            let expected = expected.next().unwrap();
            assert_eq!(event.form(), Form::Record);
            assert_eq!(&tree(event.json()), expected);
            let record = event.record().unwrap();
            let texts = [
                ("eventTime", record.event_time),
                ("eventSource", record.event_source),
                ("eventName", record.event_name),
                ("eventID", record.event_id),
                ("eventType", record.event_type),
                ("eventCategory", record.event_category),
                ("awsRegion", record.aws_region),
                ("recipientAccountId", record.recipient_account_id),
            ];
            for (name, text) in texts {
                let text = text.map(|text| text.unescape().unwrap());
                assert_eq!(text.as_deref(), expected[name].as_str(), "{name}");
            }
            assert_eq!(record.read_only, expected["readOnly"].as_bool());
            assert_eq!(record.management_event, expected["managementEvent"].as_bool());
            assert_eq!(event.time.to_string(), expected["eventTime"].as_str().unwrap());
            assert!(
                text.as_bytes()[usize::try_from(event.offset).unwrap()..].starts_with(event.json().bytes())
            );
            *kinds.entry(format!("{:?}", Principal::of(record).kind)).or_insert(0) += 1;
            records += 1;
            undated += u64::from(event.undated);
            assert!(matches!(event.id(), EventId::Uuid(_)));
            seen.insert(event.id());
        });
        assert!(expected.next().is_none(), "{}", path.display());
        assert!(decoded.trouble.is_none() && decoded.compressed && decoded.bytes == text.len() as u64);
    }
    assert_eq!((files.len(), records, records - seen.len(), undated), (2_400, 21_550, 4_087, 0));
    let kinds: Vec<_> = kinds.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(
        kinds,
        [
            ("Account", 896),
            ("AssumedRole", 565),
            ("IamUser", 2_549),
            ("Root", 732),
            ("Service", 16_786),
            ("WebIdentityUser", 22)
        ]
    );
}

/// What the collected documents hold that do not hold exactly one event: the line in the file, then events, digests, skipped, rejected, and
/// the last thing that was said.
const DOCUMENTS: &[(usize, [usize; 4], &str)] = &[
    (6, [0, 0, 0, 1], NO_EVENT), // only the caller of a record
    (26, [6, 0, 0, 0], ""),      // lines of LookupEvents
    (36, [2, 0, 0, 0], ""),
    (51, [4, 0, 0, 0], ""),
    (54, [0, 1, 0, 0], "digest of 1"),
    (56, [2, 0, 0, 0], ""), // start and end of an Insight
    (57, [0, 0, 0, 0], "not a CloudTrail log file: begins with `\"eventVersion\": \"1.05\",\\n`"),
    (58, [0, 0, 0, 0], "not a CloudTrail log file: begins with `import java.util.Arrays;`"),
    // Records with types for values, one with a quote missing.
    (
        59,
        [0, 0, 0, 1],
        "the input ends within the record: it was cut off, or a bracket or quote in it is not closed",
    ),
    (60, [0, 0, 0, 1], "not a JSON value at byte 22"),
    (61, [0, 0, 0, 1], NO_EVENT), // events with names of a test suite's own around them
    (66, [0, 0, 1, 0], NOTIFICATION),
    (67, [0, 0, 1, 0], NOTIFICATION),
    (68, [0, 0, 1, 0], NOTIFICATION),
    (69, [0, 0, 1, 0], NOTIFICATION),
    (92, [0, 0, 0, 1], NO_EVENT),
];

const NO_EVENT: &str = "neither a CloudTrail record (it has no eventName) nor an EventBridge event (detail-type, source, detail)";
const NOTIFICATION: &str = "a notification about an object, not the object";

/// The lines whose events do not say when they happened, and those that are EventBridge events.
const UNDATED: &[usize] = &[14, 55];
const ENVELOPES: &[usize] = &[15, 16, 17, 23, 24, 62, 63, 64, 65];

#[test]
fn collected_documents() {
    let Some(data) = shared_data() else { return };
    let text = std::fs::read_to_string(data.join("parser_samples.jsonl")).unwrap();
    assert_eq!(text.lines().count(), 93);
    for (number, line) in text.lines().enumerate() {
        let sample: Value = serde_json::from_str(line).unwrap();
        let document = match &sample["data"] {
            Value::String(text) => text.clone(),
            tree => tree.to_string(),
        };
        let (mut counts, mut said) = ([0; 4], String::new());
        let decoded = Decoder::default().decode(document.as_bytes(), None, |item| match item {
            Item::Event(event) => {
                counts[0] += 1;
                assert_eq!(event.undated, UNDATED.contains(&number), "line {number}");
                assert_eq!(event.form() == Form::Envelope, ENVELOPES.contains(&number), "line {number}");
                let mut envelope = Vec::new();
                eventbridge::write_envelope(&event, &mut envelope);
                let envelope: Value = serde_json::from_slice(&envelope).unwrap();
                assert!(
                    envelope["detail-type"].is_string() && envelope["detail"].is_object(),
                    "line {number}"
                );
                if let Body::Record(record) = event.body {
                    assert_eq!(envelope["detail"], tree(record.json), "line {number}");
                    assert_eq!(envelope["source"].as_str(), eventbridge::source(&record).as_deref());
                }
            }
            Item::Digest(digest) => {
                counts[1] += 1;
                said = format!("digest of {}", digest.log_files.len());
            }
            Item::Skipped { reason, .. } => {
                counts[2] += 1;
                said = reason.as_str().to_owned();
            }
            Item::Rejected { error, .. } => {
                counts[3] += 1;
                said = error.to_string();
            }
        });
        if let Some(trouble) = decoded.trouble {
            said = trouble.to_string();
        }
        let expected = DOCUMENTS.iter().find(|(line, ..)| *line == number);
        let (expected, words) = expected.map_or(([1, 0, 0, 0], ""), |(_, counts, words)| (*counts, *words));
        assert_eq!((counts, said.as_str()), (expected, words), "line {number}");
    }
}
