//! Answers. Each refusal says what to do; none says more of the process than its caller may know.

use axum::http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// What a request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is durable.
    Committed,
    /// It asked for nothing that has to be kept.
    Understood,
    /// No key.
    KeyMissing,
    /// Not one of the keys.
    KeyWrong,
    /// It is not allowed, with a key or without.
    Forbidden(String),
    /// No such path.
    NotFound,
    /// Another method than POST.
    NotPost,
    /// The body is too long, or holds too much text.
    TooLarge(String),
    /// The body took too long to arrive.
    TooSlow,
    /// The body is of a type that is not read.
    UnsupportedType(String),
    /// The body holds no input.
    Unreadable(String),
    /// Nothing was kept; later it may be.
    TryLater(&'static str),
}

impl Answer {
    fn status(&self) -> StatusCode {
        match self {
            Answer::Committed | Answer::Understood => StatusCode::OK,
            Answer::KeyMissing => StatusCode::UNAUTHORIZED,
            Answer::KeyWrong | Answer::Forbidden(_) => StatusCode::FORBIDDEN,
            Answer::NotFound => StatusCode::NOT_FOUND,
            Answer::NotPost => StatusCode::METHOD_NOT_ALLOWED,
            Answer::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Answer::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Answer::UnsupportedType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Answer::Unreadable(_) => StatusCode::BAD_REQUEST,
            Answer::TryLater(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn text(&self) -> &str {
        match self {
            Answer::Committed => "committed",
            Answer::Understood => "understood",
            Answer::KeyMissing => "send a key: X-Api-Key: KEY, or Authorization: Bearer KEY",
            Answer::KeyWrong => "the key is not one of those that are set",
            Answer::NotFound => "post events to /events, and SNS's messages to /sns",
            Answer::NotPost => "use POST",
            Answer::TooSlow => "the body did not arrive in time",
            Answer::Forbidden(text)
            | Answer::TooLarge(text)
            | Answer::UnsupportedType(text)
            | Answer::Unreadable(text) => text,
            Answer::TryLater(text) => text,
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = self.status();
        let member = if status.is_success() { "status" } else { "error" };
        let body = serde_json::json!({ member: self.text() }).to_string() + "\n";
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self {
            Answer::KeyMissing => headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            Answer::NotPost => headers.insert(ALLOW, HeaderValue::from_static("POST")),
            Answer::TryLater(_) => headers.insert(RETRY_AFTER, HeaderValue::from_static("5")),
            // The rest of the body is not read, so nothing can follow it.
            Answer::TooLarge(_) | Answer::TooSlow => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"))
            }
            _ => None,
        };
        response
    }
}
