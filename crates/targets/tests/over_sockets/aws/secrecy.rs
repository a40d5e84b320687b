//! Nothing of credentials shows, whatever a service repeats of what it was sent.

use std::sync::Arc;

use serde_json::json;
use targets::aws::{AwsSettings, Keys, Role, StartLogging};
use targets::respond::Action;

use super::{At, delivery, events, open};
use crate::counterpart::{Request, STOP_LOGGING, Server};

/// Of a role's session, as STS gives them out.
const SECRET_KEY: &str = "5ecretKeyOfASession/K7MDENG+bPxRfiCYEXAM";
const TOKEN: &str = "IQoJb3JpZ2luX2VjE5ecretTokenJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQDx5ecretToken+Zk3RtRzBFAiEA8K9x5ecretToken2bQIgYg==";

/// What a service answers that repeats all it was sent, and an address that was signed with it.
fn repeated(request: &Request, status: u16, code: &str) -> (u16, Vec<(&'static str, String)>, String) {
    let body = String::from_utf8_lossy(&request.body);
    if body.contains("Action=AssumeRole") {
        let credentials = format!(
            "<Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>{SECRET_KEY}</SecretAccessKey><SessionToken>{TOKEN}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
        );
        let answer = format!(
            "<AssumeRoleResponse><AssumeRoleResult>{credentials}<AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/a/b</Arn><AssumedRoleId>A:b</AssumedRoleId></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
        );
        return (200, vec![("content-type", "text/xml".to_owned())], answer);
    }
    let signed = request.header("authorization");
    let signature = signed.rsplit("Signature=").next().unwrap_or_default();
    let message = format!(
        "The Canonical String should have been 'POST x-amz-security-token:{} {signed}' https://b.s3.amazonaws.com/k?X-Amz-Security-Token={TOKEN};X-Amz-Signature={signature}",
        request.header("x-amz-security-token"),
    );
    let headers = vec![("x-amzn-errortype", code.to_owned())];
    if body.starts_with("Action=") {
        let error = format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        );
        return (status, headers, error);
    }
    (status, headers, json!({ "__type": code, "message": message, "Message": message }).to_string())
}

#[tokio::test]
async fn what_a_service_repeats_of_credentials_does_not_show() {
    crate::secrecy::capture();
    let mut shown = String::new();
    let mut signatures = Vec::new();
    for (status, code) in [
        (403, "SignatureDoesNotMatch"),
        (400, "ValidationException"),
        (400, "ThrottlingException"),
        (500, ""),
    ] {
        let server = Server::start(move |request| repeated(request, status, code)).await;
        let at = At::new(&format!("http://{}", server.address));
        let aws = AwsSettings {
            role: Some(Role {
                arn: "arn:aws:iam::111122223333:role/findings".to_owned(),
                external_id: Some("of-findings".to_owned()),
            }),
            keys: Some(Keys::new("AKIAEXAMPLE", "5ecret-of-the-configuration")),
            ..at.aws.clone()
        };
        shown.push_str(&format!("{aws:?}\n"));
        let at = At { aws: aws.clone() };
        for (target, _) in at.all() {
            shown.push_str(&format!("{target:?}\n"));
            let target = open(&target);
            for outcome in [target.deliver(&delivery(STOP_LOGGING)).await, target.forward(&events(2)).await] {
                let error = outcome.unwrap_err();
                shown.push_str(&format!("{error} {error:?} {error:#?}\n"));
            }
        }
        let start = StartLogging::new(aws, Arc::new(|| jiff::Timestamp::UNIX_EPOCH));
        let error = start.intend(&delivery(STOP_LOGGING)).await.unwrap_err();
        shown.push_str(&format!("{error} {error:?}\n"));
        let requests = server.requests();
        let bodies = requests.iter().map(|request| String::from_utf8_lossy(&request.body));
        let assumed: Vec<_> = bodies.filter(|body| body.contains("Action=AssumeRole")).collect();
        let as_whom = |body: &str| {
            body.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Ffindings")
                && body.contains("ExternalId=of-findings")
        };
        assert!(!assumed.is_empty() && assumed.iter().all(|body| as_whom(body)), "{assumed:?}");
        assert!(requests.iter().any(|request| request.header("x-amz-security-token") == TOKEN));
        let signed =
            requests.iter().filter_map(|request| request.header("authorization").split("Signature=").nth(1));
        signatures.extend(signed.map(str::to_owned));
    }
    shown.push_str(&crate::secrecy::logged());
    assert!(shown.contains("[secret]") && shown.contains("The Canonical String"), "something was looked at");
    for secret in signatures.iter().map(String::as_str).chain(["5ecret", SECRET_KEY, TOKEN]) {
        let lines: Vec<&str> = shown.lines().filter(|line| line.contains(secret)).collect();
        assert!(lines.is_empty(), "{secret} shows: {lines:#?}");
    }
}
