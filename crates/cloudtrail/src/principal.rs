//! Who made a call: `userIdentity`, read for people.
//!
//! CloudTrail describes callers in a dozen ways that share field names and not their meaning. [`Principal`] puts one name a reader
//! recognises in one place, whatever the way; the ARN and the rest are beside it.

use std::borrow::Cow;

use json_scan::{Names, Object};
use serde::Serialize;

use crate::account::AccountId;
use crate::record::Record;
use crate::time::EventTime;

/// How role names of IAM Identity Center begin: `AWSReservedSSO_PermissionSet_0123456789abcdef`.
const SSO_ROLE: &str = "AWSReservedSSO_";

/// Where the roles stand that only AWS can make and assume. The path is reserved; the names of such roles are not.
const SERVICE_LINKED: &str = ":role/aws-service-role/";

/// Where the roles of IAM Identity Center stand. The path is reserved here too, so a role elsewhere that is called like one of them is
/// somebody's imitation.
const SSO_PATH: &str = ":role/aws-reserved/sso.amazonaws.com/";

/// The caller of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Principal {
    /// What sort of caller it is.
    pub kind: Kind,
    /// The name a person recognises: of the user, the role, the service, the account; `unknown` where the record has none.
    pub name: String,
    /// The ARN, with its session for roles.
    pub arn: Option<String>,
    /// The caller's own account.
    pub account: Option<AccountId>,
    /// The session's name, of roles.
    pub session: Option<String>,
    /// When the session began, of callers with temporary credentials: with its ARN, what tells a console session from others.
    pub session_created: Option<EventTime>,
    /// The access key the call was signed with.
    pub access_key: Option<String>,
    /// The service that called on the principal's behalf.
    pub invoked_by: Option<String>,
    /// The person behind a role or a federated user, where the record tells: the session of an IAM Identity Center user, a source
    /// identity, the user name at an identity provider, a session that is named with an e-mail address.
    pub human: Option<String>,
    /// Whether nothing but the session's name says who that is. Whoever takes up a role chooses the name.
    pub human_is_claimed: bool,
    /// Whether the caller's account is another than the one in which the event was recorded.
    pub other_account: bool,
}

/// The sorts of callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The root user of an account.
    Root,
    /// An IAM user.
    IamUser,
    /// A session of a role.
    AssumedRole,
    /// A session of a role of IAM Identity Center, thus of a person.
    Sso,
    /// A session of a service-linked role, which only the AWS service it belongs to can assume: AWS acting by itself.
    ServiceLinkedRole,
    /// A user made by `GetFederationToken`.
    FederatedUser,
    /// A user of an OpenID Connect provider, before it has a role.
    WebIdentityUser,
    /// A user of a SAML provider, before it has a role.
    SamlUser,
    /// An account of which no more is told, usually another one.
    Account,
    /// An AWS service.
    Service,
    /// A user of IAM Identity Center without a role.
    IdentityCenterUser,
    /// A user of a directory.
    Directory,
    /// Not told, or told in a way that is not known.
    Unknown,
}

impl Principal {
    /// The caller of a record.
    pub fn of(record: &Record<'_>) -> Self {
        let identity = record.user_identity.map(Identity::read).unwrap_or_default();
        let mut principal = identity.resolve();
        let recorded_in = record.recipient_account_id.and_then(|text| AccountId::from_bytes(text.raw()));
        principal.other_account =
            principal.account.zip(recorded_in).is_some_and(|(caller, recorded_in)| caller != recorded_in);
        principal
    }

    /// One short text for a list or a title.
    ///
    /// | caller | label |
    /// |---|---|
    /// | IAM user | `alice` |
    /// | root | `root` |
    /// | role | `deploy-role/ci-123` |
    /// | Identity Center | `alice@example.com (AdministratorAccess)` |
    /// | service | `autoscaling.amazonaws.com` |
    /// | account | `444455556666 (other account)` |
    pub fn label(&self) -> String {
        match (self.kind, &self.session) {
            (Kind::Sso, Some(session)) => format!("{session} ({})", permission_set(&self.name)),
            (Kind::AssumedRole | Kind::ServiceLinkedRole, Some(session)) => {
                format!("{}/{session}", self.name)
            }
            (Kind::Account, _) if self.other_account => format!("{} (other account)", self.name),
            _ => self.name.clone(),
        }
    }
}

/// `AdministratorAccess` of `AWSReservedSSO_AdministratorAccess_0123456789abcdef`.
fn permission_set(role: &str) -> &str {
    let name = role.strip_prefix(SSO_ROLE).unwrap_or(role);
    match name.rsplit_once('_') {
        Some((set, suffix)) if suffix.len() == 16 && suffix.bytes().all(|b| b.is_ascii_hexdigit()) => set,
        _ => name,
    }
}

/// What `userIdentity` says, before anything is made of it.
#[derive(Debug, Default)]
struct Identity<'a> {
    kind: Option<Cow<'a, str>>,
    principal_id: Option<Cow<'a, str>>,
    arn: Option<Cow<'a, str>>,
    account_id: Option<Cow<'a, str>>,
    access_key_id: Option<Cow<'a, str>>,
    user_name: Option<Cow<'a, str>>,
    invoked_by: Option<Cow<'a, str>>,
    issuer_name: Option<Cow<'a, str>>,
    issuer_arn: Option<Cow<'a, str>>,
    source_identity: Option<Cow<'a, str>>,
    /// `sessionContext.attributes.creationDate`.
    created: Option<EventTime>,
    /// `onBehalfOf.userId`: a user of IAM Identity Center.
    on_behalf_of: Option<Cow<'a, str>>,
}

/// Hands each member of `object` to `take`, under its name as far as that can be read; a value is read when it is asked for.
fn each<'a>(object: Object<'a>, mut take: impl FnMut(&[u8], &Names<'a>)) {
    let mut names = object.names();
    while names.advance() {
        let name = names.name();
        if !name.is_escaped() {
            // A name that is no string is none of those that anybody takes.
            take(name.raw(), &names);
        } else if let Ok(name) = name.unescape() {
            take(name.as_bytes(), &names);
        }
    }
}

fn text<'a>(names: &Names<'a>) -> Option<Cow<'a, str>> {
    names.string()?.unescape().ok().filter(|text| !text.is_empty())
}

fn object<'a>(names: &Names<'a>) -> Option<Object<'a>> {
    names.value().ok()?.as_object()
}

impl<'a> Identity<'a> {
    fn read(identity: Object<'a>) -> Self {
        let mut read = Identity::default();
        each(identity, |name, value| match name {
            b"type" => read.kind = text(value),
            b"principalId" => read.principal_id = text(value),
            b"arn" => read.arn = text(value),
            b"accountId" => read.account_id = text(value),
            b"accessKeyId" => read.access_key_id = text(value),
            b"userName" => read.user_name = text(value),
            b"invokedBy" => read.invoked_by = text(value),
            b"sessionContext" => {
                if let Some(context) = object(value) {
                    read.read_session(context);
                }
            }
            b"onBehalfOf" => {
                if let Some(person) = object(value) {
                    each(person, |name, value| {
                        if name == b"userId" {
                            read.on_behalf_of = text(value);
                        }
                    });
                }
            }
            _ => {}
        });
        read
    }

    fn read_session(&mut self, context: Object<'a>) {
        each(context, |name, value| match name {
            b"sourceIdentity" => self.source_identity = text(value),
            b"attributes" => {
                if let Some(attributes) = object(value) {
                    each(attributes, |name, value| {
                        if name == b"creationDate" {
                            self.created =
                                text(value).and_then(|time| EventTime::from_bytes(time.as_bytes()));
                        }
                    });
                }
            }
            b"sessionIssuer" => {
                if let Some(issuer) = object(value) {
                    each(issuer, |name, value| match name {
                        b"userName" => self.issuer_name = text(value),
                        b"arn" => self.issuer_arn = text(value),
                        _ => {}
                    });
                }
            }
            _ => {}
        });
    }

    fn resolve(self) -> Principal {
        let kind = self.kind();
        let (name, session, human) = self.names(kind);
        let account = self.account_id.as_deref().or_else(|| account_of(self.arn.as_deref()?));
        let is_service_linked = self.issuer_arn.as_deref().is_some_and(|arn| arn.contains(SERVICE_LINKED));
        let is_sso =
            name.starts_with(SSO_ROLE) && self.issuer_arn.as_deref().is_none_or(|arn| arn.contains(SSO_PATH));
        let kind = match kind {
            Kind::AssumedRole if is_service_linked => Kind::ServiceLinkedRole,
            Kind::AssumedRole if is_sso => Kind::Sso,
            kind => kind,
        };
        let (human, human_is_claimed) = match &session {
            Some(session) if kind == Kind::Sso => (Some(session.clone()), false),
            // Whoever federates by hand usually names the session after the person.
            Some(session) if human.is_none() && is_address(session) => (Some(session.clone()), true),
            _ => (human, false),
        };
        Principal {
            kind,
            account: account.and_then(|account| account.parse().ok()),
            human,
            human_is_claimed,
            name,
            session,
            session_created: self.created,
            arn: self.arn.or(self.issuer_arn).map(Cow::into_owned),
            access_key: self.access_key_id.map(Cow::into_owned),
            invoked_by: self.invoked_by.map(Cow::into_owned),
            other_account: false,
        }
    }

    fn kind(&self) -> Kind {
        match self.kind.as_deref() {
            Some("Root") => Kind::Root,
            Some("IAMUser") => Kind::IamUser,
            Some("AssumedRole" | "Role") => Kind::AssumedRole,
            Some("FederatedUser") => Kind::FederatedUser,
            Some("WebIdentityUser") => Kind::WebIdentityUser,
            Some("SAMLUser") => Kind::SamlUser,
            Some("AWSAccount") => Kind::Account,
            Some("AWSService") => Kind::Service,
            Some("IdentityCenterUser") => Kind::IdentityCenterUser,
            Some("Directory") => Kind::Directory,
            // Service events of some services name nobody but who invoked them.
            None if self.invoked_by.is_some() => Kind::Service,
            _ => Kind::Unknown,
        }
    }

    /// Name, session and person.
    fn names(&self, kind: Kind) -> (String, Option<String>, Option<String>) {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let arn = self.arn.as_deref().and_then(Resource::of);
        let arn_name = arn.map(|resource| resource.name);
        let id_session = self.principal_id.as_deref().and_then(|id| id.split_once(':')).map(|(_, name)| name);
        let human = self.source_identity.as_deref().or(self.on_behalf_of.as_deref());
        let user = self.user_name.as_deref();
        let (name, session, human) = match kind {
            Kind::Root => (Some("root"), None, human),
            Kind::AssumedRole | Kind::Sso | Kind::ServiceLinkedRole => {
                // `Resource::session` is the session only of the STS form; a role's own ARN has none.
                let session = arn.and_then(|resource| resource.session).or(id_session);
                (self.issuer_name.as_deref().or(arn_name).or(user), session, human)
            }
            Kind::IamUser | Kind::FederatedUser | Kind::Unknown => (user.or(arn_name), None, human),
            Kind::WebIdentityUser | Kind::SamlUser | Kind::Directory => (user, None, user),
            Kind::IdentityCenterUser => (user.or(self.on_behalf_of.as_deref()), None, user.or(human)),
            Kind::Account => (self.account_id.as_deref(), id_session, human),
            Kind::Service => (self.invoked_by.as_deref(), None, human),
        };
        // What is left is better than nothing, even if only a machine knows it.
        let left =
            || self.principal_id.as_deref().or(self.account_id.as_deref()).or(self.invoked_by.as_deref());
        let name = name.or_else(left).unwrap_or("unknown");
        (name.to_owned(), owned(session), owned(human))
    }
}

/// Whether a name is an e-mail address, as far as sessions can be named so.
fn is_address(name: &str) -> bool {
    name.split_once('@').is_some_and(|(local, domain)| {
        let labelled = domain.split('.').all(|label| !label.is_empty());
        !local.is_empty() && !domain.contains('@') && domain.contains('.') && labelled
    })
}

/// The account in `arn:partition:service:region:account:resource`.
fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4)
}

/// The resource part of a caller's ARN.
#[derive(Debug, Clone, Copy)]
struct Resource<'a> {
    /// `alice` of `user/division/alice`, `deploy` of `assumed-role/deploy/ci`.
    name: &'a str,
    session: Option<&'a str>,
}

impl<'a> Resource<'a> {
    fn of(arn: &'a str) -> Option<Self> {
        let resource = arn.splitn(6, ':').nth(5)?;
        if let Some(role) = resource.strip_prefix("assumed-role/") {
            // The ARN of a session has no path; the session may be missing where somebody cut it.
            let (name, session) =
                role.split_once('/').map_or((role, None), |(name, session)| (name, Some(session)));
            return Some(Resource { name, session });
        }
        let name = resource.rsplit('/').next()?;
        if name.is_empty() { None } else { Some(Resource { name, session: None }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `userIdentity` beside what is made of it: kind, name, label, human.
    const CASES: &[(&str, Kind, &str, &str, Option<&str>)] = &[
        (
            r#"{"type":"Root","principalId":"111122223333","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333"}"#,
            Kind::Root,
            "root",
            "root",
            None,
        ),
        (
            r#"{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111122223333:user/alice","accountId":"111122223333","accessKeyId":"AKIAEXAMPLE","userName":"alice"}"#,
            Kind::IamUser,
            "alice",
            "alice",
            None,
        ),
        (
            r#"{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/division/bob"}"#,
            Kind::IamUser,
            "bob",
            "bob",
            None,
        ),
        (
            r#"{"type":"AssumedRole","principalId":"AROAEXAMPLE:ci-123","arn":"arn:aws:sts::111122223333:assumed-role/deploy-role/ci-123","accountId":"111122223333","sessionContext":{"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:role/path/deploy-role","userName":"deploy-role"},"sourceIdentity":"carol"}}"#,
            Kind::AssumedRole,
            "deploy-role",
            "deploy-role/ci-123",
            Some("carol"),
        ),
        (
            r#"{"type":"AssumedRole","principalId":"AROAEXAMPLE:dora@example.com","arn":"arn:aws:sts::111122223333:assumed-role/admin/dora@example.com"}"#,
            Kind::AssumedRole,
            "admin",
            "admin/dora@example.com",
            Some("dora@example.com"),
        ),
        (
            r#"{"type":"AssumedRole","principalId":"AROAEXAMPLE:job@7","arn":"arn:aws:sts::111122223333:assumed-role/batch/job@7"}"#,
            Kind::AssumedRole,
            "batch",
            "batch/job@7",
            None,
        ),
        (
            r#"{"type":"AssumedRole","principalId":"AROAEXAMPLE:ci-123","arn":"arn:aws:sts::111122223333:assumed-role/deploy-role/ci-123"}"#,
            Kind::AssumedRole,
            "deploy-role",
            "deploy-role/ci-123",
            None,
        ),
        (
            r#"{"type":"AssumedRole","principalId":"AROAEXAMPLE:ci-123"}"#,
            Kind::AssumedRole,
            "AROAEXAMPLE:ci-123",
            "AROAEXAMPLE:ci-123/ci-123",
            None,
        ),
        (
            r#"{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_Access_0123456789abcdef/dora@example.com"}"#,
            Kind::Sso,
            "AWSReservedSSO_Admin_Access_0123456789abcdef",
            "dora@example.com (Admin_Access)",
            Some("dora@example.com"),
        ),
        (
            r#"{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/dora@example.com","sessionContext":{"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123456789abcdef","userName":"AWSReservedSSO_Admin_0123456789abcdef"}}}"#,
            Kind::Sso,
            "AWSReservedSSO_Admin_0123456789abcdef",
            "dora@example.com (Admin)",
            Some("dora@example.com"),
        ),
        (
            r#"{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/dora","sessionContext":{"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_0123456789abcdef","userName":"AWSReservedSSO_Admin_0123456789abcdef"}}}"#,
            Kind::AssumedRole,
            "AWSReservedSSO_Admin_0123456789abcdef",
            "AWSReservedSSO_Admin_0123456789abcdef/dora",
            None,
        ),
        (
            r#"{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForConfig/s","sessionContext":{"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig","userName":"AWSServiceRoleForConfig"}}}"#,
            Kind::ServiceLinkedRole,
            "AWSServiceRoleForConfig",
            "AWSServiceRoleForConfig/s",
            None,
        ),
        (
            r#"{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForMe/s","sessionContext":{"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:role/AWSServiceRoleForMe","userName":"AWSServiceRoleForMe"}}}"#,
            Kind::AssumedRole,
            "AWSServiceRoleForMe",
            "AWSServiceRoleForMe/s",
            None,
        ),
        (
            r#"{"type":"FederatedUser","arn":"arn:aws:sts::111122223333:federated-user/erik","sessionContext":{"sessionIssuer":{"type":"IAMUser","userName":"broker"}}}"#,
            Kind::FederatedUser,
            "erik",
            "erik",
            None,
        ),
        (
            r#"{"type":"WebIdentityUser","principalId":"accounts.google.com:app:frida","userName":"frida","identityProvider":"accounts.google.com"}"#,
            Kind::WebIdentityUser,
            "frida",
            "frida",
            Some("frida"),
        ),
        (
            r#"{"type":"SAMLUser","principalId":"abc=:gustav","userName":"gustav","identityProvider":"abc="}"#,
            Kind::SamlUser,
            "gustav",
            "gustav",
            Some("gustav"),
        ),
        (
            r#"{"type":"AWSAccount","principalId":"AROAEXAMPLE:session","accountId":"444455556666"}"#,
            Kind::Account,
            "444455556666",
            "444455556666 (other account)",
            None,
        ),
        (
            r#"{"type":"AWSAccount","principalId":"AIDAEXAMPLE","accountId":"111122223333"}"#,
            Kind::Account,
            "111122223333",
            "111122223333",
            None,
        ),
        (
            r#"{"type":"AWSService","invokedBy":"autoscaling.amazonaws.com"}"#,
            Kind::Service,
            "autoscaling.amazonaws.com",
            "autoscaling.amazonaws.com",
            None,
        ),
        (
            r#"{"accountId":"111122223333","invokedBy":"AWS Internal"}"#,
            Kind::Service,
            "AWS Internal",
            "AWS Internal",
            None,
        ),
        (
            r#"{"type":"IdentityCenterUser","accountId":"111122223333","onBehalfOf":{"userId":"9067-1234","identityStoreArn":"arn:aws:identitystore::111122223333:identitystore/d-1"},"credentialId":"c"}"#,
            Kind::IdentityCenterUser,
            "9067-1234",
            "9067-1234",
            Some("9067-1234"),
        ),
        (r#"{"type":"Directory","userName":"heidi"}"#, Kind::Directory, "heidi", "heidi", Some("heidi")),
        (r#"{"type":"Unknown","principalId":"p-1","userName":"ivan"}"#, Kind::Unknown, "ivan", "ivan", None),
        (r#"{"type":"Something new","principalId":"p-1"}"#, Kind::Unknown, "p-1", "p-1", None),
        (r#"{"type":7,"arn":"::","userName":""}"#, Kind::Unknown, "unknown", "unknown", None),
        ("{}", Kind::Unknown, "unknown", "unknown", None),
    ];

    #[test]
    fn every_way_to_name_a_caller() {
        for (identity, kind, name, label, human) in CASES {
            let text = format!(
                r#"{{"eventName":"x","recipientAccountId":"111122223333","userIdentity":{identity}}}"#
            );
            let mut scanner = json_scan::Scanner::new(text.as_bytes()).unwrap();
            let principal = Principal::of(&Record::read(scanner.object().unwrap()).unwrap());
            let seen = (principal.kind, &*principal.name, &*principal.label(), principal.human.as_deref());
            assert_eq!(seen, (*kind, *name, *label, *human), "{identity}");
        }
    }

    #[test]
    fn a_role_whose_arn_is_cut_has_no_session() {
        let mut scanner = json_scan::Scanner::new(
            br#"{"eventName":"x","userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/deploy"}}"#,
        )
        .unwrap();
        let principal = Principal::of(&Record::read(scanner.object().unwrap()).unwrap());
        assert_eq!((principal.label(), principal.session), ("deploy".to_owned(), None));
        assert_eq!(principal.account.unwrap().to_string(), "111122223333");
    }

    #[test]
    fn a_record_may_name_nobody() {
        let mut scanner = json_scan::Scanner::new(br#"{"eventName":"x"}"#).unwrap();
        let principal = Principal::of(&Record::read(scanner.object().unwrap()).unwrap());
        assert_eq!((principal.kind, principal.label()), (Kind::Unknown, "unknown".to_owned()));
    }
}
