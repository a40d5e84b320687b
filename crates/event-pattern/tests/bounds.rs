//! Large and hostile inputs: no verdict may cost more than the input is worth, and none may end the process.

use event_pattern::{ErrorKind, Event, Pattern};

#[test]
fn ten_thousand_elements_are_joined_not_tried() {
    let element = |index: usize| format!(r#"{{"k": "{index}", "v": "{}", "w": {{"x": 1}}}}"#, index + 1);
    let elements: Vec<String> = (0..10_000).map(element).collect();
    let event = Event::parse(format!(r#"{{"a": [{}], "b": [{}]}}"#, elements.join(","), elements.join(",")))
        .expect("valid");
    let none = r#"{"a": {"k": [{"prefix": ""}], "v": [{"prefix": ""}], "w": {"x": [2]}}, "b": {"k": [{"prefix": ""}]}}"#;
    let apart =
        r#"{"a": {"k": [{"anything-but": "5"}], "v": ["6"]}, "b": {"k": ["7"], "v": [{"exists": true}]}}"#;
    let last =
        r#"{"a": {"k": ["9999"], "v": ["10000"], "w": {"x": [1]}}, "b": {"k": ["9999"], "v": ["10000"]}}"#;
    for (text, matches) in [(none, false), (apart, false), (last, true)] {
        assert_eq!(Pattern::parse(text).expect(text).matches(&event), matches, "{text}");
    }
}

#[test]
fn duplicate_keys_cannot_multiply_the_work_without_end() {
    let array = format!("[{}]", vec![r#"{"x": 1, "y": 2, "z": 3}"#; 300].join(","));
    let event = format!("{{{}}}", vec![format!(r#""a": {array}"#); 8].join(","));
    let event = Event::parse(event).expect("valid");
    for (text, matches) in [
        (r#"{"a": {"x": [1], "y": [2], "z": [3]}}"#, true),
        (r#"{"a": {"x": [1], "y": [2], "z": [4]}}"#, false),
        (r#"{"a": {"x": [1], "y": [2], "z": [{"exists": false}]}}"#, false),
    ] {
        assert_eq!(Pattern::parse(text).expect(text).matches(&event), matches, "{text}");
    }
}

#[test]
fn depth_ends_with_an_error() {
    let deep = |levels: usize| format!("{}[1]{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    assert!(Pattern::parse(&deep(900)).is_ok());
    assert!(Event::parse(deep(900)).is_ok());
    for levels in [1_001, 200_000] {
        assert_eq!(Pattern::parse(&deep(levels)).expect_err("too deep").first().kind, ErrorKind::Syntax);
        assert!(Event::parse(deep(levels)).is_err());
    }
    let branches = format!("{}{{\"a\":[1]}}{}", r#"{"$or":[{"b":[1]},"#.repeat(400), "]}".repeat(400));
    assert!(Pattern::parse(&branches).is_ok());
}

#[test]
fn combinations_are_counted_not_made() {
    let or = |index: usize| format!(r#""f{index}": {{"$or": [{{"x": [1]}}, {{"y": [2]}}]}}"#);
    let pattern = |count: usize| format!("{{{}}}", (0..count).map(or).collect::<Vec<_>>().join(","));
    assert_eq!(Pattern::parse(&pattern(9)).expect("512 combinations").alternatives().len(), 512);
    for count in [10, 60] {
        let text = pattern(count);
        let errors = Pattern::parse(&text).expect_err("too many combinations");
        assert_eq!(
            errors.service_text(&text),
            "Event pattern is not valid. Reason: Or operator is producing over 1000 rule combinations"
        );
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let text = r#"{"a": [{"prefx": "x"}], "b": "c", "d": [{"numeric": ["=", "5"]}, {"cidr": "10.0.0.1/32"}], "e": {}}"#;
    let errors = Pattern::parse(text).expect_err("four mistakes");
    let messages: Vec<String> = errors.iter().map(|error| format!("{}: {}", error.path, error)).collect();
    assert_eq!(
        messages,
        [
            "a: Unrecognized match type prefx (line 1, column 9); did you mean `prefix`?",
            "b: \"b\" must be an object or an array (line 1, column 30); values always stand in a list: `\"b\": [\"value\"]`",
            "d: Value of equals must be numeric (line 1, column 59); write a number without quotes",
            "d: IPv4 mask bits must be < 32 (line 1, column 75); a single address is an exact value: `[\"10.0.0.1\"]`",
            "e: Empty objects are not allowed (line 1, column 98); to ask that something is there, write `[{\"exists\": true}]` for one of its leaves",
        ]
    );
}
