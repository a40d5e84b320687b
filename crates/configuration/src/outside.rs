//! Who is asked for more about a finding, and who is told that the service lives.

use std::collections::BTreeMap;
use std::time::Duration;

use rules::Check;
use rules::yaml::Node;
use targets::{EnricherSettings, Network, PulseSettings};

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

pub(crate) const KINDS: [&str; 1] = ["http"];
pub(crate) const NOT_BUILT: [(&str, &str); 1] =
    [("lambda", "give the function a URL, and ask it over `http`")];
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
    pub(crate) fn enrich(&mut self, node: &Node) -> Option<Found<Vec<EnricherSettings>>> {
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

    fn enricher(&mut self, node: &Node) -> Option<Found<EnricherSettings>> {
        let (_, settings, _) = self.one_of_kinds(node, "an entry of `enrich`", &KINDS, &NOT_BUILT, &[])?;
        let fields = self.fields(settings, "`http`", &HTTP_KEYS, &[])?;
        let url = fields.required(self.complaints, "url").and_then(|node| self.secret(node, Kind::Perhaps));
        let headers =
            fields.get("headers").map_or(Some(Found::Value(BTreeMap::new())), |node| self.headers(node));
        let timeout =
            fields.get("timeout").map_or(Some(TIMEOUT), |node| self.duration(node, "timeout", TIMEOUT_MAX));
        let on_error = fields.get("on_error").map(|node| self.word(node, "on_error", &[("pass", ())]));
        let network = fields.get("network").map_or(Some(Network::default()), |node| self.network_use(node));
        let (url, headers, timeout, network) = (url?, headers?, timeout?, network?);
        if on_error == Some(None) {
            return None;
        }
        let network = Network { timeout, connect_timeout: network.connect_timeout.min(timeout), ..network };
        let settings = url.map(|url| EnricherSettings { url, headers: BTreeMap::new(), network });
        let settings = settings.and(headers, |settings, headers| settings.headers = headers);
        self.checked(settings, EnricherSettings::check, &fields, node)
    }

    pub(crate) fn heartbeat(&mut self, node: &Node) -> Option<Found<Heartbeat>> {
        let fields = self.fields(node, "`heartbeat`", &HEARTBEAT_KEYS, &[])?;
        let url = fields.required(self.complaints, "url").and_then(|node| self.secret(node, Kind::Key));
        let every = fields.get("every").map_or(Some(EVERY), |node| self.duration(node, "every", EVERY_MAX));
        if let Some(node) = fields.get("every").filter(|_| every.is_some_and(|every| every < EVERY_MIN)) {
            self.complaints.add(Check::InvalidValue, node.range.clone(), "`every` is at least 5s");
            return None;
        }
        let network = fields.get("network").map_or(Some(Network::default()), |node| self.network_use(node));
        let (url, every, network) = (url?, every?, network?);
        let pulse =
            self.checked(url.map(|url| PulseSettings { url, network }), PulseSettings::check, &fields, node)?;
        Some(pulse.map(|pulse| Heartbeat { pulse, every }))
    }
}
