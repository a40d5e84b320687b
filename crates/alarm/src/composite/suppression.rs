//! Holding actions back while another alarm, the suppressor, is in ALARM.
//!
//! After a transition the composite alarm waits (the *wait period*) for the suppressor to go into ALARM; if it does,
//! actions stay suppressed until it leaves, and for the *extension period* after. When suppression ends, the actions of
//! the state the alarm is then in run. Once they have run, a later ALARM of the suppressor changes nothing until the next
//! transition. Recorded on the service, September 2026, to the millisecond.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Whether the actions of a composite alarm are held back, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suppression {
    /// They are not.
    #[default]
    None,
    /// Waiting for the suppressor to go into ALARM.
    WaitPeriod {
        /// When the wait is over.
        until: Timestamp,
    },
    /// The suppressor is in ALARM.
    Alarm {
        /// The suppressor's ARN.
        arn: String,
        /// Since when it is in ALARM.
        since: Timestamp,
    },
    /// The suppressor has left ALARM a while ago.
    ExtensionPeriod {
        /// When the extension is over.
        until: Timestamp,
    },
}

/// What holds actions back, as `ActionsSuppressedBy` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SuppressedBy {
    /// The suppressor is in ALARM.
    Alarm,
    /// The time after a transition.
    WaitPeriod,
    /// The time after the suppressor left ALARM.
    ExtensionPeriod,
}

impl SuppressedBy {
    /// The service's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alarm => "Alarm",
            Self::WaitPeriod => "WaitPeriod",
            Self::ExtensionPeriod => "ExtensionPeriod",
        }
    }
}

impl Suppression {
    /// The `ActionsSuppressedBy` of it; none while actions run.
    pub fn suppressed_by(&self) -> Option<SuppressedBy> {
        match self {
            Self::None => None,
            Self::WaitPeriod { .. } => Some(SuppressedBy::WaitPeriod),
            Self::Alarm { .. } => Some(SuppressedBy::Alarm),
            Self::ExtensionPeriod { .. } => Some(SuppressedBy::ExtensionPeriod),
        }
    }

    /// The `ActionsSuppressedReason`, in the service's words.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::WaitPeriod { .. } => Some("Actions suppressed by WaitPeriod".to_owned()),
            Self::ExtensionPeriod { .. } => Some("Actions suppressed by ExtensionPeriod".to_owned()),
            Self::Alarm { arn, since } => Some(format!(
                "Actions suppressed by {arn} that transitioned to ALARM at {}",
                since.in_sentence()
            )),
        }
    }

    /// When it ends by itself.
    pub(super) fn until(&self) -> Option<Timestamp> {
        match self {
            Self::WaitPeriod { until } | Self::ExtensionPeriod { until } => Some(*until),
            Self::None | Self::Alarm { .. } => None,
        }
    }
}

/// The suppressor of a composite alarm, and for how long it is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Suppressor {
    pub(super) arn: String,
    pub(super) wait_ms: i64,
    pub(super) extension_ms: i64,
}

impl Suppressor {
    /// The suppression right after a transition of the composite alarm.
    pub(super) fn after_transition(&self, in_alarm_since: Option<Timestamp>, at: Timestamp) -> Suppression {
        match in_alarm_since {
            Some(since) => Suppression::Alarm { arn: self.arn.clone(), since },
            None if self.wait_ms > 0 => Suppression::WaitPeriod { until: at.plus_millis(self.wait_ms) },
            None => Suppression::None,
        }
    }

    /// The suppression after the suppressor itself went into or left ALARM.
    pub(super) fn after_own_transition(
        &self,
        now: &Suppression,
        in_alarm: bool,
        at: Timestamp,
    ) -> Suppression {
        match (now, in_alarm) {
            (Suppression::WaitPeriod { .. } | Suppression::ExtensionPeriod { .. }, true) => {
                Suppression::Alarm { arn: self.arn.clone(), since: at }
            }
            (Suppression::Alarm { .. }, false) if self.extension_ms > 0 => {
                Suppression::ExtensionPeriod { until: at.plus_millis(self.extension_ms) }
            }
            (Suppression::Alarm { .. }, false) => Suppression::None,
            (unchanged, _) => unchanged.clone(),
        }
    }
}
