//! An AWS beside the binary: a Python script with moto that says where it listens, and does a step for each line that it is given.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

/// The process of the script, which ends with its standard input.
pub(crate) struct Aws {
    server: Child,
    said: BufReader<ChildStdout>,
}

impl Aws {
    /// The process, and the line that it begins with; none where there is no moto, which fails where tests may not be left out.
    pub(crate) fn start(script: &str) -> Option<(Aws, String)> {
        let started = Self::started(script);
        if started.is_none() {
            assert!(
                std::env::var_os("TRAILHOUND_REQUIRE_DATA").is_none(),
                "no moto: run `cargo xtask test`, which installs it"
            );
            println!("no Python with moto[server] and boto3: left out");
        }
        started
    }

    fn started(script: &str) -> Option<(Aws, String)> {
        let python = std::env::var("TRAILHOUND_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut command = Command::new(python);
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = command.spawn().ok()?;
        let said = BufReader::new(server.stdout.take()?);
        let mut aws = Aws { server, said };
        let first = aws.line();
        (!first.is_empty()).then_some((aws, first))
    }

    /// Does a step, and returns what the script says of it.
    pub(crate) fn step(&mut self, line: &str) -> String {
        writeln!(self.server.stdin.as_mut().unwrap(), "{line}").unwrap();
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        // It ends by itself with its standard input.
        let _ = self.server.wait();
    }
}
