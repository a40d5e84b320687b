//! A copy of the database while it is written, and putting one back.
//!
//! The copy shows one commit. It is taken in slices from a connection that reads one snapshot throughout, so writing goes on
//! and never makes the copy start over. Until it is complete, checked and on the disk it has another name: a file under the name
//! asked for is a good backup.
//!
//! Copying `state.db` with a file tool instead misses what is only in the log.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::connection;
use crate::folder::{Folder, make_names_durable};
use crate::{Check, Error, Reader, Store};

/// Pages per slice: 4 MiB.
const SLICE: i32 = 1024;

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupReport {
    /// The commit that the copy shows.
    pub commit: u64,
    /// Its size.
    pub bytes: u64,
}

impl Store {
    /// Copies the database to a file that does not exist yet, while writing goes on. Needs as much space as the database has.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`], [`Error::Full`], [`Error::ReadOnly`], [`Error::Io`], or [`Error::Corrupt`] if the copy is damaged, and
    /// so probably the original. No file is left under the name then.
    ///
    /// ```
    /// use store::{Batch, Options, Store, restore};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let (state, backup) = (folder.path().join("state"), folder.path().join("monday.db"));
    /// let store = Store::open(&state, &Options::default())?;
    /// store.commit(Batch::new(0))?;
    /// assert_eq!(store.backup(&backup)?.commit, 1);
    /// store.commit(Batch::new(0))?;
    /// store.close();
    ///
    /// let aside = restore(&backup, &state)?.expect("there was a database");
    /// assert!(aside.ends_with("replaced-1/state.db"));
    /// assert_eq!(Store::open(&state, &Options::default())?.reader()?.snapshot()?.commit(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn backup(&self, to: &Path) -> Result<BackupReport, Error> {
        self.reader()?.backup(to)
    }
}

impl Reader {
    /// As [`Store::backup`]; works from another process too.
    ///
    /// # Errors
    ///
    /// As [`Store::backup`].
    pub fn backup(&mut self, to: &Path) -> Result<BackupReport, Error> {
        if to.try_exists().map_err(|error| Error::io(to, &error))? {
            return Err(Error::Exists { path: to.to_owned() });
        }
        let partial = Unfinished(with_suffix(to, ".partial"));
        remove_if_there(&partial.0)?;
        let snapshot = self.snapshot()?;
        let commit = snapshot.commit();
        copy(snapshot.connection(), &partial.0).map_err(|error| Error::sqlite(&partial.0, &error))?;
        drop(snapshot);
        connection::inspect(&partial.0, Check::Quick)?;
        let bytes = put_in_place(&partial.0, to)?;
        Ok(BackupReport { commit, bytes })
    }
}

/// Puts a backup into a state folder that nobody has open. A database that is there is moved aside with its log, into a new folder
/// `replaced-N` beside it, and its path is returned.
///
/// What was acknowledged after the backup was taken is not in it: sources go on from the backup's checkpoints.
///
/// # Errors
///
/// [`Error::Locked`] if the folder is in use, [`Error::Missing`], [`Error::Foreign`], [`Error::Newer`] or [`Error::Corrupt`] if the
/// backup is not good, and what writing can meet. Until the backup is copied and checked, the folder is left as it was; if the
/// process ends between moving the old database aside and naming the new one, the old one is whole in `replaced-N`.
pub fn restore(backup: &Path, folder: &Path) -> Result<Option<PathBuf>, Error> {
    connection::inspect(backup, Check::Quick)?;
    let folder = Folder::at(folder);
    folder.create()?;
    let _lock = folder.lock()?;
    let incoming = Unfinished(folder.root().join("state.db.partial"));
    fs::copy(backup, &incoming.0).map_err(|error| Error::io(&incoming.0, &error))?;
    connection::inspect(&incoming.0, Check::Quick)?;
    let aside = move_aside(&folder)?;
    put_in_place(&incoming.0, &folder.database())?;
    Ok(aside)
}

/// An old log beside a restored database would be taken for its own: all three files move.
fn move_aside(folder: &Folder) -> Result<Option<PathBuf>, Error> {
    let present: Vec<PathBuf> = [folder.log_index(), folder.log(), folder.database()]
        .into_iter()
        .filter(|path| path.exists())
        .collect();
    if present.is_empty() {
        return Ok(None);
    }
    let aside = (1_u32..)
        .map(|number| folder.root().join(format!("replaced-{number}")))
        .find(|path| !path.exists())
        .unwrap_or_else(|| folder.root().join("replaced"));
    let failed = |error: std::io::Error| Error::io(&aside, &error);
    fs::create_dir(&aside).map_err(failed)?;
    for path in &present {
        let name = path.file_name().unwrap_or_default();
        fs::rename(path, aside.join(name)).map_err(failed)?;
    }
    make_names_durable(&aside)?;
    Ok(Some(aside.join("state.db")))
}

fn copy(source: &Connection, to: &Path) -> rusqlite::Result<()> {
    let mut target = Connection::open(to)?;
    // Should it break off, the whole file goes: a journal would only cost.
    target.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
    target.pragma_update(None, "synchronous", "OFF")?;
    let backup = Backup::new(source, &mut target)?;
    while backup.step(SLICE)? != StepResult::Done {}
    Ok(())
}

/// Gives a finished file its name, and both to the disk. Returns its size.
fn put_in_place(from: &Path, to: &Path) -> Result<u64, Error> {
    let failed = |error: std::io::Error| Error::io(to, &error);
    let file = File::open(from).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    fs::rename(from, to).map_err(failed)?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_names_durable(parent)?;
    Ok(bytes)
}

/// A file that is removed unless it was given its final name.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // What cannot be removed now is replaced by the next backup of that name.
        let _ = remove_if_there(&self.0);
    }
}

fn remove_if_there(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, &error)),
        _ => Ok(()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
