//! Paths into an event, as rules write them outside blocks pasted from AWS: `detail.requestParameters.userName`,
//! `detail["a.b"]`, `principal`, `account`.
//!
//! A path is rooted: its first name is one of [`Root`], so a path that can never be there is found when the rule is
//! read. AWS's own `$.x` means something else (the bare record) and is refused with a word about that.

use crate::event::PRINCIPAL_FIELDS;
use crate::nearest::nearest;
use serde_json::Value;
use std::fmt;

/// A rooted path of field names.
///
/// ```
/// use rules::EventPath;
/// let path: EventPath = r#"detail.requestParameters["a.b"]"#.parse().unwrap();
/// assert_eq!(&*path.steps()[1], "a.b");
/// assert_eq!(path.to_string(), r#"detail.requestParameters["a.b"]"#);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventPath {
    root: Root,
    steps: Vec<Box<str>>,
}

/// Where a path starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Root {
    /// The CloudTrail record.
    Detail,
    /// Who did it: `kind`, `name`, `arn`, `session`, `human`; alone, its ARN or name.
    Principal,
    /// The account: alone its number; `id`, `name`, `ou`, `owner`, `tags.NAME`.
    Account,
    /// The region.
    Region,
    /// Alone the service, as in `aws.s3`; of the address the call came from `country`, `city`, `asn`, `org`, where a
    /// database of addresses is given.
    Source,
    /// The event time.
    Time,
    /// The event's id.
    Id,
    /// `detail-type`.
    DetailType,
    /// `resources`.
    Resources,
    /// The whole event as EventBridge delivers it.
    Event,
}

impl Root {
    /// All roots with the name they are written by.
    pub const ALL: [(&'static str, Self); 10] = [
        ("detail", Self::Detail),
        ("principal", Self::Principal),
        ("account", Self::Account),
        ("region", Self::Region),
        ("source", Self::Source),
        ("time", Self::Time),
        ("id", Self::Id),
        ("detail-type", Self::DetailType),
        ("resources", Self::Resources),
        ("event", Self::Event),
    ];

    /// The name it is written by.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Detail => "detail",
            Self::Principal => "principal",
            Self::Account => "account",
            Self::Region => "region",
            Self::Source => "source",
            Self::Time => "time",
            Self::Id => "id",
            Self::DetailType => "detail-type",
            Self::Resources => "resources",
            Self::Event => "event",
        }
    }
}

impl EventPath {
    /// Where it starts.
    #[must_use]
    pub fn root(&self) -> Root {
        self.root
    }

    /// The names after the root.
    pub fn steps(&self) -> &[Box<str>] {
        &self.steps
    }

    /// The names from the top of the EventBridge view of the event, or `None` for a path that is not in the event:
    /// one of `principal`, or `account.` or `source.` with a name.
    pub fn in_event(&self) -> Option<impl Iterator<Item = &str>> {
        let root = match self.root {
            Root::Principal => return None,
            Root::Account | Root::Source if !self.steps.is_empty() => return None,
            Root::Event => None,
            root => Some(root.as_str()),
        };
        Some(root.into_iter().chain(self.steps.iter().map(|step| &**step)))
    }

    /// The value at the path in the EventBridge view of an event. Names address objects; a number addresses an
    /// array's element. `None` where nothing is there, or the path is not one into the event.
    #[must_use]
    pub fn find<'e>(&self, event: &'e Value) -> Option<&'e Value> {
        let mut value = event;
        for step in self.in_event()? {
            value = match value {
                Value::Object(members) => members.get(step)?,
                Value::Array(items) => items.get(step.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(value)
    }
}

impl std::str::FromStr for EventPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.starts_with('$') {
            return Err(PathError::Dollar { instead: text.trim_start_matches(['$', '.']).to_owned() });
        }
        let mut names = Names { text, at: 0 };
        let root_name = names.plain();
        let Some((_, root)) = Root::ALL.iter().find(|(name, _)| *name == root_name) else {
            let known = Root::ALL.iter().map(|(name, _)| *name);
            let meant = nearest(root_name, known).map(str::to_owned);
            return Err(PathError::UnknownRoot { root: root_name.chars().take(60).collect(), meant });
        };
        let mut steps = Vec::new();
        while names.at < text.len() {
            steps.push(names.step()?.into_boxed_str());
        }
        if let Some((names, written)) = match root {
            Root::Principal => Some((&PRINCIPAL_FIELDS[..], &steps[..])),
            Root::Account => Some((&["id", "name", "ou", "owner", "tags"][..], &steps[..])),
            Root::Source => Some((&["country", "city", "asn", "org"][..], &steps[..])),
            Root::Region | Root::Time | Root::Id | Root::DetailType => Some((&[][..], &steps[..])),
            _ => None,
        } && let Some(first) = written.first()
        {
            let tag = *root == Root::Account && &**first == "tags" && written.len() == 2;
            let whole = *root != Root::Account || &**first != "tags";
            if !names.contains(&&**first) || !(tag || (whole && written.len() == 1)) {
                return Err(PathError::UnknownName {
                    root: root_name.to_owned(),
                    name: written.join("."),
                    known: names.join(", "),
                });
            }
        }
        Ok(Self { root: *root, steps })
    }
}

struct Names<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Names<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn plain(&mut self) -> &'t str {
        let rest = self.rest();
        let name = rest.get(..rest.find(['.', '[']).unwrap_or(rest.len())).unwrap_or_default();
        self.at += name.len();
        name
    }

    fn step(&mut self) -> Result<String, PathError> {
        let malformed = |at| PathError::Malformed { at };
        let start = self.at;
        if let Some(after) = self.rest().strip_prefix('.') {
            self.at = self.text.len() - after.len();
            let name = self.plain();
            let odd = name.is_empty()
                || name.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ']'));
            return if odd { Err(malformed(start)) } else { Ok(name.to_owned()) };
        }
        let after = self.rest().strip_prefix('[').ok_or_else(|| malformed(start))?;
        let quote = after.chars().next().ok_or_else(|| malformed(start))?;
        if quote.is_ascii_digit() {
            let (index, _) = after.split_once(']').ok_or_else(|| malformed(start))?;
            if !index.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(malformed(start));
            }
            self.at += index.len() + 2;
            return Ok(index.to_owned());
        }
        if !matches!(quote, '"' | '\'') {
            return Err(malformed(start));
        }
        let inner = after.get(1..).unwrap_or_default();
        let mut name = String::new();
        let mut escaped = false;
        for (at, character) in inner.char_indices() {
            match character {
                character if escaped => {
                    name.push(character);
                    escaped = false;
                }
                '\\' => escaped = true,
                character if character == quote => {
                    let closed = inner.get(at + 1..).unwrap_or_default().starts_with(']');
                    self.at += at + 4 - usize::from(!closed);
                    return if closed && !name.is_empty() { Ok(name) } else { Err(malformed(start)) };
                }
                character => name.push(character),
            }
        }
        Err(malformed(start))
    }
}

impl fmt::Display for EventPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.root.as_str())?;
        for step in &self.steps {
            let plain = !step.is_empty()
                && !step.contains(|c: char| {
                    c.is_whitespace() || matches!(c, '.' | '[' | ']' | '"' | '\'' | '\\')
                });
            if plain {
                write!(f, ".{step}")?;
            } else {
                write!(f, "[\"{}\"]", step.replace('\\', "\\\\").replace('"', "\\\""))?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for EventPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A text that is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// `$.x`, as inside blocks pasted from AWS.
    #[error("`$` belongs inside blocks pasted from AWS")]
    Dollar {
        /// What follows it.
        instead: String,
    },
    /// The first name is no root.
    #[error("`{root}` is not where a path can start")]
    UnknownRoot {
        /// The name.
        root: String,
        /// The nearest root.
        meant: Option<String>,
    },
    /// The root has no such name.
    #[error("`{root}` has no `{name}`")]
    UnknownName {
        /// The root.
        root: String,
        /// The names after it.
        name: String,
        /// The names it has.
        known: String,
    },
    /// Names are joined wrongly.
    #[error("a name has to follow `.`, or a quoted name in `[\"…\"]`")]
    Malformed {
        /// The byte from which on it cannot be read.
        at: usize,
    },
}

impl PathError {
    /// What to do.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Dollar { instead } => format!("write `detail.{instead}`: here paths start at the event"),
            Self::UnknownRoot { meant: Some(meant), .. } => format!("did you mean `{meant}`?"),
            Self::UnknownRoot { meant: None, root } => {
                let roots: Vec<_> = Root::ALL.iter().map(|(name, _)| *name).collect();
                format!(
                    "a path starts at one of {}; a field of the record is `detail.{root}`",
                    roots.join(", ")
                )
            }
            Self::UnknownName { root, known, .. } if known.is_empty() => {
                format!("`{root}` is a single value")
            }
            Self::UnknownName { known, .. } => format!("it has {known}"),
            Self::Malformed { .. } => {
                "write `detail.a.b`, or `detail[\"a.b\"]` for a name with a dot".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn paths_are_read_and_written() {
        for (text, written) in [
            ("detail", "detail"),
            ("detail.requestParameters.userName", "detail.requestParameters.userName"),
            (r#"detail["a.b"].c"#, r#"detail["a.b"].c"#),
            ("detail['a.b']", r#"detail["a.b"]"#),
            ("detail.resources[0].ARN", "detail.resources.0.ARN"),
            (r#"detail["say \"hi\""]"#, r#"detail["say \"hi\""]"#),
            ("principal", "principal"),
            ("principal.arn", "principal.arn"),
            ("account", "account"),
            ("account.tags.env", "account.tags.env"),
            ("account.owner", "account.owner"),
            ("source", "source"),
            ("source.country", "source.country"),
            ("detail-type", "detail-type"),
            ("event.detail", "event.detail"),
        ] {
            assert_eq!(
                text.parse::<EventPath>().map(|path| path.to_string()),
                Ok(written.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_path() {
        let error = |text: &str| text.parse::<EventPath>().unwrap_err();
        for (text, message, help) in [
            ("$.userIdentity.arn", "`$` belongs inside", "write `detail.userIdentity.arn`"),
            ("detial.x", "`detial` is not where", "did you mean `detail`?"),
            ("userIdentity.arn", "`userIdentity` is not where", "`detail.userIdentity`"),
            ("", "`` is not where", "a path starts at one of"),
            ("principal.email", "`principal` has no `email`", "kind, name, arn, session, human"),
            ("account.tags", "`account` has no `tags`", "id, name, ou, owner, tags"),
            ("account.tags.a.b", "`account` has no `tags.a.b`", ""),
            ("region.name", "`region` has no `name`", "a single value"),
            ("source.continent", "`source` has no `continent`", "country, city, asn, org"),
            ("detail.", "a name has to follow", ""),
            ("detail..a", "a name has to follow", ""),
            ("detail[a]", "a name has to follow", ""),
            (r#"detail["a"#, "a name has to follow", ""),
            (r#"detail["a"x"#, "a name has to follow", ""),
            (r#"detail[""]"#, "a name has to follow", ""),
            ("detail.a b", "a name has to follow", ""),
        ] {
            let error = error(text);
            assert!(error.to_string().contains(message), "{text}: {error}");
            assert!(error.help().contains(help), "{text}: {}", error.help());
        }
    }

    #[test]
    fn values_are_found() {
        let event = json!({"account": "1", "detail-type": "t", "detail": {"a.b": [1, {"c": 2}], "n": null}});
        for (path, expected) in [
            ("account", Some(json!("1"))),
            (r#"detail["a.b"][1].c"#, Some(json!(2))),
            ("detail.n", Some(Value::Null)),
            ("detail.n.x", None),
            ("detail.missing", None),
            ("detail-type", Some(json!("t"))),
            ("event.account", Some(json!("1"))),
            ("principal", None),
            ("account.name", None),
        ] {
            assert_eq!(path.parse::<EventPath>().unwrap().find(&event), expected.as_ref(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(steps in prop::collection::vec("[a-z.\\[\\]\"'\\\\ é]{1,6}", 0..4)) {
            let path = EventPath { root: Root::Detail, steps: steps.into_iter().map(String::into_boxed_str).collect() };
            prop_assert_eq!(path.to_string().parse::<EventPath>(), Ok(path));
        }

        #[test]
        fn any_text_is_answered(text in "\\PC{0,40}") {
            let _ = text.parse::<EventPath>();
        }
    }
}
