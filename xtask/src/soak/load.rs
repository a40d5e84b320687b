//! What goes in: batches of events, pushed until they are acknowledged, and files in a folder.
//!
//! The same seed makes the same batches, so a run with kills can be compared with one without.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::corpus::Random;
use crate::http::Client;

/// Events of one run, in batches. Every tenth event fires; every seventh batch repeats events of the batch before it.
pub(crate) struct Load {
    pub(crate) batches: Vec<Vec<u8>>,
    /// The ids of the events that fire, each once.
    pub(crate) firing: Vec<String>,
}

impl Load {
    pub(crate) fn new(name: &str, seed: u64, batches: u64, time: &str) -> Self {
        let mut random = Random::new(seed);
        let (mut made, mut firing, mut last) = (Vec::new(), Vec::new(), Vec::new());
        for batch in 0..batches {
            // An address of its own: what counts events from one address counts those of one batch, in their order.
            let network = if name == "push" { "198.51" } else { "203.0" };
            let address = format!("{network}.{}.{}", batch / 200 % 200, batch % 200);
            let mut text = if batch % 7 == 6 { last.clone() } else { Vec::new() };
            last.clear();
            for n in 0..1 + random.below(20) {
                let fires = random.below(10) == 0;
                let id = format!("{name}-{batch}-{n}");
                let event =
                    event(&id, if fires { "StopLogging" } else { "DescribeInstances" }, &address, time);
                last.extend_from_slice(event.as_bytes());
                if fires {
                    firing.push(id);
                }
            }
            text.extend_from_slice(&last);
            made.push(text);
        }
        Load { batches: made, firing }
    }
}

/// A record on a line of its own.
pub(crate) fn event(id: &str, name: &str, address: &str, time: &str) -> String {
    format!(
        "{{\"eventVersion\":\"1.11\",\"userIdentity\":{{\"type\":\"IAMUser\",\"arn\":\"arn:aws:iam::111122223333:user/mallory\",\
         \"accountId\":\"111122223333\",\"userName\":\"mallory\"}},\"eventTime\":\"{time}\",\"eventSource\":\"cloudtrail.amazonaws.com\",\
         \"eventName\":\"{name}\",\"awsRegion\":\"us-east-1\",\"sourceIPAddress\":\"{address}\",\"requestParameters\":{{\"name\":\"audit\"}},\
         \"responseElements\":null,\"eventID\":\"{id}\",\"readOnly\":false,\"eventType\":\"AwsApiCall\",\"managementEvent\":true,\
         \"recipientAccountId\":\"111122223333\",\"eventCategory\":\"Management\"}}\n"
    )
}

/// Pushes batches, each until it is acknowledged; says how many have been.
///
/// # Errors
///
/// If one is refused for good, which no event of ours deserves.
pub(crate) fn push(
    batches: &[Vec<u8>],
    to: SocketAddr,
    pause: Duration,
    done: &AtomicU64,
    stop: &AtomicBool,
) -> Result<(), String> {
    let mut client = Client::new(to, Duration::from_secs(15));
    for batch in batches {
        while !stop.load(Ordering::Relaxed) {
            match client.ask("POST", "/events", batch) {
                Ok(answer) if answer.status == 200 => break,
                Ok(answer) if answer.status < 500 && answer.status != 429 => {
                    return Err(format!("pushed events were refused: {} {}", answer.status, answer.body));
                }
                // Cut off, not now, or nobody there: it still belongs to us.
                _ => thread::sleep(Duration::from_millis(5)),
            }
        }
        done.fetch_add(1, Ordering::Relaxed);
        thread::sleep(pause);
    }
    Ok(())
}

/// Drops files into a folder, each under its final name at once; half of them grow line by line.
pub(crate) fn drop_files(batches: &[Vec<u8>], folder: &Path, pause: Duration) -> io::Result<()> {
    for (number, batch) in batches.iter().enumerate() {
        if number % 2 == 0 {
            let hidden = folder.join(format!(".{number}"));
            fs::write(&hidden, batch)?;
            fs::rename(&hidden, folder.join(format!("{number:06}.json")))?;
        } else {
            use io::Write;
            let growing = folder.join("growing.ndjson");
            let mut file = fs::OpenOptions::new().create(true).append(true).open(growing)?;
            file.write_all(batch)?;
        }
        thread::sleep(pause);
    }
    Ok(())
}
