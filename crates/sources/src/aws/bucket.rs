//! A bucket that is read once, for whoever has no runtime: lists what is below a prefix and gets objects.

use std::time::Duration;

use aws_client::{AwsSettings, Repeats};
use aws_sdk_s3::Client;
use tokio::runtime::Runtime;

use crate::Body;
use crate::aws::client;
use crate::aws::fault::{self, Fault};
use crate::aws::fetch::{self, Bounds};
use crate::notice::ObjectRef;

/// A bucket. Its calls block, and may be made by many threads at once.
#[derive(Debug)]
pub struct Bucket {
    runtime: Runtime,
    client: Client,
    name: String,
}

/// An object that was listed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its length in bytes, as it is stored.
    pub length: u64,
}

/// Why a bucket or an object cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BucketError {
    /// The address is not `s3://BUCKET/PREFIX`.
    #[error("`{0}` names no bucket: write it as s3://BUCKET/PREFIX")]
    Address(String),
    /// The client cannot be set up.
    #[error("cannot start the client for S3: {0}")]
    Client(String),
    /// S3 says no.
    #[error("{reason}{}", next_step.as_ref().map(|step| format!(" ({step})")).unwrap_or_default())]
    Call {
        /// What is wrong.
        reason: String,
        /// What to do about it, if anything helps.
        next_step: Option<String>,
    },
}

const OBJECT_MAX: u64 = 1 << 30;
const STALL: Duration = Duration::from_secs(30);
const LIST_GRANT: &str = "s3:ListBucket on the bucket";

impl Bucket {
    /// The bucket of an address `s3://BUCKET/PREFIX`, and the prefix. Nothing is called yet.
    ///
    /// # Errors
    ///
    /// If it names no bucket, or no client can be set up.
    pub fn open(url: &str, settings: &AwsSettings) -> Result<(Self, String), BucketError> {
        let path = url.strip_prefix("s3://").unwrap_or_default();
        let (name, prefix) = path.split_once('/').unwrap_or((path, ""));
        if name.is_empty() {
            return Err(BucketError::Address(url.to_owned()));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|error| BucketError::Client(error.to_string()))?;
        let client = runtime.block_on(async {
            let config = aws_client::load(settings, None, Repeats::AsUsual).await;
            // Without a region nothing can be asked; us-east-1 answers with the bucket's own.
            let region = config.region().is_none().then_some("us-east-1");
            let client = client::s3(&config, region);
            let answer = client.head_bucket().bucket(name).send().await;
            let told = match &answer {
                Ok(output) => output.bucket_region().map(str::to_owned),
                Err(error) => error
                    .raw_response()
                    .and_then(|raw| raw.headers().get("x-amz-bucket-region").map(str::to_owned)),
            };
            told.map_or(client, |region| client::s3(&config, Some(&region)))
        });
        Ok((Bucket { runtime, client, name: name.to_owned() }, prefix.to_owned()))
    }

    /// Its objects whose keys begin with `prefix`, in the order of their keys. `seen` is told how many there are so far.
    ///
    /// # Errors
    ///
    /// If S3 says no.
    pub fn list(&self, prefix: &str, mut seen: impl FnMut(usize)) -> Result<Vec<Object>, BucketError> {
        self.runtime.block_on(async {
            let mut objects = Vec::new();
            let mut pages =
                self.client.list_objects_v2().bucket(&self.name).prefix(prefix).into_paginator().send();
            while let Some(page) = pages.next().await {
                let what = format!("cannot list s3://{}/{prefix}", self.name);
                let page =
                    page.map_err(|error| BucketError::from(fault::of_call(&error, &what, LIST_GRANT)))?;
                objects.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| {
                    let length = object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
                    Some(Object { key: object.key?, length })
                }));
                seen(objects.len());
            }
            objects.sort();
            Ok(objects)
        })
    }

    /// The bytes of an object.
    ///
    /// # Errors
    ///
    /// If S3 says no, three times if that may pass.
    pub fn get(&self, key: &str) -> Result<Body, BucketError> {
        let object = ObjectRef { bucket: self.name.clone(), key: key.to_owned(), region: None };
        let fetched = fetch::fetch(&self.client, &object, Bounds { length: OBJECT_MAX, stall: STALL });
        self.runtime.block_on(fetched).map_err(BucketError::from)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl From<Fault> for BucketError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Passing { reason, next_step } => BucketError::Call { reason, next_step: Some(next_step) },
            Fault::Elsewhere { reason, .. } | Fault::Hopeless { reason } => {
                BucketError::Call { reason, next_step: None }
            }
        }
    }
}
