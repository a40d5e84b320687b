//! Who may be saved and who may be deleted, with the service's texts.

use serde::{Deserialize, Serialize};

use super::parse::AlarmRuleError;
use super::rule::AlarmRule;

/// Where a set of alarms lives: it makes names into ARNs.
///
/// ```
/// use alarm::composite::Home;
///
/// let home = Home::new("us-east-1", "123456789012");
/// assert_eq!(home.arn("cpu"), "arn:aws:cloudwatch:us-east-1:123456789012:alarm:cpu");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Home {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// Such as `us-east-1`.
    pub region: String,
    /// Twelve digits.
    pub account: String,
}

impl Home {
    /// A region of an account in the standard partition.
    pub fn new(region: impl Into<String>, account: impl Into<String>) -> Self {
        Self { partition: "aws".to_owned(), region: region.into(), account: account.into() }
    }

    /// The ARN of an alarm named or given by ARN.
    pub fn arn(&self, reference: &str) -> String {
        if arn_parts(reference).is_some() {
            return reference.to_owned();
        }
        let Self { partition, region, account } = self;
        format!("arn:{partition}:cloudwatch:{region}:{account}:alarm:{reference}")
    }
}

/// Region, account and name of an alarm's ARN; `None` for a plain name.
fn arn_parts(reference: &str) -> Option<(&str, &str, &str)> {
    let mut parts = reference.splitn(7, ':');
    let fixed = parts.next() == Some("arn") && parts.next().is_some() && parts.next() == Some("cloudwatch");
    let (region, account) = (parts.next()?, parts.next()?);
    (fixed && parts.next() == Some("alarm")).then_some((region, account, parts.next()?))
}

/// The name at the end of an alarm's ARN, or the reference itself.
pub(super) fn name_of(reference: &str) -> &str {
    arn_parts(reference).map_or(reference, |(_, _, name)| name)
}

/// A composite alarm cannot be saved or alarms cannot be deleted. The service's code for all of them is
/// `ValidationError`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompositeError {
    /// The rule cannot be read.
    #[error(transparent)]
    Rule(#[from] AlarmRuleError),
    /// A child of another account. The text is the service's.
    #[error("A composite alarm cannot have a child relation with alarms from another AWS account")]
    ForeignAccount,
    /// A child of another region. The service refuses it too, in words that are not known.
    #[error("A composite alarm cannot have a child relation with alarms from another AWS region")]
    ForeignRegion,
    /// The rule refers to the alarm itself. The service refuses it too, in words that are not known.
    #[error("A composite alarm cannot have a child relation with itself")]
    SelfReference,
    /// Children that do not exist. The text is the service's.
    #[error("Could not save the composite alarm as alarms [{}] in the alarm rule do not exist", .0.join(", "))]
    MissingChildren(Vec<String>),
    /// The suppressor does not exist.
    #[error("the actions suppressor {0} does not exist; create it first")]
    MissingSuppressor(String),
    /// A suppressor without periods.
    #[error(
        "an actions suppressor needs both `actions_suppressor_wait_period` and `actions_suppressor_extension_period`"
    )]
    SuppressorPeriods,
    /// The name belongs to a metric alarm.
    #[error("`{0}` is the name of a metric alarm; choose another name")]
    NameTaken(String),
    /// Somebody still depends on it. The text is the service's.
    #[error("Cannot delete {0} as there are composite alarm(s) depending on it.")]
    DependedOn(String),
    /// No alarm of that name.
    #[error("there is no alarm named `{0}`")]
    NotFound(String),
}

/// Checks the children of a rule for the alarm `name`; `exists` is asked for ARNs.
pub(super) fn admit(
    home: &Home,
    name: &str,
    rule: &AlarmRule,
    exists: impl Fn(&str) -> bool,
) -> Result<(), CompositeError> {
    let foreign = |check: fn(&Home, &str, &str) -> bool| {
        rule.references().iter().any(|reference| {
            arn_parts(reference).is_some_and(|(region, account, _)| check(home, region, account))
        })
    };
    if foreign(|home, _, account| account != home.account) {
        return Err(CompositeError::ForeignAccount);
    }
    if foreign(|home, region, _| region != home.region) {
        return Err(CompositeError::ForeignRegion);
    }
    let own = home.arn(name);
    let children: Vec<String> = rule.references().iter().map(|reference| home.arn(reference)).collect();
    if children.contains(&own) {
        return Err(CompositeError::SelfReference);
    }
    let missing: Vec<String> = children.into_iter().filter(|child| !exists(child)).collect();
    if missing.is_empty() { Ok(()) } else { Err(CompositeError::MissingChildren(missing)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_told_from_names() {
        let home = Home::new("us-east-1", "123456789012");
        let arn = "arn:aws:cloudwatch:eu-west-1:1:alarm:a:b";
        assert_eq!(home.arn(arn), arn);
        assert_eq!(name_of(arn), "a:b");
        assert_eq!(name_of("arn:aws:sns:eu-west-1:1:x"), "arn:aws:sns:eu-west-1:1:x");
    }
}
