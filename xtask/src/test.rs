//! Everything that must hold before a change lands, in the order in which it fails fastest.
//!
//! Each step is a command a developer could type, and is printed as such. What a fresh Debian machine with Rust lacks is installed
//! first (as root through `apt-get`, or with a sentence saying what to install).

use std::ffi::OsStr;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use crate::{Outcome, data};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only the steps whose title contains this word
    #[arg(long)]
    only: Option<String>,
}

struct Step {
    title: &'static str,
    command: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl Step {
    fn new(title: &'static str, command: &[&str]) -> Self {
        Step {
            title,
            command: command.iter().map(|&word| word.to_owned()).collect(),
            environment: Vec::new(),
        }
    }

    fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    fn run(&self) -> Result<(), String> {
        let environment: String =
            self.environment.iter().map(|(name, value)| format!("{name}={value} ")).collect();
        eprintln!("\n==> {}\n    $ {environment}{}", self.title, self.command.join(" "));
        let begun = Instant::now();
        let (program, arguments) = self.command.split_first().ok_or("a step without a command")?;
        let program = if program == "cargo" { env!("CARGO") } else { program };
        let status = Command::new(program)
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(data::root())
            .stdin(Stdio::null())
            .status()
            .map_err(|error| format!("{}: cannot start `{program}`: {error}", self.title))?;
        eprintln!("    {:.0} s", begun.elapsed().as_secs_f64());
        if status.success() {
            Ok(())
        } else {
            Err(format!("{}: `{}` failed ({status})", self.title, self.command.join(" ")))
        }
    }
}

/// Runs the steps; the first failure ends it.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    install_missing()?;
    let python = python_with_moto()?;
    if data::shared().is_none() {
        let left_out = "the conformance files, the real logs and the labelled attacks";
        if std::env::var_os("TRAILHOUND_REQUIRE_DATA").is_some() {
            return Err(format!(
                "the shared data folder is missing, and with it {left_out}; set TRAILHOUND_DATA"
            )
            .into());
        }
        eprintln!("warning: no shared data folder (TRAILHOUND_DATA); the tests leave out {left_out}");
    }
    let wanted = |step: &Step| arguments.only.as_deref().is_none_or(|word| step.title.contains(word));
    let begun = Instant::now();
    for step in steps(&python).iter().filter(|step| wanted(step)) {
        step.run()?;
    }
    if arguments.only.is_none() {
        check_advisories()?;
    }
    eprintln!("\nall steps passed in {:.0} s", begun.elapsed().as_secs_f64());
    Ok(ExitCode::SUCCESS)
}

/// Everything is looked at and tested with the AWS clients built in; what is different without them is looked at beside.
const WITH_AWS: [&str; 2] = ["--features", "trailhound/aws"];

fn steps(python: &str) -> Vec<Step> {
    let binary = data::target().join("release/trailhound");
    let binary = binary.to_string_lossy();
    let mut steps = vec![
        Step::new("format", &["cargo", "fmt", "--all", "--check"]),
        Step::new(
            "lint",
            &[
                &["cargo", "clippy", "--workspace", "--all-targets", "--locked"],
                &WITH_AWS[..],
                &["--", "-D", "warnings"],
            ]
            .concat(),
        ),
        Step::new(
            "lint without the AWS clients",
            &[
                "cargo",
                "clippy",
                "--package",
                "sources",
                "--package",
                "trailhound",
                "--all-targets",
                "--locked",
                "--",
                "-D",
                "warnings",
            ],
        ),
        Step::new(
            "unit and integration tests",
            &[&["cargo", "test", "--workspace", "--all-targets", "--locked"], &WITH_AWS[..]].concat(),
        )
        .env("INSTA_UPDATE", "no")
        .env("TRAILHOUND_PYTHON", python),
        Step::new("documentation tests", &["cargo", "test", "--workspace", "--doc", "--locked"]),
        Step::new("documentation", &["cargo", "doc", "--workspace", "--no-deps", "--locked"])
            .env("RUSTDOCFLAGS", "-D warnings"),
        Step::new(
            "licences and sources",
            &["cargo", "deny", "--locked", "check", "licenses", "bans", "sources"],
        ),
        Step::new("the binary", &["cargo", "build", "--release", "--locked"]),
        Step::new(
            "instructions per record",
            &["cargo", "run", "--quiet", "--locked", "--package", "xtask", "--", "bench", "--budget"],
        ),
        Step::new("rule pack: check", &[&binary, "check", "--strict", "rules/aws"]),
        Step::new("rule pack: tests", &[&binary, "test", "rules/aws"]),
        Step::new(
            "kills of the service",
            &[
                "cargo",
                "run",
                "--quiet",
                "--locked",
                "--package",
                "xtask",
                "--",
                "soak",
                "--kills",
                "40",
                "--binary",
                &binary,
            ],
        ),
    ];
    if let Some(shared) = data::shared() {
        for kind in crate::conformance::Kind::ALL {
            let file = shared.join("conformance").join(format!("{}.jsonl", kind.name()));
            let file = file.to_string_lossy();
            steps.push(Step::new(
                "conformance",
                &[
                    "cargo",
                    "run",
                    "--quiet",
                    "--locked",
                    "--package",
                    "xtask",
                    "--",
                    "conformance",
                    kind.name(),
                    &file,
                ],
            ));
        }
    }
    steps
}

/// Asks the advisory database about every dependency. It is fetched from the network, so a machine without one says that it
/// could not look, instead of passing or failing for the wrong reason.
fn check_advisories() -> Result<(), String> {
    eprintln!("\n==> advisories\n    $ cargo deny --locked check advisories");
    let output = Command::new(env!("CARGO"))
        .args(["deny", "--locked", "check", "advisories"])
        .current_dir(data::root())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("advisories: cannot start `cargo deny`: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(());
    }
    if said.contains("failed to fetch advisory database") {
        eprintln!(
            "warning: the advisory database cannot be reached from here; nothing was checked against it"
        );
        return Ok(());
    }
    eprintln!("{said}");
    Err("advisories: a dependency has a known fault; update or replace it".to_owned())
}

/// Installs what the steps call and the machine lacks.
fn install_missing() -> Result<(), String> {
    // The independent counts that the scan is held against are written in Python; libmimalloc and SQLite build with a C compiler;
    // the manual's examples take findings apart with jq; callgrind counts what a record costs.
    let debian = [("python3", "python3"), ("cc", "gcc"), ("jq", "jq"), ("valgrind", "valgrind")];
    let missing: Vec<&str> = debian
        .iter()
        .filter(|(program, _)| !runs(program, ["--version"]))
        .map(|(_, package)| *package)
        .collect();
    if !missing.is_empty() {
        let command = format!("apt-get update && apt-get install -y {}", missing.join(" "));
        Step::new("install missing packages", &["sh", "-c", &command])
            .run()
            .map_err(|error| format!("{error}; install {} by hand", missing.join(", ")))?;
    }
    for component in ["rustfmt", "clippy"] {
        let subcommand = if component == "rustfmt" { "fmt" } else { component };
        if !runs(env!("CARGO"), [subcommand, "--version"]) {
            return Err(format!("`cargo {subcommand}` is missing: rustup component add {component}"));
        }
    }
    if !runs(env!("CARGO"), ["deny", "--version"]) {
        let install = ["cargo", "install", "--locked", "cargo-deny", "--version", "0.20.2"];
        Step::new("install cargo-deny", &install).run()?;
    }
    Ok(())
}

/// A Python that has counterparts of AWS, of a mail relay and of repeating calendars, and an independent client: the system's, if it has them, else one of our own below the target folder.
fn python_with_moto() -> Result<String, String> {
    let has_moto =
        |python: &str| runs(python, ["-c", "import moto.server, boto3, aiosmtpd, cryptography, dateutil"]);
    if has_moto("python3") {
        return Ok("python3".to_owned());
    }
    let folder = data::target().join("python");
    let python = folder.join("bin/python").to_string_lossy().into_owned();
    if has_moto(&python) {
        return Ok(python);
    }
    if !runs("python3", ["-c", "import ensurepip, venv"]) {
        let install = "apt-get update && apt-get install -y python3-venv";
        Step::new("install Python's environments", &["sh", "-c", install])
            .run()
            .map_err(|error| format!("{error}; install python3-venv by hand"))?;
    }
    let folder = folder.to_string_lossy();
    Step::new("make an environment for Python", &["python3", "-m", "venv", "--clear", &folder]).run()?;
    let packages =
        ["moto[server]==5.2.1", "boto3==1.43.11", "aiosmtpd==1.4.6", "python-dateutil==2.9.0.post0"];
    let install = [&[python.as_str(), "-m", "pip", "install", "--quiet"], &packages[..]].concat();
    Step::new("install counterparts of AWS, of a mail relay and of calendars", &install).run()?;
    Ok(python)
}

fn runs<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>) -> bool {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    output.is_ok_and(|output| output.status.success())
}
