//! Which finding goes where: the list of routes, compiled, with every problem at its place in the file.

use event_pattern::{Pattern, Term};
use route::{Problem, RouteDefinition, Routes, TargetName};
use rules::yaml::{Node, Value};
use rules::{Check, Source};

use crate::read::Reader;
use crate::target::Targets;

pub(crate) const KEYS: [&str; 3] = ["match", "to", "continue"];
const NOT_BUILT: [(&str, &str); 2] = [
    ("during", "send by severity alone, or let the target decide when to wake people"),
    ("otherwise", "send by severity alone, or let the target decide when to wake people"),
];

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
    /// Whether `to` could be read.
    to_is_read: bool,
}

impl Reader<'_, '_> {
    pub(crate) fn routing(&mut self, node: &Node, targets: Option<&Targets<'_>>) -> Routing {
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
            items.iter().map(|node| self.route(node, &mut rules)).collect();
        let unreadable = self.complaints.errors() > errors;
        let Some(targets) = targets else { return Routing { routes: None, rules } };
        let definitions: Vec<RouteDefinition> = written
            .iter()
            .map(|written| written.as_ref().map_or_else(unknown_route, |written| written.definition.clone()))
            .collect();
        let names: Vec<TargetName> = targets.names.iter().map(|(name, _)| name.clone()).collect();
        let routes = match Routes::compile(&definitions, &names, &[]) {
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

    fn route<'n>(&mut self, node: &'n Node, rules: &mut Vec<(Box<str>, Source)>) -> Option<Written<'n>> {
        let later: Vec<&'static str> = NOT_BUILT.iter().map(|(key, _)| *key).collect();
        let fields = self.fields(node, "a route", &KEYS, &later)?;
        if let Value::Mapping(entries) = &node.value {
            for entry in entries {
                if let Some((key, meanwhile)) = NOT_BUILT.iter().find(|(key, _)| *key == &*entry.key) {
                    self.not_supported(entry.key_range.clone(), &format!("`{key}` of a route"), meanwhile);
                }
            }
        }
        let pattern_node = fields.get("match");
        let pattern = pattern_node.map(|node| {
            let pattern = rules::read_pattern(self.complaints, node)?;
            self.rules_named(&pattern, node, rules);
            Some((*pattern).clone())
        });
        let to_node = fields.required(self.complaints, "to");
        let to = to_node.and_then(|node| {
            self.each(node, "`to`", |reader, node| {
                reader.text(node, "the name of a target").map(str::to_owned)
            })
        });
        let proceed = fields.get("continue").map_or(Some(false), |node| self.truth(node, "continue"));
        let to_is_read = to.is_some();
        // What is wrong inside a route is no reason to be silent about the rest of it.
        let neutral = unknown_route();
        Some(Written {
            definition: RouteDefinition {
                pattern: match pattern {
                    None => None,
                    Some(pattern) => pattern.or(neutral.pattern),
                },
                to: to.unwrap_or_default(),
                proceed: proceed.unwrap_or(true),
            },
            node,
            pattern: pattern_node,
            to: to_node,
            to_is_read,
        })
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
                let Some(Value::Sequence(items)) = nth(*route).and_then(|one| one.to).map(|to| &to.value)
                else {
                    return;
                };
                let is_it = |item: &&Node| item.as_text().is_some_and(|text| text.trim() == target);
                let Some(item) = items.iter().find(is_it) else { return };
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
    RouteDefinition { pattern, to: Vec::new(), proceed: true }
}
