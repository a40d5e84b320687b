//! A sign of life for somebody outside, who raises the alarm when it stays away: a dead man's switch.

use crate::http::Endpoint;
use crate::{Network, Secret, SetupError};

/// Where signs of life go.
#[derive(Debug, Clone)]
pub struct PulseSettings {
    /// The address; whoever knows it can pretend to be alive.
    pub url: Secret,
    /// What it may do on the network.
    pub network: Network,
}

impl PulseSettings {
    /// Whether they will do, as far as it can be told without the network: setting up asks the same.
    ///
    /// # Errors
    ///
    /// If the address will not do.
    pub fn check(&self) -> Result<(), SetupError> {
        Endpoint::check(&self.url, &self.network).map(|_| ())
    }
}

/// Gives signs of life.
#[derive(Debug)]
pub struct Pulse {
    endpoint: Endpoint,
}

/// Why a sign of life did not arrive. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PulseError(String);

impl Pulse {
    /// Sets it up.
    ///
    /// # Errors
    ///
    /// If the address will not do.
    pub fn new(settings: &PulseSettings) -> Result<Self, SetupError> {
        let PulseSettings { url, network } = settings;
        Ok(Pulse { endpoint: Endpoint::new(url, [], network)? })
    }

    /// Gives one sign of life: an empty JSON object is posted.
    ///
    /// # Errors
    ///
    /// If it does not arrive, or is not welcome.
    pub async fn beat(&self) -> Result<(), PulseError> {
        let answer = self.endpoint.exchange(reqwest::header::HeaderMap::new(), b"{}".to_vec(), 0).await;
        match answer {
            Ok((200..=299, _)) => Ok(()),
            Ok((status, _)) => Err(PulseError(format!("it answered {status}"))),
            Err(error) => Err(PulseError(error.to_string())),
        }
    }
}
