//! From a rule to what decides it.

use std::time::Duration;

use cloudtrail::{AccountId, EventTime, Region};
use context::Context;
use rules::{Decision, Expect, MetricTime, Rule, Selector};

use crate::engine::Holding;
use crate::engine::metric_alarms::{MetricAlarms, Terms};
use crate::engine::settings::Settings;
use crate::engine::single::Singles;
use crate::identity::Parts;
use crate::incident::Basis;
use crate::progress::{Lanes, Role, SourceClass, Watermark};
use crate::signal::{Signal, WindowKey};
use crate::window::{
    Absent, AbsentDefinition, Bounds, FirstSeen, FirstSeenDefinition, Kind, Occurrence, RestoreError,
    Sequence, SequenceDefinition, StateChange, StoredRow, Taken, Threshold, ThresholdDefinition, Windows,
};

/// What decides one rule.
#[derive(Debug)]
pub(crate) enum Decider {
    /// Each event by itself or in a group, in a history: [`Groups`](crate::Groups) has all of those together.
    Group,
    /// Each event by itself.
    Single(Box<Singles>),
    /// A group is a threshold of one: it begins with any event and takes all of its span.
    Grouped(Box<Windows<Threshold>>),
    Threshold(Box<Windows<Threshold>>),
    Sequence(Box<Windows<Sequence>>),
    FirstSeen(Box<Windows<FirstSeen>>),
    Absent(Box<Absences>),
    Alarm(Box<MetricAlarms>),
    /// A metric filter publishes, and a composite alarm listens to alarms: neither decides about events.
    Nothing,
}

/// An absence rule, and which lanes carry its keys.
#[derive(Debug)]
pub(crate) struct Absences {
    pub(crate) windows: Absent,
    pub(crate) places: Places,
    /// Whether every lane of an account of the organization is expected.
    expects_lanes: bool,
    /// How many lanes there were when they were last looked through.
    lanes_seen: usize,
    accounts: Vec<Box<str>>,
}

/// Where in a key account and region stand.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) account: bool,
    pub(crate) region: bool,
    roles: Vec<Role>,
}

impl Places {
    fn of(rule: &Rule) -> Self {
        let roles: Vec<Role> = rule.key_paths(0).iter().map(|path| Role::of(&path.to_string())).collect();
        Places { account: roles.contains(&Role::Account), region: roles.contains(&Role::Region), roles }
    }

    /// Up to where the lanes have told by which events of a key come; none where there is no such lane.
    pub(crate) fn watermark(&self, lanes: &Lanes, key: &WindowKey) -> Option<Watermark> {
        let (mut account, mut region) = (None, None);
        for (role, value) in self.roles.iter().zip(key.values()) {
            match role {
                Role::Account => account = Some(AccountId::from_bytes(value.as_bytes())?),
                Role::Region => region = Some(Region::from_bytes(value.as_bytes())?),
                Role::Other => {}
            }
        }
        lanes.watermark(|lane| {
            (account.is_none() || lane.account == account) && (region.is_none() || lane.region == region)
        })
    }
}

impl Absences {
    /// Expects every region in which an account of the organization was ever heard.
    pub(crate) fn expect_lanes(&mut self, lanes: &Lanes, begin: EventTime) {
        if !self.expects_lanes || self.lanes_seen == lanes.count() {
            return;
        }
        self.lanes_seen = lanes.count();
        for lane in lanes.iter() {
            let (Some(account), Some(region)) = (lane.account, lane.region) else { continue };
            let account = account.to_string();
            if self.accounts.iter().any(|known| **known == *account) {
                let value = |role: &Role| match role {
                    Role::Account => account.as_str(),
                    Role::Region => region.as_str(),
                    Role::Other => "",
                };
                self.windows.expect(&WindowKey::of(self.places.roles.iter().map(value)), begin);
            }
        }
    }
}

impl Decider {
    pub(crate) fn new(number: u32, rule: &Rule, context: &Context, settings: &Settings) -> Self {
        let nothing: [StoredRow<'_>; 0] = [];
        // Nothing stored cannot be damaged.
        Self::restore(number, rule, context, settings, nothing).unwrap_or(Decider::Nothing)
    }

    /// Goes on from all that is stored of the rule.
    pub(crate) fn restore<'r>(
        number: u32,
        rule: &Rule,
        context: &Context,
        settings: &Settings,
        rows: impl IntoIterator<Item = StoredRow<'r>>,
    ) -> Result<Self, RestoreError> {
        let id: Box<str> = rule.id.as_str().into();
        let by: Box<[Box<str>]> =
            rule.key_paths(0).iter().map(|path| path.to_string().into_boxed_str()).collect();
        let (early, reopen) = (settings.early, settings.reopen);
        let threshold = |count, within, distinct| {
            let (rule, by) = (id.clone(), by.clone());
            Threshold::new(ThresholdDefinition { rule, by, count, within, distinct, early, reopen })
        };
        let decider = match &rule.decision {
            Decision::Each if !early => Decider::Group,
            Decision::Each => match &rule.group {
                Some(group) => {
                    let kind = threshold(1, group.duration, false);
                    Decider::Grouped(Box::new(Windows::restore(kind, settings.bounds(None), rows)?))
                }
                None => {
                    let keep = settings.reopen_micros();
                    Decider::Single(Box::new(Singles::restore(&id, keep, settings.bounds(None), rows)?))
                }
            },
            Decision::Threshold(of) => {
                let kind = threshold(of.count, of.within, of.distinct.is_some());
                Decider::Threshold(Box::new(Windows::restore(kind, settings.bounds(of.keys_max), rows)?))
            }
            Decision::Sequence(of) => {
                let kind = Sequence::new(SequenceDefinition {
                    rule: id,
                    by,
                    steps: u8::try_from(of.steps.len()).unwrap_or(u8::MAX),
                    then_not: of.then_not.is_some(),
                    within: of.within,
                    strict: of.strict,
                    early,
                    reopen,
                });
                Decider::Sequence(Box::new(Windows::restore(kind, settings.bounds(of.keys_max), rows)?))
            }
            Decision::FirstSeen(of) => {
                let kind = FirstSeen::new(FirstSeenDefinition {
                    rule: id,
                    of: by,
                    learn: of.learn,
                    forget: of.forget,
                    begin: settings.begin,
                    say_cold: settings.say_cold,
                    early,
                });
                Decider::FirstSeen(Box::new(Windows::restore(kind, settings.bounds(of.keys_max), rows)?))
            }
            Decision::Absent(of) => {
                let bounds = settings.bounds(of.keys_max);
                Decider::Absent(Box::new(absences(rule, of, id, by, context, settings, bounds, rows)?))
            }
            Decision::Alarm(of) => {
                let terms = Terms {
                    rule: number,
                    definition: of,
                    of: rule,
                    early,
                    begin: settings.begin,
                    bounds: settings.bounds(None),
                };
                Decider::Alarm(Box::new(MetricAlarms::restore(&terms, rows)?))
            }
            Decision::Composite(_) | Decision::Metric(_) => Decider::Nothing,
        };
        Ok(decider)
    }

    pub(crate) fn take(&mut self, signal: &Signal, said: &mut Vec<Occurrence>) -> Taken {
        match self {
            Decider::Single(singles) => singles.take(signal, said),
            Decider::Grouped(windows) => {
                let (before, taken) = (said.len(), windows.take(signal, said));
                // One that joins what is open is counted there, though the finding is not said again.
                if said.len() > before { Taken::Fired } else { taken }
            }
            Decider::Threshold(windows) => windows.take(signal, said),
            Decider::Sequence(windows) => windows.take(signal, said),
            Decider::FirstSeen(windows) => windows.take(signal, said),
            Decider::Absent(absences) => absences.windows.take(signal, said),
            Decider::Group | Decider::Alarm(_) | Decider::Nothing => Taken::Absorbed,
        }
    }

    pub(crate) fn advance(&mut self, mark: Watermark, said: &mut Vec<Occurrence>) {
        match self {
            Decider::Single(singles) => singles.advance(mark.assumed.as_micros()),
            Decider::Grouped(windows) | Decider::Threshold(windows) => windows.advance(mark, said),
            Decider::Sequence(windows) => windows.advance(mark, said),
            Decider::FirstSeen(windows) => windows.advance(mark, said),
            Decider::Group | Decider::Absent(_) | Decider::Alarm(_) | Decider::Nothing => {}
        }
    }

    /// The watermark the stored state was settled by: rows say it only when they change.
    pub(crate) fn resume(&mut self, mark: Watermark) {
        let nothing = &mut Vec::new();
        match self {
            Decider::Alarm(alarms) => alarms.resume(mark.assumed.as_micros()),
            other => other.advance(mark, nothing),
        }
        debug_assert!(nothing.is_empty(), "what was due then was settled then");
    }

    pub(crate) fn changes(&mut self) -> Vec<StateChange> {
        match self {
            Decider::Single(singles) => singles.changes(),
            Decider::Grouped(windows) | Decider::Threshold(windows) => windows.changes(),
            Decider::Sequence(windows) => windows.changes(),
            Decider::FirstSeen(windows) => windows.changes(),
            Decider::Absent(absences) => absences.windows.changes(),
            Decider::Alarm(alarms) => alarms.changes(),
            Decider::Group | Decider::Nothing => Vec::new(),
        }
    }

    pub(crate) fn holding(&self) -> Holding {
        fn of<K: Kind>(windows: &Windows<K>) -> Holding {
            let (keys, evicted) = (windows.keys(), windows.evicted());
            Holding { keys, evicted, lost: windows.lost(), dropped: windows.dropped() }
        }
        match self {
            Decider::Single(singles) => {
                Holding { keys: singles.keys(), evicted: singles.evicted(), ..Holding::default() }
            }
            Decider::Grouped(windows) | Decider::Threshold(windows) => of(windows),
            Decider::Sequence(windows) => of(windows),
            Decider::FirstSeen(windows) => of(windows),
            Decider::Absent(absences) => {
                let windows = &absences.windows;
                Holding { keys: windows.keys(), evicted: windows.evicted(), ..Holding::default() }
            }
            Decider::Alarm(alarms) => {
                let (keys, evicted) = (alarms.keys(), alarms.evicted());
                Holding { keys, evicted, lost: alarms.lost(), dropped: 0 }
            }
            Decider::Group | Decider::Nothing => Holding::default(),
        }
    }

    /// How many events were lost or forgotten before anything came of them.
    pub(crate) fn forgotten(&self) -> u64 {
        match self {
            Decider::Grouped(windows) | Decider::Threshold(windows) => windows.lost() + windows.dropped(),
            Decider::Sequence(windows) => windows.lost() + windows.dropped(),
            Decider::FirstSeen(windows) => windows.lost() + windows.dropped(),
            Decider::Alarm(alarms) => alarms.lost(),
            Decider::Single(_) | Decider::Absent(_) | Decider::Group | Decider::Nothing => 0,
        }
    }

    /// For how long behind the watermark a record may be asked for, in microseconds.
    pub(crate) fn keep(&self, settings: &Settings) -> i64 {
        match self {
            Decider::Grouped(windows) | Decider::Threshold(windows) => windows.kind().keep(),
            Decider::Sequence(windows) => windows.kind().keep(),
            Decider::Alarm(alarms) => alarms.looks_back_micros().saturating_add(settings.reopen_micros()),
            Decider::Single(_)
            | Decider::FirstSeen(_)
            | Decider::Absent(_)
            | Decider::Group
            | Decider::Nothing => settings.reopen_micros(),
        }
    }

    pub(crate) fn basis(&self, one: &Occurrence) -> Basis {
        match self {
            Decider::Threshold(_) => Basis::Threshold { distinct: one.distinct, exact: one.exact },
            Decider::Sequence(_) => Basis::Sequence,
            Decider::FirstSeen(_) => Basis::FirstSeen { cold: one.cold, exact: one.exact },
            Decider::Absent(_) => Basis::Absent,
            Decider::Group
            | Decider::Single(_)
            | Decider::Grouped(_)
            | Decider::Alarm(_)
            | Decider::Nothing => Basis::Events,
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of one rule, taken apart by its only caller")]
fn absences<'r>(
    rule: &Rule,
    of: &rules::Absent,
    id: Box<str>,
    per: Box<[Box<str>]>,
    context: &Context,
    settings: &Settings,
    bounds: Bounds,
    rows: impl IntoIterator<Item = StoredRow<'r>>,
) -> Result<Absences, RestoreError> {
    let late = SourceClass::ALL.map(|class| settings.lateness.of(class)).into_iter().max();
    let definition = AbsentDefinition {
        rule: id,
        per,
        within: of.within,
        expect_seen: of.expect == Expect::Seen,
        accept_assumed: of.accept_assumed,
        patience: late.unwrap_or(Duration::ZERO),
    };
    let mut windows = Absent::restore(definition, bounds, rows)?;
    let places = Places::of(rule);
    let mut accounts: Vec<Box<str>> = Vec::new();
    match &of.expect {
        Expect::Seen => {}
        Expect::List(keys) => {
            for key in keys {
                windows.expect(&WindowKey::of(key.iter().map(|value| &**value)), settings.begin);
            }
        }
        Expect::Organization => {
            accounts = context.accounts().iter().map(|(id, _)| id.to_string().into()).collect();
            if !places.region {
                for account in &accounts {
                    windows.expect(&WindowKey::of([&**account]), settings.begin);
                }
            }
        }
    }
    let expects_lanes = of.expect == Expect::Organization && places.region;
    Ok(Absences { windows, places, expects_lanes, lanes_seen: 0, accounts })
}

/// Hash of what gives a rule's state its meaning: which events, by which keys, over what span, by which decision.
pub(crate) fn meaning(rule: &Rule) -> [u8; 32] {
    let mut parts = Parts::of("state of a rule");
    parts.text(rule.decision.kind().as_str());
    for (step, selector) in rule.selectors() {
        parts.text(&step.to_string());
        meaning_of(selector, &mut parts);
        for path in rule.key_paths(step) {
            parts.text(&path.to_string());
        }
    }
    if rule.time() == MetricTime::Ingestion {
        parts.text("ingestion");
    }
    parts.text(&match &rule.decision {
        Decision::Each => format!("{:?}", rule.group.as_ref().map(|group| group.duration)),
        Decision::Threshold(of) => format!("{} {:?} {:?}", of.count, of.within, of.distinct),
        Decision::Sequence(of) => {
            format!("{:?} {} {} {}", of.within, of.strict, of.steps.len(), of.then_not.is_some())
        }
        Decision::FirstSeen(of) => format!("{:?}", of.forget),
        Decision::Absent(of) => format!("{:?}", of.within),
        Decision::Alarm(of) => {
            let published = of.publishes.as_ref().map(|published| &published.definition);
            format!(
                "{} {}",
                serde_json::to_string(&of.definition).unwrap_or_default(),
                serde_json::to_string(&published).unwrap_or_default()
            )
        }
        Decision::Composite(_) | Decision::Metric(_) => String::new(),
    });
    parts.digest()
}

/// What a selector selects, without where it is written.
fn meaning_of(selector: &Selector, parts: &mut Parts) {
    match selector {
        Selector::Filter(filter) => parts.text(filter.text()),
        Selector::Pattern(pattern) => {
            for alternative in pattern.alternatives() {
                parts.text("or");
                for field in alternative.fields() {
                    parts.text(field.path().as_str());
                    parts.text(&format!("{:?}", field.terms()));
                }
            }
        }
    }
}
