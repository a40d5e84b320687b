//! Bytes to events, whatever they are wrapped in.
//!
//! One decoder serves every source, so a file behaves the same in a folder, from S3 or on standard input. It looks at the bytes, never at
//! names: gzip by its magic number, then any sequence of JSON texts, each of them
//!
//! * a log file `{"Records":[…]}`, or an array of what follows;
//! * a record, an EventBridge event, or a line of `aws cloudtrail lookup-events`;
//! * what that command prints, `{"Events":[{"CloudTrailEvent":"…"}]}`;
//! * a CloudWatch Logs subscription, `{"logEvents":[{"message":"…"}]}`;
//! * a digest, or a notification about an object: recognised and set aside.
//!
//! ```text
//! bytes ─▶ inflate ─▶ windows of text ─▶ split into records ─▶ what is it? ─▶ Item
//! ```
//!
//! **One bad record never fails its batch.** A record whose brackets pair up but which is bad otherwise is rejected, and the next one
//! begins behind it. Where brackets or quotes do not pair, nobody knows where the record ends; the next one is then taken to begin at
//! the next text that looks like a beginning (see `resync`). What cannot go on at all (a damaged archive, another kind of file) is the
//! [`Trouble`] in which decoding ends, after everything before it has been handed out.

mod boundary;
mod identify;
mod inflate;
mod known;
mod resync;
mod split;

use std::io::{BufReader, Read};

use json_scan::{Room, Spare, Vocabulary};

use crate::digest::Digest;
use crate::event::Event;
use crate::key::LogKey;
use crate::outcome::{RejectReason, SkipReason};
use crate::record::vocabulary;

use inflate::Members;
use known::Known;
use split::Splitter;

/// What decoding hands out, one by one, in the order of the text.
#[expect(
    clippy::large_enum_variant,
    reason = "views that live for one step; a box would be an allocation per event"
)]
#[derive(Debug)]
pub enum Item<'a> {
    /// An event.
    Event(Event<'a>),
    /// A digest file.
    Digest(Box<Digest>),
    /// Something that was recognised and is no event.
    Skipped {
        /// Byte offset in the inflated text.
        offset: u64,
        /// Why.
        reason: SkipReason,
    },
    /// Something that should have been a record.
    Rejected {
        /// Byte offset in the inflated text at which it begins.
        offset: u64,
        /// What is wrong with it.
        error: RejectReason,
    },
}

/// How decoding ended.
#[derive(Debug)]
#[must_use = "an input that could not be read to its end is an error the user must hear of"]
pub struct Decoded {
    /// Bytes of text, inflated if need be.
    pub bytes: u64,
    /// Whether the input was compressed.
    pub compressed: bool,
    /// What kept it from being read to its end. Everything before was handed out.
    pub trouble: Option<Trouble>,
}

/// What ends decoding early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// A gzip file that ends too early.
    #[error("the gzip data breaks off after {after} inflated bytes: the file was not copied to its end")]
    TruncatedGzip {
        /// Inflated bytes before it.
        after: u64,
    },
    /// A gzip file with damage in it.
    #[error("the gzip data is damaged after {after} inflated bytes: {detail}")]
    CorruptGzip {
        /// Inflated bytes before it.
        after: u64,
        /// What the inflater says.
        detail: String,
    },
    /// Something else follows the compressed data.
    #[error("something other than gzip data follows {after} inflated bytes")]
    TrailingBytes {
        /// Inflated bytes before it.
        after: u64,
    },
    /// A file of another kind.
    #[error("not a CloudTrail log file: begins with {begins_with}")]
    NotCloudTrail {
        /// Its first bytes, printable.
        begins_with: String,
    },
    /// The text ends inside a list of records.
    #[error(
        "the text ends after {after} bytes, inside a list of records: the file was not copied to its end"
    )]
    CutOff {
        /// Bytes before the end.
        after: u64,
    },
    /// Reading failed.
    #[error("cannot read on after {after} bytes of text")]
    Read {
        /// Bytes of text before it.
        after: u64,
        /// Why.
        #[source]
        error: std::io::Error,
    },
}

/// How much memory decoding may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest record, in bytes of text, at most 1 GiB. CloudTrail's own are below 1 MiB.
    pub event: usize,
    /// Text that is not in memory as a whole goes through a window of this size, in bytes, which grows as far as a record needs.
    pub window: usize,
    /// The largest text that is inflated in one piece, which is faster; what is larger goes through a window.
    pub whole: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { event: 16 << 20, window: 1 << 20, whole: 128 << 20 }
    }
}

/// Buffers beyond this size are not kept from one input to the next.
const KEPT: usize = 32 << 20;

/// Decodes inputs, one after the other, with buffers it keeps: one per thread.
///
/// ```
/// use cloudtrail::{Decoder, Item};
///
/// let text = br#"{"Records":[{"eventName":"StopLogging","eventTime":"2026-11-03T02:15:00Z"},{"oops":1}]}"#;
/// let (mut names, mut rejected) = (Vec::new(), 0);
/// let decoded = Decoder::default().decode(text, None, |item| match item {
///     Item::Event(event) => names.extend(event.record().and_then(|record| record.event_name?.unescape().ok()?.into_owned().into())),
///     Item::Rejected { .. } => rejected += 1,
///     _ => {}
/// });
/// assert!(decoded.trouble.is_none());
/// assert_eq!((names, rejected), (vec!["StopLogging".to_owned()], 1));
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    limits: Limits,
    /// Inflated text, or the window of a stream. Its length is what has been made room for, not what it holds.
    text: Vec<u8>,
    inflater: inflate::Whole,
    spare: Spares,
}

/// Buffers of the splitter that outlive an input.
#[derive(Debug)]
pub(crate) struct Spares {
    scanner: Spare,
    /// The shapes of records, and for those that are looked into all the same.
    known: Known,
    unread: Room,
    /// The names at the top of what stands in lists and lines, and of the records in envelopes.
    names: Vocabulary,
    detail_names: Vocabulary,
    /// For records that come as strings.
    quoted_scanner: Spare,
    quoted: Vec<u8>,
}

impl Default for Spares {
    fn default() -> Self {
        Spares {
            scanner: Spare::default(),
            known: Known::default(),
            unread: Room::default(),
            names: vocabulary(),
            detail_names: vocabulary(),
            quoted_scanner: Spare::default(),
            quoted: Vec::new(),
        }
    }
}

impl Decoder {
    /// A decoder with other limits.
    pub fn with_limits(limits: Limits) -> Self {
        Decoder { limits, ..Decoder::default() }
    }

    /// Decodes an input that is in memory. `key` says when the file was delivered, for records without a time.
    pub fn decode(&mut self, input: &[u8], key: Option<&LogKey>, mut sink: impl FnMut(Item<'_>)) -> Decoded {
        let sink: &mut dyn FnMut(Item<'_>) = &mut sink;
        if !inflate::is_gzip(input) {
            let mut splitter = Splitter::new(self.limits, key);
            splitter.split_all(input, &mut self.spare, sink);
            return Decoded { bytes: input.len() as u64, compressed: false, trouble: splitter.trouble() };
        }
        if let Some(len) = self.inflater.inflate(input, self.limits.whole, &mut self.text) {
            let mut splitter = Splitter::new(self.limits, key);
            splitter.split_all(self.text.get(..len).unwrap_or_default(), &mut self.spare, sink);
            self.shrink();
            return Decoded { bytes: len as u64, compressed: true, trouble: splitter.trouble() };
        }
        // Large, in several members, or damaged: through a window, which gets at everything before the damage.
        let mut members = Members::new(input);
        let (bytes, trouble) = self.stream(&mut members, key, sink);
        Decoded { bytes, compressed: true, trouble }
    }

    /// Decodes an input as it is read, however long it is.
    pub fn decode_stream(
        &mut self,
        reader: impl Read,
        key: Option<&LogKey>,
        mut sink: impl FnMut(Item<'_>),
    ) -> Decoded {
        let sink: &mut dyn FnMut(Item<'_>) = &mut sink;
        let mut reader = BufReader::with_capacity(64 << 10, reader);
        let (head, failed) = first_two(&mut reader);
        let mut reader = BufReader::new(head.as_slice().chain(reader));
        if let Some(error) = failed {
            return Decoded { bytes: 0, compressed: false, trouble: Some(Trouble::Read { after: 0, error }) };
        }
        let compressed = inflate::is_gzip(&head);
        let (bytes, trouble) = if compressed {
            self.stream(&mut Members::new(reader), key, sink)
        } else {
            self.stream(&mut reader, key, sink)
        };
        Decoded { bytes, compressed, trouble }
    }

    /// Reads text into a window and takes records off its front. Returns the bytes of text.
    fn stream(
        &mut self,
        reader: &mut dyn Read,
        key: Option<&LogKey>,
        sink: &mut dyn FnMut(Item<'_>),
    ) -> (u64, Option<Trouble>) {
        let mut splitter = Splitter::new(self.limits, key);
        let mut window = self.limits.window.max(1);
        let (mut filled, mut base) = (0, 0_u64);
        let trouble = loop {
            if filled >= window {
                window *= 2;
            }
            if self.text.len() < window {
                self.text.resize(window, 0);
            }
            let after = base + filled as u64;
            match reader.read(self.text.get_mut(filled..window).unwrap_or_default()) {
                Ok(0) => break None,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => break Some(inflate::trouble(error, after)),
            }
            if filled < window {
                continue;
            }
            let text = self.text.get(..filled).unwrap_or_default();
            let used = splitter.split(text, base, false, &mut self.spare, sink);
            if splitter.is_over() {
                break None;
            }
            self.text.copy_within(used..filled, 0);
            filled -= used;
            base += used as u64;
        };
        if !splitter.is_over() {
            splitter.split(self.text.get(..filled).unwrap_or_default(), base, true, &mut self.spare, sink);
        }
        self.shrink();
        (base + filled as u64, trouble.or_else(|| splitter.trouble()))
    }

    fn shrink(&mut self) {
        if self.text.len() > KEPT {
            self.text = Vec::new();
        }
    }
}

/// The first two bytes, fewer if there are no more.
fn first_two(reader: &mut impl Read) -> (Vec<u8>, Option<std::io::Error>) {
    let mut head = Vec::with_capacity(2);
    let failed = reader.by_ref().take(2).read_to_end(&mut head).err();
    (head, failed)
}
