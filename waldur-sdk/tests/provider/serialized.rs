//! Results as JSON, for logs and programs in other languages.

use serde_json::{Value, json};
use waldur_sandbox::{Actor, Fault, Misbehaviour, OrderState as State, OrderType, ResourceState, Sandbox};
use waldur_sdk::offerings::ComponentDefinition;
use waldur_sdk::types::BillingTypeEnum;
use waldur_sdk::{Client, ClientExt as _, Decimal, RetryPolicy, Uuid};

const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";

async fn with_orders(count: usize) -> Sandbox {
    let seed = move |seed: &mut waldur_sandbox::Seed<'_>| {
        let ids = *seed.ids();
        for _ in 0..count {
            let resource = seed.resource(ids.offerings.slurm, ids.project, "waves", ResourceState::Creating);
            seed.order(resource, OrderType::Create, State::PendingProvider);
        }
    };
    Sandbox::builder().orders(0).seed(seed).start().await.unwrap()
}

fn client(sandbox: &Sandbox) -> Client {
    let builder = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider));
    builder.retry(RetryPolicy::default().max_attempts(1)).build().unwrap()
}

fn json_of(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

#[tokio::test]
async fn an_error_is_an_object_without_token_and_body() {
    let sandbox = with_orders(1).await;
    let client = client(&sandbox);
    let error = client.provider().order(Uuid::nil()).get().await.unwrap_err();
    let object = json_of(&error);
    assert_eq!(
        (&object["kind"], &object["status"], &object["attempts"]),
        (&json!("not_found"), &json!(404), &json!(1))
    );
    assert_eq!(object["operation"], "marketplace_orders_retrieve");
    assert_eq!(
        (&object["method"], &object["path"]),
        (&json!("GET"), &json!("/api/marketplace-orders/{uuid}/"))
    );
    assert_eq!(object["message"], error.to_string());
    assert_eq!(object["messages"][0]["path"], "");
    assert!(object["retry_after"].is_null() && object.get("body").is_none());

    let stranger = Client::builder().url(sandbox.url()).token(TOKEN).build().unwrap();
    let text =
        serde_json::to_string(&stranger.provider().order(Uuid::nil()).get().await.unwrap_err()).unwrap();
    assert!(text.contains("\"unauthenticated\"") && !text.contains(TOKEN), "{text}");
}

#[tokio::test]
async fn a_report_has_the_outcome_of_each_order() {
    let sandbox = with_orders(2).await;
    let broken = sandbox.orders()[1].uuid;
    let path = format!("/{}/approve_by_provider/", broken.simple());
    sandbox.fail_next(1, "POST", &path, Fault::Status(403));
    let report = client(&sandbox).provider().orders().pending().approve_all().await.unwrap();
    let object = json_of(&report);
    assert_eq!(object["unreadable"], json!([]));
    let items = object["items"].as_array().unwrap();
    let of = |uuid: Uuid| items.iter().find(|item| item["target"]["uuid"] == json!(uuid)).unwrap();
    assert_eq!(of(sandbox.orders()[0].uuid)["outcome"], json!({ "kind": "applied" }));
    assert_eq!(of(broken)["outcome"]["kind"], "refused");
    let order = &of(broken)["target"];
    assert_eq!((&order["type"], &order["state"]), (&json!("Create"), &json!("pending-provider")));
}

#[tokio::test]
async fn a_failed_order_has_its_error() {
    let sandbox = with_orders(1).await;
    sandbox
        .misbehave(Misbehaviour::new(Fault::Status(500)).operation("marketplace_orders_approve_by_provider"));
    let report = client(&sandbox).provider().orders().pending().approve_all().await.unwrap();
    let outcome = &json_of(&report)["items"][0]["outcome"];
    assert_eq!(
        (&outcome["kind"], &outcome["error"]["kind"]),
        (&json!("failed"), &json!("server")),
        "{outcome}"
    );
}

#[tokio::test]
async fn amounts_and_dates_are_exact_texts() {
    let sandbox = Sandbox::start().await.unwrap();
    let resource = sandbox.ids().resources.ok;
    let report =
        client(&sandbox).provider().resource(resource).report_usage().amount("cpu", Decimal::new(1025, 2));
    let planned = report.dry_run().await.unwrap();
    let object = json_of(&planned);
    assert_eq!(object["usages"], json!([{ "type": "cpu", "amount": "10.25" }]));
    assert_eq!(object["month"], planned.month.to_string());
    let definition = ComponentDefinition::new("gpu", "GPU", BillingTypeEnum::Usage, "hours");
    assert_eq!(
        (&json_of(&definition)["type"], &json_of(&definition)["billing_type"]),
        (&json!("gpu"), &json!("usage"))
    );
}

#[cfg(feature = "agent")]
mod agent {
    use std::time::Duration;

    use waldur_sdk::BackendId;
    use waldur_sdk::agent::{Backend, BackendError, OrderProcessor, Provisioned, Task};
    use waldur_sdk::membership::{ListedMember, Member, Membership, MembershipBackend, MembershipResource};

    use super::*;

    struct Busy;

    impl Backend for Busy {
        async fn create(&self, _: &Task) -> Result<Provisioned, BackendError> {
            Err(BackendError::transient("the cluster is busy"))
        }
        async fn update(&self, _: &Task, _: &BackendId) -> Result<(), BackendError> {
            Ok(())
        }
        async fn terminate(&self, _: &Task, _: &BackendId) -> Result<(), BackendError> {
            Ok(())
        }
    }

    impl MembershipBackend for Busy {
        type Error = String;
        async fn list(&self, _: &MembershipResource) -> Result<Vec<ListedMember>, String> {
            Ok(Vec::new())
        }
        async fn add(&self, _: &MembershipResource, _: &Member) -> Result<(), String> {
            Err("no quota".to_owned())
        }
        async fn remove(&self, _: &MembershipResource, _: &Member) -> Result<(), String> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_round_has_the_outcome_of_each_order() {
        let sandbox = with_orders(1).await;
        let processor = OrderProcessor::new(&client(&sandbox), [sandbox.ids().offerings.slurm], Busy);
        let processor = processor.backoff(Duration::from_secs(50), Duration::from_secs(100));
        for kind in ["failed", "resting"] {
            let report = processor.run_once().await;
            let item = &json_of(&report)["items"][0];
            let (result, outcome) = (&item["target"]["result"], &item["outcome"]);
            assert_eq!((&result["kind"], json_of(&report.counts())), (&json!(kind), json!({ kind: 1 })));
            assert!((0.0..=50.0).contains(&result["again_in"].as_f64().unwrap()), "{result}");
            assert_eq!((&outcome["kind"], &outcome["error"]["kind"]), (&json!("failed"), &json!("backend")));
            assert_eq!(outcome["error"]["message"], "the back end: the cluster is busy");
            let problems: Vec<_> = report.problems().collect();
            assert_eq!(json_of(&problems)[0]["item"], *item);
        }
    }

    #[tokio::test]
    async fn a_synchronization_has_an_outcome_for_each_resource_and_member() {
        let sandbox = Sandbox::start().await.unwrap();
        let membership = Membership::new(&client(&sandbox), Busy).offering(sandbox.ids().offerings.slurm);
        let object = json_of(&membership.sync_all().await.unwrap());
        let resources = object["resources"]["items"].as_array().unwrap();
        let (without_id, others): (Vec<&Value>, Vec<&Value>) =
            resources.iter().partition(|item| item["outcome"]["error"]["kind"] == "validation");
        assert!(!without_id.is_empty() && !others.is_empty());
        let problem = |item: &Value| item["outcome"]["error"]["message"].as_str().unwrap().to_owned();
        assert!(without_id.iter().all(|item| problem(item).ends_with("no id in the back end")), "{object}");
        assert!(problem(others[0]).contains("the back end: no quota"), "{object}");
        let members = others[0]["target"]["members"]["items"].as_array().unwrap();
        let member = members.iter().find(|item| item["target"]["step"] == "add").unwrap();
        assert_eq!(member["outcome"]["kind"], "failed");
        assert_eq!(member["outcome"]["error"]["message"], "the back end: no quota");
    }
}
