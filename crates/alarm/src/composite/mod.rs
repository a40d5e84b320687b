//! Composite alarms: alarms over the states of other alarms.
//!
//! [`AlarmRule`] is the rule expression, parsed with the service's own error texts; [`CompositeAlarms`] holds a set of
//! composite alarms with the states of their children, and tells what changes when a child, a rule or the time does.

mod admission;
mod alarm;
mod alarms;
mod parse;
mod rule;
mod suppression;
mod token;

pub use admission::{CompositeError, Home};
pub use alarm::{CompositeAlarm, CompositeChange, CompositeDefinition, TriggeringAlarm};
pub use alarms::CompositeAlarms;
pub use parse::AlarmRuleError;
pub use rule::AlarmRule;
pub use suppression::{SuppressedBy, Suppression};
