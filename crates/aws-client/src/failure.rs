//! What a failed call means, read from what the service said of it.

use std::error::Error;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::redact::redacted;

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What it means.
    pub meaning: Meaning,
    /// The service's code, such as `AccessDenied`; empty if it gave none.
    pub code: String,
    /// What the service or the client says, with the code, on one line.
    pub said: String,
    /// The status of the answer; none without one.
    pub status: Option<u16>,
    /// How long the service wants to be left alone.
    pub retry_after: Option<Duration>,
}

/// What a failed call means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// There was no answer, or there was nobody to call as: network, endpoint or credentials.
    Unreachable,
    /// The caller may not.
    Denied,
    /// The caller could not show who it is: its credentials are wrong or have ended, or its clock is wrong. Others may be found the next time.
    Unproven,
    /// Too much at once.
    Throttled,
    /// What was named is not there.
    Missing,
    /// The service is not well.
    Broken,
    /// The request will never do.
    Refused,
}

/// What services say when the caller may not.
const DENIED: [&str; 10] = [
    "AccessDenied",
    "AccessDeniedException",
    "AllAccessDisabled",
    "AuthFailure",
    "AuthorizationError",
    "AWS.SimpleQueueService.AccessDenied",
    "KMS.AccessDeniedException",
    "KMSAccessDenied",
    "KMSAccessDeniedException",
    "NotAuthorized",
];

/// What they say when the caller is not known to be who it says.
const UNPROVEN: [&str; 14] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "InvalidSignatureException",
    "InvalidToken",
    "MissingAuthenticationToken",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// What they say when it is too much at once.
const THROTTLED: [&str; 15] = [
    "EC2ThrottledException",
    "KMSThrottling",
    "KMSThrottlingException",
    "LimitExceededException",
    "OverLimit",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
];

/// What they say when they are not well, whatever the status.
const BROKEN: [&str; 10] = [
    "BandwidthLimitExceeded",
    "InternalError",
    "InternalException",
    "InternalFailure",
    "InternalFailureException",
    "InternalServiceError",
    "OperationAbortedException",
    "ResourceInUseException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
];

/// What they say when what was named is not there.
const MISSING: [&str; 9] = [
    "AWS.SimpleQueueService.NonExistentQueue",
    "NotFound",
    "NotFoundException",
    "QueueDoesNotExist",
    "ResourceNotFound",
    "ResourceNotFoundException",
    "TopicNotFound",
    "TrailNotFoundException",
    "UnknownResourceException",
];

impl Failure {
    /// Reads a failed call.
    #[must_use]
    pub fn of<E>(error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        // Some protocols put a name space or an address in front of the code.
        let code = error.code().unwrap_or_default();
        let code = code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default();
        let retry_after = error.raw_response().and_then(|response| {
            let header = |name: &str| response.headers().get(name)?.trim().parse::<u64>().ok();
            header("x-amz-retry-after")
                .map(Duration::from_millis)
                .or_else(|| header("retry-after").map(Duration::from_secs))
        });
        let unanswered = match error {
            SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) | SdkError::TimeoutError(_) => {
                true
            }
            // An answer that broke off, or that nobody can read.
            _ => status.is_none_or(|status| status < 400),
        };
        let meaning = if unanswered { Meaning::Unreachable } else { Meaning::of(code, status) };
        Failure { meaning, code: code.to_owned(), said: said(error, code, status), status, retry_after }
    }
}

impl Meaning {
    /// What a service's code means, and where it is not known, the status.
    #[must_use]
    pub fn of(code: &str, status: Option<u16>) -> Meaning {
        match status {
            _ if DENIED.contains(&code) => Meaning::Denied,
            _ if UNPROVEN.contains(&code) => Meaning::Unproven,
            _ if THROTTLED.contains(&code) => Meaning::Throttled,
            _ if BROKEN.contains(&code) => Meaning::Broken,
            _ if MISSING.contains(&code) => Meaning::Missing,
            Some(401 | 403) => Meaning::Denied,
            Some(429) => Meaning::Throttled,
            Some(404) => Meaning::Missing,
            Some(408 | 425 | 500..) => Meaning::Broken,
            Some(_) | None => Meaning::Refused,
        }
    }
}

/// What the service or the client says, on one line.
fn said<E>(error: &SdkError<E, HttpResponse>, code: &str, status: Option<u16>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let message = error.message().unwrap_or_default();
    let said = match status {
        _ if !code.is_empty() || !message.is_empty() => format!("{code} {message}").trim().to_owned(),
        Some(status) => format!("HTTP {status}"),
        None => DisplayErrorContext(error).to_string(),
    };
    line(&redacted(&said))
}

/// How much of a reason is shown, in characters.
const SHOWN: usize = 300;

/// One line without what acts on terminals, cut where it gets long.
#[must_use]
pub fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_statuses() {
        for (code, status, wanted) in [
            ("AccessDeniedException", 400, Meaning::Denied),
            ("", 403, Meaning::Denied),
            ("ExpiredTokenException", 403, Meaning::Unproven),
            ("SignatureDoesNotMatch", 403, Meaning::Unproven),
            ("ThrottlingException", 400, Meaning::Throttled),
            ("ProvisionedThroughputExceededException", 400, Meaning::Throttled),
            ("TooManyRequestsException", 429, Meaning::Throttled),
            ("", 429, Meaning::Throttled),
            ("InternalFailure", 400, Meaning::Broken),
            ("", 503, Meaning::Broken),
            ("ResourceNotFoundException", 400, Meaning::Missing),
            ("NotFound", 404, Meaning::Missing),
            ("ValidationException", 400, Meaning::Refused),
            ("InvalidParameter", 400, Meaning::Refused),
        ] {
            assert_eq!(Meaning::of(code, Some(status)), wanted, "{code} {status}");
        }
    }

    #[test]
    fn nothing_acts_on_a_terminal() {
        assert_eq!(line("a\nb\u{1b}[31m"), "a b [31m");
        assert_eq!(line(&"x".repeat(1_000)).len(), SHOWN);
    }
}
