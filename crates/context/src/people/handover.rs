//! What one event tells of whose credentials are whose: a call that gives out credentials names the key, and who called.
//!
//! Read where the record stands, and for almost all records no further than the name of their service.

use std::sync::Arc;

use cloudtrail::principal::Kind;
use cloudtrail::{Event, EventTime, Principal, Record};
use json_scan::{Object, Text, Value};

/// The calls of AWS STS that give out credentials.
const CALLS: [&str; 6] = [
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "AssumeRoot",
    "GetFederationToken",
    "GetSessionToken",
];

/// How names of workloads at an identity provider begin: of Kubernetes, GitHub, GitLab, Bitbucket and Terraform Cloud.
const WORKLOADS: [&str; 5] = ["system:serviceaccount:", "repo:", "project_path:", "{", "organization:"];

/// The longest name of a person that is kept, in bytes.
const NAME_MAX: usize = 256;

/// What credentials or calls are known by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Known {
    /// An access key, by its id.
    Key(Box<str>),
    /// A call that is recorded in two accounts, by its `sharedEventID`.
    Shared(Box<str>),
}

/// Who is behind something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Behind {
    /// A person, by the name the event gives.
    Person(Arc<str>),
    /// Whoever is behind something else.
    Same(Known),
}

/// That behind one thing stands whoever stands behind another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// What was given out.
    pub of: Known,
    /// Who called.
    pub behind: Behind,
    /// When.
    pub time: EventTime,
}

impl Handover {
    /// What an event tells; nothing, unless credentials were given out to somebody who may be a person.
    #[must_use]
    pub fn of(event: &Event<'_>) -> Option<Self> {
        let record = event.record()?;
        let is_sts = record.event_source.is_some_and(|source| source.is("sts.amazonaws.com"));
        if !is_sts || !record.event_name.is_some_and(|name| CALLS.iter().any(|call| name.is(call))) {
            return None;
        }
        // A third of all records may be AWS taking up roles by itself: nobody is behind those.
        let identity = record.user_identity?;
        if member(identity, "type").and_then(|kind| kind.as_text()).is_some_and(|kind| kind.is("AWSService"))
        {
            return None;
        }
        Self::of_call(record, event.time)
    }

    fn of_call(record: &Record<'_>, time: EventTime) -> Option<Self> {
        let principal = Principal::of(record);
        let (mut key, mut shared) = (None, None);
        for member in record.json.members().map_while(Result::ok) {
            if member.key.is("responseElements") {
                key = object(member.value).and_then(issued_key);
            } else if member.key.is("sharedEventID") {
                shared = text(member.value);
            }
        }
        let (of, behind) = match (key, person(&principal), principal.access_key, shared) {
            (Some(key), Some(person), ..) => (Known::Key(key), Behind::Person(person)),
            (Some(key), None, Some(by), _) => (Known::Key(key), Behind::Same(Known::Key(by.into()))),
            // The copy of the account whose role it is says that somebody called; the caller's own copy says who.
            (Some(key), None, None, Some(shared)) => (Known::Key(key), Behind::Same(Known::Shared(shared))),
            (None, Some(person), _, Some(shared)) => (Known::Shared(shared), Behind::Person(person)),
            (None, None, Some(by), Some(shared)) => {
                (Known::Shared(shared), Behind::Same(Known::Key(by.into())))
            }
            _ => return None,
        };
        (Behind::Same(of.clone()) != behind).then_some(Handover { of, behind, time })
    }
}

/// The person a caller is, as far as the event itself tells.
pub(super) fn person(principal: &Principal) -> Option<Arc<str>> {
    let name = match (&principal.human, principal.kind) {
        (Some(human), _) => human.as_str(),
        (None, Kind::IamUser) => principal.name.as_str(),
        _ => return None,
    };
    let usable = name.len() <= NAME_MAX && !WORKLOADS.iter().any(|workload| name.starts_with(workload));
    usable.then(|| name.into())
}

fn issued_key(response: Object<'_>) -> Option<Box<str>> {
    let credentials = member(response, "credentials").and_then(object)?;
    member(credentials, "accessKeyId").and_then(text)
}

fn member<'a>(of: Object<'a>, name: &str) -> Option<Value<'a>> {
    let mut members = of.members().map_while(Result::ok);
    members.find(|member| member.key.is(name)).map(|member| member.value)
}

fn object(value: Value<'_>) -> Option<Object<'_>> {
    value.as_object()
}

fn text(value: Value<'_>) -> Option<Box<str>> {
    let text: Text<'_> = value.as_text()?;
    let text = text.unescape().ok()?;
    (!text.is_empty() && text.len() <= NAME_MAX).then(|| text.into())
}
