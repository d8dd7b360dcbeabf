//! Pages, fields, order, filters.

use reqwest::Method;
use serde_json::{Value, json};
use waldur_sandbox::{Actor, OrderState, Release, Sandbox};

use crate::client::{get, hex, meant, post, send};

#[tokio::test]
async fn lists_are_paged() {
    let sandbox = Sandbox::builder().orders(43).start().await.unwrap();
    let first = get(&sandbox, Actor::Provider, "marketplace-orders/").await;
    assert_eq!((first.items().len(), first.count()), (10, 43));
    let list = format!("{}marketplace-orders/", sandbox.url());
    assert_eq!(
        first.header("link").unwrap(),
        format!("<{list}>; rel=\"first\", <{list}?page=2>; rel=\"next\", <{list}?page=5>; rel=\"last\"")
    );
    let second = get(&sandbox, Actor::Provider, "marketplace-orders/?page=2&page_size=5&field=uuid").await;
    assert_eq!(
        second.header("link").unwrap(),
        format!(
            "<{list}?field=uuid&page_size=5>; rel=\"first\", <{list}?field=uuid&page_size=5>; rel=\"prev\", \
             <{list}?field=uuid&page=3&page_size=5>; rel=\"next\", \
             <{list}?field=uuid&page=9&page_size=5>; rel=\"last\""
        )
    );
    let last = get(&sandbox, Actor::Provider, "marketplace-orders/?page=last&page_size=5&field=uuid").await;
    assert_eq!(last.items().len(), 3);
    assert!(!last.header("link").unwrap().contains("next"));
    for (size, shown) in [("5", 5), ("0", 10), ("-1", 10), ("abc", 10), ("100000", 43), ("301", 43)] {
        let page = get(&sandbox, Actor::Provider, &format!("marketplace-orders/?page_size={size}")).await;
        assert_eq!(page.items().len(), shown, "{size}");
    }
    for page in ["6", "0", "-1", "abc"] {
        let none = get(&sandbox, Actor::Provider, &format!("marketplace-orders/?page={page}")).await;
        assert_eq!((none.status, none.json()), (404, json!({"detail": "Invalid page."})));
    }
    let nothing = "marketplace-orders/?offering_uuid=00000000000000000000000000000001";
    let empty = get(&sandbox, Actor::Provider, nothing).await;
    assert_eq!((empty.items().len(), empty.count()), (0, 0));
    assert_eq!(get(&sandbox, Actor::Provider, &format!("{nothing}&page=2")).await.status, 404);
    meant(&sandbox, ["query.page", "query.page_size"]);
}

#[tokio::test]
async fn a_page_has_at_most_300_items() {
    let sandbox = Sandbox::builder().orders(0).orders_in(OrderState::Done, 301).start().await.unwrap();
    let page = get(&sandbox, Actor::Provider, "marketplace-orders/?page_size=301&field=uuid").await;
    assert_eq!((page.items().len(), page.count()), (300, 301));
}

#[tokio::test]
async fn pages_follow_each_other() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut seen = Vec::new();
    for page in 1..=8 {
        let path = format!("marketplace-orders/?page={page}&page_size=7&field=uuid");
        seen.extend(get(&sandbox, Actor::Provider, &path).await.items());
    }
    let all: Vec<Value> = sandbox.orders().iter().map(|order| json!({"uuid": hex(order.uuid)})).collect();
    assert_eq!(seen, all);
}

#[tokio::test]
async fn links_keep_the_filters() {
    let sandbox = Sandbox::start().await.unwrap();
    let path = "marketplace-orders/?state=executing&state=done&page_size=3&page=2";
    let link = get(&sandbox, Actor::Provider, path).await.header("link").unwrap().to_owned();
    assert!(link.contains("?page=3&page_size=3&state=executing&state=done>; rel=\"next\""), "{link}");
}

#[tokio::test]
async fn head_has_no_body() {
    let sandbox = Sandbox::start().await.unwrap();
    for path in ["marketplace-orders/", "users/", "marketplace-provider-resources/"] {
        let head = send(&sandbox, Actor::Provider, Method::HEAD, path, None).await;
        let list = get(&sandbox, Actor::Provider, path).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""));
        assert_eq!(head.count(), list.count());
        assert_eq!(head.header("link"), list.header("link"));
    }
}

#[tokio::test]
async fn fields_are_selected() {
    let sandbox = Sandbox::start().await.unwrap();
    let keys = async |query: &str| {
        let list = get(&sandbox, Actor::Provider, &format!("marketplace-orders/?page_size=1{query}")).await;
        list.items()[0].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let all = keys("").await;
    let order = format!("marketplace-orders/{}/", hex(sandbox.orders()[0].uuid));
    let whole = get(&sandbox, Actor::Provider, &order).await.json();
    assert_eq!(all, whole.as_object().unwrap().keys().cloned().collect::<Vec<_>>());
    assert_eq!(keys("&field=uuid&field=state").await, ["state", "uuid"]);
    assert_eq!(keys("&field=uuid&field=bogus").await, ["uuid"]);
    assert_eq!(keys("&field=uuid,state").await, all);
    assert_eq!(keys("&field=bogus").await, all);
    let resource = hex(sandbox.ids().resources.ok);
    let one = get(
        &sandbox,
        Actor::Provider,
        &format!("marketplace-provider-resources/{resource}/?field=name&field=state"),
    )
    .await;
    assert_eq!(one.json(), json!({"name": "slurm-ok-1", "state": "OK"}));
    meant(&sandbox, ["query.field"]);
}

#[tokio::test]
async fn lists_are_ordered() {
    let sandbox = Sandbox::start().await.unwrap();
    let created = async |o: &str| {
        let path = format!("marketplace-orders/?o={o}&page_size=300&field=created&field=state");
        get(&sandbox, Actor::Provider, &path).await.items()
    };
    let up = created("created").await;
    let mut down = created("-created").await;
    assert_ne!(up, down);
    down.reverse();
    assert_eq!(up, down);
    let both = created("state,-created").await;
    let states: Vec<_> = both.iter().map(|row| row["state"].as_str().unwrap().to_owned()).collect();
    let mut groups = states.clone();
    groups.dedup();
    assert_eq!(groups.len(), 9, "equal states are together");
    assert!(
        both.windows(2)
            .all(|w| w[0]["state"] != w[1]["state"] || w[0]["created"].as_str() > w[1]["created"].as_str())
    );
    for bad in ["bogus", "created,bogus"] {
        let refused = get(&sandbox, Actor::Provider, &format!("marketplace-orders/?o={bad}")).await;
        assert_eq!(
            (refused.status, refused.json()),
            (400, json!({"o": ["Select a valid choice. bogus is not one of the available choices."]}))
        );
    }
    meant(&sandbox, ["query.o"]);
}

#[tokio::test]
async fn choices_are_repeated_keys() {
    let sandbox = Sandbox::start().await.unwrap();
    let list =
        async |query: &str| get(&sandbox, Actor::Provider, &format!("marketplace-orders/?{query}")).await;
    let count = |state| sandbox.orders().iter().filter(|order| order.state == state).count();
    let executing = count(OrderState::Executing);
    assert_eq!(list("state=executing").await.count(), executing);
    assert_eq!(
        list("state=executing&state=pending-provider").await.count(),
        executing + count(OrderState::PendingProvider)
    );
    for bad in ["executing,done", "Executing", "bogus", ""] {
        let refused = list(&format!("state={bad}")).await;
        let message = format!("Select a valid choice. {bad} is not one of the available choices.");
        assert_eq!((refused.status, refused.json()), (400, json!({"state": [message]})));
    }
    assert_eq!(list("type=create").await.status, 400);
    assert!(list("type=Create&type=Terminate").await.count() < 50);
    let wrong = get(&sandbox, Actor::Provider, "marketplace-provider-resources/?state=ok").await;
    assert_eq!(wrong.status, 400);
    assert_eq!(list("bogus=1").await.count(), 50);
    let mine = list("can_approve_as_provider=True").await.count();
    assert_eq!(mine, count(OrderState::PendingProvider));
    assert_eq!(list("can_approve_as_provider=maybe").await.count(), 50);
    assert_eq!(list("can_approve_as_consumer=true").await.count(), 0);
    meant(&sandbox, ["query.bogus", "query.can_approve_as_provider", "query.state", "query.type"]);
}

#[tokio::test]
async fn uuids_and_dates_are_parsed() {
    let sandbox = Sandbox::start().await.unwrap();
    let list = async |path: &str| get(&sandbox, Actor::Provider, path).await;
    let slurm = sandbox.ids().offerings.slurm;
    let refused = json!({"offering_uuid": ["Enter a valid UUID."]});
    for (collection, field) in
        [("marketplace-orders", "offering_uuid"), ("marketplace-provider-resources", "offering_uuid")]
    {
        let plain = list(&format!("{collection}/?{field}={}", hex(slurm))).await.count();
        assert!(plain > 0);
        assert_eq!(list(&format!("{collection}/?{field}={slurm}")).await.count(), plain);
        assert_eq!(list(&format!("{collection}/?{field}=nope")).await.json(), refused);
    }
    let basic = sandbox.ids().offerings.basic;
    let two = format!("?offering_uuid={},{}", hex(slurm), hex(basic));
    assert_eq!(list(&format!("marketplace-orders/{two}")).await.status, 400);
    let resources = format!("marketplace-provider-resources/{two}");
    let both = sandbox.resources().iter().filter(|row| [slurm, basic].contains(&row.offering)).count();
    assert_eq!(list(&resources).await.count(), both);
    let old = Sandbox::builder().release(Release::Late2024).start().await.unwrap();
    assert_eq!(get(&old, Actor::Provider, &resources).await.status, 400, "one value, at first");
    let resources = list("marketplace-provider-resources/?modified=2020-01-01T00:00:00Z").await;
    assert_eq!((resources.status, resources.json()), (400, json!({"modified": ["Enter a valid date."]})));
    let all = list("marketplace-provider-resources/").await.count();
    assert_eq!(list("marketplace-provider-resources/?modified=2020-01-01").await.count(), all);
    assert_eq!(list("marketplace-orders/?created=2020-01-01T00:00:00Z").await.count(), 50);
    assert_eq!(list("marketplace-orders/?created=2999-01-01T00:00:00Z").await.count(), 0);
    assert_eq!(list("marketplace-orders/?created=soon").await.status, 400);
    meant(&sandbox, ["query.created", "query.offering_uuid"]);
}

#[tokio::test]
async fn some_lists_are_not_paged() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = hex(sandbox.ids().resources.ok);
    for action in ["team", "plan_periods"] {
        let path = format!("marketplace-provider-resources/{resource}/{action}/?page_size=1");
        let list = get(&sandbox, Actor::Provider, &path).await;
        assert!(list.header("x-result-count").is_none());
        assert!(list.header("link").is_none());
        assert_eq!(list.items().len(), if action == "team" { 2 } else { 1 });
    }
    meant(&sandbox, ["query.page_size"]);
}

#[tokio::test]
async fn rows_are_filtered_by_their_properties() {
    let sandbox = Sandbox::start().await.unwrap();
    let ids = *sandbox.ids();
    let orders = sandbox.orders();
    let of = |offering| orders.iter().filter(|order| order.offering == offering).count();
    for (query, count) in [
        ("offering_type=Marketplace.Basic".to_owned(), of(ids.offerings.basic)),
        ("offering_slug=polar-cl-1,bulk-clu-1".to_owned(), of(ids.offerings.slurm) + of(ids.offerings.bulk)),
        ("query=job-0003".to_owned(), 1),
        ("resource_name=JOB-0003".to_owned(), 1),
        ("category_uuid=00000000000000000000000000000001".to_owned(), 0),
        (
            format!("offering={}marketplace-public-offerings/{}/", sandbox.url(), hex(ids.offerings.basic)),
            of(ids.offerings.basic),
        ),
    ] {
        let list = get(&sandbox, Actor::Provider, &format!("marketplace-orders/?{query}")).await;
        assert_eq!(list.status, 200, "{query}: {}", list.text);
        assert_eq!(list.count(), count, "{query}");
    }
    let one = "marketplace-orders/?query=job-0003";
    assert_eq!(send(&sandbox, Actor::Provider, Method::HEAD, one, None).await.count(), 1);
    let executing = "marketplace-provider-resources/?order_state=executing";
    assert_eq!(get(&sandbox, Actor::Provider, executing).await.count(), 15);
    for email in ["a@example.org", "b@example.org"] {
        let body = json!({"project": hex(ids.project), "email": email});
        post(&sandbox, Actor::Consumer, "marketplace-course-accounts/", body).await;
    }
    let sorted = get(&sandbox, Actor::Consumer, "marketplace-course-accounts/?o=-email").await.items();
    assert_eq!(
        (&sorted[0]["email"], &sorted[1]["email"]),
        (&json!("b@example.org"), &json!("a@example.org"))
    );
    let malformed = get(&sandbox, Actor::Provider, "marketplace-orders/?category_uuid=x").await;
    assert_eq!(malformed.json(), json!({"category_uuid": ["Enter a valid UUID."]}));
    meant(&sandbox, ["query.category_uuid"]);
}
