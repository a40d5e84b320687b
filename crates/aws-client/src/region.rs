//! Regions, where a name or an address says one.

/// Whether a text has the shape of a region's name, such as `eu-central-1`.
///
/// ```
/// use aws_client::is_region;
///
/// assert!(is_region("eu-central-1") && is_region("us-gov-west-1"));
/// assert!(!is_region("Frankfurt") && !is_region("eu-central"));
/// ```
#[must_use]
pub fn is_region(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && text.split('-').count() >= 3
        && text.ends_with(|last: char| last.is_ascii_digit())
}

/// The region in `arn:PARTITION:SERVICE:REGION:…`.
///
/// ```
/// assert_eq!(aws_client::region_of_arn("arn:aws:sns:eu-west-1:111122223333:alerts"), Some("eu-west-1"));
/// assert_eq!(aws_client::region_of_arn("arn:aws:s3:::bucket"), None);
/// ```
#[must_use]
pub fn region_of_arn(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    let is_arn = parts.next() == Some("arn");
    let region = parts.nth(2)?;
    (is_arn && is_region(region)).then_some(region)
}

/// The region in a queue's address.
///
/// ```
/// let url = "https://sqs.eu-west-1.amazonaws.com/111122223333/alerts";
/// assert_eq!(aws_client::region_of_queue(url), Some("eu-west-1"));
/// ```
#[must_use]
pub fn region_of_queue(url: &str) -> Option<&str> {
    let host = url.split("://").nth(1)?.split(['/', ':']).next()?;
    let labels: Vec<&str> = host.split('.').collect();
    let behind_sqs = labels
        .iter()
        .position(|label| *label == "sqs" || *label == "sqs-fips")
        .and_then(|at| labels.get(at + 1));
    let before_queue =
        labels.iter().position(|label| *label == "queue").and_then(|at| labels.get(at.checked_sub(1)?));
    let region = behind_sqs.or(before_queue).copied();
    region.filter(|label| is_region(label) && host.contains("amazonaws"))
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
            ("https://sqs.amazonaws.com/1/q", None),
            ("http://127.0.0.1:5000/111122223333/q", None),
            ("cloudtrail", None),
        ] {
            assert_eq!(region_of_queue(url), wanted, "{url}");
        }
    }
}
