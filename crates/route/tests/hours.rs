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

fn policy(case: &Case, otherwise: Otherwise) -> Policy {
    let Hours { days, from, to, zone } = &case.hours;
    let mut schedule = WeeklySchedule::parse(days, from, to, zone).unwrap();
    if !case.holidays.is_empty() {
        let days: Holidays = case.holidays.iter().map(|day| day.parse().unwrap()).collect();
        schedule = schedule.except(Arc::new(days));
    }
    let during = During { name: "hours".into(), schedule };
    let definition = RouteDefinition {
        to: vec!["people".to_owned()],
        during: Some((during, otherwise)),
        ..RouteDefinition::default()
    };
    let targets = ["people", "others"].map(|name| TargetName::new(name).unwrap());
    let mut policy = Policy::from(Routes::compile(&[definition], &targets, &targets).unwrap());
    policy.fold.targets.extend(targets);
    policy
}

fn cases() -> Vec<Case> {
    serde_saphyr::from_str(include_str!("hours.yaml")).unwrap()
}

/// One of two findings of one conversation.
fn finding(id: &str) -> FindingEvent {
    let json = format!(
        r#"{{"id": "{id}", "source": "trailhound", "detail-type": "Trailhound Finding", "detail": {{"count": 1}}}}"#
    );
    FindingEvent::parse(&json).unwrap()
}

/// Held for good, or told as soon as it has come so often.
fn hold(count: Option<u32>, to: &[&str]) -> Otherwise {
    Otherwise::Hold(Repeats { count, severity: None, to: to.iter().map(|to| (*to).to_owned()).collect() })
}

#[test]
fn what_is_held_is_told_when_the_hours_begin() {
    let finding = finding("f");
    let mut asked = 0;
    for case in &cases() {
        let policy = policy(case, hold(None, &[]));
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
    assert!(asked > 70, "{asked} times");
}

#[test]
fn outside_of_hours_it_is_dropped_or_told_to_others_or_told_when_it_repeats() {
    for case in &cases() {
        for (at, follows) in &case.at {
            let now: Timestamp = at.parse().unwrap();
            let inside = follows == "now";
            // What becomes of the first and of the second finding outside of the hours, and who is told.
            for (otherwise, outcomes, told) in [
                (Otherwise::Drop, [FindingOutcome::Dropped, FindingOutcome::Dropped], vec![]),
                (
                    Otherwise::To(vec!["others".to_owned()]),
                    [FindingOutcome::Sent, FindingOutcome::Folded],
                    vec!["others"],
                ),
                (hold(Some(2), &[]), [FindingOutcome::Held, FindingOutcome::Sent], vec!["people"]),
                (hold(Some(2), &["others"]), [FindingOutcome::Held, FindingOutcome::Sent], vec!["others"]),
                (hold(Some(3), &["others"]), [FindingOutcome::Held, FindingOutcome::Held], vec![]),
            ] {
                let place = format!("{} at {at} with {otherwise:?}", case.name);
                let policy = policy(case, otherwise);
                let mut desk = Desk::default();
                let taken = ["f", "g"].map(|id| desk.take(&policy, &finding(id), now));
                let wanted = if inside { [FindingOutcome::Sent, FindingOutcome::Folded] } else { outcomes };
                assert_eq!(taken.each_ref().map(|taken| taken.outcome), wanted, "{place}");
                let targets: Vec<&str> = taken
                    .iter()
                    .flat_map(|taken| &taken.errands)
                    .map(|errand| errand.target.as_str())
                    .collect();
                assert_eq!(targets, if inside { vec!["people"] } else { told }, "{place}");
            }
        }
    }
}
