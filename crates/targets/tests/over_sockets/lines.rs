//! Streams and files: whole lines, whatever happens to the file.

use std::fs;
use std::io::Write;
use std::sync::{Arc, Mutex};

use route::TargetName;
use targets::{DeliveryError, Events, File, SetupError, Stream, Target};

use crate::counterpart::{HOSTILE, STOP_LOGGING, deliver};

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn ids(text: &str) -> Vec<String> {
    let id = |line: &str| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap()[..4].to_owned()
    };
    text.lines().map(id).collect()
}

#[tokio::test]
async fn a_stream_gets_a_line_for_each_finding() {
    let written = Shared::default();
    let stream = Stream::to(written.clone());
    deliver(&stream, STOP_LOGGING).await.unwrap();
    let raw = HOSTILE.replace("@U123", "\u{9b}31m\u{202e}\u{7f}");
    deliver(&stream, &raw).await.unwrap();
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert_eq!(ids(&text), ["3f0c", "aaaa"]);
    assert!(text.ends_with('\n'));
    assert!(!text.chars().any(|c| c != '\n' && route::printable::is_hidden(c)), "nothing acts on a terminal");
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last, serde_json::from_str::<serde_json::Value>(&raw).unwrap(), "and nothing is lost");
}

#[tokio::test]
async fn a_full_disk_may_be_emptied() {
    let error = deliver(&Stream::to(Full), STOP_LOGGING).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Retryable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_file_survives_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("findings.ndjson");
    let rotated = folder.path().join("findings.ndjson.1");
    let file = File::open(&path, true).unwrap();
    deliver(&file, STOP_LOGGING).await.unwrap();
    fs::rename(&path, &rotated).unwrap();
    deliver(&file, HOSTILE).await.unwrap();
    assert_eq!(ids(&fs::read_to_string(&rotated).unwrap()), ["3f0c"]);
    assert_eq!(ids(&fs::read_to_string(&path).unwrap()), ["aaaa"], "renamed");
    fs::write(&path, "").unwrap();
    deliver(&file, STOP_LOGGING).await.unwrap();
    assert_eq!(ids(&fs::read_to_string(&path).unwrap()), ["3f0c"], "cut to nothing");
    fs::remove_file(&path).unwrap();
    deliver(&file, HOSTILE).await.unwrap();
    deliver(&file, STOP_LOGGING).await.unwrap();
    assert_eq!(ids(&fs::read_to_string(&path).unwrap()), ["aaaa", "3f0c"], "removed");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let error = deliver(&file, STOP_LOGGING).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Retryable { .. }), "{error:?}");
    fs::remove_dir(&path).unwrap();
    deliver(&file, STOP_LOGGING).await.unwrap();
}

#[tokio::test]
async fn a_torn_line_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("findings.ndjson");
    fs::write(&path, "{\"id\": \"whole\"}\n{\"id\": \"to").unwrap();
    let file = File::open(&path, false).unwrap();
    deliver(&file, STOP_LOGGING).await.unwrap();
    deliver(&file, HOSTILE).await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..2], ["{\"id\": \"whole\"}", "{\"id\": \"to"]);
    assert_eq!(ids(&lines[2..].join("\n")), ["3f0c", "aaaa"]);
}

#[cfg(unix)]
#[test]
fn a_new_file_is_not_for_everybody() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("findings.ndjson");
    File::open(&path, false).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o007, 0);
    let error = File::open(&folder.path().join("no/such/folder"), false).unwrap_err();
    assert!(matches!(error, SetupError::File { .. }));
}

/// So many events of which the first has characters that act on a terminal.
fn events() -> Events {
    let texts = ["{\"id\":\"e-00\",\"a\":\"\u{9b}2J\"}", r#"{"id":"e-01"}"#].map(Into::into);
    Events::new(TargetName::new("lake").unwrap(), "events-1:0:forward.lake".to_owned(), texts.to_vec())
}

#[tokio::test]
async fn events_are_a_line_each() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    let file = File::open(&path, true).unwrap();
    let written = Shared::default();
    let stream = Stream::to(written.clone());
    for target in [&file as &dyn Target, &stream] {
        assert_eq!(target.forward(&events()).await.unwrap().text, "2 events");
    }
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(ids(&text), ["e-00", "e-01"]);
    assert_eq!(text.as_bytes(), *written.0.lock().unwrap());
    assert!(!text.contains('\u{9b}'), "{text}");
    let error = Stream::to(Full).forward(&events()).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Retryable { .. }), "{error}");
}
