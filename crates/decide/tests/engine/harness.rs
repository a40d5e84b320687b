//! A rule set with every kind of rule, and ways to feed an engine.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cloudtrail::{EventId, EventTime};
use context::Context;
use decide::{
    Basis, Engine, Evidence, Heard, Incident, Lane, Namespace, Part, Progress, RecordHandle, Settings,
    Signal, SourceClass, State, StateChange, WindowKey,
};
use rules::{MemoryFiles, RuleSet, Severity};

/// Every kind of rule; the order is that of [`Event::signals`].
const RULES: &str = r#"
id: each
title: each
severity: low
pattern: { source: [a] }
---
id: grouped
title: grouped
severity: low
pattern: { source: [a] }
group: { by: [detail.who], for: 10s }
---
id: many
title: many
severity: low
pattern: { source: [a] }
threshold: { count: 3, within: 10s, by: [detail.who] }
---
id: many-different
title: many different
severity: low
pattern: { source: [a] }
threshold: { count: 3, within: 10s, by: [detail.who], distinct: detail.what }
---
id: then
title: then
severity: low
sequence:
  within: 10s
  steps:
    - { pattern: { source: [a] }, by: [detail.who] }
    - { pattern: { source: [b] }, by: [detail.who] }
---
id: then-not
title: then not
severity: low
sequence:
  within: 10s
  steps:
    - { pattern: { source: [a] }, by: [detail.who] }
    - { not: { pattern: { source: [b] }, by: [detail.who] } }
---
id: new
title: new
severity: low
pattern: { source: [a] }
first_seen: { of: [detail.who], learn: 20s, forget: 25s }
---
id: quiet
title: quiet
severity: low
pattern: { source: [a] }
absent: { for: 40s, per: [account], expect: seen }
---
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
---
kind: metric-filter
id: denied
filter_pattern: '{ $.source = "a" }'
metric_transformations:
  - { metric_name: Denied, metric_namespace: CIS, metric_value: 1 }
---
kind: alarm
id: denied-often
title: denied often
severity: high
namespace: CIS
metric_name: Denied
statistic: Sum
period: 60
evaluation_periods: 2
datapoints_to_alarm: 2
comparison_operator: GreaterThanThreshold
threshold: 1
---
kind: composite-alarm
id: denied-and
title: both
severity: critical
alarm_rule: ALARM(denied-often)
---
kind: metric-filter
id: followed
filter_pattern: '{ $.source = "b" }'
metric_transformations:
  - { metric_name: Followed, metric_namespace: CIS, metric_value: 2 }
---
kind: alarm
id: more-denied
title: more is denied than follows
severity: high
metrics:
  - { id: m1, return_data: false, metric_stat: { metric: { namespace: CIS, metric_name: Denied }, period: 60, stat: Sum } }
  - { id: m2, return_data: false, metric_stat: { metric: { namespace: CIS, metric_name: Followed }, period: 60, stat: Maximum } }
  - { id: e1, expression: "IF(FILL(m2, 0) > 1, m1 / m2, FILL(m1, REPEAT))" }
evaluation_periods: 2
datapoints_to_alarm: 1
comparison_operator: GreaterThanThreshold
threshold: 0.5
treat_missing_data: ignore
---
kind: alarm
id: denied-now
title: denied just now
severity: info
namespace: CIS
metric_name: Denied
statistic: p90
period: 10
evaluation_periods: 2
datapoints_to_alarm: 1
comparison_operator: GreaterThanOrEqualToThreshold
threshold: 1
treat_missing_data: notBreaching
---
kind: composite-alarm
id: either
title: one of them
severity: high
alarm_rule: ALARM(denied-often) OR ALARM(more-denied)
actions_suppressor: denied-now
actions_suppressor_wait_period: 20
actions_suppressor_extension_period: 30
---
kind: composite-alarm
id: either-alone
title: one of them alone
severity: critical
alarm_rule: ALARM(either) AND NOT (ALARM(denied-and) AND OK(denied-now))
actions_suppressor: denied-and
actions_suppressor_wait_period: 5
actions_suppressor_extension_period: 60
---
kind: composite-alarm
id: unless
title: not often
severity: low
alarm_rule: NOT ALARM(denied-often)
"#;

pub(crate) fn rules() -> RuleSet {
    load(RULES)
}

pub(crate) fn load(text: &str) -> RuleSet {
    let mut files = MemoryFiles::default();
    files.insert("rules.yaml", text);
    let loaded = RuleSet::load(["rules.yaml"], &files, &Context::empty());
    let errors: Vec<_> = loaded.diagnostics.iter().filter(|one| one.is_error()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    loaded.rules
}

pub(crate) fn at(seconds: i64) -> EventTime {
    EventTime::from_micros(seconds * 1_000_000)
}

pub(crate) fn lane(account: usize) -> Lane {
    Lane { account: Some(account_id(account).parse().unwrap()), region: None, class: SourceClass::S3 }
}

pub(crate) fn account_id(account: usize) -> String {
    format!("{:012}", account + 1)
}

pub(crate) fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(seconds.unsigned_abs())
}

/// One event, and which rules want it.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) time: i64,
    pub(crate) n: u32,
    pub(crate) who: usize,
    pub(crate) account: usize,
    pub(crate) what: u32,
    /// Whether it is of the second sort, which only ends sequences.
    pub(crate) second: bool,
}

impl Event {
    pub(crate) fn id(&self) -> EventId {
        let (n, time) = (u128::from(self.n) << 64, u128::from(self.time.unsigned_abs()) << 8);
        let number = n | time | (self.who as u128 * 4) | (u128::from(self.second) << 1);
        EventId::Uuid(number)
    }

    /// What judging would make of it for [`RULES`].
    pub(crate) fn signals(&self, rules: &RuleSet) -> Vec<Signal> {
        let who = ["alice", "bob", "carol"][self.who];
        let account = account_id(self.account);
        let rule = |id: &str| u32::try_from(rules.index(id).unwrap()).unwrap();
        let signal = |id: &str, key: &[&str], part| Signal {
            rule: rule(id),
            time: at(self.time),
            event: self.id(),
            severity: Severity::Low,
            key: WindowKey::of(key.iter().copied()),
            part,
            record: RecordHandle(self.time.unsigned_abs()),
        };
        if self.second {
            return vec![
                signal("then", &[who], Part::Step(1)),
                signal("then-not", &[who], Part::Step(1)),
                signal("followed", &[], Part::Sample(2.0)),
            ];
        }
        vec![
            signal("each", &[], Part::Event),
            signal("grouped", &[who], Part::Event),
            signal("many", &[who], Part::Event),
            signal("many-different", &[who], Part::of_value(&self.what.to_string())),
            signal("then", &[who], Part::Step(0)),
            signal("then-not", &[who], Part::Step(0)),
            signal("new", &[who], Part::Event),
            signal("quiet", &[&account], Part::Event),
            signal("loud", &[who], Part::Sample(1.0)),
            signal("denied", &[], Part::Sample(1.0)),
        ]
    }
}

pub(crate) type Rows = BTreeMap<String, BTreeMap<Vec<u8>, (u32, Vec<u8>)>>;

/// Keeps what an engine wants stored.
pub(crate) fn keep(rows: &mut Rows, namespaces: &[Namespace], changes: Vec<(usize, Vec<StateChange>)>) {
    for (place, changes) in changes {
        let namespace = rows.entry(namespaces[place].name.to_string()).or_default();
        for change in changes {
            match change.value {
                Some(value) => namespace.insert(change.key, value),
                None => namespace.remove(&change.key),
            };
        }
    }
}

pub(crate) fn reopened(engine: &mut Engine, rules: &RuleSet, settings: &Settings, rows: &mut Rows) -> Engine {
    keep(rows, &engine.namespaces(), engine.changes());
    let none = BTreeMap::new();
    Engine::restore(rules, &Context::empty(), settings.clone(), |namespace| {
        let rows = rows.get(&*namespace.name).unwrap_or(&none);
        rows.iter().map(|(key, (version, value))| (&key[..], *version, &value[..])).collect::<Vec<_>>()
    })
    .unwrap()
}

/// When nothing is open any more, whatever happened.
pub(crate) const END: i64 = 4_000;
pub(crate) const LATENESS: i64 = 30;

pub(crate) fn live_settings() -> Settings {
    let mut settings =
        Settings::live(at(0), decide::Lateness { s3: seconds(LATENESS), ..Default::default() });
    settings.reopen = seconds(60);
    settings
}

/// Events in the order in which they arrive, each after its delay; saved and restored before some of them.
pub(crate) fn live(rules: &RuleSet, events: &[(Event, i64)], stops: &BTreeSet<usize>) -> Vec<Incident> {
    let settings = live_settings();
    let mut engine = Engine::new(rules, &Context::empty(), settings.clone());
    let (mut said, mut rows) = (Vec::new(), Rows::new());
    let mut arrivals: Vec<_> = events.iter().map(|(event, delay)| (event.time + delay, event)).collect();
    arrivals.sort_by_key(|(arrival, _)| *arrival);
    for account in 0..2 {
        engine.hear(lane(account), at(0), at(0));
    }
    for (n, (arrival, event)) in arrivals.into_iter().enumerate() {
        if stops.contains(&n) {
            engine = reopened(&mut engine, rules, &settings, &mut rows);
        }
        // The events of the other lanes did not come, and none is late: they are told to be as far.
        for account in 0..2 {
            let news = Progress { lane: lane(account), to: at(arrival), evidence: Evidence::Digest };
            engine.progress(news, at(arrival));
        }
        engine.advance();
        if engine.hear(lane(event.account), at(event.time), at(arrival)) != Heard::Future {
            // As a service does: what is known already becomes no signal.
            let known = engine.known_values();
            for signal in event.signals(rules) {
                if !known.takes(signal.rule, &signal.key, signal.time) {
                    engine.take(signal);
                }
            }
        }
        said.extend(engine.drain());
    }
    for account in 0..2 {
        let news = Progress { lane: lane(account), to: at(END + LATENESS), evidence: Evidence::Digest };
        engine.progress(news, at(END + LATENESS));
    }
    engine.advance();
    engine.tally().check().unwrap();
    said.extend(engine.drain());
    said
}

/// The same events as a history.
pub(crate) fn history(rules: &RuleSet, events: &[(Event, i64)]) -> Vec<Incident> {
    let mut settings = Settings::history(at(0));
    settings.say_cold = false;
    let mut engine = Engine::new(rules, &Context::empty(), settings);
    let mut signals: Vec<Signal> = events.iter().flat_map(|(event, _)| event.signals(rules)).collect();
    signals.sort_by(|a, b| a.order().cmp(&b.order()));
    for signal in signals {
        engine.take(signal);
    }
    for account in 0..2 {
        let news = Progress { lane: lane(account), to: at(END), evidence: Evidence::Digest };
        engine.progress(news, at(END));
    }
    engine.finish(at(END));
    engine.tally().check().unwrap();
    engine.drain()
}

/// What a reader of revisions ends up with: the last word on each id, and each resolution by itself.
pub(crate) fn settled(said: &[Incident]) -> BTreeSet<(u32, String, State)> {
    let mut last: BTreeMap<(&str, bool), &Incident> = BTreeMap::new();
    let mut revisions: BTreeMap<&str, u32> = BTreeMap::new();
    for one in said {
        match revisions.insert(&one.id, one.revision) {
            Some(before) => assert!(before < one.revision, "revisions count up: {one:?}"),
            None => assert_eq!(one.revision, 0, "what was never said is revision 0: {one:?}"),
        }
        // An alarm and an absence fire and are resolved: both are settled words.
        let twice = matches!(one.basis, Basis::Alarm(_) | Basis::Absent);
        last.insert((&one.id, twice && one.state == State::Resolved), one);
    }
    let words = last.values().filter(|one| {
        // What was new to one who heard late is known to one who heard in time.
        !(matches!(one.basis, Basis::FirstSeen { .. }) && one.state == State::Resolved)
    });
    words
        .map(|one| {
            assert!(one.settled, "all is settled in the end: {one:?}");
            (one.rule, one.fingerprint.clone(), one.state)
        })
        .collect()
}
