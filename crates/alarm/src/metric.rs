//! What names a metric: namespace, name and dimensions.
//!
//! CloudWatch treats each unique combination of dimensions as a separate metric and never rolls custom metrics up, so
//! [`Metric`] is a plain key: two are equal when all three parts are equal, whatever order the dimensions came in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The identity of a metric; a key to route samples by.
///
/// ```
/// use alarm::Metric;
///
/// let one = Metric::new("CIS", "RootUsage").with("account", "111122223333").with("region", "us-east-1");
/// let two = Metric::new("CIS", "RootUsage").with("region", "us-east-1").with("account", "111122223333");
/// assert_eq!(one, two);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// The container of the metric, such as `AWS/EC2` or one of your own.
    pub namespace: String,
    /// The name within the namespace.
    #[serde(alias = "name")]
    pub metric_name: String,
    /// Name and value pairs; part of the identity.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dimensions: BTreeMap<String, String>,
}

impl Metric {
    /// A metric without dimensions.
    pub fn new(namespace: impl Into<String>, metric_name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), metric_name: metric_name.into(), dimensions: BTreeMap::new() }
    }

    /// The same metric with one more dimension.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.dimensions.insert(name.into(), value.into());
        self
    }
}
