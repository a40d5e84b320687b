//! A rule's state between events: values under keys, and the events it has decided on, in a namespace that has a meaning.
//!
//! Invariant: all state of a namespace was written under the meaning that the namespace has now. Whoever writes names the
//! meaning it writes for, and is refused if that is no longer the one: a batch from before a reload cannot put old state
//! under a new rule.

use std::ops::{Bound, ControlFlow, RangeBounds};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use crate::transaction::sealed::ApplyError;
use crate::{Error, Snapshot};

/// A place for one rule's state: its name, and the hash of all that gives the state its meaning (selector, keys, window, kind).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Namespace {
    name: Arc<str>,
    meaning: [u8; 32],
}

impl Namespace {
    /// Names a namespace. It is kept from [`Batch::adopt`](crate::Batch::adopt) on.
    #[must_use]
    pub fn new(name: &str, meaning: [u8; 32]) -> Self {
        Namespace { name: name.into(), meaning }
    }

    /// The name, usually a rule's id.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The hash of what gives the state its meaning.
    #[must_use]
    pub fn meaning(&self) -> [u8; 32] {
        self.meaning
    }
}

/// One value as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateValue {
    /// The format of the bytes, as given when they were put.
    pub version: u32,
    /// The value.
    pub value: Vec<u8>,
}

/// One value while it is walked over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateRow<'a> {
    /// The key within the namespace.
    pub key: &'a [u8],
    /// The format of the bytes, as given when they were put.
    pub version: u32,
    /// The value.
    pub value: &'a [u8],
}

#[derive(Debug, Clone)]
pub(crate) struct StateChange {
    pub(crate) namespace: Namespace,
    pub(crate) key: Vec<u8>,
    /// `None` deletes.
    pub(crate) value: Option<(u32, Vec<u8>)>,
}

impl Snapshot<'_> {
    /// All namespaces with their meanings, by name.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn namespaces(&self) -> Result<Vec<Namespace>, Error> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT name, meaning FROM namespace ORDER BY name")?;
            let rows =
                statement.query_map([], |row| Ok(Namespace::new(row.get_ref(0)?.as_str()?, row.get(1)?)))?;
            rows.collect()
        })
    }

    /// The state under a key; none if the namespace has another meaning by now.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn state(&self, namespace: &Namespace, key: &[u8]) -> Result<Option<StateValue>, Error> {
        self.read(|connection| {
            let Some(id) = id(connection, namespace)? else { return Ok(None) };
            connection
                .prepare_cached("SELECT version, value FROM state WHERE namespace = ?1 AND key = ?2")?
                .query_row((id, key), |row| Ok(StateValue { version: row.get(0)?, value: row.get(1)? }))
                .optional()
        })
    }

    /// Walks over the state of a namespace in the order of the keys, until `each` breaks off.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn scan_state(
        &self,
        namespace: &Namespace,
        keys: impl RangeBounds<[u8]>,
        mut each: impl FnMut(StateRow<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let (from, from_inside) = match keys.start_bound() {
            Bound::Included(key) => (key, true),
            Bound::Excluded(key) => (key, false),
            Bound::Unbounded => (&[][..], true),
        };
        let (to, to_inside) = match keys.end_bound() {
            Bound::Included(key) => (Some(key), true),
            Bound::Excluded(key) => (Some(key), false),
            Bound::Unbounded => (None, false),
        };
        let sql = format!(
            "SELECT key, version, value FROM state WHERE namespace = ?1 AND key {} ?2 {} ORDER BY key",
            if from_inside { ">=" } else { ">" },
            match (to, to_inside) {
                (Some(_), true) => "AND key <= ?3",
                (Some(_), false) => "AND key < ?3",
                (None, _) => "AND ?3 IS NULL",
            }
        );
        self.read(|connection| {
            let Some(id) = id(connection, namespace)? else { return Ok(()) };
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query((id, from, to))?;
            while let Some(row) = rows.next()? {
                let (key, value) = (row.get_ref(0)?.as_blob()?, row.get_ref(2)?.as_blob()?);
                if each(StateRow { key, version: row.get(1)?, value }).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    /// Whether a namespace has decided on an event already: one look into an index.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn has_seen(&self, namespace: &Namespace, event: &[u8]) -> Result<bool, Error> {
        self.read(|connection| {
            let Some(id) = id(connection, namespace)? else { return Ok(false) };
            connection
                .prepare_cached("SELECT 1 FROM seen WHERE namespace = ?1 AND event = ?2")?
                .exists((id, event))
        })
    }

    /// Walks over the events that a namespace has decided on, with the time at which each may be forgotten, until `each` breaks
    /// off. For filling a set in memory at the start.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn scan_seen(
        &self,
        namespace: &Namespace,
        mut each: impl FnMut(&[u8], i64) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.read(|connection| {
            let Some(id) = id(connection, namespace)? else { return Ok(()) };
            let mut statement = connection
                .prepare_cached("SELECT event, expires_ms FROM seen WHERE namespace = ?1 ORDER BY event")?;
            let mut rows = statement.query([id])?;
            while let Some(row) = rows.next()? {
                if each(row.get_ref(0)?.as_blob()?, row.get(1)?).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }
}

/// The number of a namespace, if it is kept under this meaning.
fn id(connection: &Connection, namespace: &Namespace) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT id FROM namespace WHERE name = ?1 AND meaning = ?2")?
        .query_row((&*namespace.name, namespace.meaning), |row| row.get(0))
        .optional()
}

fn adopted(connection: &Connection, namespace: &Namespace) -> Result<i64, ApplyError> {
    id(connection, namespace)?.ok_or_else(|| ApplyError::Meaning((&*namespace.name).into()))
}

pub(crate) fn adopt(connection: &Connection, namespace: &Namespace) -> rusqlite::Result<()> {
    if id(connection, namespace)?.is_none() {
        drop_namespace(connection, &namespace.name)?;
        let insert = "INSERT INTO namespace (name, meaning) VALUES (?1, ?2)";
        connection.prepare_cached(insert)?.execute((&*namespace.name, namespace.meaning))?;
    }
    Ok(())
}

pub(crate) fn drop_namespace(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM state WHERE namespace = (SELECT id FROM namespace WHERE name = ?1)",
        "DELETE FROM seen WHERE namespace = (SELECT id FROM namespace WHERE name = ?1)",
        "DELETE FROM namespace WHERE name = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([name])?;
    }
    Ok(())
}

pub(crate) fn change(connection: &Connection, change: &StateChange) -> Result<(), ApplyError> {
    let id = adopted(connection, &change.namespace)?;
    match &change.value {
        Some((version, value)) => connection
            .prepare_cached(
                "INSERT INTO state (namespace, key, version, value) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (namespace, key) DO UPDATE SET version = excluded.version, value = excluded.value",
            )?
            .execute((id, &change.key, version, value))?,
        None => connection
            .prepare_cached("DELETE FROM state WHERE namespace = ?1 AND key = ?2")?
            .execute((id, &change.key))?,
    };
    Ok(())
}

/// Whether the event was new.
pub(crate) fn see(
    connection: &Connection,
    namespace: &Namespace,
    event: &[u8],
    expires_ms: i64,
) -> Result<bool, ApplyError> {
    let id = adopted(connection, namespace)?;
    let insert = "INSERT INTO seen (namespace, event, expires_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let created = connection.prepare_cached(insert)?.execute((id, event, expires_ms))? == 1;
    if !created {
        let extend =
            "UPDATE seen SET expires_ms = ?3 WHERE namespace = ?1 AND event = ?2 AND expires_ms < ?3";
        connection.prepare_cached(extend)?.execute((id, event, expires_ms))?;
    }
    Ok(created)
}
