//! Which files there are, and how far each was read.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use walkdir::{DirEntry, WalkDir};

use crate::directory::name_below;

/// A file that was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Its path below the folder: the partition of its checkpoint.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) length: u64,
    /// Nanoseconds since 1970.
    pub(super) modified: i128,
    pub(super) kind: Kind,
}

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Line by line, as it grows.
    Growing,
    /// As a whole, once it is quiet.
    Whole,
}

/// How far a file was read, and what tells it from others. This is what checkpoints hold, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Position {
    /// Its length when it was read.
    pub(super) length: u64,
    /// When it was last modified then: nanoseconds since 1970.
    pub(super) modified: i128,
    /// Bytes that were taken.
    pub(super) read: u64,
    /// Hash of its beginning, in hexadecimal.
    #[serde(default)]
    pub(super) head: String,
    /// How many bytes that hash is over.
    #[serde(default)]
    pub(super) head_length: u64,
}

/// A file that was read, in part or whole.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) position: Position,
    /// Whether there is a checkpoint under its present name.
    pub(super) stored: bool,
}

impl Known {
    pub(super) fn new(position: Position) -> Self {
        Known { position, stored: true }
    }
}

impl Position {
    /// At the end of a file as it is now.
    pub(super) fn whole(file: &Found) -> Self {
        Position { read: file.length, ..Position::at_start(file) }
    }

    /// At the beginning of a file as it is now.
    pub(super) fn at_start(file: &Found) -> Self {
        Position { length: file.length, modified: file.modified, ..Position::default() }
    }

    /// Whether this is about the file as it is now.
    pub(super) fn is_of(&self, file: &Found) -> bool {
        (self.length, self.modified) == (file.length, file.modified)
    }

    /// Whether all of it was taken.
    pub(super) fn is_done(&self) -> bool {
        self.read == self.length
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// A look at a folder.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Its log files, in the order of their paths: the first copy of a duplicate counts.
    pub(super) files: Vec<Found>,
    /// The first thing below it that could not be looked at. There may be files behind it.
    pub(super) trouble: Option<String>,
}

/// All log files below a folder.
///
/// # Errors
///
/// If the folder itself cannot be read: one whose drive is not mounted is not one whose files were deleted.
pub(super) fn walk(root: &Path) -> io::Result<Look> {
    let hidden =
        |entry: &DirEntry| entry.depth() > 0 && entry.file_name().as_encoded_bytes().starts_with(b".");
    std::fs::read_dir(root)?;
    let mut look = Look::default();
    for entry in WalkDir::new(root).follow_links(true).into_iter().filter_entry(|entry| !hidden(entry)) {
        let found = entry.map_err(|error| (error.path().map(Path::to_owned), io::Error::from(error)));
        let found =
            found.and_then(|entry| match kind(entry.path()).filter(|_| entry.file_type().is_file()) {
                Some(kind) => entry
                    .metadata()
                    .map(|metadata| Some((entry.into_path(), metadata, kind)))
                    .map_err(|error| (None, error.into())),
                None => Ok(None),
            });
        match found {
            Ok(Some((path, metadata, kind))) => look.files.push(Found {
                name: name_below(root, &path),
                length: metadata.len(),
                modified: modified(&metadata),
                path,
                kind,
            }),
            Ok(None) => {}
            // Gone between being named and being looked at.
            Err((_, error)) if error.kind() == io::ErrorKind::NotFound => {}
            Err((path, error)) => {
                let path = path.as_deref().unwrap_or(root).display().to_string();
                look.trouble.get_or_insert(format!("{path} cannot be looked at: {error}"));
            }
        }
    }
    look.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(look)
}

/// Nanoseconds since 1970; 0 where the file system does not say.
fn modified(metadata: &Metadata) -> i128 {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| i128::try_from(since.as_nanos()).ok()).unwrap_or_default()
}

/// What to do with a file of this name; none if it is no log file.
fn kind(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if ends(&[".ndjson", ".jsonl", ".log"]) {
        Some(Kind::Growing)
    } else {
        ends(&[".json", ".gz"]).then_some(Kind::Whole)
    }
}
