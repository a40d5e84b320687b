//! Log files in S3, told of by messages in a queue.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_client::{Repeats, SdkConfig};
use aws_sdk_s3::Client;
use cloudtrail::{Decoder, Digest, FileKind, Item, LogKey};

use crate::aws::client;
use crate::aws::digests::Digests;
use crate::aws::fault::Fault;
use crate::aws::fetch::{self, Bounds};
use crate::aws::queue::{Message, QueueSettings};
use crate::aws::worker::{self, Read, Reader};
use crate::notice::{self, Notice, ObjectRef};
use crate::{Class, Content, Payload, Proof, Running, Session, SetAside, Source};

/// Buckets whose new objects are told of by a queue.
#[derive(Debug)]
pub struct S3 {
    settings: S3Settings,
}

/// How they are read.
#[derive(Debug, Clone)]
pub struct S3Settings {
    /// The source's name.
    pub name: String,
    /// The queue.
    pub queue: QueueSettings,
    /// Buckets that are read; none means any that the process may read. What a message says of others is set aside.
    pub buckets: Vec<String>,
    /// The longest object, in bytes as it is stored.
    pub object_max: u64,
    /// How long nothing may come of an object.
    pub stall: Duration,
}

impl S3Settings {
    /// The usual settings: any bucket, objects up to 256 MiB.
    #[must_use]
    pub fn new(name: &str, queue: QueueSettings) -> Self {
        let stall = Duration::from_secs(30);
        S3Settings { name: name.to_owned(), queue, buckets: Vec::new(), object_max: 256 << 20, stall }
    }
}

impl S3 {
    /// A source.
    #[must_use]
    pub fn new(settings: S3Settings) -> Self {
        S3 { settings }
    }
}

impl Source for S3 {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn run(&self, session: Session) -> Running<'_> {
        Box::pin(async move {
            let aws = &self.settings.queue.aws;
            let config = aws_client::load(
                aws,
                aws_client::region_of_queue(&self.settings.queue.url),
                Repeats::AsUsual,
            )
            .await;
            let reader = Objects {
                settings: self.settings.clone(),
                config,
                clients: Mutex::new(HashMap::new()),
                regions: Mutex::new(HashMap::new()),
                digests: Mutex::new(Digests::default()),
            };
            worker::work(&self.settings.queue, reader, session).await
        })
    }
}

struct Objects {
    settings: S3Settings,
    config: SdkConfig,
    /// By region: buckets need not be where the queue is.
    clients: Mutex<HashMap<Option<String>, Client>>,
    /// Where buckets are that turned out to be in another region: CloudTrail's own notifications name none.
    regions: Mutex<HashMap<String, String>>,
    digests: Mutex<Digests>,
}

/// What was read from one object.
struct Fetched {
    object: ObjectRef,
    payload: Payload,
    digest: Option<Box<Digest>>,
}

impl Reader for Objects {
    type Note = Vec<(ObjectRef, Option<Box<Digest>>)>;

    async fn read(&self, message: &Message, is_last: bool) -> Read<Self::Note> {
        let objects = match notice::read(&message.body) {
            Ok(Notice::Objects(objects)) => objects,
            Ok(Notice::Nothing) => return Read::Nothing,
            Err(error) => return Read::Fault(Fault::hopeless(error.to_string())),
        };
        let objects: Vec<ObjectRef> =
            objects.into_iter().filter(|object| notice::may_hold_records(&object.key)).collect();
        if objects.is_empty() {
            return Read::Nothing;
        }
        let (mut content, mut note) = (Content::default(), Vec::new());
        for object in objects {
            match self.fetch(object.clone()).await {
                Ok(Fetched { object, payload, digest }) => {
                    content.payloads.push(payload);
                    note.push((object, digest));
                }
                Err(Fault::Hopeless { reason }) if is_last => {
                    content.set_aside.push(SetAside { origin: object.url(), reason, excerpt: Vec::new() });
                }
                Err(fault) => return Read::Fault(fault),
            }
        }
        Read::Content(content, note)
    }

    fn committed(&self, note: Self::Note) -> Vec<Proof> {
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        let proofs = note.iter().map(|(object, digest)| match digest {
            Some(digest) => digests.digest(object, digest),
            None => digests.file(object),
        });
        proofs.flatten().collect()
    }
}

impl Objects {
    async fn fetch(&self, object: ObjectRef) -> Result<Fetched, Fault> {
        if !self.settings.buckets.is_empty() && !self.settings.buckets.contains(&object.bucket) {
            return Err(Fault::hopeless("its bucket is not among those to be read"));
        }
        let bounds = Bounds { length: self.settings.object_max, stall: self.settings.stall };
        let known = self.regions().get(&object.bucket).cloned();
        // An endpoint that was set is meant for all regions, unless it says otherwise itself.
        let is_set = self.settings.queue.aws.endpoint.is_some();
        let told = object.region.as_deref().filter(|_| !is_set);
        let client = self.client(known.as_deref().or(told));
        let body = match fetch::fetch(&client, &object, bounds).await {
            Err(Fault::Elsewhere { region, .. }) if known.as_ref() != Some(&region) => {
                self.regions().insert(object.bucket.clone(), region.clone());
                fetch::fetch(&self.client(Some(&region)), &object, bounds).await?
            }
            fetched => fetched?,
        };
        let key: Option<LogKey> = object.key.parse().ok();
        let is_digest = key.as_ref().is_some_and(|key| matches!(key.kind, FileKind::Digest { .. }));
        let payload = Payload { origin: object.url(), class: Class::S3, key, body };
        if !is_digest {
            return Ok(Fetched { object, payload, digest: None });
        }
        let read = tokio::task::spawn_blocking(move || digest_in(payload)).await;
        let (payload, digest) =
            read.map_err(|_| Fault::hopeless(format!("{} cannot be read", object.url())))?;
        Ok(Fetched { object, payload, digest })
    }

    fn regions(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.regions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn client(&self, region: Option<&str>) -> Client {
        let region = region.map(str::to_owned);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.entry(region.clone()).or_insert_with(|| client::s3(&self.config, region.as_deref())).clone()
    }
}

/// The digest in a payload, if it is one that can be read.
fn digest_in(mut payload: Payload) -> (Payload, Option<Box<Digest>>) {
    let mut found = None;
    let decoded = payload.decode(&mut Decoder::default(), |item| {
        if let Item::Digest(digest) = item {
            found = Some(digest);
        }
    });
    (payload, found.filter(|_| decoded.trouble.is_none()))
}
