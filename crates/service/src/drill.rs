//! Drills: a rule's own firing test, told to the real targets, to see that telling works before it is needed.
//!
//! Invariants: a drill leaves no trace but what its messages say, a row in the audit list and two counters. It is no finding in the store, begins
//! no conversation, waits for nobody's acknowledgement, is neither folded nor slowed down, and is responded to by nobody. It does not go through
//! the outbox either: each target is tried once, and whoever asked is told what came of it; a drill that arrives tomorrow would help nobody.
//!
//! It goes where the finding would go by the routes of the moment. What would be held is held back, unless it is asked for. Targets that keep
//! things open, as incidents are, are told that it is over after a while, and before the service ends.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use decide::Finding;
use event_pattern::Pattern;
use jiff::Timestamp;
use route::{FindingEvent, Kind, Leg, TargetName, Telling};
use rules::{DecisionKind, Files, MemoryFiles, Rule};
use serde::{Deserialize, Serialize};
use store::{Audit, Batch, Store};
use targets::{Delivery, DeliveryError, Lane};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::desk::kept;
use crate::open_drills::{self, OpenDrill};
use crate::{Journal, Program};

/// The longest that incidents are left open.
const OPEN_MAX: Duration = Duration::from_secs(600);

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillOrder {
    /// The id of the rule.
    pub rule: String,
    /// The name of the test; without it, the first that fires.
    pub test: Option<String>,
    /// Who wants it, for the audit list.
    pub who: String,
    /// Whether nothing is sent.
    pub dry_run: bool,
    /// Whether targets are told too that would be told later.
    pub held: bool,
    /// How long incidents stay open, in milliseconds.
    pub open_ms: u64,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drilled {
    /// The drill's id, in the place of a finding's.
    pub id: String,
    /// The rule.
    pub rule: String,
    /// The name of the test.
    pub test: String,
    /// What people are told first.
    pub headline: String,
    /// Why the finding itself would be told to nobody now, if so.
    pub hidden_by: Option<String>,
    /// What each route said, a line each.
    pub why: Vec<String>,
    /// Where it goes.
    pub legs: Vec<DrillLeg>,
    /// Targets at which it stays open for now: [`DrillEnd`](crate::control::Request::DrillEnd) waits until it is over there.
    pub open: Vec<String>,
}

/// One target of a drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillLeg {
    /// The target.
    pub target: String,
    /// The hours that the finding would wait for.
    pub held_for: Option<String>,
    /// When they begin.
    pub until: Option<Timestamp>,
    /// What came of it; none if nothing was sent.
    pub outcome: Option<DrillOutcome>,
}

/// What came of one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DrillOutcome {
    /// The target took it, and said this.
    Delivered(String),
    /// It did not work, for this reason. A finding would be tried again.
    Failed(String),
    /// It will not work, for this reason: a finding would become a dead letter.
    Refused(String),
}

/// Where it was told that a drill is over, and what came of it.
pub type Closed = Vec<(String, DrillOutcome)>;

/// Makes what reads the files that tests of rules name.
#[derive(Clone)]
pub struct TestFiles(Arc<dyn Fn() -> Box<dyn Files> + Send + Sync>);

impl TestFiles {
    /// Files as `make` finds them when they are needed.
    #[must_use]
    pub fn new(make: impl Fn() -> Box<dyn Files> + Send + Sync + 'static) -> Self {
        TestFiles(Arc::new(make))
    }
}

impl Default for TestFiles {
    /// None: tests have their events in themselves.
    fn default() -> Self {
        TestFiles::new(|| Box::new(MemoryFiles::default()))
    }
}

impl fmt::Debug for TestFiles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TestFiles")
    }
}

/// What a drill needs of the service.
pub(crate) struct Drill {
    pub(crate) order: DrillOrder,
    pub(crate) program: Arc<Program>,
    pub(crate) lanes: Vec<(TargetName, Lane)>,
    pub(crate) store: Arc<Store>,
    pub(crate) journal: Journal,
    pub(crate) now: Timestamp,
    /// Something when the service ends.
    pub(crate) ends: watch::Receiver<Option<Duration>>,
}

/// What a drill has said so far, and to whom it has to say that it is over.
pub(crate) struct Begun {
    pub(crate) finding: Arc<FindingEvent>,
    pub(crate) open: BTreeMap<TargetName, Lane>,
    pub(crate) open_for: Duration,
}

impl Drill {
    /// Its id, in the place of a finding's: no finding has one with such a beginning.
    pub(crate) fn id(&self) -> String {
        format!("drill-{:x}", self.now.as_microsecond())
    }

    /// Holds it: says first what came of the messages, or why there are none, and then what came of closing what stays open.
    pub(crate) async fn hold(
        self,
        told: oneshot::Sender<Result<Drilled, String>>,
        closed: oneshot::Sender<Closed>,
    ) {
        let mut ends = self.ends.clone();
        let (store, journal, now, id) = (Arc::clone(&self.store), self.journal.clone(), self.now, self.id());
        let begun = match self.begin().await {
            Ok((drilled, begun)) => {
                // Whoever asked may have gone; what was begun is ended all the same.
                let _ = told.send(Ok(drilled));
                begun
            }
            Err(reason) => return drop(told.send(Err(reason))),
        };
        if begun.open.is_empty() {
            return drop(closed.send(Closed::new()));
        }
        let kept = begun.kept(now);
        tokio::select! {
            () = tokio::time::sleep(begun.open_for) => {}
            _ = ends.wait_for(Option::is_some) => {}
        }
        let over = begun.end().await;
        let unreached = over.iter().filter(|(_, outcome)| matches!(outcome, DrillOutcome::Failed(_)));
        let targets: BTreeSet<String> = unreached.map(|(target, _)| target.clone()).collect();
        if let Err(error) = open_drills::keep(&store, &id, &OpenDrill { targets, ..kept }, now).await {
            journal
                .warn("it cannot be noted that a drill is over")
                .with("id", id)
                .with("reason", error)
                .done();
        }
        let _ = closed.send(over);
    }

    async fn begin(self) -> Result<(Drilled, Begun), String> {
        let id = self.id();
        let Drill { order, program, lanes, store, journal, now, ends: _ } = self;
        // The rule is run, and the store is read.
        let (test, finding) = tokio::task::block_in_place(|| rehearsed(&program, &order, id))?;
        let json = serde_json::to_string(&finding).map_err(|error| error.to_string())?;
        let finding = FindingEvent::parse(&json).map_err(|error| error.to_string())?;
        let explanation = program.policy.routes.explain(&finding, now);
        let mut drilled = Drilled {
            id: finding.id().to_owned(),
            rule: order.rule.clone(),
            test,
            headline: route::Message::of(&finding).headline,
            hidden_by: tokio::task::block_in_place(|| hidden_by(&program, &store, &finding, now))?,
            why: explanation.to_string().lines().map(str::to_owned).collect(),
            legs: Vec::new(),
            open: Vec::new(),
        };
        let mut lanes: BTreeMap<TargetName, Lane> = lanes.into_iter().collect();
        let mut begun = Begun {
            finding: Arc::new(finding),
            open: BTreeMap::new(),
            open_for: Duration::from_millis(order.open_ms).min(OPEN_MAX),
        };
        let is_told = |leg: &Leg| !order.dry_run && (leg.held.is_none() || order.held);
        for leg in explanation.routing.legs.iter().filter(|leg| is_told(leg)) {
            if let Some(lane) = lanes.get(&leg.target).filter(|lane| lane.target.keeps_open()) {
                begun.open.insert(leg.target.clone(), lane.clone());
            }
        }
        if !begun.open.is_empty() {
            // From here on it is closed, whatever becomes of this process.
            let kept = open_drills::keep(&store, begun.finding.id(), &begun.kept(now), now).await;
            kept.map_err(|error| format!("it cannot be kept what is to be closed again: {error}"))?;
        }
        let mut sent = JoinSet::new();
        for (leg, opens) in explanation.routing.legs.iter().zip(&explanation.opens) {
            let place = drilled.legs.len();
            let mut told = DrillLeg {
                target: leg.target.to_string(),
                held_for: leg.held.as_ref().map(|held| held.hours.to_string()),
                until: *opens,
                outcome: None,
            };
            if is_told(leg) {
                match lanes.remove(&leg.target) {
                    Some(lane) => {
                        let (name, finding) = (leg.target.clone(), Arc::clone(&begun.finding));
                        sent.spawn(async move { (place, send(name, lane, finding, Kind::First).await) });
                    }
                    None => {
                        told.outcome =
                            Some(DrillOutcome::Failed("the service has no such target now".to_owned()));
                    }
                }
            }
            drilled.legs.push(told);
        }
        while let Some(joined) = sent.join_next().await {
            let Ok((place, outcome)) = joined else { continue };
            if let Some(leg) = drilled.legs.get_mut(place) {
                leg.outcome = Some(outcome);
            }
        }
        // One that gave no answer may have it all the same, so it is told that it is over too. One that refused it has nothing.
        begun.open.retain(|target, _| {
            let leg = drilled.legs.iter().find(|leg| leg.target == target.as_str());
            leg.is_some_and(|leg| !matches!(leg.outcome, Some(DrillOutcome::Refused(_))))
        });
        drilled.open = begun.open.keys().map(ToString::to_string).collect();
        note(&order, &drilled, &store, &journal, now).await;
        Ok((drilled, begun))
    }
}

impl Begun {
    /// How it is kept while it is open.
    fn kept(&self, now: Timestamp) -> OpenDrill {
        OpenDrill {
            finding: self.finding.json().to_owned(),
            targets: self.open.keys().map(ToString::to_string).collect(),
            until: now.checked_add(self.open_for).unwrap_or(now),
        }
    }

    /// Says that it is over where it stays open otherwise.
    pub(crate) async fn end(self) -> Closed {
        let mut closing = JoinSet::new();
        for (name, lane) in self.open {
            let finding = Arc::clone(&self.finding);
            closing.spawn(async move { (name.to_string(), send(name, lane, finding, Kind::Closing).await) });
        }
        let mut closed: Closed = closing.join_all().await;
        closed.sort_by(|one, other| one.0.cmp(&other.0));
        closed
    }
}

/// The test's finding as a drill, and the test's name.
fn rehearsed(program: &Program, order: &DrillOrder, id: String) -> Result<(String, Finding), String> {
    let rules = program.rules();
    let Some(rule) = rules.get(&order.rule) else {
        let meant = rules.nearest(&order.rule).map(|near| format!("; did you mean `{near}`?"));
        return Err(format!("the service runs no rule `{}`{}", order.rule, meant.unwrap_or_default()));
    };
    let files = (program.test_files.0)();
    let mut tests =
        rule.tests.iter().filter(|test| order.test.as_deref().is_none_or(|name| *test.name == *name));
    let fired = tests.find_map(|test| {
        let said = decide::test_findings(rules, rule, test, &program.context, &*files);
        let stands = said.into_iter().find(|finding| finding.detail.state == decide::State::Firing)?;
        Some((test.name.to_string(), stands))
    });
    let (test, finding) = fired.ok_or_else(|| nothing_fires(rule, order))?;
    Ok((test, finding.as_drill(id)))
}

fn nothing_fires(rule: &Rule, order: &DrillOrder) -> String {
    let id = &rule.id;
    match &order.test {
        Some(name) if rule.tests.iter().all(|test| *test.name != **name) => {
            let names: Vec<String> = rule.tests.iter().map(|test| format!("`{}`", test.name)).collect();
            format!("the rule `{id}` has no test `{name}`: it has {}", names.join(", "))
        }
        Some(name) => format!("the test `{name}` of the rule `{id}` makes no finding that stands"),
        None if rule.decision.kind() == DecisionKind::MetricFilter => {
            format!("the metric filter `{id}` counts and finds nothing: drill an alarm over its metric")
        }
        None if rule.tests.is_empty() => format!("the rule `{id}` has no tests: give it one that fires"),
        None => format!(
            "no test of the rule `{id}` fires as the service runs it: with its overrides, lists and accounts"
        ),
    }
}

/// Why the finding itself would be told to nobody.
fn hidden_by(
    program: &Program,
    store: &Store,
    finding: &FindingEvent,
    now: Timestamp,
) -> Result<Option<String>, String> {
    if let Some(one) = program.policy.suppressions.iter().find(|one| one.hides(finding)) {
        return Ok(Some(format!(
            "the suppression `{}` until {} ({}: {})",
            one.id, one.expires, one.owner, one.reason
        )));
    }
    let mut reader = store.reader().map_err(|error| error.to_string())?;
    let kept = kept(&reader.snapshot().map_err(|error| error.to_string())?)?;
    let silences = kept.silences.iter().map(|(silence, _)| silence).filter(|silence| silence.until > now);
    let hides = |pattern: &str| Pattern::parse(pattern).is_ok_and(|pattern| pattern.matches(finding.event()));
    let silence = silences.into_iter().find(|silence| hides(&silence.pattern));
    Ok(silence
        .map(|one| format!("the silence `{}` until {:.0} ({}: {})", one.id, one.until, one.who, one.why)))
}

/// Sends one message of a drill once.
async fn send(name: TargetName, lane: Lane, finding: Arc<FindingEvent>, kind: Kind) -> DrillOutcome {
    let Lane { target, policy, .. } = lane;
    let timeout = policy.attempt_timeout;
    let telling = Telling { kind, number: u32::from(kind != Kind::First), ..Telling::alone(&finding) };
    let shown = match FindingEvent::parse(&telling.within(finding.json())) {
        Ok(shown) => shown,
        Err(error) => return DrillOutcome::Refused(error.to_string()),
    };
    let delivery = Delivery::told(name, shown, telling, None);
    match tokio::time::timeout(timeout, target.deliver(&delivery)).await {
        Ok(Ok(receipt)) => DrillOutcome::Delivered(receipt.text),
        Ok(Err(DeliveryError::Retryable { reason, .. })) => DrillOutcome::Failed(reason),
        Ok(Err(DeliveryError::Permanent { reason })) => DrillOutcome::Refused(reason),
        Err(_) => DrillOutcome::Failed(format!("no answer within {} s", timeout.as_secs())),
    }
}

/// Notes it in the audit list, and counts its messages.
async fn note(order: &DrillOrder, drilled: &Drilled, store: &Arc<Store>, journal: &Journal, now: Timestamp) {
    let outcomes = drilled.legs.iter().filter_map(|leg| leg.outcome.as_ref());
    let delivered = outcomes.clone().filter(|one| matches!(one, DrillOutcome::Delivered(_))).count();
    let failed = outcomes.count() - delivered;
    let line = journal.info(if order.dry_run { "a drill was planned" } else { "a drill was held" });
    let line = line.with("rule", &order.rule).with("id", &drilled.id).with("by", &order.who);
    line.with("delivered", delivered).with("failed", failed).done();
    if order.dry_run {
        return;
    }
    let lines = drilled.legs.iter().map(|leg| match &leg.outcome {
        None => format!("{}: held, not sent", leg.target),
        Some(DrillOutcome::Delivered(answer)) => format!("{}: {answer}", leg.target),
        Some(DrillOutcome::Failed(reason) | DrillOutcome::Refused(reason)) => {
            format!("{}: failed: {reason}", leg.target)
        }
    });
    let at_ms = now.as_millisecond();
    let mut batch = Batch::new(at_ms);
    batch.count("drills/delivered", delivered as u64).count("drills/failed", failed as u64);
    batch.audit(Audit {
        at_ms,
        actor: order.who.clone(),
        action: "drill".to_owned(),
        subject: format!("rule {}", order.rule),
        detail: lines.collect::<Vec<_>>().join("\n").into_bytes(),
    });
    let store = Arc::clone(store);
    let kept =
        tokio::task::spawn_blocking(move || store.commit(batch).map_err(|refused| refused.error)).await;
    if let Ok(Err(error)) = kept {
        journal.warn("a drill could not be noted in the audit list").with("reason", error).done();
    }
}
