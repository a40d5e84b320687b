//! What a rule says of some events, and of its own firing tests, as findings: for whoever wants to know what would be told.

use std::time::Duration;

use cloudtrail::EventTime;
use context::Context;
use rules::{Course, EventView, Files, Rule, RuleSet, RuleTest, Timeline};

use super::{Trial, involved};
use crate::State;
use crate::finding::Finding;

/// What a rule says of events, each finding in its latest revision. `rules` is the set the rule stands in, and the events come in order of time.
pub fn findings_of(rules: &RuleSet, rule: &Rule, events: Vec<EventView>, context: &Context) -> Vec<Finding> {
    let Some(start) = events.iter().map(EventView::time).min() else { return Vec::new() };
    let involved = involved(rules, rule);
    let timeline = Timeline { start, lateness: Duration::ZERO, steps: Vec::new() };
    let no_files = rules::MemoryFiles::default();
    let mut trial = Trial::new(&involved, rule, &timeline, context, &no_files);
    trial.told = Some(Vec::new());
    for event in events {
        trial.clock = since(start, event.time());
        trial.events += 1;
        trial.take(event);
    }
    latest(trial.told.unwrap_or_default())
}

/// What a rule says of one of its own tests, each finding as it last stood: nothing of one that is about silence.
pub fn test_findings(
    rules: &RuleSet,
    rule: &Rule,
    test: &RuleTest,
    context: &Context,
    files: &dyn Files,
) -> Vec<Finding> {
    let context = test.context(context);
    match &test.course {
        Course::Event(of_event) if of_event.fires => {
            let view = of_event.event.view(files);
            view.map_or(Vec::new(), |view| findings_of(rules, rule, vec![view], &context))
        }
        Course::Event(_) => Vec::new(),
        Course::Steps(timeline) => {
            let involved = involved(rules, rule);
            let mut trial = Trial::new(&involved, rule, timeline, &context, files);
            trial.told = Some(Vec::new());
            // A test that cannot be run to its end fails elsewhere.
            let _ = trial.run(timeline);
            latest(trial.told.unwrap_or_default())
        }
    }
}

fn since(start: EventTime, time: EventTime) -> Duration {
    let micros = time.as_micros().saturating_sub(start.as_micros());
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// The last revision of each in which it stands, or else the last: what people hear of first, also where it is over by the end of the test.
fn latest(told: Vec<Finding>) -> Vec<Finding> {
    let mut latest: Vec<Finding> = Vec::new();
    for finding in told {
        match latest.iter_mut().find(|one| one.id == finding.id) {
            Some(one) if one.detail.state == State::Firing && finding.detail.state != State::Firing => {}
            Some(one) => *one = finding,
            None => latest.push(finding),
        }
    }
    latest
}
