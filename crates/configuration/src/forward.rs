//! `forward`: events that go on to targets as they are, beside being decided on.

use std::sync::Arc;

use event_pattern::Pattern;
use route::TargetName;
use rules::yaml::{Node, Value};
use rules::{Check, shown};
use serde_json::{Value as Json, json};

use crate::read::Reader;
use crate::shape::SHAPE_KEYS;
use crate::target::Targets;

/// Events that go on.
#[derive(Debug, Clone)]
pub struct Forward {
    /// Which, as EventBridge delivers them.
    pub pattern: Arc<Pattern>,
    /// Where to: at least one.
    pub to: Vec<TargetName>,
    /// Whether sources wait when too much waits for one of them; otherwise events are left out.
    pub waits: bool,
}

pub(crate) const KEYS: [&str; 3] = ["pattern", "to", "when_full"];
/// Kinds of targets that take events.
const TAKES_EVENTS: [&str; 10] =
    ["webhook", "stdout", "file", "sns", "sqs", "eventbridge", "lambda", "kinesis", "firehose", "logs"];
/// In front of a target's name, it is the name of the lane in which its events wait.
const LANE: &str = "forward.";
const EXAMPLE: &str = "write it as `{ pattern: { source: [aws.iam] }, to: [lake] }`";

impl Reader<'_, '_> {
    pub(crate) fn forwards(&mut self, node: &Node, targets: Option<&Targets<'_>>) -> Option<Vec<Forward>> {
        self.each(node, "`forward`", |reader, node| reader.forward(node, targets))
    }

    fn forward(&mut self, node: &Node, targets: Option<&Targets<'_>>) -> Option<Forward> {
        let fields = self.fields(node, "an entry of `forward`", &KEYS, &[])?;
        let pattern = fields.required(self.complaints, "pattern");
        let pattern = pattern.and_then(|node| rules::read_pattern(self.complaints, node));
        let to = fields.required(self.complaints, "to").and_then(|node| self.takers(node, targets));
        let words = [("wait", true), ("leave_out", false)];
        let waits = fields.get("when_full").map_or(Some(true), |node| self.word(node, "when_full", &words));
        Some(Forward { pattern: pattern?, to: to?, waits: waits? })
    }

    /// Names of targets that take events.
    fn takers(&mut self, node: &Node, targets: Option<&Targets<'_>>) -> Option<Vec<TargetName>> {
        let names = self.each(node, "`to`", |reader, node| {
            let name = reader.text(node, "the name of a target")?.to_owned();
            reader.taker(node, &name, targets)
        })?;
        if names.is_empty() {
            self.wrong(Check::MissingKey, node, "`to` is empty: the events would go nowhere", EXAMPLE);
            return None;
        }
        Some(names)
    }

    fn taker(&mut self, node: &Node, name: &str, targets: Option<&Targets<'_>>) -> Option<TargetName> {
        // Without targets that much is said already.
        let targets = targets?;
        let named = TargetName::new(name);
        let known = named.as_ref().and_then(|name| targets.names.iter().find(|(known, _)| known == name));
        let Some((known, entry)) = known else {
            if !targets.not_names.contains(&name) {
                let message = format!("there is no target `{}`", shown(name));
                let near = rules::nearest(name, targets.names.iter().map(|(known, _)| known.as_str()));
                let diagnostic =
                    self.complaints.diagnostic(Check::UnknownTarget, node.range.clone(), message);
                let help = near.map(|near| format!("did you mean `{near}`?"));
                self.complaints.push(diagnostic.maybe_help(help.as_deref()));
            }
            return None;
        };
        let lane = TargetName::new(&format!("{LANE}{known}"));
        if lane.as_ref().is_none_or(|lane| targets.names.iter().any(|(other, _)| other == lane)) {
            let message = format!(
                "events for `{known}` would be kept under `{LANE}{known}`, which is too long or a target"
            );
            self.wrong(Check::InvalidValue, node, message, "give one of them another name");
            return None;
        }
        let Value::Mapping(settings) = &entry.value.value else { return None };
        let Some(kind) = settings.iter().find(|setting| TAKES_EVENTS.contains(&&*setting.key)) else {
            let message = format!("`{known}` is told of findings, and takes no events");
            let help = format!("name a target that is one of {}", TAKES_EVENTS.join(", "));
            self.wrong(Check::InvalidValue, node, message, &help);
            return None;
        };
        if let Value::Mapping(own) = &kind.value.value
            && let Some(shape) = own.iter().find(|setting| SHAPE_KEYS.contains(&&*setting.key))
        {
            let message =
                format!("`{known}` shapes findings by `{}`, and events go on as they are", shape.key);
            self.wrong(Check::InvalidValue, node, message, "give the events a target of their own");
            return None;
        }
        Some(known.clone())
    }
}

/// The key in the schema.
pub(crate) fn schema() -> Json {
    let entry = json!({
        "description": "Events, and where they go.",
        "type": "object",
        "additionalProperties": false,
        "required": ["pattern", "to"],
        "properties": {
            "pattern": { "description": "Which events, as EventBridge delivers them: an event pattern.", "type": ["object", "string"] },
            "to": { "description": "Names of targets that machines read.", "type": "array", "minItems": 1, "items": { "type": "string", "minLength": 1 } },
            "when_full": { "description": "What happens when 10,000 batches wait for a target: sources wait too, or events are left out and counted.", "enum": ["wait", "leave_out"], "default": "wait" },
        },
    });
    json!({ "description": "Events that go on as they are, beside being decided on.", "type": "array", "items": entry })
}
