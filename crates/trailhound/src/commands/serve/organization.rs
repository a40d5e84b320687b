//! Asks AWS Organizations for accounts now and then, and keeps the answer in the state folder.
//!
//! The service reads that file as part of its configuration and watches it, so a new answer is a reload: the names that rules see
//! change between two batches. While AWS does not answer, the last answer stands.

use std::sync::{Arc, Mutex, PoisonError};

use configuration::Organizations;

/// What the configuration says at the moment; a reload may change it.
#[derive(Clone, Default)]
pub(super) struct Asked(Arc<Mutex<Option<Organizations>>>);

impl Asked {
    pub(super) fn set(&self, organizations: Option<Organizations>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = organizations;
    }
}

#[cfg(feature = "aws")]
mod asking {
    use std::fs;
    use std::io;
    use std::path::Path;
    use std::sync::PoisonError;
    use std::time::Duration;

    use configuration::Organizations;
    use service::Journal;
    use sources::aws::{AwsSettings, organization_accounts};

    use super::Asked;

    /// How soon a call that failed is made again, unless the answer is wanted more often anyway.
    const AGAIN: Duration = Duration::from_secs(300);
    /// How often a configuration that does not ask is looked at again.
    const LOOK: Duration = Duration::from_secs(60);

    /// Asks for as long as the process lives.
    pub(in super::super) async fn ask(asked: Asked, journal: Journal) {
        loop {
            let organizations = asked.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let wait = match organizations {
                None => LOOK,
                Some(organizations) if ask_once(&organizations, &journal).await => organizations.refresh,
                Some(organizations) => organizations.refresh.min(AGAIN),
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Whether the answer is kept.
    async fn ask_once(organizations: &Organizations, journal: &Journal) -> bool {
        let settings = AwsSettings {
            region: organizations.region.clone(),
            endpoint: organizations.endpoint.clone(),
            role: organizations.role.clone(),
            ..AwsSettings::default()
        };
        let accounts = match organization_accounts(&settings).await {
            Ok(accounts) => accounts,
            Err(error) => {
                let line =
                    journal.warn("AWS Organizations does not tell the accounts; what it told last is used");
                let line = line.with("reason", &error);
                line.with("hint", error.next_step.as_deref().unwrap_or("none")).done();
                return false;
            }
        };
        // Maps and texts, in order: the same accounts are the same text.
        let text = serde_json::to_string_pretty(&accounts).unwrap_or_default();
        if fs::read_to_string(&organizations.kept).is_ok_and(|kept| kept == text) {
            return true;
        }
        match replace(&organizations.kept, &text) {
            Ok(()) => {
                journal.info("AWS Organizations told of accounts").with("accounts", accounts.len()).done();
                true
            }
            Err(error) => {
                let line = journal.warn("what AWS Organizations told cannot be kept");
                line.with("file", organizations.kept.display()).with("reason", error).done();
                false
            }
        }
    }

    /// Whoever reads it sees all of the old text or all of the new.
    fn replace(path: &Path, text: &str) -> io::Result<()> {
        let beside = path.with_extension("json.new");
        fs::write(&beside, text)?;
        fs::rename(beside, path)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_file_is_replaced_as_a_whole() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("organization.json");
            for text in ["{}", "{\"111122223333\": {}}"] {
                replace(&path, text).unwrap();
                assert_eq!(fs::read_to_string(&path).unwrap(), text);
            }
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }
}

#[cfg(feature = "aws")]
pub(super) use asking::ask;
