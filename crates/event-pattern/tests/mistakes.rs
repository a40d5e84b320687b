//! Mistakes, the service's words for them, and ours.

use event_pattern::{EnvelopeError, Event, Pattern, json};

/// Each line: a pattern, the service's complaint, the column, and what we advise.
#[test]
fn words_and_columns() {
    let cases = [
        (r#"{"a": [{"PREFIX": "x"}]}"#, "Unrecognized match type PREFIX", 20, Some("did you mean `prefix`?")),
        (
            r#"{"a": [{"regex": "x"}]}"#,
            "Unrecognized match type regex",
            19,
            Some("there are no regular expressions; use `wildcard`, `prefix` or `suffix`"),
        ),
        (
            r#"{"a": [{"numeric": ["!=", 5]}]}"#,
            "Unrecognized numeric range operator: !=",
            28,
            Some("write `{\"anything-but\": 5}`"),
        ),
        (
            r#"{"a": ["x" "y"]}"#,
            "Unexpected character ('\"' (code 34)): was expecting comma to separate Array entries",
            13,
            None,
        ),
        (
            r#"{"a": ["x"}"#,
            "Unexpected close marker '}': expected ']' (for Array starting at [Source: (String)\"{\"a\": [\"x\"}\"; line: 1, column: 7])",
            12,
            None,
        ),
        (
            r#"{"a": [tru]}"#,
            "Unrecognized token 'tru': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
            11,
            None,
        ),
        ("[]", "Filter is not an object", 2, Some("a pattern is an object: `{\"source\": [\"aws.ec2\"]}`")),
    ];
    for (text, message, column, hint) in cases {
        let errors = Pattern::parse(text).expect_err(text);
        assert_eq!(
            (errors.first().message.as_str(), errors.first().hint.as_deref()),
            (message, hint),
            "{text}"
        );
        let place = format!("\n at [Source: (String)\"{text}\"; line: 1, column: {column}]");
        assert_eq!(
            errors.service_text(text),
            format!("Event pattern is not valid. Reason: {message}{place}")
        );
    }
}

#[test]
fn lines_are_counted_and_long_texts_cut_as_the_service_does() {
    let text = format!("{{\n  \"a\": [\"{}\"],\r\n  \"b\": 1\n}}", "x".repeat(600));
    let errors = Pattern::parse(&text).expect_err("b is no list");
    let shown = &text[..500];
    assert_eq!(
        errors.service_text(&text),
        format!(
            "Event pattern is not valid. Reason: \"b\" must be an object or an array\n at [Source: (String)\"{shown}\"[truncated {} chars]; line: 3, column: 9]",
            text.len() - 500
        )
    );
    assert_eq!((errors.first().span.line, errors.first().span.column), (3, 8));
}

#[test]
fn a_tree_brings_its_own_spans() {
    let mut node = json::parse(r#"{"a": [{"prefix": 1}]}"#).expect("JSON");
    node.span.line = 7;
    let errors = Pattern::compile(&node).expect_err("no string");
    assert_eq!(errors.first().message, "prefix match pattern must be a string");
    assert_eq!(
        (errors.first().path.as_str(), errors.first().span.column, errors.first().span.length),
        ("a", 19, 1)
    );
    assert_eq!(json::parse(r#"{"a": 1} x"#).expect_err("more").span.offset, 9);
}

#[test]
fn the_envelope_that_the_service_asks_for() {
    let event = |extra: &str| {
        let text = format!(
            r#"{{"id": "1", "account": 1, "source": "s", "region": "r", "detail-type": "d", "detail": null{extra}}}"#
        );
        Event::parse(text).expect("valid").check_envelope()
    };
    for time in ["2026-09-13T00:00:00Z", "2024-02-29T23:59:59.123Z", "2026-09-13T00:00:00+02:00"] {
        assert_eq!(event(&format!(r#", "time": "{time}""#)), Ok(()), "{time}");
    }
    assert_eq!(event(""), Err(EnvelopeError::Missing("time")));
    for time in
        ["1", r#""not-a-time""#, r#""2026-02-29T00:00:00Z""#, r#""2026-09-13""#, r#""2026-09-13T25:00:00Z""#]
    {
        let error = event(&format!(r#", "time": {time}"#)).expect_err(time);
        assert_eq!(error, EnvelopeError::Time, "{time}");
        assert_eq!(error.service_text(), "Parameter Event is not valid. Reason: Invalid time.");
    }
    assert_eq!(
        event(r#", "time": "2026-09-13T00:00:00Z", "id": null"#),
        Err(EnvelopeError::NotAString("id"))
    );
}

/// How many wildcards may be undecided at once, from both sides of the limit.
#[test]
fn wildcard_complexity() {
    let wildcards = |patterns: &[&str]| {
        let terms: Vec<String> = patterns.iter().map(|text| format!(r#"{{"wildcard": "{text}"}}"#)).collect();
        Pattern::parse(&format!(r#"{{"a": [{}]}}"#, terms.join(","))).is_ok()
    };
    assert!(wildcards(&["*a*"; 4]));
    assert!(!wildcards(&["*a*"; 5]));
    assert!(wildcards(&["same"; 11]));
    let distinct: Vec<String> = (0..11).map(|index| index.to_string()).collect();
    let distinct: Vec<&str> = distinct.iter().map(String::as_str).collect();
    assert!(wildcards(&distinct[..10]));
    assert!(!wildcards(&distinct));
    assert!(wildcards(&["*:*:*:*:x"]));
    assert!(!wildcards(&["*:*:*:*:*:*:x"]));
    assert!(Pattern::parse(r#"{"a": [{"exists": false}], "z": [{"wildcard": "*a*a*a*a*a*a*a*a"}]}"#).is_ok());
    assert!(Pattern::parse(r#"{"a": [{"exists": true}], "z": [{"wildcard": "*a*a*a*a*a*a*a*a"}]}"#).is_err());
}
