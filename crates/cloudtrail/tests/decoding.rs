//! However events are wrapped, split, compressed or damaged, the same events come out, and a fault costs only the record it is in.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};

use cloudtrail::{Decoded, Decoder, Form, Item, Limits, LogKey};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What came out of an input.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    /// The compact texts of the events.
    events: Vec<String>,
    /// What else was said, with its offset where it has one.
    said: Vec<String>,
}

impl Seen {
    fn take(&mut self, item: Item<'_>) {
        match item {
            Item::Event(event) => {
                let mut text = Vec::new();
                event.json().write_compact(&mut text);
                self.events.push(String::from_utf8(text).unwrap());
            }
            Item::Digest(digest) => self.said.push(format!("digest {}", digest.digest_s3_object)),
            Item::Skipped { offset, reason } => self.said.push(format!("{offset}: {}", reason.as_str())),
            Item::Rejected { offset, error } => self.said.push(format!("{offset}: {error}")),
        }
    }

    fn end(mut self, decoded: Decoded) -> Self {
        self.said.extend(decoded.trouble.map(|trouble| trouble.to_string()));
        self
    }
}

fn whole(input: &[u8]) -> Seen {
    let mut seen = Seen::default();
    let decoded = Decoder::default().decode(input, None, |item| seen.take(item));
    seen.end(decoded)
}

/// Hands out as many bytes at a time as it is told.
struct Drops<'a>(&'a [u8], usize);

impl Read for Drops<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let len = self.1.min(buffer.len());
        self.0.read(&mut buffer[..len])
    }
}

/// Through a window that is much smaller than a record.
fn streamed(input: &[u8], window: usize) -> Seen {
    let mut seen = Seen::default();
    let mut decoder = Decoder::with_limits(Limits { window, ..Limits::default() });
    let decoded = decoder.decode_stream(Drops(input, window * 2 / 3 + 1), None, |item| seen.take(item));
    seen.end(decoded)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Inputs, how many events they hold, and what else is said of them.
#[test]
fn inputs() {
    let record = r#"{"eventVersion":"1.08","eventName":"a"}"#;
    let quoted = Value::from(record).to_string();
    let cases: Vec<(String, usize, &[&str])> = vec![
        (String::new(), 0, &[]),
        (" \n".into(), 0, &[]),
        (r#"{"Records":[]}"#.into(), 0, &[]),
        ("[]".into(), 0, &[]),
        (record.into(), 1, &[]),
        (format!("\u{feff}{record}"), 1, &[]),
        (format!("{record}\r\n{record}\r\n"), 2, &[]),
        (format!("{record}{record} {record}"), 3, &[]),
        (format!("{record},\n{record},\n"), 2, &[]),
        (format!("[{record},\n {record}]\n"), 2, &[]),
        (format!(r#"{{"Records":[{record},{record}]}}"#), 2, &[]),
        (format!(r#"{{"a":{{"Records":[1]}},"Records":[{record}],"b":[{{}}]}}{record}"#), 2, &[]),
        (format!(r#"[{{"Records":[{record}]}},{{"Records":[{record},7]}}]"#), 2, &["55: a record must be a JSON object"]),
        (format!(r#"{{"Events":[{{"EventId":"x","CloudTrailEvent":{quoted}}}],"NextToken":"t"}}"#), 1, &[]),
        (format!(r#"{{"NextToken":"t","Events":[{{"EventId":"x","CloudTrailEvent":{quoted}}}]}}"#), 1, &[]),
        (format!(r#"{{"EventId":"x","CloudTrailEvent":{quoted}}}"#), 1, &[]),
        (
            r#"{"Events":[{"CloudTrailEvent":"{} {}"},{"CloudTrailEvent":"{}"},{"CloudTrailEvent":"{\x}"}]}"#.into(),
            0,
            &[
                "31: the string does not hold a JSON object and nothing else",
                "59: neither a CloudTrail record (it has no eventName) nor an EventBridge event (detail-type, source, detail)",
                "84: not a valid JSON string at byte 85",
            ],
        ),
        (
            format!(
                r#"{{"messageType":"DATA_MESSAGE","logGroup":"g","logEvents":[{{"id":"1","timestamp":1,"message":{quoted}}},{{"id":"2","message":"START"}}]}}"#
            ),
            1,
            &["164: the string does not hold a JSON object and nothing else"],
        ),
        (
            r#"{"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"","message":"CWL CONTROL MESSAGE: Checking"}]}"#.into(),
            0,
            &["0: a control message of CloudWatch Logs"],
        ),
        (
            r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}{"s3Bucket":"b","s3ObjectKey":["k"]}{"Type":"Notification","TopicArn":"t","Message":"m"}"#.into(),
            0,
            &[
                "0: a notification about an object, not the object",
                "59: a notification about an object, not the object",
                "95: a notification about an object, not the object",
            ],
        ),
        (r#"{"eventType":"AwsCloudTrailInsight","eventID":"x"}"#.into(), 1, &[]),
        (format!(r#"{{"detail-type":"d","source":"s","detail":{record}}}"#), 1, &[]),
        (
            format!(r#"{{"Records":[{record},null,5,"x",[{record}],{record}]}}"#),
            3,
            &[
                "52: a record must be a JSON object",
                "57: a record must be a JSON object",
                "59: a record must be a JSON object",
            ],
        ),
        (
            format!(r#"{{"Records":[{record},{{"eventVersion":"1","#),
            1,
            &[
                "52: the input ends within the record: it was cut off, or a bracket or quote in it is not closed",
                "the text ends after 72 bytes, inside a list of records: the file was not copied to its end",
            ],
        ),
        (
            format!(r#"{{"Records":[{record},"#),
            1,
            &["the text ends after 52 bytes, inside a list of records: the file was not copied to its end"],
        ),
        (
            format!(r#"{{"digestEndTime":"1","digestS3Object":"o"}}{record}"#),
            1,
            &["0: a digest file with members missing or of the wrong kind"],
        ),
        (format!("# comment\n{record}"), 1, &["0: a record must be a JSON object"]),
        ("PK\u{3}\u{4}rest".into(), 0, &[r"not a CloudTrail log file: begins with `PK\u{3}\u{4}rest` (a zip archive)"]),
        ("\u{1f}".into(), 0, &[r"not a CloudTrail log file: begins with `\u{1f}`"]),
    ];
    for (input, events, said) in cases {
        for seen in [whole(input.as_bytes()), whole(&gzip(input.as_bytes())), streamed(input.as_bytes(), 7)] {
            assert_eq!(
                (seen.events.len(), seen.said),
                (events, said.iter().map(|s| (*s).to_owned()).collect()),
                "{input}"
            );
        }
    }
}

/// One decoder per thread, made anywhere.
#[test]
fn decoders_move_between_threads() {
    let mut decoder = Decoder::default();
    let thread = std::thread::spawn(move || decoder.decode(br#"{"eventName":"a"}"#, None, |_| {}).bytes);
    assert_eq!(thread.join().unwrap(), 17);
}

#[test]
fn only_the_record_with_foreign_bytes_is_rejected() {
    let mut input =
        br#"{"Records":[{"eventName":"a"},{"eventName":"b","x":"__"},{"eventName":"c"}]}"#.to_vec();
    let at = input.windows(2).position(|pair| pair == b"__").unwrap();
    input[at] = 0xe9;
    let seen = whole(&input);
    assert_eq!(seen.events, [r#"{"eventName":"a"}"#, r#"{"eventName":"c"}"#]);
    assert_eq!(seen.said, [format!("30: not valid UTF-8 at byte {at}")]);
}

#[test]
fn forms_and_times_of_events() {
    let input = concat!(
        r#"{"eventName":"a"}{"eventName":"b","eventTime":"2026-11-03T02:15:00Z"}{"eventName":"c","eventTime":"?"}"#,
        r#"{"detail-type":"AWS API Call via CloudTrail","source":"aws.x","time":"2026-11-03T02:16:00Z","detail":{"eventName":"d"}}"#,
    );
    let key = "111122223333_CloudTrail_us-east-1_20260913T2215Z_1I4wpcUeudY53hG1.json".parse().unwrap();
    for (key, expected) in [
        (
            None,
            [
                "1970-01-01T00:00:00Z true",
                "2026-11-03T02:15:00Z false",
                "2026-11-03T02:15:00Z true",
                "2026-11-03T02:16:00Z false",
            ],
        ),
        (
            Some(&key),
            [
                "2026-09-13T22:15:00Z true",
                "2026-11-03T02:15:00Z false",
                "2026-09-13T22:15:00Z true",
                "2026-11-03T02:16:00Z false",
            ],
        ),
    ] {
        let (mut seen, mut forms) = (Vec::new(), Vec::new());
        let decoded = Decoder::default().decode(input.as_bytes(), key, |item| {
            let Item::Event(event) = item else { panic!("{item:?}") };
            seen.push(format!("{} {}", event.time, event.undated));
            forms.push(event.form());
        });
        assert!(decoded.trouble.is_none());
        assert_eq!(seen, expected);
        assert_eq!(forms, [Form::Record, Form::Record, Form::Record, Form::Envelope]);
    }
}

/// The log's own time, where there is one and it can be.
#[test]
fn when_the_log_got_an_event() {
    let key: LogKey =
        "111122223333_CloudTrail_us-east-1_20261103T0220Z_1I4wpcUeudY53hG1.json.gz".parse().unwrap();
    let record = |time: &str| format!(r#"{{"eventVersion":"1.08","eventName":"n"{time}}}"#);
    let happened = record(r#","eventTime":"2026-11-03T02:15:00Z""#);
    let quoted = serde_json::to_string(&happened).unwrap();
    let logged = |timestamp: &str| format!(r#"{{"logEvents":[{{"id":"1"{timestamp},"message":{quoted}}}]}}"#);
    // 2026-11-03T02:17:30Z
    let later = ",\"timestamp\":1793672250000";
    for (input, key, wanted) in [
        (happened.clone(), None, "2026-11-03T02:15:00Z"),
        (happened.clone(), Some(&key), "2026-11-03T02:20:00Z"),
        (format!(r#"{{"Records":[{happened}]}}"#), Some(&key), "2026-11-03T02:20:00Z"),
        (
            format!(r#"{{"detail-type":"d","source":"s","detail":{happened}}}"#),
            Some(&key),
            "2026-11-03T02:20:00Z",
        ),
        (logged(later), None, "2026-11-03T02:17:30Z"),
        (logged(later), Some(&key), "2026-11-03T02:17:30Z"),
        (logged(""), Some(&key), "2026-11-03T02:20:00Z"),
        (logged(""), None, "2026-11-03T02:15:00Z"),
        // Before it happened, after years, and what is no time at all.
        (logged(",\"timestamp\":1"), None, "2026-11-03T02:15:00Z"),
        (logged(",\"timestamp\":99999999999999999"), None, "2026-11-03T02:15:00Z"),
        (logged(",\"timestamp\":4070908800000"), None, "2026-11-03T02:15:00Z"),
        (logged(",\"timestamp\":\"now\""), None, "2026-11-03T02:15:00Z"),
        (record(r#","eventTime":"2026-10-03T02:15:00Z""#), Some(&key), "2026-10-03T02:15:00Z"),
        (record(""), Some(&key), "2026-11-03T02:20:00Z"),
    ] {
        for (how, input) in [("whole", input.as_bytes().to_vec()), ("streamed", input.as_bytes().to_vec())] {
            let mut seen = Vec::new();
            let sink = |item: Item<'_>| {
                let Item::Event(event) = item else { panic!("{item:?}") };
                seen.push(event.logged.to_string());
            };
            let decoded = if how == "whole" {
                Decoder::default().decode(&input, key, sink)
            } else {
                Decoder::default().decode_stream(&input[..], key, sink)
            };
            assert!(decoded.trouble.is_none());
            assert_eq!(seen, [wanted], "{how} {}", String::from_utf8_lossy(&input));
        }
    }
}

/// Every second record is never closed, so each of them seems to go on to the end of the file.
#[test]
fn a_file_full_of_broken_records() {
    let good = |n: usize| format!(r#"{{"eventVersion":"1.08","eventName":"n{n}","x":{{"a":[1,2,3]}}}}"#);
    let broken = r#"{"eventVersion":"1.08","eventName":"lost","x":{"a":[1,2,3]}"#;
    let records: Vec<String> =
        (0..4_000).map(|n| if n % 2 == 0 { good(n) } else { broken.to_owned() }).collect();
    let expected: Vec<String> = (0..4_000).step_by(2).map(good).collect();
    for input in [format!(r#"{{"Records":[{}]}}"#, records.join(",")), records.join("\n")] {
        for seen in [whole(input.as_bytes()), streamed(input.as_bytes(), 1 << 16)] {
            assert_eq!(seen.said.len(), 2_000);
            assert!(seen.events == expected);
        }
    }
}

#[test]
fn a_record_larger_than_the_limit_is_one_rejection() {
    let large = format!(r#"{{"eventVersion":"1.08","eventName":"large","x":"{}"}}"#, "x".repeat(5_000));
    let small = r#"{"eventVersion":"1.08","eventName":"small"}"#;
    for (input, at) in [
        (format!(r#"{{"Records":[{small},{large},{small}]}}"#), 56),
        (format!("{small}\n{large}\n{small}\n"), 44),
    ] {
        for window in [64, 1 << 20] {
            let mut seen = Seen::default();
            let mut decoder = Decoder::with_limits(Limits { event: 4_000, window, ..Limits::default() });
            let decoded = decoder.decode_stream(input.as_bytes(), None, |item| seen.take(item));
            let seen = seen.end(decoded);
            assert_eq!(seen.events, [small, small]);
            assert_eq!(seen.said, [format!("{at}: the record has more than 4000 bytes")]);
        }
    }
}

/// Text such as requests and policies hold, and what a splitter might trip over.
fn awkward_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\n",
        "},{",
        "{\"eventVersion\":\"1.08\"",
        "é😀",
        "\u{7f}",
        " ",
        "a",
        "\u{1}",
    ]);
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn record() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i32>().prop_map(Value::from),
        awkward_text().prop_map(Value::from)
    ];
    let value = leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((awkward_text(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    (awkward_text(), value.clone(), value).prop_map(|(agent, request, response)| {
        json!({"eventVersion": "1.08", "eventName": "x", "userAgent": agent, "requestParameters": request, "responseElements": response})
    })
}

/// Records whose texts begin with `eventVersion`, told apart by their ids.
fn records() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(record(), 1..6).prop_map(|records| {
        let texts = records.into_iter().enumerate().map(|(n, mut record)| {
            let members = record.as_object_mut().unwrap();
            let version = members.remove("eventVersion").unwrap();
            members.insert("eventID".to_owned(), format!("id-{n}").into());
            let rest = record.to_string();
            format!(r#"{{"eventVersion":{version},{}"#, &rest[1..])
        });
        texts.collect()
    })
}

fn wrappings(records: &[String]) -> Vec<String> {
    let list = records.join(",");
    let pretty = |text: &str| {
        serde_json::to_string_pretty(&serde_json::from_str::<Box<serde_json::value::RawValue>>(text).unwrap())
            .unwrap()
    };
    let spaced = |text: &str| text.replace(r#"{"eventVersion":"#, "{\n  \"eventVersion\" : ");
    let quoted = |name: &str| {
        let items =
            records.iter().map(|record| format!(r#"{{"id":"1","{name}":{}}}"#, Value::from(record.as_str())));
        items.collect::<Vec<_>>().join(" , ")
    };
    vec![
        format!(r#"{{"Records":[{list}]}}"#),
        format!("{{ \"Records\" : [\n{}\n]\n}}\n", spaced(&list.clone())),
        pretty(&format!(r#"{{"Records":[{list}]}}"#)),
        format!(r#"{{"version":1,"Records":[{list}],"more":{{"Records":[]}}}}"#),
        format!("[{list}]"),
        records.join("\n"),
        records.concat(),
        records.iter().map(|record| format!(r#"{{"Records":[{record}]}}"#)).collect(),
        format!(r#"{{"Events":[{}],"NextToken":"n"}}"#, quoted("CloudTrailEvent")),
        format!(r#"{{"messageType":"DATA_MESSAGE","logEvents":[{}]}}"#, quoted("message")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_wrapping_holds_the_same_events(
        records in records(), cut in any::<prop::sample::Index>(), window in 1_usize..400,
    ) {
        let expected = Seen { events: records.clone(), said: Vec::new() };
        for text in wrappings(&records) {
            let text = text.as_bytes();
            prop_assert_eq!(&whole(text), &expected, "{}", String::from_utf8_lossy(text));
            prop_assert_eq!(&streamed(text, window), &expected, "{}", String::from_utf8_lossy(text));
            let (front, back) = text.split_at(cut.index(text.len() + 1));
            let members = [gzip(front), gzip(back), vec![0; window]].concat();
            prop_assert_eq!(&whole(&members), &expected);
            prop_assert_eq!(&streamed(&members, window), &expected);
            prop_assert_eq!(&streamed(&gzip(text), window), &expected);
        }
    }

    /// One byte of one record is changed, lost or new.
    #[test]
    fn a_fault_costs_only_its_own_record(
        records in records(),
        broken in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        change in 0..3,
        byte in prop_oneof![prop::sample::select(br#""\{}[],: "#.to_vec()), any::<u8>()],
        window in 200_usize..2_000,
    ) {
        let broken = broken.index(records.len());
        let mut texts: Vec<Vec<u8>> = records.iter().map(|record| record.clone().into_bytes()).collect();
        let at = at.index(texts[broken].len());
        match change {
            0 => texts[broken][at] = byte,
            1 => texts[broken].insert(at, byte),
            _ => { texts[broken].remove(at); }
        }
        let others: Vec<&String> = records.iter().enumerate().filter(|(n, _)| *n != broken).map(|(_, record)| record).collect();
        let list = [&b"{\"Records\":["[..], &texts.join(&b","[..]), b"]}"].concat();
        for input in [list, texts.join(&b"\n"[..])] {
            for seen in [whole(&input), streamed(&input, window)] {
                let kept: Vec<&String> = seen.events.iter().filter(|event| others.contains(event)).collect();
                prop_assert_eq!(&kept, &others, "{:?} of {}", &seen, String::from_utf8_lossy(&input));
                prop_assert!(seen.events.len() <= records.len());
                prop_assert!(seen.events.len() + seen.said.len() >= records.len());
            }
        }
    }

    #[test]
    fn any_bytes_are_survived(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            prop::collection::vec(prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"", "\\", "\n", "{\"Records\":[", "{\"eventVersion\":1", "\"eventName\":\"x\"",
                "{\"logEvents\":[", "\"message\":\"{}\"", "1", "null", "\u{feff}", "\u{0}",
            ]), 0..60).prop_map(|pieces| pieces.concat().into_bytes()),
        ],
        window in 1_usize..100,
    ) {
        let by_whole = whole(&bytes);
        let by_window = streamed(&bytes, window);
        prop_assert_eq!(by_whole.events, by_window.events);
        let mut archive = gzip(&bytes);
        whole(&archive);
        archive.truncate(archive.len() * 2 / 3);
        let cut = whole(&archive);
        prop_assert!(cut.said.last().is_some_and(|said| said.starts_with("the gzip data breaks off")), "{:?}", cut);
    }
}
