//! What one event tells of whose credentials are whose: a call that gives out credentials names the key and the session, and who called;
//! a role switched to in the console is told with the user who switched.
//!
//! Read where the record stands, and for almost all records no further than the name of their service.

use std::array;
use std::iter::Flatten;
use std::sync::Arc;

use cloudtrail::principal::Kind;
use cloudtrail::{Event, EventTime, Principal, Record};
use json_scan::{Object, Text, Value};

use super::switch;

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
pub(super) const NAME_MAX: usize = 256;

/// What credentials or calls are known by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Known {
    /// An access key, by its id.
    Key(Box<str>),
    /// A call that is recorded in two accounts, by its `sharedEventID`.
    Shared(Box<str>),
    /// A session, as a call of AWS STS began it.
    Session(Session),
    /// A session, as the console tells of a switch to its role.
    Switch(Session),
}

/// A session, by its ARN and the second it began in: what calls by the console have in common, whose keys no event gave out.
///
/// The name in the ARN is whatever the caller chose, so two people may have sessions of one name. That they began in one second too is then
/// told by two calls, and such a session is [nobody's](Behind::Nobody).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session(Box<str>);

impl Session {
    /// The session of a caller, if it is of a role or a federated user.
    #[must_use]
    pub fn of(principal: &Principal) -> Option<Self> {
        Session::began(principal.arn.as_deref()?, principal.session_created?)
    }

    /// A session as it is written: what [`as_str`](Self::as_str) gave.
    #[must_use]
    pub fn written(text: &str) -> Self {
        Session(text.into())
    }

    /// The seconds since the Unix epoch when it began, and its ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn began(arn: &str, at: EventTime) -> Option<Self> {
        let is_session = arn.contains(":assumed-role/") || arn.contains(":federated-user/");
        (is_session && arn.len() <= NAME_MAX).then(|| Session(format!("{} {arn}", at.as_seconds()).into()))
    }
}

/// Who is behind something. Of several copies of one call the least is kept, so the order is from what tells most to what tells least.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Behind {
    /// A person, by the name the event gives.
    Person(Arc<str>),
    /// No person: a workload, or several sessions that nothing tells apart.
    Nobody,
    /// Whoever is behind a caller.
    Caller(Caller),
    /// Whoever was given an access key.
    Holder(Box<str>),
}

/// What a caller who is no person by itself is known by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caller {
    /// The key it signed with.
    pub key: Option<Box<str>>,
    /// Its session.
    pub session: Option<Session>,
    /// The call, which the caller's own account tells of too.
    pub shared: Option<Box<str>>,
    /// What it calls itself: a source identity, or a session that is named with an e-mail address. Believed where nothing else is known.
    pub named: Option<Arc<str>>,
}

impl Caller {
    /// A caller, as far as its record tells.
    pub(super) fn of(principal: &Principal, shared: Option<Box<str>>) -> Self {
        let named = principal.human.as_deref().filter(|name| name.len() <= NAME_MAX);
        Caller {
            key: principal.access_key.as_deref().map(Into::into),
            session: Session::of(principal),
            shared,
            named: named.map(Into::into),
        }
    }

    fn is_unknown(&self) -> bool {
        *self == Caller::default()
    }
}

impl Ord for Caller {
    /// The caller's own account tells its key, the other one does not.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let rank = |one: &Self| {
            [one.key.is_none(), one.session.is_none(), one.named.is_none(), one.shared.is_none()]
        };
        let parts =
            |one: &Self| (one.key.clone(), one.session.clone(), one.shared.clone(), one.named.clone());
        rank(self).cmp(&rank(other)).then_with(|| parts(self).cmp(&parts(other)))
    }
}

impl PartialOrd for Caller {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// That behind one thing stands somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// What was given out.
    pub of: Known,
    /// Who called.
    pub behind: Behind,
    /// When.
    pub time: EventTime,
}

/// What one event tells: at most the key that was given out, and its session.
pub type Handovers = Flatten<array::IntoIter<Option<Handover>, 2>>;

impl Handover {
    /// What an event tells; nothing, unless credentials were given out to somebody who may be a person.
    pub fn of(event: &Event<'_>) -> Handovers {
        Self::pair(event).into_iter().flatten()
    }

    fn pair(event: &Event<'_>) -> [Option<Self>; 2] {
        let nothing = [None, None];
        let Some(record) = event.record() else { return nothing };
        let is_from = |service: &str| record.event_source.is_some_and(|source| source.is(service));
        if is_from("signin.amazonaws.com") {
            return [switch::of(record, event.time), None];
        }
        let gives = || record.event_name.is_some_and(|name| CALLS.iter().any(|call| name.is(call)));
        if !is_from("sts.amazonaws.com") || !gives() {
            return nothing;
        }
        // A third of all records may be AWS taking up roles by itself: nobody is behind those.
        if record.user_identity.is_none() || record.identity_type().is_some_and(|kind| kind.is("AWSService"))
        {
            return nothing;
        }
        Self::of_call(record, event.time)
    }

    fn of_call(record: &Record<'_>, time: EventTime) -> [Option<Self>; 2] {
        let principal = Principal::of(record);
        let (mut issued, mut shared) = (Issued::default(), None);
        for member in record.json.members().map_while(Result::ok) {
            if member.key.is("responseElements") {
                issued = object(member.value).map(Issued::read).unwrap_or_default();
            } else if member.key.is("sharedEventID") {
                shared = text(member.value);
            }
        }
        let session = issued.session.and_then(|arn| Session::began(&arn, time));
        let session = session.zip(issued.key.clone()).map(|(session, key)| Handover {
            of: Known::Session(session),
            behind: Behind::Holder(key),
            time,
        });
        let behind = match person(&principal) {
            Some(person) => Behind::Person(person),
            None if is_workload(&principal) => Behind::Nobody,
            // The copy of the account whose role it is says that somebody called; the caller's own copy says who.
            None => Behind::Caller(Caller::of(&principal, issued.key.as_ref().and(shared.clone()))),
        };
        let of = issued.key.map(Known::Key).or(shared.map(Known::Shared));
        let known = !matches!(&behind, Behind::Caller(caller) if caller.is_unknown());
        [of.filter(|_| known).map(|of| Handover { of, behind, time }), session]
    }
}

/// The person a caller is, as far as the event itself settles it: what a caller calls itself does not.
pub(super) fn person(principal: &Principal) -> Option<Arc<str>> {
    let name = match principal.kind {
        Kind::IamUser => principal.human.as_deref().unwrap_or(&principal.name),
        Kind::Sso | Kind::SamlUser | Kind::WebIdentityUser | Kind::Directory | Kind::IdentityCenterUser => {
            principal.human.as_deref()?
        }
        _ => return None,
    };
    (name.len() <= NAME_MAX && !is_workload(principal)).then(|| name.into())
}

/// Whether a caller is a program at an identity provider.
fn is_workload(principal: &Principal) -> bool {
    let may_be = matches!(principal.kind, Kind::SamlUser | Kind::WebIdentityUser);
    may_be && WORKLOADS.iter().any(|workload| principal.name.starts_with(workload))
}

/// What a call gave out.
#[derive(Default)]
struct Issued {
    key: Option<Box<str>>,
    session: Option<Box<str>>,
}

impl Issued {
    fn read(response: Object<'_>) -> Self {
        let inside = |name, part| member(response, name).and_then(object).and_then(|one| member(one, part));
        let session = inside("assumedRoleUser", "arn").or_else(|| inside("federatedUser", "arn"));
        Issued { key: inside("credentials", "accessKeyId").and_then(text), session: session.and_then(text) }
    }
}

pub(super) fn member<'a>(of: Object<'a>, name: &str) -> Option<Value<'a>> {
    let mut members = of.members().map_while(Result::ok);
    members.find(|member| member.key.is(name)).map(|member| member.value)
}

pub(super) fn object(value: Value<'_>) -> Option<Object<'_>> {
    value.as_object()
}

pub(super) fn text(value: Value<'_>) -> Option<Box<str>> {
    let text: Text<'_> = value.as_text()?;
    let text = text.unescape().ok()?;
    (!text.is_empty() && text.len() <= NAME_MAX).then(|| text.into())
}
