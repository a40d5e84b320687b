//! What must hold whatever the samples, the alarm and the order of arrival.

#![expect(clippy::unwrap_used, reason = "in a test a wrong fixture may panic, in its helpers too")]

use std::collections::BTreeMap;

use alarm::composite::{AlarmRule, CompositeAlarms, CompositeDefinition, Home};
use alarm::{
    Alarm, AlarmDefinition, AlarmState, Evaluator, ManualState, Measure, Metric, MetricDataQuery, MetricStat,
    Pushed, Sample, StateChange, StateValue, Statistic, StatisticSet, Timestamp, Workspace,
};
use proptest::prelude::*;

/// A sample without its lifetime.
#[derive(Clone, Debug)]
struct Given {
    at_ms: i64,
    value: f64,
    count: f64,
    /// A statistic set of differing values instead of a value.
    set: bool,
    input: usize,
    id: u128,
}

impl Given {
    fn sample(&self, created: Timestamp) -> Sample<'static> {
        let measure = if self.set {
            let sum = self.value * 2.0 + 1.0;
            Measure::Set(StatisticSet {
                sample_count: 2.0,
                sum,
                minimum: self.value,
                maximum: self.value + 1.0,
            })
        } else {
            Measure::Weighted { value: self.value, count: self.count }
        };
        Sample::new(created.plus_millis(self.at_ms), measure).from_record(self.id)
    }
}

fn created() -> Timestamp {
    "2026-09-14T06:00:00Z".parse().unwrap()
}

fn samples() -> impl Strategy<Value = Vec<Given>> {
    let sample = (0i64..3_600_000, -20i32..200, 1u8..4, prop::bool::weighted(0.05), 0usize..2);
    prop::collection::vec(sample, 0..60).prop_map(|samples| {
        let given = |(id, (at_ms, value, count, set, input)): (u128, (i64, i32, u8, bool, usize))| Given {
            at_ms,
            value: f64::from(value) / 10.0,
            count: f64::from(count),
            set,
            input,
            id,
        };
        (0u128..).zip(samples).map(given).collect()
    })
}

fn alarms() -> impl Strategy<Value = (AlarmDefinition, bool)> {
    let statistics = prop::sample::select(vec![
        "Sum",
        "Average",
        "SampleCount",
        "Maximum",
        "p90",
        "TM(10%:90%)",
        "PR(1:5)",
    ]);
    let periods = prop::sample::select(vec![10u32, 20, 30, 60, 120, 300, 900]);
    let operators = prop::sample::select(vec!["GreaterThanThreshold", "LessThanOrEqualToThreshold"]);
    let treatments = prop::sample::select(vec!["missing", "ignore", "breaching", "notBreaching"]);
    (statistics, periods, 1u32..6, 1u32..6, operators, treatments, 0i32..100, any::<[bool; 3]>()).prop_map(
        |(statistic, period, n, m, operator, treatment, threshold, [low, math, clock])| {
            let statistic: Statistic = statistic.parse().unwrap();
            let mut definition = AlarmDefinition {
                evaluation_periods: n,
                datapoints_to_alarm: Some(m.min(n)),
                threshold: Some(f64::from(threshold) / 10.0),
                comparison_operator: operator.to_owned(),
                treat_missing_data: Some(treatment.to_owned()),
                evaluate_low_sample_count_percentile: low.then(|| "ignore".to_owned()),
                ..AlarmDefinition::default()
            };
            if math {
                let query = |id: &str| MetricDataQuery {
                    id: id.to_owned(),
                    metric_stat: Some(MetricStat {
                        metric: Metric::new("n", id),
                        period,
                        stat: statistic,
                        unit: None,
                    }),
                    return_data: Some(false),
                    ..MetricDataQuery::default()
                };
                let expression = if clock {
                    "FILL(m1, 0) + MINUTE(FILL(m2, 0)) / 10"
                } else {
                    "IF(m1 > 2, SUM([m1, m2]), FILL(m2, REPEAT))"
                };
                definition.metrics = vec![
                    query("m1"),
                    query("m2"),
                    MetricDataQuery {
                        id: "e1".to_owned(),
                        expression: Some(expression.to_owned()),
                        ..MetricDataQuery::default()
                    },
                ];
            } else {
                definition.period = Some(period);
                definition.statistic = Some(statistic);
            }
            (definition, math)
        },
    )
}

/// All samples first, then one advance.
fn batch(alarm: &Alarm, samples: &[Given], math: bool) -> (Vec<StateChange>, AlarmState) {
    let mut evaluator = Evaluator::new(alarm.clone(), created());
    for given in samples {
        let input = if math { given.input } else { 0 };
        assert_eq!(evaluator.push_to(input, &given.sample(created())), Pushed::Accepted);
    }
    let changes = evaluator.advance(created().plus_millis(2 * 3_600_000));
    (changes, evaluator.state().clone())
}

/// What happens to an alarm.
#[derive(Clone, Debug)]
enum Step {
    Push(Given),
    Advance,
    Set(StateValue),
}

/// The same state as version 1 stored it: the next evaluation is made, whatever the last one saw.
fn knowing_nothing(state: &AlarmState) -> AlarmState {
    let mut stored = serde_json::to_value(state).unwrap();
    let fields = stored.as_object_mut().unwrap();
    fields.remove("next");
    fields.insert("version".to_owned(), 1.into());
    fields.insert("idle".to_owned(), false.into());
    serde_json::from_value(stored).unwrap()
}

proptest! {
    /// Samples that come before the evaluation that would first see them may come in any order and at any pace, and the
    /// state may be stored and read back at any time.
    #[test]
    fn a_stream_equals_a_batch(
        (definition, math) in alarms(), samples in samples(), delays in prop::collection::vec(0i64..60_000, 60),
        advances in prop::collection::vec(0i64..3_700_000, 0..20),
    ) {
        let alarm = Alarm::new(&definition).unwrap();
        let (expected, expected_state) = batch(&alarm, &samples, math);

        // What happens at which time: a sample arrives, or time is told. A sample is late by at most what its cell allows.
        let grain = i64::from(alarm.period().as_secs().min(60)) * 1000;
        let delay = if math { 0 } else { 10_000 };
        let mut steps: Vec<(i64, Option<usize>)> = advances.iter().map(|&at| (at, None)).collect();
        for (at, given) in samples.iter().enumerate() {
            let latest = (given.at_ms.div_euclid(grain) + 1) * grain + delay - 1;
            steps.push(((given.at_ms + delays[at]).min(latest), Some(at)));
        }
        steps.sort_by_key(|&(at, _)| at);

        let mut evaluator = Evaluator::new(alarm.clone(), created());
        let mut changes = Vec::new();
        for (at, step) in steps {
            match step {
                Some(sample) => {
                    let given = &samples[sample];
                    let input = if math { given.input } else { 0 };
                    prop_assert_eq!(evaluator.push_to(input, &given.sample(created())), Pushed::Accepted);
                }
                None => {
                    changes.extend(evaluator.advance(created().plus_millis(at)));
                    let stored = serde_json::to_string(evaluator.state()).unwrap();
                    evaluator = Evaluator::resume(alarm.clone(), serde_json::from_str(&stored).unwrap());
                }
            }
        }
        changes.extend(evaluator.advance(created().plus_millis(2 * 3_600_000)));
        prop_assert_eq!(changes, expected);
        prop_assert_eq!(evaluator.state(), &expected_state);
    }

    /// Forgetting what has passed and skipping empty evaluations is no more than that: looking afresh at all samples at
    /// every tick gives the same.
    #[test]
    fn advancing_equals_looking_at_every_tick((definition, math) in alarms(), samples in samples()) {
        let alarm = Alarm::new(&definition).unwrap();
        let (changes, _) = batch(&alarm, &samples, math);
        let found: Vec<(Timestamp, StateValue, String)> =
            changes.into_iter().map(|change| (change.at, change.to, change.reason)).collect();

        let mut everything = AlarmState::new(&alarm, created());
        for given in &samples {
            let input = if math { given.input } else { 0 };
            prop_assert_eq!(alarm.push(&mut everything, input, &given.sample(created())), Pushed::Accepted);
        }
        let interval = if alarm.period().is_high_resolution() { 10_000 } else { 60_000 };
        let mut tick = if math || interval == 10_000 { interval } else { 10_000 };
        let mut present = StateValue::InsufficientData;
        let mut expected = Vec::new();
        while tick <= 2 * 3_600_000 {
            let at = created().plus_millis(tick);
            if let (Some(to), evaluation) = alarm.preview(&everything, at)
                && to != present
            {
                expected.push((at, to, alarm.reason(&evaluation, to)));
                present = to;
            }
            tick += interval;
        }
        prop_assert_eq!(found, expected);
    }

    /// Skipping what cannot differ is no more than that: an alarm evaluated every time has the same history of states,
    /// reasons, datapoints and times, whatever arrives late or too late and whatever is set by hand in between.
    #[test]
    fn skipping_equals_evaluating_every_time(
        (definition, math) in alarms(), samples in samples(), delays in prop::collection::vec(0i64..1_200_000, 60),
        sets in prop::collection::vec((0i64..5_000_000, 0usize..3), 0..4),
        advances in prop::collection::vec(0i64..5_000_000, 0..20),
    ) {
        let alarm = Alarm::new(&definition).unwrap();
        let mut steps: Vec<(i64, Step)> = advances.iter().map(|&at| (at, Step::Advance)).collect();
        steps.extend(samples.iter().zip(&delays).map(|(given, delay)| (given.at_ms + delay, Step::Push(given.clone()))));
        let states = [StateValue::Ok, StateValue::Alarm, StateValue::InsufficientData];
        steps.extend(sets.iter().map(|&(at, to)| (at, Step::Set(states[to]))));
        steps.push((3 * 3_600_000, Step::Advance));
        steps.sort_by_key(|&(at, _)| at);

        let (mut skipping, mut thorough) = (AlarmState::new(&alarm, created()), AlarmState::new(&alarm, created()));
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        let mut workspace = Workspace::default();
        let mut told = 0;
        for (at, step) in steps {
            let now = created().plus_millis(at);
            // All evaluations up to now one by one, each by a state that does not know what may be skipped.
            while told < at {
                told = (told + 10_000).min(at);
                thorough = knowing_nothing(&thorough);
                alarm.advance(&mut thorough, created().plus_millis(told), &mut workspace, &mut expected);
            }
            let (skips, looks) = (&mut skipping, &mut thorough);
            match step {
                Step::Advance => alarm.advance(skips, now, &mut workspace, &mut found),
                Step::Push(given) => {
                    let input = if math { given.input } else { 0 };
                    // What is too late depends on how far time was told.
                    alarm.advance(skips, now, &mut workspace, &mut found);
                    let sample = given.sample(created());
                    prop_assert_eq!(alarm.push(skips, input, &sample), alarm.push(looks, input, &sample));
                }
                Step::Set(state) => {
                    let set = || ManualState { state, reason: "by hand".to_owned(), reason_data: None };
                    alarm.set_state(skips, set(), now, &mut workspace, &mut found);
                    alarm.set_state(looks, set(), now, &mut workspace, &mut expected);
                }
            }
            prop_assert_eq!(skipping.state(), thorough.state());
        }
        prop_assert_eq!(found, expected);
    }

    /// What the evaluator says equals a plain reading of the rules: buckets from raw samples, no cells, no state.
    #[test]
    fn the_evaluator_equals_a_plain_reading((definition, math) in alarms(), samples in samples(), at_s in 60i64..4000) {
        prop_assume!(!math);
        let alarm = Alarm::new(&definition).unwrap();
        let mut state = AlarmState::new(&alarm, created());
        for given in &samples {
            prop_assert_eq!(alarm.push(&mut state, 0, &given.sample(created())), Pushed::Accepted);
        }
        let now = created().plus_millis(at_s * 1000);
        let (_, evaluation) = alarm.preview(&state, now);

        let period = i64::from(alarm.period().as_secs()) * 1000;
        let (grain, extra) = match period {
            10_000 | 20_000 | 30_000 => (period, 60_000 / period),
            60_000 => (60_000, 4),
            _ => (60_000, 2),
        };
        let end = (now.as_millis() - 10_000).div_euclid(grain) * grain;
        let statistic = definition.statistic.unwrap();
        let mut expected = Vec::new();
        for age in 0..i64::from(definition.evaluation_periods) + extra {
            let start = end - (age + 1) * period;
            let inside: Vec<Sample<'_>> = samples
                .iter()
                .map(|given| given.sample(created()))
                .filter(|sample| (start..start + period).contains(&sample.timestamp.as_millis()))
                // One bucket, whatever its alignment: moved to the epoch.
                .map(|sample| Sample { timestamp: Timestamp::from_millis(0), ..sample })
                .collect();
            let (from, to) = (Timestamp::from_millis(0), Timestamp::from_millis(period));
            let value = alarm::statistics(&inside, alarm.period(), from, to, statistic);
            if let [(_, value)] = value.as_slice() {
                expected.push((start, value.to_bits()));
            }
        }
        expected.truncate(definition.evaluation_periods as usize);
        let found: Vec<(i64, u64)> =
            evaluation.points.iter().map(|point| (point.timestamp.as_millis(), point.value.to_bits())).collect();
        prop_assert_eq!(found, expected);
    }

    /// The records of an ALARM are those of its breaching datapoints, all counted.
    #[test]
    fn records_are_those_of_the_breaching_datapoints((definition, math) in alarms(), samples in samples()) {
        prop_assume!(!math);
        let alarm = Alarm::new(&definition).unwrap();
        let period = i64::from(alarm.period().as_secs()) * 1000;
        for change in batch(&alarm, &samples, false).0 {
            if change.to != StateValue::Alarm {
                continue;
            }
            let breaching = change.datapoints.iter().filter(|point| point.verdict == alarm::Verdict::Breaching);
            let starts: Vec<i64> = breaching.map(|point| point.timestamp.as_millis()).collect();
            let mut expected: Vec<u128> = samples
                .iter()
                .filter(|given| {
                    let at = created().as_millis() + given.at_ms;
                    starts.iter().any(|start| (*start..start + period).contains(&at))
                })
                .map(|given| given.id)
                .collect();
            expected.sort_unstable();
            let mut found: Vec<u128> = change.records.ids.iter().map(|id| id.as_u128()).collect();
            prop_assert_eq!(change.records.count, found.len() as u64);
            found.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }

    /// Whatever the text, parsing ends and does not panic; a rule that parses survives printing.
    #[test]
    fn parsers_survive_anything(text in r#"([a-z0-9.%"'\\ ()\[\],:<>=!&|+*/^-]|ALARM|AT_LEAST|NOT|AND|OR|TRUE|OK|SUM|FILL|m1|é){0,40}"#) {
        if let Ok(rule) = text.parse::<AlarmRule>() {
            prop_assert_eq!(rule.as_str(), text.as_str());
        }
        let _ = text.parse::<Statistic>();
        let stat = MetricStat { metric: Metric::new("n", "m"), period: 60, stat: Statistic::Sum, unit: None };
        let definition = AlarmDefinition {
            evaluation_periods: 2,
            threshold: Some(1.0),
            comparison_operator: "GreaterThanThreshold".to_owned(),
            metrics: vec![
                MetricDataQuery { id: "m1".to_owned(), metric_stat: Some(stat), return_data: Some(false), ..MetricDataQuery::default() },
                MetricDataQuery { id: "e1".to_owned(), expression: Some(text), ..MetricDataQuery::default() },
            ],
            ..AlarmDefinition::default()
        };
        if let Ok(alarm) = Alarm::new(&definition) {
            let mut state = AlarmState::new(&alarm, created());
            let sample = Sample::new(created(), Measure::Value(1.0));
            prop_assert_eq!(alarm.push(&mut state, 0, &sample), Pushed::Accepted);
            let _ = alarm.preview(&state, created().plus_millis(60_000));
        }
    }

    /// Composite alarms that refer only to earlier ones end where evaluating their rules in order would put them.
    #[test]
    fn composites_settle_where_their_rules_say(
        rules in prop::collection::vec((0usize..6, 0usize..6, 0usize..4), 1..6),
        flips in prop::collection::vec((0usize..3, any::<bool>()), 0..12),
    ) {
        let mut set = CompositeAlarms::new(Home::new("us-east-1", "123456789012"));
        let mut children = BTreeMap::new();
        for child in ["z0", "z1", "z2"] {
            set.set_child(child, StateValue::Ok, created());
            children.insert(child.to_owned(), StateValue::Ok);
        }
        let mut written = Vec::new();
        for (at, (left, right, shape)) in rules.iter().enumerate() {
            // Names run backwards, so that the order of names is not the order of dependency.
            let name = |n: usize| if n < 3 || n - 3 >= at { format!("z{}", n % 3) } else { format!("c{}", 20 - (n - 3)) };
            let (left, right) = (name(*left), name(*right));
            let rule = match shape {
                0 => format!("ALARM({left}) AND NOT ALARM({right})"),
                1 => format!("ALARM({left}) OR OK({right})"),
                2 => format!("AT_LEAST(1, NOT OK, ({left}, {right}))"),
                _ => format!("NOT (ALARM({left}) AND OK({right}))"),
            };
            let definition = CompositeDefinition {
                alarm_name: format!("c{}", 20 - at), alarm_rule: rule.clone(), ..CompositeDefinition::default()
            };
            set.put(&definition, created()).unwrap();
            written.push((definition.alarm_name, rule));
        }
        for (step, (child, alarm)) in (1i64..).zip(flips) {
            let state = if alarm { StateValue::Alarm } else { StateValue::Ok };
            set.set_child(&format!("z{child}"), state, created().plus_millis(step));
            children.insert(format!("z{child}"), state);
            let mut states = children.clone();
            for (name, rule) in &written {
                let rule: AlarmRule = rule.parse().unwrap();
                let holds = rule.holds(|reference| states.get(reference).copied().unwrap_or_default());
                states.insert(name.clone(), if holds { StateValue::Alarm } else { StateValue::Ok });
                prop_assert_eq!(set.get(name).unwrap().state(), states[name], "{} is {}", name, rule.as_str());
            }
        }
    }
}
