//! Text to records.
//!
//! The splitter walks a window of text by its marks and takes one record at a time off its front. Between two windows it remembers only
//! where in the structure it stands, so a file of any length costs the same memory:
//!
//! ```text
//!          ┌────────────── ] ──────────────┐
//!          ▼                               │
//!   ┌─▶ Sequence ── {"Records":[ or [ ─▶ Elements ── ] ─▶ Rest ── } ─┐
//!   │      │ {…}                        │ {…}                        │
//!   │      ▼ one record                 ▼ one record                 │
//!   └────────────────────────────────────────────────────────────────┘
//!      any fault ─▶ Lost ── the next beginning ─▶ Elements or Sequence
//! ```
//!
//! A broken record may look as if it went on to the end of the text. So that a file full of them is not read to its end for each, the window
//! is cut into [`STRETCH`]es after the first fault, and a record that seems to contain [`TOO_MANY`] others is given up.

use json_scan::{Malformed, Object, Reason, Scanner, Text, Value};

use super::resync::{Beginning, FirstName, Surroundings, first_name, is_well_formed};
use super::{Item, Limits, Spares, Trouble};
use crate::digest::Digest;
use crate::event::{Body, Event};
use crate::key::LogKey;
use crate::outcome::{RejectReason, SkipReason};
use crate::record::{BatchKind, Shape, TopLevel};
use crate::time::EventTime;

/// How far a scanner is allowed to look once the input is known to be faulty.
const STRETCH: usize = 16 << 10;

/// So many beginnings within one record are proof that it is not one.
const TOO_MANY: usize = 8;

/// How far into a broken log file its list of records is looked for.
const HEADER: usize = 64 << 10;

/// How much of a text that does not begin like JSON is looked through for a line that does.
const FOREIGN: usize = 4 << 10;

/// How deep lists of records may stand in each other: a list of log files holds lists of records.
const MAX_NESTING: u32 = 3;

/// Enough for a beginning that two windows share.
const OVERLAP: usize = 512;

/// Texts in memory are split in pieces of this size: a scanner takes less than 4 GiB.
const PIECE: usize = 1 << 30;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Where in the structure of the text the splitter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between two JSON texts.
    Sequence,
    /// Between two elements of a list.
    Elements(List),
    /// Behind the list, in the object that holds it; so many brackets are open.
    Rest { depth: u32 },
    /// Looking for the next beginning: of an element, if there was a list.
    Lost(Option<List>),
    /// The rest of the input is of no use.
    Over,
}

/// An array whose elements are records, or hold them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct List {
    kind: BatchKind,
    /// Whether it stands in an object, not by itself.
    wrapped: bool,
    /// How many lists within it are open.
    inner: u32,
}

/// The text at hand.
#[derive(Clone, Copy)]
struct Window<'w> {
    bytes: &'w [u8],
    /// Offset of its first byte in the whole text.
    base: u64,
    /// Whether nothing follows it.
    last: bool,
}

/// What came of one step.
enum Step {
    /// Go on here, where the scanner stands.
    On(usize),
    /// Go on here, where it does not stand.
    Jump(usize),
    /// More text is needed from here on.
    More(usize),
    /// The record that begins at `at` is broken, and nobody knows where it ends.
    Broken { at: usize, error: RejectReason },
    /// The record that begins at `at` is bad, and ends at `end`, where the scanner stands.
    Bad { at: usize, end: usize, error: RejectReason },
}

/// Why [`Splitter::run`] came back.
enum Stop {
    More,
    Broken(RejectReason),
}

/// What an object turned out to be.
enum Found {
    Event,
    NoEvent,
    /// A list, whose first element would begin at `at`.
    List {
        list: List,
        at: usize,
    },
}

/// Takes records off the front of text. See the module.
#[derive(Debug)]
pub(super) struct Splitter {
    state: State,
    max_event: usize,
    beginning: Beginning,
    /// Whether a broken record was found.
    careful: bool,
    /// The last list there was.
    list: Option<List>,
    /// Whether there was nothing but white space so far.
    fresh: bool,
    trouble: Option<Trouble>,
    delivered: Option<EventTime>,
    previous: Option<EventTime>,
}

impl Splitter {
    pub(super) fn new(limits: Limits, key: Option<&LogKey>) -> Self {
        Splitter {
            state: State::Sequence,
            max_event: limits.event,
            beginning: Beginning::default(),
            careful: false,
            list: None,
            fresh: true,
            trouble: None,
            delivered: key.map(|key| key.delivered),
            previous: None,
        }
    }

    /// What ended the splitting early.
    pub(super) fn trouble(self) -> Option<Trouble> {
        self.trouble
    }

    /// Whether the rest of the input is of no use.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Splits a whole text.
    pub(super) fn split_all(&mut self, text: &[u8], spares: &mut Spares, sink: &mut dyn FnMut(Item<'_>)) {
        let mut at = 0;
        while !self.is_over() {
            let end = text.len().min(at + PIECE.max(self.max_event));
            let piece = text.get(at..end).unwrap_or_default();
            at += self.split(piece, at as u64, end == text.len(), spares, sink);
            if end == text.len() {
                return;
            }
        }
    }

    /// Splits `bytes`, which stand at `base` of the whole text, and returns how many of them are done with: all, if they are the `last`.
    /// Something is, once there are as many as the largest record may have.
    pub(super) fn split(
        &mut self,
        bytes: &[u8],
        base: u64,
        last: bool,
        spares: &mut Spares,
        sink: &mut dyn FnMut(Item<'_>),
    ) -> usize {
        let mut at = if self.fresh && base == 0 && bytes.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else {
            0
        };
        let mut limit = self.limit(bytes, at);
        loop {
            match self.state {
                State::Over => return bytes.len(),
                State::Lost(list) => match self.beginning.find(bytes, at, self.surroundings()) {
                    Some(beginning) => {
                        at = beginning;
                        limit = self.limit(bytes, at);
                        self.state = list.map_or(State::Sequence, State::Elements);
                    }
                    None if last => return bytes.len(),
                    None => return at.max(bytes.len().saturating_sub(OVERLAP)),
                },
                State::Sequence | State::Elements(_) | State::Rest { .. } => {}
            }
            let window = Window {
                bytes: bytes.get(..limit).unwrap_or_default(),
                base,
                last: last && limit == bytes.len(),
            };
            let Ok(mut scanner) = Scanner::with_spare(window.bytes, std::mem::take(&mut spares.scanner))
            else {
                // Windows are shorter than a scanner's limit.
                return bytes.len();
            };
            scanner.seek(at);
            let stop;
            (at, stop) = self.run(&mut scanner, window, at, spares, sink);
            spares.scanner = scanner.into_spare();

            let rest = bytes.get(at..).unwrap_or_default();
            let error = match stop {
                Stop::Broken(error) => error,
                Stop::More if self.is_over() => continue,
                Stop::More if limit < bytes.len() => {
                    if !self.begins_often(bytes.get(at..limit).unwrap_or_default()) {
                        limit = self.limit(bytes, limit);
                        continue;
                    }
                    RejectReason::Unclosed
                }
                Stop::More if last => {
                    self.end(base + bytes.len() as u64);
                    return bytes.len();
                }
                Stop::More if rest.len() >= self.max_event => {
                    self.endless(rest, RejectReason::TooLarge { limit: self.max_event })
                }
                Stop::More => return at,
            };
            // In front of a list, the object that holds it is what is broken; its records may be fine.
            if self.state == State::Sequence
                && let Some((list, ahead)) = list_ahead(rest)
            {
                self.enter(list);
                at += ahead;
            } else {
                if error == RejectReason::CutOff {
                    self.end(base + bytes.len() as u64);
                }
                sink(Item::Rejected { offset: base + at as u64, error });
                // A bracket in the broken record may have led out of the list.
                self.state = State::Lost(self.list);
                at = (at + 1).min(bytes.len());
            }
            self.careful = true;
            limit = self.limit(bytes, at);
        }
    }

    /// Steps from record to record, until more text is needed or a record is broken; where, and which of the two.
    fn run(
        &mut self,
        scanner: &mut Scanner<'_>,
        window: Window<'_>,
        mut at: usize,
        spares: &mut Spares,
        sink: &mut dyn FnMut(Item<'_>),
    ) -> (usize, Stop) {
        loop {
            let step = match self.state {
                State::Sequence => self.sequence(scanner, window, at, spares, sink),
                State::Elements(list) => self.element(scanner, window, at, list, spares, sink),
                State::Rest { depth } => self.rest(scanner, window, at, depth),
                State::Lost(_) | State::Over => Step::More(at),
            };
            match step {
                Step::On(next) => at = next,
                Step::Jump(next) => {
                    scanner.seek(next);
                    at = next;
                }
                Step::More(next) => return (next, Stop::More),
                Step::Broken { at, error } => return (at, Stop::Broken(error)),
                Step::Bad { at: begun, end, error } => {
                    sink(Item::Rejected { offset: window.base + begun as u64, error });
                    at = end;
                }
            }
        }
    }

    /// Between two JSON texts: takes the next one, or enters it if it is a list.
    fn sequence(
        &mut self,
        scanner: &mut Scanner<'_>,
        window: Window<'_>,
        at: usize,
        spares: &mut Spares,
        sink: &mut dyn FnMut(Item<'_>),
    ) -> Step {
        let Some((next, byte)) = first_byte(window.bytes, at) else { return Step::More(window.bytes.len()) };
        let rest = window.bytes.get(next..).unwrap_or_default();
        let fresh = std::mem::replace(&mut self.fresh, false);
        match byte {
            b'{' => match list_in_front(rest) {
                InFront::List(list, ahead) => {
                    self.enter(list);
                    Step::Jump(next + ahead)
                }
                InFront::CutOff if !window.last => Step::More(next),
                InFront::CutOff | InFront::Nothing => self.take(scanner, window, next, None, spares, sink),
            },
            b'[' => {
                self.enter(List { kind: BatchKind::Records, wrapped: false, inner: 0 });
                scanner.bump();
                Step::On(next + 1)
            }
            // Between objects that somebody pasted one after the other.
            b',' if !fresh => {
                scanner.bump();
                Step::On(next + 1)
            }
            _ if fresh && !window.last && rest.len() < FOREIGN => {
                self.fresh = true;
                Step::More(next)
            }
            _ if fresh && !begins_a_line(rest) => {
                self.trouble = Some(Trouble::NotCloudTrail { begins_with: describe(rest) });
                self.state = State::Over;
                Step::More(next)
            }
            _ => Step::Broken { at: next, error: RejectReason::NotAnObject },
        }
    }

    /// Between two elements of a list: takes the next one, or leaves the list.
    fn element(
        &mut self,
        scanner: &mut Scanner<'_>,
        window: Window<'_>,
        at: usize,
        list: List,
        spares: &mut Spares,
        sink: &mut dyn FnMut(Item<'_>),
    ) -> Step {
        let Some((next, byte)) = first_byte(window.bytes, at) else { return Step::More(window.bytes.len()) };
        let reject = RejectReason::NotAnObject;
        match byte {
            b'{' => self.take(scanner, window, next, Some(list), spares, sink),
            b',' => {
                scanner.bump();
                Step::On(next + 1)
            }
            // A list in a list, or a stray bracket: nothing is lost by looking inside.
            b'[' => {
                scanner.bump();
                self.enter(List { inner: list.inner.saturating_add(1), ..list });
                Step::On(next + 1)
            }
            b']' if list.inner > 0 => {
                scanner.bump();
                self.enter(List { inner: list.inner - 1, ..list });
                Step::On(next + 1)
            }
            b']' => {
                scanner.bump();
                self.state = if list.wrapped { State::Rest { depth: 1 } } else { State::Sequence };
                Step::On(next + 1)
            }
            // A scalar, if a comma or the end of the list follows.
            _ => match scanner.peek().map(|mark| (mark.offset, mark.byte)) {
                Some((end, b',' | b']'))
                    if !self.begins_within(window.bytes.get(next..end).unwrap_or_default()) =>
                {
                    Step::Bad { at: next, end, error: reject }
                }
                Some(_) => Step::Broken { at: next, error: reject },
                None if window.last => Step::Broken { at: next, error: RejectReason::CutOff },
                None => Step::More(next),
            },
        }
    }

    /// Behind a list: steps over what else its object holds.
    fn rest(&mut self, scanner: &mut Scanner<'_>, window: Window<'_>, begun: usize, mut depth: u32) -> Step {
        let mut at = begun;
        while let Some(mark) = scanner.peek() {
            scanner.bump();
            at = mark.offset + 1;
            match mark.byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        // A bracket in a broken record may have led here.
        if self
            .beginning
            .find(window.bytes.get(..at).unwrap_or_default(), begun, Surroundings::Array)
            .is_some()
        {
            return Step::Broken { at: begun, error: RejectReason::Unclosed };
        }
        if depth == 0 {
            self.state = State::Sequence;
            return Step::On(at);
        }
        self.state = State::Rest { depth };
        Step::More(at)
    }

    /// Takes the object that begins at `at`, an element of a list if there is one.
    fn take(
        &mut self,
        scanner: &mut Scanner<'_>,
        window: Window<'_>,
        at: usize,
        list: Option<List>,
        spares: &mut Spares,
        sink: &mut dyn FnMut(Item<'_>),
    ) -> Step {
        let object = match scanner.object() {
            Ok(object) => object,
            Err(fault) => return self.unreadable(window, at, fault),
        };
        let bytes = object.bytes();
        let end = at + bytes.len();
        match is_separated(window, end, list, self.list.is_some(), &self.beginning) {
            Some(true) => {}
            Some(false) => return Step::Broken { at, error: RejectReason::Unseparated },
            None => return Step::More(at),
        }
        if self.has_swallowed(bytes, Value::Object(object)) {
            return Step::Broken { at, error: RejectReason::Unclosed };
        }
        if bytes.len() > self.max_event {
            return Step::Bad { at, end, error: RejectReason::TooLarge { limit: self.max_event } };
        }
        if simdutf8::basic::from_utf8(bytes).is_err() {
            let valid = simdutf8::compat::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
            let error =
                RejectReason::Malformed { reason: Reason::NotUtf8, at: window.base + (at + valid) as u64 };
            return Step::Bad { at, end, error };
        }
        match self.object(object, window.base, list.map(|list| list.kind), 0, spares, sink) {
            Ok(Found::Event) => {
                self.beginning.learn(bytes);
                Step::On(end)
            }
            Ok(Found::NoEvent) => Step::On(end),
            Ok(Found::List { list, at }) => {
                self.enter(list);
                Step::Jump(at)
            }
            // A stray quote may have closed it anywhere, so its end counts only if another record stands there.
            Err(fault) => {
                let error = malformed(fault, window.base);
                if is_followed_by_object(window.bytes, end) {
                    Step::Bad { at, end, error }
                } else {
                    Step::Broken { at, error }
                }
            }
        }
    }

    /// A container that begins at `at` could not be taken.
    fn unreadable(&self, window: Window<'_>, at: usize, fault: Malformed) -> Step {
        if fault.reason != Reason::Unfinished {
            return Step::Broken { at, error: malformed(fault, window.base) };
        }
        if !window.last {
            return Step::More(at);
        }
        let rest = window.bytes.get(at..).unwrap_or_default();
        Step::Broken { at, error: self.endless(rest, RejectReason::CutOff) }
    }

    /// What is wrong with a record that does not end: `otherwise`, unless others begin behind it.
    fn endless(&self, rest: &[u8], otherwise: RejectReason) -> RejectReason {
        if self.begins_within(rest) { RejectReason::Unclosed } else { otherwise }
    }

    /// Whether another record seems to begin within `text`.
    fn begins_within(&self, text: &[u8]) -> bool {
        self.beginning.find(text, 1, self.surroundings()).is_some()
    }

    /// Whether `value`, which has this text, goes on into the record behind it because of a quote too many or too few.
    fn has_swallowed(&self, text: &[u8], value: Value<'_>) -> bool {
        self.begins_within(text) && !is_well_formed(value)
    }

    /// Hands out what `json` is.
    fn object(
        &mut self,
        json: Object<'_>,
        base: u64,
        kind: Option<BatchKind>,
        nesting: u32,
        spares: &mut Spares,
        sink: &mut dyn FnMut(Item<'_>),
    ) -> Result<Found, Malformed> {
        let offset = base + json.offset() as u64;
        let top = TopLevel::read(json)?;
        if let (Some(BatchKind::LogEvents), Some(message)) = (kind, top.message) {
            self.quoted(message, base, spares, sink);
            return Ok(Found::NoEvent);
        }
        let item = match top.shape(json)? {
            Shape::Record(record) => {
                self.event(Body::Record(record), offset, sink);
                return Ok(Found::Event);
            }
            Shape::Envelope(envelope) => {
                self.event(Body::Envelope(envelope), offset, sink);
                return Ok(Found::Event);
            }
            Shape::Quoted(text) => {
                self.quoted(text, base, spares, sink);
                return Ok(Found::NoEvent);
            }
            Shape::Batch(batch) if kind.is_none() && nesting == 0 => {
                let list = List { kind: batch.kind, wrapped: true, inner: 0 };
                return Ok(Found::List { list, at: batch.array.offset() + 1 });
            }
            Shape::Batch(batch) if nesting < MAX_NESTING => {
                for element in batch.array.elements() {
                    self.nested(element, (base, offset), batch.kind, nesting + 1, spares, sink);
                }
                return Ok(Found::NoEvent);
            }
            Shape::Digest => match Digest::parse(json.bytes()) {
                Ok(digest) => Item::Digest(Box::new(digest)),
                Err(_) => Item::Rejected { offset, error: RejectReason::BadDigest },
            },
            Shape::Notification => Item::Skipped { offset, reason: SkipReason::Notification },
            Shape::Control => Item::Skipped { offset, reason: SkipReason::ControlMessage },
            Shape::Batch(_) | Shape::Unknown => Item::Rejected { offset, error: RejectReason::NotAnEvent },
        };
        sink(item);
        Ok(Found::NoEvent)
    }

    /// Hands out what an element is of a list within a list. `outer` is where the object begins that holds the inner one.
    fn nested(
        &mut self,
        element: Result<Value<'_>, Malformed>,
        (base, outer): (u64, u64),
        kind: BatchKind,
        nesting: u32,
        spares: &mut Spares,
        sink: &mut dyn FnMut(Item<'_>),
    ) {
        let (offset, error) = match element {
            Ok(Value::Object(object)) => match self.object(object, base, Some(kind), nesting, spares, sink) {
                Ok(_) => return,
                Err(fault) => (base + object.offset() as u64, malformed(fault, base)),
            },
            Ok(Value::Array(array)) => (base + array.offset() as u64, RejectReason::NotAnObject),
            Ok(Value::String(text)) => (base + text.offset() as u64, RejectReason::NotAnObject),
            Ok(_) => (outer, RejectReason::NotAnObject),
            Err(fault) => (base + fault.offset as u64, malformed(fault, base)),
        };
        sink(Item::Rejected { offset, error });
    }

    /// Hands out the event that a string holds.
    fn quoted(&mut self, text: Text<'_>, base: u64, spares: &mut Spares, sink: &mut dyn FnMut(Item<'_>)) {
        let offset = base + text.offset() as u64;
        spares.quoted.clear();
        let error = match text.unescape_into(&mut spares.quoted) {
            Err(fault) => malformed(fault, base),
            Ok(()) if spares.quoted.len() > self.max_event => {
                RejectReason::TooLarge { limit: self.max_event }
            }
            Ok(()) => {
                let spare = std::mem::take(&mut spares.quoted_scanner);
                let Ok(mut scanner) = Scanner::with_spare(&spares.quoted, spare) else { return };
                let body = one_object(&mut scanner).map(|body| self.event(body, offset, sink));
                spares.quoted_scanner = scanner.into_spare();
                match body {
                    Ok(()) => return,
                    Err(error) => error,
                }
            }
        };
        sink(Item::Rejected { offset, error });
    }

    fn event(&mut self, body: Body<'_>, offset: u64, sink: &mut dyn FnMut(Item<'_>)) {
        let otherwise = self.delivered.or(self.previous).unwrap_or(EventTime::EPOCH);
        let event = Event::new(body, offset, otherwise);
        self.previous = Some(event.time);
        sink(Item::Event(event));
    }

    fn enter(&mut self, list: List) {
        self.state = State::Elements(list);
        self.list = Some(list);
    }

    fn surroundings(&self) -> Surroundings {
        match self.state {
            State::Elements(_) | State::Rest { .. } | State::Lost(Some(_)) => Surroundings::Array,
            State::Sequence | State::Lost(None) | State::Over => Surroundings::Sequence,
        }
    }

    /// How far a scanner that stands at `at` may look.
    fn limit(&self, bytes: &[u8], at: usize) -> usize {
        if !self.careful {
            return bytes.len();
        }
        self.beginning.find(bytes, at + STRETCH, self.surroundings()).unwrap_or(bytes.len())
    }

    /// Whether so much begins within `record` that it cannot be one.
    fn begins_often(&self, record: &[u8]) -> bool {
        let mut at = 0;
        (0..TOO_MANY).all(|_| match self.beginning.find(record, at + 1, self.surroundings()) {
            Some(next) => {
                at = next;
                true
            }
            None => false,
        })
    }

    /// The text is at its end, `after` so many bytes.
    fn end(&mut self, after: u64) {
        if matches!(self.state, State::Elements(_) | State::Rest { .. }) {
            self.trouble = Some(Trouble::CutOff { after });
        }
    }
}

fn malformed(fault: Malformed, base: u64) -> RejectReason {
    RejectReason::Malformed { reason: fault.reason, at: base + fault.offset as u64 }
}

/// The event that the whole text of `scanner` is.
fn one_object<'s>(scanner: &'s mut Scanner<'_>) -> Result<Body<'s>, RejectReason> {
    let text = scanner.bytes().trim_ascii();
    let Ok(object) = scanner.object() else { return Err(RejectReason::NotOneObject) };
    if object.bytes().len() != text.len() {
        return Err(RejectReason::NotOneObject);
    }
    match TopLevel::read(object).and_then(|top| top.shape(object)) {
        Ok(Shape::Record(record)) => Ok(Body::Record(record)),
        Ok(Shape::Envelope(envelope)) => Ok(Body::Envelope(envelope)),
        Ok(_) => Err(RejectReason::NotAnEvent),
        Err(_) => Err(RejectReason::NotOneObject),
    }
}

/// The first byte at or behind `at` that is no white space.
fn first_byte(bytes: &[u8], at: usize) -> Option<(usize, u8)> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let rest = bytes.get(at..)?;
    let blanks = rest.iter().position(|byte| !is_space(byte))?;
    Some((at + blanks, *rest.get(blanks)?))
}

/// Whether what follows a record may follow one; `None` if the text ends too early to tell.
///
/// A comma with a member behind it may not: then a stray bracket closed the record too early. Unless the member is that with which records begin:
/// then it is the next one that lost its bracket.
fn is_separated(
    window: Window<'_>,
    end: usize,
    list: Option<List>,
    had_list: bool,
    beginning: &Beginning,
) -> Option<bool> {
    let rest = window.bytes.get(end..).unwrap_or_default();
    if list.is_none() && matches!(rest, [b'\n', ..] | [b'\r', b'\n', ..]) {
        return Some(true);
    }
    let verdict = match (first_byte(rest, 0), list) {
        (None, _) => None,
        (Some((_, b'{')), _) => Some(true),
        (Some((_, b']')), Some(list)) if list.inner > 0 => Some(true),
        (Some((at, b']')), Some(list)) => ends_list(rest, at + 1, list),
        // A bracket in a broken record may have led out of the list.
        (Some((_, b']')), None) => Some(had_list),
        (Some((comma, b',')), _) => match first_byte(rest, comma + 1) {
            None => None,
            Some((name, b'"')) => {
                let member = rest.get(name..).unwrap_or_default();
                is_member(member).map(|is_member| !is_member || beginning.is_name(member))
            }
            Some(_) => Some(true),
        },
        (Some(_), _) => Some(false),
    };
    // What is cut off is no fault of this record.
    verdict.or(window.last.then_some(true))
}

/// Whether the text from `behind` on may follow the bracket that closes a list; `None` if it ends too early to tell.
fn ends_list(text: &[u8], behind: usize, list: List) -> Option<bool> {
    let (next, byte) = first_byte(text, behind)?;
    match byte {
        b'}' => Some(list.wrapped),
        b',' if list.wrapped => is_member(text.get(first_byte(text, next + 1)?.0..)?),
        b'{' | b'[' => Some(!list.wrapped),
        _ => Some(false),
    }
}

/// Whether an object begins behind a comma at `end`.
fn is_followed_by_object(text: &[u8], end: usize) -> bool {
    let next = |at, wanted| first_byte(text, at).filter(|(_, byte)| *byte == wanted).map(|(at, _)| at + 1);
    let name = next(end, b',').and_then(|at| next(at, b'{')).and_then(|at| first_byte(text, at));
    name.is_some_and(|(at, _)| text.get(at..).and_then(is_member) == Some(true))
}

/// Whether `text` begins with a member's name and a colon; `None` if it ends too early to tell.
fn is_member(text: &[u8]) -> Option<bool> {
    let [b'"', rest @ ..] = text else { return if text.is_empty() { None } else { Some(false) } };
    let name = memchr::memchr(b'"', rest)?;
    first_byte(rest, name + 1).map(|(_, byte)| byte == b':')
}

/// What an object begins with.
enum InFront {
    /// A list, whose first element would begin so many bytes behind the object's bracket.
    List(List, usize),
    Nothing,
    /// The text ends too early to tell.
    CutOff,
}

/// Whether `text`, an object, begins with its list: then it is not taken as a whole. A subscription is, to see whether it says anything.
fn list_in_front(text: &[u8]) -> InFront {
    let name = match first_name(text) {
        FirstName::Is(name) => name,
        FirstName::None => return InFront::Nothing,
        FirstName::CutOff => return InFront::CutOff,
    };
    let kind = match BatchKind::named(name) {
        Some(kind @ (BatchKind::Records | BatchKind::Events)) => kind,
        Some(BatchKind::LogEvents) | None => return InFront::Nothing,
    };
    let behind = memchr::memmem::find(text, name).map_or(text.len(), |at| at + name.len() + 1);
    let Some((colon, byte)) = first_byte(text, behind) else { return InFront::CutOff };
    match first_byte(text, colon + 1) {
        Some((at, b'[')) if byte == b':' => InFront::List(List { kind, wrapped: true, inner: 0 }, at + 1),
        None if byte == b':' => InFront::CutOff,
        _ => InFront::Nothing,
    }
}

/// The list in a broken object that `text` begins with, and where in `text` its first element would begin.
fn list_ahead(text: &[u8]) -> Option<(List, usize)> {
    let text = text.get(..HEADER.min(text.len()))?;
    // Not beyond the line that is broken.
    let line = text.get(1..).and_then(|rest| memchr::memmem::find(rest, b"\n{"));
    let text = text.get(..line.map_or(text.len(), |at| at + 1))?;
    let find = |name: &[u8], kind| {
        memchr::memmem::find_iter(text, name).find_map(|at| {
            let (colon, byte) = first_byte(text, at + name.len())?;
            let (bracket, behind) = first_byte(text, colon + 1)?;
            (byte == b':' && behind == b'[').then_some((List { kind, wrapped: true, inner: 0 }, bracket + 1))
        })
    };
    let found = [
        find(b"\"Records\"", BatchKind::Records),
        find(b"\"Events\"", BatchKind::Events),
        find(b"\"logEvents\"", BatchKind::LogEvents),
    ];
    found.into_iter().flatten().min_by_key(|(_, at)| *at)
}

/// Whether an object begins on a line of its own somewhere: then the text is worth looking through.
fn begins_a_line(text: &[u8]) -> bool {
    let text = text.get(..FOREIGN.min(text.len())).unwrap_or_default();
    memchr::memmem::find_iter(text, b"\n{").any(|at| matches!(first_byte(text, at + 2), Some((_, b'"'))))
}

/// The first bytes of a file, for a message, and what kind it is if that is well known.
fn describe(text: &[u8]) -> String {
    let start = text.get(..text.len().min(24)).unwrap_or_default();
    let shown: String = match std::str::from_utf8(start) {
        Ok(text) => text
            .chars()
            .map(|c| if c.is_control() { c.escape_debug().to_string() } else { c.into() })
            .collect(),
        Err(_) => start.escape_ascii().to_string(),
    };
    let known = [
        (&b"PK\x03\x04"[..], " (a zip archive)"),
        (b"\x28\xb5\x2f\xfd", " (zstd: decompress it first)"),
        (b"BZh", " (bzip2: decompress it first)"),
        (b"PAR1", " (Parquet)"),
        (b"\xff\xfe", " (UTF-16)"),
        (b"\xfe\xff", " (UTF-16)"),
        (b"\x1f\x8b", " (gzip inside gzip)"),
        (b"<", " (XML or HTML)"),
    ];
    let kind = known.iter().find(|(magic, _)| start.starts_with(magic)).map_or("", |(_, kind)| kind);
    format!("`{shown}`{kind}")
}
