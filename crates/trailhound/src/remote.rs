//! Objects in S3 as input, in builds that have the AWS clients; in others a type of which there is no value.

pub(crate) use with::{Remote, list};

#[cfg(feature = "aws")]
mod with {
    use std::cmp::Ordering;
    use std::fmt;
    use std::io::{self, Read};
    use std::sync::Arc;

    use cloudtrail::{Decoded, Decoder, Item};
    use sources::aws::{AwsSettings, Bucket, Object};
    use sources::{Class, Payload};

    /// An object in S3.
    #[derive(Clone)]
    pub(crate) struct Remote {
        bucket: Arc<Bucket>,
        object: Object,
    }

    /// The objects below `s3://BUCKET/PREFIX`, in the order of their keys; else why they cannot be listed.
    pub(crate) fn list(url: &str) -> Result<Vec<Remote>, String> {
        let (bucket, prefix) =
            Bucket::open(url, &AwsSettings::default()).map_err(|error| error.to_string())?;
        let objects = bucket.list(&prefix, |_| {}).map_err(|error| error.to_string())?;
        let bucket = Arc::new(bucket);
        let remote = |object| Remote { bucket: Arc::clone(&bucket), object };
        Ok(objects.into_iter().map(remote).filter(Remote::may_hold_records).collect())
    }

    impl Remote {
        pub(crate) fn key(&self) -> &str {
            &self.object.key
        }

        pub(crate) fn url(&self) -> String {
            format!("s3://{}/{}", self.bucket.name(), self.object.key)
        }

        pub(crate) fn size(&self) -> u64 {
            self.object.length
        }

        pub(crate) fn read(&self) -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            self.payload()?.body.reader()?.read_to_end(&mut bytes)?;
            Ok(bytes)
        }

        pub(crate) fn decode(
            &self,
            decoder: &mut Decoder,
            sink: impl FnMut(Item<'_>),
        ) -> io::Result<Decoded> {
            Ok(self.payload()?.decode(decoder, sink))
        }

        fn may_hold_records(&self) -> bool {
            sources::notice::may_hold_records(&self.object.key)
        }

        fn payload(&self) -> io::Result<Payload> {
            let body = self.bucket.get(&self.object.key).map_err(io::Error::other)?;
            Ok(Payload { origin: self.url(), class: Class::S3, key: self.object.key.parse().ok(), body })
        }
    }

    impl Ord for Remote {
        fn cmp(&self, other: &Self) -> Ordering {
            (self.bucket.name(), &self.object).cmp(&(other.bucket.name(), &other.object))
        }
    }

    impl PartialOrd for Remote {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl PartialEq for Remote {
        fn eq(&self, other: &Self) -> bool {
            self.cmp(other) == Ordering::Equal
        }
    }

    impl Eq for Remote {}

    impl fmt::Debug for Remote {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&self.url())
        }
    }
}

#[cfg(not(feature = "aws"))]
mod with {
    use std::io;

    use cloudtrail::{Decoded, Decoder, Item};

    /// An object in S3, of which this build knows none.
    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
    pub(crate) enum Remote {}

    /// Says how to get a build that reads from S3.
    pub(crate) fn list(url: &str) -> Result<Vec<Remote>, String> {
        Err(format!(
            "this build has no AWS clients; take a release build, build with `--features aws`, or copy the logs first: aws s3 sync {url} logs/"
        ))
    }

    impl Remote {
        pub(crate) fn key(&self) -> &str {
            match *self {}
        }

        pub(crate) fn url(&self) -> String {
            match *self {}
        }

        pub(crate) fn size(&self) -> u64 {
            match *self {}
        }

        pub(crate) fn read(&self) -> io::Result<Vec<u8>> {
            match *self {}
        }

        pub(crate) fn decode(&self, _: &mut Decoder, _: impl FnMut(Item<'_>)) -> io::Result<Decoded> {
            match *self {}
        }
    }
}
