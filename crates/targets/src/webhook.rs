//! A webhook: the finding as JSON, or what was asked for of it, signed.

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::http::Endpoint;
use crate::oauth::Tokens;
use crate::signature::{IDEMPOTENCY_HEADER, KEY_LENGTH_MIN, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};
use crate::{
    Clock, Delivering, Delivery, DeliveryError, Events, Network, OAuthSettings, Receipt, Secret, SetupError,
    Shape, Target,
};

/// What a webhook needs.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// Where to post.
    pub url: Secret,
    /// Keys to sign with: one, or two while receivers change from one to the other. There may be none where `oauth` is set.
    pub signing_keys: Vec<Secret>,
    /// Where to get a token from that goes with each request.
    pub oauth: Option<OAuthSettings>,
    /// Further headers, such as `Authorization`.
    pub headers: BTreeMap<String, Secret>,
    /// What of a finding is sent.
    pub shape: Shape,
    /// What it may do on the network.
    pub network: Network,
}

impl WebhookSettings {
    /// Whether they will do, as far as it can be told without the network: setting up asks the same.
    ///
    /// # Errors
    ///
    /// If the address, a key, a header or the input will not do.
    pub fn check(&self) -> Result<(), SetupError> {
        let too_short = |key: &Secret| key.expose().len() < KEY_LENGTH_MIN;
        if (self.signing_keys.is_empty() && self.oauth.is_none()) || self.signing_keys.iter().any(too_short) {
            return Err(SetupError::SigningKey);
        }
        if let Some(oauth) = &self.oauth {
            oauth.check(&self.network)?;
            if self.headers.keys().any(|name| name.eq_ignore_ascii_case("authorization")) {
                return Err(SetupError::Header("Authorization".to_owned()));
            }
        }
        self.shape.check()?;
        Endpoint::check(&self.url, &self.network)?;
        self.headers.iter().try_for_each(|(name, value)| header(name, value).map(|_| ()))
    }
}

/// Posts findings as JSON, with a [signature](crate::signature).
pub struct Webhook {
    endpoint: Endpoint,
    tokens: Option<Tokens>,
    signing_keys: Vec<Secret>,
    headers: HeaderMap,
    shape: Shape,
    clock: Clock,
}

impl Webhook {
    /// Sets a webhook up.
    ///
    /// # Errors
    ///
    /// If the address, a key, a header or the input will not do.
    pub fn new(settings: WebhookSettings, clock: Clock) -> Result<Self, SetupError> {
        settings.check()?;
        let WebhookSettings { url, signing_keys, oauth, headers, shape, network } = settings;
        let secrets = signing_keys.iter().chain(headers.values()).cloned();
        let endpoint = Endpoint::new(&url, secrets, &network)?;
        let headers = headers.iter().map(|(name, value)| header(name, value)).collect::<Result<_, _>>()?;
        let tokens = oauth.map(|oauth| Tokens::new(oauth, &network, clock.clone())).transpose()?;
        Ok(Webhook { endpoint, tokens, signing_keys, headers, shape, clock })
    }

    async fn post(&self, key: String, body: Vec<u8>) -> Result<Receipt, DeliveryError> {
        let timestamp = (self.clock)().as_second();
        let mut headers = self.headers.clone();
        let signature =
            Some(sign(&self.signing_keys, timestamp, &body)).filter(|signature| !signature.is_empty());
        let signed = signature
            .map(|signature| [(TIMESTAMP_HEADER, timestamp.to_string()), (SIGNATURE_HEADER, signature)]);
        for (name, value) in signed.into_iter().flatten().chain([(IDEMPOTENCY_HEADER, key)]) {
            // Digits, and an id and a name that were held to what headers can carry when they were read.
            let value = HeaderValue::try_from(value)
                .map_err(|_| DeliveryError::Permanent { reason: format!("`{name}` cannot be sent") })?;
            headers.insert(HeaderName::from_static(name), value);
        }
        let Some(tokens) = &self.tokens else {
            return self.endpoint.post(headers, body).await?.outcome();
        };
        let token = tokens.token(None).await?;
        let answer = self.endpoint.post_as(&token, None, headers.clone(), body.clone()).await?;
        if answer.status() != 401 {
            return answer.outcome();
        }
        // It may have been revoked; another one that is refused too is not the token's fault.
        let token = tokens.token(Some(&token)).await?;
        self.endpoint.post_as(&token, None, headers, body).await?.outcome()
    }
}

/// A header of the configuration. What the signature and the body rest on is not the configuration's to set.
pub(crate) fn header(name: &str, value: &Secret) -> Result<(HeaderName, HeaderValue), SetupError> {
    const OWN: [&str; 7] = [
        TIMESTAMP_HEADER,
        SIGNATURE_HEADER,
        IDEMPOTENCY_HEADER,
        "content-type",
        "content-length",
        "transfer-encoding",
        "host",
    ];
    let refused = || SetupError::Header(route::printable::line(name, 80));
    let header = HeaderName::try_from(name).map_err(|_| refused())?;
    let mut value = HeaderValue::try_from(value.expose()).map_err(|_| refused())?;
    value.set_sensitive(true);
    if OWN.contains(&header.as_str()) { Err(refused()) } else { Ok((header, value)) }
}

impl Target for Webhook {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(async move { self.post(delivery.key(), self.shape.text(delivery)?.into_bytes()).await })
    }

    fn forward<'a>(&'a self, events: &'a Events) -> Delivering<'a> {
        Box::pin(self.post(events.key().to_owned(), events.array().into_bytes()))
    }
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Webhook").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
