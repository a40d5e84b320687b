//! Why a source ended.

/// Why a source cannot go on. Texts are for people: one line, without secrets; `next_step` says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// It will not work as it is configured: running it again changes nothing until somebody acts.
    #[error("{reason}")]
    Misconfigured {
        /// What is wrong.
        reason: String,
        /// What to do.
        next_step: String,
    },
    /// Something it needs does not work now: running it again later may help.
    #[error("{reason}")]
    Failed {
        /// What went wrong.
        reason: String,
        /// What to do if it stays so.
        next_step: String,
    },
    /// Nobody takes its batches any more.
    #[error("nobody takes the input any more")]
    Abandoned,
}

impl SourceError {
    /// Something that somebody has to change.
    pub fn misconfigured(reason: impl Into<String>, next_step: impl Into<String>) -> Self {
        SourceError::Misconfigured { reason: reason.into(), next_step: next_step.into() }
    }

    /// Something that may pass.
    pub fn failed(reason: impl Into<String>, next_step: impl Into<String>) -> Self {
        SourceError::Failed { reason: reason.into(), next_step: next_step.into() }
    }

    /// What to do about it.
    #[must_use]
    pub fn next_step(&self) -> Option<&str> {
        match self {
            SourceError::Misconfigured { next_step, .. } | SourceError::Failed { next_step, .. } => {
                Some(next_step)
            }
            SourceError::Abandoned => None,
        }
    }
}
