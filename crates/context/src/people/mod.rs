//! The person behind a session of a role, across chains of roles, as far as the events seen allow it.
//!
//! ```text
//!   alice ──AssumeRole──▶ key A ──AssumeRole──▶ key B ──StopLogging──▶ whoever called: alice
//! ```
//!
//! [`People`] keeps of each call that gave out credentials the key and who called. Nothing is followed until somebody asks, and of
//! several copies of one call the one that tells the most is kept: so the answer does not depend on the order in which events
//! come, only on which have come. What is kept is bounded; beyond it the oldest is forgotten first.

mod handover;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cloudtrail::{EventTime, Principal};

pub use handover::{Behind, Handover, Known};

/// How many handovers are kept.
pub const HANDOVERS_MAX: usize = 1_000_000;

/// How many roles after each other are followed. AWS lets a chained session last an hour, and people chain two or three.
const HOPS_MAX: usize = 16;

/// Who stands behind which credentials.
///
/// ```
/// use cloudtrail::{Decoder, Item, Principal};
/// use context::{Handover, People};
///
/// let log = br#"{"Records":[
///   {"eventSource":"sts.amazonaws.com","eventName":"AssumeRole","eventTime":"2026-07-01T10:00:00Z","eventID":"1",
///    "userIdentity":{"type":"IAMUser","userName":"alice","accessKeyId":"AKIAALICE"},
///    "responseElements":{"credentials":{"accessKeyId":"ASIAFIRST"}}},
///   {"eventSource":"sts.amazonaws.com","eventName":"AssumeRole","eventTime":"2026-07-01T10:01:00Z","eventID":"2",
///    "userIdentity":{"type":"AssumedRole","accessKeyId":"ASIAFIRST","arn":"arn:aws:sts::111122223333:assumed-role/a/s"},
///    "responseElements":{"credentials":{"accessKeyId":"ASIASECOND"}}},
///   {"eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","eventTime":"2026-07-01T10:02:00Z","eventID":"3",
///    "userIdentity":{"type":"AssumedRole","accessKeyId":"ASIASECOND","arn":"arn:aws:sts::444455556666:assumed-role/b/s"}}]}"#;
/// let (mut people, mut last) = (People::default(), None);
/// Decoder::default().decode(log, None, |item| {
///     let Item::Event(event) = item else { return };
///     if let Some(handover) = Handover::of(&event) {
///         people.take(handover);
///     }
///     last = event.record().map(Principal::of);
/// });
/// assert_eq!(people.behind(&last.unwrap()).as_deref(), Some("alice"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct People {
    by_known: HashMap<Known, (EventTime, Behind)>,
    by_time: BTreeSet<(EventTime, Known)>,
}

/// What became of a handover.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// Whether anything is known now that was not.
    pub is_news: bool,
    /// What was forgotten to make room.
    pub forgotten: Option<Known>,
}

impl People {
    /// Takes note of a handover.
    pub fn take(&mut self, handover: Handover) -> Taken {
        let Handover { of, behind, time } = handover;
        if let Some(known) = self.by_known.get(&of) {
            // The least of all that were ever taken, in whatever order: a person before another's key before another's call.
            if (&known.1, known.0) <= (&behind, time) {
                return Taken::default();
            }
            self.by_time.remove(&(known.0, of.clone()));
        }
        self.by_time.insert((time, of.clone()));
        self.by_known.insert(of, (time, behind));
        let full = self.by_known.len() > HANDOVERS_MAX;
        let forgotten = full.then(|| self.by_time.pop_first()).flatten().map(|(_, oldest)| oldest);
        if let Some(oldest) = &forgotten {
            self.by_known.remove(oldest);
        }
        Taken { is_news: true, forgotten }
    }

    /// The person behind a caller: whom the event itself names, else whoever the credentials lead to.
    #[must_use]
    pub fn behind(&self, principal: &Principal) -> Option<Arc<str>> {
        if let Some(human) = &principal.human {
            return Some(human.as_str().into());
        }
        let mut at = Known::Key(principal.access_key.as_deref()?.into());
        for _ in 0..HOPS_MAX {
            match self.by_known.get(&at)? {
                (_, Behind::Person(person)) => return Some(Arc::clone(person)),
                (_, Behind::Same(other)) => at = other.clone(),
            }
        }
        None
    }

    /// Forgets what was given out before a time, at most `most` of it, and gives what that was.
    pub fn forget(&mut self, before: EventTime, most: usize) -> Vec<Known> {
        let mut forgotten = Vec::new();
        while forgotten.len() < most
            && let Some((time, _)) = self.by_time.first()
            && *time < before
            && let Some((_, of)) = self.by_time.pop_first()
        {
            self.by_known.remove(&of);
            forgotten.push(of);
        }
        forgotten
    }

    /// How many handovers are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_known.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_known.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudtrail::{Decoder, Item};
    use proptest::prelude::*;

    /// What is read of records, and the callers of those that are no calls to STS.
    fn read(records: &[String]) -> (Vec<Handover>, Vec<Principal>) {
        let text = format!("{{\"Records\":[{}]}}", records.join(","));
        let (mut handovers, mut callers) = (Vec::new(), Vec::new());
        let decoded = Decoder::default().decode(text.as_bytes(), None, |item| {
            let Item::Event(event) = item else { panic!("{item:?}") };
            handovers.extend(Handover::of(&event));
            let record = event.record().unwrap();
            if !record.event_source.is_some_and(|source| source.is("sts.amazonaws.com")) {
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
        let mut people = People::default();
        for handover in handovers.into_iter().rev() {
            people.take(handover);
        }
        people.behind(callers.last().unwrap()).map(|person| person.to_string())
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
            (
                "one role",
                vec![sts("AssumeRole", ALICE, &gives("ASIA1")), call(&session("ASIA1"))],
                Some("alice"),
            ),
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

    fn handovers() -> impl Strategy<Value = Vec<Handover>> {
        let known = prop::sample::select(vec!["A", "B", "C", "D"]).prop_map(|key| Known::Key(key.into()));
        let behind = prop_oneof![
            prop::sample::select(vec!["alice", "bob"]).prop_map(|name| Behind::Person(name.into())),
            known.clone().prop_map(Behind::Same),
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
}
