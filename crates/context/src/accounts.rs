//! Accounts by number: what people call them, where they stand in the organization, their tags and owner.

use std::collections::BTreeMap;

use cloudtrail::AccountId;

/// The accounts known by name, ordered by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    by_id: BTreeMap<AccountId, Account>,
}

impl Accounts {
    /// Adds an account; what was known of it before is returned.
    pub fn insert(&mut self, id: AccountId, account: Account) -> Option<Account> {
        self.by_id.insert(id, account)
    }

    /// Fills in what another list knows and this one does not: accounts, and of known accounts the name, the units, each tag, the owner.
    ///
    /// ```
    /// use context::{Account, Accounts};
    /// let account = |name: &str, owner: Option<&str>| Account {
    ///     name: Some(name.into()),
    ///     owner: owner.map(Box::from),
    ///     ..Account::default()
    /// };
    /// let (mut written, mut asked) = (Accounts::default(), Accounts::default());
    /// written.insert("111122223333".parse()?, account("Payments", None));
    /// asked.insert("111122223333".parse()?, account("payments-prod", Some("team-payments")));
    /// written.fill_in(asked);
    /// let known = written.get("111122223333").unwrap();
    /// assert_eq!((known.name.as_deref(), known.owner.as_deref()), (Some("Payments"), Some("team-payments")));
    /// # Ok::<(), cloudtrail::NotAnAccountId>(())
    /// ```
    pub fn fill_in(&mut self, other: Accounts) {
        for (id, theirs) in other.by_id {
            let ours = self.by_id.entry(id).or_default();
            ours.name = ours.name.take().or(theirs.name);
            ours.ou = ours.ou.take().or(theirs.ou);
            ours.owner = ours.owner.take().or(theirs.owner);
            for (key, value) in theirs.tags {
                ours.tags.entry(key).or_insert(value);
            }
        }
    }

    /// What is known of an account, by its twelve digits.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Account> {
        let id = AccountId::from_bytes(id.as_bytes())?;
        self.by_id.get(&id)
    }

    /// All accounts, by ascending number.
    pub fn iter(&self) -> impl Iterator<Item = (&AccountId, &Account)> {
        self.by_id.iter()
    }

    /// How many accounts are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether no account is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

/// What is known of one account. Everything is optional: a file may name an account and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The account's name in the organization.
    pub name: Option<Box<str>>,
    /// The path of organizational units from the root, such as `Workloads/Prod`.
    pub ou: Option<Box<str>>,
    /// The account's tags in AWS Organizations.
    pub tags: BTreeMap<Box<str>, Box<str>>,
    /// Who answers for the account: a team, a channel, an address.
    pub owner: Option<Box<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_or_malformed_number_is_simply_not_known() {
        let mut accounts = Accounts::default();
        accounts.insert("111122223333".parse().unwrap(), Account::default());
        assert!(accounts.get("111122223333").is_some());
        assert!(accounts.get("111122223334").is_none());
        assert!(accounts.get("anonymous").is_none());
    }
}
