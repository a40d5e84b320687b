//! One finding a line.

use std::io::{self, Write};

use decide::Finding;

use super::Output;

pub(crate) struct Ndjson<W>(W);

impl<W: Write> Ndjson<W> {
    pub(crate) fn new(out: W) -> Self {
        Ndjson(out)
    }
}

impl<W: Write> Output for Ndjson<W> {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, finding)?;
        self.0.write_all(b"\n")
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
