//! Everything clients have in common: bounded waits, one TLS stack, the endpoint and the role that were set.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use crate::{AwsSettings, Keys};

/// Whether a client repeats calls that fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// As the SDK does: twice, soon.
    AsUsual,
    /// Never: whoever calls decides when to call again, and remembers that it has to.
    Never,
}

/// How long an answer may take to begin: longer than a queue makes a receiver wait.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// How a session is called that was made by assuming a role, and how calls name their maker in CloudTrail.
const NAME: &str = "trailhound";

/// What clients are made of. `region` is what is known of it beside the settings. Nothing is called yet, whatever the settings say.
pub async fn load(settings: &AwsSettings, region: Option<&str>, repeats: Repeats) -> SdkConfig {
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_WAIT).read_timeout(ANSWER_WAIT).build();
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).http_client(http).timeout_config(timeouts);
    if repeats == Repeats::Never {
        loader = loader.retry_config(RetryConfig::disabled());
    }
    if let Ok(name) = AppName::new(NAME) {
        loader = loader.app_name(name);
    }
    if let Some(region) = settings.region.as_deref().or(region) {
        loader = loader.region(Region::new(region.to_owned()));
    }
    if let Some(endpoint) = &settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(Keys { id, secret }) = &settings.keys {
        loader = loader.credentials_provider(Credentials::new(&**id, &**secret, None, None, "configuration"));
    }
    let config = loader.load().await;
    let Some(role) = &settings.role else { return config };
    let mut assumed = AssumeRoleProvider::builder(&role.arn).session_name(NAME).configure(&config);
    if let Some(id) = &role.external_id {
        assumed = assumed.external_id(id);
    }
    let assumed = assumed.build().await;
    config.to_builder().credentials_provider(SharedCredentialsProvider::new(assumed)).build()
}
