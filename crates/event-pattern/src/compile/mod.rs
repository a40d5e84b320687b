//! Tokens → alternatives.
//!
//! One walk over the tokens in document order, asking the same questions in the same order as the service, so that the first mistake
//! found here is the one reported there. After a mistake the walk steps over the broken term or field and goes on, so that one run
//! reports everything. Only a syntax error ends it: nothing behind it can be trusted.

mod anything_but;
mod nearest;
mod operators;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::address::AddressRange;
use crate::complexity;
use crate::error::{Error, ErrorKind, Errors};
use crate::json::{Kind, Position, Span, Token};
use crate::pattern::{Alternative, Field, Path, Replaced};
use crate::term::{AnythingBut, Number, Term};

/// More combinations than this are refused by the service.
pub(crate) const COMBINATIONS_MAX: usize = 1_000;

/// Names that cannot be fields inside `$or`: the service could not tell them from operators.
const RESERVED_INSIDE_OR: &[&str] = &[
    "exactly",
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
];

pub(crate) struct Compiled {
    pub(crate) alternatives: Vec<Alternative>,
    pub(crate) replaced: Vec<Replaced>,
}

pub(crate) fn compile(tokens: &[Token]) -> Result<Compiled, Errors> {
    let mut compiler = Compiler {
        tokens,
        at: 0,
        depth: 0,
        position: Position { line: 1, column: 1 },
        span: Span::default(),
        path: Vec::new(),
        in_list: false,
        errors: Vec::new(),
        late: Vec::new(),
        replaced: Vec::new(),
    };
    let mut rules = Rules { list: Vec::new(), too_many: false };
    // A `Stop` has left its reason among the errors.
    let _: Step = compiler.root(&mut rules);
    let Compiler { mut errors, late, replaced, .. } = compiler;
    errors.extend(late);
    let alternatives: Vec<Alternative> =
        rules.list.into_iter().map(|rule| Alternative::new(rule.into_values().collect())).collect();
    if rules.too_many {
        errors.push(unlocated(
            ErrorKind::Combinations,
            format!("Or operator is producing over {COMBINATIONS_MAX} rule combinations"),
            "each `$or` multiplies the combinations: list the values in one array, or write several patterns",
        ));
    } else if errors.is_empty() && !complexity::acceptable(&alternatives) {
        errors.push(unlocated(
            ErrorKind::Complexity,
            "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences \
             after a wildcard character"
                .to_owned(),
            "use `prefix` or `suffix` where a wildcard has one star at an end, or write several patterns",
        ));
    }
    match Errors::new(errors) {
        Some(errors) => Err(errors),
        None => Ok(Compiled { alternatives, replaced }),
    }
}

fn unlocated(kind: ErrorKind, message: String, hint: &str) -> Error {
    Error {
        kind,
        message,
        span: Span { offset: 0, length: 0, line: 1, column: 1 },
        path: String::new(),
        hint: Some(hint.to_owned()),
        located: false,
        position: Position { line: 1, column: 1 },
        repeated: false,
    }
}

/// The combinations so far: what the service calls sub-rules.
struct Rules {
    list: Vec<BTreeMap<Path, Arc<Field>>>,
    /// Set once the limit is passed; from then on only one combination is carried, to find further mistakes.
    too_many: bool,
}

impl Rules {
    /// A field or branch extends every combination there is, and the first makes one.
    fn ensure_one(&mut self) {
        if self.list.is_empty() {
            self.list.push(BTreeMap::new());
        }
    }
}

/// The tokens ended early; the reason is among the errors.
struct Stop;

type Step<T = ()> = Result<T, Stop>;

struct Compiler<'a> {
    tokens: &'a [Token],
    at: usize,
    /// How many objects and arrays are open after the current token.
    depth: usize,
    /// Where the service's parser stands.
    position: Position,
    span: Span,
    path: Vec<&'a str>,
    /// Inside a list of `anything-but` the service adds the position once more to any complaint.
    in_list: bool,
    errors: Vec<Error>,
    /// Complaints the service makes only after it has read everything, or that are ours alone.
    late: Vec<Error>,
    replaced: Vec<Replaced>,
}

impl<'a> Compiler<'a> {
    fn root(&mut self, rules: &mut Rules) -> Step {
        if self.next()?.kind != Kind::StartObject {
            self.barf(
                ErrorKind::Shape,
                "Filter is not an object",
                "a pattern is an object: `{\"source\": [\"aws.ec2\"]}`",
            );
            return Err(Stop);
        }
        self.object(rules, false)?;
        if let Some(rest) = self.tokens.get(self.at).filter(|rest| rest.kind == Kind::Broken) {
            self.span = rest.span;
            self.position = rest.position;
            let error =
                self.error(ErrorKind::Syntax, rest.text.clone(), "remove what follows the last brace");
            self.late.push(error);
        }
        Ok(())
    }

    /// Reads the members of an object whose brace was read.
    fn object(&mut self, rules: &mut Rules, inside_or: bool) -> Step {
        let mut empty = true;
        loop {
            let token = self.next()?;
            if token.kind != Kind::Name {
                break;
            }
            empty = false;
            if token.text == "$or" {
                self.or(rules)?;
            } else if inside_or && RESERVED_INSIDE_OR.contains(&token.text.as_str()) {
                self.reserved(&token.text);
                self.skip_value()?;
            } else {
                self.path.push(&token.text);
                match self.next()?.kind {
                    Kind::StartObject => self.object(rules, inside_or)?,
                    Kind::StartArray => self.list(rules, token.span)?,
                    _ => self.neither_object_nor_array(&token.text),
                }
                self.path.pop();
            }
        }
        if empty {
            let hint = "to ask that something is there, write `[{\"exists\": true}]` for one of its leaves";
            self.barf(ErrorKind::Empty, "Empty objects are not allowed", hint);
        }
        Ok(())
    }

    fn reserved(&mut self, name: &str) {
        self.barf(
            ErrorKind::Or,
            format!("{name} is Ruler reserved fieldName which cannot be used inside $or."),
            "operators stand inside the list of a field: `{\"field\": [{\"prefix\": \"x\"}]}`",
        );
    }

    fn neither_object_nor_array(&mut self, name: &str) {
        let hint = format!("values always stand in a list: `\"{name}\": [\"value\"]`");
        self.barf(ErrorKind::Shape, format!("\"{name}\" must be an object or an array"), hint);
    }

    /// Reads the value of `$or`. Every branch extends a copy of the combinations so far.
    fn or(&mut self, rules: &mut Rules) -> Step {
        let before = std::mem::take(&mut rules.list);
        if self.next()?.kind != Kind::StartArray {
            self.barf(ErrorKind::Or, "It must be an Array followed with $or.", "write `\"$or\": [{…}, {…}]`");
            rules.list = before;
            return self.skip_open();
        }
        let mut branches = 0;
        loop {
            match self.next()?.kind {
                Kind::EndArray => break,
                Kind::StartObject => {
                    branches += 1;
                    let mut branch = Rules { list: before.clone(), too_many: false };
                    branch.ensure_one();
                    self.object(&mut branch, true)?;
                    rules.too_many |=
                        branch.too_many || rules.list.len() + branch.list.len() > COMBINATIONS_MAX;
                    if rules.too_many {
                        branch.list.truncate(1);
                        rules.list.clear();
                    }
                    rules.list.append(&mut branch.list);
                }
                _ => {
                    branches += 1;
                    self.only_objects_in_or();
                    self.skip_open()?;
                }
            }
        }
        if branches < 2 {
            self.barf(
                ErrorKind::Or,
                "There must have at least 2 Objects in $or relationship.",
                "write the fields of the only branch without `$or`",
            );
        }
        Ok(())
    }

    fn only_objects_in_or(&mut self) {
        let hint = "each branch is an object of fields: `{\"field\": [\"value\"]}`";
        self.barf(ErrorKind::Or, "Only JSON object is allowed in array of $or relationship.", hint);
    }

    /// Reads the terms of a field whose bracket was read.
    fn list(&mut self, rules: &mut Rules, name: Span) -> Step {
        let mut terms = Vec::new();
        let mut spans = Vec::new();
        let mut entries = 0;
        loop {
            let token = self.next()?;
            let term = match token.kind {
                Kind::EndArray => break,
                Kind::StartObject => self.expression()?,
                Kind::String => {
                    let text = self.text(token)?;
                    Some(AddressRange::exact(text).map_or_else(|| Term::Equals(text.into()), Term::Address))
                }
                Kind::Integer | Kind::Float => Some(Term::Number(Number::new(&token.text))),
                Kind::True => Some(Term::True),
                Kind::False => Some(Term::False),
                Kind::Null => Some(Term::Null),
                _ => {
                    self.nested_array();
                    self.skip_open()?;
                    None
                }
            };
            entries += 1;
            if let Some(term) = term {
                terms.push(term);
                spans.push(Span { length: self.end_of(token), ..token.span });
            }
        }
        if entries == 0 {
            let hint = "to ask that there is no value, write `[{\"exists\": false}]`";
            self.barf(ErrorKind::Empty, "Empty arrays are not allowed", hint);
        }
        if !terms.is_empty() {
            self.put(rules, name, terms, spans);
        }
        Ok(())
    }

    /// How many bytes lie between the start of a token and the end of the current one.
    fn end_of(&self, first: &Token) -> usize {
        (self.span.offset + self.span.length).saturating_sub(first.span.offset).max(first.span.length)
    }

    fn nested_array(&mut self) {
        self.barf(
            ErrorKind::Shape,
            "Match value must be String, number, true, false, or null",
            "list the values in one array: a value of an array in the event matches by itself",
        );
    }

    /// Writes a field into every combination. A path that was there already is replaced, as on the service.
    fn put(&mut self, rules: &mut Rules, name: Span, mut terms: Vec<Term>, spans: Vec<Span>) {
        let numeric = terms.iter().any(|term| match term {
            Term::Number(number) => number.value().is_some(),
            Term::Numeric(_) | Term::AnythingBut(AnythingBut::Numbers(_)) => true,
            _ => false,
        });
        for term in &mut terms {
            if let Term::Address(range) | Term::Cidr(range) = term {
                range.beside_numeric = numeric;
            }
        }
        let path = Path::new(&self.path.join("."));
        let field = Arc::new(Field::new(path.clone(), terms, name, spans));
        rules.ensure_one();
        let mut lost = None;
        for rule in &mut rules.list {
            if let Some(before) = rule.insert(path.clone(), Arc::clone(&field)) {
                lost = Some(before.span());
            }
        }
        if let Some(lost) = lost {
            self.replaced.push(Replaced { path, lost, by: name });
        }
    }
}

/// Moving over the tokens, and complaining.
impl<'a> Compiler<'a> {
    fn next(&mut self) -> Step<&'a Token> {
        let Some(token) = self.tokens.get(self.at) else { return Err(Stop) };
        self.at += 1;
        self.span = token.span;
        self.position = token.position;
        match token.kind {
            Kind::StartObject | Kind::StartArray => self.depth += 1,
            Kind::EndObject | Kind::EndArray => self.depth = self.depth.saturating_sub(1),
            Kind::Broken => {
                self.barf(ErrorKind::Syntax, token.text.clone(), None::<&str>);
                return Err(Stop);
            }
            _ => {}
        }
        Ok(token)
    }

    /// The content of a string token.
    fn text(&mut self, token: &'a Token) -> Step<&'a str> {
        if token.unreadable {
            self.next()?;
        }
        self.position = token.read_position;
        Ok(&token.text)
    }

    /// Steps over the rest of what the current token has opened, if it has.
    fn skip_open(&mut self) -> Step {
        let opened = self
            .tokens
            .get(self.at.saturating_sub(1))
            .is_some_and(|token| matches!(token.kind, Kind::StartObject | Kind::StartArray));
        if opened { self.skip_to(self.depth - 1) } else { Ok(()) }
    }

    /// Steps over the value after the current name.
    fn skip_value(&mut self) -> Step {
        self.next()?;
        self.skip_open()
    }

    /// Steps over tokens until no more than so many objects and arrays are open.
    fn skip_to(&mut self, depth: usize) -> Step {
        while self.depth > depth {
            self.next()?;
        }
        Ok(())
    }

    fn error(&self, kind: ErrorKind, message: String, hint: impl Hint) -> Error {
        Error {
            kind,
            message,
            span: self.span,
            path: self.path.join("."),
            hint: hint.text(),
            located: true,
            position: self.position,
            repeated: self.in_list,
        }
    }

    fn barf(&mut self, kind: ErrorKind, message: impl Into<String>, hint: impl Hint) {
        let error = self.error(kind, message.into(), hint);
        self.errors.push(error);
    }

    /// A complaint that the service makes without saying where.
    fn barf_unlocated(&mut self, kind: ErrorKind, message: String, hint: impl Hint) {
        let error = Error { located: false, repeated: false, ..self.error(kind, message, hint) };
        self.errors.push(error);
    }
}

/// A hint, or none.
trait Hint {
    fn text(self) -> Option<String>;
}

impl Hint for &str {
    fn text(self) -> Option<String> {
        Some(self.to_owned())
    }
}

impl Hint for String {
    fn text(self) -> Option<String> {
        Some(self)
    }
}

impl<T: Hint> Hint for Option<T> {
    fn text(self) -> Option<String> {
        self.and_then(T::text)
    }
}
