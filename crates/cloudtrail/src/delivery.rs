//! Which events EventBridge itself would have handed to a rule.
//!
//! Trailhound sees every record; AWS does not deliver every record to every rule. A rule moved from EventBridge may rely on that, so
//! the gate is a pure function that a rule can ask for.

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::record::Record;

/// The largest event that CloudTrail hands to EventBridge and CloudWatch Logs, in bytes of its compact text.
pub const MAX_DELIVERED: usize = 256 * 1_024;

/// Which events a rule wants to see.
///
/// As AWS documents it: a rule that is `ENABLED` gets management events that write, data events, network activity and Insights; one that
/// is `ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS` gets management events that only read as well. Recorded in September 2026:
/// data events reach both, whatever their `readOnly`. Events over [`MAX_DELIVERED`] reach neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// Every record, delivered by AWS or not.
    #[default]
    All,
    /// What a rule in state `ENABLED` gets.
    AwsEnabled,
    /// What a rule in state `ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS` gets.
    AwsAllManagement,
}

/// How `AssumeRole`, `AssumeRoleWithSAML` and `AssumeRoleWithWebIdentity` are delivered to a rule that is `ENABLED`.
///
/// They are management events with `readOnly: true`, so by AWS's present text such a rule does not get them. By its former text,
/// which held back names beginning with `Get`, `List` or `Describe`, it did; many rules in use were written then. Which of the two the
/// service does has not been recorded, so whoever asks says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AssumeRole {
    /// Held back like any other read, by AWS's present text.
    #[default]
    HeldBack,
    /// Delivered, by AWS's former text.
    Delivered,
}

impl Delivery {
    /// Whether a rule with this setting would have been given `event`. Events that are not CloudTrail's always are.
    pub fn delivers(self, event: &Event<'_>, assume_role: AssumeRole) -> bool {
        let Some(record) = event.record() else { return true };
        match self {
            Delivery::All => true,
            Delivery::AwsEnabled => !is_oversized(record) && !is_held_back(record, assume_role),
            Delivery::AwsAllManagement => !is_oversized(record),
        }
    }
}

fn is_oversized(record: &Record<'_>) -> bool {
    if record.json.bytes().len() <= MAX_DELIVERED {
        return false;
    }
    // White space does not count.
    let mut compact = Vec::new();
    record.json.write_compact(&mut compact);
    compact.len() > MAX_DELIVERED
}

/// Whether the record is a management event that only reads.
fn is_held_back(record: &Record<'_>, assume_role: AssumeRole) -> bool {
    let is_management = match record.event_category {
        Some(category) => category.is("Management"),
        // Before eventVersion 1.07 there was only the flag, before 1.06 not even that, and hardly any data events.
        None => !record.is_insight() && record.management_event.unwrap_or(true),
    };
    let is_event = |plain: &str| record.event_name.is_some_and(|name| name.is(plain));
    let assumes_role =
        ["AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"].into_iter().any(is_event);
    if assumes_role && assume_role == AssumeRole::Delivered {
        return false;
    }
    is_management && record.read_only.unwrap_or_else(|| reads_by_name(record))
}

/// AWS's former rule, for records that do not say whether they only read.
fn reads_by_name(record: &Record<'_>) -> bool {
    let Some(name) = record.event_name.map(|name| name.raw()) else { return false };
    let reads = [&b"Get"[..], b"List", b"Describe"].iter().any(|prefix| name.starts_with(prefix));
    reads && name != b"GetFederationToken" && name != b"GetSessionToken"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Body;
    use crate::time::{EventTime, Minute};

    fn delivered(members: &str, delivery: Delivery, assume_role: AssumeRole) -> bool {
        let text = format!("{{{members}}}");
        let mut scanner = json_scan::Scanner::new(text.as_bytes()).unwrap();
        let record = Record::read(scanner.object().unwrap()).unwrap();
        delivery.delivers(
            &Event::new(Body::Record(record), 0, EventTime::EPOCH, None, &mut Minute::default()),
            assume_role,
        )
    }

    /// Members of a record, and whether a rule that is ENABLED, or enabled for all management events, gets it.
    const CASES: &[(&str, bool, bool)] = &[
        (
            r#""eventName":"StopLogging","readOnly":false,"managementEvent":true,"eventCategory":"Management""#,
            true,
            true,
        ),
        (
            r#""eventName":"DescribeKey","readOnly":true,"managementEvent":true,"eventCategory":"Management""#,
            false,
            true,
        ),
        (
            r#""eventName":"GetObject","readOnly":true,"managementEvent":false,"eventCategory":"Data""#,
            true,
            true,
        ),
        (
            r#""eventName":"PutObject","readOnly":false,"managementEvent":false,"eventCategory":"Data""#,
            true,
            true,
        ),
        (
            r#""eventName":"Decrypt","readOnly":true,"managementEvent":false,"eventCategory":"NetworkActivity""#,
            true,
            true,
        ),
        (r#""eventType":"AwsCloudTrailInsight","eventCategory":"Insight""#, true, true),
        (
            r#""eventName":"GetSessionToken","readOnly":false,"managementEvent":true,"eventCategory":"Management""#,
            true,
            true,
        ),
        (r#""eventName":"GetSessionToken""#, true, true),
        (r#""eventName":"DescribeInstances""#, false, true),
        (r#""eventName":"RunInstances""#, true, true),
        (r#""eventName":"GetObject","readOnly":"true","managementEvent":false"#, true, true),
    ];

    #[test]
    fn what_rules_of_each_state_get() {
        for (members, enabled, all_management) in CASES {
            let seen = [Delivery::AwsEnabled, Delivery::AwsAllManagement, Delivery::All]
                .map(|delivery| delivered(members, delivery, AssumeRole::HeldBack));
            assert_eq!(seen, [*enabled, *all_management, true], "{members}");
        }
    }

    #[test]
    fn who_asks_decides_about_assumed_roles() {
        let event =
            r#""eventName":"AssumeRole","readOnly":true,"managementEvent":true,"eventCategory":"Management""#;
        assert!(!delivered(event, Delivery::AwsEnabled, AssumeRole::HeldBack));
        assert!(delivered(event, Delivery::AwsEnabled, AssumeRole::Delivered));
        assert!(delivered(event, Delivery::AwsAllManagement, AssumeRole::HeldBack));
    }

    #[test]
    fn size_is_that_of_the_compact_text() {
        let padded = |value: &str| format!(r#""eventName":"RunInstances",{value}"#);
        let blanks = padded(&format!(r#""a":{}1"#, " ".repeat(MAX_DELIVERED)));
        let letters = padded(&format!(r#""a":"{}""#, "x".repeat(MAX_DELIVERED)));
        assert!(delivered(&blanks, Delivery::AwsEnabled, AssumeRole::HeldBack));
        assert!(!delivered(&letters, Delivery::AwsEnabled, AssumeRole::HeldBack));
        assert!(!delivered(&letters, Delivery::AwsAllManagement, AssumeRole::HeldBack));
        assert!(delivered(&letters, Delivery::All, AssumeRole::HeldBack));
    }
}
