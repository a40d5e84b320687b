//! A CloudTrail record, and an EventBridge envelope: their top-level members, found in one walk.
//!
//! What almost every reader of a record asks for first (when, what, where, by whom) is collected while the object's top level is
//! checked, so that nobody walks it again. Values are views into the record's own text.

use json_scan::{KnownNames, Malformed, Object, Text, Value, Vocabulary};

/// A CloudTrail record: what CloudTrail writes into `Records`, and EventBridge delivers as `detail`.
///
/// A member is `None` where the record has none, or has something of another kind there (`"requestParameters": null` and the like are
/// common; only what every record needs is kept here). Of repeated members the last counts.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The whole record.
    pub json: Object<'a>,
    /// `eventTime` as written.
    pub event_time: Option<Text<'a>>,
    /// `eventSource`, such as `ec2.amazonaws.com`. Insight records have it inside `insightDetails` only.
    pub event_source: Option<Text<'a>>,
    /// `eventName`, such as `RunInstances`. Insight records have it inside `insightDetails` only.
    pub event_name: Option<Text<'a>>,
    /// `eventID` as written.
    pub event_id: Option<Text<'a>>,
    /// `eventType`, such as `AwsApiCall`; since eventVersion 1.02.
    pub event_type: Option<Text<'a>>,
    /// `eventCategory`: `Management`, `Data`, `NetworkActivity` or `Insight`; since eventVersion 1.07.
    pub event_category: Option<Text<'a>>,
    /// `awsRegion` as written.
    pub aws_region: Option<Text<'a>>,
    /// `recipientAccountId` as written; since eventVersion 1.02.
    pub recipient_account_id: Option<Text<'a>>,
    /// `readOnly`, also where it is written as a string.
    pub read_only: Option<bool>,
    /// `managementEvent`, also where it is written as a string.
    pub management_event: Option<bool>,
    /// `userIdentity`.
    pub user_identity: Option<Object<'a>>,
    /// `insightDetails`, which Insight records have.
    pub insight_details: Option<Object<'a>>,
    /// All members by the numbers of their names, where the decoder knows them.
    pub names: Option<KnownNames<'a>>,
}

/// An event as EventBridge delivers it, from CloudTrail or from anywhere else.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// The whole envelope.
    pub json: Object<'a>,
    /// `detail-type`, such as `AWS API Call via CloudTrail`.
    pub detail_type: Text<'a>,
    /// `source`, such as `aws.ec2`.
    pub source: Text<'a>,
    /// `account` as written.
    pub account: Option<Text<'a>>,
    /// `region` as written.
    pub region: Option<Text<'a>>,
    /// `time` as written.
    pub time: Option<Text<'a>>,
    /// `id` as written.
    pub id: Option<Text<'a>>,
    /// `detail`.
    pub detail: Object<'a>,
    /// `detail` read as a CloudTrail record, if `detail-type` says that it is one (`… via CloudTrail`).
    pub record: Option<Record<'a>>,
}

impl<'a> Record<'a> {
    /// Whether this is an Insight record: about unusual activity, not a call.
    pub fn is_insight(&self) -> bool {
        let says = |text: Option<Text<'_>>, plain| text.is_some_and(|text| text.is(plain));
        self.insight_details.is_some()
            || says(self.event_type, "AwsCloudTrailInsight")
            || says(self.event_category, "Insight")
    }

    /// Reads the top level of `json` as a record, whatever it is.
    ///
    /// # Errors
    ///
    /// If that level is malformed.
    pub fn read(json: Object<'a>) -> Result<Self, Malformed> {
        Self::read_with(json, &mut vocabulary())
    }

    /// The same with the names of earlier records in mind.
    fn read_with(json: Object<'a>, vocabulary: &mut TopVocabulary) -> Result<Self, Malformed> {
        Ok(TopLevel::read(json, vocabulary)?.record(json))
    }
}

/// Whether an event of this `detail-type` carries a CloudTrail record.
pub(crate) fn is_via_cloudtrail(detail_type: Text<'_>) -> bool {
    detail_type.raw().ends_with(b" via CloudTrail")
}

/// Every top-level member that says what an object is, or that each reader wants.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TopLevel<'a> {
    texts: [Option<Text<'a>>; TEXTS],
    read_only: Option<bool>,
    management_event: Option<bool>,
    user_identity: Option<Object<'a>>,
    insight_details: Option<Object<'a>>,
    detail: Option<Object<'a>>,
    /// What holds several: `Records`, `Events`, `logEvents`.
    pub(crate) batch: Option<Batch<'a>>,
    has_digest_object: bool,
    /// A member that only notifications about S3 objects, and SNS and SQS around them, have.
    has_notification: bool,
}

/// An array whose elements are what is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub(crate) kind: BatchKind,
    pub(crate) array: json_scan::Array<'a>,
}

/// By which name an array of records goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchKind {
    /// `Records` of a log file, or an array without a name: records, envelopes, or lines of LookupEvents.
    Records,
    /// `Events`: what `aws cloudtrail lookup-events` prints.
    Events,
    /// `logEvents` of a CloudWatch Logs subscription.
    LogEvents,
}

impl BatchKind {
    /// The kind that the raw name of a member stands for.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"Records" => Some(BatchKind::Records),
            b"Events" => Some(BatchKind::Events),
            b"logEvents" => Some(BatchKind::LogEvents),
            _ => None,
        }
    }
}

/// What an object is, by its top level.
#[expect(
    clippy::large_enum_variant,
    reason = "views that live for one step; a box would be an allocation per event"
)]
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape<'a> {
    Record(Record<'a>),
    Envelope(Envelope<'a>),
    /// A record inside a string.
    Quoted(Text<'a>),
    Batch(Batch<'a>),
    Digest,
    Notification,
    /// A CloudWatch Logs subscription says that it is alive.
    Control,
    Unknown,
}

/// The members that are collected.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Member {
    Text(TextMember),
    ReadOnly,
    ManagementEvent,
    UserIdentity,
    InsightDetails,
    Detail,
    Batch(BatchKind),
    DigestS3Object,
    /// What only notifications of S3, SNS and SQS have.
    OfNotification,
    Event,
}

/// Those of them that are strings: most, and kept side by side so that one way leads to all.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TextMember {
    EventTime,
    EventSource,
    EventName,
    EventId,
    EventType,
    EventCategory,
    AwsRegion,
    RecipientAccountId,
    DetailType,
    Source,
    Account,
    Region,
    Time,
    Id,
    /// `CloudTrailEvent` of what LookupEvents answers: the record as a string.
    CloudTrailEvent,
    /// `message` of a CloudWatch Logs event.
    Message,
    /// `messageType` of a CloudWatch Logs subscription.
    MessageType,
    DigestEndTime,
}

const TEXTS: usize = TextMember::DigestEndTime as usize + 1;

const MEMBERS: [(&str, Member); 33] = [
    ("eventTime", Member::Text(TextMember::EventTime)),
    ("eventSource", Member::Text(TextMember::EventSource)),
    ("eventName", Member::Text(TextMember::EventName)),
    ("eventID", Member::Text(TextMember::EventId)),
    ("eventType", Member::Text(TextMember::EventType)),
    ("eventCategory", Member::Text(TextMember::EventCategory)),
    ("awsRegion", Member::Text(TextMember::AwsRegion)),
    ("recipientAccountId", Member::Text(TextMember::RecipientAccountId)),
    ("readOnly", Member::ReadOnly),
    ("managementEvent", Member::ManagementEvent),
    ("userIdentity", Member::UserIdentity),
    ("insightDetails", Member::InsightDetails),
    ("detail-type", Member::Text(TextMember::DetailType)),
    ("source", Member::Text(TextMember::Source)),
    ("account", Member::Text(TextMember::Account)),
    ("region", Member::Text(TextMember::Region)),
    ("time", Member::Text(TextMember::Time)),
    ("id", Member::Text(TextMember::Id)),
    ("detail", Member::Detail),
    ("Records", Member::Batch(BatchKind::Records)),
    ("Events", Member::Batch(BatchKind::Events)),
    ("logEvents", Member::Batch(BatchKind::LogEvents)),
    ("CloudTrailEvent", Member::Text(TextMember::CloudTrailEvent)),
    ("message", Member::Text(TextMember::Message)),
    ("messageType", Member::Text(TextMember::MessageType)),
    ("digestEndTime", Member::Text(TextMember::DigestEndTime)),
    ("digestS3Object", Member::DigestS3Object),
    ("s3", Member::OfNotification),
    ("Sns", Member::OfNotification),
    ("s3ObjectKey", Member::OfNotification),
    ("TopicArn", Member::OfNotification),
    ("receiptHandle", Member::OfNotification),
    ("Event", Member::Event),
];

/// The names at the top of records and what else is read.
pub(crate) type TopVocabulary = Vocabulary<Option<Member>>;

/// With no name seen.
pub(crate) fn vocabulary() -> TopVocabulary {
    Vocabulary::new(|name| {
        MEMBERS.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, member)| *member)
    })
}

impl<'a> TopLevel<'a> {
    pub(crate) fn read(json: Object<'a>, vocabulary: &mut TopVocabulary) -> Result<Self, Malformed> {
        let mut top = TopLevel::default();
        vocabulary.read(json, |member, names| match member {
            Some(member) => top.take(member, names),
            None => Ok(()),
        })?;
        Ok(top)
    }

    #[inline]
    fn take(&mut self, member: Member, names: &json_scan::Names<'a>) -> Result<(), Malformed> {
        if let Member::Text(member) = member {
            self.texts[member as usize] = match names.string() {
                Some(text) => Some(text),
                None => names.value()?.as_text(),
            };
            return Ok(());
        }
        self.take_other(member, names)
    }

    fn take_other(&mut self, member: Member, names: &json_scan::Names<'a>) -> Result<(), Malformed> {
        let flag = || names.value().map(|value| as_flag(&value));
        let object = || names.value().map(|value| value.as_object());
        match member {
            Member::Text(member) => self.texts[member as usize] = names.value()?.as_text(),
            Member::ReadOnly => self.read_only = flag()?,
            Member::ManagementEvent => self.management_event = flag()?,
            Member::UserIdentity => self.user_identity = object()?,
            Member::InsightDetails => self.insight_details = object()?,
            Member::Detail => self.detail = object()?,
            Member::Batch(kind) => {
                let array = names.value()?.as_array();
                self.batch = array.map(|array| Batch { kind, array }).or(self.batch);
            }
            Member::DigestS3Object => self.has_digest_object = true,
            Member::OfNotification => self.has_notification = true,
            Member::Event => {
                let text = names.value()?.as_text();
                self.has_notification |= text.is_some_and(|event| event.is("s3:TestEvent"));
            }
        }
        Ok(())
    }

    #[inline]
    fn text(&self, member: TextMember) -> Option<Text<'a>> {
        self.texts[member as usize]
    }

    /// The `message` of a CloudWatch Logs event.
    pub(crate) fn message(&self) -> Option<Text<'a>> {
        self.text(TextMember::Message)
    }

    fn record(&self, json: Object<'a>) -> Record<'a> {
        Record {
            json,
            event_time: self.text(TextMember::EventTime),
            event_source: self.text(TextMember::EventSource),
            event_name: self.text(TextMember::EventName),
            event_id: self.text(TextMember::EventId),
            event_type: self.text(TextMember::EventType),
            event_category: self.text(TextMember::EventCategory),
            aws_region: self.text(TextMember::AwsRegion),
            recipient_account_id: self.text(TextMember::RecipientAccountId),
            read_only: self.read_only,
            management_event: self.management_event,
            user_identity: self.user_identity,
            insight_details: self.insight_details,
            names: None,
        }
    }

    /// What `json`, whose top level this is, is.
    pub(crate) fn shape(
        &self,
        json: Object<'a>,
        of_details: &mut TopVocabulary,
    ) -> Result<Shape<'a>, Malformed> {
        let (detail_type, source) = (self.text(TextMember::DetailType), self.text(TextMember::Source));
        if let (Some(detail_type), Some(source), Some(detail)) = (detail_type, source, self.detail) {
            let record =
                is_via_cloudtrail(detail_type).then(|| Record::read_with(detail, of_details)).transpose()?;
            return Ok(Shape::Envelope(Envelope {
                json,
                detail_type,
                source,
                account: self.text(TextMember::Account),
                region: self.text(TextMember::Region),
                time: self.text(TextMember::Time),
                id: self.text(TextMember::Id),
                detail,
                record,
            }));
        }
        // S3, SNS and SQS write `aws:s3` and the like where CloudTrail writes `s3.amazonaws.com`.
        let record = self.record(json);
        let about_an_object = record.event_source.is_some_and(|source| source.raw().starts_with(b"aws:"));
        Ok(if about_an_object {
            Shape::Notification
        } else if record.event_name.is_some() || record.is_insight() {
            Shape::Record(record)
        } else if let Some(text) = self.text(TextMember::CloudTrailEvent) {
            Shape::Quoted(text)
        } else if self.text(TextMember::MessageType).is_some_and(|kind| kind.is("CONTROL_MESSAGE")) {
            Shape::Control
        } else if let Some(batch) = self.batch {
            Shape::Batch(batch)
        } else if self.text(TextMember::DigestEndTime).is_some() && self.has_digest_object {
            Shape::Digest
        } else if self.has_notification {
            Shape::Notification
        } else {
            Shape::Unknown
        })
    }
}

/// `true` and `"true"`: LookupEvents and some copies write the word as a string.
fn as_flag(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::True => Some(true),
        Value::False => Some(false),
        Value::String(text) if text.is("true") => Some(true),
        Value::String(text) if text.is("false") => Some(false),
        _ => None,
    }
}
