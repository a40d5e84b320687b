//! A role to assume first, wherever AWS is asked: `role`, and `external_id` beside it where the role's trust policy asks for one.

use rules::{Check, Fields, shown};
use targets::aws::{Role, is_role};

use crate::read::Reader;

/// What a schema says of `external_id`.
pub(crate) const EXTERNAL_ID: &str = "What the role's trust policy asks for in `sts:ExternalId`, if it asks.";

impl Reader<'_, '_> {
    /// The role, if one is given. Its ARN is looked at by whoever knows what may stand in it.
    #[expect(
        clippy::option_option,
        reason = "what is wrong and what is not there are told apart by who asks"
    )]
    pub(crate) fn role(&mut self, fields: &Fields<'_>) -> Option<Option<Role>> {
        let (arn, external_id) = (self.given(fields, "role"), self.given(fields, "external_id"));
        let (arn, external_id) = (arn?, external_id?);
        if let (Some(id), Some(node)) = (&external_id, fields.get("external_id")) {
            if arn.is_none() && !fields.was_meant("role") {
                let message = "there is no `role` that is assumed with this `external_id`";
                self.wrong(Check::MissingKey, node, message, "add `role`, or remove it");
                return None;
            }
            if !Role::is_external_id(id) {
                let message = format!("`{}` cannot be an external id", shown(id));
                let help = "write 2 to 1224 letters, digits and characters of `_+=,.@:/-`, as the role's trust policy has it";
                self.wrong(Check::InvalidValue, node, message, help);
                return None;
            }
        }
        Some(arn.map(|arn| Role { arn, external_id }))
    }

    /// The same, where the ARN stands as it is.
    #[expect(
        clippy::option_option,
        reason = "what is wrong and what is not there are told apart by who asks"
    )]
    pub(crate) fn literal_role(&mut self, fields: &Fields<'_>) -> Option<Option<Role>> {
        let role = self.role(fields)?;
        if let (Some(role), Some(node)) = (&role, fields.get("role"))
            && !is_role(&role.arn)
        {
            let help = "write it as `arn:aws:iam::111122223333:role/trailhound`";
            self.wrong(Check::InvalidValue, node, "`role` is not the ARN of a role", help);
            return None;
        }
        Some(role)
    }
}
