//! Text to records.
//!
//! The splitter walks a window of text by its marks and takes one record at a time off its front. Between two windows it remembers only
//! where in the structure it stands, so a file of any length costs the same memory:
//!
//! ```text
//! Sequence ──  {…}            ─▶ Sequence     one record
//! Sequence ──  {"Records":[   ─▶ Elements     or only [
//! Elements ──  {…}            ─▶ Elements     one record
//! Elements ──  ]              ─▶ Rest         Sequence, if it began with only [
//! Rest     ──  }              ─▶ Sequence
//! anything ──  a fault        ─▶ Lost ── the next beginning ─▶ Elements or Sequence
//! ```
//!
//! A broken record may look as if it went on to the end of the text. So that a file full of them is not read to its end for each, the window
//! is cut into [`STRETCH`]es after the first fault, and a record that seems to contain [`TOO_MANY`] others is given up.

use json_scan::{Malformed, Reason, Scanner, Taken, Value};

use super::boundary::{
    FOREIGN, InFront, List, Window, begins_a_line, describe, first_byte, is_followed_by_object, is_separated,
    list_ahead, list_in_front,
};
use super::identify::{Found, Identifier, malformed};
use super::resync::{Beginning, Surroundings, is_well_formed};
use super::{Item, Limits, Spares, Trouble};
use crate::key::LogKey;
use crate::outcome::RejectReason;
use crate::record::BatchKind;

/// How far a scanner is allowed to look once the input is known to be faulty.
const STRETCH: usize = 16 << 10;

/// So many beginnings within one record are proof that it is not one.
const TOO_MANY: usize = 8;

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
    identifier: Identifier,
}

impl Splitter {
    pub(super) fn new(limits: Limits, key: Option<&LogKey>) -> Self {
        Splitter {
            state: State::Sequence,
            max_event: limits.event.min(PIECE),
            beginning: Beginning::default(),
            careful: false,
            list: None,
            fresh: true,
            trouble: None,
            identifier: Identifier::new(limits, key),
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
            let end = text.len().min(at + PIECE);
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
            // JSON, but in sixteen bits a letter.
            b'{' | b'[' if fresh && rest.get(1) == Some(&0) => {
                self.trouble = Some(Trouble::NotCloudTrail { begins_with: describe(rest) });
                self.state = State::Over;
                Step::More(next)
            }
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
                scanner.pass_to(next + 1);
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
        // In compact text, which nearly all is, the comma is stepped over at once.
        let at = if let Some([b',', b'{', ..]) = window.bytes.get(at..) { at + 1 } else { at };
        let Some((next, byte)) = first_byte(window.bytes, at) else { return Step::More(window.bytes.len()) };
        let reject = RejectReason::NotAnObject;
        match byte {
            b'{' => self.take(scanner, window, next, Some(list), spares, sink),
            b',' => {
                scanner.pass_to(next + 1);
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

    /// Takes the record that begins at `at`, if it is of a known shape and nothing about it is in doubt.
    #[inline]
    fn take_known(
        &mut self,
        scanner: &mut Scanner<'_>,
        window: Window<'_>,
        at: usize,
        list: Option<List>,
        spares: &mut Spares,
        sink: &mut dyn FnMut(Item<'_>),
    ) -> Option<Step> {
        let (outline, members) = spares.known.walk(window.bytes, at)?;
        let bytes = outline.bytes();
        let end = at + bytes.len();
        let is_separated = is_separated(window, end, list, self.list.is_some(), &self.beginning);
        if bytes.len() > self.max_event || is_separated != Some(true) {
            return None;
        }
        let unread = outline.unread(&spares.unread);
        self.identifier.record(members.record(outline, &unread), window.base + at as u64, sink);
        unread.leave();
        self.beginning.learn(bytes);
        scanner.pass_to(end);
        Some(Step::On(end))
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
        if let Some(step) = self.take_known(scanner, window, at, list, spares, sink) {
            return step;
        }
        let Taken { object, is_usual } = match scanner.object_at(at) {
            Ok(taken) => taken,
            Err(fault) => return self.unreadable(window, at, fault),
        };
        let bytes = object.bytes();
        let end = at + bytes.len();
        match is_separated(window, end, list, self.list.is_some(), &self.beginning) {
            Some(true) => {}
            Some(false) => return Step::Broken { at, error: RejectReason::Unseparated },
            None => return Step::More(at),
        }
        // Between the elements of a list a record begins where an object does; elsewhere also where a line does. Where quotes are out of step,
        // it may seem to be in a string.
        let may_begin = !is_usual
            || object.has_beginning(self.beginning.name())
            || self.surroundings() == Surroundings::Sequence;
        if may_begin && self.has_swallowed(bytes, Value::Object(object)) {
            return Step::Broken { at, error: RejectReason::Unclosed };
        }
        if bytes.len() > self.max_event {
            return Step::Bad { at, end, error: RejectReason::TooLarge { limit: self.max_event } };
        }
        if !is_usual && simdutf8::basic::from_utf8(bytes).is_err() {
            let valid = simdutf8::compat::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
            let error =
                RejectReason::Malformed { reason: Reason::NotUtf8, at: window.base + (at + valid) as u64 };
            return Step::Bad { at, end, error };
        }
        match self.identifier.object(object, window.base, list.map(|list| list.kind), 0, spares, sink) {
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
