//! E-mail, by SMTP.
//!
//! One attempt is one conversation with a relay: connect, TLS, sign in, hand over, leave. A relay that refuses for now (`4xx`) is asked
//! again, with all recipients, so that nobody gets a mail twice; one that refuses for good (`5xx`) is not. A recipient that is refused for
//! good does not keep the others from theirs.
//!
//! Mails about one finding are one thread: the first has a `Message-ID` made of the finding's id, and the later ones refer to it.

mod html;
mod mail;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use route::printable::line;

use crate::secret::Redaction;
use crate::{
    AddressPolicy, Clock, Delivering, Delivery, DeliveryError, Network, Receipt, RetryAfter, Secret,
    SetupError, Target,
};

/// The most recipients.
const RECIPIENTS_MAX: usize = 50;
/// How much of an answer is shown, in characters.
const SHOWN_MAX: usize = 200;
/// How long to leave a relay alone that refuses the login: the password has to be changed first.
const LOGIN_WAIT: Duration = Duration::from_secs(300);

/// How the way to a relay is kept private.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SmtpTls {
    /// `STARTTLS`, which the relay must offer. Port 587.
    #[default]
    StartTls,
    /// TLS from the first byte. Port 465.
    Implicit,
    /// None: everything travels in the clear, so there is no login either. Port 25.
    None,
}

/// What e-mail needs.
#[derive(Debug, Clone)]
pub struct EmailSettings {
    /// The relay's name or address.
    pub server: String,
    /// The relay's port, if it is not the one that goes with `tls`.
    pub port: Option<u16>,
    /// How the way to it is kept private.
    pub tls: SmtpTls,
    /// Certificates that are trusted beside the system's, as PEM.
    pub ca: Option<String>,
    /// Who signs in, and the password.
    pub login: Option<(Secret, Secret)>,
    /// How this machine calls itself to the relay; the sender's domain, if it is not said.
    pub hello: Option<String>,
    /// The sender: `Trailhound <trailhound@example.com>`.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// What it may do on the network. `connect_timeout` is for reaching the relay, `timeout` for each step of the conversation.
    pub network: Network,
}

impl EmailSettings {
    /// Whether they will do, as far as it can be told without the network: setting up asks the same.
    ///
    /// # Errors
    ///
    /// If the server, an address, the certificates or the login will not do.
    pub fn check(&self) -> Result<(), SetupError> {
        let server = &self.server;
        let plain = server.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte));
        if server.is_empty() || server.len() > 253 || !plain {
            return Err(SetupError::Server);
        }
        let policy = AddressPolicy::allowing(self.network.allow.iter().copied());
        if let Some(address) = server.parse::<IpAddr>().ok().filter(|address| !policy.permits(*address)) {
            return Err(SetupError::Address(address));
        }
        if self.tls == SmtpTls::None && self.login.is_some() {
            return Err(SetupError::LoginInTheClear);
        }
        mailbox(&self.from)?;
        if self.to.is_empty() || self.to.len() > RECIPIENTS_MAX {
            return Err(SetupError::Recipients);
        }
        self.to.iter().try_for_each(|to| mailbox(to).map(|_| ()))?;
        self.hello_id()?;
        self.tls_parameters().map(|_| ())
    }

    fn hello_id(&self) -> Result<ClientId, SetupError> {
        let domain = match &self.hello {
            Some(hello) => hello.clone(),
            None => mailbox(&self.from)?.email.domain().to_owned(),
        };
        let name = !domain.is_empty()
            && domain.len() <= 253
            && domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
        if name { Ok(ClientId::Domain(domain)) } else { Err(SetupError::Hello) }
    }

    fn tls_parameters(&self) -> Result<Option<TlsParameters>, SetupError> {
        if self.tls == SmtpTls::None {
            return Ok(None);
        }
        let mut builder = TlsParameters::builder(self.server.clone());
        if let Some(ca) = &self.ca {
            let certificate = Certificate::from_pem(ca.as_bytes()).map_err(|_| SetupError::Certificates)?;
            builder = builder.add_root_certificate(certificate);
        }
        builder.build_rustls().map(Some).map_err(|error| SetupError::Client(told(&error)))
    }
}

/// An address. Letters beyond ASCII are for relays that few have, so they are refused where somebody can still change them.
fn mailbox(text: &str) -> Result<Mailbox, SetupError> {
    let mailbox: Option<Mailbox> = text.parse().ok();
    mailbox
        .filter(|mailbox| mailbox.email.as_ref() as &str == (mailbox.email.as_ref() as &str).trim())
        .filter(|mailbox| (mailbox.email.as_ref() as &str).is_ascii())
        .filter(|_| !text.contains(|c: char| c.is_control()))
        .ok_or_else(|| SetupError::Mailbox(line(text, 80)))
}

/// A message as a mail's page.
#[cfg(test)]
pub(crate) fn page(message: &route::Message) -> String {
    html::render(message, None)
}

/// Sends mails.
pub struct Email {
    server: String,
    port: u16,
    tls: SmtpTls,
    tls_parameters: Option<TlsParameters>,
    credentials: Option<Credentials>,
    hello: ClientId,
    from: Mailbox,
    to: Vec<Mailbox>,
    envelope: Envelope,
    policy: AddressPolicy,
    network: Network,
    redaction: Redaction,
    clock: Clock,
}

/// What became of a step.
type Step<T> = Result<T, lettre::transport::smtp::Error>;

impl Email {
    /// Sets it up.
    ///
    /// # Errors
    ///
    /// If the server, an address, the certificates or the login will not do.
    pub fn new(settings: &EmailSettings, clock: Clock) -> Result<Self, SetupError> {
        settings.check()?;
        let from = mailbox(&settings.from)?;
        let to: Vec<Mailbox> = settings.to.iter().map(|to| mailbox(to)).collect::<Result<_, _>>()?;
        let recipients = to.iter().map(|to| to.email.clone()).collect();
        let envelope =
            Envelope::new(Some(from.email.clone()), recipients).map_err(|_| SetupError::Recipients)?;
        let credentials = settings
            .login
            .as_ref()
            .map(|(user, password)| Credentials::new(user.expose().to_owned(), password.expose().to_owned()));
        let secrets = settings.login.iter().flat_map(|(user, password)| [user.clone(), password.clone()]);
        let port = settings.port.unwrap_or(match settings.tls {
            SmtpTls::StartTls => 587,
            SmtpTls::Implicit => 465,
            SmtpTls::None => 25,
        });
        Ok(Email {
            server: settings.server.clone(),
            port,
            tls: settings.tls,
            tls_parameters: settings.tls_parameters()?,
            credentials,
            hello: settings.hello_id()?,
            from,
            to,
            envelope,
            policy: AddressPolicy::allowing(settings.network.allow.iter().copied()),
            network: settings.network.clone(),
            redaction: Redaction::of(secrets),
            clock,
        })
    }

    async fn send(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let mail = mail::compose(delivery, &self.from, &self.to, (self.clock)()).map_err(|error| {
            DeliveryError::Permanent { reason: format!("the mail cannot be written: {error}") }
        })?;
        let address = self.resolve().await?;
        let mut relay = self.connect(address).await?;
        let sent = self.hand_over(&mut relay, &mail.bytes).await;
        // What was taken is taken, whatever the relay makes of our leaving.
        let leave = async { drop(relay.quit().await) };
        let _ = tokio::time::timeout(Duration::from_secs(1).min(self.network.timeout), leave).await;
        Ok(Receipt { handle: Some(mail.id), ..sent? })
    }

    /// An address of the relay's that may be connected to.
    async fn resolve(&self) -> Result<SocketAddr, DeliveryError> {
        let name = (self.server.as_str(), self.port);
        let resolving = tokio::time::timeout(self.network.connect_timeout, tokio::net::lookup_host(name));
        let addresses = match resolving.await {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(error)) => {
                return Err(self.failed("could not resolve the relay's name", &error.to_string()));
            }
            Err(_) => return Err(DeliveryError::retryable("could not resolve the relay's name in time")),
        };
        addresses
            .into_iter()
            .find(|address| self.policy.permits(address.ip()))
            .ok_or_else(|| DeliveryError::retryable(crate::address::NoPermittedAddress.to_string()))
    }

    async fn connect(&self, address: SocketAddr) -> Result<AsyncSmtpConnection, DeliveryError> {
        let implicit = self.tls_parameters.clone().filter(|_| self.tls == SmtpTls::Implicit);
        let connecting = AsyncSmtpConnection::connect_tokio1(address, None, &self.hello, implicit, None);
        let mut relay = self.step("connect", self.network.connect_timeout, connecting).await?;
        if let Some(parameters) = self.tls_parameters.clone().filter(|_| self.tls == SmtpTls::StartTls) {
            if !relay.can_starttls() {
                let reason = "the relay does not offer STARTTLS: set `tls` to what it has".to_owned();
                return Err(DeliveryError::Retryable {
                    reason,
                    retry_after: Some(RetryAfter::In(LOGIN_WAIT)),
                });
            }
            let upgrade = relay.starttls(parameters, &self.hello);
            self.step("set up TLS", self.network.timeout, upgrade).await?;
        }
        if let Some(credentials) = &self.credentials {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            let login = relay.auth(&mechanisms, credentials);
            self.step("sign in", self.network.timeout, login).await.map_err(|error| match error {
                // Nothing is wrong with the mail; with another password all of them go through.
                DeliveryError::Permanent { reason } => DeliveryError::Retryable {
                    reason: format!("{reason}: check the user and the password"),
                    retry_after: Some(RetryAfter::In(LOGIN_WAIT)),
                },
                passes => passes,
            })?;
        }
        Ok(relay)
    }

    async fn hand_over(
        &self,
        relay: &mut AsyncSmtpConnection,
        mail: &[u8],
    ) -> Result<Receipt, DeliveryError> {
        let patience = self.network.timeout;
        let sender = Mail::new(self.envelope.from().cloned(), Vec::new());
        self.step("name the sender", patience, relay.command(sender)).await?;
        let mut refused = Vec::new();
        for recipient in self.envelope.to() {
            let naming = relay.command(Rcpt::new(recipient.clone(), Vec::new()));
            match self.step("name a recipient", patience, naming).await {
                Ok(_) => {}
                Err(DeliveryError::Permanent { reason }) => refused.push((recipient, reason)),
                Err(passes) => return Err(passes),
            }
        }
        if let Some((_, reason)) = refused.first().filter(|_| refused.len() == self.envelope.to().len()) {
            return Err(DeliveryError::Permanent { reason: reason.clone() });
        }
        self.step("begin the mail", patience, relay.command(Data)).await?;
        let response = self.step("hand the mail over", patience, relay.message(mail)).await?;
        let mut text = format!("{} {}", response.code(), response.first_line().unwrap_or_default());
        if let Some((recipient, reason)) = refused.first() {
            text = format!("{text}; refused for {recipient} ({reason})");
        }
        Ok(Receipt::of(self.shown(&text)))
    }

    /// One step of the conversation, bounded in time.
    async fn step<T>(
        &self,
        what: &str,
        patience: Duration,
        step: impl Future<Output = Step<T>>,
    ) -> Result<T, DeliveryError> {
        match tokio::time::timeout(patience, step).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) if error.is_permanent() => Err(DeliveryError::Permanent {
                reason: self.shown(&format!("could not {what}: {}", told(&error))),
            }),
            Ok(Err(error)) => Err(self.failed(&format!("could not {what}"), &told(&error))),
            Err(_) => {
                Err(DeliveryError::retryable(format!("could not {what} within {} s", patience.as_secs_f32())))
            }
        }
    }

    fn failed(&self, what: &str, why: &str) -> DeliveryError {
        DeliveryError::retryable(self.shown(&format!("{what}: {why}")))
    }

    fn shown(&self, text: &str) -> String {
        line(&self.redaction.apply(text), SHOWN_MAX)
    }
}

/// An error with what is behind it, as far as that says more.
fn told(error: &lettre::transport::smtp::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

impl Target for Email {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.send(delivery))
    }
}

impl std::fmt::Debug for Email {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Email")
            .field("server", &self.server)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}
