//! Why a finding goes where it goes.

use std::fmt;

use event_pattern::Explanation;
use jiff::Timestamp;

use crate::{Leg, Otherwise, Repeats, Routing, TargetName};

/// What became of a finding at each route. [`routing`](Self::routing) is what [`Routes::route`](crate::Routes::route) says.
///
/// As text, one line per route, and then one per target:
///
/// ```text
/// route 1: does not match, because of detail.severity
/// route 2: matches, to oncall
/// route 3: not reached, since the search ended at route 2
/// sent to oncall
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingExplanation {
    /// Where it goes.
    pub routing: Routing,
    /// For each leg that is held, when the hours begin that it waits for.
    pub opens: Vec<Option<Timestamp>>,
    /// Every route, in order.
    pub routes: Vec<RouteExplanation>,
}

/// What became of a finding at one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteExplanation {
    /// The route's number, from 1.
    pub number: usize,
    /// Where it leads at that time; of one that is not taken, in its hours.
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
        /// What its hours said, if it has any.
        hours: Option<HoursExplanation>,
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

/// What the hours of a route said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoursExplanation {
    /// Their name.
    pub name: Box<str>,
    /// Whether the time lies inside.
    pub inside: bool,
    /// When they begin next; the time itself if it lies inside.
    pub opens: Option<Timestamp>,
    /// What follows outside of them.
    pub otherwise: Otherwise<TargetName>,
}

impl fmt::Display for RoutingExplanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for route in &self.routes {
            writeln!(formatter, "{route}")?;
        }
        if self.routing.legs.is_empty() {
            return formatter.write_str(if self.routing.dropped {
                "sent nowhere: dropped outside of the hours"
            } else {
                "sent nowhere: no route matches"
            });
        }
        let at_once: Vec<&str> = self
            .routing
            .legs
            .iter()
            .filter(|leg| leg.held.is_none())
            .map(|leg| leg.target.as_str())
            .collect();
        let mut lines = Vec::new();
        if !at_once.is_empty() {
            lines.push(format!("sent to {}", at_once.join(", ")));
        }
        for (leg, opens) in self.routing.legs.iter().zip(&self.opens) {
            lines.extend(held(leg, *opens));
        }
        for leg in &self.routing.legs {
            lines.extend(unanswered(leg));
        }
        formatter.write_str(&lines.join("\n"))
    }
}

fn held(leg: &Leg, opens: Option<Timestamp>) -> Option<String> {
    let held = leg.held.as_ref()?;
    let until =
        opens.map_or_else(|| "which never begin".to_owned(), |opens| format!("which begin at {opens:.0}"));
    let Repeats { count, severity, to } = &held.repeats;
    let sooner: Vec<String> = count
        .map(|count| format!("after {count} findings"))
        .into_iter()
        .chain(severity.map(|severity| format!("at severity {}", severity.name())))
        .collect();
    let whom = if to.is_empty() { String::new() } else { format!(" to {}", names(to)) };
    let sooner =
        if sooner.is_empty() { String::new() } else { format!("; sooner{whom} {}", sooner.join(" or ")) };
    Some(format!("held for {} until the hours `{}`, {until}{sooner}", leg.target, held.hours))
}

fn unanswered(leg: &Leg) -> Option<String> {
    let unanswered = leg.unanswered.as_ref()?;
    let within = jiff::SignedDuration::try_from(unanswered.within).unwrap_or_default();
    Some(format!(
        "without acknowledgement within {within:#} of {}, to {}",
        leg.target,
        unanswered.then.iter().map(TargetName::as_str).collect::<Vec<_>>().join(", then ")
    ))
}

impl fmt::Display for RouteExplanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "route {}: ", self.number)?;
        match &self.verdict {
            RouteVerdict::Matched { pattern, proceeds, hours } => {
                let what = if pattern.is_some() { "matches" } else { "takes everything" };
                let then = if *proceeds { ", and the search goes on" } else { "" };
                let (when, lead) = match hours {
                    None => (String::new(), format!(", to {}", names(&self.to))),
                    Some(hours) if hours.inside => {
                        (format!(" inside `{}`", hours.name), format!(", to {}", names(&self.to)))
                    }
                    Some(hours) => (
                        format!(" outside `{}`", hours.name),
                        match hours.otherwise {
                            Otherwise::Hold(_) => format!(", held for {}", names(&self.to)),
                            Otherwise::Drop => ", dropped".to_owned(),
                            Otherwise::To(_) => format!(", to {} instead", names(&self.to)),
                        },
                    ),
                };
                write!(formatter, "{what}{when}{lead}{then}")
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
