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
use json_scan::{Malformed, Object, Outline};

use crate::leaves::{Leaves, Scalar};
use crate::plan::Plan;
use crate::trie::{FieldId, NodeId, Trie};
use crate::walk::{Learned, Walk};

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

    /// The text's own object.
    pub(crate) fn json(&self) -> Object<'a> {
        self.json
    }

    /// Where its values stand, if it is a bare record of a shape that the decoder knows.
    #[inline]
    pub(crate) fn outline(&self) -> Option<Outline<'a>> {
        self.bare.and_then(|(_, record)| record.outline)
    }

    /// Whether it is a bare record, around which an envelope has to be derived.
    #[inline]
    pub(crate) fn is_bare(&self) -> bool {
        self.bare.is_some()
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
    /// The node at which a bare record begins.
    detail: Option<NodeId>,
    derived: Vec<(Member, FieldId)>,
    /// By field.
    nodes: Box<[Option<NodeId>]>,
    /// By node: whether it is left out inside elements of arrays. Nodes that are not here are not.
    beside: Box<[bool]>,
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
    pub(crate) fn new(fields: &[(&str, FieldId)]) -> Self {
        let trie = Trie::new(fields.iter().copied());
        let mut nodes = vec![None; fields.iter().map(|(_, field)| field.index() + 1).max().unwrap_or(0)];
        for (path, field) in fields {
            if let Some(node) = nodes.get_mut(field.index()) {
                *node = trie.find(Trie::ROOT, path);
            }
        }
        let derived = MEMBERS.into_iter().filter_map(|(name, member)| {
            let node = trie.find(Trie::ROOT, name)?;
            Some((member, trie.field(node)?))
        });
        Collection {
            detail: trie.find(Trie::ROOT, DETAIL),
            derived: derived.collect(),
            nodes: nodes.into(),
            beside: Box::default(),
            trie,
        }
    }

    /// Leaves out, inside elements of arrays, what leads to none of these fields.
    pub(crate) fn only_beside(mut self, fields: impl Iterator<Item = FieldId>) -> Self {
        let mut beside = vec![true; self.trie.len()];
        for field in fields {
            let mut node = self.node(field).unwrap_or(Trie::ROOT);
            while let Some(of_node) = beside.get_mut(node.index()).filter(|of_node| **of_node) {
                *of_node = false;
                node = self.trie.parent(node);
            }
        }
        self.beside = beside.into();
        self
    }

    pub(crate) fn trie(&self) -> &Trie {
        &self.trie
    }

    /// The node of a field that is collected.
    pub(crate) fn node(&self, field: FieldId) -> Option<NodeId> {
        self.nodes.get(field.index()).copied().flatten()
    }

    /// The node of the view's own object; none if nothing in it is wanted.
    pub(crate) fn start(&self, view: &View<'_, '_>) -> Option<NodeId> {
        if view.bare.is_some() { self.detail } else { Some(Trie::ROOT) }
    }

    /// Picks up the leaves at the wanted nodes, but for what has to be derived. There must be none yet.
    pub(crate) fn collect<'a>(
        &self,
        view: &View<'_, 'a>,
        wanted: impl Fn(NodeId) -> bool,
        learned: &mut Learned,
        leaves: &mut Leaves<'a>,
    ) -> Result<(), Malformed> {
        let Some(start) = self.start(view).filter(|&start| start == Trie::ROOT || wanted(start)) else {
            return Ok(());
        };
        let Learned { names, plans } = learned;
        if let Some(outline) = view.outline() {
            let write = || Plan::new(&self.trie, start, &self.beside, view.json);
            if let Some(plan) = plans.of(outline.shape(), write)? {
                plan.follow(outline, wanted, leaves);
                return Ok(());
            }
        }
        Walk { trie: &self.trie, wanted, beside: &self.beside, learned: names, leaves }
            .object(view.json, start, None)
    }

    /// Whether anything is wanted that a bare record does not have as it stands.
    #[inline]
    pub(crate) fn has_derived(&self) -> bool {
        !self.derived.is_empty()
    }

    /// Derives the wanted members of a bare record's envelope.
    pub(crate) fn derive<'a>(
        &self,
        view: &View<'_, 'a>,
        wanted: impl Fn(FieldId) -> bool,
        leaves: &mut Leaves<'a>,
    ) {
        let Some((event, record)) = view.bare else { return };
        for &(member, field) in &self.derived {
            if wanted(field) {
                member.derive(event, record, field, leaves);
            }
        }
    }
}

impl Member {
    fn derive<'a>(self, event: &Event<'a>, record: &Record<'a>, field: FieldId, leaves: &mut Leaves<'a>) {
        let text = match self {
            Member::Version => return leaves.push_derived(field, eventbridge::VERSION),
            Member::Id => return leaves.push_derived(field, &event.id().to_string()),
            Member::DetailType => return leaves.push_derived(field, eventbridge::detail_type(record)),
            Member::Source => {
                return leaves.push_written(field, |derived| eventbridge::push_source(record, derived));
            }
            Member::Account => eventbridge::account(record),
            Member::Time => record.event_time,
            Member::Region => record.aws_region,
        };
        if let Some(text) = text {
            leaves.push(field, Scalar::String(text), None, false);
        }
    }
}
