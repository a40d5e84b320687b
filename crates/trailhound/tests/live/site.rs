//! The binary over a folder, as a process that is asked, stopped and started again.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::kit;

/// A configuration that tells every `StopLogging` to a file, and the process that runs it.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    push: SocketAddr,
    operations: SocketAddr,
    child: Option<Child>,
}

const RULES: &str = "id: logging-stopped\ntitle: stopped\nseverity: high\npattern: { detail: { eventName: [StopLogging] } }\n";

impl Site {
    /// With these sources beside the one that is pushed to.
    pub(crate) fn new(sources: &[String]) -> Self {
        let (push, operations) = free();
        let more: String = sources.iter().map(|source| format!("  - {source}\n")).collect();
        let configuration = format!(
            "state: {{ folder: state, durability: crash }}\n\
             rules: [rules.yaml]\n\
             sources:\n  - http: {{ listen: \"{push}\" }}\n{more}\
             http: {{ listen: \"{operations}\" }}\n\
             targets: {{ out: {{ file: {{ path: out.ndjson }}, retry: {{ delay: 20ms, delay_max: 100ms }} }} }}\n\
             routes: [{{ to: [out] }}]\n"
        );
        Self::configured(push, operations, &configuration, RULES)
    }

    /// With a configuration and rules of a test's own, which names the two addresses.
    #[cfg(feature = "aws")]
    pub(crate) fn of(configuration: impl Fn(SocketAddr, SocketAddr) -> String, rules: &str) -> Self {
        let (push, operations) = free();
        Self::configured(push, operations, &configuration(push, operations), rules)
    }

    fn configured(push: SocketAddr, operations: SocketAddr, configuration: &str, rules: &str) -> Self {
        let folder =
            kit::folder(&[("trailhound.yaml", configuration.as_bytes()), ("rules.yaml", rules.as_bytes())]);
        fs::create_dir(folder.path().join("state")).unwrap();
        Site { folder, push, operations, child: None }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The command that serves.
    pub(crate) fn command(&self) -> Command {
        let mut command = kit::trailhound(self.path());
        command.args(["serve", "-c", "trailhound.yaml"]);
        command
    }

    /// The same in a mount namespace of its own, after `prepare` ran in it; none where the kernel does not let this user make one.
    pub(crate) fn command_after(&self, prepare: &str) -> Option<Command> {
        let is_allowed = Command::new("unshare").args(["-rm", "true"]).stderr(Stdio::null()).status();
        if !is_allowed.is_ok_and(|status| status.success()) {
            println!("left out: this user may not make a mount namespace");
            return None;
        }
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-ec", &format!("{prepare}; exec \"$0\" serve -c trailhound.yaml")]);
        command.arg(env!("CARGO_BIN_EXE_trailhound")).current_dir(self.path()).stdin(Stdio::null());
        Some(command)
    }

    /// Starts it, and waits until it is ready. Returns the number of the process.
    pub(crate) fn start(&mut self, mut command: Command) -> u32 {
        let log = OpenOptions::new().create(true).append(true).open(self.path().join("log")).unwrap();
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let process = child.id();
        self.child = Some(child);
        self.until("it is ready", |site| site.ready().0 == 200);
        process
    }

    /// Asks it to end, which it does within ten seconds and well.
    pub(crate) fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
        assert!(child.wait().unwrap().success(), "{}", self.log());
    }

    /// Ends it as a machine that loses power does.
    #[cfg(feature = "aws")]
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }

    /// Pushes a record; the status of the answer.
    pub(crate) fn push(&self, record: &str) -> u16 {
        ask(self.push, "POST", "/events", record).unwrap_or_default().0
    }

    /// What `/readyz` answers.
    pub(crate) fn ready(&self) -> (u16, String) {
        ask(self.operations, "GET", "/readyz", "").unwrap_or_default()
    }

    pub(crate) fn metrics(&self) -> String {
        ask(self.operations, "GET", "/metrics", "").unwrap_or_default().1
    }

    /// The events of the findings that reached the file, in order.
    pub(crate) fn told(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path().join("out.ndjson")).unwrap_or_default();
        let mut ids: Vec<String> = text
            .lines()
            .map(|line| {
                let finding: Value = serde_json::from_str(line).unwrap();
                finding["detail"]["event_ids"][0].as_str().unwrap().to_owned()
            })
            .collect();
        ids.sort();
        ids
    }

    /// What `status` says of a state folder.
    pub(crate) fn status(&self, state: &Path) -> Value {
        let seen = kit::run(self.path(), &["status", state.to_str().unwrap(), "--format", "json"]);
        serde_json::from_str(&seen.stdout).unwrap_or_else(|error| panic!("{error}: {seen}"))
    }

    pub(crate) fn until(&mut self, what: &str, mut holds: impl FnMut(&mut Site) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            if let Some(Ok(Some(status))) = self.child.as_mut().map(Child::try_wait) {
                panic!("ended with {status}: {}", self.log());
            }
            assert!(
                begun.elapsed() < Duration::from_secs(120),
                "waited in vain until {what}: {}",
                self.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Two addresses that nothing listens on. They are held together, so that they are two.
fn free() -> (SocketAddr, SocketAddr) {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [push, operations] = listeners.map(|listener| listener.local_addr().unwrap());
    (push, operations)
}

fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}
