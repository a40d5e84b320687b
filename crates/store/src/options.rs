//! How the store is opened: what durable means, how it is checked, how much may wait.

/// What an acknowledged transaction survives.
///
/// | | the process is killed | power loss, kernel crash |
/// |---|---|---|
/// | [`PowerLoss`](Durability::PowerLoss) | nothing is lost | nothing is lost |
/// | [`Crash`](Durability::Crash) | nothing is lost | the last transactions may be lost, whole and from the end |
///
/// With `Crash`, a power loss takes the store back to an earlier commit as a whole: checkpoints, state, findings and outbox
/// stay in step. What follows from that: a source that still holds its data (files, S3, Kinesis) delivers the lost part again and
/// nothing is missing; data that a source deleted when it was acknowledged (SQS, HTTP push) is lost; a message whose receipt
/// was lost is sent again, under the same idempotency key.
///
/// `PowerLoss` holds as far as the disk keeps its own promise: a drive that reports a write as done while it is in a volatile
/// cache without power protection breaks it, for this store as for every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Every commit waits until the log is on the disk (`synchronous=FULL`; on macOS also `fullfsync`).
    #[default]
    PowerLoss,
    /// A commit hands the log to the operating system; the disk is waited for at checkpoints of the log only
    /// (`synchronous=NORMAL`).
    Crash,
}

/// How the database's pages are checked when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Check {
    /// As [`Quick`](Check::Quick), but beside the work where the file is so large that it would be waited for. Until it is over
    /// damage is found when it is met, and once it has found some nothing more is written: see
    /// [`Store::examined`](crate::Store::examined).
    #[default]
    Beside,
    /// Reads every page and follows every link (`quick_check`). Takes time in proportion to the file.
    Quick,
    /// Also compares every index with its table (`integrity_check`).
    Full,
    /// Only the header: damage is found when it is met.
    Skip,
}

/// How a store is opened for writing.
#[derive(Debug, Clone)]
pub struct Options {
    /// What an acknowledged transaction survives.
    pub durability: Durability,
    /// How the pages are checked first.
    pub check: Check,
    /// The most the database file may grow to, in bytes, so that it leaves room for others on its disk. Work beyond is
    /// refused with [`Error::Full`](crate::Error::Full) until retention made room. The log beside it is not counted.
    pub size_max_bytes: Option<u64>,
    /// How many transactions may wait for the writer before submitting waits too.
    pub queue_count_max: usize,
    /// How many bytes may wait for the writer before submitting waits too. One transaction larger than this waits alone.
    pub queue_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            durability: Durability::default(),
            check: Check::default(),
            size_max_bytes: None,
            queue_count_max: 4096,
            queue_bytes_max: 64 << 20,
        }
    }
}
