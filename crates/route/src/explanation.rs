//! Why a finding goes where it goes.

use std::fmt;

use event_pattern::Explanation;

use crate::TargetName;

/// What became of a finding at each route. [`to`](Self::to) is what [`Routes::route`](crate::Routes::route) says.
///
/// As text, one line per route:
///
/// ```text
/// route 1: does not match, because of detail.severity
/// route 2: matches, to oncall
/// route 3: not reached, since the search ended at route 2
/// sent to oncall
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingExplanation {
    /// The targets, each once.
    pub to: Vec<TargetName>,
    /// Every route, in order.
    pub routes: Vec<RouteExplanation>,
}

/// What became of a finding at one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteExplanation {
    /// The route's number, from 1.
    pub number: usize,
    /// Where it leads.
    pub to: Vec<TargetName>,
    /// Whether it was taken, and why.
    pub verdict: RouteVerdict,
}

/// Whether a route was taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteVerdict {
    /// It was taken.
    Matched {
        /// What its pattern found; `None` for a route without one, which takes everything.
        pattern: Option<Explanation>,
        /// Whether the search went on.
        proceeds: bool,
    },
    /// Its pattern does not match.
    NotMatched {
        /// Why not.
        pattern: Explanation,
    },
    /// An earlier route ended the search.
    NotReached {
        /// Which.
        by: usize,
    },
}

impl fmt::Display for RoutingExplanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for route in &self.routes {
            writeln!(formatter, "{route}")?;
        }
        if self.to.is_empty() {
            return formatter.write_str("sent nowhere: no route matches");
        }
        write!(formatter, "sent to {}", names(&self.to))
    }
}

impl fmt::Display for RouteExplanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "route {}: ", self.number)?;
        match &self.verdict {
            RouteVerdict::Matched { pattern, proceeds } => {
                let what = if pattern.is_some() { "matches" } else { "takes everything" };
                let then = if *proceeds { ", and the search goes on" } else { "" };
                write!(formatter, "{what}, to {}{then}", names(&self.to))
            }
            RouteVerdict::NotMatched { pattern } => {
                write!(formatter, "does not match, because of {}", pattern.stoppers().join(", "))
            }
            RouteVerdict::NotReached { by } => {
                write!(formatter, "not reached, since the search ended at route {by}")
            }
        }
    }
}

fn names(targets: &[TargetName]) -> String {
    targets.iter().map(TargetName::as_str).collect::<Vec<_>>().join(", ")
}
