//! Generated log files in delivery form: `cargo xtask corpus FOLDER --events N`.
//!
//! The same seed writes the same bytes. The mix is that of a busy organization: mostly services and automation reading and assuming
//! roles, one record in a hundred something a rule of the pack is about. Who calls comes again: a fleet of instances per role, credentials that
//! live for hours, users with one key.

mod random;
mod record;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) use random::Random;

use crate::Outcome;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where to write `AWSLogs/…`
    folder: PathBuf,
    /// How many events in all
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Another seed is another corpus
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let written = write(&arguments.folder, arguments.events, arguments.seed)?;
    println!(
        "{} events in {} files, {} MB of JSON, {} MB compressed, in {}",
        written.events,
        written.files,
        written.bytes / 1_000_000,
        written.bytes_compressed / 1_000_000,
        arguments.folder.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// What was written.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) events: u64,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) bytes_compressed: u64,
}

/// Five minutes of an account and region go into one file, as CloudTrail delivers them.
const EVENTS_PER_FILE: u64 = 2_000;

/// Writes `events` events under `folder`.
pub(crate) fn write(folder: &Path, events: u64, seed: u64) -> io::Result<Written> {
    let mut random = Random::new(seed);
    let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
    let (mut text, mut compressed) = (Vec::new(), Vec::new());
    let mut written = Written::default();
    while written.events < events {
        let count = EVENTS_PER_FILE.min(events - written.events);
        let place = record::Place::nth(written.files);
        text.clear();
        text.extend_from_slice(b"{\"Records\":[");
        for n in 0..count {
            if n > 0 {
                text.push(b',');
            }
            record::write(&mut text, &place, n, &mut random);
        }
        text.extend_from_slice(b"]}");
        compressed.resize(compressor.gzip_compress_bound(text.len()), 0);
        let size = compressor.gzip_compress(&text, &mut compressed).map_err(io::Error::other)?;
        let path = folder.join(place.key(&mut random));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, compressed.get(..size).unwrap_or_default())?;
        written.events += count;
        written.files += 1;
        written.bytes += text.len() as u64;
        written.bytes_compressed += size as u64;
    }
    Ok(written)
}
