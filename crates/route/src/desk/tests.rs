use std::time::Duration;

use context::WeeklySchedule;
use event_pattern::Pattern;
use jiff::SignedDuration;
use proptest::prelude::*;

use super::gone::GONE;
use super::*;
use crate::{During, Otherwise, Repeats, RouteDefinition, Severity, Silence, Unanswered};

/// A finding of a rule about a principal.
#[derive(Debug, Clone)]
struct Found {
    id: &'static str,
    revision: u32,
    severity: &'static str,
    state: &'static str,
    who: &'static str,
    count: u64,
    alarm: bool,
}

const FOUND: Found =
    Found { id: "f1", revision: 0, severity: "high", state: "firing", who: "alice", count: 1, alarm: false };

impl Found {
    fn event(&self) -> FindingEvent {
        event(self.id, self)
    }
}

fn event(id: &str, found: &Found) -> FindingEvent {
    let Found { revision, severity, state, who, count, alarm, .. } = found;
    let json = serde_json::json!({
        "id": id, "source": "trailhound", "detail-type": "Trailhound Finding", "account": "111122223333",
        "time": "2026-11-03T02:41:09Z",
        "detail": {
            "rule": "root-use", "title": "Root", "severity": severity, "state": state, "revision": revision, "count": count,
            "principal": { "arn": who }, "alarm": alarm.then(|| serde_json::json!({})),
        },
    });
    FindingEvent::parse(&json.to_string()).unwrap()
}

fn name(text: &str) -> TargetName {
    TargetName::new(text).unwrap()
}

/// One route without a pattern to `slack`; `oncall`, `boss` and `lake` are there too; all but `lake` fold.
fn policy(change: impl FnOnce(&mut RouteDefinition)) -> Policy {
    let mut definition = RouteDefinition { to: vec!["slack".to_owned()], ..RouteDefinition::default() };
    change(&mut definition);
    let targets = ["slack", "oncall", "boss", "lake"].map(name);
    let routes = Routes::compile(&[definition], &targets, &targets).unwrap();
    let mut policy = Policy::from(routes);
    policy.fold.targets = ["slack", "oncall", "boss"].map(name).into();
    policy
}

fn held(repeats: Repeats) -> impl FnOnce(&mut RouteDefinition) {
    let schedule = WeeklySchedule::parse("mon-fri", "09:00", "18:00", "Europe/Berlin").unwrap();
    let during = During { name: "business".into(), schedule };
    move |route| route.during = Some((during, Otherwise::Hold(repeats)))
}

fn at(text: &str) -> Timestamp {
    format!("2026-11-03T{text}Z").parse().unwrap()
}

fn told(errands: &[Errand]) -> Vec<String> {
    errands
        .iter()
        .map(|Errand { target, telling, finding }| {
            let Telling { conversation, number, kind, findings, note, .. } = telling;
            let note = note.as_deref().map(|note| format!(" ({note})")).unwrap_or_default();
            let kind = format!("{kind:?}").to_lowercase();
            format!(
                "{kind} {conversation}:{number}:{target} shows {}:{} of {findings}{note}",
                finding.id, finding.revision
            )
        })
        .collect()
}

#[test]
fn the_first_is_told_at_once_and_repeats_fold() {
    let policy = policy(|_| {});
    let mut desk = Desk::default();
    let first = desk.take(&policy, &FOUND.event(), at("10:00:00"));
    assert_eq!(first.outcome, FindingOutcome::Sent);
    assert_eq!(told(&first.errands), ["first f1:0:slack shows f1:0 of 1"]);
    for (id, time) in [("f2", "10:00:01"), ("f3", "10:00:02")] {
        let taken = desk.take(&policy, &event(id, &FOUND), at(time));
        assert_eq!((taken.outcome, taken.errands.len()), (FindingOutcome::Folded, 0));
    }
    assert_eq!(desk.next(), Some(at("10:05:00")));
    assert_eq!(told(&desk.tick(&policy, at("10:04:59"))), [""; 0]);
    assert_eq!(told(&desk.tick(&policy, at("10:05:00"))), ["update f1:1:slack shows f3:0 of 3"]);
    let note = "nothing more came; what comes later begins anew";
    assert_eq!(
        told(&desk.tick(&policy, at("11:05:00"))),
        [format!("closing f1:2:slack shows f3:0 of 3 ({note})")]
    );
    // Settling says nothing new, however late it comes; another finding does.
    let settled = desk.take(&policy, &Found { revision: 1, ..FOUND }.event(), at("12:00:00"));
    assert_eq!((settled.outcome, settled.errands.len()), (FindingOutcome::Folded, 0));
    let next = desk.take(&policy, &event("f4", &FOUND), at("12:00:01"));
    assert_eq!(told(&next.errands), ["first f4:0:slack shows f4:0 of 1"]);
}

#[test]
fn one_finding_alone_is_told_once() {
    let policy = policy(|_| {});
    let mut desk = Desk::default();
    desk.take(&policy, &FOUND.event(), at("10:00:00"));
    let settled = desk.take(&policy, &Found { revision: 1, ..FOUND }.event(), at("10:20:00"));
    assert_eq!((settled.outcome, settled.errands.len()), (FindingOutcome::Folded, 0));
    let week = at("10:00:00") + SignedDuration::from_hours(7 * 24);
    assert_eq!(told(&desk.tick(&policy, week)), [""; 0]);
    desk.tick(&policy, week + SignedDuration::from_hours(48));
    assert!(desk.conversations.is_empty() && desk.timers.is_empty(), "and is forgotten");
}

#[test]
fn graver_and_over_are_told_at_once() {
    let policy = policy(|_| {});
    let mut desk = Desk::default();
    let alarm = Found { alarm: true, ..FOUND };
    desk.take(&policy, &alarm.event(), at("10:00:00"));
    let graver = Found { revision: 1, severity: "critical", count: 2, ..alarm };
    assert_eq!(
        told(&desk.take(&policy, &graver.event(), at("10:00:10")).errands),
        ["update f1:1:slack shows f1:1 of 1"]
    );
    assert_eq!(
        told(&desk.tick(&policy, at("23:00:00"))),
        [""; 0],
        "an alarm that stands is not closed for being quiet"
    );
    let over = Found { revision: 2, state: "resolved", ..graver };
    assert_eq!(
        told(&desk.take(&policy, &over.event(), at("23:00:10")).errands),
        ["closing f1:2:slack shows f1:2 of 1"]
    );
}

#[test]
fn machines_are_told_of_each() {
    let policy = policy(|route| route.to = vec!["lake".to_owned()]);
    let mut desk = Desk::default();
    for revision in 0..3 {
        let taken = desk.take(&policy, &Found { revision, ..FOUND }.event(), at("10:00:00"));
        assert_eq!(taken.outcome, FindingOutcome::Sent);
        assert_eq!(taken.errands.len(), 1);
        assert_eq!(taken.errands[0].telling, Telling::alone(&Found { revision, ..FOUND }.event()));
    }
    assert!(desk.changes().is_empty(), "and nothing is remembered");
}

#[test]
fn what_is_held_is_one_message_when_the_hours_begin() {
    let policy = policy(held(Repeats { count: None, severity: None, to: Vec::new() }));
    let mut desk = Desk::default();
    for (id, time) in [("f1", "02:00:00"), ("f2", "03:00:00"), ("f3", "04:00:00")] {
        let taken = desk.take(&policy, &event(id, &FOUND), at(time));
        assert_eq!((taken.outcome, taken.errands.len()), (FindingOutcome::Held, 0));
    }
    // Nine o'clock in Berlin's winter.
    assert_eq!(desk.next(), Some(at("08:00:00")));
    assert_eq!(told(&desk.tick(&policy, at("07:59:59"))), [""; 0]);
    assert_eq!(
        told(&desk.tick(&policy, at("08:00:00"))),
        ["first f1:0:slack shows f3:0 of 3 (held since 2026-11-03T02:00:00Z for the hours `business`)"]
    );
}

#[test]
fn what_is_held_and_repeats_is_told_sooner() {
    let others =
        Repeats { count: Some(3), severity: Some(Severity::Critical), to: vec!["oncall".to_owned()] };
    let policy = policy(held(others));
    let mut desk = Desk::default();
    desk.take(&policy, &FOUND.event(), at("02:00:00"));
    desk.take(&policy, &event("f2", &FOUND), at("02:01:00"));
    let third = desk.take(&policy, &event("f3", &FOUND), at("02:02:00"));
    assert_eq!(third.outcome, FindingOutcome::Sent);
    assert_eq!(
        told(&third.errands),
        ["first f1:0:oncall shows f3:0 of 3 (held, and told now because it came 3 times)"]
    );
    let fourth = desk.take(&policy, &event("f4", &FOUND), at("02:02:01"));
    assert_eq!((fourth.outcome, fourth.errands.len()), (FindingOutcome::Held, 0));
    let update = ["update f1:1:oncall shows f4:0 of 4"];
    assert_eq!(told(&desk.tick(&policy, at("02:07:00"))), update, "whoever was told hears how it goes on");
    let first = desk.tick(&policy, at("08:00:00"));
    assert_eq!(first.iter().filter(|errand| errand.target == name("slack")).count(), 1);

    let mut desk = Desk::default();
    let critical = Found { severity: "critical", ..FOUND };
    let taken = desk.take(&policy, &critical.event(), at("02:00:00"));
    assert_eq!(
        told(&taken.errands),
        ["first f1:0:oncall shows f1:0 of 1 (held, and told now because it is critical)"]
    );
}

/// What the first message says where somebody is to answer.
const ANSWER: &str =
    "oncall is told unless somebody acknowledges within 15 minutes (trailhound ack STATE f1)";

fn answered(route: &mut RouteDefinition) {
    let then = vec!["oncall".to_owned(), "boss".to_owned()];
    route.unanswered = Some(Unanswered { within: Duration::from_secs(15 * 60), then });
}

#[test]
fn without_an_answer_the_next_are_told() {
    let policy = policy(answered);
    let mut desk = Desk::default();
    let first = desk.take(&policy, &FOUND.event(), at("10:00:00"));
    assert_eq!(told(&first.errands), [format!("first f1:0:slack shows f1:0 of 1 ({ANSWER})")]);
    assert_eq!(told(&desk.tick(&policy, at("10:14:59"))), [""; 0]);
    assert_eq!(
        told(&desk.tick(&policy, at("10:15:00"))),
        ["first f1:1:oncall shows f1:0 of 1 (not acknowledged at slack within 15 minutes)"]
    );
    assert_eq!(
        told(&desk.tick(&policy, at("10:30:00"))),
        ["first f1:1:boss shows f1:0 of 1 (not acknowledged at oncall within 15 minutes)"]
    );
    assert_eq!(told(&desk.tick(&policy, at("10:59:59"))), [""; 0]);
}

#[test]
fn an_answer_is_told_and_nobody_else_is() {
    let policy = policy(answered);
    let mut desk = Desk::default();
    desk.take(&policy, &FOUND.event(), at("10:00:00"));
    let by = Acknowledged { by: "bob".to_owned(), at: at("10:10:00") };
    assert_eq!(desk.acknowledge(&policy, "f9", &by, at("10:10:00")), None);
    let errands = desk.acknowledge(&policy, "f1", &by, at("10:10:00")).unwrap();
    assert_eq!(told(&errands), ["update f1:1:slack shows f1:0 of 1 (acknowledged by bob)"]);
    assert_eq!(told(&desk.tick(&policy, at("10:45:00"))), [""; 0]);
    // What has become graver is another question.
    let graver = Found { severity: "critical", revision: 1, ..FOUND };
    desk.take(&policy, &graver.event(), at("10:46:00"));
    let next = desk.tick(&policy, at("11:01:00"));
    assert_eq!(next.iter().filter(|errand| errand.target == name("oncall")).count(), 1);
}

fn silence() -> Silence {
    Silence {
        id: "s1".to_owned(),
        who: "alice".to_owned(),
        why: "a test".to_owned(),
        since: at("09:00:00"),
        until: at("11:00:00"),
        pattern: crate::pattern_of(Some("root-use"), None, Some("alice")).unwrap(),
    }
}

#[test]
fn what_is_known_to_be_good_is_counted_and_told_to_nobody() {
    let mut policy = policy(|_| {});
    policy.suppressions.push(Suppression {
        id: "bobs-job".into(),
        reason: "his job".into(),
        owner: "security".into(),
        expires: "2026-11-03".parse().unwrap(),
        pattern: Pattern::parse(r#"{"detail": {"principal": {"arn": ["bob"]}}}"#).unwrap(),
    });
    let mut desk = Desk::default();
    desk.meet(&policy, at("08:00:00"));
    desk.silence(silence()).unwrap();
    let bob = desk.take(&policy, &Found { who: "bob", ..FOUND }.event(), at("10:00:00"));
    assert_eq!((bob.outcome, bob.hidden_by.as_deref()), (FindingOutcome::Suppressed, Some("bobs-job")));
    let alice = desk.take(&policy, &FOUND.event(), at("10:00:00"));
    assert_eq!((alice.outcome, alice.hidden_by.as_deref()), (FindingOutcome::Silenced, Some("s1")));
    assert_eq!(desk.take(&policy, &FOUND.event(), at("11:00:00")).outcome, FindingOutcome::Sent);
    assert_eq!(desk.suppressed["bobs-job"].count, 1);
    assert_eq!(desk.silences["s1"].hidden.count, 1);
    let later = |days: i64| at("10:00:00") + SignedDuration::from_hours(24 * days);
    assert!(desk.idle(later(29)).is_empty());
    assert_eq!(desk.idle(later(30)), ["bobs-job"]);
    assert!(desk.unsilence("s1") && !desk.unsilence("s1"));
}

#[test]
fn whoever_was_told_hears_the_end_though_it_is_silenced_meanwhile() {
    let policy = policy(|_| {});
    let mut desk = Desk::default();
    let alarm = Found { alarm: true, ..FOUND };
    desk.take(&policy, &alarm.event(), at("09:30:00"));
    desk.silence(silence()).unwrap();
    let more = Found { revision: 1, count: 2, ..alarm };
    assert_eq!(desk.take(&policy, &more.event(), at("09:40:00")).outcome, FindingOutcome::Silenced);
    let over = Found { revision: 2, state: "resolved", ..alarm };
    assert_eq!(
        told(&desk.take(&policy, &over.event(), at("09:50:00")).errands),
        ["closing f1:1:slack shows f1:2 of 1"]
    );
}

#[test]
fn a_storm_is_a_message_with_a_count_and_little_memory() {
    let policy = policy(|_| {});
    let mut desk = Desk::default();
    let mut messages = 0;
    for number in 0..100_000_u32 {
        let now = at("10:00:00") + SignedDuration::from_millis(i64::from(number));
        messages += desk.take(&policy, &event(&format!("f{number}"), &FOUND), now).errands.len();
    }
    assert_eq!(messages, 1);
    let [update] = &desk.tick(&policy, at("10:05:00"))[..] else { panic!("one update") };
    assert_eq!((update.telling.findings, update.telling.folded), (100_000, 99_999));
    let rows = desk.changes();
    let bytes: usize = rows.iter().filter_map(|row| Some(row.value.as_ref()?.1.len())).sum();
    assert!(rows.len() == 1 && bytes < 20_000, "{bytes} bytes in {} rows", rows.len());
}

/// Fifty groups at once, in turn, at a target that is told at once and one that waits for hours; what is held escalates, what is told goes
/// unanswered to others, and here and there it becomes graver.
#[test]
fn a_storm_of_many_groups_is_a_message_each_for_every_target_and_pace() {
    let hold = |route: &mut RouteDefinition| {
        held(Repeats { count: Some(200), severity: None, to: vec!["boss".to_owned()] })(route);
    };
    let targets = ["slack", "oncall", "boss", "lake"].map(name);
    let (mut now_route, mut held_route) = (RouteDefinition::default(), RouteDefinition::default());
    now_route.to = vec!["slack".to_owned()];
    now_route.proceed = true;
    answered(&mut now_route);
    held_route.to = vec!["lake".to_owned()];
    hold(&mut held_route);
    let mut policy = Policy::from(Routes::compile(&[now_route, held_route], &targets, &targets).unwrap());
    policy.fold.targets = ["slack", "oncall", "boss", "lake"].map(name).into();
    let mut desk = Desk::default();
    let mut said: BTreeMap<TargetName, u64> = BTreeMap::new();
    let mut count = |errands: Vec<Errand>| {
        for errand in errands {
            *said.entry(errand.target).or_default() += 1;
        }
    };
    // Within twenty minutes of a night.
    for number in 0..20_000_usize {
        let now = at("02:00:00") + SignedDuration::from_millis(60 * i64::try_from(number).unwrap());
        while desk.next().is_some_and(|next| next <= now) {
            count(desk.tick(&policy, now));
        }
        let severity = if number % 4_000 < 50 { "critical" } else { "high" };
        let mut json: serde_json::Value = serde_json::from_str(FOUND.event().json()).unwrap();
        json["id"] = format!("f{number}").into();
        json["detail"]["principal"]["arn"] = format!("p{}", number % 50).into();
        json["detail"]["severity"] = severity.into();
        count(desk.take(&policy, &FindingEvent::parse(&json.to_string()).unwrap(), now).errands);
    }
    let at_target = |target: &str| said.get(&name(target)).copied().unwrap_or_default();
    // The first, and an update in every five minutes of twenty.
    assert!((50 * 4..=50 * 5).contains(&at_target("slack")), "{said:?}");
    // Held all night, and told to the next when it has come two hundred times.
    assert_eq!(at_target("lake"), 0, "{said:?}");
    // Each group came four hundred times: `boss` hears of what is held, `oncall` of what nobody answers; both go on with its pace.
    assert!(
        (50..=50 * 5).contains(&at_target("boss")) && (50..=50 * 3).contains(&at_target("oncall")),
        "{said:?}"
    );
    let findings: u64 = Standing::ALL.iter().map(|standing| desk.count(*standing).conversations).sum();
    assert_eq!(findings, 200, "a conversation for each group and target");
    let bytes: usize = desk.changes().iter().filter_map(|row| Some(row.value.as_ref()?.1.len())).sum();
    assert!(bytes < 200 * 20_000, "{bytes} bytes");
}

#[test]
fn conversations_are_bounded() {
    let policy = policy(|_| {});
    let mut desk = Desk::default();
    let max = Fold::CONVERSATIONS_MAX;
    for number in 0..max + 10 {
        let taken = desk.take(&policy, &of_somebody(number, &FOUND), at("10:00:00"));
        assert_eq!(taken.outcome, FindingOutcome::Sent);
    }
    assert_eq!(desk.conversations.len(), max);
    assert_eq!(desk.timers.len(), max);
    let count = Count { conversations: max as u64, findings: max as u64 };
    assert_eq!(desk.count(Standing::Open), count);
    assert_eq!(desk.given_up(), BTreeMap::from([(Standing::Open, 10)]));
    assert_eq!(desk.given_up(), BTreeMap::new(), "it was said");
}

/// A finding of its own conversation.
fn of_somebody(number: usize, found: &Found) -> FindingEvent {
    let mut json: serde_json::Value = serde_json::from_str(found.event().json()).unwrap();
    json["id"] = format!("f{number}").into();
    json["detail"]["principal"]["arn"] = format!("p{number}").into();
    FindingEvent::parse(&json.to_string()).unwrap()
}

#[test]
fn what_is_given_up_is_counted_and_says_what_it_had_to_say() {
    let mut policy = policy(answered);
    policy.fold.conversations_max = 2;
    let mut desk = Desk::default();
    desk.take(&policy, &of_somebody(1, &FOUND), at("10:00:00"));
    desk.take(&policy, &of_somebody(2, &FOUND), at("10:00:01"));
    let by = Acknowledged { by: "bob".to_owned(), at: at("10:00:02") };
    desk.acknowledge(&policy, "f2", &by, at("10:00:02")).unwrap();
    // More of what somebody has in hand, that is not told yet.
    let more = Found { revision: 1, count: 2, ..FOUND };
    assert_eq!(desk.take(&policy, &of_somebody(2, &more), at("10:00:03")).outcome, FindingOutcome::Folded);
    // Whoever has it in hand loses less than somebody whom nobody answered, though it was quiet for longer.
    let crowded = "there are too many conversations: what comes later begins anew";
    let third = desk.take(&policy, &of_somebody(3, &FOUND), at("10:00:04"));
    assert_eq!(
        told(&third.errands),
        [
            format!("closing f2:2:slack shows f2:1 of 1 ({crowded})"),
            format!("first f3:0:slack shows f3:0 of 1 ({})", ANSWER.replace("f1", "f3"))
        ]
    );
    assert_eq!(desk.count(Standing::Unanswered).conversations, 2);
    desk.take(&policy, &of_somebody(4, &FOUND), at("10:00:05"));
    assert_eq!(desk.given_up(), BTreeMap::from([(Standing::Open, 1), (Standing::Unanswered, 1)]));
    let rows = desk.changes();
    assert_eq!(rows.iter().filter(|row| row.value.is_some()).count(), 2, "the others are deleted");
}

#[test]
fn what_is_held_and_given_up_is_told() {
    let mut policy = policy(held(Repeats { count: None, severity: None, to: Vec::new() }));
    policy.fold.conversations_max = 1;
    let mut desk = Desk::default();
    assert_eq!(desk.take(&policy, &of_somebody(1, &FOUND), at("02:00:00")).outcome, FindingOutcome::Held);
    assert_eq!(desk.count(Standing::Held), Count { conversations: 1, findings: 1 });
    let second = desk.take(&policy, &of_somebody(2, &FOUND), at("02:00:01"));
    assert_eq!(
        told(&second.errands),
        [
            "first f1:0:slack shows f1:0 of 1 (held since 2026-11-03T02:00:00Z for the hours `business`; told now because there are \
          too many conversations: what comes later begins anew)"
        ]
    );
    assert_eq!(second.outcome, FindingOutcome::Held);
    assert_eq!(desk.given_up(), BTreeMap::from([(Standing::Held, 1)]));
}

/// What `oncall` was told is given up for want of room, and then what was acknowledged becomes graver and nobody answers.
#[test]
fn what_is_passed_on_again_goes_on_counting() {
    let mut policy = policy(answered);
    policy.fold.conversations_max = 3;
    let found = |id, severity| Happening::Found { id, severity, resolved: false };
    let happenings = [
        found(4, 0),
        found(0, 0),
        Happening::Minutes(30),
        Happening::Acknowledged(0),
        found(0, 1),
        Happening::Minutes(15),
    ];
    let said = play(&policy, &happenings, false);
    let oncall = said.iter().filter(|one| one.target == name("oncall") && one.telling.conversation == "f0");
    assert_eq!(oncall.map(|one| one.telling.number).collect::<Vec<_>>(), [1, 2]);
}

/// Whether the messages of each conversation at each target count on; one that begins anew with a later revision counts from a thousand
/// times that on.
fn without_gaps(said: &[Errand]) -> Result<(), String> {
    let mut last: BTreeMap<(&str, &TargetName), u32> = BTreeMap::new();
    for errand in said {
        let Telling { conversation, number, .. } = &errand.telling;
        let Some(before) = last.insert((conversation, &errand.target), *number) else { continue };
        if before + 1 != *number && before / 1_000 >= *number / 1_000 {
            return Err(format!("{errand:?} comes after {before}"));
        }
    }
    Ok(())
}

#[test]
fn a_conversation_whose_finding_is_gone_ends_with_a_word() {
    let policy = policy(|_| {});
    let mut desk = Desk::default();
    desk.take(&policy, &Found { alarm: true, ..FOUND }.event(), at("10:00:00"));
    desk.take(&policy, &event("f2", &FOUND), at("10:00:01"));
    let [update] = &desk.tick(&policy, at("10:05:00"))[..] else { panic!("one update") };
    let (last, shown) = desk.without_finding(update.clone(), at("10:05:00")).unwrap();
    assert_eq!(told(&[last]), [format!("closing f1:1:slack shows f2:0 of 2 ({GONE})")]);
    let shown = FindingEvent::parse(&shown).unwrap();
    assert_eq!((shown.id(), shown.rule(), shown.severity()), ("f2", "root-use", Severity::High));
    let message = crate::Message::of(&shown);
    assert_eq!(message.headline, "[unknown] root-use: what it found is no longer kept");
    assert_eq!(desk.count(Standing::Closed).conversations, 1);
    assert_eq!(desk.note(&policy, "f1", "done", at("10:06:00")), [], "it is closed");
    // What is found later begins anew, and what is of no conversation has none to close.
    let next = desk.take(&policy, &event("f3", &FOUND), at("10:07:00"));
    assert_eq!(told(&next.errands), ["first f3:0:slack shows f3:0 of 1"]);
    let alone = Errand { telling: Telling::alone(&FOUND.event()), ..update.clone() };
    assert!(desk.without_finding(alone, at("10:08:00")).is_none());
    desk.tick(&policy, at("10:07:00") + SignedDuration::from_hours(24 * 40));
    assert!(desk.conversations.is_empty() || desk.count(Standing::Closed).conversations == 1);
}

/// What can happen to a desk.
#[derive(Debug, Clone)]
enum Happening {
    Found { id: u8, severity: usize, resolved: bool },
    Acknowledged(u8),
    Noted(u8),
    Minutes(u16),
    Restart,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => (0..6_u8, 0..5_usize, prop::bool::weighted(0.2))
            .prop_map(|(id, severity, resolved)| Happening::Found { id, severity, resolved }),
        1 => (0..6_u8).prop_map(Happening::Acknowledged),
        1 => (0..6_u8).prop_map(Happening::Noted),
        3 => (0..600_u16).prop_map(Happening::Minutes),
        1 => (2_000..6_000_u16).prop_map(Happening::Minutes),
        2 => Just(Happening::Restart),
    ]
}

/// What a desk says to what happens; with `restarts` it is kept and restored where that happens.
fn play(policy: &Policy, happenings: &[Happening], restarts: bool) -> Vec<Errand> {
    let mut desk = Desk::default();
    let mut kept: BTreeMap<Vec<u8>, (u32, Vec<u8>)> = BTreeMap::new();
    let mut now = at("06:00:00");
    let mut revisions = [0_u32; 6];
    let mut said = Vec::new();
    let id = |id: u8| format!("f{id}");
    for happening in happenings {
        match happening {
            Happening::Found { id: of, severity, resolved } => {
                let revision = &mut revisions[usize::from(*of)];
                let found = Found {
                    revision: *revision,
                    severity: Severity::ALL[*severity].name(),
                    state: if *resolved { "resolved" } else { "firing" },
                    who: if *of < 4 { "alice" } else { "bob" },
                    count: u64::from(*revision) + 1,
                    alarm: of % 2 == 0,
                    ..FOUND
                };
                *revision += 1;
                said.extend(desk.take(policy, &event(&id(*of), &found), now).errands);
            }
            Happening::Acknowledged(of) => {
                let by = Acknowledged { by: "carol".to_owned(), at: now };
                said.extend(desk.acknowledge(policy, &id(*of), &by, now).unwrap_or_default());
            }
            Happening::Noted(of) => said.extend(desk.note(policy, &id(*of), "done", now)),
            Happening::Minutes(minutes) => {
                // The time comes in steps, as it does to whoever asks every now and then.
                let until = now + SignedDuration::from_mins(i64::from(*minutes));
                while let Some(next) = desk.next().filter(|next| *next <= until) {
                    said.extend(desk.tick(policy, next));
                }
                now = until;
            }
            Happening::Restart if restarts => {
                for Row { key, value } in desk.changes() {
                    match value {
                        Some(value) => drop(kept.insert(key, value)),
                        None => drop(kept.remove(&key)),
                    }
                }
                let rows = kept.iter().map(|(key, (version, value))| (&key[..], *version, &value[..]));
                desk = Desk::restore(rows, policy, now).unwrap();
            }
            Happening::Restart => {}
        }
    }
    said
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// No message is said twice, a restart changes nothing of what is said, and whoever is told of something hears all of it.
    #[test]
    fn each_message_is_said_once_whatever_happens(
        happenings in prop::collection::vec(happening(), 1..60),
        holds in any::<bool>(),
        waits in any::<bool>(),
        crowded in any::<bool>(),
    ) {
        let mut policy = policy(|route| {
            if holds {
                held(Repeats { count: Some(4), severity: None, to: vec!["boss".to_owned()] })(route);
            }
            if waits {
                answered(route);
            }
        });
        if crowded {
            policy.fold.conversations_max = 3;
        }
        let said = play(&policy, &happenings, false);
        let gap = without_gaps(&said);
        prop_assert!(gap.is_ok(), "{gap:?}");
        let mut keys = BTreeSet::new();
        let mut numbers: BTreeMap<(String, TargetName), u32> = BTreeMap::new();
        for errand in &said {
            let Telling { conversation, number, .. } = &errand.telling;
            let place = (conversation.clone(), errand.target.clone());
            prop_assert!(keys.insert((place.clone(), *number)), "{errand:?} is said twice");
            let before = numbers.insert(place, *number);
            prop_assert!(before.is_none_or(|before| before < *number), "{errand:?} goes back");
        }
        prop_assert_eq!(play(&policy, &happenings, true), said);
    }
}
