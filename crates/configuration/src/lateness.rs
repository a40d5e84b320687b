//! How late events may be, by the way they take.

use std::time::Duration;

use rules::yaml::Node;

use crate::read::Reader;

/// How long after an event it may still arrive and be decided in its place. Later ones are counted, and re-open what was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lateness {
    /// Of events that EventBridge delivers.
    pub eventbridge: Duration,
    /// Of events that CloudWatch Logs delivers.
    pub logs: Duration,
    /// Of events in log files.
    pub s3: Duration,
    /// How long an account and region may say nothing until it is taken to have nothing to say, beyond the lateness.
    pub idle: Duration,
}

impl Default for Lateness {
    /// As CloudTrail behaves.
    fn default() -> Self {
        Lateness {
            eventbridge: Duration::from_secs(2 * 60),
            logs: Duration::from_secs(20 * 60),
            s3: Duration::from_secs(60 * 60),
            idle: Duration::from_secs(15 * 60),
        }
    }
}

pub(crate) const KEYS: [&str; 4] = ["eventbridge", "logs", "s3", "idle"];

/// Beyond a day, windows would stay open longer than anybody waits for a finding.
const LATENESS_MAX: Duration = Duration::from_secs(24 * 3600);

impl Reader<'_, '_> {
    pub(crate) fn lateness(&mut self, node: &Node) -> Option<Lateness> {
        let fields = self.fields(node, "`lateness`", &KEYS, &[])?;
        let defaults = Lateness::default();
        let mut of = |key, default| {
            fields.get(key).map_or(Some(default), |node| self.duration(node, key, LATENESS_MAX))
        };
        let (eventbridge, logs, s3) =
            (of("eventbridge", defaults.eventbridge), of("logs", defaults.logs), of("s3", defaults.s3));
        let idle = of("idle", defaults.idle);
        Some(Lateness { eventbridge: eventbridge?, logs: logs?, s3: s3?, idle: idle? })
    }
}
