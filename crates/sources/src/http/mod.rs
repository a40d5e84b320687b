//! HTTP push: EventBridge API destinations, SNS, and whoever posts log files or lines of events.
//!
//! | path | takes |
//! |---|---|
//! | `POST /events` | anything the decoder reads: one EventBridge event, NDJSON, a log file, plain or gzip |
//! | `POST /sns` | SNS's own messages, if their topics are [allowed](HttpSettings::topics) |
//!
//! **The answer is the receipt.** `200` is sent after the commit and never before; whoever is told anything else still owns the input.
//! What is full, slow or refused is answered `503` with `Retry-After`, which EventBridge and SNS honour.
//!
//! Nobody who lacks a key can make this process hold more than a request's head: the key is looked at before the body, in constant time. SNS has no
//! key to show, so where its topics are set, a few messages' lengths are set apart for what is not verified yet.
//! Time and memory of every step are bounded, also for those who have a key. Without a key the source listens to its own machine only.
//! It speaks plain HTTP: TLS is ended before it, by a load balancer or a proxy.

mod answer;
mod key;
mod request;
mod sns;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::{Running, Session, Source, SourceError, Stop};

pub use key::ApiKey;
use request::Desk;
pub use sns::{Fetch, Fetching, HttpsFetch};

/// A listening socket.
pub struct Http {
    settings: HttpSettings,
    fetch: Arc<dyn Fetch>,
    address: watch::Sender<Option<SocketAddr>>,
}

/// How to listen.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The source's name.
    pub name: String,
    /// Where to listen.
    pub listen: SocketAddr,
    /// The keys, any of which lets a request in. Without one, `listen` must be an address of this machine alone.
    pub keys: Vec<ApiKey>,
    /// The longest body, in bytes as they are sent.
    pub body_max: usize,
    /// The most text a compressed body may hold, in bytes.
    pub inflated_max: u64,
    /// Topics of SNS whose messages are taken, by ARN. Their signature is verified; no key is asked for.
    pub topics: Vec<String>,
    /// The most connections at once.
    pub connections: usize,
    /// How long sending a request's head, and then its body, may take.
    pub patience: Duration,
}

impl HttpSettings {
    /// The usual settings: 16 MiB of body, 256 MiB of text, 1,024 connections, 30 seconds of patience.
    #[must_use]
    pub fn new(name: &str, listen: SocketAddr) -> Self {
        HttpSettings {
            name: name.to_owned(),
            listen,
            keys: Vec::new(),
            body_max: 16 << 20,
            inflated_max: 256 << 20,
            topics: Vec::new(),
            connections: 1024,
            patience: Duration::from_secs(30),
        }
    }
}

impl Http {
    /// A source that will listen when it runs.
    ///
    /// # Errors
    ///
    /// If it would listen to others without a key.
    pub fn new(settings: HttpSettings) -> Result<Self, SourceError> {
        let fetch: Arc<dyn Fetch> =
            if settings.topics.is_empty() { Arc::new(NoFetch) } else { Arc::new(HttpsFetch::new()?) };
        Self::with_fetch(settings, fetch)
    }

    /// The same, with another way to what SNS serves.
    ///
    /// # Errors
    ///
    /// As [`Http::new`].
    pub fn with_fetch(settings: HttpSettings, fetch: Arc<dyn Fetch>) -> Result<Self, SourceError> {
        if settings.keys.is_empty() && !settings.listen.ip().is_loopback() {
            return Err(SourceError::misconfigured(
                format!("{} can be reached by others, and no key is asked for", settings.listen),
                "set at least one key, or listen on 127.0.0.1",
            ));
        }
        Ok(Http { settings, fetch, address: watch::channel(None).0 })
    }

    /// Where it listens; none while it does not. Of interest if port 0 was asked for.
    #[must_use]
    pub fn address(&self) -> watch::Receiver<Option<SocketAddr>> {
        self.address.subscribe()
    }
}

impl Source for Http {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn run(&self, session: Session) -> Running<'_> {
        Box::pin(async move {
            let ended = self.listen(session).await;
            self.address.send_replace(None);
            ended
        })
    }
}

impl Http {
    async fn listen(&self, session: Session) -> Result<(), SourceError> {
        let Session { intake, mut stop, health, .. } = session;
        let listen = self.settings.listen;
        let cannot = |error: std::io::Error| {
            SourceError::failed(
                format!("cannot listen on {listen}: {error}"),
                "free the port, or listen on another",
            )
        };
        let listener = TcpListener::bind(listen).await.map_err(cannot)?;
        self.address.send_replace(Some(listener.local_addr().map_err(cannot)?));
        let desk = Arc::new(Desk::new(&self.settings, intake.clone(), Arc::clone(&self.fetch)));
        let router = Router::new()
            .route("/events", post(request::events))
            .route("/sns", post(sns::message))
            .fallback(request::unknown_path)
            .method_not_allowed_fallback(request::not_post)
            .with_state(desk);
        let places = Arc::new(Semaphore::new(self.settings.connections.clamp(1, Semaphore::MAX_PERMITS)));
        let mut connections = JoinSet::new();
        health.healthy();
        let ended = loop {
            // A place first: whoever comes beyond the bound waits in the system's queue.
            let next = async {
                let place = Arc::clone(&places).acquire_owned().await.map_err(std::io::Error::other)?;
                listener.accept().await.map(|(stream, peer)| (place, stream, peer))
            };
            tokio::select! {
                biased;
                () = stop.asked() => break Ok(()),
                () = intake.abandoned() => break Err(SourceError::Abandoned),
                Some(_) = connections.join_next() => {}
                accepted = next => match accepted {
                    Ok((place, stream, peer)) => {
                        health.healthy();
                        let connection = serve(stream, peer, router.clone(), stop.clone(), place, self.settings.patience);
                        connections.spawn(connection);
                    }
                    Err(error) => {
                        health.unhealthy(format!("no connection can be taken: {error}"), "raise the limit of open files");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        };
        drop(listener);
        if ended.is_ok() {
            while connections.join_next().await.is_some() {}
        }
        ended
    }
}

/// Without topics nothing is ever fetched.
struct NoFetch;

impl Fetch for NoFetch {
    fn get<'a>(&'a self, _: &'a str) -> Fetching<'a> {
        Box::pin(async { Err("no topic may push here".to_owned()) })
    }
}

/// Serves one connection until its end; asked to stop, until the request under way is answered.
async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut stop: Stop,
    _place: OwnedSemaphorePermit,
    patience: Duration,
) {
    let router = router.layer(axum::Extension(peer));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(64 << 10)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    // However a connection ends, whoever was at its other end knows by the answers it had.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.asked() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

impl std::fmt::Debug for Http {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Http").field("settings", &self.settings).finish_non_exhaustive()
    }
}
