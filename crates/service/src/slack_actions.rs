//! `/slack/actions`: presses of buttons in Slack become what an operator could have asked for.
//!
//! No key guards it, since Slack has none to show: the signature does, and it is checked before anything is read. A press is answered with
//! success once what it asks for is in the store, so what Slack shows as done outlives a crash. Slack waits for three seconds; when
//! that is not enough it is told so, and the person presses again or looks at the message's thread, where it is told too.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use jiff::{SignedDuration, Timestamp};
use targets::signature::Refusal;
use targets::slack_interaction::{
    BODY_MAX, Button, NotPressed, Press, SIGNATURE_HEADER, SILENCE, TIMESTAMP_HEADER, press,
};
use targets::{Clock, Secret};

use crate::Journal;
use crate::control::{Request, Response as Answer};
use crate::service::Handle;

/// How long a press may take until Slack is answered, which waits for three seconds.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// What presses are checked and acted upon with.
#[derive(Clone)]
pub(crate) struct Door {
    /// The signing secrets of all apps.
    pub(crate) secrets: Arc<[Secret]>,
    pub(crate) handle: Handle,
    pub(crate) clock: Clock,
    pub(crate) journal: Journal,
}

pub(crate) fn router(door: Door) -> Router {
    Router::new()
        .route("/slack/actions", post(pressed))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(door)
}

async fn pressed(State(door): State<Door>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (timestamp, signature) = (header(TIMESTAMP_HEADER), header(SIGNATURE_HEADER));
    let now = (door.clock)().as_second();
    let read = |secret| press(secret, timestamp, signature, &body, now);
    let refused = |outcome: &Result<Press, NotPressed>| matches!(outcome, Err(NotPressed::Refused(_)));
    let outcome = door.secrets.iter().map(read).find(|outcome| !refused(outcome));
    match outcome.unwrap_or(Err(NotPressed::Refused(Refusal::Forged))) {
        Ok(press) => {
            // A task of its own: it goes on if nobody waits any more.
            let acting = tokio::spawn(act(door, press));
            match tokio::time::timeout(PATIENCE, acting).await {
                Ok(_) => StatusCode::OK.into_response(),
                Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "not stored yet\n").into_response(),
            }
        }
        // Slack tells the person that something failed unless it is fine.
        Err(NotPressed::Other) => StatusCode::OK.into_response(),
        Err(refusal) => (StatusCode::UNAUTHORIZED, format!("{refusal}\n")).into_response(),
    }
}

async fn act(door: Door, press: Press) {
    let Press { button, conversation, by } = press;
    let finding = conversation.clone();
    let request = match button {
        Button::Acknowledge => Request::Acknowledge { finding, by: by.clone() },
        Button::Mine => Request::Acknowledge { finding, by: format!("{by}, who says that it was them") },
        Button::Silence => {
            let hour = SignedDuration::try_from(SILENCE).unwrap_or_default();
            let until = (door.clock)().saturating_add(hour).unwrap_or(Timestamp::MAX);
            let why = "a button in Slack: for an hour".to_owned();
            Request::SilenceLike { finding, who: by.clone(), why, until }
        }
    };
    let reason = match door.handle.ask(request).await {
        Some(Answer::Done) => None,
        Some(Answer::Refused { reason }) => Some(reason),
        _ => Some("the service did not answer".to_owned()),
    };
    let line = match reason {
        None => door.journal.info("a button was pressed in Slack"),
        Some(reason) => {
            door.journal.warn("a press of a button in Slack came to nothing").with("reason", reason)
        }
    };
    line.with("button", format!("{button:?}").to_lowercase())
        .with("finding", conversation)
        .with("by", by)
        .done();
}
