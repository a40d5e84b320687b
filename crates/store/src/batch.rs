//! Transaction 1: what came out of a piece of input, and how far the input was read.
//!
//! Invariant: the checkpoint moves if and only if everything decided up to it is kept. So the source is acknowledged after the
//! commit, and after a crash reading goes on from the checkpoint against the very state that belongs to it.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::audit::{Audit, append};
use crate::delivery::{self, NewDelivery};
use crate::finding::{self, Finding};
use crate::state::{self, Namespace, StateChange};
use crate::transaction::sealed::{Apply, ApplyError, Group};
use crate::{DeliveryKey, Transaction};

/// Checkpoints, state changes, findings, outbox entries and counters that are kept together or not at all.
///
/// Applied in this order: namespaces, state, seen events, findings, deliveries, counters, audit entries, checkpoints; within each
/// in the order of the calls.
///
/// ```
/// use store::{Batch, DeliveryKey, Finding, Namespace, Options, Severity, Store};
///
/// let folder = tempfile::tempdir()?;
/// let store = Store::open(folder.path(), &Options::default())?;
/// let now_ms = 1_790_000_000_000;
/// let rule = Namespace::new("root-use", [7; 32]);
///
/// let mut batch = Batch::new(now_ms);
/// batch.adopt(&rule).put(&rule, b"group/111122223333", 1, b"count=1").seen(&rule, b"event-1", now_ms + 3_600_000);
/// batch.finding(Finding {
///     id: "8f2c".into(), revision: 0, rule: "root-use".into(), severity: Severity::Critical, state: "firing".into(),
///     account: "111122223333".into(), region: "us-east-1".into(), time_ms: now_ms,
///     outcome: Some("sent".into()), outcome_of: Some("8f2c".into()), body: b"{}".to_vec(),
/// });
/// batch.deliver(DeliveryKey::new("8f2c", 0, "oncall")?, b"the message".to_vec(), now_ms);
/// batch.count("signals.fired", 1).checkpoint("s3", "bucket", b"2026/09/21/a.json.gz");
///
/// let again = batch.clone();
/// assert_eq!(store.commit(batch)?.deliveries.created, 1);
/// assert_eq!(store.commit(again)?.deliveries.present, 1, "never twice into the outbox");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Batch {
    now_ms: i64,
    namespaces: Vec<NamespaceChange>,
    state: Vec<StateChange>,
    seen: Vec<Seen>,
    findings: Vec<Finding>,
    deliveries: Vec<NewDelivery>,
    counters: BTreeMap<String, u64>,
    audit: Vec<Audit>,
    checkpoints: Vec<CheckpointChange>,
    bytes: usize,
}

/// What a committed [`Batch`] added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The number of the commit that made it durable; transactions that shared a commit share the number.
    pub commit: u64,
    /// Findings, by id and revision.
    pub findings: Added,
    /// Outbox entries, by id, revision and target.
    pub deliveries: Added,
    /// Seen events, by namespace and event.
    pub seen: Added,
}

/// How many were new, and how many were there already and stayed as they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Added {
    /// Not known before.
    pub created: u64,
    /// Known before.
    pub present: u64,
}

impl Added {
    pub(crate) fn note(&mut self, created: bool) {
        *(if created { &mut self.created } else { &mut self.present }) += 1;
    }
}

#[derive(Debug, Clone)]
enum NamespaceChange {
    Adopt(Namespace),
    Drop(String),
}

#[derive(Debug, Clone)]
struct Seen {
    namespace: Namespace,
    event: Vec<u8>,
    expires_ms: i64,
}

#[derive(Debug, Clone)]
struct CheckpointChange {
    source: String,
    partition: String,
    /// `None` forgets it.
    position: Option<Vec<u8>>,
}

/// What a row costs in the queue beside its bytes.
const ROW: usize = 96;

impl Batch {
    /// An empty batch. `now_ms` is noted as the time of commit of its findings and outbox entries.
    #[must_use]
    pub fn new(now_ms: i64) -> Self {
        Batch {
            now_ms,
            namespaces: Vec::new(),
            state: Vec::new(),
            seen: Vec::new(),
            findings: Vec::new(),
            deliveries: Vec::new(),
            counters: BTreeMap::new(),
            audit: Vec::new(),
            checkpoints: Vec::new(),
            bytes: ROW,
        }
    }

    /// Keeps state for a namespace from here on. If it was kept under another meaning, that state and its seen events are
    /// deleted: compare with [`Snapshot::namespaces`](crate::Snapshot::namespaces) first to warn of it.
    pub fn adopt(&mut self, namespace: &Namespace) -> &mut Self {
        self.bytes += ROW;
        self.namespaces.push(NamespaceChange::Adopt(namespace.clone()));
        self
    }

    /// Deletes a namespace with its state and its seen events, all at once: a large one holds up the other callers.
    pub fn drop_namespace(&mut self, name: &str) -> &mut Self {
        self.bytes += ROW;
        self.namespaces.push(NamespaceChange::Drop(name.to_owned()));
        self
    }

    /// Sets the state under a key. `version` says in which format `value` is written.
    pub fn put(&mut self, namespace: &Namespace, key: &[u8], version: u32, value: &[u8]) -> &mut Self {
        self.change(namespace, key, Some((version, value.to_vec())))
    }

    /// Deletes the state under a key, if there is any.
    pub fn delete(&mut self, namespace: &Namespace, key: &[u8]) -> &mut Self {
        self.change(namespace, key, None)
    }

    fn change(&mut self, namespace: &Namespace, key: &[u8], value: Option<(u32, Vec<u8>)>) -> &mut Self {
        self.bytes += ROW + key.len() + value.as_ref().map_or(0, |(_, bytes)| bytes.len());
        self.state.push(StateChange { namespace: namespace.clone(), key: key.to_vec(), value });
        self
    }

    /// Remembers that a namespace has decided on an event, until [`Prune`](crate::Prune) passes `expires_ms`. Seeing it
    /// again never shortens that.
    pub fn seen(&mut self, namespace: &Namespace, event: &[u8], expires_ms: i64) -> &mut Self {
        self.bytes += ROW + event.len();
        self.seen.push(Seen { namespace: namespace.clone(), event: event.to_vec(), expires_ms });
        self
    }

    /// Keeps one revision of a finding. One that is kept already under the same id and revision stays as it is.
    pub fn finding(&mut self, finding: Finding) -> &mut Self {
        self.bytes += ROW + finding.body.len();
        self.findings.push(finding);
        self
    }

    /// Puts a message into the outbox, to be sent at `due_ms` or later. If the key is there already, in whatever state,
    /// nothing happens.
    pub fn deliver(&mut self, key: DeliveryKey, payload: Vec<u8>, due_ms: i64) -> &mut Self {
        self.bytes += ROW + payload.len();
        self.deliveries.push(NewDelivery { key, payload, due_ms });
        self
    }

    /// Adds to a counter. Counters are sums over all time, for identities such as *records = matched + unmatched + …* that hold
    /// across restarts because they move with what they count.
    pub fn count(&mut self, name: &str, add: u64) -> &mut Self {
        if let Some(sum) = self.counters.get_mut(name) {
            *sum = sum.saturating_add(add);
        } else {
            self.bytes += ROW;
            self.counters.insert(name.to_owned(), add);
        }
        self
    }

    /// Appends to the audit list.
    pub fn audit(&mut self, entry: Audit) -> &mut Self {
        self.bytes += ROW + entry.detail.len();
        self.audit.push(entry);
        self
    }

    /// Sets how far a partition of a source was read. What a position is, only the source knows.
    pub fn checkpoint(&mut self, source: &str, partition: &str, position: &[u8]) -> &mut Self {
        self.move_checkpoint(source, partition, Some(position.to_vec()))
    }

    /// Forgets a partition that no longer exists.
    pub fn forget_checkpoint(&mut self, source: &str, partition: &str) -> &mut Self {
        self.move_checkpoint(source, partition, None)
    }

    fn move_checkpoint(&mut self, source: &str, partition: &str, position: Option<Vec<u8>>) -> &mut Self {
        self.bytes += ROW + position.as_ref().map_or(0, Vec::len);
        self.checkpoints.push(CheckpointChange {
            source: source.into(),
            partition: partition.into(),
            position,
        });
        self
    }
}

impl Apply for Batch {}

impl Transaction for Batch {
    type Answer = Committed;

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn apply(&self, group: &Group<'_>) -> Result<Committed, ApplyError> {
        let connection = group.connection;
        for change in &self.namespaces {
            match change {
                NamespaceChange::Adopt(namespace) => state::adopt(connection, namespace)?,
                NamespaceChange::Drop(name) => state::drop_namespace(connection, name)?,
            }
        }
        for change in &self.state {
            state::change(connection, change)?;
        }
        let mut seen = Added::default();
        for Seen { namespace, event, expires_ms } in &self.seen {
            seen.note(state::see(connection, namespace, event, *expires_ms)?);
        }
        let findings = finding::add(connection, &self.findings, self.now_ms)?;
        let deliveries = delivery::add(connection, &self.deliveries, self.now_ms)?;
        add_to_counters(connection, &self.counters)?;
        append(connection, &self.audit)?;
        move_checkpoints(connection, &self.checkpoints)?;
        Ok(Committed { commit: group.commit, findings, deliveries, seen })
    }
}

pub(crate) fn add_to_counters(
    connection: &Connection,
    counters: &BTreeMap<String, u64>,
) -> rusqlite::Result<()> {
    if counters.is_empty() {
        return Ok(());
    }
    let mut add = connection.prepare_cached(
        "INSERT INTO counter (name, value) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET value = min(value, 9223372036854775807 - excluded.value) + excluded.value",
    )?;
    for (name, value) in counters {
        add.execute((name, i64::try_from(*value).unwrap_or(i64::MAX)))?;
    }
    Ok(())
}

fn move_checkpoints(connection: &Connection, checkpoints: &[CheckpointChange]) -> rusqlite::Result<()> {
    let mut set = connection.prepare_cached(
        "INSERT INTO checkpoint (source, partition, position) VALUES (?1, ?2, ?3)
         ON CONFLICT (source, partition) DO UPDATE SET position = excluded.position",
    )?;
    let mut forget =
        connection.prepare_cached("DELETE FROM checkpoint WHERE source = ?1 AND partition = ?2")?;
    for CheckpointChange { source, partition, position } in checkpoints {
        match position {
            Some(position) => set.execute((source, partition, position))?,
            None => forget.execute((source, partition))?,
        };
    }
    Ok(())
}
