//! `/healthz`, `/readyz` and `/metrics`: for whoever watches over the service. What Slack asks for is [another room's](crate::slack_actions).
//!
//! On a loopback address they answer everybody. On any other they want a key as bearer token, which is compared in constant time;
//! without one the service does not start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};
use store::Store;
use targets::Secret;

use crate::desk::Standings;
use crate::health::{self, Health};
use crate::latency::Latencies;
use crate::metrics::{self, Shown};

/// Where the service tells how it is.
#[derive(Debug, Clone)]
pub struct Operations {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Keys of which a caller has to send one as `Authorization: Bearer …`. At least one on addresses that are not loopback.
    pub keys: Vec<Secret>,
    /// What Slack signs presses of buttons with: the signing secrets of all apps. Without any, presses are not listened for.
    pub slack_secrets: Vec<Secret>,
}

/// An address that everybody could ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a loopback address: set a key, or listen on 127.0.0.1")]
pub struct Exposed(pub SocketAddr);

impl Operations {
    /// Whether the address may be listened on.
    ///
    /// # Errors
    ///
    /// If others could reach it and no key is set.
    pub fn check(&self) -> Result<(), Exposed> {
        if self.listen.ip().is_loopback() || !self.keys.is_empty() {
            Ok(())
        } else {
            Err(Exposed(self.listen))
        }
    }
}

/// What the answers are made of.
#[derive(Clone)]
pub(crate) struct Sight {
    pub(crate) store: Arc<Store>,
    pub(crate) standings: Standings,
    pub(crate) state: PathBuf,
    pub(crate) health: Health,
    pub(crate) latencies: Latencies,
    pub(crate) version: &'static str,
}

/// What keys are compared by.
type Hashes = Arc<[[u8; 32]]>;

pub(crate) fn router(sight: Sight, keys: &[Secret]) -> Router {
    // Equal hashes of a fixed length: how long comparing takes says nothing about a key.
    let keys: Hashes = keys.iter().map(|key| Sha256::digest(key.expose()).into()).collect();
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(sight)
        .layer(middleware::from_fn_with_state(keys, guard))
}

async fn guard(State(keys): State<Hashes>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let given = Sha256::digest(given.and_then(|value| value.strip_prefix(b"Bearer ")).unwrap_or_default());
    if keys.is_empty() || keys.iter().any(|key| *key == *given) {
        return next.run(request).await;
    }
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], "a bearer token is needed\n")
        .into_response()
}

/// It runs: whether it works is `/readyz`'s to say.
async fn alive() -> &'static str {
    "alive\n"
}

async fn ready(State(sight): State<Sight>) -> Response {
    let (ready, parts) = sight.health.told();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut text = String::from(if ready { "ready\n" } else { "not ready\n" });
    for (part, state) in parts {
        text.push_str(&format!("{part}: {}\n", describe(&state)));
    }
    (status, text).into_response()
}

/// A state in one line.
pub(crate) fn describe(state: &health::State) -> String {
    match state {
        health::State::Starting => "starting".to_owned(),
        health::State::Healthy => "healthy".to_owned(),
        health::State::Ended => "ended: no more input".to_owned(),
        health::State::Unhealthy { reason, next_step, since } => {
            let hint = if next_step.is_empty() { String::new() } else { format!(" ({next_step})") };
            format!("unhealthy since {since:.0}: {reason}{hint}")
        }
    }
}

async fn metrics(State(sight): State<Sight>) -> Response {
    let render = move || -> Result<String, store::Error> {
        let mut reader = store::Reader::open(&sight.state)?;
        let snapshot = reader.snapshot()?;
        let (counters, status) = (snapshot.counters()?, snapshot.status()?);
        let (ready, parts) = sight.health.told();
        Ok(metrics::render(&Shown {
            counters: &counters,
            status: &status,
            standings: sight.standings.get(),
            undelivered: snapshot.undelivered()?,
            activity: sight.store.activity(),
            parts: &parts,
            ready,
            latencies: &sight.latencies,
            version: sight.version,
        }))
    };
    match tokio::task::spawn_blocking(render).await {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Ok(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
