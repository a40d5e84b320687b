//! Routes with hours across clock changes, zones and holidays: the cases are in `hours.yaml`.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use context::{Holidays, WeeklySchedule};
use jiff::Timestamp;
use route::{
    Desk, During, FindingEvent, FindingOutcome, Otherwise, Policy, Repeats, RouteDefinition, Routes,
    TargetName,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    hours: Hours,
    #[serde(default)]
    holidays: Vec<String>,
    at: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hours {
    days: String,
    from: String,
    to: String,
    zone: String,
}

fn policy(case: &Case) -> Policy {
    let Hours { days, from, to, zone } = &case.hours;
    let mut schedule = WeeklySchedule::parse(days, from, to, zone).unwrap();
    if !case.holidays.is_empty() {
        let days: Holidays = case.holidays.iter().map(|day| day.parse().unwrap()).collect();
        schedule = schedule.except(Arc::new(days));
    }
    let never = Repeats { count: None, severity: None, to: Vec::new() };
    let during = During { name: "hours".into(), schedule };
    let definition = RouteDefinition {
        to: vec!["people".to_owned()],
        during: Some((during, Otherwise::Hold(never))),
        ..RouteDefinition::default()
    };
    let people = TargetName::new("people").unwrap();
    let mut policy =
        Policy::from(Routes::compile(&[definition], std::slice::from_ref(&people), &[]).unwrap());
    policy.fold.targets.insert(people);
    policy
}

#[test]
fn what_is_held_is_told_when_the_hours_begin() {
    let cases: Vec<Case> = serde_saphyr::from_str(include_str!("hours.yaml")).unwrap();
    let finding =
        r#"{"id": "f", "source": "trailhound", "detail-type": "Trailhound Finding", "detail": {"count": 1}}"#;
    let finding = FindingEvent::parse(finding).unwrap();
    let mut asked = 0;
    for case in &cases {
        let policy = policy(case);
        for (at, follows) in &case.at {
            asked += 1;
            let place = format!("{} at {at}", case.name);
            let now: Timestamp = at.parse().unwrap();
            let mut desk = Desk::default();
            let taken = desk.take(&policy, &finding, now);
            if follows == "now" {
                assert_eq!((taken.outcome, taken.errands.len()), (FindingOutcome::Sent, 1), "{place}");
                continue;
            }
            let opens: Timestamp = follows.parse().unwrap();
            assert_eq!((taken.outcome, taken.errands.len()), (FindingOutcome::Held, 0), "{place}");
            assert_eq!(desk.next(), Some(opens), "{place}");
            let before = opens.checked_sub(jiff::SignedDuration::from_millis(1)).unwrap();
            assert_eq!(desk.tick(&policy, before), [], "{place}");
            assert_eq!(desk.tick(&policy, opens).len(), 1, "{place}");
        }
    }
    assert!(asked > 30, "{asked} times");
}
