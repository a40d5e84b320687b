//! Targets that tell people, and what they need: e-mail, Teams, OpsGenie, commands, and OAuth for webhooks.

use std::collections::BTreeMap;
use std::time::Duration;

use rules::yaml::{Entry, Node, Value};
use rules::{Check, Fields};
use serde_json::json;
use targets::{
    ClientAuthentication, CommandSettings, EmailSettings, Format, Network, OAuthSettings, OpsGenieSettings,
    Secret, SlackAppSettings, SlackSettings, SmtpTls, TeamsSettings,
};

use crate::TargetKind;
use crate::read::Reader;
use crate::schema::{duration, object, secret, text, texts, with_shape};
use crate::secret::{Found, Kind};
use crate::shape::SHAPE_KEYS;

const EMAIL_KEYS: [&str; 9] = ["server", "port", "tls", "ca", "username", "password", "hello", "from", "to"];
const SLACK_KEYS: [&str; 5] = ["webhook", "bot_token", "channel", "signing_secret", "url"];
const TEAMS_KEYS: [&str; 1] = ["webhook"];
const OPSGENIE_KEYS: [&str; 2] = ["api_key", "url"];
const COMMAND_KEYS: [&str; 4] = ["argv", "environment", "folder", "timeout"];
const OAUTH_KEYS: [&str; 6] =
    ["token_url", "client_id", "client_secret", "authentication", "scope", "audience"];

/// How long a command may run, if nothing is said.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(20);
const COMMAND_TIMEOUT_MAX: Duration = Duration::from_secs(600);

const TLS: [(&str, SmtpTls); 3] =
    [("starttls", SmtpTls::StartTls), ("implicit", SmtpTls::Implicit), ("none", SmtpTls::None)];
const AUTHENTICATION: [(&str, ClientAuthentication); 2] =
    [("header", ClientAuthentication::Header), ("body", ClientAuthentication::Body)];

impl Reader<'_, '_> {
    pub(crate) fn email(&mut self, node: &Node, network: Option<Network>) -> Option<Found<TargetKind>> {
        let fields = self.fields(node, "`email`", &EMAIL_KEYS, &[])?;
        let server = fields.required(self.complaints, "server");
        let server = server.and_then(|node| self.text(node, "`server`").map(str::to_owned));
        let port = self.optional(&fields, "port", |reader, node| {
            let port = reader.count(node, "port", 1..=u32::from(u16::MAX))?;
            u16::try_from(port).ok()
        });
        let tls = self.optional(&fields, "tls", |reader, node| reader.word(node, "`tls`", &TLS));
        let ca = self.optional(&fields, "ca", Self::certificates);
        let hello = self.optional_text(&fields, "hello");
        let from = fields.required(self.complaints, "from");
        let from = from.and_then(|node| self.text(node, "`from`").map(str::to_owned));
        let to = fields.required(self.complaints, "to");
        let to = to.and_then(|node| {
            self.each(node, "`to`", |reader, node| reader.text(node, "a mail address").map(str::to_owned))
        });
        let username = self.optional(&fields, "username", |reader, node| reader.secret(node, Kind::Perhaps));
        let password = self.optional(&fields, "password", |reader, node| reader.secret(node, Kind::Key));
        if let (Some(given), other) = (fields.get("username"), fields.get("password"))
            && other.is_none()
        {
            self.wrong(
                Check::MissingKey,
                given,
                "`username` is there, and no `password`",
                "write both, or none",
            );
            return None;
        }
        if let (Some(given), None) = (fields.get("password"), fields.get("username")) {
            self.wrong(
                Check::MissingKey,
                given,
                "`password` is there, and no `username`",
                "write both, or none",
            );
            return None;
        }
        let settings = EmailSettings {
            server: server?,
            port: port?,
            tls: tls?.unwrap_or_default(),
            ca: ca?,
            login: None,
            hello: hello?,
            from: from?,
            to: to?,
            network: network?,
        };
        // What is wrong without the login is wrong with it, and can be told before the secrets are looked up.
        let settings = self.checked(Found::Value(settings), EmailSettings::check, &fields, node)?;
        let settings = match (settings, username?, password?) {
            (Found::Value(settings), Some(Found::Value(username)), Some(Found::Value(password))) => {
                Found::Value(EmailSettings { login: Some((username, password)), ..settings })
            }
            (settings, None, None) => settings,
            _ => Found::NotLookedUp,
        };
        let checked = self.checked(settings, EmailSettings::check, &fields, node)?;
        Some(checked.map(TargetKind::Email))
    }

    /// By an incoming webhook, or by an app.
    pub(crate) fn slack(&mut self, node: &Node, network: Option<Network>) -> Option<Found<TargetKind>> {
        let fields = self.fields(node, "`slack`", &SLACK_KEYS, &[])?;
        let of_an_app =
            SLACK_KEYS.iter().filter(|key| **key != "webhook").find_map(|key| Some((*key, fields.get(key)?)));
        if let (Some(_), Some((key, node))) = (fields.get("webhook"), of_an_app) {
            let message = format!("`webhook` is there, and `{key}`, which belongs to an app");
            self.wrong(
                Check::InvalidTarget,
                node,
                message,
                "an incoming webhook needs nothing else; an app needs no webhook",
            );
            return None;
        }
        if of_an_app.is_some() {
            return self.slack_app(&fields, node, network);
        }
        let webhook = fields.required(self.complaints, "webhook");
        let webhook = webhook.and_then(|node| self.receiver(node, Kind::Key, network.as_ref()));
        let (webhook, network) = (webhook?, network?);
        let settings = webhook.map(|webhook| SlackSettings { webhook, network });
        let checked = self.checked(settings, SlackSettings::check, &fields, node)?;
        Some(checked.map(TargetKind::Slack))
    }

    fn slack_app(
        &mut self,
        fields: &Fields<'_>,
        node: &Node,
        network: Option<Network>,
    ) -> Option<Found<TargetKind>> {
        let bot_token = fields.required(self.complaints, "bot_token");
        let bot_token = bot_token.and_then(|node| self.secret(node, Kind::Key));
        let channel = fields.required(self.complaints, "channel");
        let channel = channel.and_then(|node| self.text(node, "`channel`").map(str::to_owned));
        let signing_secret =
            self.optional(fields, "signing_secret", |reader, node| reader.secret(node, Kind::Key));
        let url = self
            .optional(fields, "url", |reader, node| reader.receiver(node, Kind::Perhaps, network.as_ref()));
        let (channel, signing_secret, url, network) = (channel?, signing_secret?, url?, network?);
        let buttons = signing_secret.is_some();
        let mut settings =
            bot_token?.map(|bot_token| SlackAppSettings { bot_token, channel, buttons, url: None, network });
        if let Some(url) = url {
            settings = settings.and(url, |settings, url| settings.url = Some(url));
        }
        let settings = self.checked(settings, SlackAppSettings::check, fields, node)?;
        Some(match (settings, signing_secret) {
            (Found::Value(settings), Some(Found::Value(secret))) => {
                Found::Value(TargetKind::SlackApp { settings, signing_secret: Some(secret) })
            }
            (Found::Value(settings), None) => {
                Found::Value(TargetKind::SlackApp { settings, signing_secret: None })
            }
            _ => Found::NotLookedUp,
        })
    }

    /// Whoever presses a button has to be heard.
    pub(crate) fn buttons_need_a_listener(&mut self, targets: &Node) {
        let settings = mapping(targets).iter().flat_map(|target| mapping(&target.value));
        let of_slack = settings.filter(|kind| &*kind.key == "slack").flat_map(|kind| mapping(&kind.value));
        for secret in of_slack.filter(|entry| &*entry.key == "signing_secret") {
            let message = "messages would have buttons, and nobody would hear them pressed";
            let help = "let the service listen (`http`), and let the app's interactivity lead to `/slack/actions` there";
            self.wrong(Check::MissingKey, &secret.value, message, help);
        }
    }

    pub(crate) fn teams(&mut self, node: &Node, network: Option<Network>) -> Option<Found<TargetKind>> {
        let fields = self.fields(node, "`teams`", &TEAMS_KEYS, &[])?;
        let webhook = fields.required(self.complaints, "webhook");
        let webhook = webhook.and_then(|node| self.receiver(node, Kind::Key, network.as_ref()));
        let (webhook, network) = (webhook?, network?);
        let settings = webhook.map(|webhook| TeamsSettings { webhook, network });
        let checked = self.checked(settings, TeamsSettings::check, &fields, node)?;
        Some(checked.map(TargetKind::Teams))
    }

    pub(crate) fn opsgenie(&mut self, node: &Node, network: Option<Network>) -> Option<Found<TargetKind>> {
        let fields = self.fields(node, "`opsgenie`", &OPSGENIE_KEYS, &[])?;
        let api_key = fields.required(self.complaints, "api_key");
        let api_key = api_key.and_then(|node| self.secret(node, Kind::Key));
        let url = self
            .optional(&fields, "url", |reader, node| reader.receiver(node, Kind::Perhaps, network.as_ref()));
        let (api_key, url, network) = (api_key?, url?, network?);
        let mut settings = api_key.map(|api_key| OpsGenieSettings { api_key, url: None, network });
        if let Some(url) = url {
            settings = settings.and(url, |settings, url| settings.url = Some(url));
        }
        let checked = self.checked(settings, OpsGenieSettings::check, &fields, node)?;
        Some(checked.map(TargetKind::OpsGenie))
    }

    pub(crate) fn command(&mut self, node: &Node) -> Option<Found<TargetKind>> {
        let keys: Vec<&str> = COMMAND_KEYS.into_iter().chain(SHAPE_KEYS).collect();
        let fields = self.fields(node, "`command`", &keys, &[])?;
        let argv = fields.required(self.complaints, "argv");
        let argv = argv.and_then(|node| {
            self.each(node, "`argv`", |reader, node| {
                // An argument may be empty, or look like a reference.
                let argument = node.as_text().map(str::to_owned);
                if argument.is_none() {
                    reader.wrong(
                        Check::WrongType,
                        node,
                        format!("an argument is text, not {}", node.kind()),
                        "put it in quotes",
                    );
                }
                argument
            })
        });
        let environment = fields
            .get("environment")
            .map_or(Some(Found::Value(BTreeMap::new())), |node| self.environment(node));
        let folder = self.optional(&fields, "folder", |reader, node| reader.path(node, "`folder`"));
        let timeout = self.optional(&fields, "timeout", |reader, node| {
            reader.duration(node, "timeout", COMMAND_TIMEOUT_MAX)
        });
        let shape = self.shape(&fields, Format::Text);
        let settings = CommandSettings {
            argv: argv?,
            environment: BTreeMap::new(),
            folder: folder?,
            timeout: timeout?.unwrap_or(COMMAND_TIMEOUT),
            shape: shape?,
        };
        let settings = environment?.map(|environment| CommandSettings { environment, ..settings });
        let checked = self.checked(settings, CommandSettings::check, &fields, node)?;
        Some(checked.map(TargetKind::Command))
    }

    fn environment(&mut self, node: &Node) -> Option<Found<BTreeMap<String, Secret>>> {
        let Value::Mapping(entries) = &node.value else {
            let message = format!("`environment` is a mapping of names to values, not {}", node.kind());
            self.complaints.add(Check::WrongType, node.range.clone(), message);
            return None;
        };
        let mut environment = Some(Found::Value(BTreeMap::new()));
        for entry in entries {
            let value = self.secret(&entry.value, Kind::Perhaps);
            environment = environment.zip(value).map(|(environment, value)| {
                environment.and(value, |environment, value| {
                    environment.insert(entry.key.to_string(), value);
                })
            });
        }
        environment
    }

    /// The `oauth` of a webhook.
    pub(crate) fn oauth(&mut self, node: &Node, network: Option<&Network>) -> Option<Found<OAuthSettings>> {
        let fields = self.fields(node, "`oauth`", &OAUTH_KEYS, &[])?;
        let token_url = fields.required(self.complaints, "token_url");
        let token_url = token_url.and_then(|node| self.receiver(node, Kind::Perhaps, network));
        let client_id = fields.required(self.complaints, "client_id");
        let client_id = client_id.and_then(|node| self.secret(node, Kind::Perhaps));
        let client_secret = fields.required(self.complaints, "client_secret");
        let client_secret = client_secret.and_then(|node| self.secret(node, Kind::Key));
        let authentication = self.optional(&fields, "authentication", |reader, node| {
            reader.word(node, "`authentication`", &AUTHENTICATION)
        });
        let scope = self.optional_text(&fields, "scope");
        let audience = self.optional_text(&fields, "audience");
        let (authentication, scope, audience) = (authentication?.unwrap_or_default(), scope?, audience?);
        let settings = token_url?.map(|token_url| OAuthSettings {
            token_url,
            client_id: String::new(),
            client_secret: Secret::new(""),
            authentication,
            scope,
            audience,
        });
        let settings = settings.and(client_id?, |settings, id| settings.client_id = id.expose().to_owned());
        Some(settings.and(client_secret?, |settings, secret| settings.client_secret = secret))
    }

    /// The text of a file of certificates.
    fn certificates(&mut self, node: &Node) -> Option<String> {
        let path = self.path(node, "`ca`")?.display().to_string();
        let text = self.files.text(&path);
        if text.is_none() {
            let help = "a relative path begins at the folder of the configuration";
            self.wrong(
                Check::FileNotFound,
                node,
                format!("there is no file `{}`", rules::shown(&path)),
                help,
            );
        }
        text.map(|text| text.to_string())
    }

    fn optional_text(&mut self, fields: &Fields<'_>, key: &str) -> Option<Option<String>> {
        self.optional(fields, key, |reader, node| reader.text(node, &format!("`{key}`")).map(str::to_owned))
    }

    /// What may be left out: `None` outside if it is there and wrong.
    #[expect(clippy::option_option, reason = "wrong and left out are two things")]
    fn optional<T>(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        read: impl FnOnce(&mut Self, &Node) -> Option<T>,
    ) -> Option<Option<T>> {
        match fields.get(key) {
            Some(node) => read(self, node).map(Some),
            None => Some(None),
        }
    }
}

fn mapping(node: &Node) -> &[Entry] {
    match &node.value {
        Value::Mapping(entries) => entries,
        _ => &[],
    }
}

/// The kinds in the schema.
pub(crate) fn schemas() -> [(&'static str, serde_json::Value); 5] {
    let mut slack = object(
        "A channel in Slack: by an incoming webhook (`webhook`), or by an app (`bot_token` and `channel`).",
        &[],
        json!({
            "webhook": secret("The incoming webhook's address."),
            "bot_token": secret("The app's bot token, with the scope `chat:write`."),
            "channel": text("The channel's id."),
            "signing_secret": secret("The app's signing secret: messages have buttons, and the app's interactivity leads to the service."),
            "url": secret("Another address of Slack's methods than `https://slack.com/api/`."),
        }),
    );
    if let Some(slack) = slack.as_object_mut() {
        slack.insert(
            "anyOf".to_owned(),
            json!([{ "required": ["webhook"] }, { "required": ["bot_token", "channel"] }]),
        );
    }
    let email = object(
        "A mail by way of a relay.",
        &["server", "from", "to"],
        json!({
            "server": text("The relay's name or address."),
            "port": { "description": "Its port; 587, 465 or 25 by `tls`.", "type": "integer", "minimum": 1, "maximum": 65535 },
            "tls": { "description": "How the way to it is kept private.", "enum": TLS.map(|(word, _)| word), "default": "starttls" },
            "ca": text("A file of certificates (PEM) that are trusted beside the system's."),
            "username": secret("Who signs in."),
            "password": secret("The password."),
            "hello": text("How this machine calls itself to the relay; the sender's domain, if it is not said."),
            "from": text("The sender: `Trailhound <trailhound@example.com>`."),
            "to": texts("The recipients.", 1),
        }),
    );
    let teams = object(
        "A channel or chat in Microsoft Teams, by the webhook of a workflow.",
        &["webhook"],
        json!({ "webhook": secret("The workflow's address.") }),
    );
    let opsgenie = object(
        "OpsGenie, by its Alert API.",
        &["api_key"],
        json!({
            "api_key": secret("The key of an API integration."),
            "url": secret("Another address than that of the US."),
        }),
    );
    let command = with_shape(object(
        "A program on this machine, with the finding on its standard input.",
        &["argv"],
        json!({
            "argv": { "description": "The program, by its absolute path, and its arguments; there is no shell.", "type": "array", "minItems": 1, "items": { "type": "string" } },
            "environment": {
                "description": "Its environment; nothing is inherited.",
                "type": "object",
                "additionalProperties": secret("The value of one variable."),
            },
            "folder": text("Where it runs; `/` if it is not said."),
            "timeout": duration("How long it may run.", "20s"),
        }),
    ));
    [("slack", slack), ("email", email), ("teams", teams), ("opsgenie", opsgenie), ("command", command)]
}

/// A webhook's `oauth` in the schema.
pub(crate) fn oauth_schema() -> serde_json::Value {
    object(
        "Where to get a token that goes with each request, by OAuth's client credentials.",
        &["token_url", "client_id", "client_secret"],
        json!({
            "token_url": secret("Where tokens are given out."),
            "client_id": secret("The client's id."),
            "client_secret": secret("The client's secret."),
            "authentication": { "description": "How the client tells who it is: in the header (Basic) or in the body.", "enum": AUTHENTICATION.map(|(word, _)| word), "default": "header" },
            "scope": text("What the token is to be good for."),
            "audience": text("Whom the token is for."),
        }),
    )
}
