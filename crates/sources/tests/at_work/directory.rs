//! Folders: what appears, grows, is renamed, cut off and deleted.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sources::{Directory, DirectorySettings, Health, Limits, Source, SourceError};

use crate::kit::{Committed, Rig, clock, gzip, log_file, record, shared_data};

fn watch(folder: &Path) -> Arc<dyn Source> {
    let poll = Duration::from_millis(10);
    let settings = DirectorySettings { poll, quiet: poll * 5, ..DirectorySettings::new("logs", folder) };
    Arc::new(Directory::new(settings))
}

fn once(folder: &Path) -> Arc<dyn Source> {
    let poll = Duration::from_millis(10);
    let settings =
        DirectorySettings { poll, quiet: poll, watch: false, ..DirectorySettings::new("logs", folder) };
    Arc::new(Directory::new(settings))
}

fn write(path: &Path, text: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[tokio::test]
async fn what_is_there_and_what_appears_is_read_once_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(&at("a/1.json.gz"), &gzip(&log_file(&["1", "2"])));
    write(&at("b.json"), &log_file(&["3"]));
    write(&at("README.md"), b"not a log");
    write(&at(".partial.json"), b"still being written");
    let store = Arc::new(Mutex::new(Committed::default()));

    let rig = Rig::start(watch(folder.path()), &store);
    rig.until(|committed| committed.ids.len() == 3).await;
    fs::rename(at(".partial.json"), at("z.part")).unwrap();
    write(&at(".new.json"), &log_file(&["4"]));
    fs::rename(at(".new.json"), at("a/2.json")).unwrap();
    rig.until(|committed| committed.ids.len() == 4).await;
    rig.stop().await.unwrap();
    assert_eq!(store.lock().unwrap().ids, ["1", "2", "3", "4"]);
    assert_eq!(
        store.lock().unwrap().checkpoints.keys().collect::<Vec<_>>(),
        ["a/1.json.gz", "a/2.json", "b.json"]
    );

    write(&at("c.json"), &log_file(&["5"]));
    Rig::start(once(folder.path()), &store).ended().await.unwrap();
    assert_eq!(store.lock().unwrap().ids, ["1", "2", "3", "4", "5"]);
}

#[tokio::test]
async fn a_growing_file_is_read_line_by_line_and_never_half_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    let store = Arc::new(Mutex::new(Committed::default()));
    let rig = Rig::start(watch(folder.path()), &store);
    append(&path, &format!("{}\n{}", record("1"), &record("2")[..40]));
    rig.until(|committed| committed.ids == ["1"]).await;
    append(&path, &format!("{}\n", &record("2")[40..]));
    rig.until(|committed| committed.ids == ["1", "2"]).await;
    rig.kill().await;

    let rig = Rig::start(watch(folder.path()), &store);
    append(&path, &record("3"));
    rig.until(|committed| committed.ids == ["1", "2", "3"]).await;
    append(&path, &format!("\n{}\n", record("4")));
    rig.until(|committed| committed.ids == ["1", "2", "3", "4"]).await;
    // Another file of the same name, longer than what was read.
    let other: String = ["5", "6", "7", "8", "9", "10"].map(|id| record(id) + "\n").concat();
    write(&path, other.as_bytes());
    rig.until(|committed| committed.ids.len() == 10).await;
    // Cut down and begun anew.
    write(&path, format!("{}\n", record("11")).as_bytes());
    rig.until(|committed| committed.ids.len() == 11).await;
    rig.stop().await.unwrap();
    assert_eq!(store.lock().unwrap().rejected, 0);
}

#[tokio::test]
async fn a_renamed_file_is_not_read_again_and_a_deleted_one_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(&at("events.log"), format!("{}\n", record("1")).as_bytes());
    write(&at("whole.json"), &log_file(&["2"]));
    let store = Arc::new(Mutex::new(Committed::default()));
    let rig = Rig::start(watch(folder.path()), &store);
    rig.until(|committed| committed.ids.len() == 2).await;
    fs::rename(at("events.log"), at("events-1.log")).unwrap();
    fs::rename(at("whole.json"), at("moved.json")).unwrap();
    write(&at("events.log"), format!("{}\n", record("3")).as_bytes());
    let names = |committed: &Committed| committed.checkpoints.keys().cloned().collect::<Vec<_>>();
    rig.until(|committed| names(committed) == ["events-1.log", "events.log", "moved.json"]).await;
    fs::remove_file(at("moved.json")).unwrap();
    rig.until(|committed| names(committed) == ["events-1.log", "events.log"]).await;
    rig.stop().await.unwrap();
    assert_eq!(store.lock().unwrap().ids, ["1", "2", "3"]);
}

#[tokio::test]
async fn an_archive_that_breaks_off_is_waited_for_and_then_taken_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let whole = gzip(&log_file(&["1", "2", "3"]));
    let half = &whole[..whole.len() / 2];
    // Quiet for days: nobody will write the rest.
    let never = folder.path().join("never.json.gz");
    write(&never, half);
    let long_ago = clock()().checked_sub(jiff::SignedDuration::from_hours(48)).unwrap();
    fs::File::options().write(true).open(&never).unwrap().set_modified(long_ago.into()).unwrap();
    let slow = folder.path().join("slow.json.gz");
    write(&slow, half);
    let poll = Duration::from_millis(10);
    let settings = DirectorySettings {
        poll,
        quiet: Duration::from_secs(2),
        ..DirectorySettings::new("logs", folder.path())
    };
    let store = Arc::new(Mutex::new(Committed::default()));
    let rig = Rig::start(Arc::new(Directory::new(settings)), &store);
    rig.until(|committed| committed.troubles.len() == 1).await;
    assert!(store.lock().unwrap().troubles[0].contains("breaks off"));
    assert_eq!(store.lock().unwrap().batches, 1, "the other may still grow");
    write(&slow, &whole);
    rig.until(|committed| committed.ids == ["1", "2", "3"]).await;
    rig.stop().await.unwrap();
    assert_eq!(store.lock().unwrap().troubles.len(), 1);
}

#[tokio::test]
async fn what_was_refused_comes_again_and_nothing_behind_it_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    // More than one piece.
    let lines: Vec<String> = (0..30_000).map(|n| n.to_string()).collect();
    let text: String = lines.iter().map(|id| record(id) + "\n").collect();
    write(&folder.path().join("a.ndjson"), text.as_bytes());
    let store = Arc::new(Mutex::new(Committed { refuse: 3, ..Committed::default() }));
    let mut rig = Rig::with_limits(watch(folder.path()), &store, Limits { batches: 1, bytes: 1 << 20 });
    let told = rig.until_health(|health| matches!(health, Health::Unhealthy { .. })).await;
    assert!(matches!(told, Health::Unhealthy { reason, .. } if reason.contains("the disk is full")));
    rig.until(|committed| committed.ids.len() == lines.len()).await;
    rig.until_health(|health| *health == Health::Healthy).await;
    rig.stop().await.unwrap();
    let store = store.lock().unwrap();
    assert_eq!((&store.ids, store.refused), (&lines, 3));
    assert!(store.batches > 1 && store.bytes_max < 5 << 20);
}

#[tokio::test]
async fn a_folder_that_is_not_there_ends_the_source_and_keeps_what_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    write(&logs.join("a.json"), &log_file(&["1"]));
    let store = Arc::new(Mutex::new(Committed::default()));
    Rig::start(once(&logs), &store).ended().await.unwrap();
    fs::rename(&logs, folder.path().join("unmounted")).unwrap();
    let error = Rig::start(once(&logs), &store).ended().await.unwrap_err();
    assert!(matches!(&error, SourceError::Failed { reason, .. } if reason.contains("logs")), "{error:?}");
    fs::rename(folder.path().join("unmounted"), &logs).unwrap();
    Rig::start(once(&logs), &store).ended().await.unwrap();
    assert_eq!(store.lock().unwrap().ids, ["1"]);
}

#[tokio::test]
async fn real_logs_come_as_they_are() {
    let Some(data) = shared_data("reading the real logs as a watched folder") else { return };
    let folder = fs::read_dir(data.join("corpus_real")).unwrap().next().unwrap().unwrap().path();
    let store = Arc::new(Mutex::new(Committed::default()));
    Rig::start(once(&folder), &store).ended().await.unwrap();
    let files = walkdir::WalkDir::new(&folder).sort_by_file_name().into_iter().filter_map(Result::ok);
    let mut wanted = Vec::new();
    for file in files.filter(|entry| entry.file_type().is_file()) {
        let decoded =
            cloudtrail::Decoder::default().decode(&fs::read(file.path()).unwrap(), None, |item| {
                if let cloudtrail::Item::Event(event) = item {
                    wanted.extend(event.record().and_then(|record| {
                        record.event_id?.unescape().ok().map(std::borrow::Cow::into_owned)
                    }));
                }
            });
        assert!(decoded.trouble.is_none());
    }
    assert!(!wanted.is_empty());
    let mut ids = store.lock().unwrap().ids.clone();
    ids.retain(|id| !id.is_empty());
    ids.sort();
    wanted.sort();
    assert_eq!(ids, wanted);
}
