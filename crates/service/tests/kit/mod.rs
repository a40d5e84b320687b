//! A service in this process: input is handed in, what arrives is looked at, time is the test's.
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses a part of it")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test")]

use std::io::Write;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use context::Context;
use decide::Lateness;
use event_pattern::Pattern;
use route::{RouteDefinition, Routes, TargetName};
use rules::{MemoryFiles, RuleSet};
use service::{Journal, Lanes, Level, Loader, Plan, Program, Service, Settings, Supervised};
use sources::{Checkpoint, Content, Limits, Running, Session, Source, SourceError, Verdict};
use targets::{Clock, Delivering, Delivery, DeliveryError, Enricher, Lane, Policy, Receipt, Target};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

/// A rule over every event of a name.
pub(crate) const STOPPED: &str = r#"
id: logging-stopped
title: "{{ detail.eventName }} in {{ account.id }}"
severity: high
pattern: { detail: { eventName: [StopLogging] } }
"#;

/// A record with this id and name, of now as tests know it.
pub(crate) fn record(id: &str, name: &str) -> String {
    record_at(id, name, "2026-11-03T02:40:00Z")
}

/// A record of that time.
pub(crate) fn record_at(id: &str, name: &str, time: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/mallory","accountId":"111122223333","userName":"mallory"}},"eventTime":"{time}","eventSource":"cloudtrail.amazonaws.com","eventName":"{name}","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.7","requestParameters":{{"name":"audit"}},"eventID":"{id}","readOnly":false,"eventType":"AwsApiCall","recipientAccountId":"111122223333","eventCategory":"Management"}}"#
    )
}

pub(crate) fn clock() -> Clock {
    let begun = Instant::now();
    let from: jiff::Timestamp = "2026-11-03T02:41:00Z".parse().unwrap();
    Arc::new(move || from + jiff::SignedDuration::try_from(begun.elapsed()).unwrap())
}

/// Checkpoints by partition.
pub(crate) type Given = Vec<(String, Vec<u8>)>;

type Fed = (Content, oneshot::Sender<Verdict>);

/// A source that brings what the test hands in.
pub(crate) struct Feed {
    name: String,
    input: AsyncMutex<mpsc::Receiver<Fed>>,
    /// Errors its next runs end with at once.
    pub(crate) errors: Mutex<Vec<SourceError>>,
    /// The checkpoints it was given, run by run.
    pub(crate) given: Mutex<Vec<Given>>,
}

/// The test's end of a feed.
#[derive(Clone)]
pub(crate) struct Hand(mpsc::Sender<Fed>);

pub(crate) fn feed(name: &str) -> (Arc<Feed>, Hand) {
    let (sender, receiver) = mpsc::channel(64);
    let feed = Feed {
        name: name.to_owned(),
        input: AsyncMutex::new(receiver),
        errors: Mutex::default(),
        given: Mutex::default(),
    };
    (Arc::new(feed), Hand(sender))
}

impl Hand {
    /// Hands in lines; the verdict comes by what is returned.
    pub(crate) fn lines(&self, lines: &[String]) -> oneshot::Receiver<Verdict> {
        self.content(Content::event_text("test", lines.join("\n").into_bytes()))
    }

    pub(crate) fn lines_up_to(&self, lines: &[String], position: &str) -> oneshot::Receiver<Verdict> {
        let mut content = Content::event_text("test", lines.join("\n").into_bytes());
        let position = Some(position.as_bytes().to_vec());
        content.checkpoints.push(Checkpoint { partition: "all".to_owned(), position });
        self.content(content)
    }

    /// Hands in lines if they are taken at once.
    pub(crate) fn try_lines(&self, lines: &[String]) -> Option<oneshot::Receiver<Verdict>> {
        let (sender, receiver) = oneshot::channel();
        let content = Content::event_text("test", lines.join("\n").into_bytes());
        self.0.try_send((content, sender)).is_ok().then_some(receiver)
    }

    pub(crate) fn content(&self, content: Content) -> oneshot::Receiver<Verdict> {
        let (sender, receiver) = oneshot::channel();
        self.0.blocking_send((content, sender)).unwrap();
        receiver
    }
}

impl Source for Feed {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&self, mut session: Session) -> Running<'_> {
        Box::pin(async move {
            let given = session.checkpoints.iter().map(|(part, at)| (part.clone(), at.clone())).collect();
            self.given.lock().unwrap().push(given);
            if let Some(error) = self.errors.lock().unwrap().pop() {
                return Err(error);
            }
            session.health.healthy();
            let mut input = self.input.lock().await;
            let mut waiting = Vec::new();
            loop {
                tokio::select! {
                    fed = input.recv() => {
                        let Some((content, answer)) = fed else { break };
                        let verdict = session.intake.offer(content).await?;
                        waiting.push(tokio::spawn(async move { drop(answer.send(verdict.await)) }));
                    }
                    () = session.stop.asked() => break,
                }
            }
            for verdict in waiting {
                verdict.await.unwrap();
            }
            Ok(())
        })
    }
}

/// A target that notes what reaches it, and answers as the test wants.
#[derive(Clone, Default)]
pub(crate) struct Recorder {
    pub(crate) keys: Arc<Mutex<Vec<String>>>,
    /// Answers to give first, the last one first; then it takes everything.
    pub(crate) answers: Arc<Mutex<Vec<DeliveryError>>>,
    /// Never answers.
    pub(crate) hangs: bool,
}

impl Target for Recorder {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(async move {
            self.keys.lock().unwrap().push(delivery.key());
            if self.hangs {
                std::future::pending::<()>().await;
            }
            match self.answers.lock().unwrap().pop() {
                Some(error) => Err(error),
                None => Ok(Receipt::of("taken")),
            }
        })
    }
}

/// What Slack signs with.
pub(crate) const SLACK_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// What is configured.
pub(crate) struct Wanted {
    pub(crate) state: PathBuf,
    pub(crate) rules: String,
    pub(crate) target: Recorder,
    pub(crate) sources: Vec<Arc<dyn Source>>,
    pub(crate) store: store::Options,
    /// Who is asked about findings.
    pub(crate) enrichers: Vec<(Arc<Enricher>, Duration)>,
}

impl Wanted {
    pub(crate) fn new(state: &Path, sources: Vec<Arc<dyn Source>>) -> Self {
        let store = store::Options { durability: store::Durability::Crash, ..store::Options::default() };
        Wanted {
            state: state.to_owned(),
            rules: STOPPED.to_owned(),
            target: Recorder::default(),
            sources,
            store,
            enrichers: Vec::new(),
        }
    }

    pub(crate) fn plan(&self) -> Plan {
        let plan = plan(&self.rules, &self.target, &self.sources).unwrap();
        Plan { program: plan.program.with_enrichers(self.enrichers.clone()), ..plan }
    }

    pub(crate) fn start(&self) -> Service {
        let again = self.plan_again();
        self.start_with(Arc::new(again))
    }

    fn plan_again(&self) -> impl Fn() -> Result<Plan, String> + Send + Sync + use<> {
        let (rules, target, sources) = (self.rules.clone(), self.target.clone(), self.sources.clone());
        move || plan(&rules, &target, &sources)
    }

    pub(crate) fn start_at(&self, clock: &Clock) -> Service {
        self.start_both(self.plan(), Arc::new(self.plan_again()), clock)
    }

    pub(crate) fn start_with(&self, loader: Loader) -> Service {
        self.start_both(self.plan(), loader, &clock())
    }

    /// Starts with a plan of the test's own.
    pub(crate) fn start_plan(&self, plan: Plan) -> Service {
        self.start_both(plan, Arc::new(|| Err("not again".to_owned())), &clock())
    }

    /// Starts with a plan of the test's own, on the test's time.
    pub(crate) fn start_plan_at(&self, plan: Plan, clock: &Clock) -> Service {
        self.start_both(plan, Arc::new(|| Err("not again".to_owned())), clock)
    }

    fn start_both(&self, plan: Plan, loader: Loader, clock: &Clock) -> Service {
        let settings = Settings {
            state: self.state.clone(),
            store: self.store.clone(),
            operations: Some(service::Operations {
                listen: "127.0.0.1:0".parse().unwrap(),
                keys: Vec::new(),
                slack_secrets: vec![targets::Secret::new(SLACK_SECRET)],
            }),
            workers: NonZero::new(2).unwrap(),
            retention: service::Retention::default(),
            journal: Journal::new(Said(Vec::new()), Level::Info, clock.clone()),
            version: "test",
        };
        Service::start(settings, plan, loader, clock.clone(), Arc::new(|| 0.5)).unwrap()
    }
}

pub(crate) fn plan(rules: &str, target: &Recorder, sources: &[Arc<dyn Source>]) -> Result<Plan, String> {
    let mut files = MemoryFiles::default();
    files.insert("rules.yaml", rules);
    let context = Context::empty();
    let loaded = RuleSet::load(["rules.yaml"], &files, &context);
    if loaded.has_errors() {
        return Err(format!("{:?}", loaded.diagnostics));
    }
    let name = TargetName::new("recorder").unwrap();
    let everything: Option<Pattern> = None;
    let route = RouteDefinition {
        pattern: everything,
        to: vec!["recorder".to_owned()],
        ..RouteDefinition::default()
    };
    let routes = Routes::compile(&[route], std::slice::from_ref(&name), &[]).unwrap();
    let target: Arc<dyn Target> = Arc::new(target.clone());
    let lanes: Lanes = Arc::new(move |_| {
        let policy = Policy { delay_base: Duration::from_millis(20), ..Policy::default() };
        vec![(name.clone(), Lane { target: Arc::clone(&target), policy, queue_max: 16 })]
    });
    let sources = sources.iter().map(|source| Supervised {
        source: Arc::clone(source),
        limits: Limits::default(),
        definition: source.name().to_owned(),
    });
    let program = Program::new(loaded.rules, context, routes, Lateness::default());
    Ok(Plan {
        program,
        sources: sources.collect(),
        lanes,
        targets: String::new(),
        files: Vec::new(),
        at_restart: Vec::new(),
    })
}

/// Lines go to the test's output, a line at a time.
struct Said(Vec<u8>);

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        eprint!("{}", String::from_utf8_lossy(bytes));
        self.0.clear();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A clock that stands until the test moves it.
#[derive(Clone)]
pub(crate) struct Hands(Arc<Mutex<jiff::Timestamp>>);

impl Hands {
    pub(crate) fn at(time: &str) -> Hands {
        Hands(Arc::new(Mutex::new(time.parse().unwrap())))
    }

    pub(crate) fn set(&self, time: &str) {
        *self.0.lock().unwrap() = time.parse().unwrap();
    }

    pub(crate) fn now(&self) -> jiff::Timestamp {
        *self.0.lock().unwrap()
    }

    pub(crate) fn clock(&self) -> Clock {
        let hands = self.clone();
        Arc::new(move || hands.now())
    }
}

/// What a state folder is when its process is killed now: what the system has of its files, and nothing of what the process knows.
pub(crate) fn killed(state: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in ["state.db", "state.db-wal"] {
        if state.join(file).exists() {
            std::fs::copy(state.join(file), copy.path().join(file)).unwrap();
        }
    }
    copy
}

/// Waits until something holds; a test that waits too long is told what for.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(120), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Asks an address with a plain HTTP request and returns the status line's number and the body.
pub(crate) fn get(address: std::net::SocketAddr, path: &str) -> (u16, String) {
    use std::io::Read;
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Posts to an address and returns the status line's number.
pub(crate) fn post(address: std::net::SocketAddr, path: &str, headers: &[(&str, String)], body: &str) -> u16 {
    use std::io::Read;
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.split(' ').nth(1).unwrap().parse().unwrap()
}

/// What the store holds.
pub(crate) fn counters(state: &Path) -> Vec<(String, u64)> {
    store::Reader::open(state).unwrap().snapshot().unwrap().counters().unwrap()
}

pub(crate) fn counter(state: &Path, name: &str) -> u64 {
    counters(state).into_iter().find(|(counter, _)| counter == name).map_or(0, |(_, value)| value)
}
