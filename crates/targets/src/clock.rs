//! Time and chance, handed in by whoever owns them.

use std::sync::Arc;

use jiff::Timestamp;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Tells a number from 0 up to 1, by which delays are spread.
pub type Jitter = Arc<dyn Fn() -> f64 + Send + Sync>;
