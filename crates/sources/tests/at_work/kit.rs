//! Runs a source and commits what it brings to memory, the way a store would.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloudtrail::{Decoder, Item};
use sources::{Batch, Clock, Control, Health, Limits, Proof, Session, SetAside, Source, SourceError};
use tokio::task::JoinHandle;

/// What was committed, under one lock, as in one file.
#[derive(Debug, Default)]
pub(crate) struct Committed {
    /// `eventID` of each event, in the order of arrival.
    pub(crate) ids: Vec<String>,
    /// The texts of the events.
    pub(crate) texts: Vec<String>,
    pub(crate) origins: Vec<String>,
    pub(crate) checkpoints: BTreeMap<String, Vec<u8>>,
    pub(crate) proofs: Vec<Proof>,
    pub(crate) set_aside: Vec<SetAside>,
    pub(crate) rejected: usize,
    pub(crate) skipped: usize,
    pub(crate) troubles: Vec<String>,
    pub(crate) batches: usize,
    /// How many of the next batches are refused.
    pub(crate) refuse: usize,
    pub(crate) refused: usize,
    pub(crate) bytes_max: usize,
}

/// A source that runs, with its consumer.
pub(crate) struct Rig {
    pub(crate) store: Arc<Mutex<Committed>>,
    control: Arc<tokio::sync::Mutex<Option<Control>>>,
    stop: tokio::sync::watch::Sender<bool>,
    health: tokio::sync::watch::Receiver<Health>,
    source: JoinHandle<Result<(), SourceError>>,
    consumer: JoinHandle<()>,
}

pub(crate) fn clock() -> Clock {
    Arc::new(|| "2026-11-03T02:41:10Z".parse().unwrap())
}

impl Rig {
    /// Runs a source on what an earlier run committed.
    pub(crate) fn start(source: Arc<dyn Source>, store: &Arc<Mutex<Committed>>) -> Rig {
        Self::with_limits(source, store, Limits::default())
    }

    pub(crate) fn with_limits(source: Arc<dyn Source>, store: &Arc<Mutex<Committed>>, limits: Limits) -> Rig {
        let checkpoints = store.lock().unwrap().checkpoints.clone();
        let (session, control) = Session::open(source.name(), limits, &clock(), checkpoints);
        let health = control.watch_health();
        let source = tokio::spawn(async move { source.run(session).await });
        let (stop, mut stopped) = tokio::sync::watch::channel(false);
        let control = Arc::new(tokio::sync::Mutex::new(Some(control)));
        let (store_of_consumer, control_of_consumer) = (Arc::clone(store), Arc::clone(&control));
        let consumer = tokio::spawn(async move {
            let mut control = control_of_consumer.lock().await.take().unwrap();
            loop {
                tokio::select! {
                    _ = stopped.wait_for(|stop| *stop), if !*stopped.borrow() => control.stop(),
                    batch = control.next() => {
                        let Some(batch) = batch else { break };
                        commit(&store_of_consumer, batch);
                    }
                }
            }
        });
        Rig { store: Arc::clone(store), control, stop, health, source, consumer }
    }

    /// Waits until what was committed is as wanted.
    pub(crate) async fn until(&self, wanted: impl Fn(&Committed) -> bool) {
        let patience = tokio::time::Instant::now() + Duration::from_secs(60);
        while !wanted(&self.store.lock().unwrap()) {
            assert!(
                !self.source.is_finished() || !self.consumer.is_finished(),
                "the source ended: {:?}",
                self.store
            );
            assert!(tokio::time::Instant::now() < patience, "never: {:?}", self.store);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until the source tells that.
    pub(crate) async fn until_health(&mut self, wanted: impl FnMut(&Health) -> bool) -> Health {
        let told = tokio::time::timeout(Duration::from_secs(60), self.health.wait_for(wanted)).await;
        told.unwrap().unwrap().clone()
    }

    /// Asks the source to end, and waits.
    pub(crate) async fn stop(self) -> Result<(), SourceError> {
        self.stop.send_replace(true);
        self.ended().await
    }

    /// Waits until the source ends by itself.
    pub(crate) async fn ended(self) -> Result<(), SourceError> {
        let ended = tokio::time::timeout(Duration::from_secs(60), self.source).await.unwrap().unwrap();
        self.consumer.await.unwrap();
        drop(self.control);
        ended
    }

    /// Ends both at once, the way a process dies.
    pub(crate) async fn kill(self) {
        self.source.abort();
        self.consumer.abort();
        let _ = self.source.await;
        let _ = self.consumer.await;
    }
}

fn commit(store: &Mutex<Committed>, batch: Batch) {
    let Batch { content, acknowledge, .. } = batch;
    let is_refused = {
        let mut store = store.lock().unwrap();
        let is_refused = store.refuse > 0;
        store.refuse -= usize::from(is_refused);
        store.refused += usize::from(is_refused);
        is_refused
    };
    if is_refused {
        acknowledge.refused("the disk is full");
        return;
    }
    let mut new = Committed { bytes_max: content.bytes(), ..Committed::default() };
    for mut payload in content.payloads {
        new.origins.push(payload.origin.clone());
        let decoded = payload.decode(&mut Decoder::default(), |item| match item {
            Item::Event(event) => {
                let id = event
                    .record()
                    .and_then(|record| record.event_id?.unescape().ok().map(std::borrow::Cow::into_owned));
                new.ids.push(id.unwrap_or_default());
                let mut text = Vec::new();
                match event.record() {
                    Some(record) => record.json.write_compact(&mut text),
                    None => text.extend_from_slice(b"not a record"),
                }
                new.texts.push(String::from_utf8(text).unwrap());
            }
            Item::Rejected { .. } => new.rejected += 1,
            Item::Digest(_) | Item::Skipped { .. } => new.skipped += 1,
        });
        new.troubles.extend(decoded.trouble.map(|trouble| trouble.to_string()));
    }
    let mut store = store.lock().unwrap();
    store.batches += 1;
    store.bytes_max = store.bytes_max.max(new.bytes_max);
    store.ids.extend(new.ids);
    store.texts.extend(new.texts);
    store.origins.extend(new.origins);
    store.troubles.extend(new.troubles);
    store.rejected += new.rejected;
    store.skipped += new.skipped;
    for checkpoint in content.checkpoints {
        match checkpoint.position {
            Some(position) => store.checkpoints.insert(checkpoint.partition, position),
            None => store.checkpoints.remove(&checkpoint.partition),
        };
    }
    store.proofs.extend(content.proofs);
    store.set_aside.extend(content.set_aside);
    drop(store);
    acknowledge.committed();
}

/// A record with an id.
pub(crate) fn record(id: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.08","eventTime":"2026-11-03T02:15:00Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"us-east-1","recipientAccountId":"111122223333","eventID":"{id}"}}"#
    )
}

/// A log file of such records.
pub(crate) fn log_file(ids: &[&str]) -> Vec<u8> {
    let records: Vec<String> = ids.iter().map(|id| record(id)).collect();
    format!(r#"{{"Records":[{}]}}"#, records.join(",")).into_bytes()
}

pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// The folder of shared data; none says on standard error what is left out.
pub(crate) fn shared_data(left_out: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("TRAILHOUND_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("TRAILHOUND_REQUIRE_DATA").is_none(), "no shared data: set TRAILHOUND_DATA");
    eprintln!("no shared data folder: left out {left_out}");
    None
}
