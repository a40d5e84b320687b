//! Tells when files have changed and come to rest.
//!
//! Files are looked at every few seconds instead of being announced: that works on every file system, also where a configuration
//! arrives by exchanging a link, and costs nothing that could be measured.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

/// What can be seen of a file from outside: when it changed, and how long it is.
type Look = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

/// Files and folders that are looked at.
#[derive(Debug)]
pub(crate) struct Watch {
    files: Vec<PathBuf>,
    known: Look,
    before: Look,
}

impl Watch {
    /// Files as they are now. Folders tell of names that come and go.
    pub(crate) fn new(files: Vec<PathBuf>) -> Self {
        let known = look(&files);
        Watch { files, before: known.clone(), known }
    }

    /// Whether something is different from what was known, and the same as at the last look: nobody is writing just now. What is
    /// seen then is known from there on.
    pub(crate) fn changed(&mut self) -> bool {
        let now = look(&self.files);
        let at_rest = now == self.before;
        self.before = now;
        if at_rest && self.before != self.known {
            self.known = self.before.clone();
            return true;
        }
        false
    }
}

fn look(files: &[PathBuf]) -> Look {
    let one = |path: &PathBuf| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    files.iter().map(|path| (path.clone(), one(path))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once_and_only_at_rest() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rules.yaml");
        fs::write(&file, "a").unwrap();
        let mut watch = Watch::new(vec![file.clone(), folder.path().to_owned()]);
        assert!(!watch.changed());
        fs::write(&file, "ab").unwrap();
        assert!(!watch.changed(), "it may still be written");
        fs::write(&file, "abc").unwrap();
        assert!(!watch.changed());
        assert!(watch.changed());
        assert!(!watch.changed());
        fs::remove_file(&file).unwrap();
        assert!(!watch.changed());
        assert!(watch.changed());
    }
}
