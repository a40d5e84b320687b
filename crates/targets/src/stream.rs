//! A stream, such as standard output: one line of NDJSON per finding.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use route::printable::json_line;

use crate::{Delivering, Delivery, DeliveryError, Receipt, Target};

/// Writes findings to a stream, a line each.
///
/// Characters that act on a terminal are escaped in the JSON, which stays the same JSON.
#[derive(Clone)]
pub struct Stream {
    writer: Arc<Mutex<dyn Write + Send>>,
}

impl Stream {
    /// Standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Stream::to(std::io::stdout())
    }

    /// Any writer. Each line is flushed.
    #[must_use]
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Stream { writer: Arc::new(Mutex::new(writer)) }
    }
}

impl Target for Stream {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        let line = ndjson(delivery);
        let writer = Arc::clone(&self.writer);
        Box::pin(blocking(move || {
            let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.write_all(line.as_bytes())?;
            writer.flush()
        }))
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Stream")
    }
}

/// The finding on one line, with its line feed.
pub(crate) fn ndjson(delivery: &Delivery) -> String {
    json_line(delivery.finding().json()) + "\n"
}

/// Writes where waiting for a disk or a pipe holds up nobody else.
pub(crate) async fn blocking(
    write: impl FnOnce() -> std::io::Result<()> + Send + 'static,
) -> Result<Receipt, DeliveryError> {
    match tokio::task::spawn_blocking(write).await {
        Ok(Ok(())) => Ok(Receipt::of("written")),
        Ok(Err(error)) => Err(DeliveryError::retryable(format!("could not write: {error}"))),
        Err(_) => Err(DeliveryError::retryable("writing was broken off")),
    }
}
