//! One request: who, how much, what, and then whether it was committed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::answer::Answer;
use crate::http::key::{Presented, presented};
use crate::http::sns::{Certificates, Fetch};
use crate::http::{ApiKey, HttpSettings};
use crate::inflate::{self, Inflated};
use crate::{Class, Content, Intake, Verdict};

/// Where requests are dealt with: everything they share.
pub(super) struct Desk {
    intake: Intake,
    name: String,
    keys: Vec<ApiKey>,
    /// For those who have a key.
    pub(super) events: Room,
    /// For everybody, until a message is verified.
    pub(super) sns: Room,
    inflated_max: u64,
    patience: Duration,
    pub(super) topics: Vec<String>,
    pub(super) certificates: Certificates,
    pub(super) fetch: Arc<dyn Fetch>,
}

/// How much bodies may hold before they are handed over.
pub(super) struct Room {
    /// One of them, in bytes.
    body_max: usize,
    /// All of them, in KiB.
    memory: Arc<Semaphore>,
}

/// How many of the longest bodies may be read at once.
const LONGEST_BODIES: usize = 4;
/// SNS's messages have at most 256 KiB of text, which grows in JSON.
const SNS_MAX: usize = 1 << 20;
/// How long a request waits for room, and then for the commit. EventBridge gives up after five seconds and SNS after fifteen; what is
/// committed later than that comes again and is recognised.
const ROOM_WAIT: Duration = Duration::from_secs(3);
const COMMIT_WAIT: Duration = Duration::from_secs(30);

/// A body with the memory that was set apart for it.
pub(super) struct Received {
    pub(super) bytes: Vec<u8>,
    memory: OwnedSemaphorePermit,
}

impl Received {
    /// Other bytes, out of these.
    pub(super) fn with(self, bytes: Vec<u8>) -> Self {
        Received { bytes, ..self }
    }
}

impl Desk {
    pub(super) fn new(settings: &HttpSettings, intake: Intake, fetch: Arc<dyn Fetch>) -> Self {
        Desk {
            intake,
            name: settings.name.clone(),
            keys: settings.keys.clone(),
            events: Room::new(settings.body_max),
            sns: Room::new(settings.body_max.min(SNS_MAX)),
            inflated_max: settings.inflated_max,
            patience: settings.patience,
            topics: settings.topics.clone(),
            certificates: Certificates::default(),
            fetch,
        }
    }

    /// Reads a body within the bounds of length, time and memory.
    pub(super) async fn receive(
        &self,
        room: &Room,
        headers: &HeaderMap,
        body: axum::body::Body,
    ) -> Result<Received, Answer> {
        let announced =
            headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > room.body_max) {
            return Err(room.too_long());
        }
        let share = kibibytes(announced.unwrap_or(room.body_max));
        let memory =
            tokio::time::timeout(ROOM_WAIT, Arc::clone(&room.memory).acquire_many_owned(share)).await;
        let Ok(Ok(memory)) = memory else { return Err(Answer::TryLater("too many requests at once")) };
        let read = tokio::time::timeout(self.patience, room.collect(body)).await;
        let bytes = read.map_err(|_| Answer::TooSlow)??;
        Ok(Received { bytes, memory })
    }

    /// Hands bytes over and waits for the verdict.
    pub(super) async fn hand_over(&self, received: Received, origin: &str) -> Answer {
        let Received { bytes, memory } = received;
        let bytes = match self.checked(bytes).await {
            Ok(bytes) => bytes,
            Err(answer) => return answer,
        };
        let class = class(&bytes);
        let offer = self.intake.offer(Content::payload(&format!("{}: {origin}", self.name), class, bytes));
        let Ok(offered) = tokio::time::timeout(ROOM_WAIT, offer).await else {
            return Answer::TryLater("what came before is not committed yet");
        };
        drop(memory);
        let Ok(waiting) = offered else { return Answer::TryLater("the service is ending") };
        match tokio::time::timeout(COMMIT_WAIT, waiting).await {
            Ok(Verdict::Committed) => Answer::Committed,
            Ok(Verdict::Refused { .. }) => Answer::TryLater("it could not be committed"),
            Err(_) => Answer::TryLater("it is not committed yet"),
        }
    }

    /// Bytes that can be input and do not inflate beyond all bounds.
    async fn checked(&self, bytes: Vec<u8>) -> Result<Vec<u8>, Answer> {
        if !inflate::is_gzip(&bytes) {
            let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
            return match first {
                Some(b'{' | b'[') => Ok(bytes),
                Some(_) => Err(Answer::Unreadable("the body is neither JSON nor gzip".to_owned())),
                None => Err(Answer::Unreadable("the body is empty".to_owned())),
            };
        }
        let max = self.inflated_max;
        if !inflate::may_exceed(bytes.len() as u64, max) {
            return Ok(bytes);
        }
        let measured =
            tokio::task::spawn_blocking(move || (inflate::measure(bytes.as_slice(), max), bytes)).await;
        match measured {
            Ok((Inflated::TooLarge, _)) => Err(Answer::TooLarge(format!(
                "a body inflates to at most {max} bytes: send fewer events at once"
            ))),
            Ok((Inflated::Fits | Inflated::BreaksOff, bytes)) => Ok(bytes),
            Err(_) => Err(Answer::TryLater("it could not be read")),
        }
    }
}

impl Room {
    fn new(body_max: usize) -> Self {
        let memory = kibibytes(body_max) as usize * LONGEST_BODIES;
        Room { body_max, memory: Arc::new(Semaphore::new(memory)) }
    }

    async fn collect(&self, mut body: axum::body::Body) -> Result<Vec<u8>, Answer> {
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Answer::Unreadable("the body broke off".to_owned()))?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > self.body_max {
                return Err(self.too_long());
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes)
    }

    fn too_long(&self) -> Answer {
        Answer::TooLarge(format!("a body has at most {} bytes: send fewer events at once", self.body_max))
    }
}

/// `POST /events`.
pub(super) async fn events(
    State(desk): State<Arc<Desk>>,
    Extension(peer): Extension<SocketAddr>,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Answer {
    match presented(&headers, &desk.keys) {
        Presented::Right => {}
        Presented::Nothing => return Answer::KeyMissing,
        Presented::Wrong => return Answer::KeyWrong,
    }
    if headers.contains_key("x-amz-sns-message-type") {
        return Answer::Forbidden(
            "subscribe SNS to /sns: here its messages would not be verified".to_owned(),
        );
    }
    if let Err(answer) = check_type(&headers) {
        return answer;
    }
    match desk.receive(&desk.events, &headers, body).await {
        Ok(received) => desk.hand_over(received, &format!("request from {}", peer.ip())).await,
        Err(answer) => answer,
    }
}

pub(super) async fn unknown_path() -> Answer {
    Answer::NotFound
}

pub(super) async fn not_post() -> Answer {
    Answer::NotPost
}

/// Types of bodies that are read. A form's, which a browser may send from any page, is not among them.
const TYPES: [&str; 9] = [
    "application/json",
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-amz-json-1.1",
    "application/gzip",
    "application/x-gzip",
    "application/octet-stream",
    "application/cloudevents+json",
];

fn check_type(headers: &HeaderMap) -> Result<(), Answer> {
    let text =
        |name| headers.get(name).map(|value| value.to_str().unwrap_or_default().trim().to_ascii_lowercase());
    let encoding = text(CONTENT_ENCODING).unwrap_or_default();
    if !matches!(encoding.as_str(), "" | "identity" | "gzip" | "x-gzip") {
        return Err(Answer::UnsupportedType("compress with gzip, or not at all".to_owned()));
    }
    let kind = text(CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.is_empty() || !TYPES.contains(&kind) {
        let hint = "set Content-Type to application/json, application/x-ndjson or application/gzip";
        return Err(Answer::UnsupportedType(hint.to_owned()));
    }
    Ok(())
}

/// How far into a body its kind is looked for, in bytes.
const LOOK: usize = 4096;

/// By which way the events came to whoever posts them: what it looks like at its beginning.
fn class(bytes: &[u8]) -> Class {
    use std::io::Read;
    let mut text = Vec::new();
    let look = LOOK as u64;
    // What cannot be inflated shows nothing, and is the decoder's to report.
    let _ = if inflate::is_gzip(bytes) {
        flate2::read::MultiGzDecoder::new(bytes).take(look).read_to_end(&mut text)
    } else {
        bytes.take(look).read_to_end(&mut text)
    };
    let has = |name: &[u8]| text.windows(name.len()).any(|window| window == name);
    if has(b"\"detail-type\"") {
        Class::EventBridge
    } else if has(b"\"logEvents\"") || has(b"\"logGroup\"") {
        Class::Logs
    } else {
        Class::S3
    }
}

fn kibibytes(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX >> 4).clamp(1, u32::MAX >> 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inflate::tests::gzip;

    #[test]
    fn the_class_is_seen_at_the_beginning() {
        for (text, wanted) in [
            (r#"{"version":"0","detail-type":"AWS API Call via CloudTrail"}"#, Class::EventBridge),
            (r#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"x","logEvents":[]}"#, Class::Logs),
            (r#"{"Records":[{"eventVersion":"1.08"}]}"#, Class::S3),
            (r#"{"eventVersion":"1.08"}"#, Class::S3),
        ] {
            assert_eq!(class(text.as_bytes()), wanted);
            assert_eq!(class(&gzip(text.as_bytes())), wanted);
        }
        assert_eq!(class(&[0x1f, 0x8b, 0]), Class::S3);
    }
}
