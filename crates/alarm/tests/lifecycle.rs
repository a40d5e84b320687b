//! Alarms over time: what they say, what they keep, and what they refuse.

#![expect(clippy::unwrap_used, reason = "in a test a wrong fixture may panic, in its helpers too")]

use alarm::{
    Alarm, AlarmDefinition, AlarmState, Evaluator, HistoryItem, Limits, ManualState, Measure, Pushed, Sample,
    StateValue, Statistic, Timestamp, Workspace,
};

fn time(text: &str) -> Timestamp {
    format!("2026-09-14T{text}Z").parse().unwrap()
}

/// Sum over a minute, one of one, at or above 2, unless changed.
fn definition(change: impl FnOnce(&mut AlarmDefinition)) -> AlarmDefinition {
    let mut definition = AlarmDefinition {
        statistic: Some(Statistic::Sum),
        period: Some(60),
        evaluation_periods: 1,
        threshold: Some(2.0),
        comparison_operator: "GreaterThanOrEqualToThreshold".to_owned(),
        ..AlarmDefinition::default()
    };
    change(&mut definition);
    definition
}

fn evaluator(change: impl FnOnce(&mut AlarmDefinition)) -> Evaluator {
    Evaluator::new(Alarm::new(&definition(change)).unwrap(), time("06:00:00"))
}

fn push(evaluator: &mut Evaluator, at: &str, value: f64) {
    let sample = Sample::new(time(at), Measure::Value(value)).from_record(7u128);
    assert_eq!(evaluator.push(&sample), Pushed::Accepted);
}

/// Time, state and reason of each change.
fn told(evaluator: &mut Evaluator, until: &str) -> Vec<String> {
    let changes = evaluator.advance(time(until));
    changes
        .iter()
        .map(|change| format!("{} {}: {}", &change.at.to_string()[11..19], change.to, change.reason))
        .collect()
}

#[test]
fn a_sparse_metric_stays_in_alarm_until_the_hit_leaves_the_range() {
    let mut evaluator = evaluator(|d| d.period = Some(300));
    push(&mut evaluator, "06:21:30", 3.0);
    insta::assert_debug_snapshot!(told(&mut evaluator, "08:00:00"), @r#"
    [
        "06:22:10 ALARM: Threshold Crossed: 1 datapoint [3.0 (14/09/26 06:17:00)] was greater than or equal to the threshold (2.0).",
        "06:37:10 INSUFFICIENT_DATA: Insufficient Data: 1 datapoint was unknown.",
    ]
    "#);
}

#[test]
fn an_alarm_that_must_not_miss_data_goes_back_and_forth() {
    let mut evaluator = evaluator(|d| {
        d.treat_missing_data = Some("notBreaching".to_owned());
        d.evaluation_periods = 3;
        d.datapoints_to_alarm = Some(2);
    });
    for (at, value) in [("06:10:00", 5.0), ("06:11:00", 1.0), ("06:11:30", 1.5), ("06:12:00", 0.25)] {
        push(&mut evaluator, at, value);
    }
    insta::assert_debug_snapshot!(told(&mut evaluator, "07:00:00"), @r#"
    [
        "06:00:10 OK: Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as [NonBreaching].",
        "06:12:10 ALARM: Threshold Crossed: 2 out of the last 3 datapoints [2.5 (14/09/26 06:11:00), 5.0 (14/09/26 06:10:00)] were greater than or equal to the threshold (2.0) and 1 missing datapoint was treated as [NonBreaching] (minimum 2 datapoints for OK -> ALARM transition).",
        "06:18:10 OK: Threshold Crossed: 1 out of the last 3 datapoints [0.25 (14/09/26 06:12:00)] was not greater than or equal to the threshold (2.0) and 1 missing datapoint was treated as [NonBreaching] (minimum 2 datapoints for ALARM -> OK transition).",
    ]
    "#);
}

#[test]
fn the_short_form_lists_every_matching_point() {
    let mut evaluator = evaluator(|d| {
        d.evaluation_periods = 3;
        d.treat_missing_data = Some("breaching".to_owned());
    });
    for at in ["06:10:00", "06:11:00", "06:12:00"] {
        push(&mut evaluator, at, 1.0);
    }
    evaluator.advance(time("06:10:30"));
    insta::assert_debug_snapshot!(told(&mut evaluator, "06:13:10"), @r#"
    [
        "06:11:10 OK: Threshold Crossed: 1 datapoint [1.0 (14/09/26 06:10:00)] was not greater than or equal to the threshold (2.0) and 2 missing datapoints were treated as [Breaching].",
    ]
    "#);
    let (decision, evaluation) = evaluator.alarm().preview(evaluator.state(), time("06:13:10"));
    assert_eq!(decision, Some(StateValue::Ok));
    insta::assert_snapshot!(
        evaluator.alarm().reason(&evaluation, StateValue::Ok),
        @"Threshold Crossed: 3 datapoints [1.0 (14/09/26 06:12:00), 1.0 (14/09/26 06:11:00), 1.0 (14/09/26 06:10:00)] were not greater than or equal to the threshold (2.0)."
    );
    insta::assert_snapshot!(
        evaluator.alarm().reason_data(&evaluation, StateValue::Ok),
        @r#"{"version":"1.0","queryDate":"2026-09-14T06:13:10.000+0000","startDate":"2026-09-14T06:10:00.000+0000","statistic":"Sum","period":60,"recentDatapoints":[1.0,1.0,1.0],"threshold":2.0,"evaluatedDatapoints":[{"timestamp":"2026-09-14T06:12:00.000+0000","sampleCount":1.0,"value":1.0}]}"#
    );
}

#[test]
fn texts_stay_within_the_limits_of_the_api() {
    let mut evaluator = evaluator(|d| {
        d.period = Some(10);
        d.evaluation_periods = 1000;
        d.datapoints_to_alarm = Some(1);
    });
    for second in 0..1000 {
        let at = time("06:00:00").plus_millis(second * 10_000);
        assert_eq!(evaluator.push(&Sample::new(at, Measure::Value(100.123_456_789))), Pushed::Accepted);
    }
    let (decision, evaluation) = evaluator.alarm().preview(evaluator.state(), time("08:46:50"));
    assert_eq!(decision, Some(StateValue::Alarm));
    assert_eq!(evaluator.alarm().reason(&evaluation, StateValue::Alarm).chars().count(), 1023);
    let data = evaluator.alarm().reason_data(&evaluation, StateValue::Alarm);
    assert!((3900..=4000).contains(&data.len()), "{}", data.len());
    assert!(serde_json::from_str::<serde_json::Value>(&data).is_ok());
}

#[test]
fn what_does_not_count_is_said() {
    let mut evaluator = evaluator(|d| d.unit = Some("Count".to_owned()));
    let sample = |at: &str, value: f64| Sample::new(time(at), Measure::Value(value)).in_unit("Count");
    assert_eq!(evaluator.push(&Sample::new(time("06:00:00"), Measure::Value(1.0))), Pushed::OtherUnit);
    assert_eq!(evaluator.push(&sample("06:00:00", f64::NAN)), Pushed::Unacceptable);
    let ancient = Sample { timestamp: Timestamp::from_millis(-1), ..sample("06:00:00", 1.0) };
    assert_eq!(evaluator.push(&ancient), Pushed::TooLate);
    assert_eq!(evaluator.push_to(1, &sample("06:00:00", 1.0)), Pushed::NoSuchInput);
    evaluator.advance(time("06:30:00"));
    assert_eq!(evaluator.push(&sample("06:24:59", 1.0)), Pushed::TooLate);
    assert_eq!(
        evaluator.push(&sample("06:25:00", 1.0)),
        Pushed::Accepted,
        "late, but the next evaluation looks at it"
    );
}

/// Evaluations that are skipped move on what is too late as if they had been made.
#[test]
fn a_sample_that_skipped_evaluations_could_not_see_is_too_late() {
    let alarm = Alarm::new(&definition(|_| {})).unwrap();
    let mut state = AlarmState::new(&alarm, time("05:55:00"));
    let sample = |at| Sample::new(time(at), Measure::Value(1.0));
    assert_eq!(alarm.push(&mut state, 0, &sample("06:00:30")), Pushed::Accepted);
    alarm.advance(&mut state, time("06:01:10"), &mut Workspace::default(), &mut Vec::new());
    assert_eq!(state.state(), StateValue::Ok);
    assert_eq!(alarm.next_evaluation(&state), Some(time("06:06:10")), "when the datapoint leaves the range");

    let mut waiting = state.clone();
    assert_eq!(alarm.push(&mut waiting, 0, &sample("05:59:30")), Pushed::Accepted);
    assert_eq!(alarm.next_evaluation(&waiting), Some(time("06:02:10")), "it has to be looked at");
    alarm.skip_to(&mut waiting, time("06:05:00"));
    assert_eq!(waiting.evaluated_at(), time("06:01:10"), "an evaluation that is due is not skipped");

    alarm.skip_to(&mut state, time("06:05:00"));
    assert_eq!(alarm.push(&mut state, 0, &sample("05:59:30")), Pushed::TooLate);
    assert_eq!(alarm.next_evaluation(&state), Some(time("06:06:10")));
}

#[test]
fn a_state_set_by_hand_holds_until_the_next_evaluation() {
    let alarm = Alarm::new(&definition(|d| d.treat_missing_data = Some("notBreaching".to_owned()))).unwrap();
    let mut state = AlarmState::new(&alarm, time("06:00:00"));
    let (mut workspace, mut changes) = (Workspace::default(), Vec::new());
    alarm.advance(&mut state, time("06:05:00"), &mut workspace, &mut changes);
    assert_eq!(alarm.next_evaluation(&state), None, "nothing can happen before a sample comes");

    let set = |state| ManualState { state, reason: "testing".to_owned(), reason_data: None };
    changes.clear();
    alarm.set_state(&mut state, set(StateValue::Ok), time("06:05:30"), &mut workspace, &mut changes);
    assert_eq!(changes, [], "it is OK already");
    alarm.set_state(&mut state, set(StateValue::Alarm), time("06:05:30"), &mut workspace, &mut changes);
    assert_eq!((changes[0].from, changes[0].to), (StateValue::Ok, StateValue::Alarm));
    assert_eq!(changes[0].reason, "testing");
    assert_eq!(alarm.next_evaluation(&state), Some(time("06:06:10")));
    changes.clear();
    alarm.advance(&mut state, time("06:10:00"), &mut workspace, &mut changes);
    assert_eq!(changes.iter().map(|change| change.at).collect::<Vec<_>>(), [time("06:06:10")]);
    assert_eq!(changes[0].previous_reason, "testing");
}

#[test]
fn an_update_keeps_the_state_and_its_reason() {
    let old = Alarm::new(&definition(|_| {})).unwrap();
    let mut evaluator = Evaluator::new(old.clone(), time("06:00:00"));
    push(&mut evaluator, "06:10:00", 5.0);
    evaluator.advance(time("06:11:10"));
    let before = evaluator.state().clone();

    let higher = Alarm::new(&definition(|d| d.threshold = Some(9.0))).unwrap();
    let kept = before.clone().adopted(&old, &higher, time("06:11:20"));
    assert_eq!((kept.state(), kept.reason(&higher)), (StateValue::Alarm, before.reason(&old)));
    let changes = Evaluator::resume(higher, kept).advance(time("06:12:10"));
    assert_eq!(changes[0].datapoints[0].value.to_bits(), 5.0f64.to_bits(), "the samples were kept");

    let coarser = Alarm::new(&definition(|d| d.statistic = Some(Statistic::Percentile(90.0)))).unwrap();
    let cleared = before.adopted(&old, &coarser, time("06:11:20"));
    assert!(Evaluator::resume(coarser, cleared).advance(time("06:12:10"))[0].datapoints.is_empty());
}

#[test]
fn ids_are_bounded_and_counts_true() {
    let limits = Limits { records_per_cell: 2, records: 3 };
    let alarm = Alarm::new(&definition(|d| d.period = Some(300))).unwrap().with_limits(limits);
    let mut evaluator = Evaluator::new(alarm, time("06:00:00"));
    for id in 0..10u128 {
        let at = time("06:10:00").plus_millis(i64::try_from(id).unwrap() * 12_000);
        assert_eq!(evaluator.push(&Sample::new(at, Measure::Value(1.0)).from_record(id)), Pushed::Accepted);
    }
    let changes = evaluator.advance(time("06:12:10"));
    let last = changes.last().unwrap();
    assert_eq!(last.to, StateValue::Alarm);
    let (_, evaluation) = evaluator.alarm().preview(evaluator.state(), time("06:12:10"));
    assert_eq!(evaluation.records.count, 10);
    assert_eq!(evaluation.records.ids, [0u128, 1, 5].map(Into::into));
}

#[test]
fn an_alarm_that_looks_back_for_days_is_evaluated_by_the_hour() {
    let mut evaluator = evaluator(|d| {
        d.period = Some(3600);
        d.evaluation_periods = 25;
        d.datapoints_to_alarm = Some(1);
    });
    push(&mut evaluator, "06:20:00", 5.0);
    assert_eq!(told(&mut evaluator, "08:00:00").len(), 1);
    assert_eq!(evaluator.state().updated_at(), time("07:00:10"));
}

#[test]
fn history_tells_the_change_as_the_service_does() {
    let mut evaluator = evaluator(|_| {});
    push(&mut evaluator, "06:10:00", 5.0);
    let changes = evaluator.advance(time("06:11:10"));
    let item = HistoryItem::state_update(changes.last().unwrap());
    assert_eq!(item.summary, "Alarm updated from INSUFFICIENT_DATA to ALARM");
    let data: serde_json::Value = serde_json::from_str(&item.data).unwrap();
    insta::assert_json_snapshot!(data, @r#"
    {
      "newState": {
        "stateReason": "Threshold Crossed: 1 datapoint [5.0 (14/09/26 06:10:00)] was greater than or equal to the threshold (2.0).",
        "stateReasonData": {
          "evaluatedDatapoints": [
            {
              "sampleCount": 1.0,
              "timestamp": "2026-09-14T06:10:00.000+0000",
              "value": 5.0
            }
          ],
          "period": 60,
          "queryDate": "2026-09-14T06:11:10.000+0000",
          "recentDatapoints": [
            5.0
          ],
          "startDate": "2026-09-14T06:10:00.000+0000",
          "statistic": "Sum",
          "threshold": 2.0,
          "version": "1.0"
        },
        "stateValue": "ALARM"
      },
      "oldState": {
        "stateReason": "Unchecked: Initial alarm creation",
        "stateValue": "INSUFFICIENT_DATA"
      },
      "version": "1.0"
    }
    "#);
}

/// The stored form. It is a promise: a change here needs a new version that still reads this one.
#[test]
fn version_2_of_the_stored_state_reads_and_writes_the_same() {
    let stored = include_str!("state-v2.json").trim_end();
    let state: AlarmState = serde_json::from_str(stored).unwrap();
    assert_eq!(serde_json::to_string(&state).unwrap(), stored);
    assert_eq!(serde_json::to_string(state_to_store().state()).unwrap(), stored);

    let newer = stored.replacen("\"version\":2", "\"version\":3", 1);
    let refused = serde_json::from_str::<AlarmState>(&newer).unwrap_err().to_string();
    assert!(refused.contains("version 3 cannot be read"), "{refused}");
}

/// Version 1 did not say which evaluations may be skipped, so the next one is made.
#[test]
fn version_1_of_the_stored_state_goes_on() {
    let state: AlarmState = serde_json::from_str(include_str!("state-v1.json")).unwrap();
    let mut kept = state_to_store();
    assert_eq!(kept.alarm().next_evaluation(&state), Some(time("06:12:10")));
    let mut read = Evaluator::resume(kept.alarm().clone(), state);
    assert_eq!(read.advance(time("06:40:00")), kept.advance(time("06:40:00")));
    assert_eq!(read.state(), kept.state());
}

fn state_to_store() -> Evaluator {
    let alarm = Alarm::new(&definition(|d| d.statistic = Some(Statistic::Percentile(90.0)))).unwrap();
    let mut evaluator = Evaluator::new(alarm, time("06:00:00"));
    push(&mut evaluator, "06:10:00", 0.1);
    push(&mut evaluator, "06:10:01", 5.0);
    push(&mut evaluator, "06:14:00", 2.0);
    evaluator.advance(time("06:11:10"));
    evaluator
}
