//! Where things are on this machine: the workspace, and the shared test data beside it.

use std::path::{Path, PathBuf};

/// The workspace root.
pub(crate) fn root() -> &'static Path {
    // The manifest's folder is `xtask`, which lies in the root.
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// The shared data folder, if this machine has it: `TRAILHOUND_DATA`, else `../shared/data` beside the checkout.
pub(crate) fn shared() -> Option<PathBuf> {
    let path =
        std::env::var_os("TRAILHOUND_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    path.is_dir().then_some(path)
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
