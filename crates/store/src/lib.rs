//! Durable state and outbox: one SQLite file that moves from one whole truth to the next.
//!
//! The store keeps what must outlive the process: how far each source was read, what the rules remember, findings, messages
//! that are owed, counters, and who did what. It knows nothing of rules or AWS; it is handed names, bytes and times, and has no
//! clock.
//!
//! ```text
//!   many callers            one writer                  any number of readers
//!   Store::commit ──┐
//!   Store::submit ──┼─▶ queue ─▶ one commit of all ─▶ state.db ─▶ Reader ─▶ Snapshot
//!   try_submit_then ┘  (bounded)  that waits: one      (WAL)     (one commit, whole)
//!          ▲                      wait for the disk
//!          └────── answers, once it is durable
//! ```
//!
//! # The transactions
//!
//! Data moves by three, and each is durable before the world is told:
//!
//! | | contains | then |
//! |---|---|---|
//! | 1 [`Batch`] | checkpoints, state changes, seen events, findings, outbox entries, counters, audit | the source is acknowledged |
//! | 2 [`Attempts`] | outbox entries → *sending*, attempts + 1 | the message is sent |
//! | 3 [`Receipts`] | *sending* → *delivered*, *pending* again, or *dead* | |
//!
//! Dying before 1: the source delivers the input again. Between 1 and its acknowledgement: it delivers again too, and what was
//! decided is recognised, since findings, outbox entries and seen events are created only if absent. Between 2 and 3: it is not
//! known whether the message arrived; the next process sends it again under the same [key](DeliveryKey). So a message gets
//! into the outbox exactly once, and to its target at least once with one idempotency key.
//!
//! Beside them, [`DeadLetters`] is what an operator does, and [`Prune`] is retention. All five go through the same queue.
//!
//! # Tables
//!
//! | table | key | holds |
//! |---|---|---|
//! | `checkpoint` | source, partition | how far it was read, in the source's own bytes |
//! | `namespace` | name | the hash of what gives a rule's state its [meaning](Namespace) |
//! | `state` | namespace, key | format version, bytes |
//! | `seen` | namespace, event | until when the rule must recognise a duplicate |
//! | `finding` | id, revision | the columns that pages filter by, and the body |
//! | `delivery`, `payload` | finding, target, revision | the [outbox](delivery) |
//! | `counter` | name | the caller's sums |
//! | `audit` | number | the hash-chained [list](audit) of who did what |
//! | `ledger` | name | the store's own sums, so that created = present + pruned can be [checked](DeliveryCounts::balanced) |
//!
//! `schema/` has the statements. A database of every released version can be opened; a later one is refused.
//!
//! # Why SQLite this way
//!
//! **A write-ahead log**, because readers then never wait for the writer nor it for them, and a commit is one append and one wait
//! for the disk instead of several. **One writer thread**, because SQLite has one writer anyway: what waits meanwhile becomes the next
//! commit ([group commit](writer)), so many callers share one wait. What *durable* means is a [setting](Durability).
//!
//! # When things fail
//!
//! * **Disk full**: the transaction is [refused](Refused) and comes home; nothing was kept or acknowledged. When there is room
//!   again, the same store goes on.
//! * **A failed write or sync**: nobody knows what reached the disk, and asking again may be answered wrongly. The store stops
//!   writing ([`Error::Failed`]); starting again reads what is really there.
//! * **A damaged page**: found when the store is opened or soon after ([`Check`]), or when it is met. Never repaired silently. SQLite has no
//!   checksum over values: a bit that flips inside one is not noticed, except in the audit list.
//! * **Two processes**: the second is refused ([`Error::Locked`]).

#![deny(missing_docs)]

mod attempt;
pub mod audit;
mod backup;
mod batch;
mod connection;
mod dead_letters;
pub mod delivery;
mod error;
mod examination;
mod finding;
mod folder;
mod options;
mod prune;
mod queue;
mod reader;
mod receipt;
mod rewind;
mod schema;
mod state;
mod status;
mod store;
mod transaction;
pub mod writer;

pub use attempt::{Attempt, Attempts, StartRefusal};
pub use audit::{Audit, AuditCheck, AuditHead, AuditRow, BrokenLink};
pub use backup::{BackupReport, restore};
pub use batch::{Added, Batch, Committed};
pub use dead_letters::{DeadLetters, DeadLettersChanged};
pub use delivery::{Delivery, DeliveryKey, DeliveryKeyError, DeliveryState};
pub use error::Error;
pub use finding::{CursorError, Finding, FindingCursor, FindingFilter, FindingPage, Severity};
pub use options::{Check, Durability, Options};
pub use prune::{Prune, Pruned};
pub use reader::{Checkpoint, Reader, Snapshot};
pub use receipt::{Noted, Outcome, Receipts};
pub use rewind::Rewind;
pub use schema::SCHEMA_VERSION;
pub use state::{Namespace, StateRow, StateValue};
pub use status::{DeliveryCounts, FindingCounts, Status, Undelivered};
pub use store::Store;
pub use transaction::{Refused, Ticket, Transaction};
pub use writer::Activity;
