//! What waits for time or for a person's answer is the same after a kill: held, folded, escalated, acknowledged, silenced.
//!
//! Each test is played twice: undisturbed, and with the process killed and begun anew on what it left behind after every step. Both must say the
//! same messages, each once.

#![expect(clippy::unwrap_used, reason = "a test")]

mod kit;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use context::WeeklySchedule;
use jiff::Timestamp;
use kit::{Hand, Hands, Wanted, counters, feed, killed, record_at, until};
use route::{
    During, Otherwise, Policy, Repeats, RouteDefinition, Routes, Severity, Standing, Suppression, TargetName,
    Unanswered,
};
use service::control::{Request, Response};
use service::{Plan, Service, unbalanced};
use store::Reader;
use targets::{Delivering, Delivery, Lane, Receipt, Target};
use tempfile::TempDir;

/// Everything that was said, by key: when, and what.
type Said = Arc<Mutex<BTreeMap<String, (Timestamp, usize, String)>>>;

/// A target that notes what it is told.
struct Listener {
    said: Said,
    hands: Hands,
}

impl Target for Listener {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        let telling = delivery.telling();
        let kind = format!("{:?}", telling.kind).to_lowercase();
        let note = telling.note.as_deref().map(|note| note.replace(&telling.conversation, "ID"));
        let note = note.map(|note| format!(" ({note})")).unwrap_or_default();
        let text = format!("{kind} to {} of {} findings{note}", delivery.target(), telling.findings);
        let mut said = self.said.lock().unwrap();
        let place = said.len();
        // Said again under the same key after a kill: the same words.
        let (_, _, before) = said.entry(delivery.key()).or_insert((self.hands.now(), place, text.clone()));
        assert_eq!(*before, text, "{}", delivery.key());
        Box::pin(async { Ok(Receipt::of("heard")) })
    }
}

fn name(text: &str) -> TargetName {
    TargetName::new(text).unwrap()
}

/// One route to `slack`; `oncall` and `boss` are there too, and all of them are people.
fn policy(change: impl FnOnce(&mut RouteDefinition)) -> Policy {
    let mut definition = RouteDefinition { to: vec!["slack".to_owned()], ..RouteDefinition::default() };
    change(&mut definition);
    let targets = ["slack", "oncall", "boss"].map(name);
    let mut policy = Policy::from(Routes::compile(&[definition], &targets, &targets).unwrap());
    policy.fold.targets = targets.into();
    policy
}

fn held(repeats: Repeats) -> impl FnOnce(&mut RouteDefinition) {
    let schedule = WeeklySchedule::parse("mon-fri", "09:00", "18:00", "Europe/Berlin").unwrap();
    let during = During { name: "business".into(), schedule };
    move |route| route.during = Some((during, Otherwise::Hold(repeats)))
}

/// What the first message says where somebody is to answer.
const ASKED: &str = "02:00:00 first to slack of 1 findings (oncall is told unless somebody acknowledges within 15 minutes (trailhound ack STATE ID))";

fn answered(route: &mut RouteDefinition) {
    let then = vec!["oncall".to_owned(), "boss".to_owned()];
    route.unanswered = Some(Unanswered { within: Duration::from_secs(15 * 60), then });
}

/// A service whose time is the test's.
struct World {
    folders: Vec<TempDir>,
    hands: Hands,
    said: Said,
    policy: Policy,
    /// Whether it is killed after each step.
    deadly: bool,
    running: Option<(Service, Hand)>,
    records: usize,
}

impl World {
    fn begin(policy: &Policy, deadly: bool) -> World {
        let hands = Hands::at("2026-11-03T02:00:00Z");
        let mut world = World {
            folders: vec![tempfile::tempdir().unwrap()],
            hands,
            said: Said::default(),
            policy: policy.clone(),
            deadly,
            running: None,
            records: 0,
        };
        world.start();
        world
    }

    fn folder(&self) -> &std::path::Path {
        self.folders.last().unwrap().path()
    }

    fn start(&mut self) {
        let (source, hand) = feed("feed");
        let wanted = Wanted::new(self.folder(), vec![source]);
        let mut plan: Plan = wanted.plan();
        plan.program.policy = self.policy.clone();
        let (said, hands) = (Arc::clone(&self.said), self.hands.clone());
        plan.lanes = Arc::new(move |_| {
            let lane = |target: &str| {
                let listener = Listener { said: Arc::clone(&said), hands: hands.clone() };
                let lane =
                    Lane { target: Arc::new(listener), policy: targets::Policy::default(), queue_max: 64 };
                (name(target), lane)
            };
            ["slack", "oncall", "boss"].map(lane).into()
        });
        self.running = Some((wanted.start_plan_at(plan, &self.hands.clock()), hand));
    }

    /// Kills it and begins anew on what it left, if that is wanted.
    fn step(&mut self) {
        self.settle();
        if self.deadly {
            self.kill();
        }
    }

    fn kill(&mut self) {
        let copy = killed(self.folder());
        let (service, _) = self.running.take().unwrap();
        self.folders.push(copy);
        service.handle().stop();
        service.wait().unwrap();
        self.start();
    }

    fn service(&self) -> &Service {
        &self.running.as_ref().unwrap().0
    }

    fn bring(&mut self, what: &str) -> String {
        let id = format!("e{}", self.records);
        self.records += 1;
        let (_, hand) = self.running.as_ref().unwrap();
        let line = record_at(&id, what, &format!("{:.0}", self.hands.now()));
        assert!(hand.lines(&[line]).blocking_recv().unwrap().is_committed());
        id
    }

    /// Waits until all that is to be said by now is said.
    fn settle(&mut self) {
        self.bring("DescribeTrails");
        until("all has arrived", || {
            let status = Reader::open(self.folder()).unwrap().snapshot().unwrap().status().unwrap();
            status.deliveries.delivered == status.deliveries.created
        });
    }

    fn at(&mut self, time: &str) -> &mut Self {
        self.hands.set(&format!("2026-11-03T{time}Z"));
        self.step();
        self
    }

    /// Something is found.
    fn found(&mut self) -> &mut Self {
        self.bring("StopLogging");
        self.step();
        self
    }

    /// The id of the newest finding.
    fn newest(&self) -> String {
        let filter = store::FindingFilter::default();
        let mut reader = Reader::open(self.folder()).unwrap();
        let page = reader.snapshot().unwrap().findings(&filter, None, 1).unwrap();
        page.findings[0].id.clone()
    }

    fn ask(&mut self, request: &Request) -> &mut Self {
        let answer = service::control::ask(self.folder(), request).unwrap();
        let done = matches!(&answer, Some(Response::Done | Response::Silenced { .. }));
        assert!(done, "{request:?}: {answer:?}");
        self.step();
        self
    }

    /// Ends; says what was said, in order, as `time text`.
    fn end(mut self) -> Vec<String> {
        self.settle();
        let (service, _) = self.running.take().unwrap();
        service.handle().stop();
        service.wait().unwrap();
        assert_eq!(unbalanced(&counters(self.folder())), Vec::<String>::new());
        let mut said: Vec<_> = self.said.lock().unwrap().values().cloned().collect();
        said.sort();
        said.into_iter().map(|(at, _, text)| format!("{} {text}", at.strftime("%H:%M:%S"))).collect()
    }
}

/// Plays something undisturbed and with kills; both must say what is wanted.
fn play(policy: &Policy, wanted: &[&str], play: impl Fn(&mut World)) {
    for deadly in [false, true] {
        let mut world = World::begin(policy, deadly);
        play(&mut world);
        assert_eq!(world.end(), wanted, "killed after each step: {deadly}");
    }
}

#[test]
fn what_is_held_is_told_when_the_hours_begin() {
    let policy = policy(held(Repeats { count: None, severity: None, to: Vec::new() }));
    let note = "held since 2026-11-03T02:00:00Z for the hours `business`";
    let wanted = [format!("08:00:00 first to slack of 3 findings ({note})")];
    play(&policy, &wanted.each_ref().map(String::as_str), |world| {
        world.found().at("02:10:00").found().at("07:59:59").found();
        world.at("08:00:00");
    });
}

#[test]
fn what_is_held_and_repeats_is_told_sooner() {
    let repeats =
        Repeats { count: Some(3), severity: Some(Severity::Critical), to: vec!["oncall".to_owned()] };
    let wanted = [
        "02:00:00 first to oncall of 3 findings (held, and told now because it came 3 times)",
        "03:00:00 closing to oncall of 3 findings (nothing more came; what comes later begins anew)",
        "08:00:00 first to slack of 3 findings (held since 2026-11-03T02:00:00Z for the hours `business`, others have been told)",
    ];
    play(&policy(held(repeats)), &wanted, |world| {
        world.found().found().found().at("03:00:00").at("08:00:00");
    });
}

#[test]
fn what_folds_is_said_with_a_count_and_closed() {
    let wanted = [
        "02:00:00 first to slack of 1 findings",
        "02:05:00 update to slack of 3 findings",
        "03:05:00 closing to slack of 3 findings (nothing more came; what comes later begins anew)",
        "03:06:00 first to slack of 1 findings",
    ];
    play(&policy(|_| {}), &wanted, |world| {
        world.found().found().found().at("02:04:59").at("02:05:00").at("03:05:00").at("03:06:00").found();
    });
}

#[test]
fn without_an_answer_the_next_are_told() {
    let wanted = [
        ASKED,
        "02:15:00 first to oncall of 1 findings (not acknowledged at slack within 15 minutes)",
        "02:30:00 first to boss of 1 findings (not acknowledged at oncall within 15 minutes)",
    ];
    play(&policy(answered), &wanted, |world| {
        world.found().at("02:14:59").at("02:15:00").at("02:30:00").at("02:59:00");
    });
}

#[test]
fn with_an_answer_nobody_else_is_told() {
    let wanted = [ASKED, "02:10:00 update to slack of 1 findings (acknowledged by alice)"];
    play(&policy(answered), &wanted, |world| {
        world.found().at("02:10:00");
        let finding = world.newest();
        world.ask(&Request::Acknowledge { finding, by: "alice".to_owned() }).at("02:15:00").at("02:45:00");
    });
}

#[test]
fn what_is_silenced_is_told_again_when_the_silence_is_over() {
    let silence = route::Silence {
        id: "s1".to_owned(),
        who: "alice".to_owned(),
        why: "a test".to_owned(),
        since: "2026-11-03T02:00:00Z".parse().unwrap(),
        until: "2026-11-03T03:00:00Z".parse().unwrap(),
        pattern: route::pattern_of(Some("logging-stopped"), None, None).unwrap(),
    };
    let wanted = ["03:00:00 first to slack of 1 findings"];
    play(&policy(|_| {}), &wanted, |world| {
        world.ask(&Request::Silence { silence: silence.clone() }).found().at("02:59:59").found();
        let mut reader = Reader::open(world.folder()).unwrap();
        let kept = ::service::kept(&reader.snapshot().unwrap()).unwrap();
        let (kept, hidden) = &kept.silences[0];
        assert_eq!((&*kept.who, &*kept.why, hidden.count), ("alice", "a test", 2), "who, why, and how much");
        world.at("03:00:00").found();
    });
}

#[test]
fn what_is_suppressed_is_counted_and_idle_ones_are_told_of_after_thirty_days() {
    let suppression = |id: &str, user: &str| Suppression {
        id: id.into(),
        reason: "a test".into(),
        owner: "security".into(),
        expires: "2027-01-31".parse().unwrap(),
        pattern: event_pattern::Pattern::parse(&format!(
            r#"{{"detail": {{"principal": {{"name": ["{user}"]}}}}}}"#
        ))
        .unwrap(),
    };
    let mut policy = policy(|_| {});
    policy.suppressions = vec![suppression("known", "mallory"), suppression("unused", "nobody")];
    play(&policy, &[], |world| {
        world.found().found();
        world.hands.set("2026-12-02T02:00:00Z");
        world.step();
        world.found();
        world.hands.set("2026-12-04T02:00:00Z");
        world.step();
        let mut reader = Reader::open(world.folder()).unwrap();
        let kept = ::service::kept(&reader.snapshot().unwrap()).unwrap();
        let now = world.hands.now();
        let shown: Vec<(&str, u64, bool)> =
            kept.suppressed.iter().map(|(id, hidden)| (&**id, hidden.count, hidden.is_idle(now))).collect();
        assert_eq!(shown, [("known", 3, false), ("unused", 0, true)]);
    });
}

#[test]
fn a_press_that_slack_saw_succeed_outlives_a_kill() {
    let mut world = World::begin(&policy(answered), false);
    world.found();
    let finding = world.newest();
    let payload = format!(
        r#"{{"type":"block_actions","user":{{"id":"U0123","username":"alice"}},"actions":[{{"block_id":"trailhound","action_id":"trailhound_mine","value":"{finding}"}}]}}"#
    );
    let escape = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    let body = format!("payload={}", payload.bytes().map(escape).collect::<String>());
    let (now, secret) = (world.hands.now().as_second(), targets::Secret::new(kit::SLACK_SECRET));
    let signature = targets::slack_interaction::sign(&secret, now, body.as_bytes());
    let headers = [("x-slack-request-timestamp", now.to_string()), ("x-slack-signature", signature)];
    let address = world.service().operations().unwrap();
    assert_eq!(kit::post(address, "/slack/actions", &headers, &body), 200);
    world.kill();
    world.at("02:15:00").at("02:45:00");
    let said = world.end();
    let [asked, answered] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!(asked, ASKED);
    // What follows from the press is said at once or, where the kill came first, at the next start.
    let words = "update to slack of 1 findings (acknowledged by alice (U0123), who says that it was them)";
    assert!(answered.ends_with(words), "{answered}");
}

#[test]
fn more_conversations_than_are_remembered_are_counted_and_shown() {
    let mut policy = policy(held(Repeats { count: None, severity: None, to: Vec::new() }));
    policy.fold.conversations_max = 3;
    policy.fold.by = vec![route::FoldBy::Region];
    let mut world = World::begin(&policy, false);
    let (_, hand) = world.running.as_ref().unwrap();
    for number in 0..5 {
        let line = record_at(&format!("r{number}"), "StopLogging", "2026-11-03T02:00:00Z");
        let line = line.replace("us-east-1", &format!("us-east-{number}"));
        assert!(hand.lines(&[line]).blocking_recv().unwrap().is_committed());
    }
    world.settle();
    let given_up = format!("conversations/given-up/{}", Standing::Held.name());
    assert_eq!(kit::counter(world.folder(), &given_up), 2);
    let (_, metrics) = kit::get(world.service().operations().unwrap(), "/metrics");
    for line in [
        "trailhound_conversations_given_up_total{standing=\"held\"} 2",
        "trailhound_conversations{standing=\"held\"} 3",
        "trailhound_findings_undelivered{state=\"held\"} 3",
        "trailhound_findings_undelivered{state=\"pending\"} 0",
        "trailhound_findings_undelivered{state=\"failed\"} 0",
        "trailhound_findings_total{outcome=\"held\"} 5",
    ] {
        assert!(metrics.lines().any(|shown| shown == line), "{line} is not in {metrics}");
    }
    let said = world.end();
    assert_eq!(said.len(), 2, "what is given up is told: {said:?}");
    assert!(
        said.iter().all(|said| said.contains("told now because there are too many conversations")),
        "{said:?}"
    );
}
