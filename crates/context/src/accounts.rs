//! Accounts by number: what people call them, where they stand in the organization, their tags and owner.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The accounts known by name, ordered by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    by_number: BTreeMap<AccountNumber, Account>,
}

impl Accounts {
    /// Adds an account; what was known of it before is returned.
    pub fn insert(&mut self, number: AccountNumber, account: Account) -> Option<Account> {
        self.by_number.insert(number, account)
    }

    /// What is known of an account, by its twelve digits.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Account> {
        let number = id.parse::<AccountNumber>().ok()?;
        self.by_number.get(&number)
    }

    /// All accounts, by ascending number.
    pub fn iter(&self) -> impl Iterator<Item = (&AccountNumber, &Account)> {
        self.by_number.iter()
    }

    /// How many accounts are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_number.len()
    }

    /// Whether no account is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_number.is_empty()
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

/// An account number that is one: twelve digits. Leading zeros count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountNumber([u8; 12]);

impl AccountNumber {
    /// The twelve digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Every constructor admits ASCII digits only, so the fallback is never taken.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for AccountNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AccountNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AccountNumber {
    type Err = AccountNumberError;

    fn from_str(text: &str) -> Result<Self, AccountNumberError> {
        match <[u8; 12]>::try_from(text.as_bytes()) {
            Ok(digits) if digits.iter().all(u8::is_ascii_digit) => Ok(Self(digits)),
            _ => Err(AccountNumberError { text: text.chars().take(40).collect() }),
        }
    }
}

/// A text that is no account number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an account number: write its twelve digits")]
pub struct AccountNumberError {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_number_is_twelve_digits() {
        for good in ["111122223333", "000000000001"] {
            assert_eq!(good.parse::<AccountNumber>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "1",
            "11112222333",
            "1111222233334",
            "11112222333x",
            "１１１１２２２２３３３３",
            " 11122223333",
        ] {
            assert!(bad.parse::<AccountNumber>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unknown_or_malformed_number_is_simply_not_known() {
        let mut accounts = Accounts::default();
        accounts.insert("111122223333".parse().unwrap(), Account::default());
        assert!(accounts.get("111122223333").is_some());
        assert!(accounts.get("111122223334").is_none());
        assert!(accounts.get("anonymous").is_none());
    }
}
