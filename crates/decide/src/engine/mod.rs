//! The engine: all rules of a set with all their state, as one pure state machine.
//!
//! ```text
//!  record ──▶ hear      lanes: how far the world has told its story
//!  digest, listing, silence ──▶ progress
//!  signal ──▶ take      one event to one step of one rule ─┐
//!             advance   what is due by the watermark       ├─▶ drain: incidents, early, settled, revised
//!             finish    the end of a history               ┘
//!             changes ─▶ rows to store   ─▶ restore
//! ```
//!
//! Nothing here reads a clock: `now` comes with every record and every piece of progress. In a history (a scan) signals come in
//! the order of [`Signal::order`] and everything is said once, settled. Live they come as they arrive, and what no later
//! arrival can undo is said early. Both end with the same settled incidents over the same data; tests hold that for every
//! kind of rule, for any order of arrival within the lateness, and over any stop in between.

mod alarm_fields;
mod composites;
mod deciders;
mod explain;
mod metric_alarms;
mod reached;
mod settings;
mod single;
mod stored;

use std::sync::Arc;

use alarm::Metric;
use cloudtrail::EventTime;
use context::Context;
use rules::{Decision, MetricTime, Rule, RuleSet, Severity};
use rustc_hash::FxHashMap;

use crate::engine::composites::Composites;
use crate::engine::deciders::Decider;
use crate::engine::metric_alarms::MetricAlarms;
use crate::engine::reached::Reached;
use crate::group::{Grouping, Groups};
use crate::incident::Incident;
use crate::known_values::KnownValues;
use crate::outcome::{SignalOutcome, SignalTally};
use crate::progress::{Heard, Lane, Lanes, Progress, Watermark};
use crate::signal::{Signal, WindowKey};
use crate::window::{Occurrence, Taken};

pub use explain::Explanation;
pub use settings::Settings;

/// How much room is kept at most for what is said until the next [`Engine::drain`]: as much as was said before the last.
const SAID_ROOM: usize = 1_024;

/// All rules of a set with their state.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    rules: Vec<Entry>,
    /// Rules that decide each event by itself, in a history.
    groups: Groups,
    /// Who takes the samples of a rule: an alarm rule's place, and which of its inputs.
    subscribers: FxHashMap<u32, Vec<Subscription>>,
    composites: Option<Composites>,
    lanes: Lanes,
    /// The earliest time that was heard, where that is before the engine began.
    least: EventTime,
    /// Up to where everything was settled, and whether it came from outside ([`Engine::advance_to`]).
    settled: Watermark,
    said: Vec<Incident>,
    occurrences: Vec<Occurrence>,
    tally: SignalTally,
    /// Whether the engine's own row has to be written.
    changed: bool,
}

#[derive(Debug)]
struct Entry {
    id: Box<str>,
    severity: Severity,
    meaning: [u8; 32],
    unit: Option<Arc<str>>,
    default_value: Option<f64>,
    /// At which time its samples count.
    time: MetricTime,
    decider: Decider,
    /// Whether it says what did not follow, which the end of a history does not prove.
    says_what_is_missing: bool,
    /// Events that were forgotten and are counted as evicted already.
    forgotten: u64,
    /// The lanes it waits for, where those are not all.
    reach: Option<Box<Reached>>,
}

/// An alarm rule that watches a metric.
#[derive(Debug, Clone)]
struct Subscription {
    alarm: usize,
    input: usize,
    /// The dimension values it wants, in the order of their names; none where it takes all.
    values: Option<Box<[Box<str>]>>,
}

/// Where a rule's state is kept: its name, and the hash of what gives the state its meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// The rule's id, or a name with a full stop in it, which no rule can have.
    pub name: Box<str>,
    /// State of another meaning must not be restored.
    pub meaning: [u8; 32],
}

/// What one rule's state holds and has lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holding {
    /// Keys with state.
    pub keys: usize,
    /// Keys that lost their state because there were too many.
    pub evicted: u64,
    /// Events that were lost with those keys, before anything came of them.
    pub lost: u64,
    /// Events that were forgotten, because their key had too many, before they could count.
    pub dropped: u64,
}

impl Engine {
    /// With no event seen.
    pub fn new(rules: &RuleSet, context: &Context, settings: Settings) -> Self {
        let mut said = Vec::new();
        let mut composites = Composites::of(rules, &settings);
        if let Some(composites) = composites.as_mut().filter(|_| !settings.early) {
            // A history begins with its first event. Live an earlier one than is known may still come.
            composites.create(settings.begin, [], &mut said);
        }
        let entries = (0..).zip(rules.iter()).map(|(number, rule)| Entry {
            id: rule.id.as_str().into(),
            severity: rule.severity,
            meaning: deciders::meaning(rule),
            unit: rule.publishes().and_then(|published| published.definition.unit.as_deref().map(Arc::from)),
            default_value: rule.publishes().and_then(|published| published.definition.default_value),
            time: rule.time(),
            decider: Decider::new(number, rule, context, &settings),
            says_what_is_missing: matches!(&rule.decision, Decision::Sequence(of) if of.then_not.is_some()),
            forgotten: 0,
            reach: Reached::of(rule, composites.is_some()),
        });
        Engine {
            rules: entries.collect(),
            groups: Groups::new(rules.iter().map(|rule| grouping(rule)).collect()),
            subscribers: subscribers(rules),
            composites,
            lanes: Lanes::new(settings.lateness),
            least: settings.begin,
            settled: Watermark::nothing(),
            said,
            occurrences: Vec::new(),
            tally: SignalTally::default(),
            changed: true,
            settings,
        }
    }

    /// Takes note of a record that arrived at `now`, whether or not a rule wants it: its lane is alive and that far. A record
    /// dated in the future moves nothing and is to be skipped.
    pub fn hear(&mut self, lane: Lane, time: EventTime, now: EventTime) -> Heard {
        self.changed = true;
        let heard = self.lanes.hear(lane, time, now);
        if time < self.least && heard != Heard::Future && self.settings.early {
            self.least = time;
            self.begin_alarms_by(time);
        }
        heard
    }

    /// What happened before a service was first started may still be on its way to it, and an alarm looks at it as a scan's would.
    fn begin_alarms_by(&mut self, time: EventTime) {
        for entry in &mut self.rules {
            if let Decider::Alarm(alarms) = &mut entry.decider {
                alarms.begin_by(time);
            }
        }
        if let Some(composites) = &mut self.composites {
            composites.begin_by(time);
        }
    }

    /// Takes news of a lane: a digest, a listing, or that it is assumed to have nothing to say.
    pub fn progress(&mut self, progress: Progress, now: EventTime) {
        self.changed = true;
        self.lanes.advance(progress, now);
    }

    /// How far each lane is.
    pub fn lanes(&self) -> &Lanes {
        &self.lanes
    }

    /// Waits for a lane no longer: its account left, or its region was switched off.
    pub fn retire(&mut self, lane: Lane) {
        self.changed = true;
        self.lanes.retire(lane);
    }

    /// Takes a signal. Live, in any order; in a history, in the order of [`Signal::order`].
    pub fn take(&mut self, signal: Signal) -> SignalOutcome {
        self.take_named(signal).0
    }

    /// The same, and the id of the finding the signal is in, where that is known at once: in a history, for rules that decide
    /// each event by itself.
    pub fn take_named(&mut self, signal: Signal) -> (SignalOutcome, Option<String>) {
        self.tally.saw(1);
        let (outcome, id) = self.taken(signal);
        self.tally.ended(outcome);
        (outcome, id)
    }

    fn taken(&mut self, signal: Signal) -> (SignalOutcome, Option<String>) {
        let place = signal.rule as usize;
        let Some(entry) = self.rules.get_mut(place) else { return (SignalOutcome::Error, None) };
        if !self.settings.early {
            if matches!(entry.decider, Decider::Group) {
                return self.groups.take(signal, &mut self.said);
            }
            // In order: nothing before this event can follow, and other rules do not wait for it.
            entry.decider.advance(Watermark::at(signal.time), &mut self.occurrences);
        }
        let taken = match &mut entry.decider {
            Decider::Nothing | Decider::Alarm(_) => return (self.take_sample(place, &signal), None),
            decider => decider.take(&signal, &mut self.occurrences),
        };
        entry.tell(signal.rule, &mut self.occurrences, &mut self.said);
        let lost = entry.newly_forgotten();
        self.tally.moved(SignalOutcome::Absorbed, SignalOutcome::Evicted, lost);
        (outcome(taken), None)
    }

    /// Hands a sample to every alarm that watches its metric.
    fn take_sample(&mut self, publisher: usize, signal: &Signal) -> SignalOutcome {
        let published_by = self.rules.get(publisher);
        let unit = published_by.and_then(|entry| entry.unit.clone());
        let time = published_by.map_or(MetricTime::Event, |entry| entry.time);
        let subscribers = self.subscribers.get(&signal.rule).map_or(&[][..], |list| list);
        let mut outcome = None;
        for subscription in subscribers {
            let wanted = subscription
                .values
                .as_ref()
                .is_none_or(|values| values.iter().map(|value| &**value).eq(signal.key.values()));
            let Some(Entry { decider: Decider::Alarm(alarms), .. }) =
                self.rules.get_mut(subscription.alarm).filter(|_| wanted)
            else {
                continue;
            };
            if !self.settings.early {
                let composites = &mut self.composites;
                alarms.advance(signal.time.as_micros(), None, &mut self.said, composites);
            }
            let taken = alarms.take(subscription.input, signal, unit.as_deref(), time, &mut self.said);
            let lost = self.rules.get_mut(subscription.alarm).map_or(0, Entry::newly_forgotten);
            self.tally.moved(SignalOutcome::Absorbed, SignalOutcome::Evicted, lost);
            // The most that any of them made of it.
            outcome = outcome.max(Some(match taken {
                Taken::Late => 0,
                Taken::Duplicate => 1,
                Taken::Absorbed => 2,
                Taken::Fired => 3,
            }));
        }
        match outcome {
            Some(0) => SignalOutcome::Late,
            Some(1) => SignalOutcome::Duplicate,
            Some(3) => SignalOutcome::Fired,
            // A sample nobody watches is kept as well as one somebody does.
            _ => SignalOutcome::Absorbed,
        }
    }

    /// Takes a sighting of a first-seen rule as known, without a word: it happened before anybody was to be told. In any order.
    /// Gives whether its value was not known yet; none for rules of other kinds, which learn nothing.
    pub fn learn(&mut self, signal: &Signal) -> Option<bool> {
        let entry = self.rules.get_mut(signal.rule as usize)?;
        let Decider::FirstSeen(windows) = &mut entry.decider else { return None };
        Some(windows.learn(signal))
    }

    /// Says when the history begins whose sightings were [learned](Engine::learn): the time for which first-seen rules learn counts
    /// from then on, if that is earlier than where they began.
    pub fn remember_from(&mut self, from: EventTime) {
        for entry in &mut self.rules {
            if let Decider::FirstSeen(windows) = &mut entry.decider {
                windows.remember_from(from);
            }
        }
    }

    /// From when on a first-seen rule says what is new; none for rules of other kinds.
    pub fn learnt(&self, rule: u32) -> Option<EventTime> {
        match &self.rules.get(rule as usize)?.decider {
            Decider::FirstSeen(windows) => Some(windows.learnt()),
            _ => None,
        }
    }

    /// What first-seen rules know already, for whoever judges events while the engine decides: a sighting of a known value need
    /// not become a signal.
    pub fn known_values(&self) -> KnownValues {
        KnownValues::of(self.rules.iter().map(|entry| match &entry.decider {
            Decider::FirstSeen(windows) => Some(Arc::clone(windows.kind().known())),
            _ => None,
        }))
    }

    /// Takes note that so many records of about that time matched no selector of a metric filter that has a default value.
    pub fn take_unmatched(&mut self, rule: u32, time: EventTime, records: u64) {
        let Some(entry) = self.rules.get(rule as usize) else { return };
        let (Some(value), unit) = (entry.default_value, entry.unit.clone()) else { return };
        #[expect(clippy::cast_precision_loss, reason = "counts of records in a minute are small")]
        let count = records as f64;
        for subscription in self.subscribers.get(&rule).map_or(&[][..], |list| list) {
            if let Some(Entry { decider: Decider::Alarm(alarms), .. }) =
                self.rules.get_mut(subscription.alarm)
            {
                if !self.settings.early {
                    alarms.advance(time.as_micros(), None, &mut self.said, &mut self.composites);
                }
                alarms.take_default(subscription.input, time, value, count, unit.as_deref());
            }
        }
    }

    /// Settles all that is due by what the lanes have told. A rule whose patterns name accounts or regions waits for their lanes
    /// only.
    pub fn advance(&mut self) {
        let mark = self.lanes.watermark(|_| true).unwrap_or(Watermark::nothing());
        self.settle(mark);
        for (number, entry) in (0..).zip(&mut self.rules) {
            let Some(reached) = &mut entry.reach else { continue };
            let Some(mark) = reached.watermark(&self.lanes) else { continue };
            if mark.assumed > reached.settled.assumed {
                reached.settled = mark;
                self.changed = true;
                if let Decider::Alarm(alarms) = &mut entry.decider {
                    alarms.advance(mark.assumed.as_micros(), None, &mut self.said, &mut self.composites);
                } else {
                    entry.decider.advance(mark, &mut self.occurrences);
                    entry.tell(number, &mut self.occurrences, &mut self.said);
                }
            }
        }
        self.decide_absences(self.lanes.now());
    }

    /// Settles all that ended up to a time, for whoever has a clock of their own instead of lanes. Absences are decided as if
    /// everything up to then had been told.
    pub fn advance_to(&mut self, time: EventTime) {
        self.settle(Watermark::at(time));
        for (number, entry) in (0..).zip(&mut self.rules) {
            if let Decider::Absent(absent) = &mut entry.decider {
                absent.expect_lanes(&self.lanes, self.settings.begin);
                absent.windows.advance(time, |_| Watermark::at(time), &mut self.occurrences);
                entry.tell(number, &mut self.occurrences, &mut self.said);
            }
        }
    }

    /// Settles everything: the end of a history, up to `end`. An absence is decided by what the lanes have told; a key that
    /// belongs to no account of its own, by the end of the history itself. Of a sequence whose last step may still not follow
    /// nothing is said: its span goes on behind the end.
    pub fn finish(&mut self, end: EventTime) {
        if !self.settings.early {
            let groups = std::mem::replace(&mut self.groups, Groups::new(Vec::new()));
            groups.finish(&mut self.said);
        }
        for (number, entry) in (0..).zip(&mut self.rules) {
            if let Decider::Alarm(alarms) = &mut entry.decider {
                alarms.advance(i64::MAX, Some(end), &mut self.said, &mut self.composites);
            } else {
                let told = if entry.says_what_is_missing { Watermark::at(end) } else { Watermark::end() };
                entry.decider.advance(told, &mut self.occurrences);
                entry.tell(number, &mut self.occurrences, &mut self.said);
            }
        }
        self.settled = Watermark::end();
        if let Some(composites) = &mut self.composites {
            composites.advance(i64::MAX, &mut self.said);
        }
        self.decide_absences(end);
    }

    fn settle(&mut self, mark: Watermark) {
        if mark.assumed <= self.settled.assumed && mark.firm <= self.settled.firm {
            // The first event may have come late.
            self.advance_composites();
            return;
        }
        self.settled = mark;
        self.changed = true;
        for (number, entry) in (0..).zip(&mut self.rules) {
            if let Decider::Alarm(alarms) = &mut entry.decider {
                alarms.advance(mark.assumed.as_micros(), None, &mut self.said, &mut self.composites);
            } else {
                entry.decider.advance(mark, &mut self.occurrences);
                entry.tell(number, &mut self.occurrences, &mut self.said);
            }
        }
        self.advance_composites();
    }

    fn advance_composites(&mut self) {
        let (Some(composites), settled) = (&mut self.composites, self.settled.assumed) else { return };
        if self.least <= settled && !composites.are_created() {
            composites.begin(self.least, [], &mut self.said);
        }
        composites.advance(settled.as_micros(), &mut self.said);
    }

    fn decide_absences(&mut self, now: EventTime) {
        let (lanes, history) = (&self.lanes, !self.settings.early);
        for (number, entry) in (0..).zip(&mut self.rules) {
            let Decider::Absent(absent) = &mut entry.decider else { continue };
            absent.expect_lanes(lanes, self.settings.begin);
            let places = &absent.places;
            let told = |key: &WindowKey| {
                if history && !places.account && !places.region {
                    return Watermark::at(now);
                }
                let told = places.watermark(lanes, key).unwrap_or(Watermark::nothing());
                if history { Watermark { firm: told.firm, assumed: now } } else { told }
            };
            absent.windows.advance(now, told, &mut self.occurrences);
            entry.tell(number, &mut self.occurrences, &mut self.said);
        }
    }

    /// All that was said since the last time, in the order in which it was said.
    pub fn drain(&mut self) -> Vec<Incident> {
        let room = self.said.len().min(SAID_ROOM);
        std::mem::replace(&mut self.said, Vec::with_capacity(room))
    }

    /// What became of all signals.
    pub fn tally(&self) -> &SignalTally {
        &self.tally
    }

    /// What each rule's state holds and has lost, by the rule's place.
    pub fn holdings(&self) -> impl Iterator<Item = (u32, Holding)> {
        (0..).zip(self.rules.iter().map(|entry| entry.decider.holding()))
    }

    /// For how long after its event, in event time behind the watermark, a record may still be asked for.
    pub fn retention(&self, rule: u32) -> std::time::Duration {
        let micros = self.rules.get(rule as usize).map_or(0, |entry| entry.decider.keep(&self.settings));
        std::time::Duration::from_micros(u64::try_from(micros).unwrap_or_default())
    }

    /// Up to where everything is settled.
    pub fn watermark(&self) -> Watermark {
        self.settled
    }
}

impl Entry {
    /// How many events were forgotten since this was last asked, before anything came of them.
    fn newly_forgotten(&mut self) -> u64 {
        let forgotten = self.decider.forgotten();
        forgotten.saturating_sub(std::mem::replace(&mut self.forgotten, forgotten))
    }

    fn tell(&self, rule: u32, occurrences: &mut Vec<Occurrence>, said: &mut Vec<Incident>) {
        for one in occurrences.drain(..) {
            let basis = self.decider.basis(&one);
            said.push(Incident::of(rule, self.severity, one, basis));
        }
    }
}

impl MetricAlarms {
    /// Advances, and tells composite alarms of every change.
    fn advance(
        &mut self,
        watermark: i64,
        end: Option<EventTime>,
        said: &mut Vec<Incident>,
        composites: &mut Option<Composites>,
    ) {
        let name = self.name().to_owned();
        self.evaluate(watermark, end, said, |transition| {
            if let Some(composites) = composites {
                composites.hear(&name, transition);
            }
        });
    }
}

fn outcome(taken: Taken) -> SignalOutcome {
    match taken {
        Taken::Fired => SignalOutcome::Fired,
        Taken::Absorbed => SignalOutcome::Absorbed,
        Taken::Duplicate => SignalOutcome::Duplicate,
        Taken::Late => SignalOutcome::Late,
    }
}

fn grouping(rule: &Rule) -> Grouping {
    Grouping {
        rule: rule.id.as_str().into(),
        by: rule.key_paths(0).iter().map(|path| path.to_string().into_boxed_str()).collect(),
        span: rule.group.as_ref().map(|group| group.duration),
    }
}

/// Who watches what: each publisher's metric against each alarm's inputs.
fn subscribers(rules: &RuleSet) -> FxHashMap<u32, Vec<Subscription>> {
    let mut subscribers: FxHashMap<u32, Vec<Subscription>> = FxHashMap::default();
    for (publisher, rule) in (0_u32..).zip(rules.iter()) {
        let Some(published) = rule.publishes() else { continue };
        let definition = &published.definition;
        for (alarm, watcher) in rules.iter().enumerate() {
            let Decision::Alarm(watcher) = &watcher.decision else { continue };
            if watcher.is_for_each_value() {
                if alarm == publisher as usize {
                    let own = Subscription { alarm, input: 0, values: None };
                    subscribers.entry(publisher).or_default().push(own);
                }
                continue;
            }
            for (input, watched) in watcher.alarm.inputs().iter().enumerate() {
                let same = |metric: &&Metric| {
                    metric.namespace == definition.metric_namespace
                        && metric.metric_name == definition.metric_name
                        && metric.dimensions.keys().eq(definition.dimensions.keys())
                };
                let Some(metric) = watched.metric.as_ref().filter(same) else { continue };
                let values = metric.dimensions.values().map(|value| value.as_str().into()).collect();
                let one = Subscription { alarm, input, values: Some(values) };
                subscribers.entry(publisher).or_default().push(one);
            }
        }
    }
    subscribers
}
