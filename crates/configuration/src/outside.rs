//! Who is asked for more about a finding, and who is told that the service lives.

use std::collections::BTreeMap;
use std::time::Duration;

use rules::yaml::Node;
use rules::{Check, Fields};
use targets::aws::AwsSettings;
use targets::{EnricherAt, EnricherSettings, LambdaEnricherSettings, Network, PulseSettings, SetupError};

use crate::read::Reader;
use crate::secret::{Found, Kind};

/// Signs of life.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    /// Where they go.
    pub pulse: PulseSettings,
    /// How often.
    pub every: Duration,
}

pub(crate) const KINDS: [&str; 2] = ["http", "lambda"];
pub(crate) const LAMBDA_KEYS: [&str; 7] =
    ["function", "timeout", "on_error", "region", "endpoint", "role", "external_id"];
pub(crate) const HTTP_KEYS: [&str; 5] = ["url", "headers", "timeout", "on_error", "network"];
pub(crate) const HEARTBEAT_KEYS: [&str; 3] = ["url", "every", "network"];

/// An alert waits at most this long for those who know more.
const TIMEOUT_MAX: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_millis(500);
const EVERY: Duration = Duration::from_secs(60);
const EVERY_MIN: Duration = Duration::from_secs(5);
const EVERY_MAX: Duration = Duration::from_secs(24 * 3600);
/// Findings wait for each of them in turn.
const ENRICHERS_MAX: usize = 4;

impl Reader<'_, '_> {
    pub(crate) fn enrich(&mut self, node: &Node) -> Option<Found<Vec<EnricherAt>>> {
        let read = self.each(node, "`enrich`", Self::enricher)?;
        if read.len() > ENRICHERS_MAX {
            let message =
                format!("`enrich` has at most {ENRICHERS_MAX} entries: every finding waits for each");
            self.complaints.add(Check::InvalidValue, node.range.clone(), message);
            return None;
        }
        let all = Found::Value(Vec::new());
        Some(read.into_iter().fold(all, |all, one| all.and(one, Vec::push)))
    }

    fn enricher(&mut self, node: &Node) -> Option<Found<EnricherAt>> {
        let (kind, settings, _) = self.one_of_kinds(node, "an entry of `enrich`", &KINDS, &[], &[])?;
        if kind == "lambda" {
            return self.function_to_ask(settings).map(|settings| Found::Value(EnricherAt::Lambda(settings)));
        }
        let fields = self.fields(settings, "`http`", &HTTP_KEYS, &[])?;
        let network = fields.get("network").map_or(Some(Network::default()), |node| self.network_use(node));
        let url = fields.required(self.complaints, "url");
        let url = url.and_then(|node| self.receiver(node, Kind::Perhaps, network.as_ref()));
        let headers =
            fields.get("headers").map_or(Some(Found::Value(BTreeMap::new())), |node| self.headers(node));
        let (timeout, on_error) = (self.answer_within(&fields), self.on_error(&fields));
        let (url, headers, timeout, network) = (url?, headers?, timeout?, network?);
        on_error?;
        let network = Network { timeout, connect_timeout: network.connect_timeout.min(timeout), ..network };
        let settings = url.map(|url| EnricherSettings { url, headers: BTreeMap::new(), network });
        let settings = settings.and(headers, |settings, headers| settings.headers = headers);
        self.checked(settings, EnricherSettings::check, &fields, node)
            .map(|found| found.map(EnricherAt::Http))
    }

    fn function_to_ask(&mut self, node: &Node) -> Option<LambdaEnricherSettings> {
        let fields = self.fields(node, "`lambda`", &LAMBDA_KEYS, &[])?;
        let (timeout, on_error) = (self.answer_within(&fields), self.on_error(&fields));
        let function = self.needed(&fields, "function");
        let (region, endpoint, role) =
            (self.given(&fields, "region"), self.given(&fields, "endpoint"), self.role(&fields));
        let aws = AwsSettings { region: region?, endpoint: endpoint?, role: role?, keys: None };
        let settings = LambdaEnricherSettings { function: function?, timeout: timeout?, aws };
        on_error?;
        match settings.check() {
            Ok(()) => Some(settings),
            // What is misspelled is not complained about as missing.
            Err(SetupError::Region) if fields.was_meant("region") => None,
            Err(error) => {
                self.will_not_do(&error, &fields, node);
                None
            }
        }
    }

    fn answer_within(&mut self, fields: &Fields<'_>) -> Option<Duration> {
        fields.get("timeout").map_or(Some(TIMEOUT), |node| self.duration(node, "timeout", TIMEOUT_MAX))
    }

    fn on_error(&mut self, fields: &Fields<'_>) -> Option<()> {
        fields.get("on_error").map_or(Some(()), |node| self.word(node, "on_error", &[("pass", ())]))
    }

    pub(crate) fn heartbeat(&mut self, node: &Node) -> Option<Found<Heartbeat>> {
        let fields = self.fields(node, "`heartbeat`", &HEARTBEAT_KEYS, &[])?;
        let network = fields.get("network").map_or(Some(Network::default()), |node| self.network_use(node));
        let url = fields.required(self.complaints, "url");
        let url = url.and_then(|node| self.receiver(node, Kind::Key, network.as_ref()));
        let every = fields.get("every").map_or(Some(EVERY), |node| self.duration(node, "every", EVERY_MAX));
        if let Some(node) = fields.get("every").filter(|_| every.is_some_and(|every| every < EVERY_MIN)) {
            self.complaints.add(Check::InvalidValue, node.range.clone(), "`every` is at least 5s");
            return None;
        }
        let (url, every, network) = (url?, every?, network?);
        let pulse =
            self.checked(url.map(|url| PulseSettings { url, network }), PulseSettings::check, &fields, node)?;
        Some(pulse.map(|pulse| Heartbeat { pulse, every }))
    }
}
