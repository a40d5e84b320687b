//! One array of findings, for tools that want a document.

use std::io::{self, Write};

use decide::Finding;

use super::Output;

pub(crate) struct Json<W> {
    out: W,
    begun: bool,
}

impl<W: Write> Json<W> {
    pub(crate) fn new(out: W) -> Self {
        Json { out, begun: false }
    }
}

impl<W: Write> Output for Json<W> {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        self.out.write_all(if self.begun { b",\n" } else { b"[\n" })?;
        self.begun = true;
        serde_json::to_writer(&mut self.out, finding).map_err(io::Error::from)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.write_all(if self.begun { b"\n]\n" } else { b"[]\n" })?;
        self.out.flush()
    }
}
