//! What a failed call means: may it pass, must somebody act, or will it never work.

use aws_client::{Failure, Meaning};
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

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
    /// The bucket is in another region, which S3 names.
    Elsewhere {
        /// Where it is.
        region: String,
        /// What S3 said.
        reason: String,
    },
    /// It is not there or cannot be used, and that will not change.
    Hopeless {
        /// What is wrong.
        reason: String,
    },
}

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
    let failure = Failure::of(error);
    let code = failure.code.as_str();
    let reason = format!("{what}: {}", failure.said);
    if GONE.contains(&code) || (code.is_empty() && failure.status == Some(404)) {
        return Fault::Hopeless { reason };
    }
    let said = error.raw_response().and_then(|response| response.headers().get("x-amz-bucket-region"));
    if let (true, Some(region)) = (ELSEWHERE.contains(&code) || failure.status == Some(301), said) {
        return Fault::Elsewhere { region: region.to_owned(), reason };
    }
    let next_step = match failure.meaning {
        _ if ELSEWHERE.contains(&code) => {
            "the bucket is in another region than the queue, and S3 does not say which: let S3 or EventBridge tell the queue, whose messages name it"
                .to_owned()
        }
        Meaning::Denied => format!("allow it in the policy of the role: {grant}"),
        Meaning::Unproven => "look at the credentials that the process finds, whether they have expired, and at the clock of this machine".to_owned(),
        Meaning::Unreachable => {
            "look at the network between here and AWS, and whether the process finds credentials".to_owned()
        }
        _ => "wait; if it stays so, look at the state of the service".to_owned(),
    };
    Fault::Passing { reason, next_step }
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
            Fault::Passing { reason, .. } | Fault::Elsewhere { reason, .. } | Fault::Hopeless { reason } => {
                reason
            }
        }
    }
}
