//! `trailhound backup` and `trailhound restore`: a copy of a service's state while it runs, and putting one back.

use crate::arguments::{Backup, Restore};
use crate::exit_code::{Exit, Failure, Outcome};
use crate::talk::Talk;

use super::state;
use super::status::{megabytes, open, store_failure};

pub(crate) fn backup(arguments: &Backup, talk: Talk) -> Outcome {
    let folder = state::folder(&arguments.state)?;
    let made = open(&folder)?.backup(&arguments.file).map_err(store_failure)?;
    talk.note(format_args!(
        "{} holds the state as of commit {}: {:.1} MB",
        arguments.file.display(),
        made.commit,
        megabytes(made.bytes)
    ));
    Ok(Exit::Fine)
}

pub(crate) fn restore(arguments: &Restore, talk: Talk) -> Outcome {
    let folder = state::folder(&arguments.state)?;
    let replaced = store::restore(&arguments.file, &folder).map_err(|error| match error {
        store::Error::Missing { path } => Failure::usage(format!("there is no backup at {}", path.display())),
        error => store_failure(error),
    })?;
    talk.note(format_args!("{} is now the state of {}", arguments.file.display(), folder.display()));
    if let Some(replaced) = replaced {
        talk.note(format_args!("what was there is in {}", replaced.display()));
    }
    Ok(Exit::Fine)
}
