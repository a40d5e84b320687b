//! What a configuration says of the organization: `accounts.yaml` and `lists`, and with its calendars, as a [`Context`]'s parts.
//!
//! ```yaml
//! # accounts.yaml
//! "111122223333": { name: payments-prod, ou: Workloads/Prod, tags: { env: prod }, owner: team-payments }
//! "444455556666": sandbox-1        # a name alone
//! ```

use crate::catalogue::Check;
use crate::diagnostic::{Diagnostic, Span};
use crate::read::{Complaints, Fields};
use crate::yaml::{self, Entry, Node, Value};
use cloudtrail::AccountId;
use context::{Account, Accounts, ChangeWindow, ChangeWindows, Context, Holidays, Hours, Lists};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was read, as far as it could be.
#[derive(Debug, Default)]
pub struct Organization {
    /// Accounts by number.
    pub accounts: Accounts,
    /// The pack's lists, and those that are defined.
    pub lists: Lists,
    /// Named weekly schedules.
    pub hours: Hours,
    /// Named sets of days, which schedules leave out.
    pub holidays: BTreeMap<Box<str>, Arc<Holidays>>,
    /// When changes are expected.
    pub change_windows: Vec<ChangeWindow>,
    /// Where each list is defined.
    pub list_places: FxHashMap<Box<str>, (Arc<str>, Span)>,
}

impl Organization {
    /// Nothing known but that the pack's lists are empty.
    #[must_use]
    pub fn new() -> Self {
        Self { lists: Lists::standard(), ..Self::default() }
    }

    /// A snapshot of it.
    #[must_use]
    pub fn context(&self, version: u64) -> Context {
        let windows: ChangeWindows = self.change_windows.iter().cloned().collect();
        Context::new(version, self.accounts.clone(), self.lists.clone(), self.hours.clone())
            .with_change_windows(windows)
    }

    /// Reads an accounts file: a mapping of account numbers to a name, or to `name`, `ou`, `tags` and `owner`.
    pub fn read_accounts(&mut self, file: &str, text: &str) -> Vec<Diagnostic> {
        let file: Arc<str> = file.into();
        let read = yaml::parse(&file, text);
        let mut complaints = Complaints::new(file, text, read.diagnostics);
        for document in &read.documents {
            let Some(entries) =
                mapping(&mut complaints, document, "accounts are a mapping of numbers to names")
            else {
                continue;
            };
            for entry in entries {
                let Ok(number) = entry.key.parse::<AccountId>() else {
                    let message = format!("`{}` is not an account number", shown(&entry.key));
                    let diagnostic =
                        complaints.diagnostic(Check::InvalidValue, entry.key_range.clone(), message);
                    complaints.push(diagnostic.help("write its twelve digits, leading zeros too"));
                    continue;
                };
                let Some(account) = account(&mut complaints, &entry.value) else { continue };
                if self.accounts.insert(number, account).is_some() {
                    complaints.add(
                        Check::DuplicateKey,
                        entry.key_range.clone(),
                        format!("`{number}` is written twice"),
                    );
                }
            }
        }
        complaints.into_list()
    }

    /// Reads the value of `lists`: a mapping of names to lists of globs.
    pub fn read_lists(&mut self, complaints: &mut Complaints<'_>, node: &Node) {
        let what = "`lists` is a mapping of names to lists, as in `automation_roles: [deploy-*]`";
        for entry in mapping(complaints, node, what).unwrap_or_default() {
            let name = &entry.key;
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
            if !plain {
                let message = format!("`{}` cannot be the name of a list", shown(name));
                let diagnostic = complaints.diagnostic(Check::InvalidValue, entry.key_range.clone(), message);
                complaints.push(diagnostic.help("use letters, digits and `_`, as rules write `lists.NAME`"));
                continue;
            }
            let Some(globs) = texts(complaints, &entry.value) else { continue };
            let place = (Arc::clone(complaints.file()), complaints.span(entry.key_range.clone()));
            if self.list_places.insert(name.clone(), place).is_some() {
                complaints.add(
                    Check::DuplicateKey,
                    entry.key_range.clone(),
                    format!("`{name}` is written twice"),
                );
            }
            self.lists.insert(name.clone(), globs.into_iter().collect());
        }
    }
}

fn account(complaints: &mut Complaints<'_>, node: &Node) -> Option<Account> {
    if let Some(name) = node.as_text() {
        return Some(Account { name: Some(name.into()), ..Account::default() });
    }
    let fields = Fields::read(complaints, node, "an account", &["name", "ou", "tags", "owner"], &[])?;
    let name = fields.text(complaints, "name");
    let ou = fields.text(complaints, "ou");
    let owner = fields.text(complaints, "owner");
    let mut tags = BTreeMap::new();
    if let Some(node) = fields.get("tags") {
        for entry in mapping(complaints, node, "`tags` is a mapping of keys to values")? {
            match scalar(&entry.value) {
                Some(value) => {
                    tags.insert(entry.key.clone(), value);
                }
                None => complaints.add(Check::WrongType, entry.value.range.clone(), "a tag's value is text"),
            }
        }
    }
    Some(Account { name: name?, ou: ou?, tags, owner: owner? })
}

/// Tags such as `true` or `7` are texts in AWS whether quoted or not.
fn scalar(node: &Node) -> Option<Box<str>> {
    match &node.value {
        Value::Text(text) => Some(text.text.clone()),
        Value::Number(number) => Some(number.clone()),
        Value::Bool(value) => Some(value.to_string().into()),
        _ => None,
    }
}

pub(crate) fn mapping<'n>(
    complaints: &mut Complaints<'_>,
    node: &'n Node,
    what: &str,
) -> Option<&'n [Entry]> {
    if let Value::Mapping(entries) = &node.value {
        return Some(entries);
    }
    complaints.add(Check::WrongType, node.range.clone(), what);
    None
}

pub(crate) fn texts(complaints: &mut Complaints<'_>, node: &Node) -> Option<Vec<Box<str>>> {
    let Value::Sequence(items) = &node.value else {
        complaints.add(Check::WrongType, node.range.clone(), "a list is written `[name, other-*]`");
        return None;
    };
    let mut texts = Vec::new();
    for item in items {
        match item.as_text() {
            Some(text) => texts.push(text.into()),
            None => complaints.add(
                Check::WrongType,
                item.range.clone(),
                "what is on a list is text: put it in quotes",
            ),
        }
    }
    (texts.len() == items.len()).then_some(texts)
}

pub(crate) fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A configuration's `lists` and `hours`.
    fn read_settings(organization: &mut Organization, text: &str) -> Vec<Diagnostic> {
        let read = yaml::parse(&"t.yaml".into(), text);
        let mut complaints = Complaints::new("t.yaml".into(), text, read.diagnostics);
        let fields =
            Fields::read(&mut complaints, &read.documents[0], "settings", &["lists", "hours"], &[]).unwrap();
        organization.read_lists(&mut complaints, fields.get("lists").unwrap());
        organization.read_hours(&mut complaints, fields.get("hours").unwrap());
        complaints.into_list()
    }

    #[test]
    fn an_organization_is_read() {
        let mut organization = Organization::new();
        let accounts = "111122223333: { name: pay, ou: Prod, tags: { env: prod, tier: 1 }, owner: team }\n'012345678901': sandbox\n";
        assert_eq!(organization.read_accounts("accounts.yaml", accounts), []);
        let settings = "lists: { automation_roles: [deploy-*], mine: [] }\nhours: { business: { days: mon-fri, from: \"09:00\", to: \"18:00\", zone: UTC } }\n";
        assert_eq!(read_settings(&mut organization, settings), []);
        let context = organization.context(3);
        assert_eq!((context.version(), context.account_name("012345678901")), (3, "sandbox"));
        let account = context.account("111122223333").unwrap();
        assert_eq!(
            (account.ou.as_deref(), account.tags.get("tier").map(|tag| &**tag)),
            (Some("Prod"), Some("1"))
        );
        assert!(context.lists().get("automation_roles").unwrap().contains("deploy-x"));
        assert!(context.lists().get("mine").is_some() && context.lists().get("sensitive_buckets").is_some());
        assert!(context.hours().get("business").is_some());
    }

    #[test]
    fn what_is_wrong_with_it_is_told_at_once() {
        let mut organization = Organization::new();
        let accounts = "12345: x\n111122223333: { nmae: x }\n444455556666: [1]\n111122223333: y\n";
        let said: Vec<_> = organization.read_accounts("a.yaml", accounts).iter().map(|d| d.id.id()).collect();
        assert_eq!(said, ["invalid-value", "unknown-key", "wrong-type", "duplicate-key"]);
        let settings = "lists: { a-b: [x], c: x, d: [1] }\nhours: { x: { days: mon, from: 9, to: \"10:00\" }, y: { days: mon, from: \"9\", to: \"10:00\", zone: UTC } }\n";
        let said: Vec<_> = read_settings(&mut organization, settings).iter().map(|d| d.id.id()).collect();
        assert_eq!(
            said,
            ["invalid-value", "wrong-type", "wrong-type", "missing-key", "wrong-type", "invalid-value"]
        );
    }
}
