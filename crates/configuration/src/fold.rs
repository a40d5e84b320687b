//! What makes many findings one conversation.

use std::time::Duration;

use route::{Fold, FoldBy};
use rules::yaml::Node;
use rules::{Check, shown};

use crate::read::Reader;

pub(crate) const KEYS: [&str; 4] = ["by", "every", "quiet", "conversations_max"];
/// As many as take four gigabytes if each is as large as it gets.
pub(crate) const CONVERSATIONS_MOST: u32 = 200_000;
pub(crate) const CONVERSATIONS_DEFAULT: u32 = 20_000;
/// Longer ago nobody looks.
const QUIET_MAX: Duration = Duration::from_secs(24 * 3600);

impl Reader<'_, '_> {
    pub(crate) fn fold(&mut self, node: &Node) -> Option<Fold> {
        let fields = self.fields(node, "`fold`", &KEYS, &[])?;
        let mut fold = Fold::default();
        if let Some(node) = fields.get("by") {
            fold.by = self.each(node, "`by`", Self::fold_by)?;
            if fold.by.is_empty() {
                let help = "name at least one of rule, account, region, principal, group";
                self.wrong(Check::InvalidValue, node, "everything would be one conversation", help);
                return None;
            }
        }
        if let Some(node) = fields.get("every") {
            fold.every = self.duration(node, "every", QUIET_MAX)?;
        }
        if let Some(node) = fields.get("quiet") {
            fold.quiet = self.duration(node, "quiet", QUIET_MAX)?;
            if fold.quiet < fold.every {
                let help =
                    "a conversation that is closed before its update is due says nothing: make it longer";
                self.wrong(Check::InvalidValue, node, "`quiet` is shorter than `every`", help);
                return None;
            }
        }
        if let Some(node) = fields.get("conversations_max") {
            fold.conversations_max = self.count(node, "conversations_max", 1..=CONVERSATIONS_MOST)? as usize;
        }
        Some(fold)
    }

    fn fold_by(&mut self, node: &Node) -> Option<FoldBy> {
        let text = self.text(node, "what findings have in common")?;
        let by = FoldBy::ALL.into_iter().find(|by| by.name() == text);
        if by.is_none() {
            let names = FoldBy::ALL.map(FoldBy::name).join(", ");
            let message = format!("findings cannot be folded by `{}`", shown(text));
            self.wrong(Check::InvalidValue, node, message, format!("use {names}"));
        }
        by
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_names_the_default_there_is() {
        assert_eq!(Fold::default().conversations_max, CONVERSATIONS_DEFAULT as usize);
    }
}
