//! Events that are themselves in a queue: EventBridge → SQS, and EventBridge → SNS → SQS with or without raw delivery.

use crate::aws::fault::Fault;
use crate::aws::queue::{Message, QueueSettings};
use crate::aws::worker::{self, Read, Reader};
use crate::notice::{self, Unwrapped};
use crate::{Class, Content, Proof, Running, Session, Source};

/// A queue of events.
#[derive(Debug)]
pub struct Sqs {
    settings: SqsSettings,
}

/// How it is read.
#[derive(Debug, Clone)]
pub struct SqsSettings {
    /// The source's name.
    pub name: String,
    /// The queue.
    pub queue: QueueSettings,
    /// By which way the events came to the queue.
    pub class: Class,
}

impl SqsSettings {
    /// The usual settings: events of EventBridge.
    #[must_use]
    pub fn new(name: &str, queue: QueueSettings) -> Self {
        SqsSettings { name: name.to_owned(), queue, class: Class::EventBridge }
    }
}

impl Sqs {
    /// A source.
    #[must_use]
    pub fn new(settings: SqsSettings) -> Self {
        Sqs { settings }
    }
}

impl Source for Sqs {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn run(&self, session: Session) -> Running<'_> {
        let reader = Events { name: self.settings.name.clone(), class: self.settings.class };
        Box::pin(worker::work(&self.settings.queue, reader, session))
    }
}

struct Events {
    name: String,
    class: Class,
}

impl Reader for Events {
    type Note = ();

    async fn read(&self, message: &Message, _is_last: bool) -> Read<()> {
        let text = match notice::unwrap_sns(&message.body) {
            Unwrapped::Inside(text) => text,
            Unwrapped::Bare => message.body.clone(),
        };
        if !text.trim_start().starts_with(['{', '[']) {
            return Read::Fault(Fault::hopeless("the message holds no JSON"));
        }
        if notice::is_about_objects_alone(&text) {
            let reason =
                "the message is about an object and holds no event: read this queue with an `s3` source";
            return Read::Fault(Fault::hopeless(reason));
        }
        let origin = format!("{}: message {}", self.name, message.id);
        Read::Content(Content::payload(&origin, self.class, text.into_bytes()), ())
    }

    fn committed(&self, (): ()) -> Vec<Proof> {
        Vec::new()
    }
}
