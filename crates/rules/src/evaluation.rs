//! What a rule says of an event that its selector matched: whether it fires, how gravely, by what title, in which group.
//!
//! Everything here is a function of the rule, the event and the [`Context`]; what a rule does not ask for is not made.

use crate::condition::{Scope, Truth};
use crate::event::{EventView, Seen};
use crate::path::EventPath;
use crate::rule::{Exception, Rule, Severity};
use context::Context;
use serde::Serialize;
use std::borrow::Cow;

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
    seen: Seen<'a>,
    context: &'a Context,
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
    pub fn new(rule: &'a Rule, event: impl Into<Seen<'a>>, context: &'a Context) -> Self {
        let seen = event.into();
        Self { rule, seen, context, scope: Scope::new(seen, context) }
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
            let day = self.seen.time().timestamp().to_zoned(jiff::tz::TimeZone::UTC).date();
            if day > expires {
                return Err(NotExcepted::Expired);
            }
        }
        if let Some(pattern) = &exception.pattern
            && !self
                .seen
                .apart()
                .and_then(EventView::for_patterns)
                .is_some_and(|event| pattern.matches(event))
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
        self.rule.title.render(self.seen, self.context)
    }

    /// The values of `group.by`, in its order: the path as written and the event's value there. Text stands as it is,
    /// anything else as JSON, and what is not there as the empty text. Empty where the rule does not group.
    #[must_use]
    pub fn group_key(&self) -> Box<[(Box<str>, Box<str>)]> {
        let paths = self.rule.group.as_ref().map_or(&[][..], |group| &group.by);
        paths.iter().map(|path| (path.to_string().into_boxed_str(), self.value(path).into())).collect()
    }

    /// The value at a path, as text; empty where nothing is there.
    #[must_use]
    pub fn value(&self, path: &EventPath) -> Cow<'a, str> {
        self.seen.value(path, self.context)
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
