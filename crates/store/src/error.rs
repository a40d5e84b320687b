//! What can go wrong with a state folder, and what to do about it.
//!
//! Invariant: an error out of a transaction means that nothing of that transaction was kept, with one exception that has its
//! own variant, [`Error::Failed`]: after a failed write nobody knows, so the store takes no more work until it is opened again.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use rusqlite::ffi;

/// Why the store could not be opened, read or written. [`hint`](Error::hint) says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process has the folder open for writing.
    #[error("{folder} is in use by another trailhound{}", process.map_or_else(String::new, |id| format!(" (process {id})")))]
    Locked {
        /// The state folder.
        folder: PathBuf,
        /// Who holds it, as far as it said.
        process: Option<u32>,
    },
    /// The database was written by a later version.
    #[error("{file} has schema {found}, and this trailhound knows schemas up to {known}")]
    Newer {
        /// The database.
        file: PathBuf,
        /// Its schema version.
        found: u32,
        /// The newest schema version known here.
        known: u32,
    },
    /// A healthy SQLite database, but somebody else's.
    #[error("{file} is a database of another program")]
    Foreign {
        /// The database.
        file: PathBuf,
    },
    /// The database's pages contradict each other, or are no database at all.
    #[error("{file} is damaged: {detail}")]
    Corrupt {
        /// The database.
        file: PathBuf,
        /// What the check found first.
        detail: String,
    },
    /// The folder or the file may not be written.
    #[error("{path} cannot be written: {detail}")]
    ReadOnly {
        /// The folder or file.
        path: PathBuf,
        /// The system's words.
        detail: String,
    },
    /// No space on the disk, or the set size is reached. Nothing of the transaction was kept; the store goes on when there is room.
    #[error("no space left to write {file}")]
    Full {
        /// The database.
        file: PathBuf,
    },
    /// There is nothing to read.
    #[error("{path} does not exist")]
    Missing {
        /// What was looked for.
        path: PathBuf,
    },
    /// What would have to be written is there already.
    #[error("{path} exists already")]
    Exists {
        /// What is in the way.
        path: PathBuf,
    },
    /// Another program holds the database's write lock, a shell with an open transaction for example.
    #[error("{file} is locked by another program")]
    Busy {
        /// The database.
        file: PathBuf,
    },
    /// State was written for a namespace that has another meaning by now, or was never adopted.
    #[error("the state of `{namespace}` is not kept under this meaning")]
    Meaning {
        /// The namespace's name.
        namespace: String,
    },
    /// A read or write failed below the database.
    #[error("access to {path} failed: {detail}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        detail: String,
    },
    /// An earlier write failed in a way that leaves open what is on the disk. Nothing more is written until the store is opened again.
    #[error("the store stopped writing after an error: {cause}")]
    Failed {
        /// What happened then.
        cause: Box<Error>,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Stopped,
    /// SQLite refused a statement.
    #[error("{file}: {detail}")]
    Sqlite {
        /// The database.
        file: PathBuf,
        /// SQLite's words.
        detail: String,
    },
}

impl Error {
    /// What the user can do. One sentence, for a line of its own below the message.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Error::Locked { .. } => "stop the other process, or give this one a state folder of its own",
            Error::Newer { .. } => {
                "run the newer trailhound again, or restore a backup taken before the upgrade"
            }
            Error::Foreign { .. } => "set `state` to a folder that only trailhound uses",
            Error::Corrupt { .. } => {
                "restore a backup, or move the file and its -wal and -shm aside to start with empty state"
            }
            Error::ReadOnly { .. } => "give the user that runs trailhound the right to write there",
            Error::Full { .. } => {
                "free some space or raise the limit: the same work can then be committed again"
            }
            Error::Missing { .. } => "check the path",
            Error::Exists { .. } => "choose another name, or move the file that is there",
            Error::Busy { .. } => "end the other program's transaction; the same work can be committed again",
            Error::Meaning { .. } => "adopt the namespace under its present meaning first",
            Error::Io { .. } => "look into the system's log for the disk's health",
            Error::Failed { .. } => {
                "start again: what was acknowledged is there, the rest will be delivered again"
            }
            Error::Stopped => "open the store again",
            Error::Sqlite { .. } => "report this with the message",
        }
    }

    /// After this, only a fresh look at the disk tells what is on it.
    pub(crate) fn leaves_the_disk_unknown(&self) -> bool {
        matches!(self, Error::Io { .. } | Error::Corrupt { .. })
    }

    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Error::ReadOnly { path, detail: error.to_string() }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full { file: path },
            io::ErrorKind::NotFound => Error::Missing { path },
            _ => Error::Io { path, detail: error.to_string() },
        }
    }

    pub(crate) fn sqlite(file: &Path, error: &rusqlite::Error) -> Self {
        let file = file.to_owned();
        let detail = error.to_string();
        let rusqlite::Error::SqliteFailure(failure, _) = error else {
            return Error::Sqlite { file, detail };
        };
        // The index of the log lives in shared memory, which grows by a file: no room there is no room.
        if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE {
            return Error::Full { file };
        }
        match failure.code {
            ErrorCode::DiskFull => Error::Full { file },
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Error::Corrupt { file, detail },
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Error::ReadOnly { path: file, detail },
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Error::Busy { file },
            ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::OutOfMemory => {
                Error::Io { path: file, detail }
            }
            _ => Error::Sqlite { file, detail },
        }
    }
}
