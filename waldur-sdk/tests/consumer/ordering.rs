//! Orders: checked before they are sent, and never placed twice.

use serde::Serialize;
use serde_json::json;
use waldur_sandbox::{Actor, Fault, Misbehaviour, OrderState as State, Sandbox};
use waldur_sdk::consumer::OrderRequest;
use waldur_sdk::{Applied, NaiveDate, Uuid};

use super::common::posts_to;
use super::{cluster, consumer_as, messages, ordered, storm};

const PLACED: &str = "/marketplace-orders/";

fn valid(sandbox: &Sandbox, actor: Actor) -> OrderRequest {
    let ids = sandbox.ids();
    let project = consumer_as(sandbox, actor).project(ids.project);
    project.order(ids.offerings.slurm).name("waves").limit("cpu", 4).attribute("grant", "g1")
}

#[tokio::test]
async fn an_order_has_what_was_asked_for() {
    #[derive(Serialize)]
    struct Wanted {
        grant: &'static str,
        nodes: u32,
    }
    let sandbox = cluster().start().await.unwrap();
    let ids = *sandbox.ids();
    let consumer = consumer_as(&sandbox, Actor::Consumer);
    let request = consumer.project(ids.project).order(ids.offerings.slurm);
    let request = request.name("waves").plan(ids.plans.slurm).limit("cpu", 4).comment("for the thesis");
    let placed = request.attributes(Wanted { grant: "g1", nodes: 2 }).accept_terms().await.unwrap();
    assert_eq!(placed.applied, Applied::Now);
    let order = placed.order().unwrap().get().await.unwrap();
    assert_eq!(order.attributes, json!({ "name": "waves", "grant": "g1", "nodes": 2, "queue": "long" }));
    assert_eq!(order.limits["cpu"], 4.into());
    assert_eq!((order.project_uuid, order.plan_uuid), (Some(ids.project), Some(ids.plans.slurm)));
    assert_eq!(order.request_comment, "for the thesis");
    assert_eq!(order.resource_uuid, placed.resource_uuid);
    assert_eq!(sandbox.violations(), []);
}

/// Plugins have attributes of their own, nested and with lists, such as those of a virtual machine.
#[tokio::test]
async fn attributes_may_be_any_json() {
    let sandbox = cluster().start().await.unwrap();
    let attributes = json!({
        "name": "machine", "grant": "g1", "queue": "short", "system_volume_size": 1_048_576, "user_data": null,
        "ports": [{ "subnet": "https://waldur.example.org/api/openstack-subnets/1/", "fixed_ips": [{ "ip": 1 }] }],
    });
    let project = consumer_as(&sandbox, Actor::Consumer).project(sandbox.ids().project);
    let placed =
        project.order(sandbox.ids().offerings.slurm).attributes(&attributes).unchecked().await.unwrap();
    assert_eq!(placed.order().unwrap().get().await.unwrap().attributes, attributes);
}

#[tokio::test]
async fn the_approval_depends_on_the_role() {
    let sandbox = cluster().start().await.unwrap();
    for (actor, state) in [
        (Actor::Consumer, State::PendingProvider),
        (Actor::Alice, State::PendingConsumer),
        (Actor::Bob, State::PendingConsumer),
    ] {
        let placed = valid(&sandbox, actor).await.unwrap();
        assert_eq!(sandbox.order(placed.order_uuid.unwrap()).unwrap().state, state, "{actor:?}");
    }
    let refused = valid(&sandbox, Actor::Outsider).await.unwrap_err();
    assert!(refused.is_validation(), "{refused}");
    assert_eq!(refused.messages().about("project").count(), 1, "{refused}");
}

#[tokio::test]
async fn owners_approve_and_reject_orders_of_members() {
    let sandbox = cluster().start().await.unwrap();
    let first = valid(&sandbox, Actor::Bob).await.unwrap().order_uuid.unwrap();
    let second = valid(&sandbox, Actor::Bob).await.unwrap().order_uuid.unwrap();
    let owner = consumer_as(&sandbox, Actor::Consumer);
    assert_eq!(owner.orders().to_approve().count().await.unwrap(), 2);
    assert!(consumer_as(&sandbox, Actor::Alice).order(first).approve().await.unwrap_err().is_forbidden());
    assert!(consumer_as(&sandbox, Actor::Outsider).order(first).approve().await.unwrap_err().is_not_found());
    sandbox.misbehave(
        Misbehaviour::new(Fault::ResetAfter).operation("marketplace_orders_approve_by_consumer").times(1),
    );
    assert_eq!(owner.order(first).approve().await.unwrap(), Applied::Now);
    assert_eq!(owner.order(first).approve().await.unwrap(), Applied::Already);
    assert_eq!(owner.order(second).reject("too dear").await.unwrap(), Applied::Now);
    assert!(owner.order(second).approve().await.unwrap_err().is_conflict());
    assert_eq!(owner.order(second).get().await.unwrap().consumer_rejection_comment, "too dear");
    assert_eq!(sandbox.order(first).unwrap().state, State::PendingProvider);
}

#[tokio::test]
async fn one_error_names_every_problem_before_anything_is_sent() {
    let sandbox = cluster().start().await.unwrap();
    let ids = *sandbox.ids();
    let consumer = consumer_as(&sandbox, Actor::Consumer);
    let request = consumer.project(ids.project).order(ids.offerings.slurm).plan(ids.plans.basic);
    let request = request.limit("cpu", 100).limit("ram", 1).limit("tpu", 1);
    let request = request.attribute("queue", "night").attribute("nodes", 9).attribute("colour", "red");
    let request = request.attribute("end_date", "next year").callback_url("portal/done");
    let refused = request.await.unwrap_err();
    assert!(refused.is_validation() && !refused.is_ambiguous());
    let plan = ids.plans.basic.simple();
    assert_eq!(
        messages(&refused),
        [
            "attributes.colour: the offering has no such attribute; it has: queue, nodes, grant, name, \
             description, end_date"
                .to_owned(),
            "attributes.end_date: it must be a date such as 2027-05-31".to_owned(),
            "attributes.grant: the attribute is required".to_owned(),
            "attributes.name: the resource needs a name".to_owned(),
            "attributes.nodes: 9 is more than the maximum 8".to_owned(),
            "attributes.queue: `night` is none of the choices: short, long".to_owned(),
            "callback_url: `portal/done` is no URL such as https://portal.example.org/done".to_owned(),
            "limits.cpu: 100 is more than the maximum 64".to_owned(),
            "limits.ram: the component is billed by `usage` and takes no limit".to_owned(),
            "limits.tpu: the offering has no such component; limits can be set of: cpu".to_owned(),
            format!("plan: the offering `Polar cluster` has no plan {plan}; its plans are: Standard"),
        ]
    );
    assert_eq!(posts_to(&sandbox, PLACED), 0);
}

#[tokio::test]
async fn archived_plans_and_paused_offerings_are_refused() {
    let sandbox = cluster()
        .seed(|seed| {
            let ids = *seed.ids();
            seed.archive_plan(ids.offerings.basic, ids.plans.basic);
            seed.pause_offering(ids.offerings.bulk);
        })
        .start()
        .await
        .unwrap();
    let ids = *sandbox.ids();
    let project = consumer_as(&sandbox, Actor::Consumer).project(ids.project);
    let archived = project.order(ids.offerings.basic).name("a").plan(ids.plans.basic);
    assert_eq!(messages(&archived.await.unwrap_err()), ["plan: the plan `Standard` is archived"]);
    let paused = project.order(ids.offerings.bulk).name("a").check().await.unwrap_err();
    assert_eq!(messages(&paused), ["offering: the offering `Bulk cluster` is Paused"]);
}

/// What is checked before, the server refuses, too, and names the field.
#[tokio::test]
async fn the_server_refuses_what_is_not_checked() {
    let sandbox = cluster().start().await.unwrap();
    let other = sandbox.ids().plans.basic;
    for (request, field) in [
        (valid(&sandbox, Actor::Consumer).limit("tpu", 1), "limits"),
        (valid(&sandbox, Actor::Consumer).limit("cpu", 65), ""),
        (valid(&sandbox, Actor::Consumer).plan(other), "plan"),
        (valid(&sandbox, Actor::Consumer).attribute("grant", json!(null)), "grant"),
        (valid(&sandbox, Actor::Consumer).attribute("nodes", 0), "nodes"),
        (valid(&sandbox, Actor::Consumer).attribute("queue", "night"), "queue"),
        (valid(&sandbox, Actor::Consumer).name(""), "name"),
        (valid(&sandbox, Actor::Consumer).attribute("end_date", "2099/05/06"), "end_date"),
    ] {
        assert!(request.check().await.unwrap_err().is_validation(), "{field}");
        let refused = request.unchecked().await.unwrap_err();
        assert!(refused.is_validation() && refused.status() == Some(400), "{refused}");
        assert_eq!(refused.messages().about(field).count(), 1, "{field}: {refused}");
    }
    assert!(sandbox.orders().is_empty());
}

/// What only the server knows, it refuses, and names the field.
#[tokio::test]
async fn the_server_refuses_days_that_are_past_and_projects_that_are_hidden() {
    let sandbox = cluster().start().await.unwrap();
    let past = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap();
    for (request, field) in [
        (valid(&sandbox, Actor::Consumer).end_date(past), "end_date"),
        (valid(&sandbox, Actor::Outsider), "project"),
    ] {
        assert!(request.check().await.is_ok(), "{field}");
        let refused = request.await.unwrap_err();
        assert!(refused.is_validation() && refused.status() == Some(400), "{refused}");
        assert_eq!(refused.messages().about(field).count(), 1, "{field}: {refused}");
    }
    assert!(sandbox.orders().is_empty());
}

#[tokio::test]
async fn a_resource_gets_the_end_date_of_its_order() {
    let sandbox = cluster()
        .seed(|seed| {
            let slurm = seed.ids().offerings.slurm;
            seed.prepaid(slurm, "cpu");
        })
        .start()
        .await
        .unwrap();
    let endless = valid(&sandbox, Actor::Consumer).await.unwrap_err();
    assert_eq!(
        messages(&endless),
        ["attributes.end_date: the offering is paid in advance, and needs an end date"]
    );
    let endless = valid(&sandbox, Actor::Consumer).unchecked().await.unwrap_err();
    assert_eq!(endless.messages().about("attributes.end_date").count(), 1, "{endless}");
    let day = NaiveDate::from_ymd_opt(2099, 5, 6).unwrap();
    let placed = valid(&sandbox, Actor::Consumer).end_date(day).await.unwrap();
    let resource = consumer_as(&sandbox, Actor::Consumer).resource(placed.resource_uuid.unwrap());
    assert_eq!(resource.get().await.unwrap().end_date, Some(day));
}

#[tokio::test]
async fn attributes_that_are_no_object_are_refused() {
    let sandbox = cluster().start().await.unwrap();
    let refused = valid(&sandbox, Actor::Consumer).attributes([1, 2]).unchecked().await.unwrap_err();
    assert_eq!(messages(&refused), ["attributes: the attributes are no object"]);
    assert!(sandbox.orders().is_empty());
}

/// Faults after which the order is placed, although its response is lost or can't be read.
#[tokio::test]
async fn an_order_whose_response_is_lost_is_found() {
    for fault in [Fault::ResetAfter, Fault::StatusAfter(502), Fault::EmptyBody, Fault::Truncated] {
        let sandbox = cluster().start().await.unwrap();
        ordered(&sandbox, "waves").await;
        let before = sandbox.orders().len();
        let what = format!("{fault:?}");
        sandbox.misbehave(Misbehaviour::new(fault).operation("marketplace_orders_create").times(1));
        let placed = valid(&sandbox, Actor::Consumer).await.unwrap();
        assert_eq!(placed.applied, Applied::Now, "{what}");
        let orders = sandbox.orders();
        assert_eq!(orders.len(), before + 1, "{what}");
        assert_eq!(orders.last().map(|order| order.uuid), placed.order_uuid, "{what}");
        assert_eq!(orders.last().map(|order| order.resource), placed.resource_uuid, "{what}");
    }
}

/// An equal order may be an old one if the newest order before could not be read.
#[tokio::test]
async fn an_old_order_is_not_taken_for_one_whose_response_is_lost() {
    for fault in
        [Fault::MissingFields(vec!["created".to_owned()]), Fault::NullFields(vec!["uuid".to_owned()])]
    {
        let sandbox = cluster().start().await.unwrap();
        ordered(&sandbox, "waves").await;
        let what = format!("{fault:?}");
        sandbox.misbehave(Misbehaviour::new(fault).operation("marketplace_orders_list").times(1));
        sandbox
            .misbehave(Misbehaviour::new(Fault::ResetBefore).operation("marketplace_orders_create").times(1));
        let error = valid(&sandbox, Actor::Consumer).await.unwrap_err();
        assert!(error.is_unconfirmed(), "{what}: {error}");
        assert_eq!(sandbox.orders().len(), 1, "{what}");
    }
}

/// A request that didn't arrive, or not yet, is not repeated.
#[tokio::test]
async fn an_order_that_is_not_there_is_not_placed_again() {
    let sandbox = cluster().start().await.unwrap();
    for fault in [Fault::ResetBefore, Fault::Status(502), Fault::Status(500)] {
        sandbox.misbehave(Misbehaviour::new(fault).operation("marketplace_orders_create").times(1));
        let error = valid(&sandbox, Actor::Consumer).await.unwrap_err();
        assert!(error.is_unconfirmed(), "{error}");
    }
    assert!(sandbox.orders().is_empty());
    assert_eq!(posts_to(&sandbox, PLACED), 3);
    let placed = valid(&sandbox, Actor::Consumer).find_existing().await.unwrap();
    assert_eq!((placed.applied, sandbox.orders().len()), (Applied::Now, 1));
}

#[tokio::test]
async fn an_existing_resource_is_found_instead_of_ordered() {
    let sandbox = cluster().start().await.unwrap();
    let first = valid(&sandbox, Actor::Bob).find_existing().await.unwrap();
    assert_eq!(first.applied, Applied::Now);
    for actor in [Actor::Bob, Actor::Consumer] {
        let again = valid(&sandbox, actor).find_existing().await.unwrap();
        assert_eq!(again.applied, Applied::Already);
        assert_eq!((again.order_uuid, again.resource_uuid), (first.order_uuid, first.resource_uuid));
    }
    // A resource that was there before has no order.
    let there = sandbox.ids().resources.ok;
    let found = valid(&sandbox, Actor::Bob).name("slurm-ok-1").find_existing().await.unwrap();
    assert_eq!((found.order_uuid, found.resource_uuid), (None::<Uuid>, Some(there)));
    assert_eq!(found.wait().await.unwrap().uuid, there);
    // A terminated one doesn't count.
    let new = valid(&sandbox, Actor::Bob).name("slurm-terminated-1").find_existing().await.unwrap();
    assert_eq!(new.applied, Applied::Now);
    let nameless = consumer_as(&sandbox, Actor::Bob).project(sandbox.ids().project);
    let nameless = nameless.order(sandbox.ids().offerings.slurm).find_existing().await.unwrap_err();
    assert_eq!(nameless.messages().about("attributes.name").count(), 1);
    assert_eq!(posts_to(&sandbox, PLACED), 2);
}

/// Servers remove the spaces around a name.
#[tokio::test]
async fn a_name_with_spaces_around_it_is_found_again() {
    let sandbox = cluster().start().await.unwrap();
    let first = valid(&sandbox, Actor::Consumer).name(" waves ").find_existing().await.unwrap();
    assert_eq!(sandbox.resource(first.resource_uuid.unwrap()).unwrap().name, "waves");
    for request in [
        valid(&sandbox, Actor::Consumer).name(" waves "),
        valid(&sandbox, Actor::Consumer).attributes(json!({ "name": "waves\n" })),
    ] {
        let again = request.find_existing().await.unwrap();
        assert_eq!((again.applied, again.order_uuid), (Applied::Already, first.order_uuid));
    }
    sandbox.misbehave(Misbehaviour::new(Fault::ResetAfter).operation("marketplace_orders_create").times(1));
    let lost = valid(&sandbox, Actor::Consumer).name("tides ").await.unwrap();
    assert_eq!(sandbox.orders().last().map(|order| order.uuid), lost.order_uuid);
    assert_eq!(posts_to(&sandbox, PLACED), 2);
}

/// Without its order, the wait for a resource that is being created would end at once.
#[tokio::test]
async fn an_existing_resource_whose_order_is_unreadable_is_an_error() {
    let sandbox = cluster().start().await.unwrap();
    let first = valid(&sandbox, Actor::Consumer).find_existing().await.unwrap();
    for field in ["uuid", "marketplace_resource_uuid"] {
        let fault = Misbehaviour::new(Fault::NullFields(vec![field.to_owned()]));
        sandbox.misbehave(fault.operation("marketplace_orders_list").times(1));
        let error = valid(&sandbox, Actor::Consumer).find_existing().await.unwrap_err();
        assert!(error.is_unexpected_response() && !error.is_ambiguous(), "{error}");
        assert_eq!(error.operation(), "marketplace_orders_list");
    }
    let again = valid(&sandbox, Actor::Consumer).find_existing().await.unwrap();
    assert_eq!(again.order_uuid, first.order_uuid);
    assert_eq!(posts_to(&sandbox, PLACED), 1);
}

/// Whatever fails on the way, and however often the program is run again, a name is ordered once.
#[tokio::test]
async fn a_storm_of_faults_never_orders_twice() {
    let sandbox = cluster().start().await.unwrap();
    sandbox.misbehave(storm());
    let mut tries = 0;
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        let mut placed = None;
        while placed.is_none() && tries < 400 {
            tries += 1;
            placed = valid(&sandbox, Actor::Consumer).name(name).find_existing().await.ok();
        }
        assert!(placed.is_some(), "{name}");
        let resources = sandbox.resources();
        let count = resources.iter().filter(|resource| resource.name == name).count();
        assert_eq!(count, 1, "{name} was ordered {count} times");
    }
}
