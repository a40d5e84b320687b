//! A bucket and the queue that tells of it, on loopback: just the calls that the service makes of S3 and SQS.
//!
//! The Python counterpart that the tests hold the clients against answers some hundred calls a second; measured against it, one would measure it.
//! Here an object is made when it is asked for, and there is always another one, until it is over.

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use libdeflater::{CompressionLvl, Compressor};
use serde_json::{Value, json};

use crate::http::Head;

/// A bucket with a queue.
#[derive(Clone)]
pub(super) struct Bucket {
    pub(super) address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    /// Makes the records of an object, by its number.
    records: Box<dyn Fn(u64) -> Vec<u8> + Send + Sync>,
    /// How many objects were told of, and how many of these messages were deleted.
    told: AtomicU64,
    deleted: AtomicU64,
    is_over: AtomicBool,
    /// When each message was handed out, and when the last was deleted.
    handed: Mutex<Vec<Instant>>,
    last: Mutex<Option<Instant>>,
}

impl Bucket {
    pub(super) fn start(records: impl Fn(u64) -> Vec<u8> + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let inner = Inner {
            records: Box::new(records),
            told: AtomicU64::new(0),
            deleted: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            handed: Mutex::default(),
            last: Mutex::default(),
        };
        let bucket = Bucket { address: listener.local_addr()?, inner: Arc::new(inner) };
        let inner = Arc::clone(&bucket.inner);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let inner = Arc::clone(&inner);
                // A connection that ends has nothing more to say.
                thread::spawn(move || drop(inner.serve(stream)));
            }
        });
        Ok(bucket)
    }

    /// Tells of no further object, and waits until all that were told of are dealt with. Returns how many that were, and when the last was.
    pub(super) fn finish(&self, patience: Duration) -> (u64, Option<Instant>) {
        self.inner.is_over.store(true, Ordering::SeqCst);
        let begun = Instant::now();
        let deleted = || self.inner.deleted.load(Ordering::SeqCst);
        while deleted() < self.inner.told.load(Ordering::SeqCst) && begun.elapsed() < patience {
            thread::sleep(Duration::from_millis(5));
        }
        (deleted(), *self.inner.last.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// When each message was handed out, in order.
    pub(super) fn handed(&self) -> Vec<Instant> {
        self.inner.handed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Inner {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        while let Some(head) = Head::read(&mut stream)? {
            let body = head.body(&mut stream)?;
            let (kind, answer) = match head.header("x-amz-target") {
                Some(target) => ("application/x-amz-json-1.0", self.queue(target, &body)),
                None => ("application/x-gzip", self.object(&head)?),
            };
            let length = answer.len();
            let mut whole =
                format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n")
                    .into_bytes();
            whole.extend_from_slice(&answer);
            stream.get_mut().write_all(&whole)?;
        }
        Ok(())
    }

    fn queue(&self, target: &str, body: &[u8]) -> Vec<u8> {
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let answer = match target.rsplit('.').next().unwrap_or_default() {
            "ReceiveMessage" => json!({"Messages": self.messages(&request)}),
            "DeleteMessageBatch" => {
                let entries = request["Entries"].as_array().cloned().unwrap_or_default();
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                self.deleted.fetch_add(entries.len() as u64, Ordering::SeqCst);
                let done: Vec<Value> = entries.iter().map(|entry| json!({"Id": entry["Id"]})).collect();
                json!({"Successful": done, "Failed": []})
            }
            _ => json!({}),
        };
        answer.to_string().into_bytes()
    }

    fn messages(&self, request: &Value) -> Vec<Value> {
        if self.is_over.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(100));
            return Vec::new();
        }
        let most = request["MaxNumberOfMessages"].as_u64().unwrap_or(1);
        let mut handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner);
        let first = self.told.fetch_add(most, Ordering::SeqCst);
        handed.extend((0..most).map(|_| Instant::now()));
        (first..first + most)
            .map(|number| {
                // CloudTrail's own notification.
                let notice = json!({"s3Bucket": "logs", "s3ObjectKey": [key(number)]}).to_string();
                json!({"MessageId": number.to_string(), "ReceiptHandle": number.to_string(), "Body": notice,
                    "Attributes": {"ApproximateReceiveCount": "1"}})
            })
            .collect()
    }

    fn object(&self, head: &Head) -> io::Result<Vec<u8>> {
        let number = number(head.target()).ok_or_else(|| io::Error::other("an object nobody was told of"))?;
        let text = (self.records)(number);
        let mut compressor = Compressor::new(CompressionLvl::fastest());
        let mut packed = vec![0; compressor.gzip_compress_bound(text.len())];
        let length = compressor.gzip_compress(&text, &mut packed).map_err(io::Error::other)?;
        packed.truncate(length);
        Ok(packed)
    }
}

const FOLDER: &str = "AWSLogs/111122223333/CloudTrail/us-east-1/2025/11/03/";
const NAME: &str = "111122223333_CloudTrail_us-east-1_20251103T0245Z_";

fn key(number: u64) -> String {
    format!("{FOLDER}{NAME}{number:016}.json.gz")
}

/// The object that a request names.
fn number(target: &str) -> Option<u64> {
    let name = target.split('?').next()?.strip_suffix(".json.gz")?;
    name.rsplit('_').next()?.parse().ok()
}
