//! What the service says of itself: one line an occurrence, on standard error, for people and for programs.
//!
//! ```text
//! time=2026-11-03T02:41:09.120Z level=warn msg="the source failed" source=cloudtrail reason="no such queue" again_in=4s
//! ```
//!
//! Invariant: a line is one line. Whatever a value is, event text included, its characters that act on a terminal or end a
//! line are escaped, and it is cut at [`VALUE_MAX`] characters. Secrets never come here: those who hold them have no `Display`.

use std::fmt::{self, Display, Write as _};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use targets::Clock;

/// The longest value, in characters.
const VALUE_MAX: usize = 1_000;

/// How much an occurrence matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Somebody has to do something.
    Error,
    /// Something is not as it should be and is being dealt with.
    Warn,
    /// The service begins, ends or changes.
    Info,
    /// What happens all the time.
    Debug,
}

impl Level {
    /// All of them, the gravest first.
    pub const ALL: [Level; 4] = [Level::Error, Level::Warn, Level::Info, Level::Debug];

    /// The name in the line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

/// Where lines go, from which level on. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    out: Arc<Mutex<dyn Write + Send>>,
    least: Level,
    clock: Clock,
}

/// A line that is being written; it goes out when it is [done](Line::done).
#[must_use = "a line goes out when it is done"]
pub struct Line<'j> {
    journal: Option<&'j Journal>,
    text: String,
}

impl Journal {
    /// A journal that writes to `out` what is at least as grave as `least`.
    pub fn new(out: impl Write + Send + 'static, least: Level, clock: Clock) -> Self {
        Journal { out: Arc::new(Mutex::new(out)), least, clock }
    }

    /// Begins a line. `message` is a fixed text of the program; what varies is added with [`Line::with`].
    pub fn line(&self, level: Level, message: &'static str) -> Line<'_> {
        if level > self.least {
            return Line { journal: None, text: String::new() };
        }
        let now = (self.clock)();
        let mut text = format!("time={now:.3} level={} msg=", level.name());
        value(&mut text, message);
        Line { journal: Some(self), text }
    }

    /// Somebody has to do something.
    pub fn error(&self, message: &'static str) -> Line<'_> {
        self.line(Level::Error, message)
    }

    /// Something is not as it should be.
    pub fn warn(&self, message: &'static str) -> Line<'_> {
        self.line(Level::Warn, message)
    }

    /// Something began, ended or changed.
    pub fn info(&self, message: &'static str) -> Line<'_> {
        self.line(Level::Info, message)
    }

    /// What happens all the time.
    pub fn debug(&self, message: &'static str) -> Line<'_> {
        self.line(Level::Debug, message)
    }
}

impl Line<'_> {
    /// Ends the line and lets it go out.
    pub fn done(self) {
        drop(self);
    }

    /// Adds a value.
    pub fn with(mut self, name: &'static str, shown: impl Display) -> Self {
        if self.journal.is_some() {
            self.text.push(' ');
            self.text.push_str(name);
            self.text.push('=');
            value(&mut self.text, &shown.to_string());
        }
        self
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let Some(journal) = self.journal else { return };
        self.text.push('\n');
        let mut out = journal.out.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody is left to tell if standard error is gone.
        let _ = out.write_all(self.text.as_bytes());
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Journal").field("least", &self.least).finish_non_exhaustive()
    }
}

/// Bare where nothing can be mistaken, else in quotes.
fn value(out: &mut String, shown: &str) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:+%@,".contains(c);
    if !shown.is_empty() && shown.len() <= VALUE_MAX && shown.chars().all(plain) {
        out.push_str(shown);
        return;
    }
    out.push('"');
    for c in route::printable::line(shown, VALUE_MAX).chars() {
        match c {
            '"' => out.push_str("\\\""),
            // Writing to a String cannot fail.
            c => drop(out.write_char(c)),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_line_whatever_is_in_it() {
        let sink = Sink::default();
        let clock: Clock = Arc::new(|| "2026-11-03T02:41:09.12Z".parse().unwrap());
        let journal = Journal::new(sink.clone(), Level::Info, clock);
        journal.info("a source began").with("source", "http").with("count", 3).done();
        journal.debug("not said").with("source", "http").done();
        journal
            .warn("a file cannot be read")
            .with("name", "a\nlevel=error \u{1b}[2J\"x\"")
            .with("reason", "")
            .done();
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        insta::assert_snapshot!(text, @r#"
        time=2026-11-03T02:41:09.120Z level=info msg="a source began" source=http count=3
        time=2026-11-03T02:41:09.120Z level=warn msg="a file cannot be read" name="a level=error \u{1b}[2J\"x\"" reason=""
        "#);
    }
}
