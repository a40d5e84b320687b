//! The state folder: the names in it, the lock that keeps a second writer out, and making names durable.
//!
//! ```text
//! state.db        the database
//! state.db-wal    its log: acknowledged transactions may be only here. Never copy or move one without the other
//! state.db-shm    the index of the log; rebuilt when missing
//! lock            held by the one process that writes; the number in it is for the error message only
//! ```
//!
//! The lock is the operating system's, on an open file: it ends with its process, however that ends, so there is no stale lock
//! to clean up. Readers need none. It does not reach across machines: a state folder belongs on a local disk.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Error;

/// Paths inside one state folder.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(crate) fn at(root: &Path) -> Self {
        Folder { root: root.to_owned() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("state.db")
    }

    /// The write-ahead log beside the database.
    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("state.db-wal")
    }

    pub(crate) fn log_index(&self) -> PathBuf {
        self.root.join("state.db-shm")
    }

    pub(crate) fn create(&self) -> Result<(), Error> {
        if self.root.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(&self.root).map_err(|error| Error::io(&self.root, &error))?;
        match self.root.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => make_names_durable(parent),
            _ => Ok(()),
        }
    }

    /// Keeps every other writer out for as long as the lock lives.
    pub(crate) fn lock(&self) -> Result<FolderLock, Error> {
        let path = self.root.join("lock");
        let failed = |error: &std::io::Error| Error::io(&path, error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| failed(&error))?;
        match take_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Whoever holds the lock may not have written its number yet; the message does without.
                let process = file.read_to_string(&mut holder).ok().and_then(|_| holder.trim().parse().ok());
                return Err(Error::Locked { folder: self.root.clone(), process });
            }
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        let number = format!("{}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(number.as_bytes()))
            .map_err(|error| failed(&error))?;
        Ok(FolderLock { _file: file })
    }
}

/// How often, and how far apart, a lock is asked for before it counts as held.
const LOCK_TRIES: u32 = 25;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Takes the lock, with some patience: a process that starts another one shares its locks with it until the other runs its own
/// program (fork, then exec), so a lock that was just given back can seem held for a moment.
fn take_lock(file: &File) -> Result<(), TryLockError> {
    for _ in 1..LOCK_TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            taken => return taken,
        }
    }
    file.try_lock()
}

/// The right to write in the folder; given back on drop.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

/// A file that was created or renamed is only there after a power loss once its folder was synced.
pub(crate) fn make_names_durable(folder: &Path) -> Result<(), Error> {
    // Elsewhere a folder cannot be opened as a file, and the file system keeps names by itself.
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| Error::io(folder, &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_names_the_holder_and_the_first_gives_way_on_drop() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::at(root.path());
        let first = folder.lock().unwrap();
        let Error::Locked { folder: named, process } = folder.lock().unwrap_err() else {
            panic!("not locked")
        };
        assert_eq!((named.as_path(), process), (root.path(), Some(std::process::id())));
        drop(first);
        folder.lock().unwrap();
    }
}
