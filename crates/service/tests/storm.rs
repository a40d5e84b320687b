//! A hundred thousand findings of one group: one message in a channel that is edited in place, with a thread and a count, in bounded memory.

#![expect(clippy::unwrap_used, reason = "a test")]

mod kit;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use kit::{Hands, Wanted, counter, counters, feed, record, until};
use route::TargetName;
use serde_json::{Value, json};
use service::unbalanced;
use targets::{Lane, Network, Policy, Secret, SlackApp, SlackAppSettings};

const STORM: usize = 100_000;

/// What a channel shows: messages by their time stamps, and the answers in threads.
#[derive(Default)]
struct Channel {
    messages: Vec<(String, Value)>,
    threads: Vec<(String, Value)>,
    edits: usize,
}

/// Answers as Slack's methods do, and remembers what its channel would show.
fn slack(channel: &Arc<Mutex<Channel>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let channel = Arc::clone(channel);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let channel = Arc::clone(&channel);
            std::thread::spawn(move || while answer(stream.as_ref().unwrap(), &channel).is_some() {});
        }
    });
    address
}

fn answer(stream: &TcpStream, channel: &Mutex<Channel>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0).map(|_| line.trim_end().to_owned())
    };
    let request = line()?;
    let mut length = 0;
    while let Some(header) = line().filter(|header| !header.is_empty()) {
        if let Some((_, value)) = header.to_lowercase().split_once("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let message: Value = serde_json::from_slice(&body).unwrap();
    let mut channel = channel.lock().unwrap();
    let ts = format!("1700000000.{:06}", channel.messages.len() + channel.threads.len());
    let ts = if request.contains("chat.update") {
        channel.edits += 1;
        let shown = channel.messages.iter_mut().find(|(ts, _)| message["ts"] == **ts).unwrap();
        shown.1 = message;
        shown.0.clone()
    } else if message.get("thread_ts").is_some() {
        channel.threads.push((message["thread_ts"].as_str().unwrap().to_owned(), message));
        ts
    } else {
        channel.messages.push((ts.clone(), message));
        ts
    };
    let answer = json!({ "ok": true, "channel": "C0123456789", "ts": ts }).to_string();
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{answer}",
        answer.len()
    )
    .ok()
}

/// The process's memory now, in bytes; `None` where the system does not tell.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[test]
fn a_storm_is_one_message_that_counts() {
    let folder = tempfile::tempdir().unwrap();
    let channel = Arc::new(Mutex::new(Channel::default()));
    let address = slack(&channel);
    let (source, hand) = feed("feed");
    let wanted = Wanted::new(folder.path(), vec![source]);
    let mut plan = wanted.plan();
    plan.program.policy.fold.targets = [TargetName::new("recorder").unwrap()].into();
    let settings = SlackAppSettings {
        bot_token: Secret::new("xoxb-0123456789-s3cret"),
        channel: "C0123456789".to_owned(),
        buttons: true,
        url: Some(Secret::new(&format!("http://{address}/api/"))),
        network: Network {
            allow: vec!["127.0.0.0/8".parse().unwrap()],
            plain_http: true,
            ..Network::default()
        },
    };
    let app = Arc::new(SlackApp::new(&settings).unwrap());
    plan.lanes = Arc::new(move |_| {
        let lane = Lane { target: app.clone(), policy: Policy::default(), queue_max: 16 };
        vec![(TargetName::new("recorder").unwrap(), lane)]
    });
    let hands = Hands::at("2026-11-03T02:41:00Z");
    let service = wanted.start_plan_at(plan, &hands.clock());
    let storm = |from: usize, to: usize| {
        for chunk in (from..to).collect::<Vec<_>>().chunks(1_000) {
            let lines: Vec<String> = chunk.iter().map(|id| record(&id.to_string(), "StopLogging")).collect();
            assert!(hand.lines(&lines).blocking_recv().unwrap().is_committed());
        }
    };
    storm(0, STORM / 10);
    let early = resident();
    storm(STORM / 10, STORM);
    let grown = resident().zip(early).map(|(late, early)| late.saturating_sub(early));
    // Nine times as much took no more memory, but for what the allocator and the database's cache do.
    assert!(grown.is_none_or(|grown| grown < 64 << 20), "{grown:?} bytes more");

    // A message of its own for the first, one with the count, and a last one; whatever comes between stands in between.
    let tell_until = |time: &str, what: &str, told: &dyn Fn(&Channel) -> bool| {
        hands.set(time);
        until(what, || told(&channel.lock().unwrap()));
    };
    let shows = |channel: &Channel, text: &str| {
        channel.messages.first().is_some_and(|(_, message)| message.to_string().contains(text))
    };
    tell_until("2026-11-03T02:46:00Z", "the count is shown", &|channel| {
        shows(channel, "100,000") || shows(channel, "100000")
    });
    tell_until("2026-11-03T03:46:00Z", "it is closed", &|channel| channel.threads.len() >= 2);
    service.handle().stop();
    service.wait().unwrap();

    let channel = channel.lock().unwrap();
    assert_eq!(channel.messages.len(), 1, "one message");
    assert_eq!((channel.edits, channel.threads.len()), (2, 2), "edited with the count and at the end");
    assert!(channel.threads.iter().all(|(thread, _)| *thread == channel.messages[0].0));
    assert!(channel.threads[1].1.to_string().contains("nothing more came"), "{:?}", channel.threads[1].1);
    let counted = |name: &str| counter(folder.path(), name);
    assert_eq!(
        ["findings/received", "findings/sent", "findings/folded"].map(counted),
        [STORM as u64, 1, STORM as u64 - 1]
    );
    assert_eq!(["messages/first", "messages/update", "messages/closing"].map(counted), [1, 1, 1]);
    assert_eq!(unbalanced(&counters(folder.path())), Vec::<String>::new());
}
