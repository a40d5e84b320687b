//! Clients for S3.

use aws_client::SdkConfig;
use aws_sdk_s3::config::Region;

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
