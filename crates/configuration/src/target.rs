//! Where findings go, and how patiently.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use route::TargetName;
use rules::yaml::{Node, Value};
use rules::{Check, Fields, shown};
use targets::aws::AwsTarget;
use targets::{
    CommandSettings, EmailSettings, Format, Network, OpsGenieSettings, PagerDutySettings, Policy, Secret,
    SetupError, SlackAppSettings, SlackSettings, TeamsSettings, Template, WebhookSettings, Wording,
};

use crate::read::Reader;
use crate::secret::{Found, Kind};
use crate::shape::SHAPE_KEYS;

/// One target.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name, by which routes mean it.
    pub name: TargetName,
    /// What it is.
    pub kind: TargetKind,
    /// How often, how long and at what distance it is tried.
    pub policy: Policy,
    /// Whether findings that belong together are told as one conversation; otherwise each is told by itself.
    pub fold: bool,
    /// The zone in which times are said beside UTC.
    pub zone: Option<TimeZone>,
    /// What people are told instead of the built-in words.
    pub wording: Option<Wording>,
}

/// What a target is. Its settings pass their own check.
#[derive(Debug, Clone)]
pub enum TargetKind {
    /// Findings as signed JSON.
    Webhook(WebhookSettings),
    /// A channel in Slack.
    Slack(SlackSettings),
    /// A service in PagerDuty.
    PagerDuty(PagerDutySettings),
    /// A channel in Slack, by an app.
    SlackApp {
        /// How it posts.
        settings: SlackAppSettings,
        /// What presses of its buttons are signed with; without it there are none.
        signing_secret: Option<Secret>,
    },
    /// A channel in Microsoft Teams.
    Teams(TeamsSettings),
    /// OpsGenie.
    OpsGenie(OpsGenieSettings),
    /// A mail relay.
    Email(EmailSettings),
    /// A program on this machine.
    Command(CommandSettings),
    /// Something in AWS.
    Aws(AwsTarget),
    /// Standard output, a line each.
    Stdout,
    /// A file, a line each.
    File {
        /// Which.
        path: PathBuf,
        /// Whether a finding is delivered only once it is on the disk.
        fsync: bool,
    },
}

pub(crate) const KINDS: [&str; 16] = [
    "webhook",
    "slack",
    "pagerduty",
    "teams",
    "opsgenie",
    "email",
    "command",
    "sns",
    "sqs",
    "eventbridge",
    "lambda",
    "kinesis",
    "firehose",
    "logs",
    "stdout",
    "file",
];
pub(crate) const NOT_BUILT: [(&str, &str); 0] = [];
pub(crate) const BESIDE: [&str; 5] = ["retry", "network", "zone", "fold", "message"];
pub(crate) const MESSAGE_KEYS: [&str; 2] = ["title", "body"];
/// Targets whose messages can be worded.
const WORDED: [&str; 3] = ["slack", "teams", "email"];
/// Targets that people read; they are told of conversations unless it is said otherwise.
const FOR_PEOPLE: [&str; 5] = ["slack", "pagerduty", "teams", "opsgenie", "email"];
pub(crate) const WEBHOOK_KEYS: [&str; 4] = ["url", "signing_keys", "oauth", "headers"];
pub(crate) const PAGERDUTY_KEYS: [&str; 2] = ["routing_key", "url"];
pub(crate) const FILE_KEYS: [&str; 2] = ["path", "fsync"];
pub(crate) const RETRY_KEYS: [&str; 6] =
    ["attempts", "age", "delay", "delay_max", "retry_after_max", "timeout"];
pub(crate) const NETWORK_KEYS: [&str; 4] = ["allow", "plain_http", "connect_timeout", "timeout"];

const AGE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
const DELAY_MAX: Duration = Duration::from_secs(24 * 3600);
const TIMEOUT_MAX: Duration = Duration::from_secs(600);

/// The targets of a configuration.
pub(crate) struct Targets<'n> {
    /// All that could be read and of which the secrets are known.
    pub(crate) targets: Vec<Target>,
    /// The names of those that are told of conversations, whether their secrets are known or not.
    pub(crate) folding: Vec<TargetName>,
    /// The names of all of them, right or wrong, with the place of each.
    pub(crate) names: Vec<(TargetName, &'n rules::yaml::Entry)>,
    /// Names that are none, so that routes to them are not complained about as well.
    pub(crate) not_names: Vec<&'n str>,
}

impl Reader<'_, '_> {
    pub(crate) fn targets<'n>(&mut self, node: &'n Node) -> Option<Targets<'n>> {
        let Value::Mapping(entries) = &node.value else {
            let message = format!("`targets` is a mapping of names to targets, not {}", node.kind());
            self.complaints.add(Check::WrongType, node.range.clone(), message);
            return None;
        };
        if entries.is_empty() {
            let message = "`targets` is empty: nobody would be told";
            self.complaints.add(Check::MissingKey, node.range.clone(), message);
        }
        let mut read =
            Targets { targets: Vec::new(), folding: Vec::new(), names: Vec::new(), not_names: Vec::new() };
        for entry in entries {
            let Some(name) = TargetName::new(&entry.key) else {
                let message = format!("`{}` cannot be the name of a target", shown(&entry.key));
                let help =
                    "use up to 64 letters, digits, `-`, `_` and `.`, and begin with a letter or a digit";
                let diagnostic =
                    self.complaints.diagnostic(Check::InvalidValue, entry.key_range.clone(), message);
                self.complaints.push(diagnostic.help(help));
                read.not_names.push(&entry.key);
                continue;
            };
            if read.names.iter().any(|(earlier, _)| *earlier == name) {
                let message = format!("`{name}` is written twice");
                self.complaints.add(Check::DuplicateKey, entry.key_range.clone(), message);
                continue;
            }
            read.names.push((name.clone(), entry));
            let Some((target, fold)) = self.target(&entry.value, name.clone()) else { continue };
            if fold {
                read.folding.push(name);
            }
            if let Found::Value(target) = target {
                read.targets.push(target);
            }
        }
        Some(read)
    }

    /// The target, and whether it is told of conversations.
    fn target(&mut self, node: &Node, name: TargetName) -> Option<(Found<Target>, bool)> {
        let (kind, settings, fields) = self.one_of_kinds(node, "a target", &KINDS, &NOT_BUILT, &BESIDE)?;
        let policy = fields.get("retry").map_or(Some(Policy::default()), |node| self.policy(node));
        let network = fields.get("network").map_or(Some(Network::default()), |node| self.network_use(node));
        let speaks = ["webhook", "slack", "pagerduty", "teams", "opsgenie", "email"];
        let unused = fields.get("network").filter(|_| !speaks.contains(&kind));
        if let Some(node) = unused {
            let is_here = matches!(kind, "stdout" | "file" | "command");
            let message =
                if is_here { "uses no network" } else { "goes to the endpoint that `endpoint` says" };
            self.wrong(Check::InvalidValue, node, format!("`{kind}` {message}"), "remove `network`");
        }
        let wording = match fields.get("message") {
            Some(node) if !WORDED.contains(&kind) => {
                let message = format!("the messages of `{kind}` have no words of their own");
                let help = "`message` is for `slack`, `teams` and `email`; machines are sent what `template` or `input_transformer` makes";
                self.wrong(Check::InvalidValue, node, message, help);
                None
            }
            Some(node) => self.wording(node).map(Some),
            None => Some(None),
        };
        let fold =
            fields.get("fold").map_or(Some(FOR_PEOPLE.contains(&kind)), |node| self.truth(node, "fold"));
        let kind = match kind {
            "webhook" => self.webhook(settings, network.clone()),
            "slack" => self.slack(settings, network.clone()),
            "pagerduty" => self.pagerduty(settings, network.clone()),
            "teams" => self.teams(settings, network.clone()),
            "opsgenie" => self.opsgenie(settings, network.clone()),
            "email" => self.email(settings, network.clone()),
            "command" => self.command(settings),
            "stdout" => self.stdout(settings).map(Found::Value),
            "file" => self.file(settings).map(Found::Value),
            aws => self.aws_target(aws, settings).map(|target| Found::Value(TargetKind::Aws(target))),
        };
        let zone = match fields.get("zone") {
            Some(node) => self.zone(node).map(Some),
            None => Some(None),
        };
        let (policy, fold, kind, zone, wording) = (policy?, fold?, kind?, zone?, wording?);
        network?;
        let is_timed = fields.get("retry").is_some_and(|retry| match &retry.value {
            Value::Mapping(entries) => entries.iter().any(|entry| &*entry.key == "timeout"),
            _ => false,
        });
        let target = kind.map(|kind| {
            let policy = if is_timed { policy } else { patient(policy, &kind) };
            Target { name, kind, policy, fold, zone, wording }
        });
        unused.is_none().then_some((target, fold))
    }

    /// What is said instead of the built-in words.
    fn wording(&mut self, node: &Node) -> Option<Wording> {
        let fields = self.fields(node, "`message`", &MESSAGE_KEYS, &[])?;
        let mut template = |key: &str| match fields.get(key) {
            Some(node) => {
                let source = self.text(node, &format!("`{key}`"))?.to_owned();
                match Template::parse(&source, Format::Text) {
                    Ok(template) => Some(Some(template)),
                    Err(error) => self.refused(node, &error.to_string()),
                }
            }
            None => Some(None),
        };
        let (title, body) = (template("title"), template("body"));
        let (title, body) = (title?, body?);
        if title.is_none() && body.is_none() {
            let help = "write `title`, `body`, or both; or remove it";
            self.wrong(Check::MissingKey, node, "`message` says nothing", help);
            return None;
        }
        Some(Wording { title, body })
    }

    fn zone(&mut self, node: &Node) -> Option<TimeZone> {
        let name = self.text(node, "`zone`")?;
        let zone = TimeZoneDatabase::bundled().get(name).ok();
        if zone.is_none() {
            let message = format!("there is no time zone `{}`", shown(name));
            self.wrong(Check::InvalidValue, node, message, "write its IANA name, such as `Europe/Berlin`");
        }
        zone
    }

    pub(crate) fn webhook(&mut self, node: &Node, network: Option<Network>) -> Option<Found<TargetKind>> {
        let keys: Vec<&str> = WEBHOOK_KEYS.into_iter().chain(SHAPE_KEYS).collect();
        let fields = self.fields(node, "`webhook`", &keys, &[])?;
        let url = fields.required(self.complaints, "url");
        let url = url.and_then(|node| self.receiver(node, Kind::Perhaps, network.as_ref()));
        let oauth = match fields.get("oauth") {
            Some(node) => self.oauth(node, network.as_ref()).map(Some),
            None => Some(None),
        };
        // A token tells the receiver as much as a signature does.
        let keys = match fields.get("oauth") {
            Some(_) => fields.get("signing_keys"),
            None => fields.required(self.complaints, "signing_keys"),
        };
        let keys = match keys {
            Some(node) => self.keys(node, "signing_keys"),
            None => fields.get("oauth").map(|_| Found::Value(Vec::new())),
        };
        let headers =
            fields.get("headers").map_or(Some(Found::Value(BTreeMap::new())), |node| self.headers(node));
        let shape = self.shape(&fields, Format::Json);
        let (url, signing_keys, oauth, headers, shape, network) =
            (url?, keys?, oauth?, headers?, shape?, network?);
        let settings = url.map(|url| WebhookSettings {
            url,
            signing_keys: Vec::new(),
            oauth: None,
            headers: BTreeMap::new(),
            shape,
            network,
        });
        let settings = settings.and(signing_keys, |settings, keys| settings.signing_keys = keys);
        let mut settings = settings.and(headers, |settings, headers| settings.headers = headers);
        if let Some(oauth) = oauth {
            settings = settings.and(oauth, |settings, oauth| settings.oauth = Some(oauth));
        }
        self.checked(settings, WebhookSettings::check, &fields, node)
            .map(|found| found.map(TargetKind::Webhook))
    }

    pub(crate) fn headers(&mut self, node: &Node) -> Option<Found<BTreeMap<String, Secret>>> {
        let Value::Mapping(entries) = &node.value else {
            let message = format!("`headers` is a mapping of names to values, not {}", node.kind());
            self.complaints.add(Check::WrongType, node.range.clone(), message);
            return None;
        };
        let mut headers = Some(Found::Value(BTreeMap::new()));
        for entry in entries {
            let name = entry.key.to_ascii_lowercase();
            let tells = ["auth", "key", "token", "secret", "cookie"].iter().any(|word| name.contains(word));
            let value = self.secret(&entry.value, if tells { Kind::Key } else { Kind::Perhaps });
            headers = headers.zip(value).map(|(headers, value)| {
                headers.and(value, |headers, value| {
                    headers.insert(entry.key.to_string(), value);
                })
            });
        }
        headers
    }

    fn pagerduty(&mut self, node: &Node, network: Option<Network>) -> Option<Found<TargetKind>> {
        let fields = self.fields(node, "`pagerduty`", &PAGERDUTY_KEYS, &[])?;
        let routing_key =
            fields.required(self.complaints, "routing_key").and_then(|node| self.secret(node, Kind::Key));
        let url = fields.get("url").map(|node| self.receiver(node, Kind::Perhaps, network.as_ref()));
        let url = match url {
            Some(url) => Some(url?),
            None => None,
        };
        let (routing_key, network) = (routing_key?, network?);
        let mut settings =
            routing_key.map(|routing_key| PagerDutySettings { routing_key, url: None, network });
        if let Some(url) = url {
            settings = settings.and(url, |settings, url| settings.url = Some(url));
        }
        self.checked(settings, PagerDutySettings::check, &fields, node)
            .map(|found| found.map(TargetKind::PagerDuty))
    }

    fn stdout(&mut self, node: &Node) -> Option<TargetKind> {
        let nothing = match &node.value {
            Value::Null => true,
            Value::Mapping(entries) => entries.is_empty(),
            _ => false,
        };
        if !nothing {
            self.wrong(Check::InvalidValue, node, "`stdout` has no settings", "write `stdout: {}`");
            return None;
        }
        Some(TargetKind::Stdout)
    }

    fn file(&mut self, node: &Node) -> Option<TargetKind> {
        let fields = self.fields(node, "`file`", &FILE_KEYS, &[])?;
        let path = fields.required(self.complaints, "path").and_then(|node| self.path(node, "`path`"));
        let fsync = fields.get("fsync").map_or(Some(false), |node| self.truth(node, "fsync"));
        Some(TargetKind::File { path: path?, fsync: fsync? })
    }

    /// Settings that pass their own check.
    pub(crate) fn checked<S>(
        &mut self,
        settings: Found<S>,
        check: impl FnOnce(&S) -> Result<(), SetupError>,
        fields: &Fields<'_>,
        node: &Node,
    ) -> Option<Found<S>> {
        if let Found::Value(value) = &settings
            && let Err(error) = check(value)
        {
            let header = |name: &str| {
                let Value::Mapping(entries) = &fields.get("headers")?.value else { return None };
                entries.iter().find(|entry| &*entry.key == name).map(|entry| entry.key_range.clone())
            };
            let place = |key: &str| fields.get(key).map(|node| node.range.clone());
            let at = match &error {
                SetupError::SigningKey => fields.get("signing_keys").map(|node| node.range.clone()),
                SetupError::EmptyInput => fields.get("input").map(|node| node.range.clone()),
                SetupError::RoutingKey => fields.get("routing_key").map(|node| node.range.clone()),
                SetupError::Header(name) => header(name),
                SetupError::BotToken => place("bot_token"),
                SetupError::Channel => place("channel"),
                SetupError::ApiKey => place("api_key"),
                SetupError::Server => place("server"),
                SetupError::LoginInTheClear => place("tls"),
                SetupError::Mailbox(text) => place_of_text(fields, text),
                SetupError::Recipients => place("to"),
                SetupError::Hello => place("hello"),
                SetupError::Certificates => place("ca"),
                SetupError::Program => place("argv"),
                SetupError::Variable(_) => place("environment"),
                _ => fields.get("url").or_else(|| fields.get("webhook")).map(|node| node.range.clone()),
            };
            self.invalid_target(at.unwrap_or_else(|| node.range.clone()), &error);
            return None;
        }
        Some(settings)
    }

    /// The address that something is sent to. What is wrong with one that is written out is told even where the target's secrets are not looked up.
    pub(crate) fn receiver(
        &mut self,
        node: &Node,
        kind: Kind,
        network: Option<&Network>,
    ) -> Option<Found<Secret>> {
        let found = self.secret(node, kind)?;
        if let (Found::Value(address), Some(network)) = (&found, network)
            && let Err(error) = network.permits(address)
        {
            self.invalid_target(node.range.clone(), &error);
            return None;
        }
        Some(found)
    }

    fn invalid_target(&mut self, at: Range<usize>, error: &SetupError) {
        let text = error.to_string();
        // What to do stands behind the colon.
        let (message, help) = text.split_once(": ").unwrap_or((&text, ""));
        let diagnostic = self.complaints.diagnostic(Check::InvalidTarget, at, message);
        self.complaints.push(diagnostic.maybe_help((!help.is_empty()).then_some(help)));
    }

    fn policy(&mut self, node: &Node) -> Option<Policy> {
        let fields = self.fields(node, "`retry`", &RETRY_KEYS, &[])?;
        let defaults = Policy::default();
        let attempts = fields
            .get("attempts")
            .map_or(Some(defaults.attempts_max), |node| self.count(node, "attempts", 1..=10_000));
        let mut of =
            |key, default, max| fields.get(key).map_or(Some(default), |node| self.duration(node, key, max));
        let age = of("age", defaults.age_max, AGE_MAX);
        let delay = of("delay", defaults.delay_base, DELAY_MAX);
        let delay_max = of("delay_max", defaults.delay_max, DELAY_MAX);
        let retry_after_max = of("retry_after_max", defaults.retry_after_max, DELAY_MAX);
        let timeout = of("timeout", defaults.attempt_timeout, TIMEOUT_MAX);
        let policy = Policy {
            attempts_max: attempts?,
            age_max: age?,
            delay_base: delay?,
            delay_max: delay_max?,
            retry_after_max: retry_after_max?,
            attempt_timeout: timeout?,
        };
        if policy.delay_base > policy.delay_max {
            let at = fields.get("delay").unwrap_or(node);
            let message = "the first `delay` is longer than the longest, `delay_max`";
            self.wrong(Check::InvalidValue, at, message, "delays double from `delay` up to `delay_max`");
            return None;
        }
        Some(policy)
    }

    pub(crate) fn network_use(&mut self, node: &Node) -> Option<Network> {
        let fields = self.fields(node, "`network`", &NETWORK_KEYS, &[])?;
        let defaults = Network::default();
        let allow =
            fields.get("allow").map_or(Some(Vec::new()), |node| self.each(node, "`allow`", Self::network));
        let plain_http = fields.get("plain_http").map_or(Some(false), |node| self.truth(node, "plain_http"));
        let mut of = |key, default| {
            fields.get(key).map_or(Some(default), |node| self.duration(node, key, TIMEOUT_MAX))
        };
        let (connect_timeout, timeout) =
            (of("connect_timeout", defaults.connect_timeout), of("timeout", defaults.timeout));
        Some(Network {
            allow: allow?,
            plain_http: plain_http?,
            connect_timeout: connect_timeout?,
            timeout: timeout?,
        })
    }
}

/// A policy whose attempts take as long as a command may, where nothing else is said of them.
fn patient(policy: Policy, kind: &TargetKind) -> Policy {
    let TargetKind::Command(settings) = kind else { return policy };
    let attempt_timeout = policy.attempt_timeout.max(settings.timeout + Duration::from_secs(5));
    Policy { attempt_timeout, ..policy }
}

/// Where a mail address stands: among the recipients, or it is the sender.
fn place_of_text(fields: &Fields<'_>, text: &str) -> Option<std::ops::Range<usize>> {
    let recipients = fields.get("to").and_then(|node| match &node.value {
        Value::Sequence(items) => items.iter().find(|item| item.as_text().map(str::trim) == Some(text)),
        _ => None,
    });
    recipients.or_else(|| fields.get("from")).map(|node| node.range.clone())
}
