//! CloudWatch Logs: the finding as a log event.
//!
//! Its timestamp is when it is sent, since the service refuses what happened two weeks ago or before its group's retention; the finding has
//! its own time inside. A log stream that is missing is created if that is allowed, and the group never: whoever owns it decides on its
//! retention and its key.

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::operation::create_log_stream::CreateLogStreamError;
use aws_sdk_cloudwatchlogs::operation::put_log_events::PutLogEventsError;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;

use super::batches::{Limits, in_batches};
use super::connection::Connection;
use super::fit::Fitted;
use super::{LogsSettings, fault};
use crate::{Clock, Delivering, Delivery, DeliveryError, Events, Receipt, Shape, Target};

/// The largest log event with what the service counts beside it, in bytes: what every region takes.
const EVENT_MAX: usize = 256 * 1024;
const BESIDE: usize = 26;
/// The largest request, in bytes, with what the service counts beside each event.
const REQUEST_MAX: usize = 1024 * 1024;
const GRANT: &str = "logs:PutLogEvents";
const WHAT: &str = "cannot put the log event";

/// Puts events into a log stream.
pub(super) struct Logs {
    connection: Connection<Client>,
    group: String,
    stream: String,
    create: bool,
    shape: Shape,
    clock: Clock,
}

impl Logs {
    pub(super) fn new(settings: LogsSettings, clock: Clock) -> Self {
        let LogsSettings { group, stream, create, shape, aws } = settings;
        let connection = Connection::new(aws, aws_client::region_of_arn(&group), Client::new);
        // Calls know groups by name alone.
        let name = group.split(":log-group:").nth(1).map(|name| name.trim_end_matches(":*").to_owned());
        Logs { connection, group: name.unwrap_or(group), stream, create, shape, clock }
    }

    async fn put(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let fitted = Fitted::of(&self.shape, delivery, EVENT_MAX - BESIDE)?;
        let note = fitted.note();
        self.put_all(vec![self.event(&fitted.text)?]).await?;
        Ok(super::receipt(&format!("written to {}{note}", self.stream)))
    }

    fn event(&self, text: &str) -> Result<InputLogEvent, DeliveryError> {
        let event = InputLogEvent::builder().timestamp((self.clock)().as_millisecond()).message(text);
        event.build().map_err(|error| fault::unbuilt(&error))
    }

    /// Puts events, all of the same moment, which is how the service wants them ordered.
    async fn put_all(&self, events: Vec<InputLogEvent>) -> Result<(), DeliveryError> {
        let client = self.connection.client().await;
        let call = || {
            let call = client.put_log_events().log_group_name(&self.group).log_stream_name(&self.stream);
            call.set_log_events(Some(events.clone())).send()
        };
        let mut answer = call().await;
        if self.create
            && answer.as_ref().is_err_and(|error| {
                error.as_service_error().is_some_and(PutLogEventsError::is_resource_not_found_exception)
            })
        {
            self.create_stream(client).await?;
            answer = call().await;
        }
        let answer = answer.map_err(|error| fault::of_call(&error, WHAT, GRANT))?;
        if let Some(rejected) = answer.rejected_log_events_info() {
            return Err(DeliveryError::Permanent {
                reason: format!("{WHAT}: it was rejected, {rejected:?}"),
            });
        }
        Ok(())
    }

    async fn put_events(&self, events: &Events) -> Result<Receipt, DeliveryError> {
        let size = |text: &str| text.len() + BESIDE;
        let limits = Limits { events: 1_000, bytes: REQUEST_MAX, each: EVENT_MAX, size };
        in_batches(events, limits, |batch: Vec<&str>| async move {
            let mut entries = batch.iter().map(|text| self.event(text)).collect::<Result<Vec<_>, _>>()?;
            entries.sort_by_key(InputLogEvent::timestamp);
            self.put_all(entries).await.map(|()| Vec::new())
        })
        .await
    }

    async fn create_stream(&self, client: &Client) -> Result<(), DeliveryError> {
        let call = client.create_log_stream().log_group_name(&self.group).log_stream_name(&self.stream);
        match call.send().await {
            Ok(_) => Ok(()),
            // Somebody else was faster.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(CreateLogStreamError::is_resource_already_exists_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(fault::of_call(&error, "cannot create the log stream", "logs:CreateLogStream")),
        }
    }
}

impl Target for Logs {
    fn forward<'a>(&'a self, events: &'a Events) -> Delivering<'a> {
        Box::pin(self.put_events(events))
    }

    fn event_max(&self) -> usize {
        EVENT_MAX - BESIDE
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.put(delivery))
    }
}
