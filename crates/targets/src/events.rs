//! Events on their way to a target as they are, many at once.

use route::TargetName;

use crate::Delivery;

/// Events for one target, each as EventBridge delivers it: a JSON object on one line.
#[derive(Debug, Clone)]
pub struct Events {
    target: TargetName,
    key: String,
    texts: Vec<Box<str>>,
}

impl Events {
    /// Events with a key: the same at every attempt, and different for other events.
    #[must_use]
    pub fn new(target: TargetName, key: String, texts: Vec<Box<str>>) -> Self {
        Events { target, key, texts }
    }

    /// Where they go.
    #[must_use]
    pub fn target(&self) -> &TargetName {
        &self.target
    }

    /// The idempotency key of all of them together. Each event has its own `id` besides.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The events.
    #[must_use]
    pub fn texts(&self) -> &[Box<str>] {
        &self.texts
    }

    /// As JSON that is an array of them.
    pub(crate) fn array(&self) -> String {
        let mut array =
            String::with_capacity(self.texts.iter().map(|text| text.len() + 1).sum::<usize>() + 2);
        array.push('[');
        for (text, place) in self.texts.iter().zip(0..) {
            if place > 0 {
                array.push(',');
            }
            array.push_str(text);
        }
        array.push(']');
        array
    }

    /// What a target says that took all of them.
    pub(crate) fn taken(&self) -> String {
        counted(self.texts.len())
    }
}

/// `1 event`, `3 events`.
pub(crate) fn counted(events: usize) -> String {
    if events == 1 { "1 event".to_owned() } else { format!("{events} events") }
}

/// What a lane is handed.
#[derive(Debug)]
pub enum Load {
    /// A message about a finding.
    Message(Box<Delivery>),
    /// Events.
    Events(Events),
}

impl Load {
    /// Where it goes.
    #[must_use]
    pub fn target(&self) -> &TargetName {
        match self {
            Load::Message(delivery) => delivery.target(),
            Load::Events(events) => events.target(),
        }
    }
}

impl From<Delivery> for Load {
    fn from(delivery: Delivery) -> Self {
        Load::Message(Box::new(delivery))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_json() {
        let of = |texts: &[&str]| {
            let texts = texts.iter().map(|text| (*text).into()).collect();
            Events::new(TargetName::new("lake").unwrap(), "k".to_owned(), texts)
        };
        assert_eq!(of(&[]).array(), "[]");
        assert_eq!(of(&[r#"{"a":1}"#, "{}"]).array(), r#"[{"a":1},{}]"#);
        assert_eq!(
            (of(&["{}"]).taken(), of(&["{}", "{}"]).taken()),
            ("1 event".to_owned(), "2 events".to_owned())
        );
    }
}
