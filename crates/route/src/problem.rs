//! What is wrong with a list of routes.

use std::fmt;

use crate::{Severity, TargetName};

/// One thing that is wrong. Routes are numbered from 1, in the order of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A route that leads nowhere.
    #[error("route {route} has no target: name at least one under `to`")]
    NoTarget {
        /// Which.
        route: usize,
    },
    /// A route to a target that is not defined.
    #[error("route {route} leads to `{}`, which is not a target{}", crate::printable::line(.target, 80), did_you_mean(.nearest.as_ref()))]
    UnknownTarget {
        /// Which.
        route: usize,
        /// The name as it was written.
        target: String,
        /// What may have been meant.
        nearest: Option<TargetName>,
    },
    /// A route whose pattern no finding can match.
    #[error("route {route} matches no finding: {}", never(.severities))]
    NeverMatches {
        /// Which.
        route: usize,
        /// The severities there are, for the hint.
        severities: [Severity; 5],
    },
    /// A route behind others that leave it nothing.
    #[error(
        "route {route} is never reached: every finding it could match ends at route {after} or before; move it up, or say `continue: true` there"
    )]
    Unreachable {
        /// Which.
        route: usize,
        /// The last of the routes that leave it nothing.
        after: usize,
    },
    /// A target that nothing is sent to.
    #[error("no route leads to target `{target}`: add it to a route, or remove it")]
    UnreachedTarget {
        /// Which.
        target: TargetName,
    },
    /// Findings that may match no route. This is a warning: it may be meant.
    #[error("findings of severity {} may match no route and are then sent nowhere; end with a route without `match`", names(.severities))]
    Unrouted {
        /// Their severities.
        severities: Vec<Severity>,
    },
}

impl Problem {
    /// Whether it is a warning only.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        matches!(self, Problem::Unrouted { .. })
    }
}

/// Everything that is wrong with a list of routes; at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn of(problems: Vec<Problem>) -> Option<Self> {
        (!problems.is_empty()).then_some(Problems(problems))
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            write!(formatter, "{}{problem}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

fn did_you_mean(nearest: Option<&TargetName>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

fn never(severities: &[Severity]) -> String {
    format!(
        "`source` is `trailhound`, `detail-type` is `Trailhound Finding`, and `detail.severity` is one of {}",
        names(severities)
    )
}

fn names(severities: &[Severity]) -> String {
    severities.iter().map(|severity| severity.name()).collect::<Vec<_>>().join(", ")
}
