//! The action `start-logging`: a trail that somebody stopped is switched on again, in its home region, and looked at afterwards.
//!
//! It acts on findings that hold a record of `StopLogging` which succeeded, on the trails those name, and on nothing else: so its own `StartLogging`
//! can never move it to act again, whatever a rule matches. A trail that is on is left alone. However many findings name one trail, it
//! is looked at once in a while: what happened before it was last seen on needs no call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_client::{AwsSettings, Repeats, Role, is_region};
use aws_sdk_cloudtrail::Client;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::fault;
use crate::respond::{Action, Intending, Intention};
use crate::{Clock, Delivering, Delivery, DeliveryError, Receipt};

/// Switches trails on again.
pub struct StartLogging {
    aws: AwsSettings,
    clock: Clock,
    clients: tokio::sync::Mutex<BTreeMap<(String, String), Client>>,
    /// When a trail was last seen on.
    seen_on: Mutex<BTreeMap<Trail, Timestamp>>,
}

/// A trail: its name or ARN, the region that it is switched on in, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Trail {
    name: String,
    region: String,
    account: String,
}

/// How far our clock and that of events may differ, and how long a trail is not looked at again.
const PAUSE: Duration = Duration::from_secs(30);
/// How many trails, and clients, are remembered.
const REMEMBERED_MAX: usize = 1_000;
/// How many trails one finding may have switched on.
const TRAILS_MAX: usize = 10;

impl StartLogging {
    /// Acts as `aws` says. `{account}` in the role stands for the account of the trail, so one setting does for an organization.
    #[must_use]
    pub fn new(aws: AwsSettings, clock: Clock) -> Self {
        StartLogging { aws, clock, clients: tokio::sync::Mutex::default(), seen_on: Mutex::default() }
    }

    async fn look(&self, delivery: &Delivery) -> Result<Intention, DeliveryError> {
        let finding = delivery.finding().json();
        let trails = stopped(finding);
        if trails.is_empty() {
            let reason = "no record in the finding is of a StopLogging that succeeded".to_owned();
            return Ok(Intention::Refuse { reason });
        }
        let mut off = Vec::new();
        for trail in &trails {
            if !self.is_on(trail, last_time(finding)).await? {
                off.push(trail.name.as_str());
            }
        }
        if off.is_empty() {
            let names: Vec<&str> = trails.iter().map(|trail| trail.name.as_str()).collect();
            return Ok(Intention::Nothing {
                reason: format!("{} is on", aws_client::line(&names.join(", "))),
            });
        }
        Ok(Intention::Act { subject: aws_client::line(&off.join(", ")) })
    }

    async fn start(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let mut told = Vec::new();
        for trail in &stopped(delivery.finding().json()) {
            if self.status(trail).await? {
                told.push(format!("{} is on", trail.name));
                continue;
            }
            let client = self.client(trail).await;
            let call = client.start_logging().name(&trail.name).send().await;
            call.map_err(|error| {
                of_one_account(fault::of_call(&error, "cannot start the trail", "cloudtrail:StartLogging"))
            })?;
            if !self.status(trail).await? {
                let reason = format!("{} was started and is still off", aws_client::line(&trail.name));
                return Err(DeliveryError::retryable(reason));
            }
            told.push(format!("{} was off and is on again", trail.name));
        }
        Ok(Receipt::of(aws_client::line(&told.join(", "))))
    }

    /// Whether a trail is on, as far as that matters for what happened at a time.
    async fn is_on(&self, trail: &Trail, happened: Option<Timestamp>) -> Result<bool, DeliveryError> {
        let pause = SignedDuration::try_from(PAUSE).unwrap_or(SignedDuration::ZERO);
        let seen = self.seen_on.lock().unwrap_or_else(PoisonError::into_inner).get(trail).copied();
        if let Some(seen) = seen {
            if happened.is_some_and(|happened| happened.saturating_add(pause).is_ok_and(|later| later < seen))
            {
                return Ok(true);
            }
            if (self.clock)().duration_since(seen) < pause {
                let reason = format!(
                    "{} was on at {seen} and is looked at again later",
                    aws_client::line(&trail.name)
                );
                return Err(DeliveryError::retryable(reason));
            }
        }
        self.status(trail).await
    }

    /// Asks whether a trail is on.
    async fn status(&self, trail: &Trail) -> Result<bool, DeliveryError> {
        let client = self.client(trail).await;
        let answer = client.get_trail_status().name(&trail.name).send().await;
        let what = "cannot ask whether the trail is on";
        let answer = answer
            .map_err(|error| of_one_account(fault::of_call(&error, what, "cloudtrail:GetTrailStatus")))?;
        let is_on = answer.is_logging().unwrap_or_default();
        if is_on {
            let mut seen_on = self.seen_on.lock().unwrap_or_else(PoisonError::into_inner);
            if seen_on.len() >= REMEMBERED_MAX {
                seen_on.clear();
            }
            seen_on.insert(trail.clone(), (self.clock)());
        }
        Ok(is_on)
    }

    async fn client(&self, trail: &Trail) -> Client {
        let mut clients = self.clients.lock().await;
        if clients.len() >= REMEMBERED_MAX {
            clients.clear();
        }
        let key = (trail.region.clone(), trail.account.clone());
        if let Some(client) = clients.get(&key) {
            return client.clone();
        }
        let role = self
            .aws
            .role
            .clone()
            .map(|role| Role { arn: role.arn.replace("{account}", &trail.account), ..role });
        let aws = AwsSettings { region: Some(trail.region.clone()), role, ..self.aws.clone() };
        let client = Client::new(&aws_client::load(&aws, None, Repeats::Never).await);
        clients.insert(key, client.clone());
        client
    }
}

impl Action for StartLogging {
    fn name(&self) -> &'static str {
        "start-logging"
    }

    fn intend<'a>(&'a self, delivery: &'a Delivery) -> Intending<'a> {
        Box::pin(self.look(delivery))
    }

    fn act<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.start(delivery))
    }
}

/// What one account denies is no reason to leave the others alone: the lane is not paused for it, and the delivery waits as its policy says.
fn of_one_account(error: DeliveryError) -> DeliveryError {
    match error {
        DeliveryError::Retryable { reason, .. } => DeliveryError::Retryable { reason, retry_after: None },
        error @ DeliveryError::Permanent { .. } => error,
    }
}

/// The trails that a finding's records say were stopped.
fn stopped(finding: &str) -> BTreeSet<Trail> {
    #[derive(Deserialize)]
    struct Finding<'j> {
        #[serde(borrow)]
        detail: Detail<'j>,
    }
    #[derive(Deserialize)]
    struct Detail<'j> {
        #[serde(borrow, default)]
        records: Vec<&'j RawValue>,
    }
    let finding: Option<Finding<'_>> = serde_json::from_str(finding).ok();
    let records = finding.map(|finding| finding.detail.records).unwrap_or_default();
    records.into_iter().filter_map(|record| trail_of(record.get())).take(TRAILS_MAX).collect()
}

/// The trail that a record says was stopped.
fn trail_of(record: &str) -> Option<Trail> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Record {
        event_source: String,
        event_name: String,
        aws_region: String,
        error_code: Option<String>,
        recipient_account_id: Option<String>,
        user_identity: Option<Identity>,
        request_parameters: Parameters,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Identity {
        account_id: Option<String>,
    }
    #[derive(Deserialize)]
    struct Parameters {
        name: String,
    }
    let record: Record = serde_json::from_str(record).ok()?;
    let is_stop = record.event_source == "cloudtrail.amazonaws.com" && record.event_name == "StopLogging";
    if !is_stop || record.error_code.is_some() {
        return None;
    }
    let name = record.request_parameters.name;
    let mut parts = name.split(':').skip(3);
    // A trail can be stopped in its home region alone, so that is where it was.
    let (region, account) = if name.starts_with("arn:") {
        (parts.next()?.to_owned(), parts.next()?.to_owned())
    } else {
        let caller = record.user_identity.and_then(|identity| identity.account_id);
        (record.aws_region, record.recipient_account_id.or(caller)?)
    };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    (is_region(&region) && is_account).then_some(Trail { name, region, account })
}

/// When the last of a finding's events happened.
fn last_time(finding: &str) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Finding {
        detail: Detail,
    }
    #[derive(Deserialize)]
    struct Detail {
        last_time: Option<String>,
    }
    let finding: Finding = serde_json::from_str(finding).ok()?;
    finding.detail.last_time?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOP: &str = r#"{"eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","awsRegion":"eu-west-1","recipientAccountId":"111122223333","requestParameters":{"name":"NAME"}}"#;

    #[test]
    fn only_what_was_stopped_is_started() {
        let arn = "arn:aws:cloudtrail:eu-central-1:444455556666:trail/main";
        let trail = |record: &str| {
            trail_of(record).map(|Trail { name, region, account }| format!("{name} {region} {account}"))
        };
        for (record, wanted) in [
            (STOP.replace("NAME", "main"), Some("main eu-west-1 111122223333".to_owned())),
            (STOP.replace("NAME", arn), Some(format!("{arn} eu-central-1 444455556666"))),
            (STOP.replace("StopLogging", "StartLogging"), None),
            (STOP.replace("cloudtrail.", "clowntrail."), None),
            (STOP.replace(r#""awsRegion""#, r#""errorCode":"AccessDenied","awsRegion""#), None),
            (STOP.replace("NAME", "arn:aws:cloudtrail:nowhere:444455556666:trail/main"), None),
            (STOP.replace("111122223333", "evil.example"), None),
            (STOP.replace(r#"{"name":"NAME"}"#, "null"), None),
        ] {
            assert_eq!(trail(&record), wanted, "{record}");
        }
    }
}
