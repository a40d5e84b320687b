//! Where events come from: one module per source, acknowledged only after the commit.
//!
//! ```text
//!   the world ──▶ Source::run ──▶ Intake ──▶ Control::next ──▶ Batch ──▶ decode … commit
//!      ▲               ▲       (bounded)                          │
//!      └── gives up ───┴───────────── Verdict ◀── Acknowledge ◀───┘
//!          its copy
//! ```
//!
//! A [`Source`] fetches or receives bytes and hands them over as a [`Batch`]: the payloads, what they prove of
//! [progress](Proof), and the checkpoints to store *in the same transaction*. It keeps its own copy (a message in a queue, a
//! request that waits for its answer, a position in a file) until the batch is [acknowledged](Acknowledge), and whoever consumes
//! batches does that after the commit and never before. So a crash at any moment repeats input and loses none.
//!
//! * **Back-pressure**: a source has at most [`Limits`] batches and bytes on their way. Beyond that it fetches no more, and a push source
//!   answers *try later*.
//! * **Supervision is outside**: [`Source::run`] ends with an error, and is run again by whoever owns it, with a fresh [`Session`]. Inside it
//!   waits out only what belongs to its protocol (a throttled request, a message that will come again).
//! * **Health** is told as it changes, with the reason and what to do about it.
//! * **Stop** is graceful: nothing more is taken, what is on its way is waited for.
//!
//! Time is handed in ([`Clock`]). Nothing here reads a record: bytes are decoded by who consumes them ([`Payload::decode`]).
//!
//! ```
//! use std::sync::Arc;
//! use sources::{Batch, Clock, Content, Limits, Running, Session, Source};
//!
//! /// One line, once.
//! struct Line(&'static str);
//!
//! impl Source for Line {
//!     fn name(&self) -> &str {
//!         "line"
//!     }
//!     fn run(&self, mut session: Session) -> Running<'_> {
//!         Box::pin(async move {
//!             let waiting = session.intake.offer(Content::event_text("line", self.0.as_bytes().to_vec())).await?;
//!             assert!(waiting.await.is_committed());
//!             Ok(())
//!         })
//!     }
//! }
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let clock: Clock = Arc::new(|| "2026-11-03T02:41:10Z".parse().unwrap());
//! let (session, mut control) = Session::open("line", Limits::default(), &clock, []);
//! let source = tokio::spawn(async move { Line(r#"{"eventName":"StopLogging"}"#).run(session).await });
//!
//! while let Some(Batch { content, acknowledge, .. }) = control.next().await {
//!     let mut events = 0;
//!     for mut payload in content.payloads {
//!         let decoded = payload.decode(&mut cloudtrail::Decoder::default(), |item| {
//!             events += usize::from(matches!(item, cloudtrail::Item::Event(_)));
//!         });
//!         assert!(decoded.trouble.is_none());
//!     }
//!     assert_eq!(events, 1);
//!     // … commit with `content.checkpoints`, and then:
//!     acknowledge.committed();
//! }
//! source.await??;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs)]

#[cfg(feature = "aws")]
pub mod aws;
mod batch;
mod clock;
mod directory;
mod error;
mod health;
pub mod http;
mod inflate;
mod intake;
pub mod notice;
mod payload;
mod proof;
mod session;
mod source;

#[cfg(feature = "aws")]
pub use aws::{AwsSettings, QueueSettings, S3, S3Settings, Sqs, SqsSettings};
pub use batch::{Acknowledge, Batch, Checkpoint, Content, SetAside, Verdict, Waiting};
pub use clock::Clock;
pub use directory::{Directory, DirectorySettings};
pub use error::SourceError;
pub use health::{Health, HealthReporter};
pub use http::{ApiKey, Http, HttpSettings};
pub use intake::{Intake, Limits};
pub use payload::{Body, Payload};
pub use proof::{Class, Evidence, Proof};
pub use session::{Control, Session, Stop};
pub use source::{Running, Source};
