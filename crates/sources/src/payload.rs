//! Bytes with where they are from.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use cloudtrail::{Decoded, Decoder, Item, LogKey, Trouble};

use crate::Class;

/// Bytes with where they are from.
#[derive(Debug)]
pub struct Payload {
    /// Where they are from, for people and for telling copies apart: `s3://bucket/key`, a path, a message's id.
    pub origin: String,
    /// By which way they came.
    pub class: Class,
    /// What the name says, if it is one of CloudTrail's.
    pub key: Option<LogKey>,
    /// The bytes.
    pub body: Body,
}

/// Bytes, in memory or, where there are many, in a file.
#[derive(Debug)]
pub struct Body(Kept);

#[derive(Debug)]
enum Kept {
    Memory(Vec<u8>),
    /// A file that is read from `from` for `length` bytes.
    File {
        file: File,
        from: u64,
        length: u64,
    },
}

impl Payload {
    /// Decodes the bytes. Reads a file in pieces, so memory is bounded by the decoder's limits; blocks while it does.
    pub fn decode(&mut self, decoder: &mut Decoder, sink: impl FnMut(Item<'_>)) -> Decoded {
        let key = self.key.as_ref();
        match &mut self.body.0 {
            Kept::Memory(bytes) => decoder.decode(bytes, key, sink),
            Kept::File { file, from, length } => match file.seek(SeekFrom::Start(*from)) {
                Ok(_) => decoder.decode_stream(file.take(*length), key, sink),
                Err(error) => {
                    Decoded { bytes: 0, compressed: false, trouble: Some(Trouble::Read { after: 0, error }) }
                }
            },
        }
    }
}

impl Body {
    /// A part of a file. The file stays open, so that what it holds can be read although its name has gone.
    #[must_use]
    pub fn part(file: File, from: u64, length: u64) -> Self {
        Body(Kept::File { file, from, length })
    }

    /// All of a file as long as it is now.
    ///
    /// # Errors
    ///
    /// If its length cannot be asked for.
    pub fn file(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Body::part(file, 0, length))
    }

    /// Reads the bytes from their beginning, as they are: not inflated.
    ///
    /// # Errors
    ///
    /// If a file cannot be read from there.
    pub fn reader(&mut self) -> io::Result<Box<dyn Read + '_>> {
        match &mut self.0 {
            Kept::Memory(bytes) => Ok(Box::new(bytes.as_slice())),
            Kept::File { file, from, length } => {
                file.seek(SeekFrom::Start(*from))?;
                Ok(Box::new(file.take(*length)))
            }
        }
    }

    /// How many bytes there are, as they are: not inflated.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.0 {
            Kept::Memory(bytes) => bytes.len() as u64,
            Kept::File { length, .. } => *length,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How much text it holds, as far as `max`, if it is compressed. Blocks.
    #[cfg(feature = "aws")]
    pub(crate) fn measure(&mut self, max: u64) -> io::Result<crate::inflate::Inflated> {
        use crate::inflate::{Inflated, is_gzip, measure};
        match &mut self.0 {
            Kept::Memory(bytes) if is_gzip(bytes) => Ok(measure(bytes.as_slice(), max)),
            Kept::Memory(_) => Ok(Inflated::Fits),
            Kept::File { file, from, length } => {
                let mut magic = Vec::with_capacity(2);
                file.seek(SeekFrom::Start(*from))?;
                file.by_ref().take(2).read_to_end(&mut magic)?;
                if !is_gzip(&magic) {
                    return Ok(Inflated::Fits);
                }
                file.seek(SeekFrom::Start(*from))?;
                Ok(measure(io::BufReader::with_capacity(64 << 10, file.take(*length)), max))
            }
        }
    }

    pub(crate) fn in_memory(&self) -> usize {
        match &self.0 {
            Kept::Memory(bytes) => bytes.len(),
            Kept::File { .. } => 0,
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Body(Kept::Memory(bytes))
    }
}
