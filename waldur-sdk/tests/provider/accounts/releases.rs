//! The workflows of accounts on each release of the server.

use waldur_sandbox::{Actor, Release, Sandbox};
use waldur_sdk::accounts::ServiceAccountOwner::{Customer, Project};
use waldur_sdk::accounts::{
    OfferingUserTransition as AccountTransition, RobotAccountTransition as Transition, ServiceAccountRequest,
};

use crate::accounts::ROBOTS;
use crate::common::{provider, provider_as};

/// Returns everything that a server stores about accounts.
fn kept(sandbox: &Sandbox) -> String {
    let collections = [
        ROBOTS,
        "marketplace-project-service-accounts",
        "marketplace-customer-service-accounts",
        "marketplace-course-accounts",
    ];
    let documents: Vec<_> = collections.into_iter().map(|name| sandbox.documents(name)).collect();
    format!("{:?} {documents:?}", sandbox.offering_users())
}

/// Each workflow works on each release, or is unsupported and changes nothing, after a few requests.
#[tokio::test]
async fn each_release_applies_a_workflow_or_is_unsupported_and_unchanged() {
    let lists: &[&str] = &["course", "all course", "project", "all project", "customer"];
    let young = [
        "transition",
        "pending",
        "robot erred",
        "robot deletion",
        "make project",
        "make customer",
        "make course",
    ];
    let young: Vec<&str> =
        young.iter().chain(lists).chain(&["rotate", "close", "close course"]).copied().collect();
    for (release, expected) in
        [(Release::Late2024, young), (Release::Schema, Vec::new()), (Release::Newer, Vec::new())]
    {
        let sandbox = Sandbox::builder().release(release).start().await.unwrap();
        let ids = *sandbox.ids();
        let (slurm, own, resource) = (ids.offerings.slurm, ids.service_provider, ids.resources.ok);
        let provider = provider(&sandbox);
        let consumer = provider_as(&sandbox, Actor::Consumer);
        let mut unsupported: Vec<&str> = Vec::new();
        macro_rules! go {
            ($name:literal, $work:expr) => {{
                sandbox.clear_requests();
                let before = kept(&sandbox);
                let result = $work.await;
                assert!(sandbox.requests().len() <= 6, "{release:?} {}: {:?}", $name, sandbox.requests());
                match &result {
                    Ok(_) => {}
                    Err(error) => {
                        assert!(error.is_unsupported(), "{release:?} {}: {error}", $name);
                        assert_eq!(before, kept(&sandbox), "{release:?} {}", $name);
                        unsupported.push($name);
                    }
                }
                result.ok()
            }};
        }
        go!("accounts", provider.offering_users().all());
        go!("gaps", provider.offering(slurm).access_gaps());
        let bob = go!("grant", provider.ensure_offering_user(ids.users.bob, slurm));
        let bob = provider.offering_user(&bob.unwrap().object);
        go!("name", provider.offering_user(ids.offering_user).set_username("alice02"));
        go!("name at all", async {
            let report = provider.service_provider(own).set_usernames([(ids.users.alice, "alice03")]).await?;
            report.items[0].outcome.error().map_or(Ok(()), |error| Err(error.clone()))
        });
        go!("transition", bob.transition(AccountTransition::BeginCreating));
        let pending = bob.transition(AccountTransition::SetPendingAccountLinking).comment("x");
        go!("pending", pending);
        let again = provider.ensure_offering_user(ids.users.bob, slurm).username("bob01");
        go!("grant again", again);
        go!("team", provider.resource(resource).team());
        let robot =
            go!("robot", provider.ensure_robot_account(resource, "cicd").username("bot")).unwrap().object;
        let again = provider.ensure_robot_account(resource, "cicd").username("bot");
        assert_eq!(go!("robot again", again).unwrap().object.uuid, robot.uuid);
        assert_eq!(go!("robots", provider.robot_accounts().all()).unwrap().len(), 1);
        go!("robots of", provider.robot_accounts().resource(resource).all());
        go!("robot erred", provider.robot_account(robot.uuid).set_erred("x"));
        let second = go!("robot 2", provider.ensure_robot_account(resource, "sync")).unwrap().object;
        go!("robot deletion", provider.robot_account(second.uuid).transition(Transition::RequestDeletion));
        go!("robot gone", provider.robot_account(robot.uuid).delete());
        let wanted = || ServiceAccountRequest { username: "svc".to_owned(), ..Default::default() };
        let made = go!("make project", consumer.create_service_account(Project, ids.project, wanted()));
        go!("make customer", consumer.create_service_account(Customer, ids.consumer_customer, wanted()));
        let course = go!("make course", consumer.create_course_account(ids.project, "c@example.org", ""));
        go!("course", provider.offering(slurm).course_accounts());
        go!("all course", provider.course_accounts().service_provider(own).all());
        go!("project", provider.offering(slurm).service_accounts(Project));
        go!("all project", provider.project_service_accounts().service_provider(own).all());
        go!("customer", provider.offering(slurm).service_accounts(Customer));
        match (made, course) {
            (Some(made), Some(course)) => {
                go!("rotate", consumer.service_account(made.account.owner, &made.account).rotate_key());
                go!("close", consumer.service_account(made.account.owner, &made.account).close());
                go!("close course", consumer.course_account(course.uuid).close());
            }
            // The release can't create such an account, so one from elsewhere is used.
            _ => {
                let elsewhere = Sandbox::start().await.unwrap();
                let there = provider_as(&elsewhere, Actor::Consumer);
                let made = there.create_service_account(Project, ids.project, wanted()).await.unwrap();
                go!("rotate", consumer.service_account(made.account.owner, &made.account).rotate_key());
                go!("close", consumer.service_account(made.account.owner, &made.account).close());
                go!("close course", consumer.course_account(made.account.uuid).close());
            }
        }
        go!("users", provider.users().all());
        go!("keys", provider.ssh_keys().all());
        go!("provider", provider.service_providers().of_customer(ids.provider_customer));
        go!("provider users", provider.service_provider(own).users().all());
        go!("provider keys", provider.service_provider(own).ssh_keys().all());
        go!("provider projects", provider.service_provider(own).projects().all());
        go!("provider permissions", provider.service_provider(own).project_permissions().all());
        go!("provider customers", provider.service_provider(own).customers().all());
        go!("provider offerings", provider.service_provider(own).offerings().all());
        assert_eq!(unsupported, expected, "{release:?}");
    }
}
