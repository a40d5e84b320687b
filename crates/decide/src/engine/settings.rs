//! What the engine is told about the run, beside rules and context.

use std::time::Duration;

use alarm::composite::Home;
use cloudtrail::EventTime;

use crate::progress::Lateness;
use crate::window::{Bounds, KEYS_MAX};

/// How an engine runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Whether signals come as they arrive, and what no later arrival can undo is said at once. Else they come in order, and
    /// everything is said once, settled.
    pub early: bool,
    /// Whether [`Engine::changes`](crate::Engine::changes) will be asked for.
    pub durable: bool,
    /// For how long after something settled a later event may still revise it.
    pub reopen: Duration,
    /// How many keys a rule keeps that does not say otherwise.
    pub keys_max: usize,
    /// How late events come, by the way they come.
    pub lateness: Lateness,
    /// When the history begins: the first event of a scan, the first start of a service. First-seen rules learn from then on,
    /// alarms exist from then on, keys that are named are expected from then on.
    pub begin: EventTime,
    /// Whether first-seen rules say what is new while they learn, marked as a cold start.
    pub say_cold: bool,
    /// Where alarms are at home: it makes names into ARNs in the reasons of composite alarms.
    pub home: Home,
}

impl Settings {
    /// For a history that is told in order, from its first event on.
    pub fn history(begin: EventTime) -> Self {
        let none = Duration::ZERO;
        Settings {
            early: false,
            durable: false,
            reopen: none,
            keys_max: KEYS_MAX,
            lateness: Lateness { eventbridge: none, logs: none, s3: none },
            begin,
            say_cold: true,
            home: nowhere(),
        }
    }

    /// For events as they arrive, kept durably, from the first start on.
    pub fn live(begin: EventTime, lateness: Lateness) -> Self {
        Settings {
            early: true,
            durable: true,
            reopen: Duration::from_secs(24 * 3_600),
            keys_max: KEYS_MAX,
            lateness,
            begin,
            say_cold: false,
            home: nowhere(),
        }
    }

    pub(crate) fn bounds(&self, keys_max: Option<usize>) -> Bounds {
        Bounds { keys_max: keys_max.unwrap_or(self.keys_max), durable: self.durable }
    }

    pub(crate) fn reopen_micros(&self) -> i64 {
        i64::try_from(self.reopen.as_micros()).unwrap_or(i64::MAX)
    }
}

/// Trailhound's alarms belong to no account.
fn nowhere() -> Home {
    Home::new("us-east-1", "000000000000")
}
