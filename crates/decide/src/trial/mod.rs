//! Tests in steps: a rule's events and progress on a virtual clock, through the engine that a service runs.
//!
//! What a test sees is what a service would say: findings early and then settled, revised and resolved. The selectors are
//! asked by their reference matchers, one by one. The clock starts where the test says, follows the steps and nothing else,
//! and never goes back: an event dated before it arrives late.

mod compare;
mod explain;
mod findings;

use std::time::Duration;

use cloudtrail::{AccountId, EventId, EventTime, Region};
use context::Context;
use rules::{
    Action, Course, Decision, EventView, Files, KnownBy, ProgressStep, Rule, RuleSet, RuleTest, Seen,
    TestEvent, TestOutcome, TestStep, Timeline,
};
use rustc_hash::FxHashMap;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::engine::{Engine, Settings};
use crate::finding::Finding;
use crate::incident::Incident;
use crate::judge::{Judgement, judge};
use crate::progress::{Evidence, Lane, Lateness, Progress, SourceClass};
use crate::signal::{RecordHandle, Signal};
use crate::trial::compare::Said;

pub use explain::explain_over_time;
pub use findings::{findings_of, test_findings};

/// The most events a test may let happen: a test that takes longer is no test.
const EVENTS_MAX: u32 = 200_000;

/// How a test's own time is written: after its start.
#[derive(Clone, Copy)]
struct Offset(Duration);

/// Runs one test of a rule, whether of a single event or in steps. `rules` is the set the rule stands in: an alarm is tested
/// with the documents that publish its metrics, a composite alarm with its children.
pub fn run_test(
    rules: &RuleSet,
    rule: &Rule,
    test: &RuleTest,
    context: &Context,
    files: &dyn Files,
) -> TestOutcome {
    if let Some(outcome) = rule.run_test(test, context, files) {
        return outcome;
    }
    let mut outcome = TestOutcome::of(rule, test);
    if let Course::Steps(timeline) = &test.course {
        let context = test.context(context);
        let involved = involved(rules, rule);
        let mut trial = Trial::new(&involved, rule, timeline, &context, files);
        match trial.run(timeline) {
            Ok(()) => trial.leftover(),
            Err(failure) => trial.failures.push(failure),
        }
        (outcome.failures, outcome.said) = (trial.failures, trial.lines);
    }
    outcome
}

/// The rule with what it listens to.
fn involved(rules: &RuleSet, rule: &Rule) -> RuleSet {
    let mut wanted = vec![rule.id.clone()];
    let mut next = 0;
    while let Some(one) = wanted.get(next).and_then(|id| rules.get(id.as_str())) {
        next += 1;
        let named: Vec<&str> = one.alarm_references().collect();
        let watched: Vec<&alarm::Metric> = match &one.decision {
            Decision::Alarm(alarm) if alarm.publishes.is_none() => {
                alarm.alarm.inputs().iter().filter_map(|input| input.metric.as_ref()).collect()
            }
            _ => Vec::new(),
        };
        for other in rules.iter().filter(|other| !wanted.contains(&other.id)).cloned().collect::<Vec<_>>() {
            let publishes = other.publishes().is_some_and(|published| {
                let definition = &published.definition;
                watched.iter().any(|metric| {
                    metric.namespace == definition.metric_namespace
                        && metric.metric_name == definition.metric_name
                })
            });
            if publishes || other.alarm_name().is_some_and(|name| named.contains(&name)) {
                wanted.push(other.id.clone());
            }
        }
    }
    rules.filtered(|other| wanted.contains(&other.id))
}

struct Trial<'t> {
    rules: &'t RuleSet,
    rule: &'t Rule,
    /// The rule's place in the set.
    place: u32,
    context: &'t Context,
    files: &'t dyn Files,
    engine: Engine,
    start: EventTime,
    clock: Duration,
    events: u32,
    /// Every event that counted, by the number its signals have.
    records: FxHashMap<u64, EventView>,
    /// What was said since the last expectation: each finding in its latest revision, in the order first said.
    fresh: Vec<Said>,
    /// All that was said, for a person.
    lines: Vec<String>,
    failures: Vec<String>,
    /// All findings, where somebody wants them.
    told: Option<Vec<Finding>>,
}

impl<'t> Trial<'t> {
    fn new(
        rules: &'t RuleSet,
        rule: &'t Rule,
        timeline: &Timeline,
        context: &'t Context,
        files: &'t dyn Files,
    ) -> Self {
        let late = timeline.lateness;
        let lateness = Lateness { eventbridge: late, logs: late, s3: late };
        let settings = Settings { durable: false, ..Settings::live(timeline.start, lateness) };
        let place = rules.index(rule.id.as_str()).and_then(|place| u32::try_from(place).ok());
        Trial {
            rules,
            rule,
            place: place.unwrap_or(u32::MAX),
            context,
            files,
            engine: Engine::new(rules, context, settings),
            start: timeline.start,
            clock: Duration::ZERO,
            events: 0,
            records: FxHashMap::default(),
            fresh: Vec::new(),
            lines: Vec::new(),
            failures: Vec::new(),
            told: None,
        }
    }

    /// Goes through the steps; ends early, with why, where a step cannot be done.
    fn run(&mut self, timeline: &Timeline) -> Result<(), String> {
        self.hear();
        for (number, step) in (1..).zip(&timeline.steps) {
            match &step.action {
                Action::Event { event, at, times, every } => {
                    let at = at.unwrap_or(self.clock);
                    self.happen(number, step, event, at, *times, *every)?;
                }
                Action::Progress(progress) => {
                    self.progress(progress).map_err(|why| failed(number, step, &why))?;
                }
                Action::Expect(expected) => {
                    let said = std::mem::take(&mut self.fresh);
                    let failures = compare::failures(expected, &said);
                    let clock = Offset(self.clock);
                    self.failures.extend(
                        failures.iter().map(|why| failed(number, step, &format!("at {clock}: {why}"))),
                    );
                }
            }
        }
        Ok(())
    }

    /// What was said after the last expectation was not expected either.
    fn leftover(&mut self) {
        for said in &self.fresh {
            self.failures.push(format!("after the last expectation, the rule said: {said}"));
        }
    }

    fn happen(
        &mut self,
        number: usize,
        step: &TestStep,
        event: &TestEvent,
        at: Duration,
        times: u32,
        every: Duration,
    ) -> Result<(), String> {
        for repetition in 1..=times {
            self.events += 1;
            if self.events > EVENTS_MAX {
                return Err(failed(number, step, &format!("a test has at most {EVENTS_MAX} events")));
            }
            let offset = at.saturating_add(every.saturating_mul(repetition - 1));
            let time = self.time(offset);
            let name = format!("test-event-{number}");
            let view = event
                .happening(self.files, time, &name, repetition)
                .map_err(|error| failed(number, step, &error.to_string()))?;
            self.clock = self.clock.max(offset);
            self.take(view);
        }
        Ok(())
    }

    /// One event arrives.
    fn take(&mut self, view: EventView) {
        let now = self.time(self.clock);
        let text = |name: &str| view.json().get(name).and_then(Value::as_str).unwrap_or_default();
        let lane = Lane {
            account: AccountId::from_bytes(text("account").as_bytes()),
            region: text("region").parse().ok(),
            class: SourceClass::S3,
        };
        self.engine.hear(lane, view.time(), now);
        let record = u64::from(self.events);
        offer(&mut self.engine, self.rules, &view, now, RecordHandle(record), self.context);
        self.records.insert(record, view);
        self.engine.advance();
        self.hear();
    }

    fn progress(&mut self, progress: &ProgressStep) -> Result<(), String> {
        self.clock = self.clock.max(progress.to);
        let (to, now) = (self.time(progress.to), self.time(self.clock));
        let account = progress.account.as_deref();
        let account = account
            .map(|text| {
                AccountId::from_bytes(text.as_bytes()).ok_or(format!("`{text}` is no account's number"))
            })
            .transpose()?;
        let region = progress.region.as_deref();
        let region: Option<Region> = region
            .map(|text| text.parse().map_err(|_| format!("`{text}` is no region's name")))
            .transpose()?;
        let wanted = |lane: &Lane| {
            account.is_none_or(|account| lane.account == Some(account))
                && region.is_none_or(|region| lane.region == Some(region))
        };
        let mut lanes: Vec<Lane> = self.engine.lanes().iter().filter(wanted).collect();
        if lanes.is_empty() {
            // Nothing was heard of it yet: this is the first there is.
            lanes.push(Lane { account, region, class: SourceClass::S3 });
        }
        let evidence = match progress.by {
            KnownBy::Event => Evidence::Event,
            KnownBy::Digest => Evidence::Digest,
            KnownBy::Listing => Evidence::Listing,
            KnownBy::Assumed => Evidence::Assumed,
        };
        for lane in lanes {
            self.engine.progress(Progress { lane, to, evidence }, now);
        }
        self.engine.advance();
        self.hear();
        Ok(())
    }

    /// Takes what the engine said since the last time.
    fn hear(&mut self) {
        let clock = Offset(self.clock);
        for incident in self.engine.drain() {
            if incident.rule != self.place {
                continue;
            }
            let finding = self.finding(&incident);
            if let Some(told) = &mut self.told {
                told.push(finding.clone());
            }
            let said = Said::of(finding);
            self.lines.push(format!("{clock} {said}"));
            match self.fresh.iter_mut().find(|earlier| earlier.id == said.id) {
                Some(earlier) => *earlier = said,
                None => self.fresh.push(said),
            }
        }
    }

    fn finding(&self, incident: &Incident) -> Finding {
        let views: Vec<&EventView> =
            incident.records.iter().filter_map(|record| self.records.get(&record.0)).collect();
        let records = views.iter().filter_map(|view| {
            let text = view.record().map_or_else(|| view.json().to_string(), str::to_owned);
            RawValue::from_string(text).ok()
        });
        let records = records.collect();
        Finding::new(incident, self.rule, views.first().copied().map(Seen::from), records, self.context)
    }

    fn time(&self, offset: Duration) -> EventTime {
        let micros = i64::try_from(offset.as_micros()).unwrap_or(i64::MAX);
        EventTime::from_micros(self.start.as_micros().saturating_add(micros))
    }
}

/// Offers an event to all rules of a set; the log got it `now`.
fn offer(
    engine: &mut Engine,
    rules: &RuleSet,
    view: &EventView,
    now: EventTime,
    record: RecordHandle,
    context: &Context,
) {
    let logged = now.max(view.time());
    let event = EventId::new(view.json().get("id").and_then(Value::as_str).unwrap_or_default());
    for (place, rule) in (0..).zip(rules.iter()) {
        let steps: Vec<u8> =
            rule.selectors().filter(|(_, selector)| selector.matches(view)).map(|(step, _)| step).collect();
        if steps.is_empty() && rule.publishes().is_some() {
            engine.take_unmatched(place, rule.time().of(view.time(), logged), 1);
        }
        for step in steps.into_iter().filter(|&step| view.delivered(rule.delivery_of(step))) {
            if let Judgement::Fires { severity, key, part, time } = judge(rule, step, view, context) {
                let time = time.of(view.time(), logged);
                engine.take(Signal { rule: place, time, event: event.clone(), severity, key, part, record });
            }
        }
    }
}

fn failed(number: usize, step: &TestStep, why: &str) -> String {
    format!("step {number} (line {}), {why}", step.source.span.line)
}

impl std::fmt::Display for Offset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("+")?;
        let mut left = self.0.as_secs();
        if left == 0 {
            return f.write_str("0s");
        }
        for (unit, seconds) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
            if left >= seconds {
                write!(f, "{}{unit}", left / seconds)?;
                left %= seconds;
            }
        }
        Ok(())
    }
}
