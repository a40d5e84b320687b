//! Connections to the database: the one that writes and those that read, and the settings each needs.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::folder::Folder;
use crate::options::{Durability, Options};
use crate::{Check, Error, schema};

/// How long another program's lock on the database is waited for.
const BUSY: Duration = Duration::from_secs(5);

/// The log is cut back to this after a checkpoint, so that one burst does not occupy the disk for good.
const LOG_BYTES_KEPT: u32 = 64 << 20;

/// The connection that writes. The caller holds the folder's lock. Changes nothing before `check` has passed.
pub(crate) fn to_write(file: &Path, options: &Options, check: Check) -> Result<Connection, Error> {
    let sqlite = |error: rusqlite::Error| Error::sqlite(file, &error);
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(file, flags)?;
    if connection.is_readonly("main").map_err(sqlite)? {
        return Err(Error::ReadOnly { path: file.to_owned(), detail: "the file is read-only".into() });
    }
    let version = schema::identify(&connection, file)?;
    schema::check(&connection, file, check)?;
    write_settings(&connection, version, options).map_err(sqlite)?;
    let mode = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))
        .map_err(sqlite)?;
    if mode != "wal" {
        let detail = "its file system has no shared memory, which a write-ahead log needs".into();
        return Err(Error::Io { path: file.to_owned(), detail });
    }
    Ok(connection)
}

fn write_settings(connection: &Connection, version: u32, options: &Options) -> rusqlite::Result<()> {
    if version == 0 {
        // Only possible before the first table: lets retention give pages back to the file system bit by bit.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    let synchronous = match options.durability {
        Durability::PowerLoss => "FULL",
        Durability::Crash => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // macOS empties the drive's own cache only on this.
    connection.pragma_update(None, "fullfsync", options.durability == Durability::PowerLoss)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES_KEPT, |_| Ok(()))?;
    // A cell that does not fit its page is reported when it is read, not believed.
    connection.pragma_update(None, "cell_size_check", true)?;
    if let Some(bytes) = options.size_max_bytes {
        let page: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages = u32::try_from(bytes / u64::from(page)).unwrap_or(u32::MAX - 1).max(1);
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// A connection that cannot write.
pub(crate) fn to_read(folder: &Folder) -> Result<Connection, Error> {
    let file = folder.database();
    if !file.try_exists().map_err(|error| Error::io(&file, &error))? {
        return Err(Error::Missing { path: file });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(&file, flags).and_then(|connection| readable(connection, &file));
    match connection {
        // Where no log can be made, a database without one can still be read: nobody can be writing it.
        Err(Error::ReadOnly { .. } | Error::Io { .. }) if log_is_empty(folder) => {
            let connection = open(Path::new(&immutable(&file)), flags | OpenFlags::SQLITE_OPEN_URI)?;
            readable(connection, &file)
        }
        connection => connection,
    }
}

fn readable(connection: Connection, file: &Path) -> Result<Connection, Error> {
    if schema::identify(&connection, file)? == 0 {
        return Err(Error::Missing { path: file.to_owned() });
    }
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn log_is_empty(folder: &Folder) -> bool {
    fs::metadata(folder.log()).map_or(true, |log| log.len() == 0)
}

/// A URI that tells SQLite that the file does not change under it.
fn immutable(file: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in file.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(*byte));
            }
            // Writing to a String cannot fail.
            _ => drop(write!(uri, "%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}

fn open(file: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    let connection = Connection::open_with_flags(file, flags).map_err(|error| Error::sqlite(file, &error))?;
    connection.busy_timeout(BUSY).map_err(|error| Error::sqlite(file, &error))?;
    Ok(connection)
}

/// A look at a database file that nobody has open: is it ours, is it whole.
pub(crate) fn inspect(file: &Path, check: Check) -> Result<(), Error> {
    if !file.try_exists().map_err(|error| Error::io(file, &error))? {
        return Err(Error::Missing { path: file.to_owned() });
    }
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = open(Path::new(&immutable(file)), flags)?;
    let connection = readable(connection, file)?;
    schema::check(&connection, file, check)
}
