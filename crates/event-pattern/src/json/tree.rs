//! Tokens ↔ trees. Neither way recurses.

use super::scan::{Kind, Position, Token, scan};
use super::{DEPTH_MAX, Member, Node, NodeValue, Span, SyntaxError};

/// The tokens of a tree, for front ends that bring their own. Positions are those of the nodes.
pub(crate) fn tokens_of(root: &Node) -> Vec<Token> {
    enum Work<'a> {
        Node(&'a Node, usize),
        Name(&'a Member),
        Close(Kind, Span),
    }
    let mut tokens = Vec::new();
    let mut push = |kind, text: &str, span: Span| {
        let position = Position { line: span.line, column: span.column };
        let text = text.to_owned();
        tokens.push(Token { kind, text, span, position, read_position: position, unreadable: false });
    };
    let mut work = vec![Work::Node(root, 0)];
    while let Some(next) = work.pop() {
        match next {
            Work::Name(member) => {
                push(Kind::Name, &member.key, member.key_span);
            }
            Work::Close(kind, span) => {
                push(kind, if kind == Kind::EndObject { "}" } else { "]" }, span);
            }
            Work::Node(node, depth) => {
                let span = node.span;
                match &node.value {
                    NodeValue::Object(_) | NodeValue::Array(_) if depth >= DEPTH_MAX => {
                        push(
                            Kind::Broken,
                            &format!("more than {DEPTH_MAX} levels of objects and arrays"),
                            span,
                        );
                        return tokens;
                    }
                    NodeValue::Object(members) => {
                        push(Kind::StartObject, "{", span);
                        work.push(Work::Close(Kind::EndObject, span));
                        for member in members.iter().rev() {
                            work.push(Work::Node(&member.value, depth + 1));
                            work.push(Work::Name(member));
                        }
                    }
                    NodeValue::Array(elements) => {
                        push(Kind::StartArray, "[", span);
                        work.push(Work::Close(Kind::EndArray, span));
                        work.extend(elements.iter().rev().map(|element| Work::Node(element, depth + 1)));
                    }
                    NodeValue::String(text) => {
                        push(Kind::String, text, span);
                    }
                    NodeValue::Number(text) => {
                        let integer = crate::number::is_integer(text);
                        push(if integer { Kind::Integer } else { Kind::Float }, text, span);
                    }
                    NodeValue::Bool(true) => {
                        push(Kind::True, "true", span);
                    }
                    NodeValue::Bool(false) => {
                        push(Kind::False, "false", span);
                    }
                    NodeValue::Null => {
                        push(Kind::Null, "null", span);
                    }
                }
            }
        }
    }
    let end = root.span;
    push(Kind::End, "", end);
    tokens
}

/// The tree of a text: see [`json::parse`](super::parse).
pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    enum Open {
        Object { span: Span, members: Vec<Member>, name: Option<(String, Span)> },
        Array { span: Span, elements: Vec<Node> },
    }
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    for token in scan(text) {
        let span = token.span;
        let value = match token.kind {
            Kind::StartObject => {
                open.push(Open::Object { span, members: Vec::new(), name: None });
                continue;
            }
            Kind::StartArray => {
                open.push(Open::Array { span, elements: Vec::new() });
                continue;
            }
            Kind::Name => {
                if let Some(Open::Object { name, .. }) = open.last_mut() {
                    *name = Some((token.text, span));
                }
                continue;
            }
            Kind::EndObject | Kind::EndArray => match open.pop() {
                Some(Open::Object { span, members, .. }) => Node { span, value: NodeValue::Object(members) },
                Some(Open::Array { span, elements }) => Node { span, value: NodeValue::Array(elements) },
                None => continue,
            },
            Kind::String => Node { span, value: NodeValue::String(token.text) },
            Kind::Integer | Kind::Float => Node { span, value: NodeValue::Number(token.text) },
            Kind::True => Node { span, value: NodeValue::Bool(true) },
            Kind::False => Node { span, value: NodeValue::Bool(false) },
            Kind::Null => Node { span, value: NodeValue::Null },
            Kind::Broken => return Err(SyntaxError { message: token.text, span }),
            Kind::End => continue,
        };
        match open.last_mut() {
            Some(Open::Object { members, name, .. }) => {
                if let Some((key, key_span)) = name.take() {
                    members.push(Member { key, key_span, value });
                }
            }
            Some(Open::Array { elements, .. }) => elements.push(value),
            None => root = Some(value),
        }
    }
    root.ok_or_else(|| SyntaxError {
        message: "there is no value".to_owned(),
        span: Span { offset: text.len(), length: 0, line: 1, column: 1 },
    })
}
