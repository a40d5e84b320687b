//! What a person reads when a rule did not fire.
#![expect(clippy::expect_used, reason = "a test fails by panicking, in its helpers too")]

use event_pattern::{Event, Pattern};

fn explain(pattern: &str, event: &str) -> String {
    let pattern = Pattern::parse(pattern).expect(pattern);
    pattern.explain(&Event::parse(event).expect(event)).to_string()
}

#[test]
fn every_operator_in_words() {
    let pattern = r#"{
        "a": ["x", 5, true, null, "10.0.0.1", {"prefix": "p"}, {"suffix": "s"}],
        "b": [{"prefix": {"equals-ignore-case": "p"}}, {"suffix": {"equals-ignore-case": "s"}}, {"equals-ignore-case": "e"}],
        "c": [{"wildcard": "w*"}, {"cidr": "10.0.0.0/8"}, {"exists": false}],
        "d": [{"numeric": ["=", 1]}, {"numeric": [">", 2]}, {"numeric": ["<=", 3.5]}, {"numeric": [">=", -4, "<", 5]}],
        "e": [{"anything-but": ["x", "y"]}, {"anything-but": 7}, {"anything-but": {"prefix": "p"}}, {"anything-but": {"wildcard": ["*w"]}}],
        "f": [{"anything-but": {"suffix": "s"}}, {"anything-but": {"equals-ignore-case": "i"}}, {"exists": true}]
    }"#;
    insta::assert_snapshot!(explain(pattern, r#"{"a": "y", "e": "a \"quoted\" text", "f": {"x": 1}}"#));
}

#[test]
fn many_and_long_values_are_cut() {
    let event = format!(r#"{{"a": ["{}", 1, 2, 3, 4, 5, 6, 7], "b": [], "c": {{"d": 1}}}}"#, "é".repeat(200));
    insta::assert_snapshot!(explain(r#"{"a": ["x"], "b": ["x"], "c": ["x"]}"#, &event));
}

#[test]
fn the_closest_of_several_alternatives() {
    let pattern = r#"{"source": ["aws.s3"], "$or": [{"a": ["1"], "b": ["1"]}, {"a": ["2"], "c": ["2"]}]}"#;
    insta::assert_snapshot!(explain(pattern, r#"{"source": "aws.s3", "a": "2", "b": "2"}"#));
}

#[test]
fn values_in_different_elements() {
    let pattern = r#"{"x": {"items": {"name": ["a"], "size": [1], "tag": [{"exists": true}]}}}"#;
    let event = r#"{"x": {"items": [{"name": "a", "size": 2, "tag": 1}, {"name": "b", "size": 1}]}}"#;
    insta::assert_snapshot!(explain(pattern, event));
    let explanation = Pattern::parse(pattern).expect("valid").explain(&Event::parse(event).expect("valid"));
    assert_eq!(explanation.stopped_by(), Some("x.items.size"));
}

#[test]
fn as_data() {
    let pattern = Pattern::parse(r#"{"a": ["x", {"prefix": "y"}]}"#).expect("valid");
    let explanation = pattern.explain(&Event::parse(r#"{"a": ["yes", "no"]}"#).expect("valid"));
    insta::assert_json_snapshot!(explanation);
}
