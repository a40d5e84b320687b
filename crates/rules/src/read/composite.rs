//! Composite alarms: the fields of PutCompositeAlarm. Whether the alarms they name exist is asked when all files are read.

use super::{Fields, Reader, optional};
use crate::catalogue::Check;
use crate::decision::CompositeAlarm;
use crate::rule::RuleId;
use crate::yaml::Node;
use alarm::composite::{AlarmRule, AlarmRuleError, CompositeDefinition};

/// What a composite alarm's document has of PutCompositeAlarm.
pub(crate) const COMPOSITE_KEYS: [&str; 10] = [
    "alarm_name",
    "alarm_rule",
    "actions_suppressor",
    "actions_suppressor_wait_period",
    "actions_suppressor_extension_period",
    "alarm_description",
    "actions_enabled",
    "ok_actions",
    "alarm_actions",
    "insufficient_data_actions",
];

/// The longest wait, in seconds; more would hold a finding back for over a month.
const WAIT_MAX: usize = 31 * 24 * 60 * 60;

impl Reader<'_, '_> {
    pub(super) fn composite_alarm(
        &mut self,
        fields: &Fields<'_>,
        id: Option<&RuleId>,
    ) -> Option<CompositeAlarm> {
        let name = self.alarm_name(fields, id);
        let rule = fields.required(self.complaints, "alarm_rule").and_then(|node| self.alarm_rule(node));
        let suppressor = fields.text(self.complaints, "actions_suppressor");
        let mut wait = |key: &str| {
            optional(fields.get(key).map(|node| self.whole_number(node, &format!("`{key}`"), 0..=WAIT_MAX)))
        };
        let wait_period = wait("actions_suppressor_wait_period");
        let extension_period = wait("actions_suppressor_extension_period");
        self.ignored_actions(fields);
        let seconds = |number: Option<usize>| number.and_then(|number| u32::try_from(number).ok());
        let definition = CompositeDefinition {
            alarm_name: name?.into(),
            alarm_rule: rule.as_ref()?.as_str().to_owned(),
            actions_suppressor: suppressor?.map(String::from),
            actions_suppressor_wait_period: seconds(wait_period?),
            actions_suppressor_extension_period: seconds(extension_period?),
        };
        let given = [
            ("actions_suppressor", definition.actions_suppressor.is_some()),
            ("actions_suppressor_wait_period", definition.actions_suppressor_wait_period.is_some()),
            ("actions_suppressor_extension_period", definition.actions_suppressor_extension_period.is_some()),
        ];
        if let Some((present, _)) = given.iter().find(|(_, given)| *given)
            && let Some((missing, _)) = given.iter().find(|(_, given)| !*given)
        {
            let at = fields.get(present).map_or_else(|| fields.place(), |node| node.range.clone());
            let message =
                format!("an actions suppressor is given with both of its periods: `{missing}` is not there");
            let diagnostic = self.complaints.diagnostic(Check::InvalidAlarm, at, message);
            self.complaints.push(diagnostic.help(format!("add `{missing}`, or remove `{present}`")));
            return None;
        }
        Some(CompositeAlarm { definition, rule: rule? })
    }

    fn alarm_rule(&mut self, node: &Node) -> Option<AlarmRule> {
        let text = self.scalar_text(node, "`alarm_rule`")?;
        match AlarmRule::parse(text) {
            Ok(rule) => {
                for exceeded in rule.exceeded_quotas() {
                    self.quota(node, exceeded);
                }
                Some(rule)
            }
            Err(error) => {
                let range = match &error {
                    AlarmRuleError::Token { token, at, .. } => {
                        let start = text.char_indices().nth(*at).map_or(text.len(), |(start, _)| start);
                        let length = if text.get(start..).is_some_and(|rest| rest.starts_with(token.as_str()))
                        {
                            token.len()
                        } else {
                            0
                        };
                        self.part(node, start..start + length)
                    }
                    _ => node.range.clone(),
                };
                let column = match &error {
                    AlarmRuleError::Token { at, .. } => Some(at + 1),
                    _ => None,
                };
                let diagnostic = self.complaints.diagnostic(Check::InvalidAlarm, range, error.to_string());
                self.complaints.push(match column {
                    Some(column) => diagnostic.help(format!(
                        "column {column} of the rule; a rule reads `ALARM(a) AND NOT OK(\"b c\")`, with its words in capitals"
                    )),
                    None => diagnostic,
                });
                None
            }
        }
    }
}
