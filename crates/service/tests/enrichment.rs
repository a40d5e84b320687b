//! Enrichment: what is said stands in the finding, once; who does not answer holds nothing up.

#![expect(clippy::unwrap_used, reason = "a test")]

mod kit;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kit::{Wanted, counter, feed, record_at, until};
use store::{FindingFilter, Reader};
use targets::{Enricher, EnricherSettings, Network, Secret};

/// A server that answers every request with this and notes what was asked; without an answer it keeps silent.
fn server(answer: Option<&'static str>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, asked) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let noted = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept() {
            let mut text = Vec::new();
            let mut some = [0; 65_536];
            while let Ok(length) = stream.read(&mut some)
                && length > 0
            {
                text.extend(&some[..length]);
                let whole = String::from_utf8_lossy(&text).into_owned();
                let Some((head, body)) = whole.split_once("\r\n\r\n") else { continue };
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if body.len() >= length.unwrap().parse().unwrap() {
                    noted.lock().unwrap().push(body.to_owned());
                    break;
                }
            }
            if let Some(answer) = answer {
                let length = answer.len();
                let head =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                stream.write_all((head + answer).as_bytes()).unwrap();
            } else {
                open.push(stream);
            }
        }
    });
    (address, asked)
}

fn enricher(address: SocketAddr) -> (Arc<Enricher>, Duration) {
    let timeout = Duration::from_millis(if cfg!(debug_assertions) { 2_000 } else { 500 });
    let network = Network {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        plain_http: true,
        timeout,
        connect_timeout: timeout,
    };
    let url = Secret::new(&format!("http://{address}/about"));
    let settings = EnricherSettings { url, headers: BTreeMap::new(), network };
    (Arc::new(Enricher::new(&settings).unwrap()), timeout)
}

/// What was said about each revision of all findings.
fn contexts(folder: &Path) -> Vec<(u32, String)> {
    let mut reader = Reader::open(folder).unwrap();
    let filter = FindingFilter { replaced: true, ..FindingFilter::default() };
    let findings = reader.snapshot().unwrap().findings(&filter, None, 100).unwrap().findings;
    let context = |body: &[u8]| {
        let json: serde_json::Value = serde_json::from_slice(body).unwrap();
        json["detail"]["context"].to_string()
    };
    let mut all: Vec<_> = findings.iter().map(|finding| (finding.revision, context(&finding.body))).collect();
    all.sort();
    all
}

const TWICE: &str = "id: twice\ntitle: twice\nseverity: high\npattern: { detail: { eventName: [StopLogging] } }\nthreshold: { count: 2, within: 1m }\n";

#[test]
fn what_is_said_stands_in_the_finding_and_its_revisions() {
    let folder = tempfile::tempdir().unwrap();
    let (source, hand) = feed("feed");
    let (first, first_asked) = server(Some(r#"{"team":"payments","by":"first"}"#));
    let (second, second_asked) = server(Some(r#"{"by":"second"}"#));
    let mut wanted = Wanted::new(folder.path(), vec![source]);
    wanted.rules = TWICE.to_owned();
    wanted.enrichers = vec![enricher(first), enricher(second)];
    let service = wanted.start();
    let bring = |lines: &[String]| assert!(hand.lines(lines).blocking_recv().unwrap().is_committed());
    bring(&[
        record_at("1", "StopLogging", "2026-11-03T02:30:00Z"),
        record_at("2", "StopLogging", "2026-11-03T02:30:10Z"),
    ]);
    let said = r#"{"by":"second","team":"payments"}"#.to_owned();
    assert_eq!(contexts(folder.path()), [(0, said.clone())]);
    // Later events settle it.
    bring(&[record_at("3", "StartLogging", "2026-11-03T02:40:59Z")]);
    until("it is settled", || contexts(folder.path()).len() == 2);
    assert_eq!(contexts(folder.path()), [(0, said.clone()), (1, said)]);
    assert_eq!((first_asked.lock().unwrap().len(), second_asked.lock().unwrap().len()), (1, 1), "asked once");
    let shown: serde_json::Value = serde_json::from_str(&second_asked.lock().unwrap()[0]).unwrap();
    assert_eq!(shown["detail"]["context"]["by"], "first", "each sees what those before it said");
    service.handle().stop();
    service.wait().unwrap();
}

#[test]
fn a_restart_asks_nobody_again() {
    let folder = tempfile::tempdir().unwrap();
    let (address, asked) = server(Some(r#"{"team":"payments"}"#));
    for _ in 0..2 {
        let (source, hand) = feed("feed");
        let mut wanted = Wanted::new(folder.path(), vec![source]);
        wanted.enrichers = vec![enricher(address)];
        let service = wanted.start();
        let lines = [record_at("1", "StopLogging", "2026-11-03T02:40:00Z")];
        assert!(hand.lines(&lines).blocking_recv().unwrap().is_committed());
        service.handle().stop();
        service.wait().unwrap();
    }
    assert_eq!(contexts(folder.path()), [(0, r#"{"team":"payments"}"#.to_owned())]);
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[test]
fn who_does_not_answer_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let (source, hand) = feed("feed");
    let (silent, _) = server(None);
    let mut wanted = Wanted::new(folder.path(), vec![source]);
    wanted.enrichers = vec![enricher(silent)];
    let service = wanted.start();
    for event in ["1", "2", "3", "4", "5"] {
        let lines = [record_at(event, "StopLogging", "2026-11-03T02:40:00Z")];
        assert!(hand.lines(&lines).blocking_recv().unwrap().is_committed());
    }
    until("all arrived", || wanted.target.keys.lock().unwrap().len() == 5);
    assert_eq!(contexts(folder.path()), vec![(0, "null".to_owned()); 5]);
    let counted =
        ["failed", "left-out", "answered"].map(|name| counter(folder.path(), &format!("enrich/{name}")));
    assert_eq!(counted, [3, 2, 0], "after three failures it is left alone");
    service.handle().stop();
    service.wait().unwrap();
}
