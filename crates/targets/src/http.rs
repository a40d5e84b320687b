//! How targets speak HTTP: one POST, bounded in time and length, to an address that is permitted.
//!
//! Invariant: nothing that comes out of here names the address, except for its host, and no text contains a secret: not what
//! the client says when it fails, and not what a receiver answers.

use std::error::Error as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::dns::Resolve;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url, redirect};
use route::printable::line;
use rustls_platform_verifier::BuilderVerifierExt;

use crate::address::NoPermittedAddress;
use crate::secret::Redaction;
use crate::{AddressPolicy, DeliveryError, Receipt, RetryAfter, Secret, SetupError};

/// How much of an answer is read, in bytes: enough for a token, and for what a person would want to see.
const ANSWER_MAX: usize = 64 * 1024;
/// How much of an answer is shown, in characters.
const SHOWN_MAX: usize = 200;
/// How long the body of an answer is waited for. The status decides; the body only explains.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// What a target may do on the network.
#[derive(Debug, Clone)]
pub struct Network {
    /// Networks that may be connected to although they are not public.
    pub allow: Vec<IpNet>,
    /// Whether `http://` will do. Only for receivers on the same machine: everything travels in the clear.
    pub plain_http: bool,
    /// How long connecting may take, with resolving the name and TLS.
    pub connect_timeout: Duration,
    /// How long all of it may take, up to the answer's status.
    pub timeout: Duration,
}

impl Default for Network {
    fn default() -> Self {
        Network {
            allow: Vec::new(),
            plain_http: false,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
        }
    }
}

impl Network {
    /// Whether an address may be sent to, as far as can be told without the network.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn permits(&self, address: &Secret) -> Result<(), SetupError> {
        Endpoint::check(address, self).map(|_| ())
    }
}

/// An address that is posted to.
pub(crate) struct Endpoint {
    client: Client,
    url: Url,
    redaction: Redaction,
    timeout: Duration,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    retry_after: Option<RetryAfter>,
    /// What may be shown of it.
    text: String,
    body: Body,
}

/// What an answer said, as it came: perhaps a secret.
struct Body(Vec<u8>);

impl Endpoint {
    /// Whether an address will do, as far as it can be told without the network.
    pub(crate) fn check(address: &Secret, network: &Network) -> Result<(Url, AddressPolicy), SetupError> {
        let url = Url::parse(address.expose()).map_err(|_| SetupError::Url)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(SetupError::Url)?;
        if url.scheme() != "https" && !(url.scheme() == "http" && network.plain_http) {
            return Err(SetupError::NotHttps);
        }
        let policy = AddressPolicy::allowing(network.allow.iter().copied());
        // The client resolves names only, and connects to addresses as they stand.
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if let Some(address) = literal.ok().filter(|address| !policy.permits(*address)) {
            return Err(SetupError::Address(address));
        }
        Ok((url, policy))
    }

    /// An address, and the secrets that are sent to it beside.
    pub(crate) fn new(
        address: &Secret,
        secrets: impl IntoIterator<Item = Secret>,
        network: &Network,
    ) -> Result<Self, SetupError> {
        let (url, policy) = Self::check(address, network)?;
        let redaction = Redaction::of(secrets_of(&url).chain([address.clone()]).chain(secrets));
        let client = client(Arc::new(policy), network)?;
        Ok(Endpoint { client, url, redaction, timeout: network.timeout })
    }

    /// The address, which may hold a secret.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// A text without the secrets.
    pub(crate) fn redacted(&self, text: &str) -> String {
        self.redaction.apply(text)
    }

    /// Posts JSON. Any answer is an `Ok`, whatever its status.
    pub(crate) async fn post(&self, headers: HeaderMap, json: Vec<u8>) -> Result<Answer, DeliveryError> {
        self.post_to(self.url.clone(), headers, json).await
    }

    /// Posts JSON to another path of the same host.
    pub(crate) async fn post_to(
        &self,
        url: Url,
        headers: HeaderMap,
        json: Vec<u8>,
    ) -> Result<Answer, DeliveryError> {
        let request =
            self.client.post(url).headers(headers).header(CONTENT_TYPE, "application/json").body(json);
        self.send(request, None).await
    }

    /// Posts JSON with a bearer's token, which the answer may repeat; to another path of the same host, if one is given.
    pub(crate) async fn post_as(
        &self,
        token: &Secret,
        url: Option<Url>,
        mut headers: HeaderMap,
        json: Vec<u8>,
    ) -> Result<Answer, DeliveryError> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .map_err(|_| DeliveryError::retryable("the access token cannot be sent"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
        let url = url.unwrap_or_else(|| self.url.clone());
        let request =
            self.client.post(url).headers(headers).header(CONTENT_TYPE, "application/json").body(json);
        self.send(request, Some(token)).await
    }

    /// Posts a form.
    pub(crate) async fn post_form(
        &self,
        headers: HeaderMap,
        form: &[(&str, &str)],
    ) -> Result<Answer, DeliveryError> {
        let encoded = Url::parse_with_params("x:", form).ok();
        let body = encoded.and_then(|url| url.query().map(str::to_owned)).unwrap_or_default();
        let request = self
            .client
            .post(self.url.clone())
            .headers(headers)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .body(body);
        self.send(request, None).await
    }

    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        secret: Option<&Secret>,
    ) -> Result<Answer, DeliveryError> {
        let sent = tokio::time::timeout(self.timeout, request.send()).await;
        let mut response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(DeliveryError::retryable(self.reason(&error))),
            Err(_) => {
                let seconds = self.timeout.as_secs_f32();
                return Err(DeliveryError::retryable(format!("no answer within {seconds} s")));
            }
        };
        let retry_after =
            response.headers().get(RETRY_AFTER).and_then(|value| RetryAfter::parse(value.to_str().ok()?));
        let mut body: Vec<u8> = Vec::new();
        let read = async {
            // An answer that breaks off has said its status.
            while body.len() < ANSWER_MAX
                && let Ok(Some(chunk)) = response.chunk().await
            {
                body.extend(chunk.iter().take(ANSWER_MAX - body.len()));
            }
        };
        let _ = tokio::time::timeout(ANSWER_WAIT.min(self.timeout), read).await;
        // The token first: what was set up may be a part of it.
        let text = Redaction::of(secret.cloned()).apply(&String::from_utf8_lossy(&body));
        let text = line(&self.redaction.apply(&text), SHOWN_MAX);
        Ok(Answer { status: response.status(), retry_after, text, body: Body(body) })
    }

    /// Posts JSON and reads the answer, at most so many bytes of it, all within the time that is set.
    pub(crate) async fn exchange(
        &self,
        headers: HeaderMap,
        json: Vec<u8>,
        answer_max: usize,
    ) -> Result<(u16, Vec<u8>), DeliveryError> {
        let content = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let request =
            self.client.post(self.url.clone()).headers(headers).header(content.0, content.1).body(json);
        let exchanged = tokio::time::timeout(self.timeout, async {
            let mut response = request.send().await?;
            let mut answer: Vec<u8> = Vec::new();
            while answer.len() < answer_max
                && let Some(chunk) = response.chunk().await?
            {
                answer.extend(chunk.iter().take(answer_max - answer.len()));
            }
            Ok((response.status().as_u16(), answer))
        });
        match exchanged.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(DeliveryError::retryable(self.reason(&error))),
            Err(_) => {
                let seconds = self.timeout.as_secs_f32();
                Err(DeliveryError::retryable(format!("no answer within {seconds} s")))
            }
        }
    }

    /// What went wrong, without the address.
    fn reason(&self, error: &reqwest::Error) -> String {
        let mut cause = error.source();
        let mut innermost = None;
        while let Some(inner) = cause {
            if inner.is::<NoPermittedAddress>() {
                return NoPermittedAddress.to_string();
            }
            innermost = Some(inner.to_string());
            cause = inner.source();
        }
        let what = if error.is_connect() { "could not connect" } else { "the connection failed" };
        let innermost = innermost.map(|cause| format!(": {cause}")).unwrap_or_default();
        if error.is_timeout() {
            return format!("{what} in time");
        }
        line(&self.redaction.apply(&format!("{what}{innermost}")), SHOWN_MAX)
    }
}

/// What of an address is not for everybody, together and in parts: a receiver may repeat only a part of it. The host may show.
fn secrets_of(url: &Url) -> impl Iterator<Item = Secret> {
    /// Shorter parts are words, such as `services`.
    const TOKEN_LENGTH_MIN: usize = 9;
    let whole = [url.as_str(), url.path(), url.query().unwrap_or_default(), url.username()];
    let whole = whole.into_iter().chain(url.password()).filter(|part| *part != "/").map(Secret::new);
    let segments = url.path_segments().into_iter().flatten().map(Secret::new);
    let values = url.query_pairs().map(|(_, value)| Secret::new(&value));
    whole.chain(segments.chain(values).filter(|part| part.expose().len() >= TOKEN_LENGTH_MIN))
}

fn client(names: Arc<dyn Resolve>, network: &Network) -> Result<Client, SetupError> {
    // The provider is named, so that nothing depends on what else in the process has set a default.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(|error| SetupError::Client(error.to_string()))?
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(names)
        .redirect(redirect::Policy::none())
        .referer(false)
        // A proxy would resolve names itself, out of reach of the address policy.
        .no_proxy()
        .https_only(!network.plain_http)
        .connect_timeout(network.connect_timeout)
        .user_agent(concat!("Trailhound/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| SetupError::Client(error.without_url().to_string()))
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    pub(crate) fn retry_after(&self) -> Option<RetryAfter> {
        self.retry_after
    }

    /// What it says, if that is JSON.
    pub(crate) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body.0).ok()
    }

    /// What an answer means in HTTP: 2xx is taken; too many, too early, too slow and the server's own errors may pass; the rest is refused
    /// for good.
    pub(crate) fn outcome(self) -> Result<Receipt, DeliveryError> {
        let reason = self.to_string();
        match self.status.as_u16() {
            200..=299 => Ok(Receipt::of(reason)),
            408 | 425 | 429 | 500..=599 => {
                Err(DeliveryError::Retryable { reason, retry_after: self.retry_after })
            }
            300..=399 => Err(DeliveryError::Permanent {
                reason: format!("{reason}: redirects are not followed, set the address it leads to"),
            }),
            _ => Err(DeliveryError::Permanent { reason }),
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.status.as_u16())?;
        if let Some(reason) = self.status.canonical_reason() {
            write!(formatter, " {reason}")?;
        }
        if !self.text.is_empty() {
            write!(formatter, ": {}", self.text)?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} bytes", self.0.len())
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Endpoint").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
