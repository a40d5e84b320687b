//! The three states of an alarm.

use std::fmt;

use serde::{Deserialize, Serialize};

/// OK, ALARM or INSUFFICIENT_DATA.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StateValue {
    /// The metric is within the threshold.
    #[serde(rename = "OK")]
    Ok,
    /// The metric is outside the threshold.
    #[serde(rename = "ALARM")]
    Alarm,
    /// The alarm is new, or there is not enough data to say.
    #[default]
    #[serde(rename = "INSUFFICIENT_DATA")]
    InsufficientData,
}

impl StateValue {
    /// The service's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

impl fmt::Display for StateValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a state; use OK, ALARM or INSUFFICIENT_DATA")]
pub struct StateValueError(String);

impl std::str::FromStr for StateValue {
    type Err = StateValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "OK" => Ok(Self::Ok),
            "ALARM" => Ok(Self::Alarm),
            "INSUFFICIENT_DATA" => Ok(Self::InsufficientData),
            _ => Err(StateValueError(text.to_owned())),
        }
    }
}
