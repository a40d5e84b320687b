//! What a policy document gives away: everything, or something to everybody.
//!
//! CloudTrail carries policies as text inside the record, sometimes percent-encoded, sometimes as an object, and AWS
//! lets nearly every field be one value or a list of them. Both questions are about what a policy *allows at most*:
//! a statement that denies only part is not weighed against one that allows.

use context::glob_matches;
use ipnet::IpNet;
use serde_json::Value;

/// An action and a service no real policy names, so that only a wildcard matches them.
const ANY_ACTION: &str = "qzjx:qzjxqzjx";
const ANY_IAM_ACTION: &str = "iam:qzjxqzjx";
const ANY_RESOURCE: &str = "arn:aws:qzjx:qz-jx-1:098765432109:qzjx/qzjx";

/// The policy in a text: JSON, percent-encoded JSON, or a JSON string that holds either.
pub(super) fn document(text: &str) -> Result<Value, String> {
    let mut text = text.trim().to_owned();
    for _ in 0..3 {
        if text.starts_with('%') {
            text = url_decode(&text).trim().to_owned();
        }
        match serde_json::from_str(&text) {
            Ok(Value::String(inner)) => text = inner.trim().to_owned(),
            Ok(value) => return Ok(value),
            Err(error) => return Err(format!("the text is no policy: {error}")),
        }
    }
    Err("the text is no policy: it is quoted too many times".to_owned())
}

/// `%XX` as the byte it stands for; anything else as itself, `+` too. What is no UTF-8 afterwards becomes `�`.
pub(super) fn url_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits
            .filter(|digits| *byte == b'%' && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(code.unwrap_or(*byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Whether the policy allows every action, or everything in IAM (which can grant the rest), on every resource.
///
/// Conditions do not matter: an administrator who needs MFA is one. A statement that denies every action on every
/// resource without condition leaves nothing.
pub(super) fn is_admin(policy: &Value) -> bool {
    let denied = statements(policy).any(|statement| {
        effect(statement) == Some("Deny")
            && statement.get("Condition").is_none_or(is_empty)
            && grants(statement, "Action", "NotAction", ANY_ACTION, true)
            && grants(statement, "Resource", "NotResource", ANY_RESOURCE, false)
    });
    !denied
        && statements(policy).any(|statement| {
            effect(statement) == Some("Allow")
                && (grants(statement, "Action", "NotAction", ANY_ACTION, true)
                    || grants(statement, "Action", "NotAction", ANY_IAM_ACTION, true))
                && grants(statement, "Resource", "NotResource", ANY_RESOURCE, false)
        })
}

/// Whether the policy of a resource or role allows anything to everybody.
///
/// Everybody is the principal `*`, alone or under `AWS` or `Federated`, or an allowance to all but some
/// (`NotPrincipal`). A condition takes that back if it ties the caller to fixed accounts, organizations, networks or
/// resources, after AWS's own meaning of "public" for bucket policies (AWS documentation); conditions that pass when
/// their key is absent (`…IfExists`, `ForAllValues:`), that exclude, or that hold wildcards where it counts do not.
pub(super) fn is_public(policy: &Value) -> bool {
    let denied = statements(policy).any(|statement| {
        effect(statement) == Some("Deny")
            && statement.get("Condition").is_none_or(is_empty)
            && for_everybody(statement)
            && grants(statement, "Action", "NotAction", ANY_ACTION, true)
    });
    !denied
        && statements(policy).any(|statement| {
            effect(statement) == Some("Allow")
                && for_everybody(statement)
                && !statement.get("Condition").is_some_and(ties_the_caller)
        })
}

fn statements(policy: &Value) -> impl Iterator<Item = &Value> {
    member(policy, "Statement").into_iter().flat_map(one_or_many)
}

/// Keys of a policy's elements are not case-sensitive where AWS reads them, but are always written so; the exact
/// spelling is tried first.
fn member<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    let members = object.as_object()?;
    members.get(name).or_else(|| {
        let found = members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    })
}

fn effect(statement: &Value) -> Option<&str> {
    member(statement, "Effect").and_then(Value::as_str)
}

fn one_or_many(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        value => std::slice::from_ref(value),
    }
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    one_or_many(value).iter().filter_map(Value::as_str)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Whether the statement's `name` covers the probe, or its `not_name` leaves it.
fn grants(statement: &Value, name: &str, not_name: &str, probe: &str, fold_case: bool) -> bool {
    let matches = |glob: &str| {
        if fold_case { glob_matches(&glob.to_ascii_lowercase(), probe) } else { glob_matches(glob, probe) }
    };
    match (member(statement, name), member(statement, not_name)) {
        (Some(names), _) => texts(names).any(matches),
        (None, Some(names)) => !texts(names).any(matches),
        (None, None) => false,
    }
}

fn for_everybody(statement: &Value) -> bool {
    if member(statement, "NotPrincipal").is_some() {
        return true;
    }
    match member(statement, "Principal") {
        Some(Value::Object(kinds)) => kinds.iter().any(|(kind, who)| {
            let kind_counts = ["AWS", "Federated", "*"].iter().any(|name| kind.eq_ignore_ascii_case(name));
            kind_counts && texts(who).any(|who| who == "*")
        }),
        Some(who) => texts(who).any(|who| who == "*"),
        None => false,
    }
}

/// Whether any single condition holds the caller to something fixed: conditions are all required, so one is enough.
fn ties_the_caller(condition: &Value) -> bool {
    let Some(operators) = condition.as_object() else { return false };
    operators.iter().any(|(operator, keys)| {
        let Some(keys) = keys.as_object() else { return false };
        keys.iter().any(|(key, values)| {
            let mut values = one_or_many(values).iter();
            values.len() > 0 && values.all(|value| ties(operator, key, value))
        })
    })
}

fn ties(operator: &str, key: &str, value: &Value) -> bool {
    let operator = operator.to_ascii_lowercase();
    let operator = operator.strip_prefix("foranyvalue:").unwrap_or(&operator);
    let key = key.to_ascii_lowercase();
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        _ => return false,
    };
    let literal = matches!(operator, "stringequals" | "stringequalsignorecase");
    let like = matches!(operator, "stringlike" | "arnequals" | "arnlike");
    match key.as_str() {
        "aws:sourceip" | "aws:vpcsourceip" => operator == "ipaddress" && is_narrow(&text),
        "aws:principalisawsservice" | "aws:viaawsservice" => {
            operator == "bool" && text.eq_ignore_ascii_case("true")
        }
        "aws:sourcearn"
        | "aws:principalarn"
        | "s3:dataaccesspointarn"
        | "aws:principalservicename"
        | "s3:x-amz-server-side-encryption-aws-kms-key-id" => {
            !text.is_empty() && (literal || (like && is_fixed_arn(&text)))
        }
        "aws:principalorgpaths" | "aws:sourceorgpaths" => {
            let organization = text.split('/').next().unwrap_or_default();
            (literal || like) && !organization.is_empty() && !has_wildcard(organization)
        }
        "aws:userid" => {
            let id = text.split(':').next().unwrap_or_default();
            !id.is_empty() && (literal || (like && !has_wildcard(id)))
        }
        "aws:sourceaccount"
        | "aws:sourceowner"
        | "aws:sourceorgid"
        | "aws:sourcevpc"
        | "aws:sourcevpce"
        | "aws:principalaccount"
        | "aws:principalorgid"
        | "kms:calleraccount"
        | "s3:dataaccesspointaccount"
        | "s3:resourceaccount" => !text.is_empty() && (literal || (like && !has_wildcard(&text))),
        _ => false,
    }
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// AWS calls a range public if it is wider than a /8 of IPv4 or a /32 of IPv6.
fn is_narrow(text: &str) -> bool {
    match text.parse::<IpNet>() {
        Ok(IpNet::V4(net)) => net.prefix_len() >= 8,
        Ok(IpNet::V6(net)) => net.prefix_len() >= 32,
        Err(_) => text.parse::<std::net::IpAddr>().is_ok(),
    }
}

/// An ARN whose account is spelled out; or, where its service has none, whose resource begins so.
fn is_fixed_arn(text: &str) -> bool {
    if !has_wildcard(text) {
        return true;
    }
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [_, _, service, _, account, resource] = parts.as_slice() else { return false };
    if has_wildcard(service) || has_wildcard(account) {
        return false;
    }
    let resource_name = resource.split('/').next().unwrap_or_default();
    !account.is_empty() || (!resource_name.is_empty() && !has_wildcard(resource_name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn allow(mut statement: Value) -> Value {
        statement["Effect"] = json!("Allow");
        json!({"Version": "2012-10-17", "Statement": [statement]})
    }

    #[test]
    fn administrators() {
        let deny = json!({"Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": "*", "Resource": "*"},
        ]});
        let deny_some = json!({"Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:*", "Resource": "*"},
        ]});
        let deny_without_mfa = json!({"Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": "*", "Resource": "*",
             "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}},
        ]});
        for (name, policy, expected) in [
            ("everything", allow(json!({"Action": "*", "Resource": "*"})), true),
            ("lists", allow(json!({"Action": ["s3:Get*", "*"], "Resource": ["*"]})), true),
            ("two stars", allow(json!({"Action": "*:*", "Resource": "*"})), true),
            ("any arn", allow(json!({"Action": "*", "Resource": "arn:aws:*"})), true),
            ("all of iam", allow(json!({"Action": "iam:*", "Resource": "*"})), true),
            ("all of iam in capitals", allow(json!({"Action": "IAM:*", "Resource": "*"})), true),
            ("all of iam among others", allow(json!({"Action": ["s3:*", "iam:*"], "Resource": "*"})), true),
            ("some of iam", allow(json!({"Action": ["iam:Get*", "iam:List*"], "Resource": "*"})), false),
            ("one service", allow(json!({"Action": "s3:*", "Resource": "*"})), false),
            ("one resource", allow(json!({"Action": "*", "Resource": "arn:aws:s3:::bucket/*"})), false),
            ("all but one action", allow(json!({"NotAction": "s3:DeleteBucket", "Resource": "*"})), true),
            (
                "all but iam, as PowerUserAccess",
                allow(json!({"NotAction": ["iam:*", "organizations:*"], "Resource": "*"})),
                true,
            ),
            ("all but everything", allow(json!({"NotAction": "*", "Resource": "*"})), false),
            (
                "all but one resource",
                allow(json!({"Action": "*", "NotResource": "arn:aws:s3:::bucket"})),
                true,
            ),
            ("all but all resources", allow(json!({"Action": "*", "NotResource": "*"})), false),
            (
                "with MFA",
                allow(json!({"Action": "*", "Resource": "*",
                "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}})),
                true,
            ),
            (
                "a single statement",
                json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}),
                true,
            ),
            ("no resource", allow(json!({"Action": "*"})), false),
            ("denied", json!({"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}), false),
            ("denied after all", deny, false),
            ("denied in part", deny_some, true),
            ("denied without MFA", deny_without_mfa, true),
            ("no statement", json!({"Version": "2012-10-17"}), false),
            ("no object", json!([1, "a", null]), false),
            (
                "odd types",
                json!({"Statement": [{"Effect": 1, "Action": {"a": "*"}, "Resource": [7]}, null]}),
                false,
            ),
        ] {
            assert_eq!(is_admin(&policy), expected, "{name}: {policy}");
        }
    }

    #[test]
    fn the_public() {
        for (name, principal, expected) in [
            ("star", json!({"Principal": "*"}), true),
            ("AWS star", json!({"Principal": {"AWS": "*"}}), true),
            ("among others", json!({"Principal": {"AWS": ["arn:aws:iam::111122223333:root", "*"]}}), true),
            ("federated star", json!({"Principal": {"Federated": "*"}}), true),
            ("all but some", json!({"NotPrincipal": {"AWS": "111122223333"}}), true),
            ("an account", json!({"Principal": {"AWS": "111122223333"}}), false),
            ("an account's root", json!({"Principal": {"AWS": "arn:aws:iam::111122223333:root"}}), false),
            ("a service", json!({"Principal": {"Service": "lambda.amazonaws.com"}}), false),
            ("nobody: an identity's policy", json!({}), false),
        ] {
            let mut statement = principal;
            statement["Action"] = json!("s3:GetObject");
            statement["Resource"] = json!("*");
            assert_eq!(is_public(&allow(statement.clone())), expected, "{name}: {statement}");
        }
    }

    #[test]
    fn conditions_that_take_the_public_back() {
        for (name, condition, public) in [
            ("account", json!({"StringEquals": {"aws:SourceAccount": "111122223333"}}), false),
            ("account, other case", json!({"StringEquals": {"AWS:SourceOwner": "111122223333"}}), false),
            ("account as number", json!({"StringEquals": {"aws:SourceAccount": 111_122_223_333_u64}}), false),
            (
                "accounts",
                json!({"StringEquals": {"aws:PrincipalAccount": ["111122223333", "444455556666"]}}),
                false,
            ),
            ("any account", json!({"StringLike": {"aws:SourceAccount": "*"}}), true),
            ("one of them any", json!({"StringLike": {"aws:SourceAccount": ["111122223333", "*"]}}), true),
            ("no accounts", json!({"StringEquals": {"aws:SourceAccount": []}}), true),
            ("organization", json!({"StringEquals": {"aws:PrincipalOrgID": "o-abc123"}}), false),
            ("if exists", json!({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-abc123"}}), true),
            (
                "for all values",
                json!({"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-abc123"}}),
                true,
            ),
            (
                "organization's unit",
                json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-abc/r-1/ou-2/*"]}}),
                false,
            ),
            ("any organization", json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["*"]}}), true),
            ("not an organization", json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-abc123"}}), true),
            ("source arn", json!({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:111122223333:*"}}), false),
            ("bucket's arn", json!({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::my-bucket"}}), false),
            ("a bucket and more", json!({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::my-bucket/*"}}), false),
            ("any bucket", json!({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}), true),
            ("any account's topics", json!({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}), true),
            ("a star", json!({"ArnLike": {"aws:SourceArn": "*"}}), true),
            ("a network", json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}), false),
            ("an address", json!({"IpAddress": {"aws:SourceIp": "203.0.113.7"}}), false),
            ("everywhere", json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}), true),
            ("half the world", json!({"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}}), true),
            ("a wide IPv6 net", json!({"IpAddress": {"aws:SourceIp": "2000::/3"}}), true),
            ("an IPv6 net", json!({"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}), false),
            ("not from a network", json!({"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}), true),
            ("endpoint", json!({"StringEquals": {"aws:sourceVpce": "vpce-1a2b3c4d"}}), false),
            ("TLS", json!({"Bool": {"aws:SecureTransport": "true"}}), true),
            ("a service's call", json!({"Bool": {"aws:PrincipalIsAWSService": true}}), false),
            ("no service's call", json!({"Bool": {"aws:PrincipalIsAWSService": "false"}}), true),
            (
                "key's own account",
                json!({"StringEquals": {"kms:CallerAccount": "111122223333", "kms:ViaService": "s3.us-east-1.amazonaws.com"}}),
                false,
            ),
            ("referer", json!({"StringLike": {"aws:Referer": "https://example.com/*"}}), true),
            ("role's id", json!({"StringLike": {"aws:userid": "AROAEXAMPLE:*"}}), false),
            ("any id", json!({"StringLike": {"aws:userid": "*:*"}}), true),
            ("external id", json!({"StringEquals": {"sts:ExternalId": "x"}}), true),
            (
                "two, one ties",
                json!({"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:SourceVpc": "vpc-1"}}),
                false,
            ),
            ("empty", json!({}), true),
            ("odd", json!("x"), true),
        ] {
            let policy =
                allow(json!({"Principal": "*", "Action": "*", "Resource": "*", "Condition": condition}));
            assert_eq!(is_public(&policy), public, "{name}: {condition}");
        }
        let denied = json!({"Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "*"},
            {"Effect": "Deny", "Principal": "*", "Action": "*"},
        ]});
        assert!(!is_public(&denied));
    }

    #[test]
    fn policies_arrive_in_many_wrappings() {
        let policy = r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        let encoded: String = policy.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let quoted = serde_json::to_string(policy).unwrap();
        for text in
            [policy.to_owned(), encoded.clone(), quoted, format!(" {policy}\n"), encoded.to_lowercase()]
        {
            assert!(is_admin(&document(&text).unwrap()), "{text}");
        }
        for text in ["", "no policy", "%", "%7B", "{\"Statement\":", "\"\\\"x\\\"\""] {
            assert!(document(text).is_err(), "{text}");
        }
    }

    #[test]
    fn percent_decoding() {
        for (text, expected) in [
            ("a%20b+c", "a b+c"),
            ("%7b%7D", "{}"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("%C3%A9é", "éé"),
            ("%ff", "\u{fffd}"),
            ("%+1", "%+1"),
        ] {
            assert_eq!(url_decode(text), expected, "{text}");
        }
    }
}
