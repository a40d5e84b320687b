//! A matched event as rules ask about it: taken apart, or still where it stands in its file.
//!
//! Most matched events end with a handful of questions: a field of a `where`, the values of a key. [`EventInPlace`] answers
//! those from the bytes, and takes nothing apart that nobody asks for. [`EventView`] owns what it shows: it is for events
//! that are told, explained or tested, and outlives its file. [`Seen`] is either; a test holds that both give the same answers.

mod in_place;
mod tree;
mod value;
mod view;

pub use in_place::EventInPlace;
pub use view::{EventView, UnreadableEvent};

pub(crate) use tree::{DEPTH_MAX, number as number_of};
pub(crate) use value::{Absent, Found};

use crate::path::{EventPath, Root};
use cloudtrail::principal::Kind;
use cloudtrail::{EventTime, Principal};
use context::{Context, Place};
use std::borrow::Cow;

/// An event in one of the two ways it can be looked at.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// Taken apart.
    Apart(&'a EventView),
    /// Where it stands in its file.
    InPlace(&'a EventInPlace<'a>),
}

impl<'a> From<&'a EventView> for Seen<'a> {
    fn from(view: &'a EventView) -> Self {
        Seen::Apart(view)
    }
}

impl<'a> From<&'a EventInPlace<'_>> for Seen<'a> {
    fn from(event: &'a EventInPlace<'_>) -> Self {
        Seen::InPlace(event)
    }
}

impl<'a> Seen<'a> {
    /// Who did it.
    #[must_use]
    pub fn principal(self) -> &'a Principal {
        match self {
            Seen::Apart(view) => view.principal(),
            Seen::InPlace(event) => event.principal(),
        }
    }

    /// When it happened.
    #[must_use]
    pub fn time(self) -> EventTime {
        match self {
            Seen::Apart(view) => view.time(),
            Seen::InPlace(event) => event.time(),
        }
    }

    /// The event taken apart, if it can be.
    pub(crate) fn apart(self) -> Option<&'a EventView> {
        match self {
            Seen::Apart(view) => Some(view),
            Seen::InPlace(event) => event.apart(),
        }
    }

    /// The value of a member of the event as EventBridge delivers it, such as `detail` or `region`.
    pub(crate) fn member(self, name: &str) -> Option<Found<'a>> {
        match self {
            Seen::Apart(view) => view.json().get(name).map(Found::Tree),
            Seen::InPlace(event) => event.member(name),
        }
    }

    /// The value at names inside a member of the event, or where they end before.
    pub(crate) fn find<'n>(
        self,
        member: &str,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<Found<'a>, Absent> {
        let mut names = names.into_iter().peekable();
        let known = names.peek().and_then(|name| self.known(member, name));
        let mut at = match known {
            Some(known) => {
                names.next();
                known
            }
            None => self.member(member).ok_or(Absent::Null)?,
        };
        for name in names {
            at = at.get(name)?;
        }
        Ok(at)
    }

    /// The value of a name in `detail`, where it need not be looked for. `None` says nothing.
    pub(crate) fn known(self, member: &str, name: &str) -> Option<Found<'a>> {
        match self {
            Seen::InPlace(event) if member == "detail" => event.known(name),
            _ => None,
        }
    }

    /// The text at a member of the event as EventBridge delivers it, or at a name in that member, if text stands there.
    #[must_use]
    pub fn text(self, member: &str, name: Option<&str>) -> Option<Cow<'a, str>> {
        self.find(member, name).ok()?.text()
    }

    /// The account's number as the event gives it; empty where it gives none.
    pub(crate) fn account(self) -> Cow<'a, str> {
        self.member("account").and_then(Found::text).unwrap_or_default()
    }

    /// What is known of the address the call came from.
    pub(crate) fn place(self, context: &Context) -> Place {
        let address = self.find("detail", ["sourceIPAddress"]).ok().and_then(Found::text);
        address.map(|address| context.geography().of(&address)).unwrap_or_default()
    }

    /// The value at a path as text: text as it stands, anything else as JSON, and what is not there as the empty text.
    pub(crate) fn value(self, path: &EventPath, context: &'a Context) -> Cow<'a, str> {
        let steps = path.steps();
        let first = steps.first().map(|step| &**step);
        let known = |text: Option<&'a str>| Cow::Borrowed(text.unwrap_or_default());
        let of_place = |text: Option<Box<str>>| Cow::Owned(text.map(String::from).unwrap_or_default());
        match (path.root(), first) {
            (Root::Principal, None) => {
                let principal = self.principal();
                known(principal.arn.as_deref().or(Some(&principal.name)))
            }
            (Root::Principal, Some(field)) => known(principal_field(self.principal(), field)),
            (Root::Account, Some(name)) => {
                let id = self.account();
                let account = context.account(&id);
                match name {
                    "name" => match account.and_then(|account| account.name.as_deref()) {
                        Some(name) => Cow::Borrowed(name),
                        None => id,
                    },
                    "ou" => known(account.and_then(|account| account.ou.as_deref())),
                    "owner" => known(account.and_then(|account| account.owner.as_deref())),
                    "tags" => {
                        let tag = steps.get(1).map_or("", |tag| &**tag);
                        known(account.and_then(|account| account.tags.get(tag)).map(|value| &**value))
                    }
                    _ => id,
                }
            }
            (Root::Source, Some(name)) => {
                let place = self.place(context);
                match name {
                    "country" => of_place(place.country),
                    "city" => of_place(place.city),
                    "org" => of_place(place.org),
                    _ => Cow::Owned(place.asn.map(|number| number.to_string()).unwrap_or_default()),
                }
            }
            (Root::Event, None) => {
                Cow::Owned(self.apart().map(|view| view.json().to_string()).unwrap_or_default())
            }
            (Root::Event, Some(member)) => self
                .find(member, steps.iter().skip(1).map(|step| &**step))
                .map(Found::written)
                .unwrap_or_default(),
            (root, _) => self
                .find(root.as_str(), steps.iter().map(|step| &**step))
                .map(Found::written)
                .unwrap_or_default(),
        }
    }
}

/// What a principal has, as paths, conditions and titles name it.
pub(crate) const PRINCIPAL_FIELDS: [&str; 5] = ["kind", "name", "arn", "session", "human"];

/// One of these; none where this principal has none of it.
pub(crate) fn principal_field<'p>(principal: &'p Principal, field: &str) -> Option<&'p str> {
    match field {
        "kind" => Some(principal_kind(principal.kind)),
        "name" => Some(&principal.name),
        "arn" => principal.arn.as_deref(),
        "session" => principal.session.as_deref(),
        "human" => principal.human.as_deref(),
        _ => None,
    }
}

/// The kind's word in conditions, titles and findings.
pub(crate) fn principal_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Root => "root",
        Kind::IamUser => "iam-user",
        Kind::AssumedRole => "assumed-role",
        Kind::Sso => "sso",
        Kind::ServiceLinkedRole => "service-linked-role",
        Kind::FederatedUser => "federated-user",
        Kind::WebIdentityUser => "web-identity-user",
        Kind::SamlUser => "saml-user",
        Kind::Account => "account",
        Kind::Service => "service",
        Kind::IdentityCenterUser => "identity-center-user",
        Kind::Directory => "directory",
        Kind::Unknown => "unknown",
    }
}

/// Whoever did what an event that is not CloudTrail's tells of.
fn nobody() -> Principal {
    Principal {
        kind: Kind::Unknown,
        name: "unknown".to_owned(),
        arn: None,
        account: None,
        session: None,
        session_created: None,
        access_key: None,
        invoked_by: None,
        human: None,
        human_is_claimed: false,
        other_account: false,
    }
}
