//! Rule documents: their schema, diagnostics, lint, tests and packs.

mod catalogue;
mod condition;
mod diagnostic;
mod evaluation;
mod explanation;
mod files;
mod lint;
mod nearest;
mod organization;
mod pack;
mod path;
mod read;
mod rule;
pub mod schema;
mod set;
mod test_run;
mod title;
pub mod yaml;

pub use catalogue::{Check, Entry};
pub use condition::{Condition, EXPRESSION_LENGTH_MAX, Truth};
pub use diagnostic::{Colour, Diagnostic, Level, Span};
pub use evaluation::{Evaluation, EventView, NotExcepted, UnreadableEvent, Verdict};
pub use explanation::{
    ConditionExplanation, EscalationExplanation, ExceptionExplanation, RuleExplanation, SelectorExplanation,
};
pub use files::{Files, MemoryFiles};
pub use lint::{expired_exceptions, unused_lists};
pub use organization::Organization;
pub use pack::BuiltIn;
pub use path::{EventPath, PathError, Root};
pub use rule::{Escalation, Exception, Group, Rule, RuleId, RuleTest, Selector, Severity, Source, TestEvent};
pub use set::{Loaded, RuleSet};
pub use test_run::{TestEventError, TestOutcome};
pub use title::{TITLE_LENGTH_MAX, Title};
