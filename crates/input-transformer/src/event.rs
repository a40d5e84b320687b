//! An event as it arrived, and the values in it.

use std::borrow::Cow;

use crate::json::{Kind, Roots, SyntaxError, Token, escape_into, scan, unescape};

/// An event, read once; templates and paths of any number of targets look into it.
#[derive(Debug, Clone)]
pub struct Event {
    text: Box<str>,
    tokens: Vec<Token>,
}

/// Why a text is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// It is no JSON.
    #[error("the event is not JSON: {0}")]
    Syntax(#[from] SyntaxError),
    /// It is JSON, but no object.
    #[error("the event is not a JSON object")]
    NotAnObject,
}

impl Event {
    /// Reads an event from its JSON text.
    ///
    /// ```
    /// use input_transformer::Event;
    /// let event = Event::parse("{ \"id\": \"a\", \"detail\": { \"price\": 1.50 } }")?;
    /// assert_eq!(event.to_json(), r#"{"id":"a","detail":{"price":1.50}}"#);
    /// # Ok::<(), input_transformer::EventError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the text is no JSON object, or nested deeper than [`DEPTH_MAX`](crate::DEPTH_MAX).
    pub fn parse(text: &str) -> Result<Event, EventError> {
        let tokens = scan(text, Roots::One)?;
        if tokens.first().is_none_or(|first| first.kind != Kind::StartObject) {
            return Err(EventError::NotAnObject);
        }
        Ok(Event { text: text.into(), tokens })
    }

    /// The event without white space between its parts: what a target gets that has no input settings.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(self.text.len());
        self.root().write_json(&mut out);
        out
    }

    pub(crate) fn root(&self) -> Value<'_> {
        Value { event: self, at: 0 }
    }

    fn token(&self, at: usize) -> Option<Token> {
        self.tokens.get(at).copied()
    }

    /// What a token stands for in the text; a string's or name's without its quotes.
    fn slice(&self, token: Token) -> &str {
        let quotes = usize::from(matches!(token.kind, Kind::Name | Kind::String));
        self.text.get(token.start + quotes..token.end - quotes).unwrap_or_default()
    }
}

/// A value of an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value<'e> {
    event: &'e Event,
    at: usize,
}

impl<'e> Value<'e> {
    /// The member of an object; of several with that name the last, as a parser that builds a tree sees it.
    pub(crate) fn member(self, name: &str) -> Option<Value<'e>> {
        self.members().filter(|(key, _)| key == name).last().map(|(_, value)| value)
    }

    /// The members of an object in the order of the text; none of anything else.
    pub(crate) fn members(self) -> impl Iterator<Item = (Cow<'e, str>, Value<'e>)> {
        let event = self.event;
        let mut next = self.inside(Kind::StartObject);
        std::iter::from_fn(move || {
            let name = event.token(next?).filter(|token| token.kind == Kind::Name)?;
            let value = Value { event, at: next? + 1 };
            next = value.after();
            Some((unescape(event.slice(name)), value))
        })
    }

    /// The elements of an array; none of anything else.
    pub(crate) fn elements(self) -> impl Iterator<Item = Value<'e>> {
        let event = self.event;
        let mut next = self.inside(Kind::StartArray);
        std::iter::from_fn(move || {
            let value = Value { event, at: next? };
            event.token(value.at).filter(|token| token.kind != Kind::EndArray)?;
            next = value.after();
            Some(value)
        })
    }

    pub(crate) fn kind(self) -> Option<Kind> {
        self.event.token(self.at).map(|token| token.kind)
    }

    /// The text of a string.
    pub(crate) fn as_str(self) -> Option<Cow<'e, str>> {
        let token = self.event.token(self.at).filter(|token| token.kind == Kind::String)?;
        Some(unescape(self.event.slice(token)))
    }

    /// Writes the value without white space. Numbers keep their digits; strings have the escapes they need and no others.
    pub(crate) fn write_json(self, out: &mut String) {
        let Some(last) = self.event.token(self.at).map(|token| token.last) else { return };
        let mut another = false;
        for token in self.event.tokens.get(self.at..=last).unwrap_or_default() {
            let closes = matches!(token.kind, Kind::EndObject | Kind::EndArray);
            if another && !closes {
                out.push(',');
            }
            let text = self.event.slice(*token);
            match token.kind {
                Kind::Name | Kind::String => {
                    out.push('"');
                    if text.contains('\\') {
                        escape_into(out, &unescape(text));
                    } else {
                        out.push_str(text);
                    }
                    out.push('"');
                }
                _ => out.push_str(text),
            }
            if token.kind == Kind::Name {
                out.push(':');
            }
            another = !matches!(token.kind, Kind::Name | Kind::StartObject | Kind::StartArray);
        }
    }

    fn inside(self, kind: Kind) -> Option<usize> {
        self.event.token(self.at).filter(|token| token.kind == kind).map(|_| self.at + 1)
    }

    fn after(self) -> Option<usize> {
        self.event.token(self.at).map(|token| token.last + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_white_space_and_needless_escapes_change() {
        let text = "{ \"a\" : [ 1.0e2 , -0 , 12345678901234567890, true ],\r\n\t\"\\u0062\\/\": {\"c\": [ ]}, \"d\": { }, \"e\": \"\\u00e4\\u0001\\\"\" }";
        let event = Event::parse(text).unwrap();
        assert_eq!(
            event.to_json(),
            "{\"a\":[1.0e2,-0,12345678901234567890,true],\"b/\":{\"c\":[]},\"d\":{},\"e\":\"ä\\u0001\\\"\"}"
        );
    }

    #[test]
    fn of_a_duplicate_name_the_last_counts() {
        let event = Event::parse(r#"{"a": 1, "b": [2, [3]], "\u0061": {"c": 4}}"#).unwrap();
        let mut out = String::new();
        event.root().member("a").unwrap().write_json(&mut out);
        assert_eq!(out, r#"{"c":4}"#);
        assert_eq!(event.root().member("b").unwrap().elements().count(), 2);
        assert!(event.root().member("c").is_none());
    }

    #[test]
    fn an_event_is_an_object() {
        assert_eq!(Event::parse("[]").unwrap_err(), EventError::NotAnObject);
        let error = Event::parse("{").unwrap_err().to_string();
        assert_eq!(error, "the event is not JSON: the text ends too early (line 1, column 2)");
    }
}
