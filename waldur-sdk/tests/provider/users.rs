//! Users, SSH keys and the lists of a service provider, on the sandbox.

use std::collections::BTreeSet;

use serde_json::json;
use waldur_sandbox::{Actor, Release, Sandbox};
use waldur_sdk::Uuid;

use crate::common::{provider, provider_as};

#[tokio::test]
async fn users_and_keys_visible_to_the_caller_are_listed() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let (provider, staff) = (provider(&sandbox), provider_as(&sandbox, Actor::Staff));
    let users = provider.users().all().await.unwrap();
    let alice = users.iter().find(|user| user.username == "alice").unwrap();
    assert!(alice.uuid == ids.users.alice && !alice.full_name.is_empty() && alice.is_active.is_none());
    let all = staff.users().all().await.unwrap();
    assert!(all.len() > users.len() && all.iter().all(|user| user.is_active.is_some()));
    let own: Vec<Uuid> = provider.ssh_keys().all().await.unwrap().iter().map(|key| key.uuid).collect();
    assert_eq!(own, [ids.keys.provider]);
    let keys = staff.ssh_keys().all().await.unwrap();
    assert!(keys.len() > 1 && keys.iter().all(|key| !key.public_key.is_empty() && !key.type_.is_empty()));
}

#[tokio::test]
async fn an_organisation_has_at_most_one_service_provider() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    for actor in [Actor::Provider, Actor::Consumer, Actor::Outsider] {
        let provider = provider_as(&sandbox, actor);
        let own = provider.service_providers().of_customer(ids.provider_customer).await.unwrap().unwrap();
        assert_eq!((own.uuid, own.customer_uuid), (ids.service_provider, ids.provider_customer));
        assert_eq!(provider.service_providers().of_customer(ids.consumer_customer).await.unwrap(), None);
        assert_eq!(provider.service_providers().of_customer(Uuid::nil()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_service_provider_lists_its_users_customers_and_projects() {
    for release in [Release::Schema, Release::Late2024] {
        let sandbox = Sandbox::builder().release(release).start().await.unwrap();
        let ids = *sandbox.ids();
        let provider = provider(&sandbox);
        let own = ids.service_provider;
        let users = provider.service_provider(own).users().all().await.unwrap();
        let members = sandbox.members(ids.project);
        let names: BTreeSet<&str> = users.iter().map(|user| user.username.as_str()).collect();
        assert!(members.iter().all(|(username, _)| names.contains(username.as_str())));
        let keys = provider.service_provider(own).ssh_keys().all().await.unwrap();
        let uuids: BTreeSet<Uuid> = keys.iter().map(|key| key.uuid).collect();
        assert!([ids.keys.alice, ids.keys.alice_second, ids.keys.bob].iter().all(|key| uuids.contains(key)));
        assert!(keys.iter().any(|key| key.user_uuid == ids.users.alice));
        let projects = provider.service_provider(own).projects().all().await.unwrap();
        assert!(projects.iter().any(|project| project.uuid == ids.project));
        assert!(projects.iter().all(|project| project.uuid != ids.empty_project));
        let permissions = provider.service_provider(own).project_permissions().all().await.unwrap();
        let alice = permissions.iter().find(|one| one.user_uuid == ids.users.alice).unwrap();
        assert_eq!((alice.project_uuid, alice.user_username.as_str()), (ids.project, "alice"));
        let customers = provider.service_provider(own).customers().all().await.unwrap();
        assert!(customers.iter().any(|one| one.uuid == ids.consumer_customer && one.projects_count > 0));
        let offerings = provider.service_provider(own).offerings().all().await.unwrap();
        let slurm = offerings.iter().find(|offering| offering.uuid == ids.offerings.slurm).unwrap();
        assert!(slurm.resources_count > 0 && !slurm.type_.is_empty());
    }
}

#[tokio::test]
async fn users_and_projects_of_a_service_provider_are_hidden_from_others() {
    let sandbox = Sandbox::start().await.unwrap();
    let own = sandbox.ids().service_provider;
    for actor in [Actor::Consumer, Actor::Outsider] {
        let other = provider_as(&sandbox, actor);
        assert!(other.service_provider(own).users().all().await.unwrap_err().is_forbidden());
        assert!(other.service_provider(own).ssh_keys().all().await.unwrap_err().is_forbidden());
        assert!(other.service_provider(own).projects().all().await.unwrap_err().is_forbidden());
        assert!(other.service_provider(own).project_permissions().all().await.unwrap_err().is_forbidden());
        // These lists are public.
        assert!(!other.service_provider(own).customers().all().await.unwrap().is_empty());
        assert!(!other.service_provider(own).offerings().all().await.unwrap().is_empty());
    }
    let provider = provider(&sandbox);
    assert!(provider.service_provider(Uuid::nil()).users().all().await.unwrap_err().is_not_found());
}

/// An odd value in an optional field has no effect, and an unreadable row doesn't affect the others.
#[tokio::test]
async fn one_odd_row_does_not_affect_the_others() {
    let sandbox = Sandbox::start().await.unwrap();
    let (own, provider) = (sandbox.ids().service_provider, provider(&sandbox));
    let lists = [
        ("users_list", "uuid", "full_name"),
        ("marketplace_service_providers_users_list", "uuid", "email"),
        ("marketplace_service_providers_keys_list", "public_key", "name"),
        ("marketplace_service_providers_projects_list", "uuid", "end_date"),
        ("marketplace_service_providers_project_permissions_list", "user_uuid", "expiration_time"),
        ("marketplace_service_providers_customers_list", "uuid", "projects_count"),
        ("marketplace_service_providers_offerings_list", "uuid", "state"),
    ];
    let counts = async || {
        let users = provider.users().all().await.unwrap();
        let served = provider.service_provider(own).users().all().await.unwrap();
        let keys = provider.service_provider(own).ssh_keys().all().await.unwrap();
        let projects = provider.service_provider(own).projects().all().await.unwrap();
        let permissions = provider.service_provider(own).project_permissions().all().await.unwrap();
        let customers = provider.service_provider(own).customers().all().await.unwrap();
        let offerings = provider.service_provider(own).offerings().all().await.unwrap();
        [
            (users.len(), users.unreadable().len()),
            (served.len(), served.unreadable().len()),
            (keys.len(), keys.unreadable().len()),
            (projects.len(), projects.unreadable().len()),
            (permissions.len(), permissions.unreadable().len()),
            (customers.len(), customers.unreadable().len()),
            (offerings.len(), offerings.unreadable().len()),
        ]
    };
    let all = counts().await;
    assert!(all.iter().all(|(rows, unreadable)| *rows > 0 && *unreadable == 0), "{all:?}");
    for value in [None, Some(json!(null)), Some(json!({ "odd": [1] })), Some(json!(-1e300)), Some(json!(""))]
    {
        for (list, _, field) in lists {
            sandbox.corrupt(list, 0, field, value.clone());
        }
        assert_eq!(counts().await, all, "{value:?}");
        sandbox.clear_corruptions();
    }
    for (list, needed, _) in lists {
        sandbox.corrupt(list, 0, needed, json!({}));
    }
    assert_eq!(counts().await, all.map(|(rows, _)| (rows - 1, 1)));
}
