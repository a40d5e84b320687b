//! Lambda as somebody who knows more: a function that is handed a finding and answers with what belongs to it.

use std::sync::Arc;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;

use super::connection::Connection;
use super::fault;
use crate::{EnrichError, LambdaEnricherSettings};

const GRANT: &str = "lambda:InvokeFunction";

/// Asks a function.
pub(crate) struct Question {
    function: Arc<Function>,
    settings: LambdaEnricherSettings,
}

struct Function {
    connection: Connection<Client>,
    name: String,
}

impl Question {
    pub(crate) fn new(settings: &LambdaEnricherSettings) -> Self {
        let LambdaEnricherSettings { function, aws, .. } = settings;
        let connection = Connection::new(aws.clone(), aws_client::region_of_arn(function), Client::new);
        let function = Arc::new(Function { connection, name: function.clone() });
        Question { function, settings: settings.clone() }
    }

    /// Invokes the function and waits for what it says, which is JSON.
    pub(crate) async fn ask(&self, finding: Vec<u8>) -> Result<Vec<u8>, EnrichError> {
        let function = Arc::clone(&self.function);
        // A task of its own: whoever finds credentials for the first time is not broken off by a finding that waits no longer.
        let asked = tokio::spawn(async move { function.invoke(finding).await });
        match tokio::time::timeout(self.settings.timeout, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(EnrichError::Call("asking broke down inside".to_owned())),
            Err(_) => {
                let seconds = self.settings.timeout.as_secs_f32();
                Err(EnrichError::Call(format!("no answer within {seconds} s")))
            }
        }
    }
}

impl Function {
    async fn invoke(&self, finding: Vec<u8>) -> Result<Vec<u8>, EnrichError> {
        let call = self.connection.client().await.invoke().function_name(&self.name);
        let call = call.invocation_type(InvocationType::RequestResponse).payload(Blob::new(finding));
        let answer = call.send().await.map_err(|error| {
            EnrichError::Call(fault::of_call(&error, "cannot invoke the function", GRANT).to_string())
        })?;
        if let Some(error) = answer.function_error() {
            // What it says may hold anything of the function's; how it failed is enough.
            return Err(EnrichError::Call(format!("the function failed: {}", aws_client::line(error))));
        }
        let said = answer.payload.map(Blob::into_inner).unwrap_or_default();
        Ok(if said == b"null" { Vec::new() } else { said })
    }
}
