//! What a rule says of an event that its selector matched: whether it fires, how gravely, by what title, in which group.
//!
//! Everything here is a function of the rule, the event and the [`Context`]. The event is taken apart once, in an
//! [`EventView`], and only for events that matched; what a rule does not ask for is not made.

use crate::condition::{Scope, Truth};
use crate::path::{EventPath, Root};
use crate::rule::{Exception, Rule, Severity};
use cloudtrail::principal::Kind;
use cloudtrail::{AssumeRole, Delivery, Event, EventTime, Principal};
use context::Context;
use serde::Serialize;
use serde_json::Value;
use std::sync::OnceLock;

/// A matched event, as rules see it: the event EventBridge would deliver, and who did it.
#[derive(Debug)]
pub struct EventView {
    text: Box<[u8]>,
    json: Value,
    principal: Principal,
    time: EventTime,
    /// The record alone, compact: what a filter pattern is matched against.
    record: Option<Box<str>>,
    aws_enabled: bool,
    aws_all_management: bool,
    for_patterns: OnceLock<Option<event_pattern::Event>>,
}

/// An event that cannot be taken apart, although it could be matched: its text is no JSON after all.
#[derive(Debug, thiserror::Error)]
#[error("the event is no readable JSON: {0}")]
pub struct UnreadableEvent(#[from] serde_json::Error);

impl EventView {
    /// Takes an event apart.
    ///
    /// # Errors
    ///
    /// Where the event's text turns out not to be JSON: matching steps over values without reading them.
    pub fn of(event: &Event<'_>) -> Result<Self, UnreadableEvent> {
        let mut text = Vec::new();
        cloudtrail::eventbridge::write_envelope(event, &mut text);
        let json = serde_json::from_slice(&text)?;
        let record = event.record().map(|record| {
            let mut text = Vec::new();
            record.json.write_compact(&mut text);
            String::from_utf8_lossy(&text).into_owned().into_boxed_str()
        });
        let principal = event.record().map_or_else(nobody, Principal::of);
        Ok(Self {
            text: text.into_boxed_slice(),
            json,
            principal,
            time: event.time,
            record,
            aws_enabled: Delivery::AwsEnabled.delivers(event, AssumeRole::default()),
            aws_all_management: Delivery::AwsAllManagement.delivers(event, AssumeRole::default()),
            for_patterns: OnceLock::new(),
        })
    }

    /// The event as EventBridge delivers it.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// Who did it.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// When it happened.
    #[must_use]
    pub fn time(&self) -> EventTime {
        self.time
    }

    /// Whether EventBridge would have delivered the event to a rule with this setting.
    #[must_use]
    pub fn delivered(&self, delivery: Delivery) -> bool {
        match delivery {
            Delivery::All => true,
            Delivery::AwsEnabled => self.aws_enabled,
            Delivery::AwsAllManagement => self.aws_all_management,
        }
    }

    /// The compact CloudTrail record, without envelope; `None` for events that are not CloudTrail's.
    #[must_use]
    pub fn record(&self) -> Option<&str> {
        self.record.as_deref()
    }

    /// The event as event patterns see it. `None` where the pattern language has no such event, such as one nested
    /// too deeply.
    #[must_use]
    pub fn for_patterns(&self) -> Option<&event_pattern::Event> {
        self.for_patterns.get_or_init(|| event_pattern::Event::parse(&self.text).ok()).as_ref()
    }
}

fn nobody() -> Principal {
    Principal {
        kind: Kind::Unknown,
        name: "unknown".to_owned(),
        arn: None,
        account: None,
        session: None,
        access_key: None,
        invoked_by: None,
        human: None,
        other_account: false,
    }
}

/// The kind's word in conditions, titles and findings.
pub(crate) fn principal_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Root => "root",
        Kind::IamUser => "iam-user",
        Kind::AssumedRole => "assumed-role",
        Kind::Sso => "sso",
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

/// An event's json and principal beside what is known of the organization.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) event: &'a Value,
    pub(crate) principal: &'a Principal,
    pub(crate) context: &'a Context,
}

/// One rule over one matched event. Cheap to make; what several questions need is made once.
///
/// ```no_run
/// # fn example(rule: &rules::Rule, view: &rules::EventView, context: &context::Context) {
/// use rules::{Evaluation, Verdict};
/// let evaluation = Evaluation::new(rule, view, context);
/// if evaluation.verdict() == Verdict::Fires {
///     println!("{} {}", evaluation.severity(), evaluation.title());
/// }
/// # }
/// ```
pub struct Evaluation<'a> {
    rule: &'a Rule,
    view: &'a EventView,
    subject: Subject<'a>,
    scope: Scope<'a>,
}

/// What becomes of a matched event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "detail")]
pub enum Verdict {
    /// The rule fires.
    Fires,
    /// The rule's `where` is false.
    WhereFalse,
    /// The rule's `where` asks for a field that is not there, which counts as false.
    WhereMissing(String),
    /// The rule's `where` cannot be evaluated over this event.
    WhereError(String),
    /// An exception of the rule names the event: its index in [`Rule::except`].
    Excepted(usize),
}

impl<'a> Evaluation<'a> {
    /// The rule over an event its selector matched.
    #[must_use]
    pub fn new(rule: &'a Rule, view: &'a EventView, context: &'a Context) -> Self {
        let subject = Subject { event: view.json(), principal: view.principal(), context };
        Self { rule, view, subject, scope: Scope::new(subject) }
    }

    /// Whether it fires. `where` is asked before the exceptions.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.condition() {
            Truth::True => {}
            Truth::False => return Verdict::WhereFalse,
            Truth::Missing(what) => return Verdict::WhereMissing(what),
            Truth::Error(error) => return Verdict::WhereError(error),
        }
        let excepted = self.rule.except.iter().position(|exception| self.excepts(exception) == Ok(()));
        excepted.map_or(Verdict::Fires, Verdict::Excepted)
    }

    /// What the rule's `where` gives; true without one.
    #[must_use]
    pub fn condition(&self) -> Truth {
        self.rule.condition.as_ref().map_or(Truth::True, |condition| condition.evaluate(&self.scope))
    }

    /// Whether an exception names the event, or why it does not.
    ///
    /// # Errors
    ///
    /// The first of its parts that does not hold.
    pub fn excepts(&self, exception: &Exception) -> Result<(), NotExcepted> {
        if let Some(expires) = exception.expires {
            let day = self.view.time().timestamp().to_zoned(jiff::tz::TimeZone::UTC).date();
            if day > expires {
                return Err(NotExcepted::Expired);
            }
        }
        if let Some(pattern) = &exception.pattern
            && !self.view.for_patterns().is_some_and(|event| pattern.matches(event))
        {
            return Err(NotExcepted::Pattern);
        }
        match exception.condition.as_ref().map_or(Truth::True, |condition| condition.evaluate(&self.scope)) {
            Truth::True => Ok(()),
            truth => Err(NotExcepted::Where(truth)),
        }
    }

    /// How grave a finding would be: that of the first escalation whose condition holds, else the rule's own.
    #[must_use]
    pub fn severity(&self) -> Severity {
        let escalation =
            self.rule.escalate.iter().find(|escalation| escalation.when.evaluate(&self.scope).holds());
        escalation.map_or(self.rule.severity, |escalation| escalation.severity)
    }

    /// What each escalation's condition gives, in order.
    pub(crate) fn escalations(&self) -> impl Iterator<Item = Truth> {
        self.rule.escalate.iter().map(|escalation| escalation.when.evaluate(&self.scope))
    }

    /// The finding's title. Never fails: what is not there is written `?`.
    #[must_use]
    pub fn title(&self) -> String {
        self.rule.title.render(self.subject)
    }

    /// The values of `group.by`, in its order: the path as written and the event's value there. Text stands as it is,
    /// anything else as JSON, and what is not there as the empty text. Empty where the rule does not group.
    #[must_use]
    pub fn group_key(&self) -> Box<[(Box<str>, Box<str>)]> {
        let paths = self.rule.group.as_ref().map_or(&[][..], |group| &group.by);
        paths
            .iter()
            .map(|path| (path.to_string().into_boxed_str(), self.value(path).into_boxed_str()))
            .collect()
    }

    /// The value at a path, as text; empty where nothing is there.
    #[must_use]
    pub fn value(&self, path: &EventPath) -> String {
        value(self.subject, path)
    }
}

/// Why an exception does not name an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotExcepted {
    /// It expired before the event.
    Expired,
    /// Its pattern does not match.
    Pattern,
    /// Its `where` does not hold.
    Where(Truth),
}

fn value(subject: Subject<'_>, path: &EventPath) -> String {
    let Subject { event, principal, context } = subject;
    let first = path.steps().first().map(|step| &**step);
    let known = |text: Option<&str>| text.unwrap_or_default().to_owned();
    match (path.root(), first) {
        (Root::Principal, None) => known(principal.arn.as_deref().or(Some(&principal.name))),
        (Root::Principal, Some("kind")) => known(Some(principal_kind(principal.kind))),
        (Root::Principal, Some("name")) => known(Some(&principal.name)),
        (Root::Principal, Some("arn")) => known(principal.arn.as_deref()),
        (Root::Principal, Some("session")) => known(principal.session.as_deref()),
        (Root::Principal, Some(_)) => known(principal.human.as_deref()),
        (Root::Account, Some(name)) => {
            let id = event.get("account").and_then(Value::as_str).unwrap_or_default();
            let account = context.account(id);
            match name {
                "name" => known(Some(context.account_name(id))),
                "ou" => known(account.and_then(|account| account.ou.as_deref())),
                "tags" => {
                    let tag = path.steps().get(1).map_or("", |tag| &**tag);
                    known(account.and_then(|account| account.tags.get(tag)).map(|value| &**value))
                }
                _ => known(Some(id)),
            }
        }
        _ => match path.find(event) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        },
    }
}
