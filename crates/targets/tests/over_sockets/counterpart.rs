//! Counterparts on 127.0.0.1: an HTTP server that answers as it is told and remembers what it was sent, and one that misbehaves.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use route::{FindingEvent, TargetName};
use targets::{Delivery, DeliveryError, Network, Receipt, Secret, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What is answered: a status, headers and a body, made of the request.
type Reply = dyn Fn(&Request) -> (u16, Vec<(&'static str, String)>, String) + Send + Sync;

/// A server that answers.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) async fn start(
        reply: impl Fn(&Request) -> (u16, Vec<(&'static str, String)>, String) + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server { address: listener.local_addr().unwrap(), requests: Arc::default() };
        let reply: Arc<Reply> = Arc::new(reply);
        let state = (server.clone(), reply);
        // What is too large is for each counterpart to say.
        let router = Router::new().fallback(answer).layer(DefaultBodyLimit::disable()).with_state(state);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        server
    }

    /// Always the same answer.
    pub(crate) async fn answering(status: u16, headers: &[(&'static str, &str)], body: &str) -> Server {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let body = body.to_owned();
        Server::start(move |_| (status, headers.clone(), body.clone())).await
    }

    pub(crate) fn url(&self, path: &str) -> Secret {
        Secret::new(&format!("http://{}{path}", self.address))
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

async fn answer(
    State((server, reply)): State<(Server, Arc<Reply>)>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = Request { uri, headers, body };
    let (status, headers, body) = reply(&request);
    server.requests.lock().unwrap().push(request);
    let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
    for (name, value) in headers {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::try_from(value).unwrap());
    }
    response
}

/// How a counterpart misbehaves once it has the beginning of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Misbehaviour {
    /// It never answers.
    Silence,
    /// It resets the connection.
    Reset,
    /// It closes the connection.
    Close,
    /// It answers something that is not HTTP.
    Nonsense,
    /// It sends the status one byte at a time, too slowly.
    SlowStatus,
    /// It accepts at once, and the body never ends, a byte at a time.
    SlowBody,
    /// It accepts at once, and the body never ends, as fast as it can.
    EndlessBody,
    /// It accepts at once, and resets the connection within the body.
    BrokenBody,
}

/// Starts a counterpart that misbehaves.
pub(crate) async fn misbehaving(how: Misbehaviour) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(misbehave(stream, how));
        }
    });
    address
}

async fn misbehave(mut stream: TcpStream, how: Misbehaviour) -> std::io::Result<()> {
    const ACCEPTED: &[u8] = b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000000000\r\n\r\n";
    let mut some = [0; 512];
    stream.read_exact(&mut some[..64]).await?;
    match how {
        Misbehaviour::Silence => std::future::pending::<()>().await,
        Misbehaviour::Reset => stream.set_zero_linger()?,
        Misbehaviour::Close => {}
        Misbehaviour::Nonsense => stream.write_all(b"220 mail.example ESMTP\r\n").await?,
        Misbehaviour::SlowStatus => {
            for byte in ACCEPTED {
                stream.write_all(&[*byte]).await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Misbehaviour::SlowBody => {
            stream.write_all(ACCEPTED).await?;
            loop {
                stream.write_all(b"x").await?;
                tokio::time::sleep(Duration::from_millis(400)).await;
            }
        }
        Misbehaviour::EndlessBody => {
            stream.write_all(ACCEPTED).await?;
            loop {
                stream.write_all(&[b'x'; 65_536]).await?;
            }
        }
        Misbehaviour::BrokenBody => {
            stream.write_all(ACCEPTED).await?;
            stream.write_all(b"half of").await?;
            stream.set_zero_linger()?;
        }
    }
    Ok(())
}

/// To 127.0.0.1, and not for long.
pub(crate) fn local() -> Network {
    Network {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        plain_http: true,
        connect_timeout: Duration::from_millis(500),
        timeout: Duration::from_millis(500),
    }
}

pub(crate) const STOP_LOGGING: &str = include_str!("../../../route/tests/findings/stop-logging.json");
pub(crate) const HOSTILE: &str = include_str!("../../../route/tests/findings/hostile.json");
pub(crate) const RESOLVED: &str = include_str!("../../../route/tests/findings/resolved-elsewhere.json");

pub(crate) fn delivery(json: &str) -> Delivery {
    Delivery::new(TargetName::new("oncall").unwrap(), FindingEvent::parse(json).unwrap())
}

pub(crate) async fn deliver(target: &dyn Target, json: &str) -> Result<Receipt, DeliveryError> {
    target.deliver(&delivery(json)).await
}

/// A later message of the conversation that a finding began.
pub(crate) async fn update(
    target: &dyn Target,
    json: &str,
    number: u32,
    handle: &str,
) -> Result<Receipt, DeliveryError> {
    later(target, json, number, route::Kind::Update, handle).await
}

/// A message of the conversation that a finding began.
pub(crate) async fn later(
    target: &dyn Target,
    json: &str,
    number: u32,
    kind: route::Kind,
    handle: &str,
) -> Result<Receipt, DeliveryError> {
    let finding = FindingEvent::parse(json).unwrap();
    let telling =
        route::Telling { number, kind, findings: 13, folded: 12, ..route::Telling::alone(&finding) };
    let delivery =
        Delivery::told(TargetName::new("oncall").unwrap(), finding, telling, Some(handle.to_owned()));
    target.deliver(&delivery).await
}
