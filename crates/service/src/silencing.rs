//! What is asked of a silence before it is kept: whether it can hide what is meant.
//!
//! A silence with a slip of the pen hides nothing, and whoever asked for it finds out at night. So one that names a rule that is not there, or
//! an account that can be none, is refused, and what may be meant all the same is kept with a word of doubt: an account that the file does not
//! have yet, a person nobody was told of before.

use std::collections::BTreeSet;

use context::Accounts;
use event_pattern::{Alternative, Pattern, Term};
use rules::{RuleSet, nearest};
use serde::Deserialize;
use store::{FindingFilter, Snapshot};

/// So many of the newest findings are looked at for principals.
const FINDINGS_LOOKED_AT: u32 = 1_000;

/// What the names in a silence are held against.
#[derive(Debug, Clone, Copy, Default)]
pub struct Acquaintances<'a> {
    /// The rules there are; none if they are not known here.
    pub rules: Option<&'a RuleSet>,
    /// The accounts there are, as far as they are known.
    pub accounts: Option<&'a Accounts>,
}

impl Acquaintances<'_> {
    /// What is doubtful about a silence that goes by `pattern`, a line each. What cannot be read as a pattern is left to who keeps it.
    ///
    /// # Errors
    ///
    /// With the reason why nobody can have meant it.
    pub fn doubts(&self, pattern: &str, kept: &Snapshot<'_>) -> Result<Vec<String>, String> {
        let Ok(pattern) = Pattern::parse(pattern) else { return Ok(Vec::new()) };
        let mut doubts = Vec::new();
        for rule in named(&pattern, &["detail.rule"]) {
            doubts.extend(self.rule(rule, kept)?);
        }
        for account in named(&pattern, &["account"]) {
            doubts.extend(self.account(account)?);
        }
        let fields = ["detail.principal.arn", "detail.principal.name", "detail.principal.human"];
        let principals = named(&pattern, &fields);
        if !principals.is_empty() {
            let (looked_at, known) = principals_of(kept)?;
            let strangers = principals.into_iter().filter(|one| looked_at > 0 && !known.contains(*one));
            doubts.extend(strangers.map(|one| {
                let which = match looked_at {
                    1 => "the one finding that is kept has".to_owned(),
                    _ => format!("the last {looked_at} findings that are kept have"),
                };
                let meant = did_you_mean(nearest(one, known.iter().map(String::as_str)));
                format!("{which} no principal `{}`{meant}", shown(one))
            }));
        }
        Ok(doubts)
    }

    fn rule(&self, id: &str, kept: &Snapshot<'_>) -> Result<Option<String>, String> {
        let Some(rules) = self.rules else {
            let filter = FindingFilter { rule: Some(id.to_owned()), ..FindingFilter::default() };
            let page = kept.findings(&filter, None, 1).map_err(|error| error.to_string())?;
            return Ok(page.findings.is_empty().then(|| {
                format!("no finding that is kept is of a rule `{}`; name the configuration instead of the state folder, and ids of rules are checked", shown(id))
            }));
        };
        if rules.get(id).is_some() {
            return Ok(None);
        }
        let meant = rules.nearest(id).map(rules::RuleId::as_str);
        Err(format!("there is no rule `{}`{}", shown(id), did_you_mean(meant)))
    }

    fn account(&self, id: &str) -> Result<Option<String>, String> {
        let accounts = || self.accounts.into_iter().flat_map(Accounts::iter);
        let named =
            || accounts().filter_map(|(id, account)| Some((id.to_string(), account.name.as_deref()?)));
        if id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            let meant = nearest(id, named().map(|(_, name)| name));
            let meant = meant.and_then(|meant| named().find(|(_, name)| *name == meant));
            let meant = meant.map(|(id, name)| format!(": `{}` is {id}", shown(name))).unwrap_or_default();
            return Err(format!(
                "`{}` is no account: an account is named by its twelve digits{meant}",
                shown(id)
            ));
        }
        let ids: Vec<String> = accounts().map(|(id, _)| id.to_string()).collect();
        if ids.is_empty() || ids.iter().any(|known| known == id) {
            return Ok(None);
        }
        let meant = did_you_mean(nearest(id, ids.iter().map(String::as_str)));
        Ok(Some(format!("{id} is none of the accounts that are known{meant}")))
    }
}

/// The texts that a pattern asks for as they stand, in any of these fields.
fn named<'p>(pattern: &'p Pattern, paths: &[&str]) -> BTreeSet<&'p str> {
    let fields = pattern.alternatives().iter().flat_map(Alternative::fields);
    let fields = fields.filter(|field| paths.contains(&field.path().as_str()));
    let texts = fields.flat_map(|field| field.terms()).filter_map(|term| match term {
        Term::Equals(text) => Some(&**text),
        _ => None,
    });
    texts.collect()
}

/// How many findings were looked at, and whom they are about.
fn principals_of(kept: &Snapshot<'_>) -> Result<(usize, BTreeSet<String>), String> {
    #[derive(Deserialize)]
    struct Body {
        detail: Detail,
    }
    #[derive(Deserialize)]
    struct Detail {
        principal: Option<Principal>,
    }
    #[derive(Deserialize)]
    struct Principal {
        arn: Option<String>,
        name: Option<String>,
        human: Option<String>,
    }
    let page = kept
        .findings(&FindingFilter::default(), None, FINDINGS_LOOKED_AT)
        .map_err(|error| error.to_string())?;
    let bodies =
        page.findings.iter().filter_map(|finding| serde_json::from_slice::<Body>(&finding.body).ok());
    let principals = bodies.filter_map(|body| body.detail.principal);
    let names = principals.flat_map(|Principal { arn, name, human }| [arn, name, human]).flatten();
    Ok((page.findings.len(), names.collect()))
}

fn shown(text: &str) -> String {
    route::printable::line(text, 200)
}

fn did_you_mean(name: Option<&str>) -> String {
    name.map(|name| format!("; did you mean `{}`?", shown(name))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use context::Account;
    use store::{Batch, Finding, Options, Severity, Store};

    /// A store with one finding, about alice.
    fn store(folder: &std::path::Path) -> Store {
        let store = Store::open(folder, &Options::default()).unwrap();
        let mut batch = Batch::new(0);
        batch.finding(Finding {
            id: "one".to_owned(),
            revision: 0,
            rule: "root-use".to_owned(),
            severity: Severity::High,
            state: "firing".to_owned(),
            account: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
            time_ms: 0,
            outcome: None,
            outcome_of: None,
            body: br#"{"detail":{"principal":{"kind":"user","name":"alice","arn":null,"human":"Alice Example"}}}"#.to_vec(),
        });
        store.commit(batch).unwrap();
        store
    }

    #[test]
    fn what_is_refused_and_what_is_doubted() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let mut reader = store.reader().unwrap();
        let kept = reader.snapshot().unwrap();
        let mut accounts = Accounts::default();
        for (id, name) in [("111122223333", "payments-prod"), ("444455556666", "sandbox")] {
            let account = Account { name: Some(name.into()), ..Account::default() };
            accounts.insert(id.parse().unwrap(), account);
        }
        let known = Acquaintances { rules: None, accounts: Some(&accounts) };
        let of = |rule, account, principal| {
            known.doubts(&route::pattern_of(rule, account, principal).unwrap(), &kept)
        };
        let nothing = Ok(Vec::new());
        assert_eq!(of(Some("root-use"), Some("111122223333"), Some("alice")), nothing);
        assert_eq!(of(None, None, Some("Alice Example")), nothing);
        let doubt = |text: &str| Ok(vec![text.to_owned()]);
        assert_eq!(
            of(None, Some("111122223338"), None),
            doubt("111122223338 is none of the accounts that are known; did you mean `111122223333`?")
        );
        assert_eq!(
            of(None, None, Some("alcie")),
            doubt("the one finding that is kept has no principal `alcie`; did you mean `alice`?")
        );
        assert!(
            of(Some("rootuse"), None, None).unwrap()[0]
                .contains("no finding that is kept is of a rule `rootuse`")
        );
        let twelve = "an account is named by its twelve digits";
        assert_eq!(
            of(None, Some("sandbx"), None),
            Err(format!("`sandbx` is no account: {twelve}: `sandbox` is 444455556666"))
        );
        assert_eq!(
            of(None, Some("11112222333"), None),
            Err(format!("`11112222333` is no account: {twelve}"))
        );
        // What is no literal text is not held against anything.
        assert_eq!(
            known
                .doubts(r#"{"account": [{"prefix": "x"}], "detail": {"rule": [{"wildcard": "y*"}]}}"#, &kept),
            nothing
        );
    }
}
