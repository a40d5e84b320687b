//! A parsed rule and what it makes of the states of its children.

use serde::{Deserialize, Serialize};

use super::parse::{AlarmRuleError, parse};
use crate::state::StateValue;

/// The rule of a composite alarm, such as `ALARM("cpu") AND NOT OK("disk")`.
///
/// ```
/// use alarm::StateValue;
/// use alarm::composite::AlarmRule;
///
/// let rule: AlarmRule = r#"AT_LEAST(2, ALARM, ("a", "b", "c"))"#.parse()?;
/// let states = |name: &str| if name == "c" { StateValue::Ok } else { StateValue::Alarm };
/// assert!(rule.holds(states));
/// assert!("ALARM(a) and ALARM(b)".parse::<AlarmRule>().is_err());
/// # Ok::<(), alarm::composite::AlarmRuleError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AlarmRule {
    pub(super) text: String,
    pub(super) root: Node,
    /// Distinct references, as written, in the order they first occur.
    pub(super) references: Vec<String>,
    pub(super) elements: usize,
}

/// A part of a rule; alarms are positions in `references`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Constant(bool),
    State(StateValue, usize),
    Not(Box<Node>),
    All(Vec<Node>),
    Any(Vec<Node>),
    AtLeast { threshold: usize, negated: bool, state: StateValue, alarms: Vec<usize> },
}

impl AlarmRule {
    /// Reads a rule.
    ///
    /// # Errors
    /// With the service's text for it.
    pub fn parse(text: &str) -> Result<Self, AlarmRuleError> {
        parse(text)
    }

    /// The rule as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The alarms it refers to, each once: names or ARNs, as written.
    pub fn references(&self) -> &[String] {
        &self.references
    }

    /// Whether the rule holds (the composite alarm is in ALARM) given the states of the alarms it refers to.
    pub fn holds(&self, state_of: impl Fn(&str) -> StateValue) -> bool {
        self.evaluate(state_of).0
    }

    /// Whether the rule holds, and the references that make it so: of an OR that holds the ones that are true, of one
    /// that does not all of them, and so on; none for constants.
    pub fn evaluate(&self, state_of: impl Fn(&str) -> StateValue) -> (bool, Vec<&str>) {
        let states: Vec<StateValue> = self.references.iter().map(|reference| state_of(reference)).collect();
        let (holds, support) = self.root.evaluate(&states);
        let supporting = self.references.iter().enumerate().filter(|(at, _)| support.contains(at));
        (holds, supporting.map(|(_, reference)| reference.as_str()).collect())
    }

    /// What the service's quotas would say against the rule, for lints; nothing here enforces them.
    pub fn exceeded_quotas(&self) -> Vec<String> {
        let counted = [
            (self.text.chars().count(), 10_240, "characters"),
            (self.references.len(), 100, "child alarms"),
            (self.elements, 500, "elements (child references, TRUE, FALSE and parentheses)"),
        ];
        let exceeded = counted.into_iter().filter(|(count, quota, _)| count > quota);
        exceeded
            .map(|(count, quota, what)| format!("the rule has {count} {what}; the service allows {quota}"))
            .collect()
    }
}

impl Node {
    /// Whether it holds, and the alarms that make it so.
    fn evaluate(&self, states: &[StateValue]) -> (bool, Vec<usize>) {
        match self {
            Self::Constant(value) => (*value, Vec::new()),
            Self::State(state, alarm) => (states.get(*alarm) == Some(state), vec![*alarm]),
            Self::Not(inner) => {
                let (holds, support) = inner.evaluate(states);
                (!holds, support)
            }
            Self::All(parts) => Self::combine(parts, states, false),
            Self::Any(parts) => Self::combine(parts, states, true),
            Self::AtLeast { threshold, negated, state, alarms } => {
                let counts = |alarm: &usize| (states.get(*alarm) == Some(state)) != *negated;
                let holds = alarms.iter().filter(|alarm| counts(alarm)).count() >= *threshold;
                (holds, alarms.iter().copied().filter(|alarm| counts(alarm) == holds).collect())
            }
        }
    }

    /// OR (`decisive` true) or AND (`decisive` false): one decisive part decides, else all do.
    fn combine(parts: &[Self], states: &[StateValue], decisive: bool) -> (bool, Vec<usize>) {
        let parts: Vec<(bool, Vec<usize>)> = parts.iter().map(|part| part.evaluate(states)).collect();
        let result = parts.iter().any(|(holds, _)| *holds == decisive) == decisive;
        let support =
            parts.into_iter().filter(|(holds, _)| *holds == result).flat_map(|(_, support)| support);
        (result, support.collect())
    }
}

impl std::str::FromStr for AlarmRule {
    type Err = AlarmRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for AlarmRule {
    type Error = AlarmRuleError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<AlarmRule> for String {
    fn from(rule: AlarmRule) -> Self {
        rule.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Alarms named `a…` are in ALARM, `i…` in INSUFFICIENT_DATA, others OK.
    fn evaluate(rule: &str) -> (bool, String) {
        let rule = AlarmRule::parse(rule).unwrap();
        let (holds, support) = rule.evaluate(|name| match name.chars().next() {
            Some('a') => StateValue::Alarm,
            Some('i') => StateValue::InsufficientData,
            _ => StateValue::Ok,
        });
        (holds, support.join(" "))
    }

    #[test]
    fn decides_and_names_who_decided() {
        let cases = [
            ("TRUE OR FALSE AND FALSE", true, ""),
            ("(TRUE OR FALSE) AND FALSE", false, ""),
            ("NOT NOT ALARM(a)", true, "a"),
            ("ALARM(a1) OR ALARM(o1) OR ALARM(a2)", true, "a1 a2"),
            ("ALARM(o1) OR ALARM(o2)", false, "o1 o2"),
            ("ALARM(a1) AND ALARM(o1) AND ALARM(a2)", false, "o1"),
            ("ALARM(a1) AND NOT OK(a2)", true, "a1 a2"),
            ("INSUFFICIENT_DATA(i1)", true, "i1"),
            ("AT_LEAST(1, ALARM, (a1, o1))", true, "a1"),
            ("AT_LEAST(2, ALARM, (a1, o1))", false, "o1"),
            ("AT_LEAST(2, ALARM, (a1, a1))", true, "a1"),
            ("AT_LEAST(50%, NOT ALARM, (a1, o1))", true, "o1"),
            ("AT_LEAST(66%, ALARM, (a1, a1, o1))", true, "a1"),
            ("AT_LEAST(67%, ALARM, (a1, a1, o1))", false, "o1"),
        ];
        for (rule, holds, support) in cases {
            assert_eq!(evaluate(rule), (holds, support.to_owned()), "{rule}");
        }
    }

    #[test]
    fn quotas_are_remarks_only() {
        let many = (0..101).map(|n| format!("ALARM(a{n})")).collect::<Vec<_>>().join(" OR ");
        let rule = AlarmRule::parse(&many).unwrap();
        assert_eq!(rule.exceeded_quotas(), ["the rule has 101 child alarms; the service allows 100"]);
    }
}
