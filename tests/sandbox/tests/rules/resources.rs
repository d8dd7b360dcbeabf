//! Two views of resources, and what a provider does to them.

use serde_json::json;
use waldur_sandbox::{Actor, OrderState, OrderType, Release, ResourceState, Sandbox};

use crate::client::{act, get, hex, meant, order_in, post};

#[tokio::test]
async fn consumer_and_provider_have_a_view_each() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = hex(sandbox.ids().resources.ok);
    let all = sandbox.resources().len();
    for (actor, consumer, provider) in [
        (Actor::Staff, all, all),
        (Actor::Provider, 0, all),
        (Actor::Consumer, all, 0),
        (Actor::Bob, all, 0),
        (Actor::Outsider, 0, 0),
    ] {
        for (collection, count) in
            [("marketplace-resources", consumer), ("marketplace-provider-resources", provider)]
        {
            assert_eq!(get(&sandbox, actor, &format!("{collection}/")).await.count(), count, "{actor:?}");
            for part in ["", "team/", "plan_periods/"] {
                let one = get(&sandbox, actor, &format!("{collection}/{resource}/{part}")).await;
                assert_eq!(one.status, if count == 0 { 404 } else { 200 });
                if count == 0 {
                    assert_eq!(one.detail(), "No Resource matches the given query.");
                }
            }
        }
    }
    let one = get(&sandbox, Actor::Provider, &format!("marketplace-provider-resources/{resource}/")).await;
    let url = one.json()["url"].as_str().unwrap().to_owned();
    assert!(url.ends_with(&format!("/api/marketplace-resources/{resource}/")));
}

#[tokio::test]
async fn single_resources_include_orders() {
    let sandbox = Sandbox::start().await.unwrap();
    let order = order_in(&sandbox, OrderState::Executing, None);
    let path = format!("marketplace-provider-resources/{}/", hex(order.resource));
    let resource = get(&sandbox, Actor::Provider, &path).await.json();
    assert_eq!(resource["order_in_progress"]["uuid"], hex(order.uuid));
    assert_eq!(resource["creation_order"]["uuid"], hex(order.uuid));
    let list = get(&sandbox, Actor::Provider, "marketplace-provider-resources/?page_size=1").await;
    assert!(list.items()[0].get("creation_order").is_none());
}

#[tokio::test]
async fn backend_ids_are_set() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok_second;
    let path = format!("marketplace-provider-resources/{}/set_backend_id/", hex(resource));
    let set = async |body| post(&sandbox, Actor::Provider, &path, body).await;
    let changed = json!({"status": "Resource backend_id has been changed."});
    let unchanged = json!({"status": "Resource backend_id is not changed."});
    assert_eq!(set(json!({"backend_id": "a"})).await.json(), changed);
    assert_eq!(set(json!({"backend_id": "a"})).await.json(), unchanged);
    assert_eq!(set(json!({"backend_id": 12})).await.json(), changed);
    assert_eq!(sandbox.resource(resource).unwrap().backend_id, "12");
    assert_eq!(set(json!({"backend_id": ""})).await.json(), changed);
    let crash = set(json!({})).await;
    assert_eq!(crash.status, 500);
    assert!(crash.is_page());
    let long = set(json!({"backend_id": "x".repeat(256)})).await;
    assert_eq!(long.json(), json!({"backend_id": ["Ensure this field has no more than 255 characters."]}));
    assert_eq!(set(json!({"backend_id": null})).await.status, 400);
    assert_eq!(post(&sandbox, Actor::Consumer, &path, json!({"backend_id": "x"})).await.status, 404);
    let guide = format!("marketplace-resources/{}/set_backend_id/", hex(resource));
    assert_eq!(post(&sandbox, Actor::Provider, &guide, json!({"backend_id": "x"})).await.status, 404);
    meant(&sandbox, ["$.backend_id", "path"]);
}

#[tokio::test]
async fn reports_are_submitted() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let path = format!("marketplace-provider-resources/{}/submit_report/", hex(resource));
    let submit = async |body| post(&sandbox, Actor::Provider, &path, body).await;
    let report = json!([{"header": "a", "body": "b"}]);
    let good = submit(json!({"report": report})).await;
    assert_eq!((good.status, good.json()), (200, json!({"status": "Report is submitted"})));
    assert_eq!(sandbox.resource(resource).unwrap().report, report);
    for (body, errors) in [
        (json!({}), json!({"report": ["This field is required."]})),
        (
            json!({"report": [{"header": "a", "body": "b"}, {"header": "x"}]}),
            json!({"report": [{}, {"body": ["This field is required."]}]}),
        ),
        (
            json!({"report": "text"}),
            json!({"report": {"non_field_errors": ["Expected a list of items but got type \"str\"."]}}),
        ),
        (
            json!([{"header": "a", "body": "b"}]),
            json!({"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
        ),
    ] {
        let refused = submit(body).await;
        assert_eq!((refused.status, refused.json()), (400, errors));
    }
    assert_eq!(submit(json!({"report": []})).await.status, 400);
    meant(&sandbox, ["$", "$.report", "$.report[1].body"]);
}

#[tokio::test]
async fn limits_states_and_metadata_are_set() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let path = |action: &str| format!("marketplace-provider-resources/{}/{action}/", hex(resource));
    let limits = post(&sandbox, Actor::Provider, &path("set_limits"), json!({"limits": {"cpu": 5}})).await;
    assert_eq!(limits.status, 200);
    assert!(limits.json()["status"].is_string());
    assert_eq!(sandbox.resource(resource).unwrap().limits["cpu"], 5);
    assert_eq!(post(&sandbox, Actor::Provider, &path("set_limits"), json!({})).await.status, 400);
    let erred = post(&sandbox, Actor::Provider, &path("set_as_erred"), json!({"error_message": "x"})).await;
    assert_eq!((erred.status, erred.text.as_str()), (200, ""));
    let view = sandbox.resource(resource).unwrap();
    assert_eq!((view.state, view.error_message.as_str()), (ResourceState::Erred, "x"));
    assert_eq!(act(&sandbox, Actor::Provider, &path("set_as_ok")).await.status, 200);
    assert_eq!(sandbox.resource(resource).unwrap().state, ResourceState::Ok);
    assert_eq!(act(&sandbox, Actor::Provider, &path("refresh_last_sync")).await.status, 200);
    let metadata = json!({"backend_metadata": {"a": 1}});
    let set = post(&sandbox, Actor::Provider, &path("set_backend_metadata"), metadata).await;
    assert_eq!(set.json(), json!({"status": "The backend metadata is updated"}));
    meant(&sandbox, ["$.limits"]);
}

#[tokio::test]
async fn providers_set_states() {
    use ResourceState::{Creating, Erred, Ok, Terminated, Terminating, Updating};
    for start in [Creating, Ok, Erred, Updating, Terminating, Terminated] {
        for action in ["set_as_ok", "set_state_ok", "set_as_erred"] {
            let sandbox = Sandbox::builder()
                .without_resources()
                .seed(move |seed| {
                    let ids = *seed.ids();
                    seed.resource(ids.offerings.slurm, ids.project, "r", start);
                })
                .start()
                .await
                .unwrap();
            let uuid = sandbox.resources()[0].uuid;
            let path = format!("marketplace-provider-resources/{}/{action}/", hex(uuid));
            let answer = act(&sandbox, Actor::Provider, &path).await;
            let (status, after) = match (action, start) {
                ("set_as_ok", Terminated) => (500, start),
                ("set_state_ok", Ok | Terminated) => (409, start),
                ("set_as_erred", _) => (200, Erred),
                _ => (200, Ok),
            };
            let now = sandbox.resource(uuid).unwrap().state;
            assert_eq!((answer.status, now), (status, after), "{action} from {start}");
            assert_eq!(act(&sandbox, Actor::Consumer, &path).await.status, 404);
        }
    }
}

#[tokio::test]
async fn error_messages_are_kept() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let path = |action: &str| format!("marketplace-provider-resources/{}/{action}/", hex(resource));
    let erred = async |body| post(&sandbox, Actor::Provider, &path("set_as_erred"), body).await.status;
    let texts = async || {
        let query = format!("marketplace-provider-resources/{}/", hex(resource));
        let row = get(&sandbox, Actor::Provider, &query).await.json();
        (row["error_message"].clone(), row["error_traceback"].clone())
    };
    assert_eq!(erred(json!({"error_message": "no disk", "error_traceback": "at 1"})).await, 200);
    for body in [json!({"error_message": "", "error_traceback": ""}), json!({})] {
        assert_eq!(erred(body).await, 200);
        assert_eq!(texts().await, (json!("no disk"), json!("at 1")));
    }
    assert_eq!(erred(json!({"error_message": "no power"})).await, 200);
    assert_eq!(texts().await, (json!("no power"), json!("at 1")));
    assert_eq!(act(&sandbox, Actor::Provider, &path("set_state_ok")).await.status, 200);
    assert_eq!(texts().await, (json!("no power"), json!("at 1")));
    assert_eq!(act(&sandbox, Actor::Provider, &path("set_as_ok")).await.status, 200);
    assert_eq!(texts().await, (json!(""), json!("")));
}

#[tokio::test]
async fn endpoints_are_replaced() {
    let sandbox = Sandbox::builder().release(Release::Newer).start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let path = format!("marketplace-provider-resources/{}/", hex(resource));
    let url = format!("{path}set_endpoints/");
    let set = async |body| post(&sandbox, Actor::Provider, &url, body).await;
    let shown = async || {
        get(&sandbox, Actor::Provider, &format!("{path}?field=endpoints")).await.json()["endpoints"].clone()
    };
    assert_eq!(shown().await, json!([]));
    let (web, ssh) = (
        json!({"name": "web", "url": "https://example.org/"}),
        json!({"name": "ssh", "url": "ssh://login.example.org"}),
    );
    let done = set(json!({"endpoints": [web, ssh]})).await;
    assert_eq!((done.status, done.json()["status"].is_string()), (200, true));
    let both = shown().await;
    assert_eq!((&both[0]["name"], &both[1]["url"]), (&web["name"], &ssh["url"]));
    assert_eq!(both[0]["uuid"].as_str().unwrap().len(), 32);
    assert_eq!(set(json!({"endpoints": [web]})).await.status, 200);
    let one = shown().await;
    assert_eq!((one.as_array().unwrap().len(), &one[0]["name"]), (1, &web["name"]), "all are replaced");
    let (required, blank) = ("This field is required.", "This field may not be blank.");
    for (body, errors) in [
        (json!({}), json!({"endpoints": [required]})),
        (
            json!({"endpoints": [web, {"name": ""}]}),
            json!({"endpoints": [{}, {"name": [blank], "url": [required]}]}),
        ),
        (json!({"endpoints": [{"name": "a", "url": ""}]}), json!({"endpoints": [{"url": [blank]}]})),
    ] {
        let refused = set(body).await;
        assert_eq!((refused.status, refused.json()), (400, errors));
    }
    for actor in [Actor::Consumer, Actor::Alice, Actor::Outsider] {
        assert_eq!(post(&sandbox, actor, &url, json!({"endpoints": []})).await.status, 404);
    }
    assert_eq!(
        sandbox.resource(resource).unwrap().endpoints,
        [("web".to_owned(), "https://example.org/".to_owned())]
    );
    assert_eq!(set(json!({"endpoints": []})).await.status, 200);
    assert_eq!(shown().await, json!([]));
    assert!(sandbox.violations().is_empty(), "what the schema is too old for isn't judged");
    for release in [Release::Schema, Release::Late2024] {
        let sandbox = Sandbox::builder().release(release).start().await.unwrap();
        let unknown = post(&sandbox, Actor::Provider, &url, json!({"endpoints": []})).await;
        assert_eq!((unknown.status, unknown.is_page()), (404, true));
        meant(&sandbox, ["path"]);
    }
}

#[tokio::test]
async fn a_newer_server_keeps_what_older_ones_have() {
    let sandbox = Sandbox::builder().release(Release::Newer).start().await.unwrap();
    assert_eq!(get(&sandbox, Actor::Provider, "version/").await.json()["version"], "8.1.0");
    let field =
        get(&sandbox, Actor::Provider, "marketplace-provider-resources/?field=uuid&page_size=1").await;
    assert_eq!(field.items()[0].as_object().unwrap().len(), 1);
    get(&sandbox, Actor::Provider, "marketplace-orders/?bogus=1").await;
    meant(&sandbox, ["query.bogus"]);
}

#[tokio::test]
async fn termination_makes_an_order() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = sandbox.ids();
    let path = |uuid| format!("marketplace-provider-resources/{}/terminate/", hex(uuid));
    let answer = post(&sandbox, Actor::Provider, &path(ids.resources.ok), json!({})).await;
    assert_eq!(answer.status, 200);
    let order = sandbox.orders().pop().unwrap();
    assert_eq!(answer.json()["order_uuid"], hex(order.uuid));
    assert_eq!((order.type_, order.state), (OrderType::Terminate, OrderState::PendingProvider));
    assert_eq!(sandbox.resource(ids.resources.ok).unwrap().state, ResourceState::Ok);
    for resource in [ids.resources.ok, ids.resources.creating, ids.resources.terminated] {
        let refused = post(&sandbox, Actor::Provider, &path(resource), json!({})).await;
        assert_eq!(
            (refused.status, refused.detail()),
            (409, "Valid states for operation: OK, Erred.".to_owned())
        );
    }
    for (action, state) in
        [("approve_by_provider", ResourceState::Terminating), ("set_state_done", ResourceState::Terminated)]
    {
        act(&sandbox, Actor::Provider, &format!("marketplace-orders/{}/{action}/", hex(order.uuid))).await;
        assert_eq!(sandbox.resource(ids.resources.ok).unwrap().state, state);
    }
    let by_owner = format!("marketplace-resources/{}/terminate/", hex(ids.resources.ok_second));
    assert_eq!(post(&sandbox, Actor::Consumer, &by_owner, json!({})).await.status, 200);
    assert_eq!(sandbox.orders().last().unwrap().state, OrderState::PendingProvider);
}

#[tokio::test]
async fn the_team_is_listed() {
    let sandbox = Sandbox::start().await.unwrap();
    let path = format!("marketplace-provider-resources/{}/team/", hex(sandbox.ids().resources.ok));
    let team = get(&sandbox, Actor::Provider, &path).await.items();
    assert_eq!((&team[0]["username"], &team[0]["role"]), (&json!("alice"), &json!("admin")));
    assert_eq!(team[0]["offering_user_username"], "alice01");
    assert!(team[1]["offering_user_username"].is_null());
}
