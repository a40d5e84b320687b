//! Lambda: a function invoked asynchronously, with the finding as its event.
//!
//! Lambda hands nothing of a call but the payload to such an invocation, so a function that must not act twice looks at `id` and
//! `detail.revision` of the finding. It is Lambda that calls the function again when it fails.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use tokio::task::JoinSet;

use super::batches::{Limits, in_batches};
use super::connection::Connection;
use super::fit::Fitted;
use super::{LambdaSettings, fault};
use crate::{Delivering, Delivery, DeliveryError, Events, Receipt, Shape, Target};

/// The largest payload of an asynchronous invocation, in bytes: what every region takes.
const PAYLOAD_MAX: usize = 256 * 1024;
const GRANT: &str = "lambda:InvokeFunction";
const WHAT: &str = "cannot invoke the function";
/// How many invocations are under way at once: a batch of five hundred events, one after the other, would take longer than an attempt may.
const AT_ONCE: usize = 20;

/// Invokes a function.
pub(super) struct Lambda {
    connection: Connection<Client>,
    function: String,
    shape: Shape,
}

impl Lambda {
    pub(super) fn new(settings: LambdaSettings) -> Self {
        let LambdaSettings { function, shape, aws } = settings;
        let connection = Connection::new(aws, aws_client::region_of_arn(&function), Client::new);
        Lambda { connection, function, shape }
    }

    async fn invoke(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let fitted = Fitted::of(&self.shape, delivery, PAYLOAD_MAX)?;
        let note = fitted.note();
        let call = self.connection.client().await.invoke().function_name(&self.function);
        let call = call.invocation_type(InvocationType::Event).payload(Blob::new(fitted.text));
        let answer = call.send().await;
        let answer = answer.map_err(|error| fault::of_call(&error, WHAT, GRANT))?;
        Ok(super::receipt(&format!("accepted with status {}{note}", answer.status_code())))
    }
}

impl Lambda {
    /// Each event by itself, as EventBridge would invoke it.
    async fn invoke_each(&self, events: &Events) -> Result<Receipt, DeliveryError> {
        let client = self.connection.client().await;
        let limits = Limits { events: AT_ONCE, bytes: usize::MAX, each: PAYLOAD_MAX, size: str::len };
        in_batches(events, limits, |batch: Vec<&str>| async move {
            let mut calls = JoinSet::new();
            for (text, place) in batch.into_iter().zip(0..) {
                let call =
                    client.invoke().function_name(&self.function).invocation_type(InvocationType::Event);
                let call = call.payload(Blob::new(text)).send();
                calls.spawn(async move { (place, call.await) });
            }
            let mut not_taken = Vec::new();
            while let Some(ended) = calls.join_next().await {
                let (place, answer) =
                    ended.map_err(|_| DeliveryError::retryable("an invocation broke down inside"))?;
                let Err(error) = answer else { continue };
                match fault::of_call(&error, WHAT, GRANT) {
                    // Somebody has to act, or the service asks for time: the others would hear the same.
                    error @ DeliveryError::Retryable { retry_after: Some(_), .. } => return Err(error),
                    error => not_taken.push((place, error)),
                }
            }
            Ok(not_taken)
        })
        .await
    }
}

impl Target for Lambda {
    fn forward<'a>(&'a self, events: &'a Events) -> Delivering<'a> {
        Box::pin(self.invoke_each(events))
    }

    fn event_max(&self) -> usize {
        PAYLOAD_MAX
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.invoke(delivery))
    }
}
