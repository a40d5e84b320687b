//! Access tokens by OAuth's client credentials (RFC 6749, section 4.4).
//!
//! A token is asked for when there is none, or the one there is ends soon; it is kept in memory alone. A receiver that refuses it (`401`)
//! gets another one, once per attempt. The client's secret and the tokens are in no text.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use route::printable::line;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::http::Endpoint;
use crate::{Clock, DeliveryError, Network, RetryAfter, Secret, SetupError};

/// How long before its end a token is not used any more: a request takes time.
const MARGIN_SECONDS: i64 = 30;
/// How long a token lasts that does not say so.
const LIFE_SECONDS: i64 = 300;
/// The longest that a token is believed to last.
const LIFE_SECONDS_MAX: i64 = 24 * 3600;
/// How long to leave a server alone that refuses the client: somebody has to set it right.
const REFUSED_WAIT: Duration = Duration::from_secs(300);

/// How the client tells who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuthentication {
    /// In the header, by HTTP's Basic scheme.
    #[default]
    Header,
    /// In the body, as `client_id` and `client_secret`.
    Body,
}

/// What OAuth needs.
#[derive(Debug, Clone)]
pub struct OAuthSettings {
    /// Where tokens are given out.
    pub token_url: Secret,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: Secret,
    /// How the client tells who it is.
    pub authentication: ClientAuthentication,
    /// What the token is to be good for, if the server asks.
    pub scope: Option<String>,
    /// Whom the token is for, if the server asks.
    pub audience: Option<String>,
}

impl OAuthSettings {
    pub(crate) fn check(&self, network: &Network) -> Result<(), SetupError> {
        if self.client_id.is_empty() || self.client_secret.expose().is_empty() {
            return Err(SetupError::Client("OAuth needs the id and the secret of a client".to_owned()));
        }
        Endpoint::check(&self.token_url, network).map(|_| ())
    }
}

/// Gives out tokens.
pub(crate) struct Tokens {
    endpoint: Endpoint,
    settings: OAuthSettings,
    current: Mutex<Option<Token>>,
    clock: Clock,
}

#[derive(Clone)]
struct Token {
    secret: Secret,
    until: Timestamp,
}

impl Tokens {
    pub(crate) fn new(settings: OAuthSettings, network: &Network, clock: Clock) -> Result<Self, SetupError> {
        settings.check(network)?;
        let secrets =
            [settings.client_secret.clone(), Secret::new(&encoded(settings.client_secret.expose()))];
        let endpoint = Endpoint::new(&settings.token_url, secrets, network)?;
        Ok(Tokens { endpoint, settings, current: Mutex::new(None), clock })
    }

    /// A token that still lasts, and is not `refused`.
    pub(crate) async fn token(&self, refused: Option<&Secret>) -> Result<Secret, DeliveryError> {
        // Held while asking: those that want one meanwhile get the same.
        let mut current = self.current.lock().await;
        let now = (self.clock)();
        let usable = |token: &&Token| {
            let lasts = token.until.as_second() - MARGIN_SECONDS > now.as_second();
            lasts && refused.is_none_or(|refused| refused.expose() != token.secret.expose())
        };
        if let Some(token) = current.as_ref().filter(usable) {
            return Ok(token.secret.clone());
        }
        *current = None;
        let token = self.ask(now).await?;
        *current = Some(token.clone());
        Ok(token.secret)
    }

    async fn ask(&self, now: Timestamp) -> Result<Token, DeliveryError> {
        let settings = &self.settings;
        let mut form = vec![("grant_type", "client_credentials")];
        let mut headers = HeaderMap::new();
        match settings.authentication {
            ClientAuthentication::Header => {
                headers.insert(AUTHORIZATION, self.basic()?);
            }
            ClientAuthentication::Body => {
                form.push(("client_id", &settings.client_id));
                form.push(("client_secret", settings.client_secret.expose()));
            }
        }
        let optional = [("scope", &settings.scope), ("audience", &settings.audience)];
        form.extend(optional.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))));
        let answer = self.endpoint.post_form(headers, &form).await?;
        let status = answer.status();
        let told = answer.json().unwrap_or_default();
        if (200..300).contains(&status) {
            return token(&told, now)
                .ok_or_else(|| DeliveryError::retryable("the token server's answer holds no bearer token"));
        }
        // Of an answer that is no token only what the standard says about it is shown.
        let error = told.get("error").and_then(Value::as_str).unwrap_or_default();
        let error = line(&self.endpoint.redacted(error), 80);
        let because = if error.is_empty() { String::new() } else { format!(" ({error})") };
        let reason = format!("the token server answered {status}{because}");
        Err(match status {
            408 | 425 | 429 | 500..=599 => {
                DeliveryError::Retryable { reason, retry_after: answer.retry_after() }
            }
            // Nothing is wrong with what is to be sent; with another secret all of it goes through.
            _ => DeliveryError::Retryable {
                reason: format!("{reason}: check the client's id, secret and scope"),
                retry_after: Some(RetryAfter::In(REFUSED_WAIT)),
            },
        })
    }

    /// Id and secret, each encoded as in a form, as the standard has it.
    fn basic(&self) -> Result<HeaderValue, DeliveryError> {
        let (id, secret) = (encoded(&self.settings.client_id), encoded(self.settings.client_secret.expose()));
        let value =
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{id}:{secret}"));
        let mut value = HeaderValue::try_from(format!("Basic {value}"))
            .map_err(|_| DeliveryError::retryable("the client's credentials cannot be sent"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// The token of an answer. Its type is not case-sensitive.
fn token(answer: &Value, now: Timestamp) -> Option<Token> {
    let bearer = answer
        .get("token_type")
        .and_then(Value::as_str)
        .is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    let secret =
        answer.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty() && bearer)?;
    // Some servers write the number as text.
    let expires = answer.get("expires_in");
    let seconds = expires.and_then(|value| value.as_i64().or_else(|| value.as_str()?.parse().ok()));
    let seconds = seconds.unwrap_or(LIFE_SECONDS).clamp(0, LIFE_SECONDS_MAX);
    let until = now.saturating_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(now);
    Some(Token { secret: Secret::new(secret), until })
}

fn encoded(text: &str) -> String {
    reqwest::Url::parse_with_params("x:", [(text, "")])
        .ok()
        .and_then(|url| url.query()?.strip_suffix('=').map(str::to_owned))
        .unwrap_or_default()
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tokens").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_of_token_servers() {
        let now = Timestamp::UNIX_EPOCH;
        for (answer, expected) in [
            (json!({ "access_token": "t", "token_type": "Bearer", "expires_in": 3600 }), Some(("t", 3600))),
            (json!({ "access_token": "t", "token_type": "bearer", "expires_in": "60" }), Some(("t", 60))),
            (json!({ "access_token": "t" }), Some(("t", LIFE_SECONDS))),
            (json!({ "access_token": "t", "expires_in": -5 }), Some(("t", 0))),
            (json!({ "access_token": "t", "expires_in": i64::MAX }), Some(("t", LIFE_SECONDS_MAX))),
            (json!({ "access_token": "t", "token_type": "mac" }), None),
            (json!({ "access_token": "" }), None),
            (json!({ "access_token": 3 }), None),
            (json!([]), None),
        ] {
            let token = token(&answer, now);
            let found = token.as_ref().map(|token| (token.secret.expose(), token.until.as_second()));
            assert_eq!(found, expected, "{answer}");
        }
    }

    #[test]
    fn credentials_are_encoded_as_in_a_form() {
        assert_eq!(encoded("a b:c/é&="), "a+b%3Ac%2F%C3%A9%26%3D");
    }
}
