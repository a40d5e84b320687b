//! How far the world has told its story: lanes, what is known of each, and the watermark a rule may settle by.
//!
//! ```text
//!  records ─┐
//!  digests ─┤                 least over the
//!  listings ┼─▶ Progress ─▶ Lanes ───────────▶ Watermark { firm, assumed } ─▶ windows
//!  idleness ┘   (an input)   lanes a rule reads
//! ```
//!
//! Progress is an input. Nothing here asks a clock: that a lane has been idle for long and may be assumed to have
//! nothing to say is told by the caller as [`Evidence::Assumed`], so a replay of the inputs is a replay of the run.

mod lane;
mod lanes;
mod reach;

pub use lane::{Evidence, Lane, LaneId, Lateness, Progress, SourceClass};
pub use lanes::{FUTURE_MAX, Heard, LANES_MAX, Lanes, LanesState, Watermark};
pub(crate) use reach::{Reach, Role};
