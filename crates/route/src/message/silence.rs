//! How to silence a finding: for now by a command, for good by an exception to paste into the configuration, for exactly what happened.

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::{text_at, yaml};
use crate::Telling;
use crate::finding::Told;
use crate::printable::json_line;

/// Exceptions are proposed for so many days after the finding: an exception without an end is forgotten.
const DAYS: i64 = 30;

/// The longest exception, in bytes. An ARN has at most 2,048 characters; what is longer was not AWS's to begin with, and an exception
/// cut in the middle would be another one.
const LENGTH_MAX: usize = 3_000;

/// The command that silences it for an hour: what has the rule, account and identity of the finding that the conversation began with.
pub(super) fn for_now(telling: &Telling) -> Option<String> {
    // A word of a shell, which ids of findings are: hexadecimal digits in groups.
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let id = Some(telling.conversation.as_str())
        .filter(|id| !id.is_empty() && !id.starts_with('-') && id.chars().all(word))?;
    Some(format!("trailhound silence add STATE --finding {id} --for 1h --reason \"why\"\n"))
}

/// The exception, with the rule's id and a pattern of the account and the identity. `None` if neither is known: an exception that
/// silences a whole rule should not be one paste away.
pub(super) fn exception(told: &Told, record: Option<&Value>) -> Option<String> {
    let mut pattern = Map::new();
    if !told.account.is_empty() {
        pattern.insert("account".to_owned(), json!([told.account]));
    }
    // A role's sessions mostly have names of their own, and the role is what stays. But where the session is named after the person, an
    // exception for the role would silence everybody who may assume it.
    let session = text_at(record, "/userIdentity/arn");
    let human = told.detail.principal.as_ref().and_then(|principal| principal.human.as_deref());
    let is_personal = session.zip(human).is_some_and(|(arn, human)| arn.rsplit('/').next() == Some(human));
    let role =
        ("/userIdentity/sessionContext/sessionIssuer/arn", &["sessionContext", "sessionIssuer", "arn"][..]);
    let role = (!is_personal).then_some(role);
    let others = [("/userIdentity/arn", &["arn"][..]), ("/userIdentity/invokedBy", &["invokedBy"])];
    let mut identities = role.into_iter().chain(others);
    let identity = identities.find_map(|(pointer, path)| Some((path, text_at(record, pointer)?)));
    if let Some((path, value)) = identity {
        let field = path.iter().rev().fold(json!([value]), |inner, key| json!({ *key: inner }));
        pattern.insert("detail".to_owned(), json!({ "userIdentity": field }));
    }
    if pattern.is_empty() || told.detail.rule.is_empty() {
        return None;
    }
    let last_day = told
        .time
        .parse::<Timestamp>()
        .ok()
        .and_then(|time| time.to_zoned(TimeZone::UTC).date().checked_add(DAYS.days()).ok());
    let expires = last_day.map_or_else(|| "the last day it holds".to_owned(), |day| day.to_string());
    let exception = format!(
        "override:\n  - id: {}\n    except:\n      - reason: why this is expected\n        owner: who answers for it\n        \
         expires: {expires}\n        pattern: {}\n",
        yaml::string(&told.detail.rule),
        json_line(&Value::Object(pattern).to_string()),
    );
    (exception.len() <= LENGTH_MAX).then_some(exception)
}
