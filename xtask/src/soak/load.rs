//! What goes in: batches of events, pushed until they are acknowledged, and files in a folder.
//!
//! The same seed makes the same batches, so a run with kills can be compared with one without.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::corpus::Random;
use crate::http::Client;

/// Events of one run, in batches. Every tenth event fires by itself; every seventh batch repeats events of the batch before it. What the
/// others are called, and when they happened, is for the rules over time.
pub(crate) struct Load {
    pub(crate) batches: Vec<Vec<u8>>,
    /// The ids of the events that fire by themselves, each once.
    pub(crate) firing: Vec<String>,
    /// The account of all of them: so they are a lane of their own.
    account: &'static str,
    /// When the last of them happened.
    end: Timestamp,
}

/// One who makes events.
pub(crate) struct Maker {
    /// What ids begin with.
    pub(crate) name: &'static str,
    pub(crate) account: &'static str,
    /// The first two numbers of addresses. Each batch has one of its own.
    pub(crate) network: &'static str,
    /// Between two batches, in the time of events.
    pub(crate) step: SignedDuration,
}

/// Long ago, so that no machine holds it for the future.
const BEGIN: &str = "2025-11-03T02:40:00Z";

impl Load {
    pub(crate) fn new(maker: &Maker, seed: u64, batches: u64) -> Result<Self, jiff::Error> {
        let Maker { name, account, network, step } = maker;
        let mut random = Random::new(seed);
        let (mut made, mut firing, mut last) = (Vec::new(), Vec::new(), Vec::new());
        let mut end: Timestamp = BEGIN.parse()?;
        for batch in 0..batches {
            let address = format!("{network}.{}.{}", batch / 200 % 200, batch % 200);
            let mut text = if batch % 7 == 6 { last.clone() } else { Vec::new() };
            last.clear();
            end = end.checked_add(*step)?;
            let time = format!("{end:.0}");
            for n in 0..1 + random.below(20) {
                let event = match random.below(20) {
                    0 | 1 => "StopLogging",
                    2 => "CreateTrail",
                    3 => "UpdateTrail",
                    4 => "DeleteTrail",
                    _ => "DescribeInstances",
                };
                let id = format!("{name}-{batch}-{n}");
                let trail = format!("trail-{}", random.below(8));
                let event =
                    Event { id: &id, name: event, address: &address, time: &time, account, trail: &trail };
                last.extend_from_slice(event.line().as_bytes());
                if event.name == "StopLogging" {
                    firing.push(id);
                }
            }
            text.extend_from_slice(&last);
            made.push(text);
        }
        Ok(Load { batches: made, firing, account, end })
    }

    /// An event so much later that everything before it is settled.
    pub(crate) fn closing(&self) -> Result<Vec<u8>, jiff::Error> {
        let time = self.end.checked_add(SignedDuration::from_hours(12))?;
        let (id, time) = (format!("closing-{}", self.account), format!("{time:.0}"));
        let event = Event { id: &id, time: &time, account: self.account, ..Event::HARMLESS };
        Ok(event.line().into_bytes())
    }
}

/// What differs between records.
pub(crate) struct Event<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) address: &'a str,
    pub(crate) time: &'a str,
    pub(crate) account: &'a str,
    pub(crate) trail: &'a str,
}

impl Event<'_> {
    /// One that no rule wants.
    pub(crate) const HARMLESS: Event<'static> = Event {
        id: "harmless",
        name: "DescribeInstances",
        address: "203.0.113.7",
        time: BEGIN,
        account: "111122223333",
        trail: "audit",
    };

    /// A record on a line of its own.
    pub(crate) fn line(&self) -> String {
        let Event { id, name, address, time, account, trail } = self;
        format!(
            "{{\"eventVersion\":\"1.11\",\"userIdentity\":{{\"type\":\"IAMUser\",\"arn\":\"arn:aws:iam::{account}:user/mallory\",\
             \"accountId\":\"{account}\",\"userName\":\"mallory\"}},\"eventTime\":\"{time}\",\"eventSource\":\"cloudtrail.amazonaws.com\",\
             \"eventName\":\"{name}\",\"awsRegion\":\"us-east-1\",\"sourceIPAddress\":\"{address}\",\"requestParameters\":{{\"name\":\"{trail}\"}},\
             \"responseElements\":null,\"eventID\":\"{id}\",\"readOnly\":false,\"eventType\":\"AwsApiCall\",\"managementEvent\":true,\
             \"recipientAccountId\":\"{account}\",\"eventCategory\":\"Management\"}}\n"
        )
    }
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

/// Drops files into a folder, each under its final name at once, and lets another file grow line by line. One goes with every `pace` batches
/// that were pushed, so that in the time of events nothing runs away from the rest, however long a run is and whatever holds it up.
pub(crate) fn drop_files(
    files: &[Vec<u8>],
    growth: &[Vec<u8>],
    folder: &Path,
    pace: usize,
    pushed: &AtomicU64,
    stop: &AtomicBool,
) -> io::Result<()> {
    let mut growing = fs::OpenOptions::new().create(true).append(true).open(folder.join("growing.ndjson"))?;
    let longest = files.len().max(growth.len());
    for (number, due) in (0..longest).zip((0_u64..).step_by(pace)) {
        while pushed.load(Ordering::Relaxed) < due {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        if let Some(batch) = files.get(number) {
            let hidden = folder.join(format!(".{number}"));
            fs::write(&hidden, batch)?;
            fs::rename(&hidden, folder.join(format!("{number:06}.json")))?;
        }
        if let Some(batch) = growth.get(number) {
            growing.write_all(batch)?;
        }
    }
    Ok(())
}
