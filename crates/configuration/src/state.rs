//! What is remembered, where, and how long.

use std::path::PathBuf;
use std::time::Duration;

use rules::Check;
use rules::yaml::{Node, Value};
use store::{Durability, Options, Prune};

use crate::read::Reader;

/// The store, and what is forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Its folder.
    pub folder: PathBuf,
    /// What a committed transaction survives.
    pub durability: Durability,
    /// The most the database may grow to, in bytes.
    pub size_max_bytes: Option<u64>,
    /// How long things are kept.
    pub retention: Retention,
}

/// How long things are kept once nothing is owed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Findings, with their sample records.
    pub findings: Duration,
    /// What was sent, and the receipts.
    pub deliveries: Duration,
    /// That something was sent, so that a late replay sends nothing twice. At least as long as `deliveries`.
    pub keys: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Default for Retention {
    /// A year and a month of findings; what was sent for a month; twice as long as findings that it was.
    fn default() -> Self {
        Retention { findings: DAY * 400, deliveries: DAY * 30, keys: DAY * 800 }
    }
}

impl State {
    /// How the store is opened.
    #[must_use]
    pub fn options(&self) -> Options {
        Options { durability: self.durability, size_max_bytes: self.size_max_bytes, ..Options::default() }
    }
}

impl Retention {
    /// One slice of forgetting, at the time `now_ms`: milliseconds since 1970.
    #[must_use]
    pub fn prune(&self, now_ms: i64) -> Prune {
        let before =
            |age: Duration| now_ms.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        Prune {
            findings_before_ms: Some(before(self.findings)),
            payloads_before_ms: Some(before(self.deliveries)),
            keys_before_ms: Some(before(self.keys)),
            seen_before_ms: Some(now_ms),
            ..Prune::default()
        }
    }
}

pub(crate) const KEYS: [&str; 4] = ["folder", "durability", "size_max", "retention"];
pub(crate) const RETENTION_KEYS: [&str; 3] = ["findings", "deliveries", "keys"];
pub(crate) const DURABILITIES: [(&str, Durability); 2] =
    [("power-loss", Durability::PowerLoss), ("crash", Durability::Crash)];

/// A smaller database has no room for a day of anything.
const SIZE_MIN_BYTES: u64 = 16 << 20;
const RETENTION_MAX: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

impl Reader<'_, '_> {
    /// A folder alone, or a mapping.
    pub(crate) fn state(&mut self, node: &Node) -> Option<State> {
        if !matches!(node.value, Value::Mapping(_)) {
            let folder = self.path(node, "`state`")?;
            return Some(State {
                folder,
                durability: Durability::default(),
                size_max_bytes: None,
                retention: Retention::default(),
            });
        }
        let fields = self.fields(node, "`state`", &KEYS, &[])?;
        let folder = fields.required(self.complaints, "folder").and_then(|node| self.path(node, "`folder`"));
        let durability = fields
            .get("durability")
            .map_or(Some(Durability::default()), |node| self.word(node, "durability", &DURABILITIES));
        let size_max =
            fields.get("size_max").map(|node| self.size(node, "size_max", SIZE_MIN_BYTES..=u64::MAX >> 1));
        let retention =
            fields.get("retention").map_or(Some(Retention::default()), |node| self.retention(node));
        Some(State {
            folder: folder?,
            durability: durability?,
            size_max_bytes: match size_max {
                Some(size) => Some(size?),
                None => None,
            },
            retention: retention?,
        })
    }

    fn retention(&mut self, node: &Node) -> Option<Retention> {
        let fields = self.fields(node, "`retention`", &RETENTION_KEYS, &[])?;
        let defaults = Retention::default();
        let mut of = |key, default| {
            fields.get(key).map_or(Some(default), |node| self.duration(node, key, RETENTION_MAX))
        };
        let (findings, deliveries, keys) = (
            of("findings", defaults.findings),
            of("deliveries", defaults.deliveries),
            of("keys", defaults.keys),
        );
        let retention = Retention { findings: findings?, deliveries: deliveries?, keys: keys? };
        if retention.keys < retention.deliveries {
            let at = fields.get("keys").or_else(|| fields.get("deliveries")).unwrap_or(node);
            let message = "`keys` are kept at least as long as `deliveries`";
            let diagnostic = self.complaints.diagnostic(Check::InvalidValue, at.range.clone(), message);
            self.complaints.push(
                diagnostic.help("a delivery that is forgotten wholly may be sent again by a late replay"),
            );
            return None;
        }
        Some(retention)
    }
}
