//! Which state folder a command means.

use std::path::{Path, PathBuf};

use configuration::State;

use crate::exit_code::Failure;
use crate::loading::RuleFiles;

/// A folder is meant as it is; a file is a configuration, which says where its state is.
pub(super) fn folder(path: &Path) -> Result<PathBuf, Failure> {
    if !path.is_file() {
        return Ok(path.to_owned());
    }
    let name = path.display().to_string();
    let state = State::read(&name, &RuleFiles::default()).value;
    state.map(|state| state.folder).ok_or_else(|| {
        Failure::usage(format!("{name} does not say where the state is"))
            .hint("`trailhound check` shows what is wrong with it; or name the state folder itself")
    })
}
