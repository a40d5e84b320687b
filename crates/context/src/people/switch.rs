//! `SwitchRole`: somebody in the console takes up a role. AWS Sign-In records it in the role's account, with the session it begins and the ARN
//! of whoever switched (`additionalEventData.SwitchFrom`), in the second of the `AssumeRole` that it makes by itself.
//!
//! Only a user of IAM is taken from it, whose ARN AWS wrote. Where somebody switches from a role, the end of that ARN is a name that somebody
//! chose: who that is, the recorded `AssumeRole` tells.

use cloudtrail::principal::Kind;
use cloudtrail::{EventTime, Principal, Record};

use super::handover::{Behind, Handover, Known, NAME_MAX, Session, member, object, text};

/// What a record of AWS Sign-In tells.
pub(super) fn of(record: &Record<'_>, time: EventTime) -> Option<Handover> {
    if !record.event_name.is_some_and(|name| name.is("SwitchRole")) {
        return None;
    }
    let inside = |name, part| member(record.json, name).and_then(object).and_then(|one| member(one, part));
    let worked = inside("responseElements", "SwitchRole").and_then(|said| said.as_text());
    if !worked.is_some_and(|said| said.is("Success")) {
        return None;
    }
    let principal = Principal::of(record);
    if !matches!(principal.kind, Kind::AssumedRole | Kind::Sso) {
        return None;
    }
    let session = Session::began(principal.arn.as_deref()?, principal.session_created.unwrap_or(time))?;
    let from = text(inside("additionalEventData", "SwitchFrom")?)?;
    let (account, name) = user(&from)?;
    let is_here = principal.account.is_some_and(|here| account.parse() == Ok(here));
    // A user of the same name in an account of somebody else is somebody else.
    let person = if is_here { name.to_owned() } else { format!("{name} (account {account})") };
    let behind = Behind::Person(person.into());
    (name.len() <= NAME_MAX).then_some(Handover { of: Known::Switch(session), behind, time })
}

/// Account and name in `arn:aws:iam::111122223333:user/division/alice`.
fn user(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.splitn(6, ':');
    let (service, account, resource) = (parts.nth(2)?, parts.nth(1)?, parts.next()?);
    let name = resource.strip_prefix("user/").and_then(|path| path.rsplit('/').next())?;
    (service == "iam" && !name.is_empty() && !account.is_empty()).then_some((account, name))
}
