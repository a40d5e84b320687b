//! One event: a CloudTrail record or an EventBridge envelope, with its place in time and in its input.

use std::time::Duration;

use json_scan::{Object, Text};

use crate::account::AccountId;
use crate::id::EventId;
use crate::record::{Envelope, Record};
use crate::region::Region;
use crate::time::{EventTime, Minute};

/// An event, borrowed from the text it was read from.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// What it is, with its members.
    pub body: Body<'a>,
    /// Byte offset in the inflated text of its input; of the string that holds it, where a record comes as a string.
    pub offset: u64,
    /// When it happened. See [`Event::undated`].
    pub time: EventTime,
    /// Whether the event does not say readably when it happened. Its time then is the delivery stamp of its file, else the time
    /// of the event before it in the same input, else the Unix epoch.
    pub undated: bool,
    /// When the log got it, where that is known: the `timestamp` of its log event in a CloudWatch Logs subscription, else the delivery
    /// stamp of its file. Else, and where the log would have had it before it happened or more than [`LOGGED_WITHIN`] after, its own time.
    pub logged: EventTime,
}

/// How much later than its own time a log can have got an event: CloudWatch Logs takes none that is older than fourteen days.
pub const LOGGED_WITHIN: Duration = Duration::from_secs(14 * 24 * 3_600);

/// The two forms in which an event arrives.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// A bare CloudTrail record.
    Record(Record<'a>),
    /// An EventBridge event, from CloudTrail or from anywhere else.
    Envelope(Envelope<'a>),
}

/// Which of the two forms an event has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// A bare CloudTrail record.
    Record,
    /// An EventBridge event.
    Envelope,
}

impl<'a> Event<'a> {
    /// The event as it came: the record, or the whole envelope.
    pub fn json(&self) -> Object<'a> {
        match self.body {
            Body::Record(record) => record.json,
            Body::Envelope(envelope) => envelope.json,
        }
    }

    /// Which form it came in.
    pub fn form(&self) -> Form {
        match self.body {
            Body::Record(_) => Form::Record,
            Body::Envelope(_) => Form::Envelope,
        }
    }

    /// The CloudTrail record: the event itself, or what its envelope carries. `None` for events that are not CloudTrail's.
    pub fn record(&self) -> Option<&Record<'a>> {
        match &self.body {
            Body::Record(record) => Some(record),
            Body::Envelope(envelope) => envelope.record.as_ref(),
        }
    }

    /// What makes another copy of this event the same one.
    pub fn id(&self) -> EventId {
        let of_record = self.record().and_then(|record| record.event_id);
        let of_envelope = || match &self.body {
            Body::Record(_) => None,
            Body::Envelope(envelope) => envelope.id,
        };
        of_record
            .and_then(EventId::from_text)
            .or_else(|| of_envelope().and_then(EventId::from_text))
            .unwrap_or_else(|| {
                EventId::from_content(self.record().map_or_else(|| self.json(), |record| record.json))
            })
    }

    /// The account in which it was recorded, if it names one of twelve digits.
    pub fn account(&self) -> Option<AccountId> {
        AccountId::from_bytes(self.account_as_written()?)
    }

    /// The same as it stands in the text, whatever it is.
    pub fn account_as_written(&self) -> Option<&'a [u8]> {
        let text = match &self.body {
            Body::Record(record) => crate::eventbridge::account(record),
            Body::Envelope(envelope) => {
                envelope.account.or_else(|| envelope.record.as_ref().and_then(crate::eventbridge::account))
            }
        };
        text.map(|text| text.raw())
    }

    /// The region in which it was recorded, if it names one.
    pub fn region(&self) -> Option<Region> {
        Region::from_bytes(self.region_as_written()?)
    }

    /// The same as it stands in the text, whatever it is.
    pub fn region_as_written(&self) -> Option<&'a [u8]> {
        let text = match &self.body {
            Body::Record(record) => record.aws_region,
            Body::Envelope(envelope) => {
                envelope.region.or(envelope.record.and_then(|record| record.aws_region))
            }
        };
        text.map(|text| text.raw())
    }

    /// Puts what was read in its place.
    #[inline(always)]
    pub(crate) fn new(
        body: Body<'a>,
        offset: u64,
        otherwise: EventTime,
        logged: Option<EventTime>,
        minute: &mut Minute,
    ) -> Self {
        let own = stamp(&body).and_then(|text| minute.read(text.raw()));
        let time = own.unwrap_or(otherwise);
        let within = i64::try_from(LOGGED_WITHIN.as_micros()).unwrap_or(i64::MAX);
        let latest = EventTime::from_micros(time.as_micros().saturating_add(within));
        let logged = logged.filter(|logged| (time..=latest).contains(logged)).unwrap_or(time);
        Event { body, offset, time, undated: own.is_none(), logged }
    }
}

/// The text that says when: `eventTime`, for other events than CloudTrail's the envelope's `time`.
fn stamp<'a>(body: &Body<'a>) -> Option<Text<'a>> {
    match body {
        Body::Record(record) => record.event_time,
        Body::Envelope(envelope) => envelope.record.and_then(|record| record.event_time).or(envelope.time),
    }
}
