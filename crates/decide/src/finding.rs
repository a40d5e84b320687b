//! A finding, as everything to the right of `decide` sees it and as it is printed: one EventBridge-shaped event.

use std::collections::BTreeMap;

use context::Context;
use rules::{Evaluation, Rule, Seen};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::incident::{Basis, Incident};
use crate::reason::reason;

/// `source` of every finding.
pub const SOURCE: &str = "trailhound";
/// `detail-type` of every finding.
pub const DETAIL_TYPE: &str = "Trailhound Finding";
/// How many event ids a finding names beside its true count.
pub const EVENT_IDS_MAX: usize = 1_000;
/// How many records a finding carries as a sample.
pub const RECORDS_MAX: usize = 3;

/// A finding is itself an EventBridge event, so routes and further rules match it with event patterns.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(title = "Trailhound Finding")]
pub struct Finding {
    /// The version of EventBridge's envelope: always `"0"`.
    pub version: &'static str,
    /// Minted from rule, key and the event that first fired it; the same in every run over the same data.
    pub id: String,
    /// Always `trailhound`.
    pub source: &'static str,
    /// Always `Trailhound Finding`.
    #[serde(rename = "detail-type")]
    pub detail_type: &'static str,
    /// The account the first event happened in: twelve digits, or empty where the event names none.
    pub account: String,
    /// The region the first event was recorded in, or empty.
    pub region: String,
    /// When it became so: when the first event happened, an alarm changed its state, or the time of an absence was up.
    pub time: String,
    /// Always empty: CloudTrail's own events have none either.
    pub resources: Vec<String>,
    /// Everything else.
    pub detail: Detail,
}

impl Finding {
    /// Tells an incident.
    ///
    /// `first` is its first event, from which names and title come, and `records` are its records as far as they are at
    /// hand. Where nothing happened there is no event: an absence, or a combination of alarms. Then its key stands in.
    pub fn new(
        incident: &Incident,
        rule: &Rule,
        first: Option<Seen<'_>>,
        records: Vec<Box<RawValue>>,
        context: &Context,
    ) -> Self {
        match first {
            Some(first) => Self::told(incident, rule, first, records, context),
            None => {
                let stand_in = crate::stand_in::event(incident, rule);
                Self::told(incident, rule, Seen::from(&stand_in), records, context)
            }
        }
    }

    /// The same as a drill: nothing happened. `id` is the drill's own, so that nobody takes it for a finding that was told before.
    #[must_use]
    pub fn as_drill(mut self, id: String) -> Self {
        self.id = id;
        self.detail.drill = true;
        self.detail.revision = 0;
        self.detail.title.insert_str(0, "DRILL ");
        self
    }

    fn told(
        incident: &Incident,
        rule: &Rule,
        first: Seen<'_>,
        records: Vec<Box<RawValue>>,
        context: &Context,
    ) -> Self {
        let evaluation = Evaluation::new(rule, first, context);
        let text =
            |member: &str, name: Option<&str>| first.text(member, name).unwrap_or_default().into_owned();
        let account = text("account", None);
        let owned = |text: &str| text.to_owned();
        let known = context.account(&account);
        let source_ip = text("detail", Some("sourceIPAddress"));
        let detail = Detail {
            rule: rule.id.to_string(),
            title: evaluation.title(),
            description: rule.description.as_deref().map(owned),
            severity: incident.severity,
            state: incident.state,
            revision: incident.revision,
            settled: incident.settled,
            fingerprint: incident.fingerprint.clone(),
            reason: reason(incident, rule, first, &records),
            account: AccountDetail {
                name: known.and_then(|account| account.name.as_deref()).map(owned),
                ou: known.and_then(|account| account.ou.as_deref()).map(owned),
                owner: known.and_then(|account| account.owner.as_deref()).map(owned),
                tags: known
                    .into_iter()
                    .flat_map(|account| &account.tags)
                    .map(|(k, v)| (owned(k), owned(v)))
                    .collect(),
            },
            principal: PrincipalDetail::of(first),
            source: SourceDetail::of(&source_ip, context),
            source_ip: Some(source_ip).filter(|address| !address.is_empty()),
            key: key(incident, rule),
            window: Window { from: incident.window_from.to_string(), to: incident.window_end.to_string() },
            count: incident.count,
            first_time: incident.first_time.to_string(),
            last_time: incident.last_time.to_string(),
            event_ids: incident.event_ids.iter().map(ToString::to_string).collect(),
            records,
            alarm: alarm(incident),
            first_checks: rule.first_checks.iter().map(|check| owned(check)).collect(),
            tags: rule.tags.iter().map(|tag| owned(tag)).collect(),
            owner: rule.owner.as_deref().map(owned),
            context: None,
            drill: false,
            conversation: None,
            over_time: incident.basis != Basis::Events,
        };
        Finding {
            version: "0",
            id: incident.id.clone(),
            source: SOURCE,
            detail_type: DETAIL_TYPE,
            account,
            region: text("region", None),
            time: incident.time.to_string(),
            resources: Vec::new(),
            detail,
        }
    }
}

/// The values its events have in common, by path, or by the names of its metric's dimensions.
pub(crate) fn key(incident: &Incident, rule: &Rule) -> BTreeMap<String, String> {
    let paths = rule.key_paths(0).iter().map(ToString::to_string);
    let dimensions = rule.publishes().into_iter().flat_map(|of| of.definition.dimensions.keys().cloned());
    paths.chain(dimensions).zip(incident.key.values().map(str::to_owned)).collect()
}

fn alarm(incident: &Incident) -> Option<Box<RawValue>> {
    let Basis::Alarm(news) = &incident.basis else { return None };
    RawValue::from_string(news.fields.to_string()).ok()
}

/// What a finding says.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Detail {
    /// The id of the rule.
    pub rule: String,
    /// The rule's title, with the first event's values in it.
    pub title: String,
    /// Why anybody should care: the rule's description.
    pub description: Option<String>,
    /// The highest severity any of its events has.
    #[schemars(with = "SeverityName")]
    pub severity: rules::Severity,
    /// Whether it stands.
    pub state: State,
    /// How often it was re-issued with later knowledge.
    pub revision: u32,
    /// Whether no event that may still arrive can change it.
    pub settled: bool,
    /// Hash of rule, key, window and events: equal between any two runs over the same data.
    pub fingerprint: String,
    /// What happened, in a sentence.
    pub reason: String,
    /// What is known of the account.
    pub account: AccountDetail,
    /// Who did it.
    pub principal: PrincipalDetail,
    /// Where the first call came from: an address, or the name of an AWS service.
    pub source_ip: Option<String>,
    /// Where that address is and whose, as far as the databases say that are configured as `geoip`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceDetail>,
    /// The values its events have in common, by path: the rule's `group.by`.
    pub key: BTreeMap<String, String>,
    /// The span of time it covers.
    pub window: Window,
    /// How many events.
    pub count: u64,
    /// When the first of them happened.
    pub first_time: String,
    /// When the last of them happened.
    pub last_time: String,
    /// Their ids in order of time: at most a thousand, `count` says how many there are.
    pub event_ids: Vec<String>,
    /// The first few events: their CloudTrail records as they stand in the log, without white space; other events with their envelope.
    #[schemars(with = "Vec<serde_json::Value>")]
    pub records: Vec<Box<RawValue>>,
    /// CloudWatch's own fields, where the finding is an alarm.
    #[schemars(with = "Option<serde_json::Value>")]
    pub alarm: Option<Box<RawValue>>,
    /// What to look at before anything else.
    pub first_checks: Vec<String>,
    /// The rule's tags: techniques, controls.
    pub tags: Vec<String>,
    /// Who answers for the rule.
    pub owner: Option<String>,
    /// What those that the configuration names under `enrich` had to say about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>")]
    pub context: Option<serde_json::Map<String, Value>>,
    /// Whether nothing happened, and it is told to see that telling works. Only there if so; the title begins with `DRILL ` then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(with = "Option<bool>")]
    pub drill: bool,
    /// Where it stands in its conversation: in what targets are sent, and nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationDetail>,
    /// Whether it is about more than each event by itself; for those who show findings, and not part of the JSON.
    #[serde(skip)]
    pub over_time: bool,
}

/// The states a finding can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is so.
    Firing,
    /// It was so.
    Resolved,
    /// It cannot be decided, because the source is silent.
    Unknown,
}

/// What is known of an account.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct AccountDetail {
    /// Its name in the organization.
    pub name: Option<String>,
    /// Its organizational unit, from the root.
    pub ou: Option<String>,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Where an address is, and whose.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct SourceDetail {
    /// The country's code of two letters.
    pub country: Option<String>,
    /// The city.
    pub city: Option<String>,
    /// The number of the autonomous system.
    pub asn: Option<u32>,
    /// Who runs that system.
    pub org: Option<String>,
}

impl SourceDetail {
    fn of(address: &str, context: &Context) -> Option<Self> {
        let place = context.geography().of(address);
        let owned = |text: Option<Box<str>>| text.map(Into::into);
        (!place.is_unknown()).then(|| SourceDetail {
            country: owned(place.country),
            city: owned(place.city),
            asn: place.asn,
            org: owned(place.org),
        })
    }
}

/// Who made the call.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct PrincipalDetail {
    /// What kind of identity: `root`, `user`, `role`, `service`, ….
    pub kind: String,
    /// A name a person recognises.
    pub name: Option<String>,
    /// The identity's ARN.
    pub arn: Option<String>,
    /// The session's name, where a role was assumed.
    pub session: Option<String>,
    /// The person behind it, where the event tells.
    pub human: Option<String>,
}

impl PrincipalDetail {
    fn of(event: Seen<'_>) -> Self {
        let principal = event.principal();
        PrincipalDetail {
            // A unit variant serializes to its name.
            kind: serde_json::to_value(principal.kind)
                .ok()
                .and_then(|kind| kind.as_str().map(str::to_owned))
                .unwrap_or_default(),
            name: Some(principal.name.clone()),
            arn: principal.arn.clone(),
            session: principal.session.clone(),
            human: principal.human.clone(),
        }
    }
}

/// Where a finding stands in its conversation: all that is said of one thing at one target.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ConversationDetail {
    /// The conversation's id: that of the finding it began with.
    pub id: String,
    /// The message's number in it. Numbers grow, and some may be left out.
    pub number: u32,
    /// `first`, `update` or `closing`.
    pub kind: String,
    /// How many findings are in it so far.
    pub findings: u64,
    /// How many findings and revisions were said with others instead of in a message of their own.
    pub folded: u64,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Why it is said now or here, or what was done about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// From and to, both inclusive.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Window {
    /// Where it begins.
    pub from: String,
    /// Where it ends.
    pub to: String,
}

/// The names of severities, for the schema.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum SeverityName {
    Info,
    Low,
    Medium,
    High,
    Critical,
}
