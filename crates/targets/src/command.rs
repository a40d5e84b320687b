//! A program on this machine, once per message.
//!
//! It is started without a shell, with an environment of its own and the finding on its standard input. What it says is read up to a
//! bound, and it is killed, with what it started, when its time is up. How it ends decides: `0` is delivered, `64` to `74` and `76` to `78`
//! (`sysexits.h`: the input or the set-up is wrong) will never work, and everything else is worth another attempt.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use route::printable::line;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command as Process};

use crate::secret::Redaction;
use crate::{Delivering, Delivery, DeliveryError, Receipt, Secret, SetupError, Shape, Target};

/// How much of what it says is kept, in bytes.
const SAID_MAX: usize = 4096;
/// How much of it is shown, in characters.
const SHOWN_MAX: usize = 200;

/// What a command needs.
#[derive(Debug, Clone)]
pub struct CommandSettings {
    /// The program, by its absolute path, and its arguments.
    pub argv: Vec<String>,
    /// Its environment, beside the variables that tell of the finding. Nothing is inherited.
    pub environment: BTreeMap<String, Secret>,
    /// Where it runs; `/` if nothing is said.
    pub folder: Option<PathBuf>,
    /// How long it may run.
    pub timeout: Duration,
    /// What it reads.
    pub shape: Shape,
}

impl CommandSettings {
    /// Whether they will do, as far as it can be told without starting anything: setting up asks the same.
    ///
    /// # Errors
    ///
    /// If the program, a variable or the input will not do.
    pub fn check(&self) -> Result<(), SetupError> {
        let program = self.argv.first().ok_or(SetupError::Program)?;
        if !program.starts_with('/') || self.argv.iter().any(|argument| argument.contains('\0')) {
            return Err(SetupError::Program);
        }
        for (name, value) in &self.environment {
            let plain = !name.is_empty()
                && !name.starts_with("TRAILHOUND_")
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !plain || value.expose().contains('\0') {
                return Err(SetupError::Variable(line(name, 80)));
            }
        }
        self.shape.check()
    }
}

/// Runs a program.
pub struct Command {
    settings: CommandSettings,
    redaction: Redaction,
}

impl Command {
    /// Sets it up.
    ///
    /// # Errors
    ///
    /// If the program, a variable or the input will not do.
    pub fn new(settings: CommandSettings) -> Result<Self, SetupError> {
        settings.check()?;
        let redaction = Redaction::of(settings.environment.values().cloned());
        Ok(Command { settings, redaction })
    }

    async fn run(&self, delivery: &Delivery) -> Result<Receipt, DeliveryError> {
        let input = self.settings.shape.text(delivery)?;
        let mut child = self
            .process(delivery)
            .spawn()
            .map_err(|error| DeliveryError::retryable(format!("could not start the program: {error}")))?;
        let mut group = Group::of(&child);
        let talk =
            tokio::time::timeout(self.settings.timeout, converse(&mut child, input.into_bytes())).await;
        let Ok(ended) = talk else {
            drop(group);
            let _ = child.kill().await;
            let seconds = self.settings.timeout.as_secs_f32();
            return Err(DeliveryError::retryable(format!("the program was not done within {seconds} s")));
        };
        group.release();
        let (status, said) =
            ended.map_err(|error| DeliveryError::retryable(format!("could not run the program: {error}")))?;
        let said = line(&self.redaction.apply(&said), SHOWN_MAX);
        let said = if said.is_empty() { said } else { format!(": {said}") };
        match status.code() {
            Some(0) => Ok(Receipt::of(format!("exit code 0{said}"))),
            Some(code @ (64..=74 | 76..=78)) => {
                Err(DeliveryError::Permanent { reason: format!("exit code {code}{said}") })
            }
            Some(code) => Err(DeliveryError::retryable(format!("exit code {code}{said}"))),
            None => Err(DeliveryError::retryable(format!("ended by a signal{said}"))),
        }
    }

    fn process(&self, delivery: &Delivery) -> Process {
        let (program, arguments) =
            self.settings.argv.split_first().map_or(("", &[][..]), |(program, rest)| (program, rest));
        let mut process = Process::new(program);
        process.args(arguments).env_clear();
        for (name, value) in &self.settings.environment {
            process.env(name, value.expose());
        }
        let message = delivery.message();
        process
            .env("TRAILHOUND_KEY", delivery.key())
            .env("TRAILHOUND_FINDING", delivery.finding().id())
            .env("TRAILHOUND_RULE", &message.rule)
            .env("TRAILHOUND_SEVERITY", message.severity.name())
            .env("TRAILHOUND_STATE", message.state.name());
        process
            .current_dir(self.settings.folder.as_deref().unwrap_or("/".as_ref()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        process.process_group(0);
        process
    }
}

/// Writes its input and reads what it says, both at once: neither side waits for the other.
async fn converse(child: &mut Child, input: Vec<u8>) -> std::io::Result<(std::process::ExitStatus, String)> {
    let stdin = child.stdin.take();
    let write = async {
        if let Some(mut stdin) = stdin {
            // A program that does not want to read it all has its reasons, and an exit code.
            let _ = stdin.write_all(&input).await;
            let _ = stdin.shutdown().await;
        }
    };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (status, (), out, err) = tokio::join!(child.wait(), write, said(stdout), said(stderr));
    // What goes wrong is mostly told on standard error.
    let text = if err.trim().is_empty() { out } else { err };
    Ok((status?, text))
}

/// The beginning of what comes out; the rest is read and forgotten, so that the program is not held up by it.
async fn said(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    if let Some(mut stream) = stream {
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            let room = SAID_MAX.saturating_sub(kept.len());
            kept.extend(buffer.iter().take(read.min(room)));
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// The program and what it started, which are one group of processes. They end when this is dropped, unless it was released: an attempt that
/// is broken off leaves nothing behind.
struct Group {
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
}

impl Group {
    #[cfg(unix)]
    fn of(child: &Child) -> Self {
        let leader = child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
        Group { leader }
    }

    #[cfg(not(unix))]
    fn of(_: &Child) -> Self {
        Group {}
    }

    /// The program has ended, and nobody in its group holds its output open: its number may be another's by now.
    fn release(&mut self) {
        #[cfg(unix)]
        {
            self.leader = None;
        }
    }
}

#[cfg(unix)]
impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            // All of them may have ended just now.
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

impl Target for Command {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.run(delivery))
    }
}

impl std::fmt::Debug for Command {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Command")
            .field("program", &self.settings.argv.first())
            .finish_non_exhaustive()
    }
}
