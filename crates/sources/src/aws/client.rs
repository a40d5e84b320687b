//! Clients with bounded waits, one TLS stack, and the endpoint that was set.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::Credentials;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// Which AWS.
#[derive(Debug, Clone, Default)]
pub struct AwsSettings {
    /// The region; none takes the queue's own, else what the environment says.
    pub region: Option<String>,
    /// Another endpoint than AWS's: a private one, or a test's.
    pub endpoint: Option<String>,
    /// Fixed keys; none finds credentials as every AWS tool does.
    pub keys: Option<Keys>,
}

/// Keys for an endpoint that wants others than the environment's: a store that speaks S3 but is not AWS. Not shown.
#[derive(Debug, Clone)]
pub struct Keys(Credentials);

impl Keys {
    /// A pair of keys.
    #[must_use]
    pub fn new(access_key_id: &str, secret_access_key: &str) -> Self {
        Keys(Credentials::new(access_key_id, secret_access_key, None, None, "configuration"))
    }
}

/// How long an answer may take to begin: longer than a queue makes a receiver wait.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
const CONNECT_WAIT: Duration = Duration::from_secs(5);

/// Everything clients have in common.
pub(super) async fn load(settings: &AwsSettings, region: Option<String>) -> SdkConfig {
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_WAIT).read_timeout(ANSWER_WAIT).build();
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).http_client(http).timeout_config(timeouts);
    if let Some(region) = settings.region.clone().or(region) {
        loader = loader.region(Region::new(region));
    }
    if let Some(endpoint) = &settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(Keys(credentials)) = &settings.keys {
        loader = loader.credentials_provider(credentials.clone());
    }
    loader.load().await
}

/// A client for S3, in another region if the bucket is in one.
pub(super) fn s3(config: &SdkConfig, region: Option<&str>) -> aws_sdk_s3::Client {
    let mut builder = aws_sdk_s3::config::Builder::from(config);
    if let Some(region) = region {
        builder = builder.region(Region::new(region.to_owned()));
    }
    // A bucket in the host's name needs names that only AWS serves.
    builder = builder.force_path_style(config.endpoint_url().is_some());
    aws_sdk_s3::Client::from_conf(builder.build())
}

/// The region in a queue's address.
pub(super) fn region_of_queue(url: &str) -> Option<String> {
    let host = url.split("://").nth(1)?.split(['/', ':']).next()?;
    let labels: Vec<&str> = host.split('.').collect();
    let behind_sqs = labels
        .iter()
        .position(|label| *label == "sqs" || *label == "sqs-fips")
        .and_then(|at| labels.get(at + 1));
    let before_queue =
        labels.iter().position(|label| *label == "queue").and_then(|at| labels.get(at.checked_sub(1)?));
    let region =
        behind_sqs.or(before_queue).filter(|label| label.contains('-') && host.contains("amazonaws"));
    region.map(|region| (*region).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_of_a_queue() {
        for (url, wanted) in [
            ("https://sqs.eu-central-1.amazonaws.com/111122223333/cloudtrail", Some("eu-central-1")),
            ("https://eu-west-1.queue.amazonaws.com/111122223333/cloudtrail", Some("eu-west-1")),
            ("https://sqs.cn-north-1.amazonaws.com.cn/111122223333/q", Some("cn-north-1")),
            ("https://vpce-0a-1b.sqs.us-east-2.vpce.amazonaws.com/111122223333/q", Some("us-east-2")),
            ("https://sqs-fips.us-gov-west-1.amazonaws.com/1/q", Some("us-gov-west-1")),
            ("http://127.0.0.1:5000/111122223333/q", None),
            ("cloudtrail", None),
        ] {
            assert_eq!(region_of_queue(url).as_deref(), wanted, "{url}");
        }
    }
}
