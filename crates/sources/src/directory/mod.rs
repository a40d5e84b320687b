//! A folder: files that appear in it, and files that grow.
//!
//! The folder is looked at again and again instead of asking the system to tell of changes: that works on network drives and in containers,
//! where nobody tells, and a change that is missed once is seen the next time. What it costs is a walk every few seconds; a walk that takes
//! long is made less often.
//!
//! * `.ndjson`, `.jsonl` and `.log` **grow**: whole lines are taken as they appear.
//! * `.json`, `.json.gz` and `.gz` are taken **whole**, once they have been quiet for a while. One whose compressed data breaks off is
//!   given a longer while.
//!
//! What begins with a dot is left alone, which is how tools mark files they are still writing.
//!
//! **A file is read once.** It is known by its path, length and time of modification; what grows also by its beginning. All of that is in its
//! checkpoint, stored with the events that were read. A file that was renamed is recognised by the rest and not read again. A file that is
//! rewritten is another file: it is read again, and events that were in it before are recognised as duplicates by who decides.

mod file;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::directory::file::{Found, Known, Position};
use crate::directory::read::{Piece, next_piece};
use crate::{Checkpoint, Class, Content, Payload, Running, Session, Source, SourceError, Verdict, Waiting};

/// A folder whose log files are read.
#[derive(Debug, Clone)]
pub struct Directory {
    settings: DirectorySettings,
}

/// How a folder is read.
#[derive(Debug, Clone)]
pub struct DirectorySettings {
    /// The source's name.
    pub name: String,
    /// The folder. It is looked through to any depth; links are followed.
    pub path: PathBuf,
    /// Whether to wait for more. Otherwise the source ends when everything that is there was committed.
    pub watch: bool,
    /// How long to wait between two looks.
    pub poll: Duration,
    /// How long a file must not have changed before it is taken whole.
    pub quiet: Duration,
}

impl DirectorySettings {
    /// The usual settings for a folder: watched, looked at every two seconds, quiet after two.
    #[must_use]
    pub fn new(name: &str, path: impl Into<PathBuf>) -> Self {
        let seconds = Duration::from_secs(2);
        DirectorySettings {
            name: name.to_owned(),
            path: path.into(),
            watch: true,
            poll: seconds,
            quiet: seconds,
        }
    }
}

impl Directory {
    /// A folder.
    #[must_use]
    pub fn new(settings: DirectorySettings) -> Self {
        Directory { settings }
    }
}

impl Source for Directory {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn run(&self, session: Session) -> Running<'_> {
        Box::pin(Run::new(&self.settings, session).run())
    }
}

/// A look at the folder takes at most this part of the time.
const WALK_SHARE: u32 = 10;
/// How many times longer than usual a file must be quiet whose end seems to be missing.
const PATIENCE: u32 = 15;

struct Run<'a> {
    settings: &'a DirectorySettings,
    session: Session,
    /// What was committed, and is in the checkpoints, by path.
    known: BTreeMap<String, Known>,
    /// Files that are not yet quiet: how they were when they last changed, and when that was seen.
    changing: BTreeMap<String, (Position, Instant)>,
    /// Pieces without a verdict: at most one of each file, so that no checkpoint passes a piece that was refused.
    pending: Vec<(String, Position, Waiting)>,
    /// Why a piece was refused in this round.
    refused: Option<String>,
}

/// How a round over the files ended.
#[derive(Default)]
struct Round {
    /// Files wait to become quiet.
    unsettled: bool,
    /// The first thing that could not be read.
    trouble: Option<String>,
}

impl<'a> Run<'a> {
    fn new(settings: &'a DirectorySettings, session: Session) -> Self {
        let known = session.checkpoints.iter().filter_map(|(path, position)| {
            // A checkpoint that cannot be read is none: the file is read again, and its events are duplicates.
            Some((path.clone(), Known::new(serde_json::from_slice(position).ok()?)))
        });
        let known = known.collect();
        Run { settings, session, known, changing: BTreeMap::new(), pending: Vec::new(), refused: None }
    }

    async fn run(mut self) -> Result<(), SourceError> {
        let mut failures = 0_u32;
        loop {
            let began = Instant::now();
            let look = self.walk().await?;
            let took = began.elapsed();
            let round = self.round(look).await?;
            let refused = self.refused.take();
            failures = if refused.is_some() { failures.saturating_add(1) } else { 0 };
            self.tell(refused.as_deref(), round.trouble.as_deref());
            if self.session.stop.is_asked() {
                return Ok(());
            }
            if !self.settings.watch && !round.unsettled && refused.is_none() {
                return round.trouble.map_or(Ok(()), |trouble| Err(SourceError::failed(trouble, READABLE)));
            }
            let again = self.settings.poll.saturating_mul(1 << failures.min(5)).max(took * WALK_SHARE);
            tokio::select! {
                () = self.session.stop.asked() => return Ok(()),
                () = self.session.intake.abandoned() => return Err(SourceError::Abandoned),
                () = tokio::time::sleep(again) => {}
            }
        }
    }

    fn tell(&self, refused: Option<&str>, trouble: Option<&str>) {
        match (refused, trouble) {
            (Some(reason), _) => self.session.health.unhealthy(
                format!("what was read could not be committed: {reason}"),
                "look at the state folder's disk; the files are read again",
            ),
            (None, Some(trouble)) => self.session.health.unhealthy(trouble, READABLE),
            (None, None) => self.session.health.healthy(),
        }
    }

    async fn walk(&self) -> Result<file::Look, SourceError> {
        let root = self.settings.path.clone();
        blocking(move || file::walk(&root)).await?.map_err(|error| {
            SourceError::failed(
                format!("the folder {} cannot be looked through: {error}", self.settings.path.display()),
                "make the folder, mount its drive, or let the service's user read it",
            )
        })
    }

    /// Hands over what is new in the files found, and waits for the verdicts.
    async fn round(&mut self, look: file::Look) -> Result<Round, SourceError> {
        let file::Look { files, trouble } = look;
        let mut round = Round { trouble, unsettled: false };
        let there: BTreeSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
        let gone = self.known.keys().filter(|name| !there.contains(name.as_str())).cloned();
        // Behind a folder that cannot be read there may be files.
        let gone: Vec<String> = if round.trouble.is_none() { gone.collect() } else { Vec::new() };
        let moved = self.moved(&files);
        self.changing.retain(|name, _| there.contains(name.as_str()));
        for file in &files {
            if self.session.stop.is_asked() || self.refused.is_some() {
                break;
            }
            if !self.known.contains_key(&file.name) {
                self.recognise(file, &moved).await?;
            }
            if let Err(trouble) = self.take(file, &mut round).await? {
                round.trouble.get_or_insert(trouble);
            }
        }
        self.settle().await;
        self.forget(gone).await?;
        Ok(round)
    }

    /// What was read of files that are no longer under their names, whether nothing or another file is there now: a log that is rotated
    /// leaves its name to the next at once.
    fn moved(&self, files: &[Found]) -> Vec<Position> {
        let now: BTreeMap<&str, &Found> = files.iter().map(|file| (file.name.as_str(), file)).collect();
        let known = self.known.iter();
        let moved = known
            .filter(|(name, known)| now.get(name.as_str()).is_none_or(|file| !known.position.is_of(file)));
        moved.map(|(_, known)| known.position.clone()).collect()
    }

    /// A file that was renamed: what was read of it goes on under its new name.
    async fn recognise(&mut self, file: &Found, moved: &[Position]) -> Result<(), SourceError> {
        let Some(position) = moved.iter().find(|position| position.is_of(file)).cloned() else {
            return Ok(());
        };
        let (found, read) = (file.clone(), position.clone());
        if blocking(move || read::is_same(&found.path, &found, &read)).await?.unwrap_or(false) {
            self.known.insert(file.name.clone(), Known { position, stored: false });
        }
        Ok(())
    }

    /// Hands over what is new in a file. The inner error is the file's own.
    async fn take(&mut self, file: &Found, round: &mut Round) -> Result<Result<(), String>, SourceError> {
        let mut position = self.known.get(&file.name).map(|known| known.position.clone()).unwrap_or_default();
        if position.is_of(file) && position.is_done() {
            return Ok(Ok(()));
        }
        let (quiet, settled) = (self.quiet_for(file), self.settings.quiet);
        loop {
            let found = file.clone();
            let piece =
                blocking(move || next_piece(&found.path, &found, &position, quiet, settled, PATIENCE))
                    .await?;
            match piece {
                Ok(Piece::Nothing) => return Ok(Ok(())),
                Ok(Piece::Later) => {
                    round.unsettled = true;
                    return Ok(Ok(()));
                }
                Ok(Piece::TooLarge(next)) => {
                    self.set_aside(file, next).await?;
                    return Ok(Ok(()));
                }
                Ok(Piece::Body(body, next)) => {
                    let payload = Payload {
                        origin: file.path.display().to_string(),
                        class: Class::S3,
                        key: file.path.to_str().and_then(|path| path.parse().ok()),
                        body,
                    };
                    let content = Content { payloads: vec![payload], ..Content::default() };
                    self.offer(file, content, next.clone()).await?;
                    if next.is_done() {
                        return Ok(Ok(()));
                    }
                    self.settle().await;
                    if self.refused.is_some() || self.session.stop.is_asked() {
                        round.unsettled = true;
                        return Ok(Ok(()));
                    }
                    position = next;
                }
                Err(error) => return Ok(Err(format!("{} cannot be read: {error}", file.path.display()))),
            }
        }
    }

    async fn set_aside(&mut self, file: &Found, next: Position) -> Result<(), SourceError> {
        let aside = crate::SetAside {
            origin: file.path.display().to_string(),
            reason: format!("it inflates to more than {} GiB", crate::inflate::INFLATED_MAX >> 30),
            excerpt: Vec::new(),
        };
        let content = Content { set_aside: vec![aside], ..Content::default() };
        self.offer(file, content, next).await
    }

    async fn offer(&mut self, file: &Found, mut content: Content, next: Position) -> Result<(), SourceError> {
        content
            .checkpoints
            .push(Checkpoint { partition: file.name.clone(), position: Some(next.to_bytes()) });
        let waiting = self.session.intake.offer(content).await?;
        self.pending.push((file.name.clone(), next, waiting));
        Ok(())
    }

    /// Waits for the verdicts.
    async fn settle(&mut self) {
        for (name, position, waiting) in std::mem::take(&mut self.pending) {
            match waiting.await {
                Verdict::Committed => {
                    self.changing.remove(&name);
                    self.known.insert(name, Known::new(position));
                }
                Verdict::Refused { reason } => self.refused = Some(reason),
            }
        }
    }

    /// Takes the checkpoints of files that are gone out of the store, and puts those of renamed files in.
    async fn forget(&mut self, gone: Vec<String>) -> Result<(), SourceError> {
        let moved: Vec<(String, Position)> = self
            .known
            .iter()
            .filter(|(_, known)| !known.stored)
            .map(|(name, known)| (name.clone(), known.position.clone()))
            .collect();
        if gone.is_empty() && moved.is_empty() {
            return Ok(());
        }
        let gone_checkpoints = gone.iter().map(|name| Checkpoint { partition: name.clone(), position: None });
        let moved_checkpoints = moved.iter().map(|(name, position)| Checkpoint {
            partition: name.clone(),
            position: Some(position.to_bytes()),
        });
        let content = Content {
            checkpoints: gone_checkpoints.chain(moved_checkpoints).collect(),
            ..Content::default()
        };
        if self.session.intake.offer(content).await?.await.is_committed() {
            for name in gone {
                self.known.remove(&name);
            }
            for (name, _) in moved {
                if let Some(known) = self.known.get_mut(&name) {
                    known.stored = true;
                }
            }
        }
        Ok(())
    }

    /// How long the file has been as it is: by what was seen of it, or by its time of modification, whichever says longer.
    fn quiet_for(&mut self, file: &Found) -> Duration {
        let seen = match self.changing.get(&file.name) {
            Some((as_it_was, since)) if as_it_was.is_of(file) => since.elapsed(),
            _ => {
                self.changing.insert(file.name.clone(), (Position::whole(file), Instant::now()));
                Duration::ZERO
            }
        };
        let now = (self.session.clock)().as_nanosecond();
        let age = u64::try_from(now - file.modified).map_or(Duration::ZERO, Duration::from_nanos);
        seen.max(age)
    }
}

const READABLE: &str = "let the service's user read the file, or move it out of the folder";

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, SourceError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        SourceError::failed("reading a file broke down inside", "report this: it is a fault of the program")
    })
}

/// A path as it is named in checkpoints: below the folder.
fn name_below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}
