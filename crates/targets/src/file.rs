//! A file: one line of NDJSON per finding, appended.
//!
//! Before each line it is checked that the path still leads to the file that is open. So whoever rotates logs may rename the file, remove it,
//! or cut it to nothing, and needs to tell nobody. A line that was not written wholly, by a full disk or a killed process, stays a
//! line of its own: the next one begins after a line feed.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::stream::{blocking, lines, ndjson};
use crate::{Delivering, Delivery, DeliveryError, Events, Receipt, SetupError, Target};

/// Appends findings to a file, a line each.
#[derive(Debug, Clone)]
pub struct File {
    appender: Arc<Mutex<Appender>>,
}

#[derive(Debug)]
struct Appender {
    path: PathBuf,
    fsync: bool,
    open: Option<fs::File>,
    /// Whether what is in the file may end within a line.
    torn: bool,
}

impl File {
    /// A file, which is created if it does not exist, for its owner and group. With `fsync` a finding is delivered once it is on the disk,
    /// without it once the system has it.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn open(path: &Path, fsync: bool) -> Result<Self, SetupError> {
        let mut appender = Appender { path: path.to_owned(), fsync, open: None, torn: false };
        appender.follow().map_err(|error| SetupError::File {
            path: route::printable::line(&path.display().to_string(), 300),
            reason: error.to_string(),
        })?;
        Ok(File { appender: Arc::new(Mutex::new(appender)) })
    }
}

impl File {
    async fn write(&self, text: String, said: String) -> Result<Receipt, DeliveryError> {
        let appender = Arc::clone(&self.appender);
        let write = move || appender.lock().unwrap_or_else(PoisonError::into_inner).append(&text);
        blocking(write, said).await
    }
}

impl Appender {
    /// Makes sure that what is open is the file the path leads to.
    fn follow(&mut self) -> io::Result<()> {
        if self.open.as_ref().is_some_and(|open| is_at(open, &self.path)) {
            return Ok(());
        }
        let mut options = OpenOptions::new();
        options.create(true).append(true).read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
        let mut file = options.open(&self.path)?;
        if self.fsync {
            sync_name(&self.path)?;
        }
        self.torn = ends_within_a_line(&mut file)?;
        self.open = Some(file);
        Ok(())
    }

    fn append(&mut self, line: &str) -> io::Result<()> {
        self.follow()?;
        let Some(file) = &mut self.open else { return Err(io::ErrorKind::NotFound.into()) };
        let text = if self.torn { format!("\n{line}") } else { line.to_owned() };
        self.torn = true;
        file.write_all(text.as_bytes())?;
        if self.fsync {
            file.sync_data()?;
        }
        self.torn = false;
        Ok(())
    }
}

/// A new file survives a power cut only if its folder does, with the name in it.
#[cfg(unix)]
fn sync_name(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

/// Folders cannot be opened elsewhere.
#[cfg(not(unix))]
fn sync_name(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether the path leads to this very file.
#[cfg(unix)]
fn is_at(open: &fs::File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (open.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(there)) => identity(open) == identity(there),
        _ => false,
    }
}

/// Where files have no identity to compare, an open file cannot be renamed away either.
#[cfg(not(unix))]
fn is_at(_: &fs::File, path: &Path) -> bool {
    path.exists()
}

/// Pipes and devices cannot be looked at; they have no lines to be torn.
fn ends_within_a_line(file: &mut fs::File) -> io::Result<bool> {
    if !file.metadata()?.is_file() || file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

impl Target for File {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.write(ndjson(delivery), "written".to_owned()))
    }

    fn forward<'a>(&'a self, events: &'a Events) -> Delivering<'a> {
        Box::pin(self.write(lines(events), events.taken()))
    }
}
