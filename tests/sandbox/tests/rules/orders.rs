//! What may be done to an order, by whom, and what comes of it.

use reqwest::Method;
use serde_json::json;
use waldur_sandbox::{Actor, OrderState, OrderType, ResourceState, Sandbox};

use crate::client::{act, get, hex, meant, order_in, post, send};

fn path(order: uuid::Uuid, action: &str) -> String {
    format!("marketplace-orders/{}/{action}/", hex(order))
}

#[tokio::test]
async fn the_provider_approves_orders() {
    let sandbox = Sandbox::start().await.unwrap();
    for order in sandbox.orders() {
        let done = act(&sandbox, Actor::Provider, &path(order.uuid, "approve_by_provider")).await;
        let after = sandbox.order(order.uuid).unwrap().state;
        if order.state == OrderState::PendingProvider {
            assert_eq!((done.status, done.text.as_str()), (200, ""));
            assert!(done.header("content-type").is_none());
            assert_eq!(after, OrderState::Executing);
        } else {
            assert_eq!(
                (done.status, done.json()),
                (409, json!({"detail": "Valid states for operation: pending-provider."}))
            );
            assert_eq!(after, order.state);
        }
    }
}

#[tokio::test]
async fn approval_is_recorded() {
    let sandbox = Sandbox::start().await.unwrap();
    let order = order_in(&sandbox, OrderState::PendingProvider, Some(sandbox.ids().offerings.slurm));
    let one =
        async || get(&sandbox, Actor::Provider, &format!("marketplace-orders/{}/", order.uuid)).await.json();
    let before = one().await;
    assert!(before["provider_reviewed_at"].is_null());
    assert!(before.get("provider_reviewed_by_full_name").is_none());
    act(&sandbox, Actor::Provider, &path(order.uuid, "approve_by_provider")).await;
    let after = one().await;
    assert_eq!(after["provider_reviewed_by"], "provider");
    assert!(after["provider_reviewed_by_full_name"].is_string());
    assert_eq!(after["resource_type"], "SLURM.Allocation");
}

#[tokio::test]
async fn one_of_many_approvals_wins() {
    let sandbox = Sandbox::start().await.unwrap();
    let order = order_in(&sandbox, OrderState::PendingProvider, None);
    let path = path(order.uuid, "approve_by_provider");
    let (a, b, c, d) = tokio::join!(
        act(&sandbox, Actor::Provider, &path),
        act(&sandbox, Actor::Provider, &path),
        act(&sandbox, Actor::Provider, &path),
        act(&sandbox, Actor::Provider, &path),
    );
    let mut statuses = [a.status, b.status, c.status, d.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409]);
}

#[tokio::test]
async fn only_the_provider_and_staff_approve() {
    let sandbox = Sandbox::start().await.unwrap();
    let order = order_in(&sandbox, OrderState::PendingProvider, None);
    let path = path(order.uuid, "approve_by_provider");
    for actor in [Actor::Consumer, Actor::Alice, Actor::Bob] {
        let refused = act(&sandbox, actor, &path).await;
        assert_eq!(refused.status, 403);
        assert_eq!(refused.detail(), "You do not have permission to perform this action.");
    }
    let hidden = act(&sandbox, Actor::Outsider, &path).await;
    assert_eq!((hidden.status, hidden.detail()), (404, "No Order matches the given query.".to_owned()));
    assert_eq!(act(&sandbox, Actor::Staff, &path).await.status, 200);
}

#[tokio::test]
async fn rejected_orders_keep_the_comment() {
    let sandbox = Sandbox::start().await.unwrap();
    let order = order_in(&sandbox, OrderState::PendingProvider, None);
    assert_eq!(order.type_, OrderType::Create);
    let path = path(order.uuid, "reject_by_provider");
    let done = post(&sandbox, Actor::Provider, &path, json!({"provider_rejection_comment": "full"})).await;
    assert_eq!((done.status, done.text.as_str()), (200, ""));
    assert_eq!(sandbox.order(order.uuid).unwrap().state, OrderState::Rejected);
    assert_eq!(sandbox.resource(order.resource).unwrap().state, ResourceState::Terminated);
    assert_eq!(act(&sandbox, Actor::Provider, &path).await.status, 409);
}

#[tokio::test]
async fn the_consumer_approves_and_rejects_orders() {
    let sandbox = Sandbox::start().await.unwrap();
    let waiting: Vec<_> =
        sandbox.orders().into_iter().filter(|order| order.state == OrderState::PendingConsumer).collect();
    let approve = path(waiting[0].uuid, "approve_by_consumer");
    for actor in [Actor::Provider, Actor::Alice] {
        assert_eq!(act(&sandbox, actor, &approve).await.status, 403);
    }
    assert_eq!(act(&sandbox, Actor::Consumer, &approve).await.status, 200);
    assert_eq!(sandbox.order(waiting[0].uuid).unwrap().state, OrderState::PendingProvider);
    let again = act(&sandbox, Actor::Consumer, &approve).await;
    assert_eq!(
        (again.status, again.detail()),
        (409, "Valid states for operation: pending-consumer.".to_owned())
    );
    let reject = path(waiting[1].uuid, "reject_by_consumer");
    assert_eq!(act(&sandbox, Actor::Consumer, &reject).await.status, 200);
    assert_eq!(sandbox.order(waiting[1].uuid).unwrap().state, OrderState::Rejected);
}

#[tokio::test]
async fn orders_without_agent_are_cancelled() {
    let sandbox = Sandbox::start().await.unwrap();
    let offerings = sandbox.ids().offerings;
    let agents = order_in(&sandbox, OrderState::Executing, Some(offerings.slurm));
    assert_eq!(act(&sandbox, Actor::Provider, &path(agents.uuid, "cancel")).await.status, 403);
    let refused = act(&sandbox, Actor::Consumer, &path(agents.uuid, "cancel")).await;
    assert_eq!(refused.status, 405);
    assert_eq!(
        refused.detail(),
        "Method \"The order's offering with Marketplace.Slurm type does not support this action\" not allowed."
    );
    let basic = order_in(&sandbox, OrderState::PendingProvider, Some(offerings.basic));
    let done = act(&sandbox, Actor::Consumer, &path(basic.uuid, "cancel")).await;
    assert_eq!((done.status, done.text.as_str()), (202, ""));
    assert_eq!(sandbox.order(basic.uuid).unwrap().state, OrderState::Canceled);
    assert_eq!(act(&sandbox, Actor::Consumer, &path(basic.uuid, "cancel")).await.status, 409);
}

/// An order of its own for each state, of an agent's and of a person's offering.
async fn in_each_state() -> Sandbox {
    Sandbox::builder()
        .without_resources()
        .seed(|seed| {
            let ids = *seed.ids();
            for &state in OrderState::ALL {
                for offering in [ids.offerings.slurm, ids.offerings.basic] {
                    let name = format!("{state} of {offering}");
                    let resource = seed.resource(offering, ids.project, &name, ResourceState::Creating);
                    seed.order(resource, OrderType::Create, state);
                }
            }
        })
        .start()
        .await
        .unwrap()
}

#[tokio::test]
async fn actions_depend_on_state_and_offering_type() {
    use OrderState::{
        Canceled, Done, Erred, Executing, PendingConsumer, PendingProvider, PendingStartDate, Rejected,
    };
    let ids = *in_each_state().await.ids();
    let (slurm, basic) = (ids.offerings.slurm, ids.offerings.basic);
    for (action, actor, other, from, offerings, status, to) in [
        (
            "set_state_executing",
            Actor::Provider,
            Actor::Consumer,
            &[PendingConsumer, PendingProvider, Erred][..],
            &[slurm][..],
            200,
            Executing,
        ),
        ("set_state_done", Actor::Provider, Actor::Consumer, &[Executing], &[slurm, basic], 200, Done),
        (
            "cancel",
            Actor::Consumer,
            Actor::Provider,
            &[PendingConsumer, PendingProvider, PendingStartDate, Executing],
            &[basic],
            202,
            Canceled,
        ),
        (
            "reject_by_provider",
            Actor::Provider,
            Actor::Consumer,
            &[PendingProvider],
            &[slurm, basic],
            200,
            Rejected,
        ),
    ] {
        let sandbox = in_each_state().await;
        for order in sandbox.orders() {
            let path = path(order.uuid, action);
            // Who may is asked before the state, the state before the kind of offering.
            assert_eq!(act(&sandbox, Actor::Outsider, &path).await.status, 404);
            assert_eq!(act(&sandbox, other, &path).await.status, 403);
            let answer = act(&sandbox, actor, &path).await;
            let (expected, after) = if !from.contains(&order.state) {
                (409, order.state)
            } else if !offerings.contains(&order.offering) {
                (405, order.state)
            } else {
                (status, to)
            };
            let now = sandbox.order(order.uuid).unwrap().state;
            assert_eq!((answer.status, now), (expected, after), "{action} from {}", order.state);
        }
    }
}

#[tokio::test]
async fn the_body_is_checked_last() {
    let sandbox = in_each_state().await;
    let bad = json!({"provider_rejection_comment": ["full"]});
    for order in sandbox.orders() {
        let refused =
            post(&sandbox, Actor::Provider, &path(order.uuid, "reject_by_provider"), bad.clone()).await;
        let pending = order.state == OrderState::PendingProvider;
        assert_eq!(refused.status, if pending { 400 } else { 409 });
        assert_eq!(sandbox.order(order.uuid).unwrap().state, order.state);
    }
    meant(&sandbox, ["$.provider_rejection_comment"]);
}

#[tokio::test]
async fn an_order_with_a_later_start_date_waits() {
    let today = chrono::Utc::now().date_naive();
    for (days, state) in
        [(-1, OrderState::Executing), (0, OrderState::Executing), (9, OrderState::PendingStartDate)]
    {
        let sandbox = Sandbox::builder()
            .without_resources()
            .seed(move |seed| {
                let ids = *seed.ids();
                let resource = seed.resource(ids.offerings.slurm, ids.project, "r", ResourceState::Creating);
                let order = seed.order(resource, OrderType::Create, OrderState::PendingProvider);
                seed.start_date(order, today + chrono::TimeDelta::days(days));
            })
            .start()
            .await
            .unwrap();
        let order = sandbox.orders()[0].uuid;
        let approve = path(order, "approve_by_provider");
        assert_eq!(act(&sandbox, Actor::Consumer, &approve).await.status, 403);
        assert_eq!(act(&sandbox, Actor::Provider, &approve).await.status, 200);
        assert_eq!(sandbox.order(order).unwrap().state, state, "{days}");
        assert_eq!(sandbox.resources()[0].state, ResourceState::Creating);
        assert_eq!(act(&sandbox, Actor::Provider, &approve).await.status, 409);
    }
}

#[tokio::test]
async fn a_failed_termination_keeps_the_resource_ok() {
    let sandbox = Sandbox::builder()
        .without_resources()
        .seed(|seed| {
            let ids = *seed.ids();
            let resource = seed.resource(ids.offerings.slurm, ids.project, "r", ResourceState::Terminating);
            seed.order(resource, OrderType::Terminate, OrderState::Executing);
        })
        .start()
        .await
        .unwrap();
    let erred = path(sandbox.orders()[0].uuid, "set_state_erred");
    let body = json!({"error_message": "busy", "error_traceback": ""});
    assert_eq!(post(&sandbox, Actor::Consumer, &erred, body.clone()).await.status, 403);
    assert_eq!(post(&sandbox, Actor::Provider, &erred, body).await.status, 200);
    assert_eq!(sandbox.orders()[0].state, OrderState::Erred);
    assert_eq!(sandbox.resources()[0].state, ResourceState::Ok);
}

#[tokio::test]
async fn done_orders_set_the_resource_ok() {
    let sandbox = Sandbox::start().await.unwrap();
    let executing: Vec<_> =
        sandbox.orders().into_iter().filter(|order| order.state == OrderState::Executing).collect();
    for (kind, state) in [
        (OrderType::Create, ResourceState::Ok),
        (OrderType::Update, ResourceState::Ok),
        (OrderType::Terminate, ResourceState::Terminated),
    ] {
        let order = executing.iter().find(|order| order.type_ == kind).unwrap();
        assert_eq!(act(&sandbox, Actor::Consumer, &path(order.uuid, "set_state_done")).await.status, 403);
        let answer = act(&sandbox, Actor::Provider, &path(order.uuid, "set_state_done")).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""));
        assert_eq!(sandbox.order(order.uuid).unwrap().state, OrderState::Done);
        let resource = sandbox.resource(order.resource).unwrap();
        assert_eq!(resource.state, state);
        assert_eq!(resource.limits.contains_key("cpu"), kind == OrderType::Update);
        let again = act(&sandbox, Actor::Provider, &path(order.uuid, "set_state_done")).await;
        assert_eq!(
            (again.status, again.detail()),
            (409, "Valid states for operation: executing.".to_owned())
        );
    }
    let waiting = order_in(&sandbox, OrderState::PendingProvider, None);
    assert_eq!(act(&sandbox, Actor::Provider, &path(waiting.uuid, "set_state_done")).await.status, 409);
}

#[tokio::test]
async fn erred_orders_keep_message_and_traceback() {
    let sandbox = Sandbox::start().await.unwrap();
    let offerings = sandbox.ids().offerings;
    let order = order_in(&sandbox, OrderState::Executing, Some(offerings.slurm));
    let erred = path(order.uuid, "set_state_erred");
    for crash in [
        act(&sandbox, Actor::Provider, &erred).await,
        post(&sandbox, Actor::Provider, &erred, json!({})).await,
        post(&sandbox, Actor::Provider, &erred, json!({"error_message": "x"})).await,
    ] {
        assert_eq!(crash.status, 500);
        assert!(crash.is_page());
    }
    let null =
        post(&sandbox, Actor::Provider, &erred, json!({"error_message": null, "error_traceback": null}))
            .await;
    assert_eq!(
        (null.status, null.json()),
        (
            400,
            json!({
                "error_message": ["This field may not be null."],
                "error_traceback": ["This field may not be null."],
            })
        )
    );
    assert_eq!(sandbox.order(order.uuid).unwrap().state, OrderState::Executing);
    let body = json!({"error_message": "no disk", "error_traceback": "at 1"});
    assert_eq!(post(&sandbox, Actor::Provider, &erred, body.clone()).await.status, 200);
    assert_eq!(sandbox.order(order.uuid).unwrap().state, OrderState::Erred);
    assert_eq!(sandbox.resource(order.resource).unwrap().state, ResourceState::Erred);
    let query = format!("marketplace-orders/{}/?field=error_message&field=error_traceback", hex(order.uuid));
    assert_eq!(get(&sandbox, Actor::Provider, &query).await.json(), json!({"error_message": "no disk"}));
    assert_eq!(get(&sandbox, Actor::Staff, &query).await.json(), body);
    let basic = order_in(&sandbox, OrderState::Executing, Some(offerings.basic));
    assert_eq!(post(&sandbox, Actor::Provider, &path(basic.uuid, "set_state_erred"), body).await.status, 405);
    meant(&sandbox, ["$.error_message", "$.error_traceback"]);
}

#[tokio::test]
async fn both_sides_see_orders() {
    let sandbox = Sandbox::start().await.unwrap();
    for (actor, count) in [
        (Actor::Staff, 50),
        (Actor::Provider, 50),
        (Actor::Consumer, 50),
        (Actor::Alice, 50),
        (Actor::Outsider, 0),
    ] {
        assert_eq!(get(&sandbox, actor, "marketplace-orders/").await.count(), count, "{actor:?}");
    }
}

#[tokio::test]
async fn a_created_order_leads_to_a_resource() {
    let sandbox = Sandbox::builder().orders(0).start().await.unwrap();
    let ids = sandbox.ids();
    let body = json!({
        "offering": format!("{}marketplace-public-offerings/{}/", sandbox.url(), hex(ids.offerings.slurm)),
        "project": format!("{}projects/{}/", sandbox.url(), hex(ids.project)),
        "attributes": {"name": "new"},
        "limits": {},
        "accepting_terms_of_service": true,
    });
    let order = post(&sandbox, Actor::Alice, "marketplace-orders/", body.clone()).await;
    assert_eq!(order.status, 201);
    assert_eq!(order.json()["state"], "pending-consumer");
    assert_eq!(order.header("location").unwrap(), order.json()["url"]);
    let uuid = sandbox.orders()[0].uuid;
    let resource = sandbox.orders()[0].resource;
    act(&sandbox, Actor::Consumer, &path(uuid, "approve_by_consumer")).await;
    act(&sandbox, Actor::Provider, &path(uuid, "approve_by_provider")).await;
    assert_eq!(sandbox.resource(resource).unwrap().state, ResourceState::Creating);
    act(&sandbox, Actor::Provider, &path(uuid, "set_state_done")).await;
    assert_eq!(sandbox.resource(resource).unwrap().state, ResourceState::Ok);
    let usage = json!({"resource": hex(resource), "usages": [{"type": "cpu", "amount": "1.50"}]});
    let reported = post(&sandbox, Actor::Provider, "marketplace-component-usages/set_usage/", usage).await;
    assert_eq!(reported.status, 201);
    let owner = post(&sandbox, Actor::Consumer, "marketplace-orders/", body.clone()).await;
    assert_eq!(owner.json()["state"], "pending-provider");
    let outsider = post(&sandbox, Actor::Outsider, "marketplace-orders/", body).await;
    assert_eq!(outsider.json(), json!({"project": ["Invalid hyperlink - Object does not exist."]}));
}

#[tokio::test]
async fn orders_are_deleted_and_unlinked() {
    let sandbox = Sandbox::start().await.unwrap();
    let executing = order_in(&sandbox, OrderState::Executing, None);
    let delete = async |uuid| {
        send(&sandbox, Actor::Consumer, Method::DELETE, &format!("marketplace-orders/{}/", hex(uuid)), None)
            .await
    };
    let refused = delete(executing.uuid).await;
    assert_eq!(
        (refused.status, refused.detail()),
        (409, "Valid states for operation: pending-consumer, pending-provider.".to_owned())
    );
    let waiting = order_in(&sandbox, OrderState::PendingProvider, None);
    assert_eq!(delete(waiting.uuid).await.status, 204);
    assert_eq!(sandbox.order(waiting.uuid), None);
    assert!(sandbox.order(executing.uuid).is_some());
}
