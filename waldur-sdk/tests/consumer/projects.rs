//! Projects: made once, changed and deleted.

use waldur_sandbox::{Actor, Fault, Misbehaviour, Release};
use waldur_sdk::consumer::{CustomerHandle, NewProject};
use waldur_sdk::{Applied, ClientExt as _, NaiveDate};

use super::common::{self, posts_to, sent};
use super::meddling::meddled;
use super::{cluster, consumer_as, finish, messages, storm};

const MADE: &str = "/projects/";

fn customer(sandbox: &waldur_sandbox::Sandbox, actor: Actor) -> CustomerHandle {
    consumer_as(sandbox, actor).customer(sandbox.ids().consumer_customer)
}

fn day(year: i32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, 5, 6).unwrap()
}

#[tokio::test]
async fn a_project_has_what_was_asked_for() {
    let sandbox = cluster().start().await.unwrap();
    let request = customer(&sandbox, Actor::Consumer).create_project(" Ocean waves ");
    let request = request.description("of the North Sea").backend_id("grant-17").slug("waves");
    let (made, applied) = request.start_date(day(2090)).end_date(day(2099)).await.unwrap();
    assert_eq!(applied, Applied::Now);
    assert_eq!((made.name.as_str(), made.description.as_str()), ("Ocean waves", "of the North Sea"));
    assert_eq!((made.start_date, made.end_date), (Some(day(2090)), Some(day(2099))));
    assert_eq!(made.backend_id, "grant-17");
    assert_eq!(made.customer_uuid, Some(sandbox.ids().consumer_customer));
    let consumer = consumer_as(&sandbox, Actor::Consumer);
    assert_eq!(consumer.project(&made).get().await.unwrap(), made);
    assert_eq!(consumer.projects().backend_id("grant-17").all().await.unwrap()[..], [made]);
}

/// Faults after which the project is created, although its response is lost or can't be read.
#[tokio::test]
async fn a_project_whose_response_is_lost_is_found_and_not_made_again() {
    for fault in [Fault::ResetAfter, Fault::StatusAfter(502), Fault::EmptyBody, Fault::Truncated] {
        let sandbox = cluster().start().await.unwrap();
        let customer = customer(&sandbox, Actor::Consumer);
        // Names aren't unique: an equal project is there before.
        let (old, _) = customer.create_project("Waves").await.unwrap();
        let what = format!("{fault:?}");
        sandbox.misbehave(Misbehaviour::new(fault).operation("projects_create").times(1));
        let (made, applied) = customer.create_project("Waves").await.unwrap();
        assert_eq!(applied, Applied::Now, "{what}");
        assert_ne!(made.uuid, old.uuid, "{what}");
        assert_eq!(customer.projects().name_exact("Waves").count().await.unwrap(), 2, "{what}");
        assert_eq!(posts_to(&sandbox, MADE), 2, "{what}");
    }
}

#[tokio::test]
async fn a_project_that_is_not_there_is_not_made_again() {
    let sandbox = cluster().start().await.unwrap();
    let customer = customer(&sandbox, Actor::Consumer);
    for fault in [Fault::ResetBefore, Fault::Status(502)] {
        sandbox.misbehave(Misbehaviour::new(fault).operation("projects_create").times(1));
        let error = customer.create_project("Waves").await.unwrap_err();
        assert!(error.is_unconfirmed(), "{error}");
    }
    assert_eq!((posts_to(&sandbox, MADE), customer.projects().name("Waves").count().await.unwrap()), (2, 0));
    let other = customer.clone();
    let meddled = meddled(&sandbox, Actor::Consumer, "projects_create", async move {
        for _ in 0..2 {
            other.create_project("Waves").await.unwrap();
        }
    });
    let error = meddled.customer(sandbox.ids().consumer_customer).create_project("Waves").await.unwrap_err();
    assert!(error.is_unconfirmed(), "one of two: {error}");
}

#[tokio::test]
async fn an_existing_project_is_found_by_its_id_or_its_name() {
    let sandbox = cluster().start().await.unwrap();
    let customer = customer(&sandbox, Actor::Consumer);
    let (there, applied) = customer.create_project("Climate models").find_existing().await.unwrap();
    assert_eq!((there.uuid, applied), (sandbox.ids().project, Applied::Already));
    let request = customer.create_project("Waves").backend_id("grant-17").find_existing();
    let (made, applied) = request.clone().await.unwrap();
    assert_eq!(applied, Applied::Now);
    customer.projects().name("Waves").first().await.unwrap().unwrap();
    // The id tells it, also under another name.
    consumer_as(&sandbox, Actor::Consumer).project(&made).rename("Tides").await.unwrap();
    let (again, applied) = request.await.unwrap();
    assert_eq!((again.uuid, again.name.as_str(), applied), (made.uuid, "Tides", Applied::Already));
    let by_name = customer.create_project(" Tides\n").find_existing().await.unwrap();
    assert_eq!((by_name.0.uuid, by_name.1), (made.uuid, Applied::Already));
    let without_id = customer.create_project("Tides").backend_id(" ").find_existing().await.unwrap();
    assert_eq!((without_id.0.uuid, without_id.1), (made.uuid, Applied::Already));
    assert_eq!(posts_to(&sandbox, MADE), 1);
    customer.create_project("Tides").await.unwrap();
    let several = customer.create_project("Tides").find_existing().await.unwrap_err();
    assert_eq!(messages(&several), ["name: several projects have the name `Tides`"]);
    assert_eq!(posts_to(&sandbox, MADE), 2);
}

/// Whatever can't be read, and however often the program is run again, a project is made once.
#[tokio::test]
async fn a_storm_of_faults_never_makes_a_project_twice() {
    let sandbox = cluster().start().await.unwrap();
    sandbox.misbehave(storm());
    let customer = customer(&sandbox, Actor::Consumer);
    let requests: [fn(&CustomerHandle) -> NewProject; 3] = [
        |customer| customer.create_project("a").find_existing(),
        |customer| customer.create_project("b").backend_id("b-1").find_existing(),
        |customer| customer.create_project("c").find_existing(),
    ];
    let mut tries = 0;
    for request in requests {
        while request(&customer).await.is_err() {
            tries += 1;
            assert!(tries < 300);
        }
    }
    sandbox.clear_faults();
    let all = customer.projects().all().await.unwrap();
    for name in ["a", "b", "c"] {
        assert_eq!(all.iter().filter(|project| project.name == name).count(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_project_is_changed_at_once() {
    let sandbox = cluster().start().await.unwrap();
    let project = consumer_as(&sandbox, Actor::Consumer).project(sandbox.ids().project);
    for fault in [Fault::ResetAfter, Fault::ResetBefore] {
        sandbox.misbehave(Misbehaviour::new(fault).operation("projects_partial_update").times(1));
        assert_eq!(project.rename(" Tides ").await.unwrap(), Applied::Now);
        assert_eq!(project.rename("Tides").await.unwrap(), Applied::Already);
        assert_eq!(project.rename("Climate models").await.unwrap(), Applied::Now);
    }
    assert_eq!(project.set_description("of the moon\n").await.unwrap(), Applied::Now);
    assert_eq!(project.set_description("of the moon").await.unwrap(), Applied::Already);
    assert_eq!(project.set_start_date(Some(day(2020))).await.unwrap(), Applied::Now);
    assert_eq!(project.set_end_date(Some(day(2099))).await.unwrap(), Applied::Now);
    assert_eq!(project.set_end_date(Some(day(2099))).await.unwrap(), Applied::Already);
    let now = project.get().await.unwrap();
    assert_eq!((now.name.as_str(), now.description.as_str()), ("Climate models", "of the moon"));
    assert_eq!((now.start_date, now.end_date), (Some(day(2020)), Some(day(2099))));
    project.set_start_date(None).await.unwrap();
    project.set_end_date(None).await.unwrap();
    let now = project.get().await.unwrap();
    assert_eq!((now.start_date, now.end_date), (None, None));
}

#[tokio::test]
async fn an_empty_project_is_deleted_once() {
    let sandbox = cluster().start().await.unwrap();
    let ids = *sandbox.ids();
    let consumer = consumer_as(&sandbox, Actor::Consumer);
    let full = consumer.project(ids.project).delete().await.unwrap_err();
    assert!(full.is_validation() && full.status() == Some(400), "{full}");
    let empty = consumer.project(ids.empty_project);
    assert_eq!(empty.delete().await.unwrap(), Applied::Now);
    assert_eq!(empty.delete().await.unwrap(), Applied::Already);
    assert_eq!(sent(&sandbox, "DELETE"), 2);
    // Its owner still sees it, but not in lists.
    assert!(
        empty.get().await.unwrap().is_removed
            && !consumer.project(ids.project).get().await.unwrap().is_removed
    );
    assert_eq!(consumer.projects().count().await.unwrap(), 1);
    assert!(
        consumer_as(&sandbox, Actor::Alice)
            .project(ids.empty_project)
            .get()
            .await
            .unwrap_err()
            .is_not_found()
    );
}

/// Older servers show a deleted project to nobody, newer ones to its owner.
#[tokio::test]
async fn a_lost_response_to_a_deletion_is_no_failure() {
    for release in [Release::Late2024, Release::Schema] {
        let sandbox = cluster().release(release).start().await.unwrap();
        let usual = consumer_as(&sandbox, Actor::Consumer);
        let once =
            common::client_builder_as(&sandbox, Actor::Consumer).retry(common::quick().max_attempts(1));
        let once = once.build().unwrap().consumer();
        for (consumer, fault, is_gone) in [
            (&usual, Fault::ResetAfter, true),
            (&usual, Fault::ResetBefore, true),
            // Not sent again: the project is looked at.
            (&once, Fault::ResetAfter, true),
            (&once, Fault::ResetBefore, false),
        ] {
            let case = format!("{release:?}, {fault:?}");
            let (made, _) = customer(&sandbox, Actor::Consumer).create_project("Waves").await.unwrap();
            sandbox.misbehave(Misbehaviour::new(fault).operation("projects_destroy").times(1));
            match consumer.project(&made).delete().await {
                Ok(applied) => assert!(is_gone && applied == Applied::Now, "{case}"),
                Err(error) => assert!(
                    !is_gone && !error.is_unconfirmed() && error.to_string().contains("still there"),
                    "{case}: {error}"
                ),
            }
            let listed = usual.projects().name_exact("Waves").count().await.unwrap();
            assert_eq!(listed, u64::from(!is_gone), "{case}");
        }
    }
}

#[tokio::test]
async fn a_project_whose_resources_are_terminated_is_deleted() {
    let sandbox = cluster().start().await.unwrap();
    let consumer = consumer_as(&sandbox, Actor::Consumer);
    let (made, _) = customer(&sandbox, Actor::Consumer).create_project("Waves").await.unwrap();
    let project = consumer.project(&made);
    let order = project.order(sandbox.ids().offerings.slurm).name("waves").attribute("grant", "g1");
    let order = order.limit("cpu", 4).await.unwrap();
    finish(&sandbox, &order).await;
    assert!(project.delete().await.unwrap_err().is_validation());
    let resource = consumer.resource(order.resource_uuid.unwrap());
    finish(&sandbox, &resource.terminate().await.unwrap()).await;
    assert_eq!(project.delete().await.unwrap(), Applied::Now);
    // Nothing can be ordered in it.
    let order = project.order(sandbox.ids().offerings.slurm).name("waves").attribute("grant", "g1");
    let refused = order.limit("cpu", 4).await.unwrap_err();
    assert_eq!(refused.messages().about("project").count(), 1, "{refused}");
}

#[tokio::test]
async fn only_those_who_may_change_projects() {
    let sandbox = cluster()
        .seed(|seed| {
            let (user, project) = (seed.ids().users.outsider, seed.ids().project);
            seed.role(user, project, "PROJECT.MANAGER", None);
        })
        .start()
        .await
        .unwrap();
    let ids = *sandbox.ids();
    assert!(customer(&sandbox, Actor::Alice).create_project("Waves").await.unwrap_err().is_forbidden());
    let member = consumer_as(&sandbox, Actor::Bob).project(ids.project);
    assert!(member.rename("Mine").await.unwrap_err().is_forbidden());
    assert!(member.delete().await.unwrap_err().is_forbidden());
    // Who manages a project may change it, but not end it.
    let manager = consumer_as(&sandbox, Actor::Outsider).project(ids.project);
    assert_eq!(manager.rename("Ours").await.unwrap(), Applied::Now);
    assert!(manager.set_end_date(Some(day(2099))).await.unwrap_err().is_forbidden());
    assert!(manager.delete().await.unwrap_err().is_forbidden());
    let stranger = consumer_as(&sandbox, Actor::Provider);
    assert!(stranger.project(ids.project).rename("Theirs").await.unwrap_err().is_not_found());
    let hidden = stranger.customer(ids.consumer_customer).create_project("Waves").await.unwrap_err();
    assert_eq!(hidden.messages().about("customer").count(), 1, "{hidden}");
}

#[tokio::test]
async fn what_a_project_cannot_have_is_refused_with_its_field() {
    let sandbox = cluster().start().await.unwrap();
    let customer = customer(&sandbox, Actor::Consumer);
    let nameless = customer.create_project("  ").await.unwrap_err();
    assert_eq!(messages(&nameless), ["name: the project needs a name"]);
    assert_eq!((posts_to(&sandbox, MADE), sent(&sandbox, "GET")), (0, 0));
    let past = customer.create_project("Waves").end_date(day(2000)).await.unwrap_err();
    assert!(past.is_validation() && past.messages().about("end_date").count() == 1, "{past}");
    let project = consumer_as(&sandbox, Actor::Consumer).project(sandbox.ids().project);
    let past = project.set_end_date(Some(day(2000))).await.unwrap_err();
    assert!(past.is_validation() && past.messages().about("end_date").count() == 1, "{past}");
    for (request, field) in [
        (customer.create_project("x".repeat(501)), "name"),
        (customer.create_project("Waves").slug("no slug"), "slug"),
    ] {
        let error = request.await.unwrap_err();
        assert!(error.is_validation() && error.messages().about(field).count() == 1, "{field}: {error}");
    }
    sandbox.take_violations();
}
