//! Log files as CloudTrail delivers them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use libdeflater::Decompressor;

use crate::Outcome;

/// All files below a folder, in order.
pub(crate) fn paths(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(paths(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "gz") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Their texts.
pub(crate) fn read(paths: &[PathBuf]) -> Outcome<Vec<Vec<u8>>> {
    let mut inflater = Decompressor::new();
    let mut texts = Vec::new();
    for path in paths {
        let mut text = Vec::new();
        inflate(&mut inflater, path, &mut text)?;
        texts.push(text);
    }
    Ok(texts)
}

/// The text of one, in a buffer that may be used again.
pub(crate) fn inflate(inflater: &mut Decompressor, path: &Path, text: &mut Vec<u8>) -> Outcome<()> {
    let compressed = fs::read(path)?;
    // The files are generated: one member each, whose trailer tells the truth.
    let size = compressed.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size)) as usize;
    text.resize(size, 0);
    inflater.gzip_decompress(&compressed, text)?;
    Ok(())
}
