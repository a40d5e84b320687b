//! Sources at work: against folders, sockets, and counterparts of AWS's services.

#![expect(clippy::unwrap_used, reason = "a test")]

#[cfg(feature = "aws")]
mod counterpart;
mod directory;
#[cfg(feature = "aws")]
mod hostile;
mod http;
mod kit;
#[cfg(feature = "aws")]
mod organizations;
#[cfg(feature = "aws")]
mod queue;
