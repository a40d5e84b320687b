//! Every pattern of good, bad and missing periods an alarm can see, against the rules written down once more and plainly: the state,
//! the words of its reason, and what its reason data lists.

#![expect(clippy::unwrap_used, reason = "in a test a wrong fixture may panic, in its helpers too")]

use alarm::{Alarm, AlarmDefinition, AlarmState, Measure, Pushed, Sample, StateValue, Statistic, Timestamp};
use serde_json::{Value, json};

/// Operator, its words, and a value on either side of the threshold of 5: one that does not breach, and one that does.
const OPERATORS: [(&str, &str, f64, f64); 4] = [
    ("GreaterThanThreshold", "greater than", 5.0, 5.5),
    ("GreaterThanOrEqualToThreshold", "greater than or equal to", 4.25, 5.0),
    ("LessThanThreshold", "less than", 5.0, 0.001),
    ("LessThanOrEqualToThreshold", "less than or equal to", 1e7, 5.0),
];
/// Periods in seconds, and how many more than the evaluation periods are looked at.
const PERIODS: [(u32, u32); 5] = [(10, 6), (20, 3), (30, 2), (60, 4), (300, 2)];
const TREATMENTS: [&str; 4] = ["missing", "ignore", "breaching", "notBreaching"];

/// One alarm: N, M, and the rest of what decides.
#[derive(Clone, Copy, Debug)]
struct Case {
    n: usize,
    m: usize,
    /// Whether M is written down.
    long: bool,
    treatment: &'static str,
    operator: (&'static str, &'static str, f64, f64),
    period: u32,
}

/// A datapoint: how many periods ago its bucket began, and whether it breaches.
type Point = (usize, bool);

impl Case {
    fn alarm(&self) -> Alarm {
        Alarm::new(&AlarmDefinition {
            statistic: Some(Statistic::Average),
            period: Some(self.period),
            evaluation_periods: u32::try_from(self.n).unwrap(),
            datapoints_to_alarm: self.long.then(|| u32::try_from(self.m).unwrap()),
            threshold: Some(5.0),
            comparison_operator: self.operator.0.to_owned(),
            treat_missing_data: Some(self.treatment.to_owned()),
            ..AlarmDefinition::default()
        })
        .unwrap()
    }

    fn decision(&self, points: &[Point]) -> Option<StateValue> {
        let bad = points.iter().filter(|(_, bad)| *bad).count();
        let good = points.len() - bad;
        if bad >= self.m {
            return Some(StateValue::Alarm);
        }
        if good > self.n - self.m {
            return Some(StateValue::Ok);
        }
        match self.treatment {
            "breaching" => Some(StateValue::Alarm),
            "notBreaching" => Some(StateValue::Ok),
            "ignore" => (good > 0).then_some(StateValue::Ok),
            _ if points.is_empty() => Some(StateValue::InsufficientData),
            _ if good > 0 => Some(StateValue::Ok),
            _ if points.iter().any(|(age, bad)| *bad && *age >= self.m) => Some(StateValue::Alarm),
            _ => Some(StateValue::InsufficientData),
        }
    }

    /// None where nobody knows what the service says: it is led by missing datapoints, and has others that say the contrary.
    fn reason(&self, state: StateValue, points: &[Point], end: Timestamp) -> Option<String> {
        let Case { n, long, .. } = *self;
        let count =
            |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
        let was = |number: usize| if number == 1 { "was" } else { "were" };
        let missing = n - points.len();
        if state == StateValue::InsufficientData {
            return Some(format!(
                "Insufficient Data: {} {} unknown.",
                count(missing, "datapoint"),
                was(missing)
            ));
        }
        let treated = match self.treatment {
            "breaching" => " treated as [Breaching]",
            "notBreaching" => " treated as [NonBreaching]",
            _ => "",
        };
        let treated = if treated.is_empty() || missing == 0 {
            String::new()
        } else {
            format!(" and {} {}{treated}", count(missing, "missing datapoint"), was(missing))
        };
        let bad = state == StateValue::Alarm;
        let listed: Vec<usize> = points.iter().filter(|point| point.1 == bad).map(|point| point.0).collect();
        if points.is_empty() {
            return Some(format!(
                "Threshold Crossed: no datapoints were received for {}{treated}.",
                count(n, "period")
            ));
        }
        if listed.is_empty() {
            return None;
        }
        let value = match if bad { self.operator.3 } else { self.operator.2 } {
            value if value >= 1e7 => "1.0E7".to_owned(),
            value => format!("{value:?}"),
        };
        let shown: Vec<String> = listed
            .iter()
            .map(|age| {
                let begin = begin(end, self.period, *age).to_string();
                // 2026-09-14T06:00:00.000+0000
                format!("{value} ({}/{}/{} {})", &begin[8..10], &begin[5..7], &begin[2..4], &begin[11..19])
            })
            .collect();
        let found = if long {
            format!("{} out of the last {n} datapoints", listed.len())
        } else {
            count(listed.len(), "datapoint")
        };
        let needed = if bad { self.m } else { n - self.m + 1 };
        let least = if long {
            let transition = if bad { "OK -> ALARM" } else { "ALARM -> OK" };
            format!(" (minimum {} for {transition} transition)", count(needed, "datapoint"))
        } else {
            String::new()
        };
        let not = if bad { "" } else { "not " };
        Some(format!(
            "Threshold Crossed: {found} [{}] {} {not}{} the threshold (5.0){treated}{least}.",
            shown.join(", "),
            was(listed.len()),
            self.operator.1
        ))
    }

    fn reason_data(
        &self,
        state: StateValue,
        points: &[Point],
        end: Timestamp,
        now: Timestamp,
        range: usize,
    ) -> Value {
        let begin = |age: usize| begin(end, self.period, age).to_string();
        let value = |bad: bool| if bad { self.operator.3 } else { self.operator.2 };
        let mut data = json!({
            "version": "1.0", "queryDate": now.to_string(), "statistic": "Average", "period": self.period, "threshold": 5.0,
        });
        let (newest, oldest) = (points.first(), points.last());
        if let Some((age, _)) = oldest {
            data["startDate"] = json!(begin(*age));
        }
        let span = newest.zip(oldest).map(|(newest, oldest)| newest.0..=oldest.0);
        let recent = span.into_iter().flatten().rev();
        let recent = recent.map(|age| points.iter().find(|point| point.0 == age).map(|point| value(point.1)));
        data["recentDatapoints"] = json!(recent.collect::<Vec<_>>());
        let (bad, needed) = match state {
            StateValue::Alarm => (Some(true), self.m),
            StateValue::Ok => (Some(false), self.n - self.m + 1),
            StateValue::InsufficientData => (None, self.m),
        };
        let justify =
            points.iter().filter(|point| Some(point.1) == bad).map(|point| (point.0, Some(point.1)));
        let missing =
            (1..=range).filter(|age| points.iter().all(|point| point.0 != *age)).map(|age| (age, None));
        let mut listed: Vec<(usize, Option<bool>)> =
            justify.take(needed).chain(missing).take(needed).collect();
        listed.sort_by_key(|(age, _)| *age);
        let listed = listed.into_iter().map(|(age, bad)| match bad {
            Some(bad) => json!({ "timestamp": begin(age), "sampleCount": 1.0, "value": value(bad) }),
            None => json!({ "timestamp": begin(age) }),
        });
        data["evaluatedDatapoints"] = listed.collect();
        data
    }
}

fn begin(end: Timestamp, period: u32, age: usize) -> Timestamp {
    end.plus_millis(-i64::try_from(age).unwrap() * i64::from(period) * 1_000)
}

#[test]
fn every_pattern_of_datapoints_is_decided_and_told_by_the_rules() {
    let created: Timestamp = "2026-09-14T03:00:00Z".parse().unwrap();
    let end: Timestamp = "2026-09-14T06:00:00Z".parse().unwrap();
    let now = end.plus_millis(10_000);
    let mut operators = OPERATORS.into_iter().cycle();
    let (mut seen, mut decided, mut worded) = (0_u32, [0_u32; 4], 0_u32);
    for (period, extra) in PERIODS {
        for (n, m) in [(1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (3, 3)] {
            let range = n + extra as usize;
            for (treatment, long) in
                TREATMENTS.into_iter().flat_map(|treatment| [(treatment, true), (treatment, m != n)])
            {
                let case = Case { n, m, long, treatment, operator: operators.next().unwrap(), period };
                let alarm = case.alarm();
                // Of the many patterns of long ranges some.
                for pattern in
                    (0..3_u32.pow(u32::try_from(range).unwrap())).step_by(if range > 6 { 11 } else { 1 })
                {
                    let mut state = AlarmState::new(&alarm, created);
                    let mut points: Vec<Point> = Vec::new();
                    for age in 1..=range {
                        let what = pattern / 3_u32.pow(u32::try_from(age - 1).unwrap()) % 3;
                        if what == 0 {
                            continue;
                        }
                        let value = if what == 2 { case.operator.3 } else { case.operator.2 };
                        let at = begin(end, period, age).plus_millis(5_000);
                        let sample = Sample::new(at, Measure::Value(value));
                        assert_eq!(alarm.push(&mut state, 0, &sample), Pushed::Accepted);
                        if points.len() < n {
                            points.push((age, what == 2));
                        }
                    }
                    let (to, evaluation) = alarm.preview(&state, now);
                    assert_eq!(to, case.decision(&points), "{case:?} {points:?}");
                    seen += 1;
                    decided[to.map_or(3, |to| to as usize)] += 1;
                    let Some(to) = to else { continue };
                    if let Some(reason) = case.reason(to, &points, end) {
                        assert_eq!(alarm.reason(&evaluation, to), reason, "{case:?} {points:?}");
                        worded += 1;
                    }
                    let data: Value = serde_json::from_str(&alarm.reason_data(&evaluation, to)).unwrap();
                    assert_eq!(data, case.reason_data(to, &points, end, now, range), "{case:?} {points:?}");
                }
            }
        }
    }
    assert!(
        seen > 20_000 && worded > 20_000 && decided.iter().all(|times| *times > 20),
        "{seen} {worded} {decided:?}"
    );
}
