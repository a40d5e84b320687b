//! What is known to be good: findings that are kept and told to nobody.

use jiff::civil::Date;
use route::Suppression;
use rules::yaml::Node;
use rules::{Check, Source, shown};

use crate::read::Reader;

pub(crate) const KEYS: [&str; 5] = ["id", "reason", "owner", "expires", "match"];
/// What `match` was called: events are chosen by a `pattern`, findings by a `match`.
pub(crate) const OLD_MATCH: &str = "pattern";
/// The longest id, in bytes.
const ID_MAX: usize = 64;

impl Reader<'_, '_> {
    pub(crate) fn suppressions(&mut self, node: &Node) -> Option<Vec<(Suppression, Source)>> {
        let mut ids: Vec<Box<str>> = Vec::new();
        self.each(node, "`suppressions`", |reader, node| {
            let one = reader.suppression(node)?;
            if ids.contains(&one.id) {
                let message = format!("there are two suppressions `{}`", one.id);
                reader.wrong(
                    Check::DuplicateKey,
                    node,
                    message,
                    "what each hid is counted under its `id`: give it another",
                );
                return None;
            }
            ids.push(one.id.clone());
            let source = Source {
                file: reader.complaints.file().clone(),
                span: reader.complaints.span(node.range.clone()),
            };
            Some((one, source))
        })
    }

    fn suppression(&mut self, node: &Node) -> Option<Suppression> {
        let fields = self.fields(node, "a suppression", &KEYS, &[OLD_MATCH])?;
        let old = fields.get(OLD_MATCH);
        let mut required = |key: &'static str| match old {
            Some(old) if key == "match" && fields.get("match").is_none() => Some(old),
            _ => fields.required(self.complaints, key),
        };
        let [id, reason, owner, expires, pattern] = KEYS.map(&mut required);
        if let Some(old) = old {
            let (check, message) = match fields.get("match") {
                Some(_) => (Check::DuplicateKey, "`pattern` is the old name of `match`, which is there too"),
                None => (Check::OldName, "`pattern` of a suppression is called `match`"),
            };
            let help = "findings are chosen by a `match`, as in a route; events by a `pattern`";
            self.wrong(check, old, message, help);
        }
        let id = id.and_then(|node| self.suppression_id(node));
        let reason = reason.and_then(|node| self.text(node, "`reason`"));
        let owner = owner.and_then(|node| self.text(node, "`owner`"));
        let expires = expires.and_then(|node| self.last_day(node));
        let read = pattern.and_then(|node| rules::read_pattern(self.complaints, node));
        let (id, reason, owner, expires, read) = (id?, reason?, owner?, expires?, read?);
        let suppression = Suppression {
            id: id.into(),
            reason: reason.into(),
            owner: owner.into(),
            expires,
            pattern: (*read).clone(),
        };
        if let Some(node) = pattern.filter(|_| !suppression.can_hide()) {
            let help = "a pattern over a finding: `account`, `region`, and under `detail` `rule`, `severity`, `principal`, `key`, …";
            self.wrong(Check::InvalidValue, node, "no finding can match this", help);
            return None;
        }
        Some(suppression)
    }

    fn suppression_id<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        let id = self.text(node, "`id`")?;
        let is_one =
            id.len() <= ID_MAX && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !is_one {
            let message = format!("`{}` cannot be the id of a suppression", shown(id));
            self.wrong(Check::InvalidValue, node, message, "use up to 64 letters, digits, `-`, `_` and `.`");
        }
        is_one.then_some(id)
    }

    fn last_day(&mut self, node: &Node) -> Option<Date> {
        let text = node.as_text().filter(|text| text.len() == "2027-01-31".len());
        let date = text.and_then(|text| text.parse().ok());
        if date.is_none() {
            let message = "`expires` is the last day on which it holds, as in `2027-01-31`";
            self.complaints.add(Check::InvalidValue, node.range.clone(), message);
        }
        date
    }
}
