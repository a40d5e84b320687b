//! Events and rule sets whose size would show a method that compares each with each: these would run for hours then.

use std::fmt::Write as _;

use crate::support::Rules;
use matcher::{RuleId, Scratch};

fn elements(count: usize, element: impl Fn(usize) -> String) -> String {
    (0..count).map(element).collect::<Vec<_>>().join(",")
}

#[test]
fn arrays_of_ten_thousand_elements() {
    let rules = Rules::of_patterns(&[
        r#"{"a":{"b":["1"],"c":["2"]}}"#,
        r#"{"a":{"b":["1"],"c":["2"],"d":["3"]}}"#,
        r#"{"a":{"b":["1"],"c":[{"exists":false}]}}"#,
        r#"{"a":{"b":[{"anything-but":"0"}],"c":[{"anything-but":"0"}]}}"#,
        r#"{"a":{"b":[{"exists":true}]}}"#,
    ]);
    let mut scratch = Scratch::new();
    // Never both in one element.
    let apart =
        elements(10_000, |n| if n % 2 == 0 { r#"{"b":"1"}"#.to_owned() } else { r#"{"c":"2"}"#.to_owned() });
    let matched = rules.matches_object(&format!(r#"{{"a":[{apart}]}}"#), &mut scratch).unwrap();
    assert_eq!(matched, [RuleId(2), RuleId(4)]);
    // Once, at the very end.
    let text = format!(r#"{{"a":[{apart},{{"b":"1","c":"2","d":"3"}}]}}"#);
    let matched = rules.matches_object(&text, &mut scratch).unwrap();
    assert_eq!(matched, [0, 1, 2, 3, 4].map(RuleId));
    // Arrays in arrays, and scalars.
    let nested =
        elements(100, |n| format!("[{}]", elements(100, |m| format!(r#"{{"b":["{n}","1"],"c":"{m}"}}"#))));
    let matched = rules.matches_object(&format!(r#"{{"a":[{nested}]}}"#), &mut scratch).unwrap();
    assert_eq!(matched, [0, 3, 4].map(RuleId));
}

#[test]
fn rules_on_five_hundred_paths_and_a_large_event() {
    let pattern = |n: usize| format!(r#"{{"detail":{{"f{n}":{{"g{n}":["v{n}"]}}}}}}"#);
    let patterns: Vec<String> = (0..500).map(pattern).collect();
    let rules = Rules::of_patterns(&patterns.iter().map(String::as_str).collect::<Vec<_>>());
    let mut members = String::new();
    for n in 0..500 {
        let value = if n % 100 == 7 { n } else { n + 1 };
        write!(members, r#""f{n}":{{"x":"{}","g{n}":"v{value}"}},"#, "y".repeat(600)).unwrap();
    }
    let text = format!(r#"{{"detail":{{{members}"end":0}}}}"#);
    assert!(text.len() > 300_000);
    let matched = rules.matches_object(&text, &mut Scratch::new()).unwrap();
    assert_eq!(matched, [7, 107, 207, 307, 407].map(RuleId));
}

#[test]
fn thousands_of_wildcards_on_one_field() {
    let patterns: Vec<String> =
        (0..2_000).map(|n| format!(r#"{{"a":[{{"wildcard":"*-prod-*-{n:04}-*"}}]}}"#)).collect();
    let rules = Rules::of_patterns(&patterns.iter().map(String::as_str).collect::<Vec<_>>());
    let mut scratch = Scratch::new();
    let mut matches =
        |value: &str| rules.matches_object(&format!(r#"{{"a":"{value}"}}"#), &mut scratch).unwrap();
    assert_eq!(matches("x-prod-y-0042-1999-z"), [42, 1999].map(RuleId));
    assert_eq!(matches("x-0042-prod-y-"), []);
    assert_eq!(matches("-prod--1000-"), [RuleId(1_000)]);
}

#[test]
fn ten_thousand_rules_that_share_a_name() {
    let pattern = |n: usize| {
        format!(r#"{{"detail":{{"eventName":["PutObject"],"requestParameters":{{"bucketName":["b{n}"]}}}}}}"#)
    };
    let patterns: Vec<String> = (0..10_000).map(pattern).collect();
    let rules = Rules::of_patterns(&patterns.iter().map(String::as_str).collect::<Vec<_>>());
    let mut scratch = Scratch::new();
    for n in [0, 1, 9_999] {
        let text = format!(
            r#"{{"detail":{{"eventName":"PutObject","requestParameters":{{"bucketName":"b{n}"}}}}}}"#
        );
        assert_eq!(rules.matches_object(&text, &mut scratch).unwrap(), [RuleId(n)]);
    }
}
