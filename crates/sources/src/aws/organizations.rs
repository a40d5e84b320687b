//! The accounts of an organization, as AWS Organizations knows them: names, units, tags.
//!
//! Asked from the management account or a delegated administrator. Nothing is kept here: whoever asks keeps the answer, and goes on with
//! the last one while AWS does not answer.

use std::collections::BTreeMap;

use aws_client::{AwsSettings, Repeats};
use aws_sdk_organizations::Client;
use aws_sdk_organizations::config::http::HttpResponse;
use aws_sdk_organizations::error::{ProvideErrorMetadata, SdkError};

use crate::aws::fault::{self, Fault};

/// An account of the organization.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct OrganizationAccount {
    /// Its name.
    pub name: String,
    /// The names of the units it is in, from the root, as `Workloads/Prod`; none if it is in the root itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ou: Option<String>,
    /// Its tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Who answers for it: the value of its tag `owner`, in whichever letters the tag is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// Why the organization does not tell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct OrganizationsError {
    /// What is wrong.
    pub reason: String,
    /// What to do about it.
    pub next_step: Option<String>,
}

/// What a policy has to allow.
const GRANT: &str = "organizations:ListRoots, organizations:ListOrganizationalUnitsForParent, organizations:ListAccountsForParent and \
                     organizations:ListTagsForResource, in the management account or a delegated administrator's";

/// All accounts of the organization that the credentials belong to, by their numbers.
///
/// # Errors
///
/// If a call fails for good: half an organization is not told.
pub async fn organization_accounts(
    settings: &AwsSettings,
) -> Result<BTreeMap<String, OrganizationAccount>, OrganizationsError> {
    // The service has one place in each partition; of AWS's ordinary one this is it.
    let config = aws_client::load(settings, Some("us-east-1"), Repeats::AsUsual).await;
    let client = Client::new(&config);
    let roots = client.list_roots().into_paginator().send().collect::<Result<Vec<_>, _>>().await;
    let roots = roots.map_err(|error| failed(&error, "cannot list the organization's roots"))?;
    let roots = roots.into_iter().flat_map(|page| page.roots.unwrap_or_default());
    let mut parents: Vec<(String, Option<String>)> =
        roots.filter_map(|root| Some((root.id?, None))).collect();
    let mut accounts = BTreeMap::new();
    while let Some((parent, path)) = parents.pop() {
        let units = client.list_organizational_units_for_parent().parent_id(&parent).into_paginator();
        let units = units.send().collect::<Result<Vec<_>, _>>().await;
        let units = units.map_err(|error| failed(&error, "cannot list organizational units"))?;
        for unit in units.into_iter().flat_map(|page| page.organizational_units.unwrap_or_default()) {
            let (Some(id), Some(name)) = (unit.id, unit.name) else { continue };
            parents.push((id, Some(path.as_ref().map_or(name.clone(), |path| format!("{path}/{name}")))));
        }
        let here = client.list_accounts_for_parent().parent_id(&parent).into_paginator();
        let here = here.send().collect::<Result<Vec<_>, _>>().await;
        let here = here.map_err(|error| failed(&error, "cannot list accounts"))?;
        for account in here.into_iter().flat_map(|page| page.accounts.unwrap_or_default()) {
            let (Some(id), Some(name)) = (account.id, account.name) else { continue };
            let tags = client.list_tags_for_resource().resource_id(&id).into_paginator().items();
            let tags = tags.send().collect::<Result<Vec<_>, _>>().await;
            let tags = tags.map_err(|error| failed(&error, &format!("cannot list the tags of {id}")))?;
            let tags: BTreeMap<String, String> = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
            let owner = tags.iter().find(|(key, _)| key.eq_ignore_ascii_case("owner"));
            let owner = owner.map(|(_, value)| value.clone());
            accounts.insert(id, OrganizationAccount { name, ou: path.clone(), tags, owner });
        }
    }
    Ok(accounts)
}

fn failed<E>(error: &SdkError<E, HttpResponse>, what: &str) -> OrganizationsError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match fault::of_call(error, what, GRANT) {
        Fault::Passing { reason, next_step } => OrganizationsError { reason, next_step: Some(next_step) },
        Fault::Elsewhere { reason, .. } | Fault::Hopeless { reason } => {
            OrganizationsError { reason, next_step: None }
        }
    }
}
