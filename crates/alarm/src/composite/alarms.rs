//! A set of composite alarms, the states of their children, and what changes when.
//!
//! Invariant: between calls every composite alarm is in the state its rule evaluates to, unless it is part of a cycle; a
//! cycle stops when it comes back to an alarm that has already changed on the way (recorded on the service: of `C: NOT
//! ALARM(D)` and `D: ALARM(C)`, D ends in ALARM and C in OK, and they stay so).

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::admission::{CompositeError, Home, admit, name_of};
use super::alarm::{CompositeAlarm, CompositeChange, CompositeDefinition, TriggeringAlarm};
use super::rule::AlarmRule;
use super::suppression::{Suppression, Suppressor};
use crate::state::StateValue;
use crate::time::Timestamp;
use crate::version::Version;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Child {
    state: StateValue,
    at: Timestamp,
}

/// Composite alarms of one account and region, with the states of the metric alarms they refer to.
///
/// ```
/// use alarm::StateValue;
/// use alarm::composite::{CompositeAlarms, CompositeDefinition, Home};
///
/// let at = "2026-09-14T06:28:17.960Z".parse::<alarm::Timestamp>()?;
/// let mut alarms = CompositeAlarms::new(Home::new("us-east-1", "123456789012"));
/// alarms.set_child("cpu", StateValue::Ok, at);
/// alarms.put(
///     &CompositeDefinition {
///         alarm_name: "service".to_owned(),
///         alarm_rule: "ALARM(cpu)".to_owned(),
///         ..CompositeDefinition::default()
///     },
///     at,
/// )?;
/// let changes = alarms.set_child("cpu", StateValue::Alarm, at.plus_millis(5000));
/// assert_eq!(changes.len(), 1);
/// assert_eq!(
///     changes[0].reason,
///     "arn:aws:cloudwatch:us-east-1:123456789012:alarm:cpu transitioned to ALARM at Monday 14 September, 2026 06:28:22 UTC"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompositeAlarms {
    version: Version<1>,
    home: Home,
    /// Metric alarms by ARN.
    children: BTreeMap<String, Child>,
    /// Composite alarms by ARN.
    composites: BTreeMap<String, CompositeAlarm>,
}

impl CompositeAlarms {
    /// An empty set.
    pub fn new(home: Home) -> Self {
        Self { version: Version, home, children: BTreeMap::new(), composites: BTreeMap::new() }
    }

    /// A composite alarm, by name or ARN.
    pub fn get(&self, reference: &str) -> Option<&CompositeAlarm> {
        self.composites.get(&self.home.arn(reference))
    }

    /// State of an alarm, metric or composite, by name or ARN, and since when it is in that.
    pub fn state(&self, reference: &str) -> Option<(StateValue, Timestamp)> {
        let arn = self.home.arn(reference);
        self.exists(&arn).then(|| self.state_of(&arn))
    }

    /// Whether there is an alarm, metric or composite, of that name or ARN.
    pub fn contains(&self, reference: &str) -> bool {
        self.exists(&self.home.arn(reference))
    }

    /// All composite alarms, by ARN.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &CompositeAlarm)> {
        self.composites.iter().map(|(arn, alarm)| (arn.as_str(), alarm))
    }

    /// The state of a metric alarm at `at`: registers it, or passes its transition on. Waits that ended until then end
    /// first.
    pub fn set_child(&mut self, reference: &str, state: StateValue, at: Timestamp) -> Vec<CompositeChange> {
        let mut changes = self.advance(at);
        let arn = self.home.arn(reference);
        let before = self.children.insert(arn.clone(), Child { state, at });
        match before {
            Some(before) if before.state == state => {
                self.children.insert(arn, before);
            }
            before => {
                let from = before.map_or(StateValue::InsufficientData, |child| child.state);
                self.propagate(arn, from, state, at, &mut changes);
            }
        }
        changes
    }

    /// Ends the waits that are over at `now`, each at its own time.
    pub fn advance(&mut self, now: Timestamp) -> Vec<CompositeChange> {
        let mut due: Vec<(Timestamp, String)> = self
            .composites
            .iter()
            .filter_map(|(arn, alarm)| Some((alarm.suppression.until()?, arn.clone())))
            .filter(|(until, _)| *until <= now)
            .collect();
        due.sort();
        due.into_iter().filter_map(|(until, arn)| self.suppress(&arn, Suppression::None, until)).collect()
    }

    /// The next time at which [`advance`](Self::advance) has something to do.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.composites.values().filter_map(|alarm| alarm.suppression.until()).min()
    }

    /// Creates or updates a composite alarm.
    ///
    /// # Errors
    /// Why it cannot be saved; nothing has changed then.
    pub fn put(
        &mut self,
        definition: &CompositeDefinition,
        at: Timestamp,
    ) -> Result<Vec<CompositeChange>, CompositeError> {
        let name = name_of(&definition.alarm_name);
        let rule = AlarmRule::parse(&definition.alarm_rule)?;
        admit(&self.home, name, &rule, |arn| self.exists(arn))?;
        let suppressor = self.suppressor(definition)?;
        let own = self.home.arn(name);
        if self.children.contains_key(&own) {
            return Err(CompositeError::NameTaken(name.to_owned()));
        }

        let mut changes = self.advance(at);
        let (holds, triggering) = self.evaluate(&rule);
        let state = if holds { StateValue::Alarm } else { StateValue::Ok };
        let Some(alarm) = self.composites.get_mut(&own) else {
            let alarm = CompositeAlarm {
                rule,
                suppressor,
                state: StateValue::InsufficientData,
                reason: crate::reason::INITIAL_REASON.to_owned(),
                triggering: Vec::new(),
                updated_at: at,
                transitioned_at: at,
                suppression: Suppression::None,
            };
            self.composites.insert(own.clone(), alarm);
            let reason = creation(&own, state);
            changes.extend(self.transition(&own, state, reason, triggering, at));
            return Ok(changes);
        };
        let before = alarm.state;
        let replaced = alarm.suppressor.as_ref().map(|s| &s.arn) != suppressor.as_ref().map(|s| &s.arn);
        alarm.rule = rule;
        alarm.suppressor = suppressor;
        if state != before {
            let reason = format!("{own} was updated and its new alarm rule evaluates to {state}");
            changes.extend(self.transition(&own, state, reason, triggering, at));
            self.propagate(own, before, state, at, &mut changes);
        } else if replaced && alarm.suppression != Suppression::None {
            let suppressor = alarm.suppressor.clone();
            let suppression = match suppressor.and_then(|s| Some((self.in_alarm_since(&s.arn)?, s.arn))) {
                Some((since, arn)) => Suppression::Alarm { arn, since },
                None => Suppression::None,
            };
            changes.extend(self.suppress(&own, suppression, at));
        }
        Ok(changes)
    }

    /// Lets what was there from `created` on, and is as it was then, be there from an earlier time on: for whoever hears later of what was
    /// before. A composite alarm that has changed its state since stays as it is, and so does one with a suppressor, which it has waited
    /// for since.
    pub fn begin_by(&mut self, created: Timestamp, at: Timestamp) {
        if at >= created {
            return;
        }
        for child in self.children.values_mut() {
            if child.state == StateValue::InsufficientData && child.at == created {
                child.at = at;
            }
        }
        for (arn, alarm) in &mut self.composites {
            let is_new = alarm.transitioned_at == created && alarm.reason == creation(arn, alarm.state);
            if is_new && alarm.suppressor.is_none() {
                (alarm.updated_at, alarm.transitioned_at) = (at, at);
                for child in alarm.triggering.iter_mut().filter(|child| child.timestamp == created) {
                    child.timestamp = at;
                }
            }
        }
    }

    /// Deletes alarms, metric and composite, all or none.
    ///
    /// # Errors
    /// If one does not exist, or a composite alarm depends on it, even one that is to be deleted in the same call.
    pub fn delete(&mut self, references: &[&str]) -> Result<(), CompositeError> {
        let arns: Vec<String> = references.iter().map(|reference| self.home.arn(reference)).collect();
        for arn in &arns {
            if !self.exists(arn) {
                return Err(CompositeError::NotFound(name_of(arn).to_owned()));
            }
            if self.composites.values().any(|alarm| self.depends(alarm, arn)) {
                return Err(CompositeError::DependedOn(name_of(arn).to_owned()));
            }
        }
        for arn in &arns {
            self.children.remove(arn);
            self.composites.remove(arn);
        }
        Ok(())
    }

    fn suppressor(&self, definition: &CompositeDefinition) -> Result<Option<Suppressor>, CompositeError> {
        let periods =
            (definition.actions_suppressor_wait_period, definition.actions_suppressor_extension_period);
        match (&definition.actions_suppressor, periods) {
            (None, (None, None)) => Ok(None),
            (Some(reference), (Some(wait), Some(extension))) => {
                let arn = self.home.arn(reference);
                if !self.exists(&arn) {
                    return Err(CompositeError::MissingSuppressor(arn));
                }
                let ms = |seconds: u32| i64::from(seconds) * 1000;
                Ok(Some(Suppressor { arn, wait_ms: ms(wait), extension_ms: ms(extension) }))
            }
            _ => Err(CompositeError::SuppressorPeriods),
        }
    }

    fn exists(&self, arn: &str) -> bool {
        self.children.contains_key(arn) || self.composites.contains_key(arn)
    }

    fn depends(&self, alarm: &CompositeAlarm, arn: &str) -> bool {
        self.refers(alarm, arn) || alarm.suppressor.as_ref().is_some_and(|suppressor| suppressor.arn == arn)
    }

    fn refers(&self, alarm: &CompositeAlarm, arn: &str) -> bool {
        alarm.rule.references().iter().any(|reference| self.home.arn(reference) == arn)
    }

    /// State of an alarm, and since when.
    fn state_of(&self, arn: &str) -> (StateValue, Timestamp) {
        match (self.children.get(arn), self.composites.get(arn)) {
            (Some(child), _) => (child.state, child.at),
            (None, Some(alarm)) => (alarm.state, alarm.transitioned_at),
            (None, None) => (StateValue::InsufficientData, Timestamp::default()),
        }
    }

    fn in_alarm_since(&self, arn: &str) -> Option<Timestamp> {
        let (state, since) = self.state_of(arn);
        (state == StateValue::Alarm).then_some(since)
    }

    fn evaluate(&self, rule: &AlarmRule) -> (bool, Vec<TriggeringAlarm>) {
        let (holds, support) = rule.evaluate(|reference| self.state_of(&self.home.arn(reference)).0);
        let mut triggering: Vec<TriggeringAlarm> = Vec::with_capacity(support.len());
        for reference in support {
            let arn = self.home.arn(reference);
            // A name and its ARN are the same child.
            if triggering.iter().all(|known| known.arn != arn) {
                let (state, timestamp) = self.state_of(&arn);
                triggering.push(TriggeringAlarm { arn, state, timestamp });
            }
        }
        (holds, triggering)
    }

    /// Passes the transition of an alarm on to its suppressed and its parents, and theirs.
    fn propagate(
        &mut self,
        arn: String,
        from: StateValue,
        to: StateValue,
        at: Timestamp,
        changes: &mut Vec<CompositeChange>,
    ) {
        // Each with the alarms that have changed on the way to it, where a cycle stops.
        let mut queue = VecDeque::from([(arn, from, to, Vec::<String>::new())]);
        // Rules that depend on each other in many ways could send a transition round many paths; AWS stops too.
        let mut budget = 100 + 4 * self.composites.len();
        while let Some((source, from, to, path)) = queue.pop_front() {
            self.notify_suppressed(&source, from, to, at, changes);
            let parents: Vec<String> = self
                .composites
                .iter()
                .filter(|(arn, alarm)| !path.contains(arn) && self.refers(alarm, &source))
                .map(|(arn, _)| arn.clone())
                .collect();
            for parent in parents {
                let Some(alarm) = self.composites.get(&parent) else { continue };
                let before = alarm.state;
                let (holds, triggering) = self.evaluate(&alarm.rule);
                let after = if holds { StateValue::Alarm } else { StateValue::Ok };
                if after == before || budget == 0 {
                    continue;
                }
                budget -= 1;
                let reason = format!("{source} transitioned to {to} at {}", at.in_sentence());
                changes.extend(self.transition(&parent, after, reason, triggering, at));
                let mut path = path.clone();
                path.push(parent.clone());
                queue.push_back((parent, before, after, path));
            }
        }
    }

    /// Tells the alarms that `source` suppresses that it went into or left ALARM.
    fn notify_suppressed(
        &mut self,
        source: &str,
        from: StateValue,
        to: StateValue,
        at: Timestamp,
        changes: &mut Vec<CompositeChange>,
    ) {
        let in_alarm = to == StateValue::Alarm;
        if in_alarm == (from == StateValue::Alarm) {
            return;
        }
        let next: Vec<(String, Suppression)> = self
            .composites
            .iter()
            .filter_map(|(arn, alarm)| {
                let suppressor = alarm.suppressor.as_ref().filter(|suppressor| suppressor.arn == source)?;
                Some((arn.clone(), suppressor.after_own_transition(&alarm.suppression, in_alarm, at)))
            })
            .collect();
        changes
            .extend(next.into_iter().filter_map(|(arn, suppression)| self.suppress(&arn, suppression, at)));
    }

    fn transition(
        &mut self,
        arn: &str,
        to: StateValue,
        reason: String,
        triggering: Vec<TriggeringAlarm>,
        at: Timestamp,
    ) -> Option<CompositeChange> {
        let suppressor = self.composites.get(arn)?.suppressor.clone();
        let suppression = suppressor
            .map(|suppressor| suppressor.after_transition(self.in_alarm_since(&suppressor.arn), at))
            .unwrap_or_default();
        let alarm = self.composites.get_mut(arn)?;
        let from = std::mem::replace(&mut alarm.state, to);
        let previous_suppression = std::mem::replace(&mut alarm.suppression, suppression.clone());
        (alarm.updated_at, alarm.transitioned_at) = (at, at);
        alarm.reason.clone_from(&reason);
        alarm.triggering.clone_from(&triggering);
        Some(CompositeChange {
            arn: arn.to_owned(),
            at,
            from,
            to,
            reason,
            triggering,
            suppression,
            previous_suppression,
        })
    }

    /// Changes only the suppression; `None` if it stays as it is.
    fn suppress(&mut self, arn: &str, suppression: Suppression, at: Timestamp) -> Option<CompositeChange> {
        let alarm = self.composites.get_mut(arn)?;
        if alarm.suppression == suppression {
            return None;
        }
        let previous_suppression = std::mem::replace(&mut alarm.suppression, suppression.clone());
        alarm.updated_at = at;
        Some(CompositeChange {
            arn: arn.to_owned(),
            at,
            from: alarm.state,
            to: alarm.state,
            reason: alarm.reason.clone(),
            triggering: alarm.triggering.clone(),
            suppression,
            previous_suppression,
        })
    }
}

/// Why a new alarm is in its first state.
fn creation(arn: &str, state: StateValue) -> String {
    format!("{arn} was created and its alarm rule evaluates to {state}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::composite::SuppressedBy;

    fn at(second: i64) -> Timestamp {
        "2026-09-14T06:28:00Z".parse::<Timestamp>().unwrap().plus_millis(second * 1000)
    }

    fn put(alarms: &mut CompositeAlarms, name: &str, rule: &str, second: i64) -> Vec<CompositeChange> {
        let definition = CompositeDefinition {
            alarm_name: name.to_owned(),
            alarm_rule: rule.to_owned(),
            ..CompositeDefinition::default()
        };
        alarms.put(&definition, at(second)).unwrap()
    }

    fn set(names: &[&str]) -> CompositeAlarms {
        let mut alarms = CompositeAlarms::new(Home::new("us-east-1", "123456789012"));
        for name in names {
            alarms.set_child(name, StateValue::Ok, at(0));
        }
        alarms
    }

    fn suppressed(alarms: &CompositeAlarms) -> Option<SuppressedBy> {
        alarms.get("c").unwrap().suppression().suppressed_by()
    }

    fn with_suppressor(names: &[&str]) -> CompositeAlarms {
        let mut alarms = set(names);
        let definition = CompositeDefinition {
            alarm_name: "c".to_owned(),
            alarm_rule: "ALARM(child)".to_owned(),
            actions_suppressor: Some("s".to_owned()),
            actions_suppressor_wait_period: Some(5),
            actions_suppressor_extension_period: Some(5),
        };
        alarms.put(&definition, at(0)).unwrap();
        alarms
    }

    #[test]
    fn what_has_not_changed_since_it_was_created_may_begin_earlier() {
        let mut alarms = with_suppressor(&["child", "s"]);
        let mut begun = |name: &str, rule: &str| put(&mut alarms, name, rule, 10);
        begun("new", "NOT ALARM(child)");
        begun("changed", "ALARM(child)");
        alarms.set_child("child", StateValue::Alarm, at(11));
        put(&mut alarms, "later", "TRUE", 12);
        alarms.set_child("child", StateValue::Ok, at(13));
        put(&mut alarms, "first", "TRUE", 10);
        alarms.begin_by(at(10), at(3));
        alarms.begin_by(at(3), at(5));
        let since = |name: &str| alarms.get(name).unwrap().transitioned_at();
        assert_eq!(["first", "new", "changed", "later", "c"].map(since), [3, 13, 13, 12, 13].map(at));
        assert_eq!(alarms.state("first"), Some((StateValue::Alarm, at(3))));
        assert_eq!(alarms.state("nobody"), None);
    }

    #[test]
    fn creation_update_and_deletion() {
        let mut alarms = set(&["a"]);
        let created = put(&mut alarms, "c", "ALARM(a)", 1);
        assert_eq!((created[0].from, created[0].to), (StateValue::InsufficientData, StateValue::Ok));
        assert!(created[0].reason.ends_with(":c was created and its alarm rule evaluates to OK"));
        assert!(
            put(&mut alarms, "c", "ALARM(a) OR FALSE", 2).is_empty(),
            "the state stays, so nothing is said"
        );
        assert_eq!(alarms.get("c").unwrap().updated_at(), at(1));
        let updated = put(&mut alarms, "c", "OK(a)", 3);
        assert!(updated[0].reason.ends_with(":c was updated and its new alarm rule evaluates to ALARM"));
        let refused = alarms.delete(&["a", "c"]).unwrap_err();
        assert_eq!(refused.to_string(), "Cannot delete a as there are composite alarm(s) depending on it.");
        assert!(alarms.get("c").is_some());
        alarms.delete(&["c"]).unwrap();
        alarms.delete(&["a"]).unwrap();
    }

    #[test]
    fn a_diamond_settles_whatever_the_order_of_names() {
        for (left, right) in [("b", "d"), ("d", "b")] {
            let mut alarms = set(&["a"]);
            put(&mut alarms, left, "ALARM(a)", 1);
            put(&mut alarms, right, &format!("ALARM(a) AND NOT ALARM({left})"), 1);
            alarms.set_child("a", StateValue::Alarm, at(2));
            assert_eq!(alarms.get(right).unwrap().state(), StateValue::Ok);
        }
    }

    #[test]
    fn a_contradictory_cycle_stops() {
        let mut alarms = set(&[]);
        put(&mut alarms, "c", "FALSE", 0);
        put(&mut alarms, "d", "ALARM(c)", 0);
        put(&mut alarms, "c", "NOT ALARM(d)", 1);
        assert_eq!(alarms.get("c").unwrap().state(), StateValue::Ok);
        assert_eq!(alarms.get("d").unwrap().state(), StateValue::Alarm);
    }

    #[test]
    fn suppression_waits_holds_and_extends() {
        let mut alarms = with_suppressor(&["child", "s"]);
        assert_eq!(suppressed(&alarms), Some(SuppressedBy::WaitPeriod), "a new alarm waits");
        let released = alarms.advance(at(5));
        assert!(released[0].runs_actions());
        assert_eq!(released[0].at, at(5));

        alarms.set_child("child", StateValue::Alarm, at(10));
        assert_eq!(suppressed(&alarms), Some(SuppressedBy::WaitPeriod));
        let held = alarms.set_child("s", StateValue::Alarm, at(12));
        assert_eq!(
            held[0].suppression.reason().unwrap(),
            "Actions suppressed by arn:aws:cloudwatch:us-east-1:123456789012:alarm:s that transitioned to ALARM at \
             Monday 14 September, 2026 06:28:12 UTC"
        );
        assert!(alarms.advance(at(100)).is_empty());
        alarms.set_child("s", StateValue::Ok, at(100));
        assert_eq!(suppressed(&alarms), Some(SuppressedBy::ExtensionPeriod));
        alarms.set_child("child", StateValue::Ok, at(102));
        assert_eq!(
            suppressed(&alarms),
            Some(SuppressedBy::WaitPeriod),
            "a transition in the extension waits anew"
        );
        assert_eq!(alarms.next_wake(), Some(at(107)));
        let released = alarms.advance(at(200));
        assert_eq!((released[0].to, released[0].at), (StateValue::Ok, at(107)));
        assert!(alarms.set_child("s", StateValue::Alarm, at(201)).is_empty(), "too late to suppress");
    }

    #[test]
    fn replacing_the_suppressor_by_a_quiet_one_releases() {
        let mut alarms = with_suppressor(&["child", "s", "quiet"]);
        alarms.set_child("s", StateValue::Alarm, at(1));
        assert_eq!(suppressed(&alarms), Some(SuppressedBy::Alarm));
        let definition = CompositeDefinition {
            alarm_name: "c".to_owned(),
            alarm_rule: "ALARM(child)".to_owned(),
            actions_suppressor: Some("quiet".to_owned()),
            actions_suppressor_wait_period: Some(5),
            actions_suppressor_extension_period: Some(5),
        };
        let changes = alarms.put(&definition, at(2)).unwrap();
        assert!(changes[0].runs_actions());
        assert_eq!(changes[0].from, changes[0].to);
    }

    #[test]
    fn stored_and_read_back_it_is_the_same() {
        let alarms = with_suppressor(&["child", "s"]);
        let text = serde_json::to_string(&alarms).unwrap();
        assert_eq!(serde_json::from_str::<CompositeAlarms>(&text).unwrap(), alarms);
        let newer = text.replace("\"version\":1", "\"version\":2");
        let refused = serde_json::from_str::<CompositeAlarms>(&newer).unwrap_err().to_string();
        assert!(refused.contains("version 2 cannot be read"), "{refused}");
    }
}
