//! Ordered routes: which targets a finding goes to.
//!
//! Routes are asked in order. The first that matches decides and ends the search; one that says `continue: true` adds its targets and
//! lets the search go on. So a list reads from the special to the general, and its last route is usually one without a pattern.

use event_pattern::Pattern;

use crate::coverage::{Cells, Coverage};
use crate::nearest::nearest;
use crate::{
    FindingEvent, Problem, Problems, RouteExplanation, RouteVerdict, RoutingExplanation, Severity, TargetName,
};

/// One entry of `routes`, as the configuration has it.
#[derive(Debug, Clone, Default)]
pub struct RouteDefinition {
    /// `match`: which findings; without it, all.
    pub pattern: Option<Pattern>,
    /// `to`: names of targets.
    pub to: Vec<String>,
    /// `continue`: whether the routes after this one are asked too.
    pub proceed: bool,
}

/// Routes, ready to be asked: every one of them can match, can be reached, and leads to targets that exist.
#[derive(Debug, Clone)]
pub struct Routes {
    routes: Vec<Route>,
    warnings: Vec<Problem>,
}

#[derive(Debug, Clone)]
struct Route {
    pattern: Option<Pattern>,
    to: Vec<TargetName>,
    proceed: bool,
}

impl Routes {
    /// Compiles routes to the `targets` that are defined. `fed_otherwise` are those that something else than a route sends to: they
    /// need no route.
    ///
    /// ```
    /// use route::{RouteDefinition, Routes, TargetName};
    ///
    /// let targets = [TargetName::new("oncall").unwrap()];
    /// let definition = RouteDefinition { to: vec!["on-call".to_owned()], ..RouteDefinition::default() };
    /// let problems = Routes::compile(&[definition], &targets, &[]).unwrap_err();
    /// assert_eq!(problems.to_string(), "\
    /// route 1 leads to `on-call`, which is not a target; did you mean `oncall`?
    /// no route leads to target `oncall`: add it to a route, or remove it");
    /// ```
    ///
    /// # Errors
    ///
    /// All that is wrong, at once: in the order of the routes, targets last.
    pub fn compile(
        definitions: &[RouteDefinition],
        targets: &[TargetName],
        fed_otherwise: &[TargetName],
    ) -> Result<Routes, Problems> {
        let mut problems = Vec::new();
        let mut routes = Vec::with_capacity(definitions.len());
        // What ends at the routes so far, and the last route that added to it.
        let (mut ended, mut ended_by) = (Cells::NONE, 0);
        let mut taken = Cells::NONE;
        for (definition, route) in definitions.iter().zip(1..) {
            let coverage = definition.pattern.as_ref().map_or(Coverage::EVERYTHING, Coverage::of);
            if coverage.may == Cells::NONE {
                problems.push(Problem::NeverMatches { route, severities: Severity::ALL });
            } else if coverage.may.within(ended) {
                problems.push(Problem::Unreachable { route, after: ended_by });
            }
            taken = taken.with(coverage.surely);
            if !definition.proceed && !coverage.surely.within(ended) {
                ended = ended.with(coverage.surely);
                ended_by = route;
            }
            if definition.to.is_empty() {
                problems.push(Problem::NoTarget { route });
            }
            let mut to: Vec<TargetName> = Vec::with_capacity(definition.to.len());
            for written in &definition.to {
                match targets.iter().find(|target| target.as_str() == written) {
                    Some(target) if to.contains(target) => {}
                    Some(target) => to.push(target.clone()),
                    None => problems.push(Problem::UnknownTarget {
                        route,
                        target: written.clone(),
                        nearest: nearest(written, targets).cloned(),
                    }),
                }
            }
            routes.push(Route { pattern: definition.pattern.clone(), to, proceed: definition.proceed });
        }
        for target in targets {
            let reached = routes.iter().any(|route| route.to.contains(target));
            if !reached && !fed_otherwise.contains(target) {
                problems.push(Problem::UnreachedTarget { target: target.clone() });
            }
        }
        if let Some(problems) = Problems::of(problems) {
            return Err(problems);
        }
        let severities = taken.severities_missing();
        let unrouted = (!severities.is_empty()).then_some(Problem::Unrouted { severities });
        Ok(Routes { routes, warnings: unrouted.into_iter().collect() })
    }

    /// What may not be meant, though the routes work.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The targets a finding goes to: each once, in the order in which routes name them; none if no route matches.
    #[must_use]
    pub fn route(&self, finding: &FindingEvent) -> Vec<TargetName> {
        let mut to: Vec<TargetName> = Vec::new();
        for route in &self.routes {
            if route.pattern.as_ref().is_none_or(|pattern| pattern.matches(finding.event())) {
                add(&mut to, &route.to);
                if !route.proceed {
                    break;
                }
            }
        }
        to
    }

    /// Why a finding goes where it goes: for each route whether it matched or not, or which one ended the search before.
    #[must_use]
    pub fn explain(&self, finding: &FindingEvent) -> RoutingExplanation {
        let mut to = Vec::new();
        let mut ended_by = None;
        let mut routes = Vec::with_capacity(self.routes.len());
        for (route, number) in self.routes.iter().zip(1..) {
            let pattern = route.pattern.as_ref().map(|pattern| pattern.explain(finding.event()));
            let verdict = match (ended_by, pattern) {
                (Some(by), _) => RouteVerdict::NotReached { by },
                (None, Some(pattern)) if !pattern.matched => RouteVerdict::NotMatched { pattern },
                (None, pattern) => {
                    add(&mut to, &route.to);
                    ended_by = (!route.proceed).then_some(number);
                    RouteVerdict::Matched { pattern, proceeds: route.proceed }
                }
            };
            routes.push(RouteExplanation { number, to: route.to.clone(), verdict });
        }
        RoutingExplanation { to, routes }
    }
}

fn add(to: &mut Vec<TargetName>, more: &[TargetName]) {
    for target in more {
        if !to.contains(target) {
            to.push(target.clone());
        }
    }
}
