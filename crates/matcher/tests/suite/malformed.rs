//! A broken record is an error or no match, and what stands behind it in the same buffer is never read.

use crate::support::{Rules, record};
use cloudtrail::Event;
use json_scan::{Malformed, Scanner};
use matcher::{RuleId, Scratch};
use proptest::prelude::*;

/// What every rule below matches.
const WANTED: &str = concat!(
    r#"{"eventName":"StopLogging","userIdentity":{"type":"Root"},"list":[{"a":"1","b":"2"}],"#,
    r#""errorCode":"AccessDenied","n":300}"#,
);

/// The same with everything different.
const OTHER: &str = concat!(
    r#"{"eventName":"ListTrails","userIdentity":{"type":"User"},"list":[{"a":"3","b":"4"}],"#,
    r#""errorCode":"Throttling","n":301}"#,
);

fn rules() -> Rules {
    let pattern = |text: &str| std::sync::Arc::new(event_pattern::Pattern::parse(text).unwrap());
    let filter = |text: &str| std::sync::Arc::new(filter_pattern::Filter::parse(text).unwrap());
    Rules::new(
        vec![
            pattern(r#"{"detail":{"eventName":["StopLogging"]}}"#),
            pattern(r#"{"detail":{"userIdentity":{"type":[{"prefix":"Ro"}]}}}"#),
            pattern(r#"{"detail":{"list":{"a":["1"],"b":["2"]}}}"#),
            pattern(r#"{"detail":{"errorCode":[{"wildcard":"*Denied"}],"n":[{"numeric":["=",300]}]}}"#),
        ],
        vec![
            filter("{ $.userIdentity.type = Root && $.eventName = Stop* }"),
            filter("{ $.list[0].b = 2 }"),
            filter("AccessDenied"),
        ],
    )
}

fn matches(rules: &Rules, event: Result<Event<'_>, Malformed>, scratch: &mut Scratch) -> Option<Vec<RuleId>> {
    rules.matcher.matches(&event.ok()?, scratch).ok().map(<[_]>::to_vec)
}

#[test]
fn all_of_them_match_the_whole_record() {
    let rules = rules();
    let mut scanner = Scanner::new(WANTED.as_bytes()).unwrap();
    let event = record(scanner.object().unwrap());
    let matched = matches(&rules, event, &mut Scratch::new()).unwrap();
    assert_eq!(matched, (0..7).map(RuleId).collect::<Vec<_>>());
}

#[test]
fn a_record_cut_short_takes_nothing_from_the_next() {
    let rules = rules();
    let mut scratch = Scratch::new();
    for cut in 1..OTHER.len() {
        let text = format!("{}\n{WANTED}\n{WANTED}", OTHER.get(..cut).unwrap());
        let mut scanner = Scanner::new(text.as_bytes()).unwrap();
        // What is left open swallows what follows, or nothing whole is there: either way no record begins here.
        if let Ok(object) = scanner.object() {
            assert!(object.offset() + object.bytes().len() <= text.len());
            let event = record(object);
            assert_eq!(matches(&rules, event, &mut scratch).unwrap_or_default(), [], "{text}");
        }
    }
}

#[test]
fn a_broken_part_that_is_looked_at_is_an_error() {
    let rules = rules();
    let mut scratch = Scratch::new();
    for broken in [
        r#"{"eventName":"Stop\Logging"}"#,
        r#"{"eventName":"StopLogging\ud800"}"#,
        r#"{"event\uName":"StopLogging"}"#,
        r#"{"eventName":"ListTrails","eventName":StopLogging}"#,
        r#"{"eventName":"ListTrails","n":300,}"#,
        r#"{"eventName":"ListTrails" "errorCode":"x"}"#,
        r#"{"eventName":"ListTrails","userIdentity":{"type":}}"#,
        r#"{"eventName":"ListTrails","userIdentity":{"type":"Root" "x"}}"#,
        r#"{"eventName":"ListTrails","list":[{"a":"1"}{"b":"2"}]}"#,
        r#"{"eventName":"ListTrails","errorCode":"Access"Denied"}"#,
    ] {
        let text = format!("{broken},{WANTED}");
        let mut scanner = Scanner::new(text.as_bytes()).unwrap();
        let Ok(object) = scanner.object() else { continue };
        let event = record(object);
        assert_eq!(matches(&rules, event, &mut scratch), None, "{broken}");
        // And nothing of it is left for the record behind the comma.
        scanner.bump();
        let next = record(scanner.object().unwrap());
        assert_eq!(matches(&rules, next, &mut scratch).unwrap().len(), 7, "{broken}");
    }
}

/// Where most records lead on, the first question is left out; what is an error must not depend on it.
#[test]
fn what_came_before_decides_nothing() {
    let rules = rules();
    let mut used = Scratch::new();
    let mut scanner = Scanner::new(WANTED.as_bytes()).unwrap();
    let wanted = record(scanner.object().unwrap()).unwrap();
    for at in 0..OTHER.len() {
        for byte in *b"x\"\\{,\xff" {
            let mut text = OTHER.as_bytes().to_vec();
            text[at] = byte;
            let mut scanner = Scanner::new(&text).unwrap();
            let Ok(Ok(event)) = scanner.object().map(record) else { continue };
            for _ in 0..20 {
                assert_eq!(rules.matcher.matches(&wanted, &mut used).unwrap().len(), 7);
            }
            let fresh = rules.matcher.matches(&event, &mut Scratch::new()).map(<[_]>::to_vec);
            let after = rules.matcher.matches(&event, &mut used).map(<[_]>::to_vec);
            assert_eq!(fresh, after, "{}", text.escape_ascii());
        }
    }
}

#[test]
fn bytes_that_are_not_utf8() {
    let rules = rules();
    let mut scratch = Scratch::new();
    for broken in
        [&b"{\"eventName\":\"x\xff\"}"[..], b"{\"eventName\":\"StopLogging\",\"errorCode\":\"\xffDenied\"}"]
    {
        let mut scanner = Scanner::new(broken).unwrap();
        let event = record(scanner.object().unwrap());
        assert_eq!(matches(&rules, event, &mut scratch), None);
    }
}

#[test]
fn arrays_nested_to_the_limit_do_no_harm() {
    let rules = rules();
    let deep = |levels: usize| {
        format!(r#"{{"list":{}{{"a":"1","b":"2"}}{}}}"#, "[".repeat(levels), "]".repeat(levels))
    };
    let text = deep(json_scan::MAX_DEPTH - 2);
    let mut scanner = Scanner::new(text.as_bytes()).unwrap();
    let event = record(scanner.object().unwrap());
    assert_eq!(matches(&rules, event, &mut Scratch::new()).unwrap(), [RuleId(2)]);
    assert!(Scanner::new(deep(100_000).as_bytes()).unwrap().object().is_err());
}

proptest! {
    /// A single wrong byte in a record that nothing matches: an error, no match, or (where the byte is part of a value)
    /// what the references say of the new text; and the record behind it still is what it was.
    #[test]
    fn a_single_wrong_byte(at in 0..OTHER.len(), byte in any::<u8>()) {
        let rules = rules();
        let mut scratch = Scratch::new();
        let mut text = OTHER.as_bytes().to_vec();
        text[at] = byte;
        text.extend_from_slice(b"\n");
        text.extend_from_slice(WANTED.as_bytes());
        let mut scanner = Scanner::new(&text).unwrap();
        if let Ok(object) = scanner.object() {
            let is_json = serde_json::from_slice::<serde_json::Value>(object.bytes()).is_ok();
            let event = record(object);
            if is_json && let Ok(event) = &event {
                prop_assert_eq!(rules.matches(event, &mut scratch), rules.reference(event));
            } else {
                // Only what asks for no JSON at all can be satisfied by text that is none.
                prop_assert_eq!(matches(&rules, event, &mut scratch).unwrap_or_default(), []);
            }
        }
    }
}
