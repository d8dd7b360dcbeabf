//! Service accounts and course accounts of projects.

use serde_json::json;
use waldur_sandbox::{Actor, Fault, Release, Sandbox};
use waldur_sdk::accounts::{ServiceAccountOwner, ServiceAccountRequest};
use waldur_sdk::membership::{MemberKind, MemberStep, Membership};
use waldur_sdk::{ClientExt as _, Uuid};

use crate::common::{client_as, provider_as};
use crate::membership::{Recorder, caller, small};

const SERVICE: &str = "marketplace_provider_offerings_list_project_service_accounts_list";
const COURSE: &str = "marketplace_provider_offerings_list_course_accounts_list";

/// Creates a service account of the project, as a customer does.
pub(crate) async fn service_account(sandbox: &Sandbox, username: &str) -> Uuid {
    let wanted = ServiceAccountRequest { username: username.to_owned(), ..ServiceAccountRequest::default() };
    let project = ServiceAccountOwner::Project;
    let consumer = provider_as(sandbox, Actor::Consumer);
    consumer.create_service_account(project, sandbox.ids().project, wanted).await.unwrap().account.uuid
}

#[tokio::test]
async fn accounts_of_the_project_are_members_if_they_are_to_be() {
    let sandbox = small().await;
    let (ids, client) = (*sandbox.ids(), caller(&sandbox, Actor::Provider));
    let ci = service_account(&sandbox, "svc-ci").await;
    service_account(&sandbox, "svc-kept").await;
    let consumer = provider_as(&sandbox, Actor::Consumer);
    let course = consumer.create_course_account(ids.project, "student@example.org", "Physics").await.unwrap();
    sandbox.corrupt(COURSE, course.uuid, "username", json!("course01"));
    let there = ["alice01", "carla01", "svc-kept"];
    // By default they are nobody's business.
    let recorder = Recorder::of(there);
    let plan = Membership::new(&client, &recorder).plan(ids.resources.ok).await.unwrap();
    assert_eq!((plan.members.len(), plan.count(MemberStep::Unknown)), (4, 1), "{plan}");

    sandbox.clear_requests();
    let membership =
        Membership::new(&client, &recorder).service_accounts().course_accounts().remove_unknown();
    let plan = membership.plan(ids.resources.ok).await.unwrap();
    assert!(plan.to_string().contains("add svc-ci (service account)"), "{plan}");
    let step = |name: &str| {
        let member = plan.members.iter().find(|one| one.username.as_ref().is_some_and(|it| *it == name));
        member.map(|member| (member.kind, member.step, member.email.clone())).unwrap()
    };
    assert_eq!(step("svc-kept"), (MemberKind::ServiceAccount, MemberStep::Keep, String::new()));
    let of_course = (MemberKind::CourseAccount, MemberStep::Add, "student@example.org".to_owned());
    assert_eq!(step("course01"), of_course);
    assert!(membership.apply(&plan).await.is_ok());
    assert_eq!(recorder.changes(), ["add polar_0001 course01", "add polar_0001 svc-ci"]);
    // The resource, its team, the accounts of users, and two lists more.
    assert_eq!(sandbox.requests().len(), 5);
    sandbox.clear_requests();
    let sync = membership.clone().offering(ids.offerings.slurm).sync_all().await.unwrap();
    assert_eq!(sandbox.requests().len(), 5, "{sync}");

    // Closed, it goes: at once if the server lists it so, otherwise as one that Waldur doesn't know.
    let there = ["alice01", "carla01", "svc-ci", "svc-kept", "course01"];
    let (recorder, closed) = (Recorder::of(there), json!("Closed"));
    let membership = Membership::new(&client, &recorder).service_accounts().course_accounts();
    sandbox.corrupt(SERVICE, ci, "state", closed);
    assert!(membership.sync_resource(ids.resources.ok).await.unwrap().is_ok());
    assert_eq!(recorder.changes(), ["remove polar_0001 svc-ci"]);
    consumer.service_account(ServiceAccountOwner::Project, ci).close().await.unwrap();
    let plan = membership.plan(ids.resources.ok).await.unwrap();
    assert_eq!((plan.count(MemberStep::Unknown), plan.count(MemberStep::Keep)), (1, 4), "{plan}");
    let plan = membership.clone().remove_unknown().plan(ids.resources.ok).await.unwrap();
    assert_eq!((plan.count(MemberStep::Remove), plan.count(MemberStep::Keep)), (1, 4), "{plan}");
    // Restricted access is for them, too.
    let staff = client_as(&sandbox, Actor::Staff).provider();
    staff.resource(ids.resources.ok).set_restrict_member_access(true).await.unwrap();
    assert_eq!(membership.sync_resource(ids.resources.ok).await.unwrap().applied(), 4);
}

#[tokio::test]
async fn accounts_in_doubt_stay_as_they_are() {
    let sandbox = small().await;
    let (ids, client) = (*sandbox.ids(), caller(&sandbox, Actor::Provider));
    let first = service_account(&sandbox, "svc-1").await;
    let second = service_account(&sandbox, "svc-2").await;
    let third = service_account(&sandbox, "alice01").await;
    let there = ["alice01", "carla01", "svc-1"];
    let changes = async || {
        let recorder = Recorder::of(there);
        let membership = Membership::new(&client, &recorder).service_accounts().remove_unknown();
        let report = membership.sync_resource(ids.resources.ok).await.unwrap();
        (recorder.changes(), report.count(MemberStep::HeldBack), report.count(MemberStep::Unusable))
    };
    // Erred: one that is a member stays, one that isn't waits. Bob has no account.
    for account in [first, second] {
        sandbox.corrupt(SERVICE, account, "state", json!("Erred"));
    }
    assert_eq!(changes().await, (Vec::new(), 0, 2));
    sandbox.clear_corruptions();
    // Without a name nothing can be added.
    sandbox.corrupt(SERVICE, second, "username", json!(""));
    assert_eq!(changes().await, (Vec::new(), 0, 2));
    // A row that can't be read may be that of the member.
    sandbox.clear_corruptions();
    for (field, odd) in [("uuid", json!({})), ("project_uuid", json!(null))] {
        sandbox.corrupt(SERVICE, first, field, odd);
        assert_eq!(changes().await, (vec!["add polar_0001 svc-2".to_owned()], 1, 1), "{field}");
        sandbox.clear_corruptions();
    }
    // The name of somebody in the team isn't removed for a closed account.
    sandbox.corrupt(SERVICE, third, "state", json!("Closed"));
    assert_eq!(changes().await, (vec!["add polar_0001 svc-2".to_owned()], 0, 1));
    // Without the list nothing is done.
    sandbox.fail_next(1, "GET", "/list_project_service_accounts/", Fault::Status(403));
    let recorder = Recorder::of(there);
    let membership = Membership::new(&client, &recorder).service_accounts().remove_unknown();
    assert!(membership.sync_all().await.unwrap_err().is_forbidden());
    assert!(recorder.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_server_without_such_accounts_has_none() {
    let sandbox = Sandbox::builder().orders(0).release(Release::Late2024).start().await.unwrap();
    let (client, recorder) = (caller(&sandbox, Actor::Provider), Recorder::of([]));
    let membership = Membership::new(&client, &recorder).service_accounts().course_accounts();
    let report = membership.sync_resource(sandbox.ids().resources.ok).await.unwrap();
    assert_eq!((report.applied(), report.failed()), (1, 0), "{report}");
}

#[tokio::test]
async fn accounts_of_projects_are_synchronized_without_people() {
    let sandbox = small().await;
    let (ids, client) = (*sandbox.ids(), caller(&sandbox, Actor::Provider));
    service_account(&sandbox, "svc-ci").await;
    sandbox.clear_requests();
    let recorder = Recorder::of(["dora01", "root"]);
    let membership = Membership::new(&client, &recorder).offering(ids.offerings.slurm).remove_unknown();
    let sync = membership.sync_project_accounts().await.unwrap();
    assert!(sync.resources.items.is_empty() && recorder.calls.lock().unwrap().is_empty(), "{sync}");
    assert_eq!(sandbox.requests().len(), 1);
    sandbox.clear_requests();
    let sync = membership.clone().service_accounts().sync_project_accounts().await.unwrap();
    assert!(recorder.changes().iter().all(|change| change.ends_with(" svc-ci")), "{sync}");
    assert!(recorder.changes().contains(&"add polar_0001 svc-ci".to_owned()), "{sync}");
    // The resources, the service accounts, and a team.
    assert_eq!(sandbox.requests().len(), 3);
}
