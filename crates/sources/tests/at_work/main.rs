//! Sources at work: against folders, sockets, and counterparts of AWS's services.

#![expect(clippy::unwrap_used, reason = "a test")]

mod directory;
mod http;
mod kit;
