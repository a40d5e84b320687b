//! One composite alarm: its definition, its state, and how a change of it is told.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::rule::AlarmRule;
use super::suppression::{Suppression, Suppressor};
use crate::state::StateValue;
use crate::time::Timestamp;

/// The fields of PutCompositeAlarm that decide anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompositeDefinition {
    /// The name of the alarm.
    #[serde(alias = "AlarmName")]
    pub alarm_name: String,
    /// The rule expression.
    #[serde(alias = "AlarmRule")]
    pub alarm_rule: String,
    /// Name or ARN of the alarm that holds actions back.
    #[serde(default, alias = "ActionsSuppressor", skip_serializing_if = "Option::is_none")]
    pub actions_suppressor: Option<String>,
    /// Seconds to wait for the suppressor after a transition.
    #[serde(default, alias = "ActionsSuppressorWaitPeriod", skip_serializing_if = "Option::is_none")]
    pub actions_suppressor_wait_period: Option<u32>,
    /// Seconds to hold back after the suppressor left ALARM.
    #[serde(default, alias = "ActionsSuppressorExtensionPeriod", skip_serializing_if = "Option::is_none")]
    pub actions_suppressor_extension_period: Option<u32>,
}

/// A child that supports the state of a composite alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriggeringAlarm {
    /// Which alarm.
    pub arn: String,
    /// Its state.
    pub state: StateValue,
    /// Since when it is in that state.
    pub timestamp: Timestamp,
}

/// One composite alarm and its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompositeAlarm {
    pub(super) rule: AlarmRule,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) suppressor: Option<Suppressor>,
    pub(super) state: StateValue,
    pub(super) reason: String,
    pub(super) triggering: Vec<TriggeringAlarm>,
    pub(super) updated_at: Timestamp,
    pub(super) transitioned_at: Timestamp,
    #[serde(default)]
    pub(super) suppression: Suppression,
}

impl CompositeAlarm {
    /// The rule.
    pub fn rule(&self) -> &AlarmRule {
        &self.rule
    }

    /// OK or ALARM.
    pub fn state(&self) -> StateValue {
        self.state
    }

    /// Why, in the service's words.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The children that support the state.
    pub fn triggering(&self) -> &[TriggeringAlarm] {
        &self.triggering
    }

    /// The service's `StateReasonData`.
    pub fn reason_data(&self) -> String {
        reason_data(&self.triggering)
    }

    /// When the state or its suppression last changed.
    pub fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// When the state last changed.
    pub fn transitioned_at(&self) -> Timestamp {
        self.transitioned_at
    }

    /// Whether its actions are held back.
    pub fn suppression(&self) -> &Suppression {
        &self.suppression
    }
}

fn reason_data(triggering: &[TriggeringAlarm]) -> String {
    let alarms: Vec<String> = triggering
        .iter()
        .map(|alarm| {
            let (arn, state, timestamp) = (json!(alarm.arn), alarm.state, alarm.timestamp);
            format!("{{\"arn\":{arn},\"state\":{{\"value\":\"{state}\",\"timestamp\":\"{timestamp}\"}}}}")
        })
        .collect();
    format!("{{\"triggeringAlarms\":[{}]}}", alarms.join(","))
}

/// A composite alarm changed its state, or whether its actions are suppressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompositeChange {
    /// Which alarm.
    pub arn: String,
    /// When.
    pub at: Timestamp,
    /// The state before. Equal to `to` when only the suppression changed.
    pub from: StateValue,
    /// The state after.
    pub to: StateValue,
    /// Why it is in the new state, in the service's words.
    pub reason: String,
    /// The children that support the new state.
    pub triggering: Vec<TriggeringAlarm>,
    /// Whether actions are held back now. If not, the actions of `to` are to run.
    pub suppression: Suppression,
    /// Whether actions were held back before.
    pub previous_suppression: Suppression,
}

impl CompositeChange {
    /// Whether the actions of the new state are to run now.
    pub fn runs_actions(&self) -> bool {
        self.suppression == Suppression::None
    }

    /// The service's `StateReasonData`.
    pub fn reason_data(&self) -> String {
        reason_data(&self.triggering)
    }
}
