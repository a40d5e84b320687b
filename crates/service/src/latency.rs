//! How long findings take until they have arrived, as histograms for `/metrics`.
//!
//! Two spans by source class: since the event happened (what AWS takes is in it), and since it was received (what this service takes).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use decide::SourceClass;
use jiff::Timestamp;

use crate::counts::class_name;

/// Upper bounds in seconds, for spans that AWS has a part in.
const SINCE_EVENT: [f64; 12] =
    [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 3_600.0, 14_400.0];
/// Upper bounds in seconds, for spans that are ours.
const SINCE_RECEIPT: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0];

/// The histograms. Cheap to clone; clones share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies {
    classes: Arc<Mutex<BTreeMap<SourceClass, Both>>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Both {
    event: Histogram,
    receipt: Histogram,
}

#[derive(Debug, Default, Clone, Copy)]
struct Histogram {
    buckets: [u64; 12],
    count: u64,
    sum: f64,
}

impl Histogram {
    fn add(&mut self, seconds: f64, bounds: &[f64; 12]) {
        self.count += 1;
        self.sum += seconds;
        for (bucket, bound) in self.buckets.iter_mut().zip(bounds) {
            *bucket += u64::from(seconds <= *bound);
        }
    }

    fn write(&self, out: &mut String, name: &str, class: &str, bounds: &[f64; 12]) {
        // Writing to a String cannot fail.
        for (bucket, bound) in self.buckets.iter().zip(bounds) {
            let _ = writeln!(out, "{name}_bucket{{class=\"{class}\",le=\"{bound}\"}} {bucket}");
        }
        let _ = writeln!(out, "{name}_bucket{{class=\"{class}\",le=\"+Inf\"}} {}", self.count);
        let _ = writeln!(out, "{name}_sum{{class=\"{class}\"}} {}", self.sum);
        let _ = writeln!(out, "{name}_count{{class=\"{class}\"}} {}", self.count);
    }
}

impl Latencies {
    /// A finding has arrived.
    pub(crate) fn delivered(
        &self,
        class: SourceClass,
        happened: Option<Timestamp>,
        received: Option<Timestamp>,
        now: Timestamp,
    ) {
        let mut classes = self.classes.lock().unwrap_or_else(PoisonError::into_inner);
        let both = classes.entry(class).or_default();
        // A clock that was set back must not make a span negative.
        let since = |time: Timestamp| now.duration_since(time).as_secs_f64().max(0.0);
        if let Some(happened) = happened {
            both.event.add(since(happened), &SINCE_EVENT);
        }
        if let Some(received) = received {
            both.receipt.add(since(received), &SINCE_RECEIPT);
        }
    }

    /// In Prometheus's text form.
    pub(crate) fn write(&self, out: &mut String) {
        let classes = self.classes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let event = "trailhound_delivered_after_event_seconds";
        let receipt = "trailhound_delivered_after_receipt_seconds";
        let _ =
            writeln!(out, "# HELP {event} From eventTime of a finding's last event until a target took it.");
        let _ = writeln!(out, "# TYPE {event} histogram");
        for (class, both) in &classes {
            both.event.write(out, event, class_name(*class), &SINCE_EVENT);
        }
        let _ =
            writeln!(out, "# HELP {receipt} From receipt of a finding's last event until a target took it.");
        let _ = writeln!(out, "# TYPE {receipt} histogram");
        for (class, both) in &classes {
            both.receipt.write(out, receipt, class_name(*class), &SINCE_RECEIPT);
        }
    }
}
