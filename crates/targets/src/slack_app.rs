//! Slack, as an app with a bot token.
//!
//! What is said of one thing is one message: later messages of a conversation edit it in place, and say what is new in its thread. Where
//! interaction is set up it has buttons, whose answers come back to the service ([`crate::slack_interaction`]).

use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderMap;
use route::Kind;
use serde_json::{Value, json};

use crate::http::{Answer, Endpoint};
use crate::slack::{document, short};
use crate::slack_interaction::buttons;
use crate::{Delivering, Delivery, DeliveryError, Network, Receipt, RetryAfter, Secret, SetupError, Target};

/// Where Slack's methods are.
const API: &str = "https://slack.com/api/";
/// How long to leave Slack alone where somebody has to set something right first, such as inviting the app.
const REFUSED_WAIT: Duration = Duration::from_secs(60);
/// How long to leave it alone where it says that there is too much, and not until when.
const RATE_WAIT: Duration = Duration::from_secs(30);

/// What a Slack app needs.
#[derive(Debug, Clone)]
pub struct SlackAppSettings {
    /// The bot's token (`xoxb-…`), with the scope `chat:write`.
    pub bot_token: Secret,
    /// The channel's id, such as `C0123456789`.
    pub channel: String,
    /// Whether messages have buttons: then the app's interactivity leads to the service, which knows the app's signing secret.
    pub buttons: bool,
    /// Another address of Slack's methods, such as that of GovSlack: `https://slack-gov.com/api/`.
    pub url: Option<Secret>,
    /// What it may do on the network.
    pub network: Network,
}

impl SlackAppSettings {
    /// Whether they will do, as far as it can be told without the network: setting up asks the same.
    ///
    /// # Errors
    ///
    /// If the token, the channel or the address will not do.
    pub fn check(&self) -> Result<(), SetupError> {
        let token = self.bot_token.expose();
        if !token.starts_with("xox") || token.len() < 10 || !token.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(SetupError::BotToken);
        }
        let channel = &self.channel;
        let plain = channel.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if channel.len() < 9 || !plain {
            return Err(SetupError::Channel);
        }
        Endpoint::check(&self.address(), &self.network).map(|_| ())
    }

    fn address(&self) -> Secret {
        self.url.clone().unwrap_or_else(|| Secret::new(API))
    }
}

/// Posts, edits and answers in a channel.
#[derive(Debug)]
pub struct SlackApp {
    endpoint: Endpoint,
    bot_token: Secret,
    channel: String,
    buttons: bool,
}

/// What Slack made of a call.
struct Posted {
    channel: String,
    ts: String,
}

impl SlackApp {
    /// Sets it up.
    ///
    /// # Errors
    ///
    /// If the token, the channel or the address will not do.
    pub fn new(settings: &SlackAppSettings) -> Result<Self, SetupError> {
        settings.check()?;
        let endpoint = Endpoint::new(&settings.address(), [settings.bot_token.clone()], &settings.network)?;
        Ok(SlackApp {
            endpoint,
            bot_token: settings.bot_token.clone(),
            channel: settings.channel.clone(),
            buttons: settings.buttons,
        })
    }

    async fn send(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        match delivery.earlier().and_then(Posted::of_handle) {
            Some(first) => self.go_on(delivery, &first).await,
            None => {
                let mut message = document(&delivery.whole());
                self.complete(&mut message, delivery);
                let posted = self.call("chat.postMessage", addressed(message, &self.channel)).await?;
                Ok(Receipt {
                    handle: Some(posted.handle()),
                    ..Receipt::of(format!("posted as {}", posted.ts))
                })
            }
        }
    }

    /// Edits the first message, and says in its thread what is new. The first of the two may be done twice, the other is the last thing done.
    async fn go_on(&self, delivery: &Delivery, first: &Posted) -> Result<Receipt, DeliveryError> {
        let mut message = document(&delivery.whole());
        self.complete(&mut message, delivery);
        let mut edit = addressed(message, &first.channel);
        set(&mut edit, "ts", json!(first.ts));
        let edited = self.call("chat.update", edit).await;
        match &edited {
            // Somebody deleted it, or it may not be edited any more: the thread goes on.
            Ok(_) | Err(DeliveryError::Permanent { .. }) => {}
            Err(_) => edited.map(|_| ())?,
        }
        let mut answer = addressed(short(delivery.message()), &first.channel);
        set(&mut answer, "thread_ts", json!(first.ts));
        let posted = self.call("chat.postMessage", answer).await?;
        let said = format!("answered in the thread of {}", first.ts);
        Ok(Receipt { handle: Some(posted.handle()), ..Receipt::of(said) })
    }

    /// What only an app can: buttons on what is still going on.
    fn complete(&self, message: &mut Value, delivery: &Delivery) {
        let telling = delivery.telling();
        let open = telling.kind != Kind::Closing && delivery.message().state != route::State::Resolved;
        if let Some(blocks) = message.get_mut("blocks").and_then(Value::as_array_mut)
            && self.buttons
            && open
        {
            blocks.truncate(crate::slack::BLOCKS_MAX - 1);
            blocks.push(buttons(&telling.conversation));
        }
    }

    async fn call(&self, method: &str, arguments: Value) -> Result<Posted, DeliveryError> {
        let url = self.method(method)?;
        let answer = self
            .endpoint
            .post_as(&self.bot_token, Some(url), HeaderMap::new(), arguments.to_string().into_bytes())
            .await?;
        let told = answer.json().unwrap_or_default();
        if answer.status() != 200 || told.get("ok").is_none() {
            let receipt = answer.outcome()?;
            return Err(DeliveryError::retryable(format!("this is not Slack's answer: {}", receipt.text)));
        }
        if told.get("ok") == Some(&Value::Bool(true)) {
            let text = |key: &str| told.get(key).and_then(Value::as_str).map(str::to_owned);
            return match (text("channel"), text("ts")) {
                (Some(channel), Some(ts)) => Ok(Posted { channel, ts }),
                _ => Err(DeliveryError::retryable("Slack's answer names no message")),
            };
        }
        let code = told.get("error").and_then(Value::as_str).unwrap_or("no reason given");
        Err(refused(method, &route::printable::line(&self.endpoint.redacted(code), 80), &answer))
    }

    fn method(&self, method: &str) -> Result<Url, DeliveryError> {
        let mut url = self.endpoint.url().clone();
        url.path_segments_mut()
            .map_err(|()| DeliveryError::retryable("the address has no path"))?
            .pop_if_empty()
            .push(method);
        Ok(url)
    }
}

/// What an `ok: false` means.
fn refused(method: &str, code: &str, answer: &Answer) -> DeliveryError {
    let slowly = |what: &str| DeliveryError::Retryable {
        reason: format!("{method}: {code}: {what}"),
        retry_after: Some(RetryAfter::In(REFUSED_WAIT)),
    };
    match code {
        "ratelimited" | "rate_limited" => DeliveryError::Retryable {
            reason: format!("{method}: {code}"),
            retry_after: answer.retry_after().or(Some(RetryAfter::In(RATE_WAIT))),
        },
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive"
        | "org_login_required" => slowly("set `bot_token` to the bot token of the app, and install the app"),
        "missing_scope" | "no_permission" | "not_allowed_token_type" | "ekm_access_denied" => {
            slowly("give the app the scope `chat:write`, and install it again")
        }
        "channel_not_found" | "not_in_channel" => {
            slowly("set `channel` to the channel's id, and invite the app to the channel")
        }
        "is_archived" => slowly("the channel is archived: set `channel` to another one"),
        "restricted_action"
        | "restricted_action_read_only_channel"
        | "restricted_action_thread_only_channel" => slowly("let the app post in this channel"),
        "invalid_blocks"
        | "invalid_blocks_format"
        | "msg_too_long"
        | "msg_blocks_too_long"
        | "no_text"
        | "invalid_arguments"
        | "message_not_found"
        | "cant_update_message"
        | "edit_window_closed"
        | "thread_not_found" => DeliveryError::Permanent { reason: format!("{method}: {code}") },
        _ => DeliveryError::retryable(format!("{method}: {code}")),
    }
}

fn addressed(mut message: Value, channel: &str) -> Value {
    set(&mut message, "channel", json!(channel));
    set(&mut message, "unfurl_links", json!(false));
    set(&mut message, "unfurl_media", json!(false));
    message
}

fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

impl Posted {
    fn handle(&self) -> String {
        format!("{}/{}", self.channel, self.ts)
    }

    fn of_handle(handle: &str) -> Option<Self> {
        let (channel, ts) = handle.split_once('/')?;
        Some(Posted { channel: channel.to_owned(), ts: ts.to_owned() })
    }
}

impl Target for SlackApp {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.send(delivery))
    }
}
