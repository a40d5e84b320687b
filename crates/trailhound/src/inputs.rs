//! From the paths on the command line to a sorted list of things to read.
//!
//! A folder is walked, and only what is named like a log file is taken from it, so that a README beside the logs is no error; a
//! file named on the command line is always read. The order is by path, whatever the file system says, because the
//! first copy of a duplicate counts and that must not depend on the machine.

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use walkdir::WalkDir;

use crate::output::plain;
use crate::remote::{self, Remote};

/// One thing to read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Input {
    /// Standard input, named `-`.
    Stdin,
    /// A file.
    File(PathBuf),
    /// An object in S3.
    Remote(Remote),
}

impl Input {
    /// All of it, for commands that look at few events; a scan reads in pieces.
    pub(crate) fn read(&self) -> io::Result<Vec<u8>> {
        match self {
            Input::Stdin => {
                let mut bytes = Vec::new();
                io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
            }
            Input::File(path) => fs::read(path),
            Input::Remote(object) => object.read(),
        }
    }

    /// Its name for programs, as it stands.
    pub(crate) fn name(&self) -> String {
        match self {
            Input::Stdin => "<stdin>".to_owned(),
            Input::File(path) => path.display().to_string(),
            Input::Remote(object) => object.url(),
        }
    }
}

/// Its name for people: whoever may add files to a folder may not act on the terminal of those who read it.
impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&plain(&self.name()))
    }
}

/// Something named that cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum InputError {
    #[error(
        "an empty path names nothing: give a file, a folder, a pattern in quotes, or `-` for standard input"
    )]
    Empty,
    #[error("{path}: no such file or folder")]
    Missing { path: String },
    #[error("{path}: {reason}")]
    Unreadable { path: String, reason: String },
    #[error("{pattern}: no file matches this pattern")]
    NothingMatches { pattern: String },
    #[error("{pattern}: not a valid pattern: {reason}")]
    BadPattern { pattern: String, reason: String },
    #[error("{path}: no log files in this folder (looked for names ending in {})", LOG_ENDINGS.join(", "))]
    EmptyFolder { path: String },
    #[error("{url}: {reason}")]
    S3 { url: String, reason: String },
    #[error("{url}: no log files below this prefix (looked for names ending in {})", LOG_ENDINGS.join(", "))]
    EmptyPrefix { url: String },
}

/// What was found, and what could not be.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// Sorted, each once.
    pub(crate) found: Vec<Input>,
    pub(crate) errors: Vec<InputError>,
}

/// Names that a log file ends in, in a folder.
const LOG_ENDINGS: [&str; 6] = [".json.gz", ".json", ".jsonl", ".ndjson", ".gz", ".log"];

/// Finds what `arguments` name: files, folders, glob patterns, `-`.
pub(crate) fn find<P: AsRef<Path>>(arguments: &[P]) -> Inputs {
    let mut inputs = Inputs::default();
    for argument in arguments {
        inputs.add(argument.as_ref());
    }
    inputs.found.sort();
    inputs.found.dedup();
    inputs
}

impl Inputs {
    fn add(&mut self, path: &Path) {
        // A name that is not text is a file's or a folder's, and no pattern.
        let text = path.to_str().unwrap_or_default();
        let name = || path.display().to_string();
        if path.as_os_str().is_empty() {
            self.errors.push(InputError::Empty);
        } else if text == "-" {
            self.found.push(Input::Stdin);
        } else if text.starts_with("s3://") {
            self.add_bucket(text);
        } else if path.is_dir() {
            let before = self.found.len() + self.errors.len();
            self.walk(path, is_log_name);
            if self.found.len() + self.errors.len() == before {
                self.errors.push(InputError::EmptyFolder { path: name() });
            }
        } else if path.symlink_metadata().is_ok() {
            self.found.push(Input::File(path.to_owned()));
        } else if text.contains(['*', '?', '[', '{']) {
            self.add_pattern(text);
        } else {
            self.errors.push(InputError::Missing { path: name() });
        }
    }

    fn add_bucket(&mut self, url: &str) {
        let url = url.to_owned();
        match remote::list(&url) {
            Err(reason) => self.errors.push(InputError::S3 { url, reason }),
            Ok(objects) => {
                let before = self.found.len();
                let logs = objects.into_iter().filter(|object| is_log_name(Path::new(object.key())));
                self.found.extend(logs.map(Input::Remote));
                if self.found.len() == before {
                    self.errors.push(InputError::EmptyPrefix { url });
                }
            }
        }
    }

    fn add_pattern(&mut self, pattern: &str) {
        let matcher = match GlobBuilder::new(pattern).literal_separator(true).build() {
            Ok(glob) => glob.compile_matcher(),
            Err(error) => {
                let (pattern, reason) = (pattern.to_owned(), error.kind().to_string());
                self.errors.push(InputError::BadPattern { pattern, reason });
                return;
            }
        };
        let before = self.found.len();
        let base = fixed_folder(pattern);
        if base.is_dir() {
            self.walk(&base, |path| matches(&matcher, path));
        }
        if self.found.len() == before {
            self.errors.push(InputError::NothingMatches { pattern: pattern.to_owned() });
        }
    }

    fn walk(&mut self, folder: &Path, wanted: impl Fn(&Path) -> bool) {
        let hidden = |entry: &walkdir::DirEntry| {
            entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.')
        };
        for entry in WalkDir::new(folder).follow_links(true).into_iter().filter_entry(|entry| !hidden(entry))
        {
            match entry {
                Ok(entry) if entry.file_type().is_file() && wanted(entry.path()) => {
                    self.found.push(Input::File(entry.into_path()));
                }
                Ok(_) => {}
                Err(error) => {
                    let path = error.path().unwrap_or(folder).display().to_string();
                    let reason = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                    self.errors.push(InputError::Unreadable { path, reason });
                }
            }
        }
    }
}

/// A walk below `.` yields `./a`, and people write `a`.
fn matches(matcher: &GlobMatcher, path: &Path) -> bool {
    matcher.is_match(path) || path.strip_prefix(".").is_ok_and(|path| matcher.is_match(path))
}

fn is_log_name(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    LOG_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// The part of a glob pattern before its first wildcard: where a walk has to begin.
fn fixed_folder(pattern: &str) -> PathBuf {
    let fixed = Path::new(pattern)
        .components()
        .take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']))
        .collect::<PathBuf>();
    if fixed.as_os_str().is_empty() { PathBuf::from(".") } else { fixed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.json", "a/2.json.gz", "a/1.ndjson", "a/README.md", ".git/x.json"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        folder
    }

    fn names(folder: &Path, inputs: &Inputs) -> Vec<String> {
        let name = |input: &Input| match input {
            Input::Stdin => "-".to_owned(),
            Input::File(path) => path.strip_prefix(folder).unwrap().display().to_string(),
            Input::Remote(object) => object.url(),
        };
        inputs.found.iter().map(name).collect()
    }

    #[test]
    fn folders_are_walked_in_order_and_only_for_logs() {
        let folder = folder();
        let inputs = find(&[folder.path().to_str().unwrap()]);
        assert_eq!(names(folder.path(), &inputs), ["a/1.ndjson", "a/2.json.gz", "b.json"]);
        assert!(inputs.errors.is_empty());
    }

    #[test]
    fn a_named_file_is_read_whatever_its_name_and_once() {
        let folder = folder();
        let readme = folder.path().join("a/README.md");
        let readme = readme.to_str().unwrap();
        let inputs = find(&[readme, readme, "-"]);
        assert_eq!(names(folder.path(), &inputs), ["-", "a/README.md"]);
    }

    #[test]
    fn patterns_cross_folders_only_with_two_stars() {
        let folder = folder();
        let pattern = |tail: &str| format!("{}/{tail}", folder.path().display());
        assert_eq!(names(folder.path(), &find(&[pattern("**/*.json*")])), ["a/2.json.gz", "b.json"]);
        let nothing = pattern("c*.json");
        assert_eq!(find(&[&nothing]).errors, [InputError::NothingMatches { pattern: nothing }]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = folder();
        let missing = format!("{}/nowhere", folder.path().display());
        assert_eq!(find(&[&missing]).errors, [InputError::Missing { path: missing }]);
        let bad = format!("{}/[", folder.path().display());
        assert!(matches!(find(&[bad]).errors[..], [InputError::BadPattern { .. }]));
        fs::create_dir(folder.path().join("empty")).unwrap();
        let empty = format!("{}/empty", folder.path().display());
        assert_eq!(find(&[&empty]).errors, [InputError::EmptyFolder { path: empty }]);
    }

    #[cfg(not(feature = "aws"))]
    #[test]
    fn a_build_without_aws_says_how_to_get_one_with_it() {
        let errors = find(&["s3://bucket/logs/"]).errors;
        assert!(matches!(errors[..], [InputError::S3 { .. }]));
        let text = errors[0].to_string();
        assert!(
            text.contains("--features aws") && text.contains("aws s3 sync s3://bucket/logs/ logs/"),
            "{text}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_loop_of_links_is_an_error_and_not_an_endless_walk() {
        let folder = folder();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/loop")).unwrap();
        let inputs = find(&[folder.path().to_str().unwrap()]);
        assert_eq!(inputs.found.len(), 3);
        assert!(matches!(inputs.errors[..], [InputError::Unreadable { .. }]));
    }
}
