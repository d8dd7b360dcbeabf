//! The eighteen workflows of the published guide for service providers, in its order, for a provider, a
//! consumer and an outsider, on servers of several releases. If the guide's own sample doesn't match the API,
//! the test documents the difference.

use std::collections::BTreeSet;

use serde::Deserialize;
use waldur_sandbox::{Actor, OrderState as State, Release, Sandbox};
use waldur_sdk::types::{RequestTypes, ResourceState};
use waldur_sdk::{Applied, Client, Decimal, Error, ListExt as _, Provider, Uuid};

use crate::common::{client_as, provider_as, today};

const RELEASES: [Release; 3] = [Release::Schema, Release::Late2024, Release::Newer];

/// A server and its three callers.
struct Row {
    sandbox: Sandbox,
    provider: Provider,
    consumer: Provider,
    outsider: Provider,
}

async fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for release in RELEASES {
        let sandbox = Sandbox::builder().release(release).start().await.unwrap();
        let [provider, consumer, outsider] =
            [Actor::Provider, Actor::Consumer, Actor::Outsider].map(|actor| provider_as(&sandbox, actor));
        rows.push(Row { sandbox, provider, consumer, outsider });
    }
    rows
}

impl Row {
    fn client(&self, actor: Actor) -> Client {
        client_as(&self.sandbox, actor)
    }

    fn posts(&self) -> Vec<String> {
        let requests = self.sandbox.requests().into_iter();
        requests.filter(|request| request.method == "POST").map(|request| request.path).collect()
    }

    /// Returns an order in this state, of an offering with or without an agent.
    fn order(&self, state: State, with_agent: bool) -> Uuid {
        let basic = self.sandbox.ids().offerings.basic;
        let fits = |order: &&waldur_sandbox::OrderView| {
            order.state == state && (order.offering != basic) == with_agent
        };
        self.sandbox.orders().iter().find(fits).unwrap().uuid
    }

    fn state(&self, order: Uuid) -> State {
        self.sandbox.order(order).unwrap().state
    }
}

/// Returns whether the caller may not see the object or may not act on it.
fn is_closed(error: &Error) -> bool {
    error.is_not_found() || error.is_forbidden()
}

fn refused(result: Result<Applied, Error>) -> String {
    let error = result.unwrap_err();
    assert!(error.is_refusal(), "{error}");
    error.reason()
}

#[tokio::test]
async fn row_1_list_users() {
    for row in rows().await {
        let names = |users: waldur_sdk::Rows<waldur_sdk::people::User>| -> BTreeSet<String> {
            users.into_iter().map(|user| user.username).collect()
        };
        // Each caller sees related users and itself.
        assert!(names(row.provider.users().all().await.unwrap()).contains("alice"));
        let (consumer, outsider) =
            (row.consumer.users().all().await.unwrap(), row.outsider.users().all().await.unwrap());
        assert!(names(consumer).contains("alice"));
        assert_eq!(names(outsider), BTreeSet::from(["outsider".to_owned()]));
    }
}

#[tokio::test]
async fn row_2_list_ssh_keys() {
    for row in rows().await {
        let keys = row.provider.ssh_keys().all().await.unwrap();
        assert!(keys.iter().all(|key| key.user_uuid == row.sandbox.ids().users.provider));
        assert_eq!(keys.len(), 1);
        assert!(row.consumer.ssh_keys().all().await.unwrap().is_empty());
        assert!(row.outsider.ssh_keys().all().await.unwrap().is_empty());
    }
}

/// The sample lists `marketplace-resources`, which is empty for a provider. The SDK lists the provider's
/// view.
#[tokio::test]
async fn row_3_list_resources() {
    for row in rows().await {
        #[derive(Deserialize)]
        struct Chosen {
            name: String,
            state: ResourceState,
        }
        let ids = row.sandbox.ids();
        let creating = |provider: &Provider| {
            provider.resources().state(ResourceState::Creating).offering(ids.offerings.slurm)
        };
        let of_provider = creating(&row.provider).provider(ids.provider_customer);
        row.sandbox.clear_requests();
        let chosen: Vec<Chosen> = of_provider.select().all().await.unwrap();
        let request = &row.sandbox.requests()[0];
        let asked = &request.query;
        assert!(asked.contains("field=name") && asked.contains("field=state"), "{asked}");
        let there = row.sandbox.resources().into_iter().filter(|one| {
            one.offering == ids.offerings.slurm && one.state == waldur_sandbox::ResourceState::Creating
        });
        assert_eq!(chosen.len(), there.count());
        assert!(chosen.iter().all(|one| !one.name.is_empty() && one.state == ResourceState::Creating));
        // Callers who provide nothing get an empty list.
        for other in [&row.consumer, &row.outsider] {
            assert!(creating(other).all().await.unwrap().is_empty());
            assert!(is_closed(&other.resource(ids.resources.ok).get().await.unwrap_err()));
        }
    }
}

/// The sample approves executing orders, to which the server responds with 409. Here, executing orders are
/// unchanged, and pending ones are approved by a separate call.
#[tokio::test]
async fn row_4_approve_and_reject_orders() {
    for row in rows().await {
        let (one, other) =
            (row.order(State::PendingProvider, true), row.order(State::PendingProvider, false));
        for outcome in [row.consumer.order(one).approve().await, row.outsider.order(one).approve().await] {
            assert!(!refused(outcome).is_empty());
        }
        assert!(row.outsider.orders().pending().all().await.unwrap().is_empty());
        assert_eq!(row.state(one), State::PendingProvider);
        row.sandbox.clear_requests();
        let resource = row.sandbox.order(one).unwrap().resource;
        let found = row.provider.orders().pending().resource(resource).all().await.unwrap();
        assert_eq!((found.len(), found[0].uuid), (1, one));

        row.sandbox.clear_requests();
        let report = row.provider.orders().executing().approve_all().await.unwrap();
        assert!(!report.items.is_empty() && report.unchanged() == report.items.len());
        assert!(row.posts().is_empty() && row.state(one) == State::PendingProvider);

        assert_eq!(row.provider.order(other).reject("no room").await.unwrap(), Applied::Now);
        assert_eq!(row.state(other), State::Rejected);
        let report = row.provider.orders().pending().approve_all().await.unwrap();
        assert!(report.is_ok() && report.applied() == report.items.len());
        assert_eq!(row.state(one), State::Executing);
        assert!(row.sandbox.orders().iter().all(|order| order.state != State::PendingProvider));
        assert!(row.provider.orders().pending().approve_all().await.unwrap().items.is_empty());
    }
}

/// The sample cancels an executing order to terminate. Only the customer may, and only if no agent works on
/// it.
#[tokio::test]
async fn row_5_cancel_orders() {
    for row in rows().await {
        let terminating = row.consumer.orders().executing().of_type(RequestTypes::Terminate);
        let terminating = terminating.all().await.unwrap();
        assert!(terminating.iter().all(|order| order.type_ == RequestTypes::Terminate));
        let (agents, basic) = (row.order(State::Executing, true), row.order(State::PendingProvider, false));
        assert!(!refused(row.provider.order(basic).cancel().await).is_empty());
        assert!(!refused(row.outsider.order(basic).cancel().await).is_empty());
        assert!(!refused(row.consumer.order(agents).cancel().await).is_empty());
        assert_eq!((row.state(agents), row.state(basic)), (State::Executing, State::PendingProvider));
        assert_eq!(row.consumer.order(basic).cancel().await.unwrap(), Applied::Now);
        assert_eq!(row.consumer.order(basic).cancel().await.unwrap(), Applied::Already);
        assert_eq!(row.state(basic), State::Canceled);
    }
}

/// The sample posts to the resource itself, which is no operation. It is an action of the provider's view.
#[tokio::test]
async fn row_6_set_the_backend_id() {
    for row in rows().await {
        let resource = row.sandbox.ids().resources.ok;
        for other in [&row.consumer, &row.outsider] {
            assert!(is_closed(&other.resource(resource).set_backend_id("theirs").await.unwrap_err()));
        }
        row.sandbox.clear_requests();
        for _ in 0..2 {
            row.provider.resource(resource).set_backend_id("hpc_17").await.unwrap();
            assert_eq!(row.sandbox.resource(resource).unwrap().backend_id, "hpc_17");
        }
        assert!(row.posts().iter().all(|path| path.ends_with("/set_backend_id/")), "{:?}", row.posts());
        let found = row.provider.resources().find_by_backend_id("hpc_17").await.unwrap().unwrap();
        assert_eq!(found.uuid, resource);
    }
}

#[tokio::test]
async fn row_7_submit_a_report() {
    for row in rows().await {
        let resource = row.sandbox.ids().resources.ok;
        let sections = [("Login", "ssh polar"), ("Quota", "500 hours")];
        for other in [&row.consumer, &row.outsider] {
            assert!(is_closed(&other.resource(resource).submit_report(sections).await.unwrap_err()));
        }
        row.provider.resource(resource).submit_report(sections).await.unwrap();
        assert_eq!(row.sandbox.resource(resource).unwrap().report.as_array().map(Vec::len), Some(2));
        let none: [(&str, &str); 0] = [];
        assert!(row.provider.resource(resource).submit_report(none).await.unwrap_err().is_validation());
    }
}

/// The sample reads one page of ten. The SDK reads all pages by default.
#[tokio::test]
async fn row_8_pages() {
    for row in rows().await {
        for (actor, count) in [(Actor::Provider, 3), (Actor::Consumer, 0), (Actor::Outsider, 0)] {
            let client = row.client(actor);
            let list = || client.marketplace_provider_offerings_list();
            let first = list().page(1).page_size(1).send().await.unwrap().into_inner();
            assert_eq!(first.len(), usize::from(count > 0));
            assert_eq!(list().page_size(1).all().await.unwrap().len(), count);
            assert_eq!(list().count().await.unwrap(), count as u64);
        }
    }
}

#[tokio::test]
async fn row_9_choose_fields() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Chosen {
        customer_name: String,
        customer_abbreviation: String,
        description: String,
        offering_count: u64,
    }
    for row in rows().await {
        // Service providers are public.
        for actor in [Actor::Provider, Actor::Consumer, Actor::Outsider] {
            let client = row.client(actor);
            let chosen = client.marketplace_service_providers_list().select::<Chosen>().all().await.unwrap();
            assert_eq!((chosen.len(), chosen[0].offering_count), (1, 3));
            assert!(!chosen[0].customer_name.is_empty() && !chosen[0].customer_abbreviation.is_empty());
        }
    }
}

/// The sample reads the consumer's view, which a provider may not see.
#[tokio::test]
async fn row_10_list_the_team() {
    for row in rows().await {
        let ids = row.sandbox.ids();
        let names: BTreeSet<String> = row
            .provider
            .resource(ids.resources.ok)
            .team()
            .await
            .unwrap()
            .into_iter()
            .map(|one| one.username)
            .collect();
        let members: BTreeSet<String> =
            row.sandbox.members(ids.project).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, members);
        for other in [&row.consumer, &row.outsider] {
            assert!(is_closed(&other.resource(ids.resources.ok).team().await.unwrap_err()));
        }
    }
}

/// The sample identifies components by their names instead of their types, and reads the plan periods from
/// the consumer's view.
#[tokio::test]
async fn row_11_report_usage() {
    for row in rows().await {
        let resource = row.sandbox.ids().resources.ok;
        for other in [&row.consumer, &row.outsider] {
            let error =
                other.resource(resource).report_usage().amount("cpu", Decimal::TEN).await.unwrap_err();
            assert!(is_closed(&error), "{error}");
            assert!(
                other.resource(resource).report_usage().all(Decimal::TEN).allow_decrease().await.is_err()
            );
            assert!(is_closed(&other.resource(resource).plan_periods().await.unwrap_err()));
        }
        let sent =
            row.provider.resource(resource).report_usage().all(Decimal::TEN).allow_decrease().await.unwrap();
        let types: BTreeSet<&str> = sent.usages.iter().map(|usage| usage.type_.as_str()).collect();
        assert_eq!(types, BTreeSet::from(["cpu", "gpu", "ram"]));
        let usages = row.provider.resource(resource).usage(today()).await.unwrap();
        assert!(usages.len() == 3 && usages.iter().all(|usage| usage.amount == Decimal::TEN));
        let periods = row.provider.resource(resource).plan_periods().await.unwrap();
        assert_eq!((periods.len(), periods[0].usages.len()), (1, 3));
        assert!(periods[0].end.is_none());
        // The name, as in the sample, is not the type of a component.
        let error = row.provider.resource(resource).report_usage().amount("CPU hours", Decimal::ONE).await;
        assert!(error.unwrap_err().is_validation());
    }
}

/// The sample passes URLs of other collections, which servers refuse.
#[tokio::test]
async fn row_12_access_to_an_offering() {
    for row in rows().await {
        let (bob, slurm) = (row.sandbox.ids().users.bob, row.sandbox.ids().offerings.slurm);
        for other in [&row.consumer, &row.outsider] {
            let refused = other.ensure_offering_user(bob, slurm).username("bob01").await;
            assert!(is_closed(&refused.unwrap_err()));
        }
        let ensured = row.provider.ensure_offering_user(bob, slurm).username("bob01").await.unwrap();
        assert!(ensured.created && ensured.object.is_usable());
        assert_eq!((ensured.object.user_uuid, ensured.object.username.as_str()), (bob, "bob01"));
        let again = row.provider.ensure_offering_user(bob, slurm).username("bob01").await.unwrap();
        assert_eq!((again.created, again.object.uuid), (false, ensured.object.uuid));
        let found = row.provider.offering_users().user(bob).offering(slurm).first().await.unwrap();
        assert_eq!(found.unwrap().username, "bob01");
    }
}

#[tokio::test]
async fn row_13_usernames_in_batch() {
    for row in rows().await {
        let (alice, own) = (row.sandbox.ids().users.alice, row.sandbox.ids().service_provider);
        for other in [&row.consumer, &row.outsider] {
            let report = other.service_provider(own).set_usernames([(alice, "theirs")]).await.unwrap();
            assert!(is_closed(report.items[0].outcome.error().unwrap()));
        }
        for _ in 0..2 {
            let report = row.provider.service_provider(own).set_usernames([(alice, "al01")]).await.unwrap();
            assert!(report.is_ok(), "{report}");
            let accounts = row.provider.offering_users().all().await.unwrap();
            let of_alice: Vec<_> = accounts.iter().filter(|account| account.user_uuid == alice).collect();
            assert!(!of_alice.is_empty() && of_alice.iter().all(|account| account.username == "al01"));
        }
        let report = row.provider.service_provider(own).set_usernames([(Uuid::nil(), "x")]).await.unwrap();
        assert!(report.items[0].outcome.error().unwrap().is_validation());
    }
}

/// The sample assumes that there is always one. The SDK returns an option.
#[tokio::test]
async fn row_14_provider_of_an_organisation() {
    for row in rows().await {
        let ids = row.sandbox.ids();
        for actor in [&row.provider, &row.consumer, &row.outsider] {
            let own = actor.service_providers().of_customer(ids.provider_customer).await.unwrap().unwrap();
            assert_eq!(own.uuid, ids.service_provider);
            assert_eq!(actor.service_providers().of_customer(ids.consumer_customer).await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn row_15_users_of_the_provider() {
    for row in rows().await {
        let own = row.sandbox.ids().service_provider;
        let users = row.provider.service_provider(own).users().all().await.unwrap();
        assert!(["alice", "bob"].iter().all(|name| users.iter().any(|user| user.username == *name)));
        assert!(row.consumer.service_provider(own).users().all().await.unwrap_err().is_forbidden());
        assert!(row.outsider.service_provider(own).users().all().await.unwrap_err().is_forbidden());
    }
}

#[tokio::test]
async fn row_16_keys_of_the_provider() {
    for row in rows().await {
        let (own, keys) = (row.sandbox.ids().service_provider, row.sandbox.ids().keys);
        let found = row.provider.service_provider(own).ssh_keys().all().await.unwrap();
        assert!([keys.alice, keys.bob].iter().all(|uuid| found.iter().any(|key| key.uuid == *uuid)));
        assert!(row.consumer.service_provider(own).ssh_keys().all().await.unwrap_err().is_forbidden());
        assert!(row.outsider.service_provider(own).ssh_keys().all().await.unwrap_err().is_forbidden());
    }
}

#[tokio::test]
async fn row_17_projects_of_the_provider() {
    for row in rows().await {
        let ids = row.sandbox.ids();
        let projects = row.provider.service_provider(ids.service_provider).projects().all().await.unwrap();
        assert_eq!((projects.len(), projects[0].uuid), (1, ids.project));
        assert!(
            row.consumer
                .service_provider(ids.service_provider)
                .projects()
                .all()
                .await
                .unwrap_err()
                .is_forbidden()
        );
        assert!(
            row.outsider
                .service_provider(ids.service_provider)
                .projects()
                .all()
                .await
                .unwrap_err()
                .is_forbidden()
        );
    }
}

#[tokio::test]
async fn row_18_project_permissions_of_the_provider() {
    for row in rows().await {
        let own = row.sandbox.ids().service_provider;
        let found = row.provider.service_provider(own).project_permissions().all().await.unwrap();
        let alice = found.iter().find(|one| one.user_username == "alice").unwrap();
        assert!(alice.project_uuid == row.sandbox.ids().project && !alice.role.is_empty());
        for other in [&row.consumer, &row.outsider] {
            assert!(
                other.service_provider(own).project_permissions().all().await.unwrap_err().is_forbidden()
            );
        }
    }
}
