//! Somebody who knows more: is sent a finding before it is routed, and answers with what belongs to it.
//!
//! It is asked under the same rules as a target is told, and never twice for nothing: whoever asks keeps the answer. What it says is
//! data: it stands in the finding as `detail.context`, and is told like everything else in it.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::aws::{AwsSettings, AwsTarget, LambdaSettings};
use crate::http::Endpoint;
use crate::webhook::header;
use crate::{Network, Secret, SetupError, Shape};

/// What an enricher needs.
#[derive(Debug, Clone)]
pub struct EnricherSettings {
    /// Where to post.
    pub url: Secret,
    /// Further headers, such as `Authorization`.
    pub headers: BTreeMap<String, Secret>,
    /// What it may do on the network; its `timeout` is for the whole answer.
    pub network: Network,
}

impl EnricherSettings {
    /// Whether they will do, as far as it can be told without the network: setting up asks the same.
    ///
    /// # Errors
    ///
    /// If the address or a header will not do.
    pub fn check(&self) -> Result<(), SetupError> {
        Endpoint::check(&self.url, &self.network)?;
        self.headers.iter().try_for_each(|(name, value)| header(name, value).map(|_| ()))
    }
}

/// A function in Lambda that is asked.
#[derive(Debug, Clone)]
pub struct LambdaEnricherSettings {
    /// Its name or ARN, with a version or an alias behind a colon if one is wanted.
    pub function: String,
    /// How long its answer is waited for.
    pub timeout: Duration,
    /// Which AWS, and as whom.
    pub aws: AwsSettings,
}

impl LambdaEnricherSettings {
    /// Whether they will do, as far as it can be told without the network.
    ///
    /// # Errors
    ///
    /// If the name, the region or the role will not do.
    pub fn check(&self) -> Result<(), SetupError> {
        let (function, aws) = (self.function.clone(), self.aws.clone());
        AwsTarget::Lambda(LambdaSettings { function, shape: Shape::default(), aws }).check()
    }
}

/// Who is asked.
#[derive(Debug, Clone)]
pub enum EnricherAt {
    /// A server.
    Http(EnricherSettings),
    /// A function in Lambda.
    Lambda(LambdaEnricherSettings),
}

impl EnricherAt {
    /// How long an answer is waited for.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        match self {
            EnricherAt::Http(settings) => settings.network.timeout,
            EnricherAt::Lambda(settings) => settings.timeout,
        }
    }
}

/// Answers findings with what belongs to them.
pub struct Enricher(Way);

enum Way {
    Http {
        endpoint: Endpoint,
        headers: HeaderMap,
    },
    #[cfg(feature = "aws")]
    Lambda(crate::aws::Question),
}

impl std::fmt::Debug for Enricher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Enricher")
    }
}

/// Why there is no answer. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnrichError {
    /// It could not be asked, or did not answer in time.
    #[error("{0}")]
    Call(String),
    /// It answered with a status that is no success.
    #[error("it answered {0}")]
    Status(u16),
    /// Its answer is no JSON object, or too long for one.
    #[error("its answer is not a JSON object of at most {ANSWER_MAX} bytes")]
    Answer,
}

/// The longest answer, in bytes: it is stored and sent with the finding.
const ANSWER_MAX: usize = 64 << 10;

/// The header by which a receiver recognises the finding it was asked about before.
const ID_HEADER: &str = "trailhound-finding";

impl Enricher {
    /// Sets an enricher up.
    ///
    /// # Errors
    ///
    /// If the address or a header will not do.
    pub fn new(settings: &EnricherSettings) -> Result<Self, SetupError> {
        let EnricherSettings { url, headers, network } = settings;
        let endpoint = Endpoint::new(url, headers.values().cloned(), network)?;
        let headers = headers.iter().map(|(name, value)| header(name, value)).collect::<Result<_, _>>()?;
        Ok(Enricher(Way::Http { endpoint, headers }))
    }

    /// Sets up one that asks a function. Nothing is called and no credentials are looked for before the first finding.
    ///
    /// # Errors
    ///
    /// If the settings will not do.
    #[cfg(feature = "aws")]
    pub fn lambda(settings: &LambdaEnricherSettings) -> Result<Self, SetupError> {
        settings.check()?;
        Ok(Enricher(Way::Lambda(crate::aws::Question::new(settings))))
    }

    /// Asks about a finding: its id and its JSON.
    ///
    /// # Errors
    ///
    /// If there is no answer in time, or one that is no JSON object.
    pub async fn ask(&self, id: &str, finding: Vec<u8>) -> Result<Map<String, Value>, EnrichError> {
        let answer = match &self.0 {
            Way::Http { endpoint, headers } => {
                let mut headers = headers.clone();
                if let Ok(id) = HeaderValue::try_from(id) {
                    headers.insert(HeaderName::from_static(ID_HEADER), id);
                }
                let exchanged = endpoint.exchange(headers, finding, ANSWER_MAX + 1).await;
                match exchanged.map_err(|error| EnrichError::Call(error.to_string()))? {
                    (200..=299, answer) => answer,
                    (status, _) => return Err(EnrichError::Status(status)),
                }
            }
            // The finding says its id itself.
            #[cfg(feature = "aws")]
            Way::Lambda(question) => question.ask(finding).await?,
        };
        match answer.len() {
            0 => Ok(Map::new()),
            1..=ANSWER_MAX => serde_json::from_slice(&answer).map_err(|_| EnrichError::Answer),
            _ => Err(EnrichError::Answer),
        }
    }
}
