//! CloudTrail records: log files, envelopes, keys, digests, principals.
