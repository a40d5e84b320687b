//! Signs of life for somebody outside: they stay away when the service is not healthy, and when it is gone.

use configuration::Heartbeat;
use service::{Health, Journal};
use targets::{Pulse, SetupError};

/// Gives signs of life for as long as the process lives.
pub(super) fn give(
    heartbeat: &Heartbeat,
    health: Health,
    journal: Journal,
) -> Result<impl Future<Output = ()> + Send + use<>, SetupError> {
    let (pulse, every) = (Pulse::new(&heartbeat.pulse)?, heartbeat.every);
    Ok(async move {
        // Whether the last one arrived: only changes are told.
        let mut arrived = None;
        loop {
            tokio::time::sleep(every).await;
            if !health.told().0 {
                continue;
            }
            let beat = pulse.beat().await;
            if arrived != Some(beat.is_ok()) {
                match &beat {
                    Ok(()) => journal.info("signs of life arrive").done(),
                    Err(error) => journal.warn("a sign of life did not arrive").with("reason", error).done(),
                }
            }
            arrived = Some(beat.is_ok());
        }
    })
}
