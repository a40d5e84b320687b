//! Bad input: clocks that jump back, equal times, copies, more keys than there is room for.

use context::Context;
use decide::{
    Engine, Heard, Judge, Judgement, Part, RecordHandle, Settings, Signal, SignalOutcome, WindowKey,
};

use crate::harness::{at, lane, live_settings, load};

const RULE: &str = r#"
id: many
title: many
severity: low
pattern: { source: [a] }
threshold: { count: 3, within: 10m, by: [detail.who], keys_max: 1000 }
"#;

fn signal(seconds: i64, n: u128, who: &str) -> Signal {
    Signal {
        rule: 0,
        time: at(seconds),
        event: cloudtrail::EventId::Uuid(n),
        severity: rules::Severity::Low,
        key: WindowKey::of([who]),
        part: Part::Event,
        record: RecordHandle(0),
    }
}

#[test]
fn a_key_of_a_million_values_is_bounded_and_counted() {
    let rules = load(RULE);
    let mut engine = Engine::new(&rules, &Context::empty(), live_settings());
    for n in 0..1_000_000 {
        engine.take(signal(n, u128::try_from(n).unwrap(), &format!("session-{n}")));
    }
    let (_, holding) = engine.holdings().next().unwrap();
    assert_eq!((holding.keys, holding.evicted), (1_000, 999_000));
    let tally = engine.tally();
    tally.check().unwrap();
    assert_eq!(tally.count(SignalOutcome::Evicted), 999_000, "nothing vanishes");
    assert_eq!(tally.count(SignalOutcome::Absorbed), 1_000);
}

#[test]
fn a_dimension_of_a_million_values_is_bounded_and_counted() {
    let rules = load(
        r#"
id: loud
title: loud
severity: low
pattern: { source: [a] }
alarm:
  metric: { value: 1, dimensions: { who: $.who } }
  statistic: Sum
  period: 60
  evaluation_periods: 1
  comparison_operator: GreaterThanOrEqualToThreshold
  threshold: 3
  treat_missing_data: notBreaching
"#,
    );
    let settings = Settings { keys_max: 1_000, ..live_settings() };
    let mut engine = Engine::new(&rules, &Context::empty(), settings);
    for n in 0..1_000_000 {
        let sample = signal(n / 1_000, u128::try_from(n).unwrap(), &format!("session-{n}"));
        engine.take(Signal { part: Part::Sample(1.0), ..sample });
    }
    let (_, holding) = engine.holdings().next().unwrap();
    assert_eq!((holding.keys, holding.evicted), (1_000, 999_000));
    engine.tally().check().unwrap();
    assert_eq!(engine.tally().count(SignalOutcome::Evicted), 999_000, "nothing vanishes");
}

#[test]
fn what_lacks_a_value_of_its_key_is_counted_and_decides_nothing() {
    let event = |who: &str| {
        format!(
            r#"{{"Records":[{{"eventVersion":"1.08","eventTime":"2026-11-03T02:15:00Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"us-east-1","recipientAccountId":"111122223333","eventID":"9f2f5a3c-0000-4000-8000-00000000abcd","requestParameters":{{{who}}}}}]}}"#
        )
    };
    let rules = load(
        r#"
id: by-user
title: by user
severity: low
pattern: { source: [aws.iam] }
threshold: { count: 1, within: 10m, by: [detail.requestParameters.userName] }
"#,
    );
    let outcome = |who: &str| {
        let (text, context, mut outcomes) = (event(who), Context::empty(), Vec::new());
        let decoded = cloudtrail::Decoder::default().decode(text.as_bytes(), None, |item| {
            if let cloudtrail::Item::Event(event) = item {
                let judge = Judge { rules: &rules, context: &context, known: None };
                outcomes.extend(judge.judge(&event, &[matcher::RuleId(0)]));
            }
        });
        assert!(decoded.trouble.is_none());
        match outcomes.pop() {
            Some((0, Judgement::Ends(outcome))) => Some(outcome),
            Some((0, Judgement::Fires { .. })) => None,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(outcome(r#""userName":"alice""#), None);
    for lacks in ["", r#""userName":null"#, r#""userName":"""#, r#""username":"alice""#] {
        assert_eq!(outcome(lacks), Some(SignalOutcome::FieldMissing), "{lacks}");
    }
}

#[test]
fn a_clock_that_jumps_back_and_equal_times_change_nothing() {
    let rules = load(RULE);
    let mut engine = Engine::new(&rules, &Context::empty(), live_settings());
    for (now, n) in [(1_000, 1), (400, 2), (1_000, 3)] {
        assert!(matches!(engine.hear(lane(0), at(1_000), at(now)), Heard::On(_)));
        engine.take(signal(1_000, n, "alice"));
        engine.advance();
    }
    let said = engine.drain();
    assert_eq!((said.len(), said[0].count, said[0].settled), (1, 3, false));
    assert_eq!(engine.take(signal(1_000, 3, "alice")), SignalOutcome::Duplicate);
}

#[test]
fn what_comes_too_late_for_everything_is_counted() {
    let rules = load(RULE);
    let mut engine = Engine::new(
        &rules,
        &Context::empty(),
        Settings { reopen: std::time::Duration::from_secs(60), ..live_settings() },
    );
    engine.advance_to(at(10_000));
    assert_eq!(engine.take(signal(100, 1, "alice")), SignalOutcome::Late);
    assert_eq!(engine.tally().count(SignalOutcome::Late), 1);
}

#[test]
fn state_of_a_later_version_is_refused_by_name() {
    let rules = load(RULE);
    let restored = Engine::restore(&rules, &Context::empty(), live_settings(), |namespace| {
        let row: (&[u8], u32, &[u8]) = (b"kx", 99, b"{}");
        if &*namespace.name == "many" { vec![row] } else { Vec::new() }
    });
    let (name, error) = restored.err().unwrap();
    assert_eq!(&*name, "many");
    assert!(error.to_string().contains("written by a later version"), "{error}");
}
