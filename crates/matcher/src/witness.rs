//! What must be in an event for a rule to have a chance: the argument the index stands on.
//!
//! A rule is analysed into *clauses*. A clause is a list of (field, [`Key`]) pairs of which **at least one must hold of the event** if the
//! rule matches; a key holds if one of the field's leaves has it. The index files a rule under one clause after the other and
//! looks only at rules whose filed keys the event has.
//!
//! The argument, in three lines:
//!
//! 1. Every clause is necessary: if the rule matches an event, a pair of the clause holds of it.
//! 2. Analysis may only weaken: a key may hold of more leaves than the test it stands for accepts, and a clause may be left out.
//! 3. So the index may name too many rules, never too few; who is named is then asked exactly.
//!
//! What makes no clause, because the event need not have anything for it:
//!
//! - a pattern's field with `exists: false` among its terms, and a filter's `NOT EXISTS`;
//! - a filter's condition behind a wildcard step, which may lead through members of any name;
//! - an `||` with a side that makes none;
//! - anything a filter asks of the text of the record.
//!
//! What does make one although it looks negative: `anything-but` and `!=` ask for a leaf that is there. It is the weakest, though.
//!
//! # Where the index has the last word
//!
//! A key is *exact* for a term if it holds of the leaves that the term accepts and of no others. An alternative all of whose fields
//! are made of such terms matches as soon as each of its clauses holds of the event (and none of the leaves stands in an element of an array,
//! unless there is one field only: arrays bind fields together). Whoever reaches such an entry by all its clauses need not ask, and who reaches
//! any entry by some such clauses need not ask those fields again. A number's key is exact only for numbers that are comparable.
//!
//! Both languages file under the same fields. A filter sees a record more narrowly than a pattern does (the last of repeated keys, no
//! look into arrays without an index), so each value it could test is among the leaves a pattern's walk picks up at that path.

use event_pattern::{Alternative, Bound, Field, NumericRange, Term};
use filter_pattern::{Comparison, Condition, Expr, Selector, Step, Test, Value};

/// Something that can be looked up with a leaf in hand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Key {
    /// A string, byte for byte.
    Text(Box<str>),
    /// An ASCII string whatever its case; kept in lower case.
    Folded(Box<str>),
    /// A number as it is written.
    Lexeme(Box<str>),
    /// A number by value; never negative zero.
    Number(f64),
    True,
    False,
    Null,
    /// A string that begins with this.
    Prefix(Box<str>),
    /// A string that ends with this.
    Suffix(Box<str>),
    /// A string that begins with this, kept in lower case, whatever its case.
    FoldedPrefix(Box<str>),
    /// A string that ends with this, kept in lower case, whatever its case.
    FoldedSuffix(Box<str>),
    /// A string that begins with the first piece, ends with the last and has the others between; at least two pieces, at least
    /// one of them not empty.
    Pieces(Box<[Box<str>]>),
    /// A number in a closed range.
    Range(f64, f64),
    /// Any leaf but those that this `anything-but` excludes.
    AnythingBut(Box<Term>),
    /// Exactly this address, as the digits it is compared by.
    Address(Box<[u8]>),
    /// Any string.
    AnyString,
    /// Any number.
    AnyNumber,
    /// Any leaf at all.
    Present,
}

impl Key {
    /// Whether a string may have it, and not all leaves.
    pub(crate) fn is_of_strings(&self) -> bool {
        match self {
            Key::Text(_)
            | Key::Folded(_)
            | Key::Prefix(_)
            | Key::Suffix(_)
            | Key::FoldedPrefix(_)
            | Key::FoldedSuffix(_)
            | Key::Pieces(_)
            | Key::Address(_)
            | Key::AnyString => true,
            Key::Lexeme(_)
            | Key::Number(_)
            | Key::Range(..)
            | Key::True
            | Key::False
            | Key::Null
            | Key::AnyNumber
            | Key::AnythingBut(_)
            | Key::Present => false,
        }
    }
}

/// Pairs of which one must hold. Paths are dotted, from the root of the event as EventBridge delivers it.
pub(crate) type Clause = Vec<(Box<str>, Key)>;

/// What an entry needs.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    pub(crate) clauses: Vec<Clause>,
    /// By clause: which of the entry's fields is answered by it, if that is all it asks of the field. Fields beyond the 64th never are.
    pub(crate) answers: Vec<Option<u8>>,
    /// Whether the clauses are all there is to ask, each of them made of exact keys.
    pub(crate) is_all: bool,
}

/// What a pattern's alternative needs.
pub(crate) fn of_alternative(alternative: &Alternative) -> Needs {
    let fields = alternative.fields();
    let is_exact = |field: &Field| !field.allows_absence() && field.terms().iter().all(has_exact_key);
    let mut needs = Needs { is_all: fields.iter().all(|field| is_exact(field)), ..Needs::default() };
    for (place, field) in fields.iter().enumerate().filter(|(_, field)| !field.allows_absence()) {
        needs.clauses.push(of_field(field));
        let place = u8::try_from(place).ok().filter(|&place| place < 64);
        needs.answers.push(place.filter(|_| is_exact(field)));
    }
    needs
}

/// Whether the key made of a term says all that the term does.
fn has_exact_key(term: &Term) -> bool {
    match term {
        Term::Equals(_)
        | Term::True
        | Term::False
        | Term::Null
        | Term::Prefix(_)
        | Term::Suffix(_)
        | Term::Numeric(_)
        | Term::Exists
        | Term::AnythingBut(_) => true,
        Term::Number(number) => number.value().is_some(),
        Term::PrefixIgnoreCase(text) | Term::SuffixIgnoreCase(text) | Term::EqualsIgnoreCase(text) => {
            text.is_ascii()
        }
        Term::Wildcard(wildcard) => match wildcard.pieces() {
            [_] => true,
            [first, last] => first.is_empty() || last.is_empty(),
            _ => false,
        },
        _ => false,
    }
}

/// What a field needs, if it must be there.
pub(crate) fn of_field(field: &Field) -> Clause {
    let mut keys = Vec::new();
    if field.allows_absence() {
        keys.push(Key::Present);
    }
    for term in field.terms() {
        of_term(term, &mut keys);
    }
    simplify(&mut keys);
    keys.into_iter().map(|key| (field.path().as_str().into(), key)).collect()
}

/// Appends keys of which one holds of every leaf the term accepts.
fn of_term(term: &Term, keys: &mut Vec<Key>) {
    let key = match term {
        Term::Equals(text) => Key::Text(text.clone()),
        Term::Address(range) if range.low() == range.high() => Key::Address(range.low().into()),
        Term::Address(_) | Term::Cidr(_) => {
            // Numbers fall into blocks too, by their digits.
            keys.push(Key::AnyNumber);
            Key::AnyString
        }
        Term::Number(number) => match number.value() {
            Some(value) => Key::Number(value),
            None => Key::Lexeme(number.text().into()),
        },
        Term::True => Key::True,
        Term::False => Key::False,
        Term::Null => Key::Null,
        Term::Prefix(text) => anchored(text, Key::Prefix),
        Term::Suffix(text) => anchored(text, Key::Suffix),
        Term::PrefixIgnoreCase(text) if text.is_ascii() => anchored(&lower(text.text()), Key::FoldedPrefix),
        Term::SuffixIgnoreCase(text) if text.is_ascii() => anchored(&lower(text.text()), Key::FoldedSuffix),
        Term::EqualsIgnoreCase(text) if text.is_ascii() => Key::Folded(lower(text.text())),
        Term::PrefixIgnoreCase(_) | Term::SuffixIgnoreCase(_) | Term::EqualsIgnoreCase(_) => Key::AnyString,
        Term::Wildcard(wildcard) => pieces(wildcard.pieces().to_vec()),
        Term::Numeric(NumericRange { low: Some(low), high: Some(high) })
            if low == high && low.inclusive && high.inclusive =>
        {
            Key::Number(no_negative_zero(low.value))
        }
        Term::Numeric(range) => Key::Range(
            range.low.map_or(f64::NEG_INFINITY, |Bound { value, inclusive }| {
                if inclusive { value } else { no_negative_zero(value.next_up()) }
            }),
            range.high.map_or(
                f64::INFINITY,
                |Bound { value, inclusive }| {
                    if inclusive { value } else { value.next_down() }
                },
            ),
        ),
        Term::AnythingBut(_) => Key::AnythingBut(Box::new(term.clone())),
        // `exists: true` asks for nothing more. A term that is not known here narrows nothing.
        _ => Key::Present,
    };
    keys.push(key);
}

/// What a filter's expression needs.
pub(crate) fn of_filter(expr: &Expr<Condition>) -> Needs {
    Needs { clauses: of_expression(expr), ..Needs::default() }
}

fn of_expression(expr: &Expr<Condition>) -> Vec<Clause> {
    match expr {
        Expr::And(parts) => parts.iter().flat_map(of_expression).collect(),
        Expr::Or(parts) => {
            // One clause per side, joined: whichever side is true, its clause holds.
            let mut joined = Clause::new();
            for part in parts {
                let cheapest = of_expression(part).into_iter().min_by_key(|clause| cost(clause));
                let Some(clause) = cheapest else { return Vec::new() };
                for pair in clause {
                    if !joined.contains(&pair) {
                        joined.push(pair);
                    }
                }
            }
            vec![joined]
        }
        Expr::Condition(condition) => of_condition(condition).into_iter().collect(),
    }
}

fn of_condition(condition: &Condition) -> Option<Clause> {
    let path = path_of(&condition.selector)?;
    let mut keys = match &condition.test {
        Test::Equals(Value::Number(number)) => {
            vec![Key::Number(no_negative_zero(number.value())), Key::Text(number.lexeme().into())]
        }
        Test::Equals(Value::Text(text)) => {
            let of_string = pieces(text.pieces().iter().map(|piece| piece.as_str().into()).collect());
            // Texts are compared with numbers too, as they are written.
            let of_number = text.literal().map_or(Key::AnyNumber, |literal| Key::Lexeme(literal.into()));
            if text.pieces().iter().all(|piece| piece.bytes().all(is_in_numbers)) {
                vec![of_string, of_number]
            } else {
                vec![of_string]
            }
        }
        Test::Equals(Value::Regex(_)) | Test::NotEquals(_) => vec![Key::AnyString, Key::AnyNumber],
        Test::Compare(comparison, number) => vec![match comparison {
            Comparison::Less | Comparison::LessOrEqual => Key::Range(f64::NEG_INFINITY, number.value()),
            Comparison::Greater | Comparison::GreaterOrEqual => Key::Range(number.value(), f64::INFINITY),
        }],
        Test::IsNull => vec![Key::Null],
        Test::IsTrue => vec![Key::True],
        Test::IsFalse => vec![Key::False],
        Test::NotExists => return None,
    };
    simplify(&mut keys);
    Some(keys.into_iter().map(|key| (path.clone(), key)).collect())
}

/// Where a filter's selector leads, as a pattern would write it; `None` if it leads to many places.
pub(crate) fn path_of(selector: &Selector) -> Option<Box<str>> {
    let mut path = String::from(crate::view::DETAIL);
    for step in &selector.steps {
        match step {
            Step::Key(key) => {
                path.push('.');
                path.push_str(key);
            }
            // Arrays add nothing to a path.
            Step::Index(_) => {}
            Step::AnyChild => return None,
        }
    }
    Some(path.into())
}

/// Drops keys that others of the same field include, and repetitions.
fn simplify(keys: &mut Vec<Key>) {
    if keys.contains(&Key::Present) {
        *keys = vec![Key::Present];
        return;
    }
    let any_string = keys.contains(&Key::AnyString);
    let any_number = keys.contains(&Key::AnyNumber);
    let mut kept: Vec<Key> = Vec::with_capacity(keys.len());
    let mut seen = rustc_hash::FxHashSet::default();
    for key in keys.drain(..) {
        let included = match &key {
            Key::Text(text) => any_string || !seen.insert(text.clone()),
            Key::Folded(_)
            | Key::Prefix(_)
            | Key::Suffix(_)
            | Key::FoldedPrefix(_)
            | Key::FoldedSuffix(_)
            | Key::Pieces(_) => any_string,
            Key::Lexeme(_) | Key::Number(_) | Key::Range(..) => any_number,
            // Numbers can have an address's digits.
            Key::Address(_) => any_string && any_number,
            Key::AnyString
            | Key::AnyNumber
            | Key::True
            | Key::False
            | Key::Null
            | Key::AnythingBut(_)
            | Key::Present => kept.contains(&key),
        };
        if !included {
            kept.push(key);
        }
    }
    *keys = kept;
}

/// How often a clause may be expected to hold, in a unit of its own; what a choice between clauses goes by.
///
/// Nothing depends on it but speed. Names of CloudTrail's own fields are weighed by what real logs show: an event's name tells most,
/// its source less, account and region hardly anything.
pub(crate) fn cost(clause: &[(Box<str>, Key)]) -> u32 {
    cost_beside(clause, |_| false)
}

/// The same where some fields are looked for whatever becomes of this clause.
pub(crate) fn cost_beside(clause: &[(Box<str>, Key)], is_looked_for: impl Fn(&str) -> bool) -> u32 {
    let pair = |(path, key): &(Box<str>, Key)| {
        let depth = u32::try_from(path.matches('.').count()).unwrap_or(u32::MAX).saturating_sub(1);
        let looking = if is_looked_for(path) { 0 } else { depth.saturating_mul(DEEPER) };
        let kind = match key {
            Key::Text(text) | Key::Lexeme(text) | Key::Folded(text) => text_cost(path, text),
            Key::Number(value) => number_cost(path, *value),
            Key::Address(_) => 4,
            Key::Prefix(text) | Key::Suffix(text) | Key::FoldedPrefix(text) | Key::FoldedSuffix(text) => {
                piece_cost(text) + value_cost(path)
            }
            Key::Pieces(pieces) => {
                pieces.iter().map(|piece| piece_cost(piece)).min().unwrap_or(MOST) + value_cost(path)
            }
            Key::Range(..) => of_any(path, 200),
            Key::True | Key::False | Key::Null => of_any(path, 300),
            Key::AnyString | Key::AnyNumber | Key::AnythingBut(_) | Key::Present => of_any(path, 600),
        };
        kind.saturating_add(looking)
    };
    // A long list rarely covers what there is: beyond some length it is no worse for being longer.
    let sum = clause.iter().map(pair).fold(0, u32::saturating_add);
    sum.min(clause.iter().map(pair).max().unwrap_or(0).saturating_mul(LONG_LIST))
}

/// Whoever files by a field deep inside has it looked for in every record that has the object around it, and in every element of an array there:
/// a number of some length is worth less than a text further out.
const DEEPER: u32 = 5;

/// From how many entries on a list is just long. Less than a busy service weighs against a name: a rule about thirty calls of such a service
/// still is about a small part of what it does.
const LONG_LIST: u32 = 12;

/// The weight of a key that says little of a value: `usual` where nearly every record has the field, less where few have it at all.
fn of_any(path: &str, usual: u32) -> u32 {
    let is_everywhere = match path.strip_prefix("detail.") {
        Some(member) => !member.contains('.') && !matches!(member, "errorCode" | "errorMessage"),
        None => true,
    };
    if is_everywhere || path.starts_with("detail.userIdentity.") { usual } else { usual / 20 }
}

/// The cost of a key that nearly every event has.
const MOST: u32 = 800;

/// How likely an event has this very text.
fn text_cost(path: &str, text: &str) -> u32 {
    let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    match path {
        "detail.eventSource" | "source" if !BUSY.iter().any(|busy| text.contains(busy)) => 10,
        // Accounts are few, what stands in their place is rare.
        "detail.userIdentity.accountId" if !is_account(text) => 6,
        "detail.userIdentity.type" if text == "Root" => 40,
        "detail.eventType" if text != "AwsApiCall" => 20,
        "detail.eventCategory" if !matches!(text, "Management" | "Data") => 20,
        _ => value_cost(path),
    }
}

/// Services that make most of the records of any account.
const BUSY: [&str; 9] = ["s3", "ec2", "sts", "kms", "logs", "lambda", "dynamodb", "monitoring", "ecr"];

/// How likely two events agree on an exact value of this field.
fn value_cost(path: &str) -> u32 {
    match path {
        "detail.eventName" | "detail.errorCode" => 2,
        "detail.eventSource" | "source" => 30,
        "detail.userIdentity.type"
        | "detail.userIdentity.accountId"
        | "detail.recipientAccountId"
        | "detail.awsRegion"
        | "region"
        | "account" => 150,
        "detail.eventType" | "detail.eventCategory" | "detail-type" | "detail.eventVersion" => 500,
        _ => 6,
    }
}

/// How likely two events agree on this very number: a measurement tells more than a count, of which most are small.
fn number_cost(path: &str, value: f64) -> u32 {
    let is_count = value.fract() == 0.0 && value.abs() < 10_000.0;
    if is_count { value_cost(path) } else { value_cost(path).min(2) }
}

/// How much a piece of a text tells. What every ARN of its kind has in it tells nothing.
fn piece_cost(piece: &str) -> u32 {
    let mut telling = piece.to_owned();
    for word in
        ["arn:aws", "assumed-role/", "role/", "user/", ":sts:", ":iam:", ".amazonaws.com", " via CloudTrail"]
    {
        telling = telling.replace(word, "");
    }
    match telling.trim_matches(':').len() {
        0 => MOST,
        1 => 300,
        2 => 100,
        3 => 20,
        _ => 10,
    }
}

/// `text` as a key, unless it is empty.
fn anchored(text: &str, key: fn(Box<str>) -> Key) -> Key {
    if text.is_empty() { Key::AnyString } else { key(text.into()) }
}

fn pieces(pieces: Vec<Box<str>>) -> Key {
    match pieces.as_slice() {
        [only] => Key::Text(only.clone()),
        [first, last] if last.is_empty() => anchored(first, Key::Prefix),
        [first, last] if first.is_empty() => anchored(last, Key::Suffix),
        pieces if pieces.iter().all(|piece| piece.is_empty()) => Key::AnyString,
        _ => Key::Pieces(pieces.into()),
    }
}

/// Whether a JSON number may be written with this byte.
fn is_in_numbers(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E')
}

fn lower(text: &str) -> Box<str> {
    text.to_ascii_lowercase().into()
}

/// Adding positive zero turns the negative one positive and changes nothing else.
pub(crate) fn no_negative_zero(value: f64) -> f64 {
    value + 0.0
}
