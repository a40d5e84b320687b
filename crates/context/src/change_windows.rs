//! Change windows: when which accounts are expected to change.

use crate::appointment::Appointment;
use crate::lists::List;
use jiff::Timestamp;
use std::sync::Arc;

/// The change windows of one snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeWindows {
    /// Shared: a snapshot is handed to whoever evaluates an expression.
    windows: Arc<[ChangeWindow]>,
}

/// A time in which changes are expected, in some accounts or in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeWindow {
    /// What people call the change.
    pub name: Box<str>,
    /// Names or numbers of the accounts, as globs; every account, if there is none.
    pub accounts: List,
    /// When.
    pub when: Appointment,
}

impl ChangeWindows {
    /// All windows, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &ChangeWindow> {
        self.windows.iter()
    }

    /// The first window that is open at an instant for an account, by its number and its name.
    #[must_use]
    pub fn open(&self, instant: Timestamp, account: &str, name: &str) -> Option<&ChangeWindow> {
        self.windows.iter().find(|window| window.is_for(account, name) && window.when.contains(instant))
    }

    /// The same among the windows whose name the glob matches.
    #[must_use]
    pub fn open_named(
        &self,
        glob: &str,
        instant: Timestamp,
        account: &str,
        name: &str,
    ) -> Option<&ChangeWindow> {
        self.windows.iter().find(|window| {
            crate::glob_matches(glob, &window.name)
                && window.is_for(account, name)
                && window.when.contains(instant)
        })
    }
}

impl FromIterator<ChangeWindow> for ChangeWindows {
    fn from_iter<I: IntoIterator<Item = ChangeWindow>>(windows: I) -> Self {
        Self { windows: windows.into_iter().collect() }
    }
}

impl ChangeWindow {
    /// Whether it is for an account.
    #[must_use]
    pub fn is_for(&self, account: &str, name: &str) -> bool {
        self.accounts.globs().is_empty() || self.accounts.contains(account) || self.accounts.contains(name)
    }
}

/// The accounts a calendar entry's description names: the globs after `accounts:` on a line of its own.
///
/// ```
/// let description = "Second try.\nAccounts: payments-*, 111122223333\n";
/// assert_eq!(context::accounts_in(description).globs().len(), 2);
/// assert!(context::accounts_in("for all accounts: see above").globs().is_empty());
/// ```
#[must_use]
pub fn accounts_in(description: &str) -> List {
    let of_line = |line: &str| -> Option<Vec<String>> {
        let (key, globs) = line.split_once(':')?;
        let globs = globs.split(',').map(str::trim).filter(|glob| !glob.is_empty());
        key.trim().eq_ignore_ascii_case("accounts").then(|| globs.map(str::to_owned).collect())
    };
    description.lines().filter_map(of_line).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hours::time_zone;

    #[test]
    fn a_window_is_open_for_its_accounts() {
        let utc = time_zone("UTC").unwrap();
        let when = Appointment::between(
            "2026-12-01T20:00".parse().unwrap(),
            "2026-12-01T23:00".parse().unwrap(),
            &utc,
        );
        let window = |name: &str, accounts: &[&str]| ChangeWindow {
            name: name.into(),
            accounts: accounts.iter().copied().collect(),
            when: when.clone().unwrap(),
        };
        let payments = window("payments release", &["pay-*", "111122223333"]);
        let windows: ChangeWindows = [payments.clone()].into_iter().collect();
        let inside: Timestamp = "2026-12-01T21:00:00Z".parse().unwrap();
        let after: Timestamp = "2026-12-01T23:00:00Z".parse().unwrap();
        for (instant, account, name, expected) in [
            (inside, "444455556666", "pay-prod", true),
            (inside, "111122223333", "111122223333", true),
            (inside, "444455556666", "sandbox", false),
            (after, "444455556666", "pay-prod", false),
        ] {
            assert_eq!(windows.open(instant, account, name).is_some(), expected, "{name} at {instant}");
        }
        assert!(windows.open_named("pay*", inside, "1", "pay-1").is_some());
        assert!(windows.open_named("network*", inside, "1", "pay-1").is_none());
        let windows: ChangeWindows = [payments, window("network", &[])].into_iter().collect();
        assert!(windows.open_named("network*", inside, "1", "pay-1").is_some());
        assert_eq!(windows.open(inside, "2", "sandbox").map(|window| &*window.name), Some("network"));
    }
}
