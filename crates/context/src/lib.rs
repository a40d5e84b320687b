//! What a rule may ask about the organization: account names, units, tags, named lists, hours, change windows.
//!
//! A [`Context`] is a snapshot: whoever owns the outside (a file, AWS Organizations) builds one and hands it in,
//! and a change is a new snapshot with a higher [`version`](Context::version). Nothing here fetches anything, reads
//! a clock or a zone file, so a decision over the same event and the same snapshot is always the same decision.
//!
//! ```
//! use context::{Account, Accounts, Context, Hours, Lists};
//!
//! let mut accounts = Accounts::default();
//! accounts.insert("111122223333".parse()?, Account { name: Some("payments-prod".into()), ..Account::default() });
//! let context = Context::new(1, accounts, Lists::standard(), Hours::default());
//!
//! assert_eq!(context.account_name("111122223333"), "payments-prod");
//! assert_eq!(context.account_name("444455556666"), "444455556666", "an unknown account goes by its number");
//! # Ok::<(), cloudtrail::NotAnAccountId>(())
//! ```

#![deny(missing_docs)]

mod accounts;
mod appointment;
mod change_windows;
mod geography;
mod glob;
mod holidays;
mod hours;
mod icalendar;
mod lists;
#[cfg(test)]
mod mmdb;
mod people;
mod recurrence;

pub use accounts::{Account, Accounts};
pub use appointment::{Appointment, NotAnAppointment};
pub use change_windows::{ChangeWindow, ChangeWindows, accounts_in};
pub use geography::{Geography, NotADatabase, Place};
pub use glob::glob_matches;
pub use holidays::{Holiday, Holidays, NotAHoliday};
pub use hours::{Hours, ScheduleError, WeeklySchedule};
pub use icalendar::{CalendarError, CalendarProblem, Entry, NotAZone, read_icalendar};
pub use lists::{List, Lists, PACK_LISTS, PackList};
pub use people::{Answer, Behind, Caller, HANDOVERS_MAX, Handover, Handovers, Known, People, Session, Taken};
pub use recurrence::{NotARecurrence, Recurrence};

use std::sync::Arc;

/// One snapshot of what is known about the organization.
#[derive(Clone, Debug, Default)]
pub struct Context {
    version: u64,
    accounts: Accounts,
    lists: Lists,
    hours: Hours,
    change_windows: ChangeWindows,
    geography: Arc<Geography>,
}

impl Context {
    /// A snapshot. `version` orders snapshots of one process: a later one has a higher version.
    #[must_use]
    pub fn new(version: u64, accounts: Accounts, lists: Lists, hours: Hours) -> Self {
        Self {
            version,
            accounts,
            lists,
            hours,
            change_windows: ChangeWindows::default(),
            geography: Arc::default(),
        }
    }

    /// What a run without any configuration knows: no accounts, the pack's lists empty, no hours.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(0, Accounts::default(), Lists::standard(), Hours::default())
    }

    /// The same snapshot with other lists, as a rule's test asks for.
    #[must_use]
    pub fn with_lists(&self, lists: Lists) -> Self {
        Self { lists, ..self.clone() }
    }

    /// The same snapshot with these change windows.
    #[must_use]
    pub fn with_change_windows(self, change_windows: ChangeWindows) -> Self {
        Self { change_windows, ..self }
    }

    /// The same snapshot with these databases of addresses.
    #[must_use]
    pub fn with_geography(self, geography: Arc<Geography>) -> Self {
        Self { geography, ..self }
    }

    /// Which snapshot this is; higher is later.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The accounts known by name.
    #[must_use]
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// What is known of one account, by its twelve digits.
    #[must_use]
    pub fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.get(id)
    }

    /// The account's name, or its number where no name is known: a title has to say something.
    #[must_use]
    pub fn account_name<'a>(&'a self, id: &'a str) -> &'a str {
        self.account(id).and_then(|account| account.name.as_deref()).unwrap_or(id)
    }

    /// The named lists.
    #[must_use]
    pub fn lists(&self) -> &Lists {
        &self.lists
    }

    /// The named weekly schedules.
    #[must_use]
    pub fn hours(&self) -> &Hours {
        &self.hours
    }

    /// Where addresses are, and whose.
    #[must_use]
    pub fn geography(&self) -> &Geography {
        &self.geography
    }

    /// When changes are expected.
    #[must_use]
    pub fn change_windows(&self) -> &ChangeWindows {
        &self.change_windows
    }
}
