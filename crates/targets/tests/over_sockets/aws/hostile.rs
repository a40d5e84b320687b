//! AWS on a bad day: each service throttles, denies, refuses and breaks, and is called once for each attempt.

use std::time::Duration;

use serde_json::Value;
use targets::{DeliveryError, RetryAfter};

use super::{At, delivery, large, open};
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

/// What each target makes of an answer that its service gives: the server hears of nothing but the answer.
async fn answers(
    status: u16,
    header: Option<(&'static str, &str)>,
    code: &str,
) -> Vec<(String, &'static str, DeliveryError)> {
    let mut all = Vec::new();
    for index in 0..7 {
        let kind = At::new("http://127.0.0.1:1").all()[index].0.kind();
        let headers: Vec<(&'static str, &str)> =
            header.into_iter().chain([("x-amzn-errortype", code)]).collect();
        let server = Server::answering(status, &headers, &error(kind, code, "as told")).await;
        let (target, grant) = At::new(&format!("http://{}", server.address)).all()[index].clone();
        let outcome = open(&target).deliver(&delivery(STOP_LOGGING)).await.unwrap_err();
        assert_eq!(server.requests().len(), 1, "{kind}: one attempt is one call");
        all.push((kind.to_owned(), grant, outcome));
    }
    all
}

#[tokio::test]
async fn throttling_is_waited_out_with_its_hint() {
    for (kind, _, error) in answers(400, Some(("retry-after", "7")), "ThrottlingException").await {
        let hint = Some(RetryAfter::In(Duration::from_secs(7)));
        assert!(
            matches!(&error, DeliveryError::Retryable { retry_after, .. } if *retry_after == hint),
            "{kind}: {error:?}"
        );
        assert!(error.to_string().contains("ThrottlingException as told"), "{kind}: {error}");
    }
}

#[tokio::test]
async fn denied_access_names_the_action_to_allow_and_waits_for_somebody() {
    for (kind, grant, error) in answers(403, None, "AccessDeniedException").await {
        let wait = Some(RetryAfter::In(Duration::from_secs(60)));
        assert!(
            matches!(&error, DeliveryError::Retryable { retry_after, .. } if *retry_after == wait),
            "{kind}: {error:?}"
        );
        assert!(
            error.to_string().ends_with(&format!("; allow `{grant}` in the policy of the role")),
            "{kind}: {error}"
        );
    }
}

#[tokio::test]
async fn what_is_refused_is_dead() {
    for (kind, _, error) in answers(400, None, "ValidationException").await {
        assert!(matches!(&error, DeliveryError::Permanent { .. }), "{kind}: {error:?}");
    }
}

#[tokio::test]
async fn a_service_that_is_not_well_is_tried_again() {
    for (status, code) in [(500, "InternalFailure"), (503, "ServiceUnavailable"), (502, "")] {
        for (kind, _, error) in answers(status, None, code).await {
            assert!(
                matches!(&error, DeliveryError::Retryable { retry_after: None, .. }),
                "{kind} {status}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_function_that_is_not_there_is_waited_for() {
    let (header, answer) =
        ([("x-amzn-errortype", "ResourceNotFoundException")], r#"{"Message":"Function not found"}"#);
    let server = Server::answering(404, &header, answer).await;
    let target = At::new(&format!("http://{}", server.address)).lambda("f");
    let error = open(&target).deliver(&delivery(STOP_LOGGING)).await.unwrap_err();
    assert!(matches!(&error, DeliveryError::Retryable { retry_after: Some(_), .. }), "{error:?}");
    assert!(error.to_string().ends_with("; create it, or correct its name, region or account"), "{error}");
}

#[tokio::test]
async fn connections_that_break_are_tried_again() {
    for how in [Misbehaviour::Reset, Misbehaviour::Close, Misbehaviour::Nonsense, Misbehaviour::BrokenBody] {
        for index in 0..7 {
            let address = misbehaving(how).await;
            let (target, _) = At::new(&format!("http://{address}")).all()[index].clone();
            let outcome = open(&target).deliver(&delivery(STOP_LOGGING)).await;
            // Lambda's answer to an invocation that is not waited for has no body to read.
            let taken =
                matches!((target.kind(), how), ("lambda", Misbehaviour::BrokenBody)) && outcome.is_ok();
            let again = matches!(&outcome, Err(DeliveryError::Retryable { .. }));
            assert!(taken || again, "{} {how:?}: {outcome:?}", target.kind());
        }
    }
}

#[tokio::test]
async fn nobody_waits_for_an_answer_that_does_not_end() {
    for how in [Misbehaviour::Silence, Misbehaviour::SlowStatus, Misbehaviour::SlowBody] {
        let address = misbehaving(how).await;
        let (target, _) = At::new(&format!("http://{address}")).all()[0].clone();
        let (target, delivery) = (open(&target), delivery(STOP_LOGGING));
        // The dispatcher drops an attempt that takes too long; it is not known then whether it arrived.
        let attempt = tokio::time::timeout(Duration::from_millis(300), target.deliver(&delivery));
        assert!(attempt.await.is_err(), "{how:?}");
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
