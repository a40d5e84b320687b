//! Rule documents: their schema, diagnostics, lint, tests and packs.
//!
//! A [`RuleSet`] is read from [`Files`] that are handed in. Reading answers with the rules that can be used and with
//! every [`Diagnostic`] there is to give, each with its place in the file; a [`Rule`] that exists is compiled and
//! cannot fail to run. An [`Evaluation`] is one rule over one event its selector matched: a function of rule, event
//! and [`Context`](context::Context), so there is no clock here, no randomness and no I/O.
//!
//! | to | see |
//! |---|---|
//! | read rules | [`RuleSet::load`], [`BuiltIn`], [`Organization`] |
//! | decide about a matched event | [`EventInPlace`], [`EventView`], [`Evaluation`], [`Verdict`] |
//! | run the tests inside rules | [`Rule::run_tests`] |
//! | say why | [`Rule::explain`] |
//! | list all checks | [`Check::ALL`] |
//! | help an editor | [`schema::rule_document`] |

#![deny(missing_docs)]

mod alarms;
mod calendars;
mod catalogue;
mod condition;
mod cost;
mod coverage;
mod decision;
mod diagnostic;
mod evaluation;
mod event;
mod explanation;
mod files;
mod history;
mod lint;
mod metric;
mod nearest;
mod organization;
mod overrides;
mod pack;
mod path;
mod read;
mod rule;
mod rule_test;
pub mod schema;
mod set;
mod test_run;
mod title;
pub mod yaml;

pub use catalogue::{Check, Entry};
pub use condition::{Condition, EXPRESSION_LENGTH_MAX, Truth};
pub use cost::Cost;
pub use coverage::{Control, Matrix, Technique, controls, services, tactics, techniques};
pub use decision::{
    Absent, CompositeAlarm, Decision, DecisionKind, Expect, FirstSeen, MetricAlarm, MetricFilter, Sequence,
    Step, Threshold,
};
pub use diagnostic::{Colour, Diagnostic, Level, Span};
pub use evaluation::{Evaluation, NotExcepted, Verdict};
pub use event::{EventInPlace, EventView, Seen, UnreadableEvent};
pub use explanation::{
    ConditionExplanation, EscalationExplanation, ExceptionExplanation, RuleExplanation, SelectorExplanation,
};
pub use files::{Files, MemoryFiles, resolve};
pub use history::Change;
pub use lint::{expired_exceptions, missing_events, unused_lists};
pub use metric::{MetricTime, Transformation};
pub use nearest::nearest;
pub use organization::Organization;
pub use overrides::Override;
pub use pack::BuiltIn;
pub use path::{EventPath, PathError, Root};
pub use read::{Complaints, Fields, parse_duration, pattern as read_pattern, shown};
pub use rule::{Escalation, Exception, Group, Rule, RuleId, Selector, Severity, Source};
pub use rule_test::{
    Action, Course, EventOrigin, EventTest, ExpectedFinding, ExpectedState, KnownBy, ProgressStep, RuleTest,
    TestEvent, TestStep, Timeline,
};
pub use set::{Loaded, RuleSet, Selection};
pub use test_run::{TestEventError, TestOutcome};
pub use title::{TITLE_LENGTH_MAX, Title};
