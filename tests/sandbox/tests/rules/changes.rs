//! What providers change of offerings, resources and orders, and consumers of projects and resources.

use reqwest::Method;
use serde_json::{Value, json};
use waldur_sandbox::{Actor, OrderState, OrderType, ResourceState, Sandbox};

use crate::client::{act, get, hex, meant, order_in, post, send};

#[tokio::test]
async fn components_are_created_with_unique_types() {
    let sandbox = Sandbox::start().await.unwrap();
    let path = format!("marketplace-provider-offerings/{}/", hex(sandbox.ids().offerings.slurm));
    let action = |name: &str| format!("{path}{name}_offering_component/");
    let components = async || get(&sandbox, Actor::Provider, &path).await.json()["components"].clone();
    let body = json!({"type": "disk", "name": "Disk", "billing_type": "usage", "measured_unit": "GB"});
    let made = post(&sandbox, Actor::Provider, &action("create"), body.clone()).await;
    assert_eq!((made.status, made.text.as_str()), (201, ""));
    assert_eq!(post(&sandbox, Actor::Provider, &action("create"), body).await.status, 400);
    let disk = components().await[3].clone();
    assert_eq!((&disk["type"], &disk["measured_unit"]), (&json!("disk"), &json!("GB")));
    let update = json!({
        "uuid": disk["uuid"], "type": "disk", "name": "Space", "billing_type": "usage", "max_value": 7,
    });
    assert_eq!(post(&sandbox, Actor::Provider, &action("update"), update).await.status, 200);
    let disk = components().await[3].clone();
    assert_eq!((&disk["name"], &disk["max_value"]), (&json!("Space"), &json!(7)));
    let usage = json!({
        "resource": hex(sandbox.ids().resources.ok), "usages": [{"type": "disk", "amount": "1.00"}],
    });
    assert_eq!(
        post(&sandbox, Actor::Provider, "marketplace-component-usages/set_usage/", usage).await.status,
        201
    );
    let outsider = post(&sandbox, Actor::Consumer, &action("remove"), json!({"uuid": disk["uuid"]})).await;
    assert_eq!(outsider.status, 404);
    let refused = post(&sandbox, Actor::Provider, &action("create"), json!({"type": "x"})).await;
    assert_eq!(
        refused.json(),
        json!({"name": ["This field is required."], "billing_type": ["This field is required."]})
    );
    meant(&sandbox, ["$.billing_type", "$.name"]);
}

#[tokio::test]
async fn components_are_changed_by_uuid() {
    let sandbox = Sandbox::start().await.unwrap();
    let path = format!("marketplace-provider-offerings/{}/", hex(sandbox.ids().offerings.slurm));
    for action in ["update", "remove"] {
        let url = format!("{path}{action}_offering_component/");
        let none = post(&sandbox, Actor::Provider, &url, json!({})).await;
        assert_eq!((none.status, none.json()["details"].is_string()), (400, true), "{action}");
        let nil = json!({"uuid": "00000000000000000000000000000001"});
        let unknown = post(&sandbox, Actor::Provider, &url, nil.clone()).await;
        assert_eq!((unknown.status, unknown.text.as_str()), (404, ""), "{action}");
        assert_eq!(post(&sandbox, Actor::Consumer, &url, nil).await.status, 404);
    }
    sandbox.take_violations();
}

#[tokio::test]
async fn a_new_component_type_renames_limits() {
    let sandbox = Sandbox::builder()
        .seed(|seed| {
            let resource = seed.ids().resources.ok;
            seed.limit(resource, "cpu", 4);
        })
        .start()
        .await
        .unwrap();
    let ids = *sandbox.ids();
    let path = format!("marketplace-provider-offerings/{}/", hex(ids.offerings.slurm));
    let cpu = get(&sandbox, Actor::Provider, &path).await.json()["components"][0]["uuid"].clone();
    let url = format!("{path}update_offering_component/");
    let twin = json!({"uuid": cpu, "type": "gpu", "name": "CPU", "billing_type": "usage"});
    let refused = post(&sandbox, Actor::Provider, &url, twin).await;
    assert_eq!((refused.status, refused.json()["type"].is_array()), (400, true));
    assert_eq!(sandbox.resource(ids.resources.ok).unwrap().limits["cpu"], 4);
    // Less than the schema requires is enough.
    let renamed = post(&sandbox, Actor::Provider, &url, json!({"uuid": cpu, "type": "core"})).await;
    assert_eq!((renamed.status, renamed.text.as_str()), (200, ""));
    meant(&sandbox, ["$.billing_type", "$.name"]);
    let limits = sandbox.resource(ids.resources.ok).unwrap().limits;
    assert_eq!((limits.get("cpu"), limits["core"].as_u64()), (None, Some(4)));
    let usage = sandbox.usages().into_iter().find(|usage| usage.uuid == ids.usage).unwrap();
    assert_eq!(usage.component, "core");
    // The next report is of the same usage; a new component with the old type has its own.
    let new = json!({"type": "cpu", "name": "CPU", "billing_type": "usage"});
    let create = format!("{path}create_offering_component/");
    assert_eq!(post(&sandbox, Actor::Provider, &create, new).await.status, 201);
    let report = json!({
        "resource": hex(ids.resources.ok),
        "usages": [{"type": "core", "amount": "2.00"}, {"type": "cpu", "amount": "3.00"}],
    });
    let set = post(&sandbox, Actor::Provider, "marketplace-component-usages/set_usage/", report).await;
    assert_eq!(set.status, 201);
    let seen: Vec<_> = sandbox
        .usages()
        .into_iter()
        .map(|usage| (usage.component, usage.amount.to_string(), usage.uuid == ids.usage))
        .collect();
    assert_eq!(seen, [("core".into(), "2.00".into(), true), ("cpu".into(), "3.00".into(), false)]);
}

#[tokio::test]
async fn components_of_offerings_with_resources_cannot_be_removed() {
    for state in [None, Some(ResourceState::Ok), Some(ResourceState::Terminated)] {
        let sandbox = Sandbox::builder()
            .without_resources()
            .seed(move |seed| {
                let ids = *seed.ids();
                if let Some(state) = state {
                    seed.resource(ids.offerings.slurm, ids.project, "r", state);
                }
            })
            .start()
            .await
            .unwrap();
        let slurm = sandbox.ids().offerings.slurm;
        let path = format!("marketplace-provider-offerings/{}/", hex(slurm));
        let gpu = get(&sandbox, Actor::Provider, &path).await.json()["components"][1]["uuid"].clone();
        let url = format!("{path}remove_offering_component/");
        let answer = post(&sandbox, Actor::Provider, &url, json!({"uuid": gpu})).await;
        if state.is_none() {
            assert_eq!((answer.status, answer.text.as_str()), (200, ""));
            assert_eq!(sandbox.components(slurm), ["cpu", "ram"]);
        } else {
            assert_eq!((answer.status, answer.json()["details"].is_string()), (400, true));
            assert_eq!(sandbox.components(slurm), ["cpu", "gpu", "ram"]);
        }
    }
}

#[tokio::test]
async fn offerings_keep_endpoints_metadata_and_user_attributes() {
    let sandbox = Sandbox::start().await.unwrap();
    let path = format!("marketplace-provider-offerings/{}/", hex(sandbox.ids().offerings.slurm));
    let offering = async || get(&sandbox, Actor::Provider, &path).await.json();
    let body = json!({"name": "ssh", "url": "ssh://login.example.org"});
    let made = post(&sandbox, Actor::Provider, &format!("{path}add_endpoint/"), body).await;
    assert_eq!(made.status, 201);
    assert_eq!(offering().await["endpoints"][0]["name"], "ssh");
    let gone = json!({"uuid": made.json()["uuid"]});
    assert_eq!(post(&sandbox, Actor::Provider, &format!("{path}delete_endpoint/"), gone).await.status, 204);
    assert_eq!(offering().await["endpoints"], json!([]));
    let metadata = json!({"backend_metadata": {"a": 1}});
    post(&sandbox, Actor::Provider, &format!("{path}set_backend_metadata/"), metadata).await;
    assert_eq!(offering().await["backend_metadata"], json!({"a": 1}));
    let config = get(&sandbox, Actor::Provider, &format!("{path}user-attribute-config/")).await.json();
    assert_eq!((&config["is_default"], &config["expose_email"]), (&json!(true), &json!(true)));
    let update = format!("{path}update-user-attribute-config/");
    let config = post(&sandbox, Actor::Provider, &update, json!({"expose_email": false})).await.json();
    assert_eq!((&config["is_default"], &config["expose_email"]), (&json!(false), &json!(false)));
    let check = format!("{path}check_unique_backend_id/");
    for (id, unique) in [("polar_0001", false), ("new", true)] {
        let answer = post(&sandbox, Actor::Provider, &check, json!({"backend_id": id})).await.json();
        assert_eq!(answer["is_unique"], unique);
    }
    let config = get(&sandbox, Actor::Provider, &format!("{path}glauth_users_config/")).await;
    assert!(config.text.contains("alice01"));
    for (part, count) in
        [("list_customer_projects", 1), ("list_customer_users", 2), ("customers", 1), ("orders", 12)]
    {
        let list = get(&sandbox, Actor::Provider, &format!("{path}{part}/")).await;
        assert_eq!(list.count(), count, "{part}");
        assert_eq!(get(&sandbox, Actor::Consumer, &format!("{path}{part}/")).await.status, 404);
    }
}

#[tokio::test]
async fn plans_are_shown_to_provider_and_public() {
    let sandbox = Sandbox::builder()
        .seed(|seed| {
            let offering = seed.ids().offerings.slurm;
            seed.plan(offering, "Large");
        })
        .start()
        .await
        .unwrap();
    let ids = *sandbox.ids();
    let path = format!("marketplace-public-offerings/{}/plans/", hex(ids.offerings.slurm));
    let plans = get(&sandbox, Actor::Consumer, &path).await.items();
    assert_eq!(plans.iter().map(|plan| plan["name"].clone()).collect::<Vec<_>>(), ["Standard", "Large"]);
    let own = format!("marketplace-plans/{}/", hex(ids.plans.slurm));
    assert_eq!(get(&sandbox, Actor::Provider, &own).await.json()["name"], "Standard");
    assert_eq!(get(&sandbox, Actor::Consumer, &own).await.status, 404);
    let switch = format!("marketplace-resources/{}/switch_plan/", hex(ids.resources.ok));
    let answer = post(&sandbox, Actor::Consumer, &switch, json!({"plan": plans[1]["url"]})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let order = sandbox.orders().pop().unwrap();
    assert_eq!((order.type_, order.state), (OrderType::Update, OrderState::PendingProvider));
    let shown =
        get(&sandbox, Actor::Provider, &format!("marketplace-orders/{}/", hex(order.uuid))).await.json();
    assert_eq!((&shown["old_plan_name"], &shown["new_plan_name"]), (&json!("Standard"), &json!("Large")));
    finish(&sandbox, &hex(order.uuid)).await;
    let resource = format!("marketplace-provider-resources/{}/?field=plan_name", hex(ids.resources.ok));
    assert_eq!(get(&sandbox, Actor::Provider, &resource).await.json(), json!({"plan_name": "Large"}));
}

async fn finish(sandbox: &Sandbox, order: &str) {
    for action in ["approve_by_provider", "set_state_done"] {
        let done = act(sandbox, Actor::Provider, &format!("marketplace-orders/{order}/{action}/")).await;
        assert_eq!(done.status, 200, "{action}");
    }
}

#[tokio::test]
async fn new_limits_and_plans_make_orders() {
    let sandbox = Sandbox::builder()
        .seed(|seed| {
            let offering = seed.ids().offerings.slurm;
            seed.billing_type(offering, "cpu", "limit");
        })
        .start()
        .await
        .unwrap();
    let ids = *sandbox.ids();
    let path = format!("marketplace-resources/{}/update_limits/", hex(ids.resources.ok));
    let refused = post(&sandbox, Actor::Consumer, &path, json!({"limits": {"disk": 1}})).await;
    assert!(refused.json()["limits"].is_array());
    assert_eq!(post(&sandbox, Actor::Provider, &path, json!({"limits": {"cpu": 9}})).await.status, 404);
    let by_member = post(&sandbox, Actor::Alice, &path, json!({"limits": {"cpu": 9}})).await;
    assert_eq!(by_member.status, 200);
    assert_eq!(sandbox.orders().last().unwrap().state, OrderState::PendingConsumer);
    let busy = post(&sandbox, Actor::Consumer, &path, json!({"limits": {"cpu": 9}})).await;
    assert_eq!(busy.status, 409, "one order at a time");
    let order = hex(sandbox.orders().last().unwrap().uuid);
    let change = json!({"limits": {"cpu": 10}});
    let path = format!("marketplace-orders/{order}/");
    let changed = send(&sandbox, Actor::Consumer, Method::PATCH, &path, Some(change)).await;
    assert_eq!((changed.status, &changed.json()["limits"]), (200, &json!({"cpu": 10})));
    act(&sandbox, Actor::Consumer, &format!("{path}approve_by_consumer/")).await;
    finish(&sandbox, &order).await;
    let resource = sandbox.resource(ids.resources.ok).unwrap();
    assert_eq!((resource.limits["cpu"].as_u64(), resource.state), (Some(10), ResourceState::Ok));
}

#[tokio::test]
async fn properties_of_resources_are_set_by_actions() {
    let sandbox = Sandbox::start().await.unwrap();
    let path = format!("marketplace-provider-resources/{}/", hex(sandbox.ids().resources.ok_second));
    let shown = async |name: &str| {
        get(&sandbox, Actor::Consumer, &path.replace("provider-resources", "resources")).await.json()[name]
            .clone()
    };
    for (actor, action, name, value) in [
        (Actor::Staff, "set_paused", "paused", json!(true)),
        (Actor::Staff, "set_paused", "paused", json!(true)),
        (Actor::Staff, "set_downscaled", "downscaled", json!(true)),
        (Actor::Staff, "set_restrict_member_access", "restrict_member_access", json!(true)),
        (Actor::Provider, "set_end_date_by_provider", "end_date", json!("2130-01-31")),
        (Actor::Provider, "set_end_date_by_provider", "end_date", Value::Null),
        (Actor::Staff, "set_end_date_by_staff", "end_date", json!("2130-02-28")),
        (Actor::Staff, "set_end_date_by_staff", "end_date", Value::Null),
        (Actor::Provider, "update_options", "options", json!({"a": 1})),
        (Actor::Provider, "update_options_direct", "options", json!({"a": 2})),
    ] {
        let url = format!("{path}{action}/");
        if actor == Actor::Staff {
            let refused = post(&sandbox, Actor::Provider, &url, json!({name: value})).await;
            assert_eq!(refused.status, 403, "{action}");
        }
        assert_eq!(post(&sandbox, actor, &url, json!({name: value})).await.status, 200, "{action}");
        assert_eq!(shown(name).await, value, "{action}");
        assert_eq!(post(&sandbox, Actor::Consumer, &url, json!({name: value})).await.status, 404);
    }
    assert!(sandbox.resource(sandbox.ids().resources.ok_second).unwrap().properties["paused"] == json!(true));
    let crash = post(&sandbox, Actor::Staff, &format!("{path}set_paused/"), json!({})).await;
    assert_eq!((crash.status, crash.is_page()), (500, true));
    let patch = json!({"name": "renamed", "description": "new"});
    let patched = send(&sandbox, Actor::Provider, Method::PATCH, &path, Some(patch)).await;
    assert_eq!((patched.status, shown("name").await), (200, json!("renamed")));
    assert_eq!(shown("description").await, "new");
    let slug = json!({"slug": "short"});
    assert_eq!(post(&sandbox, Actor::Provider, &format!("{path}set_slug/"), slug.clone()).await.status, 403);
    assert_eq!(post(&sandbox, Actor::Staff, &format!("{path}set_slug/"), slug).await.status, 200);
    assert_eq!(shown("slug").await, "short");
    post(&sandbox, Actor::Provider, &format!("{path}set_as_erred/"), json!({"error_message": "x"})).await;
    assert_eq!(act(&sandbox, Actor::Provider, &format!("{path}set_state_ok/")).await.status, 200);
    assert_eq!(shown("state").await, "OK");
    assert_eq!(get(&sandbox, Actor::Provider, &format!("{path}details/")).await.json()["name"], "renamed");
    let offering = get(&sandbox, Actor::Provider, &format!("{path}offering/")).await.json();
    assert_eq!(offering["name"], "Polar cluster");
    let date = post(
        &sandbox,
        Actor::Provider,
        &format!("{path}set_end_date_by_provider/"),
        json!({"end_date": "soon"}),
    )
    .await;
    assert_eq!(date.status, 400);
    meant(&sandbox, ["$.end_date"]);
    let pull = format!("{path}pull/");
    assert_eq!(act(&sandbox, Actor::Provider, &pull).await.status, 202);
    assert_eq!(act(&sandbox, Actor::Provider, &format!("{path}unlink/")).await.status, 403);
    assert_eq!(act(&sandbox, Actor::Staff, &format!("{path}unlink/")).await.status, 204);
}

#[tokio::test]
async fn end_dates_are_set_with_notice() {
    let sandbox = Sandbox::start().await.unwrap();
    let path = format!("marketplace-provider-resources/{}/", hex(sandbox.ids().resources.ok_second));
    let day = |days: i64| (chrono::Utc::now() + chrono::TimeDelta::days(days)).date_naive().to_string();
    let shown = async || {
        get(&sandbox, Actor::Provider, &format!("{path}?field=end_date")).await.json()["end_date"].clone()
    };
    for (actor, action) in
        [(Actor::Provider, "set_end_date_by_provider"), (Actor::Staff, "set_end_date_by_staff")]
    {
        let url = format!("{path}{action}/");
        for soon in [day(-1), day(0), day(5)] {
            let refused = post(&sandbox, actor, &url, json!({"end_date": soon})).await;
            assert_eq!(refused.status, 400, "{soon}");
            assert!(refused.json()["end_date"].is_array());
        }
        assert_eq!(post(&sandbox, actor, &url, json!({"end_date": day(8)})).await.status, 200);
        assert_eq!(shown().await, day(8));
    }
    let change = async |method, body| send(&sandbox, Actor::Provider, method, &path, Some(body)).await;
    let kept = change(Method::PATCH, json!({"description": "a", "end_date": day(8)})).await;
    assert_eq!((kept.status, shown().await), (200, json!(day(8))));
    let past = change(Method::PATCH, json!({"end_date": day(-2)})).await;
    assert_eq!(past.status, 400);
    assert!(past.json()["end_date"].is_array());
    for (method, body) in
        [(Method::PATCH, json!({"description": "b"})), (Method::PUT, json!({"name": "renamed"}))]
    {
        change(Method::PATCH, json!({"end_date": day(8)})).await;
        assert_eq!(change(method, body).await.status, 200);
        assert_eq!(shown().await, Value::Null, "what isn't said is taken away");
    }
}

#[tokio::test]
async fn properties_of_orders_are_set_by_actions() {
    let sandbox = Sandbox::start().await.unwrap();
    let order = order_in(&sandbox, OrderState::PendingProvider, None);
    let path = format!("marketplace-orders/{}/", hex(order.uuid));
    let shown = async |name: &str| get(&sandbox, Actor::Provider, &path).await.json()[name].clone();
    let set =
        post(&sandbox, Actor::Provider, &format!("{path}set_backend_id/"), json!({"backend_id": "b"})).await;
    assert_eq!((set.status, shown("backend_id").await), (200, json!("b")));
    assert_eq!(sandbox.order_content(order.uuid).unwrap().backend_id, "b");
    let info = json!({"provider_message": "soon", "provider_message_url": "https://example.org/"});
    let set = post(&sandbox, Actor::Provider, &format!("{path}set_provider_info/"), info).await;
    assert_eq!((set.status, shown("provider_message").await), (200, json!("soon")));
    let offering = get(&sandbox, Actor::Provider, &format!("{path}offering/")).await;
    assert_eq!(offering.json()["uuid"], hex(order.offering));
    let why = json!({"provider_rejection_comment": "full"});
    post(&sandbox, Actor::Provider, &format!("{path}reject_by_provider/"), why).await;
    assert_eq!(shown("provider_rejection_comment").await, "full");
    assert!(shown("completed_at").await.is_string());
    assert_eq!(act(&sandbox, Actor::Provider, &format!("{path}unlink/")).await.status, 403);
    assert_eq!(act(&sandbox, Actor::Staff, &format!("{path}unlink/")).await.status, 204);
}

#[tokio::test]
async fn owners_create_projects_and_add_members() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let customer = format!("{}customers/{}/", sandbox.url(), hex(ids.consumer_customer));
    let body = json!({"name": "Oceans", "customer": customer});
    assert_eq!(post(&sandbox, Actor::Alice, "projects/", body.clone()).await.status, 403);
    let made = post(&sandbox, Actor::Consumer, "projects/", body).await;
    assert_eq!((made.status, &made.json()["name"]), (201, &json!("Oceans")), "{}", made.text);
    let path = format!("projects/{}/", made.json()["uuid"].as_str().unwrap());
    let change = json!({"description": "deep", "end_date": "2030-01-01"});
    let patched = send(&sandbox, Actor::Consumer, Method::PATCH, &path, Some(change)).await.json();
    assert_eq!((&patched["description"], &patched["end_date"]), (&json!("deep"), &json!("2030-01-01")));
    let member = json!({"user": hex(ids.users.outsider), "role": "PROJECT.MEMBER"});
    assert_eq!(get(&sandbox, Actor::Outsider, &path).await.status, 404);
    let added = post(&sandbox, Actor::Consumer, &format!("{path}add_user/"), member.clone()).await;
    assert_eq!((added.status, added.json()), (201, json!({"expiration_time": null})));
    assert_eq!(
        post(&sandbox, Actor::Consumer, &format!("{path}add_user/"), member.clone()).await.status,
        400
    );
    assert_eq!(get(&sandbox, Actor::Outsider, &path).await.status, 200);
    let users = get(&sandbox, Actor::Consumer, &format!("{path}list_users/")).await.items();
    assert_eq!((users.len(), &users[0]["role_name"]), (1, &json!("PROJECT.MEMBER")));
    let project = made.json()["uuid"].as_str().unwrap().parse().unwrap();
    assert_eq!(sandbox.members(project), [("outsider".to_owned(), "PROJECT.MEMBER".to_owned())]);
    let removed = post(&sandbox, Actor::Consumer, &format!("{path}delete_user/"), member.clone()).await;
    assert_eq!((removed.status, removed.text.as_str()), (200, ""));
    assert_eq!(post(&sandbox, Actor::Consumer, &format!("{path}delete_user/"), member).await.status, 400);
    assert_eq!(get(&sandbox, Actor::Outsider, &path).await.status, 404);
    assert_eq!(get(&sandbox, Actor::Consumer, "roles/?name=PROJECT").await.count(), 3);
}

#[tokio::test]
async fn providers_comment_on_and_restrict_offering_users() {
    let sandbox = Sandbox::start().await.unwrap();
    let path = format!("marketplace-offering-users/{}/", hex(sandbox.ids().offering_user));
    let body = json!({"service_provider_comment": "hello"});
    let url = format!("{path}update_comments/");
    let set = send(&sandbox, Actor::Provider, Method::PATCH, &url, Some(body)).await;
    assert_eq!((set.status, &set.json()["service_provider_comment"]), (200, &json!("hello")));
    let body = json!({"is_restricted": true});
    assert_eq!(post(&sandbox, Actor::Provider, &format!("{path}update_restricted/"), body).await.status, 200);
    let account = get(&sandbox, Actor::Alice, &path).await.json();
    assert_eq!(
        (&account["is_restricted"], &account["service_provider_comment"]),
        (&json!(true), &json!("hello"))
    );
}

#[tokio::test]
async fn users_change_themselves_and_staff_all() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let path = format!("users/{}/", hex(ids.users.outsider));
    let off = json!({"is_active": false});
    let patched = send(&sandbox, Actor::Staff, Method::PATCH, &path, Some(off)).await;
    assert_eq!(patched.json()["is_active"], false);
    let out = get(&sandbox, Actor::Outsider, "users/me/").await;
    assert_eq!((out.status, out.detail()), (401, "User inactive or deleted.".to_owned()));
    let bridge = json!({"username": "new@example", "source": "isd:test", "first_name": "Nina"});
    assert_eq!(post(&sandbox, Actor::Provider, "identity-bridge/", bridge.clone()).await.status, 403);
    for created in [true, false] {
        let made = post(&sandbox, Actor::Staff, "identity-bridge/", bridge.clone()).await.json();
        assert_eq!(made["created"], created);
    }
    let gone = json!({"username": "new@example", "source": "isd:test"});
    let gone = post(&sandbox, Actor::Staff, "identity-bridge/remove/", gone).await.json();
    assert_eq!(gone["deactivated"], true);
    let user = post(&sandbox, Actor::Staff, "remote-eduteams/", json!({"cuid": "new@example"})).await.json();
    assert_eq!(user["uuid"], gone["uuid"]);
}

#[tokio::test]
async fn a_resource_in_use_keeps_its_end_date() {
    let sandbox = Sandbox::start().await.unwrap();
    let path = format!("marketplace-provider-resources/{}/", hex(sandbox.ids().resources.ok));
    let end = async |actor, action: &str, day: Value| {
        post(&sandbox, actor, &format!("{path}{action}/"), json!({"end_date": day})).await
    };
    let refused = end(Actor::Provider, "set_end_date_by_provider", json!("2130-01-31")).await;
    assert_eq!((refused.status, refused.json()["end_date"].is_array()), (400, true));
    assert_eq!(end(Actor::Provider, "set_end_date_by_provider", Value::Null).await.status, 200);
    assert_eq!(end(Actor::Staff, "set_end_date_by_staff", json!("2130-01-31")).await.status, 200);
    sandbox.set_now(sandbox.now() + chrono::TimeDelta::days(91));
    let done = end(Actor::Provider, "set_end_date_by_provider", json!("2130-02-28")).await;
    assert_eq!(done.status, 200);
}
