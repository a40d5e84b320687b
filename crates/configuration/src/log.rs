//! How much the service says of itself.

use rules::yaml::Node;

use crate::read::Reader;

/// The least grave occurrences that are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LogLevel {
    /// Somebody has to do something.
    Error,
    /// Something is not as it should be and is being dealt with.
    Warn,
    /// The service begins, ends or changes.
    #[default]
    Info,
    /// What happens all the time.
    Debug,
}

impl LogLevel {
    /// All of them, the gravest first.
    pub const ALL: [LogLevel; 4] = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug];

    /// Its name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
        }
    }
}

pub(crate) const KEYS: [&str; 1] = ["level"];

impl Reader<'_, '_> {
    pub(crate) fn log(&mut self, node: &Node) -> Option<LogLevel> {
        let fields = self.fields(node, "`log`", &KEYS, &[])?;
        let Some(node) = fields.get("level") else { return Some(LogLevel::default()) };
        let found = LogLevel::ALL.into_iter().find(|level| node.as_text() == Some(level.name()));
        if found.is_none() {
            self.complaints.one_of(node, "level of the log", LogLevel::ALL.map(LogLevel::name));
        }
        found
    }
}
