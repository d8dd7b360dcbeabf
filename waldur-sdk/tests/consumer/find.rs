//! Organizations, projects, offerings and what an order of them needs.

use waldur_sandbox::Actor;
use waldur_sdk::consumer::Categories;
use waldur_sdk::types::{BillingTypeEnum, OptionFieldTypeEnum};

use super::{cluster, consumer_as};

#[tokio::test]
async fn each_role_finds_the_projects_that_it_sees() {
    let sandbox = cluster().start().await.unwrap();
    let ids = *sandbox.ids();
    for (actor, customers, projects) in
        [(Actor::Consumer, 1, 2), (Actor::Alice, 1, 1), (Actor::Bob, 1, 1), (Actor::Outsider, 0, 0)]
    {
        let consumer = consumer_as(&sandbox, actor);
        assert_eq!(consumer.customers().all().await.unwrap().len(), customers, "{actor:?}");
        assert_eq!(consumer.projects().all().await.unwrap().len(), projects, "{actor:?}");
        let read = consumer.project(ids.project).get().await;
        match projects {
            0 => assert!(read.unwrap_err().is_not_found()),
            _ => assert_eq!(read.unwrap().name, "Climate models"),
        }
    }
    let consumer = consumer_as(&sandbox, Actor::Consumer);
    let customer = consumer.customers().name("north").first().await.unwrap().unwrap();
    let named = consumer.customer(&customer).projects().name_exact("Empty project").all().await.unwrap();
    assert_eq!(named.iter().map(|project| project.uuid).collect::<Vec<_>>(), [ids.empty_project]);
    assert_eq!(consumer.customer(&customer).get().await.unwrap(), customer);
    assert_eq!(named[0].customer_uuid, Some(customer.uuid));
}

#[tokio::test]
async fn only_offerings_that_can_be_ordered_are_found() {
    let sandbox = cluster()
        .seed(|seed| {
            let bulk = seed.ids().offerings.bulk;
            seed.pause_offering(bulk);
        })
        .start()
        .await
        .unwrap();
    let ids = *sandbox.ids();
    let consumer = consumer_as(&sandbox, Actor::Bob);
    let all = consumer.offerings().all().await.unwrap();
    assert!(all.iter().all(|offering| offering.uuid != ids.offerings.bulk));
    let clusters = consumer.offerings().of_type("Marketplace.Slurm").all().await.unwrap();
    assert_eq!(clusters.iter().map(|one| one.uuid).collect::<Vec<_>>(), [ids.offerings.slurm]);
    let orderable = consumer.offerings().project(ids.project).customer(ids.consumer_customer).all();
    assert_eq!(orderable.await.unwrap()[..], all[..]);
    let named = consumer.offerings().name("consult").provider(ids.provider_customer).first().await.unwrap();
    assert_eq!(named.unwrap().uuid, ids.offerings.basic);
}

#[tokio::test]
async fn categories_are_found_by_their_offerings_and_resources() {
    let sandbox = cluster()
        .seed(|seed| {
            let basic = seed.ids().offerings.basic;
            let support = seed.category("Support");
            seed.categorise(basic, support);
            seed.category("Storage");
        })
        .start()
        .await
        .unwrap();
    let ids = *sandbox.ids();
    let consumer = consumer_as(&sandbox, Actor::Bob);
    let titles = async |categories: Categories| {
        let all = categories.all().await.unwrap();
        all.iter().map(|category| category.title.clone()).collect::<Vec<_>>()
    };
    assert_eq!(titles(consumer.categories()).await, ["Computing", "Storage", "Support"]);
    assert_eq!(consumer.categories().count().await.unwrap(), 3);
    assert_eq!(titles(consumer.categories().title("STOR")).await, ["Storage"]);
    assert_eq!(titles(consumer.categories().offering_name("polar")).await, ["Computing"]);
    let offered = ["Computing", "Support"];
    assert_eq!(titles(consumer.categories().provider(ids.provider_customer)).await, offered);
    assert_eq!(titles(consumer.categories().provider(ids.consumer_customer)).await, [""; 0]);
    assert_eq!(titles(consumer.categories().shared()).await, offered);
    assert_eq!(titles(consumer.categories().used_in_project(ids.project)).await, offered);
    assert_eq!(titles(consumer.categories().used_in_project(ids.empty_project)).await, [""; 0]);
    assert_eq!(titles(consumer.categories().used_by_customer(ids.consumer_customer)).await, offered);
    assert_eq!(titles(consumer.categories().group(ids.project)).await, [""; 0]);
    let support = consumer.categories().title("support").first().await.unwrap().unwrap();
    assert_eq!((support.offering_count, support.available_offerings_count), (Some(1), Some(1)));
    let offerings = consumer.offerings().category(&support).all().await.unwrap();
    assert_eq!(offerings.iter().map(|one| one.uuid).collect::<Vec<_>>(), [ids.offerings.basic]);
    assert!(offerings.iter().all(|one| one.category_uuid == Some(support.uuid)));
}

#[tokio::test]
async fn an_offering_tells_what_an_order_needs() {
    let sandbox = cluster()
        .seed(|seed| {
            let slurm = seed.ids().offerings.slurm;
            let old = seed.plan(slurm, "Old");
            seed.archive_plan(slurm, old);
        })
        .start()
        .await
        .unwrap();
    let ids = *sandbox.ids();
    let offering = consumer_as(&sandbox, Actor::Bob).offering(ids.offerings.slurm).get().await.unwrap();
    assert_eq!(offering.plans.len(), 2);
    assert_eq!(offering.orderable_plans().map(|plan| plan.uuid).collect::<Vec<_>>(), [ids.plans.slurm]);
    let cpu = offering.component("cpu").unwrap();
    assert_eq!((cpu.min_value, cpu.max_value), (Some(1.into()), Some(64.into())));
    assert!(cpu.takes_limit() && cpu.billing_type == BillingTypeEnum::Limit);
    assert!(!offering.component("ram").unwrap().takes_limit());
    let [queue, nodes, grant] = offering.attributes.as_slice() else { panic!("{:?}", offering.attributes) };
    assert_eq!((queue.name.as_str(), queue.label.as_str()), ("queue", "Queue"));
    assert_eq!(
        (&queue.type_, &queue.choices[..]),
        (&OptionFieldTypeEnum::SelectString, &["short", "long"].map(str::to_owned)[..])
    );
    assert_eq!(queue.default, Some("long".into()));
    assert_eq!((nodes.min, nodes.max, nodes.required), (Some(1.into()), Some(8.into()), false));
    assert!(grant.required && grant.default.is_none());
}
