//! The next piece of a file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::Body;
use crate::directory::file::{Found, Kind, Position};
use crate::inflate::{self, INFLATED_MAX, Inflated};

/// What comes next of a file.
#[derive(Debug)]
pub(super) enum Piece {
    /// There is nothing new.
    Nothing,
    /// Something is coming: look again.
    Later,
    /// Bytes to hand over, and how far the file is read with them.
    Body(Body, Position),
    /// It holds more text than anybody should be made to read.
    TooLarge(Position),
}

/// The most that is taken of a growing file at once, in bytes, if a line is no longer.
const PIECE: usize = 4 << 20;
/// The longest line, in bytes: events are far smaller.
const LINE_MAX: usize = 16 << 20;
/// How much of a growing file's beginning tells it from another of the same name.
const HEAD: u64 = 1024;

/// The next piece of a file of which `from` was read and which has been as it is for a time of `quiet`. `settled` is how long it takes
/// until a file is held to be complete, and `patience` how many times longer if it does not look so. Blocks.
pub(super) fn next_piece(
    path: &Path,
    found: &Found,
    from: &Position,
    quiet: Duration,
    settled: Duration,
    patience: u32,
) -> io::Result<Piece> {
    let is_settled = quiet >= settled;
    let is_final = quiet >= settled * patience;
    match found.kind {
        Kind::Growing => next_lines(path, found, from, is_settled, is_final),
        Kind::Whole if from.is_of(found) && from.is_done() => Ok(Piece::Nothing),
        Kind::Whole if !is_settled => Ok(Piece::Later),
        Kind::Whole => whole(path, found, is_final),
    }
}

fn whole(path: &Path, found: &Found, is_final: bool) -> io::Result<Piece> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() != found.length {
        return Ok(Piece::Later);
    }
    let mut magic = Vec::with_capacity(2);
    file.by_ref().take(2).read_to_end(&mut magic)?;
    if inflate::is_gzip(&magic) {
        file.seek(SeekFrom::Start(0))?;
        match inflate::measure(io::BufReader::with_capacity(64 << 10, &file), INFLATED_MAX) {
            Inflated::TooLarge => return Ok(Piece::TooLarge(Position::whole(found))),
            Inflated::BreaksOff if !is_final => return Ok(Piece::Later),
            Inflated::BreaksOff | Inflated::Fits => {}
        }
    }
    let head_length = found.length.min(HEAD);
    let position = Position { head: head(&mut file, head_length)?, head_length, ..Position::whole(found) };
    Ok(Piece::Body(Body::part(file, 0, found.length), position))
}

/// Whether a file under another name is the one of which `position` was read. Blocks.
pub(super) fn is_same(path: &Path, found: &Found, position: &Position) -> io::Result<bool> {
    Ok(position.is_of(found)
        && position.head_length > 0
        && head(&mut File::open(path)?, position.head_length)? == position.head)
}

fn next_lines(
    path: &Path,
    found: &Found,
    from: &Position,
    is_settled: bool,
    is_final: bool,
) -> io::Result<Piece> {
    let mut file = File::open(path)?;
    let from = if continues(&mut file, found, from)? { from.clone() } else { Position::at_start(found) };
    if from.read >= found.length {
        return Ok(Piece::Nothing);
    }
    file.seek(SeekFrom::Start(from.read))?;
    let left = found.length - from.read;
    let mut text = Vec::new();
    let mut room = PIECE;
    let taken = loop {
        let wanted = room.saturating_sub(text.len());
        file.by_ref().take((wanted as u64).min(left - text.len() as u64)).read_to_end(&mut text)?;
        if let Some(end) = text.iter().rposition(|byte| *byte == b'\n') {
            break end + 1;
        }
        let is_all = text.len() as u64 >= left || text.len() < room;
        if is_all || room >= LINE_MAX {
            // The last line without its end: it may be half of one. A whole event is taken once nobody writes, anything in the end.
            let is_event = is_settled && serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_ok();
            if is_event || is_final || room >= LINE_MAX {
                break text.len();
            }
            return Ok(Piece::Later);
        }
        room *= 2;
    };
    text.truncate(taken);
    let read = from.read + taken as u64;
    let head_length = read.min(HEAD);
    let head = if from.head_length == head_length { from.head } else { head(&mut file, head_length)? };
    let position = Position { read, head, head_length, ..Position::at_start(found) };
    Ok(Piece::Body(Body::from(text), position))
}

/// Whether a growing file is the one that was read, and not another that took its name.
fn continues(file: &mut File, found: &Found, from: &Position) -> io::Result<bool> {
    Ok(from.read <= found.length && (from.head_length == 0 || head(file, from.head_length)? == from.head))
}

fn head(file: &mut File, length: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(Sha256::digest(&bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}
