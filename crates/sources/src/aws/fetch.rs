//! An object's bytes, within bounds of length, memory and time.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use aws_sdk_s3::Client;

use crate::Body;
use crate::aws::fault::{self, Fault};
use crate::inflate::{self, INFLATED_MAX, Inflated};
use crate::notice::ObjectRef;

/// How objects are fetched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The longest object, in bytes as it is stored.
    pub(super) length: u64,
    /// How long nothing may come.
    pub(super) stall: Duration,
}

/// What is longer goes to a file without a name, in the system's folder for such.
const IN_MEMORY_MAX: usize = 8 << 20;
/// How much is written to it at once.
const WRITE: usize = 1 << 20;
/// How often an object is asked for before its message is left to come again.
const TRIES: u32 = 3;
const GRANT: &str = "s3:GetObject on the objects, kms:Decrypt if they are encrypted with your key, and s3:ListBucket on the bucket so that what is missing can be told from what is forbidden";

/// Fetches an object. The client repeats calls that fail; what breaks off after that is asked for again here.
pub(super) async fn fetch(client: &Client, object: &ObjectRef, bounds: Bounds) -> Result<Body, Fault> {
    let mut tries = 1;
    loop {
        match once(client, object, bounds).await? {
            Came::Whole(kept) => return check(kept, object).await,
            Came::BrokeOff(reason) if tries >= TRIES => {
                let next_step = "wait; if it stays so, look at the network between here and S3";
                return Err(Fault::passing(format!("{}: {reason}", object.url()), next_step));
            }
            Came::BrokeOff(_) => {
                tokio::time::sleep(Duration::from_millis(100) * 2_u32.pow(tries)).await;
                tries += 1;
            }
        }
    }
}

/// What came of an object.
enum Came {
    Whole(Kept),
    BrokeOff(String),
}

async fn once(client: &Client, object: &ObjectRef, bounds: Bounds) -> Result<Came, Fault> {
    let url = object.url();
    let call = client.get_object().bucket(&object.bucket).key(&object.key).send();
    let output = call.await.map_err(|error| fault::of_call(&error, &format!("cannot get {url}"), GRANT))?;
    let too_long = || Fault::hopeless(format!("{url} has more than {} MiB", bounds.length >> 20));
    let announced = output.content_length().and_then(|length| u64::try_from(length).ok());
    if announced.is_some_and(|length| length > bounds.length) {
        return Err(too_long());
    }
    let mut kept = Kept::default();
    let mut body = output.body;
    loop {
        let chunk = match tokio::time::timeout(bounds.stall, body.next()).await {
            Ok(Some(Ok(chunk))) => chunk,
            Ok(Some(Err(error))) => {
                return Ok(Came::BrokeOff(format!(
                    "the body broke off: {}",
                    aws_client::line(&error.to_string())
                )));
            }
            Ok(None) => break,
            Err(_) => {
                return Ok(Came::BrokeOff(format!("nothing came for {} s", bounds.stall.as_secs_f32())));
            }
        };
        if kept.length + chunk.len() as u64 > bounds.length {
            return Err(too_long());
        }
        kept.push(&chunk).await.map_err(|error| {
            Fault::passing(
                format!("{url} cannot be kept in a file: {error}"),
                "make room in the folder for temporary files",
            )
        })?;
    }
    if announced.is_some_and(|length| length != kept.length) {
        return Ok(Came::BrokeOff(format!("the body broke off after {} bytes", kept.length)));
    }
    Ok(Came::Whole(kept))
}

/// What has come of an object.
#[derive(Default)]
struct Kept {
    memory: Vec<u8>,
    file: Option<File>,
    length: u64,
}

impl Kept {
    async fn push(&mut self, chunk: &[u8]) -> std::io::Result<()> {
        self.memory.extend_from_slice(chunk);
        self.length += chunk.len() as u64;
        let is_due =
            if self.file.is_some() { self.memory.len() >= WRITE } else { self.memory.len() > IN_MEMORY_MAX };
        if is_due { self.spill().await } else { Ok(()) }
    }

    async fn spill(&mut self) -> std::io::Result<()> {
        let (file, memory) = (self.file.take(), std::mem::take(&mut self.memory));
        let written = tokio::task::spawn_blocking(move || {
            let mut file = file.map_or_else(tempfile::tempfile, Ok)?;
            file.write_all(&memory)?;
            Ok::<File, std::io::Error>(file)
        });
        self.file = Some(written.await.map_err(std::io::Error::other)??);
        Ok(())
    }

    async fn into_body(mut self) -> std::io::Result<Body> {
        if self.file.is_some() {
            self.spill().await?;
        }
        Ok(match self.file {
            Some(file) => Body::part(file, 0, self.length),
            None => Body::from(self.memory),
        })
    }
}

/// Looks into large compressed objects before anybody has to read them.
async fn check(kept: Kept, object: &ObjectRef) -> Result<Body, Fault> {
    let failed = |error: &dyn std::fmt::Display| {
        Fault::passing(
            format!("{} cannot be kept in a file: {error}", object.url()),
            "make room in the folder for temporary files",
        )
    };
    let body = kept.into_body().await.map_err(|error| failed(&error))?;
    if !inflate::may_exceed(body.len(), INFLATED_MAX) {
        return Ok(body);
    }
    let measured = tokio::task::spawn_blocking(move || {
        let mut body = body;
        let inflated = body.measure(INFLATED_MAX)?;
        Ok::<_, std::io::Error>((inflated, body))
    });
    match measured.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))? {
        (Inflated::TooLarge, _) => {
            Err(Fault::hopeless(format!("{} inflates to more than {} GiB", object.url(), INFLATED_MAX >> 30)))
        }
        (Inflated::Fits | Inflated::BreaksOff, body) => Ok(body),
    }
}
