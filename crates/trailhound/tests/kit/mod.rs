//! Runs the binary the way a person does, and looks at what a person sees.
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses a part of it")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test")]

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a run of the binary showed.
pub(crate) struct Seen {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {}\n--- stdout\n{}--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

impl Seen {
    /// The findings printed as NDJSON.
    pub(crate) fn findings(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of NDJSON")).collect()
    }
}

/// The binary in a folder of its own, with no environment that changes what is shown.
pub(crate) fn trailhound(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trailhound"));
    command.current_dir(folder).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").stdin(Stdio::null());
    command
}

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Seen {
    see(trailhound(folder).args(arguments))
}

pub(crate) fn run_with_input(folder: &Path, arguments: &[&str], input: &[u8]) -> Seen {
    let mut command = trailhound(folder);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // The binary may leave before it has read everything.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("the binary ends");
    writer.join().expect("the writer ends");
    seen(&output)
}

pub(crate) fn see(command: &mut Command) -> Seen {
    seen(&command.output().expect("the binary starts"))
}

fn seen(output: &std::process::Output) -> Seen {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    Seen {
        code: output.status.code().expect("no signal ended it"),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// A temporary folder with these files in it.
pub(crate) fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, content).expect("a file");
    }
    folder
}

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The shared data, or `None` where this machine does not have it and may go without.
pub(crate) fn shared_data(part: &str) -> Option<PathBuf> {
    let folder =
        std::env::var_os("TRAILHOUND_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    let path = folder.join(part);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("TRAILHOUND_REQUIRE_DATA").is_none(), "{} is missing", path.display());
    eprintln!("left out: there is no {}", path.display());
    None
}

/// A CloudTrail record that the built-in pack has an opinion of, with `eventID` and `eventTime` as given.
pub(crate) fn stop_logging(id: &str, time: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111122223333:user/mallory","accountId":"111122223333","accessKeyId":"AKIAIOSFODNN7EXAMPLE","userName":"mallory"}},"eventTime":"{time}","eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.7","userAgent":"aws-cli/2.17.0","requestParameters":{{"name":"audit"}},"responseElements":null,"requestID":"1","eventID":"{id}","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"}}"#
    )
}

/// A log file with these records.
pub(crate) fn log_file(records: &[String]) -> Vec<u8> {
    format!("{{\"Records\":[{}]}}", records.join(",")).into_bytes()
}

/// The same, compressed.
pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}
