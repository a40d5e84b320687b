//! What follows from a failed call: another attempt soon, one when somebody has acted, or none.

use std::error::Error;
use std::time::Duration;

use aws_client::{Failure, Meaning};
use aws_sdk_sns::config::http::HttpResponse;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};

use super::batches::NotTaken;
use crate::{DeliveryError, RetryAfter};

/// How long a target is left alone where somebody has to act first: a policy to be changed, a queue to be created. All that is owed to it would hear
/// the same; and once somebody has acted, nobody should wait for long.
const UNTIL_SOMEBODY_ACTS: Duration = Duration::from_secs(60);

/// Reads a failed call. `what` was tried, and `grant` is what a policy has to allow for it.
pub(super) fn of_call<E>(error: &SdkError<E, HttpResponse>, what: &str, grant: &str) -> DeliveryError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    of_failure(&Failure::of(error), what, grant)
}

/// Reads what a service said of one of several entries.
pub(super) fn of_entry(code: &str, message: &str, what: &str, grant: &str) -> DeliveryError {
    let said = aws_client::line(&aws_client::redacted(format!("{code} {message}").trim()));
    let meaning = Meaning::of(code, None);
    of_failure(
        &Failure { meaning, code: code.to_owned(), said, status: None, retry_after: None },
        what,
        grant,
    )
}

/// Reads what a service said of each of several entries: a code and a message, of those that it did not take. An answer that leaves some out
/// is none: nothing says that those arrived.
pub(super) fn of_entries<'a>(
    entries: usize,
    said: impl ExactSizeIterator<Item = (Option<&'a str>, Option<&'a str>)>,
    what: &str,
    grant: &str,
) -> Result<NotTaken, DeliveryError> {
    if said.len() != entries {
        return Err(unsaid(what));
    }
    let failed = said.enumerate().filter_map(|(place, (code, message))| {
        Some((place, of_entry(code?, message.unwrap_or_default(), what, grant)))
    });
    Ok(failed.collect())
}

/// The answer does not say what became of all that was sent.
pub(super) fn unsaid(what: &str) -> DeliveryError {
    DeliveryError::retryable(format!("{what}: the answer does not say what became of it"))
}

/// An entry that its own type refuses, for want of something that it is always given.
pub(super) fn unbuilt(error: &dyn Error) -> DeliveryError {
    DeliveryError::Permanent { reason: aws_client::line(&error.to_string()) }
}

fn of_failure(failure: &Failure, what: &str, grant: &str) -> DeliveryError {
    let reason = format!("{what}: {}", failure.said);
    let later = |next_step: &str, wait: Option<Duration>| DeliveryError::Retryable {
        reason: format!("{reason}; {next_step}"),
        retry_after: wait.map(RetryAfter::In),
    };
    let slowly = Some(failure.retry_after.unwrap_or(UNTIL_SOMEBODY_ACTS).max(UNTIL_SOMEBODY_ACTS));
    match failure.meaning {
        Meaning::Denied => later(&format!("allow `{grant}` in the policy of the role"), slowly),
        Meaning::Unproven => later(
            "look at the credentials that the process finds, whether they have expired, and at the clock of this machine",
            None,
        ),
        Meaning::Missing => later("create it, or correct its name, region or account", slowly),
        Meaning::Unreachable => {
            later("look at the network between here and AWS, and whether the process finds credentials", None)
        }
        Meaning::Throttled | Meaning::Broken => {
            DeliveryError::Retryable { reason, retry_after: failure.retry_after.map(RetryAfter::In) }
        }
        Meaning::Refused => DeliveryError::Permanent { reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries() {
        let throttled =
            of_entry("ThrottlingException", "slow down", "cannot put the event", "events:PutEvents");
        let reason = "cannot put the event: ThrottlingException slow down".to_owned();
        assert_eq!(throttled, DeliveryError::Retryable { reason, retry_after: None });
        let denied = of_entry("AccessDeniedException", "", "cannot put the event", "events:PutEvents");
        assert_eq!(
            denied.to_string(),
            "cannot put the event: AccessDeniedException; allow `events:PutEvents` in the policy of the role"
        );
        assert!(matches!(denied, DeliveryError::Retryable { retry_after: Some(_), .. }));
        let refused =
            of_entry("MalformedDetail", "Detail is malformed.", "cannot put the event", "events:PutEvents");
        assert!(matches!(refused, DeliveryError::Permanent { .. }));
    }
}
