//! A storm of findings of one thing: few actions, each in the audit list, and one conversation that says what was done.

#![expect(clippy::unwrap_used, reason = "a test")]

mod kit;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kit::{Wanted, clock, feed, record, until};
use route::TargetName;
use service::{Plan, Response, Responses};
use store::{AuditCheck, Reader};
use targets::respond::{Action, Intending, Intention, Responder, ResponderSettings};
use targets::{Delivering, Delivery, Lane, Policy, Receipt, Target};

/// Something that is off until it is switched on.
#[derive(Default)]
struct Switch {
    on: AtomicBool,
    looks: AtomicUsize,
    acts: AtomicUsize,
}

impl Action for Switch {
    fn name(&self) -> &'static str {
        "switch-on"
    }

    fn intend<'a>(&'a self, _: &'a Delivery) -> Intending<'a> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        let intention = if self.on.load(Ordering::Relaxed) {
            Intention::Nothing { reason: "it is on".to_owned() }
        } else {
            Intention::Act { subject: "the trail".to_owned() }
        };
        Box::pin(async { Ok(intention) })
    }

    fn act<'a>(&'a self, _: &'a Delivery) -> Delivering<'a> {
        self.acts.fetch_add(1, Ordering::Relaxed);
        self.on.store(true, Ordering::Relaxed);
        Box::pin(async { Ok(Receipt::of("the trail is on again")) })
    }
}

/// Remembers conversations and what was said beside the findings.
#[derive(Default)]
struct Listener(Mutex<Vec<(String, Option<String>)>>);

impl Target for Listener {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        let telling = delivery.telling();
        self.0.lock().unwrap().push((telling.conversation.clone(), telling.note.clone()));
        Box::pin(async { Ok(Receipt::of("heard")) })
    }
}

fn plan(wanted: &Wanted, switch: &Arc<Switch>, listener: &Arc<Listener>) -> Plan {
    let mut plan = wanted.plan();
    let (people, lane) =
        (TargetName::new("recorder").unwrap(), TargetName::new("respond.switch-on").unwrap());
    plan.program.policy.fold.targets = BTreeSet::from([people.clone()]);
    plan.program.responses = Responses::new(vec![Response { lane: lane.clone(), pattern: None }]);
    let (switch, listener) = (Arc::clone(switch), Arc::clone(listener));
    plan.lanes = Arc::new(move |list| {
        let settings = ResponderSettings {
            name: "switch-on".to_owned(),
            dry_run: false,
            cool_down: Duration::from_millis(300),
            timeout: Duration::from_secs(30),
        };
        let responder = Responder::new(settings, switch.clone(), Arc::clone(list), clock());
        let policy = Policy {
            delay_base: Duration::from_millis(50),
            delay_max: Duration::from_millis(200),
            ..Policy::default()
        };
        let lane_of = |target: Arc<dyn Target>| Lane { target, policy: policy.clone(), queue_max: 64 };
        vec![(people.clone(), lane_of(listener.clone())), (lane.clone(), lane_of(Arc::new(responder)))]
    });
    plan
}

#[test]
fn a_storm_is_answered_once_and_told_in_one_conversation() {
    let folder = tempfile::tempdir().unwrap();
    let (source, hand) = feed("feed");
    let wanted = Wanted::new(folder.path(), vec![source]);
    let (switch, listener) = (Arc::new(Switch::default()), Arc::new(Listener::default()));
    let service = wanted.start_plan(plan(&wanted, &switch, &listener));
    let storm: Vec<String> = (0..1_000).map(|id| record(&id.to_string(), "StopLogging")).collect();
    for lines in storm.chunks(100) {
        assert!(hand.lines(lines).blocking_recv().unwrap().is_committed());
    }
    let status = || Reader::open(folder.path()).unwrap().snapshot().unwrap().status().unwrap();
    until("all are answered", || {
        let deliveries = status().deliveries;
        deliveries.created > 1_000 && deliveries.delivered == deliveries.created
    });
    until("it is said what was done", || {
        let said = listener.0.lock().unwrap();
        said.iter()
            .any(|(_, note)| note.as_deref().is_some_and(|note| note.contains("the trail is on again")))
    });
    assert!(switch.on.load(Ordering::Relaxed));
    assert_eq!(switch.acts.load(Ordering::Relaxed), 1);

    let said = listener.0.lock().unwrap().clone();
    let conversations: BTreeSet<&String> = said.iter().map(|(conversation, _)| conversation).collect();
    assert_eq!(conversations.len(), 1, "{said:?}");
    assert!(said.len() <= 5, "a thousand findings in {} messages", said.len());

    let mut reader = Reader::open(folder.path()).unwrap();
    let snapshot = reader.snapshot().unwrap();
    let actions: Vec<String> =
        snapshot.audit(0, 100).unwrap().into_iter().map(|row| row.entry.action).collect();
    assert_eq!(actions, ["switch-on intended", "switch-on done"]);
    assert!(matches!(snapshot.verify_audit(None).unwrap(), AuditCheck::Whole(_)));
    drop(service);
}
