//! Account ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An AWS account id: twelve digits, leading zeros included.
///
/// ```
/// let account: cloudtrail::AccountId = "000123456789".parse()?;
/// assert_eq!(account.to_string(), "000123456789");
/// assert!("12345".parse::<cloudtrail::AccountId>().is_err());
/// # Ok::<(), cloudtrail::NotAnAccountId>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AccountId(u64);

/// Text that is not twelve digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an account id: twelve digits are wanted, as in 111122223333")]
pub struct NotAnAccountId {
    text: String,
}

impl AccountId {
    /// Reads twelve ASCII digits; `None` for anything else.
    pub fn from_bytes(text: &[u8]) -> Option<Self> {
        let digits: &[u8; 12] = text.try_into().ok()?;
        let mut number = 0;
        for digit in digits {
            if !digit.is_ascii_digit() {
                return None;
            }
            number = number * 10 + u64::from(digit - b'0');
        }
        Some(AccountId(number))
    }

    /// The id as a number below 10¹²: compact, for indexes.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl FromStr for AccountId {
    type Err = NotAnAccountId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        AccountId::from_bytes(text.as_bytes()).ok_or_else(|| NotAnAccountId { text: text.to_owned() })
    }
}

impl TryFrom<String> for AccountId {
    type Error = NotAnAccountId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<AccountId> for String {
    fn from(account: AccountId) -> Self {
        account.to_string()
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_twelve_digits_are_an_account() {
        for good in ["000000000000", "111122223333", "999999999999"] {
            assert_eq!(good.parse::<AccountId>().unwrap().to_string(), good);
        }
        for bad in ["", "11112222333", "1111222233334", "11112222333x", "１１１１", "+11112222333"] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad}");
        }
    }
}
