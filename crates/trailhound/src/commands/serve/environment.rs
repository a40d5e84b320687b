//! Secrets from where they are kept: the environment, and files.

use std::cell::RefCell;
use std::env::{self, VarError};
use std::fs;
use std::io;
use std::path::PathBuf;

use configuration::{NoSecret, Secrets};

/// Looks secrets up, and remembers which files they came from: one that changes is a reason to load again.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    files: RefCell<Vec<PathBuf>>,
}

impl Environment {
    pub(super) fn files(self) -> Vec<PathBuf> {
        self.files.into_inner()
    }
}

impl Secrets for Environment {
    fn variable(&self, name: &str) -> Result<String, NoSecret> {
        env::var(name).map_err(|error| match error {
            VarError::NotPresent => NoSecret::Missing,
            VarError::NotUnicode(_) => NoSecret::Unreadable("it is not UTF-8 text".to_owned()),
        })
    }

    fn file(&self, path: &str) -> Result<String, NoSecret> {
        self.files.borrow_mut().push(path.into());
        fs::read_to_string(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => NoSecret::Missing,
            io::ErrorKind::InvalidData => NoSecret::Unreadable("it is not UTF-8 text".to_owned()),
            _ => NoSecret::Unreadable(error.to_string()),
        })
    }
}
