//! Recorded behaviour of composite alarms, one JSON object per line, of four kinds.
//!
//! `admission`: a rule is accepted, or refused with an exact text. `evaluation`: the states of the children give a state, a
//! reason and reason data; two rules in one case (`D: …; C: …`) are put one after the other. `timeline`: steps with what
//! the alarm must be like after each; unless one of them is `create`, it is there long before. `delete`: who may not be deleted.
//!
//! `divergences.jsonl` beside the crate's tests lists cases that are not met, with reasons.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use alarm::composite::{CompositeAlarms, CompositeChange, CompositeDefinition, Home};
use alarm::{StateValue, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::cases::{self, Divergences};

const DIVERGENCES: &str = include_str!("../../../crates/alarm/tests/divergences.jsonl");
const BEFORE: &str = "2026-01-01T00:00:00Z";
const NOW: &str = "2026-09-14T07:00:00Z";

/// Runs the cases of a file, prints those that fail, and counts both kinds.
///
/// # Errors
///
/// If the file cannot be read or a line is no case.
pub(crate) fn run(path: &Path) -> io::Result<(usize, usize)> {
    let divergences = Divergences::of(DIVERGENCES)?;
    cases::run(path, |_, case: &Case| {
        (format!("{} ({})", case.name, case.evidence), divergences.judge(&case.name, case.check()))
    })
}

#[derive(Deserialize)]
struct Case {
    kind: Kind,
    name: String,
    #[serde(default)]
    rule: String,
    #[serde(default, rename = "self")]
    own: Option<String>,
    #[serde(default)]
    evidence: String,
    account: Option<String>,
    region: Option<String>,
    prev_state: Option<StateValue>,

    #[serde(default)]
    existing: Vec<String>,
    accept: Option<bool>,
    #[serde(default, alias = "expect_error")]
    error: Option<Refusal>,

    #[serde(default)]
    children: BTreeMap<String, StateValue>,
    #[serde(default)]
    expect: Value,
    expect_reason: Option<String>,
    expect_reason_data: Option<Value>,
    state_updated: Option<String>,

    date: Option<String>,
    suppressor: Option<String>,
    wait_seconds: Option<u32>,
    extension_seconds: Option<u32>,
    #[serde(default)]
    steps: Vec<Step>,

    #[serde(default)]
    delete: Vec<String>,
    #[serde(default)]
    expect_deleted: Vec<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Admission,
    Evaluation,
    Timeline,
    Delete,
}

#[derive(Deserialize)]
struct Refusal {
    message: Option<String>,
}

#[derive(Deserialize)]
struct Step {
    at: String,
    #[serde(rename = "do")]
    action: String,
    expect: BTreeMap<String, Value>,
}

impl Case {
    fn check(&self) -> Result<(), String> {
        match self.kind {
            Kind::Admission => self.check_admission(),
            Kind::Evaluation => self.check_evaluation(),
            Kind::Timeline => self.check_timeline(),
            Kind::Delete => self.check_delete(),
        }
    }

    fn alarms(&self) -> CompositeAlarms {
        let region = self.region.as_deref().unwrap_or("us-east-1");
        CompositeAlarms::new(Home::new(region, self.account.as_deref().unwrap_or("123456789012")))
    }

    fn own(&self) -> &str {
        self.own.as_deref().unwrap_or("composite")
    }

    fn check_admission(&self) -> Result<(), String> {
        let mut alarms = self.alarms();
        for name in self.existing.iter().filter(|name| *name != self.own()) {
            alarms.set_child(name, StateValue::Ok, time(BEFORE)?);
        }
        let put = alarms.put(&definition(self.own(), &self.rule), time(NOW)?);
        match (put, self.accept.unwrap_or(self.error.is_none())) {
            (Ok(_), true) => Ok(()),
            (Ok(_), false) => Err("accepted, expected a refusal".to_owned()),
            (Err(error), true) => Err(format!("refused: {error}")),
            (Err(error), false) => self.check_refusal(&error.to_string()),
        }
    }

    fn check_refusal(&self, found: &str) -> Result<(), String> {
        match self.error.as_ref().and_then(|refusal| refusal.message.as_deref()) {
            Some(expected) => same("message", found, expected),
            None => Ok(()),
        }
    }

    fn check_evaluation(&self) -> Result<(), String> {
        let rules = self.rules();
        let mut alarms = self.alarms();
        let transition =
            self.expect_reason.as_deref().is_some_and(|reason| reason.contains(" transitioned to "));
        let (before, now) = (time(BEFORE)?, time(self.state_updated.as_deref().unwrap_or(NOW))?);
        for (name, state) in &self.children {
            if rules.iter().all(|(composite, _)| composite != name) {
                let at = self.recorded_time(name).map_or(Ok(before), time)?;
                let first = if transition { opposite(*state) } else { *state };
                alarms.set_child(name, first, if transition { before } else { at });
            }
        }
        // The alarm as it was before: its state from a constant rule, unless a child's transition is to bring the change.
        for (name, rule) in &rules {
            let constant = match self.prev_state {
                Some(StateValue::Alarm) => "TRUE",
                _ => "FALSE",
            };
            let exists = self.prev_state.is_some() || rules.len() > 1;
            if exists {
                let earlier = if transition { rule.as_str() } else { constant };
                alarms.put(&definition(name, earlier), before).map_err(|error| error.to_string())?;
            }
        }
        let mut changes = Vec::new();
        if transition {
            for (name, state) in &self.children {
                let at = self.recorded_time(name).map_or(Ok(now), time)?;
                changes.extend(alarms.set_child(name, *state, at));
            }
        } else {
            for (name, rule) in &rules {
                changes.extend(alarms.put(&definition(name, rule), now).map_err(|error| error.to_string())?);
            }
        }
        self.check_states(&alarms, &rules, &changes)
    }

    fn check_states(
        &self,
        alarms: &CompositeAlarms,
        rules: &[(String, String)],
        changes: &[CompositeChange],
    ) -> Result<(), String> {
        let state =
            |name: &str| alarms.get(name).map(alarm::composite::CompositeAlarm::state).unwrap_or_default();
        if let Some(expected) = self.expect.as_object() {
            for (name, expected) in expected {
                same(
                    &format!("state of {name}"),
                    state(name).as_str(),
                    expected.as_str().unwrap_or_default(),
                )?;
            }
            return Ok(());
        }
        let Some((own, _)) = rules.first() else { return Err("no rule".to_owned()) };
        same("state", state(own).as_str(), self.expect.as_str().unwrap_or_default())?;
        let Some(alarm) = alarms.get(own) else { return Err("no alarm".to_owned()) };
        if let Some(expected) = &self.expect_reason {
            same("reason", alarm.reason(), expected)?;
            if changes.is_empty() {
                return Err("nothing changed".to_owned());
            }
        }
        if let Some(expected) = &self.expect_reason_data {
            let found: Value =
                serde_json::from_str(&alarm.reason_data()).map_err(|error| error.to_string())?;
            same("reason data", &found.to_string(), &expected.to_string())?;
        }
        if let Some(expected) = &self.state_updated {
            same("updated", &alarm.updated_at().to_string(), &time(expected)?.to_string())?;
        }
        Ok(())
    }

    /// The rules of the case by alarm: one, or several written `D: …; C: …`.
    fn rules(&self) -> Vec<(String, String)> {
        let named = |part: &str| {
            let (name, rule) = part.split_once(": ")?;
            let is_name = name.trim().chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
            is_name.then(|| (name.trim().to_owned(), rule.trim().to_owned()))
        };
        match self.rule.split(';').map(named).collect::<Option<Vec<_>>>() {
            Some(rules) => rules,
            None => vec![(self.own().to_owned(), self.rule.clone())],
        }
    }

    /// When a child entered its state, as far as the expected reason data tells.
    fn recorded_time(&self, child: &str) -> Option<&str> {
        let triggering = self.expect_reason_data.as_ref()?.get("triggeringAlarms")?.as_array()?;
        let arn_ends = format!(":alarm:{child}");
        let alarm = triggering
            .iter()
            .find(|alarm| alarm["arn"].as_str().is_some_and(|arn| arn.ends_with(&arn_ends)))?;
        alarm["state"]["timestamp"].as_str()
    }

    fn check_timeline(&self) -> Result<(), String> {
        let date = self.date.as_deref().unwrap_or("2026-09-14");
        let before = time(BEFORE)?;
        let mut alarms = self.alarms();
        for child in ["child", self.suppressor.as_deref().unwrap_or("suppressor")] {
            alarms.set_child(child, StateValue::Ok, before);
        }
        let definition = CompositeDefinition {
            actions_suppressor: self.suppressor.clone(),
            actions_suppressor_wait_period: self.suppressor.as_ref().and(self.wait_seconds),
            actions_suppressor_extension_period: self.suppressor.as_ref().and(self.extension_seconds),
            ..definition(self.own(), &self.rule)
        };
        let creates = |step: &Step| step.action == "create";
        if !self.steps.iter().any(creates) {
            alarms.put(&definition, before).map_err(|error| error.to_string())?;
        }

        for step in &self.steps {
            let at = time(&format!("{date}T{}Z", step.at))?;
            match step.action.split_once(" -> ") {
                None if creates(step) => {
                    alarms.put(&definition, at).map_err(|error| error.to_string())?;
                }
                Some((child, state)) => {
                    let state = state.parse().map_err(|error: alarm::StateValueError| error.to_string())?;
                    alarms.set_child(child, state, at);
                }
                None => {
                    alarms.advance(at);
                }
            }
            if step.expect.is_empty() {
                continue;
            }
            let Some(alarm) = alarms.get(self.own()) else { return Err("no alarm".to_owned()) };
            let clock = |t: Timestamp| Value::from(t.to_string().get(11..23).unwrap_or_default());
            for (name, expected) in &step.expect {
                let found = match name.as_str() {
                    "state" => Value::from(alarm.state().as_str()),
                    "suppressed_by" => Value::from(
                        alarm.suppression().suppressed_by().map(alarm::composite::SuppressedBy::as_str),
                    ),
                    "suppressed_reason" => Value::from(alarm.suppression().reason()),
                    "state_updated" => clock(alarm.updated_at()),
                    "state_transitioned" => clock(alarm.transitioned_at()),
                    "reason" => Value::from(alarm.reason()),
                    other => return Err(format!("cannot check `{other}`")),
                };
                same(&format!("{name} after `{}`", step.action), &found.to_string(), &expected.to_string())?;
            }
        }
        Ok(())
    }

    /// The cases name only what is deleted; the alarm named `composite` has the others as child and suppressor.
    fn check_delete(&self) -> Result<(), String> {
        let mut alarms = self.alarms();
        let children: Vec<&String> = self.delete.iter().filter(|name| *name != self.own()).collect();
        for child in &children {
            alarms.set_child(child, StateValue::Ok, time(BEFORE)?);
        }
        let rule =
            children.iter().map(|child| format!("ALARM(\"{child}\")")).collect::<Vec<_>>().join(" OR ");
        let rule = if self.rule.is_empty() { &rule } else { &self.rule };
        alarms.put(&definition(self.own(), rule), time(BEFORE)?).map_err(|error| error.to_string())?;
        let names: Vec<&str> = self.delete.iter().map(String::as_str).collect();
        let refused = alarms.delete(&names);
        match (&refused, &self.error) {
            (Err(error), Some(_)) => self.check_refusal(&error.to_string())?,
            (Ok(()), None) => {}
            _ => return Err(format!("found {refused:?}")),
        }
        let deleted = alarms.get(self.own()).is_none() && self.delete.iter().any(|name| name == self.own());
        let expected = self.expect_deleted.iter().any(|name| name == self.own());
        if deleted == expected { Ok(()) } else { Err("the wrong alarms were deleted".to_owned()) }
    }
}

fn definition(name: &str, rule: &str) -> CompositeDefinition {
    CompositeDefinition {
        alarm_name: name.to_owned(),
        alarm_rule: rule.to_owned(),
        ..CompositeDefinition::default()
    }
}

fn opposite(state: StateValue) -> StateValue {
    if state == StateValue::Alarm { StateValue::Ok } else { StateValue::Alarm }
}

fn same(what: &str, found: &str, expected: &str) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}\n    found    {found}\n    expected {expected}"))
    }
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|error: alarm::TimestampError| error.to_string())
}
