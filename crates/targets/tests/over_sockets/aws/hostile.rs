//! AWS on a bad day: each service throttles, denies, refuses and breaks, and is called once for each attempt.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use route::TargetName;
use serde_json::Value;
use targets::{Clock, DeliveryError, Dispatcher, Fate, Jitter, Job, Lane, Next, Policy, RetryAfter, Target};

use super::{At, delivery, events, large, open};
use crate::counterpart::{Misbehaviour, STOP_LOGGING, Server, misbehaving};

/// An error as a service words it.
fn error(kind: &str, code: &str, message: &str) -> String {
    match kind {
        "sns" => format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
        ),
        _ => format!(r#"{{"__type":"{code}","message":"{message}"}}"#),
    }
}

/// What a failed call means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    /// It is tried again; after so many seconds, if any are said.
    Again(Option<u64>),
    /// It never will do.
    Dead,
}

impl Means {
    fn of(error: &DeliveryError) -> Means {
        match error {
            DeliveryError::Retryable { retry_after: Some(RetryAfter::In(wait)), .. } => {
                Means::Again(Some(wait.as_secs()))
            }
            DeliveryError::Retryable { retry_after, .. } => {
                assert_eq!(*retry_after, None);
                Means::Again(None)
            }
            DeliveryError::Permanent { .. } => Means::Dead,
        }
    }
}

/// All targets at an address, each with the action that its call needs.
fn targets(address: impl std::fmt::Display) -> Vec<(&'static str, Arc<dyn Target>, &'static str)> {
    let all = At::new(&format!("http://{address}")).all().into_iter();
    all.map(|(target, grant)| (target.kind(), open(&target), grant)).collect()
}

#[tokio::test]
async fn each_refusal_means_the_same_to_each_target() {
    const WAITS: u64 = 60;
    let allow = |grant: &str| format!("; allow `{grant}");
    let create = |_: &str| "; create it, or correct its name, region or account".to_owned();
    let prove = |_: &str| "; look at the credentials that the process finds".to_owned();
    let nothing = |_: &str| "as told".to_owned();
    type Says<'s> = &'s dyn Fn(&str) -> String;
    let cases: [(u16, Option<&str>, &str, Means, Says<'_>); 15] = [
        (400, Some("7"), "ThrottlingException", Means::Again(Some(7)), &nothing),
        (400, None, "ProvisionedThroughputExceededException", Means::Again(None), &nothing),
        (429, Some("9"), "TooManyRequestsException", Means::Again(Some(9)), &nothing),
        (403, None, "RequestThrottled", Means::Again(None), &nothing),
        (500, None, "InternalFailure", Means::Again(None), &nothing),
        (503, Some("3"), "ServiceUnavailable", Means::Again(Some(3)), &nothing),
        (502, None, "", Means::Again(None), &nothing),
        (403, None, "AccessDeniedException", Means::Again(Some(WAITS)), &allow),
        (400, None, "KMSAccessDenied", Means::Again(Some(WAITS)), &allow),
        (404, None, "ResourceNotFoundException", Means::Again(Some(WAITS)), &create),
        (403, None, "ExpiredTokenException", Means::Again(None), &prove),
        // Such as where a call is signed for another region.
        (403, None, "InvalidSignatureException", Means::Again(None), &prove),
        (403, None, "UnrecognizedClientException", Means::Again(None), &prove),
        (400, None, "ValidationException", Means::Dead, &nothing),
        (413, None, "RequestEntityTooLarge", Means::Dead, &nothing),
    ];
    for (status, retry_after, code, wanted, says) in cases {
        for place in 0..7 {
            let kind = targets("127.0.0.1:1")[place].0;
            let headers: Vec<(&'static str, &str)> = retry_after
                .map(|after| ("retry-after", after))
                .into_iter()
                .chain([("x-amzn-errortype", code)])
                .collect();
            let server = Server::answering(status, &headers, &error(kind, code, "as told")).await;
            let (_, target, grant) = targets(server.address).swap_remove(place);
            let delivered = target.deliver(&delivery(STOP_LOGGING)).await.unwrap_err();
            assert_eq!(Means::of(&delivered), wanted, "{kind} {code}: {delivered:?}");
            assert!(delivered.to_string().contains(&says(grant)), "{kind} {code}: {delivered}");
            // A log stream that is missing is created first.
            let calls = if (kind, code) == ("logs", "ResourceNotFoundException") { 2 } else { 1 };
            assert_eq!(server.requests().len(), calls, "{kind} {code}: one attempt is one call");
            // Of several events the others are tried where a service says so of one of them; here it says so of the whole call.
            let forwarded = target.forward(&events(1)).await.unwrap_err();
            assert_eq!(Means::of(&forwarded), wanted, "{kind} {code}: {forwarded:?}");
            assert!(forwarded.to_string().contains(&says(grant)), "{kind} {code}: {forwarded}");
        }
    }
}

#[tokio::test]
async fn what_is_no_answer_of_the_service_is_no_receipt() {
    for body in ["<html><body>Sign in to the network</body></html>", "", "{}", "{", "<a/>"] {
        let server = Server::answering(200, &[("content-type", "text/html")], body).await;
        for (kind, target, _) in targets(server.address) {
            // Lambda accepts by its status alone, and an answer of Logs holds nothing when all is well.
            let by_status = kind == "lambda" || (kind == "logs" && matches!(body, "" | "{}"));
            let outcomes = [target.deliver(&delivery(STOP_LOGGING)).await, target.forward(&events(2)).await];
            for (outcome, call) in outcomes.into_iter().zip(["deliver", "forward"]) {
                let again = matches!(outcome, Err(DeliveryError::Retryable { .. }));
                assert!(by_status || again, "{kind} {call} {body:?}: {outcome:?}");
            }
        }
    }
}

#[tokio::test]
async fn connections_that_break_are_tried_again() {
    for how in [Misbehaviour::Reset, Misbehaviour::Close, Misbehaviour::Nonsense, Misbehaviour::BrokenBody] {
        for (kind, target, _) in targets(misbehaving(how).await) {
            let outcomes = [target.deliver(&delivery(STOP_LOGGING)).await, target.forward(&events(1)).await];
            for outcome in outcomes {
                // Lambda's answer to an invocation that is not waited for has no body to read.
                let taken = (kind == "lambda" && matches!(how, Misbehaviour::BrokenBody)) && outcome.is_ok();
                let again = matches!(&outcome, Err(DeliveryError::Retryable { retry_after: None, .. }));
                assert!(taken || again, "{kind} {how:?}: {outcome:?}");
            }
        }
    }
    for (kind, target, _) in targets("127.0.0.1:1") {
        let error = target.deliver(&delivery(STOP_LOGGING)).await.unwrap_err();
        assert_eq!(Means::of(&error), Means::Again(None), "{kind}: nobody listens");
        assert!(error.to_string().contains("look at the network"), "{kind}: {error}");
    }
}

#[tokio::test]
async fn nobody_waits_for_an_answer_that_does_not_end() {
    for how in [Misbehaviour::Silence, Misbehaviour::SlowStatus, Misbehaviour::SlowBody] {
        for (kind, target, _) in targets(misbehaving(how).await) {
            // The dispatcher drops an attempt that takes too long; it is not known then whether it arrived.
            let (name, policy) = (
                TargetName::new("oncall").unwrap(),
                Policy { attempt_timeout: Duration::from_millis(300), ..Policy::default() },
            );
            let (clock, jitter): (Clock, Jitter) = (Arc::new(|| Timestamp::UNIX_EPOCH), Arc::new(|| 0.5));
            let lane = Lane { target, policy, queue_max: 1 };
            let (dispatcher, mut reports) = Dispatcher::start([(name, lane)], &clock, &jitter);
            let load = delivery(STOP_LOGGING).into();
            let job = Job { load, attempt: 1, first_enqueued: Timestamp::UNIX_EPOCH, tag: () };
            dispatcher.offer(job).unwrap();
            let fate = reports.next().await.unwrap().fate;
            // Lambda's status is all that there is to its answer.
            let taken = kind == "lambda" && matches!(fate, Fate::Tried(Next::Delivered(_)));
            let again = matches!(&fate, Fate::Tried(Next::RetryAt { reason, .. }) if reason == "not done within 0.3 s");
            assert!(taken || again, "{kind} {how:?}: {fate:?}");
        }
    }
}

#[tokio::test]
async fn an_entry_that_was_not_put_is_a_failure() {
    for (code, dead) in
        [("ThrottlingException", false), ("InternalFailure", false), ("MalformedDetail", true)]
    {
        let answer = format!(
            r#"{{"FailedEntryCount":1,"Entries":[{{"ErrorCode":"{code}","ErrorMessage":"as told"}}]}}"#
        );
        let server = Server::answering(200, &[], &answer).await;
        let target = At::new(&format!("http://{}", server.address)).event_bridge("security");
        let error = open(&target).deliver(&delivery(STOP_LOGGING)).await.unwrap_err();
        assert_eq!(matches!(error, DeliveryError::Permanent { .. }), dead, "{code}: {error:?}");
        assert_eq!(error.to_string(), format!("cannot put the event: {code} as told"));
    }
    let server = Server::answering(200, &[], r#"{"FailedEntryCount":0,"Entries":[]}"#).await;
    let target = At::new(&format!("http://{}", server.address)).event_bridge("security");
    assert!(open(&target).deliver(&delivery(STOP_LOGGING)).await.is_err(), "nothing says that it was put");
}

#[tokio::test]
async fn an_invocation_is_signed_and_not_waited_for() {
    let server = Server::answering(202, &[], "").await;
    let target = At::new(&format!("http://{}", server.address))
        .lambda("arn:aws:lambda:us-east-1:111122223333:function:f:live");
    open(&target).deliver(&delivery(STOP_LOGGING)).await.unwrap();
    let request = &server.requests()[0];
    assert_eq!(request.header("x-amz-invocation-type"), "Event");
    let signature = request.header("authorization");
    assert!(
        signature.starts_with("AWS4-HMAC-SHA256 Credential=a/")
            && signature.contains("/us-east-1/lambda/aws4_request"),
        "{signature}"
    );
    assert_eq!(request.json(), serde_json::from_str::<Value>(STOP_LOGGING).unwrap());
    assert!(request.uri.path().ends_with("/invocations"), "{}", request.uri);
}

#[tokio::test]
async fn a_finding_that_is_too_large_loses_records_and_says_so() {
    let server = Server::answering(202, &[], "").await;
    let target = open(&At::new(&format!("http://{}", server.address)).lambda("f"));
    let receipt = target.deliver(&large(10, 100_000)).await.unwrap();
    assert_eq!(receipt.text, "accepted with status 202, without 8 records that were too large");
    let sent = server.requests()[0].json();
    assert_eq!(sent["detail"]["records"].as_array().unwrap().len(), 2);
    assert_eq!(sent["detail"]["records_left_out"], 8);
    assert!(server.requests()[0].body.len() <= 256 * 1024);
}
