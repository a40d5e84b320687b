//! What the alarms of a set refer to: metrics that are published, other alarms, no circles.
//!
//! Asked when all files are read, because an alarm, its metric filter and the composite over it may stand in three of them.

use crate::catalogue::Check;
use crate::decision::{Decision, MetricAlarm};
use crate::diagnostic::{Diagnostic, Span};
use crate::files::Files;
use crate::metric::Transformation;
use crate::nearest::nearest;
use crate::rule::Rule;
use crate::set::RuleSet;
use alarm::Metric;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Diagnostics of a whole set's alarms, and the places of the rules that cannot be used because of them.
pub(crate) fn check(rules: &RuleSet, files: &dyn Files) -> (Vec<Diagnostic>, Vec<usize>) {
    let mut checker =
        Checker { rules, files, by_name: FxHashMap::default(), found: Vec::new(), unusable: Vec::new() };
    checker.names();
    checker.metrics();
    checker.references();
    checker.circles();
    checker.unusable.sort_unstable();
    checker.unusable.dedup();
    (checker.found, checker.unusable)
}

/// The name of an alarm in a composite's rule: the end of its ARN, or the reference itself.
pub(crate) fn name_of(reference: &str) -> &str {
    let mut parts = reference.splitn(7, ':');
    let is_arn = parts.next() == Some("arn") && parts.nth(1) == Some("cloudwatch");
    match (is_arn, parts.nth(2), parts.next()) {
        (true, Some("alarm"), Some(name)) => name,
        _ => reference,
    }
}

impl Rule {
    /// What composite alarms call it, if it is an alarm.
    #[must_use]
    pub fn alarm_name(&self) -> Option<&str> {
        match &self.decision {
            Decision::Alarm(alarm) => Some(&alarm.name),
            Decision::Composite(alarm) => Some(&alarm.definition.alarm_name),
            _ => None,
        }
    }

    /// The names of the alarms a composite alarm refers to, its suppressor last; nothing for other rules.
    pub fn alarm_references(&self) -> impl Iterator<Item = &str> {
        let composite = match &self.decision {
            Decision::Composite(composite) => Some(composite),
            _ => None,
        };
        composite.into_iter().flat_map(|composite| {
            let children = composite.rule.references().iter();
            children.chain(&composite.definition.actions_suppressor).map(|reference| name_of(reference))
        })
    }
}

struct Checker<'s> {
    rules: &'s RuleSet,
    files: &'s dyn Files,
    /// Alarms by name: their place in the set.
    by_name: FxHashMap<&'s str, usize>,
    found: Vec<Diagnostic>,
    unusable: Vec<usize>,
}

impl<'s> Checker<'s> {
    fn names(&mut self) {
        for (place, rule) in self.rules.iter().enumerate() {
            let Some(name) = rule.alarm_name() else { continue };
            let Some(earlier) = self.by_name.get(name).and_then(|&earlier| self.rules.at(earlier)) else {
                self.by_name.insert(name, place);
                continue;
            };
            let at = &earlier.source;
            let help = format!("the other one is `{}` in {}:{}", earlier.id, at.file, at.span.line);
            let message = format!("there is already an alarm `{name}`");
            self.complain(rule, Check::DuplicateId, name, message, Some(help));
            self.unusable.push(place);
        }
    }

    /// Whether each metric that an alarm watches is published by somebody, in the unit it asks for.
    fn metrics(&mut self) {
        let rules = self.rules;
        let published: Vec<&Transformation> = rules.iter().filter_map(|rule| rule.publishes()).collect();
        for rule in rules.iter() {
            let Decision::Alarm(alarm) = &rule.decision else { continue };
            if alarm.publishes.is_some() {
                self.unit_of_inline(rule, alarm);
                continue;
            }
            for input in alarm.alarm.inputs() {
                let Some(metric) = &input.metric else { continue };
                let mut of_it =
                    published.iter().filter(|transformation| makes(transformation, metric)).peekable();
                if of_it.peek().is_none() {
                    self.unknown_metric(rule, metric, &published);
                } else if let Some(unit) = &input.unit
                    && !of_it.any(|transformation| unit_of(transformation) == unit)
                {
                    let message =
                        format!("the metric `{}` is not published in the unit `{unit}`", metric.metric_name);
                    let help = "remove `unit`, or give the metric filter the same one".to_owned();
                    self.complain(rule, Check::NeverThatUnit, unit, message, Some(help));
                }
            }
        }
    }

    fn unit_of_inline(&mut self, rule: &Rule, alarm: &MetricAlarm) {
        let Some((unit, transformation)) = alarm.definition.unit.as_ref().zip(alarm.publishes.as_ref())
        else {
            return;
        };
        if unit_of(transformation) != unit {
            let message =
                format!("the alarm asks for the unit `{unit}`, in which its own metric is not published");
            let help = format!("remove `unit`, or write `metric: {{ unit: {unit} }}`");
            self.complain(rule, Check::NeverThatUnit, unit, message, Some(help));
        }
    }

    fn unknown_metric(&mut self, rule: &Rule, metric: &Metric, published: &[&Transformation]) {
        let Metric { namespace, metric_name, dimensions } = metric;
        let message =
            format!("no document publishes the metric `{metric_name}` in the namespace `{namespace}`");
        let same_name = published.iter().find(|other| other.definition.metric_name == *metric_name);
        let help = match same_name.map(|other| &other.definition) {
            Some(other) if other.metric_namespace == *namespace => {
                let names =
                    |names: Vec<&str>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                let (theirs, ours) = (
                    names(other.dimensions.keys().map(String::as_str).collect()),
                    names(dimensions.keys().map(String::as_str).collect()),
                );
                format!("it is published with other dimensions: {theirs}; the alarm asks for {ours}")
            }
            Some(other) => format!("it is published in `{}`", other.metric_namespace),
            None => match nearest(
                metric_name,
                published.iter().map(|other| other.definition.metric_name.as_str()),
            ) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "add the metric filter that publishes it".to_owned(),
            },
        };
        self.complain(rule, Check::UnknownMetric, metric_name, message, Some(help));
    }

    /// Whether the children of each composite alarm exist.
    fn references(&mut self) {
        for (place, rule) in self.rules.iter().enumerate() {
            let mut missing = false;
            for name in rule.alarm_references() {
                let alarm = self.by_name.get(name).and_then(|&place| self.rules.at(place));
                let (message, help) = match alarm.map(|alarm| &alarm.decision) {
                    None => {
                        let help = nearest(name, self.by_name.keys().copied()).map_or_else(
                            || "define it in a document of `kind: alarm`, or in a rule's `alarm:`".to_owned(),
                            |meant| format!("did you mean `{meant}`?"),
                        );
                        (format!("there is no alarm `{name}`"), help)
                    }
                    Some(Decision::Alarm(alarm)) if alarm.is_for_each_value() => (
                        format!(
                            "`{name}` is an alarm for each value of its dimensions, so it has no one state"
                        ),
                        "leave out its `dimensions`, or write an alarm for the values that matter".to_owned(),
                    ),
                    Some(_) => continue,
                };
                missing = true;
                self.complain(rule, Check::UnknownAlarm, name, message, Some(help));
            }
            if missing {
                self.unusable.push(place);
            }
        }
    }

    /// Circles among composite alarms: those that are left when everything that depends on nothing is taken away.
    fn circles(&mut self) {
        let children = |place: usize| {
            let names = self.rules.at(place).into_iter().flat_map(|rule| rule.alarm_references());
            names.filter_map(|name| self.by_name.get(name).copied()).collect::<Vec<_>>()
        };
        let mut left: Vec<(usize, Vec<usize>)> = (0..self.rules.len())
            .map(|place| (place, children(place)))
            .filter(|(_, children)| !children.is_empty())
            .collect();
        loop {
            let open: Vec<usize> = left.iter().map(|(place, _)| *place).collect();
            let before = left.len();
            left.retain(|(_, children)| children.iter().any(|child| open.contains(child)));
            if left.len() == before {
                break;
            }
        }
        // What merely leads into a circle is not part of it.
        loop {
            let named: Vec<usize> = left.iter().flat_map(|(_, children)| children.iter().copied()).collect();
            let before = left.len();
            left.retain(|(place, _)| named.contains(place));
            if left.len() == before {
                break;
            }
        }
        let circle: Vec<usize> = left.iter().map(|(place, _)| *place).collect();
        for (place, children) in left {
            let Some(rule) = self.rules.at(place) else { continue };
            let next = children
                .into_iter()
                .filter(|child| circle.contains(child))
                .find_map(|child| self.rules.at(child));
            let Some(next) = next.and_then(|next| next.alarm_name()) else { continue };
            let name = rule.alarm_name().unwrap_or_default();
            let message = if name == next {
                format!("`{name}` depends on itself")
            } else {
                format!("`{name}` depends on itself by way of `{next}`")
            };
            let help = "the service takes such a circle and stops evaluating it: break it here".to_owned();
            self.complain(rule, Check::AlarmCycle, next, message, Some(help));
            self.unusable.push(place);
        }
    }

    /// Tells something of a rule, at the first place where `what` is written in it.
    fn complain(&mut self, rule: &Rule, check: Check, what: &str, message: String, help: Option<String>) {
        if rule.allow.contains(&check) {
            return;
        }
        let file = &rule.source.file;
        let span = self.files.text(file).map_or(rule.source.span, |text| written_at(&text, rule, what));
        self.found.push(Diagnostic::new(check, &Arc::clone(file), span, message).maybe_help(help));
    }
}

/// The first place in a document where a name stands by itself.
fn written_at(text: &str, rule: &Rule, name: &str) -> Span {
    let range = rule.source.span.range();
    let document = text.get(range.clone()).unwrap_or_default();
    let part_of_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let alone = |at: usize| {
        let before = document.get(..at).and_then(|text| text.chars().next_back());
        let after = document.get(at + name.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(part_of_name) && !after.is_some_and(part_of_name)
    };
    // The document's own id is often the name of what it names.
    let own = rule.alarm_name() == Some(name) || rule.id.as_str() == name;
    let mut places = document.match_indices(name).map(|(at, _)| at).filter(|&at| alone(at));
    let found = if own && !name.is_empty() { places.by_ref().nth(1) } else { places.next() };
    let found = found.or_else(|| document.match_indices(name).map(|(at, _)| at).find(|&at| alone(at)));
    found.map_or(rule.source.span, |at| Span::of(text, range.start + at..range.start + at + name.len()))
}

/// Whether a transformation can publish to this metric: dimensions have the values of the events.
fn makes(transformation: &Transformation, metric: &Metric) -> bool {
    let definition = &transformation.definition;
    definition.metric_namespace == metric.namespace
        && definition.metric_name == metric.metric_name
        && definition.dimensions.keys().eq(metric.dimensions.keys())
}

/// The service publishes in the unit `None` where none is given.
fn unit_of(transformation: &Transformation) -> &str {
    transformation.definition.unit.as_deref().unwrap_or("None")
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn arns_are_told_from_names() {
        assert_eq!(name_of("arn:aws:cloudwatch:eu-west-1:111122223333:alarm:a:b"), "a:b");
        for name in
            ["cpu", "a:b", "arn:aws:sns:eu-west-1:1:topic", "arn:aws:cloudwatch:eu-west-1:1:dashboard:x"]
        {
            assert_eq!(name_of(name), name);
        }
    }
}
