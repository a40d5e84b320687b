use std::sync::atomic::{AtomicU32, Ordering};

use jiff::SignedDuration;
use route::{FindingEvent, TargetName};

use super::*;

/// Remembers what it is told, or refuses.
#[derive(Default)]
struct List {
    notes: Mutex<Vec<Note>>,
    full: bool,
    unfinished: Option<String>,
}

impl AuditList for List {
    fn note(&self, note: Note) -> Result<(), NoteError> {
        if self.full {
            return Err(NoteError("the disk is full".to_owned()));
        }
        self.notes.lock().unwrap().push(note);
        Ok(())
    }

    fn unfinished(&self, _: &str, _: &str) -> Option<String> {
        self.unfinished.clone()
    }
}

/// Counts how often it acts.
struct Counts {
    intention: Intention,
    outcome: Result<Receipt, DeliveryError>,
    acts: AtomicU32,
    hangs: bool,
}

impl Action for Counts {
    fn name(&self) -> &'static str {
        "count"
    }

    fn intend<'a>(&'a self, _: &'a Delivery) -> Intending<'a> {
        Box::pin(async { Ok(self.intention.clone()) })
    }

    fn act<'a>(&'a self, _: &'a Delivery) -> Delivering<'a> {
        self.acts.fetch_add(1, Ordering::Relaxed);
        Box::pin(async {
            if self.hangs {
                std::future::pending::<()>().await;
            }
            self.outcome.clone()
        })
    }
}

struct World {
    list: Arc<List>,
    action: Arc<Counts>,
    responder: Responder,
    now: Arc<Mutex<Timestamp>>,
}

fn act() -> Intention {
    Intention::Act { subject: "a trail".to_owned() }
}

fn world(intention: Intention, outcome: Result<Receipt, DeliveryError>, dry_run: bool, full: bool) -> World {
    let action = Counts { intention, outcome, acts: AtomicU32::new(0), hangs: false };
    world_of(action, List { full, ..List::default() }, dry_run)
}

fn world_of(action: Counts, list: List, dry_run: bool) -> World {
    let now = Arc::new(Mutex::new("2026-11-03T02:41:10Z".parse().unwrap()));
    let (list, action) = (Arc::new(list), Arc::new(action));
    let (cool_down, timeout) = (Duration::from_secs(60), Duration::from_secs(30));
    let settings = ResponderSettings { name: "switch-on".to_owned(), dry_run, cool_down, timeout };
    let clock: Clock = Arc::new({
        let now = Arc::clone(&now);
        move || *now.lock().unwrap()
    });
    let responder = Responder::new(settings, action.clone(), list.clone(), clock);
    World { list, action, responder, now }
}

impl World {
    async fn respond(&self, account: &str) -> Result<Receipt, DeliveryError> {
        let json = format!(
            r#"{{"id": "a", "source": "trailhound", "detail-type": "Trailhound Finding", "account": "{account}", "detail": {{"rule": "r"}}}}"#
        );
        let name = TargetName::new("respond.switch-on").unwrap();
        self.responder.deliver(&Delivery::new(name, FindingEvent::parse(&json).unwrap())).await
    }

    fn stages(&self) -> Vec<(Stage, String)> {
        self.list.notes.lock().unwrap().iter().map(|note| (note.stage, note.said.clone())).collect()
    }

    fn acts(&self) -> u32 {
        self.action.acts.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn what_is_done_is_noted_before_and_after() {
    let world = world(act(), Ok(Receipt::of("it is on")), false, false);
    assert_eq!(world.respond("1").await, Ok(Receipt::of("it is on")));
    assert_eq!(world.stages(), [(Stage::Intended, String::new()), (Stage::Done, "it is on".to_owned())]);
    let note = world.list.notes.lock().unwrap()[0].clone();
    assert_eq!(
        (note.response.as_str(), note.action, note.subject.as_str()),
        ("switch-on", "count", "a trail")
    );
    assert_eq!(note.detail(), r#"{"finding":"a","revision":0,"rule":"r","said":""}"#);
}

#[tokio::test]
async fn a_dry_run_does_nothing() {
    let world = world(act(), Ok(Receipt::of("it is on")), true, false);
    assert_eq!(world.respond("1").await, Ok(Receipt::of("dry run: count of a trail was not done")));
    assert_eq!((world.acts(), world.stages()), (0, vec![(Stage::DryRun, String::new())]));
}

#[tokio::test]
async fn what_cannot_be_noted_is_not_done() {
    let world = world(act(), Ok(Receipt::of("it is on")), false, true);
    let error = world.respond("1").await.unwrap_err();
    assert_eq!(error, DeliveryError::retryable("not done, since it could not be noted: the disk is full"));
    assert_eq!(world.acts(), 0);
}

#[tokio::test]
async fn failures_and_refusals_are_noted() {
    let failed = world(act(), Err(DeliveryError::retryable("no answer")), false, false);
    failed.respond("1").await.unwrap_err();
    assert_eq!(failed.stages()[1], (Stage::Failed, "no answer".to_owned()));

    let refused =
        world(Intention::Refuse { reason: "our own doing".to_owned() }, Ok(Receipt::of("")), false, false);
    let error = refused.respond("1").await.unwrap_err();
    assert_eq!(error, DeliveryError::Permanent { reason: "refused: our own doing".to_owned() });
    assert_eq!((refused.acts(), refused.stages()), (0, vec![(Stage::Refused, "our own doing".to_owned())]));

    let nothing =
        world(Intention::Nothing { reason: "it is on".to_owned() }, Ok(Receipt::of("")), false, false);
    assert_eq!(nothing.respond("1").await, Ok(Receipt::of("nothing to do: it is on")));
    assert_eq!((nothing.acts(), nothing.stages()), (0, vec![]));
}

#[tokio::test(start_paused = true)]
async fn an_action_that_never_ends_is_noted_as_failed() {
    let hangs =
        Counts { intention: act(), outcome: Ok(Receipt::of("")), acts: AtomicU32::new(0), hangs: true };
    let world = world_of(hangs, List::default(), false);
    let error = world.respond("1").await.unwrap_err();
    assert_eq!(error, DeliveryError::retryable("not done within 30 s, and perhaps done later"));
    let failed = (Stage::Failed, "not done within 30 s, and perhaps done later".to_owned());
    assert_eq!(world.stages(), [(Stage::Intended, String::new()), failed]);
}

#[tokio::test]
async fn what_the_process_did_not_come_to_note_is_noted_when_it_is_seen() {
    let nothing = || Counts {
        intention: Intention::Nothing { reason: "it is on".to_owned() },
        outcome: Ok(Receipt::of("")),
        acts: AtomicU32::new(0),
        hangs: false,
    };
    let list = List { unfinished: Some("a trail".to_owned()), ..List::default() };
    let world = world_of(nothing(), list, false);
    world.respond("1").await.unwrap();
    let done = (Stage::Done, "it is on; the process ended while it acted".to_owned());
    assert_eq!((world.acts(), world.stages()), (0, vec![done]));
    assert_eq!(world.list.notes.lock().unwrap()[0].subject, "a trail");
}

#[tokio::test]
async fn an_account_cools_down_and_others_do_not_wait() {
    let world = world(act(), Ok(Receipt::of("it is on")), false, false);
    world.respond("1").await.unwrap();
    *world.now.lock().unwrap() += SignedDuration::from_secs(20);
    let error = world.respond("1").await.unwrap_err();
    assert!(matches!(&error, DeliveryError::Retryable { retry_after: None, .. }), "{error:?}");
    world.respond("2").await.unwrap();
    *world.now.lock().unwrap() += SignedDuration::from_secs(40);
    world.respond("1").await.unwrap();
    assert_eq!(world.acts(), 3);
}
