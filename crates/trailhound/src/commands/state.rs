//! Which state folder a command means.

use std::path::{Path, PathBuf};

use configuration::State;
use store::Options;

use crate::exit_code::Failure;
use crate::loading::RuleFiles;

/// A folder is meant as it is; a file is a configuration, which says where its state is.
pub(super) fn folder(path: &Path) -> Result<PathBuf, Failure> {
    if !path.is_file() {
        return Ok(path.to_owned());
    }
    configured(path).map(|state| state.folder)
}

/// The folder to write to and how: `folder` if it is given, else what the configuration says.
pub(super) fn to_write(folder: Option<&Path>, config: Option<&Path>) -> Result<(PathBuf, Options), Failure> {
    let state = match config {
        // A configuration that says nothing of the state is enough to read rules from.
        Some(config) if folder.is_none() => Some(configured(config)?),
        Some(config) => configured(config).ok(),
        None => None,
    };
    let options = state.as_ref().map(State::options).unwrap_or_default();
    let folder = folder.map(Path::to_owned).or(state.map(|state| state.folder));
    let folder =
        folder.ok_or_else(|| Failure::usage("no state folder is named").hint("give --state or --config"))?;
    Ok((folder, options))
}

fn configured(path: &Path) -> Result<State, Failure> {
    let name = path.display().to_string();
    let state = State::read(&name, &RuleFiles::default()).value;
    state.ok_or_else(|| {
        Failure::usage(format!("{name} does not say where the state is"))
            .hint("`trailhound check` shows what is wrong with it; or name the state folder itself")
    })
}
