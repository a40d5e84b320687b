//! Switching trails on again: what moto's trails are like afterwards, and how often CloudTrail is called in a storm.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use targets::aws::{AwsSettings, Keys, StartLogging};
use targets::respond::{Responder, ResponderSettings, Stage};
use targets::{Clock, DeliveryError, Target};

use super::delivery;
use super::moto_server::counterpart;
use crate::audit::List;
use crate::counterpart::{Misbehaviour, Server, misbehaving};

/// The stages of all rows.
fn stages(list: &List) -> Vec<Stage> {
    list.of(|note| note.stage)
}

struct Rig {
    responder: Responder,
    list: Arc<List>,
    now: Arc<Mutex<Timestamp>>,
}

impl Rig {
    fn new(endpoint: &str, dry_run: bool) -> Rig {
        let aws = AwsSettings {
            region: None,
            endpoint: Some(endpoint.to_owned()),
            role: None,
            keys: Some(Keys::new("a", "b")),
        };
        let now = Arc::new(Mutex::new("2026-11-03T02:41:10Z".parse().unwrap()));
        let clock: Clock = Arc::new({
            let now = Arc::clone(&now);
            move || *now.lock().unwrap()
        });
        let list = Arc::new(List::default());
        let action = Arc::new(StartLogging::new(aws, clock.clone()));
        let (cool_down, timeout) = (Duration::from_secs(60), Duration::from_secs(30));
        let settings = ResponderSettings { name: "trail-on".to_owned(), dry_run, cool_down, timeout };
        Rig { responder: Responder::new(settings, action, list.clone(), clock), list, now }
    }

    async fn respond(
        &self,
        id: usize,
        trail: &str,
        at: Timestamp,
        event: &str,
    ) -> Result<String, DeliveryError> {
        let finding = format!(
            r#"{{"version":"0","id":"f{id}","source":"trailhound","detail-type":"Trailhound Finding","account":"123456789012","region":"us-east-1","time":"{at}","resources":[],"detail":{{"rule":"cloudtrail-logging-stopped","last_time":"{at}","records":[{{"eventSource":"cloudtrail.amazonaws.com","eventName":"{event}","awsRegion":"us-east-1","recipientAccountId":"123456789012","requestParameters":{{"name":"{trail}"}}}}]}}}}"#
        );
        self.responder.deliver(&delivery(&finding)).await.map(|receipt| receipt.text)
    }

    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    fn pass(&self, seconds: i64) {
        *self.now.lock().unwrap() += SignedDuration::from_secs(seconds);
    }
}

const TRAIL: &str = "
trails = client('cloudtrail')
s3.create_bucket(Bucket=arguments[0])
trails.create_trail(Name=arguments[0], S3BucketName=arguments[0])";
const IS_ON: &str = "print(client('cloudtrail').get_trail_status(Name=arguments[0])['IsLogging'])";

#[tokio::test]
async fn a_trail_that_was_stopped_is_on_again() {
    let Some(moto) = counterpart("CloudTrail") else { return };
    let name = moto.name();
    moto.run(TRAIL, &[&name]).await;
    // moto starts trails by name alone.
    assert_eq!(moto.run(IS_ON, &[&name]).await, "False");

    let dry = Rig::new(&moto.endpoint, true);
    let said = dry.respond(0, &name, dry.now(), "StopLogging").await.unwrap();
    assert_eq!(said, format!("dry run: start-logging of {name} was not done"));
    assert_eq!((moto.run(IS_ON, &[&name]).await.as_str(), stages(&dry.list)), ("False", vec![Stage::DryRun]));

    let rig = Rig::new(&moto.endpoint, false);
    let said = rig.respond(1, &name, rig.now(), "StopLogging").await.unwrap();
    assert_eq!(said, format!("{name} was off and is on again"));
    assert_eq!(moto.run(IS_ON, &[&name]).await, "True");
    assert_eq!(stages(&rig.list), [Stage::Intended, Stage::Done]);
    assert_eq!(rig.list.of(|note| note.subject.clone())[1], name);

    // What is on is left alone, and what we did ourselves is no reason to act.
    rig.pass(61);
    let said = rig.respond(2, &name, rig.now(), "StopLogging").await.unwrap();
    assert_eq!(said, format!("nothing to do: {name} is on"));
    let refused = rig.respond(3, &name, rig.now(), "StartLogging").await.unwrap_err();
    assert!(matches!(refused, DeliveryError::Permanent { .. }), "{refused:?}");
    assert_eq!(stages(&rig.list)[2..], [Stage::Refused]);
}

#[tokio::test]
async fn a_storm_makes_few_calls_and_leaves_the_trail_on() {
    let (calls, is_on) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let server = Server::start({
        let (calls, is_on) = (Arc::clone(&calls), Arc::clone(&is_on));
        move |request| {
            calls.fetch_add(1, Ordering::Relaxed);
            let status = if request.header("x-amz-target").ends_with(".StartLogging") {
                is_on.store(true, Ordering::Relaxed);
                "{}".to_owned()
            } else {
                format!(r#"{{"IsLogging":{}}}"#, is_on.load(Ordering::Relaxed))
            };
            (200, vec![("content-type", "application/x-amz-json-1.1".to_owned())], status)
        }
    })
    .await;
    let rig = Rig::new(&format!("http://{}", server.address), false);
    // A thousand calls of StopLogging in ten seconds. The last of them comes after the trail was on again.
    let start = rig.now();
    let happened = |id: usize| start + SignedDuration::from_millis(i64::try_from(id).unwrap() * 10);
    let mut owed: Vec<usize> = (0..1_000).collect();
    let (mut rounds, mut stopped_again) = (0, false);
    while !owed.is_empty() {
        let mut again = Vec::new();
        for id in owed {
            if rig.respond(id, "main", happened(id), "StopLogging").await.is_err() {
                again.push(id);
            }
        }
        owed = again;
        if !stopped_again {
            is_on.store(false, Ordering::Relaxed);
            stopped_again = true;
        }
        rig.pass(20);
        rounds += 1;
        assert!(rounds < 20, "{} are still owed", owed.len());
    }
    assert!(is_on.load(Ordering::Relaxed));
    let calls = calls.load(Ordering::Relaxed);
    assert!((8..=12).contains(&calls), "{calls} calls");
    let done = stages(&rig.list).iter().filter(|stage| **stage == Stage::Done).count();
    assert_eq!(done, 2, "{:?}", stages(&rig.list));
}

#[tokio::test]
async fn what_passes_is_tried_again_and_keeps_no_other_account_waiting() {
    for (status, code, again) in [
        (403, "AccessDeniedException", true),
        (400, "ThrottlingException", true),
        (403, "ExpiredTokenException", true),
        (404, "TrailNotFoundException", true),
        (500, "InternalFailure", true),
        (400, "InvalidHomeRegionException", false),
    ] {
        let body = format!(r#"{{"__type":"{code}","message":"as told"}}"#);
        let headers = [("x-amzn-errortype", code), ("retry-after", "7")];
        let server = Server::answering(status, &headers, &body).await;
        let rig = Rig::new(&format!("http://{}", server.address), false);
        let error = rig.respond(0, "main", rig.now(), "StopLogging").await.unwrap_err();
        let found = matches!(&error, DeliveryError::Retryable { retry_after: None, .. });
        assert_eq!(found, again, "{code}: {error:?}");
        assert!(error.to_string().contains(code), "{error}");
    }
    for how in [Misbehaviour::Reset, Misbehaviour::Close, Misbehaviour::Nonsense, Misbehaviour::BrokenBody] {
        let rig = Rig::new(&format!("http://{}", misbehaving(how).await), false);
        let error = rig.respond(0, "main", rig.now(), "StopLogging").await.unwrap_err();
        assert!(matches!(error, DeliveryError::Retryable { retry_after: None, .. }), "{how:?}: {error:?}");
    }
}

#[tokio::test]
async fn what_may_not_be_done_says_what_to_allow() {
    let denied = r#"{"__type":"AccessDeniedException","message":"no"}"#;
    let server = Server::answering(400, &[("x-amzn-errortype", "AccessDeniedException")], denied).await;
    let rig = Rig::new(&format!("http://{}", server.address), false);
    let error = rig.respond(0, "main", rig.now(), "StopLogging").await.unwrap_err();
    assert!(
        error.to_string().ends_with("allow `cloudtrail:GetTrailStatus` in the policy of the role"),
        "{error}"
    );
    assert_eq!(stages(&rig.list), []);
}
