//! Signals into incidents: one each, or one for all that share a key within the rule's span of time.
//!
//! A group opens with its first event and takes what follows until `group.for` has passed since then; the next event
//! opens another. So a rule that fires every minute says so once an hour, each time with a count, rather than once and
//! then never again.
//!
//! Signals come in the order of [`Signal::order`]; then every incident is settled the moment it closes.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use cloudtrail::{EventId, EventTime};
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::finding::{EVENT_IDS_MAX, RECORDS_MAX, State};
use crate::identity::Parts;
use crate::incident::{Basis, Incident};
use crate::outcome::SignalOutcome;
use crate::signal::{Signal, WindowKey, named};

/// What groups need to know of a rule.
#[derive(Debug, Clone)]
pub struct Grouping {
    /// The rule's id: part of a finding's identity, so that indices may change between runs.
    pub rule: Box<str>,
    /// The paths of its key.
    pub by: Box<[Box<str>]>,
    /// How long one finding goes on taking events; `None` makes each event its own.
    pub span: Option<Duration>,
}

/// Takes signals in order and gives incidents as they close.
#[derive(Debug)]
pub struct Groups {
    rules: Vec<Grouping>,
    open: FxHashMap<(u32, WindowKey), Open>,
    /// Open groups by the time they close, so that closing costs what closes. The id breaks ties.
    closing: BTreeMap<(EventTime, String), (u32, WindowKey)>,
    /// Events each rule has decided on, of the time that open state covers.
    decided: HashSet<(u32, EventId), FxBuildHasher>,
    /// The time whose events `decided` holds.
    now: EventTime,
}

#[derive(Debug)]
struct Open {
    incident: Incident,
    events: Parts,
}

impl Groups {
    /// With no group open. `rules` are indexed by [`Signal::rule`].
    pub fn new(rules: Vec<Grouping>) -> Self {
        Groups {
            rules,
            open: FxHashMap::default(),
            closing: BTreeMap::new(),
            decided: HashSet::default(),
            now: EventTime::EPOCH,
        }
    }

    /// Takes one signal, and gives what closed before it, in the order of closing.
    ///
    /// The second part says what became of the signal: [`SignalOutcome::Fired`], [`SignalOutcome::Absorbed`] or
    /// [`SignalOutcome::Duplicate`], and the id of the finding it is in.
    pub fn take(&mut self, signal: Signal, closed: &mut Vec<Incident>) -> (SignalOutcome, Option<String>) {
        self.close_before(signal.time, closed);
        // In order, a copy of a signal has the same time as the signal.
        if signal.time != self.now {
            self.decided.clear();
            self.now = signal.time;
        }
        if !self.decided.insert((signal.rule, signal.event.clone())) {
            return (SignalOutcome::Duplicate, None);
        }
        let Some(span) = self.rules.get(signal.rule as usize).and_then(|rule| rule.span) else {
            let open = self.begin(signal, Duration::ZERO);
            let id = open.incident.id.clone();
            closed.push(open.settle());
            return (SignalOutcome::Fired, Some(id));
        };
        match self.open.entry((signal.rule, signal.key.clone())) {
            Entry::Occupied(mut entry) => {
                let open = entry.get_mut();
                open.absorb(&signal);
                (SignalOutcome::Absorbed, Some(open.incident.id.clone()))
            }
            Entry::Vacant(_) => {
                let place = (signal.rule, signal.key.clone());
                let open = self.begin(signal, span);
                let id = open.incident.id.clone();
                self.closing.insert((open.incident.window_end, id.clone()), place.clone());
                self.open.insert(place, open);
                (SignalOutcome::Fired, Some(id))
            }
        }
    }

    /// Closes all that is open: the end of a history.
    pub fn finish(mut self, closed: &mut Vec<Incident>) {
        for place in std::mem::take(&mut self.closing).into_values() {
            closed.extend(self.open.remove(&place).map(Open::settle));
        }
    }

    /// How many groups are open.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// A group takes events up to its end, and not at it.
    fn close_before(&mut self, now: EventTime, closed: &mut Vec<Incident>) {
        while let Some(first) = self.closing.first_entry() {
            if first.key().0 > now {
                break;
            }
            let place = first.remove();
            closed.extend(self.open.remove(&place).map(Open::settle));
        }
    }

    fn begin(&self, signal: Signal, span: Duration) -> Open {
        let (rule, by) =
            self.rules.get(signal.rule as usize).map(|rule| (&*rule.rule, &*rule.by)).unwrap_or_default();
        let mut identity = Parts::of("finding");
        identity.text(rule);
        identity.key(named(by, signal.key.text()));
        identity.event(signal.time, &signal.event);
        let mut events = Parts::of("fingerprint");
        events.text(rule);
        events.key(named(by, signal.key.text()));
        let window_end = later(signal.time, span);
        events.time(signal.time);
        events.time(window_end);
        events.event(signal.time, &signal.event);
        let incident = Incident {
            rule: signal.rule,
            id: identity.uuid().text(),
            revision: 0,
            settled: true,
            state: State::Firing,
            fingerprint: String::new(),
            key: signal.key,
            severity: signal.severity,
            time: signal.time,
            count: 1,
            first_time: signal.time,
            last_time: signal.time,
            window_from: signal.time,
            window_end,
            event_ids: vec![signal.event],
            records: vec![signal.record],
            basis: Basis::Events,
        };
        Open { incident, events }
    }
}

impl Open {
    fn absorb(&mut self, signal: &Signal) {
        let incident = &mut self.incident;
        incident.severity = incident.severity.max(signal.severity);
        incident.count += 1;
        incident.last_time = signal.time;
        if incident.event_ids.len() < EVENT_IDS_MAX {
            incident.event_ids.push(signal.event.clone());
        }
        if incident.records.len() < RECORDS_MAX {
            incident.records.push(signal.record);
        }
        self.events.event(signal.time, &signal.event);
    }

    fn settle(mut self) -> Incident {
        self.incident.fingerprint = self.events.hex();
        self.incident
    }
}

fn later(time: EventTime, span: Duration) -> EventTime {
    let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    EventTime::from_micros(time.as_micros().saturating_add(micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::RecordHandle;
    use proptest::prelude::*;
    use rules::Severity;

    const HOURLY: u32 = 0;
    const SINGLE: u32 = 1;

    fn groups() -> Groups {
        let span = Some(Duration::from_secs(3_600));
        Groups::new(vec![
            Grouping { rule: "hourly".into(), by: ["principal".into()].into(), span },
            Grouping { rule: "single".into(), by: ["principal".into()].into(), span: None },
        ])
    }

    fn signal(rule: u32, seconds: i64, who: &str) -> Signal {
        Signal {
            rule,
            time: EventTime::from_micros(seconds * 1_000_000),
            event: EventId::new(&format!("{who} at {seconds}")),
            severity: Severity::Low,
            key: WindowKey::of([who]),
            part: crate::signal::Part::Event,
            record: RecordHandle(seconds.unsigned_abs()),
        }
    }

    fn decide(signals: Vec<Signal>) -> (Vec<Incident>, Vec<SignalOutcome>) {
        let (mut groups, mut closed, mut outcomes) = (groups(), Vec::new(), Vec::new());
        for signal in signals {
            outcomes.push(groups.take(signal, &mut closed).0);
        }
        groups.finish(&mut closed);
        (closed, outcomes)
    }

    #[test]
    fn a_group_takes_events_until_its_span_has_passed_since_the_first() {
        let times = [0, 10, 3_599, 3_600, 3_601];
        let (incidents, outcomes) = decide(times.map(|at| signal(HOURLY, at, "alice")).to_vec());
        let counts: Vec<_> = incidents.iter().map(|incident| incident.count).collect();
        assert_eq!(counts, [3, 2], "the event at 3,600 s opens the next group");
        use SignalOutcome::{Absorbed, Fired};
        assert_eq!(outcomes, [Fired, Absorbed, Absorbed, Fired, Absorbed]);
        assert_eq!(incidents[0].last_time.as_seconds(), 3_599);
        assert_eq!(incidents[0].window_end.as_seconds(), 3_600);
    }

    #[test]
    fn keys_and_rules_are_apart() {
        let signals = vec![
            signal(HOURLY, 0, "alice"),
            signal(HOURLY, 1, "bob"),
            signal(SINGLE, 1, "bob"),
            signal(SINGLE, 2, "bob"),
        ];
        let (incidents, _) = decide(signals);
        assert_eq!(incidents.len(), 4);
        let mut ids: Vec<_> = incidents.iter().map(|incident| &incident.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 4);
    }

    #[test]
    fn a_copy_of_an_event_is_a_duplicate_for_each_rule_by_itself() {
        let copies = vec![
            signal(HOURLY, 5, "alice"),
            signal(HOURLY, 5, "alice"),
            signal(SINGLE, 5, "alice"),
            signal(SINGLE, 5, "alice"),
        ];
        let (incidents, outcomes) = decide(copies);
        assert_eq!(incidents.iter().map(|incident| incident.count).sum::<u64>(), 2);
        use SignalOutcome::{Duplicate, Fired};
        assert_eq!(outcomes, [Fired, Duplicate, Fired, Duplicate]);
    }

    #[test]
    fn severity_is_the_highest_and_samples_are_bounded() {
        let mut signals: Vec<_> = (0..2_000).map(|at| signal(HOURLY, at, "alice")).collect();
        signals[1_500].severity = Severity::Critical;
        let (incidents, _) = decide(signals);
        let [incident] = &incidents[..] else { panic!("one incident") };
        assert_eq!((incident.count, incident.severity), (2_000, Severity::Critical));
        assert_eq!((incident.event_ids.len(), incident.records.len()), (EVENT_IDS_MAX, RECORDS_MAX));
    }

    proptest! {
        /// Every signal is in exactly one incident, and the identity of incidents depends on nothing but the signals.
        #[test]
        fn nothing_vanishes(times in prop::collection::vec((0_i64..20_000, 0_usize..3, 0_u32..2), 0..200)) {
            let mut signals: Vec<_> =
                times.iter().map(|&(at, who, rule)| signal(rule, at, ["alice", "bob", "carol"][who])).collect();
            signals.sort_by(|a, b| a.order().cmp(&b.order()));
            let (incidents, outcomes) = decide(signals.clone());
            let count = |wanted| outcomes.iter().filter(|&&outcome| outcome == wanted).count();
            let duplicates = count(SignalOutcome::Duplicate);
            prop_assert_eq!(incidents.len(), count(SignalOutcome::Fired));
            let told: u64 = incidents.iter().map(|incident| incident.count).sum();
            prop_assert_eq!(told, (signals.len() - duplicates) as u64);
            let mut twice = signals.clone();
            twice.extend(signals);
            twice.sort_by(|a, b| a.order().cmp(&b.order()));
            let prints = |incidents: &[Incident]| {
                incidents.iter().map(|incident| (incident.id.clone(), incident.fingerprint.clone())).collect::<Vec<_>>()
            };
            prop_assert_eq!(prints(&decide(twice).0), prints(&incidents));
        }
    }
}
