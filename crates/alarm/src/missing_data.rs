//! The decision: from what the newest datapoints say and how many are missing to a state.
//!
//! AWS looks further back than the evaluation periods and lets older points stand in for missing newer ones; only what
//! is then still missing is treated. The rule below reproduces every recorded case and every cell of the documented
//! tables. Its surprise is *premature alarms*: with missing data left as missing, a lone breach does not alarm at once but
//! only when it is as old as the datapoints to alarm.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::state::StateValue;

/// What an alarm makes of datapoints that are not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TreatMissingData {
    /// Counts as bad: no data at all is ALARM.
    Breaching,
    /// Counts as good: no data at all is OK.
    NotBreaching,
    /// The state stays as it is while nothing better is known.
    Ignore,
    /// No data at all is INSUFFICIENT_DATA. The default.
    #[default]
    Missing,
}

/// The text is not a treatment. The wording is the service's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Supported values for TreatMissingData are breaching, notBreaching, ignore, and missing.")]
pub struct TreatMissingDataError;

impl TreatMissingData {
    /// The service's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Breaching => "breaching",
            Self::NotBreaching => "notBreaching",
            Self::Ignore => "ignore",
            Self::Missing => "missing",
        }
    }

    /// As a state reason says it; only these two say anything.
    pub(crate) const fn in_reason(self) -> Option<&'static str> {
        match self {
            Self::Breaching => Some("Breaching"),
            Self::NotBreaching => Some("NonBreaching"),
            Self::Ignore | Self::Missing => None,
        }
    }
}

impl FromStr for TreatMissingData {
    type Err = TreatMissingDataError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "breaching" => Ok(Self::Breaching),
            "notBreaching" => Ok(Self::NotBreaching),
            "ignore" => Ok(Self::Ignore),
            "missing" => Ok(Self::Missing),
            _ => Err(TreatMissingDataError),
        }
    }
}

impl TryFrom<String> for TreatMissingData {
    type Error = TreatMissingDataError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TreatMissingData> for String {
    fn from(treatment: TreatMissingData) -> Self {
        treatment.as_str().to_owned()
    }
}

/// What the newest existing datapoints (at most as many as evaluation periods) say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Breaching points.
    pub(crate) bad: u32,
    /// Points within the threshold.
    pub(crate) good: u32,
    /// Percentiles of too few samples, which `evaluate_low_sample_count_percentile: ignore` leaves undecided.
    pub(crate) undecided: u32,
    /// How many periods ago the oldest breaching point's bucket began.
    pub(crate) oldest_bad_age: u32,
}

/// What M out of N means for this alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quorum {
    pub(crate) evaluation_periods: u32,
    pub(crate) datapoints_to_alarm: u32,
}

impl Quorum {
    /// How many points within the threshold rule an alarm out.
    pub(crate) fn datapoints_to_ok(self) -> u32 {
        self.evaluation_periods - self.datapoints_to_alarm + 1
    }
}

/// The state that the datapoints justify, or `None` to keep the present one.
pub(crate) fn decide(tally: Tally, quorum: Quorum, treatment: TreatMissingData) -> Option<StateValue> {
    if tally.bad >= quorum.datapoints_to_alarm {
        return Some(StateValue::Alarm);
    }
    if tally.good >= quorum.datapoints_to_ok() {
        return Some(StateValue::Ok);
    }
    if tally.undecided > 0 {
        return None;
    }
    match treatment {
        TreatMissingData::Breaching => Some(StateValue::Alarm),
        TreatMissingData::NotBreaching => Some(StateValue::Ok),
        TreatMissingData::Ignore => (tally.good > 0).then_some(StateValue::Ok),
        TreatMissingData::Missing => Some(if tally.good > 0 {
            StateValue::Ok
        } else if tally.bad > 0 && tally.oldest_bad_age >= quorum.datapoints_to_alarm {
            StateValue::Alarm
        } else {
            StateValue::InsufficientData
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `0` good, `X` bad, `-` missing, oldest first; N is 3 and the range 5, as in the documentation's tables.
    fn cell(data: &str, m: u32, treatment: &str) -> &'static str {
        let quorum = Quorum { evaluation_periods: 3, datapoints_to_alarm: m };
        let mut tally = Tally::default();
        for (age, point) in data.chars().rev().enumerate().filter(|(_, point)| *point != '-').take(3) {
            if point == '0' {
                tally.good += 1;
            } else {
                tally.bad += 1;
                tally.oldest_bad_age = u32::try_from(age).unwrap() + 1;
            }
        }
        decide(tally, quorum, treatment.parse().unwrap()).map_or("retain", StateValue::as_str)
    }

    #[test]
    fn the_documented_tables_come_out() {
        let rows = [
            (3, "0-X-X", ["OK", "OK", "OK", "OK"]),
            (3, "0----", ["OK", "OK", "OK", "OK"]),
            (3, "-----", ["INSUFFICIENT_DATA", "retain", "ALARM", "OK"]),
            (3, "0XX-X", ["ALARM", "ALARM", "ALARM", "ALARM"]),
            (3, "--X--", ["ALARM", "retain", "ALARM", "OK"]),
            (2, "0-X-X", ["ALARM", "ALARM", "ALARM", "ALARM"]),
            (2, "00X0X", ["ALARM", "ALARM", "ALARM", "ALARM"]),
            (2, "0-X--", ["OK", "OK", "ALARM", "OK"]),
            (2, "----0", ["OK", "OK", "ALARM", "OK"]),
            (2, "---X-", ["ALARM", "retain", "ALARM", "OK"]),
        ];
        for (m, data, expected) in rows {
            for (treatment, state) in ["missing", "ignore", "breaching", "notBreaching"].iter().zip(expected)
            {
                assert_eq!(cell(data, m, treatment), state, "{data} M={m} {treatment}");
            }
        }
    }

    #[test]
    fn a_lone_breach_waits_until_it_is_old_enough() {
        assert_eq!(cell("----X", 3, "missing"), "INSUFFICIENT_DATA");
        assert_eq!(cell("---X-", 3, "missing"), "INSUFFICIENT_DATA");
        assert_eq!(cell("--X--", 3, "missing"), "ALARM");
    }

    #[test]
    fn a_point_of_too_few_samples_keeps_the_state() {
        let quorum = Quorum { evaluation_periods: 2, datapoints_to_alarm: 1 };
        let undecided = Tally { undecided: 1, ..Tally::default() };
        assert_eq!(decide(undecided, quorum, TreatMissingData::Breaching), None);
        let bad_too = Tally { bad: 1, ..undecided };
        assert_eq!(decide(bad_too, quorum, TreatMissingData::Breaching), Some(StateValue::Alarm));
    }
}
