//! What must hold of a rule's events: `threshold`, `sequence`, `first_seen`, `absent`; at most one of them or `alarm`.

use super::{Fields, Reader, optional};
use crate::catalogue::Check;
use crate::decision::{Absent, Decision, Expect, FirstSeen, Sequence, Step, Threshold};
use crate::path::{EventPath, Root};
use crate::rule::Selector;
use crate::yaml::{Node, Value};
use cloudtrail::Delivery;
use std::time::Duration;

/// The keys of a rule that say what must hold of its events.
pub(crate) const DECISION_KEYS: [&str; 5] = ["alarm", "threshold", "sequence", "first_seen", "absent"];

/// The longest span of a window: what is kept of every key lives that long.
const WITHIN_MAX: Duration = Duration::from_secs(30 * DAY);

/// The longest time a value is remembered.
const FORGET_MAX: Duration = Duration::from_secs(400 * DAY);

const DAY: u64 = 24 * 60 * 60;

/// The most events a threshold counts to; all of them are kept until it is met.
const COUNT_MAX: usize = 100_000;

/// The most keys a rule may ask to keep.
const KEYS_MAX: usize = 100_000_000;

/// How long first-seen learns and remembers unless the rule says otherwise.
const LEARN: Duration = Duration::from_secs(14 * DAY);
const FORGET: Duration = Duration::from_secs(90 * DAY);

impl Reader<'_, '_> {
    /// What must hold of the events. `None` if it cannot be read; the rule's own selector is left to the caller, who hands in
    /// its delivery for the steps of a sequence.
    pub(super) fn decision(
        &mut self,
        document: &Node,
        fields: &Fields<'_>,
        delivery: Option<Delivery>,
    ) -> Option<Decision> {
        let Value::Mapping(entries) = &document.value else { return None };
        let mut kinds = entries.iter().filter(|entry| DECISION_KEYS.contains(&&*entry.key));
        let Some(kind) = kinds.next() else { return Some(Decision::Each) };
        let mut alone = true;
        for other in kinds.filter(|other| other.key != kind.key) {
            let message = format!("a rule decides in one way: it has `{}` and `{}`", kind.key, other.key);
            let help = "keep one of them, and write a second rule for the other";
            let diagnostic =
                self.complaints.diagnostic(Check::InvalidValue, other.key_range.clone(), message);
            self.complaints.push(diagnostic.help(help));
            // Read too, so that what is wrong inside it is told.
            let _ = self.decision_of(&other.key, &other.value, fields, delivery);
            alone = false;
        }
        if let Some(group) = fields.get("group") {
            let own = match &*kind.key {
                "threshold" => "`threshold` has its own `by`",
                "sequence" => "the steps of `sequence` have their own `by`",
                "first_seen" => "`first_seen` says one finding for each new value of `of`",
                "absent" => "`absent` says one finding for each key of `per`",
                _ => "an alarm is one finding from the time it fires until it is OK again",
            };
            let message = format!("`group` is for rules that decide each event by itself, and {own}");
            let diagnostic = self.complaints.diagnostic(Check::InvalidValue, group.range.clone(), message);
            self.complaints.push(diagnostic.help("remove `group`"));
            alone = false;
        }
        self.decision_of(&kind.key, &kind.value, fields, delivery).filter(|_| alone)
    }

    fn decision_of(
        &mut self,
        kind: &str,
        node: &Node,
        rule: &Fields<'_>,
        delivery: Option<Delivery>,
    ) -> Option<Decision> {
        match kind {
            "threshold" => self.threshold(node).map(Decision::Threshold),
            "sequence" => self.sequence(node, delivery.unwrap_or(Delivery::All)).map(Decision::Sequence),
            "first_seen" => self.first_seen(node).map(Decision::FirstSeen),
            "absent" => self.absent(node).map(Decision::Absent),
            _ => self.inline_alarm(node, rule).map(|alarm| Decision::Alarm(Box::new(alarm))),
        }
    }

    fn threshold(&mut self, node: &Node) -> Option<Threshold> {
        let keys = ["count", "within", "by", "distinct", "keys_max"];
        let fields = Fields::read(self.complaints, node, "a threshold", &keys, &[])?;
        let count = fields.required(self.complaints, "count");
        let count = count.and_then(|node| self.whole_number(node, "`count`", 1..=COUNT_MAX));
        let within = fields.required(self.complaints, "within");
        let within = within.and_then(|node| self.span(node, WITHIN_MAX));
        let by = self.each(fields.get("by"), Self::path);
        let distinct = optional(fields.get("distinct").map(|node| self.path(node)));
        let keys_max = self.keys_max(&fields);
        Some(Threshold { count: count?, within: within?, by: by?, distinct: distinct?, keys_max: keys_max? })
    }

    fn first_seen(&mut self, node: &Node) -> Option<FirstSeen> {
        let keys = ["of", "learn", "forget", "keys_max"];
        let fields = Fields::read(self.complaints, node, "first_seen", &keys, &[])?;
        let of = fields.required(self.complaints, "of").and_then(|node| {
            let of = self.each(Some(node), Self::path)?;
            if of.is_empty() {
                let message = "`of` names no value that could be new";
                let diagnostic = self.complaints.diagnostic(Check::InvalidValue, node.range.clone(), message);
                self.complaints.push(diagnostic.help("name one, as in `of: [principal, region]`"));
                return None;
            }
            Some(of)
        });
        let learn = optional(fields.get("learn").map(|node| self.span(node, FORGET_MAX)));
        let forget = optional(fields.get("forget").map(|node| self.span(node, FORGET_MAX)));
        let keys_max = self.keys_max(&fields);
        Some(FirstSeen {
            of: of?,
            learn: learn?.unwrap_or(LEARN),
            forget: forget?.unwrap_or(FORGET),
            keys_max: keys_max?,
        })
    }

    fn sequence(&mut self, node: &Node, delivery: Delivery) -> Option<Sequence> {
        let keys = ["within", "strict", "by", "steps", "keys_max"];
        let fields = Fields::read(self.complaints, node, "a sequence", &keys, &[])?;
        let within = fields.required(self.complaints, "within");
        let within = within.and_then(|node| self.span(node, WITHIN_MAX));
        let strict = fields.get("strict").map_or(Some(false), |node| self.yes_or_no(node, "`strict`"));
        let by = self.each(fields.get("by"), Self::path);
        let keys_max = self.keys_max(&fields);
        let list = fields.required(self.complaints, "steps")?;
        let Value::Sequence(items) = &list.value else {
            self.wrong_type(list, &format!("`steps` is a list, not {}", list.kind()));
            return None;
        };
        let mut then_not = None;
        let mut steps = Vec::new();
        let mut good = true;
        for (index, item) in items.iter().enumerate() {
            let negated = super::value_of(item, "not");
            if let Some(negated) = negated {
                let _ = Fields::read(self.complaints, item, "a step that must not follow", &["not"], &[]);
                if index + 1 < items.len() {
                    let message = "only the last step may be one that must not follow";
                    let diagnostic =
                        self.complaints.diagnostic(Check::InvalidValue, item.range.clone(), message);
                    self.complaints
                        .push(diagnostic.help("move it to the end, or leave its events out with `where`"));
                    good = false;
                }
                then_not = self
                    .step(negated, by.as_deref().unwrap_or_default(), delivery)
                    .map(|step| (step, negated));
                good &= then_not.is_some();
            } else {
                match self.step(item, by.as_deref().unwrap_or_default(), delivery) {
                    Some(step) => steps.push((step, item)),
                    None => good = false,
                }
            }
        }
        let least = if items.iter().any(|item| super::value_of(item, "not").is_some()) { 1 } else { 2 };
        let positive = items.iter().filter(|item| super::value_of(item, "not").is_none()).count();
        if positive < least || positive > Sequence::STEPS_MAX {
            let message = if positive < least {
                "a sequence has at least two steps".to_owned()
            } else {
                format!("a sequence has at most {} steps", Sequence::STEPS_MAX)
            };
            let help = "the last of them may be `not: { … }`, which must not follow";
            let diagnostic = self.complaints.diagnostic(Check::InvalidValue, list.range.clone(), message);
            self.complaints.push(diagnostic.help(help));
            good = false;
        }
        good &= self.keys_are_alike(&steps, then_not.as_ref());
        let sequence = Sequence {
            within: within?,
            strict: strict?,
            steps: steps.into_iter().map(|(step, _)| step).collect(),
            then_not: then_not.map(|(step, _)| step),
            keys_max: keys_max?,
        };
        (good && by.is_some()).then_some(sequence)
    }

    /// Whether all steps have keys of as many values as the first.
    fn keys_are_alike(&mut self, steps: &[(Step, &Node)], then_not: Option<&(Step, &Node)>) -> bool {
        let Some((first, _)) = steps.first() else { return true };
        let arity = first.by.len();
        let mut alike = true;
        for (step, node) in steps.iter().chain(then_not) {
            if step.by.len() == arity {
                continue;
            }
            let at = super::value_of(node, "by").unwrap_or(node);
            let values =
                |count: usize| if count == 1 { "1 value".to_owned() } else { format!("{count} values") };
            let message =
                format!("this step is keyed by {}, the first by {}", values(step.by.len()), values(arity));
            let help = "steps belong together when their values are equal, the first with the first and so on: give each as many";
            let diagnostic = self.complaints.diagnostic(Check::InvalidValue, at.range.clone(), message);
            self.complaints.push(diagnostic.help(help));
            alike = false;
        }
        alike
    }

    fn step(&mut self, node: &Node, by: &[EventPath], delivery: Delivery) -> Option<Step> {
        let keys = ["pattern", "filter", "where", "delivery", "by"];
        let fields = Fields::read(self.complaints, node, "a step", &keys, &["not"])?;
        let selector = self.selector(node, &fields, "a step");
        let condition = optional(fields.get("where").map(|node| self.condition(node)));
        let delivery = fields.get("delivery").map_or(Some(delivery), |node| self.delivery(node));
        let by = match fields.get("by") {
            Some(node) => self.each(Some(node), Self::path),
            None => Some(by.to_vec()),
        };
        Some(Step { selector: selector?, delivery: delivery?, condition: condition?, by: by? })
    }

    fn absent(&mut self, node: &Node) -> Option<Absent> {
        let keys = ["for", "per", "expect", "accept_assumed", "keys_max"];
        let fields = Fields::read(self.complaints, node, "absent", &keys, &[])?;
        let within = fields.required(self.complaints, "for").and_then(|node| self.span(node, WITHIN_MAX));
        let per = self.each(fields.get("per"), Self::path);
        let expect = match (fields.get("expect"), &per) {
            (None, _) => Some(Expect::Seen),
            (Some(node), Some(per)) => self.expect(node, per),
            // What is expected is read by what it is expected of.
            (Some(_), None) => None,
        };
        let accept_assumed =
            fields.get("accept_assumed").map_or(Some(false), |node| self.yes_or_no(node, "`accept_assumed`"));
        let keys_max = self.keys_max(&fields);
        Some(Absent {
            within: within?,
            per: per?,
            expect: expect?,
            accept_assumed: accept_assumed?,
            keys_max: keys_max?,
        })
    }

    fn expect(&mut self, node: &Node, per: &[EventPath]) -> Option<Expect> {
        let complain = |reader: &mut Self, message: String, help: &str| {
            let diagnostic = reader.complaints.diagnostic(Check::InvalidValue, node.range.clone(), message);
            reader.complaints.push(diagnostic.help(help));
            None
        };
        match (&node.value, node.as_text()) {
            (_, Some("seen")) => Some(Expect::Seen),
            (_, Some("organization")) => {
                let is_account = |path: &EventPath| {
                    path.root() == Root::Account
                        && matches!(path.steps(), [] | [_])
                        && path.steps().first().is_none_or(|step| &**step == "id")
                };
                let known = |path: &EventPath| is_account(path) || path.root() == Root::Region;
                if per.iter().any(is_account) && per.iter().all(known) {
                    return Some(Expect::Organization);
                }
                complain(
                    self,
                    "of the organization only accounts and their regions are known".to_owned(),
                    "write `per: [account]` or `per: [account, region]`, or list what to expect",
                )
            }
            (Value::Sequence(_), _) if per.is_empty() => complain(
                self,
                "a list of keys needs `per`, which says what the keys are".to_owned(),
                "write `per: [account]`, or leave `expect` out",
            ),
            (Value::Sequence(items), _) if items.is_empty() => {
                complain(self, "nothing is expected".to_owned(), "list the keys that have to come by")
            }
            (Value::Sequence(items), _) => {
                let keys: Vec<_> = items.iter().map(|item| self.expected_key(item, per)).collect();
                keys.into_iter().collect::<Option<_>>().map(Expect::List)
            }
            (_, Some(_)) => {
                self.complaints.one_of(node, "expectation", ["seen", "organization"]);
                None
            }
            _ => {
                self.wrong_type(node, "`expect` is `seen`, `organization`, or a list of keys");
                None
            }
        }
    }

    fn expected_key(&mut self, node: &Node, per: &[EventPath]) -> Option<Box<[Box<str>]>> {
        let values = match &node.value {
            Value::Sequence(_) => self.each(Some(node), Self::text)?,
            _ => vec![self.text(node)?],
        };
        if values.len() != per.len() {
            let paths = per.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let message = format!("a key has the values of {paths}, in this order");
            let help = format!("write `[{}]`", per.iter().map(|_| "…").collect::<Vec<_>>().join(", "));
            let diagnostic = self.complaints.diagnostic(Check::InvalidValue, node.range.clone(), message);
            self.complaints.push(diagnostic.help(help));
            return None;
        }
        Some(values.into())
    }

    fn keys_max(&mut self, fields: &Fields<'_>) -> Option<Option<usize>> {
        optional(fields.get("keys_max").map(|node| self.whole_number(node, "`keys_max`", 1..=KEYS_MAX)))
    }

    /// Where a rule's events come from: its own selector, unless it is a sequence, whose steps have theirs.
    pub(super) fn own_selector(&mut self, document: &Node, fields: &Fields<'_>) -> Option<Option<Selector>> {
        if fields.get("sequence").is_none() {
            return self.selector(document, fields, "a rule").map(Some);
        }
        let mut good = true;
        for key in ["pattern", "filter"] {
            if let Some(node) = fields.get(key) {
                let message = format!(
                    "the steps of a sequence have their own selectors, beside which `{key}` says nothing"
                );
                let help = "move it into a step, or say what holds of all steps with `where`";
                let diagnostic = self.complaints.diagnostic(Check::InvalidValue, node.range.clone(), message);
                self.complaints.push(diagnostic.help(help));
                good = false;
            }
        }
        good.then_some(None)
    }
}
