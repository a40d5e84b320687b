//! Why a delivery failed, and why a target cannot be set up. Neither ever contains a secret.

use std::net::IpAddr;

use crate::RetryAfter;

/// Why an attempt failed. The reasons are for people: one line, without secrets and without characters that act on a terminal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// Another attempt may succeed.
    #[error("{reason}")]
    Retryable {
        /// What went wrong.
        reason: String,
        /// When the target wants to be asked again.
        retry_after: Option<RetryAfter>,
    },
    /// The target refuses this delivery, and will refuse it again.
    #[error("{reason}")]
    Permanent {
        /// What went wrong.
        reason: String,
    },
}

impl DeliveryError {
    pub(crate) fn retryable(reason: impl Into<String>) -> Self {
        DeliveryError::Retryable { reason: reason.into(), retry_after: None }
    }
}

/// Why a target cannot be set up. The address of a target may be a secret, so it is never part of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The address is no URL with a host.
    #[error("the address is not a URL with a host: write it as `https://host/path`")]
    Url,
    /// The address is not `https`.
    #[error(
        "the address must begin with `https://`: findings and secrets would travel in the clear, unless `network: {{ plain_http: true }}` lets them"
    )]
    NotHttps,
    /// The address is an IP address that is not public.
    #[error("{0} is not a public address: if it is meant, write `network: {{ allow: [\"{0}\"] }}`")]
    Address(IpAddr),
    /// A webhook without a key to sign with.
    #[error("a webhook needs a signing key of at least {} bytes", crate::signature::KEY_LENGTH_MIN)]
    SigningKey,
    /// A PagerDuty routing key that is none.
    #[error(
        "a routing key has 32 letters and digits: copy the integration key of an Events API v2 integration"
    )]
    RoutingKey,
    /// A header that cannot be sent, or that the webhook sets itself.
    #[error("header `{0}` cannot be set")]
    Header(String),
    /// An `Input` that is empty.
    #[error("the input is empty, so nothing would ever be sent: remove it, or write what to send")]
    EmptyInput,
    /// A setting that will not do.
    #[error("`{key}` {reason}")]
    Setting {
        /// Its key in the configuration.
        key: &'static str,
        /// Why not, and behind a colon what to write.
        reason: &'static str,
    },
    /// Nothing says in which region a service of AWS is meant.
    #[error("nothing says in which region it is: add `region`, such as `region: eu-central-1`")]
    Region,
    /// A bot token of Slack's that is none.
    #[error("a bot token begins with `xoxb-`: copy it from the app's page *OAuth & Permissions*")]
    BotToken,
    /// A channel of Slack's that is no id.
    #[error(
        "a channel is named by its id, such as `C0123456789`: copy it from the end of the channel's details"
    )]
    Channel,
    /// An OpsGenie key that is none.
    #[error("an API key has at least 20 characters: copy the key of an API integration")]
    ApiKey,
    /// A mail relay that is no host.
    #[error("the server is no host: write its name or address alone, such as `smtp.example.com`")]
    Server,
    /// A mail relay's login over a connection that anybody can read.
    #[error("a login would travel in the clear: set `tls` to `starttls` or `implicit`")]
    LoginInTheClear,
    /// A mail address that is none.
    #[error("`{0}` is no mail address: write `name@example.com` or `Name <name@example.com>`, in ASCII")]
    Mailbox(String),
    /// No recipients, or too many.
    #[error("a mail has 1 to 50 recipients: use a distribution list for more")]
    Recipients,
    /// How this machine calls itself to a mail relay.
    #[error("what this machine calls itself is no host name: write it as `trailhound.example.com`")]
    Hello,
    /// Certificates that cannot be read.
    #[error("the certificates cannot be read: they are PEM, beginning with `-----BEGIN CERTIFICATE-----`")]
    Certificates,
    /// A program that cannot be started.
    #[error("a command begins with the absolute path of a program: there is no shell to look for it")]
    Program,
    /// A variable that cannot be set.
    #[error(
        "the variable `{0}` cannot be set: names have letters, digits and `_`, and those with `TRAILHOUND_` are taken"
    )]
    Variable(String),
    /// TLS or the HTTP client could not be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
    /// A file that cannot be opened.
    #[error("{path} cannot be opened for appending: {reason}")]
    File {
        /// Which.
        path: String,
        /// Why not.
        reason: String,
    },
}

impl SetupError {
    pub(crate) fn setting(key: &'static str, reason: &'static str) -> Self {
        SetupError::Setting { key, reason }
    }
}
