//! Named lists of globs: what is known good or precious in this organization.
//!
//! A list is data for rules, never a rule: the same rule text serves every organization, and what differs stands in
//! one place. The lists the built-in pack asks for exist from the start, empty, so that an unknown name in a rule is
//! always a spelling mistake.

use crate::glob::glob_matches;
use std::collections::BTreeMap;

/// The named lists of one snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    by_name: BTreeMap<Box<str>, List>,
}

impl Lists {
    /// The lists of [`PACK_LISTS`], all empty.
    #[must_use]
    pub fn standard() -> Self {
        let by_name = PACK_LISTS.iter().map(|list| (Box::from(list.name), List::default())).collect();
        Self { by_name }
    }

    /// Sets a list; an earlier one of that name is replaced.
    pub fn insert(&mut self, name: impl Into<Box<str>>, list: List) {
        self.by_name.insert(name.into(), list);
    }

    /// The list of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&List> {
        self.by_name.get(name)
    }

    /// All lists by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &List)> {
        self.by_name.iter().map(|(name, list)| (&**name, list))
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(|name| &**name)
    }
}

/// Globs; a text is on the list if any of them matches it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    globs: Vec<Box<str>>,
}

impl List {
    /// Whether any glob matches the whole of `text`. Nothing is on an empty list.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        self.globs.iter().any(|glob| glob_matches(glob, text))
    }

    /// The globs as written, in order.
    #[must_use]
    pub fn globs(&self) -> &[Box<str>] {
        &self.globs
    }
}

impl<S: Into<Box<str>>> FromIterator<S> for List {
    fn from_iter<I: IntoIterator<Item = S>>(globs: I) -> Self {
        Self { globs: globs.into_iter().map(Into::into).collect() }
    }
}

/// A list the built-in pack asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackList {
    /// Its name in `lists.NAME`.
    pub name: &'static str,
    /// What belongs on it, and what its being empty means.
    pub meaning: &'static str,
}

/// The lists the built-in pack asks for, with what an empty one means.
pub const PACK_LISTS: [PackList; 6] = [
    PackList {
        name: "automation_roles",
        meaning: "names of roles that machines use (deployments, infrastructure as code); while empty, no role is \
                  excused and changes by pipelines are reported like anybody's",
    },
    PackList {
        name: "sensitive_buckets",
        meaning: "names of buckets whose reading and exposure matter most; while empty, rules that watch single \
                  objects stay silent and no bucket is treated as graver than another",
    },
    PackList {
        name: "dev_security_groups",
        meaning: "ids or names of security groups that may be opened to the world; while empty, none may",
    },
    PackList {
        name: "oidc_providers",
        meaning: "URLs of identity providers that are expected; while empty, every new provider is reported",
    },
    PackList {
        name: "break_glass_users",
        meaning: "names of users kept for emergencies, whose every use is reported; while empty, no user is one",
    },
    PackList {
        name: "watched_regions",
        meaning: "names of regions in which something always runs, so that a day without events is reported; while \
                  empty, none is",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packs_lists_exist_and_are_empty() {
        let lists = Lists::standard();
        assert_eq!(lists.names().count(), PACK_LISTS.len());
        for list in PACK_LISTS {
            assert!(!lists.get(list.name).unwrap().contains("anything"), "{}", list.name);
        }
        assert!(lists.get("automation_role").is_none());
    }

    #[test]
    fn a_list_holds_globs() {
        let list: List = ["deploy-*", "terraform"].into_iter().collect();
        assert!(list.contains("deploy-prod") && list.contains("terraform"));
        assert!(!list.contains("terraform-2") && !list.contains(""));
    }
}
