//! The other end: a webhook that notes every idempotency key it is sent and what it answered.
//!
//! It misbehaves as the seed says: some requests are cut off before the answer, some are told to come again.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::corpus::Random;
use crate::http::Head;

/// What one request was answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// 200, as far as this end knows.
    Taken,
    /// The connection was cut before any answer.
    Cut,
    /// 503 or 429.
    Later,
}

/// How often the receiver misbehaves, of a thousand requests.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manners {
    pub(crate) cut: u64,
    pub(crate) later: u64,
    pub(crate) slow: u64,
}

/// A receiver that listens.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    /// Connections that are open at this end.
    open: Arc<AtomicU64>,
}

#[derive(Default)]
struct Seen {
    keys: BTreeMap<String, Vec<Request>>,
    /// How many processes were killed so far.
    kills: u64,
    arrived: Vec<(String, Instant)>,
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) answered: Answered,
    /// How many processes were killed before it.
    pub(crate) kills: u64,
}

impl Receiver {
    pub(crate) fn start(seed: u64, manners: Manners) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let receiver =
            Receiver { address: listener.local_addr()?, seen: Arc::default(), open: Arc::default() };
        let own = receiver.clone();
        thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let own = own.clone();
                let random = Random::new(seed ^ (number as u64) << 32);
                own.open.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    // Whatever ends a connection, what was answered until then is noted.
                    drop(own.serve(stream, manners, random));
                    own.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Ok(receiver)
    }

    fn serve(&self, stream: TcpStream, manners: Manners, mut random: Random) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        while let Some(head) = Head::read(&mut stream)? {
            let body = head.body(&mut stream)?;
            let key = head.header("idempotency-key").unwrap_or("none").to_owned();
            let dice = random.below(1_000);
            let answered = if dice < manners.cut {
                Answered::Cut
            } else if dice < manners.cut + manners.later {
                Answered::Later
            } else {
                Answered::Taken
            };
            if random.below(1_000) < manners.slow {
                thread::sleep(Duration::from_millis(random.below(60)));
            }
            self.note(key, answered);
            drop(body);
            let answer: &[u8] = match answered {
                Answered::Taken => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                Answered::Later => b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
                Answered::Cut => return Ok(()),
            };
            stream.get_mut().write_all(answer)?;
        }
        Ok(())
    }

    fn note(&self, key: String, answered: Answered) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let request = Request { answered, kills: seen.kills };
        seen.arrived.push((key.clone(), Instant::now()));
        seen.keys.entry(key).or_default().push(request);
    }

    /// A process was killed: whatever it had not noted will come again. What it had sent is read to its end first, so that no
    /// request of the dead counts as one of the living: connections are accepted in order, so once one of our own has been, all of
    /// its were.
    pub(crate) fn killed(&self) -> io::Result<()> {
        let mut own = TcpStream::connect(self.address)?;
        own.shutdown(Shutdown::Write)?;
        own.read_to_end(&mut Vec::new())?;
        let begun = Instant::now();
        while self.open.load(Ordering::SeqCst) > 0 && begun.elapsed() < Duration::from_secs(30) {
            thread::sleep(Duration::from_millis(1));
        }
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).kills += 1;
        Ok(())
    }

    /// All requests by key.
    pub(crate) fn keys(&self) -> BTreeMap<String, Vec<Request>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).keys.clone()
    }

    /// When each key arrived, in order; empties the list.
    pub(crate) fn take_arrivals(&self) -> Vec<(String, Instant)> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner).arrived)
    }
}
