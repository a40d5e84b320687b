//! Things to store, and a test that starts itself again as another process.

// Every test file takes what it needs of this.
#![allow(dead_code, clippy::allow_attributes)]

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use store::{Audit, DeliveryKey, Durability, Finding, Namespace, Options, Severity, Store};

pub(crate) fn quick() -> Options {
    Options { durability: Durability::Crash, ..Options::default() }
}

pub(crate) fn open(folder: &Path) -> Store {
    Store::open(folder, &quick()).unwrap()
}

pub(crate) fn finding(id: &str, revision: u32) -> Finding {
    Finding {
        id: id.into(),
        revision,
        rule: "root-use".into(),
        severity: Severity::High,
        state: "firing".into(),
        account: "111122223333".into(),
        region: "us-east-1".into(),
        time_ms: 1_000,
        outcome: Some("sent".into()),
        outcome_of: None,
        body: format!("{{\"id\":\"{id}\",\"revision\":{revision}}}").into_bytes(),
    }
}

pub(crate) fn key(finding: &str, revision: u32, target: &str) -> DeliveryKey {
    DeliveryKey::new(finding, revision, target).unwrap()
}

pub(crate) fn rule() -> Namespace {
    Namespace::new("root-use", [1; 32])
}

pub(crate) fn audit(at_ms: i64) -> Audit {
    Audit { at_ms, actor: "kim".into(), action: "retry".into(), subject: "oncall".into(), detail: Vec::new() }
}

/// Numbers that are the same in every run.
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // SplitMix64, Steele, Lea and Flood 2014.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

const OTHER: &str = "STORE_TEST_OTHER_PROCESS";

/// In the process that [`other_process`] started: the folder it is to work in.
pub(crate) fn folder_of_other_process() -> Option<PathBuf> {
    env::var_os(OTHER).map(PathBuf::from)
}

/// This test program once more, to run one test, which then sees [`folder_of_other_process`].
pub(crate) fn other_process(program: &Path, test: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(OTHER, folder);
    command
}
