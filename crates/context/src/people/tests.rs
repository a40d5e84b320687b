//! Who is behind a caller: records beside the person they lead to, and the attempts of others to look like somebody.

use cloudtrail::{Decoder, Item, Principal};
use proptest::prelude::*;

use super::*;

/// What is read of records, and the callers of those that are neither calls to STS nor of the sign-in.
fn read(records: &[String]) -> (Vec<Handover>, Vec<Principal>) {
    let text = format!("{{\"Records\":[{}]}}", records.join(","));
    let (mut handovers, mut callers) = (Vec::new(), Vec::new());
    let decoded = Decoder::default().decode(text.as_bytes(), None, |item| {
        let Item::Event(event) = item else { panic!("{item:?}") };
        handovers.extend(Handover::of(&event));
        let record = event.record().unwrap();
        let from = |service: &str| record.event_source.is_some_and(|source| source.is(service));
        if !from("sts.amazonaws.com") && !from("signin.amazonaws.com") {
            callers.push(Principal::of(record));
        }
    });
    assert!(decoded.trouble.is_none(), "{:?}", decoded.trouble);
    (handovers, callers)
}

fn sts(call: &str, identity: &str, rest: &str) -> String {
    format!(
        r#"{{"eventSource":"sts.amazonaws.com","eventName":"{call}","eventTime":"2026-07-01T10:00:00Z","eventID":"{call}{}","userIdentity":{{{identity}}}{rest}}}"#,
        identity.len() + rest.len()
    )
}

fn gives(key: &str) -> String {
    format!(r#","responseElements":{{"credentials":{{"accessKeyId":"{key}","sessionToken":"x"}}}}"#)
}

fn session(key: &str) -> String {
    format!(
        r#""type":"AssumedRole","accessKeyId":"{key}","arn":"arn:aws:sts::111122223333:assumed-role/r/s-1","principalId":"AROA:s-1""#
    )
}

fn call(identity: &str) -> String {
    format!(
        r#"{{"eventSource":"ec2.amazonaws.com","eventName":"RunInstances","eventTime":"2026-07-01T11:00:00Z","eventID":"c","userIdentity":{{{identity}}}}}"#
    )
}

/// The person behind the caller of the last record.
fn behind(records: &[String]) -> Option<String> {
    let (handovers, callers) = read(records);
    let of = |handovers: &mut dyn Iterator<Item = &Handover>| {
        let mut people = People::default();
        for handover in handovers {
            people.take(handover.clone());
        }
        people.behind(callers.last().unwrap()).person.map(|person| person.to_string())
    };
    let (forwards, backwards) = (of(&mut handovers.iter()), of(&mut handovers.iter().rev()));
    assert_eq!(forwards, backwards, "the order of {handovers:?}");
    forwards
}

const ALICE: &str = r#""type":"IAMUser","userName":"alice","accessKeyId":"AKIAALICE""#;

#[test]
fn chains_lead_to_people() {
    let saml = r#""type":"SAMLUser","userName":"bob@example.com""#;
    let pod = r#""type":"WebIdentityUser","userName":"system:serviceaccount:kube-system:autoscaler""#;
    let carol = r#""type":"AssumedRole","accessKeyId":"ASIA0","arn":"arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/carol@example.com""#;
    let source = r#""type":"AssumedRole","accessKeyId":"ASIA0","sessionContext":{"sourceIdentity":"dan"},"arn":"arn:aws:sts::111122223333:assumed-role/r/s""#;
    let account = r#""type":"AWSAccount","principalId":"AROAX:s","accountId":"444455556666""#;
    let shared = r#","sharedEventID":"d488c322-cb8e-7c8f-3172-8767cc6a387b""#;
    for (name, records, expected) in [
        ("one role", vec![sts("AssumeRole", ALICE, &gives("ASIA1")), call(&session("ASIA1"))], Some("alice")),
        (
            "a token",
            vec![sts("GetSessionToken", ALICE, &gives("ASIA1")), call(&session("ASIA1"))],
            Some("alice"),
        ),
        (
            "saml",
            vec![sts("AssumeRoleWithSAML", saml, &gives("ASIA1")), call(&session("ASIA1"))],
            Some("bob@example.com"),
        ),
        (
            "a pod is no person",
            vec![sts("AssumeRoleWithWebIdentity", pod, &gives("ASIA1")), call(&session("ASIA1"))],
            None,
        ),
        (
            "identity center, two roles on",
            vec![
                sts("AssumeRole", carol, &gives("ASIA1")),
                sts("AssumeRole", &session("ASIA1"), &gives("ASIA2")),
                call(&session("ASIA2")),
            ],
            Some("carol@example.com"),
        ),
        (
            "a source identity",
            vec![sts("AssumeRole", source, &gives("ASIA1")), call(&session("ASIA1"))],
            Some("dan"),
        ),
        (
            "another account's copy has the key, the caller's says who",
            vec![
                sts("AssumeRole", account, &format!("{}{shared}", gives("ASIA1"))),
                sts("AssumeRole", ALICE, shared),
                call(&session("ASIA1")),
            ],
            Some("alice"),
        ),
        (
            "both copies have the key",
            vec![
                sts("AssumeRole", ALICE, &format!("{}{shared}", gives("ASIA1"))),
                sts("AssumeRole", account, &format!("{}{shared}", gives("ASIA1"))),
                call(&session("ASIA1")),
            ],
            Some("alice"),
        ),
        ("another key", vec![sts("AssumeRole", ALICE, &gives("ASIA1")), call(&session("ASIA2"))], None),
        (
            "refused",
            vec![
                sts("AssumeRole", ALICE, r#","errorCode":"AccessDenied","responseElements":null"#),
                call(&session("ASIA1")),
            ],
            None,
        ),
        (
            "a circle",
            vec![
                sts("AssumeRole", &session("ASIA1"), &gives("ASIA2")),
                sts("AssumeRole", &session("ASIA2"), &gives("ASIA1")),
                call(&session("ASIA1")),
            ],
            None,
        ),
        (
            "an instance's role",
            vec![
                sts(
                    "AssumeRole",
                    r#""type":"AWSService","invokedBy":"ec2.amazonaws.com""#,
                    &format!("{}{shared}", gives("ASIA1")),
                ),
                call(&session("ASIA1")),
            ],
            None,
        ),
    ] {
        assert_eq!(behind(&records).as_deref(), expected, "{name}");
    }
}

/// A session of the role `r` by its name, with the key that signs and when it began.
fn console(name: &str, key: &str, created: &str) -> String {
    format!(
        r#""type":"AssumedRole","principalId":"AROA:{name}","arn":"arn:aws:sts::111122223333:assumed-role/r/{name}","accountId":"111122223333","accessKeyId":"{key}","sessionContext":{{"sessionIssuer":{{"type":"Role","arn":"arn:aws:iam::111122223333:role/r","userName":"r"}},"attributes":{{"creationDate":"{created}","mfaAuthenticated":"true"}}}}"#
    )
}

/// A call to STS by `identity` that begins a session of the role `r`, at a time.
fn begins(identity: &str, name: &str, key: &str, time: &str, rest: &str) -> String {
    format!(
        r#"{{"eventSource":"sts.amazonaws.com","eventName":"AssumeRole","eventTime":"{time}","eventID":"{key}{}","userIdentity":{{{identity}}},"responseElements":{{"credentials":{{"accessKeyId":"{key}"}},"assumedRoleUser":{{"arn":"arn:aws:sts::111122223333:assumed-role/r/{name}"}}}}{rest}}}"#,
        identity.len()
    )
}

/// The console's word of a switch to the role `r`.
fn switched(from: &str, name: &str, time: &str, outcome: &str) -> String {
    format!(
        r#"{{"eventSource":"signin.amazonaws.com","eventName":"SwitchRole","eventType":"AwsConsoleSignIn","eventTime":"{time}","eventID":"s{from}","userIdentity":{{"type":"AssumedRole","principalId":"AROA:{name}","arn":"arn:aws:sts::111122223333:assumed-role/r/{name}","accountId":"111122223333"}},"requestParameters":null,"responseElements":{{"SwitchRole":"{outcome}"}},"additionalEventData":{{"SwitchFrom":"{from}","RedirectTo":"https://console.aws.amazon.com/console/home"}},"recipientAccountId":"111122223333"}}"#
    )
}

const BOB: &str =
    r#""type":"IAMUser","arn":"arn:aws:iam::111122223333:user/bob","userName":"bob","accessKeyId":"ASIABOB""#;
const MALLORY: &str = r#""type":"IAMUser","arn":"arn:aws:iam::111122223333:user/mallory","userName":"mallory","accessKeyId":"AKIAMALLORY""#;
const BOB_HERE: &str = "arn:aws:iam::111122223333:user/team/bob";
const ELSEWHERE: &str = r#""type":"AWSAccount","principalId":"AIDAX","accountId":"444455556666""#;
const ISSUER: &str = r#""sessionIssuer""#;
const TEN: &str = "2026-07-01T10:00:00Z";
const ELEVEN: &str = "2026-07-01T11:00:00Z";

#[test]
fn sessions_of_the_console() {
    let shared = r#","sharedEventID":"d488c322-cb8e-7c8f-3172-8767cc6a387b""#;
    for (name, records, expected) in [
        (
            "the switch alone is known",
            vec![switched(BOB_HERE, "bob", TEN, "Success"), call(&console("bob", "ASIA9", TEN))],
            Some("bob"),
        ),
        (
            "the call that began it alone is known",
            vec![begins(BOB, "bob", "ASIA1", TEN, ""), call(&console("bob", "ASIA9", TEN))],
            Some("bob"),
        ),
        (
            "both are known",
            vec![
                begins(BOB, "bob", "ASIA1", TEN, ""),
                switched(BOB_HERE, "bob", TEN, "Success"),
                call(&console("bob", "ASIA9", TEN)),
            ],
            Some("bob"),
        ),
        (
            "across accounts: the role's copy, the user's copy and the switch",
            vec![
                begins(ELSEWHERE, "bob", "ASIA1", TEN, shared),
                begins(BOB, "bob", "ASIA1", TEN, shared),
                switched("arn:aws:iam::444455556666:user/bob", "bob", TEN, "Success"),
                call(&console("bob", "ASIA9", TEN)),
            ],
            Some("bob"),
        ),
        (
            "across accounts, and the user's account is not read",
            vec![
                begins(ELSEWHERE, "bob", "ASIA1", TEN, shared),
                switched("arn:aws:iam::444455556666:user/bob", "bob", TEN, "Success"),
                call(&console("bob", "ASIA9", TEN)),
            ],
            Some("bob (account 444455556666)"),
        ),
        (
            "from a session of the console to the next role",
            vec![
                switched(BOB_HERE, "bob", TEN, "Success"),
                sts("AssumeRole", &console("bob", "ASIA9", TEN), &gives("ASIA2")),
                call(&session("ASIA2")),
            ],
            Some("bob"),
        ),
        (
            "a federated user in the console",
            vec![
                format!(
                    r#"{{"eventSource":"sts.amazonaws.com","eventName":"GetFederationToken","eventTime":"{TEN}","eventID":"f","userIdentity":{{{BOB}}},"responseElements":{{"credentials":{{"accessKeyId":"ASIA1"}},"federatedUser":{{"arn":"arn:aws:sts::111122223333:federated-user/alice"}}}}}}"#
                ),
                call(&format!(
                    r#""type":"FederatedUser","arn":"arn:aws:sts::111122223333:federated-user/alice","accessKeyId":"ASIA9","sessionContext":{{"attributes":{{"creationDate":"{TEN}"}}}}"#
                )),
            ],
            Some("bob"),
        ),
        (
            "a switch that was refused",
            vec![switched(BOB_HERE, "bob", TEN, "Failure"), call(&console("bob", "ASIA9", TEN))],
            None,
        ),
    ] {
        assert_eq!(behind(&records).as_deref(), expected, "{name}");
    }
}

#[test]
fn nobody_becomes_somebody_by_the_name_of_a_session() {
    let pod = r#""type":"WebIdentityUser","userName":"repo:example/shop:ref:refs/heads/main""#;
    for (name, records, expected) in [
        (
            "the same name at another time",
            vec![
                switched(BOB_HERE, "bob", TEN, "Success"),
                begins(MALLORY, "bob", "ASIA2", ELEVEN, ""),
                call(&console("bob", "ASIA8", ELEVEN)),
            ],
            Some("mallory"),
        ),
        (
            "the name is used again after the session is over",
            vec![
                switched(BOB_HERE, "bob", TEN, "Success"),
                call(&console("bob", "ASIA8", "2026-07-03T10:00:00Z")),
            ],
            None,
        ),
        (
            "the same name in the same second: nobody can tell",
            vec![
                begins(BOB, "bob", "ASIA1", TEN, ""),
                switched(BOB_HERE, "bob", TEN, "Success"),
                begins(MALLORY, "bob", "ASIA2", TEN, ""),
                call(&console("bob", "ASIA9", TEN)),
            ],
            None,
        ),
        (
            "the same name in the same second, by a key that was given out",
            vec![
                begins(BOB, "bob", "ASIA1", TEN, ""),
                switched(BOB_HERE, "bob", TEN, "Success"),
                begins(MALLORY, "bob", "ASIA2", TEN, ""),
                call(&console("bob", "ASIA2", TEN)),
            ],
            Some("mallory"),
        ),
        (
            "two switches of two people in one second",
            vec![
                switched(BOB_HERE, "ops", TEN, "Success"),
                switched("arn:aws:iam::111122223333:user/mallory", "ops", TEN, "Success"),
                call(&console("ops", "ASIA9", TEN)),
            ],
            None,
        ),
        (
            "a stranger's account has a user of that name",
            vec![
                switched("arn:aws:iam::999988887777:user/bob", "bob", TEN, "Success"),
                call(&console("bob", "ASIA9", TEN)),
            ],
            Some("bob (account 999988887777)"),
        ),
        (
            "switched from a session that is named like a person of the Identity Center",
            vec![
                switched(
                    "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/bob",
                    "bob",
                    TEN,
                    "Success",
                ),
                call(&console("bob", "ASIA9", TEN)),
            ],
            None,
        ),
        (
            "a session named with somebody's address",
            vec![
                begins(MALLORY, "ceo@example.com", "ASIA1", TEN, ""),
                call(&console("ceo@example.com", "ASIA1", TEN)),
            ],
            Some("mallory"),
        ),
        (
            "the same in the console",
            vec![
                begins(MALLORY, "ceo@example.com", "ASIA1", TEN, ""),
                call(&console("ceo@example.com", "ASIA9", TEN)),
            ],
            Some("mallory"),
        ),
        (
            "the same by way of another role",
            vec![
                begins(MALLORY, "ceo@example.com", "ASIA1", TEN, ""),
                sts("AssumeRole", &console("ceo@example.com", "ASIA1", TEN), &gives("ASIA2")),
                call(&session("ASIA2")),
            ],
            Some("mallory"),
        ),
        (
            "an address, and nothing else is known",
            vec![call(&console("dora@example.com", "ASIA9", TEN))],
            Some("dora@example.com"),
        ),
        (
            "a program that calls itself a person",
            vec![
                begins(pod, "ceo@example.com", "ASIA1", TEN, ""),
                call(&console("ceo@example.com", "ASIA1", TEN)),
            ],
            None,
        ),
        (
            "an imitated role of the Identity Center",
            vec![
                begins(MALLORY, "ceo", "ASIA1", TEN, ""),
                call(
                    &console("ceo", "ASIA1", TEN)
                        .replace(r#"role/r""#, r#"role/AWSReservedSSO_Admin_0123456789abcdef""#)
                        .replace(r#""r""#, r#""AWSReservedSSO_Admin_0123456789abcdef""#),
                ),
            ],
            Some("mallory"),
        ),
        (
            "a source identity that its setter chose",
            vec![
                begins(MALLORY, "s-1", "ASIA1", TEN, ""),
                call(
                    &console("s-1", "ASIA1", TEN)
                        .replace(ISSUER, r#""sourceIdentity":"ceo","sessionIssuer""#),
                ),
            ],
            Some("ceo (credentials of mallory)"),
        ),
        (
            "a source identity that the provider set",
            vec![
                begins(r#""type":"SAMLUser","userName":"dora@example.com""#, "s-1", "ASIA1", TEN, ""),
                call(
                    &console("s-1", "ASIA1", TEN)
                        .replace(ISSUER, r#""sourceIdentity":"dora","sessionIssuer""#),
                ),
            ],
            Some("dora@example.com"),
        ),
        (
            "a federated user with another's name",
            vec![
                sts("GetFederationToken", MALLORY, &gives("ASIA1")),
                call(
                    r#""type":"FederatedUser","accessKeyId":"ASIA1","arn":"arn:aws:sts::111122223333:federated-user/alice""#,
                ),
            ],
            Some("mallory"),
        ),
    ] {
        assert_eq!(behind(&records).as_deref(), expected, "{name}");
    }
}

#[test]
fn what_may_still_change_is_said() {
    let of = |records: &[String]| {
        let (handovers, callers) = read(records);
        let mut people = People::default();
        for handover in handovers {
            people.take(handover);
        }
        people.behind(callers.last().unwrap()).may_change
    };
    let by_key = [begins(BOB, "bob", "ASIA1", TEN, ""), call(&console("bob", "ASIA1", TEN))];
    assert!(!of(&by_key), "a key is given out once");
    let by_session = [begins(BOB, "bob", "ASIA1", TEN, ""), call(&console("bob", "ASIA9", TEN))];
    assert!(of(&by_session), "another session of that name may come to light");
    assert!(of(&[call(&console("bob", "ASIA9", TEN))]));
    assert!(of(&[call(&console("dora@example.com", "ASIA9", TEN))]));
    assert!(!of(&[call(BOB)]));
}

/// Anything that may be heard, of few keys and few sessions.
fn handovers() -> impl Strategy<Value = Vec<Handover>> {
    let name = || prop::sample::select(vec!["A", "B", "C", "D"]);
    let known = prop_oneof![
        name().prop_map(|key| Known::Key(key.into())),
        name().prop_map(|call| Known::Shared(call.into())),
        name().prop_map(|arn| Known::Session(Session::written(arn))),
        name().prop_map(|arn| Known::Switch(Session::written(arn))),
    ];
    let caller = (prop::option::of(name()), prop::option::of(name()), prop::option::of(name()));
    let behind = prop_oneof![
        prop::sample::select(vec!["alice", "bob"]).prop_map(|name| Behind::Person(name.into())),
        Just(Behind::Nobody),
        name().prop_map(|key| Behind::Holder(key.into())),
        caller.prop_map(|(key, session, shared)| Behind::Caller(Caller {
            key: key.map(Into::into),
            session: session.map(Session::written),
            shared: shared.map(Into::into),
            named: None,
        })),
    ];
    let one = (known, behind, 0..5_i64).prop_map(|(of, behind, second)| Handover {
        of,
        behind,
        time: EventTime::from_micros(second),
    });
    prop::collection::vec(one, 0..12)
}

proptest! {
    /// Whatever the order, and however often each comes.
    #[test]
    fn the_order_does_not_matter((handovers, other) in handovers().prop_flat_map(|all| {
        let twice: Vec<Handover> = all.iter().chain(&all).cloned().collect();
        (Just(all), Just(twice).prop_shuffle())
    })) {
        let of = |handovers: Vec<Handover>| {
            let mut people = People::default();
            for handover in handovers {
                people.take(handover);
            }
            people
        };
        let (a, b) = (of(handovers), of(other));
        prop_assert_eq!(&a.by_known, &b.by_known);
        prop_assert_eq!(a.by_time, b.by_time);
    }
}

#[test]
fn the_oldest_is_forgotten_first() {
    let mut people = People::default();
    for second in 0..10 {
        let of = Known::Key(format!("K{second}").into());
        let time = EventTime::from_micros(second);
        people.take(Handover { of, behind: Behind::Person("x".into()), time });
    }
    assert_eq!(people.forget(EventTime::from_micros(5), 2).len(), 2);
    assert_eq!(people.forget(EventTime::from_micros(5), 100).len(), 3);
    assert_eq!((people.len(), people.is_empty()), (5, false));
}
