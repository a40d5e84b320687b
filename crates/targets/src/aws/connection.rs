//! A client that is made when it is first needed: finding credentials may wait for the network, and setting a target up must not.

use aws_client::{AwsSettings, Repeats, SdkConfig};
use tokio::sync::OnceCell;

/// A client of a service.
pub(super) struct Connection<C> {
    aws: AwsSettings,
    region: Option<String>,
    make: fn(&SdkConfig) -> C,
    client: OnceCell<C>,
}

impl<C> Connection<C> {
    /// A client that `make` makes. `region` is what an ARN or a URL says.
    pub(super) fn new(aws: AwsSettings, region: Option<&str>, make: fn(&SdkConfig) -> C) -> Self {
        Connection { aws, region: region.map(str::to_owned), make, client: OnceCell::new() }
    }

    /// The client.
    pub(super) async fn client(&self) -> &C {
        let make = || async {
            (self.make)(&aws_client::load(&self.aws, self.region.as_deref(), Repeats::Never).await)
        };
        self.client.get_or_init(make).await
    }
}
