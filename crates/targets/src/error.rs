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
    #[error("the address must begin with `https://`: findings and secrets would travel in the clear")]
    NotHttps,
    /// The address is an IP address that is not public.
    #[error("{0} is not a public address: allow it for this target if it is meant")]
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
