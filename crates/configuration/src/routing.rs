//! Which finding goes where: the list of routes, compiled, with every problem at its place in the file.

use std::time::Duration;

use context::Hours;
use event_pattern::{Pattern, Term};
use route::{During, Otherwise, Problem, Repeats, RouteDefinition, Routes, Severity, TargetName, Unanswered};
use rules::yaml::{Node, Value};
use rules::{Check, Fields, Source};

use crate::read::Reader;
use crate::target::Targets;

pub(crate) const KEYS: [&str; 8] =
    ["match", "to", "continue", "during", "otherwise", "escalate", "ack_within", "then"];
pub(crate) const OTHERWISE_KEYS: [&str; 1] = ["to"];
pub(crate) const ESCALATE_KEYS: [&str; 3] = ["repeats", "severity", "to"];
/// The longest wait for an acknowledgement.
const WITHIN_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// What was read of the routes.
pub(crate) struct Routing {
    pub(crate) routes: Option<Routes>,
    /// Ids of rules that patterns name.
    pub(crate) rules: Vec<(Box<str>, Source)>,
}

/// One route and where its parts stand.
struct Written<'n> {
    definition: RouteDefinition,
    node: &'n Node,
    pattern: Option<&'n Node>,
    to: Option<&'n Node>,
    /// All lists of targets in it.
    lists: Vec<&'n Node>,
    /// Whether all lists of targets could be read.
    to_is_read: bool,
}

impl Reader<'_, '_> {
    pub(crate) fn routing(
        &mut self,
        node: &Node,
        targets: Option<&Targets<'_>>,
        hours: &Hours,
        fed_otherwise: &[TargetName],
    ) -> Routing {
        let mut rules = Vec::new();
        let Value::Sequence(items) = &node.value else {
            let message = format!("`routes` is a list, not {}", node.kind());
            self.wrong(Check::WrongType, node, message, "begin each route with `-`");
            return Routing { routes: None, rules };
        };
        if items.is_empty() {
            let message = "`routes` is empty: nobody would be told";
            self.wrong(Check::MissingKey, node, message, "write at least `- to: [name]`");
            return Routing { routes: None, rules };
        }
        let errors = self.complaints.errors();
        let written: Vec<Option<Written<'_>>> =
            items.iter().map(|node| self.route(node, &mut rules, hours)).collect();
        let unreadable = self.complaints.errors() > errors;
        let Some(targets) = targets else { return Routing { routes: None, rules } };
        let definitions: Vec<RouteDefinition> = written
            .iter()
            .map(|written| written.as_ref().map_or_else(unknown_route, |written| written.definition.clone()))
            .collect();
        let names: Vec<TargetName> = targets.names.iter().map(|(name, _)| name.clone()).collect();
        let routes = match Routes::compile(&definitions, &names, fed_otherwise) {
            Ok(routes) => {
                for problem in routes.warnings() {
                    self.problem(problem, node, &written, targets);
                }
                Some(routes)
            }
            Err(problems) => {
                // A target that somebody probably meant, or that a route names that could not be read, is not unreached as well.
                let to_unreadable = written.iter().any(|one| one.as_ref().is_none_or(|one| !one.to_is_read));
                let meant: Vec<&TargetName> = problems.iter().filter_map(nearest_of).collect();
                for problem in problems.iter() {
                    let follows = matches!(problem, Problem::UnreachedTarget { target } if to_unreadable || meant.contains(&target));
                    if !follows {
                        self.problem(problem, node, &written, targets);
                    }
                }
                None
            }
        };
        Routing { routes: routes.filter(|_| !unreadable), rules }
    }

    fn route<'n>(
        &mut self,
        node: &'n Node,
        rules: &mut Vec<(Box<str>, Source)>,
        hours: &Hours,
    ) -> Option<Written<'n>> {
        let fields = self.fields(node, "a route", &KEYS, &[])?;
        let pattern_node = fields.get("match");
        let pattern = pattern_node.map(|node| {
            let pattern = rules::read_pattern(self.complaints, node)?;
            self.rules_named(&pattern, node, rules);
            Some((*pattern).clone())
        });
        let to_node = fields.required(self.complaints, "to");
        let mut lists: Vec<&Node> = to_node.into_iter().collect();
        let to = to_node.and_then(|node| self.target_names(node, "`to`"));
        let during = self.during(&fields, hours, &mut lists);
        let unanswered = self.unanswered(&fields, &mut lists);
        let proceed = fields.get("continue").map_or(Some(false), |node| self.truth(node, "continue"));
        let to_is_read = to.is_some() && during.is_some() && unanswered.is_some();
        // What is wrong inside a route is no reason to be silent about the rest of it.
        let neutral = unknown_route();
        Some(Written {
            definition: RouteDefinition {
                pattern: match pattern {
                    // What follows from the rest of a route is not to be concluded from half of it.
                    _ if !to_is_read => neutral.pattern,
                    None => None,
                    Some(pattern) => pattern.or(neutral.pattern),
                },
                to: to.unwrap_or_default(),
                proceed: proceed.filter(|_| to_is_read).unwrap_or(true),
                during: during.flatten(),
                unanswered: unanswered.flatten(),
            },
            node,
            pattern: pattern_node,
            to: to_node,
            lists,
            to_is_read,
        })
    }

    fn target_names(&mut self, node: &Node, what: &str) -> Option<Vec<String>> {
        self.each(node, what, |reader, node| reader.text(node, "the name of a target").map(str::to_owned))
    }

    /// `during`, `otherwise` and `escalate`. The outer `None` says that something is wrong.
    fn during<'n>(
        &mut self,
        fields: &Fields<'n>,
        hours: &Hours,
        lists: &mut Vec<&'n Node>,
    ) -> Option<Option<(During, Otherwise)>> {
        let (otherwise, escalate) = (fields.get("otherwise"), fields.get("escalate"));
        let Some(node) = fields.get("during") else {
            let stray = otherwise.map(|node| (node, "otherwise")).or(escalate.map(|node| (node, "escalate")));
            let Some((node, key)) = stray else { return Some(None) };
            let message = format!("`{key}` says what follows outside of hours, and the route has none");
            self.wrong(Check::MissingKey, node, message, "add `during:` with the name of hours");
            return None;
        };
        let during = self.hours_named(node, hours);
        let Some(otherwise) = otherwise else {
            let message = "`during` needs `otherwise`: what becomes of findings outside of these hours?";
            self.wrong(
                Check::MissingKey,
                node,
                message,
                "add `otherwise: hold`, `otherwise: drop` or `otherwise: { to: [name] }`",
            );
            return None;
        };
        let read = match (otherwise.as_text(), &otherwise.value) {
            (Some("hold"), _) => {
                let repeats = escalate.map_or(Some(Repeats::default()), |node| self.escalate(node, lists));
                return Some(Some((during?, Otherwise::Hold(repeats?))));
            }
            (Some("drop"), _) => Some(Otherwise::Drop),
            (_, Value::Mapping(_)) => {
                self.fields(otherwise, "`otherwise`", &OTHERWISE_KEYS, &[]).and_then(|fields| {
                    let to = fields.required(self.complaints, "to")?;
                    lists.push(to);
                    self.some_targets(to, "`to`").map(Otherwise::To)
                })
            }
            _ => {
                let message = "`otherwise` is `hold`, `drop` or `{ to: [name] }`";
                self.wrong(
                    Check::InvalidValue,
                    otherwise,
                    message,
                    "`hold` keeps findings until the hours begin",
                );
                None
            }
        };
        if let Some(node) = escalate {
            let message = "`escalate` is about findings that are held";
            self.wrong(Check::InvalidValue, node, message, "write `otherwise: hold`, or remove it");
            return None;
        }
        Some(Some((during?, read?)))
    }

    fn hours_named(&mut self, node: &Node, hours: &Hours) -> Option<During> {
        let name = self.text(node, "the name of hours")?;
        if let Some(schedule) = hours.get(name) {
            return Some(During { name: name.into(), schedule: schedule.clone() });
        }
        let message = format!("there are no hours `{}`", rules::shown(name));
        let diagnostic = self.complaints.diagnostic(Check::UnknownHours, node.range.clone(), message);
        self.complaints.push(match rules::nearest(name, hours.names()) {
            Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")).replace_with(meant),
            None => diagnostic.help("define them under `hours`"),
        });
        None
    }

    fn escalate<'n>(&mut self, node: &'n Node, lists: &mut Vec<&'n Node>) -> Option<Repeats> {
        if node.as_text() == Some("never") {
            return Some(Repeats { count: None, severity: None, to: Vec::new() });
        }
        let fields = self.fields(node, "`escalate`", &ESCALATE_KEYS, &[])?;
        let count = fields.get("repeats").map(|node| self.count(node, "repeats", 1..=1_000_000));
        let severity = fields.get("severity").map(|node| self.severity(node));
        let to = fields.get("to").map(|node| {
            lists.push(node);
            self.some_targets(node, "`to`")
        });
        if count.is_none() && severity.is_none() {
            let message = "`escalate` says when something that is held does not wait any longer";
            self.wrong(
                Check::MissingKey,
                node,
                message,
                "add `repeats: 10`, `severity: critical`, or both; or write `escalate: never`",
            );
            return None;
        }
        Some(Repeats { count: flat(count)?, severity: flat(severity)?, to: flat(to)?.unwrap_or_default() })
    }

    fn severity(&mut self, node: &Node) -> Option<Severity> {
        let text = self.text(node, "a severity")?;
        let severity = Severity::ALL.into_iter().find(|severity| severity.name() == text);
        if severity.is_none() {
            let names: Vec<&str> = Severity::ALL.iter().map(|severity| severity.name()).collect();
            let message = format!("`{}` is not a severity", rules::shown(text));
            self.wrong(Check::InvalidValue, node, message, format!("use {}", names.join(", ")));
        }
        severity
    }

    /// `ack_within` and `then`. The outer `None` says that something is wrong.
    fn unanswered<'n>(
        &mut self,
        fields: &Fields<'n>,
        lists: &mut Vec<&'n Node>,
    ) -> Option<Option<Unanswered>> {
        let (within, then) = match (fields.get("ack_within"), fields.get("then")) {
            (None, None) => return Some(None),
            (Some(within), Some(then)) => (within, then),
            (Some(node), None) => {
                let message = "`ack_within` needs `then`: who is told when nobody acknowledges?";
                self.wrong(
                    Check::MissingKey,
                    node,
                    message,
                    "add `then: [name]`: one target after the other",
                );
                return None;
            }
            (None, Some(node)) => {
                let message = "`then` says who is told when nobody acknowledges, and not after how long";
                self.wrong(Check::MissingKey, node, message, "add `ack_within: 15m`");
                return None;
            }
        };
        lists.push(then);
        let then = self.some_targets(then, "`then`");
        let duration = self.duration(within, "ack_within", WITHIN_MAX)?;
        if duration.is_zero() {
            self.wrong(Check::InvalidValue, within, "nobody can answer within no time", "write it as `15m`");
            return None;
        }
        Some(Some(Unanswered { within: duration, then: then? }))
    }

    /// At least one target.
    fn some_targets(&mut self, node: &Node, what: &str) -> Option<Vec<String>> {
        let names = self.target_names(node, what)?;
        if names.is_empty() {
            self.wrong(Check::InvalidRoute, node, format!("{what} names no target"), "name at least one");
            return None;
        }
        Some(names)
    }

    /// Ids that a pattern asks for as they stand.
    fn rules_named(&self, pattern: &Pattern, node: &Node, rules: &mut Vec<(Box<str>, Source)>) {
        let fields = pattern.alternatives().iter().flat_map(event_pattern::Alternative::fields);
        for field in fields.filter(|field| field.path().as_str() == "detail.rule") {
            for (term, span) in field.terms().iter().zip(field.term_spans()) {
                let Term::Equals(id) = term else { continue };
                let range = match node.value {
                    Value::Text(_) => self.part(node, span.offset..span.offset + span.length),
                    _ => span.offset..span.offset + span.length,
                };
                let source =
                    Source { file: self.complaints.file().clone(), span: self.complaints.span(range) };
                if !rules.iter().any(|(_, earlier)| *earlier == source) {
                    rules.push(((**id).into(), source));
                }
            }
        }
    }

    fn problem(
        &mut self,
        problem: &Problem,
        routes: &Node,
        written: &[Option<Written<'_>>],
        targets: &Targets<'_>,
    ) {
        let nth = |route: usize| written.get(route.wrapping_sub(1)).and_then(Option::as_ref);
        // A number says little where the line is shown.
        let (check, range, message, help) = match problem {
            Problem::NoTarget { route } => {
                let Some(Written { node, to: Some(to), .. }) = nth(*route) else { return };
                // A list that could not be read has been complained about.
                if !matches!(&to.value, Value::Sequence(items) if items.is_empty()) {
                    return;
                }
                let range = if to.range.is_empty() { node.range.clone() } else { to.range.clone() };
                (
                    Check::InvalidRoute,
                    range,
                    "this route has no target".to_owned(),
                    "name at least one".to_owned(),
                )
            }
            Problem::UnknownTarget { route, target, nearest } => {
                if targets.not_names.contains(&target.as_str()) {
                    return;
                }
                let is_it = |item: &&Node| item.as_text().is_some_and(|text| text.trim() == target);
                let lists = nth(*route).into_iter().flat_map(|one| &one.lists);
                let items = lists.filter_map(|list| match &list.value {
                    Value::Sequence(items) => Some(items),
                    _ => None,
                });
                let Some(item) = items.flatten().find(is_it) else { return };
                let message = format!("there is no target `{}`", rules::shown(target));
                let diagnostic =
                    self.complaints.diagnostic(Check::UnknownTarget, item.range.clone(), message);
                self.complaints.push(match nearest {
                    Some(meant) => {
                        diagnostic.help(format!("did you mean `{meant}`?")).replace_with(meant.as_str())
                    }
                    None => diagnostic.help("define it under `targets`"),
                });
                return;
            }
            Problem::NeverMatches { route, severities } => {
                let Some(Written { pattern: Some(pattern), .. }) = nth(*route) else { return };
                let severities: Vec<&str> = severities.iter().map(|severity| severity.name()).collect();
                let help = format!(
                    "a finding has `source: trailhound`, `detail-type: Trailhound Finding`, and a `detail.severity` of {}",
                    severities.join(", ")
                );
                (Check::InvalidRoute, pattern.range.clone(), "no finding can match this".to_owned(), help)
            }
            Problem::Unreachable { route, after } => {
                let Some(one) = nth(*route) else { return };
                let line = nth(*after).map_or(0, |one| self.complaints.span(one.node.range.clone()).line);
                let message = "this route is never reached".to_owned();
                let help = format!(
                    "every finding it could match ends at the route in line {line} or before: move it up, or say `continue: true` there"
                );
                let range = one.pattern.or(one.to).unwrap_or(one.node).range.clone();
                (Check::InvalidRoute, range, message, help)
            }
            Problem::UnreachedTarget { target } => {
                let Some((_, entry)) = targets.names.iter().find(|(name, _)| name == target) else { return };
                let message = format!("no route leads to `{target}`");
                (
                    Check::UnreachedTarget,
                    entry.key_range.clone(),
                    message,
                    "add it to a route, or remove it".to_owned(),
                )
            }
            Problem::Unrouted { severities } => {
                let severities: Vec<&str> = severities.iter().map(|severity| severity.name()).collect();
                let message = format!(
                    "findings of severity {} may match no route, and are then sent nowhere",
                    severities.join(", ")
                );
                let last = written.last().and_then(Option::as_ref).map_or(routes, |one| one.node);
                (Check::Unrouted, last.range.clone(), message, "end with a route without `match`".to_owned())
            }
            other => {
                (Check::InvalidRoute, routes.range.clone(), other.to_string(), "mend the routes".to_owned())
            }
        };
        let diagnostic = self.complaints.diagnostic(check, range, message);
        self.complaints.push(diagnostic.help(help));
    }
}

/// What is not there is fine; what is there and wrong is not.
fn flat<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        None => Some(None),
        Some(read) => read.map(Some),
    }
}

/// The target that a problem suggests.
fn nearest_of(problem: &Problem) -> Option<&TargetName> {
    match problem {
        Problem::UnknownTarget { nearest, .. } => nearest.as_ref(),
        _ => None,
    }
}

/// Stands for a route that could not be read: it may match anything and surely matches nothing, so that nothing is concluded from it.
fn unknown_route() -> RouteDefinition {
    let pattern = Pattern::parse(r#"{"detail": {"rule": ["-"]}}"#).ok();
    RouteDefinition { pattern, proceed: true, ..RouteDefinition::default() }
}
