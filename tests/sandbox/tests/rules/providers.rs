//! The service provider and those it serves; offerings, people, organisations.

use serde_json::json;
use waldur_sandbox::{Actor, Release, Sandbox};

use crate::client::{get, hex};

#[tokio::test]
async fn service_providers_are_found_by_customer() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = sandbox.ids();
    let by = |uuid| format!("marketplace-service-providers/?customer_uuid={}&field=uuid", hex(uuid));
    let found = get(&sandbox, Actor::Provider, &by(ids.provider_customer)).await.items();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["uuid"], hex(ids.service_provider));
    assert!(found[0].get("offering_count").is_none());
    let old = Sandbox::builder().release(Release::Late2024).start().await.unwrap();
    let found = get(&old, Actor::Provider, &by(ids.provider_customer)).await.items();
    assert_eq!(found[0]["offering_count"], 3, "field had no effect here");
    assert_eq!(get(&sandbox, Actor::Provider, &by(ids.consumer_customer)).await.count(), 0);
    let one = format!("marketplace-service-providers/{}/", hex(ids.service_provider));
    assert_eq!(get(&sandbox, Actor::Outsider, &one).await.status, 200);
}

#[tokio::test]
async fn providers_list_their_users_and_projects() {
    let sandbox = Sandbox::start().await.unwrap();
    let path =
        |part: &str| format!("marketplace-service-providers/{}/{part}", hex(sandbox.ids().service_provider));
    for (part, count) in [
        ("users", 2),
        ("keys", 3),
        ("projects", 1),
        ("project_permissions", 2),
        ("customers", 1),
        ("offerings", 3),
    ] {
        let path = path(&format!("{part}/"));
        for actor in [Actor::Provider, Actor::Staff] {
            assert_eq!(get(&sandbox, actor, &path).await.count(), count, "{part}");
        }
        let status = if matches!(part, "customers" | "offerings") { 200 } else { 403 };
        for actor in [Actor::Consumer, Actor::Outsider] {
            assert_eq!(get(&sandbox, actor, &path).await.status, status, "{part}");
        }
    }
    let users = get(&sandbox, Actor::Provider, &path("users/?page=1&page_size=1&field=uuid")).await;
    assert_eq!((users.items().len(), users.count()), (1, 2));
    assert_eq!(users.items(), [json!({"uuid": hex(sandbox.ids().users.alice)})]);
    let old = Sandbox::builder().release(Release::Late2024).start().await.unwrap();
    let users = get(&old, Actor::Provider, &path("users/?page=1&page_size=1&field=uuid")).await;
    assert_eq!(users.items()[0]["username"], "alice", "field had no effect here");
    let projects = get(&sandbox, Actor::Provider, &path("projects/?field=name")).await;
    assert_eq!(projects.items(), [json!({"name": "Climate models"})]);
    let keys = path(&format!("keys/?user_uuid={}", hex(sandbox.ids().users.alice)));
    assert_eq!(get(&sandbox, Actor::Provider, &keys).await.count(), 2);
}

#[tokio::test]
async fn providers_list_their_offerings() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = sandbox.ids();
    let names = async |actor, collection: &str| {
        let path = format!("{collection}/?field=name&state=Active");
        get(&sandbox, actor, &path).await.items().iter().map(|row| row["name"].clone()).collect::<Vec<_>>()
    };
    let all = ["Bulk cluster", "Consulting", "Polar cluster"];
    assert_eq!(names(Actor::Provider, "marketplace-provider-offerings").await, all);
    assert_eq!(names(Actor::Consumer, "marketplace-public-offerings").await, all);
    assert!(names(Actor::Consumer, "marketplace-provider-offerings").await.is_empty());
    let slurm = hex(ids.offerings.slurm);
    let hidden = get(&sandbox, Actor::Consumer, &format!("marketplace-provider-offerings/{slurm}/")).await;
    assert_eq!((hidden.status, hidden.detail()), (404, "No Offering matches the given query.".to_owned()));
    for (collection, plan) in [
        ("marketplace-public-offerings", format!("marketplace-public-offerings/{slurm}/plans/")),
        ("marketplace-provider-offerings", "marketplace-plans/".to_owned()),
    ] {
        let one = get(&sandbox, Actor::Provider, &format!("{collection}/{slurm}/")).await.json();
        let types: Vec<_> = one["components"].as_array().unwrap().iter().map(|c| c["type"].clone()).collect();
        assert_eq!(types, ["cpu", "gpu", "ram"]);
        assert_eq!(one["plans"][0]["uuid"], hex(ids.plans.slurm));
        assert!(one["plans"][0]["url"].as_str().unwrap().contains(&plan));
        assert_eq!(one.get("secret_options").is_some(), collection == "marketplace-provider-offerings");
    }
    let prices = format!("marketplace-plan-components/?offering_uuid={slurm}");
    let prices = get(&sandbox, Actor::Provider, &prices).await.items();
    assert_eq!((prices.len(), &prices[0]["price"]), (3, &json!("0.1000000000")));
}

#[tokio::test]
async fn users_and_keys_are_visible_to_some() {
    let sandbox = Sandbox::start().await.unwrap();
    let names = async |actor| {
        let list = get(&sandbox, actor, "users/?field=username").await.items();
        list.iter().map(|row| row["username"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(Actor::Provider).await, ["alice", "bob", "provider"]);
    assert_eq!(names(Actor::Alice).await, ["alice", "bob", "consumer"]);
    assert_eq!(names(Actor::Outsider).await, ["outsider"]);
    assert_eq!(names(Actor::Staff).await.len(), 6);
    let alice = format!("users/{}/", hex(sandbox.ids().users.alice));
    let seen = get(&sandbox, Actor::Provider, &alice).await.json();
    assert!(seen.get("is_staff").is_none());
    assert!(seen.get("token").is_none());
    assert_eq!(seen["permissions"][0]["role_name"], "PROJECT.ADMIN");
    assert_eq!(get(&sandbox, Actor::Staff, &alice).await.json()["is_staff"], false);
    assert_eq!(get(&sandbox, Actor::Outsider, &alice).await.status, 404);
    for (actor, count) in [(Actor::Provider, 1), (Actor::Alice, 2), (Actor::Staff, 4), (Actor::Outsider, 0)] {
        assert_eq!(get(&sandbox, actor, "keys/").await.count(), count);
    }
    let key = get(&sandbox, Actor::Alice, "keys/").await.items()[0].clone();
    assert!(key["public_key"].as_str().unwrap().starts_with("ssh-ed25519 AAAA"));
}

#[tokio::test]
async fn customers_and_projects_are_listed() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = sandbox.ids();
    let project = format!("projects/{}/", hex(ids.project));
    assert_eq!(get(&sandbox, Actor::Consumer, &project).await.json()["resources_count"], 56);
    let hidden = get(&sandbox, Actor::Provider, &project).await;
    assert_eq!((hidden.status, hidden.detail()), (404, "No Project matches the given query.".to_owned()));
    assert_eq!(get(&sandbox, Actor::Consumer, "projects/").await.count(), 2);
    assert_eq!(get(&sandbox, Actor::Alice, "projects/").await.count(), 1);
    let customer = format!("customers/{}/", hex(ids.provider_customer));
    assert_eq!(get(&sandbox, Actor::Provider, &customer).await.json()["is_service_provider"], true);
    assert_eq!(get(&sandbox, Actor::Consumer, &customer).await.status, 404);
}
