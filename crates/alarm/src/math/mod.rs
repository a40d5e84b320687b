//! Metric math: the expressions of a `Metrics` alarm.
//!
//! An expression is parsed once against the ids it may use ([`Program`]), and then evaluated over the buckets of a window.
//!
//! What is missing in one operand of an operator is missing in the result (recorded on the service of `m1+1`, September 2026; of two series it
//! is assumed: the user guide, *Using math expressions*, takes the one without a point for 0). `FILL` says what to take instead. Functions
//! go by the user guide: an average divides by all points there could be, `IF` gives 0 for a series without a point where its condition
//! holds, times of day are of every bucket. A result that is not a finite number is missing. What CloudWatch offers but this crate cannot
//! know (searches, quotas, anomaly bands, queries) is refused by name.

mod evaluate;
mod functions;
mod parse;
mod token;
mod value;

pub(crate) use evaluate::{Program, Source};
pub(crate) use value::Grid;

/// An expression could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MathError {
    /// The text is not an expression.
    #[error("error in expression `{id}` at character {at}: {problem}")]
    Syntax {
        /// Id of the expression.
        id: String,
        /// Zero-based character at which the problem shows.
        at: usize,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// `SEARCH`; the text is the service's.
    #[error("SEARCH is not supported on Metric Alarms.")]
    Search,
    /// An anomaly detection band.
    #[error(
        "ANOMALY_DETECTION_BAND is not supported: the service's model is not published; compare with a fixed threshold"
    )]
    AnomalyBand,
    /// Something else of CloudWatch's that needs the service.
    #[error("{0} is not supported in expressions here: it needs data that only CloudWatch has")]
    Unsupported(String),
    /// The expression names an id that is not there.
    #[error(
        "expression `{id}` uses `{missing}`, which is not the id of a metric or expression of this alarm"
    )]
    UnknownId {
        /// Id of the expression.
        id: String,
        /// The id it uses.
        missing: String,
    },
    /// Two of the alarm's metrics and expressions have the same id.
    #[error("the id `{0}` is used twice")]
    DuplicateId(String),
    /// Not a valid id.
    #[error("`{0}` is not an id; start with a lower-case letter, go on with letters, digits and underscores")]
    BadId(String),
    /// Expressions refer to each other in a circle.
    #[error("expression `{0}` depends on itself")]
    Circular(String),
    /// A query that is neither a metric nor an expression, or both.
    #[error("`{0}` needs either `metric_stat` or `expression`")]
    NotOneKind(String),
    /// Not exactly one query returns data.
    #[error("exactly one metric or expression must have `return_data: true`, not {0}")]
    ReturnData(usize),
    /// The operands do not fit the function or operator.
    #[error("expression `{id}`: {problem}")]
    Type {
        /// Id of the expression.
        id: String,
        /// What does not fit.
        problem: String,
    },
}
