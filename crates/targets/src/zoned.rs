//! A target whose readers live in a time zone: its messages say the time there beside UTC.

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::{Delivering, Delivery, Target};

/// A target that is told times in a zone too.
pub struct Zoned {
    target: Arc<dyn Target>,
    zone: TimeZone,
}

impl Zoned {
    /// A target and the zone of its readers.
    #[must_use]
    pub fn new(target: Arc<dyn Target>, zone: TimeZone) -> Self {
        Zoned { target, zone }
    }
}

impl Target for Zoned {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(async move {
            match delivery.in_zone(&self.zone) {
                Some(local) => self.target.deliver(&local).await,
                None => self.target.deliver(delivery).await,
            }
        })
    }

    fn behind(&self) -> Option<&dyn Target> {
        Some(&*self.target)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use route::{FindingEvent, TargetName};

    use super::*;
    use crate::Receipt;

    struct Heard(Mutex<Vec<String>>);

    impl Target for Heard {
        fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
            let when = delivery.message().fact("When").unwrap_or_default().to_owned();
            self.0.lock().unwrap().push(format!("{} {when}", delivery.key()));
            Box::pin(async { Ok(Receipt::of("heard")) })
        }
    }

    #[tokio::test]
    async fn the_time_there_stands_beside() {
        let heard = Arc::new(Heard(Mutex::default()));
        // Berlin goes back from summer time at 01:00 UTC of 25 October.
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        for (time, zone) in [
            ("2026-10-25T00:59:59Z", berlin.clone()),
            ("2026-10-25T01:00:00Z", berlin.clone()),
            ("2026-11-03T23:41:09Z", berlin),
            ("2026-11-03T02:41:09Z", TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap()),
        ] {
            let json = format!(
                r#"{{"id": "a", "source": "trailhound", "detail-type": "Trailhound Finding", "time": "{time}", "detail": {{}}}}"#
            );
            let delivery = Delivery::new(TargetName::new("t").unwrap(), FindingEvent::parse(&json).unwrap());
            Zoned::new(Arc::clone(&heard) as Arc<dyn Target>, zone).deliver(&delivery).await.unwrap();
        }
        assert_eq!(
            *heard.0.lock().unwrap(),
            [
                "a:0:t 2026-10-25T00:59:59Z (02:59 CEST)",
                "a:0:t 2026-10-25T01:00:00Z (02:00 CET)",
                "a:0:t 2026-11-03T23:41:09Z (Wed 2026-11-04 00:41 CET)",
                "a:0:t 2026-11-03T02:41:09Z (Mon 2026-11-02 21:41 EST)",
            ]
        );
    }
}
