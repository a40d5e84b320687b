//! A value in an event: a node of a tree, or a piece of the file's text.

use json_scan::Value as Raw;
use serde_json::Value as Tree;
use std::borrow::Cow;

/// What stands at a path.
#[derive(Clone, Debug)]
pub(crate) enum Found<'a> {
    /// In an event that was taken apart.
    Tree(&'a Tree),
    /// In the text of its file.
    Raw(Raw<'a>),
    /// A text that follows from the record and stands nowhere in it, such as `aws.s3`.
    Text(Cow<'a, str>),
}

/// Why nothing stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// An object lacks this name.
    Name(String),
    /// A list ends before this place.
    Element,
    /// There is `null` on the way.
    Null,
    /// There is a single value on the way.
    Scalar,
    /// There is a list on the way, which has places and no names.
    List,
}

impl<'a> Found<'a> {
    /// The value of a name in an object.
    pub(crate) fn member(self, name: &str) -> Result<Found<'a>, Absent> {
        let absent = || Absent::Name(name.to_owned());
        match self {
            Found::Tree(Tree::Object(members)) => members.get(name).map(Found::Tree).ok_or_else(absent),
            Found::Raw(Raw::Object(object)) => member(object, name).map(Found::Raw).ok_or_else(absent),
            Found::Tree(Tree::Array(_)) | Found::Raw(Raw::Array(_)) => Err(Absent::List),
            Found::Tree(Tree::Null) | Found::Raw(Raw::Null) => Err(Absent::Null),
            Found::Tree(_) | Found::Raw(_) | Found::Text(_) => Err(Absent::Scalar),
        }
    }

    /// The value of a name in an object, or of a place in a list.
    pub(crate) fn get(self, name: &str) -> Result<Found<'a>, Absent> {
        let place = || name.parse::<usize>().map_err(|_| Absent::List);
        match self {
            Found::Tree(Tree::Array(items)) => items.get(place()?).map(Found::Tree).ok_or(Absent::Element),
            Found::Raw(Raw::Array(array)) => {
                let element = array.elements().nth(place()?).and_then(Result::ok);
                element.map(Found::Raw).ok_or(Absent::Element)
            }
            other => other.member(name),
        }
    }

    /// The value, if it is text.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Found::Tree(Tree::String(text)) => Some(Cow::Borrowed(text)),
            Found::Raw(Raw::String(text)) => text.unescape().ok(),
            Found::Text(text) => Some(text),
            Found::Tree(_) | Found::Raw(_) => None,
        }
    }

    /// Text as it stands, anything else as compact JSON, `null` as the empty text.
    pub(crate) fn written(self) -> Cow<'a, str> {
        match self {
            Found::Tree(Tree::Null) | Found::Raw(Raw::Null) => Cow::Borrowed(""),
            Found::Tree(Tree::String(text)) => Cow::Borrowed(text),
            Found::Tree(other) => Cow::Owned(other.to_string()),
            Found::Raw(Raw::String(text)) => text.unescape().unwrap_or_default(),
            Found::Raw(other) => {
                Cow::Owned(super::tree::of(other).map(|tree| tree.to_string()).unwrap_or_default())
            }
            Found::Text(text) => text,
        }
    }
}

/// The last member of that name, as most parsers would have it.
pub(super) fn member<'a>(object: json_scan::Object<'a>, name: &str) -> Option<Raw<'a>> {
    let mut names = object.names();
    let mut found = None;
    while names.advance() {
        if names.name().is(name) {
            found = names.value().ok();
        }
    }
    found
}
