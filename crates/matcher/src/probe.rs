//! The first question to a record: does any of its values lead anywhere from the root of the index?
//!
//! It is asked of every record and mostly answered "no", so it is asked of values where they stand, without picking up leaves: the first
//! value that leads somewhere ends it. Then the record is walked properly.
//!
//! Of a record whose shape the decoder knows, it is known where those values stand, once a record of that shape was walked; and a
//! value that led nowhere before need not be asked again.

use std::sync::Arc;

use json_scan::{Array, Extent, Malformed, Object, Outline, Place, Slot, Text, Value};

use crate::by_shape::ByShape;
use crate::leaves::{Leaves, Scalar};
use crate::trie::{FieldId, NodeId, Trie};
use crate::unwanted::Unwanted;
use crate::values::Values;
use crate::view::{Collection, View};
use crate::walk::LearnedNames;

/// The fields of the index's root, with what is asked of each.
#[derive(Debug)]
pub(crate) struct Probe {
    fields: Collection,
    /// By node of the fields' trie.
    values: Box<[Option<Arc<Values>>]>,
    /// Whether there are entries at the root itself, which any record has to be held against.
    is_open: bool,
}

impl Probe {
    /// Asks the values of these fields. `is_open` if the answer always is yes.
    pub(crate) fn new(fields: &[(&str, FieldId)], values: &[(FieldId, Arc<Values>)], is_open: bool) -> Self {
        let fields = Collection::new(fields);
        let mut by_node: Vec<Option<Arc<Values>>> = Vec::new();
        for (field, values) in values {
            let Some(node) = fields.node(*field) else { continue };
            if by_node.len() <= node.index() {
                by_node.resize(node.index() + 1, None);
            }
            if let Some(slot) = by_node.get_mut(node.index()) {
                *slot = Some(Arc::clone(values));
            }
        }
        Probe { fields, values: by_node.into(), is_open }
    }

    /// The answer of [`Probe::leads_on`], where values and places are all there is to it.
    #[inline]
    pub(crate) fn at_once(
        &self,
        view: &View<'_, '_>,
        matcher: u64,
        questions: &mut Questions,
    ) -> Option<bool> {
        if self.is_open || self.fields.has_derived() {
            return None;
        }
        let outline = view.outline()?;
        questions.turn_to(matcher);
        let Questions { asked, unwanted, .. } = questions;
        let asked = asked.get(outline.shape())?;
        self.answer(asked, outline, unwanted).ok()
    }

    /// Whether a value of the event leads somewhere. `matcher` is whose probe this is; `leaves` are empty, and may not be afterwards.
    ///
    /// # Errors
    ///
    /// If something that is looked at before the answer is known is malformed.
    pub(crate) fn leads_on<'a>(
        &self,
        view: &View<'_, 'a>,
        matcher: u64,
        questions: &mut Questions,
        learned: &mut LearnedNames,
        leaves: &mut Leaves<'a>,
    ) -> Result<bool, Malformed> {
        if self.is_open {
            return Ok(true);
        }
        self.fields.derive(view, |_| true, leaves);
        for leaf in leaves.all() {
            let Some(node) = self.fields.node(leaf.field) else { continue };
            let text = leaves.text(leaf.value)?;
            if self.leads(node, leaf.value, text.as_deref().map(str::as_bytes)) {
                return Ok(true);
            }
        }
        self.leads_on_as_it_stands(view, matcher, questions, learned)
    }

    /// Whether [`Probe::leads_on_as_it_stands`] is the whole answer.
    pub(crate) fn is_of_text(&self, view: &View<'_, '_>) -> bool {
        let has_derived = view.is_bare() && self.fields.has_derived();
        !self.is_open && !has_derived
    }

    /// The answer of [`Probe::leads_on`], as far as it follows from the event's own text.
    ///
    /// # Errors
    ///
    /// As [`Probe::leads_on`].
    pub(crate) fn leads_on_as_it_stands(
        &self,
        view: &View<'_, '_>,
        matcher: u64,
        questions: &mut Questions,
        learned: &mut LearnedNames,
    ) -> Result<bool, Malformed> {
        let Some(start) = self.fields.start(view) else { return Ok(false) };
        if let Some(outline) = view.outline() {
            questions.turn_to(matcher);
            let Questions { asked, unwanted, .. } = questions;
            if let Some(asked) = asked.get(outline.shape()) {
                return self.answer(asked, outline, unwanted);
            }
            let asked = self.ask(view.json(), start)?;
            let answer = self.answer(&asked, outline, unwanted);
            questions.asked.keep(outline.shape(), asked);
            return answer;
        }
        learned.turn_to(matcher);
        Asking { probe: self, trie: self.fields.trie(), learned }.object(view.json(), start)
    }

    /// What there is to ask of records that have the shape of `object`.
    #[cold]
    fn ask(&self, object: Object<'_>, start: NodeId) -> Result<Asked, Malformed> {
        let mut asked = Asked::default();
        self.ask_object(object, start, Extent::IN_OBJECT, &mut asked)?;
        Ok(asked)
    }

    fn ask_object(
        &self,
        object: Object<'_>,
        node: NodeId,
        mut before: Extent,
        asked: &mut Asked,
    ) -> Result<(), Malformed> {
        for member in object.members() {
            let member = member?;
            if let Some((child, _)) = self.fields.trie().descendant(node, member.key)? {
                self.ask_value(member.value, child, before, asked)?;
            }
            before = before.and(Extent::of(member.value)?);
        }
        Ok(())
    }

    fn ask_value(
        &self,
        value: Value<'_>,
        node: NodeId,
        mut before: Extent,
        asked: &mut Asked,
    ) -> Result<(), Malformed> {
        let kind = match value {
            Value::Object(object) => {
                return self.ask_object(object, node, before.and(Extent::IN_OBJECT), asked);
            }
            Value::Array(array) => {
                before = before.and(Extent::IN_OBJECT);
                for element in array.elements() {
                    let element = element?;
                    self.ask_value(element, node, before, asked)?;
                    before = before.and(Extent::of(element)?);
                }
                return Ok(());
            }
            Value::Null => {
                asked.leads |= self.leads(node, Scalar::Null, None);
                return Ok(());
            }
            Value::String(_) => Kind::String,
            Value::Number(_) => Kind::Number,
            Value::True | Value::False => Kind::Word,
        };
        if let Some(Some(_)) = self.values.get(node.index()) {
            asked.questions.push(Question { slot: before.slot(), node, kind });
        }
        Ok(())
    }

    /// Asks them.
    #[inline]
    fn answer(
        &self,
        asked: &Asked,
        outline: Outline<'_>,
        unwanted: &mut Unwanted,
    ) -> Result<bool, Malformed> {
        if asked.leads {
            return Ok(true);
        }
        for &question in &asked.questions {
            let (text, length) = outline.from(question.slot);
            if unwanted.holds(question.number(), text, length) {
                continue;
            }
            if self.answer_one(question, outline)? {
                return Ok(true);
            }
            unwanted.keep(question.number(), text, length);
        }
        Ok(false)
    }

    #[inline(never)]
    fn answer_one(&self, question: Question, outline: Outline<'_>) -> Result<bool, Malformed> {
        let text = outline.text(question.slot);
        Ok(match question.kind {
            Kind::String if outline.is_plain() => {
                self.leads(question.node, Scalar::String(text), Some(text.raw()))
            }
            Kind::String => {
                self.leads(question.node, Scalar::String(text), Some(text.unescape()?.as_bytes()))
            }
            Kind::Word => {
                let word = if text.raw() == b"true" { Scalar::True } else { Scalar::False };
                self.leads(question.node, word, None)
            }
            // It is ASCII, or it would be no number.
            Kind::Number => std::str::from_utf8(text.raw())
                .is_ok_and(|number| self.leads(question.node, Scalar::number(number), None)),
        })
    }

    #[inline]
    fn leads(&self, node: NodeId, value: Scalar<'_>, plain: Option<&[u8]>) -> bool {
        let Some(Some(values)) = self.values.get(node.index()) else { return false };
        let mut leads = false;
        values.find(value, plain, &mut |_| leads = true);
        leads
    }
}

/// What is asked of records, by their shapes.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    /// Of which matcher.
    of: Option<u64>,
    asked: ByShape<Asked>,
    /// Values of which the answer is known to be "no".
    unwanted: Unwanted,
}

/// What is asked of the records of a shape.
#[derive(Debug, Default)]
struct Asked {
    questions: Vec<Question>,
    /// Whether they all lead somewhere, by a `null`.
    leads: bool,
}

/// Where a value stands that is asked, and which are the values that lead somewhere.
#[derive(Debug, Clone, Copy)]
struct Question {
    slot: Slot,
    node: NodeId,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    String,
    Number,
    Word,
}

impl Question {
    /// Unlike that of any other question: the same bytes may be a string in one record and a number in the other.
    #[inline]
    fn number(self) -> u64 {
        (self.node.index() as u64) << 2 | self.kind as u64
    }
}

impl Questions {
    /// Forgets everything, unless it is of this matcher.
    #[inline]
    fn turn_to(&mut self, matcher: u64) {
        if self.of != Some(matcher) {
            self.of = Some(matcher);
            self.asked.clear();
            self.unwanted.clear();
        }
    }
}

/// A walk that ends as soon as the answer is known.
struct Asking<'p> {
    probe: &'p Probe,
    trie: &'p Trie,
    learned: &'p mut LearnedNames,
}

impl Asking<'_> {
    fn object(&mut self, object: Object<'_>, node: NodeId) -> Result<bool, Malformed> {
        let mut names = object.names();
        let mut last = Place::BEGINNING;
        while let Some((child, _)) = self.learned.advance(self.trie, node, &mut last, &mut names)? {
            let Some(child) = child else { continue };
            let leads = match names.string() {
                Some(text) => self.text(text, child)?,
                None => self.value(names.value()?, child)?,
            };
            if leads {
                return Ok(true);
            }
        }
        names.check()?;
        Ok(false)
    }

    fn value(&mut self, value: Value<'_>, node: NodeId) -> Result<bool, Malformed> {
        let scalar = match value {
            Value::Object(object) if self.trie.has_children(node) => return self.object(object, node),
            Value::Object(_) => return Ok(false),
            Value::Array(array) => return self.array(array, node),
            Value::String(text) => return self.text(text, node),
            Value::Number(text) => Scalar::number(text),
            Value::True => Scalar::True,
            Value::False => Scalar::False,
            Value::Null => Scalar::Null,
        };
        Ok(self.probe.leads(node, scalar, None))
    }

    /// Arrays nest as deep as the scanner allows.
    fn array(&mut self, array: Array<'_>, node: NodeId) -> Result<bool, Malformed> {
        for element in array.elements() {
            if self.value(element?, node)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[inline]
    fn text(&self, text: Text<'_>, node: NodeId) -> Result<bool, Malformed> {
        let value = Scalar::String(text);
        if !matches!(self.probe.values.get(node.index()), Some(Some(_))) {
            return Ok(false);
        }
        if !text.is_escaped() {
            return Ok(self.probe.leads(node, value, Some(text.raw())));
        }
        Ok(self.probe.leads(node, value, Some(text.unescape()?.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use cloudtrail::{Body, Decoder, Event, Item};
    use event_pattern::Pattern;
    use filter_pattern::Filter;
    use proptest::prelude::*;

    use super::*;
    use crate::{Builder, RuleId, Scratch};

    const PATTERNS: [&str; 12] = [
        r#"{"detail":{"eventName":["ab"]}}"#,
        r#"{"detail":{"eventName":[{"prefix":"b"}],"errorCode":[{"exists":true}]}}"#,
        r#"{"detail":{"requestParameters":{"n":[1,{"numeric":[">",7]}]}}}"#,
        r#"{"detail":{"requestParameters":{"n":["true"]}}}"#,
        r#"{"detail":{"requestParameters":{"n":[true]}}}"#,
        r#"{"detail":{"requestParameters":{"n":["1"]}}}"#,
        r#"{"detail":{"requestParameters":{"n":[null]}}}"#,
        r#"{"detail":{"requestParameters":{"n":{"m":["a"]}}}}"#,
        r#"{"detail":{"requestParameters":{"list":["a"]}}}"#,
        // Both in one element, beside what need not be there, and what is looked at last.
        r#"{"detail":{"requestParameters":{"list":{"m":["a"],"k":["c"]}}}}"#,
        r#"{"detail":{"requestParameters":{"list":{"m":["a"],"k":[{"exists":false}]}}}}"#,
        r#"{"detail":{"eventName":["b",{"prefix":"a"}],"requestParameters":{"n":{"m":[{"anything-but":"b"}]},"list":[{"wildcard":"*b*"}]}}}"#,
    ];

    const FILTERS: [&str; 5] = [
        r#"{ $.eventName = "b" && $.requestParameters.n NOT EXISTS }"#,
        r#"{ $.eventName = "*b" && $.requestParameters.list[1].m = "a" }"#,
        r#"{ $.eventName = "b" && $.errorCode NOT EXISTS }"#,
        r#"{ $.requestParameters.n IS NULL }"#,
        r#"{ $.requestParameters.n = 1 || $.requestParameters.n IS TRUE }"#,
    ];

    fn record() -> impl Strategy<Value = String> {
        let value = prop::sample::select(vec![
            "1",
            "8",
            "true",
            "false",
            "null",
            r#""1""#,
            r#""true""#,
            r#""a""#,
            r#""\u0061""#,
            r#"{"m":"a"}"#,
            r#"{"m":"b"}"#,
            r#"{"m":["b","a"]}"#,
            r#"{"m":"a","k":"c"}"#,
            r#"[{"m":"a"},{"k":"c","m":["b"]}]"#,
            "{}",
        ]);
        (value.clone(), value, prop::sample::select(vec!["ab", "b", "c", "a\\u0062"]), any::<[bool; 3]>()).prop_map(
            |(n, element, name, [has_error, has_list, is_dotted])| {
                let error = if has_error { r#","errorCode":"x""# } else { "" };
                let list = if has_list { format!(r#","list":["b",{element}]"#) } else { String::new() };
                let dotted = if is_dotted { format!(r#","requestParameters.n":{element}"#) } else { String::new() };
                format!(
                    r#"{{"eventSource":"s3.amazonaws.com","eventName":"{name}"{error},"requestParameters":{{"n":{n}{list}}}{dotted}}}"#
                )
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        /// The same rules match whether the shape of a record is known or not, with and without what the envelope adds.
        #[test]
        fn shapes_change_nothing(records in prop::collection::vec(record(), 1..30), patterns in prop::collection::vec(0..PATTERNS.len(), 1..5), filters in prop::collection::vec(0..FILTERS.len(), 0..3), has_source: bool) {
            let mut builder = Builder::new();
            for (number, pattern) in (0..).zip(&patterns) {
                builder.add_pattern(RuleId(number), &Arc::new(Pattern::parse(PATTERNS[*pattern]).unwrap()));
            }
            for (number, filter) in (5..).zip(&filters) {
                builder.add_filter(RuleId(number), &Arc::new(Filter::parse(FILTERS[*filter]).unwrap()));
            }
            if has_source {
                builder.add_pattern(RuleId(9), &Arc::new(Pattern::parse(r#"{"source":["aws.sqs"],"account":["1"]}"#).unwrap()));
            }
            let matcher = builder.build();
            let (mut decoder, mut scratch, mut general) = (Decoder::default(), Scratch::new(), Scratch::new());
            let text = format!("[{}]", records.join(","));
            let mut results = Vec::new();
            for _ in 0..2 {
                let decoded = decoder.decode(text.as_bytes(), None, |item| {
                    let Item::Event(event) = item else { return };
                    let Body::Record(record) = event.body else { return };
                    let mut walked = record;
                    walked.outline = None;
                    let plain = Event { body: Body::Record(walked), ..event };
                    let matched = matcher.matches(&event, &mut scratch).map(<[RuleId]>::to_vec);
                    results.push((matched, matcher.matches(&plain, &mut general).map(<[RuleId]>::to_vec), record.outline.is_some()));
                });
                prop_assert!(decoded.trouble.is_none());
            }
            prop_assert_eq!(results.len(), records.len() * 2);
            prop_assert!(results.iter().skip(records.len()).all(|(.., is_known)| *is_known));
            for (with, without, _) in results {
                prop_assert_eq!(with, without);
            }
        }
    }
}
