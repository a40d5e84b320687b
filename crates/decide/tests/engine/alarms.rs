//! The worked example of alarms, and alarms over alarms.

use context::Context;
use decide::{Basis, Engine, Incident, Settings, State};

use crate::harness::{Event, at, load};

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
    let rules = load(EXAMPLE);
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
