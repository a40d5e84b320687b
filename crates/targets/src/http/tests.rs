//! Names that mean another address each time they are asked for.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use reqwest::dns::{Name, Resolving};

use super::*;

/// Counts those who come to an address of the loopback network, and answers them; hangs up after each.
fn listen(address: &str, port: u16) -> Option<(SocketAddr, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind((address, port)).ok()?;
    let bound = listener.local_addr().unwrap();
    let came = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&came);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        }
    });
    Some((bound, came))
}

/// A name server of somebody else: its next answers, of which the last holds for ever.
struct Changing {
    policy: AddressPolicy,
    answers: Vec<Vec<&'static str>>,
    asked: AtomicUsize,
}

impl Resolve for Changing {
    fn resolve(&self, _: Name) -> Resolving {
        let place = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        let all: Vec<SocketAddr> =
            self.answers[place].iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect();
        let permitted = self.policy.among(all.into_iter());
        Box::pin(async move { permitted })
    }
}

/// The second address stands for the one that must not be reached: of the network, but not allowed.
#[tokio::test]
async fn a_name_that_changes_its_address_is_held_to_it_each_time() {
    let Some((meant, came)) = listen("127.0.0.1", 0) else { panic!("no loopback") };
    let Some((_, trapped)) = listen("127.0.0.2", meant.port()) else {
        return println!("left out: this system has one loopback address only");
    };
    let network =
        Network { allow: vec!["127.0.0.1/32".parse().unwrap()], plain_http: true, ..Network::default() };
    let policy = AddressPolicy::allowing(network.allow.iter().copied());
    let url: Url = format!("http://hooks.example:{}/", meant.port()).parse().unwrap();
    let post = |answers: Vec<Vec<&'static str>>| {
        let names = Changing { policy: policy.clone(), answers, asked: AtomicUsize::new(0) };
        let endpoint = Endpoint {
            client: client(Arc::new(names), &network).unwrap(),
            url: url.clone(),
            redaction: Redaction::of(None),
            timeout: network.timeout,
        };
        async move {
            let mut said = Vec::new();
            for _ in 0..3 {
                said.push(match endpoint.post(HeaderMap::new(), b"{}".to_vec()).await {
                    Ok(answer) => answer.status().to_string(),
                    Err(error) => error.to_string(),
                });
            }
            said
        }
    };
    let refused = NoPermittedAddress.to_string();
    // Permitted when it is first asked for, and another address from then on.
    let said = post(vec![vec!["127.0.0.1"], vec!["127.0.0.2"]]).await;
    assert_eq!(said, ["200".to_owned(), refused.clone(), refused.clone()]);
    // Both at once, in either order: only what is permitted is tried, also where it gives no answer.
    let said = post(vec![vec!["127.0.0.2", "127.0.0.1"], vec!["127.0.0.1", "127.0.0.2"]]).await;
    assert_eq!(said, ["200", "200", "200"]);
    // However it is dressed up.
    let dressed = ["::ffff:127.0.0.2", "64:ff9b::7f00:2", "2002:7f00:2::", "::127.0.0.2", "0.0.0.0", "::"];
    let said = post(vec![dressed.to_vec()]).await;
    assert_eq!(said, [refused.clone(), refused.clone(), refused.clone()]);
    let said = post(vec![vec!["169.254.169.254", "fd00:ec2::254", "fe80::1"]]).await;
    assert_eq!(said, [refused.clone(), refused.clone(), refused]);
    assert_eq!((came.load(Ordering::SeqCst), trapped.load(Ordering::SeqCst)), (4, 0));
}
