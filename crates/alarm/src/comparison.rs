//! The comparison of a datapoint with the threshold.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a datapoint must compare with the threshold to be breaching.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ComparisonOperator {
    /// `value >= threshold`
    GreaterThanOrEqualToThreshold,
    /// `value > threshold`
    GreaterThanThreshold,
    /// `value < threshold`
    LessThanThreshold,
    /// `value <= threshold`
    LessThanOrEqualToThreshold,
}

/// The text is not a comparison operator this crate evaluates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonOperatorError {
    /// One of the three operators that compare with an anomaly detection band.
    #[error(
        "{0} compares with an anomaly detection band, which is not supported: the service's model is not published; \
         use a fixed threshold"
    )]
    AnomalyBand(String),
    /// Not an operator at all.
    #[error(
        "`{0}` is not a comparison operator; use GreaterThanOrEqualToThreshold, GreaterThanThreshold, \
         LessThanThreshold or LessThanOrEqualToThreshold"
    )]
    Unknown(String),
}

impl ComparisonOperator {
    /// Whether `value` is on the bad side of `threshold`.
    pub fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::GreaterThanOrEqualToThreshold => value >= threshold,
            Self::GreaterThanThreshold => value > threshold,
            Self::LessThanThreshold => value < threshold,
            Self::LessThanOrEqualToThreshold => value <= threshold,
        }
    }

    /// The service's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GreaterThanOrEqualToThreshold => "GreaterThanOrEqualToThreshold",
            Self::GreaterThanThreshold => "GreaterThanThreshold",
            Self::LessThanThreshold => "LessThanThreshold",
            Self::LessThanOrEqualToThreshold => "LessThanOrEqualToThreshold",
        }
    }

    /// As a state reason says it.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::GreaterThanOrEqualToThreshold => "greater than or equal to",
            Self::GreaterThanThreshold => "greater than",
            Self::LessThanThreshold => "less than",
            Self::LessThanOrEqualToThreshold => "less than or equal to",
        }
    }
}

impl FromStr for ComparisonOperator {
    type Err = ComparisonOperatorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "GreaterThanOrEqualToThreshold" => Ok(Self::GreaterThanOrEqualToThreshold),
            "GreaterThanThreshold" => Ok(Self::GreaterThanThreshold),
            "LessThanThreshold" => Ok(Self::LessThanThreshold),
            "LessThanOrEqualToThreshold" => Ok(Self::LessThanOrEqualToThreshold),
            "LessThanLowerOrGreaterThanUpperThreshold"
            | "LessThanLowerThreshold"
            | "GreaterThanUpperThreshold" => Err(ComparisonOperatorError::AnomalyBand(text.to_owned())),
            _ => Err(ComparisonOperatorError::Unknown(text.to_owned())),
        }
    }
}

impl TryFrom<String> for ComparisonOperator {
    type Error = ComparisonOperatorError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ComparisonOperator> for String {
    fn from(operator: ComparisonOperator) -> Self {
        operator.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_is_where_the_operators_differ() {
        let at_threshold = |name: &str| name.parse::<ComparisonOperator>().unwrap().breaches(5.0, 5.0);
        assert!(at_threshold("GreaterThanOrEqualToThreshold"));
        assert!(!at_threshold("GreaterThanThreshold"));
        assert!(!at_threshold("LessThanThreshold"));
        assert!(at_threshold("LessThanOrEqualToThreshold"));
    }

    #[test]
    fn anomaly_operators_are_refused_by_name() {
        let refused = "LessThanLowerThreshold".parse::<ComparisonOperator>().unwrap_err();
        assert!(refused.to_string().contains("anomaly detection band"));
        assert!(matches!(">".parse::<ComparisonOperator>(), Err(ComparisonOperatorError::Unknown(_))));
    }
}
