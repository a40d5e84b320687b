//! A file → what it says: every key known, every value of its type, every fault told at once.

use std::net::SocketAddr;
use std::sync::Arc;

use route::TargetName;
use rules::yaml::{self, Node, Value};
use rules::{Check, Complaints, Diagnostic, Fields, Files, Organization, Override};

use crate::secret::Found;
use crate::{
    Analysis, Configuration, GeoIp, Heartbeat, Lateness, Listener, LogLevel, RulesFrom, Secrets, Shown, State,
};

/// What reading gives: the value, if nothing is wrong, and everything there is to say of the file.
#[derive(Debug)]
pub struct Read<T> {
    /// What was read; `None` if there is an error among the diagnostics, unless it is said otherwise.
    pub value: Option<T>,
    /// Errors and warnings, by place; those of the accounts file last.
    pub diagnostics: Vec<Diagnostic>,
    /// How many references to secrets there are that nobody asked to look up.
    pub not_looked_up: usize,
    path: Arc<str>,
    /// The file's text without what may be secret.
    masked: Arc<str>,
}

impl<T> Read<T> {
    /// The files to render diagnostics from: they do not hold the secrets that somebody wrote into the configuration.
    #[must_use]
    pub fn shown<'f>(&self, files: &'f dyn Files) -> Shown<'f> {
        Shown::new(files, Arc::clone(&self.path), Arc::clone(&self.masked))
    }

    /// Only what has no error.
    fn right(mut self) -> Self {
        if self.diagnostics.iter().any(Diagnostic::is_error) {
            self.value = None;
        }
        self
    }

    fn map<U>(self, make: impl FnOnce(T) -> Option<U>) -> Read<U> {
        let Read { value, diagnostics, not_looked_up, path, masked } = self;
        Read { value: value.and_then(make), diagnostics, not_looked_up, path, masked }
    }
}

/// The keys of a configuration, in the order they are best written in.
pub(crate) const KEYS: [&str; 22] = [
    "state",
    "sources",
    "lateness",
    "rules",
    "override",
    "suppressions",
    "accounts",
    "lists",
    "holidays",
    "hours",
    "change_windows",
    "geoip",
    "enrich",
    "forward",
    "targets",
    "routes",
    "fold",
    "respond",
    "heartbeat",
    "http",
    "log",
    "metadata",
];

/// Keys that only the service needs.
const OF_THE_SERVICE: [&str; 10] =
    ["state", "sources", "lateness", "enrich", "forward", "targets", "routes", "fold", "heartbeat", "http"];

/// Whether a YAML document is meant as a configuration: it has keys of one, and is no rule.
///
/// ```
/// assert!(configuration::looks_like_one("state: /var/lib/trailhound"));
/// assert!(!configuration::looks_like_one("id: a\ntitle: b\nrules: []"));
/// ```
#[must_use]
pub fn looks_like_one(text: &str) -> bool {
    let read = yaml::parse(&"".into(), text);
    let Some(Node { value: Value::Mapping(entries), .. }) = read.documents.first() else { return false };
    let has = |keys: &[&str]| entries.iter().any(|entry| keys.contains(&&*entry.key));
    let own: Vec<&str> = KEYS.iter().copied().filter(|key| *key != "metadata").collect();
    has(&own) && !has(&["id", "kind", "pattern", "filter", "title"])
}

/// What has to be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    State,
    /// What the service needs, if anything of it is there.
    WhatItBegins,
    Everything,
}

pub(crate) fn configuration(path: &str, files: &dyn Files, secrets: &dyn Secrets) -> Read<Configuration> {
    read(path, files, Some(secrets), Needs::Everything).right().map(|whole| {
        let Whole {
            analysis,
            state,
            sources,
            lateness,
            enrich,
            forwards,
            targets,
            routes,
            fold,
            responses,
            heartbeat,
            http,
            log,
        } = whole;
        let http = match http {
            Some(http) => Some(http.value()?),
            None => None,
        };
        let heartbeat = match heartbeat {
            Some(heartbeat) => Some(heartbeat.value()?),
            None => None,
        };
        Some(Configuration {
            analysis,
            state: state?,
            sources: sources?.value()?,
            lateness,
            enrich: enrich.value()?,
            forwards,
            targets,
            routes: routes?,
            fold,
            responses,
            heartbeat,
            http,
            log,
        })
    })
}

pub(crate) fn analysis(path: &str, files: &dyn Files) -> Read<Analysis> {
    read(path, files, None, Needs::Nothing).right().map(|whole| Some(whole.analysis))
}

pub(crate) fn policy(path: &str, files: &dyn Files) -> Read<route::Policy> {
    read(path, files, None, Needs::WhatItBegins).right().map(|whole| {
        let suppressions = whole.analysis.suppressions().cloned().collect();
        Some(route::Policy { routes: whole.routes?, suppressions, fold: whole.fold })
    })
}

pub(crate) fn state(path: &str, files: &dyn Files) -> Read<State> {
    read(path, files, None, Needs::State).map(|whole| whole.state)
}

pub(crate) fn check(path: &str, files: &dyn Files, secrets: Option<&dyn Secrets>) -> Read<Analysis> {
    read(path, files, secrets, Needs::WhatItBegins).map(|whole| Some(whole.analysis))
}

/// Everything in a file.
struct Whole {
    analysis: Analysis,
    state: Option<State>,
    sources: Option<Found<Vec<crate::Source>>>,
    lateness: Lateness,
    enrich: Found<Vec<targets::EnricherAt>>,
    forwards: Vec<crate::Forward>,
    targets: Vec<crate::Target>,
    routes: Option<route::Routes>,
    fold: route::Fold,
    responses: Vec<crate::Response>,
    heartbeat: Option<Found<Heartbeat>>,
    http: Option<Found<Listener>>,
    log: LogLevel,
}

/// Reads nodes, complains, and looks secrets up.
pub(crate) struct Reader<'r, 't> {
    pub(crate) complaints: &'r mut Complaints<'t>,
    pub(crate) secrets: Option<&'r dyn Secrets>,
    /// How many references were met while there is nobody to ask.
    pub(crate) not_looked_up: usize,
    /// Addresses that something listens on.
    pub(crate) listening: Vec<SocketAddr>,
    pub(crate) files: &'r dyn Files,
    /// What is wrong with other files.
    pub(crate) elsewhere: Vec<Diagnostic>,
}

fn read(path: &str, files: &dyn Files, secrets: Option<&dyn Secrets>, needs: Needs) -> Read<Whole> {
    let file: Arc<str> = path.into();
    let Some(text) = files.text(path) else {
        let span = rules::Span::of("", 0..0);
        let message = format!("there is no file `{path}`");
        let diagnostics = vec![Diagnostic::new(Check::FileNotFound, &file, span, message)];
        return Read { value: None, diagnostics, not_looked_up: 0, path: file, masked: Arc::from("") };
    };
    let parsed = yaml::parse(&file, &text);
    let broken = !parsed.diagnostics.is_empty();
    let masked = if broken {
        crate::masked::masked_blindly(&text)
    } else {
        crate::masked::masked(&text, &parsed.documents)
    };
    let mut complaints = Complaints::new(Arc::clone(&file), &text, parsed.diagnostics);
    let mut reader = Reader {
        complaints: &mut complaints,
        secrets,
        not_looked_up: 0,
        listening: Vec::new(),
        files,
        elsewhere: Vec::new(),
    };
    let value = match parsed.documents.as_slice() {
        // Half a file is not complained about for what it lacks.
        _ if broken => None,
        [] => {
            let diagnostic =
                reader.complaints.diagnostic(Check::NotAMapping, 0..0, "the file holds no configuration");
            reader.complaints.push(diagnostic.help("begin with `rules:` or `state:`"));
            None
        }
        [document] => reader.document(document, needs),
        [_, second, ..] => {
            let at = second.range.start..second.range.start;
            let message = "a configuration is one document, and here begins another";
            let diagnostic = reader.complaints.diagnostic(Check::NotAMapping, at, message);
            reader.complaints.push(diagnostic.help("remove the line `---`"));
            None
        }
    };
    let Reader { not_looked_up, elsewhere, .. } = reader;
    let mut diagnostics = complaints.into_list();
    diagnostics.sort_by_key(|diagnostic| (diagnostic.span.offset, diagnostic.level, diagnostic.id));
    diagnostics.extend(elsewhere);
    Read { value, diagnostics, not_looked_up, path: file, masked }
}

impl Reader<'_, '_> {
    fn document(&mut self, document: &Node, needs: Needs) -> Option<Whole> {
        let fields = self.fields(document, "a configuration", &KEYS, &[])?;
        if needs == Needs::State {
            fields.required(self.complaints, "state");
        }
        let begun = OF_THE_SERVICE.iter().any(|key| fields.get(key).is_some() || fields.was_meant(key));
        if needs == Needs::Everything || (needs == Needs::WhatItBegins && begun) {
            for key in ["state", "sources", "targets", "routes"] {
                fields.required(self.complaints, key);
            }
        }
        let mut organization = self.organization(&fields);
        let state = fields.get("state").and_then(|node| self.state(node));
        let folder = state.as_ref().map(|state| state.folder.as_path());
        let organizations = match fields.get("accounts") {
            Some(node) => self.accounts(node, folder, &mut organization),
            None => None,
        };
        let geoip = fields.get("geoip").map_or(Some(GeoIp::default()), |node| self.geoip(node))?;
        let rules = fields.get("rules").map_or(Some(vec![RulesFrom::BuiltIn]), |node| self.rules(node));
        let overrides = fields
            .get("override")
            .map_or(Some(Vec::new()), |node| Override::read(self.complaints, &organization.context(0), node));
        let sources = fields.get("sources").and_then(|node| self.sources(node));
        let lateness = fields.get("lateness").map_or(Some(Lateness::default()), |node| self.lateness(node));
        let enrich = fields.get("enrich").map_or(Some(Found::Value(Vec::new())), |node| self.enrich(node));
        let heartbeat = fields.get("heartbeat").and_then(|node| self.heartbeat(node));
        let targets = fields.get("targets").and_then(|node| self.targets(node));
        let hours = &organization.hours;
        let forwards =
            fields.get("forward").map_or(Some(Vec::new()), |node| self.forwards(node, targets.as_ref()));
        // What is said of them if they could not be read is enough.
        let fed: Vec<TargetName> = match &forwards {
            Some(forwards) => forwards.iter().flat_map(|forward| forward.to.iter().cloned()).collect(),
            None => targets.iter().flat_map(|targets| &targets.names).map(|(name, _)| name.clone()).collect(),
        };
        let routing = fields.get("routes").map(|node| self.routing(node, targets.as_ref(), hours, &fed));
        let suppressions =
            fields.get("suppressions").map_or(Some(Vec::new()), |node| self.suppressions(node));
        let fold = fields.get("fold").map_or(Some(route::Fold::default()), |node| self.fold(node));
        let responses =
            fields.get("respond").map_or(Some(Vec::new()), |node| self.responses(node, targets.as_ref()));
        let http = fields.get("http").and_then(|node| self.http(node));
        if let (Some(node), None, false) =
            (fields.get("targets"), fields.get("http"), fields.was_meant("http"))
        {
            self.buttons_need_a_listener(node);
        }
        let log = fields.get("log").map_or(Some(LogLevel::default()), |node| self.log(node));
        if let Some(node) = fields.get("metadata").filter(|node| !matches!(node.value, Value::Mapping(_))) {
            let message = "`metadata` is a mapping of whatever you like";
            self.complaints.add(Check::WrongType, node.range.clone(), message);
        }
        let (routes, routed) = routing.map_or((None, Vec::new()), |routing| (routing.routes, routing.rules));
        let mut fold = fold?;
        fold.targets.extend(targets.iter().flat_map(|targets| &targets.folding).cloned());
        Some(Whole {
            analysis: Analysis {
                organization,
                organizations,
                geoip,
                rules: rules?,
                overrides: overrides?,
                suppressions: suppressions?,
                routed,
            },
            state,
            sources,
            lateness: lateness?,
            enrich: enrich?,
            forwards: forwards?,
            targets: targets.map_or(Vec::new(), |targets| targets.targets),
            routes,
            fold,
            responses: responses?,
            heartbeat,
            http,
            log: log?,
        })
    }

    fn organization(&mut self, fields: &Fields<'_>) -> Organization {
        let mut organization = Organization::new();
        if let Some(node) = fields.get("lists") {
            organization.read_lists(self.complaints, node);
        }
        if let Some(node) = fields.get("holidays") {
            self.elsewhere.extend(organization.read_holidays(self.complaints, node, self.files));
        }
        if let Some(node) = fields.get("hours") {
            organization.read_hours(self.complaints, node);
        }
        if let Some(node) = fields.get("change_windows") {
            self.elsewhere.extend(organization.read_change_windows(self.complaints, node, self.files));
        }
        organization
    }

    fn rules(&mut self, node: &Node) -> Option<Vec<RulesFrom>> {
        let rules = self.each(node, "`rules`", |reader, node| {
            if node.as_text() == Some("builtin") {
                return Some(RulesFrom::BuiltIn);
            }
            if node.as_text() == Some("builtin-baseline") {
                return Some(RulesFrom::BuiltInBaseline);
            }
            let path = reader.path(node, "what names rules")?;
            Some(RulesFrom::Path(path.display().to_string()))
        })?;
        if rules.is_empty() {
            self.wrong(
                Check::InvalidValue,
                node,
                "`rules` is empty: nothing would be decided",
                "write `[builtin]`, or leave it out",
            );
            return None;
        }
        Some(rules)
    }
}
