//! A database that is checked while it is in use.
//!
//! Why beside: reading every page takes in proportion to the file, and a service that comes back after it was killed is waited for. What a
//! kill leaves behind needs no check: a transaction that was not complete when a program, a system or the power ended is rolled back when the
//! database is next opened (SQLite's "How To Corrupt An SQLite Database File", its first paragraph, and "Write-Ahead Logging", which
//! does so by reading the log up to its last complete commit). What does damage a database, by the same page, is a disk that lost what it
//! promised, and other programs that write into the file. Such damage may be as old as anything, and is found as well a moment later.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::InterruptHandle;

use crate::folder::Folder;
use crate::{Check, Error, connection, schema};

/// A file of so many bytes is read through before anything else: that takes well under a second.
const BESIDE_FROM: u64 = 32 << 20;

/// What an examination found; shared with the writer, which writes no more into a damaged file.
pub(crate) type Verdict = Arc<OnceLock<Result<(), Error>>>;

/// A check that is under way, or over. Broken off when dropped.
pub(crate) struct Examination {
    thread: Option<(JoinHandle<()>, InterruptHandle)>,
    ends: Arc<AtomicBool>,
    verdict: Verdict,
}

/// How a database is checked before it is used: one that is checked beside is not, unless that takes no time.
pub(crate) fn before(check: Check, file: &Path) -> Check {
    let bytes = std::fs::metadata(file).map_or(0, |file| file.len());
    match check {
        Check::Beside if bytes < BESIDE_FROM => Check::Quick,
        Check::Beside => Check::Skip,
        check => check,
    }
}

impl Examination {
    /// Begins it if one is to be made, `before` having been the check before.
    pub(crate) fn begin(folder: &Folder, check: Check, before: Check) -> Result<Self, Error> {
        let verdict = Verdict::default();
        let ends = Arc::new(AtomicBool::new(false));
        if check != Check::Beside || before == Check::Quick {
            // What was asked for was done, or nothing was.
            if before != Check::Skip {
                let _ = verdict.set(Ok(()));
            }
            return Ok(Examination { thread: None, ends, verdict });
        }
        let connection = connection::to_read(folder)?;
        let handle = connection.get_interrupt_handle();
        let (file, is_ending, found) = (folder.database(), Arc::clone(&ends), Arc::clone(&verdict));
        let thread = thread::Builder::new()
            .name("store-check".into())
            .spawn(move || {
                if is_ending.load(Ordering::Acquire) {
                    return;
                }
                let checked = schema::check(&connection, &file, Check::Quick);
                // One that was broken off found nothing.
                if !is_ending.load(Ordering::Acquire) || matches!(checked, Err(Error::Corrupt { .. })) {
                    let _ = found.set(checked);
                }
            })
            .map_err(|error| Error::io(folder.root(), &error))?;
        Ok(Examination { thread: Some((thread, handle)), ends, verdict })
    }

    pub(crate) fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}

impl Drop for Examination {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        let Some((thread, handle)) = self.thread.take() else { return };
        // What begins after an interruption does not hear of it, so it is repeated.
        while !thread.is_finished() {
            handle.interrupt();
            thread::sleep(Duration::from_millis(1));
        }
        let _ = thread.join();
    }
}
