//! The access of members, and the last day of a resource or its project.

use serde_json::json;
use waldur_sandbox::{ResourceState as State, Sandbox};
use waldur_sdk::NaiveDate;
use waldur_sdk::agent::ResourceMode::Normal;

use crate::resources::{Account, Cluster, RESOURCES, processor, resource};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// A resource that ends in 2031, in a project that ends in 2030 or not at all.
async fn sandbox_ending(project_ends: bool) -> Sandbox {
    let builder = Sandbox::builder().orders(0).seed(move |seed| {
        let (provider, customer) = (seed.ids().provider_customer, seed.ids().consumer_customer);
        let (offering, project) = (seed.offering(provider, "hpc"), seed.project(customer, "Ice"));
        let resource = seed.resource(offering, project, "ending", State::Ok);
        seed.backend_id(resource, "hpc_ending");
        seed.restrict_member_access(resource, true);
        seed.flags(resource, false, false);
        seed.end_date(resource, day("2031-05-06"));
        if project_ends {
            seed.project_end_date(project, day("2030-01-02"));
        }
    });
    builder.start().await.unwrap()
}

fn cluster() -> Cluster {
    let mut account = Account::new(Normal, 8);
    (account.end_date, account.members_restricted) = (Some(None), Some(false));
    let cluster = Cluster::default();
    cluster.with(|world| world.accounts.insert("hpc_ending".to_owned(), account));
    cluster
}

#[tokio::test]
async fn the_back_end_gets_the_earlier_end_and_blocks_members() {
    for (project_ends, end) in [(true, "2030-01-02"), (false, "2031-05-06")] {
        let (sandbox, cluster) = (sandbox_ending(project_ends).await, cluster());
        let report = processor(&sandbox, &cluster).run_once().await;
        assert_eq!(cluster.calls(), ["hpc_ending members", "hpc_ending end"], "{report:#?}");
        let account = cluster.account("hpc_ending");
        assert_eq!((account.end_date, account.members_restricted), (Some(Some(day(end))), Some(true)));
        assert!(processor(&sandbox, &cluster).run_once().await.is_ok());
        assert_eq!(cluster.calls().len(), 2);
        sandbox.assert_contract();
    }
}

#[tokio::test]
async fn an_end_that_cannot_be_read_changes_nothing() {
    for (field, value) in [("end_date", Some(json!("soon"))), ("project_end_date", None)] {
        let (sandbox, cluster) = (sandbox_ending(true).await, cluster());
        cluster.with(|world| world.accounts.get_mut("hpc_ending").unwrap().members_restricted = Some(true));
        sandbox.corrupt(RESOURCES, resource(&sandbox, "ending").uuid, field, value);
        let report = processor(&sandbox, &cluster).run_once().await;
        assert!(report.is_ok() && cluster.calls().is_empty(), "{field}: {report:#?}");
    }
}
