//! What a failed call means: may it pass, must somebody act, or will it never work.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It may work later: by itself, or when somebody has acted.
    Passing {
        /// What went wrong.
        reason: String,
        /// What to do if it stays so.
        next_step: String,
    },
    /// It is not there or cannot be used, and that will not change.
    Hopeless {
        /// What is wrong.
        reason: String,
    },
}

/// What the service says when the caller may not.
const DENIED: [&str; 9] = [
    "AccessDenied",
    "AccessDeniedException",
    "AWS.SimpleQueueService.AccessDenied",
    "KMS.AccessDeniedException",
    "AllAccessDisabled",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidClientTokenId",
];

/// What it says when there is nothing to be had.
const GONE: [&str; 5] =
    ["NoSuchKey", "NoSuchBucket", "NoSuchVersion", "InvalidObjectState", "MethodNotAllowed"];

/// What it says when the bucket is in another region.
const ELSEWHERE: [&str; 2] = ["PermanentRedirect", "AuthorizationHeaderMalformed"];

/// Reads a failed call. `what` was called, and `grant` is what a policy has to allow for it.
pub(super) fn of_call<E>(error: &SdkError<E, HttpResponse>, what: &str, grant: &str) -> Fault
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.code().unwrap_or_default();
    let said = said(error, code);
    if GONE.contains(&code) || (code.is_empty() && status == Some(404)) {
        return Fault::Hopeless { reason: format!("{what}: {said}") };
    }
    let next_step = if ELSEWHERE.contains(&code) {
        "the bucket is in another region than the queue, which CloudTrail's own notifications do not name: let S3 or EventBridge tell the queue, or move it"
            .to_owned()
    } else if DENIED.contains(&code) || status == Some(403) {
        format!("allow it in the policy of the role: {grant}")
    } else if matches!(
        error,
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) | SdkError::TimeoutError(_)
    ) {
        "look at the network between here and AWS, and whether the process finds credentials".to_owned()
    } else {
        "wait; if it stays so, look at the state of the service".to_owned()
    };
    Fault::Passing { reason: format!("{what}: {said}"), next_step }
}

/// What the service or the client says, on one line.
fn said<E>(error: &SdkError<E, HttpResponse>, code: &str) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let status =
        error.raw_response().map(|response| response.status().as_u16().to_string()).unwrap_or_default();
    let message = error.message().unwrap_or_default();
    let said = if code.is_empty() && message.is_empty() {
        if status.is_empty() { DisplayErrorContext(error).to_string() } else { format!("HTTP {status}") }
    } else {
        format!("{code} {message}").trim().to_owned()
    };
    line(&said)
}

/// How much of a reason is shown, in characters.
const SHOWN: usize = 300;

/// One line without what acts on terminals.
pub(super) fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect()
}

impl Fault {
    pub(super) fn passing(reason: impl Into<String>, next_step: impl Into<String>) -> Self {
        Fault::Passing { reason: reason.into(), next_step: next_step.into() }
    }

    pub(super) fn hopeless(reason: impl Into<String>) -> Self {
        Fault::Hopeless { reason: reason.into() }
    }

    /// What is wrong.
    pub(super) fn reason(&self) -> &str {
        match self {
            Fault::Passing { reason, .. } | Fault::Hopeless { reason } => reason,
        }
    }
}
