//! A stream, such as standard output: one line of NDJSON per finding.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use route::printable::json_line;

use crate::{Delivering, Delivery, DeliveryError, Events, Receipt, Target};

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
        Box::pin(self.write(ndjson(delivery), "written".to_owned()))
    }

    fn forward<'a>(&'a self, events: &'a Events) -> Delivering<'a> {
        Box::pin(self.write(lines(events), events.taken()))
    }
}

impl Stream {
    async fn write(&self, text: String, said: String) -> Result<Receipt, DeliveryError> {
        let writer = Arc::clone(&self.writer);
        let write = move || {
            let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.write_all(text.as_bytes())?;
            writer.flush()
        };
        blocking(write, said).await
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

/// Events, a line each.
pub(crate) fn lines(events: &Events) -> String {
    events.texts().iter().map(|text| json_line(text) + "\n").collect()
}

/// Writes where waiting for a disk or a pipe holds up nobody else.
pub(crate) async fn blocking(
    write: impl FnOnce() -> std::io::Result<()> + Send + 'static,
    said: String,
) -> Result<Receipt, DeliveryError> {
    match tokio::task::spawn_blocking(write).await {
        Ok(Ok(())) => Ok(Receipt::of(said)),
        Ok(Err(error)) => Err(DeliveryError::retryable(format!("could not write: {error}"))),
        Err(_) => Err(DeliveryError::retryable("writing was broken off")),
    }
}
