//! What the index finds and what is then asked exactly: one alternative of a pattern, or one filter.
//!
//! Everything is decided by the languages themselves: a leaf by [`Term::accepts`](event_pattern::Term::accepts), array consistency by
//! [`event_pattern::consistent`], a value by [`Test::holds`], text by the filter. This file brings the values.

use std::borrow::Cow;
use std::sync::Arc;

use event_pattern::{Alternative, Field, FieldRef, Leaf, Pattern, Scope, consistent};
use filter_pattern::{Condition, Expr, Filter, Kind, Node, Step, Test};
use json_scan::{Malformed, Object};

use crate::leaves::{Leaves, Scalar};
use crate::selectors::{Resolved, SelectorId, Selectors};
use crate::trie::{FieldId, NodeId};
use crate::witness::{Needs, cost, of_alternative, of_field, of_filter, path_of};

/// Something that makes rules match by itself.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The rules, by their places among all rules; several where they ask the same.
    pub(crate) rules: Vec<u32>,
    pub(crate) check: Check,
}

/// What is asked.
#[derive(Debug)]
pub(crate) enum Check {
    Alternative(PatternCheck),
    Expression(ExpressionCheck),
    /// The compact text of the record.
    Text(Arc<Filter>),
    /// Nothing: any record will do.
    Record,
}

/// One alternative of a pattern.
#[derive(Debug)]
pub(crate) struct PatternCheck {
    pattern: Arc<Pattern>,
    number: usize,
    /// In the order of the alternative's own fields.
    pub(crate) fields: Box<[FieldId]>,
    /// Which of them an event need not have.
    optional: Box<[bool]>,
    /// Places of fields in the order in which they are asked: those that fail most often first.
    order: Box<[u32]>,
}

/// A filter's expression.
#[derive(Debug)]
pub(crate) struct ExpressionCheck {
    expr: Expr<Asked>,
}

/// A condition with its selector's number.
#[derive(Debug)]
struct Asked {
    selector: SelectorId,
    /// Where a pattern would find what the selector leads to, if it is a single path.
    field: Option<FieldId>,
    /// Whether the path is not all the selector says: it tells neither elements of an array apart nor a key with a dot from two keys.
    is_vague: bool,
    test: Test,
}

impl Check {
    /// The checks of a pattern, one per alternative, each with what it needs.
    pub(crate) fn of_pattern<'p>(
        pattern: &'p Arc<Pattern>,
        field: &'p mut impl FnMut(&str) -> FieldId,
    ) -> impl Iterator<Item = (Check, Needs)> + 'p {
        pattern.alternatives().iter().enumerate().map(move |(number, alternative)| {
            let fields = alternative.fields().iter().map(|asked| field(asked.path().as_str())).collect();
            let order = by_cost(alternative);
            let optional = alternative.fields().iter().map(|asked| asked.allows_absence()).collect();
            let check = PatternCheck { pattern: Arc::clone(pattern), number, fields, optional, order };
            (Check::Alternative(check), of_alternative(alternative))
        })
    }

    /// A filter's check and what it needs.
    pub(crate) fn of_filter(
        filter: &Arc<Filter>,
        selectors: &mut Selectors,
        field: &mut impl FnMut(&str) -> FieldId,
    ) -> (Check, Needs) {
        match filter.kind() {
            Kind::Everything => (Check::Record, Needs::default()),
            Kind::Json(expr) => {
                let check = ExpressionCheck { expr: number(expr, selectors, field) };
                (Check::Expression(check), of_filter(expr))
            }
            Kind::Terms(_) | Kind::Fields(_) => (Check::Text(Arc::clone(filter)), Needs::default()),
        }
    }
}

/// Places of the alternative's fields, the least likely one first; what may be absent comes last.
fn by_cost(alternative: &Alternative) -> Box<[u32]> {
    let mut places: Vec<(u32, u32)> =
        alternative.fields().iter().map(|field| cost(&of_field(field))).zip(0..).collect();
    places.sort_unstable();
    places.into_iter().map(|(_, place)| place).collect()
}

impl PatternCheck {
    /// Fields with their numbers, in the order in which they are asked, but for those that are answered.
    fn ordered<'c>(
        &'c self,
        alternative: &'c Alternative,
        answered: u64,
    ) -> impl Iterator<Item = Ordered<'c>> {
        let fields = alternative.fields();
        self.order.iter().filter_map(move |&at| {
            let at = at as usize;
            if at < 64 && answered & 1 << at != 0 {
                return None;
            }
            Some(Ordered {
                asked: fields.get(at)?,
                field: *self.fields.get(at)?,
                is_optional: *self.optional.get(at)?,
            })
        })
    }

    fn alternative(&self) -> Option<&Alternative> {
        self.pattern.alternatives().get(self.number)
    }

    /// Whether the alternative may match, as far as the fields say that `collected` knows.
    pub(crate) fn is_possible(
        &self,
        answered: u64,
        leaves: &Leaves<'_>,
        collected: impl Fn(FieldId) -> bool,
    ) -> Result<bool, Malformed> {
        let Some(alternative) = self.alternative() else { return Ok(false) };
        for Ordered { asked, field, is_optional } in self.ordered(alternative, answered) {
            if collected(field) && !is_optional && !self.is_accepted(asked, field, leaves)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn is_accepted(&self, asked: &Field, field: FieldId, leaves: &Leaves<'_>) -> Result<bool, Malformed> {
        for leaf in leaves.of(field) {
            if accepts(asked, leaves, leaf.value)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the alternative matches, given all leaves of its fields. Bit `i` of `answered`: its field `i` is satisfied outside of arrays' elements.
    pub(crate) fn matches(&self, answered: u64, leaves: &Leaves<'_>) -> Result<bool, Malformed> {
        let Some(alternative) = self.alternative() else { return Ok(false) };
        // Fields that stand in array elements wherever they are satisfied.
        let mut bound = 0;
        for Ordered { asked, field, is_optional } in self.ordered(alternative, answered) {
            let (mut is_present, mut is_scoped, mut is_accepted, mut is_free) = (false, false, false, false);
            for leaf in leaves.of(field) {
                is_present = true;
                is_scoped |= leaf.scope.is_some();
                if !is_free && (leaf.scope.is_none() || !is_accepted) && accepts(asked, leaves, leaf.value)? {
                    is_accepted = true;
                    is_free = leaf.scope.is_none();
                }
            }
            if is_optional && !is_present {
                continue;
            }
            if is_optional && is_scoped {
                // Whether it is absent depends on the elements that the other fields choose.
                return self.is_consistent(alternative, leaves);
            }
            if !is_accepted {
                return Ok(false);
            } else if !is_free {
                bound += 1;
            }
        }
        // One field alone conflicts with nothing.
        if bound <= 1 { Ok(true) } else { self.is_consistent(alternative, leaves) }
    }

    /// The question in full, as the reference asks it.
    fn is_consistent(&self, alternative: &Alternative, leaves: &Leaves<'_>) -> Result<bool, Malformed> {
        let mut found: Vec<Vec<Found<'_>>> = Vec::with_capacity(self.fields.len());
        for &field in &self.fields {
            let of_field = leaves.of(field).map(|leaf| {
                Ok(Found { text: leaves.text(leaf.value)?, value: leaf.value, scope: leaf.scope })
            });
            found.push(of_field.collect::<Result<_, Malformed>>()?);
        }
        let fields: Vec<Vec<FieldRef<'_>>> =
            found.iter().map(|found| found.iter().map(Found::as_field_ref).collect()).collect();
        Ok(consistent(alternative, leaves.arrays(), fields.iter().map(Vec::as_slice)))
    }
}

/// A field of an alternative with what is known of it.
struct Ordered<'c> {
    asked: &'c Field,
    field: FieldId,
    /// Whether an event need not have it.
    is_optional: bool,
}

/// A leaf with its text, for the question in full.
struct Found<'l> {
    text: Option<Cow<'l, str>>,
    value: Scalar<'l>,
    scope: Option<Scope>,
}

impl Found<'_> {
    fn as_field_ref(&self) -> FieldRef<'_> {
        FieldRef { leaf: as_leaf(self.value, self.text.as_deref()), scope: self.scope }
    }
}

fn accepts(asked: &Field, leaves: &Leaves<'_>, value: Scalar<'_>) -> Result<bool, Malformed> {
    if let Scalar::Number(number) = value {
        return Ok(asked.terms().iter().any(|term| term.accepts_number(number.text, || number.comparable)));
    }
    let text = leaves.text(value)?;
    let leaf = as_leaf(value, text.as_deref());
    Ok(asked.terms().iter().any(|term| term.accepts(leaf)))
}

fn as_leaf<'l>(value: Scalar<'l>, text: Option<&'l str>) -> Leaf<'l> {
    match value {
        Scalar::String(_) | Scalar::Derived { .. } => Leaf::String(text.unwrap_or_default()),
        Scalar::Number(number) => Leaf::Number(number.text()),
        Scalar::True => Leaf::True,
        Scalar::False => Leaf::False,
        Scalar::Null => Leaf::Null,
    }
}

impl ExpressionCheck {
    /// Whether the filter matches, as far as it can be said from the leaves of the fields whose nodes `node` knows.
    pub(crate) fn judge(
        &self,
        leaves: &Leaves<'_>,
        node: impl Fn(FieldId) -> Option<NodeId>,
    ) -> Result<Option<bool>, Malformed> {
        judge(&self.expr, &mut |asked| match asked.field {
            Some(field) => match node(field) {
                Some(node) => asked.judge(leaves, field, node),
                None => Ok(None),
            },
            None => Ok(None),
        })
    }

    /// Whether the filter matches.
    pub(crate) fn matches<'a>(
        &self,
        selectors: &Selectors,
        resolved: &mut Resolved<'a>,
        record: Object<'a>,
    ) -> Result<bool, Malformed> {
        evaluate(&self.expr, &mut |asked| resolved.holds(selectors, asked.selector, &asked.test, record))
    }
}

impl Asked {
    /// Whether the condition holds, where that follows from the leaves at its path.
    ///
    /// What the selector leads to is one of them, or an object, or an array, or nothing; and it is the only one of them, if
    /// there is a single one, no array stood on the way, and no name came twice. Only `IS NULL` holds of some arrays (of those with a
    /// `null`, which then is among the leaves), and only `NOT EXISTS` holds of nothing.
    fn judge(&self, leaves: &Leaves<'_>, field: FieldId, node: NodeId) -> Result<Option<bool>, Malformed> {
        if self.test == Test::NotExists {
            // The walk enters every member that a selector could, and more.
            return Ok((!leaves.is_entered(node)).then_some(true));
        }
        let mut of_field = leaves.of(field);
        let Some(first) = of_field.next() else { return Ok(Some(false)) };
        let mut holds = self.holds(leaves, first.value)?;
        let mut is_only = leaves.is_regular() && !first.in_array && !self.is_vague;
        for leaf in of_field {
            is_only = false;
            holds = holds || self.holds(leaves, leaf.value)?;
        }
        Ok(if is_only || !holds { Some(holds) } else { None })
    }

    fn holds(&self, leaves: &Leaves<'_>, value: Scalar<'_>) -> Result<bool, Malformed> {
        let text = leaves.text(value)?;
        Ok(self.test.holds(as_node(as_leaf(value, text.as_deref()))))
    }
}

/// The expression's value, if the conditions that are known decide it.
fn judge(
    expr: &Expr<Asked>,
    known: &mut impl FnMut(&Asked) -> Result<Option<bool>, Malformed>,
) -> Result<Option<bool>, Malformed> {
    // One part with the decisive value decides; otherwise all must be known.
    let (parts, decisive) = match expr {
        Expr::Condition(asked) => return known(asked),
        Expr::And(parts) => (parts, false),
        Expr::Or(parts) => (parts, true),
    };
    let mut value = Some(!decisive);
    for part in parts {
        match judge(part, known)? {
            Some(part) if part == decisive => return Ok(Some(decisive)),
            Some(_) => {}
            None => value = None,
        }
    }
    Ok(value)
}

/// [`Expr::evaluate`] for conditions that may find the record malformed.
fn evaluate(
    expr: &Expr<Asked>,
    holds: &mut impl FnMut(&Asked) -> Result<bool, Malformed>,
) -> Result<bool, Malformed> {
    let mut fault = None;
    let value = expr.evaluate(&mut |asked| {
        fault.is_none()
            && holds(asked).unwrap_or_else(|error| {
                fault = Some(error);
                false
            })
    });
    fault.map_or(Ok(value), Err)
}

fn as_node(leaf: Leaf<'_>) -> Node<'_> {
    match leaf {
        Leaf::String(text) => Node::String(text),
        Leaf::Number(text) => Node::Number(text),
        Leaf::True => Node::True,
        Leaf::False => Node::False,
        Leaf::Null => Node::Null,
    }
}

/// The expression with its selectors numbered.
fn number(
    expr: &Expr<Condition>,
    selectors: &mut Selectors,
    field: &mut impl FnMut(&str) -> FieldId,
) -> Expr<Asked> {
    match expr {
        Expr::And(parts) => Expr::And(parts.iter().map(|part| number(part, selectors, field)).collect()),
        Expr::Or(parts) => Expr::Or(parts.iter().map(|part| number(part, selectors, field)).collect()),
        Expr::Condition(condition) => Expr::Condition(Asked {
            selector: selectors.number(&condition.selector),
            field: path_of(&condition.selector).map(|path| field(&path)),
            is_vague: condition.selector.steps.iter().any(|step| match step {
                Step::Key(key) => key.contains('.'),
                Step::Index(_) | Step::AnyChild => true,
            }),
            test: condition.test.clone(),
        }),
    }
}
