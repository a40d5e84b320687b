//! The response `invoke-lambda`: what the function is handed, what the audit list says of it, and that a dry run calls nobody.

use std::sync::Arc;

use serde_json::Value;
use targets::respond::{Responder, Stage};
use targets::{DeliveryError, Receipt, Target};

use super::moto_server::counterpart;
use super::{At, delivery, function, open};
use crate::audit::{self, List};
use crate::counterpart::{Misbehaviour, STOP_LOGGING, Server, misbehaving};

/// Each row's stage, the function, and what was said.
fn rows(list: &List) -> Vec<(Stage, String, String)> {
    list.of(|note| (note.stage, note.subject.clone(), note.said.clone()))
}

/// A response that invokes a function, and its list.
fn invoking(endpoint: &str, function: &str, dry_run: bool) -> (Responder, Arc<List>) {
    let target = open(&At::new(endpoint).lambda(function));
    audit::responder("invoke-lambda", function, target, dry_run)
}

async fn respond(responder: &Responder) -> Result<Receipt, DeliveryError> {
    responder.deliver(&delivery(STOP_LOGGING)).await
}

fn row(stage: Stage, said: &str) -> (Stage, String, String) {
    (stage, "isolate".to_owned(), said.to_owned())
}

#[tokio::test]
async fn a_function_is_handed_the_finding_and_a_dry_run_calls_nobody() {
    let server = Server::start(|_| (202, Vec::new(), String::new())).await;
    let endpoint = format!("http://{}", server.address);
    let (dry, list) = invoking(&endpoint, "isolate", true);
    let said = respond(&dry).await.unwrap().text;
    assert_eq!(said, "dry run: invoke-lambda of isolate was not done");
    assert_eq!(rows(&list), [row(Stage::DryRun, "")]);
    assert!(server.requests().is_empty());

    let (responder, list) = invoking(&endpoint, "isolate", false);
    respond(&responder).await.unwrap();
    assert_eq!(rows(&list), [row(Stage::Intended, ""), row(Stage::Done, "accepted with status 202")]);
    let requests = server.requests();
    let [request] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!(request.uri.path(), "/2015-03-31/functions/isolate/invocations");
    assert_eq!(request.header("x-amz-invocation-type"), "Event", "nobody waits for what it does");
    assert_eq!(request.json(), serde_json::from_str::<Value>(STOP_LOGGING).unwrap());
    let finding = request.json();
    let is_of_it = list.of(|note| {
        let names = note.response == "isolate" && note.action == "invoke-lambda";
        names && note.finding == finding["id"] && note.rule == finding["detail"]["rule"]
    });
    assert_eq!(is_of_it, [true; 2]);
}

#[tokio::test]
async fn what_lambda_answers_is_in_the_list() {
    for (status, code, again, expected) in [
        (403, "AccessDeniedException", true, "allow `lambda:InvokeFunction` in the policy of the role"),
        (404, "ResourceNotFoundException", true, "create it, or correct its name"),
        (429, "TooManyRequestsException", true, "cannot invoke the function: TooManyRequestsException no"),
        (500, "ServiceException", true, "cannot invoke the function: ServiceException no"),
        (
            400,
            "InvalidRequestContentException",
            false,
            "cannot invoke the function: InvalidRequestContentException no",
        ),
    ] {
        let answer = [("x-amzn-errortype", code), ("content-type", "application/json")];
        let server = Server::answering(status, &answer, r#"{"Message":"no","message":"no"}"#).await;
        let (responder, list) = invoking(&format!("http://{}", server.address), "isolate", false);
        let error = respond(&responder).await.unwrap_err();
        assert_eq!(matches!(error, DeliveryError::Retryable { .. }), again, "{code}: {error:?}");
        let rows = rows(&list);
        assert_eq!(
            (rows.len(), &rows[0], rows[1].0),
            (2, &row(Stage::Intended, ""), Stage::Failed),
            "{code}"
        );
        assert!(rows[1].2.contains(expected), "{code}: {}", rows[1].2);
        assert_eq!(server.requests().len(), 1, "{code}: an attempt is one call");
    }
    let nobody = misbehaving(Misbehaviour::Close).await;
    let (responder, list) = invoking(&format!("http://{nobody}"), "isolate", false);
    let error = respond(&responder).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Retryable { .. }), "{error:?}");
    assert_eq!(rows(&list)[1].0, Stage::Failed);
}

#[tokio::test]
async fn moto_takes_the_invocation() {
    let Some(moto) = counterpart("Lambda") else { return };
    let name = function(moto).await;
    let (responder, list) = invoking(&moto.endpoint, &name, false);
    respond(&responder).await.unwrap();
    let stages: Vec<Stage> = rows(&list).into_iter().map(|(stage, ..)| stage).collect();
    assert_eq!(stages, [Stage::Intended, Stage::Done]);
}
