//! From a configuration file to a plan the service can run: everything is read, compiled and set up, or nothing is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use configuration::{
    Configuration, Heartbeat, Organizations, ResponseAction, RulesFrom, SourceKind, TargetKind,
};
use decide::Lateness;
use route::TargetName;
use rules::{Colour, Diagnostic, RuleSet};
use service::{
    FORWARD_LANE, ForwardLane, ForwardPattern, Forwards, Level, Operations, Plan, Program, Response,
    Retention, Supervised, TestFiles,
};
use sources::{ApiKey, Directory, DirectorySettings, Http, HttpSettings, Limits, Source, SourceError};
use targets::respond::{Action, Responder, ResponderSettings, Tell};
use targets::{
    Clock, Command, Email, Enricher, EnricherAt, File, Lane, OpsGenie, PagerDuty, Secret, Slack, SlackApp,
    Stream, Target, Teams, Webhook, Worded, Zoned,
};

use super::environment::Environment;
use crate::exit_code::{Exit, Failure};
use crate::geography;
use crate::loading::{BASELINE, BUILTIN, RuleFiles};
use crate::talk::Talk;

/// What a configuration file leads to.
pub(super) struct Loaded {
    pub(super) plan: Plan,
    pub(super) state: configuration::State,
    /// How AWS Organizations is asked for accounts, if it is.
    pub(super) organizations: Option<Organizations>,
    /// Who is told that the service lives.
    pub(super) heartbeat: Option<Heartbeat>,
    pub(super) operations: Option<Operations>,
    pub(super) level: Level,
    pub(super) warnings: usize,
}

/// Everything that is wrong.
#[derive(Debug)]
pub(super) struct Faults {
    exit: Exit,
    /// The first of them, in a line.
    first: String,
    count: usize,
    /// All of them, with a picture of the place; without and with colours.
    pictures: Vec<(String, String)>,
}

impl Faults {
    fn one(message: String) -> Self {
        Faults { exit: Exit::Usage, first: message, count: 1, pictures: Vec::new() }
    }

    fn of(exit: Exit, diagnostics: &[Diagnostic], files: &dyn rules::Files) -> Self {
        let errors: Vec<&Diagnostic> = diagnostics.iter().filter(|one| one.is_error()).collect();
        let picture =
            |one: &&Diagnostic| (one.render(files, Colour::Plain), one.render(files, Colour::Styled));
        Faults {
            exit,
            first: errors.first().map(ToString::to_string).unwrap_or_default(),
            count: errors.len(),
            pictures: errors.iter().map(picture).collect(),
        }
    }

    /// Shows all of them to the person at the terminal.
    pub(super) fn tell(&self, talk: Talk) {
        for (plain, styled) in &self.pictures {
            talk.error_block(if talk.err_colour() == Colour::Plain { plain } else { styled });
        }
    }

    pub(super) fn failure(&self) -> Failure {
        if self.pictures.is_empty() {
            return Failure::new(self.exit, self.first.clone());
        }
        let faults = if self.count == 1 { "1 fault".to_owned() } else { format!("{} faults", self.count) };
        let of = if self.exit == Exit::Rules { "rules" } else { "configuration" };
        Failure::new(self.exit, format!("{faults} in the {of}")).hint("mend them, then `trailhound check`")
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first)?;
        if self.count > 1 { write!(f, " (and {} more)", self.count - 1) } else { Ok(()) }
    }
}

/// Reads a configuration file and all that it names.
pub(super) fn load(path: &str, clock: &Clock) -> Result<Loaded, Faults> {
    let (files, environment) = (RuleFiles::default(), Environment::default());
    let read = Configuration::read(path, &files, &environment);
    let warnings = read.diagnostics.len();
    let Some(configuration) = &read.value else {
        return Err(Faults::of(Exit::Usage, &read.diagnostics, &read.shown(&files)));
    };
    let analysis = &configuration.analysis;
    let geography = geography::open(&analysis.geoip).map_err(Faults::one)?;
    let context = analysis.context(1).with_geography(geography);
    let from: Vec<String> = analysis
        .rules
        .iter()
        .map(|from| match from {
            RulesFrom::BuiltIn => BUILTIN.to_owned(),
            RulesFrom::BuiltInBaseline => BASELINE.to_owned(),
            RulesFrom::Path(path) => path.clone(),
        })
        .collect();
    let rule_files = RuleFiles::find(&from).map_err(|failure| Faults::one(failure.to_string()))?;
    let rules::Loaded { rules, diagnostics } = RuleSet::load(rule_files.paths(), &rule_files, &context);
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(Faults::of(Exit::Rules, &diagnostics, &rule_files));
    }
    let (rules, overridden) = analysis.apply(&rules);
    if overridden.iter().any(Diagnostic::is_error) {
        return Err(Faults::of(Exit::Usage, &overridden, &read.shown(&files)));
    }
    if rules.is_empty() {
        return Err(Faults::one(
            "there are no rules to run: leave `rules` out to use the built-in pack".to_owned(),
        ));
    }
    let lateness = Lateness {
        eventbridge: configuration.lateness.eventbridge,
        logs: configuration.lateness.logs,
        s3: configuration.lateness.s3,
    };
    let mut watched: Vec<PathBuf> = files.asked().chain(rule_files.asked()).collect();
    watched.extend(environment.files());
    watched.extend(geography::files(&analysis.geoip));
    // A folder tells of rule files that come and go.
    watched.extend(from.iter().filter(|path| *path != BUILTIN && *path != BASELINE).map(PathBuf::from));
    watched.sort();
    watched.dedup();
    let (lanes, forwards) = lanes(configuration, clock)?;
    let mut program = Program::new(rules, context, configuration.policy(), lateness)
        .with_enrichers(enrichers(&configuration.enrich)?)
        .with_forwards(forwards);
    let responses = configuration.responses.iter();
    program.responses = service::Responses::new(
        responses.map(|one| Response { lane: one.lane.clone(), pattern: one.pattern.clone() }).collect(),
    );
    program.idle = configuration.lateness.idle;
    program.test_files = TestFiles::new(move || match RuleFiles::find(&from) {
        Ok(files) => Box::new(files),
        // The events that the built-in rules' tests name are there all the same.
        Err(_) => Box::new(RuleFiles::default()),
    });
    let plan = Plan {
        program,
        sources: configuration.sources.iter().map(source).collect::<Result<_, _>>()?,
        lanes,
        targets: definition(
            &(&configuration.targets, &configuration.responses, fed(configuration)),
            targets_of(configuration).flat_map(secrets_of),
        ),
        files: watched,
        at_restart: Vec::new(),
    };
    Ok(Loaded {
        plan,
        state: configuration.state.clone(),
        organizations: organizations(analysis.organizations.as_ref())?,
        heartbeat: configuration.heartbeat.clone(),
        operations: configuration.http.as_ref().map(|listener| Operations {
            listen: listener.address,
            keys: listener.keys.clone(),
            slack_secrets: configuration.targets.iter().filter_map(slack_secret).cloned().collect(),
        }),
        level: level(configuration.log),
        warnings: warnings + diagnostics.len() + overridden.len(),
    })
}

/// How AWS Organizations is asked, if this program can.
fn organizations(organizations: Option<&Organizations>) -> Result<Option<Organizations>, Faults> {
    if organizations.is_some() && cfg!(not(feature = "aws")) {
        let message = "`accounts`: this build was made without the feature `aws` and asks no organization";
        return Err(Faults::one(message.to_owned()));
    }
    Ok(organizations.cloned())
}

/// Those who are asked about findings, each with the longest it may take.
fn enrichers(settings: &[EnricherAt]) -> Result<Vec<(Arc<Enricher>, Duration)>, Faults> {
    let enricher = |settings: &EnricherAt| {
        let enricher = match settings {
            EnricherAt::Http(settings) => Enricher::new(settings),
            #[cfg(feature = "aws")]
            EnricherAt::Lambda(settings) => Enricher::lambda(settings),
            #[cfg(not(feature = "aws"))]
            EnricherAt::Lambda(_) => {
                let message = "`enrich`: this build has no AWS clients and cannot ask `lambda`; take a release build, or build with `--features aws`";
                return Err(Faults::one(message.to_owned()));
            }
        };
        let enricher = enricher.map_err(|error| Faults::one(format!("`enrich`: {error}")))?;
        Ok((Arc::new(enricher), settings.timeout()))
    };
    settings.iter().map(enricher).collect()
}

fn level(level: configuration::LogLevel) -> Level {
    match level {
        configuration::LogLevel::Error => Level::Error,
        configuration::LogLevel::Warn => Level::Warn,
        configuration::LogLevel::Info => Level::Info,
        configuration::LogLevel::Debug => Level::Debug,
    }
}

pub(super) fn retention(retention: configuration::Retention) -> Retention {
    Retention { findings: retention.findings, payloads: retention.deliveries, keys: retention.keys }
}

/// Something that differs when the configuration does. Secrets go in as a hash: their `Debug` shows nothing.
fn definition<'s>(shown: &impl fmt::Debug, secrets: impl IntoIterator<Item = &'s Secret>) -> String {
    let mut hasher = DefaultHasher::new();
    secrets.into_iter().for_each(|secret| secret.expose().hash(&mut hasher));
    format!("{shown:?} {:x}", hasher.finish())
}

/// Requests that may wait for one commit: what comes at once while the disk works.
const HTTP_BATCHES: usize = 1024;

fn source(source: &configuration::Source) -> Result<Supervised, Faults> {
    let name: &str = &source.name;
    let wrong = |error: SourceError| {
        let next_step = error.next_step().map(|step| format!("; {step}")).unwrap_or_default();
        Faults::one(format!("source `{name}`: {error}{next_step}"))
    };
    let mut limits = Limits::default();
    let mut secrets: &[Secret] = &[];
    let runs: Arc<dyn Source> = match &source.kind {
        SourceKind::Directory(directory) => Arc::new(Directory::new(DirectorySettings {
            watch: directory.watch,
            poll: directory.poll,
            quiet: directory.settle,
            ..DirectorySettings::new(name, directory.path.clone())
        })),
        SourceKind::Http(http) => {
            limits.batches = HTTP_BATCHES;
            secrets = &http.listener.keys;
            let keys = secrets.iter().map(|key| ApiKey::new(key.expose())).collect::<Result<_, _>>();
            let settings = HttpSettings {
                keys: keys.map_err(wrong)?,
                body_max: usize::try_from(http.body_max_bytes).unwrap_or(usize::MAX),
                topics: http.sns.clone(),
                ..HttpSettings::new(name, http.listener.address)
            };
            Arc::new(Http::new(settings).map_err(wrong)?)
        }
        #[cfg(feature = "aws")]
        SourceKind::S3(s3) => {
            let queue = sources::QueueSettings { concurrency: s3.concurrency as usize, ..queue(&s3.queue) };
            Arc::new(sources::S3::new(sources::S3Settings {
                buckets: s3.buckets.clone(),
                object_max: s3.object_max_bytes,
                ..sources::S3Settings::new(name, queue)
            }))
        }
        #[cfg(feature = "aws")]
        SourceKind::Sqs(sqs) => Arc::new(sources::Sqs::new(sources::SqsSettings {
            class: match sqs.class {
                configuration::SourceClass::EventBridge => sources::Class::EventBridge,
                configuration::SourceClass::Logs => sources::Class::Logs,
            },
            ..sources::SqsSettings::new(name, queue(&sqs.queue))
        })),
        #[cfg(not(feature = "aws"))]
        SourceKind::S3(_) | SourceKind::Sqs(_) => {
            return Err(Faults::one(format!(
                "source `{name}`: this build was made without the feature `aws` and reads no queues"
            )));
        }
    };
    Ok(Supervised { source: runs, limits, definition: definition(source, secrets) })
}

#[cfg(feature = "aws")]
fn queue(queue: &configuration::Queue) -> sources::QueueSettings {
    sources::QueueSettings {
        aws: sources::AwsSettings {
            region: Some(queue.region.clone()),
            endpoint: queue.endpoint.clone(),
            role: queue.role.clone(),
            ..sources::AwsSettings::default()
        },
        visibility: queue.visibility,
        tries: queue.tries,
        ..sources::QueueSettings::new(&queue.url)
    }
}

/// How many messages may wait for one target beside the one that is being sent.
const QUEUE_MAX: usize = 64;

/// The lane of events that are forwarded to a target.
fn forward_lane(target: &TargetName) -> Result<TargetName, Faults> {
    TargetName::new(&format!("{FORWARD_LANE}{target}")).ok_or_else(|| {
        Faults::one(format!("`forward`: the name `{target}` is too long for a target of events"))
    })
}

/// Targets that events are forwarded to, each once.
fn fed(configuration: &Configuration) -> BTreeSet<&TargetName> {
    configuration.forwards.iter().flat_map(|forward| &forward.to).collect()
}

/// The lanes to everything that is sent to, and what is forwarded to which of them.
fn lanes(configuration: &Configuration, clock: &Clock) -> Result<(service::Lanes, Forwards), Faults> {
    let Configuration { targets, responses, forwards, .. } = configuration;
    let mut all = Vec::with_capacity(targets.len());
    let mut forward_lanes: Vec<ForwardLane> = Vec::new();
    let mut places: BTreeMap<&TargetName, usize> = BTreeMap::new();
    for target in targets {
        let speaks: Arc<dyn Target> =
            open(&target.kind, clock).map_err(|fault| fault.of("target", &target.name))?;
        let speaks: Arc<dyn Target> = match &target.wording {
            Some(wording) => Arc::new(Worded::new(speaks, wording.clone())),
            None => speaks,
        };
        let speaks: Arc<dyn Target> = match &target.zone {
            Some(zone) => Arc::new(Zoned::new(speaks, zone.clone())),
            None => speaks,
        };
        if fed(configuration).contains(&target.name) {
            let name = forward_lane(&target.name)?;
            if targets.iter().any(|other| other.name == name) {
                let message =
                    format!("there is a target `{name}`, and forwarded events are kept under such names");
                return Err(Faults::one(message));
            }
            places.insert(&target.name, forward_lanes.len());
            let waits = forwards.iter().any(|forward| forward.waits && forward.to.contains(&target.name));
            forward_lanes.push(ForwardLane { name: name.clone(), event_max: speaks.event_max(), waits });
            all.push((name, Arc::clone(&speaks), target.policy.clone()));
        }
        all.push((target.name.clone(), speaks, target.policy.clone()));
    }
    let patterns = forwards.iter().map(|forward| ForwardPattern {
        pattern: Arc::clone(&forward.pattern),
        lanes: forward.to.iter().filter_map(|name| places.get(name).copied()).collect(),
    });
    let forwards = Forwards::new(patterns.collect(), forward_lanes);
    let responses = responses.iter().map(|one| responds(one, clock)).collect::<Result<Vec<_>, _>>()?;
    let clock = clock.clone();
    let lanes: service::Lanes = Arc::new(move |list| {
        let lane = |target: Arc<dyn Target>, policy: &targets::Policy| Lane {
            target,
            policy: policy.clone(),
            queue_max: QUEUE_MAX,
        };
        let tell = all.iter().map(|(name, target, policy)| (name.clone(), lane(Arc::clone(target), policy)));
        let respond = responses.iter().map(|(name, settings, action)| {
            let responder =
                Responder::new(settings.clone(), Arc::clone(action), Arc::clone(list), clock.clone());
            (name.clone(), lane(Arc::new(responder), &response_policy(settings.timeout)))
        });
        tell.chain(respond).collect()
    });
    Ok((lanes, forwards))
}

/// How an action is tried: what is done too late helps nobody, and looking again costs little. Beside acting there is looking first, and noting.
fn response_policy(acting: Duration) -> targets::Policy {
    let (delay_max, attempt_timeout) = (Duration::from_secs(60), acting + Duration::from_secs(60));
    targets::Policy { delay_max, attempt_timeout, ..targets::Policy::default() }
}

/// How long an action may take: three calls of AWS that are answered late, a webhook with a token; of a command, what is configured.
fn acts_within(action: &ResponseAction) -> Duration {
    match action {
        ResponseAction::Tell { target: TargetKind::Command(settings), .. } => {
            settings.timeout + Duration::from_secs(5)
        }
        _ => Duration::from_secs(90),
    }
}

/// Why something cannot be opened that the configuration has.
enum NotOpened {
    Setup(targets::SetupError),
    #[cfg(not(feature = "aws"))]
    NoClients(&'static str),
}

impl NotOpened {
    fn of(self, what: &str, name: &impl fmt::Display) -> Faults {
        Faults::one(match self {
            NotOpened::Setup(error) => format!("{what} `{name}`: {error}"),
            #[cfg(not(feature = "aws"))]
            NotOpened::NoClients(kind) => format!(
                "{what} `{name}`: this build has no AWS clients and cannot do `{kind}`; take a release build, or build with `--features aws`"
            ),
        })
    }
}

fn open(kind: &TargetKind, clock: &Clock) -> Result<Arc<dyn Target>, NotOpened> {
    let wrong = NotOpened::Setup;
    Ok(match kind {
        TargetKind::Webhook(settings) => {
            Arc::new(Webhook::new(settings.clone(), clock.clone()).map_err(wrong)?)
        }
        TargetKind::Slack(settings) => Arc::new(Slack::new(settings).map_err(wrong)?),
        TargetKind::PagerDuty(settings) => Arc::new(PagerDuty::new(settings.clone()).map_err(wrong)?),
        TargetKind::SlackApp { settings, .. } => Arc::new(SlackApp::new(settings).map_err(wrong)?),
        TargetKind::Teams(settings) => Arc::new(Teams::new(settings).map_err(wrong)?),
        TargetKind::OpsGenie(settings) => Arc::new(OpsGenie::new(settings).map_err(wrong)?),
        TargetKind::Email(settings) => Arc::new(Email::new(settings, clock.clone()).map_err(wrong)?),
        TargetKind::Command(settings) => Arc::new(Command::new(settings.clone()).map_err(wrong)?),
        #[cfg(feature = "aws")]
        TargetKind::Aws(settings) => settings.open(clock).map_err(wrong)?,
        #[cfg(not(feature = "aws"))]
        TargetKind::Aws(settings) => return Err(NotOpened::NoClients(settings.kind())),
        TargetKind::Stdout => Arc::new(Stream::stdout()),
        TargetKind::File { path, fsync } => Arc::new(File::open(path, *fsync).map_err(wrong)?),
    })
}

/// A response's lane, with what acts in it.
type Responding = (route::TargetName, ResponderSettings, Arc<dyn Action>);

fn responds(response: &configuration::Response, clock: &Clock) -> Result<Responding, Faults> {
    let fault = |fault: NotOpened| fault.of("response", &response.name);
    let action: Arc<dyn Action> = match &response.action {
        #[cfg(feature = "aws")]
        ResponseAction::StartLogging(aws) => {
            Arc::new(targets::aws::StartLogging::new(aws.clone(), clock.clone()))
        }
        #[cfg(not(feature = "aws"))]
        ResponseAction::StartLogging(_) => return Err(fault(NotOpened::NoClients("start-logging"))),
        ResponseAction::Tell { name, target } => {
            Arc::new(Tell::new(name, &response.name, open(target, clock).map_err(fault)?))
        }
    };
    let settings = ResponderSettings {
        name: response.name.to_string(),
        dry_run: response.dry_run,
        cool_down: response.cool_down,
        timeout: acts_within(&response.action),
    };
    Ok((response.lane.clone(), settings, action))
}

/// What is sent to, by targets and by responses.
fn targets_of(configuration: &Configuration) -> impl Iterator<Item = &TargetKind> {
    let responses = configuration.responses.iter().filter_map(|response| match &response.action {
        ResponseAction::Tell { target, .. } => Some(target),
        ResponseAction::StartLogging(_) => None,
    });
    configuration.targets.iter().map(|target| &target.kind).chain(responses)
}

/// What presses of a target's buttons are signed with.
fn slack_secret(target: &configuration::Target) -> Option<&Secret> {
    match &target.kind {
        TargetKind::SlackApp { signing_secret, .. } => signing_secret.as_ref(),
        _ => None,
    }
}

fn secrets_of(target: &TargetKind) -> Vec<&Secret> {
    match target {
        TargetKind::Webhook(settings) => {
            let oauth = settings.oauth.iter().flat_map(|oauth| [&oauth.token_url, &oauth.client_secret]);
            let rest = settings.signing_keys.iter().chain(settings.headers.values()).chain(oauth);
            std::iter::once(&settings.url).chain(rest).collect()
        }
        TargetKind::Slack(settings) => vec![&settings.webhook],
        TargetKind::SlackApp { settings, signing_secret } => {
            std::iter::once(&settings.bot_token).chain(signing_secret).chain(&settings.url).collect()
        }
        TargetKind::Teams(settings) => vec![&settings.webhook],
        TargetKind::OpsGenie(settings) => std::iter::once(&settings.api_key).chain(&settings.url).collect(),
        TargetKind::Email(settings) => {
            settings.login.iter().flat_map(|(user, password)| [user, password]).collect()
        }
        TargetKind::Command(settings) => settings.environment.values().collect(),
        TargetKind::PagerDuty(settings) => {
            std::iter::once(&settings.routing_key).chain(&settings.url).collect()
        }
        TargetKind::Aws(_) | TargetKind::Stdout | TargetKind::File { .. } => Vec::new(),
    }
}
