//! A CloudTrail record, and an EventBridge envelope: their top-level members, found in one walk.
//!
//! What almost every reader of a record asks for first (when, what, where, by whom) is collected while the object's top level is
//! checked, so that nobody walks it again. Values are views into the record's own text.

use json_scan::{Malformed, Object, Outline, Text, Value, Vocabulary};

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
    /// Where its values stand, if the decoder knows its shape.
    pub outline: Option<Outline<'a>>,
    /// `userIdentity.type`, where that is known without looking.
    pub(crate) identity_type: Option<Text<'a>>,
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

    /// `userIdentity.type`, such as `AssumedRole`; of repeated members the last.
    pub fn identity_type(&self) -> Option<Text<'a>> {
        if self.outline.is_some() {
            return self.identity_type;
        }
        let members = self.user_identity?.members().map_while(Result::ok);
        members.filter(|member| member.key.is("type")).last()?.value.as_text()
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
    fn read_with(json: Object<'a>, vocabulary: &mut Vocabulary) -> Result<Self, Malformed> {
        vocabulary.read(json)?;
        TopLevel { json, members: vocabulary }.record()
    }
}

/// Whether an event of this `detail-type` carries a CloudTrail record.
pub(crate) fn is_via_cloudtrail(detail_type: Text<'_>) -> bool {
    detail_type.raw().ends_with(b" via CloudTrail")
}

/// The top level of an object that was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TopLevel<'a, 'v> {
    json: Object<'a>,
    members: &'v Vocabulary,
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

/// The members that somebody asks for, by their names.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Member {
    EventTime = 1,
    EventSource,
    EventName,
    EventId,
    EventType,
    EventCategory,
    AwsRegion,
    RecipientAccountId,
    ReadOnly,
    ManagementEvent,
    UserIdentity,
    InsightDetails,
    DetailType,
    Source,
    Account,
    Region,
    Time,
    Id,
    Detail,
    Records,
    Events,
    LogEvents,
    /// `CloudTrailEvent` of what LookupEvents answers: the record as a string.
    CloudTrailEvent,
    /// `message` of a CloudWatch Logs event.
    Message,
    /// `messageType` of a CloudWatch Logs subscription.
    MessageType,
    DigestEndTime,
    DigestS3Object,
    /// What only notifications of S3, SNS and SQS have.
    OfNotification,
    Event,
}

const MEMBERS: [(&str, Member); 33] = [
    ("eventTime", Member::EventTime),
    ("eventSource", Member::EventSource),
    ("eventName", Member::EventName),
    ("eventID", Member::EventId),
    ("eventType", Member::EventType),
    ("eventCategory", Member::EventCategory),
    ("awsRegion", Member::AwsRegion),
    ("recipientAccountId", Member::RecipientAccountId),
    ("readOnly", Member::ReadOnly),
    ("managementEvent", Member::ManagementEvent),
    ("userIdentity", Member::UserIdentity),
    ("insightDetails", Member::InsightDetails),
    ("detail-type", Member::DetailType),
    ("source", Member::Source),
    ("account", Member::Account),
    ("region", Member::Region),
    ("time", Member::Time),
    ("id", Member::Id),
    ("detail", Member::Detail),
    ("Records", Member::Records),
    ("Events", Member::Events),
    ("logEvents", Member::LogEvents),
    ("CloudTrailEvent", Member::CloudTrailEvent),
    ("message", Member::Message),
    ("messageType", Member::MessageType),
    ("digestEndTime", Member::DigestEndTime),
    ("digestS3Object", Member::DigestS3Object),
    ("s3", Member::OfNotification),
    ("Sns", Member::OfNotification),
    ("s3ObjectKey", Member::OfNotification),
    ("TopicArn", Member::OfNotification),
    ("receiptHandle", Member::OfNotification),
    ("Event", Member::Event),
];

/// For the names at the top of records and what else is read, with none seen.
pub(crate) fn vocabulary() -> Vocabulary {
    Vocabulary::new(|name| {
        let known = MEMBERS.iter().find(|(known, _)| known.as_bytes() == name);
        known.map_or(0, |(_, member)| *member as u8)
    })
}

impl<'a, 'v> TopLevel<'a, 'v> {
    pub(crate) fn read(json: Object<'a>, vocabulary: &'v mut Vocabulary) -> Result<Self, Malformed> {
        vocabulary.read(json)?;
        Ok(TopLevel { json, members: vocabulary })
    }

    #[inline]
    fn value(&self, member: Member) -> Result<Option<Value<'a>>, Malformed> {
        self.members.last_of(member as u8).map(|at| self.json.value_of(at)).transpose()
    }

    #[inline]
    fn text(&self, member: Member) -> Result<Option<Text<'a>>, Malformed> {
        let Some(at) = self.members.last_of(member as u8) else { return Ok(None) };
        match self.json.string_of(at) {
            Some(text) => Ok(Some(text)),
            // No string, or nothing at all.
            None => self.json.value_of(at).map(|_| None),
        }
    }

    fn object(&self, member: Member) -> Result<Option<Object<'a>>, Malformed> {
        Ok(self.value(member)?.and_then(|value| value.as_object()))
    }

    fn flag(&self, member: Member) -> Result<Option<bool>, Malformed> {
        Ok(self.value(member)?.and_then(|value| as_flag(&value)))
    }

    fn has(&self, member: Member) -> bool {
        self.members.last_of(member as u8).is_some()
    }

    /// The `message` of a CloudWatch Logs event.
    pub(crate) fn message(&self) -> Result<Option<Text<'a>>, Malformed> {
        self.text(Member::Message)
    }

    fn record(&self) -> Result<Record<'a>, Malformed> {
        Ok(Record {
            json: self.json,
            event_time: self.text(Member::EventTime)?,
            event_source: self.text(Member::EventSource)?,
            event_name: self.text(Member::EventName)?,
            event_id: self.text(Member::EventId)?,
            event_type: self.text(Member::EventType)?,
            event_category: self.text(Member::EventCategory)?,
            aws_region: self.text(Member::AwsRegion)?,
            recipient_account_id: self.text(Member::RecipientAccountId)?,
            read_only: self.flag(Member::ReadOnly)?,
            management_event: self.flag(Member::ManagementEvent)?,
            user_identity: self.object(Member::UserIdentity)?,
            insight_details: self.object(Member::InsightDetails)?,
            outline: None,
            identity_type: None,
        })
    }

    fn batch(&self) -> Result<Option<Batch<'a>>, Malformed> {
        let lists = [
            (Member::Records, BatchKind::Records),
            (Member::Events, BatchKind::Events),
            (Member::LogEvents, BatchKind::LogEvents),
        ];
        for (member, kind) in lists {
            if let Some(Value::Array(array)) = self.value(member)? {
                return Ok(Some(Batch { kind, array }));
            }
        }
        Ok(None)
    }

    /// What the object is.
    ///
    /// # Errors
    ///
    /// If its top level is malformed somewhere that matters: the first fault there is.
    pub(crate) fn shape(&self, of_details: &mut Vocabulary) -> Result<Shape<'a>, Malformed> {
        let first = |fault: Malformed| self.json.members().find_map(Result::err).unwrap_or(fault);
        self.find_shape(of_details).map_err(first)
    }

    fn find_shape(&self, of_details: &mut Vocabulary) -> Result<Shape<'a>, Malformed> {
        let detail_type = self.text(Member::DetailType)?;
        if let Some(detail_type) = detail_type
            && let (Some(source), Some(detail)) = (self.text(Member::Source)?, self.object(Member::Detail)?)
        {
            let record =
                is_via_cloudtrail(detail_type).then(|| Record::read_with(detail, of_details)).transpose()?;
            return Ok(Shape::Envelope(Envelope {
                json: self.json,
                detail_type,
                source,
                account: self.text(Member::Account)?,
                region: self.text(Member::Region)?,
                time: self.text(Member::Time)?,
                id: self.text(Member::Id)?,
                detail,
                record,
            }));
        }
        let record = self.record()?;
        let about_an_object = is_about_an_object(record.event_source);
        if !about_an_object && (record.event_name.is_some() || record.is_insight()) {
            return Ok(Shape::Record(record));
        }
        let is_control = || {
            Ok::<_, Malformed>(self.text(Member::MessageType)?.is_some_and(|kind| kind.is("CONTROL_MESSAGE")))
        };
        Ok(if about_an_object {
            Shape::Notification
        } else if let Some(text) = self.text(Member::CloudTrailEvent)? {
            Shape::Quoted(text)
        } else if is_control()? {
            Shape::Control
        } else if let Some(batch) = self.batch()? {
            Shape::Batch(batch)
        } else if self.text(Member::DigestEndTime)?.is_some() && self.has(Member::DigestS3Object) {
            Shape::Digest
        } else if self.is_about_notifications()? {
            Shape::Notification
        } else {
            Shape::Unknown
        })
    }

    fn is_about_notifications(&self) -> Result<bool, Malformed> {
        let is_test = self.text(Member::Event)?.is_some_and(|event| event.is("s3:TestEvent"));
        Ok(is_test || self.has(Member::OfNotification))
    }
}

/// Whether what has this `eventSource` is a notification: S3, SNS and SQS write `aws:s3` and the like where CloudTrail writes `s3.amazonaws.com`.
pub(crate) fn is_about_an_object(event_source: Option<Text<'_>>) -> bool {
    event_source.is_some_and(|source| source.raw().starts_with(b"aws:"))
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
