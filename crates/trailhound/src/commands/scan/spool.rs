//! Keeps the records that rules wanted until findings are written: in memory while they are few, then in a temporary file.
//!
//! A scan can only order and group its signals when the last file was read, and the matched records of a large history do not
//! fit in memory. The file has no name, so nothing is left behind however the process ends.

use std::io::{self, Read, Seek, SeekFrom, Write};

use decide::RecordHandle;
use tempfile::SpooledTempFile;

/// Beyond this, records go to disk.
const MEMORY_MAX: usize = 8 << 20;
/// How much is written at once.
const BUFFER: usize = 256 << 10;

pub(super) struct Spool {
    file: SpooledTempFile,
    /// What is kept and not written yet.
    buffer: Vec<u8>,
    /// Where the next record goes.
    end: u64,
}

impl Spool {
    pub(super) fn new() -> Self {
        Spool { file: SpooledTempFile::new(MEMORY_MAX), buffer: Vec::new(), end: 0 }
    }

    /// Keeps a record; the handle finds it again.
    pub(super) fn keep(&mut self, record: &[u8]) -> io::Result<RecordHandle> {
        let handle = RecordHandle(self.end);
        let length = u64::try_from(record.len()).map_err(io::Error::other)?;
        self.buffer.extend_from_slice(&length.to_le_bytes());
        self.buffer.extend_from_slice(record);
        self.end += 8 + length;
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        Ok(handle)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// Reads a record back into `record`. Nothing can be kept after the first read.
    pub(super) fn read(&mut self, handle: RecordHandle, record: &mut Vec<u8>) -> io::Result<()> {
        self.flush()?;
        self.file.seek(SeekFrom::Start(handle.0))?;
        let mut length = [0; 8];
        self.file.read_exact(&mut length)?;
        record.clear();
        let length = u64::from_le_bytes(length);
        let read = (&mut self.file).take(length).read_to_end(record)?;
        if read as u64 == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_whole_from_memory_and_from_disk() {
        let mut spool = Spool::new();
        let record = |n: usize| vec![u8::try_from(n % 251).unwrap(); n * 1_000];
        // 45 MB in all: well over the limit.
        let handles: Vec<_> = (0..300).map(|n| spool.keep(&record(n)).unwrap()).collect();
        let mut read = Vec::new();
        for (n, handle) in handles.into_iter().enumerate().rev() {
            spool.read(handle, &mut read).unwrap();
            assert_eq!(read, record(n));
        }
    }
}
