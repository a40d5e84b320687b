//! Where the names of accounts come from: a file, AWS Organizations, or both.
//!
//! AWS is asked by the service, which keeps the answer in its state folder; here only that answer is read. So whatever reads the
//! configuration knows the same accounts, whether AWS answers or not. What stands in the file goes before what AWS says.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rules::yaml::{Node, Value};
use rules::{Check, Organization};
use targets::aws::Role;

use crate::read::Reader;

/// The name in the state folder of the file with what AWS Organizations last told.
const TOLD: &str = "organization.json";

/// How AWS Organizations is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organizations {
    /// The file that keeps its last answer.
    pub kept: PathBuf,
    /// How long an answer is good.
    pub refresh: Duration,
    /// The region to ask in; without it the one that the service has in AWS's ordinary partition.
    pub region: Option<String>,
    /// A role that is assumed to ask.
    pub role: Option<Role>,
    /// Another endpoint than AWS's.
    pub endpoint: Option<String>,
}

pub(crate) const KEYS: [&str; 2] = ["file", "organizations"];
pub(crate) const ORGANIZATIONS_KEYS: [&str; 5] = ["refresh", "region", "role", "external_id", "endpoint"];

/// Names of accounts change by the week; a new account should have its name within the hour.
const REFRESH: Duration = Duration::from_secs(3600);
const REFRESH_MIN: Duration = Duration::from_secs(60);
const REFRESH_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

impl Reader<'_, '_> {
    pub(crate) fn accounts(
        &mut self,
        node: &Node,
        state: Option<&Path>,
        organization: &mut Organization,
    ) -> Option<Organizations> {
        let fields = self.fields(node, "`accounts`", &KEYS, &[])?;
        let organizations = fields.get("organizations").and_then(|node| self.organizations(node, state));
        if let Some(file) = fields.get("file") {
            self.accounts_file(file, organization);
        } else if fields.get("organizations").is_none() {
            fields.required(self.complaints, "file");
        }
        if let Some(Organizations { kept, .. }) = &organizations {
            let path = kept.display().to_string();
            if let Some(text) = self.files.text(&path) {
                let mut told = Organization::new();
                self.elsewhere.extend(told.read_accounts(&path, &text));
                organization.accounts.fill_in(told.accounts);
            }
        }
        organizations
    }

    fn accounts_file(&mut self, file: &Node, organization: &mut Organization) {
        let Some(path) = self.path(file, "`file`") else { return };
        let path = path.display().to_string();
        match self.files.text(&path) {
            Some(text) => self.elsewhere.extend(organization.read_accounts(&path, &text)),
            None => {
                let message = format!("there is no file `{}`", rules::shown(&path));
                let help = "a relative path begins at the folder of the configuration";
                self.wrong(Check::FileNotFound, file, message, help);
            }
        }
    }

    /// `true`, or a mapping with what is different.
    fn organizations(&mut self, node: &Node, state: Option<&Path>) -> Option<Organizations> {
        let (mut refresh, mut region) = (Some(REFRESH), Some(None));
        let (mut role, mut endpoint) = (Some(None), Some(None));
        if matches!(node.value, Value::Mapping(_)) {
            let fields = self.fields(node, "`organizations`", &ORGANIZATIONS_KEYS, &[])?;
            if let Some(node) = fields.get("refresh") {
                refresh = self.duration(node, "refresh", REFRESH_MAX);
                if refresh.is_some_and(|refresh| refresh < REFRESH_MIN) {
                    let message = "`refresh` is at least 1m";
                    self.complaints.add(Check::InvalidValue, node.range.clone(), message);
                    refresh = None;
                }
            }
            let absent = |text: Option<Option<String>>| text.map_or(Some(None), |text| text.map(Some));
            region = absent(fields.get("region").map(|node| self.region(node)));
            role = self.literal_role(&fields);
            endpoint = absent(fields.get("endpoint").map(|node| self.url(node, "`endpoint`")));
        } else if !self.truth(node, "organizations")? {
            return None;
        }
        let Some(state) = state else {
            let message = "what AWS Organizations tells is kept in the state folder, and there is none";
            self.wrong(Check::MissingKey, node, message, "set `state`");
            return None;
        };
        Some(Organizations {
            kept: state.join(TOLD),
            refresh: refresh?,
            region: region?,
            role: role?,
            endpoint: endpoint?,
        })
    }
}

#[cfg(test)]
mod tests {
    use rules::MemoryFiles;

    use super::*;
    use crate::Analysis;

    fn read(text: &str, files: &[(&str, &str)]) -> (Option<Analysis>, Vec<String>) {
        let mut memory = MemoryFiles::default();
        memory.insert("t.yaml", text);
        for (path, text) in files {
            memory.insert(*path, *text);
        }
        let read = Analysis::read("t.yaml", &memory);
        (read.value, read.diagnostics.iter().map(ToString::to_string).collect())
    }

    const FILE: (&str, &str) =
        ("accounts.yaml", "\"111122223333\": { name: Payments, tags: { env: prod } }\n");
    const KEPT: (&str, &str) = (
        "/var/lib/x/organization.json",
        r#"{"111122223333":{"name":"payments-prod","ou":"Prod","tags":{"env":"test","tier":"1"},"owner":"pay"},"444455556666":{"name":"tools"}}"#,
    );

    #[test]
    fn the_file_goes_before_what_aws_told() {
        let text = "state: /var/lib/x\naccounts: { organizations: { refresh: 15m }, file: accounts.yaml }\n";
        let (analysis, said) = read(text, &[FILE, KEPT]);
        assert_eq!(said, Vec::<String>::new());
        let analysis = analysis.unwrap();
        let context = analysis.context(1);
        let account = context.account("111122223333").unwrap();
        assert_eq!((account.name.as_deref(), account.ou.as_deref()), (Some("Payments"), Some("Prod")));
        assert_eq!((account.tags["env"].as_ref(), account.tags["tier"].as_ref()), ("prod", "1"));
        assert_eq!(context.account_name("444455556666"), "tools");
        let organizations = analysis.organizations.unwrap();
        assert_eq!(organizations.refresh, Duration::from_secs(900));
        assert_eq!(organizations.kept, Path::new(KEPT.0));
    }

    #[test]
    fn nothing_kept_yet_is_no_fault() {
        let (analysis, said) = read("state: /var/lib/x\naccounts: { organizations: true }\n", &[]);
        assert_eq!(said, Vec::<String>::new());
        let analysis = analysis.unwrap();
        assert!(analysis.organizations.is_some() && analysis.context(1).accounts().is_empty());
        let (analysis, _) = read("accounts: { organizations: false, file: accounts.yaml }\n", &[FILE]);
        assert!(analysis.unwrap().organizations.is_none());
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, expected) in [
            ("accounts: { organizations: true }\n", "is kept in the state folder, and there is none"),
            ("state: x\naccounts: { organizations: { refresh: 5s } }\n", "`refresh` is at least 1m"),
            ("state: x\naccounts: { organizations: { region: Frankfurt } }\n", "`Frankfurt` is not a region"),
            ("state: x\naccounts: { organizations: 7 }\n", "`organizations` is true or false"),
            ("accounts: {}\n", "`accounts` needs `file`"),
        ] {
            let (analysis, said) = read(text, &[]);
            assert!(analysis.is_none() && said[0].contains(expected), "{text}: {said:?}");
        }
    }
}
