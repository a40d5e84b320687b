//! The accounts of an organization, against moto.

use sources::aws::{AwsSettings, organization_accounts};

use crate::counterpart::counterpart;

#[tokio::test]
async fn names_units_tags_and_owners() {
    let Some(aws) = counterpart("accounts of an organization") else { return };
    let made = aws
        .run(
            "
organizations = client('organizations')
organizations.create_organization(FeatureSet='ALL')
root = organizations.list_roots()['Roots'][0]['Id']
def unit(parent, name):
    return organizations.create_organizational_unit(ParentId=parent, Name=name)['OrganizationalUnit']['Id']
workloads = unit(root, 'Workloads')
prod = unit(workloads, 'Prod')
def account(name, parent, **tags):
    made = organizations.create_account(Email=name + '@example.com', AccountName=name, Tags=[{'Key': k, 'Value': v} for k, v in tags.items()])
    id = made['CreateAccountStatus']['AccountId']
    if parent != root:
        organizations.move_account(AccountId=id, SourceParentId=root, DestinationParentId=parent)
    return id
print(account('payments', prod, env='prod', Owner='team-payments'), account('tools', workloads), account('sandbox', root))
print(*[account('many-%d' % n, workloads) for n in range(25)])",
            &[],
        )
        .await;
    let accounts = organization_accounts(&aws.aws()).await.unwrap();
    let ids: Vec<&str> = made.split_whitespace().collect();
    let shown = |id: &str| serde_json::to_string(&accounts[id]).unwrap();
    assert_eq!(
        shown(ids[0]),
        r#"{"name":"payments","ou":"Workloads/Prod","tags":{"Owner":"team-payments","env":"prod"},"owner":"team-payments"}"#
    );
    assert_eq!(shown(ids[1]), r#"{"name":"tools","ou":"Workloads"}"#);
    assert_eq!(shown(ids[2]), r#"{"name":"sandbox"}"#);
    assert_eq!(ids.iter().filter(|id| accounts.contains_key(**id)).count(), 28, "all pages are read");
}

#[tokio::test]
async fn nobody_there() {
    // A port that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = AwsSettings {
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        keys: Some(sources::aws::Keys::new("a", "b")),
        ..AwsSettings::default()
    };
    let error = organization_accounts(&settings).await.unwrap_err();
    assert!(error.reason.starts_with("cannot list the organization's roots"), "{error:?}");
    assert!(error.next_step.unwrap().starts_with("look at the network"));
}
