//! Agents, their services and their processors.

use serde_json::json;
use waldur_sandbox::{Actor, Fault, Sandbox};
use waldur_sdk::Report;
use waldur_sdk::agent::{AgentIdentity, ProcessedOrder};

use crate::common::client_as;
use crate::orders::client;

#[tokio::test]
async fn an_agent_registers_and_is_found_again() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = client(&sandbox);
    let offering = sandbox.ids().offerings.slurm;
    let agent = AgentIdentity::register(&client, offering, "polar", "1").await.unwrap();
    sandbox.clear_requests();
    assert_eq!(AgentIdentity::register(&client, offering, "polar", "1").await.unwrap(), agent);
    assert_eq!(sandbox.requests().len(), 1, "only the list");
    let newer = AgentIdentity::register(&client, offering, "polar", "2").await.unwrap();
    assert_eq!((newer.uuid, newer.version.as_str()), (agent.uuid, "2"));
    let elsewhere =
        AgentIdentity::register(&client, sandbox.ids().offerings.bulk, "polar", "1").await.unwrap();
    assert_ne!(elsewhere.uuid, agent.uuid);
    let service = agent.register_service(&client, "orders", "order_process").await.unwrap();
    assert_eq!(agent.register_service(&client, "orders", "order_process").await.unwrap(), service);
    let worker = service.register_processor(&client, "orders", "slurm", "23").await.unwrap();
    assert_eq!(service.register_processor(&client, "orders", "slurm", "24").await.unwrap(), worker);
    let counts = Report::<ProcessedOrder>::default().counts();
    service.set_statistics(&client, &counts).await.unwrap();
    service.set_statistics(&client, &serde_json::json!({ "done": 1 })).await.unwrap();
    let documents = sandbox.documents("marketplace-site-agent-services");
    assert_eq!(documents.len(), 1);
    assert_eq!(documents[0].properties["statistics"], serde_json::json!({ "done": 1 }));
    let documents = sandbox.documents("marketplace-site-agent-identities");
    assert_eq!(documents.len(), 2);
    assert_eq!(documents[0].properties["version"], "2");
}

#[tokio::test]
async fn an_agent_that_registers_twice_at_once_is_one() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = client(&sandbox);
    let offering = sandbox.ids().offerings.slurm;
    let register = |version: &'static str| AgentIdentity::register(&client, offering, "polar", version);
    let agents = tokio::join!(register("1"), register("1"), register("2"));
    let uuids = [agents.0.unwrap().uuid, agents.1.unwrap().uuid, agents.2.unwrap().uuid];
    let documents = sandbox.documents("marketplace-site-agent-identities");
    assert_eq!((documents.len(), uuids), (1, [documents[0].uuid; 3]));
    assert_eq!(documents[0].properties["version"], "2");
}

#[tokio::test]
async fn registrations_that_get_lost_or_are_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = client(&sandbox);
    let offering = sandbox.ids().offerings.slurm;
    sandbox.fail_next(1, "POST", "/marketplace-site-agent-identities/", Fault::ResetAfter);
    let agent = AgentIdentity::register(&client, offering, "polar", "1").await.unwrap();
    sandbox.fail_next(1, "POST", "/marketplace-site-agent-identities/", Fault::EmptyBody);
    AgentIdentity::register(&client, offering, "other", "1").await.unwrap();
    assert_eq!(sandbox.documents("marketplace-site-agent-identities").len(), 2);
    sandbox.fail_next(1, "POST", "/marketplace-site-agent-identities/", Fault::ResetBefore);
    let error = AgentIdentity::register(&client, offering, "third", "1").await.unwrap_err();
    assert!(error.is_transport(), "{error}");
    sandbox.fail_next(1, "POST", "/register_service/", Fault::ResetAfter);
    let service = agent.register_service(&client, "orders", "order_process").await.unwrap();
    assert_eq!(sandbox.documents("marketplace-site-agent-services").len(), 1);
    sandbox.clear_requests();
    for error in [
        AgentIdentity::register(&client, offering, "", "1").await.unwrap_err(),
        agent.register_service(&client, "", "").await.unwrap_err(),
        service.register_processor(&client, "orders", "", "").await.unwrap_err(),
    ] {
        assert!(error.is_validation() && error.attempts() == 0, "{error}");
    }
    assert!(sandbox.requests().is_empty());
    for actor in [Actor::Consumer, Actor::Outsider] {
        let stranger = client_as(&sandbox, actor);
        let error = AgentIdentity::register(&stranger, offering, "polar", "1").await.unwrap_err();
        assert!(error.is_forbidden() || error.is_validation(), "{error}");
        assert!(agent.register_service(&stranger, "orders", "x").await.unwrap_err().is_not_found());
        assert!(service.set_statistics(&stranger, &1).await.is_err());
    }
}

#[tokio::test]
async fn a_start_is_told_of_with_the_name_and_version_of_the_agent() {
    let sandbox = Sandbox::start().await.unwrap();
    let (client, offering) = (client(&sandbox), sandbox.ids().offerings.slurm);
    let agent = AgentIdentity::register(&client, offering, "polar", "1").await.unwrap();
    AgentIdentity::register(&client, offering, "polar", "2").await.unwrap();
    agent.set_last_restarted(&client, "2026-03-10T08:00:00Z".parse().unwrap()).await.unwrap();
    let properties = &sandbox.documents("marketplace-site-agent-identities")[0].properties;
    assert_eq!((&properties["name"], &properties["version"]), (&json!("polar"), &json!("1")));
    assert!(properties["last_restarted"].as_str().unwrap().starts_with("2026-03-10T08:00:00"));
    // As before 7.8.5.
    sandbox.fail_next(1, "PUT", "/", Fault::NoSuchOperation);
    let error = agent.set_last_restarted(&client, sandbox.now()).await.unwrap_err();
    assert!(error.is_unsupported(), "{error}");
    let error = agent.set_last_restarted(&client_as(&sandbox, Actor::Outsider), sandbox.now()).await;
    let error = error.unwrap_err();
    assert!((error.is_not_found() || error.is_forbidden()) && !error.is_unsupported(), "{error}");
}

/// The answers to registrations are looked up where they don't say what was registered.
#[tokio::test]
async fn a_registration_whose_answer_lost_its_uuid_is_found() {
    let sandbox = Sandbox::builder().orders(0).start().await.unwrap();
    let client = client(&sandbox);
    let slurm = sandbox.ids().offerings.slurm;
    let lost = || Fault::MissingFields(vec!["uuid".to_owned()]);
    sandbox.fail_next(1, "POST", "/marketplace-site-agent-identities/", lost());
    let agent = AgentIdentity::register(&client, slurm, "polar-agent", "1").await.unwrap();
    sandbox.fail_next(1, "POST", "/register_service/", lost());
    let service = agent.register_service(&client, "orders", "order_process").await.unwrap();
    sandbox.fail_next(1, "POST", "/register_processor/", lost());
    let processor = service.register_processor(&client, "orders", "slurm", "23").await.unwrap();
    for (uuid, name) in [
        (agent.uuid, "marketplace-site-agent-identities"),
        (service.uuid, "marketplace-site-agent-services"),
        (processor.uuid, "marketplace-site-agent-processors"),
    ] {
        let there = sandbox.documents(name);
        assert!(there.len() == 1 && there[0].uuid == uuid, "{name}: {there:?}");
    }
    // One that can't be read may be the one that is looked for: no second is made.
    sandbox.corrupt("marketplace_site_agent_identities_list", 0, "uuid", json!(null));
    let error = AgentIdentity::register(&client, slurm, "polar-agent", "1").await.unwrap_err();
    assert!(error.is_unexpected_response() && error.to_string().contains("polar-agent"), "{error}");
    sandbox.clear_corruptions();
    // A page isn't Waldur's: what was registered before proves nothing.
    sandbox.fail_next(9, "POST", "/register_service/", Fault::MediaType("text/html".to_owned()));
    let error = agent.register_service(&client, "orders", "order_process").await.unwrap_err();
    assert!(error.is_page() && error.is_ambiguous(), "{error}");
    // The version changes though the answer is a page.
    sandbox.fail_next(1, "PUT", "/", Fault::MediaType("text/html".to_owned()));
    let agent = AgentIdentity::register(&client, slurm, "polar-agent", "2").await.unwrap();
    assert_eq!(agent.version, "2");
    assert_eq!(sandbox.documents("marketplace-site-agent-identities").len(), 1);
}
