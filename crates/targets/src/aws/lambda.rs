//! Lambda: a function invoked asynchronously, with the finding as its event.
//!
//! Lambda hands nothing of a call but the payload to such an invocation, so a function that must not act twice looks at `id` and
//! `detail.revision` of the finding. It is Lambda that calls the function again when it fails.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;

use super::batches::{Limits, in_batches};
use super::connection::Connection;
use super::fit::Fitted;
use super::{LambdaSettings, fault};
use crate::{Delivering, Delivery, DeliveryError, Events, Receipt, Shape, Target};

/// The largest payload of an asynchronous invocation, in bytes: what every region takes.
const PAYLOAD_MAX: usize = 256 * 1024;
const GRANT: &str = "lambda:InvokeFunction";

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
        let answer = answer.map_err(|error| fault::of_call(&error, "cannot invoke the function", GRANT))?;
        Ok(super::receipt(&format!("accepted with status {}{note}", answer.status_code())))
    }
}

impl Lambda {
    /// Each event by itself, as EventBridge would invoke it.
    async fn invoke_each(&self, events: &Events) -> Result<Receipt, DeliveryError> {
        let client = self.connection.client().await;
        in_batches(events, Limits { events: 1, bytes: PAYLOAD_MAX }, |batch: Vec<&str>| async move {
            for text in batch {
                let call =
                    client.invoke().function_name(&self.function).invocation_type(InvocationType::Event);
                let answer = call.payload(Blob::new(text)).send().await;
                answer.map_err(|error| fault::of_call(&error, "cannot invoke the function", GRANT))?;
            }
            Ok(Vec::new())
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
