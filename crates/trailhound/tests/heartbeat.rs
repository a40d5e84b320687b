//! Signs of life come from a service that works, and from no other: not from one whose source is broken, nor from one that is gone.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test")]

mod kit;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Somebody outside who counts signs of life.
fn outside() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let beats = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&beats);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut some = [0; 4096];
            if stream.read(&mut some).is_ok_and(|count| count > 0) {
                count.fetch_add(1, Ordering::SeqCst);
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            }
        }
    });
    (address, beats)
}

fn serve(folder: &Path, source: &str, beats: SocketAddr) -> Child {
    let configuration = format!(
        "state: {{ folder: state, durability: crash }}\n\
         sources: [{source}]\n\
         heartbeat: {{ url: \"http://{beats}/alive\", every: 5s, network: {{ allow: [127.0.0.0/8], plain_http: true }} }}\n\
         targets: {{ out: {{ file: {{ path: out.ndjson }} }} }}\n\
         routes: [{{ to: [out] }}]\n"
    );
    std::fs::write(folder.join("trailhound.yaml"), configuration).unwrap();
    let log = File::create(folder.join("log")).unwrap();
    let mut command = kit::trailhound(folder);
    command.args(["serve", "-c", "trailhound.yaml"]).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

#[test]
fn whoever_works_gives_signs_of_life_and_nobody_else() {
    let (working, broken) = (kit::folder(&[("logs/readme.txt", b"")]), kit::folder(&[]));
    let ((well, beats), (ill, none)) = (outside(), outside());
    let mut lives = serve(working.path(), "{ directory: { path: logs, watch: true } }", well);
    // A file where a folder is to be: nothing can be read there.
    std::fs::write(broken.path().join("logs"), b"").unwrap();
    let mut limps = serve(broken.path(), "{ directory: { path: logs/inside, watch: true } }", ill);
    let log = |folder: &Path| std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    let begun = Instant::now();
    while beats.load(Ordering::SeqCst) < 2 {
        assert!(begun.elapsed() < Duration::from_secs(120), "no signs of life: {}", log(working.path()));
        assert!(lives.try_wait().unwrap().is_none(), "it ended: {}", log(working.path()));
        thread::sleep(Duration::from_millis(50));
    }
    // Two have come from the one, at five seconds each; so the other would have given some.
    assert!(limps.try_wait().unwrap().is_none(), "it ended: {}", log(broken.path()));
    assert_eq!(none.load(Ordering::SeqCst), 0, "{}", log(broken.path()));
    let health = kit::run(broken.path(), &["status", "trailhound.yaml"]);
    assert!(health.stdout.contains("not ready"), "{health}");
    // As `kill -9` does it.
    lives.kill().unwrap();
    lives.wait().unwrap();
    limps.kill().unwrap();
    limps.wait().unwrap();
    let last = beats.load(Ordering::SeqCst);
    thread::sleep(Duration::from_secs(6));
    assert_eq!(beats.load(Ordering::SeqCst), last, "the dead give none");
}
