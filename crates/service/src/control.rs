//! How other commands speak to the running service: one line of JSON each way, over a socket in the state folder.
//!
//! The store has one writer, and while the service runs that is the service. So what an operator does about dead letters is
//! asked of it. Who may open the state folder may ask: `control/` in it is for its owner alone.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use route::Silence;
use serde::{Deserialize, Serialize};

use crate::drill::{Closed, DrillOrder, Drilled};

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "ask", deny_unknown_fields)]
pub enum Request {
    /// How the service is.
    Health,
    /// To load its configuration again.
    Reload,
    /// To send dead letters again: these, or all of a target.
    Retry {
        /// Who wants it, for the audit list.
        actor: String,
        /// Which, as `id:revision:target`.
        keys: Vec<String>,
        /// All of this target.
        target: Option<String>,
    },
    /// Not to tell of something for a while. Refused if it names a rule that is not there, or an account that can be none.
    Silence {
        /// What, why and until when.
        silence: Silence,
    },
    /// Not to tell for a while of what is like a finding: of the same rule, account and principal.
    SilenceLike {
        /// The finding, or the conversation that began with it.
        finding: String,
        /// Who wants it.
        who: String,
        /// Why.
        why: String,
        /// Until when.
        until: Timestamp,
    },
    /// To say something more of a finding wherever it was told: what was done about it.
    Note {
        /// The finding.
        finding: String,
        /// What is said.
        note: String,
    },
    /// To tell of it again.
    Unsilence {
        /// The silence.
        id: String,
        /// Who wants it, for the audit list.
        who: String,
    },
    /// To hold a drill: a rule's own firing test, told to the real targets.
    Drill {
        /// What is asked for.
        order: DrillOrder,
    },
    /// To wait until a drill is over where it stays open.
    DrillEnd {
        /// The drill.
        id: String,
    },
    /// Somebody has a finding in hand: nobody else is told for want of an answer.
    Acknowledge {
        /// The finding, or the conversation it is in.
        finding: String,
        /// Who.
        by: String,
    },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "answer")]
pub enum Response {
    /// How the service is.
    Health {
        /// Whether it should be sent work.
        ready: bool,
        /// Its parts, each with a line.
        parts: Vec<(String, String)>,
        /// Since when it runs.
        since: Timestamp,
        /// Its version.
        version: String,
    },
    /// It was asked to.
    Reloading,
    /// So many dead letters are pending again.
    Retried {
        /// How many.
        count: u64,
    },
    /// What came of a drill's messages.
    Drilled {
        /// What.
        drilled: Box<Drilled>,
    },
    /// A drill is over.
    DrillOver {
        /// What came of saying so.
        closed: Closed,
    },
    /// It was done, and is in the store.
    Done,
    /// The silence is kept.
    Silenced {
        /// What makes one doubt that it hides what is meant, a line each.
        doubts: Vec<String>,
    },
    /// It was not done.
    Refused {
        /// Why.
        reason: String,
    },
}

/// The longest line either side reads, in bytes.
const LINE_MAX: u64 = 4 << 20;

fn socket(state: &Path) -> PathBuf {
    state.join("control").join("socket")
}

/// Asks the service that runs on a state folder; none if none does.
///
/// # Errors
///
/// If somebody is there and does not answer properly.
pub fn ask(state: &Path, request: &Request) -> io::Result<Option<Response>> {
    ask_for(state, request, Duration::from_secs(15))
}

/// The same for what takes longer, because others are asked outside: how long an answer is waited for.
///
/// # Errors
///
/// If somebody is there and does not answer properly.
#[cfg(unix)]
pub fn ask_for(state: &Path, request: &Request, patience: Duration) -> io::Result<Option<Response>> {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::os::unix::net::UnixStream;

    let stream = match UnixStream::connect(socket(state)) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    stream.set_read_timeout(Some(patience))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    (&stream).write_all(&line)?;
    let mut answer = String::new();
    BufReader::new((&stream).take(LINE_MAX)).read_line(&mut answer)?;
    if answer.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the service ended before it answered"));
    }
    Ok(Some(serde_json::from_str(&answer)?))
}

/// Where there are no such sockets, nobody can be asked.
///
/// # Errors
///
/// Never.
#[cfg(not(unix))]
pub fn ask_for(_: &Path, _: &Request, _: Duration) -> io::Result<Option<Response>> {
    Ok(None)
}

#[cfg(unix)]
pub(crate) use unix::serve;

#[cfg(unix)]
mod unix {
    use std::fs;
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    use std::path::Path;

    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    use tokio::net::{UnixListener, UnixStream};
    use tokio::sync::{mpsc, oneshot};

    use super::{LINE_MAX, Request, Response, socket};

    /// A question with the way back for its answer.
    pub(crate) type Asked = (Request, oneshot::Sender<Response>);

    /// Listens in the state folder. The caller holds the folder's lock, so a socket that is there belongs to nobody any more.
    pub(crate) fn serve(state: &Path, questions: mpsc::Sender<Asked>) -> io::Result<()> {
        let path = socket(state);
        if let Some(folder) = path.parent() {
            if !folder.is_dir() {
                fs::DirBuilder::new().mode(0o700).create(folder)?;
            }
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // One that does not behave is simply not answered.
                tokio::spawn(answer(stream, questions.clone()));
            }
        });
        Ok(())
    }

    async fn answer(stream: UnixStream, questions: mpsc::Sender<Asked>) -> Option<()> {
        let (read, mut write) = stream.into_split();
        let mut line = String::new();
        BufReader::new(read.take(LINE_MAX)).read_line(&mut line).await.ok()?;
        let response = match serde_json::from_str::<Request>(&line) {
            Ok(request) => {
                let (sender, receiver) = oneshot::channel();
                questions.send((request, sender)).await.ok()?;
                receiver.await.ok()?
            }
            Err(error) => Response::Refused { reason: format!("not a question: {error}") },
        };
        let mut text = serde_json::to_vec(&response).ok()?;
        text.push(b'\n');
        write.write_all(&text).await.ok()
    }
}
