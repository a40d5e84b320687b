//! The worked example of alarms, and alarms over alarms.

use context::Context;
use decide::{Basis, Engine, Incident, Settings, State};

use crate::harness::{Event, Rows, at, lane, load, reopened};

const EXAMPLE: &str = r#"
id: denied
title: "{{ detail.sourceIPAddress }} was denied often"
severity: high
pattern: { source: [a] }
alarm:
  metric: { value: 1, dimensions: { address: $.sourceIPAddress } }
  statistic: Sum
  period: 300
  evaluation_periods: 1
  datapoints_to_alarm: 1
  comparison_operator: GreaterThanOrEqualToThreshold
  threshold: 30
  treat_missing_data: notBreaching
---
kind: composite-alarm
id: both
title: both
severity: critical
alarm_rule: ALARM(single)
---
id: single
title: single
severity: medium
pattern: { source: [a] }
alarm:
  statistic: Sum
  period: 300
  evaluation_periods: 1
  datapoints_to_alarm: 1
  comparison_operator: GreaterThanOrEqualToThreshold
  threshold: 30
  treat_missing_data: notBreaching
"#;

/// One that is true from its creation on.
const NEITHER: &str = "---\nkind: composite-alarm\nid: neither\ntitle: neither\nseverity: info\nalarm_rule: NOT ALARM(single)\n";

/// 33 calls from one address, one every nine seconds.
fn calls() -> Vec<decide::Signal> {
    let rules = load(EXAMPLE);
    let mut signals = Vec::new();
    for n in 0..33 {
        let event = Event { time: 36_000 + i64::from(n) * 9, n, who: 0, account: 0, what: 0, second: false };
        for (rule, key) in [("denied", &["203.0.113.7"][..]), ("single", &[])] {
            signals.push(decide::Signal {
                rule: u32::try_from(rules.index(rule).unwrap()).unwrap(),
                time: at(event.time),
                event: event.id(),
                severity: rules::Severity::High,
                key: decide::WindowKey::of(key.iter().copied()),
                part: decide::Part::Sample(1.0),
                record: decide::RecordHandle(u64::from(n)),
            });
        }
    }
    signals
}

fn reasons<'i>(said: &'i [Incident], rule: &str) -> Vec<(State, u32, bool, &'i str)> {
    let rules = load(&format!("{EXAMPLE}{NEITHER}"));
    let index = u32::try_from(rules.index(rule).unwrap()).unwrap();
    said.iter()
        .filter(|one| one.rule == index)
        .map(|one| {
            let Basis::Alarm(news) = &one.basis else { panic!("{one:?}") };
            (one.state, one.revision, one.settled, news.reason.as_str())
        })
        .collect()
}

#[test]
fn thirty_three_calls_are_an_alarm_and_then_it_is_ok() {
    let rules = load(EXAMPLE);
    let mut engine = Engine::new(&rules, &Context::empty(), Settings::history(at(36_000)));
    calls().into_iter().for_each(|signal| {
        engine.take(signal);
    });
    engine.finish(at(36_300));
    let said = engine.drain();
    let alarm = "Threshold Crossed: 1 out of the last 1 datapoints [33.0 (01/01/70 10:00:00)] was greater than or \
                 equal to the threshold (30.0) (minimum 1 datapoint for OK -> ALARM transition).";
    let told = reasons(&said, "denied");
    assert_eq!(told[0], (State::Firing, 0, true, alarm));
    assert_eq!((told[1].0, told[1].1), (State::Resolved, 1), "{told:?}");
    // The five minutes of a datapoint slide on with every evaluation, so the alarm goes off again when they fall on all of
    // the calls once more, as it does in AWS; in the end it is OK.
    assert_eq!(told.last().unwrap().0, State::Resolved);
    assert!(told.iter().all(|one| one.0 == State::Resolved || one.3.contains("[33.0 ")));
    let Basis::Alarm(news) = &said.iter().find(|one| one.state == State::Firing).unwrap().basis else {
        panic!()
    };
    assert_eq!(news.fields["NewStateValue"], "ALARM");
    assert_eq!(news.fields["Trigger"]["Dimensions"][0]["value"], "203.0.113.7");
    let firing = said.iter().find(|one| one.count == 33 && one.state == State::Firing).unwrap();
    assert_eq!((firing.event_ids.len(), firing.records.len()), (33, 3));
    let both = reasons(&said, "both");
    assert_eq!(both.iter().take(2).map(|one| one.0).collect::<Vec<_>>(), [State::Firing, State::Resolved]);
    assert!(
        both[0].3.contains(":alarm:single transitioned to ALARM at Thursday 01 January, 1970 10:05:10 UTC")
    );
}

#[test]
fn live_it_is_said_at_the_thirtieth_call_and_settled_with_all_of_them() {
    let rules = load(EXAMPLE);
    let mut engine =
        Engine::new(&rules, &Context::empty(), Settings::live(at(36_000), decide::Lateness::default()));
    let mut early = None;
    for (n, signal) in calls().into_iter().enumerate() {
        engine.advance_to(at(signal.time.as_seconds() - 120));
        engine.take(signal);
        if early.is_none() && !engine.drain().is_empty() {
            early = Some(n);
        }
    }
    assert_eq!(early, Some(58), "two signals a call, and the thirtieth call is the 59th signal");
    engine.advance_to(at(40_000));
    let said = engine.drain();
    let told = reasons(&said, "denied");
    assert_eq!((told[0].0, told[0].1, told[0].2), (State::Firing, 1, true));
    assert!(told[0].3.contains("[33.0 (01/01/70 10:00:00)]"), "{}", told[0].3);
    assert_eq!((told[1].0, told[1].1), (State::Resolved, 2));
}

/// A service that is started on a backlog decides it as a scan does: an alarm without dimensions is there from the first record on, not from
/// the start of the process.
#[test]
fn what_happened_before_the_start_counts() {
    let rules = load(&format!("{EXAMPLE}{NEITHER}"));
    let told = |settings: Settings| {
        let now = at(100_000);
        let is_live = settings.early;
        let mut engine = Engine::new(&rules, &Context::empty(), settings);
        for signal in calls() {
            if is_live {
                engine.hear(lane(0), signal.time, now);
                engine.advance();
            }
            engine.take(signal);
        }
        if is_live {
            engine.hear(lane(0), at(90_000), now);
            engine.advance();
        } else {
            engine.finish(at(36_300));
        }
        let settled: Vec<_> = engine.drain().into_iter().filter(|one| one.settled).collect();
        ["single", "both", "neither"].map(|rule| {
            reasons(&settled, rule).into_iter().map(|one| (one.0, one.3.to_owned())).collect::<Vec<_>>()
        })
    };
    let scanned = told(Settings::history(at(36_000)));
    assert!(scanned.iter().all(|one| one.len() >= 2), "{scanned:?}");
    assert!(scanned[2][0].1.ends_with(":alarm:neither was created and its alarm rule evaluates to ALARM"));
    assert_eq!(told(Settings::live(at(100_000), decide::Lateness::default())), scanned);
}

/// What is true from the beginning on is dated by the earliest event, whichever comes first.
#[test]
fn the_beginning_does_not_depend_on_the_order_of_arrival() {
    let rules = load(&format!("{EXAMPLE}{NEITHER}"));
    let neither = u32::try_from(rules.index("neither").unwrap()).unwrap();
    let settings = Settings::live(at(900_000), decide::Lateness::default());
    let now = at(900_000);
    let told = |times: &[i64], stop: bool, end: i64| {
        let mut engine = Engine::new(&rules, &Context::empty(), settings.clone());
        let (mut said, mut rows) = (Vec::new(), Rows::new());
        for time in times {
            engine.hear(lane(0), at(*time), now);
            engine.advance();
            said.extend(engine.drain());
            if stop {
                engine = reopened(&mut engine, &rules, &settings, &mut rows);
            }
        }
        engine.hear(lane(0), at(end), now);
        engine.advance();
        said.extend(engine.drain());
        let said: Vec<_> = said.into_iter().filter(|one| one.rule == neither).collect();
        let kept: Vec<_> = said.iter().map(|one| (one.revision, one.settled, one.state)).collect();
        let last = said.last().map(|one| (one.time, one.window_from, one.fingerprint.clone()));
        (kept, last.unwrap())
    };
    let (unsettled, settled) = ((0, false, State::Firing), (1, true, State::Firing));
    // More than the lateness lies between them, so that it is created before the earlier one comes.
    for stop in [false, true] {
        let in_order = told(&[36_000, 46_000, 56_000], stop, 500_000);
        assert_eq!(in_order.0, [unsettled, settled]);
        assert_eq!((in_order.1.0, in_order.1.1), (at(36_000), at(36_000)));
        assert_eq!(told(&[46_000, 56_000, 36_000], stop, 500_000), in_order);
        assert_eq!(told(&[56_000, 46_000, 36_000], stop, 500_000), in_order);
        assert_eq!(
            told(&[46_000, 56_000, 36_000], stop, 100_000).0,
            [unsettled],
            "it may still turn out earlier"
        );
    }
}

/// Two minutes breach, and one between them does not. The samples of the first come last: the last was said early by then, and what
/// was said turns out to be about the first. Neither takes the other's place in the store.
#[test]
fn what_was_said_early_and_an_earlier_alarm_are_two_findings() {
    let rules = load(
        "id: single\ntitle: single\nseverity: low\npattern: { source: [a] }\nalarm: { statistic: Sum, period: 60, evaluation_periods: 1, comparison_operator: GreaterThanOrEqualToThreshold, threshold: 2, treat_missing_data: notBreaching }\n",
    );
    let signal = |time: i64| {
        let n = u32::try_from(time).unwrap();
        let event = Event { time, n, who: 0, account: 0, what: 0, second: false };
        decide::Signal {
            rule: 0,
            time: at(time),
            event: event.id(),
            severity: rules::Severity::Low,
            key: decide::WindowKey::of([]),
            part: decide::Part::Sample(1.0),
            record: decide::RecordHandle(u64::from(n)),
        }
    };
    let mut engine =
        Engine::new(&rules, &Context::empty(), Settings::live(at(0), decide::Lateness::default()));
    for time in [185, 186, 65, 66, 125] {
        engine.take(signal(time));
    }
    engine.advance_to(at(1_000));
    let said = engine.drain();
    let told: Vec<_> = said.iter().map(|one| (one.state, one.settled)).collect();
    let (firing, resolved) = ((State::Firing, true), (State::Resolved, true));
    assert_eq!(told, [(State::Firing, false), firing, resolved, firing, resolved]);
    let kept: std::collections::BTreeSet<_> = said.iter().map(|one| (&one.id, one.revision)).collect();
    assert_eq!(kept.len(), said.len(), "a store keeps each revision of an id once: {said:#?}");
}

/// A composite alarm that is added to a service hears of what its children are in already, and those that were there are not created anew.
#[test]
fn a_composite_alarm_that_comes_later_knows_its_children() {
    let old = load(EXAMPLE);
    let settings = Settings::live(at(36_000), decide::Lateness::default());
    let mut engine = Engine::new(&old, &Context::empty(), settings.clone());
    for signal in calls() {
        engine.hear(lane(0), signal.time, at(40_000));
        engine.take(signal);
    }
    engine.advance_to(at(36_320));
    assert_eq!(reasons(&engine.drain(), "both").len(), 1, "it is in ALARM");

    let mut rows = Rows::new();
    let same = reopened(&mut engine, &old, &settings, &mut rows).drain();
    assert!(same.is_empty(), "{same:?}");

    let more = NEITHER.replace("neither", "too").replace("NOT ", "");
    let new = load(&format!("{EXAMPLE}{more}"));
    let too = u32::try_from(new.index("too").unwrap()).unwrap();
    let said = reopened(&mut engine, &new, &settings, &mut rows).drain();
    let said: Vec<_> = said.iter().filter(|one| one.rule == too).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!((said[0].state, said[0].time), (State::Firing, at(36_320)));
}

/// Of one call in a minute the expression makes an alarm, and of two none: nothing is said of the first before the minute is known.
#[test]
fn an_expression_is_never_told_early() {
    let rules = load(
        r#"
kind: metric-filter
id: calls
filter_pattern: '{ $.source = "a" }'
metric_transformations:
  - { metric_name: Calls, metric_namespace: N, metric_value: 1 }
---
kind: alarm
id: one
title: just one
severity: low
metrics:
  - { id: m1, return_data: false, metric_stat: { metric: { namespace: N, metric_name: Calls }, period: 60, stat: Sum } }
  - { id: e1, expression: "IF(m1 == 1, 10, 0)" }
evaluation_periods: 1
comparison_operator: GreaterThanThreshold
threshold: 0.5
treat_missing_data: notBreaching
"#,
    );
    let mut engine =
        Engine::new(&rules, &Context::empty(), Settings::live(at(0), decide::Lateness::default()));
    for n in 1..=2 {
        let event = Event { time: 600, n, who: 0, account: 0, what: 0, second: false };
        engine.take(decide::Signal {
            rule: u32::try_from(rules.index("calls").unwrap()).unwrap(),
            time: at(event.time),
            event: event.id(),
            severity: rules::Severity::Low,
            key: decide::WindowKey::of([]),
            part: decide::Part::Sample(1.0),
            record: decide::RecordHandle(0),
        });
    }
    engine.advance_to(at(5_000));
    assert!(engine.drain().is_empty(), "two calls are no alarm, and one never was known to be all");
}
