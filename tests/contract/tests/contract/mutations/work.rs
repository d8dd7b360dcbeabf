//! A provider's workflows, with checks of the server's state.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use reqwest::multipart::Part;
use waldur_api_client::Multipart;
use waldur_sandbox::{Actor, OrderState as State, ResourceState, Sandbox};
use waldur_sdk::RetryPolicy;
use waldur_sdk::orders::Orders;
use waldur_sdk::types::{
    ComponentUsageCreateRequest, ComponentUsageItemRequest, OfferingUserRequest, OrderState,
    PatchedOfferingUserRequest, ReportSectionRequest, ResourceFieldEnum, ResourceOEnum,
    ResourceReportRequest,
};
use waldur_sdk::{Client, ClientExt as _, Decimal, Uuid};

use crate::common::client_builder;

type Outcome = Result<(), Box<dyn Error>>;

fn ensure(holds: bool, what: &str) -> Outcome {
    if holds { Ok(()) } else { Err(what.into()) }
}

/// Returns a client of `actor` for the server at `url`.
fn client(sandbox: &Sandbox, url: &str, actor: Actor) -> Result<Client, waldur_sdk::Error> {
    let builder = client_builder(url, sandbox.token(actor));
    builder.retry(RetryPolicy::never()).build()
}

/// Runs all workflows. Returns the first deviation as an error.
pub(crate) async fn all(sandbox: &Sandbox, url: &str) -> Outcome {
    let provider = client(sandbox, url, Actor::Provider)?;
    lists(sandbox, &provider).await?;
    orders(sandbox, &provider).await?;
    resources(sandbox, &provider).await?;
    usage(sandbox, &provider).await?;
    accounts(sandbox, &provider).await?;
    let alice = client(sandbox, url, Actor::Staff)?.impersonating(sandbox.ids().users.alice);
    let me = alice.users_me_retrieve().send().await?.into_inner();
    ensure(me.username.as_deref() == Some("alice"), "another user is impersonated")
}

/// Returns the orders in `states` with their offerings.
fn in_states(sandbox: &Sandbox, states: &[State]) -> BTreeSet<(Uuid, Option<Uuid>)> {
    let orders = sandbox.orders().into_iter().filter(|order| states.contains(&order.state));
    orders.map(|order| (order.uuid, Some(order.offering))).collect()
}

async fn lists(sandbox: &Sandbox, client: &Client) -> Outcome {
    let ids = sandbox.ids();
    for (asked, states) in [
        (
            vec![OrderState::PendingProvider, OrderState::Executing],
            vec![State::PendingProvider, State::Executing],
        ),
        (vec![OrderState::Done], vec![State::Done]),
    ] {
        let listed = asked.into_iter().fold(client.provider().orders(), Orders::state).all().await?;
        let listed: BTreeSet<_> = listed.iter().map(|order| (order.uuid, order.offering_uuid)).collect();
        ensure(listed == in_states(sandbox, &states), "other orders are listed")?;
    }
    let narrow = client.provider().orders().provider(ids.provider_customer).offering(ids.offerings.bulk);
    let listed: BTreeSet<Uuid> = narrow.all().await?.iter().map(|order| order.uuid).collect();
    let there = sandbox.orders().into_iter().filter(|order| order.offering == ids.offerings.bulk);
    ensure(listed == there.map(|order| order.uuid).collect(), "orders of other offerings are listed")?;
    let since = Utc::now() - TimeDelta::days(3650);
    let counted = client.marketplace_orders_count().created(since).send().await?;
    let count = counted.headers().get("x-result-count").ok_or("no count")?.to_str()?.parse();
    ensure(count == Ok(sandbox.orders().len()), "other orders are counted")
}

async fn orders(sandbox: &Sandbox, client: &Client) -> Outcome {
    let states = || -> BTreeMap<Uuid, State> {
        sandbox.orders().into_iter().map(|order| (order.uuid, order.state)).collect()
    };
    let mut should_be = states();
    let basic = sandbox.ids().offerings.basic;
    let mut executing = sandbox.orders().into_iter().filter(|order| order.state == State::Executing);
    let erred = executing.find(|order| order.offering != basic).ok_or("no order is executing")?.uuid;

    let outcome = client.provider().order(erred).set_erred("no space", "line 1").await;
    ensure(outcome.is_ok(), "an order can't be erred")?;
    should_be.insert(erred, State::Erred);
    ensure(states() == should_be, "an order is not erred")?;
    let content = sandbox.order_content(erred).ok_or("no such order")?;
    let why = (content.error_message.as_str(), content.error_traceback.as_str());
    ensure(why == ("no space", "line 1"), "an order is erred for another reason")?;

    let file = Part::bytes(b"%PDF".as_slice()).file_name("contract.pdf");
    let message =
        Multipart::new().text("provider_message", "sorry").part("provider_message_attachment", file);
    client.marketplace_orders_set_provider_info().uuid(erred).upload(message).await?;
    let told = sandbox.order_content(erred).ok_or("no such order")?.properties;
    ensure(told.get("provider_message") == Some(&"sorry".into()), "another message")?;
    let address = told.get("provider_message_attachment").and_then(|address| address.as_str());
    ensure(address.is_some_and(|address| address.ends_with("contract.pdf")), "another file")?;

    for (from, to) in [(State::PendingProvider, State::Executing), (State::Executing, State::Done)] {
        let report = match from {
            State::PendingProvider => client.approve_all_pending_orders().await?,
            _ => client.complete_all_executing_orders().await?,
        };
        let moved: Vec<_> = should_be.values_mut().filter(|state| **state == from).collect();
        ensure(report.items.len() == moved.len(), "other orders are acted on")?;
        if let Some(failure) = report.items.iter().find(|item| item.outcome.to_string() != "applied") {
            return Err(format!("{to:?}: {}", failure.outcome).into());
        }
        moved.into_iter().for_each(|state| *state = to);
        ensure(states() == should_be, "orders are in other states")?;
    }
    Ok(())
}

async fn resources(sandbox: &Sandbox, client: &Client) -> Outcome {
    let ids = sandbox.ids();
    let ok = || sandbox.resources().into_iter().filter(|resource| resource.state == ResourceState::Ok);
    let live = client.provider().resources().live().all().await?;
    let listed: BTreeSet<_> = live.into_iter().map(|one| (one.uuid, one.name, one.offering_uuid)).collect();
    let there = ok().map(|one| (one.uuid, one.name, Some(one.offering))).collect();
    ensure(listed == there, "other resources are live")?;

    let two = [ids.offerings.slurm, ids.offerings.basic];
    let by_name = client.marketplace_provider_resources_list().offering_uuid(two);
    let by_name = by_name.o([ResourceOEnum::NameDescending, ResourceOEnum::Created]).page_size(300);
    let rows = by_name.field([ResourceFieldEnum::Name]).send().await?.into_inner();
    let listed: Vec<String> = rows.into_iter().filter_map(|row| row.name).collect();
    let there = sandbox.resources().into_iter().filter(|one| two.contains(&one.offering));
    let mut there: Vec<String> = there.map(|one| one.name).collect();
    there.sort_by(|a, b| b.cmp(a));
    ensure(listed == there, "the resources of two offerings are others")?;

    let id = "back-end-17";
    client.provider().resource(ids.resources.ok).set_backend_id(id).await?;
    let section = ReportSectionRequest::builder().header("Login").body("ssh");
    let report = ResourceReportRequest::builder().report(vec![section.try_into()?]);
    let call = client.marketplace_provider_resources_submit_report().uuid(ids.resources.ok);
    call.body(report).send().await?;
    let resource = sandbox.resource(ids.resources.ok).ok_or("no such resource")?;
    ensure(resource.backend_id == id, "the resource has another id")?;
    ensure(resource.report == serde_json::json!([{"header": "Login", "body": "ssh"}]), "another report")
}

async fn usage(sandbox: &Sandbox, client: &Client) -> Outcome {
    let resources = sandbox.ids().resources;
    let reported = |resource: Uuid| -> Vec<_> {
        let usages = sandbox.usages().into_iter().filter(|usage| usage.resource == resource);
        let this_month = usages.filter(|usage| usage.period.month() == Utc::now().month());
        this_month.map(|usage| (usage.component, usage.amount, usage.description)).collect()
    };
    let amount = Decimal::new(30, 2);
    client.set_usage_for_all_components(resources.ok, amount).await?;
    let offering = sandbox.resource(resources.ok).ok_or("no such resource")?.offering;
    let components: BTreeSet<String> = sandbox.components(offering).into_iter().collect();
    let there = reported(resources.ok);
    let named: BTreeSet<String> = there.iter().map(|(component, ..)| component.clone()).collect();
    ensure(named == components && there.len() == components.len(), "usage of other components")?;
    ensure(there.iter().all(|(_, there, _)| *there == amount), "another usage")?;

    let now: DateTime<Utc> = Utc::now();
    let item = ComponentUsageItemRequest::builder()
        .type_("cpu")
        .amount(Decimal::new(125, 2))
        .description("one week".to_owned())
        .recurring(false);
    let body = ComponentUsageCreateRequest::builder()
        .resource(resources.ok_second)
        .usages(vec![item.try_into()?])
        .date(now);
    client.marketplace_component_usages_set_usage().body(body).send().await?;
    let should_be = ("cpu".to_owned(), Decimal::new(125, 2), "one week".to_owned());
    ensure(reported(resources.ok_second).contains(&should_be), "another usage of today")
}

async fn accounts(sandbox: &Sandbox, client: &Client) -> Outcome {
    let ids = sandbox.ids();
    let address = |what: &str, uuid: Uuid| format!("{}/api/{what}/{}/", client.url(), uuid.simple());
    let body = OfferingUserRequest::builder()
        .offering(address("marketplace-provider-offerings", ids.offerings.bulk))
        .user(address("users", ids.users.bob));
    let made = client.marketplace_offering_users_create().body(body).send().await?.into_inner();
    let uuid = made.and_then(|made| made.uuid).ok_or("an account without a uuid")?;
    let name = PatchedOfferingUserRequest::builder().username("bob17".to_owned());
    client.marketplace_offering_users_partial_update().uuid(uuid).body(name).send().await?;
    let accounts = sandbox.offering_users();
    let account = accounts.iter().find(|account| account.uuid == uuid).ok_or("no such account")?;
    let should_be = (ids.offerings.bulk, ids.users.bob, "bob17");
    ensure((account.offering, account.user, account.username.as_str()) == should_be, "another account")
}
