//! A response under test, and the audit list that it writes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use targets::Target;
use targets::respond::{AuditList, Note, NoteError, Responder, ResponderSettings, Tell};

/// A list in memory.
#[derive(Default)]
pub(crate) struct List(Mutex<Vec<Note>>);

impl AuditList for List {
    fn note(&self, note: Note) -> Result<(), NoteError> {
        self.0.lock().unwrap().push(note);
        Ok(())
    }
}

impl List {
    /// What is looked at of each row, oldest first.
    pub(crate) fn of<T>(&self, look: impl Fn(&Note) -> T) -> Vec<T> {
        self.0.lock().unwrap().iter().map(look).collect()
    }
}

/// A response that tells a target, which is `name`d so in the list and called `subject`, and its list.
pub(crate) fn responder(
    name: &'static str,
    subject: &str,
    target: Arc<dyn Target>,
    dry_run: bool,
) -> (Responder, Arc<List>) {
    let list = Arc::new(List::default());
    let settings = ResponderSettings {
        name: "isolate".to_owned(),
        dry_run,
        cool_down: Duration::ZERO,
        timeout: Duration::from_secs(30),
    };
    let action = Arc::new(Tell::new(name, subject, target));
    (Responder::new(settings, action, list.clone(), Arc::new(|| Timestamp::UNIX_EPOCH)), list)
}
