//! What is done about findings beside telling somebody.

use std::time::Duration;

use event_pattern::Pattern;
use route::TargetName;
use rules::yaml::{Node, Value};
use rules::{Check, shown};
use serde_json::{Value as Json, json};
use targets::Network;
use targets::aws::{AwsSettings, is_role};

use crate::read::Reader;
use crate::secret::Found;
use crate::target::{TargetKind, Targets};

/// One response.
#[derive(Debug, Clone)]
pub struct Response {
    /// Its name, unique among the responses: it stands in the audit list.
    pub name: Box<str>,
    /// The name of its lane in the outbox, which no target has.
    pub lane: TargetName,
    /// Which findings; none means all.
    pub pattern: Option<Pattern>,
    /// What is done.
    pub action: ResponseAction,
    /// Whether it only says what it would do.
    pub dry_run: bool,
    /// How long after it acted it does not act again in the same account.
    pub cool_down: Duration,
}

/// What is done. Its settings pass their own check.
#[derive(Debug, Clone)]
pub enum ResponseAction {
    /// A trail that was stopped is switched on again. `{account}` in the role stands for the account of the trail.
    StartLogging(AwsSettings),
    /// The finding is handed to something that acts: a function, a webhook, a command.
    Tell {
        /// What the action is called.
        name: &'static str,
        /// Whom it is handed to.
        target: TargetKind,
    },
}

pub(crate) const KINDS: [&str; 4] = ["start-logging", "invoke-lambda", "webhook", "command"];
const BESIDE: [&str; 5] = ["name", "match", "dry_run", "cool_down", "network"];
const START_LOGGING_KEYS: [&str; 3] = ["role", "external_id", "endpoint"];
/// In front of a response's name, it is the name of its lane.
const LANE: &str = "respond.";
const COOL_DOWN: Duration = Duration::from_secs(60);
const COOL_DOWN_MAX: Duration = Duration::from_secs(24 * 3600);

impl Reader<'_, '_> {
    /// All responses; those whose secrets were not looked up are left out.
    pub(crate) fn responses(&mut self, node: &Node, targets: Option<&Targets<'_>>) -> Option<Vec<Response>> {
        let read =
            self.each(node, "`respond`", |reader, node| Some((reader.response(node)?, node.range.clone())))?;
        let mut names: Vec<Box<str>> = Vec::new();
        let mut responses = Vec::new();
        for ((name, lane, response), range) in read {
            if names.contains(&name) {
                let message = format!("there is already a response `{name}`");
                let diagnostic = self.complaints.diagnostic(Check::DuplicateKey, range.clone(), message);
                self.complaints
                    .push(diagnostic.help("give each a `name` of its own: it stands in the audit list"));
            }
            if targets.is_some_and(|targets| targets.names.iter().any(|(target, _)| *target == lane)) {
                let message = format!("there is a target `{lane}`, and responses are kept under such names");
                self.complaints.add(Check::DuplicateKey, range, message);
            }
            names.push(name);
            if let Found::Value(response) = response {
                responses.push(response);
            }
        }
        Some(responses)
    }

    fn response(&mut self, node: &Node) -> Option<(Box<str>, TargetName, Found<Response>)> {
        let (kind, settings, fields) = self.one_of_kinds(node, "a response", &KINDS, &[], &BESIDE)?;
        let name = match fields.get("name") {
            Some(node) => self.text(node, "`name`").map(|name| (name.to_owned(), node)),
            None => Some((kind.to_owned(), node)),
        };
        let pattern = match fields.get("match") {
            Some(node) => rules::read_pattern(self.complaints, node).map(|pattern| Some((*pattern).clone())),
            None => Some(None),
        };
        let dry_run = fields.get("dry_run").map_or(Some(true), |node| self.truth(node, "dry_run"));
        let cool_down = fields
            .get("cool_down")
            .map_or(Some(COOL_DOWN), |node| self.duration(node, "cool_down", COOL_DOWN_MAX));
        let network = match fields.get("network") {
            Some(node) if kind != "webhook" => {
                let message = format!("`{kind}` goes to the endpoint that `endpoint` says");
                self.wrong(Check::InvalidValue, node, message, "remove `network`");
                None
            }
            Some(node) => self.network_use(node),
            None => Some(Network::default()),
        };
        let action = match kind {
            "start-logging" => self.start_logging(settings).map(Found::Value),
            "invoke-lambda" => self.aws_target("lambda", settings).map(|target| {
                Found::Value(ResponseAction::Tell { name: kind, target: TargetKind::Aws(target) })
            }),
            "command" => self
                .command(settings)
                .map(|found| found.map(|target| ResponseAction::Tell { name: kind, target })),
            _ => self
                .webhook(settings, network.clone())
                .map(|found| found.map(|target| ResponseAction::Tell { name: kind, target })),
        };
        let (name, at) = name?;
        let Some(lane) = TargetName::new(&format!("{LANE}{name}")) else {
            let message = format!("`{}` cannot be the name of a response", shown(&name));
            self.wrong(Check::InvalidValue, at, message, "use up to 56 letters, digits, `-`, `_` and `.`");
            return None;
        };
        let (pattern, dry_run, cool_down, action, _) = (pattern?, dry_run?, cool_down?, action?, network?);
        let name: Box<str> = name.into();
        let response = action.map(|action| Response {
            name: name.clone(),
            lane: lane.clone(),
            pattern,
            action,
            dry_run,
            cool_down,
        });
        Some((name, lane, response))
    }

    fn start_logging(&mut self, node: &Node) -> Option<ResponseAction> {
        if matches!(node.value, Value::Null) {
            return Some(ResponseAction::StartLogging(AwsSettings::default()));
        }
        let fields = self.fields(node, "`start-logging`", &START_LOGGING_KEYS, &[])?;
        let role = self.role(&fields)?;
        if let (Some(role), Some(node)) = (&role, fields.get("role"))
            && !is_role(&role.arn.replace("{account}", "111122223333"))
        {
            let help = "write it as `arn:aws:iam::{account}:role/trailhound-respond`, where `{account}` stands for the trail's account";
            self.wrong(Check::InvalidValue, node, "`role` is not the ARN of a role", help);
            return None;
        }
        let endpoint = match fields.get("endpoint") {
            Some(node) => Some(self.url(node, "`endpoint`")?),
            None => None,
        };
        Some(ResponseAction::StartLogging(AwsSettings { role, endpoint, ..AwsSettings::default() }))
    }
}

/// The key in the schema; `targets` has that of every kind of target.
pub(crate) fn schema(targets: &Json) -> Json {
    let text = |description: &str| json!({ "description": description, "type": "string", "minLength": 1 });
    let start_logging = json!({
        "description": "A trail that was stopped is switched on again.",
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": {
            "role": text("The ARN of a role to assume first; `{account}` in it stands for the trail's account."),
            "external_id": text(crate::role::EXTERNAL_ID),
            "endpoint": text("Another endpoint than the region's."),
        },
    });
    json!({
        "description": "What is done about findings beside telling somebody. Nothing is done unless `dry_run` is `false`.",
        "type": "array",
        "items": {
            "description": "One response.",
            "type": "object",
            "additionalProperties": false,
            "required": [],
            "oneOf": KINDS.map(|kind| json!({ "required": [kind] })),
            "properties": {
                "start-logging": start_logging,
                "invoke-lambda": targets["lambda"],
                "webhook": targets["webhook"],
                "command": targets["command"],
                "name": text("Its name, unique among the responses; it stands in the audit list. Without it, the kind."),
                "match": { "description": "Which findings: an event pattern over the finding. Without it, all.", "type": ["object", "string"] },
                "dry_run": { "description": "Whether it only says what it would do.", "type": "boolean", "default": true },
                "cool_down": { "description": "How long after it acted it does not act again in the same account.", "$ref": "#/$defs/duration", "default": "1m" },
                "network": targets["network"],
            },
        },
    })
}
