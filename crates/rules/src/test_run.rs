//! Runs the tests inside rule documents.
//!
//! A test is one event, changed as the test says, put through the languages' reference matchers and the rule's own
//! evaluation. Nothing of the fast path is involved: that it agrees with the reference is tested elsewhere.

use crate::event::EventView;
use crate::explanation::RuleExplanation;
use crate::files::Files;
use crate::path::{EventPath, Root};
use crate::rule::{Rule, RuleId, Source};
use crate::rule_test::{Course, EventOrigin, EventTest, RuleTest, TestEvent};
use cloudtrail::{Decoder, EventTime, Item};
use context::{Context, Geography, Lists};
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// What became of one test.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestOutcome {
    /// The rule.
    pub rule: RuleId,
    /// The test.
    pub name: String,
    /// Where it stands.
    pub source: Source,
    /// What is wrong; empty if the test passed.
    pub failures: Vec<String>,
    /// What the rule made of the event; none if the event could not be read, or the test is one in steps.
    pub explanation: Option<RuleExplanation>,
    /// Of a test in steps, what the rule said, in order, a line each.
    pub said: Vec<String>,
}

impl TestOutcome {
    /// Whether the test passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

impl Rule {
    /// Runs the rule's tests of single events, in their order; those in steps need the engine that keeps windows, which stands
    /// above this crate. Events named by path are asked of `files`.
    #[must_use]
    pub fn run_tests(&self, context: &Context, files: &dyn Files) -> Vec<TestOutcome> {
        self.tests.iter().filter_map(|test| self.run_test(test, context, files)).collect()
    }

    /// Runs one test of the rule; `None` if it is one in steps.
    #[must_use]
    pub fn run_test(&self, test: &RuleTest, context: &Context, files: &dyn Files) -> Option<TestOutcome> {
        let Course::Event(of_event) = &test.course else { return None };
        let mut outcome = TestOutcome::of(self, test);
        match of_event.event.view(files) {
            Ok(view) => {
                let explanation = self.explain(&view, &test.context(context));
                outcome.failures = failures(self, of_event, &explanation);
                outcome.explanation = Some(explanation);
            }
            Err(error) => outcome.failures.push(error.to_string()),
        }
        Some(outcome)
    }
}

impl TestOutcome {
    /// A test of a rule of which nothing is known to be wrong.
    #[must_use]
    pub fn of(rule: &Rule, test: &RuleTest) -> Self {
        Self {
            rule: rule.id.clone(),
            name: test.name.to_string(),
            source: test.source.clone(),
            failures: Vec::new(),
            explanation: None,
            said: Vec::new(),
        }
    }
}

fn failures(rule: &Rule, test: &EventTest, explanation: &RuleExplanation) -> Vec<String> {
    let mut failures = Vec::new();
    let should = if rule.decision.is_each() { "fire" } else { "count" };
    match (test.fires, explanation.fires) {
        (true, false) => {
            let stopped_by = explanation.stopped_by.join(", ");
            failures.push(format!("should {should}, and is stopped by {stopped_by}"));
        }
        (false, true) => failures.push(format!("should not {should}, and does")),
        _ => {}
    }
    if let Some(because) = test.because.as_deref().filter(|_| !explanation.fires)
        && !explanation.is_stopped_by(because)
    {
        let stopped_by = explanation.stopped_by.join(", ");
        failures.push(format!("should be stopped by {because}, and is stopped by {stopped_by}"));
    }
    if let (Some(wanted), Some(severity)) = (test.severity, explanation.severity)
        && wanted != severity
    {
        failures.push(format!("should be {wanted}, and is {severity}"));
    }
    failures
}

/// An event of a test that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TestEventError {
    /// There is no such file.
    #[error("there is no event file `{0}`")]
    NoFile(String),
    /// The file is not JSON.
    #[error("`{path}` is no JSON: {error}")]
    NotJson {
        /// The file.
        path: String,
        /// Why.
        error: serde_json::Error,
    },
    /// The JSON is not exactly one event.
    #[error(
        "the event has to be one CloudTrail record, or one EventBridge event with `detail-type` and `detail`: {0}"
    )]
    NotOneEvent(String),
    /// A field cannot be set.
    #[error("`{0}` cannot be set: an array on the way has no such element")]
    NotSettable(String),
}

impl RuleTest {
    /// What the test knows: the same, but for its own lists and places.
    #[must_use]
    pub fn context(&self, context: &Context) -> Context {
        let mut context = context.clone();
        if !self.places.is_empty() {
            let places = Geography::stating(self.places.iter().cloned());
            context = context.with_geography(Arc::new(places));
        }
        if self.lists.is_empty() {
            return context;
        }
        let mut lists: Lists = context.lists().clone();
        for (name, list) in &self.lists {
            lists.insert(name.clone(), list.clone());
        }
        context.with_lists(lists)
    }
}

impl TestEvent {
    /// The event with its changes made.
    ///
    /// # Errors
    ///
    /// Where the event cannot be read or changed so.
    pub fn view(&self, files: &dyn Files) -> Result<EventView, TestEventError> {
        view(&self.json(files)?)
    }

    /// The event with its changes made, as one that happened at `time`, the `number`th of its repetitions (from 1). It has an
    /// id of its own, made of `name` and the number, unless the test sets `detail.eventID`: then it is the same event again.
    ///
    /// # Errors
    ///
    /// Where the event cannot be read or changed so.
    pub fn happening(
        &self,
        files: &dyn Files,
        time: EventTime,
        name: &str,
        number: u32,
    ) -> Result<EventView, TestEventError> {
        let mut repeated = self.clone();
        for (_, value) in &mut repeated.with {
            put_number(value, number);
        }
        let mut event = repeated.json(files)?;
        let own_id = |names: &[&str]| {
            self.with.iter().any(|(path, _)| path.in_event().into_iter().flatten().eq(names.iter().copied()))
        };
        let (time, id) = (Value::from(time.to_string()), Value::from(format!("{name}-{number}")));
        let is_envelope = is_envelope(&event);
        let record = if is_envelope { event.get_mut("detail") } else { Some(&mut event) };
        if let Some(Value::Object(record)) = record
            && (!is_envelope || record.contains_key("eventTime"))
        {
            record.insert("eventTime".to_owned(), time.clone());
            if !own_id(&["detail", "eventID"]) {
                record.insert("eventID".to_owned(), id.clone());
            }
        }
        if let (true, Value::Object(envelope)) = (is_envelope, &mut event) {
            envelope.insert("time".to_owned(), time);
            if !own_id(&["id"]) {
                envelope.insert("id".to_owned(), id);
            }
        }
        view(&event)
    }

    /// The event with its changes made: a record, or an EventBridge event.
    fn json(&self, files: &dyn Files) -> Result<Value, TestEventError> {
        let json = match &self.origin {
            EventOrigin::Inline(event) => (**event).clone(),
            EventOrigin::File(path) => {
                let text = files.text(path).ok_or_else(|| TestEventError::NoFile(path.to_string()))?;
                serde_json::from_str(&text)
                    .map_err(|error| TestEventError::NotJson { path: path.to_string(), error })?
            }
        };
        let event = single(json);
        if is_envelope(&event) {
            return self.apply(event, |_| true);
        }
        // What of the envelope follows from the record (its source, its account) should follow from the changed one.
        let record = Value::Object(Map::from_iter([("detail".to_owned(), event)]));
        let of_record = |path: &EventPath| {
            path.root() == Root::Detail
                || (path.root() == Root::Event
                    && path.steps().first().is_some_and(|step| &**step == "detail"))
        };
        let mut changed = self.apply(record, of_record)?;
        let record = changed.get_mut("detail").map(Value::take).unwrap_or_default();
        let envelope_too =
            self.with.iter().map(|(path, _)| path).chain(&self.without).any(|path| !of_record(path));
        if !envelope_too {
            return Ok(record);
        }
        self.apply(view(&record)?.json().clone(), |path| !of_record(path))
    }

    fn apply(&self, mut event: Value, which: impl Fn(&EventPath) -> bool) -> Result<Value, TestEventError> {
        for (path, value) in self.with.iter().filter(|(path, _)| which(path)) {
            let names: Vec<&str> = path.in_event().into_iter().flatten().collect();
            set(&mut event, &names, value.clone())
                .ok_or_else(|| TestEventError::NotSettable(path.to_string()))?;
        }
        for path in self.without.iter().filter(|path| which(path)) {
            let names: Vec<&str> = path.in_event().into_iter().flatten().collect();
            remove(&mut event, &names);
        }
        Ok(event)
    }
}

/// Puts the number of a repetition where `{n}` stands in a text.
fn put_number(value: &mut Value, number: u32) {
    match value {
        Value::String(text) if text.contains("{n}") => *text = text.replace("{n}", &number.to_string()),
        Value::Array(items) => items.iter_mut().for_each(|item| put_number(item, number)),
        Value::Object(members) => members.values_mut().for_each(|member| put_number(member, number)),
        _ => {}
    }
}

/// Whether it is an event as EventBridge delivers it, and not a bare record.
fn is_envelope(event: &Value) -> bool {
    event.get("detail-type").is_some() && event.get("detail").is_some()
}

/// The only record of a log file, or the value itself.
fn single(json: Value) -> Value {
    match json {
        Value::Object(mut members) if members.len() == 1 => match members.get_mut("Records") {
            Some(Value::Array(records)) if records.len() == 1 => records.pop().unwrap_or_default(),
            _ => Value::Object(members),
        },
        json => json,
    }
}

fn view(event: &Value) -> Result<EventView, TestEventError> {
    let text = event.to_string();
    let mut views = Vec::new();
    let mut errors = Vec::new();
    let decoded = Decoder::default().decode(text.as_bytes(), None, |item| match item {
        Item::Event(event) => views.push(EventView::of(&event).map_err(|error| error.to_string())),
        Item::Rejected { error, .. } => errors.push(error.to_string()),
        Item::Skipped { reason, .. } => errors.push(format!("it is skipped ({})", reason.as_str())),
        Item::Digest(_) => errors.push("it is a digest file".to_owned()),
    });
    errors.extend(decoded.trouble.map(|trouble| trouble.to_string()));
    match (views.pop(), views.len(), errors.pop()) {
        (Some(Ok(view)), 0, None) => Ok(view),
        (Some(Err(error)), 0, _) | (_, _, Some(error)) => Err(TestEventError::NotOneEvent(error)),
        (_, more, None) => Err(TestEventError::NotOneEvent(format!("{more} events are found"))),
    }
}

/// Sets the value at a path; objects are made where nothing, `null` or a single value stands in the way.
fn set(event: &mut Value, path: &[&str], value: Value) -> Option<()> {
    let mut at = event;
    for name in path {
        if let Value::Array(items) = at {
            let index: usize = name.parse().ok()?;
            if index == items.len() {
                items.push(Value::Null);
            }
            at = items.get_mut(index)?;
            continue;
        }
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = at.as_object_mut()?.entry((*name).to_owned()).or_insert(Value::Null);
    }
    *at = value;
    Some(())
}

fn remove(event: &mut Value, path: &[&str]) {
    let Some((last, parents)) = path.split_last() else { return };
    let mut at = event;
    for name in parents {
        let next = match at {
            Value::Object(members) => members.get_mut(*name),
            Value::Array(items) => name.parse::<usize>().ok().and_then(|index| items.get_mut(index)),
            _ => None,
        };
        let Some(next) = next else { return };
        at = next;
    }
    match at {
        Value::Object(members) => {
            members.remove(*last);
        }
        Value::Array(items) => {
            if let Some(index) = last.parse().ok().filter(|index| *index < items.len()) {
                items.remove(index);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_set_and_removed() {
        let mut event = json!({"detail": {"a": null, "b": [{"c": 1}], "s": "x"}});
        for (path, value) in [
            (&["detail", "a", "x"][..], json!(1)),
            (&["detail", "new", "er"], Value::Null),
            (&["detail", "b", "0", "c"], json!(2)),
            (&["detail", "b", "1"], json!("more")),
            (&["detail", "s", "t"], json!(true)),
        ] {
            set(&mut event, path, value).unwrap();
        }
        assert!(set(&mut event, &["detail", "b", "7"], json!(1)).is_none());
        assert!(set(&mut event, &["detail", "b", "x"], json!(1)).is_none());
        let expected = json!({"detail": {"a": {"x": 1}, "b": [{"c": 2}, "more"], "s": {"t": true}, "new": {"er": null}}});
        assert_eq!(event, expected);
        for path in [
            &["detail", "a"][..],
            &["detail", "b", "0"],
            &["detail", "no", "where"],
            &["detail", "b", "9"],
            &[],
        ] {
            remove(&mut event, path);
        }
        assert_eq!(event, json!({"detail": {"b": ["more"], "s": {"t": true}, "new": {"er": null}}}));
    }
}
