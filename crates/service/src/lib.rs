//! The live service: one path from sources to targets, and what keeps it going.
//!
//! ```text
//!                    bounded                    in order                      one commit
//!  source ─▶ supervisor ─▶ workers: decode, ─▶ decider: decide, ─▶ (1) ─▶ state.db ─▶ courier ─▶ (2) ─▶ target
//!  source ─▶ supervisor ─┘ match, judge          route             │        outbox      ▲          │
//!     ▲                                                            │                    └── (3) ◀──┘
//!     └──────────────────── acknowledged, once it is durable ◀─────┘
//! ```
//!
//! | who | is | owns |
//! |---|---|---|
//! | supervisor | a task per source | the run of its source, its backoff and health |
//! | worker | a thread, as many as cores | nothing that outlives a batch |
//! | decider | one thread | all decision state, and the batch that is being filled |
//! | store writer | one thread, in `store` | the database |
//! | courier | one thread | the targets' workers, which are tasks |
//! | operations, control | tasks | nothing: they read |
//!
//! There is no lock between them but the one under which workers take batches, and no queue without a bound: a source has a bounded
//! number of batches without a verdict, so whatever is slow or stuck, it is the source that waits in the end.
#![deny(missing_docs)]

pub mod control;
mod counts;
mod courier;
mod decider;
mod deliberation;
mod desk;
mod drill;
mod enrichment;
mod examine;
mod forward;
mod health;
mod journal;
mod latency;
mod learning;
mod losses;
mod metrics;
mod open_drills;
mod operations;
mod parcel;
mod people;
mod program;
mod recent;
mod records;
mod respond;
mod running;
mod service;
mod silencing;
mod slack_actions;
mod steady;
mod supervisor;
mod waiting;
mod watch;

pub use counts::unbalanced;
pub use courier::Lanes;
pub use desk::{kept, pattern_like, silence_beside, unsilence_beside};
pub use drill::{Closed, DrillLeg, DrillOrder, DrillOutcome, Drilled, TestFiles};
pub use forward::{BACKLOG_MAX, ForwardLane, ForwardPattern, Forwards, LANE as FORWARD_LANE};
pub use health::{Health, State};
pub use journal::{Journal, Level, Line};
pub use learning::{LearnError, Learned, Learning};
pub use metrics::severity_name;
pub use operations::{Exposed, Operations};
pub use program::Program;
pub use respond::{Response, Responses};
pub use running::dead_letters;
pub use service::{Handle, Loader, Plan, Retention, Service, ServiceError, Settings, StartError};
pub use silencing::Acquaintances;
pub use supervisor::Supervised;
