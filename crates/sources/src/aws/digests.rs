//! Digests: what CloudTrail says it delivered, held against what was committed.
//!
//! A digest ends an hour of a region. Once every log file it names was committed, that hour of those lanes has been handed over: proof that
//! nothing happened where nothing was seen. Files come before or after their digest, in any order, so either waits for the other.
//!
//! What was committed is remembered in memory only, for some hours' worth. After a restart the first digests may wait for files that
//! were committed before it; they prove nothing then, and the next ones do. A digest's signature is not verified here, so whoever can write to the
//! bucket can say that nothing happened: they could as well delete the log files.

use std::collections::{HashSet, VecDeque};

use cloudtrail::{Digest, LogKey};

use crate::notice::ObjectRef;
use crate::{Class, Evidence, Proof};

/// Committed files and waiting digests.
#[derive(Debug, Default)]
pub(super) struct Digests {
    committed: HashSet<(String, String)>,
    order: VecDeque<(String, String)>,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    missing: HashSet<(String, String)>,
    proofs: Vec<Proof>,
}

/// Files that are remembered: an hour of a thousand accounts in seventeen regions, each with two files.
const FILES: usize = 40_000;
/// Digests that wait.
const WAITING: usize = 4_000;

impl Digests {
    /// A log file was committed.
    pub(super) fn file(&mut self, object: &ObjectRef) -> Vec<Proof> {
        let file = (object.bucket.clone(), object.key.clone());
        for waiting in &mut self.waiting {
            waiting.missing.remove(&file);
        }
        if self.committed.insert(file.clone()) {
            self.order.push_back(file);
        }
        if self.order.len() > FILES {
            self.order.pop_front().map(|oldest| self.committed.remove(&oldest));
        }
        self.proved()
    }

    /// A digest was committed that was read from there.
    pub(super) fn digest(&mut self, object: &ObjectRef, digest: &Digest) -> Vec<Proof> {
        // A copy somewhere else proves nothing.
        if (&digest.digest_s3_bucket, &digest.digest_s3_object) != (&object.bucket, &object.key) {
            return Vec::new();
        }
        let files = digest.log_files.iter().map(|file| (file.s3_bucket.clone(), file.s3_object.clone()));
        let missing = files.filter(|file| !self.committed.contains(file)).collect();
        // An organization's digest names the files of many accounts.
        let names = digest.log_files.iter().map(|file| file.s3_object.as_str()).chain([object.key.as_str()]);
        let mut proofs: Vec<Proof> = names.filter_map(|name| proof(name, digest)).collect();
        proofs.sort();
        proofs.dedup();
        self.waiting.push_back(Waiting { missing, proofs });
        if self.waiting.len() > WAITING {
            self.waiting.pop_front();
        }
        self.proved()
    }

    fn proved(&mut self) -> Vec<Proof> {
        let mut proofs = Vec::new();
        self.waiting.retain_mut(|waiting| {
            let is_complete = waiting.missing.is_empty();
            if is_complete {
                proofs.append(&mut waiting.proofs);
            }
            !is_complete
        });
        proofs
    }
}

fn proof(name: &str, digest: &Digest) -> Option<Proof> {
    let key: LogKey = name.parse().ok()?;
    let LogKey { account, region, .. } = key;
    Some(Proof { account, region, class: Class::S3, to: digest.digest_end_time, evidence: Evidence::Digest })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/09/13/111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20260913T221507Z.json.gz";

    fn file(account: &str, unique: &str) -> String {
        format!(
            "AWSLogs/{account}/CloudTrail/us-east-1/2026/09/13/{account}_CloudTrail_us-east-1_20260913T2215Z_{unique}.json.gz"
        )
    }

    fn object(key: &str) -> ObjectRef {
        ObjectRef { bucket: "logs".into(), key: key.into(), region: None }
    }

    fn digest(files: &[String]) -> Digest {
        let files: Vec<String> = files
            .iter()
            .map(|key| {
                format!(
                    r#"{{"s3Bucket":"logs","s3Object":"{key}","hashValue":"00","hashAlgorithm":"SHA-256"}}"#
                )
            })
            .collect();
        let text = format!(
            r#"{{"awsAccountId":"111122223333","digestStartTime":"2026-09-13T21:15:00Z","digestEndTime":"2026-09-13T22:15:00Z","digestS3Bucket":"logs",
            "digestS3Object":"{DIGEST}","digestPublicKeyFingerprint":"ab","digestSignatureAlgorithm":"SHA256withRSA","logFiles":[{}]}}"#,
            files.join(",")
        );
        Digest::parse(text.as_bytes()).unwrap()
    }

    fn accounts(proofs: &[Proof]) -> Vec<String> {
        proofs.iter().map(|proof| proof.account.to_string()).collect()
    }

    #[test]
    fn an_empty_hour_is_proved_at_once() {
        let proofs = Digests::default().digest(&object(DIGEST), &digest(&[]));
        assert_eq!(accounts(&proofs), ["111122223333"]);
        assert_eq!(
            (proofs[0].to.to_string().as_str(), proofs[0].evidence),
            ("2026-09-13T22:15:00Z", Evidence::Digest)
        );
    }

    #[test]
    fn files_and_digest_wait_for_each_other_in_any_order() {
        let (a, b) = (file("111122223333", "A"), file("444455556666", "B"));
        let of_both = digest(&[a.clone(), b.clone()]);
        let wanted = ["111122223333", "444455556666"];
        let mut digests = Digests::default();
        assert_eq!(digests.file(&object(&a)), []);
        assert_eq!(digests.digest(&object(DIGEST), &of_both), []);
        assert_eq!(digests.file(&object("another")), []);
        assert_eq!(accounts(&digests.file(&object(&b))), wanted);
        assert_eq!(digests.file(&object(&b)), [], "once");

        let mut digests = Digests::default();
        assert_eq!(digests.file(&object(&b)), []);
        assert_eq!(digests.file(&object(&a)), []);
        assert_eq!(accounts(&digests.digest(&object(DIGEST), &of_both)), wanted);
    }

    #[test]
    fn a_copy_proves_nothing() {
        assert_eq!(Digests::default().digest(&object("copies/digest.json.gz"), &digest(&[])), []);
    }
}
