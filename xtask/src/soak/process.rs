//! The real binary over a real state folder.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::http::Client;

/// A configuration and a state folder, over which one process after the other runs.
pub(crate) struct Site {
    pub(crate) binary: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) push: SocketAddr,
    pub(crate) operations: SocketAddr,
}

/// What is written into a configuration beside the addresses.
pub(crate) struct Wanted<'a> {
    pub(crate) rules: &'a str,
    pub(crate) receiver: SocketAddr,
    pub(crate) durability: &'a str,
    pub(crate) directory: bool,
    /// Where S3 and SQS are, if a queue is to be read.
    pub(crate) queue: Option<SocketAddr>,
    /// Whether people are told as well, see [`people`].
    pub(crate) people: bool,
    /// Where all events are forwarded to, if they are.
    pub(crate) lake: Option<SocketAddr>,
}

/// Targets that fold, as the configuration has them, with their routes. `told` is told at once, and `unanswered` when nobody acknowledges, which
/// nobody does. `held` waits for a minute of the week, and `repeated` is told when that repeats.
fn people(receiver: SocketAddr) -> (String, &'static str) {
    let targets =
        ["told", "unanswered", "held", "repeated"].map(|name| hook(name, receiver, "    fold: true\n"));
    let routes = "fold: { every: 1s, quiet: 2s }\n\
        hours: { seldom: { days: wed, from: \"03:33\", to: \"03:34\", zone: UTC } }\n\
        routes:\n  - { to: [hook], continue: true }\n  \
        - { to: [told], continue: true, ack_within: 1s, then: [unanswered] }\n  \
        - { to: [held], during: seldom, otherwise: hold, escalate: { repeats: 3, to: [repeated] } }\n";
    (targets.concat(), routes)
}

fn hook(name: &str, receiver: SocketAddr, more: &str) -> String {
    format!(
        "  {name}:\n    webhook: {{ url: \"http://{receiver}/\", signing_keys: [\"${{HOOK_KEY}}\"] }}\n    \
         network: {{ allow: [127.0.0.0/8], plain_http: true }}\n    \
         retry: {{ delay: 50ms, delay_max: 200ms }}\n{more}"
    )
}

impl Site {
    /// Writes the configuration into a folder, which is made.
    pub(crate) fn new(binary: &Path, folder: &Path, wanted: &Wanted<'_>) -> io::Result<Self> {
        fs::create_dir_all(folder.join("logs"))?;
        let (push, operations) = (free_port()?, free_port()?);
        let directory =
            if wanted.directory { "\n  - directory: { path: logs, poll: 100ms, settle: 100ms }" } else { "" };
        let queue = wanted.queue.map_or_else(String::new, |at| {
            format!("\n  - s3: {{ queue: \"http://{at}/111122223333/trail\", region: us-east-1, endpoint: \"http://{at}\" }}")
        });
        let rules = if wanted.rules == "builtin" {
            "builtin"
        } else {
            fs::write(folder.join("rules.yaml"), wanted.rules)?;
            "rules.yaml"
        };
        let (targets, routes) = if wanted.people {
            people(wanted.receiver)
        } else {
            (String::new(), "routes: [{ to: [hook] }]\n")
        };
        let lake = wanted.lake.map_or_else(String::new, |at| hook("lake", at, ""));
        let forward = match wanted.lake {
            Some(_) => "forward: [{ pattern: { source: [{ prefix: aws. }] }, to: [lake] }]\n",
            None => "",
        };
        let configuration = format!(
            "state: {{ folder: state, durability: {durability} }}\n\
             rules: [{rules}]\n\
             sources:\n  - http: {{ listen: \"{push}\" }}{directory}{queue}\n\
             lateness: {{ s3: 30m }}\n\
             http: {{ listen: \"{operations}\" }}\n\
             targets:\n{own}{lake}{targets}{routes}{forward}",
            durability = wanted.durability,
            own = hook("hook", wanted.receiver, ""),
        );
        fs::write(folder.join("trailhound.yaml"), configuration)?;
        Ok(Site { binary: binary.to_owned(), folder: folder.to_owned(), push, operations })
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// Where files are dropped.
    pub(crate) fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    /// Lets rules learn from records, before the first start.
    pub(crate) fn learn(&self, records: &[u8]) -> io::Result<()> {
        fs::write(self.folder.join("before.json"), records)?;
        let output = Command::new(&self.binary)
            .args(["learn", "before.json", "-c", "trailhound.yaml"])
            .env("HOOK_KEY", HOOK_KEY)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!("learn: {}", String::from_utf8_lossy(&output.stderr))))
    }

    /// Starts the service. What it says goes to `serve.log`.
    pub(crate) fn start(&self) -> io::Result<Running> {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("serve.log"))?;
        let child = Command::new(&self.binary)
            .args(["serve", "--threads", "2", "-c", "trailhound.yaml"])
            .env("HOOK_KEY", HOOK_KEY)
            .envs([("AWS_ACCESS_KEY_ID", "nobody"), ("AWS_SECRET_ACCESS_KEY", "nothing")])
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        Ok(Running { child, operations: self.operations })
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("serve.log")).unwrap_or_default()
    }
}

/// What webhooks are signed with.
const HOOK_KEY: &str = "a key of at least sixteen bytes";

/// A process. Dropped, it is killed.
pub(crate) struct Running {
    child: Child,
    operations: SocketAddr,
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it says that it is ready.
    pub(crate) fn wait_until_ready(&mut self) -> io::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!(
                    "the service ended while it started: {status}; see serve.log"
                )));
            }
            let mut client = Client::new(self.operations, Duration::from_secs(2));
            if client.ask("GET", "/readyz", b"").is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Err(io::Error::other("the service was not ready within 20 s; see serve.log"))
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    pub(crate) fn kill(mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn stop(mut self) -> io::Result<Duration> {
        let begun = Instant::now();
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        if !asked.success() {
            return Err(io::Error::other("the service could not be asked to end"));
        }
        while begun.elapsed() < Duration::from_secs(15) {
            if let Some(status) = self.child.try_wait()? {
                return if status.success() {
                    Ok(begun.elapsed())
                } else {
                    Err(io::Error::other(format!("the service ended badly: {status}; see serve.log")))
                };
            }
            thread::sleep(Duration::from_millis(5));
        }
        Err(io::Error::other("the service did not end within 15 s of SIGTERM"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}
