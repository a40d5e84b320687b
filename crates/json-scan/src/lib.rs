//! Raw JSON bytes: find the structure, skip, split, look inside, without building a tree.
//!
//! A CloudTrail log file is one JSON object with thousands of records, and almost no record is wanted by any rule.
//! Most of them differ from one seen before in their values only, and are walked by what they have in common ([`Shapes`]). Of all others
//! the bytes are looked at once, 64 at a time, and of each block three masks are kept: which quotes begin or end a string, and which
//! brackets outside of strings open or close something. Everything else steps from place to place by them:
//!
//! ```text
//! {"a":{"b":[1,2]},"c":"x}y"}
//!  ^ ^  ^ ^        ^ ^ ^   ^       quotes: where a string ends is the next bit
//! ^    ^    ^                      opening brackets
//!               ^^          ^      closing ones: that inside a string is none
//! ```
//!
//! * [`Scanner`] takes whole containers off the front of a buffer, one record at a time; taking one checks that its
//!   brackets pair up, and remembers for each opening bracket where it closes.
//! * [`Shapes`] walks objects of which others of the same shape were seen, by comparing what they have in common: most records are read so,
//!   and masks made only of the others.
//! * [`Object`] and [`Array`] are views of such a container. Stepping over a member costs the same however large it is.
//! * [`Text`] is a JSON string as it stands in the file; it is unescaped only when somebody asks.
//!
//! ```
//! use json_scan::{Scanner, Value};
//!
//! let mut scanner = Scanner::new(br#"{"eventName":"StopLogging","requestParameters":{"name":"audit"}} {"next":1}"#)?;
//! let object = scanner.object()?;
//! let mut name = None;
//! for member in object.members() {
//!     let member = member?;
//!     if let (b"eventName", Value::String(text)) = (member.key.raw(), member.value) {
//!         name = Some(text.unescape()?.into_owned());
//!     }
//! }
//! assert_eq!(name.as_deref(), Some("StopLogging"));
//! assert_eq!(scanner.object()?.bytes(), br#"{"next":1}"#);
//! # Ok::<(), json_scan::Malformed>(())
//! ```
//!
//! # How strict it is
//!
//! Brackets are checked to the end of a container, by type and with a limit of [`MAX_DEPTH`]. The text of a member is checked
//! when it is stepped over: its name is a string, a colon follows, then one value, then a comma or the end. Whether a scalar is one of JSON's
//! is checked when it is looked at. What lies inside
//! a nested container that nobody opens is checked for brackets only; [`Object::check`] checks everything. A view never yields anything from
//! beyond its own closing bracket, whatever the bytes are.

mod block;
mod check;
mod malformed;
mod name_table;
mod names;
mod pairing;
mod scanner;
mod shapes;
mod structure;
mod successors;
mod text;
mod view;
mod vocabulary;

pub use malformed::{Malformed, Reason};
pub use name_table::{Digest, NameTable};
pub use names::Names;
pub use scanner::{MAX_DEPTH, Mark, Scanner, Spare, Taken};
pub use shapes::{Extent, Outline, Room, ShapeId, Shapes, Slot, Unread};
pub use successors::{Place, Step, Successors};
pub use text::Text;
pub use view::{Array, Elements, Member, Members, Object, Value};
pub use vocabulary::{KnownMember, Vocabulary};
