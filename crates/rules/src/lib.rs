//! Rule documents: their schema, diagnostics, lint, tests and packs.

mod catalogue;
mod condition;
mod diagnostic;
mod evaluation;
mod files;
mod nearest;
mod path;
mod rule;
mod title;
pub mod yaml;

pub use catalogue::{Check, Entry};
pub use condition::{Condition, EXPRESSION_LENGTH_MAX, Truth};
pub use diagnostic::{Colour, Diagnostic, Level, Span};
pub use evaluation::{Evaluation, EventView, NotExcepted, UnreadableEvent, Verdict};
pub use files::{Files, MemoryFiles};
pub use path::{EventPath, PathError, Root};
pub use rule::{Escalation, Exception, Group, Rule, RuleId, RuleTest, Selector, Severity, Source, TestEvent};
pub use title::{TITLE_LENGTH_MAX, Title};
