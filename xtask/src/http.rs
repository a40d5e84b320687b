//! Just enough HTTP/1.1 for the harnesses: a client that keeps its connection, and a server that answers one request after the other.
//!
//! Hand-written, so that a connection can be cut at any byte and nothing is retried behind the harness's back.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection to a server; it is made anew when it breaks.
pub(crate) struct Client {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
    patience: Duration,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, patience: Duration) -> Self {
        Client { address, stream: None, patience }
    }

    /// One request. An error means that it is not known whether it was done.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
        let answer = self.try_ask(method, path, body);
        if answer.is_err() {
            self.stream = None;
        }
        answer
    }

    fn try_ask(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect_timeout(&self.address, self.patience)?;
                stream.set_read_timeout(Some(self.patience))?;
                stream.set_nodelay(true)?;
                BufReader::new(stream)
            }
        };
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        request.extend_from_slice(body);
        stream.get_mut().write_all(&request)?;
        let head = Head::read(&mut stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = head.first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other("no status"))?;
        let body = String::from_utf8_lossy(&head.body(&mut stream)?).into_owned();
        if !head.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            self.stream = Some(stream);
        }
        Ok(Answer { status, body })
    }
}

/// The head of a request or an answer.
pub(crate) struct Head {
    first: String,
    headers: Vec<(String, String)>,
}

impl Head {
    /// Reads one; none if the connection ended before it.
    pub(crate) fn read(stream: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let mut lines = lines.into_iter();
        let first = lines.next().unwrap_or_default();
        let split = |line: String| {
            line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        };
        Ok(Some(Head { first, headers: lines.filter_map(split).collect() }))
    }

    /// What a request asks for: the path and what follows it.
    pub(crate) fn target(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The body, by its length or in chunks.
    pub(crate) fn body(&self, stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            loop {
                let mut size = String::new();
                stream.read_line(&mut size)?;
                let size = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
                stream.take(size).read_to_end(&mut body)?;
                stream.read_line(&mut String::new())?;
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        let length: u64 = self.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let read = stream.take(length).read_to_end(&mut body)?;
        if read as u64 == length { Ok(body) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}
