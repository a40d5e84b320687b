//! An event as patterns and filters see it, whichever form it came in.
//!
//! Patterns speak of the event EventBridge delivers. A bare record is that event's `detail`, so its walk begins at the trie's node for
//! `detail`, and the eight members around it are derived, each only if some rule asks for it:
//!
//! ```text
//! came as          walk                       derived
//! record           the record at `detail`     version, id, detail-type, source, account, time, region
//! envelope         the envelope at the root   nothing
//! ```
//!
//! `resources` is an empty array and so has no leaf. Filters see the record alone, and nothing of events that are not CloudTrail's.

use cloudtrail::{Body, Event, Record, eventbridge};
use json_scan::{Malformed, Object};

use crate::leaves::{Leaves, Scalar};
use crate::trie::{FieldId, NodeId, Trie};
use crate::walk::Walk;

/// Where an envelope holds the record.
pub(crate) const DETAIL: &str = "detail";

/// What to look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'e, 'a> {
    /// The text's own object.
    json: Object<'a>,
    /// If that is a bare record: what its envelope is derived from.
    bare: Option<(&'e Event<'a>, &'e Record<'a>)>,
    /// What filters see.
    record: Option<Object<'a>>,
}

impl<'e, 'a> View<'e, 'a> {
    pub(crate) fn of_event(event: &'e Event<'a>) -> Self {
        let bare = match &event.body {
            Body::Record(record) => Some((event, record)),
            Body::Envelope(_) => None,
        };
        View { json: event.json(), bare, record: event.record().map(|record| record.json) }
    }

    pub(crate) fn of_object(json: Object<'a>) -> Self {
        View { json, bare: None, record: None }
    }

    /// The record that filters see.
    pub(crate) fn record(&self) -> Option<Object<'a>> {
        self.record
    }
}

/// Wanted fields, and how to pick them up.
#[derive(Debug)]
pub(crate) struct Collection {
    trie: Trie,
    detail: Option<NodeId>,
    derived: Vec<(Member, NodeId, FieldId)>,
}

/// A member of the envelope that has to be derived from a bare record.
#[derive(Debug, Clone, Copy)]
enum Member {
    Version,
    Id,
    DetailType,
    Source,
    Account,
    Time,
    Region,
}

const MEMBERS: [(&str, Member); 7] = [
    ("version", Member::Version),
    ("id", Member::Id),
    ("detail-type", Member::DetailType),
    ("source", Member::Source),
    ("account", Member::Account),
    ("time", Member::Time),
    ("region", Member::Region),
];

impl Collection {
    pub(crate) fn new<'p>(fields: impl IntoIterator<Item = (&'p str, FieldId)>) -> Self {
        let trie = Trie::new(fields);
        let detail = trie.find(Trie::ROOT, DETAIL);
        let derived = MEMBERS.into_iter().filter_map(|(name, member)| {
            let node = trie.find(Trie::ROOT, name)?;
            Some((member, node, trie.field(node)?))
        });
        let derived = derived.collect();
        Collection { trie, detail, derived }
    }

    pub(crate) fn trie(&self) -> &Trie {
        &self.trie
    }

    /// Picks up the leaves at the wanted nodes.
    pub(crate) fn collect<'a>(
        &self,
        view: &View<'_, 'a>,
        wanted: impl Fn(NodeId) -> bool,
        leaves: &mut Leaves<'a>,
    ) -> Result<(), Malformed> {
        let Some((event, record)) = view.bare else {
            return Walk { trie: &self.trie, wanted, leaves }.object(view.json, Trie::ROOT, None);
        };
        for &(member, node, field) in &self.derived {
            if wanted(node) {
                derive(member, event, record, field, leaves);
            }
        }
        match self.detail {
            Some(detail) if wanted(detail) => {
                Walk { trie: &self.trie, wanted, leaves }.object(view.json, detail, None)
            }
            _ => Ok(()),
        }
    }
}

fn derive<'a>(
    member: Member,
    event: &Event<'a>,
    record: &Record<'a>,
    field: FieldId,
    leaves: &mut Leaves<'a>,
) {
    let text = match member {
        Member::Version => return leaves.push_derived(field, eventbridge::VERSION),
        Member::Id => return leaves.push_derived(field, &event.id().to_string()),
        Member::DetailType => return leaves.push_derived(field, eventbridge::detail_type(record)),
        Member::Source => {
            return if let Some(source) = eventbridge::source(record) {
                leaves.push_derived(field, &source)
            };
        }
        Member::Account => eventbridge::account(record),
        Member::Time => record.event_time,
        Member::Region => record.aws_region,
    };
    if let Some(text) = text {
        leaves.push(field, Scalar::String(text), None);
    }
}
