//! Fields a pattern looks for where CloudTrail does not write them: outside `detail`, or in other letters.
//!
//! EventBridge takes such a pattern and it never matches: `{"eventName": ["StopLogging"]}` asks the envelope for what stands
//! in the record. The names are those of the record's documented contents.

use super::Reader;
use crate::catalogue::Check;
use crate::yaml::Node;
use event_pattern::Span;
use event_pattern::json::{self, Member, NodeValue};
use std::ops::Range;

/// The keys of the envelope.
const ENVELOPE: [&str; 10] = [
    "version",
    "id",
    "detail-type",
    "source",
    "account",
    "time",
    "region",
    "resources",
    "detail",
    "replay-name",
];

/// The fields of a CloudTrail record.
const RECORD: [&str; 30] = [
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "requestID",
    "eventID",
    "readOnly",
    "resources",
    "eventType",
    "apiVersion",
    "managementEvent",
    "recipientAccountId",
    "serviceEventDetails",
    "sharedEventID",
    "vpcEndpointId",
    "vpcEndpointAccountId",
    "eventCategory",
    "addendum",
    "sessionCredentialFromConsole",
    "edgeDeviceDetails",
    "tlsDetails",
];

/// The fields of a record's `userIdentity`.
const IDENTITY: [&str; 13] = [
    "type",
    "principalId",
    "arn",
    "accountId",
    "accessKeyId",
    "userName",
    "sessionContext",
    "invokedBy",
    "identityProvider",
    "onBehalfOf",
    "credentialId",
    "inScopeOf",
    "delegatedBy",
];

/// Alternatives inside alternatives are looked into this deep; nobody writes more.
const DEPTH_MAX: usize = 16;

impl Reader<'_, '_> {
    /// Warns of fields that are not where the pattern looks, or not written so.
    pub(super) fn record_fields(&mut self, node: &Node, place: &dyn Fn(&Self, Span) -> Range<usize>) {
        let tree = match node.as_text() {
            Some(text) => json::parse(text).ok(),
            None => Some(self.pattern_node(node)),
        };
        if let Some(json::Node { value: NodeValue::Object(members), .. }) = &tree {
            self.envelope_fields(members, is_about_cloudtrail(members), place, 0);
        }
    }

    fn envelope_fields(
        &mut self,
        members: &[Member],
        cloudtrail: bool,
        place: &dyn Fn(&Self, Span) -> Range<usize>,
        depth: usize,
    ) {
        for member in members {
            let key = member.key.as_str();
            if let Some(alternatives) = alternatives(member, depth) {
                for alternative in alternatives {
                    self.envelope_fields(alternative, cloudtrail, place, depth + 1);
                }
            } else if key == "detail" {
                if let (NodeValue::Object(fields), true) = (&member.value.value, cloudtrail) {
                    self.detail_fields(fields, &RECORD, place, depth + 1);
                }
            } else if let Some(field) = in_other_letters(key, &RECORD).filter(|_| !ENVELOPE.contains(&key)) {
                let range = place(self, member.key_span);
                let message =
                    format!("`{key}` is a field of the CloudTrail record, and the envelope has no such key");
                let diagnostic = self.complaints.diagnostic(Check::RecordField, range, message);
                self.complaints
                    .push(diagnostic.help(format!("write it under `detail`: `detail: {{ {field}: … }}`")));
            } else if let Some(meant) = in_other_letters(key, &ENVELOPE).filter(|meant| *meant != key) {
                self.field_case(key, meant, place(self, member.key_span));
            }
        }
    }

    fn detail_fields(
        &mut self,
        members: &[Member],
        known: &[&'static str],
        place: &dyn Fn(&Self, Span) -> Range<usize>,
        depth: usize,
    ) {
        for member in members {
            let key = member.key.as_str();
            if let Some(alternatives) = alternatives(member, depth) {
                for alternative in alternatives {
                    self.detail_fields(alternative, known, place, depth + 1);
                }
                continue;
            }
            if !known.contains(&key)
                && let Some(meant) = in_other_letters(key, known)
            {
                self.field_case(key, meant, place(self, member.key_span));
            }
            if let NodeValue::Object(fields) = &member.value.value
                && key.eq_ignore_ascii_case("userIdentity")
                && known == RECORD
            {
                self.detail_fields(fields, &IDENTITY, place, depth + 1);
            }
        }
    }

    fn field_case(&mut self, key: &str, meant: &str, range: Range<usize>) {
        let quoted =
            self.complaints.text().get(range.clone()).is_some_and(|written| written.starts_with('"'));
        let instead = if quoted { format!("\"{meant}\"") } else { meant.to_owned() };
        let message = format!("no event has the field `{key}`: names are compared letter by letter");
        let diagnostic = self.complaints.diagnostic(Check::FieldCase, range, message);
        self.complaints.push(diagnostic.help(format!("write `{meant}`")).replace_with(instead));
    }
}

/// The objects of an `$or`.
fn alternatives(member: &Member, depth: usize) -> Option<impl Iterator<Item = &[Member]>> {
    let NodeValue::Array(items) = &member.value.value else { return None };
    (member.key == "$or" && depth < DEPTH_MAX).then(|| {
        items.iter().filter_map(|item| match &item.value {
            NodeValue::Object(members) => Some(&members[..]),
            _ => None,
        })
    })
}

/// Whether the pattern is about CloudTrail's events, as far as its detail-type says.
fn is_about_cloudtrail(members: &[Member]) -> bool {
    let Some(types) = members.iter().find(|member| member.key == "detail-type") else { return true };
    let NodeValue::Array(types) = &types.value.value else { return true };
    types.iter().any(|one| match &one.value {
        NodeValue::String(text) => text.to_ascii_lowercase().contains("cloudtrail"),
        _ => true,
    })
}

/// The name that a key is, but for its letters' case, `-` and `_`.
fn in_other_letters(key: &str, names: &[&'static str]) -> Option<&'static str> {
    let folded = |text: &str| -> String {
        text.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
    };
    let wanted = folded(key);
    names.iter().find(|name| folded(name) == wanted).copied()
}
