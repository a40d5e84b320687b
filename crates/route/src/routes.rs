//! Ordered routes: which targets a finding goes to.
//!
//! Routes are asked in order. The first that matches decides and ends the search; one that says `continue: true` adds its targets and
//! lets the search go on. So a list reads from the special to the general, and its last route is usually one without a pattern.
//!
//! A route that holds in certain hours decides outside of them too: it matched, and `otherwise` says what follows.

use context::WeeklySchedule;
use event_pattern::Pattern;
use jiff::Timestamp;

use crate::coverage::{Cells, Coverage};
use crate::nearest::nearest;
use crate::{
    During, FindingEvent, Held, HoursExplanation, Leg, Otherwise, Problem, Problems, Repeats,
    RouteExplanation, RouteVerdict, Routing, RoutingExplanation, Severity, TargetName, Unanswered,
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
    /// `during` and `otherwise`: in which hours `to` is told, and what follows outside of them.
    pub during: Option<(During, Otherwise)>,
    /// `ack_within` and `then`: who is told next when nobody acknowledges.
    pub unanswered: Option<Unanswered>,
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
    during: Option<(During, Otherwise<TargetName>)>,
    unanswered: Option<Unanswered<TargetName>>,
}

impl Route {
    /// Everybody it may lead to.
    fn leads_to(&self, target: &TargetName) -> bool {
        let otherwise = match &self.during {
            Some((_, Otherwise::To(to))) => to,
            Some((_, Otherwise::Hold(repeats))) => &repeats.to,
            Some((_, Otherwise::Drop)) | None => &Vec::new(),
        };
        let then = self.unanswered.iter().flat_map(|unanswered| &unanswered.then);
        self.to.iter().chain(otherwise).chain(then).any(|known| known == target)
    }

    /// What the route does with what it matches at a time.
    fn lead(&self, now: Timestamp, routing: &mut Routing) {
        let outside = self.during.as_ref().filter(|(during, _)| !during.schedule.contains(now));
        let (to, held) = match outside {
            None => (&self.to, None),
            Some((_, Otherwise::To(to))) => (to, None),
            Some((during, Otherwise::Hold(repeats))) => {
                (&self.to, Some(Held { hours: during.name.clone(), repeats: repeats.clone() }))
            }
            Some((_, Otherwise::Drop)) => {
                routing.dropped = true;
                return;
            }
        };
        for target in to {
            routing.add(Leg {
                target: target.clone(),
                held: held.clone(),
                unanswered: self.unanswered.clone(),
            });
        }
    }
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
            let mut known = |names: &[String]| known(names, route, targets, &mut problems);
            let to = known(&definition.to);
            let during = definition.during.as_ref().map(|(during, otherwise)| {
                let otherwise = match otherwise {
                    Otherwise::Drop => Otherwise::Drop,
                    Otherwise::To(to) => Otherwise::To(known(to)),
                    Otherwise::Hold(Repeats { count, severity, to }) => {
                        Otherwise::Hold(Repeats { count: *count, severity: *severity, to: known(to) })
                    }
                };
                (during.clone(), otherwise)
            });
            let unanswered = definition
                .unanswered
                .as_ref()
                .map(|Unanswered { within, then }| Unanswered { within: *within, then: known(then) });
            let (pattern, proceed) = (definition.pattern.clone(), definition.proceed);
            routes.push(Route { pattern, to, proceed, during, unanswered });
        }
        for target in targets {
            let reached = routes.iter().any(|route| route.leads_to(target));
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

    /// Where a finding goes at a time: to each target once, in the order in which routes name them; nowhere if no route matches.
    #[must_use]
    pub fn route(&self, finding: &FindingEvent, now: Timestamp) -> Routing {
        let mut routing = Routing::default();
        for route in &self.routes {
            if route.pattern.as_ref().is_none_or(|pattern| pattern.matches(finding.event())) {
                route.lead(now, &mut routing);
                if !route.proceed {
                    break;
                }
            }
        }
        routing
    }

    /// The hours of that name, if a route speaks of them.
    #[must_use]
    pub fn hours(&self, name: &str) -> Option<&WeeklySchedule> {
        let mut all = self.routes.iter().filter_map(|route| route.during.as_ref());
        all.find(|(during, _)| &*during.name == name).map(|(during, _)| &during.schedule)
    }

    /// Why a finding goes where it goes: for each route whether it matched or not, or which one ended the search before.
    #[must_use]
    pub fn explain(&self, finding: &FindingEvent, now: Timestamp) -> RoutingExplanation {
        let mut routing = Routing::default();
        let mut ended_by = None;
        let mut routes = Vec::with_capacity(self.routes.len());
        for (route, number) in self.routes.iter().zip(1..) {
            let pattern = route.pattern.as_ref().map(|pattern| pattern.explain(finding.event()));
            let mut here = Routing::default();
            let verdict = match (ended_by, pattern) {
                (Some(by), _) => RouteVerdict::NotReached { by },
                (None, Some(pattern)) if !pattern.matched => RouteVerdict::NotMatched { pattern },
                (None, pattern) => {
                    route.lead(now, &mut here);
                    routing.dropped |= here.dropped;
                    here.legs.iter().for_each(|leg| routing.add(leg.clone()));
                    ended_by = (!route.proceed).then_some(number);
                    let hours = route.during.as_ref().map(|(during, otherwise)| HoursExplanation {
                        name: during.name.clone(),
                        inside: during.schedule.contains(now),
                        opens: during.schedule.next_opening(now),
                        otherwise: otherwise.clone(),
                    });
                    RouteVerdict::Matched { pattern, proceeds: route.proceed, hours }
                }
            };
            let to = if here.legs.is_empty() { route.to.clone() } else { here.targets().cloned().collect() };
            routes.push(RouteExplanation { number, to, verdict });
        }
        let opens = |leg: &Leg| self.hours(&leg.held.as_ref()?.hours)?.next_opening(now);
        let opens = routing.legs.iter().map(opens).collect();
        RoutingExplanation { routing, opens, routes }
    }
}

/// The targets that are meant, each once.
fn known(
    names: &[String],
    route: usize,
    targets: &[TargetName],
    problems: &mut Vec<Problem>,
) -> Vec<TargetName> {
    let mut to: Vec<TargetName> = Vec::with_capacity(names.len());
    for written in names {
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
    to
}
