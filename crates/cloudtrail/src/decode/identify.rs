//! What a taken object is, and handing it out.
//!
//! An object may be an event, hold one in a string, hold a list of them, or be one of the things that lie beside log files. Whatever it is, it
//! leaves here as [`Item`]s, or as the place of a list that the splitter is to walk itself.

use json_scan::{Malformed, Object, Scanner, Text, Value, Vocabulary};

use super::boundary::List;
use super::{Item, Limits, Spares};
use crate::digest::Digest;
use crate::event::{Body, Event};
use crate::key::LogKey;
use crate::outcome::{RejectReason, SkipReason};
use crate::record::{BatchKind, Record, Shape, TopLevel};
use crate::time::{EventTime, Minute};

/// How deep lists of records may stand in each other: a list of log files holds lists of records.
const MAX_NESTING: u32 = 3;

/// What an object turned out to be.
pub(super) enum Found {
    Event,
    NoEvent,
    /// A list, whose first element would begin at `at`.
    List {
        list: List,
        at: usize,
    },
}

/// Identifies objects and hands them out, with a time for those that have none.
#[derive(Debug)]
pub(super) struct Identifier {
    max_event: usize,
    delivered: Option<EventTime>,
    previous: Option<EventTime>,
    minute: Minute,
}

impl Identifier {
    pub(super) fn new(limits: Limits, key: Option<&LogKey>) -> Self {
        Identifier {
            max_event: limits.event,
            delivered: key.map(|key| key.delivered),
            previous: None,
            minute: Minute::default(),
        }
    }

    /// Hands out what `json` is.
    pub(super) fn object(
        &mut self,
        json: Object<'_>,
        base: u64,
        kind: Option<BatchKind>,
        nesting: u32,
        spares: &mut Spares,
        sink: &mut dyn FnMut(Item<'_>),
    ) -> Result<Found, Malformed> {
        let offset = base + json.offset() as u64;
        let top = TopLevel::read(json, &mut spares.names)?;
        if kind == Some(BatchKind::LogEvents)
            && let Some(message) = top.message()?
        {
            let logged = log_time(json)?.or(self.delivered);
            self.quoted(message, base, logged, spares, sink);
            return Ok(Found::NoEvent);
        }
        let item = match top.shape(&mut spares.detail_names)? {
            Shape::Record(record) => {
                self.event(Body::Record(record), offset, self.delivered, sink);
                spares.known.learn(json);
                return Ok(Found::Event);
            }
            Shape::Envelope(envelope) => {
                self.event(Body::Envelope(envelope), offset, self.delivered, sink);
                return Ok(Found::Event);
            }
            Shape::Quoted(text) => {
                self.quoted(text, base, self.delivered, spares, sink);
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

    /// Hands out a record that is known to be one, and begins at `offset`.
    #[inline]
    pub(super) fn record(&mut self, record: Record<'_>, offset: u64, sink: &mut dyn FnMut(Item<'_>)) {
        self.event(Body::Record(record), offset, self.delivered, sink);
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
    fn quoted(
        &mut self,
        text: Text<'_>,
        base: u64,
        logged: Option<EventTime>,
        spares: &mut Spares,
        sink: &mut dyn FnMut(Item<'_>),
    ) {
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
                let names = (&mut spares.names, &mut spares.detail_names);
                let body = one_object(&mut scanner, names).map(|body| self.event(body, offset, logged, sink));
                spares.quoted_scanner = scanner.into_spare();
                match body {
                    Ok(()) => return,
                    Err(error) => error,
                }
            }
        };
        sink(Item::Rejected { offset, error });
    }

    /// Inlined wherever it is called: a body is hundreds of bytes, which would be copied to get here.
    #[inline(always)]
    fn event(
        &mut self,
        body: Body<'_>,
        offset: u64,
        logged: Option<EventTime>,
        sink: &mut dyn FnMut(Item<'_>),
    ) {
        let otherwise = self.delivered.or(self.previous).unwrap_or(EventTime::EPOCH);
        let event = Event::new(body, offset, otherwise, logged, &mut self.minute);
        self.previous = Some(event.time);
        sink(Item::Event(event));
    }
}

/// The `timestamp` of a log event: milliseconds since 1970.
fn log_time(event: Object<'_>) -> Result<Option<EventTime>, Malformed> {
    for member in event.members() {
        let member = member?;
        if let (true, Value::Number(text)) = (member.key.is("timestamp"), &member.value) {
            let millis = text.parse::<i64>().ok();
            return Ok(millis.map(|millis| EventTime::from_micros(millis.saturating_mul(1_000))));
        }
    }
    Ok(None)
}

pub(super) fn malformed(fault: Malformed, base: u64) -> RejectReason {
    RejectReason::Malformed { reason: fault.reason, at: base + fault.offset as u64 }
}

/// The event that the whole text of `scanner` is.
fn one_object<'s>(
    scanner: &'s mut Scanner<'_>,
    (names, detail_names): (&mut Vocabulary, &mut Vocabulary),
) -> Result<Body<'s>, RejectReason> {
    let text = scanner.bytes().trim_ascii();
    let Ok(object) = scanner.object() else { return Err(RejectReason::NotOneObject) };
    if object.bytes().len() != text.len() {
        return Err(RejectReason::NotOneObject);
    }
    match TopLevel::read(object, names).and_then(|top| top.shape(detail_names)) {
        Ok(Shape::Record(record)) => Ok(Body::Record(record)),
        Ok(Shape::Envelope(envelope)) => Ok(Body::Envelope(envelope)),
        Ok(_) => Err(RejectReason::NotAnEvent),
        Err(_) => Err(RejectReason::NotOneObject),
    }
}
