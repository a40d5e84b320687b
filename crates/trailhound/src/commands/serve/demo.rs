//! `serve --demo`: the service over a made-up organization, with nothing to set up and nothing that leaves the machine.
//!
//! The state is in a temporary folder, input is generated beside an open HTTP source on the loopback address, findings are printed.
//! Everything between is the service as it runs anywhere.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use context::Context;
use decide::Lateness;
use jiff::Timestamp;
use route::{RouteDefinition, Routes, TargetName};
use rules::RuleSet;
use service::{Journal, Level, Loader, Operations, Plan, Program, Retention, Settings, Supervised};
use sources::{Content, Http, HttpSettings, Limits, Running, Session, Source, SourceError};
use targets::{Clock, Jitter, Lane, Policy, Target};

use super::prints::Prints;
use super::{ended, jitter, obey_signals, start, wall_clock, workers};
use crate::arguments::Serve;
use crate::exit_code::{Failure, Outcome};
use crate::loading::RuleFiles;
use crate::talk::Talk;

pub(super) fn run(arguments: &Serve, talk: Talk) -> Outcome {
    let (clock, jitter) = (wall_clock(), jitter());
    let folder = tempfile::Builder::new()
        .prefix("trailhound-demo-")
        .tempdir()
        .map_err(|error| Failure::input(format!("cannot make a folder for the state: {error}")))?;
    let journal = Journal::new(io::stderr(), arguments.log.unwrap_or(Level::Warn), clock.clone());
    let settings = Settings {
        state: folder.path().to_owned(),
        // What a demonstration forgets is no loss, and it must not wear out anybody's disk.
        store: store::Options { durability: store::Durability::Crash, ..store::Options::default() },
        operations: Some(Operations { listen: loopback(0), keys: Vec::new(), slack_secrets: Vec::new() }),
        workers: workers(arguments.threads),
        retention: Retention::default(),
        journal: journal.clone(),
        version: env!("CARGO_PKG_VERSION"),
    };
    let http = Arc::new(
        Http::new(HttpSettings::new("http", loopback(0)))
            .map_err(|error| Failure::usage(error.to_string()))?,
    );
    let mut address = http.address();
    let (source, printed, chance) = (Arc::clone(&http), Prints::new(talk), Arc::clone(&jitter));
    let printed: Arc<dyn Target> = Arc::new(printed);
    let plan = move || plan(Arc::clone(&source) as _, &printed, &chance);
    let first = plan().map_err(Failure::usage)?;
    let rules = first.program.rules().len();
    let loader: Loader = Arc::new(plan);
    let service = start(settings, first, loader, clock, jitter)?;
    let operations = service.operations();
    let state = folder.path().display().to_string();
    service.spawn(async move {
        let Ok(at) = address.wait_for(Option::is_some).await.map(|at| *at) else { return };
        let (at, operations) = (shown(at), shown(operations));
        talk.note(format_args!(
            "Trailhound watches a made-up organization with its {rules} built-in rules. Findings are printed below as they come.\n\
             \n\
             \x20 send it events    curl --json @event.json http://{at}/events\n\
             \x20 what it counts    curl http://{operations}/metrics\n\
             \x20 how it is         trailhound status {state}\n\
             \x20 what it found     trailhound findings {state}\n\
             \n\
             Nothing leaves this machine, and the state is deleted at the end. Ctrl-C ends it.\n"
        ));
    });
    if let Some(seconds) = arguments.seconds {
        let handle = service.handle();
        service.spawn(async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            handle.stop();
        });
    }
    obey_signals(&service, &journal);
    ended(service.wait())
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn shown(address: Option<SocketAddr>) -> String {
    address.map(|address| address.to_string()).unwrap_or_default()
}

fn plan(http: Arc<dyn Source>, printed: &Arc<dyn Target>, jitter: &Jitter) -> Result<Plan, String> {
    let context = Context::empty();
    let files = RuleFiles::find::<&str>(&[]).map_err(|failure| failure.to_string())?;
    let rules = RuleSet::load(files.paths(), &files, &context).rules;
    let name = TargetName::new("terminal").ok_or("a name that is none")?;
    let everything = RouteDefinition { to: vec![name.as_str().to_owned()], ..RouteDefinition::default() };
    let routes = Routes::compile(&[everything], std::slice::from_ref(&name), &[])
        .map_err(|error| error.to_string())?;
    let printed = Arc::clone(printed);
    let lane = move || Lane { target: Arc::clone(&printed), policy: Policy::default(), queue_max: 16 };
    let supervised =
        |source: Arc<dyn Source>| Supervised { source, limits: Limits::default(), definition: String::new() };
    Ok(Plan {
        program: Program::new(rules, context, routes, Lateness::default()),
        sources: vec![supervised(http), supervised(Arc::new(Generated { jitter: Arc::clone(jitter) }))],
        lanes: Arc::new(move |_| vec![(name.clone(), lane())]),
        targets: String::new(),
        files: Vec::new(),
        at_restart: Vec::new(),
    })
}

/// A made-up organization at work: mostly reading, now and then something that somebody should look at.
struct Generated {
    jitter: Jitter,
}

/// How often something happens.
const PACE: Duration = Duration::from_millis(400);
/// How many ordinary calls come between two that are not.
const ORDINARY: u64 = 6;

impl Source for Generated {
    fn name(&self) -> &str {
        "generated"
    }

    fn run(&self, mut session: Session) -> Running<'_> {
        Box::pin(async move {
            session.health.healthy();
            for n in 0.. {
                tokio::select! {
                    () = session.stop.asked() => break,
                    () = tokio::time::sleep(PACE) => {}
                }
                let event = event(n, &session.clock, &self.jitter);
                let verdict =
                    session.intake.offer(Content::event_text("generated", event.into_bytes())).await?;
                if !verdict.await.is_committed() {
                    return Err(SourceError::failed(
                        "an event was not committed",
                        "see the lines before this one",
                    ));
                }
            }
            Ok(())
        })
    }
}

/// What somebody does: service, call, what it is called with, what it is answered with.
type Call = (&'static str, &'static str, &'static str, &'static str);

const READS: [Call; 5] = [
    ("ec2", "DescribeInstances", r#"{"instancesSet":{}}"#, ""),
    ("s3", "GetBucketAcl", r#"{"bucketName":"invoices","acl":""}"#, ""),
    ("kms", "Decrypt", r#"{"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}"#, ""),
    ("dynamodb", "DescribeTable", r#"{"tableName":"orders"}"#, ""),
    ("logs", "CreateLogStream", r#"{"logGroupName":"/aws/lambda/job","logStreamName":"1"}"#, ""),
];

const NOTABLE: [Call; 8] = [
    ("cloudtrail", "StopLogging", r#"{"name":"audit"}"#, ""),
    ("iam", "CreateAccessKey", r#"{"userName":"svc-backup"}"#, ""),
    (
        "iam",
        "AttachUserPolicy",
        r#"{"userName":"svc-backup","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}"#,
        "",
    ),
    (
        "ec2",
        "AuthorizeSecurityGroupIngress",
        r#"{"groupId":"sg-0123456789abcdef0","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":22,"toPort":22,"groups":{},"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]},"ipv6Ranges":{},"prefixListIds":{}}]}}"#,
        "",
    ),
    ("kms", "DisableKey", r#"{"keyId":"0b4f2c1e-7a55-4c2e-9a6b-3d1f00000000"}"#, ""),
    (
        "ec2",
        "DeleteFlowLogs",
        r#"{"DeleteFlowLogsRequest":{"FlowLogId":{"tag":1,"content":"fl-0123456789abcdef0"}}}"#,
        "",
    ),
    ("guardduty", "DeleteDetector", r#"{"detectorId":"12abc34d567e8fa901bc2d34e56789f0"}"#, ""),
    ("iam", "ListUsers", "null", "AccessDenied"),
];

const ACCOUNTS: [&str; 3] = ["111122223333", "222233334444", "333344445555"];

fn event(n: u64, clock: &Clock, jitter: &Jitter) -> String {
    let notable = n % (ORDINARY + 1) == ORDINARY;
    let (service, name, parameters, error) =
        if notable { pick(&NOTABLE, jitter) } else { pick(&READS, jitter) };
    let account = pick(&ACCOUNTS, jitter);
    let now: Timestamp = clock();
    // As late as EventBridge brings them.
    let time = now - jiff::SignedDuration::from_secs(3);
    let error = if error.is_empty() { String::new() } else { format!(r#","errorCode":"{error}""#) };
    let (user, address) = if notable { ("svc-backup", "203.0.113.77") } else { ("deploy", "198.51.100.10") };
    let random = RandomState::new();
    let (high, low) = (random.hash_one(1_u8), random.hash_one(2_u8));
    let id = format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    );
    format!(
        r#"{{"version":"0","id":"{id}","detail-type":"AWS API Call via CloudTrail","source":"aws.{service}","account":"{account}","time":"{time:.0}","region":"eu-central-1","resources":[],"detail":{{"eventVersion":"1.11","userIdentity":{{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::{account}:user/{user}","accountId":"{account}","accessKeyId":"AKIAIOSFODNN7EXAMPLE","userName":"{user}"}},"eventTime":"{time:.0}","eventSource":"{service}.amazonaws.com","eventName":"{name}","awsRegion":"eu-central-1","sourceIPAddress":"{address}","userAgent":"aws-cli/2.17.0","requestParameters":{parameters},"responseElements":null,"requestID":"{id}","eventID":"{id}","readOnly":{},"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"{account}","eventCategory":"Management"{error}}}}}"#,
        !notable,
    )
}

fn pick<T: Copy>(all: &[T], jitter: &Jitter) -> T {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "from 0 up to a small length"
    )]
    let at = (jitter() * all.len() as f64) as usize;
    all[at.min(all.len() - 1)]
}
