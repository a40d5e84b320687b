//! Digest files: what CloudTrail says, every hour, that it delivered.

use serde::{Deserialize, Serialize};

use crate::account::AccountId;
use crate::time::EventTime;

/// A digest file. One is written per trail, region and hour, even if nothing happened; each names the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Digest {
    /// The account that owns the trail.
    pub aws_account_id: AccountId,
    /// The hour it is about begins here.
    pub digest_start_time: EventTime,
    /// The hour ends here; for the first digest of a chain, the moment logging began.
    pub digest_end_time: EventTime,
    /// Bucket in which the digest itself was put.
    #[serde(rename = "digestS3Bucket")]
    pub digest_s3_bucket: String,
    /// Key under which it was put.
    #[serde(rename = "digestS3Object")]
    pub digest_s3_object: String,
    /// Which public key of the region verifies its signature.
    pub digest_public_key_fingerprint: String,
    /// `SHA256withRSA`.
    pub digest_signature_algorithm: String,
    /// Of all events in the log files; none if there was none.
    #[serde(default)]
    pub newest_event_time: Option<EventTime>,
    /// Of all events in the log files; none if there was none.
    #[serde(default)]
    pub oldest_event_time: Option<EventTime>,
    /// Bucket of the digest before this one; none if it is the first of a chain.
    #[serde(default, rename = "previousDigestS3Bucket")]
    pub previous_digest_s3_bucket: Option<String>,
    /// Key of the digest before this one.
    #[serde(default, rename = "previousDigestS3Object")]
    pub previous_digest_s3_object: Option<String>,
    /// Hash of the inflated bytes of the digest before this one, in hexadecimal.
    #[serde(default)]
    pub previous_digest_hash_value: Option<String>,
    /// `SHA-256`.
    #[serde(default)]
    pub previous_digest_hash_algorithm: Option<String>,
    /// Signature of the digest before this one, in hexadecimal.
    #[serde(default)]
    pub previous_digest_signature: Option<String>,
    /// The log files delivered in the hour.
    #[serde(default)]
    pub log_files: Vec<LogFile>,
}

/// A log file, as its digest lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogFile {
    /// Its bucket.
    #[serde(rename = "s3Bucket")]
    pub s3_bucket: String,
    /// Its key.
    #[serde(rename = "s3Object")]
    pub s3_object: String,
    /// Hash of its inflated bytes, in hexadecimal.
    pub hash_value: String,
    /// `SHA-256`.
    pub hash_algorithm: String,
    /// The time of its newest event.
    #[serde(default)]
    pub newest_event_time: Option<EventTime>,
    /// The time of its oldest event.
    #[serde(default)]
    pub oldest_event_time: Option<EventTime>,
}

impl Digest {
    /// Reads the text of a digest file.
    ///
    /// # Errors
    ///
    /// What is missing or is not what it should be, with line and column.
    pub fn parse(text: &[u8]) -> Result<Self, NotADigest> {
        Ok(serde_json::from_slice(text)?)
    }
}

/// Text that is not a digest.
#[derive(Debug, thiserror::Error)]
#[error("not a digest file: {0}")]
pub struct NotADigest(#[from] serde_json::Error);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_digest_of_a_chain_names_no_other() {
        let text = br#"{"awsAccountId":"111122223333","digestStartTime":"2026-09-13T21:15:00Z","digestEndTime":"2026-09-13T22:15:00Z",
            "digestS3Bucket":"logs","digestS3Object":"AWSLogs/x","digestPublicKeyFingerprint":"ab","digestSignatureAlgorithm":"SHA256withRSA",
            "newestEventTime":null,"oldestEventTime":null,"previousDigestS3Bucket":null,"previousDigestS3Object":null,
            "previousDigestHashValue":null,"previousDigestHashAlgorithm":null,"previousDigestSignature":null,"logFiles":[
            {"s3Bucket":"logs","s3Object":"AWSLogs/y","hashValue":"00","hashAlgorithm":"SHA-256","newestEventTime":"2026-09-13T22:00:00Z"}]}"#;
        let digest = Digest::parse(text).unwrap();
        assert_eq!(digest.previous_digest_s3_object, None);
        assert_eq!(digest.log_files.len(), 1);
        assert_eq!(digest.log_files[0].newest_event_time.unwrap().to_string(), "2026-09-13T22:00:00Z");
        let written = serde_json::to_vec(&digest).unwrap();
        assert_eq!(Digest::parse(&written).unwrap(), digest);
        assert!(Digest::parse(b"{}").unwrap_err().to_string().contains("awsAccountId"));
    }
}
